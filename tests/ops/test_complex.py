"""Real and imaginary parts, angles: gradients of real functions are df/dx - i df/dy."""

import mpmath
import numpy as np
import pytest

import functrans as ft
from functrans.errors import TracedBoolError
from tests.ops.agreement import check, same_bits, same_value, stays_single

Z = np.array([[1.25 - 2.0j, 0.5 + 0.5j, -1.5 + 0.25j], [0.3j - 0.2, 3.75 + 1j, -1.5 - 1j]])
A = np.array([1.25, -2.0, 0.5])

CASES = {
    "real": (lambda z: np.real(z) ** 2, Z),
    "imag": (lambda z: np.imag(z) ** 2, Z),
    "properties": (lambda z: z.real * z.imag, Z),
    "conj": (lambda z: z.conj() * np.conj(z) * z.conjugate(), Z),
    "angle": (lambda z: np.angle(z), Z),
    "angle degrees": (lambda z: np.angle(z, deg=True) / 100, Z),
    "angle of real": (lambda x: np.angle(x) + x, A),
    "real of real": (lambda x: np.real(x) * x.real + np.imag(x) * x.imag, A),
    "polar": (lambda z: np.abs(z) * np.exp(1j * np.angle(z)), Z),
    "back and forth": (lambda x: np.real(x * 1j) + np.imag(x * 1j) ** 2, A),
    "real_if_close": (lambda x: np.real_if_close(np.exp(1j * x) * np.exp(-1j * x) * x), A),
}


@pytest.mark.parametrize("name", [name for name in CASES if name != "real_if_close"])
def test_agreement(name):
    f, *args = CASES[name]
    check(f, *args)


@pytest.mark.parametrize("name", [name for name in CASES if name != "real_if_close"])
def test_single(name):
    f, *args = CASES[name]
    stays_single(f, *args)


def test_scalars():
    for f in (np.real, np.imag, np.angle, lambda z: z.real, lambda z: np.angle(z, True)):
        for z in (1 + 2j, np.complex64(1 + 2j), 1.5, np.float32(1.5), -1.5, np.array(2 - 1j)):
            if hasattr(z, "dtype") or isinstance(z, complex):
                same_value(f, z)
            same_bits(ft.vjp(f, z)[0], f(z))
    assert ft.grad(np.real)(1 + 2j) == 1
    assert ft.grad(lambda z: np.real(z * z))(1 + 2j) == 2 + 4j
    assert ft.grad(np.imag)(1 + 2j) == -1j
    assert ft.grad(np.real)(2.5) == 1.0
    assert ft.grad(lambda x: x * np.imag(x))(2.5) == 0.0


def test_angle_at_kinks():
    """At the origin 0; on the negative axis that of its own side; of real numbers 0."""
    assert ft.grad(np.angle)(0j) == 0
    assert ft.grad(np.angle)(1j) == -1
    assert ft.grad(np.angle)(-1.0) == 0.0
    assert ft.grad(np.angle)(0.0) == 0.0
    assert ft.grad(np.angle)(complex(-2, 0.0)) == 0.5j
    same_bits(ft.grad(lambda z: np.sum(np.angle(z)))(np.zeros(2, np.complex64)), np.zeros(2, np.complex64))
    assert ft.jvp(np.angle, (0j,), (1 + 1j,))[1] == 0


def test_angle_of_huge_and_tiny_numbers():
    """Computed without squares that overflow."""
    for z in (3e200 + 4e200j, 3e-200 - 4e-200j):
        gradient = ft.grad(np.angle)(z)
        x, y = mpmath.mpf(z.real), mpmath.mpf(z.imag)
        r2 = x * x + y * y
        assert gradient.real == pytest.approx(float(-y / r2), rel=1e-12)
        assert gradient.imag == pytest.approx(float(-x / r2), rel=1e-12)


def test_infinite_cotangent_of_an_imaginary_part():
    """Only the imaginary part feels it: a product with 1j would give NaN in the real part."""
    gradient = ft.vjp(np.imag, np.array([1 + 2j]))[1](np.array([np.inf]))[0]
    same_bits(gradient, np.array([complex(0.0, -np.inf)]))


def test_real_if_close():
    f = CASES["real_if_close"][0]
    z = A + 1e-16j
    same_bits(ft.vjp(np.real_if_close, z)[0], A)
    same_bits(ft.vjp(np.real_if_close, z)[1](A)[0], A + 0j)
    same_bits(ft.vjp(lambda z: np.real_if_close(z, tol=1e-20), z)[0], z)
    same_bits(ft.vjp(lambda z: np.real_if_close(z, tol=1e-3), A + 1e-4j)[0], A)
    same_bits(ft.vjp(np.real_if_close, np.float32(A))[0], np.float32(A))
    assert np.allclose(ft.grad(lambda x: np.sum(f(x)))(A), 1.0)
    with pytest.raises(TracedBoolError):
        ft.trace(np.real_if_close)(z)
