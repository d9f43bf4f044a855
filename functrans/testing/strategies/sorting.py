"""Recipes for the primitives of sorting and of quantiles."""

from __future__ import annotations

from typing import Any

import numpy as np

import functrans as ft
from functrans.ops.ranks import entries_of_rank
from functrans.testing.strategies.algebra import pulled
from functrans.testing.strategies.operands import FLOATS, calls


def _tied(draw: Any) -> Any:
    """A few numbers, most of which are the same where edges are wanted."""
    x = draw((2, 4))
    return np.where(draw((2, 4), place=1, dtype="bool"), x[:, :1], x) if draw.edges else x


calls(
    "sort",
    (np.sort, (2, 3)),
    (lambda x: np.sort(x, axis=0), (3, 2)),
    (lambda x: np.sort(x, axis=None, kind="stable"), (2, 2)),
    (np.sort, (0,)),
    (np.sort, _tied),
)
calls(
    "partition",
    (lambda x: np.partition(x, 1), (2, 4)),
    (lambda x: np.partition(x, (0, 2), axis=0), (3, 2)),
    (lambda x: np.partition(x, -1, axis=None), (2, 2)),
    (lambda x: np.partition(x, 1), _tied),
)
calls("place_along_axis", (pulled(np.sort), (3,), (3,)), (pulled(lambda x: np.sort(x, axis=0)), (3, 2), (3, 2)))
calls("permute_along_axis", (pulled(np.partition, 1), (2, 3), (2, 3)))


def _at(*shape: int, scale: int = 1) -> Any:
    """Where quantiles are taken: inside, and not where a method jumps."""
    return lambda draw: (scale * draw.inside()(shape, (0.1, 0.9), 2, "float64")).astype(draw.dtype)[()]


_ABSENT = np.array([[False, True, False, False], [False, False, False, True]])


def _absent(draw: Any) -> Any:
    """Two rows with a NaN each."""
    return np.where(_ABSENT, np.asarray(np.nan, draw.dtype), draw((2, 4)))


for _name, _f in {"median": np.median, "nanmedian": np.nanmedian}.items():
    calls(
        _name,
        (_f, (5,)),
        (lambda x, f=_f: f(x, axis=1), (2, 4)),
        (lambda x, f=_f: f(x, axis=(0, 2), keepdims=True), (2, 2, 3)),
        (lambda x, f=_f: f(x, axis=0), (3, 0)),
        (lambda x, f=_f: f(x, axis=1), _tied),
        (_f, ()),
        dtypes=FLOATS,
    )


def _quantiles(name: str, f: Any, scale: int, ignore: bool) -> None:
    weights = np.array([1.0, 2.0, 0.0, 1.5])
    made: list[Any] = [
        (f, (5,), _at(scale=scale)),
        (lambda x, q: f(x, q, axis=1), (2, 4), _at(3, scale=scale)),
        (lambda x, q: f(x, q, axis=(0, 2), method="hazen", keepdims=True), (2, 2, 3), _at(2, scale=scale)),
        (lambda x, q: f(x, q, axis=0), (3, 2), _at(2, 1, scale=scale)),
        (lambda x, q: f(x, q, method="midpoint"), (2, 3), _at(scale=scale)),
        (lambda x: f(x, 0.3 * scale, axis=0, method="averaged_inverted_cdf"), (3, 2)),
        (lambda x, q: f(x, q, axis=1, method="inverted_cdf", weights=weights), (2, 4), _at(2, scale=scale)),
        (lambda x: f(x, np.linspace(0.04, 0.93, 10) * scale, axis=1), _tied),
        (lambda x, q: f(x, q, axis=1), (0, 3), _at(2, scale=scale)),
    ]
    if ignore:
        made.append((lambda x, q: f(x, q, axis=1), _absent, _at(2, scale=scale)))
    calls(name, *made, dtypes=FLOATS)


_quantiles("quantile", np.quantile, 1, False)
_quantiles("percentile", np.percentile, 100, False)
_quantiles("nanquantile", np.nanquantile, 1, True)
_quantiles("nanpercentile", np.nanpercentile, 100, True)

# What their rules are made of.
_RANKS = np.arange(9)[::-1]  # more than are read one by one
calls(
    "entries_of_rank",
    (lambda x, v: ft.jvp(lambda q: np.quantile(x, q, axis=1), (np.array([0.3, 0.6]),), (v,))[1], (2, 4), (2,)),
    (lambda x, v: ft.jvp(lambda q: np.nanquantile(x, q, axis=1), (np.array([0.3, 0.6]),), (v,))[1], (2, 3), (2,)),
    (lambda x: entries_of_rank(x, _RANKS), (2, 9)),
    dtypes=FLOATS,
    moving=(0,),
)


def _tangents(rank: str) -> Any:
    def ties(t: Any, x: Any) -> Any:
        return ft.jvp(lambda x: np.quantile(x, _PLACES[rank], axis=-1), (ft.stop_gradient(x),), (t,))[1]

    return ties


_PLACES = {"few": np.array([0.1, 0.5]), "many": np.linspace(0.0, 1.0, 7)}
calls(
    "tied_mean",
    (_tangents("few"), (2, 4), (2, 4)),
    (_tangents("many"), (2, 4), (2, 4)),
    (_tangents("many"), (2, 4), _tied),
    (lambda t, x: ft.jvp(np.nanmedian, (x,), (t,))[1], (2, 3), (2, 3)),
    moving=(0,),
    dtypes=FLOATS,
)
calls(
    "tied_spread",
    (pulled(lambda x: np.quantile(x, _PLACES["few"], axis=-1).T), (2, 2), (2, 4)),
    (pulled(lambda x: np.quantile(x, _PLACES["many"], axis=-1).T), (2, 7), (2, 4)),
    (pulled(lambda x: np.quantile(x, _PLACES["many"], axis=-1).T), (2, 7), _tied),
    (pulled(np.nanmedian), (), (2, 3)),
    moving=(0,),
    dtypes=FLOATS,
)
