"""Strength: cheaper operations that give the same bits.

The operator ``**`` of NumPy's arrays hands some exponents to other functions; so ``x ** 2`` is ``np.square(x)``,
which can write into a given array. A number without axes is left alone: ``**`` of NumPy scalars is another function.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import frexp
from typing import Any

import numpy as np

from functrans.compile.memory_order import has_length
from functrans.compile.rewriting import Writer, known, rewritten
from functrans.ir import Atom, Equation, Literal, Program
from functrans.primitives import lookup


def cheaper(program: Program) -> Program:
    """The program with squares, roots and quotients in the place of powers, products in the place of quotients."""
    return rewritten(program, _cheaper)


def _cheaper(writer: Writer, equation: Equation, inputs: Sequence[Atom]) -> Sequence[Atom] | None:
    name = equation.primitive.name
    if name not in _RULES:
        return None
    spec = equation.outputs[0].spec
    if not spec.shape or has_length(spec):
        return None
    found = _RULES[name](writer, inputs)
    if found is None:
        return None
    primitive, operands = lookup(found[0]), found[1:]
    return [writer.write(primitive, *operands)] if primitive.spec(*[a.spec for a in operands]) == spec else None


_POWERS = {2.0: "square", 0.5: "sqrt", -1.0: "divide"}


def _power(writer: Writer, inputs: Sequence[Atom]) -> Any:
    base, exponent = inputs
    if not isinstance(exponent, Literal) or type(exponent.value) not in (int, float):
        return None
    name = _POWERS.get(exponent.value)
    if name == "divide":  # it is `np.reciprocal`, which is slower than the division that it stands for
        return (name, Literal(1.0), base) if base.spec.dtype.char in "fd" else None
    return (name, base) if name and base.spec.dtype.kind == "f" else None


def _reciprocal(writer: Writer, inputs: Sequence[Atom]) -> Any:
    return ("divide", Literal(1.0), inputs[0]) if inputs[0].spec.dtype.char in "fd" else None


def _quotient(writer: Writer, inputs: Sequence[Atom]) -> Any:
    x, y = inputs
    if not isinstance(y, Literal) or y.spec.shape or not known(y):
        return None
    if x.spec.dtype.kind == "c" or y.spec.dtype.kind not in "if":
        return None
    dtype = np.result_type(x.spec.dtype, np.float64) if x.spec.dtype.kind in "iub" else x.spec.dtype
    if dtype.char not in "fd" or not (y.spec.weak or y.spec.dtype == dtype):
        return None
    # A power of two has an exact reciprocal; both are rounded once, from the same number.
    if not 2.0**-100 <= abs(y.value) <= 2.0**100 or abs(frexp(y.value)[0]) != 0.5:
        return None
    value = 1.0 / float(y.value)
    return ("multiply", x, Literal(value if y.spec.weak else y.spec.dtype.type(value)))


def _factor(atom: Atom) -> float | None:
    """A constant real number."""
    if not isinstance(atom, Literal) or atom.spec.shape or not known(atom) or atom.spec.dtype.kind not in "if":
        return None
    return float(atom.value)


def _product(writer: Writer, inputs: Sequence[Atom]) -> Any:
    """``c * (2**k * x)`` is ``(c * 2**k) * x`` for k >= 0 and ``|c| >= 1``: doubling rounds nothing, and where it gives
    infinities the product does so too.
    """
    x, y = inputs
    for number, rest in ((x, y), (y, x)):
        inner = writer.definition(rest)
        outer = _factor(number)
        if outer is None or not abs(outer) >= 1.0 or inner is None or inner.primitive.name != "multiply":
            continue
        for given, other in (inner.inputs, inner.inputs[::-1]):
            power = _factor(given)
            if power is None or not 1.0 < power <= 2.0**100 or frexp(power)[0] != 0.5:
                continue
            if other.spec.dtype.char not in "fd" or rest.spec.dtype != other.spec.dtype or not other.spec.shape:
                continue
            total = outer * power
            if abs(total) > np.finfo(rest.spec.dtype).max or not (
                number.spec.weak or number.spec.dtype == rest.spec.dtype
            ):
                continue
            return ("multiply", Literal(total if number.spec.weak else rest.spec.dtype.type(total)), other)
    return None


_RULES = {"pow": _power, "reciprocal": _reciprocal, "divide": _quotient, "multiply": _product}
