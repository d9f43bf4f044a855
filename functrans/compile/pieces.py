"""How a block's entries are cut into pieces, and how the sums of pieces become NumPy's sum to the bit.

NumPy adds up contiguous floats pairwise: ``n`` of them are halved (the first half a multiple of 8) down to at most 128.
Nodes of that tree serve as pieces, whose sums are then added along it. Before NumPy 2.3 it does so within stretches of
``np.getbufsize()`` entries, and adds up those one after the other. Which of the two it is, is tried out once.

One thing stays open: of two NaN of different sign, which one a sum hands on. It depends on how NumPy was compiled.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np

#: What the operands, buffers and results of a piece may take together: twice the second cache, as they are worked on
#: two or three at a time. (With 5, 8 and 24 of them, from one to 16 times the second cache makes a difference of a few
#: percent; a quarter of it costs up to 0.8 more, since there are more calls, of shorter loops.)
CACHE = 2 << 20
#: Bounds of the number of entries: below, calls cost more than their loops; above, nothing is gained.
FEWEST, MOST = 4096, 65536
_STEP = 64  # entries: whole vectors, however far a loop is unrolled


@cache
def cache_size() -> int:
    """Twice the size of a processor's second cache in bytes, if the system tells; else :data:`CACHE`."""
    try:
        found = os.sysconf("SC_LEVEL2_CACHE_SIZE")
    except (AttributeError, ValueError, OSError):
        found = 0
    return 2 * found if found > 0 else CACHE


def piece_length(bytes_an_entry: int, entries: int, threads: int) -> int:
    """How many entries a piece has at most: what fits into the cache, and two pieces for each thread or more."""
    length = min(cache_size() // max(bytes_an_entry, 1), MOST)
    if threads > 1:
        length = min(length, entries // (2 * threads))
    return max(length // _STEP * _STEP, FEWEST)


def evenly(entries: int, length: int) -> list[tuple[int, int, int]]:
    """Pieces ``(number, first, end)`` of one length, but the last."""
    return [(i, lo, min(lo + length, entries)) for i, lo in enumerate(range(0, entries, length))]


# The order of sums. Complex numbers are halved by their real and imaginary parts: two for each.


def _halves(entries: int, parts: int) -> int:
    half = entries * parts // 2
    return (half - half % 8) // parts


def tree(entries: int, length: int, parts: int) -> list[tuple[int, int, int]]:
    """Pieces that are nodes of NumPy's tree."""
    made: list[tuple[int, int, int]] = []
    waiting = [(0, entries)]
    while waiting:
        lo, hi = waiting.pop()
        if hi - lo <= length:
            made.append((len(made), lo, hi))
        else:
            middle = lo + _halves(hi - lo, parts)
            waiting += [(middle, hi), (lo, middle)]
    return made


def tree_sum(sums: Iterator[Any], entries: int, length: int, parts: int, last_first: bool = False) -> Any:
    """The sums of the pieces of :func:`tree`, added along it: ``left + right``, or ``right + left``."""
    if entries <= length:
        return next(sums)
    half = _halves(entries, parts)
    left = tree_sum(sums, half, length, parts, last_first)
    right = tree_sum(sums, entries - half, length, parts, last_first)
    return right + left if last_first else left + right


def one_by_one(sums: Any, last_first: bool = False) -> Any:
    """The sums of stretches, added one after the other."""
    total = sums[0]
    for one in sums[1:]:
        total = one + total if last_first else total + one
    return total


class Order(NamedTuple):
    """How NumPy adds up floats of a kind.

    Attributes:
        kind: ``tree``, or ``stretches``; an empty string: in neither way.
        last_first: whether, of two sums which are both NaN, it seems to hand on the second one.
    """

    kind: str
    last_first: bool = False


@cache
def order(dtype: np.dtype[Any]) -> Order:
    """How NumPy adds up so many numbers."""
    entries = 3 * 8192 + 777
    x = np.sin(np.arange(1.0, entries + 1)) * np.exp(5 * np.cos(np.arange(entries) ** 2))
    x = x.astype(dtype) if dtype.kind == "f" else (x + 1j * x[::-1]).astype(dtype)
    for kind in ("tree", "stretches"):
        if all(
            _added(x[:n], kind, False) == np.add.reduce(x[:n]) == np.add.reduce(x[: n // 7 * 7].reshape(-1, 7), None)
            for n in (25_347, 20_006, 11_200)  # multiples of 7
        ):
            x[100], x[20_000] = np.nan, -x.dtype.type(np.nan)
            return Order(kind, _added(x, kind, False).tobytes() != np.add.reduce(x).tobytes())
    return Order("")


def _added(x: np.ndarray[Any, Any], kind: str, last_first: bool) -> Any:
    if kind == "tree":
        parts = 2 if x.dtype.kind == "c" else 1
        sums = [np.add.reduce(x[lo:hi]) for _, lo, hi in tree(x.size, 2048, parts)]
        return tree_sum(iter(sums), x.size, 2048, parts, last_first)
    return one_by_one([np.add.reduce(x[lo:hi]) for _, lo, hi in evenly(x.size, np.getbufsize())], last_first)
