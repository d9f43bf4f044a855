"""A primitive's operands: drawn where it is smooth, or anywhere, in every kind of shape and dtype.

Elementwise primitives (those that declare a ``domain``) get operands by themselves; for any other a recipe is
registered, as :mod:`functrans.testing.strategies.table` does for those of functrans.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from hypothesis import strategies as st

import functrans.ops  # noqa: F401  (declares the primitives)
from functrans.ir import Literal
from functrans.primitives import Constant, Primitive, lookup, primitives
from functrans.testing.case import Case
from functrans.testing.strategies.array import Layouts, layout_names
from functrans.testing.strategies.entries import Draw
from functrans.tracing.trace import trace

FLOATS = ("float64", "float32")
INEXACT = ("float64", "float32", "complex128", "complex64")
Operands: TypeAlias = tuple[list[Any], dict[str, Any]]
Recipe: TypeAlias = Callable[[Draw], Operands]


class Registered(NamedTuple):
    """A recipe, and the primitive that it is for: another one that gets the name later is not meant."""

    primitive: Primitive
    recipe: Recipe
    moving: tuple[int, ...] | None


#: How operands and parameters of primitives are drawn, by their names.
RECIPES: dict[str, Registered] = {}


def register(primitive: Primitive | str, recipe: Recipe, moving: Sequence[int] | None = None) -> None:
    """Say how operands of a primitive are drawn, from now on.

    An elementwise primitive that declares its ``domain`` needs no recipe; one that is registered goes before. When the
    primitive is forgotten (:func:`functrans.primitives.forget`), so is its recipe.

    Args:
        primitive: it, or its name.
        recipe: takes a :class:`~functrans.testing.strategies.Draw`, gives the list of operands and the dictionary of
            parameters.
        moving: the operands to differentiate in, where that is not every one that has a rule.

    Raises:
        LookupError: there is no such primitive.

    Example:
        >>> import numpy as np
        >>> from functrans.primitives import Linear, Primitive, forget
        >>> from functrans.testing import assert_laws, strategies as st
        >>> twice = Primitive("twice", lambda x: x + x, lambda x: x, Linear((lambda ct, x: ct + ct,)), source=lambda
        ...     args, params: f"{args[0]} + {args[0]}")
        >>> st.register(twice, lambda draw: ([draw(draw.choice([(3,), (), (2, 0)]))], {}))
        >>> assert_laws(twice, max_examples=3)
        >>> forget(twice)
    """
    chosen = resolved(primitive)
    RECIPES[chosen.name] = Registered(chosen, recipe, None if moving is None else tuple(moving))


def registered(primitive: Primitive) -> Registered | None:
    """The recipe of a primitive, if it has one."""
    home, _, name = primitive.name.rpartition(".")
    if home.startswith("scipy.") and name:
        _load_recipes(home)
    found = RECIPES.get(primitive.name)
    if found is not None and found.primitive is not primitive:  # that was forgotten
        del RECIPES[primitive.name]
        return None
    return found


@cache
def _load_recipes(home: str) -> None:
    """Load those for the functions of a module of SciPy's, which may not be installed."""
    if find_spec(f"functrans.testing.strategies.{home}"):
        import_module(f"functrans.testing.strategies.{home}")


def resolved(primitive: Primitive | str) -> Primitive:
    """A primitive, given itself or its name.

    Raises:
        LookupError: there is none of this name; the message says which are alike.
        TypeError: it is no primitive, but a function, say.
    """
    if isinstance(primitive, Primitive):
        return primitive
    if not isinstance(primitive, str):
        name = getattr(primitive, "__name__", "")
        alike = (
            f", for example `lookup({name!r})` (functrans.primitives)" if name in {p.name for p in primitives()} else ""
        )
        raise TypeError(f"expected a primitive or its name{alike}; got {primitive!r}")
    try:
        return lookup(primitive)
    except KeyError:
        alike = " or ".join(map(repr, get_close_matches(primitive, [p.name for p in primitives()])))
        raise LookupError(
            f"there is no primitive named {primitive!r}" + (f"; did you mean {alike}?" if alike else "")
        ) from None


# Elementwise primitives.

