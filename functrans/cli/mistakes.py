"""What went wrong, in words: a user's mistake in one line, an error of functrans in full."""

from __future__ import annotations

import os
import traceback
from collections.abc import Collection, Iterable
from difflib import get_close_matches

from functrans.errors import FunctransError, Location


class UsageError(Exception):
    """Something that the user can mend; the message is one line."""


def explain(error: Exception, file: str, callers: Collection[str] = ()) -> str:
    """An exception in the user's function, as text: one line, or the whole message if it is one of functrans.

    Args:
        error: what was raised.
        file: where the user's function is.
        callers: files that are no place of the user's.

    Raises:
        Exception: the error itself, if it can only be a fault of functrans.
    """
    if isinstance(error, FunctransError):
        shown = isinstance(error.where, Location) and error.where.filename not in callers
        place = error.where.excerpt() if shown and isinstance(error.where, Location) else ""
        return "\n".join(filter(None, [error.what, place, f"Fix: {error.fix}" if error.fix else ""]))
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if os.path.abspath(frame.filename) == os.path.abspath(file)]
    if not lines and not isinstance(error, ArithmeticError | ValueError | RecursionError | MemoryError):
        raise error
    place = "" if not lines or file.startswith("<") else f" ({file}:{lines[-1]})"
    if isinstance(error, TypeError) and ("bitwise_xor" in str(error) or " ^: " in str(error)):
        return f"`^` is Python's exclusive or: write a power as `x ** 2`{place}"
    return f"{type(error).__name__}: {one_line(error)}{place}"


def one_line(error: BaseException) -> str:
    """The message of an exception without its line breaks."""
    return " ".join(str(error).split()) or "no message"


def nearest(name: str, known: Iterable[str]) -> str:
    """``; did you mean `sin`?``, or nothing."""
    close = get_close_matches(name, list(known), n=1, cutoff=0.7)
    return f"; did you mean `{close[0]}`?" if close else ""


def listed(names: Iterable[str]) -> str:
    """``x, y`` in code quotes."""
    return ", ".join(f"`{name}`" for name in names)
