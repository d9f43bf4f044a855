"""Ufuncs called with keywords, and their methods: ``reduce``, ``accumulate``, ``outer``, ``at``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from functrans.errors import ShapeError, TracedAssignmentError, UncoveredFunctionError
from functrans.ir.spec import ArraySpec
from functrans.ops.exponents import LOGSUMS
from functrans.ops.family import operand
from functrans.ops.reduction import (
    NO_VALUE,
    Axes,
    constant_in,
    mask_of,
    reduced_shape,
    reduction_axes,
    start_of,
    with_start,
)
from functrans.ops.running import RUNNING
from functrans.ops.scalars import strong
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import _ADD_ONE, FUNCTIONS, UFUNC_METHODS, UFUNCS, ufunc_name
from functrans.tracing.tracer import Tracer


def handler_of(ufunc: np.ufunc) -> Callable[..., Any]:
    """What computes a ufunc on traced values.

    Raises:
        UncoveredFunctionError: nothing does.
    """
    handler = UFUNCS.get(ufunc)
    if handler is None:
        raise UncoveredFunctionError(f"`{ufunc_name(ufunc)}` on a traced value is not covered", _ADD_ONE)
    return handler


def as_dtype(value: Any, dtype: np.dtype[Any]) -> Any:
    """``value`` cast, as NumPy casts it on the way into a loop; no Python scalar remains."""
    if type(value) is Tracer:
        if value.dtype == dtype:
            return strong(value)
        return constant_in(dtype, value).astype(dtype)
    value = np.asarray(value)
    return value if value.dtype == dtype else value.astype(dtype)


# Calls with keywords.


def call(
    ufunc: np.ufunc,
    *inputs: Any,
    where: Any = True,
    dtype: Any = None,
    signature: Any = None,
    casting: str = "same_kind",
    order: str = "K",
    subok: bool = True,
    **others: Any,
) -> Any:
    """``ufunc(*inputs, **keywords)``. Where ``where`` is false NumPy leaves what memory held; here it is zero."""
    name = ufunc_name(ufunc)
    if order != "K":
        raise UncoveredFunctionError(
            f"`order={order!r}` of `{name}` on a traced value is not covered",
            "leave it out: it chooses how the result lies in memory, which a traced value does not have.",
        )
    handler = handler_of(ufunc)
    if ufunc.signature is not None and where is not True:
        raise TypeError(f"{ufunc.__name__}() got an unexpected keyword argument 'where'")
    if others and ufunc.signature is None:
        raise TypeError(f"{ufunc.__name__}() got an unexpected keyword argument '{next(iter(others))}'")
    values = [operand(x) for x in inputs]
    if where is True and dtype is None and signature is None and casting == "same_kind":
        return handler(*values, **others)
    dtypes = _loop(ufunc, values, dtype, signature, casting)
    values = [as_dtype(x, d) for x, d in zip(values, dtypes, strict=False)]
    if where is True:
        return handler(*values, **others)
    shape = np.broadcast_shapes(*[x.shape for x in values], np.shape(where))
    where = mask_of(name, where, ArraySpec(shape, bool))
    # What is left out must neither warn nor bring an infinite derivative: an argument where all is well stands in.
    filler = 1.5 if ufunc is np.arccosh else 0.5
    values = [np.where(where, x, x.dtype.type(filler if x.dtype.kind in "fc" else 1)) for x in values]
    result = handler(*values)
    if isinstance(result, tuple):
        return tuple([np.where(where, r, r.dtype.type(0)) for r in result])
    return np.where(where, result, result.dtype.type(0))


def _loop(
    ufunc: np.ufunc, values: Sequence[Any], dtype: Any, signature: Any, casting: str
) -> tuple[np.dtype[Any], ...]:
    """The dtypes in which NumPy would compute, by its own rules, and with its own errors."""
    specs = [ArraySpec.of(value) for value in values]
    kinds = [spec.promoting for spec in specs]
    if all(spec.weak for spec in specs):
        kinds = [spec.dtype for spec in specs]
    kinds = [np.dtype(np.bool_) if kind is bool else kind for kind in kinds]
    if dtype is not None:
        wanted: Any = (None,) * ufunc.nin + (np.dtype(dtype),) * ufunc.nout
    elif isinstance(signature, str):
        wanted = tuple([np.dtype(code) for code in signature.replace("->", "")])
    elif signature is not None:
        wanted = tuple([None if kind is None else np.dtype(kind) for kind in signature])
    else:
        wanted = (None,) * ufunc.nargs
    return ufunc.resolve_dtypes((*kinds, *[None] * ufunc.nout), signature=wanted, casting=casting)  # type: ignore[arg-type]


# reduce


def reduce(
    ufunc: np.ufunc,
    array: Any,
    axis: Any = 0,
    dtype: Any = None,
    keepdims: bool = False,
    initial: Any = NO_VALUE,
    where: Any = True,
) -> Any:
    """``ufunc.reduce``: NumPy's function of that meaning, or else the ufunc again and again, from left to right."""
    a = operand(array)
    # Not NumPy's own function: where the mask alone is traced, that would come back here.
    function = FUNCTIONS[_REDUCTIONS[ufunc]] if ufunc in _REDUCTIONS else None
    if function is not None:
        if ufunc in (np.add, np.multiply):
            return function(a, axis=axis, dtype=dtype, keepdims=keepdims, initial=initial, where=where)
        if dtype is not None:
            a = as_dtype(a, np.dtype(dtype))
        return function(a, axis=axis, keepdims=keepdims, initial=initial, where=where)
    if ufunc in _TRUTHS and initial is NO_VALUE and dtype in (None, bool):
        return _TRUTHS[ufunc](a, axis=axis, keepdims=keepdims, where=where)
    name = f"{ufunc_name(ufunc)}.reduce"
    ndim = getattr(a, "ndim", 0)
    # NumPy itself says whether this reduction exists, and in which dtype.
    found = ufunc.reduce(np.ones((1,) * ndim, ArraySpec.of(a).dtype), axis=axis, dtype=dtype).dtype
    axes = reduction_axes(axis, ndim)
    if ufunc in LOGSUMS and found.kind == "f":
        params = {"axis": axes, "keepdims": True} if keepdims else {"axis": axes}
        return with_start(LOGSUMS[ufunc], name, as_dtype(a, found), params, initial, where, -np.inf)
    mask = mask_of(name, where, a)
    a = as_dtype(a, found)
    masks = None if mask is None else lead(np.broadcast_to(mask, a.shape), axes)
    items = lead(a, axes)
    kept = reduced_shape(a.shape, axes, False)
    if initial is NO_VALUE:
        initial = ufunc.identity
    if initial is None and (mask is not None or not items.shape[0]):
        raise ShapeError(
            f"`{name}` has nothing to start from: no identity, and {'`where=`' if mask is not None else 'no entries'}",
            "pass `initial=`.",
        )
    result: Any = None if initial is None else as_dtype(start_of(name, initial, found), found)
    if not items.shape[0]:
        result = np.broadcast_to(result, kept)
    handler = handler_of(ufunc)
    for i in range(items.shape[0]):
        combined = items[i] if result is None else handler(result, items[i])
        result = combined if masks is None else np.where(masks[i], combined, result)
    return np.reshape(result, reduced_shape(a.shape, axes, True)) if keepdims else result


