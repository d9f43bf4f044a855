"""Sparse Jacobians and Hessians against dense ones, in SciPy's solvers, and what is refused."""

import sys

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
import scipy.sparse as sp
import scipy.sparse.linalg

import functrans as ft
from functrans.errors import (
    DerivativeError,
    IntegerInputError,
    NonScalarOutputError,
    ShapeError,
    TracedBoolError,
    TracedValueError,
    TreeError,
)


def brusselator(t, y):
    """Method of lines, fixed values 1 and 3 at both ends."""
    u, v = y[: y.size // 2], y[y.size // 2 :]
    n = u.size
    scale = (n + 1) ** 2 / 50
    left, right = np.concatenate([[1.0], u[:-1]]), np.concatenate([u[1:], [1.0]])
    below, above = np.concatenate([[3.0], v[:-1]]), np.concatenate([v[1:], [3.0]])
    du = 1 + u**2 * v - 4 * u + scale * (left - 2 * u + right)
    dv = 3 * u - u**2 * v + scale * (below - 2 * v + above)
    return np.concatenate([du, dv])


def heat(u):
    """A 2-D stencil with nonlinear conductivity."""
    wide = np.pad(u, 1)
    inner = wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:] - 4 * u
    return inner * (1 + u**2)


def arrow(x):
    return np.concatenate([np.sum(x**2, keepdims=True), x[0] * np.sin(x[1:])])


def reprojection(parameters, cameras, points, observed):
    """Bundle adjustment in the plane: cameras (angle, two of position), points (two)."""
    count = cameras.max() + 1
    camera = np.reshape(parameters[: 3 * count], (count, 3))[cameras]
    point = np.reshape(parameters[3 * count :], (-1, 2))[points]
    cos, sin = np.cos(camera[:, 0]), np.sin(camera[:, 0])
    x = cos * point[:, 0] - sin * point[:, 1] + camera[:, 1]
    y = sin * point[:, 0] + cos * point[:, 1] + camera[:, 2]
    return x / (3 + y) - observed


def agree(sparse, dense, shape):
    assert isinstance(sparse, sp.csr_array)
    np.testing.assert_allclose(sparse.toarray(), np.reshape(dense, shape), rtol=1e-12, atol=1e-12)


RNG = np.random.default_rng(5)


@pytest.mark.parametrize("mode", [None, "forward", "reverse", "both"])
@pytest.mark.parametrize(
    ("f", "x", "colors"),
    [
        (lambda y: brusselator(0.0, y), RNG.uniform(1, 2, 24), 4),
        (heat, RNG.uniform(-1, 1, (6, 5)), 7),
        (lambda x: x[2:] * x[:-2] - x[1:-1] ** 3, RNG.normal(size=15), 3),
        (arrow, RNG.normal(size=12), 3),
        (np.sum, RNG.normal(size=(2, 3)), 1),
        (lambda x: np.outer(x, np.ones(4)), RNG.normal(size=3), 1),
        (lambda x: x * 2.0, 3.0, 1),
    ],
    ids=["brusselator", "heat", "banded", "arrow", "sum", "outer", "scalar"],
)
def test_jacobians_equal_the_dense_ones(f, x, colors, mode):
    dense = ft.jacobian(f)(x)
    shape = (np.size(f(x)), np.size(x))
    agree(ft.sparse.jacobian(f, mode=mode)(x), dense, shape)
    plan = ft.sparse.plan(ft.jacobian, f, x, mode=mode)
    agree(plan(x), dense, shape)
    plan.check(x)
    assert plan.pattern.dtype == bool
    if mode is None:
        assert plan.colors <= colors
    elif plan.colors:
        assert plan.mode == mode
    other = np.asarray(x) * 0.5 + 0.1 if np.ndim(x) else 0.25
    agree(plan(other), ft.jacobian(f)(other), shape)


def chain(x):
    return np.sum((1 - x[:-1]) ** 2 + 100 * (x[1:] - x[:-1] ** 2) ** 2)


