"""``cond`` and ``switch``: branches as one primitive, where it is not known yet which of them is taken.

A predicate that is known takes its branch at once, as Python's ``if`` does. One of a staged trace is written down with
all branches, of which one runs; one that differs between the examples of a batch runs all of them and selects.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from functrans import tree
from functrans.control.closure import Closure, close, common_dtype, flat_program
from functrans.control.derived import (
    Flags,
    Linearized,
    chosen,
    later,
    linearized,
    pushed,
    specs_of,
    split,
    spread_out,
)
from functrans.control.derived import batched as batched_program
from functrans.errors import ShapeError, TreeError, describe_function, expect_function
from functrans.frames import boundary, hide
from functrans.function_types import P, Q, T
from functrans.interpreter import run, runner
from functrans.ir import ArraySpec, Program
from functrans.ops.duals import zeros
from functrans.ops.scalars import strong, weak
from functrans.primitives import Joint, Primitive
from functrans.tracing.bind import bind
from functrans.tracing.refusal import staged_by
from functrans.tracing.tracer import Tracer
from functrans.transforms.linearize import first_nonlinear


def switch_branches(index, branches, operands):  # type: ignore[no-untyped-def]
    """Run the branch of this number, the nearest if there is none."""
    return tuple(branches[min(max(int(index), 0), len(branches) - 1)](*operands))


def _impl(index: Any, *operands: Any, branches: Sequence[Program]) -> Any:
    return switch_branches(index, [*map(runner, branches)], operands)


def _source(args: list[str], params: dict[str, Any]) -> str:
    return f"switch_branches({args[0]}, [{', '.join(params['branches'])}], [{', '.join(args[1:])}])"


def _spec(index: ArraySpec, *operands: ArraySpec, branches: Sequence[Program]) -> Any:
    return tuple(specs_of(branches[0].outputs))


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], *, branches: Sequence[Program]) -> Any:
    index, *values = primals
    moving = tuple([dx is not None for dx in tangents[1:]])
    if later(tangents, primals):
        outs, (_, sweeps, residuals) = _run_forward(_sweeps(branches, moving, True), primals, branches)
        found = bind(switch_p, index, *residuals, *chosen(tangents[1:], moving), branches=sweeps.linear)
        return outs, spread_out(found, sweeps.moving)
    apart = [pushed(branch, moving).moving for branch in branches]
    out_moving = tuple([any(flags) for flags in zip(*apart, strict=True)])
    outs = bind(
        switch_p,
        index,
        *values,
        *chosen(tangents[1:], moving),
        branches=tuple([pushed(branch, moving, out_moving).program for branch in branches]),
    )
    count = len(out_moving)
    return outs[:count], spread_out(outs[count:], out_moving)


class Sweeps:
    """The branches, cut in two: what computes the values, and what is linear in cotangents, or in tangents.

    Residuals of different branches share places, by their specs; a branch that does not fill one gives zeros.
    """

    __slots__ = ("forward", "inputs", "linear", "moving", "places", "reached")

    def __init__(self, branches: Sequence[Program], moving: Flags, forwards: bool) -> None:
        cuts = [linearized(branch, moving) for branch in branches]
        self.moving = tuple([any(flags) for flags in zip(*[cut.moving for cut in cuts], strict=True)])
        if forwards:
            cuts = [split(branch, moving, self.moving) for branch in branches]
        self.reached = tuple([any(flags) for flags in zip(*[cut.reached for cut in cuts], strict=True)])
        self.inputs = sorted({source for cut in cuts for source in cut.sources if source is not None})
        self.places: list[ArraySpec] = []
        filled = [self._fill(cut) for cut in cuts]
        self.forward = tuple(
            [self._forward(branch, cut, fills) for branch, cut, fills in zip(branches, cuts, filled, strict=True)]
        )
        linear = self._pushforward if forwards else self._pullback
        self.linear = tuple(
            [linear(branch, cut, fills) for branch, cut, fills in zip(branches, cuts, filled, strict=True)]
        )

    def _fill(self, cut: Linearized) -> list[int]:
        """The place of each residual that is no input; new ones are made as needed."""
        taken: list[int] = []
        for var, source in zip(cut.linear.inputs, cut.sources, strict=False):
            if source is None:
                wanted = var.spec.strong()
                free = [i for i, spec in enumerate(self.places) if spec == wanted and i not in taken]
                if not free:
                    self.places.append(wanted)
                taken.append(free[0] if free else len(self.places) - 1)
        return taken

    def _forward(self, branch: Program, cut: Linearized, fills: list[int]) -> Program:
        count = len(branch.outputs)

        def forward(*leaves: Any) -> list[Any]:
            outs = run(cut.forward, leaves)
            rest: list[Any] = [zeros(spec) for spec in self.places]
            for place, residual in zip(fills, outs[count:], strict=True):
                rest[place] = strong(residual)
            return [*outs[:count], *rest]

        return flat_program(forward, specs_of(branch.inputs), cut.forward.name)

    def _read(self, cut: Linearized, fills: list[int], leaves: Sequence[Any]) -> tuple[list[Any], Sequence[Any]]:
        """A branch's own residuals, and what follows them, from what all branches are given."""
        given = dict(zip(self.inputs, leaves, strict=False))
        residuals, rest = leaves[len(given) : len(given) + len(self.places)], leaves[len(given) + len(self.places) :]
        filled = iter(fills)
        read = [residuals[next(filled)] if source is None else given[source] for source in cut.sources]
        return [weak(x) if var.spec.weak else x for x, var in zip(read, cut.linear.inputs, strict=False)], rest

    def _pushforward(self, branch: Program, cut: Linearized, fills: list[int]) -> Program:
        def forward(*leaves: Any) -> list[Any]:
            residuals, tangents = self._read(cut, fills, leaves)
            return run(cut.linear, [*residuals, *tangents])

        given = [branch.inputs[source].spec for source in self.inputs]
        return flat_program(
            forward, [*given, *self.places, *specs_of(cut.linear.inputs[len(cut.sources) :])], cut.linear.name
        )

    def _pullback(self, branch: Program, cut: Linearized, fills: list[int]) -> Program:
        outs = chosen(specs_of(branch.outputs), self.moving)

        def backward(*leaves: Any) -> list[Any]:
            residuals, rest = self._read(cut, fills, leaves)
            cts = spread_out(rest, self.moving)
            found = iter(run(cut.linear, [*residuals, *chosen(cts, cut.moving)]))
            specs = specs_of(branch.inputs)
            return [
                next(found) if mine else zeros(spec)
                for mine, wanted, spec in zip(cut.reached, self.reached, specs, strict=True)
                if wanted
            ]

        given = [branch.inputs[source].spec for source in self.inputs]
        return flat_program(backward, [*given, *self.places, *outs], cut.linear.name)


