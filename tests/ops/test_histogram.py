"""functrans.ops.histogram in batches (its derivatives: test_plain)."""

import numpy as np
import pytest

import functrans as ft
from functrans.errors import TracedValueError
from functrans.ops.histogram import histogram_p
from functrans.testing import check_grads
from functrans.tracing.bind import bind
from tests.ops.agreement import drawn, same_bits
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


RNG = np.random.default_rng(9)
POINTS, MASS = RNG.normal(size=(20, 3)), RNG.uniform(0.5, 1.0, 20)
GRIDS = [
    {},
    {"bins": 3},
    {"bins": [2, 3, 4]},
    {"bins": (2, [-1, 0, 1.0], 2)},
    {"bins": 2, "density": True},
    {"bins": 2, "range": [(-1, 1), None, (-2, 2)]},
    {"bins": 2, "range": [(-1, 1)] * 3, "density": True},
]


@pytest.mark.parametrize("options", GRIDS, ids=str)
def test_histogramdd(options):
    def f(sample, weights):
        return np.histogramdd(sample, weights=weights, **options)

    expected = f(POINTS, MASS)
    same_bits(ft.vjp(f, POINTS, MASS)[0], expected)
    same_bits(ft.vjp(lambda weights: f(POINTS, weights), MASS)[0], expected)
    same_bits(ft.vjp(lambda sample: f(sample, None), POINTS)[0], f(POINTS, None))
    same_bits(ft.vjp(lambda *columns: f(columns, MASS), *POINTS.T.copy())[0], f(POINTS.T.copy().T, MASS))
    check_grads(lambda weights: f(POINTS, weights), (MASS,), order=2)
    if options in (GRIDS[1], GRIDS[4], GRIDS[5]):
        check_grads(f, (POINTS, MASS), order=2)  # the edges move with the data
    program = ft.trace(lambda weights: f(POINTS, weights))(MASS)
    same_bits(ft.evaluate(program, MASS), expected)


@pytest.mark.parametrize(
    "options",
    [{}, {"bins": [2, 3]}, {"bins": [-1, 0, 1.0, 2]}, {"bins": [[-1, 0, 1.0], 3]}, {"density": True}],
    ids=str,
)
def test_histogram2d(options):
    def f(x, y, weights):
        return np.histogram2d(x, y, weights=weights, **options)

    x, y = POINTS.T[:2].copy()
    same_bits(ft.vjp(f, x, y, MASS)[0], f(x, y, MASS))
    same_bits(ft.vjp(lambda y: f(x, y, None), y)[0], f(x, y, None))
    check_grads(lambda weights: f(x, y, weights), (MASS,), order=2)
    vmapped = ft.vmap(lambda weights: f(x, y, weights)[0])(np.stack([MASS, 2 * MASS]))
    np.testing.assert_allclose(vmapped[1], f(x, y, 2 * MASS)[0], rtol=1e-13)


def test_histogram2d_refusals():
    for arguments, kind in [
        ((POINTS[:, 0], POINTS[:3, 0]), ValueError),
        ((POINTS[:, 0], POINTS[:, 1], 0), ValueError),
        ((POINTS[:, 0], POINTS[:, 1], [1, 2, 0]), ValueError),
    ]:
        with pytest.raises(kind):
            np.histogram2d(*arguments)
        with pytest.raises(kind):
            ft.vjp(lambda x, arguments=arguments: np.histogram2d(x, *arguments[1:]), arguments[0])
    with pytest.raises(TracedValueError):
        ft.trace(np.histogramdd)(POINTS)
    edges = np.array([-1.0, 0.0, 1.0])
    check_grads(lambda e: np.histogram2d(POINTS[:, 0], POINTS[:, 1], [e, edges], density=True)[0], (edges,))
