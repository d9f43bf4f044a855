"""Airy functions, scaled ones, and their integrals.

Source: NIST Digital Library of Mathematical Functions, 9.2 (the equation that they solve: the second derivative is the
function times its argument), 9.6 (they are modified Bessel functions, of which those that are scaled have derivatives
that do not cancel).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from functrans.errors import UncoveredFunctionError
from functrans.ops.arithmetic import is_complex
from functrans.scipy.special.bessel import scaled_i, scaled_k
from functrans.scipy.special.several import several

_THIRD, _TWO_THIRDS = 1.0 / 3.0, 2.0 / 3.0
_ROOT_3 = 1.7320508075688772


def _slopes(out: Any, z: Any) -> tuple[Any, ...]:
    a, a_slope, b, b_slope = out
    return a_slope, z * a, b_slope, z * b


several(special.airy, [_slopes])


def _scaled_slopes(out: Any, x: Any) -> tuple[Any, ...]:
    if is_complex(x):
        raise UncoveredFunctionError(
            "the derivative of `scipy.special.airye` at complex numbers is not covered",
            "it scales by a modulus, and so is not holomorphic: scale `scipy.special.airy`.",
        )
    # Where x is large the slope is what is left of a product with sqrt(x) and another: there by Bessel functions.
    far, right = x > 1.0, x > 0.0
    a, a_slope, b, b_slope = out
    near = np.where(far | ~right, 1.0, x)
    root = np.where(right, np.sqrt(np.where(right, near, 1.0)), 0.0)
    there = np.where(far, x, 2.0)
    depth = np.sqrt(there)
    zeta = _TWO_THIRDS * there * depth
    third = scaled_i(-_THIRD, zeta, n=1) + scaled_i(_THIRD, zeta, n=1)
    two_thirds = scaled_i(-_TWO_THIRDS, zeta, n=1) + scaled_i(_TWO_THIRDS, zeta, n=1)
    left = np.where(far, 0.0, x)
    return (
        np.where(
            far, a / (2.0 * there) + (there / (_ROOT_3 * np.pi)) * scaled_k(_THIRD, zeta, n=1), a_slope + root * a
        ),
        np.where(
            far,
            a_slope / there - (there * depth / (_ROOT_3 * np.pi)) * scaled_k(_TWO_THIRDS, zeta, n=1),
            left * a + root * a_slope,
        ),
        np.where(far, b / (2.0 * there) + (there / _ROOT_3) * third, b_slope - root * b),
        np.where(far, b_slope / there + (there * depth / _ROOT_3) * two_thirds, left * b - root * b_slope),
    )


several(special.airye, [_scaled_slopes])


def _integrands(out: Any, x: Any) -> tuple[Any, ...]:
    (a, _, b, _), (a_left, _, b_left, _) = special.airy(x), special.airy(-x)
    return a, b, a_left, b_left


several(special.itairy, [_integrands])
