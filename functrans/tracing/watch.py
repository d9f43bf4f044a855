"""Who looks at what transforms compute: nobody, unless debugging is on (:mod:`functrans.debug`).

A watcher is asked when a transform starts, walks back, or runs a program: never for a single operation.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, TypeVar

Kind = TypeVar("Kind", bound=type)

#: It has ``recorder(cls)``, a kind of recorder that looks; ``walk(seeds)``; ``run(program, leaves)``;
#: ``runner(program)``.
WATCH: ContextVar[Any] = ContextVar("functrans_watch", default=None)


def watched(cls: Kind) -> Kind:
    """The kind of recorder to make: this one, or one that looks too."""
    watch = WATCH.get()
    return cls if watch is None else watch.recorder(cls)
