"""What a jitted function sees beside its arguments and its frame: closures, globals, attributes, and their entries."""

from __future__ import annotations

import math
import sys
from collections import UserDict, UserList, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from operator import is_
from types import BuiltinFunctionType, CodeType, FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import Any

import numpy as np

from functrans.errors import is_library
from functrans.tracing.tracer import Tracer

_MISSING: Any = object()
_PLAIN = frozenset([Tracer, float, int, bool, complex, str, bytes, type(None), type(Ellipsis), slice, range, np.dtype])
#: Names that say that attributes are read by names which the code does not show.
_DYNAMIC = frozenset(["getattr", "vars", "__dict__", "attrgetter"])
#: Names in code that makes plain numbers of arrays, perhaps.
_CONVERSIONS = frozenset(["float", "int", "bool", "complex", "item", "tolist", "any", "all", "allclose", "array_equal"])
#: Methods that make an object, and are not called on one that is there.
_MAKING = frozenset(["__init__", "__new__", "__post_init__", "__init_subclass__"])
#: So many objects are looked at, at most.
_MOST = 20_000
#: An array with more bytes that the program reads itself is compared only if something else depends on it, it seems.
_SMALL = 4096


class Surroundings:
    """What a function saw when it was traced; :meth:`changed` tells whether that is still there."""

    __slots__ = ("_arrays", "_cells", "_containers", "_converts", "_defaults", "_entries", "_slots", "_watched")

    def __init__(self, walk: _Walk) -> None:
        self._entries, self._cells, self._slots = walk.entries, walk.cells, walk.slots
        self._containers, self._defaults = walk.containers, walk.defaults
        self._arrays = list(walk.arrays.values())
        self._converts = not _CONVERSIONS.isdisjoint(walk.names)
        #: Name, array, what it held then, whether the program reads the array itself.
        self._watched: list[tuple[str, np.ndarray[Any, Any], Any, bool]] = []

    def watch(self, captured: Iterable[Any], made: bool) -> None:
        """Take down what arrays hold that may have been read by NumPy alone, before a traced value met the result.

        Args:
            captured: arrays that the program reads itself, at every call.
            made: whether the program has constants that may have been computed from other arrays.
        """
        read = {id(owner(value)) for value in captured if type(value) is not Tracer}
        for name, array in self._arrays:
            direct = id(owner(array)) in read
            if not direct or made or self._converts or array.nbytes <= _SMALL:
                self._watched.append((name, array, _held(array), direct))

    def spare(self, then: Surroundings) -> None:
        """The same program came out again: what the program reads itself, and has changed, matters to nothing else."""
        changed = {id(array) for _, array, before, direct in then._watched if direct and not _holds(array, before)}
        unwatched = {id(a) for _, a in then._arrays} - {id(a) for _, a, _, _ in then._watched}
        spared = changed | unwatched
        self._watched = [row for row in self._watched if not (row[3] and id(row[1]) in spared)]

    def empty(self) -> bool:
        """Whether there is nothing that could change."""
        return not (self._entries or self._cells or self._slots or self._containers or self._defaults or self._watched)

    def changed(self) -> str | None:
        """What has changed, in words."""
        for name, space, key, then in self._entries:
            now = space.get(key, _MISSING)
            if now is not then and not _same(now, then):
                return _replaced(name)
        for name, cell, then in self._cells:
            now = _content(cell)
            if now is not then and not _same(now, then):
                return _replaced(name)
        for container in self._containers:
            if container.changed():
                return f"entries of `{container.name}`, which it closes over, were replaced"
        for name, obj, key, then in self._slots:
            now = getattr(obj, key, _MISSING)
            if now is not then and not _same(now, then):
                return _replaced(name)
        for name, function, then in self._defaults:
            if function.__defaults__ is not then:
                return _replaced(name)
        for name, array, before, _ in self._watched:
            if not _holds(array, before):
                return f"`{name}`, which it closes over, was written into"
        return None


def _held(array: np.ndarray[Any, Any]) -> Any:
    """What an array holds: bytes, or for a large one words, which are compared faster than they are copied."""
    large = array.nbytes > 1 << 16 and array.flags.c_contiguous and array.dtype.itemsize % 8 == 0
    return array.view(np.uint64).copy() if large else array.tobytes()


def _holds(array: np.ndarray[Any, Any], then: Any) -> bool:
    if type(then) is bytes:
        return array.tobytes() == then
    return np.array_equal(array.view(np.uint64), then)


