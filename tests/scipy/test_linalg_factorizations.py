"""functrans.scipy.linalg: factors, eigenvalues, singular values."""

import numpy as np
import pytest
import scipy.linalg

import functrans as ft
import functrans.scipy.linalg as linalg
from functrans.errors import ShapeError, TracedValueError, UncoveredFunctionError
from functrans.testing import check_grads
from functrans.testing.compare import assert_close
from tests.ops.agreement import check, drawn, same_bits, same_value, stays_single

RNG = np.random.default_rng(6)
A, AZ = drawn(RNG, 3, 3), drawn(RNG, 3, 3, kind="c")
P, PZ = 0.2 * A @ A.T + 2 * np.eye(3), 0.2 * AZ @ np.conj(AZ.T) + 2 * np.eye(3)
APART = 0.2 * A + np.diag([1.0, 3.0, 6.0])  # far from where eigenvalues tie, or LAPACK's vectors change their signs
TALL, WIDE = drawn(RNG, 4, 3), drawn(RNG, 3, 4)
STACK = drawn(RNG, 2, 3, 3)


SPECTRAL = ("svd", "svdvals", "eigh", "eigvalsh", "eig", "eigvals", "eigh_tridiagonal", "eigvalsh_tridiagonal")


def agree(name, *args, **keywords):
    """SciPy's value to the bit, live, staged and printed; derivatives to order two."""

    def f(*args):
        return getattr(linalg, name)(*args, **keywords)

    theirs = getattr(scipy.linalg, name)(*args, **keywords)
    same_bits(ft.vjp(f, *args)[0], theirs if not isinstance(theirs, list) else tuple(theirs))
    if name in SPECTRAL:  # which are traced in another way, where it is known that no values tie
        same_value(f, *args)
        check_grads(f, args)
    else:
        check(f, *args, precise=1e-8)


def gauged(f, *args):
    """Values to the bit, and the derivatives of what no choice of phases changes."""
    same_value(f, *args)
    check_grads(lambda *args: [np.abs(x) ** 2 for x in f(*args)], args)


@pytest.mark.parametrize("lower", [True, False])
def test_cholesky_factors(lower):
    for a in (P, PZ, 0.2 * STACK @ STACK.mT + 2 * np.eye(3)):
        agree("cholesky", a, lower=lower)
        gradient = ft.grad(lambda a: np.sum(np.abs(linalg.cholesky(a, lower=lower, check_finite=False)) ** 3))(a)
        assert not np.any((np.triu if lower else np.tril)(gradient, 1 if lower else -1))
    for a in (P, PZ):
        found, same = ft.vjp(lambda a: linalg.cho_factor(a, lower=lower), a)[0]
        assert same is lower
        same_bits(found, scipy.linalg.cho_factor(a, lower=lower)[0])
        check(lambda a: linalg.cho_factor(a, lower=lower)[0], a)


@pytest.mark.parametrize("a", [A, AZ, TALL, WIDE, STACK])
def test_lu(a):
    agree("lu", a)
    agree("lu", a, permute_l=True, overwrite_a=False)
    agree("lu", a, p_indices=True, check_finite=False)
    agree("lu_factor", a)


def test_determinants_by_lu():
    def volume(a):
        lu, piv = linalg.lu_factor(a)
        return np.prod(np.diagonal(lu)) * (-1.0) ** np.sum(piv != np.arange(3))

    assert_close(ft.grad(volume)(A), ft.grad(np.linalg.det)(A))
    assert_close(ft.hessian(volume)(A), ft.hessian(np.linalg.det)(A), precise=1e-10)


@pytest.mark.parametrize("a", [A, AZ, TALL, WIDE, STACK])
@pytest.mark.parametrize("pivoting", [False, True])
def test_qr(a, pivoting):
    for mode in ("full", "economic", "r"):
        agree("qr", a, mode=mode, pivoting=pivoting)


def test_qr_refuses_reflectors():
    with pytest.raises(UncoveredFunctionError, match="raw"):
        ft.vjp(lambda a: linalg.qr(a, mode="raw"), A)
    with pytest.raises(ValueError, match="Mode"):
        ft.vjp(lambda a: linalg.qr(a, mode="q"), A)


def test_singular_values():
    for a in (APART, TALL, WIDE):
        agree("svd", a, full_matrices=False)
        agree("svdvals", a)
        same_value(lambda a: linalg.svd(a, compute_uv=False, lapack_driver="gesvd"), a)
    agree("svdvals", AZ)
    gauged(linalg.svd, AZ)
    stays_single(linalg.svdvals, TALL)


