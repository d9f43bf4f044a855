"""functrans.transforms.arguments: how arguments are selected, checked and given back."""

from __future__ import annotations

import numpy as np
import pytest

import functrans as ft
from functrans.errors import ShapeError
from functrans.ir import ArraySpec
from functrans.transforms.arguments import Selection, differentiable_leaf, dual, like_primal


def f(x, y, *rest, z=0.0, **others):
    return x + y


def test_selection_calls_with_replacements():
    seen = []
    selection = Selection(lambda *args, **kwargs: seen.append((args, kwargs)), (1, 2, 3), {"k": 4}, (2, 0), ())
    assert selection.selected == (3, 1)
    selection.call("c", "a")
    assert seen == [(("a", 2, "c"), {"k": 4})]
    assert selection.result(["c", "a"]) == ("c", "a")


def test_selection_finds_names_among_positions_and_keywords():
    selection = Selection(f, (1, 2, 3), {"z": 4, "other": 5}, None, ("other", "y", "z"))
    assert selection.selected == (5, 2, 4)
    assert selection.names() == ["`other`", "`y`", "`z`"]


def test_numpy_integers_select():
    assert ft.grad(f, np.int64(1))(1.0, 2.0) == 1.0
    assert ft.grad(f, np.array([1, 0]).tolist())(1.0, 2.0) == (1.0, 1.0)
    with pytest.raises(TypeError):
        ft.grad(f, 1.0)(1.0, 2.0)


@pytest.mark.parametrize(("leaf", "expected"), [(1.5, 1.5), (2, 2.0), (1j, 1j), (np.float32(1), np.float32(1))])
def test_leaves(leaf, expected):
    found = differentiable_leaf(leaf, lambda: "it")
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    "leaf", [True, np.bool_(True), np.int32(1), "x", object(), np.array(["a"]), np.datetime64("2020")]
)
def test_what_is_no_leaf(leaf):
    with pytest.raises(TypeError, match="derivative with respect to it"):
        differentiable_leaf(leaf, lambda: "it")


def test_dual_is_cast_and_checked():
    spec = ArraySpec((2,), np.float32)
    assert dual([1, 2], spec, "it").dtype == np.float32
    assert dual(np.array([1.0, 2.0]), spec, "it").dtype == np.float32
    exact = np.ones(2, np.float32)
    assert dual(exact, spec, "it") is exact
    for wrong in (1.0, np.ones(3), np.ones((2, 1)), np.array([1j, 2]), np.array(["a", "b"])):
        with pytest.raises((ShapeError, ValueError)):
            dual(wrong, spec, "it")
    assert dual(2.0, ArraySpec((), np.complex64), "it").dtype == np.complex64


def test_results_take_the_type_of_python_scalars():
    assert type(like_primal(np.float64(2), 1.0)) is float
    assert type(like_primal(np.complex128(2), 1j)) is complex
    assert type(like_primal(np.float64(2), np.float64(1))) is np.float64


def test_a_staged_python_scalar_has_a_python_scalars_gradient():
    """Else what it is multiplied with would come out in double precision, but only when staged."""
    x = np.ones(3, np.float32)
    step = lambda s: x * ft.grad(lambda s: s * s)(s)  # noqa: E731
    program = ft.trace(step)(2.0).validate()
    assert step(2.0).dtype == np.float32
    assert ft.evaluate(program, 2.0).dtype == np.float32
    assert ft.jvp(step, (2.0,), (1.0,))[0].dtype == np.float32
    assert ft.vjp(step, 2.0)[0].dtype == np.float32
    assert type(ft.evaluate(ft.trace(ft.grad(np.sin))(2.0), 2.0)) is float
