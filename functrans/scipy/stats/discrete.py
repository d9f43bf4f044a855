"""Discrete distributions of ``scipy.stats``: differentiated in their parameters, not in counts.

Cumulative functions without a closed form are sums of probabilities. Source of the zeta function: NIST Digital Library
of Mathematical Functions, 25.11 (Euler and Maclaurin's formula).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from functrans.ops.plain import known
from functrans.scipy.stats.laws import law

xlogy, xlog1py, gammaln, betaln = special.xlogy, special.xlog1py, special.gammaln, special.betaln


def _choose(n: Any, k: Any) -> Any:
    return gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)


def summed(log: Callable[..., Any], first: int) -> Callable[..., Any]:
    """The sum of probabilities from ``first`` to ``k``: the values of ``k`` must be known."""

    def cdf(k: Any, *shapes: Any) -> Any:
        k = np.floor(known(k, "scipy.stats: a cumulative function", "a sum over counts has as many terms as they say"))
        last = int(np.max(k, initial=first)) if np.all(np.isfinite(k)) else first
        counts = np.arange(first, max(last, first) + 1)
        shapes = tuple([np.expand_dims(s, -1) if np.ndim(s) else s for s in shapes])
        terms = np.where(counts <= k[..., None], np.exp(log(counts, *shapes)), 0.0)
        return np.sum(terms, axis=-1)

    return cdf


law(
    "bernoulli",
    lambda k, p: xlogy(k, p) + xlog1py(1.0 - k, -p),
    lambda k, p: np.where(k < 0, 0.0, 1.0 - p),
    lambda k, p: np.where(k < 0, 1.0, p),
    moments={"mean": lambda p: p, "var": lambda p: p * (1.0 - p)},
)
law(
    "binom",
    lambda k, n, p: _choose(n, k) + xlogy(k, p) + xlog1py(n - k, -p),
    lambda k, n, p: special.betaincc(np.floor(k) + 1.0, n - np.floor(k), p),
    lambda k, n, p: special.betainc(np.floor(k) + 1.0, n - np.floor(k), p),
    support=lambda n, p: (0, n),
    fixed=("n",),
    moments={"mean": lambda n, p: n * p, "var": lambda n, p: n * p * (1.0 - p)},
)
law(
    "poisson",
    lambda k, mu: xlogy(k, mu) - gammaln(k + 1.0) - mu,
    lambda k, mu: special.gammaincc(np.floor(k) + 1.0, mu),
    lambda k, mu: special.gammainc(np.floor(k) + 1.0, mu),
    moments={"mean": lambda mu: mu, "var": lambda mu: mu * 1.0},
)
law(
    "geom",
    lambda k, p: xlog1py(k - 1.0, -p) + np.log(p),
    None,
    lambda k, p: np.exp(np.floor(k) * np.log1p(-p)),
    moments={"mean": lambda p: 1.0 / p, "var": lambda p: (1.0 - p) / (p * p)},
)
law(
    "nbinom",
    lambda k, n, p: gammaln(n + k) - gammaln(k + 1.0) - gammaln(n) + xlogy(n, p) + xlog1py(k, -p),
    lambda k, n, p: special.betainc(n, np.floor(k) + 1.0, p),
    lambda k, n, p: special.betaincc(n, np.floor(k) + 1.0, p),
    moments={"mean": lambda n, p: n * (1.0 - p) / p, "var": lambda n, p: n * (1.0 - p) / (p * p)},
)
law(
    "planck",
    lambda k, lambda_: np.log(-np.expm1(-lambda_)) - lambda_ * k,
    None,
    lambda k, lambda_: np.exp(-lambda_ * (np.floor(k) + 1.0)),
)
law(
    "boltzmann",
    lambda k, lambda_, n: np.log(np.expm1(-lambda_) / np.expm1(-lambda_ * n)) - lambda_ * k,
    lambda k, lambda_, n: np.expm1(-lambda_ * (np.floor(k) + 1.0)) / np.expm1(-lambda_ * n),
    fixed=("N",),
    support=lambda lambda_, n: (0, n - 1),
)


def _dlaplace_tail(k: Any, a: Any) -> Any:
    below = np.floor(k) < 0
    return (
        np.where(below, 1.0, -1.0) * np.exp(-a * np.where(below, -np.floor(k) - 1.0, np.floor(k))) / (np.exp(a) + 1.0)
    )


law("dlaplace", lambda k, a: np.log(np.tanh(0.5 * a)) - a * np.abs(k), _dlaplace_tail)


def _betabinom_log(k: Any, n: Any, a: Any, b: Any) -> Any:
    return _choose(n, k) + betaln(k + a, n - k + b) - betaln(a, b)


def _betanbinom_log(k: Any, n: Any, a: Any, b: Any) -> Any:
    return -np.log(n + k) - betaln(n, k + 1.0) + betaln(a + n, b + k) - betaln(a, b)


law(
    "betabinom",
    _betabinom_log,
    summed(_betabinom_log, 0),
    support=lambda n, a, b: (0, n),
    fixed=("n",),
    moments={
        "mean": lambda n, a, b: n * a / (a + b),
        "var": lambda n, a, b: n * a * b * (a + b + n) / (np.square(a + b) * (a + b + 1.0)),
    },
)
law("betanbinom", _betanbinom_log, summed(_betanbinom_log, 0), fixed=("n",))


def _logser_log(k: Any, p: Any) -> Any:
    return k * np.log(p) - np.log(k) - np.log(-np.log1p(-p))


law("logser", _logser_log, summed(_logser_log, 1))
law(
    "yulesimon",
    lambda k, alpha: np.log(alpha) + betaln(k, alpha + 1.0),
    None,
    lambda k, alpha: np.exp(np.log(np.floor(k)) + betaln(np.floor(k), alpha + 1.0)),
)


def _skellam_cdf(k: Any, mu1: Any, mu2: Any) -> Any:
    k = np.floor(k)
    low = k < 0
    left = special.chndtr(2.0 * mu2, -2.0 * np.where(low, k, -1.0), 2.0 * mu1)
    return np.where(low, left, -special.chndtr(2.0 * mu1, 2.0 * (np.where(low, 0.0, k) + 1.0), 2.0 * mu2))


law(
    "skellam",
    lambda k, mu1, mu2: (
        0.5 * k * np.log(mu1 / mu2)
        - np.square(np.sqrt(mu1) - np.sqrt(mu2))
        + np.log(special.ive(np.abs(k), 2.0 * np.sqrt(mu1 * mu2)))
    ),
    _skellam_cdf,
    moments={"mean": lambda mu1, mu2: mu1 - mu2, "var": lambda mu1, mu2: mu1 + mu2},
)

_BERNOULLI = (1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000, 1 / 74724249600)


def _zeta(a: Any, first: Any) -> Any:
    """The sum of ``n**-a`` from ``first`` on."""
    a_ = a[..., None] if np.ndim(a) else a
    near = np.sum(np.exp(-a_ * np.log(np.expand_dims(first, -1) + np.arange(12.0))), axis=-1)
    n = first + 12.0
    size = np.exp(-a * np.log(n))
    total, factor = n / (a - 1.0) + 0.5, a / n
    for j, number in enumerate(_BERNOULLI):
        total = total + number * factor
        factor = factor * (a + 2.0 * j + 1.0) * (a + 2.0 * j + 2.0) / (n * n)
    return near + size * total


law(
    "zipf",
    lambda k, a: -a * np.log(k) - np.log(_zeta(a, 1.0)),
    None,
    lambda k, a: _zeta(a, np.floor(k) + 1.0) / _zeta(a, 1.0),
)
