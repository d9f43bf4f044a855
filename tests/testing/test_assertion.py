"""assert_laws: whatever is wrong with a declaration or a function, it is told, all at once, and where."""

from __future__ import annotations

import subprocess
import sys

import hypothesis.strategies as hst
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.database import InMemoryExampleDatabase

import functrans as ft
from functrans.errors import ShapeError, TracedAssignmentError, TracedBoolError, TracedValueError
from functrans.ir.spec import ArraySpec
from functrans.primitives import REAL, Bilinear, Constant, Derivatives, Primitive, Rules, forget
from functrans.testing import Case, assert_laws, laws
from functrans.testing.assertion import LawsBroken, NotJudged, assert_law
from functrans.testing.laws import LawBroken
from functrans.testing.numerical import Undecided

SPARSE = settings(max_examples=24, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


def of_np(name):
    return lambda args, params: f"np.{name}({', '.join(args)})"


def same(x):
    return x.strong()


def promoted(x, y):
    return ArraySpec(np.broadcast_shapes(x.shape, y.shape), np.result_type(x.promoting, y.promoting))


def unary(impl, derivative, spec=same, source="sin", **options):
    return lambda: Primitive("op", impl, spec, derivative, domain=(REAL,), source=of_np(source), **options)


def cosine(out, x):
    return np.cos(x)


def sine(x):
    return np.sin(x)


def scale_in_place(ct, out, x):
    ct *= np.cos(x)
    return ct


def clear_negative(x):
    if isinstance(x, np.ndarray):
        x[x < 0] = 0
    return np.maximum(x, 0)


def sine_or_tuple(x):
    return np.sin(x), np.cos(x)


def declare_helper(helper, text="op_helper({})"):
    return lambda: Primitive(
        "op",
        sine,
        same,
        Derivatives([cosine]),
        domain=(REAL,),
        source=lambda args, params: text.format(args[0]),
        helpers={"op_helper": helper} if helper else {},
    )


def op_helper(x):
    return np.sin(x)


PAIR = (np.array([1.0 + 1j, 2.0]), 2.0 + 1j)
# What is declared, at which arguments, what is broken, and what the report says.
WRONG = {
    "sign": (unary(np.cos, Derivatives([lambda out, x: np.sin(x)]), source="cos"), None, "jvp_is_the_num", "its deriv"),
    "dtype": (unary(np.sin, Derivatives([cosine]), lambda x: ArraySpec(x.shape, float)), None, "spec_fore", "foretold"),
    "no broadcasting": (
        lambda: Primitive(
            "op",
            np.multiply,
            lambda x, y: x.strong(),
            Bilinear((lambda ct, x, y: ct * y, lambda ct, x, y: ct * x)),
            domain=(REAL, REAL),
            source=of_np("multiply"),
        ),
        None,
        "spec_foretells",
        "shapes broadcast",
    ),
    "integers": (
        unary(lambda x: np.floor(x).astype(int), Derivatives([lambda out, x: 0.0 * x])),
        None,
        "spec_foretells",
        "Int64",
    ),
    "a tuple": (unary(sine_or_tuple, None, lambda x: (same(x), same(x))), None, "spec_foretells", "`multiple=True`"),
    "not linear": (
        unary(np.sin, Rules([lambda dx, out, x: np.cos(x) * dx * dx], [lambda ct, out, x: ct * np.cos(x)])),
        None,
        "linear_in_the_tangent",
        "not linear in `dx`",
    ),
    "a conjugate": (
        lambda: Primitive(
            "op",
            np.multiply,
            promoted,
            Bilinear((lambda ct, x, y: ct * np.conj(y), lambda ct, x, y: ct * x)),
            source=of_np("multiply"),
        ),
        [PAIR],
        "forward_and_reverse_are_adjoint",
        r"in operand 0 \(its transpose: .*\n  at",
    ),
    "one of two outputs": (
        unary(
            sine_or_tuple,
            Rules(
                [lambda dx, out, x: (dx * out[1], -dx * out[0])],
                [lambda ct, out, x: ct[0] * out[1] + ct[1] * out[0]],
            ),
            lambda x: (same(x), same(x)),
            multiple=True,
        ),
        None,
        "forward_and_reverse_are_adjoint",
        "its vjp",
    ),
    "written into ct": (
        unary(np.sin, Rules([lambda dx, out, x: dx * np.cos(x)], [scale_in_place])),
        None,
        "nothing_is_written_into",
        r"scale_in_place[\s\S]*Not checked to the end: [\s\S]*Fix: write `a = a \* x`",
    ),
    "written into x": (
        unary(clear_negative, Derivatives([lambda out, x: np.where(x > 0, 1.0, 0.0)])),
        [(np.array([1.0, -2.0]),)],
        "arguments_stay_as_they_are",
        "written into",
    ),
    "detached": (
        unary(np.sin, Derivatives([lambda out, x: ft.stop_gradient(np.cos(x))])),
        None,
        "second_derivative_is_the_numerical_one",
        "leaves the trace",
    ),
    "no source": (
        lambda: Primitive("op", sine, same, Derivatives([cosine]), domain=(REAL,)),
        None,
        "printing_changes_nothing",
        r"no attribute 'op'[\s\S]*`source=",
    ),
    "no helper": (
        declare_helper(None),
        None,
        "printing_changes_nothing",
        r"'op_helper' is not defined[\s\S]*`helpers=",
    ),
    "no syntax": (declare_helper(None, "sin({}"), None, "printing_changes_nothing", "SyntaxError"),
    "no def": (declare_helper(lambda x: np.sin(x)), None, "printing_changes_nothing", "a `def` of its own"),
    "other source": (unary(np.sin, Derivatives([cosine]), source="cos"), None, "printing_changes_nothing", "expected"),
}


@pytest.fixture
def declared(request):
    primitive = request.param()
    yield primitive
    forget(primitive)


@pytest.fixture
def sparse():
    """A profile for this module: cases enough to find what is wrong."""
    before = settings.default
    settings.register_profile("sparse", SPARSE)
    settings.load_profile("sparse")
    yield
    settings.register_profile("before", before)
    settings.load_profile("before")


@pytest.mark.parametrize(("declared", "at", "law", "text"), WRONG.values(), ids=WRONG, indirect=["declared"])
@pytest.mark.usefixtures("sparse")
def test_a_wrong_declaration_is_told(declared, at, law, text):
    with pytest.raises(LawsBroken, match=text) as caught:
        assert_laws(declared, at)
    report = str(caught.value)
    assert f"\n{law}" in report
    assert any(broken.law.name.startswith(law) for broken in caught.value.broken)
    assert "Case(lookup('op'), " in report
    assert "alsifying" not in report
    assert not getattr(caught.value, "__notes__", [])
    assert caught.value.__cause__ is None


# Errors in rules: shown as they are.


RAISES = {
    "asarray": (unary(np.sin, Derivatives([lambda out, x: np.cos(np.asarray(x))])), None, TracedValueError, "asarray"),
    "float": (unary(np.sin, Derivatives([lambda out, x: np.cos(float(x))])), None, TypeError, "0-dim|length-1"),
    "if": (
        unary(np.sin, Derivatives([lambda out, x: np.cos(x) if x > 0 else np.cos(-x)])),
        [(0.5,)],
        TracedBoolError,
        "np.where",
    ),
    "shape": (
        unary(
            np.sum,
            Rules([lambda dx, out, x: np.sum(dx)], [lambda ct, out, x: ct * np.ones(2)]),
            lambda x: x.with_shape(()),
            source="sum",
            batch=lambda primitive, operands, batched, size, params: np.sum(np.reshape(operands[0], (size, -1)), 1),
        ),
        [(np.ones((2, 3)),)],
        ShapeError,
        r"cotangent of shape \(2,\) for an operand that is Float64\[2 3\]",
    ),
    "in place": (
        unary(
            np.sin,
            Rules([lambda dx, out, x: dx * np.cos(x)], [lambda ct, out, x: np.multiply(ct, np.cos(x), out=ct)]),
        ),
        [(np.float64(0.5),)],
        TypeError,
        "return arrays must be",
    ),
    "arity": (unary(np.sin, Derivatives([lambda x: np.cos(x)])), None, TypeError, "positional argument"),
    "spec": (unary(np.sin, Derivatives([cosine]), lambda x: x.form), None, AttributeError, "form"),
}


@pytest.mark.parametrize(("declared", "at", "kind", "text"), RAISES.values(), ids=RAISES, indirect=["declared"])
@pytest.mark.usefixtures("sparse")
def test_an_error_is_shown_with_the_law_and_the_case(declared, at, kind, text):
    with pytest.raises(kind, match=text) as caught:
        assert_laws(declared, at)
    notes = "\n".join(caught.value.__notes__)
    assert "raised while the law " in notes
    assert "at Case(lookup('op'), " in notes
    assert "alsifying" not in notes
    if kind is not AttributeError:
        assert "in operand 0 (its " in notes
        assert "test_assertion.py:" in notes


def test_an_error_of_the_function_itself():
    with pytest.raises(ZeroDivisionError) as caught:
        assert_laws(lambda x: x / 0, at=[(1.0,)])
    assert caught.value.__notes__[:2] == ["raised by the function itself", "  at Case(f, (1.0,))"]


@pytest.mark.parametrize("declared", [unary(lambda x: np.sinn(x), None)], indirect=True)
@pytest.mark.usefixtures("sparse")
def test_an_error_while_cases_are_drawn(declared):
    with pytest.raises(AttributeError, match="sinn") as caught:
        assert_laws(declared)
    assert caught.value.__notes__[0] == "raised while a case was drawn"


# What is right passes.

RIGHT = {
    "no derivative": unary(np.sin, None),
    "constant": unary(np.sign, Constant("steps"), source="sign"),
    "helper": declare_helper(op_helper),
}


@pytest.mark.parametrize("declared", RIGHT.values(), ids=RIGHT, indirect=True)
@pytest.mark.usefixtures("sparse")
def test_a_right_declaration_passes(declared):
    assert_laws(declared)


def f(x, y):
    return np.sum(x * np.sin(y))


@pytest.mark.parametrize(
    "at",
    [
        [(np.array([0.5, 2.0]), 1.5)],
        ((x, 2.0 * x) for x in (0.5, 1.5)),
        [Case(f, (0.5, 1.0)), (1.5, np.ones(2))],
        hst.tuples(hst.floats(-2, 2), hst.just(np.array([0.5, 1.5]))),
        hst.builds(lambda x: Case(f, (x, 1.0), moving=(1,)), hst.floats(-2, 2)),
    ],
    ids=["list", "generator", "cases", "strategy", "strategy of cases"],
)
@pytest.mark.usefixtures("sparse")
def test_places(at):
    assert_laws(f, at)


def test_every_listed_case_is_checked():
    seen = []

    def note(x):
        if type(x) is float:
            seen.append(x)
        return x * 1.0

    assert_laws(note, at=[(float(i),) for i in range(40)], laws=[laws.arguments_stay_as_they_are])
    assert set(seen) == set(range(40))


def test_the_smallest_listed_case_is_reported():
    def g(x):
        return ft.stop_gradient(x) * x

    with pytest.raises(LawsBroken) as caught:
        assert_laws(g, at=[(np.ones(3),), (np.ones(1),), (np.ones(2),)])
    assert {len(broken.case.args[0]) for broken in caught.value.broken} == {1}
    assert isinstance(caught.value, LawBroken)
    assert (caught.value.law, caught.value.case) == (caught.value.broken[0].law, caught.value.broken[0].case)


def test_the_argument_is_named():
    with pytest.raises(LawsBroken, match=r"\n  in argument 1\n  at Case\(f, \(3.0, 2.0\)\)"):
        assert_laws(lambda x, y: x * ft.stop_gradient(y), at=[(3.0, 2.0)])


def test_arguments_written_into_are_shown_as_they_were():
    x = np.array([1.0, -2.0])
    with pytest.raises(LawsBroken, match=r"np.array\(\[1.0, -2.0\]\)"):
        assert_laws(clear_negative, at=[(x,)], laws=[laws.arguments_stay_as_they_are])
    np.testing.assert_array_equal(x, [1, -2])


def test_layout_in_memory_is_kept_and_told():
    def g(x):
        return x * (2.0 if x.strides[0] > 0 else ft.stop_gradient(x))

    backwards = np.array([1.0, 2.0])[::-1]
    assert_laws(lambda x: x * 2.0, at=[(backwards,)])
    with pytest.raises(LawsBroken, match=r"but not with copies of these arrays, which have strides \(-8,\)\n"):
        assert_laws(lambda x: g(x) if type(x) is np.ndarray else x * 2.0, at=[(backwards,)])


@pytest.mark.usefixtures("sparse")
def test_programs():
    program = ft.trace(lambda w, n: {"out": np.tanh(w["a"] @ w["b"]) * n})({"a": np.ones((2, 3)), "b": np.ones(3)}, 2)
    assert_laws(program)
    assert_laws(program, at=[({"a": np.eye(2, 3), "b": np.ones(3)}, 5)])


# What cannot be judged.


def test_hypothesis_says_nothing_itself(capsys):
    settings.load_profile("default")
    try:
        with pytest.raises(NotJudged):
            assert_laws(np.abs, hst.just((0.0,)), laws=[laws.jvp_is_the_numerical_derivative], max_examples=1)
    finally:
        settings.load_profile("ci")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("subject", "at", "text"),
    [
        (np.abs, [(0.0,)], "(?s)jvp_is_the_numerical_derivative.*could be judged at no case.*Fix: give other cases"),
        (np.abs, hst.just((0.0,)), "could be judged at no case"),
        (np.abs, [(3,)], "no argument can move: give floating"),
        (np.linalg.inv, [(np.ones((2, 2)),)], "NumPy refuses it: Singular"),
    ],
    ids=["kink", "kink drawn", "integer", "singular"],
)
@pytest.mark.usefixtures("sparse")
def test_nothing_to_judge(subject, at, text):
    among = [laws.arguments_stay_as_they_are, laws.jvp_is_the_numerical_derivative]
    with pytest.raises(NotJudged, match=text):
        assert_laws(subject, at, laws=among)


