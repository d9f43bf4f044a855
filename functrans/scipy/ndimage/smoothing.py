"""Filters of ``scipy.ndimage`` that are made of correlations along axes: Gaussians, gradients, Laplacians.

They are composed as SciPy composes them, so that the bits agree; the widths of Gaussians may be traced, too.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from functrans.ir.spec import ArraySpec
from functrans.ops.family import normalize_axes, normalize_axis
from functrans.ops.plain import known, plain
from functrans.scipy.covering import is_traced
from functrans.scipy.ndimage.filters import correlate1d
from functrans.scipy.ndimage.pictures import covers_picture, per_axis


def _kernel(sigma: Any, order: int, radius: int) -> Any:
    """The weights of a Gaussian, or of one of its derivatives."""
    if order < 0:
        raise ValueError("order must be non-negative")
    squared = sigma * sigma
    places = np.arange(-radius, radius + 1)
    bell = np.exp(-0.5 / squared * places**2)
    bell = bell / np.sum(bell)
    if order == 0:
        return bell
    # q(x) times the bell, of which the derivative is (q' - q x / sigma**2) times the bell.
    powers = np.arange(order + 1)
    rise = np.diag(powers[1:].astype(float), 1)
    fall = np.diag(np.ones(order), -1) * (1.0 / -squared)
    polynomial: Any = np.zeros(order + 1)
    polynomial[0] = 1
    step = rise + fall
    for _ in range(order):
        polynomial = np.dot(step, polynomial)
    return np.dot(places[:, None] ** powers, polynomial) * bell


def _reach(sigma: Any, truncate: Any, radius: Any) -> int:
    if radius is None:
        why = "the size of the kernel depends on it"
        return int(float(known(truncate, "scipy.ndimage.gaussian_filter", why)) * _number(sigma) + 0.5)
    if operator.index(radius) < 0:
        raise ValueError("Radius must be a nonnegative integer.")
    return operator.index(radius)


def _number(sigma: Any) -> float:
    return float(known(sigma, "scipy.ndimage.gaussian_filter", "the size of the kernel depends on it"))


@covers_picture(ndimage.gaussian_filter1d)
def gaussian_filter1d(
    x: Any,
    sigma: Any,
    axis: Any = -1,
    order: Any = 0,
    mode: Any = "reflect",
    cval: Any = 0.0,
    truncate: Any = 4.0,
    radius: Any = None,
) -> Any:
    """Of a traced ``sigma`` the value decides the size of the kernel."""
    reach = _reach(sigma, truncate, radius)
    if is_traced((sigma,)):
        weights = _kernel(sigma, operator.index(order), reach)
    else:
        weights = _plain_kernel(float(sigma), order, reach)
    return correlate1d(x, weights[::-1], axis, mode, cval)


def _plain_kernel(sigma: float, order: Any, reach: int) -> Any:
    """SciPy's own weights, to the bit: what a unit impulse becomes is their mirror image, and no sum rounds them."""
    impulse = np.zeros(2 * reach + 1)
    impulse[reach] = 1.0
    kernel = ndimage.gaussian_filter1d(impulse, sigma, order=order, mode="constant", radius=reach)
    return kernel + 0.0


@covers_picture(ndimage.gaussian_filter)
def gaussian_filter(
    x: Any, sigma: Any, order: Any = 0, mode: Any = "reflect", radius: Any = None, axes: Any = None, **how: Any
) -> Any:
    """The widths may be traced, too."""
    places = normalize_axes(axes, x.ndim)
    sigmas = sigma if np.ndim(sigma) else per_axis(sigma, len(places)) if not is_traced((sigma,)) else None
    sigmas = [sigma] * len(places) if sigmas is None else sigmas
    orders, modes, radii = [per_axis(value, len(places)) for value in (order, mode, radius)]
    for i, axis in enumerate(places):
        if (radii[i] is not None and type(plain(sigmas[i])) is ArraySpec) or _number(sigmas[i]) > 1e-15:
            x = gaussian_filter1d(x, sigmas[i], axis, orders[i], modes[i], radius=radii[i], **how)
    return x


def _sum_of_axes(x: Any, axes: Any, of_axis: Callable[[int, Any], Any], mode: Any) -> Any:
    places = normalize_axes(axes, x.ndim)
    if not places:
        return x
    modes = per_axis(mode, len(places))
    total = of_axis(places[0], modes[0])
    for axis, way in zip(places[1:], modes[1:], strict=True):
        total = total + of_axis(axis, way)
    return total


@covers_picture(ndimage.laplace)
def laplace(x: Any, mode: Any = "reflect", cval: Any = 0.0, axes: Any = None) -> Any:
    """Of second differences."""
    weights = np.array([1.0, -2.0, 1.0])
    return _sum_of_axes(x, axes, lambda axis, way: correlate1d(x, weights, axis, way, cval), mode)


def _derived(x: Any, sigma: Any, order: int, axis: int, places: Sequence[int], how: Any) -> Any:
    """A Gaussian filter along some axes, differentiated along one of them."""
    orders = [order if place == axis else 0 for place in places]
    return gaussian_filter(x, sigma, orders, axes=places, **how)


@covers_picture(ndimage.gaussian_laplace)
def gaussian_laplace(x: Any, sigma: Any, mode: Any = "reflect", axes: Any = None, **how: Any) -> Any:
    """The widths may be traced, too."""
    places = normalize_axes(axes, x.ndim)

    def second(axis: int, way: Any) -> Any:
        return _derived(x, sigma, 2, axis, places, {"mode": way, **how})

    return _sum_of_axes(x, axes, second, mode)


@covers_picture(ndimage.gaussian_gradient_magnitude)
def gaussian_gradient_magnitude(x: Any, sigma: Any, mode: Any = "reflect", axes: Any = None, **how: Any) -> Any:
    """Where the gradient is zero, so is the derivative."""
    places = normalize_axes(axes, x.ndim)

    def squared(axis: int, way: Any) -> Any:
        slope = _derived(x, sigma, 1, axis, places, {"mode": way, **how})
        return slope * slope

    total = _sum_of_axes(x, axes, squared, mode)
    if not places:
        return total
    steep = total != 0
    return np.where(steep, np.sqrt(np.where(steep, total, 1)), total)


def _edges(function: Callable[..., Any], across: list[float]) -> None:
    @covers_picture(function)
    def handler(x: Any, axis: Any = -1, mode: Any = "reflect", cval: Any = 0.0) -> Any:
        axis = normalize_axis(axis, x.ndim)
        modes = per_axis(mode, x.ndim)
        out = correlate1d(x, [-1.0, 0.0, 1.0], axis, modes[axis], cval)
        for other in range(x.ndim):
            if other != axis:
                out = correlate1d(out, across, other, modes[other], cval)
        return out


_edges(ndimage.prewitt, [1.0, 1.0, 1.0])
_edges(ndimage.sobel, [1.0, 2.0, 1.0])
