"""Logistic functions and entropies: derivatives that neither overflow nor cancel in the tails.

An exact zero times an infinite logarithm is zero, as in the functions themselves: ``xlogy(0, 0)`` is 0.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import scipy.special
from scipy import special

from functrans.ops.arithmetic import power
from functrans.ops.family import elementwise
from functrans.primitives import POSITIVE, REAL, Derivatives, Rule
from functrans.scipy.special.ladder import local


def logistic_slope(x):  # type: ignore[no-untyped-def]
    """``expit(x) (1 - expit(x))``, also where ``expit(x)`` rounds to 1."""
    return scipy.special.expit(x) * scipy.special.expit(-x)


_slope = local(logistic_slope, special.expit, [lambda out, x: -out * np.tanh(0.5 * x)], [REAL])
elementwise(special.expit, [lambda out, x: _slope(x)])
elementwise(special.log_expit, [lambda out, x: special.expit(-x)])
elementwise(
    special.logit,
    [lambda out, x: np.divide(1.0, x) + np.divide(1.0, 1.0 - x)],
    singular=True,
    domain=(0.0, 1.0),
)


def _quotient(x: Any, y: Any) -> Any:
    """``x / y``, but 0 where both are."""
    return np.divide(x, np.where((x == 0) & (y == 0), 1.0, y))


elementwise(
    special.xlogy,
    [lambda out, x, y: np.log(y), lambda out, x, y: _quotient(x, y)],
    singular=True,
    domain=(REAL, POSITIVE),
)
elementwise(
    special.xlog1py,
    [lambda out, x, y: np.log1p(y), lambda out, x, y: _quotient(x, 1.0 + y)],
    singular=True,
    domain=(REAL, POSITIVE),
)


def log_quotient(x, y):  # type: ignore[no-untyped-def]
    """``log(x / y)``, exact to the last digits where the two are nearly equal, or the quotient overflows."""
    with np.errstate(all="ignore"):
        quotient = np.divide(x, y)
        if np.iscomplexobj(quotient):
            raise TypeError("a quotient of real numbers")
        near = (quotient > 0.5) & (quotient < 2.0)
        plain = (quotient > 1e-30) & (quotient < 1e30)
        far = np.where(plain, np.log(np.where(plain, quotient, 1.0)), np.log(x) - np.log(y))
        return np.where(near, np.log1p(np.where(near, np.divide(np.subtract(x, y), y), 0.0)), far).astype(
            quotient.dtype
        )[()]


_log_quotient = local(
    log_quotient,
    special.rel_entr,
    [lambda out, x, y: np.divide(1.0, x), lambda out, x, y: np.divide(-1.0, y)],
    [POSITIVE, POSITIVE],
    singular=True,
)
elementwise(special.entr, [lambda out, x: -1.0 - np.log(x)], singular=True, domain=POSITIVE)
elementwise(
    special.rel_entr,
    [lambda out, x, y: 1.0 + _log_quotient(x, y), lambda out, x, y: -_quotient(x, y)],
    singular=True,
    domain=POSITIVE,
)


def relative_excess(x, y):  # type: ignore[no-untyped-def]
    """``(y - x) / y``; 0 where both are 0."""
    with np.errstate(all="ignore"):
        excess = np.subtract(y, x)
        return np.divide(excess, np.where((excess == 0) & (y == 0), 1, y)).astype(np.divide(excess, y).dtype)[()]


_relative_excess = local(
    relative_excess,
    np.divide,
    [lambda out, x, y: np.divide(-1.0, y), lambda out, x, y: np.divide(np.divide(x, y), y)],
    [REAL, POSITIVE],
    singular=True,
)
elementwise(
    special.kl_div,
    [lambda out, x, y: _log_quotient(x, y), lambda out, x, y: _relative_excess(x, y)],
    singular=True,
    domain=POSITIVE,
)

# The functions of Huber. Where |r| is delta, both pieces have the same slope.

elementwise(
    special.huber,
    [
        lambda out, delta, r: np.maximum(np.abs(r) - delta, 0.0),
        lambda out, delta, r: np.clip(r, -delta, delta),
    ],
    masks=True,
    domain=(POSITIVE, REAL),
)


def _excess(delta: Any, r: Any) -> Any:
    """``hypot(delta, r) - delta``."""
    return r * _quotient(r, np.hypot(delta, r) + delta)


elementwise(
    special.pseudo_huber,
    [
        lambda out, delta, r: _excess(delta, r) * _quotient(_excess(delta, r), np.hypot(delta, r)),
        lambda out, delta, r: delta * _quotient(r, np.hypot(delta, r)),
    ],
    singular=True,
    domain=(POSITIVE, REAL),
)

# SciPy's own exponentials and logarithms: other functions than NumPy's of these names, with other last bits.

_LOG_2, _LOG_10, _DEGREE = 0.6931471805599453, 2.302585092994046, 0.017453292519943295

elementwise(special.expm1, [lambda out, x: np.exp(x)], singular=True)
elementwise(special.log1p, [lambda out, x: np.divide(1.0, 1.0 + x)], singular=True, domain=(-1.0, float("inf")))
elementwise(special.exp2, [lambda out, x: out * _LOG_2], singular=True)
elementwise(special.exp10, [lambda out, x: out * _LOG_10], singular=True, domain=(-3.0, 3.0))
elementwise(special.cbrt, [lambda out, x: 1.0 / (3.0 * (out * out))], singular=True, domain=POSITIVE)
elementwise(special.cosm1, [lambda out, x: -np.sin(x)])
_by_base, _by_exponent = [cast("Rule", rule) for rule in cast("Derivatives", power.derivative).locals]
elementwise(
    special.powm1,
    [lambda out, x, y: _by_base(None, x, y), lambda out, x, y: _by_exponent(np.power(x, y), x, y)],
    singular=True,
    domain=(POSITIVE, REAL),
)

# Angles in degrees.

elementwise(special.sindg, [lambda out, x: _DEGREE * special.cosdg(x)])
elementwise(special.cosdg, [lambda out, x: -_DEGREE * special.sindg(x)])
# SciPy's sines of small angles have more digits than its cotangents.
elementwise(special.tandg, [lambda out, x: np.divide(_DEGREE, np.square(special.cosdg(x)))], singular=True)
elementwise(
    special.cotdg, [lambda out, x: np.divide(-_DEGREE, np.square(special.sindg(x)))], singular=True, domain=(1.0, 80.0)
)
elementwise(special.radian, [_DEGREE, _DEGREE / 60.0, _DEGREE / 3600.0])
elementwise(special.round, constant="it is constant between its jumps")
