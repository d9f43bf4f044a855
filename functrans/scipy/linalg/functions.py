"""``scipy.linalg``: functions of matrices (``expm``, ``logm``, ``sqrtm``, powers, trigonometric functions).

The derivative of ``f`` at ``a`` along ``e``, which is called ``L(a, e)``, is itself a primitive. It is linear in ``e``,
with the transpose ``L(a.mT, .)``; its derivatives in ``a`` are those of higher order, which are symmetric in their
directions: ``L`` of ``[[a, e], [0, a]]`` and ``[[t, 0], [0, t]]`` has that along ``e`` and ``t`` beside its diagonal.

Source: Higham, *Functions of Matrices* (2008), section 3.2 and chapters 6, 10, 11; N. Higham and S. Relton, *Higher
order Fréchet derivatives of matrix functions and the level-2 condition number* (2014); A. Al-Mohy and N. Higham,
*Computing the Fréchet derivative of the matrix exponential* (2009).
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg
from scipy import linalg

from functrans.errors import ShapeError
from functrans.ir.spec import ArraySpec
from functrans.ops.family import operand, real_dtype
from functrans.ops.plain import plain
from functrans.primitives import Constant, Primitive, Rules
from functrans.scipy.covering import covers, is_traced
from functrans.scipy.linalg.declaring import common, declare, dtypes, given, refused, square, unchecked
from functrans.scipy.linalg.equations import sylvester_p
from functrans.tracing.bind import bind


def higher_derivative(a, e, t, along):  # type: ignore[no-untyped-def]
    """The derivative of a function of matrices at ``a`` along each ``e[..., i, :, :]`` and ``t``: symmetric in them.

    ``along(a, t)`` is the first derivative; that of matrices of twice the size has the next one beside its diagonal.
    """
    stack = np.broadcast_shapes(a.shape[:-2], e.shape[:-3], t.shape[:-2])
    n, found = a.shape[-1], np.result_type(a, e, t)
    a, t = [np.broadcast_to(x, (*stack, n, n)) for x in (a, t)]
    e = np.broadcast_to(e, (*stack, *e.shape[-3:]))
    size = np.max(np.abs(a), axis=(-2, -1), keepdims=True, initial=0)
    total = np.ones((*stack, 1, 1), size.dtype)
    for i in range(e.shape[-3]):
        # Directions as large as the matrix itself, for which the function is precise.
        own = np.max(np.abs(e[..., i, :, :]), axis=(-2, -1), keepdims=True, initial=0)
        usable = (own > 0) & (size > 0) & np.isfinite(own) & np.isfinite(size)
        ratio = np.log2(np.where(usable, size, 1)) - np.log2(np.where(usable, own, 1))
        scale = np.exp2(np.round(np.clip(ratio, -60, 60)))
        total = total * scale
        width = a.shape[-1]
        block = np.zeros((*stack, 2 * width, 2 * width), found)
        block[..., :width, :width] = block[..., width:, width:] = a
        wide = np.zeros_like(block)
        wide[..., :width, :width] = wide[..., width:, width:] = t
        for place in range(0, width, n):
            block[..., place : place + n, width + place : width + place + n] = scale * e[..., i, :, :]
        a, t = block, wide
    return (along(a, t)[..., :n, a.shape[-1] - n :] / total).astype(found)


def _appended(e: Any, t: Any) -> Any:
    """One direction more."""
    stack = np.broadcast_shapes(e.shape[:-3], t.shape[:-2])
    parts = [np.broadcast_to(x, (*stack, *x.shape[-3:])) for x in (e, t[..., None, :, :])]
    return np.concatenate(parts, axis=-3)


def _others(e: Any, i: int) -> Any:
    return np.concatenate([e[..., :i, :, :], e[..., i + 1 :, :, :]], axis=-3)


def declare_frechet(
    name: str, function: Callable[..., Any], helpers: dict[str, Callable[..., Any]]
) -> tuple[Primitive, Primitive]:
    """``L(a, e)`` of a function of matrices, which ``function(a, e)`` computes, and its derivatives of any order."""
    helpers = {**helpers, function.__name__: function}

    def spec(a: ArraySpec, *directions: ArraySpec) -> ArraySpec:
        cores = [(x, 3 if i == 0 and len(directions) == 2 else 2) for i, x in enumerate(directions)]
        stack = common(name, (a, 2), *cores)
        return ArraySpec((*stack, *a.shape[-2:]), np.result_type(*[x.dtype for x in (a, *directions)]))

    first: Primitive = declare(
        name,
        function,
        spec,
        Rules(
            jvp=[
                lambda da, out, a, e: bind(higher, a, e[..., None, :, :], da),
                lambda de, out, a, e: bind(first, a, de),
            ],
            # Under a trace, products may be turned around.
            vjp=[
                lambda ct, out, a, e: bind(higher, a, e[..., None, :, :], ct.mT).mT,
                lambda ct, out, a, e: bind(first, a.mT, ct),
            ],
        ),
        cores=(2, 2),
        source=lambda args, params: f"{function.__name__}({', '.join(args)})",
        helpers=helpers,
    )

    def push_directions(de: Any, out: Any, a: Any, e: Any, t: Any) -> Any:
        count = e.shape[-3]
        return sum([bind(higher, a, _appended(_others(e, i), t), de[..., i, :, :]) for i in range(count)])

    def pull_directions(ct: Any, out: Any, a: Any, e: Any, t: Any) -> Any:
        count = e.shape[-3]
        pulled = [bind(higher, a, _appended(_others(e, i), t), ct.mT).mT for i in range(count)]
        return np.stack(pulled, axis=-3)

    higher: Primitive = declare(
        f"higher_{name}",
        lambda a, e, t: higher_derivative(a, e, t, function),
        spec,
        Rules(
            jvp=[
                lambda da, out, a, e, t: bind(higher, a, _appended(e, t), da),
                push_directions,
                lambda dt, out, a, e, t: bind(higher, a, e, dt),
            ],
            vjp=[
                lambda ct, out, a, e, t: bind(higher, a, _appended(e, t), ct.mT).mT,
                pull_directions,
                lambda ct, out, a, e, t: bind(higher, a, e, ct.mT).mT,
            ],
        ),
        cores=(2, 3, 2),
        source=lambda args, params: f"higher_derivative({', '.join(args)}, {function.__name__})",
        helpers={**helpers, "higher_derivative": higher_derivative},
    )
    return first, higher


# expm


def frechet_of_exponential(a, e):  # type: ignore[no-untyped-def]
    """The derivative of ``scipy.linalg.expm`` at ``a`` along ``e``."""
    dtype = np.result_type(a, e)
    a, e = np.broadcast_arrays(a, e)
    found = np.empty(a.shape, np.promote_types(dtype, np.float64))
    for i in np.ndindex(a.shape[:-2]):
        if not np.all(np.isfinite(a[i])):
            found[i] = np.nan
        elif a.shape[-1]:
            found[i] = scipy.linalg.expm_frechet(a[i], e[i], compute_expm=False, check_finite=False)
    return found.astype(dtype)


exponential_p, _ = declare_frechet("frechet_of_exponential", frechet_of_exponential, {})


def _same_shape(name: str, function: Callable[..., Any]) -> Callable[..., ArraySpec]:
    return lambda a, **params: ArraySpec((*square(name, a), *a.shape[-2:]), dtypes(function, [a], [2], **params))


expm_p = declare(
    "expm",
    linalg.expm,
    _same_shape("expm", linalg.expm),
    Rules(
        jvp=[lambda da, out, a: bind(exponential_p, a, da)],
        vjp=[lambda ct, out, a: bind(exponential_p, a.mT, ct)],
    ),
)


@covers(linalg.expm)
def expm(A: Any) -> Any:  # noqa: N803
    """Of a matrix, or of a stack of them."""
    return bind(expm_p, _inexact(A, "expm"))


def _inexact(a: Any, name: str) -> Any:
    a = operand(a)
    if np.ndim(a) < 2:
        raise ShapeError(
            f"`scipy.linalg.{name}` of {ArraySpec.of(a)!r}: it takes square matrices",
            "make a number a matrix with `np.reshape(a, (1, 1))`.",
        )
    return a


def _frechet_pair_jvp(side: int) -> Callable[..., Any]:
    def rule(t: Any, out: Any, a: Any, e: Any, **_: Any) -> Any:
        if side:
            return np.zeros(out[0].shape, out[0].dtype), bind(exponential_p, a, t)
        both: Any = exponential_p.derivative
        return bind(exponential_p, a, t), both.jvp[0](t, out[1], a, e)

    return rule


def _frechet_pair_spec(a: ArraySpec, e: ArraySpec, **params: Any) -> tuple[ArraySpec, ArraySpec]:
    stack = common("expm_frechet", (a, 2), (e, 2))
    shape = (*stack, *a.shape[-2:])
    pair = dtypes(linalg.expm_frechet, [a, e], [2, 2], **params)
    return ArraySpec(shape, pair[0]), ArraySpec(shape, pair[1])


frechet_pair_p = declare(
    "expm_frechet",
    linalg.expm_frechet,
    _frechet_pair_spec,
    Rules(jvp=[_frechet_pair_jvp(0), _frechet_pair_jvp(1)], vjp=None),
    cores=(2, 2),
    multiple=True,
)


@covers(linalg.expm_frechet)
def expm_frechet(
    A: Any,  # noqa: N803
    E: Any,  # noqa: N803
    method: Any = None,
    compute_expm: bool = True,
    check_finite: bool = True,
) -> Any:
    """The exponential and its derivative, which has derivatives in both arguments."""
    params = {**given(method=(method, None)), **unchecked(check_finite)}
    pair = bind(frechet_pair_p, operand(A), operand(E), **params)
    return pair if compute_expm else pair[1]


# cosm, sinm, …: the same steps as SciPy's.


@covers(linalg.cosm)
def cosm(A: Any) -> Any:  # noqa: N803
    """By exponentials, as in SciPy."""
    if A.dtype.kind == "c":
        return 0.5 * (expm(1j * A) + expm(-1j * A))
    return np.real(expm(1j * A))


@covers(linalg.sinm)
def sinm(A: Any) -> Any:  # noqa: N803
    """By exponentials, as in SciPy."""
    if A.dtype.kind == "c":
        return -0.5j * (expm(1j * A) - expm(-1j * A))
    return np.imag(expm(1j * A))


@covers(linalg.coshm)
def coshm(A: Any) -> Any:  # noqa: N803
    """By exponentials, as in SciPy."""
    return 0.5 * (expm(A) + expm(-A))


@covers(linalg.sinhm)
def sinhm(A: Any) -> Any:  # noqa: N803
    """By exponentials, as in SciPy."""
    return 0.5 * (expm(A) - expm(-A))


def _quotient(name: str, bottom: Callable[..., Any], top: Callable[..., Any]) -> Callable[..., Any]:
    from functrans.scipy.linalg.solving import solve

    def quotient(A: Any) -> Any:  # noqa: N803
        return solve(bottom(A), top(A))

    quotient.__doc__ = f"By `{bottom.__name__}` and `{top.__name__}`, as in SciPy."
    return covers(getattr(linalg, name))(quotient)


tanm = _quotient("tanm", cosm, sinm)
tanhm = _quotient("tanhm", coshm, sinhm)


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
    spec = _same_shape(name, function)

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
    return _sqrtm(_inexact(A, "sqrtm"))


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
    return _logm(_inexact(A, "logm"))


@covers(linalg.fractional_matrix_power)
def fractional_matrix_power(A: Any, t: Any) -> Any:  # noqa: N803
    """A whole power is `np.linalg.matrix_power`; the exponent is a number."""
    if is_traced((t,)):
        raise refused(
            "fractional_matrix_power",
            "as the exponent",
            "write `scipy.linalg.expm(t * scipy.linalg.logm(a))`, which has a derivative in `t`.",
        )
    a = _inexact(A, "fractional_matrix_power")
    if t == int(t):
        return np.linalg.matrix_power(a, operator.index(int(t)))
    return _power(a, t=float(t))
