"""Exponential, trigonometric and hyperbolic integrals, Lambert's W, functions of Struve, parabolic cylinder functions.

Source: NIST Digital Library of Mathematical Functions, chapters 6 and 8.19, 4.13 (Lambert), 11.4 (Struve), 12.2 and
12.14 (parabolic cylinder functions, by the equations that they solve), 25.12 (the dilogarithm).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special
from scipy import special

from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.duals import absorb
from functrans.ops.family import broadcast_shapes, elementwise, operand
from functrans.primitives import POSITIVE, Primitive, Rules
from functrans.scipy.covering import covers
from functrans.scipy.special.several import Function, exactly, family, several
from functrans.scipy.special.spherical_bessel import spherical_in, spherical_jn, spherical_yn
from functrans.tracing.bind import bind
from functrans.tracing.tracer import Tracer

elementwise(special.expi, [lambda out, x: np.exp(x) / x], singular=True, domain=(0.2, 6.0))
elementwise(special.exp1, [lambda out, x: -np.exp(-x) / x], singular=True, domain=(0.2, 6.0))


def exponential_integral(n, x):  # type: ignore[no-untyped-def]
    """The integral of ``exp(-x t) / t**n`` over ``t > 1``, for every integer ``n``."""
    with np.errstate(all="ignore"):
        n = np.asarray(n)
        out = scipy.special.expn(np.maximum(n, 0), x)
        fall = np.exp(-np.asarray(x, float))
        value = fall / x
        for k in range(1, 1 - int(np.min(n, initial=0))):
            value = (fall + k * value) / x
            out = np.where(n == -k, value, out)
        return out.astype(scipy.special.expn(n, x).dtype)[()]


_expn: Function = family(exponential_integral, special.expn, [None, lambda out, n, x: -_expn(n - 1, x)])
elementwise(special.expn, [None, lambda out, n, x: -_expn(n - 1, x)], singular=True, domain=((0.0, 5.0), POSITIVE))

# sin(x) / x and its like are spherical Bessel functions, smooth at zero in every derivative.

several(special.sici, [lambda out, x: (spherical_jn(0, x), -spherical_yn(0, x))])
several(special.shichi, [lambda out, x: (spherical_in(0, x), np.cosh(x) / x)])


def log1p_ratio(x, n):  # type: ignore[no-untyped-def]
    """The derivative of order ``n`` of ``log1p(x) / x``, for ``|x| < 0.6``, real or complex."""
    w = np.asarray(x)
    w = np.where(np.abs(w) < 0.6, w, 0.0)
    # By Euler's transformation of the series: n! (-1)**n / (n + 1) (1 + x)**-(n + 1) F(n + 1, n + 1; n + 2; -x)
    ratio = w / (1.0 + w)
    series = np.zeros_like(ratio)
    for k in range(150, -1, -1):  # of F(1, n + 1; n + 2; ratio)
        series = series * ratio + (n + 1.0) / (n + 1.0 + k)
    out = (-1.0) ** n * scipy.special.gamma(n + 1.0) / (n + 1.0) * series * (1.0 + w) ** (-n - 1.0)
    return out.astype(np.result_type(x, 0.0) if np.ndim(x) else np.asarray(x).dtype)[()]


_log1p_ratio: Function = family(log1p_ratio, np.log1p, [lambda out, x, n: _log1p_ratio(x, n=n + 1)])


def _dilogarithm_slope(out: Any, z: Any) -> Any:
    near = np.abs(z - 1.0) < 0.5
    there = np.where(near, 2.0, z)
    return np.where(near, -_log1p_ratio(np.where(near, z - 1.0, 0.0), n=0), np.log(there) / (1.0 - there))


elementwise(special.spence, [_dilogarithm_slope], singular=True, domain=POSITIVE)

# Lambert's W: of W exp(W) = z. And W(exp(z)), which is Wright's omega.

_branches: dict[Any, Any] = {}


def _lambert_spec(z: ArraySpec, k: ArraySpec, tol: float) -> ArraySpec:
    found = _branches.get(z.promoting)
    if found is None:
        found = _branches[z.promoting] = special.lambertw(np.ones(1, z.dtype)).dtype
    return ArraySpec(broadcast_shapes("scipy.special.lambertw", (z, k)), found)


def _lambert_slope(t: Any, out: Any, z: Any, k: Any, tol: float) -> Any:
    return absorb(t, np.exp(-out) / (1.0 + out))


_lambertw = Primitive(
    "scipy.special.lambertw",
    special.lambertw,
    _lambert_spec,
    Rules(jvp=[_lambert_slope, None], vjp=[_lambert_slope, None]),
    batch=batching.elementwise,
)


@covers(special.lambertw)
def lambertw(z: Any, k: Any = 0, tol: Any = 1e-8) -> Any:
    """The branch ``k`` is a plain integer."""
    branch = k if type(k) is Tracer else np.asarray(k, np.dtype("long"))[()]
    return bind(_lambertw, operand(z), branch, tol=float(tol))


def _omega_slope(out: Any, z: Any) -> Any:
    large = np.abs(out) > 1.0  # there w / (1 + w) is nearly 1, and its derivative a small difference
    w, v = np.where(large, out, 1.0), np.where(large, 0.0, out)
    return np.where(large, 1.0 / (1.0 + 1.0 / w), v / (1.0 + v))


elementwise(special.wrightomega, [_omega_slope], singular=True, domain=(-6.0, 6.0))

# The functions of Struve. The power series' first term is what neighbours differ by.

_ROOT_PI = 1.772453850905516


def _first(v: Any, x: Any) -> Any:
    return np.power(0.5 * x, v) * special.rgamma(v + 1.5) * (1.0 / _ROOT_PI)


def _struve_slope(out: Any, v: Any, x: Any) -> Any:
    v = exactly(v, x)
    near = np.abs(x) < 1.0
    y, there = np.where(near, x, 0.5), np.where(near, 1.0, x)
    above, first = special.struve(v + 1, y), _first(v, y)
    # From the order 0 not downwards, where there are poles at zero that cancel.
    close = np.where(v == 0, first - above, 0.5 * (special.struve(np.where(v == 0, 1, v) - 1, y) - above + first))
    return np.where(near, close, special.struve(v - 1, there) - v * special.struve(v, there) / there)


def _modstruve_slope(out: Any, v: Any, x: Any) -> Any:
    v = exactly(v, x)
    above, first = special.modstruve(v + 1, x), _first(v, x)
    below = special.modstruve(np.where(v == 0, 1, v) - 1, x)
    return np.where(v == 0, first + above, 0.5 * (below + above + first))


elementwise(special.struve, [None, _struve_slope], singular=True, masks=True, domain=((0.2, 3.2), (0.3, 6.0)))
elementwise(special.modstruve, [None, _modstruve_slope], singular=True, masks=True, domain=((0.2, 3.2), (0.3, 6.0)))
elementwise(special.itstruve0, [lambda out, x: special.struve(0.0, x)], domain=(0.3, 6.0))
elementwise(special.itmodstruve0, [lambda out, x: special.modstruve(0.0, x)], singular=True, domain=(0.3, 6.0))


def _besselpoly_slope(out: Any, a: Any, lmb: Any, nu: Any) -> Any:
    lmb, nu = exactly(lmb, a, nu), exactly(nu, a, lmb)
    return special.besselpoly(a, lmb + 1, nu - 1) - special.besselpoly(a, lmb + 1, nu + 1)


elementwise(
    special.besselpoly,
    [_besselpoly_slope, None, None],
    singular=True,
    domain=((0.2, 3.0), (0.2, 2.0), (2.2, 4.2)),
)

# Parabolic cylinder functions: each with its derivative, so that the equation gives the rest.

several(special.pbdv, [None, lambda out, v, x: (out[1], (0.25 * (x * x) - exactly(v, x) - 0.5) * out[0])])
several(special.pbvv, [None, lambda out, v, x: (out[1], (0.25 * (x * x) - exactly(v, x) - 0.5) * out[0])])
several(special.pbwa, [None, lambda out, a, x: (out[1], (exactly(a, x) - 0.25 * (x * x)) * out[0])])
