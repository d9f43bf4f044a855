"""What a jitted function reads beside its arguments: arrays and traced values that become inputs of the program."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from weakref import ref

import numpy as np

from functrans.compile.surroundings import may_change, owner
from functrans.errors import TracedAssignmentError, describe_function
from functrans.ir import Atom, Equation, Literal, Var
from functrans.tracing.trace import COMPILING, StagedRecorder
from functrans.tracing.tracer import Tracer


class CapturingRecorder(StagedRecorder):
    """A staged trace that knows which of the arrays it has read belong to somebody else."""

    __slots__ = ("_changed", "_views", "copies")

    def __init__(self, transform: str, function: Callable[..., Any]) -> None:
        super().__init__(transform, function)
        self._changed: list[Any] = []
        self._views: dict[int, tuple[Any, Any]] = {}
        #: Copies that transforms in the function have taken, and of what.
        self.copies: dict[int, tuple[Any, Any]] = {}

    def run(self, function: Callable[..., Any], args: Sequence[Any]) -> Any:
        token = COMPILING.set(self)
        try:
            return super().run(function, args)
        finally:
            COMPILING.reset(token)

    def snapshot(self, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        copied, original = self.copies.get(id(owner(array)), (None, None))
        if original is not None:
            if original.tobytes() != copied.tobytes():
                self._changed.append(ref(original))
            elif original.strides == copied.strides:
                if id(array) not in self._views:
                    self._views[id(array)] = (array, _elsewhere(array, copied, original))
                array = self._views[id(array)][1]
        known = self.constants.get(id(array))
        taken = super().snapshot(array)
        if known is not None and known[1] is not taken:
            self._changed.append(ref(array))
        return taken

    def captured(self) -> dict[int, np.ndarray[Any, Any]]:
        """By the identity of the copies that the program holds: the arrays that still live, and may be written into.

        An array that the function has made itself is gone with its frame; one that lives on, or is a view of one that
        does, is read afresh at every call.

        Raises:
            TracedAssignmentError: one of them was written into between two operations that read it.
        """
        watched = [(_Place(array), taken) for array, taken in self.constants.values() if may_change(array)]
        self.constants.clear()
        self.copies.clear()
        self._views.clear()
        if any(alive() is not None for alive in self._changed):
            raise TracedAssignmentError(
                f"{describe_function(self.function)} wrote into an array that it closes over, and read it before and "
                "after: the compiled program would do so no more",
                "make a new array instead, or write with `functrans.numpy.at(x)[i].set(value)`.",
            )
        return {id(taken): array for place, taken in watched if (array := place.array()) is not None}


class _Place:
    """Where an array is, without keeping it alive."""

    __slots__ = ("_address", "_array", "_dtype", "_owner", "_shape", "_strides")

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        base = owner(array)
        self._array, self._owner = ref(array), None if base is array or base.base is not None else ref(base)
        self._shape, self._strides, self._dtype = array.shape, array.strides, array.dtype
        self._address = _address(array)

    def array(self) -> np.ndarray[Any, Any] | None:
        """The array, or the same view of the array that it looked into; None if that is gone."""
        alive = self._array()
        if alive is not None or self._owner is None:
            return alive
        base = self._owner()
        if base is None:
            return None
        memory = base.ravel(order="K")
        if not np.may_share_memory(memory, base):  # it has gaps, so somebody else owns it
            return None
        start = self._address - _address(memory)
        return np.ndarray(self._shape, self._dtype, memory, start, self._strides)


def _elsewhere(view: np.ndarray[Any, Any], base: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> Any:
    """What a view of one array is of another one that lies in memory as that does."""
    if view is base:
        return other
    memory = other.ravel(order="K")
    return np.ndarray(view.shape, view.dtype, memory, _address(view) - _address(base.ravel(order="K")), view.strides)


def _address(array: np.ndarray[Any, Any]) -> int:
    return int(array.__array_interface__["data"][0])


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
        e.changed(inputs=[opened(a) for a in e.inputs]) if any(isinstance(a, Literal) for a in e.inputs) else e
        for e in equations
    ]
    outs = [opened(atom) for atom in outputs]
    return [var for var, _ in found.values()], [value for _, value in found.values()], made, outs
