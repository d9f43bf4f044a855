"""A function written with NumPy's names, as the same function with another library's."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import numpy as np

import functrans.numpy as fnp

Function = Callable[..., Any]


class Names:
    """A library's module in NumPy's place; ``fallback`` has what the module does not (MyGrad takes NumPy's calls)."""

    def __init__(self, module: Any, fallback: Any = None, special: dict[str, Function] | None = None) -> None:
        self.module, self.fallback, self.special = module, fallback, special or {}
        self.made: dict[int, Any] = {}

    def __getattr__(self, name: str) -> Any:
        if hasattr(self.module, name):
            found = getattr(self.module, name)
            other = getattr(self.fallback, name, None)
            return Names(found, other) if isinstance(found, types.ModuleType) and other is not None else found
        if self.fallback is not None:
            return getattr(self.fallback, name)
        raise AttributeError(f"{self.module.__name__} has no {name}")


def translated(f: Any, names: Names) -> Any:
    """``f``, with what it reads of NumPy (its globals, defaults, and what it closes over) looked up in ``names``."""
    if isinstance(f, types.FunctionType) and _is_ours(f):
        return _of_function(f, names)
    if isinstance(f, types.FunctionType | types.BuiltinFunctionType | np.ufunc) or type(f).__module__ == "numpy":
        bound = getattr(f, "__self__", None)
        if isinstance(bound, np.ufunc):
            return getattr(translated(bound, names), f.__name__)
        home = _home(f)
        return f if home is None else _looked_up(home, f.__name__, names)
    if f is np or f is fnp:
        return names
    return f


def _is_ours(f: types.FunctionType) -> bool:
    return f.__module__ is None or f.__module__.startswith(("tests.", "comparison."))  # None: made by `exec`


def _home(f: Any) -> str | None:
    """The module, behind ``np``, in which a function of NumPy's (or functrans's of the same name) is found."""
    name = getattr(f, "__name__", "")
    for home in ("", "linalg", "fft"):
        for module in (np, fnp):
            if getattr(getattr(module, home) if home else module, name, None) is f:
                return home
    return None


def _looked_up(home: str, name: str, names: Names) -> Any:
    try:
        return getattr(getattr(names, home) if home else names, name)
    except AttributeError as error:
        missing = AttributeError(str(error))

    def call(*args: Any) -> Any:
        raise missing

    return call


def _of_function(f: types.FunctionType, names: Names) -> Any:
    if f.__name__ in names.special:
        return names.special[f.__name__]
    if id(f) in names.made:
        return names.made[id(f)]
    found: dict[str, Any] = {}
    cells = tuple([types.CellType() for _ in f.__closure__ or ()])
    made = types.FunctionType(f.__code__, found, f.__name__, None, cells)
    names.made[id(f)] = made
    for name, value in f.__globals__.items():
        found[name] = translated(value, names) if name in _read(f.__code__) else value
    made.__defaults__ = tuple([translated(value, names) for value in f.__defaults__ or ()]) or None
    made.__kwdefaults__ = f.__kwdefaults__
    for cell, read in zip(cells, f.__closure__ or (), strict=True):
        cell.cell_contents = translated(read.cell_contents, names)
    return made


def _read(code: types.CodeType) -> set[str]:
    """The names that a function and those inside of it read."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _read(constant)
    return names
