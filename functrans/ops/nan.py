"""Reductions that leave NaN out: ``nansum``, ``nanprod``, ``nanmax`` and their kin.

Means and variances are in :mod:`functrans.ops.nan_statistics`.

Each is the plain function of the entries that are there: its rules are those of the plain reduction with the mask
``where=~isnan(x)``. So an entry that is NaN has an exact zero for its derivative, in both modes and at every order,
whatever comes from behind; also where nothing is left and NumPy warns and returns NaN.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.ir.spec import ArraySpec
from functrans.ops import batching, reduce, truth
from functrans.ops.cumulative import cumprod, cumsum
from functrans.ops.duals import cast
from functrans.ops.reduction import (
    NO_VALUE,
    Axes,
    array,
    check_nonempty,
    choosing,
    dtype_of,
    expand,
    keep,
    named_impl,
    named_source,
    reduced_shape,
    spread,
    starting_at,
)
from functrans.primitives import Primitive, Rules
from functrans.tracing.dispatch import implements


def present(x: Any, where: Any) -> Any:
    """Which entries take part."""
    there = np.logical_not(np.isnan(x))
    return there if where is None else there & where


def _without(x: Any, fill: Any) -> Any:
    """``x`` with another number for NaN, in its own dtype."""
    return np.where(np.isnan(x), x.dtype.type(fill), x) if x.dtype.kind in "fc" else x


def nan_reduction(name: str, rules: Rules, batch: Any, *names: str) -> Primitive:
    """A primitive named as NumPy's function, whose operands after the first are keywords of these names."""
    function = getattr(np, name.removesuffix("_about"))

    def spec(x: ArraySpec, *others: ArraySpec, axis: Axes, keepdims: bool = False, **params: Any) -> ArraySpec:
        shape = reduced_shape(x.shape, axis, keepdims)
        if function in (np.nanmax, np.nanmin) and not others:
            check_nonempty(f"np.{name}", x, axis, shape)
        return ArraySpec(shape, dtype_of(function, x, params.get("dtype")))

    return Primitive(
        name,
        named_impl(function, *names),
        spec,
        rules,
        source=named_source(f"np.{function.__name__}", *names),
        masks=True,
        batch=batch,
    )


# Sums and products.


def _sum_jvp(dx, out, x, initial=None, where=None, *, axis, keepdims=False, dtype=None):  # type: ignore[no-untyped-def]
    return np.sum(keep(present(x, where), dx), axis=axis, keepdims=keepdims, dtype=dtype)


def _sum_vjp(ct, out, x, initial=None, where=None, *, axis, keepdims=False, dtype=None):  # type: ignore[no-untyped-def]
    return keep(present(x, where), spread(ct, ArraySpec.of(x), axis, keepdims))


def _sum_by_initial(t, out, x, initial, where=None, *, axis, keepdims=False, dtype=None):  # type: ignore[no-untyped-def]
    return t


def _prod_jvp(dx, out, x, initial=None, where=None, **params):  # type: ignore[no-untyped-def]
    there = present(x, where)
    return reduce._prod_jvp(keep(there, dx), None, x, initial, there, **params)


def _prod_vjp(ct, out, x, initial=None, where=None, **params):  # type: ignore[no-untyped-def]
    return reduce._prod_vjp(ct, None, x, initial, present(x, where), **params)


def _prod_by_initial(t, out, x, initial, where=None, **params):  # type: ignore[no-untyped-def]
    return reduce._prod_by_initial(t, None, x, initial, present(x, where), **params)


nansum_p = nan_reduction(
    "nansum",
    Rules(jvp=[_sum_jvp, _sum_by_initial], vjp=[_sum_vjp, _sum_by_initial]),
    batching.starting(np.add, 0),
    "initial",
    "where",
)
nanprod_p = nan_reduction(
    "nanprod",
    Rules(jvp=[_prod_jvp, _prod_by_initial], vjp=[_prod_vjp, _prod_by_initial]),
    batching.starting(np.multiply, 1),
    "initial",
    "where",
)


nansum = implements(np.nansum)(starting_at(nansum_p, "np.nansum", 0))
nanprod = implements(np.nanprod)(starting_at(nanprod_p, "np.nanprod", 1))


@implements(np.nancumsum)
def nancumsum(a: Any, axis: Any = None, dtype: Any = None, out: None = None) -> Any:
    """``np.nancumsum``."""
    return cumsum(_without(array(a), 0), axis, dtype, out)


@implements(np.nancumprod)
def nancumprod(a: Any, axis: Any = None, dtype: Any = None, out: None = None) -> Any:
    """``np.nancumprod``."""
    return cumprod(_without(array(a), 1), axis, dtype, out)


# The largest and the smallest: entries that tie share the derivative evenly.


def _chosen(x: Any, out: Any, initial: Any, where: Any, axis: Axes, keepdims: bool) -> tuple[Any, Any]:
    """Which entries are the result, and how many share it (the start counts as one). NaN equals nothing."""
    chosen = x == expand(out, x.ndim, axis, keepdims)
    if where is not None:
        chosen = chosen & where
    count = np.sum(chosen, axis=axis, keepdims=keepdims)
    return chosen, np.maximum(count if initial is None else count + (initial == out), 1)


def _extremum_jvp(dx, out, x, initial=None, where=None, *, axis, keepdims=False):  # type: ignore[no-untyped-def]
    chosen, count = _chosen(x, out, initial, where, axis, keepdims)
    return np.sum(keep(chosen, dx), axis=axis, keepdims=keepdims) / count


def _extremum_vjp(ct, out, x, initial=None, where=None, *, axis, keepdims=False):  # type: ignore[no-untyped-def]
    chosen, count = _chosen(x, out, initial, where, axis, keepdims)
    return keep(chosen, expand(cast(ct / count, ct.dtype), x.ndim, axis, keepdims))


def _extremum_by_initial(t, out, x, initial, where=None, *, axis, keepdims=False):  # type: ignore[no-untyped-def]
    _, count = _chosen(x, out, initial, where, axis, keepdims)
    return np.where(initial == out, t / count, 0)


_EXTREMUM = Rules(jvp=[_extremum_jvp, _extremum_by_initial], vjp=[_extremum_vjp, _extremum_by_initial])
nanmax_p = nan_reduction("nanmax", _EXTREMUM, batching.starting(np.fmax), "initial", "where")
nanmin_p = nan_reduction("nanmin", _EXTREMUM, batching.starting(np.fmin), "initial", "where")
nanmax = implements(np.nanmax)(choosing(nanmax_p, "np.nanmax"))
nanmin = implements(np.nanmin)(choosing(nanmin_p, "np.nanmin"))


# Positions.

nanargmax_p = truth._position("nanargmax", np.nanargmax)
nanargmin_p = truth._position("nanargmin", np.nanargmin)


@implements(np.nanargmax)
def nanargmax(a: Any, axis: Any = None, out: None = None, *, keepdims: Any = NO_VALUE) -> Any:
    """``np.nanargmax``."""
    return truth._find(nanargmax_p, a, axis, out, keepdims)


@implements(np.nanargmin)
def nanargmin(a: Any, axis: Any = None, out: None = None, *, keepdims: Any = NO_VALUE) -> Any:
    """``np.nanargmin``."""
    return truth._find(nanargmin_p, a, axis, out, keepdims)
