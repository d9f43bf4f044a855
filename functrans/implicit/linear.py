"""Solutions of linear systems, given as functions: ``matvec(x) = b``.

The derivative is ``A dx = db - dA x``, solved as the system itself is; in reverse mode with the transposed map.

Source: Griewank and Walther, *Evaluating Derivatives*, 2nd ed. (2008), chapter 15; Bradbury et al., *JAX: composable
transformations of Python+NumPy programs* (2018), for the interface of ``custom_linear_solve``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans import tree
from functrans.control.closure import Closure, close
from functrans.control.derived import specs_of
from functrans.errors import DerivativeError, ShapeError, TreeError, describe_function, expect_function
from functrans.frames import boundary
from functrans.implicit.coordinates import dimension, from_vector, inexact_leaves, on_vectors, to_vector
from functrans.implicit.solver import (
    NEEDS_VALUES,
    Lazy,
    Solver,
    resolved,
    traced_solver,
    transposed_map,
)
from functrans.implicit.system import linear_solve_p
from functrans.interpreter import run
from functrans.ir import ArraySpec, Program
from functrans.ops.duals import cast, zeros
from functrans.ops.select import stop_gradient
from functrans.tracing.bind import bind
from functrans.tracing.tracer import Tracer
from functrans.transforms.linearize import first_nonlinear
from functrans.transforms.vmap import vmap

#: Up to so many unknowns a system is solved by a matrix.
DENSE = 256


# What users call.


def dense_solve(matvec: Callable[[Any], Any], b: Any) -> Any:
    """The solution by the matrix of a linear map, column by column."""
    leaves, structure = tree.flatten(b)
    specs = [ArraySpec.of(leaf) for leaf in leaves]
    columns = on_vectors(matvec, structure, specs)
    vector = to_vector(leaves)
    matrix = vmap(columns, out_axes=1)(np.eye(dimension(specs), dtype=vector.dtype))
    return tree.unflatten(structure, from_vector(np.linalg.solve(matrix, vector), specs))


@boundary
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


@boundary
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
    _expect_zero_at_zero(closure, leaves, matvec, who)
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


def _expect_zero_at_zero(closure: Closure, leaves: Sequence[Any], f: Callable[..., Any], who: str) -> None:
    """Refuse a map that adds something, where its values are known."""
    consts = [stop_gradient(value) for value in closure.consts]
    if any(type(value) is Tracer for value in consts):
        return
    for out in run(closure.program, [*consts, *[zeros(ArraySpec.of(leaf)) for leaf in leaves]]):
        if np.any(out) and np.all(np.isfinite(out)):
            raise DerivativeError(
                f"`{who}`: {describe_function(f)} is not linear: it does not give zero at zero",
                "leave out what is added, and subtract it from the right side.",
            )


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
