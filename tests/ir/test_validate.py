"""functrans.ir.validate: every rule, and that the message names the equation."""

from __future__ import annotations

import numpy as np
import pytest

import functrans as ft
from functrans.errors import ProgramError
from functrans.ir import ArraySpec, Equation, Literal, Program, Var
from functrans.primitives import lookup

SCALAR = ArraySpec((), float)
VECTOR = ArraySpec((3,), float)
SIN, ADD = lookup("sin"), lookup("add")


def variables(*specs):
    return [Var(spec) for spec in specs]


def test_accepts():
    program = ft.trace(lambda x: np.sum(np.sin(x)))(np.ones(3))
    assert program.validate() is program


def test_input_twice():
    (x,) = variables(SCALAR)
    with pytest.raises(ProgramError, match="an input is listed twice"):
        Program([x, x], [], [x]).validate()


def test_wrong_number_of_names():
    (x,) = variables(SCALAR)
    with pytest.raises(ProgramError, match="2 names for 1 inputs"):
        Program([x], [], [x], input_names=["a", "b"]).validate()


def test_used_before_defined():
    x, y, z = variables(SCALAR, SCALAR, SCALAR)
    equations = [Equation(SIN, [x], [y], {}), Equation(ADD, [y, z], [z], {})]
    with pytest.raises(ProgramError, match="equation 1, `add`: operand 1 is used before it is defined"):
        Program([x], equations, [z]).validate()


def test_not_an_atom():
    x, y = variables(SCALAR, SCALAR)
    with pytest.raises(ProgramError, match=r"equation 0, `add`: operand 1 is neither a Var nor a Literal: 2\.0"):
        Program([x], [Equation(ADD, [x, 2.0], [y], {})], [y]).validate()


def test_assigned_twice():
    x, y = variables(SCALAR, SCALAR)
    equations = [Equation(SIN, [x], [y], {}), Equation(SIN, [x], [y], {})]
    with pytest.raises(ProgramError, match="equation 1, `sin`: an output was defined before"):
        Program([x], equations, [y]).validate()


def test_wrong_spec():
    x, y = variables(VECTOR, SCALAR)
    with pytest.raises(ProgramError, match=r"equation 0, `sin`: it gives \[Float64\[3\]\], but is written as"):
        Program([x], [Equation(SIN, [x], [y], {})], [y]).validate()


def test_wrong_number_of_outputs():
    x, y, z = variables(VECTOR, VECTOR, VECTOR)
    with pytest.raises(ProgramError, match="equation 0, `sin`: it gives"):
        Program([x], [Equation(SIN, [x], [y, z], {})], [y]).validate()


@pytest.mark.parametrize("operands", [1, 3])
def test_wrong_arity(operands):
    x, y = variables(SCALAR, SCALAR)
    with pytest.raises(ProgramError, match="equation 0, `add`: the primitive refuses its operands"):
        Program([x], [Equation(ADD, [x] * operands, [y], {})], [y]).validate()


def test_shapes_that_do_not_fit():
    x, y = variables(VECTOR, ArraySpec((4,), float))
    with pytest.raises(ProgramError, match=r"`add`: the primitive refuses its operands \(Float64\[3\], Float64\[4\]\)"):
        Program([x, y], [Equation(ADD, [x, y], [Var(VECTOR)], {})], []).validate()


def test_unknown_parameter():
    x, y = variables(SCALAR, SCALAR)
    with pytest.raises(ProgramError, match="equation 0, `sin`: the primitive refuses"):
        Program([x], [Equation(SIN, [x], [y], {"axis": 0})], [y]).validate()


def test_undefined_output():
    x, y = variables(SCALAR, SCALAR)
    with pytest.raises(ProgramError, match="output 1 is never defined"):
        Program([x], [], [Literal(1.0), y]).validate()


def test_trees_of_the_wrong_size():
    (x,) = variables(SCALAR)
    structure = ft.tree.flatten((1.0, 2.0))[1]
    with pytest.raises(ProgramError, match="its input tree has 2 leaves for 1 inputs"):
        Program([x], [], [x], in_tree=structure).validate()
    with pytest.raises(ProgramError, match="its output tree has 2 leaves for 1 outputs"):
        Program([x], [], [x], out_tree=structure).validate()


def test_the_message_has_the_users_line():
    program = ft.trace(lambda x: np.sin(x))(1.0)
    equation = program.equations[0]
    broken = Equation(SIN, [Var(SCALAR)], equation.outputs, {}, equation.location)
    with pytest.raises(ProgramError, match=r"equation 0, `sin` \(test_validate\.py:\d+\)"):
        Program(program.inputs, [broken], program.outputs).validate()
