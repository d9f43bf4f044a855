"""Choosing between values (``where``, ``clip``), and values without a derivative (``stop_gradient``)."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans import tree
from functrans.ir.spec import ArraySpec
from functrans.ops.family import broadcast_shapes, operand
from functrans.primitive import Constant, Derivatives, Linear, Primitive
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import METHODS, implements


def _where_spec(c: ArraySpec, x: ArraySpec, y: ArraySpec) -> ArraySpec:
    kinds = [s.dtype.type(0).item() if s.weak else s.dtype for s in (x, y)]
    return ArraySpec(broadcast_shapes("np.where", (c, x, y)), np.result_type(*kinds))


where_p = Primitive(
    "where",
    np.where,
    _where_spec,
    Linear((None, lambda ct, c, x, y: np.where(c, ct, 0), lambda ct, c, x, y: np.where(c, 0, ct))),
    masks=True,
)


@implements(np.where)
def where(condition: Any, x: Any = None, y: Any = None, /) -> Any:
    """``np.where``; with a condition alone, the indices where it holds (its value must be known)."""
    if x is None and y is None:
        return np.nonzero(condition)
    condition = operand(condition)
    if condition.dtype != bool if hasattr(condition, "dtype") else type(condition) is not bool:
        condition = condition != 0
    return bind(where_p, condition, operand(x), operand(y))


# A bound belongs to the feasible set: there the derivative in x is 1, so that an optimiser at the bound can move back.
clip_p = Primitive(
    "clip",
    np.clip,
    lambda x, low, high: ArraySpec(
        broadcast_shapes("np.clip", (x, low, high)),
        np.result_type(*[s.dtype.type(0).item() if s.weak else s.dtype for s in (x, low, high)]),
    ),
    Derivatives(
        [
            lambda out, x, low, high: np.where((x >= low) & (x <= high), 1.0, 0.0),
            lambda out, x, low, high: np.where((x < low) & (low <= high), 1.0, 0.0),
            lambda out, x, low, high: np.where((x > high) | (low > high), 1.0, 0.0),
        ]
    ),
    masks=True,
)


@implements(np.clip)
def clip(a: Any, a_min: Any = None, a_max: Any = None, out: None = None, *, min: Any = None, max: Any = None) -> Any:
    """``np.clip``."""
    low = a_min if min is None else min
    high = a_max if max is None else max
    low = -np.inf if low is None else operand(low)
    high = np.inf if high is None else operand(high)
    return bind(clip_p, operand(a), low, high)


METHODS["clip"] = clip


def _identity(x: Any) -> Any:
    return x


stop_gradient_p = Primitive(
    "stop_gradient", _identity, lambda x: x, Constant("asked for"), source=lambda args, params: args[0]
)


def stop_gradient(x: Any) -> Any:
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
    return tree.map(lambda leaf: bind(stop_gradient_p, leaf), x)
