"""A case: something with a derivative, and where to look at it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from functrans import tree
from functrans.interpreter import evaluate
from functrans.ir.program import Program
from functrans.ir.source import number_source, param_source
from functrans.ir.spec import ArraySpec
from functrans.primitives import Bilinear, Constant, Each, Linear, Primitive, Rules
from functrans.testing.compare import double
from functrans.tracing.bind import bind

Subject: TypeAlias = Primitive | Program | Callable[..., Any]


class Case:
    """A function (a primitive with its parameters, a program), arguments, and which of them move.

    Integers and booleans, also those inside of an argument, are held fixed.

    Attributes:
        subject: the function, the primitive or the program.
        name: what reports call it.
        primitive: the primitive, where the case is of one.
        args: the arguments, each a tree of arrays and numbers.
        params: the primitive's parameters.
        moving: the positions of the arguments that it is differentiated in.
        seed: from which tangents and cotangents are drawn.

    Example:
        >>> import numpy as np
        >>> from functrans.testing import Case, laws
        >>> case = Case(np.multiply, (2.0, np.array([1.0, 3.0])))
        >>> laws.forward_and_reverse_are_adjoint(case)
        >>> case
        Case(np.multiply, (2.0, np.array([1.0, 3.0])))
    """

    __slots__ = ("_function", "_value", "args", "moving", "name", "params", "primitive", "seed", "subject")

    def __init__(
        self,
        subject: Subject,
        args: Sequence[Any],
        params: Mapping[str, Any] | None = None,
        *,
        moving: Sequence[int] | None = None,
        seed: int = 0,
        name: str | None = None,
    ) -> None:
        self.subject, self.args, self.params, self.seed = subject, tuple(args), dict(params or {}), seed
        self.primitive = subject if isinstance(subject, Primitive) else None
        self._function: Callable[..., Any]
        match subject:
            case Primitive():
                self._function = lambda *args: bind(subject, *args, **self.params)
            case Program():
                self._function = lambda *args: evaluate(subject, *args)
            case _:
                self._function = subject
        self.name = name or name_of(subject)
        self.moving = self._movable() if moving is None else tuple(moving)
        self._value: Any = None

    def _movable(self) -> tuple[int, ...]:
        primitive = self.primitive
        return tuple(
            i
            for i, arg in enumerate(self.args)
            if any(map(is_inexact, tree.flatten(arg)[0])) and (primitive is None or has_rule(primitive, i))
        )

    @property
    def point(self) -> tuple[Any, ...]:
        """The moving arguments; of one that holds integers too, the list of its inexact leaves."""
        return tuple(_inexact_part(self.args[i]) for i in self.moving)

    def f(self, *point: Any) -> Any:
        """The function of the moving arguments."""
        args = list(self.args)
        for i, x in zip(self.moving, point, strict=True):
            args[i] = _with_inexact_part(args[i], x)
        return self._function(*args)

    def everything(self, *args: Any) -> Any:
        """The function of all arguments."""
        return self._function(*args)

    def value(self) -> Any:
        """The function's value."""
        if self._value is None:
            with np.errstate(all="ignore"):
                self._value = self.everything(*self.args)
        return self._value

    def tangent(self, number: int = 0) -> tuple[Any, ...]:
        """A tangent for the moving arguments; another for each number."""
        rng = np.random.default_rng([self.seed + number, 1])
        return tuple(noise(rng, x) for x in self.point)

    def cotangent(self, number: int = 0) -> Any:
        """A cotangent for the value; another for each number."""
        return noise(np.random.default_rng([self.seed + number, 2]), self.value())

    def at(self, args: Sequence[Any], moving: Sequence[int] | None = None) -> Case:
        """The same at other arguments, or moving in others."""
        moving = self.moving if moving is None else moving
        return Case(self.subject, args, self.params, moving=moving, seed=self.seed, name=self.name)

    def widened(self) -> Case:
        """The same in double precision."""
        return self.at(double(self.args))

    def copied(self) -> Case:
        """The same with arrays of its own."""
        return self.at(tree.map(lambda leaf: leaf.copy(order="K") if type(leaf) is np.ndarray else leaf, self.args))

    def __repr__(self) -> str:
        parts = [_subject_source(self.subject), source_of(self.args)]
        if self.params:
            parts.append(source_of(self.params))
        if self.moving != self._movable():
            parts.append(f"moving={self.moving!r}")
        if self.seed:
            parts.append(f"seed={self.seed}")
        return f"Case({', '.join(parts)})"


