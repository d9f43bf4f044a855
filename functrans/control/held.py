"""Rules of primitives that call the one program that they hold: ``checkpoint``, ``jit``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from functrans.control.closure import flat_program
from functrans.control.derived import HELD, Flags, chosen, later, pushed, specs_of, split, spread_out
from functrans.control.derived import batched as batched_program
from functrans.ir import ArraySpec, Program
from functrans.ops.duals import zeros
from functrans.primitives import Primitive, Rule
from functrans.tracing.bind import bind
from functrans.transforms.linearize import first_nonlinear


def spec(*specs: ArraySpec, program: Program, **how: Any) -> tuple[ArraySpec, ...]:
    """What the program gives."""
    return tuple(specs_of(program.outputs))


def source(args: list[str], params: dict[str, Any]) -> str:
    """A call of the function that the program is printed as."""
    return f"{params['program']}({', '.join(args)})"


def is_linear(moving: Sequence[bool], *, program: Program, **how: Any) -> bool:
    """Whether the program is linear in these inputs together."""
    return first_nonlinear(program, moving)[0] is None


def batch(
    primitive: Primitive, operands: Sequence[Any], flags: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    """The call of the program for a batch."""
    everything = (True,) * len(params["program"].outputs)
    program = batched_program(params["program"], tuple(flags), size, everything).program
    return bind(primitive, *operands, **{**params, "program": program})


def pulled(
    primitive: Primitive,
    back: Program,
    kept: Sequence[Any],
    cts: Sequence[Any],
    outputs: Sequence[ArraySpec],
    cut: Any,
    **how: Any,
) -> list[Any]:
    """The walk back as a call of a program, of what was kept and of the cotangents of the outputs that move.

    ``cut.moving`` says which do, ``cut.reached`` which operands get a cotangent.
    """
    given = [zeros(spec) if ct is None else ct for ct, spec in zip(cts, outputs, strict=True)]
    return spread_out(bind(primitive, *kept, *chosen(given, cut.moving), program=back, **how), cut.reached)


def jvp(bound: Callable[..., Any], run: Callable[..., Sequence[Any]]) -> Rule:
    """Forward mode: the call of the program with its tangents beside its values.

    Args:
        bound: applies the primitive to operands and parameters.
        run: ``run(program, operands, **params)``, of the two parts of a program whose values are computed before its
            tangents; the parameters are the primitive's other ones.
    """

    def rule(primals: Sequence[Any], tangents: Sequence[Any], *, program: Program, **how: Any) -> Any:
        moving = tuple([dx is not None for dx in tangents])
        if later(tangents, primals):  # what is linear must read values that are known
            if HELD.get():
                again, moved = tangents_again(program, moving, how)
                found = bound(*primals, *chosen(tangents, moving), program=again, **how)
                return bound(*primals, program=program, **how), spread_out(found, moved)
            return _values_first(partial(run, **how), program, primals, chosen(tangents, moving), moving)
        both = pushed(program, moving)
        outs = bound(*primals, *chosen(tangents, moving), program=both.program, **how)
        count = len(program.outputs)
        return outs[:count], spread_out(outs[count:], both.moving)

    def tangents_again(program: Program, moving: Flags, how: Mapping[str, Any]) -> tuple[Program, Flags]:
        """Inputs, and tangents of those that move, to the tangents of outputs."""
        key = ("tangents again", moving, *how.items())
        known = program.derived.get(key)
        if known is None:
            cut = split(program, moving)
            specs = specs_of(program.inputs)

            def again(*leaves: Any) -> list[Any]:
                primals, tangents = leaves[: len(specs)], leaves[len(specs) :]
                found = _values_first(partial(run, **how), program, primals, tangents, moving)[1]
                return chosen(found, cut.moving)

            made = flat_program(again, [*specs, *[s.strong() for s in chosen(specs, moving)]], f"push_{program.name}")
            known = program.derived.setdefault(key, (made, cut.moving))
        return known  # type: ignore[no-any-return]

    return rule


def _values_first(
    run: Callable[..., Sequence[Any]],
    program: Program,
    primals: Sequence[Any],
    tangents: Sequence[Any],
    moving: Flags,
) -> tuple[tuple[Any, ...], list[Any]]:
    """The outputs and their tangents; what depends on the primals alone is computed apart."""
    cut = split(program, moving)
    outs = run(cut.forward, primals)
    residuals = iter(outs[len(program.outputs) :])
    read = [next(residuals) if source is None else primals[source] for source in cut.sources]
    found = run(cut.linear, [*read, *tangents])
    return tuple(outs[: len(program.outputs)]), spread_out(found, cut.moving)
