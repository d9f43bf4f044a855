"""How one equation carries dependence: from its operands' matrices to those of its outputs, and which pairs interact.

What is asked first is the family that a primitive belongs to, so that a new one has a rule by being declared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from functrans.ir import ArraySpec, Equation
from functrans.ir.spec import Length
from functrans.primitives import Bilinear, Constant, Derivatives, Linear, Primitive, used_parameters
from functrans.sparse.axes import broadcast, is_elementwise, labels_of
from functrans.sparse.contractions import contraction_of
from functrans.sparse.dependence import Matrix, repeated, spread, united, whole
from functrans.sparse.linear import differences, is_linear_in, linear_in, running

Pairs: TypeAlias = "list[tuple[Matrix, Matrix]]"

#: Linear in each piece: their second derivatives are zero wherever they exist.
_PIECEWISE_LINEAR = frozenset(
    [
        "absolute",
        "fabs",
        "maximum",
        "minimum",
        "fmax",
        "fmin",
        "clip",
        "clip_low",
        "clip_high",
        "copysign",
        "remainder",
        "fmod",
        "max",
        "min",
        "nanmax",
        "nanmin",
        "nansum",
        "nanmean",
        "nanmedian",
        "median",
        "sort",
        "partition",
        "maximum.accumulate",
        "minimum.accumulate",
        "fmax.accumulate",
        "fmin.accumulate",
        "modf",
        "entries_of_rank",
    ]
)
#: Linear in the first operand, if no other moves.
_LINEAR_IN_THE_FIRST = frozenset(["gradient", "quantile", "percentile", "nanquantile", "nanpercentile"])
#: Each entry reads those before it.
_RUNNING = frozenset(["cumprod", "maximum.accumulate", "minimum.accumulate", "fmax.accumulate", "fmin.accumulate"])


class Carried(NamedTuple):
    """What the outputs of an equation depend on; the pairs that interact in it; whether that is but a bound."""

    outs: list[Matrix]
    pairs: Pairs
    dense: bool = False


def moves(spec: ArraySpec) -> bool:
    """Whether a value can have a derivative."""
    return spec.dtype.kind in "fc"


def unsized(spec: ArraySpec) -> bool:
    """Whether it is not known how many entries a value has; its matrix then has one row, for all of them."""
    return any(isinstance(n, Length) for n in spec.shape)


def carried(equation: Equation, operands: Sequence[Matrix], known: Sequence[Any]) -> Carried | None:
    """What an equation carries; None: its family says nothing of it.

    Args:
        equation: one that holds no programs.
        operands: for each operand, what it depends on.
        known: for each operand its value, if that is the same for all inputs, else None.
    """
    primitive, derivative = equation.primitive, equation.primitive.derivative
    outs = [var.spec for var in equation.outputs]
    if isinstance(derivative, Constant) or all(m is None for m in operands) or not any(map(moves, outs)):
        return Carried([None] * len(outs), [])
    found: Carried | None
    contraction = contraction_of(equation)
    if contraction is not None:
        found = Carried([contraction.carried(operands, known)], contraction.pairs(operands))
    elif isinstance(derivative, Linear):
        found = _linear(equation, operands, known)
    elif is_elementwise(primitive):
        found = _elementwise(equation, operands)
    elif isinstance(derivative, Bilinear) and sum(m is not None for m in operands) == 1:
        found = _linear(equation, operands, known)
    elif primitive.name == "gradient" and operands[1:] == [None] * len(operands[1:]):
        found = Carried([differences(equation, operands[0])], [])
    else:
        found = _by_axes(equation, operands)
    if found is None:
        return None
    if is_linear_now(primitive, operands):
        found = found._replace(pairs=[])
    return found._replace(outs=[m if moves(spec) else None for m, spec in zip(found.outs, outs, strict=True)])


def is_linear_now(primitive: Primitive, operands: Sequence[Matrix]) -> bool:
    """Whether an operation is linear, at least in pieces, in those operands that depend on something."""
    name, derivative = primitive.name, primitive.derivative
    if isinstance(derivative, Bilinear) and sum(m is not None for m in operands) == 1:
        return True
    return (
        isinstance(derivative, Linear)
        or name in _PIECEWISE_LINEAR
        or (name in _LINEAR_IN_THE_FIRST and all(m is None for m in operands[1:]))
    )


def dense(equation: Equation, operands: Sequence[Matrix]) -> Carried:
    """Every output on every operand."""
    row = united(*[whole(m) for m in operands if m is not None])
    counts = [1 if unsized(var.spec) else var.spec.size for var in equation.outputs]
    outs = [
        repeated(row, count) if moves(var.spec) else None for var, count in zip(equation.outputs, counts, strict=True)
    ]
    return Carried(outs, [] if is_linear_now(equation.primitive, operands) else [(row, row)], True)


# Entry by entry.


def _elementwise(equation: Equation, operands: Sequence[Matrix]) -> Carried:
    derivative = equation.primitive.derivative
    out = equation.outputs[0].spec.shape
    local = list(derivative.locals) if isinstance(derivative, Derivatives) else [_unknown] * len(operands)
    specs = [atom.spec for atom in equation.inputs]
    wide = {
        i: broadcast(m, specs[i], out)
        for i, m in enumerate(operands)
        if m is not None and not (isinstance(local[i], float) and local[i] == 0)
    }
    total = united(*wide.values())
    pairs: Pairs = []
    count = len(operands)
    for i, x in wide.items():
        for j, y in wide.items():
            if j <= i and _reads(local[i], j, count) and _reads(local[j], i, count):
                pairs.append((operands[i], operands[i]) if i == j else (x, y))
    return Carried([total] * len(equation.outputs), pairs)


def _unknown(*_: Any) -> None:
    """A local derivative that may read anything."""


def _reads(local: Any, operand: int, count: int) -> bool:
    """Whether a local derivative reads an operand, itself or in the output."""
    if not callable(local):
        return False
    if local is _unknown:
        return True
    used = used_parameters(local, count + 1)
    return 0 in used or operand + 1 in used


def _linear(equation: Equation, operands: Sequence[Matrix], known: Sequence[Any]) -> Carried | None:
    outs: list[Matrix] = [None] * len(equation.outputs)
    rough = False
    for i, m in enumerate(operands):
        if m is not None and is_linear_in(equation.primitive, i):
            found = linear_in(equation, i, m, known)
            if found is None:
                row = whole(m)
                found, rough = [repeated(row, var.spec.size) for var in equation.outputs], True
            outs = [united(a, b) for a, b in zip(outs, found, strict=True)]
    return Carried(outs, [], rough)


def _by_axes(equation: Equation, operands: Sequence[Matrix]) -> Carried | None:
    """Dense along the axes that an operation works on, example by example along the others."""
    found = labels_of(equation)
    if found is None:
        return None
    labels, out_labels = found
    shapes = [atom.spec.shape for atom in equation.inputs]
    outs = []
    for var, own in zip(equation.outputs, out_labels, strict=True):
        parts = [spread(m, shapes[i], labels[i], var.spec.shape, own) for i, m in enumerate(operands) if m is not None]
        outs.append(united(*parts))
    if equation.primitive.name in _RUNNING and len(operands) == 1:
        before = running(equation, operands[0])
        outs = outs if before is None else [before]
        full = before is None
    else:
        full = any(
            label is None and n > 1
            for var, own in zip(equation.outputs, out_labels, strict=True)
            for label, n in zip(own, var.spec.shape, strict=True)
        )
    kept = [k for k, label in enumerate(out_labels[0]) if label is not None]
    shape = tuple([equation.outputs[0].spec.shape[k] for k in kept])
    names = tuple([out_labels[0][k] for k in kept])
    group = united(*[spread(m, shapes[i], labels[i], shape, names) for i, m in enumerate(operands) if m is not None])
    return Carried(outs, [(group, group)], full)
