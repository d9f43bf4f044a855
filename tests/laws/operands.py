"""Operands for the primitives that are not elementwise: the calls of NumPy's that lead to them."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

import functrans as ft
from functrans.primitive import POSITIVE
from tests.strategies import FLOATS, MOVING, OPERANDS, Operands, recorded, seeded

COMPLEX = {"dtypes": ("complex128", "complex64")}
REAL = {"dtypes": FLOATS}
_ANY = [(), (3,), (2, 3), (2, 0)]


def _unary(dtypes: Any) -> Any:
    return seeded(lambda draw, shape: ([draw(shape)], {}), _ANY, dtypes=dtypes)


def _where(draw: Any, shapes: Any) -> Operands:
    c, x, y = shapes
    return [draw(c).real > 0, draw(x), draw(y)], {}


def _clip(draw: Any, shapes: Any) -> Operands:
    low = draw(shapes[1], place=1)
    return [draw(shapes[0]), low, low + draw(shapes[2], POSITIVE, 2)], {}


OPERANDS.update(
    {
        "strong": st.builds(lambda x: ([x], {}), st.sampled_from([0.5, 0.25 + 1j])),
        "weak": seeded(
            lambda draw: ([x := draw(())], {"kind": "complex" if x.dtype.kind == "c" else "float"}),
            dtypes=("float64", "complex128"),
        ),
        "absorbing_multiply": seeded(
            lambda draw, s: ([draw(s[0]), draw(s[1])], {}), [((3,), (3,)), ((2, 3), (3,)), ((), (2,)), ((0,), (1,))]
        ),
        "absolute_complex": _unary(**COMPLEX),
        "abs_complex": _unary(**COMPLEX),
        "sign_complex": _unary(**COMPLEX),
        "modf": _unary(**REAL),
        "frexp": _unary(**REAL),
        "stop_gradient": _unary(**REAL),
        "where": seeded(_where, [((3,), (3,), ()), ((2, 1), (3,), (2, 3)), ((), (), ()), ((), (3,), (2, 1))]),
        "clip": seeded(_clip, [((3,), (), ()), ((2, 3), (3,), (2, 1)), ((), (2,), ()), ((0,), (), ())], dtypes=FLOATS),
    }
)


def calls(name: str, *made: Any, dtypes: Any = ("float64", "float32", "complex128", "complex64")) -> None:
    """Operands of ``name`` from some calls of NumPy's functions.

    Each is ``(f, *operands)``; an operand is its shape, a function of ``draw``, or itself.
    """

    def make(draw: Any, call: Any) -> Operands:
        f, *operands = call
        args = [
            draw(o, place=i) if isinstance(o, tuple) else (o(draw) if callable(o) else o)
            for i, o in enumerate(operands)
        ]
        return recorded(name, f, *args)

    OPERANDS[name] = seeded(make, made, dtypes=dtypes)


def pulled(f: Any, *args: Any) -> Any:
    """A call of the pullback of ``f``: how those primitives are reached that only rules use."""
    return lambda *operands: ft.vjp(lambda *moved: f(*moved, *args), *operands[1:])[1](operands[0])


def regular(*shape: int) -> Any:
    """Matrices far from singular ones."""
    return lambda draw: (0.2 * draw(shape) + 2 * np.eye(shape[-1])).astype(draw(()).dtype)


def apart(draw: Any) -> Any:
    """A matrix whose singular values are far from one another."""
    return (0.1 * draw((2, 2)) + np.diag([1.0, 3.0])).astype(draw(()).dtype)


# Choosing, converting.
calls("clip_low", (lambda x, a: np.clip(x, a, None), (2, 3), (3,)), (lambda x, a: np.clip(x, a, None), (), ()), **REAL)
calls(
    "clip_high", (lambda x, a: np.clip(x, None, a), (2, 3), (3,)), (lambda x, a: np.clip(x, None, a), (), (2,)), **REAL
)
calls("choose", (lambda x, y: np.choose(np.array([0, 1, 1]), [x, y]), (3,), ()))
calls("copy", (np.copy, (2, 3)), (np.copy, ()))
OPERANDS["complex_of"] = seeded(lambda draw: ([draw((3,)), draw((3,), place=1)], {}), dtypes=FLOATS)
calls("real", (np.real, (3,)), (np.real, ()), **COMPLEX)
calls("imag", (np.imag, (3,)), (np.imag, ()), **COMPLEX)
calls("astype", (lambda x: x.astype(np.float32), (3,)), (lambda x: x.astype(np.float64), (2, 2)), **REAL)
calls("astype_discrete", (lambda x: x.astype(int), (3,)), (lambda x: x.astype(bool), ()), **REAL)
calls("round", (lambda x: np.round(x, 1), (3,)), (np.round, ()), **REAL)
calls(
    "linspace",
    (lambda x, y: np.linspace(x, y, 4), (), ()),
    (lambda x, y: np.linspace(x, y, 3, False, axis=1), (2,), ()),
)

# Shape.
calls(
    "reshape",
    (lambda x: np.reshape(x, (3, 2)), (2, 3)),
    (lambda x: np.reshape(x, (3, 2), order="F"), (2, 3)),
    (np.ravel, (2, 0)),
    (lambda x: np.reshape(x, (1,)), ()),
)
calls("transpose", (np.transpose, (2, 3)), (lambda x: np.transpose(x, (1, 2, 0)), (2, 1, 3)), (np.transpose, (2, 0)))
calls("broadcast_to", (lambda x: np.broadcast_to(x, (2, 3)), (3,)), (lambda x: np.broadcast_to(x, (2, 2)), ()))
calls(
    "concatenate",
    (lambda x, y: np.concatenate([x, y], axis=1), (2, 1), (2, 3)),
    (lambda x, y: np.concatenate([x, y]), (0,), (2,)),
)
calls("stack", (lambda x, y: np.stack([x, y], axis=-1), (2, 3), (2, 3)), (lambda x, y: np.stack([x, y]), (), ()))
calls("split", (lambda x: np.split(x, [1, 3], axis=1), (2, 4)), (lambda x: np.split(x, 2), (4,)))
calls("pad", (lambda x: np.pad(x, (1, 2), "wrap"), (4,)), (lambda x: np.pad(x, 1, "reflect"), (3, 2)), **REAL)
calls("pad_constant", (lambda x, c: np.pad(x, (1, 2), constant_values=c), (2, 2), ()), **REAL)
calls("pad_linear_ramp", (lambda x, c: np.pad(x, (2, 1), "linear_ramp", end_values=c), (3,), ()), **REAL)
calls("flip", (np.flip, (2, 3)), (lambda x: np.flip(x, 0), (2, 2)))
calls("roll", (lambda x: np.roll(x, 2, axis=1), (2, 3)), (lambda x: np.roll(x, 1), (2, 3)))
calls("diagonal", (lambda x: np.diagonal(x, 1), (2, 3)), (lambda x: np.diagonal(x, 0, 2, 0), (2, 1, 3)))
calls("diag", (np.diag, (3,)), (lambda x: np.diag(x, -1), (2,)))
calls("tril", (np.tril, (3, 3)), (lambda x: np.tril(x, -1), (2, 3)))
calls("triu", (np.triu, (3, 3)), (lambda x: np.triu(x, 1), (2, 2, 3)))

# Indexing.
_ROWS = np.array([[0, 2], [2, 1]])
calls(
    "getitem",
    (lambda x: x[1:, ::-2], (3, 4)),
    (lambda x: x[..., None, 0], (2, 3)),
    (lambda x: x[_ROWS], (3, 2)),
    (lambda x: x[_ROWS, 1:, _ROWS], (3, 2, 3)),
    (lambda x: x[np.array([True, False, True])], (3,)),
)
calls("scatter", (pulled(lambda x: x[_ROWS, 1:]), (2, 2, 1), (3, 2)), (pulled(lambda x: x[::2]), (2,), (4,)))
calls("index_add", (lambda x, v: ft.numpy.asarray(x).at[_ROWS].add(v), (3,), (2,)))
calls("index_set", (lambda x, v: ft.numpy.asarray(x).at[1:, 0].set(v), (3, 2), ()))
calls("take_along_axis", (lambda x: np.take_along_axis(x, _ROWS, axis=0), (3, 2)))

# Reductions.
_FIRST = np.array([True, False, True])
calls(
    "sum",
    (np.sum, (2, 3)),
    (lambda x: np.sum(x, axis=1, keepdims=True), (2, 3)),
    (lambda x, y: np.sum(x, axis=0, initial=y, where=_FIRST), (2, 3), ()),
    (np.sum, (2, 0)),
    (np.sum, ()),
)
calls("mean", (np.mean, (2, 3)), (lambda x: np.mean(x, axis=1, where=_FIRST), (2, 3)), (np.mean, ()))
calls("prod", (np.prod, (2, 3)), (lambda x: np.prod(x, axis=0, keepdims=True), (3, 2)), (np.prod, (0,)))
calls(
    "max",
    (np.max, (2, 3)),
    (lambda x: np.max(x, axis=1), (2, 3)),
    (lambda x, y: np.max(x, initial=y), (3,), ()),
    **REAL,
)
calls("min", (np.min, (2, 3)), (lambda x: np.min(x, axis=(0, 1), keepdims=True), (2, 3)), **REAL)
calls("var", (np.var, (2, 3)), (lambda x: np.var(x, axis=1, ddof=1), (2, 3)), (lambda x: np.var(x, where=_FIRST), (3,)))
calls("std", (np.std, (2, 3)), (lambda x: np.std(x, axis=1, ddof=1, keepdims=True), (2, 3)))
calls("var_about", (lambda x, m: np.var(x, axis=0, mean=m), (3, 2), (1, 2)))
calls("std_about", (lambda x, m: np.std(x, axis=0, mean=m), (3, 2), (1, 2)))
calls("cumsum", (lambda x: np.cumsum(x, axis=1), (2, 3)), (np.cumsum, (2, 2)))
calls("cumprod", (lambda x: np.cumprod(x, axis=0), (3, 2)), (np.cumprod, (3,)))
calls(
    "linear_recurrence", (pulled(np.cumprod), (3,), (3,)), (lambda x, dx: ft.jvp(np.cumprod, (x,), (dx,)), (3,), (3,))
)
calls("add.reduceat", (lambda x: np.add.reduceat(x, [0, 2, 1]), (4,)))
calls("histogram", (lambda w: np.histogram(np.array([0.1, 0.5, 0.6]), 2, (0.0, 1.0), weights=w)[0], (3,)), **REAL)
for _name in (
    "argmax",
    "argmin",
    "any",
    "all",
    "count_nonzero",
    "isposinf",
    "isneginf",
    "isreal",
    "iscomplex",
    "argsort",
):
    calls(_name, (getattr(np, _name), (2, 3)), **REAL)
for _name in ("isclose", "allclose", "array_equal", "array_equiv", "searchsorted", "digitize", "isin"):
    calls(_name, (getattr(np, _name), lambda draw: np.sort(draw((3,))), lambda draw: np.sort(draw((3,)))), **REAL)
calls("argpartition", (lambda x: np.argpartition(x, 1), (3,)), **REAL)
calls("lexsort", (lambda x, y: np.lexsort((x, y)), (3,), (3,)), **REAL)

# Products.
calls(
    "matmul",
    (np.matmul, (2, 3), (3, 2)),
    (np.matmul, (3,), (2, 3, 2)),
    (np.matmul, (2, 1, 2), (2,)),
    (np.matmul, (3,), (3,)),
)
calls("dot", (np.dot, (2, 3), (2, 3, 2)), (np.dot, (3,), (3,)), (np.dot, (), (2,)))
calls("inner", (np.inner, (2, 3), (4, 3)), (np.inner, (3,), (3,)))
calls("vdot", (np.vdot, (2, 2), (2, 2)), (np.vdot, (3,), (3,)))
calls("outer", (np.outer, (2,), (3,)), (np.outer, (2, 2), ()))
calls(
    "tensordot",
    (lambda x, y: np.tensordot(x, y, ([0, 2], [-1, 0])), (2, 3, 4), (4, 2)),
    (lambda x, y: np.tensordot(x, y, 0), (2,), (3,)),
)
calls("vecdot", (np.vecdot, (2, 3), (3,)))
if hasattr(np, "matvec"):
    calls("matvec", (np.matvec, (2, 3), (2, 3)))
    calls("vecmat", (np.vecmat, (2,), (2, 3)))
calls(
    "einsum",
    (lambda x, y: np.einsum("ij,jk->ki", x, y), (2, 3), (3, 2)),
    (lambda x: np.einsum("ii->i", x), (3, 3)),
    (lambda x, y: np.einsum("...i,i", x, y), (2, 3), (3,)),
)
calls("kron", (np.kron, (2, 2), (3,)))
calls("cross", (np.cross, (2, 3), (3,)))

# Linear algebra.
calls("inv", (np.linalg.inv, regular(3, 3)), (np.linalg.inv, regular(2, 2, 2)))
calls("solve", (np.linalg.solve, regular(3, 3), (3,)), (np.linalg.solve, regular(2, 2, 2), (2, 3)))
calls("det", (np.linalg.det, regular(3, 3)), (np.linalg.det, regular(2, 2, 2)))
calls("slogdet", (np.linalg.slogdet, regular(3, 3)), (np.linalg.slogdet, regular(2, 1, 1)))
calls("cofactors", (pulled(np.linalg.det), (), regular(3, 3)))
calls("cofactors_tangent", (lambda a, e: ft.jvp(ft.grad(np.linalg.det), (a,), (e,)), regular(3, 3), (3, 3)), **REAL)
calls(
    "polarization_radius",
    (lambda a, e: ft.jvp(lambda a: ft.jvp(ft.grad(np.linalg.det), (a,), (e,)), (a,), (e,)), regular(4, 4), (4, 4)),
    **REAL,
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
)
calls("polar_factor", (pulled(lambda x: np.linalg.norm(x, "nuc")), lambda draw: draw(()).real, regular(2, 2)))
calls("spectral_direction", (pulled(lambda x: np.linalg.norm(x, 2)), lambda draw: draw(()).real, apart))
# It reads one triangle of its first operand, which must stay hermitian: it moves in the second alone.
OPERANDS["lyapunov"] = seeded(lambda draw: ([np.array([[2, 0.5], [0.5, 1]], draw(()).dtype), draw((2, 2))], {}))
MOVING["lyapunov"] = (1,)
