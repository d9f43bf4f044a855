"""``scipy.linalg``: square roots, logarithms and powers of matrices.

Source: Higham, *Functions of Matrices* (2008), chapters 6 and 11; A. Al-Mohy, N. Higham and S. Relton, *Computing the
Fréchet derivative of the matrix logarithm and estimating the condition number* (2013).
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg
from scipy import linalg

from functrans.ir.spec import ArraySpec
from functrans.ops.family import real_dtype
from functrans.ops.plain import plain
from functrans.primitives import Constant, Rules
from functrans.scipy.covering import covers, is_traced
from functrans.scipy.linalg.declaring import declare, refused
from functrans.scipy.linalg.equations import sylvester_p
from functrans.scipy.linalg.frechet import declare_frechet
from functrans.scipy.linalg.functions import exponential_p, same_shape, square_operand
from functrans.tracing.bind import bind

# Functions whose value for a real matrix is real or complex, as it turns out. A staged program takes it to be real, and
# is an error where it is not.


def real_value(found):  # type: ignore[no-untyped-def]
    """``found``, which must be real."""
    if np.iscomplexobj(found):
        raise np.linalg.LinAlgError(
            "a function of a real matrix is complex here (it has negative eigenvalues), but the program was written "
            "for a real one; pass a complex matrix: a.astype(complex)"
        )
    return found


def _real_or_complex(name: str, function: Callable[..., Any], rule: Rules) -> Callable[..., Any]:
    spec = same_shape(name, function)

    def source(args: list[str], params: dict[str, Any]) -> str:
        return f"scipy.linalg.{name}({', '.join([args[0], *[repr(value) for value in params.values()]])})"

    def positional(a: Any, **params: Any) -> Any:
        return function(a, *params.values())

    free = declare(name, positional, spec, rule, source=source)
    real = declare(
        f"real_{name}",
        lambda a, **params: real_value(positional(a, **params)),
        spec,
        rule,
        source=lambda args, params: f"real_value({source(args, params)})",
        helpers={"real_value": real_value},
    )

    def apply(a: Any, **params: Any) -> Any:
        staged = type(plain(a)) is ArraySpec and a.dtype.kind != "c"
        return bind(real if staged else free, a, **params)

    return apply


def nan_where_singular(s):  # type: ignore[no-untyped-def]
    """NaN for each singular matrix, 1 for others."""
    sizes = np.linalg.svd(np.where(np.isfinite(s), s, 0), compute_uv=False)
    floor = np.finfo(sizes.dtype).eps * s.shape[-1] * np.max(sizes, axis=-1, initial=0)
    singular = np.min(sizes, axis=-1, initial=np.inf) <= floor
    return np.where(singular, np.nan, 1.0).astype(sizes.dtype)[..., None, None]


_regular = declare(
    "nan_where_singular",
    nan_where_singular,
    lambda s: ArraySpec((*s.shape[:-2], 1, 1), real_dtype(s.dtype)),
    Constant("it is 1 or NaN"),
    source=lambda args, params: f"nan_where_singular({args[0]})",
    helpers={"nan_where_singular": nan_where_singular},
)


def _root_jvp(t: Any, out: Any, a: Any) -> Any:
    """With ``s @ s = a``: ``s @ ds + ds @ s = da``."""
    return bind(_regular, out) * bind(sylvester_p, out, out, t.astype(out.dtype))


def _root_vjp(ct: Any, out: Any, a: Any) -> Any:
    return bind(_regular, out) * bind(sylvester_p, out.mT, out.mT, ct)


_sqrtm = _real_or_complex(
    "sqrtm",
    linalg.sqrtm,
    Rules(jvp=[_root_jvp], vjp=[_root_vjp]),
)


def _unset(name: str, **options: Any) -> None:
    for option, (value, default) in options.items():
        if value is not default:
            raise refused(name, f"with `{option}={value!r}`", "leave it out; SciPy gives it up from 1.18 on.")


@covers(linalg.sqrtm)
def sqrtm(A: Any, disp: Any = True, blocksize: Any = None) -> Any:  # noqa: N803
    """The principal root. The derivative does not exist at singular matrices."""
    _unset("sqrtm", disp=(disp, True), blocksize=(blocksize, None))
    return _sqrtm(square_operand(A, "sqrtm"))


def frechet_of_logarithm(a, e):  # type: ignore[no-untyped-def]
    """The derivative of ``scipy.linalg.logm`` at ``a`` along ``e``.

    With ``x`` near the identity it is the integral of ``inv(1 + t (x - 1)) @ e @ inv(1 + t (x - 1))`` over ``t`` from 0
    to 1, by Gauss's rule to rounding; square roots take ``a`` there.
    """
    dtype = np.result_type(a, e)
    a, e = np.broadcast_arrays(a, e)
    found = np.zeros(a.shape, dtype)
    unit = np.eye(a.shape[-1])
    nodes, weights = np.polynomial.legendre.leggauss(8)
    for i in np.ndindex(a.shape[:-2]):
        root = a[i].astype(np.promote_types(dtype, np.float64))
        moved, doubled = e[i].astype(root.dtype), 0
        if not np.all(np.isfinite(root)):
            found[i] = np.nan
            continue
        while np.max(np.sum(np.abs(root - unit), axis=0), initial=0) > 0.25 and doubled < 60:
            root, doubled = scipy.linalg.sqrtm(root), doubled + 1
            moved = scipy.linalg.solve_sylvester(root, root, moved)
        total = np.zeros(root.shape, np.result_type(root, moved))
        for node, weight in zip(nodes, weights, strict=True):
            inverse = np.linalg.inv(unit + (1 + node) / 2 * (root - unit))
            total += weight / 2 * (inverse @ moved @ inverse)
        total = total * 2.0**doubled
        found[i] = total if np.issubdtype(dtype, np.complexfloating) else total.real
    return found


logarithm_p, _ = declare_frechet("frechet_of_logarithm", frechet_of_logarithm, {})
_logm = _real_or_complex(
    "logm",
    linalg.logm,
    Rules(
        jvp=[lambda da, out, a: bind(logarithm_p, a.astype(out.dtype), da.astype(out.dtype))],
        vjp=[lambda ct, out, a: bind(logarithm_p, a.mT.astype(out.dtype), ct)],
    ),
)


# A power is the exponential of a multiple of the logarithm.


def _power_jvp(da: Any, out: Any, a: Any, *, t: float) -> Any:
    a = a.astype(out.dtype)
    return bind(exponential_p, t * _logm(a), t * bind(logarithm_p, a, da.astype(out.dtype)))


def _power_vjp(ct: Any, out: Any, a: Any, *, t: float) -> Any:
    a = a.mT.astype(out.dtype)
    return t * bind(logarithm_p, a, bind(exponential_p, t * _logm(a), ct))


_power = _real_or_complex(
    "fractional_matrix_power", linalg.fractional_matrix_power, Rules(jvp=[_power_jvp], vjp=[_power_vjp])
)


@covers(linalg.logm)
def logm(A: Any, disp: Any = True) -> Any:  # noqa: N803
    """The principal logarithm."""
    _unset("logm", disp=(disp, True))
    return _logm(square_operand(A, "logm"))


@covers(linalg.fractional_matrix_power)
def fractional_matrix_power(A: Any, t: Any) -> Any:  # noqa: N803
    """A whole power is `np.linalg.matrix_power`; the exponent is a number."""
    if is_traced((t,)):
        raise refused(
            "fractional_matrix_power",
            "as the exponent",
            "write `scipy.linalg.expm(t * scipy.linalg.logm(a))`, which has a derivative in `t`.",
        )
    a = square_operand(A, "fractional_matrix_power")
    if t == int(t):
        return np.linalg.matrix_power(a, operator.index(int(t)))
    return _power(a, t=float(t))
