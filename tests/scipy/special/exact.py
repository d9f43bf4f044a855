"""Derivatives judged to a few units in the last place, by mpmath at many digits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np

import functrans as ft

EPS = 2.0**-53


def derivative(exact: Callable[..., Any], x: float, order: int) -> Any:
    with mpmath.workdps(100):
        step = mpmath.mpf(10) ** -20 * (abs(x) or 1)
        return mpmath.diff(exact, mpmath.mpf(float(x)), order, h=step)


def check_exact(
    f: Callable[..., Any],
    exact: Callable[..., Any],
    points: Sequence[float],
    orders: Sequence[int] = (1, 2),
    ulps: float = 12.0,
    conditioned: bool = True,
) -> None:
    """The derivatives of ``f`` are those of ``exact``.

    The error is at most so many units in the last place, and as much again as moving ``x`` by so many would make.
    """
    for order in orders:
        g = f
        for _ in range(order):
            g = ft.elementwise_grad(g)
        with np.errstate(all="ignore"):
            found = g(np.array(points, float))
        for x, value in zip(points, found, strict=True):
            expected = derivative(exact, x, order)
            allowed = ulps * EPS * abs(expected)
            if conditioned:
                allowed += ulps * EPS * abs(x * derivative(exact, x, order + 1))
            error = abs(mpmath.mpf(float(value)) - expected)
            assert error <= allowed, f"order {order} at {x}: {value} is not {mpmath.nstr(expected, 20)}"
