"""Wrong answers that real libraries gave, each with its kind; and what learners of differentiation ask."""

from __future__ import annotations

import itertools
import math

import mpmath as mp
import numpy as np
import pytest

import functrans as ft
from functrans.errors import NonScalarOutputError, TracedValueError

RNG = np.random.default_rng(7)


def hessian(f):
    """Rows of second derivatives, forward over reverse and reverse over reverse; they must agree."""

    def of(x):
        g = ft.grad(f)
        units = np.eye(x.size).reshape(x.size, *x.shape)
        forward = np.array([ft.jvp(g, (x,), (unit,))[1] for unit in units])
        reverse = np.array([ft.vjp(g, x)[1](unit)[0] for unit in units])
        np.testing.assert_allclose(forward, reverse, rtol=1e-9, atol=1e-9)
        return forward

    return of


# A call that escapes tracing must be traced or refused, never dropped.


@pytest.mark.parametrize(
    "f",
    [
        lambda x, c: np.dot(c[:, None], x[None, :]),
        lambda x, c: np.where(x > 0, x, c),
        lambda x, c: np.concatenate([x, c]),
        lambda x, c: np.cumsum(x),
        lambda x, c: np.clip(x, -1, 2),
        lambda x, c: np.outer(c, x),
        lambda x, c: np.einsum("i,j->ij", c, x),
        lambda x, c: np.stack([c, x]),
        lambda x, c: np.add.outer(c, x),
        lambda x, c: np.multiply.reduce(x),
        lambda x, c: x.dot(c),
        lambda x, c: c @ x,
        lambda x, c: np.linalg.norm(x),
    ],
)
def test_no_call_is_dropped(f):
    x, c = np.array([0.5, 1.5, -0.3]), np.array([2.0, -1.0, 0.5])
    out, pullback = ft.vjp(lambda x: f(x, c), x)
    w = RNG.uniform(1, 2, np.shape(out))
    step = 1e-6
    numerical = [np.sum(w * (f(x + step * e, c) - f(x - step * e, c))) / (2 * step) for e in np.eye(3)]
    np.testing.assert_allclose(pullback(w)[0], numerical, rtol=1e-8)
    assert np.any(pullback(w)[0])


@pytest.mark.parametrize("f", [np.asarray, np.array, float, math.exp, lambda x: np.zeros(1).__setitem__(0, x)])
def test_what_would_drop_the_trace_is_refused(f):
    with pytest.raises(TracedValueError):
        ft.grad(lambda x: f(x) * 1.0)(0.5)


# Every keyword of a function is part of its derivative.


def test_where_keyword_of_sum():
    mask = np.array([True, False, True, True])
    x = np.array([1.0, 2.0, 3.0, 4.0])
    np.testing.assert_array_equal(ft.grad(lambda x: np.sum(x, where=mask))(x), [1, 0, 1, 1])
    np.testing.assert_array_equal(ft.grad(lambda x: np.sum(x, where=mask[None], axis=(0, 1)))(x[None]), [[1, 0, 1, 1]])
    np.testing.assert_array_equal(ft.grad(lambda x: x.sum(where=mask, initial=3.0))(x), [1, 0, 1, 1])
    np.testing.assert_allclose(ft.grad(lambda x: np.mean(x, where=mask))(x), mask / 3)
    np.testing.assert_allclose(ft.grad(lambda x: np.prod(x, where=mask))(x), [12, 0, 4, 3])
    np.testing.assert_array_equal(ft.grad(lambda x: np.max(x, where=~mask, initial=0.0))(x), [0, 1, 0, 0])


# Never cast a cotangent back to an integer.


def test_integers_count_as_floats_or_are_refused():
    def neighbours(x):
        return np.sum((x[1:] - x[:-1]) ** 2)

    x = np.array([[1], [0], [0], [1]])
    np.testing.assert_array_equal(ft.grad(neighbours)(x.astype(float)), [[2], [-2], [-2], [2]])
    with pytest.raises(TypeError, match="astype"):
        ft.grad(neighbours)(x)
    assert ft.grad(lambda x: (x - 1) ** 2)(3) == 4.0
    np.testing.assert_array_equal(ft.grad(lambda c: np.sum(c * x))(0.5), 2.0)


