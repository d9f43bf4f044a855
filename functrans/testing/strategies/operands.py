"""A primitive's operands: drawn where it is smooth, or anywhere, in every kind of shape and dtype.

Elementwise primitives (those that declare a ``domain``) get operands by themselves; for any other a recipe is
registered, as :mod:`functrans.testing.strategies.table` does for those of functrans.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from hypothesis import strategies as st

import functrans.ops  # noqa: F401  (declares the primitives)
from functrans.ir import Literal
from functrans.primitive import Primitive, lookup, primitives
from functrans.testing.case import Case
from functrans.testing.strategies.entries import Draw
from functrans.tracing.trace import trace

FLOATS = ("float64", "float32")
INEXACT = ("float64", "float32", "complex128", "complex64")
Operands: TypeAlias = tuple[list[Any], dict[str, Any]]
Recipe: TypeAlias = Callable[[Draw], Operands]

#: How operands and parameters of a primitive are drawn, by its name.
RECIPES: dict[str, Recipe] = {}
#: The operands to differentiate in, where that is not every one that has a rule.
MOVING: dict[str, tuple[int, ...]] = {}


def register(name: str, recipe: Recipe, moving: tuple[int, ...] | None = None) -> None:
    """Say how operands of a primitive are drawn.

    Args:
        name: the primitive's.
        recipe: takes a :class:`~functrans.testing.strategies.Draw`, gives the list of operands and the dictionary of
            parameters.
        moving: the operands to differentiate in, where that is not every one that has a rule.
    """
    RECIPES[name] = recipe
    if moving is not None:
        MOVING[name] = moving


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


def elementwise(primitive: Primitive, draw: Draw) -> Operands:
    """Operands of an elementwise primitive: broadcasting, empty, 0-d, Python scalars, every dtype."""
    count = len(primitive.domain)
    dtypes = draw.choice(supported_dtypes(primitive))
    shapes = draw.choice(_SHAPES.get(count) or [((2, 3),) * count])
    args = []
    for place, (dtype, shape, domain) in enumerate(zip(dtypes, shapes, primitive.domain, strict=True)):
        value = draw(() if shape == "python" else shape, domain, place, dtype)
        args.append(value.item() if shape == "python" else value)
    if type(args[0]) is complex and any(isinstance(arg, np.generic) for arg in args):
        # `1j * np.float64(2)` is Python's product and a Python number, that with a 0-d array is NumPy's: a spec,
        # which is the same for both, cannot foretell whether the result is weak.
        args[0] = np.complex128(args[0])
    return args, {}


# Other primitives.


def calls(name: str, *made: Any, dtypes: Sequence[str] = INEXACT, moving: tuple[int, ...] | None = None) -> None:
    """Register a primitive by calls of NumPy's functions that arrive at it.

    Each is ``(f, *operands)``; an operand is its shape, a function of the :class:`Draw`, or itself.
    """

    def recipe(draw: Draw) -> Operands:
        draw.dtype = draw.choice(dtypes)
        f, *operands = draw.choice(made)
        args = [
            draw(o, place=i) if isinstance(o, tuple) else (o(draw) if callable(o) else o)
            for i, o in enumerate(operands)
        ]
        return recorded(name, f, *args)

    register(name, recipe, moving)


def recorded(name: str, f: Callable[..., Any], *args: Any) -> Operands:
    """The operands and parameters with which a call of NumPy's arrives at a primitive."""
    program = trace(f)(*args)
    known: dict[Any, Any] = dict(zip(program.inputs, args, strict=True))
    for equation in program.equations:
        operands = [atom.value if isinstance(atom, Literal) else known[atom] for atom in equation.inputs]
        if equation.primitive.name == name:
            return operands, dict(equation.params)
        out = equation.primitive.impl(*operands, **equation.params)
        known.update(zip(equation.outputs, out if equation.primitive.multiple else (out,), strict=True))
    raise LookupError(f"no equation of {program} is a {name}")


def has_operands(primitive: Primitive) -> bool:
    """Whether :func:`operands` knows the primitive."""
    return bool(primitive.domain) or primitive.name in RECIPES


def operands(primitive: Primitive | str, *, edges: bool = False) -> st.SearchStrategy[Operands]:
    """Operands and parameters of a primitive, as ``(operands, params)``.

    Args:
        primitive: it, or its name.
        edges: also zeros of both signs, ties, the ends of the domain, infinities, NaN, the tiny and the huge.

    Raises:
        LookupError: it declares no ``domain`` and no recipe is registered.
    """
    chosen = lookup(primitive) if isinstance(primitive, str) else primitive
    if not has_operands(chosen):
        raise LookupError(
            f"it is not known which operands the primitive {chosen.name!r} takes: give it a `domain` if it is "
            "elementwise; else call `functrans.testing.strategies.register`, or say where with `at=`"
        )

    @st.composite
    def drawn(draw: st.DrawFn) -> Operands:
        source = Draw(draw, edges)
        with np.errstate(all="ignore"):
            return elementwise(chosen, source) if chosen.domain else RECIPES[chosen.name](source)

    return drawn()


def cases(primitive: Any, *, edges: bool = False) -> st.SearchStrategy[Case]:
    """A primitive with operands, as the laws take it; arguments as for :func:`operands`."""
    chosen = lookup(primitive) if isinstance(primitive, str) else primitive

    def make(made: Operands, seed: int) -> Case:
        return Case(chosen, *made, moving=MOVING.get(chosen.name), seed=seed)

    return st.builds(make, operands(chosen, edges=edges), st.integers(0, 99))


def known_primitives() -> st.SearchStrategy[Primitive]:
    """Every registered primitive whose operands can be drawn."""
    return st.sampled_from([p for p in primitives() if has_operands(p)])
