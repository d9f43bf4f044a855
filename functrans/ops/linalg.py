"""``np.linalg``: linear systems, also of tensors, inverses, powers, determinants in logarithms.

Source: M. Giles, *An extended collection of matrix derivative results for forward and reverse mode algorithmic
differentiation* (2008).
"""

from __future__ import annotations

import operator
from math import prod
from typing import Any

import numpy as np

from functrans.array_types import Array, Inexact, Num
from functrans.errors import ShapeError
from functrans.ir.spec import ArraySpec
from functrans.ops.batching import Flags, Operands, Params, ranks
from functrans.ops.contract import conj
from functrans.ops.contraction import checked, matrices
from functrans.ops.family import broadcast_shapes, operand, real_dtype
from functrans.primitives import Primitive, Rules, Source, call_source
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import implements


def linalg_dtype(name: str, *specs: ArraySpec) -> np.dtype[Any]:
    """The dtype of what ``np.linalg`` computes: integers count as double precision."""
    for spec in specs:
        if spec.dtype.char in "egG":
            raise TypeError(f"array type {spec.dtype.name} is unsupported in linalg ({name})")
    kinds = [spec.dtype if spec.dtype.kind in "fc" else np.dtype(np.float64) for spec in specs]
    return np.result_type(*kinds)


def square(name: str, a: ArraySpec) -> tuple[int, ...]:
    """The shape of a stack of square matrices, without the matrices.

    Raises:
        ShapeError: it is no such stack.
    """
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ShapeError(
            f"`np.linalg.{name}` of {a!r}: the last two axes must be a square matrix",
            "for other matrices there are `np.linalg.lstsq` and `np.linalg.pinv`.",
        )
    return a.shape[:-2]


def shape_of_matrices(name: str, a: ArraySpec) -> tuple[int, int]:
    """The number of rows and of columns of each matrix.

    Raises:
        ShapeError: it is no stack of matrices.
    """
    if a.ndim < 2:
        raise ShapeError(
            f"`np.linalg.{name}` of {a!r}: it takes matrices, or stacks of them",
            "make a vector a matrix of one column with `a[:, None]`.",
        )
    return a.shape[-2], a.shape[-1]


def adjoint(x: Inexact[Array, "*batch m n"]) -> Inexact[Array, "*batch n m"]:
    """The conjugate transpose of each matrix."""
    return conj(x.mT)


def linalg_source(name: str) -> Source:
    """Prints ``np.linalg.name(...)``."""
    return lambda args, params: call_source(f"np.linalg.{name}", args, params)


def _inv_spec(a: ArraySpec) -> ArraySpec:
    square("inv", a)
    return ArraySpec(a.shape, linalg_dtype("inv", a))


inv_p = Primitive(
    "inv",
    np.linalg.inv,
    _inv_spec,
    Rules(
        jvp=[lambda da, out, a: -(out @ da @ out)],
        vjp=[lambda ct, out, a: -(out.mT @ ct @ out.mT)],
    ),
    source=linalg_source("inv"),
    batch=matrices(1),
)


@implements(np.linalg.inv)
def inv(a: Any) -> Any:
    """``np.linalg.inv``."""
    return bind(inv_p, operand(a))


# solve: a @ out = b, so a @ dout = db - da @ out. A `b` of one axis is a vector, any other a stack of matrices.


def _solve_spec(a: ArraySpec, b: ArraySpec) -> ArraySpec:
    batch = square("solve", a)
    core = b.shape[-2:]
    if not core or core[0] != a.shape[-1]:
        raise ShapeError(
            f"`np.linalg.solve` of {a!r} and {b!r}: the matrix does not fit the right-hand side",
            "it is a vector `(m,)` or matrices `(..., m, k)`; pass a stack of vectors as `b[..., None]`.",
        )
    batch = broadcast_shapes("np.linalg.solve", [a.with_shape(batch), b.with_shape(b.shape[:-2])])
    return ArraySpec(batch + core, linalg_dtype("solve", a, b))


def _solve_columns(a: Num[Array, "... n n"], rhs: Inexact[Array, "..."], b: Any) -> Inexact[Array, "..."]:
    """``solve`` with as many axes in ``rhs`` as the result for ``b`` has: a stack of vectors, if ``b`` is one."""
    if b.ndim > 1:
        return np.linalg.solve(a, rhs)
    return np.linalg.solve(a, rhs) if rhs.ndim == 1 else np.linalg.solve(a, rhs[..., None])[..., 0]


def _solve_jvp_matrix(
    da: Inexact[Array, "... n n"], out: Inexact[Array, "..."], a: Inexact[Array, "... n n"], b: Any
) -> Inexact[Array, "..."]:
    moved = da @ out if b.ndim > 1 else (da @ out[..., None])[..., 0]
    return -_solve_columns(a, moved, b)


def _solve_vjp_matrix(
    ct: Inexact[Array, "*out"], out: Inexact[Array, "*out"], a: Inexact[Array, "... n n"], b: Any
) -> Inexact[Array, "... n n"]:
    z = _solve_columns(a.mT, ct, b)
    return -(z @ out.mT) if b.ndim > 1 else -z[..., :, None] * out[..., None, :]


