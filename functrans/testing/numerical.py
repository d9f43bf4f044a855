"""The judge: numerical derivatives with an estimate of their error, independent of every derivative rule."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from functrans import tree
from functrans.testing.compare import double, flat
from functrans.testing.differences import EPS, Ladder, Limit, Line, Vector, ladder, moved

#: An estimate is good enough to judge by where its error is below this part of the largest entry of the output,
RELATIVE = 1e-6
#: or below this part of what the function's values and arguments suggest for a slope.
ABSOLUTE = 1e-9
#: or below this part of the direction: such a slope is what rounding makes of zero.
NOTHING = 1e-13


class Undecided(Exception):  # noqa: N818 (no error of anybody: the judge abstains)
    """The numerical derivative is not good enough to judge: a kink, a jump or noise is near."""


class Estimate(NamedTuple):
    """A numerical derivative, as a flat vector; what it may be wrong by; and the method."""

    value: Vector
    error: float
    method: str


class Judgement(NamedTuple):
    """A numerical derivative, entry by entry."""

    value: Vector
    #: What each entry may be wrong by.
    error: Vector
    #: The size that rounding in each entry is measured by: no smaller than the largest entry of the same output.
    natural: Vector
    #: Where the estimate is good enough to judge by.
    decided: Vector
    #: By how much the slope to the right exceeds that to the left; zero where the function is smooth.
    jump: Vector
    method: str


def richardson(
    f: Callable[..., Any], point: Sequence[Any], direction: Sequence[Any], largest: float = 2.0**-6, levels: int = 7
) -> Estimate:
    """The derivative of ``f`` at ``point`` in a direction by central differences, and an estimate of its error.

    Their steps are ``largest`` and its halves; they are extrapolated to step zero.
    """
    with np.errstate(all="ignore"):
        slope = ladder(Line(f, point, direction), largest, levels).slope
    return Estimate(slope.value, float(np.max(slope.error, initial=0.0)), "Richardson")


def complex_step(
    f: Callable[..., Any], point: Sequence[Any], direction: Sequence[Any], unit: float = 1.0
) -> np.ndarray[Any, Any]:
    """The derivative of a real-analytic ``f`` that computes with complex numbers too, to full precision.

    Source: Squire and Trapp, Using complex variables to estimate derivatives of real functions. SIAM Rev. 40 (1998).
    """
    step = 2.0**-100 * unit
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        return flat(f(*moved(double(tuple(point)), double(tuple(direction)), step * 1j))).imag / step


def derivative(f: Callable[..., Any], point: Sequence[Any], direction: Sequence[Any]) -> Estimate:
    """``d/dt f(point + t direction)`` at ``t = 0``, computed in double precision.

    Raises:
        Undecided: it cannot be told well enough.
    """
    found = judge(f, point, direction)
    if not np.all(found.decided):
        raise Undecided
    return Estimate(found.value, float(np.max(found.error, initial=0.0)), found.method)


def judge(f: Callable[..., Any], point: Sequence[Any], direction: Sequence[Any], rounding: float = EPS) -> Judgement:
    """``d/dt f(point + t direction)`` at ``t = 0``, computed in double precision, entry by entry.

    ``rounding`` is that of the coarsest dtype that ``f`` computes in, where its results do not tell.

    Differences are taken with steps of several sizes, which start from the size of the arguments that move; none is
    trusted that no other confirms. Where the function computes with complex numbers too, and agrees so far, the complex
    step says the rest.
    """
    point, direction = double(tuple(point)), double(tuple(direction))
    with np.errstate(all="ignore"):
        line = Line(f, point, direction)
        line.epsilon = np.maximum(line.epsilon, rounding)
        relative, absolute = np.maximum(RELATIVE, np.sqrt(line.epsilon)), np.maximum(ABSOLUTE, 2.0**8 * line.epsilon)
        units = _units(flat(point), flat(direction))
        natural, least = _natural(line, units), NOTHING * _speed(flat(direction))
        ladders: list[Ladder] = []
        exact: Vector | None = None
        for largest, levels in _starts(units):
            ladders.append(ladder(line, largest, levels))
            if len(ladders) == 1:
                continue
            slope, jump, scale = _agreed(line, ladders)
            if len(ladders) == 2:
                exact = _exact(line, units[0])
            found = _sharpened(slope, exact, relative * scale)
            good = found.error <= np.maximum(np.maximum(relative * scale, absolute * natural), least)
            # A function may feel no step that is small beside its other numbers: zero is believed at every scale.
            if np.all(good) and (len(ladders) >= 2 * len(units) or np.all(slope.value)):
                break
    kinked = ~good & (np.abs(jump.value) > 8 * jump.error)
    return Judgement(
        found.value,
        found.error,
        np.maximum(scale, natural),
        good,
        np.where(kinked, jump.value, 0.0),
        "Richardson" if found is slope else "complex step",
    )


def _speed(direction: Vector) -> float:
    return float(np.max(np.abs(direction), initial=0.0)) or 1.0


def _units(x: Vector, direction: Vector) -> list[float]:
    """By how much ``t`` changes the arguments as a whole, in powers of two: by the entries that move, by all, by 1."""
    speed = _speed(direction)
    sizes = (np.max(np.abs(x[direction != 0]), initial=0.0), np.max(np.abs(x), initial=0.0), 1.0)
    units: list[float] = []
    for size in sizes:
        unit = float(size) / speed
        if 0.0 < unit < np.inf:
            # So that the usual arguments, of some hundredths to some tens, are moved by the same steps.
            near = 1.0 if 2.0**-4 <= unit <= 2.0**4 else 2.0 ** round(float(np.log2(unit)))
            if near not in units:
                units.append(near)
    return units


def _natural(line: Line, units: Sequence[float]) -> Vector:
    """The slope at which values would change as a whole while the arguments do; or do nearby, if that is steeper."""
    step = 2.0**-6 * units[0]
    near = np.fmax(np.abs(line.at(step) - line.middle), np.abs(line.at(-step) - line.middle)) / step
    return np.maximum(line.leafwise(np.abs(line.middle)) / max(units), line.leafwise(near))


def _starts(units: Sequence[float]) -> Iterator[tuple[float, int]]:
    """Steps to begin with, and how many: where most functions are smooth; then closer; then farther, over noise."""
    yield 2.0**-6 * units[0], 7
    yield 2.0**-11 * units[0], 3
    for unit in units[1:]:
        yield 2.0**-6 * unit, 7
        yield 2.0**-11 * unit, 3
    for exponent in (-16, -24, -32, -40, -48):
        yield 2.0**exponent * units[0], 5
    for unit in units:
        yield unit, 7
    yield 2.0**4 * units[0], 7


def _agreed(line: Line, ladders: Sequence[Ladder]) -> tuple[Limit, Limit, Vector]:
    """Of several ladders the one with the smallest error, entry by entry; and the scale of each output's slopes.

    An error is no smaller than what the best of the others says of it: a thousandth of its own error if they agree
    within their errors, else the difference. Where two disagree, the one with the larger steps may have stepped over
    something; but where the smaller steps see no slope at all, they may be too small to be felt, and both are in doubt.
    """
    errors = []
    for one in ladders:
        doubt: Any = np.inf
        error = one.slope.error
        for other in ladders:
            if other is not one:
                apart = np.abs(one.slope.value - other.slope.value)
                agree = ~(apart > one.slope.error + other.slope.error)
                doubt = np.minimum(doubt, np.where(agree, 2.0**-10 * other.slope.error, apart))
                finer, coarser = (one.slope, other.slope) if one.largest < other.largest else (other.slope, one.slope)
                blind = (np.abs(finer.value) <= finer.error) & (8 * coarser.error < np.abs(coarser.value))
                error = np.maximum(error, np.where(agree | ~(blind | (finer is other.slope)), 0.0, apart))
        errors.append(np.maximum(error, doubt))
    best = np.argmin(errors, axis=0)[None]

    def pick(rows: Sequence[Vector]) -> Vector:
        picked: Vector = np.take_along_axis(np.stack(rows), best, 0)[0]
        return picked

    slope = Limit(pick([each.slope.value for each in ladders]), pick(errors))
    jump = Limit(pick([each.jump.value for each in ladders]), pick([each.jump.error for each in ladders]))
    return slope, jump, line.leafwise(np.abs(slope.value))


def _exact(line: Line, unit: float) -> Vector | None:
    """The derivative by complex step, if the function takes complex numbers."""
    if any(np.iscomplexobj(leaf) for leaf in tree.flatten((line.point, line.middle))[0]):
        return None
    try:
        exact = complex_step(line.f, line.point, line.direction, unit)
    except Exception:  # it takes none, in whatever way it says so
        return None
    return exact if exact.shape == line.middle.shape else None


def _sharpened(slope: Limit, exact: Vector | None, felt: Vector) -> Limit:
    """The derivative by complex step, where that computes the same function: where both agree, and agreeing says much.

    Where the error is not below ``felt``, the estimate stays: what agrees with it may be noise, or one side of a kink.
    """
    if exact is None or not np.all(np.abs(exact - slope.value) <= slope.error):
        return slope
    telling = slope.error <= felt
    if not np.any(telling) and exact.size:
        return slope
    error = np.maximum(2.0**-10 * slope.error, 2.0**-48 * np.abs(exact))
    return Limit(np.where(telling, exact, slope.value), np.where(telling, error, slope.error))


def surroundings(f: Callable[..., Any], point: Sequence[Any], direction: Sequence[Any]) -> str:
    """Why a derivative may be undecided: what the function does next to a point."""
    point, direction = double(tuple(point)), double(tuple(direction))
    with np.errstate(all="ignore"):
        line = Line(f, point, direction)
        unit = _units(flat(point), flat(direction))[0]
        close, closer = 2.0**-24 * unit, 2.0**-36 * unit
        if not np.all(np.isfinite(line.middle)):
            return "the function is not finite there"
        sides = [name for name, t in (("left", -closer), ("right", closer)) if not np.all(np.isfinite(line.at(t)))]
        if sides:
            return f"the function is not finite to the {' and the '.join(sides)}"
        for side in (1.0, -1.0):
            near, nearer = np.abs(line.at(side * close) - line.middle), np.abs(line.at(side * closer) - line.middle)
            felt = nearer > 2.0**6 * line.epsilon * (np.abs(line.middle) + np.abs(line.at(side * closer)))
            beside = np.stack(
                [line.at(side * closer * part) - line.middle for part in np.linspace(0.6, 1.0, 9).tolist()]
            )
            low, high = np.min(beside, axis=0), np.max(beside, axis=0)
            steady = (low * high > 0) & (np.maximum(np.abs(low), np.abs(high)) < 1.6 * np.minimum(abs(low), abs(high)))
            if np.any(felt & steady & (nearer > 0.5 * near)):
                return "the function jumps there"
            if np.any(felt & steady & (nearer > 2.0**-9 * near)):
                return "the slope grows beyond all bounds there"
        return "the function is too noisy to tell, or has a kink or a jump very near"
