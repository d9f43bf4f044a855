"""Sorting and partitions, of values and of positions: every keyword, ties, NaN, signed zeros."""

import numpy as np
import pytest

import functrans as ft
from functrans.errors import TracedAssignmentError, TracedValueError
from functrans.testing import check_grads
from functrans.transforms.vmap import vmap
from tests.ops.agreement import check, drawn, refused, same_bits, same_value, stays_single
from tests.ops.batches import check_batches

rng = np.random.default_rng(11)
R = rng.permutation(7) / 4.0 - 0.8
A = rng.permutation(12).reshape(3, 4) / 4.0 - 1.3
B = rng.permutation(24).reshape(2, 3, 4) / 8.0 - 1.1
Z = A + 1j * rng.permutation(12).reshape(3, 4) / 3

CASES = {
    "sort": (lambda x: np.sort(x), R),
    "sort last": (lambda x: np.sort(x), B),
    "sort axis": (lambda x: np.sort(x, axis=1), B),
    "sort negative axis": (lambda x: np.sort(x, -3), B),
    "sort no axis": (lambda x: np.sort(x, axis=None), B),
    "sort order": (lambda x: np.sort(x, order=None), A),
    "sort stable": (lambda x: np.sort(x, axis=0, stable=True), A),
    "sort not stable": (lambda x: np.sort(x, stable=False), A),
    **{f"sort {kind}": (lambda x, k=kind: np.sort(x, kind=k), A) for kind in ("quicksort", "heapsort", "mergesort")},
    "sort of a number": (lambda x: np.sort(x, axis=None), np.array(0.5)),
    "sort one": (lambda x: np.sort(x), R[:1]),
    "sort nothing": (lambda x: np.sort(x), np.zeros((2, 0))),
    "partition": (lambda x: np.partition(x, 3), R),
    "partition last": (lambda x: np.partition(x, -1), A),
    "partition several": (lambda x: np.partition(x, (0, 2), axis=1), B),
    "partition list": (lambda x: np.partition(x, [2, 0], 0, "introselect", None), A),
    "partition array": (lambda x: np.partition(x, np.array([1, -1])), A),
    "partition no axis": (lambda x: np.partition(x, 5, axis=None), A),
    "partition nothing": (lambda x: np.partition(x, 0), np.zeros((2, 0))),
}


@pytest.mark.parametrize("name", CASES)
def test_everything(name):
    check(*CASES[name])


@pytest.mark.parametrize("name", [*CASES])
def test_single_precision(name):
    stays_single(*CASES[name])


@pytest.mark.parametrize("f", [np.sort, np.sort_complex, lambda x: np.partition(x, 1, axis=0)])
def test_complex(f):
    check(f, Z)
    stays_single(f, Z)


def test_sort_complex_of_real_numbers():
    same_value(np.sort_complex, A)
    check_grads(lambda x: np.real(np.sort_complex(x)), (A,), order=2)
    for dtype in (np.float32, np.float16, np.int8, np.uint16, np.int64):
        x = np.array([3, 1, 2]).astype(dtype)
        same_bits(ft.evaluate(ft.trace(np.sort_complex)(x), x), np.sort_complex(x))


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.complex128])
def test_values_are_those_of_numpy(dtype):
    """Also the signs of zeros, which compare equal, and in arrays that NumPy sorts in another way, being large."""
    many = np.random.default_rng(2).integers(-4, 4, 700) / 8 * np.where(np.arange(700) % 3, 1, -1)
    for x in (np.array([0.0, -0.0, 0.0, -0.0, 1.0, np.nan, -np.inf, np.nan, 0.0]), many, many + 0.001 * np.arange(700)):
        x = x.astype(dtype)
        for f in (np.sort, lambda x: np.sort(x, kind="stable"), lambda x: np.partition(x, 3)):
            same_value(f, x)


def stable(x):
    return np.argsort(x, kind="stable")


@pytest.mark.parametrize("kind", [None, "quicksort", "heapsort", "mergesort", "stable"])
def test_ties_keep_their_order(kind):
    x = np.random.default_rng(4).integers(0, 6, 300).astype(float)
    x[[3, 50, 200]] = np.nan
    x[[7, 90]] = 0.0, -0.0
    w = rng.uniform(-1, 1, 300)
    expected = np.zeros(300)
    expected[stable(x)] = w
    f = lambda x: np.sort(x, kind=kind)  # noqa: E731
    same_bits(ft.vjp(f, x)[1](w)[0], expected)
    same_bits(ft.jvp(f, (x,), (w,))[1], w[stable(x)])
    program = ft.trace(lambda x: ft.vjp(f, x)[1](w)[0])(x)
    same_bits(ft.evaluate(program, x), expected)


