"""The text of the function that evaluates a block: all its equations, for one piece after the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from functrans.compile.fusion import Block, place
from functrans.compile.kernels import ADD_REDUCE, Kernel, Names, entrywise, kernel_of, prepared
from functrans.ir import Atom, Equation, Literal, Var
from functrans.ir.quiet import Errors, errstate_source, within


def kind_of(atom: Atom, block: Block) -> str:
    """How an input lies in a block's shape: ``full``, ``row``, ``column``, ``number``."""
    found = place(atom.spec.shape, block.shape)
    assert found is not None
    return found[0]


class BlockSource:
    """The function ``block(todo, buffers, *inputs, *outputs)``.

    ``todo`` gives pieces, ``buffers(n)`` the arrays for pieces of a length. Whole arrays have names in capitals; ``x``
    are pieces of inputs, ``o`` of outputs, ``b`` are buffers, ``t`` arrays that a piece makes.

    Attributes:
        text: its text.
        names: what the text sees.
        buffers: the dtypes of the buffers, a character each.
    """

    def __init__(self, block: Block, within: bool) -> None:
        self._block = block
        self._within = within
        self.names = Names()
        self.buffers = ""
        self._where: dict[Atom, str] = {}
        self._free: dict[str, list[str]] = {}
        self._owned: dict[Var, str] = {}  # values in buffers
        self._fresh: dict[Var, str] = {}
        self._args: list[str] = []
        self._start: list[str] = []
        self._body: list[tuple[Errors | None, str]] = []  # what becomes of its errors (None: it has none), a line
        self._ends = {a: i for i, e in enumerate(block.equations) for a in e.inputs}
        self._inputs()
        self._outputs()
        for number, equation in enumerate(block.equations):
            self._equation(number, equation)
        self.text = self._text()

    def _inputs(self) -> None:
        for atom in self._block.inputs:
            kind = kind_of(atom, self._block)
            number = len(self._args)
            if kind == "number":
                self._args.append(f"n{number}")
                self._where[atom] = f"n{number}"
                continue
            self._args.append(f"X{number}")
            self._where[atom] = f"x{number}"
            if kind == "row" and not self._within:
                self._where[atom] = f"X{number}"
            else:
                self._start.append(f"x{number} = X{number}[{self._index(kind)}]")

    def _index(self, kind: str) -> str:
        if not self._within:
            return "lo:hi"
        return {"full": "row, lo:hi", "row": ":, lo:hi", "column": "row"}[kind]

    def _outputs(self) -> None:
        sums = {e.outputs[0] for e in self._block.equations if "axis" in e.params}
        for number, var in enumerate(self._block.outputs):
            self._args.append(f"O{number}")
            self._where[var] = f"o{number}"
            if var not in sums:
                self._start.append(f"o{number} = O{number}[{self._index('full')}]")

    def _equation(self, number: int, equation: Equation) -> None:
        var = equation.outputs[0]
        if "axis" in equation.params:
            if var in self._where:
                self._sum(equation)
        elif var in self._where or var in self._ends:
            self._elementwise(number, equation)
        self._release(number, equation)

    def _sum(self, equation: Equation) -> None:
        reduce, x = self.names.of("add_reduce", ADD_REDUCE), self._where[equation.inputs[0]]
        out = self._where[equation.outputs[0]].upper()
        if len(equation.params["axis"]) == len(self._block.shape):
            self._body.append((equation.errors, f"{out}[i] = {reduce}({x})"))
        else:
            self._body.append((equation.errors, f"{reduce}({x}, 1, None, {out}[lo:hi])"))

    def _elementwise(self, number: int, equation: Equation) -> None:
        kernel = kernel_of(equation)
        assert kernel is not None
        var = equation.outputs[0]
        args = [self._operand(equation, i) for i in range(len(equation.inputs))]
        out = given = self._where.get(var)
        if kernel.fresh:
            out = self._fresh[var] = f"t{number}"
        elif out is None:
            out = self._owned[var] = self._heir(number, equation, kernel) or self._buffer(var)
        self._where.setdefault(var, out)
        errors = within(equation.errors, kernel.quiet)
        self._body += [(errors, line) for line in kernel.write(self.names, equation, args, out)]
        if kernel.fresh and given is not None:
            self._body += [(None, f"{given}[...] = {out}"), (None, f"del {out}")]
            del self._fresh[var]

    def _operand(self, equation: Equation, position: int) -> str:
        atom = equation.inputs[position]
        if atom in self._where:
            return self._where[atom]
        assert isinstance(atom, Literal)
        ufunc = entrywise(equation)
        value = atom.value
        if ufunc is not None:
            value = prepared(value, ufunc, equation, position)
        if type(value) is int or type(value) is bool:
            return f"({value!r})"
        return self.names.constant(value)

    def _heir(self, number: int, equation: Equation, kernel: Kernel) -> str | None:
        """The buffer of an operand that is read here for the last time, if the result may be written into it."""
        kept = {equation.inputs[i] for i in kernel.kept if i < len(equation.inputs)}
        for atom in equation.inputs:
            if (
                isinstance(atom, Var)
                and atom in self._owned
                and atom not in kept
                and self._ends[atom] == number
                and atom.spec.dtype == equation.outputs[0].spec.dtype
            ):
                return self._owned.pop(atom)
        return None

    def _buffer(self, var: Var) -> str:
        char = var.spec.dtype.char
        free = self._free.setdefault(char, [])
        if free:
            return free.pop()
        self.buffers += char
        return f"b{len(self.buffers) - 1}"

    def _release(self, number: int, equation: Equation) -> None:
        for atom in dict.fromkeys(equation.inputs):
            if isinstance(atom, Var) and self._ends[atom] == number:
                if atom in self._owned:
                    self._free[atom.spec.dtype.char].append(self._owned.pop(atom))
                elif atom in self._fresh:
                    self._body.append((None, f"del {self._fresh.pop(atom)}"))

    def _text(self) -> str:
        names = [f"b{i}" for i in range(len(self.buffers))]
        lines = [f"# {name} = {self.names.values[name]!r}" for name in self.names.constants.values()]
        lines += [f"def block(todo, buffers, {', '.join(self._args)}):", "    size = 0"]
        lines.append(f"    for {'i, row, lo, hi' if self._within else 'i, lo, hi'} in todo:")
        if names:
            lines += ["        if hi - lo != size:", "            size = hi - lo"]
            lines.append(f"            {', '.join(names)}, = buffers(size)")
        lines += [f"        {line}" for line in self._start]
        now: Errors = ()
        for errors, line in self._body:
            if errors not in (None, now):
                now = errors or ()
                if now:
                    lines.append(f"        with {self.names.of('errstate', np.errstate)}({errstate_source(now)}):")
            lines.append(f"        {'    ' if now else ''}{line}")
        return "\n".join(lines) + "\n"


def slow_equations(equations: Sequence[Equation]) -> int:
    """How many equations take much longer than to read and write their entries."""
    return sum(kernel is not None and kernel.slow for kernel in map(kernel_of, equations))
