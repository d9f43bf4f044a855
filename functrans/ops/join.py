"""Several arrays into one (``concatenate``, ``stack``, ``block``) and one into several (``split``, ``unstack``)."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from functrans.errors import ShapeError
from functrans.ir.source import param_source
from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.convert import to_dtype
from functrans.ops.family import normalize_axis, result_dtype
from functrans.ops.scalars import is_weak
from functrans.ops.shape import atleast_1d, atleast_2d, atleast_3d, operand_array, to_shape
from functrans.primitives import Each, Linear, Primitive
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import implements, refuse_out
from functrans.tracing.tracer import Tracer

# The cotangent of one among n operands is found in time proportional to n: more of them are joined group by group.
_GROUP = 256


def _joined_source(function: str) -> Any:
    return lambda args, params: f"{function}(({', '.join(args)},), axis={params['axis']})"


def _batch_joined(
    primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    parts = [batching.full(x, flag, size) for x, flag in zip(operands, batched, strict=True)]
    return bind(primitive, *parts, axis=params["axis"] + 1)


def _concatenate_spec(*arrays: ArraySpec, axis: int) -> ArraySpec:
    first = arrays[0].shape
    rest = first[:axis] + first[axis + 1 :]
    for x in arrays:
        if x.ndim != len(first) or x.shape[:axis] + x.shape[axis + 1 :] != rest:
            raise ShapeError(
                f"cannot concatenate {arrays[0]} and {x} along axis {axis}",
                "all lengths except that of the joined axis must be equal; `np.stack` joins along a new axis.",
            )
    length = sum([x.shape[axis] for x in arrays])
    return ArraySpec((*first[:axis], length, *first[axis + 1 :]), np.result_type(*{x.dtype for x in arrays}))


def _concatenate_transpose(position: int, ct: Any, *arrays: ArraySpec, axis: int) -> Any:
    start = sum([x.shape[axis] for x in arrays[:position]])
    return ct[(*[slice(None)] * axis, slice(start, start + arrays[position].shape[axis]))]


concatenate_p = Primitive(
    "concatenate",
    lambda *arrays, axis: np.concatenate(arrays, axis=axis),
    _concatenate_spec,
    Linear(Each(_concatenate_transpose)),
    source=_joined_source("np.concatenate"),
    batch=_batch_joined,
)


def _stack_spec(*arrays: ArraySpec, axis: int) -> ArraySpec:
    shape = arrays[0].shape
    for x in arrays:
        if x.shape != shape:
            raise ShapeError(
                f"cannot stack {arrays[0]} and {x}: all input arrays must have the same shape",
                "`np.concatenate` joins arrays of different lengths along an axis that they have.",
            )
    return ArraySpec((*shape[:axis], len(arrays), *shape[axis:]), np.result_type(*{x.dtype for x in arrays}))


stack_p = Primitive(
    "stack",
    lambda *arrays, axis: np.stack(arrays, axis=axis),
    _stack_spec,
    Linear(Each(lambda position, ct, *arrays, axis: ct[(*[slice(None)] * axis, position)])),
    source=_joined_source("np.stack"),
    batch=_batch_joined,
)


def _operands(arrays: Any, dtype: Any, casting: str) -> list[Any]:
    if type(arrays) is Tracer:
        arrays = unstack(arrays)
    parts = [operand_array(x) for x in arrays]
    if dtype is None:
        return parts
    dtype = np.dtype(dtype)
    for x in parts:
        if not np.can_cast(x.dtype, dtype, casting):  # type: ignore[arg-type]
            raise TypeError(f"Cannot cast array data from {x.dtype!r} to {dtype!r} according to the rule '{casting}'")
    return [x if x.dtype == dtype else to_dtype(x, dtype) for x in parts]


def _flat_operands(arrays: Any) -> list[Any]:
    """Operands for ``axis=None``: in one dimension; there, and only there, Python scalars promote weakly."""
    arrays = list(unstack(arrays) if type(arrays) is Tracer else arrays)
    weak = [is_weak(x) for x in arrays]
    if any(weak) and not all(weak):
        dtype = result_dtype(arrays)
        arrays = [to_dtype(x, dtype) if w else x for x, w in zip(arrays, weak, strict=True)]
    return [to_shape(x, (x.size,)) for x in map(operand_array, arrays)]


def _joined(primitive: Primitive, arrays: list[Any], axis: Any, new: int) -> Any:
    if not arrays:
        raise ValueError(f"need at least one array to {primitive.name}")
    ndim = arrays[0].ndim
    if not new and not ndim:
        raise ValueError("zero-dimensional arrays cannot be concatenated")
    axis = normalize_axis(axis, ndim + new)
    try:
        return _in_groups(primitive, arrays, axis)
    except ValueError:
        primitive.spec(*[ArraySpec.of(x) for x in arrays], axis=axis)  # says it in the words of the shapes
        raise


def _in_groups(primitive: Primitive, arrays: list[Any], axis: int) -> Any:
    if len(arrays) <= _GROUP:
        return bind(primitive, *arrays, axis=axis)
    dtype = np.result_type(*{x.dtype for x in arrays})
    arrays = [x if x.dtype == dtype else to_dtype(x, dtype) for x in arrays]
    while len(arrays) > 1:
        arrays = [bind(primitive, *arrays[i : i + _GROUP], axis=axis) for i in range(0, len(arrays), _GROUP)]
        primitive = concatenate_p
    return arrays[0]


@implements(np.concatenate)
def concatenate(
    arrays: Any, /, axis: Any = 0, out: None = None, *, dtype: Any = None, casting: str = "same_kind"
) -> Any:
    """``np.concatenate``."""
    if out is not None:
        refuse_out("np.concatenate")
    if axis is None:
        arrays, axis = _flat_operands(arrays), 0
    parts = _operands(arrays, dtype, casting)
    return _joined(concatenate_p, parts, axis, 0)


@implements(np.stack)
def stack(arrays: Any, axis: Any = 0, out: None = None, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """``np.stack``."""
    if out is not None:
        refuse_out("np.stack")
    parts = _operands(arrays, dtype, casting)
    return _joined(stack_p, parts, axis, 1)


def _several(result: Any) -> Any:
    return result if isinstance(result, tuple) else (result,)


def _list(tup: Any) -> Any:
    return unstack(tup) if type(tup) is Tracer else tup


@implements(np.vstack)
def vstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """``np.vstack``."""
    return concatenate(_several(atleast_2d(*_list(tup))), 0, dtype=dtype, casting=casting)


@implements(np.hstack)
def hstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """``np.hstack``."""
    arrays = _several(atleast_1d(*_list(tup)))
    axis = 0 if arrays and arrays[0].ndim == 1 else 1
    return concatenate(arrays, axis, dtype=dtype, casting=casting)


@implements(np.dstack)
def dstack(tup: Any) -> Any:
    """``np.dstack``."""
    return concatenate(_several(atleast_3d(*_list(tup))), 2)


@implements(np.column_stack)
def column_stack(tup: Any) -> Any:
    """``np.column_stack``."""
    arrays = [operand_array(x) for x in _list(tup)]
    return concatenate([to_shape(x, (x.size, 1)) if x.ndim < 2 else x for x in arrays], 1)


@implements(np.append)
def append(arr: Any, values: Any, axis: Any = None) -> Any:
    """``np.append``."""
    return concatenate((operand_array(arr), operand_array(values)), axis)


@implements(np.block)
def block(arrays: Any) -> Any:
    """``np.block``."""
    depth, ndim = _block_depth(arrays, "arrays")
    return _block(arrays, depth, max(depth, ndim))


def _block_depth(arrays: Any, where: str) -> tuple[int, int]:
    """How deep the lists are nested, and how many axes the widest block has."""
    if isinstance(arrays, tuple):
        raise TypeError(
            f"{where} is a tuple. Only lists can be used to arrange blocks, and np.block does not allow "
            "implicit conversion from tuple to ndarray."
        )
    if not isinstance(arrays, list):
        return 0, operand_array(arrays).ndim
    if not arrays:
        raise ValueError(f"List at {where} cannot be empty")
    inner = [_block_depth(x, f"{where}[{i}]") for i, x in enumerate(arrays)]
    for i, (depth, _) in enumerate(inner):
        if depth != inner[0][0]:
            raise ValueError(
                f"List depths are mismatched. {where}[0] has depth {inner[0][0]}, but {where}[{i}] has depth {depth}"
            )
    return inner[0][0] + 1, max(ndim for _, ndim in inner)


def _block(arrays: Any, depth: int, ndim: int) -> Any:
    if depth:
        return concatenate([_block(x, depth - 1, ndim) for x in arrays], -depth)
    x = operand_array(arrays)
    return to_shape(x, (1,) * (ndim - x.ndim) + x.shape)


# Splitting


def _split_spec(x: ArraySpec, points: tuple[int, ...], axis: int) -> tuple[ArraySpec, ...]:
    ends = (*points, x.shape[axis])
    return tuple(
        [
            ArraySpec((*x.shape[:axis], stop - start, *x.shape[axis + 1 :]), x.dtype)
            for start, stop in zip((0, *points), ends, strict=True)
        ]
    )


split_p = Primitive(
    "split",
    lambda x, points, axis: tuple(np.split(x, points, axis)),
    _split_spec,
    Linear((lambda ct, x, points, axis: np.concatenate(ct, axis=axis),)),
    source=lambda args, params: f"np.split({args[0]}, {param_source(params['points'])}, axis={params['axis']})",
    multiple=True,
    masks=True,
    batch=batching.along("axis"),
)


def _split_at(x: Any, points: list[int], axis: int) -> list[Any]:
    """The pieces ``x[points[i]:points[i + 1]]`` along an axis."""
    length = x.shape[axis]
    bounds = [slice(a, b).indices(length)[:2] for a, b in zip([0, *points], [*points, length], strict=True)]
    if all(a <= b for a, b in bounds) and all(left[1] == right[0] for left, right in pairwise(bounds)):
        if len(bounds) == 1:
            return [x]
        return list(bind(split_p, x, points=tuple([stop for _, stop in bounds[:-1]]), axis=axis))
    # Points out of order: pieces overlap, or leave something out.
    return [x[(*[slice(None)] * axis, slice(a, b))] for a, b in bounds]


@implements(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> Any:
    """``np.array_split``."""
    axis = normalize_axis(axis, ary.ndim)
    if np.ndim(indices_or_sections):
        return _split_at(ary, [operator.index(i) for i in indices_or_sections], axis)
    sections = int(indices_or_sections)
    if sections <= 0:
        raise ValueError("number sections must be larger than 0.")
    each, extras = divmod(ary.shape[axis], sections)
    return _split_at(ary, [i * each + min(i, extras) for i in range(1, sections)], axis)


@implements(np.split)
def split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> Any:
    """``np.split``."""
    if not np.ndim(indices_or_sections) and ary.shape[normalize_axis(axis, ary.ndim)] % indices_or_sections:
        raise ShapeError(
            f"array split of {ary.spec} into {indices_or_sections} along axis {axis} does not result in an equal "
            "division",
            "use `np.array_split`, or give the indices at which to split.",
        )
    return array_split(ary, indices_or_sections, axis)


def _split_along(name: str, least: int, axis: int) -> Any:
    def handler(ary: Any, indices_or_sections: Any) -> Any:
        if ary.ndim < least:
            raise ValueError(f"{name} only works on arrays of {least} or more dimensions")
        return split(ary, indices_or_sections, min(axis, ary.ndim - 1))

    return handler


hsplit = implements(np.hsplit)(_split_along("hsplit", 1, 1))
vsplit = implements(np.vsplit)(_split_along("vsplit", 2, 0))
dsplit = implements(np.dsplit)(_split_along("dsplit", 3, 2))


def unstack(x: Any, /, *, axis: Any = 0) -> tuple[Any, ...]:
    """``np.unstack``."""
    if not x.ndim:
        raise ValueError("Input array must be at least 1-d.")
    axis = normalize_axis(axis, x.ndim)
    shape = x.shape[:axis] + x.shape[axis + 1 :]
    if not x.shape[axis]:
        return ()
    return tuple([to_shape(piece, shape) for piece in _split_at(x, list(range(1, x.shape[axis])), axis)])


if hasattr(np, "unstack"):  # since NumPy 2.1
    implements(np.unstack)(unstack)
