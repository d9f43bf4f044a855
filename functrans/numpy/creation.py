"""What NumPy makes without asking its arguments, of traced values: arrays of nested lists, filled arrays, ranges.

With plain arguments each is NumPy's function, tried first: a traced value refuses to be made plain, which is the sign
to look closer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans.errors import ShapeError, TracedValueError
from functrans.ir.spec import ArraySpec
from functrans.ops.convert import to_dtype
from functrans.ops.scalars import strong
from functrans.ops.update import at as at  # noqa: PLC0414  (one of the names of `functrans.numpy`)
from functrans.tracing.refusal import unknown
from functrans.tracing.tracer import Tracer

_array = np.array
_asarray = np.asarray
_asanyarray = np.asanyarray
_ascontiguousarray = np.ascontiguousarray
_asfortranarray = np.asfortranarray
_arange: Any = np.arange

# Arrays of traced values.


def array(object: Any, dtype: Any = None, **options: Any) -> Any:
    """``np.array``, of nested lists in which numbers, arrays and traced values may be mixed.

    Takes the keywords of NumPy: ``copy``, ``order``, ``subok``, ``ndmin``, ``like``.

    Example:
        >>> import functrans as ft
        >>> import functrans.numpy as fnp
        >>> ft.grad(lambda x: np.prod(fnp.array([x, 3.0, x])))(2.0)
        12.0
    """
    if type(object) is not Tracer:
        try:
            return _array(object, dtype, **options)
        except TracedValueError:
            pass
    return _traced_array(object, dtype, **options)


def asarray(a: Any, dtype: Any = None, order: Any = None, **options: Any) -> Any:
    """``np.asarray``, also of traced values and of lists with some.

    Takes the keywords of NumPy: ``device``, ``copy``, ``like``.
    """
    if type(a) is not Tracer:
        try:
            return _asarray(a, dtype, order, **options)
        except TracedValueError:
            pass
    return _traced_array(a, dtype, order=order, **{"copy": None, **options})


def asanyarray(a: Any, dtype: Any = None, order: Any = None, **options: Any) -> Any:
    """``np.asanyarray``, also of traced values and of lists with some.

    Takes the keywords of NumPy: ``device``, ``copy``, ``like``.
    """
    if type(a) is not Tracer:
        try:
            return _asanyarray(a, dtype, order, **options)
        except TracedValueError:
            pass
    return _traced_array(a, dtype, order=order, **{"copy": None, **options})


def ascontiguousarray(a: Any, dtype: Any = None, **options: Any) -> Any:
    """``np.ascontiguousarray``, also of traced values; of one dimension at least."""
    if type(a) is not Tracer:
        try:
            return _ascontiguousarray(a, dtype, **options)
        except TracedValueError:
            pass
    return _traced_array(a, dtype, copy=None, ndmin=1, **options)


def asfortranarray(a: Any, dtype: Any = None, **options: Any) -> Any:
    """``np.asfortranarray``, also of traced values; of one dimension at least."""
    if type(a) is not Tracer:
        try:
            return _asfortranarray(a, dtype, **options)
        except TracedValueError:
            pass
    return _traced_array(a, dtype, copy=None, ndmin=1, **options)


def require(a: Any, dtype: Any = None, requirements: Any = None, **options: Any) -> Any:
    """``np.require``; a traced value has no memory layout of which anything could be required."""
    if type(a) is not Tracer:
        try:
            return np.require(a, dtype, requirements, **options)
        except TracedValueError:
            pass
    return _traced_array(a, dtype, copy=None, **options)


def asarray_chkfinite(a: Any, dtype: Any = None, order: Any = None) -> Any:
    """``np.asarray_chkfinite``: an array, which must hold no infinity and no NaN."""
    if type(a) is not Tracer:
        try:
            return np.asarray_chkfinite(a, dtype, order)
        except TracedValueError:
            pass
    out = _traced_array(a, dtype, order=order, copy=None)
    if not np.all(np.isfinite(out)):
        raise ValueError("array must not contain infs or NaNs")
    return out


def _traced_array(a: Any, dtype: Any, *, device: Any = None, like: Any = None, **options: Any) -> Any:
    """An array of a traced value, or of nested sequences with some."""
    np.asarray(0.0, device=device)  # NumPy's own complaint about the device
    traced = type(a) is Tracer
    try:
        # NumPy itself says which shape and dtype come out, of an example with zeros for what is traced.
        example = np.array(_example(a), dtype, **options)
    except ValueError as error:
        if traced or "inhomogeneous" not in str(error):
            raise
        raise ShapeError(
            f"an array of a nested {type(a).__name__} with traced values: {error}",
            "give entries of one shape, or broadcast them first (`np.broadcast_arrays`).",
        ) from None
    if example.dtype.kind not in "biufc":
        raise TracedValueError(
            f"an array of {example.dtype} cannot hold traced values", "keep them in a list, or use a dtype of numbers."
        )
    out = strong(a) if traced else _stacked(a)
    if out.shape != example.shape:
        out = np.reshape(out, example.shape)
    return out if out.dtype == example.dtype else to_dtype(out, example.dtype)


def _example(a: Any) -> Any:
    if type(a) is Tracer:
        spec = a.spec
        return spec.promoting(0) if spec.weak else np.zeros(spec.shape, spec.dtype)
    return [_example(entry) for entry in a] if isinstance(a, (list, tuple)) else a


def _stacked(a: Sequence[Any]) -> Any:
    entries = [_stacked(entry) if isinstance(entry, (list, tuple)) else entry for entry in a]
    if not any(type(entry) is Tracer for entry in entries):
        return np.array(entries)
    return np.stack([strong(entry) for entry in entries])


# Arrays of one value.


def full(
    shape: Any, fill_value: Any, dtype: Any = None, order: Any = "C", *, device: Any = None, like: Any = None
) -> Any:
    """``np.full``, of a traced value too.

    Example:
        >>> import functrans as ft
        >>> import functrans.numpy as fnp
        >>> ft.grad(lambda x: np.sum(fnp.full(3, x)))(1.0)
        3.0
    """
    if type(fill_value) is not Tracer:
        try:
            if device is None and like is None:
                return np.full(shape, fill_value, dtype, order)
            if like is None:
                return np.full(shape, fill_value, dtype, order, device=device)
            return np.full(shape, fill_value, dtype, order, device=device, like=like)
        except TracedValueError:
            pass
    return np.broadcast_to(_traced_array(fill_value, dtype), shape)


# Ranges.


def arange(start_or_stop: Any = None, /, stop: Any = None, step: Any = None, dtype: Any = None, **options: Any) -> Any:
    """``np.arange``: ``start + i * step``, differentiable in ``start`` and ``step``, which say what the entries are.

    ``stop`` says how many there are. A number of entries has no derivative, so a traced ``stop`` is refused.

    Raises:
        TracedValueError: ``stop`` is traced, or in a staged trace any of them: the length of the result is not known.

    Example:
        >>> import functrans as ft
        >>> import functrans.numpy as fnp
        >>> ft.grad(lambda start: np.sum(fnp.arange(start, 3.0)))(0.5)
        3.0
    """
    if type(start_or_stop) is not Tracer and type(stop) is not Tracer and type(step) is not Tracer:
        if not options and start_or_stop is not None:
            return _arange(start_or_stop, stop, step, dtype)
        if Tracer not in map(type, options.values()):
            first = () if start_or_stop is None else (start_or_stop,)
            named = {"stop": stop, "step": step, "dtype": dtype, **options}
            return _arange(*first, **{name: value for name, value in named.items() if value is not None})
    return _traced_arange(start_or_stop, stop, step, dtype=dtype, **options)


def _traced_arange(
    start_or_stop: Any = None,
    /,
    stop: Any = None,
    step: Any = None,
    *,
    dtype: Any = None,
    device: str | None = None,
    like: Any = None,
    start: Any = None,
) -> Any:
    if start_or_stop is not None and stop is None and start is None:
        start, stop = 0, start_or_stop
    elif start_or_stop is not None:
        start = start_or_stop
    start = 0 if start is None else start
    step = 1 if step is None else step
    if type(stop) is Tracer:
        raise TracedValueError(
            f"`arange` up to a traced {stop.spec}: how many entries there are has no derivative",
            "for a grid that moves with its end use `np.linspace(start, stop, num)`; for a plain end pass "
            "`functrans.stop_gradient(stop)`.",
        )
    bounds = [known(bound, "`arange`") for bound in (start, stop, step)]
    example = np.arange(*bounds, dtype=dtype)
    if example.dtype.kind not in "fc":
        return to_dtype(_traced_arange(start, stop, step), example.dtype)
    place = np.arange(len(example)).astype(example.dtype)
    # As NumPy does, which adds the step once and then goes on with the difference that came of it.
    first = to_dtype(strong(start), example.dtype)
    second = to_dtype(strong(start + step), example.dtype)
    return np.where(place == 1, second, first + place * (second - first))


def known(value: Any, what: str) -> Any:
    """The plain value of a traced one, whatever it is nested in.

    Raises:
        TracedValueError: it is not known, in a staged trace.
    """
    found = value
    while type(found) is Tracer:
        found = found.value
    if type(found) is ArraySpec:
        raise unknown(value, what, "the shape of its result depends on it", "compute shapes from plain values")
    return found


# Questions.


def isscalar(element: Any) -> bool:
    """``np.isscalar``, which says of a traced number what it says of the number."""
    while type(element) is Tracer:
        if type(element.value) is ArraySpec:
            return element.value.weak
        element = element.value
    return np.isscalar(element)
