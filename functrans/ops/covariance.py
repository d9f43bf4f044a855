"""Weighted means, covariances and correlations: ``average``, ``cov``, ``corrcoef``.

They are written in the operations of NumPy's own, one by one, so that their values are NumPy's to the bit.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from functrans.errors import ShapeError
from functrans.ir.spec import ArraySpec
from functrans.ops.convert import to_dtype
from functrans.ops.family import normalize_axis
from functrans.ops.plain import plain
from functrans.ops.reduction import NO_VALUE, array
from functrans.primitives import Derivatives, Primitive
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import implements


def _is_so(condition: Any) -> bool:
    """Whether a condition holds somewhere, as far as it is known: a staged trace knows nothing."""
    found = plain(condition)
    return type(found) is not ArraySpec and bool(np.any(found))


def _as(x: Any, dtype: np.dtype[Any]) -> Any:
    return x if x.dtype == dtype else to_dtype(x, dtype)


@implements(np.average)
def average(a: Any, axis: Any = None, weights: Any = None, returned: Any = False, *, keepdims: Any = NO_VALUE) -> Any:
    """``np.average``. Weights known to sum to zero are refused; of others the mean is then infinite or NaN."""
    a = array(a)
    axes = None
    if axis is not None:
        axes = tuple([normalize_axis(i, a.ndim) for i in (axis if np.ndim(axis) else (axis,))])
    kept = {} if keepdims is NO_VALUE else {"keepdims": keepdims}
    if weights is None:
        mean = np.mean(a, axis=axes, **kept)
        total: Any = mean.dtype.type(a.size / mean.size)
    else:
        w = _weights(array(weights), a, axes)
        dtype = np.result_type(a, w, np.float64) if a.dtype.kind in "iub" else np.result_type(a, w)
        total = np.sum(w, axis=axes, dtype=dtype, **kept)
        if _is_so(total == 0.0):
            raise ZeroDivisionError("Weights sum to zero, can't be normalized")
        mean = np.sum(_as(a, dtype) * _as(w, dtype), axis=axes, **kept) / total
    if not returned:
        return mean
    return mean, total if np.shape(total) == np.shape(mean) else np.copy(np.broadcast_to(total, np.shape(mean)))


def _weights(w: Any, a: Any, axes: tuple[int, ...] | None) -> Any:
    """Weights that broadcast against ``a``: for each entry, or for each place along the axes."""
    if a.shape == w.shape:
        return w
    if axes is None:
        raise TypeError("Axis must be specified when shapes of a and weights differ.")
    if w.shape != tuple([a.shape[i] for i in axes]):
        raise ShapeError(
            f"`weights` of `np.average` are {ArraySpec.of(w)}, but the array is {ArraySpec.of(a)}, averaged along "
            f"{axes}",
            "there must be a weight for each entry, or for each place along the axes, in their order.",
        )
    order = tuple(int(i) for i in np.argsort(axes))
    return np.reshape(np.transpose(w, order), tuple([n if i in axes else 1 for i, n in enumerate(a.shape)]))


# cov


def _rows(m: Any, dtype: np.dtype[Any]) -> Any:
    """At least a row, in this dtype, in memory as NumPy's copy lies: that decides the order of sums."""
    m = np.copy(m) if m.dtype == dtype else to_dtype(m, dtype)
    return m if m.ndim == 2 else np.reshape(m, (1, -1))


