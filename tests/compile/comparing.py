"""When two results are the same."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans import tree


def assert_same(got: Any, want: Any) -> None:
    """The same structure, types, dtypes, shapes and bits; but for the sign of a NaN."""
    leaves, structure = tree.flatten(want)
    found, made = tree.flatten(got)
    assert made == structure
    for a, b in zip(found, leaves, strict=True):
        assert type(a) is type(b), (a, b)
        a, b = np.asarray(a), np.asarray(b)
        assert a.dtype == b.dtype
        assert a.dtype.byteorder == b.dtype.byteorder
        assert a.shape == b.shape
        if a.dtype.char in "gG":  # padded with whatever was there
            assert np.array_equal(a, b, equal_nan=True)
        else:
            assert np.array_equal(np.isnan(a), np.isnan(b))
            assert np.where(np.isnan(a), 0, a).tobytes() == np.where(np.isnan(b), 0, b).tobytes()
