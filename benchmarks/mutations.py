"""Plants wrong derivatives in the rules of every primitive, one at a time, and shows which of them the laws catch.

    python benchmarks/mutations.py [--primitive NAME] [--kind KIND] [--level rules|source] [--list] [--cases N]

The laws see the same cases each time, drawn once by the strategies of :mod:`functrans.testing`. What survives is
printed with its place and the change, and the command fails; unless :mod:`explained_mutants` says why it cannot be
caught.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from explained_mutants import reason
from mutants import ROOT, Mutant
from rule_mutants import rule_mutants
from source_mutants import source_mutants

from functrans.primitives import Constant, Primitive, lookup, primitives
from functrans.testing.case import Case
from functrans.testing.laws import LAWS, Law
from functrans.testing.numerical import Undecided
from functrans.testing.strategies.operands import has_operands
from functrans.testing.strategies.spread import spread
from functrans.tracing.bind import bind

#: Those that catch most, at the least cost, come first; those about values alone cannot catch a derivative.
#: A mutant that has changed no number when these have been tried changes none.
_FIRST = (
    "forward_and_reverse_are_adjoint",
    "jvp_is_the_numerical_derivative",
    "nesting_in_any_order_gives_the_same",
    "transposed_twice_is_the_map",
    "linear_maps_are_their_own_derivatives",
)
SMOOTH, EDGES = 32, 20
_PATIENCE = 30  # seconds for one mutant and one primitive


def _lyapunov(h: Any, c: Any) -> Any:
    return bind(lookup("lyapunov"), h + np.conj(h.mT), c)


_A, _B = np.array([[2.0, 0.5], [0.25, 1.0]]), np.array([[0.3, -1.2], [0.7, 0.4]])
#: Functions in which a primitive shows what it does not alone: it needs a hermitian operand, or to be called often.
COMPOSED: dict[str, list[tuple[Any, ...]]] = {
    "lyapunov": [(_lyapunov, _A, _B), (_lyapunov, _A + 1j * _B, _B - 0.5j * _A)],
    "getitem": [
        (lambda x: x[0] * x[1] * x[0] + x[2], np.array([0.3, 0.7, -1.1])),
        (lambda x: x[0, 1] * x[1, 0] * x[1] + x[0] * np.sum(x[[0, 0]] * x[:, 1]), _B),
    ],
}


class Slow(Exception):  # noqa: N818
    """A mutant does not come to an end."""


def holds(law: Law, case: Case) -> bool:
    """Whether a law holds; true where it cannot be told."""
    try:
        law(case)
    except Undecided:
        return True
    except Slow:
        raise
    except Exception:
        return False
    return True


class Bench:
    """The laws, and the cases of each primitive: ``catches(mutant)``."""

    def __init__(self, smooth: int, edges: int) -> None:
        self.counts = smooth, edges
        signal.signal(signal.SIGALRM, stop)
        self._checks: dict[str, list[tuple[Law, Case]]] = {}
        laws = [law for law in LAWS if law.order]
        self.kinks: Any = _module(ROOT / "tests" / "test_kinks.py")
        self.laws = sorted(laws, key=lambda law: (_FIRST.index(law.name) if law.name in _FIRST else 9, law.order))

    def checks(self, primitive: Primitive) -> list[tuple[Law, Case]]:
        """Laws and cases, in the order in which they are tried."""
        if primitive.name not in self._checks:
            smooth, edges = (
                [case for case in spread(primitive, count, edges=at_edges) if case.moving]
                for count, at_edges in zip(self.counts, (False, True), strict=True)
            )
            composed = [Case(f, args) for f, *args in COMPOSED.get(primitive.name, [])]
            self._checks[primitive.name] = [
                (law, case)
                for law in self.laws
                for case in [*smooth, *(edges if law.anywhere else []), *([] if law.primitives_only else composed)]
            ]
        return self._checks[primitive.name]

    def catches(self, mutant: Mutant) -> str:
        """The name of a law that a wrong derivative breaks; an empty string where none does."""
        for primitive in mutant.primitives:
            if not has_operands(primitive) or isinstance(primitive.derivative, Constant):
                continue
            checks = self.checks(primitive)
            while (broken := self._broken(mutant, checks)) is not None:
                law, case = checks[broken]
                if holds(law, case):
                    return law.name
                print(f"without a mutant, {law.name} does not hold at {case!r}", file=sys.stderr)
                del checks[broken]
        return self._breaks_the_page_of_kinks(mutant)

    def _breaks_the_page_of_kinks(self, mutant: Mutant) -> str:
        """Where the laws do not say which derivative is meant, docs/kinks.md does."""
        if mutant.touched == [False]:
            return ""
        with mutant.plant():
            signal.setitimer(signal.ITIMER_REAL, _PATIENCE)
            try:
                for mode, row in product(("reverse", "forward"), self.kinks.rows()):
                    self.kinks.test_kink(mode, *row.values)
            except Exception:
                return "docs/kinks.md"
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        return ""

    def _broken(self, mutant: Mutant, checks: list[tuple[Law, Case]]) -> int | None:
        with mutant.plant(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            signal.setitimer(signal.ITIMER_REAL, _PATIENCE)
            try:
                for i, (law, case) in enumerate(checks):
                    if not holds(law, case):
                        return i
                    if mutant.touched == [False] and law.name not in _FIRST:
                        return None
            except Slow:
                return 0
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        return None


def _module(path: Path) -> Any:
    found: Any = spec_from_file_location(path.stem, path)
    module = module_from_spec(found)
    found.loader.exec_module(module)
    return module


def stop(*_: Any) -> None:
    raise Slow


def planted(chosen: Iterable[Primitive], level: str | None = None) -> Iterator[Mutant]:
    """Every wrong derivative of some primitives."""
    chosen = [p for p in chosen if p.derivative is not None and not isinstance(p.derivative, Constant)]
    if level != "source":
        for primitive in chosen:
            yield from rule_mutants(primitive)
    if level != "rules":
        yield from source_mutants(chosen)


def main() -> int:
    parser = argparse.ArgumentParser(description="Which wrong derivatives the laws catch.")
    parser.add_argument("--primitive", action="append", help="only those in the rules of this primitive")
    parser.add_argument("--kind", action="append", help="only those of this kind")
    parser.add_argument("--level", choices=["rules", "source"], help="only those around rules, or in their source")
    parser.add_argument("--list", action="store_true", help="show what would be planted")
    parser.add_argument("--cases", type=int, default=SMOOTH, help="cases of a primitive")
    parser.add_argument("--edges", type=int, default=EDGES, help="and cases at its edges")
    parser.add_argument(
        "--all", action="store_true", help="try those that are explained, too, and list those that change no number"
    )
    parser.add_argument("--part", help="I/N: the I-th of N parts (from 0)")
    options = parser.parse_args()
    named = [p for p in primitives() if not options.primitive or p.name in options.primitive]
    mutants = [m for m in planted(named, options.level) if not options.kind or m.kind in options.kind]
    if options.part:
        i, n = map(int, options.part.split("/"))
        mutants = mutants[i::n]
    if options.list:
        for mutant in mutants:
            print(f"{mutant.place}: {mutant.kind}: {mutant.change}")
        return 0
    start = time.perf_counter()
    bench = Bench(options.cases, options.edges)
    counts: dict[str, Counter[str]] = {"caught": Counter(), "explained": Counter(), "survived": Counter()}
    by_law: Counter[str] = Counter()
    by_primitive: dict[str, Counter[str]] = {name: Counter() for name in counts}
    without_place: list[Mutant] = []
    for mutant in mutants:
        why = reason(mutant.key)
        law = bench.catches(mutant) if options.all or not why else ""
        if not law and not why and mutant.touched == [False]:
            without_place.append(mutant)
            if options.all:
                print(f"changes nothing: {mutant.place}: {mutant.kind}: {mutant.change}")
            continue
        end = "caught" if law else "explained" if why else "survived"
        counts[end][mutant.kind] += 1
        by_primitive[end][mutant.primitives[0].name] += 1
        by_law[law] += bool(law)
        if end == "survived" or (options.all and why):
            print(f"{end}: {mutant.place}: {mutant.kind}: {mutant.change}", flush=True)
        if options.all and why:
            print(f"    {'said to be right: ' if law else ''}{why}")
    report(counts, by_primitive, by_law, len(without_place))
    print(f"\n{len(mutants)} wrong derivatives in {time.perf_counter() - start:.0f} s")
    return bool(sum(counts["survived"].values()))


def report(
    counts: dict[str, Counter[str]],
    by_primitive: dict[str, Counter[str]],
    by_law: Counter[str],
    without_place: int,
) -> None:
    """Print what came out."""
    print(f"\n{without_place} change no number in any case (a flipped scalar, say); --all lists them")
    for title, found in (("kind", counts), ("primitive", by_primitive)):
        print(f"\n{title:32} {'caught':>8} {'explained':>9} {'survived':>8}")
        names = sorted({name for counter in found.values() for name in counter})
        for name in names:
            row = [found[end][name] for end in ("caught", "explained", "survived")]
            if title == "kind" or row[1] or row[2]:
                print(f"{name:32} {row[0]:8} {row[1]:9} {row[2]:8}")
        total = [sum(found[end].values()) for end in ("caught", "explained", "survived")]
        print(f"{'all':32} {total[0]:8} {total[1]:9} {total[2]:8}")
    print("\nby the law that is broken first:")
    for name, count in by_law.most_common():
        print(f"  {count:6} {name}")


if __name__ == "__main__":
    sys.exit(main())
