"""Maps of pictures, of ``scipy.ndimage``: ``map_coordinates``, and those that are affine.

By a matrix and an offset, shifts, zooms, rotations.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from functrans.ir.spec import ArraySpec
from functrans.ops.family import normalize_axis
from functrans.ops.plain import known
from functrans.primitives import Primitive
from functrans.scipy import twin
from functrans.scipy.ndimage.pictures import covers_picture
from functrans.scipy.ndimage.splines import interpolation, real_coordinates, sampled
from functrans.tracing.bind import bind


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


@covers_picture(ndimage.map_coordinates)
def map_coordinates(x: Any, coordinates: Any, **how: Any) -> Any:
    """The coordinates may be traced, too."""
    coordinates = real_coordinates(coordinates)
    if x.ndim < 1 or coordinates.ndim < 2:
        raise RuntimeError("input and output rank must be > 0")
    if coordinates.shape[0] != x.ndim:
        raise RuntimeError("invalid shape for coordinate array")
    return bind(map_p, x, coordinates, **interpolation("map_coordinates", **how))


# Affine ones.


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


@covers_picture(ndimage.affine_transform)
def affine_transform(x: Any, matrix: Any, offset: Any = 0.0, output_shape: Any = None, **how: Any) -> Any:
    """Matrix and offset may be traced, too."""
    n = x.ndim
    matrix = real_coordinates(matrix)
    if matrix.ndim not in (1, 2) or matrix.shape[0] < 1:
        raise RuntimeError("no proper affine matrix provided")
    if matrix.ndim == 2 and matrix.shape[1] == n + 1 and matrix.shape[0] in (n, n + 1):
        offset, matrix = matrix[:n, n], matrix[:n, :n]
    if matrix.shape[0] != n or (matrix.ndim == 2 and matrix.shape[1] != n):
        raise RuntimeError("affine matrix has wrong number of rows")
    offset = np.broadcast_to(real_coordinates(offset), (n,))
    shape = tuple(x.shape) if output_shape is None else tuple([operator.index(m) for m in output_shape])
    return bind(affine_p, x, matrix, offset, output_shape=shape, **interpolation("affine_transform", **how))


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


@covers_picture(ndimage.shift)
def shift(x: Any, shift: Any, **how: Any) -> Any:
    """The shifts may be traced, too."""
    by = np.broadcast_to(real_coordinates(shift), (x.ndim,))
    return bind(shift_p, x, by, **interpolation("shift", **how))


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


@covers_picture(ndimage.zoom)
def zoom(x: Any, zoom: Any, grid_mode: Any = False, **how: Any) -> Any:
    """The factors must be known."""
    factors = np.broadcast_to(np.asarray(known(zoom, "scipy.ndimage.zoom"), float), (x.ndim,))
    more = {"grid_mode": True} if grid_mode else {}
    return bind(zoom_p, x, zoom=tuple([float(z) for z in factors]), **interpolation("zoom", **how), **more)


@covers_picture(ndimage.rotate)
def rotate(x: Any, angle: Any, axes: Any = (1, 0), reshape: Any = True, **how: Any) -> Any:
    """The angle may be traced, too (staged, with ``reshape=False``)."""
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
    lead = planes.shape[:-2]
    done = [
        affine_transform(planes[place], matrix, offset, tuple(shape), **how)
        for place in itertools.product(*[range(k) for k in lead])
    ]
    out = np.reshape(np.stack(done), (*lead, *shape)) if lead else done[0]
    return np.moveaxis(out, (-2, -1), (first, second))
