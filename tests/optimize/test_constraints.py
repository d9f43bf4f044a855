"""Constraints, with derivatives filled in: problems with known solutions (Hock and Schittkowski, 1981)."""

import numpy as np
import pytest
import scipy.optimize
from scipy.optimize import LinearConstraint, NonlinearConstraint

import functrans as ft
from functrans.optimize.constraints import filled
from functrans.optimize.variables import Variables

SQP = ("SLSQP", "trust-constr")


def hs71(x):
    return x[0] * x[3] * (x[0] + x[1] + x[2]) + x[2]


#: From the conditions of Karush, Kuhn and Tucker by Newton's method with 15 digits.
HS71_X = [1.0, 4.74299963726442, 3.82114998418487, 1.37940829317267]
HS71_F = 17.0140172891563


def hs43(x):
    return x[0] ** 2 + x[1] ** 2 + 2 * x[2] ** 2 + x[3] ** 2 - 5 * x[0] - 5 * x[1] - 21 * x[2] + 7 * x[3]


def hs43_constraints(x):
    square = x**2
    return np.stack(
        [
            8 - np.sum(square) - x[0] + x[1] - x[2] + x[3],
            10 - np.array([1, 2, 1, 2]) @ square + x[0] + x[3],
            5 - np.array([2, 1, 1, 0]) @ square - 2 * x[0] + x[1] + x[3],
        ]
    )


def options(method):
    # `gtol` alone would end the interior point method at whatever the barrier parameter is then
    return {"ftol": 1e-10} if method == "SLSQP" else {"gtol": 1e-16, "xtol": 1e-10, "barrier_tol": 1e-8}


def as_dicts():
    return [
        {"type": "ineq", "fun": lambda x, low: np.prod(x) - low, "args": (25.0,)},
        {"type": "eq", "fun": lambda x: np.sum(x**2) - 40},
    ]


def as_objects():
    return [
        NonlinearConstraint(np.prod, 25, np.inf),
        NonlinearConstraint(lambda x: np.sum(x**2), 40, 40),
    ]


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("method", SQP)
@pytest.mark.parametrize("constraints", [as_dicts, as_objects])
def test_hs71(method, constraints, jit, no_differences, counted):
    f = counted(hs71)
    found = ft.optimize.minimize(
        f,
        [1.0, 5.0, 5.0, 1.0],
        method=method,
        bounds=[(1, 5)] * 4,
        constraints=constraints(),
        options=options(method),
        jit=jit,
    )
    assert found.success, found.message
    np.testing.assert_allclose(found.x, HS71_X, rtol=0, atol=1e-6)
    assert found.fun == pytest.approx(HS71_F, abs=1e-6)
    if method == "SLSQP" and not jit:
        assert f.calls == found.nfev < 12


@pytest.mark.parametrize("method", SQP)
@pytest.mark.parametrize("kind", [dict, NonlinearConstraint])
def test_hs43(method, kind, no_differences):
    constraint = (
        {"type": "ineq", "fun": hs43_constraints}
        if kind is dict
        else NonlinearConstraint(hs43_constraints, 0.0, np.inf)
    )
    found = ft.optimize.minimize(hs43, np.zeros(4), method=method, constraints=constraint, options=options(method))
    np.testing.assert_allclose(found.x, [0, 1, 2, -1], rtol=0, atol=2e-6)
    assert found.fun == pytest.approx(-44.0, abs=1e-6)


def test_constraints_choose_the_method_of_scipy(no_differences):
    found = ft.optimize.minimize(hs43, np.zeros(4), constraints={"type": "ineq", "fun": hs43_constraints})
    assert found.fun == pytest.approx(-44.0, abs=1e-5)


@pytest.mark.parametrize("method", SQP)
def test_trees_in_and_out(method, no_differences):
    flat = lambda p: np.hstack([p["a"], p["b"][0].ravel(), p["c"]])  # noqa: E731
    constraints = [
        {"type": "ineq", "fun": lambda p: {"product": np.prod(flat(p)) - 25}},
        NonlinearConstraint(lambda p: [[p["a"] ** 2 + np.sum(p["b"][0] ** 2) + p["c"] ** 2]], 40, 40),
    ]
    found = ft.optimize.minimize(
        lambda p: hs71(flat(p)),
        {"a": 1.0, "b": (np.full((2, 1), 5.0),), "c": 1},
        method=method,
        bounds={"a": (1, 5), "b": ((1, np.array([[5.0], [5.0]])),), "c": (1.0, 5.0)},
        constraints=constraints,
        options=options(method),
    )
    np.testing.assert_allclose(flat(found.x), HS71_X, rtol=0, atol=1e-6)
    assert type(found.x["a"]) is type(found.x["c"]) is float
    assert found.x["b"][0].shape == (2, 1)


@pytest.mark.parametrize("method", SQP)
def test_linear_constraints_are_of_the_vector_of_all_numbers(method, no_differences):
    constraint = LinearConstraint([[1.0, 1.0, 1.0]], 3.0, 3.0)
    found = ft.optimize.minimize(
        lambda p: np.sum((p["x"] - 2) ** 2) + p["y"] ** 2,
        {"x": np.zeros(2), "y": 0.0},
        method=method,
        constraints=[constraint],
        options=options(method),
    )
    np.testing.assert_allclose(found.x["x"], 5 / 3, atol=1e-7)
    assert found.x["y"] == pytest.approx(-1 / 3, abs=1e-7)


