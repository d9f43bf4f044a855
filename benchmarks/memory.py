"""Peak memory of ``grad`` through 200 elementwise steps on 10**6 doubles, each library in a process of its own.

    python benchmarks/memory.py

The step is ``x = 0.9 * sin(x) + 0.1 * x * x``. Its rules need two arrays a step: ``x`` (for ``cos(x)`` and as a factor)
and ``0.1 * x``. The least is therefore 400 arrays.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from typing import Any

import numpy as np
from timing import table

STEPS, SIZE = 200, 10**6
ARRAY = SIZE * 8


def loss(module: Any) -> Any:
    def f(x: Any) -> Any:
        for _ in range(STEPS):
            x = 0.9 * module.sin(x) + 0.1 * x * x
        return x.sum()

    return f


def run(library: str, x: np.ndarray) -> None:
    if library == "functrans":
        import functrans as ft

        ft.grad(loss(np))(x)
    elif library == "autograd":
        import autograd
        import autograd.numpy as anp

        autograd.grad(lambda x: anp.sum(loss_body(anp, x)))(x)
    elif library == "torch (eager)":
        import torch

        t = torch.tensor(x, requires_grad=True)
        loss(torch)(t).backward()
    else:
        import jax

        jax.config.update("jax_enable_x64", True)
        jax.grad(loss(jax.numpy))(x).block_until_ready()


def loss_body(module: Any, x: Any) -> Any:
    for _ in range(STEPS):
        x = 0.9 * module.sin(x) + 0.1 * x * x
    return x


def child(library: str) -> None:
    run(library, np.ones(3))  # imports and compilations first
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    run(library, np.linspace(0.1, 1.0, SIZE))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print((after - before) / ARRAY)


def main() -> None:
    rows = [["library", "peak, arrays", "of the least (400)"]]
    for library in ("functrans", "autograd", "torch (eager)", "jax (eager)"):
        done = subprocess.run([sys.executable, __file__, library], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            arrays = float(done.stdout.split()[-1])
            rows.append([library, f"{arrays:.0f}", f"{arrays / (2 * STEPS):.2f}"])
        else:
            rows.append([library, "not measured", done.stderr.strip().splitlines()[-1][:60]])
    print(f"grad through {STEPS} elementwise steps on {SIZE:,} doubles\n\n{table(rows)}")


if __name__ == "__main__":
    child(sys.argv[1]) if len(sys.argv) > 1 else main()
