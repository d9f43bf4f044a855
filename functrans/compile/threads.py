"""The pool of threads that blocks are spread over. It is made when it is first used."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

_pool: ThreadPoolExecutor | None = None
_size = 0
_lock = threading.Lock()
_here = threading.local()


def limit() -> int:
    """How many threads may take part in work that starts here: one, within such work."""
    from functrans import config

    return 1 if getattr(_here, "busy", False) else config.threads


def spread(work: Callable[[], None], count: int) -> None:
    """Call ``work`` in this thread and in up to ``count - 1`` others at the same time; back when all are done.

    Each call does what is left to be done (it takes pieces from a common list), so it does not matter whether the
    others, busy with somebody else's work, come in time. They run in copies of the caller's context: ``np.errstate``
    holds in them. An exception in any of them is raised here.
    """
    if count < 2:
        work()
        return
    pool = _executor(count - 1)
    others = [pool.submit(copy_context().run, _busy, work) for _ in range(count - 1)]
    try:
        _busy(work)
    finally:
        # Those that have not begun have nothing to do any more. The others still write into the caller's arrays.
        begun = [other for other in others if not other.cancel()]
        errors = [other.exception() for other in begun]
    for error in errors:
        if error is not None:
            raise error


def _busy(work: Callable[[], None]) -> None:
    before = getattr(_here, "busy", False)
    _here.busy = True
    try:
        work()
    finally:
        _here.busy = before


def _executor(count: int) -> ThreadPoolExecutor:
    global _pool, _size
    with _lock:
        if _pool is None or _size < count:
            from concurrent.futures import ThreadPoolExecutor

            if _pool is not None:
                _pool.shutdown(wait=False)
            _pool, _size = ThreadPoolExecutor(count, "functrans"), count
        return _pool


def _forget() -> None:
    """In a forked process: the threads have stayed behind."""
    global _pool, _size, _lock
    _pool, _size, _lock = None, 0, threading.Lock()
    _here.busy = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
