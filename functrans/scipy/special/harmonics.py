"""Spherical harmonics.

Source: NIST Digital Library of Mathematical Functions, 14.10.5 and 14.30.1, in the form that divides by no sine.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from functrans.errors import UncoveredFunctionError
from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.family import broadcast_shapes, operand
from functrans.primitives import Primitive, Rules
from functrans.scipy.covering import covers
from functrans.tracing.bind import bind


def _spec(n: ArraySpec, m: ArraySpec, theta: ArraySpec, phi: ArraySpec) -> ArraySpec:
    single = theta.dtype == phi.dtype == np.float32
    one = special.sph_harm_y(0, 0, *[np.ones((), np.float32 if single else float)[()]] * 2)
    return ArraySpec(broadcast_shapes("sph_harm_y", (n, m, theta, phi)), one.dtype)


def _slope(n: Any, m: Any, theta: Any, phi: Any) -> Any:
    """How it changes with the polar angle."""
    turn = np.exp(1j * phi)
    up = np.sqrt(np.maximum((n - m) * (n + m + 1.0), 0.0)) * bind(harmonic_p, n, m + 1, theta, phi) / turn
    down = np.sqrt(np.maximum((n + m) * (n - m + 1.0), 0.0)) * bind(harmonic_p, n, m - 1, theta, phi) * turn
    # SciPy takes the cosine alone, so that the sine counts as positive everywhere.
    return np.where(np.sin(theta) < 0, -0.5, 0.5) * (up - down)


harmonic_p: Primitive = Primitive(
    "scipy.special.sph_harm_y",
    special.sph_harm_y
    if hasattr(special, "sph_harm_y")
    else lambda n, m, theta, phi: special.sph_harm(m, n, phi, theta),
    _spec,
    Rules(
        jvp=[
            None,
            None,
            lambda t, out, n, m, theta, phi: t * _slope(n, m, theta, phi),
            lambda t, out, n, m, theta, phi: t * (1j * m) * out,
        ],
        vjp=[
            None,
            None,
            lambda ct, out, n, m, theta, phi: ct * _slope(n, m, theta, phi),
            lambda ct, out, n, m, theta, phi: ct * (1j * m) * out,
        ],
    ),
    masks=True,
    batch=batching.elementwise,
)

if hasattr(special, "sph_harm_y"):

    @covers(special.sph_harm_y, module="scipy.special", name="sph_harm_y")
    def sph_harm_y(n: Any, m: Any, theta: Any, phi: Any, *, diff_n: int = 0) -> Any:
        """In the angles; degree and order are integers."""
        if diff_n:
            raise UncoveredFunctionError(
                f"`scipy.special.sph_harm_y` of traced angles with diff_n={diff_n} is not covered",
                "leave it out, and differentiate: `functrans.jvp`, `functrans.jacobian`.",
            )
        return bind(harmonic_p, *[operand(value) for value in (n, m, theta, phi)])
