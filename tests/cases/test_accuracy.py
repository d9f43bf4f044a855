"""Every elementwise function of NumPy, over its whole domain: first and second derivatives against mpmath.

At 50 digits, from 1e-300 to the largest number and close to the ends of domains. A derivative is off by no more than a
few roundings of its own, times its condition where that is large (as of ``exp`` at 700). What is below the smallest
normal number may be any such number; what is beyond the largest one may overflow.
"""

from __future__ import annotations

import itertools
import sys

import mpmath as mp
import numpy as np
import pytest

import functrans as ft
import functrans.ops
from functrans.primitives import Constant, primitives

BASE = [0.0, 1e-300, 1e-200, 1e-160, 1e-100, 1e-36, 1e-20, 1e-8, 1e-5, 1e-3, 0.01, 0.1, 0.3, 0.5, 0.9, 0.999999]
BASE += [1 - 2.0**-n for n in (10, 20, 30, 53)] + [1.0] + [1 + 2.0**-n for n in (52, 30, 20, 10)]
BASE += [
    1.1,
    1.5,
    2.0,
    3.0,
    5.0,
    10.0,
    20.0,
    25.0,
    36.5,
    40.0,
    50.0,
    80.0,
    87.0,
    88.0,
    100.0,
    300.0,
    350.0,
    400.0,
    700.0,
]
BASE += [709.0, 710.0, 745.0, 1e3, 1e4, 1e8, 1e16, 1e20, 1e36, 1e50, 1e77, 1e100, 1e154, 1e155, 1e160, 1e200, 1e300]
GRID = np.array(sorted({-x for x in BASE} | set(BASE) | {sys.float_info.max, -sys.float_info.max}))


def _slope(x):
    """Of the logistic function."""
    e = mp.exp(-abs(x))
    return e / (1 + e) ** 2


def _sech2(x):
    return 4 * _slope(2 * x)


def _log(base):
    return (
        lambda x: 1 / (x * mp.log(base)),
        lambda x: -1 / (x * x * mp.log(base)),
        lambda x: 2 / (x**3 * mp.log(base)),
    )


def _linear(slope):
    return slope, lambda x: 0, lambda x: 0


def _root(n):
    """The derivatives of ``x ** (1 / n)``."""
    factors = [1, 1 - n, (1 - n) * (1 - 2 * n)]
    return [lambda x, k=k, c=c: c * mp.sign(x) * mp.root(abs(x), n) / (n * x) ** k for k, c in enumerate(factors, 1)]


def _power(n):
    n = mp.mpf(n)
    factors = [n, n * (n - 1), n * (n - 1) * (n - 2)]
    return [lambda x, k=k, c=c: c * x ** (n - k) if c else 0 for k, c in enumerate(factors, 1)]


def _inverse(sign, inside):
    """1 / sqrt of ``inside``, which is ``x**2`` times ``sign`` and a constant."""
    return (
        lambda x: 1 / mp.sqrt(inside(x)),
        lambda x: -sign * x / mp.sqrt(inside(x)) ** 3,
        lambda x: (2 * x * x - sign * (inside(x) - sign * x * x)) / mp.sqrt(inside(x)) ** 5,
    )


def _sinc(x):
    y = mp.pi * x
    return mp.pi * (y * mp.cos(y) - mp.sin(y)) / y**2 if x else mp.mpf(0)


def _sinc2(x):
    return -(mp.pi**2) * mp.sinc(mp.pi * x) - 2 * _sinc(x) / x if x else -(mp.pi**2) / 3


def _everywhere(x):
    return x == x


def _positive(x):
    return x > 0


def _not_zero(x):
    return x != 0


def _inside(x):
    return np.abs(x) < 1