@pytest.mark.parametrize("lower", [True, False])
def test_hermitian_eigenvalues(lower):
    for a in (APART, np.stack([APART, APART.T])):
        agree("eigh", a, lower=lower, driver="evd")
        agree("eigvalsh", a, lower=lower)
    agree("eigvalsh", AZ, lower=lower, driver="evd")
    agree("eigh", APART, eigvals_only=True, lower=lower)
    for a in (A, AZ):  # the default driver changes signs of vectors from one matrix to the next
        gauged(lambda a: linalg.eigh(a, lower=lower), a)


@pytest.mark.parametrize("lower", [True, False])
def test_hermitian_pencils(lower):
    agree("eigh", APART, P, lower=lower)
    agree("eigvalsh", APART, P, lower=lower)
    agree("eigvalsh", AZ, PZ, lower=lower)
    gauged(lambda a, b: linalg.eigh(a, b, lower=lower), AZ, PZ)
    # By the standard problem.
    found = ft.grad(lambda b: np.sum(linalg.eigvalsh(A + A.T, b, lower=lower) ** 3))(P)
    half = np.linalg.inv(np.linalg.cholesky(P))
    assert_close(linalg.eigvalsh(A + A.T, P), np.linalg.eigvalsh(half @ (A + A.T) @ half.T))
    expected = ft.grad(lambda b: np.real(np.trace(np.linalg.matrix_power(np.linalg.solve(b, A + A.T), 3))))(P)
    half = np.tril if lower else np.triu
    assert_close(found, half(expected + expected.T) - np.diag(np.diag(expected)), precise=1e-10)


def test_projectors_of_equal_eigenvalues_have_derivatives():
    def projector(a):
        v = linalg.eigh(a, np.eye(3))[1][:, :2]
        return v @ v.T

    a, e = np.diag([1.0, 1.0, 3.0]), A + A.T
    found = ft.vjp(projector, a)[1](e)[0]
    expected = np.zeros((3, 3))
    expected[2, :2] = -e[:2, 2]  # the lower triangle is read
    assert_close(found, expected)
    assert_close(ft.grad(lambda b: np.sum(linalg.eigh(a, b)[0]))(np.eye(3)), -a)
    assert np.isnan(ft.jvp(lambda a: linalg.eigh(a, np.eye(3))[1], (a,), (e,))[1]).any()


def test_what_is_refused_of_eigenvalues():
    for keywords in ({"subset_by_index": [0, 1]}, {"subset_by_value": [0, 1]}):
        with pytest.raises(UncoveredFunctionError, match="subset"):
            ft.vjp(lambda a, k=keywords: linalg.eigvalsh(a, **k), P)
    with pytest.raises(UncoveredFunctionError, match="type=2"):
        ft.vjp(lambda a: linalg.eigh(a, P, type=2), P)
    for keywords in ({"b": P}, {"left": True}, {"homogeneous_eigvals": True}):
        with pytest.raises(UncoveredFunctionError):
            ft.vjp(lambda a, k=keywords: linalg.eig(a, **k), P)
    with pytest.raises(UncoveredFunctionError, match="selection"):
        ft.vjp(lambda d: linalg.eigh_tridiagonal(d, d[1:], select="i", select_range=(0, 1)), P[0])


def test_eigenvalues_of_any_matrix():
    for a in (APART, APART + 0.1j * AZ, np.stack([APART, APART.T])):
        agree("eigvals", a)
    agree("eigvals", APART, check_finite=False)
    agree("eig", APART + 0.1j * AZ)
    same_bits(ft.vjp(linalg.eig, A)[0], scipy.linalg.eig(A))
    same_bits(ft.vjp(lambda a: linalg.eig(a, right=False), A)[0], scipy.linalg.eigvals(A))
    turned = np.array([[0.0, 1.0, 0.2], [-1.0, 0.3, 0.1], [0.2, 0.4, 5.0]])  # a pair of complex ones
    for a in (APART, turned):
        same_bits(ft.vjp(linalg.eig, a)[0], scipy.linalg.eig(a))
        check_grads(linalg.eig, (a,))
        check_grads(linalg.eigvals, (a,))
    with pytest.raises(TracedValueError, match="astype"):
        ft.trace(linalg.eig)(A)


REFUSED = ["orth", "null_space", "schur", "hessenberg", "ldl", "signm"]


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_what_to_write(name):
    f = getattr(linalg, name)
    same_bits(f(P), getattr(scipy.linalg, name)(P))
    with pytest.raises(UncoveredFunctionError, match=name):
        ft.vjp(f, P)


