"""Medians and quantiles: every method and keyword, ties, NaN, weights, and the derivative in ``q``."""

import warnings

import numpy as np
import pytest

import functrans as ft
from functrans.errors import TracedAssignmentError, UncoveredFunctionError
from functrans.ops.quantile_place import METHODS
from functrans.testing import check_grads
from functrans.tracing.dispatch import FUNCTIONS as HANDLERS
from functrans.transforms.vmap import vmap
from tests.ops.agreement import check, drawn, refused, same_bits, same_value, stays_single
from tests.ops.batches import check_batches

rng = np.random.default_rng(12)
R = rng.permutation(7) / 4.0 - 0.8
A = rng.permutation(12).reshape(3, 4) / 4.0 - 1.3
B = rng.permutation(24).reshape(2, 3, 4) / 8.0 - 1.1
N = np.where(rng.permutation(24).reshape(2, 3, 4) < 6, np.nan, B)
Q = np.array([0.13, 0.52, 0.83])  # nowhere a method jumps, for the lengths above
S = np.array(0.75)

MEDIANS = {
    "odd": (lambda f, x: f(x), R),
    "even": (lambda f, x: f(x), A),
    "axis": (lambda f, x: f(x, 1), B),
    "negative axis": (lambda f, x: f(x, axis=-1), B),
    "axes": (lambda f, x: f(x, axis=(-1, 0)), B),
    "axes apart": (lambda f, x: f(x, axis=(2, 0), keepdims=True), B),
    "no axes": (lambda f, x: f(x, axis=()), A),
    "keepdims": (lambda f, x: f(x, keepdims=True), B),
    "overwrite": (lambda f, x: f(x, 0, None, True, True), A),
    "number": (lambda f, x: f(x), S),
    "one": (lambda f, x: f(x, axis=0), R[None]),
    "no rows": (lambda f, x: f(x, axis=1), np.zeros((0, 3))),
}


@pytest.mark.parametrize("f", [np.median, np.nanmedian])
@pytest.mark.parametrize("name", MEDIANS)
def test_medians(name, f):
    call, x = MEDIANS[name]
    check(lambda x: call(f, x), x)
    stays_single(lambda x: call(f, x), x)


QUANTILES = {
    "number": (lambda f, x, q: f(x, q), R, 0.3),
    "several": (lambda f, x, q: f(x, q), A, Q),
    "axis": (lambda f, x, q: f(x, q, 1), B, Q),
    "negative axis": (lambda f, x, q: f(x, q, axis=-2), B, 0.4),
    "keepdims": (lambda f, x, q: f(x, q, axis=1, keepdims=True), B, Q),
    "axes": (lambda f, x, q: f(x, q, axis=(0, -1)), B, Q),
    "axes apart": (lambda f, x, q: f(x, q, axis=(2, 0), keepdims=True), B, Q),
    "table": (lambda f, x, q: f(x, q, axis=0), A, Q.reshape(3, 1)),
    "of a number": (lambda f, x, q: f(x, q), S, Q),
    "of one": (lambda f, x, q: f(x, q, axis=0), R[None], Q),
    "zero-d": (lambda f, x, q: f(x, q), A, np.array(0.3)),
    "overwrite": (lambda f, x, q: f(x, q, 0, None, True, "linear", True), A, Q),
    "none": (lambda f, x, q: f(x, q, axis=0), A, np.zeros(0)),
    "no rows": (lambda f, x, q: f(x, q, axis=1), np.zeros((0, 3)), Q),
    "many": (lambda f, x, q: f(x, q, axis=1), B, np.linspace(0.03, 0.94, 12)),
}
FUNCTIONS = {np.quantile: 1, np.percentile: 100, np.nanquantile: 1, np.nanpercentile: 100}


def scaled(f, q):
    return q * FUNCTIONS[f]


@pytest.mark.parametrize("f", FUNCTIONS)
@pytest.mark.parametrize("name", QUANTILES)
def test_quantiles(name, f):
    call, x, q = QUANTILES[name]
    if name == "no rows" and f in (np.nanquantile, np.nanpercentile):
        return  # of no entries at all, NumPy's shape is another: see below
    f_of_both = lambda x, q: call(f, x, q)  # noqa: E731
    same_value(f_of_both, x, scaled(f, q))
    if f is np.nanpercentile:
        check_grads(f_of_both, (x, scaled(f, q)), order=2, entries=4)
    if f is np.quantile:
        check(lambda x: call(f, x, scaled(f, q)), x)
    stays_single(lambda x, q: call(f, x, q), x, scaled(f, q))
    stays_single(lambda x: call(f, x, scaled(f, q)), x)


