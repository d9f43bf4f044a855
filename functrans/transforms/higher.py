"""Higher derivatives of functions of one number: differentiated as programs that share what is equal."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, overload

import numpy as np

from functrans import tree
from functrans.errors import (
    DerivativeError,
    NonScalarOutputError,
    at_location,
    describe_function,
    expect_function,
    user_location,
)
from functrans.frames import boundary, hide
from functrans.function_types import P
from functrans.interpreter import run
from functrans.ir import ArraySpec, Equation, Program, Var
from functrans.ir.program import frozen_key
from functrans.ops.duals import zeros
from functrans.primitives import Constant, Primitive
from functrans.tracing.bind import bind
from functrans.tracing.trace import StagedRecorder, live_equations
from functrans.tracing.tracer import Tracer
from functrans.tracing.watch import watched
from functrans.transforms.arguments import differentiable_leaf, like_primal
from functrans.transforms.jvp import Pushed
from functrans.transforms.vjp import REAL_PARTS, grad, named, real_of_complex
from functrans.transforms.vmap import vmap


class SharingRecorder(StagedRecorder):
    """Writes an equation once: the same operation on the same operands is the value that there is already."""

    __slots__ = ("known",)

    def __init__(self, transform: str, function: Callable[..., Any]) -> None:
        super().__init__(transform, function)
        self.known: dict[Any, Any] = {}

    def process(self, primitive: Primitive, args: tuple[Any, ...], params: Mapping[str, Any]) -> Any:
        if primitive.effect:
            return super().process(primitive, args, params)
        operands = tuple(
            [arg.mark if type(arg) is Tracer and arg.recorder is self else ("plain", frozen_key(arg)) for arg in args]
        )
        key = (primitive.name, operands, frozen_key(params))
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = super().process(primitive, args, params)
        return found


class LiveRecorder(StagedRecorder):
    """Writes equations of values that are known, so that Python's control flow follows them."""

    __slots__ = ()

    def process(self, primitive: Primitive, args: tuple[Any, ...], params: Mapping[str, Any]) -> Any:
        values = [arg.value if type(arg) is Tracer and arg.recorder is self else arg for arg in args]
        out = bind(primitive, *values, **params)
        if type(primitive.derivative) is Constant:
            return out
        outs = out if primitive.multiple else (out,)
        variables = [Var(ArraySpec.of(o)) for o in outs]
        self.record(Equation(primitive, [self.atom(arg) for arg in args], variables, params))
        made = [Tracer(self, o, var) for o, var in zip(outs, variables, strict=True)]
        return tuple(made) if primitive.multiple else made[0]


def program_at(f: Callable[..., Any], x: Any) -> Program:
    """What ``f`` does at ``x``, on the branches taken there, as a program of one output.

    Raises:
        NonScalarOutputError: it does not return one number.
    """
    recorder = watched(LiveRecorder)("derivative", f)
    spec = ArraySpec.of(x)
    start = Tracer(recorder, x, Var(spec))
    out = recorder.run(f, (start,))
    leaves, structure = tree.flatten(out)
    if structure.cls is not None or ArraySpec.of(leaves[0]).shape != ():
        found = f"a {structure.cls.__name__}" if structure.cls is not None else repr(ArraySpec.of(leaves[0]))
        raise NonScalarOutputError(
            f"`derivative` needs one number of one number, but {describe_function(f)} returned {found}",
            "for functions of several numbers use `functrans.jacobian` and `functrans.hessian`.",
        )
    return finished(recorder, start, leaves[0], f)


def finished(recorder: StagedRecorder, start: Tracer, out: Any, f: Callable[..., Any]) -> Program:
    """The program of what a recorder has seen."""
    outputs = [recorder.atom(out)]
    return Program([start.mark], live_equations(recorder.equations, outputs), outputs, name="derivative")


def expect_holomorphic(program: Program, f: Callable[..., Any]) -> None:
    """Refuse a real output that depends on a complex input.

    Raises:
        DerivativeError: a function of complex numbers gives real ones.
    """
    out = program.outputs[0]
    if program.inputs[0].spec.dtype.kind == "c" and isinstance(out, Var) and out.spec.dtype.kind != "c":
        raise DerivativeError(real_of_complex("derivative", f, out.spec), REAL_PARTS)


