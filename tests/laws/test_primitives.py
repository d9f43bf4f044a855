"""Every law, on every primitive, the moment it is declared.

On cases that are spread over every call, shape and dtype that the recipes know, the same each time; with
``--hypothesis-profile=thorough``, on cases that hypothesis draws.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec

import pytest
from hypothesis import settings

import functrans.scipy
from functrans.primitives import Primitive, primitives
from functrans.testing.assertion import assert_law
from functrans.testing.case import Case
from functrans.testing.laws import LAWS, Law
from functrans.testing.strategies import cases
from functrans.testing.strategies.operands import has_operands
from functrans.testing.strategies.spread import spread

#: How many cases, smooth ones and at edges. SciPy's functions are many, and slow: those of one number get all, those of
#: matrices and transforms, which have the most options, some, unless they are the slowest.
EVERY, SOME, FEW = (12, 8), (6, 3), (3, 3)
OPTIONS, SLOW = ("scipy.fft.", "scipy.linalg."), ("frechet", "logm", "power", "_are")

if find_spec("scipy"):
    for name in functrans.scipy.SUBMODULES:
        import_module(f"functrans.scipy.{name}")


def pairs(laws: list[Law]) -> list[object]:
    return [
        pytest.param(law, primitive, id=f"{law.name}-{primitive.name}")
        for law in laws
        for primitive in primitives()
        if has_operands(primitive) and law.applies_to(primitive)
    ]


def counts(primitive: Primitive) -> tuple[int, int]:
    if not primitive.name.startswith("scipy.") or len(primitive.domain) == 1:
        return EVERY
    slow = any(part in primitive.name for part in SLOW)
    return SOME if primitive.name.startswith(OPTIONS) and not slow else FEW


@cache
def spread_cases(primitive: Primitive, edges: bool) -> list[Case]:
    return spread(primitive, counts(primitive)[edges], edges=edges)


def check(law: Law, primitive: Primitive, edges: bool) -> None:
    if settings.default.max_examples > 100:
        assert_law(law, cases(primitive, edges=edges), of=primitive.name)
    else:
        assert_law(law, spread_cases(primitive, edges))


@pytest.mark.parametrize(("law", "primitive"), pairs(LAWS))
def test_law(law, primitive):
    check(law, primitive, edges=False)


@pytest.mark.parametrize(("law", "primitive"), pairs([law for law in LAWS if law.anywhere]))
def test_law_at_edges(law, primitive):
    check(law, primitive, edges=True)
