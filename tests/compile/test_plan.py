"""Results in the memory of what dies, and in buffers that are kept: never in what somebody else sees."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as hypothesis_st

import functrans as ft
from functrans.compile import plan as planning
from functrans.compile.code import generated
from functrans.compile.plan import Plan
from functrans.interpreter import run
from functrans.testing import strategies as st
from functrans.testing.compare import assert_same_bits, bits
from functrans.testing.laws import with_plain_nans


@contextmanager
def everything_is_large():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planning, "LARGE", 0)
        patch.setattr(planning, "POOLED", 0)
        yield


def plain(values):
    return [with_plain_nans(value) for value in values]


@pytest.mark.parametrize("edges", [False, True])
@given(data=hypothesis_st.data())
def test_whatever_the_plan_the_results_are_the_same(edges, data):
    case = data.draw(st.program_cases(edges=edges, layouts=True))
    rows = [(case.program, ft.tree.flatten(case.args)[0])]
    with np.errstate(all="ignore"), everything_is_large():
        if case.point:
            rows.append((ft.trace(lambda *args: ft.vjp(case.f, *args)[0])(*case.point), ft.tree.flatten(case.point)[0]))
        for program, leaves in rows:
            before = bits(leaves)
            expected = run(program, leaves)
            code = generated(program)
            first = code.run(*leaves)
            kept = bits(first)
            second = code.run(*leaves)
            assert_same_bits(plain(first), plain(expected))
            assert_same_bits(plain(second), plain(expected))
            assert bits(first) == kept, "the second call wrote into what the first one gave"
            assert bits(leaves) == before, "an argument was written into"


def chain(x, y):
    a = x + y
    b = np.sin(a)
    c = b * 2.0
    return c - x


SHAPE = (planning.LARGE,)


def test_a_result_takes_over_the_memory_of_what_dies():
    program = ft.trace(chain)(np.ones(SHAPE), np.ones(SHAPE))
    found = Plan(program, planned=True)
    assert [program.equations[i].primitive.name for i in found.into] == ["sin", "multiply", "subtract"]
    assert "sin(a, a)" in generated(program).source


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sin(x) + 1.0,  # an argument
        lambda x: (a := x * x, np.sin(a)),  # what the caller is given
        lambda x: (a := x * x, np.sin(a[:]) + a[0])[1],  # a view that is still read
        lambda x: (a := x * x, a.T, np.sin(a))[1:],  # a view that the caller is given
        lambda x: np.sin(np.broadcast_to((x * x)[:1], x.shape)),  # one number, seen as many
    ],
)
def test_nothing_is_computed_into_what_somebody_else_sees(f):
    x = np.linspace(0.1, 1.0, SHAPE[0])
    program = ft.trace(f)(x)
    code = generated(program)
    before = x.copy()
    for _ in range(2):
        assert_same_bits(list(code.run(x)), run(program, [x]))
    assert np.array_equal(x, before)


def test_large_buffers_are_kept_between_calls_and_do_not_leave():
    shape = (planning.POOLED // 8,)

    def f(x, w):
        a = np.cumsum(x * w)  # no elementwise block takes them together
        return np.cumsum(a * x) + 1.0

    x = np.linspace(0.0, 1.0, shape[0])
    fast = ft.jit(f)
    code = fast.program(x, x)._entry.compiled().code
    assert code.pooled >= x.nbytes
    first = fast(x, x)
    expected = f(x, x)
    fast(x + 1.0, x)
    assert np.array_equal(first, expected)


def test_arrays_that_lie_otherwise_go_another_way():
    x = np.ones((80, 80))
    fast = ft.jit(lambda x: np.sum(np.sin(x) * 2.0 + x))
    rng = np.random.default_rng(0)
    for other in (rng.normal(size=(80, 80)).T, rng.normal(size=(160, 160))[::2, ::-2], np.broadcast_to(0.3, (80, 80))):
        assert fast(other) == np.sum(np.sin(other) * 2.0 + other)
    assert fast(x) == np.sum(np.sin(x) * 2.0 + x)


def test_the_peak_is_that_of_the_values_that_live_at_once():
    program = ft.trace(lambda x: np.sum(np.cos(np.sin(x)) * x))(np.ones(SHAPE))
    assert generated(program).peak == np.ones(SHAPE).nbytes + 8  # the sum
