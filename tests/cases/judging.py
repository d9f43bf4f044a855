"""What the cases share: derivatives in every nesting, and a numerical judge."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

import functrans as ft
from functrans.testing.compare import flat, scale
from functrans.testing.numerical import Undecided, derivative


def one_like(x: Any) -> Any:
    """One, or ones, of the kind of ``x``; a constant also where ``x`` is traced."""
    return 1.0 if isinstance(x, float) and not isinstance(x, np.generic) else np.ones_like(x)[()]


def by_grad(f: Callable[..., Any]) -> Callable[..., Any]:
    """The derivative of a scalar function of a scalar, in reverse mode."""
    return lambda x: ft.grad(f)(x)


def by_jvp(f: Callable[..., Any]) -> Callable[..., Any]:
    """The derivative along one, in forward mode."""
    return lambda x: ft.jvp(f, (x,), (one_like(x),))[1]


def by_vjp(f: Callable[..., Any]) -> Callable[..., Any]:
    """The derivative by a pullback of one."""

    def derived(x: Any) -> Any:
        out, pullback = ft.vjp(f, x)
        return pullback(one_like(out))[0]

    return derived


def by_value_and_grad(f: Callable[..., Any]) -> Callable[..., Any]:
    """The second half of what ``value_and_grad`` gives."""
    return lambda x: ft.value_and_grad(f)(x)[1]


def by_jacobian(f: Callable[..., Any]) -> Callable[..., Any]:
    """The Jacobian, a number as input and output are."""
    return lambda x: ft.jacobian(f)(x)


TRANSFORMS = {t.__name__.removeprefix("by_"): t for t in (by_grad, by_jvp, by_vjp, by_value_and_grad, by_jacobian)}


def nestings(order: int) -> list[tuple[Callable[..., Any], ...]]:
    """Every way of differentiating ``order`` times, forward or in reverse."""
    return list(itertools.product((by_jvp, by_grad), repeat=order))


def nested(transforms: tuple[Callable[..., Any], ...], f: Callable[..., Any]) -> Callable[..., Any]:
    """``f`` differentiated by each transform in turn."""
    for transform in transforms:
        f = transform(f)
    return f


def directional(f: Callable[..., Any], *directions: Any) -> Callable[[Any], list[Any]]:
    """The derivative along each direction in turn of a scalar ``f``, in every nesting of forward over reverse."""

    def once(g: Any, v: Any, forward: bool) -> Any:
        return (lambda x: ft.jvp(g, (x,), (v,))[1]) if forward else (lambda x: np.sum(ft.grad(g)(x) * v))

    def all_of(x: Any) -> list[Any]:
        found = []
        for modes in itertools.product((True, False), repeat=len(directions)):
            g = f
            for v, forward in zip(directions, modes, strict=True):
                g = once(g, v, forward)
            found.append(g(x))
        return found

    return all_of


def assert_derivative(f: Callable[..., Any], x: Any, v: Any, precise: float = 1e-9) -> None:
    """The jvp is the numerical derivative, and the vjp its adjoint; at a kink nothing is said."""
    with np.errstate(all="ignore"):
        out, tangent = ft.jvp(f, (x,), (v,))
        _, pullback = ft.vjp(f, x)
        try:
            expected, error, _ = derivative(f, (x,), (v,))
        except Undecided:
            return
        weights = ft.tree.map(lambda o: np.cos(np.arange(np.size(o)).reshape(np.shape(o)) + 1.0)[()], out)
        (gradient,) = pullback(weights)
    allowed = 10 * error + precise * scale(expected)
    np.testing.assert_allclose(flat(tangent), expected, rtol=0, atol=allowed)
    pairing = np.real(np.sum(flat(weights) * expected))
    assert abs(np.sum(flat(gradient) * flat(v)) - pairing) <= allowed * max(1, expected.size)