@pytest.mark.parametrize("method", METHODS)
def test_methods(method):
    absent = np.isnan(N[0])

    def all_of_them(x, q):
        nan = np.where(absent, np.nan, x)
        return (
            np.quantile(x, q, axis=0, method=method),
            np.percentile(x, 100 * q[0], method=method),
            np.nanpercentile(nan, 100 * q[1], axis=1, method=method),
            np.nanquantile(nan, q, method=method),
        )

    check_grads(all_of_them, (B[0], Q[:2]), order=2, entries=4)
    stays_single(all_of_them, B[0], Q)
    for f in FUNCTIONS:
        same_value(lambda x, q, f=f: f(x, q, axis=1, method=method), B, scaled(f, Q))
    same_value(lambda x: np.nanquantile(x, [0.13, 0.57], axis=(0, 2), method=method), N)


@pytest.mark.parametrize("method", METHODS)
def test_every_place(method):
    """Also at knots and ends: the quantile of f(x) = x moves with each entry as the quantile of the entries says.

    It is homogeneous: q(x) == <x, dq/dx>. And the weights of the entries add up to 1.
    """
    for n in (1, 2, 3, 4, 7, 10):
        x = rng.permutation(n) + 1.5
        for q in np.unique(
            [*np.linspace(0, 1, 25), *[k / n for k in range(n + 1)], *[k / max(n - 1, 1) for k in range(n)]]
        ):
            value, pullback = ft.vjp(lambda x, q=q: np.quantile(x, q, method=method), x)
            (gradient,) = pullback(1.0)
            assert value == np.quantile(x, q, method=method)
            assert gradient @ x == pytest.approx(value, abs=1e-12)
            assert np.sum(gradient) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("method", [name for name, m in METHODS.items() if m.slope is None])
def test_methods_that_choose_are_steps_in_q(method):
    gradient = ft.grad(lambda q: np.sum(np.quantile(R, q, method=method)))
    same_bits(gradient(Q), np.zeros(3))


def test_the_slope_in_q_is_that_to_the_right():
    x = np.array([0.0, 1.0, 3.0, 7.0])
    q = np.array([0.0, 1 / 3 + 1e-9, 0.5, 2 / 3 + 1e-9, 1.0])
    jacobian = ft.jacobian(lambda q: np.quantile(x, q))(q)
    np.testing.assert_allclose(jacobian, np.diag([3.0, 6.0, 6.0, 12.0, 12.0]))


@pytest.mark.parametrize("method", ["hazen", "weibull", "median_unbiased", "normal_unbiased"])
def test_beyond_the_ends_quantiles_stand_still(method):
    for q in (0.0, 0.01, 0.99, 1.0):
        assert ft.grad(lambda q: np.quantile(R, q, method=method))(q) == 0


def test_the_derivative_in_both():
    """d2/dx dq is not zero, whichever comes first."""
    mixed = ft.jacobian(ft.grad(lambda x, q: np.quantile(x, q), 1), 0)(R, 0.3)
    np.testing.assert_allclose(ft.grad(ft.grad(lambda x, q: np.quantile(x, q), 1), 0)(R, 0.3), mixed)
    other = ft.jacobian(ft.grad(lambda x, q: np.quantile(x, q), 0), 1)(R, 0.3)
    np.testing.assert_allclose(other, mixed)
    order = np.argsort(R)
    expected = np.zeros(7)
    expected[order[1]], expected[order[2]] = -6, 6
    np.testing.assert_allclose(mixed, expected)


