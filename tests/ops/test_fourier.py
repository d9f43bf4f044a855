"""Fourier transforms against NumPy's own bits, sums written out, theorems, and numerical derivatives."""

import mpmath
import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans.errors import FunctransError, TracedAssignmentError, TracedValueError
from functrans.primitives import lookup
from functrans.testing import assert_laws, check_grads
from functrans.tracing.dispatch import FUNCTIONS
from tests.ops.agreement import check, drawn, run_source, same_bits, same_value, stays_single
from tests.ops.batches import check_batches

rng = np.random.default_rng(29)
X, Z = drawn(rng, 3, 4), drawn(rng, 3, 4, kind="c")
LINE, WAVE = drawn(rng, 5), drawn(rng, 5, kind="c")
CUBE, WAVES = drawn(rng, 2, 3, 4), drawn(rng, 2, 3, 4, kind="c")
NORMS = (None, "backward", "ortho", "forward")

ONE = {name: getattr(np.fft, name) for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")}
TWO = {name: getattr(np.fft, name) for name in ("fft2", "ifft2", "rfft2", "irfft2")}
MANY = {name: getattr(np.fft, name) for name in ("fftn", "ifftn", "rfftn", "irfftn")}
SHIFTS = {name: getattr(np.fft, name) for name in ("fftshift", "ifftshift")}
REAL = ("rfft", "ihfft", "rfft2", "rfftn")  # they take no complex numbers


def operands(name, real, complex):
    return [real] if name in REAL else [real, complex]


# Of every function and keyword: bits, both modes, second order, staging.

LINES = {
    "plain": {},
    "first axis": {"axis": 0},
    "padded": {"n": 7},
    "padded to an even length": {"n": 8, "axis": -2},
    "cropped": {"n": 2},
    "one": {"n": 1, "axis": 0},
    "cropped, ortho": {"n": 3, "norm": "ortho"},
    "padded, forward": {"n": 6, "axis": 0, "norm": "forward"},
    "backward": {"norm": "backward"},
}


@pytest.mark.parametrize("name", ONE)
@pytest.mark.parametrize("keywords", LINES.values(), ids=LINES)
def test_one_dimension(name, keywords):
    for x in operands(name, X, Z):
        check(lambda x: ONE[name](x, **keywords), x)


SHEETS = {
    "plain": {},
    "axes": {"axes": (0, 1)},
    "turned": {"axes": (2, 0), "norm": "ortho"},
    "padded and cropped": {"s": (4, 3), "axes": (1, 2), "norm": "forward"},
    "whole": {"s": (-1, 5), "axes": [0, -1]},
    "twice": {"axes": (1, 1)},
    "twice, cropped": {"s": (2, 3), "axes": (0, 0)},
}


@pytest.mark.parametrize("name", [*TWO, *MANY])
@pytest.mark.parametrize("keywords", SHEETS.values(), ids=SHEETS)
def test_several_dimensions(name, keywords):
    function = {**TWO, **MANY}[name]
    for x in operands(name, CUBE, WAVES):
        check(lambda x: function(x, **keywords), x)


@pytest.mark.parametrize("name", MANY)
def test_three_axes(name):
    for x in operands(name, CUBE, WAVES):
        same_value(lambda x: MANY[name](x, axes=(2, 0, 1)), x)
        same_value(lambda x: MANY[name](x, s=(3, 3, 3), axes=(0, 2, 1), norm="forward"), x)
        same_value(lambda x: MANY[name](x, axes=(1,)), x)
        same_value(lambda x: MANY[name](x, axes=(0, 1, 0, 2)), x)


@pytest.mark.parametrize("name", ["fftn", "ifftn"])
def test_no_axes_change_nothing(name):
    for x in (CUBE, WAVES, np.array(2.5)):
        same_value(lambda x: MANY[name](x, axes=()), x)


@pytest.mark.parametrize("name", SHIFTS)
@pytest.mark.parametrize("axes", [None, 0, -1, (0, 2), [1], (1, 1), np.int64(1), ()])
def test_shifts(name, axes):
    check(lambda x: SHIFTS[name](x, axes), CUBE)
    same_value(lambda x: SHIFTS[name](x, axes=axes), WAVES)


@pytest.mark.parametrize("name", SHIFTS)
def test_shifts_of_few_entries(name):
    for x in (np.zeros((0, 3)), np.ones(1)):
        same_value(SHIFTS[name], x)
    x = np.arange(12).reshape(3, 4)
    same_bits(ft.evaluate(ft.trace(SHIFTS[name])(x), x), SHIFTS[name](x))


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", ONE)
def test_norms(name, norm):
    for x in operands(name, LINE, WAVE):
        same_value(lambda x: ONE[name](x, None, -1, norm), x)
        same_value(lambda x: ONE[name](x, 4, 0, norm), x)


# Dtypes.


@pytest.mark.parametrize("name", [*ONE, *MANY, *TWO])
def test_single_precision(name):
    function = {**ONE, **MANY, **TWO}[name]
    for x in operands(name, CUBE, WAVES):
        stays_single(function, x)
        stays_single(lambda x: function(x, norm="ortho"), x)


@pytest.mark.parametrize("name", ONE)
@pytest.mark.parametrize("dtype", [np.longdouble, np.float16])
def test_other_precisions(name, dtype):
    for x in operands(name, X.astype(dtype), Z.astype(np.clongdouble)):
        expected = ONE[name](x, 5, norm="forward")
        program = ft.trace(lambda x: ONE[name](x, 5, norm="forward"))(x).validate()
        out, pullback = ft.vjp(lambda x: ONE[name](x, 5, norm="forward"), x)
        # Not their memory: long doubles have bytes that mean nothing.
        for found in (out, ft.evaluate(program, x), run_source(program, x)):
            assert found.dtype == expected.dtype
            assert np.array_equal(found, expected)
        assert ft.jvp(ONE[name], (x,), (x,))[1].dtype == out.dtype
        assert pullback(np.ones_like(out))[0].dtype == x.dtype


def test_long_doubles_keep_their_precision():
    x = np.linspace(0, 1, 7, dtype=np.longdouble) / 3
    gradient = ft.grad(lambda x: np.sum(np.abs(np.fft.rfft(x)[1:]) ** 2) * 2 + np.fft.rfft(x)[0].real ** 2)(x)
    np.testing.assert_allclose(gradient, 14 * x, rtol=0, atol=float(50 * np.finfo(np.longdouble).eps))


@pytest.mark.parametrize("name", [*ONE, *MANY])
@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.uint16, bool])
def test_integers_become_numpys_dtype(name, dtype):
    function = {**ONE, **MANY}[name]
    x = np.arange(6).reshape(2, 3).astype(dtype)
    program = ft.trace(function)(x).validate()
    same_bits(ft.evaluate(program, x), function(x))
    same_bits(run_source(program, x), function(x))


