"""``scipy.linalg``: products with Toeplitz matrices, and equations with them and with circulant ones.

No matrix is made: a Toeplitz matrix is a part of a circulant one, with which one multiplies by Fourier transforms.

Source: Golub and Van Loan, *Matrix Computations*, 4th ed. (2013), section 4.8.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg

from functrans.errors import ShapeError
from functrans.ir.spec import ArraySpec
from functrans.ops.batching import each
from functrans.ops.family import normalize_axis, operand
from functrans.ops.plain import plain
from functrans.primitive import Primitive, Rules
from functrans.scipy.covering import covers
from functrans.scipy.linalg.declaring import declare, follows, given, refused, unchecked
from functrans.tracing.bind import bind


def _spec(c: ArraySpec, r: ArraySpec, x: ArraySpec, **params: Any) -> ArraySpec:
    if c.ndim != 1 or r.ndim != 1 or x.ndim not in (1, 2) or x.shape[0] != r.shape[0]:
        raise ShapeError(
            f"a Toeplitz matrix of the column {c!r} and the row {r!r} does not fit {x!r}",
            "the column and the row are vectors, the row with as many entries as the right-hand side has rows; for "
            "stacks use `functrans.vmap`.",
        )
    kinds = "".join([v.dtype.kind for v in (c, r, x)])
    return ArraySpec((*c.shape, *x.shape[1:]), np.complex128 if "c" in kinds else np.float64)


def _product(c: Any, r: Any, x: Any, **_: Any) -> Any:
    """The product of the Toeplitz matrix with ``x``, in NumPy's functions."""
    m, n = c.shape[0], r.shape[0]
    columns = x if x.ndim == 2 else x[:, None]
    circle = np.concatenate([c, r[:0:-1]])
    padded = np.concatenate([columns, np.zeros((m - 1, columns.shape[1]), columns.dtype)])
    if all(v.dtype.kind != "c" for v in (c, r, x)):
        found = np.fft.irfft(np.fft.rfft(circle)[:, None] * np.fft.rfft(padded, axis=0), n=m + n - 1, axis=0)
    else:
        found = np.fft.ifft(np.fft.fft(circle)[:, None] * np.fft.fft(padded, axis=0), axis=0)
    return np.reshape(found[:m], (m, *x.shape[1:]))


def _product_impl(c: Any, r: Any, x: Any, **params: Any) -> Any:
    return linalg.matmul_toeplitz((c, r), x, **params)


def _product_source(args: list[str], params: dict[str, Any]) -> str:
    c, r, x = args
    keywords = "".join([f", {key}={value!r}" for key, value in params.items()])
    return f"scipy.linalg.matmul_toeplitz(({c}, {r}), {x}{keywords})"


matmul_toeplitz_p = declare(
    "matmul_toeplitz", _product_impl, _spec, follows(_product, 3), source=_product_source, batch=each
)


def _column_and_row(c_or_cr: Any) -> tuple[Any, Any]:
    if isinstance(c_or_cr, tuple):
        return operand(c_or_cr[0]), operand(c_or_cr[1])
    c = operand(c_or_cr)
    return c, np.conjugate(c)


@covers(linalg.matmul_toeplitz)
def matmul_toeplitz(c_or_cr: Any, x: Any, check_finite: bool = False, workers: Any = None) -> Any:
    """Of the column, the row and what is multiplied."""
    c, r = _column_and_row(c_or_cr)
    params = given(check_finite=(bool(check_finite), False), workers=(workers, None))
    return bind(matmul_toeplitz_p, c, r, operand(x), **params)


# solve_toeplitz


def _solve_impl(c: Any, r: Any, b: Any, **params: Any) -> Any:
    return linalg.solve_toeplitz((c, r), b, **params)


def _solve_source(args: list[str], params: dict[str, Any]) -> str:
    c, r, b = args
    keywords = "".join([f", {key}={value!r}" for key, value in params.items()])
    return f"scipy.linalg.solve_toeplitz(({c}, {r}), {b}{keywords})"


def _back(ct: Any, c: Any, r: Any) -> Any:
    """The solution with the transposed matrix."""
    return bind(solve_toeplitz_p, np.concatenate([c[:1], r[1:]]), c, ct)


