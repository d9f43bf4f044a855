"""Functions of two numbers: partial derivatives up to order 3, against mpmath's; operators and promotion."""

from __future__ import annotations

import itertools
import operator

import mpmath as mp
import numpy as np
import pytest

import functrans as ft
from functrans.errors import UncoveredFunctionError

PAIRS = [(0.7, 1.9), (2.5, -1.3), (1e-3, 40.0)]
TWO = {
    "add": (lambda x, y: x + y, PAIRS),
    "subtract": (lambda x, y: x - y, PAIRS),
    "multiply": (lambda x, y: x * y, PAIRS),
    "divide": (lambda x, y: x / y, PAIRS),
    "power": (lambda x, y: x**y, PAIRS),
    "float_power": (lambda x, y: x**y, PAIRS),
    "hypot": (mp.hypot, [*PAIRS, (3e-200, 4e-200)]),
    "arctan2": (mp.atan2, [*PAIRS, (3e80, 4e80)]),
    "logaddexp": (lambda x, y: mp.log(mp.exp(x) + mp.exp(y)), [*PAIRS, (0.0, 40.0), (-30.0, 30.0), (5.0, 5.0)]),
    "logaddexp2": (lambda x, y: mp.log(2**x + 2**y, 2), [*PAIRS, (0.0, 40.0), (-30.0, 30.0), (5.0, 5.0)]),
    "remainder": (lambda x, y: x - y * mp.floor(x / y), [(7.3, 2.1), (-7.3, 2.1), (7.3, -2.1)]),
    "fmod": (lambda x, y: x - y * (mp.sign(x / y) * mp.floor(abs(x / y))), [(7.3, 2.1), (-7.3, 2.1), (7.3, -2.1)]),
    "maximum": (max, PAIRS),
    "minimum": (min, PAIRS),
    "fmax": (max, PAIRS),
    "fmin": (min, PAIRS),
    "copysign": (lambda x, y: abs(x) * mp.sign(y), [(0.7, -1.9), (-0.7, 1.9), (-0.7, -1.9)]),
}
PARTIALS = [(1, 0), (0, 1), (2, 0), (1, 1), (0, 2), (3, 0), (2, 1), (1, 2), (0, 3)]


def exact(f, x, y, n, m):
    with mp.workdps(900 if max(abs(x), abs(y)) < 1e-100 else 60):
        x, y = mp.mpf(x), mp.mpf(y)
        h = mp.mpf(10) ** -15 * min(1, max(abs(x), abs(y)))
        return float(mp.diff(lambda a: mp.diff(lambda b: f(a, b), y, m, h=h), x, n, h=h))


@pytest.mark.parametrize(("n", "m"), PARTIALS, ids=str)
@pytest.mark.parametrize("name", TWO)
def test_partial_derivatives(name, n, m):
    f, points = TWO[name]
    got = getattr(np, name)
    for _ in range(n):
        got = ft.grad(got, 0)
    for _ in range(m):
        got = ft.grad(got, 1)
    for x, y in points:
        if min(abs(x), abs(y)) < 1e-100 and n + m > 1:
            continue  # the second derivative, 1e200, is beyond what the products of the rules can hold
        expected = exact(f, x, y, n, m)
        with np.errstate(all="ignore"):
            beside = max(abs(exact(f, x, y, i, j)) for i in range(n + 1) for j in range(m + 1))
        assert got(x, y) == pytest.approx(expected, rel=1e-11, abs=2e-14 * beside), f"at {x}, {y}"


BINARY = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow"]
NUMBERS = [2, 0.5, True, np.float64(0.5), np.float32(0.5), np.int64(2), np.array([0.5, 2.0], np.float32), np.array(3)]
MOVING = [0.75, np.float32(0.75), np.float64(0.75), np.array(0.75), np.array([0.75, 1.5]), np.array([1.5], np.float32)]


