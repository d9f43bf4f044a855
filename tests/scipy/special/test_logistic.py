from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

import functrans as ft
import functrans.scipy.special as special
from functrans.testing import check_grads
from tests.ops.agreement import same_value
from tests.scipy.special.exact import check_exact

WIDE = [-60.0, -40.0, -7.0, -0.5, -1e-9, 1e-9, 0.1, 2.5, 17.0, 36.0, 60.0]
POSITIVE = [1e-40, 1e-3, 0.1, 0.69999, 0.7, 0.70001, 5.0, 1e50]

EXACT = {
    "expit": (lambda x: 1 / (1 + mp.exp(-x)), WIDE),
    "log_expit": (lambda x: -mp.log1p(mp.exp(-x)), WIDE),
    "logit": (lambda x: mp.log(x / (1 - x)), [1e-100, 1e-20, 0.1, 0.3, 0.7, 0.999, 1 - 1e-12]),
    "entr": (lambda x: -x * mp.log(x), POSITIVE),
    "expm1": (mp.expm1, [-50.0, -1e-9, 0.3, 100.0]),
    "log1p": (mp.log1p, [-0.999, -1e-9, 0.3, 1e20]),
    "exp2": (lambda x: mp.mpf(2) ** x, [-50.0, 0.3, 100.0]),
    "exp10": (lambda x: mp.mpf(10) ** x, [-50.0, 0.3, 100.0]),
    "cbrt": (lambda x: mp.sign(x) * mp.cbrt(abs(x)), [-50.0, 1e-20, 0.3, 1e100]),
    "cosm1": (lambda x: mp.cos(x) - 1, [-3.0, 1e-9, 0.3, 10.0]),
    "sindg": (lambda x: mp.sin(mp.radians(x)), [-300.0, 1e-9, 30.0, 45.5]),
    "cosdg": (lambda x: mp.cos(mp.radians(x)), [-300.0, 1e-9, 30.0, 45.5]),
    "tandg": (lambda x: mp.tan(mp.radians(x)), [-300.0, 1e-9, 30.0, 45.5]),
    "cotdg": (lambda x: mp.cot(mp.radians(x)), [-300.0, 1e-3, 30.0, 45.5]),
}


@pytest.mark.parametrize("name", EXACT)
def test_to_the_last_digits(name):
    check_exact(getattr(special, name), *EXACT[name])


def test_logistic_tails():
    tail = np.exp(-700.0)
    for sign in (1.0, -1.0):
        assert ft.grad(special.expit)(700.0 * sign) == pytest.approx(tail, rel=1e-13)
        assert ft.grad(ft.grad(special.expit))(700.0 * sign) == pytest.approx(-sign * tail, rel=1e-13)
        assert ft.grad(ft.grad(special.log_expit))(700.0 * sign) == pytest.approx(-tail, rel=1e-13)
    assert ft.grad(special.log_expit)(700.0) == pytest.approx(tail, rel=1e-13)
    with np.errstate(all="ignore"):
        assert [ft.grad(ft.grad(special.logit))(x) for x in (0.0, 1e-300, 1.0)] == [-np.inf, -np.inf, np.inf]


def test_entropies():
    y = mp.mpf(0.7)
    check_exact(lambda x: special.rel_entr(x, 0.7), lambda x: x * mp.log(x / y), POSITIVE)
    check_exact(lambda x: special.kl_div(x, 0.7), lambda x: x * mp.log(x / y) - x + y, [*POSITIVE[:4], *POSITIVE[5:]])
    check_exact(lambda x: special.kl_div(0.7, x), lambda x: y * mp.log(y / x) - y + x, [*POSITIVE[1:4], *POSITIVE[5:]])
    assert ft.grad(special.rel_entr)(1e200, 1e-200) == pytest.approx(1 + 400 * np.log(10), rel=1e-15)


def test_logarithms_times_a_number():
    x, y = np.array([0.0, 1.5, -2.0]), np.array([2.0, 0.3, 1e-3])
    for f in (special.xlogy, special.xlog1py, special.powm1, special.rel_entr):
        check_grads(f, (np.abs(x) + 0.1, y), order=2)
    # A first argument of zero is no reason to lose what the second derivative is.
    for f, shift in ((special.xlogy, 0.0), (special.xlog1py, 1.0)):
        mixed = ft.grad(ft.grad(f, 1), 0)(0.0, 3.0)
        assert mixed == 1 / (3.0 + shift)
    with np.errstate(all="ignore"):
        same_value(special.xlogy, x, np.array([0.0, 0.0, np.nan]))


def test_xlogy_of_complex_numbers():
    z = np.array([0.3 + 0.4j, -0.7 + 0.2j])
    check_grads(special.xlogy, (z, z[::-1] * 2), order=2)
    check_grads(special.xlog1py, (z, z[::-1] * 2), order=2)
    check_grads(special.expm1, (z,), order=2)
    check_grads(special.log1p, (z,), order=2)


def test_losses():
    r = np.array([-3.0, -0.4, 0.3, 2.5])
    check_grads(special.huber, (np.float64(1.0), r), order=2)
    check_grads(special.pseudo_huber, (np.float64(1.3), r), order=2)
    check_exact(
        lambda d: special.pseudo_huber(d, 1.3),
        lambda d: d * d * (mp.sqrt(1 + (mp.mpf(1.3) / d) ** 2) - 1),
        [1e-5, 0.1, 1.0, 10.0, 1e5],
    )
    assert ft.grad(special.pseudo_huber, 1)(1e-200, 1e200) == pytest.approx(1e-200)


def test_powers_at_zero():
    with np.errstate(all="ignore"):
        assert ft.grad(special.powm1, (0, 1))(0.0, 2.0) == (0.0, 0.0)
        assert ft.grad(special.powm1)(0.0, 1.0) == 1.0


def test_angles():
    check_grads(special.radian, (np.array([10.0, 20.0]), 3.0, np.array(4.0)), order=2)
    assert ft.grad(special.radian, 2)(0.0, 0.0, 0.0) == pytest.approx(np.pi / 180 / 3600)
    assert ft.grad(special.round)(0.7) == 0.0


def test_single_precision_stays():
    x = np.array([0.3, 0.9], np.float32)
    for name in ("expit", "log_expit", "logit", "entr"):
        assert ft.elementwise_grad(ft.elementwise_grad(getattr(special, name)))(x).dtype == np.float32
    for name in ("kl_div", "rel_entr", "xlogy", "pseudo_huber"):
        assert [g.dtype for g in ft.vjp(getattr(special, name), x, x)[1](x)] == [np.float32] * 2
