"""What the functions of ``scipy.ndimage`` share: a picture, how it is continued, how SciPy's functions are covered."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from functrans.errors import UncoveredFunctionError
from functrans.ops.family import operand
from functrans.ops.scalars import strong
from functrans.scipy.covering import covers, is_traced

#: What ``np.pad`` calls the ways to continue a picture.
PADDING = {
    "reflect": "symmetric",
    "grid-mirror": "symmetric",
    "mirror": "reflect",
    "nearest": "edge",
    "wrap": "wrap",
    "grid-wrap": "wrap",
    "constant": "constant",
    "grid-constant": "constant",
}


def covers_picture(function: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare what computes a function of SciPy's of a traced picture, in all its keywords but ``output``.

    It gets the picture and the other arguments that are given, by their names.
    """

    @cache
    def signature() -> inspect.Signature:
        return inspect.signature(function)

    def declare(handler: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **keywords: Any) -> Any:
            given = signature().bind(*args, **keywords).arguments
            given.update(given.pop("kwargs", {}))
            return handler(picture(given.pop("input"), function.__name__, given.pop("output", None)), **given)

        call.__doc__ = f"With all keywords but ``output``. {handler.__doc__ or ''}"
        covers(function)(call)
        return handler

    return declare


def picture(input: Any, name: str, output: Any = None) -> Any:
    """The operand of a filter, whose result has its dtype.

    Raises:
        UncoveredFunctionError: it has integers, or another place is given for the result.
    """
    if output is not None:
        raise UncoveredFunctionError(
            f"`output=` of `scipy.ndimage.{name}` on a traced value is not covered", "use what the function returns."
        )
    input = strong(operand(input))
    if input.dtype.kind not in "fc":
        raise UncoveredFunctionError(
            f"`scipy.ndimage.{name}` rounds its result to the {input.dtype} of its input, which has no derivative",
            "filter an array of floating numbers.",
        )
    return input


def checked_mode(mode: Any, name: str) -> str:
    """One way to continue along all axes."""
    if not isinstance(mode, str):
        raise UncoveredFunctionError(
            f"`scipy.ndimage.{name}` of a traced value with a mode for each axis is not covered",
            "filter along one axis after the other.",
        )
    if mode not in PADDING:
        raise RuntimeError("boundary mode not supported")
    return mode


def checked_cval(cval: Any, name: str) -> Any:
    """A plain value beyond the edges."""
    if is_traced((cval,)):
        raise UncoveredFunctionError(
            f"`scipy.ndimage.{name}` with a traced `cval` is not covered", "continue the array with `np.pad` first."
        )
    return cval


def continued(x: Any, widths: Sequence[tuple[int, int]], mode: str, cval: Any = 0.0) -> Any:
    """A picture continued beyond its edges."""
    if PADDING[mode] == "constant":
        return np.pad(x, tuple(widths), "constant", constant_values=cval)
    return np.pad(x, tuple(widths), PADDING[mode])  # type: ignore[call-overload]


def beside(size: int, origin: int) -> tuple[int, int]:
    """How far a window reaches to both sides."""
    before = size // 2 + origin
    return before, size - 1 - before


def checked_origin(size: int, origin: int) -> int:
    """Where a window lies, which must hold its entry."""
    origin = operator.index(origin)
    if not 0 <= size // 2 + origin < size:
        raise ValueError("Invalid origin; origin must satisfy -(len(weights) // 2) <= origin <= (len(weights)-1) // 2")
    return origin


def per_axis(value: Any, count: int) -> list[Any]:
    """A value for each of some axes."""
    if isinstance(value, str) or not hasattr(value, "__len__"):
        return [value] * count
    if len(value) != count:
        raise RuntimeError("sequence argument must have length equal to input rank")
    return list(value)


def in_place(
    places: Sequence[int], sizes: Sequence[int], origins: Sequence[Any], ndim: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The origins of a window along some axes, zeros for the others; and these others."""
    full = [0] * ndim
    for axis, size, origin in zip(places, sizes, origins, strict=True):
        full[axis] = checked_origin(size, origin)
    return tuple(full), tuple([axis for axis in range(ndim) if axis not in places])
