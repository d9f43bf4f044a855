from __future__ import annotations

import numpy as np
import pytest

import functrans as ft
import functrans.scipy.special as special
from functrans.testing import check_grads
from tests.ops.agreement import check, drawn, same_bits, same_value, stays_single

RNG = np.random.default_rng(5)
A = drawn(RNG, 2, 3, 2)
B = np.abs(drawn(RNG, 2, 3, 2)) + 0.2
SIGNED = np.where(drawn(RNG, 2, 3, 2) > 0.3, -0.3, 1.0) * B
INF = np.inf

AXES = [None, 0, -1, (0, 2), (1,), (0, 1, 2)]


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", AXES)
def test_logsumexp(axis, keepdims):
    check(lambda a: special.logsumexp(a, axis=axis, keepdims=keepdims), A)
    check(lambda a, b: special.logsumexp(a, axis, b, keepdims), A, B)
    check(lambda a, b: special.logsumexp(a, axis=axis, b=b, keepdims=keepdims, return_sign=True), A, SIGNED)
    check(lambda a: special.logsumexp(a, axis=axis, keepdims=keepdims, return_sign=True)[0], A)


def test_weights_that_broadcast():
    check(lambda a, b: special.logsumexp(a, axis=1, b=b), A, B[0, :, :1])
    check(lambda a, b: special.logsumexp(a, axis=(0, -1), b=b), A[0, 0], B)
    check(lambda a: special.logsumexp(a, b=2.0), A)
    stays_single(lambda a: special.logsumexp(a, b=2.0), A)


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 1)])
def test_shapes(shape):
    x = drawn(RNG, *shape)[()]
    check(special.logsumexp, x)
    same_value(lambda x: special.logsumexp(x, keepdims=True), x)
    same_value(special.logsumexp, 0.5)
    stays_single(special.logsumexp, x)


def test_nothing_to_sum():
    same_value(special.logsumexp, np.zeros(0))
    assert ft.grad(special.logsumexp)(np.zeros(0)).shape == (0,)


def test_complex():
    a, b = drawn(RNG, 2, 3, kind="c"), drawn(RNG, 3, kind="c")
    check_grads(lambda a: special.logsumexp(a, axis=1), (a,), order=2)
    check_grads(lambda a, b: special.logsumexp(a, axis=1, b=b), (a, b), order=2)
    check_grads(lambda a, b: special.logsumexp(a, axis=0, b=b, return_sign=True), (a, b), order=2)
    check_grads(lambda b: special.logsumexp(A[0], axis=0, b=b), (b[:2],), order=2)


@pytest.mark.parametrize(
    "a", [[-INF, 0.0], [-INF, -INF], [INF, 0.0], [1000.0, 0.0], [-1e5, -1e5 + 1], [np.nan, 0.0], [INF, -INF]]
)
def test_values_far_out(a):
    with np.errstate(all="ignore"):
        for b in (None, np.array([1.0, 2.0]), np.array([0.0, 1.0]), np.array([1.0, -1.0])):
            for signed in (False, True):
                same_value(lambda a, b=b, signed=signed: special.logsumexp(a, b=b, return_sign=signed), np.array(a))


def test_derivatives_far_out():
    a = np.array([-1e5, -1e5 + 1, -INF])
    weights = np.exp([0.0, 1.0, -INF]) / (1 + np.e)
    np.testing.assert_allclose(ft.grad(special.logsumexp)(a), weights, rtol=1e-15)
    np.testing.assert_allclose(ft.grad(lambda a: special.logsumexp(a, b=np.ones(3)))(a), weights, rtol=1e-15)
    hessian = ft.hessian(special.logsumexp)(a)
    np.testing.assert_allclose(hessian, np.diag(weights) - np.outer(weights, weights), rtol=1e-14)
    for b in (None, np.array([1.0, 3.0])):
        hidden = ft.grad(lambda a, b=b: special.logsumexp(a, b=b))(np.array([-INF, -INF]))
        np.testing.assert_array_equal(hidden, [0.5, 0.5] if b is None else [0.25, 0.75])


def test_what_is_masked_is_no_nan_behind():
    def masked(x):
        return special.logsumexp(np.where(x > 0, np.log(x), -INF), axis=1)

    x = np.array([[0.0, 2.0, 3.0], [-1.0, 0.0, 0.0]])
    with np.errstate(all="ignore"):
        gradient = ft.vjp(masked, x)[1](np.ones(2))[0]
    np.testing.assert_allclose(gradient, [[0, 0.2, 0.2], [0, 0, 0]])


def test_a_weight_of_zero_has_a_derivative():
    found = ft.grad(lambda b: special.logsumexp(np.array([1.0, 2.0]), b=b))(np.array([0.0, 1.0]))
    np.testing.assert_allclose(found, [np.exp(-1.0), 1.0])


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("axis", AXES)
def test_softmax(name, axis):
    f = getattr(special, name)
    check(lambda x: f(x, axis=axis), A)
    check_grads(lambda x: f(x, axis=axis), (drawn(RNG, 2, 3, 2, kind="c"),), order=2)
    same_bits(ft.vmap(lambda x: f(x, axis=-1))(A), f(A, axis=-1))


@pytest.mark.parametrize("f", [special.softmax, special.log_softmax])
def test_softmax_far_out(f):
    check(f, np.float64(0.7))
    stays_single(f, A)
    x = np.array([1e5, 0.0, -INF])
    same_value(f, x)
    assert np.isfinite(ft.jacobian(f)(x)).all()


def test_batches():
    shared = [lambda a, b: special.logsumexp(a, axis=(0, 1), b=b), lambda a, b: special.logsumexp(a, b=b)]
    for f in shared:
        for axes in ((0, 0), (0, None), (None, 0)):
            a, b = (A if axes[0] == 0 else A[0]), (B if axes[1] == 0 else B[0])
            found = ft.vmap(f, axes)(a, b)
            loop = [f(a[i] if axes[0] == 0 else a, b[i] if axes[1] == 0 else b) for i in range(2)]
            np.testing.assert_allclose(found, loop, rtol=1e-14)


def test_bad_axes():
    with pytest.raises(np.exceptions.AxisError):
        ft.grad(lambda a: special.logsumexp(a, axis=3))(A)
