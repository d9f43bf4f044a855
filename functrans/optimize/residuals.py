"""A function from a tree to several numbers, as SciPy calls it: from vectors to vectors, with its Jacobian."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functrans import tree
from functrans.compile.jit import jit
from functrans.debug.nonfinite import debug_infs, debug_nans
from functrans.errors import NonFiniteError, TreeError, describe_function
from functrans.implicit.coordinates import to_vector
from functrans.optimize.variables import Variables, is_vector, refuse_traced
from functrans.tracing.tracer import Tracer
from functrans.transforms.jacobian import jacfwd, jacobian, jacrev
from functrans.tree import Tree


class Residuals:
    """A function of a tree to a tree of arrays, as one of vectors."""

    __slots__ = (
        "_checked", "_compiled", "_f", "_jacobian", "_norm", "_outs", "_point", "_size", "_smooth", "_variables",
        "on_vector",
    )  # fmt: skip

    def __init__(self, f: Callable[[Any], Any], variables: Variables, compiled: bool = False) -> None:
        self._f, self._variables = f, variables
        self._outs: Any = None
        self._point: Any = None
        self._norm: float | None = None
        self._size: int | None = None
        self._jacobian: Any = None
        self._checked = self._smooth = False

        def on_vector(x: Any) -> Any:
            return to_vector(self._flattened(f(variables.tree(x)))[0])

        on_vector.__name__ = getattr(f, "__name__", "f")
        on_vector.__wrapped__ = f  # type: ignore[attr-defined]
        self.on_vector = on_vector
        self._compiled = compiled

    def value(self, x: Any) -> Any:
        """The numbers at ``x``.

        Raises:
            NonFiniteError: some are not finite at the start.
        """
        point = np.array(x)
        out = self._f(self._variables.tree(point))
        leaves, structure = self._flattened(out)
        if any(type(leaf) is Tracer for leaf in leaves):
            refuse_traced(f"{describe_function(self._f)}, which `{self._variables.who}` was given,")
        if self._outs is None:
            self._outs = None if is_vector(out) else (structure, [np.shape(leaf) for leaf in leaves])
        if np.iscomplexobj(x):  # SciPy steps into the complex plane
            flat = np.concatenate([np.ravel(leaf) for leaf in leaves])
        else:
            flat = np.asarray(to_vector(leaves))
        if not self._checked:
            self._checked = True
            if not np.all(np.isfinite(flat)):
                self._refuse_start("")
        self._point, self._norm, self._size = np.array(x), float(np.linalg.norm(flat)), flat.size
        return flat

    def jacobian(self, x: Any) -> Any:
        """The Jacobian at ``x``: a row for each number, a column for each coordinate.

        Raises:
            NonFiniteError: some of it is not finite at the start.
        """
        if self._jacobian is None:
            kind: Any = jacobian
            if self._size is not None:  # then no trace is needed to find out which mode takes fewer passes
                kind = jacfwd if self._variables.size <= self._size else jacrev
            made = kind(self.on_vector)
            self._jacobian = jit(made) if self._compiled else made
        made = self._jacobian(np.array(x))
        if not self._smooth:
            self._smooth = True
            if not np.all(np.isfinite(made)):
                self._refuse_start("the Jacobian of ")
        return made

    def known(self, x: Any) -> float | None:
        """The norm of the numbers at ``x``, if it is at hand."""
        return self._norm if self._point is not None and np.array_equal(x, self._point) else None

    def given(self, vector: Any) -> Tree:
        """The numbers in the structure that the function gives."""
        if self._outs is None or np.ndim(vector) != 1:
            return vector
        structure, shapes = self._outs
        sizes = [int(np.prod(shape)) for shape in shapes]
        if sum(sizes) != vector.size:  # complex ones, of which two parts stand in the vector
            return vector
        parts = np.split(vector, np.cumsum(sizes)[:-1])
        made = [np.reshape(part, shape) if shape else part[0] for part, shape in zip(parts, shapes, strict=True)]
        return tree.unflatten(structure, made)

    def _flattened(self, out: Tree) -> tuple[list[Any], tree.TreeDef]:
        leaves, structure = tree.flatten(out)
        if not leaves:
            raise TreeError(f"{describe_function(self._f)} returned no number", "is a `return` missing?")
        return leaves, structure

    def _refuse_start(self, what: str) -> None:
        what = f"{what}{describe_function(self._f)} is not finite at the start `x0` of `{self._variables.who}`"
        fix = "start where the function and its derivatives are finite; bounds keep a method away from other places."
        try:
            with debug_nans(), debug_infs(), np.errstate(all="ignore"):
                jacobian(self.on_vector)(self._variables.start.copy())
        except NonFiniteError as error:
            raise NonFiniteError(f"{what}: {error.what}", fix, error.where or False) from None
        except Exception:  # what cannot be looked at is told without a place
            pass
        raise NonFiniteError(what, fix)
