"""Batches: a traced value that stands for one example of many, computed for all of them at once.

A tracer's ``value`` is the spec of one example, so it is staged to those who ask for its truth; its ``mark`` is the
whole batch, batch axis first, one level further out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar, copy_context
from typing import Any

import numpy as np

from functrans.errors import MissingRuleError
from functrans.ir.spec import ArraySpec
from functrans.ops.batching import elementwise, rule_of
from functrans.ops.family import result_dtype
from functrans.primitives import Primitive
from functrans.tracing.bind import bind_binary, bind_unary
from functrans.tracing.recorder import Recorder
from functrans.tracing.tracer import Tracer
from functrans.transforms.checks import explain


class NamedAxis:
    """The axis of a batch that has a name."""

    __slots__ = ("name", "recorder")

    def __init__(self, name: Any, recorder: BatchRecorder) -> None:
        self.name, self.recorder = name, recorder

    @property
    def size(self) -> int:
        """The number of examples."""
        return self.recorder.size

    def index(self) -> Any:
        """The number of the example."""
        return self.recorder.batch(np.arange(self.recorder.size))

    def __repr__(self) -> str:
        return repr(self.name)


#: The named axis of the batch in which a program that an equation holds is being batched.
WITHIN: ContextVar[NamedAxis | None] = ContextVar("WITHIN", default=None)
#: The batches with a name, the innermost last.
ACTIVE: ContextVar[tuple[NamedAxis, ...]] = ContextVar("ACTIVE", default=())


class BatchRecorder(Recorder):
    """Computes each operation for the whole batch."""

    __slots__ = ("axis", "size")
    batched = True

    def __init__(self, transform: str, function: Callable[..., Any], size: int, axis_name: Any = None) -> None:
        super().__init__(transform, function)
        self.size = size
        self.axis = None if axis_name is None else NamedAxis(axis_name, self)

    def run(self, function: Callable[..., Any], args: Any) -> Any:
        if self.axis is None:
            return super().run(function, args)
        before = ACTIVE.set((*ACTIVE.get(), self.axis))
        try:
            return super().run(function, args)
        finally:
            ACTIVE.reset(before)

    def _within(self, rule: Callable[..., Any], *args: Any) -> Any:
        WITHIN.set(self.axis)
        primitive, operands, batched, params = args
        return rule(primitive, operands, batched, self.size, params)

    def batch(self, values: Any) -> Tracer:
        """A new traced example of these, which stand along the first axis."""
        spec = ArraySpec.of(values)
        return Tracer(self, ArraySpec(spec.shape[1:], spec.dtype), values)

    def unary(self, primitive: Primitive, x: Tracer) -> Any:
        """:meth:`process` of one operand and no parameters: the short way for what most programs consist of."""
        if rule_of(primitive) is not elementwise or x.value.weak or self.closed:
            return self.process(primitive, (x,), {})
        out = bind_unary(primitive, x.mark)
        return Tracer(self, ArraySpec(out.shape[1:], out.dtype), out)

    def binary(self, primitive: Primitive, x: Any, y: Any, traced: int) -> Any:
        """:meth:`process` of two operands, without parameters; the bits of ``traced`` say which are of this trace."""
        if rule_of(primitive) is not elementwise or self.closed:
            return self.process(primitive, (x, y), {})
        of_x, of_y = x.value if traced & 1 else None, y.value if traced & 2 else None
        rank_x = np.ndim(x) if of_x is None else len(of_x.shape)
        rank_y = np.ndim(y) if of_y is None else len(of_y.shape)
        if (of_x is not None and (of_x.weak or rank_x < rank_y)) or (
            of_y is not None and (of_y.weak or rank_y < rank_x)
        ):
            return self.process(primitive, (x, y), {})
        try:
            out = bind_binary(primitive, x if of_x is None else x.mark, y if of_y is None else y.mark)
        except ValueError as error:
            raise explain(error, primitive, (x, y)) from None
        return Tracer(self, ArraySpec(out.shape[1:], out.dtype), out)

    def process(self, primitive: Primitive, args: tuple[Any, ...], params: Mapping[str, Any]) -> Any:
        if self.closed:
            self.leaked()
        operands: list[Any] = []
        batched: list[bool] = []
        weak = False
        for arg in args:
            mine = type(arg) is Tracer and arg.recorder is self
            operands.append(arg.mark if mine else arg)
            batched.append(mine)
            weak = weak or (mine and arg.value.weak)
        if self.axis is not None and params.get("named_axis") is self.axis:
            return operands[0]  # all examples see the whole batch
        rule = rule_of(primitive)
        if rule is None:
            raise MissingRuleError(
                f"the primitive `{primitive.name}` has no batching rule, so it cannot be used under `{self.transform}`",
                "declare one where the primitive is declared (`batch=`), or use `functrans.map`, a plain loop.",
            )
        specs = None
        if (weak and not primitive.effect) or primitive.name == "weak":
            foretold = primitive.spec(*[ArraySpec.of(arg) for arg in args], **params)
            specs = foretold if primitive.multiple else (foretold,)
            operands = [
                strengthened(x, arg, args, specs[0]) if flag else x
                for x, arg, flag in zip(operands, args, batched, strict=True)
            ]
        try:
            if self.axis is None and not primitive.multiple:  # it holds no program
                out = rule(primitive, operands, batched, self.size, params)
            else:
                out = copy_context().run(self._within, rule, primitive, operands, batched, params)
        except ValueError as error:
            raise explain(error, primitive, args, params) from None
        outs = out if primitive.multiple else (out,)
        made = [self.batch(o) for o in outs]
        if specs is not None:
            for tracer, spec in zip(made, specs, strict=True):
                tracer.value = spec
        return tuple(made) if primitive.multiple else made[0]


def strengthened(x: Any, arg: Tracer, args: tuple[Any, ...], out: ArraySpec) -> Any:
    """A batch of Python scalars, which is an array, in the dtype that each of them would take beside the others."""
    if not arg.value.weak:
        return x
    dtype = np.dtype(np.int64) if out.weak and out.dtype.kind == "i" else result_dtype(args)
    return x if x.dtype == dtype or dtype.kind == "b" else x.astype(dtype)
