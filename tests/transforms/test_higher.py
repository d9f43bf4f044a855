"""functrans.transforms.higher: n-th derivatives, against mpmath to the tenth order."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

import functrans as ft
from functrans.errors import DerivativeError, IntegerInputError, NonScalarOutputError, TracedBoolError
from functrans.transforms.higher import differentiated, program_at

FUNCTIONS = {
    "tanh": (np.tanh, mp.tanh, 0.7),
    "bell": (lambda x: np.exp(-(x**2)), lambda x: mp.exp(-(x**2)), 0.7),
    "runge": (lambda x: 1 / (1 + x**2), lambda x: 1 / (1 + x**2), 0.3),
    "x to the x": (lambda x: x**x, lambda x: x**x, 1.3),
    "sqrt": (np.sqrt, mp.sqrt, 2.0),
    "polynomial": (lambda x: x**7 - 3 * x**2, lambda x: x**7 - 3 * x**2, 1.1),
}


@pytest.mark.parametrize("order", range(11))
@pytest.mark.parametrize("name", FUNCTIONS)
def test_agrees_with_mpmath(name, order):
    f, exact, x = FUNCTIONS[name]
    with mp.workdps(60):
        derivatives = [float(mp.diff(exact, mp.mpf(x), k) if k else exact(mp.mpf(x))) for k in (order, 10)]
    scale = abs(derivatives[0]) + 1e-3
    assert ft.derivative(f, order)(x) == pytest.approx(derivatives[0], rel=1e-12, abs=1e-12 * scale)


@pytest.mark.parametrize("name", ["tanh", "bell"])
def test_over_arrays(name):
    f, exact, _ = FUNCTIONS[name]
    x = np.linspace(-2, 2, 6).reshape(2, 3)
    found = ft.derivative(f, 4)(x)
    with mp.workdps(40):
        expected = [[float(mp.diff(exact, mp.mpf(v), 4)) for v in row] for row in x]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)
    assert ft.derivative(f, 4)(x.astype(np.float32)).dtype == np.float32


def test_programs_grow_like_a_power_of_the_order():
    """What occurs twice is computed once: without that, each order would at least double the program."""
    program = program_at(np.tanh, 0.7)
    sizes = []
    for _ in range(10):
        program = differentiated(program, np.tanh).validate()
        sizes.append(len(program.equations))
    assert sizes[9] / sizes[4] < 2**3.5


def test_control_flow_follows_numbers():
    f = lambda x: x**3 if x > 1 else x**2  # noqa: E731
    assert ft.derivative(f, 2)(2.0) == 12.0
    assert ft.derivative(f, 2)(0.5) == 2.0
    with pytest.raises(TracedBoolError, match=r"functrans\.map"):
        ft.derivative(f, 2)(np.array([0.5, 2.0]))
    assert ft.map(ft.derivative(f, 2), np.array([0.5, 2.0])).tolist() == [2.0, 12.0]


def test_inside_of_other_transforms():
    assert ft.grad(ft.derivative(np.sin, 2))(0.3) == pytest.approx(-np.cos(0.3), rel=1e-15)
    assert ft.grad(lambda a: ft.derivative(lambda x: np.exp(a * x), 2)(0.5))(0.3) == pytest.approx(
        (2 * 0.3 + 0.3**2 * 0.5) * np.exp(0.15), rel=1e-14
    )
    program = ft.trace(ft.derivative(np.sin, 3))(0.5)
    assert ft.evaluate(program, 0.5) == -np.cos(0.5)


def test_a_constant_and_the_identity():
    assert ft.derivative(lambda x: 3.0)(2.0) == 0.0
    assert ft.derivative(lambda x: x)(2.0) == 1.0
    assert ft.derivative(lambda x: x, 2)(2.0) == 0.0
    assert ft.derivative(lambda x: x, 0)(2.0) == 2.0


def test_errors():
    with pytest.raises(DerivativeError, match="order -1"):
        ft.derivative(np.sin, -1)
    with pytest.raises(NonScalarOutputError, match="a tuple"):
        ft.derivative(lambda x: (x, x))(1.0)
    with pytest.raises(NonScalarOutputError, match=r"Float64\[2\]"):
        ft.derivative(lambda x: x * np.ones(2))(1.0)
    with pytest.raises(IntegerInputError):
        ft.derivative(np.sin)(np.arange(3))


def test_elementwise_grad():
    x = np.linspace(-1, 1, 6).reshape(2, 3)
    np.testing.assert_allclose(ft.elementwise_grad(np.sin)(x), np.cos(x), rtol=1e-15)
    np.testing.assert_allclose(ft.elementwise_grad(ft.elementwise_grad(np.sin))(x), -np.sin(x), rtol=1e-15)
    np.testing.assert_allclose(ft.elementwise_grad(np.multiply, 1)(x, 2.0 * x), x)
    assert ft.elementwise_grad(np.square)(3.0) == 6.0


def test_derivatives_at_singular_points_do_not_warn():
    x = np.array([0.0, 1.0])
    assert ft.derivative(lambda x: x**0.5, 2)(x).tolist() == [-np.inf, -0.25]
    assert ft.derivative(lambda x: np.where(x > 0, np.sqrt(x), 0.0))(x).tolist() == [0.0, 0.5]


def test_complex_numbers():
    assert ft.derivative(np.exp, 2)(1.0 + 2.0j) == pytest.approx(np.exp(1.0 + 2.0j))
    for f in (np.abs, np.real):
        with pytest.raises(DerivativeError, match="that is not holomorphic"):
            ft.derivative(f)(1.0 + 2.0j)
        assert ft.derivative(f, 0)(3.0 + 4.0j) == f(3.0 + 4.0j)
    # A curve in the complex plane has a complex derivative.
    assert ft.derivative(lambda t: np.exp(1j * t))(0.5) == pytest.approx(1j * np.exp(0.5j))
    np.testing.assert_allclose(ft.derivative(lambda t: np.exp(1j * t))(np.array([0.5])), [1j * np.exp(0.5j)])


def test_errors_name_the_function_that_was_given():
    with pytest.raises(DerivativeError, match="test_higher"):
        ft.elementwise_grad(lambda x: x**2)(np.array([1j]))
