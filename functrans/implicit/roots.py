"""Solutions of equations: ``f(x) = 0``.

A solution moves with what ``f`` depends on so that ``f`` stays zero: ``f_x dx = -f_p dp``. The primitive behind it is
given the solution and says how it moves; how the solution was found does not matter to it.

Source: Griewank and Walther, *Evaluating Derivatives*, 2nd ed. (2008), chapter 15; Blondel et al., *Efficient and
modular implicit differentiation* (2022); Bradbury et al., *JAX: composable transformations of Python+NumPy programs*
(2018), for the interface of ``custom_root``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functrans import tree
from functrans.control.closure import close
from functrans.errors import expect_function
from functrans.frames import boundary
from functrans.implicit.coordinates import inexact_leaves
from functrans.implicit.iterations import Newton
from functrans.implicit.linear import _expect_like, default_solver, solvers, untraced
from functrans.implicit.solved import root_p, solution
from functrans.implicit.solver import (
    NEEDS_VALUES,
    derivative_map,
)
from functrans.ir import ArraySpec
from functrans.ops.duals import cast
from functrans.tracing.bind import bind
from functrans.tracing.tracer import Tracer

# What users call.


@boundary
def custom_root(
    f: Callable[[Any], Any],
    initial_guess: Any,
    solve: Callable[..., Any],
    tangent_solve: Callable[..., Any],
) -> Any:
    """The root of ``f`` that ``solve`` finds, differentiated by the implicit function theorem.

    Derivatives, in both modes and of any order, are those of the exact root in everything traced that ``f`` closes
    over. That in ``initial_guess`` is zero.

    Args:
        f: a function of trees like ``initial_guess``, to such trees.
        initial_guess: a tree of arrays.
        solve: ``solve(f, initial_guess)`` gives the root. It may be anything: what cannot be traced, such as SciPy's
            functions, is run on plain values.
        tangent_solve: ``tangent_solve(g, y)`` solves ``g(x) = y`` for a linear ``g``: ``lambda g, y: y / g(1.0)`` for
            one number. Reverse mode transposes it: it must be linear operations on ``y``, or
            :func:`functrans.custom_linear_solve`, or one of ``functrans.implicit``: ``linear_solve``, ``solve_cg``,
            ``solve_gmres``.

    Raises:
        TreeError, ShapeError: ``f`` or ``solve`` does not give what is built like ``initial_guess``.
        TracedBoolError: ``f`` asks for the truth of a value.
        DerivativeError: reverse mode cannot transpose ``tangent_solve``; there is no derivative at the root.

    Example:
        >>> import functrans as ft
        >>> def square_root(a):
        ...     def halve(f, x):  # an interval, until it is small
        ...         low, high = 0.0, x
        ...         while high - low > 1e-14 * high:
        ...             middle = (low + high) / 2
        ...             low, high = (middle, high) if f(middle) < 0 else (low, middle)
        ...         return high
        ...     return ft.custom_root(lambda x: x * x - a, 8.0, halve, lambda g, y: y / g(1.0))
        >>> round(ft.grad(square_root)(4.0), 12)
        0.25
        >>> round(ft.grad(ft.grad(square_root))(4.0), 12)
        -0.03125
    """
    expect_function(solve, "custom_root")
    expect_function(tangent_solve, "custom_root")
    return rooted(f, initial_guess, solve, tangent_solve, "custom_root")


def rooted(
    f: Callable[[Any], Any], guess: Any, solve: Callable[..., Any], tangent_solve: Callable[..., Any] | None, who: str
) -> Any:
    """:func:`custom_root`, for the functions that call it by other names."""
    expect_function(f, who)
    leaves, structure = inexact_leaves(guess, f"the initial guess of `{who}`")
    in_tree = tree.flatten((tree.unflatten(structure, leaves),))[1]
    plain = not any(type(leaf) is Tracer for leaf in leaves)
    try:
        closure = close(f, [ArraySpec.of(leaf) for leaf in leaves], in_tree, who)
        outs = [atom.spec.dtype for atom in closure.program.outputs]
        promoted = [np.result_type(x.dtype, dtype) for x, dtype in zip(leaves, outs, strict=False)]
        if any(x.dtype != dtype for x, dtype in zip(leaves, promoted, strict=False)):
            leaves = [cast(x, dtype) for x, dtype in zip(leaves, promoted, strict=False)]
            closure = close(f, [ArraySpec.of(leaf) for leaf in leaves], in_tree, who)
    except NEEDS_VALUES:
        if not plain:
            raise
        return untraced(lambda f: solve(f, tree.unflatten(structure, leaves)), f, who)
    _expect_like(closure, structure, leaves, f, who)
    found = solution(solve, closure, leaves, structure, who)
    if not closure.consts:
        return tree.unflatten(structure, found)
    program, count = closure.program, len(leaves)
    if tangent_solve is None:
        tangent_solve = default_solver([ArraySpec.of(leaf) for leaf in leaves])
    solver, own, transposed, transposed_own = solvers(
        tangent_solve, None, False, derivative_map(program, count), count, structure
    )
    outs = bind(
        root_p,
        *[*own, *transposed_own, *closure.consts, *found],
        program=program,
        solve=solver,
        transpose_solve=transposed,
        counts=(len(own), len(transposed_own), len(closure.consts)),
    )
    return tree.unflatten(structure, outs)


@boundary
def root(
    f: Callable[..., Any],
    x0: Any,
    *params: Any,
    solver: Callable[..., Any] | None = None,
    linear_solver: Callable[..., Any] | None = None,
    tol: float | None = None,
    max_iter: int = 50,
) -> Any:
    """The root of ``f(x, *params)`` near ``x0``, differentiated in ``params`` by the implicit function theorem.

    Derivatives, in both modes and of any order, are those of the exact root, in ``params`` and in everything traced
    that ``f`` closes over. The derivative in ``x0`` is zero.

    Args:
        f: ``f(x, *params)`` gives what is built like ``x``.
        x0: where to start: a tree of arrays.
        *params: trees of arrays.
        solver: ``solver(g, x0)`` finds a root of ``g``; left out, Newton's method with the matrix of derivatives.
        linear_solver: ``linear_solver(matvec, b)`` solves the linear systems of the derivatives:
            ``functrans.implicit.solve_gmres`` without a matrix; left out, :func:`functrans.implicit.linear_solve`.
        tol: Newton's method ends when a step is smaller than this part of ``x``; left out, ``eps ** (2 / 3)``, after
            which the root is exact up to roundings.
        max_iter: the most steps of Newton's method.

    Raises:
        ConvergenceError: Newton's method found no root.
        TreeError, ShapeError: ``f`` does not give what is built like ``x0``.
        TracedBoolError: ``f`` asks for the truth of a value.
        DerivativeError: (when differentiated) the derivatives of ``f`` in ``x`` are singular at the root.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> def anomaly(e, m):  # Kepler's equation
        ...     return ft.implicit.root(lambda x: x - e * np.sin(x) - m, m)
        >>> round(anomaly(0.1, 1.0), 6)
        np.float64(1.088598)
        >>> round(ft.grad(anomaly)(0.1, 1.0), 6)
        0.929061
    """
    return rooted(
        lambda x: f(x, *params) if params else f(x),
        x0,
        solver or Newton(tol, max_iter, "root"),
        linear_solver,
        "root",
    )
