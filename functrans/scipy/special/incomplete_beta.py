"""The incomplete beta function, differentiated in all three arguments, its complement, and their inverses.

As for the incomplete gamma function, all derivatives are one family: those in the parameters alone are integrals of
the density's derivatives over the side of ``x`` on which nothing cancels, the others are derivatives of the density.

Source: NIST Digital Library of Mathematical Functions, 8.17 and 5.12.
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
    digamma_rise,
    gauss_legendre,
    product_derivatives,
    result_dtype,
    stirling_rest,
)
from functrans.scipy.special.gamma_family import digamma_difference, inverse_power_difference, polygamma_reflected
from functrans.scipy.special.ladder import both_tails
from functrans.tracing.bind import bind

_UNIT = (0.0, 1.0)


def betainc_derivative(a, b, x, orders):  # type: ignore[no-untyped-def]
    """The derivative of ``scipy.special.betainc(a, b, x)``, ``orders`` times in ``a``, in ``b`` and in ``x``."""
    dtype = result_dtype(scipy.special.betainc, a, b, x)
    a, b, x = np.broadcast_arrays(*[np.asarray(value, np.float64) for value in (a, b, x)])
    shape, a, b, x = a.shape, a.ravel(), b.ravel(), x.ravel()
    out = np.full(a.shape, np.nan)
    fine = (a > 0) & (b > 0) & np.isfinite(a) & np.isfinite(b)
    with np.errstate(all="ignore"):
        if orders[2] and not (orders[0] or orders[1]):
            out[((a == 0) ^ (b == 0)) & (a >= 0) & (b >= 0) & (x >= 0) & (x <= 1)] = 0.0  # a step: no density
        for end in (0.0, 1.0):
            there = fine & (x == end)
            out[there] = betainc_at_end(a[there], b[there], end, *orders)
        inside = np.flatnonzero(fine & (x > 0) & (x < 1))
        for start in range(0, inside.size, 2048):  # so much memory and no more
            chosen = inside[start : start + 2048]
            here = a[chosen], b[chosen], x[chosen], 1.0 - x[chosen]
            out[chosen] = betainc_density(*here, *orders) if orders[2] else betainc_integral(*here, *orders[:2])
        return out.reshape(shape).astype(dtype)[()]


def betainc_at_end(a, b, end, m, n, k):  # type: ignore[no-untyped-def]
    """The derivatives where ``x`` is 0 or 1: there the density is like ``x**(a - 1)`` or ``(1 - x)**(b - 1)``."""
    if k == 0:
        return np.zeros_like(a)
    if end:  # seen from the other side
        return (-1.0) ** (k - 1) * betainc_at_end(b, a, 0.0, n, m, k)
    whole = a == np.floor(a)
    if m or n:
        return np.where(a > k, 0.0, np.where(whole | (m == 0), np.nan, (-1.0) ** m * np.inf))
    left = np.where(whole & (a <= k), k - a, 0.0)  # so often is the other factor differentiated
    factor = scipy.special.binom(k - 1, a - 1) * (-1.0) ** left * scipy.special.poch(b - left, left)
    value = factor * np.exp(scipy.special.gammaln(a + b) - scipy.special.gammaln(b))
    return np.where(a > k, 0.0, np.where(whole, value, scipy.special.gammasgn(a - k + 1.0) * np.inf))


def beta_power(a, b, x, y):  # type: ignore[no-untyped-def]
    """``x**a y**b gamma(a + b) / (gamma(a + 1) gamma(b + 1))``, where ``y = 1 - x``."""
    total = a + b
    small = total < 20.0
    c, d = np.where(small, a, 1.0), np.where(small, b, 1.0)
    direct = scipy.special.gamma(c + d) * scipy.special.rgamma(c + 1.0) * scipy.special.rgamma(d + 1.0)
    c, d = np.where(small, 10.0, a), np.where(small, 10.0, b)
    sum_ = c + d
    far = deviance(c, sum_ * x) + deviance(d, sum_ * y)
    rest = stirling_rest(sum_) - stirling_rest(c) - stirling_rest(d)
    return np.where(small, direct * x**a * y**b, np.exp(rest - far) / np.sqrt(2.0 * np.pi * c * d * sum_))


def beta_logs(a, b, more, m, n):  # type: ignore[no-untyped-def]
    """The derivatives of ``log(gamma(a + b + more) / (gamma(a + 1) gamma(b + 1)))``, but for the first ones."""
    logs = {}
    for i in range(m + 1):
        for j in range(n + 1):
            if i + j > 1:
                if j == 0:
                    logs[i, j] = digamma_difference(a + 1.0, b + (more - 1.0), i - 1)
                elif i == 0:
                    logs[i, j] = digamma_difference(b + 1.0, a + (more - 1.0), j - 1)
                else:
                    logs[i, j] = scipy.special.polygamma(i + j - 1, a + b + more)
    return logs


def betainc_density(a, b, x, y, m, n, k):  # type: ignore[no-untyped-def]
    """The derivatives between 0 and 1: the density's, each of which in ``x`` comes of the two before."""
    log_x = np.where(x < 0.5, np.log(x), np.log1p(-y))
    log_y = np.where(y < 0.5, np.log(y), np.log1p(-x))
    logs = beta_logs(a, b, 0.0, m, n)
    rises = digamma_rise(a + 1.0, b), digamma_rise(b + 1.0, a)
    logs[1, 0], logs[0, 1] = log_x + (rises[0] - 1.0 / (a + b)), log_y + (rises[1] - 1.0 / (a + b))
    over = product_derivatives(logs, m, n)
    scale = beta_power(a, b, x, y) / (x * y)
    before, now = {}, {}
    for i in range(m + 1):
        for j in range(n + 1):
            now[i, j] = a * b * over[i, j]
            if i:
                now[i, j] = now[i, j] + i * b * over[i - 1, j]
            if j:
                now[i, j] = now[i, j] + j * a * over[i, j - 1]
            if i and j:
                now[i, j] = now[i, j] + i * j * over[i - 1, j - 1]
            now[i, j] = scale * now[i, j]
            before[i, j] = 0.0
    for s in range(k - 1):
        after = {}
        for (i, j), value in now.items():
            total = ((a - 1.0 - s) * y - (b - 1.0 - s) * x) * value - s * (a + b - 1.0 - s) * before[i, j]
            if i:
                total = total + i * (y * now[i - 1, j] - s * before[i - 1, j])
            if j:
                total = total - j * (x * now[i, j - 1] + s * before[i, j - 1])
            after[i, j] = total / (x * y)
        before, now = now, after
    return now[m, n]


