"""The distributions of Kolmogorov's and of Smirnov's statistics, and their inverses; the number of samples is counted.

Source: Z. W. Birnbaum and F. H. Tingey, *One-sided confidence contours for probability distribution functions* (1951);
W. Feller, *On the Kolmogorov-Smirnov limit theorems* (1948), for the two series.
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
from functrans.scipy.special.density_parts import result_dtype
from functrans.scipy.special.ladder import Function, ladder
from functrans.tracing.bind import bind

_UNIT = (0.0, 1.0)


def kolmogorov_derivative(x, n):  # type: ignore[no-untyped-def]
    """The derivative of order ``n > 0`` of ``scipy.special.kolmogorov(x)``."""
    dtype = result_dtype(scipy.special.kolmogorov, x)
    x = np.asarray(x, float)
    with np.errstate(all="ignore"):
        large = x > 1.0
        y = np.where(large, x, 1.0)
        out = np.zeros_like(y)
        for k in range(1, 7):  # 2 (-1)**(k - 1) exp(-2 (k x)**2)
            before, now = 0.0, (-1) ** (k - 1) * 2.0 * np.exp(-2.0 * k * k * y * y)
            for j in range(n):
                before, now = now, np.where(now == 0, 0.0, -4.0 * k * k * (y * now + j * before))
            out = out + now
        y = np.where(large | ~(x > 0.02), 1.0, x)  # below it is nothing
        total = np.zeros_like(y)
        for k in range(1, 6):  # sqrt(2 pi) / x exp(-c / x**2)
            c = ((2 * k - 1) * np.pi) ** 2 / 8.0
            terms = [0.0, 0.0, np.sqrt(2.0 * np.pi) / y * np.exp(-c / (y * y))]
            for j in range(n):
                last = (2.0 * c - (3 * j + 1) * y * y) * terms[2] - j * (3 * j - 1) * y * terms[1]
                terms = [*terms[1:], (last - j * (j - 1) ** 2 * terms[0]) / y**3]
            total = total + terms[2]
        out = np.where(large, out, np.where(x > 0.02, -total, 0.0))
        return np.where(np.isnan(x), x, out).astype(dtype)[()]


_kolmogorov: Function = ladder(kolmogorov_derivative, lambda out, x, n: _kolmogorov(x, n + 1), result_dtype)
elementwise(special.kolmogorov, [lambda out, x: _kolmogorov(x, 1)], domain=POSITIVE)
elementwise(special.kolmogi, [lambda out, p: 1.0 / _kolmogorov(out, 1)], singular=True, domain=_UNIT)


def smirnov_derivative(n, x, order):  # type: ignore[no-untyped-def]
    """The derivative of this order in ``x`` of ``scipy.special.smirnov(n, x)``, between its corners.

    The function is a sum of ``C(n, j) x (x + j / n)**(j - 1) (1 - x - j / n)**(n - j)`` over ``j``, while there is a
    power to be taken.
    """
    dtype = result_dtype(scipy.special.smirnov, n, x)
    n, x = np.broadcast_arrays(np.asarray(n, float), np.asarray(x, float))
    inside = (x > 0) & (x < 1) & (n >= 1) & (n <= 1e7)  # there are n terms: beyond, NaN
    m, y = np.where(inside, np.floor(n), 1.0)[..., None], np.where(inside, x, 0.5)[..., None]
    out = np.where((x > 0) & (x < 1) & ~inside, np.nan, 0.0)
    width = max(1, min(4096, 262144 // max(1, x.size)))  # so much memory and no more
    with np.errstate(all="ignore"):
        for start in range(0, int(np.max(np.floor(m * (1.0 - y)), initial=-1.0)) + 1, width):
            j = np.arange(start, start + width)
            rises, falls, power = y + j / m, 1.0 - y - j / m, m - j
            there = (falls > 0) & (power >= 0)
            rises, falls, power = np.where(there, rises, 1.0), np.where(there, falls, 1.0), np.where(there, power, 1.0)
            top = j - 1.0
            ways = scipy.special.gammaln(m + 1) - scipy.special.gammaln(j + 1.0) - scipy.special.gammaln(power + 1)
            # The derivatives of the two powers' product f, of which each comes of the two before; then of x f.
            before, now = 0.0, np.exp(ways + top * np.log(rises) + power * np.log(falls))
            for k in range(order):
                slope = (top - k) * falls - (power - k) * rises
                after = (slope * now - k * (top + power - k + 1.0) * before) / (rises * falls)
                before, now = now, after
            out = out + np.sum(np.where(there, y * now + order * before, 0.0), axis=-1)
    at_zero = -1.0 if order == 1 else np.nan
    at_one = np.where(n > order, 0.0, np.where((n == 1) & (order == 1), -1.0, np.nan))
    out = np.where((x > 0) & (x < 1), out, np.where(x == 0, at_zero, at_one))
    return np.where(np.isnan(x) | (x < 0) | (x > 1), np.nan, out).astype(dtype)[()]


def _next_smirnov(t: Any, out: Any, n: Any, x: Any, *, order: int) -> Any:
    return absorb(t, bind(_smirnov_p, n, x, order=order + 1))


_smirnov_p = Primitive(
    "scipy.special.smirnov_derivative",
    smirnov_derivative,
    lambda n, x, order: ufunc_spec(special.smirnov)(n, x),
    Rules([None, _next_smirnov], [None, _next_smirnov]),
    source=lambda args, params: call_source("smirnov_derivative", args, params),
    helpers={"smirnov_derivative": smirnov_derivative, "result_dtype": result_dtype},
    batch=batching.elementwise,
)
elementwise(
    special.smirnov,
    [None, lambda out, n, x: bind(_smirnov_p, n, x, order=1)],
    singular=True,
    domain=(POSITIVE, _UNIT),
)
elementwise(
    special.smirnovi,
    [None, lambda out, n, p: 1.0 / bind(_smirnov_p, n, out, order=1)],
    singular=True,
    domain=(POSITIVE, _UNIT),
)
