"""The reference execution of a Program: a loop that drops each value at its last use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from contextvars import copy_context
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np

from functrans import tree
from functrans.errors import ShapeError, at_location
from functrans.frames import hide
from functrans.ir import Atom, Literal, Program
from functrans.ir.quiet import Errors, errstate, stretches
from functrans.tracing.bind import bind
from functrans.tracing.refusal import program_writer
from functrans.tracing.tracer import Tracer
from functrans.tracing.watch import WATCH

_AS_IT_IS = nullcontext()


def evaluate(program: Program, *args: Any) -> Any:
    """Run a Program.

    Takes the arguments of the function that was traced and gives its result (the same trees); a program made by hand
    takes its inputs and gives its output, or a tuple of them. Operations go through ``bind``, so a Program runs on
    traced values too, and is differentiated like any function.

    Args:
        program: what :func:`functrans.trace` gives.
        *args: its arguments.

    Returns:
        its result.

    Raises:
        TreeError: the arguments are not built like those the program was traced with.

    Example:
        >>> import functrans as ft
        >>> ft.evaluate(ft.trace(lambda x: x * x)(3.0), 4.0)
        16.0
    """
    try:
        if program.in_tree is not None:
            leaves = tree.flatten_up_to(program.in_tree, args, f"arguments of {program.name}")
        elif len(args) == len(program.inputs):
            leaves = list(args)
        else:
            raise ShapeError(f"program `{program.name}` takes {len(program.inputs)} inputs, {len(args)} were given")
        outs = run(program, leaves)
        if program.out_tree is not None:
            return tree.unflatten(program.out_tree, outs)
        return outs[0] if len(outs) == 1 else tuple(outs)
    except Exception as error:
        hide(error)
        raise


def run(program: Program, leaves: Sequence[Any]) -> list[Any]:
    """Run a Program on its flat inputs."""
    watch = WATCH.get()
    if watch is not None:
        return watch.run(program, leaves)  # type: ignore[no-any-return]
    parts, values, outputs = program.plan or program.planned(plan(program))
    values = [*leaves, *values]
    for leaf in values[: len(program.inputs)]:
        if type(leaf) is Tracer and program_writer(leaf):
            return run_at_lines(program, values[: len(program.inputs)])
    leaf = None
    for errors, steps in parts:
        with errstate(errors) if errors else _AS_IT_IS:
            for primitive, operands, params, first, dropped in steps:
                out = bind(primitive, *[values[i] for i in operands], **params)
                if primitive.multiple:
                    values[first : first + len(out)] = out
                else:
                    values[first] = out
                for i in dropped:
                    values[i] = None
    # What evaluation gives is its caller's own: no constant of the program.
    return [values[i].copy(order="K") if is_array else values[i] for i, is_array in outputs]


def run_at_lines(program: Program, leaves: Sequence[Any]) -> list[Any]:
    """:func:`run` into another program, whose equations keep the user's lines."""
    values: dict[Atom, Any] = dict(zip(program.inputs, leaves, strict=True))
    read = lambda atom: atom.value if isinstance(atom, Literal) else values[atom]  # noqa: E731
    for errors, equations in groupby(program.equations, lambda equation: equation.errors):
        with errstate(errors) if errors else _AS_IT_IS:
            for equation in equations:
                with at_location(equation.location):
                    out = bind(equation.primitive, *[read(atom) for atom in equation.inputs], **equation.params)
                values.update(zip(equation.outputs, out if equation.primitive.multiple else (out,), strict=True))
    return [read(atom) for atom in program.outputs]


def run_plain(program: Program, leaves: Sequence[Any]) -> list[Any]:
    """:func:`run` on plain values, of a program whose constants are plain: nobody is asked who records."""
    parts, values, outputs = program.plan or program.planned(plan(program))
    values = [*leaves, *values]
    for errors, steps in parts:
        with errstate(errors) if errors else _AS_IT_IS:
            _do(steps, values)
    return [values[i] for i, _ in outputs]


def runner(program: Program) -> Callable[..., list[Any]]:
    """A function that runs a program on plain inputs, time and again."""
    watch = WATCH.get()
    if watch is not None:
        return watch.runner(program)  # type: ignore[no-any-return]
    compiled = program.derived.get("run")
    if compiled is not None:
        return compiled  # type: ignore[no-any-return]
    parts, constants, outputs = program.plan or program.planned(plan(program))
    if not any(errors for errors, _ in parts):
        return lambda *leaves: run_plain(program, leaves)
    doing: list[Callable[..., Any]] = []
    for errors, steps in parts:  # a context that is there is entered in a tenth of the time of a new one
        with errstate(errors):
            run: Callable[..., Any] = copy_context().run
            doing.append(partial(run, _do, steps) if errors else partial(_do, steps))

    def call(*leaves: Any) -> list[Any]:
        values = [*leaves, *constants]
        for do in doing:
            do(values)
        return [values[i] for i, _ in outputs]

    return call


def _do(steps: list[Any], values: list[Any]) -> None:
    for primitive, operands, params, first, dropped in steps:
        out = primitive.impl(*[values[i] for i in operands], **params)
        if primitive.multiple:
            values[first : first + len(out)] = out
        else:
            values[first] = out
        for i in dropped:
            values[i] = None


def plan(program: Program) -> tuple[list[tuple[Errors, list[Any]]], list[Any], list[tuple[int, bool]]]:
    """How a Program is run, with the values numbered: the inputs, then its constants, then what equations give.

    Steps that deal with floating-point errors alike are together; each is ``(primitive, operands, params, first of the
    outputs, what is not needed any more)``.
    """
    number: dict[Atom, int] = {var: i for i, var in enumerate(program.inputs)}
    values: list[Any] = []

    def place(atom: Atom, value: Any = None) -> int:
        if atom not in number:
            number[atom] = len(program.inputs) + len(values)
            values.append(value)
        return number[atom]

    def read(atom: Atom) -> int:
        return place(atom, atom.value) if isinstance(atom, Literal) else number[atom]

    rows = [
        (
            equation.primitive,
            [read(atom) for atom in equation.inputs],
            equation.params,
            [place(v) for v in equation.outputs],
        )
        for equation in program.equations
    ]
    outputs = [(read(atom), isinstance(atom, Literal) and type(atom.value) is np.ndarray) for atom in program.outputs]
    constants = {i for atom, i in number.items() if isinstance(atom, Literal)}
    used = constants | {i for i, _ in outputs}
    steps: list[Any] = []
    for primitive, operands, params, outs in reversed(rows):
        dropped = {*operands, *outs} - used
        used |= dropped
        steps.append((primitive, operands, params, outs[0] if outs else 0, tuple(dropped)))
    parts = []
    for errors, equations in stretches(program.equations):
        parts.append((errors, [steps.pop() for _ in equations]))
    return parts, values, outputs
