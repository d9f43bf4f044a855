"""A function of one example, mapped over a batch, against a loop: with each combination of batched arguments."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np

import functrans as ft
from functrans.testing.compare import assert_close, leaves
from functrans.transforms.vmap import vmap
from tests.ops.agreement import run_source


def rounding(*values: Any) -> float:
    """How far results may be apart: single precision anywhere lowers it everywhere."""
    return 1e-5 if any(np.asarray(x).dtype in (np.float32, np.complex64) for x in leaves(values)) else 1e-12


def looped(f: Callable[..., Any], args: Any, axes: Any) -> Any:
    """``f`` of one example after the other, stacked."""
    size = next(len(leaves(x)[0]) for x, axis in zip(args, axes, strict=True) if axis == 0)
    rows = [
        f(*[x if axis is None else ft.tree.map(lambda leaf: leaf[i], x) for x, axis in zip(args, axes, strict=True)])
        for i in range(size)
    ]
    return ft.tree.map(lambda *column: np.stack(column), rows[0], *rows[1:])


def agree(found: Any, expected: Any, precise: float = 1e-12) -> None:
    """The same shapes, dtypes and numbers; floats up to rounding."""
    found, expected = leaves(found), leaves(expected)
    assert [(np.shape(a), np.asarray(a).dtype) for a in found] == [(np.shape(b), b.dtype) for b in expected]
    for a, b in zip(found, expected, strict=True):
        if b.dtype.kind in "fc":
            assert_close(a, b, precise=precise)
        else:
            assert np.array_equal(a, b), f"{a} instead of {b}"


def inexact(x: Any) -> bool:
    return np.asarray(x).dtype.kind in "fc"


def check_batches(f: Callable[..., Any], *batches: Any) -> None:
    """The value and the derivatives of ``vmap(f)``, whichever arguments are batched; of the rest the first example.

    Also staged, and twice nested.
    """
    precise = rounding(batches, f(*[x[0] for x in batches]))
    for flags in product([True, False], repeat=len(batches)):
        if not any(flags):
            continue
        args = [x if flag else x[0] for x, flag in zip(batches, flags, strict=True)]
        axes = tuple([0 if flag else None for flag in flags])
        mapped = vmap(f, axes)
        expected = looped(f, args, axes)
        agree(mapped(*args), expected, precise)
        program = ft.trace(mapped)(*args)
        program.validate()
        agree(ft.evaluate(program, *args), expected, precise)
        agree(run_source(program, *args), expected, precise)
        _check_derivatives(f, args, axes, expected, precise)
    pairs = [np.stack([x, x[::-1]]) for x in batches]
    agree(vmap(vmap(f))(*pairs), looped(vmap(f), pairs, [0] * len(pairs)), precise)
    if len(batches) == 2:  # each level batches an argument of its own
        found = vmap(vmap(f, (None, 0)), (0, None))(*batches)
        agree(found, looped(lambda x: looped(f, (x, batches[1]), (None, 0)), batches[:1], (0,)), precise)


def _check_derivatives(f: Any, args: Any, axes: Any, expected: Any, precise: float) -> None:
    """Of each example, with weights of its own or the same for all; and of the whole."""
    rng = np.random.default_rng(5)
    moving = tuple([1 + i for i, x in enumerate(args) if inexact(x)])
    weights = [rng.uniform(-1, 1, np.shape(x)).astype(x.dtype) for x in leaves(expected) if inexact(x)]
    if not moving or not weights:
        return

    def loss(w: Any, *given: Any) -> Any:
        outs = [o for o in leaves(f(*given)) if np.result_type(o).kind in "fc"]
        return sum([np.sum(np.real(a * np.sin(o))) for a, o in zip(w, outs, strict=True)])

    gradient = ft.grad(loss, moving)
    for w, axis in ((weights, 0), ([w[0] for w in weights], None)):
        each = looped(gradient, (w, *args), (axis, *axes))
        agree(vmap(gradient, (axis, *axes))(w, *args), each, precise)
        whole = ft.grad(lambda w, *given, axis=axis: np.sum(vmap(loss, (axis, *axes))(w, *given)), moving)(w, *args)
        for i, found, one in zip(moving, whole, each, strict=True):
            assert_close(found, one if axes[i - 1] == 0 else np.sum(one, axis=0), precise=precise)
