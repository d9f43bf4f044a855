"""Printing: a Program in, Python source out, which gives the same numbers to the bit.

It needs NumPy alone, and SciPy where the program calls it.
"""

from __future__ import annotations

import builtins
import inspect
import keyword
import re
import sys
import textwrap
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from itertools import count, product
from math import copysign
from typing import Any, NamedTuple

import numpy as np

from functrans.ir.program import Atom, Equation, Literal, Program, Var, held_programs
from functrans.ir.quiet import errstate_source, stretches
from functrans.ir.spec import ArraySpec

_INLINE = 4  # constants with more entries are named
_CALLED = ("np", "scipy", "print", "abs", "bytes", "complex", "slice", "Ellipsis")
_SHOWN = 64  # those with more than this are written out by `to_source` alone


class FunctionName(str):
    """What stands in the text for a program that an equation holds: the name of the function that it is printed as."""

    __slots__ = ("program",)
    program: Program


class _Module:
    """What the functions of a module share: helpers, constants, names, the programs that their equations hold."""

    def __init__(self, program: Program, exact: bool) -> None:
        self.exact = exact
        self.helpers: dict[str, Callable[..., Any]] = {}
        self.constants: dict[str, Any] = {}
        self.modules: set[str] = set()  # SciPy's, users' own
        self.functions: dict[str, str] = {}
        self.held: dict[int, Listing] = {}  # of the programs that equations hold
        self._held: list[tuple[Program, FunctionName]] = []
        self._look(program)
        # What the code below the names may call: no name of the user's must hide it.
        self.reserved = {*self.helpers, *_CALLED}
        self.name = _other_than(program.name, self.reserved)
        printer = _Printer(program, self, self.name)
        self.body = printer.function()
        self.listing = printer.listing(self.held, self.constants)

    def _look(self, program: Program) -> None:
        for equation in program.equations:
            self.helpers.update(equation.primitive.helpers)
            module = equation.primitive.name.rpartition(".")[0]
            if module in sys.modules:  # not `add` of `add.reduceat`
                self.modules.add(module)
            for held in held_programs(equation.params):
                self._look(held)

    def function_name(self, program: Program) -> FunctionName:
        """The name of the function that a program held by an equation is printed as."""
        for known, name in self._held:
            if known is program:
                return name
        # No variable has an underscore in its name.
        given = program.name if "_" in program.name else f"{program.name}_"
        name = FunctionName(_other_than(given, {*self.reserved, *self.functions, self.name}))
        name.program = program
        self._held.append((program, name))
        self.functions[name] = ""  # taken, while those below it are printed
        printer = _Printer(program, self, name, tuple_of_all=True)
        text = printer.function()
        self.held[id(program)] = printer.listing({}, {})
        del self.functions[name]
        self.functions[name] = text
        return name

    def constant(self, value: Any, taken: Container[str]) -> str:
        """The name of a large constant."""
        for name, known in self.constants.items():
            if known is value:
                return name
        name = next(
            name
            for i in range(10**6)
            if (name := f"c{i}") not in taken and name not in self.constants and name not in self.functions
        )
        self.constants[name] = value
        return name


class Listing(NamedTuple):
    """What the text of a program is made of.

    Attributes:
        name: of its function.
        head: the first line.
        names: of inputs and values.
        lines: each equation with its text.
        result: what is returned.
        held: by identity, the programs that equations hold, directly or not.
        constants: large ones, by their names.
    """

    name: str
    head: str
    names: Mapping[Var, str]
    lines: Sequence[tuple[Equation, str]]
    result: str
    held: Mapping[int, Listing]
    constants: Mapping[str, Any]


def listing(program: Program) -> Listing:
    """The text of a program, in parts: each equation by itself."""
    return _Module(program, exact=False).listing


def function_source(program: Program) -> str:
    """The program as one function, for reading.

    Helpers, large constants, and what becomes of floating-point errors are left to :func:`module_source`.
    """
    module = _Module(program, exact=False)
    rows = [
        f"{name} = {_exact(value)}"
        if value.size <= _SHOWN
        else f"{name} = ...  # {ArraySpec.of(value)}: see to_source()"
        for name, value in module.constants.items()
    ]
    return "\n".join([*rows, *[text + "\n" for text in module.functions.values()], module.body])


