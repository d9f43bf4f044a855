"""functrans.ops.gather in batches (its derivatives: test_index)."""

import numpy as np

from functrans.tracing.dispatch import FUNCTIONS
from functrans.transforms.vmap import vmap
from tests.ops.agreement import drawn
from tests.ops.batches import check_batches

RNG = np.random.default_rng(6)
X = drawn(RNG, 3, 4, 2)
ROWS = np.array([[[0, 2], [3, 1]], [[1, 1], [-1, 0]], [[3, 3], [2, 2]]])


def test_take_along_axis():
    check_batches(lambda x, i: np.take_along_axis(x, i, axis=0), X, ROWS)
    check_batches(lambda x, i: np.take_along_axis(x, i, axis=None), X, ROWS[:, 0])
    check_batches(lambda x, i: np.take_along_axis(x, i, axis=1), X, ROWS[:, :1] % 2)
    check_batches(lambda x, i: np.take_along_axis(x, i, axis=0), X[:, :, :1], ROWS)
    check_batches(lambda x: np.take_along_axis(x, np.argsort(x, axis=0), axis=0), X)


def test_take_along_axis_does_not_copy_what_is_shared():
    shared = np.broadcast_to(np.float64(2.5), (10**9, 2))
    found = vmap(lambda i: np.take_along_axis(shared, i, axis=0))(ROWS)
    assert np.array_equal(found, np.full((3, 2, 2), 2.5))


def test_choose():
    places = np.array([[0, 1], [1, 1], [0, 0]])
    check_batches(lambda i, x, y: np.choose(i, [x, y]), places, X, X[:, 0, 0])
    check_batches(lambda i, x: np.choose(i, [x, 0.5], mode="wrap"), places + 2, X[:, :2])


def test_take():
    take = FUNCTIONS[np.take]  # NumPy's own asks only the array whether it is traced
    for mode in ("raise", "clip"):
        check_batches(lambda x, i, mode=mode: take(x, i, axis=0, mode=mode), X, ROWS)
    check_batches(lambda x, i: take(x, i), X, np.array([3, 0, 5]))
