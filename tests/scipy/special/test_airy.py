from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
import scipy.special as special

import functrans as ft
from functrans.errors import UncoveredFunctionError
from functrans.testing import check_grads
from tests.scipy.special.exact import check_exact

SCALED = [
    lambda x: mp.exp(2 * x**1.5 / 3) * mp.airyai(x),
    lambda x: mp.exp(2 * x**1.5 / 3) * mp.airyai(x, derivative=1),
    lambda x: mp.exp(-2 * x**1.5 / 3) * mp.airybi(x),
    lambda x: mp.exp(-2 * x**1.5 / 3) * mp.airybi(x, derivative=1),
]


def test_airy():
    exact = [mp.airyai, lambda x: mp.airyai(x, derivative=1), mp.airybi, lambda x: mp.airybi(x, derivative=1)]
    for i, formula in enumerate(exact):
        check_exact(lambda x, i=i: special.airy(x)[i], formula, [-3.7, 0.3, 6.0], ulps=200.0)
    check_grads(special.airy, (np.array([0.3 + 0.4j, -1.7 + 0.2j]),), order=2)


@pytest.mark.parametrize("i", range(4))
def test_scaled(i):
    def scaled(x):
        return special.airye(x)[i]

    # Nothing is lost far out, where the products with the square root of x and with its reciprocal are nearly equal.
    check_exact(scaled, SCALED[i], [30.0, 1e3, 1e6], [1, 2], ulps=60.0)
    # Before, differences of neighbours lose a digit or two at each order, of SciPy's values, which are right to 2e-14.
    check_exact(scaled, SCALED[i], [0.2, 0.9, 7.0], [1], ulps=1e4)
    check_exact(scaled, SCALED[i], [0.2, 0.9, 7.0], [2], ulps=1e6)


def test_scaled_complex_is_refused():
    with pytest.raises(UncoveredFunctionError, match="airye"):
        ft.jvp(special.airye, (1.0 + 1j,), (1.0 + 0j,))


def test_integrals():
    # SciPy's values have six digits here and there; the integrands have all.
    x = np.array([-1.3, 0.4, 2.0])
    found = ft.jvp(special.itairy, (x,), (np.ones(3),))[1]
    exact = [special.airy(x)[0], special.airy(x)[2], special.airy(-x)[0], special.airy(-x)[2]]
    assert all(np.array_equal(*pair) for pair in zip(found, exact, strict=True))
    assert ft.grad(ft.grad(lambda x: special.itairy(x)[3]))(2.0) == -special.airy(-2.0)[3]
