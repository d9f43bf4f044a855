"""Short programs and long arrays of cheap operations."""

from __future__ import annotations

from typing import Any

import numpy as np

from problems.problem import NUMPY, Library, Problem


def chain(lib: Library, x: Any) -> Any:
    """A hundred operations on one number."""
    sin = lib.np.sin
    for _ in range(33):
        x = sin(x) * 1.1 + 0.3
    return x * x


def chain_by_hand(x: float) -> Any:
    sin, cos = np.sin, np.cos
    kept = []
    for _ in range(33):
        kept.append(x)
        x = sin(x) * 1.1 + 0.3
    g = 2.0 * x
    for y in reversed(kept):
        g = g * 1.1 * cos(y)
    return x * x, (g,)


def rosenbrock(lib: Library, x: Any) -> Any:
    return lib.np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def rosenbrock_by_hand(x: Any) -> Any:
    a = x[:-1]
    d, e = x[1:] - a**2, 1.0 - a
    g = np.zeros_like(x)
    g[1:] = 200.0 * d
    g[:-1] -= 400.0 * a * d + 2.0 * e
    return np.sum(100.0 * d**2 + e**2), (g,)


def black_scholes(lib: Library, s: Any, sigma: Any, t: Any, k: Any) -> Any:
    """The sum of the prices of calls."""
    m, rate = lib.np, 0.03
    spread = sigma * m.sqrt(t)
    d1 = (m.log(s / k) + (rate + 0.5 * sigma**2) * t) / spread
    d2 = d1 - spread
    return m.sum(s * lib.ndtr(d1) - k * m.exp(-rate * t) * lib.ndtr(d2))


def black_scholes_by_hand(s: Any, sigma: Any, t: Any, k: Any) -> Any:
    """The Greeks in closed form: two terms of the derivative of the price cancel."""
    rate = 0.03
    root = np.sqrt(t)
    spread = sigma * root
    d1 = (np.log(s / k) + (rate + 0.5 * sigma**2) * t) / spread
    n1, n2 = NUMPY.ndtr(d1), NUMPY.ndtr(d1 - spread)
    paid = k * np.exp(-rate * t) * n2
    vega = s * np.exp(-0.5 * d1 * d1) * (root / np.sqrt(2.0 * np.pi))
    return np.sum(s * n1 - paid), (n1, vega, vega * sigma / (2.0 * t) + rate * paid)


def options(n: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    return (
        rng.uniform(80.0, 120.0, n),
        rng.uniform(0.1, 0.4, n),
        rng.uniform(0.2, 2.0, n),
        rng.uniform(80.0, 120.0, n),
    )


def twelve(lib: Library, x: Any) -> Any:
    """Twelve cheap operations, and their sum."""
    a = x * 0.5 + 1.0
    b = a * x - 0.25
    c = b * a + x
    d = c * b - a
    return lib.np.sum(d * 0.1 + c * x + b)


def twelve_by_hand(x: Any) -> Any:
    a = x * 0.5 + 1.0
    b = a * x - 0.25
    c = b * a + x
    d = c * b - a
    value = np.sum(d * 0.1 + c * x + b)
    gc = 0.1 * b + x
    gb = 0.1 * c + 1.0 + gc * a
    ga = gb * x + gc * b - 0.1
    return value, (c + gc + gb * a + 0.5 * ga,)


def numbers(n: int) -> tuple[Any, ...]:
    return (np.random.default_rng(0).uniform(-0.9, 0.9, n),)


PROBLEMS = (
    Problem("chain of 100 scalar operations", chain, lambda: (0.5,), chain_by_hand, (0,), 1.0),
    Problem("Rosenbrock, n = 100", rosenbrock, lambda: numbers(100), rosenbrock_by_hand, (0,), 1.2),
    Problem("Rosenbrock, n = 10,000", rosenbrock, lambda: numbers(10_000), rosenbrock_by_hand, (0,), 1.2),
    Problem("Black-Scholes, 1e5", black_scholes, lambda: options(10**5), black_scholes_by_hand, (0, 1, 2), 0.9),
    Problem("Black-Scholes, 1e7", black_scholes, lambda: options(10**7), black_scholes_by_hand, (0, 1, 2), 0.9),
    Problem("twelve cheap operations, 1e7", twelve, lambda: numbers(10**7), twelve_by_hand, (0,), 0.9),
)
