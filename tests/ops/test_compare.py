"""Comparisons, logic, integer arithmetic: plain in live tracing, staged in staged tracing, NumPy's values in both."""

from __future__ import annotations

import operator

import numpy as np
import pytest

import functrans as ft
from functrans.errors import TracedBoolError

X = np.array([-1.0, 0.0, 2.0, np.nan])
Y = np.array([0.0, 0.0, 3.0, 1.0])
COMPARISONS = ["less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "logical_and", "logical_or"]
TESTS = ["isfinite", "isinf", "isnan", "signbit", "logical_not"]


@pytest.mark.parametrize("name", COMPARISONS)
def test_comparison_is_plain_where_the_value_is_known(name):
    f = getattr(np, name)
    seen = []

    def through(x):
        seen.append(f(x, Y))
        return np.sum(np.where(seen[0], x, 0.0))

    ft.grad(through)(X)
    assert type(seen[0]) is np.ndarray
    np.testing.assert_array_equal(seen[0], f(X, Y))
    np.testing.assert_array_equal(ft.evaluate(ft.trace(f)(X, Y), X, Y), f(X, Y))


@pytest.mark.parametrize("name", TESTS)
def test_question_is_plain_where_the_value_is_known(name):
    f = getattr(np, name)
    np.testing.assert_array_equal(ft.vjp(f, X)[0], f(X))
    assert ft.evaluate(ft.trace(f)(X), X).tobytes() == f(X).tobytes()


@pytest.mark.parametrize("f", [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne])
@pytest.mark.parametrize("other", [1, 1.0, np.float32(1), np.array([1.0, 0.0])])
def test_operators(f, other):
    for g in (lambda x: f(x, other), lambda x: f(other, x)):
        for x in (1.0, np.float64(1.0), np.array([1.0, 2.0])):
            expected = g(x)
            found = ft.jvp(g, (x,), (x,))[0]
            np.testing.assert_array_equal(found, expected)
            assert type(found) is type(expected)
            np.testing.assert_array_equal(ft.evaluate(ft.trace(g)(x), x), expected)


def test_nested_comparison_is_plain():
    def f(x):
        assert type(x > 1) is np.bool or type(x > 1) is bool
        return x * x if x > 1 else x

    assert ft.grad(ft.grad(f))(2.0) == 2
    assert ft.grad(ft.grad(f))(0.5) == 0


def test_staged_comparison_has_no_truth():
    with pytest.raises(TracedBoolError):
        ft.trace(lambda x: x if x > 0 else -x)(1.0)


@pytest.mark.parametrize(
    "f",
    [
        lambda i, j: i & j,
        lambda i, j: i | j,
        lambda i, j: i ^ j,
        lambda i, j: ~i,
        lambda i, j: i << j,
        lambda i, j: i >> j,
        np.gcd,
        np.lcm,
        lambda i, j: np.bitwise_count(i),
        lambda i, j: i // j % 5,
        np.bitwise_and,
        np.bitwise_or,
        np.bitwise_xor,
        lambda i, j: np.invert(i),
        np.left_shift,
        np.right_shift,
    ],
)
def test_integers_when_staged(f):
    i, j = np.array([12, 7, 3]), np.array([2, 1, 3])
    program = ft.trace(f)(i, j).validate()
    expected = f(i, j)
    assert program.outputs[0].spec == ft.ArraySpec.of(expected)
    np.testing.assert_array_equal(ft.evaluate(program, i, j), expected)
    namespace = {}
    exec(program.to_source(), namespace)
    np.testing.assert_array_equal(namespace[program.name](i, j), expected)


@pytest.mark.parametrize("f", [np.bitwise_and, np.bitwise_or, np.bitwise_xor, lambda a, b: np.invert(a)])
def test_masks_are_combined(f):
    x = np.array([-1.0, 0.5, 2.0])
    g = lambda x: np.sum(np.where(f(x > 0, x < 1), x * x, 0.0))  # noqa: E731
    expected = np.where(f(x > 0, x < 1), 2 * x, 0.0)
    np.testing.assert_array_equal(ft.grad(g)(x), expected)
    np.testing.assert_array_equal(ft.evaluate(ft.trace(ft.grad(g))(x), x), expected)


def test_masks_select_without_a_derivative():
    x = np.array([-1.0, 2.0, 3.0])
    np.testing.assert_array_equal(ft.grad(lambda x: np.sum(x * (x > 0)))(x), [0.0, 1.0, 1.0])
    np.testing.assert_array_equal(ft.grad(lambda x: np.sum(x * np.isfinite(x)))(x), [1.0, 1.0, 1.0])
