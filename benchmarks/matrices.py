"""Jacobians, Hessians, gradients per example and Hessian-vector products, beside other libraries.

    python benchmarks/matrices.py

Autograd, torch (``torch.func``) and jax (eager, and compiled: the compile time stands apart) are measured where they
are installed (``pip install -e '.[bench]'``).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from timing import side_by_side, table

import functrans as ft

RNG = np.random.default_rng(0)
Candidates = dict[str, Callable[[], object]]


def rosenbrock(x: Any) -> Any:
    """The sum of Rosenbrock's function over neighbours, for arrays of any library."""
    return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()


def layer(module: Any, a: Any) -> Callable[[Any], Any]:
    """``tanh(A x)``."""
    return lambda x: module.tanh(a @ x)


def loss(module: Any) -> Callable[..., Any]:
    """The loss of a network 784-256-10 at one example."""

    def f(params: Any, x: Any, y: Any) -> Any:
        w1, b1, w2, b2 = params
        z = module.tanh(x @ w1 + b1) @ w2 + b2
        return module.log(module.exp(z).sum()) - (z * y).sum()

    return f


def network(batch: int = 128) -> tuple[list[Any], Any, Any]:
    """Parameters, inputs, one-hot targets."""
    params = [RNG.normal(size=(784, 256)) / 28, np.zeros(256), RNG.normal(size=(256, 10)) / 16, np.zeros(10)]
    return params, RNG.normal(size=(batch, 784)), np.eye(10)[RNG.integers(0, 10, batch)]


def compiled(jax: Any, f: Callable[..., Any], *args: Any) -> tuple[Callable[[], object], float]:
    """A jax function, compiled, and the seconds that took."""
    fast = jax.jit(f)
    start = time.perf_counter()
    jax.block_until_ready(fast(*args))
    return lambda: jax.block_until_ready(fast(*args)), time.perf_counter() - start


class Peers:
    """The libraries that are installed."""

    def __init__(self) -> None:
        self.compile_times: dict[str, float] = {}
        try:
            import jax

            jax.config.update("jax_enable_x64", True)
            self.jax: Any = jax
        except ImportError:
            self.jax = None
        try:
            import torch

            self.torch: Any = torch
        except ImportError:
            self.torch = None
        try:
            import autograd
            import autograd.numpy

            self.autograd: Any = autograd
        except ImportError:
            self.autograd = None

    def add(self, found: Candidates, make: Callable[[Any, Any], Callable[..., Any]], args: Any, slow: bool) -> None:
        """What ``make(library, its module of array functions)`` gives, of these arguments, for each library."""
        if self.autograd is not None and not slow:
            f = make(self.autograd, self.autograd.numpy)
            if f is not None:
                found["autograd"] = lambda: f(*args)
        if self.torch is not None:
            torch = self.torch
            tensors = tuple(
                [torch.tensor(a) for a in arg] if isinstance(arg, list) else torch.tensor(arg) for arg in args
            )
            g = make(torch.func, torch)
            found["torch.func"] = lambda: g(*tensors)
        if self.jax is not None:
            jax = self.jax
            arrays = jax.tree.map(jax.numpy.asarray, args)
            h = make(jax, jax.numpy)
            found["jax (eager)"] = lambda: jax.block_until_ready(h(*arrays))
            found["jax (compiled)"], seconds = compiled(jax, h, *arrays)
            found["jax, with compilation"] = lambda: None
            self.compile_times["jax, with compilation"] = seconds


def jacobian(n: int) -> tuple[Candidates, Any, Any]:
    """The Jacobian of a layer of n by n."""
    a, x = RNG.normal(size=(n, n)) / np.sqrt(n), RNG.normal(size=n)

    def make(library: Any, module: Any) -> Callable[..., Any]:
        weights = module.tensor(a) if hasattr(module, "tensor") else module.asarray(a) if library is not ft else a
        jac = library.jacobian if hasattr(library, "jacobian") else library.jacfwd
        return jac(layer(module, weights))

    return {"functrans": lambda: ft.jacobian(layer(np, a))(x)}, make, (x,)


def hessian(n: int) -> tuple[Candidates, Any, Any]:
    """The Hessian of Rosenbrock's function."""
    x = RNG.normal(size=n)
    return {"functrans": lambda: ft.hessian(rosenbrock)(x)}, lambda library, module: library.hessian(rosenbrock), (x,)


