"""Arithmetic: what the operators ``+ - * / ** // % abs`` mean, and the ufuncs of two real numbers."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.duals import absorb
from functrans.ops.family import elementwise, operator_spec, real_spec
from functrans.ops.scalars import strong
from functrans.primitives import POSITIVE, REAL, Derivatives, Linear, Primitive, Rules
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import UFUNCS, UNARY
from functrans.tracing.tracer import Tracer

add = elementwise(np.add, [1.0, 1.0], symbol="+", python=operator.add)
subtract = elementwise(np.subtract, [1.0, -1.0], symbol="-", python=operator.sub)
multiply = elementwise(np.multiply, [lambda out, x, y: y, lambda out, x, y: x], symbol="*", python=operator.mul)
divide = elementwise(
    np.divide,
    # `strong`: Python's own division of two Python scalars would raise at zero where NumPy gives an infinity.
    [lambda out, x, y: 1.0 / strong(y), lambda out, x, y: -out / strong(y)],
    singular=True,
    symbol="/",
    python=operator.truediv,
)
negative = elementwise(np.negative, [-1.0], symbol="-", python=operator.neg)
positive = elementwise(np.positive, [1.0], symbol="+", python=operator.pos)


def _power_by_base(out: Any, x: Any, y: Any) -> Any:
    if type(y) is int or type(y) is float:
        if y == 2:
            return 2 * x
        return y * np.power(x, y - 1) if y != 0 else 0.0
    # x**0 is 1 for every x, so its derivative is zero also where 0 * x**-1 is not. Elsewhere the product stays, if it
    # may have a derivative in y.
    flat = y == 0
    if type(y) is Tracer:
        flat = flat & ((x == 0) | ~np.isfinite(x))
    return np.where(flat, 0.0, y * np.power(np.where(flat, 1.0, x), y - 1))


def _power_by_exponent(out: Any, x: Any, y: Any) -> Any:
    # 0**y is 0 for every y > 0: no derivative there, though log(0) is infinite.
    zero = x == 0
    base = np.where(zero, 1.0, x)
    if is_complex(out) and not is_complex(x):  # a negative real number has a complex logarithm
        base = base + 0j
    return np.where(zero, 0.0, np.log(base) * out)


def _power_is_singular(x: Any, y: Any) -> bool:
    return not (type(y) in (int, float) and 1 <= y <= 2) or is_complex(x)


_POWER = [_power_by_base, _power_by_exponent]
power = elementwise(np.power, _POWER, singular=_power_is_singular, domain=(POSITIVE, REAL))
float_power = elementwise(np.float_power, _POWER, singular=_power_is_singular, domain=(POSITIVE, REAL))
# `x ** y` and `np.power(x, y)` can differ in the last bit (arrays to the power 2 or 0.5, scalars): two primitives.
pow_operator = Primitive(
    "pow",
    operator.pow,
    operator_spec(np.power, operator.pow),
    Derivatives(_POWER, singular=_power_is_singular),
    # A minus binds less tightly: -2 ** x is -(2**x).
    source=lambda args, params: f"({args[0]}) ** {args[1]}" if args[0][0] == "-" else f"{args[0]} ** {args[1]}",
    domain=(POSITIVE, REAL),
)

_STEPS = "it is constant between its jumps"
floor_divide = elementwise(np.floor_divide, constant=_STEPS, symbol="//", python=operator.floordiv)
remainder = elementwise(
    np.remainder,
    # Adding 0 * out makes it NaN where the value is.
    [1.0, lambda out, x, y: 0.0 * out - np.floor_divide(x, y)],
    singular=True,
    symbol="%",
    python=operator.mod,
)
fmod = elementwise(np.fmod, [1.0, lambda out, x, y: np.divide(out - x, y)], singular=True)


def _divmod(x: Any, y: Any) -> Any:
    return np.floor_divide(x, y), np.remainder(x, y)


UFUNCS[np.divmod] = _divmod

# The modulus of a complex number is not holomorphic: two primitives, one per kind of number.
absolute = elementwise(np.absolute, [lambda out, x: np.sign(x)], python=operator.abs, symbol="")
absolute.source = lambda args, params: f"abs({args[0]})"


# d|z| = Re(conj(z/|z|) dz); NumPy's sign is z/|z|, and 0 at 0: the subgradient of least norm. There the next derivative
# is infinite, and a zero absorbs it.
_MODULUS = Rules(
    jvp=[lambda dx, out, x: np.real(absorb(dx, np.conj(np.sign(x))))],
    vjp=[lambda ct, out, x: absorb(ct, np.conj(np.sign(x)))],
)
absolute_complex = Primitive(
    "absolute_complex",
    np.absolute,
    real_spec,
    _MODULUS,
    source=lambda args, params: f"np.absolute({args[0]})",
    batch=batching.elementwise,
)
# `abs(z)` of one number can differ from it in the last bit.
abs_complex = Primitive(
    "abs_complex",
    operator.abs,
    real_spec,
    _MODULUS,
    source=lambda args, params: f"abs({args[0]})",
    batch=batching.elementwise,
)


def is_complex(x: Any) -> bool:
    """Whether a value has a complex dtype."""
    return ArraySpec.of(x).dtype.kind == "c"


def abs_operator(x: Any) -> Any:
    """``abs(x)`` of a traced value."""
    return bind(abs_complex if is_complex(x) else absolute, x)


def _absolute(x: Any) -> Any:
    x = strong(x)
    return bind(absolute_complex if is_complex(x) else absolute, x)


UFUNCS[np.absolute] = _absolute
fabs = elementwise(np.fabs, [lambda out, x: np.sign(x)])


def _over_modulus(u: Any, x: Any) -> Any:
    """``u / |x|``, in which an exact zero of ``u`` absorbs."""
    with np.errstate(all="ignore"):
        return absorb(u, 1.0 / np.abs(x))


sign = elementwise(np.sign, constant=_STEPS)
sign_complex = Primitive(
    "sign_complex",
    np.sign,
    lambda x: x.strong(),
    # u = z/|z| turns, it does not grow: du = (dz - u Re(conj(u) dz)) / |z|.
    Rules(
        jvp=[lambda dx, out, x: _over_modulus(dx - out * np.real(np.conj(out) * dx), x)],
        vjp=[lambda ct, out, x: _over_modulus(ct - np.conj(out) * np.real(ct * out), x)],
    ),
    source=lambda args, params: f"np.sign({args[0]})",
    batch=batching.elementwise,
)
del UNARY[np.sign]
UFUNCS[np.sign] = lambda x: bind(sign_complex if is_complex(x) else sign, x)

conjugate = elementwise(np.conjugate, derivative=Linear((lambda ct, x: np.conjugate(ct),)))


# The larger and the smaller: at a tie each operand gets half, so that the diagonal has slope one. An operand that is
# not chosen has no part in the result: its zero absorbs whatever comes.


def _picking(share: Callable[[Any, Any, Any], Any]) -> Rules:
    """Rules of a choice between two: ``share(out, x, y)`` is the part of the first."""
    rules = [
        lambda dx, out, x, y: absorb(share(out, x, y), dx),
        lambda dy, out, x, y: absorb(share(out, y, x), dy),
    ]
    return Rules(jvp=rules, vjp=rules)


_larger = _picking(lambda out, x, y: np.where(x == y, 0.5, (x == out) | (x != x)))
_larger_number = _picking(lambda out, x, y: np.where(x == y, 0.5, x == out))
maximum = elementwise(np.maximum, derivative=_larger, masks=True)
minimum = elementwise(np.minimum, derivative=_larger, masks=True)
fmax = elementwise(np.fmax, derivative=_larger_number, masks=True)
fmin = elementwise(np.fmin, derivative=_larger_number, masks=True)

copysign = elementwise(np.copysign, [lambda out, x, y: np.sign(x) * np.copysign(1.0, y), 0.0])
heaviside = elementwise(np.heaviside, [0.0, lambda out, x, h: np.where(x == 0, 1.0, 0.0)])
nextafter = elementwise(np.nextafter, [1.0, 0.0])
ldexp = elementwise(
    np.ldexp,
    derivative=Derivatives([lambda out, x, n: np.ldexp(1.0, n), None], singular=True),  # type: ignore[list-item]
)
