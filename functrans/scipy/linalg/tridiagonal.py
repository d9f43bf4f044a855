"""``scipy.linalg``: eigenvalues and eigenvectors of symmetric tridiagonal matrices.

As in ``numpy.linalg``, what depends on the choice of vectors of equal values has the derivative NaN
(:mod:`functrans.ops.spectrum`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg

from functrans.ir.spec import ArraySpec
from functrans.ops.family import operand
from functrans.ops.spectrum import (
    diagonal_of,
    differences,
    first_order,
    quotient,
    significant,
    ties,
)
from functrans.primitives import Rules
from functrans.scipy.covering import covers
from functrans.scipy.linalg.declaring import common, declare, given, refused, unchecked
from functrans.scipy.linalg.hermitian import turn_back
from functrans.tracing.bind import bind


def _bent(dd: Any, de: Any, v: Any) -> Any:
    """``v^T t v`` for the tridiagonal ``t`` with the diagonals ``dd`` and ``de``, one of which may be None."""
    if de is None:
        return v.mT @ (dd[..., None] * v)
    beside = v[..., :-1, :].mT @ (de[..., None] * v[..., 1:, :])
    return beside + beside.mT


def _tridiagonal_jvp(side: int) -> Any:
    def rule(t: Any, out: Any, d: Any, e: Any, **_: Any) -> Any:
        w, v = out
        m = _bent(t, None, v) if side == 0 else _bent(None, t, v)
        one, same = diagonal_of(w.shape[-1]), ties(w)
        dw = np.diagonal(m, axis1=-2, axis2=-1)
        if same is None:
            return dw, v @ quotient(m, differences(w), one)
        dv = v @ quotient(m, differences(w), same, significant(m, m) & ~one)
        return first_order(dw, same), dv

    return rule


def _tridiagonal_values_jvp(side: int) -> Any:
    def rule(t: Any, w: Any, d: Any, e: Any, **_: Any) -> Any:
        v = bind(tridiagonal_p, d, e)[1]
        if side == 0:
            dw = (t[..., None, :] @ (v * v))[..., 0, :]
        else:
            dw = 2.0 * (t[..., None, :] @ (v[..., :-1, :] * v[..., 1:, :]))[..., 0, :]
        same = ties(w)
        return dw if same is None else first_order(dw, same)

    return rule


def _tridiagonal_spec(d: ArraySpec, e: ArraySpec, **params: Any) -> tuple[ArraySpec, ArraySpec]:
    stack = common("eigh_tridiagonal", (d, 1), (e, 1))
    dtype = np.result_type(*[x.dtype if x.dtype.kind == "f" else np.float64 for x in (d, e)])
    n = d.shape[-1]
    return ArraySpec((*stack, n), dtype), ArraySpec((*stack, n, n), dtype)


def _tridiagonal_vjp(side: int) -> Any:
    def rule(ct: Any, out: Any, d: Any, e: Any, **_: Any) -> Any:
        (by_w, by_v), (w, v) = ct, out
        inner, _, same = turn_back(by_w, by_v, w, v)
        whole = v @ inner @ v.mT
        if side == 0:
            found = np.diagonal(whole, axis1=-2, axis2=-1)
        else:
            found = np.diagonal(whole + whole.mT, 1, axis1=-2, axis2=-1)
        return found if same is None else first_order(found, same)

    return rule


def _tridiagonal_values_vjp(side: int) -> Any:
    def rule(ct: Any, w: Any, d: Any, e: Any, **_: Any) -> Any:
        v = bind(tridiagonal_p, d, e)[1]
        products = v * v if side == 0 else 2.0 * v[..., :-1, :] * v[..., 1:, :]
        found = (products @ ct[..., None])[..., 0]
        same = ties(w)
        return found if same is None else first_order(found, same)

    return rule


tridiagonal_p = declare(
    "eigh_tridiagonal",
    linalg.eigh_tridiagonal,
    _tridiagonal_spec,
    Rules(jvp=[_tridiagonal_jvp(0), _tridiagonal_jvp(1)], vjp=[_tridiagonal_vjp(0), _tridiagonal_vjp(1)]),
    cores=(1, 1),
    multiple=True,
    masks=True,
)
tridiagonal_values_p = declare(
    "eigvalsh_tridiagonal",
    linalg.eigvalsh_tridiagonal,
    lambda d, e, **params: _tridiagonal_spec(d, e)[0],
    Rules(
        jvp=[_tridiagonal_values_jvp(0), _tridiagonal_values_jvp(1)],
        vjp=[_tridiagonal_values_vjp(0), _tridiagonal_values_vjp(1)],
    ),
    cores=(1, 1),
    masks=True,
)


def _tridiagonal(name: str, d: Any, e: Any, select: str, params: dict[str, Any]) -> Any:
    if select not in ("a", "all", 0):
        raise refused(name, "with a selection of the eigenvalues", "take all, and then those that you want.")
    primitive = tridiagonal_p if name == "eigh_tridiagonal" else tridiagonal_values_p
    return bind(primitive, operand(d), operand(e), **params)


@covers(linalg.eigh_tridiagonal)
def eigh_tridiagonal(
    d: Any,
    e: Any,
    eigvals_only: bool = False,
    select: Any = "a",
    select_range: Any = None,
    check_finite: bool = True,
    tol: float = 0.0,
    lapack_driver: str = "auto",
) -> Any:
    """A function of the diagonal and of the one beside it."""
    params = {**given(tol=(tol, 0.0), lapack_driver=(lapack_driver, "auto")), **unchecked(check_finite)}
    name = "eigvalsh_tridiagonal" if eigvals_only else "eigh_tridiagonal"
    return _tridiagonal(name, d, e, select, params)


@covers(linalg.eigvalsh_tridiagonal)
def eigvalsh_tridiagonal(
    d: Any,
    e: Any,
    select: Any = "a",
    select_range: Any = None,
    check_finite: bool = True,
    tol: float = 0.0,
    lapack_driver: str = "auto",
) -> Any:
    """A function of the diagonal and of the one beside it."""
    params = {**given(tol=(tol, 0.0), lapack_driver=(lapack_driver, "auto")), **unchecked(check_finite)}
    return _tridiagonal("eigvalsh_tridiagonal", d, e, select, params)
