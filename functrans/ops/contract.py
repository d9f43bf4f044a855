"""Contractions of two arrays: ``dot``, ``inner``, ``vdot``, ``outer``, ``tensordot``.

All are products, linear in each operand alone, so a transpose per operand is all there is to write. It is the plain
transpose: no operand is conjugated, unless the operation itself conjugates it (``vdot``).
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from math import prod
from typing import Any, TypeAlias

import numpy as np

from functrans.errors import ShapeError
from functrans.ir.spec import ArraySpec
from functrans.ops import contraction
from functrans.ops.batching import Flags, Operands, Params, aligned, ranks
from functrans.ops.family import normalize_axis, operand
from functrans.ops.scalars import strong
from functrans.primitives import Bilinear, Primitive
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import METHODS, implements, refuse_out

Axes: TypeAlias = tuple[tuple[int, ...], tuple[int, ...]]


def contraction_dtype(*specs: ArraySpec) -> np.dtype[Any]:
    """The dtype of a product of arrays; Python scalars count as arrays here."""
    return np.result_type(*[spec.dtype for spec in specs])


def conj(x: Any) -> Any:
    """The complex conjugate; a real ``x`` itself, without a copy."""
    return np.conjugate(x) if ArraySpec.of(x).dtype.kind == "c" else x


def _rank(x: Any) -> int:
    return getattr(x, "ndim", 0)


def check_contracted(name: str, x: ArraySpec, y: ArraySpec, m: int, n: int) -> None:
    """Refuse a sum over axes of different lengths.

    Raises:
        ShapeError: ``m`` is not ``n``.
    """
    if m != n:
        raise ShapeError(
            f"`np.{name}` of {x!r} and {y!r}: an axis of length {m} meets one of length {n}",
            "the axes that are summed over must have the same length; a transpose (`x.T`, `x.mT`) may be missing.",
        )


def scaled(operands: Operands, batched: Flags) -> Any:
    """The product of each example's two operands, of which one is a number."""
    rank = max(ranks(operands, batched))
    a, b = [aligned(strong(x), flag, rank) for x, flag in zip(operands, batched, strict=True)]
    return a * b


def contracted(operands: Operands, batched: Flags, axes: Axes) -> Any:
    """Each example's sum over these axes of both: its result has the other axes of both."""
    m, n = ranks(operands, batched)
    of_a = list(range(1, m + 1))
    of_b = list(range(m + 1, m + n + 1))
    for i, j in zip(*axes, strict=True):
        of_b[j] = of_a[i]
    out = [*_free_of(of_a, axes[0]), *_free_of(of_b, axes[1])]
    labels = [[contraction.BATCH, *own] if flag else own for own, flag in zip((of_a, of_b), batched, strict=True)]
    a, b = [strong(x) for x in operands]
    return contraction.contract(a, labels[0], b, labels[1], [contraction.BATCH, *out])


def _free_of(labels: Sequence[int], axes: Sequence[int]) -> list[int]:
    return [label for i, label in enumerate(labels) if i not in axes]


# dot: over the last axis of one and the last but one of the other, without broadcasting


def _dot_spec(a: ArraySpec, b: ArraySpec) -> ArraySpec:
    if not a.ndim or not b.ndim:
        return ArraySpec(a.shape + b.shape, contraction_dtype(a, b))
    check_contracted("dot", a, b, a.shape[-1], b.shape[-2:][0])
    shape = a.shape[:-1] + b.shape[:-2] + (b.shape[-1:] if b.ndim > 1 else ())
    return ArraySpec(shape, contraction_dtype(a, b))


def _dot_left(ct: Any, a: Any, b: Any) -> Any:
    m, n = a.ndim, _rank(b)
    if not m or not n:
        return ct * b
    if n == 1:
        return ct * b if m == 1 else ct[..., None] * b
    if n == 2:
        return ct @ b.T if m > 1 else b @ ct
    return np.tensordot(ct, b, axes=(tuple(range(m - 1, ct.ndim)), (*range(n - 2), n - 1)))


