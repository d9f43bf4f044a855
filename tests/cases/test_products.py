"""Never divide by the input to undo a product: zeros in every position, to the third order.

Libraries gave NaN or ``[1, 0, 0, 0]`` for the gradient of ``sum(cumprod(x))`` at ``[2, 0, 3, 4]``, wrong second
derivatives there, and ``[0, NaN, 0]`` for that of ``np.prod`` at ``[2, 0, 3]``. The factors are small integers, so the
sums of products below are exact, and so must the derivatives be.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import functrans as ft
from tests.cases.judging import directional

RNG = np.random.default_rng(7)
FACTORS = np.array([2.0, 5.0, 3.0, -4.0])


def term(factors, *directions):
    """The mixed derivative of a product of factors: a sum over which factor each direction replaces, all different."""
    total = 0.0
    for places in itertools.permutations(range(len(factors)), len(directions)):
        replaced = np.array(factors)
        for place, direction in zip(places, directions, strict=True):
            replaced[place] = direction[place]
        total += float(np.prod(replaced))
    return total


def running(x, weights, *directions):
    """The mixed derivative of a weighted sum of running products."""
    return sum(w * term(x[: i + 1], *[d[: i + 1] for d in directions]) for i, w in enumerate(weights))


#: To the third order those that are primitives, in other ways of calling them to the second.
ORDERS = {"np.prod": 3, "operators": 3, "np.cumprod": 3, "axes": 3}


def zeros(count):
    return [z for n in range(count + 1) for z in itertools.combinations(range(count), n)]


def at(places, x=FACTORS):
    x = x.copy()
    x[list(places)] = 0
    return x


PRODUCTS = {
    "np.prod": np.prod,
    "method": lambda x: x.prod(),
    "reduce": np.multiply.reduce,
    "axis": lambda x: np.prod(x[None], axis=1)[0],
    "axes": lambda x: np.prod(x.reshape(2, 2), axis=(0, -1), keepdims=True)[0, 0],
    "where": lambda x: np.prod(np.concatenate([x, [0.0]]), where=[True] * 4 + [False]),
    "initial": lambda x: np.prod(x[1:], initial=x[0]),
    "last of cumprod": lambda x: np.cumprod(x)[-1],
    "last of accumulate": lambda x: np.multiply.accumulate(x)[-1],
    "twice": lambda x: np.prod(np.prod(x.reshape(2, 2), axis=0)),
    "operators": lambda x: x[0] * x[1] * x[2] * x[3],
    "reduceat": lambda x: np.multiply.reduceat(x, [0])[0],
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_products(name):
    f = PRODUCTS[name]
    for x in map(at, zeros(4)):
        others = [np.prod(np.delete(x, i)) for i in range(4)]
        np.testing.assert_array_equal(ft.grad(f)(x), others)
        u, v, w = RNG.integers(-3, 4, (3, 4)).astype(float)
        for directions in ((u,), (u, v), (u, v, w))[: ORDERS.get(name, 2)]:
            expected = term(x, *directions)
            assert directional(f, *directions)(x) == [expected] * 2 ** len(directions)


def test_product_of_the_case():
    x = np.array([2.0, 0.0, 3.0])
    np.testing.assert_array_equal(ft.grad(np.prod)(x), [0, 6, 0])
    np.testing.assert_array_equal(ft.jacobian(ft.grad(np.prod))(x), [[0, 3, 0], [3, 0, 2], [0, 2, 0]])
    gradient = ft.grad(np.prod)(x.astype(np.float32))
    assert (gradient.tolist(), gradient.dtype) == ([0, 6, 0], np.float32)
    np.testing.assert_array_equal(ft.grad(lambda x: np.real(np.prod(x)))(x + 0j), [0, 6, 0])


RUNNING = {
    "np.cumprod": np.cumprod,
    "method": lambda x: x.cumprod(),
    "accumulate": np.multiply.accumulate,
    "axis": lambda x: np.cumprod(x[:, None], axis=0)[:, 0],
    "last axis": lambda x: np.cumprod(np.stack([x, x]), axis=-1)[1],
    "backwards": lambda x: np.cumprod(x[::-1])[::-1],
}
if hasattr(np, "cumulative_prod"):
    RUNNING["np.cumulative_prod"] = np.cumulative_prod


@pytest.mark.parametrize("name", RUNNING)
def test_running_products(name):
    weights = np.array([1.0, -2.0, 3.0, 1.0])
    f = lambda x: np.sum(RUNNING[name](x) * weights)  # noqa: E731
    turn = slice(None, None, -1) if name == "backwards" else slice(None)
    for x in map(at, zeros(4)):
        u, v, w = RNG.integers(-3, 4, (3, 4)).astype(float)
        for directions in ((u,), (u, v), (u, v, w))[: ORDERS.get(name, 2)]:
            expected = running(x[turn], weights[turn], *[d[turn] for d in directions])
            assert directional(f, *directions)(x) == [expected] * 2 ** len(directions)


def test_running_product_of_the_case():
    x = np.array([2.0, 0.0, 3.0, 4.0])
    f = lambda x: np.sum(np.cumprod(x))  # noqa: E731
    np.testing.assert_array_equal(ft.grad(f)(x), [1, 32, 0, 0])
    np.testing.assert_array_equal(ft.grad(f)(x.astype(np.float32)), [1, 32, 0, 0])
    # By hand: d2(ab + abc + abcd) at (2, 0, 3, 4). All of the second derivative, so every sum of it, too.
    hessian = [[0, 16, 0, 0], [16, 0, 10, 6], [0, 10, 0, 0], [0, 6, 0, 0]]
    np.testing.assert_array_equal(ft.jacobian(ft.grad(f))(x), hessian)
    np.testing.assert_array_equal([ft.jvp(ft.grad(f), (x,), (e,))[1] for e in np.eye(4)], hessian)
    assert directional(f, np.ones(4), np.ones(4))(x) == [64] * 4
    # The same factors, the zero in another place.
    assert directional(f, np.ones(4), np.ones(4))(np.array([4.0, 3.0, 0.0, 2.0])) == [68] * 4


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_running_products_of_columns(axis):
    """A zero in one row says nothing about the others."""
    x = np.array([[2.0, 0.0, 3.0], [0.0, 5.0, 0.0], [4.0, 1.0, 2.0]])
    rows = x.T if axis == 0 else x
    expected = np.array([[running(row, np.ones(3), e) for e in np.eye(3)] for row in rows])
    gradient = ft.grad(lambda x: np.sum(np.cumprod(x, axis=axis)))(x)
    np.testing.assert_array_equal(gradient, expected.T if axis == 0 else expected)
    products = ft.grad(lambda x: np.sum(np.prod(x, axis=axis)))(x)
    others = np.array([[np.prod(np.delete(row, i)) for i in range(3)] for row in rows])
    np.testing.assert_array_equal(products, others.T if axis == 0 else others)


@pytest.mark.parametrize("x", [[0.0, np.inf, 2.0], [1e200, 1e200, 0.0], [1e-300, 1e-300, 1e300], [-0.0, 2.0, 3.0]])
def test_products_of_extreme_factors(x):
    """Each entry is the product of the others as floating point numbers have it, without a quotient."""
    x = np.array(x)
    with np.errstate(all="ignore"):
        gradient = ft.grad(np.prod)(x)
        expected = [x[1] * x[2], x[0] * x[2], x[0] * x[1]]
    np.testing.assert_array_equal(gradient, expected)
