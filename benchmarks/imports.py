"""``import functrans`` against ``import numpy``, in fresh processes, alternating.

python benchmarks/imports.py
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

from timing import table

ROUNDS = 25
# With compiled modules kept, as in any installation.
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
CANDIDATES = [
    "pass",
    "import numpy",
    "import functrans",
    "import numpy, functrans",
    "import functrans; functrans.grad",  # all that a first gradient needs
    "import jaxtyping",
]


def seconds(statement: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True, capture_output=True, env=_ENVIRONMENT)
    return time.perf_counter() - start


def main() -> None:
    for statement in CANDIDATES:
        seconds(statement)
    times: dict[str, list[float]] = {statement: [] for statement in CANDIDATES}
    for _ in range(ROUNDS):
        for statement in CANDIDATES:
            times[statement].append(seconds(statement))
    base = statistics.median(times["pass"])
    numpy = statistics.median(times["import numpy"]) - base
    rows = [["statement", "ms beyond starting Python", "of `import numpy`"]]
    for statement in CANDIDATES[1:]:
        own = statistics.median(times[statement]) - base
        rows.append([f"`{statement}`", f"{own * 1e3:.0f}", f"{own / numpy:.2f}"])
    print(table(rows))


if __name__ == "__main__":
    main()
