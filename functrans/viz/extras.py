"""What pictures need beside NumPy: loaded when a picture is made, and missed with one clear error."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def need(module: str, purpose: str) -> Any:
    """A module of an optional package.

    Raises:
        ModuleNotFoundError: the package is not installed; the message has the command that installs it.
    """
    package = module.partition(".")[0]
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != package:
            raise  # it is there, and misses something itself
        raise ModuleNotFoundError(
            f"{purpose} needs {package}, which is not installed\nFix: `pip install 'functrans[viz]'`.", name=package
        ) from None
