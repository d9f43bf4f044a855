"""``numpy.fft``: four primitives in one dimension, and what NumPy composes of them.

All are linear. With the pairing ``Re(sum(a * b))`` a matrix of ``exp(-2 pi i j k / n)`` is its own transpose. Of a real
array half of the spectrum tells the other half: an entry inside of it stands for two, which gives the weights of
``rfft`` and ``irfft`` (Press et al., *Numerical Recipes*, 3rd edition (2007), section 12.3).
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.contract import conj
from functrans.ops.family import normalize_axis, real_dtype
from functrans.ops.reduction import array
from functrans.primitives import Linear, Primitive, Rule, call_source
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import implements, refuse_out

_BACKWARD = (None, "backward")
_SWAPPED = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


def _slice(x: Any, axis: int, stop: int) -> Any:
    """The first ``stop`` entries along an axis; ``x`` itself if it has no more."""
    return x[(*(slice(None),) * axis, slice(stop))] if x.shape[axis] > stop else x


def _weighted(half: Any, n: int, axis: int, inside: float) -> Any:
    """Half a spectrum of ``n`` points, times ``inside`` where an entry stands for two."""
    weights = np.full(n // 2 + 1, inside, real_dtype(half.dtype))
    weights[0] = 1
    if n % 2 == 0:
        weights[-1] = 1
    return half * weights.reshape(-1, *[1] * (half.ndim - 1 - axis))


# Their operand has at most the length that they use, and is padded with zeros to it.


def _complex_transpose(transform: Callable[..., Any]) -> Rule:
    def rule(ct: Any, x: ArraySpec, *, n: int, axis: int, norm: Any = None) -> Any:
        return _slice(transform(ct, n, axis, norm), axis, x.shape[axis])

    return rule


def _rfft_transpose(ct: Any, x: ArraySpec, *, n: int, axis: int, norm: Any = None) -> Any:
    return _slice(np.fft.hfft(_weighted(ct, n, axis, 0.5), n, axis, norm), axis, x.shape[axis])


def _irfft_transpose(ct: Any, x: ArraySpec, *, n: int, axis: int, norm: Any = None) -> Any:
    return _slice(_weighted(np.fft.ihfft(ct, n, axis, norm), n, axis, 2.0), axis, x.shape[axis])


def _transform(function: Callable[..., Any], transpose: Rule, length: Callable[[int], int], real: bool) -> Primitive:
    """The primitive of one of NumPy's functions, whose result has this length and is real or complex."""

    def spec(x: ArraySpec, *, n: int, axis: int, norm: str | None = None) -> ArraySpec:
        shape = (*x.shape[:axis], length(n), *x.shape[axis + 1 :])
        return ArraySpec(shape, np.result_type(real_dtype(x.dtype), 1.0) if real else np.result_type(x.dtype, 1j))

    name = function.__name__
    return Primitive(
        name,
        function,
        spec,
        Linear((transpose,)),
        source=lambda args, params: call_source(f"np.fft.{name}", args, params),
        batch=batching.along("axis"),
    )


