"""Linear interpolation on lines and grids: ``interp1d``, ``RegularGridInterpolator``, ``interpn``.

Within a cell the result is linear in each coordinate and in the values; a grid line belongs to the cell on its right.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import interpolate

from functrans.errors import UncoveredFunctionError
from functrans.ir.spec import ArraySpec
from functrans.ops.family import normalize_axis
from functrans.ops.index import getitem
from functrans.ops.plain import known
from functrans.primitives import Primitive
from functrans.scipy import twin
from functrans.scipy.covering import COVERED, is_traced
from functrans.scipy.interpolate.splines import _array, _double, covered
from functrans.tracing.bind import bind


def _grid_twin(values: Any, xi: Any, *points: Any, bounds_error: bool, fill_value: Any) -> Any:
    total: Any = None
    inside: Any = True
    index, shares = [], []
    for i, grid in enumerate(points):
        x = xi[..., i]
        cell = np.clip(np.searchsorted(grid, x, side="right") - 1, 0, grid.shape[0] - 2)
        low = getitem(grid, cell)
        shares.append((x - low) / (getitem(grid, cell + 1) - low))
        index.append(cell)
        inside = inside & (x >= grid[0]) & (x <= grid[-1])
    wide = (*np.shape(xi)[:-1], *[1] * (values.ndim - len(points)))
    for corner in np.ndindex(*[2] * len(points)):
        weight: Any = 1.0
        for share, upper in zip(shares, corner, strict=True):
            weight = weight * (share if upper else 1.0 - share)
        term = getitem(values, tuple([c + u for c, u in zip(index, corner, strict=True)])) * np.reshape(weight, wide)
        total = term if total is None else total + term
    if bounds_error or fill_value is None:
        return total
    return np.where(np.reshape(inside, wide), total, fill_value)


def _grid_impl(values: Any, xi: Any, *points: Any, bounds_error: bool, fill_value: Any) -> Any:
    return interpolate.RegularGridInterpolator(points, values, "linear", bounds_error, fill_value)(xi)


def _grid_source(args: list[str], params: dict[str, Any]) -> str:
    from functrans.ir.source import param_source

    points = f"({', '.join(args[2:])},)"
    how = f"'linear', {params['bounds_error']}, {param_source(params['fill_value'])}"
    return f"scipy.interpolate.RegularGridInterpolator({points}, {args[0]}, {how})({args[1]})"


_MOST_AXES = 12
grid_p = Primitive(
    "scipy.interpolate.RegularGridInterpolator",
    _grid_impl,
    lambda values, xi, *points, **_: ArraySpec(
        (*xi.shape[:-1], *values.shape[len(points) :]), np.result_type(values.dtype, np.float64)
    ),
    twin.rules(_grid_twin, 2 + _MOST_AXES),
    source=_grid_source,
    masks=True,
    batch=twin.batch(_grid_twin),
)


@covered
class RegularGridInterpolator:
    """Linear interpolation of traced values on a grid, at traced points; the grid's lines may be traced, too."""

    def __init__(
        self,
        points: Any,
        values: Any,
        method: str = "linear",
        bounds_error: bool = True,
        fill_value: Any = np.nan,
        **others: Any,
    ) -> None:
        if method != "linear" or any(other is not None for other in others.values()):
            raise UncoveredFunctionError(
                f"`RegularGridInterpolator` with `method={method!r}` is not covered by functrans",
                "interpolate linearly, or with `functrans.scipy.ndimage.map_coordinates`.",
            )
        self.grid = tuple([_double(p) for p in points])
        self.values = _double(values)
        if len(self.grid) > min(self.values.ndim, _MOST_AXES):
            raise ValueError(f"There are {len(self.grid)} point arrays, but `values` has {self.values.ndim} dimensions")
        for i, p in enumerate(self.grid):
            if p.ndim != 1 or p.shape[0] != self.values.shape[i]:
                raise ValueError(f"There are {p.shape[0]} points and {self.values.shape[i]} values on dimension {i}")
        self.method, self.bounds_error = method, bool(bounds_error)
        self.fill_value = None if fill_value is None else known(fill_value, "scipy.interpolate.RegularGridInterpolator")

    def __call__(self, xi: Any, method: Any = None, *, nu: Any = None) -> Any:
        """The interpolated values at points, whose coordinates are along the last axis."""
        if method not in (None, "linear") or nu is not None:
            raise UncoveredFunctionError(f"`method={method!r}`, `nu={nu!r}` are not covered", "interpolate linearly.")
        ndim = len(self.grid)
        if isinstance(xi, tuple):
            parts = np.broadcast_arrays(*[_array(x) for x in xi])
            xi = np.stack(parts, axis=-1)
        xi = _double(xi)
        if ndim == 1 and xi.ndim == 1 and xi.shape[0] != 1:
            xi = xi[:, None]
        elif xi.ndim == 1:
            xi = np.reshape(xi, (-1, ndim))
        if xi.shape[-1] != ndim:
            raise ValueError(
                f"The requested sample points xi have dimension {xi.shape[-1]} but this has dimension {ndim}"
            )
        how = {"bounds_error": self.bounds_error, "fill_value": self.fill_value}
        return bind(grid_p, self.values, xi, *self.grid, **how)


