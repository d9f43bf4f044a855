"""Comparisons, logic and integer arithmetic: no derivative, plain results in live tracing."""

from __future__ import annotations

import operator

import numpy as np

from functrans.ops.family import elementwise

_TRUTH = "its result is a truth value"
_INTEGER = "its result is an integer"

less = elementwise(np.less, constant=_TRUTH, symbol="<", python=operator.lt)
less_equal = elementwise(np.less_equal, constant=_TRUTH, symbol="<=", python=operator.le)
greater = elementwise(np.greater, constant=_TRUTH, symbol=">", python=operator.gt)
greater_equal = elementwise(np.greater_equal, constant=_TRUTH, symbol=">=", python=operator.ge)
equal = elementwise(np.equal, constant=_TRUTH, symbol="==", python=operator.eq)
not_equal = elementwise(np.not_equal, constant=_TRUTH, symbol="!=", python=operator.ne)

logical_and = elementwise(np.logical_and, constant=_TRUTH)
logical_or = elementwise(np.logical_or, constant=_TRUTH)
logical_xor = elementwise(np.logical_xor, constant=_TRUTH)
logical_not = elementwise(np.logical_not, constant=_TRUTH)
isfinite = elementwise(np.isfinite, constant=_TRUTH)
isinf = elementwise(np.isinf, constant=_TRUTH)
isnan = elementwise(np.isnan, constant=_TRUTH)
signbit = elementwise(np.signbit, constant=_TRUTH)

bitwise_and = elementwise(np.bitwise_and, constant=_INTEGER, symbol="&", python=operator.and_)
bitwise_or = elementwise(np.bitwise_or, constant=_INTEGER, symbol="|", python=operator.or_)
bitwise_xor = elementwise(np.bitwise_xor, constant=_INTEGER, symbol="^", python=operator.xor)
invert = elementwise(np.invert, constant=_INTEGER, symbol="~", python=operator.invert)
left_shift = elementwise(np.left_shift, constant=_INTEGER, symbol="<<", python=operator.lshift)
right_shift = elementwise(np.right_shift, constant=_INTEGER, symbol=">>", python=operator.rshift)
gcd = elementwise(np.gcd, constant=_INTEGER)
lcm = elementwise(np.lcm, constant=_INTEGER)
bitwise_count = elementwise(np.bitwise_count, constant=_INTEGER)
