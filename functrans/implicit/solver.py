"""How the linear systems behind an implicit derivative are solved: a solver as what a primitive can hold.

A solver is a program if it can be traced: ``program(*own, *system, *b)``, where ``own`` are traced values that it
closes over, and ``system`` what the linear map depends on. What asks for values (SciPy, Python's loops) is a
:class:`Callback`, which is run on plain values; in a batch, on one example after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from functrans import tree
from functrans.control.closure import close, flat_program
from functrans.control.derived import batched, chosen, linearized, pushed, specs_of, spread_out
from functrans.errors import (
    DerivativeError,
    FunctransError,
    TracedBoolError,
    TracedValueError,
    UncoveredFunctionError,
    describe_function,
)
from functrans.implicit.coordinates import like
from functrans.interpreter import run, run_plain
from functrans.ir import ArraySpec, Program
from functrans.ops.duals import cast, zeros
from functrans.tracing.trace import live_equations
from functrans.tracing.tracer import Tracer
from functrans.transforms.linearize import first_nonlinear, linear_transpose

#: What a function raises that cannot be traced without values.
NEEDS_VALUES: tuple[type[FunctransError], ...] = (TracedBoolError, TracedValueError, UncoveredFunctionError)

# Programs.


def along(program: Program, inputs: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
    """The tangents of the outputs, None for zero."""
    moving = tuple([dx is not None for dx in tangents])
    both = pushed(program, moving)
    key = ("tangents", moving)
    known = program.derived.get(key)
    if known is None:
        outputs = both.program.outputs[len(program.outputs) :]
        equations = live_equations(both.program.equations, outputs)
        known = program.derived.setdefault(
            key, Program(both.program.inputs, equations, outputs, name=both.program.name)
        )
    return spread_out(run(known, [*inputs, *chosen(tangents, moving)]), both.moving)


def back(program: Program, inputs: Sequence[Any], cts: Sequence[Any], moving: Sequence[bool]) -> list[Any]:
    """The cotangents of the inputs that move, None for zero."""
    cut = linearized(program, tuple(moving))
    residuals = iter(run(cut.forward, inputs)[len(program.outputs) :])
    read = [next(residuals) if source is None else inputs[source] for source in cut.sources]
    return spread_out(run(cut.linear, [*read, *chosen(cts, cut.moving)]), cut.reached)


def derivative_map(program: Program, count: int) -> Program:
    """``(consts, x, v)`` to the derivative in ``x``, applied to ``v``; ``x`` are the last ``count`` inputs."""
    known = program.derived.get("derivative map")
    if known is None:
        specs = specs_of(program.inputs)

        def derivative(*leaves: Any) -> list[Any]:
            inputs, v = leaves[: len(specs)], leaves[len(specs) :]
            found = along(program, inputs, [*[None] * (len(specs) - count), *v])
            return [zeros(atom.spec) if t is None else t for t, atom in zip(found, program.outputs, strict=True)]

        known = flat_program(derivative, [*specs, *specs[len(specs) - count :]], f"derivative_of_{program.name}")
        known = program.derived.setdefault("derivative map", known)
    return known  # type: ignore[no-any-return]


def transposed_map(program: Program, count: int) -> Program:
    """The transpose of a map that is linear in its last ``count`` inputs."""
    known = program.derived.get("transposed map")
    if known is None:
        specs = specs_of(program.inputs)
        system = specs[: len(specs) - count]

        def transpose(*leaves: Any) -> list[Any]:
            inputs = [*leaves[: len(system)], *map(zeros, specs[len(system) :])]
            moving = [*[False] * len(system), *[True] * count]
            found = back(program, inputs, leaves[len(system) :], moving)[len(system) :]
            return [zeros(spec) if ct is None else ct for ct, spec in zip(found, specs[len(system) :], strict=True)]

        known = flat_program(transpose, [*system, *specs_of(program.outputs)], f"transpose_of_{program.name}")
        known.derived["transposed map"] = program
        known = program.derived.setdefault("transposed map", known)
    return known  # type: ignore[no-any-return]


# Solvers.


class Callback:
    """A solver that needs plain values: ``function(map, b)``, trees in and out."""

    __slots__ = ("function", "name", "structure")

    def __init__(self, function: Callable[..., Any], structure: tree.TreeDef) -> None:
        self.function, self.structure = function, structure
        self.name = describe_function(function)

    def key(self) -> Any:
        return (type(self), self.function, self.structure)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Callback) and self.key() == other.key()

    def __hash__(self) -> int:
        return hash(self.key())

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.function, self.structure))

    def __call__(self, program: Program, system: Sequence[Any], given: Sequence[Any]) -> list[Any]:
        """The leaves of the solution."""

        def on_trees(x: Any) -> Any:
            leaves = tree.flatten_up_to(self.structure, x, f"what {self.name} calls its function with")
            return tree.unflatten(self.structure, run_plain(program, [*system, *map(np.asarray, leaves)]))

        out = self.function(on_trees, tree.unflatten(self.structure, given))
        leaves = like(out, self.structure, [ArraySpec.of(x) for x in given], self.name)
        if any(type(leaf) is Tracer for leaf in leaves):
            raise TracedValueError(
                f"{self.name}, a solver, asks for values, and closes over a value that is traced",
                "solve with the function that the solver is given in place of what that closes over.",
            )
        return leaves


class MappedCallback(Callback):
    """A solver that needs plain values, for one example after the other."""

    __slots__ = ("flags", "one", "program", "size")

    def __init__(self, one: Callback, program: Program, flags: Sequence[bool], size: int) -> None:
        super().__init__(one.function, one.structure)
        self.one, self.program, self.flags, self.size = one, program, tuple(flags), size

    def key(self) -> Any:
        return (type(self), self.one, self.program, self.flags, self.size)

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.one, self.program, self.flags, self.size))

    def __call__(self, _: Program, system: Sequence[Any], given: Sequence[Any]) -> list[Any]:
        rows = []
        for i in range(self.size):
            leaves = [x[i] if flag else x for x, flag in zip([*system, *given], self.flags, strict=True)]
            rows.append(self.one(self.program, leaves[: len(system)], leaves[len(system) :]))
        return [np.stack(column) for column in zip(*rows, strict=True)]


class Lazy:
    """A solver of ours, which closes over nothing and solves any system: made a program where it is first needed."""

    __slots__ = ("function", "structure")

    def __init__(self, function: Callable[..., Any], structure: tree.TreeDef) -> None:
        self.function, self.structure = function, structure

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Lazy) and (self.function, self.structure) == (other.function, other.structure)

    def __hash__(self) -> int:
        return hash((self.function, self.structure))

    def program(self, matvec: Program) -> Solver:
        """The solver for this map."""
        known = matvec.derived.get(("solver", self))
        if known is None:
            count = len(matvec.outputs)
            made, _ = traced_solver(self.function, matvec, count, self.structure)
            known = matvec.derived.setdefault(("solver", self), made)
        return known  # type: ignore[no-any-return]


#: None: the transpose of the other one.
Solver: TypeAlias = Program | Callback | Lazy | None


def resolved(solver: Solver, matvec: Program) -> Solver:
    """A solver of ours as what it is for this map; others as they are."""
    return solver.program(matvec) if isinstance(solver, Lazy) else solver


def traced_solver(
    solve: Callable[..., Any], matvec: Program, count: int, structure: tree.TreeDef
) -> tuple[Solver, list[Any]]:
    """A solver for this linear map, and the traced values that it closes over."""
    specs = specs_of(matvec.outputs)
    who = describe_function(solve)

    def solver(*leaves: Any) -> list[Any]:
        system, b = leaves[: len(leaves) - count], leaves[len(leaves) - count :]

        def on_trees(x: Any) -> Any:
            given = like(x, structure, specs, f"{who}, a solver, calls its function with what")
            return tree.unflatten(structure, run(matvec, [*system, *given]))

        return like(solve(on_trees, tree.unflatten(structure, b)), structure, specs, who)

    given = [*specs_of(matvec.inputs)[: len(matvec.inputs) - count], *specs]
    try:
        closure = close(solver, given, tree.flatten(tuple(given))[1], "custom_linear_solve")
    except NEEDS_VALUES:
        return Callback(solve, structure), []
    return closure.program, closure.consts


def transposed_solver(solver: Solver, count: int) -> Program:
    """The transpose of a solver that is linear in what it is given last.

    Raises:
        DerivativeError: it is not, or cannot be traced.
    """
    equation = None
    if isinstance(solver, Program):
        program, specs = solver, specs_of(solver.inputs)
        own = specs[: len(specs) - count]
        equation, _ = first_nonlinear(program, [*[False] * len(own), *[True] * count])
        if equation is None:

            def transpose(*leaves: Any) -> list[Any]:
                held = leaves[: len(own)]
                solved = linear_transpose(lambda *b: run(program, [*held, *b]), *specs[len(own) :])
                return [
                    cast(ct, spec.dtype)
                    for ct, spec in zip(solved(list(leaves[len(own) :])), specs[len(own) :], strict=True)
                ]

            return flat_program(transpose, [*own, *specs_of(program.outputs)], f"transpose_of_{program.name}")
    why = f"`{equation.primitive.name}` is not linear in what is solved for" if equation else "it asks for values"
    name = solver.name if isinstance(solver, Program | Callback) else "the solver"
    raise DerivativeError(
        f"reverse mode needs the transposed system solved, and {name}, the solver, cannot be transposed: {why}",
        "give `transpose_solve=`, or `symmetric=True`; `tangent_solve` of a root may call "
        "`functrans.custom_linear_solve`, which takes both.",
        (equation.location if equation else None) or False,
    )


def batched_solver(solver: Solver, matvec: Program, flags: Sequence[bool], own: int, size: int) -> Solver:
    """A solver for the systems of all examples; ``flags`` are those of all that it is given."""
    solver = resolved(solver, matvec)
    if isinstance(solver, Program):
        return batched(solver, tuple(flags), size, (True,) * len(solver.outputs)).program
    if isinstance(solver, Callback):
        return MappedCallback(solver, matvec, flags[own:], size)
    return solver