def _solve_jvp(position: int) -> Any:
    def rule(t: Any, out: Any, c: Any, r: Any, b: Any, **_: Any) -> Any:
        zero = np.zeros(c.shape, c.dtype)
        moved = _product(t, zero, out) if position == 0 else _product(zero, t, out)
        return -bind(solve_toeplitz_p, c, r, moved)

    return rule


def _solve_vjp(position: int) -> Any:
    def rule(ct: Any, out: Any, c: Any, r: Any, b: Any, **_: Any) -> Any:
        z = _back(ct, c, r)
        # Diagonal k of the matrix meets the products z[i + k] x[i], or z[i] x[i + k]: a correlation.
        columns = [v if v.ndim == 2 else v[:, None] for v in (z, out)]
        n = c.shape[0]
        first, second = columns if position == 0 else columns[::-1]
        first, second = [np.concatenate([v, np.zeros(v.shape, v.dtype)]) for v in (first, second)]
        if z.dtype.kind == "c" or out.dtype.kind == "c":
            product = np.fft.fft(first, axis=0) * (2 * n) * np.fft.ifft(second, axis=0)
            found = np.fft.ifft(np.sum(product, axis=1))[:n]
        else:
            product = np.fft.rfft(first, axis=0) * np.conj(np.fft.rfft(second, axis=0))
            found = np.fft.irfft(np.sum(product, axis=1), n=2 * n)[:n]
        return -found if position == 0 else -np.where(np.arange(n) > 0, found, np.zeros((), found.dtype))

    return rule


solve_toeplitz_p: Primitive = declare(
    "solve_toeplitz",
    _solve_impl,
    _spec,
    Rules(
        jvp=[_solve_jvp(0), _solve_jvp(1), lambda db, out, c, r, b, **_: bind(solve_toeplitz_p, c, r, db)],
        vjp=[_solve_vjp(0), _solve_vjp(1), lambda ct, out, c, r, b, **_: _back(ct, c, r)],
    ),
    source=_solve_source,
    batch=each,
    masks=True,
)


@covers(linalg.solve_toeplitz)
def solve_toeplitz(c_or_cr: Any, b: Any, check_finite: bool = True) -> Any:
    """By Levinson's recursion, also in the derivatives."""
    c, r = _column_and_row(c_or_cr)
    return bind(solve_toeplitz_p, c, r, operand(b), **unchecked(check_finite))


# solve_circulant: the same steps as SciPy's.


@covers(linalg.solve_circulant)
def solve_circulant(
    c: Any, b: Any, singular: str = "raise", tol: Any = None, caxis: int = -1, baxis: int = 0, outaxis: int = 0
) -> Any:
    """By division of Fourier transforms, as in SciPy. A staged program does not look whether the matrix is singular."""
    c, b = [np.atleast_1d(operand(x)) for x in (c, b)]
    size = c.shape[normalize_axis(caxis, c.ndim)]
    if size != b.shape[normalize_axis(baxis, b.ndim)]:
        raise ShapeError(
            f"`scipy.linalg.solve_circulant` of {ArraySpec.of(c)!r} and {ArraySpec.of(b)!r}: the sizes differ",
            "`caxis` and `baxis` say along which axes they must be equal.",
        )
    if tol is not None and np.ndim(tol):
        raise refused("solve_circulant", "with several tolerances", "give one number.")
    spectrum = np.fft.fft(np.moveaxis(c, caxis, -1), axis=-1)
    modulus = np.abs(plain(spectrum)) if type(plain(spectrum)) is not ArraySpec else np.abs(spectrum)
    floor = np.max(modulus, axis=-1, keepdims=True) * size * np.finfo(np.float64).eps if tol is None else tol
    tiny = modulus <= floor
    known = isinstance(tiny, np.ndarray)
    nearly = not known or bool(np.any(tiny))
    if known and nearly and singular == "raise":
        raise np.linalg.LinAlgError("near singular circulant matrix.")
    dropping = nearly and singular != "raise"
    if dropping:
        spectrum = np.where(tiny, np.ones((), spectrum.dtype), spectrum)
    quotient = np.fft.fft(np.moveaxis(b, baxis, -1), axis=-1) / spectrum
    if dropping:
        quotient = np.where(tiny, np.zeros((), quotient.dtype), quotient)
    x = np.fft.ifft(quotient, axis=-1)
    if c.dtype.kind != "c" and b.dtype.kind != "c":
        x = np.real(x)
    return x if outaxis == -1 else np.moveaxis(x, -1, outaxis)
