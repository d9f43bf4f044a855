"""The noncentral chi-square distribution, parameters of the normal distribution.

The densities of the noncentral t and F distributions, and that of the noncentral chi-square in its degrees of freedom,
have no form that is exact: no derivatives.

Source: NIST Digital Library of Mathematical Functions, 10.25 and 10.29: with a density that is a modified Bessel
function, every derivative is a difference of densities of two degrees of freedom more, or less.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special
from scipy import special

from functrans.ops.duals import absorb
from functrans.ops.family import elementwise, ufunc_spec
from functrans.primitives import POSITIVE, REAL, Domain, Primitive, Rules
from functrans.scipy.special.density_parts import result_dtype
from functrans.scipy.special.distributions import promoted
from functrans.tracing.bind import bind

_UNIT: Domain = (0.0, 1.0)
_ROOT_2_PI = 2.5066282746310002


def noncentral_density(x, v, c):  # type: ignore[no-untyped-def]
    """The density at ``x`` of the noncentral chi-square distribution: ``v`` degrees of freedom, noncentrality ``c``."""
    dtype = result_dtype(scipy.special.chndtr, x, v, c)
    x, v, c = np.broadcast_arrays(*[np.asarray(value, float) for value in (x, v, c)])
    order = 0.5 * v - 1.0
    with np.errstate(all="ignore"):
        z = np.sqrt(x * c)
        bessel = scipy.special.ive(order, z)
        quick = (z > 2.0) & (bessel > 1e-290) & np.isfinite(z)
        safe_x, safe_c = np.where(quick, x, 1.0), np.where(quick, c, 1.0)
        gap = np.sqrt(safe_x) - np.sqrt(safe_c)
        out = 0.5 * np.exp(0.5 * order * np.log(safe_x / safe_c) - 0.5 * gap * gap) * bessel
        need = 1.5 * (np.sqrt(order * order + z * z) - order) + 40.0  # so many terms of a series
        out = np.where(quick, out, np.where((np.sqrt(x) - np.sqrt(c)) ** 2 > 1500.0 + v, 0.0, np.nan))
        slow = ~quick & (x >= 0) & (c >= 0) & (need < 4000.0) & np.isnan(out)
        if np.any(slow):  # (z / 2)**(2 k) / (k! gamma(order + k + 1)), scaled by exp(scale)
            y, m, q = x[slow], order[slow], 0.25 * z[slow] ** 2
            large = m > 20.0
            scale = scipy.special.xlogy(m, 0.5 * y) - 0.5 * (y + c[slow]) - np.where(large, special_log(m), 0.0)
            power = np.ones_like(m)
            total = term = np.where(large, 1.0, scipy.special.rgamma(m + 1.0))
            for k in range(1, int(np.max(need[slow]))):
                power = power * q / k
                term = np.where(large, term * (q / (k * (m + k))), power * scipy.special.rgamma(m + k + 1.0))
                total = total + term
                full = large & (total > 1e200)
                if np.any(full):
                    term, total = np.where(full, term * 1e-200, term), np.where(full, total * 1e-200, total)
                    scale = np.where(full, scale + 460.51701859880916, scale)
            out[slow] = 0.5 * np.where(total == 0, 0.0, np.exp(scale) * total)
        out = np.where(np.isinf(x) & (x > 0) & np.isfinite(c) & np.isfinite(v), 0.0, out)
        return np.where((x >= 0) & (c >= 0), out, np.nan).astype(dtype)[()]


def special_log(m):  # type: ignore[no-untyped-def]
    """``log(gamma(m + 1))``."""
    return scipy.special.gammaln(m + 1.0)


def _in_x(t: Any, out: Any, x: Any, v: Any, c: Any) -> Any:
    return absorb(t, 0.5 * (_density(x, v, c, -2.0) - out))


def _in_c(t: Any, out: Any, x: Any, v: Any, c: Any) -> Any:
    return absorb(t, 0.5 * (_density(x, v, c, 2.0) - out))


_density_p = Primitive(
    "scipy.special.noncentral_density",
    noncentral_density,
    ufunc_spec(special.chndtr),
    Rules([_in_x, None, _in_c], [_in_x, None, _in_c]),
    source=lambda args, params: f"noncentral_density({', '.join(args)})",
    helpers={
        "noncentral_density": noncentral_density,
        "special_log": special_log,
        "result_dtype": result_dtype,
    },
    domain=(POSITIVE, POSITIVE, POSITIVE),
)


def _density(x: Any, v: Any, c: Any, more: float = 0.0) -> Any:
    if more:
        x, v, c = promoted(x, v, c)
        v = v + more
    return bind(_density_p, x, v, c)


elementwise(
    special.chndtr,
    [lambda out, x, v, c: _density(x, v, c), None, lambda out, x, v, c: -_density(x, v, c, 2.0)],
    singular=True,
    domain=(POSITIVE, POSITIVE, POSITIVE),
)
elementwise(special.nctdtr, domain=(POSITIVE, REAL, REAL))
elementwise(special.ncfdtr, domain=POSITIVE)

# The normal distribution's mean, or deviation, with which x is a given quantile z.


def _slope_of_quantile(z: Any) -> Any:
    return _ROOT_2_PI * np.exp(0.5 * (z * z))


elementwise(
    special.nrdtrimn,
    [
        lambda out, p, s, x: -s * _slope_of_quantile(special.ndtri(p)),
        lambda out, p, s, x: -special.ndtri(p),
        1.0,
    ],
    singular=True,
    domain=(_UNIT, POSITIVE, REAL),
)
elementwise(
    special.nrdtrisd,
    [
        lambda out, m, p, x: -1.0 / special.ndtri(p),
        lambda out, m, p, x: -out * _slope_of_quantile(special.ndtri(p)) / special.ndtri(p),
        lambda out, m, p, x: 1.0 / special.ndtri(p),
    ],
    singular=True,
    domain=(REAL, _UNIT, REAL),
)
