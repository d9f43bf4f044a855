"""Linear filters of ``scipy.ndimage``: correlations with weights, and means of windows.

A filter is a correlation of the picture continued beyond its edges; the continuation is what ``np.pad`` does, so the
transpose in the picture folds its margins back (:mod:`functrans.ops.pad`).
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from functrans.errors import UncoveredFunctionError
from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.contract import conj
from functrans.ops.convolution import convolved
from functrans.ops.family import keywords, normalize_axes, normalize_axis, operand
from functrans.ops.scalars import strong
from functrans.primitives import Primitive, Rules
from functrans.scipy import twin
from functrans.scipy.covering import covers, is_traced
from functrans.scipy.signal.convolution import convolved as convolved_arrays
from functrans.tracing.bind import bind

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


def picture(input: Any, name: str, output: Any = None, weights: Any = None) -> Any:
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


def _beside(size: int, origin: int) -> tuple[int, int]:
    """How far a window reaches to both sides."""
    before = size // 2 + origin
    return before, size - 1 - before


def _check_origin(size: int, origin: int) -> int:
    origin = operator.index(origin)
    if not 0 <= size // 2 + origin < size:
        raise ValueError("Invalid origin; origin must satisfy -(len(weights) // 2) <= origin <= (len(weights)-1) // 2")
    return origin


def _result(x: ArraySpec, weights: ArraySpec) -> np.dtype[Any]:
    return np.promote_types(x.dtype, np.complex64) if weights.dtype.kind == "c" else x.dtype


# Along one axis.


def _correlate1d_twin(x: Any, weights: Any, *, axis: int, mode: str, cval: Any = 0.0, origin: int = 0) -> Any:
    dtype = _result(ArraySpec.of(x), ArraySpec.of(weights))
    size = weights.shape[0]
    widths = [(0, 0)] * x.ndim
    widths[axis] = _beside(size, origin)
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


@covers(ndimage.correlate1d)
def correlate1d(
    input: Any,
    weights: Any,
    axis: Any = -1,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    origin: Any = 0,
) -> Any:
    """With all keywords but ``output``; the weights may be traced, too."""
    x, weights = picture(input, "correlate1d", output), _weights1d(weights)
    axis, origin = normalize_axis(axis, x.ndim), _check_origin(weights.shape[0], origin)
    return correlated1d(x, weights, axis, checked_mode(mode, "correlate1d"), checked_cval(cval, "correlate1d"), origin)


@covers(ndimage.convolve1d)
def convolve1d(
    input: Any,
    weights: Any,
    axis: Any = -1,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    origin: Any = 0,
) -> Any:
    """With all keywords but ``output``; the weights may be traced, too."""
    weights = _weights1d(weights)
    origin = -operator.index(origin) - (weights.shape[0] % 2 == 0)
    return correlate1d(input, conj(weights[::-1]), axis, output, mode, cval, origin)


# In several dimensions.


def _correlate_twin(x: Any, weights: Any, *, mode: str, cval: Any = 0.0, origin: tuple[int, ...]) -> Any:
    dtype = _result(ArraySpec.of(x), ArraySpec.of(weights))
    widths = [_beside(size, place) for size, place in zip(weights.shape, origin, strict=True)]
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


def per_axis(value: Any, count: int) -> list[Any]:
    """A value for each of some axes."""
    if isinstance(value, str) or not hasattr(value, "__len__"):
        return [value] * count
    if len(value) != count:
        raise RuntimeError("sequence argument must have length equal to input rank")
    return list(value)


def _correlate(
    name: str, input: Any, weights: Any, output: Any, mode: Any, cval: Any, origin: Any, axes: Any, convolution: bool
) -> Any:
    x, weights = picture(input, name, output), strong(operand(weights))
    places = normalize_axes(axes, x.ndim)
    if weights.ndim != len(places):
        raise RuntimeError("filter weights array has incorrect shape.")
    origins = [operator.index(o) for o in per_axis(origin, len(places))]
    if convolution:
        weights = conj(np.flip(weights))  # a correlation takes them conjugated
        origins = [-o - (n % 2 == 0) for o, n in zip(origins, weights.shape, strict=True)]
    origins = [_check_origin(n, o) for n, o in zip(weights.shape, origins, strict=True)]
    rest = tuple([axis for axis in range(x.ndim) if axis not in places])
    full = [0] * x.ndim
    for axis, o in zip(places, origins, strict=True):
        full[axis] = o
    how = {"mode": checked_mode(mode, name), "cval": checked_cval(cval, name), "origin": tuple(full)}
    return bind(correlate_p, x, np.expand_dims(weights, rest) if rest else weights, **keywords(how, cval=0.0))


@covers(ndimage.correlate)
def correlate(
    input: Any,
    weights: Any,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    origin: Any = 0,
    *,
    axes: Any = None,
) -> Any:
    """With all keywords but ``output``; the weights may be traced, too."""
    return _correlate("correlate", input, weights, output, mode, cval, origin, axes, False)


@covers(ndimage.convolve)
def convolve(
    input: Any,
    weights: Any,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    origin: Any = 0,
    *,
    axes: Any = None,
) -> Any:
    """With all keywords but ``output``; the weights may be traced, too."""
    return _correlate("convolve", input, weights, output, mode, cval, origin, axes, True)


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


@covers(ndimage.uniform_filter1d)
def uniform_filter1d(
    input: Any, size: Any, axis: Any = -1, output: Any = None, mode: Any = "reflect", cval: Any = 0.0, origin: Any = 0
) -> Any:
    """With all keywords but ``output``."""
    x, name = picture(input, "uniform_filter1d", output), "uniform_filter1d"
    axis, size = normalize_axis(axis, x.ndim), operator.index(size)
    if size < 1:
        raise RuntimeError("incorrect filter size")
    how = {"mode": checked_mode(mode, name), "cval": checked_cval(cval, name), "origin": _check_origin(size, origin)}
    return bind(uniform1d_p, x, **keywords({"size": size, "axis": axis, **how}, cval=0.0, origin=0))


@covers(ndimage.uniform_filter)
def uniform_filter(
    input: Any,
    size: Any = 3,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    origin: Any = 0,
    *,
    axes: Any = None,
) -> Any:
    """With all keywords but ``output``."""
    x = picture(input, "uniform_filter", output)
    places = normalize_axes(axes, x.ndim)
    count = len(places)
    each = [per_axis(value, count) for value in (size, origin, mode)]
    for axis, length, place, way in zip(places, *each, strict=True):
        if length > 1:
            x = uniform_filter1d(x, int(length), axis, None, way, cval, place)
    return x
