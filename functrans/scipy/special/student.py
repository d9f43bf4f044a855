"""Student's t distribution, with derivatives in the degrees of freedom too, and its inverse function.

Its derivatives are one family, as those of the incomplete gamma function are: in the degrees of freedom ``v`` alone,
integrals over the middle, or over the tail. Where the density's slope in ``v`` is positive, it is so all the way to the
middle, else all the way out.

Source: NIST Digital Library of Mathematical Functions, 5.11 and 8.17.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special
from scipy import special

from functrans.ops import batching
from functrans.ops.duals import absorb
from functrans.ops.family import elementwise, ufunc_spec
from functrans.primitives import POSITIVE, REAL, Primitive, Rules, call_source
from functrans.scipy.special.density_parts import (
    digamma_rise,
    gauss_legendre,
    product_derivatives,
    result_dtype,
    stirling_rest,
)
from functrans.scipy.special.distributions import solved
from functrans.scipy.special.gamma_family import digamma_difference, inverse_power_difference, polygamma_reflected
from functrans.tracing.bind import bind


def stdtr_derivative(v, t, orders):  # type: ignore[no-untyped-def]
    """The derivative of ``scipy.special.stdtr(v, t)``, ``orders`` times in ``v`` and in ``t``."""
    m, k = orders
    dtype = result_dtype(scipy.special.stdtr, v, t)
    v, t = np.broadcast_arrays(np.asarray(v, float), np.asarray(t, float))
    shape, v, t = v.shape, v.ravel(), t.ravel()
    out = np.full(v.shape, np.nan)
    with np.errstate(all="ignore"):
        out[(v > 0) & ~np.isnan(t) & (np.isinf(t) | (np.isinf(v) & (m > 0)))] = 0.0
        inside = np.flatnonzero((v > 0) & np.isfinite(t) & (np.isfinite(v) | (m == 0)))
        for start in range(0, inside.size, 2048):  # so much memory and no more
            chosen = inside[start : start + 2048]
            here = v[chosen], t[chosen], m
            out[chosen] = student_slopes(*here, k) if k else np.sign(here[1]) * student_integral(*here)
        return out.reshape(shape).astype(dtype)[()]


def student_scale(v):  # type: ignore[no-untyped-def]
    """The density of Student's t distribution at 0."""
    small = v < 30.0
    few = np.where(small, v, 30.0)
    direct = 1.0 / (np.sqrt(few) * scipy.special.beta(0.5, 0.5 * few))
    b = 0.5 * np.where(small | np.isinf(v), 30.0, v)
    many = np.exp(b * np.log1p(0.5 / b) - 0.5 + stirling_rest(b + 0.5) - stirling_rest(b))
    return np.where(small, direct, 0.3989422804014327 * np.where(np.isinf(v), 1.0, many))


def student_logs(v, w, m):  # type: ignore[no-untyped-def]
    """The derivatives in ``v`` of the logarithm of the density at the root of ``w``, up to order ``m``."""
    r, s = w / v, v + w
    near = r < 0.1  # r / (1 + r) - log1p(r), by its series in q = r / (2 + r)
    q = np.where(near, r / (2.0 + r), 0.0)
    series = np.zeros_like(q)
    for k in range(17, 1, -2):
        series = series * q * q + 1.0 / k
    gap = np.where(near, -r * r / ((1.0 + r) * (2.0 + r)) - 2.0 * q**3 * series, r / (1.0 + r) - np.log1p(r))
    logs = {(1,): 0.5 * ((digamma_rise(0.5 * v, np.full_like(v, 0.5)) - 1.0 / v) + gap + w / (v * s))}
    for j in range(2, m + 1):
        rise = digamma_difference(0.5 * v, 0.5, j - 1)
        sign, factorial = (-1.0) ** j, scipy.special.gamma(j - 1.0)
        powers = v ** (1.0 - j) - s ** (1.0 - j) + (j - 1.0) * (1.0 - w) * s ** (-float(j))
        logs[j,] = 0.5**j * rise + 0.5 * sign * factorial * powers
    return logs


def student_slopes(v, t, m, k):  # type: ignore[no-untyped-def]
    """The derivatives of the density: each in ``t`` comes of the two before."""
    inverse = 1.0 / v
    r = t * t * inverse
    finite = np.where(np.isinf(v), 1.0, v)
    power = np.where(np.isinf(v), 0.5 * t * t, 0.5 * (finite + 1.0) * np.log1p(r))
    density = student_scale(v) * np.exp(-power)
    over = product_derivatives(student_logs(v, t * t, m) if m else {}, m)
    before: list = [0.0] * (m + 1)
    now: list = [np.where(density == 0, 0.0, density * over[i,]) for i in range(m + 1)]
    for j in range(k - 1):
        after: list = []
        for i in range(m + 1):
            total = (1.0 + (1 + 2 * j) * inverse) * (t * now[i]) + j * (1.0 + j * inverse) * before[i]
            if i:
                total = total + i * inverse * (after[i - 1] + t * now[i - 1] + j * before[i - 1])
            after.append(-total / (1.0 + r))
        before, now = now, after
    return np.where(density == 0, 0.0, now[m])


