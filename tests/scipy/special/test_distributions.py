"""Distribution functions against mpmath: their derivatives in parameters, in the tails and at the ends."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from scipy import special

import functrans as ft
import functrans.scipy.special
from functrans.errors import MissingRuleError, UncoveredFunctionError
from functrans.scipy.special.empirical import kolmogorov_derivative, smirnov_derivative
from functrans.scipy.special.several_distributions import noncentral_density
from functrans.scipy.special.student import stdtr_derivative
from functrans.testing import check_grads
from tests.scipy.special.test_incomplete_beta import lower as lower_beta
from tests.scipy.special.test_incomplete_gamma import slope

FUNCTIONS = {
    "chdtr": (3.3, 2.1),
    "chdtrc": (3.3, 2.1),
    "chdtri": (3.3, 0.3),
    "chdtriv": (0.3, 2.1),
    "gdtr": (1.3, 2.2, 1.9),
    "gdtrc": (1.3, 2.2, 1.9),
    "gdtrix": (1.3, 2.2, 0.4),
    "gdtria": (0.4, 2.2, 1.9),
    "gdtrib": (1.3, 0.4, 1.9),
    "fdtr": (3.3, 4.1, 0.7),
    "fdtrc": (3.3, 4.1, 2.7),
    "fdtri": (3.3, 4.1, 0.6),
    "btdtria": (0.4, 2.2, 0.6),
    "btdtrib": (1.3, 0.4, 0.6),
    "stdtr": (3.3, -0.7),
    "stdtrit": (3.3, 0.8),
    "kolmogorov": (0.7,),
    "kolmogi": (0.4,),
    "nrdtrimn": (0.3, 1.2, 0.4),
    "nrdtrisd": (0.2, 0.7, 1.5),
}
#: Of these there are derivatives in the arguments named alone.
PARTLY = {
    "bdtr": ((2, 5, 0.3), [2]),
    "bdtrc": ((2, 5, 0.3), [2]),
    "bdtri": ((2, 5, 0.3), [2]),
    "nbdtr": ((2, 5, 0.3), [2]),
    "nbdtrc": ((2, 5, 0.3), [2]),
    "nbdtri": ((2, 5, 0.3), [2]),
    "pdtr": ((2.0, 1.7), [1]),
    "pdtrc": ((2.0, 1.7), [1]),
    "pdtri": ((2, 0.4), [1]),
    "smirnov": ((7, 0.23), [1]),
    "smirnovi": ((7, 0.3), [1]),
    "chndtr": ((2.1, 3.3, 1.2), [0, 2]),
    "nctdtr": ((3.3, 0.4, 1.2), []),
    "ncfdtr": ((3.3, 2.4, 0.3, 1.2), []),
}


@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_in_all_arguments(name):
    f, args = getattr(special, name), FUNCTIONS[name]
    check_grads(f, args, order=2)
    value, pull = ft.vjp(f, *map(np.float32, args))
    assert value.dtype == np.float32
    assert {g.dtype for g in pull(np.float32(1))} == {np.dtype(np.float32)}
    assert np.allclose(pull(np.float32(1)), ft.grad(f, argnums=tuple(range(len(args))))(*args), rtol=1e-4)


@pytest.mark.parametrize("name", list(PARTLY))
def test_in_some_arguments(name):
    f, (args, moving) = getattr(special, name), PARTLY[name]

    def of(*some):
        whole = list(args)
        for i, x in zip(moving, some, strict=True):
            whole[i] = x
        return f(*whole)

    if moving:
        check_grads(of, tuple(args[i] for i in moving), order=2)
    counted = set(range(len(args))) - set(moving) - ({1} if name.startswith("bdtr") else set())  # an integer to SciPy
    for i in counted:
        floats = [float(x) if j == i else x for j, x in enumerate(args)]
        with pytest.raises(MissingRuleError, match=f"scipy.special.{name}"):
            ft.grad(f, argnums=i)(*floats)


def test_tukeys_lambda_is_not_covered():
    with pytest.raises(UncoveredFunctionError, match="tklmbda"):
        ft.grad(lambda x: getattr(special, "tklmbda")(x, 0.3))(0.2)  # noqa: B009  (used by name, it would count as covered)


# F


def f_tail(m, n, x):
    """What lies beyond ``x``."""
    return lower_beta(n / 2, m / 2, n / (n + m * x))


@pytest.mark.parametrize("x", [1e-9, 0.3, 20.0, 1e4, 1e9])
@pytest.mark.parametrize(("m", "n"), [(3.3, 4.1), (0.7, 11.0), (250.0, 30.0)])
def test_fisher_in_both_tails(m, n, x):
    found = ft.grad(special.fdtr, argnums=(0, 1, 2))(m, n, x)
    a, b, c = map(mp.mpf, (m, n, x))
    if x < 1:
        value = lambda m, n, x: lower_beta(m / 2, n / 2, m * x / (n + m * x))  # noqa: E731
    else:
        value = lambda m, n, x: -f_tail(m, n, x)  # noqa: E731
    step = c * mp.mpf(10) ** -18
    expected = (
        slope(lambda s: value(s, b, c), 1)(a),
        slope(lambda s: value(a, s, c), 1)(b),
        (value(a, b, c + step) - value(a, b, c - step)) / (2 * step),
    )
    for got, right in zip(found, expected, strict=True):
        if abs(right) > 1e-280:
            assert abs(got / right - 1) < 3e-13 + 1e-15 * abs(float(mp.log(abs(right))))


def test_fisher_at_the_ends():
    for m, at_zero in ((1.0, np.inf), (2.0, 1.0), (3.0, 0.0)):
        assert ft.grad(special.fdtr, argnums=(0, 1, 2))(m, 3.0, 0.0) == (0.0, 0.0, pytest.approx(at_zero))
    assert ft.grad(special.fdtr, argnums=(0, 1, 2))(2.0, 3.0, np.inf) == (0.0, 0.0, 0.0)
    assert ft.grad(special.fdtri, argnums=(0, 1))(2.0, 3.0, 0.0) == (0.0, 0.0)


# Student


def student(v, t):
    """``stdtr`` less the constant: of the middle, or of the tail."""
    x = v / (v + t * t)
    if t > 1 or x < 0.5:
        return -lower_beta(v / 2, mp.mpf("0.5"), x) / 2
    return lower_beta(mp.mpf("0.5"), v / 2, t * t / (v + t * t)) / 2


def student_density(v, t):
    scale = mp.loggamma((v + 1) / 2) - mp.loggamma(v / 2) - mp.log(v * mp.pi) / 2
    return mp.exp(scale - (v + 1) / 2 * mp.log1p(t * t / v))


@pytest.mark.parametrize("orders", [(1, 0), (2, 0), (0, 1), (1, 1), (0, 2), (2, 1)])
def test_student_is_that_of_mpmath(orders):
    m, k = orders
    for v in (0.03, 0.6, 1.0, 2.5, 12.0, 80.0, 3000.0):
        for t in (1e-7, 0.11, 0.9, 2.3, 31.0):
            f = student if k == 0 else lambda v, t: slope(lambda t: student_density(v, t), k - 1)(t)
            expected = slope(lambda s, t=t, f=f: f(s, mp.mpf(t)), m)(mp.mpf(v))
            if abs(expected) < 1e-280:
                continue
            # With v the derivatives in it vanish faster than what they are sums of, by 1 / v each.
            tolerance = (3e-14 + 4e-16 * abs(float(mp.log(abs(expected))))) * max(1.0, v) ** m
            for sign in (1.0, -1.0):
                found = float(stdtr_derivative(v, sign * t, orders)) * sign ** (k + 1)
                assert abs(found - expected) < tolerance * abs(expected), (v, t)


def test_student_in_the_middle_and_at_the_ends():
    hessian = ft.hessian(special.stdtr, argnums=(0, 1))(3.0, 0.0)
    slope_of_height = float(mp.diff(lambda v: student_density(v, mp.mpf(0)), 3))
    assert np.allclose(hessian, [[0.0, slope_of_height], [slope_of_height, 0.0]], rtol=1e-13, atol=0)
    assert ft.grad(special.stdtr, argnums=(0, 1))(3.0, -np.inf) == (0.0, 0.0)
    assert ft.grad(special.stdtr, argnums=(0, 1))(np.inf, 0.5) == (
        0.0,
        pytest.approx(np.exp(-0.125) / np.sqrt(2 * np.pi)),
    )
    assert ft.grad(special.stdtrit)(3.0, 1.0) == -np.inf


# Counts


def test_binomials_at_the_ends():
    in_p = ft.grad(special.bdtr, argnums=2)
    assert in_p(5, 5, 0.3) == 0.0  # it is 1 for all p
    assert in_p(2, 5, 0.0) == in_p(2, 5, 1.0) == 0.0
    assert in_p(0, 5, 0.0) == pytest.approx(-5.0, rel=1e-14)
    assert ft.grad(special.bdtrc, argnums=2)(-2, 5, 0.3) == 0.0
    assert in_p(2.7, 5, 0.3) == in_p(2.0, 5, 0.3)
    assert np.allclose(in_p(2, 5, 0.3), -30 * 0.3**2 * 0.7**2, rtol=1e-14)
    assert np.allclose(ft.grad(special.pdtr, argnums=1)(2.0, 1.7), -np.exp(-1.7) * 1.7**2 / 2, rtol=1e-14)
    assert ft.grad(special.pdtr, argnums=1)(0.0, 0.0) == -1.0


@pytest.mark.parametrize("n", [1, 2, 3])
def test_kolmogorov_is_that_of_mpmath(n):
    def f(x):
        if x > 0.6:
            return 2 * sum((-1) ** (k - 1) * mp.exp(-2 * k * k * x * x) for k in range(1, 30))
        squares = [(2 * k - 1) ** 2 * mp.pi**2 / 8 for k in range(1, 8)]
        return -mp.sqrt(2 * mp.pi) / x * sum(mp.exp(-c / (x * x)) for c in squares)

    for x in (0.05, 0.3, 0.7, 0.99, 1.01, 1.5, 3.0, 8.0):
        expected = mp.diff(f, mp.mpf(x), n, h=mp.mpf(10) ** -12)
        assert abs(kolmogorov_derivative(x, n) / expected - 1) < 2e-13
    assert kolmogorov_derivative(0.0, n) == kolmogorov_derivative(1e-3, n) == kolmogorov_derivative(-1.0, n) == 0.0


@pytest.mark.parametrize("n", [1, 2, 5, 20, 300])
def test_smirnov_is_that_of_mpmath(n):
    def f(x):
        terms = range(int(mp.floor(n * (1 - x))) + 1)
        ratios = [(j, mp.mpf(j) / n) for j in terms]
        return x * sum(mp.binomial(n, j) * (x + r) ** (j - 1) * (1 - x - r) ** (n - j) for j, r in ratios)

    for x in (0.0113, 0.0513, 0.123, 0.31, 0.63, 0.91):
        for order in (1, 2):
            expected = mp.diff(f, mp.mpf(x), order, h=mp.mpf(10) ** -12)
            assert (
                abs(smirnov_derivative(n, x, order) - expected) < 3e-12 * abs(expected) + 1e-12 * (order > 1) + 1e-300
            )
    assert smirnov_derivative(n, 0.0, 1) == -1.0
    assert smirnov_derivative(n, 1.0, 1) == (-1.0 if n == 1 else 0.0)


def test_noncentral_densities_are_those_of_mpmath():
    rng = np.random.default_rng(3)
    for _ in range(60):
        v, c = 10 ** rng.uniform(-1, 3), 10 ** rng.uniform(-4, 3)
        x = abs(v + c + 2 * rng.normal() * np.sqrt(2 * (v + 2 * c))) + 1e-3
        a, b, y = map(mp.mpf, (v, c, x))
        expected = mp.exp(-(y + b) / 2) / 2 * (y / 2) ** (a / 2 - 1) / mp.gamma(a / 2) * mp.hyp0f1(a / 2, y * b / 4)
        assert abs(noncentral_density(x, v, c) / expected - 1) < 1e-12 + 1e-15 * v
    central = np.sqrt(1.5 / (2 * np.pi)) * np.exp(-0.75)
    assert np.isclose(noncentral_density(1.5, 3.0, 0.0), central, rtol=1e-14)
