"""A ``while`` as one primitive, which holds its condition and its body as programs.

Reverse mode lets it keep, step by step, what the walk back will read, in stacks that grow with it; the walk back is a
scan over them. In a batch it runs until all are done.

Source: Griewank and Walther, *Evaluating Derivatives*, 2nd ed. (2008), chapter 12.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from functrans.control.checkpoint import checkpoint_p, nothing
from functrans.control.closure import flat_program
from functrans.control.derived import HELD, Flags, chosen, later, pushed, specs_of, spread_out, without_effects
from functrans.control.derived import batched as batched_program
from functrans.control.scan import pushed_along, walked_back
from functrans.control.sweeps import Parts as StepParts
from functrans.control.sweeps import Sweeps, sweeps_of
from functrans.interpreter import run, runner
from functrans.ir import ArraySpec, Program
from functrans.ir.source import param_source
from functrans.ir.spec import Length
from functrans.ops.duals import zeros
from functrans.primitives import Joint, Primitive
from functrans.tracing.bind import bind


class Parts:
    """The operands (or anything listed like them) of a while: constants of the condition, of the body, the carry."""

    __slots__ = ("body", "carry", "test")

    def __init__(self, values: Sequence[Any], tests: int, bodies: int) -> None:
        self.test, self.body = list(values[:tests]), list(values[tests : tests + bodies])
        self.carry = list(values[tests + bodies :])


def while_steps(test, of_test, body, of_body, carry, ys):  # type: ignore[no-untyped-def]
    """Run the body as long as the condition holds; what it gives beside the carry is stacked."""
    kept = []
    while np.any(test(*of_test, *carry)[0]):
        outs = body(*of_body, *carry)
        carry = outs[: len(carry)]
        kept.append(outs[len(carry) :])
    stacked = [
        np.array([row[i] for row in kept], dtype).reshape(len(kept), *shape) for i, (shape, dtype) in enumerate(ys)
    ]
    return (*carry, *stacked)


def _impl(*operands: Any, test: Program, body: Program, tests: int, bodies: int, counts: tuple[int, ...]) -> Any:
    given = Parts(operands, tests, bodies)
    ys = [(atom.spec.shape, atom.spec.dtype) for atom in body.outputs[len(given.carry) :]]
    return while_steps(runner(test), given.test, runner(body), given.body, given.carry, ys)


def _source(args: list[str], params: dict[str, Any]) -> str:
    given = Parts(args, params["tests"], params["bodies"])
    test, body = params["test"], params["body"]
    ys = [(atom.spec.shape, atom.spec.dtype) for atom in body.program.outputs[len(given.carry) :]]
    of_test, of_body, carry = (f"[{', '.join(group)}]" for group in (given.test, given.body, given.carry))
    return f"while_steps({test}, {of_test}, {body}, {of_body}, {carry}, {param_source(ys)})"


def _spec(*specs: ArraySpec, test: Program, body: Program, tests: int, bodies: int, counts: tuple[int, ...]) -> Any:
    outs = specs_of(body.outputs)
    carries = len(specs) - tests - bodies
    return (*outs[:carries], *[ArraySpec((Length(), *spec.shape), spec.dtype) for spec in outs[carries:]])


def _jvp(
    primals: Sequence[Any],
    tangents: Sequence[Any],
    *,
    test: Program,
    body: Program,
    tests: int,
    bodies: int,
    counts: tuple[int, ...],
) -> Any:
    if later(tangents, primals):
        how = {"test": test, "body": body, "tests": tests, "bodies": bodies, "counts": counts}
        if not HELD.get():
            return _split_jvp(primals, tangents, **how)  # type: ignore[arg-type]
        flags = tuple([dx is not None for dx in tangents])

        def tangents_again(primals: Sequence[Any], given: Sequence[Any], **how: Any) -> Sequence[Any]:
            return _split_jvp(primals, spread_out(given, flags), **how)[1]  # type: ignore[no-any-return]

        given = [spec.strong() for spec in chosen(specs_of([*test.inputs[:tests], *body.inputs]), flags)]
        program, reached = _again(("forwards", flags), given, tangents_again, **how)  # type: ignore[arg-type]
        found = bind(checkpoint_p, *primals, *chosen(tangents, flags), program=program, policy=nothing)
        return bind(while_p, *primals, **how), spread_out(found, reached)
    values, dual = Parts(primals, tests, bodies), Parts(tangents, tests, bodies)
    of_body = tuple([dx is not None for dx in dual.body])
    carry = tuple([dx is not None for dx in dual.carry])
    carries, rest = len(carry), len(body.outputs) - len(carry)
    while True:
        derivative = pushed(body, (*of_body, *carry), (*carry, *[False] * rest))
        if derivative.moving[:carries] == carry:
            break
        carry = derivative.moving[:carries]
    moved = sum(of_body), sum(carry)

    def push(*leaves: Any) -> list[Any]:
        consts, state = leaves[: bodies + moved[0]], leaves[bodies + moved[0] :]
        outs = run(derivative.program, [*consts[:bodies], *state[:carries], *consts[bodies:], *state[carries:]])
        ys, tangents = outs[carries : len(body.outputs)], outs[len(body.outputs) :]
        return [*outs[:carries], *tangents[: moved[1]], *ys, *tangents[moved[1] :]]

    def still(*leaves: Any) -> list[Any]:
        return run(test, leaves[: len(test.inputs)])

    inputs = specs_of(derivative.program.inputs)
    given, of_tangents = inputs[: bodies + carries], inputs[bodies + carries :]
    state = [*given[bodies:], *of_tangents[moved[0] :]]
    step = flat_program(push, [*given[:bodies], *of_tangents[: moved[0]], *state], derivative.program.name)
    starts = [zeros(ArraySpec.of(x)) if dx is None else dx for x, dx in zip(values.carry, dual.carry, strict=True)]
    outs = bind(
        while_p,
        *[*values.test, *values.body, *chosen(dual.body, of_body), *values.carry, *chosen(starts, carry)],
        test=flat_program(still, [*specs_of(test.inputs[:tests]), *state], test.name),
        body=step,
        tests=tests,
        bodies=bodies + moved[0],
        counts=tuple([i + moved[1] for i in counts]),
    )
    ends, ys = outs[: carries + moved[1]], outs[carries + moved[1] :]
    return (*ends[:carries], *ys[:rest]), [
        *spread_out(ends[carries:], carry),
        *spread_out(ys[rest:], derivative.moving[carries:]),
    ]


# Reverse mode.


def _forward(
    primals: Sequence[Any],
    moving: Flags,
    *,
    test: Program,
    body: Program,
    tests: int,
    bodies: int,
    counts: tuple[int, ...],
) -> Any:
    how = {"test": test, "body": body, "tests": tests, "bodies": bodies, "counts": counts}
    if HELD.get():
        return bind(while_p, *primals, **how), list(primals)
    return _run_forward(_sweeps(body, moving[tests:], bodies), primals, **how)  # type: ignore[arg-type]


def _sweeps(body: Program, moving: Flags, bodies: int, forwards: bool = False) -> Sweeps:
    return sweeps_of(body, moving, bodies, len(body.inputs) - bodies, forwards=forwards, counted=True)


def _run_forward(
    sweeps: Sweeps,
    primals: Sequence[Any],
    *,
    test: Program,
    body: Program,
    tests: int,
    bodies: int,
    counts: tuple[int, ...],
) -> Any:
    """The outputs, and what the derivative will read."""
    given = Parts(primals, tests, bodies)
    before, held = sweeps.before(given.body)
    outs = bind(
        while_p,
        *given.test,
        *held,
        *given.carry,
        test=test,
        body=sweeps.body,
        tests=tests,
        bodies=len(held),
        counts=(*counts, len(sweeps.body.outputs) - 1),
    )
    count = len(body.outputs)
    same, own = sweeps.read(given.body, before, [], outs[count:-1])
    return outs[:count], (sweeps, same, [*own, outs[-1]])


def _backward(
    kept: Any,
    cts: Sequence[Any],
    moving: Flags,
    *,
    test: Program,
    body: Program,
    tests: int,
    bodies: int,
    counts: tuple[int, ...],
) -> list[Any]:
    if isinstance(kept, list):
        given = tuple([ct is not None for ct in cts])
        how = {"test": test, "body": body, "tests": tests, "bodies": bodies, "counts": counts}

        def back_again(primals: Sequence[Any], cts: Sequence[Any], **how: Any) -> Sequence[Any]:
            kept = _run_forward(_sweeps(how["body"], moving[tests:], bodies), primals, **how)[1]
            return _backward(kept, spread_out(cts, given), moving, **how)

        outs = _spec(*specs_of([*test.inputs[:tests], *body.inputs]), **how)  # type: ignore[arg-type]
        program, reached = _again(("backwards", moving, given), chosen(outs, given), back_again, **how)  # type: ignore[arg-type]
        found = bind(checkpoint_p, *kept, *chosen(cts, given), program=program, policy=nothing)
        return spread_out(found, reached)
    specs = StepParts(specs_of(body.inputs), bodies, len(body.inputs) - bodies)
    sweeps, held, steps = kept
    return [*[None] * tests, *walked_back(sweeps, held, steps, cts, specs, None, True)]


def _again(
    key: tuple[Any, ...],
    more: Sequence[ArraySpec],
    act: Callable[..., Sequence[Any]],
    *,
    test: Program,
    body: Program,
    tests: int,
    **how: Any,
) -> tuple[Program, Flags]:
    """What ``act(operands, rest, **params)`` does, as a program of the operands and ``more``; which results are there.

    It runs the loop a second time, so it is given one without effects.
    """
    key = (*key, id(test), how["bodies"], how["counts"])
    known = body.derived.get(key)
    if known is None:
        specs = [*specs_of(test.inputs[:tests]), *specs_of(body.inputs)]
        there: list[bool] = []

        def again(*leaves: Any) -> list[Any]:
            params = {"test": without_effects(test), "body": without_effects(body), "tests": tests, **how}
            found = act(leaves[: len(specs)], leaves[len(specs) :], **params)
            there[:] = [x is not None for x in found]
            return chosen(found, there)

        made = flat_program(again, [*specs, *more], f"again_{body.name}")
        known = body.derived.setdefault(key, (made, tuple(there), test))
    return known[0], known[1]


def _split_jvp(
    primals: Sequence[Any], tangents: Sequence[Any], *, body: Program, tests: int, bodies: int, **how: Any
) -> Any:
    """Forward mode, with the values computed first: the tangents are a scan over what these leave behind."""
    moving = tuple([dx is not None for dx in tangents[tests:]])
    sweeps, carries = _sweeps(body, moving, bodies, forwards=True), len(body.inputs) - bodies
    outs, (_, held, steps) = _run_forward(sweeps, primals, body=body, tests=tests, bodies=bodies, **how)
    dual, specs = (StepParts(rows, bodies, carries) for rows in (tangents[tests:], specs_of(body.inputs)))
    return outs, pushed_along(sweeps, held, steps, dual, specs, None, False)


# Batches.


def _batch(
    primitive: Primitive, operands: Sequence[Any], flags: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    test, body, tests, bodies = (params[name] for name in ("test", "body", "tests", "bodies"))
    counts = params["counts"]
    given, groups = Parts(operands, tests, bodies), Parts(flags, tests, bodies)
    carry = tuple(groups.carry)
    carries = len(carry)
    rest = len(body.outputs) - carries
    while True:
        still = batched_program(test, (*groups.test, *carry), size)
        differs = still.batched[0]
        wanted = tuple([flag or differs for flag in carry]) + (True,) * rest
        step = batched_program(body, (*groups.body, *carry), size, wanted)
        if step.batched[:carries] == carry:
            break
        carry = step.batched[:carries]
    starts = [
        np.broadcast_to(x, (size, *np.shape(x))) if flag and not was else x
        for x, flag, was in zip(given.carry, carry, groups.carry, strict=True)
    ]
    made = step.program
    bodies_now, consts = bodies, [*given.test, *given.body]
    if differs:
        # Examples that are done stay as they are; what their steps leave behind does not count.
        state = specs_of(made.inputs[bodies:])

        def together(*leaves: Any) -> list[Any]:
            of_test, of_body, state = leaves[:tests], leaves[tests : tests + bodies], leaves[tests + bodies :]
            active = run(still.program, [*of_test, *state])[0]
            outs = run(made, [*of_body, *state])
            held = [
                np.where(np.reshape(active, (size, *[1] * (np.ndim(old) - 1))), new, old)
                for new, old in zip(outs[:carries], state, strict=True)
            ]
            return [*held, *[out & active if i in counts else out for i, out in enumerate(outs[carries:], carries)]]

        specs = [*specs_of(still.program.inputs[:tests]), *specs_of(made.inputs[:bodies]), *state]
        made = flat_program(together, specs, made.name)
        bodies_now, consts = tests + bodies, [*given.test, *given.test, *given.body]
    with np.errstate(all="ignore") if differs else nullcontext():  # an example that is done may go on to nonsense
        outs = bind(
            primitive,
            *consts,
            *starts,
            test=still.program,
            body=made,
            tests=tests,
            bodies=bodies_now,
            counts=counts,
        )
    of_outs = (*carry, *step.batched[carries:])
    return tuple(
        (out if i < carries else np.moveaxis(out, 1, 0)) if flag else np.broadcast_to(out, (size, *np.shape(out)))
        for i, (out, flag) in enumerate(zip(outs, of_outs, strict=True))
    )


while_p: Primitive = Primitive(
    "while_loop",
    _impl,
    _spec,
    Joint(_jvp, _forward, _backward),
    source=_source,
    helpers={"while_steps": while_steps},
    multiple=True,
    batch=_batch,
)
