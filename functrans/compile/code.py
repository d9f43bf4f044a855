"""Generated code: a program as one Python function that calls NumPy's functions directly.

Values live as long as they are read. A large result is computed into the memory of an operand that dies there, or into
a buffer that is kept for the next call; never into an array that the caller has given or is given.
"""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Callable
from typing import Any

import numpy as np

from functrans.compile.blocks import CompiledBlock
from functrans.compile.blocks import compiled as compiled_block
from functrans.compile.emit import FRESH, KEEPS_ORDER, Scope, expression, in_entries, ufunc_of, written
from functrans.compile.fusion import Block, groups
from functrans.compile.rewriting import with_equations
from functrans.ir import Atom, Equation, Literal, Program, Var
from functrans.ir.source import fresh_names

#: Results with fewer entries get new memory: `out=` would cost as much as it saves.
LARGE = 4096
#: Results with at least so many bytes are computed into buffers that are kept: new pages would cost as much again.
POOLED = 1 << 20


class Code:
    """The function that runs a program: ``run(*leaves)`` gives the outputs in a tuple.

    Attributes:
        source: its text.
        pooled: bytes of the buffers that it keeps.
    """

    __slots__ = ("pooled", "run", "source")

    def __init__(self, run: Callable[..., tuple[Any, ...]], source: str, pooled: int) -> None:
        self.run, self.source, self.pooled = run, source, pooled


def generated(program: Program) -> Code:
    """The code of a program whose constants are plain."""
    fused, blocks = with_blocks(program)
    writer = _Function(fused, planned=True)
    text = writer.text()
    space = writer.scope.values
    if writer.guarded:
        space["otherwise"] = _Later(program)
    exec(compile(text, f"<functrans {program.name}>", "exec"), space)
    shown = "".join(f"# block{i or ''}:\n{block.source.rstrip()}\n\n" for i, block in enumerate(blocks)) + text
    return Code(space[writer.name], shown, writer.plan.pooled_bytes())


class _Block:
    """Stands in an equation for the primitive: several elementwise operations, done piece by piece."""

    name, impl, multiple, effect, spec = "block", None, True, False, None


def with_blocks(program: Program) -> tuple[Program, list[CompiledBlock]]:
    """The program with an equation for each block of elementwise operations over large arrays."""
    units = groups(program)
    if not any(isinstance(unit, Block) for unit in units):
        return program, []
    primitive: Any = _Block()
    equations, blocks = [], []
    for unit in units:
        if isinstance(unit, Block):
            blocks.append(compiled_block(unit))
            equations.append(Equation(primitive, unit.inputs, unit.outputs, {"block": blocks[-1]}))
        else:
            equations.append(unit)
    return with_equations(program, equations), blocks


class _Later:
    """The same program for arrays that lie in memory otherwise; written when it is first called."""

    __slots__ = ("_program", "_run")

    def __init__(self, program: Program) -> None:
        self._program = program
        self._run: Callable[..., Any] | None = None

    def __call__(self, *leaves: Any) -> Any:
        if self._run is None:
            writer = _Function(self._program, planned=False)
            text = writer.text()
            exec(compile(text, f"<functrans {self._program.name}>", "exec"), writer.scope.values)
            self._run = writer.scope.values[writer.name]
        return self._run(*leaves)


