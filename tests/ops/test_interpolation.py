"""functrans.ops.interpolation."""

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans.errors import DerivativeError
from tests.ops.agreement import check, drawn, same_bits, same_value
from tests.ops.batches import check_batches

RNG = np.random.default_rng(3)
X = np.concatenate([RNG.uniform(-0.5, 4.5, 6), [-1.0, 9.0]])
XP = np.array([0.1, 0.9, 1.7, 3.2, 3.9])
FP, FC = drawn(RNG, 5), drawn(RNG, 5, kind="c")


@pytest.mark.parametrize("fp", [FP, FC], ids=["real", "complex"])
def test_agrees(fp):
    for x in (X, X[0], X[:0], X.reshape(2, 4), X[:2]):
        check(np.interp, x, XP, fp)
    check(np.interp, X, XP[:1], fp[:1])
    check(np.interp, X, XP[:2], fp[:2])
    number = fp.dtype.type
    check(lambda x, xp, fp, low, high: np.interp(x, xp, fp, low, high), X, XP, fp, number(0.3), number(0.7))
    check(lambda x, xp, fp, low: np.interp(x, xp, fp, left=low), X, XP, fp, number(0.3))
    check(lambda x, xp, fp, high: np.interp(x, xp, fp, right=high), X, XP[:1], fp[:1], number(0.3))
    check(lambda x, xp, fp, p: np.interp(x, xp, fp, period=p), X, XP, fp, np.float64(3.3))
    check(lambda x, xp, fp: np.interp(x, xp, fp, 5.0, 6.0, period=-3.3), X, XP[::-1].copy(), fp)


def test_other_values():
    for x in (XP, np.array([np.nan, -1e300, 1e300])):
        same_value(np.interp, x, XP, FP)
        same_value(lambda x: np.interp(x, XP, FP, 1, 2), x)
    same_value(lambda x: np.interp(x, [0, 1], [2, 3]), X)
    same_value(lambda fp: np.interp([0, 1], [0, 1, 2, 3, 4], fp), FP)
    same_value(lambda x: np.interp(x, XP, FP, np.float32(1.5), 2), X.astype(np.float32))
    same_bits(ft.vjp(lambda x: np.interp(x, XP, FP), 0.5)[0], np.interp(0.5, XP, FP))
    single = ft.grad(lambda x: np.sum(np.interp(x, XP, FP)))(X.astype(np.float32))
    assert single.dtype == np.float32


def test_refusals():
    for args, options, kind in [
        ((X, XP, FP[:3]), {}, ValueError),
        ((X, XP[:, None], FP[:, None]), {}, ValueError),
        ((X, XP[:0], FP[:0]), {}, ValueError),
        ((X, XP, FP), {"period": 0}, ValueError),
        ((X, XP, FP), {"left": 1j}, TypeError),
        ((X, XP, FP), {"left": np.ones(2)}, TypeError),
        ((X + 1j, XP, FP), {}, TypeError),
        ((X, XP + 1j, FP), {}, TypeError),
    ]:
        with pytest.raises(kind):
            np.interp(*args, **options)
        with pytest.raises(kind):
            ft.vjp(lambda *args, options=options: np.interp(*args, **options), *args)


def test_a_table_that_does_not_rise_has_no_derivative():
    for f in (lambda x: np.interp(x, XP[::-1], FP), lambda x: np.interp(XP, x, FP)):
        with pytest.raises(DerivativeError, match="argsort"):
            ft.vjp(f, XP[::-1].copy())
    same_value(lambda x: np.interp(x, [0.0, 1.0, 1.0, 2.0], FP[:4]), X)


def test_a_knot_belongs_to_the_cell_on_its_right():
    slopes = np.diff(FP) / np.diff(XP)
    found = ft.grad(lambda x: np.sum(np.interp(x, XP, FP)))(XP)
    np.testing.assert_allclose(found, np.append(slopes, slopes[-1]), rtol=1e-14)


def test_it_is_linear_in_the_table():
    (back,) = ft.linear_transpose(lambda fp: np.interp(X, XP, fp), FP)(np.ones_like(X))
    expected = ft.grad(lambda fp: np.sum(np.interp(X, XP, fp)))(FP)
    np.testing.assert_allclose(back, expected, rtol=1e-13)
    assert np.sum(back) == pytest.approx(len(X))


def test_batches():
    knots = np.sort(RNG.uniform(0, 4, (3, 5)), 1)
    for shape in ((6,), (2, 2), ()):
        check_batches(np.interp, RNG.uniform(-0.5, 4.5, (3, *shape)), knots, drawn(RNG, 3, 5))
    check_batches(
        lambda x, xp, fp: np.interp(x, xp, fp, 0.5, 1j), X[:6].reshape(3, 2), knots, drawn(RNG, 3, 5, kind="c")
    )
    check_batches(lambda x, xp, fp, low: fnp.interp(x, xp, fp, low), X[:3], knots[:, :1], drawn(RNG, 3, 1), X[:3])
    check_batches(lambda xp, fp: np.interp(XP, xp, fp, period=2.5), knots[:, ::-1], drawn(RNG, 3, 5))
