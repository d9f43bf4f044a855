"""``scipy.fft``, as far as functrans covers it: with plain arguments the functions are SciPy's.

Example:
    >>> import numpy as np
    >>> import functrans as ft
    >>> import functrans.scipy.fft as fft
    >>> ft.grad(lambda x: np.sum(fft.dct(x) ** 2))(np.ones(2))
    array([16., 16.])
"""

from typing import TYPE_CHECKING

from functrans.scipy.covering import namespace
from functrans.scipy.fft import transforms as transforms

if TYPE_CHECKING:
    from scipy.fft import *  # noqa: F403

__getattr__, __dir__ = namespace("scipy.fft")
