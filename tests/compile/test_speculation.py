"""Plain products where a zero would absorb, if nobody can tell."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import functrans as ft
from functrans import tree
from functrans.compile.speculation import Speculating, speculative
from functrans.interpreter import run, run_plain
from functrans.ir import Program
from functrans.primitives import lookup
from functrans.testing import strategies as st
from functrans.testing.compare import assert_same_bits
from functrans.tracing.bind import bind

CENTRAL = ["absorbing_multiply", "absorbing_product", "multiply", "add", "where", "sum", "negative", "getitem"]
absorb = lambda ct, d: bind(lookup("absorbing_multiply"), ct, d)  # noqa: E731

absorb_either = lambda a, b: bind(lookup("absorbing_product"), a, b)  # noqa: E731


def names(program: Program) -> list[str]:
    return [equation.primitive.name for equation in program.equations]


def agrees(program: Program, *leaves: Any) -> bool:
    """Whether the fast program says that it is right; if it does, it is. If not, the program itself runs."""
    found = speculative(program, least=1)
    assert found is not None
    fast = found.program.validate()
    made = Speculating(
        lambda *leaves: run_plain(fast, leaves), lambda *leaves: tuple(run(program, leaves)), found.heard
    )
    with np.errstate(all="ignore"):
        expected = run(program, leaves)
        *outs, total = run(fast, leaves)
        for ours, theirs in zip(made(*leaves), expected, strict=True):
            assert_same_bits(ours, theirs)
        if total != total:
            return False
        for ours, theirs in zip(outs, expected, strict=True):
            assert_same_bits(ours, theirs)
    return True


@settings(deadline=None, max_examples=100)
@given(st.program_cases(14, around=CENTRAL, edges=True, layouts=True))
def test_law(case: st.ProgramCase) -> None:
    if speculative(case.program, least=1) is not None:
        agrees(case.program, *case.args)


@settings(deadline=None, max_examples=100)
@given(st.program_cases(14, primitives=[*CENTRAL, "less", "matmul", "log"], edges=True))
def test_law_among_products(case: st.ProgramCase) -> None:
    if speculative(case.program, least=1) is not None:
        agrees(case.program, *case.args)


CT = np.array([0.0, -0.0, 1.0, -2.0])
FINITE, INFINITE = np.array([1.0, -3.0, 1e-9, 2.0]), np.array([np.inf, np.nan, 1.0, 1.0])


def test_it_is_right_where_no_zero_meets_an_infinity():
    program = ft.trace(lambda ct, d: absorb(absorb(ct, d), np.exp(d)) + d)(CT, FINITE)
    assert "absorbing_multiply" not in names(speculative(program).program)
    assert agrees(program, CT, FINITE)
    assert not agrees(program, CT, INFINITE)
    assert not agrees(program, CT, FINITE * np.nan)


def test_products_in_which_either_absorbs():
    program = ft.trace(lambda a, b: absorb_either(absorb_either(a, b), 2.0 + b))(CT, FINITE)
    assert not {"absorbing_product", "sum"}.issubset(names(speculative(program).program))
    assert agrees(program, CT, FINITE)
    assert not agrees(program, CT, INFINITE)
    assert not agrees(program, INFINITE, CT)


@pytest.mark.parametrize(
    "hide",
    [
        lambda p: np.where(np.arange(4) > 1, p, 5.0),
        lambda p: p[1:],
        lambda p: np.sum(p, where=np.arange(4) > 1),
        lambda p: np.outer(p[:2], np.ones(0)),
        lambda p: np.tril(np.stack([p, p]), 1)[0, :3],
    ],
)
def test_a_nan_that_a_mask_hides_changes_the_sign_of_other_zeros(hide):
    a, b = np.array([0.0, 1.0, -0.0, 2.0]), np.array([np.nan, 1.0, 1.0, 1.0])
    program = ft.trace(lambda a, b: (hide(absorb_either(a, b)), a))(a, b)
    assert not agrees(program, a, b)
    assert agrees(program, a, np.ones(4))


def test_what_a_mask_hides_does_not_count():
    def f(ct, d):
        return np.where(d < 10.0, absorb(ct, d), 5.0)

    assert agrees(ft.trace(f)(CT, FINITE), CT, INFINITE)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.where(x > 0, 1.0, 2.0),
        lambda x: np.fmax(x, 1.0),
        lambda x: np.isnan(x) * 1.0,
        lambda x: np.nan_to_num(x),
        lambda x: np.power(x, 0),
        lambda x: np.power(1.0, x),
        lambda x: np.hypot(np.inf, x),
        lambda x: np.sort(x)[0],
        lambda x: (x + 1j).imag * np.real(x + 1j),
        lambda x: np.argmax(x) + 0.0,
        lambda x: np.heaviside(x, 0.5),
        lambda x: np.copysign(1.0, x),
    ],
)
def test_what_does_not_hand_a_nan_on_is_looked_at(f):
    program = ft.trace(lambda ct, d: f(absorb(ct, d)))(CT, FINITE)
    assert agrees(program, CT, FINITE)
    assert not agrees(program, CT, INFINITE)


def test_a_loop_that_might_not_end_is_left_alone():
    def f(x):
        y = absorb(x, np.log(x))
        return ft.while_loop(lambda z: np.logical_not(z < 1.0), lambda z: z - 1.0, y)

    assert speculative(ft.trace(f)(2.0 * np.ones(())), least=1) is None


def test_what_prints_is_left_alone():
    def f(ct, d):
        ft.debug.print("{}", ct)
        return absorb(ct, d)

    assert speculative(ft.trace(f)(CT, FINITE), least=1) is None


def test_nothing_to_gain():
    assert speculative(ft.trace(lambda x: x * x)(1.0), least=1) is None
    assert speculative(ft.trace(lambda ct, d: absorb(ct, d))(CT, FINITE)) is None
    assert speculative(ft.trace(absorb_either)(CT + 0j, FINITE), least=1) is None


def runners(program: Program) -> tuple[Speculating, list[int]]:
    fast = speculative(program, least=1)
    assert fast is not None
    calls = [0, 0]

    def counted(which: int, made: Program) -> Any:
        def call(*leaves: Any) -> tuple[Any, ...]:
            calls[which] += 1
            return tuple(run_plain(made, leaves))

        return call

    return Speculating(counted(0, fast.program), counted(1, program), fast.heard), calls


def test_both_run_where_it_was_wrong():
    made, calls = runners(ft.trace(absorb)(CT, FINITE))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same_bits(made(CT, FINITE), (absorb(CT, FINITE),))
        assert_same_bits(made(CT, INFINITE), (absorb(CT, INFINITE),))
        assert_same_bits(made(np.full(4, 1e300), np.full(4, 1e300)), (np.full(4, np.inf),))
    assert calls[1] == 2


def test_it_is_given_up_in_the_end():
    made, calls = runners(ft.trace(absorb)(CT, FINITE))
    for _ in range(9):
        made(CT, INFINITE)
    assert calls == [4, 9]


def test_overflows_are_no_reason_where_nobody_listens():
    made, calls = runners(ft.trace(absorb)(CT, FINITE))
    with np.errstate(all="ignore"):
        made(np.full(4, 1e300), np.full(4, 1e300))
    assert calls == [1, 0]


def test_warnings_come_as_they_would():
    def f(ct, x):
        return absorb(ct, np.log(x)) + np.exp(x)

    made, _ = runners(ft.trace(f)(1.0 * CT, FINITE))
    with pytest.warns(RuntimeWarning, match="overflow encountered in exp"):
        made(CT + 1.0, np.full(4, 1e4))
    with pytest.warns(RuntimeWarning, match="invalid value encountered in log"):
        made(CT, np.full(4, -1.0))
    with np.errstate(all="raise"), pytest.raises(FloatingPointError):
        made(CT, np.full(4, -1.0))


def test_one_product_is_enough_where_nobody_hears_of_it_and_there_is_little_to_look_at():
    def loss(x, y):
        return np.sum(np.maximum(x[:4], 0.0) * y)

    for size, found in ((4, True), (10**5, False)):
        slopes = ft.trace(ft.grad(loss))(np.ones(size), np.ones(4))
        products = [e for e in slopes.equations if e.primitive.name == "absorbing_multiply"]
        assert len(products) == 1
        assert (speculative(slopes) is not None) is found
    assert speculative(ft.trace(absorb)(CT, FINITE)) is None


def test_on_a_walk_back_nobody_hears_of_products():
    def f(x, s):
        return np.sum(np.where(x > 0, np.sqrt(x), 0.0) + np.log(s))

    ct, s = np.abs(CT), np.abs(FINITE)
    program = ft.trace(ft.value_and_grad(f))(ct, s)
    made, calls = runners(program)
    assert not speculative(program, least=1).heard
    assert speculative(ft.trace(absorb)(CT, FINITE), least=1).heard
    for x, expected in ((ct + 1.0, [1, 0]), (ct, [2, 1])):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            made(x, s)
        assert calls == expected
    with pytest.warns(RuntimeWarning, match="divide by zero encountered in log") as found:
        made(ct, 0.0 * s)
    assert calls == [3, 2]
    messages = [str(w.message) for w in found]
    assert len(messages) == len(set(messages))  # what the first run has said the second does not say again


def test_errors_are_those_of_the_program():
    made, calls = runners(ft.trace(lambda ct, A: np.linalg.inv(absorb(ct, A)))(np.ones((2, 2)), np.ones((2, 2))))
    with pytest.raises(np.linalg.LinAlgError):
        made(np.ones((2, 2)), np.ones((2, 2)))
    assert calls == [1, 1]


def test_signs_are_moved_where_a_nan_shows():
    def f(ct, d):
        return absorb(ct, d) + (-np.exp(d)), (-absorb(ct, d)) * -2.0

    program = ft.trace(f)(CT, FINITE)
    assert "negative" in names(program)
    assert "negative" not in names(speculative(program).program)
    assert agrees(program, CT, FINITE)
    assert not agrees(program, CT, np.full(4, np.nan))
    assert agrees(ft.trace(lambda ct, d: (*f(ct, d), np.signbit(1.0 + (-np.exp(d)))))(CT, FINITE), CT, FINITE)
    both = ft.trace(lambda ct, d: (np.sum(f(ct, np.cos(d))[1]), np.signbit(d[0] + (-np.exp(d)))))(CT, FINITE)
    assert not agrees(both, CT, np.array([np.nan, 1.0, 2.0, 3.0]))


def test_gradients():
    def loss(x, y):
        return np.sum(np.where(x > 0, np.sqrt(np.abs(x)) / y, 0.0) * np.exp(y))

    x, y = np.array([0.0, 1.0, -1.0]), np.array([1.0, 2.0, 3.0])
    program = ft.trace(ft.value_and_grad(loss, (0, 1)))(x, y)
    made, calls = runners(program)
    for args in ((x + 2.0, y), (x, y), (x, 0.0 * y)):
        with np.errstate(all="ignore"):
            assert_same_bits(list(made(*args)), tree.flatten(ft.evaluate(program, *args))[0])
    assert calls[1] >= 1
