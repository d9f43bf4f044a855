"""Reductions that leave NaN out: every keyword, values to the bit, and no NaN in any derivative."""

import warnings

import numpy as np
import pytest

import functrans as ft
from functrans.errors import ShapeError
from functrans.testing import check_grads
from tests.ops.agreement import same_bits, same_value, stays_single
from tests.ops.batches import check_batches

NAN = np.nan
rng = np.random.default_rng(5)
A = rng.permutation(20).reshape(4, 5) / 4.0 + 0.3
A[1, 2] = A[3, 0] = A[0, 4] = NAN
B = rng.permutation(24).reshape(2, 3, 4) / 8.0 - 1.1
B[0, 1, 2] = B[1, 1, 1] = NAN
Z = A + 1j * rng.permutation(20).reshape(4, 5) / 3
Z[2, 2] = complex(1.0, NAN)
ROW = np.array([True, False, True, True, True])
MASK = rng.random((4, 5)) > 0.2
MEAN = np.array([[0.5], [1.5], [2.5], [0.25]])
FILLED = np.where(np.isnan(A), 0.0, A)

REDUCTIONS = {
    "{f}": lambda f: (lambda x: f(x), A),
    "{f} axis": lambda f: (lambda x: f(x, 1), B),
    "{f} axes": lambda f: (lambda x: f(x, axis=(-1, 0)), B),
    "{f} keepdims": lambda f: (lambda x: f(x, axis=1, keepdims=True), B),
    "{f} no axes": lambda f: (lambda x: f(x, axis=()), FILLED),
    "{f} scalar": lambda f: (lambda x: f(x), np.array(0.75)),
    "{f} one": lambda f: (lambda x: f(x, axis=0), np.array([0.75])),
    "{f} nothing missing": lambda f: (lambda x: f(x, axis=0), FILLED + 0.5),
}
COMPLEX = {"{f} complex": lambda f: (lambda x: f(x, axis=1), Z)}
DTYPE = {"{f} dtype": lambda f: (lambda x: f(x, axis=0, dtype=complex), A)}
START = {
    "{f} initial": lambda f: (lambda x: f(x, axis=0, initial=0.77), A),
    "{f} initial traced": lambda f: (lambda x, y: f(x, axis=1, initial=y, keepdims=True), A, np.array(1.1)),
    "{f} initial where": lambda f: (lambda x, y: f(x, axis=1, initial=y, where=ROW), A, np.array(1.1)),
}
WHERE = {
    "{f} where": lambda f: (lambda x: f(x, axis=1, where=MASK), A),
    "{f} where row": lambda f: (lambda x: f(x, axis=(0, 1), where=ROW, keepdims=True), A),
}
SPREAD = {
    "{f} ddof": lambda f: (lambda x: f(x, axis=0, ddof=1), A),
    "{f} fractional ddof": lambda f: (lambda x: f(x, axis=0, ddof=1.5), A),
    "{f} correction": lambda f: (lambda x: f(x, axis=1, correction=1), A),
    "{f} mean": lambda f: (lambda x: f(x, axis=1, mean=MEAN), A),
    "{f} mean traced": lambda f: (lambda x, m: f(x, axis=1, mean=m, ddof=1), A, MEAN),
    "{f} mean where": lambda f: (lambda x, m: f(x, axis=1, mean=m, where=MASK), A, MEAN),
    "{f} own mean": lambda f: (lambda x: f(x, axis=1, mean=np.nanmean(x, axis=1, keepdims=True)), A),
}
RUNNING = {
    "{f}": lambda f: (lambda x: f(x), A),
    "{f} axis": lambda f: (lambda x: f(x, 1), B),
    "{f} last": lambda f: (lambda x: f(x, axis=-1), A),
    "{f} dtype": lambda f: (lambda x: f(x, axis=0, dtype=complex), A),
    "{f} scalar": lambda f: (lambda x: f(x), np.array(0.75)),
    "{f} complex": lambda f: (lambda x: f(x, axis=1), Z),
    "{f} empty": lambda f: (lambda x: f(x, axis=1), np.zeros((2, 0))),
}
GROUPS = [
    ((np.nansum, np.nanprod), REDUCTIONS | COMPLEX | DTYPE | START | WHERE),
    ((np.nanmax, np.nanmin), REDUCTIONS | START),
    ((np.nanmean,), REDUCTIONS | COMPLEX | DTYPE | WHERE),
    ((np.nanvar, np.nanstd), REDUCTIONS | COMPLEX | WHERE | SPREAD),
    ((np.nancumsum, np.nancumprod), RUNNING),
]
CASES = {
    name.format(f=f.__name__): make(f) for functions, group in GROUPS for f in functions for name, make in group.items()
}
#: Where the standard deviation is zero it has no slope.
FLAT = ("nanstd no axes", "nanstd scalar", "nanstd one")


