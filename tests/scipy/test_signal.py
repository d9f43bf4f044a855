"""functrans.scipy.signal."""

import numpy as np
import pytest
import scipy.signal

import functrans as ft
import functrans.scipy.signal as signal
from functrans.errors import UncoveredFunctionError
from functrans.testing import check_grads
from functrans.testing.compare import assert_close
from tests.ops.agreement import check, drawn, same_bits, same_value, stays_single

RNG = np.random.default_rng(4)
X, Z = drawn(RNG, 2, 9), drawn(RNG, 2, 9, kind="c")
PICTURE, KERNEL, CKERNEL = drawn(RNG, 5, 4), drawn(RNG, 3, 2), drawn(RNG, 2, 3, kind="c")
VOLUME, CORE = drawn(RNG, 3, 4, 2), drawn(RNG, 2, 2, 2)
B, A = np.array([0.3, -0.2, 0.5]), np.array([1.25, -0.4, 0.3, 0.1])
MODES = ("full", "same", "valid")


def like_scipy(name, *args, of=0, **keywords):
    """Traced in one operand, SciPy's value to the bit."""

    def f(x):
        given = list(args)
        given[of] = x
        return getattr(signal, name)(*given, **keywords)

    same_bits(f(args[of]), getattr(scipy.signal, name)(*args, **keywords))
    same_value(f, args[of])


def batched(f, *args, precise=1e-12):
    """A batch is the stack of a loop, values and gradients, whichever operands are batched."""
    many = [np.stack([x, 0.5 * x + 0.1, 1.1 * x]) for x in args]

    def loss(*one):
        return np.sum(np.abs(f(*one)) ** 2)

    for flags in np.ndindex(*[2] * len(args)):
        if not any(flags):
            continue
        axes = tuple([0 if flag else None for flag in flags])
        given = [m if flag else m[0] for m, flag in zip(many, flags, strict=True)]
        rows = [[g[i] if flag else g for g, flag in zip(given, flags, strict=True)] for i in range(3)]
        assert_close(ft.vmap(f, axes)(*given), np.stack([f(*row) for row in rows]), precise=precise)
        numbers = tuple(range(len(args)))
        found = ft.vmap(ft.grad(loss, numbers), axes)(*given)
        expected = [ft.grad(loss, numbers)(*row) for row in rows]
        for i in numbers:
            assert_close(found[i], np.stack([e[i] for e in expected]), precise=precise)


@pytest.mark.parametrize("name", ["convolve", "correlate", "fftconvolve", "oaconvolve"])
@pytest.mark.parametrize("mode", MODES)
def test_convolutions(name, mode):
    f = getattr(signal, name)
    for a, v in [(X[0], B), (B, Z[0]), (PICTURE, KERNEL), (KERNEL, PICTURE), (PICTURE + 0j, CKERNEL), (VOLUME, CORE)]:
        check(lambda a, v: f(a, v, mode), a, v)
        like_scipy(name, a, v, mode)
        like_scipy(name, a, v, mode, of=1)
    check(lambda a, v: f(a, v, mode), np.array(2.0), np.array(3.0))
    stays_single(lambda a, v: f(a, v, mode), PICTURE, KERNEL)
    for a, v in [(X[0], B), (B, X[0]), (PICTURE, KERNEL), (KERNEL, PICTURE)]:
        batched(lambda a, v: f(a, v, mode), a, v)


def test_methods_and_axes():
    for name in ("convolve", "correlate"):
        for method in ("auto", "direct", "fft"):
            like_scipy(name, PICTURE, KERNEL, "same", method)
            check(lambda a, v: getattr(signal, name)(a, v, "same", method), PICTURE, KERNEL)
    for name in ("fftconvolve", "oaconvolve"):
        for mode in MODES:
            like_scipy(name, X, X[:1, :3], mode, axes=1)
            check(lambda a, v: getattr(signal, name)(a, v, mode, axes=[-1]), X, X[:1, :3])
            check(lambda a, v: getattr(signal, name)(a, v, mode, 0), VOLUME, CORE[:, :1])


