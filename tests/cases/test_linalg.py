"""Second order is a separate promise; forward against reverse, for any matrix; no shortcut that drops a derivative.

Libraries gave 0 for the second derivative, forward over forward, of a ``slogdet``; a wrong forward derivative through
a Cholesky factor; and 0 for a cofactor of a matrix that looked triangular.
"""

from __future__ import annotations

import itertools

import mpmath as mp
import numpy as np
import pytest

import functrans as ft
from functrans.numpy._covered import covered_names
from functrans.testing.numerical import complex_step, richardson
from tests.cases.judging import directional, nested, nestings

RNG = np.random.default_rng(7)


@pytest.mark.parametrize("transforms", nestings(2))
def test_slogdet_twice(transforms):
    def f(t):
        return np.linalg.slogdet(np.array([[2.0, 1.0], [1.0, 3.0]]) + t * np.array([[1.0, 0.0], [0.0, 0.0]]))[1]

    found = nested(transforms, f)(0.7)
    assert found == pytest.approx(-9 / (3 * (2 + 0.7) - 1) ** 2, rel=1e-12)
    assert found == pytest.approx(-0.178536, rel=2e-6)


@pytest.mark.parametrize("transforms", nestings(3))
def test_slogdet_three_times(transforms):
    f = lambda t: np.linalg.slogdet(np.stack([np.stack([t + 2, 1.0]), np.array([1.0, 3.0])]))[1]  # noqa: E731
    assert nested(transforms, f)(0.7) == pytest.approx(2 * 27 / (3 * (2 + 0.7) - 1) ** 3, rel=1e-12)


def cholesky_by_factor(t):
    """The inverse of ``l @ l.T``, summed, for the factor ``l`` of the case."""
    factor = np.array([[1.0, 0.0], [1.0, 2.0]]) + t * np.array([[1.0, 0.0], [0.0, 0.0]])
    inverse = np.linalg.inv(factor)
    return np.sum(inverse.T @ inverse)


def cholesky_by_matrix(t):
    """The same, with the factor that NumPy finds for ``l @ l.T``."""
    factor = np.array([[1.0, 0.0], [1.0, 2.0]]) + t * np.array([[1.0, 0.0], [0.0, 0.0]])
    inverse = np.linalg.inv(np.linalg.cholesky(factor @ factor.T))
    return np.sum(inverse.T @ inverse)


def cholesky_upper(t):
    """The same by the upper factor, and two systems."""
    factor = np.array([[1.0, 0.0], [1.0, 2.0]]) + t * np.array([[1.0, 0.0], [0.0, 0.0]])
    upper = np.linalg.cholesky(factor @ factor.T, upper=True)
    return np.sum(np.linalg.solve(upper, np.linalg.solve(upper.T, np.eye(2))))


@pytest.mark.parametrize("f", [cholesky_by_factor, cholesky_by_matrix, cholesky_upper])
def test_sum_of_the_inverse_through_a_cholesky_factor(f):
    def exact(t):
        return 1 / (t + 1) ** 2 + (mp.mpf(1) / 2 - 1 / (2 * (t + 1))) ** 2

    for order in (1, 2, 3):
        expected = float(mp.diff(exact, mp.mpf("0.7"), order))
        for transforms in nestings(order):
            assert nested(transforms, f)(0.7) == pytest.approx(expected, rel=1e-11)
    assert nested(nestings(1)[0], f)(0.7) == pytest.approx(-0.33584, abs=5e-6)


@pytest.mark.parametrize("upper", [False, True])
def test_cholesky_of_a_matrix_of_which_one_triangle_is_read(upper):
    """``[[t+1, 0], [1, 2]]`` itself: not symmetric, so the triangles give two functions."""

    def f(t):
        a = np.array([[1.0, 0.0], [1.0, 2.0]]) + t * np.array([[1.0, 0.0], [0.0, 0.0]])
        return np.sum(np.linalg.inv(np.linalg.cholesky(a, upper=upper)))

    def exact(t):
        first, corner = mp.sqrt(t + 1), 0 if upper else 1
        last = mp.sqrt(2 - corner / (t + 1))
        return 1 / first + 1 / last - corner / (first * first * last)

    for order in (1, 2, 3):
        expected = float(mp.diff(exact, mp.mpf("0.7"), order))
        for transforms in nestings(order):
            assert nested(transforms, f)(0.7) == pytest.approx(expected, rel=1e-11)


