"""Recipes for the primitives of :mod:`functrans.ops.differences` and :mod:`functrans.ops.covariance`."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.testing.strategies.entries import Draw
from functrans.testing.strategies.operands import INEXACT, Operands, calls, register


def _line(n: int) -> Any:
    """Coordinates: apart, or all steps alike."""

    def made(draw: Draw) -> Any:
        real = np.zeros((), draw.dtype).real.dtype
        x = np.arange(n) * 0.75 + (0 if draw.choice((False, True)) else 0.25 * np.sin(np.arange(n)))
        return x.astype(real)

    return made


def _step(draw: Draw) -> Any:
    return np.zeros((), draw.dtype).real.dtype.type(0.75)


calls(
    "gradient",
    (np.gradient, (4,), _line(4)),
    (lambda f, x: np.gradient(f, x, axis=0, edge_order=2), (3, 2), _line(3)),
    (lambda f, x: np.gradient(f, x, axis=1), (2, 3), _line(3)),
    (lambda f, x: np.gradient(f, x, axis=1, edge_order=2), (2, 4), _line(4)),
    (lambda f, h: np.gradient(f, h, axis=-1), (2, 3), _step),
    (lambda f, h: np.gradient(f, h, edge_order=2), (4,), _step),
    (np.gradient, (2,), _line(2)),
    dtypes=INEXACT,
)


def _correlations(draw: Draw) -> Operands:
    draw.dtype = draw.choice(INEXACT)
    shape = draw.choice([(2, 2), (3,), (), (0, 0)])
    return [np.multiply(0.5, draw(shape, (-1.0, 1.0)), dtype=draw.dtype)[()]], {}


register("within_one", _correlations)
