"""Ufuncs with keywords, and their methods, against NumPy's own."""

import numpy as np
import pytest

import functrans as ft
from functrans.errors import ShapeError, TracedAssignmentError, UncoveredFunctionError
from tests.ops.agreement import check, run_source, same_bits, same_value, stays_single
from tests.ops.batches import check_batches

rng = np.random.default_rng(23)
A = rng.permutation(6).reshape(2, 3) / 4.0 + 0.3
B = rng.permutation(24).reshape(2, 3, 4) / 8.0 + 0.2
C = rng.permutation(5) / 4.0 + 0.6
Z = A + 1j * rng.permutation(6).reshape(2, 3) / 3
S = np.array(0.75)
M = np.array([[True, False, True], [False, True, True]])
ROW = np.array([True, False, True])
I0 = np.array(1.5)

CASES = {
    # reduce: NumPy's axis is 0, not None
    "add.reduce": (lambda x: np.add.reduce(x), A),
    "add.reduce all": (lambda x: np.add.reduce(x, axis=None), B),
    "add.reduce keywords": (lambda x, i: np.add.reduce(x, 1, None, None, True, i, M), A, I0),
    "add.reduce dtype": (lambda x: np.add.reduce(x, axis=(0, 1), dtype=complex), A),
    "add.reduce initial None": (lambda x: np.add.reduce(x, initial=None), A),
    "multiply.reduce": (lambda x: np.multiply.reduce(x), A),
    "multiply.reduce where": (lambda x: np.multiply.reduce(x, axis=-1, where=M, keepdims=True), A),
    "maximum.reduce": (lambda x: np.maximum.reduce(x), A),
    "maximum.reduce all": (lambda x: np.maximum.reduce(x, axis=None, initial=1.2, where=ROW), A),
    "maximum.reduce dtype": (lambda x: np.maximum.reduce(x, dtype=complex), A),
    "minimum.reduce": (lambda x: np.minimum.reduce(x, axis=1, keepdims=True), A),
    "subtract.reduce": (lambda x: np.subtract.reduce(x), A),
    "subtract.reduce last": (lambda x: np.subtract.reduce(x, axis=-1, keepdims=True), B),
    "subtract.reduce initial": (lambda x, i: np.subtract.reduce(x, axis=1, initial=i), A, I0),
    "subtract.reduce where": (lambda x, i: np.subtract.reduce(x, axis=1, initial=i, where=M), A, I0),
    "subtract.reduce line": (lambda x: np.subtract.reduce(x), C),
    "subtract.reduce one": (lambda x: np.subtract.reduce(x), A[:1]),
    "subtract.reduce number": (lambda x: np.subtract.reduce(x), S),
    "subtract.reduce no axis": (lambda x: np.subtract.reduce(x, axis=()), A),
    "subtract.reduce complex": (lambda x: np.subtract.reduce(x, axis=0), Z),
    "subtract.reduce dtype": (lambda x: np.subtract.reduce(x, axis=0, dtype=complex), A),
    "divide.reduce": (lambda x: np.divide.reduce(x, axis=1), A),
    "hypot.reduce": (lambda x: np.hypot.reduce(x, axis=1), A),
    "hypot.reduce negative": (lambda x: np.hypot.reduce(x, axis=0), -A[:1]),
    "hypot.reduce no axis": (lambda x: np.hypot.reduce(x, axis=()), -A),
    "hypot.reduce where": (lambda x: np.hypot.reduce(x, axis=1, where=M), A),
    "hypot.reduce no identity": (lambda x: np.hypot.reduce(x, axis=0, initial=None), -A[:1]),
    "logaddexp.reduce": (lambda x: np.logaddexp.reduce(x, axis=1), A),
    "logaddexp.reduce where": (lambda x: np.logaddexp.reduce(x, axis=0, where=M), A),
    "logaddexp2.reduce": (lambda x: np.logaddexp2.reduce(x), A),
    "fmax.reduce": (lambda x: np.fmax.reduce(x, axis=1), A),
    "fmin.reduce": (lambda x: np.fmin.reduce(x), A),
    # accumulate
    "add.accumulate": (lambda x: np.add.accumulate(x), A),
    "add.accumulate last": (lambda x: np.add.accumulate(x, -1, complex), A),
    "multiply.accumulate": (lambda x: np.multiply.accumulate(x, axis=1), A),
    "maximum.accumulate": (lambda x: np.maximum.accumulate(x, axis=1), A),
    "minimum.accumulate": (lambda x: np.minimum.accumulate(x, 0, None), A),
    "logaddexp.accumulate": (lambda x: np.logaddexp.accumulate(x, axis=1), A),
    "power.accumulate": (lambda x: np.float_power.accumulate(x, axis=1), A),
    "subtract.accumulate": (lambda x: np.subtract.accumulate(x, axis=1), B),
    "subtract.accumulate line": (lambda x: np.subtract.accumulate(x), C),
    "hypot.accumulate": (lambda x: np.hypot.accumulate(x), -A),
    "divide.accumulate dtype": (lambda x: np.divide.accumulate(x, axis=(1,), dtype=complex), A),
    "subtract.accumulate empty": (lambda x: np.subtract.accumulate(x, axis=1), np.zeros((2, 0))),
    # reduceat
    "add.reduceat": (lambda x: np.add.reduceat(x, [0, 2, 3]), C),
    "add.reduceat gaps": (lambda x: np.add.reduceat(x, [1, 3]), C),
    "add.reduceat back": (lambda x: np.add.reduceat(x, [3, 1, 4, 0, 0]), C),
    "add.reduceat axis": (lambda x: np.add.reduceat(x, np.array([0, 1]), axis=-1, dtype=complex), A),
    "multiply.reduceat": (lambda x: np.multiply.reduceat(x, [3, 1, 4, 0], axis=-1), B.reshape(4, 6)),
    "maximum.reduceat": (lambda x: np.maximum.reduceat(x, [0, 2], axis=1), A),
    "subtract.reduceat": (lambda x: np.subtract.reduceat(x, [3, 1, 4, 0]), C),
    "hypot.reduceat": (lambda x: np.hypot.reduceat(x, [0, 1, 2], axis=1), -A),
    "add.reduceat none": (lambda x: np.add.reduceat(x, np.array([], int)), C),
    # outer
    "multiply.outer": (lambda x, y: np.multiply.outer(x, y), A, C),
    "subtract.outer left": (lambda x: np.subtract.outer(x, C), A),
    "subtract.outer right": (lambda y: np.subtract.outer(A, y), C),
    "add.outer number": (lambda x: np.add.outer(2.0, x), A),
    "divide.outer number": (lambda x: np.divide.outer(x, 2.0), A),
    "hypot.outer where": (lambda x, y: np.hypot.outer(x, y, dtype=float), A, C),
    "maximum.outer": (lambda x, y: np.maximum.outer(x, y), A, C),
    "minimum.outer": (lambda x, y: np.minimum.outer(x, y), C, S),
    "power.outer": (lambda x, y: np.power.outer(x, y), A, C),
    "logaddexp.outer": (lambda x, y: np.logaddexp.outer(x, y), A, C),
    "divide.outer dtype": (lambda x, y: np.divide.outer(x, y, dtype=complex), A, C),
    "add.outer signature": (lambda x, y: np.add.outer(x, y, signature="dd->d", casting="no", subok=False), A, C),
    # keywords of a call
    "add dtype": (lambda x, y: np.add(x, y, dtype=complex), A, ROW * 1.5),
    "exp dtype": (lambda x: np.exp(x, dtype=complex), A),
    "exp signature": (lambda x: np.exp(x, signature="D->D"), A),
    "multiply sig": (lambda x: np.multiply(x, x, sig=(None, None, np.dtype(complex))), A),
    "sin casting": (lambda x: np.sin(x, casting="no"), A),
    "sin subok": (lambda x: np.sin(x, subok=False, order="K", where=True), A),
    "modf dtype": (lambda x: np.modf(x, dtype=np.float64)[0], A),
}
if np.__version__ >= "2.1":
    CASES["unsafe"] = (lambda x: np.real(np.add(x, 0.5, dtype=complex, casting="unsafe")), A)


