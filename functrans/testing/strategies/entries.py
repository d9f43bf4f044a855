"""The entries of arrays: off every kink by default, onto them when asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from hypothesis import strategies as st

from functrans.primitive import REAL, Domain

T = TypeVar("T")
_STEPS = 12  # the grid reaches that many quarters to each side
#: What is drawn too when edges are asked for, beside the ends of the domain.
EDGES = (0.0, -0.0, 1.0, -1.0, 0.5, np.inf, -np.inf, np.nan, 1e-300, -1e-300, 1e-40, 1e30, -1e30, 300.0, -300.0)


class Draw:
    """How a recipe draws: ``draw(shape, domain, place)`` gives an array, ``draw.choice`` one of several.

    Entries are small multiples of 1/4, each moved by an amount of its own: they lie inside the domain, off its ends,
    off the integers and halves, and no two of an array (or of arrays in other places) are equal.
    """

    __slots__ = ("_draw", "dtype", "edges")

    def __init__(self, draw: st.DrawFn, edges: bool = False, dtype: str = "float64") -> None:
        self._draw, self.edges, self.dtype = draw, edges, dtype

    def choice(self, among: Sequence[T]) -> T:
        """One of several; the first is the simplest."""
        return self._draw(st.sampled_from(among))

    def inside(self) -> Draw:
        """The same, off every edge."""
        return Draw(self._draw, False, self.dtype)

    def __call__(self, shape: tuple[int, ...], domain: Domain = REAL, place: int = 0, dtype: Any = None) -> Any:
        dtype = np.dtype(dtype or self.dtype)
        size = int(np.prod(shape))
        if dtype.kind == "b":
            return np.asarray(self._codes(size, 1) > 0).reshape(shape)[()]
        if dtype.kind in "iu":
            return np.asarray(1 + np.abs(self._codes(size, 3)), dtype).reshape(shape)[()]
        x = self._reals(size, domain, place)
        if dtype.kind == "c":  # in the upper half plane no function of NumPy's has a branch cut
            x = x + 1j * (0.1 + np.abs(self._codes(size, 4) * 0.25 + 0.03 * place))
        with np.errstate(all="ignore"):
            return np.asarray(x, dtype).reshape(shape)[()]

    def _codes(self, size: int, largest: int) -> np.ndarray[Any, Any]:
        drawn = self._draw(st.lists(st.integers(-largest, largest), min_size=size, max_size=size))
        return np.asarray(drawn, dtype=int)

    def _reals(self, size: int, domain: Domain, place: int) -> np.ndarray[Any, Any]:
        low, high = domain
        special = np.array([end for end in domain if np.isfinite(end)] + list(EDGES)) if self.edges else np.zeros(0)
        codes = self._codes(size, _STEPS + len(special))
        # The golden ratio spreads any number of offsets evenly.
        offsets = 0.05 + 0.15 * ((np.arange(size) * 0.618034 + place * 0.37) % 1.0)
        x: np.ndarray[Any, Any] = np.clip(codes, -_STEPS, _STEPS) * 0.25 + offsets
        if np.isfinite(low) and np.isfinite(high):
            x = (low + high) / 2 + (high - low) / 2 * 0.9 * x / (1.0 + np.abs(x))
        elif np.isfinite(low):
            x = low + 0.1 + np.abs(x)
        elif np.isfinite(high):
            x = high - 0.1 - np.abs(x)
        if self.edges:
            chosen = np.abs(codes) > _STEPS
            x[chosen] = special[np.abs(codes[chosen]) - _STEPS - 1]
            x[codes == 0] = 0.25  # ties
        return x
