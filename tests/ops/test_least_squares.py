"""``pinv`` and ``lstsq``: every shape and rank; against exact arithmetic where the rank is not full."""

from functools import partial

import mpmath
import numpy as np
import pytest

import functrans as ft
from functrans.errors import ShapeError
from functrans.testing import check_grads
from functrans.transforms.vmap import vmap
from tests.ops.agreement import check, drawn, run_source, same_bits, same_value, stays_single
from tests.ops.batches import check_batches

RNG = np.random.default_rng(29)
array = partial(drawn, RNG)
pinv, lstsq = np.linalg.pinv, np.linalg.lstsq


# pinv.


@pytest.mark.parametrize("kind", "fc")
@pytest.mark.parametrize("shape", [(3, 3), (5, 3), (3, 5), (2, 4, 2), (4, 1), (1, 1), (0, 3), (2, 3, 0)], ids=str)
def test_pinv(shape, kind):
    check(pinv, array(*shape, kind=kind))


@pytest.mark.parametrize("kind", "fc")
def test_tolerances(kind):
    """Singular values below them are taken for zeros, which they must stay."""
    u, v = [np.linalg.qr(array(2, 3, 3, kind=kind))[0] for _ in range(2)]
    a = (u * np.array([1.0, 0.5, 1e-3])) @ v
    calls = [
        lambda a: pinv(a, 1e-5),
        lambda a: pinv(a, rcond=np.array([1e-5, 1e-4])),
        lambda a: pinv(a, rtol=1e-5),
        lambda a: pinv(a, rtol=None),
        lambda a: pinv(a, rtol=np.array([[1e-5], [1e-4]])[:, 0]),
    ]
    for f in calls:
        check(f, a, precise=1e-7)
    same_value(lambda a: pinv(a, np.array([1e-5, 1e-1])), a)
    same_value(lambda a: pinv(a, rtol=None), np.complex64(a) if kind == "c" else np.float32(a))
    # A tolerance may be traced: there is no derivative in it.
    f = lambda a, t: np.sum(np.real(pinv(a, t)))  # noqa: E731
    by_a, by_t = ft.grad(f, (0, 1))(a, 1e-5)
    assert by_t == 0.0
    np.testing.assert_array_equal(by_a, ft.grad(lambda a: f(a, 1e-5))(a))


@pytest.mark.parametrize("kind", "fc")
def test_hermitian(kind):
    """NumPy reads the lower triangle, and of the diagonal the real part."""
    a = array(2, 3, 3, kind=kind)
    check(lambda a: pinv(a, hermitian=True), a)
    check(lambda a: pinv(a, 1e-10, True), a[0])
    whole = lambda a: (np.tril(a, -1) + np.conj(np.tril(a, -1).mT)) + np.real(np.tril(np.triu(a)))  # noqa: E731
    expected = ft.grad(lambda a: np.sum(np.sin(np.real(pinv(whole(a))))))(a)
    found = ft.grad(lambda a: np.sum(np.sin(np.real(pinv(a, hermitian=True)))))(a)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-11)


def low_rank(m, n, r=2):
    """A curve of matrices of one rank: its two factors, and how they move."""
    return array(m, r), array(r, n), array(m, r), array(r, n)


