"""``plot``: a function of one number and its derivatives, as curves."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.errors import (
    DerivativeError,
    FunctransError,
    NonScalarOutputError,
    describe_function,
)
from functrans.frames import boundary
from functrans.transforms.higher import derivative
from functrans.transforms.vmap import vmap
from functrans.viz.extras import need

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: For the function, its first derivative, ...: apart in hue and in lightness, readable on white and on black.
COLORS = ("#4f7df0", "#e4572e", "#e8a317", "#1b9e77", "#9c6bd3", "#8a94a6")


@boundary
def plot(
    f: Callable[..., Any],
    low: float,
    high: float,
    *,
    order: int = 1,
    points: int = 401,
    at: float | None = None,
    labels: Sequence[str] | None = None,
    ax: Axes | None = None,
    **style: Any,
) -> Axes:
    """Draw a function of one number and its derivatives up to ``order`` between ``low`` and ``high``.

    All points are computed at once (:func:`functrans.vmap`); one after the other where ``f`` asks for the truth of
    its argument. Values that are not finite leave gaps, and no line joins the two sides of a pole.

    Args:
        f: takes one number and returns one.
        low: where the horizontal axis starts.
        high: where it ends.
        order: of the highest derivative; 0 draws the function alone.
        points: how many points each curve has, evenly spaced.
        at: also put a dot on each curve at this point.
        labels: for the legend, one for each curve; by default the function's name with primes.
        ax: the axes to draw on; by default the current ones of ``matplotlib.pyplot``.
        **style: what ``Axes.plot`` takes, for all curves: ``linewidth=3``, ``alpha=0.5``, ``color="black"``.

    Returns:
        The axes, on which there is a line for each curve, with its label.

    Raises:
        NonScalarOutputError: ``f`` does not return one number.
        DerivativeError: it returns a complex one.
        ValueError: the range, the number of points or of labels makes no picture.
        ModuleNotFoundError: matplotlib is missing.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> from matplotlib.figure import Figure
        >>> ax = ft.viz.plot(np.sin, 0.0, np.pi, order=2, points=3, ax=Figure().add_subplot())
        >>> for line in ax.get_lines()[:3]:
        ...     print(line.get_label(), np.round(line.get_ydata(), 12) + 0.0)
        sin [0. 1. 0.]
        sin' [ 1.  0. -1.]
        sin'' [ 0. -1.  0.]
    """
    if not callable(f):
        raise DerivativeError(f"`plot` needs a function, but was given a {type(f).__name__}", "`plot(f, low, high)`.")
    order, points = operator.index(order), operator.index(points)
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise ValueError(f"plot from {low} to {high}: give two finite numbers, the smaller first")
    if order < 0 or points < 2:
        raise ValueError(
            f"plot of order {order} with {points} points: give an order of 0 or more, and 2 points or more"
        )
    if labels is None:
        name = getattr(f, "__name__", "f").lstrip("_")  # a legend has no labels that start with an underscore
        labels = [prime(name if name.isidentifier() else "f", n) for n in range(order + 1)]
    elif len(labels) != order + 1:
        raise ValueError(f"plot of order {order} draws {order + 1} curves, but {len(labels)} labels were given")
    current = need("matplotlib.pyplot", "`viz.plot`").gca if ax is None else None
    grid = np.linspace(low, high, points)
    curves = sample(f, grid, order)
    dots = None if at is None else sample(f, np.array([float(at)]), order)[:, 0]

    axes: Any = ax if current is None else current()
    if "c" in style:  # matplotlib's short names
        style["color"] = style.pop("c")
    if "lw" in style:
        style["linewidth"] = style.pop("lw")
    fresh = not axes.has_data()
    bottom, top = window(curves)
    for n, y in enumerate(curves):
        look = {"color": COLORS[n % len(COLORS)], "linewidth": 2.4 if n == 0 else 1.7, **style}
        (line,) = axes.plot(grid, without_poles(y, top - bottom), label=labels[n], **look)
        if dots is not None:
            axes.plot([at], [dots[n]], "o", color=line.get_color(), markersize=6.5, markeredgecolor="white", zorder=3)
    if fresh:
        axes.axhline(0.0, color="#888888", linewidth=0.8, alpha=0.6, zorder=0)
        axes.set_xlim(low, high)
        axes.set_ylim(bottom, top)
        axes.grid(color="#888888", linewidth=0.5, alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return axes  # type: ignore[no-any-return]


def prime(name: str, order: int) -> str:
    """``f'``, ``f''``, ``f'''``, ``f^(4)``: Lagrange's notation."""
    return name + ("'" * order if order <= 3 else f"^({order})")


def sample(f: Callable[..., Any], grid: np.ndarray[Any, Any], order: int) -> np.ndarray[Any, Any]:
    """A row of values for the function and for each derivative, at all points of the grid.

    Raises:
        NonScalarOutputError: ``f`` does not return one number.
        DerivativeError: it returns a complex one.
    """
    rows: list[np.ndarray[Any, Any]] = []
    by_point = False
    for n in range(order + 1):
        single = _one_number(f) if n == 0 else derivative(f, n)
        with np.errstate(all="ignore"):  # what is not finite leaves a gap, for all to see
            row = None
            if not by_point:
                try:
                    row = np.asarray(vmap(single)(grid))
                except NonScalarOutputError:
                    raise
                except FunctransError:
                    by_point = True  # what it cannot do for many points, it may for one; else the error stands
            if row is None:
                row = np.asarray([single(x) for x in grid])
        if row.dtype.kind == "c":
            raise DerivativeError(
                f"`plot` needs real numbers, but {describe_function(f)} returned complex ones",
                "plot `np.real(f(x))` and `np.imag(f(x))`, or `np.abs(f(x))`.",
            )
        row = row.astype(np.float64)
        if rows:  # the formula of a derivative may have values where the function has none: `log` of negative numbers
            row[np.isnan(rows[-1])] = np.nan
        rows.append(row)
    return np.stack(rows)


def _one_number(f: Callable[..., Any]) -> Callable[[Any], Any]:
    def value(x: Any) -> Any:
        out = f(x)
        shape = getattr(out, "shape", () if isinstance(out, int | float | complex) else None)
        if shape != ():
            found = f"an array of shape {shape}" if shape is not None else f"a {type(out).__name__}"
            raise NonScalarOutputError(
                f"`plot` needs one number of one number, but {describe_function(f)} returned {found}",
                "plot one entry at a time: `lambda x: f(x)[0]`.",
            )
        return out

    return value


def window(curves: Any) -> tuple[float, float]:
    """The vertical range: all values, unless a few outliers (a pole) would flatten the rest."""
    finite = curves[np.isfinite(curves)]
    if not finite.size:
        return -1.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    five, ten, ninety, ninety_five = (float(q) for q in np.quantile(finite, [0.05, 0.1, 0.9, 0.95]))
    if high - low > 8.0 * (ninety_five - five) > 0.0:
        low, high = max(low, ten - (ninety - ten) / 4), min(high, ninety + (ninety - ten) / 4)
    margin = 0.06 * (high - low) or 1.0
    return low - margin, high + margin


def without_poles(y: Any, height: float) -> Any:
    """A curve, cut where it changes sign by a leap higher than the picture: no line joins the two sides of a pole."""
    with np.errstate(all="ignore"):
        leaps = (np.sign(y[1:]) * np.sign(y[:-1]) < 0) & (np.abs(y[1:] - y[:-1]) > height)
    shown = np.where(np.isfinite(y), y, np.nan)
    shown[1:][leaps] = np.nan
    return shown
