"""``nanmean``, ``nanvar`` and ``nanstd``: those of the entries that are there.

Their rules are those of :mod:`functrans.ops.statistics` with the mask ``where=~isnan(x)``: NaN entries have an exact
zero for their derivative. Where too few entries are left, NumPy warns and returns NaN; then those that are there have
NaN for their derivative, which a zero cotangent absorbs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from functrans.ir.spec import ArraySpec
from functrans.ops import batching, statistics
from functrans.ops.duals import cast
from functrans.ops.nan import nan_reduction, present
from functrans.ops.reduction import NO_VALUE, array, expand, given, keep, mask_of, reduction
from functrans.primitives import Primitive, Rule, Rules
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import implements


def _mean_jvp(dx, out, x, where=None, *, axis, keepdims=False, dtype=None):  # type: ignore[no-untyped-def]
    there = present(x, where)
    return np.sum(keep(there, dx), axis=axis, keepdims=keepdims, dtype=dtype) / np.maximum(
        np.sum(there, axis=axis, keepdims=keepdims), 1
    )


def _mean_vjp(ct, out, x, where=None, *, axis, keepdims=False, dtype=None):  # type: ignore[no-untyped-def]
    there = present(x, where)
    share = cast(ct / np.maximum(np.sum(there, axis=axis, keepdims=keepdims), 1), ct.dtype)
    return keep(there, expand(share, x.ndim, axis, keepdims))


nanmean_p = nan_reduction("nanmean", Rules(jvp=[_mean_jvp], vjp=[_mean_vjp]), batching.reducing, "where")


def _of_what_is_there(rule: Rule) -> Rule:
    """A rule of a variance as one of that which leaves NaN out."""

    def masked(t, out, x, where=None, **params):  # type: ignore[no-untyped-def]
        there = present(x, where)
        return rule(t, out, keep(there, x), there, **params)

    return masked


def _of_what_is_there_about(rule: Rule) -> Rule:
    """The same about a given mean."""

    def masked(t, out, x, mean, where=None, **params):  # type: ignore[no-untyped-def]
        there = present(x, where)
        return rule(t, out, keep(there, x), mean, there, **params)

    return masked


def _declare(own: Primitive, about: Primitive) -> tuple[Primitive, Primitive]:
    made = []
    for plain, wrap, names in (
        (own, _of_what_is_there, ("where",)),
        (about, _of_what_is_there_about, ("mean", "where")),
    ):
        rules = plain.derivative
        assert isinstance(rules, Rules)
        assert rules.vjp is not None
        masked = Rules(jvp=[wrap(rule) for rule in rules.jvp if rule], vjp=[wrap(rule) for rule in rules.vjp if rule])
        made.append(nan_reduction(f"nan{plain.name}", masked, batching.reducing, *names))
    return made[0], made[1]


nanvar_p, nanvar_about_p = _declare(statistics.var_p, statistics.var_about_p)
nanstd_p, nanstd_about_p = _declare(statistics.std_p, statistics.std_about_p)


@implements(np.nanmean)
def nanmean(
    a: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: Any = NO_VALUE, *, where: Any = NO_VALUE
) -> Any:
    """``np.nanmean``."""
    if _is_exact(a, dtype):
        return statistics.mean(a, axis, dtype, out, keepdims, where=where)
    a, params = reduction("np.nanmean", a, axis, out, keepdims, dtype)
    return bind(nanmean_p, a, *given(mask_of("np.nanmean", where, a)), **params)


def _is_exact(a: Any, dtype: Any) -> bool:
    """Whether ``a`` holds no NaN, by its dtype.

    Raises:
        TypeError: it may, and the result is to be an integer; as in NumPy.
    """
    if ArraySpec.of(a).dtype.kind not in "fc":
        return True
    if dtype is not None and np.dtype(dtype).kind not in "fc":
        raise TypeError("If a is inexact, then dtype must be inexact")
    return False


def _spread_of(own: Primitive, about: Primitive, plain: Callable[..., Any]) -> Callable[..., Any]:
    general = statistics.spread_about(own, about)

    @wraps(general)
    def handler(a: Any, axis: Any = None, dtype: Any = None, *args: Any, **keywords: Any) -> Any:
        a = array(a)
        return (plain if _is_exact(a, dtype) else general)(a, axis, dtype, *args, **keywords)

    return handler


nanvar = implements(np.nanvar)(_spread_of(nanvar_p, nanvar_about_p, statistics.var))
nanstd = implements(np.nanstd)(_spread_of(nanstd_p, nanstd_about_p, statistics.std))
