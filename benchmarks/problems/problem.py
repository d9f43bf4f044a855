"""What a problem is, and the libraries that it is written for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.special


class Library(NamedTuple):
    """What functions of problems call: a module in NumPy's place, and what is not in it."""

    name: str
    np: Any
    ndtr: Callable[[Any], Any] | None
    scan: Callable[..., Any] | None = None


def functrans() -> Library:
    """NumPy, traced."""
    import functrans as ft
    from functrans.scipy.special import ndtr

    return Library("functrans", np, ndtr, ft.scan)


def autograd() -> Library:
    """Autograd's NumPy."""
    import autograd.numpy as anp
    import autograd.scipy.stats

    return Library("autograd", anp, autograd.scipy.stats.norm.cdf)


def jax() -> Library:
    """jax, in double precision."""
    import jax

    jax.config.update("jax_enable_x64", True)
    return Library("jax", jax.numpy, jax.scipy.special.ndtr, jax.lax.scan)


def torch() -> Library:
    """Torch, under NumPy's names."""
    import torch

    from problems.torch_names import TorchNames

    return Library("torch", TorchNames(), torch.special.ndtr)


def mygrad() -> Library:
    """MyGrad's functions, under NumPy's names."""
    import mygrad

    return Library("mygrad", mygrad, None)


NUMPY = Library("numpy", np, scipy.special.ndtr)


class Problem(NamedTuple):
    """A function, arguments, and its value and gradient by hand.

    Attributes:
        name: as the table shows it.
        f: called with a library, then the arguments.
        make: gives the arguments.
        hand: called with the arguments: the value and the gradients in those of ``argnums``.
        argnums: what it is differentiated in.
        aim: the compiled gradient's time, as a multiple of that by hand, that is aimed at.
        blocks: whether instead the Jacobian of each example is asked for: all arguments have a batch in front.
        allow: passes that change rounding, which are asked for in a second column.
        peers: the libraries in which it can be written in this way.
        tolerance: of the comparison by hand, relative.
    """

    name: str
    f: Callable[..., Any]
    make: Callable[[], tuple[Any, ...]]
    hand: Callable[..., Any]
    argnums: tuple[int, ...]
    aim: float
    blocks: bool = False
    allow: tuple[str, ...] = ()
    peers: tuple[str, ...] = ("autograd", "torch", "jax")
    tolerance: float = 1e-8
