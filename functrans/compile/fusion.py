"""Which equations form a block: runs of elementwise equations over one large shape, evaluated piece by piece.

A program becomes a list of units in a valid order of execution. An equation joins the last block over its shape if
what it reads is known there, and if no large array lives longer for it; else it begins a new one. Small equations come
as early as they can, so that they do not stand between the members of a block.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from functrans.compile.kernels import kernel_of
from functrans.compile.pieces import order
from functrans.compile.rewriting import known
from functrans.ir import ArraySpec, Atom, Equation, Literal, Program, Var
from functrans.tracing.trace import has_effect

#: Blocks have at least so many entries. Below, arrays stay in the cache between NumPy's calls, and their memory with
#: the allocator, so there is little to gain.
THRESHOLD = 16384
#: The last axes are summed within a block, if they have at most so many entries together.
LONGEST_ROW = 65536

_LOOK = 256  # so many equations further on it is looked for the end of a block

_FUSED = frozenset("?bBhHiIlLqQfdFD")
_SUMMED = frozenset("lqfdFD")


class Block(NamedTuple):
    """Elementwise equations over one shape, and sums of what they give.

    Attributes:
        inputs: what they read from outside.
        outputs: what is read of them outside.
        equations: in the order of execution.
        shape: the shape that they run over.
        split: how many axes come before those that operands of lower rank lie along, or that are summed; None: all
            operands have the whole shape or are numbers, and sums are over everything.
    """

    inputs: tuple[Atom, ...]
    outputs: tuple[Var, ...]
    equations: tuple[Equation, ...]
    shape: tuple[int, ...]
    split: int | None


def groups(program: Program) -> list[Block | Equation]:
    """The program as blocks and single equations, in a valid order of execution."""
    if not any(large(var.spec) for equation in program.equations for var in equation.outputs):
        return list(program.equations)
    return _Groups(program).units()


def large(spec: ArraySpec) -> bool:
    """Whether a value is large enough to be computed in a block."""
    return bool(spec.shape) and spec.size >= THRESHOLD


def place(shape: tuple[int, ...], within: tuple[int, ...]) -> tuple[str, int] | None:
    """How an operand lies in a shape: ``full``, ``number``, or ``row`` (the last axes), ``column`` (the first ones).

    The number is that of the axes before the last ones; None: otherwise.
    """
    if shape == within:
        return "full", 0
    padded = (1,) * (len(within) - len(shape)) + shape
    if all(n == 1 for n in padded):
        return "number", 0
    if len(padded) > len(within):
        return None
    first = next(i for i, n in enumerate(padded) if n != 1)
    if padded[first:] == within[first:]:
        return "row", _canonical(first, within)
    last = max(i for i, n in enumerate(padded) if n != 1) + 1
    return ("column", last) if padded[:last] == within[:last] else None


def _canonical(split: int, shape: tuple[int, ...]) -> int:
    """The least of the splits that are the same, as axes of length one lie between them."""
    while split and shape[split - 1] == 1:
        split -= 1
    return split


class _Member(NamedTuple):
    """An equation that can be one of a block's: the shape, the split if it needs one, the sum that it takes if any."""

    equation: Equation
    shape: tuple[int, ...]
    split: int | None
    summed: str  # "": none; "rows"; "all": exact in any order; "f", "c": in NumPy's order for such numbers


class _Unit:
    """A block that is being formed, or an equation; and small equations after it."""

    __slots__ = ("after", "equations", "position", "shape", "split", "sums")

    def __init__(self, position: int, equation: Equation, member: _Member | None) -> None:
        self.position = position
        self.equations = [equation]
        self.after: list[Equation] = []
        self.shape = member.shape if member else None
        self.split = member.split if member else None
        self.sums = {member.summed} if member else {""}

    def takes(self, member: _Member) -> bool:
        """Whether one block can have this member, too."""
        sums = {*self.sums, member.summed} - {""}
        split = self.split if member.split is None else member.split
        if split is not None:
            return self.split in (None, split) and sums <= {"rows"}
        return not {"f", "c"} <= sums