@pytest.mark.parametrize("name", CASES)
def test_everything(name):
    check(*CASES[name])


_WIDE = ("dtype", "sig", "unsafe", "reduceat axis", "accumulate last", "number")


@pytest.mark.parametrize("name", [name for name in CASES if not any(word in name for word in _WIDE)])
def test_single_precision(name):
    stays_single(*CASES[name])


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.add(x, x, dtype=np.float32),
        lambda x: np.add(x, 2.5, dtype=np.float32),
        lambda x: np.add(2.5, x, dtype="f4"),
        lambda x: np.sin(x, dtype=np.float32),
        lambda x: np.tanh(x, dtype=np.float16),
        lambda x: np.multiply(x, x, dtype=np.float32, casting="same_kind"),
        lambda x: np.multiply(x, x, signature="ff->f"),
        lambda x: np.add.reduce(x, dtype=np.float32),
        lambda x: np.maximum.reduce(x, dtype=np.float32),
        lambda x: np.subtract.reduce(x, dtype=np.float32),
        lambda x: np.subtract.accumulate(x, dtype=np.float32),
        lambda x: np.add.reduceat(x, [0, 1], dtype=np.float32),
        lambda x: np.multiply.outer(x, x, dtype=np.float32),
        lambda x: np.add.outer(np.float32(1.5), x),
        lambda x: np.add.outer(x.astype(np.float32), 1.5),
        lambda x: np.power.reduce(x.astype(np.float32)[:1]),
    ],
)
def test_narrower_dtypes(f):
    same_value(f, A)
    out, tangent = ft.jvp(f, (A,), (np.ones_like(A),))
    assert tangent.dtype == out.dtype
    assert ft.vjp(f, A)[1](np.ones_like(out))[0].dtype == np.float64
    # In single precision the derivative agrees with the one in double precision.
    wide = ft.jvp(lambda x: f(x.astype(np.float64)), (A,), (np.ones_like(A),))[1]
    np.testing.assert_allclose(tangent, wide, rtol=1e-6 if out.dtype != np.float16 else 3e-3)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.logical_and.reduce(x > 0.5),
        lambda x: np.logical_or.reduce(x > 0.5, axis=None),
        lambda x: np.logical_and.reduce(x, axis=1, keepdims=True),
        lambda x: np.logical_and.reduce(x > 0.5, axis=1, where=M),
        lambda x: np.logical_or.reduce(x > 0.5, axis=1, initial=True),
        lambda x: np.logical_xor.reduce(x > 0.5),
        lambda x: np.logical_xor.reduce(x, axis=1),
        lambda x: np.logical_or.accumulate(x > 0.5, axis=1),
        lambda x: np.logical_and.reduceat(x > 0.5, [0, 1], axis=1),
        lambda x: np.bitwise_or.reduce(x > 0.5, axis=1),
        lambda x: np.add.reduce(x > 0.5, axis=1),
        lambda x: np.add.reduce(3 * x, axis=1, dtype=int),
        lambda x: np.subtract.reduce(3 * x, axis=1, dtype=int),
        lambda x: np.add.accumulate(3 * x, axis=1, dtype=int),
        lambda x: np.add.reduceat(3 * x, [0, 1], axis=1, dtype=int),
        lambda x: np.add.reduceat(x > 0.5, [0, 1], axis=1),
        lambda x: np.add(3 * x, 2.5, dtype=int, casting="unsafe"),
        lambda x: np.less(x, 0.5, dtype=bool),
        lambda x: np.less.outer(x, C),
        lambda x: np.floor_divide.reduce(4 * x, axis=0),
    ],
)
def test_results_without_derivative(f):
    same_value(f, A)
    assert np.array_equal(ft.grad(lambda x: np.sum(x) + 0.5 * np.sum(f(x)))(A), np.ones((2, 3)))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.power.reduce(x, axis=0, initial=None),
        lambda x: np.power.reduce(x, axis=1),
        lambda x: np.arctan2.reduce(x, axis=1),
        lambda x: np.remainder.reduce(x, axis=1),
        lambda x: np.copysign.reduce(x, axis=1),
        lambda x: np.power.accumulate(x, axis=1),
        lambda x: np.hypot.reduce(x, axis=None),
        lambda x: np.logaddexp.reduce(x, axis=(0, 1)),
    ],
)
def test_other_ufuncs_go_from_left_to_right(f):
    # Not compared to NumPy's own bits: its vectorised loops of `power` and `arctan2` do not reduce from left to right
    # everywhere, and over several axes its order follows the memory.
    reference = {"power": np.power, "arctan2": np.arctan2, "remainder": np.remainder, "copysign": np.copysign}
    name = next((name for name in reference if name in f.__code__.co_names), None)
    out = ft.vjp(f, A)[0]
    if name is not None and "reduce" in f.__code__.co_names:
        step = reference[name]
        expected = step(A[0], A[1]) if out.shape == (3,) else step(step(A[:, 0], A[:, 1]), A[:, 2])
        np.testing.assert_allclose(out, expected, rtol=1e-15)
    program = ft.trace(f)(A).validate()
    same_bits(ft.evaluate(program, A), out)
    same_bits(run_source(program, A), out)
    v, w = np.cos(A), np.sin(1 + np.arange(out.size)).reshape(out.shape)
    step = 1e-6
    numerical = (ft.evaluate(program, A + step * v) - ft.evaluate(program, A - step * v)) / (2 * step)
    np.testing.assert_allclose(ft.jvp(f, (A,), (v,))[1], numerical, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(np.sum(w * numerical), np.sum(ft.vjp(f, A)[1](w)[0] * v), rtol=1e-6, atol=1e-8)


def test_several_axes_agree_with_numpy_up_to_rounding():
    for f in (lambda x: np.hypot.reduce(x, axis=None), lambda x: np.logaddexp.reduce(x, axis=(0, 2), keepdims=True)):
        np.testing.assert_allclose(ft.vjp(f, B)[0], f(B), rtol=1e-14)


# where= without out=: NumPy leaves what memory held; zero here, with derivative zero.


@pytest.mark.parametrize(
    ("ufunc", "x", "bad"),
    [
        (np.log, 0.5, -1.0),
        (np.sqrt, 0.5, -1.0),
        (np.log, 0.5, 0.0),
        (np.sqrt, 0.5, 0.0),
        (np.arccosh, 2.5, 0.5),
        (np.arctanh, 0.25, 1.0),
        (np.exp, 0.25, 1e4),
        (np.reciprocal, 0.25, 0.0),
        (np.arccos, 0.25, 2.0),
    ],
)
def test_what_where_leaves_out_is_zero_in_silence(ufunc, x, bad):
    point, mask = np.array([x, bad]), np.array([True, False])
    f = lambda x: ufunc(x, where=mask)  # noqa: E731
    slope = ft.grad(ufunc)(x)
    out, pullback = ft.vjp(f, point)
    assert np.array_equal(out, [ufunc(x), 0.0])
    assert np.array_equal(pullback(np.array([1.0, np.inf]))[0], [slope, 0.0])
    assert np.array_equal(ft.jvp(f, (point,), (np.ones(2),))[1], [slope, 0.0])
    program = ft.trace(f)(point).validate()
    same_bits(ft.evaluate(program, point), out)
    same_bits(run_source(program, point), out)
    curvature = ft.grad(ft.grad(ufunc))(x)
    second = ft.grad(lambda p: np.sum(ft.grad(lambda p: np.sum(f(p)))(p)))(point)
    np.testing.assert_allclose(second, [curvature, 0.0], rtol=1e-14)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.divide(x, x - x[0], where=ROW & (x != x[0])),
        lambda x: np.multiply(x, 2.0, where=M),
        lambda x: np.add(2.0, x, where=M, dtype=complex),
        lambda x: np.multiply.outer(x, C, where=C > 1),
        lambda x: np.modf(x, where=ROW),
        lambda x: np.add(x, 1, where=np.ones((4, 2, 3), bool)),
        lambda x: np.sin(x, where=False),
        lambda x: np.add(x.astype(np.float32), 1.5, where=M),
    ],
)
@pytest.mark.filterwarnings("ignore:'where' used without 'out'")
def test_where_agrees_with_numpy_where_it_holds(f):
    found, expected = ft.vjp(f, A)[0], f(A)
    program = ft.trace(f)(A).validate()
    same_bits(ft.evaluate(program, A), found)
    for a, b in zip(*[o if isinstance(o, tuple) else (o,) for o in (found, expected)], strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        assert ((a == b) | (a == 0)).all()
    tangent = ft.jvp(f, (A,), (np.cos(A),))[1]
    first = tangent[0] if isinstance(tangent, tuple) else tangent
    out = found[0] if isinstance(found, tuple) else found
    assert np.isfinite(first).all()
    assert (first[out == 0] == 0).all()


def test_lone_scalars():
    assert ft.grad(lambda x: np.add.reduce(x))(2.0) == 1.0
    assert ft.grad(lambda x: np.sin(x, dtype=np.float32))(0.0) == 1.0
    assert ft.grad(lambda x: np.sin(x, where=True))(0.0) == 1.0
    assert ft.grad(lambda x: np.multiply.outer(x, x))(3.0) == 6.0
    out = ft.vjp(lambda x: np.sin(x, dtype=np.float32), 0.5)[0]
    assert out.dtype == np.float32


def test_hypot_at_the_origin():
    assert np.array_equal(ft.grad(np.hypot.reduce)(np.zeros(3)), np.zeros(3))


# Errors.


def raised(f):
    for transform in (ft.grad, ft.trace):
        with pytest.raises(Exception) as caught:
            transform(f)(A)
    return caught.value


@pytest.mark.parametrize(
    ("f", "text", "fix"),
    [
        (
            lambda x: np.add.at(x, 0, 1.0),
            "`np.add.at` would write a traced value into an array",
            "Fix: write `x = functrans.numpy.at(x)[index].add(y)`, which returns the updated array.",
        ),
        (
            lambda x: np.subtract.at(np.ones(3), 0, x[0, 0]),
            "`np.subtract.at` would write a traced value into an array",
            "Fix: write `x = functrans.numpy.at(x)[index].add(-y)`, which returns the updated array.",
        ),
        (
            lambda x: np.multiply.at(np.ones(3), [0, 2], x[0, :2]),
            "`np.multiply.at` would write a traced value into an array",
            "Fix: write `x = functrans.numpy.at(x)[index].multiply(y)`, which returns the updated array.",
        ),
        (
            lambda x: np.divide.at(x, 0, 2.0),
            "`np.divide.at` would write a traced value into an array",
            "Fix: write `x = functrans.numpy.at(x)[index].set(np.divide(x[index], y))`, which returns the updated "
            "array.",
        ),
        (
            lambda x: np.negative.at(x, 0),
            "`np.negative.at` would write a traced value into an array",
            "Fix: write `x = functrans.numpy.at(x)[index].set(np.negative(x[index]))`, which returns the updated "
            "array.",
        ),
    ],
)
def test_at_is_refused(f, text, fix):
    error = raised(f)
    assert isinstance(error, TracedAssignmentError)
    assert str(error).startswith(text + "\n  at test_ufunc_methods.py:")
    assert str(error).endswith(fix)


@pytest.mark.parametrize(
    ("f", "kind", "text", "fix"),
    [
        (
            lambda x: np.sin(x, order="F"),
            UncoveredFunctionError,
            "`order='F'` of `np.sin` on a traced value is not covered",
            "Fix: leave it out: it chooses how the result lies in memory, which a traced value does not have.",
        ),
        (
            lambda x: np.subtract.reduce(x, axis=1, where=M),
            ShapeError,
            "`np.subtract.reduce` has nothing to start from: no identity, and `where=`",
            "Fix: pass `initial=`.",
        ),
        (
            lambda x: np.subtract.reduce(x[:0]),
            ShapeError,
            "`np.subtract.reduce` has nothing to start from: no identity, and no entries",
            "Fix: pass `initial=`.",
        ),
        (
            lambda x: np.sin(x, where=np.ones(3)),
            ShapeError,
            "`where=` of `np.sin` is Float64[3], which is not boolean",
            "Fix: write a comparison, such as `where=x > 0`.",
        ),
    ],
)
def test_error_texts(f, kind, text, fix):
    error = raised(f)
    assert isinstance(error, kind)
    assert str(error).startswith(text + "\n  at test_ufunc_methods.py:")
    assert str(error).endswith(fix)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.add(x, 1.5, dtype=int),
        lambda x: np.add(x, np.ones(3, complex), dtype=float),
        lambda x: np.add(x, np.float32(1), casting="no"),
        lambda x: np.less(x, 1, dtype=np.float32),
        lambda x: np.less.reduce(x),
        lambda x: np.power.reduce(x, axis=None),
        lambda x: np.sin(x, axis=0),
        lambda x: np.matmul(x, x.T, where=M),
        lambda x: np.sin.reduce(x),
        lambda x: np.sin.outer(x, x),
        lambda x: np.matmul(x, x.T, where=True, dtype=int),
        lambda x: np.add.accumulate(x, axis=None),
        lambda x: np.subtract.accumulate(x[0, 0]),
        lambda x: np.add.reduce(x, axis=2),
        lambda x: np.add.reduceat(x, [0, 2]),
        lambda x: np.add.reduceat(x, [[0]]),
        lambda x: np.add.accumulate(x, axis=5),
    ],
)
def test_numpys_own_errors(f):
    with pytest.raises(Exception) as own:
        f(A)
    error = raised(f)
    assert isinstance(error, type(own.value))
    assert str(error).splitlines()[0] == str(own.value).splitlines()[0]


