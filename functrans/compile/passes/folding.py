"""Constant folding: constants are computed once, and those that repeat a number are the number."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans.compile.memory_order import has_length, is_elementwise, is_repeated
from functrans.compile.rewriting import Writer, known, rewritten
from functrans.ir import ArraySpec, Atom, Equation, Literal, Program
from functrans.tracing.trace import frozen

#: A constant may have as many entries; and a few times those of what it was computed from, if that was one.
_LARGEST, _GROWTH = 4096, 4

_FOLDED = frozenset(
    [
        "reshape",
        "transpose",
        "broadcast_to",
        "strong",
        "weak",
        "astype",
        "astype_discrete",
        "copy",
        "real",
        "imag",
        "complex_of",
        "getitem",
        "sum",
        "prod",
        "max",
        "min",
        "any",
        "all",
        "mean",
        "matmul",
        "dot",
        "concatenate",
        "stack",
        "diagonal",
        "diag",
        "tril",
        "triu",
        "flip",
        "roll",
    ]
)
#: Of each entry they take the same bits from an array as from a number.
BY_NUMBER = frozenset(
    [
        "add",
        "subtract",
        "multiply",
        "divide",
        "less",
        "less_equal",
        "greater",
        "greater_equal",
        "equal",
        "not_equal",
    ]
)


def fold_constants(program: Program) -> Program:
    """The program in which equations of small constants are their results, and repeated constants are numbers.

    What would warn or raise is left to the run, where it does so.
    """
    return rewritten(program, _fold)


def _fold(writer: Writer, equation: Equation, inputs: Sequence[Atom]) -> Sequence[Atom] | None:
    for atom in inputs:
        if not isinstance(atom, Literal):
            break
    else:
        return _computed(equation, inputs)
    if equation.primitive.name in BY_NUMBER and len(inputs) == 2:
        return _by_number(writer, equation, inputs)
    return None


def _computed(equation: Equation, inputs: Sequence[Atom]) -> Sequence[Atom] | None:
    primitive = equation.primitive
    if not (primitive.name in _FOLDED or is_elementwise(equation)) or not all(map(known, inputs)):
        return None
    room = max(_LARGEST, _GROWTH * max([atom.spec.size for atom in inputs]))
    if any(var.spec.size > min(room, 16 * _LARGEST) or has_length(var.spec) for var in equation.outputs):
        return None
    try:
        with warnings.catch_warnings(), np.errstate(all="raise"):
            warnings.simplefilter("error")
            found = primitive.impl(*[atom.value for atom in inputs if isinstance(atom, Literal)], **equation.params)
    except Exception:  # whatever it is, it shall happen at the run
        return None
    outs = found if primitive.multiple else (found,)
    values = [frozen(out) if isinstance(out, np.ndarray) else out for out in outs]
    if [ArraySpec.of(value) for value in values] != [var.spec for var in equation.outputs]:
        return None
    return [Literal(value) for value in values]


def _by_number(writer: Writer, equation: Equation, inputs: Sequence[Atom]) -> Sequence[Atom] | None:
    out = equation.outputs[0].spec
    for position, atom in enumerate(inputs):
        number = _repeated_number(atom)
        if number is None or inputs[1 - position].spec.shape != out.shape or has_length(out):
            continue
        atoms = list(inputs)
        atoms[position] = Literal(number)
        if equation.primitive.spec(*[a.spec for a in atoms]) == out:
            return [writer.write(equation.primitive, *atoms)]
    return None


def _repeated_number(atom: Atom) -> Any:
    """The one number that a constant array holds, if an array without it would lie in memory as with it."""
    value = getattr(atom, "value", None)
    if type(value) is not np.ndarray or not value.size or value.dtype.kind not in "biuf" or not value.ndim:
        return None
    first = value[(0,) * value.ndim]
    if first != first:  # of two NaN the first counts, and which is the first?
        return None
    if is_repeated(value):
        return first
    if value.ndim > 1 or value[-1] != first or not np.all(value == first):
        return None
    same = first != 0 or value.dtype.kind != "f" or np.all(np.signbit(value) == np.signbit(first))
    return first if same else None
