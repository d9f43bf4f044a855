"""Calls in whose place the equations stand that are called."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings

import functrans as ft
from functrans.compile.passes.inline import inline
from functrans.interpreter import run_plain
from functrans.ir import Equation, Literal, Program, Var
from functrans.primitives import Primitive, forget
from functrans.testing import strategies as st
from tests.compile.passes.laws import check_pass


@pytest.fixture(scope="module")
def call() -> Iterator[Primitive]:
    """A plain call."""
    made = Primitive(
        "call_for_tests",
        lambda *args, program: tuple(run_plain(program, args)),
        lambda *specs, program: tuple([atom.spec for atom in program.outputs]),
        None,
        multiple=True,
    )
    yield made
    forget(made)


def called(call: Primitive, program: Program) -> Program:
    """A program that calls another one twice: the second time with what the first gives, where that fits."""
    inputs = [Var(var.spec) for var in program.inputs]
    first = Equation(call, inputs, [Var(a.spec) for a in program.outputs], {"program": program})
    given_ = [next((out for out in first.outputs if out.spec == var.spec), var) for var in inputs]
    second = Equation(call, given_, [Var(a.spec) for a in program.outputs], {"program": program})
    return Program(inputs, [first, second], [*first.outputs, *second.outputs])


def names(program: Program) -> list[str]:
    return [equation.primitive.name for equation in program.equations]


@settings(deadline=None, max_examples=60)
@given(case=st.program_cases(max_equations=6, edges=True, layouts=True))
def test_law(call, case: st.ProgramCase) -> None:
    rewrite = lambda program: inline(program, [call])  # noqa: E731
    once = called(call, case.program)
    twice = called(call, once)
    for program in (once, twice):
        made = check_pass(rewrite, program, case.args)
        assert "call_for_tests" not in names(made)


def test_what_nobody_reads_goes(call):
    def f(x):
        return np.exp(x), np.sin(x)

    program = called(call, ft.trace(f)(1.0))
    assert len(inline(Program(program.inputs, program.equations, program.outputs[:1]), [call]).equations) == 1


def test_results_that_are_arguments_or_constants(call):
    x = Var(ft.ArraySpec((), float))
    held = Program([x], [], [x, Literal(2.0), x])
    made = check_pass(lambda p: inline(p, [call]), called(call, held), [np.float64(3.0)])
    assert not made.equations
    assert [getattr(atom, "value", None) for atom in made.outputs] == [None, 2.0, None] * 2


def test_deep_calls(call):
    program = ft.trace(lambda x: x * 2.0)(1.5)
    for _ in range(3000):
        x = Var(program.inputs[0].spec)
        outs = [Var(a.spec) for a in program.outputs]
        program = Program([x], [Equation(call, [x], outs, {"program": program})], outs)
    assert names(inline(program, [call])) == ["multiply"]


def test_a_checkpoint_stays():
    program = ft.trace(ft.grad(ft.checkpoint(lambda x: np.sin(np.sin(x)))))(1.0)
    assert "checkpoint" in " ".join(names(program))
    assert inline(program) is program


def test_effects_stay(call, capsys):
    def f(x):
        ft.debug.print("{}", x)
        return x

    program = called(call, ft.trace(f)(1.0))
    made = inline(Program(program.inputs, program.equations, []), [call])
    assert len(made.equations) == 2
    assert not capsys.readouterr().out
