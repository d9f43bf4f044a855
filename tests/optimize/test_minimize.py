"""``minimize``: known minima by every method, derivatives of functrans's and no others, few evaluations."""

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given
from hypothesis import strategies as st

import functrans as ft
from functrans.optimize.minima import USES

METHODS = {
    "CG": "gradient",
    "BFGS": "gradient",
    "L-BFGS-B": "gradient",
    "TNC": "gradient",
    "SLSQP": "gradient",
    "Newton-CG": "products",
    "trust-ncg": "products",
    "trust-krylov": "products",
    "trust-constr": "products",
    "dogleg": "hessian",
    "trust-exact": "hessian",
}
VERSION = tuple(int(part) for part in scipy.__version__.split(".")[:2])
PLAIN = ("Nelder-Mead", "Powell", "COBYLA", *(["COBYQA"] if VERSION >= (1, 14) else []))
#: Tighter than SciPy's defaults, where these would stop early.
TIGHT = {
    "TNC": {"ftol": 1e-15, "gtol": 1e-10, "maxfun": 1000},
    "SLSQP": {"ftol": 1e-14},
    "L-BFGS-B": {"ftol": 1e-15, "gtol": 1e-9},
    "CG": {"gtol": 1e-8},
    "BFGS": {"gtol": 1e-7},
    "Newton-CG": {"xtol": 1e-9},
    "trust-ncg": {"gtol": 1e-6},
    "trust-krylov": {"gtol": 1e-8},
    "trust-exact": {"gtol": 1e-8},
}


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def bowl(x):
    """Convex everywhere: for ``dogleg`` too."""
    return np.sum(np.cosh(x - np.arange(1.0, 4.0))) + 0.5 * np.sum(x) ** 2


def test_the_table_of_methods_is_that_of_scipy():
    theirs = {name.lower() for name in (*METHODS, *PLAIN, "COBYQA")}
    assert {*USES} - {"custom"} == theirs
    assert {name.lower(): uses for name, uses in METHODS.items()} == {
        name: uses for name, uses in USES.items() if uses not in ("none", "all")
    }


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_each_method_finds_the_minimum_without_differences(method, jit, no_differences, counted):
    f = counted(bowl)
    found = ft.optimize.minimize(f, np.zeros(3), method=method, options=TIGHT.get(method), jit=jit)
    assert found.success, found.message
    reference = scipy.optimize.root(lambda x: np.sinh(x - np.arange(1.0, 4.0)) + np.sum(x), np.zeros(3), tol=1e-13).x
    np.testing.assert_allclose(found.x, reference, rtol=0, atol=2e-6)
    assert type(found) is scipy.optimize.OptimizeResult
    if jit:
        assert f.calls <= 6  # to be traced
    elif METHODS[method] == "gradient":
        assert f.calls == found.nfev  # value and gradient are one evaluation
    else:
        assert found.nhev > 0


@pytest.mark.parametrize("method", [name for name, uses in METHODS.items() if name not in ("dogleg", "TNC")])
def test_rosenbrock(method, no_differences):
    found = ft.optimize.minimize(rosenbrock, np.array([-1.2, 1.0, 0.8]), method=method, options=TIGHT.get(method))
    assert found.success, found.message
    np.testing.assert_allclose(found.x, np.ones(3), rtol=0, atol=1e-5)


@pytest.mark.parametrize("method", PLAIN)
def test_methods_without_derivatives_ask_for_none(method, counted):
    f = counted(lambda x: float(bowl(np.array([float(v) for v in x]))))  # which cannot be traced
    found = ft.optimize.minimize(f, np.zeros(3), method=method)
    np.testing.assert_allclose(found.x, ft.optimize.minimize(bowl, np.zeros(3)).x, atol=2e-2)
    theirs = scipy.optimize.minimize(bowl, np.zeros(3), method=method)
    assert np.array_equal(found.x, theirs.x)
    assert found.nfev == theirs.nfev
    assert f.calls <= found.nfev + 1


