"""Algebra: operations that give one of their operands, to the bit, are that operand.

What looks alike and is not: ``x + 0.0`` (of -0.0 it is 0.0), ``x * 0``, ``x - x`` and ``x / x`` (NaN), ``-(a - b)``
(a zero's sign), ``x * 1`` of complex numbers (an infinite part makes the other NaN). Negations are not moved, either:
a NaN has a sign, too (see ``signs``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import copysign
from typing import Any, TypeAlias

import numpy as np

from functrans.compile.memory_order import MemoryOrder, has_length, is_repeated
from functrans.compile.rewriting import Writer, known, rewritten
from functrans.ir import Atom, Equation, Literal, Program
from functrans.primitives import lookup

#: What an equation's output is, given the operands: one of them, mostly. None: nothing is known.
Identity: TypeAlias = "Callable[[_Simplifier, Writer, Equation, Sequence[Atom]], Atom | None]"


def simplify(program: Program) -> Program:
    """The program without the operations that change nothing, and with plain products where no zero absorbs."""
    return rewritten(program, _Simplifier())


class _Simplifier:
    """The rule of one run."""

    __slots__ = ("_order",)

    def __init__(self) -> None:
        self._order: MemoryOrder | None = None

    def __call__(self, writer: Writer, equation: Equation, inputs: Sequence[Atom]) -> Sequence[Atom] | None:
        identity = _IDENTITIES.get(equation.primitive.name)
        if identity is None:
            return None
        spec = equation.outputs[0].spec
        if spec.shape and has_length(spec):
            return None
        found = identity(self, writer, equation, inputs)
        return None if found is None or found.spec != spec else [found]

    def order(self, writer: Writer) -> MemoryOrder:
        if self._order is None:
            self._order = MemoryOrder(writer)
        return self._order


def _own(identity: Callable[[Equation, Sequence[Atom]], Atom | None]) -> Identity:
    """An identity of an operation that makes a new array, so that its operand must lie as that would."""

    def found(self: _Simplifier, writer: Writer, equation: Equation, inputs: Sequence[Atom]) -> Atom | None:
        atom = identity(equation, inputs)
        if atom is None or atom.spec != equation.outputs[0].spec:
            return None
        return atom if self.order(writer).is_own(atom) else None

    return found


def _is(atom: Atom, number: float) -> bool:
    """Whether it is a constant all of whose entries are this number; a zero has the same sign."""
    if not isinstance(atom, Literal) or not known(atom) or atom.spec.dtype.kind == "b":
        return False
    value = atom.value
    kind = atom.spec.dtype.kind
    if isinstance(value, np.ndarray):
        if not value.size or value[(0,) * value.ndim] != number:
            return False
        if value.ndim and not is_repeated(value):
            if kind == "c" or not np.all(value == number):
                return False
            return bool(number or kind != "f" or np.all(np.signbit(value) == np.signbit(number)))
        value = value[(0,) * value.ndim]
    if value != number:
        return False
    if kind == "c":
        return bool(number) or not (np.signbit(value.real) or np.signbit(value.imag) or np.signbit(number))
    return bool(number) or copysign(1.0, value) == copysign(1.0, number)


def _kind(equation: Equation) -> str:
    return equation.outputs[0].spec.dtype.kind


def _product(equation: Equation, inputs: Sequence[Atom]) -> Atom | None:
    if _kind(equation) not in "fiu":
        return None
    x, y = inputs
    return x if _is(y, 1) else y if _is(x, 1) else None


def _quotient(equation: Equation, inputs: Sequence[Atom]) -> Atom | None:
    return inputs[0] if _kind(equation) == "f" and _is(inputs[1], 1) else None


def _sum(equation: Equation, inputs: Sequence[Atom]) -> Atom | None:
    kind = _kind(equation)
    if kind not in "fiu":
        return None
    zero = -0.0 if kind == "f" else 0.0
    x, y = inputs
    return x if _is(y, zero) else y if _is(x, zero) else None


def _difference(equation: Equation, inputs: Sequence[Atom]) -> Atom | None:
    return inputs[0] if _kind(equation) in "fiuc" and _is(inputs[1], 0.0) else None


def _power(equation: Equation, inputs: Sequence[Atom]) -> Atom | None:
    x, y = inputs
    return x if _kind(equation) in "fiu" and x.spec.shape and y.spec.weak and _is(y, 1) else None


def _first(equation: Equation, inputs: Sequence[Atom]) -> Atom | None:
    return inputs[0]


def _real_conjugate(equation: Equation, inputs: Sequence[Atom]) -> Atom | None:
    return inputs[0] if _kind(equation) in "fiu" else None


def _copy(equation: Equation, inputs: Sequence[Atom]) -> Atom | None:
    return inputs[0] if inputs[0].spec.shape else None  # of a number it makes an array


def _negative(self: _Simplifier, writer: Writer, equation: Equation, inputs: Sequence[Atom]) -> Atom | None:
    inner = writer.definition(inputs[0])
    if inner is None or inner.primitive is not equation.primitive or _kind(equation) == "b":
        return None
    return inner.inputs[0] if self.order(writer).is_own(inner.inputs[0]) else None


# Views lie as their operand does, so it need not be a new array.


def _real(self: _Simplifier, writer: Writer, equation: Equation, inputs: Sequence[Atom]) -> Atom | None:
    return inputs[0] if _kind(equation) in "fiu" else None


def _same_shape(self: _Simplifier, writer: Writer, equation: Equation, inputs: Sequence[Atom]) -> Atom | None:
    # Stretched, an axis of length one has no step; and a view of a number is an array.
    shape = inputs[0].spec.shape
    return inputs[0] if shape and all(n != 1 for n in shape) else None


def _transpose(self: _Simplifier, writer: Writer, equation: Equation, inputs: Sequence[Atom]) -> Atom | None:
    axes = equation.params.get("axes")
    return inputs[0] if axes and tuple(axes) == tuple(range(len(inputs[0].spec.shape))) else None


def _strong(self: _Simplifier, writer: Writer, equation: Equation, inputs: Sequence[Atom]) -> Atom | None:
    x = inputs[0]
    return x if not x.spec.weak and (x.spec.shape or self.order(writer).is_own(x)) else None


def _weak(self: _Simplifier, writer: Writer, equation: Equation, inputs: Sequence[Atom]) -> Atom | None:
    return inputs[0] if inputs[0].spec.weak else None


# Choices.


def _where(self: _Simplifier, writer: Writer, equation: Equation, inputs: Sequence[Atom]) -> Atom | None:
    condition, x, y = inputs
    out = equation.outputs[0]
    if x is y:
        chosen = x
    elif _is_false(writer, condition):
        chosen = y
    else:
        return None
    if not out.spec.shape or chosen.spec != out.spec:
        return None
    order = self.order(writer)
    return chosen if order.is_own(chosen) and order.joint(inputs, out) == order.of(chosen) else None


def _not_below(self: _Simplifier, writer: Writer, equation: Equation, inputs: Sequence[Atom]) -> Atom | None:
    # Where `maximum(x, c)` takes `x`, or both: `(x == maximum(x, c)) | (x != x)` says that `x < c` is not so.
    for equal, odd in (inputs, inputs[::-1]):
        left, right = writer.definition(equal), writer.definition(odd)
        if left is None or right is None or left.primitive.name != "equal" or right.primitive.name != "not_equal":
            continue
        x, out = left.inputs
        chosen = writer.definition(out)
        if chosen is None or chosen.primitive.name not in ("maximum", "minimum") or chosen.inputs[0] is not x:
            continue
        bound = chosen.inputs[1]
        if right.inputs == (x, x) and x.spec == out.spec and _is_finite(bound) and isinstance(bound, Literal):
            beyond = lookup("less" if chosen.primitive.name == "maximum" else "greater")
            return writer.write(lookup("invert"), writer.write(beyond, x, bound))
    return None


def _is_false(writer: Writer, condition: Atom) -> bool:
    """Whether it is the question for an infinity that is equal to a finite constant."""
    both = writer.definition(condition)
    if both is None or both.primitive.name not in ("bitwise_and", "logical_and"):
        return False
    for infinite, equal in (both.inputs, both.inputs[::-1]):
        left, right = writer.definition(infinite), writer.definition(equal)
        if left is None or right is None or left.primitive.name != "isinf" or right.primitive.name != "equal":
            continue
        value = left.inputs[0]
        for a, b in (right.inputs, right.inputs[::-1]):
            if a is value and _is_finite(b):
                return True
    return False


def _is_finite(atom: Atom) -> bool:
    """Whether no entry is infinite or NaN, whatever the inputs."""
    if atom.spec.dtype.kind in "biu" and not atom.spec.weak:
        return True
    if not isinstance(atom, Literal) or not known(atom):
        return False
    value = atom.value
    if atom.spec.weak:  # beside half precision a large one is infinite
        return bool(abs(value) < 6e4)
    if is_repeated(value) and value.size:
        value = value[(0,) * value.ndim]
    return bool(np.all(np.isfinite(value)))


def _is_never_zero(atom: Atom) -> bool:
    if not isinstance(atom, Literal) or not known(atom):
        return False
    value = atom.value
    if is_repeated(value) and value.size:
        value = value[(0,) * value.ndim]
    return bool(np.all(value != 0))


def _absorbing(self: _Simplifier, writer: Writer, equation: Equation, inputs: Sequence[Atom]) -> Atom | None:
    # It differs from the product where the product is NaN and `ct` is zero, which takes a `d` that is not finite.
    ct, d = inputs
    out = equation.outputs[0].spec
    if not (_is_never_zero(ct) or _is_finite(d)):
        return None
    if not out.shape and (out.dtype.kind != "f" or ct.spec.weak or d.spec.weak):
        return None
    multiply = lookup("multiply")
    same = _product_of(self, writer, equation, inputs)
    if same is not None:
        return same
    return writer.write(multiply, ct, d) if multiply.spec(ct.spec, d.spec) == out else None


_product_of = _own(_product)

_IDENTITIES: dict[str, Any] = {
    "multiply": _product_of,
    "divide": _own(_quotient),
    "add": _own(_sum),
    "subtract": _own(_difference),
    "pow": _own(_power),
    "positive": _own(_first),
    "conjugate": _own(_real_conjugate),
    "astype": _own(_first),
    "astype_discrete": _own(_first),
    "copy": _own(_copy),
    "negative": _negative,
    "real": _real,
    "reshape": _same_shape,
    "broadcast_to": _same_shape,
    "transpose": _transpose,
    "strong": _strong,
    "weak": _weak,
    "where": _where,
    "bitwise_or": _not_below,
    "absorbing_multiply": _absorbing,
}
