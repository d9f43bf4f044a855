"""What a compiled function warns of is what the function itself warns of: nothing that happens on the walk back."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import functrans as ft
from functrans import tree
from functrans.compile import fusion
from functrans.compile.passes import EXACT
from functrans.errors import FunctransError
from functrans.interpreter import run
from functrans.ir import ArraySpec, Literal, Program, Var
from functrans.ir.quiet import QUIET, louder, stretches, within
from functrans.testing import strategies as st
from functrans.testing.laws import executed


def heard(f: Callable[..., Any], *args: Any) -> set[str]:
    """The floating-point errors that a call reports, but underflows, which Python's floats do not see."""
    found: set[str] = set()
    with warnings.catch_warnings(), np.errstate(all="call", under="ignore", call=lambda kind, _: found.add(kind)):
        warnings.simplefilter("ignore")
        f(*args)
    return found


def with_all_values(program: Program) -> Program:
    """The program that gives everything which it computes from its inputs, so that nothing of it is left out."""
    now: dict[Any, Any] = {}
    equations = []
    for e in program.equations:
        e = e.changed(inputs=[now.get(atom, atom) for atom in e.inputs])
        if any(isinstance(atom, Var) for atom in e.inputs):
            equations.append(e)
            continue
        with np.errstate(all="ignore"):
            outs = e.primitive.impl(*[atom.value for atom in e.inputs], **e.params)
        now.update(zip(e.outputs, map(Literal, outs if e.primitive.multiple else (outs,)), strict=True))
    return Program(program.inputs, equations, [var for e in equations for var in e.outputs])


def value_and_pullback(program: Program) -> Callable[..., Any]:
    """All that a program computes, and the pullback of ones."""

    def both(*args: Any) -> Any:
        inexact = [ArraySpec.of(a).dtype.kind in "fc" for a in args]
        moving = [a for a, moves in zip(args, inexact, strict=True) if moves]

        def f(*moving: Any) -> Any:
            given = iter(moving)
            return run(program, [next(given) if moves else a for a, moves in zip(args, inexact, strict=True)])

        outs, pullback = ft.vjp(f, *moving)
        return outs, pullback(tree.map(lambda out: np.ones(np.shape(out), ArraySpec.of(out).dtype), outs))

    return both


@settings(deadline=None, max_examples=150)
@given(st.program_cases(12, edges=True))
def test_law(case: st.ProgramCase) -> None:
    program = with_all_values(case.program)
    f = lambda *args: run(program, args)  # noqa: E731
    compiled = ft.jit(f)
    assert heard(compiled, *case.args) == heard(f, *case.args)
    assert heard(compiled, *case.args) == heard(f, *case.args)  # also the second time


@settings(deadline=None, max_examples=150)
@given(st.program_cases(12, edges=True))
def test_law_of_gradients(case: st.ProgramCase) -> None:
    program = with_all_values(case.program)
    both = value_and_pullback(program)
    try:
        expected = heard(both, *case.args)
    except (FunctransError, np.linalg.LinAlgError):
        return
    assert heard(ft.jit(both), *case.args) == expected
    traced = ft.trace(both)(*case.args)
    assert heard(lambda *args: ft.evaluate(traced, *args), *case.args) == expected


# Functions, and points at which they or their derivatives are infinite, overflow, or are not defined.

ZERO, ZEROS = 0.0, np.array([0.0, 1.0, -1.0])
POINTS = {
    "log": (np.log, ZERO),
    "x log x": (lambda x: x * np.log(x), ZERO),
    "sqrt": (np.sqrt, ZERO),
    "sqrt that is not taken": (lambda x: np.where(x > 0, np.sqrt(np.abs(x)), 0.0), ZEROS),
    "log that is not taken": (lambda x: np.where(x > 0, np.log(x), 0.0), ZEROS),
    "power": (lambda x: x**0.5, ZERO),
    "power of a number": (lambda x: 0.0**x, ZERO),
    "arcsin": (np.arcsin, 1.0),
    "arctanh": (np.arctanh, 1.0),
    "quotient": (lambda x: 1 / x, np.float64(0.0)),
    "norm": (np.linalg.norm, np.zeros(3)),
    "hypot": (lambda x: np.hypot(x, x), ZERO),
    "arctan2": (lambda x: np.arctan2(x, x), ZERO),
    "cbrt": (np.cbrt, ZERO),
    "maximum": (lambda x: np.maximum(x, 0.0), ZEROS),
    "exp": (np.exp, 710.0),
    "cosh of a tall one": (lambda x: 1e200 * np.sinh(x) / np.cosh(x) ** 2, 300.0),
    "scan": (lambda x: ft.scan(lambda c, _: (np.sqrt(c) * x, None), x, None, length=4)[0], ZERO),
    "while": (lambda x: ft.while_loop(lambda c: c[1] < 3, lambda c: (np.sqrt(c[0]), c[1] + 1), (x, 0))[0], ZERO),
    "cond": (lambda x: ft.cond(x >= 0, np.sqrt, np.log, x), ZERO),
    "vmap of cond": (lambda x: ft.vmap(lambda x: ft.cond(x > 0, np.log, lambda x: x, x))(x), ZEROS),
    "checkpoint": (lambda x: ft.checkpoint(lambda x: np.sqrt(x) * x)(x), ZERO),
    "inner jit": (lambda x: ft.jit(lambda x: np.sqrt(x) * x)(x), ZERO),
    "gradient within": (lambda x: ft.grad(lambda x: np.sum(np.sqrt(x) * x))(x) * np.log(x), ZEROS),
    "quiet": (lambda x: quietly(np.log, x) * x, ZERO),
}
TRANSFORMS = {
    "value": lambda f: f,
    "value and gradient": lambda f: ft.value_and_grad(lambda x: np.sum(f(x))),
    "pullback": lambda f: lambda x: twice(*ft.vjp(f, x)),
    "tangent": lambda f: lambda x: ft.jvp(f, (x,), (np.ones(np.shape(x)),)),
    "hessian": lambda f: lambda x: (f(x), ft.grad(lambda x: np.sum(ft.grad(lambda x: np.sum(f(x)))(x)))(x)),
}


