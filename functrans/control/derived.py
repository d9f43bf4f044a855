"""Programs made from a program: its derivatives in both modes, its batch, its parts that need not be run again.

Each is made once and kept with the program that it came from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np

from functrans.control.closure import flat_program
from functrans.interpreter import run
from functrans.ir import ArraySpec, Atom, Equation, Literal, Program, Var
from functrans.ops.duals import conform, zeros
from functrans.ops.scalars import strong
from functrans.tracing.trace import StagedRecorder, has_effect, live_equations
from functrans.tracing.tracer import Tracer
from functrans.transforms.batch import WITHIN, BatchRecorder
from functrans.transforms.jvp import ForwardRecorder
from functrans.transforms.pullback import PullbackRecorder
from functrans.transforms.reverse import ReverseRecorder
from functrans.transforms.walk import walk

Flags = tuple[bool, ...]

#: Whether it is a program held by an equation that is being differentiated. What goes in and out of such has a shape
#: that is known, so a loop of unknown length in it keeps no residuals for the walk back, but runs once more.
HELD: ContextVar[bool] = ContextVar("HELD", default=False)


def specs_of(atoms: Sequence[Atom]) -> list[ArraySpec]:
    """Their specs."""
    return [atom.spec for atom in atoms]


def inexact(specs: Sequence[ArraySpec]) -> Flags:
    """Which of them have a tangent."""
    return tuple([spec.dtype.kind in "fc" for spec in specs])


def chosen(values: Sequence[Any], flags: Sequence[bool]) -> list[Any]:
    """The values whose flag is set."""
    return [value for value, flag in zip(values, flags, strict=True) if flag]


def spread_out(values: Sequence[Any], flags: Sequence[bool], rest: Any = None) -> list[Any]:
    """The inverse of :func:`chosen`: ``rest`` where the flag is not set."""
    given = iter(values)
    return [next(given) if flag else rest for flag in flags]


# Forward mode.


class Pushed(NamedTuple):
    """Inputs: primals, then the tangents of those that move. Outputs: likewise; ``moving`` says which do."""

    program: Program
    moving: Flags


def pushed(program: Program, moving: Flags, wanted: Flags = ()) -> Pushed:
    """The program together with its derivative; outputs in ``wanted`` have a tangent also where that is zero."""
    key = ("pushed", moving, wanted)
    known = program.derived.get(key)
    if known is not None:
        return known  # type: ignore[no-any-return]
    out_moving: list[bool] = []

    def push(*given: Any) -> list[Any]:
        primals, tangents = given[: len(moving)], spread_out(given[len(moving) :], moving)
        recorder = ForwardRecorder("jvp", program_function(program))
        outs = recorder.run(
            lambda *leaves: run(program, leaves),
            [x if dx is None else Tracer(recorder, x, dx) for x, dx in zip(primals, tangents, strict=True)],
        )
        moved = [type(o) is Tracer and o.recorder is recorder for o in outs]
        out_moving[:] = [m or w for m, w in zip(moved, wanted or [False] * len(moved), strict=True)]
        values = [strong(o.value if m else o) for o, m in zip(outs, moved, strict=True)]
        tangents = [
            conform(o.mark, ArraySpec.of(o)) if m else zeros(ArraySpec.of(o).strong())
            for o, m in zip(outs, moved, strict=True)
        ]
        return [*values, *chosen([strong(t) for t in tangents], out_moving)]

    specs = specs_of(program.inputs)
    made = flat_program(push, [*specs, *[s.strong() for s in chosen(specs, moving)]], f"push_{program.name}")
    return program.derived.setdefault(key, Pushed(made, tuple(out_moving)))  # type: ignore[no-any-return]


def program_function(program: Program) -> Any:
    """A function that runs a program on flat inputs, named as the program is."""

    def function(*leaves: Any) -> list[Any]:
        return run(program, leaves)

    function.__name__ = program.name
    return function


# Reverse mode.


class Linearized(NamedTuple):
    """A program cut in two: what is computed from the primals, and what is linear in cotangents (or in tangents).

    Attributes:
        forward: the inputs of the program, to its outputs and then the residuals that no input is.
        linear: all residuals; then in reverse mode cotangents of the outputs that move, to those of the inputs that
            ``reached`` says; in forward mode tangents of the inputs that move, to those of the outputs that move.
        sources: for each residual, the input that it is, or None.
        moving: which outputs move.
        reached: in reverse mode, which inputs get a cotangent.
    """

    forward: Program
    linear: Program
    sources: tuple[int | None, ...]
    moving: Flags
    reached: Flags


def linearized(program: Program, moving: Flags) -> Linearized:
    """The two sweeps of reverse mode as programs, differentiated in the inputs that move."""
    key = ("linearized", moving)
    known = program.derived.get(key)
    if known is not None:
        return known  # type: ignore[no-any-return]
    f = program_function(program)
    outer = StagedRecorder("vjp", f)
    primals = [outer.input(var.spec) for var in program.inputs]
    inner = ReverseRecorder("vjp", f, located=True)
    leaves = [inner.leaf(x) if moves else x for x, moves in zip(primals, moving, strict=True)]
    outs = as_held(inner.run, f, leaves)
    out_moving = tuple([type(o) is Tracer and o.recorder is inner for o in outs])
    values = [o.value if m else o for o, m in zip(outs, out_moving, strict=True)]

    with np.errstate(all="ignore"):  # as where it runs
        back = PullbackRecorder("vjp", f)
        cts = [back.input(ArraySpec.of(v).strong()) for v in chosen(values, out_moving)]
        found = walk([(o.mark, ct) for o, ct in zip(chosen(outs, out_moving), cts, strict=True)])
        ages = spread_out(range(sum(moving)), moving)
        reached = tuple([age is not None and -age in found for age in ages])
        results = [strong(found[-age]) for age, reach in zip(ages, reached, strict=True) if reach]
    made = _cut(program, outer, primals, values, back, cts, results, out_moving, reached)
    return program.derived.setdefault(key, made)  # type: ignore[no-any-return]


def split(program: Program, moving: Flags, wanted: Flags = ()) -> Linearized:
    """The program, and its derivative in forward mode, which reads what the program has computed already.

    Outputs in ``wanted`` have a tangent also where that is zero.
    """
    key = ("split", moving, wanted)
    known = program.derived.get(key)
    if known is not None:
        return known  # type: ignore[no-any-return]
    f = program_function(program)
    outer = StagedRecorder("jvp", f)
    primals = [outer.input(var.spec) for var in program.inputs]
    along = PullbackRecorder("jvp", f)
    tangents = [along.input(ArraySpec.of(x).strong()) for x in chosen(primals, moving)]
    inner = ForwardRecorder("jvp", f)
    given = iter(tangents)
    leaves = [Tracer(inner, x, next(given)) if m else x for x, m in zip(primals, moving, strict=True)]
    outs = as_held(inner.run, f, leaves)
    moved = [type(o) is Tracer and o.recorder is inner for o in outs]
    out_moving = tuple([m or w for m, w in zip(moved, wanted or [False] * len(moved), strict=True)])
    values = [o.value if m else o for o, m in zip(outs, moved, strict=True)]
    results = [
        strong(conform(o.mark, ArraySpec.of(o))) if m else zeros(ArraySpec.of(o).strong())
        for o, m in zip(outs, moved, strict=True)
    ]
    made = _cut(program, outer, primals, values, along, tangents, chosen(results, out_moving), out_moving, ())
    return program.derived.setdefault(key, made)  # type: ignore[no-any-return]


def as_held(run: Callable[..., Any], *args: Any) -> Any:
    """Call while :data:`HELD` is set."""
    before = HELD.set(True)
    try:
        return run(*args)
    finally:
        HELD.reset(before)


def _cut(
    program: Program,
    outer: StagedRecorder,
    primals: Sequence[Tracer],
    values: Sequence[Any],
    inner: StagedRecorder,
    duals: Sequence[Tracer],
    results: Sequence[Any],
    moving: Flags,
    reached: Flags,
) -> Linearized:
    """What two recorders wrote, as programs: what the inner reads of the outer becomes its first inputs."""
    outputs = [inner.atom(result) for result in results]
    residuals: dict[int, tuple[Var, Tracer]] = {}

    def opened(atom: Atom) -> Atom:
        if not isinstance(atom, Literal) or type(atom.value) is not Tracer or atom.value.recorder is not outer:
            return atom
        mark = atom.value.mark
        if id(mark) not in residuals:
            residuals[id(mark)] = (Var(mark.spec), atom.value)
        return residuals[id(mark)][0]

    equations = [e.changed(inputs=[opened(a) for a in e.inputs]) for e in live_equations(inner.equations, outputs)]
    outputs = [opened(atom) for atom in outputs]
    kept = list(residuals.values())
    place = {id(x.mark): i for i, x in enumerate(primals)}
    sources = tuple([place.get(id(tracer.mark)) for _, tracer in kept])
    transform = "pull" if inner.transform == "vjp" else "push"
    linear = Program(
        [*[var for var, _ in kept], *[dual.mark for dual in duals]],
        equations,
        outputs,
        name=f"{transform}_{program.name}",
    )
    forward_outputs = [outer.atom(strong(v)) for v in values]
    forward_outputs += [tracer.mark for (_, tracer), source in zip(kept, sources, strict=True) if source is None]
    forward = Program(
        [x.mark for x in primals],
        live_equations(outer.equations, forward_outputs),
        forward_outputs,
        name=f"{program.name}_forward",
    )
    outer.close()
    inner.close()
    return Linearized(forward, linear, sources, moving, reached)


def later(tangents: Sequence[Any], primals: Sequence[Any]) -> bool:
    """Whether tangents belong to a younger trace than all primals: the values must be known without them."""

    def birth(values: Sequence[Any]) -> int:
        return max([x.recorder.birth for x in values if type(x) is Tracer], default=-1)

    return birth(tangents) > birth(primals)


# Batches.


class Batched(NamedTuple):
    """The program for all examples: inputs that are batched have the batch in front; ``batched`` says which outputs."""

    program: Program
    batched: Flags


def batched(program: Program, flags: Flags, size: int, wanted: Flags = ()) -> Batched:
    """The program for a batch; outputs in ``wanted`` are batched also where they are the same for all."""
    key = ("batched", flags, size, wanted)
    known = program.derived.get(key)
    if known is not None:
        return known  # type: ignore[no-any-return]
    out_flags: list[bool] = []

    def batch(*leaves: Any) -> list[Any]:
        recorder = BatchRecorder("vmap", program_function(program), size)
        recorder.axis = WITHIN.get()
        inputs = [recorder.batch(x) if flag else x for x, flag in zip(leaves, flags, strict=True)]
        outs = recorder.run(lambda *given: run(program, given), inputs)
        mine = [type(o) is Tracer and o.recorder is recorder for o in outs]
        out_flags[:] = [m or w for m, w in zip(mine, wanted or [False] * len(mine), strict=True)]
        return [
            o.mark if m else np.broadcast_to(strong(o), (size, *np.shape(o))) if flag else strong(o)
            for o, m, flag in zip(outs, mine, out_flags, strict=True)
        ]

    specs = [
        ArraySpec((size, *var.spec.shape), var.spec.dtype) if flag else var.spec
        for var, flag in zip(program.inputs, flags, strict=True)
    ]
    made = flat_program(batch, specs, f"batch_{program.name}")
    return program.derived.setdefault(key, Batched(made, tuple(out_flags)))  # type: ignore[no-any-return]


def without_effects(program: Program) -> Program:
    """The program for a second time: nothing is printed again."""
    if not any(map(has_effect, program.equations)):
        return program
    known = program.derived.get("without effects")
    if known is None:
        equations = [
            e.changed(params={k: _silent(v) for k, v in e.params.items()})
            for e in program.equations
            if not e.primitive.effect
        ]
        made = Program(program.inputs, equations, program.outputs, name=program.name)
        known = program.derived.setdefault("without effects", made)
    return known  # type: ignore[no-any-return]


def _silent(param: Any) -> Any:
    if isinstance(param, tuple):
        return tuple([_silent(p) for p in param]) if any(isinstance(p, Program) for p in param) else param
    return without_effects(param) if isinstance(param, Program) else param


# What does not depend on the step.


class Hoisted(NamedTuple):
    """``before`` takes the first inputs alone; ``rest`` takes those that it still needs (``kept`` says which), what
    ``before`` gives, and the others.
    """

    before: Program
    rest: Program
    kept: Flags


def hoisted(program: Program, count: int) -> Hoisted:
    """Cut off what depends on the first ``count`` inputs alone, and has no effect."""
    known = program.derived.get(("hoisted", count))
    if known is not None:
        return known  # type: ignore[no-any-return]
    known_before: set[Any] = set(program.inputs[:count])
    first: list[Equation] = []
    rest: list[Equation] = []
    for equation in program.equations:
        if all(isinstance(atom, Literal) or atom in known_before for atom in equation.inputs) and not has_effect(
            equation
        ):
            first.append(equation)
            known_before.update(equation.outputs)
        else:
            rest.append(equation)
    read = {atom for e in rest for atom in e.inputs if isinstance(atom, Var)}
    read.update(atom for atom in program.outputs if isinstance(atom, Var))
    given = [var for e in first for var in e.outputs if var in read]
    kept = tuple([var in read for var in program.inputs[:count]])
    before = Program(program.inputs[:count], live_equations(first, given), given, name=f"before_{program.name}")
    after = Program(
        [*chosen(program.inputs[:count], kept), *given, *program.inputs[count:]],
        rest,
        program.outputs,
        name=program.name,
    )
    return program.derived.setdefault(("hoisted", count), Hoisted(before, after, kept))  # type: ignore[no-any-return]
