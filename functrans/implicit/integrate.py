"""Integration of differential equations by SciPy's methods, step by step, on plain values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from functrans.errors import ConvergenceError, ShapeError
from functrans.implicit.coordinates import from_vector, to_vector
from functrans.ir import ArraySpec

METHODS = ("RK45", "RK23", "DOP853", "Radau", "BDF", "LSODA")
#: Those that solve a nonlinear system at each step.
IMPLICIT = frozenset({"Radau", "BDF", "LSODA"})


class How(NamedTuple):
    """How to integrate."""

    method: str
    rtol: float
    atol: float
    max_steps: int


def scipy_method(name: str) -> Any:
    """SciPy's solver of this name."""
    try:
        import scipy.integrate
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "`odeint` needs SciPy, which is not installed\nFix: `pip install 'functrans[scipy]'`; "
            '`gradient="direct"` does without.',
            name="scipy",
        ) from error
    return getattr(scipy.integrate, name)


def expect_ordered(t: Any) -> None:
    """Check that times go one way.

    Raises:
        ShapeError: they do not.
    """
    steps = np.diff(t)
    if not np.all(np.isfinite(t)) or not (np.all(steps >= 0) or np.all(steps <= 0)):
        raise ShapeError("`odeint`: the times `t` neither rise nor fall", "sort them; they must be finite.")


def stepped(
    rhs: Callable[[Any, Any], Any],
    y0: Any,
    t: Any,
    how: How,
    jac: Callable[[Any, Any], Any] | None = None,
    dense: bool = False,
) -> tuple[Any, Any]:
    """The solution at the times, as rows; the solution as a function of time, if it is asked for.

    Raises:
        ConvergenceError: the step became too small, or there were too many.
    """
    rows = [y0]
    paths: list[Any] = []
    ends = [t[0]]
    direction = 1.0 if t[-1] >= t[0] else -1.0
    done = 1
    while done < len(t) and t[done] == t[0]:
        rows.append(y0)
        done += 1
    if done < len(t) and not y0.size:
        rows += [y0] * (len(t) - done)
        done = len(t)
    if done < len(t):
        options = {"jac": jac} if jac is not None and how.method in IMPLICIT else {}
        solver = scipy_method(how.method)(rhs, float(t[0]), y0, float(t[-1]), rtol=how.rtol, atol=how.atol, **options)
        steps = 0
        while solver.status == "running":
            message = solver.step()
            steps += 1
            if solver.status == "failed" or (steps >= how.max_steps > 0 and solver.status == "running"):
                what = message or "there were more steps than `max_steps`"
                raise ConvergenceError(
                    f"`odeint`: {how.method} gave up at t = {solver.t:.6g}, of {float(t[-1]):.6g}, after {steps} "
                    f"steps: {str(what).rstrip('.').lower()}",
                    "for a stiff equation use method='Radau', 'BDF' or 'LSODA'; or give more steps, `max_steps=`, or "
                    "ask for less, `rtol=`, `atol=`.",
                    iterations=steps,
                )
            path = solver.dense_output()
            last = done
            while last < len(t) and (t[last] - solver.t) * direction <= 0:
                last += 1
            if last > done:
                rows += list(path(t[done:last]).T)
                done = last
            if dense:
                paths.append(path)
                ends.append(solver.t)
    if not dense:
        return np.array(rows), None
    return np.array(rows), Path(np.array(ends), paths, y0, direction)


class Path:
    """A solution as a function of time."""

    __slots__ = ("direction", "ends", "start", "steps")

    def __init__(self, ends: Any, steps: list[Any], start: Any, direction: float) -> None:
        self.ends, self.steps, self.start, self.direction = ends * direction, steps, start, direction

    def __call__(self, t: float) -> Any:
        if not self.steps:
            return self.start
        i = int(np.searchsorted(self.ends, t * self.direction, side="left")) - 1
        return self.steps[min(max(i, 0), len(self.steps) - 1)](t)


def on_leaves(f: Callable[..., Sequence[Any]], specs: Sequence[ArraySpec]) -> Callable[[Any, Any], Any]:
    """A right side, ``f(t, *leaves)``, as SciPy calls it."""

    def rhs(t: Any, vector: Any) -> Any:
        return to_vector(f(t, *from_vector(vector, specs)))

    return rhs


def unstacked(rows: Any, specs: Sequence[ArraySpec]) -> list[Any]:
    """Rows of vectors as leaves with the times in front."""
    leaves, at = [], 0
    for spec in specs:
        flat = rows[:, at : at + spec.size]
        at += spec.size
        if spec.dtype.kind == "c":
            flat = flat + 1j * rows[:, at : at + spec.size]
            at += spec.size
        leaves.append(np.ascontiguousarray(flat).reshape((len(rows), *spec.shape)).astype(spec.dtype, copy=False))
    return leaves
