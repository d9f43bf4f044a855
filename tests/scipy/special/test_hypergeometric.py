from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
import scipy.special as special

import functrans as ft
from functrans.errors import FunctransError
from functrans.testing import check_grads
from tests.scipy.special.exact import check_exact

CASES = [
    (special.hyp0f1, mp.hyp0f1, (1.3,), [-3.0, -1e-9, 0.4, 5.0]),
    (special.hyp1f1, mp.hyp1f1, (0.7, 1.3), [-9.0, -1e-9, 0.4, 5.0]),
    (special.hyp2f1, mp.hyp2f1, (0.7, 1.3, 2.1), [-9.0, -1e-9, 0.4, 0.9]),
    (special.hyperu, mp.hyperu, (0.7, 1.3), [0.3, 2.0]),
]


@pytest.mark.parametrize(("f", "formula", "parameters", "points"), CASES)
def test_in_the_argument(f, formula, parameters, points):
    check_exact(lambda x: f(*parameters, x), lambda x: formula(*parameters, x), points, ulps=2000.0)
    if f is not special.hyperu:
        check_grads(lambda z: f(*parameters, z), (np.array([0.3 + 0.4j, -0.6 + 0.1j]),), order=2)


@pytest.mark.parametrize(("f", "formula", "parameters", "points"), CASES)
def test_derivatives_in_parameters_are_errors(f, formula, parameters, points):
    for i in range(len(parameters)):
        with pytest.raises(FunctransError, match=f.__name__):
            ft.grad(f, i)(*parameters, points[-1])


def test_single_precision_of_parameters_does_not_spoil_double():
    a, x = np.float32(0.1), np.float64(0.3)
    exact = float(a) / 1.5 * special.hyp1f1(float(a) + 1, 2.5, 0.3)
    assert ft.grad(lambda x: special.hyp1f1(a, 1.5, x))(x) == pytest.approx(exact, rel=1e-15)
