"""Running maxima and minima: ``np.maximum.accumulate`` and its like. Entries that tie share the derivative evenly.

Along an axis the result consists of runs of equal entries. Each entry has, of those of its run up to it which equal
the result, the mean tangent.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.primitives import Constant, Primitive, Rules, call_source
from functrans.tracing.bind import bind
from functrans.tracing.tracer import Tracer


def run_starts(x, axis):  # type: ignore[no-untyped-def]
    """For each entry the index, along an axis, where the run of equal entries (or of NaN) begins that it is in."""
    x = np.moveaxis(x, axis, -1)
    before, after = x[..., :-1], x[..., 1:]
    begins = (before != after) & ((before == before) | (after == after))
    starts = np.zeros(x.shape, np.intp)
    starts[..., 1:] = begins * np.arange(1, max(x.shape[-1], 1))
    return np.moveaxis(np.maximum.accumulate(starts, axis=-1), -1, axis)


_run_starts = Primitive(
    "run_starts",
    run_starts,
    lambda x, *, axis: ArraySpec(x.shape, np.intp),
    Constant("positions are integers"),
    source=lambda args, params: call_source("run_starts", args, params),
    helpers={"run_starts": run_starts},
    batch=batching.along("axis"),
)


def _within(x: Any, starts: Any, axis: int) -> Any:
    """Running sums that begin anew with each run."""
    sums = np.cumsum(x, axis=axis)
    return sums - np.take_along_axis(sums - x, starts, axis)


def _running_jvp(dx: Any, out: Any, x: Any, *, axis: int) -> Any:
    starts = bind(_run_starts, out, axis=axis)
    first = np.take_along_axis(dx, starts, axis)
    chosen = (x == out) | ((x != x) & (out != out))
    count = _within(np.where(chosen, 1, 0), starts, axis)
    if type(count) is not Tracer and np.all(count == 1):
        return first
    # The sums round, so they are taken where there are ties alone.
    return np.where(count == 1, first, _within(np.where(chosen, dx, 0), starts, axis) / count)


def _running(ufunc: np.ufunc) -> Primitive:
    name = f"{ufunc.__name__}.accumulate"
    return Primitive(
        name,
        ufunc.accumulate,
        lambda x, *, axis: ArraySpec(x.shape, x.dtype),
        Rules(jvp=[_running_jvp], vjp=None),
        masks=True,
        source=lambda args, params: call_source(f"np.{name}", args, params),
        batch=batching.along("axis"),
    )


RUNNING = {ufunc: _running(ufunc) for ufunc in (np.maximum, np.minimum, np.fmax, np.fmin)}
