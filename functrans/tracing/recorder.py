"""What follows a traced function: a recorder sees every operation on its tracers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, NoReturn

from functrans.errors import LeakedTracerError, describe_function
from functrans.tracing.refusal import refusal_behind

if TYPE_CHECKING:
    from functrans.primitives import Primitive

_births = count().__next__


def purpose_of(transform: str, function: Callable[..., Any]) -> str:
    """What a trace is for, in the words of an error."""
    return f"by `{transform}` of {describe_function(function)}"


def refuse_leaked(transform: str, function: Callable[..., Any], *_: Any) -> NoReturn:
    """Refuse a value of a trace that has ended."""
    raise LeakedTracerError(
        f"a value traced {purpose_of(transform, function)} was used after that had ended",
        "return it from the function instead of storing it outside (in a list, an attribute, a global); for "
        "extra results use `has_aux=True`.",
    )


class Recorder:
    """Base of those who follow a trace: for reverse mode, for forward mode, for a staged Program.

    All state of a trace hangs on its recorder and on its tracers, none in a global: threads and contexts cannot meet.
    ``birth`` orders them. Traces nest like calls, so the youngest recorder among some operands is the innermost.
    """

    __slots__ = ("birth", "closed", "function", "refusal", "transform")

    #: Whether its tracers stand for one example of a batch.
    batched = False

    def __init__(self, transform: str, function: Callable[..., Any]) -> None:
        self.birth = _births()
        self.transform = transform
        self.function = function
        self.closed = False
        #: What a tracer refused last: error class, what, fix, place. C code may have swallowed the error.
        self.refusal: Any = None

    @property
    def purpose(self) -> str:
        """What the trace is for, in the words of an error: ``by `grad` of `loss` (model.py:3)``."""
        return purpose_of(self.transform, self.function)

    def run(self, function: Callable[..., Any], args: Sequence[Any]) -> Any:
        """``function(*args)``, after which the trace is over."""
        try:
            return function(*args)
        except Exception as error:
            hidden = refusal_behind(self, error) or self.explain_error(error)
            if hidden is None:
                raise
            raise hidden.with_traceback(error.__traceback__) from None
        finally:
            self.close()

    def explain_error(self, error: Exception) -> Exception | None:  # noqa: ARG002 (for those who override it)
        """An error that says more than one of NumPy's which this trace has caused."""
        return None

    def close(self) -> None:
        """The trace is over: its tracers must not be used any more."""
        self.closed = True

    def process(self, primitive: Primitive, args: tuple[Any, ...], params: Mapping[str, Any]) -> Any:
        """Compute ``primitive`` one level further out, and record it."""
        raise NotImplementedError

    def leaked(self) -> NoReturn:
        """Refuse a value of this trace, which has ended."""
        refuse_leaked(self.transform, self.function)

    def ended(self) -> Callable[..., NoReturn]:
        """What stands in for the recording once the trace has ended.

        It does not hold the recorder, which holds it: what a trace has read is freed with its last user, and need not
        wait for Python's search for cycles.
        """
        return partial(refuse_leaked, self.transform, self.function)

    def unary(self, primitive: Primitive, x: Any) -> Any:
        """:meth:`process` of one operand of this trace, without parameters."""
        return self.process(primitive, (x,), {})

    def binary(self, primitive: Primitive, x: Any, y: Any, traced: int) -> Any:  # noqa: ARG002 (for those who override it)
        """:meth:`process` of two operands, without parameters; the bits of ``traced`` say which are of this trace."""
        return self.process(primitive, (x, y), {})
