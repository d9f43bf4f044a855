"""The error function and its relatives: Dawson's and Fresnel's integrals, the normal distribution.

Source: NIST Digital Library of Mathematical Functions, chapter 7. In the tails, where formulas like `1 - 2 x F(x)` for
the derivative of Dawson's integral lose every digit, derivatives are integrals of their own: the repeated integrals of
the error function (7.18), by their continued fraction, and the sum of Rybicki (Computers in Physics 3, 1989).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special
from scipy import special

from functrans.ops import batching
from functrans.ops.arithmetic import is_complex
from functrans.ops.duals import absorb
from functrans.ops.family import elementwise
from functrans.primitives import REAL, Primitive, Rules
from functrans.scipy.special.ladder import Function, inexact, ladder, local
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import UFUNCS

_SLOPE = 1.1283791670955126  # 2 / sqrt(pi)
_ROOT_PI = 1.772453850905516
_ROOT_2 = 1.4142135623730951
_ROOT_2_PI = 2.5066282746310002


def gaussian(x):  # type: ignore[no-untyped-def]
    """``exp(-x**2)``."""
    with np.errstate(over="ignore", under="ignore"):
        return np.exp(-np.square(x))


def _where_it_counts(out: Any, x: Any) -> Any:
    """``x``, but 0 where ``out``, which it is multiplied by, is 0: far out an infinity would make it NaN."""
    return np.where(out == 0, 0.0, x)


_gaussian = local(gaussian, np.exp, [lambda out, x: -2.0 * (_where_it_counts(out, x) * out)], [REAL], singular=True)

elementwise(special.erf, [lambda out, x: _SLOPE * _gaussian(x)], singular=is_complex)
elementwise(special.erfc, [lambda out, x: -_SLOPE * _gaussian(x)], singular=is_complex)
elementwise(special.erfi, [lambda out, x: _SLOPE * np.exp(x * x)], singular=True, domain=(-3.0, 3.0))


def erfcx_moment(x, n):  # type: ignore[no-untyped-def]
    """``2 / sqrt(pi)`` times the integral of ``t**n exp(-t**2 - 2 x t)`` over ``t > 0``: ``erfcx``, if ``n`` is 0."""
    with np.errstate(all="ignore"):
        before = scipy.special.erfcx(x)
        out = 0.5641895835477563 - x * before
        for k in range(1, n):  # each from the two before, which cancels if x is large
            before, out = out, 0.5 * k * before - x * out
        if np.iscomplexobj(x):
            far, edge, steps = (np.real(x) >= 0) & (np.abs(x) > 8.0), 8.0, 24
        else:
            far, edge, steps = x > 1.0, 1.0, 130
        if np.any(far):  # the quotients of neighbours, by their continued fraction
            there = np.where(far, x, edge)
            quotient = 0.5 * (np.sqrt(there * there + 2.0 * (steps + n)) - there)
            product = scipy.special.erfcx(there)
            for k in range(steps + n, 0, -1):
                quotient = 0.5 * k / (there + quotient)
                product = product * quotient if k <= n else product
            out = np.where(far, product, out)
        return out


_moment: Function = ladder(erfcx_moment, lambda out, x, n: -2.0 * _moment(x, n + 1))
elementwise(special.erfcx, [lambda out, x: -2.0 * _moment(x, 1)], singular=True, domain=(-3.0, float("inf")))
elementwise(special.wofz, [lambda out, x: 2j * _moment(-1j * x, 1)], singular=True)


def dawson_derivative(x, n):  # type: ignore[no-untyped-def]
    """The derivative of order ``n > 0`` of Dawson's integral."""
    with np.errstate(all="ignore"):
        before = scipy.special.dawsn(x)
        out = 1.0 - 2.0 * x * before
        for k in range(1, n):
            before, out = out, -2.0 * (x * out + k * before)
        if np.iscomplexobj(x) or not np.any(np.abs(x) > 2.5):
            return out
        # Rybicki's sum of exp(-(x - t)**2) / t over a grid of t, less what is zero in it: the first n terms of the
        # expansion of 1 / t around x. Beyond 7 any grid will do.
        there = np.where(np.abs(x) > 2.5, np.abs(x), 2.5)
        offset = np.where(there < 100.0, 0.2 * (2.0 * np.floor(there / 0.4) + 1.0) - there, 0.0)
        total = np.zeros_like(there)
        for k in range(-17, 18):
            d = offset + 0.4 * k
            hermite, lower = 2.0 * d, np.ones_like(d)
            for j in range(1, n):
                hermite, lower = 2.0 * (d * hermite - j * lower), hermite
            total = total + hermite * (-d / there) ** n * np.exp(-d * d) / (there + d)
        return np.where(np.abs(x) > 2.5, 0.11283791670955126 * total * np.sign(x) ** (n + 1), out)


_dawson: Function = ladder(dawson_derivative, lambda out, x, n: _dawson(x, n + 1))
elementwise(special.dawsn, [lambda out, x: _dawson(x, 1)], singular=is_complex)

# The normal distribution.


