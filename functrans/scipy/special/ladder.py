"""How families are declared: distribution functions and what they lack to 1; functions of which each is the derivative
of the one before, as primitives with a parameter ``n``.

The latter keep every order of derivative free of cancellation: they are integrals with a power of the variable in them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

import numpy as np

from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.duals import absorb
from functrans.ops.family import elementwise, ufunc_spec
from functrans.primitives import Derivatives, Domain, Primitive, Rule, Rules
from functrans.tracing.bind import bind

Function = Callable[..., Any]


def ladder(helper: Function, step: Function, *others: Function) -> Function:
    """A function ``f(x, n)`` that traces, computed by ``helper(x, n)``, whose derivative is ``step(out, x, n)``.

    The helper's source is printed: it needs ``np`` and ``scipy.special`` alone, and the ``others``, which are printed
    too.
    """
    name = helper.__name__

    def slope(t: Any, out: Any, x: Any, n: int) -> Any:
        return absorb(t, step(out, x, n))

    primitive = Primitive(
        f"scipy.special.{name}",
        helper,
        lambda x, n: ArraySpec(x.shape, inexact(x.dtype)),
        Rules(jvp=[slope], vjp=[slope]),
        source=lambda args, params: f"{name}({args[0]}, {params['n']})",
        helpers={function.__name__: function for function in (helper, *others)},
        batch=batching.elementwise,
    )
    return lambda x, n: bind(primitive, x, n=n)


def both_tails(
    lower: np.ufunc, upper: np.ufunc, slopes: Sequence[Rule | float | None], domain: Domain | Sequence[Domain]
) -> None:
    """Declare a distribution function by its slopes, and what it lacks to 1, whose slopes are their negatives."""

    def negative(slope: Rule | float | None) -> Rule | float | None:
        if not callable(slope):
            return None if slope is None else -slope

        @wraps(slope)  # what it reads is what that reads
        def minus(out: Any, *operands: Any) -> Any:
            return -slope(out, *operands)

        return minus

    elementwise(lower, slopes, singular=True, domain=domain)
    elementwise(upper, [negative(slope) for slope in slopes], singular=True, domain=domain)


def inexact(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype in which functions of such numbers are computed."""
    return dtype if dtype.kind in "fc" else np.dtype(np.float64)


def local(
    helper: Function,
    like: np.ufunc,
    derivatives: Sequence[Rule],
    domain: Sequence[Domain],
    *,
    singular: bool | Rule = False,
    helpers: Mapping[str, Function] | None = None,
) -> Function:
    """An elementwise function that traces, computed by ``helper``; its dtypes are those of the ufunc ``like``."""
    name = helper.__name__
    primitive = Primitive(
        f"scipy.special.{name}",
        helper,
        ufunc_spec(like),
        Derivatives(derivatives, singular),
        source=lambda args, params: f"{name}({', '.join(args)})",
        helpers={name: helper, **(helpers or {})},
        domain=domain,
    )
    return lambda *args: bind(primitive, *args)
