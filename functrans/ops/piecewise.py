"""NumPy's functions that call a function of the user's on parts of an array: ``piecewise``, ``apply_along_axis``, ….

The function is called with traced parts, as NumPy would call it with plain ones, and what it returns is put together.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from functrans.errors import FunctransError
from functrans.ir.program import Literal
from functrans.ir.spec import ArraySpec
from functrans.ops.batching import elementwise, rule_of
from functrans.ops.convert import to_dtype
from functrans.ops.family import normalize_axis, operand
from functrans.ops.index import getitem
from functrans.ops.plain import known, plain
from functrans.ops.scalars import strong
from functrans.tracing.dispatch import implements
from functrans.tracing.trace import trace
from functrans.tracing.tracer import Tracer

_WHY = "the functions are called with the entries for which a condition holds"


def _conditions(condlist: Any, ndim: int) -> list[Any]:
    """The conditions one by one, as truth values."""
    if not isinstance(condlist, list | tuple):
        condlist = strong(operand(condlist))
    single = not isinstance(condlist, list | tuple) and not np.ndim(condlist)
    if single or (ndim and not isinstance(condlist[0], list | np.ndarray)):
        condlist = [condlist]
    conditions = [strong(operand(condition)) for condition in condlist]
    return [c if c.dtype == np.bool_ else np.not_equal(c, 0) for c in conditions]


@implements(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """``np.piecewise``.

    Where the conditions are not known, each function is called with all entries, and must treat each for itself.
    """
    x = strong(operand(x))
    conditions = _conditions(condlist, x.ndim)
    count = len(conditions)
    if count == len(funclist) - 1:
        conditions.append(np.logical_not(functools.reduce(np.logical_or, conditions)))
    elif count != len(funclist):
        raise ValueError(f"with {count} condition(s), either {count} or {count + 1} functions are expected")
    lead = max([np.ndim(condition) for condition in conditions])
    for condition in conditions:
        if np.shape(condition) != x.shape[:lead]:
            raise IndexError(f"boolean index of shape {np.shape(condition)} does not match an array of {x.shape}")
    plain_conditions = [plain(condition) for condition in conditions]
    if any(type(condition) is ArraySpec for condition in plain_conditions):
        return _chosen(x, conditions, funclist, args, kw)
    return _put_together(x, plain_conditions, lead, funclist, args, kw)


def _put_together(x: Any, conditions: Any, lead: int, funclist: Any, args: Any, kw: Any) -> Any:
    """What each function gives for the entries that are its own."""
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


def _chosen(x: Any, conditions: Any, funclist: Any, args: Any, kw: Any) -> Any:
    """What each function gives for all entries, of which its own are taken."""
    out: Any = np.zeros((), x.dtype)
    for condition, function in zip(conditions, funclist, strict=True):
        if isinstance(function, Callable):  # type: ignore[arg-type]
            if np.ndim(condition) < x.ndim or not _is_entrywise(lambda v, f=function: f(v, *args, **kw), x):
                known(conditions, "np.piecewise", _WHY)  # not all of them are
            piece = function(np.ravel(x), *args, **kw)
            piece = np.reshape(piece, x.shape) if np.ndim(piece) else piece
        else:
            piece = function
        mask = np.reshape(condition, np.shape(condition) + (1,) * (x.ndim - np.ndim(condition)))
        out = np.where(mask, to_dtype(strong(operand(piece)), x.dtype), out)
    return np.broadcast_to(out, x.shape)


def _is_entrywise(function: Callable[..., Any], x: Any) -> bool:
    """Whether a function treats each entry of a vector for itself, as its programs for the extreme lengths show."""
    found = []
    for length in (1, x.size + 1):
        try:
            program = trace(function)(ArraySpec((length,), x.dtype))
        except FunctransError:
            return False
        constants = []
        for equation in program.equations:
            if rule_of(equation.primitive) is not elementwise:
                return False
            constants += [atom.value for atom in equation.inputs if isinstance(atom, Literal)]
        outs = [(atom.value, ()) if isinstance(atom, Literal) else (None, atom.spec.shape) for atom in program.outputs]
        if len(outs) != 1 or outs[0][1] not in ((), (length,)) or any(np.ndim(c) for c in constants):
            return False
        if outs[0][0] is not None:
            constants.append(outs[0][0])
        found.append(([equation.primitive for equation in program.equations], constants))
    (names, first), (others, second) = found
    return names == others and len(first) == len(second) and all(map(_is_same, first, second))


def _is_same(a: Any, b: Any) -> bool:
    return a is b or (Tracer not in (type(a), type(b)) and bool(np.array_equal(a, b, equal_nan=True)))


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
