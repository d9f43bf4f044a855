"""Compiled functions are the functions, to the bit; and what they return is their caller's own."""

from __future__ import annotations

import copy
import inspect
import pickle
import threading
import weakref
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

import functrans as ft
from functrans import tree
from functrans.errors import (
    DerivativeError,
    ShapeError,
    TracedAssignmentError,
    TracedBoolError,
    TracedValueError,
    TreeError,
)
from functrans.ir.program import held_programs
from tests.compile.comparing import assert_same

X = np.array([0.5, -1.25, 2.0])
M = np.arange(6.0).reshape(2, 3)


def check(f, *args, **named):
    fast = ft.jit(f)
    for _ in range(2):
        assert_same(fast(*args, **named), f(*args, **named))


NUMBERS = [1, 2.5, True, 1 + 2j, np.float64(2.5), np.float32(2.5), np.int64(3), np.int8(3), np.bool_(True)]
NUMBERS += [np.complex64(1j), np.float16(2), np.array(2.5), np.array(3)]
OF_NUMBERS = {
    "itself": lambda a: a,
    "twice": lambda a: (a, [a, None], {"k": a}),
    "times": lambda a: a * 2,
    "plus": lambda a: a + 1.5,
    "negative": lambda a: a if isinstance(a, bool | np.bool_) else -a,
    "power": lambda a: a**2,
    "of float": lambda a: 2.0**a,
    "quotient": lambda a: a / 3,
    "beside float32": lambda a: a * np.float32(2),
    "beside an array": lambda a: a * np.ones(3, np.float32),
    "ufunc": np.exp,
    "absolute": abs,
    "comparison": lambda a: a == 1,
    "chosen": lambda a: np.where(a != 0, a, 0.0),
    "constants": lambda a: (3.0, np.float32(3), 2, True, None, 1j, np.ones(2)),
    "sum": lambda a: np.sum(a),
}


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_numbers(name):
    for value in NUMBERS:
        check(OF_NUMBERS[name], value)


def _arrays() -> dict[str, np.ndarray]:
    fixed = np.arange(3.0)
    fixed.flags.writeable = False
    return {
        "transposed": M.T,
        "strided": np.arange(12.0)[::2],
        "backwards": np.arange(5.0)[::-1],
        "broadcast": np.broadcast_to(np.arange(3.0), (4, 3)),
        "read-only": fixed,
        "float32": M.astype(np.float32),
        "float16": M.astype(np.float16),
        "longdouble": M.astype(np.longdouble),
        "integers": np.arange(4),
        "int8": np.arange(4, dtype=np.int8),
        "booleans": np.array([True, False]),
        "complex": X + 1j * X,
        "empty": np.zeros((0, 3)),
        "swapped": np.arange(3.0).astype(">f8"),
        "no axes": np.array(2.0),
        "not numbers": np.array([np.nan, -0.0, np.inf, -np.inf]),
        "large and turned": np.arange(40000.0).reshape(200, 200).T,
        "large and sparse": np.arange(80000.0).reshape(200, 400)[:, ::2],
    }


OF_ARRAYS = {
    "itself": lambda a: (a, a),
    "arithmetic": lambda a: a * 2 + 1.5 * a,
    "sums": lambda a: [np.sum(a), np.sum(a, axis=0), np.cumsum(a)],
    "views": lambda a: (a.T, a.reshape(-1), a[..., None], np.broadcast_to(a, (2, *a.shape))),
    "casts": lambda a: (a.astype(np.complex64), a.astype(">f8") if a.dtype.kind != "c" else a, a.copy()),
    "products": lambda a: np.vecdot(a.astype(np.complex128).ravel(), a.ravel()),
    "sorted": lambda a: np.sort(a, axis=None),
}


