"""Generated code: what the names in it mean."""

from __future__ import annotations

from typing import Any

import numpy as np

import functrans as ft


def test_no_value_hides_a_function() -> None:
    """Values are named a, b, ..., aa, ...: thousands of them come by `add`, `cos`, `exp`, `sin`."""

    def f(x: Any) -> Any:
        for _ in range(3000):
            x = np.sin(x) * 1.1 + 0.3
        return x + np.cos(x) + np.exp(x) + np.tan(x) + np.dot(x, x)

    fast = ft.jit(f)
    assert "    cos = " in fast.source(0.5)
    assert fast(0.5) == f(0.5)
