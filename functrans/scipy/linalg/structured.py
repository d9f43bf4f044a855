"""``scipy.linalg``: special matrices, made of vectors and of blocks by NumPy's functions."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg

from functrans.errors import ShapeError
from functrans.ops.family import operand
from functrans.ops.plain import plain
from functrans.scipy.covering import covers
from functrans.scipy.linalg.declaring import refused


def _vector(name: str, a: Any) -> Any:
    a = operand(a)
    if np.ndim(a) > 1:
        raise refused(name, "of several axes", "make it a vector with `np.ravel`, or use `functrans.vmap`.")
    return np.reshape(a, (-1,))


def _stack_of_vectors(a: Any) -> Any:
    a = operand(a)
    return np.reshape(a, (1,)) if np.ndim(a) == 0 else a


@covers(linalg.block_diag)
def block_diag(*arrs: Any) -> Any:
    """Of matrices, or of stacks of them."""
    blocks = [np.atleast_2d(operand(a)) for a in arrs]
    stack = np.broadcast_shapes(*[a.shape[:-2] for a in blocks])
    dtype = np.result_type(*[a.dtype for a in blocks])
    width = sum(a.shape[-1] for a in blocks)
    rows, before = [], 0
    for a in blocks:
        m, n = a.shape[-2:]
        parts = [
            np.zeros((*stack, m, before), dtype),
            np.broadcast_to(a, (*stack, m, n)),
            np.zeros((*stack, m, width - before - n), dtype),
        ]
        rows.append(np.concatenate(parts, axis=-1))
        before += n
    return np.concatenate(rows, axis=-2)


@covers(linalg.toeplitz)
def toeplitz(c: Any, r: Any = None) -> Any:
    """Of the first column and the first row, whose first entry does not count."""
    c = _stack_of_vectors(c)
    r = np.conjugate(c) if r is None else _stack_of_vectors(r)
    m, n = c.shape[-1], r.shape[-1]
    stack = np.broadcast_shapes(c.shape[:-1], r.shape[:-1])
    both = [np.broadcast_to(x, (*stack, x.shape[-1])) for x in (c[..., ::-1], r[..., 1:])]
    return np.concatenate(both, axis=-1)[..., m - 1 - np.arange(m)[:, None] + np.arange(n)]


@covers(linalg.circulant)
def circulant(c: Any) -> Any:
    """Of the first column."""
    c = _stack_of_vectors(c)
    n = c.shape[-1]
    return c[..., (np.arange(n)[:, None] - np.arange(n)) % max(n, 1)]


@covers(linalg.hankel)
def hankel(c: Any, r: Any = None) -> Any:
    """Of the first column and the last row, whose first entry does not count."""
    c = _vector("hankel", c)
    r = np.zeros(c.shape, c.dtype) if r is None else _vector("hankel", r)
    return np.concatenate([c, r[1:]])[np.arange(c.shape[0])[:, None] + np.arange(r.shape[0])]


def _leading(name: str, a: Any) -> None:
    """Refuse a leading coefficient of zero, where it is known."""
    value = plain(a)
    if isinstance(value, np.ndarray) and np.any(value[..., 0] == 0):
        raise ValueError(f"scipy.linalg.{name}: the leading coefficient is zero.")


def _on_diagonal(x: Any, n: int) -> Any:
    """``x`` on the diagonal of a matrix of zeros with ``n`` columns."""
    return np.where(np.eye(x.shape[-1], n, dtype=bool), x[..., :, None], np.zeros((), x.dtype))


@covers(linalg.companion)
def companion(a: Any) -> Any:
    """Of the coefficients of a polynomial, the leading one first."""
    a = _stack_of_vectors(a)
    n = a.shape[-1]
    if n < 2:
        raise ValueError("The length of `a` along the last axis must be at least 2.")
    _leading("companion", a)
    first = -a[..., 1:] / (1.0 * a[..., :1])
    below = np.broadcast_to(np.eye(n - 2, n - 1, dtype=first.dtype), (*a.shape[:-1], n - 2, n - 1))
    return np.concatenate([first[..., None, :], below], axis=-2)


@covers(linalg.leslie)
def leslie(f: Any, s: Any) -> Any:
    """Of the rates of birth and of survival."""
    f, s = _stack_of_vectors(f), _stack_of_vectors(s)
    n = f.shape[-1]
    if n != s.shape[-1] + 1:
        raise ShapeError(
            f"`scipy.linalg.leslie` of vectors of {n} and {s.shape[-1]} entries",
            "the second is one shorter than the first.",
        )
    if n < 2:
        raise ValueError("The length of s must be at least 1.")
    stack = np.broadcast_shapes(f.shape[:-1], s.shape[:-1])
    first = np.broadcast_to(f, (*stack, n))[..., None, :]
    return np.concatenate([first, np.broadcast_to(_on_diagonal(s, n), (*stack, n - 1, n))], axis=-2)


@covers(linalg.fiedler)
def fiedler(a: Any) -> Any:
    """The distances of the entries from one another; their derivative is 0 where two are equal."""
    a = _stack_of_vectors(a)
    size = a.size
    if size < 2:
        return np.zeros((size,) * (2 * size))
    return np.abs(a[..., :, None] - a[..., None, :])


@covers(linalg.fiedler_companion)
def fiedler_companion(a: Any) -> Any:
    """Of the coefficients of a polynomial, the leading one first."""
    a = _vector("fiedler_companion", a)
    if a.size <= 2:
        return np.reshape(-(a / a[0])[-1], (1, 1)) if a.size == 2 else np.zeros(0, a.dtype)
    _leading("fiedler_companion", a)
    a = a / a[0]
    n = a.size - 1
    # The places of the coefficients 1, 2, …, n in a matrix of zeros, and of ones.
    place = np.zeros((n, n), int)
    ones = np.zeros((n, n), bool)
    ones[range(3, n, 2), range(1, n - 2, 2)] = True
    place[range(2, n, 2), range(1, n - 1, 2)] = range(3, n + 1, 2)
    ones[range(0, n - 2, 2), range(2, n, 2)] = True
    place[range(0, n - 1, 2), range(1, n, 2)] = range(2, n + 1, 2)
    place[0, 0], ones[1, 0] = 1, True
    zero = np.zeros((), a.dtype)
    return np.where(place > 0, -a[place], np.where(ones, np.ones((), a.dtype), zero))


@covers(linalg.convolution_matrix)
def convolution_matrix(a: Any, n: int, mode: str = "full") -> Any:
    """What `a` is convolved with, as a matrix: Toeplitz's."""
    if n <= 0:
        raise ValueError("n must be a positive integer.")
    if mode not in ("full", "valid", "same"):
        raise ValueError("'mode' argument must be one of ('full', 'valid', 'same')")
    a = operand(a)
    size = a.shape[-1]
    if size == 0:
        raise ValueError("len(a) must be at least 1.")
    # Row i of the full matrix has a[i - j] in column j.
    trim = 0 if mode == "full" else min(n, size) - 1
    start = trim if mode == "valid" else trim // 2
    rows = size + n - 1 - (2 * trim if mode == "valid" else trim)
    places = start + np.arange(rows)[:, None] - np.arange(n)
    inside = (places >= 0) & (places < size)
    return np.where(inside, a[..., np.where(inside, places, 0)], np.zeros((), a.dtype))


@covers(linalg.khatri_rao)
def khatri_rao(a: Any, b: Any) -> Any:
    """The products of all rows of `a` with all rows of `b`, column by column."""
    a, b = operand(a), operand(b)
    if np.ndim(a) < 2 or np.ndim(b) < 2:
        raise ValueError("The both arrays should be 2-dimensional.")
    if a.shape[-1] != b.shape[-1]:
        raise ValueError("The number of columns for both arrays should be equal.")
    found = a[..., :, None, :] * b[..., None, :, :]
    return np.reshape(found, (*found.shape[:-3], a.shape[-2] * b.shape[-2], a.shape[-1]))


if hasattr(linalg, "kron"):  # SciPy up to 1.14 has it

    @covers(linalg.kron, module="scipy.linalg")
    def kron(a: Any, b: Any) -> Any:
        """As `np.kron`."""
        return np.kron(a, b)
