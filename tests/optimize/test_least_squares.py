"""``least_squares``: certified results of nonlinear regression, sparse Jacobians, trees."""

import inspect

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse

import functrans as ft

# Data and certified values: NIST, Statistical Reference Datasets, nonlinear regression.
MISRA1A = np.array(
    [
        [10.07, 77.6], [14.73, 114.9], [17.94, 141.1], [23.93, 190.8], [29.61, 239.9], [35.18, 289.0], [40.02, 332.8],
        [44.82, 378.4], [50.76, 434.8], [55.05, 477.3], [61.01, 536.8], [66.40, 593.1], [75.47, 689.1], [81.78, 760.0],
    ]
)  # fmt: skip
MISRA1A_B = [2.3894212918e02, 5.5015643181e-04]
MISRA1A_SS = 1.2455138894e-01

THURBER = np.array(
    [
        [80.574, -3.067], [84.248, -2.981], [87.264, -2.921], [87.195, -2.912], [89.076, -2.840], [89.608, -2.797],
        [89.868, -2.702], [90.101, -2.699], [92.405, -2.633], [95.854, -2.481], [100.696, -2.363], [101.060, -2.322],
        [401.672, -1.501], [390.724, -1.460], [567.534, -1.274], [635.316, -1.212], [733.054, -1.100],
        [759.087, -1.046], [894.206, -0.915], [990.785, -0.714], [1090.109, -0.566], [1080.914, -0.545],
        [1122.643, -0.400], [1178.351, -0.309], [1260.531, -0.109], [1273.514, -0.103], [1288.339, 0.010],
        [1327.543, 0.119], [1353.863, 0.377], [1414.509, 0.790], [1425.208, 0.963], [1421.384, 1.006],
        [1442.962, 1.115], [1464.350, 1.572], [1468.705, 1.841], [1447.894, 2.047], [1457.628, 2.200],
    ]
)  # fmt: skip
THURBER_B = [
    1.2881396800e03, 1.4910792535e03, 5.8323836877e02, 7.5416644291e01, 9.6629502864e-01, 3.9797285797e-01,
    4.9727297349e-02,
]  # fmt: skip
THURBER_SS = 5.6427082397e03

TIGHT = {"ftol": 1e-15, "xtol": 1e-15, "gtol": 1e-15}


def misra1a(b, x):
    return b[0] * (1 - np.exp(-b[1] * x))


def thurber(b, x):
    return (b[0] + x * (b[1] + x * (b[2] + x * b[3]))) / (1 + x * (b[4] + x * (b[5] + x * b[6])))


PROBLEMS = [
    (misra1a, MISRA1A, [500.0, 0.0001], MISRA1A_B, MISRA1A_SS),
    (misra1a, MISRA1A, [250.0, 0.0005], MISRA1A_B, MISRA1A_SS),
    (thurber, THURBER, [1000.0, 1000, 400, 40, 0.7, 0.3, 0.03], THURBER_B, THURBER_SS),
    (thurber, THURBER, [1300.0, 1500, 500, 75, 1, 0.4, 0.05], THURBER_B, THURBER_SS),
]


@pytest.mark.parametrize("method", ["lm", "trf", "dogbox"])
@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize(("model", "data", "start", "certified", "squares"), PROBLEMS)
def test_certified_parameters(model, data, start, certified, squares, jit, method, no_differences, counted):
    if method == "dogbox" and model is thurber:
        return  # which it does not solve from these starts, whoever gives the Jacobian
    y, x = data.T
    f = counted(lambda b, x: model(b, x) - y)
    found = ft.optimize.least_squares(f, start, method=method, x_scale="jac", args=(x,), jit=jit, **TIGHT)
    assert found.success
    np.testing.assert_allclose(found.x, certified, rtol=1e-7)
    assert 2 * found.cost == pytest.approx(squares, rel=1e-9)
    assert found.jac.shape == (len(y), len(start))
    if not jit and found.njev is not None:
        assert f.calls <= found.nfev + found.njev + 4


