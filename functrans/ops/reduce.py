"""``sum`` and ``prod``.

They, ``max`` and ``min`` take up to three operands: the array, where the reduction starts (``initial``), and which
entries take part (``where``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.reduction import (
    Axes,
    dtype_of,
    expand,
    in_dtype,
    keep,
    named_impl,
    named_source,
    reduced_shape,
    spread,
    starting_at,
)
from functrans.primitives import Linear, Primitive, Rules
from functrans.tracing.dispatch import METHODS, implements


def _sum_spec(
    x: ArraySpec,
    initial: ArraySpec | None = None,
    where: ArraySpec | None = None,
    *,
    axis: Axes,
    keepdims: bool = False,
    dtype: np.dtype[Any] | None = None,
) -> ArraySpec:
    return ArraySpec(reduced_shape(x.shape, axis, keepdims), dtype_of(np.sum, x, dtype))


def _sum_transpose(ct, x, initial=None, where=None, *, axis, keepdims=False, dtype=None):  # type: ignore[no-untyped-def]
    return keep(where, spread(ct, x, axis, keepdims))


sum_p = Primitive(
    "sum",
    named_impl(np.sum, "initial", "where"),
    _sum_spec,
    Linear((_sum_transpose, lambda ct, *operands, **params: ct, None)),
    source=named_source("np.sum", "initial", "where"),
    masks=3,
    batch=batching.starting(np.add, 0),
)


sum = implements(np.sum)(starting_at(sum_p, "np.sum", 0))


# prod: never by dividing by a factor, which may be zero.


def others(x: Any, axis: Axes) -> Any:
    """For each entry the product of all others along some axes."""
    result = None
    for along in axis:
        factor = _others_along(x, along)
        result = factor if result is None else result * factor
        x = np.prod(x, axis=along, keepdims=True)
    return 1.0 if result is None else result


def _others_along(x: Any, axis: int) -> Any:
    if not x.shape[axis]:
        return x
    lead = (slice(None),) * axis
    one = np.ones(tuple([1 if i == axis else n for i, n in enumerate(x.shape)]), x.dtype)
    before = np.concatenate([one, x[(*lead, slice(None, -1))]], axis=axis)
    after = np.concatenate([one, x[(*lead, slice(None, 0, -1))]], axis=axis)
    back = (*lead, slice(None, None, -1))
    return np.cumprod(before, axis=axis) * np.cumprod(after, axis=axis)[back]


def _slope_of_prod(x: Any, initial: Any, where: Any, axis: Axes) -> Any:
    """The local derivative of the product in each entry."""
    slope = others(x if where is None else np.where(where, x, 1), axis)
    return slope if initial is None else initial * slope


def _prod_jvp(dx, out, x, initial=None, where=None, *, axis, keepdims=False, dtype=None):  # type: ignore[no-untyped-def]
    slope = _slope_of_prod(in_dtype(dtype, x), initial, where, axis)
    return np.sum(keep(where, dx * slope), axis=axis, keepdims=keepdims)


def _prod_vjp(ct, out, x, initial=None, where=None, *, axis, keepdims=False, dtype=None):  # type: ignore[no-untyped-def]
    slope = _slope_of_prod(in_dtype(dtype, x), initial, where, axis)
    return keep(where, expand(ct, x.ndim, axis, keepdims) * slope)


def _prod_by_initial(ct, out, x, initial, where=None, *, axis, keepdims=False, dtype=None):  # type: ignore[no-untyped-def]
    x = in_dtype(dtype, x)
    return ct * np.prod(x if where is None else np.where(where, x, 1), axis=axis, keepdims=keepdims)


prod_p = Primitive(
    "prod",
    named_impl(np.prod, "initial", "where"),
    lambda x, *others, axis, keepdims=False, dtype=None, initial=None: ArraySpec(
        reduced_shape(x.shape, axis, keepdims), dtype_of(np.prod, x, dtype)
    ),
    Rules(jvp=[_prod_jvp, _prod_by_initial], vjp=[_prod_vjp, _prod_by_initial]),
    source=named_source("np.prod", "initial", "where"),
    masks=3,
    batch=batching.starting(np.multiply, 1),
)


prod = implements(np.prod)(starting_at(prod_p, "np.prod", 1))
METHODS.update(sum=sum, prod=prod)
