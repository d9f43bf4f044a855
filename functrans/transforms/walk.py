"""Reverse mode, backwards: from the cotangents of a function's outputs to those of its inputs.

The walk takes the youngest node first, from a heap: no recursion, however long the chain. Each node is freed behind it
(unless a pullback keeps the trace).

Source: Griewank and Walther, *Evaluating Derivatives*, 2nd ed. (2008), section 3.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from heapq import heappop, heappush
from typing import Any

import numpy as np

from functrans.errors import walking_back
from functrans.ir.spec import ArraySpec
from functrans.ops.duals import ONE, absorb, match, scaled, zeros
from functrans.primitives import Bilinear, Derivatives, Joint, Linear, Primitive, Rules
from functrans.tracing.tracer import Tracer
from functrans.transforms.reverse import Node, ReverseRecorder

#: In place of a primitive: a collector of cotangents, which are to be given to the node that follows.
_COLLECTED = "collected"


def walk(seeds: list[tuple[Node, Any]], through: Callable[..., None] | None = None) -> dict[int, Any]:
    """From the cotangents of some nodes (the list is emptied) to those of the leaves, by age.

    ``through``, called as :func:`pass_on` is, does its work for every equation: it looks at what passes.
    """
    in_place, collecting, passing = (Derivatives, Linear, pass_on) if through is None else (None, None, through)
    cotangents: dict[int, Any] = {}
    heap: list[Node] = []
    masked: set[int] = set()
    leaves: dict[int, Any] = {}
    node: Any
    for node, ct in seeds:
        give(node, ct, cotangents, heap)
    node = ct = None
    seeds.clear()  # nobody but the heap holds the trace now
    while heap:
        node = heappop(heap)
        age = node[0]
        ct = cotangents.pop(age)
        primitive = node[1]
        if type(primitive) is not Primitive:
            if primitive is None:
                leaves[age] = ct
            elif primitive is _COLLECTED:
                with walking_back(node[3]):
                    give(node[2], ct.total(), cotangents, heap)
            else:
                give_element(node, ct, cotangents, heap)
            continue
        _, _, parents, out, operands, targets, params, location = node
        node = None
        derivative = primitive.derivative
        is_masked = bool(masked) and age in masked
        if type(derivative) is in_place and location is None:
            # The elementwise case of `pull`, in place: half the time of a chain of small operations is spent here.
            singular = derivative.singular
            absorbs = is_masked or singular is True or (singular is not False and singular(*operands))
            position = 0
            for parent in parents:
                if parent is not None:
                    local = derivative.locals[position]
                    if type(local) is float:
                        contribution = scaled(ct, local)
                    else:
                        contribution = local(out, *operands)  # type: ignore[operator]
                        if absorbs or (ct is ONE and type(contribution) is Tracer):
                            contribution = absorb(ct, contribution)
                        else:
                            contribution = ct * contribution
                    if targets is not None and targets[position] is not None:
                        contribution = match(contribution, targets[position])
                    parent_age = parent[0]
                    if parent_age in cotangents:
                        cotangents[parent_age] = cotangents[parent_age] + contribution
                    else:
                        cotangents[parent_age] = contribution
                        heappush(heap, parent)
                position += 1  # noqa: SIM113 (counting by hand is faster than `enumerate` here)
        elif type(derivative) is collecting and derivative.collector is not None:
            collect(derivative.collector, parents[0], targets[0], cotangents, heap, location).add(ct, operands, params)
        else:
            equation: Any = (age, primitive, parents, out, operands, targets, params)
            if location is None:
                passing(ct, equation, is_masked, cotangents, heap)
            else:
                with walking_back(location):
                    passing(ct, equation, is_masked, cotangents, heap)
            equation = None  # it would outlive its node
        masks = primitive.masks
        if is_masked or (masks and (masks(**params) if callable(masks) else len(parents) >= masks)):
            masked.discard(age)
            masked.update([parent[0] for parent in parents if parent is not None])
    return leaves


def pass_on(ct: Any, equation: Any, masked: bool, cotangents: dict[int, Any], heap: list[Node]) -> None:
    """Give the operands of an equation their cotangents."""
    _, primitive, parents, out, operands, targets, params = equation
    for parent, contribution in pull(ct, primitive, parents, out, operands, targets, params, masked):
        give(parent, contribution, cotangents, heap)


def give(node: Node, ct: Any, cotangents: dict[int, Any], heap: list[Node]) -> None:
    """Add to the cotangent of a node."""
    age = node[0]
    if age in cotangents:
        cotangents[age] = cotangents[age] + ct
    else:
        cotangents[age] = ct
        heappush(heap, node)


def collect(
    collector: Callable[[ArraySpec], Any],
    node: Node,
    spec: ArraySpec,
    cotangents: dict[int, Any],
    heap: list[Node],
    location: Any,
) -> Any:
    """What accumulates the cotangents of a node's parts: one buffer, however many parts are taken.

    It waits in the heap just before the node, when all that was made from the node has been walked over.
    """
    age = node[0] - 0.5
    found = cotangents.get(age)
    if found is None:
        found = cotangents[age] = collector(spec)
        heappush(heap, (age, _COLLECTED, node, location))
    return found


def give_element(node: Node, ct: Any, cotangents: dict[int, Any], heap: list[Node]) -> None:
    """Put the cotangent of one element of a tuple into its place in the tuple's."""
    _, position, whole = node
    age = whole[0]
    if age not in cotangents:
        cotangents[age] = [None] * len(whole[3])
        heappush(heap, whole)
    cotangents[age][position] = ct


