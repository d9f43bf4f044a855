"""An index taken apart: the arrays in it, and a template which says where they stand among the rest.

The template is a tuple which hashes and pickles. An integer, ``None`` and ``...`` stand for themselves, a slice is the
triple ``(start, stop, step)``. The place of an array is held by ``ARRAY``; by ``DISTINCT``, when it cannot choose an
entry twice; and for a mask by ``(MASK, how many entries are true)``.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from functrans.errors import TracedValueError
from functrans.ir.spec import ArraySpec
from functrans.tracing.tracer import Tracer

ARRAY = "array"
DISTINCT = "distinct"
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
    return ARRAY if array.size > 1 else DISTINCT


def _bound(bound: Any) -> int | None:
    return bound if bound is None or type(bound) is int else operator.index(bound)


def _traced_entry(part: Tracer, arrays: list[Any]) -> str:
    code = part.dtype.kind
    if code in "iu":
        arrays.append(part)
        return ARRAY if part.size > 1 else DISTINCT
    if code == "b":
        raise TracedValueError(
            f"the shape of `x[mask]` depends on the values of the mask, a staged {part.spec}",
            "keep the shape: `np.where(mask, x, 0)`, or `np.sum(x, where=mask)`; to write at a mask use "
            "`functrans.numpy.at(x)[mask].set(value)`.",
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
    return next(arrays) if type(part) is str or part[0] == MASK else slice(*part)


def index_source(template: Template, arrays: Sequence[str]) -> str:
    """An index as it stands between brackets."""
    rest = iter(arrays)
    texts: list[str] = []
    for part in template:
        if part is Ellipsis:
            texts.append("...")
        elif type(part) is str or (type(part) is tuple and part[0] == MASK):
            texts.append(next(rest))
        elif type(part) is tuple:
            start, stop, step = ["" if bound is None else repr(bound) for bound in part]
            texts.append(f"{start}:{stop}" + (f":{step}" if step else ""))
        else:
            texts.append(repr(part))
    return ", ".join(texts) or "()"


def may_repeat(template: Template) -> bool:
    """Whether an index can choose an entry twice."""
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
        if type(part) is str:
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
        chooses = type(part) in (int, str) or (type(part) is tuple and part[0] == MASK)
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
    if type(part) is str:
        return 1
    if spec.shape != shape[axis : axis + spec.ndim]:
        raise IndexError(
            f"boolean index did not match indexed array along axis {axis}; the array has the shape {shape}, the mask "
            f"{spec.shape}"
        )
    return spec.ndim