def exact_pinv(b, c):
    return c.T * (c * c.T) ** -1 * (b.T * b) ** -1 * b.T


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("shape", [(4, 3), (3, 4), (3, 3)])
def test_low_rank(shape, order):
    """Along a curve of one rank, with exact arithmetic in the factors."""
    b, c, db, dc = low_rank(*shape)
    f = lambda t: pinv((b + t * db) @ (c + t * dc), 1e-10)  # noqa: E731
    rhs, drhs = array(shape[0]), array(shape[0])
    x = lambda t: lstsq((b + t * db) @ (c + t * dc), rhs + t * drhs, 1e-10)[0]  # noqa: E731
    for _ in range(order):
        f = lambda t, f=f: ft.jvp(f, (t,), (1.0,))[1]  # noqa: E731
        x = lambda t, x=x: ft.jvp(x, (t,), (1.0,))[1]  # noqa: E731

    def exact(t, i, j):
        moved = [mpmath.matrix(z.tolist()) + t * mpmath.matrix(dz.tolist()) for z, dz in ((b, db), (c, dc))]
        found = exact_pinv(*moved)
        if j is None:
            return (found * (mpmath.matrix(rhs.tolist()) + t * mpmath.matrix(drhs.tolist())))[i]
        return found[i, j]

    m, n = shape
    with mpmath.workdps(40):
        expected = [[float(mpmath.diff(lambda t: exact(t, i, j), 0, order)) for j in range(m)] for i in range(n)]
        solution = [float(mpmath.diff(lambda t: exact(t, i, None), 0, order)) for i in range(n)]
    np.testing.assert_allclose(f(0.0), expected, rtol=1e-9, atol=1e-9 * np.max(np.abs(expected)))
    np.testing.assert_allclose(x(0.0), solution, rtol=1e-9, atol=1e-9 * np.max(np.abs(solution)))


def test_gradient_at_rank_one():
    """The formula of constant rank, in closed form: the pseudoinverse is ``a.T / 25``."""
    a = np.array([[1.0, 2], [2, 4]])
    found = ft.grad(lambda a: np.sum(pinv(a)))(a)
    np.testing.assert_allclose(found, [[0.0048, -0.0144], [-0.0144, -0.0768]], rtol=1e-12)
    assert np.array_equal(ft.grad(lambda a: np.sum(pinv(a)))(np.zeros((2, 3))), np.zeros((2, 3)))


def test_pinv_in_single_precision():
    for kind in "fc":
        stays_single(pinv, array(3, 2, kind=kind))
        stays_single(lambda a: pinv(a, hermitian=True), array(3, 3, kind=kind))
    integers = np.array([[1, 2], [3, 4], [5, 7]])
    same_bits(ft.evaluate(ft.trace(pinv)(integers), integers), pinv(integers))
    same_bits(ft.evaluate(ft.trace(pinv)(integers[:0]), integers[:0]), pinv(integers[:0]))


@pytest.mark.parametrize("kind", "fc")
def test_batches_of_pinv(kind):
    check_batches(pinv, array(3, 3, 2, kind=kind))
    check_batches(lambda a: pinv(a, hermitian=True), array(3, 2, 2, 2, kind=kind))
    a = np.stack([np.diag([1.0, 1e-3]), np.diag([2.0, 1e-4]), np.diag([1.0, 0.5])])
    # NumPy hands the call over only where the matrix is traced.
    check_batches(lambda a, t: pinv(a + 0 * np.sum(t), t), a, np.array([1e-8, 1e-2, 1e-8]))
    check_batches(lambda t: pinv(a + 0 * t[0], t), np.array([[1e-8, 1e-2, 0.1], [1e-2, 1e-8, 0.1]]))
    with pytest.raises(ft.errors.TracedValueError, match="plain array"):
        vmap(lambda t: pinv(a[0], t))(np.array([1e-8, 1e-2]))


def test_refusals_of_pinv():
    a = array(3, 2)
    with pytest.raises(ValueError, match="can't be both set"):
        ft.vjp(lambda a: pinv(a, 1e-3, rtol=1e-3), a)
    with pytest.raises(ShapeError, match="a matrix of one column"):
        ft.trace(pinv)(a[0])
    with pytest.raises(ShapeError, match="square"):
        ft.trace(lambda a: pinv(a, hermitian=True))(a)
    with pytest.raises(ShapeError, match="more tolerances than matrices"):
        ft.trace(lambda a: pinv(a, np.ones(2)))(a)


# lstsq.

SYSTEMS = [
    ((4, 2), (4,)),
    ((4, 2), (4, 3)),
    ((2, 4), (2,)),
    ((2, 4), (2, 3)),
    ((3, 3), (3,)),
    ((3, 3), (3, 1)),
    ((4, 2), (4, 0)),
]


