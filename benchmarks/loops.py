"""A recurrent cell of 500 steps: value and gradient, as a scan and as a plain loop, beside other libraries; and memory.

    python benchmarks/loops.py

Autograd, torch and jax (its compiled scan; the compile time stands apart) are measured where they are installed
(``pip install -e '.[bench]'``).
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
from timing import side_by_side, table

import functrans as ft

STEPS, WIDTH = 500, 16
RNG = np.random.default_rng(0)
PARAMS = (0.1 * RNG.normal(size=(WIDTH, WIDTH)), 0.1 * RNG.normal(size=(WIDTH, WIDTH)))
XS, H = RNG.normal(size=(STEPS, WIDTH)), np.zeros(WIDTH)


def looped(module: Any, h: Any = H) -> Callable[..., Any]:
    """The loss, as a loop in Python."""

    def loss(params: Any, xs: Any) -> Any:
        w, u = params
        state = h
        for x in xs:
            state = module.tanh(w @ state + u @ x)
        return (state * state).sum()

    return loss


def scanned(scan: Any, module: Any, h: Any = H) -> Callable[..., Any]:
    """The loss, as a scan."""

    def loss(params: Any, xs: Any) -> Any:
        w, u = params
        state, _ = scan(lambda state, x: (module.tanh(w @ state + u @ x), None), h, xs)
        return (state * state).sum()

    return loss


def candidates() -> tuple[dict[str, Callable[[], object]], float]:
    """What is measured, by name, and the seconds of jax's compiler."""
    plain = looped(np)
    scan, loop = ft.value_and_grad(scanned(ft.scan, np)), ft.value_and_grad(plain)
    found: dict[str, Callable[[], object]] = {
        "functrans, scan": lambda: scan(PARAMS, XS),
        "functrans, loop": lambda: loop(PARAMS, XS),
        "NumPy, value only": lambda: plain(PARAMS, XS),
    }
    compiling = 0.0
    try:
        import autograd
        import autograd.numpy

        both = autograd.value_and_grad(looped(autograd.numpy))
        found["autograd, loop"] = lambda: both(PARAMS, XS)
    except ImportError:
        pass
    try:
        import torch

        torch.set_num_threads(1)
        params, xs, h = [torch.tensor(p, requires_grad=True) for p in PARAMS], torch.tensor(XS), torch.tensor(H)
        f = looped(torch, h)
        found["torch (eager), loop"] = lambda: torch.autograd.grad(f(params, xs), params)
    except ImportError:
        pass
    try:
        import jax

        jax.config.update("jax_enable_x64", True)
        fast = jax.jit(jax.value_and_grad(scanned(jax.lax.scan, jax.numpy)))
        start = time.perf_counter()
        jax.block_until_ready(fast(PARAMS, XS))
        compiling = time.perf_counter() - start
        found["jax (compiled), scan"] = lambda: jax.block_until_ready(fast(PARAMS, XS))
    except ImportError:
        pass
    return found, compiling


def peak(checkpoint: bool | int) -> tuple[float, float]:
    """Arrays at most, and seconds, of a gradient through 1000 steps on 10^4 numbers."""
    xs = np.linspace(0.0, 1.0, 1000)[:, None]

    def loss(k: Any) -> Any:
        h, _ = ft.scan(lambda h, x: (np.sin(h * k + x), None), np.zeros(10_000), xs, checkpoint=checkpoint)
        return np.sum(h)

    gradient = ft.grad(loss)
    start = time.perf_counter()
    gradient(0.9)
    seconds = time.perf_counter() - start
    tracemalloc.start()
    gradient(0.9)
    arrays = tracemalloc.get_traced_memory()[1] / 80_000
    tracemalloc.stop()
    return arrays, seconds


def main() -> None:
    """Print both tables."""
    found, compiling = candidates()
    best = side_by_side(found, rounds=7, budget=0.1)
    own = best["functrans, scan"]
    rows = [["library", "ms", "functrans, scan / it"]]
    rows += [[name, f"{seconds * 1e3:.2f}", f"{own / seconds:.2f}"] for name, seconds in best.items()]
    print(table(rows))
    if compiling:
        print(f"\njax compiled for {compiling:.2f} s.")
    rows = [["checkpoint", "peak, arrays", "time"]]
    first = 0.0
    for checkpoint in (False, True, 100):
        arrays, seconds = peak(checkpoint)
        first = first or seconds
        rows.append([str(checkpoint), f"{arrays:.0f}", f"{seconds / first:.2f}"])
    print("\n" + table(rows))


if __name__ == "__main__":
    main()
