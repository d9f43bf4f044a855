"""Measurements of labelled pictures: sums, means, variances, extremes, centres of mass; the labels must be known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import ndimage

from functrans.errors import UncoveredFunctionError
from functrans.ir.spec import ArraySpec
from functrans.ops.family import operand
from functrans.ops.index import getitem, scatter_p
from functrans.ops.index_template import ARRAY
from functrans.ops.plain import known
from functrans.ops.scalars import strong
from functrans.primitives import Primitive, call_source
from functrans.scipy import twin
from functrans.scipy.covering import covers
from functrans.tracing.bind import bind


class _Regions:
    """The entries of each region, as places in the flat picture and numbers of regions."""

    __slots__ = ("counts", "number", "places", "shape")

    def __init__(self, shape: tuple[int, ...], labels: Any = None, index: Any = None) -> None:
        if labels is None:
            inside, wanted = np.zeros(shape, int), np.zeros((), int)
        elif index is None:
            inside, wanted = np.where(np.broadcast_to(labels, shape) > 0, 0, -1), np.zeros((), int)
        else:
            inside, wanted = np.broadcast_to(labels, shape), np.asarray(index)
        kept, back = np.unique(wanted, return_inverse=True)
        back = back.reshape(wanted.shape)
        slot = np.clip(np.searchsorted(kept, inside), 0, len(kept) - 1)
        found = np.ravel(kept[slot] == inside)
        self.places = np.flatnonzero(found)
        self.number = np.ravel(slot)[found]
        self.counts = np.bincount(self.number, minlength=len(kept))[back]
        self.shape = back  # which region each entry of the result is of

    def entries(self, x: Any) -> Any:
        return getitem(np.ravel(x), self.places)

    def total(self, values: Any) -> Any:
        """The sum of the values in each region, for each entry of the result."""
        sums = bind(scatter_p, values, self.number, template=(ARRAY,), shape=(int(self.number.max(initial=-1)) + 1,))
        missing = self.shape >= sums.shape[0]
        if sums.shape[0] == 0:
            return np.zeros(self.shape.shape, values.dtype)
        return np.where(missing, 0.0, getitem(sums, np.where(missing, 0, self.shape)))

    def of_entries(self, results: Any) -> Any:
        """For each entry, what there is for its region; ``results`` has one for each entry of the result."""
        first = np.zeros(int(self.number.max(initial=-1)) + 1, int)
        flat = np.ravel(self.shape)
        first[flat[flat < len(first)]] = np.flatnonzero(flat < len(first))
        return getitem(np.reshape(results, (-1,)), first[self.number])


def _sum(x: Any, regions: _Regions) -> Any:
    return regions.total(regions.entries(x))


def _mean(x: Any, regions: _Regions) -> Any:
    return _sum(x, regions) / regions.counts


def _variance(x: Any, regions: _Regions) -> Any:
    off = regions.entries(x) - regions.of_entries(_mean(x, regions))
    return regions.total(np.real(off * np.conjugate(off))) / regions.counts


def _deviation(x: Any, regions: _Regions) -> Any:
    variance = _variance(x, regions)
    spread = variance != 0  # else the derivative is zero, as that of `np.std`
    return np.where(spread, np.sqrt(np.where(spread, variance, 1.0)), variance)


def _picked(pick: Callable[..., Any]) -> Callable[..., Any]:
    def picked(x: Any, regions: _Regions) -> Any:
        entries = regions.entries(x)
        flat = [pick(getitem(entries, regions.number == k)) for k in np.ravel(regions.shape)]
        return np.reshape(np.stack(flat), regions.shape.shape)

    return picked


def _measuring(name: str, measure: Callable[..., Any], keeps: bool, real: bool) -> None:
    """``keeps``: the result has the dtype of the picture; ``real``: it has none of complex numbers."""
    function = getattr(ndimage, name)

    def written(x: Any, **of: twin.Fixed) -> Any:
        return measure(x, _Regions(tuple(x.shape), *[value.array for value in of.values()]))

    def spec(x: ArraySpec, labels: twin.Fixed | None = None, index: twin.Fixed | None = None) -> ArraySpec:
        shape = () if index is None else index.array.shape
        one = (labels is None or not shape) and name != "median"
        dtype = x.dtype if keeps or (one and name == "sum_labels") else np.result_type(x.dtype, np.float64)
        return ArraySpec(shape, dtype)

    def batch(primitive: Primitive, operands: Any, batched: Any, size: int, params: Any) -> Any:
        out = twin.batch(written)(primitive, operands, batched, size, params)
        x = ArraySpec.of(operands[0])
        dtype = spec(ArraySpec(x.shape[1:], x.dtype), **params).dtype  # SciPy's, which may be the wider one
        return out if out.dtype == dtype else out.astype(dtype)

    primitive = Primitive(
        f"scipy.ndimage.{name}",
        lambda x, **of: np.asarray(function(x, **{key: value.array[()] for key, value in of.items()}))[()],
        spec,
        twin.rules(written, 1),
        source=lambda args, params: (
            f"np.asarray({call_source(f'scipy.ndimage.{name}', args, {k: v.array[()] for k, v in params.items()})})[()]"
        ),
        masks=True,
        batch=batch,
    )

    @covers(function)
    def handler(input: Any, labels: Any = None, index: Any = None) -> Any:
        """Of known labels."""
        x = strong(operand(input))
        if x.dtype.kind == "c":
            raise UncoveredFunctionError(
                f"`scipy.ndimage.{name}` of traced complex numbers is not covered", "measure their parts."
            )
        if labels is None:
            if index is not None:
                raise ValueError("index without labels: give the labels")
            return bind(primitive, x)
        labels = np.asarray(known(labels, f"scipy.ndimage.{name}"))
        if labels.dtype.kind not in "biu":
            raise UncoveredFunctionError(
                f"labels of {labels.dtype} in `scipy.ndimage.{name}` of a traced value", "give integers."
            )
        labels = np.broadcast_to(labels, x.shape)
        if index is None:
            return bind(primitive, x, labels=twin.Fixed(labels))
        index = twin.Fixed(known(index, f"scipy.ndimage.{name}"))
        return bind(primitive, x, labels=twin.Fixed(labels), index=index)


_measuring("sum_labels", _sum, False, False)
_measuring("mean", _mean, False, False)
_measuring("variance", _variance, False, True)
_measuring("standard_deviation", _deviation, False, True)
_measuring("maximum", _picked(np.max), True, True)
_measuring("minimum", _picked(np.min), True, True)


@covers(ndimage.center_of_mass)
def center_of_mass(input: Any, labels: Any = None, index: Any = None) -> Any:
    """Of known labels: a tuple, or a list of one for each index."""
    from functrans.scipy.covering import COVERED

    sum_labels = COVERED["scipy.ndimage"]["sum_labels"]
    x = strong(operand(input))
    total = sum_labels(x, labels, index)
    grids = np.ogrid[tuple([slice(0, n) for n in x.shape])]
    centres = [sum_labels(x * grid.astype(float), labels, index) / total for grid in grids]
    if not np.shape(centres[0]):
        return tuple(centres)
    return [tuple([centre[i] for centre in centres]) for i in range(len(np.ravel(index)))]
