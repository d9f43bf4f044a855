"""The command ``functrans``.

``python tests/test_cli.py`` writes the output in docs/command_line.md anew.
"""

import contextlib
import io
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

import mpmath
import numpy as np
import pytest

import functrans
from functrans.cli import main
from functrans.cli.mistakes import explain

_ROOT = pathlib.Path(__file__).parent.parent
_PAGE = _ROOT / "docs" / "command_line.md"

_MODEL = """\
from dataclasses import dataclass

import numpy as np

import beside


@dataclass
class Unrelated:
    size: int


def loss(w, rate=0.5, *, power=2):
    return beside.FACTOR * rate * np.sum(w**power)


def middle(a, b=2.0, c=3.0):
    return a * b * c


def first_only(a, /, b):
    return a * b


def anything(**values):
    return values["a"] * values["b"]


def steps(x, n):
    for _ in range(n):
        x = np.sin(x)
    return x


def choice(x):
    if x > 0:
        return x**3
    return -x


def pair(x):
    return x, x


def wrong(x):
    return 1 // 0


sine = np.sin
number = 3


def nothing():
    return 1.0
"""


@pytest.fixture
def model(tmp_path, monkeypatch):
    (tmp_path / "model.py").write_text(_MODEL)
    (tmp_path / "beside.py").write_text("FACTOR = 10.0\n")
    (tmp_path / "broken.py").write_text("def f(x:\n")
    (tmp_path / "failing.py").write_text("\nimport no_such_module_anywhere\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(capsys):
    """The standard output of a call that succeeds."""

    def run(*argv):
        status = main(list(argv))
        out, err = capsys.readouterr()
        assert (status, err) == (0, "")
        return out

    return run


@pytest.fixture
def refuse(capsys):
    """Standard error of a call that fails, without its beginning."""

    def refuse(*argv):
        status = main(list(argv))
        out, err = capsys.readouterr()
        assert (status, out) == (2, "")
        assert err.startswith("functrans: ")
        assert err.endswith("\n")
        return err.removeprefix("functrans: ")[:-1]

    return refuse


def answer(run, *argv):
    return json.loads(run(*argv, "--json"))


# Numbers.


@pytest.mark.parametrize("text", ["sin(x)**2 * exp(-x)", "np.sin(x)**2 * numpy.exp(-x)", "-log(x) / (1 + x**2)"])
def test_derivatives_of_a_number(run, text):
    found = answer(run, text, "--at", "x=0.5", "--order", "5")
    plain = re.sub(r"\b(np|numpy)\.", "", text)
    expected = mpmath.taylor(lambda x: eval(plain, {**vars(mpmath), "x": x}), 0.5, 5)
    numbers = [found["value"], *found["derivatives"]["x"]]
    assert len(numbers) == 6
    for n, (number, coefficient) in enumerate(zip(numbers, expected, strict=True)):
        assert number == pytest.approx(float(coefficient * mpmath.factorial(n)), rel=1e-11)


def test_table_of_a_number(run):
    assert run("x**4", "--at", "x=-10", "--order", "5") == (
        "f(x)      10000.0\n"
        "f'(x)     -4000.0\n"
        "f''(x)     1200.0\n"
        "f'''(x)    -240.0\n"
        "f^(4)(x)     24.0\n"
        "f^(5)(x)      0.0\n"
    )


def test_order_zero_is_the_value_alone(run):
    assert run("x**2", "--at", "x=3", "--order", "0") == "f(x)  9.0\n"


def test_exponents_are_aligned_with_points(run):
    assert run("-1e30 * x**2 + 1e30", "--at", "x=10") == "f(x)   -9.9e+31\nf'(x)  -2e+31\n"


def test_highest_order(run):
    assert answer(run, "exp(x)", "--at", "x=0", "--order", "10")["derivatives"]["x"] == [1.0] * 10


def test_python_follows_the_value(run):
    assert answer(run, "x**2 if x > 0 else -x", "--at", "x=-3")["derivatives"] == {"x": [-1.0]}
    assert answer(run, "max(x, 0) + abs(x)", "--at", "x=2")["derivatives"] == {"x": [2.0]}


def test_infinities_are_numbers_of_numpy(run):
    assert run("1/x", "--at", "x=0") == "f(x)    inf\nf'(x)  -inf\n"
    assert answer(run, "1/x", "--at", "x=0") == {
        "function": "1/x",
        "at": {"x": 0.0},
        "value": "inf",
        "derivatives": {"x": ["-inf"]},
    }
    assert answer(run, "x**0.5", "--at", "x=-1")["value"] == "nan"


def test_a_zero_has_no_sign_in_a_table(run):
    assert run("x**2 * -1.0", "--at", "x=0") == "f(x)   0.0\nf'(x)  0.0\n"


def test_masked_infinity(run):
    assert answer(run, "where(x > 0, sqrt(x), 0.0)", "--at", "x=0")["derivatives"] == {"x": [0.0]}


def test_complex_result(run):
    found = answer(run, "exp(2j*x)", "--at", "x=0", "--order", "2")
    assert found["derivatives"]["x"] == [{"real": 0.0, "imag": 2.0}, {"real": -4.0, "imag": 0.0}]
    assert run("x*1j", "--at", "x=2") == "f(x)   2j\nf'(x)  1j\n"


# Several variables.


def test_each_variable_has_its_first_derivative(run):
    assert run("x**2 * y", "--at", "x=3", "--at", "y=2") == "f(x, y)  18.0\n∂f/∂x    12.0\n∂f/∂y     9.0\n"


def test_one_variable_is_chosen(run):
    assert run("x**2 * y**3", "--at", "x=3", "--at", "y=2", "--wrt", "y", "--order", "3") == (
        "f(x, y)   72.0\n∂f/∂y    108.0\n∂²f/∂y²  108.0\n∂³f/∂y³   54.0\n"
    )


def test_variable_with_a_name_that_numpy_has(run):
    assert answer(run, "e**2 + pi*0", "--at", "e=3")["derivatives"] == {"e": [6.0]}


def test_variable_with_a_greek_name(run):
    # U+03D5 and U+03C6 are one name in Python.
    assert run("\u03d5**2", "--at", "\u03d5=3") == "f(\u03c6)   9.0\nf'(\u03c6)  6.0\n"


# Arrays.


def test_gradient_and_hessian(run):
    found = answer(run, "sum(x**3) * x[0]", "--at", "x=[1, 2]", "--order", "2")
    assert found["value"] == 9.0
    assert found["derivatives"]["x"] == [[12.0, 12.0], [[12.0, 12.0], [12.0, 12.0]]]
    assert run("sum(x**3)", "--at", "x=[1, -2]", "--order", "2") == (
        "f(x)      -7.0\ngradient  [ 3. 12.]\nHessian   [[  6.   0.]\n           [  0. -12.]]\n"
    )


def test_jacobian(run):
    found = answer(run, "np.outer(x, x)", "--at", "x=[1, 2]")
    x = np.array([1.0, 2.0])
    expected = np.einsum("ik,j->ijk", np.eye(2), x) + np.einsum("jk,i->ijk", np.eye(2), x)
    np.testing.assert_array_equal(found["derivatives"]["x"], [expected])


def test_array_of_a_number_has_columns(run):
    assert run("t ** np.array([[1, 2], [3, 4]])", "--at", "t=2", "--order", "2") == (
        "        f(t)  f'(t)  f''(t)\n"
        "[0, 0]   2.0   1.0    0.0\n"
        "[0, 1]   4.0   4.0    2.0\n"
        "[1, 0]   8.0  12.0   12.0\n"
        "[1, 1]  16.0  32.0   48.0\n"
    )


def test_array_of_a_number_and_an_array(run):
    out = run("a * x", "--at", "a=2", "--at", "x=[1, 2]")
    assert out == "f(a, x)        [2. 4.]\n∂f/∂a          [1. 2.]\nJacobian in x  [[2. 0.]\n                [0. 2.]]\n"


# Functions in files.


def test_function_in_a_file(run, model):
    found = answer(run, "model.py:loss", "--at", "w=[1, 2]", "--order", "2")
    assert found["value"] == 25.0
    assert found["derivatives"] == {"w": [[10.0, 20.0], [[10.0, 0.0], [0.0, 10.0]]]}
    assert run(f"{model / 'model.py'}:loss", "--at", "w=[1, 2]") == "loss(w)   25.0\ngradient  [10. 20.]\n"


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("loss", ["power=3", "w=[1, 2]"], {"w": [[15.0, 60.0]]}),
        ("middle", ["c=5", "a=1"], {"a": [10.0]}),
        ("first_only", ["b=5", "a=2"], {"a": [5.0]}),
        ("anything", ["b=5", "a=2"], {"a": [5.0]}),
        ("sine", ["x=0"], {"x": [1.0]}),
        ("choice", ["x=2"], {"x": [12.0]}),
    ],
)
def test_values_find_their_parameters(run, model, name, given, expected):
    at = [part for text in given for part in ("--at", text)]
    assert answer(run, f"model.py:{name}", *at, "--wrt", next(iter(expected)))["derivatives"] == expected