def quietly(f, x):
    with np.errstate(divide="ignore"):
        return f(x)


def twice(out, pullback):
    return out, pullback(np.ones(np.shape(out))), pullback(np.ones(np.shape(out))), pullback(np.ones(np.shape(out)))


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("name", POINTS)
def test_at_points_where_derivatives_are_infinite(name, transform):
    f, x = POINTS[name]
    f = TRANSFORMS[transform](f)
    expected = heard(f, x)
    compiled = ft.jit(f)
    assert heard(compiled, x) == expected
    assert heard(compiled, x) == expected
    program = ft.trace(f)(x)
    assert heard(lambda x: ft.evaluate(program, x), x) == expected
    assert heard(lambda x: executed(program, x), x) == expected
    loaded = pickle.loads(pickle.dumps(program))
    assert loaded == program
    assert heard(lambda x: ft.evaluate(loaded, x), x) == expected
    again = ft.trace(lambda x: ft.evaluate(program, x))(x)
    assert [e.errors for e in again.equations] == [e.errors for e in program.equations]
    rows = ft.vmap(f)
    assert heard(ft.jit(rows), np.stack([x, x])) == heard(rows, np.stack([x, x]))


@pytest.mark.parametrize("size", [100, 3 * fusion.THRESHOLD])
def test_values_warn_and_slopes_do_not_where_both_are_in_one_block(size):
    x = np.linspace(0.0, 1.0, size)
    for f in (lambda x: np.log(x) * x, lambda x: np.sqrt(x) + np.exp(x)):
        both = ft.value_and_grad(lambda x: np.sum(f(x)))
        compiled = ft.jit(both)
        for point in (x, x + 1.0, 1e3 * x):
            assert heard(compiled, point) == heard(both, point)


def test_sums_of_a_walk_back_are_quiet_in_blocks():
    x = np.full(3 * fusion.THRESHOLD, 1e300)
    both = ft.value_and_grad(lambda x, s: np.sum(np.sin(x) * s) * 1e300, 1)
    assert heard(both, x, 1.0) == heard(ft.jit(both), x, 1.0)
    slopes = ft.grad(lambda s: np.sum(np.tanh(x) * s) * 1e305)
    assert heard(slopes, 1e-3) == set()
    assert heard(ft.jit(slopes), 1e-3) == set()


def test_errors_of_the_caller_are_not_those_of_the_function():
    f = ft.jit(ft.value_and_grad(lambda x: np.sqrt(x)))
    with np.errstate(all="ignore"):
        f(0.0)  # traced here
    assert heard(f, 0.0) == set()
    assert heard(f, np.float64(-1.0)) == {"invalid value"}
    assert heard(f, -1.0) == {"invalid value"}


def test_what_is_raised_is_what_the_function_raises():
    f = ft.value_and_grad(lambda x: np.sum(np.log(x)))
    for g in (f, ft.jit(f)):
        with np.errstate(all="raise"):
            with pytest.raises(FloatingPointError, match="divide by zero encountered in log"):
                g(ZEROS)
            g(ZEROS + 2.0)


def test_a_pullback_is_quiet_at_every_call():
    pullback = ft.vjp(lambda x: np.sqrt(x) * x, ZEROS * 0.0)[1]
    assert [heard(pullback, ct) for ct in (ZEROS, ZEROS, ZEROS, ZEROS + 1.0)] == [set()] * 4


def test_what_the_user_keeps_quiet_is_printed():
    program = ft.trace(lambda x: quietly(np.log, x) + np.exp(x))(ZEROS)
    assert program.to_source().count('with np.errstate(divide="ignore"):') == 1
    assert [e.errors for e in program.equations] == [(("divide", "ignore"),), (), ()]
    assert program != ft.trace(lambda x: np.log(x) + np.exp(x))(ZEROS)


