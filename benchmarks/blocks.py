"""Elementwise functions of large arrays: the blocks of compiled programs, beside NumPy by hand.

``python benchmarks/blocks.py``; ``OPENBLAS_NUM_THREADS=1``, on a machine that does nothing else if possible. Each ratio
is that of the least times of one run, in which all take turns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special as special
from timing import side_by_side, table

import functrans as ft
from functrans import config


def chain(x: Any, y: Any) -> Any:
    """14 elementwise operations."""
    a = x * y
    b = a + 1.0
    c = np.sqrt(b)
    d = c * x
    e = d - y
    f = e * e
    g = f + c
    h = g / b
    i = h * 0.5
    j = i - a
    k = np.abs(j)
    m = k + d
    n = m * y
    return n - 0.3


def slow_chain(x: Any, y: Any) -> Any:
    """14 elementwise operations, five of which are transcendental."""
    a = np.exp(-x * y)
    b = np.tanh(a + x) * 2.0
    c = np.sin(b) * np.cos(y)
    return np.log(c * c + 1.0) * a - 0.3


def normal_cdf(x: Any) -> Any:
    """The distribution function of the normal distribution."""
    return 0.5 * (1.0 + special.erf(x / np.sqrt(2.0)))


def prices(s: Any, k: Any, t: Any, v: Any, r: float = 0.03) -> Any:
    """Prices of calls."""
    spread = v * np.sqrt(t)
    d1 = (np.log(s / k) + (r + 0.5 * v * v) * t) / spread
    return s * normal_cdf(d1) - k * np.exp(-r * t) * normal_cdf(d1 - spread)


def greeks(*args: Any) -> tuple[Any, ...]:
    """Their derivatives in s, k, t and v, one by one."""
    along = lambda i: ft.elementwise_grad(lambda x: prices(*args[:i], x, *args[i + 1 :]))  # noqa: E731
    return tuple([along(i)(args[i]) for i in range(4)])


def greeks_by_hand(s: Any, k: Any, t: Any, v: Any, r: float = 0.03) -> tuple[Any, ...]:
    """Prices, and their derivatives in s, k, t and v, as one would write them."""
    root = np.sqrt(t)
    spread = v * root
    d1 = (np.log(s / k) + (r + 0.5 * v * v) * t) / spread
    d2 = d1 - spread
    n1, n2 = normal_cdf(d1), normal_cdf(d2)
    discounted = k * np.exp(-r * t)
    density = s * np.exp(-0.5 * d1 * d1) * 0.3989422804014327
    value = s * n1 - discounted * n2
    return value, n1, -np.exp(-r * t) * n2, density * v / (2.0 * root) + r * discounted * n2, density * root


def with_threads(count: int, f: Callable[..., Any], *args: Any) -> Callable[[], Any]:
    """A call in so many threads."""

    def call() -> Any:
        config.threads = count
        return f(*args)

    return call


def compare(name: str, by_hand: Callable[..., Any], f: Callable[..., Any], *args: Any, rounds: int = 7) -> list[str]:
    """A row of the table."""
    run = ft.jit(f)
    times = side_by_side(
        {
            "hand": lambda: by_hand(*args),
            "eager": lambda: f(*args),
            "one": with_threads(1, run, *args),
            "two": with_threads(2, run, *args),
        },
        rounds=rounds,
    )
    config.threads = None
    hand = times["hand"]
    ratios = [f"{times[key] / hand:.2f}" for key in ("eager", "one", "two")]
    return [name, f"{hand * 1e3:.2f}", *ratios]


def main() -> None:
    """Print the table."""
    rows = [["task", "NumPy by hand, ms", "without jit / by hand", "jit, 1 thread", "jit, 2 threads"]]
    rng = np.random.default_rng(0)
    for size in (10**5, 10**6, 10**7):
        x, y = rng.random((2, size)) + 0.1
        rows.append(compare(f"14 operations, {size:,}", chain, chain, x, y))
    rows.append(compare(f"14 operations, 5 slow, {size:,}", slow_chain, slow_chain, x, y, rounds=5))
    for size in (10**5, 10**7):
        s, k, v = rng.random((3, size)) * [[100.0], [100.0], [0.3]] + [[50.0], [50.0], [0.1]]
        t = rng.random(size) + 0.5
        args = s, k, t, v
        total = ft.value_and_grad(lambda *args: np.sum(prices(*args)), argnums=(0, 1, 2, 3))
        rounds = 7 if size == 10**5 else 3
        rows.append(compare(f"Black-Scholes, value, {size:,}", prices, prices, *args, rounds=rounds))
        rows.append(compare(f"  value of the sum, gradient, {size:,}", greeks_by_hand, total, *args, rounds=rounds))
        rows.append(compare(f"  four derivatives, {size:,}", greeks_by_hand, greeks, *args, rounds=rounds))
    print(table(rows))


if __name__ == "__main__":
    main()
