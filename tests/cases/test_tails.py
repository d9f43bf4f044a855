"""Tails: derivatives where a function has all but reached its bound, without cancellation, against mpmath.

Libraries gave 0 for the derivative of ``tanh`` at 20 and of ``expm1`` at -40; it is 1.70e-17 and 4.25e-18.
And powers at 0, at every order: the third derivative of ``exp(-x**2)`` came out as NaN.
"""

from __future__ import annotations

import itertools
import math

import mpmath as mp
import numpy as np
import pytest

import functrans as ft
from tests.cases.judging import nested, nestings


def test_the_cases():
    for transforms in nestings(1):
        np.testing.assert_allclose(nested(transforms, np.tanh)(20.0), 1.70e-17, rtol=2e-3)
        np.testing.assert_allclose(nested(transforms, np.expm1)(-40.0), 4.25e-18, rtol=1e-3)


# In single precision exponentials end at 1e-38, so the points of the first list lie nearer.
NEAR, FAR = [3.0, 10.0, 20.0, -20.0], [-40.0, 100.0, 300.0, -300.0, 700.0]
TAILS = {
    # name: the function, mpmath's, points near, points far
    "tanh": (np.tanh, mp.tanh, NEAR, [*FAR[:4], 350.0]),
    "expm1": (np.expm1, mp.expm1, [-3.0, -10.0, -40.0], [-100.0, -700.0]),
    "exp": (np.exp, mp.exp, [-3.0, -40.0], [-700.0]),
    "exp2": (np.exp2, lambda x: mp.mpf(2) ** x, [-3.0, -40.0], [-1000.0]),
    "arctan": (np.arctan, mp.atan, [3.0, -20.0, 1e4], [1e20, -1e50]),  # further out (1 + x**2)**-3 underflows
    "arcsinh": (np.arcsinh, mp.asinh, [3.0, -20.0, 1e4], [1e20, -1e60]),
    "arccosh": (np.arccosh, mp.acosh, [1 + 2.0**-10, 20.0, 1e4], [1 + 2.0**-40, 1e20]),
    "arctanh": (np.arctanh, mp.atanh, [1 - 2.0**-10, -1 + 2.0**-12], [1 - 2.0**-40, -1 + 2.0**-50]),
    "arcsin": (np.arcsin, mp.asin, [1 - 2.0**-10, -1 + 2.0**-12], [1 - 2.0**-40, -1 + 2.0**-50]),
    "arccos": (np.arccos, mp.acos, [1 - 2.0**-10, -1 + 2.0**-12], [1 - 2.0**-40, -1 + 2.0**-50]),
    "log1p": (np.log1p, mp.log1p, [-1 + 2.0**-12, 1e4, 2.0**-20], [-1 + 2.0**-50, 1e60]),
    "logaddexp": (lambda x: np.logaddexp(x, 0.0), lambda x: mp.log(1 + mp.exp(x)), NEAR, [*FAR[:4], 350.0]),
    "logaddexp of the other": (lambda x: np.logaddexp(1.0, x), lambda x: mp.log(mp.e + mp.exp(x)), NEAR, FAR[:4]),
    "logaddexp2": (lambda x: np.logaddexp2(x, 0.0), lambda x: mp.log(1 + mp.mpf(2) ** x, 2), NEAR, FAR[:4]),
    "arctan2": (lambda x: np.arctan2(x, 2.0), lambda x: mp.atan(x / 2), [20.0, 1e4], [1e20, -1e40]),
    "arctan2 of the other": (lambda x: np.arctan2(2.0, x), lambda x: mp.atan2(2, x), [20.0, -1e4], [1e20]),
    "hypot": (lambda x: np.hypot(x, 1.0), lambda x: mp.sqrt(x * x + 1), [0.01, 20.0], [1e8, -1e20]),
    "logistic": (lambda x: 0.5 * (1 + np.tanh(x / 2)), lambda x: (1 + mp.tanh(x / 2)) / 2, NEAR, FAR[:4]),
    "reciprocal": (np.reciprocal, lambda x: 1 / x, [20.0, -1e4], [1e60]),
    "cosh": (np.cosh, mp.cosh, [2.0**-20, 20.0], [-300.0]),
    "sinh": (np.sinh, mp.sinh, [2.0**-20, 20.0], [-300.0]),
    "cbrt": (np.cbrt, lambda x: mp.cbrt(x), [20.0, 1e4], [1e60]),
    "sqrt": (np.sqrt, mp.sqrt, [20.0, 1e4], [1e60, 1e-60]),
}


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("name", TAILS)
def test_tails(name, order):
    f, exact, near, far = TAILS[name]
    for x, dtype in [*[(x, np.float32) for x in near], *[(x, float) for x in near + far]]:
        with mp.workdps(480):  # the differences of mpmath cancel, too
            point = mp.mpf(float(dtype(x)))
            step = min(abs(point), abs(abs(point) - 1)) * mp.mpf(10) ** -45
            expected = mp.diff(exact, point, order, h=step)
            assert expected != 0 or name == "cosh"
            expected = float(expected)
        tiny = float(np.finfo(dtype).tiny)
        if abs(expected) < tiny / float(np.finfo(dtype).eps):
            continue
        for transforms in nestings(order)[:: max(1, order - 1)]:
            with np.errstate(all="ignore"):
                found = nested(transforms, f)(dtype(x))
            # Not `pytest.approx`, which takes everything below 1e-12 for 0.
            rounding = 40 * float(np.finfo(dtype).eps)
            np.testing.assert_allclose(found, expected, rtol=rounding, err_msg=f"{x}, {dtype.__name__}")


