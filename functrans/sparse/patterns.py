"""Which outputs of a program can depend on which inputs, and which pairs of inputs interact: a walk over its equations.

A pattern is global: no values of the inputs give a derivative outside of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans.control.derived import pushed
from functrans.control.sweeps import Parts
from functrans.errors import Location, ProgramError
from functrans.ir import Equation, Literal, Program, Var
from functrans.primitives import Joint
from functrans.sparse.dependence import Matrix, block, chosen_rows, interactions, stacked, united, whole, zeros
from functrans.sparse.rules import Carried, carried, dense, is_linear_now, moves, unsized
from functrans.tracing.trace import live_equations
from functrans.tracing.tracer import Tracer

#: A loop of so many equations, over all of its steps, is walked step by step.
_UNROLLED = 3000


class Pattern:
    """Where a matrix of derivatives can have non-zeros.

    Attributes:
        matrix: a ``scipy.sparse.csr_array`` of booleans.
        dense: the primitives that were taken to mix all that they are given, with the user's line; for these, the
            pattern may be larger than it need be.
    """

    __slots__ = ("dense", "matrix")

    def __init__(self, matrix: Matrix, dense: dict[str, Location | None]) -> None:
        self.matrix, self.dense = matrix, dense

    def __repr__(self) -> str:
        m, n = self.matrix.shape
        return f"<Pattern of {m} x {n}, {self.matrix.nnz} of them non-zero>"


def jacobian_pattern(program: Program, moving: Sequence[bool]) -> Pattern:
    """Which entries of the inexact outputs can depend on which of the inputs that move.

    Args:
        program: any program.
        moving: for each of its inputs, whether it moves.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> program = ft.trace(lambda x: x[1:] * x[:-1])(np.ones(4))
        >>> jacobian_pattern(program, [True]).matrix.toarray().astype(int)
        array([[1, 1, 0, 0],
               [0, 1, 1, 0],
               [0, 0, 1, 1]])
    """
    outs, walk = _walked(program, moving, second=False)
    chosen = [(m, atom.spec.size) for m, atom in zip(outs, program.outputs, strict=True) if moves(atom.spec)]
    found = stacked([m for m, _ in chosen], [n for _, n in chosen], walk.columns)
    return Pattern(_tidy(zeros(sum(n for _, n in chosen), walk.columns) if found is None else found), walk.dense)


def hessian_pattern(program: Program, moving: Sequence[bool]) -> Pattern:
    """Which pairs of entries of the inputs that move can have a second derivative; of a program with one number out.

    Raises:
        ProgramError: it has another result.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> program = ft.trace(lambda x: np.sum(x[1:] * x[:-1]) + x[0] ** 2)(np.ones(4))
        >>> hessian_pattern(program, [True]).matrix.toarray().astype(int)
        array([[1, 1, 0, 0],
               [1, 0, 1, 0],
               [0, 1, 0, 1],
               [0, 0, 1, 0]])
    """
    sizes = [atom.spec.size for atom in program.outputs]
    if sizes != [1]:
        raise ProgramError(f"a Hessian is that of one number, but {program.name} gives {sizes} entries")
    _, walk = _walked(program, moving, second=True)
    total = zeros(walk.columns, walk.columns)
    squares = [a for a, b in walk.pairs if a is b]
    if squares:
        tall = stacked(squares, [a.shape[0] for a in squares], walk.columns)
        tall.sum_duplicates()
        total = total + interactions(tall, tall)
    others = [(a, b) for a, b in walk.pairs if a is not b]
    if others:
        left = stacked([a for a, _ in others], [a.shape[0] for a, _ in others], walk.columns)
        right = stacked([b for _, b in others], [b.shape[0] for _, b in others], walk.columns)
        left.sum_duplicates()
        right.sum_duplicates()
        product = interactions(left, right)
        total = total + product + product.T.tocsr()
    return Pattern(_tidy(total), walk.dense)


def _tidy(m: Matrix) -> Matrix:
    m = m.tocsr().astype(np.bool_)
    m.sum_duplicates()
    m.sort_indices()
    return m


def _walked(program: Program, moving: Sequence[bool], second: bool) -> tuple[list[Matrix], Walk]:
    counts = [var.spec.size if moved else 0 for var, moved in zip(program.inputs, moving, strict=True)]
    walk = Walk(sum(counts), second)
    starts = np.cumsum([0, *counts])
    inputs = [
        block(int(start), count, walk.columns) if moved and moves(var.spec) else None
        for var, moved, start, count in zip(program.inputs, moving, starts, counts, strict=False)
    ]
    return walk.run(program, inputs, [None] * len(inputs))[0], walk


class Walk:
    """One walk over a program, and over those that its equations hold.

    Attributes:
        columns: the number of entries of the inputs that move.
        dense: where a rule had no more than a bound to give.
        pairs: matrices ``(a, b)``: what a row of ``a`` depends on interacts with what the same row of ``b`` does.
    """

    __slots__ = ("_second", "_within", "columns", "dense", "pairs")

    def __init__(self, columns: int, second: bool, within: tuple[str, ...] = ()) -> None:
        self.columns, self._second, self._within = columns, second, within
        self.dense: dict[str, Location | None] = {}
        self.pairs: list[tuple[Matrix, Matrix]] = []

    def run(self, program: Program, inputs: Sequence[Matrix], values: Sequence[Any]) -> tuple[list[Matrix], list[Any]]:
        """What the outputs depend on, and the values of those that are the same for all inputs."""
        found: dict[Any, Matrix] = dict(zip(program.inputs, inputs, strict=True))
        known: dict[Any, Any] = dict(zip(program.inputs, values, strict=True))

        def value(atom: Any) -> Any:
            if isinstance(atom, Literal):
                return None if type(atom.value) is Tracer else atom.value
            return known.get(atom)

        for equation in live_equations(program.equations, program.outputs):
            operands = [found.get(atom) if isinstance(atom, Var) else None for atom in equation.inputs]
            given = [value(atom) for atom in equation.inputs]
            outs, constants = self._equation(equation, operands, given)
            found.update(zip(equation.outputs, outs, strict=True))
            known.update(zip(equation.outputs, constants, strict=True))
        results = [found.get(atom) if isinstance(atom, Var) else None for atom in program.outputs]
        return results, [value(atom) for atom in program.outputs]

    def _equation(
        self, equation: Equation, operands: list[Matrix], given: list[Any]
    ) -> tuple[Sequence[Matrix], Sequence[Any]]:
        name, params = equation.primitive.name, equation.params
        nothing = [None] * len(equation.outputs)
        if any(unsized(atom.spec) for atom in (*equation.inputs, *equation.outputs)):
            return (nothing if all(m is None for m in operands) else self._bound(equation, operands)), nothing
        if name in ("jit", "checkpoint"):
            return self.run(params["program"], operands, given)
        if name == "switch":
            return self._switch(equation, operands, given)
        if name == "scan" and params["length"] is not None:
            return self._scan(equation, operands, given)
        if all(m is None for m in operands):
            return nothing, self._folded(equation, given)
        if name == "while_loop":
            return self._while(equation, operands), nothing
        result = None
        if not isinstance(equation.primitive.derivative, Joint):
            result = carried(equation, operands, given)
        if result is None and (name == "custom" or not isinstance(equation.primitive.derivative, Joint)):
            result = self._by_tangents(equation, operands, given)
        if result is None:
            return self._bound(equation, operands), nothing
        self._note(equation, result)
        return result.outs, nothing

    def _note(self, equation: Equation, result: Carried) -> None:
        if result.dense:
            self.dense.setdefault(equation.primitive.name, equation.location)
        if self._second:
            self.pairs += [(a, b) for a, b in result.pairs if a is not None and b is not None]

    def _bound(self, equation: Equation, operands: Sequence[Matrix]) -> list[Matrix]:
        result = dense(equation, operands)
        self._note(equation, result)
        return result.outs

    def _folded(self, equation: Equation, given: Sequence[Any]) -> Sequence[Any]:
        """The values of the outputs, if they are known."""
        primitive = equation.primitive
        nothing = [None] * len(equation.outputs)
        if primitive.effect or any(value is None for value in given) or isinstance(primitive.derivative, Joint):
            return nothing
        try:
            with np.errstate(all="ignore"):
                outs = primitive.impl(*given, **equation.params)
        except Exception:  # the program itself will say so
            return nothing
        return outs if primitive.multiple else (outs,)

    def _by_tangents(self, equation: Equation, operands: Sequence[Matrix], given: Sequence[Any]) -> Carried | None:
        """What the rule of a primitive for tangents does with them, as a program; None: it cannot be written down."""
        name = equation.primitive.name
        if name in self._within or any(type(getattr(a, "value", None)) is Tracer for a in equation.inputs):
            return None
        inputs = [Var(atom.spec) for atom in equation.inputs]
        single = Program(
            inputs,
            [Equation(equation.primitive, inputs, [Var(v.spec) for v in equation.outputs], equation.params)],
            (),
        )
        single = Program(inputs, single.equations, single.equations[0].outputs)
        moving = tuple([m is not None for m in operands])
        try:
            derivative = pushed(single, moving)
        except Exception:  # a rule that asks for values, or has none for this operand
            return None
        walk = Walk(self.columns, False, (*self._within, name))
        tangents = [m for m in operands if m is not None]
        outs, _ = walk.run(derivative.program, [*[None] * len(inputs), *tangents], [*given, *[None] * len(tangents)])
        rest = iter(outs[len(equation.outputs) :])
        found = [next(rest) if moved else None for moved in derivative.moving]
        pairs = [(m, m) for m in found if m is not None]
        if name == "custom":  # what its author's rule reads, nobody knows
            row = united(*[whole(m) for m in tangents])
            pairs = [(row, row)]
        if is_linear_now(equation.primitive, operands):
            pairs = []
        return Carried(found, pairs, bool(walk.dense))

    # Programs that equations hold.

    def _switch(
        self, equation: Equation, operands: Sequence[Matrix], given: Sequence[Any]
    ) -> tuple[Sequence[Matrix], Sequence[Any]]:
        branches = equation.params["branches"]
        if given[0] is not None:
            number = min(max(int(given[0]), 0), len(branches) - 1)
            return self.run(branches[number], operands[1:], given[1:])
        apart = [self.run(branch, operands[1:], given[1:])[0] for branch in branches]
        return [united(*ms) for ms in zip(*apart, strict=True)], [None] * len(equation.outputs)

    def _scan(
        self, equation: Equation, operands: Sequence[Matrix], given: Sequence[Any]
    ) -> tuple[Sequence[Matrix], Sequence[Any]]:
        params = equation.params
        body, length, carries = params["program"], params["length"], params["carries"]
        parts, values = (Parts(v, params["consts"], carries) for v in (operands, given))
        nothing = [None] * len(equation.outputs)
        if all(m is None for m in operands):
            return nothing, nothing
        specs = [atom.spec for atom in equation.inputs[params["consts"] + carries :]]
        sizes = [spec.size // max(length, 1) for spec in specs]
        ys: list[Any]
        if length * max(len(body.equations), 1) <= _UNROLLED:
            carry, known = parts.carry, values.carry
            steps: list[Any] = [None] * length
            for i in range(length - 1, -1, -1) if params["reverse"] else range(length):
                xs = [
                    None if m is None else chosen_rows(m, np.arange(i * n, (i + 1) * n))
                    for m, n in zip(parts.xs, sizes, strict=True)
                ]
                of_xs = [None if x is None else x[i] for x in values.xs]
                outs, made = self.run(body, [*parts.consts, *carry, *xs], [*values.consts, *known, *of_xs])
                carry, known, steps[i] = outs[:carries], made[:carries], outs[carries:]
            ys = [
                stacked([step[k] for step in steps], [atom.spec.size] * length, self.columns)
                for k, atom in enumerate(body.outputs[carries:])
            ]
            return [*carry, *ys], nothing
        self.dense.setdefault("scan", equation.location)
        xs = []
        for m, n in zip(parts.xs, sizes, strict=True):
            rows = np.arange(length * n).reshape(length, n)
            xs.append(None if m is None else united(*_folded_rows(m, rows)))
        unknown = [None] * (len(parts.carry) + len(xs))
        carry, outs = self._settled(body, parts.consts, parts.carry, xs, [*values.consts, *unknown])
        ys = [None if m is None else chosen_rows(m, np.tile(np.arange(m.shape[0]), length)) for m in outs[carries:]]
        return [*carry, *ys], nothing

    def _while(self, equation: Equation, operands: Sequence[Matrix]) -> Sequence[Matrix]:
        params = equation.params
        body, tests, bodies = params["body"], params["tests"], params["bodies"]
        consts, carry = list(operands[tests : tests + bodies]), list(operands[tests + bodies :])
        if len(body.outputs) > len(carry):  # which stacks something, of unknown length
            return self._bound(equation, operands)
        self.dense.setdefault("while_loop", equation.location)
        return self._settled(body, consts, carry, [], [None] * len(body.inputs))[0]

    def _settled(
        self, body: Program, consts: Sequence[Matrix], carry: Sequence[Matrix], xs: Sequence[Matrix], given: list[Any]
    ) -> tuple[list[Matrix], list[Matrix]]:
        """What the carry depends on after any number of steps, and the outputs of the body in one."""
        state = list(carry)
        while True:
            before = len(self.pairs)
            outs, _ = self.run(body, [*consts, *state, *xs], given)
            now = [united(old, new) for old, new in zip(state, outs, strict=False)]
            if [_count(m) for m in now] == [_count(m) for m in state]:
                return state, outs
            del self.pairs[before:]
            state = now


def _folded_rows(m: Matrix, rows: Any) -> list[Matrix]:
    return [chosen_rows(m, row) for row in rows]


def _count(m: Matrix) -> int:
    if m is None:
        return 0
    m.sum_duplicates()
    return int(m.nnz)
