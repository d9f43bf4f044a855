"""Bessel functions, modified ones, those of Hankel, and all of them scaled by exponentials.

There are rules for the argument; for the order there are none, and differentiating in it is an error that says so.

Source: NIST Digital Library of Mathematical Functions, 10.6 and 10.29 (derivatives by the neighbours in the order,
which are of one sign or do not cancel), 10.40 (the expansions for large arguments of what is scaled, where neighbours
cancel).
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import scipy.special
from scipy import special

from functrans.ops.arithmetic import is_complex
from functrans.ops.duals import absorb
from functrans.ops.family import elementwise
from functrans.primitives import POSITIVE, Rule, Rules
from functrans.scipy.covering import covers
from functrans.scipy.special.several import Function, exactly, family
from functrans.tracing.tracer import Tracer


def kve_derivative(v, z, n):  # type: ignore[no-untyped-def]
    """The derivative of order ``n`` in ``z`` of ``exp(z) K(v, z)``."""
    with np.errstate(all="ignore"):
        dtype = scipy.special.kve(v, z).dtype
        v, z = np.asarray(v, float), np.asarray(z, complex if dtype.kind == "c" else float)
        far = (np.abs(z) > 18.0) & (np.abs(z) > 0.5 * v * v)
        near = np.where(far, 1.0, z)
        out = np.zeros(())
        for j in range(2 * n + 1):  # a difference of neighbours in the order
            out = out + (-1.0) ** (n + j) * scipy.special.binom(2 * n, j) * scipy.special.kve(v - n + j, near)
        out = out / 2.0**n
        if np.any(far):
            there = np.where(far, z, 1.0)
            total, term = np.zeros(()), np.where(far, 1.0, 0.0)
            for k in range(30):
                total = total + term * np.prod(np.arange(k + 0.5, k + n, 1.0))
                term = term * (4.0 * v * v - (2.0 * k + 1.0) ** 2) / (8.0 * (k + 1.0) * there)
            out = np.where(far, (-1.0) ** n * 1.2533141373155003 * total / (np.sqrt(there) * there**n), out)
        return out.astype(dtype)[()]


def ive_derivative(v, x, n):  # type: ignore[no-untyped-def]
    """The derivative of order ``n`` in the real ``x`` of ``exp(-|x|) I(v, x)``; at 0 the mean of both sides'."""
    with np.errstate(all="ignore"):
        dtype = scipy.special.ive(v, x).dtype
        v, x = np.asarray(v, float), np.asarray(x, float)
        size = np.abs(x)
        far = (size > 18.0) & (size > 0.5 * v * v)
        near = np.where(far, 1.0, size)
        out = np.zeros(())
        for j in range(2 * n + 1):
            out = out + (-1.0) ** j * scipy.special.binom(2 * n, j) * scipy.special.ive(v - n + j, near)
        out = out / 2.0**n
        if np.any(far):
            there = np.where(far, size, 1.0)
            total, term = np.zeros(()), np.where(far, 1.0, 0.0)
            for k in range(30):
                total = total + term * np.prod(np.arange(k + 0.5, k + n, 1.0))
                term = term * ((2.0 * k + 1.0) ** 2 - 4.0 * v * v) / (8.0 * (k + 1.0) * there)
            out = np.where(far, (-1.0) ** n * 0.3989422804014327 * total / (np.sqrt(there) * there**n), out)
        # On the left it is even or odd if the order is an integer, else it is none.
        mirrored = np.where(v == np.rint(v), 1.0 - 2.0 * ((v + n) % 2), np.nan)
        out = np.where(x < 0, mirrored * out, out)
        out = np.where((x == 0) & (mirrored == -1.0), 0.0, out)
        return out.astype(dtype)[()]


scaled_k: Function = family(kve_derivative, special.kve, [None, lambda out, v, z, n: scaled_k(v, z, n=n + 1)])
scaled_i: Function = family(ive_derivative, special.ive, [None, lambda out, v, x, n: scaled_i(v, x, n=n + 1)])


