"""Laws of first derivatives, for every primitive that has one."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import functrans as ft
from functrans.ir import ArraySpec
from functrans.primitive import Derivatives, Primitive
from tests.laws.judge import (
    assert_close,
    assert_inner_equal,
    complex_step,
    double,
    flat,
    judged,
    precision,
    specs,
)
from tests.strategies import Case, cases

few = settings(max_examples=max(4, settings.default.max_examples // 6))
# Elementwise, and NumPy computes them for complex numbers, but along the imaginary axis they are another function.
NOT_ANALYTIC = {"absolute", "sign", "maximum", "minimum", "fmax", "fmin"}


def drawn(data: st.DataObject, primitive: Primitive) -> Case:
    """A case with something to differentiate in (drawn again from the same strategy otherwise)."""
    return data.draw(cases(primitive).filter(lambda case: case.moving))


def is_analytic(case: Case) -> bool:
    """Whether the complex step may judge: real operands of an elementwise function that takes complex ones."""
    if not isinstance(case.primitive.derivative, Derivatives) or case.primitive.name in NOT_ANALYTIC:
        return False
    if any(ArraySpec.of(arg).dtype.kind == "c" for arg in case.args):
        return False
    try:
        case.primitive.spec(
            *[ArraySpec((), complex if i in case.moving else ArraySpec.of(a).dtype) for i, a in enumerate(case.args)]
        )
    except TypeError:
        return False
    return True


@given(data=st.data(), seed=st.integers(0, 99))
@few
def test_jvp_is_the_numerical_derivative(smooth, data, seed):
    """jvp(f, x, dx) == d/dt f(x + t dx) at t = 0."""
    case = drawn(data, smooth)
    dx = case.direction(seed)
    tangent = ft.jvp(case.f, case.point, dx)[1]
    precise = precision(case.f(*case.point), case.point)
    if is_analytic(case):
        wide = Case(case.primitive, tuple(double(arg) for arg in case.args), case.params, case.moving)
        assert_close(
            tangent,
            complex_step(wide.f, case.point, dx),
            precise=max(precise * 1e-3, 2e-6) if precise > 1e-6 else 1e-12,
        )
    else:
        wide = Case(case.primitive, tuple(double(arg) for arg in case.args), case.params, case.moving)
        expected, error = judged(wide.f, case.point, dx)
        assert_close(tangent, expected, error=error, precise=precise)


@given(data=st.data(), seed=st.integers(0, 99))
@few
def test_forward_and_reverse_are_adjoint(smooth, data, seed):
    """<w, J v> == <J^T w, v>."""
    case = drawn(data, smooth)
    v, w = case.direction(seed), case.weights(seed)
    out, tangent = ft.jvp(case.f, case.point, v)
    pulled = ft.vjp(case.f, *case.point)[1](w)
    assert_inner_equal(w, tangent, pulled, v, precision(out, case.point) * 1e-2)


@given(data=st.data(), seed=st.integers(0, 99))
@few
def test_linear_in_the_tangent(smooth, data, seed):
    """J (u + 2 v) == J u + 2 J v, and J^T likewise."""
    case = drawn(data, smooth)
    precise = precision(case.f(*case.point), case.point) * 1e-2

    def check(linear: Any, u: Any, v: Any) -> None:
        both = ft.tree.map(
            lambda a, b: ArraySpec.of(a).dtype.type(a + 2 * b) if ArraySpec.of(a).shape == () else a + 2 * b, u, v
        )
        assert_close(linear(both), flat(linear(u)) + 2 * flat(linear(v)), precise=precise)

    check(lambda dx: ft.jvp(case.f, case.point, dx)[1], case.direction(seed), case.direction(seed + 1))
    check(ft.vjp(case.f, *case.point)[1], case.weights(seed), case.weights(seed + 1))


@given(data=st.data(), seed=st.integers(0, 99))
@few
def test_derivatives_have_the_specs_of_their_primals(smooth, data, seed):
    """spec(J v) == spec(f(x)), spec(J^T w) == spec(x): float32 stays float32."""
    case = drawn(data, smooth)
    out, tangent = ft.jvp(case.f, case.point, case.direction(seed))
    inexact = [ArraySpec.of(o).dtype.kind in "fc" for o in ft.tree.flatten(out)[0]]
    assert [s for s, i in zip(specs(tangent), inexact, strict=True) if i] == [
        s for s, i in zip(specs(out), inexact, strict=True) if i
    ]
    assert specs(ft.vjp(case.f, *case.point)[1](case.weights(seed))) == specs(case.point)


@given(data=st.data(), seed=st.integers(0, 99))
@few
def test_staged_derivatives_are_the_live_ones(smooth, data, seed):
    """evaluate(trace(J)(x, v), x, v) == J v, and J^T likewise; validate() accepts both."""
    case = drawn(data, smooth)
    v, w = case.direction(seed), case.weights(seed)

    def forward(*args: Any) -> Any:
        return ft.jvp(case.f, args[: len(v)], args[len(v) :])

    def backward(w: Any, *point: Any) -> Any:
        out, pullback = ft.vjp(case.f, *point)
        return out, pullback(w)

    for f, args in ((forward, (*case.point, *v)), (backward, (w, *case.point))):
        program = ft.trace(f)(*args).validate()
        with np.errstate(all="ignore"):
            assert specs(ft.evaluate(program, *args)) == specs(f(*args))
            assert_close(ft.evaluate(program, *args), f(*args), precise=1e-15)