def test_the_steps_are_those_of_scipy_with_a_jacobian_written_by_hand(no_differences):
    y, x = MISRA1A.T
    jac = lambda b: np.stack([1 - np.exp(-b[1] * x), b[0] * x * np.exp(-b[1] * x)], axis=1)  # noqa: E731
    f = lambda b: misra1a(b, x) - y  # noqa: E731
    theirs = scipy.optimize.least_squares(f, [250.0, 0.0005], jac)
    ours = ft.optimize.least_squares(f, [250.0, 0.0005])
    assert (ours.nfev, ours.njev, ours.status) == (theirs.nfev, theirs.njev, theirs.status)
    np.testing.assert_allclose(ours.x, theirs.x, rtol=1e-9)
    assert set(ours) == set(theirs)


def test_trees_in_and_out(no_differences):
    y, x = MISRA1A.T

    def f(p, *, scale):
        curve = p["height"] * (1 - np.exp(-p["rates"][0] * x))
        return {"low": scale * (curve[:4] - y[:4]), "rest": (scale * (curve[4:] - y[4:])).reshape(5, 2)}

    found = ft.optimize.least_squares(
        f,
        {"height": 250, "rates": [np.array(0.0005)]},
        bounds=({"height": 0, "rates": None}, {"height": None, "rates": [1.0]}),
        x_scale="jac",
        kwargs={"scale": 1.0},
        **TIGHT,
    )
    assert found.x["height"] == pytest.approx(MISRA1A_B[0], rel=1e-7)
    assert found.x["rates"][0] == pytest.approx(MISRA1A_B[1], rel=1e-7)
    assert found.fun["rest"].shape == (5, 2)
    assert np.sum(found.fun["low"] ** 2) + np.sum(found.fun["rest"] ** 2) == pytest.approx(MISRA1A_SS, rel=1e-9)
    assert set(found.grad) == set(found.active_mask) == {"height", "rates"}
    assert found.jac.shape == (14, 2)
    assert isinstance(found.x["height"], float)


@pytest.mark.parametrize(
    "bounds",
    [(0.0, 1.0), ({"x": 0.0}, {"x": [1.0, 1.0]}), (scipy.optimize.Bounds(0.0, 1.0)), ([{"x": [0, 0]}, 1])],
)
def test_bounds(bounds):
    found = ft.optimize.least_squares(lambda p: p["x"] - np.array([3.0, -3.0]), {"x": np.full(2, 0.5)}, bounds=bounds)
    np.testing.assert_allclose(found.x["x"], [1.0, 0.0], atol=1e-6)
    plain = ft.optimize.least_squares(lambda x: x - np.array([3.0, -3.0]), [0.5, 0.5], bounds=(0.0, [1.0, 1.0]))
    np.testing.assert_allclose(plain.x, [1.0, 0.0], atol=1e-6)


def bratu(u):
    wide = np.pad(u, 1)
    return 2 * u - wide[:-2] - wide[2:] - np.exp(u) / (u.size + 1) ** 2


def test_sparse_jacobians(no_differences, counted):
    f = counted(bratu)
    found = ft.optimize.least_squares(f, np.zeros(60), sparse=True, max_nfev=30)
    assert scipy.sparse.issparse(found.jac)
    assert found.jac.nnz == 3 * 60 - 2
    assert f.calls < found.nfev + 10
    np.testing.assert_allclose(found.fun, 0.0, atol=1e-5)
    dense = ft.optimize.least_squares(bratu, np.zeros(60), max_nfev=30)
    np.testing.assert_allclose(found.jac.toarray(), dense.jac, atol=1e-3)
    tree = ft.optimize.least_squares(lambda p: {"r": bratu(p["u"])}, {"u": np.zeros(60)}, sparse=True, max_nfev=30)
    assert np.array_equal(tree.x["u"], found.x)


