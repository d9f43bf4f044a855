"""The catalogue's calls: shapes, selections, products, polynomials, and functions of functions."""

from __future__ import annotations

import numpy as np

import functrans.numpy as fnp
from tests.catalogue.draws import A, C, P, U
from tests.catalogue.numpy_calls import CALLS, calls

_I = np.array([2, 0, 0])
_MASK = np.array([[True, False, True], [False, True, True]])

# Shapes.
calls(
    "ravel transpose permute_dims fliplr flipud atleast_1d atleast_2d atleast_3d copy squeeze",
    (None, (2, 3)),
    (None, C(2, 1)),
)
calls("matrix_transpose", (None, (2, 3)))
calls("reshape", (lambda x: np.reshape(x, (3, -1)), (2, 3)), (lambda x: np.reshape(x, 6, order="F"), (2, 3)))
CALLS["np.transpose"].append((lambda x: np.transpose(x, (2, 0, 1)), (2, 1, 3)))
calls("moveaxis", (lambda x: np.moveaxis(x, 0, -1), (2, 1, 3)))
calls("rollaxis", (lambda x: np.rollaxis(x, 2), (2, 1, 3)))
calls("swapaxes", (lambda x: np.swapaxes(x, 0, 2), (2, 1, 3)))
calls("expand_dims", (lambda x: np.expand_dims(x, (0, 2)), (2, 3)))
CALLS["np.squeeze"].append((lambda x: np.squeeze(x, axis=1), (2, 1, 3)))
calls("flip", (None, (2, 3)), (lambda x: np.flip(x, (0,)), (2, 3)))
calls("rot90", (None, (2, 3)), (lambda x: np.rot90(x, k=-1, axes=(2, 0)), (2, 1, 3)))
calls("roll", (lambda x: np.roll(x, 1), (2, 3)), (lambda x: np.roll(x, (1, -1), axis=(0, 1)), (2, 3)))
calls("tile", (lambda x: np.tile(x, (2, 1, 2)), (2, 3)))
calls("repeat", (lambda x: np.repeat(x, 2), (2, 3)), (lambda x: np.repeat(x, [1, 0, 2], axis=1), (2, 3)))
calls("resize", (lambda x: np.resize(x, (3, 3)), (2, 3)))
calls("broadcast_to", (lambda x: np.broadcast_to(x, (2, 3)), (3,)))
calls("broadcast_arrays", (None, (2, 1), (3,)))
calls(
    "concatenate",
    (lambda x, y: np.concatenate([x, y], axis=1), (2, 3), (2, 1)),
    (lambda x, y: np.concatenate([x, y], axis=None), (2,), (1, 2)),
)
calls("stack", (lambda x, y: np.stack([x, y], axis=1), (2, 3), (2, 3)))
calls("hstack vstack dstack column_stack row_stack", (lambda x, y: np.hstack([x, y]), (2, 3), (2, 3)))
for _f in (np.vstack, np.dstack, np.column_stack):
    CALLS[f"np.{_f.__name__}"] = [(lambda x, y, f=_f: f([x, y]), (2, 3), (2, 3))]
