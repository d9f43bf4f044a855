"""Recipes for the distribution functions of ``scipy.special``, and their derivatives in parameters.

Arguments between 0 and 1 cannot be integers, and counts must be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import special

from functrans.primitives import POSITIVE, REAL, Domain
from functrans.testing.strategies.entries import Draw
from functrans.testing.strategies.operands import FLOATS, register

Operands = tuple[list[Any], dict[str, Any]]
UNIT = (0.0, 1.0)
COUNTS = (0.0, 4.0)
_SHAPES = (
    ((3,), (3,), (2, 1), ()),
    ((), (3,), (), ()),
    ((), (), (), ()),
    ((2,), (2,), (2,), (2,)),
    ((0,), (1,), (), ()),
)


def fractions(name: str, *domains: Domain, counts: int = 0, tame: bool = False, **params: Sequence[Any]) -> None:
    """An elementwise function of floating numbers, the first ``counts`` of which are counted; choices of parameters.

    ``tame``: at the huge and the tiny SciPy does not come to an end.
    """

    def recipe(draw: Draw) -> Operands:
        draw = draw.inside() if tame else draw
        draw.dtype = draw.choice(FLOATS)
        shapes = draw.choice(_SHAPES)[: len(domains)]
        args = []
        for place, (shape, domain) in enumerate(zip(shapes, domains, strict=True)):
            if place < counts:
                args.append(draw(shape, COUNTS, place, "int64") + (4 if place else 0))
            else:
                args.append(draw(shape, domain, place))
        if not counts and np.ndim(args[0]) == 0 and draw.choice((False, True)):
            args[0] = args[0].item()
        return args, {key: draw.choice(choices) for key, choices in params.items()}

    if hasattr(special, name) or params:
        register(f"scipy.special.{name}", recipe)


for _name in ("gammaincinv", "gammainccinv", "chdtri"):
    fractions(_name, POSITIVE, UNIT)
fractions("chdtriv", UNIT, POSITIVE)
for _name in ("betainc", "betaincc", "betaincinv", "betainccinv", "gdtrix", "fdtri"):
    fractions(_name, POSITIVE, POSITIVE, UNIT)
for _name in ("gdtria", "btdtria"):
    fractions(_name, UNIT, POSITIVE, UNIT)
for _name in ("gdtrib", "btdtrib"):
    fractions(_name, POSITIVE, UNIT, UNIT)
for _name in ("pdtr", "pdtrc"):
    fractions(_name, COUNTS, POSITIVE, counts=1)
fractions("pdtri", COUNTS, UNIT, counts=1)
for _name in ("bdtr", "bdtrc", "bdtri", "nbdtr", "nbdtrc", "nbdtri"):
    fractions(_name, COUNTS, COUNTS, UNIT, counts=2)
fractions("gammainc_derivative", POSITIVE, POSITIVE, orders=[(1, 0), (0, 1), (2, 0), (1, 1), (0, 2), (0, 3)])
fractions(
    "betainc_derivative",
    *(POSITIVE, POSITIVE, UNIT),
    orders=[(1, 0, 0), (0, 1, 0), (0, 0, 1), (2, 0, 0), (1, 1, 0), (0, 2, 0), (1, 0, 1), (0, 1, 2), (0, 0, 3)],
)
fractions("stdtrit", POSITIVE, UNIT)
fractions("stdtr_derivative", POSITIVE, REAL, orders=[(1, 0), (0, 1), (2, 0), (1, 1), (0, 2), (0, 3)])
fractions("kolmogi", UNIT)
for _name in ("smirnov", "smirnovi"):
    fractions(_name, COUNTS, UNIT, counts=1)
fractions("smirnov_derivative", COUNTS, UNIT, counts=1, order=[1, 2])
fractions("kolmogorov_derivative", (0.2, 2.0), n=[1, 2, 3])
fractions("nrdtrimn", UNIT, POSITIVE, REAL)
fractions("nrdtrisd", REAL, (0.55, 0.95), REAL)
fractions("chndtr", POSITIVE, POSITIVE, POSITIVE, tame=True)
fractions("nctdtr", POSITIVE, REAL, REAL, tame=True)
fractions("ncfdtr", POSITIVE, POSITIVE, POSITIVE, POSITIVE, tame=True)
