"""Grids between traced ends: ``linspace``, ``logspace``, ``geomspace``."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.family import broadcast_shapes, keywords, normalize_axis, operand
from functrans.ops.scalars import strong
from functrans.primitives import Linear, Primitive, call_source
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import implements
from functrans.tracing.tracer import Tracer


def _linspace_spec(start: ArraySpec, stop: ArraySpec, *, num: int, endpoint: bool, dtype: Any, axis: int) -> ArraySpec:
    shape = broadcast_shapes("np.linspace", (start, stop))
    if dtype is None:
        ends = [s.promoting(0) if s.weak else s.dtype for s in (start, stop)]
        dtype = np.result_type(*ends, float(num))
    return ArraySpec((*shape[:axis], num, *shape[axis:]), dtype)


def _weights(ndim: int, num: int, endpoint: bool, axis: int) -> Any:
    """How far each point is on the way from start to stop, along ``axis``."""
    return np.linspace(0.0, 1.0, num, endpoint=endpoint).reshape((num,) + (1,) * (ndim - 1 - axis))


def _to_start(ct: Any, start: Any, stop: Any, *, num: int, endpoint: bool, dtype: Any, axis: int) -> Any:
    return np.sum(ct * (1.0 - _weights(ct.ndim, num, endpoint, axis)), axis=axis)


def _to_stop(ct: Any, start: Any, stop: Any, *, num: int, endpoint: bool, dtype: Any, axis: int) -> Any:
    return np.sum(ct * _weights(ct.ndim, num, endpoint, axis), axis=axis)


def _linspace_batch(
    primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    return batching.elementwise(primitive, operands, batched, size, {**params, "axis": params["axis"] + 1})


linspace_p = Primitive(
    "linspace",
    lambda start, stop, *, num, endpoint, dtype, axis: np.linspace(start, stop, num, endpoint, False, dtype, axis),
    _linspace_spec,
    Linear((_to_start, _to_stop)),
    source=lambda args, params: call_source("np.linspace", args, keywords(params, endpoint=True, dtype=None, axis=0)),
    batch=_linspace_batch,
)


@implements(np.linspace)
def linspace(
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    *,
    device: str | None = None,
) -> Any:
    """``np.linspace``."""
    num = operator.index(num)
    if num < 0:
        raise ValueError(f"Number of samples, {num}, must be non-negative.")
    start, stop = operand(start), operand(stop)
    axis = normalize_axis(axis, max(len(np.shape(start)), len(np.shape(stop))) + 1)
    wanted = None if dtype is None else np.dtype(dtype)
    if wanted is not None and wanted.kind in "biu":
        points = np.floor(bind(linspace_p, start, stop, num=num, endpoint=bool(endpoint), dtype=None, axis=axis))
        points = points.astype(wanted)
    else:
        points = bind(linspace_p, start, stop, num=num, endpoint=bool(endpoint), dtype=wanted, axis=axis)
    if not retstep:
        return points
    count = num - 1 if endpoint else num
    step = np.subtract(stop, start) / count if count > 0 else np.nan
    return points, step


@implements(np.logspace)
def logspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: int = 0
) -> Any:
    """``np.logspace``."""
    if np.ndim(base):
        ndim = max(np.ndim(start), np.ndim(stop), np.ndim(base))
        start, stop, base = (_lead(operand(x), ndim) for x in (start, stop, base))
        base = np.expand_dims(base, axis)
    exponents = np.linspace(start, stop, num, endpoint, axis=axis)
    out = np.power(base, exponents)
    return out if dtype is None else out.astype(dtype)


def _lead(x: Any, ndim: int) -> Any:
    return np.reshape(x, (1,) * (ndim - np.ndim(x)) + np.shape(x))


@implements(np.geomspace)
def geomspace(start: Any, stop: Any, num: Any = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    """``np.geomspace``."""
    # NumPy's own steps, in functions that trace; the last bits are the same.
    start, stop = strong(operand(start)), strong(operand(stop))
    zero: Any = np.any(start == 0) | np.any(stop == 0)
    if type(zero) is not Tracer and zero:  # in a staged trace nobody knows
        raise ValueError("Geometric sequence cannot include zero")
    num = operator.index(num)
    common = np.result_type(start.dtype, stop.dtype, float(num), np.float64 if dtype is None else np.dtype(dtype))
    start, stop = start.astype(common), stop.astype(common)
    # Real ends may both be negative: turned to the positive axis, and back at the end.
    turn = np.sign(start)
    start, stop = start / turn, stop / turn
    out = np.logspace(np.log10(start), np.log10(stop), num, endpoint, 10.0, common)
    # 10 to the power of a logarithm is not always the number itself: the ends are put in place.
    place = np.arange(num).reshape((num,) + (1,) * (out.ndim - 1))
    if num > 0:
        out = np.where(place == 0, start, out)
        if num > 1 and endpoint:
            out = np.where(place == num - 1, stop, out)
    out = out * turn
    if axis != 0:
        out = np.moveaxis(out, 0, axis)
    return out if dtype is None or np.dtype(dtype) == common else out.astype(dtype)
