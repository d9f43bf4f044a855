"""Programs of single numbers, on Python's floats: an operation takes a tenth of the time of NumPy's on its scalars.

Sums, products, quotients and roots are rounded correctly, so Python and NumPy agree. Of other functions Python's
``math`` is taken where NumPy's calls the same code of the C library, which is found out by comparing them at many
points; else NumPy's is called. Where Python raises (a division by zero, ``math.log(0)``), or a result is not finite,
everything is done again with NumPy, which may warn.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from functrans.compile.code import Code, function_names
from functrans.ir import Atom, Equation, Literal, Program, Var
from functrans.ir.quiet import Errors, errstate

#: Programs with fewer equations are not worth the conversions.
FEWEST = 3
_MATH = {
    **{name: name for name in ("sin", "cos", "tan", "exp", "log", "tanh", "sinh", "cosh", "log1p", "expm1", "log2")},
    "log10": "log10",
    "exp2": "exp2",
    "cbrt": "cbrt",
    "sqrt": "sqrt",
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arcsinh": "asinh",
    "arccosh": "acosh",
    "arctanh": "atanh",
}
_SYMBOLS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}
_SAME = frozenset({"strong", "weak", "positive"})
_FLOAT64 = np.dtype(np.float64)


def on_numbers(program: Program, otherwise: Callable[..., Any]) -> Code | None:
    """The code of a program all values of which are single numbers in double precision; None for another program.

    Args:
        program: what is to be run.
        otherwise: runs it with NumPy.
    """
    if not _fits(program):
        return None
    writer = _Writer(program)
    text = writer.text()
    space = writer.space
    exec(compile(text, f"<functrans {program.name}>", "exec"), space)
    return Code(_guarded(space[writer.name], otherwise), text, 0, 0)


def _guarded(fast: Callable[..., Any], otherwise: Callable[..., Any]) -> Callable[..., Any]:
    """``fast``, and in its place what NumPy gives where Python raises or a result is not finite."""

    def run(*leaves: Any) -> Any:
        try:
            outs = fast(*leaves)
        except (ArithmeticError, ValueError):
            outs = None
        return otherwise(*leaves) if outs is None else outs

    return run


def _fits(program: Program) -> bool:
    if len(program.equations) < FEWEST or not all(isinstance(atom, Var) for atom in program.outputs):
        return False
    if not set(program.inputs).isdisjoint(program.outputs):
        return False
    return all(_is_number(var) for var in program.inputs) and all(map(_is_covered, program.equations))


def _is_number(atom: Atom) -> bool:
    spec = atom.spec
    if spec.shape or type(spec.dtype) is not type(_FLOAT64):
        # An integer that is a constant becomes a float beside one.
        return isinstance(atom, Literal) and type(atom.value) is int and abs(atom.value) < 2**53
    return isinstance(atom, Var) or type(atom.value) in (float, np.float64)


def _is_covered(equation: Equation) -> bool:
    name = equation.primitive.name
    if len(equation.outputs) != 1 or not _is_number(equation.outputs[0]) or not all(map(_is_number, equation.inputs)):
        return False
    if name == "pow":
        exponent = equation.inputs[1]
        return isinstance(exponent, Literal) and float(exponent.value).is_integer()
    if equation.params and equation.params != {"kind": "float"}:
        return False
    return name in _SYMBOLS or name in _SAME or name in _MATH or name in ("negative", "square", "absorbing_multiply")


class _Writer:
    """The text of the function, and the names that it sees."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.space: dict[str, Any] = {"isfinite": math.isfinite, "float64": np.float64}
        taken = {*self.space, *_MATH}
        self.name, self._inputs, self._fresh = function_names(program, taken)
        self._names: dict[Atom, str] = dict(zip(program.inputs, self._inputs, strict=True))

    def text(self) -> str:
        """The whole function."""
        program = self.program
        lines = [
            f"{name} = float({name})"
            for name, var in zip(self._inputs, program.inputs, strict=True)
            if not var.spec.weak
        ]
        for equation in program.equations:
            lines += self._equation(equation)
        names = [self._names[atom] for atom in program.outputs]
        # One test for all: a sum is finite if its terms are, and do not add up to more than there is.
        lines.append(f"if not isfinite({' + '.join(dict.fromkeys(names)) or '0.0'}):")
        lines.append("    return None")
        results = [self._names[atom] if atom.spec.weak else f"float64({self._names[atom]})" for atom in program.outputs]
        lines.append(f"return ({', '.join(results)}{',' if len(results) == 1 else ''})")
        return "\n".join([f"def {self.name}({', '.join(self._inputs)}):", *["    " + line for line in lines]]) + "\n"

    def _equation(self, equation: Equation) -> list[str]:
        name, out = equation.primitive.name, equation.outputs[0]
        args = [self._atom(atom) for atom in equation.inputs]
        if name in _SAME:
            self._names[out] = args[0]
            return []
        if name in _SYMBOLS:
            right = f"{args[0]} {_SYMBOLS[name]} {args[1]}"
        elif name == "pow":
            right = f"{args[0]} ** {args[1]}"
        elif name == "negative":
            right = f"-{args[0]}"
        elif name == "square":
            right = f"{args[0]} * {args[0]}"
        elif name == "absorbing_multiply":
            right = f"{args[0]} * {args[1]}"
        else:
            right = self._call(equation, args[0])
        target = self._names[out] = next(self._fresh)
        lines = [f"{target} = {right}"]
        if name == "absorbing_multiply":
            lines += [f"if {target} != {target} and {args[0]} == 0:", f"    {target} = 0.0"]
        return lines

    def _call(self, equation: Equation, arg: str) -> str:
        name = equation.primitive.name
        python = getattr(math, _MATH[name], None)
        if python is not None and agrees(name):
            self.space[name] = python
            return f"{name}({arg})"
        function = getattr(np, name)
        if equation.errors:
            name = f"_{name}{len(self.space)}"
            function = _under(equation.errors, function)
        self.space[name] = function
        return f"float({name}({arg}))"

    def _atom(self, atom: Atom) -> str:
        if isinstance(atom, Var):
            return self._names[atom]
        text = repr(float(atom.value)) if type(atom.value) is not int else repr(atom.value)
        if text.lstrip("-") in ("inf", "nan"):
            return f"float({text!r})"
        return f"({text})" if text[0] == "-" else text


def _under(errors: Errors, function: Callable[[float], Any]) -> Callable[[float], Any]:
    """The function, whose floating-point errors are dealt with so."""

    def call(x: float) -> Any:
        with errstate(errors):
            return function(x)

    return call


@cache
def agrees(name: str) -> bool:
    """Whether Python's function gives NumPy's bits, at many points of all sizes."""
    python = getattr(math, _MATH[name])
    if name == "sqrt":  # rounded correctly, says IEEE 754
        return True
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(size=8192), rng.normal(size=8192) * 10.0 ** rng.integers(-12, 6, 8192)])
    found = []
    with np.errstate(all="ignore"):
        theirs = getattr(np, name)(points)
    for x, y in zip(points.tolist(), theirs.tolist(), strict=True):
        if math.isfinite(y):
            found.append(python(x) == y)
    return all(found) and len(found) > 1000
