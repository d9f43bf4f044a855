"""Recipes for the primitives of ``scipy.integrate``."""

from __future__ import annotations

from typing import Any

import numpy as np

import functrans.scipy.integrate as integrate
from functrans.testing.strategies.entries import Draw
from functrans.testing.strategies.operands import FLOATS, calls


def _places(count: int) -> Any:
    """Places in rising order, far from one another."""

    def made(draw: Draw) -> Any:
        return (np.arange(count) + 0.2 * draw((count,), place=1)).astype(draw.dtype)

    return made


for _name in ("trapezoid", "simpson", "cumulative_trapezoid", "cumulative_simpson"):
    _f: Any = getattr(integrate, _name)
    if _name != "cumulative_simpson":  # a composite, where places are given
        calls(
            f"scipy.integrate.{_name}",
            (lambda y, x, f=_f: f(y, x=x), (2, 5), _places(5)),
            (lambda y, x, f=_f: f(y, x=x, axis=0), (4, 2), _places(4)),
            dtypes=FLOATS,
        )
    calls(
        f"scipy.integrate.{_name}_steps",
        (lambda y, h, f=_f: f(y, dx=h), (2, 5), ()),
        (lambda y, h, f=_f: f(y, dx=h, axis=0), (4, 2), ()),
        dtypes=FLOATS,
    )
calls(
    "scipy.integrate.romb_steps",
    (integrate.romb, (2, 5), ()),
    (lambda y, h: integrate.romb(y, h, 0), (3, 2), ()),
    dtypes=FLOATS,
)
