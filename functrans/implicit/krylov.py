"""Linear systems solved without a matrix, by SciPy's conjugate gradients and GMRES."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from functrans import tree
from functrans.errors import ConvergenceError
from functrans.frames import boundary
from functrans.implicit.coordinates import from_vector, on_vectors, to_vector
from functrans.implicit.linear import GENERAL, _solved
from functrans.ir import ArraySpec
from functrans.tracing.refusal import refuse
from functrans.tracing.tracer import Tracer


def _krylov(
    method: str, matvec: Callable[[Any], Any], b: Any, tol: float | None, max_iter: int | None, preconditioner: Any
) -> Any:
    leaves, structure = tree.flatten(b)
    for leaf in leaves:
        if type(leaf) is Tracer:
            refuse(leaf, "array")
    try:
        import scipy.sparse.linalg as linalg
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"`solve_{method}` needs SciPy, which is not installed\nFix: `pip install 'functrans[scipy]'`.",
            name="scipy",
        ) from error
    specs = [ArraySpec.of(leaf) for leaf in leaves]
    vector = np.asarray(to_vector(leaves))
    tol = float(np.finfo(vector.dtype).eps ** 0.75) if tol is None else tol
    shape = (vector.size, vector.size)
    operator = linalg.LinearOperator(shape, on_vectors(matvec, structure, specs), dtype=vector.dtype)
    if preconditioner is not None:
        preconditioner = linalg.LinearOperator(shape, on_vectors(preconditioner, structure, specs), dtype=vector.dtype)
    steps = 0

    def count(_: Any) -> None:
        nonlocal steps
        steps += 1

    how = {} if method == "cg" else {"callback_type": "pr_norm"}
    found, info = getattr(linalg, method)(
        operator, vector, rtol=tol, atol=0.0, maxiter=max_iter, M=preconditioner, callback=count, **how
    )
    if info:
        residual = float(np.linalg.norm(operator @ found - vector))
        raise ConvergenceError(
            f"`solve_{method}` did not converge: after {steps} iterations the residual is {residual:.3g}, "
            f"{residual / float(np.linalg.norm(vector)):.3g} of the right side (asked for: {tol:.3g})",
            "give more iterations, `max_iter=`, or a preconditioner, `preconditioner=`; or ask for less, `tol=`"
            + ("; conjugate gradients need a symmetric positive definite map." if method == "cg" else "."),
            residual=residual,
            iterations=steps,
        )
    return tree.unflatten(structure, from_vector(found, specs))


def cg(matvec: Callable[[Any], Any], b: Any) -> Any:
    """Conjugate gradients as they come."""
    return _krylov("cg", matvec, b, None, None, None)


def gmres(matvec: Callable[[Any], Any], b: Any) -> Any:
    """GMRES as it comes."""
    return _krylov("gmres", matvec, b, None, None, None)


GENERAL.update((cg, gmres))


class _Solve:
    """A solver with its options; the preconditioner serves the transposed system only if it is told so."""

    def __init__(self, method: str, tol: float | None, max_iter: int | None, preconditioner: Any) -> None:
        self.method, self.tol, self.max_iter, self.preconditioner = method, tol, max_iter, preconditioner
        self.__name__ = f"solve_{method}"
        self.general = preconditioner is None

    def _key(self) -> Any:
        return (self.method, self.tol, self.max_iter, self.preconditioner)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Solve) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __call__(self, matvec: Callable[[Any], Any], b: Any) -> Any:
        return _krylov(self.method, matvec, b, self.tol, self.max_iter, self.preconditioner)


def _transposed(solve: _Solve, vecmat: Callable[[Any], Any], b: Any) -> Any:
    """For the transposed system no preconditioner is known, unless the map is symmetric."""
    return _Solve(solve.method, solve.tol, solve.max_iter, None)(vecmat, b)


@boundary
def solve_cg(
    matvec: Callable[[Any], Any],
    b: Any,
    *,
    tol: float | None = None,
    max_iter: int | None = None,
    preconditioner: Callable[[Any], Any] | None = None,
) -> Any:
    """The solution of ``matvec(x) = b`` by conjugate gradients (SciPy's), for a symmetric positive definite map.

    Derivatives solve systems of the same map; nothing of the iterations is kept.

    Args:
        matvec: a linear function of trees like ``b``, to such trees; it may close over traced values. Complex numbers
            are treated as pairs of real ones, so that a hermitian map will do.
        b: a tree of arrays.
        tol: of the residual, relative to ``b``; left out, ``eps ** 0.75``.
        max_iter: left out, SciPy's: ten times the number of unknowns.
        preconditioner: an approximate inverse, symmetric positive definite as well. It must not depend on traced
            values.

    Raises:
        ConvergenceError: it did not converge.
        DerivativeError: ``matvec`` is not linear.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> def energy(k):  # of a chain of springs
        ...     def pull(x):
        ...         return k * (2 * x - np.append(x[1:], 0.0) - np.append(0.0, x[:-1]))
        ...     return np.sum(ft.implicit.solve_cg(pull, np.ones(5)))
        >>> ft.value_and_grad(energy)(2.0)
        (np.float64(8.75), -4.375)
    """
    solve = _Solve("cg", tol, max_iter, preconditioner)
    return _solved(matvec, b, solve, "solve_cg", symmetric=preconditioner is not None)


@boundary
def solve_gmres(
    matvec: Callable[[Any], Any],
    b: Any,
    *,
    tol: float | None = None,
    max_iter: int | None = None,
    preconditioner: Callable[[Any], Any] | None = None,
) -> Any:
    """The solution of ``matvec(x) = b`` by GMRES (SciPy's).

    Derivatives solve systems of the same map, or of its transpose; nothing of the iterations is kept.

    Args:
        matvec: a linear function of trees like ``b``, to such trees; it may close over traced values.
        b: a tree of arrays.
        tol: of the residual, relative to ``b``; left out, ``eps ** 0.75``.
        max_iter: the number of restarts (each of 20 steps); left out, SciPy's.
        preconditioner: an approximate inverse; the transposed system is solved without it. It must not depend on
            traced values.

    Raises:
        ConvergenceError: it did not converge.
        DerivativeError: ``matvec`` is not linear.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> ft.grad(lambda a: ft.implicit.solve_gmres(lambda x: a * x, np.array([6.0]))[0])(2.0)
        -1.5
    """
    solve = _Solve("gmres", tol, max_iter, preconditioner)
    other = None if preconditioner is None else functools.partial(_transposed, solve)
    return _solved(matvec, b, solve, "solve_gmres", other)
