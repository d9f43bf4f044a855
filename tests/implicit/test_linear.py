"""Linear systems given as functions: solutions and derivatives against NumPy's solve of the matrix."""

import pickle

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse
import scipy.sparse.linalg

import functrans as ft
from functrans.errors import ConvergenceError, DerivativeError, ShapeError, TracedBoolError, TracedValueError
from functrans.implicit import custom_linear_solve, linear_solve, solve_cg, solve_gmres
from functrans.testing import check_grads

close = np.testing.assert_allclose
RNG = np.random.default_rng(0)
A = RNG.normal(size=(4, 4)) + 4 * np.eye(4)
S = A @ A.T
B = RNG.normal(size=4)


def by_matrix(a, b):
    return np.linalg.solve(a, b)


def closing_over(a, b):  # the solver knows the matrix
    return custom_linear_solve(
        lambda x: a @ x, b, lambda _, b: np.linalg.solve(a, b), lambda _, b: np.linalg.solve(a.T, b)
    )


def transposing(a, b):
    return custom_linear_solve(lambda x: a @ x, b, lambda _, b: np.linalg.solve(a, b))


def conjugate_gradients(matvec, b):
    """Plain NumPy with Python's loop, which no trace follows."""
    x, r = 0 * b, b
    p, rr = r, r @ r
    while rr > 1e-30:
        ap = matvec(p)
        step = rr / (p @ ap)
        x, r = x + step * p, r - step * ap
        rr, old = r @ r, rr
        p = r + rr / old * p
    return x


def own_cg(a, b):
    return custom_linear_solve(lambda x: a @ x, b, conjugate_gradients, symmetric=True)


def by_scipy(a, b):
    def solve(matvec, b):
        return scipy.linalg.solve(np.stack([matvec(e) for e in np.eye(len(b))], 1), b)

    return custom_linear_solve(lambda x: a @ x, b, solve, solve)


GENERAL = {
    "closing_over": closing_over,
    "transposing": transposing,
    "by_scipy": by_scipy,
    "linear_solve": lambda a, b: linear_solve(lambda x: a @ x, b),
    "gmres": lambda a, b: solve_gmres(lambda x: a @ x, b, tol=1e-14),
}
SYMMETRIC = {
    "own_cg": own_cg,
    "cg": lambda a, b: solve_cg(lambda x: a @ x, b, tol=1e-14),
    "preconditioned": lambda a, b: solve_cg(lambda x: a @ x, b, tol=1e-14, preconditioner=lambda x: x / np.diag(S)),
}


@pytest.mark.parametrize("name", [*GENERAL, *SYMMETRIC])
def test_solutions_and_their_derivatives_are_those_of_the_matrix(name):
    f = {**GENERAL, **SYMMETRIC}[name]
    # A symmetric map stays one: the matrix moves along symmetric directions alone.
    fix = (lambda a: (a + a.T) / 2) if name in SYMMETRIC else (lambda a: a)
    a = S if name in SYMMETRIC else A
    mine = lambda a, b: f(fix(a), b)  # noqa: E731
    theirs = lambda a, b: by_matrix(fix(a), b)  # noqa: E731
    close(mine(a, B), theirs(a, B), rtol=1e-10)
    da, db, ct = RNG.normal(size=(4, 4)), RNG.normal(size=4), RNG.normal(size=4)
    close(ft.jvp(mine, (a, B), (da, db))[1], ft.jvp(theirs, (a, B), (da, db))[1], rtol=1e-9)
    for one, other in zip(ft.vjp(mine, a, B)[1](ct), ft.vjp(theirs, a, B)[1](ct), strict=True):
        close(one, other, rtol=1e-9, atol=1e-11)
    close(ft.jacobian(mine, 1)(a, B), np.linalg.inv(a), rtol=1e-9, atol=1e-11)
    close(ft.jacrev(mine, 0)(a, B), ft.jacrev(theirs, 0)(a, B), rtol=1e-8, atol=1e-11)

    loss = lambda a, b: np.sum(mine(a, b) ** 3)  # noqa: E731
    expected = lambda a, b: np.sum(theirs(a, b) ** 3)  # noqa: E731
    for one, other in zip(
        ft.jvp(ft.grad(loss, (0, 1)), (a, B), (da, db))[1],
        ft.jvp(ft.grad(expected, (0, 1)), (a, B), (da, db))[1],
        strict=True,
    ):
        close(one, other, rtol=1e-7, atol=1e-10)
    close(ft.hessian(loss, 1)(a, B), ft.hessian(expected, 1)(a, B), rtol=1e-8, atol=1e-11)

    many, rhs = np.stack([a, 2 * a, a + np.eye(4)]), RNG.normal(size=(3, 4))
    close(ft.vmap(mine)(many, rhs), ft.vmap(theirs)(many, rhs), rtol=1e-10)
    close(ft.vmap(mine, in_axes=(None, 0))(a, rhs), rhs @ np.linalg.inv(a).T, rtol=1e-9, atol=1e-12)
    close(ft.vmap(ft.grad(loss))(many, rhs), ft.vmap(ft.grad(expected))(many, rhs), rtol=1e-8, atol=1e-10)
    program = ft.trace(ft.grad(loss, 1))(a, B)
    program.validate()
    close(ft.evaluate(program, 2 * a, B), ft.grad(expected, 1)(2 * a, B), rtol=1e-9)


def test_the_judge_finds_nothing():
    check_grads(GENERAL["linear_solve"], (A, B), order=2)
    check_grads(lambda t, b: own_cg(S + t * np.eye(4), b), (0.5, B), order=2)