def test_what_is_not_differentiated_stays_as_json_gives_it(run, model):
    found = answer(run, "model.py:steps", "--at", "x=1", "--at", "n=3", "--wrt", "x")
    assert found["at"] == {"x": 1.0, "n": 3}
    assert found["derivatives"]["x"][0] == pytest.approx(
        np.cos(np.sin(np.sin(1))) * np.cos(np.sin(1)) * np.cos(1), rel=1e-15
    )


def test_path_of_imports_is_restored(run, model):
    before = list(sys.path)
    run("model.py:loss", "--at", "w=[1, 2]")
    assert sys.path == before


# Source.


def execute(text, name="grad_f"):
    namespace = {}
    exec(compile(text, "derivative.py", "exec"), namespace)
    return namespace[name]


def test_source_runs(run):
    out = run("sin(x)**2 * exp(-x)", "--at", "x=0.5", "--order", "3", "--source")
    assert out.startswith("# sin(x)**2 * exp(-x) at x = 0.5\n#\n# f(x)      0.1394103728450868\n")
    assert float(execute(out)(0.5)) == functrans.grad(lambda x: np.sin(x) ** 2 * np.exp(-x))(0.5)
    # A place in the output is the expression's, never that of who called the command.
    places = re.findall(r"  (\S+):\d+$", out, re.MULTILINE)
    assert set(places) == {"<expression>"}


