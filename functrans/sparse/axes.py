"""By axes: on which axes of its operands each entry of a result reads its own place only, as its family says.

The families are those of the batching rules, which know which axes an operation works on.
"""

from __future__ import annotations

from collections.abc import Sequence
from inspect import getclosurevars
from typing import Any, TypeAlias

from functrans.ir import ArraySpec, Equation
from functrans.ops import batching
from functrans.primitives import Primitive
from functrans.sparse.dependence import Labels, Matrix, Shape, named, spread

#: Labels for the axes of each operand, and for those of each output; None: nothing is known.
Found: TypeAlias = "tuple[list[Labels], list[Labels]] | None"


def is_elementwise(primitive: Primitive) -> bool:
    """Whether each entry of the result is made of the operands' entries at its place."""
    return batching.rule_of(primitive) in (batching.elementwise, batching.identity)


def trailing(ndim: int) -> Labels:
    """Labels of axes that are counted from the last."""
    return tuple(range(-ndim, 0))


def broadcast(m: Matrix, spec: ArraySpec, out: Shape) -> Matrix:
    """What an operand depends on, in the shape of the result."""
    labels = trailing(len(out))
    own = named(spec.shape, trailing(spec.ndim), dict(zip(labels, out, strict=True)))
    return spread(m, spec.shape, own, out, labels)


def is_reduction(primitive: Primitive) -> bool:
    """Whether each entry of the result is made of those along some axes."""
    return primitive.batch is batching.reducing or _closure(primitive, "combine") is not None


def _closure(primitive: Primitive, name: str) -> Any:
    """What the batching rule of a family was made with."""
    rule = primitive.batch
    if rule is None or not hasattr(rule, "__closure__"):
        return None
    inside = getclosurevars(rule).nonlocals
    if "rule" in inside and "combine" not in inside and name not in inside:  # one that is checked
        rule = inside["rule"]
        inside = getclosurevars(rule).nonlocals if hasattr(rule, "__closure__") else {}
    return inside.get(name)


def labels_of(equation: Equation) -> Found:
    """Labels of the axes of which each entry of an output reads its own place; None: its family names none."""
    primitive, params = equation.primitive, equation.params
    specs, outs = [atom.spec for atom in equation.inputs], [var.spec for var in equation.outputs]
    if is_reduction(primitive):
        return _reduced(specs, outs, params)
    names, core = _closure(primitive, "names"), _closure(primitive, "core")
    if names is not None and len(specs) == 1:
        axes: set[int] = set()
        for name in names:
            value = params.get(name)
            axes |= {value} if isinstance(value, int) else set(value if value is not None else range(specs[0].ndim))
        return _along(specs[0], outs, axes)
    if core is not None and isinstance(core, tuple) and len(core) >= len(specs):
        return _leading(specs, outs, core)
    if primitive.name == "solve":
        return _leading(specs, outs, (2, 1 if specs[1].ndim == 1 else 2))
    if primitive.name == "pinv":
        return _leading(specs, outs, (2, 0))
    if primitive.name in ("take_along_axis", "permute_along_axis", "place_along_axis"):
        return _along_axis(specs, outs, params)
    return None


def _reduced(specs: Sequence[ArraySpec], outs: Sequence[ArraySpec], params: Any) -> Found:
    x, axes = specs[0], params["axis"]
    axes = set(range(x.ndim)) if axes is None else {axes} if isinstance(axes, int) else set(axes)
    own: Labels = tuple([None if axis in axes else axis - x.ndim for axis in range(x.ndim)])
    if params.get("keepdims") and outs[0].ndim == x.ndim:
        out: Labels = own
    else:
        out = tuple([label for label in own if label is not None])
    sizes = dict(zip(own, x.shape, strict=True))
    labels = [own]
    for spec in specs[1:]:
        trailing = own[x.ndim - spec.ndim :] if spec.ndim <= x.ndim else (None,) * spec.ndim
        labels.append(named(spec.shape, trailing, sizes))
    return (labels, [out] * len(outs)) if len(out) == outs[0].ndim else None


def _along(x: ArraySpec, outs: Sequence[ArraySpec], axes: set[int]) -> Found:
    own: Labels = tuple([None if axis in axes else axis for axis in range(x.ndim)])
    found: list[Labels] = []
    for out in outs:
        kept = tuple([label for label in own if label is not None])
        labels: Labels = own if out.ndim == x.ndim else kept
        if len(labels) != out.ndim:
            return None
        if any(a is not None and out.shape[k] != x.shape[a] for k, a in enumerate(labels)):  # type: ignore[call-overload]
            return None
        found.append(labels)
    return [own], found


def _leading(specs: Sequence[ArraySpec], outs: Sequence[ArraySpec], core: Sequence[int]) -> Found:
    lead = max([spec.ndim - c for spec, c in zip(specs, core, strict=False)])
    if lead < 0 or any(out.ndim < lead for out in outs):
        return None
    stack: Labels = trailing(lead)
    sizes = dict(zip(stack, outs[0].shape, strict=False))
    if any(out.shape[:lead] != outs[0].shape[:lead] for out in outs):
        return None
    labels = []
    for spec, c in zip(specs, core, strict=False):
        own = (*trailing(spec.ndim - c), *[None] * c)
        labels.append(named(spec.shape, own, sizes))
    return labels, [(*stack, *[None] * (out.ndim - lead)) for out in outs]


def _along_axis(specs: Sequence[ArraySpec], outs: Sequence[ArraySpec], params: Any) -> Found:
    axis, ndim = params.get("axis"), outs[0].ndim
    if not isinstance(axis, int) or any(spec.ndim != ndim for spec in specs):
        return None
    out: Labels = tuple([None if k == axis else k for k in range(ndim)])
    sizes = dict(zip(out, outs[0].shape, strict=True))
    return [named(spec.shape, out, sizes) for spec in specs], [out] * len(outs)
