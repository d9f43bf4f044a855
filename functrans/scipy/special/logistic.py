"""Logistic functions, logarithms and entropies: sums of exponentials that do not overflow."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from functrans.scipy.covering import covers


@covers(special.logsumexp)
def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False) -> Any:
    """To be written."""
    return np.logaddexp.reduce(a, axis=axis, keepdims=keepdims)