@pytest.mark.parametrize("kind", "fc")
@pytest.mark.parametrize(("a", "b"), SYSTEMS, ids=str)
def test_lstsq(a, b, kind):
    """The solution, the residuals, the singular values; the rank is an integer."""
    a, b = array(*a, kind=kind), array(*b, kind=kind)
    for i in (0, 1):
        check(lambda a, b, i=i: lstsq(a, b)[i], a, b)
    check(lambda a, b: lstsq(a, b, rcond=1e-8)[:2], a, b)
    check_grads(lambda a, b: lstsq(a, b)[3], (a, b), order=2)
    same_value(lambda a, b: tuple(lstsq(a, b, rcond=-1)), a, b)


def test_mixed_kinds():
    check(lambda a, b: lstsq(a, b)[:2], array(4, 2), array(4, kind="c"))
    check(lambda a, b: lstsq(a, b)[:2], array(4, 2, kind="c"), array(4))


def test_normal_equations():
    a, b = array(5, 3), array(5)
    f = lambda a, b: np.sum(np.sin(lstsq(a, b)[0]))  # noqa: E731
    g = lambda a, b: np.sum(np.sin(np.linalg.solve(a.T @ a, a.T @ b)))  # noqa: E731
    for found, expected in zip(ft.grad(f, (0, 1))(a, b), ft.grad(g, (0, 1))(a, b), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)


def test_there_are_no_residuals_without_full_rank():
    """In a live trace the rank is known. A program is written for the full rank, and refuses another."""
    b, c, _, _ = low_rank(5, 3)
    a, rhs = b @ c, array(5)
    assert lstsq(a, rhs)[1].shape == (0,)
    same_bits(ft.vjp(lambda a: tuple(lstsq(a, rhs)), a)[0], tuple(lstsq(a, rhs)))
    gradient = ft.grad(lambda a: np.sum(lstsq(a, rhs)[1]) + np.sum(a))(a)
    same_bits(gradient, np.ones((5, 3)))
    program = ft.trace(lambda a: tuple(lstsq(a, rhs)))(a)
    for run in (ft.evaluate, run_source):
        with pytest.raises(np.linalg.LinAlgError, match="dependent columns"):
            run(program, a)
    same_value(lambda a: lstsq(a, rhs)[0], a)
    same_value(lambda a: lstsq(a, rhs)[3], a)
    with pytest.raises(np.linalg.LinAlgError, match="dependent columns"):
        vmap(lambda a: lstsq(a, rhs)[1])(np.stack([a, array(5, 3)]))


def test_the_rank():
    ranks = []
    a, b = array(4, 2), array(4)
    ft.grad(lambda a: ranks.append(lstsq(a, b)[2]) or np.sum(lstsq(a, b)[0]))(a)
    assert type(ranks[0]) is type(lstsq(a, b)[2])
    assert ranks[0] == 2


def test_singular_values_have_a_kink_at_zero():
    f = lambda a: np.sum(lstsq(a, np.ones(3))[3])  # noqa: E731
    np.testing.assert_allclose(ft.grad(f)(np.diag([2.0, 1.0, 0.0])), np.diag([1.0, 1.0, 0.0]), atol=1e-15)


def test_lstsq_in_single_precision():
    for kind in "fc":
        stays_single(lambda a, b: [lstsq(a, b)[i] for i in (0, 1, 3)], array(4, 2, kind=kind), array(4, 2, kind=kind))


@pytest.mark.parametrize("kind", "fc")
@pytest.mark.parametrize(("a", "b"), SYSTEMS[:5], ids=str)
def test_batches_of_lstsq(a, b, kind):
    check_batches(lambda a, b: tuple(lstsq(a, b)), array(3, *a, kind=kind), array(3, *b, kind=kind))


def test_refusals_of_lstsq():
    a, b = array(3, 2), array(3)
    for bad in (lambda a: lstsq(a[0], b), lambda a: lstsq(a, b[:2]), lambda a: lstsq(a[None], b)):
        with pytest.raises(ShapeError, match="it takes a matrix"):
            ft.trace(bad)(a)
        with pytest.raises(np.linalg.LinAlgError):
            ft.vjp(bad, a)
