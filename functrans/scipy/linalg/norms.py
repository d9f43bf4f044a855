"""``scipy.linalg.norm``: NumPy's norm, but for vectors BLAS computes it, and for some matrices LAPACK."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from scipy import linalg

from functrans.ir.spec import ArraySpec
from functrans.ops.batching import Flags, Operands, Params, shifted
from functrans.ops.family import normalize_axes, operand, real_dtype
from functrans.ops.scalars import weak
from functrans.primitives import Primitive, call_source
from functrans.scipy.covering import covers
from functrans.scipy.linalg.declaring import declare, follows, given, unchecked
from functrans.tracing.bind import bind


def _by_numpy(a: Any, *, ord: Any = None, axis: Any = None, keepdims: bool = False, **_: Any) -> Any:
    return np.linalg.norm(a, ord, axis, keepdims)


def _spec(a: ArraySpec, *, axis: Any = None, keepdims: bool = False, **_: Any) -> ArraySpec:
    axes = normalize_axes(axis, a.ndim)
    kept = [1 if i in axes else n for i, n in enumerate(a.shape) if keepdims or i not in axes]
    dtype = a.dtype if a.dtype.kind in "fc" else np.dtype(np.float64)
    return ArraySpec(tuple(kept), real_dtype(dtype))


def _batch(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
    (a,) = operands
    ord, axis, keepdims = [params.get(name) for name in ("ord", "axis", "keepdims")]
    if axis is not None:
        axis = shifted(axis)
    elif ord is None:
        shape = (size, *[1] * (a.ndim - 1)) if keepdims else (size,)
        return np.reshape(np.linalg.norm(np.reshape(a, (size, prod(a.shape[1:]))), axis=1), shape)
    else:
        axis = tuple(range(1, a.ndim)) if a.ndim > 2 else 1
    return np.linalg.norm(a, ord, axis, bool(keepdims))


norm_p = declare("norm", linalg.norm, _spec, follows(_by_numpy, 1), batch=_batch, masks=True)


# What BLAS and LAPACK give is a Python number.


def _number(a: Any, **params: Any) -> Any:
    return np.float64(linalg.norm(a, **params))


def _number_batch(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
    (a,) = operands
    return np.linalg.norm(a, params.get("ord"), tuple(range(1, a.ndim)) if a.ndim > 2 else 1).astype(np.float64)


number_p = declare(
    "norm_as_number",
    _number,
    lambda a, **params: ArraySpec((), np.float64),
    follows(_by_numpy, 1),
    source=lambda args, params: f"np.float64({call_source('scipy.linalg.norm', args, params)})",
    batch=_number_batch,
    masks=True,
)


@covers(linalg.norm, module="scipy.linalg")
def norm(a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False, check_finite: bool = True) -> Any:
    """Its derivatives are those of `np.linalg.norm`."""
    a = operand(a)
    if isinstance(axis, int):
        axis = axis % np.ndim(a)
    elif axis is not None:
        axis = tuple([i % np.ndim(a) for i in axis])
    params = given(ord=(ord, None), axis=(axis, None), keepdims=(bool(keepdims), False))
    params |= unchecked(check_finite)
    if axis is None and not keepdims and a.size and a.dtype.char in "fdFD":
        ndim = np.ndim(a)
        if (ndim == 1 and ord in (None, 2)) or (ndim == 2 and ord in (1, np.inf)):
            return weak(bind(number_p, a, **params))
    return bind(norm_p, a, **params)
