"""The error function and its relatives.

Source: NIST Digital Library of Mathematical Functions, chapter 7.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from functrans.ops.family import elementwise

_SLOPE = 2 / np.sqrt(np.pi)

elementwise(special.erf, [lambda out, x: _SLOPE * np.exp(-x * x)])
