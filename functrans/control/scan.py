"""``scan``: a loop of a known number of steps as one primitive, whose body is a program.

The derivatives of a scan are scans: forward mode carries tangents beside the values; reverse mode keeps, at each step,
what the walk back will read, once, and then scans from the last step to the first. What does not depend on the step is
computed before the loop.

Source: Bradbury et al., *JAX: composable transformations of Python+NumPy programs* (2018), for the interface; Griewank
and Walther, *Evaluating Derivatives*, 2nd ed. (2008), chapter 12, for loops in reverse.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from functrans.control.closure import flat_program
from functrans.control.derived import Flags, chosen, later, pushed, specs_of, spread_out
from functrans.control.derived import batched as batched_program
from functrans.control.sweeps import Parts, Sweeps, sweeps_of
from functrans.frames import boundary
from functrans.function_types import P, T
from functrans.interpreter import run, runner
from functrans.ir import ArraySpec, Program
from functrans.ir.source import param_source
from functrans.ir.spec import Length
from functrans.ops.duals import zeros
from functrans.primitives import Joint, Primitive
from functrans.tracing.bind import bind
from functrans.transforms.linearize import first_nonlinear


def scan_loop(body, consts, carry, xs, ys, length, reverse):  # type: ignore[no-untyped-def]
    """Run the body once for each step; ``ys`` are shape and dtype of what it gives beside the carry."""
    stacked = [np.empty((length, *shape), dtype) for shape, dtype in ys]
    for i in range(length - 1, -1, -1) if reverse else range(length):
        outs = body(*consts, *carry, *[x[i] for x in xs])
        carry = outs[: len(carry)]
        for y, out in zip(stacked, outs[len(carry) :], strict=True):
            y[i] = out
    return (*carry, *stacked)


def _impl(*operands: Any, program: Program, consts: int, carries: int, length: int | None, reverse: bool) -> Any:
    given = Parts(operands, consts, carries)
    ys = [(atom.spec.shape, atom.spec.dtype) for atom in program.outputs[carries:]]
    length = len(given.xs[0]) if length is None else length
    return scan_loop(runner(program), given.consts, given.carry, given.xs, ys, length, reverse)


def _source(args: list[str], params: dict[str, Any]) -> str:
    given = Parts(args, params["consts"], params["carries"])
    body = params["program"]
    ys = [(atom.spec.shape, atom.spec.dtype) for atom in body.program.outputs[params["carries"] :]]
    length = f"len({given.xs[0]})" if params["length"] is None else params["length"]
    groups = ", ".join(f"[{', '.join(group)}]" for group in (given.consts, given.carry, given.xs))
    return f"scan_loop({body}, {groups}, {param_source(ys)}, {length}, {params['reverse']})"


def _spec(*specs: ArraySpec, program: Program, consts: int, carries: int, length: int | None, reverse: bool) -> Any:
    outs = specs_of(program.outputs)
    length = Length() if length is None else length
    return (*outs[:carries], *[ArraySpec((length, *spec.shape), spec.dtype) for spec in outs[carries:]])


# Forward mode.


def _jvp(
    primals: Sequence[Any], tangents: Sequence[Any], *, program: Program, consts: int, carries: int, **how: Any
) -> Any:
    if later(tangents, primals):
        return _split_jvp(primals, tangents, program=program, consts=consts, carries=carries, **how)
    flags = Parts([dx is not None for dx in tangents], consts, carries)
    carry = tuple(flags.carry)
    while True:
        moving = (*flags.consts, *carry, *flags.xs)
        derivative = pushed(program, moving, (*carry, *[False] * (len(program.outputs) - carries)))
        if derivative.moving[:carries] == carry:
            break
        carry = derivative.moving[:carries]
    of_ys = derivative.moving[carries:]
    values, dual = Parts(primals, consts, carries), Parts(tangents, consts, carries)
    starts = [zeros(ArraySpec.of(x)) if dx is None else dx for x, dx in zip(values.carry, dual.carry, strict=True)]
    counts = (sum(flags.consts), sum(carry), sum(flags.xs))
    body = _pushed_body(program, derivative.program, consts, carries, counts)
    outs = bind(
        scan_p,
        *[*values.consts, *chosen(dual.consts, flags.consts)],
        *[*values.carry, *chosen(starts, carry)],
        *[*values.xs, *chosen(dual.xs, flags.xs)],
        program=body,
        consts=consts + counts[0],
        carries=carries + counts[1],
        **how,
    )
    ends, ys = outs[: carries + counts[1]], outs[carries + counts[1] :]
    count = len(program.outputs) - carries
    moved = [*spread_out(ends[carries:], carry), *spread_out(ys[count:], of_ys)]
    return (*ends[:carries], *ys[:count]), moved


def _pushed_body(
    program: Program, derivative: Program, consts: int, carries: int, counts: tuple[int, int, int]
) -> Program:
    """The derivative of a body as a body: each tangent in the group of its primal."""
    known = derivative.derived.get("body")
    if known is not None:
        return known  # type: ignore[no-any-return]
    specs = Parts(specs_of(program.inputs), consts, carries)
    of_tangents = Parts(specs_of(derivative.inputs[len(program.inputs) :]), counts[0], counts[1])

    def body(*leaves: Any) -> list[Any]:
        given = Parts(leaves, consts + counts[0], carries + counts[1])
        primals = [*given.consts[:consts], *given.carry[:carries], *given.xs[: len(specs.xs)]]
        tangents = [*given.consts[consts:], *given.carry[carries:], *given.xs[len(specs.xs) :]]
        outs = run(derivative, [*primals, *tangents])
        values, moved = outs[: len(program.outputs)], outs[len(program.outputs) :]
        return [*values[:carries], *moved[: counts[1]], *values[carries:], *moved[counts[1] :]]

    made = flat_program(
        body,
        [
            *[*specs.consts, *of_tangents.consts],
            *[*specs.carry, *of_tangents.carry],
            *[*specs.xs, *of_tangents.xs],
        ],
        derivative.name,
    )
    return derivative.derived.setdefault("body", made)  # type: ignore[no-any-return]


# Reverse mode.


def _forward(primals: Sequence[Any], moving: Flags, *, program: Program, consts: int, carries: int, **how: Any) -> Any:
    return _run_forward(sweeps_of(program, moving, consts, carries), primals, program, consts, carries, **how)


def _run_forward(
    sweeps: Sweeps, primals: Sequence[Any], program: Program, consts: int, carries: int, **how: Any
) -> tuple[Sequence[Any], tuple[Sweeps, list[Any], list[Any]]]:
    """The outputs, and what the derivative will read: the residuals that are the same at each step, and the others."""
    given = Parts(primals, consts, carries)
    before, held = sweeps.before(given.consts)
    outs = bind(scan_p, *held, *given.carry, *given.xs, program=sweeps.body, consts=len(held), carries=carries, **how)
    count = len(program.outputs)
    return outs[:count], (sweeps, *sweeps.read(given.consts, before, given.xs, outs[count:]))


def _backward(
    kept: tuple[Sweeps, list[Any], list[Any]],
    cts: Sequence[Any],
    moving: Flags,
    *,
    program: Program,
    consts: int,
    carries: int,
    length: int | None,
    reverse: bool,
) -> list[Any]:
    return walked_back(*kept, cts, Parts(specs_of(program.inputs), consts, carries), length, not reverse)


def walked_back(
    sweeps: Sweeps,
    held: Sequence[Any],
    steps: Sequence[Any],
    cts: Sequence[Any],
    specs: Parts,
    length: int | None,
    reverse: bool,
) -> list[Any]:
    """The cotangents of what a loop was given, by a scan over what its steps left behind; ``specs`` are its body's."""
    carries = len(specs.carry)
    of_ys = tuple(
        [ct is not None and moves for ct, moves in zip(cts[carries:], sweeps.of_outputs[carries:], strict=True)]
    )
    ends = [zeros(spec) if ct is None else ct for ct, spec in zip(cts[:carries], specs.carry, strict=True)]
    starts = [*chosen(ends, sweeps.carry), *map(zeros, chosen(specs.consts, sweeps.consts))]
    outs = bind(
        scan_p,
        *held,
        *starts,
        *steps,
        *chosen(cts[carries:], of_ys),
        program=sweeps.back(of_ys),
        consts=len(held),
        carries=len(starts),
        length=length,
        reverse=reverse,
    )
    of_carry = spread_out(outs[: sum(sweeps.carry)], sweeps.carry)
    of_consts = spread_out(outs[sum(sweeps.carry) : len(starts)], sweeps.consts)
    return [*of_consts, *of_carry, *spread_out(outs[len(starts) :], sweeps.xs)]


