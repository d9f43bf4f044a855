"""Steady calls: value and gradient of small and middling problems, as multiples of the time by hand."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from problems import Problem, learning, libraries, short
from problems.problem import Library
from timing import side_by_side, table

import functrans as ft


def scalar(lib: Library, x: Any) -> Any:
    m = lib.np
    return m.sin(x) ** 2 * m.exp(-x)


def scalar_by_hand(x: float) -> Any:
    s, e = np.sin(x), np.exp(-x)
    return s * s * e, (s * e * (2.0 * np.cos(x) - s),)


def recurrent(lib: Library, w: Any, xs: Any) -> Any:
    """A hundred steps of a recurrent cell, in a loop of Python's."""
    h = xs[0]
    for x in xs:
        h = lib.np.tanh(w @ h + x)
    return lib.np.sum(h * h)


def recurrent_by_hand(w: Any, xs: Any) -> Any:
    states = [xs[0]]
    for x in xs:
        states.append(np.tanh(w @ states[-1] + x))
    h = states.pop()
    value, g, gw = h @ h, 2.0 * h, np.zeros_like(w)
    for before in reversed(states):
        g = g * (1.0 - h * h)
        gw += np.outer(g, before)
        g, h = w.T @ g, before
    return value, (gw,)


def sequence() -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(16, 16)) / 4.0, 0.5 * rng.normal(size=(100, 16))


PROBLEMS = (
    Problem("scalar, `sin(x)**2 * exp(-x)`", scalar, lambda: (0.5,), scalar_by_hand, (0,), 0.0),
    Problem("Rosenbrock, n = 1000", short.rosenbrock, lambda: short.numbers(1000), short.rosenbrock_by_hand, (0,), 0.0),
    *[p for p in learning.PROBLEMS if p.name in ("logistic regression, 10000 x 100", "network 20-16-16-4, batch 16")],
    Problem("recurrent cell, loop of 100 steps", recurrent, sequence, recurrent_by_hand, (0,), 0.0),
)


def candidates(task: Problem, args: tuple[Any, ...]) -> dict[str, Callable[[], Callable[[], Any]]]:
    """By column, what makes the call that is measured."""
    lib = libraries.problem.functrans()

    def f(*args: Any) -> Any:
        return task.f(lib, *args)

    both = ft.value_and_grad(f, argnums=task.argnums)
    fast = ft.jit(both)
    return {
        "functrans": lambda: lambda: both(*args),
        "`ft.jit`": lambda: lambda: fast(*args),
        "autograd": lambda: libraries.by_autograd(task, args),
        "JAX": lambda: libraries.by_jax(task, args, compiled=False),
        "`jax.jit`": lambda: libraries.by_jax(task, args),
        "PyTorch": lambda: libraries.by_torch(task, args),
        "MyGrad": lambda: libraries.by_mygrad(task, args),
    }


def measured(rounds: int, clock: Callable[[], float]) -> str:
    """The table: each gradient is compared with that by hand first."""
    rows: list[list[str]] = []
    for task in PROBLEMS:
        args = task.make()
        expected = task.hand(*args)
        calls: dict[str, Callable[[], Any]] = {"by hand": lambda task=task, args=args: task.hand(*args)}
        makers = candidates(task, args)
        for name, make in makers.items():
            try:
                call = make()
            except ImportError:
                continue
            libraries.check(f"{task.name}, {name}", call(), expected, task.tolerance)
            calls[name] = call
        best = side_by_side(calls, rounds=rounds, budget=0.03, clock=clock)
        unit = best["by hand"]
        if not rows:
            rows.append(["problem", "by hand, us", *[name for name in makers if name in best]])
        ratios = [_ratio(best[name] / unit) for name in rows[0][2:]]
        rows.append([task.name, f"{unit * 1e6:.3g}", *ratios])
        print(task.name, *ratios, file=sys.stderr)
    return table(rows)


def _ratio(ratio: float) -> str:
    return f"{ratio:.2g}" if ratio < 100 else f"{ratio:.0f}"
