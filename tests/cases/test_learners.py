"""What learners ask, again and again: each question answered by code, with the numbers."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest

import functrans as ft
from functrans.errors import NonScalarOutputError, TracedValueError

RNG = np.random.default_rng(7)


# 1. Why can't I take the gradient of a vector-valued function?


@pytest.mark.parametrize("f", [lambda x: x * x, lambda x: x[:1], lambda x: np.outer(x, x)])
def test_gradient_of_a_vector_names_the_ways_out(f):
    for transform in (ft.grad, ft.value_and_grad):
        with pytest.raises(NonScalarOutputError) as caught:
            transform(f)(np.ones(3))
        for name in ("vjp", "jacobian", "np.sum"):
            assert name in str(caught.value)


def test_the_three_ways_out():
    """The vector is the weights of the rows of the Jacobian; a sum is weights of one."""
    x, weights = np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.1, 0.01])
    jacobian = ft.jacobian(lambda x: x * x)(x)
    np.testing.assert_array_equal(jacobian, np.diag(2 * x))
    np.testing.assert_allclose(ft.vjp(lambda x: x * x, x)[1](weights)[0], weights @ jacobian, rtol=1e-15)
    np.testing.assert_array_equal(ft.grad(lambda x: np.sum(x * x))(x), np.ones(3) @ jacobian)


# 2. What is a head gradient?


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_head_gradient(dtype):
    y, pullback = ft.vjp(lambda x: 2 * x, np.arange(4, dtype=dtype))
    np.testing.assert_array_equal(y, [0, 2, 4, 6])
    (gradient,) = pullback(np.array([10, 1.0, 0.1, 0.01], dtype))
    np.testing.assert_allclose(gradient, np.array([20, 2, 0.2, 0.02], dtype), rtol=1e-15)
    assert gradient.dtype == dtype


# 3. Detach: partial or total derivative?


def detached(x, y, held=True):
    u = x * y
    v = ft.stop_gradient(u) if held else u
    return v + x


def test_partial_and_total_derivative():
    assert ft.grad(detached)(3.0, 2.0) == 1
    assert ft.grad(detached)(3.0, 2.0, False) == 3
    assert ft.jvp(detached, (3.0, 2.0), (1.0, 0.0))[1] == 1
    assert ft.jvp(lambda x, y: detached(x, y, False), (3.0, 2.0), (1.0, 0.0))[1] == 3
    assert ft.grad(detached, 1)(3.0, 2.0) == 0
    assert ft.grad(lambda x, y: detached(x, y, False), 1)(3.0, 2.0) == 3
    assert ft.grad(ft.grad(lambda x: ft.stop_gradient(x) * x * x))(3.0) == 6
    program = ft.trace(ft.grad(detached))(3.0, 2.0)
    assert ft.evaluate(program, 3.0, 2.0) == 1


# 4. dy/dz and dy/dx in one go.


def test_derivatives_by_an_intermediate_value():
    x = np.array([1.0, -2.0, 0.5])
    z, z_pullback = ft.vjp(lambda x: 2 * x, x)
    y, y_pullback = ft.vjp(lambda z: np.dot(z, z), z)
    (dy_dz,) = y_pullback(1.0)
    (dy_dx,) = z_pullback(dy_dz)
    assert y == np.dot(z, z)
    np.testing.assert_array_equal(dy_dz, 4 * x)
    np.testing.assert_array_equal(dy_dx, 8 * x)


def test_derivatives_by_an_intermediate_value_as_a_second_argument():
    """Add a zero to the intermediate value, and differentiate in the zero."""
    x = np.array([1.0, -2.0, 0.5])

    def y(x, nudge):
        z = 2 * x + nudge
        return np.dot(z, z)

    dy_dx, dy_dz = ft.grad(y, (0, 1))(x, np.zeros(3))
    np.testing.assert_array_equal(dy_dz, 4 * x)
    np.testing.assert_array_equal(dy_dx, 8 * x)


# 5. math.exp of a traced value.


@pytest.mark.parametrize("name", ["exp", "sin", "sqrt", "log", "tanh"])
@pytest.mark.parametrize("module", [math, cmath])
def test_math_names_the_numpy_function(module, name):
    function = getattr(module, name)
    for run in (ft.grad(function), ft.trace(function), lambda x: ft.jvp(function, (x,), (x,))):
        with pytest.raises(TracedValueError, match=r"np\.exp"):
            run(0.5)
    with pytest.raises((TracedValueError, TypeError)):
        ft.vjp(function, np.array([0.5, 1.0]))


# 6. while and if.


def by_control_flow(a):
    b = a * 2
    while np.linalg.norm(b) < 1000:
        b = b * 2
    return b if np.sum(b) > 0 else 100 * b


@pytest.mark.parametrize("a", [0.3, -0.3, np.float32(0.5), np.float64(1e-3), 2000.0, -7])
def test_while_and_if_of_a_scalar(a):
    assert ft.grad(by_control_flow)(a) == by_control_flow(a) / a
    assert ft.jvp(by_control_flow, (float(a),), (float(a),))[1] == by_control_flow(float(a))
    assert ft.grad(ft.grad(by_control_flow))(a) == 0


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_while_and_if_of_a_matrix(sign):
    a = sign * np.abs(RNG.normal(size=(2, 3)))
    gradient = ft.grad(lambda a: np.sum(by_control_flow(a)))(a)
    np.testing.assert_allclose(gradient, by_control_flow(a) / a, rtol=1e-15)
    np.testing.assert_allclose(ft.jvp(by_control_flow, (a,), (a,))[1], by_control_flow(a), rtol=1e-15)


# 7. Why is the second derivative so much more expensive?


def operations(f, *args):
    """How many equations the program of a function has."""
    return len(ft.trace(f)(*args).equations)


def work(f, *args):
    """How many numbers its equations make: a measure of operations and of memory."""
    program = ft.trace(f)(*args)
    return sum(out.spec.size for equation in program.equations for out in equation.outputs)


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


@pytest.mark.parametrize("n", [10, 20])
def test_cost_of_the_second_derivative(n):
    """Gradient and Hessian times vector cost a few times the function, at any size; the Hessian, n times as much."""
    x, v = np.linspace(-1, 1, n), np.ones(n)
    gradient = ft.grad(rosenbrock)
    product = lambda x: ft.hvp(rosenbrock)(x, v)  # noqa: E731
    hessian = ft.hessian(rosenbrock)
    once = work(rosenbrock, x)
    assert once < work(gradient, x) < 8 * once
    assert work(product, x) < 20 * once
    assert n * once < work(hessian, x)
    assert operations(gradient, x) == operations(gradient, np.ones(2 * n))
    assert operations(product, x) < 5 * operations(gradient, x)
    np.testing.assert_allclose(hessian(x) @ v, product(x), rtol=1e-12, atol=1e-10)
    np.testing.assert_allclose(ft.jacobian(gradient)(x), hessian(x), rtol=1e-12)


# 8. A plot of f and f'.


def test_derivative_of_a_whole_curve():
    """One walk for all points: each entry of the result depends on one entry of the curve alone."""
    x = np.linspace(-10, 10, 101)
    (slope,) = ft.vjp(np.sin, x)[1](np.ones(101))
    np.testing.assert_array_equal(slope, np.cos(x))
    np.testing.assert_array_equal(ft.jvp(np.sin, (x,), (np.ones(101),))[1], np.cos(x))
    np.testing.assert_array_equal(ft.grad(lambda x: np.sum(np.sin(x)))(x), np.cos(x))
    np.testing.assert_array_equal([ft.grad(np.sin)(point) for point in x], np.cos(x))
    np.testing.assert_array_equal(ft.vmap(ft.grad(np.sin))(x), np.cos(x))


# 9. backward twice.


def test_pullback_called_twice():
    x = np.array([1.0, 2.0])
    _, pullback = ft.vjp(lambda x: np.sin(x) * x, x)
    ct = np.array([1.0, -1.0])
    first, second = pullback(ct), pullback(ct)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(first[0], ct * (np.cos(x) * x + np.sin(x)), rtol=1e-15)
    np.testing.assert_array_equal(pullback(2 * ct)[0], 2 * first[0])
    np.testing.assert_allclose(ft.grad(lambda c: np.sum(pullback(c)[0]))(ct), np.cos(x) * x + np.sin(x), rtol=1e-15)


# 10. A mean over a 2x2.


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_mean_of_squares(dtype):
    gradient = ft.grad(lambda x: np.mean(3 * (x + 2) ** 2))(np.ones((2, 2), dtype))
    np.testing.assert_array_equal(gradient, np.full((2, 2), 4.5))
    assert gradient.dtype == dtype
    value, tangent = ft.jvp(lambda x: np.mean(3 * (x + 2) ** 2), (np.ones((2, 2)),), (np.eye(2),))
    assert (value, tangent) == (27, 9)


# 11. One argument of several, a dictionary, a matrix.


def test_one_of_several_arguments_a_dictionary_a_matrix():
    x, t = RNG.normal(size=(3, 2)), RNG.normal(size=(2, 4))
    f = lambda x, t: np.sum(x @ t)  # noqa: E731
    of_x, of_t = np.ones((3, 4)) @ t.T, x.T @ np.ones((3, 4))
    np.testing.assert_allclose(ft.grad(f)(x, t), of_x)
    np.testing.assert_allclose(ft.grad(f, 1)(x, t), of_t)
    np.testing.assert_allclose(ft.grad(f, argnames="t")(x, t=t), of_t)
    for found, expected in zip(ft.grad(f, (0, 1))(x, t), (of_x, of_t), strict=True):
        np.testing.assert_allclose(found, expected)
    gradient = ft.grad(lambda p: f(p["x"], p["t"]))({"x": x, "t": t})
    assert list(gradient) == ["x", "t"]
    np.testing.assert_allclose(gradient["x"], of_x)
    np.testing.assert_allclose(gradient["t"], of_t)
    rows = ft.vjp(lambda x, t: x @ t, x, t)[1](np.ones((3, 4)))
    np.testing.assert_allclose(rows[1], of_t)
