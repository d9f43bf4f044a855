"""Recipes for what holds programs or rules: small loops and branches, at values where each is smooth."""

from __future__ import annotations

from typing import Any

import numpy as np

import functrans as ft
from functrans.testing.strategies.operands import calls


def _cell(w: Any, h: Any, x: Any) -> Any:
    return np.tanh(w * h + x), h * x


calls(
    "scan",
    (lambda w, h, xs: ft.scan(lambda h, x: _cell(w, h, x), h, xs), (), (2,), (3, 2)),
    (lambda w, h, xs: ft.scan(lambda h, x: _cell(w, h, x), h, xs, reverse=True), (2,), (2,), (2, 2)),
    (lambda h: ft.scan(lambda h, _: (np.sin(h), None), h, length=3), (2,)),
    (lambda w, xs: ft.scan(lambda c, x: (c + 1, np.exp(w) * x[0]), 0, (xs,)), (), (3,)),
    (lambda w, h, xs: ft.scan(lambda h, x: _cell(w, h, x), h, xs), (), (2,), (0, 2)),
    dtypes=("float64",),  # bodies are of one dtype, and the judge doubles the precision of operands
)
calls(
    "switch",
    (
        lambda i, x, y: ft.switch(i, [np.multiply, lambda x, y: np.sin(x) + 0 * y, np.add], x, y),
        np.int64(1),
        (2,),
        (2,),
    ),
    (lambda p, x, y: ft.cond(p, lambda x: (x, y * y), lambda x: (x * x, y), x), np.True_, (2,), ()),
    (lambda p, x, y: ft.cond(p, lambda x: (x, y * y), lambda x: (x * x, y), x), np.False_, (2,), ()),
    dtypes=("float64",),  # bodies are of one dtype, and the judge doubles the precision of operands
)


def _grown(n: Any, x: Any, rate: Any) -> Any:
    return ft.while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, np.sin(c[1]) * rate + c[1]), (0, x))[1]


calls(
    "while_loop",
    (_grown, np.int64(3), (2,), ()),
    (_grown, np.int64(0), (2,), ()),
    (
        lambda n, x: ft.while_loop(
            lambda c: (c[0] < n) & (np.sum(c[1]) < 1e6), lambda c: (c[0] + 1, c[1] * c[1]), (0, x)
        ),
        np.int64(2),
        (2,),
    ),
    dtypes=("float64",),
)


def _twice(x: Any, w: Any) -> Any:
    return np.tanh(np.tanh(x) * w), x * w


calls(
    "checkpoint",
    (ft.checkpoint(_twice), (2,), ()),
    (lambda x, w: ft.checkpoint(lambda x: _twice(x, w))(x), (2,), (2,)),
    (ft.checkpoint(lambda x, w: np.sin(x @ w), policy="products"), (2, 2), (2, 2)),
    dtypes=("float64",),
)


calls(
    "jit",
    (ft.jit(_twice), (2,), ()),
    (lambda x, w: ft.jit(lambda x: _twice(x, w))(x), (2,), (2,)),
    (ft.jit(lambda x, w: np.exp(x @ w) / np.sum(x)), (2, 2), (2, 2)),
    dtypes=("float64",),
)


@ft.custom_vjp
def sine_times(x: Any, y: Any) -> Any:
    """With a rule of reverse mode."""
    return np.sin(x) * y


sine_times.defvjp(lambda x, y: (np.sin(x) * y, (x, y)), lambda r, ct: (ct * np.cos(r[0]) * r[1], ct * np.sin(r[0])))


@ft.custom_jvp
def cosine_times(x: Any, y: Any) -> Any:
    """With a rule of forward mode."""
    return np.cos(x) * y


cosine_times.defjvps(lambda t, out, x, y: -t * np.sin(x) * y, lambda t, out, x, y: t * np.cos(x))

calls("custom", (sine_times, (2,), (2,)), (cosine_times, (2, 2), (2, 2)), (sine_times, (), ()), dtypes=("float64",))
calls("tag", (lambda x: ft.tag(x, "x"), (2,)), (lambda x: ft.tag(x, "x"), ()))
