"""``scipy.linalg``: triangular factors with exchanged rows. The permutation is constant nearby.

Source: S. Walter and L. Lehmann, *Algorithmic differentiation of linear algebra functions with application in optimum
experimental design* (2010).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg

from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.batching import ranks
from functrans.ops.contract import conj
from functrans.ops.contraction import checked
from functrans.ops.family import operand, real_dtype
from functrans.primitives import Constant, Primitive, Rules
from functrans.scipy.covering import covers
from functrans.scipy.linalg.declaring import (
    common,
    declare,
    dtypes,
    follows,
    given,
    one_matrix,
    solution_shape,
    solved,
    takes_stacks,
    unchecked,
)
from functrans.scipy.linalg.solving import triangular_p
from functrans.tracing.bind import bind

# lu. With the rows of a in their order, a = l u; the leading square blocks a1 = l1 u1 give the rest:
# l1^-1 da1 u1^-1 = l1^-1 dl1 + du1 u1^-1, of which the one has no diagonal and the other nothing below it.


def _lu_jvp(da: Any, l: Any, u: Any) -> tuple[Any, Any]:  # noqa: E741
    """How the factors change if the matrix, with its rows in the order of ``l``, does."""
    k = l.shape[-1]
    l1, u1 = l[..., :k, :], u[..., :, :k]
    down = {"lower": True, "unit_diagonal": True, "check_finite": False}
    across = {"trans": 1, "check_finite": False}
    inner = bind(triangular_p, l1, da[..., :k, :k], **down)
    inner = bind(triangular_p, u1, inner.mT, **across).mT
    dl = l1 @ np.tril(inner, -1)
    du = np.triu(inner) @ u1
    if l.shape[-2] > k:
        below = bind(triangular_p, u1, (da[..., k:, :k] - l[..., k:, :] @ du).mT, **across).mT
        dl = np.concatenate([dl, below], axis=-2)
    if u.shape[-1] > k:
        beside = bind(triangular_p, l1, da[..., :k, k:] - dl[..., :k, :] @ u[..., k:], **down)
        du = np.concatenate([du, beside], axis=-1)
    return dl, du


def _rows(x: Any, order: Any) -> Any:
    return np.take_along_axis(x, order[..., None], axis=-2)


def _lu_indices_jvp(da: Any, out: Any, a: Any, **_: Any) -> Any:
    p, l, u = out  # noqa: E741
    return (p * 0, *_lu_jvp(_rows(da, np.argsort(p, axis=-1)), l, u))


def _lu_matrix_jvp(da: Any, out: Any, a: Any, **_: Any) -> Any:
    p, l, u = out  # noqa: E741
    return (p * 0, *_lu_jvp(p.mT @ da, l, u))


def _lu_permuted_jvp(da: Any, out: Any, a: Any, **_: Any) -> Any:
    p, l, u = bind(_lu_p["indices"], a)  # noqa: E741
    dl, du = _lu_jvp(_rows(da, np.argsort(p, axis=-1)), l, u)
    return _rows(dl, p), du


def _lu_spec(form: str) -> Any:
    def spec(a: ArraySpec, **params: Any) -> tuple[ArraySpec, ...]:
        stack = common("lu", (a, 2))
        m, n = a.shape[-2:]
        k = min(m, n)
        dtype = dtypes(linalg.lu, [a], [2])[1]
        factors = (ArraySpec((*stack, m, k), dtype), ArraySpec((*stack, k, n), dtype))
        if form == "permuted":
            return factors
        return (
            ArraySpec((*stack, m), np.int32) if form == "indices" else ArraySpec((*stack, m, m), real_dtype(dtype)),
            *factors,
        )

    return spec


def _lu_declare(form: str, keywords: dict[str, bool], rule: Any) -> Primitive:
    def impl(a: Any, **params: Any) -> Any:
        return linalg.lu(a, **keywords, **params)

    def source(args: list[str], params: dict[str, Any]) -> str:
        given = "".join(f", {key}={value!r}" for key, value in {**keywords, **params}.items())
        return f"scipy.linalg.lu({args[0]}{given})"

    name = "lu" if form == "matrix" else f"lu_{form}"
    return declare(name, impl, _lu_spec(form), Rules(jvp=[rule], vjp=None), source=source, multiple=True, masks=True)


_lu_p = {
    "indices": _lu_declare("indices", {"p_indices": True}, _lu_indices_jvp),
    "matrix": _lu_declare("matrix", {}, _lu_matrix_jvp),
    "permuted": _lu_declare("permuted", {"permute_l": True}, _lu_permuted_jvp),
}


@covers(linalg.lu)
def lu(
    a: Any, permute_l: bool = False, overwrite_a: bool = False, check_finite: bool = True, p_indices: bool = False
) -> Any:
    """The permutation is constant nearby. Where leading columns are dependent, differentiating is an error."""
    form = "permuted" if permute_l else "indices" if p_indices else "matrix"
    return bind(_lu_p[form], operand(a), **unchecked(check_finite))


def row_order(piv, m):  # type: ignore[no-untyped-def]
    """The order of ``m`` rows that the exchanges ``piv`` of LAPACK lead to."""
    order = np.broadcast_to(np.arange(m), (*piv.shape[:-1], m)).copy()
    for i in range(piv.shape[-1]):
        other = piv[..., i : i + 1]
        moved = np.take_along_axis(order, other, axis=-1)
        np.put_along_axis(order, other, order[..., i : i + 1].copy(), axis=-1)
        order[..., i : i + 1] = moved
    return order


_row_order = declare(
    "row_order",
    row_order,
    lambda piv, *, m: ArraySpec((*piv.shape[:-1], m), np.int64),
    Constant("it is made of integers"),
    cores=(1,),
    source=lambda args, params: f"row_order({args[0]}, {params['m']})",
    helpers={"row_order": row_order},
)


def _lu_factor_jvp(da: Any, out: Any, a: Any, **_: Any) -> Any:
    found, piv = out
    m, n = found.shape[-2:]
    k = min(m, n)
    order = bind(_row_order, piv, m=m)
    l, u = np.tril(found, -1)[..., :k] + np.eye(m, k, dtype=found.dtype), np.triu(found)[..., :k, :]  # noqa: E741
    dl, du = _lu_jvp(_rows(da, order), l, u)
    if n > k:
        dl = np.concatenate([dl, np.zeros((*dl.shape[:-1], n - k), dl.dtype)], axis=-1)
    if m > k:
        du = np.concatenate([du, np.zeros((*du.shape[:-2], m - k, n), du.dtype)], axis=-2)
    return dl + du, piv * 0


def _lu_factor_spec(a: ArraySpec, **params: Any) -> tuple[ArraySpec, ArraySpec]:
    stack = common("lu_factor", (a, 2))
    lu, piv = dtypes(linalg.lu_factor, [a], [2])
    return ArraySpec(a.shape, lu), ArraySpec((*stack, min(a.shape[-2:])), piv)


lu_factor_p = declare(
    "lu_factor",
    linalg.lu_factor,
    _lu_factor_spec,
    Rules(jvp=[_lu_factor_jvp], vjp=None),
    multiple=True,
    masks=True,
)


@covers(linalg.lu_factor)
def lu_factor(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """A pair `(lu, piv)`; the exchanges are integers."""
    return bind(lu_factor_p, operand(a), **unchecked(check_finite))


def _lu_solve_impl(lu: Any, b: Any, piv: Any, *, trans: int = 0, **params: Any) -> Any:
    return linalg.lu_solve((lu, piv), b, trans, **params)


def _by_lu(lu: Any, b: Any, piv: Any, *, trans: int = 0, **_: Any) -> Any:
    vector = b.ndim == 1
    order = bind(_row_order, piv, m=lu.shape[-1])
    up = {"trans": trans, "check_finite": False}
    down = {"lower": True, "unit_diagonal": True, **up}

    def rows(x: Any, order: Any) -> Any:
        place, core = (order, 1) if vector else (order[..., None], 2)
        stack = np.broadcast_shapes(place.shape[:-core], x.shape[:-core])
        place, x = [np.broadcast_to(y, (*stack, *y.shape[-core:])) for y in (place, x)]
        return np.take_along_axis(x, place, axis=-core)

    if trans == 0:
        half = solved(triangular_p, lu, rows(b, order), vector, **down)
        return solved(triangular_p, lu, half, vector, **up)
    half = solved(triangular_p, lu, b, vector, **up)
    return rows(solved(triangular_p, lu, half, vector, **down), np.argsort(order, axis=-1))


def _lu_solve_back(ct: Any, out: Any, lu: Any, b: Any, piv: Any, *, trans: int = 0, **_: Any) -> Any:
    # The transposed of inv(a), inv(a)^T and inv(a)^H.
    vector = b.ndim == 1

    def solve(rhs: Any, trans: int) -> Any:
        params = {"trans": trans, "check_finite": False}
        if vector and rhs.ndim > 1:
            return bind(lu_solve_p, lu, rhs[..., None], piv, **params)[..., 0]
        return bind(lu_solve_p, lu, rhs, piv, **params)

    return conj(solve(conj(ct), 0)) if trans == 2 else solve(ct, 1 - trans)


_of_lu: Any = follows(_by_lu, 1)


def _lu_solve_moved(db: Any, out: Any, lu: Any, b: Any, piv: Any, **params: Any) -> Any:
    return bind(lu_solve_p, lu, db, piv, **{**params, "check_finite": False})


def _lu_solve_spec(lu: ArraySpec, b: ArraySpec, piv: ArraySpec, **params: Any) -> ArraySpec:
    return ArraySpec(solution_shape("lu_solve", lu, b), dtypes(linalg.solve_triangular, [lu, b], [2, 1]))


def _lu_solve_source(args: list[str], params: dict[str, Any]) -> str:
    lu, b, piv = args
    return f"scipy.linalg.lu_solve(({lu}, {piv}), {b}{''.join(f', {key}={value!r}' for key, value in params.items())})"


def _lu_solve_batch(primitive: Any, operands: Any, batched: Any, size: int, params: Any) -> Any:
    lu, b, piv = operands
    m, n, _ = ranks(operands, batched)
    if not batched[0] and not batched[2] and m == 2 and n <= 2:
        return one_matrix(lambda columns: bind(primitive, lu, columns, piv, **params), b)
    if not takes_stacks():
        return batching.each(primitive, operands, batched, size, params)
    if n > 1 or not batched[1]:
        return batching.stacked(2, 2 if n > 1 else 1, 1)(primitive, operands, batched, size, params)
    return batching.stacked(2, 2, 1)(primitive, (lu, b[..., None], piv), batched, size, params)[..., 0]


lu_solve_p: Primitive = declare(
    "lu_solve",
    _lu_solve_impl,
    _lu_solve_spec,
    Rules(jvp=[*_of_lu.jvp, _lu_solve_moved, None], vjp=[*_of_lu.vjp, _lu_solve_back, None]),
    source=_lu_solve_source,
    batch=checked(_lu_solve_batch),
    masks=True,
)


@covers(linalg.lu_solve)
def lu_solve(lu_and_piv: Any, b: Any, trans: Any = 0, overwrite_b: bool = False, check_finite: bool = True) -> Any:
    """A function of both triangles of `lu` and of the right-hand side."""
    lu, piv = lu_and_piv
    params = given(trans=(int(trans), 0))
    return bind(lu_solve_p, operand(lu), operand(b), operand(piv), **params, **unchecked(check_finite))
