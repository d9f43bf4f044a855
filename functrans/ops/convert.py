"""The same numbers in another dtype (``astype``), copied, or rounded; and new arrays shaped like traced ones."""

from __future__ import annotations

import operator
import warnings
from typing import Any

import numpy as np

from functrans.errors import TracedAssignmentError, UncoveredFunctionError
from functrans.ir.source import param_source
from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.broadcast import stretch
from functrans.ops.complex import make_complex
from functrans.ops.scalars import strong
from functrans.ops.shape import as_shape, operand_array, ravel
from functrans.primitives import Constant, Derivatives, Linear, Primitive
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import METHODS, implements, refuse_out
from functrans.tracing.tracer import Tracer


def _astype_impl(x: Any, dtype: np.dtype[Any]) -> Any:
    return x.astype(dtype)


def _astype_source(args: list[str], params: dict[str, Any]) -> str:
    return f"{args[0]}.astype({param_source(params['dtype'])})"


astype_p = Primitive(
    "astype",
    _astype_impl,
    lambda x, dtype: ArraySpec(x.shape, dtype),
    # The cotangent is cast back like every cotangent.
    Linear((lambda ct, x, dtype: ct,)),
    source=_astype_source,
    batch=batching.elementwise,
)
astype_discrete = Primitive(
    "astype_discrete",
    _astype_impl,
    lambda x, dtype: ArraySpec(x.shape, dtype),
    Constant("its result is an integer or a truth value"),
    source=_astype_source,
    batch=batching.elementwise,
)


def to_dtype(x: Any, dtype: np.dtype[Any]) -> Any:
    """``x`` in another dtype, as ``astype`` casts it."""
    if type(x) is not Tracer:
        return np.asanyarray(x).astype(dtype)
    x = strong(x)
    if dtype.kind not in "biufc":
        raise UncoveredFunctionError(
            f"a traced {x.spec} as {dtype}, which holds no numbers", "convert `functrans.stop_gradient(x)`."
        )
    if x.dtype.kind == "c" and dtype.kind not in "cb":
        # NumPy says it once, where the user casts; not again for each tangent.
        warnings.warn(
            "Casting complex values to real discards the imaginary part", np.exceptions.ComplexWarning, stacklevel=4
        )
        x = np.real(x)
    return bind(astype_p if dtype.kind in "fc" else astype_discrete, x, dtype=dtype)


@implements(np.astype)
def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: str | None = None) -> Any:
    """``np.astype``."""
    dtype = np.dtype(dtype)
    return x if not copy and dtype == x.dtype else to_dtype(x, dtype)


def _astype_method(
    x: Any, dtype: Any, order: str = "K", casting: Any = "unsafe", subok: bool = True, copy: bool = True
) -> Any:
    if casting != "unsafe":
        np.empty(0, x.dtype).astype(dtype, casting=casting)  # NumPy's own complaint
    return astype(x, dtype, copy=copy)


METHODS["astype"] = _astype_method


copy_p = Primitive("copy", np.copy, lambda x: x.strong(), Derivatives([1.0]))


@implements(np.copy)
def copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    """``np.copy``: traced values are immutable, but what a transform returns must not be an argument's memory."""
    return bind(copy_p, a)


METHODS["copy"] = lambda x, order="C": copy(x)
METHODS["flatten"] = lambda x, order="C": copy(ravel(x, order))


# Rounding

_STEPS = "it is constant between its jumps"


def _rounded_spec(x: ArraySpec, decimals: int) -> ArraySpec:
    return ArraySpec(x.shape, np.float16 if x.dtype.kind == "b" else x.dtype)


round_p = Primitive(
    "round",
    np.round,
    _rounded_spec,
    Constant(_STEPS),
    source=lambda args, params: f"np.round({args[0]}, {params['decimals']})",
    batch=batching.elementwise,
)


@implements(np.round, np.around)
def round(a: Any, decimals: Any = 0, out: None = None) -> Any:
    """``np.round``."""
    if out is not None:
        refuse_out("round")
    return bind(round_p, a, decimals=operator.index(decimals))


METHODS["round"] = round


@implements(np.fix)
def fix(x: Any, out: None = None) -> Any:
    """``np.fix``: ``np.trunc`` by another name, which newer versions of NumPy give up."""
    if out is not None:
        refuse_out("np.fix")
    return np.trunc(x)


@implements(np.nan_to_num)
def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """``np.nan_to_num``: what is replaced has derivative zero, what it is replaced by may be traced."""
    if not copy:
        raise TracedAssignmentError(
            "`copy=False` of `np.nan_to_num` writes into a traced value, which is immutable", "leave `copy` out."
        )
    x = operand_array(x)
    kind = x.dtype.kind
    if kind == "c":
        parts = [nan_to_num(part, True, nan, posinf, neginf) for part in (np.real(x), np.imag(x))]
        return make_complex(*parts)
    if kind != "f":
        return x
    limits = np.finfo(x.dtype)
    out = x
    for where, fill in (
        (np.isnan(x), nan),
        (x == np.inf, limits.max if posinf is None else posinf),
        (x == -np.inf, limits.min if neginf is None else neginf),
    ):
        value = operand_array(fill)
        if not np.can_cast(value.dtype, x.dtype, "same_kind"):
            raise TypeError(f"Cannot cast {value.dtype!r} to {x.dtype!r} according to the rule 'same_kind'")
        out = np.where(where, value if value.dtype == x.dtype else to_dtype(value, x.dtype), out)
    return out


# Arrays like traced ones


def _like(a: Any, dtype: Any, shape: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    spec = ArraySpec.of(a)
    return spec.shape if shape is None else as_shape(shape), spec.dtype if dtype is None else np.dtype(dtype)


@implements(np.empty_like)
def empty_like(
    prototype: Any,
    /,
    dtype: Any = None,
    order: str = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Any:
    """``np.empty_like``: a plain array."""
    return np.empty(*_like(prototype, dtype, shape))


@implements(np.zeros_like)
def zeros_like(
    a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *, device: Any = None
) -> Any:
    """``np.zeros_like``: a plain array."""
    return np.zeros(*_like(a, dtype, shape))


@implements(np.ones_like)
def ones_like(
    a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *, device: Any = None
) -> Any:
    """``np.ones_like``: a plain array."""
    return np.ones(*_like(a, dtype, shape))


@implements(np.full_like)
def full_like(
    a: Any,
    fill_value: Any,
    dtype: Any = None,
    order: str = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Any:
    """``np.full_like``: a plain array, unless ``fill_value`` is traced."""
    shape, dtype = _like(a, dtype, shape)
    if type(fill_value) is not Tracer:
        return np.full(shape, fill_value, dtype)
    return stretch(to_dtype(fill_value, dtype), shape)