@pytest.mark.parametrize("name", CASES)
def test_values_are_numpys(name):
    same_value(*CASES[name])
    if "dtype" not in name:
        stays_single(*CASES[name])


def free(f, *args):
    """``f`` as a function of the entries that are numbers alone."""
    holes = [np.isnan(x) for x in args]
    rest = tuple(x[~hole] for x, hole in zip(args, holes, strict=True))

    def of_numbers(*numbers):
        filled = []
        for hole, given in zip(holes, numbers, strict=True):
            index = np.cumsum(~hole).reshape(hole.shape) - 1
            filled.append(np.where(hole, NAN, given[np.where(hole, 0, index)]))
        return f(*filled)

    return of_numbers, rest


@pytest.mark.parametrize("name", [name for name in CASES if name not in FLAT and "empty" not in name])
def test_derivatives(name):
    f, *args = CASES[name]
    check_grads(*free(f, *args))
    # NaN entries: an exact zero in reverse; what moves there moves nothing forwards; at second order, too.
    holes = [np.isnan(x) for x in args]
    gradient = ft.grad(lambda *x: np.sum(np.real(f(*x)) ** 2), tuple(range(len(args))))
    v = tuple(np.where(hole, np.inf, 0.0).astype(x.dtype) for x, hole in zip(args, holes, strict=True))
    assert not np.any(ft.jvp(f, tuple(args), v)[1])
    for g, hole in zip(gradient(*args), holes, strict=True):
        assert np.isfinite(g).all()
        assert not np.any(g[hole])
    for g, hole in zip(ft.jvp(gradient, tuple(args), v)[1], holes, strict=True):
        assert not np.any(g), hole
    twice = ft.grad(lambda *x: sum(np.sum(np.real(g)) for g in gradient(*x)), tuple(range(len(args))))
    for g, hole in zip(twice(*args), holes, strict=True):
        assert np.isfinite(g).all()
        assert not np.any(g[hole])


@pytest.mark.parametrize(
    "f",
    [np.nansum, np.nanprod, np.nanmax, np.nanmin, np.nanmean, np.nanvar, np.nanstd, np.nancumsum, np.nancumprod],
    ids=lambda f: f.__name__,
)
def test_an_infinite_slope_behind_a_missing_entry_is_absorbed(f):
    # `sqrt` has the slope inf at 0, and there the value is replaced by NaN; `log` is NaN of itself.
    x = np.array([1.0, 0.0, 2.0, 5.0, -3.0])
    masked = lambda x: f(np.where(x == 0, NAN, np.sqrt(np.abs(x)) + 0 * np.log(np.abs(x))))  # noqa: E731
    logs = lambda x: f(np.log(x))  # noqa: E731
    with np.errstate(all="ignore"):
        for g, hole in ((masked, 1), (logs, 4)):
            point = x if g is masked else np.array([1.0, 7.0, 2.0, 5.0, -3.0])
            loss = lambda x, g=g: np.sum(g(x) ** 2)  # noqa: E731
            program = ft.trace(ft.grad(loss))(point)
            for gradient in (ft.grad(loss)(point), ft.evaluate(program, point)):
                assert gradient[hole] == 0
                assert np.isfinite(gradient).all()
            column = np.eye(5)[hole]
            assert not np.any(ft.jvp(g, (point,), (column,))[1])
            hessian = ft.hessian(loss)(point)
            assert np.isfinite(hessian).all()
            assert not np.any(hessian[hole])
            assert not np.any(hessian[:, hole])
            np.testing.assert_allclose(ft.grad(lambda x, loss=loss: np.sum(ft.grad(loss)(x)))(point), hessian.sum(0))