@pytest.mark.parametrize("kind", _arrays())
def test_arrays(kind):
    a = _arrays()[kind]
    with np.errstate(all="ignore"):
        for f in OF_ARRAYS.values():
            check(f, a)
        if a.dtype.kind == "f" and a.size:
            check(ft.value_and_grad(lambda a: np.sum(np.tanh(a) * a)), a)
            check(ft.grad(lambda a: np.sum(np.tanh(a)[..., ::2] ** 2)) if a.ndim else ft.grad(np.tanh), a)


class Pair(NamedTuple):
    w: Any
    b: Any


@dataclass
class Layer:
    w: Any
    b: Any


@pytest.mark.parametrize(
    "value",
    [{"b": 2.0, "a": X}, Pair(X, 1.0), OrderedDict(b=X, a=X), [X, [1.0, None, (X,)]], None, (), {}, {"a": {}}],
)
def test_containers(value):
    check(lambda v: v, value)
    check(lambda v: tree.map(lambda a: a * 2, v), value)
    check(lambda *args, **named: (args, named), value, k=value)


def test_a_dataclass():
    made = ft.jit(lambda v: Layer(v.w * 2, v.b))(Layer(X, 1))
    assert type(made) is Layer
    assert_same([made.w, made.b], [X * 2, 1])


def test_calls():
    check(lambda x, /, y=2, *rest, z=3.0, **more: x * y + z + sum(rest) + more.get("k", 0), X)
    check(lambda x, /, y=2, *rest, z=3.0, **more: x * y + z + sum(rest) + more.get("k", 0), X, 1, 2, 3, z=1, k=2)
    check(lambda: np.ones(3))
    for wrong in (lambda f: f(), lambda f: f(X, X), lambda f: f(X, k=1)):
        with pytest.raises(TypeError):
            wrong(ft.jit(lambda x: x))
    with pytest.raises(DerivativeError, match="`jit` needs a function"):
        ft.jit(3.0)  # type: ignore[arg-type]
    for f in (np.sin, abs, np.linalg.inv, Pair):
        args = (np.eye(2),) if f is not Pair else (X, X)
        assert_same(ft.jit(f)(*args), f(*args))
    with pytest.raises(ValueError, match="allow='fast': the passes that change rounding are"):
        ft.jit(np.sin, allow="fast")


def _allowed(program):
    """What the calls of jitted functions in a program, and in those that it holds, allow."""
    for equation in program.equations:
        if equation.primitive.name == "jit":
            yield equation.params["allow"]
        for inner in held_programs(equation.params):
            yield from _allowed(inner)


def test_parts_of_a_derivative_allow_what_the_function_does():
    f = ft.jit(lambda a: np.sum(np.sin(a) * a, axis=1), allow="contractions")
    loop = lambda a: ft.scan(lambda c, _: (f(c)[:, None] * c, None), a, None, length=2)[0]  # noqa: E731
    a = np.ones((4, 3))
    for program in (
        ft.linearize(f, a)[1].program,
        ft.linearize(loop, a)[1].program,
        ft.trace(ft.jacobian(f))(a),
        ft.trace(ft.jacfwd(loop))(a),
        ft.trace(ft.hessian(lambda a: np.sum(loop(a))))(a),
        ft.trace(lambda a: ft.checkpoint(lambda a: ft.linearize(f, a)[1](a))(a))(a),
    ):
        assert set(_allowed(program)) == {("contractions",)}


def test_contractions_find_products_that_need_not_absorb():
    def loss(w, x, m):
        return np.sum(np.where(m > 0, np.sqrt(x * w), 0.0))

    rng = np.random.default_rng(0)
    w, x, m = np.abs(rng.normal(size=3)), np.abs(rng.normal(size=(5, 3))), rng.normal(size=(5, 3))
    both = ft.value_and_grad(loss)
    fast = ft.jit(both, allow="contractions")
    assert fast.source(w, x, m).count("add_reduce(") == 1  # that of the value
    assert ft.jit(both).source(w, x, m).count("add_reduce(") == 2
    for given in (w, w * [0.0, 1.0, 1.0], w * [-1.0, 1.0, 1.0]):
        with np.errstate(all="ignore"):
            for ours, theirs in zip(fast(given, x, m), both(given, x, m), strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=1e-14)
    assert_same(fast(w, x, -np.abs(m))[1], np.zeros(3))


