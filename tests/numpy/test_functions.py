"""functrans.numpy.functions: what NumPy does not dispatch, or not by each of its arguments."""

import warnings

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans.errors import TracedValueError
from functrans.testing import check_grads
from tests.ops.agreement import check, drawn, same_bits, same_value
from tests.ops.batches import check_batches

RNG = np.random.default_rng(7)
X = np.array([-1.0, 2.0, 0.5])


def live(f, plain, *args):
    """``f`` at values that are known: the bits of NumPy's own, and derivatives up to the second order."""
    expected = plain(*args)
    same_bits(f(*args), expected)
    same_bits(ft.vjp(f, *args)[0], expected)
    same_bits(ft.jvp(f, args, args)[0], expected)
    check_grads(f, args, order=2)


def test_take():
    places = np.array([[0, 2], [1, 1]])
    check(lambda x: fnp.take(x, places), X)
    same_bits(fnp.take(X, places, mode="wrap"), np.take(X, places, mode="wrap"))
    table = drawn(RNG, 3, 2)
    for mode in ("raise", "clip", "wrap"):
        check_batches(lambda i, mode=mode: fnp.take(table, i, axis=0, mode=mode), places)
    check_batches(lambda i: fnp.take(table, i), places)
    with pytest.raises(TracedValueError):
        ft.vmap(lambda i: np.take(table, i))(places)


def test_interp():
    xp, fp = np.array([0.0, 1.0, 3.0]), np.array([1.0, -1.0, 2.0])
    check(lambda low: fnp.interp(X, xp, fp, left=low), np.float64(0.3))
    check(lambda high: fnp.interp(2 * X, xp, fp, right=high), np.float64(0.3))
    check(lambda period: fnp.interp(X, xp, fp, period=period), np.float64(3.3))
    check(lambda x: fnp.interp(x, xp, fp), X)
    same_bits(fnp.interp(X, xp, fp), np.interp(X, xp, fp))


def test_polyint():
    check(lambda k: fnp.polyint([3.0, 1.0], 2, k), X)
    check(lambda k: fnp.polyint([3.0, 1.0], 2, k), np.float64(2.0))
    check(lambda k: fnp.polyint([3.0, 1.0], 2, [k, 1.0]), np.float64(2.0))
    check(fnp.polyint, X)
    same_bits(fnp.polyint([3.0, 1.0], k=2), np.polyint([3.0, 1.0], k=2))


@pytest.mark.parametrize("m", [0, 1, 2, 7, 8.0])
def test_kaiser(m):
    check(lambda beta: fnp.kaiser(m, beta), np.float64(3.5))
    same_bits(ft.vjp(lambda beta: fnp.kaiser(m, beta), 0.5)[0], np.kaiser(m, 0.5))
    same_value(lambda beta: fnp.kaiser(m, beta), np.float32(8.5))
    same_bits(fnp.kaiser(m, 14), np.kaiser(m, 14))
    check_batches(lambda beta: fnp.kaiser(m, beta), np.array([0.5, 3.0]))


def test_kaiser_has_a_known_length():
    with pytest.raises(TracedValueError):
        ft.grad(lambda m: np.sum(fnp.kaiser(m, fnp.sum(m))))(3.0)


def test_other_windows_are_plain():
    for name in ("bartlett", "blackman", "hamming", "hanning"):
        assert getattr(fnp, name) is getattr(np, name)
        with pytest.raises(TracedValueError):
            ft.grad(lambda m, name=name: np.sum(getattr(np, name)(m)))(3.0)


