"""What a jitted function reads beside its arguments: arrays, numbers, objects in its closure and among its globals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any
from weakref import ref

import numpy as np

from functrans import tree
from functrans.errors import TracedAssignmentError, describe_function
from functrans.ir import Atom, Equation, Literal, Var
from functrans.tracing.trace import StagedRecorder
from functrans.tracing.tracer import Tracer


class CapturingRecorder(StagedRecorder):
    """A staged trace that knows which of the arrays it has read belong to somebody else."""

    __slots__ = ("_changed",)

    def __init__(self, transform: str, function: Callable[..., Any]) -> None:
        super().__init__(transform, function)
        self._changed: list[Any] = []

    def snapshot(self, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        known = self.constants.get(id(array))
        taken = super().snapshot(array)
        if known is not None and known[1] is not taken:
            self._changed.append(ref(array))
        return taken

    def captured(self) -> dict[int, np.ndarray[Any, Any]]:
        """By the identity of the copies that the program holds: the arrays that still live, and may be written into.

        An array that the function has made itself is gone with its frame; one that lives on is read afresh at every
        call.

        Raises:
            TracedAssignmentError: one of them was written into between two operations that read it.
        """
        watched = [(ref(array), taken) for array, taken in self.constants.values() if _may_change(array)]
        self.constants.clear()
        if any(alive() is not None for alive in self._changed):
            raise TracedAssignmentError(
                f"{describe_function(self.function)} wrote into an array that it closes over, and read it before and "
                "after: the compiled program would do so no more",
                "make a new array instead, or write with `functrans.numpy.at(x)[i].set(value)`.",
            )
        return {id(taken): array for alive, taken in watched if (array := alive()) is not None}


def _may_change(array: np.ndarray[Any, Any]) -> bool:
    owner: Any = array
    while type(owner) is np.ndarray:
        if owner.flags.writeable:
            return True
        owner = owner.base
    return False


def lifted(
    equations: list[Equation], outputs: list[Atom], captured: Mapping[int, Any]
) -> tuple[list[Var], list[Any], list[Equation], list[Atom]]:
    """A program's captured constants as inputs: the variables, what they stand for now, the program.

    Traced values of outer transforms are among them.
    """
    found: dict[int, tuple[Var, Any]] = {}

    def opened(atom: Atom) -> Atom:
        if not isinstance(atom, Literal):
            return atom
        value = atom.value if type(atom.value) is Tracer else captured.get(id(atom.value))
        if value is None:
            return atom
        if id(atom.value) not in found:
            found[id(atom.value)] = (Var(atom.spec), value)
        return found[id(atom.value)][0]

    made = [
        Equation(e.primitive, [opened(a) for a in e.inputs], e.outputs, e.params, e.location)
        if any(isinstance(a, Literal) for a in e.inputs)
        else e
        for e in equations
    ]
    outs = [opened(atom) for atom in outputs]
    return [var for var, _ in found.values()], [value for _, value in found.values()], made, outs


_MISSING = object()
_SKIPPED = (ModuleType, type, BuiltinFunctionType, np.ufunc)
_OWN = ("functrans", "numpy", "scipy")


class _Leaves:
    """The leaves of a container, compared by identity."""

    __slots__ = ("_leaves",)

    def __init__(self, value: Any) -> None:
        self._leaves = tree.flatten(value)[0]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Leaves) and list(map(id, self._leaves)) == list(map(id, other._leaves))

    __hash__ = None  # type: ignore[assignment]


_COMPARED = (float, int, bool, complex, str, _Leaves)


class Surroundings:
    """The values that a function's closure and globals held when it was traced."""

    __slots__ = ("_known",)

    def __init__(self, known: list[tuple[str, Callable[[], Any], Any]]) -> None:
        self._known = known

    def changed(self) -> str | None:
        """The name of one that has been replaced since."""
        for name, read, then in self._known:
            now = read()
            if now is not then and not (type(now) in _COMPARED and type(then) is type(now) and now == then):
                return name
        return None


def surroundings(f: Callable[..., Any]) -> Surroundings | None:
    """What a function closes over, and the globals that it names, that could be replaced by something else.

    Arrays that are written into are no concern: they are read at every call.
    """
    known = [(name, read, value) for name, read, value in _values(f, set()) if value is not _MISSING]
    return Surroundings(known) if known else None


def _values(f: Any, seen: set[int]) -> Iterator[tuple[str, Callable[[], Any], Any]]:
    """Name, how to read it, and the value now, of all data that ``f`` and the functions that it holds see."""
    if id(f) in seen:
        return
    seen.add(id(f))
    if isinstance(f, MethodType):
        yield from _attributes(f.__self__, seen)
        yield from _values(f.__func__, seen)
    elif isinstance(f, FunctionType):
        for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
            yield from _value(name, _cell_reader(cell), seen)
        if f.__module__.partition(".")[0] not in _OWN:
            for name in _global_names(f.__code__):
                if name in f.__globals__:
                    yield from _value(name, _global_reader(f.__globals__, name), seen)
    else:
        for name in ("__wrapped__", "func"):  # jit, functools.partial
            if callable(inner := getattr(f, name, None)):
                yield from _values(inner, seen)
                return
        yield from _attributes(f, seen)


def _value(name: str, read: Callable[[], Any], seen: set[int]) -> Iterator[tuple[str, Callable[[], Any], Any]]:
    value = read()
    if isinstance(value, FunctionType | MethodType):
        yield from _values(value, seen)
    elif isinstance(value, dict | list):
        yield name, read, value
        if len(value) <= 1000:
            yield name, lambda: _Leaves(read()), _Leaves(value)
    elif type(value) is Tracer or isinstance(value, _SKIPPED):
        return
    elif callable(value):
        yield from _values(value, seen)
    else:
        yield name, read, value


def _attributes(obj: Any, seen: set[int]) -> Iterator[tuple[str, Callable[[], Any], Any]]:
    for name in getattr(obj, "__dict__", ()):
        yield from _value(f"self.{name}", _attribute_reader(obj, name), seen)


def _cell_reader(cell: Any) -> Callable[[], Any]:
    def read() -> Any:
        try:
            return cell.cell_contents
        except ValueError:  # not bound yet
            return _MISSING

    return read


def _global_reader(space: Mapping[str, Any], name: str) -> Callable[[], Any]:
    return lambda: space.get(name, _MISSING)


def _attribute_reader(obj: Any, name: str) -> Callable[[], Any]:
    return lambda: obj.__dict__.get(name, _MISSING)


def _global_names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _global_names(constant)
