"""Programs whose values come out with the strides that they had."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans.interpreter import run
from functrans.ir import Equation, Literal, Program
from tests.compile.passes.laws import check_pass


def check_strides(rewrite: Callable[[Program], Program], program: Program, leaves: Sequence[Any]) -> Program:
    """:func:`check_pass`; and every value that NumPy's rounding depends on lies in memory as before."""
    made = check_pass(rewrite, program, leaves)
    every = [var for equation in program.equations for var in equation.outputs]
    whole = Program(program.inputs, program.equations, [*program.outputs, *every])
    rewritten = check_pass(rewrite, whole, leaves)
    with np.errstate(all="ignore"):
        for atom, ours, theirs in zip(rewritten.outputs, run(rewritten, leaves), run(whole, leaves), strict=True):
            assert type(ours) is type(theirs)
            # What is constant is copied in the end.
            if isinstance(ours, np.ndarray) and ours.size and not isinstance(atom, Literal):
                assert ours.strides == theirs.strides
    return made


def with_constants(program: Program, args: Sequence[Any], positions: Sequence[int]) -> tuple[Program, list[Any]]:
    """The program with some of its inputs known, and the others' values."""
    chosen = {var: Literal(args[i]) for i, var in enumerate(program.inputs) if i in positions}
    read = lambda atom: chosen.get(atom, atom)  # noqa: E731
    equations = [Equation(e.primitive, [read(a) for a in e.inputs], e.outputs, e.params) for e in program.equations]
    inputs = [var for var in program.inputs if var not in chosen]
    rest = [args[i] for i, var in enumerate(program.inputs) if var not in chosen]
    return Program(inputs, equations, [read(a) for a in program.outputs]), rest
