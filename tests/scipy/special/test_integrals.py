from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
import scipy.special as special

import functrans as ft
import functrans.scipy.special as covered
from functrans.testing import check_grads
from tests.scipy.special.exact import check_exact

POSITIVE = [1e-9, 1e-3, 0.4, 2.0, 9.0, 60.0]
#: In mpmath's words, and where.
EXACT = {
    "expi": (mp.ei, [-9.0, -0.4, *POSITIVE]),
    "exp1": (mp.e1, POSITIVE),
    "spence": (lambda z: mp.polylog(2, 1 - z), [1e-9, 0.2, 0.4, 0.7, 1 - 1e-9, 1.3, 1.6, 30.0, 1e8]),
    "wrightomega": (lambda x: mp.lambertw(mp.exp(x)), [-300.0, -5.0, 0.3, 4.0, 1e5]),
}


@pytest.mark.parametrize("name", EXACT)
def test_to_the_last_digits(name):
    check_exact(getattr(special, name), *EXACT[name], ulps=40.0)


def test_dilogarithm_at_one():
    g = special.spence
    for expected in (-1.0, 0.5, -2 / 3, 1.5, -24 / 5):
        g = ft.grad(g)
        assert g(1.0) == pytest.approx(expected, rel=1e-14)
    check_grads(special.spence, (np.array([0.3 + 0.4j, 1.1 - 0.2j, 2.5 + 1j]),), order=2)


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_expn(n):
    g = lambda x: special.expn(n, x)  # noqa: E731
    for order in (1, 2, 3):
        g = ft.elementwise_grad(g)
        x = np.array([1e-6, 0.3, 2.0, 30.0])
        with mp.workdps(30):
            expected = [float((-1) ** order * mp.expint(n - order, mp.mpf(t))) for t in x]
        np.testing.assert_allclose(g(x), expected, rtol=3e-15)
    check_grads(lambda x: special.expn(np.array([0, 1, 3]), x), (np.array([0.3, 1.0, 2.0]),), order=2)


def test_sine_and_cosine_integrals():
    pairs = [(special.sici, mp.si, mp.ci), (special.shichi, mp.shi, mp.chi)]
    for f, *exact in pairs:
        for i, formula in enumerate(exact):
            points = [-2.0, 1e-7, 0.3, 2.0, 30.0] if i == 0 else [1e-7, 0.3, 2.0, 30.0]
            check_exact(lambda x, f=f, i=i: f(x)[i], formula, points, ulps=40.0)
        check_grads(f, (np.array([0.3 + 0.4j, 1.1 - 0.2j]),), order=2)
    for f, expected in (
        (special.sici, (1.0, 0.0, -1 / 3, 0.0, 1 / 5)),
        (special.shichi, (1.0, 0.0, 1 / 3, 0.0, 1 / 5)),
    ):
        g = lambda x, f=f: f(x)[0]  # noqa: E731
        for value in expected:
            g = ft.grad(g)
            assert g(0.0) == pytest.approx(value, rel=1e-14, abs=1e-15)


@pytest.mark.parametrize(("k", "points"), [(0, [-0.367, -1e-9, 1e-9, 0.4, 9.0, 1e9]), (-1, [-0.367, -0.1, -1e-100])])
def test_lambert(k, points):
    def w(x):
        return np.real(covered.lambertw(x, k))

    check_exact(w, lambda x: mp.re(mp.lambertw(x, k)), [x for x in points if x != -0.367], ulps=2000.0)
    for x in points:
        value = special.lambertw(x, k).real
        assert ft.grad(w)(x) == pytest.approx(np.exp(-value) / (1 + value), rel=1e-12)


def test_lambert_at_zero_and_complex():
    g = lambda x: np.real(covered.lambertw(x))  # noqa: E731
    for expected in (1.0, -2.0, 9.0, -64.0):  # (-n)**(n - 1)
        g = ft.grad(g)
        assert g(0.0) == pytest.approx(expected, rel=1e-13)
    z = np.array([0.3 + 0.4j, -1.1 - 0.2j])
    for k in (0, -1, 2):
        check_grads(lambda z, k=k: covered.lambertw(z, k), (z,), order=2)
    assert np.array_equal(ft.vjp(covered.lambertw, z)[0], special.lambertw(z))
    x = np.float32(0.5)
    assert ft.vjp(covered.lambertw, x)[0].dtype == special.lambertw(x).dtype
    assert ft.jvp(covered.lambertw, (x,), (x,))[1].dtype == special.lambertw(x).dtype


@pytest.mark.parametrize("v", [0, 0.5, 1, 3.2])
@pytest.mark.parametrize("name", ["struve", "modstruve"])
def test_struve(name, v):
    formula = {"struve": mp.struveh, "modstruve": mp.struvel}[name]
    points = [1e-6, 0.3, 0.99, 1.01, 5.0, 19.0]
    check_exact(lambda x: getattr(special, name)(v, x), lambda x: formula(v, x), points, ulps=3000.0)


def test_struve_at_zero():
    for f, sign in ((special.struve, -1.0), (special.modstruve, 1.0)):
        assert ft.grad(lambda x, f=f: f(0, x))(0.0) == pytest.approx(2 / np.pi, rel=1e-15)
        second = ft.grad(ft.grad(lambda x, f=f: f(1, x)))
        assert second(0.0) == pytest.approx(4 / (3 * np.pi), rel=1e-14)
        third = ft.grad(ft.grad(ft.grad(lambda x, f=f: f(0, x))))
        assert third(0.0) == pytest.approx(sign * 4 / (3 * np.pi), rel=1e-14)


@pytest.mark.parametrize("f", [special.itstruve0, special.itmodstruve0])
def test_integrals_of_struve(f):
    x = np.array([0.3, 1.0, 4.0])
    inner = special.struve if f is special.itstruve0 else special.modstruve
    assert np.array_equal(ft.grad(lambda x: np.sum(f(x)))(x), inner(0, x))


def test_besselpoly():
    check_grads(lambda a: special.besselpoly(a, 0.5, 2.0), (np.array([0.3, 1.0, 4.0]),), order=2)
    check_grads(lambda a: special.besselpoly(a, 1, 0), (np.array([0.3, 1.0]),), order=1)


@pytest.mark.parametrize("f", [special.pbdv, special.pbvv, special.pbwa])
def test_parabolic_cylinder(f):
    x = np.array([0.3, 1.0, 2.0])
    value, slope = f(0.7, x)
    first = ft.jvp(lambda x: f(0.7, x), (x,), (np.ones(3),))[1]
    assert np.array_equal(first[0], slope)
    square = x * x / 4 - 1.2 if f is not special.pbwa else 0.7 - x * x / 4
    np.testing.assert_allclose(first[1], square * value, rtol=1e-14)
    check_grads(lambda x: f(0.7, x), (x,), order=2)
