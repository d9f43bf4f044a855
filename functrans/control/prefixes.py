"""``associative_scan``: all prefixes at once, by whole arrays.

Source: Blelloch, *Prefix sums and their applications* (1990).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functrans import tree
from functrans.errors import ShapeError, TreeError, describe_function, expect_function
from functrans.frames import boundary
from functrans.function_types import T
from functrans.ops.scalars import strong


@boundary
def associative_scan(f: Callable[[Any, Any], Any], xs: T, *, reverse: bool = False, axis: int = 0) -> T:
    """``x0``, ``f(x0, x1)``, ``f(f(x0, x1), x2)``, ... for an ``f`` that is associative.

    In place of ``n`` steps, one after the other, about ``2 log2(n)`` calls of ``f``, each with whole arrays: so ``f``
    must work on stacks, entry by entry along ``axis``.

    Args:
        f: ``f(a, b)`` of two trees of arrays, of many pairs at once; ``f(f(a, b), c) == f(a, f(b, c))``.
        xs: a tree of arrays with the values along ``axis``.
        reverse: from the last to the first: ``f(x[-1], x[-2])``, and so on.
        axis: the axis of the values.

    Returns:
        The prefixes, as a tree like ``xs``.

    Raises:
        ShapeError: the arrays have no such axis, or different lengths along it.
        TreeError: ``f`` does not return what it takes.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> ft.associative_scan(np.maximum, np.array([1.0, 3.0, 2.0, 5.0]))
        array([1., 3., 3., 5.])
        >>> ft.grad(lambda x: ft.associative_scan(np.multiply, x)[-1])(np.array([2.0, 3.0, 4.0]))
        array([12.,  8.,  6.])
    """
    expect_function(f, "associative_scan")
    leaves, structure = tree.flatten(xs)
    leaves = [strong(leaf) for leaf in leaves]
    for leaf, path in zip(leaves, tree.paths(structure), strict=True):
        if not -np.ndim(leaf) <= axis < np.ndim(leaf):
            raise ShapeError(
                f"`associative_scan` along axis {axis} of xs{path}, which has {np.ndim(leaf)}",
                "give arrays with the values along `axis`.",
            )
    rows = [np.moveaxis(leaf, axis, 0) for leaf in leaves]
    lengths = {np.shape(row)[0] for row in rows}
    if len(lengths) > 1:
        raise ShapeError(
            f"`associative_scan` of arrays of different lengths: {sorted(lengths)}", "give as many values of each."
        )

    def combined(a: list[Any], b: list[Any]) -> list[Any]:
        out = f(tree.unflatten(structure, a), tree.unflatten(structure, b))
        found, outer = tree.flatten(out)
        if outer != structure:
            raise TreeError(
                f"{describe_function(f)} was given trees of the structure {structure} and returned {outer}",
                "return what it takes.",
            )
        return [strong(leaf) for leaf in found]

    if reverse:
        rows = [np.flip(row, 0) for row in rows]
    found = _prefixes(combined, rows)
    if reverse:
        found = [np.flip(row, 0) for row in found]
    return tree.unflatten(structure, [np.moveaxis(row, 0, axis) for row in found])  # type: ignore[no-any-return]


def _prefixes(f: Callable[[list[Any], list[Any]], list[Any]], rows: list[Any]) -> list[Any]:
    count = np.shape(rows[0])[0] if rows else 0
    if count < 2:
        return rows
    pairs = f([row[: count - 1 : 2] for row in rows], [row[1::2] for row in rows])
    odd = _prefixes(f, pairs)  # at 1, 3, 5, ...
    even = f([row[: (count - 1) // 2] for row in odd], [row[2::2] for row in rows])  # at 2, 4, ...
    first = [np.concatenate([row[:1], e]) for row, e in zip(rows, even, strict=True)]
    return [_interleaved(e, o, count) for e, o in zip(first, odd, strict=True)]


def _interleaved(even: Any, odd: Any, count: int) -> Any:
    if np.shape(even)[0] > np.shape(odd)[0]:
        odd = np.concatenate([odd, even[-1:]])
    both = np.stack([even, odd], axis=1)
    return np.reshape(both, (-1, *np.shape(even)[1:]))[:count]