def test_source_without_a_point(run):
    out = run("x**3 * y", "--source")
    assert execute(out)(2.0, 5.0) == (60.0, 8.0)
    assert execute(run("x**3 * y", "--source", "--wrt", "y"))(2.0, 5.0) == 8.0


def test_source_of_a_function_in_a_file(run, model):
    out = run("model.py:middle", "--at", "c=5", "--at", "a=1", "--source", "--wrt", "c")
    assert execute(out, "grad_middle")(3.0, 7.0) == 6.0


def test_source_of_arrays(run):
    gradient = execute(run("sum(x**2)", "--at", "x=[1, 2]", "--source"))
    np.testing.assert_array_equal(gradient(np.array([5.0, 7.0])), [10.0, 14.0])
    jacobian = execute(run("x**2", "--at", "x=[1, 2]", "--source"), "jacobian_f")
    np.testing.assert_array_equal(jacobian(np.array([5.0, 7.0])), [[10.0, 0.0], [0.0, 14.0]])
    columns = execute(run("x**2 * array([1, 2])", "--at", "x=1", "--source"), "d_f")
    np.testing.assert_array_equal(columns(x=5.0), [10.0, 20.0])


def test_source_in_json(run):
    found = answer(run, "x**2", "--source")
    assert set(found) == {"function", "source"}
    assert execute(found["source"])(3.0) == 6.0


# Plots.


@pytest.mark.parametrize(
    "argv",
    [
        ["exp(-x**2)", "--at", "x=0.5", "--order", "3"],
        ["tan(x)", "--range", "-5", "5e0"],
        ["1/x", "--order", "2"],
        ["log(-1-x**2)"],
        ["x*0+1"],
        ["x if x > 0 else -x", "--at", "x=1e6"],
        ["x**2 * y", "--at", "y=2", "--order", "1"],
        ["x**2 * y", "--at", "y=2", "--at", "x=1", "--wrt", "x", "--order", "2"],
    ],
)
def test_plot(run, tmp_path, argv):
    pytest.importorskip("matplotlib")
    path = tmp_path / "out.png"
    assert f"drawn: {path}" in run(*argv, "--plot", str(path))
    assert path.read_bytes().startswith(b"\x89PNG")