@pytest.mark.parametrize("method", [None, "CG", "BFGS", "L-BFGS-B", "SLSQP", "Newton-CG", "trust-exact"])
def test_the_steps_are_those_of_scipy_with_derivatives_written_by_hand(method, no_differences):
    x0 = np.array([-1.2, 1.0, 0.8])
    how = {"method": method}
    if method in ("Newton-CG", "trust-exact"):
        how["hess"] = scipy.optimize.rosen_hess
    theirs = scipy.optimize.minimize(scipy.optimize.rosen, x0, jac=scipy.optimize.rosen_der, **how)
    ours = ft.optimize.minimize(rosenbrock, x0, method=method)
    assert (ours.nit, ours.nfev, ours.success, ours.status) == (theirs.nit, theirs.nfev, theirs.success, theirs.status)
    assert ours.njev == theirs.njev
    assert set(ours) == set(theirs)
    np.testing.assert_allclose(ours.x, theirs.x, rtol=0, atol=1e-5)


def test_a_thousand_numbers_by_a_hundredth_of_the_calls(counted):
    x0 = np.full(1000, 0.5)
    f, g = counted(rosenbrock), counted(rosenbrock)
    ours = ft.optimize.minimize(f, x0, method="L-BFGS-B", options={"maxiter": 10})
    theirs = scipy.optimize.minimize(g, x0, method="L-BFGS-B", options={"maxiter": 10, "maxfun": 10**6})
    assert f.calls == ours.nfev
    assert 100 * f.calls < g.calls == theirs.nfev
    full = ft.optimize.minimize(rosenbrock, x0, method="trust-krylov", jit=True)
    assert full.success
    np.testing.assert_allclose(full.x, np.ones(1000), rtol=0, atol=1e-8)


@given(
    st.integers(1, 6),
    st.integers(0, 2**32 - 1),
    st.sampled_from([name for name in METHODS if name not in ("TNC", "trust-constr")]),
)
def test_a_convex_quadratic_is_a_linear_solve(n, seed, method):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(n, n))
    a, b = root @ root.T + np.eye(n), rng.normal(size=n)
    found = ft.optimize.minimize(
        lambda x: 0.5 * x @ a @ x - b @ x, rng.normal(size=n), method=method, options=TIGHT.get(method)
    )
    np.testing.assert_allclose(found.x, np.linalg.solve(a, b), rtol=1e-5, atol=1e-5)


def test_logistic_regression_is_that_of_scikit_learn():
    datasets = pytest.importorskip("sklearn.datasets")
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    x, y = datasets.load_breast_cancer(return_X_y=True)
    x = StandardScaler().fit_transform(x)
    sign = 2.0 * y - 1.0

    def loss(p):
        return np.sum(np.logaddexp(0.0, -sign * (x @ p["w"] + p["b"]))) + 0.5 * np.sum(p["w"] ** 2)

    start = {"w": np.zeros(x.shape[1]), "b": 0.0}
    theirs = LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-12).fit(x, y)
    for method in ("L-BFGS-B", "trust-ncg"):
        options = {"ftol": 1e-15, "gtol": 1e-7, "maxiter": 1000} if method == "L-BFGS-B" else {"gtol": 1e-8}
        found = ft.optimize.minimize(loss, start, method=method, options=options)
        assert found.success
        np.testing.assert_allclose(found.x["w"], theirs.coef_[0], rtol=0, atol=2e-6)
        np.testing.assert_allclose(found.x["b"], theirs.intercept_[0], rtol=0, atol=2e-6)


# What is given wins.


def test_a_given_gradient_is_used(counted):
    jac = counted(lambda x, a: 2 * (x - a))
    f = counted(lambda x, a: float(np.sum((np.asarray(x) - a) ** 2)))
    found = ft.optimize.minimize(f, [5.0, 6.0], (3.0,), jac=jac)
    np.testing.assert_allclose(found.x, [3.0, 3.0])
    assert (jac.calls, f.calls) == (found.njev, found.nfev)


def test_true_says_that_the_function_gives_its_gradient():
    found = ft.optimize.minimize(
        lambda p: (float(p["x"] - 3) ** 2, {"x": 2 * (float(p["x"]) - 3)}), {"x": 0.0}, jac=True
    )
    assert found.x["x"] == pytest.approx(3.0)


