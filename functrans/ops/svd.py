"""``np.linalg.svd`` and ``svdvals``: singular values and vectors.

Singular vectors turn as little as they must: what the decomposition leaves open about the turn of ``u`` and ``v``
(complex phases; the columns of ``full_matrices=True`` that go with no singular value) stays still, a phase that both
share is halved among them. At equal singular values, and at zero, see :mod:`functrans.ops.spectrum`.

Source: M. Giles, *An extended collection of matrix derivative results for forward and reverse mode algorithmic
differentiation* (2008), section 3.2; Z.-Q. Wan and S.-X. Zhang, *Automatic differentiation for complex valued SVD*
(2019).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.errors import ShapeError
from functrans.ir.spec import ArraySpec
from functrans.ops.contract import conj
from functrans.ops.contraction import matrices
from functrans.ops.eigenvalues import gradient_of, tangent_of
from functrans.ops.family import operand, real_dtype
from functrans.ops.linalg import linalg_dtype
from functrans.ops.spectrum import (
    adjoint,
    diagonal_of,
    differences,
    first_order,
    mixed,
    quotient,
    significant,
    ties,
    unused,
)
from functrans.primitives import Primitive, Rules, call_source
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import implements


def _checked(name: str, a: ArraySpec) -> tuple[tuple[int, ...], int, int, np.dtype[Any]]:
    if a.ndim < 2:
        raise ShapeError(
            f"`np.linalg.{name}` of {a!r}: it takes matrices, in the last two axes",
            "give a vector a second axis: `x[:, None]`.",
        )
    return a.shape[:-2], a.shape[-2], a.shape[-1], linalg_dtype(name, a)


def _svd_spec(a: ArraySpec, *, full_matrices: bool) -> tuple[ArraySpec, ArraySpec, ArraySpec]:
    stack, m, n, dtype = _checked("svd", a)
    k = min(m, n)
    return (
        ArraySpec((*stack, m, m if full_matrices else k), dtype),
        ArraySpec((*stack, k), real_dtype(dtype)),
        ArraySpec((*stack, n if full_matrices else k, n), dtype),
    )


def _tied(s: Any) -> tuple[Any, Any, Any]:
    """Which pairs of singular values are equal, which are both zero, and which are zero; None where none is."""
    with_zero = ties(np.concatenate([s, np.zeros((*s.shape[:-1], 1), s.dtype)], axis=-1))
    if with_zero is None:
        return diagonal_of(s.shape[-1]), None, None
    zero = with_zero[..., :-1, -1]
    return with_zero[..., :-1, :-1], zero[..., :, None] & zero[..., None, :], zero


def _over(x: Any, divisor: Any, tied: Any, source: Any) -> Any:
    """``x / divisor``, where nothing is known to be tied without more ado."""
    return x / divisor if tied is None else quotient(x, divisor, tied, significant(x, source))


def _sums(s: Any) -> Any:
    return s[..., :, None] + s[..., None, :]


# With p = u^H da v, o = u^H du and q = v^H dv: p = o s + ds - s q. Its hermitian part gives o + q, divided by
# differences of singular values, the rest gives o - q, divided by sums.


def _svd_jvp(da: Any, out: Any, a: Any, *, full_matrices: bool) -> Any:
    u, s, vh = out
    m, n = u.shape[-2], vh.shape[-1]
    if m < n:  # the adjoint's, exchanged
        du, ds, dvh = _svd_jvp(adjoint(da), (adjoint(vh), s, adjoint(u)), None, full_matrices=full_matrices)
        return adjoint(dvh), ds, adjoint(du)
    main = u[..., :n]
    moved = da @ adjoint(vh)
    p = adjoint(main) @ moved
    one = diagonal_of(n)
    same, both_zero, zero = _tied(s)
    even, odd = p + adjoint(p), p - adjoint(p)
    even = quotient(even, differences(s), same, None if zero is None else significant(even, p) & ~one)
    odd = _over(odd, _sums(s), both_zero, p)
    du = main @ (0.5 * (even + odd))
    ds = np.real(np.diagonal(p, axis1=-2, axis2=-1))
    dvh = -0.5 * (even - odd) @ vh
    columns = None if zero is None else np.broadcast_to(zero[..., None, :], (*s.shape[:-1], m - n, n))
    if m > n and full_matrices:
        rest = u[..., n:]
        x = _over(adjoint(rest) @ moved, s[..., None, :], columns, moved)
        du = np.concatenate([du + rest @ x, -main @ adjoint(x)], axis=-1)
    elif m > n:
        columns = None if zero is None else zero[..., None, :]
        du = du + _over(moved - main @ p, s[..., None, :], columns, moved)
    return (du, ds, dvh) if zero is None else tuple([first_order(t, same, zero) for t in (du, ds, dvh)])


def _svd_vjp(ct: Any, out: Any, a: Any, *, full_matrices: bool) -> Any:
    (by_u, by_s, by_vh), (u, s, vh) = ct, out
    m, n = u.shape[-2], vh.shape[-1]
    if m < n:
        by_vh, by_u = [x.mT if unused(x) else adjoint(x) for x in (by_vh, by_u)]
        ct, out = (by_vh, by_s, by_u), (adjoint(vh), s, adjoint(u))
        return adjoint(_svd_vjp(ct, out, None, full_matrices=full_matrices))
    main = u[..., :n]
    one = diagonal_of(n)
    same, both_zero, zero = _tied(s)
    inner = by_s[..., None, :] * one
    beyond = None
    if not (unused(by_u) and unused(by_vh)):
        by_main = by_u[..., :n]
        g, h = main.mT @ by_main, by_vh @ vh.mT
        size = np.abs(g) + np.abs(h)
        even, odd = 0.5 * (g - h), 0.5 * (g + h)
        even, odd = even - adjoint(even), odd - adjoint(odd)
        if zero is None:
            inner = inner + quotient(even, differences(s), one) + odd / _sums(s)
        else:
            apart = significant(even, size) & ~one
            apart_at_zero = significant(odd, size)
            if not unused(by_s):
                coupled = mixed(by_s, [g, h], same)
                apart, apart_at_zero = apart | coupled, apart_at_zero | coupled
            inner = inner + quotient(even, differences(s), same, apart)
            inner = inner + quotient(odd, _sums(s), both_zero, apart_at_zero)
        columns = None if zero is None else zero[..., None, :]
        if m > n and full_matrices:
            rest = u[..., n:]
            x = rest.mT @ by_main - adjoint(main.mT @ by_u[..., n:])
            beyond = conj(rest) @ _over(x, s[..., None, :], columns, by_u)
        elif m > n:
            beyond = _over(by_u - conj(main) @ g, s[..., None, :], columns, by_u)
    left = conj(main) @ inner
    found = (left if beyond is None else left + beyond) @ conj(vh)
    return found if zero is None else first_order(found, same, zero)


def _svd_source(args: list[str], params: dict[str, Any]) -> str:
    return call_source("np.linalg.svd", args, {} if params["full_matrices"] else {"full_matrices": False})


svd_p = Primitive(
    "svd",
    lambda a, *, full_matrices: tuple(np.linalg.svd(a, full_matrices)),
    _svd_spec,
    Rules(jvp=[_svd_jvp], vjp=[_svd_vjp]),
    source=_svd_source,
    multiple=True,
    masks=True,
    batch=matrices(1),
)


# Singular values alone. Where some are equal or zero, they are taken for what they are too, with their negatives: the
# eigenvalues of the hermitian matrix that has `a` and its adjoint beside its diagonal.


def _embedded(a: Any) -> Any:
    m, n = a.shape[-2:]
    stack = a.shape[:-2]
    above = np.concatenate([np.zeros((*stack, m, m), a.dtype), a], axis=-1)
    below = np.concatenate([adjoint(a), np.zeros((*stack, n, n), a.dtype)], axis=-1)
    return np.concatenate([above, below], axis=-2)


def _svdvals_spec(a: ArraySpec) -> ArraySpec:
    stack, m, n, dtype = _checked("svdvals", a)
    return ArraySpec((*stack, min(m, n)), real_dtype(dtype))


def _svdvals_jvp(da: Any, s: Any, a: Any) -> Any:
    if _tied(s)[2] is not None:
        dw = tangent_of(_embedded(da), _embedded(a), True, alone=True)
        k = s.shape[-1]
        return 0.5 * (dw[..., ::-1][..., :k] - dw[..., :k])
    u, _, vh = np.linalg.svd(a, full_matrices=False)
    return np.sum(np.real(conj(u) * (da @ adjoint(vh))), axis=-2)


def _svdvals_vjp(ct: Any, s: Any, a: Any) -> Any:
    if _tied(s)[2] is not None:
        m, n = a.shape[-2:]
        between = np.zeros((*ct.shape[:-1], abs(m - n)), ct.dtype)
        weights = np.concatenate([-0.5 * ct, between, 0.5 * ct[..., ::-1]], axis=-1)
        return 2 * gradient_of(weights, _embedded(a), True, alone=True)[..., :m, m:]
    u, _, vh = np.linalg.svd(a, full_matrices=False)
    return conj(u) * ct[..., None, :] @ conj(vh)


svdvals_p = Primitive(
    "svdvals",
    lambda a: np.linalg.svd(a, compute_uv=False),
    _svdvals_spec,
    Rules(jvp=[_svdvals_jvp], vjp=[_svdvals_vjp]),
    source=lambda args, params: f"np.linalg.svd({args[0]}, compute_uv=False)",
    masks=True,
    batch=matrices(1),
)


@implements(np.linalg.svd)
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """``np.linalg.svd``: a named triple, as NumPy's, or the singular values alone.

    What depends on the choice of the vectors of equal singular values, or of those that are zero, has the derivative
    NaN.
    """
    a = operand(a)
    if hermitian:
        return _hermitian(a, compute_uv)
    if not compute_uv:
        return bind(svdvals_p, a)
    result = type(np.linalg.svd(np.ones((1, 1))))
    return result(*bind(svd_p, a, full_matrices=bool(full_matrices)))


def _hermitian(a: Any, compute_uv: bool) -> Any:
    """By eigenvalues, as NumPy does it: they in falling order of their size, their signs in ``vh``."""
    if not compute_uv:
        return np.sort(np.abs(np.linalg.eigvalsh(a)))[..., ::-1]
    w, u = np.linalg.eigh(a)
    sign, size = np.sign(w), np.abs(w)
    order = np.argsort(size)[..., ::-1]
    u = np.take_along_axis(u, order[..., None, :], axis=-1)
    vh = adjoint(u * np.take_along_axis(sign, order, axis=-1)[..., None, :])
    result = type(np.linalg.svd(np.ones((1, 1))))
    return result(u, np.take_along_axis(size, order, axis=-1), vh)


@implements(np.linalg.svdvals)
def svdvals(x: Any, /) -> Any:
    """``np.linalg.svdvals``.

    Where singular values are equal, or zero, the first and second derivatives of a function that treats equal ones
    alike, and has no kink at zero, are exact.
    """
    return bind(svdvals_p, operand(x))
