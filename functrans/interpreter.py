"""The reference execution of a Program: a loop that drops each value at its last use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans import tree
from functrans.errors import ShapeError
from functrans.ir import Atom, Literal, Program, Var
from functrans.tracing.bind import bind


def evaluate(program: Program, *args: Any) -> Any:
    """Run a Program.

    Takes the arguments of the function that was traced and gives its result (the same trees); a program made by hand
    takes its inputs and gives its output, or a tuple of them. Operations go through ``bind``, so a Program runs on
    traced values too, and is differentiated like any function.

    Raises:
        TreeError: the arguments are not built like those the program was traced with.

    Example:
        >>> import functrans as ft
        >>> ft.evaluate(ft.trace(lambda x: x * x)(3.0), 4.0)
        16.0
    """
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


def run(program: Program, leaves: Sequence[Any]) -> list[Any]:
    """Run a Program on its flat inputs."""
    last_use: dict[Var, int] = {}
    for index, equation in enumerate(program.equations):
        for atom in (*equation.inputs, *equation.outputs):
            if isinstance(atom, Var):
                last_use[atom] = index
    for atom in program.outputs:
        if isinstance(atom, Var):
            last_use[atom] = len(program.equations)
    values: dict[Var, Any] = dict(zip(program.inputs, leaves, strict=True))

    def read(atom: Atom) -> Any:
        return atom.value if isinstance(atom, Literal) else values[atom]

    for index, equation in enumerate(program.equations):
        out = bind(equation.primitive, *map(read, equation.inputs), **equation.params)
        outs = out if equation.primitive.multiple else (out,)
        values.update(zip(equation.outputs, outs, strict=True))
        for atom in (*equation.inputs, *equation.outputs):
            if isinstance(atom, Var) and last_use[atom] == index:
                values.pop(atom, None)
    # What evaluation gives is its caller's own: no constant of the program.
    return [
        atom.value.copy(order="K") if isinstance(atom, Literal) and type(atom.value) is np.ndarray else read(atom)
        for atom in program.outputs
    ]
