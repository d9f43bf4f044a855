"""Trees as vectors and back; bounds; results."""

from typing import NamedTuple

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st

import functrans as ft
from functrans.optimize.variables import Variables

numbers = st.floats(-3, 3, allow_nan=False)


class Pair(NamedTuple):
    first: object
    second: object


def leaves():
    shapes = st.sampled_from([(1,), (2,), (2, 2), (1, 3), ()])
    arrays = shapes.flatmap(
        lambda shape: st.lists(numbers, min_size=int(np.prod(shape)), max_size=int(np.prod(shape))).map(
            lambda values: np.array(values).reshape(shape)
        )
    )
    return numbers | arrays


trees = st.recursive(
    leaves(),
    lambda inner: (
        st.dictionaries(st.sampled_from("abc"), inner, min_size=1)
        | st.lists(inner, min_size=1, max_size=3).map(lambda entries: [*entries, {"z": 1.0}])
        | st.builds(Pair, inner, inner)
    ),
    max_leaves=5,
)


@given(trees)
def test_to_a_vector_and_back(x0):
    variables = Variables(x0, "minimize")
    there = variables.given(variables.start)
    wanted, structure = ft.tree.flatten(x0)
    found, same = ft.tree.flatten(there)
    assert same == structure
    for a, b in zip(wanted, found, strict=True):
        assert np.shape(a) == np.shape(b)
        assert np.array_equal(a, b)
        assert type(a) is not float or type(b) is float
    assert np.array_equal(variables.vector(there, "x"), variables.start)
    assert variables.size == sum(np.size(leaf) for leaf in wanted)


@settings(max_examples=10)
@given(trees)
def test_a_tree_and_its_vector_give_the_same(x0):
    variables = Variables(x0, "minimize")
    targets = np.arange(1.0, variables.size + 1)

    def on_vector(x):
        return np.sum((x - targets) ** 2) + np.sum(x) ** 4 / 100

    def on_tree(x):
        return on_vector(np.concatenate([np.reshape(leaf, -1) for leaf in ft.tree.flatten(x)[0]]))

    for method in ("BFGS", "trust-ncg"):
        flat = ft.optimize.minimize(on_vector, variables.start, method=method)
        found = ft.optimize.minimize(on_tree, x0, method=method)
        assert np.array_equal(flat.x, variables.vector(found.x, "x"))
        assert np.array_equal(flat.jac, variables.covector(found.jac))
        assert (flat.nfev, flat.nit) == (found.nfev, found.nit)


@pytest.mark.parametrize("start", [[1, 2], (1.0, 2.0), np.array([1, 2]), np.array([1.0, 2.0], np.float32)])
def test_a_vector_is_scipys(start):
    shapes = set()

    def f(x):
        shapes.add(x.shape)
        return np.sum(x**2)

    found = ft.optimize.minimize(f, start)
    assert shapes == {(2,)}
    assert type(found.x) is np.ndarray


@pytest.mark.parametrize(
    ("start", "shape", "kind"),
    [
        (1, (), float),
        (np.float64(1.0), (), np.float64),
        (np.ones((2, 3)), (2, 3), np.ndarray),
        ([np.ones(2)], (2,), list),
    ],
)
def test_other_shapes_are_kept(start, shape, kind):
    shapes = set()

    def f(x):
        (leaf,) = ft.tree.flatten(x)[0]
        shapes.add(np.shape(leaf))
        return np.sum(leaf**2)

    assert type(ft.optimize.minimize(f, start).x) is kind
    assert shapes == {shape}


def test_complex_numbers_are_two_places():
    target = np.array([1 + 2j, -3j])

    def f(p):
        return np.sum(np.real((p["z"] - target) * np.conj(p["z"] - target))) + np.sum((p["x"] - 1) ** 2)

    for method in ("BFGS", "trust-exact", "Newton-CG", "Nelder-Mead"):
        found = ft.optimize.minimize(
            f, {"z": np.zeros(2, complex), "x": np.zeros(1)}, method=method, options={"maxiter": 2000}
        )
        np.testing.assert_allclose(found.x["z"], target, atol=2e-3 if method == "Nelder-Mead" else 1e-6)
        np.testing.assert_allclose(found.x["x"], 1.0, atol=2e-3 if method == "Nelder-Mead" else 1e-6)
    off = ft.optimize.minimize(f, {"z": np.zeros(2, complex), "x": np.zeros(1)}, options={"maxiter": 0})
    gradient = ft.grad(f)({"z": np.zeros(2, complex), "x": np.zeros(1)})
    np.testing.assert_allclose(off.jac["z"], gradient["z"])
    assert ft.optimize.minimize(lambda z: np.real((z - 1j) * np.conj(z - 1j)), 1.0 + 0j).x == pytest.approx(1j)


