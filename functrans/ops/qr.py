"""``np.linalg.qr``, of matrices of any shape.

LAPACK's ``r`` has a real diagonal whose signs do not change nearby, which makes the factors unique as far as their
columns are independent. The derivative exists where the first ``min(m, n)`` columns are independent, and is NaN
elsewhere.

The further columns of mode ``"complete"`` could be turned among themselves, but NumPy's are a function of the first
ones, ``q1``, as ``q`` is a product of reflectors: ``q = 1 - w inv(w1)^H w^H``, where ``w`` is the identity's first
columns less ``q1``, and ``w1`` its square part. This is what is differentiated. Where LAPACK skips a reflector, since
a column has nothing to be removed, the factors jump; there the further columns turn as little as they must.

Source: S. Walter and L. Lehmann, *Algorithmic differentiation of linear algebra functions with application in optimum
experimental design* (2010); D. Roberts and L. Roberts, *QR and LQ decomposition matrix backpropagation algorithms for
square, wide, and deep matrices and their software implementation* (2020); G. Ballard et al., *Reconstructing
Householder vectors from tall-skinny QR* (2014).
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from functrans.array_types import Array, Inexact
from functrans.errors import UncoveredFunctionError
from functrans.ir.spec import ArraySpec
from functrans.ops.contract import conj
from functrans.ops.contraction import matrices
from functrans.ops.family import keywords, operand, real_dtype
from functrans.ops.linalg import adjoint, linalg_dtype, shape_of_matrices
from functrans.primitives import Primitive, Rules, call_source
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import implements


def independent_inverse(r):  # type: ignore[no-untyped-def]
    """The inverse of each triangular matrix whose columns are independent up to rounding; NaN for others."""
    unit = np.eye(r.shape[-1], dtype=r.dtype)
    with np.errstate(all="ignore"):
        # Of columns of like size, which changes nothing in whether they are independent.
        size = np.max(np.abs(r), axis=-2, keepdims=True, initial=0)
        scaled = r / np.where(size > 0, size, 1)
        regular = np.isfinite(np.sum(scaled, axis=(-2, -1))) & np.all(np.diagonal(scaled, 0, -2, -1) != 0, axis=-1)
        inverse = np.linalg.inv(np.where(regular[..., None, None], scaled, unit))
        reach = np.sqrt(np.sum(np.abs(inverse) ** 2, axis=(-2, -1)))
        regular = regular & (reach * (np.finfo(r.dtype).eps * r.shape[-1]) < 0.1)
        found = inverse / np.swapaxes(size, -1, -2)
    return np.where(regular[..., None, None], found, np.nan).astype(r.dtype)


_inverse: Primitive = Primitive(
    "independent_inverse",
    independent_inverse,
    lambda r: r,
    Rules(
        jvp=[lambda dr, out, r: -(out @ dr @ out)],
        vjp=[lambda ct, out, r: -(out.mT @ ct @ out.mT)],
    ),
    source=lambda args, params: f"independent_inverse({args[0]})",
    helpers={"independent_inverse": independent_inverse},
    batch=matrices(1),
)


def _half(x: Inexact[Array, "*batch n n"]) -> Inexact[Array, "*batch n n"]:
    """The upper triangle, with half the diagonal: ``_half(x) + adjoint(_half(x)) == x`` for a hermitian ``x``."""
    return np.triu(x) * (1.0 - 0.5 * np.eye(x.shape[-1])).astype(real_dtype(x.dtype))


def _further(q: Inexact[Array, "*batch m m"], n: int) -> Inexact[Array, "*batch n k"]:
    """``x = inv(w1)^H w2^H``, from which the columns of ``q`` behind the first ``n`` follow: they are ``[0, 1] - w x``.

    0 where a reflector was skipped: else the modulus of ``det(w1)`` is at least one.
    """
    unit = np.eye(n, dtype=q.dtype)
    w = unit - q[..., :n, :n]
    regular = (np.abs(np.linalg.det(w)) > 0.5)[..., None, None]
    return np.where(regular, np.linalg.solve(np.where(regular, w, unit), -q[..., :n, n:]), 0.0)


# With a1 the first k = min(m, n) columns of a, r1 those of r: q^H dq =: o is antihermitian, and q^H da1 r1^-1 =: c is
# o + dr1 r1^-1, where the second has no entries below the diagonal, and real ones on it: it is h = _half(c + c^H).


def _qr_jvp(
    da: Inexact[Array, "*batch m n"], out: Any, a: Inexact[Array, "*batch m n"], *, mode: str
) -> tuple[Any, Any]:
    q, r = out
    m, n = da.shape[-2:]
    k = min(m, n)
    inverse = bind(_inverse, r[..., :k, :k])
    q1, moved = q[..., :k], da[..., :k] @ inverse
    c = adjoint(q1) @ moved
    h = _half(c + adjoint(c))
    dr = h @ r[..., :k, :k]
    dq = moved - q1 @ h
    if m < n:
        dr = np.concatenate([dr, adjoint(q) @ da[..., k:] - (c - h) @ r[..., k:]], axis=-1)
    elif q.shape[-1] > k:
        q2 = q[..., k:]
        f, x = adjoint(q2) @ moved, _further(q, k)
        turned = f @ x
        turned = turned - adjoint(turned) - adjoint(x) @ (c - h) @ x
        dq = np.concatenate([dq, q2 @ turned - q1 @ adjoint(f)], axis=-1)
        dr = np.concatenate([dr, np.zeros((*dr.shape[:-2], m - k, k), dr.dtype)], axis=-2)
    return dq, dr


def _qr_vjp(ct: Any, out: Any, a: Inexact[Array, "*batch m n"], *, mode: str) -> Inexact[Array, "*batch m n"]:
    (ct_q, ct_r), (q, r) = ct, out
    m, n = a.shape[-2:]
    k = min(m, n)
    inverse = bind(_inverse, r[..., :k, :k])
    q1, ct_q1 = q[..., :k], ct_q[..., :k]
    # Entries of r below the diagonal are zero whatever a is: what arrives there does not count.
    by_h = np.triu(ct_r[..., :k, :k]) @ r[..., :k, :k].mT - q1.mT @ ct_q1
    if m < n:
        by_o = ct_r[..., k:] @ r[..., k:].mT
        by_c = _hermitian(by_h + by_o) - by_o
        return np.concatenate([(ct_q1 + conj(q1) @ by_c) @ inverse.mT, conj(q) @ ct_r[..., k:]], axis=-1)
    if q.shape[-1] == k:
        return (ct_q1 + conj(q1) @ _hermitian(by_h)) @ inverse.mT
    q2, ct_q2, x = q[..., k:], ct_q[..., k:], _further(q, k)
    inner = q2.mT @ ct_q2
    turned = conj(x) @ inner @ x.mT
    by_c = q1.mT @ ct_q1 - turned + _hermitian(by_h + turned)
    by_f = q2.mT @ ct_q1 - adjoint(q1.mT @ ct_q2) + (inner - adjoint(inner)) @ x.mT
    return (conj(q1) @ by_c + conj(q2) @ by_f) @ inverse.mT


def _hermitian(x: Inexact[Array, "*batch n n"]) -> Inexact[Array, "*batch n n"]:
    """What ``c`` is multiplied with, where ``x`` is what ``h`` is."""
    half = _half(x)
    return half + adjoint(half)


def _qr_impl(a: Any, *, mode: Any) -> Any:
    return tuple(np.linalg.qr(a, mode))


def _qr_spec(a: ArraySpec, *, mode: str) -> tuple[ArraySpec, ArraySpec]:
    dtype = linalg_dtype("qr", a)
    m, n = shape_of_matrices("qr", a)
    inner = m if mode == "complete" else min(m, n)
    return ArraySpec((*a.shape[:-2], m, inner), dtype), ArraySpec((*a.shape[:-2], inner, n), dtype)


qr_p = Primitive(
    "qr",
    _qr_impl,
    _qr_spec,
    Rules(jvp=[_qr_jvp], vjp=[_qr_vjp]),
    source=lambda args, params: call_source("np.linalg.qr", args, keywords(params, mode="reduced")),
    multiple=True,
    masks=True,
    batch=matrices(1),
)


@implements(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    """``np.linalg.qr``: a named pair, as NumPy's; for mode ``"r"`` the second of it."""
    if mode in ("f", "full"):
        warnings.warn(
            "The 'full' option is deprecated in favor of 'reduced'.\nFor backward compatibility let mode default.",
            DeprecationWarning,
            stacklevel=2,
        )
        mode = "reduced"
    if mode in ("raw", "e", "economic"):
        raise UncoveredFunctionError(
            f"`np.linalg.qr` of a traced value with mode {mode!r}, LAPACK's vectors of reflectors, is not covered",
            "use mode 'complete', whose first factor is the product of these reflectors; mode 'r' gives the second one "
            "alone.",
        )
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f"Unrecognized mode '{mode}'")
    pair = bind(qr_p, operand(a), mode="complete" if mode == "complete" else "reduced")
    if mode == "r":
        return pair[1]
    return type(np.linalg.qr(np.ones((1, 1))))(*pair)
