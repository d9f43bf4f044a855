"""Roots and fixed points: their derivatives against closed forms, unrolled iterations, finite differences."""

import numpy as np
import pytest
import scipy.optimize

import functrans as ft
from functrans.errors import (
    ConvergenceError,
    DerivativeError,
    ShapeError,
    TracedBoolError,
    TracedValueError,
    TreeError,
)
from functrans.testing import check_grads

close = np.testing.assert_allclose


def kepler(e, m):
    return ft.implicit.root(lambda x: x - e * np.sin(x) - m, m)


def kepler_by_params(e, m):
    return ft.implicit.root(lambda x, e, m: x - e * np.sin(x) - m, 1.0, e, m)


def kepler_derivatives(e, m):
    """The anomaly, and its derivatives in e and m to the second order, in closed form."""
    x = scipy.optimize.brentq(lambda x: x - e * np.sin(x) - m, -10, 10, xtol=1e-15, rtol=1e-15)
    s, c = np.sin(x), np.cos(x)
    d = 1 - e * c
    ee = (2 * s * c) / d**2 - e * s**3 / d**3
    em = c / d**2 - e * s * s / d**3
    mm = -e * s / d**3
    return x, (s / d, 1 / d), ((ee, em), (em, mm))


POINTS = [(0.1, 1.0), (0.7, 2.5), (0.3, -0.4)]


@pytest.mark.parametrize("f", [kepler, kepler_by_params])
@pytest.mark.parametrize("at", POINTS)
def test_kepler_to_the_second_order(f, at):
    x, first, second = kepler_derivatives(*at)
    close(f(*at), x, rtol=1e-14)
    close(ft.grad(f, (0, 1))(*at), first, rtol=1e-13)
    close(ft.jacfwd(f, (0, 1))(*at), first, rtol=1e-13)
    close(ft.hessian(f, (0, 1))(*at), second, rtol=1e-12)
    close(ft.jacrev(ft.jacfwd(f, (0, 1)), (0, 1))(*at), second, rtol=1e-12)
    close(ft.jacrev(ft.grad(f, (0, 1)), (0, 1))(*at), second, rtol=1e-12)
    close(ft.jvp(ft.grad(f, (0, 1)), at, (1.0, 2.0))[1], np.array(second) @ [1.0, 2.0], rtol=1e-12)
    hvp = ft.hvp(lambda p: f(p[0], p[1]))(np.array(at), np.array([1.0, 2.0]))
    close(hvp, np.array(second) @ [1.0, 2.0], rtol=1e-12)


def test_kepler_to_the_fourth_order():
    # Lagrange: x = m + sum e^n / n! d^(n-1)/dm^(n-1) sin(m)^n, so at e = 0 the derivatives in e are those.
    m = 0.8
    s, c = np.sin(m), np.cos(m)
    third = 6 * s * c * c - 3 * s**3
    f = kepler
    for expected in (m, s, 2 * s * c, third):
        close(f(0.0, m), expected, rtol=1e-12)
        f = ft.grad(f)


def test_kepler_in_batches_and_programs():
    es, ms = np.array([0.1, 0.7, 0.3]), np.array([1.0, 2.5, -0.4])
    rows = [kepler_derivatives(e, m) for e, m in zip(es, ms, strict=True)]
    close(ft.vmap(kepler)(es, ms), [row[0] for row in rows], rtol=1e-14)
    close(ft.vmap(ft.grad(kepler))(es, ms), [row[1][0] for row in rows], rtol=1e-12)
    close(ft.vmap(ft.hessian(kepler), in_axes=(0, None))(es, 1.0)[0], kepler_derivatives(0.1, 1.0)[2][0][0], rtol=1e-12)
    close(ft.grad(lambda es: np.sum(ft.vmap(kepler)(es, ms)))(es), [row[1][0] for row in rows], rtol=1e-12)
    program = ft.trace(ft.grad(kepler, (0, 1)))(0.2, 0.2)
    program.validate()
    for at in POINTS:
        close(ft.evaluate(program, *at), kepler_derivatives(*at)[1], rtol=1e-12)
    traced = ft.trace(kepler)(0.2, 0.2)
    for at in POINTS:
        _, first, second = kepler_derivatives(*at)
        f = lambda *args: ft.evaluate(traced, *args)  # noqa: E731
        close(ft.grad(f, (0, 1))(*at), first, rtol=1e-12)
        close(ft.hessian(f, (0, 1))(*at), second, rtol=1e-12)


