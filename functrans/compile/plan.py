"""Where values live: until when each is read, whose memory a result takes over, which buffers are kept for later calls.

A large result is computed into the memory of an operand that dies there, or into a buffer that is kept; never into an
array that the caller has given or is given, or that a value which is still read may be a view of.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functrans.compile.emit import FRESH, KEEPS_ORDER, in_entries, ufunc_of
from functrans.ir import Atom, Equation, Literal, Program, Var

#: Results with fewer entries get new memory: `out=` would cost as much as it saves.
LARGE = 4096
#: Results with at least so many bytes are computed into buffers that are kept: new pages would cost as much again.
POOLED = 1 << 20


class Plan:
    """Where the values of a program live.

    Attributes:
        last: by position of an equation, the values that are read there for the last time.
        into: by position, the operand whose memory the result takes over.
        slots: by result, the number of the kept buffer that it is computed into.
        guards: inputs that must lie in C order.
    """

    __slots__ = ("_free", "_in_order", "_memory", "_sizes", "_taken", "guards", "into", "last", "slots")

    def __init__(self, program: Program, planned: bool) -> None:
        self.last = _last_uses(program)
        self.into: dict[int, Var] = {}
        self.slots: dict[Var, int] = {}
        self.guards: list[Var] = []
        self._sizes: list[int] = []
        if planned and any(e.primitive.name == "index_add" or any(map(large, e.outputs)) for e in program.equations):
            self._memory = _Memory(program, self.last)
            self._free: dict[int, list[int]] = {}
            self._taken: dict[Var, int] = {}  # by the value that owns the memory: the buffer
            self._in_order: set[Atom] = {var for var in program.inputs if large(var)}
            for position, equation in enumerate(program.equations):
                self._assign(position, equation)
            if self.into or self.slots:
                self.guards = [var for var in program.inputs if large(var)]

    def _assign(self, position: int, equation: Equation) -> None:
        name, outputs = equation.primitive.name, equation.outputs
        if name == "block":
            self._in_order.update(outputs)
            for var in outputs:
                self._keep_buffer(var)
        elif name == "index_add" and in_entries(equation):
            self._inherit(position, equation.inputs[0], outputs[0])
        elif len(outputs) == 1 and self._lies_in_order(equation):
            var, ufunc = outputs[0], ufunc_of(equation)
            self._in_order.add(var)
            if ufunc is not None and large(var):
                operands = () if ufunc is np.matmul else equation.inputs
                fitting = [a for a in operands if a in self._in_order and a.spec == var.spec]
                if not any(self._inherit(position, atom, var) for atom in fitting):
                    self._keep_buffer(var)
        for owner in [owner for owner in self._taken if self._memory.death[owner] == position]:
            slot = self._taken.pop(owner)
            self._free.setdefault(self._sizes[slot], []).append(slot)

    def _lies_in_order(self, equation: Equation) -> bool:
        """Whether the one result lies in C order, as far as is known."""
        ufunc, name = ufunc_of(equation), equation.primitive.name
        if ufunc is np.matmul or name in ("scatter", "plus_zero"):
            return True
        if ufunc is None and name not in KEEPS_ORDER:
            return False
        return all(
            not a.spec.shape or a in self._in_order or (isinstance(a, Literal) and _c_ordered(a.value))
            for a in equation.inputs
        )

    def _inherit(self, position: int, atom: Atom, result: Var) -> bool:
        """Let a result take over the memory of an operand, if that is ours alone and read for the last time."""
        memory, owner = self._memory, self._memory.owner[result]
        if not isinstance(atom, Var) or not memory.ends_with(atom, position):
            return False
        if atom in self._taken:
            if owner in memory.kept:  # a buffer must not leave
                return False
            self._taken[owner] = self._taken.pop(atom)
        self.into[position] = atom
        return True

    def _keep_buffer(self, var: Var) -> None:
        """Compute a result into a buffer that is kept, if it is large and does not leave."""
        owner, size = self._memory.owner[var], _bytes(var)
        if owner in self._memory.kept or size < POOLED:
            return
        free = self._free.get(size)
        if not free:
            self._sizes.append(size)
        self._taken[owner] = self.slots[var] = free.pop() if free else len(self._sizes) - 1

    def pooled_bytes(self) -> int:
        """Bytes of the buffers that are kept."""
        return sum(self._sizes)

    def peak_bytes(self, program: Program) -> int:
        """Bytes of the values that live at once, at most, without the kept buffers, arguments and constants.

        What may be a view does not count.
        """
        own: set[Var] = set()
        alive = peak = 0
        for position, equation in enumerate(program.equations):
            heir = self.into.get(position)
            if is_fresh(equation):
                new = [var for var in equation.outputs if var not in self.slots and (heir is None or heir in own)]
                own.update(new)
                alive += sum(map(_bytes, new))
            peak = max(peak, alive if heir is None or heir not in own else alive - _bytes(heir))
            for var in self.last[position]:
                if var in own:
                    own.discard(var)
                    alive -= _bytes(var)
        return peak

    def arena(self) -> Callable[[], tuple[np.ndarray[Any, Any], ...]]:
        """What makes the arrays that results are computed into, in the order of their equations."""
        wanted = [(slot, var.spec) for var, slot in self.slots.items()]
        sizes = list(self._sizes)

        def make() -> tuple[np.ndarray[Any, Any], ...]:
            memory = [np.empty(size, np.uint8) for size in sizes]
            return tuple([memory[slot].view(spec.dtype).reshape(spec.shape) for slot, spec in wanted])

        return make


def _last_uses(program: Program) -> list[list[Var]]:
    """By position, the values that are read there for the last time, or never."""
    seen: set[Atom] = set(program.outputs)
    last: list[list[Var]] = []
    for equation in reversed(program.equations):
        dying = [a for a in dict.fromkeys(equation.inputs) if isinstance(a, Var) and a not in seen]
        dying += [var for var in equation.outputs if var not in seen]
        last.append(dying)
        seen.update(dying)
    return last[::-1]


class _Memory:
    """Which values may share memory.

    Attributes:
        owner: by value, the one that stands for all that may share its memory.
        kept: owners of memory that is not ours alone: arguments, and what is given to the caller.
        death: by owner, the position of the equation after which nobody reads that memory.
    """

    __slots__ = ("death", "kept", "owner")

    def __init__(self, program: Program, last: list[list[Var]]) -> None:
        self.owner: dict[Atom, Var] = {var: var for var in program.inputs}
        members = {var: [var] for var in program.inputs}
        for equation in program.equations:
            fresh = is_fresh(equation)
            owners = [] if fresh else list(dict.fromkeys(self.owner[a] for a in equation.inputs if a in self.owner))
            for other in owners[1:]:
                for member in members[other]:
                    self.owner[member] = owners[0]
                members[owners[0]] += members.pop(other)
            for var in equation.outputs:
                if fresh or not owners:
                    owners = [var]
                self.owner[var] = owners[0]
                members.setdefault(owners[0], []).append(var)
        ends = {var: position for position, dying in enumerate(last) for var in dying}
        self.kept = {self.owner[atom] for atom in (*program.inputs, *program.outputs) if atom in self.owner}
        self.death = {owner: max([ends.get(var, -1) for var in shared]) for owner, shared in members.items()}

    def ends_with(self, var: Var, position: int) -> bool:
        """Whether the value owns its memory, which nobody reads after this equation."""
        return self.owner[var] is var and var not in self.kept and self.death[var] == position


def is_fresh(equation: Equation) -> bool:
    """Whether what it gives is in memory of its own."""
    return equation.primitive.name in FRESH or ufunc_of(equation) is not None


def large(var: Var) -> bool:
    """Whether it is worth while to care where it lives."""
    return bool(var.spec.shape) and var.spec.size >= LARGE


def _bytes(var: Var) -> int:
    return var.spec.size * var.spec.dtype.itemsize


def _c_ordered(value: Any) -> bool:
    return not isinstance(value, np.ndarray) or value.flags.c_contiguous
