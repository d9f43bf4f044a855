"""Shapes: reshape, transpose, broadcasting, with every keyword."""

import numpy as np
import pytest

import functrans as ft
from functrans.errors import ShapeError, UncoveredFunctionError
from tests.ops.agreement import check, same_bits, same_value, stays_single

A = np.arange(1.0, 7.0).reshape(2, 3) / 4
B = np.arange(1.0, 25.0).reshape(2, 3, 4) / 8
Z = A - 0.5j * A[::-1]
S = np.array(0.75)
ONE = B[:, :1, :1]

CASES = {
    "reshape": (lambda x: np.reshape(x, (3, 2)), A),
    "reshape -1": (lambda x: np.reshape(x, (-1, 2)), A),
    "reshape int": (lambda x: np.reshape(x, 6), A),
    "reshape F": (lambda x: np.reshape(x, (3, -1), order="F"), B),
    "reshape A": (lambda x: np.reshape(x, (3, -1), "C"), B),
    "reshape method": (lambda x: x.reshape(3, -1), A),
    "reshape method tuple": (lambda x: x.reshape((3, 2), order="F"), A),
    "reshape list": (lambda x: np.reshape(x, [3, 2]), A),
    "reshape scalar": (lambda x: np.reshape(x, (1, 1)), S),
    "reshape to scalar": (lambda x: x.reshape(()), A[:1, :1]),
    "ravel": (lambda x: np.ravel(x), B),
    "ravel F": (lambda x: np.ravel(x, order="F"), B),
    "ravel method": (lambda x: x.ravel("F"), B),
    "flatten": (lambda x: x.flatten(), B),
    "flatten F": (lambda x: x.flatten("F"), B),
    "transpose": (lambda x: np.transpose(x), B),
    "transpose axes": (lambda x: np.transpose(x, (1, -1, 0)), B),
    "transpose method": (lambda x: x.transpose(2, 0, 1), B),
    "transpose method tuple": (lambda x: x.transpose((2, 0, 1)), B),
    "transpose method none": (lambda x: x.transpose(None), B),
    "transpose method empty": (lambda x: x.transpose(), B),
    "T": (lambda x: x.T, B),
    "mT": (lambda x: x.mT, B),
    "permute_dims": (lambda x: np.permute_dims(x, axes=(2, 0, 1)), B),
    "matrix_transpose": (lambda x: np.matrix_transpose(x), B),
    "linalg.matrix_transpose": (lambda x: np.linalg.matrix_transpose(x), B),
    "swapaxes": (lambda x: np.swapaxes(x, 0, -1), B),
    "swapaxes method": (lambda x: x.swapaxes(1, 2), B),
    "moveaxis": (lambda x: np.moveaxis(x, 0, -1), B),
    "moveaxis several": (lambda x: np.moveaxis(x, (0, 1), (-1, 0)), B),
    "rollaxis": (lambda x: np.rollaxis(x, 2), B),
    "rollaxis start": (lambda x: np.rollaxis(x, 0, start=2), B),
    "rollaxis negative": (lambda x: np.rollaxis(x, -1, -2), B),
    "rollaxis end": (lambda x: np.rollaxis(x, 0, 3), B),
    "squeeze": (lambda x: np.squeeze(x), ONE),
    "squeeze axis": (lambda x: np.squeeze(x, axis=-1), ONE),
    "squeeze axes": (lambda x: x.squeeze((1, 2)), ONE),
    "expand_dims": (lambda x: np.expand_dims(x, 1), A),
    "expand_dims axes": (lambda x: np.expand_dims(x, (0, -1)), A),
    "expand_dims scalar": (lambda x: np.expand_dims(x, 0), S),
    "broadcast_to": (lambda x: np.broadcast_to(x, (4, 2, 3)), A),
    "broadcast_to stretch": (lambda x: np.broadcast_to(x, (2, 3, 4)), ONE),
    "broadcast_to int": (lambda x: np.broadcast_to(x, 3), S),
    "broadcast_to empty": (lambda x: np.broadcast_to(x, (0, 2, 3)), A),
    "broadcast_to subok": (lambda x: np.broadcast_to(x, (2, 2, 3), subok=True), A),
    "broadcast_arrays": (lambda x, y: np.broadcast_arrays(x, y, 2.0), A, A[:, :1]),
    "atleast_1d": (lambda x: np.atleast_1d(x), S),
    "atleast_2d": (lambda x: np.atleast_2d(x), A[0]),
    "atleast_3d": (lambda x, y: np.atleast_3d(x, y, np.ones(2), 1.0), S, A),
    "atleast_3d vector": (lambda x: np.atleast_3d(x), A[0]),
    "meshgrid": (lambda x, y: np.meshgrid(x, y), A[0], A[:, 0]),
    "meshgrid ij": (lambda x, y: np.meshgrid(x, y, np.ones(2), indexing="ij"), A[0], A[:, 0]),
    "meshgrid sparse": (lambda x, y: np.meshgrid(x, y, sparse=True, copy=False), A[0], A[:, 0]),
    "meshgrid one": (lambda x: np.meshgrid(x), A[0]),
    "meshgrid scalar": (lambda x, y: np.meshgrid(x, y), S, A[0]),
    "chain": (lambda x: np.broadcast_to(x.T.reshape(-1, 1), (6, 2)).reshape(2, 2, 3).T, A),
}


NEWER = np.lib.NumpyVersion(np.__version__) >= "2.1.0"
if NEWER:
    CASES["reshape shape="] = (lambda x: np.reshape(x, shape=(3, 2)), A)
    CASES["reshape copy="] = (lambda x: np.reshape(x, (3, 2), copy=True), A)


@pytest.mark.parametrize("name", CASES)
def test_agreement(name):
    f, *args = CASES[name]
    check(f, *args)