# Against the definition.


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("n", [1, 2, 5, 6])
def test_matrices_against_sums_in_many_digits(n, norm):
    with mpmath.workdps(30):
        turn = [[mpmath.expjpi(mpmath.mpf(-2 * j * k) / n) for j in range(n)] for k in range(n)]
        forward = np.array([[complex(w) for w in row] for row in turn])
    down = {"ortho": n**0.5, "forward": n}.get(norm, 1)
    up = n / down
    half = n // 2 + 1
    close = {"rtol": 0, "atol": 1e-14}
    eye = np.eye(n)
    jacobian = ft.jacobian(lambda x: np.fft.fft(x, norm=norm), holomorphic=True)(eye[0] + 0j)
    np.testing.assert_allclose(jacobian, forward / down, **close)
    jacobian = ft.jacobian(lambda x: np.fft.ifft(x, norm=norm), holomorphic=True)(eye[0] + 0j)
    np.testing.assert_allclose(jacobian, forward.conj() / up, **close)
    for part in (np.real, np.imag):
        for jac in (ft.jacrev, ft.jacfwd):
            found = jac(lambda x: part(np.fft.rfft(x, norm=norm)))(eye[0])
            np.testing.assert_allclose(found, part(forward[:half]) / down, **close)
            found = jac(lambda x: part(np.fft.ihfft(x, norm=norm)))(eye[0])
            np.testing.assert_allclose(found, part(forward[:half].conj()) / up, **close)
    weights = np.array([1 if k == 0 or 2 * k == n else 2 for k in range(half)])
    for name, matrix in (("irfft", forward.conj() / up), ("hfft", forward / down)):
        for jac in (ft.jacrev, ft.jacfwd):
            re, im = jac(lambda a, b: getattr(np.fft, name)(a + 1j * b, n, norm=norm), (0, 1))(
                eye[0, :half], eye[0, :half]
            )
            np.testing.assert_allclose(re, (weights * matrix[:, :half]).real, **close)
            np.testing.assert_allclose(im, -(weights * matrix[:, :half]).imag, **close)


