"""``det``: regular, singular and empty matrices, to the third order, against exact integer arithmetic."""

import itertools
import math
from functools import partial

import numpy as np
import pytest

import functrans as ft
from functrans.ops.determinant import cofactors, cofactors_tangent
from functrans.testing.numerical import complex_step
from functrans.transforms.vmap import vmap
from tests.ops.agreement import check, drawn, same_value, stays_single
from tests.ops.batches import agree, check_batches, looped

RNG = np.random.default_rng(16)


array = partial(drawn, RNG)


def leibniz(rows):
    """The determinant as the sum over permutations, exact for integers."""
    n = len(rows)
    total = 0
    for permutation in itertools.permutations(range(n)):
        swaps = sum(permutation[i] > permutation[j] for i in range(n) for j in range(i + 1, n))
        product = (-1) ** swaps
        for i, j in enumerate(permutation):
            product = product * rows[i][j]
        total = total + product
    return total


def minor(rows, i, j):
    return [[x for c, x in enumerate(row) if c != j] for r, row in enumerate(rows) if r != i]


def gradient(rows):
    """Of the determinant, exact: it is linear in each entry."""
    n = len(rows)
    return np.array([[(-1) ** (i + j) * leibniz(minor(rows, i, j)) for j in range(n)] for i in range(n)], float)


def gradient_along(rows, step):
    """How the gradient changes along ``step``, exact: the difference of a polynomial, entry by entry."""
    n = len(rows)
    total = np.zeros((n, n))
    for i, j in itertools.product(range(n), repeat=2):
        moved = [list(row) for row in rows]
        moved[i][j] += 1
        total += int(step[i, j]) * (gradient(moved) - gradient(rows))
    return total


SINGULAR = {
    "rank 1 of 2": [[1, 2], [2, 4]],
    "rank 0 of 2": [[0, 0], [0, 0]],
    "rank 1 of 3": [[1, 1, 1], [1, 1, 1], [1, 1, 1]],
    "rank 2 of 3": [[1, 2, 3], [4, 5, 6], [7, 8, 9]],
    "rank 0 of 3": [[0, 0, 0], [0, 0, 0], [0, 0, 0]],
    "rank 2 of 4": [[1, 0, 0, 0], [0, 2, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]],
    "rank 3 of 4": [[2, 1, 0, 3], [1, 3, 1, 5], [0, 1, 4, 5], [3, 5, 5, 13]],
    "rank 1 of 4": [[1, 2, 3, 4], [2, 4, 6, 8], [-1, -2, -3, -4], [0, 0, 0, 0]],
}
REGULAR = {
    "number": [[3]],
    "unit lower": [[1, 0, 0], [0, 1, 0], [0, 1, 1]],
    "turned": [[0, -1], [1, 0]],
    "three": [[2, -1, 0], [1, 3, 5], [0, -2, 4]],
    "four": [[0, 2, 0, 1], [1, 0, 3, 0], [0, 1, 0, 2], [5, 0, 1, 0]],
}


@pytest.mark.parametrize("rows", {**SINGULAR, **REGULAR}.values(), ids={**SINGULAR, **REGULAR}.keys())
def test_two_orders_exactly(rows):
    a = np.array(rows, float)
    step = RNG.integers(-3, 4, a.shape).astype(float)
    grad = ft.grad(np.linalg.det)
    allowed = {"rtol": 0, "atol": 1e-12 * max(1, np.max(np.abs(a))) ** len(rows)}
    np.testing.assert_allclose(grad(a), gradient(rows), **allowed)
    np.testing.assert_allclose(ft.jvp(np.linalg.det, (a,), (step,))[1], np.sum(gradient(rows) * step), **allowed)
    expected = gradient_along(rows, step)
    np.testing.assert_allclose(ft.jvp(grad, (a,), (step,))[1], expected, **allowed)
    np.testing.assert_allclose(ft.grad(lambda a: np.sum(grad(a) * step))(a), expected, **allowed)
    np.testing.assert_allclose(
        ft.jvp(lambda a: ft.jvp(np.linalg.det, (a,), (step,))[1], (a,), (step,))[1], np.sum(expected * step), **allowed
    )
    program = ft.trace(lambda a: ft.jvp(grad, (a,), (step,))[1])(a)
    program.validate()
    np.testing.assert_allclose(ft.evaluate(program, a), expected, **allowed)


