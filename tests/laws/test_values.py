"""Laws of values: what a spec foretells, and that staging and printing change nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import functrans as ft
from functrans.ir import ArraySpec
from functrans.primitive import Primitive, primitives
from tests.laws.judge import assert_same_bits, leaves, specs
from tests.strategies import Case, cases, has_operands

few = settings(max_examples=max(3, settings.default.max_examples // 8))


def drawn(data: st.DataObject, primitive: Primitive) -> Case:
    return data.draw(cases(primitive))


def executed(program: ft.Program, *args: Any) -> Any:
    """The printed module, run by Python."""
    namespace: dict[str, Any] = {}
    exec(compile(program.to_source(), "<printed>", "exec"), namespace)
    return namespace[program.name](*args)


def test_every_primitive_has_operands():
    """The strategies know every primitive."""
    assert [p.name for p in primitives() if not has_operands(p)] == []


@given(data=st.data())
@few
def test_spec_foretells(primitive, data):
    """spec(specs of x) == spec of p(x)."""
    case = drawn(data, primitive)
    foretold = primitive.spec(*[ArraySpec.of(arg) for arg in case.args], **case.params)
    with np.errstate(all="ignore"):
        out = primitive.impl(*case.args, **case.params)
    assert (list(foretold) if primitive.multiple else [foretold]) == specs(out)


@given(data=st.data())
@few
def test_staging_changes_nothing(primitive, data):
    """evaluate(trace(f)(x), x) == f(x), to the bit."""
    case = drawn(data, primitive)
    with np.errstate(all="ignore"):
        program = ft.trace(case.everything)(*case.args).validate()
        assert_same_bits(ft.evaluate(program, *case.args), case.everything(*case.args))


@given(data=st.data())
@few
def test_printing_changes_nothing(primitive, data):
    """exec(to_source(trace(f)(x)))(x) == f(x), to the bit; also with the operands printed as constants."""
    case = drawn(data, primitive)
    with np.errstate(all="ignore"):
        expected = case.everything(*case.args)
        assert_same_bits(leaves(executed(ft.trace(case.everything)(*case.args), *case.args)), leaves(expected))
        one = next((i for i, arg in enumerate(case.args) if ArraySpec.of(arg).size), None)
        if one is not None:
            program = ft.trace(lambda x: case.everything(*case.args[:one], x, *case.args[one + 1 :]))(case.args[one])
            assert_same_bits(leaves(executed(program, case.args[one])), leaves(expected))


@given(data=st.data())
@few
def test_live_values_are_numpys(smooth, data):
    """The value under jvp and vjp == f(x), to the bit."""
    case = drawn(data, smooth)
    if not case.moving:
        return
    with np.errstate(all="ignore"):
        expected = case.f(*case.point)
        assert_same_bits(ft.jvp(case.f, case.point, case.direction(0))[0], expected)
        assert_same_bits(ft.vjp(case.f, *case.point)[0], expected)
