"""Products in which a zero absorbs, as plain products: a NaN in the end tells that one was not, and all is done again.

``absorbing_multiply(ct, d)`` differs from ``ct * d`` only where that is NaN. To look for a NaN after each product costs
more than the product. But a NaN spreads through sums and products to the results, so it is enough to look there. The
program is written a second time, with plain products (and with signs moved, which a NaN's sign depends on) and one
number more to give, which is NaN if any product was one that counts; then the program itself runs, as it also does to
warn of what the plain products may have kept quiet about.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans.compile.memory_order import has_length
from functrans.compile.passes.scalars import convert_scalars
from functrans.compile.passes.signs import moved
from functrans.compile.rewriting import Writer, rewritten
from functrans.ir import Atom, Equation, Program, Var
from functrans.ir.program import held_programs
from functrans.primitives import lookup
from functrans.tracing.trace import has_effect

# An entry of the result is NaN if it was computed from one: whatever else depends on a NaN is looked at by itself.
_SPREADING = frozenset(
    [
        *[
            "add",
            "subtract",
            "multiply",
            "divide",
            "negative",
            "positive",
            "square",
            "sqrt",
            "absolute",
            "fabs",
            "sign",
        ],
        *["maximum", "minimum", "exp", "expm1", "log", "log1p", "sin", "cos", "tan", "tanh", "sinh", "cosh", "arctan"],
        *["sum", "mean", "cumsum", "transpose", "reshape", "broadcast_to", "copy", "getitem", "scatter", "index_add"],
        *["index_set", "concatenate", "stack", "flip", "roll", "diagonal", "diag", "tril", "triu", "where", "strong"],
        *["matmul", "dot", "inner", "outer", "vecdot", "matvec", "vecmat", "tensordot"],
    ]
)


def speculative(program: Program, least: int = 2) -> Program | None:
    """The program with plain products for those that absorb, and one more output: NaN if they are not the same.

    None where nothing is gained (fewer such products than ``least``), and where the program cannot be run a second
    time, or might not end: what prints, or a loop that a NaN enters.
    """
    if sum([equation.primitive.name == "absorbing_multiply" for equation in program.equations]) < least:
        return None
    if any(map(has_effect, program.equations)):
        return None
    suspects: set[Var] = set()
    made = rewritten(program, lambda *args: _plain(suspects, *args))
    if not suspects:
        return None
    made = rewritten(made, lambda *args: _with_signs(suspects, *args))
    looked_at: dict[Atom, None] = {}
    for equation in made.equations:
        if not suspects.isdisjoint(equation.inputs):
            name, specs = equation.primitive.name, [var.spec for var in equation.outputs]
            if name in _SPREADING and all(s.dtype.kind == "f" for s in specs):
                suspects.update(equation.outputs)
            elif held_programs(equation.params):
                return None
            else:
                looked_at.update(dict.fromkeys([atom for atom in equation.inputs if atom in suspects]))
    looked_at.update(dict.fromkeys([atom for atom in made.outputs if atom in suspects]))
    if not looked_at or any(has_length(atom.spec) for atom in looked_at):
        return None
    return convert_scalars(_looking_at(made, list(looked_at)))


def _plain(suspects: set[Var], writer: Writer, equation: Equation, inputs: Sequence[Atom]) -> Sequence[Atom] | None:
    out = equation.outputs[0].spec
    if equation.primitive.name != "absorbing_multiply" or out.dtype.kind != "f" or any(a.spec.weak for a in inputs):
        return None
    product = writer.write(lookup("multiply"), *inputs)
    suspects.add(product)
    return [product]


def _with_signs(
    suspects: set[Var], writer: Writer, equation: Equation, inputs: Sequence[Atom]
) -> Sequence[Atom] | None:
    # Where a NaN shows, its sign does not matter either.
    found = moved(writer, equation, inputs)
    if found is not None:
        suspects.update([atom for atom in found if isinstance(atom, Var)])
    return found


def _looking_at(program: Program, atoms: Sequence[Atom]) -> Program:
    """The program with the sum of all entries of these values as one more output."""
    writer = Writer(program)
    for equation in program.equations:
        writer.copy(equation)
    sums = [
        writer.write(lookup("sum"), atom, axis=tuple(range(len(atom.spec.shape)))) if atom.spec.shape else atom
        for atom in atoms
    ]
    total = sums[0]
    for other in sums[1:]:
        total = writer.write(lookup("add"), total, other)
    return Program(
        program.inputs,
        writer.equations,
        [*program.outputs, total],
        name=program.name,
        input_names=program.input_names,
        in_tree=program.in_tree,
    )


class Speculating:
    """Runs ``fast``, what :func:`speculative` made of a program that ``careful()`` gives a function for: same results,
    same warnings.

    Where that is in vain time and again, it is given up.
    """

    __slots__ = ("_careful", "_fast", "_make", "_patience")

    def __init__(self, fast: Callable[..., Any], careful: Callable[[], Callable[..., Any]]) -> None:
        self._fast, self._make = fast, careful
        self._careful: Callable[..., Any] | None = None
        self._patience = 4

    def __call__(self, *leaves: Any) -> tuple[Any, ...]:
        if self._patience:
            odd: list[str] = []
            try:
                with np.errstate(invalid="call", over="call", call=lambda kind, _: odd.append(kind)):
                    *outs, total = self._fast(*leaves)
                if total == total and not (odd and _is_heard()):
                    return tuple(outs)
            except Exception:  # of a NaN, perhaps; if not, it comes again
                pass
            self._patience -= 1
        if self._careful is None:
            self._careful = self._make()
        return self._careful(*leaves)  # type: ignore[no-any-return]


def _is_heard() -> bool:
    """Whether anybody wants to know of invalid operations and overflows."""
    errors = np.geterr()
    return errors["invalid"] != "ignore" or errors["over"] != "ignore"
