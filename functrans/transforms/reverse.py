"""Reverse mode, forwards: a trace in which each value remembers how it was made.

Each value points to the node that made it: the primitive, its parents, and exactly the values that the rules of the
traced operands read. Nodes hold one another, so what no output depends on is freed at once. The walk back over them is
in :mod:`functrans.transforms.walk`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any, TypeAlias

import numpy as np

from functrans import tree
from functrans.errors import TracedAssignmentError, user_location
from functrans.ir.spec import ArraySpec
from functrans.primitives import Bilinear, Constant, Derivatives, Joint, Linear, Primitive, residual_key
from functrans.tracing.bind import bind, bind_binary, bind_unary
from functrans.tracing.recorder import Recorder
from functrans.tracing.refusal import location_of, refuse_objects
from functrans.tracing.trace import COMPILING
from functrans.tracing.tracer import Tracer
from functrans.transforms.checks import check_differentiable, explain, is_inexact_value, refuse_closed_over

#: (age, primitive, parents, out, operands, targets, params, location). ``age`` counts downwards, so that the youngest
#: node is the least; ``out`` and ``operands`` are kept only where a rule reads them; a target is the spec to which an
#: operand's cotangent must be brought, or None where it has it already. A leaf's primitive is None, and the element of
#: a tuple that a primitive returned has its position in place of a primitive.
Node: TypeAlias = tuple[Any, ...]

_NO_PARAMS: Mapping[str, Any] = {}
_UNARY = residual_key(1, 1)
_FLOAT64 = np.dtype(np.float64)
_COMPLEX128 = np.dtype(np.complex128)
#: Numbers whose cotangents need no casting beside one another.
_DOUBLE = frozenset({float, int, bool, np.float64, np.int64})
_OBJECT = np.dtype(object)
#: Arrays of at most so many entries are copied rather than made read-only.
_SMALL = 1024


class ReverseRecorder(Recorder):
    """Gives each result a node that points to its operands' nodes."""

    __slots__ = ("located", "locked", "next_age")

    def __init__(self, transform: str, function: Callable[..., Any], located: bool) -> None:
        super().__init__(transform, function)
        self.next_age: Callable[[], int] = count(0, -1).__next__
        self.located = located
        self.locked: list[np.ndarray[Any, Any]] = []

    def as_it_is(self, value: Any) -> Any:
        """A plain operand that the walk back will read: what the user's function writes into it later must not show.

        A small array is copied. A large one is read-only until the function ends, so that writing is an error.
        """
        if type(value) is not np.ndarray:
            return value
        if value.size <= _SMALL:
            copied = value.copy("K")
            if self.located and (compiling := COMPILING.get()) is not None:
                compiling.copies[id(copied)] = (copied, value)
            return copied
        owner: Any = value
        while type(owner) is np.ndarray:
            if owner.flags.writeable:
                owner.flags.writeable = False
                self.locked.append(owner)
            owner = owner.base
        return value

    def leaf(self, value: Any) -> Tracer:
        """A new traced input."""
        return Tracer(self, value, (self.next_age(), None))

    def unary(self, primitive: Primitive, x: Tracer) -> Any:
        """:meth:`process` of one operand and no parameters: the short way for what most programs consist of."""
        value = x.value
        if self.located or type(primitive.derivative) is not Derivatives:
            return self.process(primitive, (x,), _NO_PARAMS)
        out = bind_unary(primitive, value)
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
        if self.located or type(primitive.derivative) is not Derivatives:
            return self.process(primitive, (x, y), _NO_PARAMS)
        try:
            out = bind_binary(primitive, x_value, y_value)
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
            (
                (x_value if traced & 1 else self.as_it_is(x_value)) if keeps_x else None,
                (y_value if traced & 2 else self.as_it_is(y_value)) if keeps_y else None,
            ),
            targets,
            _NO_PARAMS,
            None,
        )
        return Tracer(self, out, node)

    def linear(self, primitive: Primitive, x: Tracer, params: Mapping[str, Any]) -> Any:
        """:meth:`process` of a linear map of one operand, of which the spec is all that is kept."""
        value = x.value
        try:
            out = bind(primitive, value, **params)
        except ValueError as error:
            raise explain(error, primitive, (value,), params) from None
        spec = ArraySpec.of(value)
        return Tracer(self, out, (self.next_age(), primitive, (x.mark,), None, (spec,), (spec,), params, None))

    def process(self, primitive: Primitive, args: tuple[Any, ...], params: Mapping[str, Any]) -> Any:
        derivative = primitive.derivative
        kind = type(derivative)
        if kind is Linear and len(args) == 1 and not self.located and not primitive.multiple:
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
        if kind is Joint:
            return self.joint(primitive, values, parents, params)
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
        operands = self.kept(values, parents, keeps)
        if kind is Derivatives:
            targets: Any = None
            if type(out) not in _DOUBLE or not all(type(value) in _DOUBLE for value in values):
                targets = elementwise_targets(primitive, values, parents, out)
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

    def joint(
        self, primitive: Primitive, values: Sequence[Any], parents: Sequence[Node | None], params: Mapping[str, Any]
    ) -> Any:
        """:meth:`process` of a primitive whose rules are for all operands at once; they say what is kept."""
        moving = tuple([parent is not None for parent in parents])
        age = self.next_age()
        out, residuals = primitive.derivative.forward(values, moving, **params)  # type: ignore[union-attr,operator]
        residuals = tree.map(self.as_it_is, residuals)
        refuse_closed_over(self, primitive, out)
        targets = [ArraySpec.of(value) if moves else None for value, moves in zip(values, moving, strict=True)]
        location = user_location() if self.located else None
        if not primitive.multiple:
            return Tracer(self, out, (age, primitive, parents, None, residuals, targets, params, location))
        node = (age, primitive, parents, [None] * len(out), residuals, targets, params, location)
        return tuple(
            Tracer(self, element, (self.next_age(), position, node)) if is_inexact_value(element) else element
            for position, element in enumerate(out)
        )

    def kept(self, values: Sequence[Any], parents: Sequence[Node | None], keeps: Sequence[bool]) -> list[Any]:
        """Those operands that the rules read."""
        return [
            (value if parent is not None else self.as_it_is(value)) if kept else None
            for value, parent, kept in zip(values, parents, keeps, strict=True)
        ]

    def close(self) -> None:
        self.closed = True
        self.next_age = self.ended()
        for array in sorted(self.locked, key=lambda array: array.base is not None):  # a view only after its base
            array.flags.writeable = True
        self.locked.clear()

    def explain_error(self, error: Exception) -> Exception | None:
        if self.locked and type(error) is ValueError and "read-only" in str(error):
            return TracedAssignmentError(
                "an array was written into after a traced operation had read it; the derivative reads it once more, "
                "and would be wrong",
                "make a new array instead, or give the operation a copy: `x * a.copy()`.",
                location_of(error) or False,
            )
        return None


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
