"""Entries by their rank in order along the last axis; those that tie share the derivative evenly.

A rank is a place in the sorted array, NaN last. Three primitives: the entries themselves, and the linear maps of their
derivative, ``tied_mean`` forwards and ``tied_spread`` back, which are each other's transpose.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.reduction import Axes
from functrans.ops.select import stop_gradient_p
from functrans.primitives import Linear, Primitive, Rules
from functrans.tracing.bind import bind

# Rows: the axes that are reduced are one, at the end.


def to_rows(x: Any, axis: Axes) -> Any:
    """``x`` with these axes as one, at the end."""
    order = (*[i for i in range(x.ndim) if i not in axis], *axis)
    if order != tuple(range(x.ndim)):
        x = np.transpose(x, order)
    lead = x.ndim - len(axis)
    return x if len(axis) == 1 else np.reshape(x, (*x.shape[:lead], prod(x.shape[lead:])))


def from_rows(rows: Any, like: Any, axis: Axes) -> Any:
    """The inverse of :func:`to_rows`, in the shape of ``like``."""
    order = (*[i for i in range(like.ndim) if i not in axis], *axis)
    rows = np.reshape(rows, tuple([like.shape[i] for i in order]))
    return rows if order == tuple(range(like.ndim)) else np.transpose(rows, tuple(np.argsort(order).tolist()))


def numbers_in(rows: Any) -> Any:
    """How many entries of each row are not NaN."""
    return np.sum(~np.isnan(bind(stop_gradient_p, rows)), axis=-1, keepdims=True)


# What is printed with programs.


def at_ranks(x, ranks, nan_first):  # type: ignore[no-untyped-def]
    """The entries with these ranks along the last axis; with ``nan_first`` each is NaN where there is one."""
    lead = np.broadcast_shapes(x.shape[:-1], ranks.shape[:-1])
    if ranks.size == ranks.shape[-1]:  # the same in every row
        places = ranks.reshape(-1)
        out = np.partition(x, np.unique(places), axis=-1)[..., places] if places.size else x[..., :0]
        out = out.reshape((*lead, places.size))
    else:
        rank = max(x.ndim, ranks.ndim)
        x = x.reshape((1,) * (rank - x.ndim) + x.shape)
        out = np.take_along_axis(np.sort(x, axis=-1), ranks.reshape((1,) * (rank - ranks.ndim) + ranks.shape), -1)
    if nan_first:
        absent = np.isnan(x)
        if absent.any():
            out = np.where(absent.any(axis=-1, keepdims=True), np.asarray(np.nan, x.dtype), out)
    return out


def tied_groups(x, ranks, nan_first):  # type: ignore[no-untyped-def]
    """How entries tie: the order that sorts, where in it a new value starts, and the group of each rank."""
    order = np.argsort(x, axis=-1)
    found = np.take_along_axis(x, order, -1)
    starts = np.ones(found.shape, np.bool_)
    one, other = found[..., 1:], found[..., :-1]
    starts[..., 1:] = (one != other) & ~((one != one) & (other != other))
    groups = (np.cumsum(starts) - 1).reshape(starts.shape)
    shape = (*np.broadcast_shapes(ranks.shape[:-1], x.shape[:-1]), ranks.shape[-1])
    if nan_first:
        ranks = np.where(found[..., -1:] != found[..., -1:], x.shape[-1] - 1, ranks)
    wide = np.broadcast_to(groups, (*shape[:-1], x.shape[-1]))
    return order, starts, np.take_along_axis(wide, np.broadcast_to(ranks, shape), -1)


def tied_mean(t, x, ranks, nan_first):  # type: ignore[no-untyped-def]
    """For each rank the mean of ``t`` over the entries of ``x`` that tie with the one of that rank."""
    lead = np.broadcast_shapes(t.shape[:-1], x.shape[:-1], ranks.shape[:-1])
    real = t.real.dtype
    if ranks.shape[-1] <= 8:  # a pass for each
        values = at_ranks(x, ranks, nan_first)
        out = np.empty((*lead, ranks.shape[-1]), t.dtype)
        for k in range(ranks.shape[-1]):
            value = values[..., k : k + 1]
            tied = (x == value) | ((x != x) & (value != value))
            out[..., k] = np.sum(np.where(tied, t, 0), axis=-1) / np.sum(tied, axis=-1).astype(real)
        return out
    order, starts, chosen = tied_groups(x, ranks, nan_first)
    rows = (*np.broadcast_shapes(t.shape[:-1], x.shape[:-1]), x.shape[-1])
    if rows != x.shape:  # several t for one x
        return tied_mean(t, np.broadcast_to(x, rows), ranks, nan_first)
    entries = np.take_along_axis(np.broadcast_to(t, rows), order, -1).ravel()
    first = np.flatnonzero(starts)
    means = np.add.reduceat(entries, first) / np.diff(np.append(first, entries.size)).astype(real)
    return means[chosen]


def tied_spread(ct, x, ranks, nan_first):  # type: ignore[no-untyped-def]
    """The transpose of ``tied_mean``: each number in equal parts to the entries that tie at its rank."""
    lead = np.broadcast_shapes(ct.shape[:-1], x.shape[:-1], ranks.shape[:-1])
    real = ct.real.dtype
    if ranks.shape[-1] <= 8:
        values = at_ranks(x, ranks, nan_first)
        out = np.zeros((*lead, x.shape[-1]), ct.dtype)
        for k in range(ranks.shape[-1]):
            value = values[..., k : k + 1]
            tied = (x == value) | ((x != x) & (value != value))
            share = ct[..., k : k + 1] / np.sum(tied, axis=-1, keepdims=True).astype(real)
            out += np.where(tied, share, 0)
        return out
    rows = (*lead, x.shape[-1])
    if rows != x.shape:
        return tied_spread(ct, np.broadcast_to(x, rows), ranks, nan_first)
    order, starts, chosen = tied_groups(x, ranks, nan_first)
    first = np.flatnonzero(starts)
    sizes = np.diff(np.append(first, starts.size))
    sums = np.zeros(first.size, ct.dtype)
    np.add.at(sums, chosen, np.broadcast_to(ct, chosen.shape))
    out = np.empty(rows, ct.dtype)
    np.put_along_axis(out, order, np.repeat(sums / sizes.astype(real), sizes).reshape(rows), -1)
    return out


_HELPERS = {function.__name__: function for function in (at_ranks, tied_groups, tied_mean, tied_spread)}


def _spec(length: Any) -> Any:
    def spec(*operands: ArraySpec, nan_first: bool) -> ArraySpec:
        lead = np.broadcast_shapes(*[operand.shape[:-1] for operand in operands])
        return ArraySpec((*lead, length(*operands)), operands[0].dtype)

    return spec


def _source(name: str) -> Any:
    return lambda args, params: f"{name}({', '.join(args)}, {params['nan_first']})"


def _mean(t: Any, x: Any, ranks: Any, nan_first: bool) -> Any:
    return bind(tied_mean_p, t, bind(stop_gradient_p, x), ranks, nan_first=nan_first)


def _spread(ct: Any, x: Any, ranks: Any, nan_first: bool) -> Any:
    return bind(tied_spread_p, ct, bind(stop_gradient_p, x), ranks, nan_first=nan_first)


#: ``entries_of_rank(x, ranks, nan_first=)``: ranks broadcast against ``x`` in all axes but the last.
entries_p = Primitive(
    "entries_of_rank",
    at_ranks,
    _spec(lambda x, ranks: ranks.shape[-1]),
    Rules(
        jvp=[lambda dx, out, x, ranks, nan_first: _mean(dx, x, ranks, nan_first), None],
        vjp=[lambda ct, out, x, ranks, nan_first: _spread(ct, x, ranks, nan_first), None],
    ),
    source=_source("at_ranks"),
    helpers={"at_ranks": at_ranks},
    masks=True,
    batch=batching.stacked(1, 1),
)
tied_mean_p = Primitive(
    "tied_mean",
    tied_mean,
    _spec(lambda t, x, ranks: ranks.shape[-1]),
    Linear((lambda ct, t, x, ranks, nan_first: _spread(ct, x, ranks, nan_first), None, None)),
    source=_source("tied_mean"),
    helpers=_HELPERS,
    masks=True,
    batch=batching.stacked(1, 1, 1),
)
tied_spread_p = Primitive(
    "tied_spread",
    tied_spread,
    _spec(lambda ct, x, ranks: x.shape[-1]),
    Linear((lambda t, ct, x, ranks, nan_first: _mean(t, x, ranks, nan_first), None, None)),
    source=_source("tied_spread"),
    helpers=_HELPERS,
    batch=batching.stacked(1, 1, 1),
)


def entries_of_rank(x: Any, ranks: Any, nan_first: bool = False) -> Any:
    """The entries of ``x`` with these ranks along the last axis."""
    return bind(entries_p, x, ranks, nan_first=nan_first)


def mean_of_ties(t: Any, x: Any, ranks: Any, nan_first: bool = False) -> Any:
    """The derivative of :func:`entries_of_rank` along ``t``."""
    return _mean(t, x, ranks, nan_first)


def spread_over_ties(ct: Any, x: Any, ranks: Any, nan_first: bool = False) -> Any:
    """The transpose of :func:`mean_of_ties`."""
    return _spread(ct, x, ranks, nan_first)
