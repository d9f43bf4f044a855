"""What structured control flow refuses, and what it says."""

from __future__ import annotations

import numpy as np
import pytest

import functrans as ft
from functrans.errors import FunctransError, ShapeError, TracedBoolError, TreeError

X = np.ones(3)


def grown(c, _):
    return {"h": np.concatenate([c["h"], c["h"]]), "n": c["n"] + 1}, None


MISTAKES = {
    "carry of another shape": (
        lambda: ft.scan(grown, {"h": np.ones(2), "n": 0}, length=3),
        ShapeError,
        r"    carry\['h'\]  Float64\[2\]  ->  Float64\[4\]\n    carry\['n'\]  Int64\[\]         Int64\[\]",
    ),
    "carry of another dtype": (
        lambda: ft.scan(lambda c, _: (c * 1j, None), np.ones(2), length=3),
        ShapeError,
        r"carry  Float64\[2\]  ->  Complex128\[2\]",
    ),
    "carry of another structure": (
        lambda: ft.scan(lambda c, _: ((c, c), None), X, length=3),
        TreeError,
        "was given a carry of the structure TreeDef\\(\\*\\) and returned one of",
    ),
    "carry of another shape, counted": (
        lambda: ft.fori_loop(0, 3, lambda i, c: np.concatenate([c, c]), X),
        ShapeError,
        r"`<lambda>` \(test_errors.py:\d+\), changes the carry",
    ),
    "no pair": (lambda: ft.scan(lambda c, _: c, X, length=3), TreeError, "did not return a pair"),
    "no pair, written out": (
        lambda: ft.scan(lambda c, _: c, X, length=3, unroll=True),
        TreeError,
        "did not return a pair",
    ),
    "no length": (lambda: ft.scan(lambda c, _: (c, None), X), ShapeError, "without `xs` and without `length`"),
    "two lengths": (
        lambda: ft.scan(lambda c, x: (c, x), 0.0, {"a": X, "b": np.ones(2)}),
        ShapeError,
        "different numbers of steps: xs\\['a'\\] 3, xs\\['b'\\] 2",
    ),
    "a length that is not that of xs": (
        lambda: ft.scan(lambda c, x: (c, x), 0.0, X, length=2),
        ShapeError,
        "xs 3, length= 2",
    ),
    "xs without steps": (
        lambda: ft.scan(lambda c, x: (c, x), 0.0, 1.0),
        ShapeError,
        "xs, which is float: it has no axis",
    ),
    "fewer steps than none": (lambda: ft.scan(lambda c, x: (c, x), 0.0, length=-1), ShapeError, "length=-1"),
    "half a step": (lambda: ft.scan(lambda c, x: (c, x), 0.0, length=1.5), ShapeError, "length=1.5"),
    "pieces of half a step": (
        lambda: ft.scan(lambda c, x: (c, x), 0.0, X, checkpoint=1.5),
        ShapeError,
        "checkpoint=1.5",
    ),
    "pieces of no step": (lambda: ft.scan(lambda c, x: (c, x), 0.0, X, checkpoint=0), ShapeError, "checkpoint=0"),
    "a predicate of several": (lambda: ft.cond(X > 0, np.sin, np.cos, X), ShapeError, "not one truth value"),
    "branches of other shapes": (
        lambda: ft.trace(lambda x: ft.cond(x[0] > 0, np.sum, np.sin, x))(X),
        ShapeError,
        "out  Float64\\[\\]  Float64\\[3\\]",
    ),
    "branches of other structures": (
        lambda: ft.trace(lambda x: ft.cond(x[0] > 0, np.sin, lambda x: (x, x), x))(X),
        TreeError,
        "different structures",
    ),
    "no branch": (lambda: ft.switch(0, [], X), ShapeError, "between no branches"),
    "an index that is no integer": (lambda: ft.switch(0.5, [np.sin], X), ShapeError, "not an integer"),
    "a condition of several": (
        lambda: ft.trace(lambda x: ft.while_loop(lambda c: c < 3, lambda c: c + 1, x))(X),
        ShapeError,
        "not one truth value",
    ),
    "a while that changes its carry": (
        lambda: ft.trace(lambda x: ft.while_loop(lambda c: np.sum(c) < 3, lambda c: c[:2], x))(X),
        ShapeError,
        "carry  Float64\\[3\\]  ->  Float64\\[2\\]",
    ),
    "a while of another structure": (
        lambda: ft.trace(lambda x: ft.while_loop(lambda c: np.sum(c) < 3, lambda c: (c, c), x))(X),
        TreeError,
        "returned one of",
    ),
    "a body that asks for what is not known": (
        lambda: ft.trace(lambda x: ft.scan(lambda c, _: (c + 1 if c > 0 else c, None), x, length=2))(1.0),
        TracedBoolError,
        "is true",
    ),
    "a policy of no name": (lambda: ft.checkpoint(np.sin, policy="some"), ValueError, "policy='some'"),
}


