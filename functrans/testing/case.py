"""A case: something with a derivative, and where to look at it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from functrans import tree
from functrans.ir.spec import ArraySpec
from functrans.primitive import Bilinear, Constant, Each, Linear, Primitive, Rules
from functrans.testing.compare import double
from functrans.tracing.bind import bind


class Case:
    """A function (or a primitive with its parameters), arguments, and which of them move.

    Attributes:
        name: what reports call the function.
        primitive: the primitive, where the case is of one.
        args: the arguments, each a tree of arrays and numbers.
        params: the primitive's parameters.
        moving: the positions of the arguments that it is differentiated in.
        seed: from which tangents and cotangents are drawn.

    Example:
        >>> import numpy as np
        >>> from functrans.testing import Case, laws
        >>> laws.forward_and_reverse_are_adjoint(Case(np.multiply, (2.0, np.array([1.0, 3.0]))))
    """

    __slots__ = ("_function", "_value", "args", "moving", "name", "params", "primitive", "seed")

    def __init__(
        self,
        subject: Primitive | Callable[..., Any],
        args: Sequence[Any],
        params: Mapping[str, Any] | None = None,
        *,
        moving: Sequence[int] | None = None,
        seed: int = 0,
        name: str | None = None,
    ) -> None:
        self.args, self.params, self.seed = tuple(args), dict(params or {}), seed
        if isinstance(subject, Primitive):
            primitive: Primitive = subject
            self.primitive: Primitive | None = primitive
            self._function: Callable[..., Any] = lambda *args: bind(primitive, *args, **self.params)
            label = primitive.name
        else:
            self.primitive, self._function = None, subject
            label = getattr(subject, "__name__", "f")
        self.name = name or label
        self.moving = tuple([i for i, arg in enumerate(self.args) if self._moves(i, arg)] if moving is None else moving)
        self._value: Any = None

    def _moves(self, position: int, arg: Any) -> bool:
        leaves = tree.flatten(arg)[0]
        inexact = bool(leaves) and all(ArraySpec.of(leaf).dtype.kind in "fc" for leaf in leaves)
        return inexact and (self.primitive is None or has_rule(self.primitive, position))

    @property
    def point(self) -> tuple[Any, ...]:
        """The moving arguments."""
        return tuple(self.args[i] for i in self.moving)

    def f(self, *point: Any) -> Any:
        """The function of the moving arguments."""
        args = list(self.args)
        for i, x in zip(self.moving, point, strict=True):
            args[i] = x
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

    def widened(self) -> Case:
        """The same in double precision."""
        return Case(
            self.primitive or self._function,
            double(self.args),
            self.params,
            moving=self.moving,
            seed=self.seed,
            name=self.name,
        )

    def __repr__(self) -> str:
        with np.printoptions(threshold=100, floatmode="unique"):
            args = [*map(repr, self.args), *[f"{name}={value!r}" for name, value in self.params.items()]]
        return f"{self.name}({', '.join(args)}), moving in {list(self.moving)}, seed {self.seed}"


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
