"""Probes of a derivative: one direction, one nesting of modes, judged against the numerical derivative."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from functrans import tree
from functrans.ir.spec import ArraySpec
from functrans.testing.case import noise
from functrans.testing.compare import ROUNDINGS, double, epsilon, flat, inner, specs
from functrans.testing.numerical import Judgement, judge, surroundings
from functrans.testing.subject import Leaves, Step, Subject, derived
from functrans.transforms.jvp import jvp
from functrans.transforms.vjp import vjp

#: The arguments' rounding explains no more than this part of a derivative.
_MOST = 1e-4


class Finding(NamedTuple):
    """What is wrong with one probe.

    Kinds: ``wrong``, against the numerical derivative; ``modes``, forward against reverse; ``precision``, in the
    arguments' own dtypes against double precision; ``specs``, of another shape or dtype; ``undecided``.
    """

    kind: str
    found: complex
    expected: complex
    error: float
    allowed: float
    method: str
    #: The entry of the outputs, all of them in one vector, where it is about one.
    entry: int | None
    #: By how much the slope to the right exceeds that to the left.
    jump: complex
    natural: float
    detail: str

    @property
    def badness(self) -> float:
        """How far off it is, relatively."""
        off = abs(self.found - self.expected) / (self.natural or 1.0)
        return off if np.isfinite(off) else np.inf


class Look:
    """Derivatives of a function at one point, behind some steps that were taken already."""

    def __init__(self, subject: Subject, point: Leaves, steps: Sequence[Step]) -> None:
        self.point, self.wide = point, double(point)
        self._own = derived(subject, steps)
        self._wide = derived(subject, double([tuple(step) for step in steps]))
        self.value = self._own(*point)
        #: Whether the arguments' own precision is to be looked at too.
        self.narrow = specs(point) != specs(self.wide)
        self._epsilon = subject.rounding
        self._known: dict[Any, tuple[Any, Any]] = {}

    def _once(self, what: str, vector: Leaves, compute: Callable[[], Any]) -> Any:
        key = (what.removesuffix("" if self.narrow else " own"), id(vector))
        if key not in self._known:
            self._known[key] = (vector, compute())
        return self._known[key][1]

    def judged(self, v: Leaves) -> Judgement:
        """The numerical derivative in a direction."""
        found: Judgement = self._once("judged", v, lambda: judge(self._wide, self.wide, v, self._epsilon))
        return found

    def pushed(self, v: Leaves, own: bool = False) -> Leaves:
        """``J v``."""
        if own:
            return self._once("pushed own", v, lambda: jvp(self._own, self.point, v)[1])  # type: ignore[no-any-return]
        return self._once("pushed", v, lambda: jvp(self._wide, self.wide, double(v))[1])  # type: ignore[no-any-return]

    def pulled(self, w: Leaves, own: bool = False) -> Leaves:
        """``J^T w``."""
        if own:
            return self._once("pulled own", w, lambda: vjp(self._own, *self.point)[1](w))  # type: ignore[no-any-return]
        return self._once("pulled", w, lambda: vjp(self._wide, *self.wide)[1](double(w)))  # type: ignore[no-any-return]

    def check(self, mode: str, v: Leaves, w: Leaves | None) -> Finding | None:
        """Whether a derivative is right: ``mode`` is ``forward``, ``reverse`` or ``both``."""
        if mode == "forward":
            return self._check_forward(v)
        assert w is not None
        return self._check_reverse(v, w, mode)

    def _check_forward(self, v: Leaves) -> Finding | None:
        judged, found = self.judged(v), flat(self.pushed(v))
        allowed = judged.error + ROUNDINGS * self._epsilon * judged.natural
        wrong = judged.decided & ~(np.abs(found - judged.value) <= allowed)
        if np.any(wrong):
            nearby = self._nearby(lambda p: flat(jvp(self._wide, p, double(v))[1]), found, self._epsilon)
            allowed = allowed + np.fmin(nearby, _MOST * judged.natural)
            nothing = (np.abs(found) <= self._nothing(v)) & (np.abs(judged.value) <= 8 * judged.error)
            wrong = judged.decided & ~(np.abs(found - judged.value) <= allowed) & ~nothing
        for kind, bad in (("wrong", wrong), ("undecided", ~judged.decided)):
            if np.any(bad):
                off = np.nan_to_num(np.abs(found - judged.value) / judged.natural, nan=np.inf)
                j = int(np.argmax(np.where(bad, off, -1.0)))
                return Finding(
                    kind,
                    found[j],
                    judged.value[j],
                    float(judged.error[j]),
                    float(allowed[j]),
                    judged.method,
                    j,
                    judged.jump[j],
                    float(judged.natural[j]),
                    "" if kind == "wrong" else surroundings(self._wide, self.wide, v),
                )
        own = self.pushed(v, own=True)
        if specs(own) != specs(self.value):
            return _misfit(f"the tangent is {_listed(own)}, but the value {_listed(self.value)}")
        if not self.narrow:
            return None
        coarse = epsilon(self.point, self.value)
        single = flat(own)
        # Half of the digits: a rounding on the way may grow, but what loses more than that is no good formula.
        zero = np.abs(found) <= self._nothing(v)
        allowed = coarse**0.5 * judged.natural + np.where(zero, self._nothing(v) * coarse / self._epsilon, 0.0)
        wrong = ~(np.abs(single - found) <= allowed)
        if np.any(wrong):
            allowed = allowed + self._nearby(lambda p: flat(jvp(self._wide, p, double(v))[1]), found, coarse)
            wrong = ~(np.abs(single - found) <= allowed)
        if np.any(wrong):
            j = int(np.argmax(wrong))
            return Finding(
                "precision", single[j], found[j], 0.0, float(allowed[j]), "", j, 0.0, float(judged.natural[j]), ""
            )
        return None

    def _check_reverse(self, v: Leaves, w: Leaves, mode: str) -> Finding | None:
        judged, pulled, weights, wide_v = self.judged(v), self.pulled(w), flat(w), double(v)
        found = inner(pulled, wide_v)
        counts = weights != 0
        natural = float(np.sum(np.abs(weights[counts]) * judged.natural[counts]))
        terms = natural + float(np.sum(np.abs(flat(pulled) * flat(wide_v))))
        error = float(np.sum(np.abs(weights[counts]) * judged.error[counts]))
        allowed = ROUNDINGS * self._epsilon * (terms if np.isfinite(terms) else natural)
        slope = float(np.real(np.sum((weights * judged.value)[counts])))
        jump, decided = complex(np.sum((weights * judged.jump)[counts])), bool(np.all(judged.decided[counts]))
        if mode == "both":
            kind, method = "modes", "forward mode"
            expected = inner(w, self.pushed(v))
        else:
            kind, method = "wrong", judged.method
            expected = slope
            allowed += error
            if not decided:
                why = surroundings(self._wide, self.wide, v)
                return Finding("undecided", found, expected, error, allowed, method, None, jump, natural, why)
        if mode == "both" and not (np.isfinite(found) or np.isfinite(expected)):
            return None
        if not abs(found - expected) <= allowed:
            nearby = self._nearby(lambda p: inner(vjp(self._wide, *p)[1](double(w)), wide_v), found, self._epsilon)
            allowed += min(nearby, _MOST * natural)
            nothing = self._nothing(v) * float(np.sum(np.abs(weights)))
            if max(abs(found), abs(expected)) <= nothing and abs(slope) <= 8 * error:
                allowed += nothing
            if not abs(found - expected) <= allowed:
                return Finding(kind, found, expected, error, allowed, method, None, jump, natural, "")
        own = self.pulled(w, own=True)
        if specs(own) != specs(self.point):
            return _misfit(f"the cotangent is {_listed(own)}, but the argument {_listed(self.point)}")
        if not self.narrow or mode == "both":
            return None
        coarse = epsilon(self.point, self.value)
        single = inner(own, v)
        allowed = coarse**0.5 * terms
        nothing = self._nothing(v) * float(np.sum(np.abs(weights)))
        if abs(found) <= nothing:
            allowed += nothing * coarse / self._epsilon
        if not abs(single - found) <= allowed:
            allowed += self._nearby(lambda p: inner(vjp(self._wide, *p)[1](double(w)), wide_v), found, coarse)
            if not abs(single - found) <= allowed:
                return Finding("precision", single, found, 0.0, allowed, "", None, 0.0, natural, "")
        return None

    def _nothing(self, v: Leaves) -> float:
        """What rounding may make of a slope that is zero, if numbers on the way are of the size of the direction.

        Such a derivative is no mistake where the numerical one does not tell it from zero.
        """
        return 2.0**6 * self._epsilon * float(np.max(np.abs(flat(v)), initial=0.0))

    def _nearby(self, compute: Callable[[Leaves], Any], here: Any, unit: float) -> Any:
        """By how much a derivative changes when the arguments are rounded as much as the result may be.

        That much is no mistake: the derivative is the right one for arguments next to these.
        """
        rng = np.random.default_rng(0)
        most: Any = 0.0
        for _ in range(3):
            there = compute(
                tree.map(lambda x: x * (1.0 + 4.0 * unit * rng.choice([-1.0, 1.0], np.shape(x))), self.wide)
            )
            most = np.fmax(most, np.abs(there - here))
        return most * (ROUNDINGS / 4.0 if unit < 1e-10 else 4.0)


def _listed(leaves: Leaves) -> str:
    return ", ".join(map(repr, specs(leaves)))


def _misfit(detail: str) -> Finding:
    return Finding("specs", 0.0, 0.0, 0.0, 0.0, "", None, 0.0, 1.0, detail)


def sized(x: Any) -> float:
    """The size of an argument in powers of two; 1 for the usual ones and for zero."""
    size = float(np.max(np.abs(x), initial=0.0))
    return 1.0 if size == 0 or 2.0**-4 <= size <= 2.0**4 or not np.isfinite(size) else 2.0 ** round(np.log2(size))


def random_direction(rng: np.random.Generator, point: Leaves) -> Leaves:
    """A tangent, for each argument of its size."""
    return tuple(dx * sized(x) if np.size(x) else dx for dx, x in zip(noise(rng, point), point, strict=True))


def unit(like: Leaves, leaf: int, entry: int, value: complex = 1.0) -> Leaves:
    """Zero, but for one entry of one leaf."""

    def filled(i: int, x: Any) -> Any:
        spec = ArraySpec.of(x)
        made = np.zeros(spec.size, spec.dtype)
        if i == leaf:
            made[entry] = value
        if spec.weak:
            return complex(made[0]) if spec.dtype.kind == "c" else float(made[0])
        return made.reshape(spec.shape)[()]

    return tuple(filled(i, x) for i, x in enumerate(like))


def directions(rng: np.random.Generator, point: Leaves, most: int) -> list[Leaves]:
    """Tangents to probe: one for each entry of small arguments, a few random ones of large."""
    kinds = [ArraySpec.of(x) for x in point]
    if not any(spec.size for spec in kinds):
        return [noise(rng, point)]
    if sum(spec.size * (2 if spec.dtype.kind == "c" else 1) for spec in kinds) <= most:
        return [
            unit(point, i, entry, value)
            for i, spec in enumerate(kinds)
            for entry in range(spec.size)
            for value in ([1.0, 1j] if spec.dtype.kind == "c" else [1.0])
        ]
    found = [random_direction(rng, point), random_direction(rng, point)]
    if 1 < len(point) <= most:
        found += _one_by_one(random_direction(rng, point))
    return found


def cotangents(rng: np.random.Generator, out: Leaves, most: int) -> list[Leaves]:
    """Cotangents to probe: random, for all outputs and for each alone."""
    found = [noise(rng, out)]
    if 1 < len(out) <= most:
        found += _one_by_one(noise(rng, out))
    return found


def _one_by_one(vector: Leaves) -> list[Leaves]:
    """Each leaf with zeros for the others, but for empty ones."""
    return [
        tuple(x if i == j else x * 0 for j, x in enumerate(vector)) for i in range(len(vector)) if np.size(vector[i])
    ]