def test_numerical_derivatives_are_left_to_scipy(counted):
    for jac in (False, "2-point", "3-point"):
        f = counted(lambda x: float(np.asarray(x)[0] - 3) ** 2)
        found = ft.optimize.minimize(f, [0.0], jac=jac)
        assert found.x[0] == pytest.approx(3.0, abs=1e-6)
        assert f.calls == found.nfev > found.njev


@pytest.mark.parametrize("method", ["Newton-CG", "trust-ncg", "trust-exact", "trust-constr"])
def test_a_given_hessian_is_used(method, counted):
    hess = counted(lambda p: ft.hessian(lambda q: np.sum(q["x"] ** 2) + q["y"] ** 2 * 3)(p))
    found = ft.optimize.minimize(
        lambda p: np.sum(p["x"] ** 2) + p["y"] ** 2 * 3, {"x": np.ones(2), "y": 1.0}, method=method, hess=hess
    )
    assert hess.calls
    np.testing.assert_allclose(found.x["x"], 0.0, atol=1e-6)


@pytest.mark.parametrize("method", ["Newton-CG", "trust-ncg", "trust-krylov", "trust-constr"])
def test_a_given_product_is_used(method, counted):
    hessp = counted(lambda p, v, a: {"x": a * v["x"]})
    found = ft.optimize.minimize(
        lambda p, a: a / 2 * np.sum(p["x"] ** 2), {"x": np.ones(3)}, 4.0, method=method, hessp=hessp
    )
    assert hessp.calls
    np.testing.assert_allclose(found.x["x"], 0.0, atol=1e-6)


def test_a_method_of_ones_own_is_given_all_derivatives():
    def newton(fun, x0, args, jac, hess, hessp, bounds, constraints, callback, steps):
        x = x0
        for _ in range(steps):
            assert np.allclose(hess(x) @ x, hessp(x, x))
            x = x - np.linalg.solve(hess(x), jac(x))
            callback(x)
        return scipy.optimize.OptimizeResult(x=x, fun=fun(x), success=True)

    seen = []
    found = ft.optimize.minimize(
        lambda p: bowl(p["x"]), {"x": np.ones(3)}, method=newton, callback=seen.append, options={"steps": 8}
    )
    np.testing.assert_allclose(ft.grad(bowl)(found.x["x"]), 0.0, atol=1e-10)
    assert len(seen) == 8
    assert np.array_equal(seen[-1]["x"], found.x["x"])


def test_products_at_one_point_are_those_of_one_linear_map(counted):
    from functrans.optimize.objective import Products
    from functrans.optimize.variables import Variables

    f = counted(rosenbrock)
    products = Products(f, Variables(np.zeros(4), "minimize"), False)
    x = np.array([0.3, -0.2, 0.5, 0.1])
    matrix = np.column_stack([products(x, row) for row in np.eye(4)])
    np.testing.assert_allclose(matrix, scipy.optimize.rosen_hess(x), rtol=1e-14, atol=1e-13)
    calls = f.calls
    products(x, np.ones(4))
    assert f.calls == calls
    np.testing.assert_allclose(products(x + 1, np.ones(4)), scipy.optimize.rosen_hess(x + 1) @ np.ones(4), rtol=1e-13)


# Values.


def test_python_control_flow_follows_the_values_unless_compiled():
    def f(x):
        y = x[0]
        while np.abs(y) < 4.0:
            y = y * 2
        return (y - 5) ** 2 if y > 0 else y**2

    assert ft.optimize.minimize(f, [1.1]).success
    with pytest.raises(ft.errors.TracedBoolError):
        ft.optimize.minimize(f, [1.1], jit=True)


def test_a_function_that_is_called_at_each_evaluation_sees_each():
    seen = []

    def f(x):
        seen.append(1)
        return np.sum((x - len(seen) * 0.0) ** 2)

    found = ft.optimize.minimize(f, np.ones(2))
    assert len(seen) == found.nfev


def test_a_result_of_one_entry_is_a_number_as_in_scipy():
    assert ft.optimize.minimize(lambda x: x**2, [1.0]).x == pytest.approx(0.0, abs=1e-7)
    assert ft.optimize.minimize(lambda x: x**2, [1.0], method="Nelder-Mead").x == pytest.approx(0.0, abs=1e-4)


