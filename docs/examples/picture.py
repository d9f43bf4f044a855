"""Draws the picture of the README: a function and three derivatives, on white pages and on black ones.

python docs/examples/picture.py docs/images/derivatives.svg
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

import functrans as ft

GREY = "#7a8490"  # as far from white as from black


def f(x):
    return np.exp(-(x**2) / 2)


def draw():
    figure = Figure(figsize=(7.2, 3.4), layout="constrained")
    axes = ft.viz.plot(f, -4, 4, order=3, points=161, ax=figure.add_subplot())
    axes.tick_params(colors=GREY)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.legend(frameon=False, labelcolor="linecolor", fontsize=13, loc="upper left")
    return figure


def main(argv: Sequence[str] | None = None) -> None:
    path = (sys.argv[1:] if argv is None else argv)[0]
    # The same bytes from each run: no random names, no date.
    with mpl.rc_context({"svg.hashsalt": "functrans"}):
        draw().savefig(path, transparent=True, metadata={"Date": None})


if __name__ == "__main__":
    main()
