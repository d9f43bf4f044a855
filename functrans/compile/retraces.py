"""``log_compiles``: a line for each program that is made, which says why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

#: Whether somebody wants to know.
LOG: ContextVar[bool] = ContextVar("functrans_log_compiles", default=False)


@contextmanager
def log_compiles() -> Iterator[None]:
    """Within the block each tracing of a jitted function is logged, with what was different from the call before.

    The lines go to the logger ``functrans.jit`` as warnings, so they are seen unless logging is set up otherwise.

    Example:
        >>> import functrans as ft
        >>> with ft.log_compiles():
        ...     ft.jit(lambda x: x * x)(3.0)
        9.0
    """
    token = LOG.set(True)
    try:
        yield
    finally:
        LOG.reset(token)


def log_retrace(function: str, reason: str, milliseconds: float, equations: int) -> None:
    """Log that a function was traced."""
    from logging import getLogger

    getLogger("functrans.jit").warning(
        "jit: traced %s in %.2f ms, %d equations: %s", function, milliseconds, equations, reason
    )


def difference(names: Sequence[str], now: Sequence[Any], known: Iterable[tuple[Sequence[str], Sequence[Any]]]) -> str:
    """What sets a call apart from the most similar one before: names and specs of the leaves."""
    best: list[str] | None = None
    least: tuple[int, int] = (0, 0)
    for names_then, then in known:
        if list(names_then) != list(names):
            changes = [f"the arguments were {', '.join(names_then) or 'none'}, are {', '.join(names) or 'none'}"]
            distance = (len(names) + len(names_then), 0)
        else:
            pairs = [(n, a, b) for n, a, b in zip(names, then, now, strict=True) if a != b]
            changes = [f"`{n}` was {a!r}, is {b!r}" for n, a, b in pairs]
            distance = len(pairs), sum([(a.ndim != b.ndim) + (a.promoting != b.promoting) for _, a, b in pairs])
        if best is None or distance <= least:
            best, least = changes, distance
    if best is None:
        return "the first call"
    return "; ".join(best) if best else "a static argument, or the containers, changed"
