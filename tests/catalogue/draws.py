"""The arguments of the catalogue's calls, said by their shapes: numbers off every kink, the same each time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

Draw: TypeAlias = Callable[[np.random.Generator], Any]


def real(*shape: int) -> Draw:
    """Numbers of both signs, no two alike, off the integers and halves."""

    def draw(rng: np.random.Generator) -> Any:
        size = int(np.prod(shape))
        spread = np.linspace(-1.4, 1.4, size + 1)[:-1] + 0.7 / (size + 1)
        return (rng.permutation(spread) + rng.uniform(0.005, 0.02, size)).reshape(shape)

    return draw


def between(low: float, high: float) -> Callable[..., Draw]:
    """Such numbers between two others."""
    return lambda *shape: lambda rng: low + (high - low) * (0.5 + real(*shape)(rng) / 3)


P = between(0.2, 2.0)  # positive
U = between(0.05, 0.95)  # of the unit interval
A = between(1.1, 3.0)  # above one


def C(*shape: int) -> Draw:
    """Complex numbers, off the axes."""
    return lambda rng: real(*shape)(rng) + 1j * P(*shape)(rng)


def M(*shape: int) -> Draw:
    """Matrices far from singular ones, with singular values and eigenvalues far from one another."""
    return lambda rng: 0.25 * real(*shape)(rng) + np.eye(*shape[-2:]) * np.arange(1.0, shape[-1] + 1)


def S(*shape: int) -> Draw:
    """Positive definite symmetric ones."""

    def draw(rng: np.random.Generator) -> Any:
        made = M(*shape)(rng)
        return made @ np.swapaxes(made, -1, -2)

    return draw


def H(*shape: int) -> Draw:
    """Positive definite hermitian ones."""

    def draw(rng: np.random.Generator) -> Any:
        made = M(*shape)(rng) + 0.2j * real(*shape)(rng)
        return made @ np.conj(np.swapaxes(made, -1, -2))

    return draw


def drawn(operands: tuple[Any, ...], seed: int) -> tuple[Any, ...]:
    """The arguments: a tuple is the shape of real numbers, a function is asked, anything else is itself."""
    rng = np.random.default_rng(seed)
    return tuple((real(*o)(rng) if isinstance(o, tuple) else o(rng) if callable(o) else o) for o in operands)
