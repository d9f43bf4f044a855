"""``scipy.linalg``: eigenvalues, eigenvectors, singular values.

As those of ``numpy.linalg``: the same triangle is read, the same turn of the eigenvectors is kept, and what depends on
the choice of eigenvectors of equal eigenvalues has the derivative NaN (:mod:`functrans.ops.spectrum`).

Source: M. Giles, *An extended collection of matrix derivative results for forward and reverse mode algorithmic
differentiation* (2008), section 3.1; Magnus and Neudecker, *Matrix Differential Calculus* (2019), chapter 9.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg
from scipy import linalg

from functrans.ir.spec import ArraySpec
from functrans.ops import eig as numpy_eig
from functrans.ops import eigen as numpy_eigen
from functrans.ops import svd as numpy_svd
from functrans.ops.contract import conj
from functrans.ops.family import operand, real_dtype
from functrans.ops.linalg import adjoint
from functrans.ops.plain import plain
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
from functrans.tracing.refusal import unknown
from functrans.transforms.walk import unused as nothing

# svd, by the rules of NumPy's.

_svd_rules: Any = numpy_svd.svd_p.derivative
_svdvals_rules: Any = numpy_svd.svdvals_p.derivative


def _svd_spec(a: ArraySpec, *, full_matrices: bool = True, **_: Any) -> tuple[ArraySpec, ...]:
    stack = common("svd", (a, 2))
    m, n = a.shape[-2:]
    k = min(m, n)
    dtype = dtypes(linalg.svd, [a], [2])[0]
    return (
        ArraySpec((*stack, m, m if full_matrices else k), dtype),
        ArraySpec((*stack, k), real_dtype(dtype)),
        ArraySpec((*stack, n if full_matrices else k, n), dtype),
    )


def _svdvals_spec(a: ArraySpec, **params: Any) -> ArraySpec:
    stack = common("svdvals", (a, 2))
    return ArraySpec((*stack, min(a.shape[-2:])), real_dtype(dtypes(linalg.svd, [a], [2])[0]))


svd_p = declare(
    "svd",
    linalg.svd,
    _svd_spec,
    Rules(
        jvp=[lambda da, out, a, *, full_matrices=True, **_: _svd_rules.jvp[0](da, out, a, full_matrices=full_matrices)],
        vjp=[lambda ct, out, a, *, full_matrices=True, **_: _svd_rules.vjp[0](ct, out, a, full_matrices=full_matrices)],
    ),
    multiple=True,
    masks=True,
)


def _svdvals_source(args: list[str], params: dict[str, Any]) -> str:
    keywords = "".join(f", {key}={value!r}" for key, value in params.items())
    return f"scipy.linalg.svd({args[0]}, compute_uv=False{keywords})"


svdvals_p = declare(
    "svdvals",
    lambda a, **params: linalg.svd(a, compute_uv=False, **params),
    _svdvals_spec,
    Rules(
        jvp=[lambda da, out, a, **_: _svdvals_rules.jvp[0](da, out, a)],
        vjp=[lambda ct, out, a, **_: _svdvals_rules.vjp[0](ct, out, a)],
    ),
    source=_svdvals_source,
    masks=True,
)


@covers(linalg.svd)
def svd(
    a: Any,
    full_matrices: bool = True,
    compute_uv: bool = True,
    overwrite_a: bool = False,
    check_finite: bool = True,
    lapack_driver: str = "gesdd",
) -> Any:
    """As `np.linalg.svd`: singular vectors turn as little as they must."""
    params = {**given(lapack_driver=(lapack_driver, "gesdd")), **unchecked(check_finite)}
    if not compute_uv:
        return bind(svdvals_p, operand(a), **params)
    return bind(svd_p, operand(a), **given(full_matrices=(bool(full_matrices), True)), **params)


@covers(linalg.svdvals)
def svdvals(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """As `np.linalg.svdvals`."""
    return bind(svdvals_p, operand(a), **unchecked(check_finite))


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


def _turn_back(by_w: Any, by_v: Any, w: Any, v: Any) -> tuple[Any, Any, Any]:
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
        inner, g, same = _turn_back(by_w, by_v, w, v)
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


# eig: SciPy's eigenvalues are complex numbers always, its eigenvectors real ones if all eigenvalues are. Here they are
# made complex as well.

_eig_rules: Any = numpy_eig.eig_p.derivative


def complex_eig(a, check_finite=True):  # type: ignore[no-untyped-def]
    """``scipy.linalg.eig(a)`` with complex eigenvectors, also where they could be real."""
    w, v = scipy.linalg.eig(a, check_finite=check_finite)
    return w, v.astype(w.dtype)


def _eig_spec(a: ArraySpec, **params: Any) -> tuple[ArraySpec, ArraySpec]:
    stack, dtype = square("eig", a), dtypes(linalg.eigvals, [a], [2])
    return ArraySpec((*stack, a.shape[-1]), dtype), ArraySpec((*stack, *a.shape[-2:]), dtype)


eig_p = declare(
    "eig",
    complex_eig,
    _eig_spec,
    Rules(
        jvp=[lambda da, out, a, **_: _eig_rules.jvp[0](da, out, a)],
        vjp=[lambda ct, out, a, **_: _eig_rules.vjp[0](ct, out, a)],
    ),
    source=lambda args, params: f"complex_eig({args[0]}{', False' if params else ''})",
    helpers={"complex_eig": complex_eig},
    multiple=True,
    masks=True,
)


def _eigvals_jvp(da: Any, out: Any, a: Any, **_: Any) -> Any:
    return _eig_rules.jvp[0](da, bind(eig_p, a), a)[0]


def _eigvals_vjp(ct: Any, out: Any, a: Any, **_: Any) -> Any:
    w, v = bind(eig_p, a)
    return _eig_rules.vjp[0]((ct, nothing(ArraySpec.of(v))), (w, v), a)


eigvals_p = declare(
    "eigvals",
    linalg.eigvals,
    lambda a, **params: ArraySpec((*square("eigvals", a), a.shape[-1]), dtypes(linalg.eigvals, [a], [2])),
    Rules(jvp=[_eigvals_jvp], vjp=[_eigvals_vjp]),
    masks=True,
)


def _ordinary(name: str, b: Any, homogeneous: bool) -> None:
    if b is not None:
        raise refused(name, "with two matrices", "if `b` is regular, take those of `np.linalg.solve(b, a)`.")
    if homogeneous:
        raise refused(name, "with `homogeneous_eigvals=True`", "leave it out: the second row is made of ones.")


@covers(linalg.eig)
def eig(
    a: Any,
    b: Any = None,
    left: bool = False,
    right: bool = True,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    homogeneous_eigvals: bool = False,
) -> Any:
    """As `np.linalg.eig`. The eigenvectors of a real matrix need its values, as they decide the dtype."""
    _ordinary("eig", b, homogeneous_eigvals)
    if left:
        raise refused("eig", "with `left=True`", "they are those of the adjoint: `eig(np.conj(a.mT))`.")
    if not right:
        return bind(eigvals_p, operand(a), **unchecked(check_finite))
    a = operand(a)
    w, v = bind(eig_p, a, **unchecked(check_finite))
    if a.dtype.kind != "c":
        known = plain(w)
        if type(known) is ArraySpec:
            raise unknown(
                a,
                "`scipy.linalg.eig`",
                "the eigenvectors of a real matrix are real or complex, as they turn out",
                "pass a complex matrix, whose eigenvectors are always complex: `a.astype(complex)`",
            )
        if not np.any(known.imag):
            v = np.real(v)
    return w, v


@covers(linalg.eigvals)
def eigvals(
    a: Any,
    b: Any = None,
    overwrite_a: bool = False,
    check_finite: bool = True,
    homogeneous_eigvals: bool = False,
) -> Any:
    """Complex numbers always."""
    _ordinary("eigvals", b, homogeneous_eigvals)
    return bind(eigvals_p, operand(a), **unchecked(check_finite))


# Tridiagonal matrices, which are real.


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
        inner, _, same = _turn_back(by_w, by_v, w, v)
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
