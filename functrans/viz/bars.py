"""``cost``: what a function, its gradient and its second derivatives cost, beside one another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from functrans import tree
from functrans.frames import boundary
from functrans.ir.cost import Cost, short_bytes, short_number
from functrans.ir.spec import ArraySpec
from functrans.tracing.trace import trace
from functrans.transforms.arguments import Argnums
from functrans.transforms.hessian import hessian
from functrans.transforms.products import hvp
from functrans.transforms.vjp import grad
from functrans.viz.curves import COLORS
from functrans.viz.extras import need

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: A Hessian in more inputs is not traced: its program holds a direction for each.
_MOST_INPUTS = 2000

_QUANTITIES: tuple[tuple[str, Callable[[Cost], float], Callable[[float], str]], ...] = (
    ("operations", lambda cost: cost.operations, short_number),
    ("flops", lambda cost: cost.flops, short_number),
    ("bytes moved", lambda cost: cost.read + cost.written, short_bytes),
    ("peak memory", lambda cost: cost.peak, short_bytes),
)


class Costs(dict[str, Cost]):
    """The :class:`Cost` of ``f``, ``grad``, ``hvp`` and ``hessian``, by these names; ``str`` of it is a table.

    Example:
        >>> import functrans as ft
        >>> costs = ft.viz.costs(lambda x: x**3, 2.0)
        >>> costs["grad"].flops, (costs["grad"] / costs["f"]).operations
        (2.0, 3.0)
    """

    #: How many columns the Hessian has, which is left out where they are too many.
    remark: str = ""

    def __str__(self) -> str:
        base = self["f"]
        rows = [("", *[text for name, _, _ in _QUANTITIES for text in (name, "")])]
        for name, cost in self.items():
            cells = [name]
            for _, of, shown in _QUANTITIES:
                cells += [shown(of(cost)), _times(of(cost), of(base)) if cost is not base else ""]
            rows.append(tuple(cells))
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines = [
            "  ".join(
                text.ljust(width) if i == 0 else text.rjust(width)
                for i, (text, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        return "\n".join([*lines, self.remark] if self.remark else lines)

    def __repr__(self) -> str:
        return str(self)


def _times(value: float, base: float) -> str:
    ratio = value / base if base else 0.0
    return "" if not base else f"x {ratio:,.0f}" if ratio >= 100 else f"x {ratio:.3g}"


@boundary
def costs(f: Callable[..., Any], *args: Any, argnums: Argnums = None) -> Costs:
    """What ``f`` costs, and its gradient, its Hessian times a vector, and its Hessian, as a table.

    Each is traced, and the cost of its program counted (:meth:`functrans.Program.cost`): nothing is run or measured.

    Args:
        f: returns one real number.
        *args: its arguments, of which shape and dtype count; or their :class:`~functrans.ArraySpec`.
        argnums: which of them to differentiate in, as for :func:`functrans.grad`.

    Returns:
        A dict of :class:`Cost` by ``"f"``, ``"grad"``, ``"hvp"``, ``"hessian"``, which prints as a table: each amount,
        and how many times that of ``f`` it is.

    Raises:
        NonScalarOutputError: ``f`` does not return one number.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> ft.viz.costs(lambda x: np.sum(np.exp(x) * x), np.ones(1000))
                 operations          flops           bytes moved           peak memory
        f                 3          3.00k                48.0kB                16.0kB
        grad              5  x 1.67  5.00k   x 1.67        112kB   x 2.33       32.0kB      x 2
        hvp               9     x 3  9.00k      x 3        208kB   x 4.33       48.0kB      x 3
        hessian           9     x 3  6.00M  x 2,001        112MB  x 2,334       32.0MB  x 2,000
        hessian: 1,000 columns; hvp: one product with it
    """
    found = Costs()
    found["f"] = trace(f)(*args).cost()
    found["grad"] = trace(grad(f, argnums))(*args).cost()
    several = isinstance(argnums, tuple | list)
    chosen = [args[i] for i in argnums] if several else [args[argnums or 0]]  # type: ignore[union-attr,index]
    vector = tuple(map(_direction, chosen)) if several else _direction(chosen[0])
    found["hvp"] = trace(hvp(f, argnums))(*args, vector).cost()
    inputs = sum(ArraySpec.of(leaf).size for leaf in tree.flatten(tuple(chosen))[0])
    if inputs <= _MOST_INPUTS:
        found["hessian"] = trace(hessian(f, argnums))(*args).cost()
        found.remark = f"hessian: {inputs:,} column{'s' * (inputs != 1)}; hvp: one product with it"
    else:
        found.remark = f"hessian: {inputs:,} columns, left out; hvp: one product with it"
    return found


def _direction(arg: Any) -> Any:
    """What is differentiated in, as the vector of a product with the Hessian: integers count as floats."""
    return tree.map(lambda leaf: float(leaf) if type(leaf) is int else leaf, arg)


@boundary
def cost(f: Callable[..., Any], *args: Any, argnums: Argnums = None, ax: Axes | None = None) -> Axes:
    """Draw what ``f`` costs, and its gradient, its Hessian times a vector, and its Hessian: bars of :func:`costs`.

    The height of a bar is how many times that of ``f`` it is, on a logarithmic scale; above it stands the amount.

    Args:
        f: returns one real number.
        *args: its arguments, of which shape and dtype count; or their :class:`~functrans.ArraySpec`.
        argnums: which of them to differentiate in, as for :func:`functrans.grad`.
        ax: the axes to draw on; by default the current ones of ``matplotlib.pyplot``.

    Returns:
        The axes.

    Raises:
        NonScalarOutputError: ``f`` does not return one number.
        ModuleNotFoundError: matplotlib is missing.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> from matplotlib.figure import Figure
        >>> ax = ft.viz.cost(lambda x: np.sum(np.exp(x)), np.ones(10), ax=Figure().add_subplot())
        >>> [text.get_text() for text in ax.get_legend().get_texts()]
        ['f', 'grad', 'hvp', 'hessian']
    """
    current = need("matplotlib.pyplot", "`viz.cost`").gca if ax is None else None
    found = costs(f, *args, argnums=argnums)
    axes: Any = ax if current is None else current()
    _draw(found, axes)
    return axes  # type: ignore[no-any-return]


def _draw(found: Mapping[str, Cost], axes: Any) -> None:
    base = found["f"]
    width = 0.8 / len(found)
    places = np.arange(len(_QUANTITIES))
    heights: list[float] = []
    for n, (name, cost) in enumerate(found.items()):
        shift = (n - (len(found) - 1) / 2) * width
        # Where `f` itself has none of it there is no ratio: no bar, but the amount is told.
        ratios = [of(cost) / of(base) if of(base) else np.nan for _, of, _ in _QUANTITIES]
        heights += [r for r in ratios if r > 0]
        bars = axes.bar(places + shift, ratios, width * 0.92, label=name, color=COLORS[n], zorder=2)
        texts = [shown(of(cost)) for _, of, shown in _QUANTITIES]
        axes.bar_label(bars, texts, fontsize=8, padding=3, color="#7a8490", rotation=90)
    axes.set_yscale("log")
    low, high = min([0.5, *[h / 2 for h in heights]]), max([2.0, *heights])
    axes.set_ylim(low, high * (high / low) ** 0.22)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}x")
    axes.yaxis.set_minor_formatter(lambda value, _: "")
    axes.axhline(1.0, color="#888888", linewidth=0.8, zorder=3)
    axes.set_xticks(places, [name for name, _, _ in _QUANTITIES])
    axes.tick_params(axis="x", length=0)
    axes.tick_params(axis="y", which="minor", length=0)
    axes.set_ylabel("times that of f")
    axes.grid(axis="y", color="#888888", linewidth=0.5, alpha=0.25, zorder=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=len(found), loc="lower center", bbox_to_anchor=(0.5, 1.0))
