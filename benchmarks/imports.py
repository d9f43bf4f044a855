"""``import functrans`` against ``import numpy``, in fresh processes, alternating.

python benchmarks/imports.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from timing import table

ROUNDS = 25
CANDIDATES = ["pass", "import numpy", "import functrans", "import jaxtyping"]


def seconds(statement: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=False, capture_output=True)
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