def module_source(program: Program) -> str:
    """The program as a module: imports, helpers, constants, the function."""
    module = _Module(program, exact=True)
    header = (
        "from __future__ import annotations  # the types are in jaxtyping's notation, for readers\n\nimport numpy as np"
    )
    header += "".join(f"\nimport {name}" for name in sorted(module.modules))
    helpers = [_helper_source(helper) for helper in module.helpers.values()]
    constants = "\n".join(f"{name} = {_exact(value)}" for name, value in module.constants.items())
    parts = [header, *helpers, *([constants] if constants else []), *module.functions.values(), module.body]
    return "\n\n\n".join(parts) + "\n"


def _helper_source(helper: Callable[..., Any]) -> str:
    text = textwrap.dedent(inspect.getsource(helper)).rstrip()
    return re.sub(r"  # (?:type: ignore|noqa).*", "", text)  # remarks to our own tools


def fresh_names(*taken: Container[str]) -> Iterator[str]:
    """Names of values: ``a``, ``b``, …, ``aa``, …, but those that are taken."""
    letters = "abcdefghijkmnopqrstuvwxyz"  # no l, which looks like 1
    for width in count(1):
        for name in map("".join, product(letters, repeat=width)):
            if not any(name in names for names in taken):
                yield name


class _Printer:
    """One program, as one function of a module."""

    def __init__(self, program: Program, module: _Module, name: str, tuple_of_all: bool = False) -> None:
        self.program, self.module, self.name, self._tuple_of_all = program, module, name, tuple_of_all
        reserved = module.reserved
        self.input_names: list[str] = []
        for given in program.input_names:
            self.input_names.append(_other_than(given, {*reserved, *self.input_names}))
        self.names: dict[Var, str] = dict(zip(program.inputs, self.input_names, strict=True))
        self._taken = {*reserved, *self.input_names, *keyword.kwlist, *dir(builtins), module.name, name}
        self._fresh = fresh_names(self._taken, module.functions)
        self.lines: list[tuple[Equation, str]] = []
        self.head = self.result = ""

    def listing(self, held: Mapping[int, Listing], constants: Mapping[str, Any]) -> Listing:
        """What has been printed, in parts."""
        return Listing(self.name, self.head, self.names, self.lines, self.result, held, constants)

    def function(self) -> str:
        program = self.program
        arguments = ", ".join(
            f"{name}: {var.spec.annotation()}" for name, var in zip(self.input_names, program.inputs, strict=True)
        )
        rows: list[tuple[str, str]] = []
        for errors, equations in stretches(program.equations):
            quiet = self.module.exact and errors
            if quiet:
                rows.append((f"with np.errstate({errstate_source(errors)}):", ""))
            for equation in equations:
                code, comment = self.row(equation)
                rows.append((f"    {code}" if quiet else code, comment))
        results = [self.atom(atom) for atom in program.outputs]
        annotations = [atom.spec.annotation() for atom in program.outputs]
        if len(results) == 1 and not _is_sequence(program) and not self._tuple_of_all:
            returned, result_type = results[0], annotations[0]
        else:
            returned = "(" + ", ".join(results) + ("," if len(results) == 1 else "") + ")"
            result_type = f"tuple[{', '.join(annotations) or '()'}]"
        width = max((len(code) for code, _ in rows if len(code) <= 72), default=0)
        self.head, self.result = f"def {self.name}({arguments}) -> {result_type}:", f"return {returned}"
        lines = [self.head]
        lines += [f"    {code:<{width}}  {comment}".rstrip() for code, comment in rows]
        lines.append(f"    {self.result}")
        return "\n".join(lines)

    def row(self, equation: Equation) -> tuple[str, str]:
        """An equation, and what there is to say about it."""
        expression = self.expression(equation)
        for var in equation.outputs:
            self.names[var] = next(self._fresh)
        targets = ", ".join(self.names[var] for var in equation.outputs)
        if equation.primitive.multiple and len(equation.outputs) == 1:
            targets += ","
        specs = ", ".join(repr(var.spec) for var in equation.outputs)
        place = f"  {equation.location}" if equation.location is not None else ""
        code = f"{targets} = {expression}" if targets else expression
        self.lines.append((equation, code))
        return code, f"# {(specs + place).lstrip()}"

    def expression(self, equation: Equation) -> str:
        params = {name: self.param(value) for name, value in equation.params.items()}
        return equation.primitive.source([self.atom(atom) for atom in equation.inputs], params)

    def param(self, value: Any) -> Any:
        """A parameter; in place of programs the names of their functions."""
        if isinstance(value, tuple) and value and isinstance(value[0], Program):
            return tuple([self.module.function_name(program) for program in value])
        return self.module.function_name(value) if isinstance(value, Program) else value

    def atom(self, atom: Atom) -> str:
        if isinstance(atom, Var):
            return self.names[atom]
        return self.literal(atom)

    def literal(self, literal: Literal) -> str:
        value = literal.value
        if hasattr(value, "recorder"):  # a traced value of an outer transform, which has no source
            return repr(value)
        if isinstance(value, np.ndarray) and value.size > _INLINE:
            return self.module.constant(value, self._taken)
        return literal_source(value)


