"""Real and imaginary parts, angles."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.family import broadcast_shapes, operand, real_spec
from functrans.primitives import Linear, Primitive
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import METHODS, implements


def complex_of(re, im):  # type: ignore[no-untyped-def]
    """The complex numbers with these parts; unlike ``re + 1j * im`` exact for infinities and signed zeros."""
    out = np.empty(np.broadcast_shapes(np.shape(re), np.shape(im)), np.result_type(re, im, np.complex64))
    out.real = re
    out.imag = im
    return out[()]


# The pairing of cotangent and tangent is Re(ct * z) = Re(ct) Re(z) - Im(ct) Im(z): hence the signs below.
complex_p = Primitive(
    "complex_of",
    complex_of,
    lambda re, im: ArraySpec(
        broadcast_shapes("complex_of", (re, im)), np.result_type(re.dtype, im.dtype, np.complex64)
    ),
    Linear((lambda ct, re, im: np.real(ct), lambda ct, re, im: -np.imag(ct))),
    source=lambda args, params: f"complex_of({', '.join(args)})",
    helpers={"complex_of": complex_of},
    batch=batching.elementwise,
)
real_p = Primitive("real", np.real, real_spec, Linear((lambda ct, z: ct,)), batch=batching.elementwise)
imag_p = Primitive(
    "imag",
    np.imag,
    real_spec,
    Linear((lambda ct, z: make_complex(np.zeros(ct.shape, ct.dtype), -ct),)),
    batch=batching.elementwise,
)


def make_complex(re: Any, im: Any) -> Any:
    """The complex numbers with these parts."""
    return bind(complex_p, re, im)


@implements(np.real)
def real(val: Any) -> Any:
    """``np.real``: a real value is its own real part."""
    return bind(real_p, val) if val.dtype.kind == "c" else val


@implements(np.imag)
def imag(val: Any) -> Any:
    """``np.imag``: of a real value, plain zeros."""
    if val.dtype.kind == "c":
        return bind(imag_p, val)
    spec = val.spec
    return spec.dtype.type(0).item() if spec.weak else np.zeros(spec.shape, spec.dtype)[()]


def _conjugate_method(x: Any) -> Any:
    return np.conjugate(x) if x.dtype.kind == "c" else x


METHODS["conj"] = METHODS["conjugate"] = _conjugate_method


@implements(np.angle)
def angle(z: Any, deg: bool = False) -> Any:
    """``np.angle``. Its derivative is taken as 0 at the origin, and is 0 for real numbers."""
    z = operand(z)
    out = np.arctan2(np.imag(z) if z.dtype.kind == "c" else 0, np.real(z))
    return out * (180 / np.pi) if deg else out


@implements(np.real_if_close)
def real_if_close(a: Any, tol: float = 100) -> Any:
    """``np.real_if_close``: the real part, if all imaginary parts are known to be within ``tol``."""
    if a.dtype.kind != "c":
        return a
    if tol > 1:
        tol = np.finfo(a.dtype).eps * tol
    return np.real(a) if np.all(np.absolute(np.imag(a)) < tol) else a
