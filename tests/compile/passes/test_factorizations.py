"""One factorization of each matrix: the same values up to rounding, as well conditioned as the matrix is."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import functrans as ft
from functrans import tree
from functrans.compile.passes import EXACT, ROUNDING
from functrans.compile.passes.factorizations import SMALL, factorizations
from functrans.interpreter import run
from functrans.ir import Program
from functrans.testing import strategies as st

N = SMALL + 2
RNG = np.random.default_rng(0)
A = RNG.normal(size=(N, N)) + 4.0 * np.eye(N)
S = A @ A.T / N + np.eye(N)
C = A + 1j * RNG.normal(size=(N, N))
B, V = RNG.normal(size=(N, 3)), RNG.normal(size=N)
EPS = np.finfo(float).eps


def names(program: Program) -> Counter[str]:
    return Counter(equation.primitive.name for equation in program.equations)


def check(f: Any, *args: Any, tolerance: float | None = None) -> Counter[str]:
    """The pass gives the program's values, to what the condition of the first argument lets one expect."""
    program = ft.trace(f)(*args)
    made = factorizations(program)
    made.validate()
    assert factorizations(made) == made
    leaves = tree.flatten(args)[0]
    tolerance = tolerance or 50 * EPS * N * float(np.linalg.cond(args[0]))
    with np.errstate(all="raise"):
        for ours, theirs in zip(run(made, leaves), run(program, leaves), strict=True):
            assert ours.dtype == theirs.dtype
            assert ours.shape == theirs.shape
            np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * np.max(np.abs(theirs)))
    return names(made)


def everything(a: Any) -> Any:
    return (
        np.linalg.solve(a, V),
        np.linalg.solve(a.T, B),
        np.linalg.inv(a),
        np.linalg.inv(a.T),
        np.linalg.slogdet(a),
        np.linalg.det(a / 4.0) * 0.0 + np.linalg.slogdet(a.T)[1],
    )


@pytest.mark.parametrize("a", [A, S, C], ids=["real", "symmetric", "complex"])
def test_one_lu_serves_all(a: Any) -> None:
    found = check(everything, a)
    assert found["scipy.linalg.regular_lu"] == 1
    assert not {"solve", "inv", "slogdet"} & set(found)


def test_single_precision_stays_single() -> None:
    a = A.astype(np.float32)
    tolerance = 50 * float(np.finfo(np.float32).eps * np.linalg.cond(A))
    found = check(lambda a: (np.linalg.solve(a, a[0]), np.linalg.inv(a)), a, tolerance=tolerance)
    assert found["scipy.linalg.regular_lu"] == 1


@pytest.mark.parametrize("a", [A / 3.0, A[:, ::-1].copy() / 3.0, C / 4.0])
def test_determinants_have_their_sign(a: Any) -> None:
    found = check(lambda a: (np.linalg.det(a), np.linalg.slogdet(a), np.linalg.det(a.T)), a)
    assert found["scipy.linalg.regular_lu"] == 1
    assert "det" not in found


def test_a_solve_and_its_derivative_factor_once() -> None:
    found = check(ft.value_and_grad(lambda a: np.sum(np.linalg.solve(a, V) ** 2)), A)
    assert found["scipy.linalg.regular_lu"] == 1
    assert found["scipy.linalg.lu_solve"] == 2
    found = check(ft.value_and_grad(lambda a: np.linalg.slogdet(a)[1]), A)
    assert found["scipy.linalg.regular_lu"] == found["scipy.linalg.inv_of_lu"] == 1


def test_higher_derivatives() -> None:
    f = lambda a: np.sum(np.linalg.solve(a, V)) + np.linalg.slogdet(a)[1]  # noqa: E731
    found = check(lambda a: ft.hvp(f)(a, A.T), A, tolerance=1e-9)
    assert found["scipy.linalg.regular_lu"] == 1
    assert not {"solve", "inv", "slogdet"} & set(found)


@pytest.mark.parametrize("upper", [False, True])
def test_cholesky_factors_are_triangular(upper: bool) -> None:
    def f(s: Any) -> Any:
        factor = np.linalg.cholesky(s, upper=upper)
        return np.linalg.solve(factor, B), np.linalg.solve(factor.T, V), np.linalg.inv(factor)

    found = check(f, S)
    assert found["scipy.linalg.solve_triangular"] == 3
    assert "solve" not in found
    found = check(ft.value_and_grad(lambda s: sum(np.sum(x) for x in f(s))), S, tolerance=1e-10)
    assert "solve" not in found
    assert "scipy.linalg.regular_lu" not in found


@pytest.mark.parametrize("triangle", [np.tril, np.triu])
def test_triangles_are_triangular(triangle: Any) -> None:
    found = check(lambda a: np.linalg.solve(triangle(a), V) + np.linalg.solve(triangle(a).T, V), A, tolerance=1e-9)
    assert found["scipy.linalg.solve_triangular"] == 2
    found = check(lambda a: np.linalg.solve(triangle(a, 1 if triangle is np.triu else -1) + a, V), A)
    assert "scipy.linalg.solve_triangular" not in found


