"""functrans.scipy.linalg: equations, inverses, norms."""

import mpmath
import numpy as np
import pytest
import scipy.linalg

import functrans as ft
import functrans.scipy.linalg as linalg
from functrans.errors import ShapeError, UncoveredFunctionError
from functrans.testing import check_grads
from functrans.testing.compare import assert_close
from tests.ops.agreement import check, drawn, same_bits, same_value, stays_single

RNG = np.random.default_rng(5)
A, AZ = drawn(RNG, 3, 3) + 3 * np.eye(3), drawn(RNG, 3, 3, kind="c") + 3 * np.eye(3)
B, BZ = drawn(RNG, 3, 2), drawn(RNG, 3, 2, kind="c")
STACK = drawn(RNG, 4, 3, 3) + 3 * np.eye(3)
TALL = drawn(RNG, 5, 3)
BAND = drawn(RNG, 4, 6) + np.array([0, 0, 4.0, 0])[:, None]
HALF = drawn(RNG, 3, 6) + np.array([5.0, 0, 0])[:, None]


def agree(function, theirs, *args):
    """SciPy's value to the bit, live, staged and printed; derivatives to order two."""
    same_bits(function(*args), theirs(*args))
    check(function, *args)


STRUCTURES = ("sym", "her", "pos", "diagonal", "tridiagonal", "upper triangular", "lower triangular", "gen")


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("a", [A, AZ])
def test_solve_reads_what_the_structure_says(structure, a):
    keywords = {"assume_a": structure, "lower": structure != "pos"}
    hermitian = structure in ("her", "pos")
    if hermitian:  # SciPy reads the real part of the diagonal alone
        a = a - 1j * np.diag(np.diag(a).imag) if a.dtype.kind == "c" else a
    agree(lambda a, b: linalg.solve(a, b, **keywords), lambda a, b: scipy.linalg.solve(a, b, **keywords), a, B)
    gradient = ft.grad(lambda a: np.sum(np.real(linalg.solve(a, B, **keywords)) ** 2))(a)
    read = {
        "sym": np.tril,
        "her": np.tril,
        "pos": np.triu,
        "diagonal": lambda x: x * np.eye(3),
        "tridiagonal": lambda x: np.triu(np.tril(x, 1), -1),
        "upper triangular": np.triu,
        "lower triangular": np.tril,
        "gen": np.asarray,
    }[structure]
    assert np.array_equal(gradient, read(gradient))
    assert np.all(gradient[read(np.ones((3, 3))) != 0] != 0)


def test_solve_of_vectors_stacks_and_transposed():
    agree(linalg.solve, scipy.linalg.solve, A, B[:, 0])
    agree(linalg.solve, scipy.linalg.solve, STACK, B)
    agree(
        lambda a, b: linalg.solve(a, b, transposed=True, check_finite=False),
        lambda a, b: scipy.linalg.solve(a, b, transposed=True, check_finite=False),
        A,
        B,
    )
    stays_single(linalg.solve, A, B)
    # By hand: the solution of a x = 1.
    assert_close(ft.grad(lambda a: linalg.solve(a, np.ones(1))[0])(np.array([[4.0]])), np.array([[-1 / 16]]))


@pytest.mark.parametrize("trans", [0, 1, 2, "N", "T", "C"])
@pytest.mark.parametrize(("lower", "unit"), [(True, False), (False, True), (True, True)])
def test_solve_triangular_reads_one_triangle(trans, lower, unit):
    keywords = {"trans": trans, "lower": lower, "unit_diagonal": unit}
    for a, b in ((A, B), (AZ, BZ[:, 0])):
        agree(
            lambda a, b: linalg.solve_triangular(a, b, **keywords),
            lambda a, b: scipy.linalg.solve_triangular(a, b, **keywords),
            a,
            b,
        )
        gradient = ft.grad(lambda a: np.sum(np.abs(linalg.solve_triangular(a, b, **keywords)) ** 2))(a)
        outside = np.triu if lower else np.tril
        assert not np.any(outside(gradient, (0 if unit else 1) * (1 if lower else -1)))