def _sweeps(branches: Sequence[Program], moving: Flags, forwards: bool = False) -> Sweeps:
    known = branches[0].derived
    key = ("branches", moving, forwards, tuple(map(id, branches)))
    if key not in known:
        known[key] = (Sweeps(branches, moving, forwards), branches)
    return known[key][0]  # type: ignore[no-any-return]


def _forward(primals: Sequence[Any], moving: Flags, *, branches: Sequence[Program]) -> Any:
    return _run_forward(_sweeps(branches, moving[1:]), primals, branches)


def _run_forward(sweeps: Sweeps, primals: Sequence[Any], branches: Sequence[Program]) -> Any:
    """The outputs, and what the derivative will read."""
    index, *values = primals
    outs = bind(switch_p, index, *values, branches=sweeps.forward)
    count = len(branches[0].outputs)
    return outs[:count], (index, sweeps, [*[values[i] for i in sweeps.inputs], *outs[count:]])


def _backward(kept: Any, cts: Sequence[Any], moving: Flags, *, branches: Sequence[Program]) -> list[Any]:
    index, sweeps, residuals = kept
    specs = specs_of(branches[0].outputs)
    given = [
        zeros(spec) if ct is None else ct for ct, spec, moves in zip(cts, specs, sweeps.moving, strict=True) if moves
    ]
    found = bind(switch_p, index, *residuals, *given, branches=sweeps.linear)
    return [None, *spread_out(found, sweeps.reached)]


