"""``while_loop`` and ``fori_loop``: loops whose number of steps may not be known before they run.

With known values they are Python's loops, and what ran is traced. In a staged trace, or a batch, a ``while`` is one
primitive: :mod:`functrans.control.whiles`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans import tree
from functrans.control.closure import Closure, close
from functrans.control.derived import specs_of
from functrans.control.scan import scan
from functrans.control.stepping import steady
from functrans.control.whiles import while_p
from functrans.errors import (
    ShapeError,
    TracedBoolError,
    TracedValueError,
    TreeError,
    describe_function,
    expect_function,
)
from functrans.frames import boundary
from functrans.function_types import T
from functrans.ir import ArraySpec
from functrans.ops.scalars import weak
from functrans.tracing.bind import bind
from functrans.tracing.tracer import Tracer


@boundary
def while_loop(cond_fun: Callable[[Any], Any], body_fun: Callable[[Any], T], init: Any) -> T:
    """``carry = init``, then ``carry = body_fun(carry)`` as long as ``cond_fun(carry)`` holds.

    Where the condition is known, this is Python's loop. In a staged trace it is written down; in a batch it runs until
    the examples are all done. It is differentiable in both modes, to any order.

    Args:
        cond_fun: the carry to one truth value.
        body_fun: the carry to the next one, of the same structure, shapes and dtypes.
        init: the first carry: a tree of arrays.

    Raises:
        TreeError, ShapeError: the carry changes; the message shows both, leaf by leaf.

    Example:
        >>> import functrans as ft
        >>> def halve(x):  # until it is below one
        ...     return ft.while_loop(lambda y: y >= 1.0, lambda y: y / 2, x)
        >>> ft.value_and_grad(halve)(5.0)
        (0.625, 0.125)
        >>> import numpy as np
        >>> ft.vmap(ft.grad(halve))(np.array([0.5, 5.0, 100.0]))
        array([1.       , 0.125    , 0.0078125])
    """
    expect_function(cond_fun, "while_loop")
    expect_function(body_fun, "while_loop")
    carry = init
    try:
        while cond_fun(carry):
            carry = body_fun(carry)
        return carry  # type: ignore[no-any-return]
    except (TracedBoolError, TracedValueError):
        leaves, structure = tree.flatten(carry)  # the steps that were known have been made
    return _staged_while(cond_fun, body_fun, leaves, structure)  # type: ignore[no-any-return]


def _staged_while(
    cond_fun: Callable[[Any], Any], body_fun: Callable[[Any], Any], leaves: Sequence[Any], structure: tree.TreeDef
) -> Any:
    in_tree = tree.flatten((tree.unflatten(structure, leaves),))[1]

    def trace(specs: Sequence[ArraySpec]) -> Closure:
        body = close(body_fun, specs, in_tree, "while_loop")
        if body.out_tree != structure:
            raise TreeError(
                f"the body of `while_loop`, {describe_function(body_fun)}, was given a carry of the structure "
                f"{structure} and returned one of {body.out_tree}",
                "return the carry in the structure that it came in.",
            )
        return body

    body, leaves = steady(body_fun, "while_loop", structure, leaves, trace)
    specs = [ArraySpec.of(leaf) for leaf in leaves]
    test = close(cond_fun, specs, in_tree, "while_loop")
    outs = specs_of(test.program.outputs)
    if len(outs) != 1 or outs[0].shape:
        raise ShapeError(
            f"the condition of `while_loop`, {describe_function(cond_fun)}, returned {outs}, not one truth value",
            "reduce it: `np.all(...)`, `np.any(...)`.",
        )
    found = bind(
        while_p,
        *test.consts,
        *body.consts,
        *leaves,
        test=test.program,
        body=body.program,
        tests=len(test.consts),
        bodies=len(body.consts),
        counts=(),
    )
    return tree.unflatten(structure, found)


@boundary
def fori_loop(lower: Any, upper: Any, body_fun: Callable[[Any, Any], T], init: Any) -> T:
    """``carry = init``, then ``carry = body_fun(i, carry)`` for ``i`` from ``lower`` up to, not including, ``upper``.

    With known bounds it is a :func:`scan`, else a :func:`while_loop`.

    Args:
        lower: the first ``i``.
        upper: the first ``i`` that is left out.
        body_fun: the index and the carry to the next carry.
        init: a tree of arrays.

    Raises:
        TreeError, ShapeError: the carry changes; the message shows both.

    Example:
        >>> import functrans as ft
        >>> ft.grad(lambda x: ft.fori_loop(0, 3, lambda i, y: y * x, 1.0))(2.0)
        12.0
    """
    expect_function(body_fun, "fori_loop")
    if type(lower) is Tracer or type(upper) is Tracer:
        start = (lower + 0 * upper, init)
        return while_loop(lambda c: c[0] < upper, lambda c: (c[0] + 1, body_fun(weak(c[0]), c[1])), start)[1]

    def fori_body(carry: Any, i: Any) -> Any:
        return body_fun(weak(i), carry), None  # promotes as Python's integers do

    if hasattr(body_fun, "__code__"):
        fori_body.__name__, fori_body.__wrapped__ = body_fun.__name__, body_fun  # type: ignore[attr-defined]
    return scan(fori_body, init, np.arange(lower, upper))[0]  # type: ignore[no-any-return]