class _Groups:
    """The units of a program, as they come about."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._outputs = set(program.outputs)
        self._last: dict[Atom, int] = {}
        for number, equation in enumerate(program.equations):
            self._last.update(dict.fromkeys(equation.inputs, number))
        self._last.update(dict.fromkeys(program.outputs, len(program.equations)))
        self._first: list[Equation] = []  # before all units
        self._units: list[_Unit] = []
        self._at: dict[Var, int] = {}  # twice the position of the unit that gives a value; one more: after it
        self._open: dict[tuple[int, ...], _Unit] = {}
        self._spread: dict[Var, Equation] = {}  # broadcasts that have not been needed as arrays yet

    def units(self) -> list[Block | Equation]:
        """All of them."""
        for number, equation in enumerate(self.program.equations):
            self._add(number, equation)
        for atom in self.program.outputs:
            self._needed(atom)
        self._count()
        made: list[Block | Equation] = [*self._first]
        for unit in self._units:
            made += self._finished(unit)
        return made

    def _add(self, number: int, equation: Equation) -> None:
        if self._is_spread(equation):
            self._spread[equation.outputs[0]] = equation
            return
        member = self._member(equation)
        if member is None:
            for atom in equation.inputs:
                self._needed(atom)
            self._alone(equation)
            return
        equation = member.equation
        for atom in equation.inputs:
            self._needed(atom)
        unit = self._open.get(member.shape)
        if unit is None or not unit.takes(member) or not self._fits(number, unit, equation):
            unit = self._open[member.shape] = _Unit(len(self._units), equation, member)
            self._units.append(unit)
        else:
            unit.equations.append(equation)
            unit.sums.add(member.summed)
            if member.split is not None:
                unit.split = member.split
        # A sum is not known before all pieces are done.
        self._at[equation.outputs[0]] = 2 * unit.position + bool(member.summed)

    def _fits(self, number: int, unit: _Unit, equation: Equation) -> bool:
        """Whether an equation can join a block: what it reads is known there, no large array lives longer for it."""
        here = 2 * unit.position
        if any(self._at.get(a, -1) > here for a in equation.inputs if isinstance(a, Var)):
            return False
        if unit.position == len(self._units) - 1:
            return True
        # What it gives lives from here on. Does something that lives now go for it?
        gone = sum(
            atom.spec.size * atom.spec.dtype.itemsize
            for atom in set(equation.inputs)
            if isinstance(atom, Var) and atom in self._at and self._last[atom] == number
        )
        out = equation.outputs[0].spec
        return gone >= out.size * out.dtype.itemsize

    def _alone(self, equation: Equation) -> None:
        behind = max((self._at.get(a, -1) for a in equation.inputs if isinstance(a, Var)), default=-1)
        small = not any(large(var.spec) for var in equation.outputs)
        if small and not has_effect(equation):
            if behind < 0:
                self._first.append(equation)
                at = -1
            else:
                self._units[behind // 2].after.append(equation)
                at = behind | 1
        else:
            at = 2 * len(self._units)
            self._units.append(_Unit(len(self._units), equation, None))
        for var in equation.outputs:
            self._at[var] = at

    # Broadcasts: within a block an operand need not be spread out.

    def _is_spread(self, equation: Equation) -> bool:
        if equation.primitive.name != "broadcast_to" or not large(equation.outputs[0].spec):
            return False
        (x,), (out,) = equation.inputs, equation.outputs
        return not x.spec.weak and x.spec.dtype.kind in "fiub" and place(x.spec.shape, out.spec.shape) is not None

    def _needed(self, atom: Atom) -> None:
        """A value that is read as it is: if it is a broadcast that has been put off, it comes now."""
        equation = self._spread.pop(atom, None) if isinstance(atom, Var) else None
        if equation is not None:
            for other in equation.inputs:
                self._needed(other)
            self._alone(equation)

    def _operand(self, atom: Atom) -> Atom:
        """What an elementwise equation can read in the place of an operand: what has been broadcast to it."""
        if isinstance(atom, Literal):
            value = atom.value
            if type(value) is np.ndarray and value.ndim and value.size and not any(value.strides):
                return Literal(value[(0,) * value.ndim]) if value.dtype.kind in "fiub" else atom
            return atom
        equation = self._spread.get(atom)
        return atom if equation is None else equation.inputs[0]

    # What can be a member of a block.

    def _member(self, equation: Equation) -> _Member | None:
        primitive = equation.primitive
        if primitive.multiple or primitive.effect or len(equation.outputs) != 1:
            return None
        for atom in (*equation.inputs, *equation.outputs):
            if atom.spec.dtype.char not in _FUSED or not atom.spec.dtype.isnative:
                return None
            if not isinstance(atom, Var) and not known(atom):
                return None
        if primitive.name in ("sum", "mean"):
            return self._sum(equation)
        out = equation.outputs[0].spec
        if not large(out) or kernel_of(equation) is None:
            return None
        inputs = equation.inputs
        if primitive.name not in ("pow", "power"):  # whose loop is another one for a single exponent
            inputs = tuple([self._operand(atom) for atom in inputs])
        split = None
        whole = False
        for atom in inputs:
            found = place(atom.spec.shape, out.shape)
            if found is None:
                return None
            kind, axes = found
            whole |= kind == "full"
            if kind in ("row", "column"):
                if split not in (None, axes) or out.dtype.kind == "c" or atom.spec.dtype.kind == "c":
                    return None
                split = axes
        if not whole:
            return None
        if inputs != equation.inputs:
            equation = equation.changed(inputs=inputs)
        return _Member(equation, out.shape, split, "")

    def _sum(self, equation: Equation) -> _Member | None:
        if len(equation.inputs) != 1 or set(equation.params) - {"axis", "keepdims"}:
            return None
        x, out, axes = equation.inputs[0].spec, equation.outputs[0].spec, equation.params["axis"]
        if not large(x) or x.dtype.char not in _SUMMED or out.dtype != x.dtype or not axes:
            return None
        if isinstance(equation.inputs[0], Literal) or self._operand(equation.inputs[0]) is not equation.inputs[0]:
            return None
        if len(axes) == len(x.shape):
            if equation.params.get("keepdims") or (x.dtype.kind in "fc" and not order(x.dtype).kind):
                return None
            return _Member(equation, x.shape, None, x.dtype.kind if x.dtype.kind in "fc" else "all")
        split = axes[0]
        row = int(np.prod(x.shape[split:]))
        if axes != tuple(range(split, len(x.shape))) or row > LONGEST_ROW or x.dtype.kind == "c":
            return None
        return _Member(equation, x.shape, _canonical(split, x.shape), "rows")

    # What a unit has become. Its outputs are there at once, while what dies in it is still there: it is cut where the
    # program would come to need more memory than one equation after the other.

    def _count(self) -> None:
        self._reads = Counter[Atom](self.program.outputs)
        self._end: dict[Atom, int] = {}
        for unit in self._units:
            for equation in (*unit.equations, *unit.after):
                self._reads.update(equation.inputs)
                self._end.update(dict.fromkeys(equation.inputs, unit.position))
        self._end.update(dict.fromkeys(self.program.outputs, len(self._units)))
        self._live = self._peak = live = 0
        for number, equation in enumerate(self.program.equations):
            live += _bytes(equation.outputs)
            self._peak = max(self._peak, live)
            ours = {a for a in (*equation.inputs, *equation.outputs) if a in self._at}
            live -= _bytes([a for a in ours if self._last.get(a, number) == number])

    def _finished(self, unit: _Unit) -> list[Block | Equation]:
        made: list[Block | Equation] = []
        everything = unit.equations if unit.shape is not None else [*unit.equations, *unit.after]
        ends = {a: i for i, e in enumerate([*everything, *unit.after]) for a in e.inputs}
        start = 0
        while start < len(everything):
            stop = self._stop(everything, start) if unit.shape is not None else start + 1
            equations = everything[start:stop]
            inside = {var for e in equations for var in e.outputs}
            outputs = self._read_outside(equations)
            self._live += _bytes(outputs) - _bytes(
                [
                    a
                    for a in {a for e in equations for a in e.inputs} - inside
                    if a in self._at and self._end[a] == unit.position and ends[a] < stop
                ]
            )
            if unit.shape is not None and outputs and self._pays(equations):
                inputs = dict.fromkeys(
                    a for e in equations for a in e.inputs if a not in inside and (isinstance(a, Var) or a.spec.shape)
                )
                split = _split(equations, unit.shape)
                made.append(Block(tuple(inputs), outputs, tuple(equations), unit.shape, split))
            else:
                made += equations
            start = stop
        return made if unit.shape is None else [*made, *unit.after]

    def _stop(self, equations: Sequence[Equation], start: int) -> int:
        """Where a block that begins at ``start`` ends: as late as memory allows."""
        inside: dict[Atom, int] = {}
        bytes_outside = 0
        best = start + 1
        for number in range(start, len(equations)):
            equation = equations[number]
            for atom in equation.inputs:
                if atom in inside:
                    inside[atom] += 1
                    if inside[atom] == self._reads[atom]:
                        bytes_outside -= _bytes([atom])
            (var,) = equation.outputs
            inside[var] = 0
            if self._reads[var]:
                bytes_outside += _bytes([var])
            if self._live + bytes_outside <= self._peak:
                best = number + 1
            elif number > best + _LOOK:
                break
        return best

    def _read_outside(self, equations: Sequence[Equation]) -> tuple[Var, ...]:
        inside = Counter(a for e in equations for a in e.inputs)
        return tuple([var for e in equations for var in e.outputs if self._reads[var] > inside[var]])

    def _pays(self, equations: Sequence[Equation]) -> bool:
        if len(equations) > 1:
            return True
        kernel = kernel_of(equations[0])
        if kernel is None or not kernel.slow:
            return False
        from functrans import config

        return config.threads > 1


def _bytes(atoms: Iterable[Atom]) -> int:
    return sum(atom.spec.size * atom.spec.dtype.itemsize for atom in atoms)


def _split(equations: Sequence[Equation], shape: tuple[int, ...]) -> int | None:
    for equation in equations:
        axes = equation.params.get("axis")
        if axes is not None and len(axes) < len(shape):
            return _canonical(axes[0], shape)
        for atom in equation.inputs:
            found = place(atom.spec.shape, shape)
            if found is not None and found[0] in ("row", "column"):
                return found[1]
    return None
