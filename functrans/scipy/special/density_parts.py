"""What the gamma and the beta density are computed from, without cancellation, also where parameters are large.

These are helpers of printed programs: their text needs ``np`` and ``scipy.special`` alone.

Source: C. Loader, *Fast and accurate computation of binomial probabilities* (2000), for the deviance; NIST Digital
Library of Mathematical Functions, 5.11, for the asymptotic series.
"""

from __future__ import annotations

import numpy as np
import scipy.special


def result_dtype(ufunc, *operands):  # type: ignore[no-untyped-def]
    """The dtype that a ufunc of SciPy's gives, which prefers double precision to promoting Python numbers weakly."""
    kinds = [type(x) if type(x) in (int, float) else np.asarray(x).dtype for x in operands]
    if all(kind in (int, float) for kind in kinds):
        return np.dtype(np.float64)
    return ufunc.resolve_dtypes((*kinds, None))[-1]


def stirling_rest(z):  # type: ignore[no-untyped-def]
    """``log(gamma(z)) - ((z - 1/2) log(z) - z + log(2 pi)/2)``, for an array of positive numbers."""
    rest, shifted = np.zeros_like(z), z
    low = z < 12.0
    if np.any(low):
        at = z[low][..., None] + np.arange(12.0)
        rest[low] = np.sum((at + 0.5) * np.log1p(1.0 / at) - 1.0, axis=-1)
        shifted = np.where(low, z + 12.0, z)
    w = 1.0 / (shifted * shifted)
    series = 1 / 1188 - w * (691 / 360360 - w / 156)
    return rest + (1 / 12 - w * (1 / 360 - w * (1 / 1260 - w * (1 / 1680 - w * series)))) / shifted


def deviance(a, x):  # type: ignore[no-untyped-def]
    """``a log(a / x) + x - a``, for positive ``a`` and ``x``: zero of second order where they are equal."""
    m = (x - a) / a
    near = np.abs(m) < 0.5
    m = np.where(near, m, 0.0)
    r = m / (2.0 + m)
    w = r * r
    series = np.zeros_like(r)
    for k in range(35, 1, -2):  # log1p(m) = 2 (r + r**3 / 3 + ...)
        series = series * w + 1.0 / k
    return np.where(near, a * (m * r - 2.0 * r * w * series), a * np.log(a / x) + (x - a))


def digamma_rise(z, d):  # type: ignore[no-untyped-def]
    """``digamma(z + d) - digamma(z)``, relatively exact also where ``d`` is small."""
    at = z[..., None] + np.arange(15.0)
    rise = d * np.sum(1.0 / (at * (at + d[..., None])), axis=-1)
    low, high = z + 15.0, z + d + 15.0
    rise = rise + np.log1p(d / low)
    for at, sign in ((low, 1.0), (high, -1.0)):
        w = 1.0 / (at * at)
        series = w * (1 / 12 - w * (1 / 120 - w * (1 / 252 - w * (1 / 240 - w / 132))))
        rise = rise + sign * (0.5 / at + series)
    return rise


def gauss_legendre():  # type: ignore[no-untyped-def]
    """Points between 0 and 1, and weights, of Gauss and Legendre's rule of 48, relatively exact at the ends too.

    Newton's method in the angle, on the Legendre polynomial by its steps from order to order.
    """
    kept = gauss_legendre.__dict__
    if "rule" not in kept:
        count = 48
        angle = np.pi * (4.0 * np.arange(1, count // 2 + 1) - 1.0) / (4.0 * count + 2.0)
        for _ in range(6):
            y = 2.0 * np.sin(0.5 * angle) ** 2  # 1 - cos(angle)
            value, step = 1.0 - y, -y
            for k in range(1, count):
                step = (k * step - (2 * k + 1) * y * value) / (k + 1)
                value = value + step
            slope = count * (step - y * value) / np.sin(angle)
            angle = angle - value / slope
        points = np.sin(0.5 * angle) ** 2
        weights = 1.0 / (slope * slope)
        mirrored = np.cos(0.5 * angle[::-1]) ** 2
        kept["rule"] = np.concatenate([points, mirrored]), np.concatenate([weights, weights[::-1]])
    return kept["rule"]


def product_derivatives(logs, *counts):  # type: ignore[no-untyped-def]
    """What the derivatives of ``f(a, b, ...)`` are, over ``f``, from those of ``log(f)``: both by their orders.

    Faa di Bruno's formula, by the recurrence that comes of ``f' = f log(f)'``.
    """
    out = {(0,) * len(counts): 1.0}
    for orders in np.ndindex(*[n + 1 for n in counts]):
        if orders in out:
            continue
        axis = next(i for i, n in enumerate(orders) if n)
        base = (*orders[:axis], orders[axis] - 1, *orders[axis + 1 :])
        total = 0.0
        for taken in np.ndindex(*[n + 1 for n in base]):
            ways = np.prod([scipy.special.comb(n, i, exact=True) for n, i in zip(base, taken, strict=True)])
            step = (*taken[:axis], taken[axis] + 1, *taken[axis + 1 :])
            left = tuple(n - i for n, i in zip(base, taken, strict=True))
            total = total + float(ways) * out[left] * logs[step]
        out[orders] = total
    return out