def _is_linear(moving: Sequence[bool], *, branches: Sequence[Program]) -> bool:
    return not moving[0] and all(first_nonlinear(branch, moving[1:])[0] is None for branch in branches)


def _batch(
    primitive: Primitive, operands: Sequence[Any], flags: Sequence[bool], size: int, params: Mapping[str, Any]
) -> Any:
    index, *values = operands
    branches = params["branches"]
    inputs = tuple(flags[1:])
    apart = [batched_program(branch, inputs, size).batched for branch in branches]
    everywhere = tuple([flags[0] or any(found) for found in zip(*apart, strict=True)])
    made = [batched_program(branch, inputs, size, everywhere).program for branch in branches]
    if not flags[0]:
        outs = bind(primitive, index, *values, branches=tuple(made))
    else:
        index = np.clip(index, 0, len(branches) - 1)
        with np.errstate(all="ignore"):  # what an example does not take may be nonsense there
            outs = run(made[-1], values)
            for number in range(len(branches) - 2, -1, -1):
                outs = [
                    np.where(np.reshape(index == number, (size, *[1] * (np.ndim(a) - 1))), a, b)
                    for a, b in zip(run(made[number], values), outs, strict=True)
                ]
    return tuple(
        out if flag else np.broadcast_to(out, (size, *np.shape(out)))
        for out, flag in zip(outs, everywhere, strict=True)
    )


switch_p: Primitive = Primitive(
    "switch",
    _impl,
    _spec,
    Joint(_jvp, _forward, _backward, _is_linear),
    source=_source,
    helpers={"switch_branches": switch_branches},
    multiple=True,
    batch=_batch,
)


# What users call.


def cond(pred: Any, true_fun: Callable[P, T], false_fun: Callable[Q, T], *operands: Any) -> T:
    """``true_fun(*operands)`` if ``pred`` holds, else ``false_fun(*operands)``.

    Where ``pred`` is known, the branch is called, as by Python's ``if``. In a staged trace both are traced, and one of
    them runs when the program does; where ``pred`` differs between the examples of a batch, both run, and each
    example takes the result of its own.

    Args:
        pred: one truth value.
        true_fun: a function of the operands.
        false_fun: another; its results have the same structure, shapes and dtypes.
        *operands: trees of arrays.

    Raises:
        TreeError, ShapeError: the branches do not return alike (found where both are traced); the message shows both.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> def f(x):
        ...     return ft.cond(x > 0, np.sqrt, np.negative, x)
        >>> ft.vmap(ft.grad(f))(np.array([4.0, -1.0]))
        array([ 0.25, -1.  ])
    """
    try:
        expect_function(true_fun, "cond")
        expect_function(false_fun, "cond")
        if np.ndim(pred):
            raise ShapeError(
                f"`cond` with a predicate that is {ArraySpec.of(pred)}, not one truth value",
                "use `np.where` to choose entry by entry, or `functrans.vmap` to choose for each example.",
            )
        if type(pred) is not Tracer or not staged_by(pred):
            taken: Callable[..., T] = true_fun if pred else false_fun
            return taken(*operands)
        index = strong(pred if pred.dtype.kind == "b" else np.not_equal(pred, 0))
        return _switched("cond", np.where(index, 0, 1), (true_fun, false_fun), operands)  # type: ignore[no-any-return]
    except Exception as error:
        hide(error)
        raise


@boundary
def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """``branches[index](*operands)``; an index beyond the ends takes the nearest.

    Args:
        index: one integer. As with :func:`cond`, it may be known, staged, or different from example to example.
        branches: functions of the operands, whose results are built alike.
        *operands: trees of arrays.

    Raises:
        TreeError, ShapeError: the branches do not return alike; the message shows both.
        TracedValueError: the index is not an integer.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> ft.grad(lambda x: ft.switch(1, [np.sin, np.exp, np.cos], x))(0.0)
        1.0
    """
    if not branches:
        raise ShapeError("`switch` between no branches", "give one function at least.")
    for branch in branches:
        expect_function(branch, "switch")
    spec = ArraySpec.of(index)
    if spec.shape or spec.dtype.kind not in "iub":
        raise ShapeError(f"`switch` with an index that is {spec}, not an integer", "round it: `index.astype(int)`.")
    if type(index) is not Tracer or not staged_by(index):
        number = index.value if type(index) is Tracer else index
        return branches[min(max(int(number), 0), len(branches) - 1)](*operands)
    return _switched("switch", strong(index), branches, operands)


