"""functrans.transforms.jacobian, hessian: shapes, structures, modes and values of all first and second derivatives."""

from __future__ import annotations

import numpy as np
import pytest

import functrans as ft
from functrans.errors import DerivativeError, IntegerInputError, NonScalarOutputError

RNG = np.random.default_rng(3)
MODES = [ft.jacobian, ft.jacfwd, ft.jacrev]
every_mode = pytest.mark.parametrize("jacobian", MODES, ids=lambda j: j.__name__)


@every_mode
def test_a_single_derivative_is_a_number(jacobian):
    second = jacobian(ft.grad(lambda x: x**3))(2.0)
    assert type(second) is np.float64
    assert second == 12.0
    assert type(jacobian(lambda x: x * x)(np.float32(2.0))) is np.float32
    assert ft.grad(jacobian(ft.grad(lambda x: x**4)))(2.0) == 48.0


@every_mode
def test_a_single_derivative_is_the_same_staged(jacobian):
    program = ft.trace(jacobian(lambda x: np.sin(x)))(0.5)
    assert type(ft.evaluate(program, 0.5)) is np.float64
    assert ft.evaluate(program, 0.5) == np.cos(0.5)


@every_mode
@pytest.mark.parametrize("chunk_size", [None, 1, 2])
@pytest.mark.parametrize("inner", [(), (2,), (2, 3), (0,)])
@pytest.mark.parametrize("outer", [(), (4,), (0,), (1, 3)])
def test_shape_is_the_outputs_then_the_inputs(jacobian, outer, inner, chunk_size):
    x, weights = np.full(inner, 2.0), np.arange(float(np.prod(outer))).reshape(outer)
    found = jacobian(lambda x: weights * np.sum(x), chunk_size=chunk_size)(x)
    assert np.shape(found) == outer + inner
    assert np.array_equal(found, np.multiply.outer(weights, np.ones(inner)))
    if outer + inner:
        assert found.flags.writeable


@every_mode
def test_tree_of_the_output_holds_trees_of_the_argument(jacobian):
    found = jacobian(lambda p: {"out": p["a"] * p["b"][0]})({"a": np.array([1.0, 2.0]), "b": (3.0, None)})
    assert np.array_equal(found["out"]["a"], 3.0 * np.eye(2))
    assert np.array_equal(found["out"]["b"][0], [1.0, 2.0])
    assert found["out"]["b"][1] is None


@every_mode
def test_python_control_flow_follows_the_values(jacobian):
    def f(x):
        while np.linalg.norm(x) < 10:
            x = 2 * x
        return x if x[0] > 0 else x**2

    assert np.array_equal(jacobian(f)(np.array([1.0, 2.0])), 8 * np.eye(2))
    assert np.array_equal(jacobian(f)(np.array([-1.0, 2.0])), np.diag([2 * 8.0 * -8, 2 * 16.0 * 8]))


@every_mode
def test_a_constant_output_has_zeros(jacobian):
    found = jacobian(lambda x: (np.ones(2), x))(np.array([1.0, 2.0, 3.0]))
    assert np.array_equal(found[0], np.zeros((2, 3)))
    assert np.array_equal(found[1], np.eye(3))


@every_mode
def test_in_single_precision(jacobian):
    found = jacobian(np.sin)(np.arange(3, dtype=np.float32))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.diag(np.cos(np.arange(3, dtype=np.float32))))


@every_mode
def test_holomorphic(jacobian):
    z = np.array([0.3 + 0.5j, 1.0 - 2.0j])
    np.testing.assert_allclose(jacobian(lambda z: z**3, holomorphic=True)(z), np.diag(3 * z**2), rtol=1e-15)
    with pytest.raises(DerivativeError, match="holomorphic=False"):
        jacobian(lambda z: z**3)(z)
    with pytest.raises(DerivativeError, match="holomorphic=True"):
        jacobian(lambda z: z**3, holomorphic=True)(1.0)
    with pytest.raises(DerivativeError, match="that is not holomorphic"):
        jacobian(lambda z: (z, np.abs(z)), holomorphic=True)(z)
    assert np.array_equal(jacobian(lambda z: (z, 1.0), holomorphic=True)(z)[1], np.zeros(2))


@every_mode
def test_selected_arguments_and_auxiliary_results(jacobian):
    def f(x, y):
        return x * y**2, "kept"

    (in_x, in_y), aux = jacobian(f, (0, 1), has_aux=True)(np.array([3.0]), np.array([2.0]))
    assert (in_x.tolist(), in_y.tolist(), aux) == ([[4.0]], [[12.0]], "kept")
    assert jacobian(f, argnames="y", has_aux=True)(3.0, y=2.0) == (12.0, "kept")


