"""The classes of ``scipy.interpolate`` that are polynomials in pieces, and B-splines."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from scipy import interpolate

from functrans.errors import UncoveredFunctionError
from functrans.ir.spec import ArraySpec
from functrans.ops.family import normalize_axis, operand
from functrans.ops.index import getitem
from functrans.ops.scalars import strong
from functrans.primitives import Primitive
from functrans.scipy import twin
from functrans.scipy.covering import COVERED, is_traced
from functrans.scipy.interpolate.pieces import akima_p, cubic_p, hermite_p, pchip_p, value
from functrans.tracing.bind import bind


def _array(x: Any) -> Any:
    if isinstance(x, list | tuple) and is_traced(x):
        return np.stack([strong(operand(item)) for item in x])
    return strong(operand(x))


def _double(x: Any) -> Any:
    x = _array(x)
    dtype = np.dtype(np.complex128 if x.dtype.kind == "c" else np.float64)
    return x if x.dtype == dtype else x.astype(dtype)


def covered(cls: type) -> type:
    """Put a class in the place of SciPy's of the same name."""
    COVERED.setdefault("scipy.interpolate", {})[cls.__name__] = cls
    return cls


@covered
class PPoly:
    """A polynomial in pieces, of traced coefficients or knots, called at traced points.

    Example:
        >>> import functrans as ft
        >>> from functrans.scipy.interpolate import PPoly
        >>> ft.grad(PPoly([[1.0], [0.0], [0.0]], [0.0, 2.0]))(1.5)
        3.0
    """

    def __init__(self, c: Any, x: Any, extrapolate: Any = None, axis: Any = 0) -> None:
        c, self.x = _double(c), _double(x)
        if c.ndim < 2:
            raise ValueError("Coefficients array must be at least 2-dimensional.")
        self.axis = normalize_axis(axis, c.ndim - 1)
        self.c = np.moveaxis(c, (self.axis, self.axis + 1), (0, 1)) if self.axis else c
        self.extrapolate = True if extrapolate is None else extrapolate

    def __call__(self, x: Any, nu: Any = 0, extrapolate: Any = None) -> Any:
        """The value, or the derivative of order ``nu``, at ``x``."""
        nu = operator.index(nu)
        if nu < 0:
            raise UncoveredFunctionError(
                "the antiderivative of a traced interpolant is not covered", "call SciPy's on plain values."
            )
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        if extrapolate != "periodic":
            extrapolate = bool(extrapolate)
        x = _double(x)
        out = value(self.c, self.x, x, nu, extrapolate)
        if self.axis:
            rank = np.ndim(x)
            order = list(range(np.ndim(out)))
            order = [*order[rank : rank + self.axis], *order[:rank], *order[rank + self.axis :]]
            out = np.transpose(out, order)
        return out

    def derivative(self, nu: Any = 1) -> PPoly:
        """The interpolant's derivative, in pieces too."""
        made = PPoly.__new__(PPoly)
        nu = operator.index(nu)
        if nu < 0:
            raise UncoveredFunctionError(
                "the antiderivative of a traced interpolant is not covered", "call SciPy's on plain values."
            )
        degree = self.c.shape[0] - 1
        left = max(degree - nu + 1, 0)
        factors = np.array([float(np.prod(np.arange(d - nu + 1, d + 1))) for d in range(degree, nu - 1, -1)])
        c = self.c[:left] * factors.reshape(-1, *[1] * (self.c.ndim - 1)) if left else 0.0 * self.c[:1]
        made.c, made.x, made.axis, made.extrapolate = c, self.x, self.axis, self.extrapolate
        return made

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not hasattr(interpolate.PPoly, name):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        raise UncoveredFunctionError(
            f"`{name}` of an interpolant of functrans is not covered", "make one of SciPy's, of plain values."
        )