def test_plot_needs_no_windows(tmp_path):
    pytest.importorskip("matplotlib")
    code = "import sys; from functrans.cli import main; main(sys.argv[1:]); print('matplotlib.pyplot' in sys.modules)"
    done = call("-c", code, "x", "--plot", str(tmp_path / "out.png"))
    assert done.stdout.endswith("False\n")


def test_plot_shows_the_curves(run, tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "out.svg"
    run("sin(x)", "--plot", str(path), "--order", "1", "--range", "-1", "1")
    text = path.read_text()
    assert all(label in text for label in ("<!-- f -->", "<!-- f' -->", "<!-- sin(x) -->", "<!-- x -->"))


def test_curves_are_cut_at_poles():
    pytest.importorskip("matplotlib")
    from functrans.viz.curves import window, without_poles

    x = np.linspace(-3, 3, 401)
    with np.errstate(all="ignore"):
        y = 1 / x
    low, high = window(y[None])
    assert -20 < low < -1 < 1 < high < 20
    gaps = np.isnan(without_poles(y, high - low))
    assert gaps.any()
    assert abs(x[gaps]).max() < 0.05
    # A steep step is no pole.
    step = np.tanh(1000 * x)
    low, high = window(step[None])
    assert low < -1 < 1 < high
    assert not np.isnan(without_poles(step, high - low)).any()


def test_plot_without_matplotlib(refuse, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert refuse("x", "--at", "x=1", "--plot", str(tmp_path / "x.png")) == (
        "--plot needs matplotlib: pip install 'functrans[viz]'"
    )


# Mistakes: one line each.


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("'sin(x' --at x=1", "`sin(x` is not a Python expression: '(' was never closed (column 4)"),
        ("'x = 2' --at x=1", "`x = 2` is not a Python expression: invalid syntax"),
        ("'' --at x=1", "the expression is empty"),
        ("'await x' --at x=1", "`await x` is not a Python expression: "),
        ("'sinn(x)' --at x=1", "`sinn` has no value: give it with --at sinn=...; did you mean `sin`?"),
        ("'x*y' --at x=1", "`y` has no value: give it with --at y=..."),
        ("'x'", "`x` has no value: give it with --at x=..."),
        ("'x*y' --at x=1 --source", "`y` has no value: give it with --at y=..."),
        ("'x*y' --plot x.png", "`x` has no value: give it with --at x=..."),
        ("'sin(speed)' --at sped=1", "the expression has no variable `sped`; did you mean `speed`?"),
        ("'3' --source", "there is no variable: nothing to differentiate in"),
        ("'x' --at x", "--at x: write it as --at name=value, such as --at x=0.5"),
        ("'x' --at =1", "--at =1: write it as --at name=value, such as --at x=0.5"),
        ("'x' --at x=1 --at x=2", "--at gives `x` twice"),
        ("'x' --at x=hello", "--at x=hello: not a number (arrays are JSON, such as [1, 2.5])"),
        ("'x' --at x=", "--at x=: not a number (arrays are JSON, such as [1, 2.5])"),
        ("'x' --at x=[1,", "--at x=[1,: not a number (Expecting value: line 1 column 4 (char 3))"),
        ("'x' --at x=[[1],[2,3]]", "--at x=[[1],[2,3]]: the rows of an array must have equal lengths"),
        ("'x' --at x=[true,null]", "--at x=[true,null]: an array must consist of numbers"),
        ("'x' --at x=nan", "--at x=nan: the value must be finite"),
        ("'x' --at x=-inf", "--at x=-inf: the value must be finite"),
        ("'x' --at x=1e999", "--at x=1e999: the value must be finite"),
        ("'x' --at x=[1,NaN]", "--at x=[1,NaN]: the value must be finite"),
        (f"'x' --at x=1{'0' * 400}", f"--at x=1{'0' * 400}: the value must be finite"),
        ("'x' --at x=true", "`x` is the JSON value true: choose another variable with --wrt"),
        ("'x' --at x=[true]", "`x` is an array of truth values: choose another variable with --wrt"),
        (
            "'x' --at x=1 --order -1",
            "--order -1: give an integer from 0 to 10 (each order costs several times the last)",
        ),
        (
            "'x' --at x=1 --order 11",
            "--order 11: give an integer from 0 to 10 (each order costs several times the last)",
        ),
        ("'x' --at x=1 --order two", "--order two: give an integer from 0 to 10 "),
        ("'x*y' --at x=1 --at y=1 --order 2", "order 2 is in one variable: choose --wrt x or --wrt y"),
        ("'x*y' --at x=1 --at y=1 --plot x.png", "a plot is in one variable: choose --wrt x or --wrt y"),
        ("'x' --at x=1 --wrt z", "--wrt z: there is no such variable among `x`"),
        ("'sum(x)' --at x=[1] --order 3", "order 3 in the array `x` is not offered: a number has the gradient and the"),
        ("'x' --at x=[1] --order 2", "order 2 in the array `x` is not offered: an array has the Jacobian (--order 1)"),
        ("'x' --source --order 2", "--source prints the first derivative; for a table up to --order give the point"),
        (
            "'(x, x)' --at x=1",
            "`f` returned a tuple, not a number or an array of numbers; join the parts with `np.stack`",
        ),
        ("x^2 --at x=2", "`^` is Python's exclusive or: write a power as `x ** 2`"),
        ("x^2 --at x=[1,2]", "`^` is Python's exclusive or: write a power as `x ** 2`"),
        ("'str(x)' --at x=1", "`f` returned a str, not a number or an array of numbers"),
        ("'x // 0 + [][0]' --at x=1", "IndexError: list index out of range"),
        ("'x.real.missing' --at x=1", "AttributeError: 'numpy.float64' object has no attribute 'missing'"),
        ("'x' --at x=1 --range 1 2", "--range is for --plot"),
        ("'x' --at x=1 --plot x.png --range 2 1", "--range 2 1: give two finite numbers, the smaller first"),
        ("'x' --at x=1 --plot x.png --range -inf 1", "--range -inf 1: give two finite numbers, the smaller first"),
        ("'x' --at x=1 --plot x.png --range a 1", "--range a 1: give two finite numbers, the smaller first"),
        ("'x' --at x=1 --plot x.png --order 6", "--plot draws derivatives up to order 5, not 6"),
        ("'sum(x)' --at x=[1] --plot x.png", "--plot needs a number, but `x` is an array"),
        ("'x*1j' --at x=1 --plot x.png", "--plot needs a real number, but `f` returns an array or a complex number"),
        ("'x' --at x=1 --plot no/such/folder/x.png", "--plot no/such/folder/x.png: [Errno 2] No such file"),
        ("'x' --at x=1 --plot x.nonsense", "--plot x.nonsense: Format 'nonsense' is not supported"),
        ("'x' --at x=1 --ordr 2", "unrecognized arguments: --ordr 2 (see functrans --help)"),
        ("", "the following arguments are required: function (see functrans --help)"),
        ("model.py --at x=1", "name the function in the file: model.py:function"),
        ("none.py:loss --at x=1", "there is no file none.py"),
        ("broken.py:f --at x=1", "broken.py:1: '(' was never closed"),
        (
            "failing.py:f --at x=1",
            "failing.py cannot be loaded: ModuleNotFoundError: No module named 'no_such_module_anywhere' "
            "(failing.py:2)",
        ),
        ("model.py:los --at w=1", "model.py has no function `los`; did you mean `loss`?"),
        ("model.py:q --at w=1", "model.py has no function `q`; it has `loss`, `middle`, "),
        ("model.py:number --at w=1", "`number` in model.py is no function, but of type int"),
        ("model.py:loss --at w=1 --at rat=2", "`loss` has no parameter `rat`; did you mean `rate`?"),
        ("model.py:loss --at w=1 --at z=2", "`loss` has no parameter `z`; it has `w`, `rate`, `power`"),
        ("model.py:nothing --at w=1", "`nothing` has no parameter `w`; it has none"),
        ("model.py:steps --at x=1", "`n` has no value: give it with --at n=..."),
        ("model.py:wrong --at x=1", "ZeroDivisionError: integer division or modulo by zero (model.py:46)"),
        ("model.py:pair --at x=1", "`pair` returned a tuple, not a number or an array of numbers; join the parts"),
    ],
)
def test_mistake(refuse, model, argv, message):
    if "--plot" in argv:
        pytest.importorskip("matplotlib")
    told = refuse(*shlex.split(argv))
    assert "\n" not in told
    assert told.startswith(message)