@pytest.mark.parametrize("name", ["closing_over", "transposing", "linear_solve"])
def test_what_can_be_traced_is_printed(name):
    program = ft.trace(ft.grad(lambda a, b: np.sum(GENERAL[name](a, b) ** 3)))(A, B)
    namespace = {}
    exec(program.to_source(), namespace)
    assert np.array_equal(namespace[program.name](A, B), ft.evaluate(program, A, B))
    copy = pickle.loads(pickle.dumps(program))
    assert np.array_equal(ft.evaluate(copy, A, B), ft.evaluate(program, A, B))


def test_linear_in_the_right_side():
    f = lambda b: linear_solve(lambda x: A @ x, b)  # noqa: E731
    close(ft.linear_transpose(f, B)(B)[0], np.linalg.solve(A.T, B), rtol=1e-12)
    _, push = ft.linearize(lambda a, b: GENERAL["linear_solve"](a, b), A, B)
    close(ft.linear_transpose(push, A, B)(B)[1], np.linalg.solve(A.T, B), rtol=1e-12)
    close(f(B), np.linalg.solve(A, B))


def test_trees_and_complex_numbers():
    c = RNG.normal(size=(2, 2)) + 1j * RNG.normal(size=(2, 2)) + 3 * np.eye(2)
    rhs = {"u": np.array([1.0, 2.0j]), "v": 3.0}

    def f(t):
        def matvec(x):
            return {"u": t * (c @ x["u"]), "v": t * x["v"]}

        out = linear_solve(matvec, rhs)
        return np.sum(np.abs(out["u"]) ** 2) + out["v"]

    u = np.linalg.solve(c, rhs["u"])
    close(f(2.0), np.sum(np.abs(u) ** 2) / 4 + 1.5)
    close(ft.grad(f)(2.0), -2 * np.sum(np.abs(u) ** 2) / 8 - 0.75)
    hermitian = c.conj().T @ c
    g = lambda t: np.sum(np.abs(solve_cg(lambda x: t * (hermitian @ x), rhs["u"])) ** 2)  # noqa: E731
    close(ft.grad(g)(1.0), -2 * np.sum(np.abs(np.linalg.solve(hermitian, rhs["u"])) ** 2), rtol=1e-9)


def test_many_unknowns_go_without_a_matrix():
    n = 400
    off = np.full(n - 1, -1.0)
    matrix = scipy.sparse.diags_array([off, np.full(n, 4.0), off], offsets=[-1, 0, 1]).tocsc()
    b = RNG.normal(size=n)

    def f(k):
        return np.sum(linear_solve(lambda x: k * (4 * x - np.append(x[1:], 0.0) - np.append(0.0, x[:-1])), b) ** 2)

    x = scipy.sparse.linalg.spsolve(matrix, b)
    close(f(2.0), np.sum(x**2) / 4, rtol=1e-10)
    close(ft.grad(f)(2.0), -2 * np.sum(x**2) / 8, rtol=1e-9)


def test_plain_systems_need_no_trace():
    sparse = scipy.sparse.csr_array(S)
    close(solve_cg(lambda x: sparse @ x, B), np.linalg.solve(S, B), rtol=1e-9)
    branching = lambda x: S @ x if x[0] > 0 else -(S @ -x)  # noqa: E731
    close(solve_gmres(branching, B), np.linalg.solve(S, B), rtol=1e-9)


def test_single_precision_stays():
    f = lambda k: np.sum(solve_cg(lambda x: k * x, np.ones(3, np.float32)))  # noqa: E731
    assert f(np.float32(2)).dtype == np.float32
    assert ft.grad(f)(np.float32(2)).dtype == np.float32
    g = lambda b: np.sum(linear_solve(lambda x: A @ x, b))  # noqa: E731  (it promotes)
    assert ft.grad(g)(B.astype(np.float32)).dtype == np.float32


def test_mistakes_are_explained():
    with pytest.raises(DerivativeError, match="is not linear: `multiply`"):
        ft.grad(lambda b: linear_solve(lambda x: x * x, b)[0])(B)
    for solve in (linear_solve, solve_gmres):
        with pytest.raises(DerivativeError, match="zero at zero"):
            solve(lambda x: A @ x + 1.0, B)
        with pytest.raises(DerivativeError, match="zero at zero"):
            ft.grad(lambda c: solve(lambda x: A @ x + c, B)[0])(1.0)
    with pytest.raises(ShapeError, match="as many equations"):
        ft.grad(lambda b: linear_solve(lambda x: x[:2], b)[0])(B)
    with pytest.raises(DerivativeError, match="transpose_solve"):
        ft.grad(lambda k: np.sum(custom_linear_solve(lambda x: k * (S @ x), B, conjugate_gradients)))(1.0)
    with pytest.raises(TracedBoolError):
        ft.grad(lambda b: solve_cg(lambda x: x if x[0] > 0 else 1 * x, b)[0])(B)
    with pytest.raises(TracedValueError, match="closes over a value that is traced"):
        ft.grad(lambda k: np.sum(custom_linear_solve(lambda x: k * x, B, lambda mv, b: b / k if b[0] < 9 else b)))(1.0)
    with pytest.raises(ConvergenceError, match="`solve_cg` did not converge") as caught:
        solve_cg(lambda x: S @ x, B, max_iter=1)
    assert caught.value.iterations == 1
    assert caught.value.residual > 0
    with pytest.raises(ConvergenceError, match="`solve_gmres` did not converge"):
        ft.grad(lambda k: np.sum(solve_gmres(lambda x: k * np.roll(x, 1), np.eye(30)[0], max_iter=1)))(1.0)
    with pytest.raises(DerivativeError, match="cannot be solved"):
        ft.grad(lambda k: np.sum(linear_solve(lambda x: k * x, B)))(0.0)
