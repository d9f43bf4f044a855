"""Laws of second derivatives: the first derivatives are functions like any other, and obey the same laws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import functrans as ft
from functrans.primitive import Primitive
from tests.laws.judge import assert_close, assert_inner_equal, double, judged, precision
from tests.strategies import Case, cases

few = settings(max_examples=max(3, settings.default.max_examples // 8))


def drawn(data: st.DataObject, primitive: Primitive) -> Case:
    return data.draw(cases(primitive).filter(lambda case: case.moving))


def forward(case: Case, v: Any) -> Callable[..., Any]:
    """x -> J(x) v."""
    return lambda *point: ft.jvp(case.f, point, v)[1]


def backward(case: Case, w: Any) -> Callable[..., Any]:
    """x -> J(x)^T w, the gradient of <w, f(x)>."""
    return lambda *point: ft.vjp(case.f, *point)[1](w)


@given(data=st.data(), seed=st.integers(0, 99))
@few
def test_second_derivative_is_the_numerical_one(smooth, data, seed):
    """jvp(x -> J(x)^T w, x, u) == d/dt J(x + t u)^T w at t = 0."""
    case = drawn(data, smooth)
    u, w = case.direction(seed), case.weights(seed)
    found = ft.jvp(backward(case, w), case.point, u)[1]
    wide = Case(case.primitive, tuple(double(arg) for arg in case.args), case.params, case.moving)
    expected, error = judged(backward(wide, double(w)), case.point, u)
    assert_close(found, expected, error=error, precise=precision(case.f(*case.point), case.point))


@given(data=st.data(), seed=st.integers(0, 99))
@few
def test_nesting_in_any_order_gives_the_same(smooth, data, seed):
    """H u, with H the Hessian of <w, f(x)>: jvp of vjp == vjp of vjp == vjp of jvp; <w, jvp of jvp> == <u, H v>."""
    case = drawn(data, smooth)
    u, v, w = case.direction(seed), case.direction(seed + 1), case.weights(seed)
    precise = precision(case.f(*case.point), case.point) * 1e-1
    expected = ft.jvp(backward(case, w), case.point, u)[1]
    assert_close(ft.vjp(backward(case, w), *case.point)[1](u), expected, precise=precise)
    assert_close(ft.vjp(forward(case, u), *case.point)[1](w), expected, precise=precise)
    twice = ft.jvp(forward(case, v), case.point, u)[1]
    assert_inner_equal(w, twice, v, expected, precise)


@given(data=st.data(), seed=st.integers(0, 99))
@few
def test_trace_around_second_derivatives(smooth, data, seed):
    """evaluate(trace(x -> H u), x) == H u in every nesting; validate() accepts it."""
    case = drawn(data, smooth)
    u, w = case.direction(seed), case.weights(seed)
    nestings = (
        lambda *point: ft.jvp(backward(case, w), point, u)[1],
        lambda *point: ft.vjp(backward(case, w), *point)[1](u),
        lambda *point: ft.vjp(forward(case, u), *point)[1](w),
    )
    f = nestings[seed % 3]
    program = ft.trace(f)(*case.point).validate()
    with np.errstate(all="ignore"):
        assert_close(ft.evaluate(program, *case.point), f(*case.point), precise=precision(case.point) * 1e-4)