fft_p = _transform(np.fft.fft, _complex_transpose(np.fft.fft), lambda n: n, False)
ifft_p = _transform(np.fft.ifft, _complex_transpose(np.fft.ifft), lambda n: n, False)
rfft_p = _transform(np.fft.rfft, _rfft_transpose, lambda n: n // 2 + 1, False)
irfft_p = _transform(np.fft.irfft, _irfft_transpose, lambda n: n, True)


# In one dimension.


def _apply(primitive: Primitive, a: Any, n: Any, axis: Any, norm: Any) -> Any:
    axis = normalize_axis(axis, a.ndim)
    length = a.shape[axis]
    if n is None:
        n = 2 * (length - 1) if primitive is irfft_p else length
    n = operator.index(n)
    if n < 1:
        raise ValueError(f"Invalid number of FFT data points ({n}) specified.")
    params: dict[str, Any] = {"n": n, "axis": axis}
    if norm not in _BACKWARD:
        params["norm"] = _SWAPPED[_swapped(norm)]
    if primitive is rfft_p and a.dtype.kind == "c":
        np.fft.rfft(np.ones(1, a.dtype))  # NumPy's own complaint
    return bind(primitive, _slice(a, axis, n // 2 + 1 if primitive is irfft_p else n), **params)


def _swapped(norm: Any) -> str:
    """The normalization of the inverse transform."""
    if norm not in _SWAPPED:
        raise ValueError(f'Invalid norm value {norm}; should be "backward", "ortho" or "forward".')
    return _SWAPPED[norm]


def _one(primitive: Primitive, function: Callable[..., Any]) -> None:
    @implements(function)
    def handler(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: None = None) -> Any:
        if out is not None:
            refuse_out(f"np.fft.{function.__name__}")
        return _apply(primitive, array(a), n, axis, norm)


_one(fft_p, np.fft.fft)
_one(ifft_p, np.fft.ifft)
_one(rfft_p, np.fft.rfft)
_one(irfft_p, np.fft.irfft)


@implements(np.fft.hfft)
def hfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: None = None) -> Any:
    """``np.fft.hfft``."""
    if out is not None:
        refuse_out("np.fft.hfft")
    return _apply(irfft_p, conj(array(a)), n, axis, _swapped(norm))


@implements(np.fft.ihfft)
def ihfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: None = None) -> Any:
    """``np.fft.ihfft``."""
    if out is not None:
        refuse_out("np.fft.ihfft")
    return np.conjugate(_apply(rfft_p, array(a), n, axis, _swapped(norm)))


# In several: one axis after the other, in NumPy's order, which decides the last bits.


def _lengths(a: Any, s: Any, axes: Any, halved: bool = False) -> list[tuple[Any, Any]]:
    """Length and axis of each transform; ``halved``: the last is made of half a spectrum."""
    if s is None:
        axes = range(-a.ndim, 0) if axes is None else list(axes)
        lengths = [a.shape[normalize_axis(axis, a.ndim)] for axis in axes]
        if halved and lengths:
            lengths[-1] = 2 * (lengths[-1] - 1)
        return list(zip(lengths, axes, strict=True))
    lengths = list(s)
    if axes is None:
        _deprecated("`axes` should not be `None` if `s` is not `None`: write `axes=range(-len(s), 0)`.")
        axes = range(-len(lengths), 0)
    if len(lengths) != len(axes):
        raise ValueError("Shape and axes have different lengths.")
    if None in lengths:
        _deprecated("`None` in `s` is deprecated: write the length of the axis.")
    return [
        (a.shape[normalize_axis(axis, a.ndim)] if n is not None and n == -1 else n, axis)
        for n, axis in zip(lengths, axes, strict=True)
    ]


def _deprecated(what: str) -> None:
    # Said at the call of NumPy's function.
    warnings.warn(f"{what} (Deprecated in NumPy 2.0.)", DeprecationWarning, stacklevel=5)


def _in_turn(primitive: Primitive, a: Any, steps: Sequence[tuple[Any, Any]], norm: Any) -> Any:
    for n, axis in steps:
        a = _apply(primitive, a, n, axis, norm)
    return a


@cache
def _is_reversed() -> bool:
    """Whether `np.fft.rfftn` goes from the last axis to the first: it went the other way in NumPy 2.0."""
    return np.fft.rfftn(np.ones((1, 1)), (1, 2, 1), (0, 0, 1)).shape == (1, 1)


def _several(primitive: Primitive, function: Callable[..., Any], every: Any) -> None:
    """Declare a transform along ``axes``, by default along ``every``."""

    @implements(function)
    def handler(a: Any, s: Any = None, axes: Any = every, norm: Any = None, out: None = None) -> Any:
        if out is not None:
            refuse_out(f"np.fft.{function.__name__}")
        a = array(a)
        steps = _lengths(a, s, axes, halved=primitive is irfft_p)
        if primitive is rfft_p:
            rest = steps[-2::-1] if _is_reversed() else steps[:-1]
            return _in_turn(fft_p, _in_turn(rfft_p, a, [steps[-1]], norm), rest, norm)
        if primitive is irfft_p:
            return _in_turn(irfft_p, _in_turn(ifft_p, a, steps[:-1], norm), [steps[-1]], norm)
        return _in_turn(primitive, a, steps[::-1], norm)


for _primitive, _two, _all in (
    (fft_p, np.fft.fft2, np.fft.fftn),
    (ifft_p, np.fft.ifft2, np.fft.ifftn),
    (rfft_p, np.fft.rfft2, np.fft.rfftn),
    (irfft_p, np.fft.irfft2, np.fft.irfftn),
):
    _several(_primitive, _two, (-2, -1))
    _several(_primitive, _all, None)


# Shifts. (`np.fft.fftfreq` and `rfftfreq` are made of operators, which trace.)


def _shifts(function: Callable[..., Any], sign: int) -> None:
    @implements(function)
    def shifted(x: Any, axes: Any = None) -> Any:
        if axes is None:
            axes = tuple(range(x.ndim))
        if isinstance(axes, int | np.integer):
            return np.roll(x, sign * (x.shape[axes] // 2), axes)
        return np.roll(x, [sign * (x.shape[axis] // 2) for axis in axes], axes)


_shifts(np.fft.fftshift, 1)
_shifts(np.fft.ifftshift, -1)
