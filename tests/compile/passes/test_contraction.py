"""Sums of products become products of matrices: the same numbers, rounded otherwise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as hst

import functrans as ft
from functrans.compile.passes.contraction import contractions
from functrans.interpreter import run
from functrans.ir import ArraySpec, Program
from functrans.testing import strategies as st
from functrans.testing.compare import ROUNDINGS, assert_close, epsilon
from functrans.testing.strategies.entries import LAYOUTS, laid_out


def check(program: Program, leaves: Sequence[Any]) -> list[str]:
    """Hold the pass against its laws; the names of what it makes."""
    made = contractions(program)
    made.validate()
    with np.errstate(all="ignore"):
        for ours, theirs in zip(run(made, leaves), run(program, leaves), strict=True):
            assert ArraySpec.of(ours) == ArraySpec.of(theirs)
            assert_close(ours, theirs, precise=ROUNDINGS * epsilon(theirs))
    assert contractions(made) == made
    return [equation.primitive.name for equation in made.equations]


def made(f: Callable[..., Any], *args: Any) -> list[str]:
    """What the pass makes of a function."""
    return check(ft.trace(f)(*args), args)


_ABOUT = ["sum", "mean", "multiply", "square", "negative", "einsum", "broadcast_to", "reshape", "transpose", "getitem"]


@given(st.program_cases(8, primitives=[*_ABOUT, "add", "subtract", "matmul"], layouts=True))
def test_laws(case: Any) -> None:
    check(case.program, case.args)


@given(st.program_cases(12, layouts=True))
def test_any_program(case: Any) -> None:
    once = contractions(case.program)
    once.validate()
    assert contractions(once) == once


@hst.composite
def sums(draw: hst.DrawFn) -> tuple[Callable[..., Any], list[Any]]:
    """A sum of a product over some axes, in one of the ways to write it."""
    shape = draw(hst.lists(hst.integers(1, 4), min_size=1, max_size=4))
    shapes = []
    for _ in range(2):
        lead = draw(hst.integers(0, len(shape) - 1))
        shapes.append([1 if draw(hst.integers(0, 3)) == 0 else n for n in shape[lead:]])
    full = np.broadcast_shapes(*map(tuple, shapes))
    axes = tuple(draw(hst.sets(hst.integers(0, len(full) - 1))))
    dtype = draw(hst.sampled_from([np.float64, np.float32, np.complex128]))
    rng = np.random.default_rng(draw(hst.integers(0, 99)))
    args = [laid_out(rng.normal(size=s).astype(dtype), draw(hst.sampled_from(("", *LAYOUTS)))) for s in shapes]
    keepdims, mean, way = draw(hst.booleans()), draw(hst.booleans()), draw(hst.sampled_from("=-*2b+"))

    def f(x: Any, y: Any) -> Any:
        match way:
            case "=":
                z = x * y
            case "-":
                z = -(x * -y)
            case "*":
                z = 3.0 * (x * y) * x.dtype.type(0.5)
            case "2":
                z = (x + y) ** 2
            case "+":
                z = 2.0 * (x * y - y * y * x) + (x + y) * x * y
            case _:
                z = np.broadcast_to(x, full) * np.broadcast_to(y, full)
        return (np.mean if mean else np.sum)(z, axis=axes, keepdims=keepdims)

    return f, args


@given(sums())
def test_sums_of_products(case: Any) -> None:
    f, args = case
    made(f, *args)


@given(hst.lists(hst.text("abcd", min_size=1, max_size=3), min_size=2, max_size=4), hst.sets(hst.sampled_from("abcd")))
def test_einsum(terms: list[str], kept: set[str]) -> None:
    lengths = {"a": 2, "b": 3, "c": 1, "d": 4}
    result = "".join(sorted(kept & set("".join(terms))))
    args = [np.random.default_rng(i).normal(size=[lengths[c] for c in term]) for i, term in enumerate(terms)]
    made(lambda *xs: np.einsum(f"{','.join(terms)}->{result}", *xs), *args)


A, B, C = (np.random.default_rng(0).normal(size=shape) for shape in ((3, 4), (4, 5), (3, 4)))
V = A[0]


@pytest.mark.parametrize(
    ("f", "args", "expected"),
    [
        (lambda a, b: np.sum(a[:, :, None] * b[None], axis=1), (A, B), ["matmul"]),
        (lambda a, v: np.sum(a * v, axis=1), (A, V), ["matmul"]),
        (lambda a, v: np.sum(a * v[:, None], axis=0), (A, A[:, 0]), ["matmul"]),
        (lambda a, c: np.sum(a * c), (A, C), ["reshape", "reshape", "vecdot"]),
        (lambda a, c: np.sum(-(a * c), axis=1), (A, C), ["vecdot", "negative"]),
        (lambda x: np.sum(x**2), (V,), ["matmul"]),
        (lambda x: np.mean(x**2), (V,), ["matmul", "divide"]),
        (lambda x, y: np.sum(x * y * 2.0), (V, V), ["matmul", "multiply"]),
        (lambda x, y: np.sum(x * y - y * y), (V, V), ["matmul", "matmul", "subtract"]),
        (lambda x, y: np.sum(x * y + x * y), (V, V), ["matmul", "multiply"]),
        (lambda x, y: np.sum(x * y * 2.0 + x * y * 3.0), (V, V), ["matmul", "multiply", "matmul", "multiply", "add"]),
        (lambda x, y: np.sum(x[None] * y[None], axis=1), (V, V), ["getitem", "matmul"]),
        (
            lambda x, y: np.sum(x[:, None] * y[:, None], axis=0),
            (V, V),
            ["getitem", "getitem", "transpose", "transpose", "vecdot"],
        ),
        (lambda x, y: np.sum(-(x * y) + np.full(4, 2.0) * y * y), (V, V), ["multiply", "matmul", "matmul", "subtract"]),
        (lambda x, y: np.sum(np.broadcast_to(2.0, 4) * (y * y)), (V, V), ["matmul", "multiply"]),
        (lambda a, b: np.einsum("ij,jk->ik", a, b), (A, B), ["matmul"]),
        (lambda a, b, c: np.einsum("ij,jk,il->kl", a, b, c), (A, B, C), ["matmul", "transpose", "matmul"]),
        (lambda a, c: np.sum(a * c, axis=0), (np.ones((99, 99)),) * 2, ["einsum"]),
    ],
)
def test_what_it_makes(f: Callable[..., Any], args: Sequence[Any], expected: list[str]) -> None:
    assert made(f, *args) == expected


@pytest.mark.parametrize(
    ("f", "args", "expected"),
    [
        (lambda a: np.sum(a, axis=0), (A,), ["sum"]),
        (lambda a: np.sum(a * 2.0), (A,), ["multiply", "sum"]),
        (lambda a, c: np.sum(a * c, axis=()), (A, C), ["multiply", "sum"]),
        (lambda a, v: np.sum(v * v + a * a), (A, V), ["multiply", "multiply", "add", "sum"]),
        (lambda a, c: np.sum(a * c + a), (A, C), ["multiply", "add", "sum"]),
        (lambda i: np.sum(i * i), (np.arange(3),), ["multiply", "sum"]),
        (lambda a, c: np.sum(a * c, dtype=np.float64), (np.float32(A),) * 2, ["multiply", "sum"]),
        (lambda a, c: np.sum(a * c), (np.float32(A), C), ["multiply", "sum"]),
        (lambda a, c: np.sum(a * c, where=np.array([True, False, True, True])), (A, C), ["multiply", "sum"]),
        (lambda a, b: np.einsum("i,j->ij", a, b), (V, V), ["einsum"]),
        # Once for each of those who read the products, they are not computed.
        (lambda a, c: (np.sum(p := a * c), p), (A, C), ["multiply", "sum"]),
    ],
)
def test_what_stays(f: Callable[..., Any], args: Sequence[Any], expected: list[str]) -> None:
    assert made(f, *args) == expected


def test_products_of_which_there_are_only_sums() -> None:
    def f(a: Any, c: Any) -> Any:
        p = a * c
        return np.sum(p, axis=0), np.sum(-p, axis=1)

    assert "multiply" not in made(f, A, C)


def test_infinities_that_are_absorbed() -> None:
    def f(x: Any) -> Any:
        y = np.where(x > 0.0, x * np.ones((2, 3)), 0.0)
        return np.where(y > 0.0, np.sqrt(y), 0.0)

    x = np.array([0.0, 1.0, 4.0])
    program = ft.trace(lambda x: ft.vjp(f, x)[1](np.ones((2, 3)))[0])(x)
    assert "absorbing_multiply" in check(program, [x])


def test_gradients_of_broadcasting() -> None:
    def f(a: Any, b: Any) -> Any:
        return np.sum(np.sin(np.sum(a[:, :, None] * b, axis=1)))

    left = made(lambda a, b: ft.grad(f, argnums=(0, 1))(a, b), A, B)
    assert left.count("matmul") == 3
    assert not {"broadcast_to", "sum"}.intersection(left)
