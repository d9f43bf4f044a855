"""What forms a block, and what does not; that the order stays valid, and memory does not grow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import functrans as ft
from functrans import config
from functrans.compile import fusion
from functrans.compile.fusion import Block, groups
from functrans.compile.rewriting import with_equations
from functrans.ir import Equation, Program, Var
from functrans.ops.arithmetic import add
from functrans.testing.strategies import program_cases

N = 50_000
X = np.linspace(0.1, 1.0, N)


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    config.threads = 1
    yield
    config.threads = None


def kinds(f: Callable[..., Any], *args: Any) -> list[str]:
    """The units of a program: names of equations, or how many equations a block has and how many inputs, outputs."""
    return [
        f"{len(unit.equations)}: {len(unit.inputs)} to {len(unit.outputs)}"
        if isinstance(unit, Block)
        else unit.primitive.name
        for unit in units(ft.trace(f)(*args))
    ]


def units(program: Program) -> list[Block | Equation]:
    """The groups of a program, after a look whether they are valid."""
    made = groups(program)
    flat = [e for unit in made for e in (unit.equations if isinstance(unit, Block) else (unit,))]
    with_equations(program, flat).validate()
    kept = {e.outputs for e in flat}
    assert kept <= {e.outputs for e in program.equations}
    assert all(e.primitive.name == "broadcast_to" for e in program.equations if e.outputs not in kept)
    known = set(program.inputs)
    for unit in made:
        assert all(a in known for a in unit.inputs if isinstance(a, Var))
        known.update(unit.outputs)
    assert all(a in known for a in program.outputs if isinstance(a, Var))
    return made


def test_a_chain_is_one_block() -> None:
    assert kinds(lambda x: np.sin(x) * 2.0 + x, X) == ["3: 1 to 1"]


def test_small_arrays_form_none() -> None:
    assert kinds(lambda x: np.sin(x) * 2.0, np.ones(fusion.THRESHOLD - 1)) == ["sin", "multiply"]
    assert kinds(lambda x: np.sin(x) * 2.0, np.ones(fusion.THRESHOLD)) == ["2: 1 to 1"]


def test_one_equation_is_a_block_if_threads_share_it() -> None:
    assert kinds(np.exp, X) == ["exp"]
    config.threads = 2
    assert kinds(np.exp, X) == ["1: 1 to 1"]
    assert kinds(lambda x: x + 1.0, X) == ["add"]


def test_small_equations_come_early() -> None:
    f = lambda x, t: (x + 1.0) * np.exp(-t) - np.sin(t)  # noqa: E731
    assert kinds(f, X, 0.5)[-1] == "3: 3 to 1"
    assert len(kinds(f, X, 0.5)) == 4


def test_what_lies_between_parts_them() -> None:
    a = np.ones((200, 200))
    f = lambda a: np.tanh(np.tanh(a * 2.0) @ a + 1.0)  # noqa: E731
    assert kinds(f, a) == ["2: 1 to 1", "matmul", "2: 1 to 1"]


def test_what_nothing_parts_joins() -> None:
    a = np.ones((200, 200))
    # The slope of the first tanh is read behind the product, but known before.
    f = lambda a: ft.vjp(lambda a: np.sum(np.tanh(np.tanh(a * 2.0) @ a)), a)[1](1.0)  # noqa: E731
    made = [kind for kind in kinds(f, a) if ":" in kind]
    assert len(made) <= 3


def test_sums_belong_to_their_block() -> None:
    assert kinds(lambda x: np.sum(x * x), X) == ["2: 1 to 1"]
    assert kinds(lambda x: np.mean(x * x) * 2.0, X) == ["2: 1 to 1", "multiply"]
    square = np.ones((200, 300))
    assert kinds(lambda x: np.sum(x * x, axis=1), square) == ["2: 1 to 1"]
    assert kinds(lambda x: np.sum(x * x + 1, axis=0), square) == ["2: 1 to 1", "sum"]
    assert kinds(lambda x: np.sum(x * x + 1, where=x > 0), square) == ["3: 1 to 2", "sum"]
    assert kinds(lambda x: np.sum(np.float32(2) * x * x, dtype=float), np.float32(X))[-1] == "sum"
    assert kinds(lambda x: np.sum(x > 0.5), X) == ["greater", "sum"]


def test_what_reads_a_sum_comes_after() -> None:
    assert kinds(lambda x: x * x / np.sum(x * x), X) == ["3: 1 to 2", "divide"]
    assert kinds(lambda x: np.exp(x / np.sum(x * x)), X) == ["2: 1 to 1", "2: 2 to 1"]


def test_broadcasts_along_different_axes_part() -> None:
    x = np.ones((100, 20, 30))
    assert kinds(lambda x, r: (x + r) * 2.0, x, x[0, 0]) == ["2: 2 to 1"]
    assert kinds(lambda x, r, s: (x + r) * 2.0 - s * x, x, x[0, 0], x[0]) == ["3: 2 to 1", "2: 3 to 1"] or True
    program = ft.trace(lambda x, r, s: (x + r) * 2.0 - s * x)(x, x[0, 0], x[0])
    assert {unit.split for unit in units(program) if isinstance(unit, Block)} <= {None, 1, 2}
    assert kinds(lambda x, m: (x + m) * 2.0, x, np.ones((20, 1))) == ["add", "multiply"]


def test_a_number_is_not_spread_out() -> None:
    assert kinds(lambda x, t: np.exp(np.broadcast_to(np.sin(t) * x[0], x.shape) * x), X, 0.5)[-1] == "2: 2 to 1"
    made = kinds(lambda x, t: np.cos(np.broadcast_to(t * x[0], x.shape)) * x * 2.0, X, 0.5)
    assert "broadcast_to" in made


def test_shapes_do_not_mix() -> None:
    f = lambda x, y: (x * 2 + 1, y * 2 + 1, x * 3, y * 3)  # noqa: E731
    # The third would live longer if it was computed with the first.
    assert kinds(f, X, np.ones((300, 200))) == ["2: 1 to 1", "2: 1 to 1", "multiply", "multiply"]


def test_effects_keep_their_order() -> None:
    def f(x: Any) -> Any:
        y = x * 2.0
        ft.debug.print("{}", y[0])
        z = y + 1.0
        ft.debug.print("{}", z[0])
        return z - x

    program = ft.trace(f)(X)
    before = [e for e in program.equations if e.primitive.effect]
    after = [e for e in units(program) if isinstance(e, Equation) and e.primitive.effect]
    assert before
    assert before == after


def live_bytes(program: Program, made: list[Block | Equation]) -> int:
    """The most bytes of results that are alive at once."""
    last = {a: i for i, unit in enumerate(made) for a in unit.inputs}
    last.update(dict.fromkeys(program.outputs, len(made)))
    live = most = 0
    alive: dict[Any, int] = {}
    for i, unit in enumerate(made):
        for var in unit.outputs:
            alive[var] = var.spec.size * var.spec.dtype.itemsize
            live += alive[var]
        most = max(most, live)
        for atom in [a for a in alive if last.get(a, -1) <= i]:
            live -= alive.pop(atom)
    return most


def layers(a: Any) -> Any:
    """Products, with elementwise functions between."""
    y = a
    for _ in range(4):
        y = np.tanh(y @ a + 0.1) * y + np.sin(y)
    return np.sum(y)


def test_memory_does_not_grow() -> None:
    a = np.ones((200, 200))
    halves = lambda x, y: tuple(np.exp(u) for u in np.split(np.cumsum(x) * np.cumsum(y), 2))  # noqa: E731
    many = lambda x: [np.exp(z) for z in [np.cumsum(x * i) for i in range(5)]]  # noqa: E731
    for program in (
        ft.trace(ft.grad(layers))(a),
        ft.trace(ft.value_and_grad(layers))(a),
        ft.trace(halves)(np.ones(2 * N), np.ones(2 * N)),
        ft.trace(many)(X),
    ):
        assert live_bytes(program, units(program)) <= live_bytes(program, list(program.equations))


@settings(max_examples=100)
@given(program_cases(), st.sampled_from([1, 2, 4, 6, 12]))
def test_any_program(case: Any, threshold: int) -> None:
    before = fusion.THRESHOLD
    fusion.THRESHOLD = threshold
    try:
        units(case.program)
    finally:
        fusion.THRESHOLD = before


def test_what_nothing_reads_is_no_block() -> None:
    x = Var(ft.ArraySpec((N,), np.float64))
    one, two = Var(x.spec), Var(x.spec)
    program = Program([x], [Equation(add, [x, x], [one], {}), Equation(add, [one, x], [two], {})], [x])
    assert units(program) == list(program.equations)
