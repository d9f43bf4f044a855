"""``scipy.integrate``, as far as functrans covers it: with plain arguments the functions are SciPy's.

Example:
    >>> import numpy as np
    >>> import functrans as ft
    >>> from functrans.scipy.integrate import quad
    >>> round(ft.grad(lambda a: quad(lambda x: np.exp(-a * x), 0.0, 1.0)[0])(1.0), 6)
    -0.264241
    >>> round(ft.grad(lambda b: quad(np.exp, 0.0, b)[0])(1.0), 6)  # the integrand at the end
    2.718282
"""

from typing import TYPE_CHECKING

from functrans.scipy.covering import namespace
from functrans.scipy.integrate import adaptive as adaptive
from functrans.scipy.integrate import differential as differential
from functrans.scipy.integrate import samples as samples

if TYPE_CHECKING:
    from scipy.integrate import *  # noqa: F403

__getattr__, __dir__ = namespace("scipy.integrate")
