"""Machine learning: regression, networks, attention, a convolution."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from problems.problem import Library, Problem


def logistic(lib: Library, w: Any, x: Any, y: Any) -> Any:
    """Logistic regression with a penalty: labels are 0 and 1."""
    m = lib.np
    z = x @ w
    return m.mean(m.logaddexp(0.0, z) - y * z) + 0.005 * m.sum(w * w)


def logistic_by_hand(w: Any, x: Any, y: Any) -> Any:
    z = x @ w
    value = np.mean(np.logaddexp(0.0, z) - y * z) + 0.005 * np.sum(w * w)
    return value, (x.T @ ((1.0 / (1.0 + np.exp(-z)) - y) / z.size) + 0.01 * w,)


def regression() -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(10_000, 100))
    return 0.1 * rng.normal(size=100), x, (x[:, 0] > 0).astype(float)


def network(lib: Library, params: Any, x: Any, y: Any) -> Any:
    """Cross entropy of a network with three layers: labels are rows of zeros and a one."""
    m = lib.np
    h = x
    for w, b in zip(params[0:4:2], params[1:4:2], strict=True):
        h = m.maximum(h @ w + b, 0.0)
    z = h @ params[4] + params[5]
    z = z - m.max(z, axis=1, keepdims=True)
    return m.mean(m.log(m.sum(m.exp(z), axis=1)) - m.sum(z * y, axis=1))


def network_by_hand(params: Any, x: Any, y: Any) -> Any:
    w1, b1, w2, b2, w3, b3 = params
    h1 = np.maximum(x @ w1 + b1, 0.0)
    h2 = np.maximum(h1 @ w2 + b2, 0.0)
    z = h2 @ w3 + b3
    z -= np.max(z, axis=1, keepdims=True)
    e = np.exp(z)
    total = np.sum(e, axis=1)
    value = np.mean(np.log(total) - np.sum(z * y, axis=1))
    gz = (e / total[:, None] - y) / len(x)
    g2 = (gz @ w3.T) * (h2 > 0)
    g1 = (g2 @ w2.T) * (h1 > 0)
    return value, ((x.T @ g1, g1.sum(0), h1.T @ g2, g2.sum(0), h2.T @ gz, gz.sum(0)),)


def layers(batch: int, *widths: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    params = []
    for n, m in pairwise(widths):
        params += [rng.normal(size=(n, m)) / np.sqrt(n), 0.1 * rng.normal(size=m)]
    return tuple(params), rng.normal(size=(batch, widths[0])), np.eye(widths[-1])[rng.integers(0, widths[-1], batch)]


def attention(lib: Library, q: Any, k: Any, v: Any, target: Any) -> Any:
    """A head of attention for each example, and the square of what it misses."""
    m = lib.np
    s = m.einsum("bqd,bkd->bqk", q, k) / np.sqrt(q.shape[-1])
    e = m.exp(s - m.max(s, axis=2, keepdims=True))
    p = e / m.sum(e, axis=2, keepdims=True)
    return m.sum((m.einsum("bqk,bkd->bqd", p, v) - target) ** 2)


def attention_by_hand(q: Any, k: Any, v: Any, target: Any) -> Any:
    root = np.sqrt(q.shape[-1])
    s = np.einsum("bqd,bkd->bqk", q, k) / root
    e = np.exp(s - np.max(s, axis=2, keepdims=True))
    p = e / np.sum(e, axis=2, keepdims=True)
    d = np.einsum("bqk,bkd->bqd", p, v) - target
    g = 2.0 * d
    gp = np.einsum("bqd,bkd->bqk", g, v)
    gs = p * (gp - np.sum(gp * p, axis=2, keepdims=True)) / root
    grads = np.einsum("bqk,bkd->bqd", gs, k), np.einsum("bqk,bqd->bkd", gs, q), np.einsum("bqk,bqd->bkd", p, g)
    return np.sum(d**2), grads


def heads() -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    return tuple([rng.normal(size=(8, 64, 32)) for _ in range(4)])


def convolution(lib: Library, kernel: Any, x: Any, target: Any) -> Any:
    """A 3 by 3 convolution by slices, and the square of what it misses."""
    n, m = target.shape
    out = 0.0
    for i in range(3):
        for j in range(3):
            out = out + kernel[i, j] * x[i : i + n, j : j + m]
    return lib.np.sum((out - target) ** 2)


def convolution_by_hand(kernel: Any, x: Any, target: Any) -> Any:
    n, m = target.shape
    places = [(i, j, (slice(i, i + n), slice(j, j + m))) for i in range(3) for j in range(3)]
    d = -target
    for i, j, place in places:
        d += kernel[i, j] * x[place]
    g = 2.0 * d
    gk, gx = np.empty((3, 3)), np.zeros_like(x)
    for i, j, place in places:
        gk[i, j] = np.sum(g * x[place])
        gx[place] += kernel[i, j] * g
    return np.sum(d**2), (gk, gx)


def image() -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(3, 3)), rng.normal(size=(130, 130)), rng.normal(size=(128, 128))


PROBLEMS = (
    Problem("logistic regression, 10000 x 100", logistic, regression, logistic_by_hand, (0,), 1.05),
    Problem(
        "network 784-256-128-10, batch 128",
        network,
        lambda: layers(128, 784, 256, 128, 10),
        network_by_hand,
        (0,),
        1.05,
    ),
    Problem("network 20-16-16-4, batch 16", network, lambda: layers(16, 20, 16, 16, 4), network_by_hand, (0,), 1.1),
    Problem("attention by einsum, 8 x 64 x 32", attention, heads, attention_by_hand, (0, 1, 2), 1.1),
    Problem("3 x 3 convolution by slices", convolution, image, convolution_by_hand, (0, 1), 1.1),
)
