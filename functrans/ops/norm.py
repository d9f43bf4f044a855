"""``np.linalg.norm``, for vectors and matrices, of every order.

The gradient of a norm is written as a function of the vector and of the norm itself, so that it traces again. Where a
norm has a kink, the gradient is the subgradient of least norm: 0 at the zero vector, equal shares among entries (or
columns, rows) that tie for the largest. The norms made of singular values are in :mod:`functrans.ops.singular`.

Where NumPy's sum of powers overflows or underflows, its value is infinite or zero; the gradient is that of the norm
itself all the same.
"""

from __future__ import annotations

import operator
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from functrans.errors import ShapeError, UncoveredFunctionError
from functrans.ir.spec import ArraySpec
from functrans.ops.batching import Flags, Operands, Params, shifted
from functrans.ops.contract import conj
from functrans.ops.family import keywords, normalize_axes, normalize_axis, operand, real_dtype
from functrans.ops.plain import plain
from functrans.ops.scalars import strong
from functrans.ops.singular import nuclear_gradient, spectral_gradient
from functrans.primitives import Primitive, Rules, call_source
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import implements
from functrans.tracing.tracer import Tracer

_INF = float("inf")
_EUCLIDEAN = (None, 2, "fro", "f")


def _axes(axis: Any, ndim: int) -> tuple[int, ...]:
    return tuple(range(ndim)) if axis is None else axis


def _norm_spec(x: ArraySpec, *, ord: Any, axis: Any, keepdims: bool) -> ArraySpec:
    axes = _axes(axis, x.ndim)
    shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape) if keepdims or i not in axes)
    return ArraySpec(shape, real_dtype(x.dtype) if x.dtype.kind in "fc" else np.dtype(np.float64))


def gradient(out: Any, x: Any, ord: Any, axis: Any, is_safe: bool = False) -> Any:
    """``g`` such that the norm changes by the real part of ``sum(g * dx)``; ``is_safe``: ``out`` is precise anyway."""
    axes = _axes(axis, x.ndim)
    if not x.size:
        return np.zeros(x.shape, x.dtype)
    if len(axes) == 2 and ord not in (None, "fro", "f"):
        return _matrix_gradient(x, ord, *axes)
    scale = np.reshape(out, tuple(1 if i in axes else n for i, n in enumerate(x.shape)))
    if ord == 1:
        return _direction(x)
    if ord in (_INF, -_INF):
        return _direction(x) * _shares(np.abs(x) == scale, axes[0])
    if not (is_safe or _is_precise(plain(scale), ord)):
        scale = bind(safe_norm_p, x, ord=ord, axis=axis)
    return _ratio(conj(x), scale) if ord in _EUCLIDEAN else _power_gradient(x, scale, ord)


def precise_range(dtype, ord):  # type: ignore[no-untyped-def]
    """Between which norms the sum of powers neither underflows, nor its root has the rounded exponent's error."""
    if ord in (None, 2, "fro", "f"):
        limits = np.finfo(dtype)
        return float(limits.tiny / limits.eps) ** 0.5, np.inf
    return 2.0**-16, 2.0**16


_range = lru_cache(precise_range)


def _is_precise(scale: Any, ord: Any) -> bool:
    if type(scale) is ArraySpec:
        return False
    least, most = _range(scale.dtype, ord)
    return bool(np.all((scale > least) & (scale < most)))


def safe_norm(x, ord, axis):  # type: ignore[no-untyped-def]
    """``np.linalg.norm`` with its axes kept, precise also for entries whose powers overflow or underflow."""
    # Of a number, not an array of one: their powers can differ in the last bit.
    out = np.reshape(np.linalg.norm(x, ord, axis), np.max(x, axis, keepdims=True).shape)
    least, most = precise_range(out.dtype, ord)
    fine = (out > least) & (out < most)
    if not np.all(fine):
        size = np.abs(x)
        # By the power of two that is next to the entry which counts most.
        extreme = np.min if ord not in (None, "fro", "f") and ord < 0 else np.max
        size = extreme(size, axis, keepdims=True)
        size = np.where((size > 0) & (size < np.inf), size, 1).astype(out.dtype)
        size = np.ldexp(np.ones_like(size), np.frexp(size)[1] - 1)
        out = np.where(fine, out, np.linalg.norm(x / size, ord, axis, True) * size)
    return out


