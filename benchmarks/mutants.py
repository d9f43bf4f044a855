"""What a mutant is: a wrong derivative, planted for a while.

Those of :mod:`rule_mutants` are wrapped around rules, those of :mod:`source_mutants` written into their code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import functrans as ft
from functrans.ir.spec import ArraySpec
from functrans.primitives import (
    Primitive,
    primitives,
)
from functrans.tracing.tracer import Tracer

ROOT = Path(__file__).resolve().parent.parent


class Mutant(NamedTuple):
    """A wrong derivative: planted while ``plant()`` is entered.

    ``primitives`` are those whose rules it changes, ``place`` is ``file:line``. ``touched`` is set to true when it
    changes a number; None: it cannot tell. What never changes one has no place in the cases.
    """

    kind: str
    primitives: tuple[Primitive, ...]
    place: str
    change: str
    plant: Callable[[], AbstractContextManager[Any]]
    touched: list[bool] | None = None

    @property
    def key(self) -> str:
        """What it is, for the list of those that are explained: without a line, which moves."""
        return f"{self.place.partition(':')[0]} {self.kind}: {self.change}"


def place_of(rule: Any, primitive: Primitive) -> str:
    """``functrans/ops/arithmetic.py:22``."""
    while hasattr(rule, "__wrapped__"):
        rule = rule.__wrapped__
    code = getattr(rule, "__code__", None) or getattr(primitive.spec, "__code__", None)
    if code is None:
        return primitive.name
    path = Path(code.co_filename)
    return f"{path.relative_to(ROOT) if path.is_relative_to(ROOT) else path.name}:{code.co_firstlineno}"


@contextmanager
def replaced(primitive: Primitive, attribute: str, value: Any) -> Iterator[None]:
    """Another attribute for a while; what traces keep for the rules is found anew."""
    before = getattr(primitive, attribute)
    setattr(primitive, attribute, value)
    primitive.residuals.clear()
    try:
        yield
    finally:
        setattr(primitive, attribute, before)
        primitive.residuals.clear()


# What they have in common.


def noticed(new: Any, old: Any, touched: list[bool]) -> Any:
    """``new``; it is noted whether it is something else (the trace of a value that is staged alone does not count)."""
    touched[0] = touched[0] or (new is not old and (type(old) is not Tracer or is_live(old)))
    return new


def stopped(value: Any) -> Any:
    """A traced value without its trace."""
    return ft.stop_gradient(value) if type(value) is Tracer else value


def is_live(value: Any) -> bool:
    """Whether a value carries a derivative: one that is only being staged need not."""
    return type(value) is Tracer and not isinstance(value.value, ArraySpec)


def other_axis(axis: Any, ndim: int) -> Any:
    """Another axis, or other axes, than those."""
    match axis:
        case bool() | None:
            return axis
        case int():
            return (axis + 1) % max(ndim, 1)
        case tuple():
            return tuple(other_axis(a, ndim) for a in axis)
        case _:
            return axis


def clear_residuals() -> None:
    """Let every primitive find anew what its rules read."""
    for primitive in primitives():
        primitive.residuals.clear()
