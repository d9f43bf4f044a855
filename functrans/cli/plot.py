"""A picture of a function of one number and of its derivatives, in a file."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.cli.derivatives import checked
from functrans.cli.mistakes import UsageError, one_line
from functrans.cli.show import partial
from functrans.cli.target import Target
from functrans.viz.curves import plot, prime

_HIGHEST = 5


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
        raise UsageError("--plot needs matplotlib: pip install 'functrans[viz]'") from None
    if isinstance(values[variable], np.ndarray):
        raise UsageError(f"--plot needs a number, but `{variable}` is an array")
    if order > _HIGHEST:
        raise UsageError(f"--plot draws derivatives up to order {_HIGHEST}, not {order}")
    args = list(values.values())
    position = list(values).index(variable)

    def along(x: Any) -> Any:
        return target.function(*args[:position], x, *args[position + 1 :])

    x = values[variable]
    with np.errstate(all="ignore"):
        value = checked(along(np.float64(x)), target.name)
    if np.ndim(value) or np.iscomplexobj(value):
        raise UsageError(f"--plot needs a real number, but `{target.name}` returns an array or a complex number")
    reach = max(3.0, abs(x))
    low, high = limits or (x - reach, x + reach)
    several = len(target.names) > 1
    labels = [partial(target.name, variable, n) if n and several else prime(target.name, n) for n in range(order + 1)]

    figure = Figure(figsize=(8, 5), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    plot(along, low, high, order=order, at=x if marked else None, labels=labels, ax=axes)
    axes.set_xlabel(variable, parse_math=False)
    axes.set_title(target.text, parse_math=False)
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"--plot {path}: {one_line(error)}") from None
