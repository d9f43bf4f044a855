"""``scipy.linalg``: Cholesky factors, by the rules of ``numpy.linalg``.

``cho_factor`` leaves in the other triangle what the matrix had there, and so does its derivative; ``cho_solve`` reads
nothing of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg

from functrans.ir.spec import ArraySpec
from functrans.ops import cholesky as numpy_cholesky
from functrans.ops.family import operand
from functrans.primitives import Rules
from functrans.scipy.covering import covers
from functrans.scipy.linalg.declaring import (
    declare,
    dtypes,
    given,
    square,
    unchecked,
)
from functrans.tracing.bind import bind

# Cholesky factors, by the rules of NumPy's.

_cholesky_rules: Any = numpy_cholesky.cholesky_p.derivative


def _factored_spec(name: str) -> Any:
    return lambda a, **params: ArraySpec((*square(name, a), *a.shape[-2:]), dtypes(linalg.cholesky, [a], [2]))


cholesky_p = declare(
    "cholesky",
    linalg.cholesky,
    _factored_spec("cholesky"),
    Rules(
        jvp=[lambda da, out, a, *, lower=False, **_: _cholesky_rules.jvp[0](da, out, a, upper=not lower)],
        vjp=[lambda ct, out, a, *, lower=False, **_: _cholesky_rules.vjp[0](ct, out, a, upper=not lower)],
    ),
    masks=True,
)


@covers(linalg.cholesky)
def cholesky(a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """A function of the triangle that SciPy reads."""
    return bind(cholesky_p, operand(a), **given(lower=(bool(lower), False)), **unchecked(check_finite))


def _triangles(x: Any, lower: bool) -> tuple[Any, Any]:
    """The triangle with the diagonal, and the other one."""
    return (np.tril(x), np.triu(x, 1)) if lower else (np.triu(x), np.tril(x, -1))


def _cho_factor_jvp(da: Any, out: Any, a: Any, *, lower: bool = False, **_: Any) -> Any:
    factor = _triangles(out, lower)[0]
    return _cholesky_rules.jvp[0](da, factor, a, upper=not lower) + _triangles(da, lower)[1]


def _cho_factor_vjp(ct: Any, out: Any, a: Any, *, lower: bool = False, **_: Any) -> Any:
    factor, (read, rest) = _triangles(out, lower)[0], _triangles(ct, lower)
    return _cholesky_rules.vjp[0](read, factor, a, upper=not lower) + rest


def _cho_factor_impl(a: Any, **params: Any) -> Any:
    return linalg.cho_factor(a, **params)[0]


def _cho_factor_source(args: list[str], params: dict[str, Any]) -> str:
    keywords = "".join(f", {key}={value!r}" for key, value in params.items())
    return f"scipy.linalg.cho_factor({args[0]}{keywords})[0]"


cho_factor_p = declare(
    "cho_factor",
    _cho_factor_impl,
    _factored_spec("cho_factor"),
    Rules(jvp=[_cho_factor_jvp], vjp=[_cho_factor_vjp]),
    source=_cho_factor_source,
    masks=True,
)


@covers(linalg.cho_factor)
def cho_factor(a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """A pair `(c, lower)`; the other triangle of `c` is that of the matrix."""
    found = bind(cho_factor_p, operand(a), **given(lower=(bool(lower), False)), **unchecked(check_finite))
    return found, lower