def _replaced(name: str) -> str:
    return f"`{name}`, which it closes over, was replaced"


def surroundings(f: Callable[..., Any], statics: Sequence[Any] = ()) -> Surroundings:
    """What a function and its static arguments refer to that could be replaced by something else."""
    walk = _Walk()
    if not isinstance(f, FunctionType | MethodType) and callable(f):
        walk.value("self", f)
    else:
        walk.value(getattr(f, "__name__", "f"), f)
    for value in statics:
        walk.value("self" if hasattr(value, "__dict__") and not callable(value) else "static", value)
    walk.attributes()
    return Surroundings(walk)


def owner(array: Any) -> Any:
    """Whose memory an array looks into."""
    while isinstance(base := getattr(array, "base", None), np.ndarray):
        array = base
    return array


def may_change(array: np.ndarray[Any, Any]) -> bool:
    """Whether somebody can write into it, or into what it looks into."""
    owner: Any = array
    while isinstance(owner, np.ndarray):
        if owner.flags.writeable:
            return True
        owner = owner.base
    return False


class _Items:
    """A list, dict, set or the like, and what it held."""

    __slots__ = ("_container", "_keys", "_values", "name")

    def __init__(self, name: str, container: Any) -> None:
        self.name, self._container = name, container
        self._keys = list(container) if isinstance(container, dict) else None
        self._values = list(container.values()) if isinstance(container, dict) else type(container)(container)

    def changed(self) -> bool:
        """Whether it holds something else now."""
        container, then = self._container, self._values
        if len(container) != len(then):
            return True
        if isinstance(container, set | bytearray):
            return bool(container != then)
        if self._keys is not None:
            if not all(map(is_, container, self._keys)) and list(container) != self._keys:
                return True
            container = container.values()
        return not all(map(is_, container, then)) and not all(map(_same, container, then))


