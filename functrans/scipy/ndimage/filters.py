"""Linear filters of ``scipy.ndimage``: correlations with weights, and means of windows.

A filter is a correlation of the picture continued beyond its edges; the continuation is what ``np.pad`` does, so the
transpose in the picture folds its margins back (:mod:`functrans.ops.pad`).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.contract import conj
from functrans.ops.convolution import convolved
from functrans.ops.family import keywords, normalize_axes, normalize_axis, operand
from functrans.ops.scalars import strong
from functrans.primitives import Primitive, Rules
from functrans.scipy import twin
from functrans.scipy.ndimage.pictures import (
    beside,
    checked_cval,
    checked_mode,
    checked_origin,
    continued,
    covers_picture,
    in_place,
    per_axis,
)
from functrans.scipy.signal.convolution import convolved as convolved_arrays
from functrans.tracing.bind import bind


def _result(x: ArraySpec, weights: ArraySpec) -> np.dtype[Any]:
    return np.promote_types(x.dtype, np.complex64) if weights.dtype.kind == "c" else x.dtype


# Along one axis.


def _correlate1d_twin(x: Any, weights: Any, *, axis: int, mode: str, cval: Any = 0.0, origin: int = 0) -> Any:
    dtype = _result(ArraySpec.of(x), ArraySpec.of(weights))
    size = weights.shape[0]
    widths = [(0, 0)] * x.ndim
    widths[axis] = beside(size, origin)
    rows = np.moveaxis(continued(x, widths, mode, cval), axis, -1)
    return np.moveaxis(convolved(rows, conj(weights[::-1]), "valid"), -1, axis).astype(dtype)


def _correlate1d_batch(
    primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    if batched[1]:
        return twin.batch(_correlate1d_twin)(primitive, operands, batched, size, params)
    return bind(primitive, *operands, **{**params, "axis": params["axis"] + 1})


def _without_margin(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if name != "cval"}


correlate1d_p: Primitive = Primitive(
    "scipy.ndimage.correlate1d",
    ndimage.correlate1d,
    lambda x, weights, **_: ArraySpec(x.shape, _result(x, weights)),
    Rules(
        jvp=[
            lambda dx, out, x, weights, **how: bind(correlate1d_p, dx, weights, **_without_margin(how)),
            lambda dw, out, x, weights, **how: bind(correlate1d_p, x, dw, **how),
        ],
        vjp=twin.rules(_correlate1d_twin, 2).vjp,
    ),
    batch=_correlate1d_batch,
)


def correlated1d(x: Any, weights: Any, axis: int, mode: str = "reflect", cval: Any = 0.0, origin: int = 0) -> Any:
    """The correlation with weights along one axis."""
    how = keywords({"axis": axis, "mode": mode, "cval": cval, "origin": origin}, cval=0.0, origin=0)
    return bind(correlate1d_p, x, weights, **how)


def _weights1d(weights: Any) -> Any:
    weights = strong(operand(weights))
    if weights.ndim != 1 or weights.shape[0] < 1:
        raise RuntimeError("no filter weights given")
    return weights


@covers_picture(ndimage.correlate1d)
def correlate1d(x: Any, weights: Any, axis: Any = -1, mode: Any = "reflect", cval: Any = 0.0, origin: Any = 0) -> Any:
    """The weights may be traced, too."""
    weights = _weights1d(weights)
    axis, origin = normalize_axis(axis, x.ndim), checked_origin(weights.shape[0], origin)
    return correlated1d(x, weights, axis, checked_mode(mode, "correlate1d"), checked_cval(cval, "correlate1d"), origin)


@covers_picture(ndimage.convolve1d)
def convolve1d(x: Any, weights: Any, axis: Any = -1, origin: Any = 0, **how: Any) -> Any:
    """The weights may be traced, too."""
    weights = _weights1d(weights)
    return correlate1d(x, conj(weights[::-1]), axis, origin=_mirrored(origin, weights.shape[0]), **how)


def _mirrored(origin: Any, size: int) -> int:
    """The origin of a correlation with the weights of a convolution, backwards."""
    return -operator.index(origin) - (size % 2 == 0)


# In several dimensions.


def _correlate_twin(x: Any, weights: Any, *, mode: str, cval: Any = 0.0, origin: tuple[int, ...]) -> Any:
    dtype = _result(ArraySpec.of(x), ArraySpec.of(weights))
    widths = [beside(size, place) for size, place in zip(weights.shape, origin, strict=True)]
    wide = continued(x, widths, mode, cval)
    return convolved_arrays(wide, conj(np.flip(weights)), "valid", method="direct").astype(dtype)


def _correlate_batch(
    primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    if batched[1]:
        return twin.batch(_correlate_twin)(primitive, operands, batched, size, params)
    weights = np.reshape(operands[1], (1, *operands[1].shape))
    return bind(primitive, operands[0], weights, **{**params, "origin": (0, *params["origin"])})


correlate_p: Primitive = Primitive(
    "scipy.ndimage.correlate",
    ndimage.correlate,
    lambda x, weights, **_: ArraySpec(x.shape, _result(x, weights)),
    Rules(
        jvp=[
            lambda dx, out, x, weights, **how: bind(correlate_p, dx, weights, **_without_margin(how)),
            lambda dw, out, x, weights, **how: bind(correlate_p, x, dw, **how),
        ],
        vjp=twin.rules(_correlate_twin, 2).vjp,
    ),
    batch=_correlate_batch,
)


def _correlating(function: Callable[..., Any], convolution: bool) -> None:
    name = function.__name__

    @covers_picture(function)
    def correlated(
        x: Any, weights: Any, mode: Any = "reflect", cval: Any = 0.0, origin: Any = 0, axes: Any = None
    ) -> Any:
        """The weights may be traced, too."""
        weights, places = strong(operand(weights)), normalize_axes(axes, x.ndim)
        if weights.ndim != len(places):
            raise RuntimeError("filter weights array has incorrect shape.")
        origins = per_axis(origin, len(places))
        if convolution:
            weights = conj(np.flip(weights))  # a correlation takes them conjugated
            origins = [_mirrored(o, n) for o, n in zip(origins, weights.shape, strict=True)]
        full, rest = in_place(places, weights.shape, origins, x.ndim)
        how = {"mode": checked_mode(mode, name), "cval": checked_cval(cval, name), "origin": full}
        return bind(correlate_p, x, np.expand_dims(weights, rest) if rest else weights, **keywords(how, cval=0.0))


_correlating(ndimage.correlate, False)
_correlating(ndimage.convolve, True)


# Means of windows.


def _uniform_twin(x: Any, *, size: int, axis: int, mode: str, cval: Any = 0.0, origin: int = 0) -> Any:
    return _correlate1d_twin(x, np.full(size, 1.0 / size), axis=axis, mode=mode, cval=cval, origin=origin)


uniform1d_p: Primitive = Primitive(
    "scipy.ndimage.uniform_filter1d",
    ndimage.uniform_filter1d,
    lambda x, **_: ArraySpec(x.shape, x.dtype),
    Rules(
        jvp=[lambda dx, out, x, **how: bind(uniform1d_p, dx, **_without_margin(how))],
        vjp=twin.rules(_uniform_twin, 1).vjp,
    ),
    batch=batching.along("axis"),
)


@covers_picture(ndimage.uniform_filter1d)
def uniform_filter1d(x: Any, size: Any, axis: Any = -1, mode: Any = "reflect", cval: Any = 0.0, origin: Any = 0) -> Any:
    """The mean of each window along one axis."""
    name = "uniform_filter1d"
    axis, size = normalize_axis(axis, x.ndim), operator.index(size)
    if size < 1:
        raise RuntimeError("incorrect filter size")
    how = {"mode": checked_mode(mode, name), "cval": checked_cval(cval, name), "origin": checked_origin(size, origin)}
    return bind(uniform1d_p, x, **keywords({"size": size, "axis": axis, **how}, cval=0.0, origin=0))


@covers_picture(ndimage.uniform_filter)
def uniform_filter(
    x: Any, size: Any = 3, mode: Any = "reflect", cval: Any = 0.0, origin: Any = 0, axes: Any = None
) -> Any:
    """The mean of each window."""
    places = normalize_axes(axes, x.ndim)
    each = [per_axis(value, len(places)) for value in (size, origin, mode)]
    for axis, length, place, way in zip(places, *each, strict=True):
        if length > 1:
            x = uniform_filter1d(x, int(length), axis, way, cval, place)
    return x
