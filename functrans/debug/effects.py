"""``print`` and ``callback``: what is to be seen of values in the middle of a transform."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functrans import tree
from functrans.debug.primitives import Arguments, callback_p, print_p
from functrans.errors import expect_function
from functrans.frames import boundary
from functrans.primitives import Primitive
from functrans.tracing.bind import bind
from functrans.tracing.trace import COMPILING
from functrans.tracing.tracer import Tracer


def _operands(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[list[Any], Arguments]:
    leaves, structure = tree.flatten((args, kwargs))
    fixed = {i: leaf for i, leaf in enumerate(leaves) if not _is_numeric(leaf)}
    return [leaf for i, leaf in enumerate(leaves) if i not in fixed], Arguments(structure, fixed)


def _execute(primitive: Primitive, operands: list[Any], **params: Any) -> None:
    """Now, when the trace of an operand says so, or in every call of the function that is being compiled."""
    compiling = COMPILING.get()
    if compiling is None or Tracer in map(type, operands):
        bind(primitive, *operands, **params)
    else:
        compiling.process(primitive, tuple(operands), params)


def _is_numeric(leaf: Any) -> bool:
    if type(leaf) is Tracer:
        return True
    if isinstance(leaf, np.ndarray | np.generic):
        return leaf.dtype.kind in "biufc"
    return isinstance(leaf, int | float | complex)


@boundary
def print(text: Any, *args: Any, **kwargs: Any) -> None:
    """Print ``text.format(*args, **kwargs)`` when it is executed, under every transform: the values, not tracers.

    ``grad`` and its kin print the value, once. Under :func:`functrans.vmap` there is a line for each example, which
    begins with its number (in a ``cond`` or ``while_loop`` also for examples that do not take that branch or step).
    In a staged program it is an equation: it prints when the program runs, in each step of a loop, and so does the
    printed source. With no traced value among its arguments it prints at once; in a
    function that is jitted, in every call.

    Args:
        text: a format string; anything else is printed as it is, with ``args`` behind it.
        *args: values, or trees of them, for its fields.
        **kwargs: values for its named fields.

    Example:
        >>> import functrans as ft
        >>> def f(x):
        ...     y = x * x
        ...     ft.debug.print("y = {y:.1f}", y=y)
        ...     return 2 * y
        >>> ft.grad(f)(3.0)
        y = 9.0
        12.0
    """
    if not isinstance(text, str):
        text, args = " ".join(["{}"] * (1 + len(args))), (text, *args)
    operands, arguments = _operands(args, kwargs)
    _execute(print_p, operands, text=text, arguments=arguments, levels=())


@boundary
def callback(f: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Call ``f(*args, **kwargs)`` with plain values when it is executed, under every transform, as :func:`print` does.

    What it returns is dropped. It must not write into arrays that it is given. A program's printed source leaves it
    out.

    Args:
        f: a function; called once for each example of a batch.
        *args: values, or trees of them.
        **kwargs: likewise.

    Example:
        >>> import functrans as ft
        >>> seen = []
        >>> def f(x):
        ...     ft.debug.callback(seen.append, x * x)
        ...     return 2 * x
        >>> ft.grad(f)(3.0)
        2.0
        >>> seen
        [9.0]
    """
    expect_function(f, "debug.callback")
    operands, arguments = _operands(args, kwargs)
    _execute(callback_p, operands, f=f, arguments=arguments, levels=())
