"""Products in which a zero absorbs, as plain products: a NaN in the end tells that one was not, and all is done again.

``absorbing_multiply(ct, d)`` differs from ``ct * d`` only where that is NaN. To look for a NaN after each product costs
more than the product. But a NaN spreads through sums and products to the results, so it is enough to look there. The
program is written a second time, with plain products (and with signs moved, which a NaN's sign depends on) and one
number more to give, which is NaN if any product was one that counts; then the program itself runs, as it also does to
warn of what the plain products may have kept quiet about. (On a walk back nobody hears of them.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from functrans.compile.memory_order import has_length
from functrans.compile.passes.scalars import convert_scalars
from functrans.compile.passes.signs import moved
from functrans.compile.rewriting import Writer, rewritten
from functrans.ir import Atom, Equation, Program
from functrans.ir.program import held_programs
from functrans.ir.quiet import QUIET
from functrans.primitives import lookup
from functrans.tracing.trace import has_effect

_ABSORBING = frozenset(["absorbing_multiply", "absorbing_product"])
# Every entry of an operand has a part in the result, and makes it NaN where it is one.
_WHOLE = frozenset(
    [
        *["add", "subtract", "multiply", "divide", "negative", "positive", "square", "sqrt", "absolute", "sign"],
        *["maximum", "minimum", "exp", "expm1", "log", "log1p", "sin", "cos", "tan", "tanh", "sinh", "cosh", "arctan"],
        *["transpose", "reshape", "broadcast_to", "copy", "concatenate", "stack", "flip", "roll", "strong", "diag"],
        "plus_zero",
        *["cumsum", "index_add", "matmul", "dot", "inner", "outer", "vecdot", "matvec", "vecmat", "tensordot"],
    ]
)
# An entry of the result is NaN if it was computed from one, though some may have been left out.
_SPREADING = _WHOLE | {"sum", "mean", "getitem", "scatter", "index_set", "diagonal", "tril", "triu", "where"}


# To look at so many numbers takes less time than to look for a NaN with a call of a function.
_LITTLE = 16384


class Speculative(NamedTuple):
    """A program to run first; ``heard``: whether floating-point errors of what it does otherwise are reported."""

    program: Program
    heard: bool


def speculative(program: Program, least: int = 2) -> Speculative | None:
    """The program with plain products for those that absorb, and one more output: NaN if they are not the same.

    None where nothing is gained (fewer such products than ``least``, unless nobody hears of their errors and there is
    little to look at), and where the program cannot be run a second time, or might not end: what prints, or a loop that
    a NaN enters.
    """
    sizes = [e.outputs[0].spec.size for e in program.equations if e.primitive.name in _ABSORBING]
    if not sizes:
        return None
    if any(map(has_effect, program.equations)):
        return None
    suspects = _Suspects()
    made = rewritten(program, suspects.plain)
    if not suspects.found:
        return None
    made = rewritten(made, suspects.with_signs)
    looked_at = suspects.to_look_at(made)
    if not looked_at or any(has_length(atom.spec) for atom in looked_at):
        return None
    heard = suspects.are_heard_of(made)
    if len(sizes) < least and (heard or sum([atom.spec.size for atom in looked_at]) > _LITTLE + sum(sizes)):
        return None
    return Speculative(convert_scalars(_looking_at(made, looked_at)), heard)


class _Suspects:
    """The values that are not what they were where they are NaN.

    Attributes:
        found: all of them.
        whole: those that are not what they were anywhere, if there is a NaN: where one shows, ``absorbing_product``
            takes the sign of zeros, too.
    """

    __slots__ = ("found", "whole")

    def __init__(self) -> None:
        self.found: set[Atom] = set()
        self.whole: set[Atom] = set()

    def plain(self, writer: Writer, equation: Equation, inputs: Sequence[Atom]) -> Sequence[Atom] | None:
        """A rule: a plain product for one that absorbs."""
        name = equation.primitive.name
        if name not in _ABSORBING:
            return None
        out, multiply = equation.outputs[0].spec, lookup("multiply")
        if out.dtype.kind != "f" or (not out.shape and any(a.spec.weak for a in inputs)):
            return None
        product = writer.write(multiply, *inputs)
        self.found.add(product)
        if name == "absorbing_product":
            self.whole.add(product)
        return [product]

    def with_signs(self, writer: Writer, equation: Equation, inputs: Sequence[Atom]) -> Sequence[Atom] | None:
        """A rule: signs are moved. Where a NaN shows, its sign does not matter."""
        atoms = moved(writer, equation, inputs)
        if atoms is not None:
            self.found.update(atoms)
            if not self.whole.isdisjoint(equation.outputs):
                self.whole.update(atoms)
        return atoms

    def to_look_at(self, program: Program) -> list[Atom]:
        """Values among which is a NaN if one made a difference; none if the program had better not see one."""
        found, looked_at = self.found, dict[Atom, None]()
        for equation in program.equations:
            if found.isdisjoint(equation.inputs):
                continue
            if equation.primitive.name in _SPREADING and all(var.spec.dtype.kind == "f" for var in equation.outputs):
                found.update(equation.outputs)
            elif held_programs(equation.params):
                return []
            else:
                looked_at.update(dict.fromkeys([atom for atom in equation.inputs if atom in found]))
        looked_at.update(dict.fromkeys([atom for atom in program.outputs if atom in found]))
        shown = set(looked_at)
        for equation in reversed(program.equations):
            name = equation.primitive.name
            if name in _WHOLE or (name in ("sum", "mean") and len(equation.inputs) == 1):
                shown.update(equation.inputs if any(v in shown and v.spec.size for v in equation.outputs) else ())
            if not self.whole.isdisjoint(equation.outputs):
                hidden = [v for v in equation.outputs if v in self.whole and v not in shown]
                looked_at.update(dict.fromkeys(hidden))
        return list(looked_at)

    def are_heard_of(self, program: Program) -> bool:
        """Whether a floating-point error is reported where a value that may not be what it was is made or read."""
        for equation in program.equations:
            if equation.errors != QUIET and not self.found.isdisjoint((*equation.inputs, *equation.outputs)):
                return True
        return False


def _looking_at(program: Program, atoms: Sequence[Atom]) -> Program:
    """The program with a number more to give, which is NaN if one is in these values."""
    writer = Writer(program)
    for equation in program.equations:
        writer.copy(equation)
    writer.errors = QUIET
    sums: list[Atom] = []
    for atom in atoms:
        if not atom.spec.shape:
            sums.append(atom)
        elif atom.spec.dtype.char in "fd":  # the sum of squares: twice as fast, and infinities do not cancel
            sums.append(writer.write(lookup("vdot"), atom, atom))
        else:
            sums.append(writer.write(lookup("sum"), atom, axis=tuple(range(len(atom.spec.shape)))))
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
    """Runs ``fast``, what :func:`speculative` made of the program that ``careful`` runs: same results, same warnings.

    Where that is in vain time and again, it is given up.
    """

    __slots__ = ("_careful", "_fast", "_heard", "_patience")

    def __init__(self, fast: Callable[..., Any], careful: Callable[..., Any], heard: bool) -> None:
        self._fast, self._careful, self._heard = fast, careful, heard
        self._patience = 4

    def __call__(self, *leaves: Any) -> tuple[Any, ...]:
        reported = False
        if self._patience:
            odd: list[str] = []
            try:
                if self._heard:
                    with np.errstate(invalid="call", over="call", call=lambda kind, _: odd.append(kind)):
                        *outs, total = self._fast(*leaves)
                else:
                    *outs, total = self._fast(*leaves)
                    reported = True
                if total == total and not (odd and _is_heard()):
                    return tuple(outs)
            except Exception:  # of a NaN, perhaps; if not, it comes again
                pass
            self._patience -= 1
        if reported:
            with np.errstate(all="ignore"):
                return self._careful(*leaves)  # type: ignore[no-any-return]
        return self._careful(*leaves)  # type: ignore[no-any-return]


def _is_heard() -> bool:
    """Whether anybody wants to know of invalid operations and overflows."""
    errors = np.geterr()
    return errors["invalid"] != "ignore" or errors["over"] != "ignore"
