"""Order, positions and counts: results which are integers, and ``unique`` and ``bincount`` beside them."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.family import keywords, normalize_axis, operand
from functrans.ops.index import getitem, scatter_p
from functrans.ops.index_template import ARRAY
from functrans.ops.order_batch import batch_argsort, batch_digitize, batch_isin, batch_lexsort, batch_searchsorted
from functrans.ops.plain import known
from functrans.ops.scalars import strong
from functrans.primitives import Constant, Primitive, call_source
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import METHODS, implements
from functrans.tracing.tracer import Tracer

_POSITIONS = "positions are integers"


# Sorting, by indices.

argsort_p = Primitive(
    "argsort",
    np.argsort,
    lambda a, **params: ArraySpec(a.shape, np.intp),
    Constant(_POSITIONS),
    source=lambda args, params: call_source("np.argsort", args, keywords(params, axis=-1, kind=None, stable=None)),
    batch=batch_argsort,
)
argpartition_p = Primitive(
    "argpartition",
    np.argpartition,
    lambda a, **params: ArraySpec(a.shape, np.intp),
    Constant(_POSITIONS),
    batch=batching.along("axis"),
)
lexsort_p = Primitive(
    "lexsort",
    lambda *keys, axis: np.lexsort(keys, axis=axis),
    lambda *keys, axis: ArraySpec(keys[0].shape, np.intp),
    Constant(_POSITIONS),
    source=lambda args, params: f"np.lexsort(({', '.join(args)},), axis={params['axis']})",
    batch=batch_lexsort,
)


def _flat(a: Any, axis: Any) -> tuple[Any, int]:
    a = strong(operand(a))
    if axis is None or not a.ndim:  # NumPy sorts a number as an array of one
        if axis is not None:
            normalize_axis(axis, 1)
        return np.ravel(a), 0
    return a, normalize_axis(axis, a.ndim)


@implements(np.argsort)
def argsort(a: Any, axis: Any = -1, kind: Any = None, order: None = None, *, stable: Any = None) -> Any:
    """``np.argsort``."""
    if order is not None:
        raise ValueError("Cannot specify order when the array has no fields.")
    a, axis = _flat(a, axis)
    axis = -1 if axis == a.ndim - 1 else axis
    return bind(argsort_p, a, axis=axis, kind=kind, stable=stable)


METHODS["argsort"] = argsort


@implements(np.argpartition)
def argpartition(a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: None = None) -> Any:
    """``np.argpartition``."""
    if order is not None:
        raise ValueError("Cannot specify order when the array has no fields.")
    a, axis = _flat(a, axis)
    return bind(argpartition_p, a, kth=positions(kth, a.shape[axis], kind), axis=axis)


def positions(kth: Any, length: int, kind: Any) -> Any:
    """The positions that a partition puts right, counted from the front: one, or a tuple.

    Raises:
        TypeError: one is no integer.
        ValueError: one is out of bounds, or a truth value; or ``kind`` is not NumPy's.
    """
    kth = known(kth, "np.partition", "what is moved depends on `kth`")
    np.partition(np.zeros(1), 0, kind=kind)  # NumPy's error, if it takes it not
    given = np.asarray(kth)
    if given.dtype == np.bool_:
        raise ValueError("Booleans unacceptable as partition index")
    if given.dtype.kind not in "iu":
        raise TypeError("Partition index must be integer")
    if given.ndim > 1:
        raise ValueError("object too deep for desired array")
    for k in given.ravel():
        if length and not -length <= k < length:
            raise ValueError(f"kth(={k}) out of bounds ({length})")
    counted = tuple([operator.index(k) % max(length, 1) for k in given.ravel()])
    return counted if given.ndim else counted[0]


METHODS["argpartition"] = argpartition


@implements(np.lexsort)
def lexsort(keys: Any, axis: Any = -1) -> Any:
    """``np.lexsort``."""
    keys = [operand(key) for key in keys]
    if not keys:
        raise TypeError("need sequence of keys with len > 0 in lexsort")
    dimensions = np.ndim(keys[0])
    return bind(lexsort_p, *keys, axis=normalize_axis(axis, dimensions) if dimensions else -1)


# Finding.

searchsorted_p = Primitive(
    "searchsorted",
    lambda a, v, *sorter, side: np.searchsorted(a, v, side, *sorter),
    lambda a, v, *sorter, side: ArraySpec(v.shape, np.intp),
    Constant(_POSITIONS),
    source=lambda args, params: (
        f"np.searchsorted({args[0]}, {args[1]}, side={params['side']!r}"
        + "".join(f", sorter={arg}" for arg in args[2:])
        + ")"
    ),
    batch=batch_searchsorted,
)
digitize_p = Primitive(
    "digitize",
    np.digitize,
    lambda x, bins, *, right: ArraySpec(x.shape, np.intp),
    Constant(_POSITIONS),
    source=lambda args, params: call_source("np.digitize", args, keywords(params, right=False)),
    batch=batch_digitize,
)
isin_p = Primitive(
    "isin",
    np.isin,
    lambda element, test_elements, **params: ArraySpec(element.shape, np.bool_),
    Constant("it is a truth value"),
    source=lambda args, params: call_source(
        "np.isin", args, keywords(params, assume_unique=False, invert=False, kind=None)
    ),
    batch=batch_isin,
)


@implements(np.searchsorted)
def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    """``np.searchsorted``."""
    operands = [operand(a), operand(v)] if sorter is None else [operand(a), operand(v), operand(sorter)]
    return bind(searchsorted_p, *operands, side=side)


METHODS["searchsorted"] = searchsorted


@implements(np.digitize)
def digitize(x: Any, bins: Any, right: bool = False) -> Any:
    """``np.digitize``."""
    return bind(digitize_p, operand(x), operand(bins), right=bool(right))


@implements(np.isin)
def isin(
    element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False, *, kind: Any = None
) -> Any:
    """``np.isin``."""
    params = {"assume_unique": bool(assume_unique), "invert": bool(invert), "kind": kind}
    return bind(isin_p, operand(element), operand(test_elements), **params)


@implements(np.nonzero)
def nonzero(a: Any) -> tuple[Any, ...]:
    """``np.nonzero``; the values must be known."""
    return np.nonzero(known(a, "np.nonzero"))


METHODS["nonzero"] = nonzero


@implements(np.flatnonzero)
def flatnonzero(a: Any) -> Any:
    """``np.flatnonzero``; the values must be known."""
    return np.flatnonzero(known(a, "np.flatnonzero"))


@implements(np.argwhere)
def argwhere(a: Any) -> Any:
    """``np.argwhere``; the values must be known."""
    return np.argwhere(known(a, "np.argwhere"))


# Distinct values: each is an entry of the array, the first of its kind, and has the derivative of that entry.


@implements(np.unique)
def unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: Any = None,
    **kwargs: Any,
) -> Any:
    """``np.unique``; the values must be known. Of equal entries the first has the derivative."""
    ar = strong(operand(ar))
    if not kwargs.get("sorted", True) and not (return_index or return_inverse or return_counts or axis is not None):
        return unique_values(ar)
    found: Any = np.unique(known(ar, "np.unique"), True, return_inverse, return_counts, axis, **kwargs)  # type: ignore[call-overload]
    if axis is None:
        values = getitem(np.ravel(ar), found[1])
    else:
        values = getitem(ar, (slice(None),) * normalize_axis(axis, ar.ndim) + (found[1],))
    rest = found[1:] if return_index else found[2:]
    return (values, *rest) if rest else values


@implements(np.unique_values)
def unique_values(x: Any) -> Any:
    """``np.unique_values``, in NumPy's order, which is none; the values must be known."""
    x = strong(operand(x))
    value = known(x, "np.unique_values")
    values, first = np.unique(value, return_index=True, equal_nan=False)
    return getitem(np.ravel(x), first[np.searchsorted(values, np.unique_values(value))])


