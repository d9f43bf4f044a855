"""Problems: a function written once for every library, and its value and gradient by hand.

By hand means: as someone who knows NumPy writes it for that one problem, sharing what value and gradient share.
"""

from __future__ import annotations

from problems import bundle, learning, loops, short, statistics
from problems.problem import Problem

PROBLEMS: tuple[Problem, ...] = (
    *short.PROBLEMS,
    *learning.PROBLEMS,
    *statistics.PROBLEMS,
    *bundle.PROBLEMS,
    *loops.PROBLEMS,
)