def test_array_in_an_expression_takes_variables(capsys):
    assert main(["array([x, x**2])", "--at", "x=2"]) == 0
    assert capsys.readouterr().out == "     f(x)  f'(x)\n[0]  2.0   1.0\n[1]  4.0   4.0\n"


def test_error_of_functrans_is_shown_in_full(refuse):
    told = refuse("x * math.exp(x)", "--at", "x=1")
    assert told.split("\n")[1:4] == ["  at <expression>:1, in f", "    x * math.exp(x)", "        ^^^^^^^^^^^"]
    assert "\nFix: " in told


def test_error_in_a_file_shows_its_line(refuse, model):
    told = refuse("model.py:choice", "--source")
    assert told.split("\n")[1:4] == ["  at model.py:36, in choice", "    if x > 0:", "       ^^^^^"]


def test_error_outside_the_function_shows_no_place(refuse):
    told = refuse("x * y * 1j", "--at", "x=1", "--at", "y=2", "--source")
    assert told.startswith("`grad` needs a real number")
    assert "\n  at " not in told

    error = functrans.errors.ShapeError("what happened", "mend it.")
    assert "test_cli.py" in str(error)
    assert explain(error, "<expression>", {__file__}) == "what happened\nFix: mend it."


def test_fault_of_functrans_has_its_traceback(monkeypatch):
    def broken(*_):
        raise KeyError("internal")

    monkeypatch.setattr("functrans.cli.command.tabulate", broken)
    with pytest.raises(KeyError, match="internal"):
        main(["x", "--at", "x=1"])


