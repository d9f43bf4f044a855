from __future__ import annotations

import numpy as np
import pytest
import scipy.special as special

import functrans as ft
from functrans.errors import FunctransError
from functrans.testing import check_grads

POLYNOMIALS = [
    (special.eval_legendre, (), special.legendre),
    (special.eval_chebyt, (), special.chebyt),
    (special.eval_chebyu, (), special.chebyu),
    (special.eval_chebyc, (), special.chebyc),
    (special.eval_chebys, (), special.chebys),
    (special.eval_hermite, (), special.hermite),
    (special.eval_hermitenorm, (), special.hermitenorm),
    (special.eval_laguerre, (), special.laguerre),
    (special.eval_genlaguerre, (0.7,), special.genlaguerre),
    (special.eval_gegenbauer, (0.7,), special.gegenbauer),
    (special.eval_jacobi, (0.7, 1.2), special.jacobi),
    (special.eval_sh_legendre, (), special.sh_legendre),
    (special.eval_sh_chebyt, (), special.sh_chebyt),
    (special.eval_sh_chebyu, (), special.sh_chebyu),
    (special.eval_sh_jacobi, (2.7, 1.2), special.sh_jacobi),
]
X = np.array([-1.0, 0.0, 0.3, 1.0, 1.7])


@pytest.mark.parametrize(("f", "parameters", "polynomial"), POLYNOMIALS)
@pytest.mark.parametrize("n", range(6))
def test_as_the_polynomial_with_coefficients(f, parameters, polynomial, n):
    exact = np.poly1d(polynomial(n, *parameters).coeffs)
    g = lambda x: f(n, *parameters, x)  # noqa: E731
    for _ in range(3):
        g, exact = ft.elementwise_grad(g), exact.deriv()
        np.testing.assert_allclose(g(X), exact(X), rtol=1e-11, atol=1e-10)


@pytest.mark.parametrize(("f", "parameters", "polynomial"), POLYNOMIALS)
def test_calls(f, parameters, polynomial):
    degrees, x = np.array([0, 1, 4]), np.array([0.2, 0.4, 0.9])
    check_grads(lambda x: f(degrees, *parameters, x), (x,), order=2)
    every = ft.vmap(ft.grad(lambda x: f(3, *parameters, x)))(x)
    np.testing.assert_array_equal(every, [ft.grad(lambda x: f(3, *parameters, x))(t) for t in x])
    with pytest.raises((FunctransError, TypeError)):
        ft.grad(lambda n: f(n, *parameters, 0.3))(2.0)


@pytest.mark.parametrize("n", [-1, -2, -3, -4])
@pytest.mark.parametrize("f", [special.eval_legendre, special.eval_chebyt, special.eval_chebyu])
def test_degrees_below_zero(f, n):
    check_grads(lambda x: f(n, x), (np.array([-0.4, 0.3, 0.8]),), order=2)


@pytest.mark.parametrize("f", [special.eval_legendre, special.eval_chebyt, special.eval_chebyu, special.eval_laguerre])
@pytest.mark.parametrize("n", [0.5, 2.3])
def test_degrees_between(f, n):
    check_grads(lambda x: f(n, x), (np.array([-0.4, 0.3, 0.8]),), order=2)
