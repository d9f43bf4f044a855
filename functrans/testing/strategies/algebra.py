"""Recipes for the primitives of products and of linear algebra."""

from __future__ import annotations

from typing import Any

import numpy as np

import functrans as ft
from functrans.testing.strategies.entries import Draw
from functrans.testing.strategies.operands import FLOATS, INEXACT, Operands, calls, register


def pulled(f: Any, *args: Any) -> Any:
    """A call of the pullback of ``f``: how those primitives are reached that only rules use."""
    return lambda *operands: ft.vjp(lambda *moved: f(*moved, *args), *operands[1:])[1](operands[0])


def regular(*shape: int) -> Any:
    """Matrices far from singular ones, and the columns of such."""
    return lambda draw: (0.2 * draw(shape) + 2 * np.eye(shape[-2], shape[-1])).astype(draw.dtype)


def turned(*shape: int) -> Any:
    """Such matrices; complex ones far from real ones."""
    return lambda draw: regular(*shape)(draw) * (0.6 + 0.8j if np.dtype(draw.dtype).kind == "c" else 1)


def apart(draw: Any) -> Any:
    """A matrix whose singular values are far from one another."""
    return (0.1 * draw((2, 2)) + np.diag([1.0, 3.0])).astype(draw.dtype)


# Products.
calls(
    "matmul",
    (np.matmul, (2, 3), (3, 2)),
    (np.matmul, (3,), (2, 3, 2)),
    (np.matmul, (2, 1, 2), (2,)),
    (np.matmul, (3,), (3, 2)),
    (np.matmul, (2, 3), (3,)),
    (np.matmul, (2, 3), (2, 3, 2)),
    (np.matmul, (2, 2, 3), (3, 2)),
    (np.matmul, (2, 2, 3), (1, 3, 2)),
    (np.matmul, (3,), (3,)),
)
calls(
    "dot",
    (np.dot, (2, 3), (2, 3, 2)),
    (np.dot, (3,), (3,)),
    (np.dot, (), (2,)),
    (np.dot, (2, 2), ()),
    (np.dot, 1.5, (2,)),
    (np.dot, (2, 3), (3, 2)),
    (np.dot, (3,), (3, 2)),
    (np.dot, (2, 3), (3,)),
    (np.dot, (2, 2, 3), (3,)),
    (np.dot, (3,), (2, 3, 2)),
    (np.dot, (2, 2, 3), (3, 2)),
    (np.dot, (2, 2, 3), (2, 3, 2)),
)
calls(
    "inner",
    (np.inner, (2, 3), (4, 3)),
    (np.inner, (3,), (3,)),
    (np.inner, (), (2,)),
    (np.inner, (2, 2), ()),
    (np.inner, (2,), 1.5),
    (np.inner, (3,), (2, 3)),
    (np.inner, (2, 3), (3,)),
    (np.inner, (2, 2, 3), (2, 3)),
)
calls("vdot", (np.vdot, (2, 2), (2, 2)), (np.vdot, (3,), (3,)))
calls("outer", (np.outer, (2,), (3,)), (np.outer, (2, 2), ()))
calls(
    "tensordot",
    (lambda x, y: np.tensordot(x, y, ([0, 2], [-1, 0])), (2, 3, 4), (4, 2)),
    (lambda x, y: np.tensordot(x, y, 0), (2,), (3,)),
    (lambda x, y: np.tensordot(x, y, ([2, 0], [0, 2])), (2, 3, 4), (4, 3, 2)),
    (lambda x, y: np.tensordot(x, y, ([0], [1])), (2, 3), (3, 2, 2)),
)
calls("vecdot", (np.vecdot, (2, 3), (3,)), (np.vecdot, (2, 3), (2, 3)))
if hasattr(np, "matvec"):
    calls("matvec", (np.matvec, (2, 3), (2, 3)), (np.matvec, (2, 2, 3), (2, 3)))
    calls("vecmat", (np.vecmat, (2,), (2, 3)), (np.vecmat, (2, 2), (2, 2, 3)))
calls(
    "einsum",
    (lambda x, y: np.einsum("ij,jk->ki", x, y), (2, 3), (3, 2)),
    (lambda x: np.einsum("ii->i", x), (3, 3)),
    (lambda x, y: np.einsum("...i,i", x, y), (2, 3), (3,)),
    (lambda x: np.einsum("ij->j", x), (2, 3)),
    (lambda x: np.einsum("ii", x), (3, 3)),
    (lambda x: np.einsum("iij->i", x), (2, 2, 3)),
    (lambda x, y: np.einsum("ij,jk->ik", x, y), (1, 3), (3, 2)),
    (lambda x: np.einsum("iij->ij", x), (2, 2, 3)),
    (lambda x: np.einsum("iijj->j", x), (2, 2, 3, 3)),
    (lambda x, y: np.einsum("iij,k->j", x, y), (2, 2, 3), (2,)),
    (lambda x, y: np.einsum("ij,ij->ij", x, y), (1, 3), (2, 3)),
    (lambda x, y: np.einsum("ij,ij->j", x, y), (2, 1), (2, 3)),
    (lambda x, y: np.einsum("ij,jk->ik", x, y, optimize=True), (2, 1), (3, 2)),
    (lambda x, y, z: np.einsum("i,ij,j", x, y, z), (2,), (2, 3), (3,)),
)
calls(
    "kron",
    (np.kron, (2, 2), (3,)),
    (np.kron, (3,), (2, 2)),
    (np.kron, (2, 1, 3), (2, 2)),
    (np.kron, (), (2,)),
)
calls("cross", (np.cross, (2, 3), (3,)))

