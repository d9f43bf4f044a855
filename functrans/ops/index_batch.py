"""Batches of indexing: one index of NumPy's that does for all examples what theirs do for each.

An array in the index that is batched needs the number of the example beside it, unless what is indexed is the same for
all. NumPy then puts the batch, or what the arrays choose, elsewhere than one example has it: :class:`BatchedIndex` says
which axes to move.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from functrans.errors import MissingRuleError
from functrans.ops import batching
from functrans.ops.index_template import ARRAY, DISTINCT, MASK, Template
from functrans.primitives import Primitive
from functrans.tracing.bind import bind

_WHOLE = (None, None, None)


class BatchedIndex(NamedTuple):
    """An index for all examples; in what it chooses the axes ``found`` are to be moved to ``wanted``."""

    template: Template
    arrays: Sequence[Any]
    found: tuple[int, ...]
    wanted: tuple[int, ...]
    rank: int  # how many axes the choice of one example has


class Chosen(NamedTuple):
    """The axes of ``x[index]`` that its arrays choose: the place of the first, and how many; and how many in all."""

    place: int
    width: int
    rank: int


def chosen(template: Template, ranks: Sequence[int], ndim: int) -> Chosen:
    """Where NumPy puts what the arrays of an index choose; ``ndim`` is the rank of what is indexed."""
    rest = iter(ranks)
    parts = [(part, next(rest) if is_array(part) else 0) for part in template]
    taken = sum([_axes_taken(part, rank) for part, rank in parts])
    width = max([1 if type(part) is tuple else rank for part, rank in parts if is_array(part)], default=0)
    place, made, apart, inside = None, 0, False, False
    for part, _ in parts:
        chooses = type(part) is int or is_array(part)
        if chooses:
            apart = apart or (place is not None and not inside)
            place = made if place is None else place
        else:
            made += ndim - taken if part is Ellipsis else 1
        inside = chooses
    if Ellipsis not in template:
        made += ndim - taken
    return Chosen(0 if apart or place is None else place, width, made + width)


def is_array(part: Any) -> bool:
    """Whether an entry of a template holds the place of an array or a mask."""
    return type(part) is str or (type(part) is tuple and part[0] == MASK)


def _axes_taken(part: Any, rank: int) -> int:
    if type(part) is tuple and part[0] == MASK:
        return rank
    return int(part is not None and part is not Ellipsis)


def batched_index(
    template: Template, arrays: Sequence[Any], batched: Sequence[bool], ndim: int, x_batched: bool, size: int
) -> BatchedIndex:
    """The index for all examples, of an array whose examples have ``ndim`` axes."""
    if not any(batched):
        ranks = [np.ndim(array) for array in arrays]
        axes = chosen((_WHOLE, *template), ranks, ndim + 1)
        moves = axes.place == 0 < axes.width  # in front of the batch
        return BatchedIndex(
            (_WHOLE, *template), arrays, (axes.width,) if moves else (), (0,) if moves else (), axes.rank - 1
        )
    template, arrays, batched = _without_batched_masks(template, arrays, batched)
    axes = chosen(template, batching.ranks(arrays, batched), ndim)
    arrays = [batching.aligned(array, flag, axes.width) for array, flag in zip(arrays, batched, strict=True)]
    if x_batched:
        # In front of all axes then stands what arrays choose: the batch, and what one example chooses.
        examples = np.arange(size).reshape((size,) + (1,) * axes.width)
        found, wanted = (range(first, first + axes.width) for first in (1, 1 + axes.place))
        if axes.place == 0:
            found = wanted = range(0)
        return BatchedIndex((DISTINCT, *template), [examples, *arrays], tuple(found), tuple(wanted), axes.rank)
    # Two examples may choose the same entry.
    flags = iter(batched)
    template = tuple([ARRAY if is_array(part) and next(flags) else part for part in template])
    return BatchedIndex(template, arrays, (axes.place,), (0,), axes.rank)


def _without_batched_masks(
    template: Template, arrays: Sequence[Any], batched: Sequence[bool]
) -> tuple[Template, list[Any], list[bool]]:
    """The same index with positions instead of each batched mask. Each example has as many of them."""
    parts: list[Any] = []
    found: list[Any] = []
    flags: list[bool] = []
    rest = iter(zip(arrays, batched, strict=True))
    for part in template:
        array, flag = next(rest) if is_array(part) else (None, False)
        if not flag or type(part) is str:
            parts.append(part)
            if array is not None:
                found.append(array)
                flags.append(flag)
            continue
        positions = _positions(array, part[1])
        parts += [DISTINCT] * len(positions)
        found += positions
        flags += [True] * len(positions)
    return tuple(parts), found, flags


def _positions(mask: Any, count: int) -> list[Any]:
    """Where each of many masks is true, as the indices in each axis.

    Raises:
        MissingRuleError: the masks are truth values, which have no axis.
    """
    size, *lengths = mask.shape
    if not lengths:
        raise MissingRuleError("an index that is one truth value was batched", "choose by `np.where`.")
    flat = np.argsort(np.logical_not(np.reshape(mask, (size, int(np.prod(lengths))))), axis=1, stable=True)[:, :count]
    positions: list[Any] = []
    for n in reversed(lengths):
        positions.insert(0, flat % n if n else flat)
        flat = flat // n if n else flat
    return positions


def batch_getitem(
    primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    """``x[index]`` for each example."""
    x, *arrays = operands
    index = batched_index(params["template"], arrays, batched[1:], np.ndim(x) - batched[0], batched[0], size)
    out = bind(primitive, x, *index.arrays, template=index.template)
    return np.moveaxis(out, index.found, index.wanted) if index.found != index.wanted else out


def batch_scatter(
    primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    """Values added into zeros, for each example."""
    values, *arrays = operands
    shape = params["shape"]
    index = batched_index(params["template"], arrays, batched[1:], len(shape), True, size)
    values = _in_place(values, batched[0], index)
    return bind(primitive, values, *index.arrays, template=index.template, shape=(size, *shape))


def batch_written(
    primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    """Values written to ``x``, or added, for each example."""
    x, values, *arrays = operands
    index = batched_index(params["template"], arrays, batched[2:], np.ndim(x) - batched[0], True, size)
    # A view is enough: what is written to is a copy in any case.
    x = batching.full(x, batched[0], size)
    return bind(primitive, x, _in_place(values, batched[1], index), *index.arrays, template=index.template)


def _in_place(values: Any, is_batched: bool, index: BatchedIndex) -> Any:
    """Values with their axes where the index has them."""
    if index.found == index.wanted or (not is_batched and np.ndim(values) == 0):
        return batching.aligned(values, is_batched, index.rank)
    if not is_batched:
        values = np.reshape(values, (1, *np.shape(values)))
    return np.moveaxis(batching.aligned(values, True, index.rank), index.wanted, index.found)
