"""The intermediate representation: typed equations in single-assignment form. Everything here is frozen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from functrans.ir.layout import put_together, taken_apart
from functrans.ir.quiet import Errors
from functrans.ir.spec import ArraySpec

if TYPE_CHECKING:
    from functrans.errors import Location
    from functrans.ir.cost import Cost
    from functrans.primitives import Primitive
    from functrans.tree import TreeDef


class _Frozen:
    __slots__: tuple[str, ...] = ()

    def __setattr__(self, name: str, _: object) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable: {name} cannot be set")

    def __getstate__(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        for name, value in zip(self.__slots__, state, strict=True):
            object.__setattr__(self, name, value)


class Var(_Frozen):
    """A value that an equation (or the caller) defines once. Compared by identity."""

    __slots__ = ("spec",)
    spec: ArraySpec

    def __init__(self, spec: ArraySpec) -> None:
        object.__setattr__(self, "spec", spec)

    def __repr__(self) -> str:
        return f"Var({self.spec})"


class Literal(_Frozen):
    """A value known when the program was made: a number, or an array that the function closed over."""

    __slots__ = ("spec", "value")
    value: Any
    spec: ArraySpec

    def __init__(self, value: Any) -> None:
        object.__setattr__(self, "value", value)
        object.__setattr__(self, "spec", ArraySpec.of(value))

    def __repr__(self) -> str:
        return f"Literal({self.value!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        if type(self.value) is not np.ndarray:
            return (Literal, (self.value,))
        return (_literal, taken_apart(self.value))


def _literal(value: Any, steps: list[tuple[str, Any]]) -> Literal:
    """A literal array that was pickled."""
    return Literal(put_together(value, steps))


Atom: TypeAlias = Var | Literal


class Equation(_Frozen):
    """``outputs = primitive(*inputs, **params)``, with the user's line that it came from.

    ``errors`` says what becomes of floating-point errors in it, where that is not for the caller to say: a walk back
    and code under ``np.errstate`` keep quiet about some. They are keywords of ``np.errstate``.
    """

    __slots__ = ("errors", "inputs", "location", "outputs", "params", "primitive")
    primitive: Primitive
    inputs: tuple[Atom, ...]
    outputs: tuple[Var, ...]
    params: Mapping[str, Any]
    location: Location | None
    errors: Errors

    def __init__(
        self,
        primitive: Primitive,
        inputs: Sequence[Atom],
        outputs: Sequence[Var],
        params: Mapping[str, Any],
        location: Location | None = None,
        errors: Errors = (),
    ) -> None:
        put = object.__setattr__
        put(self, "primitive", primitive)
        put(self, "inputs", tuple(inputs))
        put(self, "outputs", tuple(outputs))
        put(self, "params", dict(params))
        put(self, "location", location)
        put(self, "errors", errors)

    def changed(
        self,
        *,
        inputs: Sequence[Atom] | None = None,
        outputs: Sequence[Var] | None = None,
        params: Mapping[str, Any] | None = None,
        primitive: Primitive | None = None,
        errors: Errors | None = None,
    ) -> Equation:
        """The same equation but for what is given."""
        return Equation(
            self.primitive if primitive is None else primitive,
            self.inputs if inputs is None else inputs,
            self.outputs if outputs is None else outputs,
            self.params if params is None else params,
            self.location,
            self.errors if errors is None else errors,
        )

    def __repr__(self) -> str:
        inputs = ", ".join(map(repr, self.inputs))
        return f"Equation({self.primitive.name}, [{inputs}], {dict(self.params)})"


class Program(_Frozen):
    """A function as data: inputs, equations in the order of execution, outputs.

    ``in_tree`` and ``out_tree`` are the structures of the traced function's arguments and result; a program made by
    hand has none and takes and gives its flat inputs and outputs.

    ``print(program)`` shows Python that runs with NumPy alone; :meth:`to_source` gives it as a module.

    Example:
        >>> import functrans as ft
        >>> program = ft.trace(lambda x, y: x * y + x)(1.0, 2.0)
        >>> [equation.primitive.name for equation in program.equations]
        ['multiply', 'add']
        >>> ft.evaluate(program, 3.0, 4.0)
        15.0
    """

    __slots__ = (
        "_derived",
        "_key",
        "_plan",
        "equations",
        "in_tree",
        "input_names",
        "inputs",
        "name",
        "out_tree",
        "outputs",
    )
    name: str
    inputs: tuple[Var, ...]
    equations: tuple[Equation, ...]
    outputs: tuple[Atom, ...]
    input_names: tuple[str, ...]
    in_tree: TreeDef | None
    out_tree: TreeDef | None

    def __init__(
        self,
        inputs: Sequence[Var],
        equations: Sequence[Equation],
        outputs: Sequence[Atom],
        *,
        name: str = "program",
        input_names: Sequence[str] = (),
        in_tree: TreeDef | None = None,
        out_tree: TreeDef | None = None,
    ) -> None:
        put = object.__setattr__
        put(self, "name", name)
        put(self, "inputs", tuple(inputs))
        put(self, "equations", tuple(equations))
        put(self, "outputs", tuple(outputs))
        put(self, "input_names", tuple(input_names) or tuple(f"x{i}" for i in range(len(self.inputs))))
        put(self, "in_tree", in_tree)
        put(self, "out_tree", out_tree)
        put(self, "_key", None)
        put(self, "_plan", None)
        put(self, "_derived", None)

    @property
    def derived(self) -> dict[Any, Any]:
        """What transforms have made of it, kept for the next time."""
        if self._derived is None:
            object.__setattr__(self, "_derived", {})
        return self._derived  # type: ignore[return-value]

    @property
    def plan(self) -> Any:
        """How the interpreter runs it, once that is known."""
        return self._plan

    def planned(self, plan: Any) -> Any:
        """Keep how the interpreter runs it."""
        object.__setattr__(self, "_plan", plan)
        return plan

    def __getstate__(self) -> tuple[Any, ...]:
        state = dict(zip(self.__slots__, super().__getstate__(), strict=True))
        return tuple({**state, "_plan": None, "_derived": None}.values())

    def validate(self) -> Program:
        """Check single assignment, scoping, arity and specs; returns the program itself.

        Raises:
            ProgramError: names the first equation that breaks a rule.
        """
        from functrans.ir.validate import validate

        validate(self)
        return self

    def cost(self) -> Cost:
        """What running it costs: operations, flops, bytes moved, peak memory; counted from the specs, not measured.

        Costs are compared by ``a / b``. How flops are counted is said in
        ``functrans.ir.flops``.

        Example:
            >>> import functrans as ft
            >>> import numpy as np
            >>> f = lambda a: np.sum(np.tanh(a @ a))
            >>> cost = ft.trace(f)(np.ones((100, 100))).cost()
            >>> print(cost)  # doctest: +ELLIPSIS
            3 operations, 2.02M flops (10.0k of them transcendental)
            320kB read, 160kB written, peak of intermediate values 160kB
            flops  share   bytes  times  operation                line
            2.00M    99%   240kB      1  matmul Float64[100 100]  ...
            >>> (ft.trace(ft.grad(f))(np.ones((100, 100))).cost() / cost).flops < 5
            True
        """
        from functrans.ir.cost import cost

        return cost(self)

    def to_source(self, path: str | None = None) -> str:
        """The program as the text of a Python module that needs NumPy alone, and gives the same numbers to the bit.

        Args:
            path: also write the text to this file.

        Example:
            >>> import functrans as ft
            >>> print(ft.trace(lambda x: x * 2.0)(1.5).to_source())  # doctest: +ELLIPSIS
            from __future__ import annotations ...
        """
        from functrans.ir.source import module_source

        text = module_source(self)
        if path is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        return text

    def __str__(self) -> str:
        from functrans.ir.source import function_source

        return function_source(self)

    def __repr__(self) -> str:
        ins = ", ".join(repr(var.spec) for var in self.inputs)
        outs = ", ".join(repr(atom.spec) for atom in self.outputs)
        return f"<Program {self.name}({ins}) -> {outs}, {len(self.equations)} equations>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002 (IPython's signature)
        """What IPython shows, and hypothesis as an example that fails: the whole text."""
        for number, line in enumerate(str(self).splitlines()):
            if number:
                printer.break_()
            printer.text(line)

    def _repr_html_(self) -> str:
        """What notebooks show: equations that can be searched, beside the user's lines that they come from."""
        from functrans.viz.page import page

        return page(self)

    def _repr_svg_(self) -> str | None:
        """Its graph; None where what draws it is not installed, or the program is large."""
        from functrans.viz.boxes import small_picture

        return small_picture(self)

    def _structure(self) -> tuple[Any, ...]:
        if self._key is None:
            number = {var: i for i, var in enumerate(self.inputs)}
            rows: list[Any] = [tuple(var.spec for var in self.inputs)]
            for equation in self.equations:
                ins = tuple(_atom_key(atom, number) for atom in equation.inputs)
                for var in equation.outputs:
                    number[var] = len(number)
                outs = tuple(var.spec for var in equation.outputs)
                rows.append((equation.primitive, ins, outs, frozen_key(equation.params), equation.errors))
            rows.append(tuple(_atom_key(atom, number) for atom in self.outputs))
            object.__setattr__(self, "_key", (*rows, self.in_tree, self.out_tree))
        return self._key  # type: ignore[return-value]

    _key: tuple[Any, ...] | None
    _plan: Any
    _derived: dict[Any, Any] | None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Program) and self._structure() == other._structure()

    def __hash__(self) -> int:
        return hash(self._structure())


def held_programs(params: Mapping[str, Any]) -> list[Program]:
    """The programs among some parameters."""
    found: list[Program] = []
    for value in params.values():
        found += [p for p in (value if isinstance(value, tuple) else (value,)) if isinstance(p, Program)]
    return found


def _atom_key(atom: Atom, number: dict[Var, int]) -> Any:
    if isinstance(atom, Var):
        return number[atom]
    return ("literal", atom.spec, frozen_key(atom.value))


def frozen_key(value: Any) -> Any:
    """A hashable stand-in for a parameter or a constant; equal when the values are equal to the bit."""
    if hasattr(value, "recorder"):  # a traced value of an outer transform
        return id(value)
    if isinstance(value, Mapping):
        return tuple((key, frozen_key(value[key])) for key in sorted(value))
    if isinstance(value, (tuple, list)):
        return (type(value).__name__, *map(frozen_key, value))
    if isinstance(value, slice):
        return ("slice", value.start, value.stop, value.step)
    if isinstance(value, np.ndarray | np.generic):
        return (value.dtype.str, value.shape, value.tobytes())
    if isinstance(value, float | complex):
        return (type(value).__name__, np.asarray(value).tobytes())
    return value if value.__hash__ is not None else id(value)