def test_recursion():
    @ft.jit
    def total(x):
        return x[0] + total(x[1:]) if x.shape[0] > 1 else x[0]

    assert total(np.arange(6.0)) == 15.0
    assert total.cache_info().currsize == 6


def test_what_is_known_of_a_jitted_function():
    @ft.jit
    def f(x, *, y=1.0):
        """Says so."""
        return x * y

    assert (f.__name__, f.__doc__) == ("f", "Says so.")
    assert list(inspect.signature(f).parameters) == ["x", "y"]
    assert weakref.ref(f)() is f
    assert copy.copy(f)(2.0) == copy.deepcopy(f)(2.0) == 2.0
    assert f(2.0) == f(3.0, y=1.0) - 1.0 == 2.0
    assert f.cache_info() == (2, 2, 2)
    program = pickle.loads(pickle.dumps(f.lower(X).program))
    assert_same(ft.evaluate(program, X), X)
    assert "def f(x" in str(f.lower(X))
    assert f.source(X).startswith("def f(x")
    f.clear_cache()
    assert f.cache_info() == (0, 0, 0)


def module_level(x):
    return x * 2


module_level = ft.jit(module_level)


def test_pickling_by_name():
    assert pickle.loads(pickle.dumps(module_level)) is module_level


def test_lowered_and_compiled_functions():
    fast = ft.jit(lambda x, n: np.sin(x) * n, static_argnums=1)
    run = fast.lower(ft.ArraySpec((3,), np.float64), 2).compile()
    assert_same(run(X), np.sin(X) * 2)
    with pytest.raises(ShapeError, match=r"compiled for Float64\[3\] was called with Float64\[2\]"):
        run(X[:2])
    with pytest.raises(TreeError, match="arguments of the compiled function"):
        run(X, 2)
    assert [stage.name for stage in run.stages][-1] == "code"
    assert "dead_code" in str(run)
    assert run.program.cost().operations == 2


def test_shapes():
    spec = ft.eval_shape(lambda a, b: {"x": a @ b, "y": (1.0, None, b)}, ft.ArraySpec((3, 4), float), np.ones(4))
    assert repr(spec) == "{'x': Float64[3], 'y': (float, None, Float64[4])}"


BIG = np.random.default_rng(0).normal(size=(400, 500))
KEPT = np.arange(5000.0)


@pytest.mark.parametrize("size", ["small", "4096", "large"])
def test_results_are_the_callers_own(size):
    a = {"small": BIG[:4, :4].copy(), "4096": BIG[:64, :64].copy(), "large": BIG}[size]
    functions = [
        lambda x: x + 1,
        lambda x: (x * 2, x * 2),
        lambda x: (y := np.sin(x) * 2, y, y[::2], y.reshape(-1), y.T),
        lambda x: (a := np.sin(x), a * (b := np.cos(x)), b.T, np.exp(b)),
        lambda x: (np.sin(x) * np.cos(x) + 1)[::2],
        lambda x: [np.ones(5000), x * 0, np.full((3, 3), 2.0)],
        lambda x: (KEPT[::-1] * 1.0, KEPT + 0.0),
        lambda x: (np.real(np.sin(x)), np.squeeze(np.sin(x * 2)[None]), np.ravel(x * 2 + np.sin(x))),
        lambda x: np.split(np.sin(x) * 2, 2),
        ft.value_and_grad(lambda x: np.sum(np.tanh(x * x) * np.exp(-x * x))),
        ft.grad(lambda x: np.sum(x * 3.0)),
        ft.grad(lambda x: np.sum(x[1:] * x[:-1])),
    ]
    for f in functions:
        fast, want = ft.jit(f), f(a)
        first = fast(a)
        kept = [np.array(leaf) for leaf in tree.flatten(first)[0]]
        second = fast(a[::-1] * 1.5)
        for leaf, before in zip(tree.flatten(first)[0], kept, strict=True):
            assert np.array_equal(leaf, before)
        for one in (first, second):
            for leaf in tree.flatten(one)[0]:
                if isinstance(leaf, np.ndarray) and leaf.flags.writeable and not np.shares_memory(leaf, a):
                    leaf[...] = 77.0
        assert_same(fast(a), want)


