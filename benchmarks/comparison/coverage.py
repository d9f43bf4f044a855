"""Whose derivatives of NumPy's functions are right: the catalogue's calls, keywords included, by every library.

Each call is that of ``tests/catalogue``, with the library's own names in place of ``np``, and judged by differences of
NumPy's values, no library's derivatives. Differentiated is one number made of all that comes out,
``sum(w * out) + sum(abs(out)**2) / 2``, whose curvature is not zero where the function is linear. Right means that the
slope and the curvature in one direction, drawn at random, are those of NumPy's function; NaN is wrong.

Of a function with calls of real numbers those count (MyGrad has no complex ones); calls of complex ones have a column.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections import Counter
from importlib.util import find_spec
from typing import Any

import numpy as np
from timing import table

from comparison import catalogue
from comparison.gradients import LIBRARIES, Differentiator

RIGHT, WRONG, OTHER, NONE = "right", "wrong", "other value", "none"
REAL, COMPLEX = "real", "complex"


def judged(library: str) -> dict[str, list[list[str]]]:
    """By function: for each call, how first and second derivative came out, and whether it is of complex numbers."""
    made = LIBRARIES[library].make()
    found = {}
    for name, cases in catalogue.cases().items():
        found[name] = [[*_case(made, case), COMPLEX if case.is_complex else REAL] for case in cases]
    return found


def _case(library: Differentiator, case: catalogue.Case) -> list[str]:
    value, slope, curvature = library.derivatives(case)
    if value is None:
        return [NONE, NONE]
    if not _near(value, case.value, 1e-8):
        return [OTHER, OTHER]
    return [_mark(slope, case.slope, 1e-6), _mark(curvature, case.curvature, 1e-4)]


def _mark(found: float | None, expected: float, tolerance: float) -> str:
    return NONE if found is None else RIGHT if _near(found, expected, tolerance) else WRONG


def _near(found: float, expected: float, tolerance: float) -> bool:
    return abs(found - expected) <= tolerance * max(1.0, abs(expected))


def measured() -> str:
    """The tables: shares of functions, and those with a wrong derivative."""
    present = [name for name, library in LIBRARIES.items() if find_spec(library.module)]
    environment = {**os.environ, "XLA_FLAGS": "--xla_backend_optimization_level=0", "JAX_PLATFORMS": "cpu"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    command = [sys.executable, "-m", "comparison.coverage"]
    processes = {
        name: subprocess.Popen([*command, name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
        for name in present
    }
    results = {name: json.loads(process.communicate()[0]) for name, process in processes.items()}
    parts = {
        "`np`, `np.linalg`, `np.fft`": [name for name in results[present[0]] if catalogue.is_function(name)],
        "methods of arrays and ufuncs": [name for name in results[present[0]] if not catalogue.is_function(name)],
    }
    tables = []
    for title, names in parts.items():
        rows = [["library", "first", "second", "complex", "first at some calls", "wrong at a call", "other", "none"]]
        rows += [[library, *_shares([results[library][name] for name in names])] for library in present]
        tables.append(f"{title}: {len(names)} functions, {_calls(results[present[0]], names)} calls\n\n{table(rows)}")
    wrong = [f"- {library}: {', '.join(_wrong(results[library])) or 'none'}" for library in present]
    return "\n\n".join(
        [*tables, "Wrong derivatives, without an error (`''`: the second alone):\n\n" + "\n".join(wrong)]
    )


def _calls(result: dict[str, Any], names: list[str]) -> int:
    return sum(len(result[name]) for name in names)


def _shares(functions: list[list[list[str]]]) -> list[str]:
    counts: Counter[str] = Counter()
    for calls in functions:
        of_real = [call for call in calls if call[2] == REAL] or calls
        of_complex = [call for call in calls if call[2] == COMPLEX]
        first, second = [{call[order] for call in of_real} for order in (0, 1)]
        counts["first"] += first == {RIGHT}
        counts["second"] += first == second == {RIGHT}
        counts["complex"] += bool(of_complex)
        counts["right of complex"] += bool(of_complex) and {call[0] for call in of_complex} == {RIGHT}
        counts["some"] += RIGHT in first and first != {RIGHT}
        counts["wrong"] += any(WRONG in call for call in calls)
        counts["other"] += OTHER in first
        counts["none"] += first == {NONE}
    share = [f"{counts[name] / len(functions):.0%} ({counts[name]})" for name in ("first", "second")]
    of_complex = f"{counts['right of complex']} of {counts['complex']}"
    return [*share, of_complex, *[str(counts[name]) for name in ("some", "wrong", "other", "none")]]


def _wrong(result: dict[str, list[list[str]]]) -> list[str]:
    firsts = [name for name, calls in result.items() if any(call[0] == WRONG for call in calls)]
    seconds = [name for name, calls in result.items() if any(call[1] == WRONG for call in calls) and name not in firsts]
    return [*[f"`{name}`" for name in firsts], *[f"`{name}`''" for name in seconds]]


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    with np.errstate(all="ignore"):
        print(json.dumps(judged(sys.argv[1])))
