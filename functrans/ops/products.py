"""Products built of others or of entries: ``kron``, ``cross``, ``multi_dot``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans.errors import ShapeError
from functrans.ir.spec import ArraySpec
from functrans.ops.batching import Flags, Operands, Params, ranks, stacked
from functrans.ops.contract import contraction_dtype
from functrans.ops.family import broadcast_shapes, normalize_axis, operand
from functrans.ops.scalars import strong
from functrans.primitives import Bilinear, Primitive
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import implements

# kron: every entry of one times every entry of the other; axis k of the result is axis k of a and of b, interleaved.


def _padded(shape: tuple[int, ...], ndim: int) -> tuple[int, ...]:
    return (1,) * (ndim - len(shape)) + shape


def _kron_spec(a: ArraySpec, b: ArraySpec) -> ArraySpec:
    ndim = max(a.ndim, b.ndim)
    shape = tuple(m * n for m, n in zip(_padded(a.shape, ndim), _padded(b.shape, ndim), strict=True))
    return ArraySpec(shape, contraction_dtype(a, b))


def _interleaved(ct: Any, a: Any, b: Any) -> tuple[Any, int]:
    """The cotangent with axes ``a0, b0, a1, b1, …``, and how many pairs there are."""
    ndim = ct.ndim
    pairs = zip(_padded(ArraySpec.of(a).shape, ndim), _padded(ArraySpec.of(b).shape, ndim), strict=True)
    return np.reshape(ct, [n for pair in pairs for n in pair]), ndim


def _kron_left(ct: Any, a: Any, b: Any) -> Any:
    spread, ndim = _interleaved(ct, a, b)
    b = np.reshape(b, _padded(ArraySpec.of(b).shape, ndim))
    found = np.tensordot(spread, b, axes=(tuple(range(1, 2 * ndim, 2)), tuple(range(ndim))))
    return np.reshape(found, a.shape)


def _kron_right(ct: Any, a: Any, b: Any) -> Any:
    spread, ndim = _interleaved(ct, a, b)
    a = np.reshape(a, _padded(ArraySpec.of(a).shape, ndim))
    found = np.tensordot(a, spread, axes=(tuple(range(ndim)), tuple(range(0, 2 * ndim, 2))))
    return np.reshape(found, b.shape)


def _kron_batch(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
    ndim = max(ranks(operands, batched))
    factors, lengths = [], []
    for x, flag, behind in zip(operands, batched, (True, False), strict=True):
        shape = np.shape(x)
        lead, own = shape[:flag], _padded(shape[flag:], ndim)
        spread = [length for n in own for length in ((n, 1) if behind else (1, n))]
        factors.append(np.reshape(strong(x), (*lead, *spread)))
        lengths.append(own)
    return np.reshape(factors[0] * factors[1], (size, *[m * n for m, n in zip(*lengths, strict=True)]))


kron_p = Primitive("kron", np.kron, _kron_spec, Bilinear((_kron_left, _kron_right)), batch=_kron_batch)


@implements(np.kron)
def kron(a: Any, b: Any) -> Any:
    """``np.kron``."""
    return bind(kron_p, operand(a), operand(b))


# cross: the triple product ct . (a x b) is cyclic, which gives both transposes.


def _cross_spec(a: ArraySpec, b: ArraySpec) -> ArraySpec:
    batch = broadcast_shapes("np.cross", [a.with_shape(a.shape[:-1]), b.with_shape(b.shape[:-1])])
    return ArraySpec((*batch, 3), contraction_dtype(a, b))


cross_p = Primitive(
    "cross",
    np.cross,
    _cross_spec,
    Bilinear((lambda ct, a, b: np.cross(b, ct), lambda ct, a, b: np.cross(ct, a))),
    batch=stacked(1, 1),
)


@implements(np.cross)
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """``np.cross``."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = _last(operand(a), axisa), _last(operand(b), axisb)
    lengths = a.shape[-1], b.shape[-1]
    if not set(lengths) <= {2, 3}:
        raise ShapeError(
            f"`np.cross` of {ArraySpec.of(a)!r} and {ArraySpec.of(b)!r}: vectors must have 2 or 3 entries",
            "say where they are with `axis=` (or `axisa=`, `axisb=`).",
        )
    if lengths == (3, 3):
        out = bind(cross_p, a, b)
    else:
        a0, a1, b0, b1 = a[..., 0], a[..., 1], b[..., 0], b[..., 1]
        last = a0 * b1 - a1 * b0
        if lengths == (2, 2):
            return last
        if lengths == (2, 3):
            parts = [a1 * b[..., 2], -(a0 * b[..., 2]), last]
        else:
            parts = [-(a[..., 2] * b1), a[..., 2] * b0, last]
        out = np.stack(parts, axis=-1)
    return out if normalize_axis(axisc, out.ndim) == out.ndim - 1 else np.moveaxis(out, -1, axisc)


