"""``assert_laws``: every law, for one primitive or function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from functrans.primitive import Primitive
from functrans.testing.case import Case
from functrans.testing.laws import LAWS, Law, LawBroken
from functrans.testing.numerical import Undecided
from functrans.testing.strategies import cases


def assert_laws(
    subject: Primitive | Callable[..., Any],
    at: st.SearchStrategy[Case] | Iterable[Case] | None = None,
    *,
    laws: Sequence[Law] | None = None,
    max_examples: int | None = None,
) -> None:
    """Check that a primitive, or a function, obeys the laws.

    Args:
        subject: a primitive, or a function of arrays.
        at: where: cases, or a hypothesis strategy of them. An elementwise primitive that declares its ``domain``, and
            one whose operands are known (:func:`functrans.testing.strategies.operands`), needs none.
        laws: which; all of :data:`functrans.testing.laws.LAWS` that say something about the subject, by default.
        max_examples: how many cases for each law; a sixth of what the hypothesis profile says, by default.

    Raises:
        LawBroken: a law does not hold; it names the law, both numbers and the smallest case found.

    Example:
        >>> import numpy as np
        >>> from functrans.primitive import lookup
        >>> from functrans.testing import Case, assert_laws
        >>> assert_laws(lookup("tanh"), max_examples=2)
        >>> f = lambda x: np.sum(x * np.sin(x))
        >>> assert_laws(f, [Case(f, (np.array([0.5, 2.0]),))])
    """
    smooth: Any = at
    anywhere: Any = at
    if at is None:
        smooth, anywhere = cases(subject), cases(subject, edges=True)
    elif not isinstance(at, st.SearchStrategy):
        smooth = anywhere = st.sampled_from(list(at))
    for law in LAWS if laws is None else laws:
        if law.applies_to(subject):
            assert_law(law, smooth, max_examples)
            if law.anywhere and anywhere is not smooth:
                assert_law(law, anywhere, max_examples)


def assert_law(law: Law, at: st.SearchStrategy[Case], max_examples: int | None = None) -> None:
    """One law, at cases drawn from a strategy."""
    count = max_examples or max(4, settings.default.max_examples // 6)  # type: ignore[union-attr]

    @settings(max_examples=count, report_multiple_bugs=False)
    @given(at.filter(lambda case: bool(case.moving)) if law.order else at)
    def check(case: Case) -> None:
        try:
            case.value()
        except np.linalg.LinAlgError:  # NumPy refuses it too
            reject()
        try:
            law(case)
        except Undecided:
            reject()

    check.__name__ = law.name
    check()


__all__ = ["LawBroken", "assert_law", "assert_laws"]
