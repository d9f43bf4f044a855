"""functrans.ir.source: what is printed, and that Python gives the same bits when it runs it."""

from __future__ import annotations

import gc
import re
import weakref

import numpy as np
import pytest

import functrans as ft
from functrans.ir import Literal
from functrans.ir.source import param_source


def executed(program, *args):
    namespace = {}
    exec(compile(program.to_source(), "<printed>", "exec"), namespace)
    return namespace[program.name](*args)


def assert_same_bits(found, expected):
    assert type(found) is type(expected)
    assert np.asarray(found).dtype == np.asarray(expected).dtype
    assert np.asarray(found).shape == np.asarray(expected).shape
    if np.asarray(expected).dtype.char in "gG":  # whose last bytes are padding
        np.testing.assert_array_equal(found, expected)
    else:
        assert np.asarray(found).tobytes() == np.asarray(expected).tobytes()


def loss(w, x):
    y = np.tanh(x @ w)
    return np.sum(y * y)


def test_golden_text():
    text = str(ft.trace(loss)(np.ones((4, 2)), np.ones((3, 4))))
    line = loss.__code__.co_firstlineno + 1
    assert text == "\n".join(
        [
            'def loss(w: Float64[Array, "4 2"], x: Float64[Array, "3 4"]) -> Float64[Array, ""]:',
            f"    a = x @ w                   # Float64[3 2]  test_source.py:{line}",
            f"    b = np.tanh(a)              # Float64[3 2]  test_source.py:{line}",
            f"    c = b * b                   # Float64[3 2]  test_source.py:{line + 1}",
            f"    d = np.sum(c, axis=(0, 1))  # Float64[]  test_source.py:{line + 1}",
            "    return d",
        ]
    )


def test_the_module_needs_numpy_alone():
    text = ft.trace(ft.grad(loss))(np.ones((4, 2)), np.ones((3, 4))).to_source()
    imports = [line for line in text.splitlines() if "import" in line]
    assert [line.split("  #")[0] for line in imports] == ["from __future__ import annotations", "import numpy as np"]
    assert "functrans" not in text
    assert max(map(len, text.splitlines())) <= 160
    compile(text, "<printed>", "exec")


def test_written_to_a_file(tmp_path):
    path = tmp_path / "loss.py"
    text = ft.trace(loss)(np.ones((4, 2)), np.ones((3, 4))).to_source(str(path))
    assert path.read_text(encoding="utf-8") == text


def test_equations_of_a_gradient_carry_the_users_lines():
    text = str(ft.trace(ft.grad(loss))(np.ones((4, 2)), np.ones((3, 4))))
    first = loss.__code__.co_firstlineno
    places = re.findall(r"test_source\.py:(\d+)$", text, re.M)
    assert len(places) == len(re.findall(r"^    \w+ = ", text, re.M)) > 5
    assert {int(place) for place in places} == {first + 1, first + 2}


CONSTANTS = [
    2,
    -3,
    True,
    0.1,
    -0.0,
    np.inf,
    -np.inf,
    np.nan,
    -np.nan,
    1e300,
    5e-324,
    1.5 - 0.0j,
    complex(-0.0, np.inf),
    complex(np.nan, -2.0),
    np.float32(0.1),
    np.float32(-np.inf),
    np.float16(0.1),
    np.float64(-0.0),
    np.float64(np.nan),
    np.float32(-np.nan),
    complex(-np.nan, -np.nan),
    np.complex64(0.1 - 0.2j),
    np.complex128(complex(-0.0, np.nan)),
    np.longdouble("0.1"),
    np.longdouble("-1e4000"),
    np.clongdouble(1 + 2j) / 3,
    np.int8(-5),
    np.uint64(2**63),
    np.bool_(True),
    np.array([0.1, -0.0, 3.0]),
    np.array([[np.inf, np.nan], [-np.inf, 1.0]]),
    np.array([[0.1, 0.2]], np.float32),
    np.array([1j, -0.5, complex(np.nan, -0.0)]),
    np.array([0.1, 0.2], np.complex64),
    np.array(["1", "2"], np.longdouble) / 3,
    np.array([[True], [False]]),
    np.zeros((0, 3)),
    np.array(2.5),
    np.arange(6.0).reshape(2, 3).T,
    np.arange(6.0)[::-2],
    np.broadcast_to(np.arange(3.0), (2, 3)),
    np.linspace(0, 1, 1000),
    np.linspace(0, 1, 1000).astype(np.float32).reshape(10, 100),
    np.where(np.arange(200) % 7 == 0, np.nan, np.pi),
    np.arange(100, dtype=np.uint16),
    np.full((20, 3), 0.1, np.float32),
    np.full(50, -0.0),
    np.array([0.0, -0.0] * 25),
    np.full((2, 3, 4), True),
    np.full(30, 2**63, np.uint64),
]