def truncated_moment(x, n):  # type: ignore[no-untyped-def]
    """The mean of ``t**n``, ``t`` normal with mean ``x`` and variance 1, given that ``t > 0``."""
    with np.errstate(all="ignore"):
        before, out = 1.0, x + 0.7978845608028654 / scipy.special.erfcx(-0.7071067811865476 * x)
        for k in range(1, n):
            before, out = out, x * out + k * before
        if np.iscomplexobj(x):
            far, edge, steps = (np.real(x) <= 0) & (np.abs(x) > 11.0), -11.0, 24
        else:
            far, edge, steps = x < -1.4, -1.4, 130
        if np.any(far):
            there = np.where(far, x, edge)
            quotient = 0.5 * (np.sqrt(there * there + 4.0 * (steps + n)) + there)
            product = 1.0
            for k in range(steps + n, 0, -1):
                quotient = k / (quotient - there)
                product = product * quotient if k <= n else product
            out = np.where(far, product, out)
        return out


_truncated: Function = ladder(truncated_moment, lambda out, x, n: _truncated(x, n + 1) - _truncated(x, 1) * out)


def inverse_mills_ratio(x):  # type: ignore[no-untyped-def]
    """``phi(x) / Phi(x)``, the density of the normal distribution over its cumulative one."""
    with np.errstate(all="ignore"):
        return 0.7978845608028654 / scipy.special.erfcx(-0.7071067811865476 * x)


_inverse_mills = local(
    inverse_mills_ratio,
    special.erfcx,
    [lambda out, x: -out * _truncated(_where_it_counts(out, x), 1)],
    [REAL],
    singular=True,
)
elementwise(special.ndtr, [lambda out, x: (1.0 / _ROOT_2_PI) * _gaussian(x / _ROOT_2)], singular=is_complex)
elementwise(special.log_ndtr, [lambda out, x: _inverse_mills(x)], singular=is_complex)

# Inverse functions: one over the slope.

elementwise(special.erfinv, [lambda out, x: (0.5 * _ROOT_PI) * np.exp(out * out)], singular=True, domain=(-1.0, 1.0))
elementwise(special.erfcinv, [lambda out, x: (-0.5 * _ROOT_PI) * np.exp(out * out)], singular=True, domain=(0.0, 2.0))


def mills_ratio(x):  # type: ignore[no-untyped-def]
    """``Phi(x) / phi(x)``."""
    with np.errstate(all="ignore"):
        return 1.2533141373155003 * scipy.special.erfcx(-0.7071067811865476 * x)


_mills = local(mills_ratio, special.erfcx, [lambda out, x: out * _truncated(x, 1)], [(-10.0, 3.0)], singular=True)


def _ndtri_slope(out: Any, p: Any) -> Any:
    # One over the density, which is the smaller of p and 1 - p over the ratio of Mills: no square of `out` in an
    # exponential, which would magnify its error.
    low = p < 0.5
    tail = np.where(low, p, 1.0 - p)
    at_end = tail <= 0
    ratio = _mills(np.where(at_end, 0.0, np.where(low, out, -out)))
    edge = np.where(at_end, out, 0.0)
    return np.where(at_end, np.exp(edge * edge), np.divide(ratio, np.where(at_end, 1.0, tail)))


elementwise(special.ndtri, [_ndtri_slope], singular=True, domain=(0.0, 1.0))
elementwise(special.ndtri_exp, [lambda out, x: _mills(out)], singular=True, domain=(float("-inf"), 0.0))

# Functions of several numbers.


def _profile(x: Any, sigma: Any, gamma: Any, n: int) -> Any:
    return _moment((gamma - 1j * x) / (_ROOT_2 * sigma), n) / (sigma * sigma)


elementwise(
    special.voigt_profile,
    # A Lorentzian spread by a normal distribution: the derivative in sigma is that of a diffusion.
    [
        lambda out, x, sigma, gamma: (-1.0 / _ROOT_PI) * np.imag(_profile(x, sigma, gamma, 1)),
        lambda out, x, sigma, gamma: (-_ROOT_2 / _ROOT_PI) * np.real(_profile(x, sigma, gamma, 2)),
        lambda out, x, sigma, gamma: (-1.0 / _ROOT_PI) * np.real(_profile(x, sigma, gamma, 1)),
    ],
    singular=True,
    domain=((-3.0, 3.0), (0.3, 3.0), (0.1, 3.0)),
)
elementwise(
    special.owens_t,
    [
        lambda out, h, a: (-0.5 / _ROOT_2_PI) * _gaussian(h / _ROOT_2) * special.erf(a * (h / _ROOT_2)),
        lambda out, h, a: (0.5 / np.pi) * _gaussian(np.hypot(h, h * a) / _ROOT_2) / np.square(np.hypot(1.0, a)),
    ],
    singular=True,
)

# Fresnel's integrals: a pair of results each.


def _fresnel_slopes(x: Any) -> tuple[Any, Any]:
    angle = (0.5 * np.pi) * (x * x)
    return np.sin(angle), np.cos(angle)


def _fresnel_pushed(dx: Any, out: Any, x: Any) -> tuple[Any, ...]:
    return tuple(absorb(dx, slope) for slope in _fresnel_slopes(x))


def _fresnel_pulled(ct: Any, out: Any, x: Any) -> Any:
    return sum(absorb(c, slope) for c, slope in zip(ct, _fresnel_slopes(x), strict=True))


def _pair_spec(x: Any) -> tuple[Any, ...]:
    spec = type(x)(x.shape, inexact(x.dtype))
    return spec, spec


fresnel = Primitive(
    "scipy.special.fresnel",
    special.fresnel,
    _pair_spec,
    Rules(jvp=[_fresnel_pushed], vjp=[_fresnel_pulled]),
    multiple=True,
    batch=batching.elementwise,
)
UFUNCS[special.fresnel] = lambda x: bind(fresnel, x)
