"""functrans.ops.order_batch: sorting and finding in batches, of values and of what they are looked up in."""

from itertools import product

import numpy as np
import pytest

import functrans as ft
from functrans.transforms.vmap import vmap
from tests.ops.agreement import drawn
from tests.ops.batches import agree, check_batches, looped

RNG = np.random.default_rng(4)
A = drawn(RNG, 3, 2, 4).round(1)
TIED = np.sort(np.array([[0.1, 0.5, 0.5, 2.0], [-1.0, 0.1, 0.1, 0.1], [0.5, 0.5, np.inf, np.nan]]), axis=1)
VALUES = np.array([[0.5, 0.1, np.nan, -3.0, 0.5], [0.1, 0.0, np.inf, 7.0, 0.1], [np.nan, np.inf, 0.5, 0.4, -0.0]])


def test_argsort_and_argpartition():
    for f in (
        np.argsort,
        lambda x: np.argsort(x, axis=0, stable=True),
        lambda x: np.argsort(x, axis=None, stable=True),
        lambda x: np.argpartition(x, 2),
        lambda x: np.argpartition(x, (0, 1), axis=0),
        lambda x: np.take_along_axis(x, np.argsort(x, axis=0), axis=0),
    ):
        check_batches(f, A)
    check_batches(np.argsort, np.array([1.0, 2.0]))


def test_lexsort():
    for axis in (-1, 0):
        check_batches(lambda x, y, axis=axis: np.lexsort((x, y), axis=axis), A, A[::-1].round(0))
    check_batches(lambda x, y: np.lexsort((x, y)), A[:, 0, 0], A[:, 0, 1])


@pytest.mark.parametrize("side", ["left", "right"])
def test_searchsorted(side):
    check_batches(lambda a, v: np.searchsorted(a, v, side), TIED, VALUES)
    check_batches(lambda a, v: np.searchsorted(a, v, side), TIED, A)
    check_batches(lambda a, v: np.searchsorted(a, v, side), TIED, VALUES[:, 0])
    check_batches(lambda a, v: np.searchsorted(a, v, side), TIED.astype(np.float32), np.array([[0, 1], [2, 3], [9, 0]]))
    check_batches(lambda a: np.searchsorted(a, 0.5, side), TIED)
    unsorted = TIED[:, [2, 0, 3, 1]]
    order = np.array([[1, 3, 0, 2]] * 3)
    check_batches(lambda a, v, s: np.searchsorted(a, v, side, s), unsorted, VALUES, order)
    check_batches(lambda a, v: np.searchsorted(a, v, side), TIED[:, :0], VALUES)
    check_batches(lambda a, v: np.searchsorted(a, v, side), TIED, VALUES[:, :0])


def test_searchsorted_of_integers_that_floats_cannot_tell_apart():
    big = np.array([[2**53 + 1, 2**53, 5], [2**53, 2**53 + 1, 2**53 + 2]])
    for side in ("left", "right"):
        check_batches(
            lambda a, v, side=side: np.searchsorted(a, v, side), np.array([[1.0, 2.0**53], [2.0**53, 1e300]]), big
        )


@pytest.mark.parametrize("right", [False, True])
def test_digitize(right):
    mixed = TIED.copy()
    mixed[2] = [3.0, 0.5, 0.5, -1.0]
    values = np.nan_to_num(VALUES)
    check_batches(lambda x, bins: np.digitize(x, bins, right), values, mixed)
    check_batches(lambda x, bins: np.digitize(x, bins, right), values, np.ones((3, 2)))
    check_batches(lambda x, bins: np.digitize(x, bins, right), values[:, :2].reshape(3, 2, 1), mixed[:, :0])
    with pytest.raises(ValueError, match="monotonically"):
        vmap(lambda bins: np.digitize(0.5, bins, right))(np.array([[0.0, 1.0, 2.0], [0.0, 2.0, 1.0]]))


@pytest.mark.parametrize("invert", [False, True])
def test_isin(invert):
    for kind in (None, "sort"):
        check_batches(lambda x, y, kind=kind: np.isin(x, y, invert=invert, kind=kind), VALUES, TIED)
    check_batches(lambda x, y: np.isin(x, y, invert=invert), A, TIED.reshape(3, 2, 2))
    check_batches(lambda x, y: np.isin(x, y, invert=invert), VALUES[:, 0], TIED)
    check_batches(lambda x, y: np.isin(x, y, invert=invert), VALUES, TIED[:, :0])
    check_batches(lambda y: np.isin([1, 0], y, invert=invert), np.array([[1, 2], [0, 1], [5, 6]]))


def test_isin_assumes_nothing_of_different_examples():
    same = np.array([[1.0, 2.0], [2.0, 1.0], [1.0, 7.0]])
    check_batches(lambda x, y: np.isin(x, y, assume_unique=True, kind="sort"), same, same[::-1] + 1)


@pytest.mark.parametrize("f", [np.isclose, np.allclose, np.array_equal, np.array_equiv])
def test_truth(f):
    near = A.copy()
    near[1] += 1e-9
    near[2, 0, 0] = np.nan
    other = A.copy()
    other[2, 0, 0] = np.nan
    for equal_nan in (False, True)[: 1 + (f is not np.array_equiv)]:
        keywords = {} if f is np.array_equiv else {"equal_nan": equal_nan}
        verdicts(lambda x, y, keywords=keywords: f(x, y, **keywords), near, other)
        if f is not np.array_equal:
            verdicts(lambda x, y, keywords=keywords: f(x, y, **keywords), near, other[:, 0])
    if f in (np.array_equal, np.array_equiv):
        verdicts(f, A, A[:, :, :3])
        verdicts(f, A, A[:, 0])
    else:
        verdicts(lambda x, y, t: f(x, y, t, 0.0), A[:, 0], A[:, 1], np.array([0.1, 10.0, 1.0]))
        verdicts(lambda x, y, t: f(x, y, 0.0, t), A[:, 0], A[:, 1], A)


def verdicts(f, *batches):
    """As :func:`check_batches`; a Python truth value of one example may be NumPy's of many."""
    for flags in product([True, False], repeat=len(batches)):
        if any(flags):
            args = [x if flag else x[0] for x, flag in zip(batches, flags, strict=True)]
            axes = tuple([0 if flag else None for flag in flags])
            expected = looped(f, args, axes)
            agree(vmap(f, axes)(*args), expected)
            agree(ft.evaluate(ft.trace(vmap(f, axes))(*args), *args), expected)


def test_entrywise_truth():
    z = np.array([[1.0, np.inf, -np.inf], [np.nan, 0.0, -np.inf]])
    for f in (np.isposinf, np.isneginf):
        check_batches(f, z)
    for f in (np.isreal, np.iscomplex):
        check_batches(f, z + 1j * np.array([0.0, 1.0, 0.0]))
