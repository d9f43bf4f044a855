"""``any``, ``all``, ``argmax``, ``argmin`` and ``count_nonzero``: no derivative."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.family import normalize_axis
from functrans.ops.reduction import (
    NO_VALUE,
    Axes,
    array,
    check_nonempty,
    given,
    mask_of,
    named_impl,
    named_source,
    reduced_shape,
    reduction,
    reduction_axes,
)
from functrans.primitives import Constant, Primitive
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import METHODS, implements, refuse_out


def _truth(name: str, function: Callable[..., Any]) -> Primitive:
    return Primitive(
        name,
        named_impl(function, "where"),
        lambda x, where=None, *, axis, keepdims=False: ArraySpec(reduced_shape(x.shape, axis, keepdims), np.bool_),
        Constant("its result is a truth value"),
        source=named_source(f"np.{name}", "where"),
        batch=batching.reducing,
    )


any_p = _truth("any", np.any)
all_p = _truth("all", np.all)


@implements(np.any)
def any(a: Any, axis: Any = None, out: None = None, keepdims: Any = NO_VALUE, *, where: Any = NO_VALUE) -> Any:
    """``np.any``."""
    a, params = reduction("np.any", a, axis, out, keepdims)
    return bind(any_p, a, *given(mask_of("np.any", where, a)), **params)


@implements(np.all)
def all(a: Any, axis: Any = None, out: None = None, keepdims: Any = NO_VALUE, *, where: Any = NO_VALUE) -> Any:
    """``np.all``."""
    a, params = reduction("np.all", a, axis, out, keepdims)
    return bind(all_p, a, *given(mask_of("np.all", where, a)), **params)


def _position(name: str, function: Callable[..., Any]) -> Primitive:
    def spec(x: ArraySpec, *, axis: int | None = None, keepdims: bool = False) -> ArraySpec:
        axes = tuple(range(x.ndim)) if axis is None else (axis,)
        shape = reduced_shape(x.shape, axes, keepdims)
        check_nonempty(f"np.{name}", x, axes, shape)
        return ArraySpec(shape, np.intp)

    return Primitive(name, function, spec, Constant("its result is an index"), batch=_position_batch)


def _position_batch(
    primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    (x,) = operands
    if "axis" in params:
        return bind(primitive, x, **{**params, "axis": params["axis"] + 1})
    out = bind(primitive, np.reshape(x, (size, -1)), axis=1)
    return np.reshape(out, (size, *[1] * (x.ndim - 1))) if params.get("keepdims") else out


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


count_nonzero_p = Primitive(
    "count_nonzero", np.count_nonzero, _count_spec, Constant("its result is a count"), batch=batching.reducing_all
)


@implements(np.count_nonzero)
def count_nonzero(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    """``np.count_nonzero``."""
    a, params = reduction("np.count_nonzero", a, axis, None, keepdims)
    if axis is None:
        del params["axis"]
    return bind(count_nonzero_p, a, **params)


METHODS.update(any=any, all=all, argmax=argmax, argmin=argmin)
