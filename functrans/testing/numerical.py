"""The judge: numerical derivatives with an estimate of their error, independent of every derivative rule."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from functrans import tree
from functrans.testing.compare import double, flat, scale


class Undecided(Exception):  # noqa: N818 (no error of anybody: the judge abstains)
    """The numerical derivative is not good enough to judge: a kink, a jump or noise is near."""


class Estimate(NamedTuple):
    """A numerical derivative, as a flat vector; what it may be wrong by; and the method."""

    value: np.ndarray[Any, Any]
    error: float
    method: str


def moved(point: Sequence[Any], direction: Sequence[Any], step: complex) -> list[Any]:
    """``point + step * direction``, over trees."""
    return [tree.map(lambda x, dx: x + step * dx, x, dx) for x, dx in zip(point, direction, strict=True)]


def richardson(
    f: Callable[..., Any], point: Sequence[Any], direction: Sequence[Any], largest: float = 2.0**-6, levels: int = 7
) -> Estimate:
    """The derivative of ``f`` at ``point`` in a direction, and an estimate of its error.

    Central differences with halved steps, extrapolated to step zero: the error has even powers of the step alone.

    Source: Ridders, Accurate computation of F'(x) and F'(x)F''(x). Adv. Eng. Software 4 (1982).
    """
    rows: list[list[np.ndarray[Any, Any]]] = []
    best, error = np.zeros(0), np.inf
    with np.errstate(all="ignore"):
        for level in range(levels):
            step = largest * 2.0**-level
            difference = flat(f(*moved(point, direction, step))) - flat(f(*moved(point, direction, -step)))
            row = [difference / (2 * step)]
            for order in range(level):
                row.append(row[order] + (row[order] - rows[-1][order]) / (4.0 ** (order + 1) - 1))
            for order in range(1, level + 1):
                estimate = max(
                    np.max(np.abs(row[order] - row[order - 1]), initial=0.0),
                    np.max(np.abs(row[order] - rows[-1][order - 1]), initial=0.0),
                )
                if estimate < error:
                    best, error = row[order], float(estimate)
            rows.append(row)
    # Never better than the rounding of the difference itself.
    return Estimate(best, error + 1e-14 * scale(best) / largest, "Richardson")


def complex_step(f: Callable[..., Any], point: Sequence[Any], direction: Sequence[Any]) -> np.ndarray[Any, Any]:
    """The derivative of a real-analytic ``f`` that computes with complex numbers too, to full precision.

    Source: Squire and Trapp, Using complex variables to estimate derivatives of real functions. SIAM Rev. 40 (1998).
    """
    step = 1e-30
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        return flat(f(*moved(double(tuple(point)), double(tuple(direction)), step * 1j))).imag / step


def derivative(f: Callable[..., Any], point: Sequence[Any], direction: Sequence[Any]) -> Estimate:
    """``d/dt f(point + t direction)`` at ``t = 0``, computed in double precision.

    Raises:
        Undecided: it cannot be told well enough.
    """
    point, direction = double(tuple(point)), double(tuple(direction))
    found = richardson(f, point, direction)
    closer = richardson(f, point, direction, 2.0**-11, 3)
    large = scale(found.value)
    # A jump nearby fools one of them, but not both alike.
    if not (
        found.error < 1e-6 * large
        and np.max(np.abs(found.value - closer.value), initial=0.0) <= found.error + closer.error + 1e-6 * large
    ):
        raise Undecided
    real = not any(np.iscomplexobj(leaf) for leaf in tree.flatten((point, found.value))[0])
    return sharpened(f, point, direction, found) if real else found


def sharpened(f: Callable[..., Any], point: Sequence[Any], direction: Sequence[Any], found: Estimate) -> Estimate:
    """The derivative by complex step, where that computes the same function: where both agree."""
    try:
        exact = complex_step(f, point, direction)
    except Exception:  # the function takes no complex numbers, in whatever way it says so
        return found
    if exact.shape != found.value.shape or not np.max(np.abs(exact - found.value), initial=0.0) <= found.error:
        return found
    return Estimate(exact, 1e-3 * found.error, "complex step")
