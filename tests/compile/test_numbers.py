"""Programs of single numbers on Python's floats: NumPy's bits, types, warnings and errors."""

from __future__ import annotations

import math
import operator
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as hst

import functrans as ft
from functrans.compile.code import generated
from functrans.compile.numbers import _MATH, agrees, on_numbers
from functrans.interpreter import run
from functrans.testing.compare import assert_same_bits
from functrans.testing.laws import with_plain_nans

UNARY = ["negative", "square", "sqrt", *_MATH]
NUMBERS = [0.0, -0.0, 1.0, -1.0, 5e-324, 1e308, -1e308, math.inf, -math.inf, math.nan, 710.0, -746.0]


def applied(steps, x, y):
    """A chain of operations on two numbers."""
    values = [x, y]
    for step, i, j in steps:
        a, b = values[-1 - i % len(values)], values[-1 - j % len(values)]
        if step in "+-*":
            values.append({"+": operator.add, "-": operator.sub, "*": operator.mul}[step](a, b))
        elif step == "/":
            values.append(a / b)
        elif step == "**":
            values.append(a ** (2 + j % 2))
        elif step == "pow":
            values.append(a**-1.0)
        else:
            values.append(getattr(np, step)(a))
    return values[-1], sum(values[2:])


STEPS = hst.tuples(hst.sampled_from([*"+-*+-*/", "**", "pow", *UNARY]), hst.integers(0, 3), hst.integers(0, 3))
FLOATS = hst.one_of(hst.floats(-3, 3), hst.floats(), hst.sampled_from(NUMBERS))


@pytest.mark.parametrize("weak", [False, True])
@given(steps=hst.lists(STEPS, min_size=2, max_size=12), x=FLOATS, y=FLOATS)
def test_the_bits_are_numpys(weak, steps, x, y):
    args = (x, y) if weak else (np.float64(x), np.float64(y))
    try:
        program = ft.trace(lambda x, y: applied(steps, x, y))(*args)
        with np.errstate(all="ignore"):
            expected = run(program, args)
    except (ArithmeticError, ValueError):  # Python's own, of Python's numbers
        return
    code = on_numbers(program, generated(program).run)
    if code is None:
        assert len(program.equations) < 3 or not all(
            a in {v for e in program.equations for v in e.outputs} for a in program.outputs
        )
        return
    with np.errstate(all="ignore"):
        found = code.run(*args)
    assert_same_bits(list(map(with_plain_nans, found)), list(map(with_plain_nans, expected)))


def chain(x):
    for _ in range(5):
        x = np.sin(x) * 1.1 + 0.3 / x
    return x


@pytest.mark.parametrize("x", [0.5, np.float64(0.5), np.array(0.5)])
def test_types_are_numpys(x):
    fast = ft.jit(ft.value_and_grad(chain))
    found, expected = fast(x), ft.value_and_grad(chain)(x)
    assert_same_bits(list(found), list(expected))
    assert "float64(" in fast.source(x)


def test_warnings_and_errors_are_numpys():
    fast = ft.jit(lambda x: np.log(x) * 2.0 + 1.0)
    with pytest.warns(RuntimeWarning, match="divide by zero encountered in log"):
        assert fast(np.float64(0.0)) == -np.inf
    with np.errstate(all="raise"), pytest.raises(FloatingPointError):
        fast(np.float64(-1.0))
    with pytest.raises(ZeroDivisionError):
        ft.jit(lambda x: 1.0 / x / x / x)(0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fast(np.float64(1.0)) == 1.0


def test_a_zero_absorbs():
    def f(x):
        return np.sqrt(x) * 0.0 + x * x + x

    with np.errstate(all="ignore"):
        assert ft.jit(ft.grad(f))(np.float64(0.0)) == ft.grad(f)(np.float64(0.0)) == 1.0


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.where(x > 0, x * x, x + 1.0) * 2.0,
        lambda x: x,
        lambda x: (x * x * x * x, x),
        lambda x: (x + 1.0) ** 0.5 + (x + 2.0) ** 0.3,
        lambda x: x.astype(np.float32) * 2.0 + 1.0,
    ],
)
def test_other_programs_go_the_usual_way(f):
    program = ft.trace(f)(np.float64(0.3))
    assert on_numbers(program, generated(program).run) is None


def test_functions_that_differ_are_numpys_own():
    assert agrees("sqrt")
    for name in _MATH:
        if agrees(name) and name not in ("arccosh", "arctanh"):
            x = 0.7312
            assert getattr(math, _MATH[name])(x) == getattr(np, name)(x)
    program = ft.trace(lambda x: np.tanh(x) * 2.0 + np.cbrt(x))(np.float64(0.3))
    source = on_numbers(program, generated(program).run).source
    assert all((f"float({name}(" in source) != agrees(name) for name in ("tanh", "cbrt"))