def test_tridiagonal_matrices():
    d, e = drawn(RNG, 4) * 3, drawn(RNG, 3) + 2
    agree("eigh_tridiagonal", d, e)
    agree("eigvalsh_tridiagonal", d, e)
    agree("eigh_tridiagonal", d, e, eigvals_only=True, lapack_driver="stev")
    whole = np.diag(d) + np.diag(e, 1) + np.diag(e, -1)
    gradient = ft.grad(lambda e: np.sum(linalg.eigvalsh_tridiagonal(d, e) ** 3))(e)
    assert_close(gradient, 6 * np.diagonal(whole @ whole, 1))


def test_polar_factors():
    for a in (A, TALL, WIDE, AZ, STACK):
        for side in ("right", "left"):
            agree("polar", a, side=side)
    # Of a rotation times a stretch by hand.
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    found = ft.jvp(linalg.polar, (2 * turn,), (np.eye(2),))[1][0]
    assert_close(found, 0.5 * (np.eye(2) - turn @ turn) / 2)
    for a, b in ((TALL, TALL**2), (TALL + 1j * TALL[::-1], TALL)):
        agree("orthogonal_procrustes", a, b)


def test_vmap_is_the_loop():
    functions = [
        linalg.cholesky,
        linalg.lu,
        lambda a: linalg.lu(a, p_indices=True)[1:],
        lambda a: linalg.qr(a, pivoting=True)[:2],
        linalg.eigh,
        linalg.svdvals,
        linalg.polar,
        lambda a: linalg.eigvalsh(a, P),
    ]
    stack = STACK @ STACK.mT + np.eye(3)
    for f in functions:
        found, expected = ft.vmap(f)(stack), ft.map(f, stack)
        for x, y in zip(ft.tree.flatten(found)[0], ft.tree.flatten(expected)[0], strict=True):
            assert_close(x, y)


def test_arguments_that_are_no_arrays_and_empty_ones():
    same_bits(linalg.cholesky([[4.0]]), scipy.linalg.cholesky([[4.0]]))
    empty = np.zeros((0, 0))
    for name in ("cholesky", "inv", "expm", "svdvals", "eigvalsh"):
        f = getattr(linalg, name)
        assert ft.vjp(f, empty)[1](np.zeros_like(f(empty)))[0].shape == (0, 0)


TURNED = np.array([[0.0, 2.0, 2.0, 0.3], [0.0, 1.0, 2.0, -1.0], [1.0, 0.0, 1.0, 0.7], [0.2, 0.1, 0.0, 4.0]])


@pytest.mark.parametrize("a", [TURNED, TURNED - np.eye(4)[::-1] * 3, TURNED[:3, :3], APART])
def test_complex_schur_forms_of_real_ones(a):
    t, z = scipy.linalg.schur(a)
    form = (t != 0).astype(float)  # what is zero below the diagonal stays so
    whole = lambda t, z: linalg.rsf2csf(form * t, z)  # noqa: E731
    same_bits(whole(t, z), scipy.linalg.rsf2csf(t, z))
    check(whole, t, z, precise=1e-8)

    def of(t):
        u, q = whole(t, z)
        return q @ u @ np.conj(q.T)

    # Both are forms of one matrix, which moves alike.
    assert_close(ft.jvp(of, (t,), (form,))[1], z @ form @ z.T + 0j, precise=1e-10)
    assert_close(np.tril(ft.jvp(lambda t: whole(t, z)[0], (t,), (form,))[1], -1), np.zeros(t.shape) + 0j)


def test_complex_schur_forms_in_stacks_and_in_single_precision():
    t, z = scipy.linalg.schur(TURNED)
    stack = np.stack([t, 2 * t]), np.stack([z, -z])
    for found, expected in zip(ft.vmap(linalg.rsf2csf)(*stack), ft.map(linalg.rsf2csf, *stack), strict=True):
        assert_close(found, expected)
    stays_single(lambda t, z: linalg.rsf2csf(t, z, check_finite=False), t, z)
    with pytest.raises(ShapeError, match="schur"):
        ft.vjp(linalg.rsf2csf, t, z[:2, :2])
    entry = ft.vjp(linalg.rsf2csf, np.diag([1.0, 2.0]), np.eye(2))[1]
    assert_close(entry((np.ones((2, 2), complex), np.ones((2, 2), complex)))[0], np.array([[1.0, 1.0], [0.0, 1.0]]))
