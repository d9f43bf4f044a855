"""functrans.ops.special."""

import mpmath
import numpy as np
import pytest

import functrans as ft
from functrans.ops.special import i0_derivative, sinc_derivative
from tests.ops.agreement import check, drawn, refused, same_bits, same_value, stays_single
from tests.ops.batches import check_batches

RNG = np.random.default_rng(4)


@pytest.mark.parametrize("shape", [(), (4,), (2, 3), (0,), (1, 1)])
def test_agrees(shape):
    check(np.sinc, 2 * drawn(RNG, *shape))
    check(np.i0, 9 * drawn(RNG, *shape))


def test_dtypes():
    check(np.sinc, drawn(RNG, 3, kind="c"))
    x = 3 * drawn(RNG, 5)
    stays_single(np.sinc, x)
    stays_single(np.i0, x)
    stays_single(np.sinc, drawn(RNG, 3, kind="c"))
    for f in (np.sinc, np.i0):
        same_bits(ft.vjp(f, 0.5)[0], f(0.5))
        same_value(lambda x, f=f: f(np.round(x).astype(int)), x)
    refused(np.i0, TypeError, "complex", x + 1j)
    assert ft.derivative(np.i0, 2)(np.float32(0.5)).dtype == np.float32


def test_batches():
    check_batches(np.sinc, drawn(RNG, 3, 2))
    check_batches(np.i0, drawn(RNG, 3, 2))
    check_batches(lambda x: np.vander(x, 3), drawn(RNG, 3, 2))
    check_batches(lambda x: np.vander(x, 3, True), drawn(RNG, 3, 2, kind="c"))
    check_batches(lambda x: np.vander(x, 0), drawn(RNG, 3, 2))


POINTS = [0.0, 1e-300, 1e-12, -1e-5, 0.003, -0.11, 0.37, 0.5093, 0.62, 0.999, -1.3, 2.77, 4.001, -20.3]


def exact_sinc(x, order):
    """The power series, with enough digits for what cancels."""
    y, total, term, m = mpmath.pi * x, mpmath.mpf(0), mpmath.mpf(1), 0
    while m <= abs(y) or abs(term) > mpmath.mpf(10) ** -40:
        if (order + m) % 2 == 0:
            total += term * (-1) ** ((order + m) // 2) / (order + m + 1)
        m += 1
        term *= y / m
    return mpmath.pi**order * total


@pytest.mark.parametrize("order", [1, 2, 3, 4, 6])
def test_sinc_of_high_order(order):
    found = sinc_derivative(np.array(POINTS), order)
    with mpmath.workdps(80):
        for x, value in zip(POINTS, found, strict=True):
            exact = exact_sinc(mpmath.mpf(x), order)
            # Near zero it is also compared with the small derivatives of odd order, unless they vanish.
            relative = 1e-20 < abs(x) < 0.2
            scale = abs(exact) if relative else mpmath.pi**order / (order + 1)
            assert abs(value - exact) <= 4e-15 * scale, (x, value, exact)
    assert sinc_derivative(0.0, 2) == pytest.approx(-(np.pi**2) / 3, rel=1e-15)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_i0_of_high_order(order):
    points = [1e-300, 1e-9, -0.01, 0.5, 3.0, -7.99, 8.0, 8.01, 30.0, 63.9, 64.1, -350.0, 700.0]
    found = i0_derivative(np.array(points), order)
    with mpmath.workdps(30):
        for x, value in zip(points, found, strict=True):
            terms = [mpmath.binomial(order, j) * mpmath.besseli(abs(order - 2 * j), x) for j in range(order + 1)]
            exact = mpmath.fsum(terms) / 2**order
            assert abs(value - exact) <= 8 * 2.3e-16 * abs(exact), (x, value, exact)
    assert i0_derivative(0.0, order) == pytest.approx([0, 0.5, 0, 3 / 8, 0][order - 1], rel=1e-15)


def test_far_out():
    with np.errstate(all="ignore"):
        assert np.isnan(i0_derivative(np.nan, 1))
        assert np.isinf(i0_derivative(np.array([800.0, -800.0]), 1)).all()
        assert np.isnan(sinc_derivative(np.inf, 1))


def test_derivatives_through_transforms():
    for order in (1, 2, 3):
        assert ft.derivative(np.sinc, order)(0.3) == pytest.approx(sinc_derivative(0.3, order), rel=1e-14)
        assert ft.derivative(np.i0, order)(0.3) == pytest.approx(i0_derivative(0.3, order), rel=1e-14)


def test_vander():
    x = drawn(RNG, 3)
    check(np.vander, x)
    for count in (1, 2, 5):
        for increasing in (False, True):
            check(lambda x, n=count, up=increasing: np.vander(x, n, increasing=up), x)
    check(lambda x: np.vander(x, 4), drawn(RNG, 3, kind="c"))
    check(lambda x: np.vander(x, 3, True), np.zeros(2))
    same_value(lambda x: np.vander(x, 0), x)
    same_value(np.vander, x[:0])
    same_value(np.vander, x.astype(np.float32))
    refused(np.vander, ValueError, None, np.ones((2, 2)))
    refused(lambda x: np.vander(x, -1), ValueError, None, x)
