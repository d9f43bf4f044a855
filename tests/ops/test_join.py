"""Joining and splitting, with every keyword."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import functrans as ft
from functrans.errors import ShapeError, TracedAssignmentError
from tests.ops.agreement import check, drawn, refused, same_bits, same_value, stays_single
from tests.ops.batches import check_batches

A = np.arange(1.0, 7.0).reshape(2, 3) / 4
B = A[:, :2] - 2.0
C = np.arange(1.0, 25.0).reshape(2, 3, 4) / 8
R = np.array([0.5, -0.25, 2.0, 1.5, -1.0, 3.0, 0.125])
S = np.array(0.75)

CASES = {
    "concatenate": (lambda x: np.concatenate((x, x * x)), A),
    "concatenate two": (lambda x, y: np.concatenate([x, y, x], axis=1), A, B),
    "concatenate plain": (lambda x: np.concatenate([x, np.ones((2, 1)), [[3.0], [4.0]]], axis=-1), A),
    "concatenate flat": (lambda x, y: np.concatenate((x, y), axis=None), A, S),
    "concatenate flat scalar": (lambda x: np.concatenate((x, 2.0, 1), axis=None), A),
    "concatenate dtype": (lambda x, y: np.concatenate((x, y), 1, dtype=np.float32, casting="same_kind"), A, B),
    "concatenate of an array": (lambda x: np.concatenate(x, axis=1), C),
    "concatenate one": (lambda x: np.concatenate((x,)), A),
    "concat": (lambda x: getattr(np, "concat", np.concatenate)((x, x), axis=1), A),
    "concatenate empty": (lambda x: np.concatenate((x, x[:0], np.zeros((0, 3)))), A),
    "stack": (lambda x, y: np.stack((x, y, x), axis=1), A, A + 1),
    "stack last": (lambda x: np.stack([x, np.ones((2, 3))], axis=-1), A),
    "stack scalars": (lambda x: np.stack([x, x * x, 1.0]), S),
    "stack dtype": (lambda x: np.stack([x, x], dtype=np.complex128), A),
    "stack of an array": (lambda x: np.stack(x, axis=1), C),
    "vstack": (lambda x, y: np.vstack((x, y, [1.0, 2.0, 3.0])), A, A[0]),
    "vstack dtype": (lambda x: np.vstack((x, x), dtype=np.float32, casting="unsafe"), A),
    "hstack": (lambda x, y: np.hstack((x, y)), A, B),
    "hstack vectors": (lambda x, y: np.hstack((x, y, 1.0)), R, S),
    "hstack dtype": (lambda x: np.hstack((x, x), dtype=np.complex64, casting="unsafe"), A),
    "dstack": (lambda x, y: np.dstack((x, y)), A, A * 2),
    "dstack vectors": (lambda x, y: np.dstack((x, y)), R, R + 1),
    "column_stack": (lambda x, y: np.column_stack((x, y, [1.0, 2.0])), A, A[:, 0]),
    "column_stack scalars": (lambda x, y: np.column_stack((x, y)), S, S),
    "append": (lambda x, y: np.append(x, y), A, S),
    "append scalar": (lambda x: np.append(x, 1.0), R),
    "append axis": (lambda x, y: np.append(x, y, axis=1), A, B),
    "block": (lambda x, y: np.block([[x, y], [y, x]]), A, B),
    "block scalars": (lambda x, y: np.block([x, y, 1.0]), R, S),
    "block mixed": (lambda x, y: np.block([[x, np.zeros((2, 2))], [y, 1.0, 2.0, 3.0, 4.0]]), A, S),
    "block one": (lambda x: np.block(x), A),
    "block deep": (lambda x, y: np.block([[[x], [y]]]), A, A),
    "split": (lambda x: np.split(x, 3), np.concatenate([R, R[:2]])),
    "split axis": (lambda x: np.split(x, 2, axis=-1), C),
    "split indices": (lambda x: np.split(x, [1, 4]), R),
    "split array of indices": (lambda x: np.split(x, np.array([2, 2, 5])), R),
    "split far": (lambda x: np.split(x, (3, 20)), R),
    "split negative": (lambda x: np.split(x, [2, -2]), R),
    "split disordered": (lambda x: np.split(x, [5, 2]), R),
    "split one": (lambda x: np.split(x, 1), R),
    "split use one": (lambda x: np.split(x, 2, axis=1)[1] if x.shape[1] > 1 else x, B),
    "array_split": (lambda x: np.array_split(x, 3), R),
    "array_split many": (lambda x: np.array_split(x, 9), R),
    "array_split axis": (lambda x: np.array_split(x, 2, axis=1), A),
    "hsplit": (lambda x: np.hsplit(x, [1]), A),
    "hsplit vector": (lambda x: np.hsplit(x, [1, 2]), R),
    "vsplit": (lambda x: np.vsplit(x, 2), A),
    "dsplit": (lambda x: np.dsplit(x, 2), C),
    "together": (
        lambda x: np.stack([a * b for a, b in zip(np.split(x, [2, 4]), [2.0, 3.0, x[0]], strict=True)][:2]),
        R,
    ),
}
if hasattr(np, "unstack"):
    CASES["unstack"] = (lambda x: np.unstack(x), C)
    CASES["unstack axis"] = (lambda x: np.unstack(x, axis=-1), C)

COARSE = {"concatenate dtype", "vstack dtype", "hstack dtype"}


@pytest.mark.parametrize("name", CASES)
def test_agreement(name):
    f, *args = CASES[name]
    if name in COARSE:
        same_value(f, *args)
    else:
        check(f, *args)


@pytest.mark.parametrize("name", CASES)
def test_dtypes(name):
    f, *args = CASES[name]
    stays_single(f, *args)
    if name not in COARSE:
        check(f, *[x + 0.5j * x * x for x in args])


@pytest.mark.parametrize("name", sorted(COARSE))
def test_dtype_keyword_is_differentiated(name):
    f, *args = CASES[name]
    out, pullback = ft.vjp(f, *args)
    weights = np.arange(out.size, dtype=out.dtype).reshape(out.shape)
    gradients = pullback(weights)
    assert all(g.dtype == np.float64 for g in gradients)
    tangent = ft.jvp(f, args, args)[1]
    assert tangent.dtype == out.dtype
    found = sum(np.vdot(g, x) for g, x in zip(gradients, args, strict=True))
    assert np.real(np.vdot(weights, tangent)) == pytest.approx(found, rel=1e-6)


def test_promotion():
    """Real beside complex, single beside double, traced beside integers: NumPy's dtype, gradients of each operand's."""
    x, z, i = np.float32([1, 2]), np.array([1j, 2.0]), np.array([3, 4])
    f = lambda x, z: np.concatenate((x, z, i))  # noqa: E731
    same_value(f, x, z)
    gx, gz = ft.vjp(f, x, z)[1](np.arange(6) * (1 + 1j))
    same_bits((gx, gz), (np.float32([0, 1]), np.array([2 + 2j, 3 + 3j])))
    same_value(lambda x: np.concatenate((x, 1.5), axis=None), x)
    same_value(lambda x: np.append(x, 1.5), x)
    same_value(lambda x: np.hstack((x, 1.5)), x)
    same_value(lambda s: np.stack((s, np.float32(1))), 0.5)
    same_value(lambda s: np.concatenate((s, np.float32([1])), axis=None), 0.5)


def test_to_integers_there_is_no_derivative():
    out = ft.grad(lambda x: float(np.concatenate((x, x), dtype=int, casting="unsafe")[1]) * x[0])(np.array([2.5, 3.5]))
    same_bits(out, np.array([3.0, 0.0]))


@pytest.mark.parametrize("count", [257, 1000])
@pytest.mark.parametrize("join", [np.stack, np.concatenate])
def test_many(join, count):
    """A thousand pieces are joined in groups, with the same bits."""
    x = np.linspace(0, 1, count)
    f = lambda x: join([x[i] if join is np.stack else x[i : i + 1] for i in range(count)])  # noqa: E731
    same_bits(ft.vjp(f, x)[0], x)
    w = np.arange(float(count))
    same_bits(ft.vjp(f, x)[1](w)[0], w)
    program = ft.trace(f)(x)
    same_bits(ft.evaluate(program, x), x)


def test_many_kinds_in_groups():
    """Grouping does not change which dtype comes out: int8, uint8 and half give half only together."""
    pieces = [np.ones(1, np.int8)] * 130 + [np.ones(1, np.uint8)] * 130
    f = lambda x: np.concatenate([*pieces, x])  # noqa: E731
    same_bits(ft.vjp(f, np.ones(2, np.float16))[0], f(np.ones(2, np.float16)))


def test_unused_pieces_speak_not():
    """The piece that is not used has an infinite derivative, which must not become NaN."""

    def f(x):
        a, _ = np.split(x * np.exp(x * 1000), 2)
        return np.sum(a)

    with np.errstate(all="ignore"):
        same_bits(ft.grad(f)(np.array([0.0, 2.0])), np.array([1.0, 0.0]))


def test_empty():
    x = np.zeros((0, 3))
    check(lambda x: np.concatenate((x, x), axis=1), x)
    check(lambda x: np.stack((x, x)), x)
    check(lambda x: np.split(x, [1]), x)


def test_iteration_and_lists():
    gradient = ft.grad(lambda x: np.sum(np.stack(list(x)[::-1]) * A))(A)
    same_bits(gradient, A[::-1])


ERRORS = {
    "concatenate shapes": (lambda x: np.concatenate((x, x[:, :2])), ValueError, "cannot concatenate Float64"),
    "concatenate axis": (lambda x: np.concatenate((x, x), axis=2), np.exceptions.AxisError, "out of bounds"),
    "concatenate scalars": (lambda x: np.concatenate((x[0, 0], x[0, 1])), ValueError, "zero-dimensional"),
    "concatenate ndim": (lambda x: np.concatenate((x, x[0])), ValueError, "cannot concatenate"),
    "concatenate casting": (lambda x: np.concatenate((x, x), dtype=int), TypeError, "Cannot cast"),
    "stack shapes": (lambda x: np.stack((x, x[:1])), ValueError, "same shape"),
    "stack casting": (lambda x: np.stack((x, x), dtype=np.float32, casting="safe"), TypeError, "Cannot cast"),
    "block depth": (lambda x: np.block([[x], x]), ValueError, "depths are mismatched"),
    "block tuple": (lambda x: np.block((x, x)), TypeError, "tuple"),
    "block empty": (lambda x: np.block([[x], []]), ValueError, "empty"),
    "split": (lambda x: np.split(x, 4, axis=1), ValueError, "equal division"),
    "array_split": (lambda x: np.array_split(x, 0), ValueError, "larger than 0"),
    "vsplit": (lambda x: np.vsplit(x[0], 2), ValueError, "2 or more dimensions"),
    "dsplit": (lambda x: np.dsplit(x, 2), ValueError, "3 or more dimensions"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    refused(*ERRORS[name], A)


def test_shape_error_is_functrans_own():
    with pytest.raises(ShapeError, match="Fix: all lengths"):
        ft.vjp(lambda x: np.concatenate((x, x[:, :2])), A)
    with pytest.raises(TracedAssignmentError, match="out="):
        ft.vjp(lambda x: np.concatenate((x, x), out=np.zeros((4, 3))), A)


@given(st.lists(st.integers(-6, 9), max_size=4), st.integers(0, 6))
def test_split_at_any_points(points, length):
    """Pieces that overlap, leave something out, or are empty: values to the bit, and the adjoint law."""
    x = np.arange(1.0, length + 1)
    out, pullback = ft.vjp(lambda x: np.split(x, points), x)
    same_bits(out, np.split(x, points))
    w = [np.cos(np.arange(piece.size) + i) for i, piece in enumerate(out)]
    assert sum(np.vdot(a, b) for a, b in zip(w, out, strict=True)) == pytest.approx(np.vdot(pullback(w)[0], x))


# Batches.


def test_batches_of_parts_of_which_some_are_shared():
    rng = np.random.default_rng(1)
    x, y = drawn(rng, 3, 2, 4), drawn(rng, 3, 2, 1)
    check_batches(lambda x, y: np.concatenate([x, y, np.ones((2, 3))], axis=1), x, y)
    check_batches(lambda x, y: np.concatenate([x, y], axis=None), x, y)
    check_batches(lambda x, y: np.stack([x[:, :1], y], axis=-1), x, y)
    check_batches(lambda x, y: np.stack([x, y, 1.0]), x[:, 0, 0], y[:, 0, 0])
    check_batches(lambda x, y: np.concatenate([x, y]), x[:, 0].astype(np.float32), np.array([[1], [2], [3]]))
    check_batches(lambda x: np.split(x, [1, 2], axis=1), x)
    check_batches(lambda x: np.array_split(x, [3, 1], axis=-1), x)
    check_batches(lambda x, y: np.block([[x, y], [y, x]]), x, y)
