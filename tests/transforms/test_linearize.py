"""functrans.transforms.linearize: the derivative as a program, and transposes of linear functions."""

from __future__ import annotations

import numpy as np
import pytest

import functrans as ft
from functrans.errors import DerivativeError, IntegerInputError, ShapeError, TreeError


def test_what_is_known_is_computed_once():
    calls = []

    def f(x):
        calls.append(1)
        return np.sin(x) * np.exp(x)

    x = np.array([0.3, 0.7])
    y, pushforward = ft.linearize(f, x)
    for v in (np.array([1.0, 0.0]), np.array([2.0, -1.0])):
        np.testing.assert_allclose(pushforward(v), (np.cos(x) + np.sin(x)) * np.exp(x) * v, rtol=1e-15)
    assert len(calls) == 1
    assert np.array_equal(y, f(x))
    names = {equation.primitive.name for equation in pushforward.program.equations}
    assert names <= {"multiply", "add"}  # no sine, no exponential
    assert "np.sin" not in str(pushforward)
    pushforward.program.validate()


def test_follows_control_flow_and_keeps_trees():
    def f(p, n):
        x = p["x"]
        while x < 10:
            x = x * n
        return {"out": (x, n)}, "kept"

    out, pushforward, aux = ft.linearize(f, {"x": 3.0}, 2.0, has_aux=True)
    assert (out, aux) == ({"out": (12.0, 2.0)}, "kept")
    assert pushforward({"x": 1.0}, 0.0) == {"out": (4.0, 0.0)}
    assert pushforward({"x": 0.0}, 1.0) == {"out": (12.0, 1.0)}


def test_can_be_batched_differentiated_and_transposed():
    x = np.array([0.3, 0.7])
    _, pushforward = ft.linearize(lambda x: np.cumsum(np.sin(x)), x)
    matrix = np.tril(np.ones((2, 2))) * np.cos(x)
    np.testing.assert_allclose(ft.vmap(pushforward)(np.eye(2)), matrix.T)
    np.testing.assert_allclose(ft.jacobian(pushforward)(x), matrix)
    np.testing.assert_allclose(ft.linear_transpose(pushforward, x)(np.array([1.0, 2.0]))[0], matrix.T @ [1.0, 2.0])
    # Through the point, too: d/dx of the slope is the second derivative.
    assert ft.grad(lambda t: ft.linearize(np.sin, t)[1](1.0))(0.4) == pytest.approx(-np.sin(0.4), rel=1e-15)


def test_errors_of_linearize():
    _, pushforward = ft.linearize(np.sin, np.ones(2))
    with pytest.raises(ShapeError, match="the tangent"):
        pushforward(np.ones(3))
    with pytest.raises(TreeError):
        pushforward(np.ones(2), np.ones(2))
    with pytest.raises(IntegerInputError):
        ft.linearize(np.sin, np.arange(2))
    with pytest.raises(DerivativeError, match="needs a function"):
        ft.linearize(1.0, 1.0)


A = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])


@pytest.mark.parametrize(
    ("f", "matrix"),
    [
        (lambda x: A @ x, A),
        (lambda x: x[::-1] - 2 * x, np.array([[-2.0, 1.0], [1.0, -2.0]])),
        (lambda x: np.concatenate([x, np.zeros(1)]), np.eye(3)[:, :2]),
        (lambda x: np.where(np.array([True, False]), x, 0.0), np.diag([1.0, 0.0])),
        (lambda x: x / np.array([2.0, 4.0]), np.diag([0.5, 0.25])),
        (lambda x: np.linalg.solve(np.array([[2.0, 1.0], [0.0, 1.0]]), x), np.array([[0.5, -0.5], [0.0, 1.0]])),
    ],
)
def test_transpose_of_a_matrix(f, matrix):
    for example in (np.ones(2), ft.ArraySpec((2,), np.float64)):
        transposed = ft.linear_transpose(f, example)
        for w in np.eye(len(matrix)):
            np.testing.assert_allclose(transposed(w)[0], matrix.T @ w)


def test_transpose_of_complex_maps_does_not_conjugate():
    (found,) = ft.linear_transpose(lambda z: z * (2 + 3j), 1j)(1.0 + 0j)
    assert found == 2 + 3j


@pytest.mark.parametrize(
    ("f", "name"),
    [
        (lambda x: x * x, "multiply"),
        (np.sin, "sin"),
        (lambda x: np.where(x > 0, x, 0.0), "greater"),
        (lambda x: ft.stop_gradient(x), "stop_gradient"),
        (lambda x: np.linalg.solve(np.diag(x), x), "solve"),
        (np.max, "max"),
    ],
)
def test_what_is_not_linear_is_refused(f, name):
    with pytest.raises(DerivativeError, match=f"not linear: `{name}`"):
        ft.linear_transpose(f, np.ones(2))


@pytest.mark.parametrize("f", [lambda x: x + 1, lambda x: np.concatenate([x, np.ones(1)])])
def test_what_is_added_is_refused(f):
    with pytest.raises(DerivativeError, match="does not give zero at zero"):
        ft.linear_transpose(f, np.ones(2))


@pytest.mark.parametrize(
    ("f", "name"),
    [
        (lambda x: x % 2.0, "remainder"),
        (lambda x: np.fmod(x, 2.0), "fmod"),
        (lambda x: np.modf(x)[0], "modf"),
        (lambda x: np.copysign(2.0, x) - 2.0, "copysign"),
        (lambda x: np.heaviside(x, 0.0), "heaviside"),
    ],
)
def test_what_is_linear_between_jumps_alone_is_refused(f, name):
    with pytest.raises(DerivativeError, match=f"not linear: `{name}`"):
        ft.linear_transpose(f, np.ones(2))


def test_a_pushforward_is_transposed_at_its_own_arguments():
    _, pushforward = ft.linearize(np.sin, np.ones(3))
    for others in (1.0, np.ones((2, 3)), np.ones(3, np.float32)):
        with pytest.raises(ShapeError, match="of a pushforward"):
            ft.linear_transpose(pushforward, others)
    with pytest.raises(TreeError, match="what a pushforward is transposed at"):
        ft.linear_transpose(pushforward, np.ones(3), np.ones(3))


def test_integers_are_not_what_a_transpose_gives():
    """Rounded to integers, the transpose would be wrong."""
    assert ft.linear_transpose(lambda x: 2.5 * x, 3)(1.0) == (2.5,)
    for integers in (np.arange(3), ft.ArraySpec((3,), np.dtype(np.int64))):
        with pytest.raises(IntegerInputError):
            ft.linear_transpose(lambda x: 2.5 * x, integers)


def test_tangents_belong_to_the_caller():
    v = np.ones(3)
    first, second = ft.linearize(lambda x: (x, x), np.ones(3))[1](v)
    first += 1.0
    assert v.tolist() == second.tolist() == [1.0, 1.0, 1.0]
