"""``x.view``: the same entries, complex numbers as pairs of real ones, and pairs as complex numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.ops.complex import make_complex
from functrans.ops.family import real_dtype
from functrans.ops.refuse import refuse_memory
from functrans.tracing.dispatch import METHODS


def view(x: Any, dtype: Any = None, type: Any = np.ndarray) -> Any:
    """``x.view(dtype)``, if that says what the entries are made of whatever memory looks like."""
    if dtype is np.ndarray:
        dtype = None
    if type is not np.ndarray or (isinstance(dtype, _TYPE) and issubclass(dtype, np.ndarray)):
        refuse_memory(x, "view")
    dtype = x.dtype if dtype is None else np.dtype(dtype)
    if dtype == x.dtype:
        return x
    pair = {dtype.kind, x.dtype.kind} == {"f", "c"}
    if not pair or real_dtype(dtype) != real_dtype(x.dtype):
        refuse_memory(x, "view")
    if not x.ndim:
        raise ValueError("Changing the dtype of a 0d array is only supported if the itemsize is unchanged")
    *rest, last = x.shape
    if dtype.kind == "f":
        return np.reshape(np.stack([np.real(x), np.imag(x)], axis=-1), (*rest, 2 * last))
    if last % 2:
        raise ValueError(
            "When changing to a larger dtype, its size must be a divisor of the total size in bytes of the last axis "
            "of the array."
        )
    return make_complex(x[..., ::2], x[..., 1::2])


_TYPE = type
METHODS["view"] = view
