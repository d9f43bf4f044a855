"""How a namespace of SciPy's is covered: which of its names are SciPy's own, and which call functrans when traced."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from functrans.errors import UncoveredFunctionError
from functrans.tracing.dispatch import UFUNCS
from functrans.tracing.tracer import Tracer

try:
    import scipy as _  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "functrans.scipy needs SciPy, which is not installed\nFix: `pip install 'functrans[scipy]'`.", name="scipy"
    ) from error

Function = Callable[..., Any]

#: For each module of SciPy's (``scipy.special``), by name, what stands for its functions that do not dispatch.
COVERED: dict[str, dict[str, Any]] = {}


def covers(function: Function, *, module: str = "", name: str = "") -> Callable[[Function], Function]:
    """Declare what computes a function of SciPy's when an argument is traced; else it is SciPy's.

    The two take the same arguments. ``functrans.scipy`` then has a function with the name and signature of SciPy's.

    Args:
        function: SciPy's.
        module: the public module that it is in, ``scipy.linalg``; by default the first two parts of its ``__module__``.
        name: its public name, if that is not its ``__name__``.
    """

    def declare(handler: Function) -> Function:
        home = module or ".".join(function.__module__.split(".")[:2])

        @wraps(function)
        def either(*args: Any, **kwargs: Any) -> Any:
            if is_traced(args) or (kwargs and is_traced(kwargs.values())):
                return handler(*args, **kwargs)
            return function(*args, **kwargs)

        either.__module__ = f"functrans.{home}"
        either.__doc__ = f"``{home}.{name or function.__name__}``, also of traced values.\n\n{handler.__doc__ or ''}"
        COVERED.setdefault(home, {})[name or function.__name__] = either
        return handler

    return declare


def is_traced(values: Any) -> bool:
    """Whether there is a traced value among some arguments, or in their lists and tuples."""
    for value in values:
        if type(value) is Tracer:
            return True
        if isinstance(value, list | tuple) and is_traced(value):
            return True
    return False


def namespace(home: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of the module that stands for SciPy's module ``home``."""

    def find(name: str) -> Any:
        found = COVERED.get(home, {}).get(name)
        if found is not None:
            return found
        theirs = import_module(home)
        value = getattr(theirs, name, None)
        if isinstance(value, np.ufunc) and value in UFUNCS:
            return value
        if value is None or name.startswith("_") or isinstance(value, ModuleType):
            raise AttributeError(f"module 'functrans.{home}' has no attribute {name!r}")
        if isinstance(value, type) and issubclass(value, Exception | Warning):
            return value
        raise UncoveredFunctionError(
            f"`{home}.{name}` is not covered by functrans",
            f"import SciPy itself for plain values (`import {home}`); for traced ones write it with covered functions, "
            "or declare a primitive (docs/add_a_primitive.md).",
        )

    def names() -> list[str]:
        theirs = vars(import_module(home))
        ufuncs = {name for name, value in theirs.items() if isinstance(value, np.ufunc) and value in UFUNCS}
        return sorted(ufuncs | set(COVERED.get(home, {})))

    return find, names
