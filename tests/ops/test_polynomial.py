"""functrans.ops.polynomial."""

import numpy as np
import pytest

import functrans as ft
from functrans.errors import TracedValueError
from functrans.primitives import lookup
from functrans.testing import check_grads
from functrans.tracing.bind import bind
from tests.ops.agreement import check, drawn, refused, same_bits, same_value, stays_single
from tests.ops.batches import check_batches

RNG = np.random.default_rng(5)
P, Q, X, C = drawn(RNG, 4), drawn(RNG, 3), drawn(RNG, 5), drawn(RNG, 4, kind="c")


def live(f, *args):
    """``f`` at values that are known: the same bits, and derivatives up to the second order."""
    expected = f(*args)
    same_bits(ft.vjp(f, *args)[0], expected)
    same_bits(ft.jvp(f, args, args)[0], expected)
    check_grads(f, args, order=2)


def test_polyval():
    for x in (X, X[0], X[:0], X.reshape(5, 1)):
        check(np.polyval, P, x)
    for p, x in [(C, X), (P, C), (P[:1], X), (drawn(RNG, 3, 2), drawn(RNG, 4, 1)), (drawn(RNG, 3, 2, 1), X[:4])]:
        check(np.polyval, p, x)
    check(np.polyval, drawn(RNG, 3, 2), X[0])
    stays_single(np.polyval, P, X)
    for x in (X, X.astype(np.float32), X[0]):
        same_value(lambda x: np.polyval([1, 2, 3], x), x)
        same_value(lambda x: np.polyval([], x), x)
    same_bits(ft.vjp(lambda x: np.polyval([1, 2], x), 0.5)[0], np.polyval([1, 2], 0.5))
    refused(lambda p: np.polyval(p, 0.5), TypeError, None, np.float64(1.0))


def test_polyval_in_batches():
    for shape in ((3,), (), (2, 2)):
        check_batches(np.polyval, drawn(RNG, 3, 4), drawn(RNG, 3, *shape))
    check_batches(np.polyval, drawn(RNG, 3, 4, 2), drawn(RNG, 3, 5, 2))
    check_batches(np.polyval, drawn(RNG, 3, 1), drawn(RNG, 3, 2, kind="c"))
    check_batches(np.polyval, drawn(RNG, 3, 0), drawn(RNG, 3, 2))


@pytest.mark.parametrize("f", [np.polyadd, np.polysub])
def test_sums(f):
    for a, b in [(P, Q), (Q, P), (P, P), (C, Q), (P[0], Q)]:
        check(f, a, b)
    stays_single(f, P, Q)
    check_batches(f, drawn(RNG, 3, 4), drawn(RNG, 3, 2))


def test_polyder_and_polyint():
    for m in (0, 1, 2, 5):
        check(lambda p, m=m: np.polyder(p, m), P)
    for m in (0, 1, 3):
        check(lambda p, m=m: np.polyint(p, m), P)
        check(lambda p, k, m=m: np.polyint(p, m, k), P, drawn(RNG, 3))
        check(lambda p, k, m=m: np.polyint(p, m, k), P, X[0])
    for f in (np.polyder, np.polyint):
        same_value(f, P.astype(np.float32))
        check_batches(f, drawn(RNG, 3, 4))
        refused(lambda p, f=f: f(p, -1), ValueError, "positive", P)
    refused(lambda p: np.polyint(p, 3, [1.0, 2.0]), ValueError, "length", P)


def test_polymul():
    live(np.polymul, P, Q)
    live(np.polymul, C, Q)
    live(lambda p, q: np.polymul(np.concatenate([np.zeros(2), p]), q), P, Q)
    same_bits(ft.vjp(np.polymul, np.zeros(2), Q)[0], np.polymul(np.zeros(2), Q))
    with pytest.raises(TracedValueError, match="leading zeros"):
        ft.trace(np.polymul)(P, Q)
    with pytest.raises(ValueError, match="1d"):
        ft.vjp(np.polymul, np.ones((2, 2)), Q)


def test_polydiv():
    monic = np.array([1.0, 5.0, 6.0, 1.0])
    for u, v in [(P, Q), (C[:3], Q), (Q, C[:2]), (Q, np.array([2.0])), (monic, np.array([1.0, 2.0]))]:
        live(np.polydiv, u, v)
    for u, v in [(P, P), (np.polymul(P, Q), Q)]:
        same_bits(ft.vjp(np.polydiv, u, v)[0], np.polydiv(u, v))
    assert [x.dtype for x in ft.vjp(np.polydiv, P.astype(np.float32), Q.astype(np.float32))[0]] == [np.float32] * 2
    with pytest.raises(TracedValueError, match="leading zeros"):
        ft.trace(np.polydiv)(P, Q)


def test_division_as_a_primitive():
    def divided(u, v):
        return bind(lookup("polydiv"), u, v)

    check(divided, P, Q)
    check(divided, C, Q)
    lead = np.array([1.0, 0.0])
    check_batches(divided, drawn(RNG, 3, 5), lead + 0.3 * drawn(RNG, 3, 2))
    check_batches(divided, drawn(RNG, 3, 2), lead + 0.3 * drawn(RNG, 3, 2))