@pytest.mark.parametrize(("n", "ends"), [(6, [0, 3]), (5, [0])])
def test_imaginary_parts_of_the_ends_have_no_part_in_irfft(n, ends):
    z = drawn(rng, n // 2 + 1, kind="c")
    for function in (np.fft.irfft, np.fft.hfft):
        gradient = ft.grad(lambda z: np.sum(np.sin(function(z, n))))(z)
        assert np.array_equal(gradient.imag[ends], np.zeros(len(ends)))
        inside = np.setdiff1d(np.arange(n // 2 + 1), ends)
        assert (gradient.imag[inside] != 0).all()
        moved = z + 0
        moved[ends] += 5j
        assert np.array_equal(function(moved, n), function(z, n))


@pytest.mark.parametrize("n", [None, 3, 4, 9])
def test_transposes_pair_without_conjugation(n):
    for name, function in ONE.items():
        x = LINE if name in REAL else WAVE
        out, pullback = ft.vjp(lambda x: function(x, n), x)
        w = drawn(rng, *out.shape, kind=out.dtype.kind)
        np.testing.assert_allclose(np.sum(w * out).real, np.sum(pullback(w)[0] * x).real, rtol=1e-13)
    padded = drawn(rng, 5, kind="c")
    np.testing.assert_allclose(ft.vjp(np.fft.fft, WAVE)[1](padded)[0], np.fft.fft(padded), rtol=1e-13)
    np.testing.assert_allclose(ft.vjp(np.fft.ifft, WAVE)[1](padded)[0], np.fft.ifft(padded), rtol=1e-13)


def test_a_cropped_entry_is_given_nothing():
    # And nothing of what is infinite elsewhere: what is cropped away absorbs.
    gradient = ft.grad(lambda x: np.sum(np.abs(np.fft.fft(np.sqrt(x), 2)) ** 2))(np.array([1.0, 4.0, 0.0]))
    np.testing.assert_allclose(gradient, [2.0, 2.0, 0.0], rtol=1e-14)


# Theorems.


@pytest.mark.parametrize("n", [7, 8])
def test_parseval(n):
    x = drawn(rng, n)
    np.testing.assert_allclose(ft.grad(lambda x: np.sum(np.abs(np.fft.fft(x)) ** 2))(x), 2 * n * x, rtol=1e-12)
    np.testing.assert_allclose(
        ft.grad(lambda x: np.sum(np.abs(np.fft.fft(x, norm="ortho")) ** 2))(x), 2 * x, rtol=1e-12
    )
    hessian = ft.hessian(lambda x: np.sum(np.abs(np.fft.ifft(x)) ** 2))(x)
    np.testing.assert_allclose(hessian, 2 / n * np.eye(n), atol=1e-14)


def test_the_power_spectrum_of_one_frequency():
    # |sum x_j w^jk|^2 has the gradient 2 Re(X_k conj(w^jk)).
    j, k = np.arange(5), 2
    gradient = ft.grad(lambda x: np.abs(np.fft.rfft(x)[k]) ** 2)(LINE)
    wave = np.exp(-2j * np.pi * j * k / 5)
    np.testing.assert_allclose(gradient, 2 * np.real(np.sum(LINE * wave) * wave.conj()), rtol=1e-12)


def test_the_shift_theorem():
    n, frequencies = 8, np.fft.rfftfreq(8)

    def wave(t):
        return np.fft.irfft(
            np.fft.rfft(np.sin(2 * np.pi * np.arange(n) / n)) * np.exp(-2j * np.pi * frequencies * t), n
        )

    out, slope = ft.jvp(wave, (1.5,), (1.0,))
    turn = 2 * np.pi * (np.arange(n) - 1.5) / n
    np.testing.assert_allclose(out, np.sin(turn), atol=1e-15)
    np.testing.assert_allclose(slope, -2 * np.pi / n * np.cos(turn), atol=1e-15)
    second = ft.jvp(lambda t: ft.jvp(wave, (t,), (1.0,))[1], (1.5,), (1.0,))[1]
    np.testing.assert_allclose(second, -((2 * np.pi / n) ** 2) * np.sin(turn), atol=1e-15)


def test_convolution():
    def smooth(x, y):
        return np.sum(np.fft.irfft(np.fft.rfft(x, 9) * np.fft.rfft(y, 9), 9) ** 2)

    x, y = LINE, drawn(rng, 5)

    def convolved(x, y):
        return sum(x[i] * np.pad(y, (i, 4 - i)) for i in range(5))

    expected = ft.grad(lambda x, y: np.sum(convolved(x, y) ** 2), (0, 1))(x, y)
    for found, wanted in zip(ft.grad(smooth, (0, 1))(x, y), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
    check_grads(smooth, (x, y), order=2)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.fft.irfftn(np.fft.rfftn(x) * np.exp(-(np.abs(np.fft.rfftn(x)) ** 2)), x.shape),
        lambda x: np.fft.fftshift(np.abs(np.fft.fft2(x)) ** 2),
        lambda x: np.fft.hfft(np.fft.ihfft(np.sin(x)) ** 2, 3).real,
    ],
)
@pytest.mark.filterwarnings("ignore:`axes` should not be `None`:DeprecationWarning")
def test_compositions(f):
    check_grads(f, (X / 2,), order=2)


# Frequencies: NumPy's functions are made of operators.


@pytest.mark.parametrize("function", [np.fft.fftfreq, np.fft.rfftfreq])
@pytest.mark.parametrize("n", [1, 4, 5])
def test_frequencies(function, n):
    check(lambda d: function(n, d), np.array([0.3]))
    for d in (0.3, np.float64(0.3), np.float32(0.3)):
        program = ft.trace(lambda d: function(n, d))(d).validate()
        same_bits(ft.evaluate(program, d), function(n, d))
        same_bits(run_source(program, d), function(n, d))
        same_bits(ft.vjp(lambda d: function(n, d), d)[0], function(n, d))
    slope = ft.jvp(lambda d: function(n, d), (0.25,), (1.0,))[1]
    np.testing.assert_allclose(slope, -function(n, 1.0) * 16, rtol=1e-15)
    check_batches(lambda d: function(n, d), np.array([0.3, 0.5, 1.5]))


def test_a_traced_number_of_points_is_refused():
    for f in (lambda n: np.fft.fftfreq(n), lambda n: np.fft.rfftfreq(n), lambda n: np.fft.fft(LINE * 1.0, n)):
        with pytest.raises((FunctransError, ValueError, TypeError)):
            ft.vjp(f, 4.0)
        with pytest.raises((FunctransError, ValueError, TypeError)):
            ft.trace(f)(4)
    with pytest.raises(TracedValueError, match="count or an index"):
        ft.trace(lambda x, n: np.fft.fft(x, n))(LINE, 4)


# Batches.


@pytest.mark.parametrize("name", [*ONE, *MANY, *SHIFTS])
def test_batches(name):
    function = {**ONE, **MANY, **SHIFTS}[name]
    for x in operands(name, CUBE, WAVES):
        check_batches(function, x)
    keywords = {"n": 2, "axis": 0} if name in ONE else {"axes": (-1, 0)}
    check_batches(lambda x: function(x, **keywords), CUBE)


def test_a_batch_is_one_transform():
    program = ft.trace(ft.vmap(lambda x: np.fft.rfftn(x, axes=(1, 0))))(CUBE)
    assert [e.primitive.name for e in program.equations] == ["rfft", "fft"]


# Laws, of drawn cases too.


@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft"])
def test_laws(name):
    assert_laws(lookup(name), max_examples=5)


# Few entries, and errors.


def test_nothing_along_other_axes():
    for x in (np.zeros((0, 4)), np.zeros((2, 0, 3))):
        for name, function in {**ONE, "rfft2": lambda x: np.fft.rfft2(x, (2, 2))}.items():
            same_value(function, x)
            assert ft.grad(lambda x: np.sum(np.abs(function(x)) ** 2))(x).shape == x.shape, name


BAD = {
    "no points": lambda f, x: f(x[:, :0]),
    "zero points": lambda f, x: f(x, 0),
    "negative": lambda f, x: f(x, -3),
    "axis": lambda f, x: f(x, axis=2),
    "axis, and a length": lambda f, x: f(x, 3, axis=-3),
    "a number": lambda f, x: f(x[0, 0]),
    "norm": lambda f, x: f(x, norm="orthogonal"),
    "fraction": lambda f, x: f(x, 2.5),
    "axis none": lambda f, x: f(x, axis=None),
    "word": lambda f, x: f(x, "four"),
}


@pytest.mark.parametrize("name", ONE)
@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_numpys_own_errors(name, bad):
    refused_like_numpy(lambda x: bad(ONE[name], x), X)


BAD_SHEETS = {
    "lengths": lambda f, x: f(x, (2, 2), (0,)),
    "axes": lambda f, x: f(x, axes=(0, 3)),
    "no points": lambda f, x: f(x[:, :0], axes=(0, 1)),
    "zero points": lambda f, x: f(x, s=(0, 2), axes=(0, 1)),
    "norm": lambda f, x: f(x, norm=2),
    "one axis": lambda f, x: f(x, axes=0),
    "one length": lambda f, x: f(x, s=3, axes=(0,)),
    "one axis, lengths": lambda f, x: f(x, s=(3,), axes=0),
}


@pytest.mark.parametrize("name", [*TWO, *MANY])
@pytest.mark.parametrize("bad", BAD_SHEETS.values(), ids=BAD_SHEETS)
def test_numpys_own_errors_in_several_dimensions(name, bad):
    refused_like_numpy(lambda x: bad({**TWO, **MANY}[name], x), X)


def test_no_axes_of_a_real_spectrum():
    for name in ("rfftn", "irfftn"):
        refused_like_numpy(lambda x: MANY[name](x, axes=()), X)


@pytest.mark.parametrize("name", SHIFTS)
def test_numpys_own_errors_of_shifts(name):
    for axes in (3, (0, 5), 1.5, "x"):
        refused_like_numpy(lambda x: SHIFTS[name](x, axes), X)


@pytest.mark.parametrize("name", REAL)
def test_complex_numbers_are_refused_where_numpy_does(name):
    refused_like_numpy(getattr(np.fft, name), Z)


def refused_like_numpy(f, x):
    """Traced, it raises NumPy's kind of error, and its message where functrans says nothing more."""
    with pytest.raises(Exception) as own:
        f(x)
    for run in (lambda: ft.vjp(f, x), lambda: ft.trace(f)(x)):
        with pytest.raises((type(own.value), FunctransError)) as found:
            run()
        if type(own.value) is ValueError:
            assert str(found.value).replace(" ", "") == str(own.value).replace(" ", "")
        elif not isinstance(found.value, np.exceptions.AxisError):
            assert isinstance(found.value, type(own.value))


def test_what_numpy_deprecates_is_deprecated_here():
    for f in (
        lambda x: np.fft.fftn(x, (2, 3)),
        lambda x: np.fft.rfftn(x, [3]),
        lambda x: np.fft.irfftn(x, (None, 3), (0, 1)),
        lambda x: np.fft.ifft2(x, (2, None)),
        lambda x: np.fft.irfft2(x, (2, None)),
    ):
        with pytest.warns(DeprecationWarning, match="deprecated|Deprecated"):
            expected = f(X)
        with pytest.warns(DeprecationWarning, match="deprecated|Deprecated") as said:
            same_bits(ft.vjp(f, X)[0], expected)
        assert said[0].filename == __file__


@pytest.mark.parametrize("name", [*ONE, *TWO, *MANY])
def test_out_is_refused(name):
    function = getattr(np.fft, name)
    out = np.empty(8, complex)
    axis = -1 if name in ONE else (-2, -1)
    for f in (lambda x: function(x, out=out), lambda x: function(x, None, axis, None, out)):
        for transform in (ft.vjp, lambda f, x: ft.trace(f)(x)):
            with pytest.raises(TracedAssignmentError, match=rf"np\.fft\.{name}"):
                transform(f, X)


def test_a_list_with_a_traced_entry_is_refused_and_says_what_to_write():
    for transform in (ft.grad, ft.trace):
        with pytest.raises(TracedValueError, match=r"functrans\.numpy\.array"):
            transform(lambda x: np.fft.fft([x, 1.0])[0].real)(2.0)
    assert ft.grad(lambda x: np.fft.fft(fnp.array([x, 1.0]))[1].real)(2.0) == 1.0


# The namespace.


def test_names():
    assert set(dir(fnp.fft)) == set(np.fft.__all__)
    assert set(fnp.fft.__all__) == set(np.fft.__all__)
    for name in np.fft.__all__:
        assert getattr(fnp.fft, name) is getattr(np.fft, name)
        assert getattr(np.fft, name) in FUNCTIONS or name in ("fftfreq", "rfftfreq")
    scope = {}
    exec("from functrans.numpy.fft import *", scope)
    assert scope["irfftn"] is np.fft.irfftn
