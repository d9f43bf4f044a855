"""Compiled gradients beside gradients by hand: value and gradient, as multiples of the time by hand.

    python benchmarks/compiled.py [--only NAME ...] [--peers] [--rounds N] [--source] [--eager] [--cpu]

``--only`` takes parts of names. ``--peers`` measures autograd, torch (eager) and jax (compiled) too, where they are
installed (``pip install -e '.[bench]'``). ``--source`` prints what functrans runs. Every gradient is compared with the
one by hand first. One thread each: ``OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1``. A cell ``-`` is an error, which is
printed.
"""

from __future__ import annotations

import argparse
import sys
import time
import tracemalloc
import warnings
from collections.abc import Callable
from typing import Any

from problems import PROBLEMS, Problem, libraries, problem
from timing import side_by_side, table

import functrans as ft

Call = Callable[[], Any]
JIT: Any = getattr(ft, "jit", None)


def gradient(task: Problem) -> Callable[..., Any]:
    """What functrans differentiates: value and gradient, or the blocks of the Jacobian."""
    lib = problem.functrans()

    def f(*args: Any) -> Any:
        return task.f(lib, *args)

    f.__name__ = task.f.__name__
    if task.blocks:
        return ft.vmap(ft.jacobian(f, argnums=task.argnums))
    return ft.value_and_grad(f, argnums=task.argnums)


def peak(call: Call) -> int:
    """Bytes that a call has taken at most."""
    call()
    tracemalloc.start()
    call()
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


def first_call(call: Call) -> float:
    """Seconds of the first call, without those of one that follows."""
    start = time.perf_counter()
    call()
    middle = time.perf_counter()
    call()
    return max(0.0, 2.0 * middle - start - time.perf_counter())


def measured(task: Problem, options: argparse.Namespace) -> dict[str, str]:
    """A row of the table, by heading."""
    args = task.make()
    eager = gradient(task)
    calls: dict[str, Call] = {"by hand": lambda: task.hand(*args), "eager": lambda: eager(*args)}
    starts: dict[str, float] = {}
    makers: dict[str, Callable[[], Call]] = {}
    if JIT is not None and not options.eager:
        makers["jit"] = lambda: _bound(JIT(eager), args)
        if task.allow:
            makers["jit, allow"] = lambda: _bound(JIT(eager, allow=task.allow), args)
    if options.peers:
        peers = {
            "autograd": lambda: libraries.by_autograd(task, args),
            "torch": lambda: libraries.by_torch(task, args),
            "jax": lambda: libraries.by_jax(task, args),
        }
        makers |= {name: make for name, make in peers.items() if name in task.peers}
    for name, make in makers.items():
        try:
            call = make()
            starts[name] = first_call(call)
            calls[name] = call
        except ImportError:
            continue
        except Exception as error:
            print(f"{task.name}, {name}: {type(error).__name__}: {error}", file=sys.stderr)
    expected = calls["by hand"]()
    for name, call in calls.items():
        libraries.check(f"{task.name}, {name}", call(), expected, task.tolerance)
    if options.source and "jit" in calls:
        print(JIT(eager).source(*args))
    memory = {name: peak(calls[name]) for name in ("by hand", "jit", "eager") if name in calls}
    clock = time.process_time if options.cpu else time.perf_counter
    best = side_by_side(calls, rounds=options.rounds, budget=0.02, clock=clock)
    unit = best["by hand"]
    row = {"problem": task.name, "by hand": _seconds(unit), "aim": f"{task.aim:g}"}
    row |= {name: f"{best[name] / unit:.2f}" for name in best if name != "by hand"}
    row |= {f"{name}, first call": _seconds(starts[name]) for name in ("jit", "jax") if name in starts}
    row |= {f"{name}, memory": f"{memory[name] / memory['by hand']:.2f}" for name in memory if name != "by hand"}
    return row


def _bound(function: Callable[..., Any], args: Any) -> Call:
    return lambda: function(*args)


def _seconds(seconds: float) -> str:
    for unit, factor in (("us", 1e6), ("ms", 1e3)):
        if seconds * factor < 1000.0:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds:.3g} s"


HEADINGS = (
    *("problem", "by hand", "aim", "jit", "jit, allow", "eager", "autograd", "torch", "jax"),
    *("jit, first call", "jax, first call", "jit, memory", "eager, memory"),
)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", default=[""])
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--source", action="store_true")
    parser.add_argument("--cpu", action="store_true", help="time of the processor (of all threads), on a busy machine")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--eager", action="store_true", help="without compilation")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = []
    for task in PROBLEMS:
        if any(part.lower() in task.name.lower() for part in options.only):
            rows.append(measured(task, options))
            print(", ".join(f"{key} {value}" for key, value in rows[-1].items()), file=sys.stderr)
    shown = [heading for heading in HEADINGS if any(heading in row for row in rows)]
    print(table([shown, *[[row.get(heading, "") for heading in shown] for row in rows]]))


if __name__ == "__main__":
    main()
