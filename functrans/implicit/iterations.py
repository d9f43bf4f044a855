"""Our own solvers: Newton's method and plain iteration, as loops that are traced, batched and printed like any.

Source: Griewank and Walther, *Evaluating Derivatives*, 2nd ed. (2008), chapter 15; Christianson, *Reverse accumulation
and attractive fixed points* (1994), for the adjoint iteration.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans import tree
from functrans.control.loop import while_loop
from functrans.errors import ConvergenceError
from functrans.implicit.coordinates import from_vector, on_vectors, to_vector
from functrans.ir import ArraySpec
from functrans.primitives import Constant, Primitive
from functrans.tracing.bind import bind
from functrans.transforms.jacobian import jacobian


def expect_converged(x, change, steps, tol, solver, fix):  # type: ignore[no-untyped-def]
    """``x``; an error, if the last change of it was more than ``tol``."""
    if not np.all(change <= tol):
        raise RuntimeError(
            f"{solver} did not converge: after {np.max(steps)} steps x still changes by {np.max(change)}"
        )
    return x


def _impl(x: Any, change: Any, residual: Any, steps: Any, *, tol: float, solver: str, fix: str) -> Any:
    if not np.all(change <= tol):
        worst = float(np.max(change))
        raise ConvergenceError(
            f"{solver} did not converge: after {int(np.max(steps))} steps x still changes by {worst:.3g} of its size "
            f"(asked for: {tol:.3g}); the residual is {float(np.max(residual)):.3g}",
            fix,
            residual=float(np.max(residual)),
            iterations=int(np.max(steps)),
        )
    return x


def _batch(primitive: Any, operands: Any, flags: Sequence[bool], size: int, params: Any) -> Any:
    x = operands[0] if flags[0] else np.broadcast_to(operands[0], (size, *np.shape(operands[0])))
    return bind(primitive, x, *operands[1:], **params)


expect_converged_p = Primitive(
    "expect_converged",
    _impl,
    lambda x, change, residual, steps, **how: x,
    Constant("it is a solver's, whose result is differentiated by what it solves"),
    source=lambda args, params: (
        f"expect_converged({args[0]}, {args[1]}, {args[3]}, {params['tol']!r}, {params['solver']!r}, {params['fix']!r})"
    ),
    helpers={"expect_converged": expect_converged},
    batch=_batch,
)


def iterated(step: Callable[[Any], tuple[Any, Any]], x0: Any, tol: float, max_iter: int, solver: str, fix: str) -> Any:
    """``x`` after as many steps as it takes; ``step(x)`` gives the next one, and the residual at this one.

    Changes are measured by the largest entry that was met on the way.
    """
    size = np.max(np.abs(x0), initial=0.0)

    def still(carry: Any) -> Any:
        _, change, _, _, steps = carry
        return (change > tol) & (steps < max_iter)

    def body(carry: Any) -> Any:
        x, _, _, size, steps = carry
        new, residual = step(x)
        size = np.maximum(size, np.max(np.abs(new), initial=0.0))
        moved = np.max(np.abs(new - x), initial=0.0)
        change = np.where(moved == 0.0, moved, moved / np.where(size > 0.0, size, 1.0))
        return new, change, np.max(np.abs(residual), initial=0.0), size, steps + 1

    unknown = np.full_like(size, np.inf)[()] if np.ndim(size) == 0 else size
    x, change, residual, _, steps = while_loop(still, body, (x0, unknown, unknown, size, np.int64(0)))
    return bind(expect_converged_p, x, change, residual, steps, tol=tol, solver=solver, fix=fix)


def default_tol(dtype: np.dtype[Any], power: float) -> float:
    """A tolerance for this precision."""
    return float(np.finfo(dtype).eps ** power)


class Newton:
    """Newton's method with the matrix of derivatives: ``solve(f, x0)``."""

    def __init__(self, tol: float | None, max_iter: int, who: str) -> None:
        self.tol, self.max_iter, self.who = tol, max_iter, who
        self.__name__ = "newton"

    def __call__(self, f: Callable[[Any], Any], x0: Any) -> Any:
        leaves, structure = tree.flatten(x0)
        specs = [ArraySpec.of(leaf) for leaf in leaves]
        residual = on_vectors(f, structure, specs)
        start = to_vector(leaves)

        def step(x: Any) -> tuple[Any, Any]:
            r, matrix = jacobian(lambda x: (residual(x),) * 2, has_aux=True)(x)[::-1]
            return x - np.linalg.solve(matrix, r), r

        # The error after a step is about the square of that step.
        tol = default_tol(start.dtype, 2 / 3) if self.tol is None else self.tol
        try:
            x = iterated(
                step, start, tol, self.max_iter, f"`{self.who}`: Newton's method",
                "start nearer to a solution, give more steps, `max_iter=`, or another solver, `solver=`.",
            )  # fmt: skip
        except np.linalg.LinAlgError as error:
            raise ConvergenceError(
                f"`{self.who}`: Newton's method met a singular matrix of derivatives",
                "start elsewhere, or give another solver, `solver=`; a solution at which it is singular has no "
                "derivative.",
            ) from error
        return tree.unflatten(structure, from_vector(x, specs))


class Picard:
    """Plain iteration for ``x = f(x)``, given ``x - f(x)``: ``solve(residual, x0)``."""

    def __init__(self, tol: float | None, max_iter: int, who: str) -> None:
        self.tol, self.max_iter, self.who = tol, max_iter, who
        self.__name__ = "iteration"

    def __call__(self, f: Callable[[Any], Any], x0: Any) -> Any:
        leaves, structure = tree.flatten(x0)
        specs = [ArraySpec.of(leaf) for leaf in leaves]
        residual = on_vectors(f, structure, specs)
        start = to_vector(leaves)

        def step(x: Any) -> tuple[Any, Any]:
            r = residual(x)
            return x - r, r

        tol = default_tol(start.dtype, 0.8) if self.tol is None else self.tol
        x = iterated(
            step, start, tol, self.max_iter, f"`{self.who}`: the iteration",
            "start nearer to a solution, give more steps, `max_iter=`, ask for less, `tol=`, or use "
            "`solver=\"newton\"`, which needs no contraction.",
        )  # fmt: skip
        return tree.unflatten(structure, from_vector(x, specs))


class Adjoint:
    """Christianson's iteration for the linear systems of a fixed point: it converges as fast as the fixed point's."""

    general = True

    def __init__(self, tol: float | None, max_iter: int) -> None:
        self.tol, self.max_iter = tol, max_iter
        self.__name__ = "adjoint_iteration"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Adjoint) and (self.tol, self.max_iter) == (other.tol, other.max_iter)

    def __hash__(self) -> int:
        return hash((self.tol, self.max_iter))

    def __call__(self, matvec: Callable[[Any], Any], b: Any) -> Any:
        solve = Picard(self.tol, self.max_iter, "fixed_point")
        return solve(lambda x: tree.map(lambda ax, bx: ax - bx, matvec(x), b), b)
