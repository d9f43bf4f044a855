"""Recipes for convolutions, interpolation, polynomials and NumPy's special functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.primitives import lookup
from functrans.testing.strategies.entries import Draw
from functrans.testing.strategies.operands import FLOATS, INEXACT, Operands, calls, register
from functrans.tracing.bind import bind

for _name, _f in {"convolve": np.convolve, "correlate": np.correlate}.items():
    calls(
        _name,
        *[
            (lambda a, v, f=_f, mode=mode: f(a, v, mode), (m,), (n,))
            for mode in ("full", "same", "valid")
            for m, n in ((4, 2), (2, 5), (3, 3))
        ],
    )


def _rows(a: Any, v: Any, mode: str = "full") -> Any:
    return bind(lookup("convolve_rows"), a, v, mode=mode)


calls(
    "convolve_rows",
    (_rows, (2, 4), (2, 2)),
    (lambda a, v: _rows(a, v, "same"), (2, 3), (4,)),
    (lambda a, v: _rows(a, v, "valid"), (2,), (2, 1, 5)),
    (_rows, (18,), (2, 17)),
)


def _knots(draw: Draw) -> Any:
    return np.cumsum(0.5 + np.abs(draw((4,)))).astype(draw.dtype)


calls(
    "interp",
    (np.interp, (5,), _knots, (4,)),
    (np.interp, (2, 2), _knots, (4,)),
    (np.interp, (), _knots, (4,)),
    (lambda x, xp, fp: np.interp(x, xp, fp, period=3.0), (3,), _knots, (4,)),
    (np.interp, (3,), lambda draw: draw((1,), place=1), (1,)),
    dtypes=FLOATS,
)


def _in_order(name: str, *shapes: tuple[int, ...]) -> Any:
    def recipe(draw: Draw) -> Operands:
        draw.dtype = draw.choice(INEXACT if name == "sinc_derivative" else FLOATS)
        return [draw(draw.choice(shapes))], {"order": draw.choice((1, 2, 3))}

    return recipe


for _name in ("sinc_derivative", "i0_derivative"):
    register(_name, _in_order(_name, (3,), (), (2, 2), (2, 0)))
calls(
    "vander",
    (np.vander, (3,)),
    (lambda x: np.vander(x, 2, increasing=True), (2,)),
    (lambda x: np.vander(x, 1), (2,)),
)
calls(
    "polyval",
    (np.polyval, (3,), (2,)),
    (np.polyval, (4,), ()),
    (np.polyval, (1,), (2, 2)),
    (np.polyval, (3, 2), (2, 1)),
    (np.polyval, (2, 1, 2), (3, 1)),
)


def _divided(u: Any, v: Any) -> Any:
    return bind(lookup("polydiv"), u, v)


def _divisor(*shape: int) -> Any:
    """Coefficients with a first one far from zero."""
    return lambda draw: (0.3 * draw(shape, place=1) + (np.arange(shape[-1]) == 0)).astype(draw.dtype)


calls(
    "polydiv",
    (_divided, (4,), _divisor(2)),
    (_divided, (3,), _divisor(3)),
    (_divided, (2, 4), _divisor(2)),
    (_divided, (4,), _divisor(2, 1)),
)


def _roots(draw: Draw) -> Operands:
    draw.dtype = draw.choice(("float64", "complex128"))
    apart = np.array([1.0, -0.5, 2.0, 3.0])
    return [apart + 0.1 * draw((4,))], {"count": 3, "dtype": np.dtype(np.complex128)}


register("roots", _roots)
