"""functrans.ops.piecewise: functions that call a function of the user's."""

import numpy as np
import pytest

import functrans as ft
from functrans.errors import TracedValueError
from functrans.testing import check_grads
from tests.ops.agreement import check, drawn, refused, same_bits, same_value
from tests.ops.batches import check_batches

RNG = np.random.default_rng(6)
X = drawn(RNG, 3, 4)


def live(f, *args):
    expected = f(*args)
    same_bits(ft.vjp(f, *args)[0], expected)
    same_bits(ft.jvp(f, args, args)[0], expected)
    check_grads(f, args, order=2)


@pytest.mark.parametrize("x", [X, X[0], X[0, 0], X[:0]], ids=lambda x: f"{np.shape(x)}")
def test_piecewise(x):
    live(lambda x: np.piecewise(x, [x < 0, x > 0.5], [np.sin, lambda v: v**3]), x)
    live(lambda x: np.piecewise(x, [x < 0, x > 0.5], [np.sin, lambda v: v**3, 2.0]), x)
    live(lambda x: np.piecewise(x, [x < 0, x > -0.5], [np.exp, -1.5, np.cos]), x)  # what comes later goes before
    live(lambda x: np.piecewise(x, x < 0 if x.ndim < 2 else [x < 0], [lambda v: -v, lambda v: v]), x)
    live(lambda x, a: np.piecewise(x, [x < 0], [lambda v, b, c=0: b * v + c, lambda v, b, c: b], a, c=3.0), x, X[1, 1])
    live(lambda x: np.piecewise(x, [x < 0], [np.mean, lambda v: v[:1]]) if np.size(x) else x, x)


def test_piecewise_of_other_conditions():
    live(lambda x: np.piecewise(x, [True, False, False, True], [1.0, 2.0, 3.0, np.sin, 4.0]), X[0, 0])
    live(lambda x: np.piecewise(x, [np.array([True, False, True])], [lambda v: v * v, np.sum]), X)
    live(lambda x: np.piecewise(x, np.array([[True] * 4, [False] * 4]), [np.sin, np.cos]), X[0])
    live(lambda x: np.piecewise(x, [True, False, True, False], [np.sin, np.cos]), X[0])
    live(lambda x: np.piecewise(x, [x < 0], [lambda v: 1j * v, 1j]), X + 0.5j)
    same_bits(
        ft.vjp(lambda x: np.piecewise(x, [x < 0], [np.sin]), np.float32(X))[0],
        np.piecewise(np.float32(X), [X < 0], [np.sin]),
    )
    check(lambda x: np.piecewise(x, [X < 0], [np.sin, lambda v: v**2]), X)  # staged: a condition that is known
    check_batches(lambda x: np.piecewise(x, [np.arange(4) < 2], [np.sin, lambda v: v**2]), X)
    refused(lambda x: np.piecewise(x, [X < 0], [np.sin] * 3), ValueError, "expected", X)
    refused(lambda x: np.piecewise(x, [X[:2] < 0], [np.sin]), IndexError, "boolean index", X)


def test_piecewise_of_conditions_that_are_not_known():
    """Then all functions see all entries, and must treat each for itself."""

    def f(x):
        return np.piecewise(x, [x < -0.3, x > 0.5], [np.sin, lambda v: 2.0, lambda v, a=1.5: a * v * v])

    for x in (X, X[0], X[0, 0]):
        check(f, x)
        check(lambda x: np.piecewise(x, [x < 0], [lambda v, b: np.where(v > -0.5, b, v), 3], 0.5), x)
    check(lambda x: np.piecewise(x, np.stack([x < 0, x > 0.5]), [np.exp, np.abs]), X)
    check(lambda x: np.piecewise(x, x < 0, [np.exp, np.cos]), X[0])
    check(lambda x, a: np.piecewise(x, [x < a], [lambda v: a * v, np.cos]), X, np.float64(0.1))
    check_batches(f, X)
    check_batches(f, X[:, 0])
    check_batches(lambda x, a: np.piecewise(x, [x < a], [lambda v: a * v, np.cos]), X, X[:, 0])


@pytest.mark.parametrize(
    "function",
    [
        *(np.mean, np.cumsum, lambda v: v - v[0], lambda v: v / len(v), lambda v: v / float(v.size), lambda v: v[:1]),
        *(lambda v: v * np.arange(1.0, 1 + len(v)), lambda v: v if len(v) > 3 else -v, lambda v: float(np.sum(v)) * v),
    ],
)
def test_piecewise_of_functions_of_all_entries_needs_its_conditions(function):
    f = lambda x: np.piecewise(x, [x < 0], [function])  # noqa: E731
    for transformed in (ft.trace(f), ft.vmap(f)):
        with pytest.raises(TracedValueError, match=r"`np\.piecewise` needs the value"):
            transformed(X)
    mixed = lambda x: np.piecewise(x, [X < 0, x > 1], [function, np.sin])  # noqa: E731
    with pytest.raises(TracedValueError, match=r"np\.where"):
        ft.trace(mixed)(X)
    rows = lambda x: np.piecewise(x, [x[:, 0] < 0], [np.sin])  # noqa: E731
    with pytest.raises(TracedValueError, match=r"np\.where"):
        ft.trace(rows)(X)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_apply_along_axis(axis):
    for f in (np.sum, np.cumsum, lambda row: row[:2] * row[0], lambda row: np.outer(row, row)):
        check(lambda x, f=f: np.apply_along_axis(f, axis, x), X)
    check(lambda x: np.apply_along_axis(lambda row: np.stack([row, row]), axis, x), drawn(RNG, 2, 3, 2))
    check(lambda x, a: np.apply_along_axis(lambda row, b, c: b * row + c, axis, x, a, c=2.0), X, X[0, 0])
    live(lambda x: np.apply_along_axis(lambda row: np.sum(row) if row[0] > 0 else row[1], axis, x), X)
    same_value(lambda x: np.apply_along_axis(np.cumsum, axis, x), X.astype(np.float32))
    first_is_whole = np.where(np.arange(12).reshape(3, 4) == 0, 2.0, X)  # so all results are cut to integers
    f = lambda x: np.apply_along_axis(lambda row: 7 if row[0] == 2.0 else 3 * row[0], axis, x)  # noqa: E731
    same_bits(ft.vjp(f, first_is_whole)[0], f(first_is_whole))
    refused(lambda x: np.apply_along_axis(np.sum, axis, x), ValueError, "dimensions are 0", np.zeros((0, 0)))
    check_batches(lambda x: np.apply_along_axis(np.cumsum, axis, x), drawn(RNG, 3, 2, 2))


def test_apply_along_axis_of_a_vector():
    check(lambda x: np.apply_along_axis(np.sum, 0, x), X[0])
    check(lambda x: np.apply_along_axis(np.cumsum, 0, x), X[0])
    refused(lambda x: np.apply_along_axis(np.sum, 2, x), np.exceptions.AxisError, None, X)


def test_apply_over_axes():
    x = drawn(RNG, 2, 3, 2)
    for axes in (0, -1, [0, 2], (1, -1)):
        check(lambda x, axes=axes: np.apply_over_axes(np.sum, x, axes), x)
    check(lambda x: np.apply_over_axes(lambda x, axis: np.max(x, axis=axis, keepdims=True), x, [0, 1]), x)
    check_batches(lambda x: np.apply_over_axes(np.sum, x, [0]), x)
    refused(lambda x: np.apply_over_axes(lambda x, axis: np.sum(x), x, [0, 1]), ValueError, "correct shape", x)
