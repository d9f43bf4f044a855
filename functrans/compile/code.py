"""Generated code: a program as one Python function that calls NumPy's functions directly.

Where values live is :mod:`functrans.compile.plan`'s affair.
"""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from functrans.compile.blocks import CompiledBlock
from functrans.compile.blocks import compiled as compiled_block
from functrans.compile.emit import Scope, expression, ufunc_of, written
from functrans.compile.fusion import Block, groups
from functrans.compile.later import Later
from functrans.compile.plan import Plan, large
from functrans.compile.rewriting import with_equations
from functrans.ir import Atom, Equation, Literal, Program, Var
from functrans.ir.quiet import Errors, errstate_source, stretches
from functrans.ir.source import fresh_names


class Code:
    """The function that runs a program: ``run(*leaves)`` gives the outputs in a tuple.

    Attributes:
        source: its text.
        peak: bytes of its values that live at once, at most, with the buffers that it keeps.
        pooled: bytes of these buffers.
    """

    __slots__ = ("peak", "pooled", "run", "source")

    def __init__(self, run: Callable[..., tuple[Any, ...]], source: str, peak: int, pooled: int) -> None:
        self.run, self.source, self.peak, self.pooled = run, source, peak, pooled


def generated(program: Program) -> Code:
    """The code of a program whose constants are plain."""
    fused, blocks = with_blocks(program)
    writer = _Function(fused, planned=True)
    text = writer.text()
    space = writer.scope.values
    if writer.guarded:
        space["otherwise"] = Later(lambda: _unplanned(program))
    exec(compile(text, f"<functrans {program.name}>", "exec"), space)
    shown = "".join(f"# block{i or ''}:\n{block.source.rstrip()}\n\n" for i, block in enumerate(blocks)) + text
    plan = writer.plan
    return Code(space[writer.name], shown, plan.peak_bytes(fused) + plan.pooled_bytes(), plan.pooled_bytes())


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
            errors = {equation.errors for equation in unit.equations}
            for_all: Errors = errors.pop() if len(errors) == 1 else ()
            made = tuple([equation.changed(errors=()) for equation in unit.equations]) if for_all else unit.equations
            blocks.append(compiled_block(unit._replace(equations=made)))
            equations.append(Equation(primitive, unit.inputs, unit.outputs, {"block": blocks[-1]}, errors=for_all))
        else:
            equations.append(unit)
    return with_equations(program, equations), blocks


def _unplanned(program: Program) -> Callable[..., Any]:
    """The same program for arrays that lie in memory otherwise."""
    writer = _Function(program, planned=False)
    text = writer.text()
    exec(compile(text, f"<functrans {program.name}>", "exec"), writer.scope.values)
    return writer.scope.values[writer.name]  # type: ignore[no-any-return]


class _Function:
    """The text of the function, and the names that it sees."""

    def __init__(self, program: Program, planned: bool) -> None:
        self.program = program
        self.plan = Plan(program, planned)
        taken = {"otherwise", "take", "give", "arena"}
        self.name, self._inputs, self._fresh = function_names(program, taken)
        self.scope = Scope(taken)
        self._names: dict[Atom, str] = dict(zip(program.inputs, self._inputs, strict=True))
        self.guarded = self.plan.guards
        self._given: set[Atom] = set()

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
        position = 0
        for errors, equations in stretches(program.equations):
            if errors:
                lines.append(f"with {self.scope.function('errstate', np.errstate)}({errstate_source(errors)}):")
            for equation in equations:
                written = self._equation(position, equation, buffers)
                lines += ["    " + line for line in written] if errors else written
                position += 1
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
        dead = [self._names[v] for v in self.plan.last[position] if large(v) and v not in given]
        return [f"del {', '.join(dead)}"] if dead else []

    def _atom(self, atom: Atom) -> str:
        return self._names[atom] if isinstance(atom, Var) else self.scope.constant(atom.value)

    def _output(self, atom: Atom) -> str:
        name = self._atom(atom)
        # What a call gives is its caller's own: no constant of the program, and nothing twice.
        array = isinstance(atom.value, np.ndarray) if isinstance(atom, Literal) else bool(atom.spec.shape)
        copied = array and (atom in self._given or isinstance(atom, Literal))
        self._given.add(atom)
        return f"{name}.copy(order='K')" if copied else name


def function_names(program: Program, taken: set[str]) -> tuple[str, list[str], Iterator[str]]:
    """The names of a function and of its arguments, and fresh ones for values; they are added to those ``taken``.

    No function that is met later may have the name of a value.
    """
    taken.update(keyword.kwlist, dir(builtins))
    name = _free(program.name, taken)
    inputs = [_free(given, taken) for given in program.input_names]

    def fresh() -> Iterator[str]:
        for new in fresh_names(taken):
            taken.add(new)
            yield new

    return name, inputs, fresh()


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
