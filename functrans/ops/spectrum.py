"""What the decompositions share: which eigenvalues (singular values) are equal, and what then has no derivative.

The derivative of an eigenvector divides by differences of eigenvalues. Among equal ones (to rounding: a *cluster*) the
basis is arbitrary, and what turns it has no derivative. What does not turn it has one, so in place of a quotient by
zero there stands:

- 0, where what is divided is zero to rounding. So a function that the choice of the basis does not change (the
  projector on the space of a cluster, a sum over it) has its derivative;
- NaN elsewhere. A finite number would be wrong in silence.

Source: Kato, *Perturbation Theory for Linear Operators* (1995), chapter II; Magnus and Neudecker, *Matrix Differential
Calculus* (2019), chapter 9.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.ir.spec import ArraySpec
from functrans.ops.batching import Flags, Operands, Params, aligned, full, ranks, stacked
from functrans.ops.contract import conj
from functrans.ops.family import real_dtype
from functrans.primitives import Constant, Primitive, Rules
from functrans.tracing.bind import bind
from functrans.tracing.tracer import Tracer


def clusters(w, ordered):  # type: ignore[no-untyped-def]
    """Which pairs of ``w`` are equal, up to rounding; if they stand in order, also over those between them."""
    size = np.max(np.abs(w), axis=-1, keepdims=True, initial=0)
    floor = np.finfo(w.dtype).eps * max(w.shape[-1], 32) * size
    if not ordered:
        return np.abs(w[..., :, None] - w[..., None, :]) <= floor[..., None]
    label = np.zeros(w.shape, int)
    label[..., 1:] = np.cumsum(~(np.abs(np.diff(w)) <= floor), axis=-1)
    return label[..., :, None] == label[..., None, :]


clusters_p = Primitive(
    "clusters",
    clusters,
    lambda w, *, ordered: ArraySpec((*w.shape, w.shape[-1]), np.bool_),
    Constant("it is a truth value"),
    source=lambda args, params: f"clusters({args[0]}, {params['ordered']})",
    helpers={"clusters": clusters},
    batch=stacked(1),
)


def ties(w: Any, ordered: bool = True) -> Any:
    """Which pairs are equal, those with themselves included; None, if it is known that there are no others.

    Of a batch it is known, where its values are: then all examples take the short way, or none does.
    """
    same = bind(clusters_p, w, ordered=ordered)
    known = same
    while type(known) is Tracer:
        known = known.mark if known.recorder.batched else known.value
    if type(known) is np.ndarray and np.count_nonzero(known) * w.shape[-1] == known.size:
        return None
    return same


def diagonal_of(n: int) -> Any:
    """A mask of the diagonal."""
    return np.eye(n, dtype=bool)


def differences(w: Any) -> Any:
    """``w[j] - w[i]`` in row ``i``, column ``j``."""
    return w[..., None, :] - w[..., :, None]


def quotient(x: Any, divisor: Any, tied: Any, undefined: Any = None) -> Any:
    """``x / divisor``; where ``tied``, 0 times ``x``, or NaN times ``x`` where it is ``undefined`` too."""
    free = np.where(tied, np.zeros((), divisor.dtype), 1 / np.where(tied, np.ones((), divisor.dtype), divisor))
    if undefined is not None:
        # A product, so that its derivatives are NaN as well.
        free = np.where(np.logical_and(tied, undefined), np.full((), np.nan, divisor.dtype), free)
    return x * free


def significant(x: Any, beside: Any) -> Any:
    """Which entries are no mere rounding errors, ``beside`` being the numbers that they were computed from."""
    floor = 8 * np.finfo(real_dtype(beside.dtype)).eps * max(*beside.shape[-2:], 4)
    return np.logical_not(np.abs(x) <= floor * np.max(np.abs(beside), axis=(-2, -1), keepdims=True, initial=0))


def adjoint(x: Any) -> Any:
    """The conjugate transpose."""
    return conj(x.mT)


def unused(ct: Any) -> bool:
    """Whether nothing depends on an output of which this is the cotangent (:mod:`functrans.transforms.walk`)."""
    return type(ct) is np.ndarray and not any(ct.strides) and not np.any(ct)


def settled(ct: Any) -> bool:
    """Whether a cotangent is known to be constant."""
    return type(ct) is not Tracer


def mixed(by_w: Any, turns: Any, same: Any) -> Any:
    """Where a function of eigenvalues and eigenvectors may see equal ones come apart: its derivative is not known.

    Within a cluster, the cotangents of its vectors (``turns``, in their own basis) tell how the function depends on
    the matrix there only if that has no entries off the diagonal; and if they vanish, they do not tell.
    """
    off = same & ~diagonal_of(same.shape[-1])
    seen = same & (sum([significant(g, g) for g in turns]) != 0)
    values = np.any(same & (by_w != 0)[..., None, :], axis=-1)
    block = np.any(same & np.any(seen, axis=-1)[..., None, :], axis=-1)
    silent = (values & ~block)[..., :, None] & off
    return (seen & off) | silent


def within(tied: Any, weights: Any) -> Any:
    """The mean of ``weights`` over those equal to each."""
    shares = tied / np.sum(tied, axis=-1, keepdims=True)
    return np.sum(shares.astype(weights.dtype) * weights[..., None, :], axis=-1)


# What is right to the first order alone, where values tie.


def _once_batch(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
    (x, tied), (of_x, of_tied) = operands, batched
    rank = max(ranks(operands, batched))
    return bind(primitive, full(aligned(x, of_x, rank), of_x, size), aligned(tied, of_tied, rank))


def _undefined(t: Any, out: Any, x: Any, tied: Any) -> Any:
    dtype = real_dtype(t.dtype)
    return t * np.where(tied, np.full((), np.nan, dtype), np.ones((), dtype))


_once = Primitive(
    "first_order",
    lambda x, tied: x,
    lambda x, tied: x,
    Rules(jvp=[_undefined, None], vjp=[_undefined, None]),
    source=lambda args, params: args[0],
    batch=_once_batch,
)


def first_order(x: Any, same: Any, besides: Any = None) -> Any:
    """``x``, a derivative, whose own derivative is NaN where values tie (or ``besides``): it is not known there."""
    tied = np.any(same & ~diagonal_of(same.shape[-1]), axis=(-2, -1)) | (
        False if besides is None else np.any(besides, axis=-1)
    )
    return bind(_once, x, np.reshape(tied, (*tied.shape, *[1] * (x.ndim - tied.ndim))))
