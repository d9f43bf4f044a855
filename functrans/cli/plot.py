"""A picture of a function of one number and of its derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functrans.cli.derivatives import checked, differentiate
from functrans.cli.mistakes import UsageError, one_line
from functrans.cli.show import partial, prime
from functrans.cli.target import Target

_POINTS = 401
_HIGHEST = 5
_COLORS = ("#1f2a44", "#d1495b", "#edae49", "#00798c", "#6a4c93", "#8d99ae")


def draw(
    target: Target,
    values: dict[str, Any],
    variable: str,
    order: int,
    limits: tuple[float, float] | None,
    path: str,
    marked: bool,
) -> None:
    """Write a picture of the function and its derivatives up to ``order``; the suffix of ``path`` says which kind.

    Args:
        target: the function.
        values: a value for each argument.
        variable: what the horizontal axis shows.
        order: of the highest derivative.
        limits: where the axis starts and ends; around the value of the variable by default.
        path: the file.
        marked: whether to put a dot on each curve at the value of the variable.

    Raises:
        UsageError: matplotlib is missing, the function is not one of numbers, or the file cannot be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise UsageError("--plot needs matplotlib: pip install 'functrans[plot]'") from None
    if isinstance(values[variable], np.ndarray):
        raise UsageError(f"--plot needs a number, but `{variable}` is an array")
    if order > _HIGHEST:
        raise UsageError(f"--plot draws derivatives up to order {_HIGHEST}, not {order}")
    x = values[variable]
    reach = max(3.0, abs(x))
    low, high = limits or (x - reach, x + reach)
    grid = np.linspace(low, high, _POINTS)
    curves = _curves(target, values, variable, order, np.append(grid, x))

    figure = Figure(figsize=(8, 5), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    bottom, top = _window(curves[:, :-1])
    for n, (*y, at_x) in enumerate(curves):
        shown = _without_poles(np.asarray(y), top - bottom)
        label = partial(target.name, variable, n) if n and len(target.names) > 1 else prime(target.name, n)
        color = _COLORS[n]
        axes.plot(grid, shown, color=color, linewidth=2.4 if n == 0 else 1.6, label=label)
        if marked:
            axes.plot([x], [at_x], "o", color=color, markersize=6, markeredgecolor="white", zorder=3)
    axes.axhline(0.0, color="#b0b0b0", linewidth=0.8, zorder=0)
    axes.set_xlim(low, high)
    axes.set_ylim(bottom, top)
    axes.set_xlabel(variable, parse_math=False)
    axes.set_title(target.text, parse_math=False)
    axes.grid(color="#e6e6e6", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"--plot {path}: {one_line(error)}") from None


def _curves(target: Target, values: dict[str, Any], variable: str, order: int, points: Any) -> Any:
    """A row for the function and for each derivative. Points one at a time: the function need not be elementwise."""
    args = list(values.values())
    position = list(values).index(variable)

    def at(f: Callable[..., Any], x: Any) -> Any:
        return f(*args[:position], x, *args[position + 1 :])

    with np.errstate(all="ignore"):
        value = checked(at(target.function, points[-1]), target.name)
        if np.ndim(value) or np.iscomplexobj(value):
            raise UsageError(f"--plot needs a real number, but `{target.name}` returns an array or a complex number")
        functions = [target.function]
        for _ in range(order):
            functions.append(differentiate(functions[-1], position, value))
        return np.array([[float(at(f, x)) for x in points] for f in functions])


def _window(curves: Any) -> tuple[float, float]:
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


def _without_poles(y: Any, height: float) -> Any:
    """A curve, cut where it changes sign by a leap higher than the picture: no line joins the two sides of a pole."""
    with np.errstate(all="ignore"):
        leaps = (np.sign(y[1:]) * np.sign(y[:-1]) < 0) & (np.abs(y[1:] - y[:-1]) > height)
    shown = np.where(np.isfinite(y), y, np.nan)
    shown[1:][leaps] = np.nan
    return shown
