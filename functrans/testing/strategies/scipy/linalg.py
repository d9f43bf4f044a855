"""Recipes for the primitives of ``scipy.linalg``."""

from __future__ import annotations

from typing import Any

import numpy as np

import functrans.scipy.linalg as linalg
from functrans.testing.strategies.algebra import regular
from functrans.testing.strategies.decompositions import spread
from functrans.testing.strategies.entries import Draw
from functrans.testing.strategies.least_squares import _tall as tall
from functrans.testing.strategies.operands import FLOATS, INEXACT, Operands, recorded, register

_COMPLEX = ("complex128", "complex64")


def calls(name: str, *made: Any, dtypes: Any = INEXACT, moving: Any = None) -> None:
    """As :func:`functrans.testing.strategies.operands.calls`, off edges: SciPy refuses what is not finite."""

    def recipe(draw: Draw) -> Operands:
        draw = draw.inside()
        draw.dtype = draw.choice(dtypes)
        function, *operands = draw.choice(made)
        args = [draw(o, place=i) if isinstance(o, tuple) else o(draw) for i, o in enumerate(operands)]
        return recorded(name, function, *args)

    register(name, recipe, moving)


def with_(function: Any, *args: Any, **keywords: Any) -> Any:
    """A call with further arguments."""
    return lambda *operands: function(*operands, *args, **keywords)


def definite(*shape: int) -> Any:
    """Positive definite hermitian matrices."""

    def made(draw: Draw) -> Any:
        x = 0.25 * draw.inside()(shape)
        return (x @ np.conj(x.mT) + np.eye(shape[-1])).astype(draw.dtype)

    return made


def of_sizes(function: Any, made: Any, *sizes: tuple[int, ...]) -> list[Any]:
    """Calls with one matrix of each size."""
    return [(function, made(*size)) for size in sizes]


# Linear equations.
calls(
    "scipy.linalg.solve",
    (linalg.solve, regular(3, 3), (3,)),
    (linalg.solve, regular(2, 2, 2), (2, 3)),
    (linalg.solve, regular(2, 3, 3), (3,)),
    *[
        (with_(linalg.solve, assume_a=kind, lower=lower), regular(3, 3), (3, 2))
        for kind in ("sym", "her", "pos")
        for lower in (True, False)
    ],
    *[
        (with_(linalg.solve, assume_a=kind), regular(3, 3), (3,))
        for kind in ("diagonal", "tridiagonal", "upper triangular", "lower triangular", "gen")
    ],
)
calls(
    "scipy.linalg.solve_triangular",
    *[
        (with_(linalg.solve_triangular, trans=t, lower=lower), regular(3, 3), b)
        for t, lower, b in ((0, False, (3,)), (1, True, (3, 2)), (2, False, (3,)), (2, True, (3, 2)), (0, True, (3, 1)))
    ],
    (with_(linalg.solve_triangular, unit_diagonal=True), regular(3, 3), (3,)),
    (linalg.solve_triangular, regular(2, 2, 2), (2,)),
    (linalg.solve_triangular, regular(2, 2, 2), (2, 2, 3)),
)
calls(
    "scipy.linalg.cho_solve",
    *[
        (lambda c, b, lower=lower: linalg.cho_solve((c, lower), b), regular(3, 3), b)
        for lower in (True, False)
        for b in ((3,), (3, 2))
    ],
    (lambda c, b: linalg.cho_solve((c, True), b), regular(2, 2, 2), (2,)),
)
calls(
    "scipy.linalg.inv",
    *of_sizes(linalg.inv, regular, (3, 3), (2, 2, 2)),
    (with_(linalg.inv, assume_a="pos"), regular(3, 3)),
    (with_(linalg.inv, assume_a="sym", lower=True), regular(3, 3)),
)
calls("scipy.linalg.det", *of_sizes(linalg.det, regular, (3, 3), (2, 2, 2)))
calls("scipy.linalg.pinv", *of_sizes(linalg.pinv, tall, (3, 3), (3, 2), (2, 3)))
calls(
    "scipy.linalg.pinvh",
    (linalg.pinvh, regular(3, 3)),
    (with_(linalg.pinvh, lower=False), regular(3, 3)),
)
calls("scipy.linalg.pinv_rank", (with_(linalg.pinv, return_rank=True), tall(3, 2)))
calls("scipy.linalg.pinvh_rank", (with_(linalg.pinvh, return_rank=True), regular(2, 2)))
calls(
    "scipy.linalg.lstsq",
    (linalg.lstsq, tall(3, 2), (3,)),
    (linalg.lstsq, tall(3, 2), (3, 2)),
    (linalg.lstsq, tall(2, 3), (2,)),
)
calls(
    "scipy.linalg.norm",
    (linalg.norm, (2, 2)),
    (with_(linalg.norm, 3, axis=1), (2, 3)),
    (with_(linalg.norm, "nuc"), regular(3, 2)),
    (with_(linalg.norm, 1, keepdims=True), (2, 3)),
    (with_(linalg.norm, keepdims=True), (2, 2, 2)),
)

