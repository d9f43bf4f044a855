"""Choosing between values (``where``, ``clip``), and values without a derivative (``stop_gradient``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functrans import tree
from functrans.errors import UncoveredFunctionError
from functrans.function_types import T
from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.family import broadcast_shapes, operand, result_dtype
from functrans.primitives import Constant, Linear, Primitive, Rules
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import METHODS, implements, refuse_out


def _chosen_spec(name: str, *specs: ArraySpec) -> ArraySpec:
    return ArraySpec(broadcast_shapes(name, specs), result_dtype(specs))


where_p = Primitive(
    "where",
    np.where,
    lambda c, x, y: ArraySpec(broadcast_shapes("np.where", (c, x, y)), result_dtype((x, y))),
    Linear((None, lambda ct, c, x, y: np.where(c, ct, 0), lambda ct, c, x, y: np.where(c, 0, ct))),
    masks=True,
    batch=batching.elementwise,
)

_MISSING: Any = object()


@implements(np.where)
def where(condition: Any, x: Any = _MISSING, y: Any = _MISSING, /) -> Any:
    """``np.where``; with a condition alone, the indices where it holds (its value must be known)."""
    if x is _MISSING and y is _MISSING:
        return np.nonzero(condition)
    if x is _MISSING or y is _MISSING:
        raise ValueError("either both or neither of x and y should be given")
    condition = operand(condition)
    if ArraySpec.of(condition).dtype != bool:
        condition = condition != 0
    return bind(where_p, condition, operand(x), operand(y))


# A bound belongs to the feasible set: there the derivative in x is 1, so that an optimiser at the bound can move back.
# NumPy computes min(max(x, low), high): where the bounds are crossed, that is the upper one. The derivatives in x and
# the bounds sum to one, also where x is NaN.


def _passes(mask: Callable[..., Any]) -> Callable[..., Any]:
    """The rule, in both modes, of an operand that the result is equal to where ``mask(*operands)`` holds.

    A product with the mask would turn an infinite cotangent into NaN where it must not count.
    """
    return lambda t, out, *operands: np.where(mask(*operands), t, 0)


def _masked(*masks: Callable[..., Any]) -> Rules:
    rules = [_passes(mask) for mask in masks]
    return Rules(jvp=rules, vjp=rules)


clip_p = Primitive(
    "clip",
    np.clip,
    lambda x, low, high: _chosen_spec("np.clip", x, low, high),
    _masked(
        lambda x, low, high: np.logical_not((x < low) | (x > high) | (low > high)),
        lambda x, low, high: (x < low) & np.logical_not(low > high),
        lambda x, low, high: (x > high) | (low > high),
    ),
    masks=True,
    batch=batching.elementwise,
)
clip_low = Primitive(
    "clip_low",
    lambda x, low: np.clip(x, low, None),
    lambda x, low: _chosen_spec("np.clip", x, low),
    _masked(lambda x, low: np.logical_not(x < low), lambda x, low: x < low),
    source=lambda args, params: f"np.clip({args[0]}, {args[1]}, None)",
    masks=True,
    batch=batching.elementwise,
)
clip_high = Primitive(
    "clip_high",
    lambda x, high: np.clip(x, None, high),
    lambda x, high: _chosen_spec("np.clip", x, high),
    _masked(lambda x, high: np.logical_not(x > high), lambda x, high: x > high),
    source=lambda args, params: f"np.clip({args[0]}, None, {args[1]})",
    masks=True,
    batch=batching.elementwise,
)


@implements(np.clip)
def clip(
    a: Any,
    a_min: Any = _MISSING,
    a_max: Any = _MISSING,
    out: None = None,
    *,
    min: Any = _MISSING,
    max: Any = _MISSING,
    **kwargs: Any,
) -> Any:
    """``np.clip``."""
    if out is not None:
        refuse_out("np.clip")
    if kwargs:
        raise UncoveredFunctionError(
            f"`{next(iter(kwargs))}=` of `np.clip` on a traced value is not covered",
            "leave it out; convert with `.astype(dtype)`, choose with `np.where(mask, np.clip(...), x)`.",
        )
    if (a_min is not _MISSING or a_max is not _MISSING) and (min is not _MISSING or max is not _MISSING):
        raise ValueError("Passing `min` or `max` keyword argument when `a_min` and `a_max` are provided is forbidden.")
    low, high = [None if given is _MISSING else given for given in (a_min, a_max)]
    if min is not _MISSING:
        low = min
    if max is not _MISSING:
        high = max
    x = operand(a)
    if low is None and high is None:
        return np.copy(x)
    if low is None:
        return bind(clip_high, x, operand(high))
    return bind(clip_low, x, operand(low)) if high is None else bind(clip_p, x, operand(low), operand(high))


METHODS["clip"] = clip


def _identity(x: Any) -> Any:
    return x


stop_gradient_p = Primitive(
    "stop_gradient",
    _identity,
    lambda x: x,
    Constant("asked for"),
    source=lambda args, params: args[0],
    batch=batching.elementwise,
)


def stop_gradient(x: T) -> T:
    """``x``, whose derivative is taken as zero: what ``detach`` and ``no_grad`` do elsewhere.

    Under ``grad``, ``vjp`` and ``jvp`` the result is a plain value, good for ``float``, an index, or ``math``.

    Args:
        x: an array, or a tree of arrays.

    Returns:
        The same tree with the same values.

    Example:
        >>> import functrans as ft
        >>> ft.grad(lambda x: x * ft.stop_gradient(x))(3.0)
        3.0
    """
    return tree.map(_stopped, x)  # type: ignore[no-any-return]


def _stopped(leaf: Any) -> Any:
    out = bind(stop_gradient_p, leaf)
    # A plain array out of a traced one: its holder may write into it.
    return out.copy(order="K") if type(out) is np.ndarray and out is not leaf else out
