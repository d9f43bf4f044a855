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

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from functrans.control.closure import flat_program
from functrans.control.derived import batched, chosen, pushed, specs_of, spread_out
from functrans.control.scan import scan
from functrans.errors import DerivativeError
from functrans.implicit.coordinates import dimension, from_vector, to_vector
from functrans.implicit.integrate import IMPLICIT, How, Path, expect_ordered, on_leaves, stepped, unstacked
from functrans.implicit.solver import back
from functrans.interpreter import run, run_plain
from functrans.ir import ArraySpec, Program
from functrans.ops import batching
from functrans.ops.duals import cast, zeros
from functrans.ops.scalars import strong
from functrans.primitive import Joint, Primitive
from functrans.tracing.bind import bind
from functrans.tracing.tracer import Tracer
from functrans.transforms.jacobian import jacobian
from functrans.transforms.jvp import jvp
from functrans.transforms.linearize import first_nonlinear
from functrans.transforms.vjp import vjp

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
    found = bind(adjoint_p, *primals, *cts, program=program, count=count, wanted=wanted, how=how, path=path)
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


def odeint(rhs, operands, count, how):  # type: ignore[no-untyped-def]
    """The solution at the times, which are the last operand."""
    from scipy.integrate import solve_ivp

    params, y0, t = operands[:count], operands[count:-1], operands[-1]
    sizes = [np.size(y) for y in y0]

    def unpacked(v):  # type: ignore[no-untyped-def]
        parts = np.split(v, np.cumsum(sizes)[:-1])
        return [p.reshape(np.shape(y)) if np.ndim(y) else p[0] for p, y in zip(parts, y0, strict=True)]

    def f(time, v):  # type: ignore[no-untyped-def]
        return np.concatenate([np.ravel(out) for out in rhs(*params, *unpacked(v), time)])

    start = np.concatenate([np.ravel(y) for y in y0])
    found = solve_ivp(f, (t[0], t[-1]), start, how[0], t, rtol=how[1], atol=how[2])
    parts = np.split(found.y, np.cumsum(sizes)[:-1])
    rows = [np.reshape(part.T, (len(t), *np.shape(y))) for part, y in zip(parts, y0, strict=True)]
    return tuple(rows)


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


# The way back. Operands: those of the way forward, and the cotangents of its outputs.


def _way_back(program: Program, wanted: Sequence[bool]) -> Program:
    """Parameters, the state, the time, the adjoint: to the right sides for the adjoint and what it collects."""
    key = ("way back", tuple(wanted))
    known = program.derived.get(key)
    if known is None:
        specs, states, count = specs_of(program.inputs), len(program.outputs), len(wanted)

        def rhs(*leaves: Any) -> list[Any]:
            inputs, a = leaves[: len(specs)], leaves[len(specs) :]
            found = back(program, inputs, a, [*wanted, *[True] * states, False])
            found = [zeros(spec.strong()) if ct is None else -ct for ct, spec in zip(found, specs, strict=True)]
            return [*found[count:-1], *chosen(found[:count], wanted)]

        known = flat_program(rhs, [*specs, *specs_of(program.outputs)], f"pull_{program.name}")
        known = program.derived.setdefault(key, known)
    return known  # type: ignore[no-any-return]


def _pairing(a: Sequence[Any], b: Sequence[Any], axes: int) -> Any:
    """The sum of the products, over all axes from this one on."""
    total: Any = 0.0
    for x, y in zip(a, b, strict=True):
        total = total + np.real(np.sum(x * y, axis=tuple(range(axes, np.ndim(x)))))
    return total


def _adjoint_impl(
    *operands: Any, program: Program, count: int, wanted: Sequence[bool], how: How, path: Path | None
) -> Any:
    states = len(program.outputs)
    given = Parts(operands, count, states)
    if path is None:
        _, path = _integrated(program, given.params, given.y, given.t, how, True)
    specs = specs_of(program.outputs)
    t, cts = given.t, given.rest
    made = _way_back(program, wanted)
    of_params = chosen(specs_of(program.inputs[:count]), wanted)

    origin, way = 0.0, 1.0

    def rhs(since: Any, *leaves: Any) -> list[Any]:
        time = np.float64(origin + way * since)
        y = from_vector(path(time), specs)
        found = run_plain(made, [*given.params, *y, time, *leaves[:states]])
        return found if way == 1.0 else [-x for x in found]

    def jac(time: Any, vector: Any) -> Any:
        # The adjoint's is the transposed one; what is collected depends on the adjoint alone.
        f = lambda v: to_vector(rhs(time, *from_vector(v, [*specs, *of_params])))  # noqa: E731
        basis = np.eye(len(vector))
        size = dimension(specs)
        columns = [f(basis[i]) for i in range(size)]
        return np.stack([*columns, *[np.zeros(len(vector))] * (len(vector) - size)], axis=1)

    a = [zeros(spec) for spec in specs]
    sums = [zeros(spec.strong()) for spec in of_params]
    on_vector = on_leaves(rhs, [*specs, *of_params])
    for i in range(len(t) - 1, 0, -1):
        a = [x + ct[i] for x, ct in zip(a, cts, strict=True)]
        start = np.asarray(to_vector([*a, *sums]), np.float64)
        # From zero on: a cotangent of a stiff equation asks for first steps below the spacing of floats at the time.
        origin, way = float(t[i]), 1.0 if t[i - 1] >= t[i] else -1.0
        end, _ = stepped(on_vector, start, np.array([0.0, abs(t[i - 1] - t[i])]), how, jac)
        leaves = from_vector(end[-1], [*specs, *of_params])
        a, sums = leaves[:states], leaves[states:]
    slopes = [run_plain(program, [*given.params, *from_vector(path(time), specs), time]) for time in t]
    of_times = [_pairing([ct[i] for ct in cts], slopes[i], 0) for i in range(len(t))]
    of_times[0] = -_pairing(a, slopes[0], 0)
    a = [x + ct[0] for x, ct in zip(a, cts, strict=True)]
    return (*sums, *a, np.array(of_times, ArraySpec.of(t).dtype))


