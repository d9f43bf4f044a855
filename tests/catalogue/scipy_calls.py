"""The catalogue's calls of SciPy's functions: the operands that the laws are checked with."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import functrans.scipy
from functrans.primitives import Primitive, lookup, primitives
from functrans.testing.case import Case, has_rule
from functrans.testing.strategies.operands import has_operands
from functrans.testing.strategies.spread import spread

#: The primitives that are functions of SciPy's, by name.
SCIPY: dict[str, Primitive] = {}

if find_spec("scipy"):
    for _name in functrans.scipy.SUBMODULES:
        import_module(f"functrans.scipy.{_name}")


def is_public(primitive: Primitive) -> bool:
    """Whether it is a function that SciPy has, not one that derivatives need."""
    home, _, name = primitive.name.rpartition(".")
    return home.startswith("scipy.") and hasattr(import_module(home), name)


for _p in primitives():
    if is_public(_p) and has_operands(_p) and any(has_rule(_p, i) for i in range(9)):
        SCIPY[_p.name] = _p


@cache
def cases(name: str) -> list[Case]:
    """Three cases, spread over dtypes and shapes."""
    return spread(lookup(name), 3, edges=False)


def others(module: str) -> list[str]:
    """The other names of a module that functrans covers: made of these, or by functions of its own."""
    names: list[Any] = dir(import_module(f"functrans.scipy.{module}"))
    return [name for name in names if f"scipy.{module}.{name}" not in SCIPY]
