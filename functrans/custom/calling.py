"""The primitive of a function with a rule of its author's, and how a call of one arrives at it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from functrans import tree
from functrans.control.closure import close
from functrans.control.derived import batched as batched_program
from functrans.control.derived import inexact
from functrans.custom.call import Call, filled
from functrans.custom.halves import Rule
from functrans.errors import DerivativeError, ShapeError, TreeError, describe_function
from functrans.interpreter import runner
from functrans.ir import ArraySpec, Program
from functrans.ops.duals import zeros
from functrans.primitives import Joint, Primitive
from functrans.tracing.bind import bind
from functrans.tracing.refusal import staged_by
from functrans.tracing.tracer import Tracer


def _impl(*operands: Any, rule: Any, program: Program | None, consts: int) -> Any:
    return tuple(rule.value(*operands) if program is None else runner(program)(*operands))


def _spec(*specs: ArraySpec, rule: Any, program: Program, consts: int) -> Any:
    return tuple([atom.spec for atom in program.outputs])


def _refuse_consts(moving: Sequence[bool], rule: Any) -> None:
    if any(moving):
        raise DerivativeError(
            f"the derivative of {rule.call.name}, which has a rule of its own, in a value that it closes over: the "
            "rule says nothing of it",
            "pass the value as an argument.",
        )


def _expect_specs(outs: Sequence[Any], rule: Any, program: Program | None, which: str) -> None:
    """Check what a rule gives for the function's result, where that is known without calling it.

    Raises:
        ShapeError: it is another.
    """
    if program is not None:
        for out, atom in zip(outs, program.outputs, strict=True):
            found = ArraySpec.of(out).strong()
            if found != atom.spec.strong():
                raise ShapeError(
                    f"the {which} rule of {rule.call.name} gives the result {found}, but the function gives "
                    f"{atom.spec}",
                    "return what the function returns.",
                )


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], *, rule: Any, program: Any, consts: int) -> Any:
    _refuse_consts([dx is not None for dx in tangents[:consts]], rule)
    values = primals[consts:]
    outs, moved = rule.push(values, filled(tangents[consts:], values))
    _expect_specs(outs, rule, program, "jvp")
    kept = inexact([ArraySpec.of(o) for o in outs])
    return tuple(outs), [t if moves else None for t, moves in zip(moved, kept, strict=True)]


def _forward(primals: Sequence[Any], moving: Sequence[bool], *, rule: Any, program: Any, consts: int) -> Any:
    _refuse_consts(moving[:consts], rule)
    values = primals[consts:]
    outs, residuals = rule.forward(values)
    _expect_specs(outs, rule, program, "forward")
    return tuple(outs), (residuals, [ArraySpec.of(x) for x in values], [ArraySpec.of(o) for o in outs])


def _backward(kept: Any, cts: Sequence[Any], moving: Sequence[bool], *, rule: Any, program: Any, consts: int) -> Any:
    residuals, specs, outs = kept
    given = [zeros(spec.strong()) if ct is None else ct for ct, spec in zip(cts, outs, strict=True)]
    return [*[None] * consts, *rule.pull(residuals, given, specs)]


def _batch(
    primitive: Primitive, operands: Sequence[Any], flags: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    consts, program = params["consts"], params["program"]
    if program is not None:
        everything = (True,) * len(program.outputs)
        program = batched_program(program, tuple(flags), size, everything).program
    rule = params["rule"].mapped([0 if flag else None for flag in flags[consts:]], size)
    return bind(primitive, *operands, rule=rule, program=program, consts=consts)


def _source(args: list[str], params: dict[str, Any]) -> str:
    return f"{params['program']}({', '.join(args)})"


custom_p: Primitive = Primitive(
    "custom", _impl, _spec, Joint(_jvp, _forward, _backward), source=_source, multiple=True, batch=_batch
)


def called(kind: type[Rule], owner: Any, args: Sequence[Any], fixed: Sequence[int]) -> Any:
    """A call of a function with a rule; ``fixed`` are arguments that do not move."""
    f, what = owner.fun, type(owner).__name__
    held = {i: args[i] for i in fixed}
    leaves, structure = tree.flatten(tuple(arg for i, arg in enumerate(args) if i not in held))
    traced = [x for x in leaves if type(x) is Tracer]
    if not traced:
        return f(*args)
    for i, arg in held.items():
        if any(type(x) is Tracer for x in tree.flatten(arg)[0]):
            raise DerivativeError(
                f"{describe_function(f)} was given a traced value as argument {i}, which `nondiff_argnums` says does "
                "not move",
                "take it out of `nondiff_argnums`; the rule may give None for its cotangent.",
            )
    for x in leaves:
        if ArraySpec.of(x).dtype.kind not in "biufc":
            raise TreeError(
                f"{describe_function(f)}, which has a rule of its own, was given a {type(x).__name__} among what is "
                "differentiated",
                "name its position in `nondiff_argnums`.",
            )
    call = Call(f, held, structure)
    program, consts = None, []
    if any(map(staged_by, traced)):
        closure = close(call, [ArraySpec.of(x) for x in leaves], tree.flatten(tuple(leaves))[1], what)
        program, consts = closure.program, closure.consts
    outs = bind(custom_p, *consts, *leaves, rule=kind(owner, call), program=program, consts=len(consts))
    return tree.unflatten(call.out_tree, outs)  # type: ignore[arg-type]
