"""Common subexpressions: what is computed twice is computed once."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from functrans.compile.rewriting import known, with_equations
from functrans.ir import Atom, Equation, Literal, Program, Var
from functrans.ir.program import frozen_key
from functrans.ir.quiet import Errors, louder
from functrans.tracing.trace import has_effect, live_equations

_LARGE = 1 << 16


def common_subexpressions(program: Program) -> Program:
    """The program in which equations of the same primitive, parameters and operands are one, the first of them.

    It reports the floating-point errors that any of them would. What has an effect stays. Constants are the same if
    they are equal to the bit, and lie alike in memory.
    """
    now: dict[Var, Var] = {}
    first: dict[Any, Equation] = {}
    literals: dict[int, Hashable] = {}
    kept: list[Equation] = []
    reporting: dict[Equation, Errors] = {}

    def key(atom: Atom) -> Hashable:
        if isinstance(atom, Var):
            return now.get(atom, atom)
        found = literals.get(id(atom))
        if found is None:
            found = literals[id(atom)] = _literal_key(atom)
        return found

    for equation in program.equations:
        params = equation.params
        try:
            inputs = equation.inputs
            if len(inputs) == 2 and _is_number(inputs[1]) and _commutes(equation):
                inputs = (inputs[1], inputs[0])
            name = (equation.primitive, tuple([key(a) for a in inputs]), frozen_key(params) if params else ())
            same = None if has_effect(equation) else first.setdefault(name, equation)
        except TypeError:  # a parameter with something in it that has no hash
            same = None
        errors = None if same is None else louder(reporting.get(same, same.errors), equation.errors)
        if same is None or same is equation or errors is None or not _same_specs(equation, same):
            kept.append(equation)
        else:
            if errors != same.errors:
                reporting[same] = errors
            now.update(zip(equation.outputs, same.outputs, strict=True))
    if not now:
        return program
    read = lambda atom: now.get(atom, atom) if isinstance(atom, Var) else atom  # noqa: E731
    for i, equation in enumerate(kept):
        if equation in reporting or any(atom in now for atom in equation.inputs):
            shared = [read(atom) for atom in equation.inputs]
            kept[i] = equation.changed(inputs=shared, errors=reporting.get(equation))
    outputs = [read(atom) for atom in program.outputs]
    return with_equations(program, live_equations(kept, outputs), outputs)


def _is_number(atom: Atom) -> bool:
    """Whether it is a constant number, and not NaN (of two NaN the first counts)."""
    return isinstance(atom, Literal) and not atom.spec.shape and known(atom) and bool(atom.value == atom.value)


def _commutes(equation: Equation) -> bool:
    return equation.primitive.name in ("add", "multiply") and equation.outputs[0].spec.dtype.kind in "fiu"


def _literal_key(literal: Literal) -> Hashable:
    value = literal.value
    if not known(literal):
        return id(value)
    if isinstance(value, np.ndarray):
        if value.size > _LARGE and any(value.strides):  # no pass reads that much; a trace holds each array once
            return id(value)
        once = value if any(value.strides) else value[(slice(0, 1),) * value.ndim]
        return ("array", value.dtype.str, value.shape, value.strides, once.tobytes())
    if isinstance(value, np.generic):
        return (type(value), value.tobytes())
    return (type(value), np.asarray(value).tobytes() if isinstance(value, float | complex) else value)


def _same_specs(one: Equation, other: Equation) -> bool:
    return all(a.spec == b.spec for a, b in zip(one.outputs, other.outputs, strict=True))
