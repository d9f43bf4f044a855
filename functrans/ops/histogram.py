"""Histograms. A count is constant in the data, apart from jumps; it is linear in the weights."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from functrans.errors import UncoveredFunctionError
from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.family import operand
from functrans.ops.index import getitem, scatter_p
from functrans.ops.index_batch import batch_scatter
from functrans.ops.index_template import ARRAY
from functrans.ops.order_batch import found_in_rows
from functrans.ops.plain import known
from functrans.ops.scalars import strong
from functrans.primitives import Linear, Primitive, call_source
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import implements
from functrans.tracing.tracer import Tracer

_WHY = "bins are found by comparing values"


def _counts(weights: Any, a: Any, edges: Any, *, bins: int | None, range: Any) -> Any:
    return np.histogram(a, edges if bins is None else bins, range, weights=weights)[0]


def _counts_source(args: list[str], params: dict[str, Any]) -> str:
    weights, a, edges = args
    if params["bins"] is None:
        return f"np.histogram({a}, {edges}, weights={weights})[0]"
    return call_source("np.histogram", [a], {**params})[:-1] + f", weights={weights})[0]"


def _weights_transpose(ct: Any, weights: ArraySpec, a: Any, edges: Any, *, bins: int | None, range: Any) -> Any:
    # The last bin has its right edge too. What lies outside of all bins counts for nothing.
    inside = (a >= edges[0]) & (a <= edges[-1])
    places = np.minimum(np.searchsorted(edges, a, side="right") - 1, len(edges) - 2)
    return np.where(inside, getitem(ct, np.where(inside, places, 0)), 0.0)


def _histogram_batch(
    primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    weights, a, edges = operands
    bins = edges.shape[-1] - 1
    own = batched[1] or batched[2]
    inside = (a >= edges[..., :1]) & (a <= edges[..., -1:])
    if batched[2]:
        above = found_in_rows(edges, batching.full(a, batched[1], size), "right")
    else:
        above = np.searchsorted(edges, a, side="right")
    places = np.where(inside, np.minimum(above - 1, bins - 1), 0)
    counted = np.where(inside, batching.full(weights, batched[0], size), 0)
    return batch_scatter(scatter_p, (counted, places), (True, own), size, {"template": (ARRAY,), "shape": (bins,)})


histogram_p = Primitive(
    "histogram",
    _counts,
    lambda weights, a, edges, **params: ArraySpec((edges.shape[0] - 1,), weights.dtype),
    Linear((_weights_transpose,)),
    source=_counts_source,
    masks=True,  # what lies outside of all bins
    batch=_histogram_batch,
)


def _edges(a: Any, bins: Any, range: Any, weights: Any) -> Any:
    """The edges of the bins. They move with the data, if it is the data that they are spread over."""
    if type(bins) is Tracer:
        return bins
    if type(a) is not Tracer or range is not None or (np.ndim(bins) == 1 and not isinstance(bins, str)):
        if isinstance(bins, str) and weights is not None:
            raise TypeError("Automated estimation of the number of bins is not supported for weighted data")
        return np.histogram_bin_edges(known(a, "np.histogram", _WHY), bins, range)
    if isinstance(bins, str):
        raise UncoveredFunctionError(
            f"`np.histogram` with bins={bins!r} of a traced array, whose values decide on the bins",
            "give the number of bins, their edges, or `range=`.",
        )
    low: Any = np.min(a)
    high: Any = np.max(a)
    if known(low, "np.histogram", _WHY) == known(high, "np.histogram", _WHY):
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, bins + 1)


@implements(np.histogram_bin_edges)
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    """``np.histogram_bin_edges``; edges that are spread over traced data have its derivative."""
    return _edges(a, bins, range, weights)


@implements(np.histogram)
def histogram(a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    """``np.histogram``.

    The values must be known. Counts are plain: they are constant in the data, apart from jumps. Traced weights have a
    derivative, and so have edges that are spread over traced data (an integer for ``bins``, no ``range``).
    """
    edges = _edges(a, bins, range, weights)
    a, plain_edges = known((operand(a), operand(edges)), "np.histogram", _WHY)
    number = None if np.ndim(bins) else bins
    range = None if range is None else tuple(range)
    if type(weights) is Tracer:
        if weights.shape != np.shape(a):
            raise ValueError("weights should have the same shape as a.")
        weights = np.ravel(strong(weights))
        counts = bind(histogram_p, weights, np.ravel(a), plain_edges, bins=number, range=range)
    else:
        counts = np.histogram(a, plain_edges if number is None else number, range, weights=weights)[0]
    if density:
        counts = counts / (edges[1:] - edges[:-1]) / np.sum(counts)
    return counts, edges


# Of several dimensions.


def _columns(sample: Any) -> Any:
    """The sample as an array of one row for each point."""
    if type(sample) is Tracer or isinstance(sample, np.ndarray):
        sample = strong(sample)
        if np.ndim(sample) == 2:
            return sample
        return np.atleast_2d(sample).T
    entries = [strong(operand(entry)) for entry in sample]
    return np.atleast_2d(np.stack(entries) if any(type(entry) is Tracer for entry in entries) else np.asarray(sample)).T


@implements(np.histogramdd)
def histogramdd(sample: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    """``np.histogramdd``.

    The values must be known. Traced weights have a derivative, and so have edges that are spread over traced data.
    """
    columns: Any = _columns(sample)
    values = known(columns, "np.histogramdd", _WHY)
    dimensions = values.shape[1]
    numbers = list(bins) if np.iterable(bins) else [bins] * dimensions
    plain_bins = known(numbers, "np.histogramdd", _WHY) if np.iterable(bins) else bins
    plain_edges = np.histogramdd(values, plain_bins, range)[1]  # which also checks the arguments
    edges: list[Any] = []
    traced = type(columns) is Tracer
    for i, (plain, number) in enumerate(zip(plain_edges, numbers, strict=True)):
        spread = traced and np.ndim(number) == 0 and (range is None or range[i] is None)
        if type(number) is Tracer and np.ndim(number):
            edges.append(number)
        else:
            edges.append(_edges(columns[:, i], int(number), None, None) if spread else plain)
    # The bins beside the first and the last count what lies outside.
    lengths = [len(plain) + 1 for plain in plain_edges]
    places = [
        np.searchsorted(plain, column, side="right") - (column == plain[-1])
        for plain, column in zip(plain_edges, values.T, strict=True)
    ]
    flat = np.ravel_multi_index(places, lengths)
    counts: Any = np.bincount(flat, weights if weights is None else strong(operand(weights)), int(np.prod(lengths)))
    counts = np.reshape(counts, lengths)
    counts = counts if type(counts) is Tracer else counts.astype(float, casting="safe")
    counts = counts[(slice(1, -1),) * dimensions]
    if density:
        total = np.sum(counts)
        for i, edge in enumerate(edges):
            width = edge[1:] - edge[:-1]
            counts = counts / np.reshape(width, [len(edge) - 1 if j == i else 1 for j in builtins.range(dimensions)])
        counts = counts / total
    return counts, edges


@implements(np.histogram2d)
def histogram2d(
    x: Any, y: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> tuple[Any, Any, Any]:
    """``np.histogram2d``, as :func:`histogramdd`."""
    if len(x) != len(y):
        raise ValueError("x and y must have the same length.")
    if np.iterable(bins) and len(bins) not in (1, 2):  # type: ignore[arg-type]
        bins = [operand(bins)] * 2
    counts, edges = histogramdd([x, y], bins, range, density, weights)
    return counts, edges[0], edges[1]
