"""Changes of shape that nothing needs are left out; the entries, and how they lie in memory, stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as hst

import functrans as ft
from functrans.compile.passes.layout import layout
from functrans.interpreter import run
from functrans.ir import Program
from functrans.testing import strategies as st
from functrans.testing.strategies.entries import LAYOUTS, laid_out
from tests.compile.passes.laws import check_pass


def check(program: Program, *leaves: Any) -> list[str]:
    """Hold the pass against its laws, strides included; the names of what is left."""
    made = check_pass(layout, program, leaves)
    with np.errstate(all="ignore"):
        for ours, theirs in zip(run(made, leaves), run(program, leaves), strict=True):
            if isinstance(ours, np.ndarray) and ours.size:
                assert ours.strides == theirs.strides
    return [equation.primitive.name for equation in made.equations]


def left(f: Callable[..., Any], *args: Any) -> list[str]:
    """What is left of a function."""
    return check(ft.trace(f)(*args), *args)


@given(st.program_cases(12, edges=True, layouts=True))
def test_laws(case: Any) -> None:
    check_pass(layout, case.program, case.args)


SHAPES = [(3,), (2, 3), (3, 1), (1,), (1, 3), (), (2, 3, 4), (2, 1, 3), (3, 3)]
NAMES = ["transpose", "reshape", "newaxis", "squeeze", "broadcast", "sum", "max", "add", "where", "negative", "dot"]


@hst.composite
def shuffles(draw: hst.DrawFn) -> tuple[Program, list[Any]]:
    """Programs that change shapes all the time; each value is an output, or none of them but the last."""
    shapes = [draw(hst.sampled_from(SHAPES)) for _ in range(2)]
    rng = np.random.default_rng(draw(hst.integers(0, 9)))
    args = [
        laid_out(
            rng.choice([-0.0, 0.1, 0.3, np.inf, 1e3], s), draw(hst.sampled_from(("", *LAYOUTS) if s else ("", "0-d")))
        )
        for s in shapes
    ]
    steps = draw(hst.lists(hst.tuples(hst.sampled_from(NAMES), hst.integers(0, 3), hst.integers(0, 5)), max_size=12))
    everything = draw(hst.booleans())

    def f(*xs: Any) -> Any:
        pool = list(xs)
        for name, back, seed in steps:
            x, other = pool[-1 - back % len(pool)], pool[seed % len(pool)]
            made = _step(name, x, other, np.random.default_rng(seed))
            if made is not None:
                pool.append(made)
        return pool[len(xs) :] if everything else pool[-1]

    return ft.trace(f)(*args), args


def _step(name: str, x: Any, other: Any, rng: np.random.Generator) -> Any:
    ndim, shape = len(x.shape), x.shape
    match name:
        case "transpose":
            return np.transpose(x, tuple(rng.permutation(ndim).tolist()))
        case "reshape":
            return np.reshape(x, [(-1,), (*shape, 1), (1, *shape), shape[::-1], np.squeeze(x).shape][rng.integers(5)])
        case "newaxis":
            return x[(slice(None),) * int(rng.integers(ndim + 1)) + (None,)]
        case "squeeze":
            return np.squeeze(x)
        case "broadcast":
            wide = [4 if n == 1 and rng.integers(2) else n for n in shape]
            return np.broadcast_to(x, ([2] if rng.integers(2) else []) + wide)
        case "sum" | "max" if ndim and x.size:
            axes = tuple(np.flatnonzero(rng.integers(0, 2, ndim)).tolist())
            out = (np.sum if name == "sum" else np.max)(x, axis=axes, keepdims=True)
            return np.reshape(out, [n for i, n in enumerate(shape) if i not in axes]) if rng.integers(2) else out
        case "negative":
            return -x
        case "dot" if ndim == 2 and len(other.shape) == 2 and shape[1] == other.shape[0]:
            return x @ other
        case "add" | "where":
            try:
                np.broadcast_shapes(shape, other.shape)
            except ValueError:
                return None
            return x + other if name == "add" else np.where(x > other, x, other)
    return None


@given(shuffles())
def test_strides_stay(case: Any) -> None:
    program, args = case
    check(program, *args)


X = np.arange(6.0).reshape(2, 3)


def test_transposes_cancel() -> None:
    assert left(lambda x: x.T.T * 2.0, X) == ["multiply"]
    assert left(lambda x: x.T.T, X.T) == []
    assert left(lambda x: np.transpose(np.transpose(x, (2, 0, 1)), (2, 0, 1)), np.ones((2, 3, 4))) == ["transpose"]
    assert left(lambda x: np.transpose(np.transpose(x, (1, 0, 2)), (0, 2, 1)), np.ones((2, 3, 4))) == ["transpose"]


def test_reshapes_become_one() -> None:
    assert left(lambda x: np.sin(x).reshape(1, 2, 3).reshape(6), X) == ["sin", "reshape"]
    assert left(lambda x: x[:, None, :].reshape(2, 3) * 2.0, X) == ["multiply"]
    assert left(lambda x: x.reshape(2, 3).reshape(3, 2), np.arange(12.0)[::2]) == ["reshape"]


def test_a_reshape_that_copies_stays() -> None:
    # In between the entries lie row by row, at first (and without it in the end) column by column.
    def f(x: Any) -> Any:
        return np.sum(x.T.reshape(6).reshape(3, 2) + 0.0, axis=0)

    assert left(f, X) == ["transpose", "reshape", "reshape", "add", "sum"]


def test_axes_of_length_one_have_strides() -> None:
    assert left(lambda x: x.reshape(2).reshape(2, 1), X[:, :1]) == ["reshape", "reshape"]
    assert left(lambda x: x.reshape(2, 1, 1).reshape(2, 1), X[:, :1]) == ["reshape", "reshape"]


def test_python_numbers() -> None:
    assert left(lambda s: X * np.reshape(np.reshape(s, 1), ()), 2.0) == ["reshape", "reshape", "multiply"]


def test_axes_that_are_kept_and_dropped() -> None:
    assert left(lambda x: np.sum(x, axis=0, keepdims=True).reshape(3), X) == ["sum"]
    assert left(lambda x: np.max(x, axis=1, keepdims=True).reshape(2), X) == ["max"]
    assert left(lambda x: np.sum(x, axis=0, keepdims=True).reshape(3, 1), X) == ["sum", "reshape"]

    def used_twice(x: Any) -> Any:
        s = np.sum(x, axis=0, keepdims=True)
        return s.reshape(3), x / s

    assert left(used_twice, X) == ["sum", "reshape", "divide"]


def test_a_scalar_where_it_is_as_good_as_an_array() -> None:
    def total(x: Any) -> Any:
        return np.sum(x, keepdims=True).reshape(())

    assert left(lambda x: x * total(x), X) == ["sum", "multiply"]
    assert left(lambda x: x * np.sum(x).reshape(1).reshape(()), X) == ["sum", "multiply"]
    assert left(lambda x: np.sum(x).reshape(1).reshape(()), X) == ["sum", "reshape", "reshape"]
    assert left(lambda x: np.sum(x).reshape(1).reshape(1, 1), X) == ["sum", "reshape"]
    assert left(total, X) == ["sum", "reshape"]  # the result is an array
    assert left(lambda x: total(x) ** 3, X) == ["sum", "reshape", "pow"]  # another function of scalars
    assert left(lambda x: total(x) * total(x), X * 1j) == ["sum", "reshape", "sum", "reshape", "multiply"]


def test_operations_broadcast_by_themselves() -> None:
    assert left(lambda x, y: x + np.broadcast_to(y, (2, 3)), X, X[0]) == ["add"]
    assert left(lambda x, y: x + np.broadcast_to(y.reshape(1, 3), (2, 3)), X, X[0]) == ["add"]
    assert left(lambda x, y: x * np.broadcast_to(y, (2, 3)), X, np.float64(2.0)) == ["multiply"]
    assert left(lambda x, y: np.broadcast_to(x, (2, 2)) * np.broadcast_to(y, (2, 2)), X[0, :1], X[0, :2]) == [
        "broadcast_to",
        "multiply",
    ]


def test_what_does_not_broadcast_by_itself() -> None:
    assert left(lambda x: np.broadcast_to(x, (2, 3)) + 1.0, X[0]) == ["broadcast_to", "add"]
    assert left(lambda x, y: x ** np.broadcast_to(y, (2, 3)), X + 1.0, X[0]) == ["broadcast_to", "pow"]
    # A Python number would take the other's dtype.
    assert left(lambda x, y: x + np.broadcast_to(y, (2, 3)), np.float32(X), 0.1) == ["broadcast_to", "add"]


def test_gradients() -> None:
    def loss(w: Any, b: Any, x: Any) -> Any:
        return np.mean(np.tanh(x @ w + b) ** 2)

    program = ft.trace(ft.grad(loss, argnums=(0, 1)))(X.T, X[:, 0], X)
    assert "reshape" not in check(program, X.T, X[:, 0], X)


def test_constants_that_are_traced() -> None:
    def f(y: Any) -> Any:
        program = ft.trace(lambda x: (x + y).T.T)(X)
        assert len(layout(program).equations) < len(program.equations)
        return np.sum(ft.evaluate(layout(program), X))

    assert np.array_equal(ft.grad(f)(X[0]), [2.0, 2.0, 2.0])


@pytest.mark.parametrize("n", [20000])
def test_long_programs(n: int) -> None:
    def f(x: Any) -> Any:
        for _ in range(n // 2):
            x = -x.T
        return x

    assert len(layout(ft.trace(f)(X)).equations) == n


def test_zeros_that_absorb() -> None:
    from functrans.ops.duals import absorb

    def f(x: Any, y: Any) -> Any:
        return np.sum(absorb(np.broadcast_to(y, (2, 3)), x), axis=1)

    column_by_column = np.array([[np.inf, 1.0, 0.1], [np.nan, np.inf, 0.3]], order="F")
    assert left(f, column_by_column, np.array([0.0, 1.0, 0.3])) == ["absorbing_multiply", "sum"]
