"""Recipes for the primitives of ``scipy.signal``."""

from __future__ import annotations

from typing import Any

import numpy as np

import functrans.scipy.signal as signal
from functrans.primitives import lookup
from functrans.testing.strategies.entries import Draw
from functrans.testing.strategies.operands import FLOATS, INEXACT, calls
from functrans.tracing.bind import bind

for _name in ("convolve", "correlate"):
    _f: Any = getattr(signal, _name)
    calls(
        f"scipy.signal.{_name}",
        *[
            (lambda a, v, f=_f, mode=mode: f(a, v, mode), m, n)
            for mode in ("full", "same", "valid")
            for m, n in (((4,), (2,)), ((2, 1), (3, 2)), ((3, 2), (2, 2)))
        ],
    )
for _name in ("fftconvolve", "oaconvolve"):
    _f = getattr(signal, _name)
    calls(
        f"scipy.signal.{_name}",
        *[
            (lambda a, v, f=_f, mode=mode: f(a, v, mode, 1), m, n)
            for mode in ("full", "same", "valid")
            for m, n in (((2, 4), (1, 2)), ((2, 2), (2, 3)))
        ],
    )
for _name in ("convolve2d", "correlate2d"):
    _f = getattr(signal, _name)
    calls(
        f"scipy.signal.{_name}",
        *[
            (lambda a, v, c, f=_f, how=how: f(a, v, *how, c), (3, 2), (2, 2), ())
            for how in (("full", "fill"), ("same", "wrap"), ("valid", "fill"), ("full", "symm"))
        ],
    )


def _leading(*shape: int) -> Any:
    """Coefficients of which the first is far from zero."""
    return lambda draw: (0.25 * draw(shape, place=1) + (np.arange(shape[-1]) == 0)).astype(draw.dtype)


calls(
    "scipy.signal.lfilter",
    (signal.lfilter, (2,), _leading(3), (4,)),
    (lambda b, a, x: signal.lfilter(b, a, x, 0), (3,), _leading(2), (3, 2)),
)
calls(
    "scipy.signal.lfilter_state",
    (lambda b, a, x, zi: signal.lfilter(b, a, x, zi=zi), (2,), _leading(3), (2, 3), (2, 2)),
    (lambda b, a, x, zi: signal.lfilter(b, a, x, 0, zi), (3,), _leading(2), (2,), (2,)),
)


def _divided(v: Any, a: Any) -> Any:
    return bind(lookup("scipy.signal.divide_rows"), v, a)


def _monic(*shape: int) -> Any:
    """Polynomials that begin with one."""

    def made(draw: Draw) -> Any:
        first = np.arange(shape[-1]) == 0
        return np.where(first, 1.0, 0.25 * draw(shape, place=1)).astype(draw.dtype)

    return made


calls(
    "scipy.signal.divide_rows",
    (_divided, (3,), _monic(2)),
    (_divided, (2, 3), _monic(2, 4)),
    (_divided, (2,), _monic(2, 2)),
)


def _in_sections(b: Any, a: Any, x: Any, zi: Any, axis: int) -> Any:
    return bind(lookup("scipy.signal.sosfilt"), b, 0.25 * a, x, zi, axis=axis)


calls(
    "scipy.signal.sosfilt",
    (lambda b, a, x, zi: _in_sections(b, a, x, zi, -1), (2, 3), (2, 2), (3,), (2, 2)),
    (lambda b, a, x, zi: _in_sections(b, a, x, zi, 0), (1, 3), (1, 2), (3, 2), (1, 2, 2)),
)
calls(
    "scipy.signal.detrend",
    (lambda x: signal.detrend(x, 0, "constant"), (3, 2)),  # the other kind refuses infinities
    (lambda x: signal.detrend(x, -1, "constant"), (2, 3)),
)
calls(
    "scipy.signal.hilbert",
    (signal.hilbert, (2, 3)),
    (lambda x: signal.hilbert(x, 4, 0), (3, 2)),
    (lambda x: signal.hilbert(x, 2), (3,)),
    dtypes=FLOATS,
)
calls(
    "scipy.signal.savgol_filter",
    (lambda x: signal.savgol_filter(x, 3, 1, mode="nearest"), (2, 5)),  # the usual mode refuses infinities
    (lambda x: signal.savgol_filter(x, 3, 2, 1, axis=0, mode="mirror"), (4, 2)),
    (lambda x: signal.savgol_filter(x, 3, 1, mode="constant", cval=0.5), (4,)),
    dtypes=FLOATS,
)
_WINDOW = np.array([1.0, 0.75, 0.5, 0.75])
calls(
    "scipy.signal.resample",
    (lambda x: signal.resample(x, 6), (4,)),
    (lambda x: signal.resample(x, 3, axis=1), (2, 4)),
    (lambda x: signal.resample(x, 5, window=_WINDOW), (4, 2)),
    (lambda x: signal.resample(x, 2, domain="freq"), (4,)),
    dtypes=INEXACT,
)
calls(
    "scipy.signal.upfirdn",
    (lambda h, x: signal.upfirdn(h, x, 2, 3), (3,), (4,)),
    (lambda h, x: signal.upfirdn(h, x, 1, 2, 0), (2,), (3, 2)),
)
calls(
    "scipy.signal.decimate",
    (lambda x: signal.decimate(x, 2, 1, "iir"), (2, 16)),
    (lambda x: signal.decimate(x, 2, 2, "fir", 0), (5, 2)),
    (lambda x: signal.decimate(x, 2, 2, "fir", 0, False), (5,)),
    (lambda x: signal.decimate(x, 2, 1, "iir", 0, False), (5,)),
    dtypes=FLOATS,
)
