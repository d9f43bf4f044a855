"""``logaddexp.reduce``: NumPy's bits, softmax in many digits, infinities, far away, and all keywords."""

import mpmath
import numpy as np
import pytest

import functrans as ft
from functrans.errors import ShapeError
from functrans.primitives import lookup
from functrans.testing import assert_laws
from tests.ops.agreement import check, drawn, same_value, stays_single
from tests.ops.batches import check_batches

rng = np.random.default_rng(37)
X, CUBE = 2 * drawn(rng, 3, 4), 2 * drawn(rng, 2, 3, 2)
MASK = np.array([[True, False, True, True], [True, True, False, False], [True, True, True, False]])
UFUNCS = (np.logaddexp, np.logaddexp2)

CASES = {
    "plain": lambda f, x, i: f(x),
    "axis": lambda f, x, i: f(x, 1),
    "all": lambda f, x, i: f(x, axis=None),
    "axes": lambda f, x, i: f(x, axis=(1, 0), keepdims=True),
    "keepdims": lambda f, x, i: f(x, axis=-1, keepdims=True),
    "initial": lambda f, x, i: f(x, axis=1, initial=i),
    "where": lambda f, x, i: f(x, axis=1, where=MASK),
    "column of where": lambda f, x, i: f(x, axis=0, where=MASK[:, :1], keepdims=True),
    "both": lambda f, x, i: f(x, 0, None, None, False, i, MASK),
    "no identity": lambda f, x, i: f(x, initial=None),
    "no axes": lambda f, x, i: f(x, axis=()),
    "number": lambda f, x, i: f(x[0, 0]),
}


@pytest.mark.parametrize("ufunc", UFUNCS)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_everything(ufunc, case):
    # NumPy does not ask what `initial` is, so the array is traced too.
    f = lambda x, i: case(ufunc.reduce, x + 0 * i, i)  # noqa: E731
    check(f, X, np.array(0.3))
    stays_single(f, X, np.array(0.3))
    check_batches(f, np.stack([X, X[::-1], -X]), np.array([0.3, -1.0, 2.0]))


@pytest.mark.parametrize("ufunc", UFUNCS)
def test_dtypes(ufunc):
    check(lambda x: ufunc.reduce(x, axis=(0, 2)), CUBE)
    for dtype in (np.float32, np.float64):
        same_value(lambda x: ufunc.reduce(x, dtype=dtype), X)
        same_value(lambda x: ufunc.reduce(x, dtype=dtype), X.astype(np.float32))
    assert ft.grad(lambda x: ufunc.reduce(x, axis=None, dtype=np.float32))(X).dtype == np.float64
    integers = np.arange(6).reshape(2, 3)
    program = ft.trace(lambda x: ufunc.reduce(x, axis=1))(integers)
    assert np.array_equal(ft.evaluate(program, integers), ufunc.reduce(integers, axis=1))
    long = X.astype(np.longdouble)
    assert np.array_equal(ft.vjp(ufunc.reduce, long)[0], ufunc.reduce(long))


def test_derivatives_are_shares():
    x = X[0]
    with mpmath.workdps(40):
        powers = [mpmath.exp(mpmath.mpf(float(e))) for e in x]
        shares = np.array([float(p / mpmath.fsum(powers)) for p in powers])
    np.testing.assert_allclose(ft.grad(np.logaddexp.reduce)(x), shares, rtol=1e-15)
    np.testing.assert_allclose(
        ft.hessian(np.logaddexp.reduce)(x), np.diag(shares) - np.outer(shares, shares), rtol=1e-14, atol=1e-17
    )
    np.testing.assert_allclose(ft.grad(np.logaddexp2.reduce)(x / np.log(2)), shares, rtol=1e-14)


@pytest.mark.parametrize("shift", [1e3, -1e3, 1e9, -1e300])
def test_far_away_nothing_overflows_nor_is_lost(shift):
    x = np.array([0.0, 1.0, 2.0]) + shift
    y = x - x[0]
    weights = np.exp(y) / np.sum(np.exp(y))
    np.testing.assert_allclose(ft.grad(np.logaddexp.reduce)(x), weights, rtol=1e-15)
    gradient = ft.grad(lambda x: np.logaddexp.reduce(x, where=np.array([True, True, False])))(np.array([0.0, 0.0, 1e5]))
    assert np.array_equal(gradient, [0.5, 0.5, 0.0])


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        ([-np.inf, 0.0, 0.0], [0, 0.5, 0.5]),
        ([-np.inf, -np.inf], [0.5, 0.5]),
        ([np.inf, 1.0], [1, 0]),
        ([np.inf, 1e5, np.inf], [0.5, 0, 0.5]),
        ([0.0, np.nan], [np.nan, np.nan]),
    ],
)
@pytest.mark.parametrize("ufunc", UFUNCS)
def test_infinities_share_evenly(ufunc, x, expected):
    x = np.array(x)
    with np.errstate(invalid="ignore"):  # NumPy's own reduction says it of a NaN
        np.testing.assert_array_equal(ft.grad(ufunc.reduce)(x), expected)
        np.testing.assert_array_equal(ft.jacfwd(ufunc.reduce)(x), expected)
        program = ft.trace(ft.grad(ufunc.reduce))(x)
        np.testing.assert_array_equal(ft.evaluate(program, x), expected)
        if not np.isnan(expected).any():
            assert np.isfinite(ft.hessian(ufunc.reduce)(x)).all()


def test_nothing_to_add_up():
    x = np.zeros((2, 0))
    same_value(lambda x: np.logaddexp.reduce(x, axis=1), x)
    same_value(lambda x: np.logaddexp.reduce(x, axis=1, initial=2.0), x)
    same_value(np.logaddexp.reduce, x)
    assert ft.grad(lambda x, i: np.sum(np.logaddexp.reduce(x * i, axis=1, initial=i)), 1)(x, 2.0) == 2.0
    same_value(lambda x: np.logaddexp.reduce(x, where=False), np.ones(3))
    assert np.array_equal(ft.grad(lambda x: np.logaddexp.reduce(x, where=False))(np.ones(3)), np.zeros(3))
    for transform in (ft.vjp, lambda f, x: ft.trace(f)(x)):
        with pytest.raises(ShapeError):
            transform(lambda x: np.logaddexp.reduce(x, axis=1, initial=None), x)
        with pytest.raises(ShapeError, match="`initial=`"):
            transform(lambda x: np.logaddexp.reduce(x, axis=0, initial=np.ones(2)), X)


def test_one_equation():
    program = ft.trace(lambda x: np.logaddexp.reduce(x, axis=1))(np.zeros((2, 1000)))
    assert [e.primitive.name for e in program.equations] == ["logaddexp.reduce"]


@pytest.mark.parametrize("name", ["logaddexp.reduce", "logaddexp2.reduce"])
def test_laws(name):
    assert_laws(lookup(name), max_examples=5)
