"""Reverse mode: a trace in which each value remembers how it was made, and the walk back over it.

Each value points to the node that made it: the primitive, its parents, and exactly the values that the rules of the
traced operands read. Nodes hold one another, so what no output depends on is freed at once, and the backward walk
frees the rest as it goes (unless a pullback is kept). The walk takes the youngest node first, from a heap: no
recursion, however long the chain.

Source: Griewank and Walther, *Evaluating Derivatives*, 2nd ed. (2008), section 3.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from heapq import heappop, heappush
from itertools import count
from typing import Any, TypeAlias

import numpy as np

from functrans.errors import MissingRuleError, ShapeError, at_location, user_location
from functrans.ir.spec import ArraySpec
from functrans.ops.family import ONE, absorb, match, zeros
from functrans.primitive import Bilinear, Constant, Derivatives, Linear, Primitive, Rules, residual_key
from functrans.tracing.bind import bind
from functrans.tracing.recorder import Recorder
from functrans.tracing.refusal import refuse_objects
from functrans.tracing.tracer import Tracer

#: (age, primitive, parents, out, operands, targets, params, location). ``age`` counts downwards, so that the youngest
#: node is the least; ``out`` and ``operands`` are kept only where a rule reads them; a target is the spec to which an
#: operand's cotangent must be brought, or None where it has it already. A leaf's primitive is None, and the element of
#: a tuple that a primitive returned has its position in place of a primitive.
Node: TypeAlias = tuple[Any, ...]

#: In place of a primitive: a collector of cotangents, which are to be given to the node that follows.
_COLLECTED = "collected"
_NO_PARAMS: Mapping[str, Any] = {}
_UNARY = residual_key(1, 1)
_FLOAT64 = np.dtype(np.float64)
_COMPLEX128 = np.dtype(np.complex128)
#: Numbers whose cotangents need no casting beside one another.
_DOUBLE = frozenset({float, int, bool, np.float64, np.int64})
_OBJECT = np.dtype(object)


class ReverseRecorder(Recorder):
    """Gives each result a node that points to its operands' nodes."""

    __slots__ = ("located", "next_age")

    def __init__(self, transform: str, function: Callable[..., Any], located: bool) -> None:
        super().__init__(transform, function)
        self.next_age: Callable[[], int] = count(0, -1).__next__
        self.located = located

    def leaf(self, value: Any) -> Tracer:
        """A new traced input."""
        return Tracer(self, value, (self.next_age(), None))

    def unary(self, primitive: Primitive, x: Tracer) -> Any:
        """:meth:`process` of one operand and no parameters: the short way for what most programs consist of."""
        value = x.value
        if type(value) is Tracer or type(primitive.derivative) is not Derivatives:
            return self.process(primitive, (x,), _NO_PARAMS)
        out = primitive.impl(value)
        keeps_out, (keeps_x,) = primitive.residuals[_UNARY]
        targets = (
            None
            if type(out) is np.float64 or type(out) is float
            else elementwise_targets(primitive, (value,), (x.mark,), out)
        )
        node = (
            self.next_age(),
            primitive,
            (x.mark,),
            out if keeps_out else None,
            (value if keeps_x else None,),
            targets,
            _NO_PARAMS,
            None,
        )
        return Tracer(self, out, node)

    def binary(self, primitive: Primitive, x: Any, y: Any, traced: int) -> Any:
        """:meth:`process` of two operands and no parameters; the bits of ``traced`` say which are this trace's."""
        x_value, x_node = (x.value, x.mark) if traced & 1 else (x, None)
        y_value, y_node = (y.value, y.mark) if traced & 2 else (y, None)
        if type(x_value) is Tracer or type(y_value) is Tracer or type(primitive.derivative) is not Derivatives:
            return self.process(primitive, (x, y), _NO_PARAMS)
        try:
            out = primitive.impl(x_value, y_value)
        except ValueError as error:
            raise explain(error, primitive, (x_value, y_value)) from None
        keeps_out, (keeps_x, keeps_y) = primitive.residuals[traced << 16 | 2]
        targets = (
            None
            if type(out) in _DOUBLE and type(x_value) in _DOUBLE and type(y_value) in _DOUBLE
            else elementwise_targets(primitive, (x_value, y_value), (x_node, y_node), out)
        )
        node = (
            self.next_age(),
            primitive,
            (x_node, y_node),
            out if keeps_out else None,
            (x_value if keeps_x else None, y_value if keeps_y else None),
            targets,
            _NO_PARAMS,
            None,
        )
        return Tracer(self, out, node)

    def linear(self, primitive: Primitive, x: Tracer, params: Mapping[str, Any]) -> Any:
        """:meth:`process` of a linear map of one operand, of which the spec is all that is kept."""
        value = x.value
        try:
            out = primitive.impl(value, **params)
        except ValueError as error:
            raise explain(error, primitive, (value,), params) from None
        spec = ArraySpec.of(value)
        return Tracer(self, out, (self.next_age(), primitive, (x.mark,), None, (spec,), (spec,), params, None))

    def process(self, primitive: Primitive, args: tuple[Any, ...], params: Mapping[str, Any]) -> Any:
        derivative = primitive.derivative
        kind = type(derivative)
        if kind is Linear and len(args) == 1 and type(args[0].value) is not Tracer and not primitive.multiple:
            return self.linear(primitive, args[0], params)
        values: list[Any] = []
        parents: list[Node | None] = []
        traced = 0
        bit = 1
        for arg in args:
            if type(arg) is Tracer and arg.recorder is self:
                values.append(arg.value)
                parents.append(arg.mark)
                traced |= bit
            else:
                values.append(arg)
                parents.append(None)
            bit <<= 1
        try:
            out = bind(primitive, *values, **params)
        except ValueError as error:
            raise explain(error, primitive, values, params) from None
        if kind is Constant:
            if self.closed:
                self.leaked()
            return out
        age = self.next_age()
        keeps_out, keeps = primitive.residuals[residual_key(traced, len(values))]
        if kind is Derivatives:
            targets: Any = None
            if type(out) not in _DOUBLE or not all(type(value) in _DOUBLE for value in values):
                targets = elementwise_targets(primitive, values, parents, out)
            operands = [value if kept else None for value, kept in zip(values, keeps, strict=True)]
        else:
            check_differentiable(primitive, traced)
            if getattr(out, "dtype", None) == _OBJECT:
                refuse_objects(primitive.name)
            targets = [
                None if parent is None else ArraySpec.of(value) for value, parent in zip(values, parents, strict=True)
            ]
            linear = range(len(values)) if kind is Bilinear else ()
            if kind is Linear:
                linear = [i for i in range(len(values)) if derivative.is_linear_in(i)]  # type: ignore[union-attr,assignment]
            operands = [value if kept else None for value, kept in zip(values, keeps, strict=True)]
            for i in linear:
                if operands[i] is None:
                    operands[i] = targets[i] or ArraySpec.of(values[i])
        location = user_location() if self.located else None
        if not primitive.multiple:
            kept_out = out if keeps_out else None
            return Tracer(self, out, (age, primitive, parents, kept_out, operands, targets, params, location))
        node = (age, primitive, parents, out, operands, targets, params, location)
        return tuple(
            Tracer(self, element, (self.next_age(), position, node)) if is_inexact_value(element) else element
            for position, element in enumerate(out)
        )

    def close(self) -> None:
        self.closed = True
        self.next_age = self.leaked


