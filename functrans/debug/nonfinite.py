"""``debug_nans`` and ``debug_infs``: the first NaN or infinity that arises in a transform is an error, at its line.

While they are on, transforms make recorders that look at every result, and walk back in a way that looks at every
cotangent. What runs as a whole (a loop, the program of a derivative) is looked at from outside; if there is something,
it is run again, equation by equation, to find where it arose.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from functrans.debug.primitives import DONE
from functrans.debug.watching import known, recorder_that_watches, silenced
from functrans.errors import NonFiniteError, at_location
from functrans.interpreter import run_plain
from functrans.ir import ArraySpec, Equation, Literal, Program
from functrans.primitive import Joint, Primitive
from functrans.tracing.bind import bind
from functrans.tracing.watch import WATCH
from functrans.transforms.walk import give, pull, walk

_NAMES = {"nan": "NaN", "inf": "an infinity"}
_DOMAIN = (
    "keep the operand where the function is defined, or mask it before: `np.where(x > 0, np.log(np.where(x > 0, x, "
    "1.0)), 0.0)`."
)
_DERIVATIVE = (
    "a value can be finite where its derivative is not (`np.sqrt` at 0): mask the operand before, `np.where(x > 0, "
    "np.sqrt(np.where(x > 0, x, 1.0)), 0.0)`."
)


class Watch:
    """Looks for these kinds of numbers: ``"nan"``, ``"inf"``.

    Attributes:
        kinds: which.
        notes: what is known of the place already: the step of the loop, the examples.
    """

    __slots__ = ("kinds", "notes")

    #: Whether recorders that look do so.
    looks = True

    def __init__(self, kinds: frozenset[str], notes: Sequence[str] = ()) -> None:
        self.kinds, self.notes = kinds, tuple(notes)

    # What transforms ask for.

    def recorder(self, cls: type) -> type:
        """A kind of recorder that looks at every result."""
        return recorder_that_watches(cls)  # type: ignore[no-any-return]

    def walk(self, seeds: list[Any]) -> dict[int, Any]:
        """The walk back, in which every cotangent is looked at."""
        leaves = silenced(walk, seeds, self.passing)
        for ct in leaves.values():
            if self.finds(ct):
                raise self.error("the sum of what the uses of an argument give to its gradient", ct, ())
        return leaves  # type: ignore[no-any-return]

    def run(self, program: Program, leaves: Sequence[Any]) -> list[Any]:
        """Run a program; if what it gives is bad, say which equation it comes from."""
        values: dict[Any, Any] = dict(zip(program.inputs, leaves, strict=True))
        with self.errstate():
            for e in program.equations:
                with at_location(e.location):
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
    ) -> None:
        """Look at the results of an operation, which ``again`` can do a second time."""
        for out in outs:
            if self.finds(out):
                if not any(map(self.finds, operands)):
                    self.replay(primitive, again, out, params)
                raise self.error(f"`{primitive.name}` of {specs(operands)}", out, operands, _DOMAIN)

    def check_tangent(
        self,
        primitive: Primitive,
        operands: Sequence[Any],
        tangents: Sequence[Any],
        again: Callable[[], Any],
        params: Mapping[str, Any],
    ) -> None:
        """Look at the tangents of the results of an operation."""
        for tangent in tangents:
            if self.finds(tangent):
                if not any(map(self.finds, operands)):
                    self.replay(primitive, again, tangent, params)
                what = f"the derivative of `{primitive.name}` of {specs(operands)}"
                raise self.error(what, tangent, operands, _DERIVATIVE)

    def passing(self, ct: Any, equation: Any, masked: bool, cotangents: dict[int, Any], heap: list[Any]) -> None:
        """Give the operands of an equation their cotangents, and look at these."""
        _, primitive, parents, out, operands, targets, params = equation
        for part in ct if primitive.multiple else [ct]:
            if part is not None and self.finds(part):
                what = f"the cotangent of what `{primitive.name}` gives, which is the sum over all of its uses,"
                raise self.error(
                    what,
                    part,
                    (),
                    "look for terms that cancel, or grow without bound; and at what you gave to the pullback.",
                )
        found = pull(ct, primitive, parents, out, operands, targets, params, masked)
        for parent, contribution in found:
            if self.finds(contribution):
                if type(primitive.derivative) is Joint:
                    moving = tuple([parent is not None for parent in parents])
                    cts = ct if primitive.multiple else [ct]
                    again = lambda: primitive.derivative.backward(operands, cts, moving, **params)  # noqa: E731
                    self.replay(primitive, again, contribution, params, backwards=True)
                given = targets[[id(p) for p in parents].index(id(parent))] if targets is not None else None
                of = f" of {given}" if given is not None else ""
                raise self.error(
                    f"on the way back, the derivative of `{primitive.name}`{of}", contribution, (), _DERIVATIVE
                )
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
        examples = self.examples(out)
        notes = [*self.notes, *([examples] if examples else [])]
        inside = Replay(self.kinds, notes, primitive, params, backwards)
        done, token = DONE.set(True), WATCH.set(inside)
        try:
            with self.errstate():
                again()
        finally:
            WATCH.reset(token)
            DONE.reset(done)

    def blame(self, program: Program, values: Mapping[Any, Any], atom: Any) -> None:
        """Raise what says from which equation a bad value of a program comes."""
        makers = {var: equation for equation in program.equations for var in equation.outputs}
        found: Equation | None = None
        while atom in makers:
            found = makers[atom]
            atom = next((a for a in found.inputs if self.finds(read(a, values))), None)
        if found is None:
            return  # it was given like that
        operands = [read(a, values) for a in found.inputs]
        outs = [values[var] for var in found.outputs]
        with at_location(found.location):
            self.check(
                found.primitive, operands, outs, lambda: bind(found.primitive, *operands, **found.params), found.params
            )

    # What it says.

    def error(self, what: str, value: Any, operands: Sequence[Any], fix: str = "") -> NonFiniteError:
        """The error to raise for a bad value."""
        array = np.asarray(known(value)[0])
        mask = np.asarray(self.bad(array))
        kind = _NAMES["nan" if np.any(np.isnan(array[mask])) else "inf"]
        count = f" in {int(mask.sum())} of {mask.size} entries" if mask.size > 1 else ""
        examples = self.examples(value)
        places = ", ".join([*self.notes, *([examples] if examples and examples not in self.notes else [])])
        already = [i for i, operand in enumerate(operands) if self.finds(operand)]
        if already:
            origin = f"; operand {already[0]} had it already, so it arose before, where no transform looks"
            fix = "look at the arguments, and at what plain NumPy code gave."
        else:
            origin = "; its operands are all finite" if operands and all(map(is_finite, operands)) else ""
            if operands and not origin and "nan" in self.kinds and "inf" not in self.kinds:
                origin, fix = "; an operand is infinite", "`functrans.debug_infs()` finds where the infinity arose."
        return NonFiniteError(f"{what} gave {kind}{count}{', ' if places else ''}{places}{origin}", fix)

    def examples(self, value: Any) -> str:
        """In which examples of a batch a value is bad."""
        array, batches = known(value)
        axes = len(batches)
        mask = np.asarray(self.bad(array))
        if not axes or set(batches) != {"vmap"} or mask.ndim < axes:
            return ""
        where = np.argwhere(np.any(mask, axis=tuple(range(axes, mask.ndim))))
        names = [str(tuple(map(int, row)) if axes > 1 else int(row[0])) for row in where[:5]]
        names += ["..."] if len(where) > 5 else []
        size = " x ".join(map(str, mask.shape[:axes]))
        return f"in example{'s' if len(where) > 1 else ''} {', '.join(names)} of {size}"


class Replay(Watch):
    """Looks at the programs that an operation holds, while it is done a second time."""

    __slots__ = ("backwards", "params", "primitive")

    looks = False

    def __init__(
        self,
        kinds: frozenset[str],
        notes: Sequence[str],
        primitive: Primitive,
        params: Mapping[str, Any],
        backwards: bool,
    ) -> None:
        super().__init__(kinds, notes)
        self.primitive, self.params, self.backwards = primitive, params, backwards

    def recorder(self, cls: type) -> type:
        return cls

    def walk(self, seeds: list[Any]) -> dict[int, Any]:
        return walk(seeds)

    def runner(self, program: Program) -> Callable[..., list[Any]]:
        count = itertools.count()

        def step(*leaves: Any) -> list[Any]:
            note = self.step(next(count))
            return Watch(self.kinds, [*self.notes, note] if note else self.notes).run(program, leaves)

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


@contextmanager
def _watching(kind: str) -> Iterator[None]:
    outer = WATCH.get()
    kinds = outer.kinds if isinstance(outer, Watch) else frozenset()
    token = WATCH.set(Watch(kinds | {kind}))
    try:
        yield
    finally:
        WATCH.reset(token)


def debug_nans() -> Any:
    """Context in which the first NaN that arises in a transform is an error, at the line of the user's that made it.

    The values of ``grad``, ``vjp``, ``jvp``, ``vmap`` and of programs that are evaluated are looked at, and the
    derivatives, forwards and backwards: there the line is that of the operation whose derivative is NaN. In a loop the
    step is named, under ``vmap`` the examples. What runs outside of all transforms, and plain NumPy code on values
    that are not traced, is not seen. A NaN that ``np.where`` hides is found too, but in a program (and the body of a
    loop is one) only if it reaches a result.

    Put it around the call: ``with functrans.debug_nans(): functrans.grad(f)(x)``. It holds for the thread (or task)
    that enters it. Without it nothing is looked at, and nothing is slower.

    Raises:
        NonFiniteError: (inside) there is a NaN.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> with ft.debug_nans():
        ...     ft.grad(lambda x: np.log(x))(-1.0)  # doctest: +IGNORE_EXCEPTION_DETAIL
        Traceback (most recent call last):
        functrans.errors.NonFiniteError: `log` of float gave NaN; its operands are all finite
    """
    return _watching("nan")


def debug_infs() -> Any:
    """As :func:`debug_nans`, of infinities. Both may be on at once.

    Raises:
        NonFiniteError: (inside) there is an infinity.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> with ft.debug_infs():
        ...     ft.grad(np.sqrt)(0.0)  # doctest: +IGNORE_EXCEPTION_DETAIL
        Traceback (most recent call last):
        functrans.errors.NonFiniteError: on the way back, the derivative of `sqrt` gave an infinity
    """
    return _watching("inf")
