"""Sums of exponentials that do not overflow: ``logsumexp``, ``softmax``, ``log_softmax``.

The derivative of the logarithm of a sum of exponentials is the softmax: the parts of the sum. Where all terms are zero
(all exponents ``-inf``), or several infinite, they have equal parts, as those of ``np.logaddexp``: never NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import special

from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.arithmetic import is_complex
from functrans.ops.duals import absorb
from functrans.ops.family import broadcast_shapes, normalize_axes, operand, real_dtype, result_dtype
from functrans.ops.select import stop_gradient
from functrans.primitives import Primitive, Rule, Rules
from functrans.scipy.covering import covers
from functrans.scipy.special.ladder import inexact
from functrans.tracing.bind import bind

Axes = tuple[int, ...]

# The parts of a sum of exponentials.


def exponential_parts(a, axis):  # type: ignore[no-untyped-def]
    """``exp(a) / sum(exp(a))``; of terms that are all zero, or infinite, equal parts."""
    with np.errstate(all="ignore"):
        top = np.max(np.real(a), axis=axis, keepdims=True, initial=-np.inf)
        terms = np.exp(
            np.where(np.isinf(top) & (np.real(a) == top), 1j * np.imag(a) if np.iscomplexobj(a) else 0.0, a - top)
        )
        return terms / np.sum(terms, axis=axis, keepdims=True)


def _pushed_parts(t: Any, out: Any, a: Any, axis: Axes) -> Any:
    t = absorb(out, t)
    return t - out * np.sum(t, axis=axis, keepdims=True)


_parts = Primitive(
    "scipy.special.exponential_parts",
    exponential_parts,
    lambda a, axis: ArraySpec(a.shape, inexact(a.dtype)),
    # Symmetric: the transpose is the map itself.
    Rules(jvp=[_pushed_parts], vjp=[_pushed_parts]),
    source=lambda args, params: f"exponential_parts({args[0]}, {params['axis']})",
    helpers={"exponential_parts": exponential_parts},
    batch=batching.along("axis"),
)


def _parts_of(a: Any, axis: Axes) -> Any:
    return bind(_parts, a, axis=axis)


def _weighted_parts(a: Any, b: Any, axis: Axes) -> tuple[Any, Any]:
    """``exp(a) / s`` and ``b exp(a) / s``, where ``s`` is ``sum(b exp(a))``."""
    # What is divided out is a constant to derivatives. What has no weight may be infinite, and counts for nothing.
    fixed = stop_gradient(np.where(b == 0, -np.inf, np.real(a)))
    top = np.max(fixed, axis=axis, keepdims=True, initial=-np.inf)
    with np.errstate(all="ignore"):
        terms = np.exp(np.where(np.isinf(top) & (fixed == top), 0.0, a - top))
        weighted = absorb(b, terms)
        total = np.sum(weighted, axis=axis, keepdims=True)
        return terms / total, weighted / total


# logsumexp. Every rule has the parts, times what comes: they are summed when pushed, and spread when pulled.


Shares = Sequence[Callable[..., Any]]
_PLAIN: Shares = [_parts_of]
_WEIGHTED: Shares = [
    lambda a, b, axis: _weighted_parts(a, b, axis)[1],
    lambda a, b, axis: _weighted_parts(a, b, axis)[0],
]


def _push(share: Callable[..., Any]) -> Rule:
    def rule(t: Any, out: Any, *operands: Any, axis: Axes, keepdims: bool) -> Any:
        return np.sum(absorb(t, share(*operands, axis=axis)), axis=axis, keepdims=keepdims)

    return rule


def _pull(share: Callable[..., Any]) -> Rule:
    def rule(ct: Any, out: Any, *operands: Any, axis: Axes, keepdims: bool) -> Any:
        return absorb(ct if keepdims else np.expand_dims(ct, axis), share(*operands, axis=axis))

    return rule


def _push_signed(share: Callable[..., Any]) -> Rule:
    push = _push(share)

    def rule(t: Any, out: Any, *operands: Any, axis: Axes, keepdims: bool) -> Any:
        moved = push(t, out, *operands, axis=axis, keepdims=keepdims)
        # sign is exp(i phi), and moved is d log|s| + i dphi.
        turned = out[1] * (1j * np.imag(moved)) if is_complex(out[1]) else np.zeros_like(out[1])
        return np.real(moved), turned

    return rule


def _pull_signed(share: Callable[..., Any]) -> Rule:
    pull = _pull(share)

    def rule(ct: Any, out: Any, *operands: Any, axis: Axes, keepdims: bool) -> Any:
        both = ct[0] + 1j * np.imag(ct[1] * out[1]) if is_complex(out[1]) else ct[0]
        return pull(both, out, *operands, axis=axis, keepdims=keepdims)

    return rule


def _spec(*specs: ArraySpec, axis: Axes, keepdims: bool) -> ArraySpec:
    shape = broadcast_shapes("scipy.special.logsumexp", specs)
    kept = [1 if i in axis else n for i, n in enumerate(shape) if keepdims or i not in axis]
    return ArraySpec(tuple(kept), inexact(result_dtype(specs)))


def _signed_spec(*specs: ArraySpec, axis: Axes, keepdims: bool) -> tuple[ArraySpec, ArraySpec]:
    spec = _spec(*specs, axis=axis, keepdims=keepdims)
    return ArraySpec(spec.shape, real_dtype(spec.dtype)), spec


def _batch(
    primitive: Primitive, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    rank = max(batching.ranks(operands, batched))
    aligned = [
        batching.aligned(x, flag, rank) if flag else np.reshape(x, (1,) * (rank + 1 - np.ndim(x)) + np.shape(x))
        for x, flag in zip(operands, batched, strict=True)
    ]
    return bind(primitive, *aligned, **{**params, "axis": batching.shifted(params["axis"])})


def _declare(name: str, shares: Shares, signed: bool) -> Primitive:
    def impl(a: Any, b: Any = None, *, axis: Axes, keepdims: bool) -> Any:
        return special.logsumexp(a, axis=axis, b=b, keepdims=keepdims, return_sign=signed)

    def source(args: list[str], params: dict[str, Any]) -> str:
        weights = "" if len(args) == 1 else f", b={args[1]}"
        keepdims = ", keepdims=True" if params["keepdims"] else ""
        sign = ", return_sign=True" if signed else ""
        return f"scipy.special.logsumexp({args[0]}, axis={params['axis']}{weights}{keepdims}{sign})"

    push, pull = (_push_signed, _pull_signed) if signed else (_push, _pull)
    return Primitive(
        f"scipy.special.{name}",
        impl,
        _signed_spec if signed else _spec,
        Rules(jvp=[push(share) for share in shares], vjp=[pull(share) for share in shares]),
        source=source,
        multiple=signed,
        masks=True,
        batch=_batch,
    )


_LOGSUMEXP = {
    (False, False): _declare("logsumexp", _PLAIN, False),
    (True, False): _declare("logsumexp_weighted", _WEIGHTED, False),
    (False, True): _declare("logsumexp_signed", _PLAIN, True),
    (True, True): _declare("logsumexp_weighted_signed", _WEIGHTED, True),
}


@covers(special.logsumexp)
def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False) -> Any:
    """With all keywords; the weights ``b`` may be traced, too."""
    operands = [operand(a)] if b is None else [operand(a), operand(b)]
    rank = max([1, *[np.ndim(x) for x in operands]])
    if not any(np.ndim(x) for x in operands):  # SciPy sums along the one axis of an array of one
        operands[0] = np.reshape(operands[0], (1,))
    axes = normalize_axes(axis, rank)
    return bind(_LOGSUMEXP[b is not None, bool(return_sign)], *operands, axis=axes, keepdims=bool(keepdims))


# softmax


def _spec_like(x: ArraySpec, axis: Axes) -> ArraySpec:
    return ArraySpec(x.shape, inexact(x.dtype))


_softmax = Primitive(
    "scipy.special.softmax",
    special.softmax,
    _spec_like,
    Rules(jvp=[_pushed_parts], vjp=[_pushed_parts]),
    batch=batching.along("axis"),
)
_log_softmax = Primitive(
    "scipy.special.log_softmax",
    special.log_softmax,
    _spec_like,
    Rules(
        jvp=[lambda t, out, x, axis: t - np.sum(absorb(_parts_of(x, axis), t), axis=axis, keepdims=True)],
        vjp=[lambda ct, out, x, axis: ct - absorb(np.sum(ct, axis=axis, keepdims=True), _parts_of(x, axis))],
    ),
    batch=batching.along("axis"),
)


@covers(special.softmax)
def softmax(x: Any, axis: Any = None) -> Any:
    """Along one axis, several, or all."""
    return bind(_softmax, x, axis=normalize_axes(axis, np.ndim(x)))


@covers(special.log_softmax)
def log_softmax(x: Any, axis: Any = None) -> Any:
    """Along one axis, several, or all."""
    return bind(_log_softmax, x, axis=normalize_axes(axis, np.ndim(x)))
