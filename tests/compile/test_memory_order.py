"""What is known of how values lie in memory is so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import functrans as ft
from functrans.compile.memory_order import MemoryOrder, is_repeated
from functrans.compile.rewriting import Writer
from functrans.interpreter import run
from functrans.ir import Atom, Literal, Program
from functrans.testing import strategies as st

NAMES = ["add", "multiply", "less", "where", "negative", "absorbing_multiply", "matmul", "transpose", "getitem", "sum"]


def known_order(program: Program) -> tuple[MemoryOrder, list[Atom]]:
    writer = Writer(program)
    for equation in program.equations:
        writer.keep(equation)
    return MemoryOrder(writer), [*program.inputs, *[var for e in program.equations for var in e.outputs]]


def check(program: Program, leaves: Any) -> int:
    """Hold what is known against what is so; how many values lie as elementwise results do."""
    order, atoms = known_order(program)
    with np.errstate(all="ignore"):
        values = run(Program(program.inputs, program.equations, atoms), leaves)
        seen: dict[Any, Any] = {}
        count = 0
        for atom, value in zip(atoms, values, strict=True):
            if not order.is_own(atom):
                continue
            count += 1
            if not isinstance(value, np.ndarray):
                continue
            assert value.ndim, "a scalar, not an array"
            if value.size:
                assert np.equal(value, value).strides == tuple(np.array(value.strides) // value.itemsize)
                lies = tuple(np.array(value.strides) // value.itemsize)
                assert seen.setdefault((order.of(atom), value.shape), lies) == lies
    return count


@settings(deadline=None, max_examples=80)
@given(st.program_cases(20, primitives=NAMES, edges=True, layouts=True))
def test_law(case: st.ProgramCase) -> None:
    check(case.program, case.args)


@settings(deadline=None, max_examples=60)
@given(st.program_cases(12, edges=True, layouts=True))
def test_law_among_all(case: st.ProgramCase) -> None:
    check(case.program, case.args)


@pytest.mark.parametrize("x", [np.ones((3, 4)), np.asfortranarray(np.ones((3, 4))), np.ones((6, 4))[::-2]])
def test_elementwise_results_lie_as_their_operands(x):
    assert check(ft.trace(lambda x: np.exp(2.0 * x) + x)(x), [x]) == 3


def test_views_and_arguments_are_not_known():
    x = np.ones((3, 4))
    order, atoms = known_order(ft.trace(lambda x: x.T[1:])(x))
    assert [order.is_own(atom) for atom in atoms] == [False, False, False]


def test_numbers():
    def f(x, n):
        return x + 1.0, np.where(x > 0, x, 1.0), n * 2

    order, atoms = known_order(ft.trace(f)(np.float64(1.0), 2))
    assert [order.is_own(atom) for atom in atoms] == [False, True, True, True, False, True]
    assert order.is_own(Literal(1.5))
    assert order.is_own(Literal(np.float64(1.5)))
    assert not order.is_own(Literal(np.array(1.5)))


def test_deep_programs():
    def f(x):
        for _ in range(3000):
            x = x * 2.0
        return x

    order, atoms = known_order(ft.trace(f)(np.ones((2, 2))))
    assert order.of(atoms[-1]) == (atoms[0], True)


def test_repeated():
    assert is_repeated(np.broadcast_to(1.0, (3, 4)))
    assert not is_repeated(np.ones((3, 4)))
    assert not is_repeated(np.broadcast_to(np.arange(4.0), (3, 4)))
    assert not is_repeated(1.0)