def test_functions_that_bring_traced_values_in():
    f = lambda a: fnp.piecewise(X, [X < 0], [lambda v: a * v, lambda v: a * a])  # noqa: E731
    check(f, np.float64(1.5))
    check(lambda x: fnp.piecewise(x, [X < 0], [np.sin]), X)
    check(lambda a: fnp.apply_along_axis(lambda row: a * row, 0, X), np.float64(1.5))
    check(lambda a: fnp.apply_along_axis(lambda row, b: b * np.sum(row), 0, X, a), np.float64(1.5))
    check(lambda x: fnp.apply_along_axis(np.cumsum, 0, x), X)
    same_bits(fnp.apply_along_axis(np.cumsum, 0, X), np.cumsum(X))
    for wrong in (
        lambda: fnp.piecewise(X, [X < 0], [1, 2, 3]),
        lambda: fnp.apply_along_axis(np.sum, 0, np.ones((2, 0))),
    ):
        with pytest.raises(ValueError, match=r"expected|dimensions are 0"):
            wrong()
    check(lambda a: np.fromfunction(lambda i, j: a * i + j, (2, 3)), np.float64(1.5))
    assert fnp.fromfunction is np.fromfunction
    if hasattr(np, "row_stack"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            check(lambda x: fnp.row_stack([x, x]), X)


# vectorize


def parabola(v, w=2.0):
    """A parabola."""
    return v * v * w if v > 0 else -v


@pytest.mark.parametrize("x", [X, X[0], X[:, None]], ids=["vector", "number", "column"])
def test_vectorize(x):
    f, plain = fnp.vectorize(parabola), np.vectorize(parabola)
    live(f, plain, x)
    live(lambda x, w: f(x, w=w), lambda x, w: plain(x, w=w), x, X)
    live(lambda x, w: f(x, w), plain, x, X[:2, None, None])
    same_bits(ft.vjp(f, x.astype(np.float32))[0], plain(x.astype(np.float32)))


def test_vectorize_options():
    def evaluated(p, x):
        return np.polyval(p, x)

    for options, call in [({"excluded": ["p"]}, lambda f: lambda p, x: f(p=p, x=x)), ({"excluded": {0}}, lambda f: f)]:
        live(call(fnp.vectorize(evaluated, **options)), call(np.vectorize(evaluated, **options)), X, X + 1)
    for otypes in ("f", [float], [np.float32]):
        double = lambda v: 2 * v  # noqa: E731
        same_bits(ft.vjp(fnp.vectorize(double, otypes), X)[0], np.vectorize(double, otypes)(X))
    same_bits(ft.vjp(fnp.vectorize(np.sin, [float]), X[:0])[0], np.vectorize(np.sin, [float])(X[:0]))
    same_bits(ft.vjp(fnp.vectorize(lambda v: 1 if v < 0 else 2.5 * v), X)[0], np.array([1, 5, 1]))  # the first's dtype
    live(fnp.vectorize(lambda v: (2 * v, v * v)), np.vectorize(lambda v: (2 * v, v * v)), X)
    same_bits(ft.vjp(fnp.vectorize(lambda v: (v, v > 0)), X)[0], np.vectorize(lambda v: (v, v > 0))(X))
    live(fnp.vectorize(lambda v: v * v, cache=True), np.vectorize(lambda v: v * v), X + 0.5j)
    assert fnp.vectorize(parabola, doc="Another.").__doc__ == "Another."
    assert fnp.vectorize(parabola).__doc__ == "A parabola."
    assert fnp.vectorize(parabola).__name__ == "parabola"
    assert fnp.vectorize(lambda: 3.0)() == 3.0


def test_vectorize_signature():
    for signature, f, args in [
        ("(n),(n)->()", np.dot, (drawn(RNG, 2, 3), X)),
        ("(n)->(n,n),()", lambda a: (np.outer(a, a), np.sum(a)), (drawn(RNG, 2, 3),)),
        ("(),(n)->(n)", lambda a, b: a * b, (X[:2, None], drawn(RNG, 2, 1, 3))),
        ("(m,n)->(k)", lambda a: a[0, :2], (drawn(RNG, 2, 3),)),
    ]:
        live(fnp.vectorize(f, signature=signature), np.vectorize(f, signature=signature), *args)


def test_vectorize_as_a_decorator():
    @fnp.vectorize(otypes=[float])
    def square(v):
        return v * v

    @fnp.vectorize
    def cube(v):
        return v**3

    live(square, np.square, X)
    live(cube, lambda x: x * x * x, X)


def test_vectorize_brings_traced_values_in():
    check(lambda a: fnp.vectorize(lambda v: a * v)(X), np.float64(1.5))
    check(fnp.vectorize(lambda v: np.sin(v) * v), X)


def test_vectorize_refusals():
    f = fnp.vectorize(parabola)
    for call in (
        lambda x: f(x[:0]),
        lambda x: fnp.vectorize(np.sum, signature="(n)->()", otypes=None)(np.reshape(x, (3, 1))[:0]),
        lambda x: fnp.vectorize(lambda v: v, signature="(n)->(m,m)")(x),
        lambda x: fnp.vectorize(lambda v: (v, v), signature="(n)->(n)")(x),
        lambda x: fnp.vectorize(np.dot, signature="(n),(n)->()")(x, x[:2]),
        lambda x: fnp.vectorize(np.sum, signature="(n,m)->()")(x),
        lambda x: fnp.vectorize(lambda v: v, signature="(n)->(m,m)", otypes=[float])(np.reshape(x, (3, 1))[:0]),
        lambda x: fnp.vectorize(lambda v: np.ones(2) * v)(x),
    ):
        with pytest.raises(ValueError):
            call(X)
        with pytest.raises(ValueError):
            ft.vjp(call, X)
    with pytest.raises(TypeError):
        ft.vjp(lambda x: fnp.vectorize(np.dot, signature="(n),(n)->()")(x), X)
    with pytest.raises(ValueError):
        fnp.vectorize(np.dot, signature="n->n")
    with pytest.raises(TracedValueError, match=r"functrans\.numpy\.vectorize"):
        ft.vjp(np.vectorize(parabola), X)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_what_cannot_hold_traced_values():
    for f in (
        lambda x: np.frompyfunc(parabola, 1, 1)(x),
        np.asmatrix,
        lambda x: np.bmat([[x, x]]),
        lambda x: np.fromiter(x, float),
        np.isfortran,
    ):
        with pytest.raises(ft.errors.FunctransError):
            ft.vjp(f, X)