class Plan:
    """Where values live.

    Attributes:
        last: by position of an equation, the values that are read there for the last time.
        into: by position, the operand whose memory the result takes over.
        slots: by result, the number of the kept buffer that it is computed into.
        guards: inputs that must lie in C order.
    """

    def __init__(self, program: Program, planned: bool) -> None:
        self.last: dict[int, list[Var]] = {}
        self.into: dict[int, Var] = {}
        self.slots: dict[Var, int] = {}
        self.guards: list[Var] = []
        self._sizes: list[int] = []
        self._root: dict[Var, Var] = {}
        self._find_last(program)
        if planned and any(e.primitive.name == "index_add" or any(map(_large, e.outputs)) for e in program.equations):
            self._assign(program)

    def _find_last(self, program: Program) -> None:
        seen: set[Atom] = set(program.outputs)
        for position in range(len(program.equations) - 1, -1, -1):
            equation = program.equations[position]
            dying = [a for a in dict.fromkeys(equation.inputs) if isinstance(a, Var) and a not in seen]
            dying += [var for var in equation.outputs if var not in seen]
            self.last[position] = dying
            seen.update(dying)

    def _assign(self, program: Program) -> None:
        members: dict[Var, list[Var]] = {}  # by the value that owns memory, those that may look into it
        root = self._root

        def group(atom: Atom) -> Var | None:
            return root.get(atom) if isinstance(atom, Var) else None

        kept: set[Var] = set()  # owners whose memory is not ours alone
        for var in program.inputs:
            root[var] = var
            members[var] = [var]
            kept.add(var)
        ordered: set[Atom] = {var for var in program.inputs if _large(var) and var.spec.shape}
        ends = {var: position for position, dying in self.last.items() for var in dying}
        for equation in program.equations:
            fresh = equation.primitive.name in FRESH or ufunc_of(equation) is not None
            owners = [] if fresh else list(dict.fromkeys(filter(None, map(group, equation.inputs))))
            for other in owners[1:]:
                for member in members.pop(other):
                    root[member] = owners[0]
                    members[owners[0]].append(member)
                if other in kept:
                    kept.add(owners[0])
            for var in equation.outputs:
                if not fresh and not owners:
                    owners = [var]
                owner = var if fresh else owners[0]
                root[var] = owner
                members.setdefault(owner, []).append(var)
        kept.update(filter(None, map(group, program.outputs)))
        kept.update(owner for owner, all_ in members.items() if owner not in kept and any(v not in ends for v in all_))
        death = {owner: max(ends.get(v, -1) for v in all_) for owner, all_ in members.items()}
        free: dict[int, list[int]] = {}
        taken: dict[Var, int] = {}  # owner: slot
        for position, equation in enumerate(program.equations):
            var = equation.outputs[0] if len(equation.outputs) == 1 else None
            ufunc = ufunc_of(equation)
            if (
                equation.primitive.name == "index_add"
                and in_entries(equation)
                and isinstance(first := equation.inputs[0], Var)
            ):
                owner = root[equation.outputs[0]]
                ours = root[first] is first and first not in kept and death[first] == position
                if ours and (owner not in kept or first not in taken):
                    self.into[position] = first
                    if first in taken:
                        taken[owner] = taken.pop(first)
            if var is not None and self._in_order(equation, ordered, ufunc):
                ordered.add(var)
                if ufunc is not None and _large(var) and var.spec.shape:
                    heir = self._heir(equation, var, kept, death, position, ordered)
                    owner = root[var]
                    if heir is not None and (owner not in kept or root[heir] not in taken):
                        self.into[position] = heir
                        old = root[heir]
                        if old in taken:  # the buffer goes on to live with the result
                            slot = taken.pop(old)
                            taken[owner] = slot
                    elif owner not in kept and _bytes(var) >= POOLED:
                        taken[owner] = self.slots[var] = self._slot(_bytes(var), free)
            if equation.primitive.name == "block":
                ordered.update(equation.outputs)
                for var in equation.outputs:
                    if root[var] not in kept and _bytes(var) >= POOLED:
                        taken[root[var]] = self.slots[var] = self._slot(_bytes(var), free)
            for owner in [o for o in taken if death[o] == position]:
                slot = taken.pop(owner)
                free.setdefault(self._sizes[slot], []).append(slot)
        self.guards = [v for v in program.inputs if (v in ordered and len(v.spec.shape) > 1) or v in ordered]

    def _slot(self, size: int, free: dict[int, list[int]]) -> int:
        """A buffer of this size that is not in use."""
        if free.get(size):
            return free[size].pop()
        self._sizes.append(size)
        return len(self._sizes) - 1

    def _in_order(self, equation: Equation, ordered: set[Atom], ufunc: Any) -> bool:
        """Whether the result lies in C order, as far as is known."""
        name = equation.primitive.name
        if ufunc is np.matmul:
            return True
        if ufunc is None and name not in KEEPS_ORDER:
            return name == "scatter"
        return all(
            not a.spec.shape or a in ordered or (isinstance(a, Literal) and _c_ordered(a.value))
            for a in equation.inputs
        )

    def _heir(
        self, equation: Equation, var: Var, kept: set[Var], death: dict[Var, int], position: int, ordered: set[Atom]
    ) -> Var | None:
        """An operand whose memory the result may take over: it is ours alone, fits, and is read for the last time."""
        if ufunc_of(equation) is np.matmul:
            return None
        for atom in equation.inputs:
            if (
                isinstance(atom, Var)
                and atom in ordered
                and atom.spec == var.spec
                and self._root[atom] is atom
                and atom not in kept
                and death[atom] == position
            ):
                return atom
        return None

    def pooled_bytes(self) -> int:
        """Bytes of the buffers that are kept."""
        return sum(self._sizes)

    def arena(self) -> Callable[[], tuple[np.ndarray[Any, Any], ...]]:
        """What makes the arrays that results are computed into, in the order of their equations."""
        wanted = [(slot, var.spec) for var, slot in self.slots.items()]
        sizes = list(self._sizes)

        def make() -> tuple[np.ndarray[Any, Any], ...]:
            memory = [np.empty(size, np.uint8) for size in sizes]
            return tuple([memory[slot].view(spec.dtype).reshape(spec.shape) for slot, spec in wanted])

        return make


def _large(var: Var) -> bool:
    return var.spec.size >= LARGE


def _bytes(var: Var) -> int:
    return var.spec.size * var.spec.dtype.itemsize


def _c_ordered(value: Any) -> bool:
    return not isinstance(value, np.ndarray) or value.flags.c_contiguous


