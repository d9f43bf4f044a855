"""The derivatives of eigenvalues of hermitian matrices, also where some are equal.

There they have no derivative, but along each line they have one to its side (Rellich): the eigenvalues, in order, of
the perturbation within their space. So that is their tangent, and beside it the eigenvectors turn into those of the
perturbation. With that, the tangent of the gradient of any function that treats equal eigenvalues alike is exact. It is
not linear in the direction, so the transposed rules do without: they have what is the same in any basis, and NaN for
the rest.

With ``alone=False`` eigenvectors are in use beside the eigenvalues, and none may turn: what stands is what is right in
the basis that there is, the rest is NaN.

Source: Kato, *Perturbation Theory for Linear Operators* (1995), chapter II; Lewis, *Derivatives of spectral functions*
(1996).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.ir.spec import ArraySpec
from functrans.ops.batching import stacked
from functrans.ops.contract import conj
from functrans.ops.contraction import matrices
from functrans.ops.family import real_dtype
from functrans.ops.spectrum import (
    adjoint,
    clusters,
    clusters_p,
    diagonal_of,
    differences,
    quotient,
    settled,
    significant,
    ties,
    within,
)
from functrans.primitives import Primitive, Rules, Source
from functrans.tracing.bind import bind


def eigenvalue_gradient(x, lower, alone):  # type: ignore[no-untyped-def]
    """The derivative of ``sum(g * w)`` in a matrix of eigenvalues ``w``; ``x`` is it, with the row ``g`` below."""
    h, g = x[..., :-1, :], np.real(x[..., -1, :])
    w, v = np.linalg.eigh((h + np.conj(np.swapaxes(h, -1, -2))) * x.dtype.type(0.5), "L" if lower else "U")
    if alone:  # equal ones share
        same = clusters(w, True)
        shares = (same / np.sum(same, axis=-1, keepdims=True)).astype(g.dtype)
        g = np.where(np.sum(same, axis=-1) > 1, np.sum(shares * g[..., None, :], axis=-1), g)
    return np.conj(v * g[..., None, :]) @ np.swapaxes(v, -1, -2)


def cluster_turn(m, w):  # type: ignore[no-untyped-def]
    """The eigenvectors, in order, of each block of ``m`` that belongs to equal ``w``."""
    same = clusters(w, True)
    if np.count_nonzero(same) == w.size:
        return np.broadcast_to(np.eye(m.shape[-1], dtype=m.dtype), np.broadcast_shapes(m.shape, same.shape))
    blocks = np.where(same, m, 0)
    # Blocks far apart from one another, in their order, so that one decomposition does for all.
    size = np.max(np.abs(blocks), axis=(-2, -1), keepdims=True, initial=0)[..., 0]
    number = np.cumsum(np.argmax(same, axis=-1) == np.arange(w.shape[-1]), axis=-1)
    apart = (number * 4 * m.shape[-1] * np.where(size > 0, size, 1)).astype(w.dtype)
    finite = np.all(np.isfinite(m), axis=(-2, -1), keepdims=True)
    q = np.linalg.eigh(np.where(finite, blocks + apart[..., None] * np.eye(m.shape[-1], dtype=w.dtype), 0))[1]
    return np.where(finite, np.where(same, q, 0), np.nan).astype(m.dtype, copy=False)


def eigenvalue_tangent(e, h, lower, alone):  # type: ignore[no-untyped-def]
    """How the eigenvalues of the hermitian matrix ``h`` change when it moves along ``e``."""
    w, v = np.linalg.eigh((h + np.conj(np.swapaxes(h, -1, -2))) * h.dtype.type(0.5), "L" if lower else "U")
    moved = e @ v
    if alone and np.count_nonzero(clusters(w, True)) > w.size:
        m = np.conj(np.swapaxes(v, -1, -2)) @ moved
        q = cluster_turn((m + np.conj(np.swapaxes(m, -1, -2))) * m.dtype.type(0.5), w)
        v, moved = v @ q, moved @ q
    return np.real(np.sum(np.conj(v) * moved, axis=-2))


def _turn_rule(t: Any, out: Any, m: Any, w: Any) -> Any:
    """Nothing turns where no eigenvalues are equal; elsewhere it is not differentiable in general."""
    tied = bind(clusters_p, w, ordered=True) & ~diagonal_of(w.shape[-1])
    return t * np.where(np.any(tied, axis=(-2, -1), keepdims=True), np.full((), np.nan, w.dtype), np.zeros((), w.dtype))


turn_p = Primitive(
    "cluster_turn",
    cluster_turn,
    lambda m, w: ArraySpec(np.broadcast_shapes(m.shape, (*w.shape, w.shape[-1])), np.result_type(m.dtype, w.dtype)),
    Rules(
        jvp=[_turn_rule, lambda dw, out, m, w: np.zeros(m.shape, m.dtype)],
        vjp=[_turn_rule, lambda ct, out, m, w: np.zeros(w.shape, w.dtype)],
    ),
    source=lambda args, params: f"cluster_turn({', '.join(args)})",
    helpers={"clusters": clusters, "cluster_turn": cluster_turn},
    batch=stacked(2, 1),
)


class _Frame:
    """A matrix in the eigenvectors' basis, with all that its derivatives divide by."""

    def __init__(self, direction: Any, h: Any, lower: bool, alone: bool) -> None:
        triangle: Any = "L" if lower else "U"
        self.w, self.v = np.linalg.eigh((h + adjoint(h)) * 0.5, triangle)
        self.one = diagonal_of(h.shape[-1])
        self.same = ties(self.w)
        self.alone = alone
        self.m = self.seen(direction)

    def seen(self, direction: Any) -> Any:
        m = adjoint(self.v) @ direction @ self.v
        return (m + adjoint(m)) * 0.5

    def turn(self) -> None:
        """Take the eigenvectors of the perturbation, where eigenvalues are equal."""
        if self.same is None or not self.alone:
            return
        q = bind(turn_p, self.m, self.w)
        self.v, self.m = self.v @ q, adjoint(q) @ self.m @ q

    def uneven(self) -> Any:
        """Where, among equal eigenvalues, the matrix is none that looks the same in each basis."""
        m, same = self.m, self.same
        around = within(same, np.real(np.diagonal(m, axis1=-2, axis2=-1)))
        rest = np.where(self.one, m - around[..., None, :] * self.one, m)
        found = np.any(significant(rest, m) & same, axis=-1)
        return (np.any(same & found[..., None, :], axis=-1))[..., :, None] & same & ~self.one

    def hessian(self, g: Any, undefined: Any) -> Any:
        """How the gradient of ``sum(g * w)`` changes, off the diagonal."""
        x = self.m * differences(g)
        if self.same is None:
            return quotient(x, differences(self.w), self.one)
        return quotient(x, differences(self.w), self.same, undefined)

    def back(self, inner: Any) -> Any:
        return conj(self.v @ inner @ adjoint(self.v))


