"""Differences, slopes, the trapezoidal rule, unwrapped angles: every keyword, each operand traced."""

import numpy as np
import pytest

import functrans as ft
from functrans.errors import ShapeError, UncoveredFunctionError
from functrans.testing import check_grads
from tests.ops.agreement import check, same_bits, same_value, stays_single
from tests.ops.batches import check_batches

rng = np.random.default_rng(8)
LINE = rng.normal(size=5)
A = rng.normal(size=(3, 4))
B = rng.normal(size=(3, 4, 5))
Z = A + 1j * rng.normal(size=(3, 4))
EDGE = rng.normal(size=(3, 1))
S = np.array(0.7)
T = np.array([0.0, 0.5, 0.75, 2.0, 2.25])
U = 0.5 * np.arange(5.0)  # NumPy has a formula of its own for equal steps
V = np.array([-1.0, 0.25, 1.0])
C = np.cumsum(0.5 + rng.random((3, 4)), axis=1)
H = np.array([0.3, -1.2, 2.9])

CASES = {
    "diff": (lambda x: np.diff(x), A),
    "diff twice": (lambda x: np.diff(x, 2), A),
    "diff axis": (lambda x: np.diff(x, n=1, axis=1), B),
    "diff none": (lambda x: np.diff(x, n=0), A),
    "diff too often": (lambda x: np.diff(x, n=6, axis=0), A),
    "diff margins": (lambda x, y, z: np.diff(x, prepend=y, append=z), A, EDGE, S),
    "diff number": (lambda x, y: np.diff(x, axis=0, n=2, prepend=1.5, append=y), A, S),
    "diff margin alone": (lambda y: np.diff(A, prepend=y), EDGE),
    "diff complex": (lambda x: np.diff(x, axis=0), Z),
    "diff empty": (lambda x: np.diff(x), np.zeros((2, 0))),
    "diff one": (lambda x: np.diff(x), np.zeros((2, 1))),
    "ediff1d": (lambda x: np.ediff1d(x), A),
    "ediff1d ends": (lambda x, y, z: np.ediff1d(x, to_begin=y, to_end=z), LINE, S, A),
    "ediff1d begin": (lambda x, y: np.ediff1d(x, to_begin=y), LINE, LINE),
    "ediff1d end": (lambda x: np.ediff1d(x, [3, 4]), LINE),
    "ediff1d end alone": (lambda y: np.ediff1d(LINE, y), S),
    "ediff1d empty": (lambda x, y: np.ediff1d(x, to_end=y), np.zeros(0), S),
    "ediff1d complex": (lambda x, y: np.ediff1d(x, to_end=y), Z, LINE),
    "trapezoid": (lambda y: np.trapezoid(y), A),
    "trapezoid dx": (lambda y, dx: np.trapezoid(y, dx=dx, axis=0), A, S),
    "trapezoid dx alone": (lambda dx: np.trapezoid(LINE, dx=dx), S),
    "trapezoid dx array": (lambda y, dx: np.trapezoid(y, dx=dx), A, rng.normal(size=(3, 3))),
    "trapezoid x": (lambda y, x: np.trapezoid(y, x), LINE, T),
    "trapezoid x alone": (lambda x: np.trapezoid(LINE, x), T),
    "trapezoid x axis": (lambda y, x: np.trapezoid(y, x, axis=0), A, V),
    "trapezoid x array": (lambda y, x: np.trapezoid(y, x=x, axis=1), A, C),
    "trapezoid complex": (lambda y, x: np.trapezoid(y, x, axis=0), Z, V),
    "trapezoid one": (lambda y: np.trapezoid(y), np.array([2.0])),
    "gradient": (lambda f: np.gradient(f), LINE),
    "gradient axes": (lambda f: np.gradient(f), A),
    "gradient axis": (lambda f: np.gradient(f, axis=-2), B),
    "gradient edges": (lambda f: np.gradient(f, axis=(2, 0), edge_order=2), B),
    "gradient step": (lambda f, h: np.gradient(f, h), LINE, S),
    "gradient step edges": (lambda f, h: np.gradient(f, h, edge_order=2), A, S),
    "gradient steps": (lambda f, h, k: np.gradient(f, h, k), A, S, 2 * S),
    "gradient step alone": (lambda h: np.gradient(LINE, h, edge_order=2), S),
    "gradient x": (lambda f, x: np.gradient(f, x), LINE, T),
    "gradient x edges": (lambda f, x: np.gradient(f, x, edge_order=2), LINE, T),
    "gradient x alone": (lambda x: np.gradient(LINE, x, edge_order=2), T),
    "gradient equal x": (lambda f, x: np.gradient(f, x), LINE, U),
    "gradient equal x edges": (lambda f, x: np.gradient(f, x, edge_order=2), LINE, U),
    "gradient known x": (lambda f: np.gradient(f, T, edge_order=2), LINE),
    "gradient equal known x": (lambda f: np.gradient(f, [0, 1, 2, 3, 4]), LINE),
    "gradient both": (lambda f, x, h: np.gradient(f, x, h, axis=(0, 2), edge_order=2), B, V, S),
    "gradient order of axes": (lambda f, x, y: np.gradient(f, x, y, axis=(-1, 0)), B, T, V),
    "gradient two": (lambda f, x: np.gradient(f, x), LINE[:2], T[1:3]),
    "gradient complex": (lambda f, x: np.gradient(f, x, axis=0), Z, V),
    "gradient list": (lambda f: np.gradient(f, axis=[1]), A),
    "unwrap": (lambda p: np.unwrap(p), 3 * LINE),
    "unwrap axis": (lambda p: np.unwrap(p, axis=0), 4 * A),
    "unwrap discont": (lambda p: np.unwrap(p, 4.0), 5 * LINE),
    "unwrap period": (lambda p: np.unwrap(p, discont=0.3, period=1.0), 2 * LINE),
    "unwrap period traced": (lambda p, y: np.unwrap(p, period=y), 3 * LINE, S),
    "unwrap one": (lambda p: np.unwrap(p), np.array([4.0])),
}


