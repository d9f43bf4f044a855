"""``scipy.linalg``: products with Toeplitz matrices, and equations with them and with circulant ones.

No matrix is made: a Toeplitz matrix is a part of a circulant one, with which one multiplies by Fourier transforms.

Source: Golub and Van Loan, *Matrix Computations*, 4th ed. (2013), section 4.8.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg
from scipy import linalg

from functrans.errors import ShapeError
from functrans.ir.spec import ArraySpec
from functrans.ops.batching import each
from functrans.ops.family import normalize_axis, operand
from functrans.ops.plain import plain
from functrans.primitives import Bilinear, Primitive, Rules, Source, call_source
from functrans.scipy.covering import covers
from functrans.scipy.linalg.declaring import declare, given, refused, unchecked
from functrans.tracing.bind import bind

# The column and the row are one operand ``v``, the column and behind it the row without its first entry: the product is
# linear in it.


def _spec(v: ArraySpec, x: ArraySpec, *, m: int, **params: Any) -> ArraySpec:
    kinds = v.dtype.kind + x.dtype.kind
    return ArraySpec((m, *x.shape[1:]), np.complex128 if "c" in kinds else np.float64)


def _operands(c: Any, r: Any, x: Any, square: bool) -> tuple[Any, Any, int]:
    c, r, x = operand(c), operand(r), operand(x)
    if (
        c.ndim != 1
        or r.ndim != 1
        or x.ndim not in (1, 2)
        or x.shape[0] != r.shape[0]
        or (square and c.shape != r.shape)
    ):
        raise ShapeError(
            f"a Toeplitz matrix of the column {ArraySpec.of(c)!r} and the row {ArraySpec.of(r)!r} does not fit "
            f"{ArraySpec.of(x)!r}",
            "the column and the row are vectors, the row with as many entries as `x` or `b` has rows; for stacks use "
            "`functrans.vmap`.",
        )
    return np.concatenate([c, r[1:]]), x, c.shape[0]


def toeplitz_product(v, x, m, **keywords):  # type: ignore[no-untyped-def]
    """The product with the Toeplitz matrix of the column ``v[:m]``, whose row goes on with the rest of ``v``."""
    return scipy.linalg.matmul_toeplitz((v[:m], np.concatenate([v[:1], v[m:]])), x, **keywords)


def _source(name: str) -> Source:
    def source(args: list[str], params: dict[str, Any]) -> str:
        return call_source(name, args, params)

    return source


def _correlation(z: Any, x: Any, m: int) -> Any:
    """The sums along the diagonals of ``z @ x.mT``, as ``v`` has them."""
    z, x = [y if y.ndim == 2 else y[:, None] for y in (z, x)]
    length = m + x.shape[0] - 1
    if z.dtype.kind == "c" or x.dtype.kind == "c":
        spectrum = np.fft.fft(z, length, axis=0) * np.fft.ifft(x, length, axis=0) * length
        return _from_zero(np.fft.ifft(np.sum(spectrum, axis=1)), m)
    spectrum = np.fft.rfft(z, length, axis=0) * np.conj(np.fft.rfft(x, length, axis=0))
    return _from_zero(np.fft.irfft(np.sum(spectrum, axis=1), length), m)


def _from_zero(found: Any, m: int) -> Any:
    """The diagonals 0 to ``m - 1`` below, and behind them those above, the nearest first."""
    return np.concatenate([found[:m], found[: m - 1 : -1]])


def _transposed(v: Any, m: int) -> Any:
    return np.concatenate([v[:1], v[m:], v[1:m]])


product_p: Primitive = declare(
    "matmul_toeplitz",
    toeplitz_product,
    _spec,
    Bilinear(
        (
            lambda ct, v, x, *, m, **_: _correlation(ct, x, m),
            lambda ct, v, x, *, m, **_: bind(product_p, _transposed(v, m), ct, m=v.shape[0] + 1 - m),
        )
    ),
    source=_source("toeplitz_product"),
    helpers={"toeplitz_product": toeplitz_product},
    batch=each,
)


def _column_and_row(c_or_cr: Any) -> tuple[Any, Any]:
    if isinstance(c_or_cr, tuple):
        return operand(c_or_cr[0]), operand(c_or_cr[1])
    c = operand(c_or_cr)
    return c, np.conjugate(c)


@covers(linalg.matmul_toeplitz)
def matmul_toeplitz(c_or_cr: Any, x: Any, check_finite: bool = False, workers: Any = None) -> Any:
    """Of the column, the row and what is multiplied."""
    v, x, m = _operands(*_column_and_row(c_or_cr), x, False)
    params = given(check_finite=(bool(check_finite), False), workers=(workers, None))
    return bind(product_p, v, x, m=m, **params)


def toeplitz_solution(v, b, m, **keywords):  # type: ignore[no-untyped-def]
    """The solution of the equations with the Toeplitz matrix of the column ``v[:m]`` and the rest of the row."""
    return scipy.linalg.solve_toeplitz((v[:m], np.concatenate([v[:1], v[m:]])), b, **keywords)


def _back(ct: Any, v: Any, m: int) -> Any:
    """The solution with the transposed matrix."""
    return bind(solution_p, _transposed(v, m), ct, m=m, check_finite=False)


solution_p: Primitive = declare(
    "solve_toeplitz",
    toeplitz_solution,
    _spec,
    Rules(
        jvp=[
            lambda dv, out, v, b, *, m, **_: (
                -bind(solution_p, v, bind(product_p, dv, out, m=m), m=m, check_finite=False)
            ),
            lambda db, out, v, b, *, m, **_: bind(solution_p, v, db, m=m, check_finite=False),
        ],
        vjp=[
            lambda ct, out, v, b, *, m, **_: -_correlation(_back(ct, v, m), out, m),
            lambda ct, out, v, b, *, m, **_: _back(ct, v, m),
        ],
    ),
    source=_source("toeplitz_solution"),
    helpers={"toeplitz_solution": toeplitz_solution},
    batch=each,
)


@covers(linalg.solve_toeplitz)
def solve_toeplitz(c_or_cr: Any, b: Any, check_finite: bool = True) -> Any:
    """By Levinson's recursion, also in the derivatives."""
    v, b, m = _operands(*_column_and_row(c_or_cr), b, True)
    return bind(solution_p, v, b, m=m, **unchecked(check_finite))


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
    value = plain(spectrum)
    known = type(value) is not ArraySpec
    modulus = np.abs(value if known else spectrum)
    floor = np.max(modulus, axis=-1, keepdims=True) * size * np.finfo(np.float64).eps if tol is None else tol
    tiny = modulus <= floor
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