@pytest.mark.parametrize("name", BINARY)
def test_operators_give_numpys_values_and_types(name):
    f = getattr(operator, name)
    for x, other in itertools.product([*MOVING, 0.5 + 1j], NUMBERS):
        if name in ("floordiv", "mod") and isinstance(x, complex):
            continue
        for g in (lambda x: f(x, other), lambda x: f(other, x)):
            expected = g(x)
            for found in (ft.vjp(g, x)[0], ft.jvp(g, (x,), (x,))[0], ft.evaluate(ft.trace(g)(x), x)):
                assert type(found) is type(expected)
                assert np.asarray(found).dtype == np.asarray(expected).dtype
                assert np.asarray(found).tobytes() == np.asarray(expected).tobytes()


def test_divmod_and_unary_operators():
    x = np.array([7.5, -7.5])
    np.testing.assert_array_equal(ft.vjp(lambda x: divmod(x, 2.0), x)[0], divmod(x, 2.0))
    np.testing.assert_array_equal(ft.vjp(lambda x: divmod(16.0, x), x)[0], divmod(16.0, x))
    np.testing.assert_array_equal(ft.vjp(lambda x: np.divmod(x, 2.0), x)[0], np.divmod(x, 2.0))
    np.testing.assert_array_equal(ft.vjp(lambda x: -(+abs(x)), x)[1](x)[0], -abs(x))


@pytest.mark.parametrize(("x", "slope"), [(3.0, 81.0), (np.float32(3.0), 81.0), (-2.0, -0.0)])
def test_powers_by_their_exponent(x, slope):
    assert ft.grad(lambda y: 3.0**y)(2.0) == pytest.approx(9 * np.log(3), rel=1e-15)
    assert ft.grad(lambda x: x**4)(x) == 4 * x**3
    assert ft.grad(lambda x: x**-2)(x) == pytest.approx(-2 * x**-3, rel=1e-6)


@pytest.mark.parametrize(
    "exponent", [0, 1, 2, 3, 5, -1, -2, 0.0, 2.0, 3.0, np.int64(3), np.array(3), np.array([0, 1, 2])]
)
@pytest.mark.parametrize("base", [0.0, -2.0, 1.5])
def test_integer_powers_at_every_order(base, exponent):
    """The n-th derivative of x**k is k (k-1) … (k-n+1) x**(k-n), and zero once n > k >= 0: also at 0, also below 0."""
    base = np.float64(base)
    if base == 0 and np.any(np.asarray(exponent) < 0):
        return
    for f in (operator.pow, np.power):
        g = lambda x, f=f: np.sum(f(x, exponent))  # noqa: E731
        for n in range(1, 5):
            g = ft.grad(g)
            expected = 0.0
            for k in np.atleast_1d(exponent).astype(float):
                factor = np.prod([k - i for i in range(n)])
                expected += factor * base ** (k - n) if factor else 0.0
            assert g(base) == pytest.approx(expected, rel=1e-14), f"order {n}"


def test_division_by_zero_where_python_would_raise():
    """Python's own floats raise at the division that the user wrote, as they do without functrans; NumPy's do not."""
    with pytest.raises(ZeroDivisionError):
        ft.grad(lambda x: 1.0 / x)(0.0)
    with np.errstate(divide="ignore"):
        assert ft.grad(lambda x: 1.0 / x)(np.float64(0.0)) == -np.inf


def test_arctan2_and_hypot_do_not_overflow():
    assert ft.grad(np.arctan2)(1e300, 1e300) == pytest.approx(0.5e-300)
    assert ft.grad(np.hypot)(3e200, 4e200) == pytest.approx(0.6)
    assert ft.grad(np.hypot)(3e-300, 4e-300) == pytest.approx(0.6)


def test_nextafter_ldexp_heaviside():
    assert ft.grad(np.nextafter)(1.0, 2.0) == 1
    assert ft.grad(np.ldexp)(1.5, 3) == 8
    assert ft.grad(np.heaviside, 1)(0.0, 0.5) == 1
    assert ft.grad(np.heaviside, 1)(1.0, 0.5) == 0


def test_complex_sign_turns():
    z = 3 + 4j
    w = 0.3 - 0.7j
    step = 1e-6
    numerical = (np.sign(z + step * w) - np.sign(z - step * w)) / (2 * step)
    assert ft.jvp(np.sign, (z,), (w,))[1] == pytest.approx(numerical, rel=1e-9)


