"""``scipy.linalg``: equations for matrices (Sylvester's, Lyapunov's, Riccati's).

The solutions are functions given implicitly: the derivative of the equation is a linear equation of the same kind for
the derivative of the solution, so every order exists.

Source: Higham, *Functions of Matrices* (2008), appendix B.14; A. Laub, *A Schur method for solving algebraic Riccati
equations* (1979); T.-C. Kao and G. Hennequin, *Automatic differentiation of Sylvester, Lyapunov, and algebraic Riccati
equations* (2020).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import linalg

from functrans.errors import ShapeError
from functrans.ir.spec import ArraySpec
from functrans.ops.contract import conj
from functrans.ops.family import operand
from functrans.ops.linalg import adjoint
from functrans.primitives import Primitive, Rules
from functrans.scipy.covering import covers
from functrans.scipy.linalg.declaring import common, declare, dtypes, given, refused, square
from functrans.tracing.bind import bind
from functrans.transforms.jvp import jvp

# solve_sylvester: a x + x b = q


def alike(*operands: Any) -> list[Any]:
    """All complex, if one is: SciPy takes a real matrix with complex eigenvalues for a triangular one beside others."""
    values = [operand(x) for x in operands]
    if len({x.dtype.kind == "c" for x in values}) == 1:
        return values
    dtype = np.result_type(*[x.dtype for x in values])
    return [x.astype(dtype) for x in values]


def _sylvester_spec(a: ArraySpec, b: ArraySpec, q: ArraySpec) -> ArraySpec:
    square("solve_sylvester", a), square("solve_sylvester", b)
    if q.shape[-2:] != (a.shape[-1], b.shape[-1]):
        raise ShapeError(
            f"`scipy.linalg.solve_sylvester` of {a!r}, {b!r} and {q!r}: the sizes do not fit",
            "with `a` of shape `(m, m)` and `b` of `(n, n)`, `q` has `(m, n)`.",
        )
    stack = common("solve_sylvester", (a, 2), (b, 2), (q, 2))
    return ArraySpec((*stack, *q.shape[-2:]), dtypes(linalg.solve_sylvester, [a, b, q], [2, 2, 2]))


def _sylvester_back(ct: Any, a: Any, b: Any) -> Any:
    return bind(sylvester_p, a.mT, b.mT, ct)


sylvester_p: Primitive = declare(
    "solve_sylvester",
    linalg.solve_sylvester,
    _sylvester_spec,
    Rules(
        jvp=[
            lambda da, out, a, b, q: -bind(sylvester_p, a, b, da @ out),
            lambda db, out, a, b, q: -bind(sylvester_p, a, b, out @ db),
            lambda dq, out, a, b, q: bind(sylvester_p, a, b, dq),
        ],
        vjp=[
            lambda ct, out, a, b, q: -(_sylvester_back(ct, a, b) @ out.mT),
            lambda ct, out, a, b, q: -(out.mT @ _sylvester_back(ct, a, b)),
            lambda ct, out, a, b, q: _sylvester_back(ct, a, b),
        ],
    ),
    cores=(2, 2, 2),
)


@covers(linalg.solve_sylvester)
def solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    """The solution of `a @ x + x @ b = q`."""
    return bind(sylvester_p, *alike(a, b, q))


# solve_continuous_lyapunov: a x + x a^H = q. solve_discrete_lyapunov: a x a^H - x + q = 0.


def _lyapunov_spec(name: str, function: Callable[..., Any]) -> Callable[..., ArraySpec]:
    def spec(a: ArraySpec, q: ArraySpec, **params: Any) -> ArraySpec:
        square(name, a), square(name, q)
        stack = common(name, (a, 2), (q, 2))
        return ArraySpec((*stack, *a.shape[-2:]), dtypes(function, [a, q], [2, 2]))

    return spec


def _continuous_vjp(ct: Any, out: Any, a: Any, q: Any) -> Any:
    z = bind(continuous_p, a.mT, ct)
    return -(z @ out.mT) - conj(z.mT @ out)


continuous_p: Primitive = declare(
    "solve_continuous_lyapunov",
    linalg.solve_continuous_lyapunov,
    _lyapunov_spec("solve_continuous_lyapunov", linalg.solve_continuous_lyapunov),
    Rules(
        jvp=[
            lambda da, out, a, q: -bind(continuous_p, a, da @ out + out @ adjoint(da)),
            lambda dq, out, a, q: bind(continuous_p, a, dq),
        ],
        vjp=[_continuous_vjp, lambda ct, out, a, q: bind(continuous_p, a.mT, ct)],
    ),
    cores=(2, 2),
)


def _discrete_jvp(da: Any, out: Any, a: Any, q: Any, **params: Any) -> Any:
    return bind(discrete_p, a, da @ out @ adjoint(a) + a @ out @ adjoint(da), **params)


def _discrete_vjp(ct: Any, out: Any, a: Any, q: Any, **params: Any) -> Any:
    z = bind(discrete_p, a.mT, ct, **params)
    return z @ conj(a) @ out.mT + conj(z.mT @ a @ out)


discrete_p: Primitive = declare(
    "solve_discrete_lyapunov",
    linalg.solve_discrete_lyapunov,
    _lyapunov_spec("solve_discrete_lyapunov", linalg.solve_discrete_lyapunov),
    Rules(
        jvp=[_discrete_jvp, lambda dq, out, a, q, **params: bind(discrete_p, a, dq, **params)],
        vjp=[_discrete_vjp, lambda ct, out, a, q, **params: bind(discrete_p, a.mT, ct, **params)],
    ),
    cores=(2, 2),
)


@covers(linalg.solve_continuous_lyapunov)
def solve_continuous_lyapunov(a: Any, q: Any) -> Any:
    """The solution of `a @ x + x @ a^H = q`."""
    return bind(continuous_p, *alike(a, q))


covers(linalg.solve_continuous_lyapunov, name="solve_lyapunov")(solve_continuous_lyapunov)


@covers(linalg.solve_discrete_lyapunov)
def solve_discrete_lyapunov(a: Any, q: Any, method: Any = None) -> Any:
    """The solution of `a @ x @ a^H - x + q = 0`."""
    return bind(discrete_p, *alike(a, q), **given(method=(method, None)))


# Riccati's. With the residual g(x, …) = 0, dx solves a linear equation of Lyapunov's kind in the closed loop
# a - b k, k being the feedback: its right-hand side is how g changes at a fixed x.


def _continuous_residual(x: Any, a: Any, b: Any, q: Any, r: Any, e: Any, s: Any) -> Any:
    beside = adjoint(e) @ x @ b + s
    turned = adjoint(e) @ x @ a
    return turned + adjoint(a) @ x @ e - beside @ np.linalg.solve(r, adjoint(b) @ x @ e + adjoint(s)) + q


def _discrete_residual(x: Any, a: Any, b: Any, q: Any, r: Any, e: Any, s: Any) -> Any:
    back = adjoint(b) @ x
    inner = np.linalg.solve(r + back @ b, back @ a + adjoint(s))
    return adjoint(a) @ x @ a - adjoint(e) @ x @ e - (adjoint(a) @ x @ b + s) @ inner + q


def _feedback(continuous: bool, x: Any, a: Any, b: Any, r: Any, e: Any, s: Any) -> Any:
    back = adjoint(b) @ x
    return (
        np.linalg.solve(r, back @ e + adjoint(s))
        if continuous
        else np.linalg.solve(r + back @ b, back @ a + adjoint(s))
    )


def _completed(operands: tuple[Any, ...], which: str) -> list[Any]:
    a, b = operands[:2]
    rest = dict(zip(which, operands[4:], strict=True))
    e = rest.get("e", np.eye(a.shape[-1], dtype=a.dtype))
    return [*operands[:4], e, rest.get("s", np.zeros(b.shape, b.dtype))]


def _riccati_jvp(continuous: bool, position: int) -> Callable[..., Any]:
    residual: Any = _continuous_residual if continuous else _discrete_residual

    def rule(t: Any, x: Any, *operands: Any, which: str, **_: Any) -> Any:
        place = position if position < 4 else 4 + "es".index(which[position - 4])
        full = _completed(operands, which)
        a, b, _, r, e, s = full
        moved = jvp(lambda p: residual(x, *full[:place], p, *full[place + 1 :]), (full[place],), (t,))[1]
        loop = a - b @ _feedback(continuous, x, a, b, r, e, s)
        if "e" in which:
            inverse = np.linalg.inv(e)
            loop, moved = loop @ inverse, adjoint(inverse) @ moved @ inverse
        loop, moved = [y.astype(x.dtype) for y in (loop, moved)]
        if continuous:
            return -bind(continuous_p, adjoint(loop), moved)
        return bind(discrete_p, adjoint(loop), moved)

    return rule


def _riccati(name: str, function: Callable[..., Any], continuous: bool) -> Callable[..., Any]:
    def impl(*operands: Any, which: str, balanced: bool = True) -> Any:
        return function(*operands[:4], **dict(zip(which, operands[4:], strict=True)), balanced=balanced)

    def spec(*operands: ArraySpec, which: str, **params: Any) -> ArraySpec:
        square(name, operands[0])
        stack = common(name, *[(x, 2) for x in operands])
        kinds = "".join(x.dtype.kind for x in operands)
        dtype = np.dtype(np.complex128 if "c" in kinds else np.float64)
        return ArraySpec((*stack, *operands[0].shape[-2:]), dtype)

    def source(args: list[str], params: dict[str, Any]) -> str:
        more = [f"{key}={arg}" for key, arg in zip(params["which"], args[4:], strict=True)]
        more += [] if params.get("balanced", True) else ["balanced=False"]
        return f"scipy.linalg.{name}({', '.join([*args[:4], *more])})"

    made = {
        count: declare(
            name if count == 4 else f"{name}_{count}",
            impl,
            spec,
            Rules(jvp=[_riccati_jvp(continuous, i) for i in range(count)], vjp=None),
            cores=(2,) * count,
            source=source,
        )
        for count in (4, 5, 6)
    }

    def solve(a: Any, b: Any, q: Any, r: Any, e: Any = None, s: Any = None, balanced: bool = True) -> Any:
        """The solution of Riccati's equation, which is hermitian; `q` and `r` must be, too."""
        extra = {key: value for key, value in {"e": e, "s": s}.items() if value is not None}
        operands = [operand(x) for x in (a, b, q, r, *extra.values())]
        if any(np.ndim(x) < 2 for x in operands):
            raise refused(name, "that is no matrix", "make a number a matrix with `np.reshape(r, (1, 1))`.")
        params = given(balanced=(bool(balanced), True))
        return bind(made[len(operands)], *operands, which="".join(extra), **params)

    return covers(function)(solve)


solve_continuous_are = _riccati("solve_continuous_are", linalg.solve_continuous_are, True)
solve_discrete_are = _riccati("solve_discrete_are", linalg.solve_discrete_are, False)
