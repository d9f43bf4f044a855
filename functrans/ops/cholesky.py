"""``np.linalg.cholesky``.

NumPy reads one triangle of the matrix, and of a complex diagonal the real part. So this is a function of these entries
alone, of any matrix, hermitian or not: its derivative in any other entry is zero, and an entry off the diagonal counts
twice, as it stands for the one across the diagonal too.

Source: S. Smith, *Differentiation of the Cholesky algorithm* (1995); I. Murray, *Differentiation of the Cholesky
decomposition* (2016), section 3.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.array_types import Array, Inexact
from functrans.ir.spec import ArraySpec
from functrans.ops.contraction import matrices
from functrans.ops.family import keywords, operand, real_dtype
from functrans.ops.linalg import adjoint, linalg_dtype, square
from functrans.primitives import Primitive, Rules, call_source
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import implements


def _cholesky_spec(a: ArraySpec, *, upper: bool) -> ArraySpec:
    square("cholesky", a)
    return ArraySpec(a.shape, linalg_dtype("cholesky", a))


def lower_half(x: Inexact[Array, "*batch n n"]) -> Inexact[Array, "*batch n n"]:
    """The lower triangle, with half the diagonal: for a hermitian ``x`` it and its adjoint add up to ``x``."""
    return np.tril(x) * (1.0 - 0.5 * np.eye(x.shape[-1])).astype(real_dtype(x.dtype))


# For the lower factor l of the hermitian h = l l^H: l^-1 dh l^-H = l^-1 dl + (l^-1 dl)^H, and l^-1 dl is triangular,
# so it is `lower_half` of the left side. And dh is what NumPy makes of da, that is `lower_half(da)` and its adjoint.


def _cholesky_jvp(
    da: Inexact[Array, "*batch n n"], out: Inexact[Array, "*batch n n"], a: Any, *, upper: bool
) -> Inexact[Array, "*batch n n"]:
    if upper:  # the adjoint of the lower factor of the adjoint
        return adjoint(_cholesky_jvp(adjoint(da), adjoint(out), None, upper=False))
    read = lower_half(da)
    moved = np.linalg.solve(out, read + adjoint(read))
    return out @ lower_half(np.linalg.solve(out, adjoint(moved)))


def _cholesky_vjp(
    ct: Inexact[Array, "*batch n n"], out: Inexact[Array, "*batch n n"], a: Any, *, upper: bool
) -> Inexact[Array, "*batch n n"]:
    if upper:
        return adjoint(_cholesky_vjp(adjoint(ct), adjoint(out), None, upper=False))
    # Above the diagonal the factor is zero whatever `a` is: what arrives there, also an infinity, does not count.
    pulled = np.linalg.solve(out.mT, lower_half(out.mT @ np.tril(ct)))
    pulled = np.linalg.solve(adjoint(out), pulled.mT).mT
    return lower_half(pulled + adjoint(pulled))


cholesky_p = Primitive(
    "cholesky",
    np.linalg.cholesky,
    _cholesky_spec,
    Rules(jvp=[_cholesky_jvp], vjp=[_cholesky_vjp]),
    source=lambda args, params: call_source("np.linalg.cholesky", args, keywords(params, upper=False)),
    masks=True,
    batch=matrices(1),
)


@implements(np.linalg.cholesky)
def cholesky(a: Any, /, *, upper: bool = False) -> Any:
    """``np.linalg.cholesky``: a function of the triangle that NumPy reads, for ``upper`` the other one."""
    return bind(cholesky_p, operand(a), upper=bool(upper))
