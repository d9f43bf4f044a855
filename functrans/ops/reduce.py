"""Reductions: ``sum``, ``prod``, ``max``, ``min``, ``ptp``, truth, positions and counts.

``sum``, ``prod``, ``max`` and ``min`` take up to three operands: the array, where the reduction starts (``initial``),
and which entries take part (``where``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functrans.errors import ShapeError
from functrans.ir.spec import ArraySpec
from functrans.ops.family import cast, normalize_axes, normalize_axis, operand, strong
from functrans.ops.select import stop_gradient_p
from functrans.primitive import Constant, Linear, Primitive, Rules, Source, call_source
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import METHODS, implements, refuse_out
from functrans.tracing.tracer import Tracer

NO_VALUE: Any = np._NoValue  # type: ignore[attr-defined]
Axes = tuple[int, ...]

# What all reductions share.


def reduced_shape(shape: Axes, axis: Axes, keepdims: bool) -> Axes:
    """The shape without some axes, or with length 1 there."""
    if keepdims:
        return tuple([1 if i in axis else n for i, n in enumerate(shape)])
    return tuple([n for i, n in enumerate(shape) if i not in axis])


def expand(value: Any, ndim: int, axis: Axes, keepdims: bool) -> Any:
    """A reduction's output so that it broadcasts against its operand: the reduced axes are there, of length 1."""
    # Leading axes come back by themselves when shapes broadcast.
    if keepdims or not axis or axis[-1] == len(axis) - 1:
        return value
    lengths = iter(value.shape)
    return np.reshape(value, tuple([1 if i in axis else next(lengths) for i in range(ndim)]))


def spread(value: Any, spec: ArraySpec, axis: Axes, keepdims: bool) -> Any:
    """A reduction's output repeated along the reduced axes: the transpose of the sum."""
    return np.broadcast_to(expand(value, spec.ndim, axis, keepdims), spec.shape)


def keep(mask: Any, value: Any) -> Any:
    """``value`` where the mask holds, zero elsewhere; no mask keeps everything."""
    return value if mask is None else np.where(mask, value, 0)


_dtypes: dict[tuple[Any, ...], Any] = {}


def dtype_of(function: Callable[..., Any], x: ArraySpec, dtype: np.dtype[Any] | None = None) -> Any:
    """The dtype of a reduction's result."""
    if dtype is not None:
        return dtype
    key = (function, x.dtype)
    found = _dtypes.get(key)
    if found is None:
        found = _dtypes[key] = function(np.ones(2, x.dtype)).dtype
    return found


def named_impl(function: Callable[..., Any], *names: str) -> Callable[..., Any]:
    """A function whose operands after the first are keywords of these names."""

    def impl(x: Any, *others: Any, **params: Any) -> Any:
        if not others:
            return function(x, **params)
        return function(x, **dict(zip(names, others, strict=False)), **params)

    return impl


def named_source(function: str, *names: str) -> Source:
    """The printed call of :func:`named_impl`."""

    def source(args: list[str], params: dict[str, Any]) -> str:
        others = [f"{name}={arg}" for name, arg in zip(names, args[1:], strict=False)]
        return call_source(function, [args[0], *others], params)

    return source


def array(a: Any) -> Any:
    """An operand as NumPy's functions take it: they know no Python scalars."""
    return strong(operand(a))


def reduction_axes(axis: Any, ndim: int) -> Axes:
    """``axis`` in canonical form. NumPy's reductions take 0 and -1 for the axis of a number, too."""
    if not ndim and axis in (0, -1):
        return ()
    return normalize_axes(axis, ndim)


def reduction(
    name: str, a: Any, axis: Any, out: None, keepdims: Any = NO_VALUE, dtype: Any = None
) -> tuple[Any, dict[str, Any]]:
    """The operand and the parameters of a reduction; parameters at their defaults are left out."""
    if out is not None:
        refuse_out(name)
    a = array(a)
    params: dict[str, Any] = {"axis": reduction_axes(axis, a.ndim)}
    if keepdims is not NO_VALUE and keepdims:
        params["keepdims"] = True
    if dtype is not None:
        params["dtype"] = dtype = np.dtype(dtype)
        a = constant_in(dtype, a)
    return a, params


def constant_in(dtype: np.dtype[Any], a: Any) -> Any:
    """``a``, without its derivative if the result is an integer: rounding is constant between its jumps."""
    if dtype.kind not in "fc" and ArraySpec.of(a).dtype.kind in "fc":
        return bind(stop_gradient_p, a)
    return a


def mask_of(name: str, where: Any, a: Any) -> Any:
    """``where`` as a boolean operand, None if it leaves nothing out.

    Raises:
        ShapeError: it is not boolean, or does not broadcast to the shape of ``a``.
    """
    if where is NO_VALUE or where is True:
        return None
    if type(where) in (bool, int):
        where = bool(where)
    if type(where) is not Tracer:
        where = np.asarray(where)
    spec, array = ArraySpec.of(where), ArraySpec.of(a)
    if spec.dtype != bool:
        raise ShapeError(
            f"`where=` of `{name}` is {spec}, which is not boolean", "write a comparison, such as `where=x > 0`."
        )
    try:
        fits = np.broadcast_shapes(spec.shape, array.shape) == array.shape
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(
            f"`where=` of `{name}` is {spec}, but the array is {array}",
            "the mask must broadcast to the shape of the array; broadcast the array first (`np.broadcast_to`).",
        )
    return where


