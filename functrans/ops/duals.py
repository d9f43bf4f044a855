"""What becomes of tangents and cotangents: products in which a zero absorbs; shapes and dtypes that fit the primal."""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np

from functrans.errors import ShapeError
from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.family import ufunc_spec
from functrans.ops.scalars import strong
from functrans.primitives import Primitive, Rules
from functrans.tracing.bind import bind_binary
from functrans.tracing.tracer import Tracer

_FLOAT64 = np.dtype(np.float64)
#: The seed of every gradient: while a cotangent *is* it, there is nothing to multiply, or to print.
ONE = np.float64(1.0)

# A zero absorbs: ct * d, where an exact zero of ct stays zero whatever d is.


def absorbing_multiply(ct, d):  # type: ignore[no-untyped-def]
    """``ct * d``, zero wherever ``ct`` is exactly zero, also where ``d`` is infinite or NaN."""
    with np.errstate(all="ignore"):
        out = np.multiply(ct, d)  # not `*`, which is Python's for a Python complex and an `np.float64`
        # Only a NaN can be wrong, and a NaN anywhere shows in the sum.
        if not np.isnan(np.sum(out)):
            return out
        # The product's own zeros keep their sign: only a NaN is replaced. In its place, so that how the result lies in
        # memory does not depend on that.
        out = np.asarray(out)
        out[(ct == 0) & np.isnan(out)] = 0
        return out[()]


_absorb = Primitive(
    "absorbing_multiply",
    absorbing_multiply,
    ufunc_spec(np.multiply),
    # Where ct is zero the product is zero for every d; and where what comes from outside is zero, it absorbs ct, too.
    Rules(
        jvp=[lambda dct, out, ct, d: absorb(dct, d), lambda dd, out, ct, d: _either(ct, dd)],
        vjp=[lambda outer, out, ct, d: absorb(outer, d), lambda outer, out, ct, d: _either(ct, outer)],
    ),
    source=lambda args, params: f"absorbing_multiply({', '.join(args)})",
    helpers={"absorbing_multiply": absorbing_multiply},
    masks=True,
    batch=batching.elementwise,
)


def absorbing_product(a, b):  # type: ignore[no-untyped-def]
    """``a * b``, zero wherever either is exactly zero, also where the other is infinite or NaN."""
    with np.errstate(all="ignore"):
        out = np.multiply(a, b)
        if not np.isnan(np.sum(out)):
            return out
        out = np.asarray(out)
        out[(a == 0) | (b == 0)] = 0
        return out[()]


# Of two tangents or cotangents, either of which may be what a mask made zero.
_product = Primitive(
    "absorbing_product",
    absorbing_product,
    ufunc_spec(np.multiply),
    Rules(
        jvp=[lambda da, out, a, b: _either(da, b), lambda db, out, a, b: _either(a, db)],
        vjp=[lambda ct, out, a, b: _either(ct, b), lambda ct, out, a, b: _either(ct, a)],
    ),
    source=lambda args, params: f"absorbing_product({', '.join(args)})",
    helpers={"absorbing_product": absorbing_product},
    masks=True,
    batch=batching.elementwise,
)


def _either(a: Any, b: Any) -> Any:
    """``a * b``, in which an exact zero of either absorbs the other."""
    return bind_binary(_product, a, b)


def absorb(ct: Any, d: Any) -> Any:
    """``ct * d`` in which an exact zero of ``ct`` absorbs an infinite or undefined ``d``."""
    if type(ct) is np.float64:
        if type(d) is np.float64 or type(d) is float:
            out = ct * d
            return out if out == out or ct != 0 else ct
        if ct == 1.0 and getattr(d, "dtype", None) == _FLOAT64:
            return strong(d)
        if ct != 0:
            return d * ct
    elif type(d) in (np.float64, float, int) and isfinite(d):
        return ct * d
    elif type(ct) is Tracer and type(d) is np.ndarray and isfinite(abs(d.sum())):
        return ct * d  # nothing to absorb
    return bind_binary(_absorb, ct, d)


def scaled(t: Any, factor: float) -> Any:
    """``t * factor``, a constant local derivative, without work for the factors that most linear operations have."""
    if factor == 1.0:
        return t
    return -t if factor == -1.0 else t * factor


# Cotangents and tangents in the shape and dtype they must have.


def match(ct: Any, spec: ArraySpec) -> Any:
    """A cotangent of a broadcast and promoted operand, as one of the operand itself: summed and cast back."""
    shape = ct.shape
    if shape != spec.shape:
        lead = len(shape) - len(spec.shape)
        axes = tuple(range(lead)) + tuple(lead + i for i, n in enumerate(spec.shape) if n == 1 and shape[lead + i] != 1)
        if axes:
            ct = np.sum(ct, axis=axes, keepdims=True)
        if ct.shape != spec.shape:
            try:
                ct = np.reshape(ct, spec.shape)
            except ValueError:
                raise ShapeError(
                    f"a derivative rule gave a cotangent of shape {shape} for an operand that is {spec}",
                    "its shape must be the operand's, or the operand's must broadcast to it.",
                ) from None
    return cast(ct, spec.dtype)


def cast(value: Any, dtype: np.dtype[Any]) -> Any:
    """``value`` in an inexact dtype; a complex value becomes real by dropping its imaginary part (the transpose of
    embedding the reals).
    """
    found = value.dtype
    if found is dtype or found == dtype:
        return value
    if found.kind == "c" and dtype.kind == "f":
        value = np.real(value)
        if value.dtype == dtype:
            return value
    return value.astype(dtype)


def conform(tangent: Any, spec: ArraySpec) -> Any:
    """A tangent, broadcast and cast to what its primal is."""
    if np.shape(tangent) != spec.shape:
        tangent = np.broadcast_to(tangent, spec.shape)
    if not spec.weak:
        return cast(strong(tangent), spec.dtype)
    # A Python scalar's tangent is left as it is, but that of a complex one is complex.
    return tangent if ArraySpec.of(tangent).dtype == spec.dtype else cast(strong(tangent), spec.dtype)


def zeros(spec: ArraySpec) -> Any:
    """A zero cotangent or tangent."""
    return np.zeros(spec.shape, spec.dtype)[()]
