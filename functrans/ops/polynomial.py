"""Polynomials, whose coefficients begin with the highest power: ``polyval``, ``polydiv``, ``roots``, ….

A root moves by ``dr = -dp(r) / p'(r)`` when the coefficients do (the implicit function theorem), so a multiple root has
no finite derivative. A division is ``u = q v + r``, so quotient and remainder move as those of ``du - q dv`` divided by
``v``.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.batching import Flags, Operands, Params
from functrans.ops.convert import to_dtype
from functrans.ops.convolution import convolved
from functrans.ops.duals import absorb
from functrans.ops.family import broadcast_shapes, operand
from functrans.ops.index import getitem
from functrans.ops.plain import known, plain
from functrans.ops.scalars import strong
from functrans.primitives import Primitive, Rules
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import implements


def _coefficients(p: Any) -> Any:
    """Coefficients as an array; those of a ``np.poly1d`` may be traced."""
    return strong(p.coeffs if isinstance(p, np.poly1d) else operand(p))


def _at_least_1d(p: Any) -> Any:
    return np.atleast_1d(_coefficients(p))


def _like(result: Any, *given: Any) -> Any:
    """A result as ``np.poly1d``, if one was given."""
    return np.poly1d(result) if any(isinstance(p, np.poly1d) for p in given) else result


# polyval


def _polyval_spec(p: ArraySpec, x: ArraySpec) -> ArraySpec:
    if not p.ndim:
        raise TypeError("iteration over a 0-d array")
    if not p.shape[0]:
        return x.strong()
    shape = broadcast_shapes("np.polyval", (p.with_shape(p.shape[1:]), x))
    return ArraySpec(shape, np.result_type(p.dtype, x.dtype))


def derivative_of(p: Any) -> Any:
    """The coefficients of the derivative."""
    dtype = p.dtype if p.dtype.kind == "f" else np.dtype(np.float64)
    powers: Any = np.arange(p.shape[0] - 1.0, 0.0, -1.0).astype(dtype)
    return p[:-1] * np.reshape(powers, (-1, *[1] * (p.ndim - 1)))


def powers_of(x: Any, count: int) -> Any:
    """The powers of each number from the highest to the zeroth, along a new last axis."""
    return np.reshape(np.vander(np.ravel(x), count), (*np.shape(x), count))


def _polyval_left(ct: Any, out: Any, p: Any, x: Any) -> Any:
    n, *rest = p.shape
    if not rest:
        shape = np.broadcast_shapes(np.shape(ct), np.shape(x))
        return np.ravel(np.broadcast_to(ct, shape)) @ np.vander(np.ravel(np.broadcast_to(x, shape)), n)
    terms = ct[..., None] * powers_of(x, n)
    lead = terms.ndim - 1 - len(rest)
    axes = (*range(lead), *[lead + i for i, length in enumerate(rest) if length == 1])
    return np.reshape(np.moveaxis(np.sum(terms, axis=axes, keepdims=True), -1, 0), p.shape)


def _polyval_batch(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
    p, x = operands
    rank = max(np.ndim(p) - batched[0] - 1, np.ndim(x) - batched[1])
    x = batching.aligned(x, batched[1], rank)
    if batched[0]:
        p = _stacked(p, rank)
    if p.shape[0] == 0:
        return np.zeros((size, *np.shape(x)[batched[1] :]), ArraySpec.of(x).dtype)
    return bind(primitive, p, x)


def _stacked(p: Any, rank: int) -> Any:
    """Coefficients of each example as NumPy takes those of many polynomials: the powers first."""
    p = np.moveaxis(p, 1, 0)
    return np.reshape(p, (*p.shape[:2], *[1] * (rank + 2 - p.ndim), *p.shape[2:]))


polyval_p: Primitive = Primitive(
    "polyval",
    np.polyval,
    _polyval_spec,
    Rules(
        jvp=[
            lambda dp, out, p, x: bind(polyval_p, dp, x),
            lambda dx, out, p, x: dx * bind(polyval_p, derivative_of(p), x),
        ],
        vjp=[
            _polyval_left,
            lambda ct, out, p, x: ct * bind(polyval_p, derivative_of(p), x),
        ],
    ),
    batch=_polyval_batch,
)


@implements(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    """``np.polyval``."""
    p = _coefficients(p)
    if isinstance(x, np.poly1d):
        composed: Any = 0
        for i in range(len(p)):
            composed = composed * x + p[i]
        return composed
    return bind(polyval_p, p, strong(operand(x)))


# Sums, products, derivatives, integrals


def _padded(p: Any, count: int, dtype: Any) -> Any:
    return np.concatenate([np.zeros(count, dtype), p]) if count > 0 else p


@implements(np.polyadd)
def polyadd(a1: Any, a2: Any) -> Any:
    """``np.polyadd``."""
    p, q = _at_least_1d(a1), _at_least_1d(a2)
    more = len(q) - len(p)
    return _like(_padded(p, more, p.dtype) + _padded(q, -more, q.dtype), a1, a2)


@implements(np.polysub)
def polysub(a1: Any, a2: Any) -> Any:
    """``np.polysub``."""
    p, q = _at_least_1d(a1), _at_least_1d(a2)
    more = len(q) - len(p)
    return _like(_padded(p, more, p.dtype) - _padded(q, -more, q.dtype), a1, a2)


_DEGREE = "leading zeros are left out, so its length depends on them"


def _trimmed(p: Any, name: str) -> Any:
    """Without leading zeros, as ``np.poly1d`` has them."""
    p = _at_least_1d(p)
    if p.ndim != 1:
        raise ValueError("Polynomial must be 1d only.")
    value = known(p, f"np.{name}", _DEGREE)
    used = np.flatnonzero(value)
    if not used.size:
        return np.zeros(1, p.dtype)
    return getitem(p, slice(int(used[0]), None)) if used[0] else p


@implements(np.polymul)
def polymul(a1: Any, a2: Any) -> Any:
    """``np.polymul``; the leading coefficients must be known, else use ``np.convolve``."""
    return _like(np.convolve(_trimmed(a1, "polymul"), _trimmed(a2, "polymul")), a1, a2)


@implements(np.polyder)
def polyder(p: Any, m: Any = 1) -> Any:
    """``np.polyder``."""
    m = int(m)
    if m < 0:
        raise ValueError("Order of derivative must be positive (see polyint)")
    out = _coefficients(p)
    for _ in range(m):
        out = out[:-1] * np.arange(len(out) - 1, 0, -1)
    return _like(out, p)


@implements(np.polyint)
def polyint(p: Any, m: Any = 1, k: Any = None) -> Any:
    """``np.polyint``."""
    m = int(m)
    if m < 0:
        raise ValueError("Order of integral must be positive (see polyder)")
    k = np.atleast_1d(strong(operand(np.zeros(m) if k is None else k)))
    if len(k) == 1 and m > 1:
        k = k[0] * np.ones(m)
    if len(k) < m:
        raise ValueError("k must be a scalar or a rank-1 array of length 1 or >m.")
    out = _coefficients(p)
    for i in range(m):
        out = np.concatenate([out / np.arange(len(out), 0, -1), k[i : i + 1]])
    return _like(out, p)


# Division


def polydiv_rows(u, v):  # type: ignore[no-untyped-def]
    """Quotients and remainders, which have as many coefficients as ``u``, along the last axis."""
    lead = np.broadcast_shapes(u.shape[:-1], v.shape[:-1])
    dtype = np.result_type(u, v)
    m, n = u.shape[-1] - 1, v.shape[-1] - 1
    scale = 1.0 / v[..., 0]
    q = np.zeros((*lead, m - n + 1), dtype)
    r = np.array(np.broadcast_to(u, (*lead, m + 1)), dtype)
    for k in range(m - n + 1):
        d = scale * r[..., k]
        q[..., k] = d
        r[..., k : k + n + 1] -= d[..., None] * v
    return q, r


def _division_spec(u: ArraySpec, v: ArraySpec) -> tuple[ArraySpec, ArraySpec]:
    lead = broadcast_shapes("np.polydiv", (u.with_shape(u.shape[:-1]), v.with_shape(v.shape[:-1])))
    dtype = np.result_type(u.dtype, v.dtype)
    return ArraySpec((*lead, u.shape[-1] - v.shape[-1] + 1), dtype), ArraySpec((*lead, u.shape[-1]), dtype)


def _dividend(ct: Any, v: Any) -> Any:
    """The cotangent of what is divided."""
    of_q, of_r = ct
    count, n = of_q.shape[-1], v.shape[-1] - 1
    # The remainder begins with zeros, whatever is divided.
    nothing = np.zeros((*of_r.shape[:-1], count), of_r.dtype)
    of_r = np.concatenate([nothing, of_r[..., count:]], axis=-1)
    w = (of_q - convolved(of_r, v[..., ::-1], "valid"))[..., ::-1]
    tail = np.zeros((*w.shape[:-1], n), w.dtype)
    # A triangular Toeplitz matrix is transposed by reading both ways backwards.
    back = bind(polydiv_p, np.concatenate([w, tail], axis=-1), v)[0][..., ::-1]
    return of_r + np.concatenate([back, tail], axis=-1)


polydiv_p: Primitive = Primitive(
    "polydiv",
    polydiv_rows,
    _division_spec,
    Rules(
        jvp=[
            lambda du, out, u, v: bind(polydiv_p, du, v),
            lambda dv, out, u, v: bind(polydiv_p, -convolved(out[0], dv), v),
        ],
        vjp=[
            lambda ct, out, u, v: _dividend(ct, v),
            lambda ct, out, u, v: -convolved(_dividend(ct, v), out[0][..., ::-1], "valid"),
        ],
    ),
    source=lambda args, params: f"polydiv_rows({', '.join(args)})",
    helpers={"polydiv_rows": polydiv_rows},
    multiple=True,
    masks=True,
    batch=batching.stacked(1, 1),
)


@implements(np.polydiv)
def polydiv(u: Any, v: Any) -> Any:
    """``np.polydiv``; the values must be known, for the remainder is given without leading zeros."""
    p, d = _at_least_1d(u) + 0.0, _at_least_1d(v) + 0.0
    if len(p) < len(d):
        dtype = np.result_type(p.dtype, d.dtype)
        q, r = np.zeros(1, dtype), to_dtype(p, dtype)
    else:
        q, r = bind(polydiv_p, p, d)
    value = known(r, "np.polydiv", _DEGREE)
    skipped = 0
    while skipped < len(value) - 1 and np.allclose(value[skipped], 0, rtol=1e-14):
        skipped += 1
    r = getitem(r, slice(skipped, None)) if skipped else r
    return _like(q, u, v), _like(r, u, v)


# Roots


@implements(np.poly)
def poly(seq_of_zeros: Any) -> Any:
    """``np.poly``: the coefficients of the polynomial with these roots, or of a matrix."""
    roots = np.atleast_1d(strong(operand(seq_of_zeros)))
    shape = roots.shape
    if len(shape) == 2 and shape[0] == shape[1] and shape[0] != 0:
        roots = np.linalg.eigvals(roots)
    elif len(shape) != 1:
        raise ValueError("input must be 1d or non-empty square 2d array.")
    roots = to_dtype(roots, np.dtype(np.mintypecode(roots.dtype.char)))
    if not len(roots):
        return 1.0
    one = np.ones((), roots.dtype)
    a: Any = np.ones(1, roots.dtype)
    for i in range(len(roots)):
        a = np.convolve(a, np.stack([one, -roots[i]]))
    if roots.dtype.kind == "c":
        value = known(roots, "np.poly", "the coefficients are real if the roots come in conjugate pairs")
        if np.all(np.sort(value) == np.sort(np.conjugate(value))):
            a = np.real(a)
    return a


def _roots_batch(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
    # How many roots there are, and whether they are real, is told by values: whoever asks for roots of a batch is
    # refused, and only a primitive that is bound with an answer comes here.
    return batching.each(primitive, operands, batched, size, params)


def _pace(p: Any, roots: Any) -> Any:
    return -1.0 / np.polyval(derivative_of(p), roots)


roots_p = Primitive(
    "roots",
    lambda p, *, count, dtype: np.roots(p).astype(dtype, copy=False),
    lambda p, *, count, dtype: ArraySpec((count,), dtype),
    Rules(
        jvp=[lambda dp, out, p, **params: absorb(np.polyval(dp, out), _pace(p, out))],
        vjp=[
            lambda ct, out, p, **params: np.sum(absorb(absorb(ct, _pace(p, out))[:, None], np.vander(out, len(p))), 0)
        ],
    ),
    source=lambda args, params: f"np.roots({args[0]}).astype(np.{params['dtype']}, copy=False)",
    batch=_roots_batch,
)


@implements(np.roots)
def roots(p: Any) -> Any:
    """``np.roots``; the values must be known: they say how many roots there are, and whether all are real."""
    p = _at_least_1d(p)
    if p.ndim != 1:
        raise ValueError("Input must be a rank-1 array.")
    found = np.roots(known(p, "np.roots", "it says how many roots there are, and whether all are real"))
    return bind(roots_p, p, count=len(found), dtype=found.dtype)


# Fits


@implements(np.polyfit)
def polyfit(x: Any, y: Any, deg: Any, rcond: Any = None, full: bool = False, w: Any = None, cov: Any = False) -> Any:
    """``np.polyfit``."""
    order = int(deg) + 1
    x, y = strong(operand(x)) + 0.0, strong(operand(y)) + 0.0
    if deg < 0:
        raise ValueError("expected deg >= 0")
    if x.ndim != 1:
        raise TypeError("expected 1D vector for x")
    if x.size == 0:
        raise TypeError("expected non-empty vector for x")
    if y.ndim < 1 or y.ndim > 2:
        raise TypeError("expected 1D or 2D array for y")
    if x.shape[0] != y.shape[0]:
        raise TypeError("expected x and y to have same length")
    if rcond is None:
        rcond = len(x) * np.finfo(x.dtype).eps
    left, right = np.vander(x, order), y
    if w is not None:
        w = strong(operand(w)) + 0.0
        if w.ndim != 1:
            raise TypeError("expected a 1-d array for weights")
        if w.shape[0] != y.shape[0]:
            raise TypeError("expected w and y to have the same length")
        left = to_dtype(left * w[:, None], left.dtype)
        right = to_dtype(right * (w[:, None] if right.ndim == 2 else w), right.dtype)
    scale = np.sqrt(np.sum(left * left, axis=0))
    left = left / scale
    c, residuals, rank, s = np.linalg.lstsq(left, right, rcond)
    c = (c.T / scale).T
    if type(plain(rank)) is not ArraySpec and plain(rank) != order and not full:
        warnings.warn("Polyfit may be poorly conditioned", np.exceptions.RankWarning, stacklevel=2)
    if full:
        return c, residuals, rank, s, rcond
    if not cov:
        return c
    base = np.linalg.inv(np.dot(left.T, left)) / np.outer(scale, scale)
    factor: Any = 1
    if cov != "unscaled":
        if len(x) <= order:
            raise ValueError("the number of data points must exceed order to scale the covariance matrix")
        factor = residuals / (len(x) - order)
    return c, base * factor if y.ndim == 1 else base[:, :, None] * factor
