"""Negations that are moved: all numbers stay the same to the bit, and NaN is NaN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as hst

import functrans as ft
from functrans import interpreter
from functrans.compile.passes.signs import move_signs
from functrans.ir import Program
from functrans.testing import strategies as st
from functrans.testing.compare import assert_same_bits

SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 5e-324, -5e-324, 1e308, -1e308, np.inf, -np.inf, np.nan, 3.3])
ARITHMETIC = ["negative", "add", "subtract", "multiply", "divide"]


def unsigned(value: Any) -> Any:
    """A value whose NaN have no sign."""
    if ft.ArraySpec.of(value).dtype.kind not in "fc":
        return value
    parts = np.array([np.real(value), np.imag(value)])
    parts[np.isnan(parts)] = np.nan
    return type(value), ft.ArraySpec.of(value), parts, getattr(value, "strides", None)


def check(program: Program, leaves: Sequence[Any]) -> list[str]:
    """Hold the pass against its laws; the names of what is left."""
    made = move_signs(program).validate()
    with np.errstate(all="ignore"):
        for ours, theirs in zip(interpreter.run(made, leaves), interpreter.run(program, leaves), strict=True):
            ours, theirs = unsigned(ours), unsigned(theirs)
            if isinstance(ours, tuple):
                assert ours[:2] + ours[3:] == theirs[:2] + theirs[3:]
                ours, theirs = ours[2], theirs[2]
            assert_same_bits(ours, theirs)
    assert move_signs(made) == made
    return [equation.primitive.name for equation in made.equations]


def left(f: Any, *args: Any) -> list[str]:
    return check(ft.trace(f)(*args), args)


@settings(deadline=None, max_examples=100)
@given(st.program_cases(16, primitives=[*ARITHMETIC, "transpose", "sum"], edges=True, layouts=True))
def test_law(case: st.ProgramCase) -> None:
    check(case.program, case.args)


@settings(deadline=None, max_examples=60)
@given(hst.lists(hst.sampled_from("-+~*/234"), min_size=1, max_size=12), hst.sampled_from("fdFl"))
def test_law_of_chains(steps, dtype) -> None:
    def f(x, y):
        values = [x, y]
        for i, step in enumerate(steps):
            a, b = values[-1], values[i // 2]
            values.append(
                {
                    "-": lambda a, b: -a,
                    "+": lambda a, b: a + b,
                    "~": lambda a, b: a - b,
                    "*": lambda a, b: a * b,
                    "/": lambda a, b: a / b,
                    "2": lambda a, b: a * -1,
                    "3": lambda a, b: 3 * a,
                    "4": lambda a, b: 0 / a,
                }[step](a, b)
            )
        return values[len(values) // 2], values[-1]

    with np.errstate(all="ignore"):
        x, y = np.meshgrid(SPECIAL.astype(dtype), SPECIAL.astype(dtype))
        left(f, x, y)


@pytest.mark.parametrize(
    ("f", "names"),
    [
        (lambda x, y: x + (-y), ["subtract"]),
        (lambda x, y: -x + y, ["subtract"]),
        (lambda x, y: x - (-y), ["add"]),
        (lambda x, y: (-x) * (-y), ["multiply"]),
        (lambda x, y: (-x) / (-y), ["divide"]),
        (lambda x, y: (-x) * 3.0 + y, ["multiply", "add"]),
        (lambda x, y: -(x * 3.0) + y, ["multiply", "add"]),
        (lambda x, y: -(np.broadcast_to(2.0, (12, 12)) * x), ["multiply"]),
        (lambda x, y: -(x / 0.0), ["divide"]),
        (lambda x, y: x * -1.0, ["negative"]),
        (lambda x, y: y + x * -1, ["subtract"]),
        # These are something else, at a zero or an infinity.
        (lambda x, y: -(x - y), ["subtract", "negative"]),
        (lambda x, y: -x - y, ["negative", "subtract"]),
        (lambda x, y: (-x) * y, ["negative", "multiply"]),
        (lambda x, y: (-x) * 0, ["negative", "multiply"]),
        (lambda x, y: 0.0 - x, ["subtract"]),
        (lambda x, y: -(x + 3.0), ["add", "negative"]),
    ],
)
def test_examples(f, names):
    x, y = np.meshgrid(SPECIAL, SPECIAL)
    with np.errstate(all="ignore"):
        found = left(f, x, y)
    assert found[-len(names) :] == names


def test_a_product_that_somebody_reads_stays():
    assert left(lambda x: (3.0 * x, -(3.0 * x), np.exp(3.0 * x)), SPECIAL)[:2] == ["multiply", "multiply"]

    def f(x):
        y = 3.0 * x
        return -y, y

    assert left(f, SPECIAL) == ["multiply", "negative"]


def test_integers_have_one_without_an_opposite():
    x = np.array([-(2**63), 3])
    assert left(lambda x: (-x) / (-x), x) == ["negative", "negative", "divide"]
    assert left(lambda x: 1.5 + (-x), x) == ["negative", "add"]
    assert left(lambda n: 1.5 + (-n), np.array([3, 0], np.uint8)) == ["negative", "add"]


def test_complex_numbers():
    z = np.array([1.0, complex(-0.0, np.inf), complex(0.0, -0.0), complex(np.nan, 1.0)])
    assert left(lambda z: 1.0 + (-z), z) == ["subtract"]
    assert left(lambda z, x: (-z) * (-x), z, z.real) == ["negative", "negative", "multiply"]


def test_programs_that_look_at_signs_are_left_alone():
    program = ft.trace(lambda x, y: np.signbit(x + -y))(1.0, 2.0)
    assert move_signs(program) is program
