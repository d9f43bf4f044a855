"""The solution of an equation as a primitive, which is given it and says how it moves: ``f_x dx = -f_p dp``.

And solvers that ask for values, where these are not known yet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from functrans import tree
from functrans.control.closure import Closure
from functrans.control.derived import batched
from functrans.implicit.coordinates import like
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
from functrans.implicit.system import Parts, linear_solve_p, solve_transposed
from functrans.interpreter import run
from functrans.ir import ArraySpec, Program
from functrans.ops.duals import cast, zeros
from functrans.ops.scalars import strong
from functrans.ops.select import stop_gradient
from functrans.primitives import Constant, Joint, Primitive
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