def test_dtypes():
    """Python numbers promote weakly, arrays do not; integers and halves."""
    for x in (R.astype(np.float32), R.astype(np.float16), np.array([3, 1, 2, 5]), np.array([1, 0, 2], np.uint8)):
        for q in (0.3, 1, np.float64(0.3), np.array([0.3], np.float32), np.array([0, 1]), [0.1, 0.2]):
            for method in ("linear", "lower", "hazen", "midpoint"):
                f = lambda x, q=q, m=method: np.quantile(x, q, method=m)  # noqa: E731
                same_bits(ft.evaluate(ft.trace(f)(x).validate(), x), f(x))
                f = lambda x, q=q, m=method: np.nanpercentile(x, np.multiply(q, 50), method=m)  # noqa: E731
                same_bits(ft.evaluate(ft.trace(f)(x).validate(), x), f(x))
        for f in (np.median, np.nanmedian):
            same_bits(ft.evaluate(ft.trace(f)(x).validate(), x), f(x))


def test_python_numbers():
    for f in (np.quantile, np.nanquantile):
        g = lambda x, q: f(x, q)  # noqa: E731
        single = R.astype(np.float32)
        value, (dx, dq) = ft.value_and_grad(g, (0, 1))(single, 0.3)
        assert value.dtype == f(single, 0.3).dtype == dx.dtype == np.float32
        assert type(dq) is float
        same_bits(ft.evaluate(ft.trace(g)(single, 0.3), single, 0.3), f(single, 0.3))
    assert ft.grad(np.median)(2.0) == 1.0


# Ties and NaN.


def test_ties_share():
    x = np.array([[2.0, 1.0, 2.0, 2.0, 5.0], [4.0, 4.0, 4.0, 4.0, 4.0]])
    expected = np.array([[1, 0, 1, 1, 0], [0.6] * 5]) / 3
    same = [
        lambda x: np.median(x, axis=1),
        lambda x: np.quantile(x, 0.5, axis=1),
        lambda x: np.nanmedian(x, axis=1),
        lambda x: np.percentile(x, 50, axis=1, method="lower"),
        lambda x: np.quantile(x, np.linspace(0, 1, 11), axis=1)[5],  # read by sorting
    ]
    for f in same:
        np.testing.assert_allclose(ft.vjp(f, x)[1](np.ones(2))[0], expected, atol=1e-15)
        np.testing.assert_allclose(ft.jvp(f, (x,), (x,))[1], [2, 4])


@pytest.mark.parametrize("count", [3, 12])
def test_few_and_many_quantiles_agree(count):
    """Few are found one by one, many by sorting: the same as one after the other, at ties and NaN too."""
    x = np.random.default_rng(5).integers(0, 6, (4, 20)).astype(float)
    x[1, [3, 5]] = np.nan
    q, w = np.linspace(0, 1, count), rng.uniform(-1, 1, (count, 4))
    for f in (np.quantile, np.nanquantile):
        g = lambda x, q=q, f=f: f(x, q, axis=1)  # noqa: E731
        each = [ft.vjp(lambda x, p=p, f=f: f(x, p, axis=1), x)[1](v)[0] for p, v in zip(q, w, strict=True)]
        np.testing.assert_allclose(ft.vjp(g, x)[1](w)[0], sum(each), atol=1e-14)
        t = rng.uniform(-1, 1, x.shape)
        tangents = [ft.jvp(lambda x, p=p, f=f: f(x, p, axis=1), (x,), (t,))[1] for p in q]
        np.testing.assert_allclose(ft.jvp(g, (x,), (t,))[1], tangents, atol=1e-14)


def test_a_nan_is_chosen_or_ignored():
    x = np.array([[1.0, np.nan, 3.0], [0.0, 2.0, 1.0], [np.nan, np.nan, np.nan]])
    nan_first = np.array([[0, 1, 0], [0, 0, 1], [1 / 3] * 3])
    ignored = np.array([[0.5, 0, 0.5], [0, 0, 1], [1 / 3] * 3])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, of nothing but NaN
        for f, expected in (
            (lambda x: np.median(x, axis=1), nan_first),
            (lambda x: np.quantile(x, 0.5, axis=1), nan_first),
            (lambda x: np.percentile(x, 50, axis=1, method="nearest"), nan_first),
            (lambda x: np.nanmedian(x, axis=1), ignored),
            (lambda x: np.nanquantile(x, 0.5, axis=1), ignored),
            (lambda x: np.nanpercentile(x, 50, axis=1, method="hazen"), ignored),
        ):
            np.testing.assert_allclose(ft.vjp(f, x)[1](np.ones(3))[0], expected)
            same_bits(ft.vjp(f, x)[0], f(x))
            program = ft.trace(lambda x, f=f: ft.vjp(f, x)[1](np.ones(3))[0])(x)
            np.testing.assert_allclose(ft.evaluate(program, x), expected)