# name: the points of the grid where it is smooth, its first three derivatives (the third tells the condition of the
# second).
ONE = {
    "exp": (_everywhere, mp.exp, mp.exp, mp.exp),
    "expm1": (_everywhere, mp.exp, mp.exp, mp.exp),
    "exp2": (_everywhere, *[lambda x, n=n: mp.mpf(2) ** x * mp.log(2) ** n for n in (1, 2, 3)]),
    "log": (_positive, *_log(mp.e)),
    "log2": (_positive, *_log(2)),
    "log10": (_positive, *_log(10)),
    "log1p": (lambda x: x > -1, *[lambda x, d=d: d(1 + x) for d in _log(mp.e)]),
    "sqrt": (_positive, *_root(2)),
    "cbrt": (_positive, *_root(3)),
    "square": (_everywhere, *_power(2)),
    "reciprocal": (_not_zero, *_power(-1)),
    "sin": (_everywhere, mp.cos, lambda x: -mp.sin(x), lambda x: -mp.cos(x)),
    "cos": (_everywhere, lambda x: -mp.sin(x), lambda x: -mp.cos(x), mp.sin),
    "tan": (
        _everywhere,
        lambda x: mp.sec(x) ** 2,
        lambda x: 2 * mp.sec(x) ** 2 * mp.tan(x),
        lambda x: 6 * mp.sec(x) ** 4 - 4 * mp.sec(x) ** 2,
    ),
    "arcsin": (_inside, *_inverse(-1, lambda x: 1 - x * x)),
    "arccos": (_inside, *[lambda x, d=d: -d(x) for d in _inverse(-1, lambda x: 1 - x * x)]),
    "arctan": (
        _everywhere,
        lambda x: 1 / (1 + x * x),
        lambda x: -2 * x / (1 + x * x) ** 2,
        lambda x: (6 * x * x - 2) / (1 + x * x) ** 3,
    ),
    "sinh": (_everywhere, mp.cosh, mp.sinh, mp.cosh),
    "cosh": (_everywhere, mp.sinh, mp.cosh, mp.sinh),
    "tanh": (_everywhere, _sech2, lambda x: -2 * mp.tanh(x) * _sech2(x), lambda x: _sech2(x) * (4 - 6 * _sech2(x))),
    "arcsinh": (_everywhere, *_inverse(1, lambda x: x * x + 1)),
    "arccosh": (lambda x: x > 1, *_inverse(1, lambda x: x * x - 1)),
    "arctanh": (
        _inside,
        lambda x: 1 / (1 - x * x),
        lambda x: 2 * x / (1 - x * x) ** 2,
        lambda x: (6 * x * x + 2) / (1 - x * x) ** 3,
    ),
    "deg2rad": (_everywhere, *_linear(lambda x: mp.pi / 180)),
    "radians": (_everywhere, *_linear(lambda x: mp.pi / 180)),
    "rad2deg": (_everywhere, *_linear(lambda x: 180 / mp.pi)),
    "degrees": (_everywhere, *_linear(lambda x: 180 / mp.pi)),
    "absolute": (_not_zero, *_linear(mp.sign)),
    "fabs": (_not_zero, *_linear(mp.sign)),
    "negative": (_everywhere, *_linear(lambda x: -1)),
    "positive": (_everywhere, *_linear(lambda x: 1)),
    # Further out NumPy rounds pi * x by more than a period.
    "sinc": (lambda x: np.abs(x) < 1e8, _sinc, _sinc2, lambda x: 4 * mp.fabs(_sinc2(x)) + 40 * x),
    "i0": (
        lambda x: np.abs(x) < 709,
        lambda x: mp.besseli(1, x),
        lambda x: (mp.besseli(0, x) + mp.besseli(2, x)) / 2,
        lambda x: (3 * mp.besseli(1, x) + mp.besseli(3, x)) / 4,
    ),
}


def _hypot(c):
    return (
        lambda x: x / mp.sqrt(x * x + c * c),
        lambda x: c * c / mp.sqrt(x * x + c * c) ** 3,
        lambda x: -3 * x * c * c / mp.sqrt(x * x + c * c) ** 5,
    )


def _angle(c):
    return (
        lambda x: c / (x * x + c * c),
        lambda x: -2 * c * x / (x * x + c * c) ** 2,
        lambda x: 2 * c * (3 * x * x - c * c) / (x * x + c * c) ** 3,
    )


