"""Gradients of the norms made of singular values: the largest, the smallest, their sum.

Each gradient is an isometry made of singular vectors, ``w = u v^H``. Its own derivative is written without singular
vectors, whose derivatives need all singular values to differ: as the solution of linear equations in ``w`` and the
matrix, which traces to any order. Where a norm has no second derivative (the singular value in question is a
multiple one, or zero) it comes out as NaN.

Source: Stewart and Sun, *Matrix Perturbation Theory* (1990), chapter V; Higham, *Functions of Matrices* (2008),
chapter 8 (the polar factor).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.array_types import Array, Inexact
from functrans.ir.spec import ArraySpec
from functrans.ops.contract import conj
from functrans.ops.contraction import matrices
from functrans.ops.linalg import adjoint
from functrans.primitives import Primitive, Rules, call_source
from functrans.tracing.bind import bind


def nuclear_gradient(x: Inexact[Array, "... m n"]) -> Inexact[Array, "... m n"]:
    """The gradient of the sum of the singular values; zero ones add nothing."""
    wide = x.shape[-2] < x.shape[-1]
    w = bind(_polar, x.mT if wide else x)
    return conj(w.mT if wide else w)


def spectral_gradient(x: Inexact[Array, "... m n"], largest: bool) -> Inexact[Array, "... m n"]:
    """The gradient of the largest or the smallest singular value, shared equally among equal ones; 0 where it is 0."""
    return conj(bind(_spectral, x, largest=largest))


def _squares(w: Inexact[Array, "... m n"]) -> Inexact[Array, "... 1 1"]:
    return np.sum(np.real(w * conj(w)), axis=(-2, -1), keepdims=True)


# The sum: the polar factor w of x = w h, of a matrix not wider than high.


def polar_factor(x):  # type: ignore[no-untyped-def]
    """``u @ v`` of the singular value decomposition of ``x``, without the singular values that are zero."""
    u, s, v = np.linalg.svd(x, full_matrices=False)
    floor = np.finfo(s.dtype).eps * max(x.shape[-2:]) * np.max(s, axis=-1, keepdims=True, initial=0)
    return u * (s > floor)[..., None, :] @ v


def _polar_jvp(
    dx: Inexact[Array, "... m n"],
    w: Inexact[Array, "... m n"],
    x: Inexact[Array, "... m n"],
) -> Inexact[Array, "... m n"]:
    # x = w h with w^H w = 1 and h hermitian: w^H dw =: o is antihermitian, and o h + h o = w^H dx - dx^H w.
    rows, columns = x.shape[-2:]
    h = adjoint(w) @ x
    inner = adjoint(w) @ dx
    turned = w @ bind(_lyapunov, (h + adjoint(h)) * 0.5, inner - adjoint(inner))
    if rows > columns:
        turned = turned + adjoint(np.linalg.solve(h, adjoint(dx - w @ inner)))
    return np.where(_squares(w) > columns - 0.5, turned, np.nan)


_polar = Primitive(
    "polar_factor",
    polar_factor,
    lambda x: x,
    Rules(jvp=[_polar_jvp], vjp=None),
    source=lambda args, params: f"polar_factor({args[0]})",
    helpers={"polar_factor": polar_factor},
    batch=matrices(1),
)


def lyapunov(h, c):  # type: ignore[no-untyped-def]
    """The solution ``y`` of ``y @ h + h @ y == c``, for a hermitian ``h``."""
    w, q = np.linalg.eigh(h)
    adjoint = np.conj(np.swapaxes(q, -1, -2))
    with np.errstate(all="ignore"):
        return q @ ((adjoint @ c @ q) / (w[..., :, None] + w[..., None, :])) @ adjoint


def _lyapunov_jvp(
    dh: Inexact[Array, "... n n"],
    out: Inexact[Array, "... n n"],
    h: Inexact[Array, "... n n"],
    c: Any,
) -> Inexact[Array, "... n n"]:
    return -bind(_lyapunov, h, out @ dh + dh @ out)


def _lyapunov_vjp(
    ct: Inexact[Array, "... n n"],
    out: Inexact[Array, "... n n"],
    h: Inexact[Array, "... n n"],
    c: Any,
) -> Inexact[Array, "... n n"]:
    z = bind(_lyapunov, h.mT, ct)
    return -(out.mT @ z + z @ out.mT)


_lyapunov: Primitive = Primitive(
    "lyapunov",
    lyapunov,
    lambda h, c: ArraySpec(np.broadcast_shapes(h.shape, c.shape), np.result_type(h.dtype, c.dtype)),
    Rules(
        jvp=[_lyapunov_jvp, lambda dc, out, h, c: bind(_lyapunov, h, dc)],
        vjp=[_lyapunov_vjp, lambda ct, out, h, c: bind(_lyapunov, h.mT, ct)],
    ),
    source=lambda args, params: f"lyapunov({', '.join(args)})",
    helpers={"lyapunov": lyapunov},
    batch=matrices(2),
)


# The largest and the smallest: w = u v^H of that singular value alone.


def spectral_direction(x, largest):  # type: ignore[no-untyped-def]
    """``u v^H`` of the largest or smallest singular value of ``x``: the mean over equal ones, 0 where it is zero."""
    u, s, v = np.linalg.svd(x, full_matrices=False)
    top = np.max(s, axis=-1, keepdims=True, initial=0)
    floor = np.finfo(s.dtype).eps * max(x.shape[-2:]) * top
    chosen = s >= top - floor if largest else s <= np.min(s, axis=-1, keepdims=True) + floor
    shares = np.where(s > floor, chosen / np.sum(chosen, axis=-1, keepdims=True), 0).astype(s.dtype)
    return u * shares[..., None, :] @ v


def _spectral_jvp(
    dx: Inexact[Array, "... m n"],
    w: Inexact[Array, "... m n"],
    x: Inexact[Array, "... m n"],
    *,
    largest: bool,
) -> Inexact[Array, "... m n"]:
    # (s^2 - x x^H) du = (1 - u u^H) (s dx v + x dx^H u) and likewise dv; adding the projector u u^H on the left makes
    # the matrix regular and leaves the solution as it is. All divided by s.
    s = np.sum(np.real(conj(w) * x), axis=(-2, -1), keepdims=True)
    x, dx = x / s, dx / s
    left = _turn(w, x, dx)
    right = adjoint(_turn(adjoint(w), adjoint(x), adjoint(dx)))
    found = left + right
    if x.dtype.kind == "c":
        found = found + 1j * np.imag(np.sum(conj(w) * dx, axis=(-2, -1), keepdims=True)) * w
    return np.where(_squares(w) > 0.75, found, np.nan)


def _turn(
    w: Inexact[Array, "... m n"],
    x: Inexact[Array, "... m n"],
    dx: Inexact[Array, "... m n"],
) -> Inexact[Array, "... m n"]:
    unit = np.eye(x.shape[-2], dtype=x.dtype)
    along = w @ adjoint(w)
    moved = dx @ adjoint(w) @ w + x @ adjoint(dx) @ w
    return np.linalg.solve(unit - x @ adjoint(x) + along, moved - along @ moved)


_spectral = Primitive(
    "spectral_direction",
    spectral_direction,
    lambda x, *, largest: x,
    Rules(jvp=[_spectral_jvp], vjp=None),
    source=lambda args, params: call_source("spectral_direction", args, params),
    helpers={"spectral_direction": spectral_direction},
    batch=matrices(1),
)