def test_poly():
    check(np.poly, P)
    check(np.poly, P[:1])
    live(np.poly, C)
    live(lambda c: np.poly(np.concatenate([c, np.conj(c)])), C)  # which is real
    assert ft.vjp(np.poly, P[:0])[0] == 1.0
    same_value(np.poly, P.astype(np.float32))
    check_batches(np.poly, drawn(RNG, 3, 3))
    refused(np.poly, ValueError, "1d or non-empty square", np.ones((2, 3)))
    with pytest.raises(TracedValueError, match="conjugate pairs"):
        ft.trace(np.poly)(C)


def test_roots():
    for p in ([1.0, -6.0, 11.0, -6.0], [1.0, 2.0, 3.0], C, P, [1.0, 3.0, 2.0, 0.0], [2.0, 1.0]):
        live(np.roots, np.asarray(p))
    for p in (np.zeros(2), np.ones(1), np.array([0.0, 3.0]), np.array([0.0, 0.0, 1.0, 3.0, 2.0]), P.astype(np.float32)):
        same_bits(ft.vjp(np.roots, p)[0], np.roots(p))
        assert np.shape(ft.jvp(np.roots, (p,), (p,))[1]) == np.roots(p).shape
    # A zero in front may move too: then x = -1 goes as that root of `t x**2 + x + 1` does.
    assert ft.jvp(np.roots, (np.array([0.0, 1.0, 1.0]),), (np.array([1.0, 0.0, 0.0]),))[1] == pytest.approx(-1.0)
    for refusing in (ft.trace(np.roots), lambda p: ft.vmap(np.roots)(p[None])):
        with pytest.raises(TracedValueError, match="how many roots"):
            refusing(P)


def test_roots_at_zero():
    weights = np.array([1.0, 10.0])
    gradient = ft.grad(lambda p: np.roots(p) @ weights)(np.array([1.0, 3.0, 0.0]))
    np.testing.assert_allclose(gradient, [3.0, -1.0, -3.0], rtol=1e-14)
    with np.errstate(all="ignore"):
        assert not np.isfinite(ft.grad(lambda p: np.sum(np.roots(p)))(np.array([1.0, 0.0, 0.0])))[-1]


def test_roots_as_a_primitive():
    def found(p):
        return bind(lookup("roots"), p, count=3, dtype=np.dtype(complex))

    check(found, np.array([1.0, 0.2, 0.9, 0.4]))
    check(found, C)


def test_roots_and_coefficients_are_inverse():
    r = np.array([-1.5, 0.3, 2.0])
    through = ft.jacobian(lambda r: np.sort(np.real(np.roots(np.poly(r)))))(r)
    np.testing.assert_allclose(through, np.eye(3), atol=1e-12)


def test_poly1d():
    with_coefficients = np.poly1d([1.0, -2.0, 0.5])

    def f(c):
        p = np.poly1d(c)
        return np.concatenate([(p * p - 1).coeffs, p(0.5)[None], p.deriv().coeffs, p.integ().coeffs])

    live(f, P)
    live(lambda c: np.polyval(c, with_coefficients).coeffs, P)
    live(lambda x: np.polyval(with_coefficients, x), X)
    live(lambda c: [p.coeffs for p in np.polydiv(c, with_coefficients)], P)
    for g in (np.polyadd, np.polysub, np.polymul):
        assert isinstance(g(with_coefficients, P), np.poly1d)
        live(lambda c, g=g: g(with_coefficients, c).coeffs, P)


# Fits


T = np.linspace(-1, 1, 7)
Y, W = drawn(RNG, 7), RNG.uniform(0.5, 1.0, 7)


@pytest.mark.parametrize("options", [{}, {"full": True}, {"cov": True}, {"cov": "unscaled"}, {"rcond": 1e-10}], ids=str)
def test_polyfit(options):
    live(lambda x, y, w: np.polyfit(x, y, 2, w=w, **options), T, Y, W)
    live(lambda x, y: np.polyfit(x, y, 2, **options), T, drawn(RNG, 7, 2))


def test_polyfit_finds_what_is_there():
    jacobian = ft.jacobian(lambda p: np.polyfit(T, np.polyval(p, T), 3))(P)
    np.testing.assert_allclose(jacobian, np.eye(4), atol=1e-12)


def test_polyfit_refuses_what_numpy_refuses():
    for x, y, deg, options, kind in [
        (T, Y, -1, {}, ValueError),
        (T[:, None], Y, 1, {}, TypeError),
        (T[:0], Y[:0], 1, {}, TypeError),
        (T, Y[0], 1, {}, TypeError),
        (T, Y[:3], 1, {}, TypeError),
        (T, Y, 1, {"w": W[:3]}, TypeError),
        (T, Y, 1, {"w": W[:, None]}, TypeError),
        (T[:3], Y[:3], 2, {"cov": True}, ValueError),
    ]:
        with pytest.raises(kind):
            np.polyfit(x, y, deg, **options)
        with pytest.raises(kind):
            ft.vjp(lambda x, y, deg=deg, options=options: np.polyfit(x, y, deg, **options), x, y)


# The module `numpy.polynomial` is Python, and makes arrays of its coefficients.


def test_numpy_polynomial():
    from numpy.polynomial import chebyshev, hermite, legendre, polynomial

    for f in (polynomial.polyval, chebyshev.chebval, legendre.legval, hermite.hermval):
        check(lambda x, f=f: f(x, [1.0, 2.0, 3.0]), X)
        with pytest.raises(TracedValueError, match=r"np\.polyval"):
            ft.vjp(lambda c, f=f: f(X, c), P)
    with pytest.raises(TracedValueError, match=r"np\.polyfit"):
        ft.vjp(lambda y: polynomial.polyfit(T, y, 2), Y)
