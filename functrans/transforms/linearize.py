"""``linearize``: the derivative at a point as a linear program; ``linear_transpose``: a linear function, transposed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, overload

import numpy as np

from functrans import tree
from functrans.errors import DerivativeError, ShapeError, describe_function, expect_function
from functrans.frames import boundary, hide
from functrans.function_types import A, P, Pullback, T
from functrans.interpreter import run
from functrans.ir import ArraySpec, Equation, Program, Var
from functrans.ops.duals import zeros
from functrans.primitives import Bilinear, Derivatives, Joint, Linear, Rules, used_parameters
from functrans.tracing.trace import stage, trace
from functrans.tracing.tracer import Tracer
from functrans.transforms.arguments import differentiable_leaves, dual, like_primal
from functrans.transforms.jvp import Pushed
from functrans.transforms.pullback import Linearization, owned
from functrans.transforms.vjp import named
from functrans.tree import Tree


class Pushforward:
    """The derivative of a function at a point: tangents of its arguments to the tangent of its value.

    Attributes:
        program: the linear :class:`~functrans.ir.Program` that it runs; what depended on the point alone is a constant
            in it.
    """

    __slots__ = ("__name__", "_structure", "program")

    def __init__(self, program: Program, structure: tree.TreeDef, name: str) -> None:
        self.program, self._structure = program, structure
        self.__name__ = name

    def __call__(self, *tangents: Tree) -> Tree:
        try:
            given = tree.flatten_up_to(self._structure, tangents, "the tangents")
            leaves = [
                dual(dx, var.spec.strong(), "the tangent") for dx, var in zip(given, self.program.inputs, strict=True)
            ]
            outs = run(self.program, leaves)
            taken = {id(dx) for dx in leaves}
            return tree.unflatten(self.program.out_tree or tree.LEAF, [owned(out, taken) for out in outs])
        except Exception as error:
            hide(error)
            raise

    def expect(self, primals: Tree, specs: Sequence[ArraySpec]) -> None:
        """Check that these are built like what was linearized at.

        Raises:
            TreeError, ShapeError: they are not.
        """
        tree.flatten_up_to(self._structure, primals, "what a pushforward is transposed at")
        for spec, var in zip(specs, self.program.inputs, strict=True):
            if spec != var.spec.strong():
                raise ShapeError(
                    f"`linear_transpose` of a pushforward at {spec}, but it belongs to {var.spec}",
                    "pass the arguments that `linearize` was called with.",
                )

    def __repr__(self) -> str:
        return f"<{self.__name__}: {self.program!r}>"

    def __str__(self) -> str:
        return str(self.program)


@overload
def linearize(f: Callable[P, T], *primals: Tree, has_aux: Literal[False] = False) -> tuple[T, Pushforward]: ...
@overload
def linearize(f: Callable[P, tuple[T, A]], *primals: Tree, has_aux: Literal[True]) -> tuple[T, Pushforward, A]: ...
@overload
def linearize(f: Callable[P, Any], *primals: Tree, has_aux: bool) -> Any: ...
@boundary
def linearize(f: Callable[..., Any], *primals: Tree, has_aux: bool = False) -> Any:
    """The value of ``f``, and its derivative at that point as a function that computes nothing twice.

    What depends on ``primals`` alone is computed now; the linear rest is recorded and can be run again and again,
    batched by ``vmap``, printed, transposed by :func:`linear_transpose`. Python's control flow follows the values.

    Args:
        f: pure function of arrays, or of trees of arrays.
        *primals: where to differentiate.
        has_aux: ``f`` returns a pair, whose second part is handed through.

    Returns:
        ``(out, pushforward)`` or ``(out, pushforward, aux)``. ``pushforward`` takes tangents, one for each of
        ``primals`` with its tree and shapes, and gives the tangent of ``out``; ``print(pushforward)`` shows it.

    Raises:
        FunctransError: what :func:`functrans.jvp` raises.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> y, pushforward = ft.linearize(np.sin, np.array([0.0, np.pi]))
        >>> pushforward(np.array([1.0, 1.0]))
        array([ 1., -1.])

    Source: Griewank and Walther, *Evaluating Derivatives*, 2nd ed. (2008), section 3.1; Radul et al., You only
    linearize once. POPL (2023).
    """
    expect_function(f, "linearize")
    leaves, structure = differentiable_leaves(tuple(primals), lambda: [str(i) for i in range(len(primals))], f)
    specs = [ArraySpec.of(leaf).strong() for leaf in leaves]
    kept: list[Pushed] = []

    def push(*tangents: Any) -> Any:
        directions = [like_primal(dx, leaf) for dx, leaf in zip(tangents, leaves, strict=True)]
        pushed = Pushed("linearize", f, leaves, structure, directions, has_aux)
        kept.append(pushed)
        made = [
            like_primal(zeros(ArraySpec.of(value)) if dx is None else dx, value)
            for dx, value in zip(pushed.tangents, pushed.values, strict=True)
        ]
        return tree.unflatten(pushed.out_tree, made)

    push.__name__ = f"push_{getattr(f, '__name__', 'f')}".replace("<", "").replace(">", "")
    names = [f"d{i}" for i in range(len(leaves))]
    program = stage(push, specs, tree.flatten(tuple(specs))[1], names, "linearize")
    pushed = kept[0]
    out = tree.unflatten(pushed.out_tree, pushed.values)
    pushforward = Pushforward(program, structure, push.__name__)
    return (out, pushforward, pushed.aux) if has_aux else (out, pushforward)


@boundary
def linear_transpose(f: Callable[P, Tree], *primals: Tree) -> Pullback:
    """The transpose of a linear function.

    Args:
        f: linear in all its arguments together.
        *primals: examples of its arguments, of which shapes and dtypes count; or :class:`~functrans.ir.ArraySpec`.

    Returns:
        A function from a cotangent, built like the output of ``f``, to a tuple of cotangents built like ``primals``:
        ``<f_T(w), v> == <w, f(v)>``, with ``<a, b> = sum(a * b)``, without conjugation.

    Raises:
        DerivativeError: ``f`` is not linear; the message says where.
        IntegerInputError: a primal is an integer array.
        TreeError, ShapeError: ``f`` was given by :func:`linearize`, at arguments built otherwise.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> ft.linear_transpose(np.cumsum, np.ones(3))(np.array([1.0, 0.0, 2.0]))
        (array([3., 2., 2.]),)
    """
    expect_function(f, "linear_transpose")
    return transposed(f, primals, checked=True)


def transposed(f: Callable[..., Tree], primals: Sequence[Tree], checked: bool) -> Callable[[Tree], tuple[Tree, ...]]:
    """:func:`linear_transpose`; if it is not ``checked``, zero at zero may come out as NaN, of infinite constants."""
    examples = tree.map(lambda leaf: zeros(leaf) if type(leaf) is ArraySpec else leaf, tuple(primals))
    leaves, structure = differentiable_leaves(examples, lambda: [str(i) for i in range(len(primals))], f)
    specs = [ArraySpec.of(leaf).strong() for leaf in leaves]
    if isinstance(f, Pushforward):
        f.expect(examples, specs)
    program = f.program if isinstance(f, Pushforward) else trace(f)(*tree.unflatten(structure, specs))
    expect_linear(program, f)
    origin = [zeros(spec) for spec in specs]
    line = Linearization(
        "linear_transpose",
        f,
        origin,
        structure,
        False,
        lambda *args: tree.unflatten(program.out_tree or tree.LEAF, run(program, tree.flatten(args)[0])),
    )
    outs = [ArraySpec.of(out) for out in line.outs]
    if checked and any(type(out) is not Tracer and np.any(out) for out in map(known_value, line.outs)):
        raise DerivativeError(
            f"`linear_transpose` of {describe_function(f)}, which is not linear: it does not give zero at zero",
            "leave out what is added; `functrans.linearize` gives the linear part of any function.",
        )

    def pull(cotangent: Tree) -> tuple[Tree, ...]:
        try:
            given = tree.flatten_up_to(line.out_tree, cotangent, "the cotangent")
            cts = [dual(ct, spec, "the cotangent") for ct, spec in zip(given, outs, strict=True)]
            return line.pull(cts)
        except Exception as error:
            hide(error)
            raise

    return named(pull, "linear_transpose", f)


#: Linear between their jumps alone: their derivatives are constant numbers.
_JUMPS = frozenset({"fmod", "modf", "nextafter", "remainder"})


def known_value(value: Any) -> Any:
    """What a value of outer traces stands for; a staged one itself."""
    while type(value) is Tracer and type(value.value) is not ArraySpec:
        value = value.value
    return value


def expect_linear(program: Program, f: Callable[..., Any]) -> None:
    """Check that each equation is linear in what depends on the inputs (up to something added).

    Raises:
        DerivativeError: one is not; it names the primitive and the user's line.
    """
    equation, _ = first_nonlinear(program, [True] * len(program.inputs))
    if equation is not None:
        raise DerivativeError(
            f"`linear_transpose` of {describe_function(f)}, which is not linear: `{equation.primitive.name}` is "
            "applied to what depends on its arguments",
            "`functrans.linearize(f, x)` gives the linear part at a point, which can be transposed.",
            equation.location or False,
        )


def first_nonlinear(program: Program, flags: Sequence[bool]) -> tuple[Equation | None, list[bool]]:
    """The first equation that is not linear in what depends on these inputs, if any; which outputs depend on them."""
    moving: set[Any] = {var for var, flag in zip(program.inputs, flags, strict=True) if flag}
    for equation in program.equations:
        traced = [i for i, atom in enumerate(equation.inputs) if isinstance(atom, Var) and atom in moving]
        if not traced or not equation.outputs:
            continue
        moving.update(equation.outputs)
        primitive = equation.primitive
        if isinstance(primitive.derivative, Joint):
            linear = primitive.derivative.linear
            given = [i in traced for i in range(len(equation.inputs))]
            if linear is None or not linear(given, **equation.params):
                return equation, []
        elif primitive.name in _JUMPS or not _is_linear(primitive.derivative, traced, len(equation.inputs)):
            return equation, []
    return None, [isinstance(atom, Var) and atom in moving for atom in program.outputs]


def _is_linear(derivative: Any, traced: list[int], count: int) -> bool:
    """Whether an operation is linear in these operands: its derivative in them does not read them."""
    first: int
    reads: list[Any]
    match derivative:
        case Linear():
            return all(derivative.is_linear_in(i) for i in traced)
        case Bilinear():
            return len(traced) == 1
        case Derivatives(locals=rules):
            first, reads = 1, list(rules)
        case Rules(jvp=rules):
            first, reads = 2, list(rules)
        case _:
            return False
    forbidden = {first - 1, *[i + first for i in traced]}
    return all(
        rule is not None
        and rule != 0
        and (not callable(rule) or forbidden.isdisjoint(used_parameters(rule, count + first)))
        for rule in [reads[i] for i in traced]
    )