CALLS["np.row_stack"] = [(lambda x, y: getattr(np, "row_stack", np.vstack)([x, y]), (2, 3), (3,))]
calls("block", (lambda x, y: np.block([[x, y], [y, x]]), (2, 2), (2, 2)))
calls("append", (np.append, (2,), (2, 2)), (lambda x, y: np.append(x, y, axis=0), (1, 2), (2, 2)))
calls(
    "insert",
    (lambda x, v: np.insert(x, 1, v), (4,), ()),
    (lambda x, v: np.insert(x, [0, 2], v, axis=1), (2, 3), (2, 2)),
)
calls("delete", (lambda x: np.delete(x, [0, 2], axis=1), (2, 4)), (lambda x: np.delete(x, slice(0, 4, 2)), (2, 4)))
calls("split array_split", (lambda x: np.split(x, 2), (4,)), (lambda x: np.split(x, [1], axis=1), (2, 3)))
CALLS["np.array_split"] = [(lambda x: np.array_split(x, 3), (4, 2))]
calls("hsplit vsplit dsplit", (lambda x: np.hsplit(x, 2), (2, 4)))
CALLS["np.vsplit"] = [(lambda x: np.vsplit(x, [1]), (2, 3))]
CALLS["np.dsplit"] = [(lambda x: np.dsplit(x, 2), (1, 2, 4))]
calls("unstack", (lambda x: np.unstack(x, axis=1), (2, 3)))
calls(
    "pad",
    (lambda x: np.pad(x, 1), (2, 3)),
    (lambda x: np.pad(x, ((1, 0), (0, 2)), "constant", constant_values=2.0), (2, 3)),
    *[
        (lambda x, m=m: np.pad(x, 1, m), (3, 3))
        for m in ("edge", "reflect", "symmetric", "wrap", "mean", "maximum", "minimum", "median", "linear_ramp")
    ],
)
calls("trim_zeros", (lambda x: np.trim_zeros(np.concatenate([np.zeros(1), x])), (3,)))
calls(
    "meshgrid",
    (lambda x, y: np.meshgrid(x, y, indexing="ij"), (2,), (3,)),
    (lambda x, y: np.meshgrid(x, y, sparse=True), (2,), (3,)),
)
calls("astype", (lambda x: np.astype(x, np.complex128) * (1 + 2j), (3,)), (lambda x: np.astype(x, np.float64), (3,)))
calls(
    "array asarray asanyarray ascontiguousarray asfortranarray asarray_chkfinite require",
    (lambda x: fnp.array([x, 2 * x]), (3,)),
)
for _name in ("asarray", "asanyarray", "ascontiguousarray", "asfortranarray", "asarray_chkfinite", "require"):
    CALLS[f"np.{_name}"] = [(getattr(fnp, _name), (2, 3))]
calls("full", (lambda x: fnp.full((2, 3), x), ()))
calls("full_like", (lambda x, y: fnp.full_like(x, y) if hasattr(fnp, "full_like") else np.full_like(x, y), (2, 3), ()))
calls("arange", (lambda a, h: fnp.arange(a, 2.0, h), U(), U()))
calls(
    "linspace",
    (np.linspace, (), P()),
    (lambda a, b: np.linspace(a, b, 4, endpoint=False, retstep=True, axis=-1), (2,), (2,)),
)
calls("logspace", (lambda a, b: np.logspace(a, b, 3, base=2.0), (), P()))
calls("geomspace", (lambda a, b: np.geomspace(a, b, 4), U(), A()))
calls("fromfunction", (lambda x: np.fromfunction(lambda i, j: i * x + j, (2, 3)), ()))

# Diagonals and triangles.
calls("diag", (None, (3,)), (lambda x: np.diag(x, 1), (3, 3)))
calls("diagflat", (lambda x: np.diagflat(x, 1), (2, 2)))
calls("diagonal trace", (None, (3, 4)), (lambda x: np.diagonal(x, 1, 2, 0), (3, 2, 3)))
CALLS["np.trace"][1] = (lambda x: np.trace(x, 1, 2, 0), (3, 2, 3))
calls("tril triu", (None, (3, 3)), (lambda x: np.tril(x, -1), (2, 3, 3)))
CALLS["np.triu"][1] = (lambda x: np.triu(x, 1), (2, 3, 3))
calls("vander", (None, P(3)), (lambda x: np.vander(x, 4, increasing=True), (3,)))

# Selections.
calls("take", (lambda x: np.take(x, _I), (3,)), (lambda x: np.take(x, _I, axis=1, mode="wrap"), (2, 3)))
calls("take_along_axis", (lambda x: np.take_along_axis(x, _I[None, :] % 2, axis=0), (2, 3)))
calls("compress", (lambda x: np.compress([True, False, True], x, axis=1), (2, 3)))
calls("extract", (lambda x: np.extract(_MASK, x), (2, 3)))
calls("where", (lambda x, y: np.where(_MASK, x, y), (2, 3), (3,)), (lambda x, y: np.where(_MASK, x, y), (2, 3), (2, 3)))
calls(
    "choose",
    (lambda x, y: np.choose(np.array([0, 1, 1]), [x, y]), (3,), (2, 3)),
    (lambda x, y: np.choose(np.array([0, 3, 1]), [x, y], mode="wrap"), (3,), ()),
)
calls("select", (lambda x, y: np.select([x > 0.2, x < -0.2], [x, y], default=0.5), (3,), (3,)))
calls("piecewise", (lambda x: np.piecewise(x, [x < 0, x >= 0.3], [np.sin, lambda t: t**2, 0.5]), (5,)))
calls(
    "interp",
    (lambda x, f: np.interp(x, [-1.0, 0.1, 1.0], f), (4,), (3,)),
    (lambda x, p, f, a: np.interp(x, p, f, left=a), (3,), lambda rng: np.array([-0.5, 0.2, 1.0]), (3,), ()),
    (lambda x, f: np.interp(x, [0.0, 0.3, 1.0], f, period=1.5), (4,), (3,)),
)

