"""The way back of an integration: cotangents of the outputs to those of all that the solution depends on.

As a primitive of its own it follows the solution that is kept; its derivatives are those of the same thing made of
integrations that are traced.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans.control.closure import flat_program
from functrans.control.derived import chosen, specs_of, spread_out
from functrans.control.scan import scan
from functrans.errors import DerivativeError
from functrans.implicit.adjoint import Parts, _at_times, _integrated, odeint_p
from functrans.implicit.coordinates import dimension, from_vector, to_vector
from functrans.implicit.integrate import IMPLICIT, How, Path, on_leaves, stepped
from functrans.implicit.printed import odeint_adjoint
from functrans.implicit.solver import back
from functrans.interpreter import run, run_plain
from functrans.ir import ArraySpec, Program
from functrans.ops import batching
from functrans.ops.duals import zeros
from functrans.ops.scalars import strong
from functrans.primitives import Joint, Primitive
from functrans.tracing.bind import bind
from functrans.transforms.jvp import jvp
from functrans.transforms.vjp import vjp

# The way back. Operands: those of the way forward, and the cotangents of its outputs.


def way_back_of(program: Program, wanted: Sequence[bool]) -> Program:
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
    *operands: Any,
    program: Program,
    way_back: Program,
    count: int,
    wanted: Sequence[bool],
    how: How,
    path: Path | None,
) -> Any:
    states = len(program.outputs)
    given = Parts(operands, count, states)
    if path is None:
        _, path = _integrated(program, given.params, given.y, given.t, how, True)
    specs = specs_of(program.outputs)
    t, cts = given.t, given.rest
    of_params = chosen(specs_of(program.inputs[:count]), wanted)

    origin, way = 0.0, 1.0

    def rhs(since: Any, *leaves: Any) -> list[Any]:
        time = np.float64(origin + way * since)
        y = from_vector(path(time), specs)
        found = run_plain(way_back, [*given.params, *y, time, *leaves[:states]])
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


def _composed(
    program: Program, way_back: Program, count: int, wanted: Sequence[bool], how: How
) -> Callable[..., list[Any]]:
    """The way back made of integrations that are traced: the solution runs backwards with the adjoint."""
    if how.method in IMPLICIT:
        raise DerivativeError(
            f"a derivative of the adjoint of `odeint` with method={how.method!r}, which is for stiff equations: the "
            "solution would be integrated backwards, which is not stable",
            'use forward mode twice, `jacfwd(jacfwd(f))`; `gradient="direct"`; or an explicit method, "RK45" or '
            '"DOP853", if the equation is not stiff.',
        )
    states = len(program.outputs)

    def whole(*leaves: Any) -> list[Any]:
        params, rest = leaves[:count], leaves[count:]
        y, a, time = rest[:states], rest[states : 2 * states], rest[-1]
        return [*run(program, [*params, *y, time]), *run(way_back, [*params, *y, time, *a])]

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


def _adjoint_source(args: list[str], params: dict[str, Any]) -> str:
    of_params, states = sum(params["wanted"]), len(params["program"].program.outputs)
    numbers = f"{params['count']}, {of_params}, {states}, {tuple(params['how'])!r}"
    return f"odeint_adjoint({params['program']}, {params['way_back']}, [{', '.join(args)}], {numbers})"


adjoint_p: Primitive = Primitive(
    "odeint_adjoint",
    _adjoint_impl,
    _adjoint_spec,
    Joint(_adjoint_jvp, _adjoint_forward, _adjoint_backward, _adjoint_linear),
    source=_adjoint_source,
    helpers={"odeint_adjoint": odeint_adjoint},
    multiple=True,
    batch=batching.each,
)