def pull(
    ct: Any,
    primitive: Primitive,
    parents: Sequence[Node | None],
    out: Any,
    operands: Sequence[Any],
    targets: Any,
    params: Mapping[str, Any],
    masked: bool,
) -> list[tuple[Node, Any]]:
    """The cotangents that one equation gives to its operands."""
    found: list[tuple[Node, Any]] = []
    derivative = primitive.derivative
    if type(derivative) is Derivatives:
        absorbs = masked or derivative.absorbs(operands)
        for position, parent in enumerate(parents):
            if parent is None:
                continue
            local = derivative.locals[position]
            if type(local) is float:
                contribution = scaled(ct, local)
            else:
                contribution = local(out, *operands)  # type: ignore[operator]
                contribution = absorb(ct, contribution) if absorbs or ct is ONE else ct * contribution
            if targets is not None and targets[position] is not None:
                contribution = match(contribution, targets[position])
            found.append((parent, contribution))
        return found
    if type(derivative) is Joint:
        moving = tuple([parent is not None for parent in parents])
        cts = derivative.backward(operands, ct if primitive.multiple else [ct], moving, **params)
        return [
            (parent, match(c, target))
            for parent, c, target in zip(parents, cts, targets, strict=True)
            if parent is not None and c is not None
        ]
    if primitive.multiple:
        ct = tuple(unused(ArraySpec.of(o)) if c is None else c for c, o in zip(ct, out, strict=True))
    for position, parent in enumerate(parents):
        if parent is None:
            continue
        target = targets[position]
        match derivative:
            case Linear():
                contribution = derivative.transposes[position](ct, *operands, **params)  # type: ignore[misc]
            case Bilinear():
                # The operand itself may be there for the other's rule.
                given = [*operands[:position], target, *operands[position + 1 :]]
                contribution = derivative.transposes[position](ct, *given, **params)  # type: ignore[misc]
            case Rules(vjp=None):
                contribution = transposed(derivative.jvp[position], target, ct, out, operands, params)
            case Rules(vjp=vjp):
                contribution = vjp[position](ct, out, *operands, **params)  # type: ignore[index,misc]
        found.append((parent, match(contribution, target)))
    return found


def unused(spec: ArraySpec) -> Any:
    """The cotangent of an output that nothing depends on: a zero without memory, by which rules can tell."""
    return np.broadcast_to(np.zeros((), spec.dtype), spec.shape) if spec.shape else zeros(spec)


def transposed(jvp: Any, spec: ArraySpec, ct: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Any:
    """The cotangent by a jvp rule alone: the rule is linear in the tangent, so its own pullback is the transpose."""
    recorder = ReverseRecorder("vjp", jvp, located=False)
    tangent = recorder.leaf(np.zeros(spec.shape, spec.dtype))
    try:
        outs = jvp(tangent, out, *operands, **params)
    finally:
        recorder.close()
    pairs = [(outs, ct)] if not isinstance(outs, tuple) else list(zip(outs, ct, strict=True))
    seeds = [(o.mark, c) for o, c in pairs if type(o) is Tracer and o.recorder is recorder]
    return walk(seeds).get(0, zeros(spec))