def test_many_equal_numbers_are_short():
    program = ft.trace(lambda x: x * np.full(1000, 0.1))(1.0)
    assert "np.full((1000,), 0.1, dtype=np.float64)" in program.to_source()


@pytest.mark.parametrize("constant", CONSTANTS, ids=lambda c: f"{type(c).__name__}-{np.asarray(c).dtype}"[:40])
def test_constants_to_the_bit(constant):
    with np.errstate(all="ignore"):
        program = ft.trace(lambda x: (x, constant))(1.0)
        found = executed(program, 1.0)[1]
        assert_same_bits(found, constant)
        if np.asarray(constant).dtype.kind != "b":
            f = lambda x: x * constant  # noqa: E731
            for x in (1.5, np.float32(1.5)):
                assert_same_bits(executed(ft.trace(f)(x), x), f(x))
                assert_same_bits(ft.evaluate(ft.trace(f)(x), x), f(x))


@pytest.mark.parametrize("x", [1e6, 0.1, -3.0, 0.0])
def test_precedence(x):
    for f in (
        lambda x: (-x) ** 2,
        lambda x: -(x**2),
        lambda x: (x + 1.0) * (x - 2.0),
        lambda x: x - (1.0 - x),
        lambda x: (-1.0) * x,
        lambda x: x ** (-2 + 4),
        lambda x: (-2.0) ** 2 * x,
        lambda x: 3.0 ** (x * 1e-6),
        lambda x: abs(-x),
        lambda x: (x * 1j) * (1j * x),
        lambda x: -2 * x,
        lambda x: 2.0 - -x,
    ):
        assert_same_bits(executed(ft.trace(f)(x), x), f(x))


TABLE = np.sin(np.arange(48.0)).reshape(4, 3, 4)


@pytest.mark.parametrize(
    "constant",
    [
        TABLE[0, :, ::2],
        TABLE[0, ::-1],
        TABLE[::2, ::-1, 1],
        TABLE[:, ::2, 3].T,
        TABLE[:, :, 1:][..., ::-1].T,
        TABLE[:, None, 0, ::3],
        np.asfortranarray(TABLE)[::-1],
        np.broadcast_to(TABLE[0, :, :1], (3, 4)),
        np.frombuffer(b"0" + TABLE.tobytes(), dtype=np.float64, offset=1).reshape(4, 12),
    ],
    ids=lambda constant: f"{constant.shape} {constant.strides}",
)
def test_constants_lie_in_memory_as_they_did(constant):
    """NumPy's products take another way, and round otherwise, where an array has gaps or runs backwards."""
    x = np.cos(np.arange(float(constant.shape[-1])))
    for f in (lambda x: constant @ x, lambda x: np.einsum("...i,i", constant, x), lambda x: np.sum(constant * x)):
        program = ft.trace(f)(x)
        assert_same_bits(ft.evaluate(program, x), f(x))
        assert_same_bits(executed(program, x), f(x))
    (literal,) = {id(a): a for e in program.equations for a in e.inputs if isinstance(a, Literal)}.values()
    kept = literal.value
    assert [np.sign(step) for step in kept.strides] == [np.sign(step) for step in constant.strides]
    assert np.argsort(np.abs(kept.strides)).tolist() == np.argsort(np.abs(constant.strides)).tolist()
    assert (np.min(np.abs(kept.strides)) > 8) == (np.min(np.abs(constant.strides)) > 8)
    assert not kept.flags.writeable


