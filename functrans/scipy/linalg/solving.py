"""``scipy.linalg``: linear systems, inverses, determinants, pseudoinverses.

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

from functrans.errors import ShapeError
from functrans.ir.spec import ArraySpec
from functrans.ops import least_squares
from functrans.ops.batching import Flags, Operands, Params
from functrans.ops.contract import conj
from functrans.ops.contraction import checked, examples
from functrans.ops.determinant import det_p
from functrans.ops.family import operand, real_dtype
from functrans.ops.linalg import adjoint
from functrans.ops.plain import plain
from functrans.ops.select import stop_gradient
from functrans.primitives import Constant, Primitive, Rules, lookup
from functrans.scipy.covering import covers
from functrans.scipy.linalg.declaring import (
    common,
    declare,
    dtypes,
    follows,
    given,
    outer,
    refused,
    solution_shape,
    solved,
    solver_batch,
    square,
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


# inv, det


def _inv_jvp(da: Any, out: Any, a: Any, *, assume_a: Any = None, lower: bool = False, **_: Any) -> Any:
    return -(out @ meant(da, assume_a, lower) @ out)


def _inv_vjp(ct: Any, out: Any, a: Any, *, assume_a: Any = None, lower: bool = False, **_: Any) -> Any:
    return -unmeant(out.mT @ ct @ out.mT, assume_a, lower)


inv_p = declare(
    "inv",
    linalg.inv,
    lambda a, **params: ArraySpec((*square("inv", a), *a.shape[-2:]), dtypes(linalg.inv, [a], [2])),
    Rules(jvp=[_inv_jvp], vjp=[_inv_vjp]),
    masks=True,
)


@covers(linalg.inv)
def inv(
    a: Any, overwrite_a: bool = False, check_finite: bool = True, *, assume_a: Any = None, lower: bool = False
) -> Any:
    """The derivative is zero in entries that ``assume_a=`` and ``lower=`` leave out."""
    params = given(assume_a=(assume_a, None), lower=(bool(lower), False))
    return bind(inv_p, operand(a), **params, **unchecked(check_finite))


_det_rules: Any = det_p.derivative
_scipy_det_p = declare(
    "det",
    linalg.det,
    lambda a, **params: ArraySpec(square("det", a), dtypes(linalg.det, [a], [2])),
    Rules(
        # In double precision, as SciPy's result is.
        jvp=[lambda da, out, a, **_: _det_rules.jvp[0](da, out, a.astype(out.dtype))],
        vjp=[lambda ct, out, a, **_: _det_rules.vjp[0](ct, out, a.astype(out.dtype))],
    ),
)


@covers(linalg.det)
def det(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """It has all derivatives at singular matrices too; in double precision always, as SciPy's."""
    return bind(_scipy_det_p, operand(a), **unchecked(check_finite))


# pinv, pinvh

_pinv_rules: Any = least_squares.pinv_p.derivative


def _pinv_spec(a: ArraySpec, **params: Any) -> ArraySpec:
    stack = common("pinv", (a, 2))
    return ArraySpec((*stack, a.shape[-1], a.shape[-2]), dtypes(linalg.pinv, [a], [2]))


pinv_p = declare(
    "pinv",
    linalg.pinv,
    _pinv_spec,
    Rules(
        jvp=[lambda da, out, a, **_: _pinv_rules.jvp[0](da, out, a, None, hermitian=False)],
        vjp=[lambda ct, out, a, **_: _pinv_rules.vjp[0](ct, out, a, None, hermitian=False)],
    ),
)


def _pinvh_jvp(da: Any, out: Any, a: Any, *, lower: bool = True, **_: Any) -> Any:
    a, da = [meant(x, "hermitian", lower) for x in (a, da)]
    return _pinv_rules.jvp[0](da, out, a, None, hermitian=False)


def _pinvh_vjp(ct: Any, out: Any, a: Any, *, lower: bool = True, **_: Any) -> Any:
    found = _pinv_rules.vjp[0](ct, out, meant(a, "hermitian", lower), None, hermitian=False)
    return unmeant(found, "hermitian", lower)


pinvh_p = declare(
    "pinvh",
    linalg.pinvh,
    lambda a, **params: ArraySpec((*square("pinvh", a), *a.shape[-2:]), dtypes(linalg.pinvh, [a], [2])),
    Rules(jvp=[_pinvh_jvp], vjp=[_pinvh_vjp]),
    masks=True,
)


def _rank_of(name: str, function: Any) -> Primitive:
    def impl(a: Any, **params: Any) -> Any:
        return np.asarray(function(a, return_rank=True, **params)[1])[()]

    def source(args: list[str], params: dict[str, Any]) -> str:
        keywords = "".join(f", {key}={value!r}" for key, value in params.items())
        return f"np.asarray(scipy.linalg.{name}({args[0]}, return_rank=True{keywords})[1])[()]"

    return declare(
        f"{name}_rank",
        impl,
        lambda a, **params: ArraySpec(a.shape[:-2], np.int64),
        Constant("it is a number of singular values"),
        source=source,
    )


