"""Recipes for the primitives of QR, of least squares, and of norms that are precise at any size."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.testing.strategies.algebra import apart, pulled, regular
from functrans.testing.strategies.entries import Draw
from functrans.testing.strategies.operands import calls


def _mode(mode: str) -> Any:
    return lambda a: np.linalg.qr(a, mode)  # type: ignore[call-overload]


def _tall(m: int, n: int) -> Any:
    """Matrices of full rank whose factors are smooth: no column has only zeros below the diagonal."""

    def made(draw: Draw) -> Any:
        shape = np.arange(1.0, m * n + 1).reshape(m, n)
        return (0.2 * draw.inside()((m, n)) + np.cos(shape * shape) + 2 * np.eye(m, n)).astype(draw.dtype)

    return made


calls(
    "qr",
    *[(_mode("reduced"), _tall(m, n)) for m, n in ((3, 3), (3, 2), (2, 3), (1, 2), (2, 1))],
    *[(_mode("complete"), _tall(m, n)) for m, n in ((3, 2), (4, 2), (2, 1), (2, 3))],
    (_mode("reduced"), lambda draw: np.stack([_tall(3, 2)(draw), _tall(3, 2)(draw)])),
    (_mode("complete"), (2, 0)),
)
calls("independent_inverse", (pulled(_mode("r")), (2, 3), _tall(2, 3)), (pulled(_mode("r")), (2, 2), _tall(3, 2)))


def _low(m: int, n: int) -> Any:
    """Matrices of rank two at most."""
    return lambda draw: (_tall(m, 2)(draw) @ _tall(2, n)(draw)).astype(draw.dtype)


calls(
    "pinv",
    *[(np.linalg.pinv, _tall(m, n)) for m, n in ((3, 3), (3, 2), (2, 3))],
    (lambda a: np.linalg.pinv(a, hermitian=True), regular(3, 3)),
    (lambda a: np.linalg.pinv(a, np.array([1e-3, 1e-15])), regular(2, 2, 2)),
    (np.linalg.pinv, (2, 0)),
)
calls(
    "lstsq",
    (np.linalg.lstsq, _tall(3, 2), (3,)),
    (np.linalg.lstsq, _tall(3, 2), (3, 2)),
    (np.linalg.lstsq, _tall(2, 3), (2,)),
    (np.linalg.lstsq, apart, (2, 2)),
)
calls("full_rank_sums", (np.linalg.lstsq, _tall(3, 2), (3, 2)))
calls(
    "cond",
    *[(lambda x, p=p: np.linalg.cond(x, p), apart) for p in (None, -2, 1, -1, np.inf, -np.inf, "fro")],
    (lambda x: np.linalg.cond(x, "nuc"), apart),
    (np.linalg.cond, _tall(3, 2)),
)
calls(
    "matrix_rank",
    (np.linalg.matrix_rank, _low(3, 3)),
    (np.linalg.matrix_rank, (3,)),
    (lambda a: np.linalg.matrix_rank(a, tol=0.5), (2, 2)),
    (lambda a: np.linalg.matrix_rank(a, rtol=0.25, hermitian=True), regular(2, 2)),
)


def _by_norm(ord: Any, axis: Any) -> Any:
    return pulled(lambda x: np.linalg.norm(x, ord, axis))


calls(
    "safe_norm",
    *[(_by_norm(p, None), lambda draw: draw(()).real[()], (3,)) for p in (None, 2, 3, 2.5, 4, -2)],
    *[(_by_norm(p, 0), lambda draw: draw((2,)).real, (3, 2)) for p in (2, 3, 1.5, -1)],
    (_by_norm("fro", (0, 2)), lambda draw: draw((2,)).real, (2, 2, 3)),
    (_by_norm(None, None), lambda draw: draw(()).real[()], (2, 1, 2)),
)
