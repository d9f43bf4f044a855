"""Indexing: ``x[index]`` for every kind of index that NumPy knows, and its transposes, which add into chosen entries.

The arrays in an index are operands, so they may be traced integers; the rest is the parameter ``template``
(:mod:`functrans.ops.index_template`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from functrans.errors import ShapeError
from functrans.ir.source import param_source
from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.index_batch import batch_getitem, batch_scatter, batch_written
from functrans.ops.index_template import (
    ARRAY,
    Template,
    decode,
    encode,
    index_source,
    indexed_shape,
    may_repeat,
)
from functrans.primitives import Linear, Primitive
from functrans.tracing.bind import bind
from functrans.tracing.tracer import Tracer


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
        """Add the cotangent of one ``x[index]``."""
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
        """The cotangent of ``x``."""
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
    batch=batch_getitem,
)


def index_add(x, values, index, repeats):  # type: ignore[no-untyped-def]
    """``x`` with ``values`` added at ``index``; where an entry is chosen repeatedly, they accumulate."""
    out = np.array(x)
    if repeats:
        # Broadcast first: NumPy's `add.at` reads past the end of values which have fewer dimensions than the index.
        np.add.at(out, index, np.broadcast_to(values, out[index].shape))
    else:
        out[index] += values
    return out[()]


def scatter(values, shape, index, repeats):  # type: ignore[no-untyped-def]
    """Zeros with ``values`` added at ``index``; where an entry is chosen repeatedly, they accumulate."""
    out = np.zeros(shape, values.dtype)
    if repeats:
        np.add.at(out, index, np.broadcast_to(values, out[index].shape))
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
    index = subscript(template, args[1:])
    return f"scatter({args[0]}, {param_source(params['shape'])}, {index}, {may_repeat(template)})"


def subscript(template: Template, arrays: Sequence[str]) -> str:
    """An index as the argument of a function."""
    text = index_source(template, arrays)
    return text if len(template) == 1 and type(template[0]) in (int, str) else f"np.s_[{text}]"


scatter_p = Primitive(
    "scatter",
    _scatter_impl,
    _scatter_spec,
    Linear((lambda ct, values, *arrays, template, shape: bind(getitem_p, ct, *arrays, template=template),)),
    source=_scatter_source,
    helpers={"scatter": scatter},
    batch=batch_scatter,
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
        f"index_add({args[0]}, {args[1]}, {subscript(params['template'], args[2:])}, {may_repeat(params['template'])})"
    ),
    helpers={"index_add": index_add},
    batch=batch_written,
)


def plus_zero(x):  # type: ignore[no-untyped-def]
    """``x + 0``, row by row in memory."""
    return np.add(x, 0, order="C")


# What a scatter makes of values for all of its entries: zeros are positive, and memory is in C order.
plus_zero_p = Primitive(
    "plus_zero",
    plus_zero,
    lambda x: x.strong(),
    Linear((lambda ct, x: ct,)),
    source=lambda args, params: f"np.add({args[0]}, 0, order='C')",
    batch=batching.elementwise,
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
    """``x[index]``, where ``x`` or arrays in the index are traced."""
    if type(index) is int:
        template: Template = (index,)
        arrays: Sequence[Any] = ()
    else:
        template, arrays = encode(index)
    return bind(getitem_p, x, *arrays, template=template)


Tracer.__getitem__ = getitem  # type: ignore
