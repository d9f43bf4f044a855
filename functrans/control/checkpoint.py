"""``checkpoint``: reverse mode keeps what a function is given, and computes it a second time on the way back.

Source: Griewank and Walther, *Evaluating Derivatives*, 2nd ed. (2008), chapter 12; Chen et al., *Training deep nets
with sublinear memory cost* (2016).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from functrans import tree
from functrans.control import held
from functrans.control.closure import close, flat_program
from functrans.control.derived import (
    Flags,
    Linearized,
    chosen,
    linearized,
    specs_of,
    without_effects,
)
from functrans.errors import expect_function
from functrans.frames import boundary, hide
from functrans.function_types import P, T
from functrans.interpreter import run, runner
from functrans.ir import ArraySpec, Equation, Program, Var
from functrans.primitives import Joint, Primitive
from functrans.tracing.bind import bind
from functrans.tracing.trace import live_equations
from functrans.tracing.tracer import Tracer

#: Whether what an equation gives may be kept: the primitive, and the specs of its operands.
Policy: TypeAlias = Callable[..., bool]


_PRODUCTS = frozenset({"dot", "einsum", "inner", "matmul", "matvec", "tensordot", "vecdot", "vecmat"})


def nothing(primitive: Primitive, *specs: ArraySpec, **params: Any) -> bool:
    """Keep the arguments alone."""
    return False


def _everything(primitive: Primitive, *specs: ArraySpec, **params: Any) -> bool:
    return True


def _products(primitive: Primitive, *specs: ArraySpec, **params: Any) -> bool:
    return primitive.name in _PRODUCTS


POLICIES: dict[str, Policy] = {"nothing": nothing, "products": _products, "everything": _everything}


class Cut:
    """A program in reverse mode, without what is computed again.

    Attributes:
        forward: its inputs to its outputs, and what the policy keeps.
        backward: its inputs, what was kept, and cotangents of the outputs that move, to cotangents of inputs.
        moving, reached: which outputs move, which inputs get a cotangent.
    """

    __slots__ = ("backward", "forward", "moving", "reached")

    def __init__(self, program: Program, moving: Flags, policy: Policy) -> None:
        cut: Linearized = linearized(program, moving)
        self.moving, self.reached = cut.moving, cut.reached
        made = {var: equation for equation in cut.forward.equations for var in equation.outputs}
        count = len(program.outputs)
        kept: list[Var] = []
        for atom in cut.forward.outputs[count:]:
            equation = made.get(atom)  # type: ignore[arg-type]
            if (
                equation is not None
                and atom not in kept
                and policy(equation.primitive, *specs_of(equation.inputs), **equation.params)
            ):
                kept.append(atom)  # type: ignore[arg-type]
        outputs = [*cut.forward.outputs[:count], *kept]
        self.forward = Program(
            cut.forward.inputs, live_equations(cut.forward.equations, outputs), outputs, name=cut.forward.name
        )
        again = without_effects(_without(cut.forward, kept))

        def backward(*leaves: Any) -> list[Any]:
            values = leaves[: len(program.inputs)]
            residuals = iter(run(again, leaves[: len(program.inputs) + len(kept)])[count:])
            read = [next(residuals) if source is None else values[source] for source in cut.sources]
            return run(cut.linear, [*read, *leaves[len(program.inputs) + len(kept) :]])

        specs = [*specs_of(program.inputs), *specs_of(kept), *chosen(specs_of(program.outputs), cut.moving)]
        self.backward = flat_program(backward, specs, f"recompute_{program.name}")


def _without(program: Program, known: Sequence[Var]) -> Program:
    """The program with some of its values as further inputs, and without what made them."""
    inputs = [*program.inputs, *known]
    renamed: list[Equation] = []
    for equation in program.equations:
        if not all(var in known for var in equation.outputs):
            outputs = [Var(var.spec) if var in known else var for var in equation.outputs]
            renamed.append(equation.changed(outputs=outputs))
    return Program(inputs, live_equations(renamed, program.outputs), program.outputs, name=program.name)


def _cut(program: Program, moving: Flags, policy: Policy) -> Cut:
    key = ("checkpoint", moving, policy)
    known = program.derived.get(key)
    if known is None:
        known = program.derived.setdefault(key, Cut(program, moving, policy))
    return known  # type: ignore[no-any-return]


# The primitive.


def _impl(*operands: Any, program: Program, policy: Policy) -> Any:
    return tuple(runner(program)(*operands))


def _forward(primals: Sequence[Any], moving: Sequence[bool], *, program: Program, policy: Policy) -> Any:
    cut = _cut(program, tuple(moving), policy)
    outs = bind(checkpoint_p, *primals, program=cut.forward, policy=policy)
    count = len(program.outputs)
    return outs[:count], [*primals, *outs[count:]]


def _backward(
    kept: Sequence[Any], cts: Sequence[Any], moving: Sequence[bool], *, program: Program, policy: Policy
) -> list[Any]:
    cut = _cut(program, tuple(moving), policy)
    return held.pulled(checkpoint_p, cut.backward, kept, cts, specs_of(program.outputs), cut, policy=policy)


def _run(program: Program, operands: Sequence[Any], *, policy: Policy) -> list[Any]:
    return run(program, operands)


def _bound(*operands: Any, **params: Any) -> Any:
    return bind(checkpoint_p, *operands, **params)


checkpoint_p: Primitive = Primitive(
    "checkpoint",
    _impl,
    held.spec,
    Joint(held.jvp(_bound, _run), _forward, _backward, held.is_linear),
    source=held.source,
    multiple=True,
    batch=held.batch,
)


# What users call.


@boundary
def checkpoint(f: Callable[P, T], *, policy: str | Policy = "nothing") -> Callable[P, T]:
    """``f``, of which reverse mode keeps the arguments, and computes the rest again on the way back.

    The value and all derivatives are the same. The memory that a gradient needs for ``f`` shrinks to its arguments and
    results; the time grows by at most one more evaluation of ``f``. A chain of n steps cut into pieces of sqrt(n), each
    in a ``checkpoint``, needs memory for 2 sqrt(n) steps in place of n (:func:`functrans.scan` with ``checkpoint=``
    does that).

    ``f`` is traced when it is called, so it must not ask for the truth of its values.

    Args:
        f: function of arrays, or of trees of arrays.
        policy: which intermediate results are kept nonetheless: ``"nothing"``, ``"products"`` (of matrices, which cost
            most to compute again), ``"everything"`` (as without ``checkpoint``); or a function: ``policy(primitive,
            *specs, **params)`` says so of the equation that makes one, from the specs of its operands.

    Raises:
        ValueError: there is no policy of that name.
        TracedBoolError: (when called) ``f`` asks for the truth of a value.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> ft.grad(ft.checkpoint(lambda x: np.sin(np.sin(x))))(0.5)
        0.7786439483717796
    """
    expect_function(f, "checkpoint")
    if isinstance(policy, str):
        if policy not in POLICIES:
            raise ValueError(f"policy={policy!r}: there are {', '.join(map(repr, POLICIES))}, or give a function")
        policy = POLICIES[policy]

    @functools.wraps(f)
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        try:
            leaves, structure = tree.flatten((args, kwargs))
            # Numbers and other objects of Python's stay what they are.
            moving = [type(leaf) is Tracer or isinstance(leaf, np.ndarray | np.generic) for leaf in leaves]
            values = chosen(leaves, moving)

            def call(*given: Any) -> Any:
                rest = iter(given)
                every = [next(rest) if moves else leaf for leaf, moves in zip(leaves, moving, strict=True)]
                positional, named = tree.unflatten(structure, every)
                return f(*positional, **named)

            functools.update_wrapper(call, f)
            specs, in_tree = [ArraySpec.of(value) for value in values], tree.flatten(tuple(values))[1]
            closure = close(call, specs, in_tree, "checkpoint")
            outs = bind(checkpoint_p, *closure.consts, *values, program=closure.program, policy=policy)
            return tree.unflatten(closure.out_tree, outs)
        except Exception as error:
            hide(error)
            raise

    return checkpointed
