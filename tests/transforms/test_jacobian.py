"""``jacobian``: shapes, structures and values of all first derivatives."""

import numpy as np
import pytest

import functrans as ft
from functrans.errors import NonScalarOutputError


def test_a_single_derivative_is_a_number():
    second = ft.jacobian(ft.grad(lambda x: x**3))(2.0)
    assert type(second) is np.float64
    assert second == 12.0
    assert type(ft.jacobian(lambda x: x * x)(np.float32(2.0))) is np.float32
    assert ft.grad(ft.jacobian(ft.grad(lambda x: x**4)))(2.0) == 48.0


def test_a_single_derivative_is_the_same_staged():
    program = ft.trace(ft.jacobian(lambda x: np.sin(x)))(0.5)
    assert type(ft.evaluate(program, 0.5)) is np.float64
    assert ft.evaluate(program, 0.5) == np.cos(0.5)


@pytest.mark.parametrize("inner", [(), (2,), (2, 3)])
@pytest.mark.parametrize("outer", [(), (4,), (0,), (1, 3)])
def test_shape_is_the_outputs_then_the_inputs(outer, inner):
    x, weights = np.full(inner, 2.0), np.arange(float(np.prod(outer))).reshape(outer)
    found = ft.jacobian(lambda x: weights * np.sum(x))(x)
    assert np.shape(found) == outer + inner
    assert np.array_equal(found, np.multiply.outer(weights, np.ones(inner)))


def test_tree_of_the_output_holds_trees_of_the_argument():
    found = ft.jacobian(lambda p: {"out": p["a"] * p["b"][0]})({"a": np.array([1.0, 2.0]), "b": (3.0, None)})
    assert np.array_equal(found["out"]["a"], 3.0 * np.eye(2))
    assert np.array_equal(found["out"]["b"][0], [1.0, 2.0])
    assert found["out"]["b"][1] is None


def test_hessian_of_a_quadratic_form_is_its_matrix():
    form = np.array([[2.0, 1.0], [1.0, 5.0]])
    hessian = ft.jacobian(ft.grad(lambda x: 0.5 * x @ form @ x))
    assert np.array_equal(hessian(np.array([0.5, -1.0])), form)


def test_selected_arguments_and_auxiliary_results():
    def f(x, y):
        return x * y**2, "kept"

    (in_x, in_y), aux = ft.jacobian(f, (0, 1), has_aux=True)(np.array([3.0]), np.array([2.0]))
    assert (in_x.tolist(), in_y.tolist(), aux) == ([[4.0]], [[12.0]], "kept")
    assert ft.jacobian(f, argnames="y", has_aux=True)(3.0, y=2.0) == (12.0, "kept")


def test_complex_outputs_are_refused():
    with pytest.raises(NonScalarOutputError, match="real outputs"):
        ft.jacobian(lambda x: x * 1j)(1.0)
