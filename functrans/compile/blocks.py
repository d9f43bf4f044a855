"""The runtime of blocks: elementwise equations evaluated piece by piece, so that what lies between stays in the cache.

Results are NumPy's to the bit, on any number of threads: no entry depends on where a piece ends, and sums are added in
NumPy's own order. Operands that do not lie in memory as a block needs them make it run its equations one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import Any

import numpy as np

from functrans.compile import pieces, threads
from functrans.compile.block_source import BlockSource, kind_of, slow_equations
from functrans.compile.fusion import Block
from functrans.compile.workspace import workspace
from functrans.interpreter import run_plain
from functrans.ir import Equation, Program, Var
from functrans.ir.quiet import errstate

#: Each thread takes part in no less than so many nanoseconds of work, by a rough estimate.
WORTH_A_THREAD = 100_000.0
_FAST, _SLOW = 0.4, 4.0  # nanoseconds for an entry


def compiled(block: Block) -> CompiledBlock:
    """The function that evaluates a block: called with its inputs it gives a tuple of its outputs."""
    return CompiledBlock(block)


class CompiledBlock:
    """What evaluates a block.

    Attributes:
        block: the block.
        source: the text of the function that is called with some pieces, to read.
    """

    __slots__ = (
        "_buffers",
        "_bytes",
        "_columns",
        "_cuts",
        "_function",
        "_kinds",
        "_order",
        "_plain",
        "_rows",
        "_sums",
        "_whole",
        "_within",
        "_work",
        "block",
        "source",
    )

    def __init__(self, block: Block) -> None:
        self.block = block
        size = prod(block.shape)
        self._rows = size if block.split is None else prod(block.shape[: block.split])
        self._columns = size // self._rows
        self._kinds = [kind_of(atom, block) for atom in block.inputs]
        self._sums: dict[Var, Equation] = {e.outputs[0]: e for e in block.equations if "axis" in e.params}
        self._whole = (size,) if block.split is None else (self._rows, self._columns)
        slow = slow_equations(block.equations)
        self._work = size * (_SLOW * slow + _FAST * (len(block.equations) - slow))
        self._order = self._order_of_sums()
        full = [a.spec.dtype.itemsize for a, kind in zip(block.inputs, self._kinds, strict=True) if kind == "full"]
        full += [var.spec.dtype.itemsize for var in block.outputs if var not in self._sums]
        source = BlockSource(block, False)
        self._bytes = sum(full) + sum(np.dtype(char).itemsize for char in source.buffers)
        self._within = not self._sums and self._columns > pieces.piece_length(self._bytes, size, 1)
        if self._within:
            source = BlockSource(block, True)
        self._buffers = source.buffers
        self.source = source.text
        space = dict(source.names.values)
        exec(compile(self.source, "<functrans block>", "exec"), space)
        self._function = space["block"]
        self._cuts: dict[tuple[int, int], tuple[list[Any], int]] = {}
        self._plain: tuple[Program, list[bool]] | None = None

    def _order_of_sums(self) -> pieces.Order:
        """In which order floats are added up over everything; ``any`` if none are."""
        if self.block.split is None:
            for equation in self._sums.values():
                dtype = equation.inputs[0].spec.dtype
                if dtype.kind in "fc":
                    return pieces.order(dtype)
        return pieces.Order("any")

    def __call__(self, *values: Any, out: Sequence[Any] | None = None) -> tuple[Any, ...]:
        """The outputs: new arrays, or those of ``out`` that are not None, which must not overlap with the inputs."""
        operands = self._laid_out(values)
        if operands is None:
            return self._one_by_one(values, out)
        count = min(threads.limit(), int(self._work / WORTH_A_THREAD) or 1)
        key = count, np.getbufsize() if self._order.kind == "stretches" else 0
        found = self._cuts.get(key)
        cut, length = found if found is not None else self._cuts.setdefault(key, self._cut(count))
        given = out or [None] * len(self.block.outputs)
        results = [self._result(var, array, len(cut)) for var, array in zip(self.block.outputs, given, strict=True)]
        views = [
            result if var in self._sums else result.reshape(self._whole)
            for var, result in zip(self.block.outputs, results, strict=True)
        ]
        self._run(count, cut, [*operands, *views])
        return tuple(
            [
                self._finished(var, result, length) if var in self._sums else result
                for var, result in zip(self.block.outputs, results, strict=True)
            ]
        )

    def _laid_out(self, values: Sequence[Any]) -> list[Any] | None:
        """The inputs as the function takes them; None if one of them does not lie as it must."""
        made = []
        for atom, kind, value in zip(self.block.inputs, self._kinds, values, strict=True):
            spec = atom.spec
            if not spec.shape:
                made.append(value)
                continue
            if type(value) is not np.ndarray or value.dtype != spec.dtype or value.shape != spec.shape:
                return None
            flags = value.flags
            if kind == "full":
                if flags.c_contiguous and flags.aligned:
                    made.append(value.reshape(self._whole))
                elif not any(value.strides):
                    made.append(np.broadcast_to(value[(0,) * value.ndim], self._whole))
                else:
                    return None
            elif kind == "number":
                made.append(value.reshape(()))
            else:
                made.append(value.reshape((1, self._columns) if kind == "row" else (self._rows, 1)))
        return made

    def _cut(self, count: int) -> tuple[list[Any], int]:
        """The pieces for so many threads, and how many entries they have at most."""
        length = pieces.piece_length(self._bytes, self._rows * self._columns, count)
        if self._within:
            along = pieces.evenly(self._columns, length)
            return [(0, slice(row, row + 1), lo, hi) for row in range(self._rows) for _, lo, hi in along], length
        if self.block.split is not None:
            return pieces.evenly(self._rows, max(length // self._columns, 1)), length
        if self._order.kind == "tree":
            return pieces.tree(self._rows, length, self._parts()), length
        if self._order.kind == "stretches":
            length = np.getbufsize()
        return pieces.evenly(self._rows, length), length

    def _parts(self) -> int:
        return 2 if any(var.spec.dtype.kind == "c" for var in self._sums) else 1

    def _result(self, var: Var, given: Any, count: int) -> np.ndarray[Any, Any]:
        spec = var.spec
        if var in self._sums:
            return np.empty(count if self.block.split is None else self._rows, spec.dtype)
        if given is None:
            return np.empty(spec.shape, spec.dtype)
        if given.shape != spec.shape or given.dtype != spec.dtype or not given.flags.c_contiguous:
            raise ValueError(f"an array for {spec} must have its shape and dtype, and lie in C order")
        return given  # type: ignore[no-any-return]

    def _run(self, count: int, cut: Sequence[Any], arrays: Sequence[Any]) -> None:
        if count == 1:
            self._do(cut, arrays)
            return
        todo = [*[None] * count, *reversed(cut)]

        def work() -> None:
            try:
                self._do(iter(todo.pop, None), arrays)
            except BaseException:
                todo[:] = [None] * count  # what is left will not be needed
                raise

        threads.spread(work, count)

    def _do(self, todo: Iterable[Any], arrays: Sequence[Any]) -> None:
        dtypes = self._buffers
        with workspace() as mine:
            if self._within:
                buffers = lambda n: mine.arrays(dtypes, (1, n))  # noqa: E731
            elif self.block.split is None:
                buffers = lambda n: mine.arrays(dtypes, (n,))  # noqa: E731
            else:
                buffers = lambda n: mine.arrays(dtypes, (n, self._columns))  # noqa: E731
            self._function(todo, buffers, *arrays)

    def _finished(self, var: Var, sums: np.ndarray[Any, Any], length: int) -> Any:
        """A sum, of those of the pieces or rows."""
        with errstate(self._sums[var].errors):
            return self._total(var, sums, length)

    def _total(self, var: Var, sums: np.ndarray[Any, Any], length: int) -> Any:
        equation = self._sums[var]
        mean = equation.primitive.name == "mean"
        if self.block.split is not None:
            if mean:
                np.true_divide(sums, np.intp(self._columns), out=sums, casting="unsafe")
            return sums.reshape(var.spec.shape)
        if var.spec.dtype.kind not in "fc":
            total = np.add.reduce(sums)
        elif self._order.kind == "tree":
            total = pieces.tree_sum(iter(sums), self._rows, length, self._parts(), self._order.last_first)
        else:
            total = pieces.one_by_one(sums, self._order.last_first)
        return total.dtype.type(total / np.intp(self._rows)) if mean else total

    def _one_by_one(self, values: Sequence[Any], out: Sequence[Any] | None) -> tuple[Any, ...]:
        if self._plain is None:
            given = [isinstance(atom, Var) for atom in self.block.inputs]
            inputs = [atom for atom in self.block.inputs if isinstance(atom, Var)]
            self._plain = Program(inputs, self.block.equations, self.block.outputs), given
        program, are_given = self._plain
        results = run_plain(program, [value for value, is_given in zip(values, are_given, strict=True) if is_given])
        for number, array in enumerate(out or ()):
            if array is not None:
                np.copyto(array, results[number])
                results[number] = array
        return tuple(results)
