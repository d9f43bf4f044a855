"""``np.linalg.eigh`` and ``eigvalsh``: eigenvalues and eigenvectors of hermitian matrices.

NumPy reads one triangle of the matrix, and of a complex diagonal the real part, so these are functions of such entries
alone (as :mod:`functrans.ops.cholesky`). The eigenvectors turn as little as they must: ``v^H dv`` has a zero diagonal,
which for complex ones settles the phase, as in JAX and PyTorch. What happens at repeated eigenvalues is said in
:mod:`functrans.ops.spectrum` and :mod:`functrans.ops.eigenvalues`.

Source: M. Giles, *An extended collection of matrix derivative results for forward and reverse mode algorithmic
differentiation* (2008), section 3.1; Kato, *Perturbation Theory for Linear Operators* (1995), chapter II.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.ir.spec import ArraySpec
from functrans.ops.contract import conj
from functrans.ops.contraction import matrices
from functrans.ops.eigenvalues import gradient_of, tangent_of
from functrans.ops.family import operand, real_dtype
from functrans.ops.linalg import linalg_dtype, square
from functrans.ops.spectrum import adjoint, diagonal_of, differences, mixed, quotient, significant, ties, unused
from functrans.primitives import Primitive, Rules, Source, call_source
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import implements


def _half(x: Any, lower: bool) -> Any:
    """The triangle that is read, with half the diagonal: it and its adjoint add up to the matrix that NumPy means."""
    triangle = np.tril(x) if lower else np.triu(x)
    return triangle * (1.0 - 0.5 * np.eye(x.shape[-1])).astype(real_dtype(x.dtype))


def _read(a: Any, lower: bool) -> Any:
    """The hermitian matrix that NumPy means."""
    half = _half(a, lower)
    return half + adjoint(half)


def _unread(ct: Any, lower: bool) -> Any:
    """The transpose of :func:`_read`."""
    return _half(ct + adjoint(ct), lower)


def _uplo(lower: bool) -> Any:
    return "L" if lower else "U"


def _source(name: str) -> Source:
    return lambda args, params: call_source(f"np.linalg.{name}", args, {} if params["lower"] else {"UPLO": "U"})


# With a v = v w and m = v^H da v: dw is the diagonal of m, and dv = v (f * m), f[i, j] = 1 / (w[j] - w[i]) off the
# diagonal. Cotangents pair without conjugation.


def _eigh_spec(a: ArraySpec, *, lower: bool) -> tuple[ArraySpec, ArraySpec]:
    shape, dtype = square("eigh", a), linalg_dtype("eigh", a)
    return ArraySpec((*shape, a.shape[-1]), real_dtype(dtype)), ArraySpec(a.shape, dtype)


def _eigh_jvp(da: Any, out: Any, a: Any, *, lower: bool) -> Any:
    w, v = out
    moved = _read(da, lower)
    m = adjoint(v) @ moved @ v
    one, same = diagonal_of(w.shape[-1]), ties(w)
    if same is None:
        return np.real(np.diagonal(m, axis1=-2, axis2=-1)), v @ quotient(m, differences(w), one)
    undefined = significant(m, m) & ~one
    dw = tangent_of(moved, _read(a, lower), lower, alone=False)
    return dw, v @ quotient(m, differences(w), same, undefined)


def _eigh_vjp(ct: Any, out: Any, a: Any, *, lower: bool) -> Any:
    (by_w, by_v), (w, v) = ct, out
    one, same = diagonal_of(w.shape[-1]), ties(w)
    if same is None:
        inner = by_w[..., None, :] * one
        if not unused(by_v):
            g = v.mT @ by_v
            inner = inner + 0.5 * quotient(g - adjoint(g), differences(w), one)
        return _unread(conj(v) @ inner @ v.mT, lower)
    found = np.zeros(v.shape, v.dtype)
    if not unused(by_w):
        found = gradient_of(by_w, _read(a, lower), lower, alone=False)
    if not unused(by_v):
        g = v.mT @ by_v
        turning = g - adjoint(g)
        undefined = significant(turning, g) & ~one
        if not unused(by_w):
            undefined = undefined | mixed(by_w, [g], same)
        found = found + conj(v) @ (0.5 * quotient(turning, differences(w), same, undefined)) @ v.mT
    return _unread(found, lower)


eigh_p = Primitive(
    "eigh",
    lambda a, *, lower: tuple(np.linalg.eigh(a, _uplo(lower))),
    _eigh_spec,
    Rules(jvp=[_eigh_jvp], vjp=[_eigh_vjp]),
    source=_source("eigh"),
    multiple=True,
    masks=True,
    batch=matrices(1),
)


def _eigvalsh_spec(a: ArraySpec, *, lower: bool) -> ArraySpec:
    shape, dtype = square("eigvalsh", a), linalg_dtype("eigvalsh", a)
    return ArraySpec((*shape, a.shape[-1]), real_dtype(dtype))


def _eigvalsh_jvp(da: Any, out: Any, a: Any, *, lower: bool) -> Any:
    moved = _read(da, lower)
    if ties(out) is not None:
        return tangent_of(moved, _read(a, lower), lower, alone=True)
    v = np.linalg.eigh(a, _uplo(lower))[1]
    return np.sum(np.real(conj(v) * (moved @ v)), axis=-2)


def _eigvalsh_vjp(ct: Any, out: Any, a: Any, *, lower: bool) -> Any:
    if ties(out) is not None:
        return _unread(gradient_of(ct, _read(a, lower), lower, alone=True), lower)
    v = np.linalg.eigh(a, _uplo(lower))[1]
    return _unread(conj(v) * ct[..., None, :] @ v.mT, lower)


eigvalsh_p = Primitive(
    "eigvalsh",
    lambda a, *, lower: np.linalg.eigvalsh(a, _uplo(lower)),
    _eigvalsh_spec,
    Rules(jvp=[_eigvalsh_jvp], vjp=[_eigvalsh_vjp]),
    source=_source("eigvalsh"),
    masks=True,
    batch=matrices(1),
)


def _is_lower(triangle: Any) -> bool:
    triangle = triangle.upper()
    if triangle not in ("L", "U"):
        raise ValueError("UPLO argument must be 'L' or 'U'")
    return bool(triangle == "L")


@implements(np.linalg.eigh)
def eigh(a: Any, UPLO: str = "L") -> Any:  # noqa: N803
    """``np.linalg.eigh``: a named pair, as NumPy's, of functions of the triangle that NumPy reads.

    At repeated eigenvalues, what depends on the choice of the eigenvectors has the derivative NaN.
    """
    result = type(np.linalg.eigh(np.ones((1, 1))))
    return result(*bind(eigh_p, operand(a), lower=_is_lower(UPLO)))


@implements(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: str = "L") -> Any:  # noqa: N803
    """``np.linalg.eigvalsh``: a function of the triangle that NumPy reads.

    At repeated eigenvalues the first and second derivatives of a function that treats them alike are exact.
    """
    return bind(eigvalsh_p, operand(a), lower=_is_lower(UPLO))