@every_mode
def test_what_has_no_jacobian_is_refused(jacobian):
    with pytest.raises(NonScalarOutputError, match="real outputs"):
        jacobian(lambda x: x * 1j)(1.0)
    with pytest.raises(IntegerInputError):
        jacobian(lambda x: x)(np.arange(3))
    with pytest.raises(DerivativeError, match="an integer has no derivative"):
        jacobian(lambda x: (x, np.argmax(x)))(np.ones(3))


@every_mode
def test_python_integers_among_the_outputs_are_constants(jacobian):
    found = jacobian(lambda x: (1, x))(np.ones(2))[0]
    assert found.dtype == np.float64
    assert found.tolist() == [0.0, 0.0]


@every_mode
def test_blocks_share_no_memory(jacobian):
    found = jacobian(lambda p: (p[0] + p[1], p[0]))((np.ones(2), np.ones(2)))
    blocks = [block for row in found for block in row]
    for i, block in enumerate(blocks):
        assert not any(np.shares_memory(block, other) for other in blocks[i + 1 :])
        block += 1.0  # each is its caller's own


@pytest.mark.parametrize(("outputs", "inputs", "mode"), [(1, 3, "reverse"), (3, 1, "forward"), (2, 2, "forward")])
def test_the_mode_of_fewer_passes_is_chosen_and_told(outputs, inputs, mode):
    a = RNG.normal(size=(outputs, inputs))
    f = ft.jacobian(lambda x: np.tanh(a @ x))
    x = RNG.normal(size=inputs)
    assert f.mode(x) == mode
    np.testing.assert_allclose(f(x), a / np.cosh(a @ x)[:, None] ** 2, rtol=1e-13)


# Hessians.


def test_hessian_of_a_quadratic_form_is_its_matrix():
    form = np.array([[2.0, 1.0], [1.0, 5.0]])
    f = lambda x: 0.5 * x @ form @ x  # noqa: E731
    assert np.array_equal(ft.jacobian(ft.grad(f))(np.array([0.5, -1.0])), form)
    for chunk_size in (None, 1):
        assert np.array_equal(ft.hessian(f, chunk_size=chunk_size)(np.array([0.5, -1.0])), form)


def test_hessian_of_trees():
    w, b = np.array([0.3, -0.7]), 0.5
    found = ft.hessian(lambda p: np.sum(p["w"] ** 3) * p["b"] ** 2)({"w": w, "b": b})
    np.testing.assert_allclose(found["w"]["w"], np.diag(6 * w) * b**2)
    np.testing.assert_allclose(found["w"]["b"], 3 * w**2 * 2 * b)
    np.testing.assert_allclose(found["b"]["w"], 3 * w**2 * 2 * b)
    np.testing.assert_allclose(found["b"]["b"], 2 * np.sum(w**3))


def test_hessian_of_several_arguments_with_more_results():
    f = lambda x, y: (x**2 * y, "kept")  # noqa: E731
    found, aux = ft.hessian(f, (0, 1), has_aux=True)(3.0, 5.0)
    assert (found, aux) == (((10.0, 6.0), (6.0, 0.0)), "kept")
    assert ft.hessian(f, argnames="x", has_aux=True)(x=3.0, y=5.0) == (10.0, "kept")


def test_value_gradient_and_hessian_from_one_trace():
    calls = []

    def f(x):
        calls.append(1)
        return np.sum(np.exp(x)), "kept"

    x = np.array([0.5, -1.0])
    (value, aux), gradient, hessian = ft.value_grad_and_hessian(f, has_aux=True)(x)
    assert len(calls) == 1
    assert (value, aux) == (np.sum(np.exp(x)), "kept")
    np.testing.assert_array_equal(gradient, np.exp(x))
    np.testing.assert_array_equal(hessian, np.diag(np.exp(x)))
    value, gradient, hessian = ft.value_grad_and_hessian(lambda x, y: x * y * y, argnums=(0, 1))(2.0, 3.0)
    assert (value, gradient, hessian) == (18.0, (9.0, 12.0), ((0.0, 6.0), (6.0, 4.0)))


def test_a_function_that_is_no_number_is_refused():
    for transform in (ft.hessian, ft.value_grad_and_hessian):
        with pytest.raises(NonScalarOutputError):
            transform(np.sin)(np.ones(2))