@pytest.mark.parametrize(
    ("f", "x", "colors"),
    [
        (chain, RNG.normal(size=20), 3),
        (lambda x: np.sum(np.sin(x[:-2]) * x[1:-1] * x[2:]), RNG.normal(size=30), 5),
        (lambda x: np.sum(x[0] * x[1:] ** 2), RNG.normal(size=20), 2),
        (lambda x: np.sum(np.cos(x)) + np.sum(x[:-1] * x[1:]), RNG.normal(size=(4, 3)), 6),
        (lambda u: np.sum(np.diff(u, axis=0) ** 4) + np.sum(np.diff(u, axis=1) ** 4), RNG.normal(size=(5, 4)), 6),
        (lambda x: x**3, 2.0, 1),
    ],
    ids=["rosenbrock", "banded", "arrow", "rows", "grid", "scalar"],
)
def test_hessians_equal_the_dense_ones_and_are_symmetric(f, x, colors):
    dense = ft.hessian(f)(x)
    shape = (np.size(x), np.size(x))
    agree(ft.sparse.hessian(f)(x), dense, shape)
    plan = ft.sparse.plan(ft.hessian, f, x)
    made = plan(x)
    agree(made, dense, shape)
    assert (made != made.T).nnz == 0
    plan.check(x)
    assert plan.mode == "symmetric"
    assert plan.colors <= colors


def test_linear_functions_have_empty_hessians():
    plan = ft.sparse.plan("hessian", np.sum, np.ones(4))
    assert plan.pattern.nnz == plan(np.ones(4)).nnz == 0
    assert plan(np.ones(4)).shape == (4, 4)


def test_bundle_adjustment():
    rng = np.random.default_rng(3)
    cameras, points = rng.integers(0, 4, 60), rng.integers(0, 10, 60)
    cameras[0], points[0] = 3, 9
    true = rng.uniform(-0.3, 0.3, 4 * 3 + 10 * 2)
    observed = reprojection(true, cameras, points, 0.0)
    plan = ft.sparse.plan(ft.jacobian, reprojection, true, cameras, points, observed)
    agree(plan(true, cameras, points, observed), ft.jacobian(reprojection)(true, cameras, points, observed), (60, 32))
    assert plan.pattern.nnz == 5 * 60
    assert plan.colors < 20
    start = true + 0.05 * rng.normal(size=true.size)
    found = scipy.optimize.least_squares(
        reprojection, start, jac=plan, args=(cameras, points, observed), tr_solver="lsmr", gtol=1e-12, ftol=1e-15
    )
    assert found.cost < 1e-12
    with pytest.raises(ShapeError, match="other integers"):
        plan(true, cameras[::-1].copy(), points, observed)


def test_least_squares_with_the_pattern_alone():
    def residual(x):
        return np.concatenate([10 * (x[1:] - x[:-1] ** 2), 1 - x[:-1]])

    x = np.full(8, 0.8)
    plan = ft.sparse.plan(ft.jacobian, residual, x)
    given = scipy.optimize.least_squares(residual, x, jac=plan)
    guessed = scipy.optimize.least_squares(residual, x, jac_sparsity=plan.pattern)
    np.testing.assert_allclose(given.x, 1.0, atol=1e-6)
    np.testing.assert_allclose(guessed.x, 1.0, atol=1e-4)


def test_a_least_squares_problem_with_a_differential_equation():
    # Find the source of -(k u')' + u^3 = s that gives a known u: the residual couples neighbours.
    n = 40
    grid = np.linspace(0, 1, n + 2)[1:-1]
    source = 20 * np.sin(np.pi * grid)

    def residual(u):
        wide = np.concatenate([[0.0], u, [0.0]])
        return -(wide[2:] - 2 * u + wide[:-2]) * (n + 1) ** 2 + u**3 - source

    plan = ft.sparse.plan(ft.jacobian, residual, np.zeros(n))
    assert plan.colors == 3
    u = np.zeros(n)
    for _ in range(20):
        u = u - scipy.sparse.linalg.spsolve(plan(u).tocsc(), residual(u))
    assert np.abs(residual(u)).max() < 1e-9
    found = scipy.optimize.least_squares(residual, np.zeros(n), jac=plan, tr_solver="lsmr")
    np.testing.assert_allclose(found.x, u, atol=1e-5)


def test_stiff_equations():
    n = 20
    y = np.concatenate([1 + np.sin(2 * np.pi * np.arange(1, n + 1) / (n + 1)), np.full(n, 3.0)])
    plan = ft.sparse.plan(ft.jacobian, brusselator, 0.0, y, argnums=1)
    made = scipy.integrate.solve_ivp(brusselator, (0, 2), y, method="BDF", jac=plan, rtol=1e-7, atol=1e-9)
    true = scipy.integrate.solve_ivp(brusselator, (0, 2), y, method="Radau", rtol=1e-9, atol=1e-11)
    assert made.success
    np.testing.assert_allclose(made.y[:, -1], true.y[:, -1], rtol=1e-4)
    agree(plan(1.0, y), ft.jacobian(brusselator, 1)(1.0, y), (2 * n, 2 * n))


