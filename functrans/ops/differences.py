"""Differences and what is made of them: ``diff``, ``ediff1d``, ``gradient``, ``trapezoid``, ``unwrap``.

``gradient`` fits a parabola through three points, whose slope is a mean of the slopes of the two chords: with chords
``s1``, ``s2`` of steps ``h1``, ``h2`` it is ``(h2 s1 + h1 s2) / (h1 + h2)`` at the middle point (B. Fornberg,
*Generation of finite difference formulas on arbitrarily spaced grids*, 1988). NumPy computes it by another formula
where the steps are equal; the derivative in the coordinates is the same one there.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from functrans.errors import ShapeError, UncoveredFunctionError
from functrans.ir.spec import ArraySpec
from functrans.ops.batching import Flags, Operands, Params
from functrans.ops.convert import to_dtype
from functrans.ops.duals import cast
from functrans.ops.family import normalize_axes, normalize_axis, operand
from functrans.ops.gather import along
from functrans.ops.reduction import NO_VALUE, array
from functrans.ops.select import stop_gradient
from functrans.primitives import Primitive, Rules
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import implements


def _ends(x: Any, axis: int) -> tuple[Any, Any]:
    """All entries along an axis but the last, and all but the first."""
    return along(x, axis, slice(None, -1)), along(x, axis, slice(1, None))


def _step(x: Any, axis: int) -> Any:
    low, high = _ends(x, axis)
    return high != low if x.dtype.kind == "b" else high - low


@implements(np.diff)
def diff(a: Any, n: Any = 1, axis: Any = -1, prepend: Any = NO_VALUE, append: Any = NO_VALUE) -> Any:
    """``np.diff``."""
    n = operator.index(n)
    if n == 0:
        return a
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n!r}")
    a = array(a)
    if not a.ndim:
        raise ValueError("diff requires input that is at least one dimensional")
    axis = normalize_axis(axis, a.ndim)
    if prepend is not NO_VALUE or append is not NO_VALUE:
        parts = [_margin(prepend, a, axis), a, _margin(append, a, axis)]
        a = np.concatenate([part for part in parts if part is not None], axis=axis)
    for _ in range(n):
        a = _step(a, axis)
    return a


def _margin(value: Any, a: Any, axis: int) -> Any:
    """What is put before or behind an array; a number stands for a slice of them."""
    if value is NO_VALUE:
        return None
    value = array(value)
    return value if value.ndim else np.broadcast_to(value, (*a.shape[:axis], 1, *a.shape[axis + 1 :]))


@implements(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """``np.ediff1d``."""
    ary = np.ravel(array(ary))
    if to_begin is None and to_end is None:
        return ary[1:] - ary[:-1]
    parts = [_joined(to_begin, "to_begin", ary.dtype), ary[1:] - ary[:-1], _joined(to_end, "to_end", ary.dtype)]
    return np.concatenate([part for part in parts if part is not None])


def _joined(value: Any, name: str, dtype: np.dtype[Any]) -> Any:
    if value is None:
        return None
    value = array(value)
    if not np.can_cast(value.dtype, dtype, "same_kind"):
        raise TypeError(f"dtype of `{name}` must be compatible with input `ary` under the `same_kind` rule.")
    value = np.ravel(value)
    return value if value.dtype == dtype else to_dtype(value, dtype)


@implements(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: Any = -1) -> Any:
    """``np.trapezoid``; ``y``, ``x`` and ``dx`` may be traced."""
    y = array(y)
    axis = normalize_axis(axis, y.ndim)
    if x is None:
        d = operand(dx)
    else:
        x = array(x)
        if x.ndim == 1:
            d = diff(x)
            d = np.reshape(d, tuple([d.shape[0] if i == axis else 1 for i in range(y.ndim)]))
        else:
            d = diff(x, axis=axis)
    low, high = _ends(y, axis)
    return np.sum(d * (high + low) / 2.0, axis=axis)


# unwrap: whole periods are added, whose number is constant between its jumps. So the derivative in `p` is the identity,
# also on a jump, and that in the period is the number of periods.


@implements(np.unwrap)
def unwrap(p: Any, discont: Any = None, axis: Any = -1, *, period: Any = 2 * np.pi) -> Any:
    """``np.unwrap``; the derivative does not see the jumps by a period."""
    p = array(p)
    steps = diff(stop_gradient(p), axis=axis)
    axis = normalize_axis(axis, p.ndim)
    dtype = np.result_type(steps, period)
    if np.issubdtype(dtype, np.integer):
        high, odd = divmod(period, 2)
        ambiguous = odd == 0
    else:
        high, ambiguous = period / 2, True
    low = -high
    wrapped = np.mod(steps - low, period) + low
    if ambiguous:  # a step of half a period keeps its sign
        wrapped = np.where((wrapped == low) & (steps > 0), wrapped + period, wrapped)
    correction = np.where(np.abs(steps) < (period / 2 if discont is None else discont), 0, wrapped - steps)
    first, rest = along(p, axis, slice(None, 1)), along(p, axis, slice(1, None)) + np.cumsum(correction, axis=axis)
    return np.concatenate([x if x.dtype == dtype else to_dtype(x, dtype) for x in (first, rest)], axis=axis)


# gradient


def _steps(x: Any, axis: int, ndim: int) -> Any:
    """The steps between coordinates, so that they broadcast along one of ``ndim`` axes; a lone step is itself."""
    if not np.ndim(x):
        return x
    return np.reshape(x[1:] - x[:-1], tuple([-1 if i == axis else 1 for i in range(ndim)]))


def _middle(chords: Any, h: Any, axis: int) -> Any:
    """The slopes at the middle points of neighbouring chords; ``h`` are their steps, None if they are all alike."""
    s1, s2 = _ends(chords, axis)
    if h is None:
        return (s1 + s2) * 0.5
    h1, h2 = _ends(h, axis)
    return (h2 * s1 + h1 * s2) / (h1 + h2)


def _with_ends(chords: Any, middle: Any, axis: int, edge_order: int) -> Any:
    """The slopes at all points: those at the ends are of chords, or of parabolas.

    A parabola's slopes at the two ends of a chord have that of the chord for their mean.
    """
    first, last = along(chords, axis, slice(None, 1)), along(chords, axis, slice(-1, None))
    if edge_order != 1:
        first = first * 2 - along(middle, axis, slice(None, 1))
        last = last * 2 - along(middle, axis, slice(-1, None))
    return np.concatenate([first, middle, last], axis=axis)


def _slopes(f: Any, h: Any, axis: int, edge_order: int, alike: bool) -> Any:
    chords = _step(f, axis) / h
    return _with_ends(chords, _middle(chords, None if alike else h, axis), axis, edge_order)


def _gradient_jvp(df: Any, out: Any, f: Any, x: Any, *, axis: int, edge_order: int) -> Any:
    return _slopes(df, _steps(x, axis, f.ndim), axis, edge_order, not np.ndim(x))


def _gradient_by_coordinates(dx: Any, out: Any, f: Any, x: Any, *, axis: int, edge_order: int) -> Any:
    h, dh = _steps(x, axis, f.ndim), _steps(dx, axis, f.ndim)
    chords = _step(f, axis) / h
    moved = chords * (-dh / h)
    if not np.ndim(x):
        return _with_ends(moved, _middle(moved, None, axis), axis, edge_order)
    (s1, s2), (h1, h2), (dh1, dh2) = _ends(chords, axis), _ends(h, axis), _ends(dh, axis)
    middle = _middle(moved, h, axis) + (s2 - s1) * ((h2 * dh1 - h1 * dh2) / (h1 + h2) ** 2)
    return _with_ends(moved, middle, axis, edge_order)


def _gradient_batch(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
    f, x = operands
    if not batched[0]:
        f = np.broadcast_to(f, (size, *np.shape(f)))
    axis, edge_order = params["axis"] + 1, params["edge_order"]
    if not batched[1]:
        return bind(primitive, f, x, axis=axis, edge_order=edge_order)
    # NumPy takes one set of coordinates for all.
    alike = np.ndim(x) == 1
    h = x if alike else x[:, 1:] - x[:, :-1]
    h = np.reshape(h, (size, *[1 if alike or i != axis else h.shape[1] for i in range(1, f.ndim)]))
    return cast(_slopes(f, h, axis, edge_order, alike), f.dtype)


gradient_p = Primitive(
    "gradient",
    np.gradient,
    lambda f, x, *, axis, edge_order: f.strong(),
    Rules(jvp=[_gradient_jvp, _gradient_by_coordinates], vjp=None),
    batch=_gradient_batch,
)


@implements(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: Any = 1) -> Any:
    """``np.gradient``; spacings and coordinates may be traced."""
    f = array(f)
    axes = _in_order(axis, f.ndim)
    spacings = _spacings(f, varargs, axes)
    if edge_order > 2:
        raise ValueError("'edge_order' greater than 2 not supported")
    if f.dtype.kind in "iu":
        f = to_dtype(f, np.dtype(np.float64))
    if f.dtype.kind == "b":
        raise TypeError("`np.gradient` takes differences, which truth values have not: convert with `.astype(float)`")
    found = []
    for i, x in zip(axes, spacings, strict=True):
        if f.shape[i] < edge_order + 1:
            raise ShapeError(
                f"`np.gradient` of {ArraySpec.of(f)} along axis {i}: too few entries for a numerical gradient",
                f"it takes at least {edge_order + 1} (`edge_order + 1`) along each axis; choose others with `axis=`.",
            )
        found.append(bind(gradient_p, f, x, axis=i, edge_order=operator.index(edge_order)))
    return found[0] if len(found) == 1 else tuple(found)


def _in_order(axis: Any, ndim: int) -> list[int]:
    """The axes in the order in which they are given."""
    if axis is None:
        return list(range(ndim))
    axes = [normalize_axis(a, ndim) for a in (axis if isinstance(axis, tuple | list) else (axis,))]
    normalize_axes(axis, ndim)  # refuses an axis that comes twice
    return axes


def _spacings(f: Any, given: tuple[Any, ...], axes: list[int]) -> list[Any]:
    """A step or coordinates for each axis."""
    if not given:
        return [1.0] * len(axes)
    if len(given) == 1 and not np.ndim(given[0]):
        return [operand(given[0])] * len(axes)
    if len(given) != len(axes):
        raise TypeError("invalid number of arguments")
    found = []
    for x, i in zip(map(operand, given), axes, strict=True):
        if np.ndim(x) > 1:
            raise ShapeError(f"the coordinates given to `np.gradient` are {ArraySpec.of(x)}", "they lie on a line.")
        if np.ndim(x) and x.shape[0] != f.shape[i]:
            raise ShapeError(
                f"{x.shape[0]} coordinates are given to `np.gradient` for axis {i} of {ArraySpec.of(f)}",
                "there must be one for each entry along the axis.",
            )
        if np.ndim(x) and x.dtype.kind == "b":
            raise UncoveredFunctionError(
                "truth values as coordinates of `np.gradient` on a traced value are not covered",
                "convert them with `.astype(float)`.",
            )
        found.append(to_dtype(x, np.dtype(np.float64)) if np.ndim(x) and x.dtype.kind in "iu" else x)
    return found
