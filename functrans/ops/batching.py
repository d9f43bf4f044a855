"""Families of batching rules: how a primitive maps over a leading axis of some of its operands, without a loop.

A rule is called as ``rule(primitive, operands, batched, size, params)``; an operand that is not batched is the same for
each example, and is not copied.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from functrans.primitives import Batch, Derivatives, Primitive
from functrans.tracing.bind import bind

Operands = Sequence[Any]
Flags = Sequence[bool]
Params = Mapping[str, Any]


def ranks(operands: Operands, batched: Flags) -> list[int]:
    """The number of axes of each operand of one example."""
    return [np.ndim(x) - flag for x, flag in zip(operands, batched, strict=True)]


def aligned(x: Any, is_batched: bool, rank: int, core: int = 0) -> Any:
    """A batched operand with axes of length one behind the batch, so that one example of it has ``rank`` axes.

    ``core`` axes at the end stay in their place.
    """
    shape = np.shape(x)
    if not is_batched or len(shape) - 1 >= rank:
        return x
    lead = len(shape) - core
    return np.reshape(x, (shape[0], *[1] * (rank + 1 - len(shape)), *shape[1:lead], *shape[lead:]))


def full(x: Any, is_batched: bool, size: int) -> Any:
    """An operand with the batch in front: one that has none is repeated, as a view."""
    return x if is_batched else np.broadcast_to(x, (size, *np.shape(x)))


def elementwise(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
    """Operands that broadcast against one another."""
    rank = max(ranks(operands, batched))
    return bind(primitive, *[aligned(x, flag, rank) for x, flag in zip(operands, batched, strict=True)], **params)


def stacked(*core: int) -> Batch:
    """Operands of which the last ``core`` axes are worked on, and those before broadcast."""

    def rule(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
        rank = max([n - c for n, c in zip(ranks(operands, batched), core, strict=False)])
        return bind(
            primitive,
            *[aligned(x, flag, rank + c, c) for x, flag, c in zip(operands, batched, core, strict=False)],
            **params,
        )

    return rule


def shifted(value: Any) -> Any:
    """Axes counted behind the batch: an axis, a tuple of them, or None."""
    if isinstance(value, tuple):
        return tuple([axis + 1 for axis in value])
    return None if value is None else value + 1


def along(*names: str) -> Batch:
    """One operand, and parameters of these names that hold its axes as non-negative integers."""

    def rule(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
        moved = {name: shifted(value) if name in names else value for name, value in params.items()}
        return bind(primitive, *operands, **moved)

    return rule


def reducing(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
    """A reduction of the first operand along ``axis``; the others (initial values, masks) broadcast against it."""
    x = full(operands[0], batched[0], size)
    rank = np.ndim(x) - 1
    others = [aligned(o, flag, rank) for o, flag in zip(operands[1:], batched[1:], strict=True)]
    return bind(primitive, x, *others, **{**params, "axis": shifted(params["axis"])})


def starting(combine: Callable[[Any, Any], Any], neutral: float | None = None) -> Batch:
    """As :func:`reducing`, of operands ``(x, initial, where)``, also with an initial value for each example.

    NumPy starts from one number, so those that differ come in afterwards. ``neutral`` changes nothing in the reduction;
    None: the initial value itself.
    """

    def rule(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
        if len(operands) == 1 or not batched[1]:
            return reducing(primitive, operands, batched, size, params)
        x = full(operands[0], batched[0], size)
        rank, axis = np.ndim(x) - 1, params["axis"]
        start = aligned(operands[1], True, rank)
        if len(operands) == 3:
            x = np.where(aligned(operands[2], batched[2], rank), x, start if neutral is None else neutral)
        kept = [n if i not in axis else 1 for i, n in enumerate(x.shape[1:]) if params.get("keepdims") or i not in axis]
        start = np.reshape(start, (size, *[1] * len(kept)))
        if neutral is None and not x.size:
            return np.broadcast_to(start, (size, *kept))
        return combine(bind(primitive, x, **{**params, "axis": shifted(axis)}), start)

    return rule


def identity(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
    """The operand itself: what is done to one example is nothing to an array."""
    return operands[0]


def reducing_all(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
    """A reduction of one operand along ``axis``, which is left out where all axes are meant."""
    axes = tuple(range(np.ndim(operands[0]) - 1))
    return reducing(primitive, operands, batched, size, {"axis": axes, **params})


def each(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
    """One example after the other: for what NumPy has no batched form of, and no derivative goes through."""
    outs = [
        bind(primitive, *[x[i] if flag else x for x, flag in zip(operands, batched, strict=True)], **params)
        for i in range(size)
    ]
    if primitive.multiple:
        return tuple(np.stack(column) for column in zip(*outs, strict=True))
    return np.stack(outs)


def rule_of(primitive: Primitive) -> Callable[..., Any] | None:
    """The batching rule of a primitive: its own, or that of its family."""
    if primitive.batch is not None:
        return primitive.batch
    return elementwise if primitive.domain or isinstance(primitive.derivative, Derivatives) else None
