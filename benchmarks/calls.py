"""Calls without a traced argument through ``functrans.numpy``, against NumPy's own.

python benchmarks/calls.py
"""

from __future__ import annotations

import numpy as np
from timing import side_by_side, table

import functrans.numpy as fnp


def main() -> None:
    a, x = np.ones(3), np.float64(0.5)
    pairs = {
        "sin(scalar)": (lambda: np.sin(x), lambda: fnp.sin(x)),
        "add(array, array)": (lambda: np.add(a, a), lambda: fnp.add(a, a)),
        "sum(array)": (lambda: np.sum(a), lambda: fnp.sum(a)),
        "reshape(array)": (lambda: np.reshape(a, (3, 1)), lambda: fnp.reshape(a, (3, 1))),
        "matmul(array, array)": (lambda: np.matmul(a, a), lambda: fnp.matmul(a, a)),
        "linalg.norm(array)": (lambda: np.linalg.norm(a), lambda: fnp.linalg.norm(a)),
        "array([1.0, 2.0])": (lambda: np.array([1.0, 2.0]), lambda: fnp.array([1.0, 2.0])),
        "asarray(array)": (lambda: np.asarray(a), lambda: fnp.asarray(a)),
        "arange(3)": (lambda: np.arange(3), lambda: fnp.arange(3)),
        "arange(0.0, 3.0, 0.5)": (lambda: np.arange(0.0, 3.0, 0.5), lambda: fnp.arange(0.0, 3.0, 0.5)),
        "arange(3, dtype=float)": (lambda: np.arange(3, dtype=float), lambda: fnp.arange(3, dtype=float)),
        "full((3,), 2.0)": (lambda: np.full((3,), 2.0), lambda: fnp.full((3,), 2.0)),
    }
    rows = [["call", "NumPy, us", "functrans.numpy, us", "more, us"]]
    for name, (plain, ours) in pairs.items():
        times = side_by_side({"plain": plain, "ours": ours})
        p, o = times["plain"] * 1e6, times["ours"] * 1e6
        rows.append([f"`{name}`", f"{p:.2f}", f"{o:.2f}", f"{o - p:+.2f}"])
    print(table(rows))


if __name__ == "__main__":
    main()
