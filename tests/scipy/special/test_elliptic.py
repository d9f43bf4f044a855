from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
import scipy.special as special

import functrans as ft
from functrans.testing import check_grads
from tests.scipy.special.exact import check_exact

PARAMETERS = [-1e4, -30.0, -2.0, -1e-9, 0.0, 1e-12, 0.3, 0.99, 1 - 1e-9]


@pytest.mark.parametrize("name", ["ellipk", "ellipe"])
def test_complete(name):
    check_exact(getattr(special, name), getattr(mp, name), PARAMETERS, ulps=60.0)


def test_near_one():
    check_exact(special.ellipkm1, lambda p: mp.ellipk(1 - p), [1e-20, 1e-3, 0.5, 1.0, 40.0], [1, 2], ulps=60.0)


@pytest.mark.parametrize("m", [-30.0, -0.4, 0.0, 1e-10, 0.7, 1 - 1e-9, 1.0])
@pytest.mark.parametrize("phi", [0.0, 1e-9, 0.3, -1.2, 1.5])
def test_incomplete(phi, m):
    phi, m = np.float64(phi), np.float64(m)
    for f, formula in ((special.ellipkinc, mp.ellipf), (special.ellipeinc, mp.ellipe)):
        by_phi, by_m = ft.grad(f, (0, 1))(phi, m)
        (aa, ab), (ba, bb) = ft.hessian(f, (0, 1))(phi, m)
        assert ab == pytest.approx(ba, rel=1e-12)
        with mp.workdps(60):
            p, q = mp.mpf(float(phi)), mp.mpf(float(m))
            # From one side, that the other side of m = 1 is not asked for: there it may be complex.
            found = {(1, 0): by_phi, (0, 1): by_m, (2, 0): aa, (1, 1): ab, (0, 2): bb}
            for orders, value in found.items():
                expected = mp.re(mp.diff(formula, (p, q), orders, h=mp.mpf(10) ** -15))
                assert value == pytest.approx(float(expected), rel=2e-12, abs=1e-14), (f.__name__, orders)


def test_many_half_periods():
    phi = np.array([2.0, -4.4, 7.7, np.pi])
    for f in (special.ellipkinc, special.ellipeinc):
        check_grads(f, (phi, np.array([0.3, -0.7, 0.9, 0.5])), order=2)


@pytest.mark.parametrize("m", [1e-12, 0.3, 0.97])
def test_jacobi(m):
    u = np.array([-2.2, 0.4, 1.3, 5.5])
    check_grads(lambda u: special.ellipj(u, m), (u,), order=2)
    for i, name in enumerate(("sn", "cn", "dn")):
        found = ft.grad(lambda m, i=i: special.ellipj(1.3, m)[i])(m)
        with mp.workdps(40):
            expected = mp.diff(lambda q, n=name: mp.ellipfun(n, mp.mpf(1.3), m=q), mp.mpf(m), h=mp.mpf(10) ** -18)
        assert found == pytest.approx(float(expected), rel=1e-10)


def test_jacobi_by_both():
    check_grads(special.ellipj, (np.array([0.4, -1.3, 3.0]), np.array([0.2, 0.6, 0.9])), order=2)
    u = np.array([0.4, 1.3])
    assert ft.vmap(ft.grad(lambda u: special.ellipj(u, 0.5)[0]))(u) == pytest.approx(
        special.ellipj(u, 0.5)[1] * special.ellipj(u, 0.5)[2]
    )


POINTS = [(0.2, 1.3, 2.9, 0.7), (1.0, 1.0, 1.0, 1.0), (1e-12, 3.0, 1e6, 2.0), (0.4, 0.4, 2.0, 2.0)]
CARLSON = {
    "elliprc": mp.elliprc,
    "elliprf": mp.elliprf,
    "elliprd": mp.elliprd,
    "elliprg": mp.elliprg,
    "elliprj": mp.elliprj,
}


@pytest.mark.parametrize("name", CARLSON)
@pytest.mark.parametrize("point", POINTS)
def test_carlson(name, point):
    f, formula = getattr(special, name), CARLSON[name]
    args = tuple(np.float64(x) for x in point[: f.nin])
    every = tuple(range(f.nin))
    first, second = ft.grad(f, every)(*args), ft.hessian(f, every)(*args)
    with mp.workdps(50):
        exact = [mp.mpf(float(x)) for x in args]
        for i in every:
            unit = tuple(int(i == j) for j in every)
            step = tuple(x * mp.mpf(10) ** -14 for x in exact)
            expected = mp.diff(lambda t, i=i: formula(*exact[:i], t, *exact[i + 1 :]), exact[i], h=step[i])
            assert first[i] == pytest.approx(float(expected), rel=1e-13), unit
            expected = mp.diff(lambda t, i=i: formula(*exact[:i], t, *exact[i + 1 :]), exact[i], 2, h=step[i])
            assert second[i][i] == pytest.approx(float(expected), rel=1e-12), unit
            for j in every:
                assert second[i][j] == pytest.approx(second[j][i], rel=1e-12)


def test_carlson_of_complex_numbers():
    x, y, z = np.array([0.3 + 0.2j]), np.array([1.3 - 0.6j]), np.array([0.7 + 1.2j])
    for f in (special.elliprf, special.elliprd, special.elliprg):
        check_grads(f, (x, y, z), order=2)
    check_grads(special.elliprc, (x, y), order=2)
    check_grads(special.elliprj, (x, y, z, x + 1.0), order=2)


def test_carlson_at_zero():
    assert ft.grad(lambda y: special.elliprf(0.0, y, 1.0))(1.0) == pytest.approx(-np.pi / 8, rel=1e-14)
    assert ft.grad(lambda x: special.elliprf(x, 1.0, 2.0))(0.0) == -np.inf
    assert np.isnan(ft.grad(lambda p: special.elliprj(1.0, 1.0, 2.0, p))(-1.0))


def test_mean():
    exact = lambda a: mp.agm(a, mp.mpf(1))  # noqa: E731
    check_exact(lambda a: special.agm(a, 1.0), exact, [1e-9, 0.3, 1.0, 2.0, 1e5], ulps=60.0)
    by_a, by_b = ft.grad(special.agm, (0, 1))(3e200, 1e200)
    assert 3 * by_a + by_b == pytest.approx(special.agm(3.0, 1.0), rel=1e-14)
    check_grads(special.agm, (np.array([0.3, 2.0]), np.array([1.0, 2.0])), order=2)
