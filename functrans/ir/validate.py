"""The rules that every Program obeys, checked after each transform in the tests."""

from __future__ import annotations

from functrans.errors import ProgramError
from functrans.ir.program import Equation, Literal, Program, Var, held_programs
from functrans.ir.spec import ArraySpec


def validate(program: Program) -> None:
    """Raise :class:`~functrans.errors.ProgramError` at the first broken rule."""
    if len(set(program.inputs)) != len(program.inputs):
        raise ProgramError(f"program `{program.name}`: an input is listed twice", where=False)
    if len(program.input_names) != len(program.inputs):
        raise ProgramError(
            f"program `{program.name}`: {len(program.input_names)} names for {len(program.inputs)} inputs", where=False
        )
    defined = set(program.inputs)
    for index, equation in enumerate(program.equations):
        _check_equation(equation, defined, _label(index, equation))
    for position, atom in enumerate(program.outputs):
        if isinstance(atom, Var) and atom not in defined:
            raise ProgramError(f"program `{program.name}`: output {position} is never defined", where=False)
    for tree, leaves, what in (
        (program.in_tree, program.inputs, "input"),
        (program.out_tree, program.outputs, "output"),
    ):
        if tree is not None and tree.size != len(leaves):
            raise ProgramError(
                f"program `{program.name}`: its {what} tree has {tree.size} leaves for {len(leaves)} {what}s",
                where=False,
            )


def _label(index: int, equation: Equation) -> str:
    place = f" ({equation.location})" if equation.location is not None else ""
    return f"equation {index}, `{equation.primitive.name}`{place}"


def _check_equation(equation: Equation, defined: set[Var], label: str) -> None:
    for position, atom in enumerate(equation.inputs):
        if isinstance(atom, Var):
            if atom not in defined:
                raise ProgramError(f"{label}: operand {position} is used before it is defined", where=False)
        elif not isinstance(atom, Literal):
            raise ProgramError(f"{label}: operand {position} is neither a Var nor a Literal: {atom!r}", where=False)
    specs = [atom.spec for atom in equation.inputs]
    try:
        foretold = equation.primitive.spec(*specs, **equation.params)
    except Exception as error:
        given = ", ".join(map(repr, specs))
        raise ProgramError(f"{label}: the primitive refuses its operands ({given}): {error}", where=False) from error
    expected = (foretold,) if isinstance(foretold, ArraySpec) else tuple(foretold)
    found = tuple(var.spec for var in equation.outputs)
    if expected != found:
        raise ProgramError(f"{label}: it gives {list(expected)}, but is written as {list(found)}", where=False)
    for held in held_programs(equation.params):
        try:
            validate(held)
        except ProgramError as error:
            raise ProgramError(f"{label}: in the program that it holds: {error.what}", where=False) from error
    for var in equation.outputs:
        if var in defined:
            raise ProgramError(f"{label}: an output was defined before (single assignment)", where=False)
        defined.add(var)
