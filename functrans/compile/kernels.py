"""How elementwise equations are written in a block: as calls of ufuncs that write into a buffer.

What is in these tables gives the same bits wherever an entry stands in an array, so it does not matter how the array
is cut. Left out are ``fmax`` and ``fmin``, which choose between zeros of different sign by place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from functrans.compile.emit import OPERATORS, ufunc_of
from functrans.ir import Equation, Literal
from functrans.ir.program import frozen_key
from functrans.ir.quiet import QUIET, Errors


class Names:
    """The names that a block's text sees, and what they stand for."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.constants: dict[Any, str] = {}

    def of(self, name: str, value: Any) -> str:
        """A name for a value; the same for the same object."""
        wanted, count = name, 1
        while self.values.setdefault(wanted, value) is not value:
            count += 1
            wanted = f"{name}_{count}"
        return wanted

    def ufunc(self, ufunc: Any) -> str:
        """The name of a ufunc."""
        return self.of(ufunc.__name__, ufunc)

    def constant(self, value: Any) -> str:
        """The name of a constant; the same for the same number."""
        key = type(value).__name__, frozen_key(value)
        if key not in self.constants:
            self.constants[key] = self.of(f"c{len(self.constants)}", value)
        return self.constants[key]


ADD_REDUCE = np.add.reduce  # asked for again, it would be another object
#: ``write(names, equation, args, out)``: lines that compute an equation into ``out``.
Write: TypeAlias = Callable[[Names, Equation, Sequence[str], str], list[str]]


class Kernel(NamedTuple):
    """How an equation is written.

    Attributes:
        write: gives the lines.
        kept: which operands are still read when the result has been written into: it must not take their memory.
        fresh: the lines give ``out`` a new array, instead of writing into it.
        quiet: the floating-point errors that are not reported.
        slow: whether an entry takes much longer than to read and write it.
    """

    write: Write
    kept: tuple[int, ...] = ()
    fresh: bool = False
    quiet: Errors = ()
    slow: bool = False


_FAST = frozenset({*OPERATORS.values(), np.sqrt, np.square, np.reciprocal, np.maximum, np.minimum, np.conjugate}) - {
    np.floor_divide,
    np.remainder,
}
_BY_PLACE = frozenset({np.fmax, np.fmin})


def entrywise(equation: Equation) -> np.ufunc | None:
    """The ufunc that an equation is a call of, if it may be cut anywhere."""
    ufunc = ufunc_of(equation)
    return None if ufunc is None or ufunc.signature is not None or ufunc in _BY_PLACE else ufunc


def kernel_of(equation: Equation) -> Kernel | None:
    """How an equation is written in a block; None if it cannot be."""
    if equation.params:
        return None
    ufunc = entrywise(equation)
    if ufunc is not None:
        return _SIMPLE if ufunc in _FAST else _SLOW
    find = _OTHERS.get(equation.primitive.name)
    return None if find is None else find(equation)


def _real(equation: Equation) -> bool:
    return equation.inputs[0].spec.dtype.kind == "f"


def prepared(value: Any, ufunc: np.ufunc, equation: Equation, position: int) -> Any:
    """A number as the array that the ufunc makes of it at every call; itself, where that is not known."""
    if isinstance(value, np.generic):
        return np.asarray(value)
    if type(value) not in (int, float, complex):
        return value
    kinds = [atom.spec.promoting for atom in equation.inputs]
    kinds = [np.dtype(np.bool_) if kind is bool else kind for kind in kinds]
    rest = [None] * ufunc.nout
    try:
        loop = ufunc.resolve_dtypes((*kinds, *rest))
        kinds[position] = loop[position]
        if loop[position].kind not in "fc" or ufunc.resolve_dtypes((*kinds, *rest)) != loop:
            return value
        made = np.asarray(value, loop[position])
    except (TypeError, OverflowError, ValueError):
        return value
    return made if np.isfinite(made) or value != value or value in (np.inf, -np.inf) else value


def _call(names: Names, equation: Equation, args: Sequence[str], out: str) -> list[str]:
    return [f"{names.ufunc(ufunc_of(equation))}({', '.join(args)}, out={out})"]


_SIMPLE, _SLOW = Kernel(_call), Kernel(_call, slow=True)


def _impl(names: Names, equation: Equation, args: Sequence[str], out: str) -> list[str]:
    name = equation.primitive.name.rpartition(".")[2]
    return [f"{out} = {names.of(name, equation.primitive.impl)}({', '.join(args)})"]


def _whole(slow: bool) -> Callable[[Equation], Kernel]:
    """As it stands, which makes a new array for each piece."""
    made = Kernel(_impl, fresh=True, slow=slow)
    return lambda equation: made


