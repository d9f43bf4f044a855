"""Measures what each way of making derivatives faster gains: the table of docs/howto/speed.md.

OPENBLAS_NUM_THREADS=1 python docs/examples/speed.py
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import functrans as ft


def seconds(run: Callable[[], Any], repeats: int) -> float:
    """The shortest of some runs, after one that counts for nothing."""
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def loss(w, x, y):
    return np.mean((np.tanh(x @ w) - y) ** 2)


def valley(x):
    return np.sum((1 - x[:-1]) ** 2 + 100 * (x[1:] - x[:-1] ** 2) ** 2)


def smooth(x):
    return np.sum(np.exp(-x * x) * np.sin(x) + np.log1p(x * x))


def python_loop(x):
    for _ in range(200):
        x = x + 0.01 * np.sin(x)
    return np.sum(x)


def scanned(x):
    return np.sum(ft.fori_loop(0, 200, lambda i, x: x + 0.01 * np.sin(x), x))


def ways(scale: float) -> list[tuple[str, Callable[[], Any], Callable[[], Any]]]:
    """What is compared: its name, the slow way, the fast way."""
    rng = np.random.default_rng(0)
    few, many, long = (max(4, round(scale * count)) for count in (200, 1000, 300_000))
    w, x, y = rng.normal(size=10), rng.normal(size=(many, 10)), rng.normal(size=many)
    small_x, small_y = x[:8], y[:8]
    point, v, large = rng.normal(size=few), rng.normal(size=few), rng.normal(size=long)
    single = large.astype(np.float32)

    gradient, compiled = ft.value_and_grad(loss), ft.jit(ft.value_and_grad(loss))
    one, each = ft.jit(ft.grad(loss)), ft.jit(ft.vmap(ft.grad(loss), in_axes=(None, 0, 0)))
    value_and_gradient = ft.jit(ft.value_and_grad(smooth))
    value, slope = ft.jit(smooth), ft.jit(ft.grad(smooth))
    hessian, product = ft.jit(ft.hessian(valley)), ft.jit(ft.hvp(valley))
    plan = ft.sparse.plan(ft.hessian, valley, point)
    unrolled, rolled = ft.grad(python_loop), ft.jit(ft.grad(scanned))
    return [
        ("jit, small arrays", lambda: gradient(w, small_x, small_y), lambda: compiled(w, small_x, small_y)),
        ("jit, large arrays", lambda: ft.value_and_grad(smooth)(large), lambda: value_and_gradient(large)),
        (
            "vmap, not a loop over examples",
            lambda: [one(w, *row) for row in zip(x, y, strict=True)],
            lambda: each(w, x, y),
        ),
        ("value_and_grad, not f and grad", lambda: (value(large), slope(large)), lambda: value_and_gradient(large)),
        ("hvp, not the Hessian times v", lambda: hessian(point) @ v, lambda: product(point, v)),
        ("a sparse Hessian, not a dense one", lambda: hessian(point), lambda: plan(point)),
        ("fori_loop, not Python's", lambda: unrolled(w), lambda: rolled(w)),
        ("float32, not float64", lambda: value_and_gradient(large), lambda: value_and_gradient(single)),
    ]


def main(argv: Sequence[str] | None = None) -> list[tuple[str, float]]:
    """Print a line for each way, and return how many times faster it is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--scale", type=float, default=1.0, help="of the sizes (default: 1)")
    parser.add_argument("--repeats", type=int, default=7, help="of which the shortest counts (default: 7)")
    options = parser.parse_args(argv)
    ft.config.threads = 1
    found = []
    for name, slow, fast in ways(options.scale):
        before, after = seconds(slow, options.repeats), seconds(fast, options.repeats)
        found.append((name, before / after))
        print(f"{name:<40} {1e6 * before:>10.0f} us {1e6 * after:>10.0f} us   {before / after:>6.1f} times")
    ft.config.threads = None
    return found


if __name__ == "__main__":
    main()
