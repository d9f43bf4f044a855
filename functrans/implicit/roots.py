"""Solutions of equations: ``f(x) = 0``.

A solution moves with what ``f`` depends on so that ``f`` stays zero: ``f_x dx = -f_p dp``. The primitive behind it is
given the solution and says how it moves; how the solution was found does not matter to it.

Source: Griewank and Walther, *Evaluating Derivatives*, 2nd ed. (2008), chapter 15; Blondel et al., *Efficient and
modular implicit differentiation* (2022); Bradbury et al., *JAX: composable transformations of Python+NumPy programs*
(2018), for the interface of ``custom_root``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from functrans import tree
from functrans.control.closure import Closure, close
from functrans.control.derived import batched
from functrans.errors import expect_function
from functrans.implicit.coordinates import inexact_leaves, like
from functrans.implicit.iterations import Newton
from functrans.implicit.linear import (
    Parts,
    _expect_like,
    default_solver,
    linear_solve_p,
    solve_transposed,
    solvers,
    untraced,
)
from functrans.implicit.solver import (
    NEEDS_VALUES,
    Callback,
    Solver,
    along,
    back,
    batched_solver,
    derivative_map,
    resolved,
    transposed_map,
)
from functrans.interpreter import run
from functrans.ir import ArraySpec, Program
from functrans.ops.duals import cast, zeros
from functrans.ops.scalars import strong
from functrans.ops.select import stop_gradient
from functrans.primitive import Constant, Joint, Primitive
from functrans.tracing.bind import bind
from functrans.tracing.tracer import Tracer

# The solution, and how it moves. Operands: what the two solvers close over, what the equation depends on, the solution.


def _impl(*operands: Any, counts: tuple[int, int, int], **how: Any) -> Any:
    return tuple(operands[sum(counts) :])


def _spec(*specs: ArraySpec, counts: tuple[int, int, int], **how: Any) -> Any:
    return tuple(specs[sum(counts) :])


def _jvp(
    primals: Sequence[Any],
    tangents: Sequence[Any],
    *,
    program: Program,
    solve: Solver,
    transpose_solve: Solver,
    counts: tuple[int, int, int],
) -> Any:
    xs = bind(root_p, *primals, program=program, solve=solve, transpose_solve=transpose_solve, counts=counts)
    given, moved = Parts(primals, counts), Parts(tangents, counts)
    nothing = [None] * len(xs)
    if all(dx is None for dx in moved.system):
        return xs, nothing
    residual = along(program, [*given.system, *xs], [*moved.system, *nothing])
    if all(r is None for r in residual):
        return xs, nothing
    rhs = [
        zeros(ArraySpec.of(x)) if r is None else cast(strong(-r), ArraySpec.of(x).dtype)
        for r, x in zip(residual, xs, strict=True)
    ]
    matvec = derivative_map(program, len(xs))
    found = bind(
        linear_solve_p,
        *[*given.own, *given.transposed_own, *given.system, *xs, *rhs],
        matvec=matvec,
        solve=resolved(solve, matvec),
        transpose_solve=transpose_solve,
        counts=(counts[0], counts[1], counts[2] + len(xs)),
    )
    return xs, list(found)


def _forward(primals: Sequence[Any], moving: Sequence[bool], **params: Any) -> Any:
    xs = bind(root_p, *primals, **params)
    return xs, (primals, xs)


def _backward(
    kept: Any,
    cts: Sequence[Any],
    moving: Sequence[bool],
    *,
    program: Program,
    solve: Solver,
    transpose_solve: Solver,
    counts: tuple[int, int, int],
) -> list[Any]:
    primals, xs = kept
    given, moves = Parts(primals, counts), Parts(moving, counts)
    found: list[Any] = [None] * len(moves.system)
    if any(moves.system):
        given.system += xs
        cts = [zeros(ArraySpec.of(x)) if ct is None else ct for ct, x in zip(cts, xs, strict=True)]
        ws = solve_transposed(given, cts, derivative_map(program, len(xs)), solve, transpose_solve)
        flags = [*moves.system, *[False] * len(xs)]
        found = back(program, given.system, [-w for w in ws], flags)[: len(found)]
    return [*[None] * (counts[0] + counts[1]), *found, *[None] * len(xs)]


def _batch(
    primitive: Primitive, operands: Sequence[Any], flags: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    counts, program = params["counts"], params["program"]
    given, groups = Parts(operands, counts), Parts(flags, counts)
    xs = [x if flag else np.broadcast_to(x, (size, *np.shape(x))) for x, flag in zip(given.b, groups.b, strict=True)]
    every = [True] * len(xs)
    system = [*groups.system, *every]
    matvec = derivative_map(program, len(xs))
    own, transposed_own = [*groups.own, *system, *every], [*groups.transposed_own, *system, *every]
    return bind(
        primitive,
        *[*given.own, *given.transposed_own, *given.system, *xs],
        program=batched(program, tuple(system), size, tuple(every)).program,
        solve=batched_solver(params["solve"], matvec, own, counts[0], size),
        transpose_solve=batched_solver(
            params["transpose_solve"], transposed_map(matvec, len(xs)), transposed_own, counts[1], size
        ),
        counts=counts,
    )


root_p: Primitive = Primitive(
    "root",
    _impl,
    _spec,
    Joint(_jvp, _forward, _backward),
    source=lambda args, params: f"({', '.join(args[sum(params['counts']) :])},)",
    multiple=True,
    batch=_batch,
)


# A solver that asks for values, where they are not known yet.


def _solver_impl(*operands: Any, program: Program, solve: Callback, count: int) -> Any:
    return tuple(solve(program, operands[:count], operands[count:]))


def _solver_batch(
    primitive: Primitive, operands: Sequence[Any], flags: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    count, program = params["count"], params["program"]
    xs = [
        x if flag else np.broadcast_to(x, (size, *np.shape(x)))
        for x, flag in zip(operands[count:], flags[count:], strict=True)
    ]
    every = [True] * len(xs)
    flags = [*flags[:count], *every]
    return bind(
        primitive,
        *[*operands[:count], *xs],
        program=batched(program, tuple(flags), size, tuple(every)).program,
        solve=batched_solver(params["solve"], program, flags, 0, size),
        count=count,
    )


solver_p: Primitive = Primitive(
    "solver",
    _solver_impl,
    lambda *specs, count, **how: tuple(specs[count:]),
    Constant("it is a solver's, whose result is differentiated by what it solves"),
    source=lambda args, params: f"{params['solve'].function.__name__}({params['program']}, [{', '.join(args)}])",
    multiple=True,
    batch=_solver_batch,
)


def solution(
    solve: Callable[..., Any], closure: Closure, leaves: Sequence[Any], structure: tree.TreeDef, who: str
) -> list[Any]:
    """What a solver finds, from the values: none of its operations is differentiated."""
    consts = [stop_gradient(value) for value in closure.consts]
    start = [stop_gradient(leaf) for leaf in leaves]
    specs = [ArraySpec.of(leaf) for leaf in leaves]

    def f(x: Any) -> Any:
        given = like(x, structure, specs, f"the solver of `{who}` calls its function with what")
        return tree.unflatten(structure, run(closure.program, [*consts, *given]))

    try:
        found = like(solve(f, tree.unflatten(structure, start)), structure, specs, f"the solver of `{who}`")
    except NEEDS_VALUES:
        if not any(type(x) is Tracer for x in (*consts, *start)):
            raise
        callback = Callback(solve, structure)
        return list(bind(solver_p, *consts, *start, program=closure.program, solve=callback, count=len(consts)))
    return [stop_gradient(leaf) for leaf in found]


# What users call.


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