def _last(a: Any, axis: int) -> Any:
    return a if normalize_axis(axis, a.ndim) == a.ndim - 1 else np.moveaxis(a, axis, -1)


@implements(np.linalg.cross)
def linalg_cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """``np.linalg.cross``: of vectors of three entries only."""
    x1, x2 = operand(x1), operand(x2)
    if x1.shape[axis] != 3 or x2.shape[axis] != 3:
        raise ShapeError(
            f"`np.linalg.cross` of {ArraySpec.of(x1)!r} and {ArraySpec.of(x2)!r}: vectors must have 3 entries",
            "say where they are with `axis=`.",
        )
    return cross(x1, x2, axis=axis)


# multi_dot: the same products in the same order as NumPy's, so to the same bits.


@implements(np.linalg.multi_dot)
def multi_dot(arrays: Sequence[Any], *, out: None = None) -> Any:
    """``np.linalg.multi_dot``: the product of a chain of matrices, in the cheapest order."""
    if len(arrays) < 2:
        raise ValueError("Expecting at least two arrays.")
    chain = [operand(a) for a in arrays]
    if len(chain) == 2:
        return np.dot(*chain)
    first, last = chain[0].ndim, chain[-1].ndim
    if first == 1:
        chain[0] = chain[0][None, :]
    if last == 1:
        chain[-1] = chain[-1][:, None]
    for a in chain:
        if a.ndim != 2:
            raise ShapeError(
                f"`np.linalg.multi_dot` of {ArraySpec.of(a)!r}: it takes matrices, and vectors at the two ends",
                "use `@` for stacks of matrices.",
            )
    product = _chain_of_three(*chain) if len(chain) == 3 else _chain(chain)
    if first == last == 1:
        return product[0, 0]
    return np.ravel(product) if first == 1 or last == 1 else product


def _chain_of_three(a: Any, b: Any, c: Any) -> Any:
    (m, n), (p, q) = a.shape, c.shape
    return np.dot(np.dot(a, b), c) if m * p * (n + q) < n * q * (m + p) else np.dot(a, np.dot(b, c))


def _chain(chain: list[Any]) -> Any:
    """The product in the order with the fewest multiplications; among equals, the first found from the left.

    Source: Cormen et al., *Introduction to Algorithms*, 3rd ed. (2009), section 15.2.
    """
    sizes = [a.shape[0] for a in chain] + [chain[-1].shape[1]]
    count = len(chain)
    # (cost, product so far) of chain[i:j + 1]
    best: dict[tuple[int, int], tuple[float, int]] = {(i, i): (0.0, i) for i in range(count)}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            costs = [best[i, k][0] + best[k + 1, j][0] + sizes[i] * sizes[k + 1] * sizes[j + 1] for k in range(i, j)]
            cheapest = min(costs)
            best[i, j] = (cheapest, i + costs.index(cheapest))

    def product(i: int, j: int) -> Any:
        if i == j:
            return chain[i]
        split = best[i, j][1]
        return np.dot(product(i, split), product(split + 1, j))

    return product(0, count - 1)