def _fall(f: Function) -> Rule:
    def rule(out: Any, v: Any, z: Any) -> Any:
        v = exactly(v, z)
        return 0.5 * (f(v - 1, z) - f(v + 1, z))

    return rule


def _rise(f: Function) -> Rule:
    def rule(out: Any, v: Any, z: Any) -> Any:
        v = exactly(v, z)
        return 0.5 * (f(v - 1, z) + f(v + 1, z))

    return rule


def _negative_rise(f: Function) -> Rule:
    def rule(out: Any, v: Any, z: Any) -> Any:
        v = exactly(v, z)
        return -0.5 * (f(v - 1, z) + f(v + 1, z))

    return rule


_ORDER, _ARGUMENT = (0.2, 4.2), (0.3, 9.0)
_DOMAIN = (_ORDER, _ARGUMENT)

elementwise(special.j0, [lambda out, x: -special.j1(x)])
elementwise(special.j1, [lambda out, x: 0.5 * (special.j0(x) - special.jv(2.0, x))])
elementwise(special.y0, [lambda out, x: -special.y1(x)], singular=True, domain=POSITIVE)
elementwise(special.y1, [lambda out, x: 0.5 * (special.y0(x) - special.yv(2.0, x))], singular=True, domain=POSITIVE)
elementwise(special.i0, [lambda out, x: special.i1(x)], singular=True)
elementwise(special.i1, [lambda out, x: 0.5 * (special.i0(x) + special.iv(2.0, x))], singular=True)
elementwise(special.k0, [lambda out, x: -special.k1(x)], singular=True, domain=POSITIVE)
elementwise(special.k1, [lambda out, x: -0.5 * (special.k0(x) + special.kv(2.0, x))], singular=True, domain=POSITIVE)
elementwise(special.i0e, [lambda out, x: scaled_i(0.0, x, n=1)])
elementwise(special.i1e, [lambda out, x: scaled_i(1.0, x, n=1)])
elementwise(special.k0e, [lambda out, x: scaled_k(0.0, x, n=1)], singular=True, domain=POSITIVE)
elementwise(special.k1e, [lambda out, x: scaled_k(1.0, x, n=1)], singular=True, domain=POSITIVE)

elementwise(special.jv, [None, _fall(special.jv)], singular=True, domain=_DOMAIN)
elementwise(special.yv, [None, _fall(special.yv)], singular=True, domain=_DOMAIN)
elementwise(special.yn, [None, _fall(special.yn)], singular=True, domain=_DOMAIN)
elementwise(special.hankel1, [None, _fall(special.hankel1)], singular=True, domain=_DOMAIN)
elementwise(special.hankel2, [None, _fall(special.hankel2)], singular=True, domain=_DOMAIN)
elementwise(special.iv, [None, _rise(special.iv)], singular=True, domain=_DOMAIN)
elementwise(special.kv, [None, _negative_rise(special.kv)], singular=True, domain=_DOMAIN)
elementwise(special.kn, [None, _negative_rise(special.kn)], singular=True, domain=_DOMAIN)
elementwise(special.kve, [None, lambda out, v, z: scaled_k(v, z, n=1)], singular=True, domain=_DOMAIN)


def _scaled_hankel(f: Function, side: float) -> Rule:
    """That of ``exp(-side i z) H(v, z)``, which is ``exp(w) K(v, w)``, ``w = -side i z``, but in one quadrant."""

    def rule(out: Any, v: Any, z: Any) -> Any:
        v = exactly(v, z)
        turn = np.exp((-0.5j * side * np.pi) * v)
        slope = (-2.0 / np.pi) * turn * scaled_k(v, (-1j * side) * z, n=1)
        if not is_complex(z):
            return slope
        outside = (np.real(z) <= 0) & (side * np.imag(z) < 0)
        return np.where(outside, 0.5 * (f(v - 1, z) - f(v + 1, z)) - (1j * side) * out, slope)

    return rule


