"""Each law is checked for every primitive, by name."""

from __future__ import annotations

import pytest

import functrans.ops  # noqa: F401  (declares the primitives)
import tests.laws.operands  # noqa: F401  (tells the strategies of primitives that are not elementwise)
from functrans.primitive import Constant, primitives
from tests.strategies import has_operands


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "primitive" in metafunc.fixturenames:
        known = [p for p in primitives() if has_operands(p)]
        metafunc.parametrize("primitive", known, ids=lambda p: p.name)
    if "smooth" in metafunc.fixturenames:
        known = [
            p
            for p in primitives()
            if has_operands(p) and not (p.derivative is None or isinstance(p.derivative, Constant))
        ]
        metafunc.parametrize("smooth", known, ids=lambda p: p.name)
