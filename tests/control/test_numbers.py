"""Python's numbers in loops and branches: they promote as in Python's own loop, staged or not."""

from __future__ import annotations

import numpy as np
import pytest

import functrans as ft
from functrans.errors import ShapeError

ONE = np.float32(1.5)
XS = np.array([1.0, 2.0, 3.0], np.float32)


@ft.custom_vjp
def halved(a, x):
    return a * x


halved.defvjp(lambda a, x: (a * x, (a, x)), lambda r, ct: (None, ct * r[0]))

SINGLE = {
    "scan": lambda x: ft.scan(lambda c, u: (c * 0.5 + u * x, c), 0.0, XS),
    "scan, an integer to begin with": lambda x: ft.scan(lambda c, u: (c + u * x, c), 0, XS),
    "scan, two that swap": lambda x: ft.scan(lambda c, u: ((c[1] * x, c[0]), None), (1, 2.0), XS)[0],
    "scan, written out": lambda x: ft.scan(lambda c, u: (c * 0.5 + u * x, c), 0.0, XS, unroll=True),
    "scan, in pieces": lambda x: ft.scan(lambda c, u: (c * 0.5 + u * x, c), 0.0, XS, checkpoint=2),
    "fori_loop": lambda x: ft.fori_loop(1, 4, lambda i, c: c * i + x / i, 0.0),
    "while_loop": lambda x: ft.while_loop(lambda c: c < 10, lambda c: c * 2 + x, 0.0),
    "cond, numbers given": lambda x: ft.cond(x > 0, lambda a: a * x, lambda a: a + x, 2.0),
    "cond, numbers taken": lambda x: ft.cond(x > 2, lambda: 1.0, lambda: x),
    "cond, a weak one closed over": lambda x: x * ft.cond(x > 0, lambda a: a * x, lambda a: a + x, 2),
    "switch": lambda x: ft.switch(np.add(x > 0, x > 1, dtype=int), [lambda: 0, lambda: x, lambda: x * 2]),
    "checkpoint": lambda x: ft.checkpoint(lambda a, u: np.sin(a * u))(2.0, x),
    "custom": lambda x: halved(2.0, x),
}


def dtypes(result):
    return {leaf.dtype for leaf in ft.tree.flatten(result)[0]}


@pytest.mark.parametrize("f", SINGLE.values(), ids=SINGLE)
def test_single_precision_stays(f):
    single = {np.dtype(np.float32)}

    def loss(x):
        return sum(np.sum(leaf) for leaf in ft.tree.flatten(f(x))[0])

    assert dtypes(ft.jvp(f, (ONE,), (ONE,))) == single
    program = ft.trace(f)(ONE).validate()
    assert dtypes(ft.evaluate(program, ONE)) == single
    assert dtypes(ft.vmap(f)(np.stack([ONE, 2 * ONE]))) == single
    staged = ft.trace(ft.value_and_grad(loss))(ONE).validate()
    assert dtypes(ft.evaluate(staged, ONE)) == single
    np.testing.assert_allclose(ft.evaluate(staged, ONE)[1], ft.grad(loss)(ONE), rtol=1e-6)
    np.testing.assert_allclose(ft.grad(loss)(ONE), ft.grad(loss)(1.5), rtol=1e-5)
    v = ft.vmap(ft.grad(loss))(np.stack([ONE, 2 * ONE]))
    assert v.dtype == np.float32
    np.testing.assert_allclose(v[0], ft.grad(loss)(1.5), rtol=1e-5)


@pytest.mark.parametrize("f", SINGLE.values(), ids=SINGLE)
def test_of_a_number(f):
    """The argument is a Python number, which promotes weakly in the trace of every transform."""

    def loss(x):
        return sum(np.sum(leaf) for leaf in ft.tree.flatten(f(x))[0])

    for transform in (ft.grad, lambda g: ft.grad(ft.grad(g)), lambda g: lambda x: ft.jvp(ft.grad(g), (x,), (1.0,))):
        live = transform(loss)(1.25)
        staged = ft.evaluate(ft.trace(transform(loss))(1.25).validate(), 1.25)
        np.testing.assert_allclose(ft.tree.flatten(staged)[0], ft.tree.flatten(live)[0], rtol=1e-6)


def test_a_number_is_not_cut_to_an_integer():
    for transform in (lambda f: f, ft.trace):
        with pytest.raises(ShapeError, match="Float64"):
            transform(lambda n: ft.scan(lambda c, x: (x, c), 0.5, n))(np.array([1, 2]))
    with pytest.raises(ShapeError, match="Float64"):
        ft.trace(lambda n: ft.while_loop(lambda c: c < n, lambda c: n, 0.5))(1)


def test_numbers_of_a_checkpoint_are_known():
    f = ft.checkpoint(
        lambda x, axis, twice=False, mode="sin": (np.sin if mode == "sin" else np.cos)(
            np.sum(x, axis=axis) * (2 if twice else 1)
        )
    )
    x = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(f(x, axis=1, twice=True), np.sin(2 * x.sum(axis=1)))
    found = ft.grad(lambda x: np.sum(f(x, 0, mode="cos")))(x)
    np.testing.assert_allclose(found, np.broadcast_to(-np.sin(x.sum(axis=0)), (2, 3)))


def test_steps_that_are_known_are_made_once():
    made = []

    def f(x):
        def body(c):
            made.append(None)
            return c[0] * 2, c[1] * x if len(made) > 2 else c[1]

        return ft.while_loop(lambda c: c[0] * c[1] < 8, body, (1.0, 1.0))[0]

    program = ft.trace(f)(1.0)
    assert len(made) == 4  # three steps whose condition was known, and the one that is written down
    assert (ft.evaluate(program, 1.0), ft.evaluate(program, 0.9)) == (8.0, 16.0)
