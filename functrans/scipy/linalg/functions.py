"""``scipy.linalg``: functions of matrices (``expm``, ``logm``, ``sqrtm``, powers, trigonometric functions).

The derivative of ``f`` at ``a`` along ``e``, which is called ``L(a, e)``, is itself a primitive for each ``f``. It is
linear in ``e``, with the transpose ``L(a.mT, .)``, and its derivative in ``a`` is again an ``L``, of matrices of twice
the size: ``f`` of ``[[a, e], [0, a]]`` has ``L(a, e)`` beside its diagonal. So every order exists.

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
from functrans.primitive import Constant, Primitive, Rules
from functrans.scipy.covering import covers, is_traced
from functrans.scipy.linalg.declaring import common, declare, dtypes, given, refused, square, unchecked
from functrans.scipy.linalg.equations import sylvester_p
from functrans.tracing.bind import bind


def directions_scale(e, a):  # type: ignore[no-untyped-def]
    """A power of two that makes ``e`` as large as ``a``."""
    sizes = [np.max(np.abs(x), axis=(-2, -1), keepdims=True, initial=0) for x in (e, a)]
    usable = [(size > 0) & np.isfinite(size) for size in sizes]
    sizes = [np.where(fine, size, 1) for fine, size in zip(usable, sizes, strict=True)]
    return np.exp2(np.round(np.clip(np.log2(sizes[1]) - np.log2(sizes[0]), -60, 60)))


_scale = declare(
    "directions_scale",
    directions_scale,
    lambda e, a: ArraySpec(
        (*np.broadcast_shapes(e.shape[:-2], a.shape[:-2]), 1, 1), real_dtype(np.result_type(e.dtype, a.dtype))
    ),
    Constant("the result does not depend on it"),
    cores=(2, 2),
    source=lambda args, params: f"directions_scale({', '.join(args)})",
    helpers={"directions_scale": directions_scale},
)


def _stacked(x: Any, stack: tuple[int, ...]) -> Any:
    return np.broadcast_to(x, (*stack, *x.shape[-2:]))


def _blocks(corner: Any, beside: Any) -> Any:
    """``[[corner, beside], [0, corner]]``, or with zeros for ``beside`` where it is None."""
    if beside is None:
        beside = np.zeros(corner.shape, corner.dtype)
    below = np.zeros(corner.shape, np.result_type(corner.dtype, beside.dtype))
    above = np.concatenate([corner, beside], axis=-1)
    return np.concatenate([above, np.concatenate([below, corner], axis=-1)], axis=-2)


def declare_frechet(name: str, function: Callable[..., Any], source: Callable[..., str], **options: Any) -> Primitive:
    """The primitive ``L(a, e)`` of a function of matrices: ``function(a, e, **params)`` computes it."""

    def spec(a: ArraySpec, e: ArraySpec, **params: Any) -> ArraySpec:
        stack = common(name, (a, 2), (e, 2))
        return ArraySpec((*stack, *a.shape[-2:]), np.result_type(a.dtype, e.dtype))

    def second(a: Any, e: Any, f: Any, **params: Any) -> Any:
        """How ``L(a, e)`` changes along ``f``: symmetric in the two."""
        n = a.shape[-1]
        stack = np.broadcast_shapes(*[x.shape[:-2] for x in (a, e, f)])
        scale = bind(_scale, f, a)
        corner = _blocks(_stacked(a, stack), _stacked(f * scale, stack))
        return bind(frechet, corner, _blocks(_stacked(e, stack), None), **params)[..., :n, n:] / scale

    frechet: Primitive = declare(
        name,
        function,
        spec,
        Rules(
            jvp=[
                lambda da, out, a, e, **params: second(a, e, da, **params),
                lambda de, out, a, e, **params: bind(frechet, a, de, **params),
            ],
            # Under a trace, products of three matrices may be turned around.
            vjp=[
                lambda ct, out, a, e, **params: second(a, e, ct.mT, **params).mT,
                lambda ct, out, a, e, **params: bind(frechet, a.mT, ct, **params),
            ],
        ),
        cores=(2, 2),
        source=source,
        **options,
    )
    return frechet


# expm


def frechet_of_exponential(a, e):  # type: ignore[no-untyped-def]
    """The derivative of ``scipy.linalg.expm`` at ``a`` along ``e``."""
    dtype = np.result_type(a, e)
    a, e = np.broadcast_arrays(a, e)
    found = np.empty(a.shape, np.promote_types(dtype, np.float64))
    for i in np.ndindex(a.shape[:-2]):
        if a.shape[-1]:
            found[i] = scipy.linalg.expm_frechet(a[i], e[i], compute_expm=False, check_finite=False)
    return found.astype(dtype)


exponential_p = declare_frechet(
    "frechet_of_exponential",
    frechet_of_exponential,
    lambda args, params: f"frechet_of_exponential({', '.join(args)})",
    helpers={"frechet_of_exponential": frechet_of_exponential},
)


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
        along: Any = exponential_p.derivative
        return bind(exponential_p, a, t), along.jvp[0](t, out[1], a, e)

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


def root_jvp(t: Any, out: Any, a: Any) -> Any:
    """With ``s @ s = a``: ``s @ ds + ds @ s = da``."""
    return bind(sylvester_p, out, out, t)


_sqrtm = _real_or_complex(
    "sqrtm",
    linalg.sqrtm,
    Rules(jvp=[root_jvp], vjp=[lambda ct, out, a: bind(sylvester_p, out.mT, out.mT, ct)]),
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


def frechet_by_blocks(a, e, function, *args):  # type: ignore[no-untyped-def]
    """The derivative of a function of matrices at ``a`` along ``e``: what is beside the diagonal of twice the size."""
    import warnings

    n = a.shape[-1]
    a, e = np.broadcast_arrays(a, e)
    dtype = np.result_type(a, e)
    found = np.zeros(a.shape, np.promote_types(dtype, np.complex64))
    for i in np.ndindex(a.shape[:-2]):
        sizes = [np.max(np.abs(x[i]), initial=0) for x in (a, e)]
        if not all(sizes):
            continue
        scale = np.exp2(np.round(np.log2(sizes[0]) - np.log2(sizes[1])))
        block = np.zeros((2 * n, 2 * n), np.promote_types(dtype, np.float64))
        block[:n, :n] = block[n:, n:] = a[i]
        block[:n, n:] = scale * e[i]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found[i] = function(block, *args)[:n, n:] / scale
    return found.astype(dtype) if np.issubdtype(dtype, np.complexfloating) else found.real.astype(dtype)


def frechet_of_logarithm(a, e):  # type: ignore[no-untyped-def]
    """The derivative of ``scipy.linalg.logm`` at ``a`` along ``e``."""
    return frechet_by_blocks(a, e, scipy.linalg.logm)


def frechet_of_power(a, e, t):  # type: ignore[no-untyped-def]
    """The derivative of ``scipy.linalg.fractional_matrix_power`` at ``a`` along ``e``."""
    return frechet_by_blocks(a, e, scipy.linalg.fractional_matrix_power, t)


logarithm_p = declare_frechet(
    "frechet_of_logarithm",
    frechet_of_logarithm,
    lambda args, params: f"frechet_of_logarithm({', '.join(args)})",
    helpers={"frechet_by_blocks": frechet_by_blocks, "frechet_of_logarithm": frechet_of_logarithm},
)
power_p = declare_frechet(
    "frechet_of_power",
    frechet_of_power,
    lambda args, params: f"frechet_of_power({', '.join(args)}, {params['t']!r})",
    helpers={"frechet_by_blocks": frechet_by_blocks, "frechet_of_power": frechet_of_power},
)


def _by(frechet: Primitive) -> Rules:
    return Rules(
        jvp=[lambda da, out, a, **params: bind(frechet, a.astype(out.dtype), da.astype(out.dtype), **params)],
        vjp=[lambda ct, out, a, **params: bind(frechet, a.mT.astype(out.dtype), ct, **params)],
    )


_logm = _real_or_complex("logm", linalg.logm, _by(logarithm_p))
_power = _real_or_complex("fractional_matrix_power", linalg.fractional_matrix_power, _by(power_p))


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
