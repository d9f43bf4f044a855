"""``x.at[index].set(values)`` and its like: what ``x[index] = values`` would make of ``x``, as a new array."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans.errors import TracedValueError, UncoveredFunctionError
from functrans.ir.spec import ArraySpec
from functrans.ops.family import operand
from functrans.ops.index import getitem_p, index_add_p, subscript, written_spec
from functrans.ops.index_batch import batch_written
from functrans.ops.index_template import Template, decode, encode, indexed_shape, may_repeat
from functrans.ops.scalars import strong
from functrans.primitives import Linear, Primitive
from functrans.tracing.bind import bind
from functrans.tracing.tracer import Tracer


def index_set(x, values, index):  # type: ignore[no-untyped-def]
    """``x`` with ``values`` written at ``index``; where an entry is chosen repeatedly, the last one stays."""
    out = np.array(x)
    out[index] = values
    return out[()]


def _values_transpose(ct: Any, x: Any, values: ArraySpec, *arrays: Any, template: Template) -> Any:
    read = bind(getitem_p, ct, *arrays, template=template)
    if not may_repeat(template):
        return read
    # Of values written to one entry only the last one counts: it finds its own number when all write theirs.
    room = indexed_shape(ct.shape, template, [ArraySpec.of(array) for array in arrays])
    numbers = np.arange(int(np.prod(room))).reshape(room)
    latest = bind(index_set_p, np.zeros(ct.shape, np.intp), numbers, *arrays, template=template)
    return np.where(bind(getitem_p, latest, *arrays, template=template) == numbers, read, 0.0)


index_set_p: Primitive = Primitive(
    "index_set",
    lambda x, values, *arrays, template: index_set(x, values, decode(template, arrays)),
    lambda x, values, *arrays, template: written_spec(x, values, arrays, template),
    Linear(
        (
            lambda ct, x, values, *arrays, template: bind(index_set_p, ct, 0.0, *arrays, template=template),
            _values_transpose,
        )
    ),
    source=lambda args, params: f"index_set({args[0]}, {args[1]}, {subscript(params['template'], args[2:])})",
    helpers={"index_set": index_set},
    masks=True,
    batch=batch_written,
)


class At:
    """``x.at``: index it to say where, then call what to do there."""

    __slots__ = ("_x",)

    def __init__(self, x: Any) -> None:
        self._x = strong(operand(x))

    def __getitem__(self, index: Any) -> Place:
        return Place(self._x, index)

    def __repr__(self) -> str:
        return f"at({self._x!r})"


class Place:
    """Entries of an array, by index. Each method returns a new array.

    Values are broadcast and cast as NumPy's assignment does.
    """

    __slots__ = ("_index", "_x")

    def __init__(self, x: Any, index: Any) -> None:
        self._x = x
        self._index = index

    def get(self) -> Any:
        """The entries: ``x[index]``."""
        template, arrays = encode(self._index)
        return bind(getitem_p, self._x, *arrays, template=template)

    def set(self, values: Any) -> Any:
        """``x`` after ``x[index] = values``. Of several values for one entry, the last one stays."""
        return self._write(lambda old, new: new, values, may_repeat=True)

    def add(self, values: Any) -> Any:
        """``x`` after ``x[index] += values``; several values for one entry accumulate."""
        mask = self._staged_mask()
        if mask is not None:
            return np.where(mask, self._x + self._fitting(values, scalar=True), self._x)
        template, arrays = encode(self._index)
        return bind(index_add_p, self._x, self._fitting(values), *arrays, template=template)

    def subtract(self, values: Any) -> Any:
        """``x`` after ``x[index] -= values``; several values for one entry accumulate."""
        return self.add(operator.neg(operand(values)))

    def multiply(self, values: Any) -> Any:
        """``x`` after ``x[index] *= values``. An index that chooses an entry twice is refused."""
        return self._write(operator.mul, values)

    def divide(self, values: Any) -> Any:
        """``x`` after ``x[index] /= values``. An index that chooses an entry twice is refused."""
        return self._write(operator.truediv, values)

    def power(self, values: Any) -> Any:
        """``x`` after ``x[index] **= values``. An index that chooses an entry twice is refused."""
        return self._write(operator.pow, values)

    def min(self, values: Any) -> Any:
        """``x`` with the lesser of its entries and ``values``. An index that chooses an entry twice is refused."""
        return self._write(np.minimum, values)

    def max(self, values: Any) -> Any:
        """``x`` with the greater of its entries and ``values``. An index that chooses an entry twice is refused."""
        return self._write(np.maximum, values)

    def apply(self, function: Callable[[Any], Any]) -> Any:
        """``x`` with ``function`` of its entries in their place. An index that chooses an entry twice is refused."""
        return self._write(lambda old, new: function(old), 0)

    def _write(self, compute: Callable[[Any, Any], Any], values: Any, may_repeat: bool = False) -> Any:
        x = self._x
        mask = self._staged_mask()
        if mask is not None:
            return np.where(mask, _cast(compute(x, self._fitting(values, scalar=True)), x.dtype), x)
        template, arrays = encode(self._index)
        if not may_repeat:
            _refuse_repeats(x.shape, template, arrays)
        new = compute(bind(getitem_p, x, *arrays, template=template), self._fitting(values))
        return bind(index_set_p, x, _cast(new, x.dtype), *arrays, template=template)

    def _fitting(self, values: Any, scalar: bool = False) -> Any:
        values = operand(values)
        if scalar and np.shape(values) != ():
            raise TracedValueError(
                "a staged mask says where, and several values which: how many it takes depends on its values",
                "write `np.where(mask, values, x)` with values of the shape of `x`.",
            )
        return _cast(values, self._x.dtype)

    def _staged_mask(self) -> Any:
        """An index that is one staged mask, with axes added so that it broadcasts to ``x``."""
        mask = self._index
        if type(mask) is not Tracer or mask.dtype.kind != "b":
            return None
        ndim = self._x.ndim
        if mask.shape != self._x.shape[: mask.ndim]:
            raise IndexError(f"the mask has the shape {mask.shape}, the array {self._x.shape}")
        return np.reshape(mask, mask.shape + (1,) * (ndim - mask.ndim))


def at(x: Any) -> At:
    """``x.at`` for anything that is an array or like one: ``at(x)[index].set(values)``.

    Methods: ``get``, ``set``, ``add``, ``subtract``, ``multiply``, ``divide``, ``power``, ``min``, ``max``, ``apply``.
    Each returns a new array and leaves ``x`` as it is.

    Example:
        >>> import numpy as np
        >>> at(np.zeros(3))[1].set(5.0)
        array([0., 5., 0.])
        >>> at(np.zeros(3))[[0, 0, 2]].add(1.0)
        array([2., 0., 1.])
    """
    return At(x)


def _cast(values: Any, dtype: np.dtype[Any]) -> Any:
    """Values in the dtype of the array they are written to.

    Raises:
        TracedValueError: that would lose a derivative.
    """
    spec = ArraySpec.of(values)
    found, order = spec.dtype.kind, "biufc"
    loses = dtype.kind in "biu" if found == "f" else found == "c" != dtype.kind
    if loses and type(values) is Tracer:
        raise TracedValueError(
            f"a traced {spec} was to be written into an array of {dtype.name}, which would lose its derivative",
            f"make the array `x.astype(np.{spec.dtype.name})` first.",
        )
    if spec.dtype == dtype or (spec.weak and order.find(found) <= order.find(dtype.kind)):
        return values
    if found == "c" and dtype.kind in "biuf":
        raise TypeError(f"complex values cannot be written into an array of {dtype.name}")
    return strong(values).astype(dtype)


def _refuse_repeats(shape: tuple[int, ...], template: Template, arrays: Sequence[Any]) -> None:
    if not may_repeat(template):
        return
    unknown = any(type(array) is Tracer for array in arrays)
    if not unknown:
        room = indexed_shape(shape, template, [ArraySpec.of(array) for array in arrays])
        numbers = np.arange(int(np.prod(room))).reshape(room)
        index = decode(template, arrays)
        unknown = not np.array_equal(index_set(np.zeros(shape, np.intp), numbers, index)[index], numbers)
    if unknown:
        raise UncoveredFunctionError(
            "`.at[index]` with an index that may choose an entry twice",
            "index without repetition (by slices, a mask, distinct integers); `.add` and `.subtract` accumulate, and "
            "`.set` keeps the last.",
        )


Tracer.at = property(At)  # type: ignore[attr-defined]
