"""How values lie in memory: what NumPy's sums and products round by, so what a pass must not change.

A sum adds in the order of memory, and BLAS takes other ways where there are gaps; a number without axes is a NumPy
scalar, which has arithmetic of its own, or an array. So a pass may put one value in the place of another only if both
lie alike. Here is what is known of that without knowing the inputs: every elementwise operation makes a new array
without gaps, with its axes in the order of its operands' (C's, wherever those disagree).
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from functrans.compile.rewriting import Writer, known
from functrans.ir import ArraySpec, Atom, Equation, Literal
from functrans.ir.spec import Length

_OPERATORS = frozenset(
    [
        *[operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow],
        *[operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne, operator.neg, operator.pos],
        *[operator.and_, operator.or_, operator.xor, operator.invert, operator.lshift, operator.rshift, operator.abs],
    ]
)
#: Elementwise, though computed by other functions.
_ELEMENTWISE = frozenset(["absorbing_multiply", "arctan_slope", "logistic", "one_minus_square", "sech_squared"])
#: What gives an array in C's order; its own, without gaps.
_PLAIN = frozenset(["matmul"])


class Order(NamedTuple):
    """How a value lies: its axes are ordered like those of ``root``; ``own`` says that it has no gaps, and is a NumPy
    scalar if it has no axes.
    """

    root: Any
    own: bool


_C = Order("C", True)


class MemoryOrder:
    """What is known of the values of a program that is being written."""

    __slots__ = ("_known", "_writer")

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._known: dict[Atom, Order | None] = {}

    def is_own(self, atom: Atom) -> bool:
        """Whether an elementwise operation on this one value would give an array that lies as it does."""
        order = self.of(atom)
        return order.own if order is not None else type(getattr(atom, "value", None)) is not np.ndarray

    def of(self, atom: Atom) -> Order | None:
        """How a value lies; None if the order of its axes says nothing: one number, or one that is repeated."""
        seen = self._known
        if atom in seen:
            return seen[atom]
        waiting = [atom]
        while waiting:  # no recursion: programs are deep
            last = waiting[-1]
            equation = self._writer.definition(last)
            if equation is not None and not last.spec.weak and is_elementwise(equation):
                unknown = [a for a in equation.inputs if a not in seen]
                if unknown:
                    waiting += unknown
                    continue
                order = self.joint(equation.inputs, last)
                # `np.where` gives arrays without axes, where others give scalars.
                scalar = last.spec.shape or equation.primitive.impl is not np.where
                seen[last] = order if scalar else Order(last, False)
            else:
                seen[last] = _first(last, equation)
            waiting.pop()
        return seen[atom]

    def joint(self, operands: Sequence[Atom], out: Atom) -> Order | None:
        """How the result of an elementwise operation lies."""
        spec = out.spec
        if len(spec.shape) <= 1:
            return _C
        roots = []
        for operand in operands:
            order = self.of(operand)
            if order is not None and _axes(operand.spec) > 1:
                if order.root == "C" and operand.spec.shape == spec.shape:
                    return _C  # it wins against the others
                # Stretched, it has a say in the order of some axes alone.
                roots.append(order.root if operand.spec.shape == spec.shape else (order.root, operand))
            elif order is not None and operand.spec.shape == spec.shape:
                roots.append(order.root)
        if not roots:
            return _C if all(n > 1 for n in spec.shape) else Order(out, True)
        return Order(roots[0] if all(root == roots[0] for root in roots) else out, True)


def is_elementwise(equation: Equation) -> bool:
    """Whether it makes each entry of a new array from entries of its operands, broadcast."""
    impl = equation.primitive.impl
    if isinstance(impl, np.ufunc):
        return impl.signature is None
    try:
        return impl in _OPERATORS or equation.primitive.name in _ELEMENTWISE or impl is np.where
    except TypeError:  # a callable that cannot be hashed
        return False


def has_length(spec: ArraySpec) -> bool:
    """Whether a length is known when the program runs alone; then equal shapes need not be."""
    return any(type(n) is Length for n in spec.shape)


def is_repeated(value: Any) -> bool:
    """Whether an array holds one number, repeated without memory for each."""
    return isinstance(value, np.ndarray) and value.ndim > 0 and not any(value.strides)


def _axes(spec: ArraySpec) -> int:
    return sum([n != 1 for n in spec.shape])


def _first(atom: Atom, equation: Equation | None) -> Order | None:
    """How a value lies that is no elementwise operation's."""
    if isinstance(atom, Literal):
        value = atom.value
        if not known(atom):
            return Order(atom, False)
        if not isinstance(value, np.ndarray) or is_repeated(value):
            return None
        return Order("C" if value.flags.c_contiguous and all(n > 1 for n in value.shape) else atom, False)
    if atom.spec.weak:
        return None
    if equation is not None and equation.primitive.name in _PLAIN and len(atom.spec.shape) > 1:
        return Order("C" if all(n > 1 for n in atom.spec.shape) else atom, True)
    return Order(atom, False)
