"""Structured control flow under every transform, in every order, beside plain Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans.testing.compare import leaves
from tests.control.twins import TWINS

WHICH = pytest.mark.parametrize("twin", TWINS.values(), ids=TWINS)


def assert_alike(found: Any, expected: Any, rtol: float = 1e-10) -> None:
    found, expected = leaves(found), leaves(expected)
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert np.shape(a) == np.shape(b)
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-12)


def every(args: Any) -> tuple[int, ...]:
    return tuple(range(len(args)))


def direction(args: Any, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    return ft.tree.map(lambda x: rng.uniform(-1, 1, np.shape(x))[()], args)


def noisy(args: Any) -> Any:
    """Three examples of the arguments, near them: one takes other branches, other numbers of steps."""
    return ft.tree.map(lambda x: np.stack([x, x + 0.01, x * 0.25]), args)


def example(args: Any, i: int) -> Any:
    return ft.tree.map(lambda x: x[i], args)


def stacked(results: list[Any]) -> Any:
    return ft.tree.map(lambda *rows: np.stack(rows), *results)


@WHICH
def test_value(twin):
    assert_alike(twin.structured(*twin.args), twin.plain(*twin.args))
    program = ft.trace(twin.structured)(*twin.args)
    program.validate()
    assert_alike(ft.evaluate(program, *twin.args), twin.plain(*twin.args))


@WHICH
def test_gradient(twin):
    n = every(twin.args)
    expected = ft.value_and_grad(twin.plain, n)(*twin.args)
    assert_alike(ft.value_and_grad(twin.structured, n)(*twin.args), expected)
    program = ft.trace(ft.value_and_grad(twin.structured, n))(*twin.args)
    program.validate()
    assert_alike(ft.evaluate(program, *twin.args), expected)
    again = ft.trace(twin.structured)(*twin.args)
    assert_alike(ft.grad(lambda *args: ft.evaluate(again, *args), n)(*twin.args), expected[1])


@WHICH
def test_forward(twin):
    v = direction(twin.args)
    expected = ft.jvp(twin.plain, twin.args, v)
    assert_alike(ft.jvp(twin.structured, twin.args, v), expected)
    program = ft.trace(lambda *both: ft.jvp(twin.structured, both[0], both[1]))(twin.args, v)
    program.validate()
    assert_alike(ft.evaluate(program, twin.args, v), expected)


@WHICH
def test_linearized(twin):
    v = direction(twin.args)
    out, push = ft.linearize(twin.structured, *twin.args)
    assert_alike((out, push(*v)), ft.jvp(twin.plain, twin.args, v))
    push.program.validate()
    pulled = ft.linear_transpose(push, *twin.args)(1.0)
    assert_alike(pulled, ft.grad(twin.plain, every(twin.args))(*twin.args))

    def both(*args):
        out, push = ft.linearize(twin.structured, *args)
        return out, push(*v)

    program = ft.trace(both)(*twin.args)
    assert_alike(ft.evaluate(program, *twin.args), ft.jvp(twin.plain, twin.args, v))


@WHICH
def test_second_order(twin):
    n, v = every(twin.args), direction(twin.args)

    def along(f: Any) -> Any:
        return lambda *args: ft.jvp(ft.grad(f, n), args, v)[1]

    def back(f: Any) -> Any:
        def slope(*args):
            return sum(np.sum(g * d) for g, d in zip(leaves(ft.grad(f, n)(*args)), leaves(v), strict=True))

        return ft.grad(slope, n)

    expected = along(twin.plain)(*twin.args)
    assert_alike(along(twin.structured)(*twin.args), expected, 1e-8)
    assert_alike(back(twin.structured)(*twin.args), expected, 1e-8)
    for transform in (along, back):
        program = ft.trace(transform(twin.structured))(*twin.args)
        program.validate()
        assert_alike(ft.evaluate(program, *twin.args), expected, 1e-8)


@WHICH
def test_batch(twin):
    many = noisy(twin.args)
    n, rows = every(twin.args), [example(many, i) for i in range(3)]
    assert_alike(ft.vmap(twin.structured)(*many), stacked([twin.plain(*row) for row in rows]))
    expected = stacked([ft.grad(twin.plain, n)(*row) for row in rows])
    assert_alike(ft.vmap(ft.grad(twin.structured, n))(*many), expected)
    assert_alike(ft.grad(lambda *args: np.sum(ft.vmap(twin.structured)(*args)), n)(*many), expected)
    v = direction(many)
    tangents = ft.vmap(lambda *both: ft.jvp(twin.structured, both[0], both[1])[1])(many, v)
    assert_alike(tangents, stacked([ft.jvp(twin.plain, row, example(v, i))[1] for i, row in enumerate(rows)]))
    for f in (ft.vmap(twin.structured), ft.vmap(ft.grad(twin.structured, n))):
        program = ft.trace(f)(*many)
        program.validate()
        assert_alike(ft.evaluate(program, *many), f(*many))


@WHICH
def test_some_arguments_shared(twin):
    for i in every(twin.args):
        axes = tuple(0 if j == i else None for j in every(twin.args))
        args = tuple(noisy(arg) if j == i else arg for j, arg in enumerate(twin.args))
        rows = [tuple(example(arg, k) if j == i else arg for j, arg in enumerate(args)) for k in range(3)]
        n = every(args)
        found = ft.vmap(ft.value_and_grad(twin.structured, n), axes)(*args)
        assert_alike(found, stacked([ft.value_and_grad(twin.plain, n)(*row) for row in rows]))


@WHICH
def test_printed(twin):
    for f in (twin.structured, ft.grad(twin.structured, every(twin.args))):
        program = ft.trace(f)(*twin.args)
        namespace: dict[str, Any] = {}
        exec(program.to_source(), namespace)
        found = namespace[program.name](*leaves(twin.args))
        assert_alike(leaves(found), leaves(ft.evaluate(program, *twin.args)), 0)


@pytest.mark.parametrize("name", ["scan", "cond in a scan", "while_loop", "switch"])
def test_third_order(name):
    twin = TWINS[name]
    v = direction(twin.args)

    def third(f: Any) -> Any:
        def along(t):
            return f(*ft.tree.map(lambda x, d: x + t * d, twin.args, v))

        return ft.grad(ft.grad(ft.grad(along)))

    expected = third(twin.plain)(0.1)
    assert_alike(third(twin.structured)(0.1), expected, 1e-7)
    assert_alike(ft.evaluate(ft.trace(third(twin.structured))(0.1), 0.1), expected, 1e-7)


@pytest.mark.parametrize("name", ["scan", "scan of trees", "cond, true", "while_loop", "while_loop in a scan"])
def test_hessian(name):
    twin = TWINS[name]
    n = len(twin.args) - 1
    expected = ft.hessian(twin.plain, n)(*twin.args)
    assert_alike(ft.hessian(twin.structured, n)(*twin.args), expected, 1e-8)
    program = ft.trace(ft.hessian(twin.structured, n))(*twin.args)
    assert_alike(ft.evaluate(program, *twin.args), expected, 1e-8)
