from __future__ import annotations

import inspect

import mpmath as mp
import numpy as np
import pytest
import scipy.special

import functrans as ft
import functrans.scipy.special as special
from functrans.errors import UncoveredFunctionError
from functrans.testing import check_grads
from tests.ops.agreement import check, same_value, stays_single
from tests.scipy.special.exact import check_exact

POINTS = [1e-5, 0.1, 1.0, 3.3, 10.0, 1e4]


def log_beta(a, b):
    return mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)


@pytest.mark.parametrize("b", [0.3, 4.0, 1e6])
def test_betaln_where_gammas_nearly_cancel(b):
    check_exact(lambda a: special.betaln(a, b), lambda a: log_beta(a, b), POINTS, conditioned=False)
    check_exact(lambda a: special.betaln(b, a), lambda a: log_beta(a, b), POINTS, conditioned=False)


def test_quotients_of_gammas():
    # SciPy's own values of these are exact to fewer digits.
    check_exact(lambda a: special.beta(a, 2.3), lambda a: mp.beta(a, 2.3), POINTS[:5], ulps=50.0)
    check_exact(lambda k: special.binom(7.5, k), lambda k: mp.binomial(7.5, k), [0.3, 2.2, 5.0], ulps=50.0)
    check_exact(lambda n: special.binom(n, 2.3), lambda n: mp.binomial(n, 2.3), [2.4, 7.0, 30.0], ulps=500.0)
    check_exact(lambda z: special.poch(z, 0.3), lambda z: mp.rf(z, 0.3), [0.1, 3.3, 50.0], ulps=500.0)


def test_beyond_positive_numbers():
    for f in (special.beta, special.betaln):
        check_grads(f, (np.array([-0.3, -1.6, 0.4]), np.array([0.9, 3.2, -1.7])), order=2)
    check_grads(special.poch, (np.array([-0.3, -2.6, 0.4]), np.array([0.9, 1.2, -1.7])), order=2)
    check_grads(special.binom, (np.array([2.5, -1.7]), np.array([3.2, 0.6])), order=2)


def test_factorial():
    x = np.array([0.3, 4.0, 2.7])
    check(special.factorial, x)
    with np.errstate(all="ignore"):
        same_value(special.factorial, np.array([-1.5, 0.0, 200.0]))
    assert ft.grad(special.factorial)(-1.5) == 0.0
    if "extend" in inspect.signature(scipy.special.factorial).parameters:  # since SciPy 1.15
        check(lambda x: special.factorial(x, extend="complex"), np.array([-1.5, 4.2]))
    assert ft.grad(special.factorial)(0.0) == pytest.approx(-0.5772156649015329)


@pytest.mark.parametrize("repetition", [False, True])
def test_comb(repetition):
    def f(n, k):
        return special.comb(n, k, repetition=repetition)

    check(f, np.array([5.3, 4.2]), np.array([2.1, 3.4]))
    same_value(f, np.array([5.0, 2.0, -1.0]), np.array([2.0, 5.0, 0.0]))
    stays_single(f, np.array([5.3]), np.array([2.1]))


def test_perm():
    check(special.perm, np.array([5.3, 4.2]), np.array([2.1, 3.4]))
    same_value(special.perm, np.array([5.0, 2.0, -1.0]), np.array([2.0, 5.0, 0.0]))
    assert ft.grad(special.perm)(2.0, 5.0) == 0.0


def test_exact_counts_are_of_plain_integers():
    assert special.comb(5, 2, exact=True) == 10
    for f in (
        lambda x: special.comb(x, 2, exact=True),
        lambda x: special.perm(x, 2, exact=True),
        lambda x: special.factorial(x, exact=True),
    ):
        with pytest.raises(UncoveredFunctionError, match="exact=True"):
            ft.grad(f)(5.0)
