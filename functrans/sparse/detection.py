"""The arguments of a sparse derivative, and the pattern that is read off the program of the function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from functrans import tree
from functrans.errors import (
    DerivativeError,
    NonScalarOutputError,
    ShapeError,
    TracedValueError,
    TreeError,
    describe_function,
)
from functrans.ir import ArraySpec, Program, Var
from functrans.sparse.patterns import hessian_pattern, jacobian_pattern
from functrans.tracing.trace import trace
from functrans.tracing.tracer import Tracer
from functrans.tracing.watch import watched
from functrans.transforms.arguments import differentiable_leaf
from functrans.transforms.higher import LiveRecorder, finished


class Arguments:
    """Arguments of a call: the array ``x`` that is differentiated in, other numbers, and what is fixed for a pattern.

    Integers, booleans and what is no number decide what is read and where, so they belong to the pattern.
    """

    __slots__ = ("argnum", "fixed", "numbers", "structure", "x")

    def __init__(self, f: Callable[..., Any], args: Sequence[Any], argnums: int) -> None:
        if not -len(args) <= argnums < len(args):
            raise DerivativeError(
                f"argnums={argnums}, but {describe_function(f)} was called with {len(args)} arguments",
                "pass the array that is differentiated in by position.",
            )
        self.argnum = argnums % len(args)
        x = args[self.argnum]
        if isinstance(x, dict | list | tuple):
            raise TreeError(
                f"a sparse derivative of {describe_function(f)} in a {type(x).__name__}",
                "differentiate in one array: `np.concatenate` the parts, and take them apart in the function.",
            )
        self.x = differentiable_leaf(x, lambda: f"argument {self.argnum} of {describe_function(f)}")
        spec = ArraySpec.of(self.x)
        if spec.dtype.kind == "c":
            raise DerivativeError(
                f"a sparse derivative of {describe_function(f)} in {spec}",
                "differentiate in real and imaginary parts, in one real array.",
            )
        leaves, self.structure = tree.flatten(tuple([None if i == self.argnum else a for i, a in enumerate(args)]))
        if any(type(leaf) is Tracer for leaf in (self.x, *leaves)):
            refuse_traced(f)
        self.numbers: list[Any] = []
        self.fixed: list[Any] = []
        for leaf in leaves:
            moves = _is_inexact(leaf)
            self.numbers += [leaf] if moves else []
            self.fixed.append(_MOVES if moves else leaf)

    def call(self, f: Callable[..., Any], x: Any, numbers: Sequence[Any]) -> Any:
        """``f`` with these in the place of the arrays."""
        given = iter(numbers)
        args = tree.unflatten(self.structure, [next(given) if leaf is _MOVES else leaf for leaf in self.fixed])
        return f(*[x if i == self.argnum else arg for i, arg in enumerate(args)])

    def expect_like(self, planned: Arguments, f: Callable[..., Any]) -> None:
        """Check that a plan for other arguments serves these.

        Raises:
            ShapeError: shapes differ, or integers do.
            TreeError: containers do.
        """
        mine, theirs = np.shape(self.x), np.shape(planned.x)
        if mine != theirs:
            raise ShapeError(
                f"a plan for {describe_function(f)} of an array of shape {theirs} was called with shape {mine}",
                "make a plan for each shape.",
            )
        if self.structure != planned.structure:
            raise TreeError(
                f"a plan for {describe_function(f)} was called with arguments that are built otherwise than planned",
                "pass arguments like those that the plan was made with.",
            )
        same = all(_same(a, b) for a, b in zip(self.fixed, planned.fixed, strict=True))
        if not same or any(np.shape(a) != np.shape(b) for a, b in zip(self.numbers, planned.numbers, strict=True)):
            raise ShapeError(
                f"a plan for {describe_function(f)} was called with other integers, or other shapes, than planned: the "
                "pattern may be another",
                "make a plan for each; numbers that may change are floats.",
            )


def refuse_traced(f: Callable[..., Any]) -> NoReturn:
    """A matrix of SciPy's cannot hold traced values.

    Raises:
        TracedValueError: always.
    """
    raise TracedValueError(
        f"a sparse derivative of {describe_function(f)} at traced values: a matrix of SciPy's cannot hold them",
        "within other transforms use `functrans.jvp`, `functrans.vjp`, `functrans.hvp`, or `functrans.jacobian`.",
    )


_MOVES = object()


def _is_inexact(leaf: Any) -> bool:
    dtype = getattr(leaf, "dtype", None)
    return isinstance(leaf, float | complex) if dtype is None else dtype.kind in "fc"


def _same(first: Any, second: Any) -> bool:
    if first is second:
        return True
    if isinstance(first, np.ndarray) or isinstance(second, np.ndarray):
        return np.shape(first) == np.shape(second) and bool(np.all(first == second))
    return type(first) is type(second) and bool(first == second)


def detect(
    f: Callable[..., Any], arguments: Arguments, second: bool, local: bool
) -> tuple[Any, dict[str, Any], ArraySpec]:
    """The pattern of first or second derivatives of ``f``, where it was taken as full, and what ``f`` returns.

    Raises:
        TracedBoolError: ``f`` asks for values, and the pattern is not a local one.
        TreeError: it returns more than one array.
        NonScalarOutputError: it does not return a real number, though second derivatives are asked for.
        DerivativeError: it returns integers, or complex numbers.
    """
    program, out = (written_here if local else written)(f, arguments, second)
    moving = [True, *[False] * (len(program.inputs) - 1)]
    found = (hessian_pattern if second else jacobian_pattern)(program, moving)
    return found.matrix, dict(found.dense), out


def written(f: Callable[..., Any], arguments: Arguments, second: bool) -> tuple[Program, ArraySpec]:
    """``f`` as a program of the array and the other numbers, and what it returns."""
    program = trace(_traced(f, arguments))(arguments.x, *arguments.numbers)
    return program, expect_output(f, [atom.spec for atom in program.outputs], program.out_tree, second)


def written_here(f: Callable[..., Any], arguments: Arguments, second: bool) -> tuple[Program, ArraySpec]:
    """What ``f`` does at these values, as a program of the array alone: on the branches taken there."""
    traced = _traced(f, arguments)
    recorder = watched(LiveRecorder)("pattern", traced)
    start = Tracer(recorder, arguments.x, Var(ArraySpec.of(arguments.x)))
    leaves, structure = tree.flatten(recorder.run(traced, (start, *arguments.numbers)))
    out = expect_output(f, [ArraySpec.of(leaf) for leaf in leaves], structure, second)
    return finished(recorder, start, leaves[0], f), out


def _traced(f: Callable[..., Any], arguments: Arguments) -> Callable[..., Any]:
    def traced(x: Any, *numbers: Any) -> Any:
        return arguments.call(f, x, numbers)

    traced.__wrapped__ = f  # type: ignore[attr-defined]  # for errors
    return traced


def expect_output(f: Callable[..., Any], outputs: Sequence[ArraySpec], structure: Any, second: bool) -> ArraySpec:
    """The spec of the one array that ``f`` returns.

    Raises:
        TreeError, NonScalarOutputError, DerivativeError: it returns something else.
    """
    if len(outputs) != 1 or (structure is not None and structure.children):
        raise TreeError(
            f"a sparse derivative of {describe_function(f)}, which returns {len(outputs)} arrays in a container",
            "return one array: `np.concatenate` the parts.",
        )
    spec = outputs[0].strong()
    if second and (spec.shape or spec.dtype.kind != "f"):
        raise NonScalarOutputError(
            f"a sparse Hessian of {describe_function(f)}, which returned {spec}",
            "return one real number (`np.sum(out)`), or take the Jacobian.",
        )
    if spec.dtype.kind != "f":
        raise DerivativeError(
            f"a sparse derivative of {describe_function(f)}, which returned {spec}",
            "return real floating-point numbers; real and imaginary parts of complex ones apart.",
        )
    return spec
