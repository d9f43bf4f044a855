"""Spherical harmonics and their derivatives."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special

import functrans as ft
import functrans.scipy.special as special
from functrans.errors import UncoveredFunctionError
from functrans.testing import check_grads

THETA, PHI = np.array([0.4, 1.3, 2.9]), np.array([0.3, -1.1, 2.0])


@pytest.mark.parametrize(("n", "m"), [(0, 0), (1, 0), (1, -1), (2, 2), (3, -2), (4, 1)])
def test_derivatives(n, m):
    def f(theta, phi):
        y = special.sph_harm_y(n, m, theta, phi)
        return np.sum(np.real(y) ** 2 + np.imag(y) * 0.5)

    check_grads(f, (THETA, PHI), order=2)
    tangent = ft.jvp(lambda theta: special.sph_harm_y(n, m, theta, PHI), (THETA,), (np.ones(3),))[1]
    _, gradient = scipy.special.sph_harm_y(n, m, THETA, PHI, diff_n=1)
    np.testing.assert_allclose(tangent, gradient[..., 0], rtol=1e-12, atol=1e-14)
    batched = ft.vmap(lambda theta, phi: special.sph_harm_y(n, m, theta, phi))(THETA, PHI)
    np.testing.assert_array_equal(batched, scipy.special.sph_harm_y(n, m, THETA, PHI))


def test_at_the_poles():
    for n, m in ((1, 1), (2, -1), (3, 0)):
        tangent = ft.jvp(lambda t: special.sph_harm_y(n, m, t, 0.3), (0.0,), (1.0,))[1]
        assert np.isfinite(tangent)
        h = 1e-6
        expected = (scipy.special.sph_harm_y(n, m, h, 0.3) - scipy.special.sph_harm_y(n, m, 0.0, 0.3)) / h
        np.testing.assert_allclose(tangent, expected, atol=1e-5)


def test_what_is_refused():
    with pytest.raises(UncoveredFunctionError, match="diff_n=1"):
        ft.jvp(lambda t: special.sph_harm_y(1, 0, t, 0.3, diff_n=1), (0.5,), (1.0,))