def test_closed_forms():
    x = np.array([1.0, NAN, 3.0])
    for f, expected in (
        (np.nansum, [1, 0, 1]),
        (np.nanmean, [0.5, 0, 0.5]),
        (np.nanvar, [-1, 0, 1]),
        (np.nanstd, [-0.5, 0, 0.5]),
        (np.nanmax, [0, 0, 1]),
        (np.nanmin, [1, 0, 0]),
        (np.nanprod, [3, 0, 1]),
    ):
        assert np.array_equal(ft.grad(f)(x), expected), f
    assert np.array_equal(ft.grad(np.nanprod)(np.array([2.0, 0, NAN])), [0, 2, 0])
    assert np.array_equal(ft.grad(lambda x: np.sum(np.nancumprod(x)))(np.array([2.0, NAN, 0, 3])), [2, 0, 8, 0])
    assert np.array_equal(ft.grad(np.nanmax)(np.array([1.0, 1.0, NAN])), [0.5, 0.5, 0])
    assert np.array_equal(ft.hessian(np.nanvar)(x), [[0.5, 0, -0.5], [0, 0, 0], [-0.5, 0, 0.5]])
    # A start that is NaN is left out; a start that ties shares.
    extreme = ft.grad(lambda x, y: np.nanmax(x, initial=y), (0, 1))
    assert [np.array_equal(g, e) for g, e in zip(extreme(x, NAN), ([0, 0, 1], 0), strict=True)] == [True, True]
    assert [np.array_equal(g, e) for g, e in zip(extreme(x, 3.0), ([0, 0, 0.5], 0.5), strict=True)] == [True, True]


ALL_MISSING = np.array([[NAN, NAN, NAN], [1.0, NAN, 4.0]])


@pytest.mark.parametrize(
    ("f", "text"),
    [
        (np.nanmax, "All-NaN slice encountered"),
        (np.nanmin, "All-NaN slice encountered"),
        (np.nanmean, "Mean of empty slice"),
        (np.nanvar, "Degrees of freedom <= 0 for slice"),
        (np.nanstd, "Degrees of freedom <= 0 for slice"),
        (lambda x, axis: np.nanvar(x, axis, mean=np.full((2, 1), 2.0)), "Degrees of freedom <= 0 for slice"),
        (lambda x, axis: np.nanstd(x, axis, mean=np.full((2, 1), 2.0)), "Degrees of freedom <= 0 for slice"),
    ],
)
def test_nothing_but_nan(f, text):
    g = lambda x: f(x, axis=1)  # noqa: E731
    with pytest.warns(RuntimeWarning, match=text):
        expected = g(ALL_MISSING)
    with pytest.warns(RuntimeWarning, match=text) as caught:
        value, pullback = ft.vjp(g, ALL_MISSING)
    assert len(caught) == 1
    same_bits(value, expected)
    (gradient,) = pullback(np.ones(2))
    assert not np.any(gradient[0])
    assert np.array_equal(gradient[1] != 0, [True, False, True]) or f in (np.nanmax, np.nanmin)
    with pytest.warns(RuntimeWarning, match=text):
        same_bits(ft.evaluate(ft.trace(g)(ALL_MISSING), ALL_MISSING), expected)
    with pytest.warns(RuntimeWarning, match=text):
        tangent = ft.jvp(g, (ALL_MISSING,), (np.ones((2, 3)),))[1]
    assert tangent[0] == 0
    assert np.isfinite(tangent[1])


@pytest.mark.parametrize("f", [np.nanvar, np.nanstd])
def test_too_few_entries_have_no_derivative_and_it_is_absorbed(f):
    x = np.array([[NAN, 2.0, NAN], [1.0, NAN, 4.0]])
    g = lambda x: f(x, axis=1, ddof=1)  # noqa: E731
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        gradient = ft.grad(lambda x: np.sum(g(x)))(x)
        assert np.array_equal(np.isnan(gradient), [[False, True, False], [False, False, False]])
        assert not np.any(gradient[np.isnan(x)])
        for total in (np.nansum, lambda y: np.sum(np.where(np.isnan(y), 0.0, y)), lambda y: y[1]):
            h = lambda x, total=total: total(g(x)) ** 2  # noqa: E731
            gradient = ft.grad(h)(x)
            assert np.isfinite(gradient).all()
            assert not np.any(gradient[0])
            assert np.any(gradient[1])
            second = ft.grad(lambda x, h=h: np.sum(ft.grad(h)(x) * np.arange(6.0).reshape(2, 3)))(x)
            assert np.isfinite(second).all()
            assert np.isfinite(ft.evaluate(ft.trace(ft.grad(h))(x), x)).all()
            assert np.isfinite(ft.jvp(ft.grad(h), (x,), (np.ones((2, 3)),))[1]).all()


