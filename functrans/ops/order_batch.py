"""Batches of sorting and finding. What NumPy has for one sorted array alone is done for many by sorting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from functrans.ops import batching
from functrans.ops.family import operand
from functrans.ops.scalars import strong
from functrans.primitives import Primitive
from functrans.tracing.bind import bind


def batch_argsort(
    primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    """Indices that sort: the last axis, which is called -1, stays the last."""
    axis = params["axis"]
    return bind(primitive, *operands, **{**params, "axis": axis if axis == -1 else axis + 1})


def batch_lexsort(
    primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    """Indices that sort by several keys, which NumPy wants in one shape."""
    keys = [batching.full(strong(key), flag, size) for key, flag in zip(operands, batched, strict=True)]
    if keys[0].ndim == 1:  # a number is sorted as it is
        return np.zeros(size, np.intp)
    return bind(primitive, *keys, axis=params["axis"] + 1)


def batch_searchsorted(
    primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    """Values found in one sorted array, or in one for each example."""
    if not batched[0] and not any(batched[2:]):
        return bind(primitive, *operands, **params)
    rows, values, *sorter = [batching.full(strong(x), flag, size) for x, flag in zip(operands, batched, strict=True)]
    if sorter:
        rows = np.take_along_axis(rows, sorter[0], axis=1)
    return found_in_rows(rows, values, params["side"])


def found_in_rows(rows: Any, values: Any, side: str) -> Any:
    """``np.searchsorted`` in each row: all are sorted together, and the values before each value are not counted."""
    rows, flat = _flat_alike(rows, values)
    count = flat.shape[1]
    left = side[:1] in ("l", "L")
    ranks = _ranks(np.concatenate([flat, rows] if left else [rows, flat], axis=1))
    found = (ranks[:, :count] if left else ranks[:, rows.shape[1] :]) - _ranks(flat)
    return np.reshape(found, values.shape)


def _flat_alike(rows: Any, values: Any) -> tuple[Any, Any]:
    """Rows, and values as rows, in a common dtype."""
    size = rows.shape[0]
    dtype = np.result_type(rows.dtype, values.dtype)
    flat = np.reshape(values, (size, prod(values.shape[1:])))
    return rows.astype(dtype), flat.astype(dtype)


def _ranks(x: Any) -> Any:
    """The place of each entry when its row is sorted; of equal ones, the earlier goes before."""
    return np.argsort(np.argsort(x, axis=1, stable=True), axis=1)


def _sorted(rows: Any) -> Any:
    return np.take_along_axis(rows, np.argsort(rows, axis=1), axis=1)


def batch_digitize(
    primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    """Values found between edges that rise or fall; each example's edges may do either."""
    if not batched[1]:
        return bind(primitive, *operands, **params)
    x, edges = [batching.full(strong(o), flag, size) for o, flag in zip(operands, batched, strict=True)]
    rising = np.all(edges[:, 1:] >= edges[:, :-1], axis=1)
    monotonic = rising | np.all(edges[:, 1:] <= edges[:, :-1], axis=1)
    if type(monotonic) is np.ndarray and not monotonic.all():
        raise ValueError("bins must be monotonically increasing or decreasing")
    found = found_in_rows(_sorted(edges), x, "left" if params["right"] else "right")
    rising = np.reshape(rising, (size,) + (1,) * (x.ndim - 1))
    return np.where(rising, found, edges.shape[1] - found)


def batch_isin(
    primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    """Which entries are among others, which each example may have of its own."""
    element, tests = operands
    if not batched[1]:
        return bind(primitive, element, tests, **{**params, "assume_unique": False})  # two examples may share entries
    element, tests = [batching.full(strong(operand(o)), flag, size) for o, flag in zip(operands, batched, strict=True)]
    count = prod(tests.shape[1:])
    tests, flat = _flat_alike(np.reshape(tests, (size, count)), element)
    if not count:
        return np.full(element.shape, params["invert"])
    tests = _sorted(tests)
    places = np.minimum(found_in_rows(tests, flat, "left"), count - 1)
    found = np.equal(np.take_along_axis(tests, places, axis=1), flat)
    return np.reshape(np.not_equal(found, params["invert"]), element.shape)
