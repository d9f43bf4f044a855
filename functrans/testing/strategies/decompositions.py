"""Recipes for eigenvalues and singular values: matrices whose eigenvalues (singular values) are far apart.

LAPACK turns complex eigenvectors in a way of its own, which no convention follows: those of hermitian matrices are
tested in functions that the turn does not change.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.testing.strategies.entries import Draw
from functrans.testing.strategies.operands import FLOATS, INEXACT, Operands, calls, register


def spread(*shape: int) -> Any:
    """Matrices near a diagonal one with the entries 1, 3, 5, …, so also not hermitian, and regular."""

    def made(draw: Draw) -> Any:
        draw = draw.inside()
        rows, columns = shape[-2:]
        center = np.eye(rows, columns) * (1 + 2 * np.arange(columns))
        return (0.08 * draw(shape) + center).astype(draw.dtype)

    return made


def _clusters(draw: Draw) -> Operands:
    draw.dtype = draw.choice(INEXACT)
    ordered = np.dtype(draw.dtype).kind == "f" and draw.choice([True, False])
    values = [[1.0, 2.0, 2.0, 4.0], [[3.0, 2.0], [1.0, 1.0]], []]
    return [np.array(draw.choice(values), draw.dtype)], {"ordered": ordered}


register("clusters", _clusters)


def _turn(draw: Draw) -> Operands:
    draw.dtype = draw.choice(FLOATS)
    shape = draw.choice([(3, 3), (2, 2, 2)])
    return [draw(shape), np.arange(1, shape[-1] + 1, dtype=draw.dtype)], {}


register("cluster_turn", _turn)
_UPLO = ("L", "U")
calls(
    "eigh",
    *[(lambda a, uplo=uplo: np.linalg.eigh(a, uplo), spread(3, 3)) for uplo in _UPLO],
    (np.linalg.eigh, spread(2, 2, 2)),
    (np.linalg.eigh, spread(1, 1)),
    (np.linalg.eigh, spread(0, 0)),
    dtypes=FLOATS,
)
calls(
    "eigvalsh",
    *[(lambda a, uplo=uplo: np.linalg.eigvalsh(a, uplo), spread(3, 3)) for uplo in _UPLO],
    (np.linalg.eigvalsh, spread(2, 2, 2)),
    (np.linalg.eigvalsh, spread(1, 1)),
    (np.linalg.eigvalsh, spread(0, 0)),
)


def _gradient(draw: Draw) -> Operands:
    draw.dtype = draw.choice(INEXACT)
    shape = draw.choice([(3, 3), (2, 2, 2)])
    params = {
        "lower": draw.choice([True, False]),
        "alone": draw.choice([True, False]),
        "settled": draw.choice([True, False]),
    }
    row = draw((*shape[:-2], 1, shape[-1]), place=1)
    return [np.concatenate([spread(*shape)(draw), row], axis=-2)], params


def _tangent(draw: Draw) -> Operands:
    draw.dtype = draw.choice(INEXACT)
    shape = draw.choice([(3, 3), (2, 2, 2)])
    params = {"lower": draw.choice([True, False]), "alone": draw.choice([True, False])}
    return [draw(shape, place=1), spread(*shape)(draw)], params


register("eigenvalue_gradient", _gradient)
register("eigenvalue_tangent", _tangent)


# With more rows than columns by two, LAPACK would choose how the two vectors that go with no singular value turn.
calls(
    "svd",
    *[(np.linalg.svd, spread(*shape)) for shape in ((3, 3), (3, 2), (2, 3), (2, 2, 2), (1, 1), (0, 0))],
    *[(lambda a: np.linalg.svd(a, False), spread(*shape)) for shape in ((4, 2), (2, 4), (2, 3, 1))],
    dtypes=FLOATS,
)
calls("svdvals", *[(np.linalg.svdvals, spread(*shape)) for shape in ((3, 3), (3, 2), (1, 3), (2, 2, 2), (0, 0))])
_COMPLEX = ("complex128", "complex64")
calls("eig", *[(np.linalg.eig, spread(*shape)) for shape in ((3, 3), (2, 2, 2), (1, 1), (0, 0))], dtypes=_COMPLEX)
calls("eigvals", *[(np.linalg.eigvals, spread(*s)) for s in ((3, 3), (2, 2, 2), (1, 1), (0, 0))], dtypes=_COMPLEX)


def _inverse(draw: Draw) -> Operands:
    draw.dtype = draw.choice(INEXACT)
    return [spread(*draw.choice([(3, 3), (2, 2, 2)]))(draw)], {}


register("inverse_of_eigenvectors", _inverse)
register("real_entries", _inverse)


def _first_order(draw: Draw) -> Operands:
    draw.dtype = draw.choice(INEXACT)
    tied, shape = draw.choice([((1, 1), (2, 2)), ((2, 1), (2, 3))])
    return [draw(shape), np.zeros(tied, bool)], {}


register("first_order", _first_order)
