"""Cheaper operations, which give the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as hst

import functrans as ft
from functrans.compile.passes.strength import cheaper
from functrans.testing import strategies as st
from tests.compile.passes.strides import check_strides

TINY = 5e-324
EDGES = [0.0, -0.0, 1.0, -1.0, TINY, -TINY, 2.2e-308, 1.7e308, -1.7e308, 1e154, 1.4e154, 1e-162, np.inf, -np.inf]
RANDOM = np.random.default_rng(0).normal(size=300) * 10.0 ** np.random.default_rng(1).integers(-300, 300, 300)
SPECIAL = np.array([*EDGES, np.nan, -np.nan, *RANDOM])
DTYPES = [np.float16, np.float32, np.float64, np.complex64, np.complex128, np.int8, np.int64, np.uint8, np.bool_]
NUMBERS = [2, 2.0, 0.5, -1, -1.0, -2, 3, 0, 1, -0.5, 4, 8.0, 0.25, 2.0**60, 2.0**-60, 2.0**101, 1024, -16.0, 1e3, TINY]


def special(dtype: Any) -> Any:
    with np.errstate(all="ignore"):
        if np.dtype(dtype).kind == "c":
            made = np.zeros((len(EDGES) + 2, len(EDGES) + 2), dtype)
            made.real, made.imag = SPECIAL[: len(made), None], SPECIAL[: len(made)]
            return made
        return SPECIAL.astype(dtype)


def left(f: Any, *args: Any) -> list[str]:
    """What is left of a function."""
    made = check_strides(cheaper, ft.trace(f)(*args), args)
    return [equation.primitive.name for equation in made.equations]


@settings(deadline=None, max_examples=60)
@given(st.program_cases(12, around=["pow", "divide", "reciprocal"], edges=True, layouts=True))
def test_law(case: st.ProgramCase) -> None:
    check_strides(cheaper, case.program, case.args)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("number", NUMBERS)
def test_powers_and_quotients(dtype, number):
    x = special(dtype)
    with np.errstate(all="ignore"):
        for c in (number, np.asarray(number)[()], np.asarray(number, np.float32), np.asarray(number, np.float32)[()]):
            for f in (lambda x: x**c, lambda x: x / c, lambda x: c / x, lambda x: np.power(x, c)):
                try:
                    program = ft.trace(f)(x)
                    f(x)
                except (ValueError, TypeError, OverflowError):  # of integers
                    continue
                check_strides(cheaper, program, [x])
                check_strides(cheaper, program, [x[::-3]])


@settings(deadline=None, max_examples=80)
@given(hst.integers(-100, 100), hst.sampled_from([np.float32, np.float64, np.int64]), hst.booleans())
def test_quotients_by_powers_of_two(exponent, dtype, strong) -> None:
    c = 2.0**exponent
    c = np.float64(c) if strong else c
    assert left(lambda x: x / c, special(dtype)) == (["divide"] if strong and dtype is np.float32 else ["multiply"])


@pytest.mark.parametrize(
    ("f", "names"),
    [
        (lambda x: x**2, ["square"]),
        (lambda x: x**2.0, ["square"]),
        (lambda x: x**0.5, ["sqrt"]),
        (lambda x: x**-1, ["divide"]),
        (lambda x: np.reciprocal(x), ["divide"]),
        (lambda x: x / 4, ["multiply"]),
        (lambda x: x / -0.5, ["multiply"]),
        (lambda x: x**3, ["pow"]),
        (lambda x: np.power(x, 2), ["power"]),
        (lambda x: x / 3.0, ["divide"]),
        (lambda x: x / 2j, ["divide"]),
        (lambda x: x / np.nan, ["divide"]),
        (lambda x: x / 2.0**-1074, ["divide"]),
        (lambda x: x / 0.0, ["divide"]),
        (lambda x: x / np.inf, ["divide"]),
        (lambda x: x / np.full(316, 2.0), ["divide"]),
        (lambda x: x ** np.float64(2.0), ["pow"]),
        (lambda x: x ** np.full(316, 2.0), ["pow"]),
        (lambda x: np.sum(x) ** 2, ["sum", "pow"]),
        (lambda x: np.sum(x) / 2, ["sum", "divide"]),
    ],
)
def test_examples(f, names):
    with np.errstate(all="ignore"):
        assert left(f, SPECIAL) == names


def test_numbers_are_left_alone():
    assert left(lambda x: x**2 / 2, 1.5) == ["pow", "divide"]
    assert left(lambda x: x**2 / 2, np.float64(1.5)) == ["pow", "divide"]
    assert left(lambda n: n**2, np.arange(3)) == ["pow"]


def test_integers_are_rounded_once():
    x = np.array([2**53 + 1, 2**62 + 1, -(2**63)])
    assert left(lambda x: x / 2, x) == ["multiply"]


def test_integers_without_bounds():
    program = ft.trace(lambda x: x / 2**1100)(np.ones(3))
    assert cheaper(program) is program


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("outer", [1.0, -1.0, 3.7, 100, 1e10])
@pytest.mark.parametrize("power", [2, 4.0, 2.0**60])
def test_doubled_values_times_a_number(outer, power, dtype):
    assert left(lambda x: outer * (power * x), special(dtype)) == ["multiply"]
    assert left(lambda x: (x * power) * dtype(outer), special(dtype)) == ["multiply"]


@pytest.mark.parametrize(("outer", "inner"), [(0.3, 2.0), (3.0, 0.5), (3.0, 3.0), (1e300, 2.0**60), (3.0, -2.0)])
def test_products_that_round_otherwise_stay(outer, inner):
    assert left(lambda x: outer * (inner * x), special(np.float64)) == ["multiply", "multiply"]
