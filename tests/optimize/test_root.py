"""``root``: known systems, by every method."""

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given
from hypothesis import strategies as st

import functrans as ft


def powell(x):
    """Powell's badly scaled function (1970; More, Garbow and Hillstrom, 1981, problem 3)."""
    return np.stack([1e4 * x[0] * x[1] - 1, np.exp(-x[0]) + np.exp(-x[1]) - 1.0001])


def valley(x):
    """The helical valley (Fletcher and Powell, 1963), for a positive first number; its root is (1, 0, 0)."""
    angle = np.arctan2(x[1], x[0]) / (2 * np.pi)
    return np.stack([10 * (x[2] - 10 * angle), 10 * (np.hypot(x[0], x[1]) - 1), x[2]])


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("method", ["hybr", "lm"])
def test_known_roots(method, jit, no_differences, counted):
    f = counted(powell)
    found = ft.optimize.root(f, [0.0, 1.0], method=method, jit=jit)
    assert found.success
    np.testing.assert_allclose(found.x, [1.0981593e-5, 9.1061467], rtol=1e-6)
    found = ft.optimize.root(valley, [1.0, 1.0, 1.0], method=method, tol=1e-13)
    np.testing.assert_allclose(found.x, [1.0, 0.0, 0.0], atol=1e-12)


@pytest.mark.parametrize("method", ["hybr", "lm"])
def test_the_steps_are_those_of_scipy_with_a_jacobian_written_by_hand(method):
    jac = lambda x: np.array([[1e4 * x[1], 1e4 * x[0]], [-np.exp(-x[0]), -np.exp(-x[1])]])  # noqa: E731
    theirs = scipy.optimize.root(powell, [0.0, 1.0], jac=jac, method=method)
    ours = ft.optimize.root(powell, [0.0, 1.0], method=method)
    assert (ours.nfev, ours.njev) == (theirs.nfev, theirs.njev)
    np.testing.assert_allclose(ours.x, theirs.x, rtol=1e-9)
    assert set(ours) == set(theirs)
    numerical = scipy.optimize.root(powell, [0.0, 1.0], method=method)
    assert numerical.nfev > ours.nfev
    columns = ft.optimize.root(powell, [0.0, 1.0], method=method, options={"col_deriv": 1})
    np.testing.assert_allclose(columns.x, ours.x, rtol=1e-9)


METHODS = ("broyden1", "broyden2", "diagbroyden", "krylov", "df-sane")


@pytest.mark.parametrize("method", METHODS)
def test_methods_without_jacobians_ask_for_none(method):
    def f(p):
        x = np.array([float(p["x"]), float(p["y"][0])])  # which cannot be traced
        out = x - 0.1 * np.cos(x[::-1])
        return {"first": out[0], "second": out[1:]}

    seen = []
    found = ft.optimize.root(
        f, {"x": 0.0, "y": np.zeros(1)}, method=method, callback=lambda x, f: seen.append((x, f)), tol=1e-7
    )
    assert found.success
    assert found.x["x"] == pytest.approx(0.0995, abs=1e-3)
    assert found.x["x"] - 0.1 * np.cos(found.x["y"][0]) == pytest.approx(0.0, abs=1e-5)
    assert set(seen[-1][0]) == {"x", "y"}
    assert set(seen[-1][1]) == {"first", "second"}


def test_trees_in_and_out(no_differences):
    def f(p):
        return [p["sum"][0] + p["sum"][1] - p["total"], p["sum"][0] * p["sum"][1] - 2.0, p["total"] ** 2 - 9.0]

    found = ft.optimize.root(f, {"sum": np.array([0.5, 2.5]), "total": 2})
    np.testing.assert_allclose(found.x["sum"], [1.0, 2.0], atol=1e-9)
    assert found.x["total"] == pytest.approx(3.0)
    assert type(found.x["total"]) is float
    matrix = ft.optimize.root(lambda p: {"m": p @ p - np.array([[7.0, 10.0], [15.0, 22.0]])}, np.eye(2) + 0.5)
    np.testing.assert_allclose(matrix.x @ matrix.x, [[7.0, 10.0], [15.0, 22.0]], atol=1e-8)
    assert matrix.fun["m"].shape == (2, 2)


@given(st.integers(1, 5), st.integers(0, 2**32 - 1), st.sampled_from(["hybr", "lm"]))
def test_a_linear_system(n, seed, method):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(n, n)) + 4 * np.eye(n), rng.normal(size=n)
    found = ft.optimize.root(lambda x: a @ x - b, rng.normal(size=n), method=method)
    np.testing.assert_allclose(found.x, np.linalg.solve(a, b), rtol=1e-7, atol=1e-7)


def test_what_is_given_wins(counted):
    jac = counted(lambda p, a: {"x": a * np.eye(2)})
    f = lambda p, a: np.array([float(a * p["x"][0]) - 1, float(a * p["x"][1]) - 2])  # noqa: E731
    found = ft.optimize.root(f, {"x": np.zeros(2)}, 2.0, jac=jac)
    np.testing.assert_allclose(found.x["x"], [0.5, 1.0])
    assert jac.calls >= found.njev
    found = ft.optimize.root(lambda x: (x**2 - 4, np.diag(2 * x)), [1.0, 3.0], jac=True)
    np.testing.assert_allclose(found.x, [2.0, 2.0])
    found = ft.optimize.root(lambda x: [float(x[0]) ** 2 - 4], [1.0], jac=False)
    np.testing.assert_allclose(found.x, [2.0])


def test_progress(capsys):
    pytest.importorskip("tqdm")
    found = ft.optimize.root(powell, [0.0, 1.0], progress="solving")
    last = capsys.readouterr().err.strip().rpartition("\r")[2]
    assert last.startswith("solving: ")
    assert "|f|=" in last
    assert int(last.split(": ")[1].split("it")[0]) >= found.nfev
    ft.optimize.root(lambda x: x - 0.1 * np.cos(x), [0.0], method="broyden1", progress=True)
    assert "root <lambda>: " in capsys.readouterr().err


def test_mistakes():
    with np.errstate(all="ignore"), pytest.raises(ft.errors.NonFiniteError, match="not finite at the start"):
        ft.optimize.root(lambda x: 1 / x, [0.0])
    with pytest.raises(ft.errors.TracedValueError, match="which `root` was given"):
        ft.grad(lambda a: ft.optimize.root(lambda x: x - a, [1.0]).x[0])(2.0)
    with pytest.raises(ValueError, match="Unknown solver"):
        ft.optimize.root(powell, [1.0, 1.0], method="guess")


@pytest.mark.parametrize("solve", [ft.optimize.root, ft.optimize.least_squares])
def test_a_jacobian_that_is_not_finite_at_the_start(solve):
    with pytest.raises(ft.errors.NonFiniteError, match=r"the Jacobian of .*sqrt"):
        solve(lambda x: np.sqrt(x) - 1.0, np.array([0.0, 2.0]))
