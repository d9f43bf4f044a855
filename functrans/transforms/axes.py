"""Batch axes: ``in_axes`` and ``out_axes``, which are prefixes of trees, spread over leaves."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans import tree
from functrans.errors import ShapeError, TreeError

#: What the name of an argument that was given by keyword ends with; those are mapped along axis 0.
KEYWORD = " (given by keyword)"


def spread(axes: Any, structure: tree.TreeDef, what: str) -> list[int | None]:
    """One axis (or None) for each leaf: an integer or None stands for the whole tree below it.

    Raises:
        TreeError: the axes are no prefix of the structure; the message says where.
    """
    if axes is None:
        return [None] * structure.size
    if not isinstance(axes, tuple | list | dict) and not hasattr(axes, "__dataclass_fields__"):
        try:
            return [operator.index(axes)] * structure.size
        except TypeError:
            raise TreeError(
                f"{what} is {axes!r}, which is no axis", "give an integer, None, or a tree of them."
            ) from None
    children, names = tree.children(axes)
    if structure.cls is None or (type(axes) is not structure.cls and {type(axes), structure.cls} != {list, tuple}):
        kind = "an array" if structure.cls is None else f"a {structure.cls.__name__}"
        raise TreeError(
            f"{what} is a {type(axes).__name__}, but what it is for is {kind}",
            "give an integer or None for all of it, or a tree built like it.",
        )
    by_name = dict(zip(names, children, strict=True))
    below = tree.child_names(structure)
    if list(by_name) != below and set(by_name) != set(below):
        raise TreeError(
            f"{what} has entries {', '.join(names) or 'none'}, but what it is for has {', '.join(below) or 'none'}",
            "give one entry for each.",
        )
    found: list[int | None] = []
    for name, child in zip(below, structure.children, strict=True):
        found += spread(by_name[name], child, what + name)
    return found


def batch_first(value: Any, axis: int, name: Callable[[], str]) -> Any:
    """An array with its batch axis in front.

    Raises:
        ShapeError: it has no such axis.
    """
    rank = np.ndim(value)
    if not -rank <= axis < rank:
        raise misfit(value, axis, name())
    return np.moveaxis(value, axis, 0) if axis % rank else value if hasattr(value, "ndim") else np.asarray(value)


def misfit(value: Any, axis: int, name: str) -> ShapeError:
    """The error of an argument that has no such axis."""
    fix = "give the axis along which the examples stand, or None for an argument that all of them share."
    if np.ndim(value):
        found = f"has shape {np.shape(value)}"
    elif not isinstance(value, int | float | complex | np.generic | np.ndarray):
        found = f"is a {type(value).__name__}"
    else:
        found = "is a number"
        if name.endswith("]"):
            fix = "make an array of a list of numbers, `np.array(xs)`; in_axes=None is for what all examples share."
    if name.endswith(KEYWORD):
        fix = "what all examples share is passed by position, with None in in_axes, or bound: `functools.partial`."
    return ShapeError(f"in_axes says that {name} is batched along axis {axis}, but it {found}", fix)


def common_size(sizes: Sequence[tuple[int, int]], given: int | None, transform: str, name: Callable[[int], str]) -> int:
    """The length of the batch, on which all batched arguments (by number) must agree.

    Raises:
        ShapeError: they do not, or there is none.
    """
    lengths = {size for _, size in sizes} | ({given} if given is not None else set())
    if not lengths:
        raise ShapeError(
            f"`{transform}` has nothing to map over: no argument is batched",
            "call `functrans.map(f, xs)`, with an axis for at least one argument."
            if transform == "map"
            else "give an axis for at least one argument, or pass `axis_size=`.",
        )
    if len(lengths) > 1:
        listed = ", ".join(f"{name(i)} has {size}" for i, size in sizes)
        listed += "" if given is None else f", axis_size is {given}"
        raise ShapeError(
            f"`{transform}`: the arguments do not agree on the number of examples: {listed}",
            "bring the batched axes to one length, or give in_axes=None for an argument that all examples share.",
        )
    return lengths.pop()