def with_start(
    primitive: Primitive, name: str, a: Any, params: dict[str, Any], initial: Any, where: Any, identity: Any
) -> Any:
    """Bind a reduction with ``initial`` and ``where`` as operands, as far as they are given."""
    mask = mask_of(name, where, a)
    if initial is None and identity is None:
        initial = NO_VALUE
    if mask is not None and (initial is None or initial is NO_VALUE):
        if initial is None or identity is None:
            raise ShapeError(
                f"`{name}` with `where=` and no `initial=`: if the mask leaves nothing, there is no result",
                "pass the result for that case, such as `initial=-np.inf`.",
            )
        initial = identity
    if initial is NO_VALUE:
        return bind(primitive, a, **params)
    if initial is None:
        # A parameter: without the identity a sum of -0.0 keeps its sign.
        return bind(primitive, a, initial=None, **params)
    initial = start_of(name, initial, primitive.spec(ArraySpec.of(a), ArraySpec((), bool), **params).dtype)
    return bind(primitive, a, initial, *_given(mask), **params)


def _given(mask: Any) -> tuple[Any, ...]:
    return () if mask is None else (mask,)


def start_of(name: str, initial: Any, dtype: np.dtype[Any]) -> Any:
    """``initial`` as a number of the result's dtype.

    Raises:
        ShapeError: it is not one number, or a complex start of a real reduction.
    """
    initial = constant_in(dtype, initial)
    spec = ArraySpec.of(initial)
    if spec.shape or (spec.dtype.kind == "c" and dtype.kind != "c"):
        raise ShapeError(
            f"`initial=` of `{name}` is {spec}, but the result is {ArraySpec((), dtype)}",
            "pass one number of the result's kind; to start each entry elsewhere, combine the result with `np.add`, "
            "`np.multiply`, `np.maximum` or `np.minimum`.",
        )
    if spec.weak or spec.dtype == dtype:
        return initial
    return initial.astype(dtype) if type(initial) is Tracer else dtype.type(initial)


def _check_nonempty(name: str, x: ArraySpec, axis: Axes, shape: Axes) -> None:
    if x.size == 0 and 0 in [x.shape[i] for i in axis] and 0 not in shape:
        raise ShapeError(
            f"`{name}` of {x} over an axis of length 0: there is nothing to choose from",
            "pass `initial=`, or check the length first.",
        )


# sum


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
)


@implements(np.sum)
def sum(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: None = None,
    keepdims: Any = NO_VALUE,
    initial: Any = NO_VALUE,
    where: Any = NO_VALUE,
) -> Any:
    """``np.sum``."""
    a, params = reduction("np.sum", a, axis, out, keepdims, dtype)
    if initial is NO_VALUE and where is NO_VALUE:
        return bind(sum_p, a, **params)
    return with_start(sum_p, "np.sum", a, params, initial, where, 0)


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
    return np.sum(keep(where, dx * _slope_of_prod(x, initial, where, axis)), axis=axis, keepdims=keepdims)


def _prod_vjp(ct, out, x, initial=None, where=None, *, axis, keepdims=False, dtype=None):  # type: ignore[no-untyped-def]
    return keep(where, expand(ct, x.ndim, axis, keepdims) * _slope_of_prod(x, initial, where, axis))


def _prod_by_initial(ct, out, x, initial, where=None, *, axis, keepdims=False, dtype=None):  # type: ignore[no-untyped-def]
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
)


@implements(np.prod)
def prod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: None = None,
    keepdims: Any = NO_VALUE,
    initial: Any = NO_VALUE,
    where: Any = NO_VALUE,
) -> Any:
    """``np.prod``; right where factors are zero, too."""
    a, params = reduction("np.prod", a, axis, out, keepdims, dtype)
    return with_start(prod_p, "np.prod", a, params, initial, where, 1)


# max and min: entries that tie share the derivative evenly. A NaN is chosen, as its value is.


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


def _extremum(name: str, function: Callable[..., Any]) -> Primitive:
    def spec(x: ArraySpec, *others: ArraySpec, axis: Axes, keepdims: bool = False) -> ArraySpec:
        shape = reduced_shape(x.shape, axis, keepdims)
        if not others:
            _check_nonempty(f"np.{name}", x, axis, shape)
        return ArraySpec(shape, x.dtype)

    return Primitive(
        name,
        named_impl(function, "initial", "where"),
        spec,
        Rules(jvp=[_extremum_jvp, _extremum_by_initial], vjp=[_extremum_vjp, _extremum_by_initial]),
        source=named_source(f"np.{name}", "initial", "where"),
        masks=True,
    )


