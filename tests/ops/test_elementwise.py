"""Functions of one number: their derivatives of orders 1 to 3, against mpmath's with many digits."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

import functrans as ft

POINTS = {
    "exp": (mp.exp, [-40.0, -1.3, 0.0, 2.5]),
    "exp2": (lambda x: mp.mpf(2) ** x, [-40.0, -1.3, 0.0, 2.5]),
    "expm1": (mp.expm1, [-40.0, -1e-9, 0.0, 2.5]),
    "log": (mp.log, [1e-9, 0.3, 7.0, 1e9]),
    "log2": (lambda x: mp.log(x, 2), [1e-9, 0.3, 7.0, 1e9]),
    "log10": (mp.log10, [1e-9, 0.3, 7.0, 1e9]),
    "log1p": (mp.log1p, [-0.999, -1e-9, 0.0, 1e9]),
    "sqrt": (mp.sqrt, [1e-9, 0.3, 7.0, 1e9]),
    "cbrt": (mp.cbrt, [1e-9, 0.3, 7.0, 1e9]),
    "square": (lambda x: x * x, [-3.0, 0.0, 1.5]),
    "reciprocal": (lambda x: 1 / x, [-3.0, 1e-3, 1.5]),
    "sin": (mp.sin, [-3.0, 0.0, 1.5, 100.0]),
    "cos": (mp.cos, [-3.0, 0.0, 1.5, 100.0]),
    "tan": (mp.tan, [-1.4, 0.0, 1.5, 100.0]),
    "arcsin": (mp.asin, [-0.999999, 0.0, 0.3, 0.9]),
    "arccos": (mp.acos, [-0.999999, 0.0, 0.3, 0.9]),
    "arctan": (mp.atan, [-1e3, 0.0, 0.3, 20.0]),
    "sinh": (mp.sinh, [-20.0, 0.0, 0.3, 2.0]),
    "cosh": (mp.cosh, [-20.0, 0.0, 0.3, 2.0]),
    "tanh": (mp.tanh, [-20.0, 0.0, 0.3, 20.0, 300.0]),
    "arcsinh": (mp.asinh, [-1e3, 0.0, 0.3, 2.0]),
    "arccosh": (mp.acosh, [1.000001, 1.3, 20.0]),
    "arctanh": (mp.atanh, [-0.999999, 0.0, 0.3, 0.9]),
    "deg2rad": (mp.radians, [-20.0, 0.3]),
    "radians": (mp.radians, [-20.0, 0.3]),
    "rad2deg": (mp.degrees, [-20.0, 0.3]),
    "degrees": (mp.degrees, [-20.0, 0.3]),
    "absolute": (abs, [-0.3, 2.0]),
    "fabs": (abs, [-0.3, 2.0]),
    "negative": (lambda x: -x, [-0.3, 2.0]),
    "positive": (lambda x: x, [-0.3, 2.0]),
    "conjugate": (lambda x: x, [-0.3, 2.0]),
}
# How far the formulas themselves amplify rounding there: 1 - x**2 near 1 at order 3, cos(1.5) in tan.
LOOSER = {"tan": 1e-11}


def derivative(f, order):
    for _ in range(order):
        f = ft.grad(f)
    return f


def exact(f, x, order):
    with mp.workdps(150):
        return float(mp.diff(f, mp.mpf(x), order, h=mp.mpf(10) ** -25, relative=False))


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("name", POINTS)
def test_derivatives(name, order):
    f, points = POINTS[name]
    for x in points:
        expected = exact(f, x, order)
        scale = max(abs(exact(f, x, n)) for n in range(order + 1)) * 1e-16  # where it is zero, up to rounding beside it
        got = derivative(getattr(np, name), order)(x)
        assert got == pytest.approx(expected, rel=LOOSER.get(name, 1e-12), abs=scale), f"at {x}"


@pytest.mark.parametrize("name", POINTS)
def test_derivatives_in_single_precision(name):
    f, points = POINTS[name]
    for x in points:
        got = ft.grad(getattr(np, name))(np.float32(x))
        assert type(got) is np.float32
        x32 = float(np.float32(x))
        if abs(x32) != 1:
            assert float(got) == pytest.approx(exact(f, x32, 1), rel=2e-5, abs=1e-7), f"at {x}"


COMPLEX = {
    "exp": mp.exp,
    "exp2": lambda z: mp.mpf(2) ** z,
    "expm1": mp.expm1,
    "log": mp.log,
    "log2": lambda z: mp.log(z) / mp.log(2),
    "log10": mp.log10,
    "log1p": lambda z: mp.log(1 + z),
    "sqrt": mp.sqrt,
    "square": lambda z: z * z,
    "reciprocal": lambda z: 1 / z,
    "sin": mp.sin,
    "cos": mp.cos,
    "tan": mp.tan,
    "arcsin": mp.asin,
    "arccos": mp.acos,
    "arctan": mp.atan,
    "sinh": mp.sinh,
    "cosh": mp.cosh,
    "tanh": mp.tanh,
    "arcsinh": mp.asinh,
    "arccosh": mp.acosh,
    "arctanh": mp.atanh,
}


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("name", COMPLEX)
def test_holomorphic_derivatives(name, order):
    f = getattr(np, name)
    for _ in range(order):
        f = ft.grad(f, holomorphic=True)
    for z in (0.3 + 0.4j, -1.2 + 0.7j, 2.5 - 0.6j, -1.5 - 2.0j):
        with mp.workdps(150):
            expected = complex(mp.diff(COMPLEX[name], mp.mpc(z), order, h=mp.mpf(10) ** -25, relative=False))
        assert f(z) == pytest.approx(expected, rel=1e-12), f"at {z}"


@pytest.mark.parametrize("name", ["floor", "ceil", "trunc", "rint", "sign", "spacing"])
def test_steps_are_plain_and_flat(name):
    f = getattr(np, name)

    def through(x):
        step = f(x)
        assert isinstance(step, np.generic)
        return step * x

    assert ft.grad(through)(2.3) == f(2.3)
    assert ft.grad(f)(2.3) == 0
    assert ft.evaluate(ft.trace(ft.grad(f))(2.3), 2.3) == 0


def test_modf_and_frexp():
    assert ft.grad(lambda x: np.modf(x)[0] * 3)(2.75) == 3
    assert ft.grad(lambda x: np.modf(x)[1] * x)(2.75) == 2
    mantissa, exponent = np.frexp(2.75)
    assert ft.vjp(np.frexp, 2.75)[0] == (mantissa, exponent)
    assert ft.grad(lambda x: np.frexp(x)[0])(2.75) == 2.0**-exponent
    assert ft.jvp(lambda x: np.frexp(x)[0], (2.75,), (1.0,))[1] == 2.0**-exponent


@pytest.mark.parametrize("x", [1e160, -1e200, 1e300])
def test_slope_of_arcsinh_far_out(x):
    """1 / sqrt(1 + x**2) is 1 / |x| there, though x**2 overflows."""
    assert ft.grad(np.arcsinh)(x) == pytest.approx(1.0 / abs(x), rel=1e-15)
    assert ft.jvp(np.arcsinh, (x,), (1.0,))[1] == pytest.approx(1.0 / abs(x), rel=1e-15)


@pytest.mark.parametrize("kind", "efdg")
def test_the_slope_of_tanh_is_one_formula_wherever_it_is_and_says_nothing(kind):
    x = np.array([-2e4, -700.0, -15.0, -9.0, -0.3, 0.0, 3.0, 9.9, 10.0, 40.0, 355.0, 2e4, np.inf, np.nan], kind)
    with np.errstate(over="ignore"):
        expected = np.square(1.0 / np.cosh(x))
    with np.errstate(all="raise", under="ignore"):
        for part in (slice(None), slice(3, 8), slice(3, 9), slice(0, 0)):
            np.testing.assert_array_equal(ft.jvp(np.tanh, (x[part],), (np.ones_like(x[part]),))[1], expected[part])
        for one, slope in zip(x, expected, strict=True):
            found = ft.grad(np.tanh)(one)
            assert found.dtype == slope.dtype
            np.testing.assert_array_equal(found, slope)
