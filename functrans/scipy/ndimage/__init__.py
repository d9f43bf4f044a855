"""``scipy.ndimage``, as far as functrans covers it: with plain arguments the functions are SciPy's.

Example:
    >>> import numpy as np
    >>> import functrans as ft
    >>> import functrans.scipy.ndimage as ndimage
    >>> ft.grad(lambda x: ndimage.uniform_filter(x, 3)[0])(np.ones(4))
    array([0.66666667, 0.33333333, 0.        , 0.        ])
"""

from typing import TYPE_CHECKING

from functrans.scipy.covering import namespace
from functrans.scipy.ndimage import filters as filters
from functrans.scipy.ndimage import geometry as geometry
from functrans.scipy.ndimage import measurements as measurements
from functrans.scipy.ndimage import selections as selections
from functrans.scipy.ndimage import smoothing as smoothing
from functrans.scipy.ndimage import splines as splines

if TYPE_CHECKING:
    from scipy.ndimage import *  # noqa: F403

__getattr__, __dir__ = namespace("scipy.ndimage")