# Linear algebra.
calls("inv", (np.linalg.inv, regular(3, 3)), (np.linalg.inv, regular(2, 2, 2)))
calls(
    "solve",
    (np.linalg.solve, regular(3, 3), (3,)),
    (np.linalg.solve, regular(2, 2, 2), (2, 3)),
    (np.linalg.solve, regular(2, 3, 3), (3,)),
)
calls("det", (np.linalg.det, regular(3, 3)), (np.linalg.det, regular(2, 2, 2)), (np.linalg.det, regular(4, 4)))
calls("slogdet", (np.linalg.slogdet, regular(3, 3)), (np.linalg.slogdet, regular(2, 1, 1)))
_ALONG: Any = lambda a, e: ft.jvp(ft.grad(lambda a: np.sum(np.real(np.linalg.det(a)))), (a,), (e,))  # noqa: E731
calls("cofactors", (pulled(np.linalg.det), (), regular(3, 3)), (pulled(np.linalg.det), (), regular(4, 4)))
calls(
    "cofactors_tangent",
    *[(_ALONG, regular(n, n), (n, n)) for n in (3, 2, 4, 5)],
    (_ALONG, regular(2, 4, 4), (2, 4, 4)),
)
calls(
    "polarization_radius",
    (lambda a, e: ft.jvp(lambda a: ft.jvp(ft.grad(np.linalg.det), (a,), (e,)), (a,), (e,)), regular(4, 4), (4, 4)),
    dtypes=FLOATS,
)
calls(
    "norm",
    (np.linalg.norm, (3,)),
    (lambda x: np.linalg.norm(x, 1, axis=1), (2, 3)),
    (lambda x: np.linalg.norm(x, 3, axis=0, keepdims=True), (2, 3)),
    (lambda x: np.linalg.norm(x, np.inf), (3,)),
    (lambda x: np.linalg.norm(x, "fro"), (2, 3)),
    (lambda x: np.linalg.norm(x, "nuc"), regular(2, 2)),
    (lambda x: np.linalg.norm(x, 2), apart),
    (lambda x: np.linalg.norm(x, -2), apart),
    (lambda x: np.linalg.norm(x, "nuc"), regular(3, 2)),
    (lambda x: np.linalg.norm(x, "nuc", axis=(0, 2)), lambda draw: np.moveaxis(regular(2, 2, 3)(draw), 0, 1)),
    *[(lambda x, p=p: np.linalg.norm(x, p), (2, 3)) for p in (1, -1, np.inf, -np.inf)],
    *[(lambda x, p=p: np.linalg.norm(x, p, axis=(2, 0)), (2, 2, 3)) for p in (1, -np.inf)],
    *[(lambda x, p=p: np.linalg.norm(x, p, axis=0), (3, 2)) for p in (2, 4, 6, 2.5, 1.5, -1, -np.inf)],
)
# Their derivatives do not exist at singular matrices (functrans.ops.singular): these stay off edges.
calls(
    "polar_factor",
    (
        pulled(lambda x: np.linalg.norm(x, "nuc")),
        lambda draw: draw(()).real[()],
        lambda draw: turned(2, 2)(draw.inside()),
    ),
    (
        pulled(lambda x: np.linalg.norm(x, "nuc")),
        lambda draw: draw(()).real[()],
        lambda draw: turned(3, 2)(draw.inside()),
    ),
)
calls(
    "spectral_direction",
    (pulled(lambda x: np.linalg.norm(x, 2)), lambda draw: draw(()).real[()], lambda draw: apart(draw.inside())),
)


def _lyapunov(draw: Draw) -> Operands:
    draw.dtype = draw.choice(INEXACT)
    turn = 0.25j if np.dtype(draw.dtype).kind == "c" else 0.0
    return [np.array([[2, 0.5 + turn], [0.5 - turn, 1]], draw.dtype), draw((2, 2))], {}


# It reads one triangle of its first operand, which must stay hermitian: it moves in the second alone.
register("lyapunov", _lyapunov, moving=(1,))


def _definite(*shape: int) -> Any:
    """Positive definite hermitian matrices."""

    def made(draw: Draw) -> Any:
        x = 0.25 * draw(shape)
        return (x @ np.conj(x.mT) + np.eye(shape[-1])).astype(draw.dtype)

    return made


# `regular` ones are not hermitian, and definite in each triangle.
calls(
    "cholesky",
    (np.linalg.cholesky, _definite(3, 3)),
    (np.linalg.cholesky, regular(2, 2, 2)),
    (lambda a: np.linalg.cholesky(a, upper=True), regular(3, 3)),
    (lambda a: np.linalg.cholesky(a, upper=True), _definite(2, 1, 1)),
    (np.linalg.cholesky, _definite(0, 0)),
)
