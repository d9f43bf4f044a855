"""The gamma function, its logarithm, its reciprocal, and the derivatives of its logarithm; the zeta functions.

Source: NIST Digital Library of Mathematical Functions, chapters 5 (5.15 for the polygamma functions: 5.15.6 is their
reflection) and 25 (25.11.17 and 25.11.43 for the zeta function of Hurwitz).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special
from scipy import special

from functrans.errors import UncoveredFunctionError
from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.arithmetic import is_complex
from functrans.ops.family import broadcast_shapes, elementwise, operand, partly, ufunc_spec
from functrans.primitives import POSITIVE, Primitive
from functrans.scipy.covering import covers
from functrans.scipy.special.ladder import inexact
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import UFUNCS
from functrans.tracing.tracer import Tracer


def polygamma_reflected(n, x):  # type: ignore[no-untyped-def]
    """The polygamma function of order ``n > 0``, of every real or complex ``x``."""
    n, x = np.asarray(n, float), np.asarray(x)
    dtype = x.dtype if x.dtype.kind in "fc" else np.dtype(float)
    with np.errstate(all="ignore"):
        if dtype.kind == "c":
            mirrored = np.real(x) < 0.5
            y = np.where(mirrored, 1.0 - x, x).astype(complex)
            zeta = np.zeros(np.broadcast_shapes(n.shape, x.shape), complex)
            for _ in range(16):
                zeta += y ** -(n + 1.0)
                y += 1.0
            zeta += y**-n / n + 0.5 * y ** -(n + 1.0)
            term = 0.5 * (n + 1.0) * y ** -(n + 2.0)  # the formula of Euler and Maclaurin
            for j, bernoulli in enumerate((1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)):
                zeta += bernoulli * term
                term = term * (n + 2.0 + 2 * j) * (n + 3.0 + 2 * j) / ((2 * j + 3) * (2 * j + 4) * y * y)
        else:
            mirrored = x < 0
            zeta = scipy.special.zeta(n + 1.0, np.where(mirrored, 1.0 - x, x).astype(float))
        out = (1.0 - 2.0 * ((n + 1.0) % 2)) * scipy.special.gamma(n + 1.0) * zeta
        if np.any(mirrored):
            r = (np.where(mirrored, x, 0.25) - np.rint(np.where(mirrored, np.real(x), 0.0))).astype(out.dtype)
            cotangent = 1.0 / np.tan(np.pi * r)
            slope = np.zeros(out.shape, out.dtype)
            powers = np.array([0.0, 1.0])  # the derivatives of the cotangent are polynomials in it
            for order in range(1, int(np.max(n, initial=0.0)) + 1):
                powers = -np.polynomial.polynomial.polymul([1.0, 0.0, 1.0], powers[1:] * np.arange(1.0, len(powers)))
                value = np.pi ** (order + 1.0) * np.polynomial.polynomial.polyval(cotangent, powers)
                slope = np.where(n == order, value, slope)
            out = np.where(mirrored, (1.0 - 2.0 * (n % 2)) * out - slope, out)
        return out.astype(dtype)[()]


_reflected: Primitive = Primitive(
    "scipy.special.polygamma_reflected",
    polygamma_reflected,
    lambda n, x: ArraySpec(broadcast_shapes("polygamma", (n, x)), inexact(x.dtype)),
    partly([None, lambda out, n, x: polygamma_of(n + 1, x)]),
    source=lambda args, params: f"polygamma_reflected({args[0]}, {args[1]})",
    helpers={"polygamma_reflected": polygamma_reflected},
    batch=batching.elementwise,
)


def polygamma_of(n: Any, x: Any) -> Any:
    """The polygamma function of order ``n > 0`` of traced values, also of negative and of complex ones."""
    return bind(_reflected, n, x)


elementwise(special.gamma, [lambda out, x: out * special.psi(x)], singular=True, domain=POSITIVE)
elementwise(special.gammaln, [lambda out, x: special.psi(x)], singular=True, domain=POSITIVE)
elementwise(special.loggamma, [lambda out, x: special.psi(x)], singular=True, domain=POSITIVE)
elementwise(special.psi, [lambda out, x: polygamma_of(1, x)], singular=True, domain=POSITIVE)
elementwise(special.gammasgn, constant="it is constant between its jumps")


def _rgamma_slope(out: Any, x: Any) -> Any:
    # 1 / gamma(x) = gamma(1 - x) sin(pi x) / pi: on the left, where psi has poles and 1 / gamma(x) is zero.
    real = np.real(x) if is_complex(x) else x
    left = real < 0.5
    y = np.where(left, x, 0.25)
    turn = np.pi * (y - 2.0 * np.rint(np.where(left, 0.5 * real, 0.0)))
    mirrored = special.gamma(1.0 - y) * (np.cos(turn) - special.psi(1.0 - y) * ((1.0 / np.pi) * np.sin(turn)))
    return np.where(left, mirrored, -special.psi(np.where(left, 1.0, x)) * out)


elementwise(special.rgamma, [_rgamma_slope], singular=True)


def _polygamma_spec(n: ArraySpec, x: ArraySpec) -> ArraySpec:
    order = n.dtype if n.dtype.kind == "f" else np.dtype(float)
    dtype = np.result_type(order, _hurwitz_spec(ArraySpec((), order), x.strong()).dtype, inexact(x.dtype))
    return ArraySpec(broadcast_shapes("scipy.special.polygamma", (n, x)), dtype)


_polygamma = Primitive(
    "scipy.special.polygamma",
    lambda n, x: special.polygamma(n, x)[()],
    _polygamma_spec,
    partly([None, lambda out, n, x: polygamma_of(n + 1, x)]),
    source=lambda args, params: f"scipy.special.polygamma({', '.join(args)})[()]",
    batch=batching.elementwise,
)


@covers(special.polygamma)
def polygamma(n: Any, x: Any) -> Any:
    """The order ``n`` is a plain integer: no derivative in it is known."""
    return bind(_polygamma, operand(n), operand(x))


# The zeta functions. SciPy has two ufuncs without public names.

_riemann_ufunc, _hurwitz_ufunc = special._ufuncs._riemann_zeta, special._ufuncs._zeta
_riemann_spec, _hurwitz_spec = ufunc_spec(_riemann_ufunc), ufunc_spec(_hurwitz_ufunc)
_riemann = Primitive(
    "scipy.special.riemann_zeta",
    _riemann_ufunc,
    _riemann_spec,
    None,
    source=lambda args, params: f"scipy.special.zeta({args[0]})",
    batch=batching.elementwise,
)
_hurwitz: Primitive = Primitive(
    "scipy.special.zeta",
    _hurwitz_ufunc,
    _hurwitz_spec,
    partly([None, lambda out, x, q: -x * bind(_hurwitz, x + 1.0, q)]),
    batch=batching.elementwise,
)


@covers(special.zeta)
def zeta(x: Any, q: Any = None, out: Any = None) -> Any:
    """The derivative in ``q`` is known, that in ``x`` is not."""
    if out is not None:
        raise UncoveredFunctionError("`out=` of `scipy.special.zeta` on a traced value is not covered", "leave it out.")
    return bind(_riemann, operand(x)) if q is None else bind(_hurwitz, operand(x), operand(q))


UFUNCS[_riemann_ufunc], UFUNCS[_hurwitz_ufunc] = zeta, zeta
elementwise(special.zetac)


@covers(special.multigammaln)
def multigammaln(a: Any, d: Any) -> Any:
    """The dimension ``d`` is a plain integer. Where values are not known, ``a`` is not checked."""
    count: Any = np.asarray(d)[()]
    if np.ndim(count) or np.floor(count) != count:
        raise ValueError("d should be a positive integer (dimension)")
    known = a
    while type(known) is Tracer:
        known = known.value
    if not isinstance(known, ArraySpec) and np.any(known <= 0.5 * (count - 1)):
        raise ValueError(f"condition a ({known}) > 0.5 * (d-1) ({0.5 * (count - 1)}) not met")
    terms = np.stack([a - (j - 1.0) / 2 for j in range(1, int(count) + 1)])
    return (count * (count - 1) * 0.25) * np.log(np.pi) + np.sum(special.gammaln(terms), axis=0)


def digamma_difference(a, m, n):  # type: ignore[no-untyped-def]
    """``psi(a + m) - psi(a)``, or that of their derivatives of order ``n``, which does not cancel for small ``m``."""
    a, m = np.asarray(a), np.asarray(m)
    dtype = np.result_type(a, m)
    dtype = dtype if dtype.kind == "f" else np.dtype(float)
    a, m = a.astype(float), m.astype(float)
    b = a + m
    with np.errstate(all="ignore"):
        fine = (a > 0) & (b > 0) & np.isfinite(b)
        u, v, step = np.where(fine, a, 1.0), np.where(fine, b, 1.0), np.where(fine, m, 0.0)
        total = np.zeros(b.shape)
        for _ in range(12):  # the recurrence, up to where the series of Stirling holds
            total += inverse_power_difference(u, v, step, n + 1)[0]
            u, v = u + 1.0, v + 1.0
        factorial = scipy.special.gamma(n + 1.0)
        total *= factorial
        if n == 0:
            total -= np.log1p(step / u)
        differences = inverse_power_difference(u, v, step, n + 16)
        total += factorial / n * differences[-n] if n else 0.0
        total += 0.5 * factorial * differences[-n - 1]
        for j, bernoulli in enumerate((1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510), 1):
            scale = bernoulli * scipy.special.gamma(2.0 * j + n) / scipy.special.gamma(2.0 * j + 1.0)
            total += scale * differences[-2 * j - n]
        total *= 1.0 if n % 2 else -1.0
        if not np.all(fine):
            direct = scipy.special.psi if n == 0 else lambda x: polygamma_reflected(n, x)
            total = np.where(fine, total, direct(b) - direct(a))
        return total.astype(dtype)[()]


def inverse_power_difference(u, v, step, count):  # type: ignore[no-untyped-def]
    """``v**-p - u**-p`` where ``v = u + step``, for ``p`` from ``count`` down to 1: no term of theirs cancels."""
    p, q = 1.0 / u, 1.0 / v
    first = -step * p * q
    found, power = [first], np.ones_like(p)
    for _ in range(count - 1):
        power = power * p
        found.insert(0, q * found[0] + power * first)
    return found
