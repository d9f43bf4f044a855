"""Memory for the buffers of blocks, common to all of them: what runs at the same time has memory of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from typing import Any

import numpy as np

_LINE = 64
_KINDS = 256  # so many views are remembered
_KEPT = 1 << 26  # bytes: what is larger is not kept


class Workspace:
    """A stretch of memory, cut into arrays."""

    __slots__ = ("_memory", "_views")

    def __init__(self) -> None:
        self._memory = np.empty(0, np.uint8)
        self._views: dict[Any, tuple[np.ndarray[Any, Any], ...]] = {}

    @property
    def nbytes(self) -> int:
        """How much memory it is."""
        return self._memory.nbytes

    def arrays(self, dtypes: str, shape: tuple[int, ...]) -> tuple[np.ndarray[Any, Any], ...]:
        """An array of such a shape for each dtype (a character each). They are valid until the next call."""
        found = self._views.get((dtypes, shape))
        return self._cut(dtypes, shape) if found is None else found

    def _cut(self, dtypes: str, shape: tuple[int, ...]) -> tuple[np.ndarray[Any, Any], ...]:
        count = prod(shape)
        # An odd number of the cache's lines apart: entries that are used together do not contend for one place in it.
        sizes = [(count * np.dtype(char).itemsize // _LINE // 2 * 2 + 3) * _LINE for char in dtypes]
        if sum(sizes) + _LINE > self._memory.nbytes or len(self._views) >= _KINDS:
            self._views = {}
            self._memory = np.empty(max(sum(sizes) + _LINE, self._memory.nbytes), np.uint8)
        start = -self._memory.ctypes.data % _LINE
        made = []
        for char, size in zip(dtypes, sizes, strict=True):
            dtype = np.dtype(char)
            made.append(self._memory[start : start + count * dtype.itemsize].view(dtype).reshape(shape))
            start += size
        self._views[dtypes, shape] = tuple(made)
        return tuple(made)


_spare: list[Workspace] = []


@contextmanager
def workspace() -> Iterator[Workspace]:
    """One that nobody else uses meanwhile."""
    try:
        mine = _spare.pop()
    except IndexError:
        mine = Workspace()
    try:
        yield mine
    finally:
        if mine.nbytes <= _KEPT:
            _spare.append(mine)
