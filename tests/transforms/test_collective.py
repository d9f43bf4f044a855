"""functrans.transforms.collective: what examples know of one another."""

from __future__ import annotations

import numpy as np
import pytest

import functrans as ft
from functrans.errors import ShapeError

X = np.array([[1.0, 4.0], [3.0, 2.0], [5.0, 9.0]])
REDUCTIONS = {
    "psum": (ft.psum, np.sum),
    "pmean": (ft.pmean, np.mean),
    "pmax": (ft.pmax, np.max),
    "pmin": (ft.pmin, np.min),
}


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions_over_the_batch(name):
    collective, reduce = REDUCTIONS[name]
    found = ft.vmap(lambda x: {"a": collective({"x": x}, "batch")["x"] * x}, axis_name="batch")(X)["a"]
    np.testing.assert_array_equal(found, reduce(X, axis=0) * X)


@pytest.mark.parametrize("name", REDUCTIONS)
def test_what_is_the_same_for_all(name):
    collective, reduce = REDUCTIONS[name]
    found = ft.vmap(lambda x: x + collective(2.0, "batch"), axis_name="batch")(X)
    np.testing.assert_array_equal(found, X + reduce(np.full(3, 2.0)))


@pytest.mark.parametrize("name", REDUCTIONS)
def test_derivatives_of_batches_with_reductions(name):
    collective, reduce = REDUCTIONS[name]
    f = lambda x: np.sum(ft.vmap(lambda x: np.sin(x) * collective(x, "b"), axis_name="b")(x) ** 2)  # noqa: E731
    g = lambda x: np.sum((np.sin(x) * reduce(x, axis=0)) ** 2)  # noqa: E731
    np.testing.assert_allclose(ft.grad(f)(X), ft.grad(g)(X), rtol=1e-13)
    np.testing.assert_allclose(ft.jvp(f, (X,), (X,))[1], ft.jvp(g, (X,), (X,))[1], rtol=1e-13)


def test_gradients_inside_of_the_batch_add_up_over_the_examples():
    """Each example's loss is the sum over all: the derivative in one's own x is that of all the losses, equal ones."""
    found = ft.vmap(ft.grad(lambda x: ft.psum(x**2, "b")), axis_name="b")(np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(found, 3 * 2 * np.array([1.0, 2.0, 3.0]))


def test_normalized_batches():
    def normalize(x):
        mean = ft.pmean(x, "batch")
        return (x - mean) / np.sqrt(ft.pmean((x - mean) ** 2, "batch"))

    found = ft.vmap(normalize, axis_name="batch")(X)
    np.testing.assert_allclose(found, (X - X.mean(0)) / X.std(0), rtol=1e-15)


def test_all_gather_and_axis_index():
    found = ft.vmap(lambda x: ft.all_gather(x, "i") + ft.axis_index("i"), axis_name="i")(X)
    np.testing.assert_array_equal(found, X[None] + np.arange(3)[:, None, None])
    found = ft.vmap(lambda x: ft.all_gather(x, "i", axis=1), axis_name="i")(X)
    np.testing.assert_array_equal(found, np.broadcast_to(X.T, (3, 2, 3)))
    g = lambda x: np.sum(ft.vmap(lambda x: ft.all_gather(x, "i")[0] * x, axis_name="i")(x))  # noqa: E731
    np.testing.assert_array_equal(ft.grad(g)(X)[1:], np.broadcast_to(X[0], (2, 2)))


def test_names_of_nested_batches():
    f = lambda x: (ft.psum(x, "inner"), ft.psum(x, "outer"), ft.axis_index("outer") * 10 + ft.axis_index("inner"))  # noqa: E731
    inner, outer, index = ft.vmap(ft.vmap(f, axis_name="inner"), axis_name="outer")(X)
    np.testing.assert_array_equal(inner, np.broadcast_to(X.sum(1)[:, None], X.shape))
    np.testing.assert_array_equal(outer, np.broadcast_to(X.sum(0), X.shape))
    np.testing.assert_array_equal(index, np.arange(3)[:, None] * 10 + np.arange(2))


def test_the_inner_one_of_two_batches_of_a_name():
    f = ft.vmap(lambda y: ft.vmap(lambda x: ft.psum(y, "b"), axis_name="b")(X[:, 0]), axis_name="b")
    np.testing.assert_array_equal(f(np.array([1.0, 2.0])), [[3.0] * 3, [6.0] * 3])


def test_an_unknown_name_is_an_error():
    with pytest.raises(ShapeError, match="no batch is called 'rows' here; those that have a name: 'columns'"):
        ft.vmap(lambda x: ft.psum(x, "rows"), axis_name="columns")(X)
    with pytest.raises(ShapeError, match="those that have a name: none"):
        ft.axis_index("rows")


@pytest.mark.parametrize("name", REDUCTIONS)
def test_derivatives_of_what_all_examples_share(name):
    """A value from outside of the batch stands in the sum once for each example."""
    collective, reduce = REDUCTIONS[name]
    f = lambda s: np.sum(ft.vmap(lambda x: x * collective(s**2, "b"), axis_name="b")(X))  # noqa: E731
    g = lambda s: np.sum(X * reduce(np.broadcast_to(s**2, 3), axis=0))  # noqa: E731
    assert ft.grad(f)(1.5) == pytest.approx(ft.grad(g)(1.5), rel=1e-14)
    assert ft.hessian(f)(1.5) == pytest.approx(ft.hessian(g)(1.5), rel=1e-14)
    program = ft.trace(ft.grad(f))(1.5)
    assert ft.evaluate(program, 1.5) == pytest.approx(ft.grad(g)(1.5), rel=1e-14)


def test_a_name_and_chunks_exclude_each_other():
    with pytest.raises(ShapeError, match="those of a chunk"):
        ft.vmap(lambda x: ft.psum(x, "b"), axis_name="b", chunk_size=2)


@pytest.mark.parametrize("name", REDUCTIONS)
def test_several_names_at_once(name):
    collective, reduce = REDUCTIONS[name]
    f = lambda x: collective(x, ("inner", "outer"))  # noqa: E731
    found = ft.vmap(ft.vmap(f, axis_name="inner"), axis_name="outer")(X)
    np.testing.assert_array_equal(found, np.full(X.shape, reduce(X)))
