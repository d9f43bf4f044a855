"""Indexing: ``x[index]`` for every kind of index that NumPy knows, and its transpose, adding into the chosen entries.

The arrays in an index are operands. The rest is the parameter ``template``, a tuple which hashes and pickles: an
integer, ``None`` and ``...`` stand for themselves, a slice is the triple ``(start, stop, step)``, and an operand's place is held
by ``ARRAY`` or, for a mask, by ``(MASK, how many entries are true)``.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, TypeAlias

import numpy as np

from functrans.errors import ShapeError, TracedValueError
from functrans.ir.source import param_source
from functrans.ir.spec import ArraySpec
from functrans.primitive import Linear, Primitive
from functrans.tracing.bind import bind
from functrans.tracing.tracer import Tracer

ARRAY = "array"
MASK = "mask"

Template: TypeAlias = tuple[Any, ...]

_BOOL = (bool, np.bool_)


# From an index to its template and back.


def encode(index: Any) -> tuple[Template, list[Any]]:
    """The template of an index and the arrays in it.

    Raises:
        TracedValueError: an array in it is a traced number with a derivative, or a mask whose value is not known.
        IndexError: NumPy does not index by such a thing.
    """
    arrays: list[Any] = []
    return tuple([_entry(part, arrays) for part in (index if type(index) is tuple else (index,))]), arrays


def _entry(part: Any, arrays: list[Any]) -> Any:
    kind = type(part)
    if kind is int or part is None or part is Ellipsis:
        return part
    if kind is slice:
        return (_bound(part.start), _bound(part.stop), _bound(part.step))
    if kind is Tracer:
        return _traced_entry(part, arrays)
    if kind not in _BOOL and not isinstance(part, np.ndarray) and hasattr(part, "__index__"):
        return operator.index(part)
    array = np.asarray(part)
    if array.size == 0 and not hasattr(part, "dtype"):  # an empty list is an index, whatever NumPy makes of it
        array = array.astype(np.intp)
    code = array.dtype.kind
    if code == "b":
        arrays.append(array)
        return (MASK, int(np.count_nonzero(array)))
    if code not in "iu":
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), numpy.newaxis (`None`) and integer or boolean arrays are "
            "valid indices"
        )
    if array.ndim == 0:
        return int(array)
    arrays.append(array)
    return ARRAY


def _bound(bound: Any) -> int | None:
    return bound if bound is None or type(bound) is int else operator.index(bound)


def _traced_entry(part: Tracer, arrays: list[Any]) -> str:
    code = part.dtype.kind
    if code in "iu":
        arrays.append(part)
        return ARRAY
    if code == "b":
        raise TracedValueError(
            f"the shape of `x[mask]` depends on the values of the mask, a staged {part.spec}",
            "keep the shape: `np.where(mask, x, 0)`, or `np.sum(x, where=mask)`; to write at a mask use "
            "`x.at[mask].set(value)`.",
        )
    raise TracedValueError(
        f"a traced {part.spec} was used as an index; only integers index, and rounding has no derivative",
        "compute the index from plain values, or write `functrans.stop_gradient(i).astype(int)`.",
    )


def decode(template: Template, arrays: Sequence[Any]) -> Any:
    """The index that :func:`encode` took apart."""
    if len(template) == 1:
        part = template[0]
        return _part(part, iter(arrays)) if type(part) is tuple or type(part) is str else part
    rest = iter(arrays)
    return tuple([_part(part, rest) if type(part) is tuple or type(part) is str else part for part in template])


def _part(part: Any, arrays: Iterator[Any]) -> Any:
    return next(arrays) if part == ARRAY or part[0] == MASK else slice(*part)


def index_source(template: Template, arrays: Sequence[str]) -> str:
    """An index as it stands between brackets."""
    rest = iter(arrays)
    texts: list[str] = []
    for part in template:
        if part is Ellipsis:
            texts.append("...")
        elif part == ARRAY or (type(part) is tuple and part[0] == MASK):
            texts.append(next(rest))
        elif type(part) is tuple:
            start, stop, step = ["" if bound is None else repr(bound) for bound in part]
            texts.append(f"{start}:{stop}" + (f":{step}" if step else ""))
        else:
            texts.append(repr(part))
    return ", ".join(texts) or "()"


def may_repeat(template: Template) -> bool:
    """Whether an index can choose an entry twice: only by an array of integers."""
    return ARRAY in template


_DUMMY = np.zeros((), np.bool_)


def indexed_shape(shape: tuple[int, ...], template: Template, arrays: Sequence[ArraySpec]) -> tuple[int, ...]:
    """The shape of ``x[index]``.

    Raises:
        IndexError: too many indices, or one is out of range.
        ShapeError: arrays in the index do not broadcast.
    """
    for part in template:
        if type(part) is tuple and part[0] == MASK:
            return _advanced_shape(shape, template, arrays)
    for spec in arrays:
        if spec.shape:
            return _advanced_shape(shape, template, arrays)
    # NumPy answers, on a view without memory. An integer which is not known stands in as 0.
    rest = [0] * len(arrays)
    return np.broadcast_to(_DUMMY, shape)[decode(template, rest)].shape  # type: ignore[no-any-return]


def _advanced_shape(shape: tuple[int, ...], template: Template, arrays: Sequence[ArraySpec]) -> tuple[int, ...]:
    consumed = 0
    lengths: list[tuple[int, ...]] = []
    rest = iter(arrays)
    for part in template:
        if part == ARRAY:
            lengths.append(next(rest).shape)
        elif type(part) is tuple and part[0] == MASK:
            lengths.append((part[1],))
            consumed += next(rest).ndim - 1
        consumed += part is not None and part is not Ellipsis
    if consumed > len(shape):
        raise IndexError(f"too many indices for array: array is {len(shape)}-dimensional, but {consumed} were indexed")
    try:
        common = np.broadcast_shapes(*lengths)
    except ValueError:
        given = " ".join(map(str, lengths))
        raise IndexError(
            f"shape mismatch: indexing arrays could not be broadcast together with shapes {given}"
        ) from None
    # What arrays and integers choose stands where they stand, if side by side; else in front.
    out: list[int] = []
    axis, place, apart, inside = 0, None, False, False
    rest = iter(arrays)
    for part in template if Ellipsis in template else (*template, Ellipsis):
        chooses = part == ARRAY or type(part) is int or (type(part) is tuple and part[0] == MASK)
        if chooses:
            apart = apart or (place is not None and not inside)
            place = len(out) if place is None else place
            axis += _axes_taken(part, shape, axis, rest)
        elif part is None:
            out.append(1)
        elif part is Ellipsis:
            width = len(shape) - consumed
            out.extend(shape[axis : axis + width])
            axis += width
        else:
            out.append(len(range(*slice(*part).indices(shape[axis]))))
            axis += 1
        inside = chooses
    place = 0 if apart or place is None else place
    return (*out[:place], *common, *out[place:])


def _axes_taken(part: Any, shape: tuple[int, ...], axis: int, rest: Iterator[ArraySpec]) -> int:
    """How many axes an integer, an array or a mask takes, after a look whether it fits."""
    if type(part) is int:
        if not -shape[axis] <= part < shape[axis]:
            raise IndexError(f"index {part} is out of bounds for axis {axis} with size {shape[axis]}")
        return 1
    spec = next(rest)
    if part == ARRAY:
        return 1
    if spec.shape != shape[axis : axis + spec.ndim]:
        raise IndexError(
            f"boolean index did not match indexed array along axis {axis}; the array has the shape {shape}, the mask "
            f"{spec.shape}"
        )
    return spec.ndim


# The primitives: getitem, and the two which add. Each is the transpose of another.


def _getitem_impl(x: Any, *arrays: Any, template: Template) -> Any:
    return x[decode(template, arrays)]


def _getitem_spec(x: ArraySpec, *arrays: ArraySpec, template: Template) -> ArraySpec:
    if x.weak:
        raise TypeError(f"a Python {x} cannot be indexed")
    return ArraySpec(indexed_shape(x.shape, template, arrays), x.dtype)


def _getitem_transpose(ct: Any, x: ArraySpec, *arrays: Any, template: Template) -> Any:
    return bind(scatter_p, ct, *arrays, template=template, shape=x.shape)


class Scattered:
    """The sum of the cotangents of many ``x[index]``: they are added into one buffer.

    Where a cotangent is traced, the sum is an expression: single entries are stacked and scattered together.
    """

    __slots__ = ("_buffer", "_pending", "_spec")

    def __init__(self, spec: ArraySpec) -> None:
        self._spec = spec
        self._buffer: Any = None
        self._pending: list[tuple[Any, Sequence[Any], Template]] = []

    def add(self, ct: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> None:
        template = params["template"]
        arrays = operands[1:]
        if self._pending or type(ct) is Tracer or Tracer in map(type, arrays):
            self._pending.append((ct, arrays, template))
            return
        if self._buffer is None:
            self._buffer = np.zeros(self._spec.shape, self._spec.dtype)
        index = decode(template, arrays)
        if may_repeat(template):
            np.add.at(self._buffer, index, ct)
        else:
            self._buffer[index] += ct

    def total(self) -> Any:
        total = None if self._buffer is None else self._buffer[()]
        for ct, arrays, template in _joined(self._pending):
            if total is None:
                total = bind(scatter_p, ct, *arrays, template=template, shape=self._spec.shape)
            else:
                total = bind(index_add_p, total, ct, *arrays, template=template)
        return total


def _joined(
    pending: list[tuple[Any, Sequence[Any], Template]],
) -> Iterator[tuple[Any, Sequence[Any], Template]]:
    """The same terms in the same order, neighbours at single places (``x[i]``, ``x[i, j]``) made one."""
    for depth, group in groupby(pending, lambda term: all(type(part) is int for part in term[2]) and len(term[2])):
        terms = list(group)
        if not depth or len(terms) == 1:
            yield from terms
        else:
            places = np.array([template for _, _, template in terms])
            yield np.stack([ct for ct, _, _ in terms]), list(places.T.copy()), (ARRAY,) * depth


getitem_p = Primitive(
    "getitem",
    _getitem_impl,
    _getitem_spec,
    Linear((_getitem_transpose,), collector=Scattered),
    source=lambda args, params: f"{args[0]}[{index_source(params['template'], args[1:])}]",
    masks=True,
)


def index_add(x, values, index, repeats):
    """``x`` with ``values`` added at ``index``; where an entry is chosen repeatedly, they accumulate."""
    out = np.array(x)
    if repeats:
        np.add.at(out, index, values)
    else:
        out[index] += values
    return out[()]


def scatter(values, shape, index, repeats):
    """Zeros with ``values`` added at ``index``; where an entry is chosen repeatedly, they accumulate."""
    out = np.zeros(shape, values.dtype)
    if repeats:
        np.add.at(out, index, values)
    else:
        out[index] += values  # not `=`: the sum of one term, with its zeros positive, as of several
    return out[()]


def _scatter_impl(values: Any, *arrays: Any, template: Template, shape: tuple[int, ...]) -> Any:
    return scatter(values, shape, decode(template, arrays), may_repeat(template))


def _scatter_spec(values: ArraySpec, *arrays: ArraySpec, template: Template, shape: tuple[int, ...]) -> ArraySpec:
    check_fits(values.shape, indexed_shape(shape, template, arrays))
    return ArraySpec(shape, values.dtype)


def _scatter_source(args: list[str], params: dict[str, Any]) -> str:
    template = params["template"]
    index = _subscript(template, args[1:])
    return f"scatter({args[0]}, {param_source(params['shape'])}, {index}, {may_repeat(template)})"


def _subscript(template: Template, arrays: Sequence[str]) -> str:
    text = index_source(template, arrays)
    return text if len(template) == 1 and type(template[0]) in (int, str) else f"np.s_[{text}]"


scatter_p = Primitive(
    "scatter",
    _scatter_impl,
    _scatter_spec,
    Linear((lambda ct, values, *arrays, template, shape: bind(getitem_p, ct, *arrays, template=template),)),
    source=_scatter_source,
    helpers={"scatter": scatter},
)

index_add_p = Primitive(
    "index_add",
    lambda x, values, *arrays, template: index_add(x, values, decode(template, arrays), may_repeat(template)),
    lambda x, values, *arrays, template: written_spec(x, values, arrays, template),
    Linear(
        (
            lambda ct, x, values, *arrays, template: ct,
            lambda ct, x, values, *arrays, template: bind(getitem_p, ct, *arrays, template=template),
        )
    ),
    source=lambda args, params: (
        f"index_add({args[0]}, {args[1]}, {_subscript(params['template'], args[2:])}, {may_repeat(params['template'])})"
    ),
    helpers={"index_add": index_add},
)


def written_spec(x: ArraySpec, values: ArraySpec, arrays: Sequence[ArraySpec], template: Template) -> ArraySpec:
    """The spec of ``x`` with ``values`` written at an index."""
    check_fits(values.shape, indexed_shape(x.shape, template, arrays))
    return x.strong()


def check_fits(shape: tuple[int, ...], room: tuple[int, ...]) -> None:
    """Refuse values which do not broadcast to what an index chooses.

    Raises:
        ShapeError: they do not.
    """
    try:
        fits = np.broadcast_shapes(shape, room) == room
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(
            f"values of shape {shape} do not fit where the index chooses {room}",
            "give values which broadcast to the shape of `x[index]`.",
        )


def getitem(x: Any, index: Any) -> Any:
    """``x[index]``, either of them traced."""
    if type(index) is int:
        template: Template = (index,)
        arrays: Sequence[Any] = ()
    else:
        template, arrays = encode(index)
    return bind(getitem_p, x, *arrays, template=template)


Tracer.__getitem__ = getitem  # type: ignore[attr-defined]
