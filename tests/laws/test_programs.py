"""Every law on whole random programs, and the laws that are about programs alone."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as hypothesis_st

import functrans as ft
from functrans.errors import FunctransError, ProgramError
from functrans.ir import Equation, Literal, Program, Var
from functrans.testing import strategies as st
from functrans.testing.assertion import assert_law
from functrans.testing.compare import assert_close, assert_same_bits, double, leaves
from functrans.testing.laws import LAWS, backward, executed, rounding
from functrans.testing.numerical import Undecided, derivative
from functrans.tracing.trace import live_equations

ABOUT_PROGRAMS = [law for law in LAWS if law.applies_to(np.sin)]


@pytest.mark.parametrize("law", ABOUT_PROGRAMS, ids=lambda law: law.name)
def test_law(law):
    assert_law(law, st.program_cases(), settings.default.max_examples)


@pytest.mark.parametrize("law", [law for law in ABOUT_PROGRAMS if law.anywhere], ids=lambda law: law.name)
def test_law_at_edges(law):
    assert_law(law, st.program_cases(edges=True), settings.default.max_examples)


# What changes nothing.


def reordered(program: Program, rng: np.random.Generator) -> Program:
    """The equations in another order in which each comes after those that it reads."""
    done, waiting, order = set(program.inputs), list(program.equations), []
    while waiting:
        ready = [e for e in waiting if all(isinstance(a, Literal) or a in done for a in e.inputs)]
        chosen = ready[rng.integers(len(ready))]
        waiting.remove(chosen)
        order.append(chosen)
        done.update(chosen.outputs)
    return Program(program.inputs, order, program.outputs)


def without_dead_code(program: Program, _: object) -> Program:
    return Program(program.inputs, live_equations(program.equations, program.outputs), program.outputs)


def renamed(program: Program, _: object) -> Program:
    """New variables and new equations for all."""
    new = {var: Var(var.spec) for var in program.inputs}
    equations = []
    for equation in program.equations:
        new.update({var: Var(var.spec) for var in equation.outputs})
        inputs = [new.get(atom, atom) for atom in equation.inputs]
        outputs = [new[var] for var in equation.outputs]
        equations.append(Equation(equation.primitive, inputs, outputs, equation.params))
    return Program([new[var] for var in program.inputs], equations, [new.get(atom, atom) for atom in program.outputs])


def retraced(program: Program, _: object) -> Program:
    specs = [var.spec for var in program.inputs]
    return ft.trace(lambda *args: ft.evaluate(program, *args))(*specs)


PASSES = [reordered, without_dead_code, renamed, retraced]


@pytest.mark.parametrize("edges", [False, True])
@pytest.mark.parametrize("change", PASSES)
@given(data=hypothesis_st.data())
def test_these_passes_change_nothing(change, edges, data):
    """evaluate(pass(p), x) == evaluate(p, x), to the bit; validate() accepts pass(p)."""
    case = data.draw(st.program_cases(edges=edges))
    with np.errstate(all="ignore"):
        changed = change(case.program, np.random.default_rng(case.seed)).validate()
        assert_same_bits(leaves(ft.evaluate(changed, *case.args)), leaves(case.value()))


@given(st.programs())
def test_renamed_programs_are_equal_and_dead_code_is_what_tracing_drops(program):
    assert renamed(program, None) == program
    assert hash(renamed(program, None)) == hash(program)
    lean, again = without_dead_code(program, None), retraced(program, None)
    variable = set(program.inputs)
    for equation in lean.equations:  # what depends on no input is computed while it is traced
        if variable & set(equation.inputs):
            variable.update(equation.outputs)
    kept = [equation.primitive for equation in lean.equations if variable & set(equation.outputs)]
    assert [equation.primitive for equation in again.equations] == kept
    assert retraced(again, None) == again


@given(st.programs())
def test_programs_are_data(program):
    """loads(dumps(p)) == p, and prints the same."""
    again = pickle.loads(pickle.dumps(program))
    assert again == program
    assert again.to_source() == program.to_source()


@pytest.mark.parametrize("edges", [False, True])
@given(data=hypothesis_st.data())
def test_printed_programs_run_as_they_are(edges, data):
    """exec(source of p)(x) == evaluate(p, x), to the bit: with dead code, literals that are returned, no inputs."""
    case = data.draw(st.program_cases(edges=edges))
    with np.errstate(all="ignore"):
        assert_same_bits(leaves(executed(case.program, *case.args)), leaves(case.value()))


@given(st.programs(), hypothesis_st.data())
def test_evaluation_gives_what_was_foretold_at_any_arguments(program, data):
    """specs(evaluate(p, x)) are those that p is written with; x stays as it is."""
    case = st.ProgramCase(program, data.draw(st.arguments(program)))
    try:
        with np.errstate(all="ignore"):
            out = case.value()
    except FunctransError:
        raise
    except (ArithmeticError, ValueError):  # Python's division by zero; what NumPy refuses: a quantile beyond 1
        reject()
    foretold = [atom.spec for atom in program.outputs]
    for found, spec in zip(out if len(foretold) != 1 else (out,), foretold, strict=True):
        assert (np.shape(found), np.asarray(found).dtype) == (spec.shape, spec.dtype)


# What validate() is for.


@given(st.programs(), hypothesis_st.data())
def test_broken_programs_are_refused(program, data):
    """A program without an equation that is needed, or with one twice, is none."""
    live = live_equations(program.equations, program.outputs)
    if not live:
        reject()
    chosen = data.draw(hypothesis_st.sampled_from(live))
    equations = list(program.equations)
    index = equations.index(chosen)
    for broken in (equations[:index] + equations[index + 1 :], [*equations, chosen]):
        with pytest.raises(ProgramError):
            Program(program.inputs, broken, program.outputs).validate()


# The third order.


@given(st.program_cases(max_equations=8, differentiable=True))
def test_third_derivatives_are_the_numerical_ones(case):
    """With g(x) = H(x) u, the Hessian of <w, f> times u: jvp(g, x, v) == d/dt g(x + t v); vjp(g) is its adjoint."""
    if not case.moving:
        reject()
    u, v, w = case.tangent(), case.tangent(1), case.cotangent()

    def second(case, w, u):
        return lambda *point: ft.jvp(backward(case, w), point, u)[1]

    with np.errstate(all="ignore"):
        found = ft.jvp(second(case, w, u), case.point, v)[1]
        try:
            judged = derivative(second(case.widened(), double(w), double(u)), case.point, v)
        except Undecided:
            reject()
        assert_close(found, judged.value, error=judged.error, precise=rounding(case))
        # The third derivative is symmetric: <z, T(u, v)> == <v, T(u, z)>, which the pullback of g gives.
        pulled = ft.vjp(second(case, w, u), *case.point)[1](v)
        assert_close(pulled, found, precise=rounding(case))
