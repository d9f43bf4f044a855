"""How a call of ``scan`` becomes the primitive: the body traced, its carry checked; or a plain loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans import tree
from functrans.control.closure import Closure, close
from functrans.errors import (
    ShapeError,
    TracedBoolError,
    TracedValueError,
    TreeError,
    describe_function,
    expect_function,
)
from functrans.ir import ArraySpec
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

    if size < 1:
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
        lengths["length="] = length
    if not lengths:
        raise ShapeError("`scan` without `xs` and without `length`", "say how many steps there are: `length=10`.")
    if len(set(lengths.values())) > 1:
        given = ", ".join(f"{name} {n}" for name, n in lengths.items())
        raise ShapeError(f"`scan` over different numbers of steps: {given}", "they must be the same.")
    return next(iter(lengths.values()))


def traced_body(
    f: Callable[..., Any], leaves: Sequence[Any], carry_tree: tree.TreeDef, rows: Sequence[Any], rows_tree: tree.TreeDef
) -> tuple[Closure, list[Any]]:
    """The body as a program, and the carry in the dtypes that it keeps."""
    in_tree = tree.flatten((tree.unflatten(carry_tree, leaves), tree.unflatten(rows_tree, rows)))[1]
    of_rows = [ArraySpec(np.shape(row)[1:], ArraySpec.of(row).dtype) for row in rows]
    weak = [ArraySpec.of(leaf).weak for leaf in leaves]
    leaves = [strong(leaf) for leaf in leaves]
    for attempt in range(3):
        specs = [ArraySpec.of(leaf) for leaf in leaves]
        body = close(f, [*specs, *of_rows], in_tree, "scan")
        found = carried(body, carry_tree, f)
        if found == specs:
            return body, leaves
        # A Python number takes the dtype of what the body makes of it.
        if attempt == 2 or any(
            a != b and not (w and a.shape == b.shape) for a, b, w in zip(specs, found, weak, strict=True)
        ):
            raise ShapeError(*mismatch(f, "scan", carry_tree, specs, found))
        leaves = [leaf.astype(spec.dtype) for leaf, spec in zip(leaves, found, strict=True)]
    raise AssertionError


def carried(body: Closure, carry_tree: tree.TreeDef, f: Callable[..., Any]) -> list[ArraySpec]:
    """The specs of the carry that a body gives.

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
    return [atom.spec for atom in body.program.outputs[: carry_tree.size]]


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
    ys = [np.stack([strong(x) for x in column]) for column in zip(*columns, strict=True)]
    return carry, tree.unflatten(tree.flatten(found[0])[1], ys)