def _other_than(name: str, taken: Container[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _is_sequence(program: Program) -> bool:
    return program.out_tree is not None and program.out_tree.cls is not None


def number_source(value: Any) -> str:
    """A Python number as source: ``inf`` and ``nan`` are spelled with ``np``."""
    if isinstance(value, complex):
        return f"complex({number_source(value.real)}, {number_source(value.imag)})"
    if isinstance(value, float) and not np.isfinite(value):
        if value != value:
            return "np.nan" if copysign(1.0, value) > 0 else "(-np.nan)"
        return "np.inf" if value > 0 else "-np.inf"
    return f"({value!r})" if isinstance(value, int | float) and (value < 0 or str(value)[0] == "-") else repr(value)


def literal_source(value: Any) -> str:
    """A constant as source, exact to the bit."""
    if isinstance(value, np.generic) and value.dtype.kind in "biufc" and value.dtype.char not in "gG":
        number = value.item()
        simple = not isinstance(number, complex) and np.isfinite(number)
        text = repr(number) if simple else number_source(number)
        return f"{param_source(value.dtype)}({text})"
    if isinstance(value, np.ndarray | np.generic):
        return _exact(np.asarray(value)) + ("[()]" if isinstance(value, np.generic) else "")
    return number_source(value) if isinstance(value, float | complex) else repr(value)


#: So many equal numbers are written out.
_SHORT = 4


def _exact(value: np.ndarray[Any, Any]) -> str:
    """An array as source: the same bits, in memory in the same order of axes and as far from one another.

    The order in which a sum adds its terms depends on the axes; whether a product goes to BLAS, on gaps and directions.
    """
    if not value.size:
        return f"np.zeros({value.shape!r}, dtype={param_source(value.dtype)})"
    repeated = [step == 0 and n > 1 for step, n in zip(value.strides, value.shape, strict=True)]
    if any(repeated):
        once = value[tuple(slice(0, 1) if again else slice(None) for again in repeated)]
        return f"np.broadcast_to({_exact(once)}, {value.shape!r})"
    if not value.flags.c_contiguous:
        long = [axis for axis, n in enumerate(value.shape) if n > 1]
        backwards = [axis for axis in long if value.strides[axis] < 0]
        if backwards:
            turned = np.flip(value, tuple(backwards))
            return f"{_exact(turned)}[{', '.join('::-1' if axis in backwards else ':' for axis in range(value.ndim))}]"
        order = sorted(range(value.ndim), key=lambda axis: -value.strides[axis])
        if order != list(range(value.ndim)):
            back = tuple(int(axis) for axis in np.argsort(order))
            return f"{_exact(np.transpose(value, order))}.transpose({back!r})"
        if value.strides[long[-1]] != value.itemsize:
            index = ", ".join("::2" if axis == long[-1] else ":" for axis in range(value.ndim))
            return f"np.repeat({_exact(value.copy())}, 2, axis={long[-1]})[{index}]"
    dtype = param_source(value.dtype)
    if value.dtype.kind in "biu" or (value.dtype.kind == "f" and value.itemsize <= 8 and np.all(np.isfinite(value))):
        if value.size > _SHORT and value.tobytes() == value.flat[0].tobytes() * value.size:
            return f"np.full({value.shape!r}, {value.flat[0].item()!r}, dtype={dtype})"
        return f"np.array({value.tolist()!r}, dtype={dtype})"
    return f"np.frombuffer(bytes.fromhex({value.tobytes().hex()!r}), dtype={dtype}).reshape({value.shape!r})"


def param_source(value: Any) -> str:
    """A parameter (axis, dtype, index, …) as source."""
    if isinstance(value, np.dtype):
        return f"np.{value.type.__name__}" if value.kind != "b" else "np.bool_"
    if isinstance(value, type) and issubclass(value, np.generic):
        return f"np.{value.__name__}"
    if isinstance(value, np.ndarray | np.generic):
        return literal_source(value)
    if isinstance(value, tuple):
        return "(" + ", ".join(map(param_source, value)) + ("," if len(value) == 1 else "") + ")"
    if isinstance(value, list):
        return "[" + ", ".join(map(param_source, value)) + "]"
    if isinstance(value, float | complex):
        return number_source(value)
    return repr(value)