def _dot_right(ct: Any, a: Any, b: Any) -> Any:
    m, n = _rank(a), b.ndim
    if not m or not n:
        return a * ct
    if m == 1:
        return a * ct if n == 1 else a[:, None] * ct[..., None, :]
    if m == 2 and n <= 2:
        return a.T @ ct
    rows = tuple(range(m - 1))
    moved = np.tensordot(a, ct, axes=(rows, rows))
    return moved if n <= 2 else np.moveaxis(moved, 0, -2)


def _dot_batch(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
    m, n = ranks(operands, batched)
    if not m or not n:
        return scaled(operands, batched)
    if n <= 2:
        return contraction.matmul(primitive, operands, batched, size, params)
    primitive.spec(*contraction.examples(operands, batched))
    return contracted(operands, batched, ((m - 1,), (n - 2,)))


dot_p = Primitive("dot", np.dot, _dot_spec, Bilinear((_dot_left, _dot_right)), batch=_dot_batch)


@implements(np.dot)
def dot(a: Any, b: Any, out: None = None) -> Any:
    """``np.dot``."""
    if out is not None:
        refuse_out("np.dot")
    return bind(dot_p, operand(a), operand(b))


METHODS["dot"] = dot


# inner: over the last axis of both


def _inner_spec(a: ArraySpec, b: ArraySpec) -> ArraySpec:
    if a.ndim and b.ndim:
        check_contracted("inner", a, b, a.shape[-1], b.shape[-1])
        return ArraySpec(a.shape[:-1] + b.shape[:-1], contraction_dtype(a, b))
    return ArraySpec(a.shape + b.shape, contraction_dtype(a, b))


def _inner_left(ct: Any, a: Any, b: Any) -> Any:
    m, n = a.ndim, _rank(b)
    if not m or not n or m == n == 1:
        return ct * b
    return np.tensordot(ct, b, axes=(tuple(range(m - 1, m + n - 2)), tuple(range(n - 1))))


def _inner_right(ct: Any, a: Any, b: Any) -> Any:
    m, n = _rank(a), b.ndim
    if not m or not n or m == n == 1:
        return ct * a
    rows = tuple(range(m - 1))
    return np.tensordot(ct, a, axes=(rows, rows))


def _inner_batch(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
    m, n = ranks(operands, batched)
    if not m or not n:
        return scaled(operands, batched)
    return contracted(operands, batched, ((m - 1,), (n - 1,)))


inner_p = Primitive(
    "inner", np.inner, _inner_spec, Bilinear((_inner_left, _inner_right)), batch=contraction.checked(_inner_batch)
)


@implements(np.inner)
def inner(a: Any, b: Any, /) -> Any:
    """``np.inner``."""
    return bind(inner_p, operand(a), operand(b))


# vdot: of everything, the first operand conjugated


def _vdot_spec(a: ArraySpec, b: ArraySpec) -> ArraySpec:
    check_contracted("vdot", a, b, a.size, b.size)
    return ArraySpec((), contraction_dtype(a, b))


def _shaped(value: Any, shape: tuple[int, ...]) -> Any:
    return value if value.shape == shape else np.reshape(value, shape)


def _flat(operands: Operands, batched: Flags, size: int) -> tuple[Any, Any]:
    """Each operand as one vector per example."""
    a, b = [
        _shaped(strong(x), (size, prod(np.shape(x)[1:])) if flag else (prod(np.shape(x)),))
        for x, flag in zip(operands, batched, strict=True)
    ]
    return a, b


def _vdot_batch(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
    a, b = _flat(operands, batched, size)
    if all(batched):
        return np.vecdot(a, b)
    return conj(a @ conj(b)) if batched[0] else b @ conj(a)


vdot_p = Primitive(
    "vdot",
    np.vdot,
    _vdot_spec,
    Bilinear(
        (
            lambda ct, a, b: _shaped(conj(ct * b), a.shape),
            lambda ct, a, b: _shaped(ct * conj(a), b.shape),
        )
    ),
    batch=contraction.checked(_vdot_batch),
)


@implements(np.vdot)
def vdot(a: Any, b: Any, /) -> Any:
    """``np.vdot``."""
    return bind(vdot_p, operand(a), operand(b))


# outer


def _outer_batch(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
    a, b = _flat(operands, batched, size)
    return a[..., :, None] * b[..., None, :]


outer_p = Primitive(
    "outer",
    np.outer,
    lambda a, b: ArraySpec((a.size, b.size), contraction_dtype(a, b)),
    Bilinear(
        (
            lambda ct, a, b: _shaped(ct @ np.ravel(b), a.shape),
            lambda ct, a, b: _shaped(np.ravel(a) @ ct, b.shape),
        )
    ),
    batch=_outer_batch,
)


@implements(np.outer)
def outer(a: Any, b: Any, out: None = None) -> Any:
    """``np.outer``."""
    if out is not None:
        refuse_out("np.outer")
    return bind(outer_p, operand(a), operand(b))


@implements(np.linalg.outer)
def linalg_outer(x1: Any, x2: Any, /) -> Any:
    """``np.linalg.outer``: of vectors only."""
    x1, x2 = operand(x1), operand(x2)
    if _rank(x1) != 1 or _rank(x2) != 1:
        raise ShapeError(
            f"`np.linalg.outer` of {ArraySpec.of(x1)!r} and {ArraySpec.of(x2)!r}: it takes vectors",
            "`np.outer` flattens its operands; `np.multiply.outer` keeps their axes.",
        )
    return outer(x1, x2)


# tensordot


def _free(axes: Sequence[int], ndim: int) -> list[int]:
    return [i for i in range(ndim) if i not in axes]


def _tensordot_spec(a: ArraySpec, b: ArraySpec, *, axes: Axes) -> ArraySpec:
    for i, j in zip(*axes, strict=True):
        check_contracted("tensordot", a, b, a.shape[i], b.shape[j])
    shape = [a.shape[i] for i in _free(axes[0], a.ndim)] + [b.shape[j] for j in _free(axes[1], b.ndim)]
    return ArraySpec(tuple(shape), contraction_dtype(a, b))


def _put_back(value: Any, order: list[int]) -> Any:
    """``value``, whose axis ``k`` belongs at ``order[k]``."""
    if order == sorted(order):
        return value
    return np.transpose(value, [order.index(i) for i in range(len(order))])


def _tensordot_left(ct: Any, a: Any, b: Any, *, axes: Axes) -> Any:
    free_a, free_b = _free(axes[0], a.ndim), _free(axes[1], _rank(b))
    product = np.tensordot(ct, b, axes=(tuple(range(len(free_a), ct.ndim)), tuple(free_b)))
    # Its axes are the free ones of a, then those that were summed, in the order in which b has them.
    return _put_back(product, free_a + [i for _, i in sorted(zip(axes[1], axes[0], strict=True))])


def _tensordot_right(ct: Any, a: Any, b: Any, *, axes: Axes) -> Any:
    free_a, free_b = _free(axes[0], _rank(a)), _free(axes[1], b.ndim)
    product = np.tensordot(a, ct, axes=(tuple(free_a), tuple(range(len(free_a)))))
    return _put_back(product, [j for _, j in sorted(zip(*axes, strict=True))] + free_b)


def _tensordot_batch(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
    return contracted(operands, batched, params["axes"])


tensordot_p = Primitive(
    "tensordot",
    np.tensordot,
    _tensordot_spec,
    Bilinear((_tensordot_left, _tensordot_right)),
    batch=contraction.checked(_tensordot_batch),
)


def _axis_list(axes: Any, ndim: int) -> tuple[int, ...]:
    given = tuple(axes) if np.iterable(axes) else (axes,)
    found = tuple(normalize_axis(axis, ndim) for axis in given)
    if len(set(found)) != len(found):
        raise ValueError("duplicate axes are not allowed in tensordot")
    return found


@implements(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """``np.tensordot``."""
    a, b = operand(a), operand(b)
    m, n = _rank(a), _rank(b)
    if np.iterable(axes):
        axes_a, axes_b = axes
    else:
        count = operator.index(axes)
        axes_a, axes_b = range(-count, 0), range(count)
    pairs = _axis_list(axes_a, m), _axis_list(axes_b, n)
    if len(pairs[0]) != len(pairs[1]):
        raise ShapeError(
            f"`np.tensordot` over {len(pairs[0])} axes of the one and {len(pairs[1])} of the other operand",
            "give as many axes of each.",
        )
    return bind(tensordot_p, a, b, axes=pairs)


@implements(np.linalg.tensordot)
def linalg_tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    """``np.linalg.tensordot``."""
    return tensordot(x1, x2, axes)