def is_inexact(leaf: Any) -> bool:
    """Whether a leaf has a tangent."""
    return ArraySpec.of(leaf).dtype.kind in "fc"


def _inexact_part(arg: Any) -> Any:
    leaves = tree.flatten(arg)[0]
    found = [leaf for leaf in leaves if is_inexact(leaf)]
    return arg if len(found) in (0, len(leaves)) else found


def _with_inexact_part(arg: Any, part: Any) -> Any:
    leaves, structure = tree.flatten(arg)
    inexact = [is_inexact(leaf) for leaf in leaves]
    if all(inexact) or not any(inexact):
        return part
    moved = iter(part)
    return tree.unflatten(
        structure, [next(moved) if moves else leaf for leaf, moves in zip(leaves, inexact, strict=True)]
    )


def noise(rng: np.random.Generator, like: Any) -> Any:
    """Numbers between -1 and 1 in the specs of a tree; Python scalars for Python scalars, integers stay zero."""

    def draw(leaf: Any) -> Any:
        spec = ArraySpec.of(leaf)
        made = rng.uniform(-1.0, 1.0, spec.shape)
        if spec.dtype.kind == "c":
            made = made + 1j * rng.uniform(-1.0, 1.0, spec.shape)
        if spec.dtype.kind not in "fc":
            return np.zeros(spec.shape, spec.dtype)[()]
        if spec.weak:
            return complex(made) if spec.dtype.kind == "c" else float(made)
        return np.asarray(made, spec.dtype)[()]

    return tree.map(draw, like)


def has_rule(primitive: Primitive, position: int) -> bool:
    """Whether the primitive is differentiable in an operand."""
    match primitive.derivative:
        case None | Constant():
            return False
        case Linear(transposes=rules) | Bilinear(transposes=rules) | Rules(jvp=rules):
            return isinstance(rules, Each) or (position < len(rules) and rules[position] is not None)
        case _:
            return True


# As source, which can be pasted where `import numpy as np` and `from functrans.primitives import lookup` stand.

_SHOWN = 200  # arrays with more entries are abbreviated


def name_of(subject: Subject) -> str:
    """What to call a function: its name, ``f`` when it has none."""
    if isinstance(subject, Primitive | Program):
        return subject.name
    name = getattr(subject, "__name__", "f")
    return name if name.isidentifier() else "f"


def _subject_source(subject: Subject) -> str:
    if isinstance(subject, Primitive):
        return f"lookup({subject.name!r})"
    name = name_of(subject)
    for prefix, module in (("np", np), ("np.linalg", np.linalg)):
        if getattr(module, name, None) is subject:
            return f"{prefix}.{name}"
    return name


def source_of(value: Any) -> str:
    """A tree of arrays and numbers as Python source; large arrays are abbreviated."""
    match value:
        case np.ndarray() | np.generic():
            return _array_source(value)
        case tuple() if type(value) is tuple:
            return f"({', '.join(map(source_of, value))}{',' if len(value) == 1 else ''})"
        case list() if type(value) is list:
            return f"[{', '.join(map(source_of, value))}]"
        case dict() if type(value) is dict:
            return f"{{{', '.join(f'{key!r}: {source_of(entry)}' for key, entry in value.items())}}}"
        case np.dtype():
            return f"np.{value!r}"
        case float() | complex():
            return _number_source(value)
        case _:
            return repr(value)


def _number_source(x: Any) -> str:
    """A Python or NumPy number as a Python number's source, no longer than its precision needs."""
    if isinstance(x, complex | np.complexfloating):
        if not np.isfinite(x) or np.signbit(x.real) or np.signbit(x.imag):
            return f"complex({_number_source(x.real)}, {_number_source(x.imag)})"
        return str(x).strip("()")
    return str(x) if np.isfinite(x) else number_source(float(x))


def _array_source(value: Any) -> str:
    dtype = param_source(value.dtype)
    if isinstance(value, np.generic):
        return f"{dtype}({_number_source(value)})"
    if not value.size:
        return f"np.zeros({value.shape!r}, {dtype})"
    if value.size > _SHOWN:
        with np.printoptions(threshold=_SHOWN, edgeitems=2):
            return " ".join(f"np.{value!r}".split())

    def rows(part: Any) -> str:
        return f"[{', '.join(map(rows, part))}]" if part.ndim else _number_source(part[()])

    told = value.dtype in (np.float64, np.complex128, np.int64, np.bool_)
    return f"np.array({rows(value)}{'' if told else f', {dtype}'})"
