"""Logarithms of sums of exponentials: ``np.logaddexp.reduce`` and ``np.logaddexp2.reduce``.

Their derivatives are the shares of the entries in the sum (Blanchard, Higham and Higham, *Accurately computing the
log-sum-exp and softmax functions*, IMA J. Numer. Anal. 41 (2021)). Entries that are infinite as the result is, share
evenly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.duals import cast
from functrans.ops.reduction import (
    Axes,
    check_nonempty,
    expand,
    keep,
    named_impl,
    named_source,
    reduced_shape,
)
from functrans.ops.select import stop_gradient_p
from functrans.primitives import Primitive, Rules
from functrans.tracing.bind import bind


def _parts(power: Callable[[Any], Any], x: Any, top: Any, where: Any = None) -> Any:
    """Each exponential relative to that of the result; of infinite ones, whether they are the result."""
    infinite = np.isinf(top)
    part = x - np.where(infinite, 0, top)
    # What is left out may be larger than the result: it must not overflow.
    part = power(np.where(infinite if where is None else infinite | np.logical_not(where), 0, part))
    return keep(where, np.where(infinite, np.where(x == top, 1, 0), part))


def _shares(
    power: Callable[[Any], Any], out: Any, x: Any, initial: Any, where: Any, axis: Axes, keepdims: bool
) -> tuple[Any, Any]:
    """The share of each entry, and of the start (in the shape of the result), in the sum."""
    # As the shares are brought to the sum of one they do not move with what they are measured by.
    out = bind(stop_gradient_p, out)
    parts = _parts(power, x, expand(out, x.ndim, axis, keepdims), where)
    total = np.sum(parts, axis=axis, keepdims=keepdims)
    start: Any = None
    if initial is not None:
        start = _parts(power, initial, out)
        total = total + start
        start = start / total
    return parts / expand(total, x.ndim, axis, keepdims), start


def _logsum(ufunc: np.ufunc, power: Callable[[Any], Any]) -> Primitive:
    name = f"{ufunc.__name__}.reduce"

    def spec(x: ArraySpec, *others: ArraySpec, axis: Axes, keepdims: bool = False, **start: None) -> ArraySpec:
        shape = reduced_shape(x.shape, axis, keepdims)
        if start:
            check_nonempty(f"np.{name}", x, axis, shape)
        return ArraySpec(shape, x.dtype)

    def jvp(dx, out, x, initial=None, where=None, *, axis, keepdims=False):  # type: ignore[no-untyped-def]
        shares, _ = _shares(power, out, x, initial, where, axis, keepdims)
        return np.sum(keep(where, dx * shares), axis=axis, keepdims=keepdims)

    def vjp(ct, out, x, initial=None, where=None, *, axis, keepdims=False):  # type: ignore[no-untyped-def]
        shares, _ = _shares(power, out, x, initial, where, axis, keepdims)
        return keep(where, expand(ct, x.ndim, axis, keepdims) * shares)

    def by_initial(ct, out, x, initial, where=None, *, axis, keepdims=False):  # type: ignore[no-untyped-def]
        return ct * _shares(power, out, x, initial, where, axis, keepdims)[1]

    return Primitive(
        name,
        named_impl(ufunc.reduce, "initial", "where"),
        spec,
        Rules(jvp=[jvp, by_initial], vjp=[vjp, by_initial]),
        source=named_source(f"np.{name}", "initial", "where"),
        masks=3,
        batch=batching.starting(lambda out, start: ufunc(out, cast(start, out.dtype)), -np.inf),
    )


LOGSUMS = {np.logaddexp: _logsum(np.logaddexp, np.exp), np.logaddexp2: _logsum(np.logaddexp2, np.exp2)}
