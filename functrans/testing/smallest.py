"""The smallest case that a mistake shows at: one entry of one argument, and simple numbers for the rest."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from functrans.ir.spec import ArraySpec
from functrans.testing.probes import Finding, Look, unit
from functrans.testing.subject import Leaves, Step, Subject

#: Looking for a smaller case ends after that many tries, or seconds.
_TRIES, _SECONDS = 150, 10.0


class Setting(NamedTuple):
    """Where a derivative is looked at: behind which steps, in which mode, in which direction, with which weights."""

    point: Leaves
    steps: tuple[Step, ...]
    mode: str
    v: Leaves
    w: Leaves | None


def entries(vector: Leaves) -> list[tuple[int, int]]:
    """Where some leaves are not zero, as ``(leaf, entry)``."""
    return [(i, int(entry)) for i, x in enumerate(vector) for entry in np.flatnonzero(np.ravel(x))]


def kept(vector: Leaves, places: list[tuple[int, int]]) -> Leaves:
    """The leaves with zeros everywhere but in some places."""
    found = []
    for i, x in enumerate(vector):
        flat = np.zeros(np.size(x), np.asarray(x).dtype)
        at = [entry for leaf, entry in places if leaf == i]
        flat[at] = np.ravel(x)[at]
        found.append(_like(x, flat))
    return tuple(found)


def _like(x: Any, flat: Any) -> Any:
    if ArraySpec.of(x).weak:
        return flat[0].item()
    return flat.reshape(np.shape(x))[()]


class _Search:
    """Tries settings, and keeps those where the same kind of mistake shows."""

    def __init__(self, subject: Subject, setting: Setting, finding: Finding) -> None:
        self.subject, self.setting, self.finding = subject, setting, finding
        self._left, self._until = _TRIES, time.monotonic() + _SECONDS

    def accepts(self, **changes: Any) -> bool:
        """Whether the mistake shows with some changes, which are then kept."""
        if not self._left or time.monotonic() > self._until:
            return False
        self._left -= 1
        tried = self.setting._replace(**changes)
        try:
            look = Look(self.subject, tried.point, tried.steps)
            found = look.check(tried.mode, tried.v, tried.w)
        except Exception:  # the function does not like it
            return False
        # What differs by the allowed amount and a bit may differ by rounding alone at a simpler point.
        if found is None or found.kind != self.finding.kind or found.badness < 1e-3 * min(1.0, self.finding.badness):
            return False
        if np.isfinite(found.found) != np.isfinite(self.finding.found):  # another mistake
            return False
        self.setting, self.finding = tried, found
        return True

    def thin(self, vector: Leaves, change: Callable[[Leaves], dict[str, Any]]) -> None:
        """Halve a direction down to one entry: the derivative is linear in it, so a mistake is in one of the halves."""
        places = entries(vector)
        while len(places) > 1:
            half = len(places) // 2
            for part in (places[:half], places[half:]):
                if self.accepts(**change(kept(vector, part))):
                    places = part
                    break
            else:
                return
        if places:
            for value in (1.0, 1j):
                one = unit(vector, *places[0], value) if value == 1.0 or _is_complex(vector[places[0][0]]) else None
                if one is not None and self.accepts(**change(one)):
                    return

    def clear(self) -> None:
        """Zeros, in place of as many entries of the point as can be."""
        places = entries(self.setting.point)
        size = len(places)
        while size and places:
            start = 0
            while start < len(places):
                fewer = places[:start] + places[start + size :]
                if self.accepts(point=kept(self.setting.point, fewer)):
                    places = fewer
                else:
                    start += size
            size //= 2

    def round(self) -> None:
        """Numbers of few digits."""
        for digits in (0, 1, 2):
            rounded = tuple(
                _like(x, np.round(np.ravel(np.asarray(x)), digits).astype(np.asarray(x).dtype))
                for x in self.setting.point
            )
            if entries(rounded) == entries(self.setting.point) and self.accepts(point=rounded):
                return


def _is_complex(x: Any) -> bool:
    return ArraySpec.of(x).dtype.kind == "c"


def smallest(subject: Subject, setting: Setting, finding: Finding) -> tuple[Setting, Finding]:
    """The smallest setting found where the same kind of mistake shows, and what is found there.

    The directions are halved down to one entry; then entries of the point become zero, and are rounded, where that
    leaves the mistake. What is not decided stays at the point where it is not.
    """
    search = _Search(subject, setting, finding)
    search.thin(setting.v, lambda v: {"v": v})
    if setting.w is not None:
        search.thin(setting.w, lambda w: {"w": w})
    for i, (mode, vector) in enumerate(setting.steps):
        search.thin(
            vector,
            lambda x, i=i, mode=mode: {  # type: ignore[misc]
                "steps": (*search.setting.steps[:i], (mode, x), *search.setting.steps[i + 1 :])
            },
        )
    if finding.kind != "undecided":
        search.clear()
        search.round()
    return search.setting, search.finding
