"""Weighted means, covariances, correlations: every keyword, weights traced, complex numbers, perfect correlation."""

import numpy as np
import pytest

import functrans as ft
from functrans.testing import check_grads
from tests.ops.agreement import check, same_bits, same_value, stays_single
from tests.ops.batches import check_batches

rng = np.random.default_rng(4)
LINE = rng.normal(size=6)
A = rng.normal(size=(3, 6))
Y = rng.normal(size=(2, 6))
Z = A + 1j * rng.normal(size=(3, 6))
B = rng.normal(size=(2, 3, 4))
W = rng.uniform(0.5, 2, size=6)
WA = rng.uniform(0.5, 2, size=(3, 6))
WB = rng.uniform(0.5, 2, size=(4, 2))
F = np.array([1.0, 2, 0, 3, 1, 1])
S = np.array(0.75)

AVERAGE = {
    "average": (lambda a: np.average(a), A),
    "average axis": (lambda a: np.average(a, axis=1), A),
    "average axes": (lambda a: np.average(a, (0, -1), keepdims=True), B),
    "average array of axes": (lambda a: np.average(a, np.array([0, 1])), B),
    "average returned": (lambda a: np.average(a, axis=0, returned=True), A),
    "average scalar": (lambda a: np.average(a, returned=True), S),
    "average weights": (lambda a, w: np.average(a, weights=w), A, WA),
    "average weights axis": (lambda a, w: np.average(a, axis=1, weights=w), A, W),
    "average weights alone": (lambda w: np.average(A, 1, w, returned=True), W),
    "average weights known": (lambda a: np.average(a, axis=1, weights=[1, 2, 0, 0, 1, 3]), A),
    "average weights of both axes": (lambda a, w: np.average(a, axis=(2, 0), weights=w, returned=True), B, WB),
    "average weights keepdims": (lambda a, w: np.average(a, 0, w, True, keepdims=True), A, WA),
    "average complex": (lambda a, w: np.average(a, axis=1, weights=w), Z, W),
    "average complex weights": (lambda a, w: np.average(a, axis=1, weights=w), A, W * (1 + 0.5j)),
}
CASES = AVERAGE | {
    "cov": (lambda m: np.cov(m), A),
    "cov line": (lambda m: np.cov(m), LINE),
    "cov two lines": (lambda m, y: np.cov(m, y), LINE, W),
    "cov y": (lambda m, y: np.cov(m, y), A, Y),
    "cov columns": (lambda m, y: np.cov(m, y, rowvar=False), A, WA),
    "cov columns and a line": (lambda m, y: np.cov(m, y, rowvar=False), A.T, LINE),
    "cov column": (lambda m: np.cov(m, rowvar=False), A[:, :1]),
    "cov bias": (lambda m: np.cov(m, bias=True), A),
    "cov ddof": (lambda m: np.cov(m, None, True, True, 2), A),
    "cov no ddof": (lambda m, w: np.cov(m, ddof=0, aweights=w), A, W),
    "cov aweights": (lambda m, w: np.cov(m, aweights=w), A, W),
    "cov aweights alone": (lambda w: np.cov(A, aweights=w), W),
    "cov fweights": (lambda m: np.cov(m, fweights=F.astype(int)), A),
    "cov both weights": (lambda m, w: np.cov(m, fweights=F.astype(int), aweights=w, ddof=1), A, W),
    "cov complex": (lambda m: np.cov(m), Z),
    "cov complex y": (lambda m, y: np.cov(m, y), A, Z),
    "cov complex aweights": (lambda m, w: np.cov(m, aweights=w), Z, W),
    "cov number": (lambda m: np.cov(m, bias=True), S),
    "corrcoef": (lambda x: np.corrcoef(x), A),
    "corrcoef y": (lambda x, y: np.corrcoef(x, y), A, Y),
    "corrcoef two lines": (lambda x, y: np.corrcoef(x, y)[0, 1], LINE, W),
    "corrcoef columns": (lambda x: np.corrcoef(x, rowvar=False), A.T),
    "corrcoef line": (lambda x: np.corrcoef(x), LINE),
    "corrcoef complex": (lambda x: np.corrcoef(x), Z),
}


