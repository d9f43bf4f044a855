"""Recipes for the primitives of ``scipy.ndimage``."""

from __future__ import annotations

from typing import Any

import numpy as np

import functrans.scipy.ndimage as ndimage
from functrans.testing.strategies.operands import FLOATS, INEXACT, calls

calls(
    "scipy.ndimage.correlate1d",
    (ndimage.correlate1d, (2, 4), (3,)),
    (lambda x, w: ndimage.correlate1d(x, w, 0, mode="mirror", origin=-1), (3, 2), (2,)),
    (lambda x, w: ndimage.correlate1d(x, w, mode="constant", cval=0.5), (3,), (3,)),
    dtypes=INEXACT,
)
calls(
    "scipy.ndimage.correlate",
    (ndimage.correlate, (3, 2), (2, 2)),
    (lambda x, w: ndimage.correlate(x, w, mode="constant", cval=0.5, origin=(0, -1)), (2, 3), (1, 3)),
    (lambda x, w: ndimage.correlate(x, w, mode="wrap"), (4,), (3,)),
    dtypes=INEXACT,
)
calls(
    "scipy.ndimage.uniform_filter1d",
    (lambda x: ndimage.uniform_filter1d(x, 3), (2, 4)),
    (lambda x: ndimage.uniform_filter1d(x, 2, 0, mode="nearest"), (3, 2)),
    (lambda x: ndimage.uniform_filter1d(x, 3, mode="constant", cval=0.5, origin=1), (3,)),
    dtypes=INEXACT,
)
for _name in ("maximum_filter", "minimum_filter"):
    _f: Any = getattr(ndimage, _name)
    calls(
        f"scipy.ndimage.{_name}",
        (lambda x, f=_f: f(x, 2), (3, 2)),
        (lambda x, f=_f: f(x, 3, mode="nearest"), (4,)),
        dtypes=FLOATS,
    )
calls(
    "scipy.ndimage.rank_filter",
    (lambda x: ndimage.rank_filter(x, 1, 2), (3, 2)),
    (lambda x: ndimage.median_filter(x, 3, mode="mirror"), (4,)),
    dtypes=FLOATS,
)
_PLACES = np.array([[0.3, 1.6, 2.2], [0.4, 0.7, 1.3]])
_LINE = np.array([[0.3, 1.6, -0.4]])


def _near(places: Any) -> Any:
    """Coordinates off the edges of cells."""
    return lambda draw: (places + 0.05 * draw(places.shape, place=1)).astype(draw.dtype)


calls(
    "scipy.ndimage.map_coordinates",
    (lambda x, c: ndimage.map_coordinates(x, c, order=1, mode="nearest"), (4, 3), _near(_PLACES)),
    (lambda x, c: ndimage.map_coordinates(x, c, order=3, mode="mirror"), (4, 3), _near(_PLACES)),
    (lambda x, c: ndimage.map_coordinates(x, c, order=2, mode="grid-wrap", prefilter=False), (3,), _near(_LINE)),
    dtypes=FLOATS,
)
_MATRIX = np.array([[0.9, 0.13], [-0.12, 1.07]])
_OFFSET = np.array([0.21, 0.17])
calls(
    "scipy.ndimage.affine_transform",
    (
        lambda x, m, o: ndimage.affine_transform(x, m, o, (2, 3), order=1, mode="nearest"),
        (3, 2),
        lambda draw: (_MATRIX + 0.01 * draw((2, 2))).astype(draw.dtype),
        lambda draw: (_OFFSET + 0.01 * draw((2,))).astype(draw.dtype),
    ),
    dtypes=FLOATS,
)
calls(
    "scipy.ndimage.shift",
    (
        lambda x, s: ndimage.shift(x, s, order=1, mode="nearest"),
        (4, 3),
        lambda draw: (_OFFSET + 0.01 * draw((2,))).astype(draw.dtype),
    ),
    dtypes=FLOATS,
)
calls(
    "scipy.ndimage.zoom",
    (lambda x: ndimage.zoom(x, 1.7, order=1), (3, 2)),
    (lambda x: ndimage.zoom(x, 1.7, order=1, mode="grid-constant", grid_mode=True), (3,)),
    dtypes=FLOATS,
)
calls(
    "scipy.ndimage.spline_filter1d",
    (lambda x: ndimage.spline_filter1d(x, 3, 0), (3, 2)),
    (lambda x: ndimage.spline_filter1d(x, 2, mode="reflect"), (2, 3)),
    (lambda x: ndimage.spline_filter1d(x, 4, mode="grid-wrap"), (4,)),
    dtypes=FLOATS,
)
_LABELS = np.array([[1, 2], [2, 1], [0, 1]])
for _name in ("sum_labels", "mean", "variance", "standard_deviation", "maximum", "minimum"):
    _f = getattr(ndimage, _name)
    calls(
        f"scipy.ndimage.{_name}",
        (_f, (2, 3)),
        (lambda x, f=_f: f(x, _LABELS), (3, 2)),
        (lambda x, f=_f: f(x, _LABELS, [2, 1]), (3, 2)),
        dtypes=FLOATS,
    )
