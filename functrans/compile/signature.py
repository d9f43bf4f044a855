"""What a jitted function is traced for: the structure of its arguments, their shapes and dtypes."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np

from functrans import tree
from functrans.errors import TreeError, describe_function
from functrans.ir import ArraySpec
from functrans.tracing.tracer import Tracer

#: Static arguments: position or name, and value.
Fixed: TypeAlias = Sequence[tuple[int | str, Any]]


def signature(value: Any, leaves: list[Any]) -> Any:
    """Equal for values that one program does for; the leaves are added to a list, in the order of ``tree.flatten``.

    Raises:
        TreeError: a leaf is no array of numbers; :meth:`Statics.explained` says whose.
    """
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
        if cls is not Tracer and (isinstance(value, np.matrix) or cls.__module__.startswith("numpy.ma")):
            raise TreeError(
                f"is a {cls.__name__}, whose arithmetic is not that of arrays",
                "give arrays: `np.asarray(a)`; masks by themselves, for `np.where(mask, a, b)`.",
            )
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
            f"is {_a(cls.__name__)}, neither numbers nor a container of them",
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
    """Which arguments are static: a program is made for each of their values.

    Attributes:
        nums: positions, from the end where the function's signature does not tell how many there are.
        names: names of those that are given by keyword.
    """

    __slots__ = ("_f", "_ordered", "_parameters", "names", "nums")

    def __init__(self, f: Callable[..., Any], nums: int | Iterable[int], names: str | Iterable[str]) -> None:
        self._f = f
        try:
            given = [operator.index(n) for n in (nums if isinstance(nums, Iterable) else [nums])]
        except TypeError:
            raise TypeError(f"static_argnums={nums!r}: positions are integers, or several") from None
        named = [names] if isinstance(names, str) else list(names) if isinstance(names, Iterable) else [names]
        if not all(isinstance(name, str) for name in named):
            raise TypeError(f"static_argnames={names!r}: names are strings, or several")
        self.nums, self.names = tuple(given), frozenset(named)
        #: Whether the function sees in which order arguments were given by name.
        self._ordered = True
        #: By position, the name of an argument that can be given either way.
        self._parameters: list[str | None] = []
        self._resolve()

    def _resolve(self) -> None:
        """A position names an argument that may come by keyword too, and a name one that may come by position."""
        try:
            parameters = list(inspect.signature(self._f).parameters.values())
        except (TypeError, ValueError):
            return
        kinds = {p.kind for p in parameters}
        places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        self._ordered = inspect.Parameter.VAR_KEYWORD in kinds
        self._parameters = [p.name if p.kind is p.POSITIONAL_OR_KEYWORD else None for p in places]
        nums: set[int] = set()
        for num in self.nums:
            if not -len(places) <= num < len(places) and (inspect.Parameter.VAR_POSITIONAL not in kinds or num < 0):
                raise ValueError(
                    f"static_argnums={num}, but {describe_function(self._f)} has {len(places)} positional arguments"
                )
            nums.add(num + len(places) if num < 0 else num)
        known = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        for name in self.names:
            if name not in known and not self._ordered:
                raise ValueError(
                    f"static_argnames={name!r}, but the arguments of {describe_function(self._f)} that can be given by "
                    f"name are {', '.join(p.name for p in parameters if p.name in known) or 'none'}"
                )
        both = {name for num, name in enumerate(self._parameters) if name and (num in nums or name in self.names)}
        self.names |= both
        self.nums = tuple(sorted(nums | {num for num, name in enumerate(self._parameters) if name in both}))

    def split(self, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, Any, Fixed, Any]:
        """``(dynamic args, dynamic kwargs, statics, key)``; the key tells statics apart by type and value.

        Raises:
            TreeError: a static argument is not hashable.
        """
        names: Iterable[str] = kwargs if self._ordered or len(kwargs) < 2 else sorted(kwargs)
        if not self.nums and self.names.isdisjoint(kwargs):
            return args, {name: kwargs[name] for name in names}, (), ()
        nums = {num % len(args) for num in self.nums if -len(args) <= num < len(args)}
        fixed: list[tuple[int | str, Any]] = [(i, args[i]) for i in sorted(nums)]
        fixed += [(name, kwargs[name]) for name in kwargs if name in self.names]
        key = []
        for place, value in fixed:
            try:
                hash(value)
            except TypeError:
                raise TreeError(
                    f"the static argument {self.name(place)} of {describe_function(self._f)} is "
                    f"{_a(type(value).__name__)}, which does not hash",
                    "static values are told apart by `==` and `hash`: give a tuple in place of a list, or do not name "
                    "it in `static_argnums=` or `static_argnames=`.",
                ) from None
            key.append((place, static_key(value)))
        dynamic = tuple([arg for i, arg in enumerate(args) if i not in nums])
        return dynamic, {k: kwargs[k] for k in names if k not in self.names}, tuple(fixed), tuple(key)

    def name(self, place: int | str) -> str:
        """What errors call an argument."""
        known = place if isinstance(place, str) else dict(enumerate(self._parameters)).get(place)
        return f"`{known}`" if known else f"{place}"

    def explained(self, args: Sequence[Any], kwargs: dict[str, Any], error: TreeError) -> TreeError:
        """An error of :func:`signature`, which says whose argument it was."""
        places: list[tuple[int | str, Any]] = [*enumerate(args), *kwargs.items()]
        for place, value in places:
            if place not in self.nums and place not in self.names:
                try:
                    signature(value, [])
                except TreeError as found:
                    function = describe_function(self._f)
                    what = f"the argument {self.name(place)} of {function}, which is jitted, {found.what}"
                    own = place == 0 and self.name(0) == "`self`"
                    fix = f"a method: `@functrans.jit(static_argnums=0)`; {found.fix}"
                    return TreeError(what, fix if own else found.fix, found.where or False)
        return error

    @staticmethod
    def call(f: Callable[..., Any], dynamic: Sequence[Any], kwargs: dict[str, Any], fixed: Fixed) -> Any:
        """``f`` of what :meth:`split` gave."""
        args = list(dynamic)
        named = dict(kwargs)
        for key, value in fixed:  # in the order of their positions
            if isinstance(key, int):
                args.insert(key, value)
            else:
                named[key] = value
        return f(*args, **named)


def static_key(value: Any) -> Any:
    """Equal for static values that are the same to the bit: 1, True and 1.0 are three, 0.0 and -0.0 two."""
    cls = type(value)
    if cls is float or cls is complex:
        return cls, repr(value)
    if isinstance(value, np.generic):
        return cls, value.dtype, value.tobytes()
    if isinstance(value, tuple):
        return (cls, *[static_key(entry) for entry in value])
    return cls, value


def _a(name: str) -> str:
    return f"{'an' if name[:1] in 'aeioAEIO' else 'a'} {name}"
