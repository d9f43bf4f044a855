"""Wrong derivatives: each rule of a primitive, wrapped so that it is wrong in one way at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from mutants import Mutant, is_live, noticed, other_axis, place_of, replaced, stopped

from functrans.ir.spec import ArraySpec
from functrans.ops.duals import absorb, match, scaled, zeros
from functrans.primitives import (
    Bilinear,
    Derivative,
    Derivatives,
    Each,
    Linear,
    Primitive,
    Rule,
    Rules,
    used_parameters,
)

_ALIKE = 4  # of more rules, further ones are like the last

# The rules of a primitive, one by one.


class Slot(NamedTuple):
    """A rule in its place: ``put(other)`` gives the derivative with another in its stead."""

    name: str
    rule: Any
    position: int | None  # None: that of an `Each`, which is the rule's first argument
    first: int  # the position of operand 0 among the rule's arguments
    put: Callable[[Any], Derivative]
    pulls: bool  # whether the result is a cotangent


def _with(rules: Sequence[Any], position: int, rule: Any) -> tuple[Any, ...]:
    return (*rules[:position], rule, *rules[position + 1 :])


def slots(primitive: Primitive) -> Iterator[Slot]:
    """Each rule of a primitive."""
    match derivative := primitive.derivative:
        case Derivatives(locals=rules):
            for i, rule in enumerate(rules):
                if rule is not None:
                    singular = derivative.singular
                    put: Any = lambda new, i=i: Derivatives(_with(rules, i, new), singular)  # noqa: E731
                    yield Slot(f"locals[{i}]", rule, i, 1, put, False)
        case Linear(transposes=Each(rule=rule)) | Bilinear(transposes=Each(rule=rule)):
            yield Slot("transposes", rule, None, 2, lambda new: type(derivative)(Each(new)), True)
        case Linear(transposes=rules) | Bilinear(transposes=rules):
            for i, rule in enumerate(rules[:_ALIKE]):
                if rule is not None:
                    put = lambda new, i=i: type(derivative)(_with(rules, i, new))  # noqa: E731  (no collector)
                    yield Slot(f"transposes[{i}]", rule, i, 1, put, True)
        case Rules(jvp=jvp, vjp=vjp):
            for i, rule in enumerate(jvp):
                if rule is not None:
                    yield Slot(f"jvp[{i}]", rule, i, 2, lambda new, i=i: Rules(_with(jvp, i, new), vjp), False)
            for i, rule in enumerate(vjp or ()):
                if rule is not None:
                    yield Slot(f"vjp[{i}]", rule, i, 2, lambda new, i=i: Rules(jvp, _with(vjp, i, new)), True)


# What is done to a rule. Each of these is called with the rule, its slot and `touched`, and gives the wrong rule.

Change = Callable[[Any, Slot, list[bool]], Any]


def _of_result(
    change: Callable[[Any], Any], constant: Callable[[float], float] | None = None, part: int = -1
) -> Change:
    """``change`` of what the rule gives; of one part of it, where it gives a tuple."""

    def make(rule: Any, slot: Slot, touched: list[bool]) -> Any:
        if not callable(rule):
            if constant is None or constant(rule) == rule:
                return None
            touched[0] = True
            return constant(rule)

        def mutant(*args: Any, **params: Any) -> Any:
            out = rule(*args, **params)
            if change in _OF_AXES and slot.pulls:  # what is summed afterwards may lie as it likes
                operand = args[slot.first + (args[0] if slot.position is None else slot.position)]
                out = match(out, operand if isinstance(operand, ArraySpec) else ArraySpec.of(operand))
            if isinstance(out, tuple):
                out = list(out)
                if part < len(out) and ArraySpec.of(out[part]).dtype.kind in "fc":
                    out[part] = noticed(change(out[part]), out[part], touched)
                return tuple(out)
            return noticed(change(out), out, touched)

        return mutant

    return make


def conjugated(x: Any) -> Any:
    return np.conj(x) if ArraySpec.of(x).dtype.kind == "c" else x


def _long_axis(x: Any) -> int | None:
    return next((i for i, n in enumerate(np.shape(x)) if n >= 2), None)


def _flipped(x: Any) -> Any:
    axis = _long_axis(x)
    return x if axis is None else np.flip(x, axis)


def _rolled(x: Any) -> Any:
    shape = np.shape(x)
    axis = next((i for i in reversed(range(len(shape))) if shape[i] >= 2), None)
    return x if axis is None else np.roll(x, 1, axis)


def _swapped(x: Any) -> Any:
    shape = np.shape(x)
    return np.swapaxes(x, -1, -2) if len(shape) >= 2 and shape[-1] == shape[-2] >= 2 else x


_OF_AXES = (_flipped, _rolled, _swapped)


def sliced(x: Any, shape: tuple[int, ...]) -> Any:
    """One slice of a broadcast array where a sum is due."""
    found = np.shape(x)
    if found == shape or not np.prod(found):
        return x
    x = x[(0,) * (len(found) - len(shape))]
    return x[tuple(slice(0, 1) if n == 1 else slice(None) for n in shape)]


def _other_axes(rule: Any, slot: Slot, touched: list[bool]) -> Any:
    if not callable(rule):
        return None

    def mutant(*args: Any, **params: Any) -> Any:
        ndim = max([np.ndim(arg) if not isinstance(arg, ArraySpec) else arg.ndim for arg in args], default=0)
        changed = {k: other_axis(v, ndim) if k in ("axis", "axes", "axis1") else v for k, v in params.items()}
        touched[0] = touched[0] or changed != params
        return rule(*args, **changed)

    return mutant


def _without_argument(change: Callable[[Any], Any], index: Callable[[Slot], int]) -> Change:
    """``change`` of one argument of the rule."""

    def make(rule: Any, slot: Slot, touched: list[bool]) -> Any:
        position = index(slot)
        if not callable(rule) or position not in used_parameters(rule, position + 1):
            return None

        def mutant(*args: Any, **params: Any) -> Any:
            if position >= len(args) or isinstance(args[position], ArraySpec) or args[position] is None:
                return rule(*args, **params)
            given, seen = list(args), list(touched)
            if isinstance(given[position], tuple):  # the cotangents, or the outputs, of several
                given[position] = tuple(noticed(change(part), part, seen) for part in given[position])
            else:
                given[position] = noticed(change(given[position]), args[position], seen)
            if seen[0] and not touched[0]:
                touched[0] = change is not stopped or _depends(rule, args, params, position)
            return rule(*given, **params)

        return mutant

    return make


def _depends(rule: Rule, args: Sequence[Any], params: dict[str, Any], position: int) -> bool:
    """Whether what a rule gives has a derivative in one argument: not, if that is only compared."""
    alone = [arg if i == position else _all_stopped(arg) for i, arg in enumerate(args)]
    out = rule(*alone, **params)
    return any(is_live(part) for part in (out if isinstance(out, tuple) else (out,)))


def _all_stopped(value: Any) -> Any:
    return tuple(map(stopped, value)) if isinstance(value, tuple) else stopped(value)


def _one_slice(rule: Any, slot: Slot, touched: list[bool]) -> Any:
    if not slot.pulls:
        return None

    def mutant(*args: Any, **params: Any) -> Any:
        position = args[0] if slot.position is None else slot.position
        out = rule(*args, **params)
        return noticed(sliced(out, np.shape(args[slot.first + position])), out, touched)

    return mutant


def _sliced_product(primitive: Primitive, position: int, touched: list[bool]) -> Rules:
    """An elementwise derivative written as :class:`Rules`, with one slice in place of a sum."""
    derivative: Any = primitive.derivative

    def times(t: Any, i: int, out: Any, operands: Any) -> Any:
        local = derivative.locals[i]
        if not callable(local):
            return scaled(t, local)
        d = local(out, *operands)
        return absorb(t, d) if derivative.absorbs(operands) else t * d

    def rule(i: int, pulls: bool) -> Rule:
        def vjp(t: Any, out: Any, *operands: Any) -> Any:
            full = times(t, i, out, operands)
            if not pulls or i != position:
                return full
            return noticed(sliced(full, np.shape(operands[i])), full, touched)

        return vjp

    every = range(len(derivative.locals))
    return Rules([rule(i, False) for i in every], [rule(i, True) for i in every])


RESULT_CHANGES: dict[str, list[tuple[str, Callable[[Any], Any], Callable[[float], float] | None]]] = {
    "sign": [("-result", lambda x: -x, lambda d: -d)],
    "factor": [
        ("result * 1.001", lambda x: x * 1.001, lambda d: d * 1.001),
        ("result * 2", lambda x: x * 2.0, lambda d: d * 2.0),
    ],
    "zero": [("0 for the result", lambda x: zeros(ArraySpec.of(x)), lambda d: 0.0)],
    "detached": [("stop_gradient(result)", stopped, None)],
    "wrong axis": [
        ("result flipped", _flipped, None),
        ("result rolled", _rolled, None),
        ("result transposed", _swapped, None),
    ],
    "conj": [("conj(result)", conjugated, None)],
}


def changes(slot: Slot, primitive: Primitive) -> Iterator[tuple[str, str, Change]]:
    """What is done to one rule: kind, change, and how."""
    parts = (0, 1) if primitive.multiple and not slot.pulls else (0,)
    for kind, listed in RESULT_CHANGES.items():
        for change, on, constant in listed:
            for part in parts:
                yield kind, change + (f", part {part}" if len(parts) > 1 else ""), _of_result(on, constant, part)
    names = ["out"] * (slot.first > (slot.position is None) and not isinstance(primitive.derivative, Linear | Bilinear))
    if names:
        yield "detached", "stop_gradient(out)", _without_argument(stopped, lambda slot: slot.first - 1)
    if not isinstance(primitive.derivative, Derivatives):
        incoming = int(slot.position is None)
        yield "detached", "stop_gradient(ct or dx)", _without_argument(stopped, lambda slot: incoming)
        yield "conj", "conj(ct or dx)", _without_argument(conjugated, lambda slot: incoming)
    for i in range(4):
        if _is_spec(primitive, slot, i):
            continue
        yield "detached", f"stop_gradient(operand {i})", _without_argument(stopped, lambda slot, i=i: slot.first + i)
        yield "conj", f"conj(operand {i})", _without_argument(conjugated, lambda slot, i=i: slot.first + i)
    yield "wrong axis", "another axis parameter", _other_axes
    yield "missing unbroadcast", "a slice for the sum", _one_slice


def _is_spec(primitive: Primitive, slot: Slot, operand: int) -> bool:
    """Whether an operand reaches a rule as a spec."""
    derivative = primitive.derivative
    if isinstance(derivative, Linear):
        return derivative.is_linear_in(operand)
    return isinstance(derivative, Bilinear) and slot.position == operand


def rule_mutants(primitive: Primitive) -> Iterator[Mutant]:
    """Every wrong derivative of a primitive whose rules are changed from outside."""
    for slot in slots(primitive):
        place = place_of(slot.rule, primitive)
        for kind, change, make in changes(slot, primitive):
            touched = [False]
            wrong = make(slot.rule, slot, touched)
            if wrong is not None:
                plant = partial(replaced, primitive, "derivative", slot.put(wrong))
                yield Mutant(kind, (primitive,), place, f"{primitive.name}.{slot.name}: {change}", plant, touched)
    derivative = primitive.derivative
    place = place_of(None, primitive)
    if isinstance(derivative, Derivatives):
        for i, local in enumerate(derivative.locals):
            if local is not None and len(derivative.locals) > 1:
                touched = [False]
                wrong = _sliced_product(primitive, i, touched)
                plant = partial(replaced, primitive, "derivative", wrong)
                change = f"{primitive.name}.locals[{i}]: a slice for the sum"
                yield Mutant("missing unbroadcast", (primitive,), place_of(local, primitive), change, plant, touched)
        if derivative.singular is not False:
            plant = partial(replaced, primitive, "derivative", Derivatives(derivative.locals, False))
            yield Mutant("singular", (primitive,), place, f"{primitive.name}: singular=False", plant)
    if primitive.masks:
        plant = partial(replaced, primitive, "masks", False)
        yield Mutant("masks", (primitive,), place, f"{primitive.name}: masks=False", plant)
