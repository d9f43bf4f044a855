"""Spectra of segments beside SciPy's, and their derivatives."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal

import functrans as ft
import functrans.scipy.signal as signal
from functrans.errors import UncoveredFunctionError
from functrans.testing import check_grads

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(2, 40)), RNG.normal(size=40)
CALLS = {
    "welch": lambda s, x: s.welch(x, nperseg=16)[1],
    "welch, median": lambda s, x: s.welch(x, 2.0, nperseg=8, noverlap=2, average="median", detrend="linear")[1],
    "welch, axis": lambda s, x: s.welch(x.T, nperseg=15, nfft=20, axis=0, scaling="spectrum", detrend=False)[1],
    "welch, two-sided": lambda s, x: s.welch(x, window="boxcar", nperseg=16, return_onesided=False)[1],
    "periodogram": lambda s, x: s.periodogram(x, 3.0)[1],
    "periodogram, short": lambda s, x: s.periodogram(x, nfft=30, window="hamming")[1],
    "csd": lambda s, x: s.csd(x, Y, nperseg=16)[1],
    "csd, other length": lambda s, x: s.csd(x[0], Y[:30], window=np.hanning(16), average="median")[1],
    "stft": lambda s, x: s.stft(x, nperseg=16)[2],
    "stft, bare": lambda s, x: s.stft(x, nperseg=10, noverlap=7, nfft=12, boundary=None, padded=False, scaling="psd")[
        2
    ],
    "stft, axis": lambda s, x: s.stft(x.T, nperseg=9, axis=0, detrend="constant")[2],
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_spectra(call):
    expected = call(scipy.signal, X)
    for found in (ft.vjp(lambda x: call(signal, x), X)[0], ft.evaluate(ft.trace(lambda x: call(signal, x))(X), X)):
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(call(signal, X), expected)
    weights = RNG.normal(size=expected.shape)
    check_grads(lambda x: np.sum(weights * np.abs(call(signal, x)) ** 2), (X,), order=2)
    batched = ft.vmap(lambda x: call(signal, x))(np.stack([X, 2 * X]))
    np.testing.assert_allclose(batched[0], expected, rtol=1e-12, atol=1e-14)


Z = np.random.default_rng(1).normal(size=(2, 9, 5)) + 1j * np.random.default_rng(2).normal(size=(2, 9, 5))
INVERSES = {
    "istft": lambda s, z: s.istft(z)[1],
    "istft, bare": lambda s, z: s.istft(
        z, nperseg=14, noverlap=9, nfft=16, boundary=False, scaling="psd", window="hamming"
    )[1],
    "istft, two-sided": lambda s, z: np.real(s.istft(z, input_onesided=False, window="hamming")[1]),
}


@pytest.mark.parametrize("call", INVERSES.values(), ids=INVERSES)
def test_inverses(call):
    expected = call(scipy.signal, Z)
    found = ft.vjp(lambda z: call(signal, z), Z)[0]
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
    check_grads(lambda z: np.sum(call(signal, z) ** 2), (Z,), order=2)


def test_frequencies_and_times_are_plain():
    def f(x):
        freqs, times, spectrum = signal.stft(x, 4.0, nperseg=16)
        expected = scipy.signal.stft(X, 4.0, nperseg=16)
        np.testing.assert_array_equal(freqs, expected[0])
        np.testing.assert_array_equal(times, expected[1])
        return np.sum(np.abs(spectrum))

    ft.grad(f)(X)


def test_what_is_refused():
    for call, error in (
        (lambda x: signal.stft(x, nperseg=8, boundary="even"), UncoveredFunctionError),
        (lambda x: signal.stft(x, nperseg=8, scaling="density"), ValueError),
        (lambda x: signal.welch(x, nperseg=8, average="mode"), ValueError),
        (lambda x: signal.welch(x, nperseg=8, noverlap=8), ValueError),
        (lambda x: signal.welch(x, nperseg=8, nfft=4), ValueError),
        (lambda x: signal.welch(x, nperseg=8, scaling="none"), ValueError),
        (lambda x: signal.welch(x, window=np.ones(60)), ValueError),
        (lambda x: signal.welch(x, window=np.ones((2, 2))), ValueError),
        (lambda x: signal.welch(x, window=np.ones(8), nperseg=9), ValueError),
    ):
        with pytest.raises(error):
            ft.grad(lambda x: np.sum(call(x)[1]))(X)


def test_plain_arguments_are_scipys():
    for ours, theirs in (
        (signal.csd(X, X, nperseg=8), scipy.signal.csd(X, X, nperseg=8)),
        (signal.welch(X, nperseg=8), scipy.signal.welch(X, nperseg=8)),
        (signal.periodogram(X), scipy.signal.periodogram(X)),
        (signal.istft(Z), scipy.signal.istft(Z)),
    ):
        np.testing.assert_array_equal(ours[1], theirs[1])
