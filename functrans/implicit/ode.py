"""``odeint``: solutions of differential equations, and their derivatives by the adjoint equation or by the steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functrans import tree
from functrans.control.closure import close
from functrans.errors import ShapeError, TracedValueError, describe_function, expect_function
from functrans.frames import boundary
from functrans.implicit.adjoint import odeint_p
from functrans.implicit.coordinates import inexact_leaves, like, to_vector
from functrans.implicit.direct import integrated
from functrans.implicit.integrate import METHODS, How, expect_ordered, on_leaves, stepped, unstacked
from functrans.implicit.solver import NEEDS_VALUES
from functrans.ir import ArraySpec
from functrans.ops.scalars import strong
from functrans.tracing.bind import bind
from functrans.tracing.tracer import Tracer


@boundary
def odeint(
    f: Callable[..., Any],
    y0: Any,
    t: Any,
    *args: Any,
    rtol: float = 1e-8,
    atol: float = 1e-8,
    method: str = "RK45",
    gradient: str = "adjoint",
    max_steps: int = 100_000,
) -> Any:
    """The solution of ``dy/dt = f(y, t, *args)`` from ``y0`` at ``t[0]``, at the times ``t``.

    It is differentiable in ``y0``, ``t``, ``args`` and in everything traced that ``f`` closes over, in both modes and
    in batches:

    - ``gradient="adjoint"``: SciPy's methods compute; forward mode solves the variational equation, reverse mode the
      adjoint one, both at the same tolerances. Of any order with the explicit methods; with those for stiff equations
      the second order is forward mode twice.
    - ``gradient="direct"``: an adaptive method of Dormand and Prince; the steps that it takes are differentiated as
      they are, of any order. SciPy is not needed. The gradient is that of the numbers that came out, to the last digit.

    Args:
        f: ``f(y, t, *args)`` gives what is built like ``y``. It is traced, so it must not ask for the truth of its
            values.
        y0: a tree of arrays.
        t: times, rising or falling; the first one is the start.
        *args: trees of arrays.
        rtol: the error of a step is kept below ``atol + rtol * abs(y)``.
        atol: see ``rtol``.
        method: ``"RK45"``, ``"RK23"``, ``"DOP853"``; for stiff equations ``"Radau"``, ``"BDF"``, ``"LSODA"``.
        gradient: see above.
        max_steps: the most steps.

    Returns:
        A tree like ``y0``, each leaf with the times as its first axis.

    Raises:
        ConvergenceError: the steps became too small, or too many.
        TreeError, ShapeError: ``f`` does not give what is built like ``y0``; ``t`` is not sorted.
        TracedBoolError: ``f`` asks for the truth of a value.
        DerivativeError: (when differentiated) second derivatives of the adjoint with a method for stiff equations.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> def left(rate):  # of what decays
        ...     return ft.odeint(lambda y, t: -rate * y, 1.0, np.array([0.0, 2.0]))[-1]
        >>> round(left(0.5), 6), round(float(ft.grad(left)(0.5)), 6)
        (np.float64(0.367879), -0.735759)
    """
    expect_function(f, "odeint")
    if method not in METHODS:
        raise ValueError(f"method={method!r}: there are {', '.join(map(repr, METHODS))}")
    if gradient not in ("adjoint", "direct"):
        raise ValueError(f"gradient={gradient!r}: there are 'adjoint' and 'direct'")
    if gradient == "direct" and method != "RK45":
        raise ValueError(f"gradient='direct' differentiates the steps of method='RK45', not of {method!r}")
    leaves, structure = inexact_leaves(y0, "the start of `odeint`")
    t = t if type(t) is Tracer else np.asarray(t)
    if t.dtype.kind != "f":
        t = t.astype(np.float64)
    if t.ndim != 1 or not t.shape[0]:
        raise ShapeError(f"`odeint` at times that are {ArraySpec.of(t)}", "give an array of times, the start first.")
    if type(t) is not Tracer:
        expect_ordered(t)
    given, args_tree = tree.flatten(args)
    given = [strong(x) for x in given]
    specs = [ArraySpec.of(leaf) for leaf in leaves]
    who = describe_function(f)
    how = How(method, rtol, atol, max_steps)
    count = len(given)

    def flat(*inputs: Any) -> list[Any]:
        y = tree.unflatten(structure, inputs[count:-1])
        return like(f(y, inputs[-1], *tree.unflatten(args_tree, inputs[:count])), structure, specs, who)

    inputs = [*map(ArraySpec.of, given), *specs, ArraySpec((), t.dtype)]
    plain = not any(type(x) is Tracer for x in (*given, *leaves, t))
    try:
        closure = close(flat, inputs, tree.flatten(tuple(inputs))[1], "odeint")
    except NEEDS_VALUES:
        if not plain or gradient == "direct":
            raise

        def watched(time: Any, *y: Any) -> list[Any]:
            out = flat(*given, *y, time)
            if any(type(leaf) is Tracer for leaf in out):
                raise TracedValueError(
                    f"`odeint`: {who} depends on a traced value, and asks for values, so that it cannot be traced",
                    "write it with NumPy's functions, `np.where` or `functrans.cond` in place of `if`.",
                )
            return out

        rows, _ = stepped(on_leaves(watched, specs), np.asarray(to_vector(leaves), np.float64), t, how)
        return tree.unflatten(structure, unstacked(rows, specs))
    params = [*closure.consts, *given]
    if gradient == "direct":
        outs = integrated(closure.program, params, leaves, t, how)
    else:
        outs = bind(odeint_p, *params, *leaves, t, program=closure.program, count=len(params), how=how)
    return tree.unflatten(structure, outs)
