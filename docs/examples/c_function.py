"""Differentiates a function written in C, which it compiles: the energy of a cluster of atoms, and its gradient.

Thirteen atoms that attract and repel one another (Lennard-Jones) settle in an icosahedron of known energy. Needs a C
compiler, and SciPy.

    python docs/examples/c_function.py
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.optimize

import functrans as ft

SOURCE = """
#include <stddef.h>

/* The energy of n atoms in three dimensions; its gradient is written where the caller says. */
double lennard_jones(size_t n, const double *x, double *gradient)
{
    double energy = 0.0;
    for (size_t i = 0; i < 3 * n; i++)
        gradient[i] = 0.0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) {
            double d[3], square = 0.0;
            for (int k = 0; k < 3; k++) {
                d[k] = x[3 * i + k] - x[3 * j + k];
                square += d[k] * d[k];
            }
            double six = 1.0 / (square * square * square);
            double slope = 4.0 * (6.0 - 12.0 * six) * six / square;
            energy += 4.0 * (six - 1.0) * six;
            for (int k = 0; k < 3; k++) {
                gradient[3 * i + k] += slope * d[k];
                gradient[3 * j + k] -= slope * d[k];
            }
        }
    return energy;
}
"""


def compiler() -> str | None:
    """The C compiler, if there is one."""
    return next((path for name in ("cc", "gcc", "clang") if (path := shutil.which(name))), None)


def compiled(folder: str) -> Any:
    """The C function, which tells ctypes what it takes and gives."""
    source, library = Path(folder, "cluster.c"), Path(folder, "cluster.so")
    source.write_text(SOURCE)
    subprocess.run([compiler(), "-O2", "-shared", "-fPIC", "-o", library, source], check=True)
    function = ctypes.CDLL(str(library)).lennard_jones
    array = np.ctypeslib.ndpointer(np.float64, flags="C_CONTIGUOUS")
    function.restype, function.argtypes = ctypes.c_double, [ctypes.c_size_t, array, array]
    return function


def wrapped(function: Any) -> Callable[[Any], Any]:
    """The energy as a function that can be differentiated. C computes energy and gradient in one call."""

    def shapes(x):
        return ft.ArraySpec((), np.float64), ft.ArraySpec(x.shape, np.float64)

    @ft.primitive(derivatives="numerical", spec=shapes, name="lennard_jones")  # of the gradient: second derivatives
    def both(x):
        x = np.ascontiguousarray(x, np.float64)
        gradient = np.empty_like(x)
        value = function(x.size // 3, x, gradient)
        return np.float64(value), gradient

    @ft.custom_vjp
    def energy(x):
        return both(x)[0]

    energy.defvjp(both, lambda gradient, ct: (ct * gradient,))
    return energy


def icosahedron() -> np.ndarray:
    """Its middle and its twelve corners."""
    golden = (1 + 5**0.5) / 2
    corners = [(0.0, a, b * golden) for a in (-1.0, 1.0) for b in (-1.0, 1.0)]
    turned = [np.roll(corner, turn) for corner in corners for turn in range(3)]
    return np.array([np.zeros(3), *turned]) * 0.6


def main() -> tuple[float, np.ndarray]:
    """Let the atoms settle, and return the energy and the eigenvalues of the Hessian there."""
    with tempfile.TemporaryDirectory() as folder:
        energy = wrapped(compiled(folder))
        found = scipy.optimize.minimize(ft.value_and_grad(energy), icosahedron().ravel(), jac=True, tol=1e-9)
        stiffness = np.linalg.eigvalsh(ft.hessian(energy)(found.x))
    print(f"energy {found.fun:.6f}; the lowest known is -44.326801")
    print(f"{np.sum(np.abs(stiffness) < 1e-4)} directions cost nothing: three shifts and three turns")
    print(f"the softest of the others: {stiffness[np.abs(stiffness) > 1e-4][0]:.3f}")
    return found.fun, stiffness


if __name__ == "__main__":
    if compiler() is None:
        raise SystemExit("There is no C compiler here.")
    main()
