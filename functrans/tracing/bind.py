"""The one gate that every operation passes: compute it, or hand it to whoever records."""

from __future__ import annotations

from typing import Any

from functrans.primitives import Primitive
from functrans.tracing.tracer import Tracer


def bind(primitive: Primitive, *args: Any, **params: Any) -> Any:
    """Apply a primitive.

    Plain operands are computed at once. Otherwise the innermost recorder among the operands takes over: it applies
    the primitive to what its tracers stand for, one level further out, and records.
    """
    youngest = None
    for arg in args:
        if type(arg) is Tracer:
            recorder = arg.recorder
            # Traces nest like calls, so birth order replaces a stack of levels.
            if youngest is None or recorder.birth > youngest.birth:
                youngest = recorder
    if youngest is None:
        return primitive.impl(*args, **params)
    return youngest.process(primitive, args, params)


def bind_unary(primitive: Primitive, x: Any) -> Any:
    """:func:`bind` of one operand and no parameters, faster."""
    if type(x) is Tracer:
        return x.recorder.unary(primitive, x)
    return primitive.impl(x)


def bind_binary(primitive: Primitive, x: Any, y: Any) -> Any:
    """:func:`bind` of two operands and no parameters, faster."""
    if type(x) is Tracer:
        recorder = x.recorder
        if type(y) is Tracer:
            if y.recorder is recorder:
                return recorder.binary(primitive, x, y, 3)
            if y.recorder.birth > recorder.birth:
                return y.recorder.binary(primitive, x, y, 2)
        return recorder.binary(primitive, x, y, 1)
    if type(y) is Tracer:
        return y.recorder.binary(primitive, x, y, 2)
    return primitive.impl(x, y)