def _split_jvp(
    primals: Sequence[Any], tangents: Sequence[Any], *, program: Program, consts: int, carries: int, **how: Any
) -> Any:
    """Forward mode, with the values computed first, by themselves."""
    moving = tuple([dx is not None for dx in tangents])
    sweeps = sweeps_of(program, moving, consts, carries, forwards=True)
    outs, kept = _run_forward(sweeps, primals, program, consts, carries, **how)
    specs = Parts(specs_of(program.inputs), consts, carries)
    return outs, pushed_along(*kept, Parts(tangents, consts, carries), specs, **how)


def pushed_along(
    sweeps: Sweeps,
    held: Sequence[Any],
    steps: Sequence[Any],
    tangents: Parts,
    specs: Parts,
    length: int | None,
    reverse: bool,
) -> list[Any]:
    """The tangents of what a loop gives, by a scan over what its steps left behind; ``specs`` are its body's."""
    of_consts, of_xs = ([dx for dx in group if dx is not None] for group in (tangents.consts, tangents.xs))
    starts = [zeros(spec) if dx is None else dx for dx, spec in zip(tangents.carry, specs.carry, strict=True)]
    moved = sum(sweeps.carry)
    found = bind(
        scan_p,
        *[*held, *of_consts],
        *chosen(starts, sweeps.carry),
        *[*steps, *of_xs],
        program=sweeps.along(len(of_consts)),
        consts=len(held) + len(of_consts),
        carries=moved,
        length=length,
        reverse=reverse,
    )
    of_ys = sweeps.of_outputs[len(specs.carry) :]
    return [*spread_out(found[:moved], sweeps.carry), *spread_out(found[moved:], of_ys)]


