"""Statistical distribution functions which are incomplete gamma and beta functions of something, and their inverses.

Binomial, negative binomial, Poisson, gamma, chi-square, F, beta. Numbers of trials and of successes are counted: there
is no derivative in them. An inverse function's derivatives are those of the function, solved for what it gives.

Source: NIST Digital Library of Mathematical Functions, 8.4, 8.17 and 8.23.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import special

from functrans.ir.spec import ArraySpec
from functrans.ops.family import elementwise
from functrans.primitives import POSITIVE, Domain, Rule
from functrans.scipy.special import incomplete_beta as beta
from functrans.scipy.special import incomplete_gamma as gamma
from functrans.scipy.special.ladder import both_tails

_UNIT: Domain = (0.0, 1.0)
_THREE: Sequence[Domain] = (POSITIVE, POSITIVE, POSITIVE)

Slope = Callable[..., Any]


def solved(name: str, unknown: Slope, others: Sequence[Slope | float | None], domain: Any, settled: Any = None) -> None:
    """Declare the function that solves ``F(...) = p`` for one argument, by the slopes of ``F``.

    Args:
        name: of SciPy's function.
        unknown: the slope of ``F`` in what is solved for, a function of the solution and all operands.
        others: that in each operand; 1.0 stands for ``p``, None for an operand that is counted.
        domain: of the operands.
        settled: the derivatives in the other operands from the solution and their formula, which may say 0 / 0 at ends.
    """

    def rule(slope: Slope | float | None) -> Rule | None:
        if slope is None:
            return None
        if not callable(slope):
            return lambda out, *operands: 1.0 / unknown(out, *operands)
        settle = settled or (lambda out, found: found)
        return lambda out, *operands: settle(out, -slope(out, *operands) / unknown(out, *operands))

    if hasattr(special, name):
        elementwise(getattr(special, name), [rule(slope) for slope in others], singular=True, domain=domain)


def promoted(*operands: Any) -> Any:
    """Operands of several dtypes in double precision, as SciPy takes them."""
    if len({ArraySpec.of(x).dtype for x in operands}) == 1:
        return operands
    return [x * np.ones((), np.float64) for x in operands]


def _half_line(out: Any, found: Any) -> Any:
    return np.where((out == 0) | (out == np.inf), out, found)  # it stays there, or moves infinitely fast


# Of the incomplete gamma function.

both_tails(
    special.chdtr,
    special.chdtrc,
    [lambda out, v, x: 0.5 * gamma.in_a(0.5 * v, 0.5 * x), lambda out, v, x: 0.5 * gamma.density(0.5 * v, 0.5 * x)],
    POSITIVE,
)
solved(
    "chdtri",
    lambda out, v, p: -0.5 * gamma.density(0.5 * v, 0.5 * out),
    [lambda out, v, p: -0.5 * gamma.in_a(0.5 * v, 0.5 * out), 1.0],
    (POSITIVE, _UNIT),
    _half_line,
)
solved(
    "chdtriv",
    lambda out, p, x: 0.5 * gamma.in_a(0.5 * out, 0.5 * x),
    [1.0, lambda out, p, x: 0.5 * gamma.density(0.5 * out, 0.5 * x)],
    (_UNIT, POSITIVE),
)


def _in_rate(a: Any, b: Any, x: Any) -> Any:
    a, b, x = promoted(a, b, x)
    a, b, x = promoted(a, b, x)
    return np.divide(b, a) * gamma.density(b + 1.0, a * x)  # x times the density, which may be infinite at 0


def _in_shape(a: Any, b: Any, x: Any) -> Any:
    a, b, x = promoted(a, b, x)
    return gamma.in_a(b, a * x)


def _gamma_density(a: Any, b: Any, x: Any) -> Any:
    a, b, x = promoted(a, b, x)
    return a * gamma.density(b, a * x)


both_tails(
    special.gdtr,
    special.gdtrc,
    [
        lambda out, a, b, x: _in_rate(a, b, x),
        lambda out, a, b, x: _in_shape(a, b, x),
        lambda out, a, b, x: _gamma_density(a, b, x),
    ],
    _THREE,
)
solved(
    "gdtrix",
    lambda out, a, b, p: _gamma_density(a, b, out),
    [lambda out, a, b, p: _in_rate(a, b, out), lambda out, a, b, p: _in_shape(a, b, out), 1.0],
    (POSITIVE, POSITIVE, _UNIT),
    _half_line,
)
solved(
    "gdtria",
    lambda out, p, b, x: _in_rate(out, b, x),
    [1.0, lambda out, p, b, x: _in_shape(out, b, x), lambda out, p, b, x: _gamma_density(out, b, x)],
    (_UNIT, POSITIVE, POSITIVE),
    _half_line,
)
solved(
    "gdtrib",
    lambda out, a, p, x: _in_shape(a, out, x),
    [lambda out, a, p, x: _in_rate(a, out, x), 1.0, lambda out, a, p, x: _gamma_density(a, out, x)],
    (POSITIVE, _UNIT, POSITIVE),
)

both_tails(special.pdtr, special.pdtrc, [None, lambda out, k, m: -gamma.density(np.floor(k) + 1.0, m)], POSITIVE)
solved("pdtri", lambda out, k, p: -gamma.density(np.floor(k) + 1.0, out), [None, 1.0], (POSITIVE, _UNIT))

# Of the incomplete beta function. Without successes, and with nothing else, there is no density: zero.


def _binomial(k: Any, n: Any, p: Any) -> Any:
    k = np.floor(k)
    return beta.density(np.maximum(k + 1.0, 0.0), n - k, p)


def _negative(k: Any, n: Any, p: Any) -> Any:
    return beta.density(n, np.floor(k) + 1.0, p)


_COUNTED = (POSITIVE, POSITIVE, _UNIT)
both_tails(special.bdtr, special.bdtrc, [None, None, lambda out, k, n, p: -_binomial(k, n, p)], _COUNTED)
solved("bdtri", lambda out, k, n, y: -_binomial(k, n, out), [None, None, 1.0], _COUNTED)
both_tails(special.nbdtr, special.nbdtrc, [None, None, lambda out, k, n, p: _negative(k, n, p)], _COUNTED)
solved("nbdtri", lambda out, k, n, y: _negative(k, n, out), [None, None, 1.0], _COUNTED)
solved(
    "btdtria",
    lambda out, p, b, x: beta.in_a(out, b, x),
    [1.0, lambda out, p, b, x: beta.in_b(out, b, x), lambda out, p, b, x: beta.density(out, b, x)],
    (_UNIT, POSITIVE, _UNIT),
)
solved(
    "btdtrib",
    lambda out, a, p, x: beta.in_b(a, out, x),
    [lambda out, a, p, x: beta.in_a(a, out, x), 1.0, lambda out, a, p, x: beta.density(a, out, x)],
    (POSITIVE, _UNIT, _UNIT),
)


# The F distribution is that of a quotient r = z / (1 - z). Of z and 1 - z the smaller is what is exact.


def _sides(r: Any) -> tuple[Any, Any]:
    """Where ``r`` is at most 1, and the smaller of ``z`` and ``1 - z``."""
    low = r <= 1.0
    smaller = np.where(low, r, 1.0 / np.where(low, 1.0, r))
    return low, smaller / (1.0 + smaller)


def in_a_of_quotient(a: Any, b: Any, r: Any) -> Any:
    """The derivative of ``betainc(a, b, r / (1 + r))`` in ``a``."""
    low, z = _sides(r)
    return beta.in_a(a, b, np.where(low, z, 0.0)) - beta.in_b(b, a, np.where(low, 0.0, z))


def in_b_of_quotient(a: Any, b: Any, r: Any) -> Any:
    """The derivative of ``betainc(a, b, r / (1 + r))`` in ``b``."""
    low, z = _sides(r)
    return beta.in_b(a, b, np.where(low, z, 0.0)) - beta.in_a(b, a, np.where(low, 0.0, z))


def in_log_quotient(a: Any, b: Any, r: Any) -> Any:
    """``r`` times the derivative of ``betainc(a, b, r / (1 + r))`` in ``r``."""
    low, z = _sides(r)
    first, second = np.where(low, a, b), np.where(low, b, a)
    return np.divide(a * b, (a + b) * (a + b + 1.0)) * beta.density(first + 1.0, second + 1.0, z)


def in_quotient(a: Any, b: Any, r: Any) -> Any:
    """The derivative of ``betainc(a, b, r / (1 + r))`` in ``r``."""
    low, z = _sides(r)
    first, second = np.where(low, a, b + 2.0), np.where(low, b + 2.0, a)
    return np.divide(b * (b + 1.0), (a + b) * (a + b + 1.0)) * beta.density(first, second, z)


def _f_in_first(m: Any, n: Any, x: Any) -> Any:
    m, n, x = promoted(m, n, x)
    r = x * np.divide(m, n)
    return 0.5 * in_a_of_quotient(0.5 * m, 0.5 * n, r) + in_log_quotient(0.5 * m, 0.5 * n, r) / m


def _f_in_second(m: Any, n: Any, x: Any) -> Any:
    m, n, x = promoted(m, n, x)
    r = x * np.divide(m, n)
    return 0.5 * in_b_of_quotient(0.5 * m, 0.5 * n, r) - in_log_quotient(0.5 * m, 0.5 * n, r) / n


def _f_in_x(m: Any, n: Any, x: Any) -> Any:
    m, n, x = promoted(m, n, x)
    return np.divide(m, n) * in_quotient(0.5 * m, 0.5 * n, x * np.divide(m, n))


both_tails(
    special.fdtr,
    special.fdtrc,
    [
        lambda out, m, n, x: _f_in_first(m, n, x),
        lambda out, m, n, x: _f_in_second(m, n, x),
        lambda out, m, n, x: _f_in_x(m, n, x),
    ],
    _THREE,
)
solved(
    "fdtri",
    lambda out, m, n, p: _f_in_x(m, n, out),
    [lambda out, m, n, p: _f_in_first(m, n, out), lambda out, m, n, p: _f_in_second(m, n, out), 1.0],
    (POSITIVE, POSITIVE, _UNIT),
    _half_line,
)
