"""SciPy's optimizers with derivatives filled in: ``minimize``, ``least_squares``, ``root``.

The names, the order of arguments and the results are those of ``scipy.optimize``; gradients, Jacobians, Hessians and
products with Hessians come from functrans where a method can use them and none were given. What is looked for may be
any pytree of arrays and numbers.

Needs SciPy: ``pip install 'functrans[scipy]'``.

Example:
    >>> import functrans as ft
    >>> import numpy as np
    >>> found = ft.optimize.minimize(lambda p: (p["x"] - 3) ** 2 + np.sum(p["y"] ** 2), {"x": 0.0, "y": np.ones(2)})
    >>> found.success, round(found.x["x"], 6), found.x["y"].shape
    (True, 3.0, (2,))
"""

from functrans.optimize.minima import minimize as minimize
from functrans.optimize.roots import root as root
from functrans.optimize.squares import least_squares as least_squares

__all__ = ["least_squares", "minimize", "root"]


def __dir__() -> list[str]:
    return list(__all__)
