"""``np.linalg.cond`` and ``matrix_rank``: how regular a matrix is."""

from __future__ import annotations

from functools import cache
from math import prod
from typing import Any

import numpy as np

from functrans.array_types import Array, Inexact
from functrans.errors import UncoveredFunctionError
from functrans.ir.spec import ArraySpec
from functrans.ops.batching import Flags, Operands, Params, aligned, ranks
from functrans.ops.contraction import matrices
from functrans.ops.family import broadcast_shapes, keywords, operand
from functrans.ops.linalg import linalg_dtype, shape_of_matrices, square
from functrans.ops.norm import gradient
from functrans.ops.singular import spectral_gradient
from functrans.primitives import Constant, Primitive, Rules, call_source
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import implements
from functrans.tracing.tracer import Tracer

# cond: a norm of the matrix times that of its inverse, where 2 is of singular values alone.


def _cond_spec(x: ArraySpec, *, p: Any) -> ArraySpec:
    shape_of_matrices("cond", x)
    if not prod(x.shape):
        raise np.linalg.LinAlgError("cond is not defined on empty arrays")
    if p not in (2, -2):
        square("cond", x)
    return ArraySpec(x.shape[:-2], _cond_dtype(linalg_dtype("cond", x), p))


@cache
def _cond_dtype(dtype: np.dtype[Any], p: Any) -> np.dtype[Any]:
    """Real, but for some norms in NumPy 2.0."""
    return np.linalg.cond(np.eye(1, dtype=dtype), p).dtype  # type: ignore[no-any-return]


def _cond_gradient(out: Any, x: Inexact[Array, "*batch m n"], p: Any) -> Inexact[Array, "*batch m n"]:
    axes = x.ndim - 2, x.ndim - 1
    if p in (2, -2):
        above, below = [spectral_gradient(x, largest) for largest in (p != -2, p == -2)]
        divisor = np.sum(np.real(below * x), axis=axes, keepdims=True)
        return (above - out[..., None, None] * below) / np.where(divisor == 0, np.nan, divisor)
    regular = np.less(out, np.inf)[..., None, None]
    y = np.linalg.inv(np.where(regular, x, np.eye(x.shape[-1], dtype=x.dtype)))
    of_x, of_y = [np.linalg.norm(z, p, axes) for z in (x, y)]
    by_y = y.mT @ gradient(of_y, y, p, axes) @ y.mT
    found = of_y[..., None, None] * gradient(of_x, x, p, axes) - of_x[..., None, None] * by_y
    return np.where(regular, found, np.nan)


def _cond_jvp(dx: Any, out: Any, x: Any, *, p: Any) -> Any:
    return np.sum(np.real(_cond_gradient(np.real(out), x, p) * dx), axis=(-2, -1))


def _cond_vjp(ct: Any, out: Any, x: Any, *, p: Any) -> Any:
    return np.real(ct)[..., None, None] * _cond_gradient(np.real(out), x, p)


cond_p = Primitive(
    "cond",
    np.linalg.cond,
    _cond_spec,
    Rules(jvp=[_cond_jvp], vjp=[_cond_vjp]),
    source=lambda args, params: call_source("np.linalg.cond", args, keywords(params, p=2)),
    batch=matrices(1),
)


@implements(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Any:
    """``np.linalg.cond``."""
    if type(p) is Tracer:
        raise UncoveredFunctionError("`np.linalg.cond` with a traced `p`", "choose the norm outside, as a number.")
    if p not in (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf):
        raise ValueError("Invalid norm order for matrices.")
    return bind(cond_p, operand(x), p=2 if p is None else p)


# matrix_rank.


def _rank_impl(a: Any, *tolerance: Any, by: Any, hermitian: bool) -> Any:
    return np.linalg.matrix_rank(a, hermitian=hermitian, **({by: tolerance[0]} if tolerance else {}))


def _rank_spec(a: ArraySpec, *tolerance: ArraySpec, by: Any, hermitian: bool) -> ArraySpec:
    if a.ndim < 2:
        return ArraySpec((), np.int64, True)
    linalg_dtype("matrix_rank", a)
    batch = a.with_shape(a.shape[:-2])
    return ArraySpec(broadcast_shapes("np.linalg.matrix_rank", [batch, *tolerance]), np.int64)


def _rank_source(args: list[str], params: dict[str, Any]) -> str:
    given = [args[0], *[f"{params['by']}={t}" for t in args[1:]]]
    return call_source("np.linalg.matrix_rank", given, keywords({"hermitian": params["hermitian"]}, hermitian=False))


def _rank_batch(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
    rank, *others = ranks(operands, batched)
    if rank < 2:
        a = operands[0] if batched[0] else np.broadcast_to(operands[0], (size, *np.shape(operands[0])))
        return np.any(a != 0, axis=tuple(range(1, 1 + rank))).astype(np.int64)
    rank = max([rank - 2, *others])
    given = [aligned(x, flag, rank + core, core) for x, flag, core in zip(operands, batched, (2, 0), strict=False)]
    return bind(primitive, *given, **params)


matrix_rank_p = Primitive(
    "matrix_rank",
    _rank_impl,
    _rank_spec,
    Constant("it is an integer"),
    source=_rank_source,
    batch=_rank_batch,
)


@implements(np.linalg.matrix_rank)
def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:  # noqa: N803
    """``np.linalg.matrix_rank``."""
    if rtol is not None and tol is not None:
        raise ValueError("`tol` and `rtol` can't be both set.")
    by = "tol" if tol is not None else "rtol" if rtol is not None else None
    tolerance = [] if by is None else [operand(tol if by == "tol" else rtol)]
    return bind(matrix_rank_p, operand(A), *tolerance, by=by, hermitian=bool(hermitian))
