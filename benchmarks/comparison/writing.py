"""Calls of NumPy's functions that write into an array: functions too, of what was there and of what is written.

What each library offers instead of writing counts: jax has ``inplace=False``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_MASK = [True, False, True]


def written(f: Any, x: Any, *args: Any, **options: Any) -> Any:
    """A copy of ``x``, into which ``f`` wrote."""
    x = x.copy()
    f(x, *args, **options)
    return x


def written_by_jax(f: Any, x: Any, *args: Any, **options: Any) -> Any:
    """What jax makes of it."""
    return f(x, *args, **options, inplace=False)


WRITING: dict[str, list[tuple[Any, ...]]] = {
    "np.copyto": [(lambda x, y: written(np.copyto, x, y, where=np.array(_MASK)), (3,), (3,))],
    "np.fill_diagonal": [(lambda x, y: written(np.fill_diagonal, x, y), (3, 3), (3,))],
    "np.place": [(lambda x, y: written(np.place, x, np.array(_MASK), y), (3,), (2,))],
    "np.put": [(lambda x, y: written(np.put, x, np.array([0, 2]), y), (3,), (2,))],
    "np.put_along_axis": [(lambda x, y: written(np.put_along_axis, x, np.array([2, 0, 1]), y, 0), (3,), (3,))],
    "np.putmask": [(lambda x, y: written(np.putmask, x, np.array(_MASK), y), (3,), (3,))],
}
