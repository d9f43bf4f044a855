from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
import scipy.special

import functrans as ft
import functrans.scipy.special as special
from functrans.errors import MissingRuleError, UncoveredFunctionError
from functrans.testing import check_grads
from tests.ops.agreement import check, same_bits, same_value, stays_single
from tests.scipy.special.exact import check_exact

ABOVE = [1e-10, 1e-3, 0.1, 0.5, 0.9, 1.0, 1.4616, 2.0, 3.3, 8.1, 40.0, 170.0]
BELOW = [-1e-3, -0.3, -0.5, -0.999, -1.2, -2.7, -9.01, -20.3, -50.5]

EXACT = {
    "gamma": (mp.gamma, ABOVE + BELOW),
    "gammaln": (lambda x: mp.re(mp.loggamma(x)), [*ABOVE, *BELOW, 1e6, 1e10]),
    "loggamma": (mp.loggamma, [*ABOVE, 1e6]),
    "psi": (lambda x: mp.psi(0, x), ABOVE + BELOW),
    "digamma": (lambda x: mp.psi(0, x), [0.3, 5.0]),
    "rgamma": (mp.rgamma, [*ABOVE, *BELOW, -5.0, -2.0, -1.0, 0.0, -5 - 1e-9, -3 + 1e-6]),
}


@pytest.mark.parametrize("name", EXACT)
def test_to_the_last_digits(name):
    check_exact(getattr(special, name), *EXACT[name])


def test_third_derivative_of_gammaln():
    check_exact(special.gammaln, EXACT["gammaln"][0], [0.1, 3.0, 1e6, -0.3, -7.4], [3])


def test_rgamma_at_its_zeros():
    for n in range(6):
        expected = (-1) ** n * scipy.special.factorial(n)
        assert ft.grad(special.rgamma)(float(-n)) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("name", ["gamma", "loggamma", "psi", "rgamma"])
def test_complex(name):
    z = np.array([0.3 + 0.4j, -1.7 + 0.2j, 2.1 - 0.6j, -0.2 - 0.5j])
    check_grads(getattr(special, name), (z,), order=2)


@pytest.mark.parametrize("z", [0.3 + 0.2j, -2.3 + 0.1j, 10 + 10j, 1e3 - 5j, -7.2 - 1e-3j])
def test_trigamma_of_complex_numbers(z):
    found = ft.jvp(special.psi, (z,), (1 + 0j,))[1]
    expected = complex(mp.psi(1, mp.mpc(z)))
    assert abs(found - expected) <= 5e-14 * abs(expected)


def test_steps():
    assert ft.grad(special.gammasgn)(-0.5) == 0.0


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_polygamma(n):
    x = np.array([0.3, 1.7, 6.2])
    check(lambda x: special.polygamma(n, x), x)
    stays = special.polygamma(n, np.float32(0.3)).dtype
    assert ft.vjp(lambda x: special.polygamma(n, x), np.float32(0.3))[0].dtype == stays
    check_exact(lambda x: special.polygamma(n, x), lambda x: mp.psi(n, x), [0.01, 0.3, 2.0, 50.0, -0.3, -4.2])


def test_polygamma_of_several_orders():
    n, x = np.array([0, 1, 3]), np.array([[0.3], [2.7]])
    check(lambda x: special.polygamma(n, x), x)
    same_bits(ft.vmap(lambda n, x: special.polygamma(n, x), (0, None))(n, 0.7), special.polygamma(n, 0.7))


def test_orders_have_no_derivative():
    with pytest.raises(MissingRuleError, match="operand 0"):
        ft.grad(lambda n: special.polygamma(n, 0.7))(2.0)
    with pytest.raises(MissingRuleError, match="operand 0"):
        ft.grad(lambda x: special.zeta(x, 0.7))(2.0)
    with pytest.raises(MissingRuleError, match="riemann_zeta"):
        ft.grad(special.zeta)(2.0)
    with pytest.raises(MissingRuleError, match="zetac"):
        ft.grad(special.zetac)(2.0)


def test_zeta():
    check(lambda q: special.zeta(3.5, q), np.array([0.3, 1.7, 6.2]))
    check_exact(lambda q: special.zeta(2.5, q), lambda q: mp.zeta(2.5, q), [0.1, 1.0, 7.0, 1e3], ulps=30.0)
    # SciPy's own name calls a ufunc that has none, and arrives too.
    assert ft.grad(lambda q: scipy.special.zeta(3.5, q))(0.7) == ft.grad(lambda q: special.zeta(3.5, q))(0.7)
    x = np.array([2.0, 3.5])
    same_bits(ft.evaluate(ft.trace(special.zeta)(x), x), special.zeta(x))
    with pytest.raises(UncoveredFunctionError, match="out="):
        ft.grad(lambda q: np.sum(special.zeta(x, q, np.zeros(2))))(0.7)


@pytest.mark.parametrize("d", [1, 2, 5])
def test_multigammaln(d):
    check(lambda a: special.multigammaln(a, d), np.array([2.3, 7.1]))
    stays_single(lambda a: special.multigammaln(a, d), np.float32(4.5))
    with pytest.raises(ValueError, match="not met"):
        ft.grad(lambda a: special.multigammaln(a, d))(0.5 * (d - 1))
    with pytest.raises(ValueError, match="positive integer"):
        ft.grad(lambda a: special.multigammaln(a, 1.5))(3.0)


def test_values_under_every_trace():
    for name in ("gamma", "gammaln", "rgamma", "psi"):
        same_value(getattr(scipy.special, name), np.array([-0.3, 0.0, 5.0, np.inf]))