def test_printed_programs_solve_again():
    program = ft.trace(ft.grad(kepler))(0.2, 0.2)
    namespace = {}
    exec(program.to_source(), namespace)
    printed = namespace[program.name]
    for at in POINTS:
        assert printed(*at) == ft.evaluate(program, *at)


# Equilibria.

RNG = np.random.default_rng(0)
W = 0.3 * RNG.normal(size=(4, 4))
B = RNG.normal(size=4)


def unrolled(w, b):
    x = np.zeros(4)
    for _ in range(60):
        x = np.tanh(w @ x + b)
    return np.sum(x**3)


def equilibrium(w, b, **how):
    return np.sum(ft.fixed_point(lambda x, w, b: np.tanh(w @ x + b), np.zeros(4), w, b, **how) ** 3)


def closed_over(w, b):
    return np.sum(ft.fixed_point(lambda x: np.tanh(w @ x + b), np.zeros(4), tol=1e-15) ** 3)


def by_linear(solve):
    def f(w, b):
        return np.sum(ft.implicit.root(lambda x: x - np.tanh(w @ x + b), np.zeros(4), linear_solver=solve) ** 3)

    return f


@pytest.mark.parametrize(
    "f",
    [
        equilibrium,
        closed_over,
        lambda w, b: equilibrium(w, b, solver="newton"),
        by_linear(ft.implicit.solve_gmres),
        by_linear(ft.implicit.linear_solve),
    ],
)
def test_an_equilibrium_is_differentiated_as_its_unrolled_iteration(f):
    close(f(W, B), unrolled(W, B), rtol=1e-12)
    expected = ft.grad(unrolled, (0, 1))(W, B)
    for mine, other in zip(ft.grad(f, (0, 1))(W, B), expected, strict=True):
        close(mine, other, rtol=1e-9, atol=1e-12)
    close(ft.jacfwd(f, 1)(W, B), expected[1], rtol=1e-9)
    close(ft.hessian(f, 1)(W, B), ft.hessian(unrolled, 1)(W, B), rtol=1e-8, atol=1e-10)


def test_an_equilibrium_of_many_unknowns_is_solved_by_the_adjoint_iteration():
    n = 300
    rng = np.random.default_rng(1)
    w, b = 0.2 * rng.normal(size=(n, n)) / np.sqrt(n), rng.normal(size=n)

    def f(b):
        return np.sum(ft.fixed_point(lambda x: np.tanh(w @ x + b), np.zeros(n)) ** 2)

    x = np.zeros(n)
    for _ in range(100):
        x = np.tanh(w @ x + b)
    slope = 1 - x * x
    expected = slope * np.linalg.solve((np.eye(n) - slope[:, None] * w).T, 2 * x)
    close(ft.grad(f)(b), expected, rtol=1e-9, atol=1e-10)
    v = rng.normal(size=n)
    close(ft.jvp(f, (b,), (v,))[1], expected @ v, rtol=1e-9)


def test_gradients_of_an_equilibrium_are_the_numerical_ones():
    check_grads(closed_over, (W, B), order=2)


# Solvers of users' own.


def bisection(f, x):
    """Python's control flow, which no trace follows."""
    low, high = 0.0, x
    while high - low > 1e-15 * high:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if f(middle) < 0 else (low, middle)
    return high


def square_root(a):
    return ft.custom_root(lambda x: x * x - a, 8.0, bisection, lambda g, y: y / g(1.0))


def by_scipy(a):
    return ft.custom_root(lambda x: x * x - a, 8.0, lambda f, x: scipy.optimize.newton(f, x), lambda g, y: y / g(1.0))


def by_loop(a):
    def solve(f, x):
        return ft.while_loop(lambda x: np.abs(f(x)) > 1e-13, lambda x: x - f(x) / (2 * x), x)

    return ft.custom_root(lambda x: x * x - a, 8.0, solve, lambda g, y: y / g(1.0))


