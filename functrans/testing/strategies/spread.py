"""Cases that are not drawn by hypothesis: the same each time, and spread evenly over what a recipe chooses among."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zlib import crc32

import numpy as np

from functrans.primitives import Primitive
from functrans.testing.case import Case
from functrans.testing.strategies.entries import Draw, T
from functrans.testing.strategies.operands import elementwise, registered, resolved


class SpreadDraw(Draw):
    """A :class:`Draw` of one of many cases: the n-th call of ``choice`` goes through what it is given, in turn.

    Each choice has an order of its own, another for each round, so that all pairs of choices come up in time.
    """

    __slots__ = ("_key", "_number", "_rng", "_site")

    def __init__(self, key: int, number: int, edges: bool) -> None:
        never: Any = None  # hypothesis draws nothing here
        Draw.__init__(self, never, edges)
        self._key, self._number, self._site = key, number, 0
        self._rng = np.random.default_rng([key, number, edges])

    def choice(self, among: Sequence[T]) -> T:
        self._site += 1
        turn, place = divmod(self._number, len(among))
        order = np.random.default_rng([self._key, self._site, turn]).permutation(len(among))
        return among[int(order[place])]

    def inside(self) -> Draw:
        other = SpreadDraw(self._key, self._number, False)
        other.dtype, other._rng, other._site = self.dtype, self._rng, self._site
        return other

    def _codes(self, size: int, largest: int) -> np.ndarray[Any, Any]:
        codes: np.ndarray[Any, Any] = self._rng.integers(-largest, largest, size, endpoint=True)
        if self.edges:  # every second entry goes through all that there is, the edges among it
            order = np.random.default_rng([self._key, largest]).permutation(largest) + 1
            codes[::2] = order[(self._number + np.arange(0, size, 2)) % largest]
        return codes


def spread(primitive: Primitive | str, count: int, *, edges: bool = False) -> list[Case]:
    """So many cases of a primitive, the same each time, for laws and the mutation check.

    Where a recipe (or an elementwise primitive) chooses among dtypes, shapes, calls, each of them comes up, if there
    are no more than ``count``. Those at which the function itself fails (a singular matrix) are left out.

    Args:
        primitive: it, or its name.
        count: how many.
        edges: also zeros, ties, the ends of the domain, infinities and NaN.

    Example:
        >>> from functrans.testing import laws
        >>> from functrans.testing.strategies.spread import spread
        >>> for case in spread("tanh", 6):
        ...     laws.jvp_is_the_numerical_derivative(case)
    """
    chosen = resolved(primitive)
    known = registered(chosen)
    if known is None and not chosen.domain:
        raise LookupError(f"it is not known which operands the primitive {chosen.name!r} takes")
    key, found = crc32(chosen.name.encode()), []
    for number in range(count):
        source = SpreadDraw(key, number, edges)
        try:
            with np.errstate(all="ignore"):
                args, params = elementwise(chosen, source) if known is None else known.recipe(source)
            case = Case(chosen, list(args), dict(params), moving=known and known.moving, seed=number)
            case.value()
        except np.linalg.LinAlgError:
            continue
        found.append(case)
    return found
