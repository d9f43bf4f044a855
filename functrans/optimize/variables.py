"""What is looked for: a tree of numbers for the user, a real vector for SciPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans import tree
from functrans.errors import DerivativeError, NonFiniteError, ShapeError, TracedValueError, TreeError
from functrans.implicit.coordinates import inexact_leaves
from functrans.optimize.installed import scipy_optimize
from functrans.tracing.tracer import Tracer
from functrans.tree import Tree

_NUMBERS = (bool, int, float, complex, np.number, np.bool_)


def is_vector(value: Any) -> bool:
    """Whether SciPy takes this for a vector: an array with one axis, or a list or tuple of numbers."""
    if isinstance(value, list | tuple) and type(value) in (list, tuple):
        return bool(value) and all(isinstance(entry, _NUMBERS) for entry in value)
    return isinstance(value, np.ndarray) and value.ndim == 1


class Variables:
    """The tree ``x0``, and how its numbers stand in a vector: leaf after leaf, in C order.

    A complex number takes two places, real parts of a leaf before imaginary ones.

    Attributes:
        plain: the tree is the vector itself, as SciPy knows it.
        start: the vector of ``x0``.
    """

    __slots__ = ("_complex", "_python", "_shapes", "_sizes", "_structure", "plain", "start", "who")

    def __init__(self, x0: Tree, who: str) -> None:
        self.who = who
        if any(type(leaf) is Tracer for leaf in tree.flatten(x0)[0]):
            refuse_traced(f"the start `x0` of `{who}`")
        self.plain = is_vector(x0) and np.asarray(x0).dtype.kind in "biuf"
        if self.plain:
            start = np.asarray(x0)
            self.start = start if start.dtype.kind == "f" else start.astype(np.float64)
            x0 = self.start
        given = np.asarray(x0) if is_vector(x0) else x0
        leaves, self._structure = inexact_leaves(given, f"the start `x0` of `{who}`")
        originals = tree.flatten(given)[0]
        self._python = [
            isinstance(leaf, int | float | complex) and not isinstance(leaf, np.generic) for leaf in originals
        ]
        self._shapes = [np.shape(leaf) for leaf in leaves]
        self._complex = [leaf.dtype.kind == "c" for leaf in leaves]
        self._sizes = [int(np.prod(shape)) for shape in self._shapes]
        if not self.plain:
            self.start = np.asarray(self.vector(tree.unflatten(self._structure, leaves), "x0"))
        if not self.start.size:
            raise ShapeError(f"`{who}` was given a start `x0` without any number", "give the numbers to look for.")
        if not np.all(np.isfinite(self.start)):
            raise NonFiniteError(f"the start `x0` of `{who}` holds NaN or infinity", "start at finite numbers.")

    @property
    def size(self) -> int:
        """The length of the vector."""
        return int(self.start.size)

    def tree(self, vector: Any) -> Tree:
        """The tree of a vector, which may be traced."""
        return vector if self.plain else self._built(vector, 1j)

    def vector(self, value: Tree, what: str) -> Any:
        """The vector of a tree built like ``x0``."""
        return self._joined(value, what, 1)

    def covector(self, gradient: Tree, what: str = "the gradient") -> Any:
        """The derivatives in the coordinates, of a gradient: that in a complex number is ``df/dx - i df/dy``."""
        if self.plain and is_vector(gradient):
            gradient = np.asarray(gradient)  # of a list of numbers, which SciPy takes too
        return self._joined(gradient, what, -1)

    def cotree(self, vector: Any) -> Tree:
        """The gradient of derivatives in the coordinates."""
        return vector if self.plain else self._built(vector, -1j, numbers=True)

    def given(self, vector: Any) -> Tree:
        """As :meth:`tree`, for the user to keep: Python's numbers where ``x0`` has them."""
        return vector if self.plain else self._built(vector, 1j, numbers=True)

    def _built(self, vector: Any, i: complex, numbers: bool = False) -> Tree:
        leaves: list[Any] = []
        at = 0
        for shape, size, pair, python in zip(self._shapes, self._sizes, self._complex, self._python, strict=True):
            flat = vector[at : at + size]
            at += size
            if pair:
                flat = flat + i * vector[at : at + size]
                at += size
            leaf = np.reshape(flat, shape) if shape else flat[0]
            leaves.append(leaf.item() if numbers and python else leaf)
        return tree.unflatten(self._structure, leaves)

    def _joined(self, value: Tree, what: str, sign: int) -> Any:
        parts: list[Any] = []
        leaves = tree.flatten_up_to(self._structure, value, what)
        for leaf, shape, pair in zip(leaves, self._shapes, self._complex, strict=True):
            if np.shape(leaf) != shape:
                raise ShapeError(
                    f"{what} holds shape {np.shape(leaf)}, where `x0` has {shape}", "give it that of `x0`."
                )
            if type(leaf) is Tracer:
                refuse_traced(f"{what} of `{self.who}`")
            flat = np.reshape(leaf, -1)
            parts += [np.real(flat), sign * np.imag(flat)] if pair else [flat]
        return parts[0] if len(parts) == 1 else np.concatenate(parts or [np.zeros(0)])

    def matrix(self, made: Any, what: str) -> Any:
        """A matrix with a column for each coordinate: one as it is, or put together of what ``jacobian`` gives."""
        if self.plain or hasattr(made, "tocsr") or hasattr(made, "matvec"):
            return made
        if isinstance(made, np.ndarray) and made.ndim <= 2 and made.shape[-1:] == (self.size,):
            return made
        if any(self._complex):
            raise DerivativeError(
                f"{what} is no matrix", "give real and imaginary parts in one matrix of real numbers."
            )
        blocks = tree.flatten_up_to(self._structure, made, what)
        return np.hstack([np.reshape(b, (-1, size)) for b, size in zip(blocks, self._sizes, strict=True)])

    def square(self, made: Any, what: str) -> Any:
        """As :meth:`matrix`, for a row for each coordinate too: a tree with a tree at each leaf."""
        whole = isinstance(made, np.ndarray) and made.shape == (self.size, self.size)
        if self.plain or whole or hasattr(made, "tocsr") or hasattr(made, "matvec"):
            return made
        return np.vstack([self.matrix(row, path) for _, _, row, path in self._entries(made, what)])

    # Bounds.

    def pairs(self, bounds: Any) -> Any:
        """What `minimize` is given as bounds, for the vector: those of SciPy, or a tree of pairs.

        Raises:
            TreeError, ShapeError: they are not built like ``x0``.
        """
        if bounds is None or self.plain:
            return bounds
        bounds_type = scipy_optimize().Bounds
        if isinstance(bounds, bounds_type):
            return bounds_type(self.spread(bounds.lb), self.spread(bounds.ub), self.spread(bounds.keep_feasible))
        if self._structure == tree.LEAF and self.size == 1 and isinstance(bounds, list | tuple) and len(bounds) == 1:
            bounds = bounds[0]  # of one number, as SciPy takes them
        low, high = np.full(self.size, -np.inf), np.full(self.size, np.inf)
        for place, shape, pair, path in self._entries(bounds, "bounds"):
            if pair is None:
                continue
            self._expect_real(place, shape, path)
            if not isinstance(pair, list | tuple | np.ndarray) or len(pair) != 2:
                raise ShapeError(
                    f"{path} is {pair!r:.60}, not a pair", "give `(low, high)`, in which None stands for no bound."
                )
            for side, all_sides in zip(pair, (low, high), strict=True):
                if side is not None:
                    all_sides[place] = _stretched(side, shape, path)
        return bounds_type(low, high)

    def sides(self, bounds: Any) -> Any:
        """What `least_squares` is given as bounds, for the vector: lower ones and upper ones, each a number or a tree.

        Raises:
            TreeError, ShapeError: they are not built like ``x0``.
        """
        bounds_type = scipy_optimize().Bounds
        if self.plain:
            return bounds
        if isinstance(bounds, bounds_type):
            return self.spread(bounds.lb), self.spread(bounds.ub)
        if not isinstance(bounds, list | tuple) or len(bounds) != 2:
            raise ShapeError(
                f"bounds={bounds!r:.60} is not a pair", "give `(lower, upper)`: numbers, or trees built like `x0`."
            )
        found = []
        for side, free in zip(bounds, (-np.inf, np.inf), strict=True):
            values = np.full(self.size, free)
            if isinstance(side, _NUMBERS):
                values[:] = side
            else:
                for place, shape, entry, path in self._entries(side, "bounds"):
                    if entry is not None:
                        self._expect_real(place, shape, path)
                        values[place] = _stretched(entry, shape, path)
            found.append(values)
        return tuple(found)

    def spread(self, given: Any) -> Any:
        """An entry for each coordinate of what SciPy takes for all of them: one number, a vector, an array like ``x0``.

        Raises:
            ShapeError: it is none of these.
        """
        array = np.asarray(given)
        if array.size == 1:
            return np.full(self.size, array.item())
        if array.shape == (self.size,) or [array.shape] == self._shapes:
            return array.ravel()
        raise ShapeError(
            f"bounds of shape {array.shape} for {self.size} numbers",
            "give one for all, one for each, or a tree of pairs built like `x0`.",
        )

    def _entries(self, given: Any, what: str) -> list[tuple[slice, tuple[int, ...], Any, str]]:
        """The place in the vector, the shape, the entry and its name, for each leaf."""
        entries: list[tuple[int, Any, str]] = []
        _match(tree.unflatten(self._structure, range(len(self._sizes))), given, what, entries)
        starts = np.cumsum([0, *[size * (1 + pair) for size, pair in zip(self._sizes, self._complex, strict=True)]])
        return [(slice(starts[i], starts[i + 1]), self._shapes[i], entry, path) for i, entry, path in entries]

    @staticmethod
    def _expect_real(place: slice, shape: tuple[int, ...], path: str) -> None:
        if place.stop - place.start != int(np.prod(shape)):
            raise DerivativeError(f"{path}: complex numbers have no bounds", "give None there.")

    # Results.

    def result(self, result: Any, gradients: Sequence[str] = ()) -> Any:
        """SciPy's result with ``x``, and what else belongs to it entry by entry, in the tree."""
        if self.plain:
            return result
        made = type(result)(result)
        made["x"] = self.given(result["x"])
        for name in gradients:
            value = made.get(name)
            if isinstance(value, np.ndarray) and value.shape == (self.size,):
                made[name] = self.cotree(value)
        if "allvecs" in made:
            made["allvecs"] = [self.given(x) for x in made["allvecs"]]
        return made


