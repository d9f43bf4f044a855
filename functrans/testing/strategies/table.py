"""Recipes for the primitives of functrans that are not elementwise: the calls of NumPy's that lead to them.

Those of products and of linear algebra are in :mod:`functrans.testing.strategies.algebra`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import functrans as ft
from functrans.primitives import POSITIVE, REAL, Primitive, lookup
from functrans.testing.strategies.algebra import pulled
from functrans.testing.strategies.entries import Draw
from functrans.testing.strategies.operands import FLOATS, INEXACT, Operands, Recipe, calls, elementwise, register

COMPLEX = ("complex128", "complex64")
_ANY = [(), (3,), (2, 3), (2, 0)]


def _shapes(*choices: Any, dtypes: Any = INEXACT) -> Recipe:
    """Operands of some shapes, without parameters."""

    def recipe(draw: Draw) -> Operands:
        draw.dtype = draw.choice(dtypes)
        return [draw(shape, place=i) for i, shape in enumerate(draw.choice(choices))], {}

    return recipe


def _where(draw: Draw) -> Operands:
    draw.dtype = draw.choice(INEXACT)
    c, x, y = draw.choice([((3,), (3,), ()), ((2, 1), (3,), (2, 3)), ((), (), ()), ((), (3,), (2, 1))])
    return [draw(c, dtype="bool"), draw(x), draw(y, place=1)], {}


def _clip(draw: Draw) -> Operands:
    draw.dtype = draw.choice(FLOATS)
    x, low, width = draw.choice([((3,), (), ()), ((2, 3), (3,), (2, 1)), ((), (2,), ()), ((0,), (), ())])
    bottom = draw(low, place=1)
    return [draw(x), bottom, bottom + draw(width, POSITIVE, 2)], {}


def _weak(draw: Draw) -> Operands:
    x = draw((), dtype=draw.choice(("float64", "complex128")))
    return [x], {"kind": "complex" if x.dtype.kind == "c" else "float"}


def _absorbing(draw: Draw) -> Operands:
    draw.dtype = draw.choice(INEXACT)
    left, right = draw.choice([((3,), (3,)), ((2, 3), (3,)), ((), (2,)), ((), ()), ((0,), (1,))])
    x, y = draw(left), draw(right, place=1)
    if draw.choice((True, True, False)):  # zeros beside other numbers
        x = np.where(draw(left, dtype="bool"), x, np.zeros((), draw.dtype))[()]
    return [x, y], {}


def _powers(primitive: Primitive) -> Recipe:
    """Also exponents at which rules branch, and a complex power of a negative number."""

    def recipe(draw: Draw) -> Operands:
        kind = draw.choice(("number", "arrays", "arrays", "zeros", "complex"))
        if kind == "arrays":
            return elementwise(primitive, draw)
        draw.dtype = draw.choice(INEXACT)
        shape = draw.choice([(3,), (), (2, 2)])
        if kind == "number":
            exponent = draw.choice((2, 0.5, 0, 1, 3, -1, 2.0, 0.0, 1.5, 1.0))
            return [draw(shape, REAL if type(exponent) is int else POSITIVE), exponent], {}
        if kind == "zeros":
            return [draw(shape, POSITIVE), draw(shape, place=1) * draw(shape, dtype="bool")], {}
        return [draw(shape, dtype=draw.choice(FLOATS)), draw(shape, place=1, dtype=draw.choice(COMPLEX))], {}

    return recipe


def _off_the_real_line(primitive: Primitive, *points: complex) -> Recipe:
    """Also where the derivative of a function that is tame on the real line is infinite."""

    def recipe(draw: Draw) -> Operands:
        if draw.edges and draw.choice((False, True, False)):
            return [np.array([*points, 0.5 + 0.25j], draw.choice(COMPLEX))], {}
        return elementwise(primitive, draw)

    return recipe


def _divide(draw: Draw) -> Operands:
    """Also by a Python zero."""
    if draw.edges and draw.choice((False, True)):
        return [draw((3,), dtype=draw.choice(FLOATS)), draw.choice((0.0, 1.5))], {}
    return elementwise(lookup("divide"), draw)


register("divide", _divide)
for _name in ("pow", "power", "float_power"):
    register(_name, _powers(lookup(_name)))
for _name, _points in {"arctan": (1j, -1j), "arcsinh": (1j, -1j), "sin": (800j, 1e4j), "cos": (800j, 1e4j)}.items():
    register(_name, _off_the_real_line(lookup(_name), *_points))
for _name, _recipe in {
    "strong": lambda draw: ([draw.choice([0.5, 0.25 + 1j])], {}),
    "weak": _weak,
    "absorbing_multiply": _absorbing,
    "absorbing_product": _absorbing,
    "where": _where,
    "clip": _clip,
    "complex_of": _shapes(((3,), (3,)), dtypes=FLOATS),
}.items():
    register(_name, _recipe)
for _name in ("absolute_complex", "abs_complex", "sign_complex"):
    register(_name, _shapes(*[(shape,) for shape in _ANY], dtypes=COMPLEX))
for _name in ("modf", "frexp", "stop_gradient"):
    register(_name, _shapes(*[(shape,) for shape in _ANY], dtypes=FLOATS))
register("plus_zero", _shapes(*[(shape,) for shape in _ANY]))


# Choosing, converting.
calls(
    "clip_low",
    (lambda x, a: np.clip(x, a, None), (2, 3), (3,)),
    (lambda x, a: np.clip(x, a, None), (2, 2), (2, 2)),
    (lambda x, a: np.clip(x, a, None), (), ()),
    dtypes=FLOATS,
)
calls(
    "clip_high",
    (lambda x, a: np.clip(x, None, a), (2, 3), (3,)),
    (lambda x, a: np.clip(x, None, a), (2, 2), (2, 2)),
    (lambda x, a: np.clip(x, None, a), (), (2,)),
    dtypes=FLOATS,
)
calls(
    "choose",
    (lambda x, y: np.choose(np.array([0, 1, 1]), [x, y]), (3,), ()),
    (lambda x, y: np.choose(np.array([[0, 1], [1, 0]]), [x, y]), (2, 2), (2, 2)),
)
calls("copy", (np.copy, (2, 3)), (np.copy, ()))
calls("real", (np.real, (3,)), (np.real, ()), dtypes=COMPLEX)
calls("imag", (np.imag, (3,)), (np.imag, ()), dtypes=COMPLEX)
calls("astype", (lambda x: x.astype(np.float32), (3,)), (lambda x: x.astype(np.float64), (2, 2)), dtypes=FLOATS)
calls("astype_discrete", (lambda x: x.astype(int), (3,)), (lambda x: x.astype(bool), ()), dtypes=FLOATS)
calls("round", (lambda x: np.round(x, 1), (3,)), (np.round, ()), dtypes=FLOATS)
calls(
    "linspace",
    (lambda x, y: np.linspace(x, y, 4), (), ()),
    (lambda x, y: np.linspace(x, y, 3, False, axis=1), (2,), ()),
    (lambda x, y: np.linspace(x, y, 3), (2,), (2,)),
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
calls(
    "broadcast_to",
    (lambda x: np.broadcast_to(x, (2, 3)), (3,)),
    (lambda x: np.broadcast_to(x, (2, 2)), ()),
    (lambda x: np.broadcast_to(x, (2, 2, 2)), (2, 1, 2)),
)
calls(
    "concatenate",
    (lambda x, y: np.concatenate([x, y], axis=1), (2, 1), (2, 3)),
    (lambda x, y: np.concatenate([x, y]), (0,), (2,)),
)
calls("stack", (lambda x, y: np.stack([x, y], axis=-1), (2, 3), (2, 3)), (lambda x, y: np.stack([x, y]), (), ()))
calls("split", (lambda x: np.split(x, [1, 3], axis=1), (2, 4)), (lambda x: np.split(x, 2), (4,)))
_MARGINS = ((1, 2), (2, 1))
calls(
    "pad",
    (lambda x: np.pad(x, (1, 2), "wrap"), (4,)),
    (lambda x: np.pad(x, 1, "reflect"), (3, 2)),
    (lambda x: np.pad(x, ((0, 2), (1, 0)), "symmetric"), (3, 2)),
    (lambda x: np.pad(x, ((0, 0), (2, 1)), "edge"), (2, 3)),
    (lambda x: np.pad(x, _MARGINS, "mean", stat_length=((1, 2), (2, 3))), (3, 4)),
    dtypes=FLOATS,
)
for _name, _mode, _given in (
    ("pad_constant", "constant", "constant_values"),
    ("pad_linear_ramp", "linear_ramp", "end_values"),
):
    calls(
        _name,
        (lambda x, c, m=_mode, g=_given: np.pad(x, (1, 2), m, **{g: c}), (2, 2), ()),
        (lambda x, c, m=_mode, g=_given: np.pad(x, (2, 1), m, **{g: c}), (3,), ()),
        (lambda x, c, m=_mode, g=_given: np.pad(x, _MARGINS, m, **{g: c}), (2, 3), (2, 2)),
        (lambda x, c, m=_mode, g=_given: np.pad(x, ((0, 3), (0, 0), (2, 0)), m, **{g: c}), (2, 1, 2), (2,)),
        dtypes=FLOATS,
    )
calls("flip", (np.flip, (2, 3)), (lambda x: np.flip(x, 0), (2, 2)))
calls("roll", (lambda x: np.roll(x, 2, axis=1), (2, 3)), (lambda x: np.roll(x, 1), (2, 3)))
calls(
    "diagonal",
    (lambda x: np.diagonal(x, 1), (2, 3)),
    (lambda x: np.diagonal(x, 0, 2, 0), (2, 1, 3)),
    (lambda x: np.diagonal(x, 1), (3, 3)),
    (lambda x: np.diagonal(x, 1, 1, 0), (3, 3)),
    (lambda x: np.diagonal(x, -1), (3, 2)),
    (lambda x: np.diagonal(x, -1, 1, 2), (2, 3, 3)),
)
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
calls(
    "index_add",
    (lambda x, v: ft.numpy.at(x)[_ROWS].add(v), (3,), (2,)),
    (lambda x, v: ft.numpy.at(x)[np.array([[0, 2], [1, 0]])].add(v), (3,), (2, 2)),
)
calls(
    "index_set",
    (lambda x, v: ft.numpy.at(x)[1:, 0].set(v), (3, 2), ()),
    (lambda x, v: ft.numpy.at(x)[1:].set(v), (3, 2), (2, 2)),
    (lambda x, v: ft.numpy.at(x)[np.array([0, 0, 2])].set(v), (3,), (3,)),
    (lambda x, v: ft.numpy.at(x)[np.array([0, 0, 2]), 1:].set(v), (3, 3), (3, 2)),
)
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
calls(
    "prod",
    (np.prod, (2, 3)),
    (lambda x: np.prod(x, axis=0, keepdims=True), (3, 2)),
    (lambda x, y: np.prod(x, axis=1, initial=y), (2, 3), ()),
    (lambda x, y: np.prod(x, axis=1, initial=y, where=_FIRST), (2, 3), ()),
    (lambda x: np.prod(x, axis=()), (2, 3)),
    (np.prod, (0,)),
)
calls(
    "max",
    (np.max, (2, 3)),
    (lambda x: np.max(x, axis=1), (2, 3)),
    (lambda x, y: np.max(x, initial=y), (3,), ()),
    (lambda x, y: np.max(x, axis=1, initial=y, where=_FIRST), (2, 3), ()),
    dtypes=FLOATS,
)
calls(
    "min",
    (np.min, (2, 3)),
    (lambda x: np.min(x, axis=(0, 1), keepdims=True), (2, 3)),
    (lambda x, y: np.min(x, axis=1, initial=y), (2, 3), ()),
    (lambda x, y: np.min(x, axis=0, initial=y, where=_FIRST[:2, None]), (2, 3), ()),
    dtypes=FLOATS,
)
calls(
    "var",
    (np.var, (2, 3)),
    (lambda x: np.var(x, axis=1, ddof=1), (2, 3)),
    (lambda x: np.var(x, where=_FIRST, ddof=1), (3,)),
)
calls(
    "std",
    (np.std, (2, 3)),
    (lambda x: np.std(x, axis=1, ddof=1, keepdims=True), (2, 3)),
    (lambda x: np.std(x, axis=1, where=_FIRST), (2, 3)),
)
for _name, _f in {"var_about": np.var, "std_about": np.std}.items():
    calls(
        _name,
        (lambda x, m, f=_f: f(x, axis=0, mean=m), (3, 2), (1, 2)),
        (lambda x, m, f=_f: f(x, axis=1, mean=m, where=_FIRST), (2, 3), (2, 1)),
        (lambda x, m, f=_f: f(x, axis=0, mean=m, ddof=1, keepdims=True), (3, 2), ()),
    )
calls("cumsum", (lambda x: np.cumsum(x, axis=1), (2, 3)), (np.cumsum, (2, 2)))
calls("cumprod", (lambda x: np.cumprod(x, axis=0), (3, 2)), (np.cumprod, (3,)))
calls(
    "linear_recurrence", (pulled(np.cumprod), (3,), (3,)), (lambda x, dx: ft.jvp(np.cumprod, (x,), (dx,)), (3,), (3,))
)
calls("add.reduceat", (lambda x: np.add.reduceat(x, [0, 2, 1]), (4,)))
calls(
    "histogram",
    (lambda w: np.histogram(np.array([0.1, 0.5, 0.6]), 2, (0.0, 1.0), weights=w)[0], (3,)),
    (lambda w: np.histogram(np.array([1.0, -0.5, 0.0, 0.3, 2.0]), 3, (0.0, 1.0), weights=w)[0], (5,)),
    dtypes=FLOATS,
)
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
    calls(_name, (getattr(np, _name), (2, 3)), dtypes=FLOATS)
for _name in ("isclose", "allclose", "array_equal", "array_equiv", "searchsorted", "digitize", "isin"):
    calls(
        _name, (getattr(np, _name), lambda draw: np.sort(draw((3,))), lambda draw: np.sort(draw((3,)))), dtypes=FLOATS
    )
calls("argpartition", (lambda x: np.argpartition(x, 1), (3,)), dtypes=FLOATS)
calls("lexsort", (lambda x, y: np.lexsort((x, y)), (3,), (3,)), dtypes=FLOATS)