def test_garbage_in_the_other_triangle_is_not_seen():
    c, lower = scipy.linalg.cho_factor(A @ A.T, lower=True)
    c = c + np.triu(np.full((3, 3), np.pi), 1)
    agree(lambda c, b: linalg.cho_solve((c, lower), b), lambda c, b: scipy.linalg.cho_solve((c, lower), b), c, B[:, 0])
    gradient = ft.grad(lambda c: np.sum(linalg.cho_solve((c, True), B)))(c)
    assert not np.any(np.triu(gradient, 1))
    # What goes through factor and solution is what the inverse gives.
    a = A @ A.T

    def by_factor(a):
        return linalg.cho_solve(linalg.cho_factor(np.tril(a) + np.triu(a, 1) * 1e3, lower=True), B)

    found = ft.grad(lambda a: np.sum(by_factor(a) ** 2))(a)
    expected = ft.grad(lambda a: np.sum(linalg.solve(a, B, assume_a="pos", lower=True) ** 2))(a)
    assert_close(found, expected, precise=1e-11)
    agree(
        lambda c: linalg.cho_solve((c, False), BZ, check_finite=False),
        lambda c: scipy.linalg.cho_solve((c, False), BZ, check_finite=False),
        AZ,
    )


@pytest.mark.parametrize("trans", [0, 1, 2])
def test_lu_solve(trans):
    for a, b in ((A[::-1], B), (AZ[::-1], BZ[:, 0])):
        lu, piv = scipy.linalg.lu_factor(a)
        agree(
            lambda lu, b, piv=piv: linalg.lu_solve((lu, piv), b, trans=trans),
            lambda lu, b, piv=piv: scipy.linalg.lu_solve((lu, piv), b, trans=trans),
            lu,
            b,
        )

    def whole(a, b):
        return linalg.lu_solve(linalg.lu_factor(a), b, trans)

    turned = {0: lambda a: a, 1: lambda a: a.T, 2: lambda a: np.conj(a.T)}[trans]
    a, b = AZ[::-1], BZ
    found = ft.grad(lambda a: np.sum(np.abs(whole(a, b)) ** 2))(a)
    expected = ft.grad(lambda a: np.sum(np.abs(np.linalg.solve(turned(a), b)) ** 2))(a)
    assert_close(found, expected, precise=1e-11)
    check_grads(whole, (A[::-1], B))


def test_inverses_and_determinants():
    for a in (A, AZ, STACK):
        agree(linalg.inv, scipy.linalg.inv, a)
        agree(linalg.det, scipy.linalg.det, a)
    for keywords in ({"assume_a": "pos"}, {"assume_a": "sym", "lower": True}, {"overwrite_a": True}):
        agree(lambda a, k=keywords: linalg.inv(a, **k), lambda a, k=keywords: scipy.linalg.inv(a.copy(), **k), A @ A.T)
    stays_single(linalg.inv, A)
    assert ft.trace(linalg.det)(A.astype(np.float32)).outputs[0].spec.dtype == np.float64
    assert_close(ft.grad(linalg.det)(np.array([[1.0, 2.0], [2.0, 4.0]])), np.array([[4.0, -2.0], [-2.0, 1.0]]))


def test_pseudoinverses():
    for a in (TALL, TALL.T, AZ):
        agree(linalg.pinv, scipy.linalg.pinv, a)
    low = TALL[:, :2] @ TALL[:2]
    found, rank = ft.vjp(lambda a: linalg.pinv(a, rtol=1e-8, return_rank=True), low)[0]
    assert rank == 2
    same_bits(found, scipy.linalg.pinv(low, rtol=1e-8))
    same_value(lambda a: linalg.pinv(a, atol=1e-3, rtol=0.0, return_rank=True)[1] * a, low)
    for lower in (True, False):
        keywords = {"lower": lower, "atol": 1e-9}
        agree(lambda a: linalg.pinvh(a, **keywords), lambda a: scipy.linalg.pinvh(a, **keywords), A)
        agree(
            lambda a: linalg.pinvh(a, **keywords), lambda a: scipy.linalg.pinvh(a, **keywords), A @ A.T + 1j * (A - A.T)
        )
    assert ft.vjp(lambda a: linalg.pinvh(a, return_rank=True), np.diag([1.0, 0.0]))[0][1] == 1


