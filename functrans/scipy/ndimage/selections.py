"""Filters of ``scipy.ndimage`` that select an entry of each window: the largest, the smallest, one by its rank.

The derivative goes to the entry that is selected; to several in equal parts, where the largest are equal, as those of
``np.max`` do, and to one of equals that have a rank, as ``np.sort`` does.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from functrans.ir.spec import ArraySpec
from functrans.ops.family import keywords, normalize_axes, normalize_axis
from functrans.ops.index import getitem
from functrans.ops.plain import known
from functrans.primitives import Primitive
from functrans.scipy import twin
from functrans.scipy.ndimage.pictures import (
    beside,
    checked_cval,
    checked_mode,
    continued,
    covers_picture,
    in_place,
    per_axis,
)
from functrans.tracing.bind import bind


def _windows(x: Any, footprint: Any, mode: str, cval: Any, origin: Sequence[int]) -> tuple[Any, Any]:
    """The entries of each window, along a last axis; and which of them it has not had before, beyond an edge."""
    widths = [beside(size, place) for size, place in zip(footprint.shape, origin, strict=True)]
    wide = continued(x, widths, mode, cval)
    flat = np.arange(int(np.prod(wide.shape))).reshape(wide.shape)
    corners = flat[tuple([slice(n) for n in x.shape])]
    places = corners[..., None] + flat[tuple([slice(n) for n in footprint.shape])][footprint]
    sources = continued(np.arange(int(np.prod(x.shape))).reshape(x.shape), widths, mode, -1).ravel()[places]
    order = np.argsort(sources, axis=-1, kind="stable")
    ordered = np.take_along_axis(sources, order, -1)
    first = np.ones(sources.shape, bool)
    np.put_along_axis(first, order[..., 1:], ordered[..., 1:] != ordered[..., :-1], -1)
    return getitem(np.ravel(wide), places), first


def _twin(pick: Callable[..., Any]) -> Callable[..., Any]:
    def selected(
        x: Any, *, footprint: twin.Fixed, mode: str = "reflect", cval: Any = 0.0, origin: Sequence[int], **which: Any
    ) -> Any:
        return pick(*_windows(x, footprint.array, mode, cval, origin), **which)

    return selected


def _ranked(windows: Any, first: Any, rank: int) -> Any:
    return np.sort(windows, axis=-1)[..., rank]


def _batch(
    primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    footprint = twin.Fixed(params["footprint"].array[None])
    return bind(primitive, *operands, **{**params, "footprint": footprint, "origin": (0, *params["origin"])})


def _selecting(name: str, pick: Callable[..., Any]) -> Primitive:
    function = getattr(ndimage, name)

    def impl(x: Any, *, footprint: twin.Fixed, **how: Any) -> Any:
        return function(x, footprint=footprint.array, **how)

    def source(args: list[str], params: dict[str, Any]) -> str:
        given = ", ".join(f"{key}={value!r}" for key, value in params.items())
        return f"scipy.ndimage.{name}({args[0]}, {given})"

    return Primitive(
        f"scipy.ndimage.{name}",
        impl,
        lambda x, **_: ArraySpec(x.shape, x.dtype),
        twin.rules(_twin(pick), 1),
        source=source,
        masks=True,
        batch=_batch,
    )


_MAXIMUM = _selecting("maximum_filter", lambda windows, first: np.max(windows, axis=-1, where=first, initial=-np.inf))
_MINIMUM = _selecting("minimum_filter", lambda windows, first: np.min(windows, axis=-1, where=first, initial=np.inf))
_RANK = _selecting("rank_filter", _ranked)


def _footprint(name: str, size: Any, footprint: Any, count: int) -> Any:
    if footprint is None:
        if size is None:
            raise RuntimeError("no footprint or filter size provided")
        return np.ones([int(n) for n in per_axis(known(size, name), count)], bool)
    found = np.asarray(known(footprint, name), bool)
    if found.ndim != count:
        raise RuntimeError("footprint array has incorrect shape.")
    if not found.any():
        raise ValueError("All-zero footprint is not supported.")
    return found


def _prepared(
    name: str,
    x: Any,
    size: Any = None,
    footprint: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    origin: Any = 0,
    axes: Any = None,
) -> dict[str, Any]:
    """The parameters of a filter, of what SciPy's functions take."""
    if x.dtype.kind == "c":
        raise TypeError("Complex type not supported")
    places = normalize_axes(axes, x.ndim)
    found = _footprint(name, size, footprint, len(places))
    full, rest = in_place(places, found.shape, per_axis(origin, len(places)), x.ndim)
    how = keywords({"mode": checked_mode(mode, name), "cval": checked_cval(cval, name)}, mode="reflect", cval=0.0)
    return {"footprint": twin.Fixed(np.expand_dims(found, rest)), **how, "origin": full}


def _extreme(primitive: Primitive) -> None:
    name = primitive.name.rpartition(".")[2]

    @covers_picture(getattr(ndimage, name))
    def handler(x: Any, **how: Any) -> Any:
        """One mode for all axes."""
        return bind(primitive, x, **_prepared(name, x, **how))

    @covers_picture(getattr(ndimage, f"{name}1d"))
    def along(x: Any, size: Any, axis: Any = -1, **how: Any) -> Any:
        return handler(x, size=size, axes=(normalize_axis(axis, x.ndim),), **how)


_extreme(_MAXIMUM)
_extreme(_MINIMUM)


def _by_rank(name: str, rank_of: Callable[..., int], given: str = "") -> None:
    @covers_picture(getattr(ndimage, name))
    def handler(x: Any, **how: Any) -> Any:
        """One mode for all axes."""
        which = how.pop(given) if given else None
        params = _prepared(name, x, **how)
        count = int(np.count_nonzero(params["footprint"].array))
        rank = rank_of(known(which, name), count)
        if not 0 <= rank < count:
            raise RuntimeError("rank not within filter footprint size")
        return bind(_RANK, x, rank=rank, **params)


def _of_percentile(percentile: Any, count: int) -> int:
    percentile = percentile + 100.0 if percentile < 0.0 else percentile
    if not 0 <= percentile <= 100:
        raise RuntimeError("invalid percentile")
    return count - 1 if percentile == 100.0 else int(float(count) * percentile / 100.0)


_by_rank("rank_filter", lambda rank, count: operator.index(rank) + (count if rank < 0 else 0), "rank")
_by_rank("percentile_filter", _of_percentile, "percentile")
_by_rank("median_filter", lambda _, count: count // 2)
