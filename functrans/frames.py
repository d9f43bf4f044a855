"""Tracebacks that end in the user's code: the library's own frames are taken out where an exception leaves functrans.

Each public function hands what it raises to :func:`hide`, which looks whether the caller is the user's code. Then the
traceback, and those of the exceptions behind it, lose the frames of functrans, and those of NumPy's, SciPy's and
Python's functions that functrans called. What the user's own functions called stays. While nothing is raised, this
costs nothing; ``functrans.config.traceback = "full"`` turns it off.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, TypeVar, cast

from functrans.errors import FunctransError, is_library

_OWN = os.path.dirname(__file__) + os.sep

#: What no argument of the user's should cause: raised by functrans itself, they show where it is at fault.
_FAULTS = (AssertionError, AttributeError, KeyError, NameError)

# Past what the user's class says of attributes: a frozen dataclass refuses to set them.
_put_traceback = BaseException.with_traceback
_get_traceback: Callable[[BaseException], TracebackType | None] = vars(BaseException)["__traceback__"].__get__

_Function = TypeVar("_Function", bound=Callable[..., Any])


def hide(error: Exception, depth: int = 2) -> None:
    """Shorten the traceback of ``error``, which is about to leave functrans; to be followed by a bare ``raise``.

    Within functrans nothing is done: those who catch an error there see where it comes from.

    Args:
        error: what was caught.
        depth: how far up the frame is that called the public function.
    """
    above: FrameType | None = sys._getframe(depth)
    while above is not None:
        if above.f_code.co_filename.startswith(_OWN):
            return
        above = above.f_back
    from functrans import config

    if config.traceback == "short":
        _shorten(error)


def boundary(function: _Function) -> _Function:
    """A public function that hides the library's frames: for those in which one more call does not matter."""

    @functools.wraps(function)
    def outermost(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            hide(error)
            raise

    return cast("_Function", outermost)


def _shorten(error: BaseException) -> None:
    """Shorten an exception and those behind it."""
    seen: set[int] = set()
    behind: list[BaseException | None] = [error]
    while behind:  # a chain may be longer than Python's stack
        found = behind.pop()
        if found is None or id(found) in seen:
            continue
        seen.add(id(found))
        _put_traceback(found, _shortened(found))
        behind += [found.__cause__, found.__context__]
        if isinstance(found, BaseExceptionGroup):
            behind += found.exceptions


def _shortened(error: BaseException) -> TracebackType | None:
    entry = whole = _get_traceback(error)
    kept: list[TracebackType] = []
    inside = own = False
    while entry is not None:
        filename, name = entry.tb_frame.f_code.co_filename, entry.tb_frame.f_code.co_name
        if name == "__getattr__" and isinstance(error, AttributeError) and filename.startswith(_OWN):
            break  # it is at fault who asked for the attribute
        own = filename.startswith(_OWN)
        inside = own or (inside and (is_library(filename) or filename.startswith("<functrans ")))
        if not inside:
            kept.append(entry)
        entry = entry.tb_next
    if own and isinstance(error, _FAULTS) and not isinstance(error, FunctransError):
        return whole
    if isinstance(error, FunctransError):  # it speaks of the user's line, not of what NumPy does there
        while kept and is_library(kept[-1].tb_frame.f_code.co_filename):
            kept.pop()
    made: TracebackType | None = None
    for entry in reversed(kept):
        made = TracebackType(made, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return made
