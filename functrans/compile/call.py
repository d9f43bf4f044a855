"""The primitive that a jitted function is under other transforms: the call of a program that is compiled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from functrans.control import held
from functrans.control.derived import linearized, specs_of
from functrans.ir import Program
from functrans.primitives import Joint, Primitive
from functrans.tracing.bind import bind
from functrans.tracing.watch import WATCH


def _impl(*operands: Any, program: Program, allow: tuple[str, ...]) -> Any:
    from functrans.compile.pipeline import compiled

    watch = WATCH.get()
    return tuple(compiled(program, allow).run(*operands) if watch is None else watch.run(program, operands))


def _forward(primals: Sequence[Any], moving: Sequence[bool], *, program: Program, allow: tuple[str, ...]) -> Any:
    cut = linearized(program, tuple(moving))
    outs = bind(jit_p, *primals, program=cut.forward, allow=allow)
    count = len(program.outputs)
    residuals = iter(outs[count:])
    return outs[:count], [next(residuals) if source is None else primals[source] for source in cut.sources]


def _backward(
    kept: Sequence[Any], cts: Sequence[Any], moving: Sequence[bool], *, program: Program, allow: tuple[str, ...]
) -> list[Any]:
    cut = linearized(program, tuple(moving))
    return held.pulled(jit_p, cut.linear, kept, cts, specs_of(program.outputs), cut, allow=allow)


def _bound(*operands: Any, **params: Any) -> Any:
    return bind(jit_p, *operands, **params)


def _run(program: Program, operands: Sequence[Any], *, allow: tuple[str, ...]) -> Any:
    return bind(jit_p, *operands, program=program, allow=allow)


jit_p: Primitive = Primitive(
    "jit",
    _impl,
    held.spec,
    Joint(held.jvp(_bound, _run), _forward, _backward, held.is_linear),
    source=held.source,
    multiple=True,
    batch=held.batch,
)
