from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
import scipy.special as special

import functrans as ft
import functrans.scipy.special as covered
from functrans.testing import check_grads


@pytest.mark.parametrize("name", ["spherical_jn", "spherical_yn", "spherical_in", "spherical_kn"])
@pytest.mark.parametrize("n", [0, 1, 4])
def test_spherical(name, n):
    f, plain = getattr(covered, name), getattr(special, name)
    x = np.array([0.4, 2.3, 7.0])
    check_grads(lambda x: f(n, x), (x,), order=2)
    check_grads(lambda x: f(n, x, derivative=True), (x,), order=2)
    for derivative in (False, True):
        program = ft.trace(lambda x, d=derivative: f(n, x, d))(x)
        assert np.array_equal(ft.evaluate(program, x), plain(n, x, derivative))
    slope = ft.jvp(lambda x: f(n, x), (x,), (np.ones(3),))[1]
    np.testing.assert_allclose(slope, plain(n, x, True), rtol=1e-12)
    if name[-2] not in "ky":
        check_grads(lambda z: f(n, z), (np.array([0.4 + 0.2j, 2.0 - 1j]),), order=2)


def test_at_zero():
    assert [ft.grad(lambda x, n=n: covered.spherical_jn(n, x))(0.0) for n in (0, 1, 2)] == [0.0, 1 / 3, 0.0]
    assert ft.grad(ft.grad(lambda x: covered.spherical_jn(0, x)))(0.0) == pytest.approx(-1 / 3, rel=1e-15)
    assert covered.spherical_jn(0, 0.0) == covered.spherical_in(0, 0.0) == 1.0
    assert covered.spherical_yn(0, 1.0) == special.spherical_yn(0, 1.0)
    assert covered.spherical_kn(0, 1.0) == special.spherical_kn(0, 1.0)


@pytest.mark.parametrize("x", [0.01, 0.7, 6.0])
def test_kelvin_functions(x):
    """ker + i kei is K(0, w), w = x exp(i pi / 4); SciPy's values have some 12 digits."""
    w = mp.mpf(x) * mp.sqrt(1j)
    bent = {
        ("ber", "bei"): 0.5j * (mp.besseli(0, w) + mp.besseli(2, w)),
        ("ker", "kei"): 0.5j * (mp.besselk(0, w) + mp.besselk(2, w)),
    }
    for (real, imaginary), value in bent.items():
        for name, expected in ((real, mp.re(value)), (imaginary, mp.im(value))):
            found = ft.grad(ft.grad(getattr(special, name)))(x)
            assert found == pytest.approx(float(expected), rel=1e-11)
            assert found == ft.grad(getattr(special, name + "p"))(x)


@pytest.mark.parametrize("f", [special.berp, special.beip, special.kerp, special.keip, special.kelvin])
def test_other_kelvin_functions(f):
    check_grads(f, (np.array([0.3, 2.0, 5.5]),), order=2)


def test_integrals_from_zero():
    for f, slopes in ((special.itj0y0, (special.j0, special.y0)), (special.iti0k0, (special.i0, special.k0))):
        x = np.array([0.3, 2.0, 5.5])
        found = ft.jvp(f, (x,), (np.ones(3),))[1]
        for slope, exact in zip(found, slopes, strict=True):
            assert np.array_equal(slope, exact(x))
    assert ft.grad(ft.grad(lambda x: special.itj0y0(x)[0]))(2.0) == -special.j1(2.0)
    assert ft.grad(ft.grad(lambda x: special.iti0k0(x)[1]))(2.0) == -special.k1(2.0)
