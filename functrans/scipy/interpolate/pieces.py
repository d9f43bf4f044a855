"""Polynomials in pieces: what a cubic interpolant is made of, and its value at points, also between traced knots.

Each piece is a polynomial in the distance to its left knot; a knot belongs to the piece on its right, the last one to
that on its left. The slopes at the knots of a cubic spline solve a tridiagonal system; those that preserve shapes
have theirs from the slopes beside (Fritsch and Butland, SIAM J. Sci. Stat. Comput. 5 (1984); Akima, J. ACM 17 (1970)).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import interpolate

from functrans.ir.spec import ArraySpec
from functrans.ops.index import getitem
from functrans.primitives import Primitive
from functrans.scipy import twin
from functrans.tracing.bind import bind

# Their value.


def _pieces_twin(c: Any, knots: Any, x: Any, *, nu: int, extrapolate: Any) -> Any:
    inside: Any = True
    if extrapolate == "periodic":
        x = knots[0] + np.mod(x - knots[0], knots[-1] - knots[0])
    elif not extrapolate:
        inside = (x >= knots[0]) & (x <= knots[-1])
    piece = np.clip(np.searchsorted(knots, x, side="right") - 1, 0, knots.shape[0] - 2)
    rest = c.ndim - 2
    wide = (*np.shape(x), *[1] * rest)
    distance = np.reshape(x - getitem(knots, piece), wide)
    value: Any = None
    degree = c.shape[0] - 1
    for i in range(max(degree - nu + 1, 0)):
        factor = float(np.prod(np.arange(degree - i - nu + 1, degree - i + 1)))
        term = factor * getitem(c, (i, piece))
        value = term if value is None else value * distance + term
    if value is None:
        value = 0.0 * getitem(c, (0, piece))
    return value if inside is True else np.where(np.reshape(inside, wide), value, np.nan)


def _pieces_impl(c: Any, knots: Any, x: Any, *, nu: int, extrapolate: Any) -> Any:
    return interpolate.PPoly(c, knots, extrapolate)(x, nu)


pieces_p = Primitive(
    "scipy.interpolate.PPoly",
    _pieces_impl,
    lambda c, knots, x, **_: ArraySpec((*x.shape, *c.shape[2:]), np.result_type(c.dtype, np.float64)),
    twin.rules(_pieces_twin, 3),
    source=lambda args, params: (
        f"scipy.interpolate.PPoly({args[0]}, {args[1]}, {params['extrapolate']!r})({args[2]}, {params['nu']})"
    ),
    masks=True,
    batch=twin.batch(_pieces_twin),
)


# The coefficients of cubic ones, from values and slopes at the knots.


def _from_slopes(x: Any, y: Any, slopes: Any) -> Any:
    step = np.reshape(x[1:] - x[:-1], (-1, *[1] * (y.ndim - 1)))
    rise = (y[1:] - y[:-1]) / step
    t = (slopes[:-1] + slopes[1:] - 2 * rise) / step
    return np.stack([t / step, (rise - slopes[:-1]) / step - t, slopes[:-1], y[:-1]])


def _hermite_twin(x: Any, y: Any, slopes: Any) -> Any:
    return _from_slopes(x, y, slopes)


def _tridiagonal(lower: Any, diagonal: Any, upper: Any, right: Any) -> Any:
    from functrans.scipy.linalg import solve_banded

    zero = np.zeros(1)
    bands = np.stack([np.concatenate([zero, upper]), diagonal, np.concatenate([lower, zero])])
    flat = np.reshape(right, (right.shape[0], -1))
    return np.reshape(solve_banded((1, 1), bands, flat), right.shape)


def _cubic_twin(x: Any, y: Any, *, bc: tuple[Any, Any]) -> Any:
    n = x.shape[0]
    h = x[1:] - x[:-1]
    wide = np.reshape(h, (-1, *[1] * (y.ndim - 1)))
    rise = (y[1:] - y[:-1]) / wide
    start, end = bc
    if n == 2:
        # Both ends are free, or as free as they are: a line.
        start, end = [rise[0] if isinstance(b, str) else b for b in bc]
    if n == 3 and start == "not-a-knot" and end == "not-a-knot":  # a parabola
        middle = (wide[0] * rise[1] + wide[1] * rise[0]) / (wide[0] + wide[1])
        return _from_slopes(x, y, np.stack([2 * rise[0] - middle, middle, 2 * rise[1] - middle]))
    if isinstance(start, str) and start == "periodic":
        return _from_slopes(x, y, _periodic_slopes(h, wide, rise))
    inner = 3 * (wide[1:] * rise[:-1] + wide[:-1] * rise[1:])
    first, on_first, above = _end(start, h, wide, rise, 1)
    last, on_last, below = _end(end, h[::-1], wide[::-1], rise[::-1], -1)
    lower = np.concatenate([h[1:], np.reshape(below, (1,))])
    upper = np.concatenate([np.reshape(above, (1,)), h[:-1]])
    diagonal = np.concatenate([np.reshape(on_first, (1,)), 2 * (h[:-1] + h[1:]), np.reshape(on_last, (1,))])
    return _from_slopes(x, y, _tridiagonal(lower, diagonal, upper, np.concatenate([first[None], inner, last[None]])))


def _end(kind: Any, h: Any, wide: Any, rise: Any, sign: int) -> tuple[Any, Any, Any]:
    """The equation at an end: its right side, and the weights of the slope there and of the next one."""
    if isinstance(kind, str):  # not-a-knot
        both = wide[0] + wide[1]
        right = ((wide[0] + 2 * both) * wide[1] * rise[0] + wide[0] ** 2 * rise[1]) / both
        return right, h[1], h[0] + h[1]
    if not isinstance(kind, tuple):  # the slope itself
        return kind, np.ones(()), np.zeros(())
    order, value = kind
    if order == 1:
        return value + 0.0 * rise[0], np.ones(()), np.zeros(())
    return -0.5 * sign * value * wide[0] ** 2 + 3 * rise[0] * wide[0], 2 * h[0], h[0]


def _periodic_slopes(h: Any, wide: Any, rise: Any) -> Any:
    """The slopes but the last one, which is the first: a tridiagonal system with corners."""
    m = h.shape[0]
    if m == 1:
        return np.stack([rise[0], rise[0]])
    if m == 2:
        common = np.sum(rise / wide, axis=0) / np.sum(1.0 / wide, axis=0)
        return np.stack([common, common, common])
    before = np.concatenate([h[-1:], h[:-1]])
    wide_before = np.concatenate([wide[-1:], wide[:-1]])
    right = 3 * (wide * np.concatenate([rise[-1:], rise[:-1]]) + wide_before * rise)
    diagonal = 2 * (before + h)
    # Without the last unknown it is tridiagonal: once for the right side, once for that unknown.
    # Equation i: h[i] s[i-1] + diagonal[i] s[i] + before[i] s[i+1].
    columns = np.concatenate([np.reshape(right[:-1], (m - 1, -1)), np.zeros((m - 1, 1))], axis=1)
    unit = np.zeros((1, columns.shape[1]))
    unit[0, -1] = 1.0
    columns = columns + np.reshape(_corner(h, before, m), (-1, 1)) * unit
    solved = _tridiagonal(h[1 : m - 1], diagonal[:-1], before[: m - 2], columns)
    plain, share = solved[:, :-1], solved[:, -1]
    flat = np.reshape(right[-1], (-1,))
    last = (flat - h[m - 1] * plain[-1] - before[m - 1] * plain[0]) / (
        diagonal[-1] + h[m - 1] * share[-1] + before[m - 1] * share[0]
    )
    slopes = plain + np.reshape(share, (-1, 1)) * last
    return np.reshape(np.concatenate([slopes, last[None], slopes[:1]]), (m + 1, *rise.shape[1:]))


def _corner(h: Any, before: Any, m: int) -> Any:
    """What the last unknown is multiplied by in the other equations, on the right side."""
    first = -np.reshape(h[0], (1,))
    last = -np.reshape(before[m - 2], (1,))
    return np.concatenate([first, np.zeros(m - 3), last])  # in an equation each, if there are three


def _pchip_twin(x: Any, y: Any) -> Any:
    h = np.reshape(x[1:] - x[:-1], (-1, *[1] * (y.ndim - 1)))
    m = (y[1:] - y[:-1]) / h
    if y.shape[0] == 2:
        return _from_slopes(x, y, np.concatenate([m, m]))
    flat = (np.sign(m[1:]) != np.sign(m[:-1])) | (m[1:] == 0) | (m[:-1] == 0)
    left, right = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
    safe = [np.where(flat, 1.0, part) for part in (m[:-1], m[1:])]
    inner = np.where(flat, 0.0, (left + right) / (left / safe[0] + right / safe[1]))

    def end(h0: Any, h1: Any, m0: Any, m1: Any) -> Any:
        d = ((2 * h0 + h1) * m0 - h0 * m1) / (h0 + h1)
        steep = (np.sign(m0) != np.sign(m1)) & (np.abs(d) > 3.0 * np.abs(m0))
        return np.where(np.sign(d) != np.sign(m0), 0.0, np.where(steep, 3.0 * m0, d))

    first, last = end(h[0], h[1], m[0], m[1]), end(h[-1], h[-2], m[-1], m[-2])
    return _from_slopes(x, y, np.concatenate([first[None], inner, last[None]]))


def _akima_twin(x: Any, y: Any, *, method: str) -> Any:
    h = np.reshape(x[1:] - x[:-1], (-1, *[1] * (y.ndim - 1)))
    m = (y[1:] - y[:-1]) / h
    if y.shape[0] == 2:
        return _from_slopes(x, y, np.concatenate([m, m]))
    left = 2.0 * m[:1] - m[1:2]
    right = 2.0 * m[-1:] - m[-2:-1]
    m = np.concatenate([2.0 * left - m[:1], left, m, right, 2.0 * right - m[-1:]])
    change = np.abs(m[1:] - m[:-1])
    if method == "makima":
        change_of = np.abs(m[1:] + m[:-1])
        f1, f2 = change[2:] + 0.5 * change_of[2:], change[:-2] + 0.5 * change_of[:-2]
    else:
        f1, f2 = change[2:], change[:-2]
    both = f1 + f2
    defined = both > 1e-9 * np.max(both)
    share = f2 / np.where(defined, both, 1.0)
    slopes = np.where(defined, m[1:-2] + share * (m[2:-1] - m[1:-2]), 0.5 * (m[3:] + m[:-3]))
    return _from_slopes(x, y, slopes)


def _coefficients_spec(x: ArraySpec, y: ArraySpec, *others: ArraySpec, **_: Any) -> ArraySpec:
    dtype = np.result_type(np.float64, y.dtype, *[o.dtype for o in others])
    return ArraySpec((4, x.shape[0] - 1, *y.shape[1:]), dtype)


def _coefficients(name: str, impl: Any, written: Any, count: int, call: Any) -> Primitive:
    return Primitive(
        f"scipy.interpolate.{name}",
        impl,
        _coefficients_spec,
        twin.rules(written, count),
        source=call,
        batch=twin.batch(written),
    )


def _source(name: str, keyword: str = "") -> Any:
    def source(args: list[str], params: dict[str, Any]) -> str:
        given = f", {keyword}={next(iter(params.values()))!r}" if keyword else ""
        return f"scipy.interpolate.{name}({', '.join(args)}{given}).c"

    return source


def _boundary(bc: Sequence[Any], y: Any) -> Any:
    if bc[0] == "periodic":
        return "periodic"
    return tuple([(b[0], np.full(y.shape[1:], b[1])) if isinstance(b, tuple) else b for b in bc])


def _cubic_source(args: list[str], params: dict[str, Any]) -> str:
    ends = [
        f"({b[0]}, np.full(np.shape({args[1]})[1:], {b[1]!r}))" if isinstance(b, tuple) else repr(b)
        for b in params["bc"]
    ]
    given = "'periodic'" if params["bc"][0] == "periodic" else f"({', '.join(ends)})"
    return f"scipy.interpolate.CubicSpline({args[0]}, {args[1]}, bc_type={given}).c"


hermite_p = _coefficients(
    "CubicHermiteSpline",
    lambda x, y, slopes: interpolate.CubicHermiteSpline(x, y, slopes).c,
    _hermite_twin,
    3,
    _source("CubicHermiteSpline"),
)
cubic_p = _coefficients(
    "CubicSpline",
    lambda x, y, *, bc: interpolate.CubicSpline(x, y, bc_type=_boundary(bc, y)).c,
    _cubic_twin,
    2,
    _cubic_source,
)
pchip_p = _coefficients(
    "PchipInterpolator",
    lambda x, y: interpolate.PchipInterpolator(x, y).c,
    _pchip_twin,
    2,
    _source("PchipInterpolator"),
)


def _akima_impl(x: Any, y: Any, *, method: str) -> Any:
    how = {} if method == "akima" else {"method": method}  # which older versions do not know
    return interpolate.Akima1DInterpolator(x, y, **how).c


akima_p = _coefficients("Akima1DInterpolator", _akima_impl, _akima_twin, 2, _source("Akima1DInterpolator", "method"))


def value(c: Any, knots: Any, x: Any, nu: int, extrapolate: Any) -> Any:
    """A polynomial in pieces, or its derivative of order ``nu``, at ``x``."""
    return bind(pieces_p, c, knots, x, nu=nu, extrapolate=extrapolate)
