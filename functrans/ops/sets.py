"""Arrays as sets: ``union1d``, ``intersect1d``, …. What they return are entries, with the derivatives of those."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.ops.family import operand
from functrans.ops.index import getitem
from functrans.ops.plain import known
from functrans.ops.scalars import strong
from functrans.tracing.dispatch import implements


def _set(value: Any, unique: bool) -> Any:
    value = np.ravel(strong(operand(value)))
    return value if unique else np.unique(value)


@implements(np.union1d)
def union1d(ar1: Any, ar2: Any) -> Any:
    """``np.union1d``; the values must be known. Of equal entries the first has the derivative."""
    return np.unique(np.concatenate([ar1, ar2], axis=None))


@implements(np.intersect1d)
def intersect1d(ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False) -> Any:
    """``np.intersect1d``; the values must be known. The entry of ``ar1`` has the derivative."""
    ar1, ar2 = np.ravel(strong(operand(ar1))), np.ravel(strong(operand(ar2)))
    plain = known((ar1, ar2), "np.intersect1d")
    first, second = np.intersect1d(*plain, assume_unique, return_indices=True)[1:]  # type: ignore[call-overload]
    values = getitem(np.concatenate([ar1, ar2]), first)
    return (values, first, second) if return_indices else values


@implements(np.setdiff1d)
def setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    """``np.setdiff1d``; the values must be known."""
    ar1 = _set(ar1, assume_unique)
    plain, others = known((ar1, ar2), "np.setdiff1d")
    return getitem(ar1, ~np.isin(plain, np.ravel(others)))


@implements(np.setxor1d)
def setxor1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    """``np.setxor1d``; the values must be known."""
    both = np.concatenate([_set(ar1, assume_unique), _set(ar2, assume_unique)])
    plain = known(both, "np.setxor1d")
    if not plain.size:
        return both
    order = np.argsort(plain, kind="stable")
    plain = plain[order]
    changes = np.concatenate([[True], plain[1:] != plain[:-1], [True]])
    return getitem(both, order[changes[1:] & changes[:-1]])
