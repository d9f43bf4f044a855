"""Wrong derivatives that no law can catch, and why: they are right, or right to rounding, everywhere.

Each is ``pattern: reason``; a ``*`` in the pattern stands for anything. It is compared with the key of a mutant: the
file, the kind, and the change.
"""

from __future__ import annotations

import re

_COMPARED = "what is only compared has no derivative"
_STEPS = "its own derivative is zero, wherever it exists"
_CAST = "tangents and cotangents are cast, and real parts taken, behind every rule"
_SHAPED = "cotangents are brought to their operand's shape behind every rule"
_EVEN = "the function is even in it"
_SIGN = "a sign, or its own inverse"
_FAST = "a short way: the general one gives the same"
_FINITE = "no derivative is infinite or undefined where the operands, or the value, are finite: it guards what is not"
_HARMLESS = "it absorbs where it need not"
_SPEC = "of that operand only the shape is read"
_ERROR = "it chooses the words of an error"

_ZERO = "that derivative is zero"

_A = "functrans/ops/arithmetic.py"
_E = "functrans/ops/elementwise.py"

EXPLAINED: dict[str, str] = {
    # Elementwise.
    f"{_A} detached: *remainder*": _STEPS,
    f"{_A} detached: fmod.locals[1]: *": _STEPS,
    f"{_A} detached: copysign.locals[0]: *": _STEPS,
    f"{_A} detached: <lambda copysign>: *": _STEPS,
    f"{_A} detached: <lambda absolute>: *": _STEPS,
    f"{_A} detached: <lambda fabs>: *": _STEPS,
    f"{_A} detached: <lambda maximum>: * in absorb(share(*": _COMPARED,
    f"{_A} conj: sign_complex.*: conj(operand 0)": "only its modulus is read",
    f"{_A} negate: _over_modulus: x -> -x *": _EVEN,
    f"{_A} negate: _safe_radius: *": _EVEN,
    f"{_A} negate: _difference: x -> -x *": "whether it is infinite does not depend on its sign",
    f"{_A} negate: _power_by_base: x -> -x *": "whether it is finite does not depend on its sign",
    f"{_A} swap: <lambda copysign>: *": _SIGN,
    f"{_A} swap: _power_by_exponent: base + 0j -> base - 0j*": "NumPy's `0 - 0j` of a real number has the same zero",
    f"{_A} drop call: <lambda absolute_complex>: np.real(*": _CAST,
    f"{_A} number: _power_is_singular: 1 -> 2 *": _HARMLESS,
    "functrans/ops/family.py missing unbroadcast: copysign.locals[1]: *": _ZERO,
    "functrans/ops/family.py missing unbroadcast: heaviside.locals[0]: *": _ZERO,
    "functrans/ops/family.py missing unbroadcast: nextafter.locals[1]: *": _ZERO,
    "functrans/ops/family.py singular: hypot: *": _FINITE,
    "functrans/ops/family.py singular: direction: *": _FINITE,
    "functrans/ops/family.py singular: logaddexp*: *": _FINITE,
    "functrans/ops/family.py singular: tan: *": _FINITE,
    f"{_E} *: modf.jvp[0]: *, part 1": _ZERO,
    f"{_E} negate: <lambda sin>: x -> -x in np.cos(x)": _EVEN,
    f"{_E} negate: <lambda sinh>: x -> -x in np.cosh(x)": _EVEN,
    f"{_E} negate: <lambda arcsinh>: x -> -x in np.hypot(1.0, x)": _EVEN,
    f"{_E} *: <lambda frexp>: * in (np.ldexp(dx, -out[1]), out[1] * 0)": "the tangent of an integer is not read",
    # Structure.
    "functrans/ops/contract.py drop call: <lambda vdot>: _shaped(*": _SHAPED,
    "functrans/ops/contract.py drop call: <lambda outer>: _shaped(*": _SHAPED,
    "functrans/ops/linalg.py conj: solve.*: conj(operand 1)": _SPEC,
    "functrans/ops/linalg.py detached: *: b -> stop_gradient(b) *_solve_columns(*": _SPEC,
    "functrans/ops/complex.py conj: complex_of.transposes[0]: conj(ct or dx)": "its real part is taken",
    "functrans/ops/complex.py drop call: <lambda complex_of>: np.real(ct) -> ct": _CAST,
    "functrans/ops/reduce.py wrong axis: sum.transposes[1]: *": "the start is one number, to which all is summed",
}


def reason(key: str) -> str:
    """Why a mutant cannot be caught; an empty string, where that is not known."""
    for pattern, why in EXPLAINED.items():
        if re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), key, re.DOTALL):
            return why
    return ""