@pytest.mark.parametrize("name", CASES)
def test_everything(name):
    check(*CASES[name])


@pytest.mark.parametrize("name", CASES)
def test_single_precision(name):
    stays_single(*CASES[name])


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith(("gradient", "trapezoid x", "diff m"))])
def test_to_second_order(name):
    f, *args = CASES[name]
    check_grads(f, tuple(args))


@pytest.mark.parametrize("n", [2, 3, 4, 7])
@pytest.mark.parametrize("edge_order", [1, 2])
def test_equal_coordinates_have_the_derivative_of_unequal_ones(n, edge_order):
    """NumPy's formula reads the first step alone where all are alike; the derivative must not."""
    if n <= edge_order:
        return
    f, x = rng.normal(size=n), 0.25 * np.arange(n)
    w = rng.normal(size=n)
    slope = lambda x: np.sum(w * np.gradient(f, x, edge_order=edge_order))  # noqa: E731
    h = 1e-4
    for i in range(n):
        e = h * np.eye(n)[i]
        numerical = (8 * (slope(x + e) - slope(x - e)) - (slope(x + 2 * e) - slope(x - 2 * e))) / (12 * h)
        np.testing.assert_allclose(ft.grad(slope)(x)[i], numerical, atol=1e-8)
    # A parabola has the slope of a parabola, wherever its points are: no derivative but in the point itself.
    if edge_order == 2 and n >= 3:
        parabola = lambda x: np.gradient(3 * x**2 - x, x, edge_order=2)  # noqa: E731
        ends = ft.jacobian(parabola)(x)[[0, -1]]
        np.testing.assert_allclose(ends, 6 * np.eye(n)[[0, -1]] + 0 * ends, atol=1e-11)


def test_coordinates_may_come_equal_or_not_to_one_program():
    program = ft.trace(lambda f, x: np.gradient(f, x))(LINE, T)
    for x in (T, U, T[::-1]):
        same_bits(ft.evaluate(program, LINE, x), np.gradient(LINE, x))


def test_dtypes_of_spacings():
    f = A.astype(np.float32)
    for g in (
        lambda f: np.gradient(f, np.float64(0.5)),
        lambda f: np.gradient(f, V, axis=0),
        lambda f: np.gradient(f, 2, np.arange(4)),
        lambda f: np.gradient(f, np.arange(3, dtype=np.uint8), axis=0, edge_order=2),
    ):
        same_value(g, f)
        assert ft.vjp(g, f)[1](g(f))[0].dtype == np.float32
    whole = np.array([3, 1, 4, 1, 5], np.uint8)
    same_value(lambda x: np.gradient(whole, x), T)
    check_grads(lambda x: np.gradient(whole, x), (T,))
    same_bits(ft.evaluate(ft.trace(np.gradient)(whole), whole), np.gradient(whole))
    same_bits(ft.evaluate(ft.trace(np.diff)(whole > 2), whole > 2), np.diff(whole > 2))


