"""How an array lies in memory, as data: pickled constants keep it, since the last bits of sums depend on it."""

from __future__ import annotations

from typing import Any

import numpy as np


def taken_apart(value: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], list[tuple[str, Any]]]:
    """An array row by row, and the steps that lay it out as it was: see :func:`put_together`."""
    steps: list[tuple[str, Any]] = []
    if value.flags.c_contiguous or not value.size:
        return value, steps
    repeated = [step == 0 and n > 1 for step, n in zip(value.strides, value.shape, strict=True)]
    if any(repeated):
        steps.append(("broadcast", value.shape))
        value = value[tuple([slice(0, 1) if again else slice(None) for again in repeated])]
    long = [axis for axis, n in enumerate(value.shape) if n > 1]
    backwards = tuple([axis for axis in long if value.strides[axis] < 0])
    if backwards:
        steps.append(("flip", backwards))
        value = np.flip(value, backwards)
    order = sorted(range(value.ndim), key=lambda axis: -value.strides[axis])
    if not value.flags.c_contiguous and order != list(range(value.ndim)):
        steps.append(("transpose", tuple([int(axis) for axis in np.argsort(order)])))
        value = np.transpose(value, order)
    long = [axis for axis, n in enumerate(value.shape) if n > 1]
    if long and value.strides[long[-1]] != value.itemsize:
        steps.append(("apart", long[-1]))
    return np.ascontiguousarray(value).reshape(value.shape), steps[::-1]


def put_together(value: np.ndarray[Any, Any], steps: list[tuple[str, Any]]) -> np.ndarray[Any, Any]:
    """An array that lies as another one did."""
    for kind, how in steps:
        if kind == "broadcast":
            value = np.broadcast_to(value, how)
        elif kind == "flip":
            value = np.flip(value, how)
        elif kind == "transpose":
            value = np.transpose(value, how)
        else:
            value = np.repeat(value, 2, axis=how)[(slice(None),) * how + (slice(None, None, 2),)]
    return value
