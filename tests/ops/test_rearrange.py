"""Entries moved and repeated, with every keyword."""

import numpy as np
import pytest

import functrans as ft
from functrans.errors import ShapeError, TracedValueError
from tests.ops.agreement import check, refused, same_bits, stays_single

A = np.arange(1.0, 7.0).reshape(2, 3) / 4
C = np.sin(np.arange(24.0)).reshape(2, 3, 4)
R = np.array([0.5, -0.25, 2.0, 1.5])
S = np.array(0.75)

CASES = {
    "flip": (lambda x: np.flip(x), C),
    "flip axis": (lambda x: np.flip(x, axis=-1), C),
    "flip axes": (lambda x: np.flip(x, (0, 2)), C),
    "flip scalar": (lambda x: np.flip(x), S),
    "flipud": (lambda x: np.flipud(x), A),
    "fliplr": (lambda x: np.fliplr(x), A),
    "roll": (lambda x: np.roll(x, 2), C),
    "roll axis": (lambda x: np.roll(x, -1, axis=1), C),
    "roll axes": (lambda x: np.roll(x, (1, 2), axis=(0, -1)), C),
    "roll one shift": (lambda x: np.roll(x, 1, axis=(0, 1)), C),
    "roll several shifts": (lambda x: np.roll(x, (1, 2)), C),
    "roll twice": (lambda x: np.roll(x, (1, 2), axis=(2, 2)), C),
    "roll far": (lambda x: np.roll(x, 50, axis=2), C),
    "roll list": (lambda x: np.roll(x, [1, -1], axis=[0, 2]), C),
    "roll scalar": (lambda x: np.roll(x, 3), S),
    "rot90": (lambda x: np.rot90(x), A),
    "rot90 0": (lambda x: np.rot90(x, 0), A),
    "rot90 2": (lambda x: np.rot90(x, k=2), A),
    "rot90 3": (lambda x: np.rot90(x, 3), A),
    "rot90 negative": (lambda x: np.rot90(x, -1, axes=(2, 0)), C),
    "rot90 far": (lambda x: np.rot90(x, 5, (1, -1)), C),
    "tile": (lambda x: np.tile(x, 3), A),
    "tile several": (lambda x: np.tile(x, (2, 1)), A),
    "tile more": (lambda x: np.tile(x, (2, 1, 3)), A),
    "tile fewer": (lambda x: np.tile(x, (2,)), C),
    "tile scalar": (lambda x: np.tile(x, (2, 2)), S),
    "tile none": (lambda x: np.tile(x, (0, 2)), A),
    "tile once": (lambda x: np.tile(x, 1), A),
    "repeat": (lambda x: np.repeat(x, 2), A),
    "repeat axis": (lambda x: np.repeat(x, 3, axis=-1), C),
    "repeat each": (lambda x: np.repeat(x, [1, 0, 2], axis=1), C),
    "repeat each flat": (lambda x: np.repeat(x, np.arange(6)), A),
    "repeat one": (lambda x: np.repeat(x, [2], axis=0), A),
    "repeat zero": (lambda x: np.repeat(x, 0, axis=0), A),
    "repeat scalar": (lambda x: np.repeat(x, 3), S),
    "repeat method": (lambda x: x.repeat(2, axis=0), A),
    "resize": (lambda x: np.resize(x, (4, 4)), A),
    "resize smaller": (lambda x: np.resize(x, (2, 2)), A),
    "resize same": (lambda x: np.resize(x, (3, 2)), A),
    "resize int": (lambda x: np.resize(x, 8), A),
    "resize none": (lambda x: np.resize(x, (0, 2)) + 0 * x[0, 0], A),
    "resize scalar": (lambda x: np.resize(x, (2, 2)), S),
}


@pytest.mark.parametrize("name", CASES)
def test_agreement(name):
    f, *args = CASES[name]
    check(f, *args)


@pytest.mark.parametrize("name", CASES)
def test_dtypes(name):
    f, *args = CASES[name]
    stays_single(f, *args)
    check(f, *[x + 0.5j * x * x for x in args])


def test_empty():
    x = np.zeros((0, 3))
    for f in (np.flip, lambda x: np.roll(x, 1), np.rot90, lambda x: np.tile(x, 2), lambda x: np.repeat(x, 2, axis=1)):
        check(f, x)
    same_bits(ft.vjp(lambda x: np.resize(x, (2, 2)), x)[0], np.resize(x, (2, 2)))


def test_python_scalars():
    for f in (lambda x: np.tile(x, 2), lambda x: np.repeat(x, 3), lambda x: np.resize(x, 2), lambda x: np.roll(x, 1)):
        same_bits(ft.vjp(f, 1.5)[0], f(1.5))


ERRORS = {
    "flipud": (lambda x: np.flipud(x[0, 0]), ValueError, ">= 1-d"),
    "fliplr": (lambda x: np.fliplr(x[0]), ValueError, ">= 2-d"),
    "flip axis": (lambda x: np.flip(x, 2), np.exceptions.AxisError, "out of bounds"),
    "roll axis": (lambda x: np.roll(x, 1, axis=2), np.exceptions.AxisError, "out of bounds"),
    "rot90 axes": (lambda x: np.rot90(x, axes=(0, 0)), ValueError, "different"),
    "rot90 count": (lambda x: np.rot90(x, axes=(0, 1, 0)), ValueError, "must be 2"),
    "tile negative": (lambda x: np.tile(x, (-1, 2)), ValueError, "negative"),
    "repeat counts": (lambda x: np.repeat(x, [1, 2, 3], axis=0), ValueError, "cannot repeat axis 0"),
    "repeat negative": (lambda x: np.repeat(x, -1), ValueError, "negative"),
    "repeat negatives": (lambda x: np.repeat(x, [1, -1], axis=0), ValueError, "negative"),
    "repeat float": (lambda x: np.repeat(x, np.array([1.5, 2.0]), axis=0), TypeError, "safe"),
    "repeat table": (lambda x: np.repeat(x, [[1, 2], [3, 4]], axis=0), ValueError, None),
    "resize negative": (lambda x: np.resize(x, (-1, 2)), ValueError, "non-negative"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    refused(*ERRORS[name], A)


def test_counts_are_no_traced_values():
    with pytest.raises(TracedValueError):
        ft.grad(lambda n: np.sum(np.repeat(n * A, n)))(2.0)
    with pytest.raises(ShapeError, match="as many as the axis is long"):
        ft.vjp(lambda x: np.repeat(x, [1, 2, 3], axis=0), A)