@implements(np.cov)
def cov(
    m: Any,
    y: Any = None,
    rowvar: Any = True,
    bias: Any = False,
    ddof: Any = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Any:
    """``np.cov``; both weights may be traced. What they must be is checked where they are known."""
    if ddof is not None and ddof != int(ddof):
        raise ValueError("ddof must be integer")
    m, y = array(m), None if y is None else array(y)
    for name, x in (("m", m), ("y", y)):
        if x is not None and x.ndim > 2:
            raise ShapeError(f"`{name}` of `np.cov` is {ArraySpec.of(x)}, of more than 2 dimensions", "flatten it.")
    given = [m] if y is None else [m, y]
    dtype = np.result_type(*given, np.float64) if dtype is None else np.dtype(dtype)
    if dtype.kind not in "fc":
        raise TypeError(f"`dtype=` of `np.cov` is {dtype}, in which there are no means: pass an inexact one")
    rows = _rows(m, dtype)
    if not rowvar and m.ndim != 1:
        rows = np.transpose(rows)
    if rows.shape[0] == 0:
        return np.array([]).reshape(0, 0)
    if y is not None:
        more = _rows(y, dtype)
        rows = np.concatenate([rows, np.transpose(more) if not rowvar and more.shape[0] != 1 else more], axis=0)
    if ddof is None:
        ddof = 1 if bias == 0 else 0
    count = rows.shape[1]
    frequencies, accuracies = _checked("fweights", fweights, count), _checked("aweights", aweights, count)
    w = frequencies if accuracies is None else accuracies if frequencies is None else frequencies * accuracies
    mean, total = average(rows, axis=1, weights=w, returned=True)
    free = _degrees_of_freedom(count, total[0], ddof, w, accuracies)
    if _is_so(free <= 0):
        warnings.warn("Degrees of freedom <= 0 for slice", RuntimeWarning, stacklevel=4)
    if type(free) is int:
        factor = np.true_divide(1, np.maximum(free, 0))
    else:
        factor = np.true_divide(1, np.where(free <= 0, 0.0, free)[()])
    rows = _as(rows - mean[:, None], dtype)
    other = np.transpose(rows if w is None else rows * w)
    c = np.dot(rows, np.conj(other) if other.dtype.kind == "c" else other)
    return np.squeeze(_as(c * factor, c.dtype))


def _checked(name: str, weights: Any, count: int) -> Any:
    """Weights as floats; NumPy's complaints about them, as far as their values are known."""
    if weights is None:
        return None
    w = _as(array(weights), np.dtype(np.float64))
    if name == "fweights" and _is_so(w != np.round(w)):
        raise TypeError("fweights must be integer")
    if w.ndim > 1:
        raise RuntimeError(f"cannot handle multidimensional {name}")
    if w.shape[0] != count:
        raise RuntimeError(f"incompatible numbers of samples and {name}")
    if _is_so(w < 0):
        raise ValueError(f"{name} cannot be negative")
    return w


def _degrees_of_freedom(count: int, total: Any, ddof: int, w: Any, accuracies: Any) -> Any:
    if w is None:
        return count - ddof
    if ddof == 0:
        return total
    if accuracies is None:
        return total - ddof
    # NumPy adds them up one after the other, as the running sum does.
    return total - ddof * np.cumsum(w * accuracies)[-1] / total


# corrcoef: NumPy clips what rounding carried beyond 1. The correlation itself is smooth there (it has its maximum), so
# the clip has the derivative of the identity; else second derivatives would depend on the last bit.


def within_one(c):  # type: ignore[no-untyped-def]
    """``c`` with real and imaginary parts clipped to [-1, 1]: they lie beyond by rounding errors alone."""
    out = np.array(c)
    np.clip(out.real, -1, 1, out=out.real)
    if np.iscomplexobj(out):
        np.clip(out.imag, -1, 1, out=out.imag)
    return out[()]


within_one_p = Primitive(
    "within_one",
    within_one,
    lambda c: c.strong(),
    Derivatives([1.0]),
    source=lambda args, params: f"within_one({args[0]})",
    helpers={"within_one": within_one},
    domain=[(-1.0, 1.0)],
)


@implements(np.corrcoef)
def corrcoef(
    x: Any, y: Any = None, rowvar: Any = True, bias: Any = NO_VALUE, ddof: Any = NO_VALUE, *, dtype: Any = None
) -> Any:
    """``np.corrcoef``; older versions of NumPy take ``bias`` and ``ddof``, without effect."""
    if bias is not NO_VALUE or ddof is not NO_VALUE:
        warnings.warn("bias and ddof have no effect and are deprecated", DeprecationWarning, stacklevel=3)
    c = cov(x, y, rowvar, dtype=dtype)
    if not c.ndim:
        return c / c
    spread = np.sqrt(np.real(np.diagonal(c)))
    return bind(within_one_p, c / spread[:, None] / spread[None, :])
