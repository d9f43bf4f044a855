"""Hypothesis strategies: a primitive's operands, drawn where it is smooth, in every kind of shape and dtype.

Elementwise primitives (those that declare a ``domain``) get operands by themselves; any other has an entry in
:data:`OPERANDS`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

import functrans as ft
from functrans.ir import ArraySpec, Literal
from functrans.primitive import REAL, Bilinear, Constant, Domain, Each, Linear, Primitive, Rules
from functrans.tracing.bind import bind

FLOATS = ("float64", "float32")
INEXACT = ("float64", "float32", "complex128", "complex64")
Operands = tuple[list[Any], dict[str, Any]]


class Case(NamedTuple):
    """A primitive with operands and parameters; ``moving`` are the operands that it is differentiated in."""

    primitive: Primitive
    args: tuple[Any, ...]
    params: dict[str, Any]
    moving: tuple[int, ...]

    @property
    def point(self) -> tuple[Any, ...]:
        return tuple(self.args[i] for i in self.moving)

    def f(self, *point: Any) -> Any:
        """The primitive as a function of the moving operands."""
        args = list(self.args)
        for i, x in zip(self.moving, point, strict=True):
            args[i] = x
        return bind(self.primitive, *args, **self.params)

    def everything(self, *args: Any) -> Any:
        """The primitive as a function of all operands."""
        return bind(self.primitive, *args, **self.params)

    def direction(self, seed: int) -> tuple[Any, ...]:
        """A tangent for the moving operands."""
        rng = np.random.default_rng([seed, 1])
        return tuple(noise(rng, x) for x in self.point)

    def weights(self, seed: int) -> Any:
        """A cotangent for the output."""
        rng = np.random.default_rng([seed, 2])
        with np.errstate(all="ignore"):
            out = self.f(*self.point)
        return tuple(noise(rng, o) for o in out) if self.primitive.multiple else noise(rng, out)


def noise(rng: np.random.Generator, like: Any) -> Any:
    """Numbers between -1 and 1 in the spec of a value; Python scalars for Python scalars, integers stay zero."""
    spec = ArraySpec.of(like)
    made = rng.uniform(-1.0, 1.0, spec.shape)
    if spec.dtype.kind == "c":
        made = made + 1j * rng.uniform(-1.0, 1.0, spec.shape)
    if spec.dtype.kind not in "fc":
        return np.zeros(spec.shape, spec.dtype)[()]
    if spec.weak:
        return complex(made) if spec.dtype.kind == "c" else float(made)
    return np.asarray(made, spec.dtype)[()]


def values(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any, domain: Domain = REAL, place: int = 0) -> Any:
    """Numbers inside the domain, off its ends, off the integers and halves, and off those of other places."""
    x = rng.integers(-12, 13, shape) * 0.25 + 0.1 + 0.03 * place
    low, high = domain
    if np.isfinite(low) and np.isfinite(high):
        x = (low + high) / 2 + (high - low) / 2 * 0.9 * x / (1.0 + np.abs(x))
    elif np.isfinite(low):
        x = low + 0.1 + np.abs(x)
    elif np.isfinite(high):
        x = high - 0.1 - np.abs(x)
    dtype = np.dtype(dtype)
    if dtype.kind == "c":  # in the upper half plane no function of NumPy's has a branch cut
        x = x + 1j * (0.1 + np.abs(rng.integers(-4, 5, shape) * 0.25 + 0.03 * place))
    if dtype.kind in "iu":
        x = rng.integers(1, 5, shape)
    return np.asarray(x).astype(dtype)[()]


# Elementwise primitives.

_SHAPES: dict[int, list[tuple[Any, ...]]] = {
    1: [((3,),), ((),), ((2, 3),), ((0,),), ((2, 0),), ("python",)],
    2: [
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((2, 1), (1, 3)),
        ((), ()),
        ((), (2, 2)),
        ((2, 2), "python"),
        ("python", (3,)),
        ("python", ()),
        ("python", "python"),
        ((2, 0), (1,)),
        ((1,), (0,)),
    ],
    3: [((3,), (3,), (3,)), ((2, 3), (3,), ()), ((), (2, 1), (1, 3)), ((2,), "python", "python"), ((0,), (), ())],
}
# Of complex numbers these are no functions, or other primitives, or Python refuses them.
_REAL_ONLY = {"absolute", "sign", "less", "less_equal", "greater", "greater_equal"}


@cache
def supported_dtypes(primitive: Primitive) -> tuple[tuple[str, ...], ...]:
    """The combinations of operands' dtypes that NumPy takes; integers alone only where it takes nothing else."""
    count = len(primitive.domain)
    inexact = FLOATS if primitive.name in _REAL_ONLY else INEXACT

    def accepted(dtypes: tuple[str, ...]) -> bool:
        try:
            with np.errstate(all="ignore"):
                primitive.impl(*[np.ones((), dtype)[()] for dtype in dtypes])
        except TypeError:
            return False
        return True

    pool = [*inexact, "int64"] if count > 1 else inexact
    found = [d for d in itertools.product(pool, repeat=count) if set(d) != {"int64"} and accepted(d)]
    return tuple(found or [d for d in [("int64",) * count, ("bool",) * count] if accepted(d)])


