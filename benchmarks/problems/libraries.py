"""The value and gradient of a problem by other libraries: what is measured, as a function without arguments."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

import functrans as ft
from problems import problem
from problems.problem import Problem

Call = Callable[[], Any]


def by_autograd(task: Problem, args: Any) -> Call:
    import autograd

    lib = problem.autograd()
    both = autograd.value_and_grad(lambda *args: task.f(lib, *args), task.argnums)
    return lambda: both(*args)


def by_torch(task: Problem, args: Any) -> Call:
    import torch

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    lib = problem.torch()
    moving = [ft.tree.flatten(args[i])[0] for i in task.argnums]
    leaves, structure = ft.tree.flatten(args)
    differentiated = [any(leaf is x for part in moving for x in part) for leaf in leaves]
    tensors = [
        torch.tensor(leaf, dtype=torch.float64, requires_grad=moves)
        for leaf, moves in zip(leaves, differentiated, strict=True)
    ]
    given = ft.tree.unflatten(structure, tensors)
    wanted = [tensor for tensor in tensors if tensor.requires_grad]

    def run() -> Any:
        value = task.f(lib, *given)
        return value.detach(), torch.autograd.grad(value, wanted)

    return run


def by_jax(task: Problem, args: Any, compiled: bool = True) -> Call:
    import jax

    lib = problem.jax()

    def f(*args: Any) -> Any:
        return task.f(lib, *args)

    if task.blocks:
        both = jax.vmap(jax.jacobian(f, argnums=task.argnums))
    else:
        both = jax.value_and_grad(f, argnums=task.argnums)
    run = jax.jit(both) if compiled else both
    given = ft.tree.map(jax.numpy.asarray, args)
    return lambda: jax.block_until_ready(run(*given))


def by_mygrad(task: Problem, args: Any) -> Call:
    import mygrad

    lib = problem.mygrad()

    def run() -> Any:
        given = [ft.tree.map(mygrad.tensor, arg) if i in task.argnums else arg for i, arg in enumerate(args)]
        value = task.f(lib, *given)
        value.backward()
        return value.data, [tensor.grad for i in task.argnums for tensor in ft.tree.flatten(given[i])[0]]

    return run


def check(name: str, found: Any, expected: Any, tolerance: float) -> None:
    """Compare with what was derived by hand, relative to the largest entry."""
    ours, theirs = ft.tree.flatten(_plain(found))[0], ft.tree.flatten(expected)[0]
    assert len(ours) == len(theirs), f"{name}: {len(ours)} arrays for {len(theirs)}"
    for a, b in zip(ours, theirs, strict=True):
        scale = np.max(np.abs(b), initial=0.0)
        np.testing.assert_allclose(np.asarray(a), b, rtol=tolerance, atol=tolerance * scale, err_msg=name)


def _plain(tree: Any) -> Any:
    if isinstance(tree, list | tuple):
        return tuple([_plain(part) for part in tree])
    return np.asarray(tree)
