"""Looking for NaN and infinities in what transforms compute, and finding where they arose.

Recorders look at every result, the walk back at every cotangent. What runs as a whole (a loop, the program of a
derivative) is looked at from outside; if there is something, it is run again, equation by equation, to find the place.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from functrans.debug.primitives import DONE
from functrans.debug.watching import known, recorder_that_watches, silenced
from functrans.errors import NonFiniteError, at_location
from functrans.interpreter import run_plain
from functrans.ir import ArraySpec, Equation, Literal, Program
from functrans.ir.quiet import errstate
from functrans.primitives import Joint, Primitive
from functrans.tracing.bind import bind
from functrans.tracing.watch import WATCH
from functrans.transforms.walk import give, pull, walk

_NAMES = {"nan": "NaN", "inf": "an infinity"}
_DOMAIN = (
    "keep the operand where the function is defined, or mask it before: `np.where(x > 0, np.log(np.where(x > 0, x, "
    "1.0)), 0.0)`."
)
_OVERFLOW = (
    "the numbers leave the range of floating point: subtract the largest before `np.exp`, add logarithms in place of "
    "multiplying, scale the data, or take smaller steps."
)
#: What gives an infinity of large numbers; of small ones a power may do so, too.
_EXPONENTIALS = ("exp", "exp2", "expm1", "sinh", "cosh")
_PRODUCTS = ("square", "pow", "power", "float_power", "multiply", "prod", "cumprod", "matmul")
_GROWING = frozenset([*_EXPONENTIALS, *_PRODUCTS, "add", "subtract", "sum", "cumsum"])
_DERIVATIVE = (
    "a value can be finite where its derivative is not (`np.sqrt` at 0): mask the operand before, `np.where(x > 0, "
    "np.sqrt(np.where(x > 0, x, 1.0)), 0.0)`."
)


class Watch:
    """Looks for these kinds of numbers: ``"nan"``, ``"inf"``.

    Attributes:
        kinds: which.
        notes: what is known of the place already: the steps of the loops that it is in.
        sizes: those of the batches that stand in front of what is computed there.
    """

    __slots__ = ("kinds", "notes", "sizes")

    #: Whether recorders that look do so.
    looks = True

    def __init__(self, kinds: frozenset[str], notes: Sequence[str] = (), sizes: Sequence[int] = ()) -> None:
        self.kinds, self.notes, self.sizes = kinds, tuple(notes), tuple(sizes)

    # What transforms ask for.

    def recorder(self, cls: type) -> type:
        """A kind of recorder that looks at every result."""
        return recorder_that_watches(cls)  # type: ignore[no-any-return]

    def walk(self, seeds: list[Any]) -> dict[int, Any]:
        """The walk back, in which every cotangent is looked at."""
        leaves = silenced(walk, seeds, self.passing)
        for ct in leaves.values():
            if self.finds(ct):
                raise self.error(
                    "the gradient in an argument, the sum over all of its uses, is", ct, "look for terms that cancel."
                )
        return leaves  # type: ignore[no-any-return]

    def run(self, program: Program, leaves: Sequence[Any]) -> list[Any]:
        """Run a program; if what it gives is bad, say which equation it comes from."""
        values: dict[Any, Any] = dict(zip(program.inputs, leaves, strict=True))
        with self.errstate():
            for e in program.equations:
                with at_location(e.location), errstate(e.errors):
                    out = silenced(bind, e.primitive, *[read(atom, values) for atom in e.inputs], **e.params)
                values.update(zip(e.outputs, out if e.primitive.multiple else (out,), strict=True))
        for atom in program.outputs:
            if self.finds(read(atom, values)):
                self.blame(program, values, atom)
        outs = [read(atom, values) for atom in program.outputs]
        # What evaluation gives is its caller's own: no constant of the program.
        return [
            out.copy(order="K") if isinstance(atom, Literal) and type(out) is np.ndarray else out
            for atom, out in zip(program.outputs, outs, strict=True)
        ]

    def runner(self, program: Program) -> Callable[..., list[Any]]:
        """A function that runs a program as a part of an operation, which is looked at as a whole."""
        return lambda *leaves: run_plain(program, leaves)

    # What it looks at.

    def finds(self, value: Any) -> bool:
        """Whether there is a bad number in a value, as far as that is known."""
        return bool(np.any(self.bad(known(value)[0])))

    def bad(self, array: Any) -> Any:
        """Which numbers of an array are bad."""
        if array is None or np.asarray(array).dtype.kind not in "fc":
            return False
        if self.kinds == {"nan"}:
            return np.isnan(array)
        return np.isinf(array) if self.kinds == {"inf"} else ~np.isfinite(array)

    def errstate(self) -> Any:
        """NumPy need not warn of what is going to be an error."""
        quiet = {"nan": {"invalid": "ignore"}, "inf": {"divide": "ignore", "over": "ignore"}}
        return np.errstate(**{k: v for kind in self.kinds for k, v in quiet[kind].items()})  # type: ignore[arg-type]

    def check(
        self,
        primitive: Primitive,
        operands: Sequence[Any],
        outs: Sequence[Any],
        again: Callable[[], Any],
        params: Mapping[str, Any],
        origin: str = "",
    ) -> None:
        """Look at the results of an operation, which ``again`` can do a second time.

        ``origin`` says where infinite operands come from.
        """
        for out in outs:
            if self.finds(out):
                if not any(map(self.finds, operands)):
                    self.replay(primitive, again, out, params)
                grows = primitive.name in _GROWING and np.max(np.abs(self.seen(operands[0])[0]), initial=0) > 1
                what = f"`{primitive.name}` of {specs(operands)} gave"
                raise self.error(what, out, _DOMAIN, operands, origin=origin, grows=grows)

    def check_tangent(
        self,
        primitive: Primitive,
        operands: Sequence[Any],
        incoming: Sequence[Any],
        tangents: Sequence[Any],
        again: Callable[[], Any],
        params: Mapping[str, Any],
    ) -> None:
        """Look at the tangents of the results of an operation."""
        for tangent in tangents:
            if self.finds(tangent):
                if not any(map(self.finds, incoming)):
                    self.replay(primitive, again, tangent, params)
                what = f"the derivative of `{primitive.name}` of {specs(operands)} gave"
                raise self.error(what, tangent, _DERIVATIVE, operands, incoming)

    def passing(self, ct: Any, equation: Any, masked: bool, cotangents: dict[int, Any], heap: list[Any]) -> None:
        """Give the operands of an equation their cotangents, and look at these."""
        _, primitive, parents, out, operands, targets, params = equation
        incoming = [part for part in (ct if primitive.multiple else [ct]) if part is not None]
        for part in incoming:
            if self.finds(part):
                what = f"the cotangent of what `{primitive.name}` gives, the sum over all of its uses, is"
                raise self.error(what, part, "look at what was given to the pullback; and for terms that cancel.")
        found = pull(ct, primitive, parents, out, operands, targets, params, masked)
        for parent, contribution in found:
            if self.finds(contribution):
                if type(primitive.derivative) is Joint:
                    moving = tuple([parent is not None for parent in parents])
                    cts = ct if primitive.multiple else [ct]
                    again = lambda: primitive.derivative.backward(operands, cts, moving, **params)  # noqa: E731
                    self.replay(primitive, again, contribution, params, backwards=True)
                what = f"on the way back, the derivative of `{primitive.name}` gave"
                raise self.error(what, contribution, _DERIVATIVE, incoming=incoming)
            give(parent, contribution, cotangents, heap)

    # Where it is inside of what runs as a whole.

    def replay(
        self,
        primitive: Primitive,
        again: Callable[[], Any],
        out: Any,
        params: Mapping[str, Any],
        backwards: bool = False,
    ) -> None:
        """Do an operation that holds programs a second time, looking at these."""
        if type(primitive.derivative) is not Joint:
            return
        inside = Replay(self, self.seen(out)[1], primitive, params, backwards)
        done, token = DONE.set(True), WATCH.set(inside)
        try:
            with self.errstate():
                again()
        finally:
            WATCH.reset(token)
            DONE.reset(done)

    def blame(self, program: Program, values: Mapping[Any, Any], atom: Any) -> None:
        """Raise what says from which equation a bad value of a program comes."""
        made = {var: equation for equation in program.equations for var in equation.outputs}
        found = source(made, values, atom, self.finds)
        if found is None:
            return  # it was given like that
        operands = [read(a, values) for a in found.inputs]
        before = next((a for a, x in zip(found.inputs, operands, strict=True) if not is_finite(x)), None)
        first = source(made, values, before, lambda x: not is_finite(x))
        origin = "" if first is None else f", which arose in `{first.primitive.name}` ({first.location})"
        with at_location(found.location):
            self.check(
                found.primitive,
                operands,
                [values[var] for var in found.outputs],
                lambda: bind(found.primitive, *operands, **found.params),
                found.params,
                origin,
            )

    # What it says.

    def error(
        self,
        what: str,
        value: Any,
        fix: str,
        operands: Sequence[Any] = (),
        incoming: Sequence[Any] = (),
        origin: str = "",
        grows: bool = False,
    ) -> NonFiniteError:
        """The error to raise for a bad value; ``incoming`` are the tangents, or the cotangent, that go in.

        ``grows`` says that an infinity of this operation is a number too large.
        """
        array, sizes = self.seen(value)
        mask = np.asarray(self.bad(array))
        kind = _NAMES["nan" if np.any(np.isnan(np.asarray(array)[mask])) else "inf"]
        if grows and kind == _NAMES["inf"]:
            fix = _OVERFLOW
        count = f" in {int(mask.sum())} of {mask.size} entries" if mask.size > 1 else ""
        places = [*examples(mask, sizes), *self.notes]
        already = [i for i, operand in enumerate(operands) if self.finds(operand)]
        infinite = [f"operand {i}" for i, operand in enumerate(operands) if not is_finite(operand)]
        infinite += ["the derivative that goes in"] * (not all(map(is_finite, incoming)))
        if already:
            cause = f"; operand {already[0]} had it already, and comes from outside"
            fix = "look at the arguments, and at what plain NumPy code gave."
        elif infinite:
            cause = f"; {infinite[0]} is infinite{origin}"
            fix = "`with functrans.debug_nans(), functrans.debug_infs():` stops where the infinity arises."
        else:
            cause = "; its operands are finite" if operands else ""
        return NonFiniteError(", ".join([f"{what} {kind}{count}", *places]) + cause, fix)

    def seen(self, value: Any) -> tuple[Any, tuple[int, ...]]:
        """What a value stands for, and the sizes of the batches in front of it."""
        array, batches = known(value)
        shape = np.shape(array)
        if batches:
            return array, shape[: len(batches)] if set(batches) == {"vmap"} else ()
        return array, self.sizes if shape[: len(self.sizes)] == self.sizes else ()


class Replay(Watch):
    """Looks at the programs that an operation holds, while it is done a second time."""

    __slots__ = ("backwards", "params", "primitive")

    looks = False

    def __init__(
        self,
        outer: Watch,
        sizes: Sequence[int],
        primitive: Primitive,
        params: Mapping[str, Any],
        backwards: bool,
    ) -> None:
        super().__init__(outer.kinds, outer.notes, sizes)
        self.primitive, self.params, self.backwards = primitive, params, backwards

    def recorder(self, cls: type) -> type:
        return cls

    def walk(self, seeds: list[Any]) -> dict[int, Any]:
        return walk(seeds)

    def runner(self, program: Program) -> Callable[..., list[Any]]:
        count = itertools.count()

        def step(*leaves: Any) -> list[Any]:
            note = self.step(next(count))
            return Watch(self.kinds, [*self.notes, note] if note else self.notes, self.sizes).run(program, leaves)

        return step

    def step(self, count: int) -> str:
        """The step of a loop, counted as its values are."""
        name = self.primitive.name
        if name == "scan":
            length = self.params.get("length")
            if bool(self.params.get("reverse")) != self.backwards and length is not None:
                count = length - 1 - count
            return f"in step {count} of `scan`"
        if name == "while_loop":
            ago = f"{count} step{'s' if count != 1 else ''} before the last" if count else "the last step"
            return f"in {ago} of `while_loop`" if self.backwards else f"in step {count} of `while_loop`"
        return ""


def source(
    made: Mapping[Any, Equation], values: Mapping[Any, Any], atom: Any, finds: Callable[[Any], bool]
) -> Equation | None:
    """The equation from which what is found in a value comes, by way of operands in which it is found too."""
    found = None
    while atom in made:
        found = made[atom]
        atom = next((a for a in found.inputs if finds(read(a, values))), None)
    return found


def examples(mask: Any, sizes: Sequence[int]) -> list[str]:
    """In which examples of a batch there is something."""
    if not sizes:
        return []
    where = np.argwhere(np.any(mask, axis=tuple(range(len(sizes), mask.ndim))))
    names = [str(tuple(map(int, row)) if len(sizes) > 1 else int(row[0])) for row in where[:5]]
    names += ["..."] if len(where) > 5 else []
    return [f"in example{'s' if len(where) > 1 else ''} {', '.join(names)} of {' x '.join(map(str, sizes))}"]


def read(atom: Any, values: Mapping[Any, Any]) -> Any:
    """The value of an operand."""
    return atom.value if isinstance(atom, Literal) else values[atom]


def specs(operands: Sequence[Any]) -> str:
    """The operands, as errors show them."""
    return ", ".join([repr(ArraySpec.of(operand)) for operand in operands])


def is_finite(value: Any) -> bool:
    """Whether all numbers of a value are finite, as far as they are known."""
    array = known(value)[0]
    return array is None or np.asarray(array).dtype.kind not in "fc" or bool(np.all(np.isfinite(array)))
