"""All prefixes at once, beside a loop."""

from __future__ import annotations

import numpy as np
import pytest

import functrans as ft
from functrans.errors import ShapeError, TreeError
from functrans.testing import check_grads


def affine(a, b):
    """The composition of ``x -> m x + c``: associative, not commutative."""
    return {"m": b["m"] * a["m"], "c": b["m"] * a["c"] + b["c"]}


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 8, 13])
@pytest.mark.parametrize("reverse", [False, True])
def test_beside_a_loop(n, reverse):
    rng = np.random.default_rng(n)
    m, c = rng.uniform(0.5, 1.5, n), rng.uniform(-1, 1, n)
    found = ft.associative_scan(affine, {"m": m, "c": c}, reverse=reverse)
    x, expected = 0.0, np.zeros(n)
    for i in reversed(range(n)) if reverse else range(n):
        x = m[i] * x + c[i]
        expected[i] = x
    np.testing.assert_allclose(found["c"], expected)


def test_along_another_axis():
    x = np.random.default_rng(0).uniform(0.5, 1.5, (2, 5, 3))
    np.testing.assert_allclose(ft.associative_scan(np.multiply, x, axis=1), np.cumprod(x, axis=1))
    np.testing.assert_allclose(ft.associative_scan(np.add, x, axis=-1), np.cumsum(x, axis=-1))


def test_derivatives():
    m, c = np.array([0.5, 1.2, -0.7, 0.3, 2.0]), np.array([0.1, -0.4, 0.8, 0.2, -0.5])
    f = lambda m, c: np.sum(ft.associative_scan(affine, {"m": m, "c": c})["c"] ** 2)  # noqa: E731
    check_grads(f, (m, c), order=2)
    many = np.stack([m, m + 0.1])
    found = ft.vmap(ft.grad(f), (0, None))(many, c)
    np.testing.assert_allclose(found[1], ft.grad(f)(many[1], c))
    assert ft.evaluate(ft.trace(f)(m, c), m, c) == f(m, c)


def test_mistakes():
    with pytest.raises(ShapeError, match="has 0"):
        ft.associative_scan(np.add, 1.0)
    with pytest.raises(ShapeError, match="different lengths"):
        ft.associative_scan(affine, {"m": np.ones(3), "c": np.ones(2)})
    with pytest.raises(TreeError, match="return what it takes"):
        ft.associative_scan(lambda a, b: (a, b), np.ones(3))
