from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
import scipy.special as special
from mpmath import exp, sqrt

import functrans as ft
from functrans.testing import check_grads
from tests.scipy.special.exact import check_exact

BOTH = [-9.3, -3.7, -2.6, -1.49, -0.8, -1e-5, 0.1, 0.5, 0.924, 1.0, 1.3, 2.4, 2.51, 4.9, 7.7]
UNIT = [1e-20, 1e-9, 1e-3, 0.3, 0.7, 0.99, 1 - 1e-10]

EXACT = {
    "erf": (mp.erf, BOTH),
    "erfc": (mp.erfc, BOTH),
    "erfi": (mp.erfi, BOTH),
    "erfcx": (lambda x: exp(x * x) * mp.erfc(x), [*BOTH, 26.0, 1e3]),
    "dawsn": (lambda x: sqrt(mp.pi) / 2 * exp(-x * x) * mp.erfi(x), [*BOTH, -26.0, 11.3, 80.0]),
    "ndtr": (lambda x: mp.erfc(-x / sqrt(2)) / 2, [*BOTH, -30.0]),
    "log_ndtr": (lambda x: mp.log(mp.erfc(-x / sqrt(2)) / 2), [*BOTH, 25.0, -30.0, -1e3]),
    "erfinv": (mp.erfinv, [-1 + 1e-10, -0.7, 1e-9, *UNIT]),
    "ndtri": (lambda p: sqrt(2) * mp.erfinv(2 * p - 1), UNIT),
}


@pytest.mark.parametrize("name", EXACT)
def test_to_the_last_digits(name):
    check_exact(getattr(special, name), *EXACT[name], ulps=20.0)


def test_third_derivatives_in_the_tails():
    check_exact(special.erfcx, EXACT["erfcx"][0], [0.5, 1.5, 40.0], [3])
    check_exact(special.dawsn, EXACT["dawsn"][0], [0.5, 2.6, 40.0], [3])


def test_log_ndtr_far_out():
    # The series of phi(x) / Phi(x) for large -x: -x - 1 / x + 2 / x**3 - ...
    assert ft.grad(special.log_ndtr)(-1e5) == pytest.approx(1e5 + 1e-5, rel=3e-16)
    assert ft.grad(ft.grad(special.log_ndtr))(-1e5) == pytest.approx(-1 + 1e-10, rel=3e-16)
    assert ft.grad(special.log_ndtr)(-1e200) == pytest.approx(1e200, rel=3e-16)
    assert ft.grad(special.log_ndtr)(60.0) == 0.0
    assert ft.grad(ft.grad(special.log_ndtr))(60.0) == 0.0


@pytest.mark.parametrize("y", [-1e-90, -1e-9, -0.3, -5.0, -700.0])
def test_inverse_of_log_ndtr(y):
    x = special.ndtri_exp(y)
    slope = ft.grad(special.log_ndtr)(x)
    assert ft.grad(special.ndtri_exp)(y) == pytest.approx(1 / slope, rel=1e-12)
    second = -ft.grad(ft.grad(special.log_ndtr))(x) / slope**3
    assert ft.grad(ft.grad(special.ndtri_exp))(y) == pytest.approx(second, rel=1e-11)


@pytest.mark.parametrize("x", [0.2, 1e-8, 1.9])
def test_erfcinv_is_erfinv_of_one_minus(x):
    y = special.erfcinv(x)
    assert ft.grad(special.erfcinv)(x) == pytest.approx(-np.sqrt(np.pi) / 2 * np.exp(y * y), rel=1e-14)
    check_grads(special.erfcinv, (0.2,), order=2)


def test_inverses_at_the_ends():
    with np.errstate(all="ignore"):
        for name, ends in {"ndtri": (0.0, 1.0), "erfinv": (-1.0, 1.0), "erfcinv": (2.0, 0.0)}.items():
            sign = -1.0 if name == "erfcinv" else 1.0
            f = ft.grad(getattr(special, name))
            assert [f(x) for x in ends] == [sign * np.inf, sign * np.inf]
            assert [ft.grad(f)(x) for x in ends] == [-np.inf, np.inf]


@pytest.mark.parametrize("z", [0.3 + 0.2j, 12.0 + 1e-3j, 9.0 + 3j, 5.0 + 0.5j, -2.0 - 0.5j, 1e4 + 1j])
def test_faddeeva(z):
    with mp.workdps(50):
        w = mp.mpc(z)
        value = exp(-w * w) * mp.erfc(-1j * w)
        first = -2 * w * value + 2j / sqrt(mp.pi)
        second = complex(-2 * value - 2 * w * first)
    f, one = special.wofz, np.complex128(1)
    z = np.complex128(z)
    found, again = ft.jvp(lambda x: ft.jvp(f, (x,), (one,))[1], (z,), (one,))
    # Where |z| is 5, SciPy's own value is wrong by 7e-15, and 50 times smaller differences of it are taken.
    assert abs(found - complex(first)) <= 1e-12 * abs(complex(first))
    assert abs(again - second) <= 1e-11 * abs(second)


@pytest.mark.parametrize("name", ["erf", "erfc", "erfcx", "erfi", "dawsn", "ndtr", "log_ndtr", "wofz", "fresnel"])
def test_complex(name):
    check_grads(getattr(special, name), (np.array([0.3 + 0.4j, -0.7 + 0.2j, 1.1 - 0.6j]),), order=2)


@pytest.mark.parametrize("gamma", [1e-8, 0.3, 2.0])
@pytest.mark.parametrize("x", [0.2, 3.0, 40.0])
def test_voigt_profile(x, gamma):
    def profile(x, sigma, gamma):
        z = (x + 1j * gamma) / (sigma * sqrt(2))
        return mp.re(exp(-z * z) * mp.erfc(-1j * z)) / (sigma * sqrt(2 * mp.pi))

    at = (x, 0.7, gamma)
    found = ft.grad(special.voigt_profile, (0, 1, 2))(*map(np.float64, at))
    with mp.workdps(60):
        point = [mp.mpf(v) for v in at]
        for i, value in enumerate(found):
            order = tuple(int(i == j) for j in range(3))
            assert value == pytest.approx(float(mp.diff(profile, tuple(point), order)), rel=2e-12)


def test_functions_of_several_numbers():
    check_grads(special.voigt_profile, (np.array([0.3, -2.0]), np.array([0.5, 1.5]), 0.8), order=2)
    check_grads(special.owens_t, (np.array([0.3, -1.2, 2.0]), np.array([0.7, 1.5, -0.4])), order=2)
    check_grads(special.fresnel, (np.array([0.3, -1.2, 2.0]),), order=2)


def test_nothing_overflows_where_the_value_is_finite():
    with np.errstate(all="raise", under="ignore"):
        for name in ("erf", "erfc", "ndtr", "log_ndtr"):
            for x in (1e200, 50.0, 0.0):
                assert np.isfinite(ft.grad(getattr(special, name))(x))
                assert np.isfinite(ft.grad(ft.grad(getattr(special, name)))(x))


def test_single_precision_stays():
    x = np.array([0.3, -2.6, 3.0], np.float32)
    for name in ("erf", "erfcx", "dawsn", "log_ndtr"):
        f = ft.elementwise_grad(getattr(special, name))
        assert f(x).dtype == np.float32
        assert ft.elementwise_grad(f)(x).dtype == np.float32
        np.testing.assert_allclose(f(x), f(x.astype(float)), rtol=3e-5)
