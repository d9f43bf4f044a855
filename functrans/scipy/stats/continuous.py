"""Continuous distributions of ``scipy.stats``: the normal one and its kin, those of location and scale alone, and those
of a bounded interval. SciPy's documentation has each density.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from scipy import special

from functrans.scipy.stats.laws import law
from functrans.scipy.stats.univariate import call

PI = np.pi


def phi(x: Any) -> Any:
    """The logarithm of the normal density, but for a constant."""
    return -0.5 * (x * x)


def softplus(x: Any) -> Any:
    """``log(1 + exp(x))``."""
    return -special.log_expit(-x)


# The normal distribution, and functions of normal variables.

law("norm", phi, logs=(special.log_ndtr, lambda x: special.log_ndtr(-x)))
law("halfnorm", phi, logs=(None, lambda x: special.log_ndtr(-x)))
law(
    "lognorm",
    lambda x, s: phi(np.log(x) / s) - np.log(x) - np.log(s),
    lambda x, s: special.ndtr(np.log(x) / s),
    lambda x, s: special.ndtr(-np.log(x) / s),
    moments={
        "mean": lambda s: np.exp(0.5 * s * s),
        "var": lambda s: np.exp(s * s) * np.expm1(s * s),
        "entropy": np.log,
    },
    logs=(lambda x, s: special.log_ndtr(np.log(x) / s), lambda x, s: special.log_ndtr(-np.log(x) / s)),
)
law(
    "gibrat",
    lambda x: phi(np.log(x)) - np.log(x),
    logs=(lambda x: special.log_ndtr(np.log(x)), lambda x: special.log_ndtr(-np.log(x))),
)


def _log_mass(a: Any, b: Any) -> Any:
    """The logarithm of the normal mass between ``a`` and ``b``."""
    flip = a > 0
    low, high = np.where(flip, -b, a), np.where(flip, -a, b)
    top = special.log_ndtr(high)
    return top + np.log(-np.expm1(special.log_ndtr(low) - top))


law(
    "truncnorm",
    lambda x, a, b: phi(x) - _log_mass(a, b),
    lambda x, a, b: np.exp(_log_mass(a, x) - _log_mass(a, b)),
    lambda x, a, b: np.exp(_log_mass(x, b) - _log_mass(a, b)),
    support=lambda a, b: (a, b),
    logs=(lambda x, a, b: _log_mass(a, x) - _log_mass(a, b), lambda x, a, b: _log_mass(x, b) - _log_mass(a, b)),
)
law("skewnorm", lambda x, a: phi(x) + special.log_ndtr(a * x), lambda x, a: -2.0 * special.owens_t(x, a))
law(
    "foldnorm",
    lambda x, c: np.logaddexp(phi(x - c), phi(x + c)),
    lambda x, c: special.ndtr(x - c) - special.ndtr(-x - c),
)
law(
    "powernorm",
    lambda x, c: phi(x) + np.log(c) + (c - 1.0) * special.log_ndtr(-x),
    None,
    lambda x, c: np.exp(c * special.log_ndtr(-x)),
    logs=(None, lambda x, c: c * special.log_ndtr(-x)),
)
law(
    "powerlognorm",
    lambda x, c, s: (
        phi(np.log(x) / s) - np.log(x) + np.log(c) - np.log(s) + (c - 1.0) * special.log_ndtr(-np.log(x) / s)
    ),
    None,
    lambda x, c, s: np.exp(c * special.log_ndtr(-np.log(x) / s)),
)
law(
    "johnsonsb",
    lambda x, a, b: np.log(b) - np.log(x) - np.log1p(-x) + phi(a + b * special.logit(x)),
    lambda x, a, b: special.ndtr(a + b * special.logit(x)),
    lambda x, a, b: special.ndtr(-a - b * special.logit(x)),
)
law(
    "johnsonsu",
    lambda x, a, b: np.log(b) - 0.5 * np.log1p(x * x) + phi(a + b * np.arcsinh(x)),
    lambda x, a, b: special.ndtr(a + b * np.arcsinh(x)),
    lambda x, a, b: special.ndtr(-a - b * np.arcsinh(x)),
)
law(
    "exponnorm",
    lambda x, k: 0.5 / (k * k) - x / k - np.log(k) + special.log_ndtr(x - 1.0 / k),
    lambda x, k: -np.exp(0.5 / (k * k) - x / k + special.log_ndtr(x - 1.0 / k)),
    moments={"mean": lambda k: k, "var": lambda k: 1.0 + k * k},
)


def _alpha_sf(x: Any, a: Any) -> Any:
    return -special.ndtr(a - 1.0 / x) / special.ndtr(a)


law("alpha", lambda x, a: phi(a - 1.0 / x) - 2.0 * np.log(x) - special.log_ndtr(a), None, _alpha_sf)
law(
    "invgauss",
    lambda x, mu: -1.5 * np.log(x) - 0.5 * np.square((x - mu) / mu) / x,
    lambda x, mu: (
        special.ndtr((x / mu - 1.0) / np.sqrt(x)) + np.exp(2.0 / mu + special.log_ndtr(-(x / mu + 1.0) / np.sqrt(x)))
    ),
    lambda x, mu: (
        special.ndtr(-(x / mu - 1.0) / np.sqrt(x)) - np.exp(2.0 / mu + special.log_ndtr(-(x / mu + 1.0) / np.sqrt(x)))
    ),
    moments={"mean": lambda mu: mu, "var": lambda mu: mu * mu * mu},
)
law("wald", lambda x: -1.5 * np.log(x) - 0.5 * np.square(x - 1.0) / x)
law(
    "recipinvgauss",
    lambda x, mu: -0.5 * np.log(x) - 0.5 * np.square(1.0 - mu * x) / (mu * mu * x),
    lambda x, mu: (
        special.ndtr(-(1.0 / mu - x) / np.sqrt(x)) - np.exp(2.0 / mu + special.log_ndtr(-(1.0 / mu + x) / np.sqrt(x)))
    ),
)
law(
    "norminvgauss",
    lambda x, a, b: (
        np.log(a)
        + np.sqrt((a - b) * (a + b))
        + b * x
        - a * np.hypot(1.0, x)
        + np.log(special.k1e(a * np.hypot(1.0, x)))
        - np.log(np.hypot(1.0, x))
    ),
    coarse=("a", "b"),
)
law(
    "fatiguelife",
    lambda x, c: np.log1p(x) - np.log(c) - 1.5 * np.log(x) - 0.5 * np.square((x - 1.0) / c) / x,
    lambda x, c: special.ndtr((np.sqrt(x) - 1.0 / np.sqrt(x)) / c),
    lambda x, c: special.ndtr(-(np.sqrt(x) - 1.0 / np.sqrt(x)) / c),
)


def _crystalball_log(x: Any, beta: Any, m: Any) -> Any:
    ratio, tail = m / beta, phi(beta)
    total = np.log(ratio / (m - 1.0) * np.exp(tail) + np.sqrt(2.0 * PI) * special.ndtr(beta))
    inner = x > -beta
    reach = np.where(inner, 1.0, 1.0 - (beta + x) / ratio)
    return np.where(inner, phi(x), tail - m * np.log(reach)) - total


def _crystalball_cdf(x: Any, beta: Any, m: Any) -> Any:
    ratio, tail = m / beta, np.exp(phi(beta))
    whole = ratio / (m - 1.0) * tail
    total = whole + np.sqrt(2.0 * PI) * special.ndtr(beta)
    inner = x > -beta
    reach = np.where(inner, 1.0, 1.0 - (beta + x) / ratio)
    more = np.sqrt(2.0 * PI) * (special.ndtr(x) - special.ndtr(-beta))
    return np.where(inner, whole + more, whole * reach ** (1.0 - m)) / total


law("crystalball", _crystalball_log, _crystalball_cdf)

# Of location and scale alone.

law("uniform", lambda x: 0.0 * x)
law("expon", lambda x: -x, logs=(None, lambda x: -x))
law("laplace", lambda x: -np.abs(x))
law(
    "logistic",
    lambda x: special.log_expit(x) + special.log_expit(-x),
    logs=(special.log_expit, lambda x: special.log_expit(-x)),
)
law("hypsecant", lambda x: -np.logaddexp(x, -x))
law("cauchy", lambda x: -np.log1p(x * x))
law("halfcauchy", lambda x: -np.log1p(x * x))
law("halflogistic", lambda x: -x - 2.0 * softplus(-x))
law("gumbel_r", lambda x: -x - np.exp(-x), logs=(lambda x: -np.exp(-x), None))
law("gumbel_l", lambda x: x - np.exp(x), logs=(None, lambda x: -np.exp(x)))
law("moyal", lambda x: -0.5 * (x + np.exp(-x)))
law("rayleigh", lambda x: np.log(x) + phi(x), logs=(None, phi))
law("maxwell", lambda x: 2.0 * np.log(x) + phi(x))
law("levy", lambda x: -1.5 * np.log(x) - 0.5 / x)
law("levy_l", lambda x: -1.5 * np.log(-x) + 0.5 / x)
law("arcsine", lambda x: -0.5 * (np.log(x) + np.log1p(-x)))
law("semicircular", lambda x: 0.5 * np.log1p(-x * x))
law("cosine", lambda x: np.log1p(np.cos(x)))
law("anglit", lambda x: np.log(np.cos(2.0 * x)))

# Of a shape or two.

law("genlogistic", lambda x, c: np.log(c) - x - (c + 1.0) * softplus(-x), lambda x, c: np.exp(-c * softplus(-x)))
law(
    "foldcauchy",
    lambda x, c: np.log(1.0 / (1.0 + np.square(x - c)) + 1.0 / (1.0 + np.square(x + c))),
    lambda x, c: (np.arctan(x - c) + np.arctan(x + c)) / PI,
)
law(
    "wrapcauchy",
    lambda x, c: np.log1p(-c * c) - np.log(1.0 + c * c - 2.0 * c * np.cos(x)),
    lambda x, c: (
        np.where(x < PI, 0.0, 1.0)
        + np.where(x < PI, 1.0, -1.0)
        / PI
        * np.arctan((1.0 + c) / (1.0 - c) * np.tan(0.5 * np.where(x < PI, x, 2.0 * PI - x)))
    ),
    support=lambda c: (0.0, 2.0 * PI),
)
law(
    "triang",
    lambda x, c: np.where(x < c, np.log(x) - np.log(c), np.log1p(-x) - np.log1p(-c)),
    lambda x, c: np.where(x < c, x * x / c, 1.0 - np.square(1.0 - x) / (1.0 - c)),
    moments={"mean": lambda c: (1.0 + c) / 3.0, "var": lambda c: (1.0 - c + c * c) / 18.0},
)
law(
    "bradford",
    lambda x, c: np.log(c) - np.log(np.log1p(c)) - np.log1p(c * x),
    lambda x, c: np.log1p(c * x) / np.log1p(c),
)
law(
    "truncexpon",
    lambda x, b: -x - np.log(-np.expm1(-b)),
    lambda x, b: np.expm1(-x) / np.expm1(-b),
    lambda x, b: np.exp(-x) * np.expm1(x - b) / np.expm1(-b),
    support=lambda b: (0.0, b),
)
for _name in ("reciprocal", "loguniform"):
    law(
        _name,
        lambda x, a, b: -np.log(x) - np.log(np.log(b / a)),
        lambda x, a, b: np.log(x / a) / np.log(b / a),
        lambda x, a, b: np.log(b / x) / np.log(b / a),
        support=lambda a, b: (a, b),
    )
law(
    "powerlaw",
    lambda x, a: np.log(a) + special.xlogy(a - 1.0, x),
    lambda x, a: x**a,
    moments={"mean": lambda a: a / (a + 1.0), "var": lambda a: a / (a + 2.0) / np.square(a + 1.0)},
)
law(
    "argus",
    lambda x, chi: (
        3.0 * np.log(chi)
        - np.log(special.gammainc(1.5, 0.5 * chi * chi))
        + np.log(x)
        + 0.5 * np.log1p(-x * x)
        - 0.5 * chi * chi * (1.0 - x * x)
    ),
    None,
    lambda x, chi: special.gammainc(1.5, 0.5 * chi * chi * (1.0 - x * x)) / special.gammainc(1.5, 0.5 * chi * chi),
)


def _tukey_parts(x: Any, lam: Any) -> tuple[Any, Any]:
    """The cumulative function and its complement."""
    return call("tukeylambda", "cdf", x, lam), call("tukeylambda", "cdf", -x, lam)


def _tukey_slope(x: Any, lam: Any) -> Any:
    """By the quantile function, a difference of powers."""
    from functrans.transforms.jvp import jvp  # which imports the operations

    p, q = _tukey_parts(x, lam)
    rise = jvp(lambda c: special.boxcox(p, c) - special.boxcox(q, c), (1.0 * lam,), (np.ones_like(1.0 * lam),))[1]
    return -rise / (p ** (lam - 1.0) + q ** (lam - 1.0))


def _tukey_log(x: Any, lam: Any) -> Any:
    p, q = _tukey_parts(x, lam)
    return -np.log(p ** (lam - 1.0) + q ** (lam - 1.0))


law(
    "tukeylambda",
    _tukey_log,
    slopes={"lam": _tukey_slope},
    support=lambda lam: (np.where(lam > 0, -1.0 / lam, -np.inf), np.where(lam > 0, 1.0 / lam, np.inf)),
)


def _von_mises_cdf(x: Any, kappa: Any) -> Any:
    """The density, summed by the rule of Gauss and Legendre over what of it is not negligible."""
    points, weights = _rule()
    x = x - (2.0 * PI) * np.round(x * (0.5 / PI))
    far = 14.0 / np.sqrt(kappa)
    reach = np.where(np.abs(x) < far, np.abs(x), far)[..., None]
    kappa = np.expand_dims(kappa, -1) if np.ndim(kappa) else kappa
    values = np.exp(kappa * special.cosm1(reach * points)) / special.i0e(kappa)
    return np.sign(x) * np.sum(values * (weights * reach), axis=-1) / (2.0 * PI)


@cache
def _rule() -> tuple[Any, Any]:
    points, weights = np.polynomial.legendre.leggauss(64)
    return 0.5 * (points + 1.0), 0.5 * weights


law("vonmises", lambda x, kappa: kappa * special.cosm1(x) - np.log(special.i0e(kappa)), _von_mises_cdf)
