"""Hypergeometric functions, in the argument: there is no rule for their parameters, and differentiating in them is an
error that says so.

Source: NIST Digital Library of Mathematical Functions, 13.3, 15.5 and 16.3.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from functrans.ops.family import elementwise
from functrans.scipy.special.several import exactly


def _by_z_0f1(out: Any, v: Any, z: Any) -> Any:
    v = exactly(v, z)
    return np.divide(special.hyp0f1(v + 1, z), v)


def _by_z_1f1(out: Any, a: Any, b: Any, z: Any) -> Any:
    a, b = exactly(a, b, z), exactly(b, a, z)
    return np.divide(a, b) * special.hyp1f1(a + 1, b + 1, z)


def _by_z_2f1(out: Any, a: Any, b: Any, c: Any, z: Any) -> Any:
    a, b, c = exactly(a, b, c, z), exactly(b, a, c, z), exactly(c, a, b, z)
    return np.divide(a * b, c) * special.hyp2f1(a + 1, b + 1, c + 1, z)


def _by_z_u(out: Any, a: Any, b: Any, x: Any) -> Any:
    a, b = exactly(a, b, x), exactly(b, a, x)
    return -a * special.hyperu(a + 1, b + 1, x)


_PARAMETER = (0.3, 3.0)
elementwise(special.hyp0f1, [None, _by_z_0f1], singular=True, domain=(_PARAMETER, (-4.0, 4.0)))
elementwise(special.hyp1f1, [None, None, _by_z_1f1], singular=True, domain=(_PARAMETER, _PARAMETER, (-4.0, 4.0)))
elementwise(
    special.hyp2f1,
    [None, None, None, _by_z_2f1],
    singular=True,
    domain=(_PARAMETER, _PARAMETER, _PARAMETER, (-0.8, 0.8)),
)
elementwise(special.hyperu, [None, None, _by_z_u], singular=True, domain=(_PARAMETER, _PARAMETER, (0.3, 4.0)))
