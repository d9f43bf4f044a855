"""``median`` and ``nanmedian``: values are NumPy's, to the bit; entries that tie share the derivative evenly.

A NaN that makes the result NaN is the entry that is chosen, as it is of ``np.max``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.family import normalize_axes
from functrans.ops.ranks import from_rows, mean_of_ties, numbers_in, spread_over_ties, to_rows
from functrans.ops.reduction import NO_VALUE, array, dtype_of, reduced_shape
from functrans.primitives import Primitive, Rules
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import implements, refuse_out


def _middle(rows: Any, ignore: bool) -> Any:
    """The ranks of which the median is the mean: two, or one."""
    if ignore:
        n = numbers_in(rows)
        return np.maximum(np.concatenate([(n - 1) // 2, n // 2], axis=-1), 0)
    n = rows.shape[-1]
    return np.array([n // 2] if n % 2 else [n // 2 - 1, n // 2])


def _median(function: Callable[..., Any], ignore: bool) -> Primitive:
    def jvp(dx, out, x, *, axis, keepdims=False):  # type: ignore[no-untyped-def]
        if not x.size:
            return np.zeros(np.shape(out), out.dtype)
        rows = to_rows(x, axis)
        means = mean_of_ties(to_rows(dx, axis), rows, _middle(rows, ignore), not ignore)
        return np.reshape(np.mean(means, axis=-1), np.shape(out))

    def vjp(ct, out, x, *, axis, keepdims=False):  # type: ignore[no-untyped-def]
        if not x.size:
            return np.zeros(x.shape, x.dtype)
        rows = to_rows(x, axis)
        ranks = _middle(rows, ignore)
        each = np.reshape(ct, (*rows.shape[:-1], 1))
        if ranks.shape[-1] == 2:
            each = np.broadcast_to(each * 0.5, (*rows.shape[:-1], 2))
        return from_rows(spread_over_ties(each, rows, ranks, not ignore), x, axis)

    return Primitive(
        function.__name__,
        function,
        lambda x, *, axis, keepdims=False: ArraySpec(reduced_shape(x.shape, axis, keepdims), dtype_of(function, x)),
        Rules(jvp=[jvp], vjp=[vjp]),
        masks=True,
        batch=batching.along("axis"),
    )


median_p = _median(np.median, False)
nanmedian_p = _median(np.nanmedian, True)


def reduction_over(name: str, a: Any, axis: Any, out: None, keepdims: Any) -> tuple[Any, dict[str, Any]]:
    """The operand and the parameters of a reduction for which the only axis of a number is None."""
    if out is not None:
        refuse_out(name)
    a = array(a)
    params: dict[str, Any] = {"axis": normalize_axes(axis, a.ndim)}
    if keepdims is not NO_VALUE and keepdims:
        params["keepdims"] = True
    return a, params


@implements(np.median)
def median(a: Any, axis: Any = None, out: None = None, overwrite_input: bool = False, keepdims: Any = False) -> Any:
    """``np.median``. That the input may be overwritten is permitted, and not done."""
    a, params = reduction_over("np.median", a, axis, out, keepdims)
    return bind(median_p, a, **params)


@implements(np.nanmedian)
def nanmedian(
    a: Any, axis: Any = None, out: None = None, overwrite_input: bool = False, keepdims: Any = NO_VALUE
) -> Any:
    """``np.nanmedian``. That the input may be overwritten is permitted, and not done."""
    a, params = reduction_over("np.nanmedian", a, axis, out, keepdims)
    return bind(nanmedian_p, a, **params)
