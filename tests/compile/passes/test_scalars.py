"""Numbers among arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import functrans as ft
from functrans.compile.passes.scalars import convert_scalars
from functrans.ir import Literal, Program
from functrans.testing import strategies as st
from tests.compile.passes.strides import check_strides

SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 5e-324, 1e308, -1e308, np.inf, -np.inf, np.nan, -np.nan, 3.3])
NAMES = [
    "add",
    "subtract",
    "multiply",
    "divide",
    "maximum",
    "minimum",
    "fmax",
    "less",
    "equal",
    "where",
    "logaddexp",
    "hypot",
    "arctan2",
]


def literals(program: Program) -> list[Any]:
    return [a.value for e in program.equations for a in e.inputs if isinstance(a, Literal)]


@settings(deadline=None, max_examples=80)
@given(st.program_cases(12, around=NAMES, edges=True, layouts=True))
def test_law(case: st.ProgramCase) -> None:
    check_strides(convert_scalars, case.program, case.args)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex128, np.int8, np.int64, np.bool_])
@pytest.mark.parametrize(
    "number",
    [0, -0.0, 1, 2.5, 0.1, 1e30, 1e300, 2**24 + 1, 10**15, True, np.nan, np.inf, 1j, np.float32(0.1), np.float64(0.1)],
)
def test_every_number_beside_every_dtype(dtype, number):
    with np.errstate(all="ignore"):
        x = SPECIAL.astype(dtype)
        for f in (
            lambda x: (x + number, number * x, x / number, np.fmin(x, number)),
            lambda x: (x < number, number == x, np.where(x == x, number, x), np.where(x == x, x, number)),
            lambda x: (np.logaddexp(number, x), np.hypot(x, number), np.arctan2(x, number)),
        ):
            try:
                f(x)
            except (TypeError, OverflowError):  # an ordering of complex numbers; 2**24 + 1 as a small integer
                continue
            check_strides(convert_scalars, ft.trace(f)(x), [x])


def test_numbers_become_arrays():
    for x in (np.ones(3), np.ones(3, np.float32)):
        made = check_strides(convert_scalars, ft.trace(lambda x: np.where(x > 0, 2 * x, 0.0))(x), [x])
        assert [(type(v), v.dtype, v.shape) for v in literals(made)] == [(np.ndarray, x.dtype, ())] * 3


def test_equal_numbers_are_one_array():
    made = convert_scalars(ft.trace(lambda x: 2 * x + x * 2.0)(np.ones(3)))
    assert len({id(value) for value in literals(made)}) == 1


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x**2,  # other functions compute other exponents
        lambda x: np.sum(x) * 2.0,
        lambda x: x.astype(int) * 2,
        lambda x: x.astype(np.float32) * np.float64(2.0),
        lambda x: x.astype(np.float32) * 1e300,
        lambda x: x * (2**60 + 1),
        lambda x: x * np.nan,
    ],
)
def test_what_stays(f):
    program = ft.trace(f)(np.ones(3))
    assert convert_scalars(program) is program
