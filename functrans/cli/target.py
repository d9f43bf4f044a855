"""The function that is differentiated: an expression made into one, or one taken from a file."""

from __future__ import annotations

import ast
import builtins
import importlib.util
import inspect
import linecache
import math
import os
import sys
import warnings
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

import functrans.numpy as traceable
from functrans.cli.mistakes import UsageError, explain, listed, nearest, one_line

EXPRESSION = "<expression>"
# NumPy's functions of these names mean something else than Python's: `max(x, 0)` must not take 0 for an axis.
_PYTHONS = frozenset({"max", "min", "bool", "pow"})


class Target(NamedTuple):
    """A function of positional arguments.

    Attributes:
        function: what is differentiated.
        text: how the user wrote it.
        names: the arguments, in order: those with a value, and those that need one.
    """

    function: Callable[..., Any]
    text: str
    names: tuple[str, ...]

    @property
    def name(self) -> str:
        """What the function is called in headings."""
        return self.function.__name__


def file_and_name(text: str) -> tuple[str, str] | None:
    """``("model.py", "loss")`` for ``model.py:loss``; None for an expression."""
    path, colon, name = text.rpartition(":")
    return (path, name.strip()) if colon and path.endswith(".py") else None


def load(text: str, given: Collection[str]) -> Target:
    """The target that a command line names, for variables with these names.

    Raises:
        UsageError: there is no such file, function, variable, or no such Python.
    """
    found = file_and_name(text)
    if found is not None:
        return _from_file(*found, text, given)
    if text.endswith(".py") and os.path.exists(text):
        raise UsageError(f"name the function in the file: {text}:function")
    return _from_expression(text, given)


def _from_expression(text: str, given: Collection[str]) -> Target:
    if not text:
        raise UsageError("the expression is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            body = ast.parse(text, EXPRESSION, mode="eval").body
            free = _free_names(body)
            names = [*[name for name in given if name in free], *[name for name in free if name not in given]]
            known = {
                name: getattr(traceable, name, getattr(np, name))
                for name in names
                if name in np.__all__ and name not in _PYTHONS
            }
            known |= {"np": np, "numpy": np, "math": math}
            names = [name for name in names if name in given or not (name in known or hasattr(builtins, name))]
            code = compile(_function(body, names), EXPRESSION, "exec")
    except SyntaxError as error:
        column = f" (column {error.offset})" if error.offset else ""
        raise UsageError(f"`{text}` is not a Python expression: {error.msg}{column}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise UsageError(f"the expression cannot be compiled: {one_line(error)}") from None
    for name in given:
        if name not in free:
            raise UsageError(f"the expression has no variable `{name}`{nearest(name, free)}")
    linecache.cache[EXPRESSION] = (len(text), None, text.splitlines(keepends=True), EXPRESSION)
    exec(code, known)
    return Target(known["f"], text, tuple(names))


def _free_names(body: ast.expr) -> list[str]:
    """The names that an expression reads and does not itself define, in the order of the text."""
    defined = {node.id for node in ast.walk(body) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    defined |= {node.arg for node in ast.walk(body) if isinstance(node, ast.arg)}
    read = [node for node in ast.walk(body) if isinstance(node, ast.Name) and node.id not in defined]
    return list(dict.fromkeys(node.id for node in sorted(read, key=lambda node: (node.lineno, node.col_offset))))


def _function(body: ast.expr, names: Sequence[str]) -> ast.Module:
    """``def f(x, y): return <body>``, in which the body keeps its place in the text, so that carets find it."""
    module = ast.parse(f"def f({', '.join(names)}):\n    return 0")
    definition = module.body[0]
    assert isinstance(definition, ast.FunctionDef)
    definition.body = [ast.copy_location(ast.Return(body), body)]
    return module


def explain_missing(text: str, name: str) -> str:
    """What to do about an argument without a value."""
    suggestion = "" if file_and_name(text) else nearest(name, np.__all__)
    return f"`{name}` has no value: give it with --at {name}=...{suggestion}"


def _from_file(path: str, name: str, text: str, given: Collection[str]) -> Target:
    if not os.path.isfile(path):
        raise UsageError(f"there is no file {path}")
    module = _execute(path)
    function = vars(module).get(name)
    if function is None:
        defined = [n for n, value in vars(module).items() if inspect.isfunction(value)]
        defined = [n for n in defined if vars(module)[n].__module__ == module.__name__]
        has = f"; it has {listed(defined)}" if defined else ""
        raise UsageError(f"{path} has no function `{name}`{nearest(name, defined) or has}")
    if not callable(function):
        raise UsageError(f"`{name}` in {path} is no function, but of type {type(function).__name__}")
    return _by_position(function, name, text, given)


def _execute(path: str) -> Any:
    """The module in a file, executed as an import would; files beside it can be imported."""
    module_name = os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(f"functrans_target_{module_name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there for their module
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        place = path if error.filename == module.__file__ else error.filename
        raise UsageError(f"{place}:{error.lineno}: {error.msg}") from None
    except Exception as error:
        raise UsageError(f"{path} cannot be loaded: {explain(error, path)}") from None
    finally:
        sys.path.pop(0)
    return module


def _by_position(function: Callable[..., Any], name: str, text: str, given: Collection[str]) -> Target:
    """A function that takes the given arguments, and those without a default, in the order of its signature."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return Target(function, text, tuple(given))
    open_ended = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    named = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    known = [parameter.name for parameter in named]
    for variable in given:
        if variable not in known and not open_ended:
            others = nearest(variable, known) or f"; it has {listed(known) or 'none'}"
            raise UsageError(f"`{name}` has no parameter `{variable}`{others}")
    wanted = [p for p in named if p.name in given or p.default is p.empty]
    names = [*[p.name for p in wanted], *[variable for variable in given if variable not in known]]
    if (
        wanted == named[: len(names)]
        and all(p.kind is not p.KEYWORD_ONLY for p in wanted)
        and len(wanted) == len(names)
    ):
        return Target(function, text, tuple(names))

    leading = [p.name for p in wanted if p.kind is p.POSITIONAL_ONLY]

    def by_position(*values: Any) -> Any:
        passed = dict(zip(names, values, strict=True))
        first = [passed.pop(variable) for variable in leading]
        return function(*first, **passed)

    by_position.__name__ = name
    by_position.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(variable, inspect.Parameter.POSITIONAL_OR_KEYWORD) for variable in names]
    )
    return Target(by_position, text, tuple(names))