def test_interruption(monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("functrans.cli.command.tabulate", interrupted)
    assert main(["x", "--at", "x=1"]) == 130


# The program as a whole.


def call(*argv, **environment):
    return subprocess.run(
        [sys.executable, *argv],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=_ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
        timeout=60,
        check=False,
    )


def test_as_a_module():
    done = call("-m", "functrans", "-x**2", "--at", "x=3", "--order", "2")
    assert (done.returncode, done.stdout, done.stderr) == (0, "f(x)    -9.0\nf'(x)   -6.0\nf''(x)  -2.0\n", "")


def test_as_a_module_errors_show_no_place_outside():
    done = call("-m", "functrans", "sinn(x)", "--at", "x=3")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "functrans: `sinn` has no value: give it with --at sinn=...; did you mean `sin`?\n"


def test_terminal_with_few_characters():
    done = call(
        "-m", "functrans", "x*x*y", "--at", "x=1", "--at", "y=2", "--wrt", "x", "--order", "2", PYTHONIOENCODING="ascii"
    )
    assert (done.returncode, done.stdout) == (0, "f(x, y)  2.0\ndf/dx    4.0\nd^2f/dx^2  4.0\n")


def test_import_functrans_leaves_the_command_alone():
    done = call("-c", "import sys, functrans; print([m for m in sys.modules if m.startswith('functrans.cli')])")
    assert done.stdout == "[]\n"


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"functrans {functrans.__version__}\n"


def test_examples_of_the_help_run(capsys, model, monkeypatch):
    (model / "model.py").write_text("import numpy as np\n\n\ndef loss(w, rate):\n    return rate * np.sum(w)\n")
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    help = capsys.readouterr().out
    assert "executed" in help
    examples = re.findall(r"^  functrans (.+)$", help, re.MULTILINE)
    assert len(examples) == 7
    for example in examples:
        if "--plot" in example:
            pytest.importorskip("matplotlib")
        assert main(shlex.split(example.partition(" > ")[0])) == 0


def reproduced(page):
    """The page with what its commands really print, run in the current folder."""
    rows, block, inside = [], [], ""
    for row in page.split("\n"):
        if row.startswith("```"):
            if inside == "python":
                pathlib.Path("model.py").write_text("\n".join(block) + "\n")
            inside, block = row[3:], []
        elif inside == "python":
            block.append(row)
        elif inside == "console":
            if not row.startswith("$ "):
                continue
            out = io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
                main(shlex.split(row)[2:])
            row = f"{row}\n{out.getvalue()}".rstrip("\n")
        rows.append(row)
    return "\n".join(rows)


def test_page_shows_what_is_printed(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    page = _PAGE.read_text(encoding="utf-8")
    assert page.count("\n$ functrans ") == 15
    assert reproduced(page) == page


if __name__ == "__main__":
    import tempfile

    with contextlib.chdir(tempfile.mkdtemp()):
        _PAGE.write_text(reproduced(_PAGE.read_text(encoding="utf-8")), encoding="utf-8")
