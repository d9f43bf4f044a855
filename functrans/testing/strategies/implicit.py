"""Recipes for implicit differentiation: linear systems, far from singular ones.

What holds the value that a solver found does not follow its operands, so that no law is about it alone.
"""

from __future__ import annotations

import functrans as ft
from functrans.testing.strategies.operands import calls

calls(
    "linear_solve",
    (lambda a, b: ft.implicit.linear_solve(lambda x: 3 * x + 0.1 * (a @ x), b), (2, 2), (2,)),
    (
        lambda a, b: ft.custom_linear_solve(
            lambda x: (3 * x[0] + 0.1 * (a * x[0]), x[1]), (b, b), lambda f, b: (b[0] / f((1.0, 1.0))[0], b[1])
        ),
        (),
        (),
    ),
    dtypes=("float64",),
)
