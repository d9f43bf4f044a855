"""What gradients of indexing add into buffers, with less to build; the same sums in the same order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as hst

import functrans as ft
from functrans.compile.passes.scatter import scatter
from functrans.interpreter import run
from functrans.ir import Program
from functrans.ops.index import plus_zero_p
from functrans.testing import strategies as st
from functrans.tracing.bind import bind
from tests.compile.passes.laws import check_pass


def check(program: Program, *leaves: Any) -> list[str]:
    """Hold the pass against its laws, strides included; the names of what is left."""
    made = check_pass(scatter, program, leaves)
    with np.errstate(all="ignore"):
        for ours, theirs in zip(run(made, leaves), run(program, leaves), strict=True):
            if isinstance(ours, np.ndarray) and ours.size:
                assert ours.strides == theirs.strides
    return [equation.primitive.name for equation in made.equations]


def left(f: Callable[..., Any], *args: Any) -> list[str]:
    """What is left of the pullback of a function: of several cotangents, at ``args``."""

    def pulled(*cts: Any) -> Any:
        return ft.vjp(f, *args)[1](tuple(cts))

    cts = [np.where(np.asarray(out) > 2.0, -0.0, out) for out in f(*args)]
    return check(ft.trace(pulled)(*cts), *cts)


X = np.arange(6.0)
M = np.arange(6.0).reshape(2, 3)


@given(st.program_cases(12, edges=True, layouts=True, around=["getitem", "scatter", "index_add", "stack"]))
def test_laws(case: Any) -> None:
    check_pass(scatter, case.program, case.args)


INDICES = hst.one_of(
    hst.integers(0, 2),
    hst.tuples(hst.integers(0, 2), hst.integers(0, 2)),
    hst.sampled_from([np.s_[:], np.s_[1:], np.s_[:1], np.s_[:, 1:], np.s_[:, :1], np.s_[..., :1], np.s_[..., 1:]]),
    hst.sampled_from(
        [np.s_[None], np.s_[:, None, :], np.s_[..., None], np.s_[::-1], np.s_[1:, 0], np.array([2, 0, 2])]
    ),
    hst.sampled_from([np.s_[2:], np.s_[1:2], np.s_[0:0], np.s_[-1], np.s_[:, 2:], np.s_[:, 1:2]]),
)


SLICES = hst.builds(slice, *[hst.one_of(hst.none(), hst.integers(-5, 5))] * 2, hst.sampled_from([None, 1, 2, -1, -3]))
BASIC = hst.lists(hst.one_of(hst.just(slice(None)), SLICES, hst.integers(0, 1)), max_size=3).map(tuple)


@given(BASIC, BASIC, BASIC)
def test_indices_of_indices(first: Any, second: Any, third: Any) -> None:
    x = np.arange(24.0).reshape(2, 3, 4)[:, ::-1]

    def f(x: Any) -> Any:
        return x[first][second][third], x[first][third]

    try:
        f(x)
    except IndexError:
        return
    check(ft.trace(f)(x), x)
    left(f, x)


@given(
    hst.lists(INDICES, min_size=1, max_size=6), hst.lists(hst.booleans(), min_size=6, max_size=6), hst.integers(0, 99)
)
def test_gradients_of_reading(indices: list[Any], cut: list[bool], seed: int) -> None:
    x = np.zeros((3, 3))
    rng = np.random.default_rng(seed)

    def f(x: Any) -> Any:
        outs = []
        for index, again in zip(indices, cut, strict=False):
            outs.append(x[index])
            if again:  # a buffer of its own
                x = x * 1.0
        return tuple(outs)

    cts = [np.asarray(rng.choice([-0.0, 0.0, 0.1, 0.7, np.inf, np.nan, 1e20], np.shape(out))) for out in f(x)]
    cts = [ct.copy(order="F") if seed % 2 else ct for ct in cts]
    check(ft.trace(lambda *cts: ft.vjp(f, x)[1](cts))(*cts), *cts)


def test_numbers_are_added_one_by_one() -> None:
    assert left(lambda x: (x[4], x[0], x[4], x[1]), X) == ["scatter", *["index_add"] * 3]
    assert left(lambda x: (x[1, 2], x[0, -1]), M) == ["scatter", "index_add"]
    assert left(lambda x: (x[1], x[0]), M) == ["scatter", "index_add"]  # rows
    assert left(lambda x: (x[1], x[0], x[1:3], x[0]), X) == ["scatter", "index_add", "index_add", "index_add"]


def test_many_numbers() -> None:
    x = np.arange(300.0)
    assert left(lambda x: tuple([x[i] for i in range(300)]), x) == ["scatter", *["index_add"] * 299]


def test_numbers_of_another_dtype_stay_stacked() -> None:
    def f(x: Any, y: Any) -> Any:
        v = np.stack([x, y])
        return ft.numpy.at(np.zeros(3))[np.array([0, 2])].add(v)

    program = ft.trace(f)(np.float32(1.0), np.float64(2.0))
    assert check(program, np.float32(1.0), np.float64(2.0)) == ["stack", "index_add"]


def test_a_stack_that_is_read_elsewhere_stays() -> None:
    def f(x: Any, y: Any) -> Any:
        v = np.stack([x, y])
        return ft.numpy.at(np.zeros(3))[np.array([0, 2])].add(v), v

    program = ft.trace(f)(np.float64(1.0), np.float64(2.0))
    assert check(program, np.float64(1.0), np.float64(2.0)) == ["stack", "index_add"]


@pytest.mark.parametrize("index", [-4, 3])
def test_indices_out_of_range_stay(index: int) -> None:
    def f(x: Any) -> Any:
        return ft.numpy.at(np.zeros(3))[np.array([0, index])].add(np.stack([x, x]))

    program = ft.trace(f)(np.float64(2.0))
    assert scatter(program) is program


def test_indices_that_are_not_known_stay() -> None:
    def f(i: Any, x: Any) -> Any:
        return ft.numpy.at(np.zeros(3))[i].add(np.stack([x, x]))

    program = ft.trace(f)(np.array([1, 1]), np.float64(2.0))
    assert check(program, np.array([1, 1]), np.float64(2.0)) == ["stack", "index_add"]


def test_new_axes() -> None:
    assert left(lambda x: (x[:, None, :],), M) == ["reshape", "plus_zero"]
    assert left(lambda x: (x[...],), M) == ["plus_zero"]
    assert left(lambda x: (x[None], x[:, None]), M) == ["reshape", "plus_zero", "index_add"]
    assert left(lambda x: (x[None],), np.float64(1.0)) == ["reshape", "plus_zero"]


def test_indices_of_indices_are_one() -> None:
    x = np.arange(10.0)
    assert check(ft.trace(lambda x: x[1:][::-2][1])(x), x) == ["getitem"]
    assert left(lambda x: (x[1:][:-1],), X) == ["scatter"]
    assert left(lambda x: (x[1:][:-1], x[2:][1:]), X) == ["scatter", "index_add"]
    assert left(lambda x: (x[0][1:], x[1], x[1][:2]), M) == ["scatter", "index_add", "index_add"]


def test_negative_zeros_around_what_is_added() -> None:
    def f(x: Any, v: Any) -> Any:
        return ft.numpy.at(x)[1:].add(ft.vjp(lambda y: y[:2], x[1:])[1](v)[0])

    x = np.full(4, -0.0)
    assert check(ft.trace(f)(x, x[:2]), x, x[:2]) == ["scatter", "index_add"]


def test_slices_side_by_side() -> None:
    assert left(lambda x: (x[:2], x[2:5], x[5:]), X) == ["concatenate", "plus_zero"]
    assert left(lambda x: (x[..., 1:], x[:, :1]), M) == ["concatenate", "plus_zero"]
    assert left(lambda x: (x[4:], x[:2], x[2:4]), X) == ["concatenate", "plus_zero"]


def test_slices_that_overlap_or_leave_out() -> None:
    for indices in ([np.s_[:3], np.s_[2:]], [np.s_[:2], np.s_[3:]], [np.s_[1:], np.s_[1:]], [np.s_[::2], np.s_[1::2]]):
        assert left(lambda x, indices=indices: tuple([x[i] for i in indices]), X) == ["scatter", "index_add"]
    assert left(lambda x: (x[:1], x[:, 1:]), M) == ["scatter", "index_add"]


def test_a_buffer_that_is_read_in_between_stays() -> None:
    def f(a: Any, b: Any) -> Any:
        first = ft.vjp(lambda x: x[:2], X)[1](a)[0]
        return first, ft.numpy.at(first)[2:].add(b)

    program = ft.trace(f)(X[:2], X[2:])
    assert check(program, X[:2], X[2:]) == ["scatter", "index_add"]


def test_integers_stay() -> None:
    def f(a: Any, b: Any) -> Any:
        return ft.numpy.at(np.zeros(3, int))[np.array([0, 2])].add(np.stack([a, b]))

    program = ft.trace(f)(np.int64(1), np.int64(2))
    assert check(program, np.int64(1), np.int64(2)) == ["stack", "index_add"]


def test_plus_zero() -> None:
    x = np.array([[-0.0, 1.0, np.nan], [np.inf, -2.0, 0.0]], order="F")
    assert np.signbit(bind(plus_zero_p, x)).tolist() == [[False, False, False], [False, True, False]]
    assert bind(plus_zero_p, x).flags.c_contiguous


def test_long_programs() -> None:
    def f(x: Any) -> Any:
        total = 0.0
        for i in range(300):
            total = total + x[i] * x[i : i + 2].sum()
        return total

    program = ft.trace(ft.grad(f))(np.ones(302))
    assert len(scatter(program).equations) > 600
