"""Every law, on every primitive, the moment it is declared."""

from __future__ import annotations

import pytest

from functrans.primitive import primitives
from functrans.testing.assertion import assert_law
from functrans.testing.laws import LAWS, Law
from functrans.testing.strategies import cases
from functrans.testing.strategies.operands import has_operands


def pairs(laws: list[Law]) -> list[object]:
    return [
        pytest.param(law, primitive, id=f"{law.name}-{primitive.name}")
        for law in laws
        for primitive in primitives()
        if has_operands(primitive) and law.applies_to(primitive)
    ]


@pytest.mark.parametrize(("law", "primitive"), pairs(LAWS))
def test_law(law, primitive):
    assert_law(law, cases(primitive), of=primitive.name)


@pytest.mark.parametrize(("law", "primitive"), pairs([law for law in LAWS if law.anywhere]))
def test_law_at_edges(law, primitive):
    assert_law(law, cases(primitive, edges=True), of=primitive.name)