def test_what_numpy_refuses_about_infinities_is_not_judged():
    """A matrix that NumPy solves with, but whose transpose it calls singular."""
    a, b = np.array([[2.0, np.inf], [0.0, 2.0]], np.float32), np.ones(2, np.float32)
    assert np.linalg.solve(a, b).shape == (2,)
    with pytest.raises(np.linalg.LinAlgError):
        np.linalg.solve(a.T, b)
    assert_laws(np.linalg.solve, at=[(a, b), (np.eye(2), b)], laws=[laws.nothing_is_written_into])


@pytest.mark.parametrize(
    ("at", "text"),
    [
        ([0.5], r"this is a float: 0.5\nFix: .*`at=\[\(x,\)\]`"),
        ((np.ones(2),), r"this is a ndarray: np.array\(\[1.0, 1.0\]\)"),
        ([], "nothing would be tested"),
        (None, "not known which arguments `absolute` takes"),
    ],
)
def test_places_that_are_none(at, text):
    with pytest.raises(TypeError, match=text):
        assert_laws(np.abs, at)


def test_a_function_that_branches_has_the_laws_of_no_program():
    def g(x):
        return x**2 if x > 0 else x

    with pytest.raises(TracedBoolError) as caught:
        assert_laws(g, at=[(2.0,)])
    assert "if not law.staged" in "\n".join(caught.value.__notes__)
    assert_laws(g, at=[(2.0,), (-1.0,)], laws=[law for law in laws.LAWS if not law.staged])