def betainc_integral(a, b, x, y, m, n):  # type: ignore[no-untyped-def]
    """The derivatives in the parameters alone, over the side of ``x`` on which the first ones have one sign."""
    if m and n:
        edge = a / (a + b)
    elif m:  # between two bounds, as near to the middle as they allow
        bound = np.exp(scipy.special.digamma(a) - scipy.special.digamma(a + b))
        edge = np.clip(0.5, bound, bound * np.exp(1.0 / a))
    else:
        bound = np.exp(scipy.special.digamma(b) - scipy.special.digamma(a + b))
        edge = 1.0 - np.clip(0.5, bound, bound * np.exp(1.0 / b))
    low = x < edge
    out = np.empty_like(x)
    out[low] = betainc_lower(a[low], b[low], x[low], y[low], m, n)
    high = ~low
    out[high] = -betainc_lower(b[high], a[high], y[high], x[high], n, m)
    return out


def betainc_lower(a, b, x, y, m, n):  # type: ignore[no-untyped-def]
    """The derivatives by the integral from 0 to ``x``, after an integration by parts, which has raised ``a`` by one.

    The variable is ``s``, the fall of the logit from that of ``x``; the integrand is ``exp(-h(s))`` times a polynomial
    of logarithms, where ``h`` is convex.
    """
    if not x.size:
        return x
    power = beta_power(a, b, x, y)
    log_x = np.where(x < 0.5, np.log(x), np.log1p(-y))
    log_y = np.where(y < 0.5, np.log(y), np.log1p(-x))
    logs = beta_logs(a, b, 0.0, m, n)
    rises = digamma_rise(a + 1.0, b), digamma_rise(b + 1.0, a)
    logs[1, 0], logs[0, 1] = log_x + (rises[0] - 1.0 / (a + b)), log_y + (rises[1] - 1.0 / (a + b))
    over = product_derivatives(logs, m, n)
    first = b * over[m, n] + (n * over[m, n - 1] if n else 0.0)
    # Where the integrand is exp(-40) of what it is at first: Newton's method from beyond.
    c, total = a + 1.0, a + b + 1.0
    reach = (40.0 - total * log_y) / c
    for _ in range(8):
        fallen = x * np.exp(-reach)
        excess = c * reach + total * np.log(y + fallen) - 40.0
        reach = reach - excess / (c - total * fallen / (y + fallen))
    # Nothing changes fast but near the place of t = 1/2, from where points are spread exponentially to both sides.
    middle = np.where(reach > 4.0, np.clip(np.log(x / y), 0.0, reach), 0.0)
    logs = beta_logs(a, b, 1.0, m, n)
    where = [c, b, total, x, y, log_x, log_y, *rises]
    out = betainc_panel(middle, reach - middle, where, logs, m, n)
    split = middle > 0
    if np.any(split):
        where = [value[split] for value in where]
        logs = {key: value[split] for key, value in logs.items()}
        out[split] += betainc_panel(middle[split], -middle[split], where, logs, m, n)
    return power * (first + (a + b) * x * out)