@implements(np.unique_counts)
def unique_counts(x: Any) -> Any:
    """``np.unique_counts``; the values must be known."""
    values, counts = unique(x, return_counts=True, equal_nan=False)
    return np.unique_counts(np.zeros(0))._replace(values=values, counts=counts)


@implements(np.unique_inverse)
def unique_inverse(x: Any) -> Any:
    """``np.unique_inverse``; the values must be known."""
    values, inverse = unique(x, return_inverse=True, equal_nan=False)
    return np.unique_inverse(np.zeros(0))._replace(values=values, inverse_indices=inverse)


@implements(np.unique_all)
def unique_all(x: Any) -> Any:
    """``np.unique_all``; the values must be known."""
    values, indices, inverse, counts = unique(x, True, True, True, equal_nan=False)
    made = np.unique_all(np.zeros(0))
    return made._replace(values=values, indices=indices, inverse_indices=inverse, counts=counts)


# Counts, with weights that may have a derivative.


@implements(np.bincount)
def bincount(x: Any, /, weights: Any = None, minlength: Any = 0) -> Any:
    """``np.bincount``; the integers must be known, the weights have a derivative."""
    x = known(x, "np.bincount")
    if type(weights) is not Tracer:
        return np.bincount(x, weights, minlength)
    length = np.bincount(x, None, minlength).shape[0]
    if weights.dtype.kind == "c":
        raise TypeError("Cannot cast complex weights to float64; count the real and the imaginary parts apart")
    x = np.asarray(x, np.intp)
    if weights.shape != x.shape:
        raise ValueError("The weights and list don't have the same length.")
    if not x.size:
        return np.bincount(x, None, minlength)  # integers, also with weights
    weights = strong(weights)
    if weights.dtype != np.float64:
        weights = weights.astype(np.float64)
    return bind(scatter_p, weights, x, template=(ARRAY,), shape=(length,))