# Passes.


def test_what_is_computed_once_warns_if_either_would():
    def f(x):
        with np.errstate(all="ignore"):
            a = np.log(x)
        return a, np.log(x)

    def g(x):
        return f(x)[::-1]

    def h(x):
        with np.errstate(divide="ignore"):
            a = np.log(x)
        return a, np.log(x)

    for function, logs in ((f, 1), (g, 1), (h, 2)):
        program = EXACT["common"](ft.trace(function)(ZEROS))
        assert [e.primitive.name for e in program.equations] == ["log"] * logs
        assert heard(ft.jit(function), ZEROS) == heard(function, ZEROS) == {"divide by zero", "invalid value"}


def test_what_leaves_a_loop_or_a_call_stays_quiet():
    def f(x, y):
        with np.errstate(all="ignore"):
            return ft.fori_loop(0, 3, lambda i, c: c * np.log(y), x)

    def g(x, y):
        with np.errstate(all="ignore"):
            return ft.jit(lambda y: np.log(y))(y) * x

    for function in (f, g):
        assert heard(ft.jit(function), 1.0, 0.0) == heard(function, 1.0, 0.0) == set()
        assert heard(ft.jit(lambda x, y, f=function: f(x, y) * np.log(y)), 1.0, 0.0) != set()
    hoisted = EXACT["hoisting"](ft.trace(f)(1.0, 0.0))
    assert [e.errors for e in hoisted.equations if e.primitive.name in ("log", "scan")] == [QUIET, QUIET]


def test_one_block_of_statements_for_a_walk_back():
    def loss(w, x):
        return np.mean((np.tanh(x @ w) - 1.0) ** 2)

    both = ft.value_and_grad(loss)
    assert ft.jit(both).source(np.ones(2), np.ones((3, 2))).count("with errstate") == 1
    program = ft.trace(both)(np.ones(2), np.ones((3, 2)))
    assert program.to_source().count('np.errstate(all="ignore")') >= 1
    assert "errstate" not in str(program)
    assert [bool(errors) for errors, _ in stretches(program.equations)] == [False, True]


def test_keywords():
    over, under = (("over", "ignore"),), (("under", "raise"),)
    assert within((), over) == within(over, ()) == over
    assert within(over, under) == (*over, *under)
    assert within(QUIET, over) == (*QUIET, *over)
    assert within(over, QUIET) == QUIET
    assert within(over, (("over", "raise"),)) == (("over", "raise"),)
    assert louder((), QUIET) == louder(QUIET, ()) == ()
    assert louder(over, QUIET) == louder(QUIET, over) == louder(over, over) == over
    assert louder((), over) is None


def test_entries_read_twice_get_infinities_of_both_signs() -> None:
    def pulled(x: Any) -> Any:
        value, pullback = ft.vjp(lambda x: x[np.array([0, 0, 1])], x)
        return pullback(np.array([np.inf, -np.inf, 1.0]) + 0.0 * value)[0]

    x = np.ones(2)
    assert np.isnan(pulled(x)[0])
    assert heard(pulled, x) == heard(ft.jit(pulled), x) == set()
    program = ft.trace(pulled)(x)
    assert heard(lambda x: ft.evaluate(program, x), x) == set()


@pytest.mark.parametrize("kind", ["jit", "trace"])
def test_what_a_function_ignores_is_told_from_what_its_first_caller_ignores(kind: str) -> None:
    def f(x: Any) -> Any:
        with np.errstate(divide="ignore"):
            y = np.log(x)
        return y, 1.0 / (x - 1.0), np.log(np.zeros(2))  # the last one happens once, where nobody hears of it

    x = np.array([0.0, -1.0, 1.0])
    with np.errstate(all="ignore"):
        if kind == "jit":
            compiled = ft.jit(f)
            compiled(x)
        else:
            program = ft.trace(f)(x)
            compiled = lambda x: ft.evaluate(program, x)  # noqa: E731
    assert heard(compiled, x) == {"invalid value", "divide by zero"}
    assert heard(compiled, np.array([0.0, 2.0, 3.0])) == set()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("error")
        compiled(x)


def test_a_trace_in_a_trace_that_ignores_all() -> None:
    def f(x: Any) -> Any:
        with np.errstate(all="ignore"):
            quiet = ft.scan(lambda c, y: (c + np.log(x[0]) + np.log(y), y), 0.0, x)[0]
        return quiet, ft.scan(lambda c, y: (c + np.log(y + 1.0), y), 0.0, x)[0]

    x = np.array([0.0, 1.0])
    compiled = ft.jit(f)
    with np.errstate(all="ignore"):
        compiled(x)
    assert heard(f, x) == heard(compiled, x) == set()
    assert heard(f, -x) == heard(compiled, -x) == {"divide by zero"}
