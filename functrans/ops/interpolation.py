"""Linear interpolation in a table: ``interp``.

Within a cell the result is ``fp0 + s (x - xp0)`` with ``s = (fp1 - fp0) / (xp1 - xp0)``. It is linear in ``fp``; the
derivative in ``x`` is ``s``; and moving the knots moves ``x`` against them, so the derivative in ``xp`` is ``-s`` times
the interpolation of what the knots move by. A knot belongs to the cell on its right, the last one to that on its left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from functrans.errors import DerivativeError
from functrans.ir.spec import ArraySpec
from functrans.ops.batching import full
from functrans.ops.convert import to_dtype
from functrans.ops.family import operand
from functrans.ops.index import getitem, scatter_p
from functrans.ops.index_template import ARRAY
from functrans.ops.order_batch import found_in_rows
from functrans.ops.plain import plain
from functrans.ops.scalars import strong
from functrans.primitives import Primitive, Rules
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import implements

_FLOAT = np.dtype(np.float64)
_COMPLEX = np.dtype(np.complex128)


def _spec(x: ArraySpec, xp: ArraySpec, fp: ArraySpec) -> ArraySpec:
    return ArraySpec(x.shape, _COMPLEX if fp.dtype.kind == "c" else _FLOAT)


def _cell(x: Any, xp: Any) -> Any:
    """The cell in which each ``x`` is; outside of the table that at its end."""
    return np.clip(np.searchsorted(xp, x, side="right") - 1, 0, xp.shape[0] - 2)


def _rise(table: Any, cell: Any) -> Any:
    """How much a table rises in each cell."""
    if cell.size > table.shape[0]:
        return getitem(table[1:] - table[:-1], cell)
    return getitem(table, cell + 1) - getitem(table, cell)


def _slope(x: Any, xp: Any, fp: Any) -> Any:
    """The derivative in ``x``."""
    if xp.shape[0] == 1:
        return np.zeros(np.shape(x))
    cell = _cell(x, xp)
    outside = (x < xp[0]) | (x > xp[-1])
    return np.where(outside, 0.0, _rise(fp, cell) / _rise(xp, cell))


def _spread(ct: Any, x: Any, xp: Any) -> Any:
    """The transpose of interpolation: each cotangent goes to the two knots beside its ``x``."""
    n = xp.shape[0]
    if n == 1:
        return np.reshape(np.sum(ct), (1,))
    cell = _cell(x, xp)
    share = np.clip((x - getitem(xp, cell)) / _rise(xp, cell), 0.0, 1.0)
    upper = ct * share
    knots = np.stack([np.ravel(cell), np.ravel(cell) + 1])
    values = np.stack([np.ravel(ct - upper), np.ravel(upper)])
    return bind(scatter_p, values, knots, template=(ARRAY,), shape=(n,))


def _batch(
    primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    x, xp, fp = operands
    if not batched[1] and not batched[2]:
        return bind(primitive, *operands)
    shape = np.shape(x)[batched[0] :]
    n = xp.shape[-1]
    flat = np.reshape(full(x, batched[0], size), (size, prod(shape)))
    if n == 1:
        out = np.broadcast_to(np.reshape(fp, (-1, 1)), flat.shape)
        return np.reshape(out, (size, *shape))
    above = found_in_rows(xp, flat, "right") if batched[1] else np.searchsorted(xp, flat, side="right")
    cell = np.clip(above - 1, 0, n - 2)

    def ends(table: Any, flag: bool) -> tuple[Any, Any]:
        if flag:
            return np.take_along_axis(table, cell, axis=1), np.take_along_axis(table, cell + 1, axis=1)
        return getitem(table, cell), getitem(table, cell + 1)

    (x0, x1), (y0, y1) = ends(xp, batched[1]), ends(fp, batched[2])
    inside = (y1 - y0) / (x1 - x0) * (flat - x0) + y0
    out = np.where(flat >= x1, y1, np.where(flat <= x0, y0, inside))
    return np.reshape(out, (size, *shape))


interp_p: Primitive = Primitive(
    "interp",
    np.interp,
    _spec,
    Rules(
        jvp=[
            lambda dx, out, x, xp, fp: dx * _slope(x, xp, fp),
            lambda dxp, out, x, xp, fp: -_slope(x, xp, fp) * bind(interp_p, x, xp, dxp),
            lambda dfp, out, x, xp, fp: bind(interp_p, x, xp, dfp),
        ],
        vjp=[
            lambda ct, out, x, xp, fp: ct * _slope(x, xp, fp),
            lambda ct, out, x, xp, fp: _spread(-ct * _slope(x, xp, fp), x, xp),
            lambda ct, out, x, xp, fp: _spread(ct, x, xp),
        ],
    ),
    masks=True,
    batch=_batch,
)


def _doubles(value: Any, dtype: np.dtype[Any] = _FLOAT) -> Any:
    value = strong(operand(value))
    if not np.can_cast(value.dtype, dtype, "safe"):
        raise TypeError(f"Cannot cast array data from {value.dtype!r} to {dtype!r} according to the rule 'safe'")
    return to_dtype(value, dtype) if value.dtype != dtype else value


def _end(value: Any, dtype: np.dtype[Any]) -> Any:
    value = strong(operand(value))
    if np.ndim(value):
        raise TypeError("only 0-dimensional arrays can be converted to Python scalars")
    if value.dtype.kind == "c" and dtype.kind == "f":
        raise TypeError("must be real number, not complex")
    return to_dtype(value, dtype) if value.dtype != dtype else value


@implements(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """``np.interp``; ``xp`` must rise, also where its values are not known.

    Raises:
        DerivativeError: it does not.
    """
    fp = strong(operand(fp))
    dtype = _COMPLEX if fp.dtype.kind == "c" else _FLOAT
    if period is not None:  # then NumPy casts
        x, xp, fp = to_dtype(strong(operand(x)), _FLOAT), to_dtype(strong(operand(xp)), _FLOAT), to_dtype(fp, dtype)
    x, xp, fp = _doubles(x), _doubles(xp), _doubles(fp, dtype)
    if period is not None:
        if np.ndim(period):
            raise ValueError("object of too small depth for desired array")
        size = plain(period)
        if type(size) is not ArraySpec and size == 0:
            raise ValueError("period must be a non-zero value")
        period = abs(period)
        left = right = None
    if xp.ndim != 1 or fp.ndim != 1:
        raise ValueError("Data points must be 1-D sequences")
    if xp.shape[0] != fp.shape[0]:
        raise ValueError("fp and xp are not of the same length")
    if xp.shape[0] == 0:
        raise ValueError("array of sample points is empty")
    if period is not None:
        x, xp = x % period, xp % period
        order = np.argsort(xp)
        xp, fp = getitem(xp, order), getitem(fp, order)
        xp = np.concatenate([xp[-1:] - period, xp, xp[0:1] + period])
        fp = np.concatenate([fp[-1:], fp, fp[0:1]])
    knots = plain(xp)
    if type(knots) is not ArraySpec and np.any(knots[1:] < knots[:-1]):
        raise DerivativeError(
            "`np.interp` in a table whose `xp` does not rise: NumPy looks up at random there, without a derivative",
            "sort the table: `order = np.argsort(xp)`, then `np.interp(x, xp[order], fp[order])`.",
        )
    out = bind(interp_p, x, xp, fp)
    # What lies outside of the table is looked up there otherwise.
    if right is not None:
        out = np.where(x > xp[-1], _end(right, dtype), out)
    return out if left is None else np.where(x < xp[0], _end(left, dtype), out)