class _Interpolant(PPoly):
    def _prepare(self, x: Any, y: Any, axis: Any, extrapolate: Any) -> tuple[Any, Any]:
        x, y = _double(x), _double(y)
        if x.ndim != 1:
            raise ValueError("`x` must be 1-dimensional.")
        if x.shape[0] < 2:
            raise ValueError("`x` must contain at least 2 elements.")
        self.axis = normalize_axis(axis, y.ndim)
        if x.shape[0] != y.shape[self.axis]:
            raise ValueError(f"The length of `y` along `axis`={axis} doesn't match the length of `x`")
        self.x, self.extrapolate = x, extrapolate
        return x, np.moveaxis(y, self.axis, 0)


_ENDS = {"clamped": (1, 0.0), "natural": (2, 0.0), "not-a-knot": "not-a-knot", "periodic": "periodic"}


@covered
class CubicSpline(_Interpolant):
    """A cubic spline through traced values, at traced knots; values of derivatives at its ends are plain numbers."""

    def __init__(self, x: Any, y: Any, axis: Any = 0, bc_type: Any = "not-a-knot", extrapolate: Any = None) -> None:
        both = (bc_type, bc_type) if isinstance(bc_type, str) else tuple(bc_type)
        if len(both) != 2:
            raise ValueError("`bc_type` must contain 2 elements to specify start and end conditions.")
        ends: list[Any] = []
        for end in both:
            if isinstance(end, str):
                if end not in _ENDS:
                    raise ValueError(f"bc_type={end} is not allowed.")
                ends.append(_ENDS[end])
                continue
            order, height = end
            if order not in (1, 2):
                raise ValueError("The specified derivative order must be 1 or 2.")
            if is_traced((height,)) or (np.size(height) and np.any(np.asarray(height) != np.ravel(height)[0])):
                raise UncoveredFunctionError(
                    "derivatives at the ends of a CubicSpline that are traced, or differ from one another",
                    "use `CubicHermiteSpline`, which takes all slopes.",
                )
            expected = tuple(np.delete(np.shape(_array(y)), normalize_axis(axis, np.ndim(y))))
            if np.shape(height) != expected:
                raise ValueError(f"`deriv_value` shape {np.shape(height)} is not the expected one {expected}.")
            ends.append((int(order), float(np.ravel(height)[0])))
        if "periodic" in ends and ends[0] != ends[1]:
            raise ValueError("'periodic' `bc_type` is defined for both curve ends and cannot be used with other ones.")
        if extrapolate is None:
            extrapolate = "periodic" if "periodic" in ends else True
        x, y = self._prepare(x, y, axis, extrapolate)
        self.c = bind(cubic_p, x, y, bc=tuple(ends))


@covered
class CubicHermiteSpline(_Interpolant):
    """A cubic interpolant of traced values and slopes, at traced knots."""

    def __init__(self, x: Any, y: Any, dydx: Any, axis: Any = 0, extrapolate: Any = None) -> None:
        x, y = self._prepare(x, y, axis, True if extrapolate is None else extrapolate)
        self.c = bind(hermite_p, x, y, np.moveaxis(_double(dydx), self.axis, 0))


@covered
class PchipInterpolator(_Interpolant):
    """An interpolant that rises and falls with traced values, at traced knots."""

    def __init__(self, x: Any, y: Any, axis: Any = 0, extrapolate: Any = None) -> None:
        x, y = self._prepare(x, y, axis, True if extrapolate is None else extrapolate)
        if y.dtype.kind == "c":
            raise ValueError("`PchipInterpolator` only works with real values for `y`.")
        self.c = bind(pchip_p, x, y)


@covered
class Akima1DInterpolator(_Interpolant):
    """Akima's interpolant of traced values, at traced knots."""

    def __init__(self, x: Any, y: Any, axis: Any = 0, *, method: str = "akima", extrapolate: Any = None) -> None:
        if method not in ("akima", "makima"):
            raise NotImplementedError(f"`method`={method} is unsupported.")
        x, y = self._prepare(x, y, axis, False if extrapolate is None else extrapolate)
        if y.dtype.kind == "c":
            raise ValueError("`Akima1DInterpolator` only works with real values for `y`.")
        self.c = bind(akima_p, x, y, method=method)