def test_standard_deviation_of_equal_numbers_is_at_its_minimum():
    for x in ([0.1, NAN, 0.1, 0.1], [NAN, 2.0, NAN]):
        assert not np.any(ft.grad(np.nanstd)(np.array(x)))
        assert not np.any(ft.grad(lambda x: np.sum(ft.grad(np.nanstd)(x)))(np.array(x)))


def test_positions():
    for f in (np.nanargmax, np.nanargmin):
        for g in (
            lambda x: f(x),
            lambda x: f(x, axis=1),
            lambda x: f(x, 0),
            lambda x: f(x, axis=-1, keepdims=True),
            lambda x: f(x, keepdims=True),
        ):
            same_value(g, A)
            same_bits(ft.vmap(g)(np.stack([A, 2 - A])), np.stack([g(A), g(2 - A)]))
        assert np.array_equal(ft.grad(lambda x: x[f(x)] ** 2)(np.array([NAN, 2.0])), [0.0, 4.0])
        with pytest.raises(ValueError, match="All-NaN slice encountered"):
            ft.grad(lambda x: np.sum(x * f(x)))(np.array([NAN, NAN]))
        program = ft.trace(f)(np.ones(2))
        with pytest.raises(ValueError, match="All-NaN slice encountered"):
            ft.evaluate(program, np.array([NAN, NAN]))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.nansum(x, axis=1),
        lambda x: np.nanprod(x),
        lambda x: np.nanmax(x, axis=0),
        lambda x: np.nanmin(x, axis=(0, 1), keepdims=True),
        lambda x: np.nanmean(x, axis=1, where=ROW),
        lambda x: np.nanvar(x, axis=0, ddof=1),
        lambda x: np.nanstd(x, axis=(0, 1)),
        lambda x: np.nanstd(x, axis=1, mean=MEAN),
        lambda x: np.nancumsum(x),
        lambda x: np.nancumprod(x, axis=1),
    ],
)
def test_batches(f):
    check_batches(f, np.stack([A, A + 0.01 * FILLED, A - 0.5 * FILLED]))


def test_integers_hold_no_nan():
    x = np.arange(6).reshape(2, 3)
    for f in (np.nansum, np.nanprod, np.nanmax, np.nanmin, np.nanmean, np.nanvar, np.nanstd, np.nancumsum):
        program = ft.trace(lambda x, f=f: f(x, axis=0))(x)
        same_bits(ft.evaluate(program, x), f(x, axis=0))
    program = ft.trace(lambda x, m: np.nanvar(x, axis=0, mean=m))(x, np.ones(3))
    same_bits(ft.evaluate(program, x, np.ones(3)), np.nanvar(x, axis=0, mean=np.ones(3)))


def test_the_order_of_summation_is_numpys():
    wide = rng.normal(size=(37, 41))
    wide[::5, ::7] = NAN
    for x in (wide[::-1], wide.T, wide[:, ::-2], np.asfortranarray(wide)):
        for f in (np.nansum, np.nanprod, np.nanmean, np.nanvar, np.nancumsum):
            same_bits(ft.vjp(f, x)[0], f(x))
            same_bits(ft.vjp(lambda x, f=f: f(x, axis=1), x)[0], f(x, axis=1))


@pytest.mark.parametrize(
    ("f", "kind"),
    [
        (lambda x: np.nanmax(x[:0]), ValueError),
        (lambda x: np.nanmin(x, axis=5), np.exceptions.AxisError),
        (lambda x: np.nanmean(x, dtype=int), TypeError),
        (lambda x: np.nanvar(x, dtype=int), TypeError),
        (lambda x: np.nanstd(x, ddof=1, correction=1), ValueError),
        (lambda x: np.nanmax(x, axis=0, where=ROW), ValueError),
    ],
)
def test_what_numpy_refuses_is_refused(f, kind):
    with pytest.raises(kind):
        f(A)
    for transform in (ft.grad, ft.trace):
        with pytest.raises(kind):
            transform(lambda x: np.sum(f(x)))(A)


def test_errors_name_the_function():
    with pytest.raises(ShapeError, match=r"`np\.nanmax` of Float64\[0 5\] over an axis of length 0"):
        ft.grad(lambda x: np.nanmax(x[:0]))(A)
    with pytest.raises(ShapeError, match=r"`mean=` of `np\.nanvar`"):
        ft.grad(lambda x: np.nanvar(x, axis=1, mean=np.ones(3)))(A)
