"""One program of a jitted function: how it is traced, what it captures, how it is called."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans import tree
from functrans.compile.call import jit_p
from functrans.compile.capture import CapturingRecorder, lifted
from functrans.compile.pipeline import Compiled, compiled
from functrans.compile.signature import Fixed, Statics, builder
from functrans.compile.surroundings import Surroundings, surroundings
from functrans.errors import TreeError, describe_function
from functrans.ir import ArraySpec, Atom, Equation, Literal, Program, Var
from functrans.ops.scalars import strong, strong_p, weak
from functrans.tracing.bind import bind
from functrans.tracing.trace import check_outputs, input_names, live_equations
from functrans.tracing.tracer import Tracer
from functrans.tracing.watch import WATCH


class Entry:
    """One program of a jitted function, and how to call it.

    Attributes:
        program: the function as traced; its inputs are what it captures, then the leaves of the arguments.
        held: the same with arrays for results, for other transforms.
        in_tree: the structure of the arguments that are not static, by position and by name.
        captured: what it reads beside its arguments, at every call: arrays of the user's, traced values.
        surroundings: what else it closes over, None for nothing.
        passing: whether traced values are captured; such a program is for one call.
    """

    __slots__ = (
        "_allow",
        "_run",
        "_weak",
        "build",
        "captured",
        "held",
        "in_tree",
        "passing",
        "program",
        "quick",
        "surroundings",
    )

    def __init__(
        self,
        program: Program,
        held: Program,
        in_tree: tree.TreeDef,
        captured: Sequence[Any],
        around: Surroundings | None,
        allow: tuple[str, ...],
    ) -> None:
        self.program, self.held, self.in_tree, self.surroundings = program, held, in_tree, around
        self.captured, self._allow = tuple(captured), allow
        self.passing = Tracer in map(type, captured)
        assert program.out_tree is not None
        self.build = builder(program.out_tree)
        #: The code, given what is captured; None before the first call, and where traced values are captured.
        self.quick: Callable[..., tuple[Any, ...]] | None = None
        self._weak = [atom.spec.weak for atom in program.outputs]
        self._run: Callable[..., tuple[Any, ...]] = self._first

    def _first(self, *leaves: Any) -> tuple[Any, ...]:
        self._run = self.compiled().run
        if not self.passing:
            self.quick = functools.partial(self._run, *self.captured) if self.captured else self._run
        return self._run(*leaves)

    def compiled(self) -> Compiled:
        """What the passes have made of the program, and the code."""
        return compiled(self.program, self._allow)

    def spare(self, then: Surroundings) -> None:
        """The same program as before came out, though what it closes over has changed."""
        if self.surroundings is not None:
            self.surroundings.spare(then)

    def arguments(self) -> tuple[Sequence[str], Sequence[ArraySpec]]:
        """Names and specs of the leaves of the arguments."""
        first = len(self.captured)
        return self.program.input_names[first:], [var.spec for var in self.program.inputs[first:]]

    def call(self, leaves: Sequence[Any]) -> Any:
        """The function of these leaves."""
        if self.passing or Tracer in map(type, leaves):
            outs = bind(jit_p, *self.captured, *leaves, program=self.held, allow=self._allow)
            if True in self._weak:
                outs = [weak(out) if was else out for out, was in zip(outs, self._weak, strict=True)]
        elif (watch := WATCH.get()) is not None:
            outs = watch.run(self.program, [*self.captured, *leaves])
        else:
            outs = self._run(*self.captured, *leaves)
        return self.build(outs)


def make_entry(
    f: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], fixed: Fixed, allow: tuple[str, ...]
) -> Entry:
    """Trace ``f`` for arguments like these."""
    leaves, in_tree = tree.flatten((tuple(args), kwargs))
    for index, leaf in enumerate(leaves):
        if type(leaf) is not Tracer and (dtype := ArraySpec.of(leaf).dtype).kind not in "biufc":
            raise TreeError(
                f"the argument `{_input_names(f, in_tree, fixed)[index]}` of {describe_function(f)}, which is jitted, "
                f"is an array of {dtype}: no numbers",
                "give arrays of numbers; what only decides how to compute is static, `static_argnums=`.",
            )
    recorder = CapturingRecorder("jit", f)
    inputs = [recorder.input(ArraySpec.of(leaf)) for leaf in leaves]
    dynamic, named = tree.unflatten(in_tree, inputs)
    outs, out_tree = tree.flatten(recorder.run(lambda: Statics.call(f, dynamic, named, fixed), ()))
    check_outputs(outs, out_tree, f, recorder)
    outputs = [recorder.atom(leaf) for leaf in outs]
    del outs
    captured, values, equations, outputs = lifted(
        live_equations(recorder.equations, outputs), outputs, recorder.captured()
    )
    around = surroundings(f, [value for _, value in fixed])
    around.watch(values, _has_constants(equations, outputs))
    name = getattr(f, "__name__", "program")
    program = Program(
        [*captured, *[tracer.mark for tracer in inputs]],
        equations,
        outputs,
        name=name if name.isidentifier() else "program",
        input_names=[*[f"captured{i}" for i in range(len(captured))], *_input_names(f, in_tree, fixed)],
        out_tree=out_tree,
    )
    return Entry(program, _with_arrays(program), in_tree, values, None if around.empty() else around, allow)


def _has_constants(equations: Sequence[Equation], outputs: Sequence[Atom]) -> bool:
    """Whether a program holds arrays, or NumPy's numbers, that look as if they were computed from others."""
    seen: set[int] = set()
    for atom in (*[atom for equation in equations for atom in equation.inputs], *outputs):
        if isinstance(atom, Literal) and isinstance(atom.value, np.ndarray | np.generic) and id(atom.value) not in seen:
            seen.add(id(atom.value))
            value = np.asarray(atom.value)
            first = value.ravel()[:1].tolist()
            if first and not (first[0] in (0, 1, -1, 2, 0.5) and (value == first[0]).all()):
                return True
    return False


def _input_names(f: Callable[..., Any], in_tree: tree.TreeDef, fixed: Fixed) -> list[str]:
    """A Python name for each leaf of the arguments that are not static."""
    positional, named = in_tree.children
    static = {key for key, _ in fixed if isinstance(key, int)}
    count_ = len(positional.children) + len(static)
    spread = [_NO_LEAVES if i in static else None for i in range(count_)]
    children = iter(positional.children)
    whole = tree.TreeDef(tuple, None, tuple([next(children) if row is None else row for row in spread]))
    names = input_names(f, whole)
    for path in tree.paths(named):
        name = "_".join(re.findall(r"\w+", path))
        while name in names or name == "np" or not name.isidentifier():
            name += "_"
        names.append(name)
    return names


#: Stands where a static argument does: no leaves.
_NO_LEAVES = tree.TreeDef(type(None), None, ())


def _with_arrays(program: Program) -> Program:
    """The program with arrays in the place of Python numbers among its results."""
    if not any(atom.spec.weak for atom in program.outputs):
        return program
    equations = list(program.equations)
    outputs: list[Any] = []
    for atom in program.outputs:
        if not atom.spec.weak:
            outputs.append(atom)
        elif isinstance(atom, Literal):
            outputs.append(Literal(strong(atom.value)))
        else:
            outputs.append(Var(atom.spec.strong()))
            equations.append(Equation(strong_p, [atom], [outputs[-1]], {}))
    return Program(program.inputs, equations, outputs, name=program.name, input_names=program.input_names)
