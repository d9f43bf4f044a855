"""What a program costs: operations, flops, bytes, and the memory of what it computes on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from functrans.ir.flops import flops, transcendental
from functrans.ir.program import Atom, Equation, Literal, Program, Var, held_programs
from functrans.ir.spec import ArraySpec

#: What runs the programs that it holds as often as the values ask for: they are counted once.
_PER_STEP = frozenset(["while_loop", "root", "linear_solve", "solver", "odeint", "odeint_adjoint"])
#: What gives a view of its first operand.
_VIEWS = frozenset(
    [
        "transpose",
        "reshape",
        "broadcast_to",
        "diagonal",
        "flip",
        "real",
        "imag",
        "split",
        "stop_gradient",
        "tag",
        "weak",
        "strong",
    ]
)
_SHOWN = 8


class Row(NamedTuple):
    """Equations of one kind: what they are, where, how often they run, and what all these runs cost."""

    what: str
    where: str
    times: int
    flops: float
    transcendental: int
    bytes: int


class Ratio(NamedTuple):
    """One cost as a multiple of another one; 1 where both are zero."""

    operations: float
    flops: float
    transcendental: float
    read: float
    written: float
    peak: float

    def __str__(self) -> str:
        return ", ".join(f"{name} {value:.3g}" for name, value in zip(self._fields, self, strict=True))


class Cost(NamedTuple):
    """What a program costs. ``str`` of it is a table.

    Attributes:
        operations: how many operations run. A scan's body counts once for each step, of a branch the costliest one.
        flops: of numbers; a value of a transcendental function is one of them.
        transcendental: values of ``exp``, ``sin`` and the like, each of which takes about ten times as long.
        read: bytes of the operands.
        written: bytes of the results. Views (``transpose``, ``x[1:]``) neither read nor write.
        peak: bytes of the intermediate values and outputs that are alive at once, at most; each is dropped after its
            last use. Arguments and constants do not count.
        by_primitive: for each primitive one row.
        costliest: the equations that take the most operations, with the lines that they come from.
        per_step: the primitives whose steps are not known before they run (``while_loop``): one step is counted.
    """

    operations: int
    flops: float
    transcendental: int
    read: int
    written: int
    peak: int
    by_primitive: Mapping[str, Row]
    costliest: tuple[Row, ...]
    per_step: tuple[str, ...]

    def ratio(self, other: Cost) -> Ratio:
        """What it costs as a multiple of another cost."""
        return Ratio(*[_quotient(a, b) for a, b in zip(self[:6], other[:6], strict=True)])

    def __truediv__(self, other: object) -> Ratio:
        return self.ratio(other) if isinstance(other, Cost) else NotImplemented

    def __str__(self) -> str:
        lines = [
            f"{self.operations:,} operations, {short_number(self.flops)} flops "
            f"({short_number(self.transcendental)} of them transcendental)",
            f"{short_bytes(self.read)} read, {short_bytes(self.written)} written, peak of intermediate values "
            f"{short_bytes(self.peak)}",
        ]
        if self.per_step:
            lines.append(f"steps of {', '.join(self.per_step)} are not known before it runs: one is counted")
        rows = [("flops", "share", "bytes", "times", "operation", "line")]
        for row in self.costliest:
            share = f"{100 * row.flops / self.flops:.0f}%" if self.flops else ""
            rows.append((short_number(row.flops), share, short_bytes(row.bytes), f"{row.times:,}", row.what, row.where))
        if len(rows) > 1:
            widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
            for texts in rows:
                cells = [
                    c.rjust(w) if i < 4 else c.ljust(w) for i, (c, w) in enumerate(zip(texts, widths, strict=True))
                ]
                lines.append("  ".join(cells).rstrip())
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Cost: {str(self).replace(chr(10), f'{chr(10)}  ')}>"


def cost(program: Program) -> Cost:
    """What a program costs, by its specs alone: nothing is run."""
    tally = _Tally()
    peak = tally.add(program, 1)
    rows = sorted(tally.rows.values(), key=lambda row: (-row.flops, -row.bytes))
    kinds: dict[str, Row] = {}
    for name, times, ops, hard, moved in tally.kinds.values():
        kinds[name] = Row(name, "", times, ops, hard, moved)
    return Cost(
        sum(row.times for row in kinds.values()),
        sum(row.flops for row in kinds.values()),
        sum(row.transcendental for row in kinds.values()),
        tally.read,
        tally.written,
        peak,
        kinds,
        tuple([row for row in rows[:_SHOWN] if row.flops or row.bytes]),
        tuple(sorted(tally.per_step)),
    )


class _Tally:
    """Sums over a program and those that it holds."""

    def __init__(self) -> None:
        self.read = self.written = 0
        self.per_step: set[str] = set()
        self.rows: dict[tuple[str, str], Row] = {}
        self.kinds: dict[str, list[Any]] = {}

    def add(self, program: Program, times: int) -> int:
        """Count a program that runs so often; the bytes of its intermediate values that are alive at once, at most."""
        last = _last_uses(program)
        alive: dict[Var, int] = {}
        # A view keeps what it is a view of.
        bases: dict[Var, Var] = {}
        waiting: dict[Var, int] = {}
        now = peak = 0
        for place, equation in enumerate(program.equations):
            view = is_view(equation)
            inner = self._held(equation, times)
            self._count(equation, times, view)
            if view:
                source = equation.inputs[0]
                base = bases.get(source, source) if isinstance(source, Var) else None
                if base is not None:
                    for var in equation.outputs:
                        bases[var] = base
            else:
                for var in equation.outputs:
                    alive[var] = nbytes(var.spec)
                    now += alive[var]
            for var in equation.outputs:
                waiting[bases.get(var, var)] = waiting.get(bases.get(var, var), 0) + 1
            peak = max(peak, now + inner)
            for dead in last.get(place, ()):
                base = bases.get(dead, dead)
                waiting[base] = waiting.get(base, 1) - 1
                if not waiting[base]:
                    now -= alive.pop(base, 0)
        return peak

    def _held(self, equation: Equation, times: int) -> int:
        """Count the programs that an equation holds; the most that one of them has alive at once."""
        programs = held_programs(equation.params)
        if not programs:
            return 0
        name = equation.primitive.name
        if name in _PER_STEP:
            self.per_step.add(name)
        if name == "switch":
            programs = [max(programs, key=lambda branch: _order(cost(branch)))]
        if name == "scan":
            times *= int(equation.params.get("length", 1))
        return max(self.add(held, times) for held in programs)

    def _count(self, equation: Equation, times: int, view: bool) -> None:
        name = equation.primitive.name
        operands = [atom.spec for atom in equation.inputs]
        outputs = [var.spec for var in equation.outputs]
        # What only runs other programs, or looks at what is there, costs nothing itself.
        idle = view or bool(held_programs(equation.params))
        ops = 0.0 if idle else times * flops(name, operands, outputs, equation.params)
        hard = 0 if idle or _is_easy_power(equation) else times * transcendental(name, operands, outputs)
        read = 0 if idle else times * sum(map(nbytes, operands))
        written = 0 if idle else times * sum(map(nbytes, outputs))
        self.read += read
        self.written += written
        kind = self.kinds.setdefault(name, [name, 0, 0.0, 0, 0])
        for i, amount in enumerate((times, ops, hard, read + written), 1):
            kind[i] += amount
        if not idle:
            what = f"{name} {' '.join(map(repr, outputs))}"
            where = "" if equation.location is None else str(equation.location)
            before = self.rows.get((what, where), Row(what, where, 0, 0.0, 0, 0))
            self.rows[what, where] = Row(
                what,
                where,
                before.times + times,
                before.flops + ops,
                before.transcendental + hard,
                before.bytes + read + written,
            )


def _order(found: Cost) -> tuple[float, int]:
    return found.flops, found.read + found.written


def _quotient(a: float, b: float) -> float:
    return a / b if b else 1.0 if a == b else float("inf")


def short_number(number: float) -> str:
    """``1.23M``: three digits and a prefix."""
    for power, prefix in ((12, "T"), (9, "G"), (6, "M"), (3, "k")):
        if number >= 0.9995 * 10**power:
            value = number / 10**power
            return f"{value:.{0 if value >= 99.95 else 1 if value >= 9.995 else 2}f}{prefix}"
    return f"{number:.0f}" if number == int(number) else f"{number:.1f}"


def short_bytes(number: float) -> str:
    """``1.23MB``."""
    text = short_number(number)
    return f"{text}B" if text[-1] in "kMGT" else f"{text} B"


def nbytes(spec: ArraySpec) -> int:
    """How many bytes such an array takes."""
    return int(spec.size * spec.dtype.itemsize)


def _is_easy_power(equation: Equation) -> bool:
    """Whether it is ``x ** 2`` or the like, which NumPy's operator computes as a product, a quotient or a root."""
    if equation.primitive.name != "pow":
        return False
    exponent = equation.inputs[1]
    return isinstance(exponent, Literal) and np.ndim(exponent.value) == 0 and exponent.value in (-1, 0, 0.5, 1, 2)


def is_view(equation: Equation) -> bool:
    """Whether its results are views of its first operand: of no memory of their own."""
    name = equation.primitive.name
    if name == "getitem":
        return len(equation.inputs) == 1 and bool(equation.outputs[0].spec.shape) and not _has_arrays(equation.params)
    return name in _VIEWS and bool(equation.inputs)


def _has_arrays(params: Mapping[str, Any]) -> bool:
    template = params.get("template", ())
    return any(part == "array" or isinstance(part, np.ndarray) for part in template)


def _last_uses(program: Program) -> dict[int, Sequence[Var]]:
    """For each equation, the values that nothing needs when it has run."""
    last: dict[Atom, int] = {}
    for place, equation in enumerate(program.equations):
        for atom in (*equation.inputs, *equation.outputs):
            last[atom] = place
    for atom in program.outputs:
        last.pop(atom, None)
    made = {var for equation in program.equations for var in equation.outputs}
    found: dict[int, list[Var]] = {}
    for atom, place in last.items():
        if not isinstance(atom, Literal) and atom in made:
            found.setdefault(place, []).append(atom)
    return found  # type: ignore[return-value]
