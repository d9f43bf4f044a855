"""Whole programs: well typed, random, over every primitive whose operands are known; small ones when they shrink."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, TypeAlias

import numpy as np
from hypothesis import strategies as st

from functrans import tree
from functrans.ir import Program
from functrans.primitives import REAL, Constant, Primitive, primitives
from functrans.testing.case import Case
from functrans.testing.compare import double
from functrans.testing.strategies.array import Layouts, layout_names
from functrans.testing.strategies.entries import Draw
from functrans.testing.strategies.operands import INEXACT, elementwise, has_operands, operands, registered, resolved
from functrans.testing.strategies.writer import ENDLESS, EXTRAS, WIRES, Writer, widened

Among: TypeAlias = "Collection[Primitive | str] | None"

# The simplest is nothing: it is by turning steps into nothing that programs shrink.
_KINDS = ("nothing", *("apply",) * 12, "again", "again", "input")
_SHAPES: tuple[Any, ...] = ((3,), (), (2, 3), "python", (0,))


class ProgramCase(Case):
    """A case of a program: what :func:`program_cases` gives.

    Attributes:
        program: the program.
    """

    __slots__ = ("program",)

    def __init__(
        self, program: Program, args: Sequence[Any], *, moving: Sequence[int] | None = None, seed: int = 0
    ) -> None:
        super().__init__(program, args, moving=moving, seed=seed)
        self.program = program

    def at(self, args: Sequence[Any], moving: Sequence[int] | None = None) -> Case:
        return ProgramCase(self.program, args, moving=self.moving if moving is None else moving, seed=self.seed)

    def widened(self) -> Case:
        """The same in double precision, the program's constants and conversions too."""
        args = double(self.args)
        return Case(widened(self.program, args), args, moving=self.moving, seed=self.seed, name=self.name)

    def __repr__(self) -> str:
        return f"{self.program}\n{super().__repr__()}"


