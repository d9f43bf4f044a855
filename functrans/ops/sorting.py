"""``sort``, ``partition``, ``sort_complex``: each result is an entry of the array, and has the derivative of that one.

Equal entries keep the order of their positions. The values themselves are NumPy's: those of a sort by indices could
differ from them in the signs of zeros.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.convert import to_dtype
from functrans.ops.family import keywords, normalize_axis, operand
from functrans.ops.order import positions
from functrans.ops.scalars import strong
from functrans.primitives import Linear, Primitive, Rules, call_source
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import implements

# A permutation and its inverse, which is its transpose.


def placed(values, order, axis):  # type: ignore[no-untyped-def]
    """``values`` along an axis, each at the place that ``order``, a permutation, has for it."""
    out = np.empty(np.broadcast_shapes(values.shape, order.shape), values.dtype)
    np.put_along_axis(out, order, values, axis)
    return out


def _permutation_spec(x: ArraySpec, order: ArraySpec, *, axis: int) -> ArraySpec:
    return ArraySpec(np.broadcast_shapes(x.shape, order.shape), x.dtype)


def _permutation_batch(
    primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    x, order = [o if flag else np.reshape(o, (1, *np.shape(o))) for o, flag in zip(operands, batched, strict=True)]
    return bind(primitive, x, order, axis=params["axis"] + 1)


def permute(x: Any, order: Any, axis: int) -> Any:
    """The entries of ``x`` along an axis in this order."""
    return bind(permute_p, x, order, axis=axis)


def place(x: Any, order: Any, axis: int) -> Any:
    """The inverse of :func:`permute`."""
    return bind(place_p, x, order, axis=axis)


permute_p = Primitive(
    "permute_along_axis",
    np.take_along_axis,
    _permutation_spec,
    Linear((lambda ct, x, order, axis: place(ct, order, axis), None)),
    source=lambda args, params: call_source("np.take_along_axis", args, params),
    batch=_permutation_batch,
)
place_p = Primitive(
    "place_along_axis",
    placed,
    _permutation_spec,
    Linear((lambda ct, x, order, axis: permute(ct, order, axis), None)),
    source=lambda args, params: call_source("placed", args, params),
    helpers={"placed": placed},
    batch=_permutation_batch,
)


def _order(x: Any, axis: int) -> Any:
    return np.argsort(x, axis=axis, kind="stable")


# Sorting: the derivative of each entry goes where the entry goes.

sort_p = Primitive(
    "sort",
    np.sort,
    lambda x, *, axis, kind=None, stable=None: x,
    Rules(
        jvp=[lambda dx, out, x, *, axis, kind=None, stable=None: permute(dx, _order(x, axis), axis)],
        vjp=[lambda ct, out, x, *, axis, kind=None, stable=None: place(ct, _order(x, axis), axis)],
    ),
    batch=batching.along("axis"),
)


@implements(np.sort)
def sort(a: Any, axis: Any = -1, kind: Any = None, order: None = None, *, stable: Any = None) -> Any:
    """``np.sort``; of equal entries, the derivative of the first goes first, with any ``kind=``."""
    if order is not None:
        raise ValueError("Cannot specify order when the array has no fields.")
    a, axis = _along(a, axis)
    options = keywords({"kind": kind, "stable": stable}, kind=None, stable=None)
    if options:
        np.sort(np.zeros(0), **options)  # NumPy's error, if it takes them not
    return bind(sort_p, a, axis=axis, **options)


@implements(np.sort_complex)
def sort_complex(a: Any) -> Any:
    """``np.sort_complex``."""
    found = sort(a)
    if found.dtype.kind == "c":
        return found
    return to_dtype(found, np.dtype({"g": "G", **dict.fromkeys("bhBH", "F")}.get(found.dtype.char, "D")))


def _along(a: Any, axis: Any) -> tuple[Any, int]:
    a = strong(operand(a))
    return (np.ravel(a), 0) if axis is None else (a, normalize_axis(axis, a.ndim))


# Partitions: where NumPy has put an entry is told by the result. Sorted stably, the array and the result agree.


def _partition_jvp(dx, out, x, *, kth, axis):  # type: ignore[no-untyped-def]
    return place(permute(dx, _order(x, axis), axis), _order(out, axis), axis)


def _partition_vjp(ct, out, x, *, kth, axis):  # type: ignore[no-untyped-def]
    return place(permute(ct, _order(out, axis), axis), _order(x, axis), axis)


partition_p = Primitive(
    "partition",
    np.partition,
    lambda x, *, kth, axis: x,
    Rules(jvp=[_partition_jvp], vjp=[_partition_vjp]),
    batch=batching.along("axis"),
)


@implements(np.partition)
def partition(a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: None = None) -> Any:
    """``np.partition``; of equal entries, the derivative of the first goes first."""
    if order is not None:
        raise ValueError("Cannot specify order when the array has no fields.")
    a, axis = _along(a, axis)
    return bind(partition_p, a, kth=positions(kth, a.shape[axis], kind), axis=axis)