@pytest.mark.parametrize("kth", [0, 7, [150, 20], -1])
def test_a_partition_moves_each_entry_once(kth):
    """The derivative is a permutation that does to the array what NumPy did; ties keep their order."""
    x = np.random.default_rng(4).integers(0, 9, 300).astype(float)
    x[[3, 50, 200]] = np.nan
    out, moved = ft.jvp(lambda x: np.partition(x, kth), (x,), (np.arange(300.0),))
    order = moved.astype(int)
    assert np.array_equal(np.sort(order), np.arange(300))
    assert np.array_equal(x[order], out, equal_nan=True)
    for value in np.unique(x):
        assert np.all(np.diff(order[(out == value) | ((out != out) & (value != value))]) > 0)
    pulled = ft.vjp(lambda x: np.partition(x, kth), x)[1](np.arange(300.0))[0]
    assert np.array_equal(pulled[order], np.arange(300))


def test_the_sum_of_the_largest():
    x = rng.uniform(-1, 1, 40)
    gradient = ft.grad(lambda x: np.sum(np.partition(x, -5)[-5:]))(x)
    assert np.array_equal(gradient, x >= np.sort(x)[-5])


def test_gradients_of_higher_order():
    w = np.arange(7.0)
    check_grads(lambda x: np.sum(np.sort(x) ** 3 * w), (R,), order=3)
    check_grads(lambda x: np.prod(np.partition(x, 2)[2:4]), (R,), order=2)


def test_the_permutation_is_no_constant_of_the_staged_program():
    program = ft.trace(ft.grad(lambda x: np.sum(np.sort(x) * np.arange(4.0))))(np.arange(4.0))
    x = np.array([2.0, 0.0, 3.0, 1.0])
    same_bits(ft.evaluate(program, x), x)


def test_batches():
    batch = rng.permutation(24).reshape(2, 3, 4) / 8.0
    for f in (
        np.sort,
        lambda x: np.sort(x, axis=0),
        lambda x: np.sort(x, axis=None, kind="stable"),
        lambda x: np.partition(x, 1),
        lambda x: np.partition(x, (0, 1), axis=0),
        np.sort_complex,
    ):
        check_batches(f, batch)


def test_weights_of_each_example():
    """The order may be one for all while what it moves is not, and the other way round."""
    check_batches(lambda x, w: np.sum(np.sort(x, axis=0) * w), B, drawn(rng, 2, 3, 4))
    same_bits(ft.jacrev(np.sort)(R), np.eye(7)[stable(R)])
    same_bits(ft.jacfwd(np.sort)(R), np.eye(7)[stable(R)])


def test_staged_integers():
    x = np.array([[3, 1, 2], [0, 5, 4]])
    for f in (np.sort, lambda x: np.partition(x, 1), np.argsort, lambda x: np.argpartition(x, 1)):
        same_bits(ft.evaluate(ft.trace(f)(x), x), f(x))


# Positions.

POSITIONS = {
    "argsort": (lambda x: np.argsort(x), B),
    "argsort axis": (lambda x: np.argsort(x, 0), B),
    "argsort no axis": (lambda x: np.argsort(x, axis=None), B),
    "argsort order": (lambda x: np.argsort(x, order=None, kind="heapsort"), A),
    "argsort stable": (lambda x: np.argsort(x, stable=True), A),
    "argsort not stable": (lambda x: np.argsort(x, axis=1, stable=False), A),
    "argsort method": (lambda x: x.argsort(0, "stable", None), A),
    "argsort method stable": (lambda x: x.argsort(axis=None, stable=True), A),
    "argpartition": (lambda x: np.argpartition(x, 1), A),
    "argpartition axis": (lambda x: np.argpartition(x, [0, -1], 0, "introselect", None), A),
    "argpartition no axis": (lambda x: np.argpartition(x, 3, axis=None), A),
    "argpartition method": (lambda x: x.argpartition(2, axis=-1), A),
    "lexsort": (lambda x: np.lexsort((np.floor(x), x)), R),
    "lexsort rows": (lambda x: np.lexsort(x), A),
    "lexsort axis": (lambda x: np.lexsort((np.floor(x), x), axis=0), A),
    "searchsorted": (lambda x: np.searchsorted(np.sort(x), x), R),
    "searchsorted right": (lambda x: np.searchsorted(np.sort(x), x, side="right"), R),
    "searchsorted sorter": (lambda x: np.searchsorted(x, x, sorter=np.argsort(x)), R),
    "searchsorted method": (lambda x: np.sort(x).searchsorted(0.1, "right"), R),
}


