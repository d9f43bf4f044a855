"""SciPy's optimizers with derivatives of functrans, and with numerical ones, side by side.

    python benchmarks/optimize.py

Calls of the function and iterations do not depend on the machine; times are processor time, the best of some rounds,
taken in turns. The error is the largest relative one in what was looked for.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.optimize
from timing import table

import functrans as ft

# The data of the tests: NIST, Statistical Reference Datasets.
sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.optimize.test_least_squares import THURBER, THURBER_B, thurber


class Problem:
    """What is solved, by whom, and what is known of the solution."""

    def __init__(self, name: str, f: Callable[..., Any], start: Any, solution: Any, rounds: int, **how: Any) -> None:
        self.name, self.f, self.start, self.solution, self.rounds = name, f, np.asarray(start, float), solution, rounds
        self.solver, self.how = how.pop("solver", "minimize"), how

    def run(self, who: str, f: Callable[..., Any]) -> Any:
        """One run."""
        if who == "SciPy":
            how = dict(self.how)
            if self.solver == "minimize":  # as many calls as it wants
                how["options"] = {**how.get("options", {}), "maxfun": 10**8}
            return getattr(scipy.optimize, self.solver)(f, self.start, **how)
        return getattr(ft.optimize, self.solver)(f, self.start, jit=who.endswith("jit"), **self.how)

    def calls(self, who: str) -> int:
        """How often the function is called."""
        count = [0]

        def counted(x: Any) -> Any:
            count[0] += 1
            return self.f(x)

        self.run(who, counted)
        return count[0]


def rosenbrock(x: Any) -> Any:
    """A chain."""
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def logistic() -> Problem:
    """Breast cancer or not: 30 weights and an intercept, with a penalty."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    x, y = load_breast_cancer(return_X_y=True)
    x, sign = StandardScaler().fit_transform(x), 2.0 * y - 1.0

    def loss(w: Any) -> Any:
        return np.sum(np.logaddexp(0.0, -sign * (x @ w[:-1] + w[-1]))) + 0.5 * np.sum(w[:-1] ** 2)

    theirs = LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-12).fit(x, y)
    name = "logistic regression, 569 x 30, L-BFGS-B"
    best = np.append(theirs.coef_[0], theirs.intercept_)
    return Problem(name, loss, np.zeros(31), best, 5, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-6})


def problems() -> list[Problem]:
    """All of them."""
    start = [1000.0, 1000, 400, 40, 0.7, 0.3, 0.03]
    y, t = THURBER.T
    tight = {"ftol": 1e-15, "xtol": 1e-15, "gtol": 1e-15, "x_scale": "jac"}
    chain = Problem("Rosenbrock, n = 1000, L-BFGS-B", rosenbrock, np.full(1000, 0.5), 1.0, 3, method="L-BFGS-B")
    curve = Problem(
        "Thurber (NIST), 7 parameters, least squares",
        lambda b: thurber(b, t) - y,
        start,
        THURBER_B,
        5,
        solver="least_squares",
        **tight,
    )
    return [chain, logistic(), curve]


def main() -> None:
    """Run all of them, and print the table."""
    rows = [["problem", "derivatives", "calls", "iterations", "time, of SciPy's", "error"]]
    for problem in problems():
        names = ["SciPy", "functrans", "functrans, jit"]
        best = dict.fromkeys(names, float("inf"))
        for _ in range(problem.rounds):
            for who in names:
                start = time.process_time()
                problem.run(who, problem.f)
                best[who] = min(best[who], time.process_time() - start)
        for who in names:
            result = problem.run(who, problem.f)
            error = float(np.max(np.abs(result.x / problem.solution - 1)))
            calls = "-" if who.endswith("jit") else str(problem.calls(who))
            steps = str(result.get("nit", result.njev))
            ratio = f"{best[who] / best['SciPy']:.3f}"
            rows.append([problem.name, who, calls, steps, ratio, f"{error:.0e}"])
    print(table(rows))


if __name__ == "__main__":
    main()
