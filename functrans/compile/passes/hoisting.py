"""Hoisting: what a loop computes at each step though it does not depend on the step, or though nobody reads it.

- A part of the carry that no step changes is a constant, and a constant that is a plain number is one of the body.
- What depends on the constants alone is computed once, in front of the loop: if the loop is known to run at all, or if
  it cannot fail.
- Outputs that nobody reads are left out, and with them the parts of the carry that they alone needed.

The steps that are left compute the same with the same operands, so results stay the same to the bit.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans.compile.rewriting import Writer, known, rewritten
from functrans.control.derived import chosen, hoisted, spread_out
from functrans.control.scan import scan_p
from functrans.control.sweeps import Parts
from functrans.control.whiles import while_p
from functrans.ir import Atom, Equation, Program, Var
from functrans.ir.quiet import within
from functrans.ops.broadcast import broadcast_to_p
from functrans.ops.shape import reshape_p, transpose_p
from functrans.tracing.trace import live_equations

_OPERATORS = (operator.add, operator.sub, operator.mul, operator.truediv, operator.neg)


def hoist(program: Program) -> Program:
    """The program with less to do at each step of its loops."""
    while (made := rewritten(program, _rule)) is not program:  # what fed a loop may not be read any more
        program = made
    return program


def _rule(writer: Writer, equation: Equation, inputs: Sequence[Atom]) -> Sequence[Atom] | None:
    if equation.primitive is scan_p:
        return _scan(writer, equation, inputs)
    return _while(writer, equation, inputs) if equation.primitive is while_p else None


def _scan(writer: Writer, equation: Equation, inputs: Sequence[Atom]) -> Sequence[Atom] | None:
    params: dict[str, Any] = dict(equation.params)
    body, length = params["program"], params["length"]
    given, mine = (
        Parts(inputs, params["consts"], params["carries"]),
        Parts(body.inputs, params["consts"], params["carries"]),
    )
    read = [writer.uses(var) > 0 for var in equation.outputs]
    carries = len(given.carry)
    live = _needed(body, mine.carry, read)
    same = [
        was is now and operand.spec == was.spec
        for was, now, operand in zip(mine.carry, body.outputs, given.carry, strict=False)
    ]
    stays = [need and not fixed for need, fixed in zip(live, same, strict=True)]
    consts = [*given.consts, *chosen(given.carry, same)]
    held = [*mine.consts, *chosen(mine.carry, same)]
    # A plain number becomes a constant of the body.
    plain = {var: x for var, x in zip(held, consts, strict=True) if known(x) and x.spec == var.spec}
    outputs = [*chosen(body.outputs[:carries], stays), *chosen(body.outputs[carries:], read[carries:])]
    made = Program([*held, *chosen(mine.carry, stays), *mine.xs], body.equations, outputs, name=body.name)
    made = _with_constants(made, plain)
    consts = [x for var, x in zip(held, consts, strict=True) if var not in plain]
    made, consts, moved = _in_front(writer, made, consts, sure=bool(length))
    own = made.inputs[len(consts) :]
    carry, xs = own[: sum(stays)], own[sum(stays) :]
    used = _read(made)
    keep_const = [var in used for var in made.inputs[: len(consts)]]
    keep_x = [var in used for var in xs]
    if length is None and not any(keep_x):
        keep_x[0] = True  # which says how many steps there are
    if not moved and not plain and all(stays) and all(read[carries:]) and all(keep_const) and all(keep_x):
        return None
    consts = chosen(consts, keep_const)
    made = Program(
        [*chosen(made.inputs, keep_const + [False] * len(own)), *carry, *chosen(xs, keep_x)],
        made.equations,
        made.outputs,
        name=made.name,
    )
    params.update(program=made, consts=len(consts), carries=len(carry))
    outs = writer.write_all(scan_p, [*consts, *chosen(given.carry, stays), *chosen(given.xs, keep_x)], params)
    ends = spread_out(outs[: len(carry)], stays)
    ys = spread_out(outs[len(carry) :], read[carries:])
    fixed = [x if flag else None for x, flag in zip(given.carry, same, strict=True)]
    return [
        new if new is not None else unchanged if unchanged is not None else old
        for new, unchanged, old in zip([*ends, *ys], [*fixed, *[None] * len(ys)], equation.outputs, strict=True)
    ]


def _while(writer: Writer, equation: Equation, inputs: Sequence[Atom]) -> Sequence[Atom] | None:
    params: dict[str, Any] = dict(equation.params)
    tests, bodies = params["tests"], params["bodies"]
    of_test, of_body, carry = list(inputs[:tests]), list(inputs[tests : tests + bodies]), inputs[tests + bodies :]
    test, of_test, first = _in_front(writer, params["test"], of_test, sure=True)
    body, of_body, second = _in_front(writer, params["body"], of_body, sure=False)
    test, of_test, third = _used(test, of_test)
    body, of_body, fourth = _used(body, of_body)
    if not (first or second or third or fourth):
        return None
    params.update(test=test, body=body, tests=len(of_test), bodies=len(of_body))
    return writer.write_all(while_p, [*of_test, *of_body, *carry], params)


def _needed(body: Program, carry: Sequence[Var], read: Sequence[bool]) -> list[bool]:
    """Which parts of the carry somebody reads: after the loop, or to compute what is read."""
    needed = list(read[: len(carry)])
    ys = chosen(body.outputs[len(carry) :], read[len(carry) :])
    while True:
        outputs = [*chosen(body.outputs[: len(carry)], needed), *ys]
        found: set[Atom] = {atom for e in live_equations(body.equations, outputs) for atom in e.inputs}
        found.update(outputs)
        grown = [need or var in found for need, var in zip(needed, carry, strict=True)]
        if grown == needed:
            return needed
        needed = grown


def _with_constants(body: Program, plain: dict[Var, Atom]) -> Program:
    """A body in which some inputs are constants; what no output needs is left out."""
    equations = live_equations(body.equations, body.outputs)
    if not plain and len(equations) == len(body.equations):
        return body

    def now(atom: Atom) -> Atom:
        return plain.get(atom, atom) if isinstance(atom, Var) else atom

    if plain:
        equations = [e.changed(inputs=[now(atom) for atom in e.inputs]) for e in equations]
    inputs = [var for var in body.inputs if var not in plain]
    return Program(inputs, equations, [now(atom) for atom in body.outputs], name=body.name)


def _in_front(writer: Writer, body: Program, consts: list[Atom], sure: bool) -> tuple[Program, list[Atom], bool]:
    """A body without what depends on its constants alone, which is written here; its constants; whether it changed."""
    if any(x.spec != var.spec for x, var in zip(consts, body.inputs, strict=False)):
        return body, consts, False
    cut = hoisted(body, len(consts))
    if not cut.before.equations or not (sure or all(map(_cannot_fail, cut.before.equations))):
        return body, consts, False
    now: dict[Atom, Atom] = dict(zip(cut.before.inputs, consts, strict=True))
    for e in cut.before.equations:
        outputs = [Var(var.spec) for var in e.outputs]
        inputs, errors = [now.get(a, a) for a in e.inputs], within(writer.errors, e.errors)
        writer.keep(e.changed(inputs=inputs, outputs=outputs, errors=errors))
        now.update(zip(e.outputs, outputs, strict=True))
    return cut.rest, [*chosen(consts, cut.kept), *[now.get(a, a) for a in cut.before.outputs]], True


def _cannot_fail(equation: Equation) -> bool:
    """Whether an equation is one of floats that gives an array, whatever the values."""
    if equation.primitive in (transpose_p, reshape_p, broadcast_to_p):
        return True
    impl = equation.primitive.impl
    return (isinstance(impl, np.ufunc) or impl in _OPERATORS) and all(
        atom.spec.dtype.kind in "fc" and not atom.spec.weak for atom in equation.outputs
    )


def _used(body: Program, consts: list[Atom]) -> tuple[Program, list[Atom], bool]:
    """A body without the constants that it does not read."""
    used = _read(body)
    keep = [var in used for var in body.inputs[: len(consts)]]
    if all(keep):
        return body, consts, False
    inputs = [*chosen(body.inputs[: len(consts)], keep), *body.inputs[len(consts) :]]
    return Program(inputs, body.equations, body.outputs, name=body.name), chosen(consts, keep), True


def _read(body: Program) -> set[Atom]:
    """What the equations and outputs of a program read."""
    return {*body.outputs, *[atom for e in body.equations for atom in e.inputs]}