# Every covered function, of matrices of every kind.

_B, _V = RNG.normal(size=(3, 2)), RNG.normal(size=3)
# Added to a triangular matrix, at which LAPACK changes signs or the order.
_FULL = np.array([[0.3, 0.2, -0.4], [0.5, 0.1, 0.3], [-0.6, 0.4, 0.2]])
FUNCTIONS = {
    "cholesky": [np.linalg.cholesky, lambda a: np.linalg.cholesky(a, upper=True)],
    "cond": [lambda a, p=p: np.linalg.cond(a, p) for p in (None, -2, 1, "fro")],
    "cross": [lambda a: np.linalg.cross(a, a @ a)],
    "det": [np.linalg.det],
    "diagonal": [lambda a: np.linalg.diagonal(a @ a)],
    "eig": [lambda a: np.real(np.linalg.eig(a + _FULL)[0])],
    "eigh": [lambda a: np.linalg.eigh(a)[0]],
    "eigvals": [lambda a: np.real(np.linalg.eigvals(a + _FULL))],
    "eigvalsh": [np.linalg.eigvalsh],
    "inv": [np.linalg.inv],
    "lstsq": [lambda a, i=i: np.linalg.lstsq(a[:, :2], a[:, 2])[i] for i in (0, 1)],
    "matmul": [lambda a: np.linalg.matmul(a, np.sin(a))],
    "matrix_norm": [lambda a, k=k: np.linalg.matrix_norm(a, ord=k) for k in ("fro", "nuc", 2, -2)],
    "matrix_power": [lambda a, n=n: np.linalg.matrix_power(a, n) for n in (-3, -1, 2, 5)],
    "matrix_rank": [lambda a: np.linalg.matrix_rank(a) * a**2],
    "matrix_transpose": [lambda a: np.linalg.matrix_transpose(a) @ a],
    "multi_dot": [lambda a: np.linalg.multi_dot([a, np.cos(a), a])],
    "norm": [lambda a, k=k: np.linalg.norm(a, k) for k in (None, "nuc", 2, -2)]
    + [lambda a, k=k: np.linalg.norm(a, k, axis=0) for k in (2, 3, 4)],
    "outer": [lambda a: np.linalg.outer(a[0], a[1])],
    "pinv": [np.linalg.pinv, lambda a: np.linalg.pinv(a[:2]), lambda a: np.linalg.pinv(a, hermitian=True)],
    "qr": [lambda a, m=m: np.linalg.qr((a + _FULL)[:, :2], m)[0] for m in ("reduced", "complete")]
    + [lambda a: np.linalg.qr(a + _FULL, "r")],
    "slogdet": [lambda a: np.linalg.slogdet(a)[1]],
    "solve": [lambda a: np.linalg.solve(a, _B), lambda a: np.linalg.solve(a, a[0]), lambda a: np.linalg.solve(a, _V)],
    "svd": [lambda a: np.linalg.svd(a)[1], lambda a: np.linalg.svd(a)[0] @ np.linalg.svd(a)[2]],
    "svdvals": [np.linalg.svdvals],
    "tensordot": [lambda a: np.linalg.tensordot(a, np.sin(a), axes=([0, 1], [1, 0]))],
    "tensorinv": [lambda a: np.linalg.tensorinv(a[..., None], ind=1)],
    "tensorsolve": [lambda a: np.linalg.tensorsolve(a[..., None], _V)],
    "trace": [lambda a: np.linalg.trace(a @ a, offset=1)],
    "vecdot": [lambda a: np.linalg.vecdot(a, np.exp(a))],
    "vector_norm": [lambda a: np.linalg.vector_norm(a, ord=3)],
}
_BASE = np.array([[2.3, 0.4, -0.3], [0.2, 1.9, 0.6], [-0.5, 0.1, 2.7]])
MATRICES = {
    "full": _BASE,
    "symmetric": (_BASE + _BASE.T) / 2,
    "lower": np.tril(_BASE),
    "upper": np.triu(_BASE),
    "diagonal": np.diag([2.3, 1.9, 2.7]),
}


