"""Likelihoods: a Gaussian process, and ADBench's mixture of Gaussians.

Source: F. Srajer, Z. Kukelova and A. Fitzgibbon, *A benchmark of selected algorithmic differentiation tools on some
problems in computer vision and machine learning* (2018).
"""

from __future__ import annotations

from math import lgamma, log, pi
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from problems.problem import Library, Problem


def process(lib: Library, theta: Any, squares: Any, y: Any) -> Any:
    """The negative logarithm of the marginal likelihood; logarithms of variance, length and noise."""
    m = lib.np
    k = m.exp(theta[0]) * m.exp(-0.5 * squares * m.exp(-2.0 * theta[1])) + m.exp(theta[2]) * m.eye(len(squares))
    factor = m.linalg.cholesky(k)
    a = m.linalg.solve(factor.T, m.linalg.solve(factor, y))
    return 0.5 * y @ a + m.sum(m.log(m.diagonal(factor, 0, -1, -2))) + 0.5 * len(squares) * log(2.0 * pi)


def process_by_hand(theta: Any, squares: Any, y: Any) -> Any:
    n = len(squares)
    scale, noise = np.exp(-2.0 * theta[1]), np.exp(theta[2])
    smooth = np.exp(theta[0]) * np.exp(-0.5 * squares * scale)
    k = smooth + noise * np.eye(n)
    factor = cho_factor(k, lower=True, overwrite_a=True, check_finite=False)
    a = cho_solve(factor, y, check_finite=False)
    value = 0.5 * y @ a + np.sum(np.log(np.diagonal(factor[0]))) + 0.5 * n * log(2.0 * pi)
    g = 0.5 * (cho_solve(factor, np.eye(n), check_finite=False) - np.outer(a, a))
    moved = g * smooth
    return value, (np.array([np.sum(moved), np.sum(moved * squares) * scale, noise * np.trace(g)]),)


def points() -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    return np.array([0.1, 0.2, -1.0]), np.sum((x[:, None] - x) ** 2, axis=2), rng.normal(size=200)


# The mixture: of each component the weight, the mean, and the inverse of a factor of the covariance, of which the
# diagonal comes in logarithms.

GAMMA, FREEDOM = 1.0, 0


def _prior_constant(d: int, count: int) -> float:
    n = d + FREEDOM + 1
    gammas = 0.25 * d * (d - 1) * log(pi) + sum(lgamma(0.5 * n + 0.5 * (1 - j)) for j in range(1, d + 1))
    return count * (n * d * (log(GAMMA) - 0.5 * log(2.0)) - gammas)


def _places(d: int) -> Any:
    """Where the entries of a strictly lower triangle stand in the list, which has a zero as its last one."""
    index = np.full((d, d), d * (d - 1) // 2)
    index.T[np.triu_indices(d, 1)] = np.arange(d * (d - 1) // 2)
    return index


def mixture(lib: Library, alphas: Any, means: Any, icf: Any, x: Any) -> Any:
    """The logarithm of the likelihood, and of Wishart's prior."""
    m = lib.np
    n, d = x.shape
    count = len(alphas)
    logs = m.sum(icf[:, :d], axis=1)
    diagonals = m.exp(icf[:, :d])
    rest = m.concatenate([icf[:, d:], 0.0 * icf[:, :1]], axis=1)[:, _places(d)]
    centered = x - means[:, None, :]
    y = centered * diagonals[:, None, :] + centered @ m.swapaxes(rest, 1, 2)
    z = (alphas + logs)[:, None] - 0.5 * m.sum(y**2, axis=2)
    prior = m.sum(0.5 * GAMMA**2 * (m.sum(diagonals**2, axis=1) + m.sum(icf[:, d:] ** 2, axis=1)) - FREEDOM * logs)
    fits = m.sum(_logsumexp(m, z, 0)) - n * _logsumexp(m, alphas, 0)
    return fits + prior - 0.5 * n * d * log(2.0 * pi) - _prior_constant(d, count)


def _logsumexp(m: Any, z: Any, axis: int) -> Any:
    top = m.max(z, axis=axis, keepdims=True)
    return m.log(m.sum(m.exp(z - top), axis=axis)) + top[0]


def mixture_by_hand(alphas: Any, means: Any, icf: Any, x: Any) -> Any:
    n, d = x.shape
    count = len(alphas)
    logs = np.sum(icf[:, :d], axis=1)
    diagonals = np.exp(icf[:, :d])
    rest = np.concatenate([icf[:, d:], np.zeros((count, 1))], axis=1)[:, _places(d)]
    centered = x - means[:, None, :]
    y = centered * diagonals[:, None, :] + centered @ rest.transpose(0, 2, 1)
    z = (alphas + logs)[:, None] - 0.5 * np.sum(y**2, axis=2)
    top = np.max(z, axis=0)
    e = np.exp(z - top)
    total = np.sum(e, axis=0)
    highest = np.max(alphas)
    weights = np.exp(alphas - highest)
    value = np.sum(np.log(total) + top) - n * (np.log(np.sum(weights)) + highest)
    value += np.sum(0.5 * GAMMA**2 * (np.sum(diagonals**2) + np.sum(icf[:, d:] ** 2)) - FREEDOM * np.sum(logs))
    p = e / total
    gz = np.sum(p, axis=1)
    gy = -p[:, :, None] * y
    moved = gy.transpose(0, 2, 1) @ centered
    gc = gy * diagonals[:, None, :] + gy @ rest
    g = np.empty_like(icf)
    g[:, :d] = np.diagonal(moved, axis1=1, axis2=2) * diagonals
    g[:, :d] += (gz - FREEDOM)[:, None] + GAMMA**2 * diagonals**2
    columns, rows = np.triu_indices(d, 1)
    g[:, d:] = moved[:, rows, columns] + GAMMA**2 * icf[:, d:]
    constant = 0.5 * n * d * log(2.0 * pi) + _prior_constant(d, count)
    return value - constant, (gz - n * weights / np.sum(weights), -np.sum(gc, axis=1), g)


def clusters() -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    d, count, n = 10, 25, 1000
    return (
        rng.normal(size=count),
        rng.uniform(size=(count, d)),
        0.5 * rng.normal(size=(count, d * (d + 1) // 2)),
        rng.normal(size=(n, d)),
    )


PROBLEMS = (
    Problem(
        "Gaussian process, n = 200",
        process,
        points,
        process_by_hand,
        (0,),
        1.1,
        allow=("factorizations",),
    ),
    Problem("Gaussian mixture, d = 10, K = 25, n = 1000", mixture, clusters, mixture_by_hand, (0, 1, 2), 0.6),
)
