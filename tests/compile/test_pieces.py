"""Pieces cover everything once; their sums, added along NumPy's tree, are NumPy's sum."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functrans.compile import pieces


@given(st.integers(1, 300_000), st.integers(1, 40).map(lambda n: 64 * n))
def test_pieces_cover_everything_once(entries: int, length: int) -> None:
    for cut in (
        pieces.evenly(entries, length),
        pieces.tree(entries, max(length, 128), 1),
        pieces.tree(entries, max(length, 128), 2),
    ):
        assert [number for number, _, _ in cut] == list(range(len(cut)))
        assert [lo for _, lo, _ in cut] == [0, *[hi for _, _, hi in cut[:-1]]]
        assert cut[-1][2] == entries
        assert all(0 < hi - lo <= max(length, 128) for _, lo, hi in cut)


@given(st.integers(1, 100_000), st.integers(128, 5000), st.sampled_from("fdFD"), st.integers(0, 99))
def test_sums_along_the_tree(entries: int, length: int, char: str, seed: int) -> None:
    dtype = np.dtype(char)
    if pieces.order(dtype).kind != "tree":
        pytest.skip("this NumPy adds up in stretches")
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(entries) * np.exp(3 * rng.standard_normal(entries))
    x = x.astype(dtype) if dtype.kind == "f" else (x + 1j * rng.standard_normal(entries)).astype(dtype)
    parts = 2 if dtype.kind == "c" else 1
    sums = [np.add.reduce(x[lo:hi]) for _, lo, hi in pieces.tree(entries, length, parts)]
    assert pieces.tree_sum(iter(sums), entries, length, parts).tobytes() == np.sum(x).tobytes()


@pytest.mark.parametrize("char", "fdFD")
def test_the_order_is_known(char: str) -> None:
    assert pieces.order(np.dtype(char)).kind in ("tree", "stretches")


def test_lengths() -> None:
    assert pieces.piece_length(64, 10**7, 1) % 64 == 0
    assert pieces.piece_length(64, 10**7, 1) * 64 <= pieces.cache_size()
    assert pieces.piece_length(1, 10**9, 1) == pieces.MOST
    assert pieces.piece_length(10**9, 10**9, 1) == pieces.FEWEST
    assert pieces.piece_length(8, 40_000, 2) <= 10_000
