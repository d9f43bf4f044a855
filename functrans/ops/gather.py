"""NumPy's functions that take entries by position or by choice: ``take``, ``compress``, ``choose``, ``select``."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from functrans.errors import ShapeError
from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.family import broadcast_shapes, normalize_axis, operand, result_dtype
from functrans.ops.index import getitem, scatter_p
from functrans.ops.index_template import ARRAY
from functrans.ops.plain import known
from functrans.ops.scalars import is_weak, strong
from functrans.primitives import Linear, Primitive, Rule
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import METHODS, implements, refuse_out
from functrans.tracing.tracer import Tracer


def along(x: Any, axis: int, index: Any) -> Any:
    """``x`` indexed in one axis."""
    return getitem(x, (slice(None),) * axis + (index,))


def _axis(x: Any, axis: Any) -> tuple[Any, int]:
    """An array and one axis of it: of the array in one dimension, where the axis is ``None``."""
    x = strong(operand(x))
    return (np.ravel(x), 0) if axis is None else (x, normalize_axis(axis, x.ndim))


@implements(np.take)
def take(a: Any, indices: Any, axis: Any = None, out: None = None, mode: str = "raise") -> Any:
    """``np.take``."""
    if out is not None:
        refuse_out("np.take")
    if axis is None or np.ndim(a):
        a, axis = _axis(a, axis)
    else:
        normalize_axis(axis, 1)
        a, axis = np.reshape(strong(operand(a)), (1,)), 0
    n = a.shape[axis]
    if type(indices) is not Tracer:
        # Taken from 0, 1, 2, …, they are what NumPy makes of them, in each mode, or its error.
        return along(a, axis, np.take(np.arange(n), indices, mode=mode))  # type: ignore[call-overload]
    if mode not in ("raise", "wrap", "clip"):
        raise ValueError(f"clipmode must be one of 'clip', 'raise', or 'wrap' (got {mode!r})")
    if n == 0 and indices.size:
        raise IndexError("cannot do a non-empty take from an empty axes.")
    if mode != "raise" and indices.dtype.kind in "iu":
        indices = np.mod(indices, n) if mode == "wrap" else np.clip(indices, 0, n - 1)
    return along(a, axis, indices)


METHODS["take"] = take


def _along_axis_spec(x: ArraySpec, indices: ArraySpec, *, axis: int) -> ArraySpec:
    rest = [(*s.shape[:axis], 1, *s.shape[axis + 1 :]) for s in (x, indices)]
    try:
        shape = np.broadcast_shapes(*rest)
    except ValueError:
        raise ShapeError(
            f"`np.take_along_axis` of {x} by {indices}", f"let the shapes broadcast in all axes but {axis}."
        ) from None
    return ArraySpec((*shape[:axis], indices.shape[axis], *shape[axis + 1 :]), x.dtype)


def _along_axis_transpose(ct: Any, x: ArraySpec, indices: Any, *, axis: int) -> Any:
    places = [np.arange(n).reshape(n, *[1] * (x.ndim - i - 1)) for i, n in enumerate(x.shape)]
    index = [indices if i == axis else places[i] for i in range(x.ndim)]
    return bind(scatter_p, ct, *index, template=(ARRAY,) * x.ndim, shape=x.shape)


def _along_axis_batch(
    primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    x, indices = [o if flag else np.reshape(o, (1, *np.shape(o))) for o, flag in zip(operands, batched, strict=True)]
    return bind(primitive, x, indices, axis=params["axis"] + 1)


take_along_axis_p = Primitive(
    "take_along_axis",
    np.take_along_axis,
    _along_axis_spec,
    Linear((_along_axis_transpose,)),
    masks=True,
    batch=_along_axis_batch,
)


@implements(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Any:
    """``np.take_along_axis``."""
    indices = operand(indices)
    if axis is None and np.ndim(indices) != 1:
        raise ValueError("when axis=None, `indices` must have a single dimension.")
    arr, axis = _axis(arr, axis)
    if indices.dtype.kind not in "iu":
        raise IndexError("`indices` must be an integer array")
    if indices.ndim != arr.ndim:
        raise ValueError("`indices` and `arr` must have the same number of dimensions")
    return bind(take_along_axis_p, arr, indices, axis=axis)


def _mask(condition: Any, length: int, name: str) -> Any:
    """A condition as a mask of this length: NumPy takes entries beyond its end as false."""
    condition = np.ravel(np.asarray(known(condition, name)))
    if condition.dtype != np.bool_:
        condition = condition != 0
    if np.any(condition[length:]):
        raise IndexError(f"index {int(np.flatnonzero(condition)[-1])} is out of bounds for axis 0 with size {length}")
    mask = np.zeros(length, np.bool_)
    mask[: condition.size] = condition[:length]
    return mask


@implements(np.compress)
def compress(condition: Any, a: Any, axis: Any = None, out: None = None) -> Any:
    """``np.compress``; the condition must be known."""
    if out is not None:
        refuse_out("np.compress")
    if np.ndim(condition) != 1:
        raise ValueError("condition must be a 1-d array")
    a, axis = _axis(a, axis)
    return along(a, axis, _mask(condition, a.shape[axis], "np.compress"))


METHODS["compress"] = lambda self, condition, axis=None, out=None: compress(condition, self, axis, out)


@implements(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    """``np.extract``; the condition must be known."""
    arr = np.ravel(strong(operand(arr)))
    return getitem(arr, _mask(condition, arr.size, "np.extract"))


def _choose_transpose(position: int) -> Rule:
    return lambda ct, a, *choices: np.where(np.equal(a, position), ct, 0)


_MOST_CHOICES = 63  # NumPy's limit

choose_p = Primitive(
    "choose",
    lambda a, *choices: np.choose(a, choices),
    lambda a, *choices: ArraySpec(broadcast_shapes("np.choose", (a, *choices)), result_dtype(choices)),
    Linear((None, *[_choose_transpose(position) for position in range(_MOST_CHOICES)])),
    source=lambda args, params: f"np.choose({args[0]}, [{', '.join(args[1:])}])",
    masks=True,
    batch=batching.elementwise,
)


@implements(np.choose)
def choose(a: Any, choices: Any, out: None = None, mode: str = "raise") -> Any:
    """``np.choose``."""
    if out is not None:
        refuse_out("np.choose")
    a = operand(a)
    given = [operand(choice) for choice in choices]
    if len(given) > _MOST_CHOICES:
        raise ValueError(f"np.choose takes at most {_MOST_CHOICES} choices; index an array of them instead")
    if mode == "wrap":
        a = np.mod(a, len(given))
    elif mode == "clip":
        a = np.clip(a, 0, len(given) - 1)
    elif mode != "raise":
        raise ValueError(f"clipmode must be one of 'clip', 'raise', or 'wrap' (got {mode!r})")
    return bind(choose_p, a, *given)


METHODS["choose"] = choose


@implements(np.select)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """``np.select``."""
    if len(condlist) != len(choicelist):
        raise ValueError("list of cases must be same length as list of conditions")
    if len(condlist) == 0:
        raise ValueError("select with an empty condition list is not possible")
    conditions = [operand(condition) for condition in condlist]
    for i, condition in enumerate(conditions):
        if ArraySpec.of(condition).dtype != np.bool_:
            raise TypeError(f"invalid entry {i} in condlist: should be boolean ndarray")
    values = [operand(value) for value in (*choicelist, default)]
    dtype = result_dtype(values)
    # In the common dtype from the start: nested `where`s would promote pair by pair.
    values = [_in_dtype(value, dtype) for value in values]
    result = values.pop()
    for condition, value in zip(reversed(conditions), reversed(values), strict=True):
        result = np.where(condition, value, result)
    return result


def _in_dtype(value: Any, dtype: np.dtype[Any]) -> Any:
    if is_weak(value) and type(value) is not Tracer:
        return dtype.type(value)
    value = strong(value)
    return value if value.dtype == dtype else value.astype(dtype)


@implements(np.delete)
def delete(arr: Any, obj: Any, axis: Any = None) -> Any:
    """``np.delete``."""
    arr, axis = _axis(arr, axis)
    n = arr.shape[axis]
    mask = np.zeros(n, np.bool_)
    mask[np.delete(np.arange(n), known(obj, "np.delete"))] = True
    return along(arr, axis, mask)


@implements(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    """``np.insert``."""
    arr, axis = _axis(arr, axis)
    n = arr.shape[axis]
    obj = known(obj, "np.insert")
    values = strong(operand(values))
    if values.dtype != arr.dtype:
        values = values.astype(arr.dtype)
    places = np.arange(n)[obj] if isinstance(obj, slice) else np.asarray(obj)
    single = places.size == 1
    count = int(np.count_nonzero(places)) if places.dtype == np.bool_ else places.size
    if single and places.dtype != np.bool_:
        values = np.reshape(values, (1,) * (arr.ndim - values.ndim) + values.shape)
        if places.ndim == 0:
            values = np.moveaxis(values, 0, axis)
        count = values.shape[axis]
        obj = int(places.reshape(()))
    shape = (*arr.shape[:axis], count, *arr.shape[axis + 1 :])
    order = np.insert(np.arange(n), obj, np.arange(n, n + count))
    return along(np.concatenate([arr, np.broadcast_to(values, shape)], axis=axis), axis, order)


@implements(np.trim_zeros)
def trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    """``np.trim_zeros``; the values must be known."""
    value = known(filt, "np.trim_zeros")
    if np.ndim(value) != 1:
        raise ShapeError("`np.trim_zeros` of more than one axis is not covered", "index with the slices you need.")
    if axis not in (None, 0, -1, (0,), (-1,)):
        raise np.exceptions.AxisError(operator.index(axis), 1)
    kept = np.flatnonzero(value)
    sides = trim.upper()
    if not kept.size:
        return getitem(filt, slice(0, 0))
    start = int(kept[0]) if "F" in sides else None
    stop = int(kept[-1]) + 1 if "B" in sides else None
    return getitem(filt, slice(start, stop))
