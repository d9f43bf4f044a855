"""Python that computes a derivative, written out for a report."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from functrans import tree
from functrans.ir.spec import ArraySpec
from functrans.testing.smallest import Setting
from functrans.testing.subject import Leaves, Subject

#: Arrays of more entries are written out only where all but a few are zero.
_LONGEST, _FEW = 60, 8


class Names:
    """How the leaves of arguments and outputs are called."""

    def __init__(self, subject: Subject) -> None:
        self.parameters = _parameters(subject)
        paths = [
            f"`{name}`{path}"
            for name, child in zip(self.parameters, subject.structure.children, strict=True)
            for path in tree.paths(child)
        ]
        self.arguments = [paths[i] for i in subject.moving]
        paths = tree.paths(subject.out_structure)
        self.outputs = [paths[i] for i in subject.outputs]
        self.values = [tree.flatten(subject.out)[0][i] for i in subject.outputs]
        self.bare = len(paths) == 1 and not paths[0]


def _parameters(subject: Subject) -> list[str]:
    """The arguments' names, all different: those of the signature, else their positions."""
    count = len(subject.structure.children)
    names: list[str] = []
    try:
        for parameter in inspect.signature(subject.f).parameters.values():
            if parameter.kind is parameter.VAR_POSITIONAL:
                names += [f"{parameter.name}{i}" for i in range(count - len(names))]
            elif parameter.kind is not parameter.KEYWORD_ONLY:
                names.append(parameter.name)
    except (TypeError, ValueError):
        pass
    names = names[:count]
    names += [f"arg{i}" for i in range(len(names), count)]
    return names if len(set(names)) == count else [f"arg{i}" for i in range(count)]


def index_of(like: Any, entry: int) -> tuple[int, ...]:
    """The index of an entry that is counted in C order."""
    return tuple(int(i) for i in np.unravel_index(entry, np.shape(like)))


def snippet(subject: Subject, names: Names, setting: Setting) -> str | None:
    """Python that computes the derivative; None where the arguments cannot be written out."""
    try:
        return "\n".join(_lines(subject, names, setting))
    except _Unprintable:
        return None


class _Unprintable(Exception):  # noqa: N818 (caught above)
    pass


def _lines(subject: Subject, names: Names, setting: Setting) -> list[str]:
    leaves = list(subject.leaves)
    for i, x in zip(subject.moving, setting.point, strict=True):
        leaves[i] = x
    arguments = tree.unflatten(subject.structure, leaves)
    moves = _moving_arguments(subject)
    function = getattr(subject.f, "__name__", "f")
    f = function if function.isidentifier() else "f"
    rows = [f"{name} = {literal(arg)}" for name, arg in zip(names.parameters, arguments, strict=True)]
    moving = [name for name, moves_too in zip(names.parameters, moves, strict=True) if moves_too]
    given = ", ".join(moving)
    if not all(moves):
        rows.append(f"g0 = lambda {given}: {f}({', '.join(names.parameters)})")
        f = "g0"
    gradient = False
    comma = "," if len(moving) == 1 else ""
    for level, (mode, vector) in enumerate((*setting.steps, (setting.mode, setting.v)), 1):
        last = level == len(setting.steps) + 1
        if mode == "forward":
            call = f"ft.jvp({f}, ({given}{comma}), {_tangent(subject, moves, vector)})[1]"
        else:
            weights = setting.w if last else vector
            assert weights is not None
            call = f"ft.vjp({f}, {given})[1]({_cotangent(subject, moves, weights, gradient)})"
            gradient = True
        rows.append(call if last else f"g{level} = lambda {given}: {call}")
        f = f"g{level}"
    return rows


def _moving_arguments(subject: Subject) -> list[bool]:
    """Which arguments move, with all of their leaves."""
    moving, found, start = set(subject.moving), [], 0
    for child in subject.structure.children:
        inside = [i in moving for i in range(start, start + child.size)]
        if any(inside) and not all(inside):
            raise _Unprintable
        found.append(any(inside))
        start += child.size
    return found


def _tangent(subject: Subject, moves: list[bool], vector: Leaves) -> str:
    leaves: list[Any] = [None] * len(subject.leaves)
    for i, x in zip(subject.moving, vector, strict=True):
        leaves[i] = x
    whole = tree.unflatten(subject.structure, leaves)
    return literal(tuple(dx for dx, moves_too in zip(whole, moves, strict=True) if moves_too))


def _cotangent(subject: Subject, moves: list[bool], vector: Leaves, gradient: bool) -> str:
    if gradient:
        return _tangent(subject, moves, vector)
    leaves = [np.zeros_like(leaf) if ArraySpec.of(leaf).dtype.kind in "biu" else leaf for leaf in _outs(subject)]
    for i, x in zip(subject.outputs, vector, strict=True):
        leaves[i] = x
    return literal(tree.unflatten(subject.out_structure, leaves))


def _outs(subject: Subject) -> list[Any]:
    return tree.flatten(subject.out)[0]


def literal(value: Any) -> str:
    """A tree of arrays as Python.

    Raises:
        _Unprintable: it holds something else, or a large array.
    """
    kind = type(value)
    if kind in (tuple, list):
        inside = ", ".join(map(literal, value))
        return f"[{inside}]" if kind is list else f"({inside}{',' if len(value) == 1 else ''})"
    if kind is dict:
        return "{" + ", ".join(f"{key!r}: {literal(entry)}" for key, entry in value.items()) + "}"
    if value is None or kind in (bool, int, str):
        return repr(value)
    if kind in (float, complex):
        return _named(repr(value))
    if isinstance(value, np.generic) and value.dtype.kind in "biufc":
        return f"np.{kind.__name__}({_named(repr(value.item()))})"
    if kind is np.ndarray and value.dtype.kind in "biufc":
        return _array(value)
    raise _Unprintable


def _named(numbers: str) -> str:
    return numbers.replace("nan", "np.nan").replace("inf", "np.inf")


def _array(value: np.ndarray[Any, Any]) -> str:
    given = "" if value.dtype in (np.float64, np.complex128, np.int64, np.bool_) else f", np.{value.dtype.name}"
    if not value.size or value.size > _LONGEST:
        places = np.flatnonzero(value)
        if len(places) > _FEW:
            raise _Unprintable
        made = f"np.zeros({value.shape}{', ' + f'np.{value.dtype.name}' if value.dtype != np.float64 else ''})"
        for place in places:
            index = ", ".join(map(str, index_of(value, int(place))))
            made = f"ft.numpy.at({made})[{index}].set({_named(repr(np.ravel(value)[place].item()))})"
        return made
    return f"np.array({_named(repr(value.tolist()))}{given})"
