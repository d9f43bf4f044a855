"""``scipy.interpolate``, as far as functrans covers it: SciPy's interpolants, of traced values, at traced points.

Example:
    >>> import numpy as np
    >>> import functrans as ft
    >>> from functrans.scipy.interpolate import CubicSpline
    >>> knots = np.linspace(0.0, 3.0, 4)
    >>> round(ft.grad(CubicSpline(knots, knots**3))(1.5), 6)
    6.75
    >>> ft.grad(lambda y: CubicSpline(knots, y, bc_type="natural")(1.5))(knots)
    array([-0.075,  0.575,  0.575, -0.075])
"""

from typing import TYPE_CHECKING

from functrans.scipy.covering import namespace
from functrans.scipy.interpolate import grids as grids
from functrans.scipy.interpolate import splines as splines

if TYPE_CHECKING:
    from scipy.interpolate import *  # noqa: F403

__getattr__, __dir__ = namespace("scipy.interpolate")