def test_no_entry_loses_its_derivative():
    """The case of a library with a shortcut for triangular matrices: it gave 0 here."""
    found = ft.grad(np.linalg.det)(np.array(REGULAR["unit lower"], float))
    np.testing.assert_allclose(found[1, 2], -1.0, rtol=1e-14)


def test_second_order_at_zero():
    a = np.zeros((2, 2))
    found = ft.grad(lambda a: np.sum(ft.grad(np.linalg.det)(a)))(a)
    np.testing.assert_allclose(found, [[1, -1], [-1, 1]], atol=1e-15)


@pytest.mark.parametrize("kind", "fc")
@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (2, 2), (3, 3), (5, 5), (2, 3, 3), (2, 1, 4, 4), (0, 2, 2)])
def test_agreement(shape, kind):
    check(np.linalg.det, array(*shape, kind=kind))
    stays_single(np.linalg.det, array(*shape, kind=kind))


@pytest.mark.parametrize("kind", "fc")
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_third_order(n, kind):
    """All of ``check`` for the second derivative in a direction: that is orders two to four."""
    step = array(n, n, kind=kind)
    second = lambda a: ft.jvp(ft.grad(lambda a: np.real(np.linalg.det(a))), (a,), (step,))[1]  # noqa: E731
    check(second, array(n, n, kind=kind) + np.eye(n))


