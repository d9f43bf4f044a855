"""A loop whose values are computed before its derivative: bodies of the two sweeps, and what passes between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans.control.closure import flat_program
from functrans.control.derived import Flags, Hoisted, chosen, hoisted, linearized, specs_of, split, spread_out
from functrans.interpreter import run
from functrans.ir import ArraySpec, Literal, Program
from functrans.ops.duals import zeros


class Parts:
    """The operands (or anything listed like them) of a loop's body, in their three groups."""

    __slots__ = ("carry", "consts", "xs")

    def __init__(self, values: Sequence[Any], consts: int, carries: int) -> None:
        self.consts = list(values[:consts])
        self.carry = list(values[consts : consts + carries])
        self.xs = list(values[consts + carries :])


class Sweeps:
    """The two bodies of a loop whose values are computed before its derivative.

    Attributes:
        counted: whether the steps are (those of a ``while``): the last that the body gives says whether the step
            counts, which in a batch it does not for the examples that are done; a step that does not changes nothing.
        hoisted: the forward body, cut after what does not depend on the step.
        body: its rest, which gives the carry, the ys, and the residuals that are stacked.
        residuals: for each residual of the linear body, where it comes from: ``("const", i)``, ``("before", i)``,
            ``("x", i)`` or ``("stacked", i)``; ``by_step`` says which differ from step to step.
        linear: the linear body: that of the walk back, or that of the tangents.
        carry: which parts of it move; consts, of_carry, xs: which get a cotangent in a step; of_outputs: which outputs
            of the body have one.
    """

    __slots__ = (
        "_made",
        "_program",
        "_sizes",
        "body",
        "by_step",
        "carry",
        "consts",
        "counted",
        "hoisted",
        "linear",
        "of_carry",
        "of_outputs",
        "residuals",
        "xs",
    )

    def __init__(
        self, program: Program, moving: Flags, consts: int, carries: int, forwards: bool, counted: bool
    ) -> None:
        flags = Parts(moving, consts, carries)
        carry: Flags = tuple(flags.carry)
        while True:
            now = (*flags.consts, *carry, *flags.xs)
            ys = [False] * (len(program.outputs) - carries)
            cut = split(program, now, (*carry, *ys)) if forwards else linearized(program, now)
            grown = tuple([a or b for a, b in zip(carry, cut.moving[:carries], strict=True)])
            if grown == carry:
                break
            carry = grown
        reached = Parts(cut.reached, consts, carries)
        self._program, self._sizes, self.counted = program, (consts, carries), counted
        self._made: dict[Any, Program] = {}
        self.carry, self.of_outputs = carry, cut.moving
        self.consts, self.of_carry, self.xs = tuple(reached.consts), tuple(reached.carry), tuple(reached.xs)
        self.linear = cut.linear
        self.hoisted: Hoisted = hoisted(cut.forward, consts)
        rest = self.hoisted.rest
        outputs = len(program.outputs)
        kept = iter(rest.outputs[outputs:])
        first = sum(self.hoisted.kept)
        place = {var: i for i, var in enumerate(rest.inputs[first : first + len(self.hoisted.before.outputs)])}
        self.residuals: list[tuple[str, int]] = []
        stacked: list[Any] = []
        for source in cut.sources:
            if source is None:
                atom = next(kept)
                if atom in place:
                    self.residuals.append(("before", place[atom]))
                    continue
            elif source < consts:
                self.residuals.append(("const", source))
                continue
            elif source >= consts + carries:
                self.residuals.append(("x", source - consts - carries))
                continue
            else:
                atom = rest.inputs[len(rest.inputs) - len(program.inputs) + source]
            self.residuals.append(("stacked", len(stacked)))
            stacked.append(atom)
        self.by_step: Flags = tuple([kind in ("stacked", "x") for kind, _ in self.residuals])
        counts = [Literal(np.True_)] if counted else []
        self.body = Program(rest.inputs, rest.equations, [*rest.outputs[:outputs], *stacked, *counts], name=rest.name)

    def before(self, consts: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """What does not depend on the step; and the constants of :attr:`body`."""
        found = run(self.hoisted.before, consts)
        return found, [*chosen(consts, self.hoisted.kept), *found]

    def read(self, consts: Any, before: Any, xs: Any, stacked: Any) -> tuple[list[Any], list[Any]]:
        """The residuals that are the same at each step, and those of the steps."""
        sources = {"const": consts, "before": before, "x": xs, "stacked": stacked}
        found = [sources[kind][i] for kind, i in self.residuals]
        return chosen(found, [not flag for flag in self.by_step]), chosen(found, self.by_step)

    def _residuals(self, held: Sequence[Any], steps: Sequence[Any]) -> list[Any]:
        """The inverse of :meth:`read`, in one step."""
        same, own = iter(held), iter(steps)
        return [next(own) if flag else next(same) for flag in self.by_step]

    def _specs(self) -> tuple[list[ArraySpec], list[ArraySpec]]:
        """Of the residuals that are the same at each step, and of one step's (with whether it counts)."""
        specs = specs_of(self.linear.inputs[: len(self.by_step)])
        counts = [ArraySpec((), bool)] if self.counted else []
        return chosen(specs, [not flag for flag in self.by_step]), [*chosen(specs, self.by_step), *counts]

    def back(self, of_ys: Flags) -> Program:
        """Residuals and cotangents of one step's results, to cotangents of what it was given; those of consts add up.

        ``of_ys`` says which ys have a cotangent.
        """
        if of_ys in self._made:
            return self._made[of_ys]
        specs, outs = Parts(specs_of(self._program.inputs), *self._sizes), specs_of(self._program.outputs)
        held, own = self._specs()
        sums = chosen(specs.consts, self.consts)
        moved, stacked = sum(self.carry), sum(self.by_step)

        def body(*leaves: Any) -> list[Any]:
            given = Parts(leaves, len(held), moved + len(sums))
            residuals = self._residuals(given.consts, given.xs[:stacked])
            ys = spread_out(given.xs[len(own) :], of_ys)
            ys = [zeros(spec) if ct is None else ct for ct, spec in zip(ys, outs[self._sizes[1] :], strict=True)]
            # A cotangent of a carried value that this step does not pass on ends here.
            of_carry = spread_out(given.carry[:moved], self.carry)
            found = iter(run(self.linear, [*residuals, *chosen([*of_carry, *ys], self.of_outputs)]))
            totals = [total + next(found) for total in given.carry[moved:]]
            carry = [
                next(found) if reached else zeros(spec)
                for reached, spec, moves in zip(self.of_carry, specs.carry, self.carry, strict=True)
                if moves
            ]
            return [*self._where(given, stacked, [*carry, *totals]), *found]

        given = [*held, *chosen(specs.carry, self.carry), *sums, *own, *chosen(outs[self._sizes[1] :], of_ys)]
        return self._made.setdefault(of_ys, flat_program(body, given, self.linear.name))

    def along(self, consts: int) -> Program:
        """Residuals and tangents of one step, in the order of a loop's body: ``consts`` tangents of constants."""
        key = ("along", consts)
        if key in self._made:
            return self._made[key]
        specs = specs_of(self.linear.inputs[len(self.by_step) :])
        of_tangents = Parts(specs, consts, sum(self.carry))
        held, own = self._specs()
        moved, stacked = sum(self.carry), sum(self.by_step)

        def body(*leaves: Any) -> list[Any]:
            given = Parts(leaves, len(held) + consts, moved)
            residuals = self._residuals(given.consts[: len(held)], given.xs[:stacked])
            tangents = [*given.consts[len(held) :], *given.carry, *given.xs[len(own) :]]
            outs = run(self.linear, [*residuals, *tangents])
            return [*self._where(given, stacked, outs[:moved]), *outs[moved:]]

        given = [*held, *of_tangents.consts, *of_tangents.carry, *own, *of_tangents.xs]
        return self._made.setdefault(key, flat_program(body, given, self.linear.name))

    def _where(self, given: Parts, stacked: int, new: list[Any]) -> list[Any]:
        """The next carry: the old one where the step does not count."""
        if not self.counted:
            return new
        return [np.where(given.xs[stacked], a, b) for a, b in zip(new, given.carry, strict=True)]


def sweeps_of(
    program: Program, moving: Flags, consts: int, carries: int, *, forwards: bool = False, counted: bool = False
) -> Sweeps:
    """The sweeps of a body, made once."""
    key = ("sweeps", moving, consts, carries, forwards, counted)
    known = program.derived.get(key)
    if known is None:
        known = program.derived.setdefault(key, Sweeps(program, moving, consts, carries, forwards, counted))
    return known  # type: ignore[no-any-return]