# Contractions: every axis order, negative axes, uneven shapes.


def test_tensordot_case():
    def f(x):
        return np.tensordot(np.array([1.0, 0.0]), np.array([[0.0, -1.0], [1.0, 0.0]]) * x, (0, 1))

    np.testing.assert_array_equal(ft.jvp(f, (1.0,), (1.0,))[1], [0, 1])
    np.testing.assert_array_equal([ft.vjp(f, 1.0)[1](e)[0] for e in np.eye(2)], [0, 1])


@pytest.mark.parametrize("axes", [(0, 1), (1, 0), ([0, 2], [1, 2]), ([2, 0], [2, 1]), ([-1, -3], [-1, -2]), 1, 0])
def test_tensordot_in_every_order(axes):
    sizes = {1: ((2, 3, 4), (4, 2)), 0: ((2,), (3, 2))}
    a_shape, b_shape = sizes[axes] if isinstance(axes, int) else ((2, 3, 4), (3, 2, 4))
    a, b = RNG.normal(size=a_shape), RNG.normal(size=b_shape)
    out, pullback = ft.vjp(lambda a, b: np.tensordot(a, b, axes), a, b)
    w = RNG.normal(size=out.shape)
    da, db = RNG.normal(size=a_shape), RNG.normal(size=b_shape)
    expected = np.sum(w * (np.tensordot(da, b, axes) + np.tensordot(a, db, axes)))
    got = pullback(w)
    assert np.sum(got[0] * da) + np.sum(got[1] * db) == pytest.approx(expected, rel=1e-12)


# Second order is a separate promise.


def test_slogdet_forward_over_forward():
    def f(t):
        return np.linalg.slogdet(np.array([[2.0, 1.0], [1.0, 3.0]]) + t * np.array([[1.0, 0.0], [0.0, 0.0]]))[1]

    expected = -9 / (3 * (2 + 0.7) - 1) ** 2
    first = lambda t: ft.jvp(f, (t,), (1.0,))[1]  # noqa: E731
    for second in (ft.jvp(first, (0.7,), (1.0,))[1], ft.grad(first)(0.7), ft.grad(ft.grad(f))(0.7)):
        assert second == pytest.approx(expected, rel=1e-12)
    assert expected == pytest.approx(-0.178536, rel=1e-5)


# Never divide by the input to undo a product: zeros in every position.


@pytest.mark.parametrize("zeros", [z for n in range(4) for z in itertools.combinations(range(3), n)], ids=str)
def test_products_with_zeros(zeros):
    x = np.array([2.0, 5.0, 3.0])
    x[list(zeros)] = 0
    others = [np.prod(np.delete(x, i)) for i in range(3)]
    pairs = [[0.0 if i == j else np.prod(np.delete(x, [i, j])) for j in range(3)] for i in range(3)]
    np.testing.assert_array_equal(ft.grad(np.prod)(x), others)
    np.testing.assert_array_equal(hessian(np.prod)(x), pairs)
    np.testing.assert_array_equal(ft.grad(lambda x: np.prod(x[None], axis=1)[0])(x), others)


@pytest.mark.parametrize("zero", range(4))
def test_running_products_with_a_zero(zero):
    x = np.array([2.0, 5.0, 3.0, 4.0])
    x[zero] = 0

    def by_hand(x):
        return x[0] + x[0] * x[1] + x[0] * x[1] * x[2] + x[0] * x[1] * x[2] * x[3]

    f = lambda x: np.sum(np.cumprod(x))  # noqa: E731
    np.testing.assert_array_equal(ft.grad(f)(x), ft.grad(by_hand)(x))
    np.testing.assert_array_equal(hessian(f)(x), hessian(by_hand)(x))


def test_running_product_case():
    x = np.array([2.0, 0.0, 3.0, 4.0])
    f = lambda x: np.sum(np.cumprod(x))  # noqa: E731
    np.testing.assert_array_equal(ft.grad(f)(x), [1, 32, 0, 0])
    np.testing.assert_allclose(
        np.sum(hessian(f)(x)), np.sum([[0, 16, 0, 0], [16, 0, 10, 6], [0, 10, 0, 0], [0, 6, 0, 0]])
    )


