"""functrans.ops.histogram in batches (its derivatives: test_plain)."""

import numpy as np
import pytest

import functrans as ft
from functrans.ops.histogram import histogram_p
from functrans.tracing.bind import bind
from tests.ops.agreement import drawn
from tests.ops.batches import check_batches

DATA = np.array([0.0, 0.25, 0.3, 1.0, 1.5, -0.2])
W = drawn(np.random.default_rng(8), 3, 6)


@pytest.mark.parametrize("density", [None, True])
def test_weights(density):
    positive = W + 2.0
    check_batches(lambda w: np.histogram(DATA, 4, (0.0, 1.0), density, w), positive)
    check_batches(lambda w: np.histogram(DATA, [-1.0, 0.25, 1.0], density=density, weights=w), positive)


def test_weights_of_other_dtypes():
    for weights in (W + 1j * W[::-1], (10 * W).astype(int)):
        check_batches(lambda w: np.histogram(DATA, [-1.0, 0.25, 1.5], weights=w), weights)


def test_data_and_edges_of_each_example():
    data = np.stack([DATA, DATA[::-1] + 0.1, 2 * DATA])
    edges = np.array([[-1.0, 0.0, 0.5], [0.0, 0.25, 1.0], [-3.0, 1.0, 3.0]])
    still = ft.stop_gradient
    check_batches(lambda w, a, e: bind(histogram_p, w, still(a), still(e), bins=None, range=None), W, data, edges)
