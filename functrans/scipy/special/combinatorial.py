"""Quotients of gamma functions: beta functions, binomial coefficients, rising and falling factorials.

Their logarithmic derivatives are differences of the digamma function, which are computed as such: the difference of two
values would cancel where the parameters are large.

Source: NIST Digital Library of Mathematical Functions, 5.2(iii), 5.12 and 5.15.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from scipy import special

from functrans.errors import UncoveredFunctionError
from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.duals import absorb
from functrans.ops.family import broadcast_shapes, elementwise, operand
from functrans.primitives import POSITIVE, Primitive, Rules
from functrans.scipy.covering import covers
from functrans.scipy.special.gamma_family import (
    digamma_difference,
    inverse_power_difference,
    polygamma_of,
    polygamma_reflected,
)
from functrans.scipy.special.ladder import inexact
from functrans.tracing.bind import bind


def _difference_spec(a: ArraySpec, m: ArraySpec, n: int) -> ArraySpec:
    dtype = inexact(np.result_type(a.dtype, m.dtype))
    return ArraySpec(broadcast_shapes("digamma_difference", (a, m)), dtype)


def _slope_in_start(t: Any, out: Any, a: Any, m: Any, n: int) -> Any:
    return absorb(t, _difference(a, m, n + 1))


def _slope_in_step(t: Any, out: Any, a: Any, m: Any, n: int) -> Any:
    return absorb(t, polygamma_of(n + 1, a + m))


_digamma_difference = Primitive(
    "scipy.special.digamma_difference",
    digamma_difference,
    _difference_spec,
    Rules(jvp=[_slope_in_start, _slope_in_step], vjp=[_slope_in_start, _slope_in_step]),
    source=lambda args, params: f"digamma_difference({', '.join(args)}, {params['n']})",
    helpers={f.__name__: f for f in (digamma_difference, inverse_power_difference, polygamma_reflected)},
    batch=batching.elementwise,
)


def _difference(a: Any, m: Any, n: int = 0) -> Any:
    return bind(_digamma_difference, a, m, n=n)


elementwise(
    special.beta,
    [lambda out, a, b: -out * _difference(a, b), lambda out, a, b: -out * _difference(b, a)],
    singular=True,
    domain=POSITIVE,
)
elementwise(
    special.betaln,
    [lambda out, a, b: -_difference(a, b), lambda out, a, b: -_difference(b, a)],
    singular=True,
    domain=POSITIVE,
)
elementwise(
    special.poch,
    [lambda out, z, m: out * _difference(z, m), lambda out, z, m: out * special.psi(z + m)],
    singular=True,
    domain=POSITIVE,
)
elementwise(
    special.binom,
    [
        lambda out, n, k: out * _difference(n - k + 1.0, k),
        lambda out, n, k: out * _difference(k + 1.0, n - 2.0 * k),
    ],
    singular=True,
    domain=((3.0, 6.0), (0.0, 3.0)),
)


def _factorial_of(n: Any, extend: str) -> Any:
    return special.factorial(n) if extend == "zero" else special.factorial(n, extend=extend)  # since SciPy 1.15


def _factorial_source(args: list[str], params: dict[str, Any]) -> str:
    keyword = "" if params["extend"] == "zero" else f", extend={params['extend']!r}"
    return f"scipy.special.factorial({args[0]}{keyword})"


def _factorial_slope(t: Any, out: Any, n: Any, extend: str) -> Any:
    n = n + 1.0
    if extend == "zero":
        n = np.where(n < 1.0, 1.0, n)
        return np.where(out == 0, 0.0, absorb(t, special.gamma(n) * special.psi(n)))
    return absorb(t, special.gamma(n) * special.psi(n))


_factorial = Primitive(
    "scipy.special.factorial",
    _factorial_of,
    lambda n, extend: ArraySpec(n.shape, inexact(n.dtype)),
    Rules(jvp=[_factorial_slope], vjp=[_factorial_slope]),
    source=_factorial_source,
    masks=True,
    batch=batching.elementwise,
)


def _refuse_exact(name: str) -> NoReturn:
    raise UncoveredFunctionError(
        f"`exact=True` of `scipy.special.{name}` on a traced value is not covered: it counts with Python's integers",
        "leave it out, or compute with plain integers.",
    )


@covers(special.factorial)
def factorial(n: Any, exact: bool = False, extend: str = "zero") -> Any:
    """By the gamma function; ``exact=True`` is of plain integers alone."""
    if exact:
        _refuse_exact("factorial")
    return bind(_factorial, operand(n), extend=extend)


@covers(special.comb)
def comb(N: Any, k: Any, *, exact: bool = False, repetition: bool = False) -> Any:  # noqa: N803
    """By the gamma function; ``exact=True`` is of plain integers alone."""
    if exact:
        _refuse_exact("comb")
    n, k = operand(N), operand(k)
    if repetition:
        return np.where((k == 0) & (n >= 0), 1.0, special.binom(n + k - 1, k))
    return np.where((k <= n) & (n >= 0) & (k >= 0), special.binom(n, k), 0.0)


@covers(special.perm)
def perm(N: Any, k: Any, exact: bool = False) -> Any:  # noqa: N803
    """By the gamma function; ``exact=True`` is of plain integers alone."""
    if exact:
        _refuse_exact("perm")
    n, k = operand(N), operand(k)
    return np.where((k <= n) & (n >= 0) & (k >= 0), special.poch(n - k + 1, k), 0.0)
