"""``minimize``: SciPy's, with gradients, Hessians and products with Hessians filled in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functrans.errors import NonFiniteError, describe_function, expect_function
from functrans.frames import boundary
from functrans.optimize.constraints import SMALL, filled
from functrans.optimize.installed import scipy_optimize
from functrans.optimize.objective import Objective
from functrans.optimize.variables import Variables, of_one
from functrans.optimize.watching import watched
from functrans.progress import Bar

#: What each method is given beside the gradient; "none": not even that.
USES = {
    "nelder-mead": "none",
    "powell": "none",
    "cobyla": "none",
    "cobyqa": "none",
    "cg": "gradient",
    "bfgs": "gradient",
    "l-bfgs-b": "gradient",
    "tnc": "gradient",
    "slsqp": "gradient",
    "newton-cg": "products",
    "trust-ncg": "products",
    "trust-krylov": "products",
    "trust-constr": "products",  # the Hessian itself, if it is small
    "dogleg": "hessian",
    "trust-exact": "hessian",
    "custom": "all",
}


@boundary
def minimize(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: str | Callable[..., Any] | None = None,
    jac: Any = None,
    hess: Any = None,
    hessp: Any = None,
    bounds: Any = None,
    constraints: Any = (),
    tol: float | None = None,
    callback: Callable[..., Any] | None = None,
    options: dict[str, Any] | None = None,
    *,
    progress: bool | str = False,
    jit: bool = False,
) -> Any:
    """``scipy.optimize.minimize``, with the derivatives that the method uses filled in.

    Value and gradient come from one evaluation. Methods that use second derivatives get products of the Hessian with
    vectors, or the Hessian where they need all of it; constraints get their Jacobians, and for ``trust-constr`` their
    second derivatives. What is not said here is as in SciPy.

    Args:
        fun: ``fun(x, *args)`` gives one real number. Python's ``if`` and ``while`` follow the values.
        x0: where to start: a vector, or any pytree of numbers and arrays, in which ``fun`` is given ``x``. A list or
            tuple of numbers is a vector, as in SciPy. Integers count as floats.
        args: more arguments of ``fun``, and of derivatives that are given.
        method: SciPy's name, or a function of one's own; chosen as SciPy does if left out.
        jac: left out, the gradient of functrans. As in SciPy: a function, True (``fun`` gives value and gradient),
            False, ``"2-point"``, ``"3-point"``, ``"cs"`` (numerical; then nothing is filled in for ``fun``). A gradient
            has the structure of ``x``.
        hess: likewise; a given function returns a matrix, or what :func:`functrans.hessian` gives.
        hessp: likewise; ``hessp(x, p, *args)`` takes and gives trees built like ``x``.
        bounds: for a vector SciPy's; for a tree ``Bounds`` of numbers, or a tree built like ``x0`` with a pair
            ``(low, high)`` for each array or number, in which None stands for no bound.
        constraints: SciPy's; their functions are given the tree, and may return trees.
        tol: as in SciPy.
        callback: ``callback(xk)`` or ``callback(intermediate_result=...)``, given the tree.
        options: of the method.
        progress: show a progress bar (with tqdm) of iterations, value and norm of the gradient; a string is its
            description.
        jit: compile ``fun`` and its derivatives (:func:`functrans.jit`): then ``fun`` must not ask for values.

    Returns:
        SciPy's ``OptimizeResult``; ``x`` and ``jac`` are built like ``x0``. Matrices (``hess``, ``hess_inv``) are those
        of the vector of all numbers, leaf after leaf.

    Raises:
        ImportError: SciPy is not installed.
        NonScalarOutputError: ``fun`` does not return one number.
        NonFiniteError: ``x0``, or the value or gradient there, is not finite; or the result is NaN.
        TracedValueError: ``fun`` closes over a value that another transform traces.
        TreeError, ShapeError: bounds or given derivatives are not built like ``x0``.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> def rosenbrock(x):
        ...     return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
        >>> found = ft.optimize.minimize(rosenbrock, np.zeros(5), method="trust-exact")
        >>> found.x.round(6)
        array([1., 1., 1., 1., 1.])
    """
    expect_function(fun, "minimize")
    theirs = scipy_optimize()
    variables = Variables(x0, "minimize")
    args = args if isinstance(args, tuple) else (args,)
    name = "custom" if callable(method) else "bfgs" if method is None else method.lower()
    uses = USES.get(name, "gradient")
    of_x = of_one(fun, args)
    value_of = of_one(lambda x: of_x(x)[0], ()) if jac is True else of_x
    objective = Objective(value_of, variables, jit)
    numerical = jac is False or isinstance(jac, str)

    given: dict[str, Any] = {"jac": jac, "hess": hess, "hessp": hessp}
    if name == "trust-constr" and variables.size <= SMALL:
        uses = "hessian"
    call: Callable[..., Any] = objective.plain_value
    if callable(jac):
        own_jac = of_one(jac, args)
        given["jac"] = lambda x: variables.covector(own_jac(variables.tree(x)), "the given gradient")
    elif jac is True:

        def call(x: Any) -> Any:
            value, gradient = of_x(variables.tree(x))
            return value, variables.covector(gradient, "the given gradient")

    elif jac is None and uses != "none":
        call, given["jac"] = objective.value, objective.gradient
    if callable(hess):
        own_hess = of_one(hess, args)
        given["hess"] = lambda x: variables.square(own_hess(variables.tree(x)), "the given Hessian")
    if callable(hessp):

        def product(x: Any, p: Any) -> Any:
            return variables.covector(hessp(variables.tree(x), variables.tree(p), *args), "the given product")

        given["hessp"] = product
    if not numerical and hess is None and hessp is None:
        if uses in ("products", "all"):
            given["hessp"] = objective.product
        if uses in ("hessian", "all"):
            given["hess"] = objective.hessian

    def known(x: Any) -> dict[str, float | None]:
        value, slope = objective.known(x)
        return {"f": value, "|g|": slope}

    with Bar(progress, f"minimize {getattr(fun, '__name__', 'f')}") as bar:
        result = theirs.minimize(
            call,
            variables.start,
            method=method,
            bounds=variables.pairs(bounds),
            constraints=filled(constraints, variables, name, jit) if np.any(constraints) else constraints,
            tol=tol,
            callback=watched(callback, variables, bar, known, ("jac", "grad")),
            options=options,
            **given,
        )
    if result.success and any(_is_nan(value) for value in (result.x, result.fun, result.get("jac"))):
        raise NonFiniteError(
            f"`minimize` ran into NaN: {describe_function(fun)} or its gradient is NaN at {result.x!r:.200}",
            "keep the method away by bounds, or see `functrans.debug_nans` for the line where the NaN arises.",
        )
    return variables.result(result, ("jac", "grad"))


def _is_nan(value: Any) -> bool:
    return isinstance(value, float | np.ndarray) and bool(np.any(np.isnan(value)))
