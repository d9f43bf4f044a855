"""What transforms ask of arguments, and both modes before they record an operation; what they say when it fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from functrans.errors import DerivativeError, MissingRuleError, ShapeError, TreeError
from functrans.ir.spec import ArraySpec
from functrans.primitives import Bilinear, Linear, Primitive, Rules
from functrans.tracing.recorder import Recorder
from functrans.tracing.tracer import Tracer

_NO_PARAMS: Mapping[str, Any] = {}


def is_inexact_value(value: Any) -> bool:
    """Whether a value has a floating or complex dtype."""
    return ArraySpec.of(value).dtype.kind in "fc"


def expect_array(value: Any, what: Callable[[], str]) -> None:
    """Refuse an array of another kind: a trace sees what arrays do, and ``*`` of matrices is a product of matrices.

    Raises:
        TreeError: it is a matrix or a masked array.
    """
    kind = type(value)
    if kind is np.ndarray or not isinstance(value, np.ndarray):
        return
    if issubclass(kind, np.matrix) or any(base.__module__.startswith("numpy.ma") for base in kind.__mro__):
        raise TreeError(
            f"{what()} is a {kind.__name__}, whose arithmetic is not that of arrays",
            "give an array: `np.asarray(a)`; a mask by itself, for `np.where(mask, a, b)` or `np.sum(a, where=mask)`.",
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
                "declare one with the primitive (`functrans.primitive(f, jvp=...)`, docs/add_a_primitive.md), "
                "or pass `functrans.stop_gradient(x)` if no derivative is wanted through it.",
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


def refuse_closed_over(recorder: Recorder, primitive: Primitive, out: Any) -> None:
    """Refuse what a function with rules of its own gave, if it belongs to the trace that only its arguments should.

    Raises:
        DerivativeError: the function closes over a traced value, whose derivative its rule knows nothing of.
    """
    for o in out if primitive.multiple else (out,):
        if type(o) is Tracer and o.recorder is recorder:
            raise DerivativeError(
                "a function with a derivative rule of its own closes over a traced value, of whose derivative the rule "
                "says nothing",
                "pass the value as an argument.",
            )