@pytest.mark.parametrize("rows", SINGULAR.values(), ids=SINGULAR.keys())
def test_higher_orders_of_a_singular_matrix(rows):
    """Orders three to six along a direction: the coefficients of the polynomial ``det(a + t * step)``, exactly."""
    a, n = np.array(rows, float), len(rows)
    step = RNG.integers(-2, 3, a.shape)
    derivative = lambda t: np.linalg.det(a + t * step)  # noqa: E731
    points = np.arange(n + 1)
    values = [leibniz((np.array(rows) + int(t) * step).tolist()) for t in points]
    coefficients = np.linalg.solve(np.vander(points, increasing=True).astype(float), np.array(values, float))
    for order in range(1, n + 2):
        derivative = lambda t, f=derivative: ft.jvp(f, (t,), (1.0,))[1]  # noqa: E731
        expected = 0.0 if order > n else float(math.factorial(order) * round(coefficients[order]))
        np.testing.assert_allclose(derivative(0.0), expected, rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize("kind", "fc")
def test_cofactors_near_and_far_from_singular(kind):
    """The two ways to compute them agree, and both with the inverse."""
    u, _, v = np.linalg.svd(array(6, 6, kind=kind))
    for smallest in (1.0, 1e-1, 1e-3, 1e-6):
        s = np.array([1.0, 0.9, 0.8, 0.7, 0.6, smallest])
        a = (u * s) @ v
        others = np.array([np.prod(np.delete(s, i)) for i in range(6)])
        exact = (np.conj(u) * others) @ np.conj(v) * np.linalg.det(u) * np.linalg.det(v)
        np.testing.assert_allclose(
            cofactors(a), exact, rtol=0, atol=3e-14 * np.max(np.abs(exact)) / max(smallest, 1e-3)
        )


def by_minors(a):
    n = len(a)
    keep = [np.delete(np.arange(n), i) for i in range(n)]
    return np.array(
        [[(-1) ** (i + j) * np.linalg.det(a[np.ix_(keep[i], keep[j])]) for j in range(n)] for i in range(n)]
    )


def test_complex_step_at_a_singular_matrix():
    """Of the minors, one by one."""
    a, step = np.array(SINGULAR["rank 3 of 4"], float), array(4, 4)
    found = ft.jvp(ft.grad(np.linalg.det), (a,), (step,))[1]
    np.testing.assert_allclose(np.ravel(found), complex_step(by_minors, (a,), (step,)), rtol=0, atol=1e-12)
    np.testing.assert_allclose(found, cofactors_tangent(step, a), rtol=0, atol=1e-13)


def test_what_is_not_finite_stays_so():
    a = np.stack([np.eye(2), [[np.nan, 1], [1, 1]], [[1, 2], [2, 4.0]]])
    with np.errstate(invalid="ignore"):  # which NumPy's own `det` says
        found = ft.vjp(np.linalg.det, a)[1](np.ones(3))[0]
    assert np.all(np.isnan(found[1]))
    np.testing.assert_allclose(found[[0, 2]], [np.eye(2), [[4, -2], [-2, 1]]], atol=1e-14)


def test_integers():
    same_value(lambda x: np.linalg.det(x * np.array([[1, 2], [3, 4]])), 2.0)
    program = ft.trace(np.linalg.det)(np.array([[1, 2], [3, 4]]))
    assert program.outputs[0].spec.dtype == np.float64


@pytest.mark.parametrize("kind", "fc")
def test_batches(kind):
    check_batches(np.linalg.det, array(3, 3, 3, kind=kind))
    check_batches(np.linalg.det, array(3, 2, 3, 3, kind=kind))


@pytest.mark.parametrize("n", [2, 3, 4])
def test_batches_of_higher_derivatives(n):
    """Of regular and singular matrices together."""
    a = array(3, n, n)
    a[1, 0] = a[1, -1]
    weights = array(n, n)
    second = ft.grad(lambda a: np.sum(weights * ft.grad(np.linalg.det)(a)))
    third = ft.grad(lambda a: np.sum(np.sin(second(a))))
    for f in (second, third):
        agree(vmap(f)(a), looped(f, [a], (0,)), 1e-10)


def test_high_derivatives_at_a_matrix_of_rank_one():
    # det(1 + t b) for the matrix of ones is t**4 det(b) sum(b**-1) + t**5 det(b).
    b = np.eye(5) + 0.1 * np.arange(25.0).reshape(5, 5) % 0.7
    f = lambda t: np.linalg.det(np.ones((5, 5)) + t * b)  # noqa: E731
    for expected in (0.0, 0.0, 0.0, 24 * np.linalg.det(b) * np.sum(np.linalg.inv(b))):
        f = lambda t, f=f: ft.jvp(f, (t,), (1.0,))[1]  # noqa: E731
        np.testing.assert_allclose(f(0.0), expected, rtol=1e-9, atol=1e-9)


def test_third_derivatives_are_linear_as_computed():
    a, e = np.eye(4) + 0.1, np.arange(16.0).reshape(4, 4) / 8
    slope = lambda a: ft.jvp(ft.grad(np.linalg.det), (a,), (e,))[1]  # noqa: E731
    pushed, w = ft.linearize(slope, a)[1], np.sin(e)
    pulled = ft.vjp(slope, a)[1](w)[0]
    np.testing.assert_allclose(np.sum(pushed(w) * e), np.sum(pulled * e), rtol=1e-12)
    assert not np.any(pushed(0 * e))


@pytest.mark.parametrize("kind", "fc")
def test_rows_and_columns_of_any_size(kind):
    """Scaled by powers of two, the derivatives are those of the matrix, scaled, entry by entry."""
    a, e = array(4, 4, kind=kind), array(4, 4, kind=kind)
    rows, columns = 2.0 ** np.array([[90], [-70], [20], [-40]]), 2.0 ** np.array([-100, 60, 55, -20])
    size = rows * columns
    back = np.prod(rows) * np.prod(columns) / size
    f = lambda a: np.real(np.linalg.det(a))  # noqa: E731
    np.testing.assert_allclose(ft.grad(f)(a * size), ft.grad(f)(a) * back, rtol=1e-12)
    second = lambda a, e: ft.jvp(ft.grad(f), (a,), (e,))[1]  # noqa: E731
    np.testing.assert_allclose(second(a * size, e * size), second(a, e) * back, rtol=1e-12)
