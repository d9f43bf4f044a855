"""A Python function as a program that a branch or a loop can hold: what it closes over becomes its first inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans import tree
from functrans.ir import ArraySpec, Atom, Literal, Program, Var
from functrans.ir.spec import WEAK
from functrans.ops.scalars import strong
from functrans.tracing.trace import StagedRecorder, check_outputs, live_equations
from functrans.tracing.tracer import Tracer


class Closure:
    """A function as a program.

    Attributes:
        program: its inputs are the ``consts``, then the leaves of the arguments; its outputs the leaves of the result.
        consts: traced values of outer transforms that the function closes over.
        out_tree: the structure of the result.
        outs: the specs of its leaves: Python numbers are weak here, and arrays in the program.
    """

    __slots__ = ("consts", "out_tree", "outs", "program")

    def __init__(self, program: Program, consts: list[Any], out_tree: tree.TreeDef, outs: Sequence[ArraySpec]) -> None:
        self.program, self.consts, self.out_tree, self.outs = program, consts, out_tree, outs


def close(f: Callable[..., Any], specs: Sequence[ArraySpec], in_tree: tree.TreeDef, transform: str) -> Closure:
    """``f`` of arguments with these leaves as a program; results are arrays, not Python scalars.

    Raises:
        TracedBoolError, TracedValueError: ``f`` asks for a value, which a staged trace does not know.
    """
    recorder = StagedRecorder(transform, f)
    inputs = [recorder.input(spec) for spec in specs]
    found: list[tree.TreeDef] = []
    specs_out: list[ArraySpec] = []

    def flat(*leaves: Any) -> list[Any]:
        outs, out_tree = tree.flatten(f(*tree.unflatten(in_tree, leaves)))
        check_outputs(outs, out_tree, f, recorder)
        found.append(out_tree)
        specs_out.extend(map(ArraySpec.of, outs))
        return [strong(out) for out in outs]

    outs = recorder.run(flat, inputs)
    program, consts = closed(
        Program(
            [x.mark for x in inputs],
            live_equations(recorder.equations, outputs := [recorder.atom(out) for out in outs]),
            outputs,
            name=name_of(f),
        )
    )
    return Closure(program, consts, found[0], specs_out)


def closed(program: Program) -> tuple[Program, list[Any]]:
    """A program in which the traced values that were constants are its first inputs, and these values."""
    consts: dict[int, tuple[Var, Any]] = {}

    def opened(atom: Atom) -> Atom:
        if not isinstance(atom, Literal) or type(atom.value) is not Tracer:
            return atom
        if id(atom.value) not in consts:
            consts[id(atom.value)] = (Var(atom.spec), atom.value)
        return consts[id(atom.value)][0]

    equations = [e.changed(inputs=[opened(atom) for atom in e.inputs]) for e in program.equations]
    outputs = [opened(atom) for atom in program.outputs]
    found = list(consts.values())
    inputs = [*[var for var, _ in found], *program.inputs]
    return Program(inputs, equations, outputs, name=program.name), [value for _, value in found]


class HeldRecorder(StagedRecorder):
    """Writes what is a part of an operation, called where floating-point errors are dealt with as here."""

    __slots__ = ()
    anywhere = False


def flat_program(f: Callable[..., Sequence[Any]], specs: Sequence[ArraySpec], name: str) -> Program:
    """``f`` of flat arguments, which gives a list, as a program; it closes over nothing that is traced."""
    recorder = HeldRecorder(name, f)
    inputs = [recorder.input(spec) for spec in specs]
    outs = recorder.run(f, inputs)
    outputs = [recorder.atom(out) for out in outs]
    return Program([x.mark for x in inputs], live_equations(recorder.equations, outputs), outputs, name=name)


def common_dtype(specs: Sequence[ArraySpec]) -> np.dtype[Any]:
    """The dtype that NumPy gives arrays and numbers of these specs together."""
    return np.result_type(*[WEAK[spec.dtype.kind](0) if spec.weak else spec.dtype for spec in specs])


def name_of(f: Callable[..., Any]) -> str:
    """The name of a function, if it is one that Python takes."""
    name = getattr(f, "__name__", "body")
    return name if name.isidentifier() else "body"