def test_every_covered_function_is_here():
    assert set(FUNCTIONS) == covered_names(np.linalg)


@pytest.mark.parametrize("kind", MATRICES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_second_order_in_every_nesting(name, kind):
    """Forward over forward, forward over reverse, reverse over forward, reverse over reverse; and forward once."""
    a, u, v = MATRICES[kind], *RNG.normal(size=(2, 3, 3))
    for function in FUNCTIONS[name]:
        weights = RNG.normal(size=np.shape(function(a)))
        # Not linear in the output, so that the second derivative needs the first.
        f = lambda a, function=function, weights=weights: np.sum(np.sin(function(a) * weights))  # noqa: E731
        with np.errstate(all="ignore"):
            first = directional(f, u)(a)
            expected, error, _ = richardson(f, (a,), (u,))
            np.testing.assert_allclose(first, [expected[0]] * 2, rtol=1e-9, atol=10 * error + 1e-10)
            second = directional(f, u, v)(a)
            expected, error, _ = richardson(lambda a: directional(f, u)(a)[0], (a,), (v,))
        np.testing.assert_allclose(second, [expected[0]] * 4, rtol=1e-8, atol=10 * error + 1e-9)


# No shortcut that depends on values and drops a derivative.


def leibniz(a):
    """The determinant as the sum over all permutations."""
    n = len(a)
    total = 0
    for order in itertools.permutations(range(n)):
        sign = (-1) ** sum(order[i] > order[j] for i in range(n) for j in range(i + 1, n))
        term = sign
        for i in range(n):
            term = term * a[i, order[i]]
        total = total + term
    return total


def test_cofactor_of_the_case():
    a = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    assert ft.grad(np.linalg.det)(a)[1, 2] == pytest.approx(-1, abs=1e-14)
    entry = np.zeros((3, 3))
    entry[1, 2] = 1
    assert ft.jvp(np.linalg.det, (a,), (entry,))[1] == pytest.approx(-1, abs=1e-14)


@pytest.mark.parametrize(("n", "rank"), [(n, rank) for n in (1, 2, 3, 4) for rank in range(n + 1)])
def test_determinant_of_every_rank(n, rank):
    a = RNG.integers(-3, 4, (n, rank)).astype(float) @ RNG.integers(-3, 4, (rank, n)).astype(float)
    u, v, w = RNG.integers(-2, 3, (3, n, n)).astype(float)
    scale = 1 + np.max(np.abs(a)) ** n
    np.testing.assert_allclose(ft.grad(np.linalg.det)(a), ft.grad(leibniz)(a), atol=1e-13 * scale)
    for directions in ((u,), (u, v), (u, v, w)):
        found, expected = directional(np.linalg.det, *directions)(a), directional(leibniz, *directions)(a)
        np.testing.assert_allclose(found, expected, atol=1e-11 * scale)


@pytest.mark.parametrize("zeros", range(0, 512, 11))
def test_determinant_of_every_pattern_of_zeros(zeros):
    """Triangular, permuted, block and singular ones among them."""
    a = np.where([bool(zeros >> i & 1) for i in range(9)], 0.0, RNG.integers(1, 5, 9).astype(float)).reshape(3, 3)
    np.testing.assert_allclose(ft.grad(np.linalg.det)(a), ft.grad(leibniz)(a), atol=1e-12)
    v = RNG.normal(size=(3, 3))
    assert ft.jvp(np.linalg.det, (a,), (v,))[1] == pytest.approx(complex_step(leibniz, (a,), (v,))[0], abs=1e-12)
