"""Solutions of linear systems, given as functions: ``matvec(x) = b``.

The derivative is ``A dx = db - dA x``, solved as the system itself is; in reverse mode with the transposed map.

Source: Griewank and Walther, *Evaluating Derivatives*, 2nd ed. (2008), chapter 15; Bradbury et al., *JAX: composable
transformations of Python+NumPy programs* (2018), for the interface of ``custom_linear_solve``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from functrans import tree
from functrans.control.closure import close
from functrans.control.derived import batched, specs_of
from functrans.errors import DerivativeError, ShapeError, TreeError, describe_function, expect_function
from functrans.implicit.coordinates import dimension, from_vector, inexact_leaves, on_vectors, to_vector
from functrans.implicit.solver import (
    NEEDS_VALUES,
    Callback,
    Lazy,
    Solver,
    along,
    back,
    batched_solver,
    resolved,
    traced_solver,
    transposed_map,
    transposed_solver,
)
from functrans.interpreter import run_plain
from functrans.ir import ArraySpec, Program
from functrans.ops.duals import cast, zeros
from functrans.ops.scalars import strong
from functrans.primitive import Joint, Primitive
from functrans.tracing.bind import bind
from functrans.tracing.tracer import Tracer
from functrans.transforms.linearize import first_nonlinear
from functrans.transforms.vmap import vmap

#: Up to so many unknowns a system is solved by a matrix.
DENSE = 256


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


# What users call.


def dense_solve(matvec: Callable[[Any], Any], b: Any) -> Any:
    """The solution by the matrix of a linear map, column by column."""
    leaves, structure = tree.flatten(b)
    specs = [ArraySpec.of(leaf) for leaf in leaves]
    columns = on_vectors(matvec, structure, specs)
    vector = to_vector(leaves)
    matrix = vmap(columns, out_axes=1)(np.eye(dimension(specs), dtype=vector.dtype))
    return tree.unflatten(structure, from_vector(np.linalg.solve(matrix, vector), specs))


def linear_solve(matvec: Callable[[Any], Any], b: Any) -> Any:
    """The solution of ``matvec(x) = b``: by the matrix up to 256 unknowns, by GMRES, which needs SciPy, beyond.

    Args:
        matvec: a linear function of trees like ``b``, to such trees; it may close over traced values.
        b: a tree of arrays.

    Raises:
        DerivativeError: ``matvec`` is not linear.
        ConvergenceError: GMRES did not converge.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> matrix = np.array([[2.0, 1.0], [0.0, 1.0]])
        >>> def solution(k):
        ...     return ft.implicit.linear_solve(lambda x: k * x + matrix @ x, np.array([3.0, 4.0]))
        >>> solution(1.0)
        array([0.33333333, 2.        ])
        >>> ft.jvp(solution, (1.0,), (1.0,))[1]
        array([ 0.22222222, -1.        ])
    """
    specs = [ArraySpec.of(leaf) for leaf in tree.flatten(b)[0]]
    return _solved(matvec, b, default_solver(specs), "linear_solve")


def default_solver(specs: Sequence[ArraySpec]) -> Callable[..., Any]:
    """What solves systems of this size."""
    if dimension(specs) <= DENSE:
        return dense_solve
    from functrans.implicit.krylov import gmres

    return gmres


def custom_linear_solve(
    matvec: Callable[[Any], Any],
    b: Any,
    solve: Callable[..., Any],
    transpose_solve: Callable[..., Any] | None = None,
    symmetric: bool = False,
) -> Any:
    """The solution of ``matvec(x) = b``, as ``solve`` finds it, differentiated by what it solves.

    Derivatives are those of the exact solution, in ``b`` and in everything traced that ``matvec`` closes over. They
    solve the same system with another right side: in forward mode by ``solve``, in reverse mode by
    ``transpose_solve``.

    Args:
        matvec: a linear function of trees like ``b``, to such trees; it may close over traced values.
        b: a tree of arrays.
        solve: ``solve(matvec, b)`` gives the solution. It may be anything: what cannot be traced, such as SciPy's
            functions, is run on plain values.
        transpose_solve: ``transpose_solve(vecmat, b)`` solves the transposed system; left out, ``solve`` is transposed,
            which must then be linear operations on ``b``.
        symmetric: the map is its own transpose (without conjugation), so that ``solve`` serves both.

    Raises:
        DerivativeError: ``matvec`` is not linear; reverse mode finds no way to solve the transposed system.
        TreeError, ShapeError: ``matvec`` or ``solve`` does not give what is built like ``b``.
        TracedBoolError: ``matvec`` asks for the truth of a value.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> def solution(a):
        ...     return ft.custom_linear_solve(lambda x: a * x, 6.0, lambda matvec, b: b / matvec(1.0))
        >>> ft.value_and_grad(solution)(2.0)
        (np.float64(3.0), -1.5)
    """
    expect_function(solve, "custom_linear_solve")
    if transpose_solve is not None:
        expect_function(transpose_solve, "custom_linear_solve")
    return _solved(matvec, b, solve, "custom_linear_solve", transpose_solve, symmetric)


def _solved(
    matvec: Callable[[Any], Any],
    b: Any,
    solve: Callable[..., Any],
    who: str,
    transpose_solve: Callable[..., Any] | None = None,
    symmetric: bool = False,
) -> Any:
    expect_function(matvec, who)
    leaves, structure = inexact_leaves(b, f"the right side of `{who}`")
    in_tree = tree.flatten((tree.unflatten(structure, leaves),))[1]
    plain = not any(type(leaf) is Tracer for leaf in leaves)
    try:
        closure = close(matvec, [ArraySpec.of(leaf) for leaf in leaves], in_tree, who)
        promoted = [
            np.result_type(x.dtype, atom.spec.dtype) for x, atom in zip(leaves, closure.program.outputs, strict=False)
        ]
        if any(x.dtype != dtype for x, dtype in zip(leaves, promoted, strict=False)):
            leaves = [cast(x, dtype) for x, dtype in zip(leaves, promoted, strict=False)]
            closure = close(matvec, [ArraySpec.of(leaf) for leaf in leaves], in_tree, who)
    except NEEDS_VALUES:
        if not plain:
            raise
        return untraced(lambda f: solve(f, tree.unflatten(structure, leaves)), matvec, who)
    if plain and not closure.consts:
        return solve(matvec, tree.unflatten(structure, leaves))
    _expect_like(closure, structure, leaves, matvec, who)
    program, count = closure.program, len(leaves)
    nonlinear, _ = first_nonlinear(program, [*[False] * len(closure.consts), *[True] * count])
    if nonlinear is not None:
        raise DerivativeError(
            f"`{who}`: {describe_function(matvec)} is not linear: `{nonlinear.primitive.name}` is applied to what "
            "depends on its argument",
            "`functrans.implicit.root` solves equations that are not linear.",
            nonlinear.location or False,
        )
    solver, own, transposed, transposed_own = solvers(solve, transpose_solve, symmetric, program, count, structure)
    outs = bind(
        linear_solve_p,
        *[*own, *transposed_own, *closure.consts, *leaves],
        matvec=program,
        solve=resolved(solver, program),
        transpose_solve=transposed,
        counts=(len(own), len(transposed_own), len(closure.consts)),
    )
    return tree.unflatten(structure, outs)


#: Solvers of ours, which solve any system, the transposed one too.
GENERAL: set[Any] = {dense_solve}


def solvers(
    solve: Callable[..., Any],
    transpose_solve: Callable[..., Any] | None,
    symmetric: bool,
    matvec: Program,
    count: int,
    structure: tree.TreeDef,
) -> tuple[Solver, list[Any], Solver, list[Any]]:
    """The solver of a system, what it closes over, and those of the transposed system."""
    if getattr(solve, "general", solve in GENERAL):
        return Lazy(solve, structure), [], Lazy(solve, structure), []
    solver, own = traced_solver(solve, matvec, count, structure)
    if symmetric:
        return solver, own, solver, own
    if transpose_solve is None:
        return solver, own, None, []
    transposed, other = traced_solver(transpose_solve, transposed_map(matvec, count), count, structure)
    return solver, own, transposed, other


def _expect_like(closure: Any, structure: tree.TreeDef, leaves: Sequence[Any], f: Callable[..., Any], who: str) -> None:
    if closure.out_tree != structure:
        raise TreeError(
            f"`{who}`: {describe_function(f)} was given the structure {structure} and returned {closure.out_tree}",
            "it must return what is built like its argument.",
        )
    for leaf, spec, path in zip(leaves, specs_of(closure.program.outputs), tree.paths(structure), strict=True):
        if spec != ArraySpec.of(leaf):
            raise ShapeError(
                f"`{who}`: {describe_function(f)} returned {spec} as out{path} for {ArraySpec.of(leaf)}",
                "a system has as many equations as unknowns, of the same shapes and dtypes.",
            )


def untraced(solved: Callable[[Callable[..., Any]], Any], f: Callable[..., Any], who: str) -> Any:
    """What a solver finds for a function that cannot be traced, if nothing that it closes over is traced.

    Raises:
        TracedValueError: a value is.
    """
    from functrans.errors import TracedValueError

    def watched(x: Any) -> Any:
        out = f(x)
        if any(type(leaf) is Tracer for leaf in tree.flatten(out)[0]):
            raise TracedValueError(
                f"`{who}`: {describe_function(f)} depends on a traced value, and asks for the value of its argument, "
                "so that it cannot be traced",
                "write it with NumPy's functions, `np.where` or `functrans.cond` in place of `if`.",
            )
        return out

    return solved(watched)
