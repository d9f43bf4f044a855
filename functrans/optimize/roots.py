"""``root``: SciPy's, with the Jacobian filled in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functrans.errors import expect_function
from functrans.frames import boundary
from functrans.optimize.installed import scipy_optimize
from functrans.optimize.residuals import Residuals
from functrans.optimize.variables import Variables, of_one
from functrans.optimize.watching import watched
from functrans.progress import Bar

#: The methods that use a Jacobian; they tell nothing of their iterations.
USE_JACOBIAN = ("hybr", "lm")


@boundary
def root(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: str = "hybr",
    jac: Any = None,
    tol: float | None = None,
    callback: Callable[..., Any] | None = None,
    options: dict[str, Any] | None = None,
    *,
    progress: bool | str = False,
    jit: bool = False,
) -> Any:
    """``scipy.optimize.root``, with the Jacobian filled in for the methods that use one, ``hybr`` and ``lm``.

    What is not said here is as in SciPy.

    Args:
        fun: ``fun(x, *args)`` gives what is to be zero: as many real numbers as ``x`` has, in an array or in a tree.
        x0: as for :func:`minimize`.
        args: more arguments of ``fun`` and of ``jac``.
        method: SciPy's name.
        jac: left out, :func:`functrans.jacobian`. As in SciPy: a function, which gives a matrix, or what
            :func:`functrans.jacobian` gives of one array; True: ``fun`` gives value and matrix; False: numerical.
        tol: as in SciPy.
        callback: ``callback(x, f)`` after each iteration, given trees; ``hybr`` and ``lm`` do not call it.
        options: of the method.
        progress: show a progress bar (with tqdm) of iterations (of evaluations, for ``hybr`` and ``lm``) and the norm
            of ``fun``; a string is its description.
        jit: compile ``fun``'s Jacobian (:func:`functrans.jit`): then ``fun`` must not ask for values.

    Returns:
        SciPy's ``OptimizeResult``; ``x`` is built like ``x0``, ``fun`` like what ``fun`` gives.

    Raises:
        FunctransError: what :func:`minimize` raises.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> found = ft.optimize.root(lambda p: {"sum": p["x"] + p["y"] - 3, "product": p["x"] * p["y"] - 2},
        ...                          {"x": 0.0, "y": 5.0})
        >>> round(found.x["x"], 9), round(found.x["y"], 9)
        (1.0, 2.0)
    """
    expect_function(fun, "root")
    theirs = scipy_optimize()
    variables = Variables(x0, "root")
    args = args if isinstance(args, tuple) else (args,)
    of_x = of_one(fun, args)
    residuals = Residuals(of_one(lambda x: of_x(x)[0], ()) if jac is True else of_x, variables, jit)
    uses = method.lower() in USE_JACOBIAN
    by_columns = bool((options or {}).get("col_deriv"))

    filled_in: Any = jac
    if jac is True:
        filled_in = lambda x: variables.matrix(of_x(variables.tree(x))[1], "the given Jacobian")  # noqa: E731
    elif callable(jac):
        own = of_one(jac, args)
        filled_in = lambda x: variables.matrix(own(variables.tree(x)), "the given Jacobian")  # noqa: E731
    elif jac is None and uses:
        filled_in = (lambda x: residuals.jacobian(x).T) if by_columns else residuals.jacobian

    def known(x: Any) -> dict[str, float | None]:
        return {"|f|": residuals.known(x)}

    with Bar(progress, f"root {getattr(fun, '__name__', 'f')}") as bar:

        def value(x: Any) -> Any:
            made = residuals.value(x)
            if uses:
                bar.advance(known(x))
            return made

        by_tree = watched(callback, variables, bar, known) if callback is not None or not uses else None
        result = theirs.root(
            value,
            variables.start,
            method=method,
            jac=filled_in,
            tol=tol,
            callback=None if by_tree is None else lambda x, f: by_tree(x, *_rest(callback, residuals.given(f))),
            options=options,
        )
    made = variables.result(result)
    made["fun"] = residuals.given(result.fun)
    return made


def _rest(callback: Any, f: Any) -> tuple[Any, ...]:
    return () if callback is None else (f,)
