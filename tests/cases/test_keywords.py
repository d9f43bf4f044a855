"""Every keyword of a function is part of its derivative; and a cotangent is never cast back to an integer.

A library gave ``[1, 1, 1, 1]`` for the gradient of ``np.sum([1, 2, 3, 4], where=[T, F, T, T])``; another wrote the
gradient of integers into integers, where NaN is ``-2**63``.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import functrans as ft
from tests.cases.judging import assert_derivative

MASK = np.array([True, False, True, True])
X = np.array([1.0, 2.0, 3.0, 4.0])


@pytest.mark.parametrize("x", [X, X.astype(np.float32)])
def test_where_of_sum(x):
    for f in (
        lambda x: np.sum(x, where=MASK),
        lambda x: x.sum(where=MASK),
        lambda x: np.add.reduce(x, where=MASK),
        lambda x: np.sum(x, where=MASK, initial=3.0),
        lambda x: np.sum(x, axis=-1, keepdims=True, where=MASK)[0],
        lambda x: np.sum(x[None], (0, 1), where=MASK),
        lambda x: np.sum(x, where=list(MASK)),
    ):
        gradient = ft.grad(f)(x)
        np.testing.assert_array_equal(gradient, [1, 0, 1, 1])
        assert gradient.dtype == x.dtype
        assert ft.jvp(f, (x,), (x,))[1] == 8


def test_where_of_other_reductions():
    for f, expected in (
        (lambda x: np.mean(x, where=MASK), MASK / 3),
        (lambda x: np.prod(x, where=MASK), [12, 0, 4, 3]),
        (lambda x: np.max(x, where=~MASK, initial=0.0), [0, 1, 0, 0]),
        (lambda x: np.max(x, where=~MASK, initial=7.0), [0, 0, 0, 0]),
        (lambda x: np.min(x, where=~MASK, initial=9.0), [0, 1, 0, 0]),
        (lambda x: np.var(x, where=MASK), np.where(MASK, 2 * (X - 8 / 3) / 3, 0)),
        (lambda x: np.var(x, where=MASK, ddof=1), np.where(MASK, X - 8 / 3, 0)),
    ):
        np.testing.assert_allclose(ft.grad(f)(X), expected, rtol=1e-14)


#: For each reduction its keywords, beside `axis` and `keepdims`.
_REDUCTIONS = {
    np.sum: ("where", "initial", "dtype"),
    np.prod: ("where", "initial", "dtype"),
    np.max: ("where and initial", "initial"),
    np.min: ("where and initial", "initial"),
    np.mean: ("where", "dtype"),
    np.var: ("where", "dtype", "ddof", "mean"),
    np.std: ("where", "dtype", "ddof", "mean"),
    np.ptp: (),
    np.add.reduce: ("where", "initial"),
    np.multiply.reduce: ("where", "initial"),
    np.maximum.reduce: ("where and initial",),
    np.logaddexp.reduce: (),
    np.hypot.reduce: (),
}


@st.composite
def reductions(draw):
    """A reduction with any of its keywords, and where to take it; the initial value and the mean may move, too."""
    function = draw(st.sampled_from(list(_REDUCTIONS)))
    shape = draw(st.sampled_from([(4,), (2, 3), (3, 1), (2, 1, 3)]))
    entries = draw(st.permutations(range(int(np.prod(shape)))))
    x = (np.array(entries, float).reshape(shape) * 0.7 - 1.3) / 2
    axes = [None, *range(-len(shape), len(shape)), *([(0, -1)] if len(shape) > 1 else [])]
    if isinstance(getattr(function, "__self__", None), np.ufunc) and function.__self__.identity is None:
        axes = [a for a in axes if isinstance(a, int)]
    keywords = {"axis": draw(st.sampled_from(axes)), "keepdims": draw(st.booleans())}
    moving = {}
    for name in _REDUCTIONS[function]:
        if not draw(st.booleans()):
            continue
        if "where" in name:
            mask = np.array(draw(st.lists(st.booleans(), min_size=shape[-1], max_size=shape[-1])))
            mask[draw(st.integers(0, shape[-1] - 1))] = True
            keywords["where"] = mask
        if "initial" in name:
            moving["initial"] = np.float64(draw(st.sampled_from([0.45, 9.0, -9.0])))
        if name == "dtype":
            keywords["dtype"] = np.float64
        if name == "ddof":
            keywords["ddof"] = 0.5
        if name == "mean":
            kept = np.mean(x, axis=keywords["axis"], keepdims=True)
            moving["mean"] = np.asarray(kept + 0.3)
    return function, x, keywords, moving


@given(reductions())
def test_every_keyword_of_a_reduction(case):
    function, x, keywords, moving = case

    def f(given):
        return function(given["x"], **keywords, **{name: given[name] for name in moving})

    point = {"x": x, **moving}
    direction = ft.tree.map(lambda leaf: np.cos(leaf * 2.0 + 0.3), point)
    if function in (np.mean, np.var, np.std):  # of too few entries they are NaN, with a warning, or have a kink
        taken = np.sum(np.broadcast_to(keywords.get("where", True), x.shape), axis=keywords["axis"])
        assume(np.all(taken >= (1 if function is np.mean else 2)))
    assert_derivative(f, point, direction)
    # The entries left out have no derivative at all.
    if "where" in keywords:
        out, pullback = ft.vjp(f, point)
        (pulled,) = pullback(np.ones_like(out))
        assert not np.any(pulled["x"][~np.broadcast_to(keywords["where"], x.shape)])


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: np.cumsum(x, axis=0)[-1, 0], [[1, 0], [1, 0]]),
        (lambda x: np.cumsum(x)[2], [[1, 1], [1, 0]]),
        (lambda x: np.sum(np.diagonal(x, offset=1)), [[0, 1], [0, 0]]),
        (lambda x: np.trace(x, offset=-1), [[0, 0], [1, 0]]),
        (lambda x: np.sum(np.tril(x, k=-1)), [[0, 0], [1, 0]]),
        (lambda x: np.roll(x, 1, axis=1)[0, 0], [[0, 1], [0, 0]]),
        (lambda x: np.reshape(x, -1, order="F")[1], [[0, 0], [1, 0]]),
        (lambda x: np.ravel(x, order="F")[1], [[0, 0], [1, 0]]),
        (lambda x: np.take(x, [3, 3]).sum(), [[0, 0], [0, 2]]),
        (lambda x: np.take(x, 5, mode="clip"), [[0, 0], [0, 1]]),
        (lambda x: np.take(x, 5, mode="wrap"), [[0, 1], [0, 0]]),
        (lambda x: np.sum(np.add(x, x, where=np.eye(2) == 1, out=None)[0, 0]), [[2, 0], [0, 0]]),
        (lambda x: np.sum(np.repeat(x, [3, 0], axis=1)), [[3, 0], [3, 0]]),
        (lambda x: np.sum(np.pad(x, 1, mode="edge")), [[4, 4], [4, 4]]),
        (lambda x: np.linalg.norm(x, ord=1), [[0, 1], [0, 1]]),
        (lambda x: np.linalg.norm(x, ord=np.inf), [[0, 0], [1, 1]]),
    ],
)
def test_keywords_of_others(f, expected):
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    try:
        f(x)
    except TypeError:
        pytest.skip("not in this NumPy")
    np.testing.assert_array_equal(ft.grad(f)(x), expected)


# Integers.


def neighbours(x):
    return np.sum((x[1:] - x[:-1]) ** 2)


def test_integers_count_as_floats_or_are_refused():
    x = np.array([[1], [0], [0], [1]])
    np.testing.assert_array_equal(ft.grad(neighbours)(x.astype(float)), [[2], [-2], [-2], [2]])
    for transform in (ft.grad, ft.value_and_grad, ft.jacobian):
        with pytest.raises(TypeError, match="astype"):
            transform(neighbours)(x)
    with pytest.raises(TypeError, match="astype"):
        ft.vjp(neighbours, x)
    with pytest.raises(TypeError, match="astype"):
        ft.jvp(neighbours, (x,), (x,))
    gradient = ft.grad(lambda x: (x - 1) ** 2)(3)
    assert (gradient, type(gradient)) == (4.0, float)
    assert ft.grad(lambda t: sum((b - a) ** 2 for a, b in zip(t[1:], t[:-1], strict=True)))([1, 0, 0, 1]) == [
        2.0,
        -2.0,
        -2.0,
        2.0,
    ]


_INTEGERS = {
    "array": np.array([[3, 1], [2, 4]]),
    "int32": np.array([[3, 1], [2, 4]], np.int32),
    "uint8": np.array([[3, 1], [2, 4]], np.uint8),
    "truth": np.array([[True, False], [True, True]]),
    "scalar": np.int64(3),
    "python": 3,
    "python truth": True,
}
_BESIDE = {
    "add": lambda x, k: x + k,
    "subtract": lambda x, k: k - x,
    "multiply": lambda x, k: k * x,
    "divide": lambda x, k: k / x,
    "divided": lambda x, k: x / (k + 1),
    "power": lambda x, k: x**k,
    "np.power": lambda x, k: np.power(x, k),
    "base": lambda x, k: (k + 1) ** x,
    "maximum": lambda x, k: np.maximum(x, k),
    "where": lambda x, k: np.where(x > 1, x, k),
    "mod": lambda x, k: np.mod(x, k + 1),
    "dot": lambda x, k: np.dot(x, k),
    "matmul": lambda x, k: x @ (k + np.zeros((2, 2), int)),
    "rmatmul": lambda x, k: (k + np.zeros((2, 2), int)) @ x,
    "einsum": lambda x, k: np.einsum("ij,...->ij", x, np.sum(k)),
    "concatenate": lambda x, k: np.concatenate([x, np.broadcast_to(k, (2, 2))]),
    "stack": lambda x, k: np.stack([np.broadcast_to(k, (2, 2)), x]),
    "clip": lambda x, k: np.clip(x, 0, k),
    "arctan2": lambda x, k: np.arctan2(x, k),
    "hypot": lambda x, k: np.hypot(k, x),
    "ldexp": lambda x, k: np.ldexp(x, np.asarray(k, np.int32)),
    "sum": lambda x, k: np.sum(x, initial=np.sum(k)),
    "kron": lambda x, k: np.kron(k, x),
    "outer": lambda x, k: np.outer(k, x),
    "cumsum": lambda x, k: np.cumsum(x * k, axis=0),
    "weights": lambda x, k: np.var(x, where=np.asarray(k, bool), ddof=-1),
}


@pytest.mark.parametrize("name", _BESIDE)
@pytest.mark.parametrize("kind", _INTEGERS)
def test_integers_beside_what_moves(name, kind):
    """Given in any place: the derivative is that with floats there, and in the dtype of what moves."""
    f, k = _BESIDE[name], _INTEGERS[kind]
    as_floats = np.asarray(k, float)[()]
    x, v = np.array([[1.3, 0.6], [2.2, 0.7]]), np.array([[1.0, -2.0], [0.5, 1.0]])
    if name in ("ldexp", "weights"):
        assert_derivative(lambda x: f(x, k), x, v)
        return
    out, tangent = ft.jvp(lambda x: f(x, k), (x,), (v,))
    wide, expected = ft.jvp(lambda x: f(x, as_floats), (x,), (v,))
    np.testing.assert_allclose(tangent, expected, rtol=1e-14)
    np.testing.assert_allclose(out, wide, rtol=1e-14)
    weights = np.cos(np.arange(out.size).reshape(out.shape))
    (gradient,) = ft.vjp(lambda x: f(x, k), x)[1](weights)
    assert gradient.dtype == x.dtype
    np.testing.assert_allclose(gradient, ft.vjp(lambda x: f(x, as_floats), x)[1](weights)[0], rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("integer", [np.array([1, -2]), [1, -2], (1, -2)], ids=["array", "list", "tuple"])
def test_integer_cotangents_and_tangents_count_as_floats_or_are_refused(integer):
    x = np.array([0.5, 1.5])
    for run in (lambda v: ft.vjp(np.sin, x)[1](v)[0], lambda v: ft.jvp(np.sin, (x,), (v,))[1]):
        try:
            found = run(integer)
        except (TypeError, ValueError):
            continue
        assert found.dtype == x.dtype
        np.testing.assert_array_equal(found, np.cos(x) * np.array([1.0, -2.0]))