def program_cases(
    max_equations: int = 30,
    *,
    primitives: Among = None,
    around: Among = None,
    differentiable: bool = False,
    edges: bool = False,
    layouts: Layouts = False,
) -> st.SearchStrategy[ProgramCase]:
    """Random programs, each with arguments at which it is finite and (as far as a look around tells) smooth.

    Each is a :class:`~functrans.testing.Case` with the ``program`` and its ``args``, as the laws take it.

    Args:
        max_equations: how many equations at most.
        primitives: only equations of these (primitives, or their names) occur; by default, of each whose operands are
            known: :func:`operands`.
        around: half of the steps are of these; one's own, say, among all others.
        differentiable: leave out what has no derivative, like comparisons.
        edges: literals and arguments are drawn at edges too: zeros of both signs, infinities, NaN, the huge; nothing
            is finite or smooth then.
        layouts: literals and arguments also lie otherwise in memory, as for :func:`operands`.

    Raises:
        LookupError: there is no such primitive, or it is not known which operands it takes.

    Example:
        >>> from hypothesis import given
        >>> from functrans.testing import laws, strategies as st
        >>> @given(st.program_cases(max_equations=4))
        ... def test_adjoint(case):
        ...     laws.forward_and_reverse_are_adjoint(case)
    """
    named, central = _resolved(primitives), _resolved(around) or []
    names = layout_names(layouts, edges=False)

    @st.composite
    def drawn(draw: st.DrawFn) -> ProgramCase:
        # Asked anew each time: one that was declared a moment ago takes part.
        among = known(differentiable) if named is None else named
        if central:
            among = [*central, *among, *central * (len(among) // len(central))]
        fewest = draw(st.sampled_from((1, 4, 8)))
        steps = draw(st.lists(_steps(among, edges, names), min_size=min(fewest, max_equations), max_size=max_equations))
        writer = Writer(max_equations, allowed=named, careful=not edges)
        for step in steps:
            writer.take(*step)
        outputs = draw(st.tuples(_FEW, st.lists(st.tuples(st.sampled_from(EXTRAS), _WHICH), max_size=3)))
        program, args = writer.finish(*outputs)
        return ProgramCase(program, args, seed=draw(st.integers(0, 99)))

    return drawn()


_WHICH = st.integers(0, 7)
_SEED = st.integers(0, 63)
_FEW = st.lists(_WHICH, max_size=2)


def _resolved(primitives: Among) -> list[Primitive] | None:
    if primitives is None:
        return None
    found = [resolved(primitive) for primitive in primitives]
    for primitive in found:
        operands(primitive)  # an error now, if they are not known
    return found


def known(differentiable: bool = False) -> list[Primitive]:
    """The primitives that programs are made of: those whose operands are known, the simplest of NumPy's first."""
    found = [p for p in primitives() if has_operands(p) and p.derivative is not None]
    if differentiable:
        found = [p for p in found if not isinstance(p.derivative, Constant)]
    return sorted(found, key=lambda p: (p.name.startswith("scipy."), not p.domain))


class _Sown(Draw):
    """Draws entries by one number for all: programs are large, and shrink by their equations."""

    __slots__ = ("seed",)

    def __init__(self, draw: st.DrawFn, edges: bool, seed: int, layouts: Sequence[str] = ()) -> None:
        super().__init__(draw, edges, layouts=layouts)
        self.seed = seed

    def inside(self) -> Draw:
        made = _Sown(self._draw, False, self.seed, self.layouts)
        made.dtype = self.dtype
        return made

    def _codes(self, size: int, largest: int) -> np.ndarray[Any, Any]:
        if not self.seed:
            return np.zeros(size, int)
        return np.random.default_rng(self.seed).integers(-largest, largest + 1, size)


@st.composite
def _steps(draw: st.DrawFn, among: list[Primitive], edges: bool, layouts: Sequence[str]) -> tuple[Any, ...]:
    """What a :class:`Writer` takes: an equation with its operands and where they come from, or something simpler."""
    kind = draw(st.sampled_from(_KINDS))
    if kind == "nothing":
        return (kind,)
    if kind == "again":
        return (kind, draw(_WHICH))
    if kind == "input":
        shape, dtype = draw(st.sampled_from(_SHAPES)), draw(st.sampled_from(INEXACT))
        source = _Sown(draw, edges, draw(_SEED), layouts)
        value = source(() if shape == "python" else shape, dtype=dtype)
        return (kind, value.item() if shape == "python" else source.laid_out(value))
    primitive = draw(st.sampled_from(among))
    at_edges = edges and not primitive.name.startswith(ENDLESS)
    recipe, source = registered(primitive), _Sown(draw, at_edges, draw(_SEED), layouts)
    with np.errstate(all="ignore"):
        args, params = elementwise(primitive, source) if recipe is None else recipe.recipe(source)
    args = [source.laid_out(arg) for arg in args]
    wires = [(draw(st.sampled_from(WIRES)), draw(_WHICH)) for _ in args]
    return (kind, primitive, args, params, wires)


def programs(
    max_equations: int = 30,
    *,
    primitives: Among = None,
    around: Among = None,
    differentiable: bool = False,
    edges: bool = False,
    layouts: Layouts = False,
) -> st.SearchStrategy[Program]:
    """Random well-typed programs over every primitive whose operands are known.

    With fan-out, dead code, shared subexpressions, several outputs, Python scalars among arrays, mixed dtypes. Their
    arguments: :func:`arguments`; or :func:`program_cases`, for both. They shrink to programs of few equations.

    Args and errors: as for :func:`program_cases`.

    Example:
        >>> import pickle
        >>> from hypothesis import given
        >>> from functrans.testing import strategies as st
        >>> @given(st.programs(max_equations=8))
        ... def test_my_pass(program):
        ...     assert pickle.loads(pickle.dumps(program)) == program
    """
    made = program_cases(
        max_equations,
        primitives=primitives,
        around=around,
        differentiable=differentiable,
        edges=edges,
        layouts=layouts,
    )

    @st.composite
    def drawn(draw: st.DrawFn) -> Program:
        return draw(made).program

    return drawn()


def arguments(program: Program, *, edges: bool = False, layouts: Layouts = False) -> st.SearchStrategy[tuple[Any, ...]]:
    """Arguments of a program: random numbers in the specs of its inputs, in the trees that it takes.

    What the program makes of them may be outside a domain, so infinite or NaN; see :func:`program_cases`.

    Args:
        program: any.
        edges: also zeros of both signs, ties, infinities, NaN, the tiny and the huge.
        layouts: also arrays that lie otherwise in memory, as for :func:`operands`.

    Example:
        >>> import numpy as np
        >>> from hypothesis import given
        >>> import functrans as ft
        >>> from functrans.testing import strategies as st
        >>> program = ft.trace(lambda x, y: x * y)(np.ones(3), 2.0)
        >>> @given(st.arguments(program))
        ... def test_commutes(args):
        ...     x, y = args
        ...     assert np.array_equal(ft.evaluate(program, x, y), y * x)
    """
    names = layout_names(layouts, edges=False)

    @st.composite
    def drawn(draw: st.DrawFn) -> tuple[Any, ...]:
        source = Draw(draw, edges, layouts=names)
        leaves = []
        for place, var in enumerate(program.inputs):
            value = source(var.spec.shape, REAL, place, var.spec.dtype)
            leaves.append(value.item() if var.spec.weak else source.laid_out(value))
        if program.in_tree is None:
            return tuple(leaves)
        given: tuple[Any, ...] = tree.unflatten(program.in_tree, leaves)
        return given

    return drawn()


__all__ = ["ProgramCase", "arguments", "program_cases", "programs"]
