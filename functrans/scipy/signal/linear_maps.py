"""Linear maps of signals: ``detrend``, ``hilbert``, ``savgol_filter``, ``resample``, ``upfirdn``, ``decimate``.

What a detrended signal has lost is its projection onto lines, so the map is symmetric. The others have twins: Fourier's
transforms of which some entries are weighted, and convolutions.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np
from scipy import signal

from functrans.errors import UncoveredFunctionError
from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.convolution import convolved
from functrans.ops.family import keywords, normalize_axis, operand, real_dtype, result_dtype
from functrans.ops.plain import known
from functrans.ops.scalars import strong
from functrans.primitives import Linear, Primitive
from functrans.scipy import twin
from functrans.scipy.covering import covers, is_traced
from functrans.scipy.fft.transforms import PRIMITIVES
from functrans.tracing.bind import bind


def _floating(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return dtype if dtype.kind in "fc" else np.dtype(np.float64)


def _resized(x: ArraySpec, axis: int, length: int, dtype: Any) -> ArraySpec:
    return ArraySpec((*x.shape[:axis], length, *x.shape[axis + 1 :]), dtype)


# detrend

detrend_p: Primitive = Primitive(
    "scipy.signal.detrend",
    signal.detrend,
    lambda x, **_: ArraySpec(x.shape, _floating(x.dtype)),
    Linear((lambda ct, x, **how: bind(detrend_p, ct, **how),)),
    batch=batching.along("axis"),
)


@covers(signal.detrend)
def detrend(data: Any, axis: Any = -1, type: str = "linear", bp: Any = 0, overwrite_data: bool = False) -> Any:
    """With all keywords; a traced value is never overwritten."""
    data = strong(operand(data))
    if type not in ("linear", "l", "constant", "c"):
        raise ValueError("Trend type must be 'linear' or 'constant'.")
    axis = normalize_axis(axis, data.ndim)
    if type[0] == "c":
        return bind(detrend_p, data, axis=axis, type="constant")
    breaks = tuple([int(n) for n in np.atleast_1d(known(bp, "scipy.signal.detrend"))])
    if max(breaks) > data.shape[axis]:
        raise ValueError("Breakpoints must be less than length of data along given axis.")
    return bind(detrend_p, data, **keywords({"axis": axis, "bp": breaks}, bp=(0,)))


# hilbert


def _hilbert_twin(x: Any, *, N: int, axis: int) -> Any:  # noqa: N803
    weights = np.zeros(N, real_dtype(x.dtype))
    weights[0] = 1
    weights[1 : (N + 1) // 2] = 2
    if N % 2 == 0:
        weights[N // 2] = 1
    spectrum = bind(PRIMITIVES["fftn"], x[(*[slice(None)] * axis, slice(N))], s=(N,), axes=(axis,))
    spectrum = spectrum * weights.reshape(-1, *[1] * (x.ndim - 1 - axis))
    return bind(PRIMITIVES["ifftn"], spectrum, s=(N,), axes=(axis,))


hilbert_p = Primitive(
    "scipy.signal.hilbert",
    signal.hilbert,
    lambda x, *, axis, **length: _resized(x, axis, length["N"], np.result_type(_floating(x.dtype), np.complex64)),
    twin.linear(_hilbert_twin, True),
    masks=True,
    batch=batching.along("axis"),
)


@covers(signal.hilbert)
def hilbert(x: Any, N: Any = None, axis: Any = -1) -> Any:  # noqa: N803
    """With all keywords."""
    x = strong(operand(x))
    if x.dtype.kind == "c":
        raise ValueError("x must be real.")
    axis = normalize_axis(axis, x.ndim)
    length = x.shape[axis] if N is None else operator.index(N)
    if length <= 0:
        raise ValueError("N must be positive.")
    return bind(hilbert_p, x, N=length, axis=axis)


# savgol_filter


def _savgol_twin(
    x: Any, *, window_length: int, polyorder: int, deriv: int, delta: float, axis: int, mode: str, cval: float = 0.0
) -> Any:
    convolve1d = import_module("functrans.scipy.ndimage").convolve1d  # which imports this package
    how = (window_length, polyorder, deriv, delta)
    weights = signal.savgol_coeffs(*how)
    if mode != "interp":
        return convolve1d(x, weights, axis, None, mode, cval)
    half = window_length // 2
    y = convolve1d(x, weights, axis, None, "constant")
    # At the ends, the polynomial through the window there: what the filter makes of unit signals as long as a window.
    ends = signal.savgol_filter(np.eye(window_length), *how, axis=0).astype(x.dtype)
    x, y = np.moveaxis(x, axis, -1), np.moveaxis(y, axis, -1)
    n = x.shape[-1]
    first = np.matmul(x[..., :window_length], ends[:half].T)
    last = np.matmul(x[..., n - window_length :], ends[window_length - half :].T)
    return np.moveaxis(np.concatenate([first, y[..., half : n - half], last], axis=-1), -1, axis)


savgol_p = Primitive(
    "scipy.signal.savgol_filter",
    signal.savgol_filter,
    lambda x, **_: ArraySpec(x.shape, x.dtype if x.dtype.char in "fd" else np.float64),
    twin.rules(_savgol_twin, 1),
    masks=True,
    batch=batching.along("axis"),
)


@covers(signal.savgol_filter)
def savgol_filter(
    x: Any,
    window_length: Any,
    polyorder: Any,
    deriv: Any = 0,
    delta: Any = 1.0,
    axis: Any = -1,
    mode: str = "interp",
    cval: Any = 0.0,
) -> Any:
    """With all keywords; the signal is real and may be traced."""
    x = strong(operand(x))
    if mode not in ("mirror", "constant", "nearest", "interp", "wrap"):
        raise ValueError("mode must be 'mirror', 'constant', 'nearest' 'wrap' or 'interp'.")
    if x.dtype.kind == "c":
        raise TypeError("`scipy.signal.savgol_filter` takes real signals: filter the real and the imaginary part")
    axis = normalize_axis(axis, x.ndim)
    if mode == "interp" and window_length > x.shape[axis]:
        raise ValueError("If mode is 'interp', window_length must be less than or equal to the size of x.")
    if is_traced((delta, cval)):
        raise UncoveredFunctionError(
            "`scipy.signal.savgol_filter` with a traced `delta` or `cval` is not covered",
            "divide by `delta ** deriv` afterwards; pad the signal with `np.pad` first.",
        )
    params = {"window_length": window_length, "polyorder": polyorder, "deriv": deriv, "delta": delta, "axis": axis}
    how = keywords({**params, "mode": mode, "cval": cval if mode == "constant" else 0.0}, cval=0.0)
    return bind(savgol_p, x, **how)


# resample


def _resample_twin(x: Any, *, num: int, axis: int, domain: str, window: Any = None) -> Any:
    def transformed(name: str, x: Any, n: int) -> Any:
        return bind(PRIMITIVES[name], x, s=(n,), axes=(x.ndim - 1,))

    x = np.moveaxis(x, axis, -1)
    n = x.shape[-1]
    m = min(num, n)
    half = m // 2 + 1
    if domain == "time" and x.dtype.kind != "c":
        spectrum = transformed("rfftn", x, n)
        count = n // 2 + 1
        weights = np.full(half, num / n)
        if window is not None:
            window = np.array(window)
            folded = window.copy()
            folded[1:count] = (folded[1:count] + window[:0:-1][: count - 1]) / 2  # of both signs of a frequency
            weights *= folded[:half]
        if m % 2 == 0 and num != n:
            weights[m // 2] *= 2 if num < n else 0.5
        out = transformed("irfftn", spectrum[..., :half] * weights.astype(real_dtype(spectrum.dtype)), num)
    else:
        spectrum = transformed("fftn", x, n) if domain == "time" else x + np.zeros((), np.complex64)
        if window is not None:
            spectrum = spectrum * np.array(window)
        spectrum = spectrum * (num / n)
        index = np.concatenate([np.arange(half), np.arange(half - m, 0)])  # of both spectra, from the end where < 0
        if m % 2 == 0 and num < n:
            both = (np.arange(m) == m // 2).astype(real_dtype(spectrum.dtype))
            kept = spectrum[..., index] + both * spectrum[..., n - m // 2 : n - m // 2 + 1]
            out = kept
        elif m % 2 == 0 and num > n:
            low, high = spectrum[..., : half - 1], spectrum[..., half:]
            middle = spectrum[..., half - 1 : half] / 2
            gap = np.zeros((*spectrum.shape[:-1], num - m - 1), spectrum.dtype)
            out = np.concatenate([low, middle, gap, middle, high], axis=-1)
        else:
            kept = spectrum[..., index]
            gap = np.zeros((*spectrum.shape[:-1], num - m), spectrum.dtype)
            out = np.concatenate([kept[..., :half], gap, kept[..., half:]], axis=-1)
        out = transformed("ifftn", out, num)
    return np.moveaxis(out, -1, axis)


def _resample_spec(x: ArraySpec, *, num: int, axis: int, domain: str, window: Any = None) -> ArraySpec:
    dtype = _floating(x.dtype)
    if domain == "freq" or dtype.kind == "c":
        dtype = np.result_type(dtype, np.complex64)
        if window is not None:
            dtype = np.result_type(dtype, np.array(window).dtype)
    return _resized(x, axis, num, dtype)


def _resample_impl(x: Any, *, num: int, axis: int, domain: str, window: Any = None) -> Any:
    return signal.resample(x, num, axis=axis, window=None if window is None else np.array(window), domain=domain)


def _resample_source(args: list[str], params: dict[str, Any]) -> str:
    window = f", window=np.array({params['window']!r})" if "window" in params else ""
    domain = "" if params["domain"] == "time" else ", domain='freq'"
    return f"scipy.signal.resample({args[0]}, {params['num']}, axis={params['axis']}{window}{domain})"


resample_p = Primitive(
    "scipy.signal.resample",
    _resample_impl,
    _resample_spec,
    twin.linear(_resample_twin, True),
    source=_resample_source,
    masks=True,
    batch=batching.along("axis"),
)


@covers(signal.resample)
def resample(x: Any, num: Any, t: Any = None, axis: Any = 0, window: Any = None, domain: str = "time") -> Any:
    """With all keywords; the signal may be traced, and so may ``t``."""
    if domain not in ("time", "freq"):
        raise ValueError(f"Parameter {domain=} not in ('time', 'freq')!")
    x, num = strong(operand(x)), operator.index(num)
    axis = normalize_axis(axis, x.ndim)
    n = x.shape[axis]
    weights = {}
    if window is not None:
        if is_traced((window,)):
            raise UncoveredFunctionError(
                "`scipy.signal.resample` with a traced window is not covered",
                "weigh the spectrum with `domain='freq'`.",
            )
        if callable(window):
            window = window(np.fft.fftfreq(n))
        elif not hasattr(window, "shape"):
            window = np.fft.fftshift(signal.get_window(window, n))
        if window.shape != (n,):
            raise ValueError(
                f"{window.shape=} != ({n},), i.e., window length is not equal to number of frequency bins!"
            )
        weights = {"window": tuple(np.asarray(window).tolist())}
    out = bind(resample_p, x, num=num, axis=axis, domain=domain, **weights)
    if t is None:
        return out
    return out, t[0] + (t[1] - t[0]) * (n / num) * np.arange(num)


# upfirdn and what is made of it


def _upfirdn_twin(h: Any, x: Any, *, up: int, down: int, axis: int) -> Any:
    x = np.moveaxis(x, axis, -1)
    lead, n = x.shape[:-1], x.shape[-1]
    gaps = np.zeros((*lead, n, up - 1), x.dtype)
    spread = np.reshape(np.concatenate([np.reshape(x, (*lead, n, 1)), gaps], axis=-1), (*lead, n * up))
    return np.moveaxis(convolved(spread[..., : (n - 1) * up + 1], h)[..., ::down], -1, axis)


def _upfirdn_spec(h: ArraySpec, x: ArraySpec, *, up: int, down: int, axis: int) -> ArraySpec:
    length = ((x.shape[axis] - 1) * up + h.shape[0] - 1) // down + 1
    return _resized(x, axis, length, np.result_type(result_dtype([h, x]), np.float32))


def _upfirdn_batch(
    primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    if not batched[0]:
        return bind(primitive, *operands, **{**params, "axis": params["axis"] + 1})
    return twin.batch(_upfirdn_twin)(primitive, operands, batched, size, params)


upfirdn_p = Primitive(
    "scipy.signal.upfirdn",
    signal.upfirdn,
    _upfirdn_spec,
    twin.bilinear(_upfirdn_twin),
    masks=True,
    batch=_upfirdn_batch,
)


@covers(signal.upfirdn)
def upfirdn(h: Any, x: Any, up: Any = 1, down: Any = 1, axis: Any = -1, mode: str = "constant", cval: Any = 0) -> Any:
    """With ``mode="constant"`` and ``cval=0``; filter and signal may be traced."""
    if mode not in ("constant", None) or is_traced((cval,)) or cval != 0:
        raise UncoveredFunctionError(
            "`scipy.signal.upfirdn` of a traced value beyond its ends (`mode`, `cval`) is not covered",
            "continue the signal with `np.pad` first.",
        )
    h, x = strong(operand(h)), strong(operand(x))
    if h.ndim != 1 or not h.shape[0]:
        raise ValueError("h must be 1-D with non-zero length")
    if up < 1 or down < 1:
        raise ValueError("Both up and down must be >= 1")
    return bind(upfirdn_p, h, x, up=operator.index(up), down=operator.index(down), axis=normalize_axis(axis, x.ndim))


# Those that have no coefficients to trace: SciPy's, with a twin.


def _decimate_twin(x: Any, *, q: int, n: Any, ftype: str, axis: int, zero_phase: bool) -> Any:
    from functrans.scipy.signal.filtering import sosfilt, sosfiltfilt

    if ftype == "fir":
        n = 20 * q if n is None else n
        b = signal.firwin(n + 1, 1.0 / q, window="hamming").astype(x.dtype)
        if zero_phase:
            return _polyphase(x, b, q, axis)
        length = -(-x.shape[axis] // q)
        y = upfirdn(b, x, 1, q, axis)
        return y[(*[slice(None)] * axis, slice(length))]
    sos = signal.cheby1(8 if n is None else n, 0.05, 0.8 / q, output="sos").astype(x.dtype)
    y = (sosfiltfilt if zero_phase else sosfilt)(sos, x, axis=axis)
    return y[(*[slice(None)] * axis, slice(None, None, q))]


def _polyphase(x: Any, h: Any, q: int, axis: int) -> Any:
    """Every ``q``-th entry of the convolution with ``h``, from its middle on."""
    half = (h.shape[0] - 1) // 2
    x = np.moveaxis(x, axis, -1)
    n = x.shape[-1]
    return np.moveaxis(convolved(x, h)[..., half : half + n : q], -1, axis)


def _decimate_impl(x: Any, *, q: int, n: Any, ftype: str, axis: int, zero_phase: bool) -> Any:
    return signal.decimate(x, q, n, ftype, axis, zero_phase)


decimate_p = Primitive(
    "scipy.signal.decimate",
    _decimate_impl,
    lambda x, *, q, axis, **_: _resized(x, axis, -(-x.shape[axis] // q), _floating(x.dtype)),
    twin.linear(_decimate_twin, True),
    masks=True,
    source=lambda args, params: (
        f"scipy.signal.decimate({args[0]}, {', '.join(f'{key}={value!r}' for key, value in params.items())})"
    ),
    batch=batching.along("axis"),
)


@covers(signal.decimate)
def decimate(x: Any, q: Any, n: Any = None, ftype: Any = "iir", axis: Any = -1, zero_phase: bool = True) -> Any:
    """With ``ftype`` "iir" or "fir"."""
    if ftype not in ("iir", "fir"):
        raise UncoveredFunctionError(
            f"`scipy.signal.decimate` of a traced value with `ftype={ftype!r}` is not covered",
            "filter with `functrans.scipy.signal.filtfilt` or `sosfiltfilt`, then take every q-th entry.",
        )
    x = strong(operand(x))
    axis = normalize_axis(axis, x.ndim)
    order = None if n is None else operator.index(n)
    return bind(decimate_p, x, q=operator.index(q), n=order, ftype=ftype, axis=axis, zero_phase=bool(zero_phase))
