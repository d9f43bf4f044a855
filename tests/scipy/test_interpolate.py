"""functrans.scipy.interpolate."""

import numpy as np
import pytest
import scipy.interpolate

import functrans as ft
import functrans.scipy.interpolate as interpolate
from functrans.errors import UncoveredFunctionError
from tests.ops.agreement import check, drawn, same_bits, same_value
from tests.scipy.test_signal import batched

RNG = np.random.default_rng(6)
KNOTS = np.array([0.0, 0.7, 1.5, 2.6, 3.1, 4.2])
Y, TABLE = drawn(RNG, 6), drawn(RNG, 6, 2)
AT = np.array([0.1, 0.9, 2.0, 3.9])
OUT = np.array([-0.4, 0.2, 4.9])
CUBIC = {
    "CubicSpline": [
        {},
        *[{"bc_type": bc} for bc in ("natural", "clamped", ((1, 0.5), (2, -0.3)), ("natural", "not-a-knot"))],
    ],
    "PchipInterpolator": [{}],
    "Akima1DInterpolator": [{"extrapolate": True}, {"method": "makima", "extrapolate": True}],
}


@pytest.mark.parametrize("name", CUBIC)
def test_cubic_interpolants(name):
    ours, theirs = getattr(interpolate, name), getattr(scipy.interpolate, name)
    for keywords in CUBIC[name]:
        for n in (2, 3, 4, 6) if name != "Akima1DInterpolator" else (2, 6):
            if n == 2 and keywords.get("bc_type") == ((1, 0.5), (2, -0.3)):
                continue
            x = KNOTS[:n]
            y = Y[:n] if isinstance(keywords.get("bc_type"), tuple) else TABLE[:n]
            f = lambda x, y, at: ours(x, y, **keywords)(at)  # noqa: E731
            same_bits(f(x, y, OUT), theirs(x, y, **keywords)(OUT))
            check(f, x, y, np.array([0.3, 0.6, 0.65]), precise=1e-8)
        same_bits(ours(KNOTS, Y, **keywords)(AT, 1), theirs(KNOTS, Y, **keywords)(AT, 1))
        check(lambda y, at: ours(KNOTS, y, **keywords)(at, 1), Y, AT)
        if "bc_type" not in keywords:
            check(lambda y, at: ours(KNOTS, y, 1, **keywords)(at), TABLE.T, AT)
        check(lambda at: ours(KNOTS, Y, **keywords).derivative(2)(at), AT)
    batched(lambda x, y, at: ours(x, y, extrapolate=True)(at), KNOTS, Y, AT, precise=1e-10)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6])
def test_periodic_splines(n):
    x = KNOTS[:n]

    def closed(f):
        def through(x, y, at):
            return f(x, np.concatenate([y, y[:1]]), bc_type="periodic")(at)

        return through

    f = closed(interpolate.CubicSpline)
    for y in (Y[: n - 1], TABLE[: n - 1]):
        same_bits(f(x, y, OUT), closed(scipy.interpolate.CubicSpline)(x, y, OUT))
        check(f, x, y, np.array([-0.3, 0.2, 0.9]), precise=1e-8)


def test_hermite_and_pieces():
    f = lambda x, y, s, at: interpolate.CubicHermiteSpline(x, y, s)(at)  # noqa: E731
    same_bits(f(KNOTS, Y, TABLE[:, 0], OUT), scipy.interpolate.CubicHermiteSpline(KNOTS, Y, TABLE[:, 0])(OUT))
    check(f, KNOTS, Y, TABLE[:, 0], AT)
    c = drawn(RNG, 3, 5, 2)
    for extrapolate in (True, False, "periodic"):
        for nu in (0, 1, 2, 3):
            f = lambda c, x, at: interpolate.PPoly(c, x, extrapolate)(at, nu)  # noqa: E731
            same_bits(f(c, KNOTS, OUT), scipy.interpolate.PPoly(c, KNOTS, extrapolate)(OUT, nu))
            check(f, c, KNOTS, AT)
    check(lambda c: interpolate.PPoly(c, KNOTS)(AT), drawn(RNG, 2, 5, kind="c"))


