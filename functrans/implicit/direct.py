"""The steps of an adaptive method, differentiated as they are.

Where the values are known, the steps are found on them, and then gone again, traced, in one scan. Where they are not,
each interval is a loop that finds its steps when it runs. The sizes of the steps are not differentiated.

Source: Dormand and Prince, *A family of embedded Runge-Kutta formulae* (1980); Hairer, Nørsett and Wanner, *Solving
ordinary differential equations I* (1993), sections II.4 and II.5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans.control.loop import while_loop
from functrans.control.scan import scan
from functrans.errors import ConvergenceError
from functrans.implicit.coordinates import from_vector, to_vector
from functrans.implicit.integrate import How, expect_ordered
from functrans.implicit.iterations import expect_converged_p
from functrans.interpreter import run
from functrans.ir import ArraySpec, Program
from functrans.ops.duals import cast
from functrans.ops.select import stop_gradient
from functrans.tracing.bind import bind
from functrans.tracing.tracer import Tracer

_NODES = (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
_STAGES = (
    (),
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
_ERROR = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)
_SAFETY, _LEAST, _MOST = 0.9, 0.2, 10.0
_GIVE_UP = (
    "give more steps, `max_steps=`, or ask for less, `rtol=`, `atol=`; a stiff equation wants method='Radau', with "
    "gradient='adjoint'."
)


def _step(f: Callable[[Any, Any], Any], y: Any, t: Any, h: Any, with_error: bool) -> tuple[Any, Any]:
    """The state after a step, and its estimated error."""
    slopes: list[Any] = []
    new = y
    for node, row in zip(_NODES if with_error else _NODES[:6], _STAGES, strict=False):
        new = y + h * _sum(row, slopes) if row else y
        slopes.append(f(new, t + node * h))
    if not with_error:
        return y + h * _sum(_STAGES[6], slopes), None
    return new, h * _sum(_ERROR, slopes)


def _sum(weights: Sequence[float], slopes: Sequence[Any]) -> Any:
    total: Any = None
    for weight, slope in zip(weights, slopes, strict=True):
        if weight:
            total = weight * slope if total is None else total + weight * slope
    return total


def _badness(error: Any, y: Any, new: Any, how: How) -> Any:
    """The error of a step, where 1 is allowed."""
    scale = how.atol + how.rtol * np.maximum(np.abs(y), np.abs(new))
    return np.sqrt(np.mean((error / scale) ** 2))


def _factor(badness: Any) -> Any:
    """By what to change the step."""
    return np.clip(_SAFETY * np.maximum(badness, 1e-10) ** -0.2, _LEAST, _MOST)


def integrated(program: Program, params: Sequence[Any], y0: Sequence[Any], t: Any, how: How) -> list[Any]:
    """The solution at the times, leaf by leaf."""
    specs = [ArraySpec.of(y) for y in y0]

    def rhs(consts: Sequence[Any]) -> Callable[[Any, Any], Any]:
        return lambda v, time: to_vector(run(program, [*consts, *from_vector(v, specs), time]))

    start = cast(to_vector(y0), np.dtype(np.float64))  # the right side is called in the precision of the state
    known = [stop_gradient(x) for x in (*params, start, t)]
    if t.shape[0] == 1 or not start.shape[0]:
        rows = np.broadcast_to(start, (t.shape[0], *start.shape))
    elif any(type(x) is Tracer for x in known):
        rows = _looped(rhs(params), start, t, how)
    else:
        rows = _replayed(rhs(params), start, t, how, _found(rhs(known[:-2]), known[-2], known[-1], how))
    return _unstacked(rows, specs)


def _unstacked(rows: Any, specs: Sequence[ArraySpec]) -> list[Any]:
    leaves, at = [], 0
    for spec in specs:
        flat = rows[:, at : at + spec.size]
        at += spec.size
        if spec.dtype.kind == "c":
            flat = flat + 1j * rows[:, at : at + spec.size]
            at += spec.size
        leaf = np.reshape(flat, (rows.shape[0], *spec.shape))
        leaves.append(leaf if leaf.dtype == spec.dtype else cast(leaf, spec.dtype))
    return leaves


def _found(f: Callable[[Any, Any], Any], y: Any, t: Any, how: How) -> list[list[tuple[float, float]]]:
    """For each interval the steps: where they begin and how long they are, as parts of the interval."""
    expect_ordered(t)
    found: list[list[tuple[float, float]]] = []
    h = _first_step(f, y, t[0], t[-1] - t[0], how)
    steps = 0
    for i in range(len(t) - 1):
        length = float(t[i + 1] - t[i])
        rows: list[tuple[float, float]] = []
        at = 0.0
        while at < 1.0 and length:
            part = min(abs(h / length), 1.0)
            last = at + part >= 1.0 - 1e-12
            part = 1.0 - at if last else part
            new, error = _step(f, y, t[i] + at * length, part * length, True)
            badness = float(_badness(error, y, new, how))
            steps += 1
            if steps > how.max_steps or (not np.isfinite(badness) and part < 1e-12):
                raise ConvergenceError(
                    f"`odeint`: the steps became too many, or too small, at t = {float(t[i] + at * length):.6g}, of "
                    f"{float(t[-1]):.6g}",
                    _GIVE_UP,
                    iterations=steps,
                )
            factor = float(_factor(badness)) if np.isfinite(badness) else _LEAST
            if badness <= 1.0:
                rows.append((at, part))
                at = 1.0 if last else at + part
                y = new
                if not last or factor < 1.0:
                    h = part * length * factor
            else:
                h = part * length * min(factor, 1.0)
        found.append(rows)
    return found


def _first_step(f: Callable[[Any, Any], Any], y: Any, t: Any, span: Any, how: How) -> Any:
    """A step that is small in comparison with what the solution does at the start."""
    scale = how.atol + how.rtol * np.abs(y)
    slope = f(y, t)
    size, speed = np.sqrt(np.mean((y / scale) ** 2)), np.sqrt(np.mean((slope / scale) ** 2))
    first = np.where(speed > 1e-10, 0.01 * np.maximum(size, 1e-3) / np.maximum(speed, 1e-10), 1e-6)
    return np.sign(span) * np.minimum(first, np.abs(span))


def _replayed(f: Callable[[Any, Any], Any], y: Any, t: Any, how: How, steps: Sequence[Any]) -> Any:
    interval = np.repeat(np.arange(len(steps)), [len(rows) for rows in steps])
    parts = np.array([part for rows in steps for part in rows]).reshape((-1, 2))
    lengths = t[interval + 1] - t[interval]
    starts, hs = t[interval] + parts[:, 0] * lengths, parts[:, 1] * lengths

    def body(y: Any, x: Any) -> Any:
        new = _step(f, y, x[0], x[1], False)[0]
        return new, new

    _, rows = scan(body, y, (starts, hs))
    rows = np.concatenate([np.reshape(y, (1, -1)), rows])
    return rows[np.cumsum([0, *[len(rows) for rows in steps]])]


def _looped(f: Callable[[Any, Any], Any], y: Any, t: Any, how: How) -> Any:
    first = stop_gradient(_first_step(f, y, t[0], t[-1] - t[0], how))

    def interval(carry: Any, x: Any) -> Any:
        y, h = carry
        start, length = x

        def still(c: Any) -> Any:
            return (c[1] < 1.0) & (c[3] < how.max_steps)

        def body(c: Any) -> Any:
            y, at, h, n = c
            span = stop_gradient(length)
            part = np.minimum(np.abs(h / np.where(span == 0.0, 1.0, span)), 1.0)
            last = (at + part >= 1.0 - 1e-12) | (span == 0.0)
            part = np.where(last, 1.0 - at, part)
            new, error = _step(f, y, start + at * length, part * length, True)
            badness = stop_gradient(_badness(error, y, new, how))
            finite = np.isfinite(badness)
            factor = np.where(finite, _factor(np.where(finite, badness, 1.0)), _LEAST)
            good = badness <= 1.0
            grown = np.where(last & (factor >= 1.0), h, part * span * factor)
            shrunk = part * span * np.minimum(factor, 1.0)
            at = np.where(good, np.where(last, 1.0, at + part), at)
            return np.where(good, new, y), at, np.where(good, grown, shrunk), n + 1

        y, at, h, n = while_loop(still, body, (y, np.float64(0.0), h, np.int64(0)))
        left = stop_gradient(1.0 - at)
        h = bind(expect_converged_p, h, left, left, n, tol=0.0, solver="`odeint`: an interval", fix=_GIVE_UP)
        return (y, h), y

    _, rows = scan(interval, (y, first), (t[:-1], t[1:] - t[:-1]))
    return np.concatenate([np.reshape(y, (1, -1)), rows])