max_p = _extremum("max", np.max)
min_p = _extremum("min", np.min)


@implements(np.max, np.amax)
def max(
    a: Any,
    axis: Any = None,
    out: None = None,
    keepdims: Any = NO_VALUE,
    initial: Any = NO_VALUE,
    where: Any = NO_VALUE,
) -> Any:
    """``np.max``; entries that tie share the derivative evenly."""
    a, params = reduction("np.max", a, axis, out, keepdims)
    return with_start(max_p, "np.max", a, params, initial, where, None)


@implements(np.min, np.amin)
def min(
    a: Any,
    axis: Any = None,
    out: None = None,
    keepdims: Any = NO_VALUE,
    initial: Any = NO_VALUE,
    where: Any = NO_VALUE,
) -> Any:
    """``np.min``; entries that tie share the derivative evenly."""
    a, params = reduction("np.min", a, axis, out, keepdims)
    return with_start(min_p, "np.min", a, params, initial, where, None)


@implements(np.ptp)
def ptp(a: Any, axis: Any = None, out: None = None, keepdims: Any = NO_VALUE) -> Any:
    """``np.ptp``: the largest minus the smallest."""
    a, params = reduction("np.ptp", a, axis, out, keepdims)
    return np.subtract(bind(max_p, a, **params), bind(min_p, a, **params))


# Truth, positions, counts: no derivative.


def _truth(name: str, function: Callable[..., Any]) -> Primitive:
    return Primitive(
        name,
        named_impl(function, "where"),
        lambda x, where=None, *, axis, keepdims=False: ArraySpec(reduced_shape(x.shape, axis, keepdims), np.bool_),
        Constant("its result is a truth value"),
        source=named_source(f"np.{name}", "where"),
    )


any_p = _truth("any", np.any)
all_p = _truth("all", np.all)


@implements(np.any)
def any(a: Any, axis: Any = None, out: None = None, keepdims: Any = NO_VALUE, *, where: Any = NO_VALUE) -> Any:
    """``np.any``."""
    a, params = reduction("np.any", a, axis, out, keepdims)
    return bind(any_p, a, *_given(mask_of("np.any", where, a)), **params)


@implements(np.all)
def all(a: Any, axis: Any = None, out: None = None, keepdims: Any = NO_VALUE, *, where: Any = NO_VALUE) -> Any:
    """``np.all``."""
    a, params = reduction("np.all", a, axis, out, keepdims)
    return bind(all_p, a, *_given(mask_of("np.all", where, a)), **params)


def _position(name: str, function: Callable[..., Any]) -> Primitive:
    def spec(x: ArraySpec, *, axis: int | None = None, keepdims: bool = False) -> ArraySpec:
        axes = tuple(range(x.ndim)) if axis is None else (axis,)
        shape = reduced_shape(x.shape, axes, keepdims)
        _check_nonempty(f"np.{name}", x, axes, shape)
        return ArraySpec(shape, np.intp)

    return Primitive(name, function, spec, Constant("its result is an index"))


argmax_p = _position("argmax", np.argmax)
argmin_p = _position("argmin", np.argmin)


def _find(primitive: Primitive, a: Any, axis: Any, out: None, keepdims: Any) -> Any:
    if out is not None:
        refuse_out(f"np.{primitive.name}")
    a = array(a)
    params: dict[str, Any] = {}
    if axis is not None and a.ndim:
        params["axis"] = normalize_axis(axis, a.ndim)
    elif axis is not None:
        reduction_axes(axis, 0)
    if keepdims is not NO_VALUE and keepdims:
        params["keepdims"] = True
    return bind(primitive, a, **params)


@implements(np.argmax)
def argmax(a: Any, axis: Any = None, out: None = None, *, keepdims: Any = NO_VALUE) -> Any:
    """``np.argmax``."""
    return _find(argmax_p, a, axis, out, keepdims)


@implements(np.argmin)
def argmin(a: Any, axis: Any = None, out: None = None, *, keepdims: Any = NO_VALUE) -> Any:
    """``np.argmin``."""
    return _find(argmin_p, a, axis, out, keepdims)


def _count_spec(x: ArraySpec, *, axis: Axes | None = None, keepdims: bool = False) -> ArraySpec:
    if axis is None and not keepdims:
        # A Python integer before NumPy 2.3, an array's scalar since.
        return ArraySpec.of(np.count_nonzero(np.ones(1)))
    return ArraySpec(reduced_shape(x.shape, tuple(range(x.ndim)) if axis is None else axis, keepdims), np.intp)


count_nonzero_p = Primitive("count_nonzero", np.count_nonzero, _count_spec, Constant("its result is a count"))


@implements(np.count_nonzero)
def count_nonzero(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    """``np.count_nonzero``."""
    a, params = reduction("np.count_nonzero", a, axis, None, keepdims)
    if axis is None:
        del params["axis"]
    return bind(count_nonzero_p, a, **params)


METHODS.update(sum=sum, prod=prod, max=max, min=min, any=any, all=all, argmax=argmax, argmin=argmin)
