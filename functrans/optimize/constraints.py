"""SciPy's constraints, with Jacobians and Hessians filled in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functrans.compile.jit import jit
from functrans.optimize.installed import scipy_optimize
from functrans.optimize.objective import Products
from functrans.optimize.residuals import Residuals
from functrans.optimize.variables import Variables, of_one
from functrans.transforms.hessian import hessian
from functrans.transforms.products import hvp

#: The methods that ask a constraint for no derivative, and those that ask for the second one.
PLAIN = ("cobyla", "cobyqa")
SECOND = ("trust-constr", "custom")
#: Up to so many numbers ``trust-constr``, which asks for many products at each point, is given whole Hessians.
SMALL = 50


def filled(constraints: Any, variables: Variables, method: str, compiled: bool) -> Any:
    """The constraints as functions of the vector, with the derivatives that the method uses.

    What is given stays. A ``LinearConstraint`` is one of the vector already. In a ``NonlinearConstraint`` SciPy's
    defaults, ``jac="2-point"`` and a plain ``BFGS()``, count as not given.
    """
    theirs = scipy_optimize()
    if isinstance(constraints, dict | theirs.LinearConstraint | theirs.NonlinearConstraint):
        constraints = [constraints]
    made: list[Any] = []
    for given in constraints:
        if isinstance(given, dict):
            made.append(_of_dict(given, variables, method, compiled))
        elif isinstance(given, theirs.NonlinearConstraint):
            made.append(_nonlinear(given, variables, method, compiled))
        else:
            made.append(given)
    return made


def _of_dict(constraint: dict[str, Any], variables: Variables, method: str, compiled: bool) -> Any:
    if not callable(constraint.get("fun")) or str(constraint.get("type")).lower() not in ("eq", "ineq"):
        return constraint  # SciPy says what is wrong with it
    made = dict(constraint)
    args = made.pop("args", ())
    args = args if isinstance(args, tuple) else (args,)
    own = Residuals(of_one(constraint["fun"], args), variables, compiled)
    jac = constraint.get("jac")
    made["fun"] = own.value
    if callable(jac):
        of_tree = of_one(jac, args)
        made["jac"] = lambda x: variables.matrix(of_tree(variables.tree(x)), "a Jacobian of a constraint")
    elif not isinstance(jac, str) and method not in PLAIN:
        made["jac"] = own.jacobian
    if method not in SECOND:
        return made
    high = 0.0 if made["type"].lower() == "eq" else np.inf
    second = {} if isinstance(made["jac"], str) else {"hess": _curvature(constraint["fun"], args, variables, compiled)}
    return scipy_optimize().NonlinearConstraint(made["fun"], 0.0, high, made["jac"], **second)


def _nonlinear(constraint: Any, variables: Variables, method: str, compiled: bool) -> Any:
    theirs = scipy_optimize()
    own = Residuals(of_one(constraint.fun, ()), variables, compiled)
    jac, hess = constraint.jac, constraint.hess
    if callable(jac):
        jac = lambda x: variables.matrix(constraint.jac(variables.tree(x)), "a Jacobian of a constraint")  # noqa: E731
    elif jac == "2-point" and method not in PLAIN:
        jac = own.jacobian
    if callable(hess):
        hess = lambda x, v: constraint.hess(variables.tree(x), v)  # noqa: E731
    elif method in SECOND and callable(jac) and _is_default(hess, theirs):
        hess = _curvature(constraint.fun, (), variables, compiled)
    return theirs.NonlinearConstraint(
        own.value,
        _side(constraint.lb),
        _side(constraint.ub),
        jac,
        hess,
        constraint.keep_feasible,
        constraint.finite_diff_rel_step,
        constraint.finite_diff_jac_sparsity,
    )


def _is_default(hess: Any, theirs: Any) -> bool:
    """Whether this is what SciPy takes where nothing is given; it may have a state, of an earlier use."""
    default = theirs.BFGS()
    names = ("init_scale", "exception_strategy", "min_curvature")
    if type(hess) is not type(default):
        return False
    given: list[Any] = [getattr(hess, name, None) for name in names]
    return all(np.ndim(x) == 0 and x == getattr(default, name, None) for x, name in zip(given, names, strict=True))


def _side(side: Any) -> Any:
    return side if np.ndim(side) < 2 else np.ravel(side)


def _curvature(fun: Callable[..., Any], args: tuple[Any, ...], variables: Variables, compiled: bool) -> Any:
    """The Hessian of ``v . fun(x)`` for ``x`` and ``v``: a matrix, or if that is large a map of vectors."""
    from scipy.sparse.linalg import LinearOperator

    on_vector = Residuals(of_one(fun, args), variables).on_vector
    whole = Variables(variables.start, variables.who)

    def weighted(x: Any, v: Any) -> Any:
        return np.sum(v * on_vector(x))

    weighted.__wrapped__ = fun  # type: ignore[attr-defined]
    if variables.size <= SMALL:
        matrix: Any = jit(hessian(weighted)) if compiled else hessian(weighted)
        return lambda x, v: matrix(np.array(x), np.array(v))
    along = jit(hvp(weighted)) if compiled else None

    def hess(x: Any, v: Any) -> Any:
        x, v = np.array(x), np.array(v)
        if along is not None:
            times: Callable[[Any], Any] = lambda p: along(x, v, np.array(p, x.dtype))  # noqa: E731
        else:
            products = Products(of_one(weighted, (v,)), whole, False)
            times = lambda p: products(x, np.ravel(p))  # noqa: E731
        return LinearOperator((x.size, x.size), matvec=times, rmatvec=times, dtype=x.dtype)

    return hess
