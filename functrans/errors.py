"""Every exception: what happened, where in the user's code, and how to fix it.

A message is made of three parts. *What* speaks of the user's program, *where* shows their own line with a caret,
and *fix* names the way out. The place is a code object and an offset, and the message three parts, until somebody reads
it: raising costs little, so that code may try and catch.
"""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Callable
from contextvars import ContextVar
from types import CodeType, FrameType

import numpy

__all__ = [
    "ConvergenceError",
    "DerivativeError",
    "FunctransError",
    "IntegerInputError",
    "LeakedTracerError",
    "Location",
    "MissingRuleError",
    "NonFiniteError",
    "NonScalarOutputError",
    "ProgramError",
    "ShapeError",
    "TracedAssignmentError",
    "TracedBoolError",
    "TracedValueError",
    "TreeError",
    "UncoveredFunctionError",
]

# Frames between the user's line and functrans: NumPy's and SciPy's functions, Python's own modules (`statistics`), what
# decorators generate, what draws examples.
_LIBRARIES = (
    os.path.dirname(__file__) + os.sep,
    os.path.dirname(numpy.__file__) + os.sep,
    os.path.join(os.path.dirname(os.path.dirname(numpy.__file__)), "scipy") + os.sep,
    os.path.join(os.path.dirname(os.path.dirname(numpy.__file__)), "hypothesis") + os.sep,
    "<__array_function__",
    "<@beartype(functrans.",
    "<frozen ",
)
_PYTHON = os.path.dirname(os.__file__) + os.sep
_is_library: dict[str, bool] = {}


def is_library(filename: str) -> bool:
    """Whether code in this file is functrans', NumPy's or Python's own, not the user's."""
    known = _is_library.get(filename)
    if known is None:
        known = filename.startswith(_LIBRARIES)
        if not known and filename.startswith(_PYTHON):
            known = not filename.startswith(("site-packages", "dist-packages"), len(_PYTHON))
        _is_library[filename] = known
    return known


class Location:
    """A place in the user's code: resolved to file, line and columns only when asked.

    ``walks`` counts the walks back of reverse mode in which what has it was written: 0 for what the user's line does
    itself, 1 for its derivative, 2 for the derivative of that. Places that differ in nothing else are equal.
    """

    __slots__ = ("_code", "_offset", "_resolved", "walks")

    def __init__(self, code: CodeType, offset: int) -> None:
        self._code: CodeType | None = code
        self._offset = offset
        self._resolved: tuple[str, str, tuple[int | None, ...]] | None = None
        self.walks = 0

    def walked(self, walks: int) -> Location:
        """The same place, in so many walks back."""
        if walks == self.walks:
            return self
        copy = object.__new__(Location)
        copy._code, copy._offset, copy._resolved, copy.walks = self._code, self._offset, self._resolved, walks
        return copy

    def _resolve(self) -> tuple[str, str, tuple[int | None, ...]]:
        if self._resolved is None:
            code = self._code
            assert code is not None
            positions: tuple[int | None, ...] = (code.co_firstlineno, None, None, None)
            for index, found in enumerate(code.co_positions()):
                if index == self._offset // 2:
                    positions = found
                    break
            self._resolved = (code.co_filename, code.co_name, positions)
        return self._resolved

    @property
    def filename(self) -> str:
        """The file as Python knows it."""
        return self._resolve()[0]

    @property
    def line(self) -> int:
        """The line, counted from 1."""
        return self._resolve()[2][0] or 0

    @property
    def function(self) -> str:
        """The name of the function that the line is in."""
        return self._resolve()[1]

    def __str__(self) -> str:
        return f"{os.path.basename(self.filename)}:{self.line}"

    def __getstate__(self) -> tuple[tuple[str, str, tuple[int | None, ...]], int]:
        return self._resolve(), self.walks

    def __setstate__(self, state: tuple[tuple[str, str, tuple[int | None, ...]], int]) -> None:
        self._code, self._offset = None, 0
        self._resolved, self.walks = state

    def operation(self) -> str:
        """What the user's line was about to do, if Python has a sign for it: ``"+="``, ``"[]="``, ``"[]+="``."""
        if self._code is not None:
            import dis

            stores = ("STORE_SUBSCR", "STORE_SLICE")
            following = dis.get_instructions(self._code)
            for instruction in following:
                if instruction.offset == self._offset:
                    if instruction.opname in stores:
                        return "[]="
                    if instruction.opname == "BINARY_SUBSCR":
                        return "[]"  # from Python 3.14 on a BINARY_OP, of this sign
                    if instruction.opname != "BINARY_OP":
                        return ""
                    sign = instruction.argrepr
                    after = next((then.opname for then in following if then.opname != "SWAP"), "")
                    return f"[]{sign}" if sign.endswith("=") and after in stores else sign
        return ""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Location):
            return NotImplemented
        if self._code is not None and self._code is other._code:
            return self._offset == other._offset
        return self._resolve() == other._resolve()

    def __hash__(self) -> int:
        return hash(self._resolve())

    def excerpt(self) -> str:
        """``at file:line, in function`` with the source line and carets below it, when the source can be found."""
        filename, function, (line, end_line, column, end_column) = self._resolve()
        head = f"  at {os.path.basename(filename)}:{line}, in {function}"
        text = linecache.getline(filename, line or 0).rstrip("\n")
        if not text.strip():
            return head
        body = text.strip()
        rows = [head, f"    {body}"]
        if column is not None and end_column is not None:
            # co_positions counts bytes of UTF-8; carets stand under characters. Of several lines the first is shown.
            raw = text.rstrip().encode()
            start = len(raw[:column].decode(errors="ignore")) - (len(text) - len(text.lstrip()))
            width = len(raw[column : end_column if end_line == line else None].decode(errors="ignore"))
            if start >= 0 and width:
                rows.append("    " + " " * start + "^" * width)
        return "\n".join(rows)


