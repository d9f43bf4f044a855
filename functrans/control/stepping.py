"""How a call of ``scan`` becomes the primitive: the body traced, its carry checked; or a plain loop."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans import tree
from functrans.control.closure import Closure, close, common_dtype
from functrans.control.derived import specs_of
from functrans.errors import (
    ShapeError,
    TracedBoolError,
    TracedValueError,
    TreeError,
    describe_function,
    expect_function,
)
from functrans.ir import ArraySpec, Program
from functrans.ops.scalars import strong
from functrans.tracing.bind import bind
from functrans.tracing.refusal import staged_by
from functrans.tracing.tracer import Tracer


def scanned(
    f: Callable[..., Any],
    init: Any,
    xs: Any,
    length: int | None,
    reverse: bool,
    unroll: int | bool,
    checkpoint: int | bool,
) -> Any:
    """What :func:`functrans.scan` gives."""
    from functrans.control.scan import scan_p

    expect_function(f, "scan")
    rows, rows_tree = tree.flatten(xs)
    length = steps(rows, rows_tree, length)
    if checkpoint is not False and length > 1:
        size = math.isqrt(length - 1) + 1 if checkpoint is True else checkpoint
        return in_pieces(f, init, tree.unflatten(rows_tree, rows), length, reverse, size)
    leaves, carry_tree = tree.flatten(init)
    if unroll is True and length:
        return looped(f, init, rows, rows_tree, length, reverse)
    try:
        body, leaves = traced_body(f, leaves, carry_tree, rows, rows_tree)
    except (TracedBoolError, TracedValueError):
        if any(type(x) is Tracer and staged_by(x) for x in (*leaves, *rows)) or not length:
            raise
        return looped(f, init, rows, rows_tree, length, reverse)
    outs = bind(
        scan_p,
        *body.consts,
        *leaves,
        *rows,
        program=body.program,
        consts=len(body.consts),
        carries=len(leaves),
        length=length,
        reverse=reverse,
    )
    of_ys = body.out_tree.children[1]
    return tree.unflatten(carry_tree, outs[: len(leaves)]), tree.unflatten(of_ys, outs[len(leaves) :])


def in_pieces(f: Callable[..., Any], init: Any, xs: Any, length: int, reverse: bool, size: int) -> Any:
    """A scan over pieces of so many steps, each of which is computed again on the way back; then what is left over."""
    from functrans.control.checkpoint import checkpoint
    from functrans.control.scan import scan

    if not isinstance(size, int | np.integer) or size < 1:
        raise ShapeError(f"`scan` with checkpoint={size}", "give a number of steps, or True.")
    count = length // size
    rest = length - count * size
    first, whole = (slice(rest), slice(rest, None)) if reverse else (slice(count * size, None), slice(count * size))

    def piece(carry: Any, xs: Any) -> Any:
        return scan(f, carry, xs, size, reverse=reverse)

    pieces = tree.map(lambda x: np.reshape(x[whole], (count, size, *np.shape(x)[1:])), xs)
    carry, ys = scan(checkpoint(piece), init, pieces, count, reverse=reverse)
    ys = tree.map(lambda y: np.reshape(y, (count * size, *np.shape(y)[2:])), ys)
    if not rest:
        return carry, ys
    carry, more = scan(f, carry, tree.map(lambda x: x[first], xs), rest, reverse=reverse)
    order = (lambda a, b: [b, a]) if reverse else (lambda a, b: [a, b])
    return carry, tree.map(lambda a, b: np.concatenate(order(a, b)), ys, more)


def steps(rows: Sequence[Any], rows_tree: tree.TreeDef, length: int | None) -> int:
    """The number of steps.

    Raises:
        ShapeError: the arrays do not agree on it, or nothing tells.
    """
    lengths: dict[str, int] = {}
    for path, row in zip(tree.paths(rows_tree), rows, strict=True):
        if not np.ndim(row):
            raise ShapeError(
                f"`scan` over xs{path}, which is {ArraySpec.of(row)}: it has no axis to step along",
                "give arrays with the steps along the first axis; the body may close over what is the same for all.",
            )
        lengths[f"xs{path}"] = np.shape(row)[0]
    if length is not None:
        lengths["length="] = counted(length)
    if not lengths:
        raise ShapeError("`scan` without `xs` and without `length`", "say how many steps there are: `length=10`.")
    if len(set(lengths.values())) > 1:
        given = ", ".join(f"{name} {n}" for name, n in lengths.items())
        raise ShapeError(f"`scan` over different numbers of steps: {given}", "they must be the same.")
    return next(iter(lengths.values()))


def counted(length: Any) -> int:
    """A number of steps.

    Raises:
        ShapeError: it is none.
    """
    number = length if type(length) is Tracer else getattr(length, "item", lambda: length)()
    try:
        count = operator.index(number)
    except TypeError:
        count = -1
    if count < 0:
        raise ShapeError(f"`scan` with length={length!r}", "give a number of steps: an integer, 0 or more.")
    return count


def traced_body(
    f: Callable[..., Any], leaves: Sequence[Any], carry_tree: tree.TreeDef, rows: Sequence[Any], rows_tree: tree.TreeDef
) -> tuple[Closure, list[Any]]:
    """The body as a program, and the carry in the dtypes that it keeps."""
    in_tree = tree.flatten((tree.unflatten(carry_tree, leaves), tree.unflatten(rows_tree, rows)))[1]
    of_rows = [ArraySpec(np.shape(row)[1:], ArraySpec.of(row).dtype) for row in rows]

    def trace(specs: Sequence[ArraySpec]) -> Closure:
        body = close(f, [*specs, *of_rows], in_tree, "scan")
        expect_pair(body, carry_tree, f)
        return body

    return steady(f, "scan", carry_tree, leaves, trace)


def steady(
    f: Callable[..., Any],
    transform: str,
    carry_tree: tree.TreeDef,
    leaves: Sequence[Any],
    trace: Callable[[Sequence[ArraySpec]], Closure],
) -> tuple[Closure, list[Any]]:
    """The body of a loop, traced with a carry of specs that it keeps, and the leaves of the first carry in these.

    A Python number in it takes the dtype that the body makes of it, as it would in Python's loop.

    Raises:
        ShapeError: a leaf changes its shape or dtype.
    """
    given = [ArraySpec.of(leaf) for leaf in leaves]
    strongly = [spec.strong() for spec in given]
    specs = strongly
    body = trace(specs)
    if any(spec.weak for spec in given) and not (_keeps(specs, body) and wide(body.program)):
        specs = given  # what the first step sees
        body = trace(specs)
    while not _keeps(specs, body):
        merged = [
            _merged(a, b) if spec.weak else a for a, b, spec in zip(specs, body.outs[: len(specs)], given, strict=True)
        ]
        if merged == specs:
            raise ShapeError(
                *mismatch(f, transform, carry_tree, strongly, specs_of(body.program.outputs[: len(specs)]))
            )
        specs = merged
        body = trace(specs)
    if any(spec.weak for spec in specs):
        return steady(f, transform, carry_tree, [_as(x, s) for x, s in zip(leaves, specs, strict=True)], trace)
    return body, [_as(leaf, spec) for leaf, spec in zip(leaves, specs, strict=True)]


def _keeps(specs: Sequence[ArraySpec], body: Closure) -> bool:
    """Whether a body gives a carry like the one that it was given; what stays a number may be one."""
    return all(
        a.shape == b.shape and a.dtype == b.dtype and (b.weak or not a.weak)
        for a, b in zip(specs, body.outs, strict=False)
    )


def _merged(a: ArraySpec, b: ArraySpec) -> ArraySpec:
    return a if a.shape != b.shape else ArraySpec(a.shape, common_dtype([a, b]), a.weak and b.weak)


def _as(leaf: Any, spec: ArraySpec) -> Any:
    leaf = strong(leaf)
    return leaf if leaf.dtype == spec.dtype else leaf.astype(spec.dtype)


#: What Python's numbers become as arrays.
_OF_NUMBERS = frozenset(map(np.dtype, (np.bool_, np.int64, np.float64, np.complex128)))


def wide(program: Program) -> bool:
    """Whether a Python number could promote no other way in it, were it an array: no dtype is narrower."""
    atoms = [*program.inputs, *[atom for e in program.equations for atom in (*e.inputs, *e.outputs)]]
    return all(atom.spec.dtype in _OF_NUMBERS for atom in atoms)


def expect_pair(body: Closure, carry_tree: tree.TreeDef, f: Callable[..., Any]) -> None:
    """Check what a body gives.

    Raises:
        TreeError: it gives no pair, or a carry of another structure.
    """
    out = body.out_tree
    if out.cls is not tuple or len(out.children) != 2:
        raise TreeError(
            f"the body of `scan`, {describe_function(f)}, did not return a pair",
            "return `(carry, y)`; `(carry, None)` where there is nothing to stack.",
        )
    if out.children[0] != carry_tree:
        raise TreeError(
            f"the body of `scan`, {describe_function(f)}, was given a carry of the structure {carry_tree} and returned "
            f"one of {out.children[0]}",
            "return the carry in the structure of `init`.",
        )


def mismatch(
    f: Callable[..., Any],
    transform: str,
    structure: tree.TreeDef,
    before: Sequence[ArraySpec],
    after: Sequence[ArraySpec],
) -> tuple[str, str]:
    """What to say of a carry that does not keep its types: both, leaf by leaf, side by side."""
    names = [f"carry{path}" for path in tree.paths(structure)]
    width, middle = max(map(len, names)), max(len(repr(spec)) for spec in before)
    rows = [
        f"    {name:<{width}}  {a!r:<{middle}}  {'->' if a != b else '  '}  {b!r}"
        for name, a, b in zip(names, before, after, strict=True)
    ]
    return (
        f"the body of `{transform}`, {describe_function(f)}, changes the carry between one step and the next:\n"
        + "\n".join(rows),
        "return each leaf in the shape and dtype that it came in: cast it with `.astype`, or change `init`.",
    )


def looped(
    f: Callable[..., Any], carry: Any, rows: Sequence[Any], rows_tree: tree.TreeDef, length: int, reverse: bool
) -> Any:
    """The loop in Python, one step after the other: what runs is traced."""
    found: list[Any] = []
    for i in range(length - 1, -1, -1) if reverse else range(length):
        out = f(carry, tree.unflatten(rows_tree, [row[i] for row in rows]))
        if not isinstance(out, tuple) or len(out) != 2:
            raise TreeError(
                f"the body of `scan`, {describe_function(f)}, did not return a pair",
                "return `(carry, y)`; `(carry, None)` where there is nothing to stack.",
            )
        carry, y = out
        found.append(y)
    if reverse:
        found.reverse()
    carry = tree.map(strong, carry)
    columns = [tree.flatten(y)[0] for y in found]
    ys = [_stacked(column) for column in zip(*columns, strict=True)]
    return carry, tree.unflatten(tree.flatten(found[0])[1], ys)


def _stacked(column: Sequence[Any]) -> Any:
    """One leaf of what the steps gave; a Python number among arrays takes their dtype."""
    specs = [ArraySpec.of(x) for x in column]
    if any(spec.weak for spec in specs):
        dtype = common_dtype(specs)
        column = [strong(x).astype(dtype) for x in column]
    return np.stack(column)
