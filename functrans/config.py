"""Settings: ``functrans.config.threads``, how many threads the blocks of compiled programs use at most.

Left alone (or set to None) it is the number of processors that this process may run on, or less where an environment
variable, ``FUNCTRANS_THREADS`` or ``OMP_NUM_THREADS``, says so.

Example:
    >>> import functrans as ft
    >>> ft.config.threads = 1
    >>> ft.config.threads
    1
    >>> ft.config.threads = None
"""

from __future__ import annotations

import os
import sys
from types import ModuleType

_VARIABLES = ("FUNCTRANS_THREADS", "OMP_NUM_THREADS")
_given: int | None = None


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


threads: int
sys.modules[__name__].__class__ = _Config
