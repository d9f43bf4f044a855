"""Running maxima and minima, against NumPy's bits, gathers, and numerical derivatives; ties, NaN, and long arrays."""

import numpy as np
import pytest

import functrans as ft
from functrans.primitives import lookup
from functrans.testing import assert_laws
from functrans.testing.compare import assert_close
from tests.ops.agreement import check, drawn, same_value, stays_single
from tests.ops.batches import check_batches

rng = np.random.default_rng(31)
UFUNCS = (np.maximum, np.minimum, np.fmax, np.fmin)
TIES = np.array([0.5, 0.25, 0.5, 0.75, 0.75, 0.125, 0.75])


@pytest.mark.parametrize("ufunc", UFUNCS)
def test_everything(ufunc):
    check(ufunc.accumulate, drawn(rng, 7))
    check(lambda x: ufunc.accumulate(x, axis=1), drawn(rng, 2, 4, 2))
    check(lambda x: ufunc.accumulate(x, -1), drawn(rng, 3, 3, kind="c"))
    check(lambda x: ufunc.accumulate(x, axis=(0,), dtype=complex), drawn(rng, 4))
    stays_single(ufunc.accumulate, drawn(rng, 5))
    check_batches(ufunc.accumulate, drawn(rng, 3, 5))
    check_batches(lambda x: ufunc.accumulate(x, axis=1), drawn(rng, 2, 2, 4))


@pytest.mark.parametrize("ufunc", UFUNCS)
@pytest.mark.parametrize("x", [np.zeros((0, 3)), np.ones((2, 1)), np.zeros(0), np.array([2.0, np.nan, 3.0, np.inf])])
def test_few_entries(ufunc, x):
    same_value(ufunc.accumulate, x)
    assert ft.vjp(ufunc.accumulate, x)[1](np.ones_like(x))[0].shape == x.shape


def test_an_argument_is_not_returned_itself():
    x = np.zeros((0, 3))
    assert ft.vjp(np.maximum.accumulate, x)[0] is not x


def test_each_result_is_one_entry():
    x = np.array([1.0, 3.0, 2.0, 5.0, 4.0])
    expected = np.eye(5)[[0, 1, 1, 3, 3]]
    assert np.array_equal(ft.jacrev(np.maximum.accumulate)(x), expected)
    assert np.array_equal(ft.jacfwd(np.maximum.accumulate)(x), expected)
    assert np.array_equal(ft.jacrev(np.minimum.accumulate)(x), np.eye(5)[[0, 0, 0, 0, 0]])


@pytest.mark.parametrize("ufunc", UFUNCS)
def test_ties_share_evenly_as_in_a_reduction(ufunc):
    reduce = np.max if ufunc in (np.maximum, np.fmax) else np.min
    for x in (TIES, -TIES, np.zeros(4), np.array([0.0, -0.0, 1.0])):
        rows = [ft.grad(reduce)(x[: i + 1]) for i in range(len(x))]
        expected = [np.pad(row, (0, len(x) - len(row))) for row in rows]
        assert_close(ft.jacrev(ufunc.accumulate)(x), np.array(expected), precise=1e-15)
        assert_close(ft.jacfwd(ufunc.accumulate)(x), np.array(expected), precise=1e-15)
        staged = ft.trace(ft.grad(lambda x: np.sum(ufunc.accumulate(x) ** 2)))(x)
        assert_close(ft.evaluate(staged, x), ft.grad(lambda x: np.sum(ufunc.accumulate(x) ** 2))(x), precise=1e-15)


def test_nan_is_taken_where_its_value_is():
    x = np.array([1.0, np.nan, 3.0, np.nan])
    assert np.array_equal(
        ft.jacrev(np.maximum.accumulate)(x), [[1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0], [0, 0.5, 0, 0.5]]
    )
    x = np.array([np.nan, 1.0, np.nan, 3.0])
    assert np.array_equal(ft.jacrev(np.fmax.accumulate)(x), np.eye(4)[[0, 1, 1, 3]])


def test_an_infinite_cotangent_stays_where_it_belongs():
    x = np.array([1.0, 3.0, 2.0, 5.0])
    assert np.array_equal(ft.vjp(np.maximum.accumulate, x)[1](np.array([1.0, 0, 0, np.inf]))[0], [1, 0, 0, np.inf])


def test_long_arrays_are_not_looped_over():
    x = np.cumsum(rng.normal(size=20_000))
    program = ft.trace(ft.grad(lambda x: np.sum(np.maximum.accumulate(x) - x)))(x)
    assert len(program.equations) < 40
    drawdown = ft.grad(lambda x: np.sum(np.maximum.accumulate(x) - x))(x)
    counts = np.bincount([int(i) for i in np.flatnonzero(x == np.maximum.accumulate(x))], minlength=len(x))
    lengths = np.diff(np.append(np.flatnonzero(counts), len(x)))
    expected = np.full(len(x), -1.0)
    expected[counts > 0] += lengths
    assert np.array_equal(drawdown, expected)


@pytest.mark.parametrize("name", ["maximum.accumulate", "fmin.accumulate", "run_starts"])
def test_laws(name):
    assert_laws(lookup(name), max_examples=5)
