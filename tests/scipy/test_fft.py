"""functrans.scipy.fft."""

import numpy as np
import pytest
import scipy.fft

import functrans as ft
import functrans.scipy.fft as fft
from functrans.testing import check_grads
from functrans.testing.compare import assert_close
from tests.ops.agreement import check, drawn, refused, same_bits, same_value, stays_single

RNG = np.random.default_rng(3)
X, Z = drawn(RNG, 3, 5), drawn(RNG, 3, 5, kind="c")
NORMS = (None, "backward", "ortho", "forward")
ONE = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
TWO = ("fft2", "ifft2", "rfft2", "irfft2", "hfft2", "ihfft2")
ANY = ("fftn", "ifftn", "rfftn", "irfftn", "hfftn", "ihfftn")
WAVES = ("dct", "idct", "dst", "idst")
SEVERAL = ("dctn", "idctn", "dstn", "idstn")
HELPERS = ("fftfreq", "rfftfreq", "next_fast_len", "prev_fast_len", "set_workers", "get_workers")


def operand_of(name):
    return X if name[0] == "r" or name[:2] == "ih" else Z


def agree(name, *args, x=None, **keywords):
    """SciPy's value to the bit, live and staged."""
    x = operand_of(name) if x is None else x

    def f(x):
        return getattr(fft, name)(x, *args, **keywords)

    same_bits(f(x), getattr(scipy.fft, name)(x, *args, **keywords))
    same_value(f, x)


@pytest.mark.parametrize("name", ONE)
def test_in_one_dimension(name):
    for norm in NORMS:
        for n in (None, 4, 5, 8):
            agree(name, n, 1, norm)
    x = operand_of(name)
    agree(name, axis=0, workers=1)
    overwritten = getattr(fft, name)(x.copy(), overwrite_x=True)
    same_bits(ft.vjp(lambda x: getattr(fft, name)(x, overwrite_x=True), x)[0], overwritten)
    check(lambda x: getattr(fft, name)(x, 4, 1, "ortho"), x)
    check(lambda x: getattr(fft, name)(x, 7, 0), x)
    stays_single(getattr(fft, name), x)
    if x is Z:
        check(getattr(fft, name), X)
    if name not in ("irfft", "hfft"):
        refused(lambda x: getattr(fft, name)(x, 0), ValueError, "invalid number of data points", x)
    refused(lambda x: getattr(fft, name)(x, norm="none"), ValueError, "norm", x)
    with pytest.raises(NotImplementedError):
        ft.vjp(lambda x: getattr(fft, name)(x, plan=1), x)


@pytest.mark.parametrize("name", [*TWO, *ANY])
def test_in_several(name):
    x = operand_of(name)
    agree(name)
    for norm in NORMS:
        agree(name, (4, 6), (1, 0), norm)
        agree(name, (2, -1), (0, 1), norm)
        agree(name, axes=(1,), norm=norm)
    check(lambda x: getattr(fft, name)(x, (4, 6), (1, 0), "ortho"), x)
    check(getattr(fft, name), x)
    if name in ANY:
        agree(name, (4,))
        agree(name, x=drawn(RNG, 2, 3, 4) if x is X else drawn(RNG, 2, 3, 4, kind="c"), axes=(0, 2))
    refused(lambda x: getattr(fft, name)(x, (2, 2), (0, 0)), ValueError, "unique", x)
    refused(lambda x: getattr(fft, name)(x, (2, 2), (0,)), ValueError, "same length", x)


@pytest.mark.parametrize("name", [*WAVES, *SEVERAL])
@pytest.mark.parametrize("type", [1, 2, 3, 4])
def test_cosines_and_sines(name, type):
    for x in (X, Z):
        for norm in NORMS:
            for orthogonalize in (None, False, True):
                agree(name, type, norm=norm, orthogonalize=orthogonalize, x=x)
                axis = {"axes": (1,)} if name in SEVERAL else {"axis": 0}
                agree(name, type, 4 if name in WAVES else (4,), x=x, norm=norm, orthogonalize=orthogonalize, **axis)
    f = getattr(fft, name)
    for x, norm, orthogonalize in ((X, None, None), (X, "ortho", False), (X, None, True), (Z, None, True)):
        check(lambda x: f(x, type, norm=norm, orthogonalize=orthogonalize), x)
    check(lambda x: f(x, type, 6 if name in WAVES else (2, 4)), X)
    stays_single(lambda x: f(x, type), X)


def test_cosines_and_sines_refuse():
    refused(lambda x: fft.dct(x, 5), (ValueError, NotImplementedError), "invalid type", X)
    refused(lambda x: fft.dst(x, 2, 0), ValueError, "invalid number", X)
    refused(lambda x: fft.rfft(x), TypeError, "real", Z)
    refused(lambda x: fft.ihfftn(x), TypeError, "real", Z)


def test_a_sum_of_squares_keeps_its_size():
    """Parseval: the orthogonal transforms are orthogonal ones."""
    for f in (fft.dct, fft.dst, fft.idct, fft.idst):
        for type in (1, 2, 3, 4):
            gradient = ft.grad(lambda x: np.sum(f(x, type, norm="ortho") ** 2))(X)
            assert_close(gradient, 2 * X, precise=1e-13)
    gradient = ft.grad(lambda x: np.sum(np.abs(fft.fft2(x, norm="ortho")) ** 2))(X)
    assert_close(gradient, 2 * X, precise=1e-13)


@pytest.mark.parametrize("name", ["fft", "rfftn", "irfft2", "hfft", "ihfftn", "dct", "dstn", "idct"])
def test_batches(name):
    x = operand_of(name)
    many = np.stack([x, 2 * x + 1])
    f = getattr(fft, name)
    same_bits(ft.vmap(f)(many), np.stack([f(row) for row in many]))

    def loss(x):
        return np.sum(np.abs(f(x)) ** 2)

    assert_close(ft.vmap(ft.grad(loss))(many), np.stack([ft.grad(loss)(row) for row in many]), precise=1e-13)
    check_grads(loss, (x,), order=2)


def test_shifts_and_helpers():
    for f in (fft.fftshift, fft.ifftshift):
        check(f, X)
        same_value(lambda x: f(x, axes=1), X)
    for name in HELPERS:
        assert getattr(fft, name) is getattr(scipy.fft, name)


def test_small_and_empty_ones():
    agree("fft", x=np.ones(1))
    agree("irfft", 1, x=np.ones(3))
    agree("fftn", axes=(1,), x=np.zeros((0, 3)))
    agree("dct", x=np.ones(1))
    with pytest.raises(ValueError):
        ft.vjp(fft.fft, np.zeros(0))


def test_what_is_not_covered_says_so():
    with pytest.raises(ft.errors.UncoveredFunctionError, match="fht"):
        fft.fht