def test_float32_starts_like_in_scipy():
    found = ft.optimize.minimize(lambda p: np.sum((p["x"] - 1) ** 2), {"x": np.zeros(2, np.float32)})
    assert found.x["x"].dtype == np.float64
    np.testing.assert_allclose(found.x["x"], 1.0, atol=1e-7)


def test_the_start_is_not_written_into():
    start = np.array([5, -3])
    kept = start.copy()

    def f(x):
        return np.sum((x - 1.0) ** 2)

    assert ft.optimize.minimize(f, start).x.dtype == np.float64
    assert np.array_equal(start, kept)


def test_bounds_of_a_vector_are_scipys():
    for bounds in ([(2, None), (None, -1)], scipy.optimize.Bounds([2, -np.inf], [np.inf, -1])):
        found = ft.optimize.minimize(lambda x: np.sum(x**2), [3.0, -3.0], bounds=bounds)
        np.testing.assert_allclose(found.x, [2.0, -1.0])


@pytest.mark.parametrize("kind", [list, tuple])
def test_a_given_gradient_may_be_a_list_of_numbers(kind):
    slope = lambda x: kind(2 * (x - 3))  # noqa: E731
    found = ft.optimize.minimize(lambda x: np.sum((x - 3) ** 2), np.zeros(3), jac=slope)
    np.testing.assert_allclose(found.x, 3.0)
    both = ft.optimize.minimize(lambda x: (np.sum((x - 3) ** 2), slope(x)), [0.0, 0.0], jac=True)
    np.testing.assert_allclose(both.x, 3.0)


@pytest.mark.parametrize("x0", [3.0, np.array(3.0), np.full((1, 1), 3.0)])
@pytest.mark.parametrize("bounds", [[(2, None)], (2, None), ((2, None),)])
def test_bounds_of_one_number(x0, bounds):
    found = ft.optimize.minimize(lambda x: np.sum(x**2), x0, bounds=bounds)
    assert np.shape(found.x) == np.shape(x0)
    np.testing.assert_allclose(found.x, 2.0)


# Callbacks and progress.


@pytest.mark.parametrize("method", [*METHODS, *PLAIN])
def test_callbacks_are_given_the_tree(method):
    points, results = [], []

    def by_point(xk, *_):
        points.append(xk["x"].copy())

    def by_result(*, intermediate_result):
        results.append(intermediate_result.x["x"].copy())

    f = lambda p: bowl(p["x"])  # noqa: E731
    first = ft.optimize.minimize(f, {"x": np.zeros(3)}, method=method, callback=by_point)
    assert len(points) >= 2
    assert np.allclose(points[-1], first.x["x"], atol=1e-2)
    ft.optimize.minimize(f, {"x": np.zeros(3)}, method=method, callback=by_result)
    assert len(results) == len(points)
    assert np.array_equal(results[-1], points[-1])


def test_the_state_of_trust_constr_is_that_of_the_tree():
    states = []
    ft.optimize.minimize(
        lambda p: bowl(p["x"]),
        {"x": np.zeros(3)},
        method="trust-constr",
        callback=lambda xk, state: states.append(state),
    )
    assert states[-1].x["x"].shape == states[-1].grad["x"].shape == (3,)


def test_a_callback_stops_by_stop_iteration():
    def stop(xk):
        raise StopIteration

    found = ft.optimize.minimize(rosenbrock, np.zeros(3), callback=stop)
    assert not found.success
    assert found.nit == 1


def test_progress(capsys):
    pytest.importorskip("tqdm")
    f = lambda p: bowl(p["x"])  # noqa: E731
    quiet = ft.optimize.minimize(f, {"x": np.zeros(3)})
    assert capsys.readouterr() == ("", "")
    loud = ft.optimize.minimize(f, {"x": np.zeros(3)}, progress="fitting")
    last = capsys.readouterr().err.strip().rpartition("\r")[2]
    assert last.startswith(f"fitting: {loud.nit}it")
    assert f"f={quiet.fun:.6g}" in last
    assert "|g|=" in last
    assert np.array_equal(quiet.x["x"], loud.x["x"])
    ft.optimize.minimize(bowl, np.zeros(3), method="Nelder-Mead", progress=True)
    err = capsys.readouterr().err
    assert err.startswith("\rminimize bowl:")
    assert "|g|" not in err