def student_integral(v, t, m):  # type: ignore[no-untyped-def]
    """The derivatives in ``v`` of the integral of the density from 0 to the size of ``t``."""
    points, weights = gauss_legendre()
    v, t = v[:, None], np.abs(t)[:, None]
    out = np.zeros_like(t)
    middle = (student_logs(v, t * t, 1)[1,] >= 0)[:, 0]
    for side in (middle, ~middle):
        if not np.any(side):
            continue
        b, x = v[side], t[side]
        if side is middle:  # points are spread exponentially from where they come from
            scale = np.log1p(x / np.sqrt(b))
            step = np.expm1(scale * points)
            at = np.sqrt(b) * step
            length = np.sqrt(b) * scale * (1.0 + step)
            density = np.exp(-0.5 * (b + 1.0) * np.log1p(at * at / b))
            sign, first = 1.0, 1.0
        else:  # at exp(s) x, up to where the integrand is exp(-40) of what it is at first
            share = x * x / (b + x * x)
            reach = (80.0 - (b + 1.0) * np.log(share)) / b
            for _ in range(8):
                grown = share * np.exp(2.0 * reach)
                excess = 0.5 * (b + 1.0) * np.log(1.0 - share + grown) - reach - 40.0
                reach = reach - excess / ((b + 1.0) * grown / (1.0 - share + grown) - 1.0)
            scale = np.log1p(reach / 4.0)
            step = np.expm1(scale * points)
            s = 4.0 * step
            at = x * np.exp(s)
            length = 4.0 * scale * (1.0 + step)
            density = x * np.exp(s - 0.5 * (b + 1.0) * np.log1p(share * np.expm1(2.0 * s)))
            sign, first = -1.0, np.exp(-0.5 * (b + 1.0) * np.log1p(x * x / b))
        b = np.broadcast_to(b, at.shape)
        over = product_derivatives(student_logs_at_points(b, at * at, m), m)[m,]
        out[side] = sign * first * student_scale(v[side]) * (density * length * over @ weights)[:, None]
    return out[:, 0]


def student_logs_at_points(v, w, m):  # type: ignore[no-untyped-def]
    """:func:`student_logs` where rows share ``v``: what depends on that alone is computed once a row."""
    once = student_logs(v[:, :1], np.zeros_like(v[:, :1]), m)
    r, s = w / v, v + w
    near = r < 0.1
    q = np.where(near, r / (2.0 + r), 0.0)
    series = np.zeros_like(q)
    for k in range(17, 1, -2):
        series = series * q * q + 1.0 / k
    gap = np.where(near, -r * r / ((1.0 + r) * (2.0 + r)) - 2.0 * q**3 * series, r / (1.0 + r) - np.log1p(r))
    logs = {(1,): once[1,] + 0.5 * (gap + w / (v * s))}
    for j in range(2, m + 1):
        powers = v ** (1.0 - j) - s ** (1.0 - j) + (j - 1.0) * ((1.0 - w) * s ** (-float(j)) - v ** (-float(j)))
        logs[j,] = once[j,] + 0.5 * (-1.0) ** j * scipy.special.gamma(j - 1.0) * powers
    return logs


def _next(axis: int) -> Any:
    def rule(s: Any, out: Any, v: Any, t: Any, *, orders: tuple[int, int]) -> Any:
        raised = (orders[0] + (axis == 0), orders[1] + (axis == 1))
        return absorb(s, bind(stdtr_derivative_p, v, t, orders=raised))

    return rule


_rules = [_next(0), _next(1)]
stdtr_derivative_p = Primitive(
    "scipy.special.stdtr_derivative",
    stdtr_derivative,
    lambda v, t, orders: ufunc_spec(special.stdtr)(v, t),
    Rules(_rules, _rules),
    source=lambda args, params: call_source("stdtr_derivative", args, params),
    helpers={
        helper.__name__: helper
        for helper in (
            stdtr_derivative,
            student_scale,
            student_logs,
            student_slopes,
            student_integral,
            student_logs_at_points,
            result_dtype,
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


def _in_freedom(v: Any, t: Any) -> Any:
    return bind(stdtr_derivative_p, v, t, orders=(1, 0))


def _density(v: Any, t: Any) -> Any:
    return bind(stdtr_derivative_p, v, t, orders=(0, 1))


elementwise(
    special.stdtr,
    [lambda out, v, t: _in_freedom(v, t), lambda out, v, t: _density(v, t)],
    singular=True,
    domain=(POSITIVE, REAL),
)
solved(
    "stdtrit",
    lambda out, v, p: _density(v, out),
    [lambda out, v, p: _in_freedom(v, out), 1.0],
    (POSITIVE, (0.0, 1.0)),
    lambda out, found: np.where(np.abs(out) == np.inf, -out, found),
)