@pytest.mark.parametrize("upper", [False, True])
def test_a_matrix_that_has_a_cholesky_factor_is_solved_by_it(upper: bool) -> None:
    def f(s: Any) -> Any:
        factor = np.linalg.cholesky(s, upper=upper)
        return np.linalg.solve(s, B), np.linalg.solve(s.T, V), np.linalg.inv(s), np.sum(np.log(np.diagonal(factor)))

    symmetric = (S + S.T) / 2
    found = check(f, symmetric)
    assert found["scipy.linalg.solve_by_cholesky"] == 3
    assert not {"solve", "inv"} & set(found)


def test_a_factor_of_one_triangle_solves_nothing_of_the_other() -> None:
    """`cholesky` reads one triangle, `solve` both: if they differ the factor is not the matrix's."""
    uneven = S + np.triu(0.1 * A, 1)
    check(lambda s: (np.linalg.cholesky(s), np.linalg.solve(s, V), np.linalg.solve(s.T, V)), uneven)


def test_nan_stays_nan_and_a_singular_matrix_is_refused() -> None:
    program = factorizations(ft.trace(lambda a: (np.linalg.solve(a, V), np.linalg.solve(a.T, V)))(A))
    nan = A.copy()
    nan[3, 4] = np.nan
    assert all(np.all(np.isnan(x)) for x in run(program, [nan]))
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
        run(program, [np.zeros((N, N))])
    program = factorizations(ft.trace(lambda a: (np.linalg.slogdet(a), np.linalg.det(a)))(A))
    assert names(program)["scipy.linalg.regular_lu"] == 1
    sign, log, det = run(program, [np.zeros((N, N))])
    assert (sign, log, det) == (0.0, -np.inf, 0.0)


@pytest.mark.parametrize(
    "f",
    [
        lambda a: np.linalg.solve(a, V),
        lambda a: np.linalg.solve(a, V) + np.linalg.solve(a + 1.0, V),
        lambda a: np.linalg.solve(a[:9, :9], V[:9]) + np.linalg.solve(a[:9, :9].T, V[:9]),
        lambda a: np.linalg.inv(np.stack([a, a])) + np.linalg.inv(np.stack([a, a])),
        lambda a: np.linalg.solve(a, V.astype(complex)) + np.linalg.solve(a.T, V.astype(complex)),
        lambda a: np.sum(a * a),
    ],
    ids=["once", "two matrices", "small", "stacks", "another dtype", "none"],
)
def test_what_has_nothing_to_share_stays(f: Any) -> None:
    program = ft.trace(f)(A)
    assert factorizations(program) is program


def test_a_constant_matrix_is_one_matrix() -> None:
    found = check(lambda v: np.linalg.solve(A, v) + np.linalg.solve(A.T, np.linalg.solve(A, v)), V, tolerance=1e-11)
    assert found["solve"] + found["scipy.linalg.lu_solve"] == 3
    assert found["scipy.linalg.regular_lu"] == 1


def process(theta: Any) -> Any:
    """The marginal likelihood of a Gaussian process."""
    x = np.linspace(0.0, 3.0, N)
    k = np.exp(theta[0] - 0.5 * (x[:, None] - x) ** 2 * np.exp(-2.0 * theta[1])) + np.exp(theta[2]) * np.eye(N)
    factor = np.linalg.cholesky(k)
    a = np.linalg.solve(factor.T, np.linalg.solve(factor, V))
    return 0.5 * V @ a + np.sum(np.log(np.diagonal(factor)))


def test_the_likelihood_of_a_process_costs_half() -> None:
    theta = np.array([0.1, -0.2, -1.0])
    program = ft.trace(ft.value_and_grad(process))(theta)
    made = factorizations(program)
    assert "solve" not in names(made)
    assert (made.cost() / program.cost()).flops < 0.6
    check(ft.value_and_grad(process), theta, tolerance=1e-10)
    check(ft.hessian(process), theta, tolerance=1e-9)


def test_asked_for_by_name() -> None:
    assert ROUNDING["factorizations"] is factorizations
    assert "factorizations" not in EXACT
    theta = np.array([0.1, -0.2, -1.0])
    f = ft.value_and_grad(process)
    fast = ft.jit(f, allow=("factorizations",))
    for ours, theirs in zip(fast(theta), f(theta), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10)
    assert "solve_triangular" in fast.source(theta)


def test_the_printed_program_needs_numpy_and_scipy_alone() -> None:
    program = factorizations(ft.trace(everything)(A))
    names: dict[str, Any] = {}
    exec(program.to_source(), names)
    for ours, theirs in zip(tree.flatten(names[program.name](A))[0], run(program, [A]), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@given(st.program_cases())
def test_any_program_keeps_its_values(case: Any) -> None:
    """Programs that are drawn have small matrices: nothing is changed, and nothing crashes."""
    program = case.subject
    assert factorizations(factorizations(program)) == factorizations(program)


def test_without_scipy_the_error_says_so() -> None:
    code = """
import sys
sys.modules["scipy"] = None
import numpy as np, functrans as ft
try:
    ft.jit(lambda x: x * 2.0, allow=("factorizations",))(1.0)
except ModuleNotFoundError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "needs SciPy" in done.stdout
    assert "functrans[scipy]" in done.stdout
