"""Norms, variances, products, sums of exponentials of tiny, huge, and almost equal entries, against mpmath.

Gradients to a few roundings, Hessians (in three nestings of modes) to some more, relative to their largest entry.
"""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

import functrans as ft

BASE = np.array([1.0, -2.0, 0.5, 3.0])
OTHER = [1.0, 2.0, 4.0, 3.0]
WEIGHTS = [1.0, 2.0, 3.0, 0.5]
MEAN_LARGE = 1e8 + np.array([0.25, 1.5, -0.75, 2.0])
STEPS = np.arange(1.0, 5.0)


def _norm(p):
    return lambda v: (
        mp.root(sum(abs(t) ** p for t in v), p) if isinstance(p, int) else sum(abs(t) ** p for t in v) ** (1 / p)
    )


def _var(v, ddof=0):
    mean = sum(v) / len(v)
    return sum((t - mean) ** 2 for t in v) / (len(v) - ddof)


def _cov(v, other):
    a, b = sum(v) / len(v), mp.mpf(sum(other)) / len(v)
    return sum((s - a) * (t - b) for s, t in zip(v, other, strict=True)) / len(v)


def _corr(v):
    other = [mp.mpf(t) for t in OTHER]
    return _cov(v, other) / mp.sqrt(_var(v) * _var(other))


def _steps_of_product(v):
    total, product = mp.mpf(0), mp.mpf(1)
    for i, t in enumerate(v, 1):
        product *= t
        total += i * product
    return total


def _logsum(base):
    return lambda v: max(v) + mp.log(sum(mp.mpf(base) ** (t - max(v)) for t in v), base)


def _interp(v):
    """Between knots 0, 1, 3 with values 1, -1, 2."""
    return sum(1 - 2 * t if t < 1 else -1 + mp.mpf(3) / 2 * (t - 1) for t in v)


def cases():
    for s in (1.0, 1e-160, 1e160, 1e-200, 1e200, 1e-300, 1e300):
        x = BASE * s
        yield f"norm {s}", np.linalg.norm, _norm(2), x
        yield f"norm of order 3 {s}", lambda x: np.linalg.norm(x, 3), _norm(3), x
        yield f"norm of order 1.5 {s}", lambda x: np.linalg.norm(x, 1.5), _norm(mp.mpf(1.5)), x
        yield f"matrix norm {s}", lambda x: np.linalg.norm(x.reshape(2, 2)), _norm(2), x
        rows = lambda v: _norm(2)(v[:2]) + _norm(2)(v[2:])  # noqa: E731
        yield f"norms of rows {s}", lambda x: np.sum(np.linalg.norm(x.reshape(2, 2), axis=1)), rows, x
        yield f"vector norms {s}", lambda x: np.sum(np.linalg.vector_norm(x.reshape(2, 2), axis=1)), rows, x
        yield f"hypot {s}", lambda x: np.sum(np.hypot(x[::2], x[1::2])), rows, x
        angles = lambda v: mp.atan2(v[0], v[2]) + mp.atan2(v[1], v[3])  # noqa: E731
        yield f"arctan2 {s}", lambda x: np.sum(np.arctan2(x[:2], x[2:])), angles, x
        yield f"mean {s}", np.mean, lambda v: sum(v) / 4, x
        average = lambda v: sum(t * w for t, w in zip(v, WEIGHTS, strict=True)) / mp.mpf(sum(WEIGHTS))  # noqa: E731
        yield f"average {s}", lambda x: np.average(x, weights=WEIGHTS), average, x
    yield "mean beyond the largest number", np.mean, lambda v: sum(v) / 4, np.full(4, 1.7e308)
    for s in (1.0, 1e-200, 1e200):
        by_weights = lambda v: sum(t * w for t, w in zip(v, OTHER, strict=True)) / sum(v)  # noqa: E731
        yield f"average in its weights {s}", lambda x: np.average(OTHER, weights=x), by_weights, np.array(WEIGHTS) * s
    for name, function, exact in (
        ("var", np.var, _var),
        ("var, unbiased", lambda x: np.var(x, ddof=1), lambda v: _var(v, 1)),
        ("std", np.std, lambda v: mp.sqrt(_var(v))),
        ("nanvar", np.nanvar, _var),
        ("nanstd", np.nanstd, lambda v: mp.sqrt(_var(v))),
        ("corrcoef", lambda x: np.corrcoef(x, OTHER)[0, 1], _corr),
        ("cov", lambda x: np.cov(x, OTHER, bias=True)[0, 1], lambda v: _cov(v, OTHER)),
    ):
        yield name, function, exact, BASE
        yield f"{name} about a large mean", function, exact, MEAN_LARGE
    for x in ([2, 3, 0.5, 4], [2, 0, 3, 0.5], [2, 0, 0, 0.5], [0, 0, 0, 3], [1e-300, 1e200, 1e-200, 1e300]):
        yield f"prod {x}", np.prod, mp.fprod, np.array(x, float)
        if max(x) < 10:
            yield f"cumprod {x}", lambda x: np.sum(np.cumprod(x) * STEPS), _steps_of_product, np.array(x, float)
    yield (
        "cumprod",
        lambda x: np.sum(np.cumprod(x) * STEPS),
        _steps_of_product,
        np.array([1e-200, 1e200, 1e-150, 1e150]),
    )
    for x in (
        [0, 1, 2, 3],
        [-700, 0, 700, 1],
        [1e8, 1e8 + 1, 0, 1e8 - 2],
        [-1000, -1001, -999, -2000],
        [36.5, 0, 36.5, 1],
    ):
        yield f"logaddexp.reduce {x}", np.logaddexp.reduce, _logsum(mp.e), np.array(x, float)
        yield f"logaddexp2.reduce {x}", np.logaddexp2.reduce, _logsum(2), np.array(x, float)
    knots, values = np.array([0.0, 1.0, 3.0]), np.array([1.0, -1.0, 2.0])
    at = np.array([1 - 2.0**-52, 1 + 2.0**-51, 2.0**-60, 3 - 2.0**-50])
    yield "interp beside its knots", lambda x: np.sum(np.interp(x, knots, values)), _interp, at


