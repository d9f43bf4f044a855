"""Every family of operations: the time of forward and of reverse mode as a multiple of the NumPy call.

    python benchmarks/families.py [NAME]

Beside them reverse mode of autograd and of jax (eager), where they are installed (``pip install -e '.[bench]'``).
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from timing import side_by_side, table

import functrans as ft

RNG = np.random.default_rng(0)
X = RNG.uniform(0.1, 0.9, 100_000)
M = RNG.normal(size=(300, 300)) + 20 * np.eye(300)
S = M @ M.T / 300
T = RNG.normal(size=(300, 200))
INDEX = RNG.integers(0, X.size, X.size)

#: By family: calls, with a module in NumPy's place, and their argument.
FAMILIES: dict[str, dict[str, tuple[Callable[[Any, Any], Any], np.ndarray]]] = {
    "elementwise": {
        "exp": (lambda m, x: m.exp(x), X),
        "tanh": (lambda m, x: m.tanh(x), X),
        "log1p": (lambda m, x: m.log1p(x), X),
        "x ** 3": (lambda m, x: x**3, X),
        "logaddexp": (lambda m, x: m.logaddexp(x, 0.5), X),
        "maximum": (lambda m, x: m.maximum(x, 0.5), X),
        "where": (lambda m, x: m.where(x > 0.5, x, 0.0), X),
    },
    "reductions": {
        "sum": (lambda m, x: m.sum(x), X),
        "mean, axis": (lambda m, x: m.mean(x.reshape(100, 1000), axis=1), X),
        "prod": (lambda m, x: m.prod(x.reshape(1000, 100) + 0.5, axis=1), X),
        "std": (lambda m, x: m.std(x), X),
        "max": (lambda m, x: m.max(x), X),
        "nansum": (lambda m, x: m.nansum(x), X),
    },
    "cumulative and order": {
        "cumsum": (lambda m, x: m.cumsum(x), X),
        "cumprod": (lambda m, x: m.cumprod(x + 0.5), X),
        "diff": (lambda m, x: m.diff(x), X),
        "sort": (lambda m, x: m.sort(x), X),
        "median": (lambda m, x: m.median(x), X),
        "quantile": (lambda m, x: m.quantile(x, 0.3), X),
    },
    "shapes and indices": {
        "transpose": (lambda m, x: m.transpose(x), T),
        "concatenate": (lambda m, x: m.concatenate([x, x]), X),
        "x[1:]": (lambda m, x: x[1:], X),
        "x[index]": (lambda m, x: x[INDEX], X),
        "pad": (lambda m, x: m.pad(x, 3), X),
        "roll": (lambda m, x: m.roll(x, 3), X),
    },
    "products": {
        "matmul": (lambda m, x: m.matmul(x, T), M),
        "einsum": (lambda m, x: m.einsum("ij,ik->jk", x, x), T),
        "kron": (lambda m, x: m.kron(x[:20, :20], x[:20, :20]), M),
        "convolve": (lambda m, x: m.convolve(x[:5000], x[:50]), X),
        "interp": (lambda m, x: m.interp(x, np.linspace(0, 1, 50), np.linspace(0, 1, 50) ** 2), X),
    },
    "linalg": {
        "solve": (lambda m, x: m.linalg.solve(x, T), M),
        "inv": (lambda m, x: m.linalg.inv(x), M),
        "slogdet": (lambda m, x: m.linalg.slogdet(x)[1], M),
        "cholesky": (lambda m, x: m.linalg.cholesky(x), S),
        "eigh": (lambda m, x: m.linalg.eigh(x)[0], S),
        "svd": (lambda m, x: m.linalg.svd(x, full_matrices=False)[1], T),
        "qr": (lambda m, x: m.linalg.qr(x)[0], T),
        "pinv": (lambda m, x: m.linalg.pinv(x), T),
        "norm": (lambda m, x: m.linalg.norm(x), M),
    },
    "fft": {
        "fft": (lambda m, x: m.real(m.fft.fft(x)), X),
        "rfft": (lambda m, x: m.abs(m.fft.rfft(x)), X),
        "fft2": (lambda m, x: m.real(m.fft.fft2(x)), M),
    },
}


def modes(module: Any, call: Callable[[Any, Any], Any], x: np.ndarray) -> dict[str, Callable[[], object]]:
    """The call itself, and its derivatives in both modes; those of other libraries that can."""
    out = np.asarray(call(np, x))
    ct, dx = np.ones(out.shape), np.ones(x.shape)
    ct = ct if out.shape else np.float64(1.0)
    found: dict[str, Callable[[], object]] = {
        "NumPy": lambda: call(np, x),
        "forward": lambda: ft.jvp(lambda x: call(np, x), (x,), (dx,)),
        "reverse": lambda: ft.vjp(lambda x: call(np, x), x)[1](ct),
    }
    autograd, jax = module
    if autograd is not None:
        from autograd.core import make_vjp

        found["autograd"] = lambda: make_vjp(lambda x: call(autograd, x), x)[0](ct)
    if jax is not None:

        def with_jax() -> object:
            value, pull = jax.vjp(lambda x: call(jax.numpy, x), x)
            return jax.block_until_ready(pull(jax.numpy.ones_like(value)))

        found["jax"] = with_jax
    for name in [*found]:
        try:
            found[name]()
        except Exception:  # the other library does not have it
            if name in ("NumPy", "forward", "reverse"):
                raise
            del found[name]
    return found


def peers() -> tuple[Any, Any]:
    """Autograd's NumPy, and jax, if they are installed."""
    try:
        import autograd.numpy as autograd
    except ImportError:
        autograd = None
    try:
        import jax

        jax.config.update("jax_enable_x64", True)
    except ImportError:
        jax = None
    return autograd, jax


def main() -> None:
    """Print a table for each family."""
    warnings.simplefilter("ignore")
    module = peers()
    chosen = sys.argv[1:] or list(FAMILIES)
    for family in chosen:
        rows = [["call", "NumPy, us", "forward", "reverse", "autograd, reverse", "jax (eager), reverse"]]
        for name, (call, x) in FAMILIES[family].items():
            best = side_by_side(modes(module, call, x), rounds=5, budget=0.02)
            unit = best["NumPy"]
            ratios = [
                f"{best[mode] / unit:.1f}" if mode in best else "-"
                for mode in ("forward", "reverse", "autograd", "jax")
            ]
            rows.append([name, f"{unit * 1e6:.0f}", *ratios])
        print(f"### {family}\n\n{table(rows)}\n")


if __name__ == "__main__":
    main()
