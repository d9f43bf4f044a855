"""``mean``, ``var`` and ``std``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functrans.errors import ShapeError, UncoveredFunctionError
from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.duals import absorb, cast
from functrans.ops.family import operand
from functrans.ops.reduction import (
    NO_VALUE,
    Axes,
    broadcasts_to,
    constant_in,
    dtype_of,
    expand,
    keep,
    mask_of,
    named_impl,
    named_source,
    reduced_shape,
    reduction,
    spread,
)
from functrans.primitives import Linear, Primitive, Rules
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import METHODS, implements
from functrans.tracing.tracer import Tracer


def _count(x: Any, where: Any, axis: Axes, keepdims: bool) -> Any:
    """How many entries go into each result."""
    if where is not None:
        return np.sum(np.broadcast_to(where, x.shape), axis=axis, keepdims=keepdims)
    count = 1
    for i in axis:
        count *= x.shape[i]
    return count


def _mean_transpose(ct, x, where=None, *, axis, keepdims=False, dtype=None):  # type: ignore[no-untyped-def]
    count = _count(x, where, axis, keepdims)
    if where is not None:
        return np.where(where, spread(cast(ct / np.maximum(count, 1), ct.dtype), x, axis, keepdims), 0)
    return spread(ct * (1.0 / max(count, 1)), x, axis, keepdims)


mean_p = Primitive(
    "mean",
    named_impl(np.mean, "where"),
    lambda x, where=None, *, axis, keepdims=False, dtype=None: ArraySpec(
        reduced_shape(x.shape, axis, keepdims), dtype_of(np.mean, x, dtype)
    ),
    Linear((_mean_transpose, None)),
    source=named_source("np.mean", "where"),
    masks=2,
    batch=batching.reducing,
)


@implements(np.mean)
def mean(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: None = None,
    keepdims: Any = NO_VALUE,
    *,
    where: Any = NO_VALUE,
) -> Any:
    """``np.mean``."""
    a, params = reduction("np.mean", a, axis, out, keepdims, dtype)
    mask = mask_of("np.mean", where, a)
    return bind(mean_p, a, **params) if mask is None else bind(mean_p, a, mask, **params)


# var and std: with d = x - mean, dvar = 2 sum Re(conj(d) dx) / (n - ddof). The mean's own tangent drops out, since the
# deviations from it sum to zero; not so when the mean is given by the user (`var_about`), who then owns it.


def _deviations(x: Any, where: Any, axis: Axes, dtype: Any) -> Any:
    if where is None:
        return x - np.mean(x, axis=axis, dtype=dtype, keepdims=True)
    # Not `np.mean`, which warns where nothing is chosen.
    total = np.sum(keep(where, x), axis=axis, dtype=dtype, keepdims=True)
    return x - cast(total / np.maximum(_count(x, where, axis, True), 1), total.dtype)


def _weighted(d: Any, x: Any, where: Any, axis: Axes, ddof: Any) -> Any:
    """The local derivative of the variance: 2 conj(d) / (n - ddof); NaN where no degree of freedom is left."""
    d = np.conj(d) if d.dtype.kind == "c" else d
    count = _count(x, where, axis, True)
    if where is None:
        return d * (2.0 / (count - ddof) if count > ddof else np.nan)
    free = count > ddof
    return d * cast(np.where(free, 2.0 / np.where(free, count - ddof, 1), np.nan), np.real(d).dtype)


def _pushed(slope: Any, dx: Any, where: Any, axis: Axes, keepdims: bool) -> Any:
    # A zero absorbs where masks make them: of a result that has no value, too.
    product = slope * dx if where is None else absorb(dx, slope)
    if product.dtype.kind == "c":
        product = np.real(product)
    return np.sum(keep(where, product), axis=axis, keepdims=keepdims)


def _pulled(ct: Any, slope: Any, where: Any) -> Any:
    # `dtype=complex` makes the result complex, but only its real part moves.
    if ct.dtype.kind == "c" and slope.dtype.kind == "c":
        ct = np.real(ct)
    return keep(where, absorb(ct, slope))


def _slope(x, where, axis, dtype, ddof):  # type: ignore[no-untyped-def]
    return _weighted(_deviations(x, where, axis, dtype), x, where, axis, ddof)


def _slope_about(x, mean, where, axis, ddof):  # type: ignore[no-untyped-def]
    return _weighted(x - mean, x, where, axis, ddof)


def _var_jvp(dx, out, x, where=None, *, axis, keepdims=False, dtype=None, ddof=0):  # type: ignore[no-untyped-def]
    return _pushed(_slope(x, where, axis, dtype, ddof), dx, where, axis, keepdims)


def _var_vjp(ct, out, x, where=None, *, axis, keepdims=False, dtype=None, ddof=0):  # type: ignore[no-untyped-def]
    return _pulled(expand(ct, x.ndim, axis, keepdims), _slope(x, where, axis, dtype, ddof), where)


def _about_jvp(dx, out, x, mean, where=None, *, axis, keepdims=False, dtype=None, ddof=0):  # type: ignore[no-untyped-def]
    return _pushed(_slope_about(x, mean, where, axis, ddof), dx, where, axis, keepdims)


def _about_vjp(ct, out, x, mean, where=None, *, axis, keepdims=False, dtype=None, ddof=0):  # type: ignore[no-untyped-def]
    return _pulled(expand(ct, x.ndim, axis, keepdims), _slope_about(x, mean, where, axis, ddof), where)


def _about_by_mean_jvp(dm, out, x, mean, where=None, *, axis, keepdims=False, dtype=None, ddof=0):  # type: ignore[no-untyped-def]
    return -_pushed(_slope_about(x, mean, where, axis, ddof), dm, where, axis, keepdims)


def _about_by_mean_vjp(ct, out, x, mean, where=None, *, axis, keepdims=False, dtype=None, ddof=0):  # type: ignore[no-untyped-def]
    return -_pulled(expand(ct, x.ndim, axis, keepdims), _slope_about(x, mean, where, axis, ddof), where)


# std = sqrt(var), a seminorm: at its minimum the derivative is the subgradient of least norm, 0. There the computed
# value may be a rounding error instead of 0, so equal entries are asked for as well.


def _half_inverse(out: Any, flat: Any) -> Any:
    """1 / (2 std), zero where there is no spread."""
    return np.where(flat, 0, np.divide(0.5, np.where(flat, 1, out)))


def _is_flat(out: Any, x: Any, where: Any, axis: Axes, keepdims: bool) -> Any:
    keywords: dict[str, Any] = {} if where is None else {"where": where}
    top = np.max(x, axis=axis, keepdims=True, initial=-np.inf, **keywords)
    flat = (out == 0) | np.all(x == top, axis=axis, keepdims=keepdims, **keywords)
    return flat & (out == out)  # of one number, without a degree of freedom left, it is undefined


def _std_jvp(dx, out, x, where=None, *, axis, keepdims=False, dtype=None, ddof=0):  # type: ignore[no-untyped-def]
    factor = _half_inverse(out, _is_flat(out, x, where, axis, keepdims))
    return absorb(_var_jvp(dx, out, x, where, axis=axis, keepdims=keepdims, dtype=dtype, ddof=ddof), factor)


def _std_vjp(ct, out, x, where=None, *, axis, keepdims=False, dtype=None, ddof=0):  # type: ignore[no-untyped-def]
    ct = absorb(ct, _half_inverse(out, _is_flat(out, x, where, axis, keepdims)))
    return _var_vjp(ct, out, x, where, axis=axis, keepdims=keepdims, dtype=dtype, ddof=ddof)


def _root_jvp(rule: Callable[..., Any]) -> Callable[..., Any]:
    """A jvp rule of ``var_about`` as one of its root."""
    return lambda dx, out, *operands, **params: absorb(rule(dx, out, *operands, **params), _half_inverse(out, out == 0))


def _root_vjp(rule: Callable[..., Any]) -> Callable[..., Any]:
    """A vjp rule of ``var_about`` as one of its root."""
    return lambda ct, out, *operands, **params: rule(absorb(ct, _half_inverse(out, out == 0)), out, *operands, **params)


_about_dtypes: dict[tuple[Any, ...], np.dtype[Any]] = {}


def _about_spec(x, mean, where=None, *, axis, keepdims=False, dtype=None, ddof=0):  # type: ignore[no-untyped-def]
    if dtype is None:
        key = (x.dtype, mean.promoting)
        if key not in _about_dtypes:
            about = mean.dtype.type(1).item() if mean.weak else np.ones((), mean.dtype)
            _about_dtypes[key] = np.var(np.ones(2, x.dtype), mean=about).dtype  # type: ignore[call-overload]
        dtype = _about_dtypes[key]
    return ArraySpec(reduced_shape(x.shape, axis, keepdims), dtype)


def _declare(
    function: Callable[..., Any], own: tuple[Any, Any], about: Any, vjp_about: Any
) -> tuple[Primitive, Primitive]:
    name = function.__name__

    def spec(x, where=None, *, axis, keepdims=False, dtype=None, ddof=0):  # type: ignore[no-untyped-def]
        return ArraySpec(reduced_shape(x.shape, axis, keepdims), dtype_of(function, x, dtype))

    return (
        Primitive(
            name,
            named_impl(function, "where"),
            spec,
            Rules(jvp=[own[0]], vjp=[own[1]]),
            source=named_source(f"np.{name}", "where"),
            masks=2,
            batch=batching.reducing,
        ),
        Primitive(
            f"{name}_about",
            named_impl(function, "mean", "where"),
            _about_spec,
            Rules(jvp=about, vjp=vjp_about),
            source=named_source(f"np.{name}", "mean", "where"),
            masks=3,
            batch=batching.reducing,
        ),
    )


var_p, var_about_p = _declare(
    np.var, (_var_jvp, _var_vjp), [_about_jvp, _about_by_mean_jvp], [_about_vjp, _about_by_mean_vjp]
)
std_p, std_about_p = _declare(
    np.std,
    (_std_jvp, _std_vjp),
    [_root_jvp(_about_jvp), _root_jvp(_about_by_mean_jvp)],
    [_root_vjp(_about_vjp), _root_vjp(_about_by_mean_vjp)],
)


def spread_about(own: Primitive, about: Primitive) -> Callable[..., Any]:
    """The function that users call, of a variance or its root, and of those about a given mean."""
    name = f"np.{own.name}"

    def handler(
        a: Any,
        axis: Any = None,
        dtype: Any = None,
        out: None = None,
        ddof: Any = 0,
        keepdims: Any = NO_VALUE,
        *,
        where: Any = NO_VALUE,
        mean: Any = NO_VALUE,
        correction: Any = NO_VALUE,
    ) -> Any:
        a, params = reduction(name, a, axis, out, keepdims, dtype)
        if correction is not NO_VALUE:
            if ddof != 0:
                raise ValueError("ddof and correction can't be provided simultaneously.")
            ddof = correction
        if type(ddof) is Tracer:
            raise UncoveredFunctionError(
                f"a traced `ddof=` of `{name}` is not covered", f"scale the result: `{name}(x) * (n / (n - ddof))`."
            )
        if ddof != 0:
            params["ddof"] = ddof
        mask = mask_of(name, where, a)
        masks = () if mask is None else (mask,)
        if mean is NO_VALUE or mean is None:
            return bind(own, a, *masks, **params)
        mean = operand(mean)
        if dtype is not None:
            mean = constant_in(params["dtype"], mean)
        _check_mean(name, ArraySpec.of(a), ArraySpec.of(mean))
        return bind(about, a, mean, *masks, **params)

    handler.__doc__ = f"``{name}``; the derivative of its root is zero where all entries are equal."
    return handler


def _check_mean(name: str, x: ArraySpec, mean: ArraySpec) -> None:
    if not broadcasts_to(mean, x):
        raise ShapeError(
            f"`mean=` of `{name}` is {mean}, which does not broadcast to the array, {x}",
            "compute it with `keepdims=True`, along the same axes.",
        )
    if mean.dtype.kind == "c" and x.dtype.kind != "c":
        raise ShapeError(
            f"`mean=` of `{name}` is {mean}, but the array is {x}: the result would not be a variance",
            "pass a real mean, or convert the array (`x.astype(complex)`).",
        )


var = implements(np.var)(spread_about(var_p, var_about_p))
std = implements(np.std)(spread_about(std_p, std_about_p))
METHODS.update(mean=mean, var=var, std=std)
