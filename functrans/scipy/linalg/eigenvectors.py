"""``scipy.linalg``: eigenvalues and eigenvectors of any square matrix, by the rules of ``numpy.linalg``."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg
from scipy import linalg

from functrans.ir.spec import ArraySpec
from functrans.ops import eig as numpy_eig
from functrans.ops.family import operand
from functrans.ops.plain import plain
from functrans.primitives import Rules
from functrans.scipy.covering import covers
from functrans.scipy.linalg.declaring import declare, dtypes, refused, square, unchecked
from functrans.tracing.bind import bind
from functrans.tracing.refusal import unknown
from functrans.transforms.walk import unused as nothing

# eig: SciPy's eigenvalues are complex numbers always, its eigenvectors real ones if all eigenvalues are. Here they are
# made complex as well.

_eig_rules: Any = numpy_eig.eig_p.derivative


def complex_eig(a, check_finite=True):  # type: ignore[no-untyped-def]
    """``scipy.linalg.eig(a)`` with complex eigenvectors, also where they could be real."""
    w, v = scipy.linalg.eig(a, check_finite=check_finite)
    return w, v.astype(w.dtype)


def _eig_spec(a: ArraySpec, **params: Any) -> tuple[ArraySpec, ArraySpec]:
    stack, dtype = square("eig", a), dtypes(linalg.eigvals, [a], [2])
    return ArraySpec((*stack, a.shape[-1]), dtype), ArraySpec((*stack, *a.shape[-2:]), dtype)


eig_p = declare(
    "eig",
    complex_eig,
    _eig_spec,
    Rules(
        jvp=[lambda da, out, a, **_: _eig_rules.jvp[0](da, out, a)],
        vjp=[lambda ct, out, a, **_: _eig_rules.vjp[0](ct, out, a)],
    ),
    source=lambda args, params: f"complex_eig({args[0]}{', False' if params else ''})",
    helpers={"complex_eig": complex_eig},
    multiple=True,
    masks=True,
)


def _eigvals_jvp(da: Any, out: Any, a: Any, **_: Any) -> Any:
    return _eig_rules.jvp[0](da, bind(eig_p, a), a)[0]


def _eigvals_vjp(ct: Any, out: Any, a: Any, **_: Any) -> Any:
    w, v = bind(eig_p, a)
    return _eig_rules.vjp[0]((ct, nothing(ArraySpec.of(v))), (w, v), a)


eigvals_p = declare(
    "eigvals",
    linalg.eigvals,
    lambda a, **params: ArraySpec((*square("eigvals", a), a.shape[-1]), dtypes(linalg.eigvals, [a], [2])),
    Rules(jvp=[_eigvals_jvp], vjp=[_eigvals_vjp]),
    masks=True,
)


def _ordinary(name: str, b: Any, homogeneous: bool) -> None:
    if b is not None:
        raise refused(name, "with two matrices", "if `b` is regular, take those of `np.linalg.solve(b, a)`.")
    if homogeneous:
        raise refused(name, "with `homogeneous_eigvals=True`", "leave it out: the second row is made of ones.")


@covers(linalg.eig)
def eig(
    a: Any,
    b: Any = None,
    left: bool = False,
    right: bool = True,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    homogeneous_eigvals: bool = False,
) -> Any:
    """As `np.linalg.eig`. The eigenvectors of a real matrix need its values, as they decide the dtype."""
    _ordinary("eig", b, homogeneous_eigvals)
    if left:
        raise refused("eig", "with `left=True`", "they are those of the adjoint: `eig(np.conj(a.mT))`.")
    if not right:
        return bind(eigvals_p, operand(a), **unchecked(check_finite))
    a = operand(a)
    w, v = bind(eig_p, a, **unchecked(check_finite))
    if a.dtype.kind != "c":
        known = plain(w)
        if type(known) is ArraySpec:
            raise unknown(
                a,
                "`scipy.linalg.eig`",
                "the eigenvectors of a real matrix are real or complex, as they turn out",
                "pass a complex matrix, whose eigenvectors are always complex: `a.astype(complex)`",
            )
        if not np.any(known.imag):
            v = np.real(v)
    return w, v


@covers(linalg.eigvals)
def eigvals(
    a: Any,
    b: Any = None,
    overwrite_a: bool = False,
    check_finite: bool = True,
    homogeneous_eigvals: bool = False,
) -> Any:
    """Complex numbers always."""
    _ordinary("eigvals", b, homogeneous_eigvals)
    return bind(eigvals_p, operand(a), **unchecked(check_finite))