def test_a_law_that_is_not_the_same_twice():
    calls = iter(range(1000))

    def check(case):
        assert next(calls) != 0

    with pytest.raises(LawBroken) as caught:
        assert_law(laws.Law(check, 0, False, False, False), hst.builds(lambda x: Case(f, (x, 1.0)), hst.just(1.0)))
    assert "it depends on more" in caught.value.__notes__[0]


def test_it_may_be_called_inside_of_a_property():
    @settings(SPARSE, max_examples=3)
    @given(hst.floats(-2, 2))
    def check(x):
        assert_laws(f, at=[(x, 1.0)], laws=[laws.forward_and_reverse_are_adjoint])

    check()


# hypothesis's database.


@pytest.fixture
def remembering():
    """Loads a profile of some phases, with a database of its own."""
    database, before = InMemoryExampleDatabase(), settings.default

    def load(*phases):
        settings.register_profile("remembering", max_examples=60, derandomize=False, database=database, phases=phases)
        settings.load_profile("remembering")

    yield load
    settings.register_profile("before", before)
    settings.load_profile("before")


def test_examples_replay_for_their_law_and_subject(remembering):
    seen = []

    def check(case):
        seen.append(case.args[0])
        assert case.args[0] < 1

    law = laws.Law(check, 0, False, False, False)
    places = hst.builds(lambda x: Case(np.abs, (x,)), hst.floats(0.0, 2.0))
    remembering(Phase.generate, Phase.shrink)
    with pytest.raises(LawBroken) as caught:
        assert_law(law, places, of="one")
    assert caught.value.case.args == (1.0,)
    remembering(Phase.reuse)
    seen.clear()
    with pytest.raises(LawBroken):
        assert_law(law, places, of="one")
    assert set(seen) == {1.0}
    seen.clear()
    assert_law(law, places, of="another")
    assert 1.0 not in seen


# Without hypothesis.

WITHOUT = """
import sys
sys.modules["hypothesis"] = None  # as if it were not installed
import numpy as np
from functrans.primitives import lookup
from functrans.testing import Case, assert_laws, laws
assert_laws(np.tanh, at=[(0.5,)])
assert_laws(lookup("tanh"), at=[(0.5,)])
for draws in (
    lambda: assert_laws(lookup("tanh")),
    lambda: __import__("functrans.testing.strategies"),
    lambda: getattr(__import__("functrans.testing").testing, "strategies"),
):
    try:
        draws()
    except ModuleNotFoundError as error:
        assert "pip install 'functrans[testing]'" in str(error), error
    else:
        raise SystemExit("no error")
"""


def test_without_hypothesis():
    ran = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_undecided_is_no_error_of_anybody():
    assert not issubclass(Undecided, AssertionError)
    assert not issubclass(TracedAssignmentError, AssertionError)
