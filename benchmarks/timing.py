"""Times of several candidates, taken side by side: the machine is noisy, ratios within one run are not."""

from __future__ import annotations

import time
from collections.abc import Callable


def side_by_side(
    candidates: dict[str, Callable[[], object]],
    rounds: int = 15,
    budget: float = 0.02,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Seconds per call: the best of ``rounds``, every candidate once a round, each for about ``budget`` seconds.

    ``clock=time.process_time`` counts the time of the processor, which other work on the machine does not add to.
    """
    counts: dict[str, int] = {}
    for name, run in candidates.items():
        run()
        start = clock()
        run()
        counts[name] = max(1, int(budget / max(clock() - start, 1e-9)))
    best = dict.fromkeys(candidates, float("inf"))
    for _ in range(rounds):
        for name, run in candidates.items():
            start = clock()
            for _ in range(counts[name]):
                run()
            best[name] = min(best[name], (clock() - start) / counts[name])
    return best


def table(rows: list[list[str]]) -> str:
    """Rows (the first is the heading) as a Markdown table."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    padded = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    lines = ["| " + " | ".join(row) + " |" for row in padded]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
