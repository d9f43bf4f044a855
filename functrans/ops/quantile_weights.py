"""Quantiles by weight: which entries of each row they are.

Entries of no weight have no part in it. Among entries that tie, the weights decide which one a quantile follows when
they part, in one order or the other: the derivative is the mean of the stable order's and its reverse's.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from functrans.ops.convert import to_dtype
from functrans.ops.index import scatter_p
from functrans.ops.index_template import ARRAY
from functrans.ops.order_batch import found_in_rows
from functrans.ops.select import stop_gradient_p
from functrans.tracing.bind import bind


def weighted_places(rows: Any, weights: Any, q: Any, found: Any, ignore: bool) -> list[Any]:
    """Where in each row the quantiles stand: by the stable order, and by its reverse.

    ``found``: their values, by which cumulated weights are read that differ in rounding; None, if not known.
    """
    rows, n = bind(stop_gradient_p, rows), rows.shape[-1]
    broken = np.any(np.isnan(rows), axis=-1, keepdims=True) & (not ignore)
    seen = np.where((weights > 0) | broken, rows, np.nan)
    weights = np.where(np.isnan(seen), 0.0, weights)
    q = np.broadcast_to(q, (*rows.shape[:-1], q.shape[-1]))
    places = []
    for order in (
        np.argsort(seen, axis=-1, kind="stable"),
        n - 1 - np.argsort(np.flip(seen, axis=-1), axis=-1, kind="stable"),
    ):
        reached = np.cumsum(np.take_along_axis(weights, order, axis=-1), axis=-1, dtype=np.float64)
        reached = to_dtype(reached / np.maximum(reached[..., -1:], np.finfo(float).tiny), q.dtype)
        ranks = np.where(broken, n - 1, np.minimum(_found(reached, q, "left"), n - 1))
        if found is not None:
            in_order = np.take_along_axis(seen, order, axis=-1)
            ranks = np.clip(ranks, _found(in_order, found, "left"), _found(in_order, found, "right") - 1)
        places.append(np.take_along_axis(order, ranks, axis=-1))
    return places


def _found(rows: Any, values: Any, side: str) -> Any:
    """Where in each sorted row the values are."""
    lead = rows.shape[:-1]
    flat = np.reshape(values, (prod(lead), values.shape[-1]))
    ranks = found_in_rows(np.reshape(rows, (prod(lead), rows.shape[-1])), flat, side)
    return np.reshape(ranks, values.shape)


def taken(t: Any, places: list[Any]) -> Any:
    """The mean of the entries at the places."""
    one, other = [0.5 * np.take_along_axis(t, place, axis=-1) for place in places]
    return one + other


def put(ct: Any, places: list[Any], shape: tuple[int, ...]) -> Any:
    """The transpose of :func:`taken`."""
    lead = [np.arange(n).reshape(n, *[1] * (len(shape) - i - 1)) for i, n in enumerate(shape[:-1])]
    one, other = [
        bind(scatter_p, 0.5 * ct, *lead, place, template=(ARRAY,) * len(shape), shape=shape) for place in places
    ]
    return one + other
