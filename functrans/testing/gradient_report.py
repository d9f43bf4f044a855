"""What ``check_grads`` says when a derivative is wrong: where, by how much, and a few lines that show it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from functrans.errors import describe_function
from functrans.testing.probes import Finding
from functrans.testing.smallest import Setting, entries
from functrans.testing.snippet import Names, index_of, snippet
from functrans.testing.subject import Leaves, Subject


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
        entry=None if leaf is None else index_of(setting.v[leaf], entry),
        found=finding.found,
        expected=finding.expected,
        snippet=code,
    )


def over(nesting: Sequence[str]) -> str:
    """``forward over reverse``: the outermost mode first."""
    said = ["forward against reverse mode" if mode == "both" else mode for mode in reversed(nesting)]
    return " over ".join(said) if len(said) > 1 else said[0] if nesting[0] == "both" else f"{said[0]} mode"


def _one(vector: Leaves | None) -> tuple[int | None, int]:
    """The leaf and the entry that alone are not zero."""
    places = [] if vector is None else entries(vector)
    return places[0] if len(places) == 1 else (None, 0)


def _entry(like: Any, entry: int) -> str:
    return f", entry {list(index_of(like, entry))}" if np.shape(like) else ""


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