@pytest.mark.parametrize("name", CASES)
def test_everything(name):
    check(*CASES[name])


@pytest.mark.parametrize("name", [name for name in CASES if name != "corrcoef line"])
def test_to_second_order(name):
    f, *args = CASES[name]
    check_grads(f, tuple(args), entries=6)


@pytest.mark.parametrize("name", AVERAGE)
def test_single_precision(name):
    stays_single(*CASES[name])


def test_precision_asked_for():
    single = A.astype(np.float32)
    for f in (
        lambda m: np.cov(m, dtype=np.float32),
        lambda m: np.cov(m, bias=True, dtype=np.float32),
        lambda m: np.cov(m, aweights=W, dtype=np.float32),
        lambda m: np.cov(m, dtype=np.complex64),
        lambda m: np.cov(m, dtype=complex),
        lambda m: np.corrcoef(m, dtype=np.float32),
        np.cov,
        np.corrcoef,
    ):
        for x in (A, single):
            same_value(f, x)
            gradient = ft.grad(lambda x, f=f: np.sum(np.real(f(x)) ** 3))
            assert gradient(x).dtype == x.dtype
        np.testing.assert_allclose(gradient(single), gradient(A), rtol=2e-3, atol=2e-3)


def test_the_order_of_summation_is_numpys():
    wide = rng.normal(size=(41, 37))
    for x in (wide[::-1], wide.T, wide[:, ::-2], np.asfortranarray(wide)):
        for f in (
            np.cov,
            np.corrcoef,
            np.average,
            lambda x: np.cov(x, rowvar=False),
            lambda x: np.cov(x, x[:1]),
            lambda x: np.average(x, axis=0, weights=np.abs(x)),
        ):
            same_bits(ft.vjp(f, x)[0], f(x))
            same_bits(ft.evaluate(ft.trace(f)(x), x), f(x))


def test_closed_forms():
    # cov(x, y) moves with x[i] by (y[i] - mean(y)) / (n - 1), a correlation by what is left of y when x is taken out.
    x, y = LINE, W
    np.testing.assert_allclose(ft.grad(lambda x: np.cov(x, y)[0, 1])(x), (y - y.mean()) / 5, rtol=1e-13)
    u, v = (x - x.mean()) / np.linalg.norm(x - x.mean()), (y - y.mean()) / np.linalg.norm(y - y.mean())
    expected = (v - (u @ v) * u) / np.linalg.norm(x - x.mean())
    np.testing.assert_allclose(ft.grad(lambda x: np.corrcoef(x, y)[0, 1])(x), expected, rtol=1e-12)
    # Frequencies are weights like others, that say how often a column comes.
    whole = ft.grad(lambda f: np.cov(A, fweights=f)[0, 1])(F)
    center = A - np.average(A, axis=1, weights=F)[:, None]
    c = np.cov(A, fweights=F.astype(int))[0, 1]
    np.testing.assert_allclose(whole, (center[0] * center[1] - c) / (F.sum() - 1), rtol=1e-12)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_perfect_correlation_is_an_extremum(sign):
    """Whatever the last bit, which NumPy clips: no slope, and the curvature of the cosine of an angle."""
    for seed in range(8):
        x = np.random.default_rng(seed).normal(size=5)
        f = lambda y, x=x: np.corrcoef(x, y)[0, 1]  # noqa: E731
        y = sign * (3 * x + seed)
        assert f(y) == pytest.approx(sign, abs=1e-15)
        np.testing.assert_allclose(ft.grad(f)(y), np.zeros(5), atol=1e-14)
        u = (x - x.mean()) / np.linalg.norm(x - x.mean())
        across = np.eye(5) - 1 / 5 - np.outer(u, u)
        np.testing.assert_allclose(
            ft.hessian(f)(y), -sign * across / np.sum((y - y.mean()) ** 2), atol=1e-12, rtol=1e-10
        )
    assert np.array_equal(ft.grad(np.corrcoef)(LINE), np.zeros(6))