def test_what_a_plan_shows():
    plan = ft.sparse.plan("jacobian", np.diff, np.zeros(4))
    assert plan.spy() == "xx..\n.xx.\n..xx"
    assert repr(plan) == "<Plan: jacobian 3 x 4, 6 entries, 2 products (forward)>"
    assert plan.spy(width=2) == "xx\n.x"
    assert plan.coloring.columns.tolist() == [0, 1, 0, 1]
    assert repr(plan.coloring) == "<Coloring forward: 2 forwards, 0 backwards>"
    assert plan.dense == {}
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    assert plan.spy(axes) is axes
    assert axes.lines


def test_results_are_the_callers_own():
    plan = ft.sparse.plan("jacobian", lambda x: x[1:] * x[:-1], np.ones(4))
    first = plan(np.array([1.0, 0.0, 0.0, 1.0]))
    first.eliminate_zeros()
    first.data[:] = 9
    agree(plan(np.arange(4.0)), ft.jacobian(lambda x: x[1:] * x[:-1])(np.arange(4.0)), (3, 4))


def test_single_precision_stays():
    x = np.arange(5, dtype=np.float32)
    assert ft.sparse.jacobian(lambda x: x[1:] * x[:-1])(x).dtype == np.float32
    assert ft.sparse.hessian(chain)(x).dtype == np.float32
    assert ft.sparse.plan("jacobian", lambda x: x[1:] * x[:-1], x)(x).dtype == np.float32


def test_a_pattern_of_your_own():
    def f(x):
        return x[1:] * x[:-1]

    x = np.arange(1.0, 6.0)
    right = ft.sparse.plan("jacobian", f, x, pattern=np.eye(4, 5) + np.eye(4, 5, 1))
    agree(right(x), ft.jacobian(f)(x), (4, 5))
    right.check(x)
    wrong = ft.sparse.plan("jacobian", f, x, pattern=np.eye(4, 5))
    with pytest.raises(DerivativeError, match="the pattern lacks entries"):
        wrong.check(x)
    with pytest.raises(ShapeError, match=r"a pattern of shape \(5, 5\)"):
        ft.sparse.plan("jacobian", f, x, pattern=np.eye(5))
    lower = ft.sparse.plan("hessian", chain, x, pattern=np.eye(5) + np.eye(5, k=-1))
    agree(lower(x), ft.hessian(chain)(x), (5, 5))


def test_with_a_pattern_of_its_own_a_function_may_ask_for_values():
    def f(x):
        return x**2 if x[0] > 0 else -(x**3)

    x = np.arange(1.0, 4.0)
    plan = ft.sparse.plan("jacobian", f, x, pattern=np.eye(3))
    agree(plan(x), np.diag(2 * x), (3, 3))
    agree(plan(-x), np.diag(-3 * x**2), (3, 3))
    plan = ft.sparse.plan("hessian", lambda x: np.sum(f(x)), x, pattern=np.eye(3))
    agree(plan(-x), np.diag(6 * x), (3, 3))
    with pytest.raises(TreeError, match="returns 2 arrays"):
        ft.sparse.plan("jacobian", lambda x: (f(x), x), x, pattern=np.eye(3))


def test_patterns_without_values():
    assert ft.sparse.pattern(np.diff)(np.zeros(3)).toarray().tolist() == [[True, True, False], [False, True, True]]
    second = ft.sparse.pattern(lambda x: x[0] * x[1] + x[2], second=True)(np.ones(3))
    assert np.argwhere(second.toarray()).tolist() == [[0, 1], [1, 0]]
    assert ft.sparse.pattern(np.diff).dense(np.zeros(3)) == {}


