"""Sums of products over a batch, brought to matrix products: one call of BLAS where a factor is the same for all.

A factor that is not batched is never repeated, and not copied unless its axes lie in an order that BLAS cannot read.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import lru_cache
from math import prod
from typing import Any, TypeAlias

import numpy as np

from functrans.ir.spec import ArraySpec
from functrans.ops.batching import Flags, Operands, Params, aligned, ranks, stacked
from functrans.primitives import Batch, Primitive

#: The label of the batch axis.
BATCH = 0

Labels: TypeAlias = Sequence[int]
Shape: TypeAlias = tuple[int, ...]


def examples(operands: Operands, batched: Flags) -> list[ArraySpec]:
    """The specs of the operands of one example."""
    specs = [ArraySpec.of(x) for x in operands]
    return [s.with_shape(s.shape[1:]) if flag else s for s, flag in zip(specs, batched, strict=True)]


def checked(rule: Batch) -> Batch:
    """A rule before which the primitive's own check of shapes is made, on one example.

    For those that might take the batch for an axis of an example.
    """

    def rule_of_checked(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
        primitive.spec(*examples(operands, batched), **params)
        return rule(primitive, operands, batched, size, params)

    return rule_of_checked


def matrices(count: int) -> Batch:
    """The rule of a function of so many stacks of matrices, whose leading axes broadcast."""
    return checked(stacked(*[2] * count))


# Products of matrices and vectors, as `np.matmul` has them.


def matmul(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
    """``a @ b`` of each example."""
    (a, b), (of_a, of_b) = operands, batched
    m, n = ranks(operands, batched)
    if not m or not n:
        primitive.spec(*examples(operands, batched), **params)  # which refuses scalars
    if m == 1:
        if of_a and of_b:
            return dots(a, b) if n == 1 else (np.reshape(a, (size, *[1] * (n - 1), a.shape[1])) @ b)[..., 0, :]
        if of_b:
            return b @ a if n == 1 else a @ b
        return a @ b if n <= 2 else np.moveaxis(a @ b, -2, 0)
    if n == 1:
        if of_a and of_b:
            return (a @ np.reshape(b, (size, *[1] * (m - 2), b.shape[1], 1)))[..., 0]
        if of_b:
            return b @ a.mT if m == 2 else np.moveaxis(b @ a.mT, -2, 0)
    if n <= 2 and not of_b:
        return rows(a, b)
    rank = max(m, n)
    return aligned(a, of_a, rank, 2) @ aligned(b, of_b, rank, 2)


def rows(a: Any, b: Any) -> Any:
    """``a @ b`` for one vector or matrix ``b``: all rows of all matrices at once, if that pays."""
    shape = a.shape
    if len(shape) <= 2 or b.ndim == 1 or not _large(b.size, b.shape[1]):
        return a @ b
    return np.reshape(np.reshape(a, (prod(shape[:-1]), shape[-1])) @ b, (*shape[:-1], b.shape[1]))


def _large(entries: int, columns: int) -> bool:
    """Whether one product with a matrix is faster than many with it: else it stays in the cache all the while.

    As measured. It is told from shapes alone, so that a program which is written down computes the same bits.
    """
    return entries >= 4096 and columns >= 32


def dots(a: Any, b: Any) -> Any:
    """The sums over the last axis of both, without a conjugate."""
    if a.dtype.kind != "c":
        return np.vecdot(a, b)
    return np.vecdot(b, a) if b.dtype.kind != "c" else (a[..., None, :] @ b[..., :, None])[..., 0, 0]


# Any sum of products of two arrays.

#: How an operand is brought into form: axes of length one go, others are summed; axes in this order, brought together
#: to this shape (each: nothing if None); and at last the last two change places.
Step: TypeAlias = tuple[Shape | None, Shape | None, Shape | None, Shape | None, bool]


def contract(a: Any, of_a: Labels, b: Any, of_b: Labels, out: Labels) -> Any:
    """The products of the entries of two arrays whose axes are labelled, summed over all labels that ``out`` lacks.

    No label stands twice in one of the three. An axis of length one meets any length.
    """
    multiply, swap, left, right, shape, order = _plan(tuple(of_a), a.shape, tuple(of_b), b.shape, tuple(out))
    x, y = (b, a) if swap else (a, b)
    product = multiply(_formed(x, left), _formed(y, right))
    if shape is not None:
        product = np.reshape(product, shape)
    return product if order is None else np.transpose(product, order)


def _formed(x: Any, step: Step) -> Any:
    squeezed, summed, order, shape, turn = step
    if squeezed is not None:
        x = np.reshape(x, squeezed)
    if summed is not None:
        x = np.sum(x, axis=summed, dtype=x.dtype)
    if order is not None:
        x = np.transpose(x, order)
    if shape is not None:
        x = np.reshape(x, shape)
    return x.mT if turn else x


@lru_cache(maxsize=1024)
def _plan(
    of_a: Shape, shape_a: Shape, of_b: Shape, shape_b: Shape, out: Shape
) -> tuple[Callable[[Any, Any], Any], bool, Step, Step, Shape | None, Shape | None]:
    """How :func:`contract` goes: what multiplies, whether the operands change places, their forms, the result's."""
    a, b = Factor(of_a, shape_a, of_b, shape_b, out), Factor(of_b, shape_b, of_a, shape_a, out)
    lengths = a.lengths | b.lengths
    summed = [label for label in a.lengths if label not in out]
    if not summed:
        return operator.mul, False, a.spread(out), b.spread(out), None, None
    if a.size < b.size:
        summed = [label for label in b.lengths if label not in out]
    both = [label for label in out if label in a.lengths and label in b.lengths]
    # A stack of matrix products over the labels of both, and over the first of the result too: if the result then is in
    # order; or rather than bring the axes of its operand together, if these lie apart or nothing is gained by that.
    stack, swap = both, False
    owner, other = (b, a) if out and out[0] not in a.lengths else (a, b)
    free = [i for i, label in enumerate(owner.lengths) if label in out and label not in both]
    columns = other.size // max(1, prod([lengths[label] for label in (*summed, *both)]))
    apart = len(free) > 1 and (free[-1] - free[0] >= len(free) or not _large(other.size, columns))
    fronts = [[], [label for label in out[:1] if label not in both]]
    for front in fronts[::-1] if apart else fronts:
        rest = list(out[len(front) + len(both) :])
        if [*out] == [*front, *both, *rest]:
            left = [label for label in rest if label in a.lengths]
            right = [label for label in rest if label in b.lengths]
            if rest in (left + right, right + left):
                stack, swap = front + both, rest != left + right
                break
    if swap:
        a, b = b, a
    left = [label for label in out if label in a.lengths and label not in stack]
    right = [label for label in out if label in b.lengths and label not in stack]
    found = [*stack, *left, *right]
    order = tuple([found.index(label) for label in out])
    if not left and not right:
        return dots, swap, a.grouped(stack, summed), b.grouped(stack, summed), None, _unless_sorted(order)
    whole = len(left) == len(right) == 1
    shape = None if whole else tuple([lengths[label] for label in found])
    return (
        operator.matmul,
        swap,
        a.grouped(stack, left, summed),
        b.grouped(stack, summed, right),
        shape,
        _unless_sorted(order),
    )


