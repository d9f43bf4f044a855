"""Operations that change nothing."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as hst

import functrans as ft
from functrans.compile.passes.algebra import simplify
from functrans.ir import Equation, Program, Var
from functrans.primitives import lookup
from functrans.testing import strategies as st
from tests.compile.passes.strides import check_strides, with_constants

SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 5e-324, -5e-324, 1e308, -1e308, np.inf, -np.inf, np.nan, -np.nan, 3.3])
COMPLEX = (SPECIAL[:, None] + np.zeros(13)).astype(complex)
COMPLEX.imag = SPECIAL
CENTRAL = "multiply add subtract divide negative where astype copy positive conjugate absorbing_multiply strong pow"
DTYPES = [np.float16, np.float32, np.float64, np.complex64, np.complex128, np.int8, np.int64, np.uint8, np.bool_]


def left(f: Callable[..., Any], *args: Any) -> list[str]:
    """What is left of a function."""
    made = check_strides(simplify, ft.trace(f)(*args), args)
    return [equation.primitive.name for equation in made.equations]


@settings(deadline=None, max_examples=60)
@given(st.program_cases(12, edges=True, layouts=True))
def test_law(case: st.ProgramCase) -> None:
    check_strides(simplify, case.program, case.args)


@settings(deadline=None, max_examples=80)
@given(st.program_cases(10, primitives=[*CENTRAL.split(), "getitem", "transpose", "matmul"], edges=True, layouts=True))
def test_law_among_these(case: st.ProgramCase) -> None:
    check_strides(simplify, case.program, case.args)


NUMBERS = [0.0, -0.0, 1.0, -1.0, 0, 1, 1j, complex(0.0, -0.0), complex(-0.0, 0.0), 0j, True, np.inf, np.nan, 2.0]
BINARY = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, np.power, np.maximum, np.fmin]


@settings(deadline=None, max_examples=150)
@given(
    hst.sampled_from(BINARY),
    hst.sampled_from(NUMBERS),
    hst.sampled_from(DTYPES),
    hst.sampled_from(["weak", "scalar", "array", "full", "repeated"]),
    hst.booleans(),
    hst.booleans(),
)
def test_every_number_beside_every_dtype(op, number, dtype, kind, swapped, fresh) -> None:
    with np.errstate(all="ignore"):
        x = COMPLEX.astype(dtype) if np.dtype(dtype).kind == "c" else SPECIAL.astype(dtype)
    if kind != "weak":
        number = np.asarray(number)
        if number.dtype.kind == "f" and np.dtype(dtype).kind == "f":
            number = number.astype(dtype)
        if kind != "array":
            number = {"scalar": number[()], "full": np.full(x.shape, number)}.get(
                kind, np.broadcast_to(number, x.shape)
            )

    def f(x: Any) -> Any:
        y = np.where(x == x, x, x) if fresh else x
        return op(number, y) if swapped else op(y, number)

    try:
        with np.errstate(all="ignore"):
            f(x)
        program = ft.trace(f)(x)
    except (TypeError, ValueError):
        return
    check_strides(simplify, program, [x])


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x * 1,
        lambda x: 1 * x,
        lambda x: 1.0 * x * np.ones(13),
        lambda x: x / 1,
        lambda x: x - 0.0,
        lambda x: x - np.zeros(13),
        lambda x: x + (-0.0),
        lambda x: (-0.0) + x,
        lambda x: x**1,
        lambda x: x**1.0,
        lambda x: +x,
        lambda x: np.negative(-x),
        lambda x: np.conjugate(x),
        lambda x: x.astype(float),
        lambda x: np.where(x > 0, x, x),
        lambda x: x.copy(),
        lambda x: np.real(x),
        lambda x: ft.ops.scalars.strong(x),
    ],
)
def test_identities(f):
    assert left(lambda x: np.tanh(f(np.exp(x))), SPECIAL) in (["exp", "tanh"], ["exp", "greater", "tanh"])


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x * 0,
        lambda x: x + 0.0,
        lambda x: 0 + x,
        lambda x: x - (-0.0),
        lambda x: x - x,
        lambda x: x / x,
        lambda x: 0 / x,
        lambda x: x**0,
        lambda x: -(x - 1.0),
        lambda x: 0.0 - x,
        lambda x: x * -1.0,
        lambda x: x + (-np.abs(x)),
        lambda x: x - np.array([0.0] * 12 + [-0.0]),
        lambda x: x * np.array([1.0] * 12 + [2.0]),
        lambda x: np.where(x > 0, x, -x),
        lambda x: x.astype(np.float32),
        lambda x: (x + 0j) * 1,
        lambda x: (x + 0j) / 1,
        lambda x: (x + 0j) + (-0.0),
        lambda x: x[:, None] * np.ones(2),
        lambda x: np.maximum(x, x),
    ],
)
def test_what_is_no_identity(f):
    program = ft.trace(lambda x: f(np.exp(x)))(SPECIAL)
    assert len(check_strides(simplify, program, [SPECIAL]).equations) == len(program.equations)


def test_an_integer_beside_zero():
    assert left(lambda n: (n * 3 + 0) * 1 - 0, np.arange(3)) == ["multiply"]
    assert left(lambda n: (n * 3) * 1.0, np.arange(3)) == ["multiply", "multiply"]


def test_weak_numbers():
    assert left(lambda x: (x * 1.0 + 2.0) * 1, 1.5) == ["add"]
    assert left(lambda x: x * 1.0, 2) == ["multiply"]


def test_what_does_not_lie_as_its_copy_stays():
    """A sum adds up otherwise, a product goes elsewhere, where there are gaps."""
    x = np.random.default_rng(0).normal(size=(40, 30))[::2, ::3]
    assert left(lambda x: np.sum(x * 1.0), x) == ["multiply", "sum"]
    assert left(lambda x: np.sum((x * 2.0)[:, ::2] * 1.0), x) == ["multiply", "getitem", "multiply", "sum"]
    assert left(lambda x: np.sum((x.T * 2.0) * 1.0), x) == ["transpose", "multiply", "sum"]


def test_a_copy_of_an_argument_is_the_callers_own():
    assert left(lambda x: x.copy(), np.ones(3)) == ["copy"]


def test_numbers_that_may_be_arrays_stay():
    """Of an array without axes it makes a scalar."""
    for x in (np.array(2.0), np.float64(2.0)):
        assert left(lambda x: x * 1.0, x) == ["multiply"]
        assert left(lambda x: (x + 1.0) * 1.0, x) == ["add"]
        assert left(lambda x: np.where(x > 0, x, 1.0) * 1.0, x) == ["greater", "where", "multiply"]


def test_shapes():
    assert left(lambda x: x.reshape(3, 2), np.ones((3, 2))) == []
    assert left(lambda x: np.transpose(x, (0, 1)), np.ones((3, 2))) == []
    assert left(lambda x: np.transpose(x, (1, 0)), np.ones((3, 3))) == ["transpose"]


def one(name: str, *specs: Any, **literals: Any) -> Program:
    """One equation by hand."""
    primitive = lookup(name)
    inputs = [Var(ft.ir.ArraySpec.of(s)) for s in specs]
    out = Var(primitive.spec(*[i.spec for i in inputs], **literals))
    return Program(inputs, [Equation(primitive, inputs, [out], literals)], [out])


@pytest.mark.parametrize(
    ("program", "value"),
    [
        (one("real", np.ones(3)), np.ones(3)),
        (one("reshape", np.ones(3), shape=(3,)), np.ones(3)),
        (one("broadcast_to", np.ones((2, 3)), shape=(2, 3)), np.ones((2, 3))),
        (one("strong", np.ones(3)), np.ones(3)),
        (one("weak", 1.5, kind="float"), 1.5),
    ],
    ids=lambda p: p.equations[0].primitive.name if isinstance(p, Program) else "",
)
def test_views(program, value):
    assert not check_strides(simplify, program, [value]).equations


# Products in which a zero absorbs.

absorb = lambda ct, d: ft.tracing.bind.bind(lookup("absorbing_multiply"), ct, d)  # noqa: E731


@pytest.mark.parametrize("ct", [np.array([1.0, -2.0, np.inf, np.nan, 5e-324]), np.broadcast_to(0.5, (5,))])
def test_nothing_absorbs_where_there_is_no_zero(ct):
    for d in (
        np.array([0.0, -0.0, np.inf, np.nan, 2.0]),
        np.array([0.0, -0.0, 1.0, 2.0, 3.0]),
        np.ones((3, 5)).T[:, :1],
    ):
        assert left(lambda d: absorb(ct, d), d) == ["multiply"]


def test_nothing_is_absorbed_where_all_is_finite():
    ct = np.array([0.0, -0.0, np.inf, np.nan, 2.0])
    assert left(lambda ct: absorb(ct, np.array([0.0, 1.0, 0.0, -3.0, -0.0])), ct) == ["multiply"]
    assert left(lambda ct: absorb(ct, np.arange(5)), ct) == ["multiply"]
    assert left(lambda ct, n: absorb(ct, n), ct, np.arange(5)) == ["multiply"]


def test_where_zero_absorbs_it_still_does():
    ct, d = np.array([0.0, -0.0, 1.0]), np.array([np.inf, np.nan, np.inf])
    assert left(lambda d: absorb(ct, d), d) == ["absorbing_multiply"]
    assert left(lambda ct: absorb(ct, d), ct) == ["absorbing_multiply"]
    assert left(lambda ct, d: absorb(ct, np.tanh(d)), ct, d) == ["tanh", "absorbing_multiply"]  # tanh of NaN
    assert left(lambda ct: absorb(ct, 1e300), ct.astype(np.float32)) == ["absorbing_multiply"]


def test_the_unit_cotangent():
    assert left(lambda d: absorb(np.broadcast_to(1.0, (3,)), np.exp(d)), np.ones(3)) == ["exp"]


@settings(deadline=None, max_examples=60)
@given(st.cases("absorbing_multiply", edges=True, layouts=True), hst.booleans())
def test_absorbing_law(case, first) -> None:
    program = ft.trace(lambda *args: absorb(*args))(*case.args)
    check_strides(simplify, *with_constants(program, case.args, [0 if first else 1]))


# The slope of logaddexp.


def test_logistic_regression():
    def loss(w, X, y):
        return np.mean(np.logaddexp(0, X @ w) - y * (X @ w))

    rng = np.random.default_rng(0)
    args = (rng.normal(size=3), rng.normal(size=(5, 3)), np.ones(5))
    gone = {"isinf", "bitwise_and", "equal", "where", "absorbing_multiply"}
    assert gone.isdisjoint(left(ft.grad(loss), *args))
    left(ft.grad(loss), args[0] * np.inf, *args[1:])


@pytest.mark.parametrize("c", [0, 1.5, np.arange(4.0)])
def test_no_infinity_is_equal_to_a_number(c):
    def f(x):
        y = np.exp(x)
        return np.where(np.isinf(y) & (y == c), 7.0, y)

    assert left(f, np.array([np.inf, -np.inf, np.nan, 0.0])) == ["exp"]


@pytest.mark.parametrize("c", [np.inf, 1e300, np.array([1.0, np.inf, 2.0, 3.0], np.float32)])
def test_an_infinity_may_be_equal_to_another(c):
    """In single precision 1e300 is one."""

    def f(x):
        y = np.exp(x)
        return np.where(np.isinf(y) & (y == c), np.float32(7.0), y)

    with np.errstate(all="ignore"):
        assert "where" in left(f, np.array([np.inf, -np.inf, np.nan, 0.0], np.float32))


def test_the_choice_lies_where_the_result_would():
    """The condition is in C's order, and so is what is chosen by it."""
    c = np.ones((3, 4))

    def f(x):
        y = np.exp(x)
        return np.where(np.isinf(y) & (y == c), 7.0, y)

    assert left(f, np.asfortranarray(np.ones((3, 4))))[-1] == "where"
    assert left(lambda x, m: np.where(m, np.exp(x), np.exp(x)), c, c > 0)[-1] == "where"


# The slope of rectifiers.


@pytest.mark.parametrize("choose", [np.maximum, np.minimum])
@pytest.mark.parametrize("c", [0, -0.0, 1.0, np.float64(1.0), np.linspace(-1.0, 1.0, 13)])
def test_where_the_larger_of_two_is_the_first(choose, c):
    def f(x):
        return (x == choose(x, c)) | (x != x)

    assert left(f, SPECIAL)[-1] == "invert"
    assert "bitwise_or" not in left(ft.grad(lambda x: np.sum(choose(x, c) * np.arange(13.0))), SPECIAL)


@pytest.mark.parametrize("c", [np.nan, np.array([np.nan] * 13), np.ones((2, 13)), 1e300])
def test_where_the_larger_of_two_is_not_known(c):
    with np.errstate(all="ignore"):
        x = SPECIAL.astype(np.float32) if type(c) is float else SPECIAL
        assert left(lambda x: (x == np.maximum(x, c)) | (x != x), x)[-1] == "bitwise_or"
        assert left(lambda x: (x == np.maximum(x, x[0])) | (x != x), x)[-1] == "bitwise_or"