def test_large_constants_are_named_once():
    big = np.linspace(0, 1, 100)
    program = ft.trace(lambda x: x * big + big)(np.ones(100))
    assert str(program).count("c0") == 3
    assert "c0 = ...  # Float64[100]: see to_source()" in str(program)
    assert "c1" not in program.to_source()
    assert_same_bits(executed(program, np.ones(100)), 2 * big)


def test_many_variables_do_not_meet_keywords_and_builtins():
    def chain(x):
        for _ in range(800):
            x = abs(x + 1.0)
        return x

    program = ft.trace(chain)(0.0)
    names = re.findall(r"^    (\w+) = ", str(program), re.M)
    assert len(set(names)) == 1600
    assert executed(program, 0.0) == 800.0


def test_names_of_the_user_do_not_meet_names_of_the_module():
    def scatter(np_, a, c0, absorbing_multiply, complex, bytes):
        big = np.where(np.arange(100) > 50, np.nan, 1.0)
        y = a[np.array([0, 0])] * np_ * c0 * absorbing_multiply * bytes
        return np.sum(y) * (1 + 2j) * complex, np.sum(big)

    args = (2.0, np.array([1.0, 2.0]), 3.0, 4.0, 5.0, 6.0)
    program = ft.trace(scatter)(*args)
    found = executed_any(program, *args)
    np.testing.assert_array_equal(found, scatter(*args))
    gradient = ft.trace(ft.grad(lambda a: np.real(scatter(2.0, a, 3.0, 4.0, 5.0, 6.0)[0])))(args[1])
    np.testing.assert_array_equal(executed_any(gradient, args[1]), ft.evaluate(gradient, args[1]))

    def np_(x):
        return x * x

    np_.__name__ = "np"
    assert executed_any(ft.trace(np_)(3.0), 3.0) == 9.0


def executed_any(program, *args):
    """As :func:`executed`, whatever name the function was printed with: it is the last."""
    namespace = {}
    exec(compile(program.to_source(), "<printed>", "exec"), namespace)
    return list(namespace.values())[-1](*args)


def test_a_gradient_of_a_function_named_like_a_helper():
    def scatter(x):
        return np.sum(x[np.array([0, 0, 1])] ** 2)

    f = ft.grad(scatter)
    f.__name__ = "scatter"
    program = ft.trace(f)(np.array([1.0, 2.0]))
    np.testing.assert_array_equal(executed_any(program, np.array([1.0, 2.0])), [4.0, 4.0])


def test_results():
    assert executed(ft.trace(lambda x: None)(1.0), 1.0) == ()
    assert executed(ft.trace(lambda x: (x,))(1.0), 1.0) == (1.0,)
    assert executed(ft.trace(lambda x: {"a": x, "b": 2.0})(1.0), 1.0) == (1.0, 2.0)
    assert executed(ft.trace(lambda: 3.0)()) == 3.0
    assert executed(ft.trace(lambda p: p["w"] * p["b"][0])({"w": 2.0, "b": [3.0]}), 2.0, 3.0) == 6.0


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ((0,), "(0,)"),
        ((0, 1), "(0, 1)"),
        ([1, None], "[1, None]"),
        (np.dtype("f4"), "np.float32"),
        (np.dtype(bool), "np.bool_"),
        (np.float64, "np.float64"),
        (-np.inf, "-np.inf"),
        (slice(1, None), "slice(1, None, None)"),
        ("C", "'C'"),
        (None, "None"),
        (np.array([1, 2]), "np.array([1, 2], dtype=np.int64)"),
    ],
)
def test_parameters(value, text):
    assert param_source(value) == text


@pytest.mark.parametrize("written", [str, ft.Program.to_source, ft.Program._repr_html_])
def test_what_is_printed_keeps_no_program(written):
    program = ft.trace(lambda x: ft.scan(lambda c, y: (c * y, c), 1.0, x * np.arange(100.0))[0])(np.ones(100))
    written(program)
    kept = weakref.ref(next(atom.value for atom in program.equations[0].inputs if isinstance(atom, Literal)))
    gc.disable()
    try:
        del program
        assert kept() is None  # no cycle that would wait for the collector
    finally:
        gc.enable()
