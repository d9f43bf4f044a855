"""Convolution and correlation of vectors, bilinear in both; and of the rows of arrays, which their batches are.

With ``c`` the full convolution of ``a`` and ``v``, the transpose in ``a`` correlates with ``v``, that is, convolves
with ``v`` read backwards; the modes cut a part out of ``c``, and so zeros are put around the cotangent.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.errors import ShapeError
from functrans.ir.spec import ArraySpec
from functrans.ops import batching, contraction
from functrans.ops.batching import Flags, Operands, Params
from functrans.ops.contract import conj, contraction_dtype
from functrans.ops.family import broadcast_shapes, operand
from functrans.ops.scalars import strong
from functrans.primitives import Bilinear, Primitive, call_source
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import implements


def _length(m: int, n: int, mode: str) -> int:
    if mode == "full":
        return m + n - 1
    return max(m, n) if mode == "same" else abs(m - n) + 1


def _check(name: str, a: ArraySpec, v: ArraySpec) -> None:
    if a.ndim != 1 or v.ndim != 1:
        raise ShapeError(
            f"`np.{name}` of {a!r} and {v!r}: it takes vectors",
            "flatten with `np.ravel`, or map over the rows with `functrans.vmap`.",
        )


# Of rows: operands are convolved along the last axis, those before broadcast.


def convolve_rows(a, v, mode):  # type: ignore[no-untyped-def]
    """``np.convolve`` along the last axis of both, in one pass."""
    if v.shape[-1] > a.shape[-1]:
        a, v = v, a
    m, n = a.shape[-1], v.shape[-1]
    lead = np.broadcast_shapes(a.shape[:-1], v.shape[:-1])
    start, stop = {"full": (0, m + n - 1), "same": ((n - 1) // 2, (n - 1) // 2 + m), "valid": (n - 1, m)}[mode]
    if n > 16 and np.all(np.isfinite(v)):  # else a zero put around `a` would meet an infinity
        padded = np.zeros((*a.shape[:-1], m + 2 * n - 2), a.dtype)
        padded[..., n - 1 : n - 1 + m] = a
        windows = np.lib.stride_tricks.sliding_window_view(padded, n, axis=-1)[..., start:stop, :]
        back = v[..., None, ::-1]
        return np.vecdot(np.conjugate(back) if back.dtype.kind == "c" else back, windows)
    out = np.zeros((*lead, stop - start), np.result_type(a, v))
    for j in range(n):
        first, last = max(start, j), min(stop, j + m)
        if first < last:
            out[..., first - start : last - start] += a[..., first - j : last - j] * v[..., j, None]
    return out


def _rows_spec(a: ArraySpec, v: ArraySpec, *, mode: str) -> ArraySpec:
    lead = broadcast_shapes("np.convolve", [a.with_shape(a.shape[:-1]), v.with_shape(v.shape[:-1])])
    return ArraySpec((*lead, _length(a.shape[-1], v.shape[-1], mode)), contraction_dtype(a, v))


def convolved(a: Any, v: Any, mode: str = "full") -> Any:
    """The convolution along the last axis of both."""
    return bind(convolve_p if a.ndim == v.ndim == 1 else rows_p, a, v, mode=mode)


def _in_full(ct: Any, m: int, n: int, start: int) -> Any:
    """The cotangent of the full convolution, of one of the part which ``"same"`` cuts out."""
    shape = np.shape(ct)[:-1]
    before, after = start, min(m, n) - 1 - start
    dtype = ArraySpec.of(ct).dtype
    return np.concatenate([np.zeros((*shape, before), dtype), ct, np.zeros((*shape, after), dtype)], axis=-1)


def pulled(ct: Any, length: int, other: Any, mode: str, start: int | None = None) -> Any:
    """The cotangent of an operand of this length, convolved with another; ``start`` is where ``"same"`` begins."""
    n = other.shape[-1]
    if mode == "same":
        ct = _in_full(ct, length, n, (min(length, n) - 1) // 2 if start is None else start)
    back = other[..., ::-1]
    if mode == "valid":
        return convolved(ct, back) if length >= n else convolved(back, ct, "valid")
    return convolved(ct, back, "valid")


rows_p = Primitive(
    "convolve_rows",
    convolve_rows,
    _rows_spec,
    Bilinear(
        (
            lambda ct, a, v, *, mode: pulled(ct, a.shape[-1], v, mode),
            lambda ct, a, v, *, mode: pulled(ct, v.shape[-1], a, mode),
        )
    ),
    source=lambda args, params: call_source("convolve_rows", args, params),
    helpers={"convolve_rows": convolve_rows},
    batch=batching.stacked(1, 1),
)


# np.convolve


def _convolve_spec(a: ArraySpec, v: ArraySpec, *, mode: str) -> ArraySpec:
    _check("convolve", a, v)
    return ArraySpec((_length(a.shape[0], v.shape[0], mode),), contraction_dtype(a, v))


def _convolve_batch(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
    return bind(rows_p, *operands, mode=params["mode"])


convolve_p = Primitive(
    "convolve",
    np.convolve,
    _convolve_spec,
    Bilinear(
        (
            lambda ct, a, v, *, mode: pulled(ct, a.shape[0], v, mode),
            lambda ct, a, v, *, mode: pulled(ct, v.shape[0], a, mode),
        )
    ),
    batch=contraction.checked(_convolve_batch),
)


def _operands(a: Any, v: Any, mode: Any) -> tuple[Any, Any, str]:
    a, v = strong(operand(a)), strong(operand(v))
    for name, x in (("a", a), ("v", v)):
        if x.ndim == 1 and not len(x):
            raise ValueError(f"{name} cannot be empty")
    if mode not in ("full", "same", "valid"):
        np.convolve(np.ones(2), np.ones(1), mode)  # which refuses it, unless it is an old name
        mode = {"f": "full", "s": "same", "v": "valid", 2: "full", 1: "same", 0: "valid"}[
            mode[0].lower() if isinstance(mode, str) else int(mode)
        ]
    return a, v, mode


@implements(np.convolve)
def convolve(a: Any, v: Any, mode: Any = "full") -> Any:
    """``np.convolve``."""
    a, v = [x if np.ndim(x) else np.reshape(x, (1,)) for x in (operand(a), operand(v))]
    a, v, mode = _operands(a, v, mode)
    return bind(convolve_p, a, v, mode=mode)


# np.correlate: with the conjugate of the second operand, read backwards


def _start(m: int, n: int) -> int:
    """Where ``"same"`` begins, which is not where it does in a convolution if the second operand is longer."""
    return (n - 1) // 2 if m >= n else m // 2


def _correlate_left(ct: Any, a: Any, v: Any, *, mode: str) -> Any:
    m, n = a.shape[0], v.shape[0]
    return pulled(ct, m, conj(v)[::-1], mode, _start(m, n))


def _correlate_right(ct: Any, a: Any, v: Any, *, mode: str) -> Any:
    m, n = a.shape[0], v.shape[0]
    return conj(pulled(ct, n, a, mode, _start(m, n))[::-1])


def _correlate_spec(a: ArraySpec, v: ArraySpec, *, mode: str) -> ArraySpec:
    _check("correlate", a, v)
    return ArraySpec((_length(a.shape[0], v.shape[0], mode),), contraction_dtype(a, v))


def _correlate_batch(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
    a, v = operands
    m, n = a.shape[-1], v.shape[-1]
    back = conj(v)[..., ::-1]
    if params["mode"] != "same" or m >= n:
        return bind(rows_p, a, back, mode=params["mode"])
    start = _start(m, n)
    return bind(rows_p, a, back, mode="full")[..., start : start + n]


correlate_p = Primitive(
    "correlate",
    np.correlate,
    _correlate_spec,
    Bilinear((_correlate_left, _correlate_right)),
    batch=contraction.checked(_correlate_batch),
)


@implements(np.correlate)
def correlate(a: Any, v: Any, mode: Any = "valid") -> Any:
    """``np.correlate``; linear in the conjugate of ``v``."""
    a, v, mode = _operands(a, v, mode)
    return bind(correlate_p, a, v, mode=mode)
