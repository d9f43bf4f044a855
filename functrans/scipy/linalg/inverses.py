"""``scipy.linalg``: inverses, determinants, pseudoinverses, least squares.

Source: M. Giles, *An extended collection of matrix derivative results for forward and reverse mode algorithmic
differentiation* (2008); G. Golub and V. Pereyra, *The differentiation of pseudo-inverses and nonlinear least
squares problems whose variables separate* (1973).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg

from functrans.errors import ShapeError
from functrans.ir.spec import ArraySpec
from functrans.ops import least_squares
from functrans.ops.batching import Flags, Operands, Params
from functrans.ops.contraction import examples
from functrans.ops.determinant import det_p
from functrans.ops.family import operand, real_dtype
from functrans.ops.plain import plain
from functrans.ops.select import stop_gradient
from functrans.primitives import Constant, Primitive, Rules, lookup
from functrans.scipy.covering import covers
from functrans.scipy.linalg.declaring import (
    common,
    declare,
    dtypes,
    given,
    refused,
    square,
    unchecked,
)
from functrans.scipy.linalg.solving import meant, unmeant
from functrans.tracing.bind import bind

# inv, det


def _inv_jvp(da: Any, out: Any, a: Any, *, assume_a: Any = None, lower: bool = False, **_: Any) -> Any:
    return -(out @ meant(da, assume_a, lower) @ out)


def _inv_vjp(ct: Any, out: Any, a: Any, *, assume_a: Any = None, lower: bool = False, **_: Any) -> Any:
    return -unmeant(out.mT @ ct @ out.mT, assume_a, lower)


inv_p = declare(
    "inv",
    linalg.inv,
    lambda a, **params: ArraySpec((*square("inv", a), *a.shape[-2:]), dtypes(linalg.inv, [a], [2])),
    Rules(jvp=[_inv_jvp], vjp=[_inv_vjp]),
    masks=True,
)


@covers(linalg.inv)
def inv(
    a: Any, overwrite_a: bool = False, check_finite: bool = True, *, assume_a: Any = None, lower: bool = False
) -> Any:
    """The derivative is zero in entries that ``assume_a=`` and ``lower=`` leave out."""
    params = given(assume_a=(assume_a, None), lower=(bool(lower), False))
    return bind(inv_p, operand(a), **params, **unchecked(check_finite))


_det_rules: Any = det_p.derivative
_scipy_det_p = declare(
    "det",
    linalg.det,
    lambda a, **params: ArraySpec(square("det", a), dtypes(linalg.det, [a], [2])),
    Rules(
        # In double precision, as SciPy's result is.
        jvp=[lambda da, out, a, **_: _det_rules.jvp[0](da, out, a.astype(out.dtype))],
        vjp=[lambda ct, out, a, **_: _det_rules.vjp[0](ct, out, a.astype(out.dtype))],
    ),
)


@covers(linalg.det)
def det(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """It has all derivatives at singular matrices too; in double precision always, as SciPy's."""
    return bind(_scipy_det_p, operand(a), **unchecked(check_finite))


# pinv, pinvh

_pinv_rules: Any = least_squares.pinv_p.derivative


def _pinv_spec(a: ArraySpec, **params: Any) -> ArraySpec:
    stack = common("pinv", (a, 2))
    return ArraySpec((*stack, a.shape[-1], a.shape[-2]), dtypes(linalg.pinv, [a], [2]))


pinv_p = declare(
    "pinv",
    linalg.pinv,
    _pinv_spec,
    Rules(
        jvp=[lambda da, out, a, **_: _pinv_rules.jvp[0](da, out, a, None, hermitian=False)],
        vjp=[lambda ct, out, a, **_: _pinv_rules.vjp[0](ct, out, a, None, hermitian=False)],
    ),
)


def _pinvh_jvp(da: Any, out: Any, a: Any, *, lower: bool = True, **_: Any) -> Any:
    a, da = [meant(x, "hermitian", lower) for x in (a, da)]
    return _pinv_rules.jvp[0](da, out, a, None, hermitian=False)


def _pinvh_vjp(ct: Any, out: Any, a: Any, *, lower: bool = True, **_: Any) -> Any:
    found = _pinv_rules.vjp[0](ct, out, meant(a, "hermitian", lower), None, hermitian=False)
    return unmeant(found, "hermitian", lower)


pinvh_p = declare(
    "pinvh",
    linalg.pinvh,
    lambda a, **params: ArraySpec((*square("pinvh", a), *a.shape[-2:]), dtypes(linalg.pinvh, [a], [2])),
    Rules(jvp=[_pinvh_jvp], vjp=[_pinvh_vjp]),
    masks=True,
)


def _rank_of(name: str, function: Any) -> Primitive:
    def impl(a: Any, **params: Any) -> Any:
        return np.asarray(function(a, return_rank=True, **params)[1])[()]

    def source(args: list[str], params: dict[str, Any]) -> str:
        keywords = "".join(f", {key}={value!r}" for key, value in params.items())
        return f"np.asarray(scipy.linalg.{name}({args[0]}, return_rank=True{keywords})[1])[()]"

    return declare(
        f"{name}_rank",
        impl,
        lambda a, **params: ArraySpec(a.shape[:-2], np.int64),
        Constant("it is a number of singular values"),
        source=source,
    )