def test_a_given_sparsity_is_used():
    pattern = scipy.sparse.diags_array(np.ones((3, 20)), offsets=(-1, 0, 1), shape=(20, 20))
    found = ft.optimize.least_squares(bratu, np.zeros(20), jac_sparsity=pattern, max_nfev=30)
    assert scipy.sparse.issparse(found.jac)
    np.testing.assert_allclose(bratu(found.x), 0.0, atol=1e-6)


def test_what_is_given_wins(counted):
    jac = counted(lambda p, a: {"x": a * np.eye(2)})
    f = lambda p, a: np.array([float(a * p["x"][0]) - 1, float(a * p["x"][1]) - 2])  # noqa: E731
    found = ft.optimize.least_squares(f, {"x": np.zeros(2)}, jac=jac, args=(2.0,))
    np.testing.assert_allclose(found.x["x"], [0.5, 1.0])
    assert jac.calls == found.njev
    for numerical in ("2-point", "3-point"):
        found = ft.optimize.least_squares(f, {"x": np.zeros(2)}, jac=numerical, args=(2.0,))
        np.testing.assert_allclose(found.x["x"], [0.5, 1.0], atol=1e-6)
    found = ft.optimize.least_squares(lambda p: p["x"] ** 2 - 4, {"x": np.ones(2)}, jac="cs")
    np.testing.assert_allclose(found.x["x"], [2.0, 2.0], atol=1e-6)


def test_complex_residuals_are_two_real_ones():
    target = np.array([1 + 2j, 3 - 1j])
    found = ft.optimize.least_squares(lambda z: np.exp(z) - target, np.zeros(2, complex))
    np.testing.assert_allclose(found.x, np.log(target), atol=1e-6)
    assert found.jac.shape == (4, 4)


def test_progress_and_callback(capsys):
    pytest.importorskip("tqdm")
    y, x = MISRA1A.T
    f = lambda b: misra1a(b, x) - y  # noqa: E731
    for method in ("trf", "lm"):
        found = ft.optimize.least_squares(f, [250.0, 0.0005], method=method, progress=True)
        last = capsys.readouterr().err.strip().rpartition("\r")[2]
        assert last.startswith("least_squares <lambda>: ")
        assert "|r|=" in last
        if method == "lm":
            assert f": {found.nfev}it" in last
    if "callback" not in inspect.signature(scipy.optimize.least_squares).parameters:
        return
    seen = []
    ft.optimize.least_squares(
        lambda p: f(np.stack([p["height"], p["rate"]])),
        {"height": 250.0, "rate": 0.0005},
        callback=lambda intermediate_result: seen.append(intermediate_result.x),
    )
    assert seen
    assert set(seen[-1]) == {"height", "rate"}


def test_mistakes():
    with (
        np.errstate(all="ignore"),
        pytest.raises(ft.errors.NonFiniteError, match="not finite at the start") as caught,
    ):
        ft.optimize.least_squares(lambda x: np.log(x), [-1.0, 1.0])
    assert "np.log(x)" in str(caught.value)
    with pytest.raises(ft.errors.TreeError, match="returned no number"):
        ft.optimize.least_squares(lambda x: None, [1.0])
    with pytest.raises(ft.errors.TracedValueError, match="which `least_squares` was given"):
        ft.grad(lambda a: ft.optimize.least_squares(lambda x: x - a, [1.0]).x[0])(2.0)
    with pytest.raises(ft.errors.ShapeError, match="is not a pair"):
        ft.optimize.least_squares(lambda p: p["x"], {"x": 1.0}, bounds=[(0, 1)])


def test_a_pattern_that_lacks_entries_is_refused():
    with pytest.raises(ft.errors.DerivativeError, match="the pattern lacks entries"):
        ft.optimize.least_squares(lambda x: np.diff(x) - 1, np.zeros(5), jac_sparsity=np.eye(4, 5))
