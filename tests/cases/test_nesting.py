"""Perturbation confusion: each transform sees its own variable alone, however they are nested over closures.

A library gave 2 for the derivative of ``x * d/dy (x + y)`` at 5, where 1 is right.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import functrans as ft
from tests.cases.judging import TRANSFORMS

PAIRS = [
    pytest.param(TRANSFORMS[a], TRANSFORMS[b], id=f"{a}-{b}") for a, b in itertools.product(TRANSFORMS, TRANSFORMS)
]


@pytest.mark.parametrize(("outer", "inner"), PAIRS)
def test_the_case(outer, inner):
    assert outer(lambda x: x * inner(lambda y: x + y)(5.0))(5.0) == 1
    assert outer(lambda x: x * inner(lambda y: x + y)(x))(5.0) == 1
    program = ft.trace(lambda a: outer(lambda x: x * inner(lambda y: x + y)(a))(a))(5.0)
    assert ft.evaluate(program.validate(), 5.0) == 1


CLOSURES = {
    # name: f(x, inner), where inner differentiates a function of y that closes over x; its derivative at 5
    "product at a constant": (lambda x, d: x * d(lambda y: x * y)(3.0), 10.0),
    "product at x": (lambda x, d: x * d(lambda y: x * y)(x), 10.0),
    "square of y": (lambda x, d: d(lambda y: x * y * y)(x), 20.0),
    "power": (lambda x, d: d(lambda y: y**3 * x)(2.0), 12.0),
    "x alone": (lambda x, d: d(lambda y: x * x)(x) + x, 1.0),
    "y alone": (lambda x, d: d(lambda y: y * y)(x), 2.0),
    "x made before": (lambda x, d: d(lambda y, z=x * x: y * z + z)(x), 10.0),
    "inner result used inside": (lambda x, d: d(lambda y: y * d(lambda z: x * y * z)(y))(x), 20.0),
    "detached": (lambda x, d: d(lambda y: ft.stop_gradient(x) * y)(x) + x, 1.0),
    "branch on the inner": (lambda x, d: d(lambda y: x * y if y > x - 1 else y)(x), 1.0),
    "array": (lambda x, d: d(lambda y: np.sum(np.stack([x, y]) ** 2 * x))(x), 20.0),
    "constant": (lambda x, d: d(lambda y: x)(2.0) + x, 1.0),
}


@pytest.mark.parametrize(("outer", "inner"), PAIRS)
def test_closures(outer, inner):
    for name, (f, expected) in CLOSURES.items():
        for x in (5.0, np.float32(5.0)):
            assert outer(lambda x, f=f: f(x, inner))(x) == expected, name


@pytest.mark.parametrize("outermost", TRANSFORMS)
def test_three_levels(outermost):
    """d/dx x d/dy y d/dz (x y z + z z x): by hand 2x + ... at x = 2, y = x + 1, z = 3."""
    for b, c in itertools.product(TRANSFORMS.values(), repeat=2):

        def f(x, b=b, c=c):
            return x * b(lambda y: y * c(lambda z: x * y * z + z * z * x)(3.0))(x + 1.0)

        # d/dz gives x y + 6 x; d/dy of y x (y + 6) gives x (2 y + 6); at y = x + 1 it is 2 x**2 + 8 x, times x.
        assert TRANSFORMS[outermost](f)(2.0) == 6 * 4 + 16 * 2


@pytest.mark.parametrize(("outer", "inner"), [(o, i) for o in (ft.grad, ft.jacobian) for i in (ft.grad, ft.jacobian)])
def test_arrays(outer, inner):
    """The same with vectors: d/dx sum(x * d/dy sum(x * y * y)) = 4 x y, and y = x."""
    x = np.array([1.0, -2.0, 3.0])
    gradient = outer(lambda x: np.sum(x * inner(lambda y: np.sum(x * y * y))(x)))(x)
    np.testing.assert_array_equal(gradient, 6 * x * x)
    other = outer(lambda x: np.sum(x * inner(lambda y: np.sum(x * y * y))(np.ones(3))))(x)
    np.testing.assert_array_equal(other, 4 * x)


@pytest.mark.parametrize("inner", list(TRANSFORMS.values()), ids=list(TRANSFORMS))
def test_a_default_argument_may_hold_a_variable_of_an_outer_level(inner):
    def f(x):
        def g(y, kept=x):
            return kept * y

        return inner(g)(x) * x

    assert ft.grad(f)(3.0) == 6
    assert ft.jvp(f, (3.0,), (1.0,))[1] == 6


def test_pullbacks_outlive_and_cross():
    """A pullback made inside one trace and called with values of another."""

    def f(x):
        _, pullback = ft.vjp(lambda y: x * y * y, x)
        return pullback(x)[0]  # 2 x y ct = 2 x**3

    assert ft.grad(f)(5.0) == 150
    assert ft.jvp(f, (5.0,), (1.0,))[1] == 150
    assert ft.grad(ft.grad(f))(5.0) == 60