def test_a_nan_that_is_masked_gets_zero():
    gradient = ft.grad(lambda x: np.nanmedian(np.where(x > 0, np.sqrt(x), np.nan)))
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(gradient(np.array([4.0, -1.0, 0.0, 9.0, 16.0])), [0, 0, 0, 1 / 6, 0])


def test_infinities():
    x = np.array([np.inf, 1.0, -np.inf, 2.0, 0.0])
    np.testing.assert_allclose(ft.grad(np.median)(x), [0, 1, 0, 0, 0])
    with np.errstate(over="ignore"):  # the mean is infinite
        assert ft.grad(np.median)(np.array([1e308, 1.5e308])).tolist() == [0.5, 0.5]


def test_signed_zeros():
    for x in (np.array([0.0, -0.0, 0.0]), np.array([-0.0, 0.0]), np.array([-0.0, -0.0, 1.0, -0.0])):
        for f in (np.median, np.nanmedian, lambda x: np.quantile(x, 0.4), lambda x: np.nanquantile(x, 0.4)):
            same_value(f, x)


def test_complex_medians():
    z = A + 1j * A[::-1]
    check(lambda z: np.median(z, axis=0), z)
    stays_single(lambda z: np.median(z, axis=1), z)
    refused(lambda z: np.quantile(z, 0.5), TypeError, "real numbers", z)


# Weights.

WEIGHTS = np.array([1.0, 0.0, 2.5, 0.5])
SOUND = (
    np.lib.NumpyVersion(np.__version__) >= "2.3.0"
)  # before, weights and several axes, or with NaN, do not go together


@pytest.mark.parametrize("f", FUNCTIONS)
def test_weights(f):
    q = scaled(f, Q)
    full = rng.uniform(0.5, 1.5, B.shape)
    several = lambda x, q: f(x, q, axis=(0, 2), method="inverted_cdf", weights=full, keepdims=True)  # noqa: E731
    for g in (
        lambda x, q: f(x, q, method="inverted_cdf", weights=full),
        lambda x, q: f(x, q, axis=2, method="inverted_cdf", weights=full),
        *([several] if SOUND else []),
    ):
        same_value(g, B, q)
        stays_single(g, B, q)
    if f in (np.quantile, np.percentile):  # the others refuse them, by mistake
        along = lambda x, q: f(x, q, axis=2, method="inverted_cdf", weights=WEIGHTS)  # noqa: E731
        same_value(along, B, q)
        check_grads(along, (B, q[0]))
        if SOUND:
            across = lambda x, q: f(x, q, axis=(2, 1), method="inverted_cdf", weights=full[0].T)  # noqa: E731
            same_value(across, B, q)
            check_grads(across, (B, q[0]))
    else:
        g = lambda x: f(x, q, axis=2, method="inverted_cdf", weights=full)  # noqa: E731
        same_bits(ft.vjp(g, N)[0], g(N))
        check_grads(lambda x: g(np.where(np.isnan(N), np.nan, x)), (np.nan_to_num(N),))


def test_entries_of_no_weight_have_no_part_in_it():
    x = np.array([1.0, 1.0, 2.0, 1.0])
    f = lambda x: np.quantile(x, 0.5, method="inverted_cdf", weights=np.array([0.0, 1.0, 0.5, 1.0]))  # noqa: E731
    np.testing.assert_allclose(ft.grad(f)(x), [0, 0.5, 0, 0.5])
    with_nan = np.array([np.nan, 1.0, 2.0, 1.0])  # NumPy lets it in nonetheless
    assert np.isnan(f(with_nan))
    np.testing.assert_allclose(ft.grad(f)(with_nan), [1, 0, 0, 0])