def test_slopes_are_those_of_the_spline():
    spline = scipy.interpolate.CubicSpline(KNOTS, Y)
    ours = interpolate.CubicSpline(KNOTS, Y)
    for order in (1, 2, 3):
        derived = lambda x: ours(x)  # noqa: E731
        for _ in range(order):
            derived = ft.elementwise_grad(derived)
        np.testing.assert_allclose(derived(AT), spline(AT, order), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(ft.elementwise_grad(ours)(KNOTS), spline(KNOTS, 1), rtol=1e-12)


@pytest.mark.parametrize("k", [0, 1, 2, 3])
def test_b_splines(k):
    t = np.concatenate([[0.0] * k, KNOTS, [4.2] * k])
    c = drawn(RNG, len(t) - k - 1, 2)
    for extrapolate in (True, False, "periodic"):
        for nu in range(k + 1):
            f = lambda c, at: interpolate.BSpline(t, c, k, extrapolate)(at, nu)  # noqa: E731
            same_bits(f(c, OUT), scipy.interpolate.BSpline(t, c, k, extrapolate)(OUT, nu))
            check(f, c, AT)
    if k:
        uneven = np.arange(len(t)) + 0.2 * drawn(RNG, len(t))
        at = np.array([uneven[k] + 0.3, uneven[-k - 1] - 0.4])
        check(lambda t, c, at: interpolate.BSpline(t, c, k)(at), uneven, c, at, precise=1e-8)
    check(lambda c: interpolate.BSpline(t, c, k, axis=1)(AT), c.T)


def test_lines():
    for keywords in (
        {"fill_value": "extrapolate"},
        {"bounds_error": False},
        {"bounds_error": False, "fill_value": 0.5},
        {"bounds_error": False, "fill_value": (0.5, -1.0)},
    ):
        for y, axis in ((Y, -1), (TABLE, 0), (TABLE.T, 1)):
            f = lambda x, y, at: interpolate.interp1d(x, y, axis=axis, **keywords)(at)  # noqa: E731
            same_bits(f(KNOTS, y, OUT), scipy.interpolate.interp1d(KNOTS, y, axis=axis, **keywords)(OUT))
            check(f, KNOTS, y, AT)
    same_value(lambda y: interpolate.interp1d(KNOTS[::-1], y)(AT), Y)
    batched(lambda x, y, at: interpolate.interp1d(x, y, fill_value="extrapolate")(at), KNOTS, Y, AT)
    with pytest.raises(ValueError):
        ft.vjp(lambda y: interpolate.interp1d(KNOTS, y)(OUT), Y)
    with pytest.raises(UncoveredFunctionError):
        interpolate.interp1d(KNOTS, Y, "cubic")


def test_grids():
    x, y = KNOTS, np.array([0.0, 1.0, 3.0])
    values = drawn(RNG, 6, 3, 2)
    at = np.array([[0.3, 0.4], [2.2, 2.9], [4.0, 0.1]])
    f = lambda values, at, x, y: interpolate.RegularGridInterpolator((x, y), values)(at)  # noqa: E731
    same_bits(f(values, at, x, y), scipy.interpolate.RegularGridInterpolator((x, y), values)(at))
    check(f, values, at, x, y)
    for fill in (np.nan, 0.5, None):
        outside = np.array([[-0.3, 0.4], [2.2, 3.9]])
        how = {"bounds_error": False, "fill_value": fill}
        g = lambda values: interpolate.RegularGridInterpolator((x, y), values, **how)(outside)  # noqa: E731
        same_bits(g(values), scipy.interpolate.RegularGridInterpolator((x, y), values, **how)(outside))
        same_value(g, values)
    free = {"bounds_error": False, "fill_value": None}
    check(lambda v, a: interpolate.interpn((x, y), v, a, **free), values[..., 0], at)
    same_bits(interpolate.interpn((x, y), values, at), scipy.interpolate.interpn((x, y), values, at))
    check(lambda a, b: interpolate.RegularGridInterpolator((x, y), values, **free)((a, b)), at[:, 0], at[:, 1])
    check(lambda v: interpolate.RegularGridInterpolator((x,), v)(AT), Y)
    batched(lambda v, a: interpolate.interpn((x, y), v, a, **free), values[..., 0], at)
    with pytest.raises(ValueError):
        ft.vjp(lambda v: interpolate.interpn((x, y), v, 9 * at), values)


def test_refusals():
    for make, kind in [
        (lambda y: interpolate.CubicSpline(KNOTS, y, bc_type="none"), ValueError),
        (lambda y: interpolate.CubicSpline(KNOTS[1:], y), ValueError),
        (lambda y: interpolate.CubicSpline(KNOTS, y, bc_type=((1, y[0]), (1, 0.0))), UncoveredFunctionError),
        (lambda y: interpolate.CubicSpline(KNOTS, y).integrate(0, 1), UncoveredFunctionError),
        (lambda y: interpolate.CubicSpline(KNOTS, y)(0.5, -1), UncoveredFunctionError),
        (lambda y: interpolate.CubicSpline(KNOTS, y).nothing, AttributeError),
        (lambda y: interpolate.RegularGridInterpolator((KNOTS,), y, "cubic"), UncoveredFunctionError),
        (lambda y: interpolate.PchipInterpolator(KNOTS, y + 1j), ValueError),
        (lambda y: interpolate.Akima1DInterpolator(KNOTS, y, method="none"), NotImplementedError),
    ]:
        with pytest.raises(kind):
            ft.vjp(make, Y)
