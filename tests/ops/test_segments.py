"""``reduceat`` of every ufunc: segments that overlap, run backwards, and are of many lengths, against NumPy's bits."""

import numpy as np
import pytest

import functrans as ft
from tests.ops.agreement import check, drawn, same_value, stays_single
from tests.ops.batches import check_batches

rng = np.random.default_rng(41)
LINE = drawn(rng, 9) + 2
CUBE = drawn(rng, 2, 5, 2) + 2
PLACES = [0, 3, 1, 6, 8, 2]  # lengths 3, 1, 5, 2, 1, 7
UFUNCS = (np.add, np.multiply, np.maximum, np.minimum, np.subtract, np.divide, np.hypot, np.logaddexp, np.fmax)


@pytest.mark.parametrize("ufunc", UFUNCS)
def test_everything(ufunc):
    check(lambda x: ufunc.reduceat(x, PLACES), LINE)
    check(lambda x: ufunc.reduceat(x, np.array([0, 2, 2, 1, 4]), axis=1), CUBE)
    check(lambda x: ufunc.reduceat(x, [1, 0], -1, np.float64), CUBE)
    stays_single(lambda x: ufunc.reduceat(x, PLACES), LINE)
    check_batches(lambda x: ufunc.reduceat(x, PLACES), np.stack([LINE, LINE[::-1]]))


@pytest.mark.parametrize("ufunc", [np.add, np.multiply, np.maximum])
def test_complex_and_integers(ufunc):
    check(lambda x: ufunc.reduceat(x, PLACES), drawn(rng, 9, kind="c") + 1)
    for dtype in (None, np.int8, np.int64, np.float32):
        x = np.arange(9, dtype=np.int8)
        program = ft.trace(lambda x: ufunc.reduceat(x, PLACES, dtype=dtype))(x)
        expected = ufunc.reduceat(x, PLACES, dtype=dtype)
        found = ft.evaluate(program, x)
        assert (found.dtype, found.tolist()) == (expected.dtype, expected.tolist())


def test_a_product_with_zeros():
    x = np.array([2.0, 0.0, 3.0, 0.0, 0.0])
    gradient = ft.grad(lambda x: np.sum(np.multiply.reduceat(x, [0, 3]) * np.array([1.0, 10.0])))(x)
    assert np.array_equal(gradient, [0, 6, 0, 0, 0])


def test_ties_share_evenly():
    x = np.array([1.0, 1.0, 0.0, 2.0, 2.0, 2.0])
    gradient = ft.grad(lambda x: np.sum(np.maximum.reduceat(x, [0, 3]) * np.array([1.0, 3.0])))(x)
    assert np.array_equal(gradient, [0.5, 0.5, 0, 1, 1, 1])


def test_an_entry_in_several_segments_has_them_all():
    gradient = ft.grad(lambda x: np.sum(np.maximum.reduceat(x, [2, 0, 2, 1])))(np.array([1.0, 2.0, 5.0, 4.0]))
    assert np.array_equal(gradient, [0, 1, 3, 0])


def test_none_and_empty():
    for x in (LINE, CUBE):
        same_value(lambda x: np.multiply.reduceat(x, np.array([], int)), x)
    same_value(lambda x: np.maximum.reduceat(x, [0, 1], axis=1), np.zeros((0, 3)))


def test_many_segments_of_few_lengths_are_few_equations():
    x = rng.uniform(1, 2, 3000)
    places = np.arange(0, 3000, 3)
    for ufunc in (np.multiply, np.maximum, np.hypot):
        program = ft.trace(ft.grad(lambda x: np.sum(ufunc.reduceat(x, places))))(x)
        assert len(program.equations) < 60
    expected = np.prod(x.reshape(-1, 3), axis=1, keepdims=True) / x.reshape(-1, 3)
    gradient = ft.grad(lambda x: np.sum(np.multiply.reduceat(x, places)))(x)
    np.testing.assert_allclose(gradient, expected.ravel(), rtol=1e-14)


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_products_in_half_precision_are_rounded_once(order, axis):
    x = np.asarray(drawn(rng, 3, 4, 5) + 0.5, np.float16, order=order)
    for places in ([0, 2], [0], [2, 0, 1]):
        same_value(lambda x: np.multiply.reduceat(x, places, axis=axis), x)