def test_weights_decide_between_entries_that_tie():
    """Where one is chosen whichever comes first, it has the derivative; else the mean of both orders."""
    weighted = lambda x, q: np.quantile(x, q, method="inverted_cdf", weights=np.array([1.0, 2.0, 1.5]))  # noqa: E731
    x = np.array([0.0, 1.0, 1.0])
    cases = {0.558: [0, 1, 0], 0.4: [0, 0.5, 0.5], 0.9: [0, 0.5, 0.5], 0.1: [1, 0, 0]}
    for q, expected in cases.items():
        np.testing.assert_array_equal(ft.grad(weighted)(x, q), expected)
        tangents = ft.jvp(lambda x, q=q: weighted(x, q), (x,), (np.array([4.0, 1.0, -3.0]),))[1]
        assert tangents == expected @ np.array([4.0, 1.0, -3.0])
        np.testing.assert_array_equal(vmap(ft.grad(weighted))(np.stack([x, x]), np.array([q, q])), [expected] * 2)


def test_traced_weights_are_steps():
    f = lambda x, w: np.quantile(x, 0.5, method="inverted_cdf", weights=w)  # noqa: E731
    gradient = ft.grad(f, (0, 1))(R, np.arange(7.0))
    same_bits(gradient[1], np.zeros(7))
    assert np.sum(gradient[0]) == 1
    program = ft.trace(f)(R, np.arange(7.0))
    same_bits(ft.evaluate(program, R, np.arange(7.0)), f(R, np.arange(7.0)))
    assert np.array_equal(ft.grad(lambda w: f(R, w) + np.sum(w))(np.arange(7.0)), np.ones(7))


# Batches.


def test_batches_of_medians():
    batch = rng.permutation(36).reshape(3, 3, 4) / 8.0
    for f in (np.median, np.nanmedian):
        check_batches(f, batch)
        check_batches(lambda x, f=f: f(x, axis=1), batch)
        check_batches(lambda x, f=f: f(x, axis=(1, 0), keepdims=True), batch)
    absent = np.where(batch % 1 < 0.3, np.nan, batch)
    check_batches(lambda x: np.nanmedian(x, axis=1), absent)


@pytest.mark.parametrize("f", FUNCTIONS)
def test_batches_of_quantiles(f):
    batch = rng.permutation(24).reshape(2, 3, 4) / 8.0
    q = scaled(f, np.array([[0.13, 0.52, 0.83], [0.31, 0.72, 0.47]]))
    for method in ("linear", "weibull", "averaged_inverted_cdf", "closest_observation"):
        check_batches(lambda x, q, m=method: f(x, q, axis=1, method=m), batch, q)
    check_batches(lambda x, q: f(x, q), batch, q[:, 0])
    check_batches(lambda x, q: f(x, q, axis=0, keepdims=True), batch, q[:, :, None])
    check_batches(lambda x, q: f(x, q), batch, q[:, None])
    weights = rng.uniform(0.5, 1.5, batch.shape)
    check_batches(lambda x, q: f(x, q, axis=1, method="inverted_cdf", weights=weights[0]), batch, q)
    still = ft.stop_gradient
    check_batches(lambda x, w: f(x, scaled(f, 0.4), axis=0, method="inverted_cdf", weights=still(w)), batch, weights)


def test_batches_with_nan():
    q = np.array([[0.13, 0.52], [0.31, 0.72]])
    for f in (np.quantile, np.nanquantile):
        g = lambda x, q, f=f: f(x, q, axis=1)  # noqa: E731
        found = vmap(g)(N, q)
        np.testing.assert_allclose(found, [g(*each) for each in zip(N, q, strict=True)])
        found = vmap(ft.grad(lambda x, q, g=g: np.nansum(g(x, q))))(N, q)
        each = [ft.grad(lambda x, q, g=g: np.nansum(g(x, q)))(*each) for each in zip(N, q, strict=True)]
        np.testing.assert_allclose(found, each)


def test_batches_of_no_examples():
    for f in (np.median, np.nanmedian):
        assert vmap(f)(np.zeros((0, 3))).shape == (0,)
    for f in FUNCTIONS:
        assert vmap(lambda x, q, f=f: f(x, q, keepdims=True))(np.zeros((0, 3)), np.zeros((0, 2))).shape == (0, 2, 1)


def test_jacobians():
    few = ft.jacrev(lambda x: np.quantile(x, Q))(R)
    np.testing.assert_allclose(ft.jacfwd(lambda x: np.quantile(x, Q))(R), few)
    many = np.linspace(0, 1, 11)
    np.testing.assert_allclose(
        ft.jacfwd(lambda x: np.quantile(x, many))(R), ft.jacrev(lambda x: np.quantile(x, many))(R)
    )