@pytest.mark.parametrize("f", [square_root, by_scipy, by_loop])
def test_any_solver_will_do(f):
    close(f(4.0), 2.0, rtol=1e-12)
    close(ft.grad(f)(4.0), 0.25, rtol=1e-12)
    close(ft.jvp(f, (4.0,), (2.0,))[1], 0.5, rtol=1e-12)
    close(ft.hessian(f)(4.0), -1 / 32, rtol=1e-12)
    close(ft.grad(ft.grad(ft.grad(f)))(4.0), 3 / 256, rtol=1e-11)
    a = np.array([1.0, 4.0, 9.0])
    close(ft.vmap(f)(a), np.sqrt(a), rtol=1e-12)
    close(ft.vmap(ft.grad(f))(a), 0.5 / np.sqrt(a), rtol=1e-12)
    close(ft.grad(lambda a: np.sum(ft.vmap(f)(a)))(a), 0.5 / np.sqrt(a), rtol=1e-12)
    program = ft.trace(ft.grad(f))(1.0)
    close(ft.evaluate(program, 4.0), 0.25, rtol=1e-12)
    _, pushforward = ft.linearize(f, 4.0)
    close(pushforward(1.0), 0.25, rtol=1e-12)


def test_a_loop_of_ours_is_printed():
    program = ft.trace(ft.grad(by_loop))(1.0)
    namespace = {}
    exec(program.to_source(), namespace)
    assert namespace[program.name](4.0) == ft.evaluate(program, 4.0)


def test_trees_of_unknowns():
    def f(a):
        def equations(x):
            return {"p": [x["p"][0] ** 2 - a, x["p"][1] - x["q"].sum()], "q": x["q"] - a * x["p"][0]}

        x = ft.implicit.root(equations, {"p": [1.0, 1.0], "q": np.ones((2, 1))})
        return x["p"][1] + x["p"][0]

    # p0 = sqrt(a), q = a sqrt(a), p1 = 2 a sqrt(a)
    close(ft.grad(f)(4.0), 3 * 2.0 + 0.25)
    close(ft.grad(ft.grad(f))(4.0), 1.5 / 2.0 - 1 / 32)


def test_complex_unknowns_and_conjugates():
    def f(t):
        z = ft.implicit.root(lambda z: z * z - (3.0 * t + 4.0j), 1.0 + 1.0j)
        return np.real(z)

    z = np.sqrt(3 + 4j)
    close(ft.grad(f)(1.0), np.real(3 / (2 * z)))
    close(ft.jvp(f, (1.0,), (1.0,))[1], np.real(3 / (2 * z)))

    def g(t):  # not holomorphic: z + conj(z) / 2 = t (1 + i), so z = (2/3 + 2i) t
        z = ft.implicit.root(lambda z: z + np.conj(z) / 2 - t * (1 + 1j), 0j)
        return np.real(z) + np.imag(z)

    close(ft.grad(g)(1.0), 2 / 3 + 2)
    close(ft.jvp(g, (1.0,), (1.0,))[1], 2 / 3 + 2)


def test_single_precision_stays():
    a = np.float32(2.0)
    f = lambda a: ft.implicit.root(lambda x: x * x - a, np.float32(1.0))  # noqa: E731
    assert f(a).dtype == np.float32
    gradient = ft.grad(f)(a)
    assert gradient.dtype == np.float32
    close(gradient, 0.5 / np.sqrt(2), rtol=1e-6)


def test_the_start_has_no_derivative():
    assert ft.grad(lambda x0: ft.implicit.root(lambda x: x * x - 2.0, x0))(1.0) == 0.0


def test_what_is_closed_over_at_two_levels_is_not_lost():
    def inner(a, b):
        return ft.grad(lambda c: ft.implicit.root(lambda x: x**3 + b * x - a * c, 1.0))(1.0)

    def explicit(a, b, x):  # c dx/dc
        return a / (3 * x * x + b)

    a, b = 2.0, 0.5
    x = next(r.real for r in np.roots([1, 0, b, -a]) if abs(r.imag) < 1e-9)
    close(inner(a, b), explicit(a, b, x), rtol=1e-12)
    h = 1e-6

    def at(a, b):
        return explicit(a, b, scipy.optimize.brentq(lambda x: x**3 + b * x - a, 0, 5, xtol=1e-15, rtol=1e-15))

    close(ft.grad(inner)(a, b), (at(a + h, b) - at(a - h, b)) / (2 * h), rtol=1e-7)
    close(ft.grad(inner, 1)(a, b), (at(a, b + h) - at(a, b - h)) / (2 * h), rtol=1e-7)


