"""``quantile`` and ``percentile``, and their kin that ignore NaN: values are NumPy's, to the bit.

A quantile is interpolated, ``(1 - g) * low + g * high``, between two entries next to one another in order, at a place
``h(q)`` of which ``g`` is the fraction. So its derivative in the entries is ``1 - g`` and ``g``, and in ``q`` it is
``(high - low) * h'(q)``: at a knot that of the cell to the right, at 1 that to the left. Methods that choose an entry
are constant in ``q``, and in ``weights``. Entries that tie share the derivative evenly (those with weights:
:mod:`functrans.ops.quantile_weights`). A NaN that makes the result NaN is the entry that is chosen, as it is of
``np.max``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from math import prod
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np

from functrans.errors import UncoveredFunctionError
from functrans.ir.spec import WEAK, ArraySpec
from functrans.ops import batching
from functrans.ops.convert import to_dtype
from functrans.ops.family import keywords
from functrans.ops.median import reduction_over
from functrans.ops.plain import plain
from functrans.ops.quantile_place import METHODS, reading, slope
from functrans.ops.quantile_weights import put, taken, weighted_places
from functrans.ops.ranks import entries_of_rank, from_rows, mean_of_ties, numbers_in, spread_over_ties, to_rows
from functrans.ops.reduction import NO_VALUE, Axes, reduced_shape
from functrans.ops.scalars import is_weak, strong
from functrans.ops.select import stop_gradient_p
from functrans.ops.shape import operand_array
from functrans.primitives import Primitive, Rules, call_source
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import implements
from functrans.tracing.tracer import Tracer

# Axes: None are all, also for NumPy, whose 2.0 takes weights amiss where all are listed.


def _all(axis: Axes | None, ndim: int) -> Axes:
    return tuple(range(ndim)) if axis is None else axis


# Layouts: the result has the axes of q in front; rows have them, as one, at the end.


def _flat(q: Any) -> Any:
    return np.reshape(strong(q), (prod(np.shape(q)),))


def _out_of_rows(found: Any, out: Any) -> Any:
    return np.reshape(np.moveaxis(found, -1, 0), np.shape(out))


def _into_rows(out: Any, rows: Any, count: int) -> Any:
    return np.moveaxis(np.reshape(out, (count, *rows.shape[:-1])), 0, -1)


def _blend(entries: Any, weight: Any, count: int) -> Any:
    """Low and high, side by side, as one."""
    if entries.shape[-1] == count:
        return entries
    return entries[..., :count] * (1 - weight) + entries[..., count:] * weight


# The primitives.


def _quantile(function: Callable[..., Any], scale: int, ignore: bool) -> Primitive:
    def fraction(q: Any) -> Any:
        return q if scale == 1 else np.true_divide(q, scale)

    def count(rows: Any) -> Any:
        return numbers_in(rows) if ignore else rows.shape[-1]

    def tied(x: Any, q: Any, axis: Any, method: str) -> tuple[Any, Any, Any, bool]:
        """The rows, the ranks in them, the weight of the upper ones, and whether a NaN goes before."""
        rows = to_rows(bind(stop_gradient_p, x), _all(axis, x.ndim))
        return rows, *reading(method, count(rows), fraction(_flat(q))), not ignore

    def places(out: Any, x: Any, q: Any, weights: Any, axis: Any) -> tuple[Any, list[Any]]:
        axis = _all(axis, x.ndim)
        rows, fractions = to_rows(x, axis), fraction(_flat(bind(stop_gradient_p, q)))
        found = _into_rows(bind(stop_gradient_p, out), rows, prod(np.shape(q)))
        return rows, weighted_places(rows, to_rows(weights, axis), fractions, found, ignore)

    def jvp(dx, out, x, q, weights=None, *, axis, method="linear", keepdims=False):  # type: ignore[no-untyped-def]
        if not x.size:
            return np.zeros(np.shape(out), out.dtype)
        t = to_rows(dx, _all(axis, x.ndim))
        if weights is not None:
            return _out_of_rows(taken(t, places(out, x, q, weights, axis)[1]), out)
        rows, ranks, weight, nan_first = tied(x, q, axis, method)
        return _out_of_rows(_blend(mean_of_ties(t, rows, ranks, nan_first), weight, prod(np.shape(q))), out)

    def vjp(ct, out, x, q, weights=None, *, axis, method="linear", keepdims=False):  # type: ignore[no-untyped-def]
        if not x.size:
            return np.zeros(x.shape, x.dtype)
        if weights is not None:
            rows, chosen = places(out, x, q, weights, axis)
            pulled = put(_into_rows(ct, rows, prod(np.shape(q))), chosen, rows.shape)
            return from_rows(pulled, x, _all(axis, x.ndim))
        rows, ranks, weight, nan_first = tied(x, q, axis, method)
        ct = _into_rows(ct, rows, prod(np.shape(q)))
        if ranks.shape[-1] != ct.shape[-1]:
            ct = np.concatenate([ct * (1 - weight), ct * weight], axis=-1)
        return from_rows(spread_over_ties(ct, rows, ranks, nan_first), x, _all(axis, x.ndim))

    def steepness(x: Any, q: Any, axis: Axes | None, method: str) -> Any:
        """The derivative in ``q``, in rows."""
        rows, m = to_rows(x, _all(axis, x.ndim)), prod(np.shape(q))
        ranks, _ = reading(method, count(rows), fraction(_flat(bind(stop_gradient_p, q))))
        entries = entries_of_rank(rows, ranks, not ignore)
        rise = np.where(ranks[..., m:] > ranks[..., :m], entries[..., m:] - entries[..., :m], 0)
        return rise * (slope(method, count(rows)) / scale)

    def is_constant(x: Any, weights: Any, method: str) -> bool:
        return not x.size or weights is not None or METHODS[method].slope is None

    def jvp_by_q(dq, out, x, q, weights=None, *, axis, method="linear", keepdims=False):  # type: ignore[no-untyped-def]
        if is_constant(x, weights, method):
            return np.zeros(np.shape(out), out.dtype)
        return _out_of_rows(steepness(x, q, axis, method) * _flat(dq), out)

    def vjp_by_q(ct, out, x, q, weights=None, *, axis, method="linear", keepdims=False):  # type: ignore[no-untyped-def]
        if is_constant(x, weights, method):
            return np.zeros(np.shape(q), ct.dtype)
        steep = steepness(x, q, axis, method)
        moved = steep * _into_rows(ct, steep, prod(np.shape(q)))
        return np.reshape(np.sum(moved, axis=tuple(range(moved.ndim - 1))), np.shape(q))

    def impl(x: Any, q: Any, *weights: Any, **params: Any) -> Any:
        if type(q) is np.ndarray and not q.ndim:  # NumPy 2.0 takes a scalar and such an array for two things
            q = q[()]
        return function(x, q, **params, **({"weights": weights[0]} if weights else {}))

    @cache
    def dtype_of(x: Any, q: Any, dimensions: int, method: str, weighted: bool) -> Any:
        sample = np.ones(2, x)
        given = {"weights": np.ones(2)} if weighted else {}
        q = WEAK[q](0) if isinstance(q, str) else np.zeros((1,) * dimensions, q)[()]
        return function(sample, q, method=method, **given).dtype

    def spec(x: ArraySpec, q: ArraySpec, *weights: ArraySpec, axis: Axes | None, **params: Any) -> ArraySpec:
        if not x.size:  # what NumPy refuses, and what it makes of it, is its own
            with catch_warnings():
                simplefilter("ignore")
                like = [np.ones(x.shape, x.dtype), np.zeros(q.shape, q.dtype), *[np.ones(w.shape) for w in weights]]
                return ArraySpec.of(impl(*like, axis=axis, **params))
        kept = reduced_shape(x.shape, _all(axis, x.ndim), params.get("keepdims", False))
        method = params.get("method", "linear")
        kind = q.dtype.kind if q.weak else q.dtype
        return ArraySpec((*q.shape, *kept), dtype_of(x.dtype, kind, len(q.shape), method, bool(weights)))

    def batch(
        primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
    ) -> Any:
        specs = [ArraySpec.of(o) for o in operands]
        one = primitive.spec(
            *[ArraySpec(s.shape[1:], s.dtype) if flag else s for s, flag in zip(specs, batched, strict=True)], **params
        )
        x, q = operands[:2]
        _check_range(q, scale)
        if not size or not x.size:
            return np.full((size, *one.shape), np.nan, one.dtype)
        axis: Axes = batching.shifted(_all(params["axis"], specs[0].ndim - batched[0]))
        rows, *weights = [
            to_rows(o if flag else np.reshape(o, (1, *np.shape(o))), axis)
            for o, flag in zip((x, *operands[2:]), (batched[0], *batched[2:]), strict=True)
        ]
        if weights:
            rows, weights[0] = [np.broadcast_to(o, (size, *o.shape[1:])) for o in (rows, weights[0])]
        if not batched[1]:
            given = {name: value for name, value in params.items() if name == "method"}
            found = bind(primitive, rows, _flat(q) if np.ndim(q) else q, *weights, axis=(rows.ndim - 1,), **given)
            return np.reshape(np.moveaxis(found, 1, 0) if np.ndim(q) else found, (size, *one.shape))
        m = prod(np.shape(q)[1:])
        fractions = fraction(np.reshape(q, (size, *[1] * (rows.ndim - 2), m)))
        if weights:
            entries = taken(rows, weighted_places(rows, weights[0], fractions, None, ignore))
            weight: Any = 0.0
        else:
            ranks, weight = reading(params.get("method", "linear"), count(rows), fractions)
            entries = entries_of_rank(rows, ranks, not ignore)
        found = np.broadcast_to(_blend(entries, weight, m), (size, *rows.shape[1:-1], m))
        return to_dtype(np.reshape(np.moveaxis(found, -1, 1), (size, *one.shape)), one.dtype)

    def source(args: list[str], params: dict[str, Any]) -> str:
        given = [*args[:2], *[f"weights={arg}" for arg in args[2:]]]
        return call_source(f"np.{function.__name__}", given, keywords(params, axis=None, method="linear"))

    made = Primitive(
        function.__name__,
        impl,
        spec,
        Rules(jvp=[jvp, jvp_by_q, None], vjp=[vjp, vjp_by_q, None]),
        source=source,
        masks=True,
        batch=batch,
    )
    _handle(made, function, scale, ignore)
    return made


def _handle(primitive: Primitive, function: Callable[..., Any], scale: int, ignore: bool) -> None:
    name = f"np.{function.__name__}"

    @implements(function)
    def quantile(
        a: Any,
        q: Any,
        axis: Any = None,
        out: None = None,
        overwrite_input: bool = False,  # permitted, and not done
        method: str = "linear",
        keepdims: Any = NO_VALUE,
        *,
        weights: Any = None,
        interpolation: str | None = None,
    ) -> Any:
        if interpolation is not None:
            raise TypeError(f"`interpolation=` of `{name}` is deprecated: write `method={interpolation!r}`")
        a, params = reduction_over(name, a, axis, out, keepdims)
        if a.dtype.kind == "c":
            raise TypeError("a must be an array of real numbers")
        q = q if is_weak(q) or type(q) is Tracer else np.asanyarray(q)[()]
        _check_range(q, scale)
        if len(np.shape(q)) == 2 and ignore and 1 != len(params["axis"]) < a.ndim:
            raise UncoveredFunctionError(
                f"`{name}` for a table of `q` over several axes but not all: NumPy mixes up the axes of its result",
                f"`{name}(a, q.ravel(), axis).reshape(shape)` has them in order.",
            )
        if method not in METHODS:
            raise ValueError(f"{method!r} is not a valid method. Use one of: {', '.join(METHODS)}")
        if len(params["axis"]) == a.ndim:
            params["axis"] = None
        if method != "linear":
            params["method"] = method
        if weights is None:
            return bind(primitive, a, q, **params)
        if method != "inverted_cdf":
            raise ValueError(f"Only method 'inverted_cdf' supports weights. Got: {method}.")
        weights = bind(stop_gradient_p, _weights_of(a, operand_array(weights), axis))
        return bind(primitive, a, q, weights, **params)


def _check_range(q: Any, scale: int) -> None:
    """Refuse what is no probability, as NumPy does, wherever its value is known."""
    q = plain(q)
    if type(q) is not ArraySpec and np.size(q) and not (np.min(q) >= 0 and np.max(q) <= scale):
        kind = "Quantiles" if scale == 1 else "Percentiles"
        raise ValueError(f"{kind} must be in the range [0, {scale}]")


def _weights_of(a: Any, weights: Any, axis: Any) -> Any:
    """Weights as many as entries, given for each of them or along the axes."""
    if weights.shape == a.shape:
        return weights
    if axis is None:
        raise TypeError("Axis must be specified when shapes of a and weights differ.")
    axes = [i % a.ndim for i in (axis if isinstance(axis, tuple | list) else (axis,))]
    if weights.shape != tuple([a.shape[i] for i in axes]):
        raise ValueError("Shape of weights must be consistent with shape of a along specified axis.")
    weights = np.transpose(weights, tuple(np.argsort(axes).tolist()))
    weights = np.reshape(weights, tuple([n if i in axes else 1 for i, n in enumerate(a.shape)]))
    return np.broadcast_to(weights, a.shape)


quantile_p = _quantile(np.quantile, 1, False)
percentile_p = _quantile(np.percentile, 100, False)
nanquantile_p = _quantile(np.nanquantile, 1, True)
nanpercentile_p = _quantile(np.nanpercentile, 100, True)
