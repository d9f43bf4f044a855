"""What becomes of floating-point errors in an equation: keywords of ``np.errstate``, in a tuple."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from functrans.ir.program import Equation

#: What differs from what the caller wants: none, ``(("all", "ignore"),)``, or pairs like ``("divide", "ignore")``.
Errors: TypeAlias = tuple[tuple[str, str], ...]

#: Nothing is heard of: what a walk back does.
QUIET: Errors = (("all", "ignore"),)

#: What never has a floating-point error, or none that is heard of, whatever the operands.
_SILENT = frozenset(
    [
        *["transpose", "reshape", "broadcast_to", "getitem", "index_set", "copy", "concatenate", "stack"],
        *["negative", "positive", "strong", "weak", "flip", "roll", "diag", "diagonal", "tril", "triu", "plus_zero"],
        *["bitwise_and", "bitwise_or", "invert", "logical_and", "logical_or", "logical_not", "isnan", "isinf"],
        *["isfinite", "signbit", "where", "absorbing_multiply", "absorbing_product"],
    ]
)


def stretches(equations: Iterable[Equation]) -> list[tuple[Errors, list[Equation]]]:
    """Equations one after the other, with what is to become of their floating-point errors; in few parts."""
    made: list[tuple[Errors, list[Equation]]] = []
    for equation in equations:
        errors = equation.errors
        if errors and equation.primitive.name in _SILENT:
            errors = made[-1][0] if made else ()
        if made and (made[-1][0] == errors or equation.primitive.name in _SILENT):
            made[-1][1].append(equation)
        else:
            made.append((errors, [equation]))
    return made


def errstate(errors: Errors) -> Any:
    """The context in which they are dealt with so."""
    return np.errstate(**dict(errors))  # type: ignore[arg-type]


def errstate_source(errors: Errors) -> str:
    """The arguments of ``np.errstate``."""
    return ", ".join(f'{kind}="{how}"' for kind, how in errors)


def within(outer: Errors, inner: Errors) -> Errors:
    """Those of a context within another one."""
    if not outer or not inner or inner[0][0] == "all":
        return inner or outer
    return tuple({**dict(outer), **dict(inner)}.items())


def louder(one: Errors, other: Errors) -> Errors | None:
    """Those of what is done once in the place of twice: all that either would report; None if neither is the louder."""
    if one == other or other == QUIET:
        return one
    return other if one == QUIET else None


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> Errors:
    """What has changed, as ``np.geterr`` tells it."""
    if before == now:
        return ()
    if all(how == "ignore" for how in now.values()):
        return QUIET
    return tuple([(kind, how) for kind, how in now.items() if how != before[kind]])
