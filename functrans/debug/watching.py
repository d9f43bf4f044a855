"""Recorders that look at every result, made of those that do not; and what a traced value stands for."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from functrans.ir.spec import ArraySpec
from functrans.primitives import Joint, Primitive
from functrans.tracing.bind import bind
from functrans.tracing.tracer import Tracer
from functrans.tracing.watch import WATCH
from functrans.transforms.jvp import ForwardRecorder
from functrans.transforms.jvp import push as plain_push
from functrans.transforms.reverse import ReverseRecorder


def known(value: Any) -> tuple[Any, tuple[str, ...]]:
    """What a value stands for, and the transforms whose batches are its first axes; None where it is not known."""
    batches: list[str] = []
    while type(value) is Tracer:
        if value.recorder.batched:
            batches.insert(0, value.recorder.transform)
            value = value.mark
        else:
            value = value.value
    return (None if type(value) is ArraySpec else value), tuple(batches)


def silenced(function: Any, *args: Any, **kwargs: Any) -> Any:
    """A call during which nobody looks: of what rules compute, only the result counts."""
    token = WATCH.set(None)
    try:
        return function(*args, **kwargs)
    finally:
        WATCH.reset(token)


def _silent_push(*args: Any) -> Any:
    return silenced(plain_push, *args)


@functools.cache
def recorder_that_watches(cls: Any) -> Any:
    """A kind of recorder like this one, which looks at every result."""
    forward = issubclass(cls, ForwardRecorder)

    class Watching(cls):  # type: ignore[misc]
        __slots__ = ()

        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            if isinstance(self, ReverseRecorder):
                self.located = True  # type: ignore[misc]

        def unary(self, primitive: Primitive, x: Any) -> Any:
            return self.process(primitive, (x,), {})

        def binary(self, primitive: Primitive, x: Any, y: Any, traced: int) -> Any:  # noqa: ARG002
            return self.process(primitive, (x, y), {})

        def process(self, primitive: Primitive, args: tuple[Any, ...], params: Mapping[str, Any]) -> Any:
            watch = WATCH.get()
            if watch is None or not watch.looks:
                return super().process(primitive, args, params)
            derivative = primitive.derivative
            with watch.errstate():
                if self.batched or type(derivative) is Joint:
                    out = silenced(super().process, primitive, args, params)
                else:
                    out = super().process(primitive, args, params)
            outs = out if primitive.multiple else (out,)
            mine = [type(arg) is Tracer and arg.recorder is self for arg in args]
            values = [a.value if m and not self.batched else a for a, m in zip(args, mine, strict=True)]

            def again() -> Any:
                if self.batched:
                    return super(Watching, self).process(primitive, args, params)
                plain = [known(value) for value in values]
                traced = any(batches or value is None for value, batches in plain)
                return bind(primitive, *(values if traced else [value for value, _ in plain]), **params)

            watch.check(primitive, values, outs, again, params)
            if forward:
                marks = [a.mark if m else None for a, m in zip(args, mine, strict=True)]
                tangents = [o.mark for o in outs if type(o) is Tracer and o.recorder is self]
                moved = lambda: derivative.jvp(values, marks, **params)  # type: ignore[union-attr,operator] # noqa: E731
                watch.check_tangent(primitive, values, [m for m in marks if m is not None], tangents, moved, params)
            return out

    if forward:
        Watching.push = staticmethod(_silent_push)
    Watching.__name__ = f"Watching{cls.__name__}"
    return Watching