# `x ** y` takes short cuts by the value of a scalar y.
_SHORT_CUTS = {2.0: np.square, 0.5: np.sqrt, -1.0: np.reciprocal}


def _power(equation: Equation) -> Kernel | None:
    x, y = equation.inputs
    if not y.spec.shape and not y.spec.weak:
        return None  # before NumPy 2.2 they do so without a look at its dtype
    if y.spec.shape:
        return Kernel(lambda names, e, args, out: [f"{names.ufunc(np.power)}({', '.join(args)}, out={out})"], slow=True)
    if isinstance(y, Literal) and type(y.value) in (int, float) and x.spec.dtype.kind == "f" and x.spec.shape:
        ufunc = _SHORT_CUTS.get(float(y.value)) if abs(y.value) < 4 else None
        if ufunc is not None:
            return Kernel(lambda names, e, args, out: [f"{names.ufunc(ufunc)}({args[0]}, out={out})"])
    return Kernel(lambda names, e, args, out: [f"{out} = {args[0]} ** {args[1]}"], fresh=True, slow=True)


def _where(equation: Equation) -> Kernel | None:
    return Kernel(_impl, fresh=True) if equation.inputs[0].spec.dtype == bool else None


def _clip(equation: Equation) -> Kernel | None:
    if any(atom.spec.dtype.kind != "f" for atom in equation.inputs):
        return None  # bounds that an integer cannot have are left out
    name = equation.primitive.name

    def write(names: Names, e: Equation, args: Sequence[str], out: str) -> list[str]:
        if name == "clip":
            return [f"{names.of('clip', np.clip)}({', '.join(args)}, out={out})"]
        ufunc = np.maximum if name == "clip_low" else np.minimum
        return [f"{names.ufunc(ufunc)}({', '.join(args)}, out={out})"]

    return Kernel(write)


def _absorbing(*sides: int) -> Callable[[Equation], Kernel]:
    def write(names: Names, e: Equation, args: Sequence[str], out: str) -> list[str]:
        multiply, either = names.ufunc(np.multiply), names.ufunc(np.bitwise_or)
        zeros = [f"({args[side]} == 0)" for side in sides]
        zero = zeros[0] if len(zeros) == 1 else f"{either}({', '.join(zeros)})"
        nan = names.of("isnan", np.isnan)
        return [
            f"{multiply}({', '.join(args)}, out={out})",
            f"if {nan}({names.of('add_reduce', ADD_REDUCE)}({out}, None)):",
            f"    {names.of('copyto', np.copyto)}({out}, 0, where={zero} & {nan}({out}))",
        ]

    made = Kernel(write, kept=sides, quiet=QUIET)
    return lambda equation: made if equation.outputs[0].spec.dtype.kind in "fc" else None  # type: ignore[return-value]


def _steps(quiet: Sequence[str], *steps: tuple[Any, ...]) -> Callable[[Equation], Kernel | None]:
    """Ufuncs one after the other: ``(ufunc, operands…)``, of ``x``, of constants and of the result so far (None)."""

    def write(names: Names, e: Equation, args: Sequence[str], out: str) -> list[str]:
        dtype = e.outputs[0].spec.dtype
        lines = []
        for ufunc, *operands in steps:
            given = [
                out if o is None else args[0] if o == "x" else names.constant(np.asarray(o, dtype)) for o in operands
            ]
            lines.append(f"{names.ufunc(ufunc)}({', '.join(given)}, out={out})")
        return lines

    kept = (0,) if any("x" in operands for _, *operands in steps[1:]) else ()
    made = Kernel(write, kept=kept, quiet=tuple([(kind, "ignore") for kind in quiet]), slow=True)
    return lambda equation: made if _real(equation) else None


_OTHERS: dict[str, Callable[[Equation], Kernel | None]] = {
    "pow": _power,
    "where": _where,
    "clip": _clip,
    "clip_low": _clip,
    "clip_high": _clip,
    "absorbing_multiply": _absorbing(0),
    "absorbing_product": _absorbing(0, 1),
    "one_minus_square": _whole(False),
    "logistic": _whole(True),
    "logistic2": _whole(True),
    "scipy.special.logistic_slope": _whole(True),
    "arctan_slope": _steps(["over"], (np.multiply, "x", "x"), (np.add, 1.0, None), (np.divide, 1.0, None)),
    "sech_squared": _steps(["over"], (np.cosh, "x"), (np.divide, 1.0, None), (np.square, None)),
    "scipy.special.gaussian": _steps(["over", "under"], (np.square, "x"), (np.negative, None), (np.exp, None)),
}
