"""Signs: negations taken into sums, products and constants.

Every number stays the same to the bit, zeros with their signs. A NaN stays one, but may change its sign; a program that
looks at signs of its own accord is left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans.compile.memory_order import has_length, is_repeated
from functrans.compile.rewriting import Writer, known, rewritten
from functrans.ir import Atom, Equation, Literal, Program, Var
from functrans.primitives import lookup
from functrans.tracing.trace import frozen

#: What tells the sign of a NaN.
_LOOKING = frozenset({"copysign", "signbit", "view"})


def move_signs(program: Program) -> Program:
    """The program in which sums subtract and constants are negative where values were negated before."""
    if any(equation.primitive.name in _LOOKING for equation in program.equations):
        return program
    return rewritten(program, moved)


def moved(writer: Writer, equation: Equation, inputs: Sequence[Atom]) -> Sequence[Atom] | None:
    """The rule, for one equation."""
    name = equation.primitive.name
    if name not in ("add", "subtract", "multiply", "divide", "negative"):
        return None
    spec = equation.outputs[0].spec
    sums = name in ("add", "subtract")
    if spec.dtype.kind not in ("fc" if sums else "f") or has_length(spec):
        return None
    if name == "negative":
        found = _negated_product(writer, equation, inputs[0])
    else:
        found = None
        step = _step(writer, name, *inputs)
        while step is not None:  # what came of it may be negated, too
            found, step = step, _step(writer, step[0], *step[1:])
    if found is None:
        return None
    primitive, operands = lookup(found[0]), found[1:]
    return [writer.write(primitive, *operands)] if primitive.spec(*[a.spec for a in operands]) == spec else None


def _step(writer: Writer, name: str, *operands: Atom) -> tuple[Any, ...] | None:
    if name == "negative":
        return None
    x, y = operands
    minus_x, minus_y = _negated(writer, x), _negated(writer, y)
    match name:
        case "add" if minus_y is not None:
            return "subtract", x, minus_y
        case "add" if minus_x is not None:
            return "subtract", y, minus_x
        case "subtract" if minus_y is not None:
            return "add", x, minus_y
        case "multiply" | "divide" if minus_x is not None and minus_y is not None:
            return name, minus_x, minus_y
        case "multiply" | "divide" if minus_x is not None:
            opposite = _opposite(y)
            return (name, minus_x, opposite) if opposite is not None else None
        case "multiply" | "divide" if minus_y is not None:
            opposite = _opposite(x)
            return (name, opposite, minus_y) if opposite is not None else None
    if name == "multiply":
        for number, other in ((y, x), (x, y)):
            if _is_minus_one(number) and other.spec.dtype.kind == "f":
                return "negative", other
    return None


def _negated_product(writer: Writer, equation: Equation, x: Atom) -> tuple[Any, ...] | None:
    """``-(c * y)`` and the like, if nobody else reads the product."""
    product = writer.definition(x)
    old = equation.inputs[0]
    if product is None or not isinstance(old, Var) or writer.uses(old) > 1:
        return None
    name = product.primitive.name
    if name not in ("multiply", "divide"):
        return None
    for position, operand in enumerate(product.inputs):
        opposite = _opposite(operand)
        if opposite is not None:
            operands = list(product.inputs)
            operands[position] = opposite
            return name, *operands
    return None


def _negated(writer: Writer, atom: Atom) -> Atom | None:
    """What an atom is the negation of."""
    equation = writer.definition(atom)
    if equation is None or equation.primitive.name != "negative" or equation.inputs[0].spec != atom.spec:
        return None
    return equation.inputs[0] if atom.spec.dtype.kind in "fc" else None  # the least integer is its own opposite


def _opposite(atom: Atom) -> Literal | None:
    """The constant with the other sign."""
    if not isinstance(atom, Literal) or not known(atom) or atom.spec.dtype.kind not in "fi":
        return None
    value = atom.value
    if atom.spec.dtype.kind == "i" and not (atom.spec.weak and value):  # there is no negative zero among integers
        return None
    if is_repeated(value):
        return Literal(frozen(np.broadcast_to(-value[(0,) * value.ndim], value.shape))) if value.size else None
    return None if isinstance(value, np.ndarray) and value.ndim else Literal(-value)


def _is_minus_one(atom: Atom) -> bool:
    return isinstance(atom, Literal) and known(atom) and not atom.spec.shape and bool(atom.value == -1)