# Ridge regression.


def test_the_gradient_in_a_hyperparameter_is_that_of_the_closed_form():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(20, 3)), rng.normal(size=20)
    xv, yv = rng.normal(size=(10, 3)), rng.normal(size=10)

    def fitted(log_lam):
        loss = lambda w: np.sum((x @ w - y) ** 2) + np.exp(log_lam) * np.sum(w * w)  # noqa: E731
        return ft.implicit.root(ft.grad(loss), np.zeros(3))

    def validation(log_lam):
        return np.mean((xv @ fitted(log_lam) - yv) ** 2)

    lam = np.exp(0.3)
    inverse = np.linalg.inv(x.T @ x + lam * np.eye(3))
    w = inverse @ x.T @ y
    dw = -lam * inverse @ w
    close(fitted(0.3), w, rtol=1e-12)
    close(ft.grad(validation)(0.3), 2 * np.mean((xv @ w - yv) * (xv @ dw)), rtol=1e-11)
    ddw = -lam * inverse @ (w + 2 * dw)
    second = 2 * np.mean((xv @ dw) ** 2 + (xv @ w - yv) * (xv @ ddw))
    close(ft.grad(ft.grad(validation))(0.3), second, rtol=1e-10)


# Errors.


def test_what_does_not_converge_is_an_error():
    with pytest.raises(ConvergenceError, match="Newton's method did not converge: after 50 steps") as caught:
        ft.implicit.root(lambda x: x * x + 1.0, 0.7)
    assert caught.value.iterations == 50
    assert caught.value.residual > 0.1
    with pytest.raises(ConvergenceError, match="the iteration did not converge"):
        ft.grad(lambda a: ft.fixed_point(lambda x: a * x + 1.0, 0.0))(2.0)
    close(ft.grad(lambda a: ft.fixed_point(lambda x: a * x + 1.0, 0.0, solver="newton"))(2.0), 1.0)
    program = ft.trace(lambda a: ft.implicit.root(lambda x: x * x + a, 0.7))(-1.0)
    close(ft.evaluate(program, -1.0), 1.0)
    with pytest.raises(ConvergenceError):
        ft.evaluate(program, 1.0)
    with pytest.raises(ConvergenceError):
        ft.vmap(lambda a: ft.implicit.root(lambda x: x * x + a, 0.7))(np.array([-1.0, 1.0]))
    with pytest.raises(ConvergenceError, match="singular"):
        ft.implicit.root(lambda x: x * x + 1.0, 0.0)


def test_a_double_root_has_no_derivative():
    f = lambda a: ft.custom_root(  # noqa: E731
        lambda x: (x - a) * (x - a), 1.0, lambda f, x: 0 * x + 1.0, ft.implicit.linear_solve
    )
    assert f(1.0) == 1.0
    with pytest.raises(DerivativeError, match="cannot be solved"):
        ft.grad(f)(1.0)


def test_mistakes_are_explained():
    with pytest.raises(ShapeError, match="as many equations as unknowns"):
        ft.implicit.root(lambda x: x[:1], np.ones(2))
    with pytest.raises(TreeError):
        ft.implicit.root(lambda x: (x, x), np.ones(2))
    with pytest.raises(TracedBoolError):
        ft.grad(lambda a: ft.implicit.root(lambda x: x - a if x > 0 else x, a))(1.0)
    with pytest.raises(TracedValueError, match="depends on a traced value"):
        ft.grad(lambda a: ft.custom_root(lambda x: x - a if x > 0 else x, 1.0, bisection, lambda g, y: y))(1.0)
    assert ft.custom_root(lambda x: x - 2.0 if x > 0 else x, 8.0, bisection, lambda g, y: y) == 2.0
    with pytest.raises(ValueError, match="iteration"):
        ft.fixed_point(np.cos, 1.0, solver="magic")
    with pytest.raises(DerivativeError, match="transposed"):
        ft.grad(lambda a: ft.custom_root(lambda x: x - a, 1.0, lambda f, x: x - f(x), lambda g, y: float(y) / g(1.0)))(
            1.0
        )
