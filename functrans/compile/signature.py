"""What a jitted function is traced for: the structure of its arguments, their shapes and dtypes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans import tree
from functrans.errors import TreeError, describe_function
from functrans.ir import ArraySpec
from functrans.tracing.tracer import Tracer


def signature(value: Any, leaves: list[Any]) -> Any:
    """Equal for values that one program does for; the leaves are added to a list, in the order of ``tree.flatten``."""
    cls = type(value)
    if cls is np.ndarray:
        leaves.append(value)
        return value.dtype, value.shape
    if cls is tuple or cls is list:
        return (cls, *[signature(child, leaves) for child in value])
    if cls is dict:
        return (cls, *value, *[signature(child, leaves) for child in value.values()])
    if cls is float or cls is int or cls is bool or cls is complex:
        leaves.append(value)
        return cls
    if cls is Tracer or cls is ArraySpec or isinstance(value, np.generic | np.ndarray):
        leaves.append(value)
        spec = ArraySpec.of(value)
        return (
            (int if spec.dtype.kind == "i" else type(spec.dtype.type(0).item()))
            if spec.weak
            else (
                spec.dtype,
                spec.shape,
            )
        )
    found, structure = tree.flatten(value)
    if structure is tree.LEAF:
        raise TreeError(
            f"an argument of a jitted function is a {cls.__name__}, neither numbers nor a container of them",
            "name it in `static_argnums=` or `static_argnames=`: a program is made for each of its values; or make its "
            "type a container with `functrans.tree.register`.",
        )
    return (structure, *[signature(leaf, leaves) for leaf in found])


def builder(structure: tree.TreeDef) -> Callable[[Sequence[Any]], Any]:
    """What puts the leaves of this structure together."""
    if structure is tree.LEAF:
        return lambda outs: outs[0]
    if all(child is tree.LEAF for child in structure.children):
        if structure.cls is tuple:
            return tuple
        if structure.cls is list:
            return list
        if structure.cls is dict:
            keys = structure.metadata
            return lambda outs: dict(zip(keys, outs, strict=True))
    return lambda outs: tree.unflatten(structure, outs)


class Statics:
    """Which arguments are static: a program is made for each of their values."""

    __slots__ = ("_f", "names", "nums")

    def __init__(self, f: Callable[..., Any], nums: Sequence[int], names: Sequence[str]) -> None:
        self._f, self.nums, self.names = f, tuple(nums), frozenset(names)

    def split(self, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, Any, Any]:
        """``(dynamic args, dynamic kwargs, statics)``; the last hashes and compares by type and value.

        Raises:
            TreeError: a static argument is not hashable.
        """
        nums = {num % len(args) for num in self.nums if -len(args) <= num < len(args)}
        fixed: list[tuple[Any, Any, Any]] = [(i, type(args[i]), args[i]) for i in sorted(nums)]
        fixed += [(name, type(kwargs[name]), kwargs[name]) for name in sorted(self.names & set(kwargs))]
        for key, cls, value in fixed:
            try:
                hash(value)
            except TypeError:
                raise TreeError(
                    f"the static argument {key!r} of {describe_function(self._f)} is a {cls.__name__}, which does not "
                    "hash",
                    "static values are told apart by `==` and `hash`: give a tuple in place of a list, or do not name "
                    "it in `static_argnums=` or `static_argnames=`.",
                ) from None
        dynamic = tuple([arg for i, arg in enumerate(args) if i not in nums])
        return dynamic, {k: kwargs[k] for k in sorted(kwargs) if k not in self.names}, tuple(fixed)

    @staticmethod
    def call(f: Callable[..., Any], dynamic: Sequence[Any], kwargs: dict[str, Any], fixed: Sequence[Any]) -> Any:
        """``f`` of what :meth:`split` gave."""
        args = list(dynamic)
        named = dict(kwargs)
        for key, _, value in fixed:  # in the order of their positions
            if isinstance(key, int):
                args.insert(key, value)
            else:
                named[key] = value
        return f(*args, **named)
