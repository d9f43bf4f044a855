"""Recipes for the primitives of ``scipy.special`` that are not elementwise, or whose operands are special."""

from __future__ import annotations

from typing import Any

from scipy import special

from functrans.primitive import Domain
from functrans.testing.strategies.entries import Draw
from functrans.testing.strategies.operands import INEXACT, calls, register

SHAPES: tuple[tuple[int, ...], ...] = ((3,), (), (2, 2), (0,))


def ladder(name: str, domain: Domain, dtypes: tuple[str, ...] = INEXACT) -> None:
    """A family of functions ``f(x, n)``."""

    def recipe(draw: Draw) -> tuple[list[Any], dict[str, Any]]:
        draw.dtype = draw.choice(dtypes)
        return [draw(draw.choice(SHAPES), domain)], {"n": draw.choice([1, 2, 3])}

    register(f"scipy.special.{name}", recipe)


ladder("erfcx_moment", (-2.0, 6.0))
ladder("truncated_moment", (-6.0, 3.0))
ladder("dawson_derivative", (-5.0, 5.0))
calls("scipy.special.fresnel", *[(special.fresnel, shape) for shape in SHAPES])