def test_lstsq():
    for a, b in ((TALL, TALL[:, 0] ** 2), (TALL, TALL[:, :2] ** 2), (TALL.T, B), (TALL + 1j, TALL)):
        agree(lambda a, b: linalg.lstsq(a, b)[:2], lambda a, b: scipy.linalg.lstsq(a, b)[:2], a, b)
        same_value(lambda a, b: linalg.lstsq(a, b)[3], a, b)
        assert ft.vjp(linalg.lstsq, a, b)[0][2] == 3
    agree(
        lambda a, b: linalg.lstsq(a, b, cond=1e-8, lapack_driver="gelss")[0],
        lambda a, b: scipy.linalg.lstsq(a, b, cond=1e-8, lapack_driver="gelss")[0],
        TALL,
        TALL[:, 0] ** 2,
    )
    low = TALL[:, [0, 1, 0]]
    same_bits(ft.vjp(lambda a: linalg.lstsq(a, TALL)[1], low)[0], scipy.linalg.lstsq(low, TALL)[1])
    with pytest.raises(UncoveredFunctionError, match="gelsy"):
        ft.trace(lambda a: linalg.lstsq(a, a, lapack_driver="gelsy"))(TALL)


def test_norms_are_scipys():
    x, m = TALL[:, 0], TALL
    for args in ((x,), (m,), (AZ,)):
        agree(linalg.norm, scipy.linalg.norm, *args)
    for ord, axis, keepdims in (
        (1, None, False),
        (np.inf, None, False),
        ("nuc", None, False),
        (3, 0, True),
        (-1, (0, 1), False),
    ):
        agree(
            lambda m, k=(ord, axis, keepdims): linalg.norm(m, *k),
            lambda m, k=(ord, axis, keepdims): scipy.linalg.norm(m, *k),
            m,
        )
    single = x.astype(np.float32)
    assert ft.jvp(lambda x: x / linalg.norm(x), (single,), (single,))[0].dtype == np.float32
    assert type(ft.jvp(linalg.norm, (x,), (x,))[0]) is type(scipy.linalg.norm(x)) is float
    assert_close(ft.vmap(linalg.norm)(m), np.array([scipy.linalg.norm(row) for row in m]))
    assert_close(ft.grad(linalg.norm)(np.zeros(3)), np.zeros(3))


def test_banded_equations():
    b = drawn(RNG, 6, 2)
    for bands in ((1, 2), (3, 0), (0, 3)):
        ab = np.roll(BAND, bands[1] - 2, axis=0)
        agree(
            lambda ab, b, k=bands: linalg.solve_banded(k, ab, b),
            lambda ab, b, k=bands: scipy.linalg.solve_banded(k, ab, b),
            ab,
            b,
        )
    agree(
        lambda ab, b: linalg.solve_banded((1, 1), ab, b),
        lambda ab, b: scipy.linalg.solve_banded((1, 1), ab, b),
        BAND[1:] + 1j,
        b[:, 0],
    )
    gradient = ft.grad(lambda ab: np.sum(linalg.solve_banded((1, 2), ab, b)))(BAND)
    outside = [*gradient[0, :2], gradient[1, 0], gradient[3, -1]]
    assert outside == [0] * 4
    for ab, lower in ((HALF, True), (HALF[::-1], False), (HALF[:2], True), (HALF[1::-1], False)):
        for unreal in (0.0, 0.3j):
            imaginary = np.where(np.abs(ab) > 3, 0, unreal)
            ab_c = ab + imaginary if unreal else ab
            agree(
                lambda ab, b, k=lower: linalg.solveh_banded(ab, b, lower=k),
                lambda ab, b, k=lower: scipy.linalg.solveh_banded(ab, b, lower=k),
                ab_c,
                b,
            )
            cb = scipy.linalg.cholesky_banded(ab_c, lower=lower)
            agree(
                lambda cb, b, k=lower: linalg.cho_solve_banded((cb, k), b),
                lambda cb, b, k=lower: scipy.linalg.cho_solve_banded((cb, k), b),
                cb,
                b[:, 0],
            )


