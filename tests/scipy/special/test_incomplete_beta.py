"""The incomplete beta functions against mpmath: derivatives in three arguments, the tails, the ends."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from scipy import special

import functrans as ft
import functrans.scipy.special
from functrans.scipy.special.incomplete_beta import betainc_derivative
from functrans.testing import check_grads
from tests.scipy.special.test_incomplete_gamma import slope

RNG = np.random.default_rng(11)
ORDERS = [
    *[(1, 0, 0), (0, 1, 0), (0, 0, 1)],
    *[(2, 0, 0), (1, 1, 0), (0, 2, 0), (1, 0, 1), (0, 1, 1), (0, 0, 2), (1, 1, 1)],
]


def lower(a, b, x):
    """``betainc(a, b, x)`` by a series of positive terms."""
    front = a * mp.log(x) + b * mp.log1p(-x) - mp.log(a) - mp.loggamma(a) - mp.loggamma(b) + mp.loggamma(a + b)
    return mp.exp(front) * mp.hyp2f1(a + b, 1, a + 1, x)


def exact(a, b, x, orders):
    a, b, x = mp.mpf(float(a)), mp.mpf(float(b)), mp.mpf(float(x))
    m, n, k = orders
    below = x < a / (a + b)

    def f(a, b):
        if k:
            density = mp.exp((a - 1) * mp.log(x) + (b - 1) * mp.log1p(-x) - mp.log(mp.beta(a, b)))
            return density * ((a - 1) / x - (b - 1) / (1 - x) if k == 2 else 1)
        return lower(a, b, x) if below else -lower(b, a, 1 - x)

    return slope(lambda d: slope(lambda c: f(c, d), m)(a), n)(b)


def points():
    found = []
    for i in range(24):
        a, b = 10 ** RNG.uniform(-2.5, 2.5, 2)
        mean = a / (a + b)
        x = [RNG.uniform(), mean + RNG.normal() * np.sqrt(mean * (1 - mean) / (a + b + 1)), 10 ** RNG.uniform(-8, 0)][
            i % 3
        ]
        if 0 < x < 1:
            found.append((a, b, x))
    return [*found, (1e-3, 1e-3, 0.3), (0.2, 1e-6, 0.999), (3e3, 5e3, 0.38), (900.0, 2.0, 0.999), (2.5, 2.6, 0.5)]


@pytest.mark.parametrize("orders", ORDERS)
def test_derivatives_are_those_of_mpmath(orders):
    for a, b, x in points():
        expected = exact(a, b, x, orders)
        found = float(betainc_derivative(a, b, x, orders))
        if abs(expected) < 1e-280:
            assert abs(found) < 1e-270
            continue
        exponent = abs(float(mp.log(abs(expected))))
        tolerance = 2e-12 if orders[0] and orders[1] else 1e-13  # there are terms like 1 / (a b)
        assert abs(found - expected) < (tolerance + 5e-16 * exponent) * abs(expected), (a, b, x)


@pytest.mark.parametrize("name", ["betainc", "betaincc", "betaincinv", "betainccinv"])
@pytest.mark.parametrize(("a", "b", "x"), [(0.4, 1.3, 0.2), (2.5, 4.0, 0.7)])
def test_functions(name, a, b, x):
    f = getattr(special, name)
    check_grads(f, (a, b, x), order=2)
    value, pull = ft.vjp(f, *map(np.float32, (a, b, x)))
    assert value.dtype == np.float32
    assert {g.dtype for g in pull(np.float32(1))} == {np.dtype(np.float32)}


@pytest.mark.parametrize("name", ["betaincinv", "betainccinv"])
def test_inverse_functions_keep_the_value(name):
    f, forward = getattr(special, name), getattr(special, name.removesuffix("inv"))
    for a, b, p in [(0.4, 1.3, 0.2), (2.5, 4.0, 0.7), (30.0, 20.0, 1e-6)]:
        for i in (0, 1):
            moved = ft.grad(lambda a, b, p=p: forward(a, b, f(a, b, p)), argnums=i)(a, b)
            assert abs(moved) < 1e-13


@pytest.mark.parametrize(
    ("a", "b", "in_x", "in_xx"),
    [
        (0.5, 2.0, np.inf, -np.inf),
        (1.0, 3.0, 3.0, -6.0),
        (1.5, 2.0, 0.0, np.inf),
        (2.0, 3.0, 0.0, 12.0),
        (3.0, 0.5, 0, 0),
    ],
)
def test_at_the_ends(a, b, in_x, in_xx):
    assert ft.grad(special.betainc, argnums=(0, 1, 2))(a, b, 0.0) == (0.0, 0.0, pytest.approx(in_x))
    assert ft.grad(special.betainc, argnums=(0, 1, 2))(b, a, 1.0) == (0.0, 0.0, pytest.approx(in_x))
    assert betainc_derivative(a, b, 0.0, (0, 0, 2)) == pytest.approx(in_xx)
    assert betainc_derivative(b, a, 1.0, (0, 0, 2)) == pytest.approx(-in_xx)
    if a > 1:
        assert betainc_derivative(a, b, 0.0, (1, 0, 1)) == 0.0


def test_the_inverse_stays_at_its_ends():
    for p in (0.0, 1.0):
        assert ft.grad(special.betaincinv, argnums=(0, 1))(2.0, 3.0, p) == (0.0, 0.0)


def test_batches():
    a, x = RNG.uniform(0.2, 3.0, (2, 4))
    g = ft.grad(special.betainc, argnums=1)
    found = ft.vmap(g, in_axes=(0, None, 0))(a, 1.5, x / 4)
    assert np.allclose(found, [g(c, 1.5, y) for c, y in zip(a, x / 4, strict=True)], rtol=1e-14)
