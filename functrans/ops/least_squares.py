"""``np.linalg.pinv`` and ``lstsq``: solutions for matrices that need not be regular.

A pseudoinverse is differentiable as long as the matrix keeps its rank: directions that change it are left out. Its
derivative is written in itself, and so traces to any order.

Source: G. Golub and V. Pereyra, *The differentiation of pseudo-inverses and nonlinear least squares problems whose
variables separate* (1973).
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from functrans.array_types import Array, Inexact
from functrans.errors import ShapeError
from functrans.ir.spec import ArraySpec
from functrans.ops.batching import Flags, Operands, Params, aligned, full, ranks
from functrans.ops.cholesky import lower_half
from functrans.ops.condition import matrix_rank
from functrans.ops.contract import conj
from functrans.ops.contraction import checked, examples
from functrans.ops.family import broadcast_shapes, keywords, operand, real_dtype
from functrans.ops.linalg import adjoint, linalg_dtype, shape_of_matrices, square
from functrans.ops.plain import plain
from functrans.ops.select import stop_gradient
from functrans.ops.svd import svdvals_p
from functrans.primitives import Linear, Primitive, Rules, call_source
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import implements

# pinv. A matrix that is said to be hermitian is read in its lower triangle alone, as by `cholesky`.


def _pinv_spec(a: ArraySpec, rcond: ArraySpec, *, hermitian: bool) -> ArraySpec:
    m, n = shape_of_matrices("pinv", a)
    batch = a.shape[:-2]
    if hermitian:
        square("pinv", a)
    if m and n and broadcast_shapes("np.linalg.pinv", [a.with_shape(batch), rcond]) != batch:
        raise ShapeError(
            f"`np.linalg.pinv` of {a!r} with `rcond` {rcond!r}: there are more tolerances than matrices",
            "give one number, or one for each matrix.",
        )
    return ArraySpec((*batch, n, m), linalg_dtype("pinv", a) if m and n else a.dtype)


def _read(a: Inexact[Array, "*batch n n"]) -> Inexact[Array, "*batch n n"]:
    """The hermitian matrix of which NumPy reads the lower triangle."""
    half = lower_half(a)
    return half + adjoint(half)


def _pinv_jvp(
    da: Inexact[Array, "*batch m n"], p: Inexact[Array, "*batch n m"], a: Any, rcond: Any, *, hermitian: bool
) -> Inexact[Array, "*batch n m"]:
    if hermitian:
        a, da = _read(a), _read(da)
    e, p_h = adjoint(da), adjoint(p)
    rows = e - (e @ a) @ p  # what of da goes out of the column space of a
    columns = e - p @ (a @ e)
    return p @ (p_h @ rows) + (columns @ p_h) @ p - p @ da @ p


def _pinv_vjp(
    ct: Inexact[Array, "*batch n m"], p: Inexact[Array, "*batch n m"], a: Any, rcond: Any, *, hermitian: bool
) -> Inexact[Array, "*batch m n"]:
    if hermitian:
        a = _read(a)
    e, a_c, p_c = adjoint(ct), conj(a), conj(p)
    rows = e - a_c @ (p_c @ e)
    columns = e - (e @ p_c) @ a_c
    found = (rows @ p_c) @ p.mT + p.mT @ (p_c @ columns) - p.mT @ ct @ p.mT
    return lower_half(found + adjoint(found)) if hermitian else found


def _pinv_batch(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
    (a, rcond), rank = operands, ranks(operands, batched)[0]
    if not batched[0]:
        a = np.broadcast_to(a, (size, *np.shape(a)))
    return bind(primitive, a, aligned(rcond, batched[1], rank - 2), **params)


pinv_p = Primitive(
    "pinv",
    np.linalg.pinv,
    _pinv_spec,
    Rules(jvp=[_pinv_jvp, None], vjp=[_pinv_vjp, None]),
    source=lambda args, params: call_source("np.linalg.pinv", args, keywords(params, hermitian=False)),
    masks=lambda *, hermitian: hermitian,
    batch=checked(_pinv_batch),
)

_NO_VALUE: Any = object()


@implements(np.linalg.pinv)
def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = _NO_VALUE) -> Any:
    """``np.linalg.pinv``; the tolerance only decides on the rank, so there is no derivative in it."""
    a = operand(a)
    if rcond is None:
        if rtol is _NO_VALUE:
            rcond = 1e-15
        elif rtol is None:
            rcond = max(a.shape[-2:]) * np.finfo(a.dtype).eps
        else:
            rcond = rtol
    elif rtol is not _NO_VALUE:
        raise ValueError("`rtol` and `rcond` can't be both set.")
    return bind(pinv_p, a, stop_gradient(operand(rcond)), hermitian=bool(hermitian))


# lstsq: x = pinv(a) @ b. What is left, r = b - a @ x, is orthogonal to the columns of a, so a change of x does not
# count in its square.


def _lstsq_spec(a: ArraySpec, b: ArraySpec, rcond: ArraySpec) -> tuple[ArraySpec, ...]:
    if a.ndim != 2 or b.ndim not in (1, 2) or a.shape[0] != b.shape[0]:
        raise ShapeError(
            f"`np.linalg.lstsq` of {a!r} and {b!r}: it takes a matrix `(m, n)`, and a vector `(m,)` or a matrix "
            "`(m, k)`",
            "for stacks of matrices write `np.linalg.pinv(a) @ b`, or `functrans.vmap`.",
        )
    (m, n), columns = a.shape, b.shape[1:]
    dtype = linalg_dtype("lstsq", a, b)
    real = real_dtype(dtype)
    left = () if m <= n else (columns or (1,))
    return (
        ArraySpec((n, *columns), dtype),
        ArraySpec(left or (0,), real),
        ArraySpec((), np.intc),
        ArraySpec((min(m, n),), real),
    )


def _pseudoinverse(a: Inexact[Array, "m n"], rcond: Any) -> Inexact[Array, "n m"]:
    # LAPACK takes a negative tolerance for its own.
    return pinv(a, np.where(rcond < 0, np.finfo(np.float64).eps, rcond))


def _columns(b: Any) -> Any:
    """A vector as a matrix of one column."""
    return b if b.ndim > 1 else b[:, None]


def _idle(ct: Any) -> bool:
    """Whether nobody asked for this output."""
    return type(ct) is np.ndarray and not ct.any()


_singular: Any = svdvals_p.derivative


def _lstsq_jvp_matrix(da: Inexact[Array, "m n"], out: Any, a: Any, b: Any, rcond: Any) -> Any:
    x, sums, rank, s = out
    p, found = _pseudoinverse(a, rcond), _columns(x)
    left = _columns(b) - a @ found
    moved, e, p_h = da @ found, adjoint(da), adjoint(p)
    dx = p @ (p_h @ (e @ left) - moved)
    turned = e @ (p_h @ found)
    dx = np.reshape(dx + turned - p @ (a @ turned), x.shape)
    return dx, _sums_moved(sums, left, -moved), rank * 0, _singular.jvp[0](da, s, a)


def _sums_moved(sums: Any, left: Inexact[Array, "m k"], moved: Inexact[Array, "m k"]) -> Any:
    """How the squares of what is left change; nothing, where NumPy gives no squares."""
    found = 2.0 * np.sum(np.real(conj(left) * moved), axis=0)
    return np.reshape(found, sums.shape) if sums.size else np.zeros(sums.shape, sums.dtype)


def _lstsq_jvp_vector(db: Any, out: Any, a: Any, b: Any, rcond: Any) -> Any:
    x, sums, rank, s = out
    left = _columns(b) - a @ _columns(x)
    return _pseudoinverse(a, rcond) @ db, _sums_moved(sums, left, _columns(db)), rank * 0, np.zeros(s.shape, s.dtype)


def _lstsq_vjp_matrix(ct: Any, out: Any, a: Any, b: Any, rcond: Any) -> Inexact[Array, "m n"]:
    ct_x, ct_sums, _, ct_s = ct
    found = _columns(out[0])
    p, left = _pseudoinverse(a, rcond), _columns(b) - a @ found
    total = np.zeros(a.shape, a.dtype)
    if not _idle(ct_x):
        ct_x = _columns(ct_x)
        e, p_c = adjoint(ct_x), conj(p)
        beside = e - (e @ p_c) @ conj(a)
        total = conj(left) @ (e @ p_c) @ p.mT + (p.mT @ conj(found)) @ beside - (p.mT @ ct_x) @ found.mT
    if ct_sums.size and not _idle(ct_sums):
        total = total - (2.0 * ct_sums * conj(left)) @ found.mT
    if not _idle(ct_s):
        total = total + _singular.vjp[0](ct_s, out[3], a)
    return total


def _lstsq_vjp_vector(ct: Any, out: Any, a: Any, b: Any, rcond: Any) -> Any:
    ct_x, ct_sums, _, _ = ct
    total = _pseudoinverse(a, rcond).mT @ ct_x
    if ct_sums.size and not _idle(ct_sums):
        total = total + np.reshape(2.0 * ct_sums * conj(_columns(b) - a @ _columns(out[0])), b.shape)
    return total


def _lstsq_batch(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
    a, b, rcond = operands
    specs = primitive.spec(*examples(operands, batched))
    vector = ranks(operands, batched)[1] == 1
    if not batched[0] and not batched[2]:
        # One matrix for all: one decomposition, for all columns of all right-hand sides.
        columns = b.T if vector else np.moveaxis(b, 0, 1)
        x, sums, rank, s = bind(primitive, a, np.reshape(columns, (columns.shape[0], prod(columns.shape[1:]))), rcond)
        x = np.moveaxis(np.reshape(x, (x.shape[0], *columns.shape[1:])), 1, 0)
        sums = np.reshape(sums, (size, *specs[1].shape)) if sums.size else np.zeros((size, *specs[1].shape), sums.dtype)
        return x, sums, np.broadcast_to(rank, (size,)), np.broadcast_to(s, (size, *s.shape))
    if not batched[0]:
        a = np.broadcast_to(a, (size, *a.shape))
    b = b[..., None] if vector else b
    found = _pseudoinverse(a, rcond) @ b
    left = b - a @ found
    s = np.linalg.svd(a, compute_uv=False)
    rank = matrix_rank(a, rtol=np.where(rcond < 0, np.finfo(np.float64).eps, rcond)).astype(np.intc)
    if specs[1].shape == (0,):
        sums = np.zeros((size, 0), specs[1].dtype)
    else:
        sums = np.where((rank == a.shape[-1])[:, None], np.sum(np.real(left * conj(left)), axis=-2), np.nan)
    return found[..., 0] if vector else found, sums, rank, s


def least_squares(a, b, rcond):  # type: ignore[no-untyped-def]
    """``np.linalg.lstsq``, with as many residuals whatever the rank: NaN for those that NumPy does not give."""
    x, sums, rank, s = np.linalg.lstsq(a, b, rcond)
    if a.shape[0] > a.shape[1] and rank < a.shape[1]:
        sums = np.full(b.shape[1:] or (1,), np.nan, s.dtype)
    return x, sums, rank, s


lstsq_p = Primitive(
    "lstsq",
    least_squares,
    _lstsq_spec,
    Rules(jvp=[_lstsq_jvp_matrix, _lstsq_jvp_vector, None], vjp=[_lstsq_vjp_matrix, _lstsq_vjp_vector, None]),
    source=lambda args, params: call_source("least_squares", args, params),
    helpers={"least_squares": least_squares},
    multiple=True,
    batch=_lstsq_batch,
)


def full_rank_sums(sums, rank, n):  # type: ignore[no-untyped-def]
    """The sums of squares of ``np.linalg.lstsq``, which are none unless the rank is ``n``."""
    if np.any(rank != n):
        raise np.linalg.LinAlgError(
            "np.linalg.lstsq: the matrix has dependent columns, and then NumPy returns no residuals; the program was "
            "written for independent ones. Compute them: np.sum(np.abs(b - a @ x) ** 2, axis=0)"
        )
    return sums


_full_rank: Primitive = Primitive(
    "full_rank_sums",
    full_rank_sums,
    lambda sums, rank, *, n: sums,
    Linear((lambda ct, sums, rank, n: bind(_full_rank, ct, rank, n=n), None)),
    source=lambda args, params: call_source("full_rank_sums", args, params),
    helpers={"full_rank_sums": full_rank_sums},
    batch=lambda primitive, operands, batched, size, params: bind(
        primitive, full(operands[0], batched[0], size), operands[1], **params
    ),
)


@implements(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """``np.linalg.lstsq``; whether there are residuals hangs on the rank, which a program takes to be full."""
    a, b = operand(a), operand(b)
    if rcond is None:
        rcond = np.finfo(np.float64).eps * max(a.shape)
    x, sums, rank, s = bind(lstsq_p, a, b, stop_gradient(rcond))
    if sums.size:
        if type(plain(rank)) is ArraySpec:
            sums = bind(_full_rank, sums, rank, n=a.shape[1])
        elif plain(rank) != a.shape[1]:
            sums = sums[:0]
    return x, sums, rank, s
