"""Spherical Bessel functions, and the functions of Kelvin.

Source: NIST Digital Library of Mathematical Functions, 10.51 (derivatives by both neighbours in the order: nothing is
divided by the argument), 10.61 (Kelvin's functions are Bessel functions along a diagonal).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.duals import absorb
from functrans.ops.family import broadcast_shapes, elementwise, operand
from functrans.primitives import POSITIVE, Primitive, Rules
from functrans.scipy.covering import covers
from functrans.scipy.special.several import Function, several
from functrans.tracing.bind import bind
from functrans.tracing.tracer import Tracer


def _spherical(letter: str, below: float, above: float) -> Function:
    """``f'(n, z) = (below n f(n - 1, z) + above (n + 1) f(n + 1, z)) / (2 n + 1)``."""
    name = f"spherical_{letter}n"
    theirs = getattr(special, name)
    dtypes: dict[Any, Any] = {}

    def slope(t: Any, out: Any, n: Any, z: Any, derivative: bool) -> Any:
        lower = bind(primitive, np.maximum(n - 1, 0), z, derivative=derivative)
        higher = bind(primitive, n + 1, z, derivative=derivative)
        width = 2.0 * n + 1.0
        return absorb(t, (below * n / width) * lower + (above * (n + 1) / width) * higher)

    def function_spec(n: ArraySpec, z: ArraySpec, derivative: bool) -> ArraySpec:
        # What becomes of single precision is not the same in every version of SciPy, so it is asked.
        found = dtypes.get(z.dtype)
        if found is None:
            found = dtypes[z.dtype] = theirs(np.ones(1, np.dtype("long")), np.ones(1, z.dtype)).dtype
        return ArraySpec(broadcast_shapes(name, (n, z)), found)

    primitive = Primitive(
        f"scipy.special.{name}",
        theirs,
        function_spec,
        Rules(jvp=[None, slope], vjp=[None, slope]),
        source=lambda args, params: (
            f"scipy.special.{name}({', '.join(args)}{', derivative=True' if params['derivative'] else ''})"
        ),
        batch=batching.elementwise,
    )

    def function(n: Any, z: Any, derivative: Any = False) -> Any:
        """The order ``n`` is a plain integer: no derivative in it is known."""
        order = n if type(n) is Tracer else np.asarray(n, np.dtype("long"))[()]
        return bind(primitive, order, operand(z), derivative=bool(derivative))

    covers(theirs)(function)
    return function


spherical_jn = _spherical("j", 1.0, -1.0)
spherical_yn = _spherical("y", 1.0, -1.0)
spherical_in = _spherical("i", 1.0, 1.0)
spherical_kn = _spherical("k", -1.0, -1.0)

# Kelvin's functions: ber + i bei = I(0, w), w = x exp(i pi / 4).


def _bent(x: Any) -> Any:
    """The second derivative of ``ber + i bei``."""
    w = x * complex(0.5**0.5, 0.5**0.5)
    return 0.5j * (special.iv(0.0, w) + special.iv(2.0, w))


def _bent_k(x: Any, ker: Any, kei: Any, kerp: Any, keip: Any) -> tuple[Any, Any]:
    """The second derivatives of ``ker`` and ``kei``: near the pole by the equation, 10.61.3."""
    near = x < 1.0
    y = np.where(near, 1.0, x) * complex(0.5**0.5, 0.5**0.5)
    far = 0.5j * (special.kv(0.0, y) + special.kv(2.0, y))
    return np.where(near, -kei - kerp / x, np.real(far)), np.where(near, ker - keip / x, np.imag(far))


def _kerp_slope(out: Any, x: Any) -> Any:
    return _bent_k(x, special.ker(x), special.kei(x), out, special.keip(x))[0]


def _keip_slope(out: Any, x: Any) -> Any:
    return _bent_k(x, special.ker(x), special.kei(x), special.kerp(x), out)[1]


def _kelvin_slopes(out: Any, x: Any) -> tuple[Any, ...]:
    _, k, b_slope, k_slope = out
    ker, kei = _bent_k(x, np.real(k), np.imag(k), np.real(k_slope), np.imag(k_slope))
    return b_slope, k_slope, _bent(x), ker + 1j * kei


elementwise(special.ber, [lambda out, x: special.berp(x)], singular=True)
elementwise(special.bei, [lambda out, x: special.beip(x)], singular=True)
elementwise(special.ker, [lambda out, x: special.kerp(x)], singular=True, domain=POSITIVE)
elementwise(special.kei, [lambda out, x: special.keip(x)], singular=True, domain=POSITIVE)
elementwise(special.berp, [lambda out, x: np.real(_bent(x))], singular=True)
elementwise(special.beip, [lambda out, x: np.imag(_bent(x))], singular=True)
elementwise(special.kerp, [_kerp_slope], singular=True, domain=POSITIVE)
elementwise(special.keip, [_keip_slope], singular=True, domain=POSITIVE)
several(special.kelvin, [_kelvin_slopes])

# Integrals from zero.

several(special.itj0y0, [lambda out, x: (special.j0(x), special.y0(x))])
several(special.iti0k0, [lambda out, x: (special.i0(x), special.k0(x))])