def _parts(x: Any) -> tuple[Any, Any]:
    return x[..., :-1, :], np.real(x[..., -1, :])


def _gradient_jvp(dx: Any, out: Any, x: Any, *, lower: bool, alone: bool, settled: bool) -> Any:
    (h, g), (dh, dg) = _parts(x), _parts(dx)
    frame = _Frame(dh, h, lower, alone)
    undefined = None
    if frame.same is not None:
        if alone:
            undefined = frame.uneven()
            frame.turn()
        else:
            undefined = significant(frame.m, frame.m) & ~frame.one
        if alone or settled:
            undefined = undefined & significant(differences(g), g[..., None, :])
    return frame.back(frame.hessian(g, undefined) + dg[..., None, :] * frame.one)


def _gradient_vjp(ct: Any, out: Any, x: Any, *, lower: bool, alone: bool, settled: bool) -> Any:
    h, g = _parts(x)
    frame = _Frame(ct, h, lower, alone)
    undefined = None
    if frame.same is not None:
        undefined = frame.uneven() if alone else significant(frame.m, frame.m) & ~frame.one
        if settled:
            undefined = undefined & significant(differences(g), g[..., None, :])
    by_g = np.real(np.diagonal(frame.m, axis1=-2, axis2=-1))
    # A Hessian is symmetric.
    return np.concatenate([frame.back(frame.hessian(g, undefined)), by_g[..., None, :].astype(x.dtype)], axis=-2)


def _gradient_spec(x: ArraySpec, *, lower: bool, alone: bool, settled: bool) -> ArraySpec:
    return x.with_shape((*x.shape[:-2], x.shape[-1], x.shape[-1]))