# Bounds.

START = {"w": np.full((2, 2), 0.5), "b": 0.5, "rest": [np.array([0.5])]}


def distance(p):
    return np.sum((p["w"] - 3) ** 2) + (p["b"] + 3) ** 2 + np.sum((p["rest"][0] - 9) ** 2)


@pytest.mark.parametrize(
    ("bounds", "w", "b", "rest"),
    [
        ({"w": (0, 1), "b": (-1, None), "rest": [(None, 2)]}, 1.0, -1.0, 2.0),
        ({"w": None, "b": None, "rest": [None]}, 3.0, -3.0, 9.0),
        ({"rest": None, "b": (None, None), "w": (None, [[1, 2], [4, 4]])}, [[1, 2], [3, 3]], -3.0, 9.0),
        (scipy.optimize.Bounds(-1, 1), 1.0, -1.0, 1.0),
        (scipy.optimize.Bounds(-np.arange(6.0), np.array([1.0, 2, 4, 4, 5, 6])), [[1, 2], [3, 3]], -3.0, 6.0),
    ],
)
@pytest.mark.parametrize("method", [None, "trust-constr", "TNC"])
def test_bounds_of_trees(method, bounds, w, b, rest):
    found = ft.optimize.minimize(distance, START, bounds=bounds, method=method)
    atol = 1e-4
    np.testing.assert_allclose(found.x["w"], np.broadcast_to(w, (2, 2)), atol=atol)
    assert found.x["b"] == pytest.approx(b, abs=atol)
    np.testing.assert_allclose(found.x["rest"][0], rest, atol=atol)


def test_bounds_of_one_number_and_of_one_array():
    assert ft.optimize.minimize(lambda x: (x - 3) ** 2, 0.0, bounds=(None, 2)).x == pytest.approx(2.0)
    found = ft.optimize.minimize(lambda x: np.sum((x - 3) ** 2), np.zeros((2, 2)), bounds=(0, [[1, 2], [3, 4]]))
    np.testing.assert_allclose(found.x, [[1, 2], [3, 3]], atol=1e-5)
    found = ft.optimize.minimize(
        lambda x: np.sum((x - 3) ** 2), np.zeros((2, 2)), bounds=scipy.optimize.Bounds(np.zeros((2, 2)), np.eye(2))
    )
    np.testing.assert_allclose(found.x, np.eye(2), atol=1e-5)


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"w": (0, 1)}, r"bounds is not built like `x0`: expected a dict with \['w'\], \['b'\], \['rest'\]"),
        ({"w": 3, "b": None, "rest": None}, r"bounds\['w'\] is 3, not a pair"),
        ({"w": (0, np.ones(3)), "b": None, "rest": None}, r"bounds\['w'\]: a bound of shape \(3,\) for shape \(2, 2\)"),
        ([(0, 1)] * 6, "bounds is not built like `x0`"),
        (scipy.optimize.Bounds(np.zeros(4), np.ones(4)), r"bounds of shape \(4,\) for 6 numbers"),
    ],
)
def test_bounds_that_do_not_fit(bounds, message):
    with pytest.raises((ft.errors.TreeError, ft.errors.ShapeError), match=message):
        ft.optimize.minimize(distance, START, bounds=bounds)


def test_complex_numbers_have_no_bounds():
    f = lambda p: np.real(p["z"] * np.conj(p["z"]))  # noqa: E731
    assert ft.optimize.minimize(f, {"z": 1j}, bounds={"z": None}).x["z"] == pytest.approx(0.0)
    with pytest.raises(ft.errors.DerivativeError, match=r"bounds\['z'\]: complex numbers have no bounds"):
        ft.optimize.minimize(f, {"z": 1j}, bounds={"z": (0, 1)})
    with pytest.raises(ft.errors.DerivativeError, match=r"bounds\['z'\]: complex numbers have no bounds"):
        ft.optimize.least_squares(lambda p: np.real(p["z"]), {"z": 1j}, bounds=({"z": 0}, {"z": None}))


def test_given_derivatives_must_be_built_like_the_start():
    f = lambda p: np.sum(p["x"] ** 2)  # noqa: E731
    with pytest.raises(ft.errors.TreeError, match="the given gradient"):
        ft.optimize.minimize(f, {"x": np.ones(2)}, jac=lambda p: [2 * p["x"]])
    with pytest.raises(ft.errors.ShapeError, match=r"the given gradient holds shape \(\), where `x0` has \(2,\)"):
        ft.optimize.minimize(f, {"x": np.ones(2)}, jac=lambda p: {"x": 1.0})
