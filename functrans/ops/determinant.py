"""``np.linalg.det``, whose derivatives exist everywhere, at singular matrices too.

The determinant is a polynomial, so no derivative of it may divide by it. Its gradient is the matrix of cofactors and
its Hessian is made of second cofactors; both are computed here from a singular value decomposition, which needs no
inverse: with ``a = u s v`` the cofactors of ``a`` are those of ``u``, of ``s`` and of ``v``, multiplied, and those of
the diagonal ``s`` are products of all singular values but one (but two, for second cofactors). Rows and columns are
brought to like size before, since singular vectors are precise as wholes, not entry by entry. Every further derivative
is a mean of second cofactors over a circle of matrices, which for a polynomial is exact.

Source: Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed. (2002), problem 14.13 (the adjugate through
the SVD).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.array_types import Array, Inexact
from functrans.ir.spec import ArraySpec
from functrans.ops.contraction import matrices
from functrans.ops.family import operand, real_dtype
from functrans.ops.linalg import linalg_dtype, linalg_source, square
from functrans.primitives import Constant, Primitive, Rules
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import implements


def balanced(a):  # type: ignore[no-untyped-def]
    """The matrices with rows and columns of like size; the exponents of two by which; those to give cofactors back."""
    rows = np.frexp(np.max(np.abs(a), axis=-1, keepdims=True, initial=0))[1]
    a = a * np.exp2(-rows)
    columns = np.frexp(np.max(np.abs(a), axis=-2, keepdims=True, initial=0))[1]
    both = rows + columns
    back = np.sum(rows, axis=-2, keepdims=True) + np.sum(columns, axis=-1, keepdims=True) - both
    return a * np.exp2(-columns), both, back


def cofactors(a):  # type: ignore[no-untyped-def]
    """The derivative of ``det(a)`` in each entry of ``a``, for any ``a``."""
    wide = a.astype(np.promote_types(a.dtype, np.float64), copy=False)
    finite = np.all(np.isfinite(wide), axis=(-2, -1), keepdims=True)
    try:
        # Far from singular, the inverse will do, at a tenth of the cost.
        inverse = np.linalg.inv(wide)
        condition = np.linalg.norm(wide, axis=(-2, -1)) * np.linalg.norm(inverse, axis=(-2, -1))
        if np.all(finite) and np.all(condition < 1e3):
            found = np.linalg.det(wide)[..., None, None] * np.swapaxes(inverse, -1, -2)
            return found.astype(a.dtype, copy=False)
    except np.linalg.LinAlgError:
        pass
    scaled, _, back = balanced(np.where(finite, wide, 0.0))
    u, s, v = np.linalg.svd(scaled)
    sign = np.linalg.det(u) * np.linalg.det(v)
    # Products of all singular values but one, without division.
    before = np.cumprod(np.concatenate([np.ones_like(s[..., :1]), s[..., :-1]], axis=-1), axis=-1)
    after = np.cumprod(np.concatenate([np.ones_like(s[..., :1]), s[..., :0:-1]], axis=-1), axis=-1)[..., ::-1]
    found = np.conj(u * (before * after)[..., None, :]) @ np.conj(v) * sign[..., None, None]
    with np.errstate(all="ignore"):
        found = np.where(found == 0, 0, found * np.exp2(back))
        return np.where(finite, found, np.nan).astype(a.dtype, copy=False)


def cofactors_tangent(e, a):  # type: ignore[no-untyped-def]
    """How ``cofactors(a)`` changes when ``a`` moves along ``e``, for any ``a``: the Hessian of ``det`` times ``e``."""
    dtype = np.result_type(a, e)
    a, e = np.broadcast_arrays(*[x.astype(np.promote_types(dtype, np.float64), copy=False) for x in (a, e)])
    finite = np.all(np.isfinite(a), axis=(-2, -1), keepdims=True)
    scaled, both, back = balanced(np.where(finite, a, 0.0))
    u, s, v = np.linalg.svd(scaled)
    sign = np.linalg.det(u) * np.linalg.det(v)
    n = s.shape[-1]
    # Row i: products of all singular values but the i-th and one more, without division.
    others = np.where(np.eye(n, dtype=bool), 1.0, s[..., None, :])
    before = np.cumprod(np.concatenate([np.ones_like(others[..., :1]), others[..., :-1]], axis=-1), axis=-1)
    after = np.cumprod(np.concatenate([np.ones_like(others[..., :1]), others[..., :0:-1]], axis=-1), axis=-1)
    pairs = np.where(np.eye(n, dtype=bool), 0.0, before * after[..., ::-1])
    with np.errstate(all="ignore"):
        e = np.where(e == 0, 0, e * np.exp2(-both))
    moved = np.conj(np.swapaxes(u, -1, -2)) @ e @ np.conj(np.swapaxes(v, -1, -2))
    diagonal = np.diagonal(moved, axis1=-2, axis2=-1)
    inner = np.eye(n) * (pairs @ diagonal[..., None]) - pairs * np.swapaxes(moved, -1, -2)
    found = np.conj(u) @ inner @ np.conj(v) * sign[..., None, None]
    with np.errstate(all="ignore"):
        found = np.where(found == 0, 0, found * np.exp2(back))
        return np.where(finite, found, np.nan).astype(dtype, copy=False)


def _third(
    f: Inexact[Array, "... n n"], e: Inexact[Array, "... n n"], a: Inexact[Array, "... n n"]
) -> Inexact[Array, "... n n"]:
    """How ``cofactors_tangent(e, a)`` changes when ``a`` moves along ``f``: symmetric in ``e`` and ``f``."""
    n = a.shape[-1]
    if n < 3:
        return np.zeros(a.shape, a.dtype)
    if n == 3:
        return bind(tangent_p, f, e)
    # Along a line it is a polynomial of degree n - 2, so its mean over n - 1 points of a circle gives its derivative
    # in the centre exactly, whatever the radius, and whether or not the matrices there are singular. The line goes
    # along e: in f, which may be a tangent, it must be linear as it is computed.
    count = n - 1
    turns = np.exp(2j * np.pi / count * np.arange(count)).reshape((count,) + (1,) * max(a.ndim, e.ndim, f.ndim))
    radius = bind(_radius, e, a)
    around = bind(tangent_p, f, a + turns * (radius * e))
    found = np.sum(np.conj(turns) / count * around, axis=0) / radius
    return found if "c" in (x.dtype.kind for x in (f, e, a)) else np.real(found)


def polarization_radius(f, a):  # type: ignore[no-untyped-def]
    """How far to go from ``a`` along ``f`` so that terms of all degrees come out alike in size."""
    size = np.sqrt(np.sum(np.abs(f) ** 2, axis=(-2, -1)))
    finite = np.isfinite(np.sum(a, axis=(-2, -1)))
    s = np.linalg.svd(np.where(finite[..., None, None], a, 0.0), compute_uv=False)
    floor = np.finfo(s.dtype).eps * s.shape[-1] * s[..., 0]  # below, it is what rounding makes of zero
    reach = np.where(s[..., -4] > floor, s[..., -4], np.where(s[..., 0] > 0, s[..., 0], 1.0))
    return (reach / np.where(size > 0, size, 1.0))[..., None, None]


_radius = Primitive(
    "polarization_radius",
    polarization_radius,
    lambda f, a: ArraySpec(
        (*np.broadcast_shapes(f.shape[:-2], a.shape[:-2]), 1, 1), real_dtype(np.result_type(f.dtype, a.dtype))
    ),
    Constant("the result does not depend on it"),
    source=lambda args, params: f"polarization_radius({', '.join(args)})",
    helpers={"polarization_radius": polarization_radius},
    batch=matrices(2),
)


def _tangent_spec(e: ArraySpec, a: ArraySpec) -> ArraySpec:
    return ArraySpec(np.broadcast_shapes(e.shape, a.shape), np.result_type(e.dtype, a.dtype))


tangent_p: Primitive = Primitive(
    "cofactors_tangent",
    cofactors_tangent,
    _tangent_spec,
    # Linear in e and self-adjoint, since a Hessian is symmetric; so is the third derivative.
    Rules(
        jvp=[lambda de, out, e, a: bind(tangent_p, de, a), lambda da, out, e, a: _third(da, e, a)],
        vjp=[lambda ct, out, e, a: bind(tangent_p, ct, a), lambda ct, out, e, a: _third(ct, e, a)],
    ),
    source=lambda args, params: f"cofactors_tangent({', '.join(args)})",
    helpers={"balanced": balanced, "cofactors_tangent": cofactors_tangent},
    batch=matrices(2),
)

cofactors_p = Primitive(
    "cofactors",
    cofactors,
    lambda a: ArraySpec(a.shape, a.dtype),
    Rules(
        jvp=[lambda da, out, a: bind(tangent_p, da, a)],
        vjp=[lambda ct, out, a: bind(tangent_p, ct, a)],
    ),
    source=lambda args, params: f"cofactors({args[0]})",
    helpers={"balanced": balanced, "cofactors": cofactors},
    batch=matrices(1),
)


def _det_spec(a: ArraySpec) -> ArraySpec:
    return ArraySpec(square("det", a), linalg_dtype("det", a))


det_p = Primitive(
    "det",
    np.linalg.det,
    _det_spec,
    Rules(
        jvp=[lambda da, out, a: np.sum(bind(cofactors_p, a) * da, axis=(-2, -1))],
        vjp=[lambda ct, out, a: ct[..., None, None] * bind(cofactors_p, a)],
    ),
    source=linalg_source("det"),
    batch=matrices(1),
)


@implements(np.linalg.det)
def det(a: Any) -> Any:
    """``np.linalg.det``."""
    return bind(det_p, operand(a))
