"""Ufuncs that give several results, functions with parameters, and what their rules have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.duals import absorb
from functrans.ops.family import broadcast_shapes, operand, ufunc_spec
from functrans.primitives import Primitive, Rule, Rules
from functrans.tracing.bind import bind
from functrans.tracing.dispatch import UFUNCS
from functrans.tracing.tracer import Tracer

Function = Callable[..., Any]


def several(ufunc: np.ufunc, slopes: Sequence[Callable[..., Sequence[Any]] | None]) -> Function:
    """Declare a ufunc with several results: ``slopes[i](out, *operands)`` are their derivatives in operand ``i``."""
    name = f"scipy.special.{ufunc.__name__}"

    def spec(*specs: ArraySpec) -> tuple[ArraySpec, ...]:
        kinds = [s.dtype for s in specs] if all(s.weak for s in specs) else [s.promoting for s in specs]
        dtypes = ufunc.resolve_dtypes((*kinds, *[None] * ufunc.nout))[-ufunc.nout :]  # type: ignore[arg-type]
        shape = broadcast_shapes(name, specs)
        return tuple(ArraySpec(shape, dtype) for dtype in dtypes)

    def pushed(found: Callable[..., Sequence[Any]]) -> Rule:
        return lambda t, out, *operands: tuple(absorb(t, slope) for slope in found(out, *operands))

    def pulled(found: Callable[..., Sequence[Any]]) -> Rule:
        return lambda ct, out, *operands: sum(absorb(c, d) for c, d in zip(ct, found(out, *operands), strict=True))

    primitive = Primitive(
        name,
        ufunc,
        spec,
        Rules(
            jvp=[None if found is None else pushed(found) for found in slopes],
            vjp=[None if found is None else pulled(found) for found in slopes],
        ),
        multiple=True,
        batch=batching.elementwise,
    )

    def handler(*args: Any) -> Any:
        return bind(primitive, *[operand(arg) for arg in args])

    UFUNCS[ufunc] = handler
    return handler


def family(
    helper: Function,
    like: np.ufunc,
    steps: Sequence[Rule | None],
    *,
    helpers: Mapping[str, Function] | None = None,
) -> Function:
    """A function ``f(*operands, **params)`` that traces, computed by ``helper``, with the dtypes of the ufunc ``like``.

    ``steps[i](out, *operands, **params)`` is its derivative in operand ``i``; ``None``: there is no rule.
    """
    name = helper.__name__
    spec = ufunc_spec(like)

    def rule(step: Rule) -> Rule:
        return lambda t, out, *operands, **params: absorb(t, step(out, *operands, **params))

    rules = [None if step is None else rule(step) for step in steps]
    primitive = Primitive(
        f"scipy.special.{name}",
        helper,
        lambda *specs, **params: spec(*specs),
        Rules(jvp=rules, vjp=rules),
        source=lambda args, params: f"{name}({', '.join([*args, *[f'{k}={v!r}' for k, v in params.items()]])})",
        helpers={name: helper, **(helpers or {})},
        batch=batching.elementwise,
    )
    return lambda *args, **params: bind(primitive, *args, **params)


def exactly(parameter: Any, *others: Any) -> Any:
    """A parameter in the precision that the function has of all its operands: what is added to it must not be rounded.

    The order of a Bessel function in single precision, say, less one, where the argument is in double.
    """
    spec = ArraySpec.of(parameter)
    if spec.weak or spec.dtype.kind != "f" or spec.dtype.itemsize >= 8:
        return parameter
    for other in map(ArraySpec.of, others):
        if not other.weak and not (other.dtype.kind in "fc" and other.dtype.char in "feFE"):
            return np.asarray(parameter, np.float64)[()] if type(parameter) is not Tracer else parameter.astype(float)
    return parameter
