from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

import functrans as ft
import functrans.scipy.special as special
from functrans.errors import MissingRuleError
from functrans.testing import check_grads
from tests.ops.agreement import check, same_value
from tests.scipy.special.exact import check_exact

LAMBDAS = [-2.3, -0.4, -1e-3, -1e-9, 1e-9, 1e-3, 0.5, 1.9]


def test_exprel():
    points = [-400.0, -17.0, -14.9, -2.5, -1e-9, 1e-3, 0.5, 7.0, 15.1, 100.0]
    check_exact(special.exprel, lambda x: mp.expm1(x) / x, points, [1, 2, 3])


@pytest.mark.parametrize("x", [1e-5, 0.3, 1 + 1e-9, 2.0, 30.0])
def test_boxcox_in_its_parameter(x):
    check_exact(lambda y: special.boxcox(x, y), lambda y: (mp.mpf(x) ** y - 1) / y, LAMBDAS)
    check_exact(lambda y: special.boxcox1p(x, y), lambda y: ((1 + mp.mpf(x)) ** y - 1) / y, LAMBDAS)


@pytest.mark.parametrize("lmbda", [0.0, 1e-10, -1e-3, 0.5, -2.3])
def test_boxcox(lmbda):
    def exact(x):
        return mp.log(x) if lmbda == 0 else (x ** mp.mpf(lmbda) - 1) / mp.mpf(lmbda)

    check_exact(lambda x: special.boxcox(x, lmbda), exact, [1e-5, 0.3, 1.0, 30.0])
    check_exact(lambda x: special.boxcox1p(x, lmbda), lambda x: exact(1 + x), [-0.9, 1e-9, 0.3, 30.0])


@pytest.mark.parametrize("y", [0.1, 2.0, -0.3])
def test_inv_boxcox_in_its_parameter(y):
    lambdas = LAMBDAS[1:]
    check_exact(lambda v: special.inv_boxcox(y, v), lambda v: (1 + v * mp.mpf(y)) ** (1 / v), lambdas, [1, 2, 3])
    check_exact(lambda v: special.inv_boxcox1p(y, v), lambda v: (1 + v * mp.mpf(y)) ** (1 / v) - 1, lambdas)


def test_a_parameter_of_zero_is_as_every_other():
    log2 = np.log(2)
    f = ft.grad(lambda v: special.boxcox(2.0, v))
    g = ft.grad(lambda v: special.inv_boxcox(2.0, v))
    assert [f(0.0), ft.grad(f)(0.0), ft.grad(ft.grad(f))(0.0)] == pytest.approx([log2**2 / 2, log2**3 / 3, log2**4 / 4])
    # exp(log1p(2 v) / v) = exp(2 - 2 v + 8 v**2 / 3 - ...)
    assert [g(0.0), ft.grad(g)(0.0)] == pytest.approx([-2 * np.exp(2), np.exp(2) * (16 / 3 + 4)])


def test_both_arguments_together():
    x, y = np.array([0.3, 1.7, 2.9]), np.array([0.0, 0.4, -0.2])
    for name in ("boxcox", "boxcox1p", "inv_boxcox", "inv_boxcox1p"):
        check_grads(getattr(special, name), (x, y), order=2)
        single = getattr(special, name)(np.float32(x), np.float32(y))
        assert ft.vjp(getattr(special, name), np.float32(x), np.float32(y))[1](single)[0].dtype == np.float32


@pytest.mark.parametrize("n", [1, 3, 4, 7, 100])
def test_diric(n):
    points = [1e-9, 1e-5, 0.01, 0.3, 1.0, 3.1, 6.2, 6.283185, 9.0, -20.0]
    if n > 1:
        check_exact(lambda x: special.diric(x, n), lambda x: mp.sin(n * x / 2) / (n * mp.sin(x / 2)), points, ulps=40.0)
    check(lambda x: special.diric(x, n), np.array([0.3, -7.0]))
    same_value(lambda x: special.diric(x, n), np.array([0.0, 2 * np.pi, 1.0], np.float32))
    assert ft.grad(special.diric)(0.0, n) == 0.0
    with pytest.raises(MissingRuleError, match="operand 1"):
        ft.grad(special.diric, 1)(0.3, 3.0)


def test_sinc():
    check(special.sinc, np.array([0.0, 0.3, -1.7]))
    assert special.sinc(0.5) == np.sinc(0.5)
