"""Which names of a NumPy module functrans covers: asked of the dispatch tables, so that no second list can be wrong."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

import functrans.ops as _ops  # noqa: F401  (fills the tables)
from functrans.errors import UncoveredFunctionError
from functrans.tracing.dispatch import FUNCTIONS, UFUNCS


def is_covered(function: Any) -> bool:
    """Whether NumPy hands calls of ``function`` on traced values to functrans, and functrans takes them."""
    if isinstance(function, np.ufunc):
        return function in UFUNCS
    try:
        return function in FUNCTIONS
    except TypeError:
        return False


def covered(module: ModuleType, name: str) -> Any:
    """``module.name``.

    Raises:
        UncoveredFunctionError: NumPy has it, functrans does not trace it.
        AttributeError: NumPy does not have it.
    """
    short = module.__name__.replace("numpy", "np", 1)
    try:
        function = getattr(module, name)
    except AttributeError:
        raise AttributeError(f"module 'functrans.{module.__name__}' has no attribute {name!r}") from None
    if name.startswith("_") or not is_covered(function):
        if name.startswith("_"):
            raise AttributeError(f"module 'functrans.{module.__name__}' has no attribute {name!r}")
        raise UncoveredFunctionError(
            f"`{short}.{name}` is not covered by functrans",
            f"import NumPy itself for plain values (`import numpy as np; {short}.{name}`); for traced ones write it "
            "with covered functions, or declare a primitive (docs/add_a_primitive.md).",
        )
    return function


def covered_names(module: ModuleType) -> set[str]:
    """The names of ``module`` that are covered."""
    # Not `dir`: asking NumPy for each name would import all its submodules.
    return {name for name, value in vars(module).items() if not name.startswith("_") and is_covered(value)}
