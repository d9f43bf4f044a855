"""Numbers among arrays: NumPy takes an array without axes twice as fast as a Python number or a NumPy scalar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans.compile.memory_order import has_length
from functrans.compile.passes.folding import BY_NUMBER
from functrans.compile.rewriting import Writer, known, rewritten
from functrans.ir import Atom, Equation, Literal, Program
from functrans.tracing.trace import frozen

_BINARY = BY_NUMBER | {"maximum", "minimum"}


def convert_scalars(program: Program) -> Program:
    """The program in which numbers among arrays have the dtype that they take there, as arrays without axes."""
    made: dict[Any, Literal] = {}

    def converted(writer: Writer, equation: Equation, inputs: Sequence[Atom]) -> Sequence[Atom] | None:
        name = equation.primitive.name
        if name in _BINARY and len(inputs) == 2:
            first = 0
        elif name == "where" and len(inputs) == 3:
            first = 1
        else:
            return None
        for position in (first, first + 1):
            number, other = inputs[position], inputs[2 * first + 1 - position]
            if not isinstance(number, Literal) or type(number.value) is np.ndarray or not known(number):
                continue
            if not other.spec.shape or has_length(other.spec):
                continue
            literal = _array(number, other.spec.dtype, made)
            if literal is None:
                return None
            atoms = list(inputs)
            atoms[position] = literal
            # What comes out stays the same: of this dtype, with the other's axes.
            writer.keep(equation.changed(inputs=atoms))
            return equation.outputs
        return None

    return rewritten(program, converted)


def _array(number: Literal, dtype: np.dtype[Any], made: dict[Any, Literal]) -> Literal | None:
    """The number as an array of this dtype, if it is one of its numbers."""
    value = number.value
    if dtype.char not in "fd" or not (number.spec.weak or number.spec.dtype == dtype):
        return None
    if number.spec.dtype.kind not in "if" or not abs(value) < 2.0**100 or (type(value) is int and abs(value) > 1 << 24):
        return None
    array = np.asarray(value, dtype)
    key = (dtype, array.tobytes())
    if key not in made:
        made[key] = Literal(frozen(array))
    return made[key]