def exact_derivatives(f, x):
    """Gradient and Hessian by differences in 200 digits."""
    entries = [mp.mpf(float(t)) for t in x]
    step = min([abs(t) for t in entries if t] + [max(abs(t) for t in entries)]) * mp.mpf(10) ** -45

    def at(*moves):
        moved = list(entries)
        for place, by in moves:
            moved[place] += by * step
        return f(moved)

    n = len(entries)
    with mp.workdps(400):
        first = [(at((i, 1)) - at((i, -1))) / (2 * step) for i in range(n)]
        second = np.zeros((n, n))
        for i in range(n):
            for j in range(i + 1):
                corners = [a * b * at((i, a), (j, b)) for a in (1, -1) for b in (1, -1)]
                second[i, j] = second[j, i] = float(sum(corners) / (4 * step * step))
    return np.array([float(t) for t in first]), second


def assert_exact(f, exact, x, rounding=1e-14):
    with mp.workdps(400):
        first, second = exact_derivatives(exact, x)
    size, size_of_second = np.max(np.abs(first)), np.max(np.abs(second))
    with np.errstate(all="ignore"):
        for found in (ft.grad(f)(x), ft.jacfwd(f)(x)):
            np.testing.assert_allclose(found, first, rtol=0, atol=rounding * size)
        if not np.isfinite(size_of_second):  # beyond the largest number
            return
        for found in (ft.hessian(f)(x), ft.jacrev(ft.grad(f))(x), ft.jacfwd(ft.jacfwd(f))(x)):
            np.testing.assert_allclose(
                found, second, rtol=0, atol=10 * rounding * size_of_second + 1e-100 * size / np.max(np.abs(x))
            )


@pytest.mark.parametrize(("f", "exact", "x"), [pytest.param(*case[1:], id=case[0]) for case in cases()])
def test_reductions(f, exact, x):
    assert_exact(f, exact, x)


def test_correlation_near_its_maximum():
    """Where the gradient is the small difference of two large ones, of which rounded deviations leave so much."""
    x = np.array(OTHER) * 2 + np.array([0, 1, -1, 1]) * 1e-3
    assert_exact(lambda x: np.corrcoef(x, OTHER)[0, 1], _corr, x, rounding=1e-11)
