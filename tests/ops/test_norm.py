"""Norms of vectors and matrices: every order, real and complex, at kinks and at the ends of the number range."""

from functools import partial

import mpmath
import numpy as np
import pytest

import functrans as ft
from functrans.errors import ShapeError, UncoveredFunctionError
from functrans.transforms.vmap import vmap
from tests.ops.agreement import check, drawn, same_bits, same_value, stays_single
from tests.ops.batches import agree, check_batches, looped

RNG = np.random.default_rng(17)
INF = np.inf
norm = np.linalg.norm


array = partial(drawn, RNG)


VECTOR_ORDERS = [None, 2, 1, INF, -INF, 3, 4, 5, 6, 2.5, 1.5, 0.5, 4.0, -1, -2, -0.5]
MATRIX_ORDERS = [None, "fro", 1, -1, INF, -INF, 2, -2, "nuc"]


@pytest.mark.parametrize("kind", "fc")
@pytest.mark.parametrize("ord", VECTOR_ORDERS, ids=str)
def test_vectors(ord, kind):
    x = array(3, 4, kind=kind)
    check(lambda x: norm(x, ord), x[0])
    check(lambda x: norm(x, ord, axis=1), x)
    check(lambda x: norm(x, ord, axis=-2, keepdims=True), x)


@pytest.mark.parametrize("kind", "fc")
@pytest.mark.parametrize("ord", MATRIX_ORDERS, ids=str)
def test_matrices(ord, kind):
    for shape in ((3, 3), (2, 3), (3, 2)):
        check(lambda x: norm(x, ord), array(*shape, kind=kind), precise=1e-8)
    check(lambda x: norm(x, ord, keepdims=True), array(2, 3, kind=kind), precise=1e-8)
    check(lambda x: norm(x, ord, axis=(0, 2)), array(3, 2, 2, kind=kind), precise=1e-8)
    check(lambda x: norm(x, ord, axis=(-1, 0), keepdims=True), array(3, 2, 2, kind=kind), precise=1e-8)


@pytest.mark.parametrize("kind", "fc")
@pytest.mark.parametrize("ord", [2, -2, "nuc", 4, 3, None], ids=str)
def test_third_order(ord, kind):
    """``check`` of the derivative in a direction: orders two and three of the norm itself."""
    step = array(3, 2, kind=kind)
    axis = (0, 1) if ord in (2, -2, "nuc") else 0
    check(lambda x: ft.jvp(lambda x: norm(x, ord, axis), (x,), (step,))[1], array(3, 2, kind=kind), precise=1e-7)


def test_all_entries_as_one_vector():
    for shape in ((), (1,), (2, 3, 4), (0,), (2, 0)):
        x = array(*shape)
        same_value(norm, x)
        same_value(lambda x: norm(x, keepdims=True), x)
    check(norm, array(2, 3, 4))
    check(lambda x: norm(x, keepdims=True), array(2, 3, 4, kind="c"))
    check(lambda x: norm(x, None, (0,)), array(3))


def test_single_precision():
    for kind in "fc":
        for ord in VECTOR_ORDERS:
            stays_single(lambda x, o=ord: norm(x, o, 0), array(3, 2, kind=kind))
        for ord in MATRIX_ORDERS:
            stays_single(lambda x, o=ord: norm(x, o), array(3, 2, kind=kind))
            x = np.asarray(array(3, 2, kind=kind), np.complex64 if kind == "c" else np.float32)
            gradient = ft.jvp(ft.grad(lambda x, o=ord: norm(x, o)), (x,), (x,))[1]
            assert gradient.dtype == x.dtype


def test_integers_and_lists():
    for f in (norm, lambda x: norm(x, 1), lambda x: norm(x, 3), lambda x: norm(x, INF)):
        x = np.array([3, -4])
        same_bits(ft.evaluate(ft.trace(f)(x), x), f(x))
    same_value(lambda x: norm([3.0, 4.0]) * x, 2.0)


