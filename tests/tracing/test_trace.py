"""``trace``: a function and examples of its arguments in, a Program out."""

from __future__ import annotations

import numpy as np
import pytest

import functrans as ft
from functrans.errors import LeakedTracerError, TracedBoolError, TracedValueError
from functrans.ir import ArraySpec, Literal
from functrans.tracing.trace import input_names


def names(program):
    return [equation.primitive.name for equation in program.equations]


def test_equations_inputs_outputs():
    program = ft.trace(lambda w, x: np.sum(np.tanh(x @ w)))(np.ones((4, 2)), np.ones((3, 4)))
    assert names(program) == ["matmul", "tanh", "sum"]
    assert [var.spec for var in program.inputs] == [ArraySpec((4, 2), float), ArraySpec((3, 4), float)]
    assert program.outputs[0].spec == ArraySpec((), float)
    assert program.input_names == ("w", "x")
    program.validate()


def test_only_shape_and_dtype_of_the_examples_count():
    f = lambda x: x * x  # noqa: E731
    assert ft.trace(f)(np.ones(3)) == ft.trace(f)(np.full(3, np.nan)) == ft.trace(f)(ArraySpec((3,), float))
    assert ft.trace(f)(1.0) != ft.trace(f)(np.float64(1.0))
    assert ft.trace(f)(1).outputs[0].spec == ArraySpec((), int, True)


def test_constants_are_folded():
    program = ft.trace(lambda x: x + np.sum(np.ones(5)) * 2)(1.0)
    assert names(program) == ["add"]
    assert program.equations[0].inputs[1].value == 10.0


def test_dead_equations_are_dropped():
    def f(x):
        np.exp(np.sin(x))
        y = np.cos(x)
        np.sum(y)
        return y

    assert names(ft.trace(f)(1.0)) == ["cos"]


def test_outputs_of_every_kind():
    array = np.arange(3.0)
    program = ft.trace(lambda x: {"x": x, "c": 2.0, "a": array, "n": None})(1.0).validate()
    assert [isinstance(atom, Literal) for atom in program.outputs] == [False, True, True]
    np.testing.assert_array_equal(ft.evaluate(program, 5.0)["a"], array)


@pytest.mark.parametrize(
    ("f", "args", "expected"),
    [
        (lambda x, y: x, (1.0, 2.0), ["x", "y"]),
        (lambda params: 0.0, ({"w": [1.0, 2.0], "b": 3.0},), ["params_w_0", "params_w_1", "params_b"]),
        (lambda *xs: xs[0], (1.0, 2.0), ["x0", "x1"]),
        (lambda x, *rest: x, (1.0, 2.0), ["x", "x1"]),
        (lambda p, p_w: 0.0, ({"w": 1.0}, 2.0), ["p_w", "p_w_"]),
        (lambda np: np, (1.0,), ["np_"]),
        (lambda p: 0.0, ({"a b": 1.0, "a-b": 2.0},), ["p_a_b", "p_a_b_"]),
        (np.add, (1.0, 2.0), ["x1", "x2"]),
    ],
)
def test_input_names(f, args, expected):
    found = input_names(f, ft.tree.flatten(args)[1])
    if f is np.add:
        assert len(set(found)) == 2
        assert all(name.isidentifier() for name in found)
    else:
        assert found == expected
    ft.trace(f)(*args).to_source()


def test_names_of_programs():
    def loss(x):
        return x * x

    assert ft.trace(loss)(1.0).name == "loss"
    assert ft.trace(ft.grad(loss))(1.0).name == "grad_loss"
    assert ft.trace(lambda x: x)(1.0).name == "program"
    assert ft.trace(loss).__name__ == "trace_loss"


def test_equations_have_the_users_line():
    def f(x):
        y = np.sin(x)
        return y * y

    first = f.__code__.co_firstlineno
    program = ft.trace(f)(1.0)
    assert [str(e.location) for e in program.equations] == [f"test_trace.py:{first + 1}", f"test_trace.py:{first + 2}"]
    gradient = ft.trace(ft.grad(f))(1.0)
    assert {e.location.line for e in gradient.equations} == {first + 1, first + 2}


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x if x > 0 else -x,
        lambda x: bool(x),
        lambda x: x and 1.0,
        lambda x: [0, 1][x > 0] if x == 1 else 2,
    ],
)
def test_truth_is_not_known(f):
    with pytest.raises(TracedBoolError, match="test_trace"):
        ft.trace(f)(1.0)


@pytest.mark.parametrize("f", [float, int, np.asarray, lambda x: range(x), lambda x: x.item(), lambda x: x.tolist()])
def test_values_are_not_known(f):
    with pytest.raises(TracedValueError):
        ft.trace(f)(np.int64(1))


def test_leaks():
    kept = []
    ft.trace(lambda x: kept.append(x) or x)(1.0)
    with pytest.raises(LeakedTracerError, match="`trace`"):
        kept[0] + 1
    with pytest.raises(LeakedTracerError):
        ft.trace(lambda x: x * kept[0])(1.0)


def test_an_exception_leaves_nothing_behind():
    def f(x):
        x = x * x
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        ft.trace(f)(1.0)
    assert names(ft.trace(lambda x: x * x)(1.0)) == ["multiply"]


def test_trace_inside_of_a_derivative_sees_constants():
    def f(x):
        program = ft.trace(lambda y: x * y * y)(1.0)
        return ft.evaluate(program, 3.0)

    assert ft.grad(f)(2.0) == 9.0
    assert ft.jvp(f, (2.0,), (1.0,)) == (18.0, 9.0)


def test_trace_of_a_trace():
    outer = ft.trace(lambda x: ft.evaluate(ft.trace(lambda y: y * y + x)(x), x))(2.0)
    assert names(outer) == ["multiply", "add"]
    assert ft.evaluate(outer.validate(), 3.0) == 12.0


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: x * 2, np.float32(1)),
        (lambda x: x * 2.0, np.ones(2, np.float32)),
        (lambda x: x + 1, np.arange(3, dtype=np.int8)),
        (lambda x: x / 2, 3),
        (lambda x: x // 2, 3),
        (lambda x: x**2, 3),
        (lambda x: x > 2, 3),
        (lambda x: -x, True),
        (lambda x: np.sin(x), 3),
        (lambda x: np.sin(x) * np.float32(2), 3.0),
        (lambda x: np.add(x, x), 1.5),
        (lambda x: abs(x), -2j),
        (lambda x: x + 1j, np.float32(1)),
        (lambda x: np.sum(x > 1), np.arange(3.0)),
    ],
)
def test_promotion_is_foretold(f, x):
    """NumPy's rules for Python scalars (NEP 50), and Python's own for lone ones."""
    if x is True:
        x = np.True_
        f = lambda x: ~x  # noqa: E731
    program = ft.trace(f)(x).validate()
    assert program.outputs[0].spec == ArraySpec.of(f(x))
    found = ft.evaluate(program, x)
    assert type(found) is type(f(x))
    np.testing.assert_array_equal(found, f(x))
