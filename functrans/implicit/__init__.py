"""Implicit differentiation: of solutions of equations, of fixed points, of linear systems, of differential equations.

A solution is differentiated by what it solves, not by how it was found (the implicit function theorem), so that solvers
may be anything, and nothing of their iterations is kept.
"""

from functrans.implicit import way_back as way_back
from functrans.implicit.fixed import fixed_point as fixed_point
from functrans.implicit.krylov import solve_cg as solve_cg
from functrans.implicit.krylov import solve_gmres as solve_gmres
from functrans.implicit.linear import custom_linear_solve as custom_linear_solve
from functrans.implicit.linear import linear_solve as linear_solve
from functrans.implicit.ode import odeint as odeint
from functrans.implicit.roots import custom_root as custom_root
from functrans.implicit.roots import root as root

__all__ = [
    "custom_linear_solve",
    "custom_root",
    "fixed_point",
    "linear_solve",
    "odeint",
    "root",
    "solve_cg",
    "solve_gmres",
]


def __dir__() -> list[str]:
    return list(__all__)
