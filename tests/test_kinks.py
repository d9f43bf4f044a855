"""docs/kinks.md says what functrans returns at kinks and singular points; here each of its rows is computed."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy

import functrans as ft
import functrans.scipy.linalg as linalg
import functrans.scipy.special as special
import functrans.scipy.stats as stats

PAGE = Path(__file__).parent.parent / "docs" / "kinks.md"
SCIPY = tuple(map(int, scipy.__version__.split(".")[:2]))
NAMES = {"np": np, "linalg": linalg, "special": special, "stats": stats, "inf": np.inf, "nan": np.nan}


def rows() -> list[Any]:
    found = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 5 and cells[0].startswith("`"):
            f, at, order, value = cells[0].strip("`"), cells[1].strip("`"), int(cells[2]), cells[3]
            new = 'assume_a="diagonal"' in f and SCIPY < (1, 15)
            skip = pytest.mark.skipif(new, reason="came with SciPy 1.15")
            found.append(pytest.param(f, at, order, value, id=f"{f} at {at}, order {order}", marks=skip))
    return found


def point(at: str) -> dict[str, Any]:
    arguments = eval(f"dict({at})", NAMES)
    return {name: np.array(x, complex if name == "z" else float)[()] for name, x in arguments.items()}


def function(f: str, names: list[str]) -> Any:
    code = compile(f, "<docs/kinks.md>", "eval")
    return lambda *args: np.sum(eval(code, NAMES, dict(zip(names, args, strict=True))))


def gradient(f: Any, count: int, order: int) -> Any:
    """The gradient in all arguments; at order 2 the Hessian times ones."""
    every = tuple(range(count))
    first = ft.grad(f, every)
    if order == 1:
        return first

    def total(*args: Any) -> Any:
        return sum(np.sum(g) for g in first(*args))

    return ft.grad(total, every)


def by_forward_mode(f: Any, args: list[Any], order: int) -> list[Any]:
    """The same by jvp alone: entry by entry, and at order 2 along a vector of ones first."""
    if order == 2:
        inner, ones = f, tuple(np.ones_like(x) for x in args)

        def f(*at: Any) -> Any:
            return ft.jvp(inner, at, ones)[1]

    found = []
    for i, x in enumerate(args):
        entries = np.zeros(np.shape(x), np.result_type(x))
        for index in np.ndindex(*np.shape(x)):
            for unit in (1.0, 1j) if np.iscomplexobj(x) else (1.0,):
                dx = [np.zeros_like(a) for a in args]
                dx[i] = np.array(dx[i])
                dx[i][index] = unit
                entries[index] += np.conj(unit) * ft.jvp(f, tuple(args), tuple(d[()] for d in dx))[1]
        found.append(entries)
    return found


@pytest.mark.parametrize(("f", "at", "order", "value"), rows())
@pytest.mark.parametrize("mode", ["reverse", "staged", "forward"])
def test_kink(mode, f, at, order, value):
    arguments = point(at)
    names, args = list(arguments), list(arguments.values())
    value, *by_forward = re.findall("`(.*?)`", value)
    if mode == "forward" and by_forward:
        value = by_forward[0]
    run = function(f, names)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, of the mean of nothing
        if value == "LinAlgError":
            with pytest.raises(np.linalg.LinAlgError):
                gradient(run, len(args), order)(*args)
            return
        if mode == "reverse":
            found = gradient(run, len(args), order)(*args)
        elif mode == "forward":
            found = by_forward_mode(run, args, order)
        else:
            found = ft.evaluate(ft.trace(gradient(run, len(args), order))(*args).validate(), *args)
    expected = eval(value, NAMES)
    for got, want in zip(found, expected if isinstance(expected, tuple) else (expected,), strict=True):
        np.testing.assert_allclose(got, np.array(want), rtol=1e-12, atol=1e-15)


def test_the_page_has_rows():
    assert len(rows()) > 150
