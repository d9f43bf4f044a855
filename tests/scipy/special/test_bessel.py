from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
import scipy.special as special

import functrans as ft
import functrans.scipy.special as covered
from functrans.errors import FunctransError
from functrans.testing import check_grads

NEAR = [1e-8, 0.3, 1.7, 9.0]
FAR = [*NEAR, 17.9, 18.2]


def neighbours(f, v, x, order, middle, sides):
    """``(sides[0] S + middle + sides[1] / S)**order`` of a function, ``S`` being a step in its order ``v``."""
    weights = {0: mp.mpf(1)}
    for _ in range(order):
        now: dict[int, mp.mpf] = {}
        for shift, weight in weights.items():
            for by, factor in ((1, sides[0]), (0, middle), (-1, sides[1])):
                now[shift + by] = now.get(shift + by, mp.mpf(0)) + weight * factor
        weights = now
    return sum(weight * f(v + shift, x) for shift, weight in weights.items() if weight)


HALF = mp.mpf(1) / 2
#: SciPy's name, with the order if it is no argument: mpmath's function, the recurrence, the exponential scale.
FUNCTIONS = {
    "j": (mp.besselj, (-HALF, HALF), 0),
    "y": (mp.bessely, (-HALF, HALF), 0),
    "i": (mp.besseli, (HALF, HALF), -1),
    "k": (mp.besselk, (-HALF, -HALF), 1),
}


def exact(kind, v, x, order, scaled):
    f, sides, sign = FUNCTIONS[kind]
    middle = mp.mpf(sign if scaled else 0)
    with mp.workdps(34):
        x = mp.mpf(x)
        return neighbours(f, v, x, order, middle, sides) * (mp.exp(sign * x) if scaled else 1)


def check(f, kind, v, points, scaled, ulps):
    """Errors in units of the last place, as many also of ``x``: at both orders of derivative."""
    g = f
    for order, allowed in zip((1, 2), ulps, strict=True):
        g = ft.elementwise_grad(g)
        for x, found in zip(points, g(np.array(points)), strict=True):
            expected = exact(kind, v, x, order, scaled)
            moved = x * exact(kind, v, x, order + 1, scaled)
            unit = 2.0**-53 * (abs(expected) + abs(moved))
            assert abs(found - expected) <= allowed * unit, f"order {order} at {x}: {found}, not {expected}"


@pytest.mark.parametrize("name", ["j0", "j1", "y0", "y1", "i0", "i1", "k0", "k1", "i0e", "i1e", "k0e", "k1e"])
def test_to_the_last_digits(name):
    scaled = name.endswith("e")
    # What is scaled is a difference of neighbours up to 18, which loses a digit or two at each order.
    ulps = (150.0, 6000.0) if scaled else (30.0, 60.0)
    check(getattr(special, name), name[0], int(name[1]), FAR if scaled else NEAR, scaled, ulps)
    if scaled:
        check(getattr(special, name), name[0], int(name[1]), [40.0, 1e6], True, (20.0, 20.0))


@pytest.mark.parametrize("v", [0, 0.5, 3.3])
@pytest.mark.parametrize("name", ["jv", "yv", "iv", "kv", "ive", "kve"])
def test_every_order(name, v):
    scaled = name.endswith("e")
    points = [0.3, 2.2, 6.7, 30.0]
    check(lambda x: getattr(special, name)(v, x), name[0], v, points, scaled, (300.0, 6000.0))


def test_even_and_odd():
    for f, parity in ((special.i0e, -1.0), (special.i1e, 1.0), (special.i0, -1.0), (special.j0, -1.0)):
        for x in (0.7, 25.0):
            first = ft.grad(f)
            assert first(-x) == parity * first(x)
            assert ft.grad(first)(-x) == -parity * ft.grad(first)(x)


def test_scaled_ones_at_zero():
    first = ft.grad(special.i0e)
    assert [first(0.0), ft.grad(first)(0.0), ft.grad(special.i1e)(0.0)] == [0.0, 1.5, 0.5]


REAL = [(special.jn, 2), (special.yn, 2), (special.kn, 2), (special.jve, 1.3), (special.yve, 1.3)]


@pytest.mark.parametrize(("f", "v"), REAL)
def test_real(f, v):
    x = np.array([0.4, 1.3, 3.7])
    check_grads(lambda x: f(v, x), (x,), order=2)
    assert np.array_equal(ft.vmap(ft.grad(lambda x: f(v, x)))(x), np.array([ft.grad(lambda x: f(v, x))(t) for t in x]))


@pytest.mark.parametrize("name", ["jv", "yv", "iv", "kv", "kve", "ive", "jve", "yve"])
def test_complex(name):
    z = np.array([0.6 + 0.4j, 1.1 - 0.6j, 2.5 + 1j])
    check_grads(lambda z: getattr(special, name)(1.3, z), (z,), order=2)


@pytest.mark.parametrize("f", [special.hankel1, special.hankel2, special.hankel1e, special.hankel2e])
def test_hankel(f):
    every = np.array([0.6 + 0.4j, -1.1 - 0.6j, 2.5 - 1j, -2.5 + 1j, 25.0 + 3j])
    check_grads(lambda z: f(0.7, z), (every,), order=2)
    check_grads(lambda x: np.real(f(0.7, x)), (np.array([0.7, 3.0, 25.0]),), order=2)


def test_derivative_in_the_order_is_an_error():
    for f in (special.jv, special.yv, special.kve, special.hankel1):
        with pytest.raises(FunctransError, match="special"):
            ft.grad(lambda v, f=f: np.real(f(v, 1.5)))(0.5)


def test_single_precision_of_the_order_does_not_spoil_double():
    v, x = np.float32(1.3), np.float64(2.5)
    exact = (special.jv(float(v) - 1, x) - special.jv(float(v) + 1, x)) / 2
    assert ft.grad(lambda x: special.jv(v, x))(x) == pytest.approx(exact, rel=1e-15)
    assert ft.grad(lambda x: special.jv(2, x))(np.float32(1.5)).dtype == np.float32


@pytest.mark.parametrize("name", ["jvp", "yvp", "ivp", "kvp", "h1vp", "h2vp"])
@pytest.mark.parametrize("n", [0, 1, 3])
def test_derivatives_as_functions(name, n):
    f, plain = getattr(covered, name), getattr(special, name)
    x = np.array([0.6, 2.3])
    assert np.array_equal(ft.evaluate(ft.trace(lambda x: f(1, x, n))(x), x), plain(1, x, n))
    assert np.array_equal(ft.vjp(lambda x: f(1.5, x, n), x)[0], plain(1.5, x, n))
    found = ft.jvp(lambda x: f(1, x, n), (x,), (np.ones(2),))[1]
    np.testing.assert_allclose(found, plain(1, x, n + 1), rtol=1e-12)
    with pytest.raises(ValueError, match="n must be"):
        ft.grad(lambda x: f(1, x, -1))(1.0)
    assert covered.jvp is not special.jvp
    assert {covered.yvp, covered.ivp, covered.kvp, covered.h1vp, covered.h2vp}.isdisjoint({special.yvp})