def _solve_batch(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
    (a, b), (m, n) = operands, ranks(operands, batched)
    if n > 1:
        if batched[0] or m > 2:
            return matrices(2)(primitive, operands, batched, size, params)
        # One matrix for all: it is factored once, for all columns of all right-hand sides.
        columns = np.moveaxis(b, -2, 0)
        found = np.linalg.solve(a, np.reshape(columns, (columns.shape[0], prod(columns.shape[1:]))))
        return np.moveaxis(np.reshape(found, columns.shape), 0, -2)
    if not batched[1]:
        return np.linalg.solve(a, b)
    if batched[0]:
        return np.linalg.solve(a, np.reshape(b, (size, *[1] * (m - 2), b.shape[1], 1)))[..., 0]
    return np.moveaxis(np.linalg.solve(a, b.T), -1, 0)


solve_p = Primitive(
    "solve",
    np.linalg.solve,
    _solve_spec,
    Rules(
        jvp=[_solve_jvp_matrix, lambda db, out, a, b: np.linalg.solve(a, db)],
        vjp=[_solve_vjp_matrix, lambda ct, out, a, b: _solve_columns(a.mT, ct, b)],
    ),
    source=linalg_source("solve"),
    batch=checked(_solve_batch),
)


@implements(np.linalg.solve)
def solve(a: Any, b: Any) -> Any:
    """``np.linalg.solve``."""
    return bind(solve_p, operand(a), operand(b))


# Tensors as matrices: the same steps as NumPy's.


@implements(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """``np.linalg.tensorsolve``."""
    a, b = operand(a), operand(b)
    ndim, shape_b = len(np.shape(a)), np.shape(b)
    if axes is not None:
        order = list(range(ndim))
        for axis in axes:
            order.remove(axis)
            order.append(axis)
        a = np.transpose(a, order)
    shape = np.shape(a)[len(shape_b) - ndim :]
    size = prod(shape)
    if prod(np.shape(a)) != size**2:
        raise ShapeError(
            f"`np.linalg.tensorsolve` of {ArraySpec.of(a)!r} and {ArraySpec.of(b)!r}: as a matrix the first is not "
            "square",
            "its first axes are those of `b`, and those behind them, the solution's, must have as many entries; "
            "`axes=` says which go to the end before.",
        )
    return np.reshape(np.linalg.solve(np.reshape(a, (size, size)), np.ravel(b)), shape)


@implements(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Any:
    """``np.linalg.tensorinv``."""
    shape = a.shape
    if ind <= 0:
        raise ValueError("Invalid ind argument.")
    return np.reshape(np.linalg.inv(np.reshape(a, (prod(shape[ind:]), -1))), (*shape[ind:], *shape[:ind]))


# slogdet: d log det a = trace(inv(a) @ da), whose real part is the modulus's and whose imaginary part the angle's.


def _slogdet_impl(a: Any) -> Any:
    return tuple(np.linalg.slogdet(a))


def _slogdet_spec(a: ArraySpec) -> tuple[ArraySpec, ArraySpec]:
    shape, dtype = square("slogdet", a), linalg_dtype("slogdet", a)
    return ArraySpec(shape, dtype), ArraySpec(shape, real_dtype(dtype))


def _slogdet_jvp(da: Inexact[Array, "*batch n n"], out: Any, a: Inexact[Array, "*batch n n"]) -> Any:
    growth = np.sum(np.linalg.inv(a).mT * da, axis=(-2, -1))
    if out[0].dtype.kind != "c":
        return np.zeros(growth.shape, growth.dtype), growth
    return 1j * np.imag(growth) * out[0], np.real(growth)


def _slogdet_vjp(ct: Any, out: Any, a: Inexact[Array, "*batch n n"]) -> Inexact[Array, "*batch n n"]:
    by_sign, by_log = ct
    weight = by_log if out[0].dtype.kind != "c" else by_log + 1j * np.imag(by_sign * out[0])
    return weight[..., None, None] * np.linalg.inv(a).mT


slogdet_p = Primitive(
    "slogdet",
    _slogdet_impl,
    _slogdet_spec,
    Rules(jvp=[_slogdet_jvp], vjp=[_slogdet_vjp]),
    source=linalg_source("slogdet"),
    multiple=True,
    batch=matrices(1),
)


@implements(np.linalg.slogdet)
def slogdet(a: Any) -> Any:
    """``np.linalg.slogdet``: a named pair, as NumPy's. The sign of a real determinant is constant."""
    result = type(np.linalg.slogdet(np.ones((1, 1))))
    return result(*bind(slogdet_p, operand(a)))


@implements(np.linalg.matrix_power)
def matrix_power(a: Any, n: Any) -> Any:
    """``np.linalg.matrix_power``: the same products in the same order as NumPy's."""
    a = operand(a)
    square("matrix_power", ArraySpec.of(a))
    try:
        n = operator.index(n)
    except TypeError:
        raise TypeError("exponent must be an integer") from None
    if n == 0:
        return np.zeros(a.shape, a.dtype) + np.eye(a.shape[-1], dtype=a.dtype)
    if n < 0:
        a, n = np.linalg.inv(a), -n
    if n == 3:
        return (a @ a) @ a
    power, result = a, None
    while True:
        n, odd = divmod(n, 2)
        if odd:
            result = power if result is None else result @ power
        if not n:
            return result
        power = power @ power


@implements(np.linalg.trace)
def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """``np.linalg.trace``: of the last two axes."""
    return np.trace(x, offset, axis1=-2, axis2=-1, dtype=dtype)


@implements(np.linalg.diagonal)
def diagonal(x: Any, /, *, offset: int = 0) -> Any:
    """``np.linalg.diagonal``: of the last two axes."""
    return np.diagonal(x, offset, axis1=-2, axis2=-1)
