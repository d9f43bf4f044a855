"""``explain``: equation by equation, how large values and gradients are, and where a gradient ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from functrans import tree
from functrans.debug.watching import known
from functrans.errors import Location, describe_function, expect_function, user_location
from functrans.frames import boundary, hide
from functrans.function_types import P
from functrans.ir.spec import ArraySpec
from functrans.ops.duals import ONE
from functrans.primitives import Constant, Primitive
from functrans.tracing.trace import check_outputs
from functrans.tracing.tracer import Tracer
from functrans.transforms.arguments import Argnums, Selection, differentiable_leaves
from functrans.transforms.reverse import ReverseRecorder
from functrans.transforms.vjp import _has_derivative, named
from functrans.transforms.walk import give, pull, walk

#: A gradient that becomes less than so much of what it was has vanished, though it may not be zero.
_VANISHED = float(np.finfo(np.float64).eps)


class Row:
    """One operation of a function.

    Attributes:
        location: the user's line.
        primitive: the name of what is done there.
        value: the norm of the result.
        gradient: the norm of the gradient in the result; None where the function does not return one number.
        mark: what goes wrong here: "the gradient becomes zero", "the value becomes NaN", ...; mostly empty. A gradient
            "vanishes" where less than 2e-16 of it goes on.
    """

    __slots__ = ("gradient", "location", "mark", "primitive", "value")

    def __init__(self, location: Location | None, primitive: str, value: float) -> None:
        self.location, self.primitive, self.value = location, primitive, value
        self.gradient: float | None = None
        self.mark = ""

    def __repr__(self) -> str:
        return f"<{self.location} {self.primitive}: {self.value:.3g}, {self.gradient}, {self.mark!r}>"


class Report:
    """What :func:`explain` found: a table as text; its rows, in the order of execution, by iteration.

    Attributes:
        rows: a :class:`Row` for each operation.
        first: the row where it first goes wrong: for values the first in the order of execution, for gradients the
            first on the way back; None if nothing does.
        title: what was explained.
    """

    __slots__ = ("first", "rows", "title")

    def __init__(self, title: str, rows: Sequence[Row], first: Row | None) -> None:
        self.title, self.rows, self.first = title, tuple(rows), first

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        cells = [["", "line", "operation", "|value|", "|gradient|", ""]]
        for row in self.rows:
            gradient = "" if row.gradient is None else f"{row.gradient:.3g}"
            arrow = ">" if row is self.first else ""
            cells.append([arrow, str(row.location or ""), row.primitive, f"{row.value:.3g}", gradient, row.mark])
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]
        text = "\n".join([self.title, *lines])
        if self.first is not None and self.first.location is not None:
            text += f"\nfirst: {self.first.mark}\n{self.first.location.excerpt()}"
        return text

    __repr__ = __str__


class Explaining(ReverseRecorder):
    """Reverse mode that notes every operation."""

    __slots__ = ("by_age", "rows", "steps")

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__("debug.explain", function, located=True)
        self.rows: list[Row] = []
        self.by_age: dict[int, Row] = {}
        #: Rows in the order of the walk back.
        self.steps: list[Row] = []

    def process(self, primitive: Primitive, args: tuple[Any, ...], params: Mapping[str, Any]) -> Any:
        out = super().process(primitive, args, params)
        outs = out if primitive.multiple else (out,)
        if primitive.effect:
            return out
        row = Row(user_location(), primitive.name, norm(outs))
        given = [arg.value if type(arg) is Tracer and arg.recorder is self else arg for arg in args]
        bad = kind_of(outs)
        if bad and not kind_of(given):
            row.mark = f"the value becomes {bad}"
        elif type(primitive.derivative) is Constant and any(ArraySpec.of(o).dtype.kind in "fc" for o in outs):
            row.mark = f"no gradient: {primitive.derivative.reason}"
        self.rows.append(row)
        for o in outs:
            if type(o) is Tracer and o.recorder is self:
                node = o.mark[2] if primitive.multiple else o.mark
                self.by_age[node[0]] = row
        return out

    def passing(self, ct: Any, equation: Any, masked: bool, cotangents: dict[int, Any], heap: list[Any]) -> None:
        """Give the operands of an equation their cotangents, and note them."""
        age, primitive, parents, out, operands, targets, params = equation
        row = self.by_age[age]
        given = [part for part in (ct if primitive.multiple else [ct]) if part is not None]
        row.gradient = norm(given)
        found = pull(ct, primitive, parents, out, operands, targets, params, masked)
        if not kind_of(given) and row.gradient:
            contributions = [contribution for _, contribution in found]
            bad, rest = kind_of(contributions), norm(contributions)
            if not row.mark and (bad or rest < _VANISHED * row.gradient):
                row.mark = "the gradient vanishes" if rest and not bad else f"the gradient becomes {bad or 'zero'}"
                self.steps.append(row)
        for parent, contribution in found:
            give(parent, contribution, cotangents, heap)

    def first(self) -> Row | None:
        """Where it first goes wrong."""
        values = [row for row in self.rows if row.mark.startswith("the value")]
        return next(iter([*values, *self.steps]), None)


@boundary
def explain(f: Callable[P, Any], argnums: Argnums = None) -> Callable[P, Report]:
    """A function that gives a report in place of the value of ``f``: where values and gradients grow, vanish, or break.

    ``f`` is run once, with Python's control flow, and walked back through once, as by ``grad``; operations that do
    not depend on the arguments are not listed. A loop (:func:`functrans.scan`) is one operation.

    Args:
        f: function of arrays, or of trees of arrays. Gradients are listed if it returns one number.
        argnums: which positional arguments are followed; by default all that have a derivative.

    Returns:
        A function of the same arguments that gives a :class:`Report`: print it, or iterate over its rows.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> def f(x):
        ...     return np.round(x * 3.0) * 2.0
        >>> for row in ft.debug.explain(f)(0.5):
        ...     print(row.primitive, row.value, row.gradient, row.mark)
        multiply 1.5 0.0
        round 2.0 0.0 no gradient: it is constant between its jumps
    """
    expect_function(f, "debug.explain")

    def explained(*args: Any, **kwargs: Any) -> Report:
        try:
            nums = argnums if argnums is not None else [i for i, arg in enumerate(args) if _has_derivative(arg)]
            selection = Selection(f, args, kwargs, nums, None)
            leaves, structure = differentiable_leaves(selection.selected, selection.names, f)
            recorder = Explaining(f)
            inputs = [recorder.leaf(leaf) for leaf in leaves]
            out = recorder.run(selection.call, tree.unflatten(structure, inputs))
            outs, out_tree = tree.flatten(out)
            check_outputs(outs, out_tree, f, recorder)
            scalar = (
                out_tree.cls is None and ArraySpec.of(outs[0]).shape == () and ArraySpec.of(outs[0]).dtype.kind in "fb"
            )
            if scalar:
                for row in recorder.rows:
                    row.gradient = 0.0
                if type(outs[0]) is Tracer and outs[0].recorder is recorder:
                    one = ONE if outs[0].dtype == np.float64 else np.ones((), outs[0].dtype)[()]
                    with np.errstate(all="ignore"):
                        walk([(outs[0].mark, one)], recorder.passing)
            first = recorder.first()
            if first is None and scalar:
                # The last operation that has no gradient, where none goes further back.
                ends = [row for row in recorder.rows if row.mark]
                reached = any(row.gradient for row in recorder.rows[:1])
                first = ends[-1] if ends and not reached else None
            count = len(recorder.rows)
            title = f"{describe_function(f)}: {count} operation{'s' if count != 1 else ''}"
            if not scalar:
                title += "; it does not return one real number, so there is no gradient"
            return Report(title, recorder.rows, first)
        except Exception as error:
            hide(error)
            raise

    return named(explained, "explain", f)


def norm(values: Sequence[Any]) -> float:
    """The Euclidean norm of all numbers of some values, as far as they are known."""
    arrays = [np.asarray(array) for array in (known(value)[0] for value in values) if array is not None]
    with np.errstate(all="ignore"):
        return float(np.sqrt(sum(float(np.sum(np.abs(a.astype(np.complex128)) ** 2)) for a in arrays)))


def kind_of(values: Sequence[Any]) -> str:
    """``"NaN"`` or ``"infinite"``, if one of the values is."""
    arrays = [np.asarray(array) for array in (known(value)[0] for value in values) if array is not None]
    arrays = [array for array in arrays if array.dtype.kind in "fc"]
    if any(np.any(np.isnan(array)) for array in arrays):
        return "NaN"
    return "infinite" if any(np.any(np.isinf(array)) for array in arrays) else ""
