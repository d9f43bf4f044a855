"""The incomplete gamma functions, differentiated in both arguments, and their inverses.

All derivatives of ``gammainc`` are one family, in which every order has the next: those in ``a`` alone are integrals,
of the density's derivatives, over that side of ``x`` on which nothing cancels; the others are derivatives of the
density itself.

Source: NIST Digital Library of Mathematical Functions, 8.2, 8.8 and 5.11.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special
from scipy import special

from functrans.ops import batching
from functrans.ops.duals import absorb
from functrans.ops.family import elementwise, ufunc_spec
from functrans.primitives import POSITIVE, Primitive, Rules, call_source
from functrans.scipy.special.density_parts import (
    deviance,
    gauss_legendre,
    product_derivatives,
    result_dtype,
    stirling_rest,
)
from functrans.scipy.special.ladder import both_tails
from functrans.tracing.bind import bind

_UNIT = (0.0, 1.0)


def gammainc_derivative(a, x, orders):  # type: ignore[no-untyped-def]
    """The derivative of ``scipy.special.gammainc(a, x)``, ``orders`` times in ``a`` and in ``x``."""
    n, k = orders
    dtype = result_dtype(scipy.special.gammainc, a, x)
    a, x = np.broadcast_arrays(np.asarray(a, np.float64), np.asarray(x, np.float64))
    shape, a, x = a.shape, a.ravel(), x.ravel()
    out = np.full(a.shape, np.nan)
    with np.errstate(all="ignore"):
        out[(a >= 0) & (x >= 0) & (np.isinf(x) ^ np.isinf(a))] = 0.0
        zero = (x == 0) & (a > 0) & np.isfinite(a)
        out[zero] = gammainc_at_zero(a[zero], n, k)
        inside = np.flatnonzero((a >= 0) & (x > 0) & np.isfinite(a) & np.isfinite(x))
        for start in range(0, inside.size, 2048):  # so much memory and no more
            chosen = inside[start : start + 2048]
            out[chosen] = gammainc_inside(a[chosen], x[chosen], n, k)
        return out.reshape(shape).astype(dtype)[()]


def gammainc_at_zero(a, n, k):  # type: ignore[no-untyped-def]
    """The derivatives at ``x = 0``, where the density is like ``x**(a - 1)``."""
    if k == 0:
        return np.zeros_like(a)
    if n == 0:
        powers = np.where((a == np.floor(a)) & (a <= k), (-1.0) ** (k - a) * scipy.special.binom(k - 1, a - 1), 0.0)
        sign = scipy.special.gammasgn(a - k + 1.0)
        return np.where((a == np.floor(a)) | (a > k), powers, sign * np.inf)
    return np.where(a > k, 0.0, (-1.0) ** n * np.where(a == np.floor(a), np.nan if k > 1 else 1.0, 1.0) * np.inf)


def gammainc_inside(a, x, n, k):  # type: ignore[no-untyped-def]
    """The derivatives at finite, positive ``x``."""
    # x**a exp(-x) / gamma(a + 1)
    small = a < 10.0
    half = np.exp(-0.5 * np.minimum(x, 1500.0))
    direct = np.where(small, np.minimum(x, 1500.0), 1.0) ** np.where(small, a, 1.0) * half * half
    direct = direct * scipy.special.rgamma(np.where(small, a, 1.0) + 1.0)
    b = np.where(small, 10.0, a)
    power = np.where(small, direct, np.exp(-deviance(b, x) - stirling_rest(b)) / np.sqrt(2.0 * np.pi * b))
    # log(x) - digamma(a + 1), and the digamma function's derivatives
    z = np.where(small, 11.0, a + 1.0)
    m = (x - z) / z
    w = 1.0 / (z * z)
    series = 1 / 252 - w * (1 / 240 - w * (1 / 132 - w * (691 / 32760 - w / 12)))
    large = np.where(np.abs(m) < 0.5, np.log1p(m), np.log(x / z)) + 0.5 / z + w * (1 / 12 - w * (1 / 120 - w * series))
    score = np.where(small, np.log(x) - scipy.special.digamma(np.where(small, a, 1.0) + 1.0), large)
    logs = {(i + 1,): -scipy.special.polygamma(i, a + 1.0) for i in range(1, n)}
    if k == 0:
        return gammainc_integral(a, x, n, power, score, logs)
    # The density is a / x times that power; each of its derivatives in x comes of the two before.
    over = product_derivatives({**logs, (1,): score}, n)
    before, now = [0.0] * (n + 1), [power / x * (a * over[i,] + (i * over[i - 1,] if i else 0.0)) for i in range(n + 1)]
    for j in range(k - 1):
        after = [
            ((a - (1 + j) - x) * now[i] - j * before[i] + (i * now[i - 1] if i else 0.0)) / x for i in range(n + 1)
        ]
        before, now = now, after
    return now[n]


def gammainc_integral(a, x, n, power, score, logs):  # type: ignore[no-untyped-def]
    """The derivatives in ``a`` alone: over the side of ``x`` on which the first derivative has one sign.

    The integrand is ``exp(-h(s))`` times a polynomial, at ``exp(-s) x`` or ``exp(s) x``; ``h`` is convex. On the lower
    side one integration by parts has raised ``a`` by one.
    """
    points, weights = gauss_legendre()
    a, x, power, score = a[:, None], x[:, None], power[:, None], score[:, None]
    logs = {key: value[:, None] for key, value in logs.items()}
    low = (score < 0)[:, 0]
    out = np.empty_like(a)
    reach = 40.0  # exp(-40) is nothing
    for side in (low, ~low):
        if not np.any(side):
            continue
        b, y, slope = a[side], x[side], score[side]
        rest = {key: value[side] for key, value in logs.items()}
        if side is low:
            fall = 2.0 * (b + 1.0 - y) - reach
            s = points * (4.0 * reach / (np.sqrt(fall * fall + 8.0 * reach * (b + 1.0)) + fall))
            length = s[:, :1] / points[0]
            decay = np.exp(-((b + 1.0) * s + y * np.expm1(-s)))
            first = product_derivatives({**rest, (1,): slope}, n)[n,]
            over = product_derivatives({**rest, (1,): slope - s}, n)[n,]
            total = first + y * length * (decay * over @ weights)[:, None]
        else:
            p, q = 4.0 * y - b, 6.0 * (y - b) - 4.0 * reach
            length = np.log1p((np.sqrt(q * q + 24.0 * reach * p) - q) / (2.0 * p))
            s = points * length
            decay = np.exp(-(y * np.expm1(s) - b * s))
            over = product_derivatives({**rest, (1,): slope + s}, n)
            total = -length * (decay * (b * over[n,] + n * over[n - 1,]) @ weights)[:, None]
        out[side] = power[side] * total
    return out[:, 0]


def _raised(orders: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return (*orders[:axis], orders[axis] + 1, *orders[axis + 1 :])


def _next(axis: int) -> Any:
    def rule(t: Any, out: Any, a: Any, x: Any, *, orders: tuple[int, int]) -> Any:
        with np.errstate(all="ignore"):
            return absorb(t, bind(gammainc_derivative_p, a, x, orders=_raised(orders, axis)))

    return rule


gammainc_derivative_p = Primitive(
    "scipy.special.gammainc_derivative",
    gammainc_derivative,
    lambda a, x, orders: ufunc_spec(special.gammainc)(a, x),
    Rules(jvp=[_next(0), _next(1)], vjp=[_next(0), _next(1)]),
    source=lambda args, params: call_source("gammainc_derivative", args, params),
    helpers={
        helper.__name__: helper
        for helper in (
            gammainc_derivative,
            gammainc_at_zero,
            gammainc_inside,
            gammainc_integral,
            result_dtype,
            deviance,
            stirling_rest,
            gauss_legendre,
            product_derivatives,
        )
    },
    batch=batching.elementwise,
)


def in_a(a: Any, x: Any) -> Any:
    """The derivative of ``gammainc(a, x)`` in ``a``."""
    return bind(gammainc_derivative_p, a, x, orders=(1, 0))


def density(a: Any, x: Any) -> Any:
    """``x**(a - 1) exp(-x) / gamma(a)``, the derivative of ``gammainc(a, x)`` in ``x``."""
    return bind(gammainc_derivative_p, a, x, orders=(0, 1))


both_tails(
    special.gammainc,
    special.gammaincc,
    [lambda out, a, x: in_a(a, x), lambda out, a, x: density(a, x)],
    POSITIVE,
)


def _level(out: Any, slope: Any) -> Any:
    # What keeps the value where it is. At both ends of the axis the inverse function stays, or moves infinitely fast.
    return np.where((out == 0) | (out == np.inf), out, slope)


# The inverse functions: one over the slope.
elementwise(
    special.gammaincinv,
    [lambda out, a, p: _level(out, -in_a(a, out) / density(a, out)), lambda out, a, p: 1.0 / density(a, out)],
    singular=True,
    domain=(POSITIVE, _UNIT),
)
elementwise(
    special.gammainccinv,
    [lambda out, a, p: _level(out, -in_a(a, out) / density(a, out)), lambda out, a, p: -1.0 / density(a, out)],
    singular=True,
    domain=(POSITIVE, _UNIT),
)
