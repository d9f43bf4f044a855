"""Solutions of differential equations as one primitive: forward mode by the variational equation, reverse by the
adjoint one.

``y' = f(y, t, p)``. A tangent follows ``dy' = f_y dy + f_p dp``. A cotangent runs backwards, ``a' = -a f_y``, along the
solution, which the way forward has kept as a function of time, and collects ``p' = -a f_p``; at the output times the
cotangents of the outputs are added to it. Nothing is integrated backwards that was stable forwards. Where the adjoint
itself is differentiated, the solution runs backwards with it (which is refused for the methods for stiff equations).

Source: Pontryagin et al. (1962); Chen et al., *Neural ordinary differential equations* (2018); Hindmarsh et al.,
*SUNDIALS* (2005), for the solution kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from functrans.control.closure import flat_program
from functrans.control.derived import batched, chosen, pushed, specs_of, spread_out
from functrans.implicit.coordinates import dimension, from_vector, to_vector
from functrans.implicit.integrate import IMPLICIT, How, expect_ordered, on_leaves, stepped, unstacked
from functrans.implicit.printed import odeint
from functrans.interpreter import run, run_plain
from functrans.ir import ArraySpec, Program
from functrans.ops import batching
from functrans.ops.duals import cast, zeros
from functrans.primitives import Joint, Primitive
from functrans.tracing.bind import bind
from functrans.tracing.tracer import Tracer
from functrans.transforms.jacobian import jacobian
from functrans.transforms.linearize import first_nonlinear

# The right side is a program: what it depends on, the state, the time.


#: Up to so many unknowns the examples of a batch are one system for methods that solve one at each step.
_TOGETHER = 64


class Parts:
    """The operands of an integration (or anything listed like them): parameters, state at the start, times."""

    __slots__ = ("params", "rest", "t", "y")

    def __init__(self, values: Sequence[Any], count: int, states: int) -> None:
        self.params, self.y = list(values[:count]), list(values[count : count + states])
        self.t, self.rest = values[count + states], list(values[count + states + 1 :])


def _integrated(program: Program, params: Sequence[Any], y0: Sequence[Any], t: Any, how: How, dense: bool) -> Any:
    expect_ordered(t)
    specs = [ArraySpec.of(y) for y in y0]
    rhs = on_leaves(lambda time, *y: run_plain(program, [*params, *y, time]), specs)
    jac = None
    if how.method in IMPLICIT:
        made = _jacobian(program, len(params))

        def jac(time: Any, vector: Any) -> Any:
            return run_plain(made, [*params, vector, time])[0]

    return stepped(rhs, np.asarray(to_vector(y0), np.float64), t, how, jac, dense)


def _jacobian(program: Program, count: int) -> Program:
    """Parameters, the state as a vector, and the time, to the matrix of derivatives in the state."""
    known = program.derived.get("state jacobian")
    if known is None:
        specs = specs_of(program.inputs)
        states = specs[count:-1]

        def matrix(*leaves: Any) -> list[Any]:
            params, vector, time = leaves[:count], leaves[count], leaves[-1]
            f = lambda v: to_vector(run(program, [*params, *from_vector(v, states), time]))  # noqa: E731
            return [jacobian(f)(vector)]

        of_vector = ArraySpec((dimension(states),), np.float64)
        known = flat_program(matrix, [*specs[:count], of_vector, specs[-1]], f"jacobian_of_{program.name}")
        known = program.derived.setdefault("state jacobian", known)
    return known  # type: ignore[no-any-return]


def _impl(*operands: Any, program: Program, count: int, how: How) -> Any:
    given = Parts(operands, count, len(program.outputs))
    rows, _ = _integrated(program, given.params, given.y, given.t, how, False)
    return tuple(unstacked(rows, specs_of(program.outputs)))


def _spec(*specs: ArraySpec, program: Program, count: int, how: How) -> Any:
    (length,) = specs[-1].shape
    return tuple([ArraySpec((length, *spec.shape), spec.dtype) for spec in specs[count:-1]])


def _at_times(program: Program, given: Parts, ys: Sequence[Any]) -> list[Any]:
    """The right side at each of the outputs."""
    states = len(program.outputs)
    flags = (*[False] * len(given.params), *[True] * states, True)
    every = batched(program, flags, np.shape(given.t)[0], (True,) * states).program
    return run(every, [*given.params, *ys, given.t])


def _variational(program: Program, moving: Sequence[bool]) -> Program:
    """The right side for parameters and their tangents, the state and its."""
    key = ("variational", tuple(moving))
    known = program.derived.get(key)
    if known is None:
        specs, states, count = specs_of(program.inputs), len(program.outputs), len(moving)
        both = pushed(program, (*moving, *[True] * states, False), (True,) * states).program

        def rhs(*leaves: Any) -> list[Any]:
            params, rest = leaves[:count], leaves[count:]
            dparams, y, dy, time = rest[: sum(moving)], *_halves(rest[sum(moving) : -1]), rest[-1]
            return run(both, [*params, *y, time, *dparams, *dy])

        tangents = chosen(specs[:count], moving)
        known = flat_program(rhs, [*specs[:count], *tangents, *specs[count:-1] * 2, specs[-1]], f"push_{program.name}")
        known = program.derived.setdefault(key, known)
    return known  # type: ignore[no-any-return]


def _halves(values: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
    return values[: len(values) // 2], values[len(values) // 2 :]


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], *, program: Program, count: int, how: How) -> Any:
    states = len(program.outputs)
    ys = bind(odeint_p, *primals, program=program, count=count, how=how)
    given, moved = Parts(primals, count, states), Parts(tangents, count, states)
    dy0 = [zeros(ArraySpec.of(y)) if dy is None else dy for y, dy in zip(given.y, moved.y, strict=True)]
    if moved.t is not None:
        at_start = run(program, [*given.params, *given.y, given.t[0]])
        dy0 = [
            dy - cast(f * moved.t[0], ArraySpec.of(y).dtype) for dy, f, y in zip(dy0, at_start, given.y, strict=True)
        ]
    moving = [dp is not None for dp in moved.params]
    found = bind(
        odeint_p,
        *[*given.params, *chosen(moved.params, moving), *given.y, *dy0, given.t],
        program=_variational(program, moving),
        count=count + sum(moving),
        how=how,
    )
    dys = list(found[states:])
    if moved.t is not None:
        along = [moved.t.reshape((-1, *[1] * (np.ndim(y) - 1))) for y in ys]
        rhs = _at_times(program, given, ys)
        dys = [dy + cast(f * dt, ArraySpec.of(dy).dtype) for dy, f, dt in zip(dys, rhs, along, strict=True)]
    return ys, dys


def _forward(primals: Sequence[Any], moving: Sequence[bool], *, program: Program, count: int, how: How) -> Any:
    path = None
    if any(type(x) is Tracer for x in primals):
        ys = bind(odeint_p, *primals, program=program, count=count, how=how)
    else:
        given = Parts(primals, count, len(program.outputs))
        rows, path = _integrated(program, given.params, given.y, given.t, how, True)
        ys = tuple(unstacked(rows, specs_of(program.outputs)))
    return ys, (primals, path, [ArraySpec.of(y) for y in ys])


def _backward(
    kept: Any, cts: Sequence[Any], moving: Sequence[bool], *, program: Program, count: int, how: How
) -> list[Any]:
    primals, path, specs = kept
    cts = [zeros(spec) if ct is None else ct for ct, spec in zip(cts, specs, strict=True)]
    wanted = tuple(moving[:count])
    from functrans.implicit.way_back import adjoint_p, way_back_of

    way_back = way_back_of(program, wanted)
    params = {"program": program, "way_back": way_back, "count": count, "wanted": wanted, "how": how}
    found = bind(adjoint_p, *primals, *cts, path=path, **params)
    return [*spread_out(found[: sum(wanted)], wanted), *found[sum(wanted) :]]


def _is_linear(moving: Sequence[bool], *, program: Program, count: int, how: How) -> bool:
    states = len(program.outputs)
    flags = Parts(moving, count, states)
    state = flags.y
    while not flags.t:
        equation, outs = first_nonlinear(program, [*flags.params, *state, False])
        if equation is not None:
            return False
        if all(b or not a for a, b in zip(outs, state, strict=True)):
            return True
        state = [a or b for a, b in zip(outs, state, strict=True)]
    return False


def _batch(
    primitive: Primitive, operands: Sequence[Any], flags: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    program, count, how = params["program"], params["count"], params["how"]
    states = len(program.outputs)
    given, groups = Parts(operands, count, states), Parts(flags, count, states)
    if groups.t or not size or (how.method in IMPLICIT and size * dimension(specs_of(program.outputs)) > _TOGETHER):
        return batching.each(primitive, operands, flags, size, params)
    # All examples are one system, in which each is as exact as alone.
    state = tuple(groups.y)
    while True:
        made = batched(program, (*groups.params, *state, False), size, state)
        if made.batched == state:
            break
        state = made.batched
    starts = [
        np.broadcast_to(y, (size, *np.shape(y))) if flag and not was else y
        for y, flag, was in zip(given.y, state, groups.y, strict=True)
    ]
    tight = how._replace(rtol=max(how.rtol / size**0.5, 1e-13), atol=how.atol / size**0.5)
    outs = bind(primitive, *given.params, *starts, given.t, program=made.program, count=count, how=tight)
    return tuple(
        np.moveaxis(out, 1, 0) if flag else np.broadcast_to(out, (size, *np.shape(out)))
        for out, flag in zip(outs, state, strict=True)
    )


def _source(args: list[str], params: dict[str, Any]) -> str:
    return f"odeint({params['program']}, [{', '.join(args)}], {params['count']}, {tuple(params['how'])!r})"


odeint_p: Primitive = Primitive(
    "odeint",
    _impl,
    _spec,
    Joint(_jvp, _forward, _backward, _is_linear),
    source=_source,
    helpers={"odeint": odeint},
    multiple=True,
    batch=_batch,
)