def _match(like: Any, given: Any, what: str, entries: list[tuple[int, Any, str]]) -> None:
    """Walk down two trees, of which the first has integers as leaves; None stands for nothing below."""
    if type(like) is int:
        entries.append((like, given, what))
        return
    children, names = tree.children(like)
    if given is None or not names:
        return
    theirs, their_names = tree.children(given) if type(given) is type(like) else ([], [])
    if sorted(their_names) != sorted(names):
        raise TreeError(
            f"{what} is not built like `x0`: expected a {type(like).__name__} with {', '.join(names)}",
            "give the containers of `x0` with a pair, or None, for each array or number.",
        )
    found = dict(zip(their_names, theirs, strict=True))
    for child, name in zip(children, names, strict=True):
        _match(child, found[name], what + name, entries)


def _stretched(side: Any, shape: tuple[int, ...], path: str) -> Any:
    """A bound for each number of a leaf.

    Raises:
        ShapeError: it does not fit.
    """
    try:
        return np.ravel(np.broadcast_to(np.asarray(side, np.float64), shape))
    except ValueError:
        raise ShapeError(
            f"{path}: a bound of shape {np.shape(side)} for shape {shape}", "give one number, or one for each entry."
        ) from None


def refuse_traced(what: str) -> None:
    """SciPy's methods need plain numbers.

    Raises:
        TracedValueError: always.
    """
    raise TracedValueError(
        f"{what} is traced by another transform, but SciPy's methods need plain numbers",
        "a solution is differentiated by what it solves: `functrans.custom_root` of its gradient or residual, with "
        "this call as the solver (docs/implicit.md).",
    )


def of_one(
    fun: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any] | None = None
) -> Callable[[Any], Any]:
    """The function of its first argument alone, the name of the user's in errors."""
    keywords = kwargs or {}

    def of_first(x: Any) -> Any:
        return fun(x, *args, **keywords)

    of_first.__name__ = getattr(fun, "__name__", type(fun).__name__)
    of_first.__wrapped__ = fun  # type: ignore[attr-defined]
    return of_first
