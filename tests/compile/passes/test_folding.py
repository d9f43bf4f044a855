"""Constant folding."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings

import functrans as ft
from functrans.compile.passes.folding import fold_constants
from functrans.ir import Equation, Literal, Program, Var
from functrans.primitives import lookup
from functrans.testing import strategies as st
from tests.compile.passes.laws import check_pass


def constant_program(name: str, *values, **params) -> Program:
    """One equation of constants; its result is the output."""
    atoms = [Literal(value) for value in values]
    primitive = lookup(name)
    out = Var(primitive.spec(*[a.spec for a in atoms], **params))
    return Program([], [Equation(primitive, atoms, [out], params)], [out])


@settings(deadline=None, max_examples=60)
@given(st.program_cases(max_equations=12, edges=True, layouts=True))
def test_law(case: st.ProgramCase) -> None:
    check_pass(fold_constants, case.program, case.args)


@settings(deadline=None, max_examples=60)
@given(st.program_cases(max_equations=8, edges=True, layouts=True))
def test_law_where_inputs_are_known(case: st.ProgramCase) -> None:
    """The arguments put into the program as constants."""
    given_ = dict(zip(case.program.inputs, [Literal(arg) for arg in case.args], strict=True))
    read = lambda atom: given_.get(atom, atom)  # noqa: E731
    equations = [
        Equation(e.primitive, [read(a) for a in e.inputs], e.outputs, e.params) for e in case.program.equations
    ]
    check_pass(fold_constants, Program([], equations, [read(a) for a in case.program.outputs]), [])


@settings(deadline=None, max_examples=60)
@given(
    st.cases("multiply", edges=True, layouts=True) | st.cases("divide", edges=True) | st.cases("less", edges=True),
)
def test_repeated_numbers(case) -> None:
    x, y = case.args
    shape = np.broadcast_shapes(np.shape(x), np.shape(y))
    for number in (np.ravel(x)[:1], np.float32([-0.0]), np.float64([2.5]), np.array([3])):
        if number.size:
            other = np.broadcast_to(np.asarray(y), shape).copy(order="K")
            repeated = np.broadcast_to(number[0], shape)
            check_pass(fold_constants, ft.trace(lambda t, c=repeated: (t / c, c * t, c < t))(other), [other])


def test_chains_of_constants():
    program = constant_program("exp", np.arange(3.0))
    made = check_pass(fold_constants, program, [])
    assert not made.equations
    (out,) = made.outputs
    assert isinstance(out, Literal)
    assert not out.value.flags.writeable


@pytest.mark.parametrize(
    "program",
    [
        constant_program("divide", np.array([1.0]), np.array([0.0])),
        constant_program("log", np.float64(-1.0)),
        constant_program("divide", 1.0, 0),
        constant_program("exp", np.float64(1e4)),
        constant_program("left_shift", 1, -1),
    ],
    ids=lambda program: program.equations[0].primitive.name,
)
def test_what_warns_or_raises_is_left_to_the_run(program):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fold_constants(program) is program


def test_large_results_are_not_kept():
    program = constant_program("broadcast_to", np.float64(1.0), shape=(1000, 1000))
    assert fold_constants(program) is program


def test_layouts_are_kept():
    made = fold_constants(constant_program("transpose", np.ones((2, 3)), axes=(1, 0)))
    assert made.outputs[0].value.strides == (8, 24)


def test_effects_are_kept(capsys):
    def f(x):
        ft.debug.print("{}", x)
        return x

    (equation,) = ft.trace(f)(1.0).equations
    program = Program([], [Equation(equation.primitive, [Literal(1.0)], equation.outputs, equation.params)], [])
    assert fold_constants(program) is program
    assert not capsys.readouterr().out


def test_what_a_user_declared_runs_at_its_time():
    calls = []

    @ft.custom_jvp
    def f(x):
        calls.append(x)
        return x * 2.0

    f.defjvp(lambda primals, tangents: (f(primals[0]), 2.0 * tangents[0]))
    inner = ft.trace(lambda x: f(x))(1.0)
    equations = [
        Equation(e.primitive, [Literal(3.0)] * len(e.inputs), e.outputs, e.params) for e in inner.equations[:1]
    ]
    before = len(calls)
    fold_constants(Program([], equations, [equations[0].outputs[0]]))
    assert len(calls) == before


def test_seeds_of_means_are_numbers():
    program = ft.trace(ft.grad(lambda x: np.mean(np.sin(x))))(np.ones((20, 5)))
    x = np.linspace(-1.0, 1.0, 100).reshape(20, 5)
    for leaves in (x, np.asfortranarray(x), x[::-1]):
        made = check_pass(fold_constants, program, [leaves])
        assert all(a.spec.shape == () for e in made.equations for a in e.inputs if isinstance(a, Literal))


@pytest.mark.parametrize(
    "constant",
    [
        np.array([0.0, -0.0, 0.0]),
        np.full(3, np.nan),
        np.ones((3, 3)),  # in C's order, as the product is then
        np.full(3, 1j),
    ],
)
def test_other_constants_stay(constant):
    program = ft.trace(lambda x: x * constant)(np.ones(constant.shape))
    assert fold_constants(program) is program


def test_shapes_and_dtypes_that_the_constant_gives():
    ones = np.ones(3)
    for x in (np.float64(2.0), np.float32(2.0), np.ones((2, 1))):
        program = ft.trace(lambda x: x * ones)(x)
        assert fold_constants(program) is program
    made = check_pass(fold_constants, ft.trace(lambda x: x * ones)(np.ones(3, np.float32)), [np.ones(3, np.float32)])
    assert made.outputs[0].spec.dtype == np.float64