# B-splines, by de Boor's recursion.


def _b_spline_twin(t: Any, c: Any, x: Any, *, k: int, nu: int, extrapolate: Any) -> Any:
    n = t.shape[0] - k - 1
    first, last = t[k], t[n]
    if extrapolate == "periodic":
        x = first + np.mod(x - first, last - first)
    inside = (x >= first) & (x <= last)
    c = c[:n]
    for _ in range(nu):
        if k == 0:
            return 0.0 * getitem(c, np.zeros(np.shape(x), int))
        gap = t[k + 1 : k + n] - t[1:n]
        slope = k / np.where(gap > 0, gap, 1.0) * (gap > 0)
        c = np.reshape(slope, (-1, *[1] * (c.ndim - 1))) * (c[1:] - c[:-1])
        t, k, n = t[1:-1], k - 1, n - 1
    cell = np.clip(np.searchsorted(t, x, side="right") - 1, k, n - 1)
    wide = (*np.shape(x), *[1] * (c.ndim - 1))
    d = [getitem(c, cell + (j - k)) for j in range(k + 1)]
    for r in range(1, k + 1):
        for j in range(k, r - 1, -1):
            low, high = getitem(t, cell + (j - k)), getitem(t, cell + (j + 1 - r))
            share = np.reshape((x - low) / (high - low), wide)
            d[j] = (1.0 - share) * d[j - 1] + share * d[j]
    out = d[k]
    return out if extrapolate else np.where(np.reshape(inside, wide), out, np.nan)


def _b_spline_impl(t: Any, c: Any, x: Any, *, k: int, nu: int, extrapolate: Any) -> Any:
    return interpolate.BSpline(t, c, k, extrapolate)(x, nu)


b_spline_p = Primitive(
    "scipy.interpolate.BSpline",
    _b_spline_impl,
    lambda t, c, x, **_: ArraySpec((*x.shape, *c.shape[1:]), np.result_type(c.dtype, np.float64)),
    twin.rules(_b_spline_twin, 3),
    source=lambda args, params: (
        f"scipy.interpolate.BSpline({args[0]}, {args[1]}, {params['k']}, {params['extrapolate']!r})"
        f"({args[2]}, {params['nu']})"
    ),
    masks=True,
    batch=twin.batch(_b_spline_twin),
)


@covered
class BSpline:
    """A B-spline of traced coefficients and knots, called at traced points."""

    def __init__(self, t: Any, c: Any, k: Any, extrapolate: Any = True, axis: Any = 0) -> None:
        self.t, c, self.k = _double(t), _double(c), operator.index(k)
        self.extrapolate = extrapolate if extrapolate == "periodic" else bool(extrapolate)
        self.axis = normalize_axis(axis, c.ndim)
        self.c = np.moveaxis(c, self.axis, 0) if self.axis else c
        n = self.t.shape[0] - self.k - 1
        if self.k < 0:
            raise ValueError("Spline order cannot be negative.")
        if self.t.ndim != 1:
            raise ValueError("Knot vector must be one-dimensional.")
        if n < self.k + 1:
            raise ValueError(f"Need at least {2 * self.k + 2} knots for degree {self.k}")
        if self.c.shape[0] < n:
            raise ValueError("Knots, coefficients and degree are inconsistent.")

    def __call__(self, x: Any, nu: Any = 0, extrapolate: Any = None) -> Any:
        """The value, or the derivative of order ``nu``, at ``x``."""
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        if extrapolate != "periodic":
            extrapolate = bool(extrapolate)
        x = _double(x)
        how = {"k": self.k, "nu": operator.index(nu), "extrapolate": extrapolate}
        out = bind(b_spline_p, self.t, self.c, x, **how)
        if not self.axis:
            return out
        rank, order = np.ndim(x), list(range(np.ndim(out)))
        return np.transpose(out, [*order[rank : rank + self.axis], *order[:rank], *order[rank + self.axis :]])