def _switched(transform: str, index: Any, branches: Sequence[Callable[..., Any]], operands: Sequence[Any]) -> Any:
    leaves, in_tree = tree.flatten(tuple(operands))
    moving = [type(leaf) is Tracer or isinstance(leaf, np.ndarray | np.generic) for leaf in leaves]

    def taking(branch: Callable[..., Any]) -> Callable[..., Any]:
        """The branch, of arrays and traced values alone; Python's numbers stay what they are."""

        def called(*given: Any) -> Any:
            rest = iter(given)
            every = [next(rest) if moves else leaf for leaf, moves in zip(leaves, moving, strict=True)]
            return branch(*tree.unflatten(in_tree, every))

        return functools.update_wrapper(called, branch)

    values = chosen(leaves, moving)
    specs = [ArraySpec.of(value) for value in values]
    flat = tree.flatten(tuple(values))[1]
    closures = [close(taking(branch), specs, flat, transform) for branch in branches]
    consts: dict[int, Any] = {}
    for closure in closures:
        consts.update({id(value): value for value in closure.consts})
    order = list(consts)
    dtypes = _common_dtypes(closures)
    programs: list[Program] = []
    for closure, branch in zip(closures, branches, strict=True):
        places = [order.index(id(value)) for value in closure.consts]
        program = _with_all_consts(closure.program, places, list(consts.values()), specs, dtypes)
        _expect_alike(
            transform, branches[0], closures[0], branch, closure, programs[0] if programs else program, program
        )
        programs.append(program)
    outs = bind(switch_p, index, *consts.values(), *values, branches=tuple(programs))
    return tree.unflatten(closures[0].out_tree, outs)


def _common_dtypes(closures: Sequence[Closure]) -> list[Any]:
    """For each result the dtype of all branches, where some of them give a Python number; else None."""
    found: list[Any] = []
    for specs in zip(*[closure.outs for closure in closures], strict=False):
        dtype = common_dtype(specs)
        fits = all(spec.weak or spec.dtype == dtype for spec in specs)
        found.append(dtype if fits and any(spec.weak for spec in specs) else None)
    return found


def _with_all_consts(
    program: Program, places: Sequence[int], consts: Sequence[Any], specs: Sequence[ArraySpec], dtypes: Sequence[Any]
) -> Program:
    """A branch that takes what any of them closes over, and gives its results in these dtypes."""

    def branch(*leaves: Any) -> list[Any]:
        outs = run(program, [*[leaves[i] for i in places], *leaves[len(consts) :]])
        wanted = [*dtypes, *[None] * (len(outs) - len(dtypes))]
        return [
            out if dtype is None or out.dtype == dtype else out.astype(dtype)
            for out, dtype in zip(outs, wanted, strict=True)
        ]

    return flat_program(branch, [*map(ArraySpec.of, consts), *specs], program.name)


def _expect_alike(
    transform: str, first: Any, one: Closure, second: Any, other: Closure, before: Program, after: Program
) -> None:
    names = f"{describe_function(first)} and {describe_function(second)}"
    if one.out_tree != other.out_tree:
        raise TreeError(
            f"branches of `{transform}` return results of different structures: {names} return {one.out_tree} and "
            f"{other.out_tree}",
            "return trees that are built alike.",
        )
    specs = list(zip(specs_of(before.outputs), specs_of(after.outputs), strict=True))
    if any(a != b for a, b in specs):
        paths = [f"out{path}" for path in tree.paths(one.out_tree)]
        rows = [f"    {path}  {a!r}  {b!r}" for path, (a, b) in zip(paths, specs, strict=True) if a != b]
        raise ShapeError(
            f"branches of `{transform}` return different types: {names} return\n" + "\n".join(rows),
            "return each leaf in one shape and dtype from all branches: broadcast it, cast it with `.astype`.",
        )
