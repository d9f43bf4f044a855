"""Broadcasting: entries repeated along new or stretched axes, as a view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from functrans.errors import ShapeError
from functrans.ir.source import param_source
from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.shape import as_shape, operand_array, to_shape
from functrans.primitives import Linear, Primitive
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import implements
from functrans.tracing.tracer import Tracer


def _broadcast_spec(x: ArraySpec, shape: tuple[int, ...]) -> ArraySpec:
    try:
        fits = np.broadcast_shapes(x.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(
            f"cannot broadcast {x} to {shape}",
            "shapes are compared from the last axis; each length must be equal to the new one, or 1.",
        )
    return ArraySpec(shape, x.dtype)


def _broadcast_batch(
    primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    shape = params["shape"]
    return bind(primitive, batching.aligned(operands[0], True, len(shape)), shape=(size, *shape))


broadcast_to_p = Primitive(
    "broadcast_to",
    np.broadcast_to,
    _broadcast_spec,
    # That the cotangent is summed over what was broadcast, is what happens to every cotangent.
    Linear((lambda ct, x, shape: ct,)),
    source=lambda args, params: f"np.broadcast_to({args[0]}, {param_source(params['shape'])})",
    batch=_broadcast_batch,
)


@implements(np.broadcast_to)
def broadcast_to(array: Any, shape: Any, subok: bool = False) -> Any:
    """``np.broadcast_to``."""
    return stretch(array, as_shape(shape))


def stretch(x: Any, shape: tuple[int, ...]) -> Any:
    """``x`` broadcast to a shape, itself if it has it."""
    if type(x) is Tracer and x.shape == shape and not x.spec.weak:
        return x
    return bind(broadcast_to_p, x, shape=shape)


@implements(np.broadcast_arrays)
def broadcast_arrays(*args: Any, subok: bool = False) -> tuple[Any, ...]:
    """``np.broadcast_arrays``."""
    arrays = [operand_array(arg) for arg in args]
    shape = np.broadcast_shapes(*[a.shape for a in arrays])
    return tuple([stretch(a, shape) for a in arrays])


@implements(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Any, ...]:
    """``np.meshgrid``."""
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    ndim = len(xi)
    grids: list[Any] = []
    for i, x in enumerate(map(operand_array, xi)):
        axis = 1 - i if indexing == "xy" and ndim > 1 and i < 2 else i
        grids.append(to_shape(x, (1,) * axis + (x.size,) + (1,) * (ndim - 1 - axis)))
    return tuple(grids) if sparse else broadcast_arrays(*grids)
