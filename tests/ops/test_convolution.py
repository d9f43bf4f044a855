"""functrans.ops.convolution."""

import numpy as np
import pytest

import functrans as ft
from functrans.ops.convolution import convolve_rows
from functrans.testing.compare import assert_close
from tests.ops.agreement import check, drawn, same_bits, same_value, stays_single
from tests.ops.batches import check_batches

RNG = np.random.default_rng(2)
A, V, C = drawn(RNG, 7), drawn(RNG, 4), drawn(RNG, 5, kind="c")
MODES = ("full", "same", "valid")
BOTH = pytest.mark.parametrize("f", [np.convolve, np.correlate])


@BOTH
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("a", "v"),
    [(A, V), (V, A), (A, A), (A, C), (C, V), (C, A), (C, C), (A[:1], V), (V, A[:2]), (A[:6], V), (V, A[:6])],
    ids=lambda x: f"{x.dtype.char}{len(x)}",
)
def test_agrees(f, mode, a, v):
    check(lambda a, v: f(a, v, mode), a, v)


@BOTH
def test_defaults_numbers_and_old_modes(f):
    check(f, A, V)
    stays_single(f, A, V)
    same_value(lambda a: f(a, [1, 2, 3]), A)
    same_value(lambda v: f([1, 2, 3], v), V.astype(np.float32))
    for mode in (0, 1, 2):
        same_value(lambda a, mode=mode: f(a, [1.0, 2.0], mode), A)
    same_value(lambda a: np.convolve(a, 2.0), A)
    same_value(lambda a: np.convolve(a, V), np.float64(2.0))


@BOTH
def test_refusals(f):
    for a, v, mode, kind in [
        (A, A[:0], "full", ValueError),
        (A[:0], A, "full", ValueError),
        (A, A, "none", ValueError),
        (A, A, None, TypeError),
        (A, np.ones((2, 2)), "full", ValueError),
    ]:
        with pytest.raises(kind):
            f(a, v, mode)
        with pytest.raises(kind):
            ft.vjp(lambda a, v=v, mode=mode: f(a, v, mode), a)


@BOTH
@pytest.mark.parametrize("mode", MODES)
def test_batches(f, mode):
    for a, v in [
        (drawn(RNG, 3, 5), drawn(RNG, 3, 2)),
        (drawn(RNG, 3, 2), drawn(RNG, 3, 5, kind="c")),
        (drawn(RNG, 3, 2), drawn(RNG, 3, 4)),
        (drawn(RNG, 2, 30), drawn(RNG, 2, 20)),
        (drawn(RNG, 2, 20, kind="c"), drawn(RNG, 2, 31, kind="c")),
    ]:
        check_batches(lambda a, v: f(a, v, mode), a, v)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("n", [1, 3, 17, 40])
def test_rows_are_convolutions_also_of_infinities(mode, n):
    a, v = drawn(RNG, 2, 25), drawn(RNG, 2, n)
    for x, y in [(a, v), (v, a)]:
        expected = np.stack([np.convolve(p, q, mode) for p, q in zip(x, y, strict=True)])
        assert_close(convolve_rows(x, y, mode), expected, precise=1e-13)
    v[0, -1] = np.inf
    with np.errstate(invalid="ignore"):
        expected = np.stack([np.convolve(p, q, mode) for p, q in zip(a, v, strict=True)])
        np.testing.assert_allclose(convolve_rows(a, v, mode), expected, rtol=1e-9, atol=1e-12)


def test_rows_of_truth_values():
    a, v = RNG.random((2, 30)) > 0.8, RNG.random((2, 20)) > 0.8
    same_bits(convolve_rows(a, v, "full"), np.stack([np.convolve(p, q) for p, q in zip(a, v, strict=True)]))


def test_large_ones_do_not_make_a_matrix():
    a, v = drawn(RNG, 2, 200_000), drawn(RNG, 3)
    gradient = ft.grad(lambda v: np.sum(ft.vmap(lambda row: np.convolve(row, v, "same"))(a) ** 2))(v)
    c = np.stack([np.convolve(row, v, "same") for row in a])
    padded = np.pad(c, ((0, 0), (1, 1)))
    expected = [2 * np.sum(padded[:, i : i + 200_000] * a) for i in range(3)]
    assert_close(gradient, np.array(expected), precise=1e-11)


def test_transposed_when_linear_in_one():
    (back,) = ft.linear_transpose(lambda a: np.correlate(a, V, "same"), A)(A)
    assert_close(np.sum(back * A), np.sum(A * np.correlate(A, V, "same")), precise=1e-13)