def test_what_is_refused():
    x = np.ones(3)
    with pytest.raises(TracedBoolError):
        ft.sparse.jacobian(lambda x: x if x[0] > 0 else -x)(x)
    with pytest.raises(TreeError, match="returns 2 arrays in a container"):
        ft.sparse.jacobian(lambda x: (x, x))(x)
    with pytest.raises(NonScalarOutputError, match="sparse Hessian"):
        ft.sparse.hessian(lambda x: x)(x)
    with pytest.raises(IntegerInputError):
        ft.sparse.jacobian(lambda x: x)(np.arange(3))
    with pytest.raises(TreeError, match="in a dict"):
        ft.sparse.jacobian(lambda p: p["a"])({"a": x})
    with pytest.raises(DerivativeError, match="real and imaginary"):
        ft.sparse.jacobian(lambda x: x)(x + 0j)
    with pytest.raises(DerivativeError, match="which returned"):
        ft.sparse.jacobian(lambda x: x * 1j)(x)
    with pytest.raises(DerivativeError, match="argnums=2"):
        ft.sparse.jacobian(lambda x: x, 2)(x)
    with pytest.raises(DerivativeError, match="a sparse plan for <function"):
        ft.sparse.plan(ft.grad, np.sum, x)
    with pytest.raises(DerivativeError, match="mode='sideways'"):
        ft.sparse.jacobian(np.cumsum, mode="sideways")(x)
    with pytest.raises(DerivativeError, match="mode='forward' of a sparse hessian"):
        ft.sparse.plan(ft.hessian, np.sum, x, mode="forward")
    plan = ft.sparse.plan("jacobian", lambda x, a, n: a * x**n, x, 2.0, 3)
    agree(plan(x, 3.0, 3), np.diag([9.0] * 3), (3, 3))
    with pytest.raises(ShapeError, match=r"of shape \(3,\) was called with shape \(4,\)"):
        plan(np.ones(4), 2.0, 3)
    with pytest.raises(ShapeError, match="other integers"):
        plan(x, 2.0, 4)
    with pytest.raises(TreeError, match="built otherwise"):
        plan(x, [2.0], 3)


def test_without_scipy(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setitem(sys.modules, "scipy.sparse", None)
    with pytest.raises(ImportError, match=r"functrans\[scipy\]"):
        ft.sparse.plan("jacobian", np.diff, np.zeros(3))
    with pytest.raises(ImportError, match=r"functrans\[scipy\]"):
        ft.sparse.pattern(np.diff)(np.zeros(3))


def test_traced_values_are_refused():
    def cube(x):
        return x**3

    x = np.ones(3)
    with pytest.raises(TracedValueError, match="cannot hold them"):
        ft.grad(lambda x: ft.sparse.jacobian(cube)(x).sum())(x)
    with pytest.raises(TracedValueError, match="cannot hold them"):
        ft.grad(lambda a: ft.sparse.plan("jacobian", lambda x, a: a * x, x, 1.0)(x, a).sum())(1.0)
    with pytest.raises(TracedValueError, match="cannot hold them"):
        ft.grad(lambda a: ft.sparse.plan("jacobian", lambda x: a * x**2, x, pattern=np.eye(3))(x).sum())(1.0)


def limited(x):
    """Of neighbours, the difference that is taken depends on its sign; and all depends on the first."""
    steps = np.where(x[1:] > 1.0, x[1:] - x[:-1], x[1:] ** 2)
    return steps if x[0] > 0 else steps * x[-1]


@pytest.mark.parametrize("first", [1.0, -1.0])
def test_a_local_pattern_is_that_of_the_branches_taken(first):
    x = np.array([first, 2.0, 0.5, 3.0, 0.25])
    dense = ft.jacobian(limited)(x)
    found = ft.sparse.pattern(limited, local=True)(x).toarray()
    assert np.array_equal(found, dense != 0)
    plan = ft.sparse.plan(ft.jacobian, limited, x, local=True)
    agree(plan(x), dense, dense.shape)
    near = x * 1.01
    agree(plan(near), ft.jacobian(limited)(near), dense.shape)
    plan.check(near)


def test_a_local_pattern_is_no_larger_than_the_global_one():
    f = lambda x: np.where(x[1:] > 0, x[1:] * x[:-1], 1.0)  # noqa: E731
    x = np.array([1.0, -1.0, 2.0])
    anywhere, here = ft.sparse.pattern(f)(x).toarray(), ft.sparse.pattern(f, local=True)(x).toarray()
    assert here.sum() < anywhere.sum()
    assert not np.any(here & ~anywhere)
    with pytest.raises(ft.errors.DerivativeError, match="the pattern lacks entries"):
        ft.sparse.plan(ft.jacobian, f, x, local=True).check(-x)


def test_a_local_hessian_of_a_function_that_asks_for_values():
    f = lambda x: np.sum(x[1:] * x[:-1]) if x[0] > 0 else np.sum(x**3)  # noqa: E731
    for x in (np.array([1.0, 2.0, 3.0]), np.array([-1.0, 2.0, 3.0])):
        plan = ft.sparse.plan(ft.hessian, f, x, local=True)
        assert np.array_equal(plan.pattern.toarray(), ft.hessian(f)(x) != 0)
        agree(plan(x), ft.hessian(f)(x), (3, 3))
    with pytest.raises(ft.errors.TracedBoolError):
        ft.sparse.plan(ft.hessian, f, np.ones(3))