def _logsum(rate, c):
    return (
        lambda x: 1 / (1 + mp.exp((c - x) * rate())),
        lambda x: rate() * _slope((x - c) * rate()),
        lambda x: rate() ** 2 * _slope((x - c) * rate()),  # a bound is enough
    )


def _exponential(b):
    return [lambda x, n=n: b**x * mp.log(b) ** n if b else 0 for n in (1, 2, 3)]


def _quotient(c):
    return [lambda x, n=n: c * (-1) ** n * mp.factorial(n) / x ** (n + 1) for n in (1, 2, 3)]


# name: (the other operand, its position, points, derivatives)
LENGTHS = [1.0, -3.0, 1e-8, 1e8, 1e-160, 1e160, 1e-200, 1e200, 1e308]
LEVELS = [0.0, 1.0, -3.5, 1e8, 1e200]
EXPONENTS = [2, 3, -1, -2, 0, 1, 2.0, 0.5, 1.5, -0.5, 7.25, 100, 1000.5, 1 / 3]
BASES = [2.0, 10.0, 0.5, 1e-200, 1e200, 1e-8, 1.0, 1 + 1e-9, 0.0]
SMALL = [1.0, -3.0, 1e-8, 1e8, 1e-200, 1e200]


def two():
    """name, the constant operand, its position, points, derivatives."""
    for c in LENGTHS:
        m = mp.mpf(c)
        yield "hypot", c, 1, _everywhere, _hypot(m)
        yield "arctan2", c, 1, _everywhere, _angle(m)
        yield "arctan2", c, 0, _everywhere, [lambda x, d=d: -d(x) for d in _angle(m)]
    for c in LEVELS:
        for position in (0, 1):
            yield "logaddexp", c, position, _everywhere, _logsum(lambda: mp.mpf(1), mp.mpf(c))
            yield "logaddexp2", c, position, _everywhere, _logsum(lambda: mp.log(2), mp.mpf(c))
    for c in EXPONENTS:
        for name in ("power", "float_power", "pow"):
            yield name, c, 1, _positive, _power(c)
            if name != "pow":
                yield name, np.full(GRID.shape, float(c)), 1, _positive, _power(c)
    for c in BASES:
        points = _everywhere if c else _positive
        yield "power", c, 0, points, _exponential(mp.mpf(c))
        yield "pow", c, 0, points, _exponential(mp.mpf(c))
    for c in SMALL:
        m = mp.mpf(c)
        yield "divide", c, 1, _everywhere, _linear(lambda x, m=m: 1 / m)
        yield "divide", c, 0, _not_zero, _quotient(m)
        for position in (0, 1):
            yield "multiply", c, position, _everywhere, _linear(lambda x, m=m: m)
            yield "add", c, position, _everywhere, _linear(lambda x: 1)
        yield "subtract", c, 0, _everywhere, _linear(lambda x: -1)
        yield "subtract", c, 1, _everywhere, _linear(lambda x: 1)


TWO = [
    pytest.param(*case, id=f"{case[0]}-{np.ravel(case[1])[0]:g}{np.shape(case[1]) or ''}-{case[2]}") for case in two()
]
OPERATORS = {"pow": lambda x, y: x**y}
# Steps, choices, and what the derivatives of the others are made of: exact numbers, or tested through these.
OTHERS = {"remainder", "fmod", "conjugate", "maximum", "minimum", "fmax", "fmin", "copysign", "heaviside", "nextafter"}
PARTS = {"ldexp", "direction", "inversion", "logistic", "logistic2", "one_minus_square", "arctan_slope", "sech_squared"}
PARTS |= {"within_one"}


def test_every_function_is_here():
    smooth = {p.name for p in primitives() if p.domain and not isinstance(p.derivative, Constant) and "." not in p.name}
    assert smooth == set(ONE) | {case.values[0] for case in TWO} | OTHERS | PARTS