def differentiated(program: Program, f: Callable[..., Any]) -> Program:
    """The derivative of a program of one number."""
    recorder = SharingRecorder("derivative", f)
    start = recorder.input(program.inputs[0].spec)
    one = like_primal(np.ones((), start.dtype)[()], start) if not start.spec.weak else 1.0
    pushed = Pushed("derivative", f, [start], tree.flatten((0.0,))[1], [one], call=lambda x: run(program, [x])[0])
    tangent = pushed.tangents[0]
    out = zeros(program.outputs[0].spec) if tangent is None else tangent
    recorder.close()
    return finished(recorder, start, out, f)


@boundary
def derivative(f: Callable[[Any], Any], n: int = 1) -> Callable[[Any], Any]:
    """The ``n``-th derivative of a function of one number, over numbers or arrays of any shape.

    ``f`` is followed once at each number, Python's control flow included; arrays are mapped over in one batch, as by
    :func:`functrans.vmap`. Each order is a program made from that of the order before, in which what occurs twice is
    computed once, so the work grows like a power of ``n`` and not like that of nested ``grad``.

    Args:
        f: takes one number and returns one.
        n: the order, zero or more.

    Returns:
        A function of a number, or of an array of numbers, of which each is one; the result has its shape.

    Raises:
        NonScalarOutputError: ``f`` does not return one number.
        DerivativeError: ``f`` takes a complex number and returns a real one.
        TracedBoolError: ``f`` asks for the truth of values of an array; map over it with :func:`functrans.map`.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> ft.derivative(np.sin, 3)(0.0)
        -1.0
        >>> ft.derivative(lambda x: x**4, 2)(np.array([1.0, 2.0]))
        array([12., 48.])

    Source: Griewank and Walther, *Evaluating Derivatives*, 2nd ed. (2008), chapter 13.
    """
    expect_function(f, "derivative")
    order = operator.index(n)
    if order < 0:
        raise DerivativeError(f"derivative of order {n}", "give an order of zero or more.")

    def at(x: Any) -> Any:
        program = program_at(f, x)
        if order:
            expect_holomorphic(program, f)
        with at_location(user_location()):  # one line for all that is derived: to find it costs more than to write it
            for _ in range(order):
                program = differentiated(program, f)
        return run(program, [x])[0]

    def derivative_of(x: Any) -> Any:
        try:
            x = differentiable_leaf(x, lambda: f"argument 0 of {describe_function(f)}")
            mapped: Any = named(at, "derivative", f)
            for _ in range(np.ndim(x)):
                mapped = vmap(mapped)
            with np.errstate(all="ignore"):
                found = mapped(x)
            # A complex derivative of a real number is none of its kind.
            return found if ArraySpec.of(found).dtype.kind == "c" and type(x) is float else like_primal(found, x)
        except Exception as error:
            hide(error)
            raise

    return named(derivative_of, f"derivative{order}", f)


@overload
def elementwise_grad(f: np.ufunc, argnum: int = 0) -> Callable[..., Any]: ...
@overload
def elementwise_grad(f: Callable[P, Any], argnum: int = 0) -> Callable[P, Any]: ...
@boundary
def elementwise_grad(f: Callable[..., Any], argnum: int = 0) -> Callable[..., Any]:
    """The derivative of an elementwise function, entry by entry: the gradient of the sum of its entries.

    Args:
        f: each entry of its result depends on the same entry of the argument alone (as with NumPy's ufuncs); for any
            other function the result is a sum of derivatives.
        argnum: the argument to differentiate in.

    Returns:
        A function of the same arguments, whose result has the shape of the chosen one.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> ft.elementwise_grad(np.tanh)(np.array([0.0, 20.0]))
        array([1.0000000e+00, 1.6993417e-17])
    """
    expect_function(f, "elementwise_grad")

    def total(*args: Any, **kwargs: Any) -> Any:
        return np.sum(f(*args, **kwargs))

    return named(grad(named(total, "elementwise", f), argnum), "elementwise_grad", f)
