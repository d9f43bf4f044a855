"""A linear system as a primitive: the solution, and how it moves.

``A dx = db - dA x``; in reverse mode the system is solved with the transposed map.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from functrans.control.derived import batched
from functrans.errors import DerivativeError
from functrans.implicit.solver import (
    Callback,
    Solver,
    along,
    back,
    batched_solver,
    resolved,
    transposed_map,
    transposed_solver,
)
from functrans.interpreter import run_plain
from functrans.ir import ArraySpec, Program
from functrans.ops.duals import cast, zeros
from functrans.ops.scalars import strong
from functrans.primitives import Joint, Primitive
from functrans.tracing.bind import bind


class Parts:
    """The operands of a linear solve (or anything listed like them)."""

    __slots__ = ("b", "own", "system", "transposed_own")

    def __init__(self, values: Sequence[Any], counts: tuple[int, int, int]) -> None:
        first, second, third = counts[0], counts[0] + counts[1], sum(counts)
        self.own, self.transposed_own = list(values[:first]), list(values[first:second])
        self.system, self.b = list(values[second:third]), list(values[third:])


def _impl(*operands: Any, matvec: Program, solve: Solver, transpose_solve: Solver, counts: tuple[int, int, int]) -> Any:
    given = Parts(operands, counts)
    try:
        if isinstance(solve, Program):
            found = run_plain(solve, [*given.own, *given.system, *given.b])
        else:
            assert isinstance(solve, Callback)
            found = solve(matvec, given.system, given.b)
    except np.linalg.LinAlgError as error:
        raise DerivativeError(
            f"the linear system of an implicit derivative, `{matvec.name}`, cannot be solved: {error}",
            "at such a point the solution is not isolated, or not a differentiable function of what it depends on.",
        ) from error
    return tuple(found)


def _spec(
    *specs: ArraySpec, matvec: Program, solve: Solver, transpose_solve: Solver, counts: tuple[int, int, int]
) -> Any:
    return tuple(specs[sum(counts) :])


def _jvp(
    primals: Sequence[Any], tangents: Sequence[Any], *, matvec: Program, counts: tuple[int, int, int], **how: Any
) -> Any:
    given, moved = Parts(primals, counts), Parts(tangents, counts)
    xs = bind(linear_solve_p, *primals, matvec=matvec, counts=counts, **how)
    rhs = moved.b
    if any(dx is not None for dx in moved.system):
        nothing = [None] * len(xs)
        rhs = [
            _minus(db, ax)
            for db, ax in zip(rhs, along(matvec, [*given.system, *xs], [*moved.system, *nothing]), strict=True)
        ]
    if all(r is None for r in rhs):
        return xs, [None] * len(xs)
    rhs = [
        zeros(ArraySpec.of(b)) if r is None else cast(strong(r), ArraySpec.of(b).dtype)
        for r, b in zip(rhs, given.b, strict=True)
    ]
    fixed = [*given.own, *given.transposed_own, *given.system]
    return xs, list(bind(linear_solve_p, *fixed, *rhs, matvec=matvec, counts=counts, **how))


def _minus(a: Any, b: Any) -> Any:
    if b is None:
        return a
    return -b if a is None else a - b


def _forward(primals: Sequence[Any], moving: Sequence[bool], **params: Any) -> Any:
    xs = bind(linear_solve_p, *primals, **params)
    return xs, (primals, xs)


def _backward(kept: Any, cts: Sequence[Any], moving: Sequence[bool], **params: Any) -> list[Any]:
    primals, xs = kept
    given, moves = Parts(primals, params["counts"]), Parts(moving, params["counts"])
    cts = [zeros(ArraySpec.of(x)) if ct is None else ct for ct, x in zip(cts, xs, strict=True)]
    ws = solve_transposed(given, cts, params["matvec"], params["solve"], params["transpose_solve"])
    flags = [*moves.system, *[False] * len(xs)]
    of_system: list[Any] = [None] * len(moves.system)
    if any(moves.system):
        of_system = back(params["matvec"], [*given.system, *xs], [-w for w in ws], flags)[: len(of_system)]
    nothing = [None] * (len(given.own) + len(given.transposed_own))
    return [*nothing, *of_system, *[w if flag else None for w, flag in zip(ws, moves.b, strict=True)]]


def solve_transposed(
    given: Parts, cts: Sequence[Any], matvec: Program, solve: Solver, transpose_solve: Solver
) -> Sequence[Any]:
    """The solution of the transposed system."""
    count = len(cts)
    own, other = given.transposed_own, given.own
    if transpose_solve is None:
        transpose_solve, own = transposed_solver(solve, count), given.own
    transposed = transposed_map(matvec, count)
    return bind(  # type: ignore[no-any-return]
        linear_solve_p,
        *[*own, *other, *given.system, *cts],
        matvec=transposed,
        solve=resolved(transpose_solve, transposed),
        transpose_solve=solve,
        counts=(len(own), len(other), len(given.system)),
    )


def _is_linear(moving: Sequence[bool], *, counts: tuple[int, int, int], **how: Any) -> bool:
    return not any(moving[: sum(counts)])


def _batch(
    primitive: Primitive, operands: Sequence[Any], flags: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    counts, matvec = params["counts"], params["matvec"]
    given, groups = Parts(operands, counts), Parts(flags, counts)
    bs = [b if flag else np.broadcast_to(b, (size, *np.shape(b))) for b, flag in zip(given.b, groups.b, strict=True)]
    every = [True] * len(bs)
    system = [*groups.system, *every]
    return bind(
        primitive,
        *[*given.own, *given.transposed_own, *given.system, *bs],
        matvec=batched(matvec, tuple(system), size, tuple(every)).program,
        solve=batched_solver(params["solve"], matvec, [*groups.own, *system], counts[0], size),
        transpose_solve=batched_solver(
            params["transpose_solve"],
            transposed_map(matvec, len(bs)),
            [*groups.transposed_own, *system],
            counts[1],
            size,
        ),
        counts=counts,
    )


def _source(args: list[str], params: dict[str, Any]) -> str:
    given = Parts(args, params["counts"])
    solve, system = params["solve"], [*given.system, *given.b]
    if isinstance(solve, Callback):
        return f"{solve.function.__name__}({params['matvec']}, [{', '.join(system)}])"
    return f"{solve}({', '.join([*given.own, *system])})"


linear_solve_p: Primitive = Primitive(
    "linear_solve",
    _impl,
    _spec,
    Joint(_jvp, _forward, _backward, _is_linear),
    source=_source,
    multiple=True,
    batch=_batch,
)