def is_inexact_value(value: Any) -> bool:
    """Whether a value has a floating or complex dtype."""
    return ArraySpec.of(value).dtype.kind in "fc"


def elementwise_targets(
    primitive: Primitive, values: Sequence[Any], parents: Sequence[Node | None], out: Any
) -> list[ArraySpec | None]:
    """For each traced operand the spec its cotangent must be brought to, None where ``out`` has the same."""
    shape = getattr(out, "shape", ())  # Python's operators keep Python scalars
    dtype = getattr(out, "dtype", None)
    # In single precision a local derivative may come in double (a rule of Python scalars): always cast there.
    exact = dtype is _FLOAT64 or dtype is _COMPLEX128
    if not exact and dtype is not None and dtype.kind == "O":
        refuse_objects(primitive.name)
    targets: list[ArraySpec | None] = []
    for value, parent in zip(values, parents, strict=True):
        if parent is None or (exact and getattr(value, "dtype", None) is dtype and value.shape == shape):
            targets.append(None)
        else:
            targets.append(ArraySpec.of(value))
    return targets


def explain(
    error: ValueError, primitive: Primitive, values: Sequence[Any], params: Mapping[str, Any] = _NO_PARAMS
) -> ValueError:
    """NumPy's complaint about some operands, with their specs and the user's line."""
    if type(error) is not ValueError:
        return error
    specs = [ArraySpec.of(value) for value in values]
    try:
        primitive.spec(*specs, **params)
    except ShapeError as found:
        return found
    given = ", ".join(map(repr, specs))
    return ShapeError(
        f"`{primitive.name}` of {given}: {str(error).strip()}",
        "bring the operands to shapes that NumPy takes together.",
    )


