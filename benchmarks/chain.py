"""``value_and_grad`` without compilation of a chain of scalar operations (``sin``, ``*``, ``+`` in a loop).

    python benchmarks/chain.py

Autograd, torch and jax are measured beside it where they are installed (``pip install -e '.[bench]'``).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from timing import side_by_side, table

import functrans as ft

LENGTH = 300


def chain(module: Any, length: int) -> Callable[[Any], Any]:
    """``length`` operations, written once for every library."""

    def f(x: Any) -> Any:
        for _ in range(length // 3):
            x = module.sin(x) * 1.1 + 0.3
        return x

    return f


def peers(length: int) -> dict[str, Callable[[], object]]:
    """The same value and gradient by the libraries that are installed."""
    found: dict[str, Callable[[], object]] = {}
    try:
        import autograd
        import autograd.numpy as anp

        by_autograd = autograd.value_and_grad(chain(anp, length))
        found["autograd"] = lambda: by_autograd(0.5)
    except ImportError:
        pass
    try:
        import torch

        f = chain(torch, length)

        def by_torch() -> object:
            x = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
            y = f(x)
            y.backward()
            return y.item(), x.grad

        found["torch (eager)"] = by_torch
    except ImportError:
        pass
    try:
        import jax

        jax.config.update("jax_enable_x64", True)
        by_jax = jax.value_and_grad(chain(jax.numpy, length))
        found["jax (eager)"] = lambda: by_jax(0.5)
    except ImportError:
        pass
    return found


def by_length() -> None:
    """Time per operation of chains of many lengths, one beside another."""
    lengths = [9, 99, 999, 9_999, 99_999, *([999_999] if "--long" in sys.argv else [])]
    runs = {length: ft.value_and_grad(chain(np, length)) for length in lengths}
    times = side_by_side({f"{n:,}": lambda run=run: run(0.5) for n, run in runs.items()}, rounds=7)
    rows = [["operations", "us an operation"]]
    rows += [[name, f"{seconds / n * 1e6:.2f}"] for n, (name, seconds) in zip(lengths, times.items(), strict=True)]
    print(f"functrans by length\n\n{table(rows)}\n")


def by_library() -> None:
    """The same chain by every library that is installed."""
    gradient = ft.value_and_grad(chain(np, LENGTH))
    plain = chain(np, LENGTH)
    times = side_by_side({"functrans": lambda: gradient(0.5), "NumPy, value only": lambda: plain(0.5), **peers(LENGTH)})
    own = times["functrans"]
    rows = [["library", "us an operation", "functrans / it", "aim"]]
    aims = {"autograd": "0.25", "torch (eager)": "0.50"}
    for name, seconds in times.items():
        rows.append([name, f"{seconds / LENGTH * 1e6:.2f}", f"{own / seconds:.2f}", aims.get(name, "")])
    print(f"value and gradient of {LENGTH} scalar operations\n\n{table(rows)}")


def main() -> None:
    by_length()  # before the peers fill the memory that Python's collector walks through
    by_library()


if __name__ == "__main__":
    main()
