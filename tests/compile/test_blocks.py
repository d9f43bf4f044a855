"""Blocks: the same bits as NumPy's calls one after the other, whatever the operands, the pieces and the threads."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import functrans as ft
from functrans import config
from functrans.compile import blocks, fusion, pieces
from functrans.interpreter import run_plain
from functrans.ir import Literal, Program
from functrans.testing.strategies import program_cases

SIZES = (16384, 32769, 40003, 100_003)
SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 0.5, 2.0, 1e-310, 1e300, -1e300, 700.0, -700.0])


@pytest.fixture(autouse=True)
def _threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(blocks, "WORTH_A_THREAD", 1.0)
    yield
    config.threads = None


def numbers(shape: Any, dtype: Any = np.float64, seed: int = 0, special: bool = True) -> Any:
    """Numbers of many sizes; zeros, infinities and NaN among them."""
    rng = np.random.default_rng(seed)
    kind = np.dtype(dtype).kind
    if kind == "b":
        return rng.random(shape) < 0.5
    if kind in "iu":
        return rng.integers(0, 100, shape).astype(dtype)
    x = rng.standard_normal(shape) * np.exp(rng.standard_normal(shape))
    if special:
        x = np.where(rng.random(shape) < 0.05, rng.choice(SPECIAL, shape), x)
    with np.errstate(all="ignore"):
        return (x + 1j * rng.standard_normal(shape)).astype(dtype) if kind == "c" else x.astype(dtype)


def bits(value: Any) -> bytes:
    """The bits of an array. Of several NaN that are added up, it is open whose sign the sum has."""
    value = np.asarray(value)
    if value.ndim or value.dtype.kind not in "fc":
        return value.tobytes()
    return b"".join(b"nan" if np.isnan(part) else part.tobytes() for part in (value.real, value.imag))


def units_run(program: Program, leaves: Sequence[Any]) -> list[Any]:
    """The program, unit by unit."""
    values: dict[Any, Any] = dict(zip(program.inputs, leaves, strict=True))
    read = lambda atom: atom.value if isinstance(atom, Literal) else values[atom]  # noqa: E731
    for unit in fusion.groups(program):
        if isinstance(unit, fusion.Block):
            out = blocks.compiled(unit)(*map(read, unit.inputs))
            values.update(zip(unit.outputs, out, strict=True))
        else:
            out = unit.primitive.impl(*map(read, unit.inputs), **unit.params)
            values.update(zip(unit.outputs, out if unit.primitive.multiple else (out,), strict=True))
    return [read(atom) for atom in program.outputs]


def check(f: Callable[..., Any], *args: Any, blocked: int | None = None, threads: Sequence[int] = (1, 3)) -> Program:
    """``f`` by blocks gives the bits of ``f`` by NumPy; ``blocked``: how many blocks there are."""
    program = ft.trace(f)(*args)
    leaves = ft.tree.flatten(args)[0]
    with np.errstate(all="ignore"):
        want = run_plain(program, leaves)
        for count in threads:
            config.threads = count
            for found, wanted in zip(units_run(program, leaves), want, strict=True):
                assert type(found) is type(wanted)
                assert np.asarray(found).dtype == np.asarray(wanted).dtype
                assert np.shape(found) == np.shape(wanted)
                assert bits(found) == bits(wanted)
    made = [unit for unit in fusion.groups(program) if isinstance(unit, fusion.Block)]
    if blocked is not None:
        assert len(made) == blocked
    return program


UNARY = [
    *(np.exp, np.exp2, np.expm1, np.log, np.log2, np.log10, np.log1p, np.sqrt, np.cbrt, np.square, np.reciprocal),
    *(np.sin, np.cos, np.tan, np.arcsin, np.arccos, np.arctan, np.sinh, np.cosh, np.tanh, np.arcsinh, np.arccosh),
    *(np.arctanh, np.floor, np.ceil, np.trunc, np.rint, np.spacing, np.absolute, np.fabs, np.sign, np.negative),
    *(np.isfinite, np.isnan, np.isinf, np.signbit, np.logical_not, np.deg2rad, np.rad2deg, np.conjugate),
]
BINARY = [
    *(np.add, np.subtract, np.multiply, np.divide, np.power, np.float_power, np.floor_divide, np.remainder, np.fmod),
    *(np.maximum, np.minimum, np.hypot, np.arctan2, np.logaddexp, np.logaddexp2, np.copysign, np.heaviside),
    *(np.nextafter, np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal, np.logical_and),
    *(np.logical_or, np.logical_xor),
]


@pytest.mark.parametrize("ufunc", UNARY, ids=lambda u: u.__name__)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_ufuncs_of_one_number(ufunc: np.ufunc, dtype: Any) -> None:
    x = numbers(40_003, dtype)
    check(lambda x: (ufunc(x), ufunc(x + x[:1]) * 2), x, blocked=1, threads=(3,))
    x = numbers((129, 257), dtype)
    check(lambda x, y: (ufunc(x * y), x * y), x, x[0], blocked=1, threads=(1,))


@pytest.mark.parametrize("ufunc", BINARY, ids=lambda u: u.__name__)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_ufuncs_of_two_numbers(ufunc: np.ufunc, dtype: Any) -> None:
    x, y = numbers(40_003, dtype), numbers(40_003, dtype, 1)
    check(lambda x, y: (ufunc(x, y), ufunc(y * 2, x), ufunc(2.0, x), ufunc(x, x[3])), x, y, blocked=1, threads=(3,))
    x, row, column = numbers((129, 257), dtype), numbers(257, dtype), numbers((129, 1), dtype)
    check(lambda x, r, c: (ufunc(x, r), ufunc(c, x), ufunc(x, -x)), x, row, column, blocked=1, threads=(1,))


OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.mod, operator.floordiv, operator.pow]


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.__name__)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.int32, np.uint8, np.complex128, np.complex64])
def test_operators(op: Any, dtype: Any) -> None:
    if np.dtype(dtype).kind == "c" and op in (operator.mod, operator.floordiv):
        pytest.skip("not for complex numbers")
    x, y = numbers(40_003, dtype), numbers(40_003, dtype, 1)
    check(lambda x, y: (op(x, y), op(x, 3) + y, op(x, 0.5) + y, op(2, y) * x), x, y, blocked=1)


@pytest.mark.parametrize("exponent", [2, 2.0, 0.5, -1, -1.0, 3, 0, 1, 1.5, np.float64(2.0), np.float32(0.5)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128])
def test_powers_by_the_value_of_the_exponent(exponent: Any, dtype: Any) -> None:
    check(lambda x: (x**exponent + 1, np.power(x, exponent) * x), numbers(33_001, dtype))
    check(lambda x, p: x**p + 1, numbers(33_001, dtype), exponent)
    check(lambda x: x**2 + x**-1 + x**0.5, numbers(33_001, dtype), blocked=1)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_what_functrans_declares(dtype: Any) -> None:
    def f(x, y):  # type: ignore[no-untyped-def]
        mask = x > y
        a = np.where(mask, np.sqrt(x), 0.0)
        b = np.clip(x, -1.0, 1.0) + np.clip(y, 0.5, None) * np.clip(x, None, y)
        return a * b, np.where(x < 0, y, x), np.where(mask & (y > 0), 1, x)

    x, y = numbers(40_003, dtype), numbers(40_003, dtype, 1)
    check(f, x, y, blocked=1)
    tanh = lambda x, y: np.tanh(np.where(x > y, np.sqrt(x), 0.0)) + np.arctan(x) * np.logaddexp(x, y)  # noqa: E731
    check(lambda x, y: ft.vjp(tanh, x, y)[1](y), x, y, blocked=1)
    check(lambda x, y: ft.jvp(lambda x: np.arcsin(x) + np.arctanh(x) + np.arctan2(x, y), (x,), (y,)), x, y)


@pytest.mark.parametrize("where", ["seed", "derivative", "both"])
def test_zeros_absorb(where: str) -> None:
    x = numbers(50_001, special=where != "seed")
    y = numbers(50_001, seed=1, special=where != "derivative")
    check(lambda x, y: ft.vjp(lambda x: np.log(x) + np.sqrt(x), x)[1](np.where(x > 0, y, 0.0)), x, y, blocked=1)
    check(lambda x, y: ft.vjp(lambda y: ft.vjp(np.sqrt, x)[1](y)[0], y)[1](np.where(y > 0, x, 0.0)), x, y, blocked=1)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128, np.complex64, np.int64])
@pytest.mark.parametrize("size", SIZES)
def test_sums_over_everything(dtype: Any, size: int) -> None:
    x, y = numbers(size, dtype, special=False), numbers(size, dtype, 1, special=False)
    check(lambda x, y: (np.sum(x * y), np.mean(x - y), np.sum(x)), x, y, threads=(1, 2, 3))


def test_sums_of_several_axes_and_of_zeros() -> None:
    x = numbers((31, 40, 33))
    check(lambda x: (np.sum(x * x), np.sum(x + 1, axis=(0, 1, 2))), x, blocked=1)
    check(lambda x: np.sum(x * -0.0 + -0.0), np.ones(40_000), blocked=1)
    for dtype in (np.float64, np.float32, np.complex128, np.complex64):
        for seed in range(5):
            check(lambda x: np.sum(x * x), numbers(99_999, dtype, seed), blocked=1)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
@pytest.mark.parametrize("shape", [(20_000, 3), (300, 200), (7, 9000), (40, 30, 50), (1, 40_000), (40_000, 1)])
def test_sums_of_the_last_axes(shape: tuple[int, ...], dtype: Any) -> None:
    x, y = numbers(shape, dtype), numbers(shape[1:], dtype, 1)
    check(lambda x, y: np.sum(x * y + x, axis=-1), x, y, blocked=1)
    check(lambda x, y: np.sum(x * y + x, axis=-1, keepdims=True), x, y, blocked=1)
    check(lambda x, y: np.sum(x * y + x, axis=tuple(range(1, x.ndim))), x, y, blocked=1)
    if np.dtype(dtype).kind == "f":
        check(lambda x, y: np.mean(x * y + x, axis=-1), x, y, blocked=1)


@pytest.mark.parametrize("shape", [(20_000, 3), (300, 200), (7, 9001), (2, 300_001), (40, 30, 50), (400, 1, 100)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_broadcasting(shape: tuple[int, ...], dtype: Any) -> None:
    x = numbers(shape, dtype)
    rows = [numbers(shape[-1], dtype, 1), numbers((1,) * (len(shape) - 1) + shape[-1:], dtype, 2)]
    column = numbers((*shape[:-1], 1), dtype, 3)
    check(lambda x, a, b, c: (np.exp((x + a) * b - c), np.tanh(x) * a), x, *rows, column, blocked=1)
    check(lambda x, c: x * c - np.broadcast_to(c, x.shape) / x, x, numbers((1,) * len(shape), dtype, 4), blocked=1)


def test_operands_of_other_layouts() -> None:
    x = numbers((200, 300))
    f = lambda x, y: (np.sin(x) * y + 1.0, np.sum(x * y))  # noqa: E731
    program = ft.trace(f)(x, x)
    (block,) = fusion.groups(program)
    assert isinstance(block, fusion.Block)
    run = blocks.compiled(block)
    wide = numbers((200, 600))
    raw = np.frombuffer(b"x" + x.tobytes(), np.uint8)[1:]
    unaligned = raw.view(np.float64).reshape(x.shape)
    assert not unaligned.flags.aligned
    others = [np.asfortranarray(x), wide[:, ::2], wide[:, :300], x[::-1], unaligned, np.broadcast_to(2.5, x.shape)]
    for other in [*others, np.broadcast_to(x[0], x.shape), x[:, :1] + np.zeros(300)]:
        for pair in ((x, other), (other, x), (other, other)):
            with np.errstate(all="ignore"):
                for found, wanted in zip(run(*pair), run_plain(program, pair), strict=True):
                    np.testing.assert_array_equal(found, wanted)
                    assert found.tobytes() == wanted.tobytes()


def test_results_are_new_arrays_or_those_given() -> None:
    x = numbers(50_000, special=False)
    (block,) = fusion.groups(ft.trace(lambda x: (x * 2.0 + 1.0, np.sum(x - 1.0), np.exp(x) * x))(x))
    assert isinstance(block, fusion.Block)
    run = blocks.compiled(block)
    first, second = run(x), run(x)
    assert not np.shares_memory(first[0], second[0])
    assert all(not np.shares_memory(a, x) for a in first)
    out = np.empty_like(x)
    given = run(x, out=(out, None, None))
    assert given[0] is out
    np.testing.assert_array_equal(out, first[0])
    strided = run(np.repeat(x, 2)[::2], out=(out, None, None))
    assert strided[0] is out
    with pytest.raises(ValueError, match="must have its shape"):
        run(x, out=(np.empty(3), None, None))


def test_errors_are_reported_as_by_numpy() -> None:
    x = np.ones(50_000)
    x[40_000] = 0.0
    (block,) = fusion.groups(ft.trace(lambda x: np.log(x) * 2.0)(x))
    assert isinstance(block, fusion.Block)
    run = blocks.compiled(block)
    for count in (1, 3):
        config.threads = count
        with pytest.warns(RuntimeWarning, match="divide by zero"):
            run(x)
        with np.errstate(divide="raise"), pytest.raises(FloatingPointError, match="divide by zero"):
            run(x)
        with np.errstate(divide="ignore"), warnings.catch_warnings():
            warnings.simplefilter("error")
            run(x)


def test_the_source_is_for_reading() -> None:
    (block,) = fusion.groups(ft.trace(lambda x: np.exp(x * 0.5))(np.ones(50_000)))
    assert isinstance(block, fusion.Block)
    text = blocks.compiled(block).source
    assert "exp(b0, out=o0)" in text
    assert text.startswith("# c0 = array(0.5)\ndef block(")


def test_sums_in_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    """As NumPy before 2.3 adds them up; here the order is another one, so only the arithmetic is looked at."""
    monkeypatch.setattr(pieces, "order", lambda dtype: pieces.Order("stretches"))
    x = numbers(50_001, special=False)
    (block,) = fusion.groups(ft.trace(lambda x: np.sum(x * 2.0))(x))
    assert isinstance(block, fusion.Block)
    total = 0.0
    for lo in range(0, x.size, 8192):
        total = total + np.add.reduce((x * 2.0)[lo : lo + 8192])
    assert blocks.compiled(block)(x)[0] == total


def test_sums_whose_order_is_not_known_stay_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fusion, "order", lambda dtype: pieces.Order(""))
    x = numbers(50_001, special=False)
    program = check(lambda x: np.sum(x * 2.0 + 1.0), x, blocked=1)
    assert len(fusion.groups(program)) == 2


@settings(max_examples=80)
@given(program_cases(edges=True), st.sampled_from([1, 3, 8]))
def test_any_program(case: Any, threshold: int) -> None:
    """Small arrays: blocks of one piece, of every shape that comes."""
    before = fusion.THRESHOLD
    fusion.THRESHOLD = threshold
    try:
        leaves = ft.tree.flatten_up_to(case.program.in_tree, case.args, "") if case.program.in_tree else list(case.args)
        with np.errstate(all="ignore"):
            for found, wanted in zip(units_run(case.program, leaves), run_plain(case.program, leaves), strict=True):
                assert type(found) is type(wanted)
                assert np.shape(found) == np.shape(wanted)
                assert np.asarray(found).dtype == np.asarray(wanted).dtype
                assert bits(found) == bits(wanted)
    finally:
        fusion.THRESHOLD = before
