"""functrans beside autograd, MyGrad, JAX and PyTorch: the table of the README, measured in one run.

    python benchmarks/peers.py [sizes] [imports] [first] [speed] [coverage] [--rounds N] [--cpu]

Without a part's name, all of them (about ten minutes; `sizes` installs each library into an empty folder). Peers are
measured where they are installed (``pip install -e '.[bench]'``). One thread each, also where more would be used.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
for _name in ONE_THREAD:  # before NumPy is loaded, here and in the processes that are started
    os.environ.setdefault(_name, "1")
sys.path.insert(0, str(Path(__file__).parents[1]))  # the catalogue of calls is among the tests


def sizes(options: argparse.Namespace) -> str:
    from comparison import sizes

    return sizes.measured()


def imports(options: argparse.Namespace) -> str:
    from comparison import starts

    return starts.imports(options.rounds or 15)


def first(options: argparse.Namespace) -> str:
    from comparison import starts

    return starts.first(options.rounds or 9)


def speed(options: argparse.Namespace) -> str:
    from comparison import speed

    return speed.measured(options.rounds or 9, time.process_time if options.cpu else time.perf_counter)


def coverage(options: argparse.Namespace) -> str:
    from comparison import coverage

    return coverage.measured()


PARTS: dict[str, Callable[[argparse.Namespace], str]] = {
    "sizes": sizes,
    "imports": imports,
    "first": first,
    "speed": speed,
    "coverage": coverage,
}


def main() -> None:
    """Print a table for each part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all, if none is named")
    parser.add_argument("--rounds", type=int, help="of what is timed")
    parser.add_argument("--cpu", action="store_true", help="speed: time of the processor, on a busy machine")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in options.parts or PARTS:
        print(f"## {name}\n\n{PARTS[name](options)}\n", flush=True)


if __name__ == "__main__":
    main()
