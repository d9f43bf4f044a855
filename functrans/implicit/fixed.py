"""Fixed points: ``x = f(x)``.

Source: Christianson, *Reverse accumulation and attractive fixed points* (1994); Griewank and Walther, *Evaluating
Derivatives*, 2nd ed. (2008), chapter 15.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functrans import tree
from functrans.frames import boundary
from functrans.implicit.coordinates import dimension, inexact_leaves
from functrans.implicit.iterations import Adjoint, Newton, Picard
from functrans.implicit.linear import DENSE, default_solver
from functrans.implicit.roots import rooted
from functrans.ir import ArraySpec


@boundary
def fixed_point(
    f: Callable[..., Any],
    x0: Any,
    *params: Any,
    tol: float | None = None,
    max_iter: int = 1000,
    solver: str | Callable[..., Any] = "iteration",
) -> Any:
    """The fixed point of ``f(x, *params)``, differentiated in ``params`` by the implicit function theorem.

    Derivatives, in both modes and of any order, are those of the exact fixed point, in ``params`` and in everything
    traced that ``f`` closes over; no step of the iteration is kept. Their linear systems are solved by a matrix up to
    256 unknowns; beyond, by an iteration which converges as fast as that of the fixed point.

    Args:
        f: ``f(x, *params)`` gives what is built like ``x``.
        x0: where to start: a tree of arrays; the derivative in it is zero.
        *params: trees of arrays.
        tol: the iteration ends when a step is smaller than this part of ``x``; left out, ``eps ** 0.8``.
        max_iter: the most steps.
        solver: ``"iteration"``, ``"newton"``, which needs no contraction; or ``solver(residual, x0)``, which finds a
            root of ``x - f(x)``.

    Raises:
        ConvergenceError: the iteration did not converge.
        TreeError, ShapeError: ``f`` does not give what is built like ``x0``.
        TracedBoolError: ``f`` asks for the truth of a value.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> def settled(a):
        ...     return ft.fixed_point(lambda x, a: (x + a / x) / 2, 1.0, a)
        >>> round(settled(2.0), 6)
        np.float64(1.414214)
        >>> round(ft.grad(settled)(2.0), 6)
        0.353553
    """
    leaves, _ = inexact_leaves(x0, "the start of `fixed_point`")
    specs = [ArraySpec.of(leaf) for leaf in leaves]
    linear: Callable[..., Any] | None = None
    if solver == "iteration":
        solver = Picard(tol, max_iter, "fixed_point")
        linear = default_solver(specs) if dimension(specs) <= DENSE else Adjoint(tol, max_iter)
    elif solver == "newton":
        solver = Newton(tol, max_iter, "fixed_point")
    elif not callable(solver):
        raise ValueError(f"solver={solver!r}: there are 'iteration' and 'newton', or give a function")

    def residual(x: Any) -> Any:
        return tree.map(lambda a, b: a - b, x, f(x, *params))

    residual.__name__ = getattr(f, "__name__", "residual")
    return rooted(residual, x0, solver, linear, "fixed_point")
