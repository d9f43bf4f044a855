"""What one example may know of the others under ``vmap(..., axis_name=)``: sums, means, extremes, all of them.

All are written in one primitive, ``all_gather``, which the batch's recorder answers with the batch itself. All take
arrays or trees of arrays, and raise a :class:`~functrans.errors.ShapeError` where no batch has that name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from functrans import tree
from functrans.errors import ShapeError, UncoveredFunctionError
from functrans.frames import boundary
from functrans.function_types import T
from functrans.ir.spec import ArraySpec
from functrans.ops.index import getitem
from functrans.primitives import Linear, Primitive
from functrans.tracing.bind import bind
from functrans.tracing.refusal import program_writer
from functrans.tracing.tracer import Tracer
from functrans.transforms.batch import ACTIVE, NamedAxis
from functrans.tree import Tree


def _gathered(x: Any, named_axis: NamedAxis) -> Any:
    """What is the same for all examples, once for each."""
    return np.broadcast_to(x, (named_axis.size, *np.shape(x)))


def _scattered(ct: Any, x: ArraySpec, named_axis: NamedAxis) -> Any:
    """Each example's share of what all of them send back."""
    if named_axis.recorder.closed:  # a trace around the batch, in which all examples have the same `x`
        return np.sum(ct, axis=0)
    writer = program_writer(ct) if type(ct) is Tracer else None
    if writer is not None and writer.birth > named_axis.recorder.birth:
        raise UncoveredFunctionError(
            f"the derivative of what the examples of the batch {named_axis.name!r} know of one another, inside of a "
            "loop, a branch or a checkpoint, and of the batch",
            "take the derivative outside of the batch, `grad(lambda x: np.sum(vmap(f)(x)))`; or write a Python loop.",
        )
    return getitem(np.sum(bind(all_gather_p, ct, named_axis=named_axis), axis=0), named_axis.index())


def _gathered_batch(
    primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    """In another batch than the one of that name."""
    return np.moveaxis(bind(primitive, operands[0], **params), 1, 0)


all_gather_p = Primitive(
    "all_gather",
    _gathered,
    lambda x, named_axis: ArraySpec((named_axis.size, *x.shape), x.dtype),
    Linear((_scattered,)),
    source=lambda args, params: f"np.broadcast_to({args[0]}, ({params['named_axis'].size}, *np.shape({args[0]})))",
    batch=_gathered_batch,
)


def _named(axis_name: Any) -> NamedAxis:
    """The innermost batch of this name.

    Raises:
        ShapeError: there is none.
    """
    active = ACTIVE.get()
    for axis in reversed(active):
        if axis.name == axis_name:
            return axis
    known = ", ".join(repr(axis.name) for axis in active) or "none"
    raise ShapeError(
        f"no batch is called {axis_name!r} here; those that have a name: {known}",
        f"map with `functrans.vmap(f, axis_name={axis_name!r})`, and ask inside of `f`.",
    )


def _over(reduce: Callable[..., Any], x: Tree, axis_name: Any) -> Tree:
    for axis in [_named(name) for name in (axis_name if isinstance(axis_name, tuple) else (axis_name,))]:
        x = tree.map(lambda leaf: reduce(bind(all_gather_p, leaf, named_axis=axis), axis=0), x)
    return x


@boundary
def psum(x: T, axis_name: Any) -> T:
    """The sum of ``x`` over the examples of the batch called ``axis_name``; the same for each of them.

    ``axis_name`` may be a tuple of names: the sum over all of these batches. So with the others.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> ft.vmap(lambda x: x / ft.psum(x, "batch"), axis_name="batch")(np.array([1.0, 3.0]))
        array([0.25, 0.75])
    """
    return _over(np.sum, x, axis_name)  # type: ignore[no-any-return]


@boundary
def pmean(x: T, axis_name: Any) -> T:
    """The mean of ``x`` over the examples of the batch called ``axis_name``.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> ft.vmap(lambda x: x - ft.pmean(x, "batch"), axis_name="batch")(np.array([1.0, 3.0]))
        array([-1.,  1.])
    """
    return _over(np.mean, x, axis_name)  # type: ignore[no-any-return]


@boundary
def pmax(x: T, axis_name: Any) -> T:
    """The largest ``x`` among the examples of the batch called ``axis_name``; equal ones share the derivative.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> ft.vmap(lambda x: x / ft.pmax(x, "batch"), axis_name="batch")(np.array([1.0, 4.0]))
        array([0.25, 1.  ])
    """
    return _over(np.max, x, axis_name)  # type: ignore[no-any-return]


@boundary
def pmin(x: T, axis_name: Any) -> T:
    """The smallest ``x`` among the examples of the batch called ``axis_name``; equal ones share the derivative.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> ft.vmap(lambda x: x - ft.pmin(x, "batch"), axis_name="batch")(np.array([1.0, 4.0]))
        array([0., 3.])
    """
    return _over(np.min, x, axis_name)  # type: ignore[no-any-return]


@boundary
def all_gather(x: Tree, axis_name: Any, *, axis: int = 0) -> Tree:
    """``x`` of all examples of the batch called ``axis_name``, along a new axis; the same for each of them.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> ft.vmap(lambda x: np.argsort(ft.all_gather(x, "batch"))[0], axis_name="batch")(np.array([3.0, 1.0]))
        array([1, 1])
    """
    named_axis = _named(axis_name)

    def gather(leaf: Any) -> Any:
        whole = bind(all_gather_p, leaf, named_axis=named_axis)
        return np.moveaxis(whole, 0, axis) if axis else whole

    return tree.map(gather, x)


@boundary
def axis_index(axis_name: Any) -> Any:
    """The number of the example in the batch called ``axis_name``, from zero.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> ft.vmap(lambda x: x * ft.axis_index("batch"), axis_name="batch")(np.array([5.0, 5.0, 5.0]))
        array([ 0.,  5., 10.])
    """
    return _named(axis_name).index()
