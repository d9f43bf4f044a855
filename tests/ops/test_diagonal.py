"""functrans.ops.diagonal in batches (its derivatives: test_index)."""

import numpy as np
import pytest

from functrans.transforms.vmap import vmap
from tests.ops.agreement import drawn, same_bits
from tests.ops.batches import check_batches, looped

RNG = np.random.default_rng(5)
X = drawn(RNG, 3, 2, 4, 3)


@pytest.mark.parametrize("k", [-3, -1, 0, 2])
def test_batches(k):
    check_batches(lambda x: np.diagonal(x, k), X)
    check_batches(lambda x: np.diagonal(x, k, 2, 0), X)
    check_batches(lambda v: np.diag(v, k), X[:, 0, 0])
    for f in (np.tril, np.triu):
        check_batches(lambda x, f=f: f(x, k), X)
        check_batches(lambda v, f=f: f(v, k), X[:, 0, 0])
    check_batches(lambda x: np.trace(x, k), X)


def test_negative_zeros_keep_their_sign():
    v = np.array([[-0.0, 1.0], [2.0, -0.0]])
    same_bits(vmap(np.diag)(v), looped(np.diag, (v,), (0,)))


def test_no_entries():
    check_batches(lambda v: np.diag(v, 2), np.zeros((2, 0)))
    check_batches(np.tril, np.zeros((2, 0)))
    assert vmap(np.diag)(np.zeros((0, 2))).shape == (0, 2, 2)
