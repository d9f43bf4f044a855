"""Entries moved about or repeated: ``flip``, ``roll``, ``rot90``, ``tile``, ``repeat``, ``resize``."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from functrans.errors import ShapeError
from functrans.ops import batching
from functrans.ops.broadcast import stretch
from functrans.ops.family import normalize_axes, normalize_axis
from functrans.ops.shape import as_shape, operand_array, ravel, swapaxes, to_shape
from functrans.primitives import Linear, Primitive
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import METHODS, implements

flip_p = Primitive(
    "flip",
    np.flip,
    lambda x, axis: x.strong(),
    Linear((lambda ct, x, axis: np.flip(ct, axis),)),
    batch=batching.along("axis"),
)
roll_p = Primitive(
    "roll",
    np.roll,
    lambda x, shift, axis: x.strong(),
    Linear((lambda ct, x, shift, axis: np.roll(ct, tuple([-n for n in shift]), axis),)),
    batch=batching.along("axis"),
)


@implements(np.flip)
def flip(m: Any, axis: Any = None) -> Any:
    """``np.flip``."""
    return bind(flip_p, m, axis=normalize_axes(axis, m.ndim))


@implements(np.flipud)
def flipud(m: Any) -> Any:
    """``np.flipud``."""
    if m.ndim < 1:
        raise ValueError("Input must be >= 1-d.")
    return flip(m, 0)


@implements(np.fliplr)
def fliplr(m: Any) -> Any:
    """``np.fliplr``."""
    if m.ndim < 2:
        raise ValueError("Input must be >= 2-d.")
    return flip(m, 1)


@implements(np.roll)
def roll(a: Any, shift: Any, axis: Any = None) -> Any:
    """``np.roll``."""
    if axis is None:
        return to_shape(roll(ravel(a), shift, 0), a.shape)
    pairs = np.broadcast(np.asarray(shift), np.asarray(axis))
    if pairs.ndim > 1:
        raise ValueError("'shift' and 'axis' should be scalars or 1D sequences")
    # As in NumPy, an axis named twice is rolled by the sum.
    total: dict[int, int] = {}
    for n, given in pairs:
        i = normalize_axis(given, a.ndim)
        total[i] = total.get(i, 0) + operator.index(n)
    return bind(roll_p, a, shift=tuple(total.values()), axis=tuple(total))


@implements(np.rot90)
def rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    """``np.rot90``."""
    if len(axes) != 2:
        raise ValueError("len(axes) must be 2.")
    i, j = [normalize_axis(axis, m.ndim) for axis in axes]
    if i == j:
        raise ValueError("Axes must be different.")
    match operator.index(k) % 4:
        case 0:
            return m
        case 1:
            return swapaxes(flip(m, j), i, j)
        case 2:
            return flip(m, (i, j))
    return flip(swapaxes(m, i, j), j)


@implements(np.tile)
def tile(A: Any, reps: Any) -> Any:  # noqa: N803 - NumPy's name
    """``np.tile``."""
    times = as_shape(reps)
    x = operand_array(A)
    ndim = max(x.ndim, len(times))
    times = (1,) * (ndim - len(times)) + times
    shape = (1,) * (ndim - x.ndim) + x.shape
    # Each axis in two: which repetition, and where in it.
    split: list[int] = []
    wide: list[int] = []
    for n, r in zip(shape, times, strict=True):
        split += [n] if r == 1 else [1, n]
        wide += [n] if r == 1 else [r, n]
    return to_shape(
        stretch(to_shape(x, tuple(split)), tuple(wide)), tuple([n * r for n, r in zip(shape, times, strict=True)])
    )


@implements(np.repeat)
def repeat(a: Any, repeats: Any, axis: Any = None) -> Any:
    """``np.repeat``."""
    if axis is None:
        a, axis = ravel(operand_array(a)), 0
    axis = normalize_axis(axis, a.ndim)
    shape = a.shape
    counts = np.asarray(repeats)
    if counts.size == 1:
        n = int(counts.reshape(()))
        if n < 0:
            raise ValueError("repeats may not contain negative values.")
        split = to_shape(a, (*shape[: axis + 1], 1, *shape[axis + 1 :]))
        wide = stretch(split, (*shape[: axis + 1], n, *shape[axis + 1 :]))
        return to_shape(wide, (*shape[:axis], shape[axis] * n, *shape[axis + 1 :]))
    if counts.ndim == 1 and counts.shape != (shape[axis],):
        raise ShapeError(
            f"cannot repeat axis {axis} of {a.spec} by {counts.size} counts",
            "`repeats` is one integer, or as many as the axis is long.",
        )
    # NumPy's own complaints about counts that are none come from here.
    return np.take(a, np.repeat(np.arange(shape[axis]), repeats), axis=axis)


METHODS["repeat"] = repeat


@implements(np.resize)
def resize(a: Any, new_shape: Any) -> Any:
    """``np.resize``."""
    shape = as_shape(new_shape)
    size = 1
    for n in shape:
        if n < 0:
            raise ValueError("all elements of `new_shape` must be non-negative")
        size *= n
    if not a.size or not size:
        return np.zeros(shape, a.dtype)
    flat = ravel(a)
    copies = -(-size // a.size)
    return to_shape(tile(flat, copies)[:size] if copies * a.size != size else tile(flat, copies), shape)
