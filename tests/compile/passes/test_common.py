"""Common subexpressions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

import functrans as ft
from functrans.compile.passes.common import common_subexpressions
from functrans.ir import Equation, Program
from functrans.testing import strategies as st
from tests.compile.passes.laws import check_pass


def names(program: Program) -> list[str]:
    return [equation.primitive.name for equation in program.equations]


@settings(deadline=None, max_examples=60)
@given(st.program_cases(max_equations=12, edges=True, layouts=True))
def test_law(case: st.ProgramCase) -> None:
    check_pass(common_subexpressions, case.program, case.args)


@settings(deadline=None, max_examples=40)
@given(st.program_cases(max_equations=8, primitives=["add", "multiply", "where", "getitem", "sum"], layouts=True))
def test_a_program_and_its_double_are_one(case: st.ProgramCase) -> None:
    def twice(*args):
        return ft.evaluate(case.program, *args), ft.evaluate(case.program, *args)

    once = common_subexpressions(ft.trace(lambda *args: ft.evaluate(case.program, *args))(*case.args))
    made = check_pass(common_subexpressions, ft.trace(twice)(*case.args), case.args)
    assert len(made.equations) == len(once.equations)


def test_chains_are_shared():
    def f(x):
        return np.sum(np.exp(x[1:]) * 2.0) + np.sum(np.exp(x[1:]) * 2.0)

    made = check_pass(common_subexpressions, ft.trace(f)(np.ones(4)), [np.arange(4.0)])
    assert names(made) == ["getitem", "exp", "multiply", "sum", "add"]
    assert made.equations[-1].inputs[0] is made.equations[-1].inputs[1]


def test_outputs_are_shared():
    made = check_pass(common_subexpressions, ft.trace(lambda x: (x * 2, x * 2))(1.5), [1.5])
    assert made.outputs[0] is made.outputs[1]


def test_several_outputs_of_one_equation():
    made = check_pass(common_subexpressions, ft.trace(lambda x: np.modf(x)[0] + np.modf(x)[1])(1.5), [2.5])
    assert names(made) == ["modf", "add"]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (0.0, -0.0),
        (1, 1.0),
        (True, 1),
        (1.0, np.float64(1.0)),
        (np.float32(1.0), np.float64(1.0)),
        (np.ones((2, 3)), np.ones((3, 2)).T),
        (np.ones((2, 3)), np.broadcast_to(1.0, (2, 3))),
        (np.array([0.0]), np.array([-0.0])),
        (np.zeros((), np.float64), np.float64(0.0)),
    ],
)
def test_constants_that_differ(a, b):
    program = ft.trace(lambda x: (x * a, x * b))(np.ones((2, 3)))
    assert len(common_subexpressions(program).equations) == 2


def test_constants_that_are_equal():
    def f(x):
        return x * np.arange(3.0), x * np.arange(3.0), np.copysign(np.nan, -1.0) * x, -np.float64(np.nan) * x

    assert len(common_subexpressions(ft.trace(f)(np.ones(3))).equations) == 2


def test_parameters_count():
    made = common_subexpressions(ft.trace(lambda x: (np.sum(x, 0), np.sum(x, 1), np.sum(x, 0)))(np.ones((2, 2))))
    assert len(made.equations) == 2


def test_programs_that_are_held_are_compared():
    def loop(c):
        return lambda x: ft.scan(lambda s, _: (s * c, s), x, None, length=3)

    program = ft.trace(lambda x: (loop(2.0)(x), loop(2.0)(x), loop(3.0)(x)))(1.0)
    assert names(program) == ["strong", "scan"] * 3
    assert names(check_pass(common_subexpressions, program, [1.5])) == ["strong", "scan", "scan"]


def test_what_prints_prints_twice(capsys):
    def f(x):
        ft.debug.print("{}", x)
        ft.debug.print("{}", x)
        return x * 2

    program = ft.trace(f)(1.0)
    made = check_pass(common_subexpressions, program, [1.0])
    assert len(made.equations) == len(program.equations) == 3
    assert capsys.readouterr().out.count("1.0") >= 4


def test_traced_constants():
    seen = []

    def f(x):
        program = ft.trace(lambda y: x * y + x * y)(2.0)
        seen.append(common_subexpressions(program))
        return ft.evaluate(seen[0], 3.0)

    assert ft.grad(f)(1.5) == 6.0
    assert len(seen[0].equations) == 2


def test_a_parameter_without_hash():
    program = ft.trace(lambda x: np.exp(x) + np.exp(x))(1.0)
    odd = [
        Equation(e.primitive, e.inputs, e.outputs, {"odd": {1: [set()]}} if i < 2 else {})
        for i, e in enumerate(program.equations)
    ]
    made = common_subexpressions(Program(program.inputs, odd, program.outputs))
    assert len(made.equations) == 3


def test_a_program_without_duplicates_is_returned():
    program = ft.trace(lambda x: np.exp(x) + np.sin(x))(1.0)
    assert common_subexpressions(program) is program


def test_a_number_stands_on_either_side():
    x = np.array([1.0, -0.0, np.inf, np.nan, -np.nan])
    made = check_pass(common_subexpressions, ft.trace(lambda x: (x * 2.0, 2.0 * x, 1 + x, x + 1))(x), [x])
    assert names(made) == ["multiply", "add"]
    program = ft.trace(lambda x: (x * np.nan, np.nan * x, x - 1, 1 - x, x + x[0], x[0] + x))(x)
    assert len(check_pass(common_subexpressions, program, [x]).equations) == len(program.equations) - 1
    program = ft.trace(lambda z: (z * 2.0, 2.0 * z))(x + 1j)
    assert len(check_pass(common_subexpressions, program, [x + 1j]).equations) == 2