def test_correlation_with_a_constant_is_undefined():
    with np.errstate(all="ignore"):
        assert np.isnan(ft.grad(lambda x: np.corrcoef(x, LINE)[0, 1])(np.full(6, 2.0))).all()


def test_too_few_samples():
    with np.errstate(all="ignore"), pytest.warns(RuntimeWarning, match="Degrees of freedom <= 0"):
        expected = np.cov(A[:, :1])
    with np.errstate(all="ignore"), pytest.warns(RuntimeWarning, match="Degrees of freedom <= 0"):
        value, pullback = ft.vjp(np.cov, A[:, :1])
    same_bits(value, expected)
    with np.errstate(all="ignore"):
        assert not np.isfinite(pullback(np.ones((3, 3)))[0]).any()
        f = lambda w: np.cov(A, aweights=w, ddof=7)  # noqa: E731
        program = ft.trace(f)(W)
        with pytest.warns(RuntimeWarning, match="Degrees of freedom <= 0"):
            same_bits(ft.evaluate(program, W), f(W))


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (lambda a, w: np.average(a, axis=1, weights=w), (A, W)),
        (lambda a: np.average(a, axis=0, returned=True), (A,)),
        (lambda m, y: np.cov(m, y), (A, Y)),
        (lambda m, w: np.cov(m, aweights=w), (A, W)),
        (lambda x: np.corrcoef(x, rowvar=False), (A[:, :2],)),
    ],
    ids=["average", "average returned", "cov", "cov aweights", "corrcoef"],
)
def test_batches(f, args):
    check_batches(f, *[np.stack([x, x * x + 0.5, np.roll(x, 1, -1)]) for x in args])


@pytest.mark.parametrize(
    ("f", "kind"),
    [
        (lambda x: np.average(x, weights=W), TypeError),
        (lambda x: np.average(x, axis=0, weights=W), ValueError),
        (lambda x: np.average(x, axis=0, weights=np.array([1.0, -1.0, 0.0])), ZeroDivisionError),
        (lambda x: np.average(x, axis=2), np.exceptions.AxisError),
        (lambda x: np.cov(np.stack([x, x])), ValueError),
        (lambda x: np.cov(x, np.stack([x, x])), ValueError),
        (lambda x: np.cov(x, x[:, 1:]), ValueError),
        (lambda x: np.cov(x, ddof=0.5), ValueError),
        (lambda x: np.cov(x, fweights=W), TypeError),
        (lambda x: np.cov(x, fweights=-F), ValueError),
        (lambda x: np.cov(x, aweights=-W), ValueError),
        (lambda x: np.cov(x, aweights=W[1:]), RuntimeError),
        (lambda x: np.cov(x, fweights=F[:, None]), RuntimeError),
        (lambda x: np.cov(x, dtype=int), TypeError),
    ],
)
def test_what_numpy_refuses_is_refused(f, kind):
    with pytest.raises(kind):
        f(A)
    for transform in (ft.grad, ft.trace):
        with pytest.raises(kind):
            transform(lambda x: np.sum(f(x)))(A)


def test_empty():
    assert ft.vjp(np.cov, np.zeros((0, 3)))[0].shape == (0, 0)
    same_value(lambda x, w: np.average(x, axis=0, weights=w), np.zeros((2, 0)), np.ones(2))


def test_integers():
    whole = np.arange(12).reshape(3, 4) ** 2 % 7
    for f in (np.average, np.cov, np.corrcoef, lambda x: np.average(x, axis=1, weights=x[0] + 1)):
        same_bits(ft.evaluate(ft.trace(f)(whole), whole), f(whole))
    same_value(lambda w: np.average(whole, axis=0, weights=w), np.array([1.0, 2.0, 0.5], np.float32))