def interpn(
    points: Any, values: Any, xi: Any, method: str = "linear", bounds_error: bool = True, fill_value: Any = np.nan
) -> Any:
    """``scipy.interpolate.interpn`` with ``method="linear"``, of traced values at traced points."""
    if not is_traced([*points, values, xi]):
        return interpolate.interpn(points, values, xi, method, bounds_error, fill_value)
    return RegularGridInterpolator(points, values, method, bounds_error, fill_value)(xi)


COVERED["scipy.interpolate"]["interpn"] = interpn


# interp1d


def _line_twin(x: Any, y: Any, new: Any, *, bounds_error: bool, fill_value: Any) -> Any:
    cell = np.clip(np.searchsorted(x, new, side="right") - 1, 0, x.shape[0] - 2)
    wide = (*np.shape(new), *[1] * (y.ndim - 1))
    low = getitem(x, cell)
    share = np.reshape((new - low) / (getitem(x, cell + 1) - low), wide)
    bottom = getitem(y, cell)
    out = bottom + share * (getitem(y, cell + 1) - bottom)
    if bounds_error or fill_value == "extrapolate":
        return out
    below, above = fill_value if isinstance(fill_value, tuple) else (fill_value, fill_value)
    out = np.where(np.reshape(new < x[0], wide), below, out)
    return np.where(np.reshape(new > x[-1], wide), above, out)


def _line_impl(x: Any, y: Any, new: Any, *, bounds_error: bool, fill_value: Any) -> Any:
    how = {"bounds_error": bounds_error} if fill_value != "extrapolate" else {}
    return interpolate.interp1d(x, y, axis=0, fill_value=fill_value, assume_sorted=True, **how)(new)


def _line_source(args: list[str], params: dict[str, Any]) -> str:
    from functrans.ir.source import param_source

    fill = param_source(params["fill_value"])
    bounds = "" if params["fill_value"] == "extrapolate" else f", bounds_error={params['bounds_error']}"
    how = f"axis=0, fill_value={fill}, assume_sorted=True{bounds}"
    return f"scipy.interpolate.interp1d({args[0]}, {args[1]}, {how})({args[2]})"


line_p = Primitive(
    "scipy.interpolate.interp1d",
    _line_impl,
    lambda x, y, new, **_: ArraySpec((*new.shape, *y.shape[1:]), np.result_type(y.dtype, np.float64)),
    twin.rules(_line_twin, 3),
    source=_line_source,
    masks=True,
    batch=twin.batch(_line_twin),
)


@covered
class interp1d:  # noqa: N801
    """Linear interpolation of traced values, at traced points, between traced knots."""

    def __init__(
        self,
        x: Any,
        y: Any,
        kind: Any = "linear",
        axis: Any = -1,
        copy: bool = True,  # noqa: ARG002
        bounds_error: Any = None,
        fill_value: Any = np.nan,
        assume_sorted: bool = False,
    ) -> None:
        if kind not in ("linear", 1):
            raise UncoveredFunctionError(
                f"`interp1d` with `kind={kind!r}` is not covered by functrans", "use `CubicSpline`, or `kind='linear'`."
            )
        x, y = _double(x), _double(y)
        if x.ndim != 1:
            raise ValueError("the x array must have exactly one dimension.")
        if y.ndim == 0:
            raise ValueError("the y array must have at least one dimension.")
        self.axis = normalize_axis(axis, y.ndim)
        y = np.moveaxis(y, self.axis, 0)
        if y.shape[0] != x.shape[0]:
            raise ValueError("x and y arrays must be equal in length along interpolation axis.")
        if not assume_sorted:
            order = np.argsort(x, kind="mergesort")
            x, y = getitem(x, order), getitem(y, order)
        self.x, self._rows = x, y
        self.fill_value = fill_value if fill_value == "extrapolate" else known(fill_value, "scipy.interpolate.interp1d")
        given = isinstance(fill_value, tuple | str) or fill_value == fill_value
        self.bounds_error = (not given) if bounds_error is None else bool(bounds_error)

    def __call__(self, x: Any) -> Any:
        """The interpolated values at ``x``."""
        x = _double(x)
        how = {"bounds_error": self.bounds_error, "fill_value": self.fill_value}
        out = bind(line_p, self.x, self._rows, x, **how)
        rank, order = np.ndim(x), list(range(np.ndim(out)))
        return np.transpose(out, [*order[rank : rank + self.axis], *order[:rank], *order[rank + self.axis :]])
