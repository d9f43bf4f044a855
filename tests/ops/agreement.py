"""One function judged in every way: against NumPy to the bit, against numerical derivatives, in both modes, twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans.testing.compare import assert_close, assert_inner_equal, leaves
from functrans.testing.numerical import richardson


def drawn(rng: np.random.Generator, *shape: int, kind: str = "f") -> Any:
    """Numbers of this shape with real (and, for kind "c", imaginary) parts between -1 and 1."""
    made = rng.uniform(-1, 1, shape)
    return np.asarray(made + 1j * rng.uniform(-1, 1, shape) if kind == "c" else made)


def same_bits(found: Any, expected: Any) -> None:
    """Equal in structure, shape, dtype and every bit (0-d arrays count as scalars)."""
    found, expected = leaves(found), leaves(expected)
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        assert a.tobytes() == b.tobytes(), f"{a} is not {b}"


def run_source(program: ft.Program, *args: Any) -> Any:
    """What the printed program gives, run with NumPy alone."""
    namespace: dict[str, Any] = {}
    exec(program.to_source(), namespace)
    return namespace[program.name](*ft.tree.flatten(args)[0])


def same_value(f: Callable[..., Any], *args: Any) -> None:
    """Traced in every way, ``f`` gives NumPy's value, shape and dtype to the bit."""
    expected = f(*args)
    same_bits(ft.vjp(f, *args)[0], expected)
    same_bits(ft.jvp(f, args, args)[0], expected)
    program = ft.trace(f)(*args)
    program.validate()
    same_bits(ft.evaluate(program, *args), expected)
    same_bits(list(leaves(run_source(program, *args))), list(leaves(expected)))


def random_like(rng: np.random.Generator, value: Any) -> Any:
    def draw(leaf: Any) -> Any:
        leaf = np.asarray(leaf)
        if leaf.dtype.kind not in "fc":
            return leaf
        made = rng.uniform(-1, 1, leaf.shape)
        if leaf.dtype.kind == "c":
            made = made + 1j * rng.uniform(-1, 1, leaf.shape)
        return made.astype(leaf.dtype)

    return ft.tree.map(draw, value)


def check(f: Callable[..., Any], *args: Any, precise: float = 1e-9) -> None:
    """All of it: values; jvp against a numerical derivative; the adjoint law; second order; staging of gradients.

    ``f`` is smooth at its arguments, which are in double precision.
    """
    same_value(f, *args)
    rng = np.random.default_rng(7)
    direction = tuple(random_like(rng, x) for x in args)
    out, tangent = ft.jvp(f, args, direction)
    for o, t in zip(leaves(out), leaves(tangent), strict=True):
        assert (np.shape(o), np.asarray(o).dtype) == (np.shape(t), np.asarray(t).dtype)
    expected, error, _ = richardson(f, args, direction)
    assert_close(tangent, expected, error=100 * error, precise=precise)

    weights = random_like(rng, out)
    gradient = ft.vjp(f, *args)[1](weights)
    for g, x in zip(gradient, args, strict=True):
        assert (np.shape(g), np.asarray(g).dtype) == (np.shape(x), np.asarray(x).dtype)
    assert_inner_equal(weights, tangent, gradient, direction, precise)

    def loss(*point: Any) -> Any:
        outs = leaves(f(*[np.sin(x) + x for x in point]))
        total = 0.0
        for w, o in zip(leaves(weights), outs, strict=True):
            if np.asarray(w).dtype.kind in "fc":
                total = total + np.sum(np.real(w * o * o))
        return total

    gradient = ft.grad(loss, tuple(range(len(args))))
    value, second = ft.jvp(gradient, args, direction)
    expected, error, _ = richardson(gradient, args, direction)
    assert_close(second, expected, error=100 * error, precise=precise)
    again = ft.grad(
        lambda *point: sum(np.sum(np.real(g * d)) for g, d in zip(gradient(*point), direction, strict=True)),
        tuple(range(len(args))),
    )(*args)
    # The Hessian is symmetric, so this is the same product.
    assert_close(again, second, precise=precise)

    program = ft.trace(gradient)(*args)
    program.validate()
    same_bits(ft.evaluate(program, *args), value)
    same_bits(list(leaves(run_source(program, *args))), list(leaves(value)))


def refused(f: Callable[..., Any], kind: type[Exception], message: str | None, x: Any) -> None:
    """NumPy refuses ``f(x)``, and so does tracing, live and staged, with a message that matches."""
    with pytest.raises(kind):
        f(x)
    with pytest.raises(kind, match=message):
        ft.vjp(f, x)
    with pytest.raises(kind, match=message):
        ft.trace(f)(x)


def stays_single(f: Callable[..., Any], *args: Any) -> None:
    """In single precision, values and both derivatives have NumPy's dtypes."""
    single = tuple(np.asarray(x, np.complex64 if np.asarray(x).dtype.kind == "c" else np.float32) for x in args)
    same_value(f, *single)
    out, tangent = ft.jvp(f, single, single)
    assert [np.asarray(t).dtype for t in leaves(tangent)] == [np.asarray(o).dtype for o in leaves(out)]
    for g, x in zip(ft.vjp(f, *single)[1](ft.tree.map(np.ones_like, out)), single, strict=True):
        assert np.asarray(g).dtype == x.dtype