_SHAPES: dict[int, list[tuple[Any, ...]]] = {
    1: [((3,),), ((),), ((2, 3),), ((0,),), ((2, 0),), ("python",)],
    2: [
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((2, 1), (1, 3)),
        ((), ()),
        ((), (2, 2)),
        ((2, 2), (2, 2)),
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
    if draw.edges and "python" in shapes:
        try:
            out = primitive.impl(*args)
            alike = type(out) is not int or abs(out) < 2**63
        except (ArithmeticError, ValueError, MemoryError):
            alike = False
        if not alike:  # Python refuses what NumPy does not (`1.0 / 0.0`, `1 << -1`), and its integers have no end
            args = [np.asarray(arg)[()] for arg in args]
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
    return bool(primitive.domain) or registered(primitive) is not None


def operands(
    primitive: Primitive | str, *, edges: bool = False, layouts: Layouts = False
) -> st.SearchStrategy[Operands]:
    """Operands and parameters of a primitive, as ``(operands, params)``.

    Args:
        primitive: it, or its name.
        edges: also zeros of both signs, ties, the ends of the domain, infinities, NaN, the tiny and the huge.
        layouts: also operands in Fortran's order, strided, read-only, …, as for
            :func:`functrans.testing.strategies.arrays`.

    Raises:
        LookupError: there is no such primitive; or it declares no ``domain`` and no recipe is registered.

    Example:
        >>> from hypothesis import find
        >>> from functrans.testing import strategies as st
        >>> find(st.operands("reshape"), lambda made: made[0][0].size > 4)
        ([array([[0.05 , 0.117, 0.184],
               [0.101, 0.168, 0.085]])], {'shape': (3, 2)})
    """
    chosen = resolved(primitive)
    known = registered(chosen)
    if known is None and not chosen.domain:
        raise LookupError(
            f"it is not known which operands the primitive {chosen.name!r} takes: give it a `domain` if it is "
            "elementwise; else call `functrans.testing.strategies.register`, or say where with `at=`"
        )
    names = layout_names(layouts, edges=False)

    @st.composite
    def drawn(draw: st.DrawFn) -> Operands:
        source = Draw(draw, edges, layouts=names)
        with np.errstate(all="ignore"):
            made = elementwise(chosen, source) if known is None else known.recipe(source)
        try:
            args, params = made
            return [source.laid_out(arg) for arg in args] if names else list(args), dict(params)
        except (TypeError, ValueError):
            raise TypeError(
                f"the recipe of {chosen.name!r} gave {made!r}, not `(operands, params)`: a list and a dictionary"
            ) from None

    return drawn()


def cases(primitive: Any, *, edges: bool = False, layouts: Layouts = False) -> st.SearchStrategy[Case]:
    """A primitive with operands, as the laws take it; arguments as for :func:`operands`.

    Example:
        >>> from hypothesis import given
        >>> from functrans.testing import laws
        >>> from functrans.testing import strategies as st
        >>> @given(st.cases("tanh"))
        ... def test(case):
        ...     laws.jvp_is_the_numerical_derivative(case)
    """
    chosen = resolved(primitive)
    known = registered(chosen)

    def make(made: Operands, seed: int) -> Case:
        return Case(chosen, *made, moving=known and known.moving, seed=seed)

    return st.builds(make, operands(chosen, edges=edges, layouts=layouts), st.integers(0, 99))


def known_primitives(
    *, differentiable: bool | None = None, elementwise: bool | None = None, kind: type | tuple[type, ...] = object
) -> st.SearchStrategy[Primitive]:
    """Every registered primitive whose operands can be drawn.

    Args:
        differentiable: only those that have a derivative other than zero (``True``), or those that have none.
        elementwise: only those that declare a ``domain`` for each operand, or only the others.
        kind: the kind of derivative, or several: classes of :mod:`functrans.primitives`.

    Raises:
        LookupError: no primitive is like that.

    Example:
        >>> from hypothesis import find
        >>> from functrans.primitives import Bilinear
        >>> from functrans.testing import strategies as st
        >>> find(st.primitives(kind=Bilinear, elementwise=False), lambda p: p.name.startswith("m"))
        <primitive matmul>
    """

    def wanted(primitive: Primitive) -> bool:
        moves = not (primitive.derivative is None or isinstance(primitive.derivative, Constant))
        return (
            has_operands(primitive)
            and differentiable in (None, moves)
            and elementwise in (None, bool(primitive.domain))
            and isinstance(primitive.derivative, kind)
        )

    found = [primitive for primitive in primitives() if wanted(primitive)]
    if not found:
        raise LookupError(f"no primitive has {differentiable=}, {elementwise=}, {kind=} and operands that are known")
    return st.sampled_from(found)