calls(
    "scipy.linalg.norm_as_number",
    (linalg.norm, (3,)),
    (with_(linalg.norm, 1), (2, 3)),
    (with_(linalg.norm, np.inf), (2, 2)),
)

# Factors.
calls(
    "scipy.linalg.cholesky",
    (linalg.cholesky, definite(3, 3)),
    (with_(linalg.cholesky, lower=True), regular(3, 3)),
    (linalg.cholesky, regular(2, 2, 2)),
)
calls(
    "scipy.linalg.cho_factor",
    (lambda a: linalg.cho_factor(a)[0], regular(3, 3)),
    (lambda a: linalg.cho_factor(a, lower=True)[0], regular(3, 3)),
)
_LU = ((3, 3), (3, 2), (2, 3), (2, 2, 2))
calls("scipy.linalg.lu", *of_sizes(linalg.lu, regular, *_LU))
calls("scipy.linalg.lu_indices", *of_sizes(with_(linalg.lu, p_indices=True), tall, *_LU[:3]))
calls("scipy.linalg.lu_permuted", *of_sizes(with_(linalg.lu, permute_l=True), tall, *_LU[:3]))
calls("scipy.linalg.lu_factor", *of_sizes(linalg.lu_factor, tall, *_LU[:3]))
register("scipy.linalg.row_order", lambda draw: ([np.array([[2, 2, 2], [0, 1, 2]], np.int32)], {"m": 4}))


def _lu_solve(draw: Draw) -> Operands:
    draw = draw.inside()
    draw.dtype = draw.choice(INEXACT)
    size = draw.choice([(3,), (3, 2)])
    params = {} if draw.choice([True, False]) else {"trans": draw.choice([1, 2])}
    return [regular(3, 3)(draw), draw(size, place=1), np.array([1, 2, 2], np.int32)], params


register("scipy.linalg.lu_solve", _lu_solve)


def _by_factors(draw: Draw) -> Operands:
    draw = draw.inside()
    draw.dtype = draw.choice(INEXACT)
    return [regular(3, 3)(draw), np.array([1, 2, 2], np.int32)], {}


def _by_cholesky(draw: Draw) -> Operands:
    draw = draw.inside()
    draw.dtype = "float64"  # the factor is as exact as that
    a = definite(3, 3)(draw)
    a, lower = np.tril(a) + np.tril(a, -1).T, draw.choice([True, False])
    b = draw(draw.choice([(3,), (3, 2)]), place=1)
    return [a, b, np.linalg.cholesky(a, upper=not lower)], {"lower": lower}


def _whole(draw: Draw) -> Operands:
    draw = draw.inside()
    draw.dtype = draw.choice(INEXACT)
    return [tall(3, 3)(draw)], {"regular": draw.choice([True, False])}


register("scipy.linalg.regular_lu", _whole)
register("scipy.linalg.inv_of_lu", _by_factors)
register("scipy.linalg.slogdet_of_lu", _by_factors)
register("scipy.linalg.solve_by_cholesky", _by_cholesky, moving=(1,))  # the factor is one of the matrix
_QR = ((3, 3), (3, 2), (2, 3))
calls(
    "scipy.linalg.qr",
    *of_sizes(linalg.qr, tall, *_QR),
    *of_sizes(with_(linalg.qr, mode="economic"), tall, *_QR),
    *of_sizes(with_(linalg.qr, pivoting=True), tall, *_QR),
    *of_sizes(with_(linalg.qr, mode="economic", pivoting=True), tall, (3, 2)),
)
calls(
    "scipy.linalg.polar",
    *of_sizes(linalg.polar, tall, *_QR),
    *of_sizes(with_(linalg.polar, side="left"), tall, *_QR),
)


def _nearly_triangular(n: int) -> Any:
    """Schur forms of real matrices, and others with one diagonal below that is not zero."""

    def made(draw: Draw) -> Any:
        upper = np.triu(draw.inside()((n, n)))
        return (upper + np.diag(np.arange(n)) + np.diag(np.where(np.arange(n - 1) % 2, 0.5, -1.5), -1)).astype(
            draw.dtype
        )

    return made