def betainc_panel(start, length, where, logs, m, n):  # type: ignore[no-untyped-def]
    """The integral over ``s`` from ``start`` on, as far as ``length``, which may be negative."""
    points, weights = gauss_legendre()
    scale = np.log1p(np.abs(length) / 4.0)[:, None]
    step = np.expm1(scale * points)
    s = start[:, None] + np.sign(length)[:, None] * 4.0 * step
    c, b, total, x, y, log_x, log_y, rise_a, rise_b = [value[:, None] for value in where]
    left = np.exp(-s) * x
    rest = y + left
    log_rest = np.where(rest > 0.5, np.log1p(x * np.expm1(-s)), np.log(rest))
    decay = np.exp(-(c * s + total * log_rest)) * (1.0 + step)
    logs = {key: value[:, None] for key, value in logs.items()}
    if m:
        log_t = np.where(left < y, log_x - s - log_rest, np.log1p(-y / rest))
        logs[1, 0] = log_t + rise_a
    if n:
        log_t = np.where(left < y, np.log1p(-left / rest), log_y - log_rest)
        logs[0, 1] = log_t + rise_b
    over = product_derivatives(logs, m, n)
    value = b * over[m, n] + (n * over[m, n - 1] if n else 0.0)
    return 4.0 * scale[:, 0] * (decay * value @ weights)


def _next(axis: int) -> Any:
    def rule(t: Any, out: Any, *operands: Any, orders: tuple[int, int, int]) -> Any:
        raised = (*orders[:axis], orders[axis] + 1, *orders[axis + 1 :])
        with np.errstate(all="ignore"):
            return absorb(t, bind(betainc_derivative_p, *operands, orders=raised))

    return rule


_rules = [_next(0), _next(1), _next(2)]
betainc_derivative_p = Primitive(
    "scipy.special.betainc_derivative",
    betainc_derivative,
    lambda a, b, x, orders: ufunc_spec(special.betainc)(a, b, x),
    Rules(_rules, _rules),
    source=lambda args, params: call_source("betainc_derivative", args, params),
    helpers={
        helper.__name__: helper
        for helper in (
            betainc_derivative,
            betainc_at_end,
            beta_power,
            beta_logs,
            betainc_density,
            betainc_integral,
            betainc_lower,
            betainc_panel,
            result_dtype,
            deviance,
            stirling_rest,
            digamma_rise,
            digamma_difference,
            inverse_power_difference,
            polygamma_reflected,
            gauss_legendre,
            product_derivatives,
        )
    },
    batch=batching.elementwise,
)


def in_a(a: Any, b: Any, x: Any) -> Any:
    """The derivative of ``betainc(a, b, x)`` in ``a``."""
    return bind(betainc_derivative_p, a, b, x, orders=(1, 0, 0))


def in_b(a: Any, b: Any, x: Any) -> Any:
    """The derivative of ``betainc(a, b, x)`` in ``b``."""
    return bind(betainc_derivative_p, a, b, x, orders=(0, 1, 0))


def density(a: Any, b: Any, x: Any) -> Any:
    """``x**(a - 1) (1 - x)**(b - 1) / beta(a, b)``, the derivative of ``betainc(a, b, x)`` in ``x``."""
    return bind(betainc_derivative_p, a, b, x, orders=(0, 0, 1))


def _level(out: Any, slope: Any) -> Any:
    return np.where((out == 0) | (out == 1), 0.0, slope)  # at both ends the inverse function stays


_POSITIVE_AND_UNIT = (POSITIVE, POSITIVE, _UNIT)
both_tails(
    special.betainc,
    special.betaincc,
    [lambda out, a, b, x: in_a(a, b, x), lambda out, a, b, x: in_b(a, b, x), lambda out, a, b, x: density(a, b, x)],
    _POSITIVE_AND_UNIT,
)
elementwise(
    special.betaincinv,
    [
        lambda out, a, b, p: _level(out, -in_a(a, b, out) / density(a, b, out)),
        lambda out, a, b, p: _level(out, -in_b(a, b, out) / density(a, b, out)),
        lambda out, a, b, p: 1.0 / density(a, b, out),
    ],
    singular=True,
    domain=_POSITIVE_AND_UNIT,
)
elementwise(
    special.betainccinv,
    [
        lambda out, a, b, p: _level(out, -in_a(a, b, out) / density(a, b, out)),
        lambda out, a, b, p: _level(out, -in_b(a, b, out) / density(a, b, out)),
        lambda out, a, b, p: -1.0 / density(a, b, out),
    ],
    singular=True,
    domain=_POSITIVE_AND_UNIT,
)
