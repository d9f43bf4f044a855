"""``scipy.linalg``: eigenvalues and eigenvectors of hermitian matrices, and of pairs of them.

The same triangle is read, and the same turn of the eigenvectors is kept, as in ``numpy.linalg``.

What depends on the choice of vectors of equal values has the derivative NaN
(:mod:`functrans.ops.spectrum`).

Source: M. Giles, *An extended collection of matrix derivative results for forward and reverse mode algorithmic
differentiation* (2008), section 3.1; Magnus and Neudecker, *Matrix Differential Calculus* (2019), chapter 9.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg

from functrans.ir.spec import ArraySpec
from functrans.ops import eigen as numpy_eigen
from functrans.ops.contract import conj
from functrans.ops.family import operand, real_dtype
from functrans.ops.linalg import adjoint
from functrans.ops.spectrum import (
    diagonal_of,
    differences,
    first_order,
    mixed,
    quotient,
    significant,
    ties,
    unused,
)
from functrans.primitives import Rules
from functrans.scipy.covering import covers
from functrans.scipy.linalg.declaring import common, declare, dtypes, given, refused, square, unchecked
from functrans.scipy.linalg.solving import meant, unmeant
from functrans.tracing.bind import bind

# eigh: of one matrix by the rules of NumPy's.

_eigh_rules: Any = numpy_eigen.eigh_p.derivative
_eigvalsh_rules: Any = numpy_eigen.eigvalsh_p.derivative


def _eigh_spec(a: ArraySpec, *others: ArraySpec, **params: Any) -> tuple[ArraySpec, ArraySpec]:
    stack = common("eigh", *[(x, 2) for x in (a, *others)])
    square("eigh", a)
    dtype = dtypes(linalg.eigh, [a, *others], [2] * (1 + len(others)))[1]
    return ArraySpec((*stack, a.shape[-1]), real_dtype(dtype)), ArraySpec((*stack, *a.shape[-2:]), dtype)


def _eigvalsh_spec(*operands: ArraySpec, **params: Any) -> ArraySpec:
    return _eigh_spec(*operands)[0]


eigh_p = declare(
    "eigh",
    linalg.eigh,
    _eigh_spec,
    Rules(
        jvp=[lambda da, out, a, *, lower=True, **_: _eigh_rules.jvp[0](da, out, a, lower=lower)],
        vjp=[lambda ct, out, a, *, lower=True, **_: _eigh_rules.vjp[0](ct, out, a, lower=lower)],
    ),
    multiple=True,
    masks=True,
)
eigvalsh_p = declare(
    "eigvalsh",
    linalg.eigvalsh,
    _eigvalsh_spec,
    Rules(
        jvp=[lambda da, out, a, *, lower=True, **_: _eigvalsh_rules.jvp[0](da, out, a, lower=lower)],
        vjp=[lambda ct, out, a, *, lower=True, **_: _eigvalsh_rules.vjp[0](ct, out, a, lower=lower)],
    ),
    masks=True,
)

# Of two matrices: a v = b v w with v^H b v = 1. With m = v^H (da - db w) v, dw is the diagonal of m, and
# dv = v (f * m - diag(v^H db v) / 2), f[i, j] = 1 / (w[j] - w[i]) off the diagonal.


def _pencil_jvp(side: int) -> Any:
    def rule(t: Any, out: Any, a: Any, b: Any, *, lower: bool = True, **_: Any) -> Any:
        w, v = out
        inner = adjoint(v) @ meant(t, "hermitian", lower) @ v
        m = inner if side == 0 else -inner * w[..., None, :]
        one, same = diagonal_of(w.shape[-1]), ties(w)
        dw = np.real(np.diagonal(m, axis1=-2, axis2=-1))
        if same is None:
            turn = quotient(m, differences(w), one)
        else:
            # Among equal eigenvalues `da - db w` must be a multiple of `b` for the basis not to matter.
            turn = quotient(m, differences(w), same, significant(m, m) & ~one)
            dw = first_order(dw, same)
        if side:
            grown = inner * one if same is None else np.where(same, inner, 0.0)
            turn = turn - 0.5 * grown
        return dw, v @ turn

    return rule


def turn_back(by_w: Any, by_v: Any, w: Any, v: Any) -> tuple[Any, Any, Any]:
    """The cotangent of ``m``, if ``v`` only turns; that of the turn; which eigenvalues are equal."""
    one, same = diagonal_of(w.shape[-1]), ties(w)
    inner = by_w[..., None, :] * one
    if unused(by_v):
        return inner, None, same
    g = v.mT @ by_v
    turning = g - adjoint(g)
    undefined = None
    if same is not None:
        undefined = significant(turning, g) & ~one
        if not unused(by_w):
            undefined = undefined | mixed(by_w, [g], same)
    return inner + 0.5 * quotient(turning, differences(w), one if same is None else same, undefined), g, same


def _pencil_vjp(side: int) -> Any:
    def rule(ct: Any, out: Any, a: Any, b: Any, *, lower: bool = True, **_: Any) -> Any:
        (by_w, by_v), (w, v) = ct, out
        inner, g, same = turn_back(by_w, by_v, w, v)
        if side:
            # With `b` the vectors' norms change, too.
            inner = -inner * w[..., None, :] if g is None else -inner * w[..., None, :] - 0.5 * adjoint(g)
        found = unmeant(conj(v) @ inner @ v.mT, "hermitian", lower)
        return found if same is None else first_order(found, same)

    return rule


pencil_p = declare(
    "eigh_pencil",
    linalg.eigh,
    _eigh_spec,
    Rules(jvp=[_pencil_jvp(0), _pencil_jvp(1)], vjp=[_pencil_vjp(0), _pencil_vjp(1)]),
    cores=(2, 2),
    multiple=True,
    masks=True,
)


def _pencil_values_jvp(side: int) -> Any:
    def rule(t: Any, w: Any, a: Any, b: Any, *, lower: bool = True, **_: Any) -> Any:
        v = bind(pencil_p, a, b, **given(lower=(lower, True)))[1]
        seen = np.real(np.sum(conj(v) * (meant(t, "hermitian", lower) @ v), axis=-2))
        dw = seen if side == 0 else -seen * w
        same = ties(w)
        return dw if same is None else first_order(dw, same)

    return rule


def _pencil_values_vjp(side: int) -> Any:
    def rule(ct: Any, w: Any, a: Any, b: Any, *, lower: bool = True, **_: Any) -> Any:
        v = bind(pencil_p, a, b, **given(lower=(lower, True)))[1]
        weights = ct if side == 0 else -ct * w
        found = unmeant((conj(v) * weights[..., None, :]) @ v.mT, "hermitian", lower)
        same = ties(w)
        return found if same is None else first_order(found, same)

    return rule


pencil_values_p = declare(
    "eigvalsh_pencil",
    linalg.eigvalsh,
    _eigvalsh_spec,
    Rules(
        jvp=[_pencil_values_jvp(0), _pencil_values_jvp(1)],
        vjp=[_pencil_values_vjp(0), _pencil_values_vjp(1)],
    ),
    cores=(2, 2),
    masks=True,
)


def _hermitian(
    name: str, a: Any, b: Any, lower: bool, type: int, subset: tuple[Any, Any], driver: Any, check_finite: bool
) -> Any:
    if subset != (None, None):
        raise refused(
            name, "with a subset of the eigenvalues", "take all, and then those that you want: `w[lo:hi + 1]`."
        )
    if b is not None and type != 1:
        raise refused(name, f"with `type={type}`", "write it with the default type: `a v = b v w`.")
    params = {**given(lower=(bool(lower), True), driver=(driver, None)), **unchecked(check_finite)}
    one, two = (eigh_p, pencil_p) if name == "eigh" else (eigvalsh_p, pencil_values_p)
    return bind(one, operand(a), **params) if b is None else bind(two, operand(a), operand(b), **params)


@covers(linalg.eigh)
def eigh(
    a: Any,
    b: Any = None,
    *,
    lower: bool = True,
    eigvals_only: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    type: int = 1,
    check_finite: bool = True,
    subset_by_index: Any = None,
    subset_by_value: Any = None,
    driver: Any = None,
) -> Any:
    """As `np.linalg.eigh`; also of two matrices, `a v = b v w`."""
    name = "eigvalsh" if eigvals_only else "eigh"
    return _hermitian(name, a, b, lower, type, (subset_by_index, subset_by_value), driver, check_finite)


@covers(linalg.eigvalsh)
def eigvalsh(
    a: Any,
    b: Any = None,
    *,
    lower: bool = True,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    type: int = 1,
    check_finite: bool = True,
    subset_by_index: Any = None,
    subset_by_value: Any = None,
    driver: Any = None,
) -> Any:
    """As `np.linalg.eigvalsh`; also of two matrices."""
    return _hermitian("eigvalsh", a, b, lower, type, (subset_by_index, subset_by_value), driver, check_finite)
