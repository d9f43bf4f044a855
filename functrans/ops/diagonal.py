"""Diagonals and triangles: ``diagonal``, ``diag``, ``trace``, ``tril``, ``triu``."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from functrans.errors import ShapeError
from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.broadcast import stretch
from functrans.ops.family import keywords, normalize_axis, operand
from functrans.ops.index import scatter_p
from functrans.ops.index_template import DISTINCT
from functrans.ops.scalars import strong
from functrans.ops.update import index_set_p
from functrans.primitives import Linear, Primitive, call_source
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import METHODS, implements, refuse_out

_WHOLE = (None, None, None)


def _diagonal_length(rows: int, columns: int, offset: int) -> int:
    return max(0, min(rows + min(offset, 0), columns - max(offset, 0)))


def _diagonal_spec(x: ArraySpec, *, offset: int, axis1: int, axis2: int) -> ArraySpec:
    rest = tuple(n for axis, n in enumerate(x.shape) if axis not in (axis1, axis2))
    return ArraySpec((*rest, _diagonal_length(x.shape[axis1], x.shape[axis2], offset)), x.dtype)


def _diagonal_transpose(ct: Any, x: ArraySpec, *, offset: int, axis1: int, axis2: int) -> Any:
    length = ct.shape[-1]
    if x.shape == (length + abs(offset),) * 2:
        return bind(diag_p, ct, k=offset if axis1 < axis2 else -offset)
    places = {axis1: np.arange(length) + max(-offset, 0), axis2: np.arange(length) + max(offset, 0)}
    template = tuple(DISTINCT if axis in places else _WHOLE for axis in range(x.ndim))
    # NumPy puts what two arrays choose in their place if they stand side by side, else in front.
    ct = np.moveaxis(ct, -1, min(places) if abs(axis1 - axis2) == 1 else 0)
    return bind(scatter_p, ct, *[places[axis] for axis in sorted(places)], template=template, shape=x.shape)


diagonal_p = Primitive(
    "diagonal",
    np.diagonal,
    _diagonal_spec,
    Linear((_diagonal_transpose,)),
    source=lambda args, params: call_source("np.diagonal", args, keywords(params, offset=0, axis1=0, axis2=1)),
    masks=True,
    batch=batching.along("axis1", "axis2"),
)


def _diag_batch(
    primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    (v,) = operands
    k, n = params["k"], v.shape[1]
    zeros = np.zeros((size, *[n + abs(k)] * 2), v.dtype)
    places = np.arange(n) + max(-k, 0), np.arange(n) + max(k, 0)
    return bind(index_set_p, zeros, v, *places, template=(_WHOLE, DISTINCT, DISTINCT))


diag_p = Primitive(
    "diag",
    np.diag,
    lambda v, *, k: ArraySpec((v.shape[0] + abs(k),) * 2, v.dtype),
    Linear((lambda ct, v, *, k: bind(diagonal_p, ct, offset=k, axis1=0, axis2=1),)),
    source=lambda args, params: call_source("np.diag", args, keywords(params, k=0)),
    batch=_diag_batch,
)


@implements(np.diagonal)
def diagonal(a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1) -> Any:
    """``np.diagonal``."""
    a = strong(operand(a))
    if a.ndim < 2:
        raise ValueError("diag requires an array of at least two dimensions")
    first, second = normalize_axis(axis1, a.ndim), normalize_axis(axis2, a.ndim)
    if first == second:
        raise ValueError("axis1 and axis2 cannot be the same")
    return bind(diagonal_p, a, offset=operator.index(offset), axis1=first, axis2=second)


METHODS["diagonal"] = diagonal


@implements(np.linalg.diagonal)
def linalg_diagonal(x: Any, /, *, offset: Any = 0) -> Any:
    """``np.linalg.diagonal``."""
    return diagonal(x, offset, -2, -1)


@implements(np.diag)
def diag(v: Any, k: Any = 0) -> Any:
    """``np.diag``: a matrix of its diagonal, or the diagonal of a matrix."""
    v = strong(operand(v))
    if v.ndim == 2:
        return diagonal(v, k)
    if v.ndim != 1:
        raise ShapeError(f"`np.diag` of {ArraySpec.of(v)}", "give a vector or a matrix; `np.diagonal` takes any shape.")
    return bind(diag_p, v, k=operator.index(k))


@implements(np.diagflat)
def diagflat(v: Any, k: Any = 0) -> Any:
    """``np.diagflat``."""
    return diag(np.ravel(strong(operand(v))), k)


@implements(np.trace)
def trace(a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1, dtype: Any = None, out: None = None) -> Any:
    """``np.trace``."""
    if out is not None:
        refuse_out("np.trace")
    return np.sum(diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)


METHODS["trace"] = trace


@implements(np.linalg.trace)
def linalg_trace(x: Any, /, *, offset: Any = 0, dtype: Any = None) -> Any:
    """``np.linalg.trace``."""
    return trace(x, offset, -2, -1, dtype)


def _triangle_spec(m: ArraySpec, *, k: int) -> ArraySpec:
    return ArraySpec(m.shape * 2 if m.ndim == 1 else m.shape, m.dtype)


def _triangle_batch(
    primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    (m,) = operands
    if m.ndim == 2:  # of one example, which is a vector, NumPy makes each row of a matrix
        n = m.shape[1]
        m = stretch(np.reshape(m, (size, 1, n)), (size, n, n))
    return bind(primitive, m, **params)


tril_p: Primitive = Primitive(
    "tril",
    np.tril,
    _triangle_spec,
    Linear((lambda ct, m, *, k: bind(tril_p, ct, k=k),)),
    source=lambda args, params: call_source("np.tril", args, keywords(params, k=0)),
    masks=True,
    batch=_triangle_batch,
)
triu_p: Primitive = Primitive(
    "triu",
    np.triu,
    _triangle_spec,
    Linear((lambda ct, m, *, k: bind(triu_p, ct, k=k),)),
    source=lambda args, params: call_source("np.triu", args, keywords(params, k=0)),
    masks=True,
    batch=_triangle_batch,
)


def _triangle(primitive: Primitive, m: Any, k: Any) -> Any:
    m = strong(operand(m))
    if m.ndim == 0:
        raise ShapeError(f"`np.{primitive.name}` of {ArraySpec.of(m)}", "give a matrix, or a stack of them.")
    return bind(primitive, m, k=operator.index(k))


@implements(np.tril)
def tril(m: Any, k: Any = 0) -> Any:
    """``np.tril``: zeros above a diagonal."""
    return _triangle(tril_p, m, k)


@implements(np.triu)
def triu(m: Any, k: Any = 0) -> Any:
    """``np.triu``: zeros below a diagonal."""
    return _triangle(triu_p, m, k)