# The branch not taken must not speak.


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("a", [100.0, 1000.0, np.inf])
def test_overflow_in_the_branch_not_taken(dtype, a):
    f = lambda a: np.where(a <= 0, np.exp(a), 1 + a)  # noqa: E731
    with np.errstate(over="ignore"):
        got = ft.grad(f)(dtype(a))
        assert got == 1
        assert got.dtype == dtype
        assert ft.jvp(f, (dtype(a),), (dtype(1),))[1] == 1
        assert ft.grad(ft.grad(f))(dtype(a)) == 0


def test_gradient_descends_through_a_guard():
    f = lambda x: np.sum(np.where(x > 0, np.log(x) * np.sqrt(x), 0.0))  # noqa: E731
    x = np.array([-1.0, 0.0, 4.0])
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(ft.grad(f)(x), [0, 0, 0.5 + np.log(4) / 4], rtol=1e-15)
        got = ft.grad(lambda x: np.sum(ft.grad(f)(x)))(x)
        expected = float(mp.diff(lambda x: mp.log(x) * mp.sqrt(x), 4, 2))
    np.testing.assert_allclose(got, [0, 0, expected], rtol=1e-12)


# Tails: no cancellation.


@pytest.mark.parametrize("x", [5.0, 20.0, 300.0, -20.0])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_tail_of_tanh(x, order):
    f = np.tanh
    for _ in range(order):
        f = ft.grad(f)
    with mp.workdps(400):
        expected = float(mp.diff(mp.tanh, mp.mpf(x), order, h=mp.mpf(10) ** -30))
    assert f(x) == pytest.approx(expected, rel=1e-13)
    assert expected != 0


@pytest.mark.parametrize("x", [-5.0, -40.0, -700.0])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_tail_of_expm1(x, order):
    f = np.expm1
    for _ in range(order):
        f = ft.grad(f)
    assert f(x) == pytest.approx(float(mp.exp(x)), rel=1e-15)


# No shortcut that depends on values and drops a derivative.


def test_determinant_case():
    a = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    assert ft.grad(np.linalg.det)(a)[1, 2] == pytest.approx(-1, abs=1e-14)


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_determinant_of_every_rank(rank):
    a = RNG.integers(-3, 4, (3, rank)).astype(float) @ RNG.integers(-3, 4, (rank, 3)).astype(float)

    def by_hand(a):
        return sum(
            sign * a[0, i] * a[1, j] * a[2, k]
            for (i, j, k), sign in {
                (0, 1, 2): 1, (1, 2, 0): 1, (2, 0, 1): 1, (0, 2, 1): -1, (1, 0, 2): -1, (2, 1, 0): -1,
            }.items()
        )  # fmt: skip

    np.testing.assert_allclose(ft.grad(np.linalg.det)(a), ft.grad(by_hand)(a), atol=1e-11)
    np.testing.assert_allclose(hessian(np.linalg.det)(a), hessian(by_hand)(a), atol=1e-11)


# Powers at 0, at every order.


def test_third_derivative_of_the_bell_curve():
    f = lambda x: np.exp(-(x**2))  # noqa: E731
    for expected in (1.0, 0.0, -2.0, 0.0, 12.0, 0.0, -120.0):
        assert f(0.0) == expected
        f = ft.grad(f)


def test_bell_curve_of_an_array():
    f = lambda x: np.sum(np.exp(-(x ** np.array([2, 2]))))  # noqa: E731
    g = lambda x: np.sum(ft.grad(f)(x))  # noqa: E731
    h = lambda x: np.sum(ft.grad(g)(x))  # noqa: E731
    np.testing.assert_array_equal(ft.grad(h)(np.zeros(2)), [0, 0])


# Perturbation confusion.


def derivative_by_grad(f, x):
    return ft.grad(f)(x)


def derivative_by_jvp(f, x):
    return ft.jvp(f, (x,), (1.0,))[1]


