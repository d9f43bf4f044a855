"""functrans.ir.program: frozen, compared by structure, pickled."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import functrans as ft
from functrans.ir import ArraySpec, Equation, Literal, Program, Var
from functrans.primitives import lookup


def loss(w, x):
    return np.sum(np.tanh(x @ w) ** 2)


W, X = np.ones((4, 2)), np.ones((3, 4))


def test_everything_is_frozen():
    program = ft.trace(loss)(W, X)
    for thing in (program, program.equations[0], program.inputs[0], Literal(1.0)):
        for name in type(thing).__slots__:
            with pytest.raises(AttributeError, match="immutable"):
                setattr(thing, name, None)
    assert type(program.equations) is tuple


def test_trees_are_those_of_arguments_and_result():
    program = ft.trace(lambda p, x: {"out": [p["w"] * x, None]})({"w": 1.0, "b": ()}, 2.0)
    assert program.in_tree == ft.tree.flatten(({"w": 0, "b": ()}, 0))[1]
    assert program.out_tree == ft.tree.flatten({"out": [0, None]})[1]
    assert ft.tree.paths(program.out_tree) == ["['out'][0]"]
    made = Program(program.inputs, program.equations, program.outputs)
    assert made.in_tree is made.out_tree is None


def test_how_it_runs_is_remembered_and_no_part_of_it():
    program = ft.trace(loss)(W, X)
    assert program.plan is None
    value = ft.evaluate(program, W, X)
    assert program.plan is not None
    remembered = program.plan
    assert ft.evaluate(program, W, X) == value
    assert program.plan is remembered
    again = pickle.loads(pickle.dumps(program))
    assert again == program
    assert again.plan is None
    assert again.planned(remembered) is again.plan is remembered


def test_params_are_not_shared_with_the_caller():
    params = {"axis": (0,)}
    spec = ArraySpec((2,), float)
    equation = Equation(lookup("sum"), [Var(spec)], [Var(spec.with_shape(()))], params)
    params["axis"] = ()
    assert equation.params["axis"] == (0,)


def test_equal_by_structure():
    program, again = ft.trace(loss)(W, X), ft.trace(loss)(W, X)
    assert program is not again
    assert program == again
    assert hash(program) == hash(again)
    assert len({program, again}) == 1


@pytest.mark.parametrize(
    ("f", "g"),
    [
        (lambda x: x * 2.0, lambda x: x * 3.0),
        (lambda x: x * 2.0, lambda x: x * 2),
        (lambda x: x * 0.0, lambda x: x * -0.0),
        (lambda x: x * np.float32(2), lambda x: x * np.float64(2)),
        (lambda x: x * np.array([1.0, 2.0]), lambda x: x * np.array([1.0, 3.0])),
        (lambda x: np.sum(x, axis=0), lambda x: np.sum(x, axis=0, keepdims=True)),
        (lambda x: np.sin(x), lambda x: np.cos(x)),
        (lambda x: x + np.sin(x), lambda x: np.sin(x) + x),
        (lambda x: (x, x * x), lambda x: [x, x * x]),
        (lambda x: x[0:1], lambda x: x[1:2]),
        (lambda x: np.sin(np.cos(x)) + np.cos(x), lambda x: np.sin(np.cos(x)) + np.cos(np.cos(x))),
    ],
)
def test_unequal_by_structure(f, g):
    x = np.ones(2)
    assert ft.trace(f)(x) != ft.trace(g)(x)
    assert ft.trace(f)(x) == ft.trace(f)(x)


def test_nan_constants_compare_by_their_bits():
    f = lambda x: x * np.nan + np.array([np.nan])  # noqa: E731
    assert ft.trace(f)(1.0) == ft.trace(f)(1.0)
    assert ft.trace(f)(1.0) != ft.trace(f)(np.float32(1.0))
    assert ft.trace(f)(1.0) != "program"


@pytest.mark.parametrize("f", [loss, ft.grad(loss, (0, 1)), lambda w, x: {"a": w[::2, 1], "b": (x, None)}])
def test_pickles(f):
    program = ft.trace(f)(W, X)
    for again in (pickle.loads(pickle.dumps(program)), copy.deepcopy(program)):
        assert again == program
        assert [str(e.location) for e in again.equations] == [str(e.location) for e in program.equations]
        assert repr(again) == repr(program)
        again.validate()
        np.testing.assert_equal(ft.evaluate(again, W, X), ft.evaluate(program, W, X))


def test_repr_is_short():
    assert repr(ft.trace(loss)(W, X)) == "<Program loss(Float64[4 2], Float64[3 4]) -> Float64[], 4 equations>"
    assert repr(Literal(2.0)) == "Literal(2.0)"
    assert repr(Var(ArraySpec((2,), float))) == "Var(Float64[2])"
    assert repr(ft.trace(lambda x: x * 2.0)(1.0).equations[0]) == "Equation(multiply, [Var(float), Literal(2.0)], {})"
    assert "<code>program(x: float) → bool</code>" in ft.trace(lambda x: x < 2)(1.0)._repr_html_()
    assert "<code>a = x &lt; 2</code>" in ft.trace(lambda x: x < 2)(1.0)._repr_html_()


def test_made_by_hand():
    spec = ArraySpec((), float)
    x, y, z = Var(spec), Var(spec), Var(spec)
    program = Program([x, y], [Equation(lookup("multiply"), [x, y], [z], {})], [z, Literal(2.0)]).validate()
    assert program.input_names == ("x0", "x1")
    assert ft.evaluate(program, 3.0, 4.0) == (12.0, 2.0)
    assert ft.grad(lambda x: ft.evaluate(program, x, 4.0)[0])(3.0) == 4.0


def test_what_is_derived_is_kept_but_no_part_of_the_program():
    program = ft.trace(np.sin)(1.0)
    assert program.derived is program.derived
    program.derived["found"] = 1
    again = pickle.loads(pickle.dumps(program))
    assert again == program == ft.trace(np.sin)(1.0)
    assert again.derived == {}
