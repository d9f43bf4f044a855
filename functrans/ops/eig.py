"""``np.linalg.eig`` and ``eigvals``: eigenvalues and eigenvectors of any square matrix.

Of a real matrix NumPy returns real or complex numbers, as they turn out: where values are not known, while a program is
staged or under ``vmap``, this is refused; a complex matrix has complex ones always.

NumPy's eigenvectors have norm 1, and of a complex one the largest entry is real, as LAPACK says; the derivative keeps
both. At repeated eigenvalues see :mod:`functrans.ops.spectrum`; at matrices without a basis of eigenvectors there is no
derivative, and it is NaN.

Source: M. Giles, *An extended collection of matrix derivative results for forward and reverse mode algorithmic
differentiation* (2008), section 3.1; Anderson et al., *LAPACK Users' Guide*, 3rd ed. (1999), xGEEV.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans.errors import TracedValueError
from functrans.ir.spec import ArraySpec
from functrans.ops.batching import stacked
from functrans.ops.contract import conj
from functrans.ops.contraction import matrices
from functrans.ops.family import operand
from functrans.ops.linalg import linalg_dtype, linalg_source, square
from functrans.ops.plain import plain
from functrans.ops.spectrum import diagonal_of, differences, first_order, quotient, significant, ties, unused
from functrans.primitives import Constant, Primitive, Rules
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import implements
from functrans.tracing.refusal import unknown

_WHY = "the eigenvalues of a real matrix are real or complex numbers, as they turn out"
_WAY = "pass a complex matrix, whose eigenvalues are always complex: `a.astype(complex)`"


def inverse_of_eigenvectors(v):  # type: ignore[no-untyped-def]
    """The inverse of ``v``; NaN where ``v`` is singular, up to rounding, as there is no basis of eigenvectors."""
    limit = 1e-3 / (max(v.shape[-1], 1) * np.finfo(v.dtype).eps)
    try:
        inverse = np.linalg.inv(v)
    except np.linalg.LinAlgError:  # of a stack of matrices it may be one alone
        finite = np.isfinite(np.sum(v, axis=(-2, -1), keepdims=True))
        s = np.linalg.svd(np.where(finite, v, 0), compute_uv=False)
        regular = (s[..., -1] * limit > s[..., 0])[..., None, None]
        inverse = np.linalg.inv(np.where(regular, v, np.eye(v.shape[-1], dtype=v.dtype)))
        return np.where(regular, inverse, np.array(np.nan, v.dtype))
    with np.errstate(all="ignore"):
        regular = np.linalg.norm(inverse, axis=(-2, -1), keepdims=True) < limit  # the columns of v have norm 1
    return inverse if np.all(regular) else np.where(regular, inverse, np.array(np.nan, v.dtype))


_inverse: Primitive = Primitive(
    "inverse_of_eigenvectors",
    inverse_of_eigenvectors,
    lambda v: v,
    Rules(
        jvp=[lambda dv, out, v: -(out @ dv @ out)],
        vjp=[lambda ct, out, v: -(out.mT @ ct @ out.mT)],
    ),
    source=lambda args, params: f"inverse_of_eigenvectors({args[0]})",
    helpers={"inverse_of_eigenvectors": inverse_of_eigenvectors},
    batch=matrices(1),
)


def real_entries(v):  # type: ignore[no-untyped-def]
    """The place of the entry in each column that LAPACK has made real: ones in a matrix of zeros."""
    size = np.where(np.imag(v) == 0, np.abs(v), -1)
    chosen = np.argmax(size, axis=-2)[..., None, :] if v.shape[-1] else np.zeros(v.shape)
    return (np.arange(v.shape[-2])[:, None] == chosen).astype(v.dtype)


_real_entries = Primitive(
    "real_entries",
    real_entries,
    lambda v: v,
    Constant("it is a place"),
    source=lambda args, params: f"real_entries({args[0]})",
    helpers={"real_entries": real_entries},
    batch=stacked(2),
)


def _eig_spec(a: ArraySpec) -> tuple[ArraySpec, ArraySpec]:
    dtype = _complex("eig", a)
    return ArraySpec((*square("eig", a), a.shape[-1]), dtype), ArraySpec(a.shape, dtype)


def _complex(name: str, a: ArraySpec) -> np.dtype[Any]:
    square(name, a)
    dtype = linalg_dtype(name, a)
    if dtype.kind != "c":
        raise TracedValueError(f"`np.linalg.{name}` needs the value of {a!r}: {_WHY}", f"{_WAY}.")
    return dtype


# With a v = v w and m = v^-1 da v: dw is the diagonal of m, and dv = v (f * m), f[i, j] = 1 / (w[j] - w[i]) off the
# diagonal, less what would change the norms, or make the largest entries complex.


def _eig_jvp(da: Any, out: Any, a: Any) -> Any:
    w, v = out
    m = bind(_inverse, v) @ da @ v
    dw = np.diagonal(m, axis1=-2, axis2=-1)
    one, same = diagonal_of(w.shape[-1]), ties(w, ordered=False)
    if same is None:
        return dw, _normalized(v @ quotient(m, differences(w), one), v)
    dv = _normalized(v @ quotient(m, differences(w), same, significant(m, m) & ~one), v)
    return first_order(dw, same), first_order(dv, same)


def _normalized(dv: Any, v: Any) -> Any:
    along = np.real(np.sum(conj(v) * dv, axis=-2, keepdims=True))
    if v.dtype.kind != "c":
        return dv - v * along
    place = bind(_real_entries, v)
    turn = np.imag(np.sum(place * dv, axis=-2, keepdims=True)) / np.real(np.sum(place * v, axis=-2, keepdims=True))
    return dv - v * (along + 1j * turn)


def _unnormalized(by_v: Any, v: Any) -> Any:
    """The transpose of ``_normalized``."""
    seen = np.sum(by_v * v, axis=-2, keepdims=True)
    found = by_v - conj(v) * np.real(seen)
    if v.dtype.kind != "c":
        return found
    place = bind(_real_entries, v)
    return found - place * (1j * np.imag(seen) / np.real(np.sum(place * v, axis=-2, keepdims=True)))


def _eig_vjp(ct: Any, out: Any, a: Any) -> Any:
    (by_w, by_v), (w, v) = ct, out
    one, same = diagonal_of(w.shape[-1]), ties(w, ordered=False)
    inner = by_w[..., None, :] * one
    if not unused(by_v):
        g = v.mT @ _unnormalized(by_v, v)
        if same is None:
            inner = inner + quotient(g, differences(w), one)
        else:
            undefined = significant(g, g)
            if not unused(by_w):
                # Cotangents of eigenvectors do not tell how a function depends on the eigenvalues' matrix.
                undefined = (
                    undefined
                    | np.any(same & ((by_w != 0) | np.any(g != 0, axis=-2))[..., None, :], axis=-1)[..., :, None]
                )
            inner = inner + quotient(g, differences(w), same, undefined & ~one)
    found = bind(_inverse, v).mT @ inner @ v.mT
    return found if same is None else first_order(found, same)


eig_p = Primitive(
    "eig",
    lambda a: tuple(np.linalg.eig(a)),
    _eig_spec,
    Rules(jvp=[_eig_jvp], vjp=[_eig_vjp]),
    source=linalg_source("eig"),
    multiple=True,
    masks=True,
    batch=matrices(1),
)


def _eigvals_jvp(da: Any, out: Any, a: Any) -> Any:
    w, v = np.linalg.eig(a)
    dw = np.sum(bind(_inverse, v).mT * (da @ v), axis=-2)
    same = ties(w, ordered=False)
    return dw if same is None else first_order(dw, same)


def _eigvals_vjp(ct: Any, out: Any, a: Any) -> Any:
    w, v = np.linalg.eig(a)
    found = (bind(_inverse, v).mT * ct[..., None, :]) @ v.mT
    same = ties(w, ordered=False)
    return found if same is None else first_order(found, same)


eigvals_p = Primitive(
    "eigvals",
    np.linalg.eigvals,
    lambda a: ArraySpec((*square("eigvals", a), a.shape[-1]), _complex("eigvals", a)),
    Rules(jvp=[_eigvals_jvp], vjp=[_eigvals_vjp]),
    source=linalg_source("eigvals"),
    batch=matrices(1),
)


def _matrix(a: Any, name: str) -> Any:
    a = operand(a)
    if type(plain(a)) is ArraySpec and a.dtype.kind != "c":
        square(name, ArraySpec.of(a))
        raise unknown(a, f"`np.linalg.{name}`", _WHY, _WAY)
    return a


@implements(np.linalg.eig)
def eig(a: Any) -> Any:
    """``np.linalg.eig``: a named pair, as NumPy's. Those of a real matrix need its values, as they decide the dtype."""
    result = type(np.linalg.eig(np.ones((1, 1))))
    return result(*bind(eig_p, _matrix(a, "eig")))


@implements(np.linalg.eigvals)
def eigvals(a: Any) -> Any:
    """``np.linalg.eigvals``. Those of a real matrix need its values, as they decide the dtype."""
    return bind(eigvals_p, _matrix(a, "eigvals"))
