"""Static arguments, and what tells calls apart."""

from __future__ import annotations

import numpy as np
import pytest

import functrans as ft
from functrans import tree
from functrans.compile.signature import Statics, signature, static_key
from functrans.errors import TreeError

X = np.array([0.5, -1.25, 2.0])


def repeated(x, n=2):
    for _ in range(n):
        x = np.sin(x)
    return x


@pytest.mark.parametrize(
    "named",
    [
        {"static_argnums": 1},
        {"static_argnums": -1},
        {"static_argnums": (1,)},
        {"static_argnames": "n"},
        {"static_argnames": ["n"], "static_argnums": [1]},
    ],
)
def test_a_static_argument_may_come_by_position_or_by_name_or_not_at_all(named):
    fast = ft.jit(repeated, **named)
    for call in (
        lambda f: f(X),
        lambda f: f(X, 3),
        lambda f: f(X, n=3),
        lambda f: f(n=4, x=X),
        lambda f: f(X, np.int64(3)),
    ):
        assert np.array_equal(call(fast), call(repeated))
        assert np.array_equal(call(fast), call(repeated))
    assert fast.cache_info()[:2] == (5, 5)


def test_static_values_are_told_apart_by_type_and_bits():
    fast = ft.jit(lambda x, s: x * s, static_argnums=1)
    for value in (1, True, 1.0, 1j, 0.0, -0.0, np.float32(1), np.float64(1)):
        want = X * value
        got = fast(X, value)
        assert got.dtype == want.dtype
        assert got.tobytes() == want.tobytes()
    assert fast.cache_info().misses == 8
    pair = ft.jit(lambda x, s: x * s[0], static_argnums=1)
    assert [np.signbit(pair(X, (zero,))[0]) for zero in (0.0, -0.0)] == [False, True]
    assert static_key(float("nan")) == static_key(float("nan"))
    assert static_key((1, (True,))) != static_key((1, (1,)))


def test_static_arguments_that_there_are_not():
    with pytest.raises(ValueError, match=r"static_argnames='m'.*by name are x, n"):
        ft.jit(repeated, static_argnames="m")
    with pytest.raises(ValueError, match=r"static_argnums=5.*has 2 positional"):
        ft.jit(repeated, static_argnums=5)
    with pytest.raises(ValueError, match="static_argnums=-3"):
        ft.jit(repeated, static_argnums=-3)
    with pytest.raises(TypeError, match="positions are integers"):
        ft.jit(repeated, static_argnums="n")
    with pytest.raises(TypeError, match="names are strings"):
        ft.jit(repeated, static_argnames=3)
    assert ft.jit(lambda *a: a[0] * a[3], static_argnums=3)(X, 1, 2, 3.0)[0] == 1.5
    assert ft.jit(lambda x, **how: x * how["k"], static_argnames="k")(X, k=2.0)[0] == 1.0


def test_static_values_hash():
    with pytest.raises(TreeError, match=r"the static argument `n` of `repeated` .* is a list, which does not hash"):
        ft.jit(repeated, static_argnums=1)(X, [1])
    with pytest.raises(TreeError, match=r"`x` .* does not hash"):
        ft.jit(repeated, static_argnums=0)(X)


def test_arguments_that_are_no_numbers_are_named():
    with pytest.raises(TreeError, match=r"the argument `how` of `<lambda>` .* is a str") as error:
        ft.jit(lambda x, how: x)(X, "fast")
    assert "static_argnums" in str(error.value)
    for array in (np.array(["a"]), np.array([None]), np.zeros(2, "M8[D]"), np.zeros(2, [("a", float)])):
        with pytest.raises(TreeError, match=r"`x` of .* is an array of"):
            ft.jit(lambda x: x)(array)
    with pytest.raises(TreeError, match="is a matrix, whose arithmetic"):
        ft.jit(lambda x: x * x)(np.eye(2).view(np.matrix))
    with pytest.raises(TreeError, match="is a MaskedArray"):
        ft.jit(lambda x: x * x)(np.ma.array([1.0, 2.0], mask=[0, 1]))


class Scale:
    def __init__(self, by):
        self.by = by

    @ft.jit(static_argnums=0)
    def static(self, x):
        return x * self.by

    @ft.jit
    def traced(self, x):
        return x * self.by

    def plain(self, x):
        return x * self.by


def test_methods():
    scale = Scale(2.0)
    assert scale.static(X)[0] == 1.0
    scale.by = 4.0
    assert scale.static(X)[0] == 2.0
    assert Scale(6.0).static(X)[0] == 3.0
    bound = ft.jit(scale.plain)
    assert bound(X)[0] == 2.0
    with pytest.raises(TreeError, match=r"(?s)argument `self` of `traced`.*static_argnums=0"):
        scale.traced(X)


def test_keywords_keep_their_order_where_the_function_sees_it():
    fast = ft.jit(lambda **named: named)
    assert list(fast(z=1.0, y=X)) == ["z", "y"]
    assert list(fast(y=X, z=1.0)) == ["y", "z"]
    named = ft.jit(lambda x, y: x - y)
    assert named(x=3.0, y=1.0) == named(y=1.0, x=3.0) == 2.0
    assert named.cache_info()[:2] == (1, 1)


def test_the_leaves_come_in_the_order_of_the_tree():
    value = ({"b": X, "a": [1.0, None, (2, True)]}, np.float32(3), X[:1])
    leaves: list = []
    key = signature(value, leaves)
    assert all(a is b for a, b in zip(leaves, tree.flatten(value)[0], strict=True))
    assert key == signature(value, [])
    assert key != signature(({"b": X, "a": [1.0, None, (2, 1)]}, np.float32(3), X[:1]), [])


def test_a_function_without_a_signature():
    statics = Statics(np.sum, 1, ())
    assert statics.split((X, 0), {})[2] == ((1, 0),)
    assert ft.jit(np.sum, static_argnames="axis")(np.ones((2, 3)), axis=0)[0] == 2.0