def check_differentiable(primitive: Primitive, traced: int) -> None:
    """Refuse a primitive without a rule for some of the traced operands.

    Raises:
        MissingRuleError: names the primitive and how to add a rule.
    """
    derivative = primitive.derivative
    rules: Any = ()
    match derivative:
        case None:
            raise MissingRuleError(
                f"the primitive `{primitive.name}` has no derivative rule",
                "declare one where the primitive is declared (docs/add_a_primitive.md), or pass "
                "`functrans.stop_gradient(x)` if no derivative is wanted through it.",
            )
        case Linear() | Bilinear():
            rules = derivative.transposes
        case Rules():
            rules = derivative.jvp
    if isinstance(rules, tuple):
        for position, rule in enumerate(rules):
            if rule is None and traced >> position & 1:
                raise MissingRuleError(
                    f"the primitive `{primitive.name}` has no derivative rule in operand {position}",
                    "pass `functrans.stop_gradient(x)` there if no derivative is wanted.",
                )


def walk(seeds: list[tuple[Node, Any]]) -> dict[int, Any]:
    """From the cotangents of some nodes (the list is emptied) to those of the leaves, by age."""
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
                with at_location(node[3]):
                    give(node[2], ct.total(), cotangents, heap)
            else:
                give_element(node, ct, cotangents, heap)
            continue
        _, _, parents, out, operands, targets, params, location = node
        node = None
        derivative = primitive.derivative
        is_masked = bool(masked) and age in masked
        if type(derivative) is Derivatives and location is None:
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
        elif type(derivative) is Linear and derivative.collector is not None:
            collect(derivative.collector, parents[0], targets[0], cotangents, heap, location).add(ct, operands, params)
        else:
            equation: Any = (primitive, parents, out, operands, targets, params)
            if location is None:
                pass_on(ct, equation, is_masked, cotangents, heap)
            else:
                with at_location(location):
                    pass_on(ct, equation, is_masked, cotangents, heap)
            equation = None  # it would outlive its node
        if is_masked or (primitive.masks and len(parents) >= primitive.masks):
            masked.discard(age)
            masked.update([parent[0] for parent in parents if parent is not None])
    return leaves


def scaled(ct: Any, factor: float) -> Any:
    """``ct * factor``, without work for the factors that most linear operations have."""
    if factor == 1.0:
        return ct
    return -ct if factor == -1.0 else ct * factor


def pass_on(ct: Any, equation: Any, masked: bool, cotangents: dict[int, Any], heap: list[Node]) -> None:
    """Give the operands of an equation their cotangents."""
    primitive, parents, out, operands, targets, params = equation
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
    if primitive.multiple:
        ct = tuple(zeros(ArraySpec.of(o)) if c is None else c for c, o in zip(ct, out, strict=True))
    for position, parent in enumerate(parents):
        if parent is None:
            continue
        target = targets[position]
        match derivative:
            case Linear() | Bilinear():
                contribution = derivative.transposes[position](ct, *operands, **params)  # type: ignore[misc]
            case Rules(vjp=None):
                contribution = transposed(derivative.jvp[position], target, ct, out, operands, params)
            case Rules(vjp=vjp):
                contribution = vjp[position](ct, out, *operands, **params)  # type: ignore[index,misc]
        found.append((parent, match(contribution, target)))
    return found


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
