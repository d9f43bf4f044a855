"""Pictures between their entries: ``map_coordinates``, and the maps of ``scipy.ndimage`` that are made of it.

A picture is a sum of B-splines on a grid, weighted by coefficients that a recursive filter finds. So the result is
linear in the picture, and a piecewise polynomial in the coordinates, whose derivative is that of the B-splines. For
linear interpolation the derivative at an entry is that of the cell on its right (at the last entry, on its left); for
order 0 it is zero.

Source: M. Unser, *Splines: a perfect fit for signal and image processing*, IEEE Signal Processing Magazine 16 (1999).
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from functrans.errors import UncoveredFunctionError
from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.family import keywords, normalize_axis, operand
from functrans.ops.index import getitem
from functrans.ops.plain import known
from functrans.ops.scalars import strong
from functrans.primitives import Linear, Primitive
from functrans.scipy import twin
from functrans.scipy.covering import covers
from functrans.scipy.ndimage.filters import checked_cval, picture
from functrans.tracing.bind import bind

_MARGIN = 12  # by which SciPy continues a picture before it filters it, where no filter knows the continuation
_SHORT = 64  # SciPy's filters of shorter rows know their beginning in part: they are not quite symmetric
_MODES = ("reflect", "grid-mirror", "constant", "grid-constant", "nearest", "mirror", "grid-wrap", "wrap")


# The coefficients. With a mirror at the first and last entry those count half, else the filter is symmetric.


def _spline_transpose(ct: Any, x: ArraySpec, *, order: int, axis: int, mode: str) -> Any:
    n = x.shape[axis]
    if mode in ("reflect", "grid-mirror", "nearest") and n < _SHORT:
        matrix = ndimage.spline_filter1d(np.eye(n), order, 0, mode=mode)
        return np.moveaxis(np.matmul(np.moveaxis(ct, axis, -1), matrix), -1, axis)
    if mode in ("reflect", "grid-mirror", "nearest", "grid-wrap") or n < 2:
        return bind(spline_p, ct, order=order, axis=axis, mode=mode)
    half = np.ones(n)
    half[0] = half[-1] = 0.5
    half = half.reshape(-1, *[1] * (x.ndim - 1 - axis))
    return half * bind(spline_p, ct / half, order=order, axis=axis, mode=mode)


spline_p = Primitive(
    "scipy.ndimage.spline_filter1d",
    lambda x, *, order, axis, mode: ndimage.spline_filter1d(x, order, axis, mode=mode, output=_wide(x.dtype)),
    lambda x, **_: ArraySpec(x.shape, _wide(x.dtype)),
    Linear((_spline_transpose,)),
    source=lambda args, params: (
        f"scipy.ndimage.spline_filter1d({args[0]}, {params['order']}, {params['axis']}, mode={params['mode']!r}, "
        f"output=np.result_type({args[0]}, np.float64))"
    ),
    batch=batching.along("axis"),
)


def _wide(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.result_type(dtype, np.float64)


def _check(order: Any, mode: Any) -> None:
    if not 0 <= order <= 5:
        raise RuntimeError("spline order not supported")
    if mode not in _MODES:
        raise RuntimeError("boundary mode not supported")


@covers(ndimage.spline_filter1d)
def spline_filter1d(input: Any, order: Any = 3, axis: Any = -1, output: Any = np.float64, mode: Any = "mirror") -> Any:
    """With all keywords but ``output``."""
    x = strong(operand(input))
    _check(order, mode)
    _check_output(output)
    if order in (0, 1):
        return x.astype(_wide(x.dtype))
    return bind(spline_p, x, order=order, axis=normalize_axis(axis, x.ndim), mode=mode)


@covers(ndimage.spline_filter)
def spline_filter(input: Any, order: Any = 3, output: Any = np.float64, mode: Any = "mirror") -> Any:
    """With all keywords but ``output``."""
    x = strong(operand(input))
    if not 2 <= order <= 5:
        raise RuntimeError("spline order not supported")
    _check(order, mode)
    _check_output(output)
    for axis in range(x.ndim):
        x = bind(spline_p, x, order=order, axis=axis, mode=mode)
    return x


def _check_output(output: Any) -> None:
    if output is not np.float64:
        raise UncoveredFunctionError(
            "`output=` of a spline filter on a traced value is not covered", "use what the function returns."
        )


# The sum of B-splines: the twin of them all.


def _b_splines(t: Any, order: int) -> list[Any]:
    """The values of the B-splines that reach a point, from the left one on; ``t`` is its place in its cell."""
    values: list[Any] = [np.ones(np.shape(t))]
    for d in range(1, order + 1):
        values = [
            ((t + (d - k)) * values[k - 1] if k else 0.0) / d + ((1.0 - t + k) * values[k] if k < d else 0.0) / d
            for k in range(d + 1)
        ]
    return values


def _neighbours(index: Any, n: int, mode: str) -> tuple[Any, Any]:
    """Where places beyond the edges are found, and which of them are found (None: all)."""
    if mode in ("reflect", "grid-mirror"):
        index = np.mod(index, 2 * n)
        return np.where(index < n, index, 2 * n - 1 - index), None
    if mode == "grid-wrap":
        return np.mod(index, n), None
    if mode == "nearest":
        return np.clip(index, 0, n - 1), None
    if mode == "grid-constant":
        return np.clip(index, 0, n - 1), (index >= 0) & (index < n)
    period = max(2 * n - 2, 1)
    index = np.mod(index, period)
    return np.where(index < n, index, period - index), None


def _wrapped(c: Any, n: int) -> Any:
    """Coordinates moved by whole periods, of which the last entry is the first one."""
    if n < 2:
        return c * 0.0
    return c - (n - 1) * np.floor(c / (n - 1)) * ((c < 0) | (c > n - 1))


def sampled(x: Any, coordinates: Sequence[Any], order: int, mode: str, cval: Any, prefilter: bool) -> Any:
    """A picture at some coordinates, an array for each of its axes; these have the same shape."""
    dtype = ArraySpec.of(x).dtype
    margin = 0
    if order > 1 and prefilter:
        if mode in ("nearest", "grid-constant"):
            margin = _MARGIN
            how: dict[str, Any] = {"constant_values": cval} if mode == "grid-constant" else {}
            x = np.pad(x, margin, "constant" if how else "edge", **how)
        for axis in range(x.ndim):
            x = bind(spline_p, x, order=order, axis=axis, mode=mode)
    inside: Any = True
    weights, places, found = [], [], []
    for given, n in zip(coordinates, x.shape, strict=True):
        c = given + margin
        if mode == "constant":
            inside = inside & (c >= 0) & (c <= n - 1)
        elif mode == "wrap":
            c = _wrapped(c, n)
        start = np.floor(c) if order % 2 else np.floor(c + 0.5)
        if order == 1 and mode in ("constant", "nearest", "wrap"):
            start = np.where(c == n - 1, max(n - 2, 0), start)
        t = c - start if order % 2 else c - start + 0.5
        taps = start.astype(np.int64) - order // 2 + np.arange(order + 1).reshape(-1, *[1] * np.ndim(c))
        place, there = _neighbours(taps, n, mode)
        weights.append(np.stack(_b_splines(t, order)))
        places.append(place)
        found.append(there)
    ndim, rank = len(places), np.ndim(coordinates[0])
    index, known_ones = [], None
    for axis, (place, there) in enumerate(zip(places, found, strict=True)):
        spread = (*[1] * axis, order + 1, *[1] * (ndim - axis - 1), *np.shape(place)[1:])
        index.append(np.reshape(place, spread))
        if there is not None:
            one = np.reshape(there, spread)
            known_ones = one if known_ones is None else known_ones & one
    values = getitem(x, tuple(index))
    if known_ones is not None:
        values = np.where(known_ones, values, cval)
    for w in reversed(weights):
        lead = np.ndim(values) - rank - 1
        values = np.sum(values * np.reshape(w, (*[1] * lead, *np.shape(w))), axis=lead)
    if inside is not True:
        values = np.where(inside, values, cval)
    return values.astype(dtype)


def _how(order: Any, mode: Any, cval: Any, prefilter: Any, name: str) -> dict[str, Any]:
    order = operator.index(order)
    _check(order, mode)
    how = {"order": order, "mode": mode, "cval": checked_cval(cval, name), "prefilter": bool(prefilter)}
    return keywords(how, mode="constant", cval=0.0, prefilter=True)


def _real_coordinates(value: Any) -> Any:
    value = strong(operand(value))
    if value.dtype.kind == "c":
        raise TypeError("Complex type not supported")
    return value


# map_coordinates


def _mapped_twin(
    x: Any, coordinates: Any, *, order: int, mode: str = "constant", cval: Any = 0.0, prefilter: bool = True
) -> Any:
    return sampled(x, [coordinates[i] for i in range(x.ndim)], order, mode, cval, prefilter)


def _mapped_batch(
    primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    if batched[0]:
        return twin.batch(_mapped_twin)(primitive, operands, batched, size, params)
    return bind(primitive, operands[0], np.moveaxis(operands[1], 0, 1), **params)


map_p = Primitive(
    "scipy.ndimage.map_coordinates",
    ndimage.map_coordinates,
    lambda x, coordinates, **_: ArraySpec(coordinates.shape[1:], x.dtype),
    twin.rules(_mapped_twin, 2),
    masks=True,
    batch=_mapped_batch,
)


@covers(ndimage.map_coordinates)
def map_coordinates(
    input: Any,
    coordinates: Any,
    output: Any = None,
    order: Any = 3,
    mode: Any = "constant",
    cval: Any = 0.0,
    prefilter: Any = True,
) -> Any:
    """With all keywords but ``output``; the coordinates may be traced, too."""
    x = picture(input, "map_coordinates", output)
    if isinstance(coordinates, list | tuple):
        coordinates = np.stack([strong(operand(c)) for c in coordinates])
    coordinates = _real_coordinates(coordinates)
    if x.ndim < 1 or coordinates.ndim < 2:
        raise RuntimeError("input and output rank must be > 0")
    if coordinates.shape[0] != x.ndim:
        raise RuntimeError("invalid shape for coordinate array")
    return bind(map_p, x, coordinates, **_how(order, mode, cval, prefilter, "map_coordinates"))


# Maps that are affine: by a matrix and an offset, shifts, zooms, rotations.


def _grid(shape: Sequence[int]) -> list[Any]:
    return [np.arange(n, dtype=float).reshape(-1, *[1] * (len(shape) - 1 - i)) for i, n in enumerate(shape)]


def _affine_twin(
    x: Any,
    matrix: Any,
    offset: Any,
    *,
    output_shape: tuple[int, ...],
    order: int,
    mode: str = "constant",
    cval: Any = 0.0,
    prefilter: bool = True,
) -> Any:
    grid, n = _grid(output_shape), x.ndim
    if np.ndim(matrix) == 1:
        coordinates = [matrix[i] * grid[i] + offset[i] for i in range(n)]
    else:
        coordinates = [sum([matrix[i, j] * grid[j] for j in range(n)]) + offset[i] for i in range(n)]
    coordinates = [np.broadcast_to(c, output_shape) for c in coordinates]
    return sampled(x, coordinates, order, mode, cval, prefilter)


def _affine_impl(x: Any, matrix: Any, offset: Any, *, output_shape: tuple[int, ...], **how: Any) -> Any:
    return ndimage.affine_transform(x, matrix, offset, output_shape, **how)


affine_p = Primitive(
    "scipy.ndimage.affine_transform",
    _affine_impl,
    lambda x, matrix, offset, *, output_shape, **_: ArraySpec(output_shape, x.dtype),
    twin.rules(_affine_twin, 3),
    masks=True,
    batch=twin.batch(_affine_twin),
)


@covers(ndimage.affine_transform)
def affine_transform(
    input: Any,
    matrix: Any,
    offset: Any = 0.0,
    output_shape: Any = None,
    output: Any = None,
    order: Any = 3,
    mode: Any = "constant",
    cval: Any = 0.0,
    prefilter: Any = True,
) -> Any:
    """With all keywords but ``output``; matrix and offset may be traced, too."""
    x = picture(input, "affine_transform", output)
    n = x.ndim
    matrix = _real_coordinates(matrix)
    if matrix.ndim not in (1, 2) or matrix.shape[0] < 1:
        raise RuntimeError("no proper affine matrix provided")
    if matrix.ndim == 2 and matrix.shape[1] == n + 1 and matrix.shape[0] in (n, n + 1):
        offset, matrix = matrix[:n, n], matrix[:n, :n]
    if matrix.shape[0] != n or (matrix.ndim == 2 and matrix.shape[1] != n):
        raise RuntimeError("affine matrix has wrong number of rows")
    if isinstance(offset, list | tuple):
        offset = np.stack([strong(operand(o)) for o in offset])
    offset = np.broadcast_to(_real_coordinates(offset), (n,))
    shape = tuple(x.shape) if output_shape is None else tuple([operator.index(m) for m in output_shape])
    how = _how(order, mode, cval, prefilter, "affine_transform")
    return bind(affine_p, x, matrix, offset, output_shape=shape, **how)


def _shift_twin(
    x: Any, shift: Any, *, order: int, mode: str = "constant", cval: Any = 0.0, prefilter: bool = True
) -> Any:
    coordinates = [np.broadcast_to(g - shift[i], x.shape) for i, g in enumerate(_grid(x.shape))]
    return sampled(x, coordinates, order, mode, cval, prefilter)


shift_p = Primitive(
    "scipy.ndimage.shift",
    ndimage.shift,
    lambda x, shift, **_: ArraySpec(x.shape, x.dtype),
    twin.rules(_shift_twin, 2),
    masks=True,
    batch=twin.batch(_shift_twin),
)


@covers(ndimage.shift)
def shift(
    input: Any,
    shift: Any,
    output: Any = None,
    order: Any = 3,
    mode: Any = "constant",
    cval: Any = 0.0,
    prefilter: Any = True,
) -> Any:
    """With all keywords but ``output``; the shifts may be traced, too."""
    x = picture(input, "shift", output)
    if isinstance(shift, list | tuple):
        shift = np.stack([strong(operand(s)) for s in shift])
    by = np.broadcast_to(_real_coordinates(shift), (x.ndim,))
    return bind(shift_p, x, by, **_how(order, mode, cval, prefilter, "shift"))


def _zoom_twin(
    x: Any,
    *,
    zoom: tuple[float, ...],
    order: int,
    grid_mode: bool = False,
    mode: str = "constant",
    cval: Any = 0.0,
    prefilter: bool = True,
) -> Any:
    shape = _zoomed(x.shape, zoom)
    coordinates = []
    for g, m, n in zip(_grid(shape), x.shape, shape, strict=True):
        if grid_mode:
            coordinates.append((g + 0.5) * (m / n) - 0.5)
        else:
            coordinates.append(g * ((m - 1) / (n - 1) if n > 1 else 1.0))
    return sampled(x, [np.broadcast_to(c, shape) for c in coordinates], order, mode, cval, prefilter)


def _zoomed(shape: Sequence[int], zoom: Sequence[float]) -> tuple[int, ...]:
    return tuple([round(n * z) for n, z in zip(shape, zoom, strict=True)])


zoom_p = Primitive(
    "scipy.ndimage.zoom",
    lambda x, *, zoom, **how: ndimage.zoom(x, zoom, **how),
    lambda x, *, zoom, **_: ArraySpec(_zoomed(x.shape, zoom), x.dtype),
    twin.rules(_zoom_twin, 1),
    masks=True,
    batch=twin.batch(_zoom_twin),
)


@covers(ndimage.zoom)
def zoom(
    input: Any,
    zoom: Any,
    output: Any = None,
    order: Any = 3,
    mode: Any = "constant",
    cval: Any = 0.0,
    prefilter: Any = True,
    *,
    grid_mode: Any = False,
) -> Any:
    """With all keywords but ``output``; the factors must be known."""
    x = picture(input, "zoom", output)
    factors = np.broadcast_to(np.asarray(known(zoom, "scipy.ndimage.zoom"), float), (x.ndim,))
    how = _how(order, mode, cval, prefilter, "zoom")
    more = {"grid_mode": True} if grid_mode else {}
    return bind(zoom_p, x, zoom=tuple([float(z) for z in factors]), **how, **more)


@covers(ndimage.rotate)
def rotate(
    input: Any,
    angle: Any,
    axes: Any = (1, 0),
    reshape: Any = True,
    output: Any = None,
    order: Any = 3,
    mode: Any = "constant",
    cval: Any = 0.0,
    prefilter: Any = True,
) -> Any:
    """With all keywords but ``output``; the angle may be traced, too (staged, with ``reshape=False``)."""
    x = picture(input, "rotate", output)
    if x.ndim < 2:
        raise ValueError("input array should be at least 2D")
    first, second = sorted([normalize_axis(axis, x.ndim) for axis in axes])
    if len(axes) != 2 or first == second:
        raise ValueError("axes must contain exactly two different values")
    radians = angle * (np.pi / 180.0)
    c, s = np.cos(radians), np.sin(radians)
    if type(angle) in (int, float):  # SciPy's are right at multiples of 90 degrees
        from scipy import special

        c, s = special.cosdg(angle), special.sindg(angle)
    matrix = np.stack([np.stack([c, s]), np.stack([-s, c])])
    n, m = x.shape[first], x.shape[second]
    shape = [n, m]
    if reshape:
        degrees = float(known(angle, "scipy.ndimage.rotate"))
        from scipy import special

        cos, sin = special.cosdg(degrees), special.sindg(degrees)
        bounds = np.array([[cos, sin], [-sin, cos]]) @ [[0, 0, n, n], [0, m, 0, m]]
        shape = [int(k) for k in (np.ptp(bounds, axis=1) + 0.5).astype(int)]
    out_centre = np.matmul(matrix, (np.array(shape) - 1) / 2)
    offset = (np.array([n, m]) - 1) / 2 - out_centre
    planes = np.moveaxis(x, (first, second), (-2, -1))
    how = {"order": order, "mode": mode, "cval": cval, "prefilter": prefilter}
    lead = planes.shape[:-2]
    done = [
        affine_transform(planes[place], matrix, offset, tuple(shape), **how)
        for place in itertools.product(*[range(k) for k in lead])
    ]
    out = np.reshape(np.stack(done), (*lead, *shape)) if lead else done[0]
    return np.moveaxis(out, (-2, -1), (first, second))
