"""The porting pages: what they show of other libraries is true of the versions that are installed.

A fence that begins with the comment ``# autograd``, ``# jax``, ``# torch``, ``# tensorflow`` or ``# mxnet`` is that
library's code. The fences of a page run in order, and a line that ends in ``# -> value`` gives that value, one in
``# raises Error`` that error. What functrans does instead is checked by doctest.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PAGES = sorted((Path(__file__).parents[2] / "docs" / "porting").glob("*.md"))
LIBRARIES = ("autograd", "jax", "torch", "tensorflow", "mxnet")
_FENCE = re.compile(r"^```python\n# (\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def fences(page: Path) -> list[tuple[str, str, int]]:
    """Library, code and its first line, for each fence of another library."""
    text = page.read_text(encoding="utf-8")
    return [
        (found[1], found[2], text[: found.start(2)].count("\n") + 1)
        for found in _FENCE.finditer(text)
        if found[1] in LIBRARIES
    ]


def claim(lines: list[str], statement: ast.stmt) -> tuple[str, str] | None:
    """What a comment at the end of a statement claims: ``("->", value)`` or ``("raises", name)``."""
    found = re.search(r"#\s+(->|raises)\s+(.*)$", lines[(statement.end_lineno or 0) - 1])
    return (found[1], found[2].strip()) if found else None


def plain(value: Any) -> Any:
    """Numbers and containers of NumPy's and Python's."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, tuple):
        return tuple([plain(part) for part in value])
    if isinstance(value, str | bool | type(None)):
        return value
    if hasattr(value, "detach"):
        value = value.detach().resolve_conj().numpy()
    return [plain(part) for part in value] if isinstance(value, list) else np.asarray(value)


def assert_like(found: Any, expected: Any) -> None:
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for key, part in expected.items():
            assert_like(found[key], part)
    elif isinstance(expected, tuple):
        assert len(found) == len(expected)
        for a, b in zip(found, expected, strict=True):
            assert_like(a, b)
    elif isinstance(expected, str | bool | type(None)):
        assert str(found) == str(expected)
    else:
        np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=2e-5, atol=1e-6)


def run(code: str, first: int, page: Path, names: dict[str, Any]) -> None:
    lines = code.splitlines()
    for statement in ast.parse(code).body:
        said = claim(lines, statement)
        module = ast.Module([statement], [])
        ast.increment_lineno(module, first - 1)
        if said is None:
            exec(compile(module, str(page), "exec"), names)
        elif said[0] == "raises":
            error = eval(said[1], dict(names))
            with pytest.raises(error):
                exec(compile(module, str(page), "exec"), names)
        else:
            assert isinstance(statement, ast.Expr), f"{page.name}: a value is claimed of no expression"
            found = eval(compile(ast.Expression(statement.value), str(page), "eval"), names)
            assert_like(plain(found), eval(said[1], {"nan": np.nan, "inf": np.inf}))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_their_code_is_python(page):
    for _, code, _ in fences(page):
        compile(code, str(page), "exec")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("page", [page for page in PAGES if fences(page)], ids=lambda page: page.stem)
def test_their_code_does_what_the_page_says(page):
    names: dict[str, Any] = {}
    for library, code, first in fences(page):
        if importlib.util.find_spec(library) is None:
            pytest.skip(f"{library} is not installed")
        run(code, first, page, names)


def test_claims_are_compared():
    """A wrong claim fails, of a number, a container, an error."""
    page = Path("page.md")
    run("1 + 1  # -> 2\n[1][1]  # raises IndexError\n", 1, page, {})
    for wrong in ("1 + 1  # -> 3", "(1, [2])  # -> (1, [3])", "[1][0]  # raises IndexError", "{'a': 1}  # -> {'b': 1}"):
        with pytest.raises((AssertionError, pytest.fail.Exception)):
            run(wrong, 1, page, {})
