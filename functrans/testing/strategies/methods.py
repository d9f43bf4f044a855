"""Recipes for the primitives of the methods of ufuncs: ``reduce``, ``accumulate``."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.testing.strategies.operands import FLOATS, INEXACT, calls, register

_MASK = np.array([[True, False, True], [False, True, True]])

for _ufunc in (np.maximum, np.minimum, np.fmax, np.fmin):
    _running: Any = _ufunc.accumulate
    calls(
        f"{_ufunc.__name__}.accumulate",
        (_running, (5,)),
        (lambda x, f=_running: f(x, axis=1), (2, 4)),
        (_running, (3, 2)),
        (_running, (0, 2)),
        dtypes=INEXACT,
    )
register("run_starts", lambda draw: ([np.repeat(draw((2, 2)), [2, 1], axis=1)], {"axis": draw.choice([1, 0])}))

for _logsum in (np.logaddexp, np.logaddexp2):
    _reduce: Any = _logsum.reduce
    calls(
        f"{_logsum.__name__}.reduce",
        (_reduce, (3,)),
        (lambda x, f=_reduce: f(x, axis=1, keepdims=True), (2, 3)),
        (lambda x, f=_reduce: f(x, axis=(0, 2)), (2, 3, 2)),
        (lambda x, i, f=_reduce: f(x, axis=1, initial=i), (2, 3), ()),
        (lambda x, i, f=_reduce: f(x, axis=1, initial=i, where=_MASK), (2, 3), ()),
        (lambda x, f=_reduce: f(x, axis=None, where=_MASK), (2, 3)),
        (lambda x, f=_reduce: f(x, initial=None), (2, 3)),
        dtypes=FLOATS,
    )
