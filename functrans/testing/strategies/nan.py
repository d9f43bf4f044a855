"""Recipes for the reductions that leave NaN out: NaN lies among the entries, never in a whole row of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.testing.strategies.entries import Draw
from functrans.testing.strategies.operands import FLOATS, INEXACT, calls

_FIRST = np.array([True, False, True])


def _gaps(*shape: int) -> Any:
    """An array with NaN in its last column but for the first entry, or in the middle of a line; nowhere else."""

    def made(draw: Draw) -> Any:
        x = np.array(draw(shape))
        x[np.isnan(x)] = 0.25  # of nothing but NaN NumPy warns
        if x.ndim and draw.choice((True, True, False)):
            x[(slice(1, None), -1) if x.ndim > 1 else x.size // 2] = np.nan
        return x[()]

    return made


for _name, _plain in {"nansum": np.nansum, "nanprod": np.nanprod}.items():
    calls(
        _name,
        (_plain, _gaps(2, 3)),
        (lambda x, f=_plain: f(x, axis=1, keepdims=True), _gaps(2, 3)),
        (lambda x, y, f=_plain: f(x, axis=0, initial=y, where=_FIRST), _gaps(2, 3), ()),
        (lambda x, y, f=_plain: f(x, axis=-1, initial=y), _gaps(3, 3), ()),
        (_plain, (2, 0)),
        (_plain, _gaps()),
    )
for _name, _plain in {"nanmax": np.nanmax, "nanmin": np.nanmin}.items():
    calls(
        _name,
        (_plain, _gaps(2, 3)),
        (lambda x, f=_plain: f(x, axis=1), _gaps(2, 3)),
        (lambda x, f=_plain: f(x, axis=(0, 1), keepdims=True), _gaps(2, 3)),
        (lambda x, y, f=_plain: f(x, initial=y), _gaps(3), ()),
        (lambda x, y, f=_plain: f(x, axis=1, initial=y, where=_FIRST), _gaps(2, 3), ()),
        dtypes=FLOATS,
    )
calls(
    "nanmean",
    (np.nanmean, _gaps(2, 3)),
    (lambda x: np.nanmean(x, axis=1, where=_FIRST), _gaps(2, 3)),
    (lambda x: np.nanmean(x, axis=0, keepdims=True), _gaps(3, 2)),
    (np.nanmean, _gaps()),
)
for _name, _plain in {"nanvar": np.nanvar, "nanstd": np.nanstd}.items():
    calls(
        _name,
        (_plain, _gaps(2, 3)),
        (lambda x, f=_plain: f(x, axis=1, ddof=1, keepdims=True), _gaps(2, 4)),
        (lambda x, f=_plain: f(x, axis=0, where=_FIRST[:, None]), _gaps(3, 2)),
        (lambda x, f=_plain: f(x, axis=-1, correction=0.5), _gaps(3, 3)),
        dtypes=INEXACT,
    )
    calls(
        f"{_name}_about",
        (lambda x, m, f=_plain: f(x, axis=0, mean=m), _gaps(3, 2), (1, 2)),
        (lambda x, m, f=_plain: f(x, axis=1, mean=m, where=_FIRST), _gaps(2, 3), (2, 1)),
        (lambda x, m, f=_plain: f(x, axis=1, mean=m, ddof=1, keepdims=True), _gaps(2, 3), (1, 1)),
    )
for _name in ("nanargmax", "nanargmin"):
    calls(_name, (getattr(np, _name), lambda draw: _gaps(2, 3)(draw.inside())), dtypes=FLOATS)
