"""Spectra of segments: ``stft``, ``istft``, ``csd``, ``welch``, ``periodogram``, made of windows and transforms.

Source: Welch, *The use of fast Fourier transform for the estimation of power spectra* (1967).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import signal

from functrans.errors import UncoveredFunctionError
from functrans.ops.family import operand
from functrans.ops.scalars import strong
from functrans.ops.update import at
from functrans.scipy.covering import COVERED, covers


def _window(window: Any, nperseg: int | None, length: int, default: int) -> tuple[Any, int]:
    """The window and its length, as SciPy chooses them."""
    if isinstance(window, str | tuple):
        nperseg = min(default if nperseg is None else int(nperseg), length)
        return signal.get_window(window, nperseg), nperseg
    win = np.asarray(window)
    if win.ndim != 1:
        raise ValueError("window must be 1-D")
    if length < win.shape[-1]:
        raise ValueError("window is longer than input signal")
    if nperseg is not None and nperseg != win.shape[0]:
        raise ValueError("value specified for nperseg is different from length of window")
    return win, win.shape[0]


def _transforms(x: Any, win: Any, step: int, nfft: int, detrend: Any, onesided: bool) -> Any:
    """The transforms of the windowed segments along the last axis: segments, then frequencies."""
    size = win.shape[0]
    starts = np.arange(0, x.shape[-1] - size + 1, step)
    parts = x[..., starts[:, None] + np.arange(size)]
    if callable(detrend):
        parts = detrend(parts)
    elif detrend:
        parts = COVERED["scipy.signal"]["detrend"](parts, type=detrend, axis=-1)
    parts = win * parts
    return np.fft.rfft(np.real(parts), nfft) if onesided else np.fft.fft(parts, nfft)


def _spectral(
    x: Any,
    y: Any,
    fs: Any,
    window: Any,
    nperseg: int | None,
    noverlap: int | None,
    nfft: int | None,
    detrend: Any,
    return_onesided: bool,
    scaling: str,
    axis: int,
    default: int = 256,
) -> tuple[Any, Any]:
    """Frequencies, and the cross spectrum of each segment along the last axis but one."""
    same = y is x
    x, y = np.moveaxis(strong(operand(x)), axis, -1), np.moveaxis(strong(operand(y)), axis, -1)
    length = max(x.shape[-1], y.shape[-1])
    x, y = (np.pad(v, [(0, 0)] * (v.ndim - 1) + [(0, length - v.shape[-1])]) for v in (x, y))
    win, size = _window(window, nperseg, length, default)
    nfft = size if nfft is None else int(nfft)
    if nfft < size:
        raise ValueError("nfft must be greater than or equal to nperseg.")
    noverlap = size // 2 if noverlap is None else int(noverlap)
    if noverlap >= size:
        raise ValueError("noverlap must be less than nperseg.")
    win = win.astype(np.result_type(win, np.float32) if x.dtype == y.dtype == np.float32 else win.dtype)
    if x.dtype == y.dtype == np.float32:
        win = win.astype(np.float32)
    if scaling not in ("density", "spectrum"):
        raise ValueError(f"Unknown scaling: {scaling!r}")
    scale = 1.0 / (fs * (win * win).sum()) if scaling == "density" else 1.0 / win.sum() ** 2
    onesided = return_onesided and x.dtype.kind != "c" and y.dtype.kind != "c"
    of_x = _transforms(x, win, size - noverlap, nfft, detrend, onesided)
    of_y = of_x if same else _transforms(y, win, size - noverlap, nfft, detrend, onesided)
    out = np.conj(of_x) * of_y * scale
    if onesided:
        doubled = np.ones(out.shape[-1], out.real.dtype)
        doubled[1 : None if nfft % 2 else -1] = 2
        out = out * doubled
    freqs = np.fft.rfftfreq(nfft, 1 / fs) if onesided else np.fft.fftfreq(nfft, 1 / fs)
    return freqs, np.real(out) if same else out


def _averaged(spectra: Any, average: str, axis: int) -> Any:
    if average == "mean":
        out = np.mean(spectra, axis=-2)
    elif average == "median":
        count = np.arange(2, (spectra.shape[-2] - 1) // 2 * 2 + 1, 2)
        bias = 1 + np.sum(1.0 / (count + 1) - 1.0 / count)
        parts = [np.median(np.real(spectra), axis=-2)]
        if spectra.dtype.kind == "c":
            parts.append(1j * np.median(np.imag(spectra), axis=-2))
        out = sum(parts[1:], parts[0]) / bias
    else:
        raise ValueError(f'average must be "median" or "mean", got {average}')
    return np.moveaxis(out, -1, axis)


@covers(signal.csd)
def csd(
    x: Any,
    y: Any,
    fs: Any = 1.0,
    window: Any = "hann_periodic",
    nperseg: int | None = None,
    noverlap: int | None = None,
    nfft: int | None = None,
    detrend: Any = "constant",
    return_onesided: bool = True,
    scaling: str = "density",
    axis: int = -1,
    average: str = "mean",
) -> tuple[Any, Any]:
    """The frequencies are plain numbers."""
    freqs, spectra = _spectral(x, y, fs, window, nperseg, noverlap, nfft, detrend, return_onesided, scaling, axis)
    return freqs, _averaged(spectra, average, axis)


@covers(signal.welch)
def welch(
    x: Any,
    fs: Any = 1.0,
    window: Any = "hann_periodic",
    nperseg: int | None = None,
    noverlap: int | None = None,
    nfft: int | None = None,
    detrend: Any = "constant",
    return_onesided: bool = True,
    scaling: str = "density",
    axis: int = -1,
    average: str = "mean",
) -> tuple[Any, Any]:
    """The frequencies are plain numbers."""
    out: tuple[Any, Any] = csd(
        x, x, fs, window, nperseg, noverlap, nfft, detrend, return_onesided, scaling, axis, average
    )
    return out


@covers(signal.periodogram)
def periodogram(
    x: Any,
    fs: Any = 1.0,
    window: Any = "boxcar",
    nfft: int | None = None,
    detrend: Any = "constant",
    return_onesided: bool = True,
    scaling: str = "density",
    axis: int = -1,
) -> tuple[Any, Any]:
    """The frequencies are plain numbers."""
    length = x.shape[axis]
    if nfft is not None and nfft < length:
        x = np.moveaxis(np.moveaxis(x, axis, -1)[..., :nfft], -1, axis)
        length, nfft = nfft, None
    window = "boxcar" if window is None else window
    out: tuple[Any, Any] = welch(x, fs, window, length, 0, nfft, detrend, return_onesided, scaling, axis)
    return out


@covers(signal.stft)
def stft(
    x: Any,
    fs: Any = 1.0,
    window: Any = "hann_periodic",
    nperseg: int = 256,
    noverlap: int | None = None,
    nfft: int | None = None,
    detrend: Any = False,
    return_onesided: bool = True,
    boundary: str | None = "zeros",
    padded: bool = True,
    axis: int = -1,
    scaling: str = "spectrum",
) -> tuple[Any, Any, Any]:
    """Frequencies and times are plain numbers; linear in ``x``."""
    if boundary not in ("zeros", None):
        raise UncoveredFunctionError(
            f"`scipy.signal.stft` of a traced value with boundary={boundary!r} is not covered",
            "extend the signal yourself, with `np.pad`, and pass `boundary=None`.",
        )
    x = np.moveaxis(strong(operand(x)), axis, -1)
    win, size = _window(window, nperseg, x.shape[-1], 256)
    noverlap = size // 2 if noverlap is None else int(noverlap)
    step, nfft = size - noverlap, size if nfft is None else int(nfft)
    margin = size // 2 if boundary else 0
    extra = (-(x.shape[-1] + 2 * margin - size) % step) % size if padded else 0
    x = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(margin, margin + extra)])
    win = win.astype(np.float32) if x.dtype in (np.float32, np.complex64) else win
    if scaling not in ("psd", "spectrum"):
        raise ValueError(f"Parameter scaling={scaling!r} not in ['spectrum', 'psd']!")
    scale = np.sqrt(1.0 / (fs * (win * win).sum()) if scaling == "psd" else 1.0 / win.sum() ** 2)
    onesided = return_onesided and x.dtype.kind != "c"
    out = _transforms(x, win, step, nfft, detrend, onesided) * scale
    freqs = np.fft.rfftfreq(nfft, 1 / fs) if onesided else np.fft.fftfreq(nfft, 1 / fs)
    times = np.arange(size / 2, x.shape[-1] - size / 2 + 1, step) / float(fs) - (size / 2 / fs if boundary else 0)
    out = np.moveaxis(out, -1, axis - 1 if axis < 0 else axis)  # the times come last
    return freqs, times, out


@covers(signal.istft)
def istft(
    Zxx: Any,  # noqa: N803
    fs: Any = 1.0,
    window: Any = "hann_periodic",
    nperseg: int | None = None,
    noverlap: int | None = None,
    nfft: int | None = None,
    input_onesided: bool = True,
    boundary: bool = True,
    time_axis: int = -1,
    freq_axis: int = -2,
    scaling: str = "spectrum",
) -> tuple[Any, Any]:
    """Times are plain numbers; linear in ``Zxx``."""
    z = np.moveaxis(strong(operand(Zxx)) + 0j, (time_axis, freq_axis), (-2, -1))
    segments, bins = z.shape[-2:]
    full = 2 * (bins - 1) if input_onesided else bins
    size = full if nperseg is None else int(nperseg)
    if nfft is None:
        nfft = size if input_onesided and size == full + 1 else full
    noverlap = size // 2 if noverlap is None else int(noverlap)
    if noverlap >= size:
        raise ValueError("noverlap must be less than nperseg.")
    if nfft < size:
        raise ValueError("nfft must be greater than or equal to nperseg.")
    win = signal.get_window(window, size) if isinstance(window, str | tuple) else np.asarray(window)
    step = size - noverlap
    parts = (np.fft.irfft(z, nfft) if input_onesided else np.fft.ifft(z, nfft))[..., :size]
    win = win.astype(parts.real.dtype)
    if scaling not in ("psd", "spectrum"):
        raise ValueError(f"Parameter scaling={scaling!r} not in ['spectrum', 'psd']!")
    parts = parts * (win * (win.sum() if scaling == "spectrum" else np.sqrt(fs * np.sum(win**2))))
    place = step * np.arange(segments)[:, None] + np.arange(size)
    norm = np.zeros(size + (segments - 1) * step, win.dtype)
    np.add.at(norm, place, np.broadcast_to(win**2, place.shape))
    x = at(np.zeros((*parts.shape[:-2], len(norm)), parts.dtype))[..., place].add(parts)
    kept = slice(size // 2, -(size // 2)) if boundary else slice(None)
    x = x[..., kept] / np.where(norm > 1e-10, norm, 1.0)[kept]
    times = np.arange(x.shape[-1]) / float(fs)
    if x.ndim > 1 and time_axis != -1:
        x = np.moveaxis(x, -1, time_axis - (1 if freq_axis < time_axis else 0) if time_axis >= 0 else time_axis)
    return times, x