@pytest.mark.parametrize("axis", [None, 0, -1, (0,), (1, 0), (2, 0), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("ord", [2, 1, INF, 3])
def test_vector_norm(ord, axis):
    x = array(2, 3, 4)
    for keepdims in (False, True):
        check(lambda x, k=keepdims: np.linalg.vector_norm(x, axis=axis, ord=ord, keepdims=k), x)


@pytest.mark.parametrize("ord", MATRIX_ORDERS[1:], ids=str)
def test_matrix_norm(ord):
    x = array(2, 3, 2, kind="c")
    check(lambda x: np.linalg.matrix_norm(x, ord=ord), x, precise=1e-8)
    same_value(lambda x: np.linalg.matrix_norm(x, ord=ord, keepdims=True), x)


def test_zeroth_order_counts():
    """Constant between its jumps."""
    x = np.array([[1.0, 0, 2], [0, 0, 3]])
    f = lambda x: norm(x, 0, axis=1)  # noqa: E731
    assert np.array_equal(f(x), [2, 1])
    same_bits(ft.jvp(f, (x,), (x,)), (f(x), np.zeros(2)))
    same_bits(ft.grad(lambda x: norm(x[0], 0) + np.sum(x))(x), np.ones((2, 3)))
    same_bits(ft.evaluate(ft.trace(f)(np.float32(x)), np.float32(x)), f(np.float32(x)))
    same_value(lambda x: norm(x, 0, keepdims=True), array(3, kind="c"))


# Kinks: the subgradient of least norm.

KINKS = [
    (None, [0.0, 0.0], [0.0, 0.0]),
    (1, [0.0, 1.0], [0.0, 1.0]),
    (1, [0.0, 0.0], [0.0, 0.0]),
    (3, [0.0, 0.0], [0.0, 0.0]),
    (3, [0.0, 1.0], [0.0, 1.0]),
    (1.5, [0.0, 1.0], [0.0, 1.0]),
    (0.5, [0.0, 1.0], [0.0, 1.0]),
    (4, [0.0, -1.0], [0.0, -1.0]),
    (-1, [0.0, 1.0], [0.0, 0.0]),
    (INF, [1.0, -1.0, 0.0], [0.5, -0.5, 0.0]),
    (INF, [0.0, 0.0], [0.0, 0.0]),
    (-INF, [2.0, 1.0, -1.0], [0.0, 0.5, -0.5]),
    (None, [[0.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]),
    ("fro", [[0.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]),
    ("nuc", [[0.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]),
    ("nuc", [[1.0, 1.0], [1.0, 1.0]], [[0.5, 0.5], [0.5, 0.5]]),
    ("nuc", [[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]),
    (2, [[0.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]),
    (2, [[1.0, 0.0], [0.0, 1.0]], [[0.5, 0.0], [0.0, 0.5]]),
    (-2, [[1.0, 0.0], [0.0, 1.0]], [[0.5, 0.0], [0.0, 0.5]]),
    (-2, [[1.0, 2.0], [2.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]]),
    (1, [[1.0, -2.0], [1.0, 0.0]], [[0.5, -0.5], [0.5, 0.0]]),
    (-1, [[1.0, -2.0], [1.0, 0.0]], [[0.5, -0.5], [0.5, 0.0]]),
    (INF, [[1.0, -1.0], [0.0, 2.0]], [[0.5, -0.5], [0.0, 0.5]]),
    (-INF, [[1.0, -1.0], [0.0, 3.0]], [[1.0, -1.0], [0.0, 0.0]]),
]


@pytest.mark.filterwarnings("ignore:divide by zero")  # NumPy's own, of negative powers of zero
@pytest.mark.parametrize(("ord", "x", "expected"), KINKS, ids=str)
def test_kinks(ord, x, expected):
    x = np.array(x)
    f = lambda x: norm(x, ord)  # noqa: E731
    np.testing.assert_allclose(ft.grad(f)(x), expected, rtol=0, atol=1e-15)
    np.testing.assert_allclose(ft.grad(lambda x: norm(x + 0j, ord))(x), expected, rtol=0, atol=1e-15)
    step = RNG.uniform(-1, 1, x.shape)
    np.testing.assert_allclose(ft.jvp(f, (x,), (step,))[1], np.sum(expected * step), rtol=0, atol=1e-14)
    with np.errstate(all="ignore"):
        program = ft.trace(ft.grad(f))(x)
        np.testing.assert_allclose(ft.evaluate(program, x), expected, rtol=0, atol=1e-15)


def test_a_row_of_zeros_does_not_leak():
    x = np.array([[0.0, 0.0], [3.0, 4.0]])
    same_bits(ft.grad(lambda x: np.sum(norm(x, axis=1)))(x), np.array([[0.0, 0.0], [0.6, 0.8]]))
    second = ft.jvp(ft.grad(lambda x: np.sum(norm(x, axis=1))), (x,), (np.ones((2, 2)),))[1]
    np.testing.assert_allclose(second, [[0, 0], [0.032, -0.024]], atol=1e-15)
    assert np.all(np.isfinite(ft.grad(lambda x: norm(x) ** 2)(np.zeros(2))))


@pytest.mark.parametrize("ord", [4, 6])
def test_even_orders_are_smooth_at_zero(ord):
    """The derivative of that order, in an entry which is zero; written with ``abs`` it would be lost."""
    f = lambda t: norm(np.array([1.0, 0.0]) + np.array([0.0, 1.0]) * t, ord)  # noqa: E731
    for _ in range(ord):
        f = lambda t, f=f: ft.jvp(f, (t,), (1.0,))[1]  # noqa: E731
    expected = mpmath.diff(lambda t: (1 + t**ord) ** (mpmath.mpf(1) / ord), 0, ord)
    np.testing.assert_allclose(f(0.0), float(expected), rtol=1e-8)


def test_no_power_overflows():
    """As long as the norm itself is finite, so is its derivative, and right."""
    cases = [
        (INF, [1e200, -1.0], [1.0, 0.0]),
        (1, [1e200, -1e-200], [1.0, -1.0]),
        (None, [3e150, 4e150], [0.6, 0.8]),
        (None, [3e-150, 4e-150], [0.6, 0.8]),
        (3, [1e100, 1e100], [2 ** (-2 / 3)] * 2),
        (4, [1e70, 0.0], [1.0, 0.0]),
        (-1, [1e200, 1e200], [0.25, 0.25]),
    ]
    for ord, x, expected in cases:
        # NumPy's own cube root of 1e300, by a rounded exponent, is off by log(1e300) roundings.
        np.testing.assert_allclose(ft.grad(lambda x, o=ord: norm(x, o))(np.array(x)), expected, rtol=1e-13)
        hessian_times = ft.jvp(ft.grad(lambda x, o=ord: norm(x, o)), (np.array(x),), (np.array([1.0, 0.0]),))[1]
        assert np.all(np.isfinite(hessian_times))


@pytest.mark.filterwarnings("ignore")  # NumPy's own, of what overflows
@pytest.mark.parametrize("ord", [None, 2, 3, 4, 1.5, 2.5, -1, -2, 0.5], ids=str)
@pytest.mark.parametrize("size", [1e-300, 1e-200, 1e-100, 1.0, 1e100, 1e200, 1e300])
def test_tiny_and_huge_vectors(size, ord):
    """The gradient and the Hessian are those of the norm itself, also where NumPy's value is zero or infinite."""
    x, v = size * np.array([0.7, -0.4, 0.9]), size * np.array([0.3, 0.8, -0.5])
    with mpmath.workdps(50):
        p = mpmath.mpf(2 if ord is None else ord)
        entries, along = [[mpmath.mpf(float(a)) for a in z] for z in (x, v)]
        n = sum(abs(a) ** p for a in entries) ** (1 / p)
        first = [mpmath.sign(a) * (abs(a) / n) ** (p - 1) for a in entries]
        rate = sum(g * dx for g, dx in zip(first, along, strict=True)) / n
        second = [(p - 1) * g * (dx / a - rate) for g, a, dx in zip(first, entries, along, strict=True)]
        expected = [np.array([float(a) for a in z]) for z in (first, second)]
    gradient = ft.grad(lambda x: norm(x, ord))
    product = lambda x, v: ft.jvp(gradient, (x,), (v,))  # noqa: E731
    for found in (product(x, v), ft.evaluate(ft.trace(product)(x, v), x, v)):
        np.testing.assert_allclose(found[0], expected[0], rtol=3e-15)
        np.testing.assert_allclose(found[1], expected[1], atol=1e-14 * np.max(np.abs(expected[1])))


@pytest.mark.filterwarnings("ignore:overflow")
def test_rows_of_all_sizes():
    x = np.array([[3e-200, 4e-200], [3.0, 4.0], [3e200, 4e200], [0.0, 0.0]])
    f = lambda x: np.sum(norm(x, axis=1) * np.ones(4))  # noqa: E731
    expected = np.array([[0.6, 0.8], [0.6, 0.8], [0.6, 0.8], [0, 0]])
    np.testing.assert_allclose(ft.grad(f)(x), expected, rtol=1e-15)
    np.testing.assert_allclose(vmap(ft.grad(lambda x: norm(x)))(x), expected, rtol=1e-15)
    flat = np.array([6e-200, 0, 8e-200, 0]).reshape(1, 2, 1, 2)
    np.testing.assert_allclose(vmap(ft.grad(norm))(flat), flat / 1e-199, rtol=1e-15)
    np.testing.assert_allclose(ft.grad(norm)(np.float32([3e30, 4e30])), np.float32([0.6, 0.8]), rtol=1e-6)
    np.testing.assert_allclose(ft.grad(lambda z: norm(z))(np.array([3e200, 4e200j])), [0.6, -0.8j], rtol=1e-15)


def test_an_infinite_vector_has_no_direction():
    assert np.isnan(ft.grad(norm)(np.array([np.inf, 1.0]))[0])


def test_nan_stays_nan():
    x = np.array([np.nan, 1.0])
    for ord in (None, 3, INF, -INF):
        assert np.isnan(ft.grad(lambda x, o=ord: norm(x, o))(x)[0])


def test_no_second_derivative_of_a_multiple_singular_value():
    """The largest of two equal singular values has a kink: not a number, rather than a wrong one."""
    for ord, x in ((2, np.eye(2)), (-2, np.eye(2)), ("nuc", np.ones((2, 2)))):
        with np.errstate(all="ignore"):
            second = ft.jvp(ft.grad(lambda x, o=ord: norm(x, o)), (x,), (np.array([[1.0, 2], [3, 5]]),))[1]
        assert np.all(np.isnan(second))


def test_nuclear_norm_is_smooth_where_singular_values_are_equal():
    """Near the identity it is the trace of the polar factor's symmetric part: d2 = |skew part|^2."""
    step = np.array([[0.3, -1.0], [0.5, 0.7]])
    skew = (step - step.T) / 2
    second = ft.jvp(ft.grad(lambda x: norm(x, "nuc")), (np.eye(2),), (step,))[1]
    np.testing.assert_allclose(second, skew, atol=1e-15)


def test_refusals():
    x = array(2, 3)
    cases = [
        (lambda x: norm(x[0], "fro"), ValueError, "for vectors"),
        (lambda x: norm(x, 3), ValueError, "for matrices"),
        (lambda x: norm(x, 0), ValueError, "for matrices"),
        (lambda x: norm(x[None], 2), ShapeError, "vectors have one axis"),
        (lambda x: norm(x, None, (0, 0)), ShapeError, "two different ones"),
        (lambda x: norm(x[0], x[0, 0]), UncoveredFunctionError, "traced `ord`"),
        (lambda x: norm(x, 2, 5), np.exceptions.AxisError, "out of bounds"),
        (lambda x: norm(x, 2, 0.5), TypeError, "integer"),
    ]
    for f, error, message in cases:
        with pytest.raises(error, match=message):
            ft.vjp(f, x)


@pytest.mark.parametrize("kind", "fc")
@pytest.mark.parametrize("keepdims", [False, True])
def test_batches(keepdims, kind):
    for shape in ((), (4,), (2, 3), (2, 3, 2)):
        check_batches(lambda x: norm(x, keepdims=keepdims), array(3, *shape, kind=kind))
    for p in (2, 1, INF, 3, 2.5):
        check_batches(lambda x, p=p: norm(x, p, keepdims=keepdims), array(3, 4, kind=kind))
        check_batches(lambda x, p=p: norm(x, p, axis=0, keepdims=keepdims), array(3, 4, 2, kind=kind))


@pytest.mark.parametrize("kind", "fc")
@pytest.mark.parametrize("ord", MATRIX_ORDERS, ids=str)
def test_batches_of_matrices(ord, kind):
    check_batches(lambda x: norm(x, ord), array(3, 3, 2, kind=kind))
    check_batches(lambda x: norm(x, ord, axis=(2, 0)), array(3, 3, 2, 4, kind=kind))


def test_batches_of_second_derivatives():
    x = array(3, 4, 3)
    for p in ("nuc", 2):
        f = ft.grad(lambda x, p=p: np.sum(ft.grad(lambda x: norm(x, p))(x) ** 3))
        agree(vmap(f)(x), looped(f, [x], (0,)), 1e-9)
