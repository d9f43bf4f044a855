"""What reductions share: axes, masks, starts, specs, and how a cotangent finds its way back to the reduced axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functrans.errors import ShapeError
from functrans.ir.spec import ArraySpec
from functrans.ops.duals import cast
from functrans.ops.family import normalize_axes, operand
from functrans.ops.scalars import strong
from functrans.ops.select import stop_gradient_p
from functrans.primitives import Primitive, Source, call_source
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import refuse_out
from functrans.tracing.tracer import Tracer

NO_VALUE: Any = np._NoValue  # type: ignore[attr-defined]
Axes = tuple[int, ...]


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


def in_dtype(dtype: np.dtype[Any] | None, a: Any) -> Any:
    """``a`` as a product with ``dtype=`` takes it: converted before anything is multiplied."""
    return a if dtype is None else cast(a, dtype)


def constant_in(dtype: np.dtype[Any], a: Any) -> Any:
    """``a``, without its derivative if the result is an integer: rounding is constant between its jumps."""
    if dtype.kind not in "fc" and ArraySpec.of(a).dtype.kind in "fc":
        return bind(stop_gradient_p, a)
    return a


def broadcasts_to(spec: ArraySpec, array: ArraySpec) -> bool:
    """Whether an operand broadcasts to the shape of another without widening it."""
    try:
        return np.broadcast_shapes(spec.shape, array.shape) == array.shape
    except ValueError:
        return False


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
    if not broadcasts_to(spec, array):
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
    return bind(primitive, a, initial, *given(mask), **params)


def starting_at(primitive: Primitive, name: str, identity: Any) -> Callable[..., Any]:
    """The function that users call, of a reduction that starts at ``initial=``, by default at ``identity``."""

    def handler(
        a: Any,
        axis: Any = None,
        dtype: Any = None,
        out: None = None,
        keepdims: Any = NO_VALUE,
        initial: Any = NO_VALUE,
        where: Any = NO_VALUE,
    ) -> Any:
        a, params = reduction(name, a, axis, out, keepdims, dtype)
        if initial is NO_VALUE and where is NO_VALUE:
            return bind(primitive, a, **params)
        return with_start(primitive, name, a, params, initial, where, identity)

    handler.__doc__ = f"``{name}``."
    return handler


def choosing(primitive: Primitive, name: str) -> Callable[..., Any]:
    """The function that users call, of a reduction that chooses an entry, or the number ``initial=``."""

    def handler(
        a: Any,
        axis: Any = None,
        out: None = None,
        keepdims: Any = NO_VALUE,
        initial: Any = NO_VALUE,
        where: Any = NO_VALUE,
    ) -> Any:
        a, params = reduction(name, a, axis, out, keepdims)
        return with_start(primitive, name, a, params, initial, where, None)

    handler.__doc__ = f"``{name}``."
    return handler


def given(mask: Any) -> tuple[Any, ...]:
    """The mask as operands: one, or none."""
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


def check_nonempty(name: str, x: ArraySpec, axis: Axes, shape: Axes) -> None:
    """Refuse to choose from no entries, as NumPy does.

    Raises:
        ShapeError: there is an entry of the result with nothing to choose from.
    """
    if x.size == 0 and 0 in [x.shape[i] for i in axis] and 0 not in shape:
        raise ShapeError(
            f"`{name}` of {x} over an axis of length 0: there is nothing to choose from",
            "pass `initial=`, or check the length first.",
        )
