"""Recipes for the primitives of ``scipy.special`` that are not elementwise, or whose operands are special."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from scipy import special

import functrans.scipy.special as covered
from functrans.primitives import POSITIVE, Domain
from functrans.testing.strategies.entries import Draw
from functrans.testing.strategies.operands import FLOATS, INEXACT, calls, register
from functrans.testing.strategies.scipy import special_distributions as _special_distributions  # noqa: F401
from functrans.testing.strategies.scipy import special_higher as _special_higher  # noqa: F401

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


def _polygamma(draw: Draw) -> tuple[list[Any], dict[str, Any]]:
    draw.dtype = draw.choice(("float64", "float32"))
    return [draw.choice([1, 0, 2]), draw(draw.choice(SHAPES), (0.5, 6.0))], {}


def _reflected(draw: Draw) -> tuple[list[Any], dict[str, Any]]:
    draw.dtype = draw.choice(INEXACT)
    return [draw.choice([1, 2]), draw(draw.choice(SHAPES), draw.choice([(0.5, 6.0), (-2.9, -2.1)]))], {}


register("scipy.special.polygamma", _polygamma)
register("scipy.special.polygamma_reflected", _reflected)


def _digamma_difference(draw: Draw) -> tuple[list[Any], dict[str, Any]]:
    draw.dtype = draw.choice(("float64", "float32"))
    shapes = draw.choice([((3,), (3,)), ((), ()), ((2, 1), (3,)), ((0,), (1,))])
    start = draw.choice([(0.5, 6.0), (-2.9, -2.1)])
    return [draw(shapes[0], start), draw(shapes[1], (0.1, 0.8), place=1)], {"n": draw.choice([0, 1])}


register("scipy.special.digamma_difference", _digamma_difference)
register("scipy.special.riemann_zeta", lambda draw: ([draw((3,), (1.5, 6.0), dtype="float64")], {}))
register(
    "scipy.special.zeta",
    lambda draw: ([draw((3,), (1.5, 6.0), dtype="float64"), draw((), (0.5, 6.0), 1, "float64")], {}),
)
register(
    "scipy.special.factorial",
    lambda draw: ([draw(draw.choice(SHAPES), dtype="float64")], {"extend": draw.choice(["zero", "complex"])}),
)

ladder("exprel_derivative", (-20.0, 20.0), FLOATS)
ladder("log1p_quotient", (-0.8, 6.0), FLOATS)
register(
    "scipy.special.diric",
    lambda draw: ([draw(draw.choice(SHAPES), (-8.0, 8.0), dtype="float64"), draw.choice([3, 4, 1])], {}),
)


def sums(name: str, *operands: Any, signed: bool = False) -> None:
    """Calls of ``logsumexp``, with and without weights."""

    def called(**keywords: Any) -> Any:
        def f(a: Any, b: Any = None) -> Any:
            return covered.logsumexp(a, b=b, return_sign=signed, **keywords)

        return f

    calls(
        f"scipy.special.{name}",
        (called(), *[shape[0] for shape in operands]),
        (called(axis=1), *[shape[1] for shape in operands]),
        (called(axis=(0, 2), keepdims=True), *[shape[2] for shape in operands]),
        (called(axis=-2), *[shape[3] for shape in operands]),
    )


def _positive(shape: tuple[int, ...], draw: Draw) -> Any:
    return draw(shape, POSITIVE, place=1)


_SUMMED = ((3,), (2, 3), (2, 2, 2), (3, 2))
sums("logsumexp", _SUMMED)
sums("logsumexp_weighted", _SUMMED, [partial(_positive, shape) for shape in ((3,), (3,), (2, 1, 2), (3, 2))])
sums("logsumexp_signed", _SUMMED, signed=True)
sums("logsumexp_weighted_signed", _SUMMED, ((3,), (2, 3), (2,), (3, 1)), signed=True)
_SOFTMAX = [(covered.softmax, (3,)), (lambda x: covered.softmax(x, axis=-2), (3, 2)), (covered.softmax, ())]
calls("scipy.special.softmax", *_SOFTMAX)
_LOG = covered.log_softmax
_LOG_SOFTMAX = [(_LOG, (3,)), (lambda x: _LOG(x, axis=1), (2, 3)), (lambda x: _LOG(x, axis=(0, 2)), (2, 2, 2))]
calls("scipy.special.log_softmax", *_LOG_SOFTMAX)
register("scipy.special.exponential_parts", lambda draw: ([draw((2, 3))], {"axis": draw.choice([(1,), (0, 1)])}))

calls(
    "scipy.special.sph_harm_y",
    (lambda t, p: covered.sph_harm_y(np.array([2, 3]), np.array([1, -2]), t, p), (2,), (2,)),
    (lambda t, p: covered.sph_harm_y(2, 0, t, p), (2, 2), ()),
    dtypes=("float64",),
)