elementwise(
    special.hankel1e, [None, _scaled_hankel(special.hankel1e, 1.0)], singular=True, domain=(_ORDER, (0.3, 30.0))
)
elementwise(
    special.hankel2e, [None, _scaled_hankel(special.hankel2e, -1.0)], singular=True, domain=(_ORDER, (0.3, 30.0))
)


def _moduli(slope: Rule, scaled_by: complex) -> Rules:
    """Of a function that is scaled by ``exp(-|Re z|)`` (or by ``Im z``, if ``scaled_by`` is 1j): it is not holomorphic.

    Beside ``slope(out, v, z)``, which leaves the scale as it is, there is what comes of its modulus.
    """

    def part(z: Any) -> Any:
        return np.imag(z) if scaled_by == 1j else np.real(z)

    def pushed(t: Any, out: Any, v: Any, z: Any) -> Any:
        tangent = absorb(t, slope(out, v, z))
        return tangent - part(t) * (np.sign(part(z)) * out) if is_complex(z) else tangent

    def pulled(ct: Any, out: Any, v: Any, z: Any) -> Any:
        cotangent = absorb(ct, slope(out, v, z))
        if not is_complex(z):
            return cotangent
        return cotangent - np.conj(scaled_by) * (np.sign(part(z)) * np.real(ct * out))

    return Rules(jvp=[None, pushed], vjp=[None, pulled])


_ive_rise = _rise(special.ive)


def _ive_slope(out: Any, v: Any, z: Any) -> Any:
    if is_complex(z):
        return _ive_rise(out, v, z)
    return scaled_i(v, z, n=1)


elementwise(special.ive, derivative=_moduli(_ive_slope, 1.0), domain=_DOMAIN)
elementwise(special.jve, derivative=_moduli(_fall(special.jve), 1j), domain=_DOMAIN)
elementwise(special.yve, derivative=_moduli(_fall(special.yve), 1j), domain=_DOMAIN)

# Derivatives of any order, as functions.


def _differences(f: Function, v: Any, z: Any, n: Any, phase: float, sign: float = 1.0) -> Any:
    """SciPy's sums of neighbours, term by term, so that the last bits are the same."""
    times = operator.index(n)
    if times < 0:
        raise ValueError("n must be a non-negative integer")
    if times == 0:
        return f(v, z)
    v = v if type(v) is Tracer else np.asarray(v)
    factor, total = 1.0, f(v - times, z)
    for i in range(1, times + 1):
        factor = phase * (factor * (times - i + 1)) / i
        total = total + factor * f(v - times + i * 2, z)
    out = total / 2.0**times
    return sign**times * out if sign != 1.0 else out


@covers(special.jvp)
def jvp(v: Any, z: Any, n: Any = 1) -> Any:
    """The order ``n`` of the derivative is a plain integer."""
    return _differences(special.jv, v, z, n, -1)


@covers(special.yvp)
def yvp(v: Any, z: Any, n: Any = 1) -> Any:
    """The order ``n`` of the derivative is a plain integer."""
    return _differences(special.yv, v, z, n, -1)


@covers(special.h1vp)
def h1vp(v: Any, z: Any, n: Any = 1) -> Any:
    """The order ``n`` of the derivative is a plain integer."""
    return _differences(special.hankel1, v, z, n, -1)


@covers(special.h2vp)
def h2vp(v: Any, z: Any, n: Any = 1) -> Any:
    """The order ``n`` of the derivative is a plain integer."""
    return _differences(special.hankel2, v, z, n, -1)


@covers(special.ivp)
def ivp(v: Any, z: Any, n: Any = 1) -> Any:
    """The order ``n`` of the derivative is a plain integer."""
    return _differences(special.iv, v, z, n, 1)


@covers(special.kvp)
def kvp(v: Any, z: Any, n: Any = 1) -> Any:
    """The order ``n`` of the derivative is a plain integer."""
    return _differences(special.kv, v, z, n, 1, -1)
