"""Gradients in named intermediate values."""

from __future__ import annotations

import numpy as np
import pytest

import functrans as ft
from functrans.errors import DerivativeError

X = np.array([1.0, 2.0])


def f(x, y):
    z = ft.tag(2 * x, "z")
    w = ft.tag(z * y, "w")
    return np.sum(z * w)


def test_in_one_pass():
    z, x, w, y = ft.grad(f, wrt=("z", 0, "w", 1))(X, 3.0)
    np.testing.assert_array_equal(z, 2 * 3.0 * (2 * X))
    np.testing.assert_array_equal(x, 2 * z)
    np.testing.assert_array_equal(w, 2 * X)
    assert y == np.sum((2 * X) ** 2)
    value, one = ft.value_and_grad(f, wrt="w")(X, 3.0)
    assert value == f(X, 3.0)
    np.testing.assert_array_equal(one, 2 * X)
    np.testing.assert_array_equal(ft.grad(f)(X, 3.0), x)


def test_elsewhere_it_does_nothing():
    assert ft.tag(1.5, "z") == 1.5
    np.testing.assert_array_equal(ft.jvp(f, (X, 3.0), (X, 0.0))[1], np.sum(24 * X * X))
    np.testing.assert_array_equal(ft.hessian(f)(X, 3.0), 24 * np.eye(2))
    assert ft.value_and_grad(lambda x: np.copysign(1.0, ft.tag(x, "z")), wrt="z")(-0.0)[0] == -1.0


def test_under_other_transforms():
    many = np.stack([X, 3 * X])
    expected = np.stack([ft.grad(f, wrt="z")(x, 3.0) for x in many])
    np.testing.assert_array_equal(ft.vmap(ft.grad(f, wrt="z"), (0, None))(many, 3.0), expected)
    inside = ft.grad(lambda xs: np.sum(ft.vmap(f, (0, None))(xs, 3.0)), wrt="z")
    np.testing.assert_array_equal(inside(many), expected)
    program = ft.trace(ft.grad(f, wrt=("z", "w")))(X, 3.0)
    program.validate()
    np.testing.assert_array_equal(ft.evaluate(program, X, 3.0)[0], expected[0])
    again = ft.trace(f)(X, 3.0)
    np.testing.assert_array_equal(ft.grad(lambda x, y: ft.evaluate(again, x, y), wrt="z")(X, 3.0), expected[0])
    tangent = ft.jvp(ft.grad(f, wrt="z"), (X, 3.0), (X, 0.0))[1]
    np.testing.assert_array_equal(tangent, 12 * X)
    checkpointed = ft.grad(ft.checkpoint(lambda x: f(x, 3.0)), wrt="z")
    np.testing.assert_array_equal(checkpointed(X), expected[0])


def test_in_a_scan_one_for_each_step():
    us = np.array([0.5, -1.0, 2.0])

    def loss(x):
        h, ys = ft.scan(lambda h, u: (ft.tag(np.sin(h * u), "h"), h), x, us)
        return h**2 + np.sum(ys)

    def bumped(bumps):
        h, total = 0.7, 0.0
        for u, bump in zip(us, bumps, strict=True):
            total = total + h
            h = np.sin(h * u) + bump
        return h**2 + total

    expected = ft.grad(bumped)(np.zeros(3))
    np.testing.assert_allclose(ft.grad(loss, wrt="h")(0.7), expected)
    np.testing.assert_allclose(ft.evaluate(ft.trace(ft.grad(loss, wrt="h"))(0.7), 0.7), expected)
    batched = ft.vmap(ft.grad(loss, wrt="h"))(np.array([0.7, 0.1]))
    np.testing.assert_allclose(batched[0], expected)


def test_in_a_scan_of_a_scan():
    def loss(x):
        def outer(c, _):
            return ft.scan(lambda c, u: (ft.tag(c * u, "i"), None), c, np.array([1.0, 2.0]))[0], None

        return ft.scan(outer, x, length=2)[0]

    np.testing.assert_array_equal(ft.grad(loss, wrt="i")(1.5), [[4.0, 2.0], [2.0, 1.0]])


def test_in_branches():
    def loss(x):
        return ft.cond(x > 0, lambda x: ft.tag(2 * x, "a") ** 2, lambda x: 3 * ft.tag(x * x, "a"), x)

    assert ft.grad(loss, wrt="a")(1.0) == 4.0
    assert ft.grad(loss, wrt="a")(-1.0) == 3.0
    program = ft.trace(ft.grad(loss, wrt="a"))(1.0)
    assert ft.evaluate(program, 1.0) == 4.0
    assert ft.evaluate(program, -2.0) == 3.0
    one = ft.trace(ft.grad(lambda x: ft.cond(x > 0, lambda x: ft.tag(x * x, "a"), np.sin, x), wrt=("a", 0)))(1.0)
    assert ft.evaluate(one, 3.0) == (1.0, 6.0)
    assert ft.evaluate(one, -3.0)[0] == 0.0


MISTAKES = {
    "no such name": (
        lambda: ft.grad(f, wrt="q")(X, 3.0),
        'passed no tag "q"(.|\n)*tags that it passed: "z", "w"',
    ),
    "twice": (lambda: ft.grad(lambda x: ft.tag(2 * ft.tag(x, "a"), "a"), wrt="a")(1.0), "more than once"),
    "twice in a body": (
        lambda: ft.grad(
            lambda x: ft.scan(lambda c, _: (ft.tag(2 * ft.tag(c, "a"), "a"), None), x, length=2)[0], wrt="a"
        )(1.0),
        "stands for two values",
    ),
    "in a while": (
        lambda: ft.vmap(ft.grad(lambda x: ft.while_loop(lambda c: c < 3, lambda c: ft.tag(2 * c, "a"), x), wrt="a"))(X),
        "inside of a `while_loop`",
    ),
    "no name": (lambda: ft.tag(1.0, 3), "no string"),
    "neither name nor number": (lambda: ft.grad(f, wrt=("z", 0.5))(X, 3.0), "numbers of arguments and names"),
    "with argnums": (lambda: ft.grad(f, 0, wrt="z")(X, 3.0), "in `wrt` alone"),
}


@pytest.mark.parametrize(("call", "text"), MISTAKES.values(), ids=MISTAKES)
def test_mistake(call, text):
    with pytest.raises(DerivativeError, match=text):
        call()


def test_with_aux():
    g = ft.value_and_grad(lambda x: (np.sum(ft.tag(x, "z") ** 2), "aux"), wrt="z", has_aux=True)
    (value, aux), z = g(X)
    assert (value, aux) == (5.0, "aux")
    np.testing.assert_array_equal(z, 2 * X)