def _helper_source(name: str) -> Source:
    def source(args: list[str], params: dict[str, Any]) -> str:
        return f"{name}({', '.join(args)}, {params['lower']}, {params['alone']})"

    return source


gradient_p = Primitive(
    "eigenvalue_gradient",
    lambda x, *, lower, alone, settled: eigenvalue_gradient(x, lower, alone),
    _gradient_spec,
    Rules(jvp=[_gradient_jvp], vjp=[_gradient_vjp]),
    source=_helper_source("eigenvalue_gradient"),
    helpers={"clusters": clusters, "eigenvalue_gradient": eigenvalue_gradient},
    batch=matrices(1),
)


def gradient_of(g: Any, h: Any, lower: bool, *, alone: bool) -> Any:
    """The gradient of ``sum(g * w)`` in ``h``. If ``g`` is known to be constant, its derivatives are known as well."""
    stack = np.broadcast_shapes(g.shape[:-1], h.shape[:-2])
    rows = np.broadcast_to(g.astype(h.dtype)[..., None, :], (*stack, 1, h.shape[-1]))
    joint = np.concatenate([np.broadcast_to(h, (*stack, *h.shape[-2:])), rows], axis=-2)
    return bind(gradient_p, joint, lower=lower, alone=alone, settled=settled(g))


def _tangent_jvp(dh: Any, out: Any, e: Any, h: Any, *, lower: bool, alone: bool) -> Any:
    frame = _Frame(e, h, lower, alone)
    uneven = None if frame.same is None or alone else frame.uneven()
    frame.turn()
    m = frame.seen(dh)
    both = np.real(conj(frame.m) * m)
    if frame.same is None:
        return 2 * np.sum(quotient(both, differences(frame.w), frame.one), axis=-2)
    if not alone:
        undefined = significant(frame.m, frame.m) & significant(m, m) & ~frame.one
        return 2 * np.sum(quotient(both, differences(frame.w), frame.same, undefined & uneven), axis=-2)
    # The two tangents of equal eigenvalues belong to one basis if the sum of their products is a trace.
    products = out * bind(tangent_p, dh, h, lower=lower, alone=True)
    scale = np.max(np.abs(frame.m), axis=(-2, -1), initial=0) * np.max(np.abs(m), axis=(-2, -1), initial=0)
    defect = np.sum(np.where(frame.same, both - products[..., None, :] * frame.one, 0.0), axis=-1)
    total = np.sum(np.where(frame.same, defect[..., None, :], 0.0), axis=-1)
    floor = 32 * np.finfo(out.dtype).eps * max(m.shape[-1], 4) * scale[..., None]
    apart = np.logical_not(np.abs(total) <= floor)
    undefined = np.where(apart, np.full((), np.nan, out.dtype), np.zeros((), out.dtype))
    return 2 * np.sum(quotient(both, differences(frame.w), frame.same), axis=-2) + undefined


def _tangent_vjp(ct: Any, out: Any, e: Any, h: Any, *, lower: bool, alone: bool) -> Any:
    frame = _Frame(e, h, lower, alone)
    undefined = None
    if frame.same is not None:
        undefined = frame.uneven() if alone else significant(frame.m, frame.m) & ~frame.one
    return frame.back(frame.hessian(ct, undefined))


tangent_p: Primitive = Primitive(
    "eigenvalue_tangent",
    lambda e, h, *, lower, alone: eigenvalue_tangent(e, h, lower, alone),
    lambda e, h, *, lower, alone: ArraySpec(
        np.broadcast_shapes(e.shape, h.shape)[:-1], real_dtype(np.result_type(e.dtype, h.dtype))
    ),
    Rules(
        jvp=[lambda de, out, e, h, *, lower, alone: bind(tangent_p, de, h, lower=lower, alone=alone), _tangent_jvp],
        vjp=[lambda ct, out, e, h, *, lower, alone: gradient_of(ct, h, lower, alone=alone), _tangent_vjp],
    ),
    source=_helper_source("eigenvalue_tangent"),
    helpers={"clusters": clusters, "cluster_turn": cluster_turn, "eigenvalue_tangent": eigenvalue_tangent},
    batch=matrices(2),
)


def tangent_of(e: Any, h: Any, lower: bool, *, alone: bool) -> Any:
    """How the eigenvalues of ``h`` change along ``e``."""
    return bind(tangent_p, e, h, lower=lower, alone=alone)