@pytest.mark.parametrize(("call", "error", "text"), MISTAKES.values(), ids=MISTAKES)
def test_mistake(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_a_mistake_shows_the_users_line():
    with pytest.raises(FunctransError, match=r"test_errors\.py") as caught:
        ft.scan(grown, {"h": np.ones(2), "n": 0}, length=3)
    assert "`grown` (test_errors.py" in str(caught.value)


def test_values_in_the_body_make_it_a_plain_loop():
    def body(c, _):
        return (c * 3 if c < 2 else c / 2), c

    total, seen = ft.scan(body, 1.0, length=4)
    assert (total, seen.tolist()) == (2.25, [1.0, 3.0, 1.5, 4.5])
    assert ft.grad(lambda x: ft.scan(body, x, length=4)[0])(1.0) == 2.25


def test_numbers_take_the_dtype_that_the_body_gives():
    carry, ys = ft.scan(lambda c, x: (c * np.float32(2), x), 1, np.ones(3, np.float32))
    assert (carry.dtype, ys.dtype) == (np.float32, np.float32)
    assert carry == 8.0


def test_no_step():
    carry, ys = ft.scan(lambda c, x: (c * x, np.stack([c, x])), 2.0, np.zeros(0))
    assert carry == 2.0
    assert ys.shape == (0, 2)
    assert ft.grad(lambda c: ft.scan(lambda c, x: (c * x, None), c, np.zeros(0))[0])(2.0) == 1.0


def test_what_does_not_depend_on_the_step_is_computed_once():
    def f(w, xs):
        return ft.scan(lambda c, x: (c * np.exp(w) + x, None), 0.0, xs)[0]

    program = ft.trace(ft.grad(f))(0.5, np.ones(4))
    inside = [e for eq in program.equations if eq.primitive.name == "scan" for e in eq.params["program"].equations]
    assert "exp" in [equation.primitive.name for equation in program.equations]
    assert "exp" not in [equation.primitive.name for equation in inside]


def test_a_branch_that_is_not_taken_does_not_count():
    f = ft.vmap(ft.grad(lambda x: ft.cond(x > 0, np.sqrt, np.negative, x)))
    np.testing.assert_array_equal(f(np.array([4.0, -1.0, 0.0])), [0.25, -1.0, -1.0])
    second = ft.vmap(ft.grad(ft.grad(lambda x: ft.cond(x > 0, np.log, lambda x: x * x, x))))
    np.testing.assert_array_equal(second(np.array([2.0, -1.0])), [-0.25, 2.0])


def test_a_loop_that_one_example_has_left_does_not_count():
    def f(x):  # a further step would divide by zero
        return ft.while_loop(lambda c: c[1] > 0, lambda c: (c[0] / c[1], c[1] - 1), (x, 3.0 * (x > 1)))[0]

    x = np.array([0.5, 6.0])
    np.testing.assert_allclose(ft.vmap(f)(x), [0.5, 1.0])
    np.testing.assert_allclose(ft.vmap(ft.grad(f))(x), [1.0, 1 / 6])


def test_memory_of_pieces():
    import tracemalloc

    xs = np.linspace(0.0, 1.0, 256)[:, None]

    def loss(k, checkpoint):
        h, _ = ft.scan(lambda h, x: (np.sin(h * k + x), None), np.zeros(5000), xs, checkpoint=checkpoint)
        return np.sum(h)

    def peak(checkpoint):
        tracemalloc.start()
        gradient = ft.grad(loss)(0.9, checkpoint)
        arrays = tracemalloc.get_traced_memory()[1] / 40_000
        tracemalloc.stop()
        return gradient, arrays

    whole, pieces = peak(False), peak(True)
    np.testing.assert_allclose(whole[0], pieces[0])
    assert whole[1] > 500
    assert pieces[1] < 80