# Mistakes.


def test_an_error_shows_the_line_of_the_function_and_not_the_ways_there():
    def f(x):
        raise KeyError("mine")

    with pytest.raises(KeyError) as caught:
        ft.optimize.minimize(f, [1.0])
    assert not any("scipy/optimize" in str(entry.path) for entry in caught.traceback)
    assert caught.traceback[-1].name == "f"


def test_residuals_are_not_a_number():
    for method in (None, "Nelder-Mead"):
        with pytest.raises(ft.errors.NonScalarOutputError, match=r"returned an array of shape \(2,\)") as caught:
            ft.optimize.minimize(lambda x: x, [1.0, 2.0], method=method)
        assert "least_squares" in caught.value.fix
        with pytest.raises(ft.errors.NonScalarOutputError, match="returned None"):
            ft.optimize.minimize(lambda x: None, [1.0, 2.0], method=method)


def test_a_start_where_the_function_is_not_finite_names_the_line():
    def f(x):
        scale = np.sum(x**2)
        return np.log(x[0]) + scale

    for start, what in ((-1.0, "value, nan"), (0.0, "value, -inf")):
        with np.errstate(all="ignore"), pytest.raises(ft.errors.NonFiniteError, match=what) as caught:
            ft.optimize.minimize(f, [start, 1.0])
        assert "return np.log(x[0]) + scale" in str(caught.value)
    with np.errstate(all="ignore"), pytest.raises(ft.errors.NonFiniteError, match=r"the gradient of .*sqrt"):
        ft.optimize.minimize(lambda x: np.sqrt(x[0]), [0.0])
    with np.errstate(all="ignore"), pytest.raises(ft.errors.NonFiniteError, match="value, nan"):
        ft.optimize.minimize(f, [-1.0, 1.0], method="Powell")
    with pytest.raises(ft.errors.NonFiniteError, match="the start `x0` of `minimize` holds NaN"):
        ft.optimize.minimize(f, [np.nan, 1.0])


def test_nan_is_no_success():
    def f(x):  # a gradient of NaN everywhere but at the start
        return np.where(x[0] == 1.0, x[0] ** 2, np.nan * x[0])

    with np.errstate(all="ignore"):
        found = ft.optimize.minimize(f, [1.0])
    assert not found.success


def test_what_cannot_be_looked_for_is_refused():
    for start in ({}, [], np.zeros(0)):
        with pytest.raises(ft.errors.ShapeError, match="without any number"):
            ft.optimize.minimize(lambda x: 0.0, start)
    with pytest.raises(ft.errors.FunctransError):
        ft.optimize.minimize(lambda x: 0.0, {"name": "seven"})
    with pytest.raises(ft.errors.DerivativeError, match="needs a function"):
        ft.optimize.minimize(3.0, [1.0])
    with pytest.raises(ValueError, match="Unknown solver"):
        ft.optimize.minimize(rosenbrock, [1.0, 1.0], method="steepest")


@pytest.mark.parametrize("method", [None, "Powell"])
def test_traced_values_are_refused_with_a_way_out(method):
    def best(a):
        return ft.optimize.minimize(lambda x: (x - a) ** 2, 1.0, method=method).x

    for transform in (ft.grad, ft.trace, ft.jit):
        with pytest.raises(ft.errors.TracedValueError) as caught:
            transform(best)(2.0)
        assert transform is not ft.grad or "custom_root" in str(caught.value)
    with pytest.raises(ft.errors.TracedValueError, match="the start `x0`"):
        ft.grad(lambda a: ft.optimize.minimize(lambda x: x**2, a).x)(2.0)


def test_the_way_out():
    def best(a):
        f = lambda x: (x - a) ** 2 + x**4  # noqa: E731
        solve = lambda f, x0: ft.optimize.root(f, x0, tol=1e-13).x  # noqa: E731
        return ft.custom_root(ft.grad(f), 1.0, solve, lambda g, y: y / g(1.0))

    x = best(2.0)
    assert ft.grad(best)(2.0) == pytest.approx(2 / (2 + 12 * x**2), rel=1e-9)
