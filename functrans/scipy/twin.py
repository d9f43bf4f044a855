"""Primitives that SciPy computes, with the derivatives of a twin: the same function, written in functions that trace.

SciPy gives the value, to the bit; the twin gives rules, transposes and batches, so its own last bits do not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from functrans.ir.source import literal_source
from functrans.ir.spec import ArraySpec
from functrans.ops.duals import match
from functrans.primitives import Batch, Bilinear, Linear, Primitive, Rule, Rules

Function = Callable[..., Any]


class Fixed:
    """An array as a parameter: of values that are known, and the same for all examples."""

    __slots__ = ("array",)

    def __init__(self, array: Any) -> None:
        self.array = np.array(array)
        self.array.setflags(write=False)

    def _key(self) -> tuple[Any, ...]:
        return self.array.shape, self.array.dtype, self.array.tobytes()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fixed) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return literal_source(self.array)


def _of_one(twin: Function, operands: Sequence[Any], position: int, params: Mapping[str, Any]) -> Function:
    """The twin as a function of one operand. Of linear operands only the specs are known: zeros stand for them."""
    fixed = [_some(x) for x in operands]

    def moved(x: Any) -> Any:
        return twin(*fixed[:position], x, *fixed[position + 1 :], **params)

    return moved


def _some(x: Any) -> Any:
    if not isinstance(x, ArraySpec):
        return x
    return x.dtype.type(0).item() if x.weak else np.zeros(x.shape, x.dtype)


def _like(tangents: Any, outs: Any) -> Any:
    """Cotangents in the dtypes of what the twin gives."""
    if isinstance(outs, tuple):
        return tuple(match(t, ArraySpec.of(out)) for t, out in zip(tangents, outs, strict=True))
    return match(tangents, ArraySpec.of(outs))


def _pull(twin: Function, operands: Sequence[Any], position: int, params: Mapping[str, Any], ct: Any) -> Any:
    from functrans.transforms.vjp import vjp  # which imports the operations

    out, back = vjp(_of_one(twin, operands, position, params), _some(operands[position]))
    return back(_like(ct, out))[0]


def transpose(twin: Function, position: int) -> Rule:
    """The transpose of a function that is linear in an operand, from its twin."""

    def rule(ct: Any, *operands: Any, **params: Any) -> Any:
        return _pull(twin, operands, position, params, ct)

    return rule


def linear(twin: Function, *linear: bool) -> Linear:
    """Linear, jointly, in the operands flagged."""
    return Linear(tuple([transpose(twin, i) if flag else None for i, flag in enumerate(linear)]))


def bilinear(twin: Function, count: int = 2) -> Bilinear:
    """Linear in each operand alone."""
    return Bilinear(tuple([transpose(twin, i) for i in range(count)]))


def rules(twin: Function, count: int, moving: Sequence[bool] = ()) -> Rules:
    """Rules for the operands flagged (by default, all)."""

    def pushed(position: int) -> Rule:
        def rule(t: Any, out: Any, *operands: Any, **params: Any) -> Any:
            from functrans.transforms.jvp import jvp

            return jvp(_of_one(twin, operands, position, params), (operands[position],), (t,))[1]

        return rule

    def pulled(position: int) -> Rule:
        def rule(ct: Any, out: Any, *operands: Any, **params: Any) -> Any:
            return _pull(twin, operands, position, params, ct)

        return rule

    flags = moving or [True] * count
    return Rules(
        [pushed(i) if flag else None for i, flag in enumerate(flags)],
        [pulled(i) if flag else None for i, flag in enumerate(flags)],
    )


def batch(twin: Function) -> Batch:
    """The twin of all examples at once."""

    def rule(
        primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
    ) -> Any:
        from functrans.transforms.vmap import vmap

        axes = [0 if flag else None for flag in batched]
        return vmap(lambda *one: twin(*one, **params), in_axes=tuple(axes))(*operands)

    return rule
