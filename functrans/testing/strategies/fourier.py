"""Recipes for the primitives of ``numpy.fft``: even and odd lengths, padded and cropped, along each axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.testing.strategies.operands import FLOATS, INEXACT, calls


def _calls_of(name: str, dtypes: Any) -> None:
    function: Any = getattr(np.fft, name)
    calls(
        name,
        (function, (4,)),
        (function, (3,)),
        (lambda x: function(x, 5, 0), (2, 3)),
        (lambda x: function(x, 6, 0, "forward"), (3, 2)),
        (lambda x: function(x, 3, norm="ortho"), (2, 4)),
        (lambda x: function(x, 2, norm="forward"), (3,)),
        (lambda x: function(x, 1, axis=-2), (2, 2)),
        (lambda x: function(x, 4), (0, 3)),
        dtypes=dtypes,
    )


_calls_of("fft", INEXACT)
_calls_of("ifft", INEXACT)
_calls_of("rfft", FLOATS)
_calls_of("irfft", INEXACT)