def elementwise_operands(primitive: Primitive) -> st.SearchStrategy[Operands]:
    """Operands of an elementwise primitive: broadcasting, empty, 0-d, Python scalars, every dtype."""

    def make(dtypes: Sequence[str], shapes: Sequence[Any], seed: int) -> Operands:
        rng = np.random.default_rng(seed)
        args = []
        for place, (dtype, shape, domain) in enumerate(zip(dtypes, shapes, primitive.domain, strict=True)):
            value = values(rng, () if shape == "python" else shape, dtype, domain, place)
            args.append(value.item() if shape == "python" else value)
        if type(args[0]) is complex and any(isinstance(arg, np.generic) for arg in args):
            # `1j * np.float64(2)` is Python's product and a Python number, that with a 0-d array is NumPy's: a spec,
            # which is the same for both, cannot foretell whether the result is weak.
            args[0] = np.complex128(args[0])
        return args, {}

    return st.builds(
        make,
        st.sampled_from(supported_dtypes(primitive)),
        st.sampled_from(_SHAPES.get(len(primitive.domain)) or [((2, 3),) * len(primitive.domain)]),
        st.integers(0, 2**16),
    )


# Other primitives: one strategy each.

OPERANDS: dict[str, st.SearchStrategy[Operands]] = {}
#: The operands to differentiate in, where that is not every one that has a rule.
MOVING: dict[str, tuple[int, ...]] = {}


def seeded(make: Callable[..., Operands], *choices: Sequence[Any], dtypes: Sequence[str] = INEXACT) -> Any:
    """A strategy from ``make(draw, *choices)``, where ``draw(shape, …)`` gives values of the drawn dtype."""

    def build(dtype: str, seed: int, *chosen: Any) -> Operands:
        rng = np.random.default_rng(seed)

        def draw(shape: tuple[int, ...], domain: Domain = REAL, place: int = 0, dtype: str = dtype) -> Any:
            return values(rng, shape, dtype, domain, place)

        return make(draw, *chosen)

    return st.builds(build, st.sampled_from(dtypes), st.integers(0, 2**16), *map(st.sampled_from, choices))


def recorded(name: str, f: Callable[..., Any], *args: Any) -> Operands:
    """The operands and parameters with which a call of NumPy's arrives at a primitive."""
    program = ft.trace(f)(*args)
    known: dict[Any, Any] = dict(zip(program.inputs, args, strict=True))
    for equation in program.equations:
        operands = [atom.value if isinstance(atom, Literal) else known[atom] for atom in equation.inputs]
        if equation.primitive.name == name:
            return operands, dict(equation.params)
        out = equation.primitive.impl(*operands, **equation.params)
        known.update(zip(equation.outputs, out if equation.primitive.multiple else (out,), strict=True))
    raise LookupError(f"no equation of {program} is a {name}")


def operands(primitive: Primitive) -> st.SearchStrategy[Operands]:
    """Operands and parameters of any primitive."""
    return elementwise_operands(primitive) if primitive.domain else OPERANDS[primitive.name]


def has_operands(primitive: Primitive) -> bool:
    """Whether :func:`operands` knows the primitive."""
    return bool(primitive.domain) or primitive.name in OPERANDS


def has_rule(primitive: Primitive, position: int) -> bool:
    """Whether the primitive is differentiable in an operand."""
    match primitive.derivative:
        case None | Constant():
            return False
        case Linear(transposes=rules) | Bilinear(transposes=rules) | Rules(jvp=rules):
            return isinstance(rules, Each) or (position < len(rules) and rules[position] is not None)
        case _:
            return True


@st.composite
def cases(draw: st.DrawFn, primitive: Primitive) -> Case:
    """A primitive with operands; it moves in those of an inexact dtype that have a rule."""
    args, params = draw(operands(primitive))
    moving = MOVING.get(primitive.name) or tuple(
        i for i, arg in enumerate(args) if has_rule(primitive, i) and ArraySpec.of(arg).dtype.kind in "fc"
    )
    return Case(primitive, tuple(args), params, moving)
