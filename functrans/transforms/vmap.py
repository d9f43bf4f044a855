"""``vmap``: a function of one example becomes one of many, computed together; ``map``: the same by a plain loop."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from functrans import tree
from functrans.errors import ShapeError, describe_function, expect_function
from functrans.frames import boundary, hide
from functrans.function_types import P, Widened
from functrans.ops.scalars import strong
from functrans.progress import bar_unless_traced
from functrans.tracing.trace import check_outputs
from functrans.tracing.tracer import Tracer
from functrans.tracing.watch import watched
from functrans.transforms.axes import KEYWORD, batch_first, common_size, spread
from functrans.transforms.batch import BatchRecorder
from functrans.transforms.checks import expect_array
from functrans.transforms.vjp import named


class Batched:
    """The arguments of a call, of which some are batched: leaves with the batch in front."""

    __slots__ = ("axes", "leaves", "size", "structure")

    def __init__(
        self,
        transform: str,
        f: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        in_axes: Any,
        axis_size: int | None,
    ) -> None:
        if isinstance(in_axes, list):
            in_axes = tuple(in_axes)
        if isinstance(in_axes, tuple) and len(in_axes) != len(args):
            raise ShapeError(
                f"in_axes has {len(in_axes)} entries, but {describe_function(f)} was called with {len(args)} "
                "positional arguments",
                "give one entry for each, or one integer for all; arguments given by keyword are mapped along axis 0.",
            )
        self.leaves, self.structure = tree.flatten((tuple(args), dict(kwargs)))
        below = self.structure.children
        self.axes = spread(in_axes, below[0], "in_axes") + spread(0, below[1], "in_axes")
        sizes: list[tuple[int, int]] = []
        name: Callable[[int], str] = lambda i: argument_names(f, self.structure)[i]  # noqa: E731
        for i, axis in enumerate(self.axes):
            if axis is not None:
                self.leaves[i] = batch_first(self.leaves[i], axis, lambda i=i: name(i))  # type: ignore[misc]
                if transform == "vmap":
                    expect_array(self.leaves[i], lambda i=i: name(i))  # type: ignore[misc]
                sizes.append((i, np.shape(self.leaves[i])[0]))
        self.size = common_size(sizes, axis_size, transform, name)

    def call(self, f: Callable[..., Any], leaves: Sequence[Any]) -> Any:
        """``f`` of these leaves."""
        args, kwargs = tree.unflatten(self.structure, leaves)
        return f(*args, **kwargs)

    def part(self, start: int, stop: int) -> list[Any]:
        """The leaves of some of the examples."""
        return [leaf if axis is None else leaf[start:stop] for leaf, axis in zip(self.leaves, self.axes, strict=True)]


def argument_names(f: Callable[..., Any], structure: tree.TreeDef) -> list[str]:
    """Each leaf of ``(args, kwargs)`` as errors call it: ``argument `w` ['b']``."""
    try:
        known = list(inspect.signature(f).parameters)
    except (TypeError, ValueError):
        known = []
    names = []
    positional, keywords = structure.children
    for index, child in enumerate(positional.children):
        label = f"`{known[index]}`" if index < len(known) else str(index)
        names += [f"argument {label}{path}" for path in tree.paths(child)]
    for key, child in zip(keywords.metadata, keywords.children, strict=True):
        names += [f"argument `{key}`{path}{KEYWORD}" for path in tree.paths(child)]
    return names


@boundary
def vmap(
    f: Callable[P, Any],
    in_axes: Any = 0,
    out_axes: Any = 0,
    *,
    axis_name: Any = None,
    axis_size: int | None = None,
    chunk_size: int | None = None,
    progress: bool | str = False,
) -> Widened[P, Any]:
    """A function that maps ``f`` over an axis of its arguments: written for one example, computed for all at once.

    Each operation of ``f`` becomes one of NumPy's on the whole batch; there is no loop over the examples. Inside of
    ``f`` shapes, ``len`` and iteration are those of one example, which has no plain value: choose with ``np.where``,
    and make arrays with ``np.stack``. Random numbers drawn there are the same for all examples.

    Args:
        f: function of one example: of arrays, or of trees of arrays.
        in_axes: along which axis the examples stand: an integer (it may be negative) for all arguments; or a tuple with
            an entry per argument: an integer, None for an argument that all examples share, or a tree of these
            built like the argument. Arguments given by keyword are mapped along axis 0.
        out_axes: where the examples stand in the results; an integer, None for a result that is the same for all, or a
            tree of these built like the result.
        axis_name: a name for the batch, for :func:`functrans.psum` and its kin inside of ``f``.
        axis_size: the number of examples, where no argument tells.
        chunk_size: at most so many examples at once, which bounds the memory. Not together with ``axis_name``.
        progress: show a progress bar of the chunks (with tqdm); a string is its description. None is shown where an
            argument is traced by another transform.

    Returns:
        A function of the same arguments with the batch axes added.

    Raises:
        ShapeError: an argument has no such axis, or the arguments do not agree on the number of examples.
        TreeError: axes are not built like what they are for.
        TracedBoolError: ``f`` asks for the truth of a batched value, which differs from example to example.
        TracedValueError: ``f`` makes a plain number or array of it.
        MissingRuleError: ``f`` uses an operation that has no batching rule; :func:`functrans.map` is a plain loop.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> ft.vmap(np.dot, in_axes=(0, None))(np.eye(2), np.array([3.0, 4.0]))
        array([3., 4.])
        >>> ft.vmap(ft.grad(np.sin))(np.linspace(0.0, np.pi, 3))
        array([ 1.000000e+00,  6.123234e-17, -1.000000e+00])
    """
    expect_function(f, "vmap")
    if isinstance(in_axes, np.ndarray):
        raise ShapeError("in_axes is an array, not an axis", "give the arguments to the result: `vmap(f)(xs)`.")
    if chunk_size is not None and chunk_size < 1:
        raise ShapeError(f"chunk_size={chunk_size}: a chunk holds at least one example", "give a positive number.")
    if chunk_size is not None and axis_name is not None:
        raise ShapeError(
            f"`vmap` with axis_name={axis_name!r} and chunk_size={chunk_size}: sums and means over the batch would be "
            "those of a chunk",
            "leave one of the two out.",
        )

    def mapped(*args: Any, **kwargs: Any) -> Any:
        try:
            batch = Batched("vmap", f, args, kwargs, in_axes, axis_size)
            step = batch.size or 1 if chunk_size is None else chunk_size
            starts = range(0, batch.size, step) or [0]
            with bar_unless_traced(progress, "vmap", len(starts), "chunk", batch.leaves) as bar:
                if len(starts) == 1:
                    whole = together(f, batch, batch.leaves, batch.size, out_axes, axis_name)
                    bar.advance()
                    return whole
                parts = []
                for start in starts:
                    size = min(step, batch.size - start)
                    parts.append(together(f, batch, batch.part(start, start + size), size, out_axes, axis_name))
                    bar.advance()
            return joined(parts, out_axes)
        except Exception as error:
            hide(error)
            raise

    return named(mapped, "vmap", f)


def together(
    f: Callable[..., Any], batch: Batched, leaves: Sequence[Any], size: int, out_axes: Any, axis_name: Any
) -> Any:
    """All examples at once."""
    recorder = watched(BatchRecorder)("vmap", f, size, axis_name)
    inputs = [leaf if axis is None else recorder.batch(leaf) for leaf, axis in zip(leaves, batch.axes, strict=True)]
    out = recorder.run(lambda *given: batch.call(f, given), inputs)
    outs, structure = tree.flatten(out)
    check_outputs(outs, structure, f, recorder)
    axes = spread(out_axes, structure, "out_axes")
    paths = tree.paths(structure)
    placed = [place(o, axis, recorder, f"out{path}") for o, axis, path in zip(outs, axes, paths, strict=True)]
    return tree.unflatten(structure, placed)


def place(out: Any, axis: int | None, recorder: BatchRecorder, name: str) -> Any:
    """A result with the batch where ``out_axes`` wants it.

    Raises:
        ShapeError: it has no such axis, or differs between examples where one for all is wanted.
    """
    mine = type(out) is Tracer and out.recorder is recorder
    if axis is None:
        if mine:
            raise ShapeError(
                f"out_axes is None for `{name}`, but that differs between the examples",
                "give the axis along which the examples are to stand.",
            )
        return out
    rank = np.ndim(out) + 1
    if not -rank <= axis < rank:
        raise ShapeError(
            f"out_axes is {axis} for `{name}`, which has {rank} axes with that of the batch",
            f"give an axis from {-rank} to {rank - 1}.",
        )
    values = out.mark if mine else np.broadcast_to(strong(out), (recorder.size, *np.shape(out)))
    if type(values) is np.ndarray and not values.flags.writeable:
        values = values.copy()
    return np.moveaxis(values, 0, axis) if axis % rank else values


def joined(parts: Sequence[Any], out_axes: Any) -> Any:
    """The results of chunks, one behind the other."""
    flat = [tree.flatten(part)[0] for part in parts]
    structure = tree.flatten(parts[0])[1]
    axes = spread(out_axes, structure, "out_axes")
    return tree.unflatten(
        structure,
        [
            column[0] if axis is None else np.concatenate(column, axis=axis)
            for column, axis in zip(zip(*flat, strict=True), axes, strict=True)
        ],
    )


@boundary
def map(
    f: Callable[P, Any],
    *args: Any,
    in_axes: Any = 0,
    out_axes: Any = 0,
    progress: bool | str = False,
    **kwargs: Any,
) -> Any:
    """``f`` of one example after the other, the results stacked: :func:`vmap` as a plain loop.

    For functions that ask for the truth of their values, or that use what has no batching rule; and where one example
    at a time is all that fits into memory.

    Args:
        f: function of one example.
        *args: its arguments, with the examples along ``in_axes``.
        in_axes: as for :func:`vmap`.
        out_axes: as for :func:`vmap`; None takes the result of the last example.
        progress: as for :func:`vmap`; the bar counts examples.
        **kwargs: more arguments, mapped along axis 0.

    Raises:
        ShapeError: there is no example, an argument has no such axis, or they do not agree on their number.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> ft.map(lambda x: x * 2 if x > 1 else x, np.array([1.0, 3.0]))
        array([1., 6.])
    """
    expect_function(f, "map")
    batch = Batched("map", f, args, kwargs, in_axes, None)
    if not batch.size:
        raise ShapeError("`map` over no examples: what the results would look like is not known", "use `vmap`.")
    results = []
    with bar_unless_traced(progress, "map", batch.size, "example", batch.leaves) as bar:
        for i in range(batch.size):
            example = [x if axis is None else x[i] for x, axis in zip(batch.leaves, batch.axes, strict=True)]
            results.append(batch.call(f, example))
            bar.advance()
    structure = tree.flatten(results[0])[1]
    rows = [tree.flatten_up_to(structure, result, f"the result for example {i}") for i, result in enumerate(results)]
    axes = spread(out_axes, structure, "out_axes")
    return tree.unflatten(
        structure,
        [
            column[-1] if axis is None else np.stack(column, axis=axis)
            for column, axis in zip(zip(*rows, strict=True), axes, strict=True)
        ],
    )
