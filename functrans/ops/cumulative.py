"""Running sums and products."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.family import broadcast_shapes, normalize_axis
from functrans.ops.reduction import array, constant_in, dtype_of, in_dtype
from functrans.primitives import Linear, Primitive, Rules
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import METHODS, implements, refuse_out


def _backwards(ndim: int, axis: int) -> tuple[slice, ...]:
    return tuple([slice(None, None, -1) if i == axis else slice(None) for i in range(ndim)])


def _cumulative_spec(function: Callable[..., Any]) -> Callable[..., ArraySpec]:
    return lambda x, *, axis, dtype=None: ArraySpec(x.shape, dtype_of(function, x, dtype))


def _cumsum_transpose(ct, x, *, axis, dtype=None):  # type: ignore[no-untyped-def]
    back = _backwards(x.ndim, axis)
    return np.cumsum(ct[back], axis=axis)[back]


cumsum_p = Primitive(
    "cumsum", np.cumsum, _cumulative_spec(np.cumsum), Linear((_cumsum_transpose,)), batch=batching.along("axis")
)


# A running product y[i] = x[i] y[i-1] has the tangent dy[i] = x[i] dy[i-1] + y[i-1] dx[i]: a linear recurrence, whose
# transpose is one that runs backwards. It needs no division, so a factor may be zero, and it is closed under
# differentiation, so every order is right. A recurrence is an associative scan (Blelloch, *Prefix sums and their
# applications*, 1990): linear work, without a loop over the entries.


def linear_recurrence(a, b, axis, reverse=False):  # type: ignore[no-untyped-def]
    """``y[i] = b[i] + a[i] * y[i-1]`` along an axis; reversed, its transpose: ``y[i] = b[i] + a[i+1] * y[i+1]``."""
    y = np.array(np.broadcast_to(b, np.broadcast_shapes(np.shape(a), np.shape(b))), np.result_type(a, b))
    steps = np.moveaxis(y, axis, 0)
    factors = np.moveaxis(np.broadcast_to(a, y.shape), axis, 0).astype(y.dtype)
    if reverse:  # the same from the other end
        steps = steps[::-1]
        factors[1:] = factors[:0:-1].copy()
    # Blocks of 8 are run side by side, each as if nothing came before it; then what each hands on, by the same means
    # (the loop goes down); then that times the running products of its factors is added (the loop comes back). Where
    # such a product could overflow, or vanish though no factor is zero, and where there is little to win, it is run
    # step by step, so that no number differs by more than rounding.
    levels = []
    while len(steps) > 128 and steps[0].size <= 64 and y.dtype.kind in "fc":
        size = np.abs(factors)
        bound = 2.0 ** (np.finfo(y.dtype).maxexp // 8 - 1)
        if not (np.max(size, initial=0.0) <= bound and np.min(size, where=size > 0, initial=1.0) >= 1.0 / bound):
            break
        count = len(steps) // 8
        split = (count, 8, *steps.shape[1:])
        blocks, products = steps[: 8 * count].reshape(split), factors[: 8 * count].reshape(split)
        for j in range(1, 8):
            blocks[:, j] += products[:, j] * blocks[:, j - 1]
            products[:, j] *= products[:, j - 1]
        levels.append((steps, factors, blocks, products))
        steps, factors = blocks[:, 7], products[:, 7]
    for i in range(1, len(steps)):
        steps[i] = steps[i] + factors[i] * steps[i - 1]
    for steps, factors, blocks, products in levels[::-1]:
        blocks[1:, :7] += products[1:, :7] * blocks[:-1, 7:]
        for i in range(8 * len(blocks), len(steps)):
            steps[i] = steps[i] + factors[i] * steps[i - 1]
    return y


def _delayed(y: Any, axis: int, first: float, reverse: bool = False) -> Any:
    """``y`` moved by one place along an axis (towards the front, reversed), and ``first`` in the gap."""
    shape = y.shape
    if not shape[axis]:
        return y
    lead = (slice(None),) * axis
    gap = np.full(tuple([1 if i == axis else n for i, n in enumerate(shape)]), first, y.dtype)
    if reverse:
        return np.concatenate([y[(*lead, slice(1, None))], gap], axis=axis)
    return np.concatenate([gap, y[(*lead, slice(None, -1))]], axis=axis)


def _recurrence_by_factor(da, out, a, b, *, axis, reverse=False):  # type: ignore[no-untyped-def]
    forcing = _delayed(da * out, axis, 0.0, reverse=True) if reverse else da * _delayed(out, axis, 0.0)
    return bind(recurrence_p, a, forcing, axis=axis, reverse=reverse)


def _recurrence_by_factor_vjp(ct, out, a, b, *, axis, reverse=False):  # type: ignore[no-untyped-def]
    pulled = bind(recurrence_p, a, ct, axis=axis, reverse=not reverse)
    return out * _delayed(pulled, axis, 0.0) if reverse else pulled * _delayed(out, axis, 0.0)


def _recurrence_by_rest(db, out, a, b, *, axis, reverse=False):  # type: ignore[no-untyped-def]
    return bind(recurrence_p, a, db, axis=axis, reverse=reverse)


def _recurrence_by_rest_vjp(ct, out, a, b, *, axis, reverse=False):  # type: ignore[no-untyped-def]
    return bind(recurrence_p, a, ct, axis=axis, reverse=not reverse)


def _recurrence_batch(
    primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    return batching.elementwise(primitive, operands, batched, size, {**params, "axis": params["axis"] + 1})


recurrence_p = Primitive(
    "linear_recurrence",
    linear_recurrence,
    lambda a, b, *, axis, reverse=False: ArraySpec(
        broadcast_shapes("linear_recurrence", (a, b)), np.result_type(a.dtype, b.dtype)
    ),
    Rules(
        jvp=[_recurrence_by_factor, _recurrence_by_rest],
        vjp=[_recurrence_by_factor_vjp, _recurrence_by_rest_vjp],
    ),
    source=lambda args, params: (
        f"linear_recurrence({args[0]}, {args[1]}, axis={params['axis']}, reverse={params['reverse']})"
    ),
    helpers={"linear_recurrence": linear_recurrence},
    masks=True,  # one factor has no part in the result
    batch=_recurrence_batch,
)


def _cumprod_jvp(dx, out, x, *, axis, dtype=None):  # type: ignore[no-untyped-def]
    x = in_dtype(dtype, x)
    return bind(recurrence_p, x, in_dtype(dtype, dx) * _delayed(out, axis, 1.0), axis=axis, reverse=False)


def _cumprod_vjp(ct, out, x, *, axis, dtype=None):  # type: ignore[no-untyped-def]
    return bind(recurrence_p, in_dtype(dtype, x), ct, axis=axis, reverse=True) * _delayed(out, axis, 1.0)


cumprod_p = Primitive(
    "cumprod",
    np.cumprod,
    _cumulative_spec(np.cumprod),
    Rules(jvp=[_cumprod_jvp], vjp=[_cumprod_vjp]),
    batch=batching.along("axis"),
)


def _running(primitive: Primitive, a: Any, axis: Any, dtype: Any, out: None) -> Any:
    if out is not None:
        refuse_out(f"np.{primitive.name}")
    a = array(a)
    if axis is not None and not (a.ndim == 0 and axis in (0, -1)):
        axis = normalize_axis(axis, a.ndim)
    elif a.ndim == 1:
        axis = 0
    else:
        a, axis = np.reshape(a, -1), 0
    params: dict[str, Any] = {"axis": axis}
    if dtype is not None:
        params["dtype"] = dtype = np.dtype(dtype)
        a = constant_in(dtype, a)
    return bind(primitive, a, **params)


@implements(np.cumsum)
def cumsum(a: Any, axis: Any = None, dtype: Any = None, out: None = None) -> Any:
    """``np.cumsum``."""
    return _running(cumsum_p, a, axis, dtype, out)


@implements(np.cumprod)
def cumprod(a: Any, axis: Any = None, dtype: Any = None, out: None = None) -> Any:
    """``np.cumprod``; right where factors are zero, too."""
    return _running(cumprod_p, a, axis, dtype, out)


def _cumulative(primitive: Primitive, start: int) -> Callable[..., Any]:
    def handler(
        x: Any, /, *, axis: Any = None, dtype: Any = None, out: None = None, include_initial: bool = False
    ) -> Any:
        if axis is None and x.ndim > 1:
            raise ValueError("For arrays which have more than one dimension ``axis`` argument is required.")
        result = _running(primitive, x, axis, dtype, out)
        if not include_initial:
            return result
        axis = 0 if axis is None else normalize_axis(axis, result.ndim)
        shape = tuple([1 if i == axis else n for i, n in enumerate(result.shape)])
        return np.concatenate([np.full(shape, start, result.dtype), result], axis=axis)

    return handler


if hasattr(np, "cumulative_sum"):  # since NumPy 2.1
    implements(np.cumulative_sum)(_cumulative(cumsum_p, 0))
    implements(np.cumulative_prod)(_cumulative(cumprod_p, 1))

METHODS.update(cumsum=cumsum, cumprod=cumprod)
