"""What a law is, and the list of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functrans.primitives import Constant, Primitive
from functrans.testing.case import Case
from functrans.testing.compare import ROUNDINGS, epsilon


class LawBroken(AssertionError):  # noqa: N818
    """A law does not hold: which, where, and by how much."""

    def __init__(self, law: Law, case: Case, finding: str) -> None:
        super().__init__(f"{case.name} breaks the law {law.name}: {law.equation}\n  {finding}\n  case: {case!r}")
        self.law, self.case, self.finding = law, case, finding


class Law:
    """A law and what it is about: called with a case, it raises :class:`LawBroken` or nothing."""

    def __init__(
        self, check: Callable[[Case], None], order: int, anywhere: bool, primitives_only: bool, staged: bool
    ) -> None:
        self.check = check
        self.name = check.__name__
        self.__doc__ = check.__doc__
        #: The first line of the docstring.
        self.equation = (check.__doc__ or "").partition("\n")[0]
        #: How often it differentiates.
        self.order = order
        #: Whether it holds also at kinks, at the ends of the domain, at infinities and NaN.
        self.anywhere = anywhere
        #: Whether it is about declarations, not about functions.
        self.primitives_only = primitives_only
        #: Whether it is about programs, so about functions that can be staged, which have no ``if`` on a value.
        self.staged = staged

    def __call__(self, case: Case) -> None:
        try:
            with np.errstate(all="ignore"):
                self.check(case)
        except LawBroken:
            raise
        except AssertionError as broken:
            raise LawBroken(self, case, str(broken)) from broken

    def applies_to(self, subject: Any) -> bool:
        """Whether the law says something about a primitive, or about a function."""
        if not isinstance(subject, Primitive):
            return not self.primitives_only
        return self.order == 0 or not (subject.derivative is None or isinstance(subject.derivative, Constant))

    def __repr__(self) -> str:
        return f"<law {self.name}: {self.equation}>"


#: Every law, in the order of declaration.
LAWS: list[Law] = []


def law(
    *, order: int, anywhere: bool = False, primitives_only: bool = False, staged: bool = False
) -> Callable[[Callable[[Case], None]], Law]:
    """Declare a law; see :class:`Law`."""

    def declare(check: Callable[[Case], None]) -> Law:
        made = Law(check, order, anywhere, primitives_only, staged)
        LAWS.append(made)
        return made

    return declare


def rounding(case: Case) -> float:
    """The relative error that a case's dtypes excuse."""
    return ROUNDINGS * epsilon(case.value(), case.point)
