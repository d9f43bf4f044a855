"""Settings: how many threads, and how long tracebacks are.

``threads`` is how many threads the blocks of compiled programs use at most. Left alone (or set to None) it is the
number of processors that this process may run on, or less where an environment variable, ``FUNCTRANS_THREADS`` or
``OMP_NUM_THREADS``, says so.

``traceback`` is ``"short"`` or ``"full"``: whether exceptions that leave functrans show the user's lines alone, or the
library's too. Left alone (or set to None) it is what the environment variable ``FUNCTRANS_TRACEBACK`` says, else
``"short"``.

Example:
    >>> import functrans as ft
    >>> ft.config.threads = 1
    >>> ft.config.threads
    1
    >>> ft.config.threads = None
    >>> ft.config.traceback = "full"
    >>> ft.config.traceback
    'full'
    >>> ft.config.traceback = None
"""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import Literal

_VARIABLES = ("FUNCTRANS_THREADS", "OMP_NUM_THREADS")
_TRACEBACKS = ("short", "full")
_given: int | None = None
_given_traceback: str | None = None


def processors() -> int:
    """How many processors this process may run on, or the environment allows."""
    if hasattr(os, "process_cpu_count"):
        count = os.process_cpu_count()  # Python 3.13
    elif hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count()
    count = count or 1
    for name in _VARIABLES:
        first = os.environ.get(name, "").partition(",")[0].strip()  # OpenMP's may list a number for each level
        if first.isdecimal() and int(first) > 0:
            count = min(count, int(first))
    return count


class _Config(ModuleType):
    """The module, in which settings are checked as they are made."""

    @property
    def threads(self) -> int:
        """How many threads blocks use at most."""
        return processors() if _given is None else _given

    @threads.setter
    def threads(self, count: int | None) -> None:
        global _given  # noqa: PLW0603
        if count is not None and (type(count) is not int or count < 1):
            raise ValueError(f"functrans.config.threads is a positive integer, or None; not {count!r}")
        _given = count

    @property
    def traceback(self) -> str:
        """How much exceptions show: ``"short"``, the user's lines; ``"full"``, the library's too."""
        if _given_traceback is not None:
            return _given_traceback
        found = os.environ.get("FUNCTRANS_TRACEBACK", "").strip().lower()
        return found if found in _TRACEBACKS else "short"

    @traceback.setter
    def traceback(self, length: str | None) -> None:
        global _given_traceback  # noqa: PLW0603
        if length is not None and not (isinstance(length, str) and length in _TRACEBACKS):
            raise ValueError(f'functrans.config.traceback is "short" or "full", or None; not {length!r}')
        _given_traceback = length

    def __dir__(self) -> list[str]:
        return list(__all__)


threads: int
traceback: Literal["short", "full"] | None
__all__ = ["threads", "traceback"]
sys.modules[__name__].__class__ = _Config
