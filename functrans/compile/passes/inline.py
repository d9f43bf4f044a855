"""Calls: the equations of a function that was compiled by itself, in the place of its call."""

from __future__ import annotations

from collections.abc import Collection

from functrans.compile.rewriting import with_equations
from functrans.ir import Atom, Equation, Program, Var
from functrans.ir.quiet import Errors, within
from functrans.primitives import Primitive, declared
from functrans.tracing.trace import live_equations


def inline(program: Program, calls: Collection[Primitive] | None = None) -> Program:
    """The program with the equations of the programs that it calls, and those call, in the place of the calls.

    Args:
        program: any program.
        calls: primitives that do no more than to run their parameter ``program``; by default, the calls of functions
            that are compiled. (A checkpoint does more: it keeps its program to itself so that that runs twice.)
    """
    if calls is None:
        jit = declared("jit")
        calls = () if jit is None else (jit,)
    if not any(equation.primitive in calls for equation in program.equations):
        return program
    equations: list[Equation] = []
    now: dict[Var, Atom] = {}
    # Programs that are being read, each with what its values are called here: no recursion, calls may be deep.
    open_: list[tuple[Program, int, dict[Var, Atom], Equation | None, Errors]] = [(program, 0, now, None, ())]
    while open_:
        inner, position, names, call, around = open_.pop()
        if position == len(inner.equations):
            if call is not None:
                outer = open_[-1][2]
                results = [names.get(a, a) if isinstance(a, Var) else a for a in inner.outputs]
                outer.update(zip(call.outputs, results, strict=True))
            continue
        open_.append((inner, position + 1, names, call, around))
        equation = inner.equations[position]
        inputs = [names.get(a, a) if isinstance(a, Var) else a for a in equation.inputs]
        errors = within(around, equation.errors)
        if equation.primitive in calls:
            held: Program = equation.params["program"]
            open_.append((held, 0, dict(zip(held.inputs, inputs, strict=True)), equation, errors))
            continue
        outputs = equation.outputs
        if call is not None:  # a program may be called twice
            outputs = tuple([Var(var.spec) for var in outputs])
            names.update(zip(equation.outputs, outputs, strict=True))
        location = equation.location or (call.location if call is not None else None)
        equations.append(Equation(equation.primitive, inputs, outputs, equation.params, location, errors))
    outputs_now = [now.get(a, a) if isinstance(a, Var) else a for a in program.outputs]
    return with_equations(program, live_equations(equations, outputs_now), outputs_now)
