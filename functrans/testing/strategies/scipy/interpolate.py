"""Recipes for the primitives of ``scipy.interpolate``: knots far from one another, points off the knots."""

from __future__ import annotations

from typing import Any

import numpy as np

import functrans.scipy.interpolate as interpolate
from functrans.primitives import lookup
from functrans.testing.strategies.entries import Draw
from functrans.testing.strategies.operands import calls
from functrans.tracing.bind import bind

_DOUBLE = ("float64",)


def _knots(count: int) -> Any:
    return lambda draw: np.arange(float(count)) + 0.1 * draw.inside()((count,), place=1)


def _values(*shape: int) -> Any:
    return lambda draw: draw.inside()(shape)


def _points(*places: float) -> Any:
    return lambda draw: np.array(places) + 0.1 * draw.inside()((len(places),), place=2)


def _made(name: str, **params: Any) -> Any:
    return lambda *operands: bind(lookup(f"scipy.interpolate.{name}"), *operands, **params)


def _uneven(count: int) -> Any:
    """Values that change by much, by different amounts."""

    def made(draw: Draw) -> Any:
        return np.array([0.0, 1.0, -0.6, 1.9, 2.5])[:count] + 0.05 * draw.inside()((count,))

    return made


_FREE = ("not-a-knot", "not-a-knot")
calls(
    "scipy.interpolate.CubicSpline",
    (_made("CubicSpline", bc=_FREE), _knots(5), _values(5)),
    (_made("CubicSpline", bc=_FREE), _knots(3), _values(3, 2)),
    (_made("CubicSpline", bc=((1, 0.5), (2, 0.0))), _knots(4), _values(4)),
    dtypes=_DOUBLE,
)
calls(
    "scipy.interpolate.CubicHermiteSpline",
    (_made("CubicHermiteSpline"), _knots(4), _values(4), _values(4)),
    dtypes=_DOUBLE,
)
calls("scipy.interpolate.PchipInterpolator", (_made("PchipInterpolator"), _knots(5), _uneven(5)), dtypes=_DOUBLE)
calls(
    "scipy.interpolate.Akima1DInterpolator",
    *[(_made("Akima1DInterpolator", method=method), _knots(5), _uneven(5)) for method in ("akima", "makima")],
    dtypes=_DOUBLE,
)
calls(
    "scipy.interpolate.PPoly",
    (lambda c, x, at: interpolate.PPoly(c, x)(at), _values(3, 2), _knots(3), _points(0.5, 1.5, -0.5)),
    (lambda c, x, at: interpolate.PPoly(c, x)(at, 1), _values(3, 2, 2), _knots(3), _points(0.5, 1.5)),
    dtypes=_DOUBLE,
)
calls(
    "scipy.interpolate.BSpline",
    (lambda t, c, at: interpolate.BSpline(t, c, 2)(at), _knots(7), _values(4), _points(2.5, 3.5)),
    (lambda t, c, at: interpolate.BSpline(t, c, 2)(at, 1), _knots(7), _values(4, 2), _points(2.5, 3.5)),
    dtypes=_DOUBLE,
)
calls(
    "scipy.interpolate.interp1d",
    (lambda x, y, at: interpolate.interp1d(x, y, fill_value="extrapolate")(at), _knots(3), (3,), _points(0.5, 2.6)),
    dtypes=_DOUBLE,
)


def _on_grid(values: Any, at: Any, *grid: Any) -> Any:
    return interpolate.RegularGridInterpolator(grid, values, bounds_error=False, fill_value=None)(at)


calls(
    "scipy.interpolate.RegularGridInterpolator",
    (
        _on_grid,
        _values(3, 2),
        lambda draw: np.array([[0.5, 0.4], [1.5, 0.6]]) + 0.1 * draw.inside()((2, 2), place=1),
        *(_knots(3), _knots(2)),
    ),
    dtypes=_DOUBLE,
)