def test_an_exception_in_the_middle_spoils_nothing():
    x = np.abs(BIG) + 0.1
    bad = x.copy()
    bad[3, 7] = -1.0
    f = ft.value_and_grad(lambda x: np.sum(np.exp(np.log(x) * np.sqrt(x) - x) * np.cos(x)))
    fast = ft.jit(f)
    want = f(x)
    for _ in range(3):
        with np.errstate(all="raise"), pytest.raises(FloatingPointError):
            fast(bad)
        assert_same(fast(x), want)

    calls = []

    @ft.jit
    def fails(x):
        calls.append(0)
        if len(calls) == 1:
            raise KeyError("once")
        return x * 2

    with pytest.raises(KeyError):
        fails(X)
    assert_same(fails(X), X * 2)


@pytest.mark.parametrize("warm", [False, True])
def test_many_threads(warm):
    for f in (
        ft.value_and_grad(lambda x: np.sum(np.tanh(x * x) * np.exp(-x * x))),
        lambda x: np.tanh(np.sin(x) @ np.cos(x).T) * 2,
        lambda x: ft.fori_loop(0, 5, lambda i, y: np.sin(y) + i, x),
    ):
        fast, found = ft.jit(f), {}
        if warm:
            fast(BIG)

        def work(i, fast=fast, found=found):
            found[i] = fast(BIG * (i + 1))

        threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for i, result in found.items():
            assert_same(result, f(BIG * (i + 1)))
        assert len(found) == 8


def test_a_call_within_a_call():
    found, depth = [], []

    def again(value):
        if not depth:
            depth.append(1)
            found.append(fast(BIG * 2))

    def f(x):
        y = np.sin(x) * np.cos(x)
        ft.debug.callback(again, np.sum(y))
        return (y * 2 + x) * y

    def plain(x):
        y = np.sin(x) * np.cos(x)
        return (y * 2 + x) * y

    fast = ft.jit(f)
    for _ in range(2):
        depth.clear()
        assert_same(fast(BIG), plain(BIG))
    for result in found:
        assert_same(result, plain(BIG * 2))


@pytest.mark.parametrize(
    ("f", "fix"),
    [
        (lambda x: x if x[0] > 0 else -x, "functrans.cond"),
        (lambda x: max(x[0], x[1]), "np.maximum"),
        (lambda x: x[0] > 0 and x[1] > 0, "a & b"),
        (lambda x: float(x[0]), "outside of the jitted function"),
        (lambda x: sum(range(x.astype(int)[0])), "functrans.fori_loop"),
        (lambda x: [1, 2, 3][x.astype(int)[0]], "static_argnums"),
        (lambda x: np.arange(5)[x.astype(int)], "functrans.numpy.at"),
        (lambda x: x[0].item(), "static_argnums"),
        (lambda x: np.nonzero(x), "outside of the jitted function"),
        (lambda x: x[x > 0], "np.where"),
        (lambda x: x.__setitem__(0, 1.0), "functrans.numpy.at"),
    ],
)
def test_values_are_not_known(f, fix):
    for compiled in (ft.jit(f), ft.jit(ft.grad(lambda x: np.sum(f(x))))):
        with pytest.raises((TracedBoolError, TracedValueError, TracedAssignmentError)) as error:
            compiled(X)
        assert fix in str(error.value)
        assert "test_jit.py" in str(error.value)


def test_disabled():
    with ft.disable_jit():
        assert ft.jit(lambda x: x if x > 0 else -x)(-2.0) == 2.0
    with pytest.raises(TracedBoolError):
        ft.jit(lambda x: x if x > 0 else -x)(-2.0)