def _ratio(x: Any, scale: Any) -> Any:
    """``x / scale``; 0 where the scale is 0, and NaN where it is infinite."""
    if type(scale) is np.ndarray and np.all((scale > 0) & (scale < _INF)):
        return x / scale
    flat = scale == 0
    usable = np.where(flat, 1.0, np.where(np.isinf(scale), np.nan, scale))
    return np.where(flat, 0.0, x / usable)


def _direction(x: Any) -> Any:
    """The derivative of ``abs(x)``: the sign, or for complex ``x`` the conjugate of ``x / abs(x)``; 0 at 0."""
    if x.dtype.kind != "c":
        return np.sign(x)
    zero = x == 0
    return np.where(zero, 0.0, np.conj(np.sign(np.where(zero, 1.0, x))))


def _shares(chosen: Any, axis: int) -> Any:
    """Equal shares, adding up to one, of those chosen."""
    with np.errstate(invalid="ignore"):
        return chosen / np.sum(chosen, axis=axis, keepdims=True)


def _power_gradient(x: Any, scale: Any, p: Any) -> Any:
    """Of ``sum(abs(x)**p)**(1/p)``; in ratios to the norm, whose powers do not overflow."""
    ratio = _ratio(conj(x), scale)
    if p > 2 and p % 2 == 0:
        # An even power is a polynomial, smooth at zero; written with `abs`, its higher derivatives would lose terms.
        return ratio * np.real(ratio * conj(ratio)) ** (int(p) // 2 - 1)
    zero = ratio == 0
    size = np.abs(np.where(zero, 1.0, ratio))
    if p > 2:
        return ratio * np.where(zero, 0.0, size ** (p - 2))
    return np.where(zero, 0.0, _direction(x) * size ** (p - 1))


def _matrix_gradient(x: Any, ord: Any, row: int, column: int) -> Any:
    if ord in (1, -1, _INF, -_INF):
        # The norm is the largest (smallest) of the sums of the columns (rows).
        along, across = (row, column) if abs(ord) == 1 else (column, row)
        sums = np.sum(np.abs(x), axis=along, keepdims=True)
        extreme = (np.max if ord > 0 else np.min)(sums, axis=across, keepdims=True)
        return _direction(x) * _shares(sums == extreme, across)
    matrices = np.moveaxis(x, (row, column), (-2, -1))
    found = nuclear_gradient(matrices) if ord == "nuc" else spectral_gradient(matrices, ord > 0)
    return np.moveaxis(found, (-2, -1), (row, column))


def _norm_jvp(dx: Any, out: Any, x: Any, *, ord: Any, axis: Any, keepdims: bool, is_safe: bool = False) -> Any:
    axes = _axes(axis, x.ndim)
    return np.sum(np.real(gradient(out, x, ord, axis, is_safe) * dx), axis=axes, keepdims=keepdims)


def _norm_vjp(ct: Any, out: Any, x: Any, *, ord: Any, axis: Any, keepdims: bool, is_safe: bool = False) -> Any:
    axes = _axes(axis, x.ndim)
    if not keepdims:
        ct = np.reshape(ct, tuple(1 if i in axes else n for i, n in enumerate(x.shape)))
    return ct * gradient(out, x, ord, axis, is_safe)


def _norm_source(args: list[str], params: dict[str, Any]) -> str:
    return call_source("np.linalg.norm", args, keywords(params, ord=None, axis=None, keepdims=False))


def _norm_batch(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
    (x,), axis = operands, params["axis"]
    if axis is not None:
        return bind(primitive, x, **{**params, "axis": shifted(axis)})
    rank = np.ndim(x) - 1
    if rank in (1, 2):
        return bind(primitive, x, **{**params, "axis": tuple(range(1, rank + 1))})
    # All entries of each example as one vector.
    out = bind(primitive, np.reshape(x, (size, prod(x.shape[1:]))), ord=params["ord"], axis=(1,), keepdims=False)
    return np.reshape(out, (size, *[1] * rank)) if params["keepdims"] else out


def _chooses(*, ord: Any, axis: Any, keepdims: bool) -> bool:
    """Whether it is made of some entries alone."""
    return ord in (_INF, -_INF) or (ord in (1, -1) and (axis is None or len(axis) == 2))


norm_p = Primitive(
    "norm",
    np.linalg.norm,
    _norm_spec,
    Rules(jvp=[_norm_jvp], vjp=[_norm_vjp]),
    source=_norm_source,
    masks=_chooses,
    batch=_norm_batch,
)


def _safe_batch(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
    (x,), axis = operands, params["axis"]
    if axis is not None:
        return bind(primitive, x, **{**params, "axis": shifted(axis)})
    ord = None if params["ord"] in _EUCLIDEAN else params["ord"]
    out = bind(primitive, np.reshape(x, (size, prod(x.shape[1:]))), ord=ord, axis=(1,))
    return np.reshape(out, (size, *[1] * (x.ndim - 1)))


safe_norm_p = Primitive(
    "safe_norm",
    safe_norm,
    lambda x, **params: _norm_spec(x, **params, keepdims=True),
    Rules(
        jvp=[lambda dx, out, x, **params: _norm_jvp(dx, out, x, **params, keepdims=True, is_safe=True)],
        vjp=[lambda ct, out, x, **params: _norm_vjp(ct, out, x, **params, keepdims=True, is_safe=True)],
    ),
    source=lambda args, params: call_source("safe_norm", args, params),
    helpers={"precise_range": precise_range, "safe_norm": safe_norm},
    batch=_safe_batch,
)


@implements(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """``np.linalg.norm``."""
    if type(ord) is Tracer:
        raise UncoveredFunctionError(
            "`np.linalg.norm` with a traced `ord`", "write it out: `np.sum(np.abs(x) ** p) ** (1 / p)`."
        )
    x = strong(operand(x))
    ndim = x.ndim
    if axis is not None:
        axis = tuple(normalize_axis(a, ndim) for a in (axis if isinstance(axis, tuple) else (operator.index(axis),)))
    axes = _axes(axis, ndim)
    if axis is None and (ord is None or (ord in ("fro", "f") and ndim == 2)):
        return bind(norm_p, x, ord=ord, axis=None, keepdims=bool(keepdims))
    if len(axes) not in (1, 2) or len(set(axes)) < len(axes):
        raise ShapeError(
            f"`np.linalg.norm` of {ArraySpec.of(x)!r} over the axes {axes}: vectors have one axis, matrices "
            "two different ones",
            "say which with `axis=`; `ord=None` without an axis takes all entries as one vector.",
        )
    if len(axes) == 1:
        if isinstance(ord, str):
            raise ValueError(f"Invalid norm order '{ord}' for vectors")
        if ord == 0:
            # How many entries are not zero: constant between its jumps, as comparisons are.
            return np.sum((x != 0).astype(real_dtype(x.dtype)), axis=axes, keepdims=bool(keepdims))
    elif ord not in (None, "fro", "f", "nuc", 1, -1, 2, -2, _INF, -_INF):
        raise ValueError("Invalid norm order for matrices.")
    return bind(norm_p, x, ord=ord, axis=axis, keepdims=bool(keepdims))


@implements(np.linalg.matrix_norm)
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """``np.linalg.matrix_norm``."""
    return norm(x, ord, (-2, -1), keepdims)


@implements(np.linalg.vector_norm)
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """``np.linalg.vector_norm``: the same steps as NumPy's."""
    x = operand(x)
    shape = x.shape
    axes = normalize_axes(axis, x.ndim)
    if axis is None:
        flat = np.ravel(x)
        along = 0
    elif isinstance(axis, tuple):
        order = [normalize_axis(a, x.ndim) for a in axis]
        rest = [i for i in range(x.ndim) if i not in axes]
        size = 1
        for i in order:
            size *= shape[i]
        flat = np.reshape(np.transpose(x, order + rest), (size, *[shape[i] for i in rest]))
        along = 0
    else:
        flat, along = x, axis
    out = norm(flat, ord, along)
    return np.reshape(out, tuple(1 if i in axes else n for i, n in enumerate(shape))) if keepdims else out