@pytest.mark.parametrize("name", POSITIONS)
def test_positions(name):
    f, x = POSITIONS[name]
    found = []
    ft.vjp(lambda x: (found.append(f(x)), np.sum(x))[1], x)
    same_bits(found[0], f(x))
    assert type(found[0]) is type(f(x))  # plain: good as an index
    program = ft.trace(f)(x)
    same_bits(ft.evaluate(program.validate(), x), f(x))
    check_batches(f, np.stack([x, -x]))


def test_entries_taken_by_traced_positions():
    check(lambda x: np.take_along_axis(x, np.argsort(x, axis=0, stable=True), axis=0), A)
    check(lambda x: x[np.argsort(-x)][:3], R)


@pytest.mark.parametrize("equal_nan", [True, False])
def test_unique_keywords(equal_nan):
    x = np.array([2.0, 1.0, np.nan, 1.0, np.nan, 2.0])
    f = lambda x: np.unique(x, equal_nan=equal_nan)  # noqa: E731
    same_bits(ft.vjp(f, x)[0], f(x))
    values, *rest = ft.vjp(lambda x: np.unique(x, True, True, True, equal_nan=equal_nan), x)[0]
    expected = np.unique(x, True, True, True, equal_nan=equal_nan)
    same_bits([values, *rest], list(expected))
    moved = ft.jvp(f, (x,), (np.arange(6.0),))[1]
    same_bits(moved, np.unique(x, return_index=True, equal_nan=equal_nan)[1].astype(float))


# Refusals.


@pytest.mark.parametrize("name", ["sort", "partition"])
def test_in_place_methods_are_refused(name):
    args = () if name == "sort" else (1,)
    for transform in (ft.grad, ft.trace):
        with pytest.raises(TracedAssignmentError, match=rf"`x = np\.{name}\(x"):
            transform(lambda x: np.sum(getattr(x, name)(*args)))(R)


@pytest.mark.parametrize(
    ("f", "kind", "message"),
    [
        (lambda x: np.sort(x, kind="bubble"), ValueError, "kind"),
        (lambda x: np.sort(x, kind="stable", stable=True), ValueError, "same time"),
        (lambda x: np.sort(x, order="field"), ValueError, "Cannot specify order"),
        (lambda x: np.argsort(x, order="field"), ValueError, "Cannot specify order"),
        (lambda x: np.partition(x, 1, order="field"), ValueError, "Cannot specify order"),
        (lambda x: np.argpartition(x, 1, order="field"), ValueError, "Cannot specify order"),
        (lambda x: np.sort(x, axis=1), np.exceptions.AxisError, "axis 1"),
        (lambda x: np.sort(x[0]), np.exceptions.AxisError, "axis -1"),
        (lambda x: np.partition(x, 7), ValueError, "out of bounds"),
        (lambda x: np.partition(x, [0, -8]), ValueError, "out of bounds"),
        (lambda x: np.partition(x, 1.5), TypeError, "must be integer"),
        (lambda x: np.partition(x, [[1]]), ValueError, "object too deep"),
        (lambda x: np.partition(x, 1, kind="quick"), ValueError, "introselect"),
        (lambda x: np.argpartition(x, 9), ValueError, "out of bounds"),
    ],
)
def test_numpys_refusals(f, kind, message):
    refused(f, kind, message, R)


def test_a_position_must_be_known():
    with pytest.raises(ValueError, match="Booleans"):  # NumPy 2.0 warns
        ft.grad(lambda x: np.partition(x, True)[0])(R)
    with pytest.raises(TracedValueError):
        ft.trace(lambda x, k: np.partition(x, k))(R, 2)
    same_bits(vmap(lambda x: np.partition(x, 2))(A), np.partition(A, 2))