# Nothing, and what is refused.


@pytest.mark.filterwarnings("ignore:Mean of empty slice:RuntimeWarning", "ignore:invalid value:RuntimeWarning")
def test_of_nothing():
    nothing = np.zeros((2, 0))
    for f in (np.median, np.nanmedian, lambda x: np.median(x, axis=1), lambda x: np.nanquantile(x, Q, axis=1)):
        same_bits(ft.vjp(f, nothing)[0], f(nothing))
        assert ft.grad(lambda x, f=f: np.sum(f(x)))(nothing).shape == (2, 0)
        program = ft.trace(f)(nothing).validate()
        same_bits(ft.evaluate(program, nothing), f(nothing))
    refused(lambda x: np.quantile(x, 0.5), IndexError, "out of bounds", np.zeros(0))
    refused(lambda x: np.percentile(x, 50, axis=1), IndexError, "out of bounds", nothing)


@pytest.mark.parametrize(
    ("f", "kind", "message"),
    [
        (lambda x: np.quantile(x, 1.5), ValueError, r"Quantiles must be in the range \[0, 1\]"),
        (lambda x: np.percentile(x, -3), ValueError, r"Percentiles must be in the range \[0, 100\]"),
        (lambda x: np.nanquantile(x, [0.5, np.nan]), ValueError, "Quantiles must be in the range"),
        (lambda x: np.quantile(x, np.zeros((1, 1, 1))), ValueError, "scalar or 1d"),
        (lambda x: np.quantile(x, 0.5, method="cubic"), ValueError, "'cubic' is not a valid method"),
        (lambda x: np.quantile(x, 0.5, weights=WEIGHTS), ValueError, "Only method 'inverted_cdf' supports weights"),
        (lambda x: np.quantile(x, 0.5, method="inverted_cdf", weights=WEIGHTS), TypeError, "Axis must be specified"),
        (
            lambda x: np.quantile(x, 0.5, axis=0, method="inverted_cdf", weights=WEIGHTS),
            ValueError,
            "Shape of weights must be consistent",
        ),
        (lambda x: np.median(x, axis=2), np.exceptions.AxisError, "axis 2"),
        (lambda x: np.median(x, axis=(0, 0)), ValueError, "axis"),
        (lambda x: np.quantile(np.sum(x), 0.5, axis=0), np.exceptions.AxisError, "axis 0"),
    ],
)
def test_numpys_refusals(f, kind, message):
    refused(f, kind, message, A)


def test_traced_q_out_of_range():
    for f, scale in FUNCTIONS.items():
        for transform in (ft.grad, vmap):
            with pytest.raises(ValueError, match="must be in the range"):
                transform(lambda q, f=f: np.sum(f(R, q)))(np.array([0.5, 1.01]) * scale)


def test_refusals():
    for f in (lambda x: np.median(x, out=np.zeros(())), lambda x: np.nanquantile(x, 0.5, out=np.zeros(()))):
        with pytest.raises(TracedAssignmentError):
            ft.grad(f)(A)
    with pytest.raises(UncoveredFunctionError, match="mixes up the axes"):
        ft.grad(lambda x: np.sum(np.nanquantile(x, Q[:, None], axis=(0, 1))))(B)
    with pytest.raises(TypeError, match="write `method='lower'`"):
        ft.grad(lambda x: HANDLERS[np.quantile](x, 0.5, interpolation="lower"))(A)  # NumPy has dropped it


def test_use():
    """Median absolute deviation, quantile loss at its own minimum, trimming: as they are written."""
    check_grads(lambda x: np.median(np.abs(x - np.median(x))), (R + 0.01 * R**2,), order=2)
    check_grads(lambda x: np.subtract(*np.percentile(x, [75.5, 25.5])), (A,), order=2)
    check_grads(lambda x: np.mean(np.clip(x, *np.quantile(x, [0.11, 0.87]))), (A,), order=2)
    check(lambda x: (x - np.median(x, axis=0)) / np.quantile(x, 0.7, axis=0, keepdims=True), drawn(rng, 4, 3))
