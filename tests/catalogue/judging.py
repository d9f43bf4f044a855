"""What the laws say about a function's calls, as the marks of a row of the table in ``docs/coverage.md``."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

import functrans as ft
from functrans.errors import TracedValueError
from functrans.testing import Case, laws
from functrans.testing.assertion import verdict
from functrans.testing.compare import leaves
from functrans.testing.law import Law
from functrans.testing.numerical import Undecided
from tests.catalogue.draws import drawn

YES, ZERO, VALUES = "✓", "0", "values"

#: The columns of the table, and the laws that say so.
COLUMNS: dict[str, tuple[Law, ...]] = {
    "forward": (laws.live_values_are_numpys, laws.jvp_is_the_numerical_derivative),
    "reverse": (laws.forward_and_reverse_are_adjoint, laws.derivatives_have_the_specs_of_their_primals),
    "second": (laws.second_derivative_is_the_numerical_one,),
    "staged": (laws.staging_changes_nothing, laws.staged_derivatives_are_the_live_ones),
    "batched": (laws.batched_is_stacked, laws.batched_derivatives_are_stacked),
}


def cases(name: str, made: list[tuple[Any, ...]]) -> list[Case]:
    """A case for each call."""
    return [Case(call[0], drawn(call[1:], seed), seed=seed, name=name) for seed, call in enumerate(made)]


def row(cases: list[Case]) -> list[str]:
    """The marks of a function, one for each column: how it does at all cases.

    Raises:
        LawBroken: a derivative is wrong.
        Exception: whatever a call raises.
    """
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for laws_of_column in COLUMNS.values():
            marks = [_mark(law, cases) for law in laws_of_column]
            found.append(VALUES if VALUES in marks else YES)
        if all(_is_constant(case) for case in cases):
            found[:3] = [ZERO] * 3
    return found


def _mark(law: Law, cases: list[Case]) -> str:
    judged, mark = 0, YES
    for case in cases:
        try:
            error = verdict(law, case)
        except Undecided:
            continue
        judged += 1
        if isinstance(error, TracedValueError) and law.staged:
            mark = VALUES
        elif error is not None:
            raise error
    if not judged:
        raise AssertionError(f"{cases[0].name}: {law.name} could be judged at none of its calls")
    return mark


def _is_constant(case: Case) -> bool:
    with np.errstate(all="ignore"):
        tangent = ft.jvp(case.f, case.point, case.tangent())[1]
    return not any(np.any(leaf) for leaf in leaves(tangent) if np.asarray(leaf).dtype.kind in "fc")
