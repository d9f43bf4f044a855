"""One factorization of a matrix for everything that is computed with it: what the pass ``factorizations`` writes.

They call LAPACK as NumPy does, so what is not finite comes out as it would, and a matrix that is exactly singular is
refused in NumPy's words where NumPy refuses it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg

from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.family import real_dtype
from functrans.ops.linalg import solve_p
from functrans.primitives import Primitive, Rules
from functrans.scipy.linalg.declaring import declare, follows
from functrans.scipy.linalg.lu_factors import lu_factor_p, lu_solve_p
from functrans.tracing.bind import bind


def regular_lu(a, regular):  # type: ignore[no-untyped-def]
    """LAPACK's factors of a matrix, and its exchanges of rows; ``regular``: a singular one is refused."""
    factor = getattr(scipy.linalg.lapack, {"f": "s", "d": "d", "F": "c", "D": "z"}[a.dtype.char] + "getrf")
    lu, piv, info = factor(a)
    if info > 0 and regular:
        raise np.linalg.LinAlgError("Singular matrix")
    return lu, piv


_lu_rules: Any = lu_factor_p.derivative

regular_lu_p: Primitive = declare(
    "regular_lu",
    regular_lu,
    lu_factor_p.spec,
    Rules(jvp=_lu_rules.jvp, vjp=None),
    source=lambda args, params: f"regular_lu({args[0]}, {params['regular']})",
    helpers={"regular_lu": regular_lu},
    batch=batching.each,
    multiple=True,
    masks=True,
)


def inv_of_lu(lu, piv):  # type: ignore[no-untyped-def]
    """The inverse of a matrix, by its factors."""
    invert = getattr(scipy.linalg.lapack, {"f": "s", "d": "d", "F": "c", "D": "z"}[lu.dtype.char] + "getri")
    inverse, info = invert(lu, piv)
    if info > 0:
        raise np.linalg.LinAlgError("Singular matrix")
    return np.ascontiguousarray(inverse)


def _by_solving(lu: Any, piv: Any) -> Any:
    return bind(lu_solve_p, lu, np.eye(lu.shape[-1], dtype=lu.dtype), piv, check_finite=False)


inv_of_lu_p: Primitive = declare(
    "inv_of_lu",
    inv_of_lu,
    lambda lu, piv: lu,
    Rules(jvp=[*follows(_by_solving, 1).jvp, None], vjp=[*(follows(_by_solving, 1).vjp or ()), None]),
    source=lambda args, params: f"inv_of_lu({args[0]}, {args[1]})",
    helpers={"inv_of_lu": inv_of_lu},
    batch=batching.each,
    masks=True,
)


def slogdet_of_lu(lu, piv):  # type: ignore[no-untyped-def]
    """The sign of the determinant, and the logarithm of its absolute value, by the factors."""
    diagonal = np.diagonal(lu, 0, -2, -1)
    size = np.abs(diagonal)
    odd = np.count_nonzero(piv != np.arange(piv.shape[-1]), axis=-1) % 2
    with np.errstate(divide="ignore", invalid="ignore"):
        turns = np.where(size == 0, 0, diagonal / size)
        return np.prod(turns, axis=-1) * (1 - 2 * odd).astype(size.dtype), np.sum(np.log(size), axis=-1)


def _slogdet_spec(lu: ArraySpec, piv: ArraySpec) -> tuple[ArraySpec, ArraySpec]:
    return lu.with_shape(lu.shape[:-2]), ArraySpec(lu.shape[:-2], real_dtype(lu.dtype))


def _slogdet_jvp(dlu: Any, out: Any, lu: Any, piv: Any) -> Any:
    growth = np.sum(np.diagonal(dlu, 0, -2, -1) / np.diagonal(lu, 0, -2, -1), axis=-1)
    if out[0].dtype.kind != "c":
        return np.zeros(growth.shape, growth.dtype), growth
    return 1j * np.imag(growth) * out[0], np.real(growth)


slogdet_of_lu_p: Primitive = declare(
    "slogdet_of_lu",
    slogdet_of_lu,
    _slogdet_spec,
    Rules(jvp=[_slogdet_jvp, None], vjp=None),
    source=lambda args, params: f"slogdet_of_lu({args[0]}, {args[1]})",
    helpers={"slogdet_of_lu": slogdet_of_lu},
    batch=batching.each,
    multiple=True,
    masks=True,
)


def solve_by_cholesky(a, b, factor, lower):  # type: ignore[no-untyped-def]
    """The solution of equations with ``a``, by its Cholesky factor if it is symmetric; the factor read one triangle."""
    if np.array_equal(a, a.T):
        return scipy.linalg.cho_solve((factor, lower), b, check_finite=False)
    return np.linalg.solve(a, b)


_solve_rules: Any = solve_p.derivative

solve_by_cholesky_p: Primitive = declare(
    "solve_by_cholesky",
    solve_by_cholesky,
    lambda a, b, factor, *, lower: solve_p.spec(a, b),
    Rules(
        jvp=[
            *[lambda t, out, a, b, factor, *, lower, _rule=rule: _rule(t, out, a, b) for rule in _solve_rules.jvp],
            None,
        ],
        vjp=[
            *[lambda t, out, a, b, factor, *, lower, _rule=rule: _rule(t, out, a, b) for rule in _solve_rules.vjp],
            None,
        ],
    ),
    source=lambda args, params: f"solve_by_cholesky({', '.join(args)}, {params['lower']})",
    helpers={"solve_by_cholesky": solve_by_cholesky},
    batch=batching.each,
    masks=True,
)
