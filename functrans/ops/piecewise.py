"""NumPy's functions that call a function of the user's on parts of an array: ``piecewise``, ``apply_along_axis``, ….

The function is called with traced parts, as NumPy would call it with plain ones, and what it returns is put together.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from functrans.ops.convert import to_dtype
from functrans.ops.family import normalize_axis, operand
from functrans.ops.index import getitem
from functrans.ops.plain import known
from functrans.ops.scalars import strong
from functrans.tracing.dispatch import implements

_WHY = "the functions are called with the entries for which a condition holds"


def _conditions(condlist: Any, ndim: int) -> Any:
    """The conditions, stacked along the first axis."""
    if not isinstance(condlist, list | tuple):
        condlist = known(condlist, "np.piecewise", _WHY)
    if np.isscalar(condlist) or (not isinstance(condlist[0], list | np.ndarray) and ndim):
        condlist = [condlist]
    if isinstance(condlist, list | tuple):
        condlist = [known(condition, "np.piecewise", _WHY) for condition in condlist]
    return np.asarray(condlist, bool)


@implements(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """``np.piecewise``; the conditions must be known, else write ``np.where`` or ``np.select``."""
    x = strong(operand(x))
    conditions = _conditions(condlist, x.ndim)
    count = len(conditions)
    if count == len(funclist) - 1:
        conditions = np.concatenate([conditions, ~np.any(conditions, axis=0, keepdims=True)])
    elif count != len(funclist):
        raise ValueError(f"with {count} condition(s), either {count} or {count + 1} functions are expected")
    lead = conditions.ndim - 1
    if conditions.shape[1:] != x.shape[:lead]:
        raise IndexError(f"boolean index of shape {conditions.shape[1:]} does not match an array of shape {x.shape}")
    rest = x.shape[lead:]
    rows = np.reshape(x, (prod(x.shape[:lead]), *rest))
    # All pieces behind one another, after a zero; and where in them each entry is found.
    pieces: list[Any] = [np.zeros((1, *rest), x.dtype)]
    places = np.zeros(len(rows), np.intp)
    end = 1
    for condition, function in zip(conditions, funclist, strict=True):
        chosen = np.flatnonzero(condition)
        if not isinstance(function, Callable):  # type: ignore[arg-type]
            piece = function
        elif chosen.size:
            piece = function(getitem(rows, chosen), *args, **kw)
        else:
            continue
        piece = to_dtype(strong(operand(piece)), x.dtype)
        if np.ndim(piece) <= len(rest) or np.shape(piece)[0] == 1:
            piece = np.broadcast_to(piece, (1, *rest))
            places[chosen] = end
        else:
            piece = np.broadcast_to(piece, (chosen.size, *rest))
            places[chosen] = end + np.arange(chosen.size)
        pieces.append(piece)
        end += piece.shape[0]
    return np.reshape(getitem(np.concatenate(pieces), places), x.shape)


@implements(np.apply_along_axis)
def apply_along_axis(func1d: Callable[..., Any], axis: Any, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """``np.apply_along_axis``: a loop, as NumPy's; ``functrans.vmap`` is faster."""
    arr = strong(operand(arr))
    axis = normalize_axis(axis, arr.ndim)
    lead = arr.shape[:axis] + arr.shape[axis + 1 :]
    if 0 in lead:
        raise ValueError("Cannot apply_along_axis when any iteration dimensions are 0")
    rows = np.reshape(np.moveaxis(arr, axis, -1), (prod(lead), arr.shape[axis]))
    results = [strong(operand(func1d(rows[i], *args, **kwargs))) for i in range(len(rows))]
    dtype = results[0].dtype
    made = np.stack([r if r.dtype == dtype else to_dtype(r, dtype) for r in results])
    shape = np.shape(results[0])
    made = np.reshape(made, (*lead, *shape))
    return np.moveaxis(made, tuple(range(len(lead), made.ndim)), tuple(range(axis, axis + len(shape))))


@implements(np.apply_over_axes)
def apply_over_axes(func: Callable[[Any, int], Any], a: Any, axes: Any) -> Any:
    """``np.apply_over_axes``."""
    value, ndim = strong(operand(a)), np.ndim(a)
    for given in np.atleast_1d(axes).tolist():
        axis = given + ndim if given < 0 else given
        found = func(value, axis)
        if found.ndim != value.ndim:
            found = np.expand_dims(found, axis)
        if found.ndim != value.ndim:
            raise ValueError("function is not returning an array of the correct shape")
        value = found
    return value