def _is_linear(moving: Sequence[bool], *, program: Program, consts: int, carries: int, **how: Any) -> bool:
    flags = Parts(moving, consts, carries)
    carry = flags.carry
    while True:
        equation, outs = first_nonlinear(program, [*flags.consts, *carry, *flags.xs])
        if equation is not None:
            return False
        if all(b or not a for a, b in zip(outs[:carries], carry, strict=True)):
            return True
        carry = [a or b for a, b in zip(outs[:carries], carry, strict=True)]


# Batches.


def _batch(
    primitive: Primitive, operands: Sequence[Any], flags: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    consts, carries, program = params["consts"], params["carries"], params["program"]
    given, groups = Parts(operands, consts, carries), Parts(flags, consts, carries)
    carry = tuple(groups.carry)
    while True:
        # An axis of unknown length cannot be repeated for each example.
        wanted = (*carry, *[params["length"] is None] * (len(program.outputs) - carries))
        made = batched_program(program, (*groups.consts, *carry, *groups.xs), size, wanted)
        if made.batched[:carries] == carry:
            break
        carry = made.batched[:carries]
    starts = [
        np.broadcast_to(x, (size, *np.shape(x))) if flag and not was else x
        for x, flag, was in zip(given.carry, carry, groups.carry, strict=True)
    ]
    # The steps come first, then the batch.
    xs = [np.moveaxis(x, 0, 1) if flag else x for x, flag in zip(given.xs, groups.xs, strict=True)]
    outs = bind(primitive, *given.consts, *starts, *xs, **{**params, "program": made.program})
    ends = [
        x if flag else np.broadcast_to(x, (size, *np.shape(x))) for x, flag in zip(outs[:carries], carry, strict=True)
    ]
    ys = [
        np.moveaxis(y, 1, 0) if flag else np.broadcast_to(y, (size, *np.shape(y)))
        for y, flag in zip(outs[carries:], made.batched[carries:], strict=True)
    ]
    return (*ends, *ys)


scan_p: Primitive = Primitive(
    "scan",
    _impl,
    _spec,
    Joint(_jvp, _forward, _backward, _is_linear),
    source=_source,
    helpers={"scan_loop": scan_loop},
    multiple=True,
    batch=_batch,
)


# What users call.


@boundary
def scan(
    f: Callable[P, tuple[T, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    *,
    reverse: bool = False,
    unroll: int | bool = 1,
    checkpoint: int | bool = False,
) -> tuple[T, Any]:
    """A loop that carries a value from step to step and stacks what each step gives.

    In plain Python: ``ys = []``, then ``for x in xs: carry, y = f(carry, x); ys.append(y)``. The body is traced once
    and becomes a program, whatever the number of steps, so that gradients through many steps cost no tracing. A body
    that asks for the truth of its values runs as a plain loop, where these are known.

    Args:
        f: ``f(carry, x)`` gives ``(carry, y)``, trees of arrays. The carry keeps its structure, shapes and dtypes;
            ``y`` may be None.
        init: the carry before the first step; Python numbers take the dtype that the body makes of them.
        xs: a tree of arrays with the steps along the first axis; None, if there is nothing to read.
        length: the number of steps, needed where ``xs`` is None.
        reverse: from the last step to the first; ``ys`` stay in the order of ``xs``.
        unroll: True writes all steps out, one after the other, as a Python loop does. (Other numbers, which tell a
            compiler how much to write out at a time, change nothing.)
        checkpoint: reverse mode keeps the carry at every so many steps, and computes those between again: True means
            the square root of the number of steps. Memory for about ``2 sqrt(n)`` steps in place of ``n``, for one more
            evaluation.

    Returns:
        ``(carry, ys)``: the carry after the last step, and the stacked ``y``.

    Raises:
        TreeError, ShapeError: the carry changes its structure, a shape or a dtype; the message shows both.
        TracedBoolError: the body asks for the truth of a value that is not known.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> ft.scan(lambda total, x: (total + x, total * x), 0.0, np.array([1.0, 2.0, 3.0]))
        (np.float64(6.0), array([0., 2., 9.]))
    """
    from functrans.control.stepping import scanned

    out: tuple[T, Any] = scanned(f, init, xs, length, reverse, unroll, checkpoint)
    return out