@pytest.mark.parametrize("name", [*CASES])
def test_dtypes(name):
    f, *args = CASES[name]
    stays_single(f, *args)
    same_value(f, *[x + 0.5j * x for x in args])


def test_complex():
    check(lambda z: np.reshape(z.T, (2, 3), order="F") + np.broadcast_to(z[:1], (2, 3)), Z)


@pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 3, 1)])
def test_empty(shape):
    x = np.zeros(shape)
    check(lambda x: x.T.reshape(-1), x)
    check(lambda x: np.moveaxis(np.expand_dims(x, 0), 0, -1), x)
    check(lambda x: np.broadcast_to(x, (2, *shape)), x)


def test_views_stay_views():
    x = np.arange(6.0).reshape(2, 3)
    seen = []

    def f(x):
        for y in (x.T, x.reshape(3, 2), np.squeeze(x[None]), np.expand_dims(x, 1), np.moveaxis(x, 0, 1)):
            seen.append(y.value)
        return np.sum(x)

    ft.grad(f)(x)
    for view in seen:
        assert np.shares_memory(view, x)


def test_copies_are_copies():
    x = np.arange(6.0).reshape(2, 3)
    for f in (np.copy, lambda x: x.copy(), lambda x: x.flatten(), lambda x: x.astype(float)):
        assert not np.shares_memory(ft.vjp(f, x)[0], x)


def test_no_equation_for_what_changes_nothing():
    program = ft.trace(lambda x: np.transpose(np.reshape(x, (2, 3)), (0, 1)).reshape(-1, 3).squeeze())(A)
    assert not program.equations


def test_python_scalar_becomes_an_array():
    same_bits(ft.evaluate(ft.trace(lambda x: np.reshape(x, (1,)) * np.float32(2))(1.5), 1.5), np.array([3.0]))
    assert ft.grad(lambda x: np.sum(np.broadcast_to(x, (4,))))(2.0) == 4.0
    assert type(ft.grad(lambda x: np.reshape(x, ()))(2.0)) is float


@pytest.mark.parametrize("order", ["A", "K"])
def test_memory_order(order):
    """Orders that follow the memory are followed where the memory is known, and refused where it is not."""
    for x in (A, np.asfortranarray(A)):
        expected = np.ravel(x, order)
        w = np.arange(6.0)
        same_bits(ft.vjp(lambda x: np.ravel(x, order), x)[0], expected)
        gradient = ft.vjp(lambda x: np.ravel(x, order), x)[1](w)[0]
        assert np.vdot(gradient, x) == np.vdot(w, expected)
    with pytest.raises(UncoveredFunctionError, match="lies in memory"):
        ft.trace(lambda x: np.ravel(x, order))(A)
    with pytest.raises(UncoveredFunctionError, match="lies in memory"):
        ft.grad(lambda x: np.ravel(x, "K").sum())(B.transpose(1, 0, 2))


@pytest.mark.skipif(not NEWER, reason="`copy=` came with NumPy 2.1")
def test_copy_false():
    same_bits(ft.vjp(lambda x: np.reshape(x, 6, copy=False), A)[0], A.ravel())
    with pytest.raises(ValueError, match="copy"):
        ft.vjp(lambda x: np.reshape(x.T, 6, copy=False), A)
    with pytest.raises(UncoveredFunctionError, match="copy=False"):
        ft.trace(lambda x: np.reshape(x, 6, copy=False))(A)


ERRORS = {
    "reshape": (lambda x: np.reshape(x, (4, 2)), ShapeError, "cannot reshape Float64"),
    "two unknown": (lambda x: np.reshape(x, (-1, -1)), ShapeError, "cannot reshape"),
    "unknown of empty": (lambda x: np.reshape(x[:0], (0, -1)), ShapeError, "cannot reshape"),
    "negative": (lambda x: np.reshape(x, (-2, -3)), ShapeError, "cannot reshape"),
    "float": (lambda x: np.reshape(x, 6.0), TypeError, "float"),
    "transpose": (lambda x: np.transpose(x, (0,)), ValueError, "axes don't match"),
    "transpose twice": (lambda x: np.transpose(x, (0, 0)), ValueError, "repeated axis"),
    "transpose axis": (lambda x: np.transpose(x, (0, 2)), np.exceptions.AxisError, "out of bounds"),
    "squeeze": (lambda x: np.squeeze(x, 0), ShapeError, "cannot squeeze axis 0"),
    "moveaxis": (lambda x: np.moveaxis(x, (0, 1), 0), ValueError, "same number"),
    "moveaxis twice": (lambda x: np.moveaxis(x, (0, 0), (0, 1)), ValueError, "repeated axis"),
    "rollaxis": (lambda x: np.rollaxis(x, 0, 4), np.exceptions.AxisError, "start"),
    "matrix_transpose": (lambda x: np.matrix_transpose(x[0]), ValueError, "2-dimensional"),
    "broadcast_to": (lambda x: np.broadcast_to(x, (2, 4)), ValueError, "broadcast"),
    "meshgrid": (lambda x: np.meshgrid(x, indexing="ab"), ValueError, "indexing"),
    "expand_dims": (lambda x: np.expand_dims(x, (0, 0)), ValueError, "duplicate|repeated"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    f, kind, message = ERRORS[name]
    with pytest.raises(ValueError if kind is ShapeError else kind):
        f(A)
    with pytest.raises(kind, match=message):
        ft.vjp(f, A)
    with pytest.raises(kind, match=message):
        ft.trace(f)(A)


def test_flat():
    assert np.array_equal(ft.grad(lambda x: np.sum(x.T.flat * np.arange(6.0)))(A), [[0, 2, 4], [1, 3, 5]])
