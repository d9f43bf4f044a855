"""``cond`` and ``matrix_rank``."""

from functools import partial

import mpmath
import numpy as np
import pytest

import functrans as ft
from functrans.errors import ShapeError, UncoveredFunctionError
from functrans.transforms.vmap import vmap
from tests.ops.agreement import check, drawn, same_bits, same_value, stays_single
from tests.ops.batches import agree, check_batches, looped

RNG = np.random.default_rng(31)
array = partial(drawn, RNG)
cond, matrix_rank = np.linalg.cond, np.linalg.matrix_rank

ORDERS = [None, 2, -2, 1, -1, np.inf, -np.inf, "fro", "nuc"]


@pytest.mark.parametrize("kind", "fc")
@pytest.mark.parametrize("p", ORDERS, ids=str)
def test_cond(p, kind):
    check(lambda x: cond(x, p), array(3, 3, kind=kind), precise=1e-7)
    check(lambda x: cond(x, p), array(2, 2, 2, kind=kind), precise=1e-7)
    stays_single(lambda x: cond(x, p), array(2, 3, 3, kind=kind))
    check_batches(lambda x: cond(x, p), array(3, 3, 3, kind=kind) + 2 * np.eye(3))


def test_cond_of_other_shapes():
    for p in (None, 2, -2):
        check(lambda x, p=p: cond(x, p), array(4, 2), precise=1e-7)
        check(lambda x, p=p: cond(x, p), array(2, 3, kind="c"), precise=1e-7)


@pytest.mark.parametrize("order", [1, 2])
def test_cond_in_exact_arithmetic(order):
    """Of a two by two matrix: the eigenvalues of ``x^T x`` solve a quadratic equation."""
    x, dx = array(2, 2), array(2, 2)
    f = lambda t: cond(x + t * dx)  # noqa: E731
    for _ in range(order):
        f = lambda t, f=f: ft.jvp(f, (t,), (1.0,))[1]  # noqa: E731

    def exact(t):
        at = mpmath.matrix(x.tolist()) + t * mpmath.matrix(dx.tolist())
        half = sum(at[i, j] ** 2 for i in range(2) for j in range(2)) / 2
        det = at[0, 0] * at[1, 1] - at[0, 1] * at[1, 0]
        return (half + mpmath.sqrt(half**2 - det**2)) / abs(det)

    with mpmath.workdps(40):
        expected = float(mpmath.diff(exact, 0, order))
    np.testing.assert_allclose(f(0.0), expected, rtol=1e-9)


def test_cond_at_kinks():
    """Least at isometries: even split. Of singular matrices it is infinite, and so has no derivative; -2 is 0 there."""
    singular = np.array([[1.0, 2], [2, 4]])
    for p in (None, 2, -2):
        np.testing.assert_allclose(ft.grad(lambda x, p=p: cond(x, p))(np.eye(3)), np.zeros((3, 3)), atol=1e-15)
    assert np.all(np.isnan(ft.grad(cond)(singular)))
    np.testing.assert_allclose(ft.grad(lambda x: cond(x, -2))(singular), np.zeros((2, 2)), atol=1e-15)
    for p in (1, "fro"):
        assert cond(singular, p) == np.inf
        stack = np.stack([singular, array(2, 2)])
        same_value(lambda x, p=p: cond(x, p), stack)
        gradient = ft.grad(lambda x, p=p: np.sum(cond(x, p)))(stack)
        assert np.all(np.isnan(gradient[0]))
        assert np.array_equal(gradient[1], ft.grad(lambda x, p=p: cond(x, p))(stack[1]))


def test_refusals_of_cond():
    x = array(3, 2)
    with pytest.raises(ValueError, match="Invalid norm order"):
        ft.vjp(lambda x: cond(x, 3), x)
    with pytest.raises(UncoveredFunctionError, match="traced `p`"):
        ft.vjp(lambda x: cond(x, x[0, 0]), x)
    for bad in (lambda x: cond(x, 1), lambda x: cond(x[0])):
        with pytest.raises(np.linalg.LinAlgError):
            ft.vjp(bad, x)
        with pytest.raises(ShapeError):
            ft.trace(bad)(x)
    with pytest.raises(np.linalg.LinAlgError, match="empty"):
        ft.trace(cond)(x[:0])


RANKS = [
    lambda a: matrix_rank(a),
    lambda a: matrix_rank(a, 0.5),
    lambda a: matrix_rank(a, tol=np.array(0.5)),
    lambda a: matrix_rank(a, rtol=0.5),
    lambda a: matrix_rank(a, hermitian=True),
    lambda a: matrix_rank(a, hermitian=True, rtol=np.array([0.1, 0.5])),
    lambda a: matrix_rank(a, np.array([[0.1], [0.5], [2.0]])),
]


@pytest.mark.parametrize("f", RANKS)
def test_matrix_rank(f):
    """Plain integers, live; in programs and batches they are computed with the rest."""
    a = np.stack([np.diag([1.0, 0.3, 0.0]), np.outer([1.0, 2, 3], [1.0, 2, 3])])
    seen = []
    ft.grad(lambda a: seen.append(f(a)) or np.sum(a))(a)
    same_bits(seen[0], f(a))
    same_bits(ft.evaluate(ft.trace(f)(a), a), f(a))
    namespace = {}
    program = ft.trace(f)(a)
    exec(program.to_source(), namespace)
    same_bits(namespace[program.name](a), f(a))
    batch = np.stack([a, a[::-1]])
    agree(vmap(f)(batch), looped(f, [batch], (0,)))
    same_bits(ft.grad(lambda a: np.sum(a * np.sum(f(a))))(a), np.full(a.shape, float(np.sum(f(a)))))


def test_rank_of_vectors_and_tolerances():
    for a in (np.zeros(3), np.array([0.0, 1.0]), np.float64(2.0)):
        same_bits(ft.evaluate(ft.trace(matrix_rank)(a), a), matrix_rank(a))
    batch = np.array([[0.0, 0.0], [0.0, 1.0]])
    agree(vmap(matrix_rank)(batch), np.array([0, 1]))
    a, t = np.stack([np.diag([1.0, 0.3])] * 2), np.array([0.1, 0.5])
    f = lambda a, t: matrix_rank(a, t)  # noqa: E731
    agree(vmap(f)(a, t), np.array([2, 1]))
    agree(vmap(lambda a, t: matrix_rank(a + 0 * t, t), (None, 0))(a[0], t), np.array([2, 1]))
    with pytest.raises(ValueError, match="can't be both set"):
        ft.vjp(lambda a: a * matrix_rank(a, 0.1, rtol=0.1), a)