class _Function:
    """The text of the function, and the names that it sees."""

    def __init__(self, program: Program, planned: bool) -> None:
        self.program = program
        self.plan = Plan(program, planned)
        taken = {*keyword.kwlist, *dir(builtins), "otherwise", "take", "give", "arena"}
        self.name = _free(program.name, taken)
        self._inputs: list[str] = []
        for given in program.input_names:
            self._inputs.append(_free(given, taken))
        self.scope = Scope(taken)
        self._names: dict[Atom, str] = dict(zip(program.inputs, self._inputs, strict=True))
        self._fresh = map(self._take, fresh_names(taken))
        self.guarded = [v for v in self.plan.guards if v in self._names] if self.plan.into or self.plan.slots else []

    def _take(self, name: str) -> str:
        """A name of a value: no function that is met later may have it."""
        self.scope.taken.add(name)
        return name

    def text(self) -> str:
        """The whole function."""
        plan, program = self.plan, self.program
        lines: list[str] = []
        if self.guarded:
            test = " and ".join(f"{self._names[v]}.flags.c_contiguous" for v in self.guarded)
            lines += [f"if not ({test}):", f"    return otherwise({', '.join(self._inputs)})"]
        buffers = {var: f"out{i}" for i, var in enumerate(plan.slots)}
        if buffers:
            self.scope.taken.update(buffers.values())
            take, give = _pool(plan.arena())
            self.scope.values.update(take=take, give=give)
            lines += ["arena = take()", f"{', '.join(buffers.values())}, = arena"]
        for position, equation in enumerate(program.equations):
            lines += self._equation(position, equation, buffers)
        if buffers:
            lines.append("give(arena)")
        results = [self._output(atom) for atom in program.outputs]
        lines.append(f"return ({', '.join(results)}{',' if len(results) == 1 else ''})")
        head = f"def {self.name}({', '.join(self._inputs)}):"
        return "\n".join([head, *["    " + line for line in lines]]) + "\n"

    def _equation(self, position: int, equation: Equation, buffers: dict[Var, str]) -> list[str]:
        args = [self._atom(atom) for atom in equation.inputs]
        into = self.plan.into.get(position)
        if equation.primitive.name == "block":
            return self._block(position, equation, args, buffers)
        out = buffers.get(equation.outputs[0]) if equation.outputs else None
        if into is not None:
            out = self._names[into]
        ufunc = ufunc_of(equation)
        lines = written(equation, args, into is not None, self.scope)
        if lines is not None:
            name = self._names[equation.outputs[0]] = next(self._fresh)
            return [line.format(name) for line in lines] + self._dead(position)
        if out is not None:
            assert ufunc is not None
            right = f"{self.scope.function(ufunc.__name__, ufunc)}({', '.join([*args, out])})"
        elif isinstance(equation.primitive.impl, np.ufunc) and ufunc is not None:
            right = f"{self.scope.function(ufunc.__name__, ufunc)}({', '.join(args)})"
        else:
            right = expression(equation, args, self.scope)
        for var in equation.outputs:
            self._names[var] = next(self._fresh)
        left = ", ".join(self._names[var] for var in equation.outputs)
        if equation.primitive.multiple:
            left = f"{left}," if len(equation.outputs) == 1 else left
        return [f"{left} = {right}" if left else right, *self._dead(position)]

    def _block(self, position: int, equation: Equation, args: list[str], buffers: dict[Var, str]) -> list[str]:
        function = self.scope.function("block", equation.params["block"])
        given = [buffers.get(var, "None") for var in equation.outputs]
        if any(var in buffers for var in equation.outputs):
            args = [*args, f"out=({', '.join(given)},)"]
        for var in equation.outputs:
            self._names[var] = next(self._fresh)
        left = ", ".join(self._names[var] for var in equation.outputs)
        return [f"{left}, = {function}({', '.join(args)})", *self._dead(position)]

    def _dead(self, position: int) -> list[str]:
        given = self.program.inputs
        dead = [self._names[v] for v in self.plan.last[position] if _large(v) and v not in given]
        return [f"del {', '.join(dead)}"] if dead else []

    def _atom(self, atom: Atom) -> str:
        return self._names[atom] if isinstance(atom, Var) else self.scope.constant(atom.value)

    def _output(self, atom: Atom) -> str:
        name = self._atom(atom)
        # What a call gives is its caller's own: no constant of the program.
        copied = isinstance(atom, Literal) and isinstance(atom.value, np.ndarray)
        return f"{name}.copy(order='K')" if copied else name


def _free(wanted: str, taken: set[str]) -> str:
    while wanted in taken:
        wanted += "_"
    taken.add(wanted)
    return wanted


def _pool(make: Callable[[], Any]) -> tuple[Callable[[], Any], Callable[[Any], None]]:
    """Buffers that are kept between calls; calls at the same time have different ones."""
    kept: list[Any] = []

    def take() -> Any:
        try:
            return kept.pop()
        except IndexError:
            return make()

    return take, kept.append
