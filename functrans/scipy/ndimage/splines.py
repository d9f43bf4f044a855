"""Pictures between their entries: sums of B-splines on a grid, weighted by coefficients that a recursive filter finds.

So what is found is linear in the picture, and a piecewise polynomial in the coordinates, whose derivative is that of
the B-splines. For linear interpolation the derivative at an entry is that of the cell on its right (at the last entry,
on its left); for order 0 it is zero.

Source: M. Unser, *Splines: a perfect fit for signal and image processing*, IEEE Signal Processing Magazine 16 (1999).
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from functrans.errors import UncoveredFunctionError
from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.family import keywords, normalize_axis, operand
from functrans.ops.index import getitem
from functrans.ops.scalars import strong
from functrans.primitives import Linear, Primitive
from functrans.scipy.covering import covers
from functrans.scipy.ndimage.pictures import checked_cval
from functrans.tracing.bind import bind

_MARGIN = 12  # by which SciPy continues a picture before it filters it, where no filter knows the continuation
_SHORT = 64  # SciPy's filters of shorter rows know their beginning in part: they are not quite symmetric
_MODES = ("reflect", "grid-mirror", "constant", "grid-constant", "nearest", "mirror", "grid-wrap", "wrap")


# The coefficients. With a mirror at the first and last entry those count half, else the filter is symmetric.


def _spline_transpose(ct: Any, x: ArraySpec, *, order: int, axis: int, mode: str) -> Any:
    n = x.shape[axis]
    if mode in ("reflect", "grid-mirror", "nearest") and n < _SHORT:
        matrix = ndimage.spline_filter1d(np.eye(n), order, 0, mode=mode)
        return np.moveaxis(np.matmul(np.moveaxis(ct, axis, -1), matrix), -1, axis)
    if mode in ("reflect", "grid-mirror", "nearest", "grid-wrap") or n < 2:
        return bind(spline_p, ct, order=order, axis=axis, mode=mode)
    half = np.ones(n)
    half[0] = half[-1] = 0.5
    half = half.reshape(-1, *[1] * (x.ndim - 1 - axis))
    return half * bind(spline_p, ct / half, order=order, axis=axis, mode=mode)


spline_p = Primitive(
    "scipy.ndimage.spline_filter1d",
    lambda x, *, order, axis, mode: ndimage.spline_filter1d(x, order, axis, mode=mode, output=_wide(x.dtype)),
    lambda x, **_: ArraySpec(x.shape, _wide(x.dtype)),
    Linear((_spline_transpose,)),
    source=lambda args, params: (
        f"scipy.ndimage.spline_filter1d({args[0]}, {params['order']}, {params['axis']}, mode={params['mode']!r}, "
        f"output=np.result_type({args[0]}, np.float64))"
    ),
    batch=batching.along("axis"),
)


def _wide(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.result_type(dtype, np.float64)


def _check(order: Any, mode: Any) -> None:
    if not 0 <= order <= 5:
        raise RuntimeError("spline order not supported")
    if mode not in _MODES:
        raise RuntimeError("boundary mode not supported")


@covers(ndimage.spline_filter1d)
def spline_filter1d(input: Any, order: Any = 3, axis: Any = -1, output: Any = np.float64, mode: Any = "mirror") -> Any:
    """With all keywords but ``output``."""
    x = strong(operand(input))
    _check(order, mode)
    _check_output(output)
    if order in (0, 1):
        return x.astype(_wide(x.dtype))
    return bind(spline_p, x, order=order, axis=normalize_axis(axis, x.ndim), mode=mode)


@covers(ndimage.spline_filter)
def spline_filter(input: Any, order: Any = 3, output: Any = np.float64, mode: Any = "mirror") -> Any:
    """With all keywords but ``output``."""
    x = strong(operand(input))
    if not 2 <= order <= 5:
        raise RuntimeError("spline order not supported")
    _check(order, mode)
    _check_output(output)
    for axis in range(x.ndim):
        x = bind(spline_p, x, order=order, axis=axis, mode=mode)
    return x


def _check_output(output: Any) -> None:
    if output is not np.float64:
        raise UncoveredFunctionError(
            "`output=` of a spline filter on a traced value is not covered", "use what the function returns."
        )


# The sum of B-splines: the twin of them all.


def _b_splines(t: Any, order: int) -> list[Any]:
    """The values of the B-splines that reach a point, from the left one on; ``t`` is its place in its cell."""
    values: list[Any] = [np.ones(np.shape(t))]
    for d in range(1, order + 1):
        values = [
            ((t + (d - k)) * values[k - 1] if k else 0.0) / d + ((1.0 - t + k) * values[k] if k < d else 0.0) / d
            for k in range(d + 1)
        ]
    return values


def _neighbours(index: Any, n: int, mode: str) -> tuple[Any, Any]:
    """Where places beyond the edges are found, and which of them are found (None: all)."""
    if mode in ("reflect", "grid-mirror"):
        index = np.mod(index, 2 * n)
        return np.where(index < n, index, 2 * n - 1 - index), None
    if mode == "grid-wrap":
        return np.mod(index, n), None
    if mode == "nearest":
        return np.clip(index, 0, n - 1), None
    if mode == "grid-constant":
        return np.clip(index, 0, n - 1), (index >= 0) & (index < n)
    period = max(2 * n - 2, 1)
    index = np.mod(index, period)
    return np.where(index < n, index, period - index), None


def _wrapped(c: Any, n: int) -> Any:
    """Coordinates moved by whole periods, of which the last entry is the first one."""
    if n < 2:
        return c * 0.0
    return c - (n - 1) * np.floor(c / (n - 1)) * ((c < 0) | (c > n - 1))


def sampled(x: Any, coordinates: Sequence[Any], order: int, mode: str, cval: Any, prefilter: bool) -> Any:
    """A picture at some coordinates, an array for each of its axes; these have the same shape."""
    dtype = ArraySpec.of(x).dtype
    margin = 0
    if order > 1 and prefilter:
        if mode in ("nearest", "grid-constant"):
            margin = _MARGIN
            how: dict[str, Any] = {"constant_values": cval} if mode == "grid-constant" else {}
            x = np.pad(x, margin, "constant" if how else "edge", **how)
        for axis in range(x.ndim):
            x = bind(spline_p, x, order=order, axis=axis, mode=mode)
    inside: Any = True
    weights, places, found = [], [], []
    for given, n in zip(coordinates, x.shape, strict=True):
        c = given + margin
        if mode == "constant":
            inside = inside & (c >= 0) & (c <= n - 1)
        elif mode == "wrap":
            c = _wrapped(c, n)
        start = np.floor(c) if order % 2 else np.floor(c + 0.5)
        if order == 1 and mode in ("constant", "nearest", "wrap"):
            start = np.where(c == n - 1, max(n - 2, 0), start)
        t = c - start if order % 2 else c - start + 0.5
        taps = start.astype(np.int64) - order // 2 + np.arange(order + 1).reshape(-1, *[1] * np.ndim(c))
        place, there = _neighbours(taps, n, mode)
        weights.append(np.stack(_b_splines(t, order)))
        places.append(place)
        found.append(there)
    ndim, rank = len(places), np.ndim(coordinates[0])
    index, known_ones = [], None
    for axis, (place, there) in enumerate(zip(places, found, strict=True)):
        spread = (*[1] * axis, order + 1, *[1] * (ndim - axis - 1), *np.shape(place)[1:])
        index.append(np.reshape(place, spread))
        if there is not None:
            one = np.reshape(there, spread)
            known_ones = one if known_ones is None else known_ones & one
    values = getitem(x, tuple(index))
    if known_ones is not None:
        values = np.where(known_ones, values, cval)
    for w in reversed(weights):
        lead = np.ndim(values) - rank - 1
        values = np.sum(values * np.reshape(w, (*[1] * lead, *np.shape(w))), axis=lead)
    if inside is not True:
        values = np.where(inside, values, cval)
    return values.astype(dtype)


def interpolation(
    name: str, order: Any = 3, mode: Any = "constant", cval: Any = 0.0, prefilter: Any = True
) -> dict[str, Any]:
    """The parameters of a map, of what SciPy's functions take."""
    order = operator.index(order)
    _check(order, mode)
    how = {"order": order, "mode": mode, "cval": checked_cval(cval, name), "prefilter": bool(prefilter)}
    return keywords(how, mode="constant", cval=0.0, prefilter=True)


def real_coordinates(value: Any) -> Any:
    """Coordinates, or numbers that they are made of; lists may hold traced ones."""
    if isinstance(value, list | tuple):
        value = np.stack([strong(operand(c)) for c in value])
    value = strong(operand(value))
    if value.dtype.kind == "c":
        raise TypeError("Complex type not supported")
    return value
