"""Orthogonal polynomials: derivatives are other such polynomials, also at the ends of the interval.

There is no rule for the degree, nor for parameters: differentiating in them is an error that says so.

Source: NIST Digital Library of Mathematical Functions, 18.9 (iii).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from functrans.ops.family import elementwise
from functrans.primitives import Rule
from functrans.scipy.special.several import exactly

Function = Callable[..., Any]


def _lowered(f: Callable[..., Any]) -> Rule:
    """``f(n, n - 1, *others)``, but 0 where ``n`` is 0."""

    def rule(out: Any, n: Any, *others: Any) -> Any:
        n = exactly(n, *others)
        constant = n == 0
        degree = np.where(constant, 1, n)
        return np.where(constant, 0.0, f(degree, degree - 1, *others))

    return rule


def _declare(ufunc: np.ufunc, derivatives: list[Rule | None]) -> None:
    elementwise(ufunc, derivatives, singular=True, masks=True)  # a constant has the derivative 0, beside others


def _reflected(center: float, f: Function) -> Function:
    """For degrees below zero: ``P(-1 - n)`` is ``P(n)``, and ``U(-2 - n)`` is ``-U(n)``."""

    def rule(out: Any, n: Any, *others: Any) -> Any:
        n = exactly(n, *others)
        below = n < center / 2
        sign = np.where(below, 1.0 if center == -1 else -1.0, 1.0)
        degree = np.where(below, center - n if np.result_type(n).kind == "f" else int(center) - n, n)
        return sign * f(out, degree, *others)

    return rule


_lowered_legendre = _lowered(lambda n, below, x: special.eval_gegenbauer(below, 1.5, x))
_lowered_second = _lowered(lambda n, below, x: 2.0 * special.eval_gegenbauer(below, 2.0, x))
_legendre, _second = _reflected(-1.0, _lowered_legendre), _reflected(-2.0, _lowered_second)

_declare(special.eval_legendre, [None, _legendre])
_declare(special.eval_chebyt, [None, _lowered(lambda n, below, x: n * special.eval_chebyu(below, x))])
_declare(special.eval_chebyu, [None, _second])
_declare(special.eval_chebyc, [None, _lowered(lambda n, below, x: n * special.eval_chebys(below, x))])
_declare(special.eval_chebys, [None, lambda out, n, x: 0.5 * _second(out, n, 0.5 * x)])
_declare(special.eval_hermite, [None, _lowered(lambda n, below, x: 2.0 * n * special.eval_hermite(below, x))])
_declare(special.eval_hermitenorm, [None, _lowered(lambda n, below, x: n * special.eval_hermitenorm(below, x))])
_declare(special.eval_laguerre, [None, _lowered(lambda n, below, x: -special.eval_genlaguerre(below, 1.0, x))])
_declare(
    special.eval_genlaguerre,
    [
        None,
        None,
        _lowered(lambda n, below, alpha, x: -special.eval_genlaguerre(below, exactly(alpha, n, x) + 1, x)),
    ],
)


def _gegenbauer(n: Any, below: Any, alpha: Any, x: Any) -> Any:
    alpha = exactly(alpha, n, x)
    return 2.0 * alpha * special.eval_gegenbauer(below, alpha + 1, x)


def _jacobi(n: Any, below: Any, alpha: Any, beta: Any, x: Any) -> Any:
    alpha, beta = exactly(alpha, n, beta, x), exactly(beta, n, alpha, x)
    return 0.5 * (n + alpha + beta + 1) * special.eval_jacobi(below, alpha + 1, beta + 1, x)


def _shifted_jacobi(n: Any, below: Any, p: Any, q: Any, x: Any) -> Any:
    return n * special.eval_sh_jacobi(below, exactly(p, n, q, x) + 2, exactly(q, n, p, x) + 1, x)


_declare(special.eval_gegenbauer, [None, None, _lowered(_gegenbauer)])
_declare(special.eval_jacobi, [None, None, None, _lowered(_jacobi)])
_declare(special.eval_sh_jacobi, [None, None, None, _lowered(_shifted_jacobi)])

# On the interval from 0 to 1.

_declare(special.eval_sh_legendre, [None, lambda out, n, x: 2.0 * _legendre(out, n, 2.0 * x - 1.0)])
_declare(
    special.eval_sh_chebyt,
    [None, _lowered(lambda n, below, x: 2.0 * n * special.eval_chebyu(below, 2.0 * x - 1.0))],
)
_declare(special.eval_sh_chebyu, [None, lambda out, n, x: 2.0 * _second(out, n, 2.0 * x - 1.0)])