def test_out_is_refused():
    for f in (lambda x: np.add.reduce(x, out=np.zeros(3)), lambda x: np.sin(x, out=np.zeros(3), where=ROW)):
        assert isinstance(raised(f), TracedAssignmentError)


def test_batches_of_segment_sums():
    x = np.sin(np.arange(1.0, 25.0)).reshape(3, 2, 4)
    check_batches(lambda x: np.add.reduceat(x, [0, 2, 1], axis=1), x)
    check_batches(lambda x: np.add.reduceat(x, [0, 1], dtype=np.float32), x)
    check_batches(lambda x: np.multiply.reduceat(x, [0, 2], axis=-1), x)


@pytest.mark.parametrize(
    "f",
    [
        lambda x, y: np.add.reduce(x, axis=1, keepdims=True, where=M),
        lambda x, y: np.multiply.reduce(x, axis=1, initial=2.0),
        lambda x, y: np.maximum.reduce(x, axis=0),
        lambda x, y: np.minimum.reduce(x, axis=None),
        lambda x, y: np.subtract.reduce(x, axis=1),
        lambda x, y: np.add.accumulate(x, axis=1),
        lambda x, y: np.multiply.accumulate(x, axis=0),
        lambda x, y: np.logaddexp.accumulate(x, axis=1),
        lambda x, y: np.add.outer(x, y),
        lambda x, y: np.power.outer(x, y, dtype=complex),
        lambda x, y: np.maximum.outer(y, x),
        lambda x, y: np.divide.outer(y, x),
    ],
)
def test_batches(f):
    check_batches(lambda x, y: f(x + 0 * y[0], y), np.stack([A, 2 * A, A[::-1]]), np.stack([C[:2], C[1:3], C[3:]]))
