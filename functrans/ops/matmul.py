"""Products of stacks of matrices and vectors: ``matmul`` and ``@``, ``vecdot``, ``matvec``, ``vecmat``.

Transposes are plain: no operand is conjugated, unless the operation itself conjugates it (``vecdot``, ``vecmat``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functrans.errors import ShapeError, UncoveredFunctionError
from functrans.ir.spec import ArraySpec
from functrans.ops import contraction
from functrans.ops.batching import Flags, Operands, Params, ranks, stacked
from functrans.ops.contract import check_contracted, conj, contraction_dtype
from functrans.ops.family import broadcast_shapes, operand
from functrans.primitives import Batch, Bilinear, Primitive
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import UFUNCS, implements
from functrans.tracing.tracer import Tracer


def _matmul_spec(x: ArraySpec, y: ArraySpec) -> ArraySpec:
    if not x.ndim or not y.ndim:
        raise ShapeError(f"`np.matmul` of {x!r} and {y!r}: a scalar has no axis to sum over", "multiply with `*`.")
    check_contracted("matmul", x, y, x.shape[-1], y.shape[-2:][0])
    batch = broadcast_shapes("np.matmul", [x.with_shape(x.shape[:-2]), y.with_shape(y.shape[:-2])])
    shape = batch + (x.shape[-2:-1] if x.ndim > 1 else ()) + (y.shape[-1:] if y.ndim > 1 else ())
    return ArraySpec(shape, contraction_dtype(x, y))


def _matmul_left(ct: Any, x: Any, y: Any) -> Any:
    rank = y.ndim
    if rank == 1:
        return ct * y if x.ndim == 1 else ct[..., None] * y
    if x.ndim > 2 or rank == 2:
        return ct @ y.mT if x.ndim > 1 else y @ ct
    # One matrix (or vector) for a whole stack: sum over the stack while multiplying, not after it.
    stack = tuple(range(rank - 2))
    last = (*stack, ct.ndim - 1)
    return np.tensordot(ct, y, axes=(last, (*stack, rank - 1)))


def _matmul_right(ct: Any, x: Any, y: Any) -> Any:
    rank = x.ndim
    if rank == 1:
        return x * ct if y.ndim == 1 else x[:, None] * ct[..., None, :]
    if y.ndim > 2 or rank == 2:
        return x.mT @ ct
    rows = tuple(range(rank - 1))
    return np.tensordot(x, ct, axes=(rows, rows))


matmul_p = Primitive(
    "matmul",
    np.matmul,
    _matmul_spec,
    Bilinear((_matmul_left, _matmul_right)),
    source=lambda args, params: f"{args[0]} @ {args[1]}",
    batch=contraction.matmul,
)


@implements(np.linalg.matmul)
def matmul(x1: Any, x2: Any, /, **keywords: Any) -> Any:
    """``np.matmul``."""
    if keywords:
        return _with_axes(matmul, (2, 2, 2), x1, x2, **keywords)
    return bind(matmul_p, operand(x1), operand(x2))


UFUNCS[np.matmul] = matmul


def _with_axes(
    handler: Callable[..., Any], cores: tuple[int, int, int], x1: Any, x2: Any, *, axes: Any = None, **keywords: Any
) -> Any:
    """A product whose operands have their matrices or vectors on other axes than the last (``cores`` says how many)."""
    if keywords:
        raise TypeError(f"got an unexpected keyword argument {next(iter(keywords))!r}")
    values = [operand(x1), operand(x2)]
    given = [entry if isinstance(entry, tuple) else (entry,) for entry in axes]
    if len(given) == 2 and not cores[2]:
        given.append(())
    if tuple(map(len, given)) != cores:
        raise ValueError(f"axes={axes!r} must list {cores} axes of the operands and of the result")
    last = [tuple(range(-count, 0)) for count in cores]
    values = [np.moveaxis(x, own, place) for x, own, place in zip(values, given, last, strict=False)]
    return np.moveaxis(handler(*values), last[2], given[2])


def _matmul_operator(self: Tracer, other: Any) -> Any:
    if getattr(other, "__array_ufunc__", True) is None:
        return NotImplemented
    return matmul(self, other)


def _matmul_reflected(self: Tracer, other: Any) -> Any:
    if getattr(other, "__array_ufunc__", True) is None:
        return NotImplemented
    return matmul(other, self)


for _name, _operate in {"__matmul__": _matmul_operator, "__rmatmul__": _matmul_reflected}.items():
    setattr(Tracer, _name, _operate)


# vecdot, matvec, vecmat: products of stacks of vectors and matrices


def _vecdot_spec(x: ArraySpec, y: ArraySpec) -> ArraySpec:
    if not x.ndim or not y.ndim:
        raise ShapeError(f"`np.vecdot` of {x!r} and {y!r}: a scalar has no axis to sum over", "multiply with `*`.")
    check_contracted("vecdot", x, y, x.shape[-1], y.shape[-1])
    return _stacked("np.vecdot", x, 1, y, 1, ())


def _stacked(name: str, x: ArraySpec, m: int, y: ArraySpec, n: int, core: tuple[int, ...]) -> ArraySpec:
    batch = broadcast_shapes(name, [x.with_shape(x.shape[: x.ndim - m]), y.with_shape(y.shape[: y.ndim - n])])
    return ArraySpec(batch + core, contraction_dtype(x, y))


def _vecdot_batch(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
    (x, y), (m, n) = operands, ranks(operands, batched)
    if n == 1 and not batched[1]:
        return conj(contraction.rows(x, conj(y)))
    if m == 1 and not batched[0]:
        return contraction.rows(y, conj(x))
    return stacked(1, 1)(primitive, operands, batched, size, params)


vecdot_p = Primitive(
    "vecdot",
    np.vecdot,
    _vecdot_spec,
    Bilinear(
        (
            lambda ct, x, y: conj(ct[..., None] * y),
            lambda ct, x, y: ct[..., None] * conj(x),
        )
    ),
    batch=contraction.checked(_vecdot_batch),
)


def vecdot(x1: Any, x2: Any, /, *, axis: int = -1, axes: Any = None, keepdims: bool = False) -> Any:
    """``np.vecdot``."""
    x1, x2 = operand(x1), operand(x2)
    if axes is not None:
        if keepdims:
            raise UncoveredFunctionError(
                "`np.vecdot` with both `axes=` and `keepdims=`", "use `np.expand_dims` on the result."
            )
        return _with_axes(vecdot, (1, 1, 0), x1, x2, axes=axes)
    if axis != -1:
        x1, x2 = np.moveaxis(x1, axis, -1), np.moveaxis(x2, axis, -1)
    out = bind(vecdot_p, x1, x2)
    return np.expand_dims(out, axis) if keepdims else out


UFUNCS[np.vecdot] = vecdot


@implements(np.linalg.vecdot)
def linalg_vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """``np.linalg.vecdot``."""
    return vecdot(x1, x2, axis=axis)


def _matvec_spec(x: ArraySpec, y: ArraySpec) -> ArraySpec:
    if x.ndim < 2 or not y.ndim:
        raise ShapeError(f"`np.matvec` of {x!r} and {y!r}", "it takes stacks of matrices and of vectors.")
    check_contracted("matvec", x, y, x.shape[-1], y.shape[-1])
    return _stacked("np.matvec", x, 2, y, 1, x.shape[-2:-1])


def _vecmat_spec(x: ArraySpec, y: ArraySpec) -> ArraySpec:
    if not x.ndim or y.ndim < 2:
        raise ShapeError(f"`np.vecmat` of {x!r} and {y!r}", "it takes stacks of vectors and of matrices.")
    check_contracted("vecmat", x, y, x.shape[-1], y.shape[-2])
    return _stacked("np.vecmat", x, 1, y, 2, y.shape[-1:])


def _matvec_batch(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
    (x, y), (m, n) = operands, ranks(operands, batched)
    if n == 1 and not batched[1]:
        return contraction.rows(x, y)
    if m == 2 and not batched[0]:
        return contraction.rows(y, x.mT)
    return stacked(2, 1)(primitive, operands, batched, size, params)


def _vecmat_batch(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
    x, y = operands
    if ranks(operands, batched)[1] == 2 and not batched[1]:
        return contraction.rows(conj(x), y)
    return stacked(1, 2)(primitive, operands, batched, size, params)


def _declare_2_2() -> None:
    """``matvec`` and ``vecmat``, which NumPy has since 2.2."""
    if not hasattr(np, "matvec"):
        return
    matvec, vecmat = np.matvec, np.vecmat
    rules: list[tuple[np.ufunc, tuple[int, int, int], Callable[..., ArraySpec], Batch, Bilinear]] = [
        (
            matvec,
            (2, 1, 1),
            _matvec_spec,
            _matvec_batch,
            Bilinear(
                (
                    lambda ct, x, y: ct[..., :, None] * y[..., None, :],
                    lambda ct, x, y: np.matvec(x.mT, ct),
                )
            ),
        ),
        (
            vecmat,
            (1, 2, 1),
            _vecmat_spec,
            _vecmat_batch,
            Bilinear(
                (
                    lambda ct, x, y: conj(np.matvec(y, ct)),
                    lambda ct, x, y: conj(x)[..., :, None] * ct[..., None, :],
                )
            ),
        ),
    ]
    for ufunc, cores, spec, batch, derivative in rules:
        primitive = Primitive(ufunc.__name__, ufunc, spec, derivative, batch=contraction.checked(batch))
        UFUNCS[ufunc] = _handler(primitive, cores)


def _handler(primitive: Primitive, cores: tuple[int, int, int]) -> Callable[..., Any]:
    def handler(x1: Any, x2: Any, /, **keywords: Any) -> Any:
        if keywords:
            return _with_axes(handler, cores, x1, x2, **keywords)
        return bind(primitive, operand(x1), operand(x2))

    return handler


_declare_2_2()
