"""The same entries in another shape: ``reshape``, ``transpose`` and what is written in them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from functrans.errors import ShapeError, UncoveredFunctionError
from functrans.ir.source import param_source
from functrans.ir.spec import ArraySpec
from functrans.ops.family import normalize_axes, normalize_axis, operand
from functrans.ops.scalars import strong
from functrans.primitives import Linear, Primitive
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import METHODS, implements
from functrans.tracing.tracer import Tracer

# Reshape


def _reshape_impl(x: Any, shape: tuple[int, ...], order: Any = "C") -> Any:
    return np.reshape(x, shape, order=order)


def _reshape_source(args: list[str], params: dict[str, Any]) -> str:
    order = f", order={params['order']!r}" if "order" in params else ""
    return f"np.reshape({args[0]}, {param_source(params['shape'])}{order})"


def _reshape_batch(
    primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    # In either order the batch, being the first axis, keeps its place.
    return bind(primitive, operands[0], **{**params, "shape": (size, *params["shape"])})


reshape_p = Primitive(
    "reshape",
    _reshape_impl,
    lambda x, shape, order="C": ArraySpec(shape, x.dtype),
    Linear((lambda ct, x, shape, order="C": np.reshape(ct, x.shape, order=order),)),
    source=_reshape_source,
    batch=_reshape_batch,
)


def to_shape(x: Any, shape: tuple[int, ...], order: str = "C") -> Any:
    """``x`` in a shape that is known to fit."""
    if type(x) is not Tracer:
        return np.reshape(x, shape, order=order)  # type: ignore[call-overload]
    spec = x.spec
    if spec.shape == shape and not spec.weak and order == "C":
        return x
    return bind(reshape_p, x, shape=shape) if order == "C" else bind(reshape_p, x, shape=shape, order=order)


def as_shape(shape: Any) -> tuple[int, ...]:
    """A shape as NumPy takes it: an integer or several."""
    if isinstance(shape, Sequence | np.ndarray) and np.ndim(shape):  # type: ignore[arg-type]
        return tuple([operator.index(n) for n in shape])
    return tuple([operator.index(n) for n in shape]) if isinstance(shape, tuple | list) else (operator.index(shape),)


def _fill_in(shape: tuple[int, ...], spec: ArraySpec) -> tuple[int, ...]:
    """``shape`` with its -1 worked out."""
    known = 1
    unknown = 0
    for n in shape:
        if n == -1:
            unknown += 1
        else:
            known *= n
    if unknown == 1 and known > 0 and spec.size % known == 0:
        return tuple([spec.size // known if n == -1 else n for n in shape])
    if unknown or known != spec.size or min(shape, default=0) < 0:
        raise ShapeError(
            f"cannot reshape {spec}, which has {spec.size} entries, into {shape}",
            "the lengths must multiply to the number of entries; one of them may be -1, to be worked out.",
        )
    return shape


def known_value(x: Any) -> Any:
    """What a traced value stands for outermost: an array, or in staged tracing a spec."""
    while type(x) is Tracer:
        x = x.value
    return x


def _plain_order(x: Any, order: Any, what: str) -> str:
    """An order that does not depend on how the entries lie in memory: C or F."""
    if order is None or order in "Cc":
        return "C"
    if order in "Ff":
        return "F"
    value = known_value(x)
    if type(value) is not ArraySpec and order in "AaKk":
        flags = np.asarray(value).flags
        if flags.c_contiguous or (order in "Aa" and not flags.fnc):
            return "C"
        if flags.f_contiguous:
            return "F"
    raise UncoveredFunctionError(
        f"`order={order!r}` of `{what}` depends on how a traced value lies in memory",
        "pass `order='C'` or `order='F'`.",
    )


def _check_copy(x: Any, shape: tuple[int, ...], order: str, copy: bool | None) -> None:
    """Refuse ``copy=False`` where a copy is needed. Other requests need no care, since traced values are immutable."""
    if copy is not False:
        return
    value = known_value(x)
    if type(value) is ArraySpec:
        raise UncoveredFunctionError(
            "`copy=False` of `np.reshape`: a staged value has no memory of which a view could be made",
            "leave `copy` out.",
        )
    np.reshape(value, shape, order=order, copy=False)  # type: ignore[call-overload]


@implements(np.reshape)
def reshape(a: Any, /, shape: Any = None, order: str = "C", *, newshape: Any = None, copy: bool | None = None) -> Any:
    """``np.reshape``."""
    if shape is None:
        if newshape is None:
            raise TypeError("reshape() missing 1 required positional argument: 'shape'")
        shape = newshape
    a = operand(a)
    order = _plain_order(a, order, "np.reshape")
    shape = _fill_in(as_shape(shape), ArraySpec.of(a))
    _check_copy(a, shape, order, copy)
    return to_shape(a, shape, order)


def _reshape_method(x: Any, *shape: Any, order: str = "C", copy: bool | None = None) -> Any:
    return reshape(x, shape[0] if len(shape) == 1 else shape, order, copy=copy)


METHODS["reshape"] = _reshape_method


@implements(np.ravel)
def ravel(a: Any, order: str = "C") -> Any:
    """``np.ravel``."""
    return to_shape(a, (a.size,), _plain_order(a, order, "np.ravel"))


METHODS["ravel"] = ravel


@implements(np.squeeze)
def squeeze(a: Any, axis: Any = None) -> Any:
    """``np.squeeze``."""
    shape = a.shape
    if axis is None:
        return to_shape(a, tuple([n for n in shape if n != 1]))
    axes = normalize_axes(axis, len(shape))
    for i in axes:
        if shape[i] != 1:
            raise ShapeError(
                f"cannot squeeze axis {i} of {a.spec}: its length is not 1",
                "squeeze axes of length 1, or reduce the axis (`np.sum(x, axis=...)`).",
            )
    return to_shape(a, tuple([n for i, n in enumerate(shape) if i not in axes]))


METHODS["squeeze"] = squeeze


@implements(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> Any:
    """``np.expand_dims``."""
    axes = axis if isinstance(axis, tuple | list) else (axis,)
    ndim = a.ndim + len(axes)
    new = normalize_axes(tuple(axes), ndim)
    rest = iter(a.shape)
    return to_shape(a, tuple([1 if i in new else next(rest) for i in range(ndim)]))


def _at_least(ndim: Callable[[Any], tuple[int, ...]]) -> Callable[..., Any]:
    def at_least(*arys: Any) -> Any:
        out = tuple([to_shape(x, ndim(x.shape)) for x in map(operand_array, arys)])
        return out[0] if len(out) == 1 else out

    return at_least


def operand_array(x: Any) -> Any:
    """``x`` as NumPy's ``asanyarray`` takes it, if it is not traced; a traced Python scalar promotes like an array."""
    return strong(x) if type(x) is Tracer else np.asanyarray(x)


