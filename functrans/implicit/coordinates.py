"""Trees of numbers as one real vector, in which solvers work: a complex number is two coordinates.

A map that is linear over the real numbers alone (what conjugates) is then solved as rightly as any.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans import tree
from functrans.errors import IntegerInputError, ShapeError, TreeError, describe_function
from functrans.ir import ArraySpec
from functrans.ops.duals import cast
from functrans.ops.scalars import strong


def inexact_leaves(value: Any, what: str) -> tuple[list[Any], tree.TreeDef]:
    """The leaves of a tree of numbers, as arrays; integers count as floats.

    Raises:
        IntegerInputError: a leaf is no number.
    """
    leaves, structure = tree.flatten(value)
    found = []
    for leaf in map(strong, leaves):
        kind = ArraySpec.of(leaf).dtype.kind
        if kind not in "biufc":
            raise IntegerInputError(f"{what} holds {leaf!r}, which is no number", "give arrays of numbers.")
        found.append(leaf if kind in "fc" else np.float64(leaf) if np.ndim(leaf) == 0 else leaf.astype(np.float64))
    return found, structure


def like(out: Any, structure: tree.TreeDef, specs: Sequence[ArraySpec], who: str) -> list[Any]:
    """The leaves of a tree that must have this structure and these shapes, in these dtypes.

    Raises:
        TreeError, ShapeError: it is built otherwise.
    """
    leaves, found = tree.flatten(out)
    if found != structure:
        raise TreeError(f"{who} returned the structure {found}, not {structure}", "return what it was given.")
    made = []
    for leaf, spec, path in zip(map(strong, leaves), specs, tree.paths(structure), strict=True):
        given = ArraySpec.of(leaf)
        if given.shape != spec.shape or (given.dtype.kind == "c") > (spec.dtype.kind == "c"):
            raise ShapeError(f"{who} returned {given} as out{path}, which must be {spec}", "return what it was given.")
        made.append(leaf if given.dtype == spec.dtype else cast(leaf, spec.dtype))
    return made


def to_vector(leaves: Sequence[Any]) -> Any:
    """All numbers one after the other, real parts before imaginary ones."""
    parts: list[Any] = []
    for leaf in leaves:
        flat = np.reshape(leaf, (-1,))
        parts += [np.real(flat), np.imag(flat)] if flat.dtype.kind == "c" else [flat]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def from_vector(vector: Any, specs: Sequence[ArraySpec]) -> list[Any]:
    """The inverse of :func:`to_vector`."""
    leaves, at = [], 0
    for spec in specs:
        size = spec.size
        flat = vector[at : at + size]
        at += size
        if spec.dtype.kind == "c":
            flat = flat + 1j * vector[at : at + size]
            at += size
        leaf = np.reshape(flat, spec.shape) if spec.shape else flat[0]
        leaves.append(leaf if leaf.dtype == spec.dtype else cast(leaf, spec.dtype))
    return leaves


def dimension(specs: Sequence[ArraySpec]) -> int:
    """The number of coordinates."""
    return sum(spec.size * (2 if spec.dtype.kind == "c" else 1) for spec in specs)


def on_vectors(f: Callable[[Any], Any], structure: tree.TreeDef, specs: Sequence[ArraySpec]) -> Callable[[Any], Any]:
    """A function of a tree to a tree built like it, as a function of vectors."""
    who = describe_function(f)

    def on_vector(vector: Any) -> Any:
        out = f(tree.unflatten(structure, from_vector(vector, specs)))
        return to_vector(like(out, structure, specs, who))

    return on_vector
