"""Elliptic integrals, of Legendre's and of Carlson's kind, Jacobi's elliptic functions, the arithmetic-geometric mean.

Derivatives of Legendre's integrals are Carlson's, where nothing cancels or is divided by at a parameter of 0 or 1.
Those of Carlson's are integrals of the same kind with other powers, computed by the trapezoidal rule in ``log(t)``,
whose error falls exponentially with the number of points.

Source: NIST Digital Library of Mathematical Functions, 19.16 and 19.18 (Carlson's integrals and their derivatives),
19.25 (Legendre's integrals by them), 22.16 (the amplitude), 19.8 (the mean).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.duals import absorb
from functrans.ops.family import elementwise, ufunc_spec
from functrans.primitives import POSITIVE, Primitive, Rule, Rules
from functrans.scipy.special.several import several
from functrans.tracing.bind import bind


def carlson_integral(*args, powers, weight):  # type: ignore[no-untyped-def]
    """The integral of ``t**weight`` times the product of ``(t + x)**-power`` over ``t > 0``."""
    with np.errstate(all="ignore"):
        dtype = np.result_type(*args)
        dtype = dtype if dtype.kind in "fc" else np.dtype(float)
        wide = complex if dtype.kind == "c" else float
        x = np.stack(np.broadcast_arrays(*[np.asarray(arg, wide) for arg in args]))
        angles = np.abs(np.angle(x))
        fine = np.all(np.isfinite(x) & (angles < 3.1), axis=0)
        x = np.where(fine, x, 1.0)
        scale = np.max(np.abs(x), axis=0)
        scale = np.where(scale == 0, 1.0, scale)
        x = x / scale
        below, above = weight + 1.0, sum(powers) - weight - 1.0
        for entry, power in zip(x, powers, strict=True):
            below = below - np.where(entry == 0, power, 0.0)
        infinite = below <= 0
        size = np.abs(x)
        first = np.log(np.min(size, initial=1.0, where=size > 0)) - 39.0 / np.min(below, initial=1.0, where=~infinite)
        step = 0.157 * (np.pi - np.max(angles, initial=0.0, where=fine))
        # Multiples of the step, so that those which matter most are the ones that are rounded least.
        nodes = step * np.arange(np.floor(first / step), np.ceil(39.0 / above / step) + 1.0)
        total = np.zeros(x.shape[1:], wide)
        for start in range(0, len(nodes), 64):
            t = np.exp(nodes[start : start + 64]).reshape(-1, *[1] * total.ndim)
            term = t ** (weight + 1.0)
            for entry, power in zip(x, powers, strict=True):
                term = term * (entry + t) ** -power
            total = total + np.sum(term, axis=0)
        out = np.where(infinite, np.inf, total * step) * scale**-above
        return np.where(fine, out, np.nan).astype(dtype)[()]


_specs = {nin: ufunc_spec(ufunc) for nin, ufunc in {2: special.elliprc, 3: special.elliprf, 4: special.elliprj}.items()}


def _carlson_spec(*specs: ArraySpec, powers: Any, weight: Any) -> ArraySpec:
    return _specs[len(specs)](*specs)


def _raised(position: int) -> Rule:
    """One power more, times the power."""

    def rule(t: Any, out: Any, *args: Any, powers: Any, weight: Any) -> Any:
        return absorb(t, carlson(*args, powers=_plus_one(powers, position), weight=weight) * -powers[position])

    return rule


def _plus_one(powers: tuple[float, ...], position: int) -> tuple[float, ...]:
    return (*powers[:position], powers[position] + 1.0, *powers[position + 1 :])


_rules = [_raised(position) for position in range(4)]
_integral = Primitive(
    "scipy.special.carlson_integral",
    carlson_integral,
    _carlson_spec,
    Rules(jvp=_rules, vjp=_rules),
    source=lambda args, params: (
        f"carlson_integral({', '.join(args)}, powers={params['powers']!r}, weight={params['weight']!r})"
    ),
    helpers={"carlson_integral": carlson_integral},
    batch=batching.elementwise,
)


def carlson(*args: Any, powers: tuple[float, ...], weight: float = 0.0) -> Any:
    """:func:`carlson_integral` of traced values."""
    return bind(_integral, *args, powers=powers, weight=weight)


def _all(factor: float, powers: tuple[float, ...], weight: float = 0.0) -> list[Rule]:
    """The derivatives of ``factor * carlson(...)``."""

    def rule(position: int) -> Rule:
        raised, times = _plus_one(powers, position), -factor * powers[position]
        return lambda out, *args: times * carlson(*args, powers=raised, weight=weight)

    return [rule(position) for position in range(len(powers))]


elementwise(special.elliprc, _all(0.5, (0.5, 1.0)), singular=True, domain=POSITIVE)
elementwise(
    special.elliprf,
    [
        lambda out, x, y, z: special.elliprd(y, z, x) * (-1.0 / 6.0),
        lambda out, x, y, z: special.elliprd(x, z, y) * (-1.0 / 6.0),
        lambda out, x, y, z: special.elliprd(x, y, z) * (-1.0 / 6.0),
    ],
    singular=True,
    domain=POSITIVE,
)
elementwise(special.elliprd, _all(1.5, (0.5, 0.5, 1.5)), singular=True, domain=POSITIVE)
elementwise(special.elliprj, _all(1.5, (0.5, 0.5, 0.5, 1.0)), singular=True, domain=POSITIVE)
elementwise(
    special.elliprg,
    [
        lambda out, x, y, z: carlson(x, y, z, powers=(1.5, 0.5, 0.5), weight=1.0) * 0.125,
        lambda out, x, y, z: carlson(x, y, z, powers=(0.5, 1.5, 0.5), weight=1.0) * 0.125,
        lambda out, x, y, z: carlson(x, y, z, powers=(0.5, 0.5, 1.5), weight=1.0) * 0.125,
    ],
    singular=True,
    domain=POSITIVE,
)

# Complete integrals of Legendre's kind.


def _k_slope(p: Any) -> Any:
    """The derivative of K in m, given 1 - m."""
    return special.elliprd(0.0, 1.0, p) * (1.0 / 6.0)


def _e_slope(p: Any) -> Any:
    return special.elliprd(0.0, p, 1.0) * (-1.0 / 6.0)


elementwise(special.ellipk, [lambda out, m: _k_slope(1.0 - m)], singular=True, domain=(-6.0, 1.0))
elementwise(special.ellipkm1, [lambda out, p: -_k_slope(p)], singular=True, domain=POSITIVE)
elementwise(special.ellipe, [lambda out, m: _e_slope(1.0 - m)], singular=True, domain=(-6.0, 1.0))

# Incomplete ones: so many half periods, and a rest.


def _parts(phi: Any, m: Any) -> tuple[Any, Any, Any, Any, Any]:
    turns = np.rint(phi * (1.0 / np.pi))
    s, c = np.sin(phi) * (1.0 - 2.0 * np.mod(turns, 2.0)), np.cos(phi)
    whole = turns == 0
    # Where there are no half periods that of m = 1, which is infinite, must not be asked for.
    return s, c * c, c * c + (1.0 - m) * (s * s), 2.0 * turns, np.where(whole, 0.5, 1.0 - m)


def _f_by_m(phi: Any, m: Any) -> Any:
    s, cc, y, periods, p = _parts(phi, m)
    return (s * s * s) * (1.0 / 6.0) * special.elliprd(cc, 1.0, y) + periods * _k_slope(p)


def _e_by_m(phi: Any, m: Any) -> Any:
    s, cc, y, periods, p = _parts(phi, m)
    return (s * s * s) * (-1.0 / 6.0) * special.elliprd(cc, y, 1.0) + periods * _e_slope(p)


def _delta(phi: Any, m: Any) -> Any:
    """``sqrt(1 - m sin(phi)**2)``."""
    return np.sqrt(np.square(np.cos(phi)) + (1.0 - m) * np.square(np.sin(phi)))


_LEGENDRE = ((-6.0, 6.0), (-3.0, 0.9))
elementwise(
    special.ellipkinc,
    [lambda out, phi, m: 1.0 / _delta(phi, m), lambda out, phi, m: _f_by_m(phi, m)],
    singular=True,
    domain=_LEGENDRE,
)
elementwise(
    special.ellipeinc,
    [lambda out, phi, m: _delta(phi, m), lambda out, phi, m: _e_by_m(phi, m)],
    singular=True,
    domain=_LEGENDRE,
)

# Jacobi's functions: sn, cn, dn and the amplitude, which is the inverse of F(phi, m).


def _by_u(out: Any, u: Any, m: Any) -> tuple[Any, ...]:
    sn, cn, dn, _ = out
    return cn * dn, -sn * dn, -m * (sn * cn), dn


def _by_m(out: Any, u: Any, m: Any) -> tuple[Any, ...]:
    sn, cn, dn, phi = out
    late = _f_by_m(phi, m)
    turned = -dn * late
    return cn * turned, -sn * turned, m * (sn * cn) * late - 0.5 * (sn * sn) / dn, turned


several(special.ellipj, [_by_u, _by_m])

# 1 / agm(a, b) is 2 / pi times R_F(0, a**2, b**2).


def _mean_slope(out: Any, a: Any, b: Any) -> Any:
    share = out / a
    return (2.0 / (3.0 * np.pi)) * (share * share) * special.elliprd(0.0, np.square(b / a), 1.0)


elementwise(
    special.agm,
    [_mean_slope, lambda out, a, b: _mean_slope(out, b, a)],
    singular=True,
    domain=POSITIVE,
)
