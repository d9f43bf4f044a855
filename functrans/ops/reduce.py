"""Reductions: ``sum``, ``prod``, ``max``, ``min``, ``ptp``, truth, positions and counts."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.ir.spec import ArraySpec
from functrans.ops.family import normalize_axes, operand
from functrans.primitive import Linear, Primitive
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import METHODS, implements, refuse_out


def reduced_shape(shape: tuple[int, ...], axis: tuple[int, ...], keepdims: bool) -> tuple[int, ...]:
    """The shape without some axes, or with length 1 there."""
    if keepdims:
        return tuple(1 if i in axis else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in axis)


def expand(value: Any, ndim: int, axis: tuple[int, ...], keepdims: bool) -> Any:
    """A reduction's output so that it broadcasts against its operand: the reduced axes are there, of length 1."""
    # Leading axes come back by themselves when shapes broadcast.
    if keepdims or not axis or axis[-1] == len(axis) - 1:
        return value
    shape = iter(value.shape)
    return np.reshape(value, tuple(1 if i in axis else next(shape) for i in range(ndim)))


def spread(value: Any, spec: ArraySpec, axis: tuple[int, ...], keepdims: bool) -> Any:
    """A reduction's output repeated along the reduced axes: the transpose of the sum."""
    return np.broadcast_to(expand(value, spec.ndim, axis, keepdims), spec.shape)


_dtypes: dict[tuple[Any, ...], Any] = {}


def dtype_of(function: Any, x: ArraySpec, dtype: np.dtype[Any] | None) -> Any:
    """The dtype of a reduction's result."""
    key = (function, x.dtype, dtype)
    found = _dtypes.get(key)
    if found is None:
        keywords = {} if dtype is None else {"dtype": dtype}
        found = _dtypes[key] = function(np.ones(2, x.dtype), **keywords).dtype
    return found


def _sum_spec(
    x: ArraySpec, axis: tuple[int, ...], keepdims: bool = False, dtype: np.dtype[Any] | None = None
) -> ArraySpec:
    return ArraySpec(reduced_shape(x.shape, axis, keepdims), dtype_of(np.sum, x, dtype))


sum_p = Primitive(
    "sum",
    np.sum,
    _sum_spec,
    Linear((lambda ct, x, axis, keepdims=False, dtype=None: spread(ct, x, axis, keepdims),)),
)


@implements(np.sum)
def sum(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: None = None,
    keepdims: Any = np._NoValue,
    initial: Any = np._NoValue,
    where: Any = np._NoValue,
) -> Any:
    """``np.sum``."""
    if out is not None:
        refuse_out("np.sum")
    a = operand(a)
    params: dict[str, Any] = {"axis": normalize_axes(axis, getattr(a, "ndim", 0))}
    if keepdims is not np._NoValue and keepdims:
        params["keepdims"] = True
    if dtype is not None:
        params["dtype"] = np.dtype(dtype)
    return bind(sum_p, a, **params)


METHODS["sum"] = sum
