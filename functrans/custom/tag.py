"""``tag``: a name for an intermediate value, by which ``grad(f, wrt=...)`` finds it.

A tag is the identity. A gradient that asks for its name lets a zero be added to the value there, and differentiates in
that zero; inside of a loop that holds a program there is one for each step.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from functrans.control.branch import switch_p
from functrans.control.checkpoint import checkpoint_p
from functrans.control.scan import scan_p
from functrans.errors import DerivativeError
from functrans.frames import boundary
from functrans.function_types import T
from functrans.ir import ArraySpec, Equation, Program, Var
from functrans.ir.program import held_programs
from functrans.ops.duals import zeros
from functrans.primitives import Primitive, Rules, lookup
from functrans.tracing.bind import bind
from functrans.tracing.tracer import Tracer
from functrans.transforms.reverse import ReverseRecorder

tag_p = Primitive(
    "tag",
    lambda x, name: x,
    lambda x, name: x,
    Rules(jvp=[lambda dx, out, x, name: dx], vjp=[lambda ct, out, x, name: ct]),
    source=lambda args, params: f"{args[0]}  # {params['name']}",
    batch=lambda primitive, operands, batched, size, params: bind(primitive, *operands, **params),
)
_add = lookup("add")


@boundary
def tag(x: T, name: str) -> T:
    """``x``, under a name: ``functrans.grad(f, wrt="name")`` is the derivative of ``f`` in it.

    Args:
        x: an array or a number, in a function that is differentiated. Elsewhere a tag does nothing.
        name: unique in the function.

    Raises:
        DerivativeError: (from ``grad``) the name stands for several values, or for none that depends on the arguments.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> def f(x):
        ...     z = ft.tag(2.0 * x, "z")
        ...     return np.sum(z * z)
        >>> ft.grad(f, wrt=("z", 0))(np.array([1.0, 2.0]))
        (array([4., 8.]), array([ 8., 16.]))
    """
    if not isinstance(name, str):
        raise DerivativeError(f"`tag` with the name {name!r}, which is no string", 'write `functrans.tag(x, "name")`.')
    return bind(tag_p, x, name=name)  # type: ignore[no-any-return]


class TagRecorder(ReverseRecorder):
    """Reverse mode that also differentiates in the tags of some names."""

    __slots__ = ("found", "seen", "wanted")

    def __init__(self, transform: str, function: Any, located: bool, wanted: Collection[str]) -> None:
        super().__init__(transform, function, located)
        self.wanted = frozenset(wanted)
        #: The leaf of each name, and its spec.
        self.found: dict[str, tuple[int, ArraySpec]] = {}
        #: The names of all tags that were passed.
        self.seen: dict[str, None] = {}

    def process(self, primitive: Primitive, args: tuple[Any, ...], params: Mapping[str, Any]) -> Any:
        if primitive is tag_p:
            self.seen[params["name"]] = None
        if primitive is tag_p and params["name"] in self.wanted:
            x = args[0]
            value = bind(tag_p, x.value, **params)
            zero = self.zero(params["name"], ArraySpec.of(value))
            return super().process(_add, (Tracer(self, value, x.mark), zero), {})
        held = held_programs(params)
        for program in held:
            self.seen.update(dict.fromkeys(sorted(names_in(program))))
        if held and any(names_in(program) & self.wanted for program in held):
            args, params = self._opened(primitive, args, params)
        return super().process(primitive, args, params)

    def zero(self, name: str, spec: ArraySpec) -> Tracer:
        """A leaf that is added to the value of this name.

        Raises:
            DerivativeError: there is one already.
        """
        if name in self.found:
            raise DerivativeError(
                f'the tag "{name}" is passed more than once: it stands for several values',
                'give each a name of its own (in a loop f"{name}{i}"); a `functrans.scan` has one gradient for all '
                "of its steps.",
            )
        leaf = self.leaf(nothing(spec))
        self.found[name] = (leaf.mark[0], spec)
        return leaf

    def _opened(
        self, primitive: Primitive, args: tuple[Any, ...], params: Mapping[str, Any]
    ) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        params, added = opened(primitive, params, self.wanted)
        return (*args, *[self.zero(name, spec) for name, spec in added]), params


def nothing(spec: ArraySpec) -> Any:
    """What changes no bit of a value that it is added to: the negative zero."""
    return -0.0 if spec.weak and spec.dtype.kind == "f" else -zeros(spec)


def names_in(program: Program) -> frozenset[str]:
    """The names of the tags in a program, and in those that it holds."""
    known = program.derived.get("tags")
    if known is None:
        names = {equation.params["name"] for equation in program.equations if equation.primitive is tag_p}
        for equation in program.equations:
            for held in held_programs(equation.params):
                names |= names_in(held)
        known = program.derived.setdefault("tags", frozenset(names))
    return known  # type: ignore[no-any-return]


Added = list[tuple[str, ArraySpec]]


def opened(primitive: Primitive, params: Mapping[str, Any], wanted: frozenset[str]) -> tuple[Mapping[str, Any], Added]:
    """The parameters of an equation whose tags are shifted by further operands, and what these are.

    Raises:
        DerivativeError: a tag is where no operand can be added: in a loop of unknown length, in a custom rule.
    """
    if primitive is scan_p:
        program, added = open_program(params["program"], wanted)
        length = params["length"]
        return {**params, "program": program}, [(n, ArraySpec((length, *s.shape), s.dtype)) for n, s in added]
    if primitive is checkpoint_p or primitive.name == "jit":
        program, added = open_program(params["program"], wanted)
        return {**params, "program": program}, added
    if primitive is switch_p:
        each = [open_program(branch, wanted) for branch in params["branches"]]
        union: dict[str, ArraySpec] = {}
        for _, added in each:
            union.update(added)
        branches = tuple([_with_all(program, added, union) for program, added in each])
        return {**params, "branches": branches}, list(union.items())
    inside = ", ".join(sorted(set().union(*[names_in(held) for held in held_programs(params)]) & wanted))
    raise DerivativeError(
        f'the tag "{inside}" stands inside of a `{primitive.name}`, where no gradient can be taken in it',
        "move it out, or use `functrans.scan` for a loop whose length is known.",
    )


def open_program(program: Program, wanted: frozenset[str]) -> tuple[Program, Added]:
    """The program with a further input for each tag of these names, which is added to its value.

    Raises:
        DerivativeError: two tags have the same name.
    """
    key = ("opened", wanted)
    known = program.derived.get(key)
    if known is not None:
        return known  # type: ignore[no-any-return]
    equations: list[Equation] = []
    inputs: list[Var] = []
    added: Added = []
    for e in program.equations:
        primitive, operands, params, more = e.primitive, list(e.inputs), e.params, []
        if primitive is tag_p and params["name"] in wanted:
            more = [(params["name"], e.outputs[0].spec)]
            primitive, params = _add, {}
        elif any(names_in(held) & wanted for held in held_programs(params)):
            params, more = opened(primitive, params, wanted)
        for name, spec in more:
            if name in dict(added):
                raise DerivativeError(
                    f'the tag "{name}" stands for two values of one function', "give each a name of its own."
                )
            added.append((name, spec))
            inputs.append(Var(spec))
            operands.append(inputs[-1])
        equations.append(e.changed(primitive=primitive, inputs=operands, params=params))
    made = Program([*program.inputs, *inputs], equations, program.outputs, name=program.name)
    return program.derived.setdefault(key, (made, added))  # type: ignore[no-any-return]


def _with_all(program: Program, added: Added, union: Mapping[str, ArraySpec]) -> Program:
    """A branch with an input for each name of all branches."""
    own = len(program.inputs) - len(added)
    by_name = dict(zip([name for name, _ in added], program.inputs[own:], strict=True))
    inputs: Sequence[Var] = [by_name.get(name) or Var(spec) for name, spec in union.items()]
    return Program([*program.inputs[:own], *inputs], program.equations, program.outputs, name=program.name)
