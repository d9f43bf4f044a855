"""The derivatives of functions of matrices, of any order.

The derivative of ``f`` at ``a`` along ``e``, which is called ``L(a, e)``, is itself a primitive. It is linear in ``e``,
with the transpose ``L(a.mT, .)``; its derivatives in ``a`` are those of higher order, which are symmetric in their
directions: ``L`` of ``[[a, e], [0, a]]`` and ``[[t, 0], [0, t]]`` has that along ``e`` and ``t`` beside its diagonal.

Source: Higham, *Functions of Matrices* (2008), section 3.2 and chapters 6, 10, 11; N. Higham and S. Relton, *Higher
order Fréchet derivatives of matrix functions and the level-2 condition number* (2014); A. Al-Mohy and N. Higham,
*Computing the Fréchet derivative of the matrix exponential* (2009).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functrans.ir.spec import ArraySpec
from functrans.primitives import Primitive, Rules
from functrans.scipy.linalg.declaring import common, declare
from functrans.tracing.bind import bind


def higher_derivative(a, e, t, along):  # type: ignore[no-untyped-def]
    """The derivative of a function of matrices at ``a`` along each ``e[..., i, :, :]`` and ``t``: symmetric in them.

    ``along(a, t)`` is the first derivative; that of matrices of twice the size has the next one beside its diagonal.
    """
    stack = np.broadcast_shapes(a.shape[:-2], e.shape[:-3], t.shape[:-2])
    n, found = a.shape[-1], np.result_type(a, e, t)
    a, t = [np.broadcast_to(x, (*stack, n, n)) for x in (a, t)]
    e = np.broadcast_to(e, (*stack, *e.shape[-3:]))
    size = np.max(np.abs(a), axis=(-2, -1), keepdims=True, initial=0)
    total = np.ones((*stack, 1, 1), size.dtype)
    for i in range(e.shape[-3]):
        # Directions as large as the matrix itself, for which the function is precise.
        own = np.max(np.abs(e[..., i, :, :]), axis=(-2, -1), keepdims=True, initial=0)
        usable = (own > 0) & (size > 0) & np.isfinite(own) & np.isfinite(size)
        ratio = np.log2(np.where(usable, size, 1)) - np.log2(np.where(usable, own, 1))
        scale = np.exp2(np.round(np.clip(ratio, -60, 60)))
        total = total * scale
        width = a.shape[-1]
        block = np.zeros((*stack, 2 * width, 2 * width), found)
        block[..., :width, :width] = block[..., width:, width:] = a
        wide = np.zeros_like(block)
        wide[..., :width, :width] = wide[..., width:, width:] = t
        for place in range(0, width, n):
            block[..., place : place + n, width + place : width + place + n] = scale * e[..., i, :, :]
        a, t = block, wide
    return (along(a, t)[..., :n, a.shape[-1] - n :] / total).astype(found)


def _appended(e: Any, t: Any) -> Any:
    """One direction more."""
    stack = np.broadcast_shapes(e.shape[:-3], t.shape[:-2])
    parts = [np.broadcast_to(x, (*stack, *x.shape[-3:])) for x in (e, t[..., None, :, :])]
    return np.concatenate(parts, axis=-3)


def _others(e: Any, i: int) -> Any:
    return np.concatenate([e[..., :i, :, :], e[..., i + 1 :, :, :]], axis=-3)


def declare_frechet(
    name: str, function: Callable[..., Any], helpers: dict[str, Callable[..., Any]]
) -> tuple[Primitive, Primitive]:
    """``L(a, e)`` of a function of matrices, which ``function(a, e)`` computes, and its derivatives of any order."""
    helpers = {**helpers, function.__name__: function}

    def spec(a: ArraySpec, *directions: ArraySpec) -> ArraySpec:
        cores = [(x, 3 if i == 0 and len(directions) == 2 else 2) for i, x in enumerate(directions)]
        stack = common(name, (a, 2), *cores)
        return ArraySpec((*stack, *a.shape[-2:]), np.result_type(*[x.dtype for x in (a, *directions)]))

    first: Primitive = declare(
        name,
        function,
        spec,
        Rules(
            jvp=[
                lambda da, out, a, e: bind(higher, a, e[..., None, :, :], da),
                lambda de, out, a, e: bind(first, a, de),
            ],
            # Under a trace, products may be turned around.
            vjp=[
                lambda ct, out, a, e: bind(higher, a, e[..., None, :, :], ct.mT).mT,
                lambda ct, out, a, e: bind(first, a.mT, ct),
            ],
        ),
        cores=(2, 2),
        source=lambda args, params: f"{function.__name__}({', '.join(args)})",
        helpers=helpers,
    )

    def push_directions(de: Any, out: Any, a: Any, e: Any, t: Any) -> Any:
        count = e.shape[-3]
        return sum([bind(higher, a, _appended(_others(e, i), t), de[..., i, :, :]) for i in range(count)])

    def pull_directions(ct: Any, out: Any, a: Any, e: Any, t: Any) -> Any:
        count = e.shape[-3]
        pulled = [bind(higher, a, _appended(_others(e, i), t), ct.mT).mT for i in range(count)]
        return np.stack(pulled, axis=-3)

    higher: Primitive = declare(
        f"higher_{name}",
        lambda a, e, t: higher_derivative(a, e, t, function),
        spec,
        Rules(
            jvp=[
                lambda da, out, a, e, t: bind(higher, a, _appended(e, t), da),
                push_directions,
                lambda dt, out, a, e, t: bind(higher, a, e, dt),
            ],
            vjp=[
                lambda ct, out, a, e, t: bind(higher, a, _appended(e, t), ct.mT).mT,
                pull_directions,
                lambda ct, out, a, e, t: bind(higher, a, e, ct.mT).mT,
            ],
        ),
        cores=(2, 3, 2),
        source=lambda args, params: f"higher_derivative({', '.join(args)}, {function.__name__})",
        helpers={**helpers, "higher_derivative": higher_derivative},
    )
    return first, higher