def _adjoint_spec(*specs: ArraySpec, program: Program, count: int, wanted: Sequence[bool], **how: Any) -> Any:
    given = Parts(specs, count, len(program.outputs))
    return (*[s.strong() for s in chosen(given.params, wanted)], *given.y, given.t)


def _composed(program: Program, count: int, wanted: Sequence[bool], how: How) -> Callable[..., list[Any]]:
    """The way back made of integrations that are traced: the solution runs backwards with the adjoint."""
    if how.method in IMPLICIT:
        raise DerivativeError(
            f"a derivative of the adjoint of `odeint` with method={how.method!r}, which is for stiff equations: the "
            "solution would be integrated backwards, which is not stable",
            'use forward mode twice, `jacfwd(jacfwd(f))`; `gradient="direct"`; or an explicit method, "RK45" or '
            '"DOP853", if the equation is not stiff.',
        )
    states = len(program.outputs)
    made = _way_back(program, wanted)

    def whole(*leaves: Any) -> list[Any]:
        params, rest = leaves[:count], leaves[count:]
        y, a, time = rest[:states], rest[states : 2 * states], rest[-1]
        return [*run(program, [*params, *y, time]), *run(made, [*params, *y, time, *a])]

    specs = specs_of(program.inputs)
    sums = [spec.strong() for spec in chosen(specs[:count], wanted)]
    of_all = flat_program(whole, [*specs[:-1], *specs_of(program.outputs), *sums, specs[-1]], f"back_{program.name}")

    def composed(*operands: Any) -> list[Any]:
        given = Parts(operands, count, states)
        ys = bind(odeint_p, *given.params, *given.y, given.t, program=program, count=count, how=how)
        slopes = _at_times(program, given, ys)
        of_times = _pairing(given.rest, slopes, 1)

        def interval(carry: Any, x: Any) -> Any:
            a, totals = carry
            span, y, ct = x
            a = [p + q for p, q in zip(a, ct, strict=True)]
            outs = bind(odeint_p, *given.params, *y, *a, *totals, span, program=of_all, count=count, how=how)
            ends = [out[-1] for out in outs]
            return (ends[states : 2 * states], ends[2 * states :]), None

        start = ([zeros(spec) for spec in specs_of(program.outputs)], [zeros(spec) for spec in sums])
        spans = np.stack([given.t[1:], given.t[:-1]], axis=1)
        later = (spans, [y[1:] for y in ys], [ct[1:] for ct in given.rest])
        (a, totals), _ = scan(interval, start, later, reverse=True)
        first = -_pairing(a, [f[0] for f in slopes], 0)
        of_times = np.concatenate([np.reshape(first, (1,)), of_times[1:]])
        return [*totals, *[x + ct[0] for x, ct in zip(a, given.rest, strict=True)], of_times]

    return composed


def _adjoint_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, path: Any, **params: Any) -> Any:
    outs = bind(adjoint_p, *primals, path=path, **params)
    moving = [dx is not None for dx in tangents]
    if not any(moving[: len(primals) - len(params["program"].outputs)]):  # it is linear in the cotangents
        cts = [zeros(ArraySpec.of(x)) if dx is None else dx for x, dx in zip(primals, tangents, strict=True)]
        fixed = len(primals) - len(params["program"].outputs)
        return outs, list(bind(adjoint_p, *primals[:fixed], *cts[fixed:], path=path, **params))
    f = _composed(**params)

    def moved(*xs: Any) -> list[Any]:
        return f(*_merged(primals, xs, moving))

    _, found = jvp(moved, tuple(chosen(primals, moving)), tuple(chosen(tangents, moving)))
    return outs, list(found)


def _merged(values: Sequence[Any], moved: Sequence[Any], moving: Sequence[bool]) -> list[Any]:
    given = iter(moved)
    return [next(given) if flag else x for x, flag in zip(values, moving, strict=True)]


def _adjoint_forward(primals: Sequence[Any], moving: Sequence[bool], *, path: Any, **params: Any) -> Any:
    outs = bind(adjoint_p, *primals, path=path, **params)
    return outs, (primals, [ArraySpec.of(out) for out in outs], path)


def _adjoint_backward(kept: Any, cts: Sequence[Any], moving: Sequence[bool], *, path: Any, **params: Any) -> list[Any]:
    primals, specs, _ = kept
    f = _composed(**params)
    cts = [zeros(spec) if ct is None else ct for ct, spec in zip(cts, specs, strict=True)]
    _, pullback = vjp(lambda *xs: f(*_merged(primals, xs, moving)), *chosen(primals, moving))
    return spread_out([strong(ct) for ct in pullback(list(cts))], moving)


def _adjoint_linear(moving: Sequence[bool], *, program: Program, **how: Any) -> bool:
    return not any(moving[: len(moving) - len(program.outputs)])


adjoint_p: Primitive = Primitive(
    "odeint_adjoint",
    _adjoint_impl,
    _adjoint_spec,
    Joint(_adjoint_jvp, _adjoint_forward, _adjoint_backward, _adjoint_linear),
    source=lambda args, params: f"odeint_adjoint({', '.join(args)})",
    multiple=True,
    batch=batching.each,
)
