"""``least_squares``: SciPy's, with the Jacobian filled in, dense or sparse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from functrans.errors import expect_function
from functrans.frames import boundary
from functrans.optimize.installed import scipy_optimize
from functrans.optimize.residuals import Residuals
from functrans.optimize.variables import Variables, of_one
from functrans.optimize.watching import watched
from functrans.progress import Bar
from functrans.transforms.jacobian import jacobian


@boundary
def least_squares(
    fun: Callable[..., Any],
    x0: Any,
    jac: Any = None,
    bounds: Any = (-np.inf, np.inf),
    method: str = "trf",
    ftol: float | None = 1e-8,
    xtol: float | None = 1e-8,
    gtol: float | None = 1e-8,
    x_scale: Any = None,
    loss: Any = "linear",
    f_scale: float = 1.0,
    diff_step: Any = None,
    tr_solver: str | None = None,
    tr_options: dict[str, Any] | None = None,
    jac_sparsity: Any = None,
    max_nfev: int | None = None,
    verbose: int = 0,
    args: Any = (),
    kwargs: Mapping[str, Any] | None = None,
    callback: Callable[..., Any] | None = None,
    workers: Any = None,
    *,
    sparse: bool = False,
    progress: bool | str = False,
    jit: bool = False,
) -> Any:
    """``scipy.optimize.least_squares``, with the Jacobian of the residuals filled in.

    What is not said here is as in SciPy.

    Args:
        fun: ``fun(x, *args, **kwargs)`` gives the residuals: real numbers, in one array or in a tree of arrays.
        x0: as for :func:`minimize`.
        jac: left out, :func:`functrans.jacobian`. As in SciPy: a function, which gives a matrix, or what
            :func:`functrans.jacobian` gives of one array; ``"2-point"``, ``"3-point"``, ``"cs"``: numerical.
        bounds: a pair of lower and upper bounds: each a number, or built like ``x0``; or ``Bounds``.
        method: ``"trf"``, ``"dogbox"`` or ``"lm"``.
        ftol: stop when the sum of squares changes by less, relatively.
        xtol: stop when ``x`` changes by less, relatively.
        gtol: stop when the gradient is smaller.
        x_scale: the size of each number of ``x``, or ``"jac"``.
        loss: what the squares of the residuals are given to; ``"linear"``, or a robust one.
        f_scale: the size of a residual that is no outlier, for a robust loss.
        diff_step: of numerical derivatives.
        tr_solver: ``"exact"`` or ``"lsmr"``.
        tr_options: of that solver.
        jac_sparsity: which entries of the Jacobian may be non-zero, if you know it; then it is computed sparsely.
            Checked against a derivative at the start.
        max_nfev: how many evaluations, at most.
        verbose: what SciPy prints: 0, 1 or 2.
        args: more arguments of ``fun`` and ``jac``.
        kwargs: more arguments by name.
        callback: as for :func:`minimize`; needs SciPy 1.16.
        workers: for numerical derivatives.
        sparse: find out which entries may be non-zero, and compute the Jacobian sparsely (:mod:`functrans.sparse`).
            ``fun`` must not ask for values then.
        progress: show a progress bar (with tqdm) of iterations and the norm of the residuals (of evaluations, where the
            method tells nothing of iterations); a string is its description.
        jit: compile ``fun``'s Jacobian (:func:`functrans.jit`): then ``fun`` must not ask for values.

    Returns:
        SciPy's ``OptimizeResult``; ``x``, ``grad`` and ``active_mask`` are built like ``x0``, ``fun`` is built like the
        residuals, ``jac`` is a matrix.

    Raises:
        FunctransError: what :func:`minimize` raises.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> t = np.linspace(0.0, 2.0, 9)
        >>> y = 3.0 * np.exp(-1.5 * t)
        >>> model = lambda p: p["height"] * np.exp(-p["rate"] * t)
        >>> found = ft.optimize.least_squares(lambda p: model(p) - y, {"height": 1.0, "rate": 1.0})
        >>> {name: round(value, 6) for name, value in found.x.items()}
        {'height': 3.0, 'rate': 1.5}
    """
    expect_function(fun, "least_squares")
    theirs = scipy_optimize()
    variables = Variables(x0, "least_squares")
    args = args if isinstance(args, tuple) else (args,)
    residuals = Residuals(of_one(fun, args, dict(kwargs or {})), variables, jit)

    filled_in = jac
    if callable(jac):
        own = of_one(jac, args, dict(kwargs or {}))
        filled_in = lambda x: variables.matrix(own(variables.tree(x)), "the given Jacobian")  # noqa: E731
    elif jac is None and (sparse or jac_sparsity is not None):
        from functrans.sparse.plans import plan

        start = variables.start.astype(float)
        filled_in = plan(jacobian, residuals.on_vector, start, pattern=jac_sparsity)
        if jac_sparsity is not None:
            filled_in.check(start)
        jac_sparsity = None
    elif jac is None:
        filled_in = residuals.jacobian

    # what has another default in some versions of SciPy, or is not there yet, is passed on only if it is given
    newer = {"x_scale": x_scale, "workers": workers, "tr_options": tr_options}
    with Bar(progress, f"least_squares {getattr(fun, '__name__', 'f')}") as bar:
        counted = bool(bar) and (method == "lm" or not _takes_callback(theirs.least_squares))
        if callback is not None or not counted:
            newer["callback"] = watched(callback, variables, bar, lambda x: {"|r|": residuals.known(x)}, ("grad",))

        def value(x: Any) -> Any:
            made = residuals.value(x)
            if counted:
                bar.advance({"|r|": residuals.known(x)})
            return made

        result = theirs.least_squares(
            value,
            variables.start,
            jac=filled_in,
            bounds=variables.sides(bounds),
            method=method,
            ftol=ftol,
            xtol=xtol,
            gtol=gtol,
            loss=loss,
            f_scale=f_scale,
            diff_step=diff_step,
            tr_solver=tr_solver,
            jac_sparsity=jac_sparsity,
            max_nfev=max_nfev,
            verbose=verbose,
            **{name: given for name, given in newer.items() if given is not None},
        )
    made = variables.result(result, ("grad", "active_mask"))
    made["fun"] = residuals.given(result.fun)
    return made


def _takes_callback(function: Callable[..., Any]) -> bool:
    import inspect

    return "callback" in inspect.signature(function).parameters
