"""Python's operators on traced values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functrans.ops import arithmetic, compare
from functrans.ops.family import _PLAIN, check_kind
from functrans.primitives import Primitive
from functrans.tracing.bind import bind_binary, bind_unary
from functrans.tracing.tracer import Tracer

_UNKNOWN = object()


def _coerce(other: Any) -> Any:
    """An operand of a type that is not NumPy's or Python's: taken as an array if NumPy would, else left to its own
    operators.
    """
    if getattr(other, "__array_ufunc__", _UNKNOWN) is None:
        return _UNKNOWN
    check_kind(other)
    if isinstance(other, np.ndarray | np.generic):
        return other
    made = np.asarray(other)
    return _UNKNOWN if made.dtype == object else made


def _forward(primitive: Primitive) -> Callable[[Any, Any], Any]:
    def operate(self: Tracer, other: Any) -> Any:
        if type(other) in _PLAIN:
            return bind_binary(primitive, self, other)
        other = _coerce(other)
        return NotImplemented if other is _UNKNOWN else bind_binary(primitive, self, other)

    return operate


def _reflected(primitive: Primitive) -> Callable[[Any, Any], Any]:
    def operate(self: Tracer, other: Any) -> Any:
        if type(other) in _PLAIN:
            return bind_binary(primitive, other, self)
        other = _coerce(other)
        return NotImplemented if other is _UNKNOWN else bind_binary(primitive, other, self)

    return operate


def _unary(primitive: Primitive) -> Callable[[Any], Any]:
    return lambda self: bind_unary(primitive, self)


BINARY = {
    "add": arithmetic.add,
    "sub": arithmetic.subtract,
    "mul": arithmetic.multiply,
    "truediv": arithmetic.divide,
    "floordiv": arithmetic.floor_divide,
    "mod": arithmetic.remainder,
    "pow": arithmetic.pow_operator,
    "and": compare.bitwise_and,
    "or": compare.bitwise_or,
    "xor": compare.bitwise_xor,
    "lshift": compare.left_shift,
    "rshift": compare.right_shift,
}
COMPARISONS = {
    "lt": compare.less,
    "le": compare.less_equal,
    "gt": compare.greater,
    "ge": compare.greater_equal,
    "eq": compare.equal,
    "ne": compare.not_equal,
}
UNARY = {"neg": arithmetic.negative, "pos": arithmetic.positive, "invert": compare.invert}

for _name, _primitive in BINARY.items():
    setattr(Tracer, f"__{_name}__", _forward(_primitive))
    setattr(Tracer, f"__r{_name}__", _reflected(_primitive))
for _name, _primitive in COMPARISONS.items():
    setattr(Tracer, f"__{_name}__", _forward(_primitive))
for _name, _primitive in UNARY.items():
    setattr(Tracer, f"__{_name}__", _unary(_primitive))
Tracer.__abs__ = arithmetic.abs_operator  # type: ignore[attr-defined]
Tracer.__hash__ = object.__hash__  # type: ignore[method-assign,assignment]
setattr(Tracer, "__divmod__", lambda self, other: (self // other, self % other))  # noqa: B010 (mypy)
setattr(Tracer, "__rdivmod__", lambda self, other: (other // self, other % self))  # noqa: B010
