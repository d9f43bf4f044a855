"""Linear maps: what they depend on is found by doing them, to numbered entries or to all unit vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans.ir import ArraySpec, Equation
from functrans.ops import batching
from functrans.primitives import Linear, Primitive
from functrans.sparse.axes import broadcast, is_elementwise, is_reduction, labels_of
from functrans.sparse.contractions import convolution_of
from functrans.sparse.dependence import Matrix, chosen_rows, matrix, size, spread, united

#: Linear maps of so many entries in and out are looked at through all unit vectors.
_UNITS, _ENTRIES = 2048, 1_000_000

#: Running operations of so many pairs of entries are written down.
_MOST = 20_000_000


def is_linear_in(primitive: Primitive, i: int) -> bool:
    """Whether a (bi)linear map is linear in this operand."""
    return not isinstance(primitive.derivative, Linear) or primitive.derivative.is_linear_in(i)


def linear_in(equation: Equation, i: int, m: Matrix, known: Sequence[Any]) -> list[Matrix] | None:
    """What the outputs get from one operand; None: anything, for all that is known."""
    primitive, spec = equation.primitive, equation.inputs[i].spec
    if is_elementwise(primitive) and not any(known[j] is not None for j in range(len(known)) if j != i):
        return [broadcast(m, spec, equation.outputs[0].spec.shape)]
    band = convolution_of(equation, i, m, known[1 - i]) if len(known) == 2 else None
    if band is not None:
        return [band]
    values = _standing_in(equation, i, known)
    if values is not None:
        rows = _moved(equation, i, values)
        if rows is not None:
            return [chosen_rows(m, row) for row in rows]
    if is_elementwise(primitive):
        return [broadcast(m, spec, equation.outputs[0].spec.shape)]
    labels = labels_of(equation)
    if values is not None and not is_reduction(primitive) and "fft" not in primitive.name:
        units = _units(equation, i, values)
        if units is not None:
            return [unit @ m for unit in units]
    if labels is not None:
        return [
            spread(m, spec.shape, labels[0][i], var.spec.shape, out)
            for var, out in zip(equation.outputs, labels[1], strict=True)
        ]
    if primitive.name in ("index_add", "index_set") and i == 0:
        return [m]
    if primitive.name == "getitem" and values is None:
        return _picked(equation, m, known)
    return None


def _standing_in(equation: Equation, i: int, known: Sequence[Any]) -> list[Any] | None:
    """Values of the other operands, with which a linear map of operand ``i`` is looked at; None: not all are known."""
    values = list(known)
    for j, atom in enumerate(equation.inputs):
        if j != i and isinstance(equation.primitive.derivative, Linear) and is_linear_in(equation.primitive, j):
            values[j] = np.zeros(atom.spec.shape, atom.spec.dtype)[()]
        elif j != i and known[j] is None:
            return None
    return values


def _moved(equation: Equation, i: int, values: Sequence[Any]) -> list[Any] | None:
    """For each output the entries of the operand that its entries are, -1: none; None: it does not only move entries.

    The operation is done to numbers that are random, and large, so that no sum of some is another.
    """
    spec = equation.inputs[i].spec
    n = spec.size
    if not 0 < n <= 2**40:
        return None
    unit = 1 + 1j if spec.dtype.kind == "c" else 1
    found: list[Any] | None = None
    for seed in (0, 1):
        rng = np.random.default_rng(seed)
        between = 2**51 // n
        numbers = (rng.permutation(n) * between + rng.integers(between // 2, between, n)).astype(np.float64)
        try:
            with np.errstate(all="ignore"):
                given = [*values[:i], (numbers * unit).reshape(spec.shape)[()], *values[i + 1 :]]
                outs = equation.primitive.impl(*given, **equation.params)
        except Exception:  # it takes no numbers but those that are its own
            return None
        order = np.argsort(numbers)
        ranked = numbers[order]
        rows: list[Any] = []
        for out, var in zip(outs if equation.primitive.multiple else (outs,), equation.outputs, strict=True):
            flat = np.ravel(out)
            if flat.size != var.spec.size:
                return None
            real = flat.real if flat.dtype.kind == "c" else flat
            place = np.minimum(np.searchsorted(ranked, real), n - 1)
            there = real != 0
            if not np.all(((ranked[place] == real) & (flat == real * unit)) | (~there & (flat == 0))):
                return None
            rows.append(np.where(there, order[place], -1))
        if found is not None and not all(np.array_equal(a, b) for a, b in zip(found, rows, strict=True)):
            return None
        found = rows
    return found


def _units(equation: Equation, i: int, values: Sequence[Any]) -> list[Matrix] | None:
    """The matrices of a linear map in one operand, found by doing it to all unit vectors; None: they are too many."""
    primitive, spec = equation.primitive, equation.inputs[i].spec
    n, most = spec.size, max(var.spec.size for var in equation.outputs)
    if not 0 < n <= _UNITS or n * most > _ENTRIES:
        return None
    rule = batching.rule_of(primitive)
    units = np.eye(n, dtype=spec.dtype)
    if spec.dtype.kind == "c":
        units = units * units.dtype.type(0.6 + 0.8j)  # neither its real nor its imaginary part is lost
    given = [units.reshape(n, *spec.shape) if j == i else value for j, value in enumerate(values)]
    flags = [j == i for j in range(len(values))]
    if rule is None:
        return None
    try:
        with np.errstate(all="ignore"):
            outs = rule(primitive, given, flags, n, equation.params)
    except Exception:  # a rule that does not serve here: a bound is found otherwise
        return None
    found = []
    for out, var in zip(outs if primitive.multiple else (outs,), equation.outputs, strict=True):
        columns, rows = np.nonzero(np.broadcast_to(np.reshape(out, (n, -1)), (n, var.spec.size)))
        found.append(matrix(rows, columns, (var.spec.size, n)))
    return found


def _picked(equation: Equation, m: Matrix, known: Sequence[Any]) -> list[Matrix] | None:
    """What ``x[index]`` may pick, where arrays in the index are not known: anything along their axes."""
    template, shape = equation.params["template"], equation.inputs[0].spec.shape
    arrays = [atom.spec for atom in equation.inputs[1:]]
    rest = iter(range(len(arrays)))
    which = [next(rest) if _holds_array(part) else None for part in template]
    widths = [_width(part, None if k is None else arrays[k]) for part, k in zip(template, which, strict=True)]
    axis, along = 0, []
    for part, k, width in zip(template, which, widths, strict=True):
        if k is not None and known[1 + k] is None:
            along.append(axis)
        axis += len(shape) - sum(widths) if part is Ellipsis else width
    labels = tuple([None if axis in along else axis for axis in range(len(shape))])
    everywhere = spread(m, shape, labels, shape, labels)
    values = [np.zeros(shape)]
    for value, spec in zip(known[1:], arrays, strict=True):
        values.append(np.zeros(spec.shape, np.intp) if value is None else value)
    rows = _moved(equation, 0, values)
    return None if rows is None else [chosen_rows(everywhere, row) for row in rows]


def _holds_array(part: Any) -> bool:
    return type(part) is str or (type(part) is tuple and len(part) == 2)


def _width(part: Any, array: ArraySpec | None) -> int:
    """How many axes a part of an index takes; an ellipsis, those that are left."""
    if part is None or part is Ellipsis:
        return 0
    return array.ndim if type(part) is tuple and array is not None else 1


def differences(equation: Equation, m: Matrix) -> Matrix:
    """What ``np.gradient`` reads: neighbours, at the ends two or three entries."""
    shape, axis = equation.outputs[0].spec.shape, equation.params["axis"]
    number = np.arange(size(shape)).reshape(shape)
    n, edge = shape[axis], equation.params["edge_order"]
    index = np.arange(n)
    total = None
    for offset in (-1, 0, 1):
        there = np.clip(index + offset, 0, n - 1)
        total = united(total, chosen_rows(m, np.take(number, there, axis)))
    for end, inner in ((0, range(edge + 1)), (n - 1, range(n - 1, n - 2 - edge, -1))):
        for k in inner:
            there = np.where(index == end, k, index)
            total = united(total, chosen_rows(m, np.take(number, there, axis)))
    return total


def running(equation: Equation, m: Matrix) -> Matrix:
    """What running products and maxima read: all entries before; None: there are too many."""
    shape, axis = equation.outputs[0].spec.shape, equation.params.get("axis")
    if not isinstance(axis, int) or size(shape) * shape[axis] > _MOST:
        return None
    number = np.moveaxis(np.arange(size(shape)).reshape(shape), axis, -1)
    later, before = np.tril_indices(shape[axis])
    return matrix(number[..., later].ravel(), number[..., before].ravel(), (size(shape), size(shape))) @ m
