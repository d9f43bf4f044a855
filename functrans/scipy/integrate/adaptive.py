"""``quad``: an integral over traced values, of which QUADPACK finds the value.

Where it has cut the interval, each part is summed again by a rule of Gauss with the traced integrand at traced points.
The derivatives of that sum are those of the integral: Leibniz' rule, under the integral sign and, as the points move
with them, in the limits. An infinite range is folded as QUADPACK does it: ``x = a + (1 - t) / t``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import integrate

from functrans.errors import UncoveredFunctionError
from functrans.ops.plain import known
from functrans.ops.select import stop_gradient
from functrans.scipy.covering import COVERED, is_traced
from functrans.tracing.tracer import Tracer

_POINTS = 21
_NAME = "scipy.integrate.quad"
_WHY = "QUADPACK cuts the interval where the values ask for it"


def quad(
    func: Any,
    a: Any,
    b: Any,
    args: Any = (),
    full_output: Any = 0,
    epsabs: Any = 1.49e-8,
    epsrel: Any = 1.49e-8,
    limit: Any = 50,
    points: Any = None,
    **others: Any,
) -> Any:
    """``scipy.integrate.quad``, of traced limits, arguments, or an integrand that closes over traced values.

    Its ``weight`` and ``complex_func`` are for plain values alone; so is the estimate of the error.

    Raises:
        TracedValueError: while a program is staged, or in a batch, values are not known.
    """
    args = args if isinstance(args, tuple) else (args,)
    traced = is_traced((a, b, *args))

    def plainly(x: float) -> Any:
        nonlocal traced
        found = func(x, *args)
        if type(found) is not Tracer:
            return found
        traced = True
        return known(found, _NAME, _WHY)

    ends = [float(known(end, _NAME, _WHY)) for end in (a, b)]
    how = {"epsabs": epsabs, "epsrel": epsrel, "limit": limit, **others}
    if points is not None:
        how["points"] = points
    result = integrate.quad(plainly, *ends, full_output=1, **how)
    if not traced:
        return integrate.quad(func, a, b, args, full_output, epsabs, epsrel, limit, points, **others)
    if others.get("weight") is not None or others.get("complex_func"):
        raise UncoveredFunctionError(
            f"`{_NAME}` over traced values with `weight=` or `complex_func=` is not covered",
            "write the weight into the integrand; integrate the real and the imaginary part.",
        )
    number, error, info = result[:3]
    count = info["last"]
    total = _again(func, args, a, b, ends, list(zip(info["alist"][:count], info["blist"][:count], strict=True)))
    value = number + (total - stop_gradient(total))
    return (value, error, *result[2:]) if full_output else (value, error)


def _again(func: Any, args: Any, a: Any, b: Any, ends: list[float], parts: list[tuple[float, float]]) -> Any:
    """The integral, as a sum of traced terms over the parts of the interval."""
    nodes, weights = np.polynomial.legendre.leggauss(_POINTS)
    low, high = ends
    if low == high:
        return (b - a) * func(a, *args)
    turned = low > high
    if turned:
        a, b, low, high = b, a, high, low
    total: Any = 0.0
    for start, end in parts:
        if start > end:
            start, end = end, start  # noqa: PLW2901
        for node, weight in zip(nodes, weights, strict=True):
            t, w = (start + end) / 2 + (end - start) / 2 * node, (end - start) / 2 * weight
            if np.isfinite(low) and np.isfinite(high):
                share = (t - low) / (high - low)
                total = total + w / (high - low) * (b - a) * func(a + (b - a) * share, *args)
                continue
            far, w = (1 - t) / t, w / t**2
            if np.isfinite(low):
                total = total + w * func(a + far, *args)
            elif np.isfinite(high):
                total = total + w * func(b - far, *args)
            else:
                total = total + w * (func(far, *args) + func(-far, *args))
    return -total if turned else total


COVERED.setdefault("scipy.integrate", {})["quad"] = quad
