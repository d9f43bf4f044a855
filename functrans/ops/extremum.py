"""``max``, ``min`` and ``ptp``: entries that tie share the derivative evenly. A NaN is chosen, as its value is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.duals import cast
from functrans.ops.reduction import (
    NO_VALUE,
    Axes,
    check_nonempty,
    choosing,
    expand,
    named_impl,
    named_source,
    reduced_shape,
    reduction,
)
from functrans.primitives import Primitive, Rules
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import METHODS, implements


def _chosen(x: Any, out: Any, initial: Any, where: Any, axis: Axes, keepdims: bool) -> tuple[Any, Any]:
    """Which entries are the result, and how many share it (the start counts as one)."""
    top = expand(out, x.ndim, axis, keepdims)
    chosen = (x == top) | (x != x)
    if where is not None:
        chosen = chosen & where
    count = np.sum(chosen, axis=axis, keepdims=keepdims)
    return chosen, count if initial is None else count + _starts(out, initial)


def _starts(out: Any, initial: Any) -> Any:
    return (initial == out) | (initial != initial)


def _extremum_jvp(dx, out, x, initial=None, where=None, *, axis, keepdims=False):  # type: ignore[no-untyped-def]
    chosen, count = _chosen(x, out, initial, where, axis, keepdims)
    return np.sum(np.where(chosen, dx, 0), axis=axis, keepdims=keepdims) / np.maximum(count, 1)


def _extremum_vjp(ct, out, x, initial=None, where=None, *, axis, keepdims=False):  # type: ignore[no-untyped-def]
    chosen, count = _chosen(x, out, initial, where, axis, keepdims)
    share = cast(ct / np.maximum(count, 1), ct.dtype)
    return np.where(chosen, expand(share, x.ndim, axis, keepdims), 0)


def _extremum_by_initial(ct, out, x, initial, where=None, *, axis, keepdims=False):  # type: ignore[no-untyped-def]
    _, count = _chosen(x, out, initial, where, axis, keepdims)
    return np.where(_starts(out, initial), ct / np.maximum(count, 1), 0)


def _extremum(name: str, function: Callable[..., Any], pairwise: Callable[[Any, Any], Any]) -> Primitive:
    def spec(x: ArraySpec, *others: ArraySpec, axis: Axes, keepdims: bool = False) -> ArraySpec:
        shape = reduced_shape(x.shape, axis, keepdims)
        if not others:
            check_nonempty(f"np.{name}", x, axis, shape)
        return ArraySpec(shape, x.dtype)

    return Primitive(
        name,
        named_impl(function, "initial", "where"),
        spec,
        Rules(jvp=[_extremum_jvp, _extremum_by_initial], vjp=[_extremum_vjp, _extremum_by_initial]),
        source=named_source(f"np.{name}", "initial", "where"),
        masks=True,
        batch=batching.starting(pairwise),
    )


max_p = _extremum("max", np.max, np.maximum)
min_p = _extremum("min", np.min, np.minimum)


# Entries that tie share the derivative evenly.
max = implements(np.max, np.amax)(choosing(max_p, "np.max"))
min = implements(np.min, np.amin)(choosing(min_p, "np.min"))


@implements(np.ptp)
def ptp(a: Any, axis: Any = None, out: None = None, keepdims: Any = NO_VALUE) -> Any:
    """``np.ptp``: the largest minus the smallest."""
    a, params = reduction("np.ptp", a, axis, out, keepdims)
    return np.subtract(bind(max_p, a, **params), bind(min_p, a, **params))


METHODS.update(max=max, min=min)
