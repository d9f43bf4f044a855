"""``scipy.linalg``: equations with banded matrices, whose diagonals are the rows of an array.

Row ``k`` of ``ab`` holds the diagonal that is ``u - k`` above the main one: ``ab[u + i - j, j] = a[i, j]``. Entries
outside of the matrix are not read.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg

from functrans.errors import ShapeError
from functrans.ir.spec import ArraySpec
from functrans.ops.contract import conj
from functrans.ops.contraction import checked
from functrans.ops.family import broadcast_shapes, operand
from functrans.primitives import Primitive, Rules
from functrans.scipy.covering import covers
from functrans.scipy.linalg.declaring import declare, dtypes, follows, solved, solver_batch, unchecked
from functrans.tracing.bind import bind


def _solution(name: str, ab: ArraySpec, b: ArraySpec, rows: int) -> ArraySpec:
    if ab.ndim < 2 or not b.ndim or b.shape[-2:][0] != ab.shape[-1] or ab.shape[-2] != rows:
        raise ShapeError(
            f"`scipy.linalg.{name}` of {ab!r} and {b!r}: the matrix does not fit",
            f"its {rows} diagonals are rows, as long as the right-hand side `(m,)` or `(..., m, k)` is high.",
        )
    stack = broadcast_shapes(f"scipy.linalg.{name}", [ab.with_shape(ab.shape[:-2]), b.with_shape(b.shape[:-2])])
    return ArraySpec((*stack, *b.shape[-2:]), dtypes(linalg.solve_triangular, [ab, b], [2, 1]))


def _places(lower: int, upper: int, n: int) -> tuple[Any, Any]:
    """The row of the matrix in which each entry of ``ab`` is, and whether there is one."""
    rows = np.arange(n) + np.arange(lower + upper + 1)[:, None] - upper
    inside = (rows >= 0) & (rows < n)
    return np.where(inside, rows, 0), inside


def _flipped(ab: Any, lower: int, upper: int) -> Any:
    """The diagonals of the transposed matrix."""
    n = ab.shape[-1]
    rows, inside = _places(upper, lower, n)
    turned = np.arange(lower + upper, -1, -1)[:, None]
    return np.where(inside, ab[..., turned, rows], np.zeros((), ab.dtype))


def _times(ab: Any, x: Any, lower: int, upper: int, vector: bool) -> Any:
    """The product of the banded matrix with ``x``."""
    # Row i of the matrix has in diagonal k the entry of column i + upper - k.
    n = ab.shape[-1]
    columns = np.arange(n) - np.arange(lower + upper + 1)[:, None] + upper
    inside = (columns >= 0) & (columns < n)
    columns = np.where(inside, columns, 0)
    entries = np.where(inside, ab[..., np.arange(lower + upper + 1)[:, None], columns], np.zeros((), ab.dtype))
    if vector:
        return np.sum(entries * x[..., columns], axis=-2)
    return np.sum(entries[..., None] * x[..., columns, :], axis=-3)


def _entries(z: Any, x: Any, lower: int, upper: int, vector: bool) -> Any:
    """The entries on the diagonals of ``z @ x.mT``."""
    rows, inside = _places(lower, upper, x.shape[-1 if vector else -2])
    found = z[..., rows] * x[..., None, :] if vector else np.sum(z[..., rows, :] * x[..., None, :, :], axis=-1)
    return np.where(inside, found, np.zeros((), found.dtype))


def _impl(ab: Any, b: Any, *, bands: tuple[int, int], **params: Any) -> Any:
    return linalg.solve_banded(bands, ab, b, **params)


def _back(ct: Any, ab: Any, bands: tuple[int, int], vector: bool) -> Any:
    lower, upper = bands
    return solved(banded_p, _flipped(ab, lower, upper), ct, vector, bands=(upper, lower), check_finite=False)


def _jvp(dab: Any, out: Any, ab: Any, b: Any, *, bands: tuple[int, int], **_: Any) -> Any:
    vector = b.ndim == 1
    return -solved(banded_p, ab, _times(dab, out, *bands, vector), vector, bands=bands, check_finite=False)


banded_p: Primitive = declare(
    "solve_banded",
    _impl,
    lambda ab, b, *, bands, **params: _solution("solve_banded", ab, b, sum(bands) + 1),
    Rules(
        jvp=[_jvp, lambda db, out, ab, b, *, bands, **_: solved(banded_p, ab, db, db.ndim == 1, bands=bands)],
        vjp=[
            lambda ct, out, ab, b, *, bands, **_: (
                -_entries(_back(ct, ab, bands, b.ndim == 1), out, bands[0], bands[1], b.ndim == 1)
            ),
            lambda ct, out, ab, b, *, bands, **_: _back(ct, ab, bands, b.ndim == 1),
        ],
    ),
    source=lambda args, params: (
        f"scipy.linalg.solve_banded({params['bands']}, {', '.join(args)}"
        f"{'' if params.get('check_finite', True) else ', check_finite=False'})"
    ),
    batch=checked(solver_batch),
    masks=True,
)


@covers(linalg.solve_banded)
def solve_banded(
    l_and_u: Any, ab: Any, b: Any, overwrite_ab: bool = False, overwrite_b: bool = False, check_finite: bool = True
) -> Any:
    """The derivatives are banded, too; entries outside of the matrix have the derivative zero."""
    lower, upper = l_and_u
    return bind(banded_p, operand(ab), operand(b), bands=(int(lower), int(upper)), **unchecked(check_finite))


# Hermitian ones, of which one half is given.


def _whole(ab: Any, lower: bool) -> tuple[Any, tuple[int, int]]:
    """The diagonals of the hermitian matrix."""
    k, n = ab.shape[-2] - 1, ab.shape[-1]
    main = np.real(ab[..., :1, :] if lower else ab[..., k:, :]).astype(ab.dtype)
    if lower:
        below = np.where(_places(k, 0, n)[1], ab, np.zeros((), ab.dtype))[..., 1:, :]
        above = conj(_flipped(ab, k, 0))[..., :-1, :]
    else:
        above = np.where(_places(0, k, n)[1], ab, np.zeros((), ab.dtype))[..., :-1, :]
        below = conj(_flipped(ab, 0, k))[..., 1:, :]
    return np.concatenate([above, main, below], axis=-2), (k, k)


def _conjugated(primitive: Primitive, ct: Any, factor: Any, vector: bool, **params: Any) -> Any:
    """The transpose of the solution of hermitian equations in the right-hand side."""
    return conj(solved(primitive, factor, conj(ct), vector, **{**params, "check_finite": False}))


def _by_band(ab: Any, b: Any, *, lower: bool = False, **_: Any) -> Any:
    whole, bands = _whole(ab, lower)
    return bind(banded_p, whole, b, bands=bands, check_finite=False)


_of_half: Any = follows(_by_band, 1)
hermitian_p: Primitive = declare(
    "solveh_banded",
    linalg.solveh_banded,
    lambda ab, b, **params: _solution("solveh_banded", ab, b, ab.shape[-2] if ab.ndim > 1 else 0),
    Rules(
        jvp=[
            *_of_half.jvp,
            lambda db, out, ab, b, **params: bind(hermitian_p, ab, db, **{**params, "check_finite": False}),
        ],
        vjp=[
            *_of_half.vjp,
            lambda ct, out, ab, b, **params: _conjugated(hermitian_p, ct, ab, b.ndim == 1, **params),
        ],
    ),
    batch=checked(solver_batch),
    masks=True,
)


@covers(linalg.solveh_banded)
def solveh_banded(
    ab: Any,
    b: Any,
    overwrite_ab: bool = False,
    overwrite_b: bool = False,
    lower: bool = False,
    check_finite: bool = True,
) -> Any:
    """A function of the half that is given."""
    params = {"lower": True} if lower else {}
    return bind(hermitian_p, operand(ab), operand(b), **params, **unchecked(check_finite))


# By the banded factor of such a matrix.


def _cho_impl(cb: Any, b: Any, *, lower: bool, **params: Any) -> Any:
    return linalg.cho_solve_banded((cb, lower), b, **params)


def _by_factor(cb: Any, b: Any, *, lower: bool, **_: Any) -> Any:
    k, vector = cb.shape[-2] - 1, b.ndim == 1
    own = (k, 0) if lower else (0, k)
    other = conj(_flipped(cb, *own))
    pairs = [(cb, own), (other, own[::-1])]
    x = b
    for ab, bands in pairs if lower else pairs[::-1]:
        x = solved(banded_p, ab, x, vector, bands=bands, check_finite=False)
    return x


_of_factor: Any = follows(_by_factor, 1)
cho_banded_p: Primitive = declare(
    "cho_solve_banded",
    _cho_impl,
    lambda cb, b, **params: _solution("cho_solve_banded", cb, b, cb.shape[-2] if cb.ndim > 1 else 0),
    Rules(
        jvp=[
            *_of_factor.jvp,
            lambda db, out, cb, b, **params: bind(cho_banded_p, cb, db, **{**params, "check_finite": False}),
        ],
        vjp=[
            *_of_factor.vjp,
            lambda ct, out, cb, b, **params: _conjugated(cho_banded_p, ct, cb, b.ndim == 1, **params),
        ],
    ),
    source=lambda args, params: (
        f"scipy.linalg.cho_solve_banded(({args[0]}, {params['lower']}), {args[1]}"
        f"{'' if params.get('check_finite', True) else ', check_finite=False'})"
    ),
    batch=checked(solver_batch),
    masks=True,
)


@covers(linalg.cho_solve_banded)
def cho_solve_banded(cb_and_lower: Any, b: Any, overwrite_b: bool = False, check_finite: bool = True) -> Any:
    """A function of the factor's diagonals."""
    cb, lower = cb_and_lower
    return bind(cho_banded_p, operand(cb), operand(b), lower=bool(lower), **unchecked(check_finite))