def test_unwrap_does_not_see_its_jumps():
    # Steps of just half a period, to both sides, and of several periods.
    p = np.array([0.0, np.pi, 0.0, 3 * np.pi, 3 * np.pi + 7, -9.0, -9.0 - np.pi])
    for f in (np.unwrap, lambda p: np.unwrap(p, 4.0), lambda p: np.unwrap(p, period=1.0)):
        same_value(f, p)
        assert np.array_equal(ft.jacobian(f)(p), np.eye(7))
        assert np.array_equal(ft.jacfwd(f)(p), np.eye(7))
        assert np.array_equal(ft.evaluate(ft.trace(ft.jacobian(f))(p), p), np.eye(7))
        assert not np.any(ft.hessian(lambda p, f=f: np.sum(f(p)))(p))
    # In the period: how many of them are added.
    q = np.array([0.0, 0.5, 0.0, 2.5, 2.4, -0.2])
    counts = np.round(np.unwrap(q, period=1.0) - q)
    assert np.array_equal(ft.jacobian(lambda y: np.unwrap(q + 0 * y, period=y))(1.0), counts)
    whole = np.array([0, 5, 12, 3, 20])
    for period in (4, 5, 2.5):
        f = lambda p, period=period: np.unwrap(p, period=period)  # noqa: E731
        same_bits(ft.evaluate(ft.trace(f)(whole), whole), f(whole))


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (lambda x: np.diff(x, 2, prepend=0.5), (A,)),
        (lambda x, y: np.ediff1d(x, to_end=y), (A, LINE[:3])),
        (lambda y, x: np.trapezoid(y, x), (A, np.sort(A))),
        (np.gradient, (A, C)),
        (lambda f, x: np.gradient(f, x, axis=1, edge_order=2), (B, np.cumsum(0.5 + rng.random((3, 5)), axis=1))),
        (lambda f, h: np.gradient(f, h, edge_order=2), (np.stack([LINE] * 3), np.array([0.5, 1.0, -2.0]))),
        (lambda p: np.unwrap(p), (4 * A,)),
    ],
    ids=["diff", "ediff1d", "trapezoid", "gradient", "gradient edges", "gradient step", "unwrap"],
)
def test_batches(f, args):
    check_batches(f, *args)


@pytest.mark.parametrize(
    ("f", "kind"),
    [
        (lambda x: np.diff(x, -1), ValueError),
        (lambda x: np.diff(x[0, 0]), ValueError),
        (lambda x: np.diff(x, axis=2), np.exceptions.AxisError),
        (lambda x: np.diff(x, prepend=np.ones((2, 2))), ValueError),
        (lambda x: np.ediff1d(x, to_end=1j), TypeError),
        (lambda x: np.gradient(x, 1.0, 2.0, 3.0), TypeError),
        (lambda x: np.gradient(x, np.ones((2, 2)), 1.0), ValueError),
        (lambda x: np.gradient(x, np.ones(2), 1.0), ValueError),
        (lambda x: np.gradient(x, edge_order=3), ValueError),
        (lambda x: np.gradient(x[:1], axis=0), ValueError),
        (lambda x: np.gradient(x[:2], axis=0, edge_order=2), ValueError),
        (lambda x: np.gradient(x, axis=(0, 0)), ValueError),
        (lambda x: np.trapezoid(x, np.ones(7)), ValueError),
        (lambda x: np.unwrap(x[0, 0]), ValueError),
    ],
)
def test_what_numpy_refuses_is_refused(f, kind):
    with pytest.raises(kind):
        f(A)
    for transform in (ft.grad, ft.trace):
        with pytest.raises(kind):
            transform(lambda x: np.sum(f(x)))(A)


def test_errors_say_what_to_do():
    for f, message in (
        (lambda x: np.gradient(x[:1], axis=0), "`np.gradient` of Float64[1 4] along axis 0: too few entries"),
        (lambda x: np.gradient(x, np.ones(2), 1.0), "2 coordinates are given to `np.gradient` for axis 0 of"),
        (lambda x: np.gradient(x, np.ones((2, 2)), 1.0), "the coordinates given to `np.gradient` are Float64[2 2]"),
        (lambda x: np.gradient(x, A[:, 0] > 0, axis=0), "truth values as coordinates of `np.gradient` on a traced"),
    ):
        with pytest.raises((ShapeError, UncoveredFunctionError)) as caught:
            ft.trace(f)(A)
        assert str(caught.value).startswith(message)
        assert "Fix: " in str(caught.value)


def test_no_axes_no_slopes():
    assert ft.trace(lambda x: (x, np.gradient(x)))(1.0).outputs
    assert np.gradient(np.ones((2, 2)), axis=()) == ft.vjp(lambda x: np.gradient(x, axis=()), A)[0] == ()
