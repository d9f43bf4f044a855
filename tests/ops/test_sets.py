"""functrans.ops.sets: arrays as sets, whose results are entries."""

import numpy as np
import pytest

import functrans as ft
from functrans.errors import TracedValueError
from functrans.testing import check_grads
from tests.ops.agreement import same_bits

A = np.array([[0.5, 2.0], [-1.0, 3.0]])
B = np.array([3.0, 0.25, -1.0, 7.0])
SETS = pytest.mark.parametrize("f", [np.union1d, np.intersect1d, np.setdiff1d, np.setxor1d])


def live(f, *args):
    expected = f(*args)
    same_bits(ft.vjp(f, *args)[0], expected)
    same_bits(ft.jvp(f, args, args)[0], expected)


@SETS
def test_values(f):
    repeated = np.array([1.0, 1.0, 2.0, np.nan, 2.0, np.nan])
    for a, b in [(A, B), (B, A), (repeated, B), (repeated, repeated), (A, B[:0]), (A[:0], A[:0])]:
        live(f, a, b)
        live(lambda a, b=b: f(a, b), a)
        live(lambda b, a=a: f(a, b), b)
    live(lambda a: f(a, [1, 2, 3]), B.astype(np.float32))
    if f is not np.union1d:
        flat = f is np.setxor1d and np.lib.NumpyVersion(np.__version__) < "2.1.0"  # where it joins them as they are
        live(lambda a, b: f(a, b, assume_unique=True), A.ravel() if flat else A, B)


def test_indices():
    for unique in (False, True):
        live(lambda a, b, u=unique: np.intersect1d(a, b, u, return_indices=True), A, B)


def test_entries_have_derivatives():
    a, b = np.array([1.0, 4.0, 2.0]), np.array([3.0, 1.5])
    for f in (np.union1d, np.setdiff1d, np.setxor1d):
        check_grads(f, (a, b), order=2)
    weights = np.array([10.0, 20.0])
    gradient = ft.grad(lambda a, b: np.sum(weights * np.intersect1d(a, b)), (0, 1))(A, B)
    same_bits(gradient, (np.array([[0.0, 0.0], [10.0, 20.0]]), np.zeros(4)))
    assert ft.grad(lambda a, b: np.sum(np.union1d(a, b) ** 2), (0, 1))(a, a)[1].tolist() == [0, 0, 0]


@SETS
def test_they_need_values(f):
    for transformed in (ft.trace(f), ft.vmap(f)):
        with pytest.raises(TracedValueError):
            transformed(A, A)
