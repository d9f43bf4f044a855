"""``kron``, ``cross``, ``multi_dot``."""

import itertools
import warnings
from functools import partial

import numpy as np
import pytest

import functrans as ft
from functrans.errors import ShapeError
from tests.ops.agreement import check, drawn, same_bits, same_value, stays_single
from tests.ops.batches import check_batches

RNG = np.random.default_rng(13)


array = partial(drawn, RNG)


@pytest.mark.parametrize("kinds", ["ff", "cf", "fc"])
@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((), ()),
        ((), (2,)),
        ((3,), ()),
        ((3,), (2,)),
        ((2, 3), (4,)),
        ((2,), (2, 3)),
        ((2, 3), (3, 2)),
        ((2, 3, 2), (2, 2)),
        ((0, 2), (3, 1)),
    ],
)
def test_kron(left, right, kinds):
    check(np.kron, array(*left, kind=kinds[0]), array(*right, kind=kinds[1]))
    stays_single(np.kron, array(*left), array(*right))


def test_kron_of_a_scalar():
    same_value(lambda x: np.kron(2.0, x), np.float32([1, 2]))
    check(lambda x: np.kron(x, x), array(2, 2))


@pytest.mark.parametrize("kinds", ["ff", "cf", "fc"])
@pytest.mark.parametrize(
    ("left", "right", "keywords"),
    [
        ((3,), (3,), {}),
        ((4, 3), (3,), {}),
        ((4, 3), (5, 1, 3), {}),
        ((3, 4), (3, 4), {"axis": 0}),
        ((3, 2, 4), (2, 3, 4), {"axisa": 0, "axisb": 1, "axisc": 1}),
        ((2, 3), (3, 2), {"axisb": 0, "axisc": -2}),
        ((0, 3), (3,), {}),
    ],
)
def test_cross(left, right, keywords, kinds):
    f = lambda a, b: np.cross(a, b, **keywords)  # noqa: E731
    check(f, array(*left, kind=kinds[0]), array(*right, kind=kinds[1]))
    stays_single(f, array(*left), array(*right))


def test_linalg_cross():
    check(np.linalg.cross, array(2, 3), array(3))
    check(lambda a, b: np.linalg.cross(a, b, axis=0), array(3, 2), array(3, 1))


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) >= "2.5.0", reason="NumPy has given it up")
@pytest.mark.parametrize(("left", "right"), [((4, 2), (4, 2)), ((4, 3), (2,)), ((2,), (5, 3))])
def test_cross_of_vectors_in_the_plane(left, right):
    """NumPy warns that this goes away."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        check(np.cross, array(*left), array(*right))


CHAINS = [
    [(2, 3), (3, 4)],
    [(3,), (3,)],
    [(2, 3), (3, 4), (4, 5)],
    [(5, 3), (3, 2), (2, 5)],
    [(3,), (3, 4), (4, 5)],
    [(2, 3), (3, 4), (4,)],
    [(3,), (3, 4), (4,)],
    [(2, 2), (2, 2), (2, 2)],
    [(2, 3), (3, 4), (4, 5), (5, 6)],
    [(6, 5), (5, 4), (4, 3), (3, 2), (2, 1)],
    [(3,), (3, 7), (7, 2), (2, 9), (9,)],
    [(2, 2), (2, 2), (2, 2), (2, 2), (2, 2)],
]


@pytest.mark.parametrize("chain", CHAINS)
def test_multi_dot(chain):
    check(lambda *arrays: np.linalg.multi_dot(arrays), *[array(*shape) for shape in chain])
    kinds = "fc" * len(chain)
    same_value(
        lambda *arrays: np.linalg.multi_dot(arrays), *[array(*s, kind=k) for s, k in zip(chain, kinds, strict=False)]
    )


def test_multi_dot_multiplies_in_the_cheapest_order():
    """To the bit, which tells the order: other orders give other bits here."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        sizes = rng.integers(1, 9, 7)
        arrays = [rng.uniform(-1, 1, (m, n)) for m, n in itertools.pairwise(sizes)]
        same_bits(ft.vjp(lambda *a: np.linalg.multi_dot(a), *arrays)[0], np.linalg.multi_dot(arrays))


def test_refusals():
    x = array(2, 2)
    cases = [
        (lambda x: np.cross(x[None, :, :1], x), ShapeError, "2 or 3 entries"),
        (lambda x: np.linalg.cross(x, x), ShapeError, "3 entries"),
        (lambda x: np.linalg.multi_dot([x]), ValueError, "at least two"),
        (lambda x: np.linalg.multi_dot([x, x, x[None]]), ShapeError, "it takes matrices"),
    ]
    for f, error, message in cases:
        with pytest.raises(error, match=message):
            ft.vjp(f, x)


@pytest.mark.parametrize(("left", "right"), [((), (2,)), ((3,), (2,)), ((2, 3), (4,)), ((2,), (2, 3, 2)), ((0,), (2,))])
def test_batches_of_kron(left, right):
    check_batches(np.kron, array(3, *left), array(3, *right, kind="c"))


def test_batches_of_kron_and_a_python_number():
    check_batches(lambda x: np.kron(2.0, x), array(3, 2).astype(np.float32))


def test_batches_of_cross():
    check_batches(np.cross, array(3, 4, 3), array(3, 3))
    check_batches(lambda x, y: np.cross(x, y, axisa=0, axisc=0), array(2, 3, 4), array(2, 5, 1, 3))