@pytest.mark.parametrize("z", [0j, np.complex64(0), np.array([0j, 3 + 4j])], ids=repr)
def test_a_zero_absorbs_what_the_complex_sign_does_at_zero(z):
    nothing = np.zeros_like(z)[()]
    assert not np.any(ft.jvp(np.sign, (z,), (nothing,))[1])
    assert not np.any(ft.vjp(np.sign, z)[1](nothing)[0])


def test_a_modulus_that_is_not_chosen_has_no_curvature():
    """The second derivative of abs(z) at zero is infinite; that of what is chosen there is zero."""
    f = lambda z: np.sum(np.where(np.real(z) > 0, np.abs(z), 0.0))  # noqa: E731
    z, dz = np.array([0j, 3 + 4j]), np.array([1 + 0j, 1j])
    second = ft.jvp(ft.grad(f), (z,), (dz,))[1]
    # Of abs(z), along the imaginary axis at 3 + 4j: d(3/5) = -12/125, d(4/5) = 9/125; the gradient is dx - i dy.
    np.testing.assert_allclose(second, [0, -12 / 125 - 9j / 125], rtol=1e-14)


def test_unknown_keyword_is_refused_or_obeyed():
    x = np.array([1.0, 2.0, 3.0])
    mask = np.array([True, False, True])
    with pytest.raises((UncoveredFunctionError, TypeError)):
        ft.grad(lambda x: np.sum(np.add(x, 1.0, out=np.zeros(3), where=mask)))(x)
    assert ft.vjp(lambda x: np.multiply(x, 2.0, dtype=np.float32), x)[0].dtype == np.float32


def test_a_negative_base_is_printed_in_parentheses():
    for base in (-2, -1.0):
        x = np.array([1.0, 2.0, -3.0])
        namespace = {}
        exec(ft.trace(lambda x, base=base: base**x)(x).to_source(), namespace)
        np.testing.assert_array_equal(namespace["program"](x), base**x)


def test_modulus_of_one_complex_number_by_name_and_by_operator():
    # NumPy's ufunc and its scalars differ in the last bit now and then.
    rng = np.random.default_rng(0)
    for z in rng.normal(size=100) + 1j * rng.normal(size=100):
        for f in (np.abs, abs):
            for x in (z, complex(z), np.complex64(z)):
                expected = f(x)
                found = [ft.jvp(f, (x,), (x,))[0], ft.evaluate(ft.trace(f)(x), x)]
                assert [(type(v), v) for v in found] == [(type(expected), expected)] * 2


@pytest.mark.parametrize("y", [1.3, 2.0, 0.5, -1.7])
def test_a_power_by_a_number_is_differentiated_in_the_precision_of_its_base_staged_too(y):
    x = np.linspace(0.1, 2, 20, dtype=np.float32)
    for power in (np.power, operator.pow):

        def push(x, y, power=power):
            return ft.jvp(power, (x, y), (x, 0.25))

        found, expected = ft.evaluate(ft.trace(push)(x, y), x, y), push(x, y)
        for a, b in zip(found, expected, strict=True):
            assert a.dtype == np.float32
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("power", [np.power, np.float_power, operator.pow])
def test_the_mixed_derivative_of_a_power_at_exponent_zero(power):
    # d/dy d/dx x**y = x**(y - 1) (1 + y log x), which is 1 / x at y = 0.
    x, y = np.array([2.0, 0.5, 3.0]), np.array([0.0, 0.0, 1.0])
    slope = lambda y: ft.grad(lambda x: np.sum(power(x, y)))(x)  # noqa: E731
    expected = x ** (y - 1) * (1 + y * np.log(x))
    np.testing.assert_allclose(ft.jvp(slope, (y,), (np.ones(3),))[1], expected, rtol=1e-14)
    np.testing.assert_allclose(ft.grad(lambda y: np.sum(slope(y)))(y), expected, rtol=1e-14)


def test_a_complex_power_of_a_negative_number():
    # d/dy x**y = log(x) x**y, with the complex logarithm.
    x, y = np.array([-2.0, 1.5]), np.array([0.5 + 1j, 2.0 - 0.5j])
    pulled = ft.vjp(lambda y: np.power(x, y), y)[1](np.ones(2, complex))[0]
    np.testing.assert_allclose(pulled, np.log(x + 0j) * x**y, rtol=1e-14)
