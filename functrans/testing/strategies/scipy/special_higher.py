"""Recipes for the higher functions of ``scipy.special``: those of Bessel and Airy, elliptic ones, integrals."""

from __future__ import annotations

from typing import Any

import numpy as np

import functrans.scipy.special  # noqa: F401  (declares the primitives)
from functrans.primitives import Domain
from functrans.testing.strategies.entries import Draw
from functrans.testing.strategies.operands import FLOATS, INEXACT, register

_SHAPES: dict[int, list[tuple[Any, ...]]] = {
    1: [((3,),), ((),), ((2, 2),), ((0,),)],
    2: [((3,), (3,)), ((), (3,)), ((), ()), ((2, 1), (3,)), ((0,), (1,))],
    3: [((2,), (2,), (2,)), ((3,), (), (2, 1)), ((), (), ()), ((0,), (1,), ())],
    4: [((2,), (2,), (2,), (2,)), ((), (2, 1), (), (2,)), ((), (), (), ())],
    5: [((2,), (2,), (2,), (2,), (2,)), ((), (), (2,), (2, 1), ())],
}


def recipe(name: str, *domains: Domain, dtypes: tuple[str, ...] = FLOATS, orders: int = 0, **params: Any) -> None:
    """A function that is elementwise: the first ``orders`` operands are real, the last may be complex.

    ``params`` gives, by name, the values that a parameter is chosen from.
    """

    def made(draw: Draw) -> tuple[list[Any], dict[str, Any]]:
        draw.dtype = draw.choice(dtypes)
        real = np.zeros(0, draw.dtype).real.dtype
        shapes = draw.choice(_SHAPES[len(domains)])
        args = [
            # SciPy needs time and memory for orders that are huge.
            draw.inside()(shape, domain, i, real) if i < orders else draw(shape, domain, i)
            for i, (shape, domain) in enumerate(zip(shapes, domains, strict=True))
        ]
        return args, {key: draw.choice(values) for key, values in params.items()}

    register(f"scipy.special.{name}", made)


_ORDER = (0.2, 4.2)
recipe("kve_derivative", _ORDER, (0.3, 60.0), dtypes=INEXACT, orders=1, n=[1, 2])
recipe("ive_derivative", _ORDER, (0.3, 60.0), n=[1, 2])


def numbered(
    name: str, *domains: Domain, first: int = 0, dtypes: tuple[str, ...] = ("float64",), **params: Any
) -> None:
    """A function of an integer and of numbers; the integer is at least ``first``."""

    def made(draw: Draw) -> tuple[list[Any], dict[str, Any]]:
        draw.dtype = draw.choice(dtypes)
        shapes = draw.choice(_SHAPES[len(domains) + 1])
        n = draw.inside()(shapes[0], (first - 1.0, first + 4.0), dtype="int64")  # SciPy counts up to it
        args = [draw(shape, domain, i) for i, (shape, domain) in enumerate(zip(shapes[1:], domains, strict=True))]
        return [n, *args], {key: draw.choice(values) for key, values in params.items()}

    register(f"scipy.special.{name}", made)


numbered("yn", (0.3, 9.0))
numbered("kn", (0.3, 9.0))
_BOTH = [False, True]
for _letter in "jyik":
    numbered(f"spherical_{_letter}n", (0.3, 6.0), dtypes=INEXACT, derivative=_BOTH)
for _name in ("kelvin", "itj0y0", "iti0k0"):
    recipe(_name, (0.3, 6.0))
recipe("airy", (-4.0, 4.0), dtypes=INEXACT)
recipe("airye", (0.1, 9.0))
recipe("itairy", (-0.005, 0.005))  # elsewhere the values of SciPy have six digits
numbered("expn", (0.3, 6.0))
numbered("exponential_integral", (0.3, 6.0), first=-2)
recipe("sici", (0.3, 6.0), dtypes=INEXACT)
recipe("shichi", (0.3, 4.0), dtypes=INEXACT)
recipe("log1p_ratio", (-0.4, 0.4), n=[1, 0, 2])
for _name in ("pbdv", "pbvv", "pbwa"):
    recipe(_name, (0.2, 2.2), (0.3, 3.0), orders=1)


def _lambertw(draw: Draw) -> tuple[list[Any], dict[str, Any]]:
    draw.dtype = draw.choice(INEXACT)
    return [draw(draw.choice([(3,), (), (2, 2), (0,)]), (0.1, 6.0)), draw.choice([0, -1, 1])], {"tol": 1e-8}


register("scipy.special.lambertw", _lambertw)
recipe("ellipj", (-3.0, 3.0), (0.1, 0.9))
recipe("carlson_integral", (0.1, 6.0), (0.1, 6.0), (0.1, 6.0), powers=[(0.5, 1.5, 1.5), (2.5, 0.5, 0.5)], weight=[0.0])
for _name in ("legendre", "chebyt", "chebyu", "chebyc", "chebys", "hermite", "hermitenorm", "laguerre"):
    numbered(f"eval_{_name}", (-1.2, 1.2))
for _name in ("genlaguerre", "gegenbauer"):
    numbered(f"eval_{_name}", (0.2, 2.0), (-1.2, 1.2))
for _name in ("jacobi", "sh_jacobi"):
    numbered(f"eval_{_name}", (1.6, 3.0), (0.2, 2.0), (0.1, 1.2))
for _name in ("sh_legendre", "sh_chebyt", "sh_chebyu"):
    numbered(f"eval_{_name}", (-0.2, 1.2))
recipe("hyp0f1", (0.3, 3.0), (-4.0, 4.0), dtypes=INEXACT, orders=1)
recipe("hyp2f1", (0.3, 3.0), (0.3, 3.0), (0.3, 3.0), (-0.8, 0.8), dtypes=INEXACT, orders=3)
