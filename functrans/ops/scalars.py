"""Python scalars among the operands, which promote weakly, and their passage to NumPy's scalars and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.primitives import Derivatives, Linear, Primitive
from functrans.tracing.bind import bind
from functrans.tracing.tracer import Tracer


def is_weak(value: Any) -> bool:
    """Whether an operand promotes like a Python scalar."""
    return type(value) in (float, int, complex, bool) or (type(value) is Tracer and value.spec.weak)


# A Python scalar as a NumPy scalar, which is what a ufunc (not an operator) makes of it.
def _strong_impl(x: Any) -> Any:
    return np.asarray(x)[()]


def strong(x: Any) -> Any:
    """``x``, promoting as an array does."""
    if type(x) is Tracer:
        return bind(strong_p, x) if x.spec.weak else x
    return _strong_impl(x) if is_weak(x) else x


strong_p = Primitive(
    "strong",
    _strong_impl,
    lambda x: x.strong(),
    Derivatives([1.0]),
    source=lambda args, params: f"np.asarray({args[0]})[()]",
)


def weak(x: Any) -> Any:
    """``x``, one number in double precision (or an integer), promoting as a Python scalar does."""
    return x if is_weak(x) else bind(_weak, x, kind=_WEAK_KINDS[x.dtype.kind])


_WEAK_KINDS = {"c": "complex", "f": "float", "i": "int", "u": "int"}


_weak = Primitive(
    "weak",
    lambda x, kind: {"float": float, "complex": complex, "int": int}[kind](x),
    lambda x, kind: ArraySpec((), x.dtype if kind != "int" else np.int64, True),
    Linear((lambda ct, x, kind: ct,)),
    source=lambda args, params: f"{params['kind']}({args[0]})",
    batch=batching.identity,
)
