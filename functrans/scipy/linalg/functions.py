"""``scipy.linalg``: the matrix exponential, and the trigonometric functions made of it.

Their derivatives are primitives, which have derivatives of every order: :mod:`functrans.scipy.linalg.frechet`.

Source: Higham, *Functions of Matrices* (2008), chapter 10; A. Al-Mohy and N. Higham, *Computing the Fréchet derivative
of the matrix exponential* (2009).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg
from scipy import linalg

from functrans.errors import ShapeError
from functrans.ir.spec import ArraySpec
from functrans.ops.family import operand
from functrans.primitives import Rules
from functrans.scipy.covering import covers
from functrans.scipy.linalg.declaring import common, declare, dtypes, given, square, unchecked
from functrans.scipy.linalg.frechet import declare_frechet
from functrans.tracing.bind import bind

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


def same_shape(name: str, function: Callable[..., Any]) -> Callable[..., ArraySpec]:
    """The spec of a function of square matrices."""
    return lambda a, **params: ArraySpec((*square(name, a), *a.shape[-2:]), dtypes(function, [a], [2], **params))


expm_p = declare(
    "expm",
    linalg.expm,
    same_shape("expm", linalg.expm),
    Rules(
        jvp=[lambda da, out, a: bind(exponential_p, a, da)],
        vjp=[lambda ct, out, a: bind(exponential_p, a.mT, ct)],
    ),
)


@covers(linalg.expm)
def expm(A: Any) -> Any:  # noqa: N803
    """Of a matrix, or of a stack of them."""
    return bind(expm_p, square_operand(A, "expm"))


def square_operand(a: Any, name: str) -> Any:
    """An operand, which must have two axes at least."""
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
