"""What pictures of a program are made of: its text, the user's lines, and in how many walks back each was written."""

from __future__ import annotations

import linecache
from collections.abc import Iterator
from typing import NamedTuple

from functrans.errors import Location
from functrans.ir.program import Equation, Program, held_programs
from functrans.ir.source import Listing, listing

#: How equations are called, by the number of walks back in which they were written; the last stands for more.
KINDS = ("forward", "backward", "backward of backward")


class Line(NamedTuple):
    """A line of the user's, with how many equations of each kind come from it."""

    number: int
    location: Location
    text: str
    counts: list[int]

    @property
    def place(self) -> str:
        """``model.py:12``."""
        return str(self.location)


class Outline:
    """A program with the text of each equation (``listing``) and the user's ``lines``, in order."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.listing: Listing = listing(program)
        self.size = 0
        found: dict[tuple[str, int], list[int]] = {}
        places: dict[tuple[str, int], Location] = {}
        for equation, kind in everything(program):
            self.size += 1
            if equation.location is not None:
                key = _key(equation.location)
                places.setdefault(key, equation.location)
                found.setdefault(key, [0] * len(KINDS))[kind] += 1
        files: dict[str, int] = {}
        for name, _ in places:
            files.setdefault(name, len(files))
        ordered = sorted(places, key=lambda key: (files[key[0]], key[1]))
        self.lines = [
            Line(number, places[key], linecache.getline(*key).strip(), found[key]) for number, key in enumerate(ordered)
        ]
        self._lines = dict(zip(ordered, self.lines, strict=True))

    def line(self, equation: Equation) -> Line | None:
        """The user's line that an equation comes from."""
        return None if equation.location is None else self._lines[_key(equation.location)]


def _key(location: Location) -> tuple[str, int]:
    return location.filename, location.line


def kind_of(equation: Equation, within: int = 0) -> int:
    """The place in :data:`KINDS` of an equation, in a program held by one of the kind ``within``."""
    walks = 0 if equation.location is None else equation.location.walks
    return min(max(walks, within), len(KINDS) - 1)


def everything(program: Program, within: int = 0) -> Iterator[tuple[Equation, int]]:
    """Each equation with its kind; those of programs that equations hold come behind these."""
    for equation in program.equations:
        kind = kind_of(equation, within)
        yield equation, kind
        for held in held_programs(equation.params):
            yield from everything(held, kind)
