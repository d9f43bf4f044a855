"""What ``check_grads`` says when a derivative is wrong: where, by how much, and a few lines that show it."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans import tree
from functrans.errors import describe_function
from functrans.ir.spec import ArraySpec
from functrans.testing.probes import Finding, Leaves, Subject
from functrans.testing.smallest import Setting, entries

#: Arrays of more entries are written out only where all but a few are zero.
_LONGEST, _FEW = 60, 8


class GradientError(AssertionError):
    """A derivative is wrong, or cannot be judged.

    Attributes:
        kind: ``"wrong"``; ``"modes"``, forward and reverse disagree; ``"precision"``, it is wrong in the arguments' own
            dtype alone; ``"specs"``, it has another shape or dtype; ``"kink"``, no derivative exists there;
            ``"noise"``, the numerical derivative is not good enough to judge by.
        order: the lowest order at which that is so.
        nesting: the modes, the innermost first.
        argument: the argument, and the leaf in it, that it is differentiated in: ``"`params`['w']"``; None if several.
        entry: the entry of that leaf, as an index; None if several.
        found: the number that functrans gives.
        expected: the numerical derivative.
        snippet: Python that computes the number; None where the arguments cannot be written out.
    """

    def __init__(self, message: str, **attributes: Any) -> None:
        super().__init__(message)
        self.kind: str = attributes["kind"]
        self.order: int = attributes["order"]
        self.nesting: tuple[str, ...] = attributes["nesting"]
        self.argument: str | None = attributes["argument"]
        self.entry: tuple[int, ...] | None = attributes["entry"]
        self.found: complex = attributes["found"]
        self.expected: complex = attributes["expected"]
        self.snippet: str | None = attributes["snippet"]


def report(
    subject: Subject, setting: Setting, finding: Finding, failed: int, probes: int, nestings: Sequence[tuple[str, ...]]
) -> GradientError:
    """The error for a finding: ``failed`` of so many ``probes`` of its nesting, and these are all that fail."""
    order = len(setting.steps) + 1
    nesting = (*[mode for mode, _ in setting.steps], setting.mode)
    kind = finding.kind
    if kind == "undecided":
        kind = "kink" if finding.jump else "noise"
    names = Names(subject)
    head = {
        "wrong": "is wrong",
        "modes": "differs between forward and reverse mode",
        "precision": "is wrong in the precision of its arguments",
        "specs": "has another shape or dtype than what it belongs to",
        "kink": "does not exist",
        "noise": "cannot be judged",
    }[kind]
    of = f"The derivative of {describe_function(subject.f)} {head}, at order {order}, {over(nesting)}."
    rows = [of, *_where(names, setting, finding), *_numbers(kind, finding)]
    rows.append(f"  {failed} of {probes} probes fail" + (", the lower orders are right" if order > 1 else ""))
    others = [over(other) for other in nestings if other != nesting]
    if others:
        rows[-1] += "; likewise " + ", ".join(others)
    code = snippet(subject, names, setting)
    if code is None:
        rows.append("  the arguments are too large, or of types that cannot be written out here")
    else:
        rows.append("  the smallest case found:" if kind not in ("kink", "noise") else "  to look at it:")
        rows.append(textwrap.indent(code, "    "))
    leaf, entry = _one(setting.v)
    return GradientError(
        "\n".join(rows),
        kind=kind,
        order=order,
        nesting=nesting,
        argument=None if leaf is None else names.arguments[leaf],
        entry=None if leaf is None else _index(setting.v[leaf], entry),
        found=finding.found,
        expected=finding.expected,
        snippet=code,
    )


def over(nesting: Sequence[str]) -> str:
    """``forward over reverse``: the outermost mode first."""
    said = ["forward against reverse mode" if mode == "both" else mode for mode in reversed(nesting)]
    return " over ".join(said) if len(said) > 1 else said[0] if nesting[0] == "both" else f"{said[0]} mode"


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


def _one(vector: Leaves | None) -> tuple[int | None, int]:
    """The leaf and the entry that alone are not zero."""
    places = [] if vector is None else entries(vector)
    return places[0] if len(places) == 1 else (None, 0)


def _index(like: Any, entry: int) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(entry, np.shape(like)))


def _entry(like: Any, entry: int) -> str:
    return f", entry {list(_index(like, entry))}" if np.shape(like) else ""


def _in(names: Names, v: Leaves) -> str:
    leaf, entry = _one(v)
    if leaf is None:
        return f"in a direction of {len(entries(v))} entries"
    value = complex(np.ravel(v[leaf])[entry])
    turned = ", in the imaginary direction" if value.imag and not value.real else ""
    return f"in argument {names.arguments[leaf]}{_entry(v[leaf], entry)}{turned}"


def _output(names: Names, leaf: int, like: Any, entry: int) -> str:
    name = "the output" if names.bare else f"output {names.outputs[leaf] or leaf}"
    return f"of {name}{_entry(like, entry)}"


def _of(names: Names, w: Leaves, gradient: bool) -> str:
    """What a cotangent weights: an entry of the outputs, or of the gradient that an inner step gave."""
    leaf, entry = _one(w)
    if gradient:
        if leaf is None:
            return "of a weighted sum of that gradient"
        return f"of that gradient's entry for argument {names.arguments[leaf]}{_entry(w[leaf], entry)}"
    return "of a weighted sum of the outputs" if leaf is None else _output(names, leaf, w[leaf], entry)


def _where(names: Names, setting: Setting, finding: Finding) -> list[str]:
    rows, gradient = [], False
    for level, (mode, vector) in enumerate(setting.steps, 1):
        if mode == "forward":
            rows.append(f"  order {level}, forward: the derivative {_in(names, vector)}")
        else:
            rows.append(f"  order {level}, reverse: the gradient {_of(names, vector, gradient)}")
            gradient = True
    at = f"  order {len(setting.steps) + 1}: " if setting.steps else "  "
    row = f"{at}{_in(names, setting.v)}"
    if setting.w is not None:
        row += f", {_of(names, setting.w, gradient)}"
    elif finding.entry is not None:
        leaf, entry, like = _place(setting, names, gradient, finding.entry)
        if gradient:
            row += f", of that gradient's entry for argument {names.arguments[leaf]}{_entry(like, entry)}"
        else:
            row += f", {_output(names, leaf, like, entry)}"
    return [*rows, row]


def _place(setting: Setting, names: Names, gradient: bool, entry: int) -> tuple[int, int, Any]:
    """The leaf and the entry in it of an entry of all outputs."""
    leaves = setting.point if gradient else names.values
    for leaf, like in enumerate(leaves):
        if entry < np.size(like):
            return leaf, entry, like
        entry -= np.size(like)
    raise IndexError(entry)


def _number(x: Any) -> str:
    x = complex(x)
    return f"{x.real:.15g}" if not x.imag else f"{x:.15g}"


def _numbers(kind: str, finding: Finding) -> list[str]:
    if kind == "specs":
        return [f"  {finding.detail}"]
    found, expected = _number(finding.found), _number(finding.expected)
    if kind == "kink":
        left, right = finding.expected - finding.jump / 2, finding.expected + finding.jump / 2
        return [
            f"  the slope is {_number(left)} to the left and {_number(right)} to the right; functrans gives {found}:",
            "  no derivative exists here (docs/kinks.md says what is returned); move the point",
        ]
    if kind == "noise":
        return [
            f"  functrans gives {found}; the numerical derivative is {expected}, but may be wrong by "
            f"{finding.error:.2g}:",
            f"  {finding.detail}",
        ]
    rows = {
        "wrong": f"  the numerical derivative is {expected} +- {finding.error:.2g} ({finding.method})",
        "modes": f"  in reverse mode, but    {expected} in forward mode",
        "precision": f"  in double precision it is {expected}",
    }
    off = abs(finding.found - finding.expected)
    return [
        f"  functrans gives        {found}",
        rows[kind],
        f"  they differ by {off:.3g}; {finding.allowed:.2g} is allowed",
    ]


# The code.


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
            index = ", ".join(map(str, _index(value, int(place))))
            made = f"ft.numpy.at({made})[{index}].set({_named(repr(np.ravel(value)[place].item()))})"
        return made
    return f"np.array({_named(repr(value.tolist()))}{given})"