_REDUCTIONS: dict[np.ufunc, Callable[..., Any]] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
}
_TRUTHS: dict[np.ufunc, Callable[..., Any]] = {np.logical_and: np.all, np.logical_or: np.any}


def lead(a: Any, axes: Axes) -> Any:
    """The entries to combine along the first axis, in C order if they come from several."""
    if axes == (0,):
        return a
    rest = tuple([i for i in range(a.ndim) if i not in axes])
    count = 1
    for i in axes:
        count *= a.shape[i]
    return np.reshape(np.transpose(a, axes + rest), (count, *[a.shape[i] for i in rest]))


# accumulate


def accumulate(ufunc: np.ufunc, array: Any, axis: Any = 0, dtype: Any = None) -> Any:
    """``ufunc.accumulate``: a running sum or product, or else the ufunc again and again."""
    a = operand(array)
    ndim = getattr(a, "ndim", 0)
    found = ufunc.accumulate(np.ones((1,) * ndim, ArraySpec.of(a).dtype), axis=axis, dtype=dtype).dtype
    (along,) = reduction_axes(axis, ndim)
    if ufunc is np.add:
        return np.cumsum(a, axis=along, dtype=dtype)
    if ufunc is np.multiply:
        return np.cumprod(a, axis=along, dtype=dtype)
    a = as_dtype(a, found)
    if ufunc in RUNNING:
        return bind(RUNNING[ufunc], a, axis=along)
    if not a.shape[along]:
        return a
    return np.stack(running(handler_of(ufunc), lead(a, (along,))), axis=along)


def running(handler: Callable[..., Any], items: Any) -> list[Any]:
    """The entries of the first axis, each combined with all before it, from left to right."""
    results = [items[0]]
    for i in range(1, items.shape[0]):
        results.append(handler(results[-1], items[i]))
    return results


# outer, at


def outer(ufunc: np.ufunc, a: Any, b: Any, /, **keywords: Any) -> Any:
    """``ufunc.outer``: of each entry of ``a`` with each of ``b``."""
    if ufunc.nin != 2:
        raise ValueError("outer product only supported for binary functions")
    a, b = strong(operand(a)), strong(operand(b))
    a = np.reshape(a, a.shape + (1,) * b.ndim)
    return call(ufunc, a, b, **keywords)


_UPDATES = {
    "add": "[index].add(y)",
    "subtract": "[index].add(-y)",
    "multiply": "[index].multiply(y)",
    "maximum": "[index].max(y)",
    "minimum": "[index].min(y)",
}


def at(ufunc: np.ufunc, array: Any, index: Any, *operands: Any) -> NoReturn:
    """Refused: it writes into its argument."""
    update = _UPDATES.get(ufunc.__name__)
    if update is None:
        arguments = ", ".join(["x[index]", *["y"] * (ufunc.nin - 1)])
        update = f"[index].set({ufunc_name(ufunc)}({arguments}))"
    raise TracedAssignmentError(
        f"`{ufunc_name(ufunc)}.at` would write a traced value into an array",
        f"write `x = functrans.numpy.at(x){update}`, which returns the updated array.",
    )


UFUNC_METHODS.update({"__call__": call, "reduce": reduce, "accumulate": accumulate, "outer": outer, "at": at})
