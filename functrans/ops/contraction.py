"""Sums of products over a batch, brought to matrix products: one call of BLAS where a factor is the same for all.

A factor that is not batched is never repeated, and not copied unless its axes lie in an order that BLAS cannot read.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from functrans.ir.spec import ArraySpec
from functrans.ops.batching import Flags, Operands, Params, aligned, ranks, stacked
from functrans.primitive import Batch, Primitive

#: The label of the batch axis.
BATCH = 0

Labels = Sequence[int]


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


def contract(a: Any, of_a: Labels, b: Any, of_b: Labels, out: Labels) -> Any:
    """The products of the entries of two arrays whose axes are labelled, summed over all labels that ``out`` lacks.

    No label stands twice in one of the three; an axis has the same length in both.
    """
    a, of_a = _summed_alone(a, of_a, of_b, out)
    b, of_b = _summed_alone(b, of_b, of_a, out)
    larger = of_a if a.size > b.size else of_b
    summed = [label for label in larger if label not in out]
    if not summed:
        return _spread(a, of_a, out) * _spread(b, of_b, out)
    lengths = dict(zip(of_a, a.shape, strict=True)) | dict(zip(of_b, b.shape, strict=True))
    both = [label for label in out if label in of_a and label in of_b]
    # A stack of matrix products over the labels of both, and over the first of the result too: if the result then is in
    # order; or rather than bring the axes of its operand together, if these lie apart or nothing is gained by that.
    stack, swap = both, False
    owner, other = (of_a, b) if out[0] in of_a else (of_b, a)
    free = [i for i, label in enumerate(owner) if label in out and label not in both]
    columns = other.size // max(1, prod([lengths[label] for label in (*summed, *both)]))
    apart = len(free) > 1 and (free[-1] - free[0] >= len(free) or not _large(other.size, columns))
    fronts = [[], [label for label in out[:1] if label not in both]]
    for front in fronts[::-1] if apart else fronts:
        rest = list(out[len(front) + len(both) :])
        if [*out] == [*front, *both, *rest]:
            left = [label for label in rest if label in of_a]
            right = [label for label in rest if label in of_b]
            if rest in (left + right, right + left):
                stack, swap = front + both, rest != left + right
                break
    if swap:
        a, of_a, b, of_b = b, of_b, a, of_a
    left = [label for label in out if label in of_a and label not in stack]
    right = [label for label in out if label in of_b and label not in stack]
    if not left and not right:
        none: list[int] = []
        product = dots(*[_grouped(x, own, stack, none, summed)[..., 0, :] for x, own in ((a, of_a), (b, of_b))])
    else:
        product = _grouped(a, of_a, stack, left, summed) @ _grouped(b, of_b, stack, summed, right)
    found = [*stack, *left, *right]
    product = _reshaped(product, tuple([lengths[label] for label in found]))
    return _transposed(product, [found.index(label) for label in out])


def _summed_alone(x: Any, labels: Labels, others: Labels, out: Labels) -> tuple[Any, Labels]:
    """``x`` summed over the axes that nothing else has."""
    alone = [i for i, label in enumerate(labels) if label not in others and label not in out]
    if not alone:
        return x, labels
    return np.sum(x, axis=tuple(alone), dtype=x.dtype), [label for i, label in enumerate(labels) if i not in alone]


def _spread(x: Any, labels: Labels, out: Labels) -> Any:
    """``x`` with its axes in the order of ``out``, and axes of length one for what it lacks."""
    lengths = dict(zip(labels, x.shape, strict=True))
    x = _transposed(x, [labels.index(label) for label in out if label in lengths])
    return _reshaped(x, tuple([lengths.get(label, 1) for label in out]))


def _grouped(x: Any, labels: Labels, stack: Labels, first: Labels, second: Labels) -> Any:
    """``x`` as a stack of matrices with these labels along the rows and along the columns."""
    stack = [label for label in stack if label in labels]
    turn = bool(first) and bool(second) and labels.index(first[0]) > labels.index(second[0])
    if turn:
        first, second = second, first
    x = _transposed(x, [labels.index(label) for label in (*stack, *first, *second)])
    shape, start, middle = x.shape, len(stack), len(stack) + len(first)
    x = _reshaped(x, (*shape[:start], prod(shape[start:middle]), prod(shape[middle:])))
    return x.mT if turn else x


def _transposed(x: Any, order: list[int]) -> Any:
    return x if order == sorted(order) else np.transpose(x, order)


def _reshaped(x: Any, shape: tuple[int, ...]) -> Any:
    return x if x.shape == shape else np.reshape(x, shape)