_current: ContextVar[Location | None] = ContextVar("functrans_location", default=None)


def _user_frame(depth: int = 1) -> FrameType | None:
    frame: FrameType | None = sys._getframe(depth + 1)
    while frame is not None:
        if not is_library(frame.f_code.co_filename):
            return frame
        frame = frame.f_back
    return None


def user_location() -> Location | None:
    """Where the user's code stands now: the innermost frame that is neither functrans nor NumPy.

    While a transform walks over recorded equations, it is the place which the equation at hand was made.
    """
    pinned = _current.get()
    if pinned is not None:
        return pinned
    frame = _user_frame()
    return None if frame is None else Location(frame.f_code, frame.f_lasti)


class at_location:  # noqa: N801 (used as a statement)
    """Context in which :func:`user_location` answers ``location``: equations inherit the line they derive from."""

    __slots__ = ("_location", "_token")

    def __init__(self, location: Location | None) -> None:
        self._location = location

    def __enter__(self) -> None:
        before = _current.get()
        place = self._location or before
        if place is not None and before is not None and before.walks > place.walks:
            place = place.walked(before.walks)  # a program that runs in a walk back is part of it
        self._token = _current.set(place)

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)


def walks_here() -> int:
    """In how many walks back the equation was made, or will be, at whose line the code at hand runs."""
    pinned = _current.get()
    return 0 if pinned is None else pinned.walks


def walking_back(location: Location | None) -> at_location:
    """:func:`at_location` while reverse mode walks back over what was recorded there."""
    return at_location(None if location is None else location.walked(location.walks + 1))


def describe_function(f: Callable[..., object]) -> str:
    """A function's name and where it was defined, in the words of an error: ``'loss' (model.py:12)``."""
    name = getattr(f, "__name__", None) or type(f).__name__
    code = getattr(f, "__code__", None)
    while code is not None and is_library(code.co_filename) and hasattr(f, "__wrapped__"):
        f = f.__wrapped__  # the function that a transform was given
        code = getattr(f, "__code__", None)
    if code is None:
        return f"`{name}`"
    return f"`{name}` ({os.path.basename(code.co_filename)}:{code.co_firstlineno})"