def derivatives(f):
    """First and second, in each mode and nesting of modes."""

    def forward(g):
        return lambda x: ft.jvp(g, (x,), (np.ones_like(x),))[1]

    def reverse(g):
        return lambda x: ft.vjp(g, x)[1](np.ones_like(x))[0]

    first = {"forward": forward(f), "reverse": reverse(f)}
    second = {f"{g} of {name}": h(d) for name, d in first.items() for g, h in (("jvp", forward), ("vjp", reverse))}
    return first, second


def judged(x, exact, dtype, digits, exponent):
    """What a derivative is at each point, and how far off it may be."""
    eps, tiny = float(np.finfo(dtype).eps), float(np.finfo(dtype).tiny)
    largest = float(np.finfo(dtype).max) * (1 - 2 * eps)
    found = []
    with mp.workdps(digits):
        points = [mp.mpf(float(v)) for v in x]
        values = [[mp.mpf(d(v)) for v in points] for d in exact]
        for wanted, slopes in itertools.pairwise(values):
            row = []
            for v, want, slope in zip(points, wanted, slopes, strict=True):
                if abs(want) > largest:
                    row.append((float(mp.sign(want)) * np.inf, 0.0))
                    continue
                allowed = 8 * abs(want) + 2 * abs(v * slope)
                if exponent:
                    allowed += 2 * abs(want * mp.log(v))
                row.append((float(want), float(min(allowed * eps, abs(want) / 1000)) + 4 * tiny))
            found.append(np.array(row).T)
    return found


def assert_accurate(f, x, exact, dtype=np.float64, *, exponent=False, digits=50):
    """To 8 roundings, and twice the condition: that in ``x``, and of a power that in the exponent, too."""
    x = x.astype(dtype)
    for (want, allowed), modes in zip(judged(x, exact, dtype, digits, exponent), derivatives(f), strict=True):
        overflows = np.isinf(want)
        for name, derived in modes.items():
            with np.errstate(all="ignore"):
                found = np.broadcast_to(derived(x), x.shape)
                assert found.dtype == dtype
                found = found.astype(float)
                off = ~(np.abs(found - want) <= allowed)
                off[overflows] = ~(found == want)[overflows]
            assert not off.any(), (name, *[column[off] for column in (x, found, want)])


def grid(points, dtype):
    x = GRID[points(GRID)]
    x = x[np.abs(x) <= float(np.finfo(dtype).max)]
    x = np.unique(x.astype(dtype))
    return x[points(x)]


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("name", ONE)
def test_functions_of_one_number(name, dtype):
    points, *exact = ONE[name]
    digits = 1000 if name == "sinc" else 50  # its closed form cancels, near zero
    assert_accurate(getattr(np, name), grid(points, dtype), exact, dtype, digits=digits)


@pytest.mark.parametrize(("name", "other", "position", "points", "exact"), TWO)
def test_functions_of_two_numbers(name, other, position, points, exact):
    f = OPERATORS.get(name) or getattr(np, name)
    kept = points(GRID)
    other = other[kept] if np.ndim(other) else other
    is_power = position == 1 and name in ("power", "float_power", "pow")
    assert_accurate(lambda x: f(x, other) if position else f(other, x), GRID[kept], exact, exponent=is_power)


@pytest.mark.parametrize(
    "name", ["exp", "tan", "arcsin", "arccosh", "arctanh", "tanh", "sinc", "i0", "log1p", "arcsinh"]
)
def test_the_closed_forms(name):
    """They are the derivatives that mpmath finds by differences."""
    function = {"i0": lambda x: mp.besseli(0, x), "sinc": lambda x: mp.sinc(mp.pi * x)}.get(name)
    function = function or getattr(mp, name.replace("arc", "a"))
    _, *exact = ONE[name]
    x = mp.mpf("1.37") if name == "arccosh" else mp.mpf("0.37")
    with mp.workdps(60):
        for order, derivative in enumerate(exact[:2], 1):
            assert abs(mp.diff(function, x, order) - derivative(x)) < mp.mpf(10) ** -20
