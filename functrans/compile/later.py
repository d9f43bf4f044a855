"""A function that is made when it is first called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Later:
    """What ``make()`` gives, once it is called: code that may never be needed is not written before."""

    __slots__ = ("_made", "_make")

    def __init__(self, make: Callable[[], Callable[..., Any]]) -> None:
        self._make = make
        self._made: Callable[..., Any] | None = None

    def __call__(self, *leaves: Any) -> Any:
        if self._made is None:
            self._made = self._make()
        return self._made(*leaves)
