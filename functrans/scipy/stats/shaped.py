"""Continuous distributions of ``scipy.stats`` with shapes: those around the gamma and the beta function, the powers and
the exponentials of powers, and those of extreme values. SciPy's documentation has each density.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from functrans.scipy.stats.continuous import phi, softplus
from functrans.scipy.stats.laws import law

xlogy, xlog1py, gammaln, betaln = special.xlogy, special.xlog1py, special.gammaln, special.betaln
INFINITY = np.inf

# Around the gamma function.

_GAMMA: dict[str, Any] = {
    "mean": lambda a: a,
    "var": lambda a: 1.0 * a,
    "entropy": lambda a: a + gammaln(a) + (1.0 - a) * special.digamma(a),
}
for _name in ("gamma", "erlang"):
    law(
        _name,
        lambda x, a: xlogy(a - 1.0, x) - x - gammaln(a),
        lambda x, a: special.gammainc(a, x),
        lambda x, a: special.gammaincc(a, x),
        moments=_GAMMA,
    )
law(
    "chi2",
    lambda x, df: xlogy(0.5 * df - 1.0, x) - 0.5 * x - gammaln(0.5 * df) - (0.5 * np.log(2.0)) * df,
    lambda x, df: special.gammainc(0.5 * df, 0.5 * x),
    lambda x, df: special.gammaincc(0.5 * df, 0.5 * x),
    moments={
        "mean": lambda df: df,
        "var": lambda df: 2.0 * df,
        "entropy": lambda df: 0.5 * df + gammaln(0.5 * df) + (1.0 - 0.5 * df) * special.digamma(0.5 * df),
    },
)
law(
    "chi",
    lambda x, df: xlogy(df - 1.0, x) - 0.5 * x * x - (0.5 * np.log(2.0)) * df - gammaln(0.5 * df),
    lambda x, df: special.gammainc(0.5 * df, 0.5 * x * x),
    lambda x, df: special.gammaincc(0.5 * df, 0.5 * x * x),
)
law(
    "invgamma",
    lambda x, a: -(a + 1.0) * np.log(x) - gammaln(a) - 1.0 / x,
    lambda x, a: special.gammaincc(a, 1.0 / x),
    lambda x, a: special.gammainc(a, 1.0 / x),
    moments={"entropy": lambda a: a - (a + 1.0) * special.digamma(a) + gammaln(a)},
)
law(
    "loggamma",
    lambda x, c: c * x - np.exp(x) - gammaln(c),
    lambda x, c: special.gammainc(c, np.exp(x)),
    lambda x, c: special.gammaincc(c, np.exp(x)),
    moments={"mean": special.digamma, "var": lambda c: special.polygamma(1, c)},
)
law(
    "nakagami",
    lambda x, nu: xlogy(nu, nu) - gammaln(nu) + xlogy(2.0 * nu - 1.0, x) - nu * x * x,
    lambda x, nu: special.gammainc(nu, nu * x * x),
    lambda x, nu: special.gammaincc(nu, nu * x * x),
)


def _dgamma_cdf(x: Any, a: Any) -> Any:
    tail = 0.5 * special.gammaincc(a, np.abs(x))
    return np.where(x > 0, -tail, tail)


law(
    "dgamma",
    lambda x, a: xlogy(a - 1.0, np.abs(x)) - np.abs(x) - gammaln(a),
    _dgamma_cdf,
    density=lambda x, a: np.abs(x) ** (a - 1.0) * np.exp(-np.abs(x) - gammaln(a)) * 0.5,
)


def _gennorm_cdf(x: Any, beta: Any) -> Any:
    tail = 0.5 * special.gammaincc(1.0 / beta, np.abs(x) ** beta)
    return np.where(x > 0, -tail, tail)


law(
    "gennorm",
    lambda x, beta: np.log(beta) - gammaln(1.0 / beta) - np.abs(x) ** beta,
    _gennorm_cdf,
    moments={
        "entropy": lambda beta: 1.0 / beta - np.log(beta) + gammaln(1.0 / beta),
        "var": lambda beta: np.exp(gammaln(3.0 / beta) - gammaln(1.0 / beta)),
    },
)
law(
    "halfgennorm",
    lambda x, beta: np.log(beta) - gammaln(1.0 / beta) - x**beta,
    lambda x, beta: special.gammainc(1.0 / beta, x**beta),
    lambda x, beta: special.gammaincc(1.0 / beta, x**beta),
)


def _gengamma_cdf(x: Any, a: Any, c: Any) -> Any:
    return np.where(c > 0, special.gammainc(a, x**c), special.gammaincc(a, x**c))


def _gengamma_sf(x: Any, a: Any, c: Any) -> Any:
    return np.where(c > 0, special.gammaincc(a, x**c), special.gammainc(a, x**c))


law(
    "gengamma",
    lambda x, a, c: np.log(np.abs(c)) + xlogy(c * a - 1.0, x) - x**c - gammaln(a),
    _gengamma_cdf,
    _gengamma_sf,
)


def _pearson_parts(x: Any, skew: Any) -> tuple[Any, Any, Any]:
    beta = 2.0 / skew
    return beta, beta * beta, beta * (x + beta)


def _pearson_log(x: Any, skew: Any) -> Any:
    beta, alpha, there = _pearson_parts(x, skew)
    return np.log(np.abs(beta)) + xlogy(alpha - 1.0, there) - there - gammaln(alpha)


def _pearson_cdf(x: Any, skew: Any) -> Any:
    _, alpha, there = _pearson_parts(x, skew)
    return np.where(skew > 0, special.gammainc(alpha, there), special.gammaincc(alpha, there))


law(
    "pearson3",
    _pearson_log,
    _pearson_cdf,
    support=lambda skew: (np.where(skew > 0, -2.0 / skew, -INFINITY), np.where(skew < 0, -2.0 / skew, INFINITY)),
)

# Around the beta function.

law(
    "beta",
    lambda x, a, b: xlogy(a - 1.0, x) + xlog1py(b - 1.0, -x) - betaln(a, b),
    lambda x, a, b: special.betainc(a, b, x),
    lambda x, a, b: special.betaincc(a, b, x),
    moments={
        "mean": lambda a, b: a / (a + b),
        "var": lambda a, b: a * b / (np.square(a + b) * (a + b + 1.0)),
        "entropy": lambda a, b: (
            betaln(a, b)
            - (a - 1.0) * special.digamma(a)
            - (b - 1.0) * special.digamma(b)
            + (a + b - 2.0) * special.digamma(a + b)
        ),
    },
)
law(
    "betaprime",
    lambda x, a, b: xlogy(a - 1.0, x) - xlog1py(a + b, x) - betaln(a, b),
    lambda x, a, b: special.betainc(a, b, x / (1.0 + x)),
    lambda x, a, b: special.betainc(b, a, 1.0 / (1.0 + x)),
)
law(
    "f",
    lambda x, m, n: (
        0.5 * m * np.log(m)
        + 0.5 * n * np.log(n)
        + xlogy(0.5 * m - 1.0, x)
        - 0.5 * (m + n) * np.log(n + m * x)
        - betaln(0.5 * m, 0.5 * n)
    ),
    lambda x, m, n: special.betainc(0.5 * m, 0.5 * n, m * x / (n + m * x)),
    lambda x, m, n: special.betainc(0.5 * n, 0.5 * m, n / (n + m * x)),
)
law(
    "t",
    lambda x, df: -0.5 * (df + 1.0) * np.log1p(x * x / df) - 0.5 * np.log(df) - betaln(0.5, 0.5 * df),
    lambda x, df: special.stdtr(df, x),
    lambda x, df: special.stdtr(df, -x),
    moments={
        "mean": lambda df: 0.0 * df,
        "var": lambda df: df / (df - 2.0),
        "entropy": lambda df: (
            0.5 * (df + 1.0) * (special.digamma(0.5 * (df + 1.0)) - special.digamma(0.5 * df))
            + 0.5 * np.log(df)
            + betaln(0.5 * df, 0.5)
        ),
    },
)
law(
    "rdist",
    lambda x, c: (0.5 * c - 1.0) * np.log1p(-x * x) - betaln(0.5, 0.5 * c),
    lambda x, c: special.betainc(0.5 * c, 0.5 * c, 0.5 * (x + 1.0)),
)

# Bessel functions. The order of one is not differentiated in.

law(
    "ncx2",
    lambda x, df, nc: (
        0.5 * (0.5 * df - 1.0) * np.log(x / nc)
        - 0.5 * np.square(np.sqrt(x) - np.sqrt(nc))
        + np.log(special.ive(0.5 * df - 1.0, np.sqrt(x * nc)))
    ),
    special.chndtr,
    fixed=("df",),
    moments={"mean": lambda df, nc: df + nc, "var": lambda df, nc: 2.0 * (df + 2.0 * nc)},
)
law(
    "rice",
    lambda x, b: np.log(x) - 0.5 * np.square(x - b) + np.log(special.i0e(x * b)),
    lambda x, b: special.chndtr(x * x, 2.0, b * b),
)

# Powers.

law(
    "pareto",
    lambda x, b: np.log(b) - (b + 1.0) * np.log(x),
    None,
    lambda x, b: x**-b,
    moments={
        "entropy": lambda b: 1.0 + 1.0 / b - np.log(b),
        "mean": lambda b: b / (b - 1.0),
        "var": lambda b: b / (b - 2.0) / np.square(b - 1.0),
    },
    logs=(None, lambda x, b: -b * np.log(x)),
)
law(
    "lomax",
    lambda x, c: np.log(c) - (c + 1.0) * np.log1p(x),
    None,
    lambda x, c: np.exp(-c * np.log1p(x)),
    logs=(None, lambda x, c: -c * np.log1p(x)),
)
law(
    "burr",
    lambda x, c, d: np.log(c) + np.log(d) - (c + 1.0) * np.log(x) - (d + 1.0) * softplus(-c * np.log(x)),
    lambda x, c, d: np.exp(-d * softplus(-c * np.log(x))),
)
law(
    "burr12",
    lambda x, c, d: np.log(c) + np.log(d) + xlogy(c - 1.0, x) - (d + 1.0) * softplus(c * np.log(x)),
    None,
    lambda x, c, d: np.exp(-d * softplus(c * np.log(x))),
    logs=(None, lambda x, c, d: -d * softplus(c * np.log(x))),
)
law(
    "mielke",
    lambda x, k, s: np.log(k) + xlogy(k - 1.0, x) - (1.0 + k / s) * softplus(s * np.log(x)),
    lambda x, k, s: np.exp(k * np.log(x) - k / s * softplus(s * np.log(x))),
)
law(
    "fisk",
    lambda x, c: np.log(c) - (c + 1.0) * np.log(x) - 2.0 * softplus(-c * np.log(x)),
    lambda x, c: special.expit(c * np.log(x)),
    lambda x, c: special.expit(-c * np.log(x)),
)
law(
    "loglaplace",
    lambda x, c: np.log(c) + np.where(x < 1, c - 1.0, -c - 1.0) * np.log(x),
    lambda x, c: np.where(x < 1, 0.5, -0.5) * np.exp(-c * np.abs(np.log(x))),
)

# Exponentials of powers.

law(
    "weibull_min",
    lambda x, c: np.log(c) + xlogy(c - 1.0, x) - x**c,
    None,
    lambda x, c: np.exp(-(x**c)),
    moments={
        "mean": lambda c: special.gamma(1.0 + 1.0 / c),
        "entropy": lambda c: -np.euler_gamma / c - np.log(c),
        "var": lambda c: special.gamma(1.0 + 2.0 / c) - np.square(special.gamma(1.0 + 1.0 / c)),
    },
    logs=(None, lambda x, c: -(x**c)),
)
law(
    "weibull_max",
    lambda x, c: np.log(c) + xlogy(c - 1.0, -x) - (-x) ** c,
    lambda x, c: np.exp(-((-x) ** c)),
    logs=(lambda x, c: -((-x) ** c), None),
)
law(
    "invweibull",
    lambda x, c: np.log(c) - (c + 1.0) * np.log(x) - x**-c,
    lambda x, c: np.exp(-(x**-c)),
    logs=(lambda x, c: -(x**-c), None),
)
law(
    "exponweib",
    lambda x, a, c: np.log(a) + np.log(c) + xlogy(a - 1.0, -np.expm1(-(x**c))) - x**c + xlogy(c - 1.0, x),
    lambda x, a, c: (-np.expm1(-(x**c))) ** a,
)
law(
    "dweibull",
    lambda x, c: np.log(c) + xlogy(c - 1.0, np.abs(x)) - np.abs(x) ** c,
    lambda x, c: np.where(x > 0, -0.5, 0.5) * np.exp(-(np.abs(x) ** c)),
    density=lambda x, c: 0.5 * c * np.abs(x) ** (c - 1.0) * np.exp(-(np.abs(x) ** c)),
)
law(
    "exponpow",
    lambda x, b: 1.0 + np.log(b) + xlogy(b - 1.0, x) + x**b - np.exp(x**b),
    None,
    lambda x, b: np.exp(-np.expm1(x**b)),
)
law(
    "gompertz",
    lambda x, c: np.log(c) + x - c * np.expm1(x),
    None,
    lambda x, c: np.exp(-c * np.expm1(x)),
    logs=(None, lambda x, c: -c * np.expm1(x)),
)

# Extreme values. `log1p(t) / t` is smooth at zero, as one over `exprel(log1p(t))`.


def _shrunk(x: Any, c: Any) -> Any:
    """``log(1 + c x) / c``, which is ``x`` where ``c`` is zero."""
    return x / special.exprel(np.log1p(c * x))


law(
    "genpareto",
    lambda x, c: -_shrunk(x, c) - np.log1p(c * x),
    None,
    lambda x, c: np.exp(-_shrunk(x, c)),
    support=lambda c: (0.0, np.where(c < 0, -1.0 / c, INFINITY)),
    moments={"entropy": lambda c: 1.0 + c},
    logs=(None, lambda x, c: -_shrunk(x, c)),
)
law(
    "genextreme",
    lambda x, c: -np.exp(_shrunk(-x, c)) + _shrunk(-x, c) - np.log1p(-c * x),
    lambda x, c: np.exp(-np.exp(_shrunk(-x, c))),
    lambda x, c: -np.expm1(-np.exp(_shrunk(-x, c))),
    support=lambda c: (np.where(c < 0, 1.0 / c, -INFINITY), np.where(c > 0, 1.0 / c, INFINITY)),
    logs=(lambda x, c: -np.exp(_shrunk(-x, c)), None),
)


def _kappa(x: Any, h: Any, k: Any) -> tuple[Any, Any, Any]:
    shrunk = _shrunk(-x, k)
    size = np.exp(shrunk)
    return shrunk, size, np.log1p(-h * size)


def _kappa_log(x: Any, h: Any, k: Any) -> Any:
    shrunk, size, rest = _kappa(x, h, k)
    return shrunk - np.log1p(-k * x) - size / special.exprel(rest) - rest


def _kappa_cdf(x: Any, h: Any, k: Any) -> Any:
    _, size, rest = _kappa(x, h, k)
    return np.exp(-size / special.exprel(rest))


def _kappa_support(h: Any, k: Any) -> tuple[Any, Any]:
    lowest = _shrunk_inverse(h, k)
    low = np.where(h > 0, lowest, np.where(k < 0, 1.0 / np.where(k == 0, 1.0, k), -INFINITY))
    return low, np.where(k > 0, 1.0 / np.where(k == 0, 1.0, k), INFINITY)


def _shrunk_inverse(h: Any, k: Any) -> Any:
    """``(1 - h**-k) / k``."""
    log = np.log(np.where(h > 0, h, 1.0))
    return log * special.exprel(-k * log)


law("kappa4", _kappa_log, _kappa_cdf, support=_kappa_support)

del _name
__all__ = ["phi"]
