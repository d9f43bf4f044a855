"""``scipy.linalg``: linear systems, of which some structure is known.

A structure that is assumed (``assume_a=``, ``lower=``) says which entries are read; the derivative in the others is
zero. Where SciPy looks for a structure itself, all entries count: which method it takes changes nothing in what the
solution is.

Source: M. Giles, *An extended collection of matrix derivative results for forward and reverse mode algorithmic
differentiation* (2008).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg

from functrans.ir.spec import ArraySpec
from functrans.ops.contract import conj
from functrans.ops.contraction import checked
from functrans.ops.family import operand, real_dtype
from functrans.ops.linalg import adjoint
from functrans.primitives import Primitive, Rules
from functrans.scipy.covering import covers
from functrans.scipy.linalg.declaring import (
    declare,
    dtypes,
    follows,
    given,
    outer,
    solution_shape,
    solved,
    solver_batch,
    times,
    unchecked,
)
from functrans.tracing.bind import bind

# Which entries a structure reads, and the matrix that they mean.

_NAMES = {
    "gen": "general",
    "sym": "symmetric",
    "her": "hermitian",
    "pos": "positive definite",
    None: "general",
    "banded": "general",
}


def triangle(a: Any, lower: bool) -> Any:
    """The triangle with half the diagonal: it and its (conjugate) transpose add up to the matrix that is meant."""
    read = np.tril(a) if lower else np.triu(a)
    return read * (1.0 - 0.5 * np.eye(a.shape[-1])).astype(real_dtype(a.dtype))


def meant(a: Any, structure: str | None, lower: bool) -> Any:
    """The matrix that SciPy takes ``a`` for."""
    match _NAMES.get(structure, structure):
        case "diagonal":
            return a * np.eye(a.shape[-1], dtype=real_dtype(a.dtype))
        case "tridiagonal":
            return np.triu(np.tril(a, 1), -1)
        case "upper triangular":
            return np.triu(a)
        case "lower triangular":
            return np.tril(a)
        case "symmetric":
            half = triangle(a, lower)
            return half + half.mT
        case "hermitian" | "positive definite":
            half = triangle(a, lower)
            return half + adjoint(half)
    return a


def unmeant(ct: Any, structure: str | None, lower: bool) -> Any:
    """The transpose of :func:`meant`."""
    match _NAMES.get(structure, structure):
        case "symmetric":
            return triangle(ct + ct.mT, lower)
        case "hermitian" | "positive definite":
            return triangle(ct + adjoint(ct), lower)
    return meant(ct, structure, lower)


# solve: m @ out = b with m = meant(a), so m @ dout = db - dm @ out.


def _solve_spec(a: ArraySpec, b: ArraySpec, **params: Any) -> ArraySpec:
    return ArraySpec(solution_shape("solve", a, b), dtypes(linalg.solve, [a, b], [2, 1]))


def _solve_plainly(a: Any, rhs: Any, vector: bool) -> Any:
    return np.linalg.solve(a, rhs[..., None])[..., 0] if vector and rhs.ndim > 1 else np.linalg.solve(a, rhs)


def _solve_jvp_matrix(
    da: Any, out: Any, a: Any, b: Any, *, assume_a: Any = None, lower: bool = False, transposed: bool = False, **_: Any
) -> Any:
    m, dm = meant(a, assume_a, lower), meant(da, assume_a, lower)
    if transposed:
        m, dm = m.mT, dm.mT
    return -_solve_plainly(m, times(dm, out, b.ndim == 1), b.ndim == 1)


def _solve_jvp_vector(
    db: Any, out: Any, a: Any, b: Any, *, assume_a: Any = None, lower: bool = False, transposed: bool = False, **_: Any
) -> Any:
    m = meant(a, assume_a, lower)
    return np.linalg.solve(m.mT if transposed else m, db)


def _solve_vjp_matrix(
    ct: Any, out: Any, a: Any, b: Any, *, assume_a: Any = None, lower: bool = False, transposed: bool = False, **_: Any
) -> Any:
    m = meant(a, assume_a, lower)
    z = _solve_plainly(m if transposed else m.mT, ct, b.ndim == 1)
    x, y = (out, z) if transposed else (z, out)
    return -unmeant(outer(x, y, b.ndim == 1), assume_a, lower)


def _solve_vjp_vector(
    ct: Any, out: Any, a: Any, b: Any, *, assume_a: Any = None, lower: bool = False, transposed: bool = False, **_: Any
) -> Any:
    m = meant(a, assume_a, lower)
    return _solve_plainly(m if transposed else m.mT, ct, b.ndim == 1)


solve_p = declare(
    "solve",
    linalg.solve,
    _solve_spec,
    Rules(jvp=[_solve_jvp_matrix, _solve_jvp_vector], vjp=[_solve_vjp_matrix, _solve_vjp_vector]),
    batch=checked(solver_batch),
    masks=True,
)


@covers(linalg.solve)
def solve(
    a: Any,
    b: Any,
    lower: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    assume_a: Any = None,
    transposed: bool = False,
) -> Any:
    """The derivative is zero in entries that ``assume_a=`` and ``lower=`` leave out."""
    params = given(lower=(bool(lower), False), assume_a=(assume_a, None), transposed=(bool(transposed), False))
    return bind(solve_p, operand(a), operand(b), **params, **unchecked(check_finite))


# solve_triangular: op(t) @ out = b, where t is the triangle of a that is read, and op nothing, .mT or the adjoint.

_TRANS = {"N": 0, "T": 1, "C": 2}


def _triangular(a: Any, lower: bool, unit_diagonal: bool) -> Any:
    k = 1 if unit_diagonal else 0
    return np.tril(a, -k) if lower else np.triu(a, k)


def _turned(a: Any, trans: int) -> Any:
    return a if trans == 0 else a.mT if trans == 1 else adjoint(a)


def _triangular_jvp_matrix(
    da: Any, out: Any, a: Any, b: Any, *, trans: int = 0, lower: bool = False, unit_diagonal: bool = False, **_: Any
) -> Any:
    moved = times(_turned(_triangular(da, lower, unit_diagonal), trans), out, b.ndim == 1)
    params = {"trans": trans, "lower": lower, "unit_diagonal": unit_diagonal, "check_finite": False}
    return -solved(triangular_p, a, moved, b.ndim == 1, **params)


def _triangular_back(ct: Any, a: Any, vector: bool, trans: int, lower: bool, unit_diagonal: bool) -> Any:
    params = {"lower": lower, "unit_diagonal": unit_diagonal, "check_finite": False}
    if trans == 2:
        return conj(solved(triangular_p, a, conj(ct), vector, **params))
    return solved(triangular_p, a, ct, vector, **params, **({} if trans else {"trans": 1}))


def _triangular_vjp_matrix(
    ct: Any, out: Any, a: Any, b: Any, *, trans: int = 0, lower: bool = False, unit_diagonal: bool = False, **_: Any
) -> Any:
    z = _triangular_back(ct, a, b.ndim == 1, trans, lower, unit_diagonal)
    found = outer(out, z, b.ndim == 1) if trans else outer(z, out, b.ndim == 1)
    return -_triangular(conj(found) if trans == 2 else found, lower, unit_diagonal)


def _triangular_vjp_vector(
    ct: Any, out: Any, a: Any, b: Any, *, trans: int = 0, lower: bool = False, unit_diagonal: bool = False, **_: Any
) -> Any:
    return _triangular_back(ct, a, b.ndim == 1, trans, lower, unit_diagonal)


triangular_p: Primitive = declare(
    "solve_triangular",
    linalg.solve_triangular,
    lambda a, b, **params: ArraySpec(
        solution_shape("solve_triangular", a, b), dtypes(linalg.solve_triangular, [a, b], [2, 1])
    ),
    Rules(
        jvp=[
            _triangular_jvp_matrix,
            lambda db, out, a, b, **params: bind(triangular_p, a, db, **{**params, "check_finite": False}),
        ],
        vjp=[_triangular_vjp_matrix, _triangular_vjp_vector],
    ),
    batch=checked(solver_batch),
    masks=True,
)


@covers(linalg.solve_triangular)
def solve_triangular(
    a: Any,
    b: Any,
    trans: Any = 0,
    lower: bool = False,
    unit_diagonal: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:
    """The derivative is zero in the other triangle, and on a diagonal of ones, which SciPy does not read."""
    params = given(
        trans=(_TRANS.get(trans, trans), 0), lower=(bool(lower), False), unit_diagonal=(bool(unit_diagonal), False)
    )
    return bind(triangular_p, operand(a), operand(b), **params, **unchecked(check_finite))


# Solutions by factors that are there already.


def _cho_solve_impl(c: Any, b: Any, *, lower: bool, **params: Any) -> Any:
    return linalg.cho_solve((c, lower), b, **params)


def _by_cholesky(c: Any, b: Any, *, lower: bool, **params: Any) -> Any:
    first, second = (0, 2) if lower else (2, 0)
    vector = b.ndim == 1
    half = solved(triangular_p, c, b, vector, lower=lower, trans=first, check_finite=False)
    return solved(triangular_p, c, half, vector, lower=lower, trans=second, check_finite=False)


def _cho_solve_back(ct: Any, out: Any, c: Any, b: Any, *, lower: bool, **_: Any) -> Any:
    return conj(solved(cho_solve_p, c, conj(ct), b.ndim == 1, lower=lower, check_finite=False))


_of_factor: Any = follows(_by_cholesky, 1)


cho_solve_p: Primitive = declare(
    "cho_solve",
    _cho_solve_impl,
    lambda c, b, lower, **params: ArraySpec(
        solution_shape("cho_solve", c, b), dtypes(_cho_solve_impl, [c, b], [2, 1], lower=True)
    ),
    Rules(
        jvp=[
            *_of_factor.jvp,
            lambda db, out, c, b, *, lower, **_: bind(cho_solve_p, c, db, lower=lower, check_finite=False),
        ],
        vjp=[*_of_factor.vjp, _cho_solve_back],
    ),
    source=lambda args, params: (
        f"scipy.linalg.cho_solve(({args[0]}, {params['lower']}), {args[1]}"
        f"{'' if params.get('check_finite', True) else ', check_finite=False'})"
    ),
    batch=checked(solver_batch),
    masks=True,
)


@covers(linalg.cho_solve)
def cho_solve(c_and_lower: Any, b: Any, overwrite_b: bool = False, check_finite: bool = True) -> Any:
    """The derivative is zero in the other triangle of the factor, which may hold anything."""
    c, lower = c_and_lower
    return bind(cho_solve_p, operand(c), operand(b), lower=bool(lower), **unchecked(check_finite))