# Powers at 0, at every order.


@pytest.mark.parametrize("square", [lambda x: x**2, lambda x: x * x, np.square, lambda x: np.power(x, 2.0)])
def test_every_derivative_of_the_bell_curve(square):
    f = lambda x: np.exp(-square(x))  # noqa: E731
    for order, expected in enumerate((1.0, 0.0, -2.0, 0.0, 12.0)):
        for transforms in nestings(order):
            assert nested(transforms, f)(0.0) == expected
            assert nested(transforms, f)(np.float32(0.0)) == expected
    for expected in (1.0, 0.0, -2.0, 0.0, 12.0, 0.0, -120.0):
        assert f(0.0) == expected
        f = ft.grad(f)


EXPONENTS = {
    "int": lambda n, shape: n,
    "float": lambda n, shape: float(n),
    "np.int64": lambda n, shape: np.int64(n),
    "np.float64": lambda n, shape: np.float64(n),
    "np.float32": lambda n, shape: np.float32(n),
    "int array": lambda n, shape: np.full(shape, n),
    "float array": lambda n, shape: np.full(shape, float(n)),
}
POWERS = {
    "operator": lambda x, n: x**n,
    "np.power": lambda x, n: np.power(x, n),
    "np.float_power": lambda x, n: np.float_power(x, n),
}
BASES = {
    "Python": 0.0,
    "np.float64": np.float64(0.0),
    "np.float32": np.float32(0.0),
    "negative zero": np.float64(-0.0),
    "array": np.zeros(2),
    "0-d array": np.zeros(()),
    "complex": np.complex128(0.0),
}


def powers():
    """Every exponent with the commonest bases, every base with the commonest exponents."""
    return [
        (kind, power, base)
        for kind, power, base in itertools.product(EXPONENTS, POWERS, BASES)
        if kind in ("int", "float") or base in ("Python", "np.float64", "array")
    ]


@pytest.mark.parametrize(("kind", "power", "base"), powers())
def test_powers_at_zero(kind, power, base):
    """The k-th derivative of x**n is n!/(n-k)! x**(n-k), and 0 from order n+1 on."""
    x = BASES[base]
    shape = np.shape(x)
    for n, order in itertools.product(range(5), range(5)):
        exponent = EXPONENTS[kind](n, shape)
        f = lambda x, exponent=exponent: POWERS[power](x, exponent)  # noqa: E731
        if base == "complex":
            f = lambda x, f=f: np.real(f(x))  # noqa: E731
        expected = math.factorial(n) if order == n else 0.0
        for transforms in nestings(order) if order < 2 else [nestings(order)[i] for i in (1, -1)]:
            g = f
            for transform in transforms:  # the sum makes a gradient of it; powers do not mix their entries
                once = transform.__name__ == "by_jvp" or not shape
                g = transform(g) if once else transform(lambda x, g=g: np.sum(g(x)))
                if base == "complex":
                    g = lambda x, g=g: np.real(g(x))  # noqa: E731
            found = g(x)
            assert np.shape(found) == shape
            np.testing.assert_array_equal(found, np.full(shape, expected), err_msg=f"{n=}, {order=}")


@pytest.mark.parametrize("order", range(1, 5))
def test_polynomials_at_zero(order):
    """1 + 2x + 3x^2 + 4x^3 + 5x^4 by powers, by Horner's rule, as a Vandermonde sum."""
    coefficients = np.arange(1.0, 6.0)

    def horner(x):
        total = 0.0
        for c in coefficients[::-1]:
            total = total * x + c
        return total

    for f in (
        horner,
        lambda x: sum(c * x**n for n, c in enumerate(coefficients)),
        lambda x: np.sum(coefficients * x ** np.arange(5)),
        lambda x: np.dot(coefficients, np.power(x, np.arange(5.0))),
        lambda x: np.polyval(coefficients[::-1], 1.0) * 0 + horner(x),
    ):
        for transforms in nestings(order):
            assert nested(transforms, f)(0.0) == math.factorial(order) * (order + 1)