_RANKS = {"pinv": _rank_of("pinv", linalg.pinv), "pinvh": _rank_of("pinvh", linalg.pinvh)}


def _pseudoinverse(name: str, primitive: Primitive, a: Any, return_rank: bool, params: dict[str, Any]) -> Any:
    found = bind(primitive, a, **params)
    return (found, bind(_RANKS[name], a, **params)) if return_rank else found


@covers(linalg.pinv)
def pinv(a: Any, *, atol: Any = None, rtol: Any = None, return_rank: bool = False, check_finite: bool = True) -> Any:
    """Differentiable as long as the rank stays; the tolerances are numbers."""
    params = {**given(atol=(atol, None), rtol=(rtol, None)), **unchecked(check_finite)}
    return _pseudoinverse("pinv", pinv_p, operand(a), return_rank, params)


@covers(linalg.pinvh)
def pinvh(
    a: Any,
    atol: Any = None,
    rtol: Any = None,
    lower: bool = True,
    return_rank: bool = False,
    check_finite: bool = True,
) -> Any:
    """A function of the triangle that SciPy reads; differentiable as long as the rank stays."""
    params = given(atol=(atol, None), rtol=(rtol, None), lower=(bool(lower), True))
    return _pseudoinverse("pinvh", pinvh_p, operand(a), return_rank, {**params, **unchecked(check_finite)})


# lstsq, by the rules of NumPy's


def _lstsq_batch(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
    numpys: Any = least_squares.lstsq_p.batch
    x, sums, rank, s = numpys(primitive, operands, batched, size, params)
    spec = primitive.spec(*examples(operands, batched))[1]
    return x, np.reshape(sums, (size, *spec.shape)).astype(spec.dtype), rank.astype(np.int64), s


def _lstsq_spec(a: ArraySpec, b: ArraySpec, cond: ArraySpec, **params: Any) -> tuple[ArraySpec, ...]:
    if a.ndim != 2 or b.ndim not in (1, 2) or a.shape[0] != b.shape[0]:
        raise ShapeError(
            f"`scipy.linalg.lstsq` of {a!r} and {b!r}: it takes a matrix `(m, n)`, and a vector `(m,)` or a matrix "
            "`(m, k)`",
            "for stacks of matrices write `scipy.linalg.pinv(a) @ b`, or `functrans.vmap`.",
        )
    (m, n), columns = a.shape, b.shape[1:]
    dtype = dtypes(linalg.solve_triangular, [a, b], [2, 1])
    real = real_dtype(dtype)
    sums = ArraySpec(columns, real) if m > n else ArraySpec((0,), dtype)
    return (
        ArraySpec((n, *columns), dtype),
        sums,
        ArraySpec.of(0),
        ArraySpec((min(m, n),), real),
    )


_lstsq_rules: Any = least_squares.lstsq_p.derivative


def _lstsq_source(args: list[str], params: dict[str, Any]) -> str:
    keywords = "".join(f", {key}={value!r}" for key, value in params.items())
    return f"scipy.linalg.lstsq({', '.join(args)}{keywords})"


lstsq_p = declare(
    "lstsq",
    linalg.lstsq,
    _lstsq_spec,
    Rules(
        jvp=[
            lambda da, out, a, b, cond, **_: _lstsq_rules.jvp[0](da, out, a, b, cond),
            lambda db, out, a, b, cond, **_: _lstsq_rules.jvp[1](db, out, a, b, cond),
            None,
        ],
        vjp=[
            lambda ct, out, a, b, cond, **_: _lstsq_rules.vjp[0](ct, out, a, b, cond),
            lambda ct, out, a, b, cond, **_: _lstsq_rules.vjp[1](ct, out, a, b, cond),
            None,
        ],
    ),
    multiple=True,
    source=_lstsq_source,
    batch=_lstsq_batch,
)


@covers(linalg.lstsq)
def lstsq(
    a: Any,
    b: Any,
    cond: Any = None,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    lapack_driver: Any = None,
) -> Any:
    """Whether there are residuals hangs on the rank, which a program takes to be full."""
    driver = lapack_driver or linalg.lstsq.default_lapack_driver
    if driver == "gelsy":
        raise refused("lstsq", "with the driver 'gelsy'", "leave `lapack_driver` out: the solution is the same.")
    a, b = operand(a), operand(b)
    if cond is None:
        cond = float(np.finfo(dtypes(linalg.solve_triangular, [ArraySpec.of(a), ArraySpec.of(b)], [2, 1])).eps)
    params = {**given(lapack_driver=(driver, "gelsd")), **unchecked(check_finite)}
    x, sums, rank, s = bind(lstsq_p, a, b, stop_gradient(operand(cond)), **params)
    if sums.ndim != 1 or sums.size:
        if type(plain(rank)) is ArraySpec:
            sums = bind(lookup("full_rank_sums"), sums, rank, n=a.shape[1])
        elif plain(rank) != a.shape[1]:
            sums = sums[:0] if sums.ndim else np.zeros(0, x.dtype)
    return x, sums, rank, s