# Products.
calls(
    "dot",
    (None, (3,), (3,)),
    (None, (2, 3), (3, 2)),
    (None, (2, 3), (2, 3, 2)),
    (None, (), (3,)),
    (None, C(2, 3), C(3)),
)
calls("matmul", (None, (2, 3), (3, 2)), (None, (2, 1, 3), (3,)), (None, C(2, 3), (3, 2)))
calls("matvec", (None, (2, 2, 3), (3,)), (None, C(2, 3), C(3)))
calls("vecmat", (None, (3,), (2, 3, 2)), (None, C(3), C(3, 2)))
calls("vecdot vdot", (None, (3,), (3,)), (None, C(3), C(3)))
CALLS["np.vecdot"].append((lambda x, y: np.vecdot(x, y, axis=0), (3, 2), (3, 1)))
calls("inner", (None, (2, 3), (2, 3)), (None, (), (3,)))
calls("outer", (None, (2,), (3,)), (None, C(2), (3,)))
calls("kron", (None, (2, 2), (2, 3)), (None, (2,), (2, 2)))
calls(
    "cross", (None, (2, 3), (3,)), (None, (3,), (3,)), (lambda x, y: np.cross(x, y, axisa=0, axisc=0), (3, 2), (2, 3))
)
calls(
    "tensordot",
    (lambda x, y: np.tensordot(x, y, axes=([0, 1], [1, 0])), (2, 3, 2), (3, 2)),
    (lambda x, y: np.tensordot(x, y, 1), (2, 3), (3, 2)),
)
calls(
    "einsum",
    (lambda x, y: np.einsum("ij,jk->ik", x, y), (2, 3), (3, 2)),
    (lambda x, y: np.einsum("...i,...i", x, y), (2, 3), (3,)),
    (lambda x: np.einsum("ii->i", x), (3, 3)),
    (lambda x: np.einsum("iij->j", x), (2, 2, 3)),
    (lambda x, y, z: np.einsum("i,ij,j", x, y, z, optimize=True), (2,), (2, 3), (3,)),
    (lambda x, y: np.einsum(x, [0, 1], y, [1], [0]), (2, 3), (3,)),
    (lambda x: np.einsum("ij,ij->", x, x), C(2, 3)),
)
calls(
    "convolve correlate",
    *[(lambda x, y, m=m: np.convolve(x, y, m), (5,), (3,)) for m in ("full", "same", "valid")],
    (None, C(3), C(2)),
)
CALLS["np.correlate"] = [
    *[(lambda x, y, m=m: np.correlate(x, y, m), (5,), (3,)) for m in ("full", "same", "valid")],
    (np.correlate, C(3), C(2)),
]

# Polynomials.
calls("polyval", (None, (3,), (2, 2)), (None, C(3), C(2)))
calls("polyadd polysub polymul", (None, (3,), (2,)))
calls("polydiv", (None, (4,), A(2)))
calls("polyder", (None, (4,)), (lambda p: np.polyder(p, 2), (4,)))
calls("polyint", (lambda p, k: np.polyint(p, k=k), (3,), ()), (lambda p: np.polyint(p, 2), (3,)))
calls(
    "polyfit",
    (lambda x, y: np.polyfit(x, y, 2), (5,), (5,)),
    (lambda x, y, w: np.polyfit(x, y, 1, w=w), (4,), (4, 2), P(4)),
)
calls("poly", (None, (3,)))
calls("roots", (lambda p: np.sort(np.real(np.roots(p))), lambda rng: np.array([1.0, -1.1, -4.3, 2.2])))

# Functions of functions.
calls("apply_along_axis", (lambda x: np.apply_along_axis(lambda r: r * np.sum(r), 1, x), (2, 3)))
calls("apply_over_axes", (lambda x: np.apply_over_axes(np.sum, x**2, [0, 2]), (2, 3, 2)))
calls("vectorize", (lambda x, y: fnp.vectorize(lambda a, b: a * np.sin(b))(x, y), (2, 3), (3,)))
calls("kaiser", (lambda b: fnp.kaiser(5, b), P()))
