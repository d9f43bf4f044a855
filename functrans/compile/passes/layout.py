"""Layout: chains of ``transpose``, ``reshape`` and ``broadcast_to`` of which less would do.

Results stay the same to the bit because every value keeps its strides, not its entries alone: NumPy's sums and BLAS add
in another order where the axes lie in another order in memory. So only this is changed:

- Transposes compose: strides are permuted, whatever they were.
- A reshape that only adds or drops axes of length one moves nothing and leaves the other axes their strides, so that a
  second reshape sees what it would have seen before the first. One axis alone has one stride, so a reshape of it is
  never a copy, and neither is the next.
- ``sum(x, axis, keepdims=True)`` makes the same array as without ``keepdims``; the axes of length one are only shown.
  Where none is left, that is a scalar and the reshape gives an array without axes: it is left alone where somebody
  could tell them apart.
- ``x + np.broadcast_to(y, shape)`` walks over the entries of ``y`` with a stride of zero; so does ``x + y``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import cache
from typing import TypeAlias

import numpy as np

from functrans.compile.rewriting import Writer, rewritten
from functrans.ir import Atom, Equation, Program
from functrans.ops.broadcast import broadcast_to_p
from functrans.ops.duals import absorbing_multiply, absorbing_product
from functrans.ops.extremum import max_p, min_p
from functrans.ops.index import getitem_p
from functrans.ops.join import stack_p
from functrans.ops.reduce import sum_p
from functrans.ops.select import where_p
from functrans.ops.shape import reshape_p, transpose_p

#: The values of which somebody could tell whether they are a scalar or an array without axes.
Told: TypeAlias = Callable[[], set[Atom]]
# Of two or more operands that broadcast; each entry is rounded once (or not at all), so that it does not matter which
# of NumPy's loops computes it.
_BROADCASTING = frozenset(
    {
        *(operator.add, operator.sub, operator.mul, operator.truediv),
        *(operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne),
        *(operator.and_, operator.or_, operator.xor),
        *(np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum),
        *(np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal),
        *(np.logical_and, np.logical_or, np.logical_xor, np.where, absorbing_multiply, absorbing_product),
    }
)
_REDUCTIONS = (sum_p, max_p, min_p)
# An operator, on numbers alone, is a function of its own; where each result is the real number next to the right one,
# it gives the same bits as the ufunc.
_EXACT = frozenset({operator.add, operator.sub, operator.mul, operator.truediv, operator.neg})
_ALIKE = (stack_p, reshape_p, broadcast_to_p, where_p)


def layout(program: Program) -> Program:
    """The program without changes of shape that nothing needs."""
    while (made := _once(program)) is not program:  # what was used twice may be used once now
        program = made
    return program


def _once(program: Program) -> Program:
    told = cache(lambda: _told_apart(program))
    readers = {e.inputs[0]: e for e in program.equations if e.primitive is reshape_p and "order" not in e.params}
    reduced: dict[Atom, Atom] = {}

    def rule(writer: Writer, equation: Equation, inputs: Sequence[Atom]) -> Sequence[Atom] | None:
        primitive = equation.primitive
        if primitive is transpose_p:
            return _transpose(writer, equation, inputs[0])
        if primitive is reshape_p:
            known = reduced.get(equation.inputs[0])
            return (known,) if known is not None else _reshape(writer, equation, inputs[0], told)
        if len(inputs) > 1 and primitive.impl in _BROADCASTING:
            return _broadcasting(writer, equation, inputs)
        if primitive in _REDUCTIONS and equation.params.get("keepdims"):
            var = equation.outputs[0]
            reader = readers.get(var)
            if reader is not None and _drops(writer, equation, reader, told):
                params = {name: value for name, value in equation.params.items() if name != "keepdims"}
                # Here, where it is computed: later, what it is the sum of would be kept for longer.
                reduced[var] = writer.write(primitive, *inputs, **params)
        return None

    return rewritten(program, rule)


def _transpose(writer: Writer, equation: Equation, x: Atom) -> Sequence[Atom] | None:
    axes = equation.params["axes"]
    made = writer.definition(x)
    inner = made.params["axes"] if made is not None and made.primitive is transpose_p else None
    if made is not None and inner is not None:
        x, axes = made.inputs[0], tuple([inner[i] for i in axes])
    if axes and axes == tuple(range(len(axes))):
        return (x,)
    return (writer.write(transpose_p, x, axes=axes),) if inner is not None else None


def _drops(writer: Writer, equation: Equation, reader: Equation, told: Told) -> bool:
    """Whether all that is done with a reduction is to drop the axes that it has kept."""
    var, axes = equation.outputs[0], equation.params["axis"]
    left = tuple([n for i, n in enumerate(var.spec.shape) if i not in axes])
    if writer.uses(var) != 1 or reader.params["shape"] != left or not var.spec.size:
        return False
    return bool(left) or reader.outputs[0] not in told()


def _reshape(writer: Writer, equation: Equation, x: Atom, told: Told) -> Sequence[Atom] | None:
    shape = equation.params["shape"]
    if "order" in equation.params or not x.spec.size or x.spec.weak:
        return None
    if shape == x.spec.shape:
        return (x,) if shape or equation.outputs[0] not in told() else None
    made = writer.definition(x)
    if made is None or not _moves_nothing(made):
        return None
    source = made.inputs[0]
    if source.spec.weak:
        return None
    if not shape and not source.spec.shape:
        return (source,) if equation.outputs[0] not in told() else None
    if shape != source.spec.shape:
        return (writer.write(reshape_p, source, shape=shape),)
    # What had axes of length one before would have them with the strides that it had before.
    return None if 1 in shape else (source,)


def _moves_nothing(equation: Equation) -> bool:
    """Whether it is a view in which axes of length one come or go, or the entries of one axis in several."""
    if equation.primitive is reshape_p and "order" not in equation.params:
        before, after = equation.inputs[0].spec.shape, equation.params["shape"]
        return (len(before) == 1 and before != (1,)) or _long(before) == _long(after)
    return equation.primitive is getitem_p and only_new_axes(equation)


def only_new_axes(equation: Equation) -> bool:
    """Whether an indexing does no more than to add axes of length one."""
    return all(part is None or part is Ellipsis or part == (None, None, None) for part in equation.params["template"])


def _long(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple([n for n in shape if n != 1])


def _broadcasting(writer: Writer, equation: Equation, inputs: Sequence[Atom]) -> Sequence[Atom] | None:
    """An elementwise operation, of operands that it can broadcast by itself."""
    found = narrowed(writer, inputs, equation.outputs[0].spec.shape)
    if all(a is b for a, b in zip(found, inputs, strict=True)):
        return None
    return (writer.write(equation.primitive, *found, **equation.params),)


def narrowed(writer: Writer, inputs: Sequence[Atom], shape: tuple[int, ...]) -> list[Atom]:
    """Operands that broadcast to a shape, as what they are broadcasts of if these broadcast to it too."""
    found = list(inputs)
    for i in range(len(found)):
        while (source := _narrower(writer, found[i])) is not None:
            if not _reach(shape, [source.spec.shape, *[atom.spec.shape for j, atom in enumerate(found) if j != i]]):
                break
            found[i] = source
    return found


def _reach(shape: tuple[int, ...], shapes: Sequence[tuple[int, ...]]) -> bool:
    """Whether shapes that broadcast to ``shape`` at most broadcast to all of it."""
    rank = len(shape)
    return shape in shapes or (
        max(map(len, shapes)) == rank
        and all(
            n == 1 or any(n == s[axis] for s in shapes if -axis <= len(s))
            for axis, n in zip(range(-rank, 0), shape, strict=True)
        )
    )


def _narrower(writer: Writer, x: Atom) -> Atom | None:
    """What a value is a broadcast of."""
    made = writer.definition(x)
    if made is None or not made.inputs or made.inputs[0].spec.weak:
        return None
    source = made.inputs[0]
    if made.primitive is broadcast_to_p:
        return source
    if made.primitive is reshape_p or (made.primitive is getitem_p and only_new_axes(made)):
        rank = len(source.spec.shape)
        shape = x.spec.shape
        if rank and len(shape) > rank and shape == (1,) * (len(shape) - rank) + source.spec.shape:
            return source
    return None


def _told_apart(program: Program) -> set[Atom]:
    """:data:`Told`, of a program."""
    told: set[Atom] = set(program.outputs)
    for equation in program.equations:
        rounded = equation.primitive.impl in _EXACT and all(atom.spec.dtype.kind != "c" for atom in equation.inputs)
        if not rounded and not _takes_both(equation):
            told.update([atom for atom in equation.inputs if not atom.spec.shape])
    return told


def _takes_both(equation: Equation) -> bool:
    """Whether it gives the same for a scalar as for an array without axes."""
    if equation.primitive is reshape_p and not equation.params["shape"]:
        return bool(equation.inputs[0].spec.shape)
    return equation.primitive in _ALIKE or isinstance(equation.primitive.impl, np.ufunc)
