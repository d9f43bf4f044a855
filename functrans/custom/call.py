"""One call of a function with a rule of its own: arguments and results flat, and what errors say of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans import tree
from functrans.errors import ShapeError, TreeError, describe_function
from functrans.ir import ArraySpec
from functrans.ir.program import frozen_key
from functrans.ops.duals import cast, zeros
from functrans.ops.scalars import strong
from functrans.tracing.tracer import Tracer


class Call:
    """A function of flat arguments: those that move, in the place of leaves among all that it is called with.

    Attributes:
        name: the function, in the words of an error.
        out_tree: the structure of its result, once it has been called.
    """

    __slots__ = ("_fixed", "_structure", "f", "name", "out_tree")

    def __init__(
        self,
        f: Callable[..., Any],
        fixed: dict[int, Any],
        structure: tree.TreeDef,
        out_tree: tree.TreeDef | None = None,
    ) -> None:
        self.f, self._fixed, self._structure, self.out_tree = f, fixed, structure, out_tree
        self.name = describe_function(f)

    def key(self) -> Any:
        """What tells it from others."""
        return (self.f, frozen_key(self._fixed), self._structure)

    def parts(self) -> tuple[Any, ...]:
        """What it was made of, beside the function."""
        return (self._fixed, self._structure, self.out_tree)

    def arguments(self, leaves: Sequence[Any]) -> list[Any]:
        """All arguments, in their order."""
        moving = iter(tree.unflatten(self._structure, leaves))
        count = len(self._fixed) + len(self._structure.children)
        return [self._fixed[i] if i in self._fixed else next(moving) for i in range(count)]

    def moving(self, leaves: Sequence[Any]) -> tuple[Any, ...]:
        """The arguments that are differentiated."""
        return tuple(tree.unflatten(self._structure, leaves))

    @property
    def fixed(self) -> list[Any]:
        """The others."""
        return [self._fixed[i] for i in sorted(self._fixed)]

    def __call__(self, *leaves: Any) -> list[Any]:
        return self.flat_out(self.f(*self.arguments(leaves)), self.name)

    def flat_out(self, out: Any, of: str) -> list[Any]:
        """The leaves of a result.

        Raises:
            TreeError: it is not built like the function's.
        """
        leaves, structure = tree.flatten(out)
        if self.out_tree is not None and structure != self.out_tree:
            raise TreeError(
                f"{of} returned a result of the structure {structure}, but {self.name} returns {self.out_tree}",
                f"return what {self.name} returns.",
            )
        self.out_tree = structure
        return [strong(leaf) for leaf in leaves]

    def tangents(self, given: Any, outs: Sequence[Any], rule: str) -> list[Any]:
        """The leaves of a rule's tangent, checked.

        Raises:
            TreeError, ShapeError: it is not built like the result.
        """
        leaves = self._like(self.out_tree, given, rule, "tangent", "the result")
        return [
            _checked(leaf, ArraySpec.of(out), f"{rule} of {self.name} returned the tangent out{path}")
            for leaf, out, path in zip(leaves, outs, tree.paths(self.out_tree), strict=True)  # type: ignore[arg-type]
        ]

    def cotangents(self, given: Any, specs: Sequence[ArraySpec], rule: str) -> list[Any]:
        """The leaves of a rule's cotangents, checked; None in place of an argument's stands for zeros.

        Raises:
            TreeError, ShapeError: they are not built like the arguments.
        """
        children = self._structure.children
        if not isinstance(given, tuple | list) or len(given) != len(children):
            found = f"{len(given)} cotangents" if isinstance(given, tuple | list) else f"a {type(given).__name__}"
            raise TreeError(
                f"{rule} of {self.name} returned {found} for {len(children)} arguments",
                "return a tuple with one cotangent for each argument that is differentiated; None for zero.",
            )
        found_leaves: list[Any] = []
        for i, (ct, child) in enumerate(zip(given, children, strict=True)):
            rows = [None] * child.size if ct is None else self._like(child, ct, rule, f"cotangent {i}", f"argument {i}")
            for leaf, path in zip(rows, tree.paths(child), strict=True):
                spec = specs[len(found_leaves)]
                what = f"{rule} of {self.name} returned, for argument {i}{path},"
                moves = leaf is not None and spec.dtype.kind in "fc"
                found_leaves.append(_checked(leaf, spec, what) if moves else None)
        return found_leaves

    def _like(self, structure: Any, given: Any, rule: str, what: str, of: str) -> list[Any]:
        leaves, found = tree.flatten(given)
        if found != structure:
            raise TreeError(
                f"{rule} of {self.name} returned a {what} of the structure {found}, but {of} is built as {structure}",
                f"return a tree like {of}.",
            )
        return leaves


def _checked(leaf: Any, spec: ArraySpec, what: str) -> Any:
    found = ArraySpec.of(leaf)
    if found.shape != spec.shape or not np.can_cast(found.dtype, spec.dtype, "same_kind"):
        raise ShapeError(f"{what} {found}, but it belongs to {spec}", f"return an array that is {spec}.")
    return cast(strong(leaf), spec.dtype) if type(leaf) is Tracer or found != spec else leaf


def filled(values: Sequence[Any], like: Sequence[Any]) -> list[Any]:
    """Zeros in place of None."""
    return [zeros(ArraySpec.of(x).strong()) if value is None else value for value, x in zip(values, like, strict=True)]


def arrays(values: Sequence[Any]) -> list[Any]:
    """Those that the user's function may write into: what a recording has read, the walk back reads once more.

    Residuals that hold them are kept as they are now (``ReverseRecorder.as_it_is``).
    """
    return [value for value in values if type(value) is np.ndarray]