def test_convolutions_refuse():
    for f, args, kind in [
        (signal.convolve, (X, B), ValueError),
        (signal.convolve, (X, X, "none"), ValueError),
        (signal.convolve, (X, X, "full", "none"), ValueError),
        (signal.convolve, (np.ones((2, 3)), np.ones((3, 2)), "valid"), ValueError),
        (signal.fftconvolve, (X, B), ValueError),
        (signal.fftconvolve, (X, X, "full", []), ValueError),
        (signal.convolve2d, (X, B), ValueError),
        (signal.convolve2d, (X, X, "full", "none"), ValueError),
    ]:
        with pytest.raises(kind):
            f(*args)
        with pytest.raises(kind):
            ft.vjp(lambda x: f(x, *args[1:]), args[0])
    with pytest.raises(UncoveredFunctionError, match="continue the picture"):
        ft.vjp(lambda x: signal.convolve2d(x, PICTURE, boundary="wrap"), KERNEL)


@pytest.mark.parametrize("name", ["convolve2d", "correlate2d"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("boundary", ["fill", "wrap", "symm", "pad", "circular", "symmetric"])
def test_pictures(name, mode, boundary):
    f = getattr(signal, name)
    for a, v in [(PICTURE, KERNEL), (PICTURE + 0j, CKERNEL), (PICTURE[:3], PICTURE[1:3, :4])]:
        like_scipy(name, a, v, mode, boundary, 0.5)
        check(lambda a, v: f(a, v, mode, boundary), a, v)
    check(lambda a, v, c: f(a, v, mode, boundary, c), PICTURE, KERNEL, np.array(0.3))
    if boundary == "fill":
        check(lambda a, v: f(a, v, mode), KERNEL, PICTURE)
    stays_single(lambda a, v: f(a, v, mode, boundary), PICTURE, KERNEL)
    if boundary == "wrap":
        batched(lambda a, v: f(a, v, mode, boundary), PICTURE, KERNEL)


def test_lfilter():
    for b, a in [(B, A), (A, B), (B[:1], A), (B, A[:1]), (B[:1], A[:1]), (B + 0.2j, A)]:
        check(signal.lfilter, b, a, X)
        like_scipy("lfilter", b, a, X, of=2)
        like_scipy("lfilter", b, a, X, of=1)
    check(lambda b, a, x: signal.lfilter(b, a, x, axis=0), B, A, X)
    check(signal.lfilter, B, A, X[0, :2])
    check(lambda x: signal.lfilter(0.5, [1, -0.5], x), X)
    stays_single(signal.lfilter, B, A, X)
    batched(signal.lfilter, B, A, X)
    batched(lambda x: signal.lfilter(B, A, x, axis=0), X)


def test_lfilter_with_a_state():
    zi = drawn(RNG, 2, 3)
    for b, a in [(B, A), (A, B), (B, A[:1])]:
        order = max(len(a), len(b)) - 1
        f = signal.lfilter
        check(lambda b, a, x, zi: f(b, a, x, zi=zi), b, a, X, zi[:, :order])
        like_scipy("lfilter", b, a, X, of=2, zi=zi[:, :order])
    check(lambda x, zi: signal.lfilter(B, A, x, 0, zi), X.T, drawn(RNG, 3, 2))
    check(lambda x, zi: signal.lfilter(B, A, x, zi=zi)[1], X[0, :2], zi[0])
    batched(lambda b, a, x, zi: signal.lfilter(b, a, x, zi=zi)[0], B, A, X, zi)
    batched(lambda x, zi: signal.lfilter(B, A, x, zi=zi)[1], X, zi)
    with pytest.raises(ValueError, match="zi"):
        ft.vjp(lambda x: signal.lfilter(B, A, x, zi=zi.T), X)
    with pytest.raises(ValueError):
        ft.vjp(lambda x: signal.lfilter(B, [0.0, 1.0], x), X)


def test_a_pole_by_hand():
    """y[n] = pole ** n, whose derivative is n * pole ** (n - 1)."""
    impulse = np.eye(1, 6)[0]
    f = lambda pole: signal.lfilter([1.0], np.stack([1.0, -pole]), impulse)  # noqa: E731
    n = np.arange(6)
    assert_close(ft.jvp(f, (0.7,), (1.0,))[1], n * 0.7 ** (n - 1.0), precise=1e-14)
    second = ft.jvp(lambda p: ft.jvp(f, (p,), (1.0,))[1], (0.7,), (1.0,))[1]
    assert_close(second, n * (n - 1) * 0.7 ** (n - 2.0), precise=1e-13)


@pytest.mark.parametrize("padtype", ["odd", "even", "constant", None])
def test_filtfilt(padtype):
    x = drawn(RNG, 2, 20)
    like_scipy("filtfilt", B, A, x, of=2, padtype=padtype)
    like_scipy("filtfilt", B, A, x, of=0, padtype=padtype, padlen=4)
    check(lambda b, a, x: signal.filtfilt(b, a, x, padtype=padtype, padlen=2), B, A, x[:, :6], precise=1e-8)
    sos = scipy.signal.butter(3, 0.4, output="sos")
    like_scipy("sosfiltfilt", sos, x, of=1, padtype=padtype)
    check(lambda x: signal.sosfiltfilt(sos, x, 1, padtype, 3), x[:, :6])


def test_filtfilt_refuses():
    for keywords, kind in [
        ({"method": "gust"}, UncoveredFunctionError),
        ({"padtype": "none"}, ValueError),
        ({"padlen": 20}, ValueError),
        ({"method": "none"}, ValueError),
    ]:
        with pytest.raises(kind):
            ft.vjp(lambda x: signal.filtfilt(B, A, x, **keywords), X)


def test_sections():
    sos = np.array(scipy.signal.butter(3, 0.4, output="sos"))
    zi = drawn(RNG, 2, 2, 2)
    like_scipy("sosfilt", sos, X, of=1)
    like_scipy("sosfilt", sos, X, of=1, zi=zi)
    like_scipy("sosfilt", sos, Z, 0, of=1)
    check(lambda x, zi: signal.sosfilt(sos, x, zi=zi), X, zi)

    def in_parts(b, a, x):
        return signal.sosfilt(np.concatenate([b, np.ones((2, 1)), a], axis=1), x)

    check(in_parts, sos[:, :3], sos[:, 4:], X)
    batched(in_parts, sos[:, :3], sos[:, 4:], X)
    stays_single(in_parts, sos[:, :3], sos[:, 4:], X)
    like_scipy("lfilter_zi", B, A)
    like_scipy("lfilter_zi", B, A, of=1)
    check(signal.lfilter_zi, B, A)
    check(signal.lfilter_zi, A, B)
    same_value(lambda b: signal.sosfilt_zi(np.concatenate([b, sos[:, 3:]], axis=1)), sos[:, :3])
    with pytest.raises(ValueError):
        ft.vjp(lambda x: signal.sosfilt(2 * sos, x), X)
    with pytest.raises(ValueError):
        ft.vjp(lambda x: signal.sosfilt(sos, x, zi=zi[0]), X)


def test_deconvolve():
    like_scipy("deconvolve", X[0], B)
    like_scipy("deconvolve", X[0], B, of=1)
    check(signal.deconvolve, X[0], B)
    same_bits(ft.vjp(lambda x: signal.deconvolve(x, X[0])[1], B)[0], B)


def test_detrend():
    for x in (X, Z):
        for keywords in ({}, {"type": "constant"}, {"axis": 0}, {"bp": [3, 5]}, {"type": "c", "axis": 0}):
            like_scipy("detrend", x, **keywords)
            check(lambda x: signal.detrend(x, **keywords), x)
    stays_single(signal.detrend, X)
    batched(lambda x: signal.detrend(x, axis=0), X)


def test_hilbert():
    for n in (None, 6, 7, 12):
        like_scipy("hilbert", X, n)
        check(lambda x: signal.hilbert(x, n), X)
    like_scipy("hilbert", X, axis=0)
    stays_single(signal.hilbert, X)
    batched(lambda x: signal.hilbert(x, axis=0), X)
    with pytest.raises(ValueError, match="real"):
        ft.vjp(signal.hilbert, Z)


@pytest.mark.parametrize("mode", ["mirror", "constant", "nearest", "interp", "wrap"])
def test_savgol_filter(mode):
    for window, order, deriv in ((5, 2, 0), (5, 3, 1), (4, 2, 0), (7, 2, 2)):
        if mode == "interp" and window % 2 == 0:
            continue
        like_scipy("savgol_filter", X, window, order, deriv, 0.5, mode=mode, cval=0.3)
        check(lambda x: signal.savgol_filter(x, window, order, deriv, 0.5, mode=mode, cval=0.3), X)
    check(lambda x: signal.savgol_filter(x, 5, 2, axis=0, mode=mode), X.T)
    stays_single(lambda x: signal.savgol_filter(x, 5, 2, mode=mode), X)
    batched(lambda x: signal.savgol_filter(x, 5, 2, mode=mode), X)


@pytest.mark.parametrize("num", [4, 5, 8, 9, 12, 13])
def test_resample(num):
    for x in (X, Z, X[:, :8], Z[:, :8]):
        window = 1 + np.arange(x.shape[1]) / 9
        for given in (None, "hamming", window):
            keywords = {"window": given, "axis": 1}
            like_scipy("resample", x, num, **keywords)
            check(lambda x: signal.resample(x, num, **keywords), x)
        like_scipy("resample", x, num, domain="freq", axis=1)
        check(lambda x: signal.resample(x, num, domain="freq", axis=1), x)
    like_scipy("resample", X, num, np.arange(2.0))
    stays_single(lambda x: signal.resample(x, num, axis=1), X)
    batched(lambda x: signal.resample(x, num, axis=1), X)
    same_value(lambda x: signal.resample(x, num, axis=1, window=np.cosh), X)


def test_upfirdn_and_decimate():
    for up, down in ((1, 1), (3, 1), (1, 2), (3, 2), (2, 5)):
        for h, x in ((B, X), (A, Z)):
            like_scipy("upfirdn", h, x, up, down)
            like_scipy("upfirdn", h, x, up, down, axis=0, of=1)
            check(lambda h, x: signal.upfirdn(h, x, up, down), h, x)
            check(lambda h, x: signal.upfirdn(h, x, up, down, 0), h, x)
    stays_single(lambda h, x: signal.upfirdn(h, x, 2, 3), B, X)
    batched(lambda h, x: signal.upfirdn(h, x, 2, 3), B, X)
    with pytest.raises(UncoveredFunctionError):
        ft.vjp(lambda x: signal.upfirdn(B, x, mode="symmetric"), X)
    x = drawn(RNG, 2, 70)
    for keywords in ({}, {"zero_phase": False}, {"ftype": "fir"}, {"ftype": "fir", "zero_phase": False}, {"n": 3}):
        like_scipy("decimate", x, 2, **keywords)
        f = lambda x: np.sum(signal.decimate(x, 3, **keywords) ** 2)  # noqa: E731
        check_grads(f, (x,), order=2)
    batched(lambda x: signal.decimate(x, 2), x)
    with pytest.raises(UncoveredFunctionError):
        ft.vjp(lambda x: signal.decimate(x, 2, ftype=scipy.signal.dlti([1], [1, 0.5])), x)