_RANKS = {"pinv": _rank_of("pinv", linalg.pinv), "pinvh": _rank_of("pinvh", linalg.pinvh)}


def _pseudoinverse(name: str, primitive: Primitive, a: Any, return_rank: bool, params: dict[str, Any]) -> Any:
    found = bind(primitive, a, **params)
    return (found, bind(_RANKS[name], a, **params)) if return_rank else found


@covers(linalg.pinv)
def pinv(a: Any, *, atol: Any = None, rtol: Any = None, return_rank: bool = False, check_finite: bool = True) -> Any:
    """Differentiable as long as the rank stays; the tolerances are numbers."""
    params = {**given(atol=(atol, None), rtol=(rtol, None)), **unchecked(check_finite)}
    return _pseudoinverse("pinv", pinv_p, operand(a), return_rank, params)


@covers(linalg.pinvh)
def pinvh(
    a: Any,
    atol: Any = None,
    rtol: Any = None,
    lower: bool = True,
    return_rank: bool = False,
    check_finite: bool = True,
) -> Any:
    """A function of the triangle that SciPy reads; differentiable as long as the rank stays."""
    params = given(atol=(atol, None), rtol=(rtol, None), lower=(bool(lower), True))
    return _pseudoinverse("pinvh", pinvh_p, operand(a), return_rank, {**params, **unchecked(check_finite)})


# lstsq, by the rules of NumPy's


def _lstsq_batch(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
    numpys: Any = least_squares.lstsq_p.batch
    x, sums, rank, s = numpys(primitive, operands, batched, size, params)
    spec = primitive.spec(*examples(operands, batched))[1]
    return x, np.reshape(sums, (size, *spec.shape)).astype(spec.dtype), rank.astype(np.int64), s


def _lstsq_spec(a: ArraySpec, b: ArraySpec, cond: ArraySpec, **params: Any) -> tuple[ArraySpec, ...]:
    if a.ndim != 2 or b.ndim not in (1, 2) or a.shape[0] != b.shape[0]:
        raise ShapeError(
            f"`scipy.linalg.lstsq` of {a!r} and {b!r}: it takes a matrix `(m, n)`, and a vector `(m,)` or a matrix "
            "`(m, k)`",
            "for stacks of matrices write `scipy.linalg.pinv(a) @ b`, or `functrans.vmap`.",
        )
    (m, n), columns = a.shape, b.shape[1:]
    dtype = dtypes(linalg.solve_triangular, [a, b], [2, 1])
    real = real_dtype(dtype)
    sums = ArraySpec(columns, real) if m > n else ArraySpec((0,), dtype)
    return (
        ArraySpec((n, *columns), dtype),
        sums,
        ArraySpec.of(0),
        ArraySpec((min(m, n),), real),
    )


_lstsq_rules: Any = least_squares.lstsq_p.derivative


def _lstsq_source(args: list[str], params: dict[str, Any]) -> str:
    keywords = "".join(f", {key}={value!r}" for key, value in params.items())
    return f"scipy.linalg.lstsq({', '.join(args)}{keywords})"


lstsq_p = declare(
    "lstsq",
    linalg.lstsq,
    _lstsq_spec,
    Rules(
        jvp=[
            lambda da, out, a, b, cond, **_: _lstsq_rules.jvp[0](da, out, a, b, cond),
            lambda db, out, a, b, cond, **_: _lstsq_rules.jvp[1](db, out, a, b, cond),
            None,
        ],
        vjp=[
            lambda ct, out, a, b, cond, **_: _lstsq_rules.vjp[0](ct, out, a, b, cond),
            lambda ct, out, a, b, cond, **_: _lstsq_rules.vjp[1](ct, out, a, b, cond),
            None,
        ],
    ),
    multiple=True,
    source=_lstsq_source,
    batch=_lstsq_batch,
)


@covers(linalg.lstsq)
def lstsq(
    a: Any,
    b: Any,
    cond: Any = None,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    lapack_driver: Any = None,
) -> Any:
    """Whether there are residuals hangs on the rank, which a program takes to be full."""
    driver = lapack_driver or linalg.lstsq.default_lapack_driver
    if driver == "gelsy":
        raise refused("lstsq", "with the driver 'gelsy'", "leave `lapack_driver` out: the solution is the same.")
    a, b = operand(a), operand(b)
    if cond is None:
        cond = float(np.finfo(dtypes(linalg.solve_triangular, [ArraySpec.of(a), ArraySpec.of(b)], [2, 1])).eps)
    params = {**given(lapack_driver=(driver, "gelsd")), **unchecked(check_finite)}
    x, sums, rank, s = bind(lstsq_p, a, b, stop_gradient(operand(cond)), **params)
    if sums.ndim != 1 or sums.size:
        if type(plain(rank)) is ArraySpec:
            sums = bind(lookup("full_rank_sums"), sums, rank, n=a.shape[1])
        elif plain(rank) != a.shape[1]:
            sums = sums[:0] if sums.ndim else np.zeros(0, x.dtype)
    return x, sums, rank, s