def per_example(batch: int = 128) -> tuple[Candidates, Any, Any]:
    """The gradient of the network's loss at each example."""
    params, x, y = network(batch)

    def make(library: Any, module: Any) -> Any:
        if not hasattr(library, "vmap"):
            gradient = library.grad(loss(module))
            return lambda params, x, y: [gradient(params, x[i], y[i]) for i in range(batch)]
        return library.vmap(library.grad(loss(module)), (None, 0, 0))

    return {"functrans": lambda: ft.vmap(ft.grad(loss(np)), (None, 0, 0))(params, x, y)}, make, (params, x, y)


def product(n: int = 10_000) -> tuple[Candidates, Any, Any]:
    """A product of the Hessian of Rosenbrock's function with a vector."""
    x, v = RNG.normal(size=n), RNG.normal(size=n)

    def make(library: Any, module: Any) -> Any:
        if hasattr(library, "jvp"):
            return lambda x, v: library.jvp(library.grad(rosenbrock), (x,), (v,))[1]
        return library.hessian_vector_product(rosenbrock)

    return {"functrans": lambda: ft.hvp(rosenbrock)(x, v)}, make, (x, v)


TASKS: dict[str, Callable[[], tuple[Candidates, Any, Any]]] = {
    "Jacobian of tanh(A x), 100 by 100": lambda: jacobian(100),
    "Jacobian of tanh(A x), 1000 by 1000": lambda: jacobian(1000),
    "Hessian of Rosenbrock, n = 100": lambda: hessian(100),
    "Hessian of Rosenbrock, n = 1000": lambda: hessian(1000),
    "gradients per example, 784-256-10, batch 128": per_example,
    "Hessian-vector product, n = 10,000": product,
}


def by_library() -> None:
    """Each task by every library that is installed."""
    for title, task in TASKS.items():
        peers = Peers()
        candidates, make, args = task()
        peers.add(candidates, make, args, slow="n = 1000" in title or "1000 by" in title)
        compile_times = peers.compile_times
        for name in compile_times:
            candidates.pop(name)
        times = side_by_side(candidates, rounds=7, budget=0.05)
        if compile_times:
            times["jax, with compilation"] = compile_times["jax, with compilation"]
        own = times["functrans"]
        rows = [["library", "ms", "functrans / it"]]
        rows += [[name, f"{t * 1e3:.3g}", f"{own / t:.2g}"] for name, t in times.items()]
        print(f"{title}\n\n{table(rows)}\n", flush=True)


def in_gradients() -> None:
    """What second derivatives cost, in gradients of the same function."""
    rows = [["second derivative", "gradients"]]
    for n in (100, 10_000):
        x, v = RNG.normal(size=n), RNG.normal(size=n)
        candidates: Candidates = {
            "grad": lambda: ft.grad(rosenbrock)(x),
            "hvp": lambda: ft.hvp(rosenbrock)(x, v),
            "vhp": lambda: ft.vhp(rosenbrock)(x, v),
        }
        if n == 100:
            candidates["hessian"] = lambda: ft.hessian(rosenbrock)(x)
        times = side_by_side(candidates)
        rows += [[f"{name}, n = {n:,}", f"{t / times['grad']:.3g}"] for name, t in times.items() if name != "grad"]
    print(f"{table(rows)}\n")


def by_order() -> None:
    """How the time of the n-th derivative grows with n, nested gradients beside shared programs."""
    rows = [["order", "nested grad, ms", "derivative(f, n), ms"]]
    for n in range(1, 11):
        f: Callable[..., Any] = np.tanh
        for _ in range(n):
            f = ft.grad(f)
        candidates: Candidates = {"derivative": lambda: ft.derivative(np.tanh, n)(0.7)}
        if n <= 7:
            candidates["nested"] = lambda f=f: f(0.7)
        times = side_by_side(candidates, rounds=5)
        nested = f"{times['nested'] * 1e3:.3g}" if "nested" in times else ""
        rows.append([str(n), nested, f"{times['derivative'] * 1e3:.3g}"])
    print(f"n-th derivative of tanh\n\n{table(rows)}\n")


if __name__ == "__main__":
    if "--own" not in sys.argv:
        by_library()
    in_gradients()
    by_order()
