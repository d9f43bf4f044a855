"""The entries of arrays: off every kink by default, onto them when asked; and how arrays lie in memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar

import numpy as np
from hypothesis import strategies as st

from functrans.primitives import REAL, Domain

T = TypeVar("T")
_STEPS = 12  # the grid reaches that many quarters to each side
_CODES = 64  # entries beyond that many repeat their steps on the grid, with offsets of their own
#: What is drawn too when edges are asked for, beside the ends of the domain: zeros, ties, the ends of common domains,
#: what is not finite, the tiny (the last is subnormal in single precision) and the large.
EDGES = (0.0, -0.0, 1.0, -1.0, 0.5, np.inf, -np.inf, np.nan, 1e-300, -1e-300, 1e-40, 1e30, -1e30, 300.0, -300.0)

#: How an array can lie in memory, beside row by row: the name, and whether its entries stay what they are.
LAYOUTS = {
    "fortran": "column by column",
    "sliced": "every second entry of a larger array",
    "reversed": "backwards, along every axis",
    "unaligned": "at an address that is no multiple of the size of its entries",
    "readonly": "not to be written into",
    "0-d": "an array without axes instead of a NumPy scalar",
    "repeated": "one row for all along the first axis, with a stride of zero: entries are equal then",
}


class Draw:
    """How a recipe draws: ``draw(shape, domain, place)`` gives an array, ``draw.choice`` one of several.

    Entries are small multiples of 1/4, each moved by an amount of its own: they lie inside the domain, off its ends,
    off the integers and halves, and no two of an array (or of arrays in other places) are equal. With ``edges``, they
    are also what ``EDGES`` and ``special`` list, and equal to one another.
    """

    __slots__ = ("_draw", "dtype", "edges", "layouts")

    def __init__(
        self, draw: st.DrawFn, edges: bool = False, dtype: str = "float64", layouts: Sequence[str] = ()
    ) -> None:
        self._draw, self.edges, self.dtype, self.layouts = draw, edges, dtype, layouts

    def choice(self, among: Sequence[T]) -> T:
        """One of several; the first is the simplest."""
        return among[self._draw(st.integers(0, len(among) - 1))] if len(among) > 1 else among[0]

    def inside(self) -> Draw:
        """The same, off every edge."""
        return Draw(self._draw, False, self.dtype, self.layouts)

    def __call__(self, shape: tuple[int, ...], domain: Domain = REAL, place: int = 0, dtype: Any = None) -> Any:
        """An array of this shape (a NumPy scalar, where it has no axes).

        Args:
            shape: its shape.
            domain: the open interval in which its entries (their real parts) lie, except for edges.
            place: another for each array that is drawn for the same call, so that their entries differ.
            dtype: its dtype; by default the ``dtype`` of the ``Draw``.
        """
        dtype = np.dtype(dtype or self.dtype)
        size = 1
        for n in shape:
            size *= n
        if dtype.kind == "b":
            made = self._codes(size, 1) > 0
        elif dtype.kind in "iu":
            made = self._integers(size, dtype, domain)
        else:
            x = self._reals(size, dtype, domain, place)
            if dtype.kind == "c":
                real, x = x, np.empty(size, complex)
                x.real, x.imag = real, self._imaginary(size, dtype, place)
            with np.errstate(all="ignore"):
                made = x.astype(dtype, copy=False)
        result: Any = made.reshape(shape)[()]
        return result

    def laid_out(self, x: Any) -> Any:
        """An array with the same entries in one of the ``layouts``; anything else, and without layouts, itself."""
        if not self.layouts or not isinstance(x, np.ndarray | np.generic):
            return x
        fitting = [name for name in self.layouts if name != "repeated" and (name == "0-d") == (x.ndim == 0)]
        return laid_out(x, self.choice(["", *fitting]))

    def _codes(self, size: int, largest: int) -> np.ndarray[Any, Any]:
        drawn = self._draw(_code_lists(min(size, _CODES), largest))
        codes: np.ndarray[Any, Any] = np.array(drawn, dtype=int)
        return codes if size <= _CODES else codes[np.arange(size) % _CODES]

    def _integers(self, size: int, dtype: np.dtype[Any], domain: Domain) -> np.ndarray[Any, Any]:
        low, high = domain
        first = np.floor(low) + 1 if np.isfinite(low) else min(1, np.ceil(high) - 1)
        last = np.ceil(high) - 1 if np.isfinite(high) else np.inf
        codes = self._codes(size, 7 if self.edges else 3)
        x: np.ndarray[Any, Any] = np.minimum(first + np.abs(codes), last).astype(dtype)
        if self.edges:
            info = np.iinfo(dtype)
            table = np.array([0, 1, info.max, info.min if dtype.kind == "i" else 2], dtype)
            chosen = np.abs(codes) > 3
            x[chosen] = table[np.abs(codes[chosen]) - 4]
        return x

    def _reals(self, size: int, dtype: np.dtype[Any], domain: Domain, place: int) -> np.ndarray[Any, Any]:
        low, high = domain
        edges = special(dtype.char, domain) if self.edges else np.zeros(0)
        codes = self._codes(size, _STEPS + len(edges))
        # Thousandths, and no two alike; 67 and 72 keep those of small arrays, in up to three places, 0.005 apart.
        count = 150 if size <= 150 else 150 * size
        offsets = 0.05 + ((np.arange(size) * 67 + place * 72) % count) * (0.15 / count)
        x: np.ndarray[Any, Any] = np.clip(codes, -_STEPS, _STEPS) * 0.25 + offsets
        if np.isfinite(low) and np.isfinite(high):
            x = (low + high) / 2 + (high - low) / 2 * 0.9 * x / (1.0 + np.abs(x))
        elif np.isfinite(low):
            x = low + 0.1 + np.abs(x)
        elif np.isfinite(high):
            x = high - 0.1 - np.abs(x)
        if count == 150 and not high - low < 1:
            x = np.round(x, 4)  # short to print
        if self.edges:
            chosen = np.abs(codes) > _STEPS
            x[chosen] = edges[np.abs(codes[chosen]) - _STEPS - 1]
            x[codes == 0] = 0.25  # ties
        return x

    def _imaginary(self, size: int, dtype: np.dtype[Any], place: int) -> np.ndarray[Any, Any]:
        # In the upper half plane no function of NumPy's has a branch cut.
        edges = special(dtype.char) if self.edges else np.zeros(0)
        codes = self._codes(size, 4 + len(edges))
        y: np.ndarray[Any, Any] = np.round(0.1 + np.abs(np.clip(codes, -4, 4) * 0.25 + 0.03 * place), 4)
        chosen = np.abs(codes) > 4
        y[chosen] = edges[np.abs(codes[chosen]) - 5]
        return y


@cache
def _code_lists(size: int, largest: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(-largest, largest), min_size=size, max_size=size)


@cache
def special(char: str, domain: Domain = REAL) -> np.ndarray[Any, Any]:
    """The numbers that edges visit, for a dtype: those of :data:`EDGES`, the ends of the domain, the dtype's own."""
    info = np.finfo(char)
    own = [float(info.max) / 8, float(info.tiny), float(info.smallest_subnormal)]  # small multiples are finite
    return np.array([end for end in domain if np.isfinite(end)] + list(EDGES) + own + [-x for x in own])


def laid_out(x: Any, layout: str) -> Any:
    """An array equal to ``x`` that lies in memory in one of the :data:`LAYOUTS`; itself, for no name."""
    x = np.asarray(x)
    match layout:
        case "":
            return x[()]
        case "0-d":
            return x if x.ndim else x.copy()
        case "fortran":
            return np.array(x, order="F")
        case "sliced":
            wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
            wide[..., ::2] = x
            return wide[..., ::2]
        case "reversed":
            backwards = (slice(None, None, -1),) * x.ndim
            return x[backwards].copy()[backwards]
        case "unaligned":
            moved = np.zeros(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
            moved[...] = x
            return moved
        case "readonly":
            x = x.copy()
            x.flags.writeable = False
            return x
        case "repeated":
            return np.broadcast_to(x[:1], x.shape)
    raise ValueError(f"no layout {layout!r}; there are {', '.join(LAYOUTS)}")
