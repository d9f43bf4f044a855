"""The incomplete gamma functions against mpmath: derivatives in both arguments, the tails, the ends."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from scipy import special

import functrans as ft
import functrans.scipy.special
from functrans.scipy.special.density_parts import gauss_legendre
from functrans.scipy.special.incomplete_gamma import gammainc_derivative
from functrans.testing import check_grads

mp.mp.dps = 60
STEP = mp.mpf(10) ** -18
RNG = np.random.default_rng(7)


def slope(f, n):
    """The derivative of order ``n`` by differences in 60 digits."""
    if n == 0:
        return f
    if n == 1:
        return lambda z: (f(z + STEP) - f(z - STEP)) / (2 * STEP)
    return lambda z: (f(z + STEP) - 2 * f(z) + f(z - STEP)) / STEP**2


def exact(a, x, orders):
    """The derivative of ``gammainc``; of its tails, the smaller is differentiated."""
    a, x = mp.mpf(float(a)), mp.mpf(float(x))
    n, k = orders

    def f(b):
        if k:
            density = mp.exp((b - 1) * mp.log(x) - x - mp.loggamma(b))
            return density * ((b - 1 - x) / x if k == 2 else 1)
        if x < a:
            return mp.gammainc(b, 0, x, regularized=True)
        return -mp.gammainc(b, x, mp.inf, regularized=True)

    return slope(f, n)(a)


def points():
    a = 10 ** RNG.uniform(-3, 4, 45)
    near = a + 2.0 * RNG.normal(size=45) * np.sqrt(a)
    x = np.where(np.arange(45) % 3 == 0, 10 ** RNG.uniform(-6, 4, 45), np.where(np.arange(45) % 3 == 1, near, a))
    known = [(1e-3, 1e-6), (1e-3, 5.0), (1e4, 1.02e4), (1e4, 9.7e3), (0.5, 30.0), (20.0, 1e-3), (2.5, 2.5), (1e-8, 2.0)]
    return [*zip(a[x > 0], x[x > 0], strict=True), *known]


@pytest.mark.parametrize("orders", [(1, 0), (0, 1), (2, 0), (1, 1), (0, 2), (2, 1)])
def test_derivatives_are_those_of_mpmath(orders):
    for a, x in points():
        expected = exact(a, x, orders)
        found = float(gammainc_derivative(a, x, orders))
        if abs(expected) < 1e-280:
            assert abs(found) < 1e-270
            continue
        # A density's exponent is as exact as its arguments are: 1e-16 of it. And there are zeros in the middle.
        exponent = abs(float(mp.log(abs(expected))))
        scale = abs(exact(a, x, (0, 1))) * mp.mpf(float(x)) ** (1 - orders[1]) * mp.mpf(float(a)) ** (-sum(orders) / 2)
        error = abs(found - expected) - mp.mpf(1e-14) * scale
        assert error < (2e-14 + 4e-16 * exponent) * abs(expected), (a, x, orders)


def test_the_rule_of_gauss_is_exact_to_its_ends():
    points, weights = gauss_legendre()
    assert abs(np.sum(weights) - 1) < 1e-15
    for u, w in list(zip(points, weights, strict=True))[::7]:
        root = mp.findroot(lambda z: mp.legendre(48, z), 2 * mp.mpf(u) - 1)
        assert abs(u / ((1 + root) / 2) - 1) < 5e-16
        assert abs(w * (1 - root**2) * mp.diff(lambda z: mp.legendre(48, z), root) ** 2 - 1) < 1e-14


@pytest.mark.parametrize("name", ["gammainc", "gammaincc"])
@pytest.mark.parametrize(("a", "x"), [(0.3, 0.2), (2.5, 4.0), (7.0, 1.5)])
def test_functions(name, a, x):
    f = getattr(special, name)
    check_grads(f, (a, x), order=2)
    assert ft.grad(f, argnums=(0, 1))(a, x)[0] * (1 if name == "gammainc" else -1) < 0
    value = ft.vjp(f, np.float32(a), np.float32(x))
    assert value[0].dtype == np.float32
    assert {g.dtype for g in value[1](np.float32(1))} == {np.dtype(np.float32)}


@pytest.mark.parametrize("name", ["gammaincinv", "gammainccinv"])
def test_inverse_functions(name):
    f, forward = getattr(special, name), getattr(special, name.removesuffix("inv"))
    for a, p in [(0.3, 0.2), (2.5, 0.7), (40.0, 1e-8)]:
        check_grads(f, (a, p), order=2)
        slope = ft.grad(lambda a, p=p: forward(a, f(a, p)))(a)  # it stays p
        assert abs(slope) < 1e-13 * max(p, ft.grad(f, argnums=0)(a, p))


def test_the_third_derivative_in_the_parameter():
    f = ft.grad(ft.grad(ft.grad(special.gammainc)))
    expected = mp.diff(lambda b: mp.gammainc(b, 0, 3, regularized=True), mp.mpf("2.5"), 3)
    assert abs(f(2.5, 3.0) - float(expected)) < 1e-13


def test_an_array_is_computed_in_pieces():
    a, x = RNG.uniform(0.1, 40.0, (2, 5000))
    whole = gammainc_derivative(a, x, (1, 0))
    assert np.allclose(whole[2040:2060], gammainc_derivative(a[2040:2060], x[2040:2060], (1, 0)), rtol=1e-14, atol=0)


@pytest.mark.parametrize(
    ("a", "in_x", "in_xx"),
    [(0.5, np.inf, -np.inf), (1.0, 1.0, -1.0), (1.5, 0.0, np.inf), (2.0, 0.0, 1.0), (3.0, 0.0, 0.0)],
)
def test_at_zero(a, in_x, in_xx):
    in_a, found = ft.grad(special.gammainc, argnums=(0, 1))(a, 0.0)
    assert (in_a, found) == (0.0, in_x)
    assert gammainc_derivative(a, 0.0, (0, 2)) == in_xx
    if a > 1:
        assert gammainc_derivative(a, 0.0, (1, 1)) == 0.0


def test_far_out():
    assert ft.grad(special.gammainc, argnums=(0, 1))(2.0, np.inf) == (0.0, 0.0)
    assert ft.grad(special.gammaincc, argnums=(0, 1))(2.0, np.inf) == (0.0, 0.0)
    assert ft.grad(special.gammaincinv)(2.0, 0.0) == 0.0
    assert ft.grad(special.gammaincinv)(2.0, 1.0) == np.inf
    assert np.isnan(ft.grad(special.gammainc)(2.0, -1.0))
    # The exponential integral.
    assert np.isclose(ft.grad(special.gammainc)(0.0, 0.7), -special.exp1(0.7), rtol=1e-14)


def test_a_program_needs_scipy_alone():
    program = ft.trace(ft.grad(lambda a, x: special.gammainc(a, x)))(2.0, 3.0)
    namespace: dict[str, object] = {}
    exec(program.to_source(), namespace)
    assert namespace[program.name](2.0, 3.0) == ft.grad(special.gammainc)(2.0, 3.0)  # type: ignore[operator]
