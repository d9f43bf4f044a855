"""From colours to products and back: seeds, the products in one batch, and where each entry is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functrans.sparse.coloring import Coloring
from functrans.transforms.jvp import jvp
from functrans.transforms.vjp import vjp
from functrans.transforms.vmap import vmap


def seeds(colors: Any, count: int, shape: tuple[int, ...], dtype: Any) -> Any:
    """For each colour the sum of the unit vectors that have it, in arrays of this shape."""
    made = np.zeros((count, colors.size), dtype)
    used = np.flatnonzero(colors >= 0)
    made[colors[used], used] = 1
    return made.reshape(count, *shape)


def entries(pattern: Any) -> tuple[Any, Any]:
    """Row and column of each stored entry of a CSR array."""
    return np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr)), pattern.indices.astype(np.intp)


def _alone(keys: Any, size: int) -> Any:
    """Which of these keys, below ``size``, occurs once."""
    if size <= 8 * keys.size + 1024:
        return np.bincount(keys, minlength=size)[keys] == 1
    _, place, counts = np.unique(keys, return_inverse=True, return_counts=True)
    return counts[place] == 1


def reading(pattern: Any, coloring: Coloring) -> tuple[Any, Any]:
    """Where each stored entry is read: its place in all products, flattened one behind the other; whether it can be.

    Products forwards have the length of the rows and come first, those backwards have the length of the columns.
    """
    height, width = pattern.shape
    rows, columns = entries(pattern)
    if coloring.mode == "symmetric":
        colors = coloring.columns
        low, high = np.minimum(rows, columns), np.maximum(rows, columns)
        # Entries that mirror each other are read from one place, so that the result is symmetric to the bit.
        count = max(coloring.forward, 1)
        clear = _alone(rows * count + colors[columns], height * count)
        first = _mirrored(clear, low, high, rows, columns, width)
        second = _mirrored(clear, high, low, rows, columns, width)
        place = np.where(first, colors[high] * height + low, colors[low] * height + high)
        return place, first | second
    place = np.zeros(rows.size, np.intp)
    known = np.zeros(rows.size, bool)
    offset = coloring.forward * height
    if coloring.rows is not None:
        color = coloring.rows[rows]
        count = max(coloring.backward, 1)
        given = np.flatnonzero(color >= 0)
        mine = _alone(columns[given] * count + color[given], width * count)
        place[given] = offset + color[given] * width + columns[given]
        known[given] = mine
    if coloring.columns is not None:
        color = coloring.columns[columns]
        count = max(coloring.forward, 1)
        given = np.flatnonzero(color >= 0)
        mine = given[_alone(rows[given] * count + color[given], height * count)]
        mine = mine[~known[mine]]
        place[mine] = color[mine] * height + rows[mine]
        known[mine] = True
    return place, known


def _mirrored(clear: Any, first: Any, second: Any, rows: Any, columns: Any, width: int) -> Any:
    """Of each entry, whether that at row ``first`` and column ``second`` stands alone in its product."""
    keys = rows * width + columns  # sorted, as the pattern is
    return clear[np.searchsorted(keys, first * width + second)]


def unreadable(pattern: Any, coloring: Coloring) -> int:
    """How many entries of the pattern stand alone in no product."""
    return int(np.count_nonzero(~reading(pattern, coloring)[1]))


def products(g: Callable[..., Any], x: Any, ahead: Any, back: Any) -> list[Any]:
    """Derivatives of ``g`` in the directions ``ahead``, and of its sums weighted with ``back``, in a batch each."""
    made = []
    if ahead is not None:
        made.append(vmap(lambda dx: jvp(g, (x,), (dx,))[1])(ahead))
    if back is not None:
        _, pull = vjp(g, x)
        made.append(vmap(lambda ct: pull(ct)[0])(back))
    return made
