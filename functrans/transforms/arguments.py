"""Which arguments a transform differentiates, and what their leaves must be."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from functrans import tree
from functrans.errors import DerivativeError, IntegerInputError, ShapeError, describe_function
from functrans.ir.spec import ArraySpec
from functrans.ops.duals import cast
from functrans.ops.scalars import strong, weak
from functrans.tracing.tracer import Tracer
from functrans.transforms.checks import expect_array

Argnums: TypeAlias = int | Sequence[int] | None
Argnames: TypeAlias = str | Sequence[str] | None


class Selection:
    """The arguments of a call that are differentiated: ``selected``, their ``names`` for errors, and how to call."""

    __slots__ = ("_args", "_keys", "_kwargs", "_single", "f", "selected")

    def __init__(
        self,
        f: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        argnums: Argnums,
        argnames: Argnames,
    ) -> None:
        self.f, self._args, self._kwargs = f, list(args), dict(kwargs)
        if argnums is None and argnames is None:
            argnums = 0
        nums = several(argnums)
        names = [argnames] if isinstance(argnames, str) else list(argnames or ())
        one = argnums is not None and not isinstance(argnums, Sequence)
        self._single = one + isinstance(argnames, str) == 1 and len(nums) + len(names) == 1
        self._keys: list[int | str] = [self._position(num) for num in nums]
        self._keys += [self._find(name) for name in names]
        if len(set(self._keys)) != len(self._keys):
            raise DerivativeError(
                f"argnums={argnums!r} and argnames={argnames!r} select an argument of {describe_function(f)} twice",
                "name each argument once.",
            )
        self.selected = tuple(self._args[k] if isinstance(k, int) else self._kwargs[k] for k in self._keys)

    def names(self) -> list[str]:
        """The selected arguments, as errors call them."""
        return [self._name(key) for key in self._keys]

    def _position(self, num: int) -> int:
        if not -len(self._args) <= num < len(self._args):
            raise DerivativeError(
                f"argnums={num}, but {describe_function(self.f)} was called with {len(self._args)} positional "
                "arguments",
                "pass the argument by position, or select it with `argnames=`.",
            )
        return num % len(self._args)

    def _find(self, name: str) -> int | str:
        if name in self._kwargs:
            return name
        try:
            parameters = list(inspect.signature(self.f).parameters)
        except (TypeError, ValueError):
            parameters = []
        if name in parameters and parameters.index(name) < len(self._args):
            return parameters.index(name)
        raise DerivativeError(
            f"argnames={name!r}, but {describe_function(self.f)} was called without an argument of that name",
            f"its parameters are {', '.join(parameters) or 'not known'}; "
            "an argument left at its default must be passed.",
        )

    def _name(self, key: int | str) -> str:
        if isinstance(key, str):
            return f"`{key}`"
        try:
            return f"`{list(inspect.signature(self.f).parameters)[key]}`"
        except (TypeError, ValueError, IndexError):
            return f"{key}"

    def call(self, *selected: Any) -> Any:
        """``f`` of the given arguments, with these in place of the selected ones."""
        for key, value in zip(self._keys, selected, strict=True):
            if isinstance(key, int):
                self._args[key] = value
            else:
                self._kwargs[key] = value
        return self.f(*self._args, **self._kwargs)

    def result(self, results: Sequence[Any]) -> Any:
        """One result for one selected argument, a tuple for several."""
        return results[0] if self._single else tuple(results)


def several(argnums: Argnums) -> list[int]:
    """The numbers of the arguments that ``argnums`` selects.

    Raises:
        DerivativeError: they are no integers, such as the arguments themselves: ``grad(f, x)``.
    """
    if argnums is None:
        return []
    try:
        if isinstance(argnums, Sequence):
            return [operator.index(num) for num in argnums]
        return [operator.index(argnums)]
    except TypeError:
        raise DerivativeError(
            f"argnums={argnums!r:.60} is neither an integer nor several",
            "select arguments by name with `argnames=`; what `f` is called with is given to the result, `grad(f)(x)`.",
        ) from None


def differentiable_leaf(leaf: Any, what: Callable[[], str]) -> Any:
    """A leaf that has a derivative; a Python integer counts as a float.

    Raises:
        IntegerInputError: the leaf is an integer or boolean array, or no number at all.
        TreeError: it is a matrix or a masked array.
    """
    kind = type(leaf)
    if kind is float or kind is complex:
        return leaf
    if kind is int:
        return float(leaf)
    dtype = getattr(leaf, "dtype", None)
    if kind is Tracer and leaf.spec.weak and dtype is not None and dtype.kind == "i":
        return leaf * 1.0  # likewise, where a program is being written
    if isinstance(leaf, np.ndarray | np.generic | Tracer) and dtype is not None and dtype.kind in "fc":
        expect_array(leaf, what)
        return leaf
    if dtype is not None and hasattr(leaf, "shape"):
        raise IntegerInputError(
            f"derivative with respect to {what()}, which is {ArraySpec(leaf.shape, dtype)}: only floating and complex "
            "values have one",
            "convert it with `x.astype(float)`, or differentiate with respect to other arguments (`argnums=`).",
        )
    if kind in (list, tuple, range):
        raise IntegerInputError(
            f"derivative with respect to {what()}, which is a {kind.__name__}, not an array",
            "make it an array of floats: `np.array(x, dtype=float)`.",
        )
    raise IntegerInputError(
        f"derivative with respect to {what()}, which is of type {kind.__name__}: only numbers and arrays have one",
        "differentiate with respect to other arguments (`argnums=`), or register the type as a container "
        "(`functrans.tree.register`).",
    )


def differentiable_leaves(
    arguments: Sequence[Any], names: Callable[[], Sequence[str]], f: Callable[..., Any]
) -> tuple[list[Any], tree.TreeDef]:
    """The leaves of some arguments, each checked, and their structure. ``names`` is asked only for an error."""
    leaves, structure = tree.flatten(tuple(arguments))
    for index, leaf in enumerate(leaves):
        kind = type(leaf)
        if kind is not float and not (kind is np.ndarray and leaf.dtype.kind == "f"):
            leaves[index] = differentiable_leaf(leaf, lambda i=index: leaf_name(structure, names(), i, f))  # type: ignore[misc]
    return leaves, structure


def leaf_name(structure: tree.TreeDef, names: Sequence[str], index: int, f: Callable[..., Any]) -> str:
    """``argument `params`['w'] of `loss` (model.py:3)``."""
    position = 0
    for name, child in zip(names, structure.children, strict=True):
        if index < position + child.size:
            return f"argument {name}{tree.paths(child)[index - position]} of {describe_function(f)}"
        position += child.size
    raise IndexError(index)


def like_primal(value: Any, leaf: Any) -> Any:
    """A gradient in the type of what it belongs to: a Python scalar for a Python scalar."""
    kind = type(leaf)
    if kind is float or kind is complex:
        return kind(value) if type(value) is not Tracer else weak(value)
    return weak(value) if kind is Tracer and leaf.spec.weak and leaf.dtype.kind in "fc" else value


def dual(value: Any, spec: ArraySpec, what: str) -> Any:
    """A user's tangent or cotangent for a value of ``spec``, checked and cast.

    Raises:
        ShapeError: it has another shape, or a dtype that cannot be cast.
        TreeError: it is a matrix or a masked array.
    """
    if type(value) is Tracer:
        value = strong(value)
    elif not isinstance(value, np.ndarray | np.generic):
        value = np.asarray(value)
    else:
        expect_array(value, lambda: what)
    if value.shape != spec.shape:
        raise ShapeError(
            f"{what} has shape {value.shape}, but what it belongs to is {spec}", f"pass an array of shape {spec.shape}."
        )
    if value.dtype == spec.dtype:
        return value[()] if type(value) is np.ndarray and not value.shape else value
    if value.dtype.kind not in "biufc" or not np.can_cast(value.dtype, spec.dtype, "same_kind"):
        raise ShapeError(
            f"{what} is {ArraySpec.of(value)}, but what it belongs to is {spec}", f"pass an array of {spec.dtype}."
        )
    return cast(value, spec.dtype)