def test_toeplitz_equations():
    c, r = drawn(RNG, 4) + np.array([4.0, 0, 0, 0]), drawn(RNG, 4)
    for b in (drawn(RNG, 4), drawn(RNG, 4, 2)):
        for column, row in ((c, r), (c + 1j, r)):
            agree(
                lambda c, r, b: linalg.solve_toeplitz((c, r), b),
                lambda c, r, b: scipy.linalg.solve_toeplitz((c, r), b),
                column,
                row,
                b,
            )
            agree(
                lambda c, r, b: linalg.matmul_toeplitz((c, r), b),
                lambda c, r, b: scipy.linalg.matmul_toeplitz((c, r), b),
                np.append(column, 0.5),
                row,
                b,
            )
    agree(linalg.solve_toeplitz, scipy.linalg.solve_toeplitz, c, r)
    agree(linalg.matmul_toeplitz, scipy.linalg.matmul_toeplitz, c + 1j * np.arange(4), r)
    assert ft.grad(lambda r: np.sum(linalg.solve_toeplitz((c, r), c)))(r)[0] == 0
    with pytest.raises(ShapeError):
        ft.trace(linalg.solve_toeplitz)(c, r[:3])


def test_circulant_equations():
    c, b = drawn(RNG, 5) + np.eye(5)[0] * 4, drawn(RNG, 5, 2)
    agree(linalg.solve_circulant, scipy.linalg.solve_circulant, c, b)
    keywords = {"baxis": -1, "outaxis": -1}
    agree(
        lambda c, b: linalg.solve_circulant(c[None], b, **keywords),
        lambda c, b: scipy.linalg.solve_circulant(c[None], b, **keywords),
        c,
        b.T,
    )
    low = np.array([1.0, 1.0, 0.0, 0.0])
    with pytest.raises(np.linalg.LinAlgError):
        ft.vjp(lambda c: linalg.solve_circulant(c, low), low)
    agree(
        lambda b: linalg.solve_circulant(low, b, singular="lstsq"),
        lambda b: scipy.linalg.solve_circulant(low, b, singular="lstsq"),
        c[:4],
    )


SOLVERS = {
    "solve": linalg.solve,
    "solve_triangular": linalg.solve_triangular,
    "lu_solve": lambda a, b: linalg.lu_solve(linalg.lu_factor(a), b),
    "cho_solve": lambda a, b: linalg.cho_solve((a, True), b),
}


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("in_axes", [(0, None), (None, 0), (0, 0)])
def test_solvers_in_batches(name, in_axes):
    f = SOLVERS[name]
    for b in (drawn(RNG, 4, 3), drawn(RNG, 4, 3, 2)):
        a, rhs = STACK if in_axes[0] == 0 else A, b if in_axes[1] == 0 else b[0]

        def gradient(a, rhs):
            return ft.grad(lambda a, rhs: np.sum(f(a, rhs) ** 2), (0, 1))(a, rhs)

        for function in (f, gradient):
            found = ft.vmap(function, in_axes)(a, rhs)
            expected = ft.map(
                lambda i, g=function: g(STACK[i] if in_axes[0] == 0 else A, b[i] if in_axes[1] == 0 else b[0]),
                np.arange(4),
            )
            for x, y in zip(ft.tree.flatten(found)[0], ft.tree.flatten(expected)[0], strict=True):
                assert_close(x, y)


def test_errors_are_scipys():
    with pytest.raises(np.linalg.LinAlgError):
        ft.vjp(linalg.inv, np.ones((2, 2)))
    with pytest.raises(ValueError, match="infs or NaNs"):
        ft.vjp(linalg.inv, np.full((2, 2), np.nan))
    with pytest.raises(ShapeError, match="square"):
        ft.trace(linalg.inv)(TALL)
    with pytest.raises(ShapeError):
        ft.trace(linalg.solve)(A, TALL)


def test_hilberts_matrix_by_mpmath():
    n = 5
    a = 1.0 / (1 + np.arange(n)[:, None] + np.arange(n))
    with mpmath.workdps(40):
        inverse = mpmath.matrix(a.tolist()) ** -1
        expected = -np.array([[float(inverse[i, 0] * inverse[0, j]) for i in range(n)] for j in range(n)]).T
    found = ft.grad(lambda a: linalg.solve(a, np.eye(n)[0])[0])(a)
    # d (a^-1)[0, 0] / d a[i, j] = -(a^-1)[0, i] (a^-1)[j, 0]
    assert_close(found, expected, precise=1e-9)