def expect_function(f: object, transform: str) -> None:
    """Refuse what cannot be called, such as the value of a function: ``grad(f(x))``.

    Raises:
        DerivativeError: it is no function.
    """
    if callable(f):
        return
    kind = type(f).__name__
    if kind == "Program":
        fix = "write a function that runs it: `lambda x: functrans.evaluate(program, x)`."
    elif transform in ("vjp", "jvp", "linearize", "linear_transpose", "map"):
        arguments = "(x,), (dx,)" if transform == "jvp" else "xs" if transform == "map" else "x"
        fix = f"pass the function itself, then what it is called with: `{transform}(f, {arguments})`."
    else:
        fix = f"pass the function itself and call the result: `{transform}(f)(x)`, not `{transform}(f(x))`."
    raise DerivativeError(f"`{transform}` needs a function, but was given a {kind}", fix)


class FunctransError(Exception):
    """Base of every error that functrans raises on purpose.

    Args:
        what: what happened, in the words of the user's program.
        fix: how to mend it.
        where: the place; ``None`` takes the user's current line, ``False`` leaves it out.
    """

    def __init__(self, what: str, fix: str = "", where: Location | bool | None = None) -> None:
        place = user_location() if where is None else where
        self.what, self.fix, self.where = what, fix, place or None
        super().__init__(what, fix, place or False)  # what pickle gives to the constructor

    def __str__(self) -> str:
        parts = [self.what]
        if isinstance(self.where, Location):
            parts.append(self.where.excerpt())
        if self.fix:
            parts.append(f"Fix: {self.fix}")
        return "\n".join(parts)


class DerivativeError(FunctransError, TypeError):
    """A derivative was asked for that does not exist or has no such form (integer input, a non-scalar output)."""


class NonScalarOutputError(DerivativeError):
    """``grad`` of a function whose output is not one number."""


class IntegerInputError(DerivativeError):
    """A derivative with respect to an integer, boolean or non-numeric value."""


class TracedValueError(FunctransError, TypeError):
    """A traced value was about to become a plain number or array, which would lose its derivative."""


class TracedBoolError(TracedValueError):
    """Python asked for the truth of a value that is not known while a program is staged."""


class TracedAssignmentError(TracedValueError):
    """Assignment into an array that tracing cannot follow (``a[i] = x``, ``out=``, ``np.add.at``)."""


class LeakedTracerError(FunctransError, RuntimeError):
    """A traced value was used after the transform that made it had ended."""


class MissingRuleError(FunctransError, NotImplementedError):
    """A primitive on the path has no derivative rule."""


class UncoveredFunctionError(FunctransError, NotImplementedError, AttributeError):
    """A NumPy function (or one of its options) which functrans does not trace yet."""


class ShapeError(FunctransError, ValueError):
    """Shapes or dtypes do not fit together."""


class TreeError(FunctransError, ValueError, TypeError):
    """Two containers should have had the same structure."""


class NonFiniteError(FunctransError, FloatingPointError):
    """A NaN or an infinity arose inside of ``functrans.debug_nans()`` or ``functrans.debug_infs()``."""


class ProgramError(FunctransError, ValueError):
    """A Program breaks a rule of its form; the message names the equation."""


class ConvergenceError(FunctransError, RuntimeError):
    """A solver, or an integrator, did not find what it was asked for.

    Attributes:
        residual: how far it is from a solution, in the norm that the message names; None where it is not known.
        iterations: how many steps it took; None where it is not known.
    """

    def __init__(
        self,
        what: str,
        fix: str = "",
        where: Location | bool | None = None,
        *,
        residual: float | None = None,
        iterations: int | None = None,
    ) -> None:
        super().__init__(what, fix, where)
        self.residual, self.iterations = residual, iterations


def __dir__() -> list[str]:
    return list(__all__)
