"""Sparse Jacobians and Hessians: beside products that are coloured by hand, beside dense ones, and over the size.

    python benchmarks/sparse.py [--peers]

``--peers`` adds jax's compiled dense Hessian, and CasADi's, whose symbols know what is zero.

By hand means: the pattern known, the seeds written down, the products compiled with ``ft.jit`` in one batch, and the
numbers left where they come out. What a plan does more is to put them into a sparse array.
"""

from __future__ import annotations

import sys
import time
import tracemalloc
from typing import Any

import numpy as np
from timing import side_by_side, table

import functrans as ft


def banded(x: Any) -> Any:
    """A sum over three neighbours: a Hessian with five diagonals."""
    return np.sum(np.sin(x[:-2]) * x[1:-1] * x[2:] ** 2)


def tridiagonal(x: Any) -> Any:
    """Each entry of its neighbours."""
    wide = np.pad(x, 1)
    return x**3 - wide[:-2] * wide[2:]


def heat(u: Any) -> Any:
    """A 2-D stencil with nonlinear conductivity."""
    wide = np.pad(u, 1)
    return (wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:] - 4 * u) * (1 + u**2)


def brusselator(y: Any) -> Any:
    """Two fields on a line."""
    u, v = y[: y.size // 2], y[y.size // 2 :]
    wide, deep = np.pad(u, 1), np.pad(v, 1)
    du = 1 + u**2 * v - 4 * u + wide[:-2] - 2 * u + wide[2:]
    dv = 3 * u - u**2 * v + deep[:-2] - 2 * v + deep[2:]
    return np.concatenate([du, dv])


def by_hand(n: int, count: int) -> Any:
    """Every ``count``-th entry is one."""
    return (np.arange(n) % count == np.arange(count)[:, None]) * 1.0


def against_hand() -> None:
    """Plans and products by hand."""
    x = np.random.default_rng(0).normal(size=2000)
    y = x[:1000]
    second, first = ft.sparse.plan(ft.hessian, banded, x), ft.sparse.plan(ft.jacobian, tridiagonal, y)
    five, three = by_hand(2000, 5), by_hand(1000, 3)
    products = ft.jit(lambda x, seeds: ft.vmap(lambda v: ft.hvp(banded)(x, v))(seeds))
    pushed = ft.jit(lambda x, seeds: ft.vmap(lambda v: ft.jvp(tridiagonal, (x,), (v,))[1])(seeds))
    one, push = ft.jit(ft.hvp(banded)), ft.jit(lambda x, v: ft.jvp(tridiagonal, (x,), (v,))[1])
    dense = ft.jit(ft.hessian(banded))
    times = side_by_side(
        {
            "plan, Hessian": lambda: second(x),
            "batch of five": lambda: products(x, five),
            "five one by one": lambda: [one(x, seed) for seed in five],
            "dense": lambda: dense(x),
            "plan, Jacobian": lambda: first(y),
            "batch of three": lambda: pushed(y, three),
            "three one by one": lambda: [push(y, seed) for seed in three],
        },
        rounds=9,
    )
    rows = [["task", "ms", "of the plan's"]]
    for name, seconds in times.items():
        plan = "plan, Hessian" if list(times).index(name) < 4 else "plan, Jacobian"
        rows.append([name, f"{1e3 * seconds:.3f}", f"{seconds / times[plan]:.2f}"])
    print(table(rows))


def by_jax(x: Any) -> Any:
    """The dense Hessian of :func:`banded`, compiled by jax."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    dense = jax.jit(jax.hessian(lambda x: jnp.sum(jnp.sin(x[:-2]) * x[1:-1] * x[2:] ** 2)))
    return lambda: dense(x).block_until_ready()


def by_casadi(x: Any) -> Any:
    """The sparse Hessian of :func:`banded`, by CasADi."""
    import casadi

    symbols = casadi.SX.sym("x", x.size)
    total = casadi.sum1(casadi.sin(symbols[:-2]) * symbols[1:-1] * symbols[2:] ** 2)
    made = casadi.Function("hessian", [symbols], [casadi.hessian(total, symbols)[0]])
    return lambda: made(x)


def against_peers() -> None:
    """The Hessian of 2,000 variables beside other libraries."""
    x = np.random.default_rng(0).normal(size=2000)
    plan = ft.sparse.plan(ft.hessian, banded, x)
    calls = {"plan": lambda: plan(x), "jax, dense, compiled": by_jax(x), "CasADi": by_casadi(x)}
    assert np.allclose(np.asarray(calls["jax, dense, compiled"]()), plan(x).toarray())
    assert np.allclose(calls["CasADi"]().full(), plan(x).toarray())
    times = side_by_side(calls, rounds=9)
    rows = [["Hessian, n = 2000", "ms", "of the plan's"]]
    rows += [[name, f"{1e3 * t:.3f}", f"{t / times['plan']:.2f}"] for name, t in times.items()]
    print(table(rows))


def over_the_size() -> None:
    """What planning and a call cost, for each entry, as the problem grows."""
    rows = [
        ["problem", "n", "entries", "products", "plan, s", "pattern, s", "call, us / n", "peak of a call, bytes / n"]
    ]
    for name, f, shapes in [
        ("heat", heat, [(32, 32), (100, 100), (316, 316)]),
        ("Brusselator", brusselator, [(1000,), (10_000,), (100_000,)]),
    ]:
        for shape in shapes:
            x = np.random.default_rng(0).uniform(size=shape)
            start = time.perf_counter()
            ft.sparse.pattern(f)(x)
            middle = time.perf_counter()
            plan = ft.sparse.plan(ft.jacobian, f, x)
            end = time.perf_counter()
            seconds = side_by_side({"plan": lambda plan=plan, x=x: plan(x)}, rounds=5)["plan"]
            tracemalloc.start()
            plan(x)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            rows.append(
                [
                    name,
                    str(x.size),
                    str(plan.pattern.nnz),
                    f"{plan.colors} ({plan.mode})",
                    f"{end - middle:.2f}",
                    f"{middle - start:.2f}",
                    f"{1e6 * seconds / x.size:.2f}",
                    f"{peak / x.size:.0f}",
                ]
            )
    print(table(rows))


if __name__ == "__main__":
    against_hand()
    print()
    if "--peers" in sys.argv:
        against_peers()
        print()
    over_the_size()