class Factor:
    """One operand of a contraction: the lengths of its axes by label, without those that no product needs."""

    __slots__ = ("alone", "lengths", "size", "squeezed")

    def __init__(self, labels: Shape, shape: Shape, others: Shape, other_shape: Shape, out: Shape) -> None:
        met = dict(zip(others, other_shape, strict=True))
        kept = {label: n for label, n in zip(labels, shape, strict=True) if n != 1 or met.get(label, 1) == 1}
        self.squeezed = tuple(kept.values()) if len(kept) < len(labels) else None
        # Axes that nothing else has are summed before.
        wanted = {label for label, n in met.items() if n != 1 or kept.get(label) == 1}.union(out)
        self.alone = tuple([i for i, label in enumerate(kept) if label not in wanted]) or None
        self.lengths = {label: n for label, n in kept.items() if label in wanted}
        self.size = prod(self.lengths.values())

    def step(self, order: Sequence[int], shape: Sequence[int], turn: bool = False) -> Step:
        """What brings its axes into this order and then to this shape."""
        lengths = list(self.lengths.values())
        reached = [lengths[i] for i in order]
        return (
            self.squeezed,
            self.alone,
            _unless_sorted(tuple(order)),
            None if reached == list(shape) else tuple(shape),
            turn,
        )

    def spread(self, out: Shape) -> Step:
        """The axes in the order of ``out``, with axes of length one for what it lacks."""
        places = list(self.lengths)
        order = [places.index(label) for label in out if label in self.lengths]
        return self.step(order, [self.lengths.get(label, 1) for label in out])

    def grouped(self, stack: Sequence[int], *groups: Sequence[int]) -> Step:
        """A stack of vectors or of matrices, with the axes of each group brought together."""
        places = list(self.lengths)
        stack = [label for label in stack if label in self.lengths]
        turn = len(groups) == 2 and all(groups) and places.index(groups[0][0]) > places.index(groups[1][0])
        groups = groups[::-1] if turn else groups
        order = [places.index(label) for group in (stack, *groups) for label in group]
        shape = [self.lengths[label] for label in stack]
        return self.step(order, shape + [prod([self.lengths[label] for label in group]) for group in groups], turn)


def _unless_sorted(order: Shape) -> Shape | None:
    return None if list(order) == sorted(order) else order
