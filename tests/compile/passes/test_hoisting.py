"""Loops compute at each step what depends on it, and somebody reads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given

import functrans as ft
from functrans.compile.passes.hoisting import hoist
from functrans.ir import ArraySpec, Equation, Literal, Program, Var
from functrans.primitives import lookup
from functrans.testing import strategies as st
from tests.compile.passes.laws import check_pass

W = np.array([[0.5, -0.1], [0.3, 0.2]])
H = np.array([0.1, 0.7])
XS = np.array([[0.3, 0.1], [0.2, -0.4], [0.9, 0.0]])


@given(st.program_cases(8, edges=True, layouts=True, around=["scan", "while_loop"]))
def test_laws(case: Any) -> None:
    check_pass(hoist, case.program, case.args)


def loops(program: Program) -> list[Equation]:
    """The loops of a program."""
    return [e for e in program.equations if e.primitive.name in ("scan", "while_loop")]


def hoisted(program: Program, *leaves: Any) -> Equation:
    """The one loop that the pass makes."""
    (loop,) = loops(check_pass(hoist, program, leaves))
    return loop


def names(program: Program) -> list[str]:
    """The primitives of its equations."""
    return [e.primitive.name for e in program.equations]


def body_of(f: Any, *args: Any) -> Program:
    """The program of a body."""
    return ft.trace(f)(*args)


def loop(
    body: Program, consts: list[Any], carry: list[Any], xs: list[Any], length: int | None, read: list[int]
) -> Program:
    """A program of one scan, whose operands are its inputs (those that are None), or constants."""
    variables: list[Var] = []
    given: list[Any] = []
    for value, var in zip([*consts, *carry, *xs], body.inputs, strict=True):
        if value is None:
            spec = (
                var.spec
                if len(given) < len(consts) + len(carry)
                else var.spec.with_shape((length or 3, *var.spec.shape))
            )
            variables.append(Var(spec))
            given.append(variables[-1])
        else:
            given.append(Literal(value))
    how = {"consts": len(consts), "carries": len(carry), "length": length, "reverse": False}
    scan = lookup("scan")
    params = {"program": body, **how}
    outs = [Var(spec) for spec in scan.spec(*[atom.spec for atom in given], **params)]
    return Program(variables, [Equation(scan, given, outs, params)], [outs[i] for i in read])


def test_what_depends_on_constants_alone() -> None:
    body = body_of(lambda w, h, x: (np.tanh(w.T @ h) + np.exp(np.sum(w)) * x,), W, H, H)
    program = loop(body, [None], [None], [None], 3, [0])
    made = check_pass(hoist, program, [W, H, XS])
    assert names(made) == ["transpose", "sum", "exp", "scan"]
    assert names(loops(made)[0].params["program"]) == ["matmul", "tanh", "multiply", "add"]


def test_a_loop_that_may_not_run() -> None:
    # Of no step: an inverse that does not exist is not computed.
    body = body_of(lambda w, h, x: (np.linalg.inv(w) @ h + x,), W, H, H)
    for length in (0, None):
        program = loop(body, [None], [None], [None], length, [0])
        assert names(check_pass(hoist, program, [W * 0.0, H, XS[:0]])) == ["scan"]
    assert names(check_pass(hoist, loop(body, [None], [None], [None], 3, [0]), [W, H, XS])) == ["inv", "scan"]


def test_outputs_that_nobody_reads() -> None:
    def step(a: Any, b: Any, c: Any, x: Any) -> Any:
        return a + x, b * c, np.sin(c), a * 2.0, np.cos(b)

    body = body_of(step, H, H, H, H)
    program = loop(body, [], [None] * 3, [None], 3, [0, 3])
    made = hoisted(program, H, H, H, XS)
    assert (made.params["carries"], len(made.outputs), len(made.inputs)) == (1, 2, 2)
    assert names(made.params["program"]) == ["add", "multiply"]
    # The second reads the third.
    made = hoisted(loop(body, [], [None] * 3, [None], 3, [1]), H, H, H, XS)
    assert (made.params["carries"], len(made.outputs), len(made.inputs)) == (2, 2, 2)


def test_the_number_of_steps_stays_known() -> None:
    body = body_of(lambda h, x, y: (np.sin(h), x + y), H, H, H)
    made = hoisted(loop(body, [], [None], [None, None], None, [0]), H, XS, XS)
    assert len(made.inputs) == 2  # one of those that say how many steps there are


def test_a_carry_that_no_step_changes() -> None:
    def step(a: Any, b: Any, x: Any) -> Any:
        return a * np.cos(b) + x, b

    program = loop(body_of(step, H, H, H), [], [None] * 2, [None], 3, [0, 1])
    made = check_pass(hoist, program, [H, H + 1.0, XS])
    assert names(made) == ["cos", "scan"]
    assert made.outputs[1] is made.inputs[1]
    assert check_pass(hoist, loop(body_of(step, H, H, H), [], [None] * 2, [None], 0, [0, 1]), [H, H, XS[:0]]).outputs[1]


def test_plain_numbers() -> None:
    body = body_of(lambda c, h: (h * c,), np.float64(2.0), H)
    made = hoisted(loop(body, [np.float64(2.0)], [None], [], 3, [0]), H)
    assert made.params["consts"] == 0
    assert isinstance(made.params["program"].equations[0].inputs[1], Literal)


def test_constants_that_nobody_reads() -> None:
    body = body_of(lambda w, h, x: (h + x,), W, H, H)
    assert len(hoisted(loop(body, [None], [None], [None], 3, [0]), W, H, XS).inputs) == 2


def test_gradients() -> None:
    def f(w: Any, h: Any) -> Any:
        return np.sum(ft.scan(lambda h, x: (np.tanh(w @ h) * x, h), h, XS)[0])

    program = ft.trace(ft.value_and_grad(f, argnums=(0, 1)))(W, H)
    made = check_pass(hoist, program, [W, H])
    before, after = [sum([len(e.outputs) for e in loops(p)]) for p in (program, made)]
    assert after < before  # what is stacked, and not read


def test_while() -> None:
    def f(n: Any, x: Any) -> Any:
        return ft.while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, c[1] * 0.5), (0, x))[1]

    (made,) = loops(ft.trace(f)(np.int64(3), H))
    test = body_of(lambda n, i, x: (i < n + n,), np.int64(3), np.int64(0), H)
    body = body_of(lambda w, u, i, x: (i + 1, np.sin(w) @ x), W, W, np.int64(0), H)
    n, w, u, x = (
        Var(ArraySpec((), int)),
        Var(ArraySpec((2, 2), float)),
        Var(ArraySpec((2, 2), float)),
        Var(ArraySpec((2,), float)),
    )
    outs = [Var(ArraySpec((), int)), Var(ArraySpec((2,), float))]
    params = {**made.params, "test": test, "body": body, "tests": 1, "bodies": 2}
    loop = Equation(made.primitive, [n, w, u, Literal(np.int64(0)), x], outs, params)
    program = Program([n, w, u, x], [loop], [outs[1]])
    for steps in (2, 0):
        done = check_pass(hoist, program, [np.int64(steps), W, W, H])
        assert names(done) == ["add", "sin", "while_loop"]
        assert len(loops(done)[0].inputs) == 4


@pytest.mark.parametrize("weak", [True, False])
def test_python_scalars(weak: bool) -> None:
    def f(c: Any, h: Any) -> Any:
        return ft.scan(lambda h, x: (h * 0.5, x * c), h, XS)

    h = np.float32(0.5)
    program = ft.trace(f)(0.1 if weak else np.float64(0.1), h)
    check_pass(hoist, program, [0.1 if weak else np.float64(0.1), h])


def test_python_numbers_in_the_place_of_arrays() -> None:
    body = body_of(lambda c, h, a: (h, a, h * c, a * (c * 2.0)), np.float64(0.1), np.float32(0.5), np.float64(0.1))
    program = loop(body, [0.1], [None, 0.3], [], 3, [0, 1, 2, 3])
    made = check_pass(hoist, program, [np.float32(0.5)])
    (scan,) = loops(made)
    assert [e.primitive.name for e in made.equations] == ["scan"]
    assert [scan.params["consts"], scan.params["carries"]] == [2, 1]  # Python's number is part of the carry still


def test_effects_stay() -> None:
    def step(h: Any, x: Any) -> Any:
        ft.debug.print("{}", h)
        return h + x, h

    program = ft.trace(lambda h: (ft.scan(step, h, XS), H)[1])(H)
    (made,) = loops(hoist(program))
    assert any(e.primitive.effect for e in made.params["program"].equations)