calls("scipy.linalg.rsf2csf", *[(linalg.rsf2csf, _nearly_triangular(n), (n, n)) for n in (2, 3, 1)])
calls("scipy.linalg.orthogonal_procrustes", (linalg.orthogonal_procrustes, regular(3, 2), regular(3, 2)))

# Spectra.
calls(
    "scipy.linalg.svd",
    *of_sizes(linalg.svd, spread, (3, 3), (3, 2), (2, 3), (1, 1)),
    *of_sizes(with_(linalg.svd, full_matrices=False), spread, (4, 2), (2, 3)),
    dtypes=FLOATS,
)
calls("scipy.linalg.svdvals", *of_sizes(linalg.svdvals, spread, (3, 3), (3, 2), (1, 3)))
calls(
    "scipy.linalg.eigh",
    # The default driver changes the signs of vectors from one matrix to the next.
    *of_sizes(with_(linalg.eigh, driver="evd"), spread, (3, 3), (2, 2, 2), (1, 1)),
    (with_(linalg.eigh, lower=False, driver="ev"), spread(3, 3)),
    dtypes=FLOATS,
)
calls(
    "scipy.linalg.eigvalsh",
    (linalg.eigvalsh, spread(3, 3)),
    (with_(linalg.eigvalsh, lower=False), spread(3, 3)),
)
calls(
    "scipy.linalg.eigh_pencil",
    (linalg.eigh, spread(3, 3), definite(3, 3)),
    (with_(linalg.eigh, lower=False), spread(3, 3), definite(3, 3)),
    dtypes=FLOATS,
)
calls("scipy.linalg.eigvalsh_pencil", (linalg.eigvalsh, spread(3, 3), definite(3, 3)))
calls("scipy.linalg.eig", *of_sizes(linalg.eig, spread, (3, 3), (2, 2, 2)), dtypes=_COMPLEX)
calls("scipy.linalg.eigvals", *of_sizes(linalg.eigvals, spread, (3, 3), (2, 2, 2)))
_DIAGONAL = lambda draw: (0.1 * draw((3,)) + np.array([1.0, 3.0, 6.0])).astype(draw.dtype)  # noqa: E731
_BESIDE = lambda draw: (0.1 * draw((2,), place=1) + 1).astype(draw.dtype)  # noqa: E731
calls("scipy.linalg.eigh_tridiagonal", (linalg.eigh_tridiagonal, _DIAGONAL, _BESIDE), dtypes=FLOATS)
calls("scipy.linalg.eigvalsh_tridiagonal", (linalg.eigvalsh_tridiagonal, _DIAGONAL, _BESIDE), dtypes=FLOATS)

# Functions of matrices.
calls("scipy.linalg.expm", (linalg.expm, (3, 3)), (linalg.expm, (2, 2, 2)), (linalg.expm, (1, 1)))
calls("scipy.linalg.expm_frechet", (linalg.expm_frechet, (2, 2), (2, 2)))


def _first(name: str) -> None:
    def recipe(draw: Draw) -> Operands:
        draw = draw.inside()
        draw.dtype = draw.choice(INEXACT if name == "exponential" else ("float64", "complex128"))
        shape = draw.choice([(2, 2), (3, 3), (2, 2, 2)])
        a = draw(shape) if name == "exponential" else spread(*shape)(draw)
        return [a, draw(shape[-2:], place=1)], {}

    def higher(draw: Draw) -> Operands:
        draw = draw.inside()
        (a, t), _ = recipe(draw)
        return [a, draw((draw.choice([1, 2]), *t.shape), place=2, dtype=t.dtype), t], {}

    register(f"scipy.linalg.frechet_of_{name}", recipe)
    register(f"scipy.linalg.higher_frechet_of_{name}", higher)


_first("exponential")
_first("logarithm")
calls("scipy.linalg.logm", (linalg.logm, spread(3, 3)), dtypes=("complex128",))
calls("scipy.linalg.sqrtm", (linalg.sqrtm, spread(3, 3)), (linalg.sqrtm, spread(2, 2, 2)), dtypes=_COMPLEX)
calls(
    "scipy.linalg.fractional_matrix_power",
    (with_(linalg.fractional_matrix_power, 0.3), spread(3, 3)),
    (with_(linalg.fractional_matrix_power, -1.5), spread(2, 2)),
    dtypes=_COMPLEX,
)
calls("scipy.linalg.real_logm", (linalg.logm, spread(3, 3)), dtypes=("float64",))
calls("scipy.linalg.real_sqrtm", (linalg.sqrtm, spread(3, 3)), dtypes=FLOATS)
calls(
    "scipy.linalg.real_fractional_matrix_power",
    (with_(linalg.fractional_matrix_power, 0.3), spread(3, 3)),
    dtypes=FLOATS,
)

