"""Differences of a function along a line, with halved steps, extrapolated to step zero."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from functrans import tree
from functrans.ir.spec import ArraySpec
from functrans.testing.compare import epsilon, flat

Vector = np.ndarray[Any, Any]
EPS = 2.0**-52


def moved(point: Sequence[Any], direction: Sequence[Any], step: complex) -> list[Any]:
    """``point + step * direction``, over trees."""
    return [tree.map(lambda x, dx: x + step * dx, x, dx) for x, dx in zip(point, direction, strict=True)]


class Line:
    """A function along a line: ``f(point + t direction)``, each ``t`` computed once, as a flat vector."""

    __slots__ = ("_cache", "direction", "epsilon", "f", "middle", "point", "sizes")

    def __init__(self, f: Callable[..., Any], point: Sequence[Any], direction: Sequence[Any]) -> None:
        self.f, self.point, self.direction = f, point, direction
        out = f(*point)
        self.middle = flat(out)
        leaves = [leaf for leaf in tree.flatten(out)[0] if ArraySpec.of(leaf).dtype.kind in "fc"]
        #: The number of entries of each output, and the rounding in each entry.
        self.sizes = [int(np.size(leaf)) for leaf in leaves]
        self.epsilon: Any = EPS
        if any(ArraySpec.of(leaf).dtype.itemsize < 8 or ArraySpec.of(leaf).dtype == "c8" for leaf in leaves):
            self.epsilon = np.repeat([epsilon(leaf) for leaf in leaves], self.sizes)
        self._cache: dict[float, Vector] = {}

    def at(self, t: float) -> Vector:
        """The value at ``t``; NaN where the function has none, or one of another size."""
        found = self._cache.get(t)
        if found is None:
            try:
                found = flat(self.f(*moved(self.point, self.direction, t)))
            except (ArithmeticError, ValueError):  # outside of the domain, or a singular matrix
                found = np.full(self.middle.shape, np.nan)
            if found.shape != self.middle.shape:
                found = np.full(self.middle.shape, np.nan)
            self._cache[t] = found
        return found

    def leafwise(self, largest: Vector) -> Vector:
        """The largest finite number of each output, for each of its entries."""
        finite = np.where(np.isfinite(largest), largest, 0.0)
        if len(self.sizes) < 2:
            return np.full(finite.shape, np.max(finite, initial=0.0))
        parts = np.split(finite, np.cumsum(self.sizes)[:-1])
        return np.concatenate([np.full(part.shape, np.max(part, initial=0.0)) for part in parts])


class Limit(NamedTuple):
    """What a sequence tends to, entry by entry, and what that may be wrong by."""

    value: Vector
    error: Vector


def extrapolated(rows: Vector, steps: Vector, noise: Vector, powers: Sequence[int]) -> Limit:
    """The limit of quantities known at steps that are halved from row to row.

    Args:
        rows: one row for each step.
        steps: a column of them.
        noise: the least that rounding may do to each entry, times the step.
        powers: those of the step in the error, from the first on.

    Each extrapolation is compared with the two that it is made of and with the one before it, from a step more; the
    one that differs least from these is taken, and the largest of the differences is its error. What rounding may do is
    added: no less than it seems to do at the smallest steps, where the rest has died away.

    Source: Ridders, Accurate computation of F'(x) and F'(x)F''(x). Adv. Eng. Software 4 (1982).
    """
    values, errors = [], []
    column = rows
    for order in range(1, len(rows) - 1):
        finer, coarser = column[1:], column[:-1]
        better = finer + (finer - coarser) / (2.0 ** powers[order - 1] - 1)
        difference = np.maximum(np.abs(better - finer), np.abs(better - coarser))[1:]
        change = np.abs(better[1:] - better[:-1])
        values.append(better[1:])
        errors.append(np.maximum(difference, change))
        if order == len(rows) // 2:
            felt = (change * steps[order + 1 :])[-3:]
            # Some times that: so few samples of noise may be small by accident.
            noise = np.fmax(noise, np.max(felt, axis=0) * (4.0 if len(felt) > 1 else 16.0))
        column = better
    noise = noise / steps
    error = np.concatenate([each + noise[-len(each) :] for each in errors])
    every = np.concatenate(values)
    error[np.isnan(error)] = np.inf
    best = np.argmin(error, axis=0)[None]
    return Limit(np.take_along_axis(every, best, 0)[0], np.take_along_axis(error, best, 0)[0])


_EVEN, _ODD = range(2, 64, 2), range(1, 64, 2)


class Ladder(NamedTuple):
    """What differences with halved steps say: the slope, and how much it changes at the point itself."""

    slope: Limit
    jump: Limit
    largest: float


def ladder(line: Line, largest: float, levels: int) -> Ladder:
    """Differences to both sides, extrapolated to step zero.

    The central difference has even powers of the step alone in its error. The second difference, divided by the step,
    has odd ones, and tends to zero where the function is smooth.
    """
    steps = largest * 2.0 ** -np.arange(float(levels))[:, None]
    above = np.stack([line.at(t) for t in steps[:, 0].tolist()])
    below = np.stack([line.at(-t) for t in steps[:, 0].tolist()])
    noise = 2 * line.epsilon * (np.abs(above) + np.abs(below))
    slope = extrapolated((above - below) / (2 * steps), steps, noise, _EVEN)
    jump = extrapolated((above - line.middle + (below - line.middle)) / steps, steps, 2 * noise, _ODD)
    # At a kink the central difference is the middle of the slopes to both sides.
    kink = np.where(np.abs(jump.value) > 8 * jump.error, np.abs(jump.value), 0.0)
    return Ladder(Limit(slope.value, np.maximum(slope.error, kink)), jump, largest)