@pytest.mark.parametrize("method", SQP)
def test_an_array_of_constraints_and_its_bounds_are_flattened(method, no_differences):
    low = np.array([[1.0, -np.inf], [-np.inf, 2.0]])
    found = ft.optimize.minimize(
        lambda x: np.sum(x**2),
        np.full((2, 2), 3.0),
        method=method,
        constraints=NonlinearConstraint(lambda x: np.exp(x), np.exp(low), np.inf),
        options=options(method),
    )
    np.testing.assert_allclose(found.x, [[1.0, 0.0], [0.0, 2.0]], atol=1e-5)


def test_a_given_way_to_update_the_hessian_stays():
    f = lambda x: np.sum(x**2)  # noqa: E731
    for given, stays in (
        (scipy.optimize.BFGS(), False),
        (scipy.optimize.BFGS("damp_update"), True),
        (scipy.optimize.BFGS(init_scale=2.0), True),
        (scipy.optimize.SR1(), True),
    ):
        constraint = NonlinearConstraint(f, 0.0, 1.0, hess=given)
        (made,) = filled([constraint], Variables(np.ones(2), "minimize"), "trust-constr", False)
        assert (made.hess is given) is stays
        assert callable(made.jac)
        (made,) = filled([constraint], Variables(np.ones(2), "minimize"), "slsqp", False)
        assert made.hess is given


def test_given_derivatives_of_constraints_are_used(counted):
    jac = counted(lambda x: 2 * x)
    found = ft.optimize.minimize(
        lambda x: np.sum(x),
        [1.0, 1.0],
        constraints={
            "type": "ineq",
            "fun": lambda x: 2.0 - float(x[0]) ** 2 - float(x[1]) ** 2,
            "jac": lambda x: -jac(x),
        },
    )
    np.testing.assert_allclose(found.x, [-1.0, -1.0], atol=1e-5)
    assert jac.calls
    jac, hess = counted(lambda p: {"x": 2 * p["x"]}), counted(lambda p, v: 2 * v[0] * np.eye(2))
    found = ft.optimize.minimize(
        lambda p: np.sum(p["x"]),
        {"x": np.ones(2)},
        method="trust-constr",
        constraints=NonlinearConstraint(lambda p: np.sum(p["x"] ** 2), -np.inf, 2.0, jac=jac, hess=hess),
        options=options("trust-constr"),
    )
    np.testing.assert_allclose(found.x["x"], [-1.0, -1.0], atol=1e-4)
    assert jac.calls
    assert hess.calls


@pytest.mark.parametrize("jac", ["3-point", "cs"])
def test_numerical_jacobians_of_constraints_are_left_to_scipy(jac):
    square = lambda x: np.asarray(x)[0] ** 2 + np.asarray(x)[1] ** 2  # noqa: E731
    found = ft.optimize.minimize(
        lambda x: np.sum(x),
        [1.0, 1.0],
        method="trust-constr",
        constraints=NonlinearConstraint(square, -np.inf, 2.0, jac=jac),
        options=options("trust-constr"),
    )
    np.testing.assert_allclose(found.x, [-1.0, -1.0], atol=1e-6)


@pytest.mark.parametrize("method", ["COBYLA"])
def test_methods_without_derivatives_call_constraints_with_plain_trees(method):
    found = ft.optimize.minimize(
        lambda p: float(p["x"]) + float(p["y"]),
        {"x": 1.0, "y": 1.0},
        method=method,
        constraints={"type": "ineq", "fun": lambda p: 2.0 - float(p["x"]) ** 2 - float(p["y"]) ** 2},
    )
    assert found.x["x"] == pytest.approx(-1.0, abs=1e-3)


def test_the_steps_are_those_of_scipy_with_derivatives_written_by_hand():
    constraint = NonlinearConstraint(
        hs43_constraints,
        0.0,
        np.inf,
        ft.jacobian(hs43_constraints),
        lambda x, v: ft.hessian(lambda y: v @ hs43_constraints(y))(x),
    )
    theirs = scipy.optimize.minimize(
        hs43, np.zeros(4), method="trust-constr", jac=ft.grad(hs43), hess=ft.hessian(hs43), constraints=[constraint]
    )
    ours = ft.optimize.minimize(
        hs43, np.zeros(4), method="trust-constr", constraints=NonlinearConstraint(hs43_constraints, 0.0, np.inf)
    )
    assert (ours.nit, ours.nfev, ours.status) == (theirs.nit, theirs.nfev, theirs.status)
    np.testing.assert_allclose(ours.x, theirs.x, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    "constraint",
    [{"type": "equal", "fun": np.sum}, {"type": "eq"}, {"fun": np.sum}],
)
def test_what_scipy_refuses_is_refused_by_scipy(constraint):
    with pytest.raises((ValueError, KeyError, AttributeError)) as ours:
        ft.optimize.minimize(lambda x: np.sum(x**2), [1.0], constraints=constraint)
    with pytest.raises(type(ours.value)) as theirs:
        scipy.optimize.minimize(lambda x: np.sum(x**2), [1.0], constraints=constraint)
    assert str(ours.value) == str(theirs.value)
