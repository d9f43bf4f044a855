"""``scipy.signal``, as far as functrans covers it: with plain arguments the functions are SciPy's.

Example:
    >>> import numpy as np
    >>> import functrans as ft
    >>> import functrans.scipy.signal as signal
    >>> x = np.array([1.0, 0.0, 0.0])
    >>> ft.grad(lambda pole: signal.lfilter([1.0], np.stack([1.0, -pole]), x)[2])(0.5)
    1.0
"""

from typing import TYPE_CHECKING

from functrans.scipy.covering import namespace
from functrans.scipy.signal import convolution as convolution_
from functrans.scipy.signal import filtering as filtering_
from functrans.scipy.signal import linear_maps as linear_maps_
from functrans.scipy.signal import spectra as spectra_

__all__ = ["convolution_", "filtering_", "linear_maps_", "spectra_"]
if TYPE_CHECKING:
    from scipy.signal import *  # noqa: F403

__getattr__, __dir__ = namespace("scipy.signal")
