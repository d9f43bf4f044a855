"""Recipes for the primitives of structured control flow: small loops and branches, at values where each is smooth."""

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
