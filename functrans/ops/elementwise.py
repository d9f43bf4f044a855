"""Functions of one number: powers, exponentials, logarithms, trigonometric, hyperbolic, rounding."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.family import elementwise, ufunc_spec
from functrans.primitives import POSITIVE, REAL, Derivatives, Primitive, Rules
from functrans.tracing.bind import bind, bind_unary
from functrans.tracing.dispatch import UFUNCS

_LOG2 = 0.6931471805599453
_LOG10 = 2.302585092994046
_UNIT = (-1.0, 1.0)
_ABOVE_ONE = (1.0, float("inf"))
_STEPS = "it is constant between its jumps"

exp = elementwise(np.exp, [lambda out, x: out], singular=True)
exp2 = elementwise(np.exp2, [lambda out, x: out * _LOG2], singular=True)
expm1 = elementwise(np.expm1, [lambda out, x: np.exp(x)], singular=True)
log = elementwise(np.log, [lambda out, x: np.divide(1.0, x)], singular=True, domain=POSITIVE)
log2 = elementwise(np.log2, [lambda out, x: np.divide(1.0 / _LOG2, x)], singular=True, domain=POSITIVE)
log10 = elementwise(np.log10, [lambda out, x: np.divide(1.0 / _LOG10, x)], singular=True, domain=POSITIVE)
log1p = elementwise(np.log1p, [lambda out, x: np.divide(1.0, 1.0 + x)], singular=True, domain=(-1.0, float("inf")))
sqrt = elementwise(np.sqrt, [lambda out, x: 0.5 / out], singular=True, domain=POSITIVE)
cbrt = elementwise(np.cbrt, [lambda out, x: 1.0 / (3.0 * (out * out))], singular=True, domain=POSITIVE)
square = elementwise(np.square, [lambda out, x: 2.0 * x])
reciprocal = elementwise(np.reciprocal, [lambda out, x: -out * out], singular=True, domain=POSITIVE)


def _is_complex(x: Any) -> bool:
    # Far off the real line their slopes overflow, or they have poles there.
    return type(x) is not np.float64 and ArraySpec.of(x).dtype.kind == "c"


sin = elementwise(np.sin, [lambda out, x: np.cos(x)], singular=_is_complex)
cos = elementwise(np.cos, [lambda out, x: -np.sin(x)], singular=_is_complex)
tan = elementwise(np.tan, [lambda out, x: 1.0 + out * out], singular=True, domain=(-1.5, 1.5))


# 1 - x**2 without cancellation near the ends: (1 - x) * (1 + x). But the derivative of that product, as a sum of two,
# would cancel near zero.
def one_minus_square(x):  # type: ignore[no-untyped-def]
    """``1 - x**2``."""
    return np.multiply(1.0 - x, 1.0 + x)


_one_minus_square = Primitive(
    "one_minus_square",
    one_minus_square,
    ufunc_spec(np.cosh),
    Derivatives([lambda out, x: -2.0 * x]),
    source=lambda args, params: f"one_minus_square({args[0]})",
    helpers={"one_minus_square": one_minus_square},
    domain=(_UNIT,),
)
arcsin = elementwise(
    np.arcsin, [lambda out, x: 1.0 / np.sqrt(bind_unary(_one_minus_square, x))], singular=True, domain=_UNIT
)
arccos = elementwise(
    np.arccos, [lambda out, x: -1.0 / np.sqrt(bind_unary(_one_minus_square, x))], singular=True, domain=_UNIT
)


# As a quotient its derivative would take the square of the square of x, which overflows at 1e77.
def arctan_slope(x):  # type: ignore[no-untyped-def]
    """``1 / (1 + x**2)``, the derivative of ``arctan``."""
    with np.errstate(over="ignore"):
        return np.divide(1.0, 1.0 + x * x)


_arctan_slope = Primitive(
    "arctan_slope",
    arctan_slope,
    ufunc_spec(np.cosh),
    Derivatives([lambda out, x: -2.0 * (x * out) * out], singular=_is_complex),
    source=lambda args, params: f"arctan_slope({args[0]})",
    helpers={"arctan_slope": arctan_slope},
    domain=(REAL,),
)
arctan = elementwise(np.arctan, [lambda out, x: bind_unary(_arctan_slope, x)], singular=_is_complex)
sinh = elementwise(np.sinh, [lambda out, x: np.cosh(x)], singular=True)
cosh = elementwise(np.cosh, [lambda out, x: np.sinh(x)], singular=True)


# Not 1 - tanh(x)**2, which loses every digit in the tails: the derivative of tanh at 20 is 1.7e-17, not 0. And a
# primitive of its own, whose derivatives stay finite where cosh overflows.
def sech_squared(x):  # type: ignore[no-untyped-def]
    """``1 / cosh(x)**2``, the derivative of ``tanh``."""
    # Where no cosh overflows, in whatever precision, nothing need be said: to say it costs as much as all of this.
    if type(x) is np.float64:
        if -10.0 < x < 10.0:
            return np.square(1.0 / np.cosh(x))
    elif type(x) is np.ndarray and x.dtype.kind == "f" and x.size <= 256 and np.vdot(x, x) < 100.0:
        return np.square(1.0 / np.cosh(x))
    if np.iscomplexobj(x):  # far out it is zero, where a complex cosh is no number
        reach = 400.0 if np.result_type(x).itemsize == 16 else 60.0
        x = np.clip(np.real(x), -reach, reach) + 1j * np.imag(x)
    with np.errstate(over="ignore"):
        return np.square(1.0 / np.cosh(x))


_sech_squared = Primitive(
    "sech_squared",
    sech_squared,
    ufunc_spec(np.cosh),
    Derivatives([lambda out, x: -2.0 * np.tanh(x) * out]),
    source=lambda args, params: f"sech_squared({args[0]})",
    helpers={"sech_squared": sech_squared},
    domain=(REAL,),
)
tanh = elementwise(np.tanh, [lambda out, x: bind_unary(_sech_squared, x)])
# On the reals by `hypot`: x * x overflows where 1 / |x| is an ordinary number. There is no complex `hypot`.
arcsinh = elementwise(
    np.arcsinh,
    [lambda out, x: 1.0 / (np.sqrt(x * x + 1.0) if np.iscomplexobj(x) else np.hypot(1.0, x))],
    singular=_is_complex,
)
arccosh = elementwise(
    # Two roots, not one of x**2 - 1: right on both sides of the complex branch cut.
    np.arccosh,
    [lambda out, x: 1.0 / (np.sqrt(x - 1.0) * np.sqrt(x + 1.0))],
    singular=True,
    domain=_ABOVE_ONE,
)
arctanh = elementwise(
    np.arctanh, [lambda out, x: np.divide(1.0, bind_unary(_one_minus_square, x))], singular=True, domain=_UNIT
)

_DEGREE = 0.017453292519943295
deg2rad = elementwise(np.deg2rad, [_DEGREE])
radians = elementwise(np.radians, [_DEGREE])
rad2deg = elementwise(np.rad2deg, [1.0 / _DEGREE])
degrees = elementwise(np.degrees, [1.0 / _DEGREE])

floor = elementwise(np.floor, constant=_STEPS)
ceil = elementwise(np.ceil, constant=_STEPS)
trunc = elementwise(np.trunc, constant=_STEPS)
rint = elementwise(np.rint, constant=_STEPS)
spacing = elementwise(np.spacing, constant=_STEPS)


def _pair_spec(ufunc: np.ufunc) -> Any:
    def spec(x: ArraySpec) -> tuple[ArraySpec, ...]:
        dtypes = ufunc.resolve_dtypes((x.dtype, None, None))[-2:]
        return tuple(ArraySpec(x.shape, dtype) for dtype in dtypes)

    return spec


modf = Primitive(
    "modf",
    np.modf,
    _pair_spec(np.modf),
    Rules(jvp=[lambda dx, out, x: (dx, np.zeros_like(dx))], vjp=[lambda ct, out, x: ct[0]]),
    multiple=True,
    batch=batching.elementwise,
)
UFUNCS[np.modf] = lambda x: bind(modf, x)
frexp = Primitive(
    "frexp",
    np.frexp,
    _pair_spec(np.frexp),
    Rules(
        jvp=[lambda dx, out, x: (np.ldexp(dx, -out[1]), out[1] * 0)],
        vjp=[lambda ct, out, x: np.ldexp(ct[0], -out[1])],
    ),
    multiple=True,
    batch=batching.elementwise,
)
UFUNCS[np.frexp] = lambda x: bind(frexp, x)
