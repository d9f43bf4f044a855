"""Buffers: aligned, apart from one another, and of one user at a time."""

from __future__ import annotations

import numpy as np
import pytest

from functrans.compile import workspace as module
from functrans.compile.workspace import Workspace, workspace


def test_arrays_lie_apart_and_aligned() -> None:
    mine = Workspace()
    for dtypes, shape in (("dd?f", (1000,)), ("D", (7, 3)), ("", (5,)), ("ddddddd", (4096,)), ("?d", (1, 13))):
        made = mine.arrays(dtypes, shape)
        assert [a.dtype.char for a in made] == list(dtypes)
        assert all(a.shape == shape and a.flags.c_contiguous and a.ctypes.data % 64 == 0 for a in made)
        assert not any(np.shares_memory(a, b) for i, a in enumerate(made) for b in made[:i])
        again = mine.arrays(dtypes, shape)
        assert all(a is b for a, b in zip(made, again, strict=True))


def test_views_are_not_collected_without_end() -> None:
    mine = Workspace()
    for n in range(1, 1000):
        mine.arrays("d", (n,))
    assert len(mine._views) <= 256


def test_each_has_its_own() -> None:
    with workspace() as one, workspace() as two:
        assert one is not two
    with workspace() as three:
        assert three in (one, two)


def test_what_is_large_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KEPT", 1000)
    with workspace() as mine:
        mine.arrays("d", (1000,))
    with workspace() as another:
        assert another is not mine
