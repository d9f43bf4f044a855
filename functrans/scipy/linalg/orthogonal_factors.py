"""``scipy.linalg``: orthogonal factors: ``qr``, ``polar``, and what is nearest in ``orthogonal_procrustes``.

Source: Higham, *Functions of Matrices* (2008), chapter 8; for ``qr`` see :mod:`functrans.ops.qr`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg

from functrans.ir.spec import ArraySpec
from functrans.ops import qr as numpy_qr
from functrans.ops.contract import conj
from functrans.ops.family import operand
from functrans.ops.linalg import adjoint
from functrans.primitives import Rules, lookup
from functrans.scipy.covering import covers
from functrans.scipy.linalg.declaring import (
    common,
    declare,
    dtypes,
    given,
    refused,
    unchecked,
)
from functrans.tracing.bind import bind

# qr, by the rules of NumPy's.

_qr_rules: Any = numpy_qr.qr_p.derivative


def _qr_spec(a: ArraySpec, *, mode: str = "full", pivoting: bool = False, **_: Any) -> tuple[ArraySpec, ...]:
    stack = common("qr", (a, 2))
    m, n = a.shape[-2:]
    inner = min(m, n) if mode == "economic" else m
    dtype = dtypes(linalg.qr, [a], [2])[0]
    factors = (ArraySpec((*stack, m, inner), dtype), ArraySpec((*stack, inner, n), dtype))
    return (*factors, ArraySpec((*stack, n), np.int32)) if pivoting else factors


def _mode(mode: str) -> str:
    return "reduced" if mode == "economic" else "complete"


def _columns(x: Any, order: Any) -> Any:
    return np.take_along_axis(x, order[..., None, :], axis=-1)


def _qr_jvp(da: Any, out: Any, a: Any, *, mode: str = "full", pivoting: bool = False, **_: Any) -> Any:
    if not pivoting:
        return _qr_rules.jvp[0](da, out, a, mode=_mode(mode))
    q, r, p = out
    return (*_qr_rules.jvp[0](_columns(da, p), (q, r), a, mode=_mode(mode)), p * 0)


def _qr_vjp(ct: Any, out: Any, a: Any, *, mode: str = "full", pivoting: bool = False, **_: Any) -> Any:
    found = _qr_rules.vjp[0](ct[:2], out[:2], a, mode=_mode(mode))
    return _columns(found, np.argsort(out[2], axis=-1)) if pivoting else found


qr_p = declare("qr", linalg.qr, _qr_spec, Rules(jvp=[_qr_jvp], vjp=[_qr_vjp]), multiple=True, masks=True)


@covers(linalg.qr)
def qr(
    a: Any,
    overwrite_a: bool = False,
    lwork: Any = None,
    mode: str = "full",
    pivoting: bool = False,
    check_finite: bool = True,
) -> Any:
    """With the conventions of `np.linalg.qr`; pivots are constant nearby."""
    if mode == "raw":
        raise refused("qr", "with mode 'raw', LAPACK's reflectors,", "use mode 'economic' or 'full'.")
    if mode not in ("full", "qr", "r", "economic"):
        raise ValueError("Mode argument should be one of ['full', 'r', 'economic', 'raw']")
    a = operand(a)
    chosen = {"qr": "full", "r": "economic"}.get(mode, mode)
    params = given(mode=(chosen, "full"), pivoting=(bool(pivoting), False))
    found = bind(qr_p, a, **params, **unchecked(check_finite))
    if mode != "r":
        return found
    r = found[1]
    missing = a.shape[-2] - r.shape[-2]
    if missing:
        r = np.concatenate([r, np.zeros((*r.shape[:-2], missing, r.shape[-1]), r.dtype)], axis=-2)
    return (r, *found[2:])


# polar: a = u p, where u has orthonormal columns (or rows, if a is wide).


_polar: Any = lookup("polar_factor").derivative


def _isometry_jvp(da: Any, u: Any, a: Any) -> Any:
    if a.shape[-2] < a.shape[-1]:
        return adjoint(_polar.jvp[0](adjoint(da), adjoint(u), adjoint(a)))
    return _polar.jvp[0](da, u, a)


def _polar_jvp(da: Any, out: Any, a: Any, *, side: str = "right") -> Any:
    u, _ = out
    du = _isometry_jvp(da, u, a)
    if side == "right":
        return du, adjoint(du) @ a + adjoint(u) @ da
    return du, da @ adjoint(u) + a @ adjoint(du)


def _polar_spec(a: ArraySpec, *, side: str = "right") -> tuple[ArraySpec, ArraySpec]:
    stack = common("polar", (a, 2))
    n = a.shape[-1] if side == "right" else a.shape[-2]
    dtype = dtypes(linalg.polar, [a], [2])[0]
    return ArraySpec(a.shape, dtype), ArraySpec((*stack, n, n), dtype)


polar_p = declare("polar", linalg.polar, _polar_spec, Rules(jvp=[_polar_jvp], vjp=None), multiple=True, masks=True)


@covers(linalg.polar)
def polar(a: Any, side: str = "right") -> Any:
    """At a matrix that has not full rank there is no derivative: it is NaN, or an error of `np.linalg.solve`."""
    return bind(polar_p, operand(a), **given(side=(side, "right")))


# The orthogonal matrix that takes a nearest to b is the polar factor of adjoint(a) @ b; its scale the sum of the
# singular values.


def _procrustes_jvp(side: int) -> Any:
    def rule(t: Any, out: Any, a: Any, b: Any, **_: Any) -> Any:
        turn, _ = out
        moved = adjoint(t) @ b if side == 0 else adjoint(a) @ t
        return (
            _isometry_jvp(moved, turn, adjoint(a) @ b),
            np.sum(np.real(conj(turn) * moved), axis=(-2, -1)),
        )

    return rule


def _procrustes_spec(a: ArraySpec, b: ArraySpec, **params: Any) -> tuple[ArraySpec, ArraySpec]:
    stack = common("orthogonal_procrustes", (a, 2), (b, 2))
    dtype, real = dtypes(linalg.orthogonal_procrustes, [a, b], [2, 2])
    n = a.shape[-1]
    return ArraySpec((*stack, n, n), dtype), ArraySpec(stack, real)


procrustes_p = declare(
    "orthogonal_procrustes",
    linalg.orthogonal_procrustes,
    _procrustes_spec,
    Rules(jvp=[_procrustes_jvp(0), _procrustes_jvp(1)], vjp=None),
    cores=(2, 2),
    multiple=True,
    masks=True,
)


@covers(linalg.orthogonal_procrustes)
def orthogonal_procrustes(A: Any, B: Any, check_finite: bool = True) -> Any:  # noqa: N803
    """Differentiable where `A^H B` has full rank."""
    return bind(procrustes_p, operand(A), operand(B), **unchecked(check_finite))