def _shape_3d(shape: tuple[int, ...]) -> tuple[int, ...]:
    match len(shape):
        case 0:
            return (1, 1, 1)
        case 1:
            return (1, *shape, 1)
        case 2:
            return (*shape, 1)
    return shape


atleast_1d = implements(np.atleast_1d)(_at_least(lambda shape: shape or (1,)))
atleast_2d = implements(np.atleast_2d)(_at_least(lambda shape: (1,) * (2 - len(shape)) + shape))
atleast_3d = implements(np.atleast_3d)(_at_least(_shape_3d))


# Transpose


def _transpose_source(args: list[str], params: dict[str, Any]) -> str:
    return f"np.transpose({args[0]}, {param_source(params['axes'])})"


def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    out = [0] * len(axes)
    for position, axis in enumerate(axes):
        out[axis] = position
    return tuple(out)


def _transpose_batch(
    primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    return bind(primitive, operands[0], axes=(0, *[axis + 1 for axis in params["axes"]]))


transpose_p = Primitive(
    "transpose",
    np.transpose,
    lambda x, axes: ArraySpec(tuple([x.shape[i] for i in axes]), x.dtype),
    Linear((lambda ct, x, axes: np.transpose(ct, _inverse(axes)),)),
    source=_transpose_source,
    batch=_transpose_batch,
)


def permute(x: Any, axes: tuple[int, ...]) -> Any:
    """``x`` with its axes in this order (non-negative integers)."""
    if axes == tuple(range(len(axes))):
        return strong(x)
    return bind(transpose_p, x, axes=axes)


@implements(np.transpose, np.permute_dims)
def transpose(a: Any, axes: Any = None) -> Any:
    """``np.transpose``."""
    a = operand(a)
    ndim = ArraySpec.of(a).ndim
    if axes is None:
        return permute(a, tuple(range(ndim - 1, -1, -1)))
    order = tuple([normalize_axis(i, ndim) for i in axes])
    if len(order) != ndim:
        raise ValueError("axes don't match array")
    if len(set(order)) != ndim:
        raise ValueError("repeated axis in transpose")
    return permute(a, order)


def _transpose_method(x: Any, *axes: Any) -> Any:
    if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], tuple | list)):
        return transpose(x, axes[0])
    return transpose(x, axes or None)


METHODS["transpose"] = _transpose_method


@implements(np.matrix_transpose, np.linalg.matrix_transpose)
def matrix_transpose(x: Any, /) -> Any:
    """``np.matrix_transpose``."""
    if x.ndim < 2:
        raise ValueError(f"Input array must be at least 2-dimensional, but it is {x.ndim}")
    return swapaxes(x, -1, -2)


@implements(np.swapaxes)
def swapaxes(a: Any, axis1: Any, axis2: Any) -> Any:
    """``np.swapaxes``."""
    order = list(range(a.ndim))
    i, j = normalize_axis(axis1, a.ndim, "axis1"), normalize_axis(axis2, a.ndim, "axis2")
    order[i], order[j] = j, i
    return permute(a, tuple(order))


METHODS["swapaxes"] = swapaxes


@implements(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    """``np.moveaxis``."""
    sources, destinations = [
        [normalize_axis(i, a.ndim, name) for i in (axes if isinstance(axes, tuple | list) else (axes,))]
        for axes, name in ((source, "source"), (destination, "destination"))
    ]
    for axes, name in ((sources, "source"), (destinations, "destination")):
        if len(set(axes)) != len(axes):
            raise ValueError(f"repeated axis in `{name}` argument")
    if len(sources) != len(destinations):
        raise ValueError("`source` and `destination` arguments must have the same number of elements")
    order = [i for i in range(a.ndim) if i not in sources]
    for to, axis in sorted(zip(destinations, sources, strict=True)):
        order.insert(to, axis)
    return permute(a, tuple(order))


@implements(np.rollaxis)
def rollaxis(a: Any, axis: Any, start: Any = 0) -> Any:
    """``np.rollaxis``."""
    ndim = a.ndim
    axis = normalize_axis(axis, ndim)
    start = operator.index(start)
    if not -ndim <= start <= ndim:
        raise np.exceptions.AxisError(f"'start' arg requires {-ndim} <= start < {ndim + 1}, but {start} was passed in")
    start += ndim if start < 0 else 0
    order = [i for i in range(ndim) if i != axis]
    order.insert(start - 1 if axis < start else start, axis)
    return permute(a, tuple(order))
