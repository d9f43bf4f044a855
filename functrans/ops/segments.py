"""``ufunc.reduceat``: sums, products, extrema of segments of an array."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.family import normalize_axis, operand
from functrans.ops.gather import along
from functrans.ops.reduction import constant_in
from functrans.ops.ufunc_methods import as_dtype, handler_of, lead, reduce, running
from functrans.primitives import Linear, Primitive
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import UFUNC_METHODS


def _segment_sums(x: Any, *, starts: tuple[int, ...], axis: int, dtype: Any = None) -> Any:
    return np.add.reduceat(x, np.array(starts, np.intp), axis=axis, dtype=dtype)


def _segment_spec(x: ArraySpec, *, starts: tuple[int, ...], axis: int, dtype: Any = None) -> ArraySpec:
    shape = tuple([len(starts) if i == axis else n for i, n in enumerate(x.shape)])
    return ArraySpec(shape, dtype or np.add.reduce(np.ones(1, x.dtype)).dtype)


def _segment_transpose(ct, x, *, starts, axis, dtype=None):  # type: ignore[no-untyped-def]
    lengths: Any = np.diff(np.array(starts, np.intp), append=x.shape[axis])
    return ct[((slice(None),) * axis + (np.repeat(np.arange(len(starts)), lengths),))]


# Sums of consecutive segments. A primitive of its own, since `reduceat` adds in another order than `sum`.
segment_sums_p = Primitive(
    "add.reduceat",
    _segment_sums,
    _segment_spec,
    Linear((_segment_transpose,)),
    source=lambda args, params: (
        f"np.add.reduceat({args[0]}, np.array({list(params['starts'])}, dtype=np.intp), axis={params['axis']}"
        + (f", dtype=np.{params['dtype'].name})" if params.get("dtype") is not None else ")")
    ),
    batch=batching.along("axis"),
)


def reduceat(ufunc: np.ufunc, array: Any, indices: Any, axis: Any = 0, dtype: Any = None) -> Any:
    """``ufunc.reduceat``: segment ``i`` runs from ``indices[i]`` to ``indices[i+1]``, or is the one entry there."""
    a = operand(array)
    places = np.asarray(indices)
    ndim = getattr(a, "ndim", 0)
    probe = np.ones(tuple([1] * ndim), ArraySpec.of(a).dtype)
    found = ufunc.reduceat(probe, [0], axis=axis, dtype=dtype).dtype
    axis = normalize_axis(axis, ndim)
    count = a.shape[axis]
    # NumPy's own checks of the indices.
    np.add.reduceat(np.zeros(count, np.int8), indices)
    if not places.size:
        return as_dtype(along(a, axis, slice(0, 0)), found)
    starts = places.astype(np.intp)
    lengths = np.maximum(np.append(starts[1:], count) - starts, 1)
    if ufunc is not np.add:
        return _by_length(ufunc, as_dtype(a, found), starts, lengths, axis)
    places = np.cumsum(lengths) - lengths
    if (places != starts).any() or lengths.sum() != count:
        # Segments may overlap or leave gaps: gathered, they stand one after the other.
        a = along(a, axis, np.repeat(starts - places, lengths) + np.arange(lengths.sum()))
    params: dict[str, Any] = {"starts": tuple(places.tolist()), "axis": axis}
    if dtype is not None:
        params["dtype"] = found
        a = constant_in(found, a)
    return bind(segment_sums_p, a, **params)


def _by_length(ufunc: np.ufunc, a: Any, starts: Any, lengths: Any, axis: int) -> Any:
    """The segments combined, those of one length at once: there are few lengths, if many segments."""
    results, order = [], []
    for length in np.unique(lengths):
        which = np.flatnonzero(lengths == length)
        segments = along(a, axis, starts[which, None] + np.arange(length))
        results.append(_combined(ufunc, segments, axis + 1))
        order.append(which)
    if len(results) == 1:
        return results[0]
    return along(np.concatenate(results, axis=axis), axis, np.argsort(np.concatenate(order)))


def _combined(ufunc: np.ufunc, segments: Any, axis: int) -> Any:
    if ufunc is np.multiply:
        if segments.dtype == np.float16:
            # Products of entries that lie one after the other NumPy rounds once, as `reduceat` does with any.
            segments = np.moveaxis(segments, axis, -1)
            segments, axis = np.reshape(np.ravel(segments), segments.shape), segments.ndim - 1
        return np.prod(segments, axis=axis, dtype=segments.dtype)
    if ufunc in (np.maximum, np.minimum, np.logaddexp, np.logaddexp2):
        return reduce(ufunc, segments, axis)
    # Not `reduce`: it starts from the identity.
    return running(handler_of(ufunc), lead(segments, (axis,)))[-1]


UFUNC_METHODS["reduceat"] = reduceat
