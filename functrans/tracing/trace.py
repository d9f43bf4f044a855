"""Staging: a function and the specs of its arguments in, a Program out."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

from functrans import tree
from functrans.errors import Location, TreeError, describe_function, expect_function, user_location, walks_here
from functrans.frames import boundary, hide
from functrans.function_types import P, Widened
from functrans.ir import ArraySpec, Atom, Equation, Literal, Program, Var
from functrans.ir.program import held_programs
from functrans.ir.quiet import QUIET, Errors, difference
from functrans.primitives import Primitive
from functrans.tracing.recorder import Recorder
from functrans.tracing.refusal import refuse_objects
from functrans.tracing.tracer import Tracer

#: The trace of the function that is being compiled: what has an effect is written there. Its ``copies`` are those that
#: transforms have taken of arrays, by identity, with what they are copies of: arrays are read afresh at every call.
COMPILING: ContextVar[Any] = ContextVar("functrans_compiling", default=None)


class _Unheard:
    """A log of floating-point errors that nobody reads."""

    def write(self, message: str) -> None:
        """Nothing is written."""


class StagedRecorder(Recorder):
    """Writes equations; its tracers know their specs alone."""

    __slots__ = ("_errors", "_log", "_walks", "constants", "equations", "record")

    #: Whether the program may be run where floating-point errors are heard of that are not while it is written.
    anywhere = True

    def __init__(self, transform: str, function: Callable[..., Any]) -> None:
        super().__init__(transform, function)
        self._errors, self._log, self._walks = np.geterr(), np.geterrcall(), walks_here()
        self.equations: list[Equation] = []
        self.record: Callable[[Equation], None] = self.equations.append
        self.constants: dict[int, tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]] = {}

    def input(self, spec: ArraySpec) -> Tracer:
        """A new traced input."""
        return Tracer(self, spec, Var(spec))

    def run(self, function: Callable[..., Any], args: Sequence[Any]) -> Any:
        if not self.anywhere or set(self._errors.values()) != {"ignore"}:
            return super().run(function, args)
        # What the function itself says is to be ignored could not be told from what its first caller says: nothing is
        # heard here either, but in a way that differs.
        with np.errstate(all="log", call=_Unheard()):
            self._errors, self._log = np.geterr(), np.geterrcall()
            return super().run(function, args)

    def process(self, primitive: Primitive, args: tuple[Any, ...], params: Mapping[str, Any]) -> Any:
        atoms = [self.atom(arg) for arg in args]
        for atom in atoms:
            if atom.spec.dtype.kind == "O":
                refuse_objects(primitive.name)
        specs = primitive.spec(*[atom.spec for atom in atoms], **params)
        variables = [Var(spec) for spec in (specs if primitive.multiple else (specs,))]
        location = user_location()
        self.record(Equation(primitive, atoms, variables, params, location, self.errors_at(location)))
        outs = [Tracer(self, var.spec, var) for var in variables]
        return tuple(outs) if primitive.multiple else outs[0]

    def errors_at(self, location: Location | None) -> Errors:
        """What ``np.errstate`` says of an operation, where that is not what it said when the trace began."""
        if self.anywhere and location is not None and location.walks > self._walks:
            return QUIET  # whatever the caller says now
        now: Mapping[str, Any] = np.geterr()
        if "log" in now.values() and type(log := np.geterrcall()) is _Unheard and log is not self._log:
            now = {kind: "ignore" if how == "log" else how for kind, how in now.items()}  # by a trace in this one
        return difference(self._errors, now)

    def atom(self, value: Any) -> Atom:
        """How a value enters an equation: its variable, or a literal if it does not depend on this trace's inputs."""
        if type(value) is Tracer:
            if value.recorder is self:
                return value.mark  # type: ignore[no-any-return]
            if value.recorder.closed:
                value.recorder.leaked()
        return Literal(self.snapshot(value) if type(value) is np.ndarray else value)

    def snapshot(self, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """An array as it is now, which nobody can change; one for all uses between which it stays the same."""
        known = self.constants.get(id(array))
        if known is None or known[0].tobytes() != known[1].tobytes():
            known = self.constants[id(array)] = (array, frozen(array))
        return known[1]

    def close(self) -> None:
        self.closed = True
        self.record = self.ended()


def frozen(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A copy that nobody can change, as a Program is immutable; what is repeated (`np.broadcast_to`) is not multiplied.

    It lies in memory as the array does: NumPy's sums and products add up in another order, and round otherwise, where
    the axes are ordered otherwise, run backwards or have gaps.
    """
    taken = array.copy() if array.flags.c_contiguous else _copied_as_it_lies(array)
    taken.flags.writeable = False
    return taken


def _copied_as_it_lies(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if not array.size:
        return array.copy()
    if 0 in array.strides:
        once = array[tuple([slice(0, 1) if step == 0 else slice(None) for step in array.strides])]
        return np.broadcast_to(once.copy(order="K"), array.shape)
    way = tuple([slice(None, None, -1 if step < 0 else None) for step in array.strides])
    forwards = array[way]
    step, inner = min((step, axis) for axis, step in enumerate(forwards.strides) if array.shape[axis] > 1)
    if step == array.itemsize:
        return forwards.copy(order="K")[way]
    shape = tuple([2 * n if axis == inner else n for axis, n in enumerate(array.shape)])
    apart = tuple([slice(None, None, 2 if axis == inner else None) for axis in range(array.ndim)])
    taken = np.zeros_like(forwards, shape=shape, order="K")[apart]
    taken[...] = forwards
    return taken[way]


def stage(
    function: Callable[..., Any],
    specs: Sequence[ArraySpec],
    in_tree: tree.TreeDef,
    names: Sequence[str],
    transform: str,
) -> Program:
    """Trace ``function(*args)``, the arguments being the tree of these specs, into a Program."""
    recorder = StagedRecorder(transform, function)
    inputs = [recorder.input(spec) for spec in specs]
    out = recorder.run(function, tree.unflatten(in_tree, inputs))
    leaves, out_tree = tree.flatten(out)
    check_outputs(leaves, out_tree, function, recorder)
    outputs = [recorder.atom(leaf) for leaf in leaves]
    name = getattr(function, "__name__", "program")
    return Program(
        [tracer.mark for tracer in inputs],
        live_equations(recorder.equations, outputs),
        outputs,
        name=name if name.isidentifier() else "program",
        input_names=names,
        in_tree=in_tree,
        out_tree=out_tree,
    )


def live_equations(equations: Sequence[Equation], outputs: Sequence[Atom]) -> list[Equation]:
    """The equations that the outputs depend on, and those that have an effect: live tracing frees dead branches too."""
    needed = set(outputs)
    kept: list[Equation] = []
    for equation in reversed(equations):
        if not needed.isdisjoint(equation.outputs) or has_effect(equation):
            needed.update(equation.inputs)
            kept.append(equation)
    kept.reverse()
    return kept


def has_effect(equation: Equation) -> bool:
    """Whether it does something beside giving its outputs, itself or in a program that it holds."""
    return equation.primitive.effect or any(
        has_effect(inner) for program in held_programs(equation.params) for inner in program.equations
    )


@boundary
def trace(f: Callable[P, Any]) -> Widened[P, Program]:
    """A function that gives the Program of ``f`` instead of its value.

    Arguments are examples, of which shape and dtype count, or :class:`~functrans.ir.ArraySpec`; in any pytree. Python
    scalars stay scalars, which promote like Python's. What does not depend on the arguments becomes a constant.

    Raises:
        TracedBoolError: ``f`` asks for the truth of a value, which a staged trace does not know.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> program = ft.trace(lambda x: np.sum(x * x))(np.ones(3))
        >>> [equation.primitive.name for equation in program.equations]
        ['multiply', 'sum']
        >>> ft.evaluate(program, np.array([1.0, 2.0, 3.0]))
        np.float64(14.0)
    """
    expect_function(f, "trace")

    def traced(*args: Any) -> Program:
        try:
            leaves, in_tree = tree.flatten(args)
            specs = [ArraySpec.of(leaf) for leaf in leaves]
            return stage(f, specs, in_tree, input_names(f, in_tree), "trace")
        except Exception as error:
            hide(error)
            raise

    made: Any = traced
    made.__wrapped__, made.__doc__ = f, f.__doc__
    made.__name__ = made.__qualname__ = f"trace_{getattr(f, '__name__', 'program')}".replace("<", "").replace(">", "")
    return made  # type: ignore[no-any-return]


def input_names(f: Callable[..., Any], in_tree: tree.TreeDef) -> list[str]:
    """A Python name for each leaf of the arguments: ``x``; ``params_w`` for ``params['w']``."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    given: list[str] = []
    for parameter in parameters:
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            given.append(parameter.name)
    names: list[str] = []
    for index, child in enumerate(in_tree.children):
        base = given[index] if index < len(given) else f"x{index}"
        for path in tree.paths(child):
            name = base + "".join(f"_{part}" for part in re.findall(r"\w+", path))
            while name in names or name == "np":
                name += "_"
            names.append(name)
    return names


_NUMBERS = frozenset({float, complex, int, bool, np.float64, np.float32})


def check_outputs(
    leaves: Sequence[Any], structure: tree.TreeDef, function: Callable[..., Any], recorder: Recorder
) -> None:
    """Refuse outputs in which a derivative would be lost: what is no array, and what belongs to a trace that is over.

    Raises:
        TreeError: a leaf is not numeric: an object that is no container, an array of objects.
        LeakedTracerError: a leaf was traced by a transform that has ended.
    """
    for index, leaf in enumerate(leaves):
        kind = type(leaf)
        if kind is Tracer:
            if leaf.recorder is not recorder and leaf.recorder.closed:
                leaf.recorder.leaked()
        elif kind not in _NUMBERS:
            dtype = leaf.dtype if isinstance(leaf, np.ndarray | np.generic) else None
            if dtype is None or dtype.kind not in "biufc":
                found = f"an array of {dtype}" if isinstance(leaf, np.ndarray) else f"a {kind.__name__}"
                raise TreeError(
                    f"{describe_function(function)} returned {found}{_at(structure, index)}: "
                    "neither numbers nor a container of them",
                    "return numbers, arrays, or dicts, lists and tuples of them; hand other results through with "
                    "`has_aux=True`, make a type a container with `functrans.tree.register`.",
                )


def _at(structure: tree.TreeDef, index: int) -> str:
    path = tree.paths(structure)[index]
    return f" as `out{path}`" if path else ""