register("scipy.linalg.nan_where_singular", lambda draw: ([spread(2, 2)(draw.inside())], {}))

# Equations for matrices.
calls(
    "scipy.linalg.solve_sylvester",
    (linalg.solve_sylvester, regular(3, 3), regular(2, 2), (3, 2)),
    (linalg.solve_sylvester, regular(2, 2, 2), regular(2, 2), (2, 2)),
)
calls("scipy.linalg.solve_continuous_lyapunov", (linalg.solve_continuous_lyapunov, regular(3, 3), (3, 3)))


def small(*shape: int) -> Any:
    """Matrices with eigenvalues inside of the unit circle."""
    return lambda draw: (0.1 * draw.inside()(shape) + 0.3 * np.eye(shape[-1])).astype(draw.dtype)


calls(
    "scipy.linalg.solve_discrete_lyapunov",
    (linalg.solve_discrete_lyapunov, small(3, 3), (3, 3)),
    (with_(linalg.solve_discrete_lyapunov, method="bilinear"), small(3, 3), (3, 3)),
)


def riccati(function: Any, matrix: Any, *which: str) -> Any:
    """A call whose weights are made hermitian."""

    def call(a: Any, b: Any, q: Any, r: Any, *more: Any) -> Any:
        q, r = [x + np.conj(x.mT) for x in (q, r)]
        return function(a, b, q, r, **dict(zip(which, more, strict=True)))

    tiny = lambda draw: (0.1 * draw((2, 2))).astype(draw.dtype)  # noqa: E731
    made = {"e": regular(2, 2), "s": tiny}
    return (call, matrix, regular(2, 2), definite(2, 2), definite(2, 2), *[made[key] for key in which])


for _name, _solver, _matrix in (
    ("solve_continuous_are", linalg.solve_continuous_are, regular(2, 2)),
    ("solve_discrete_are", linalg.solve_discrete_are, small(2, 2)),
):
    # SciPy refuses weights that are not hermitian: those stay where they are.
    _made = {"": (0, 1), "_5": (0, 1, 4), "_6": (0, 1, 4, 5)}
    for _suffix, _which in (("", ()), ("_5", ("e",)), ("_6", ("e", "s"))):
        calls(
            f"scipy.linalg.{_name}{_suffix}",
            riccati(_solver, _matrix, *_which),
            moving=_made[_suffix],
            dtypes=("float64", "complex128"),
        )

# Toeplitz, banded.
_COLUMN = lambda draw: (0.2 * draw((3,)) + np.array([3.0, 0, 0])).astype(draw.dtype)  # noqa: E731
for _name in ("matmul_toeplitz", "solve_toeplitz"):
    _function = getattr(linalg, _name)
    calls(
        f"scipy.linalg.{_name}",
        *[(lambda c, r, x, f=_function: f((c, r), x), _COLUMN, (3,), size) for size in ((3,), (3, 2))],
        dtypes=("float64", "complex128"),
    )


def bands(above: int, below: int) -> Any:
    """Diagonals of matrices that are far from singular, and whose halves are those of definite ones."""

    def made(draw: Draw) -> Any:
        main = np.zeros((above + below + 1, 4))
        main[above] = 3.0
        return (0.3 * draw((above + below + 1, 4)) + main).astype(draw.dtype)

    return made


calls(
    "scipy.linalg.solve_banded",
    (lambda ab, b: linalg.solve_banded((1, 2), ab, b), bands(2, 1), (4,)),
    (lambda ab, b: linalg.solve_banded((1, 1), ab, b), bands(1, 1), (4, 2)),
    (lambda ab, b: linalg.solve_banded((0, 1), ab, b), bands(1, 0), (4,)),
)
calls(
    "scipy.linalg.solveh_banded",
    (linalg.solveh_banded, bands(2, 0), (4,)),
    (with_(linalg.solveh_banded, lower=True), bands(0, 2), (4, 2)),
    (with_(linalg.solveh_banded, lower=True), bands(0, 1), (4,)),
    (linalg.solveh_banded, bands(1, 0), (4,)),
)
calls(
    "scipy.linalg.cho_solve_banded",
    (lambda cb, b: linalg.cho_solve_banded((cb, True), b), bands(0, 1), (4,)),
    (lambda cb, b: linalg.cho_solve_banded((cb, False), b), bands(2, 0), (4, 2)),
)
