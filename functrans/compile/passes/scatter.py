"""Scatter: what gradients of indexing add into buffers, with less to build before it is added.

A buffer starts as zeros and every term is added where it belongs, one after the other. Results stay the same to the bit
because each entry is still the same sum in the same order, the first term added to a zero (so no entry is a negative
zero), and the buffer still lies row by row in memory:

- ``scatter(np.stack((a, b, c)), …, [2, 0, 1])``, what the gradient of ``x[0], x[1], x[2]`` is: the terms are added one
  by one. Stacking them takes longer, and so does ``np.add.at``.
- A scatter that fills all of its entries, like that of ``x[:, None]``, is ``np.add(values, 0, order="C")``.
- ``x[1:][:3]`` is ``x[1:4]``, and the gradient of that is one scatter. (What is added to a buffer without negative
  zeros may be added without the zeros around it.)
- Slices side by side that fill an axis, like those of the gates of an LSTM: the values are concatenated, then so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans.compile.rewriting import Writer, known, rewritten
from functrans.ir import ArraySpec, Atom, Equation, Literal, Program, Var
from functrans.ops.index import getitem_p, index_add_p, plus_zero_p, scatter_p
from functrans.ops.index_template import Template, indexed_shape
from functrans.ops.join import concatenate_p, stack_p
from functrans.ops.shape import reshape_p

_WHOLE = (None, None, None)
# Programs are compiled to code that adds into one buffer. What runs them equation by equation copies it each time.
_MOST_COPIED = 2**24


def scatter(program: Program) -> Program:
    """The program with gradients of indexing merged."""
    while (made := _once(program)) is not program:
        program = made
    return program


def _once(program: Program) -> Program:
    positive: dict[Atom, bool] = {}
    written_on = {e.inputs[0] for e in program.equations if e.primitive is index_add_p}

    def rule(writer: Writer, equation: Equation, inputs: Sequence[Atom]) -> Sequence[Atom] | None:
        primitive = equation.primitive
        if primitive is getitem_p:
            return _read_twice(writer, equation, inputs)
        if primitive is not scatter_p and primitive is not index_add_p:
            return None
        if equation.outputs[0].spec.dtype.kind not in "fc" or not equation.outputs[0].spec.size:
            return None
        found = (
            _one_by_one(writer, equation, inputs)
            or _filled(writer, equation, inputs)
            or _scattered_twice(writer, equation, inputs, positive)
        )
        if found is None and not (equation.outputs[0] in written_on and writer.uses(equation.outputs[0]) == 1):
            return _side_by_side(writer, equation, inputs)
        return found

    return rewritten(program, rule)


def _split(equation: Equation, inputs: Sequence[Atom]) -> tuple[Atom | None, Atom, Sequence[Atom]]:
    """What is added to (zeros, if None), the values, and the arrays in the index."""
    if equation.primitive is scatter_p:
        return None, inputs[0], inputs[1:]
    return inputs[0], inputs[1], inputs[2:]


def _fits(values: Atom, out: ArraySpec) -> bool:
    """Whether values are added in the dtype of what they are added to."""
    return values.spec.dtype == out.dtype and not values.spec.weak


def _one_by_one(writer: Writer, equation: Equation, inputs: Sequence[Atom]) -> Sequence[Atom] | None:
    """Values stacked only to be added at single places."""
    base, values, arrays = _split(equation, inputs)
    out = equation.outputs[0].spec
    if not arrays or not all(type(part) is str for part in equation.params["template"]):
        return None
    terms = _stacked(writer, equation.inputs[len(inputs) - len(arrays) - 1], values)
    if not terms or not all(_fits(x, out) for x in terms) or values.spec.shape[1:] != out.shape[len(arrays) :]:
        return None
    places = _places(arrays, len(terms), out.shape)
    if places is None or out.size * len(terms) > _MOST_COPIED:
        return None
    for x, place in zip(terms, places, strict=True):
        if base is None:
            base = writer.write(scatter_p, x, template=place, shape=out.shape)
        else:
            base = writer.write(index_add_p, base, x, template=place)
    return None if base is None else (base,)


def _stacked(writer: Writer, old: Atom, values: Atom) -> list[Atom] | None:
    """What values are a stack of, if nobody else reads that; many are stacked group by group."""
    made = writer.definition(values)
    if made is None or made.params.get("axis") != 0 or not isinstance(old, Var) or writer.uses(old) != 1:
        return None
    if made.primitive is stack_p:
        return list(made.inputs)
    if made.primitive is not concatenate_p:
        return None
    found: list[Atom] = []
    for part in made.inputs:
        group = writer.definition(part)
        if group is None or group.primitive is not stack_p or group.params["axis"] != 0 or writer.uses(part) > 1:  # type: ignore[arg-type]
            return None
        found += group.inputs
    return found


def _places(arrays: Sequence[Atom], count: int, shape: tuple[int, ...]) -> list[tuple[int, ...]] | None:
    """The places that known arrays of integers choose."""
    columns: list[list[int]] = []
    for array, length in zip(arrays, shape, strict=False):
        if not known(array) or array.spec.shape != (count,):
            return None
        column = np.asarray(array.value).tolist() if isinstance(array, Literal) else []
        if not column or max(column) >= length or min(column) < -length:
            return None
        columns.append(column)
    return list(zip(*columns, strict=True))


def _filled(writer: Writer, equation: Equation, inputs: Sequence[Atom]) -> Sequence[Atom] | None:
    """A scatter of values to all entries."""
    if equation.primitive is not scatter_p or len(inputs) > 1:
        return None
    template, out, values = equation.params["template"], equation.outputs[0].spec, inputs[0]
    if not all(part is None or part is Ellipsis or part == _WHOLE for part in template):
        return None
    if values.spec.size != out.size or not _fits(values, out):
        return None
    if values.spec.shape != out.shape:
        values = writer.write(reshape_p, values, shape=out.shape)
    return (writer.write(plus_zero_p, values),)


def _read_twice(writer: Writer, equation: Equation, inputs: Sequence[Atom]) -> Sequence[Atom] | None:
    """An index of an index."""
    made = writer.definition(inputs[0])
    if made is None or made.primitive is not getitem_p or len(made.inputs) > 1 or len(inputs) > 1:
        return None
    x = made.inputs[0]
    template = composed(x.spec.shape, made.params["template"], equation.params["template"])
    return None if template is None else (writer.write(getitem_p, x, template=template),)


def _scattered_twice(
    writer: Writer, equation: Equation, inputs: Sequence[Atom], positive: dict[Atom, bool]
) -> Sequence[Atom] | None:
    """A scatter of a scatter."""
    base, values, arrays = _split(equation, inputs)
    made = writer.definition(values)
    if arrays or made is None or made.primitive is not scatter_p or len(made.inputs) > 1:
        return None
    old, out = equation.inputs[len(inputs) - 1], equation.outputs[0].spec
    if not isinstance(old, Var) or writer.uses(old) != 1 or values.spec.dtype != out.dtype:
        return None
    outer = equation.params["template"]
    # What is scattered in the end may have been broadcast to several places: then it has another shape.
    if indexed_shape(out.shape, outer, []) != values.spec.shape:
        return None
    template = composed(out.shape, outer, made.params["template"])
    if template is None:
        return None
    if base is None:
        return (writer.write(scatter_p, made.inputs[0], template=template, shape=out.shape),)
    if not _positive(writer, base, positive):
        return None
    return (writer.write(index_add_p, base, made.inputs[0], template=template),)


def _positive(writer: Writer, x: Atom, known: dict[Atom, bool]) -> bool:
    """Whether no entry can be a negative zero, since sums started from zero."""
    met = [x]
    while met[-1] not in known:
        made = writer.definition(met[-1])
        if made is not None and made.primitive is index_add_p:
            met.append(made.inputs[0])
        else:
            known[met[-1]] = made is not None and made.primitive in (scatter_p, plus_zero_p)
    known.update(dict.fromkeys(met, known[met[-1]]))
    return known[x]


def composed(shape: tuple[int, ...], first: Template, second: Template) -> Template | None:
    """The index that chooses at once what two of integers and slices choose one after the other."""
    parts = [*first, *[_WHOLE] * (len(shape) - len(first))]
    if any(part is None or part is Ellipsis or type(part) is str for part in (*parts, *second)):
        return None
    rest = iter(second)
    made: list[Any] = []
    for part, n in zip(parts, shape, strict=True):
        if type(part) is int:
            made.append(part)
            continue
        then = next(rest, _WHOLE)
        chosen = range(n)[slice(*part)]
        if type(then) is int:
            made.append(chosen[then])
        elif then == _WHOLE:
            made.append(part)
        elif not (chosen := chosen[slice(*then)]):
            return None
        else:
            made.append(
                (chosen.start, chosen.stop if chosen.stop >= 0 else None, None if chosen.step == 1 else chosen.step)
            )
    while made and made[-1] == _WHOLE:
        made.pop()
    return tuple(made)


def _side_by_side(writer: Writer, equation: Equation, inputs: Sequence[Atom]) -> Sequence[Atom] | None:
    """A chain, of which this is the end, that adds to the slices of one axis."""
    out = equation.outputs[0].spec
    axis: int | None = None
    found: list[tuple[int, int, Atom]] = []
    while True:
        base, values, arrays = _split(equation, inputs)
        place = None if arrays else _one_slice(equation.params["template"], out.shape)
        if place is None or not _fits(values, out) or (axis is not None and place[0] != axis):
            return None
        axis, start, stop = place
        if values.spec.shape != (*out.shape[:axis], stop - start, *out.shape[axis + 1 :]) or start == stop:
            return None
        found.append((start, stop, values))
        if base is None:
            break
        before = writer.definition(base)
        if before is None or before.primitive not in (scatter_p, index_add_p) or writer.uses(before.outputs[0]) > 1:
            return None
        equation, inputs = before, before.inputs
    found.sort(key=lambda part: part[0])
    ends = [0, *[stop for _, stop, _ in found]]
    if (
        len(found) == 1
        or ends[-1] != out.shape[axis]
        or any(start != end for (start, _, _), end in zip(found, ends, strict=False))
    ):
        return None
    joined = writer.write(concatenate_p, *[values for _, _, values in found], axis=axis)
    return (writer.write(plus_zero_p, joined),)


def _one_slice(template: Template, shape: tuple[int, ...]) -> tuple[int, int, int] | None:
    """``(axis, start, stop)``, if an index chooses a part of one axis, and all of the others."""
    if Ellipsis in template:
        place = template.index(Ellipsis)
        template = (*template[:place], *[_WHOLE] * (len(shape) - len(template) + 1), *template[place + 1 :])
    chosen = [axis for axis, part in enumerate(template) if part != _WHOLE]
    if len(chosen) != 1 or type(template[chosen[0]]) is not tuple:
        return None
    axis = chosen[0]
    start, stop, step = slice(*template[axis]).indices(shape[axis])
    return (axis, start, stop) if step == 1 and start <= stop else None