@pytest.mark.parametrize("outer", [derivative_by_grad, derivative_by_jvp])
@pytest.mark.parametrize("inner", [derivative_by_grad, derivative_by_jvp])
def test_perturbations_are_not_confused(outer, inner):
    assert outer(lambda x: x * inner(lambda y: x + y, 5.0), 5.0) == 1
    assert outer(lambda x: x * inner(lambda y: x * y, x), 5.0) == 10
    assert outer(lambda x: inner(lambda y: x * y * y, x), 5.0) == 20
    program = ft.trace(lambda a: outer(lambda x: x * inner(lambda y: x + y, a), a))(5.0)
    assert ft.evaluate(program.validate(), 5.0) == 1


# What learners ask.


def test_gradient_of_a_vector_names_the_ways_out():
    with pytest.raises(NonScalarOutputError) as caught:
        ft.grad(lambda x: x * x)(np.ones(3))
    for name in ("vjp", "jacobian", "np.sum"):
        assert name in str(caught.value)


def test_head_gradient():
    _, pullback = ft.vjp(lambda x: 2 * x, np.array([1.0, 2.0, 3.0, 4.0]))
    np.testing.assert_allclose(pullback(np.array([10, 1.0, 0.1, 0.01]))[0], [20, 2, 0.2, 0.02])


def test_partial_and_total_derivative():
    def z(x, y, detach):
        u = x * y
        v = ft.stop_gradient(u) if detach else u
        return v + x

    assert ft.grad(z)(3.0, 2.0, True) == 1
    assert ft.grad(z)(3.0, 2.0, False) == 3


def test_derivatives_by_an_intermediate_value():
    x = np.array([1.0, -2.0, 0.5])
    z, z_pullback = ft.vjp(lambda x: 2 * x, x)
    y, y_pullback = ft.vjp(lambda z: np.dot(z, z), z)
    (dy_dz,) = y_pullback(1.0)
    (dy_dx,) = z_pullback(dy_dz)
    assert y == np.dot(z, z)
    np.testing.assert_array_equal(dy_dz, 4 * x)
    np.testing.assert_array_equal(dy_dx, 8 * x)


def test_math_names_the_numpy_function():
    with pytest.raises(TracedValueError, match=r"np\.exp"):
        ft.grad(math.exp)(0.5)


def by_control_flow(a):
    b = a * 2
    while np.linalg.norm(b) < 1000:
        b = b * 2
    return b if np.sum(b) > 0 else 100 * b


@pytest.mark.parametrize("a", [0.3, -0.3, np.float32(0.5), 2000.0])
def test_while_and_if_of_a_scalar(a):
    assert ft.grad(by_control_flow)(a) == by_control_flow(a) / a
    assert ft.jvp(by_control_flow, (a,), (a,))[1] == by_control_flow(a)
    assert ft.grad(ft.grad(by_control_flow))(a) == 0


def test_while_and_if_of_a_matrix():
    a = RNG.normal(size=(2, 3))
    gradient = ft.grad(lambda a: np.sum(by_control_flow(a)))(a)
    np.testing.assert_allclose(gradient, by_control_flow(a) / a, rtol=1e-15)


def test_pullback_called_twice():
    _, pullback = ft.vjp(lambda x: np.sin(x) * x, np.array([1.0, 2.0]))
    ct = np.array([1.0, -1.0])
    first, second = pullback(ct), pullback(ct)
    np.testing.assert_array_equal(first, second)


def test_mean_of_squares():
    gradient = ft.grad(lambda x: np.mean(3 * (x + 2) ** 2))(np.ones((2, 2)))
    np.testing.assert_array_equal(gradient, np.full((2, 2), 4.5))


def test_one_of_several_arguments_a_dictionary_a_matrix():
    x, t = RNG.normal(size=(3, 2)), RNG.normal(size=(2, 4))
    f = lambda x, t: np.sum(x @ t)  # noqa: E731
    np.testing.assert_allclose(ft.grad(f, 1)(x, t), x.T @ np.ones((3, 4)))
    gx, gt = ft.grad(f, (0, 1))(x, t)
    np.testing.assert_allclose(gx, np.ones((3, 4)) @ t.T)
    np.testing.assert_allclose(gt, x.T @ np.ones((3, 4)))
    gradient = ft.grad(lambda p: f(p["x"], p["t"]))({"x": x, "t": t})
    assert list(gradient) == ["x", "t"]
    np.testing.assert_array_equal(gradient["t"], gt)
