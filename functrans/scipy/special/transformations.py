"""Functions with removable singularities: ``exprel``, the transformations of Box and Cox, Dirichlet's kernel.

At a parameter of zero every derivative is its limit: ``boxcox(x, l)`` is ``log(x) exprel(l log(x))``, whose derivatives
are integrals of powers, which are summed without cancellation, by series near zero and by recurrence elsewhere.

Source: NIST Digital Library of Mathematical Functions, 8.2 and 8.7 (``exprel`` and its derivatives are incomplete gamma
functions).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special
from scipy import special

from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.family import broadcast_shapes, elementwise, operand, partly, result_dtype
from functrans.ops.special import sinc_derivative_p
from functrans.primitives import POSITIVE, REAL, Primitive
from functrans.scipy.covering import covers
from functrans.scipy.special.ladder import Function, inexact, ladder
from functrans.tracing.bind import bind


def exprel_derivative(x, n):  # type: ignore[no-untyped-def]
    """The integral of ``t**n exp(t x)`` over ``0 < t < 1``: the derivative of order ``n`` of ``exprel``."""
    with np.errstate(all="ignore"):
        far = np.abs(x) > n + 14.0
        y = np.where(far, 0.0, x)
        # Of exp(x) it is a part that is a series of positive terms, where x < 0; else it is such a series itself.
        falling, size = y < 0, np.abs(y)
        term = np.where(falling, np.exp(y) / (n + 1.0), 1.0)
        total = np.zeros_like(y)
        reach, bound, k = float(np.max(np.where(size == size, size, 0.0), initial=0.0)), 1.0, 0
        while bound > 1e-18:  # what is left is less than the last term shown
            total = total + np.where(falling, term, term / (n + k + 1.0))
            term = term * size / np.where(falling, n + k + 2.0, k + 1.0)
            k += 1
            bound *= reach / k
        if np.any(far):
            z = np.where(far, x, 1.0)
            out, power = scipy.special.exprel(z), np.exp(z)
            for k in range(1, n + 1):
                out = np.where(np.isinf(z), np.where(z > 0, z, 0.0), (power - k * out) / z)
            total = np.where(far, out, total)
        return total.astype(x.dtype)[()] if hasattr(x, "dtype") and x.dtype.kind == "f" else total[()]


_exprel: Function = ladder(exprel_derivative, lambda out, x, n: _exprel(x, n + 1))
elementwise(special.exprel, [lambda out, x: _exprel(x, 1)], singular=True)


def log1p_quotient(x, n):  # type: ignore[no-untyped-def]
    """The derivative of order ``n`` of ``log1p(x) / x``."""
    with np.errstate(all="ignore"):
        ratio = x / (1.0 + x)
        far = ~(np.abs(ratio) < 0.5)
        r = np.where(far, 0.0, ratio)
        series = np.zeros_like(r)
        reach = float(np.max(np.where(r == r, np.abs(r), 0.0), initial=1e-9))
        for k in range(int(-40.0 / np.log(reach)) + 2, -1, -1):
            series = series * r + 1.0 / (n + k + 1.0)
        out = series * (1.0 + np.where(far, 0.0, x)) ** -(n + 1.0)
        if np.any(far):
            z = np.where(far, x, 1.0)
            there = np.log1p(z) / z
            for k in range(1, n + 1):
                there = (there - (1.0 + z) ** (-1.0 * k) / k) / z
            out = np.where(far, there, out)
        out = out * ((-1.0) ** n * scipy.special.gamma(n + 1.0).item())
        return out[()]


_log1p_quotient: Function = ladder(log1p_quotient, lambda out, x, n: _log1p_quotient(x, n + 1))


def _by_lambda(logarithm: Any, lmbda: Any, zero: Any) -> Any:
    """The derivative of ``log(x) exprel(lmbda log(x))`` in ``lmbda``; at ``x = 0`` it is that of ``-1 / lmbda``."""
    safe = np.where(zero, 0.0, logarithm)
    at_zero = np.divide(1.0, np.square(np.where(zero, lmbda, 1.0)))
    return np.where(zero, at_zero, safe * safe * _exprel(lmbda * safe, 1))


elementwise(
    special.boxcox,
    [
        lambda out, x, lmbda: np.power(x, lmbda - 1.0),
        lambda out, x, lmbda: _by_lambda(np.log(np.where(x == 0, 1.0, x)), lmbda, (x == 0) & (lmbda > 0)),
    ],
    singular=True,
    domain=(POSITIVE, REAL),
)
elementwise(
    special.boxcox1p,
    [
        lambda out, x, lmbda: np.exp((lmbda - 1.0) * np.log1p(x)),
        lambda out, x, lmbda: _by_lambda(np.log1p(np.where(x == -1, 0.0, x)), lmbda, (x == -1) & (lmbda > 0)),
    ],
    singular=True,
    domain=((-1.0, float("inf")), REAL),
)


# (1 + l y)**(1 / l) is exp(y q(l y)), where q is log1p(x) / x.
_INVERSE = [
    lambda out, y, lmbda: np.exp((1.0 - lmbda) * (y * _log1p_quotient(lmbda * y, 0))),
    lambda out, y, lmbda: np.exp(y * _log1p_quotient(lmbda * y, 0)) * (y * y) * _log1p_quotient(lmbda * y, 1),
]
elementwise(special.inv_boxcox, _INVERSE, singular=True, domain=((0.0, 3.0), (0.0, 2.0)))
elementwise(special.inv_boxcox1p, _INVERSE, singular=True, domain=((0.0, 3.0), (0.0, 2.0)))

# Dirichlet's kernel: sin(n x / 2) / (n sin(x / 2)).


def _kernel_slope(out: Any, x: Any, n: Any) -> Any:
    # Next to a multiple of 2 pi both are zero; as quotient of two functions sinc(y) = sin(pi y) / (pi y) it is smooth.
    half = x * 0.5
    turns = np.rint(half / np.pi)
    y = half / np.pi - turns
    sign = 1.0 - 2.0 * np.mod(turns * (n - 1), 2)
    above, below = np.sinc(n * y), np.sinc(y)
    rise = n * bind(sinc_derivative_p, n * y, order=1) * below - above * bind(sinc_derivative_p, y, order=1)
    return (sign * (0.5 / np.pi)) * rise / (below * below)


_diric = Primitive(
    "scipy.special.diric",
    lambda x, n: special.diric(x, n)[()],
    lambda x, n: ArraySpec(broadcast_shapes("scipy.special.diric", (x, n)), inexact(result_dtype((x, n)))),
    partly([_kernel_slope, None]),
    source=lambda args, params: f"scipy.special.diric({', '.join(args)})[()]",
    batch=batching.elementwise,
)


@covers(special.diric)
def diric(x: Any, n: Any) -> Any:
    """The number ``n`` is a plain integer: there is no derivative in it."""
    return bind(_diric, operand(x), operand(n))


covers(np.sinc, module="scipy.special")(np.sinc)