class _Walk:
    """Goes through all that a function refers to."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, Mapping[str, Any], str, Any]] = []
        self.cells: list[tuple[str, Any, Any]] = []
        self.slots: list[tuple[str, Any, str, Any]] = []
        self.containers: list[_Items] = []
        self.defaults: list[tuple[str, Any, Any]] = []
        self.arrays: dict[int, tuple[str, np.ndarray[Any, Any]]] = {}
        self._seen: dict[int, Any] = {}
        self.names: set[str] = set()
        #: What has attributes, all of which count or only those that some code names; and those that are known.
        self._holders: list[tuple[str, Any, bool, set[str]]] = []

    def value(self, name: str, value: Any) -> None:
        """Something that the function can see under this name."""
        cls = type(value)
        if cls in _PLAIN or id(value) in self._seen or len(self._seen) > _MOST:
            return
        self._seen[id(value)] = value
        if isinstance(value, np.ndarray):
            if may_change(value) and value.dtype.kind in "biufc":
                self.arrays[id(value)] = (name, value)
        elif cls is FunctionType:
            self._function(value)
        elif cls is MethodType:
            self.value("self", value.__self__)
            self.value(name, value.__func__)
        elif isinstance(value, UserDict | UserList):
            self.value(name, value.data)
        elif isinstance(value, dict | list | set | deque | bytearray):
            self.containers.append(_Items(name, value))
            for key, entry in value.items() if isinstance(value, dict) else enumerate(value):
                self.value(f"{name}[{key!r:.40}]", entry)
        elif isinstance(value, tuple | frozenset):
            for key, entry in enumerate(value):
                self.value(f"{name}[{key}]", entry)
        elif isinstance(value, partial):
            for part in (value.func, *value.args, *value.keywords.values()):
                self.value(name, part)
        elif isinstance(value, staticmethod | classmethod):
            self.value(name, value.__func__)
        elif isinstance(value, property | cached_property):
            self.value(name, value.fget if isinstance(value, property) else value.func)
        elif not isinstance(value, BuiltinFunctionType | np.ufunc | np.generic):
            self._object(name, value)

    def _object(self, name: str, value: Any) -> None:
        foreign = _is_foreign(value if isinstance(value, type | ModuleType) else type(value))
        if foreign and callable(inner := getattr(value, "__wrapped__", None)):
            self.value(name, inner)
        elif not foreign or not isinstance(value, type | ModuleType):
            everything = (foreign and callable(value)) or hasattr(type(value), "__dataclass_fields__")
            self._holders.append((name, value, everything, set()))

    def _function(self, f: FunctionType) -> None:
        foreign = is_library(f.__code__.co_filename)
        if foreign and callable(inner := getattr(f, "__wrapped__", None)):
            self.value(f.__name__, inner)
            return
        for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
            then = _content(cell)
            if not foreign:
                self.cells.append((name, cell, then))
            if not (foreign and isinstance(then, dict | list | set)):
                self.value(name, then)
        if foreign:
            return
        names = set(_names(f.__code__))
        self.names |= names
        for name in sorted(names & f.__globals__.keys()):
            self._entry(name, f.__globals__, name)
        if f.__defaults__:
            self.defaults.append((f"{f.__name__}.__defaults__", f, f.__defaults__))
            arguments = f.__code__.co_varnames[: f.__code__.co_argcount]
            for name, value in zip(arguments[-len(f.__defaults__) :], f.__defaults__, strict=True):
                self.value(name, value)
        for name in f.__kwdefaults__ or ():
            self._entry(name, f.__kwdefaults__, name)  # type: ignore[arg-type]
        if f.__dict__:
            self._holders.append((f.__name__, f, False, set()))

    def _entry(self, name: str, space: Mapping[str, Any], key: str) -> None:
        then = space.get(key, _MISSING)
        if isinstance(then, ModuleType):
            if not _is_foreign(then):
                self.value(name, then)
            return
        self.entries.append((name, space, key, then))
        self.value(name, then)

    def attributes(self) -> None:
        """Go through the attributes that the code names: it may be found in attributes in turn."""
        before = None
        while before != (len(self.names), len(self._holders)):
            before = (len(self.names), len(self._holders))
            for name, obj, everything, known in list(self._holders):
                self._of_holder(name, obj, everything or not _DYNAMIC.isdisjoint(self.names), known)

    def _of_holder(self, name: str, obj: Any, everything: bool, known: set[str]) -> None:
        own = getattr(obj, "__dict__", {})
        if not isinstance(obj, type):
            for key in own if everything else own.keys() & self.names:
                if key not in known and not key.startswith("__"):
                    known.add(key)
                    self._entry(f"{name}.{key}", own, key)
        if isinstance(obj, ModuleType):
            return
        order = (obj if isinstance(obj, type) else type(obj)).__mro__
        for cls in order:
            if _is_foreign(cls):
                continue
            for key, then in list(vars(cls).items()):
                special = key.startswith("__") and isinstance(then, FunctionType)
                special = special and (key not in _MAKING or isinstance(obj, type))
                if key in known or not (special or key in self.names):
                    continue
                known.add(key)
                label = f"{name}.{key}"
                if special:
                    self.value(label, then)
                elif isinstance(then, MemberDescriptorType):
                    if not isinstance(obj, type):
                        self.slots.append((label, obj, key, getattr(obj, key, _MISSING)))
                        self.value(label, getattr(obj, key, None))
                else:
                    if not isinstance(obj, type):
                        self.entries.append((label, own, key, _MISSING))
                    for nearer in order[: order.index(cls)]:  # a class that may come to have it, too
                        if not _is_foreign(nearer):
                            self.entries.append((label, vars(nearer), key, _MISSING))
                    self._entry(label, vars(cls), key)


def _is_foreign(value: Any) -> bool:
    """Whether a class or a module is not the user's."""
    if isinstance(value, ModuleType):
        file = getattr(value, "__file__", None)
        return value.__spec__ is not None if file is None else is_library(file)
    if value.__module__ in ("builtins", "numpy"):
        return True
    for function in vars(value).values():
        if isinstance(function, FunctionType):
            return is_library(function.__code__.co_filename)
    module = str(value.__module__).partition(".")[0]
    return module in ("functrans", "numpy", "scipy") or (module in sys.stdlib_module_names and module != "__main__")


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not bound yet
        return _MISSING


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _same(now: Any, then: Any) -> bool:
    """Whether one number, or string, is as good as another: of the same type, and equal to the bit."""
    if now is then:
        return True
    cls = type(now)
    if cls is not type(then):
        return False
    if cls is float:
        return bool(
            (now == then and math.copysign(1.0, now) == math.copysign(1.0, then)) or (now != now and then != then)
        )
    if cls is int or cls is str or cls is bytes:
        return bool(now == then)
    if cls is complex:
        return repr(now) == repr(then)
    return isinstance(now, np.generic) and now.dtype == then.dtype and now.tobytes() == then.tobytes()
