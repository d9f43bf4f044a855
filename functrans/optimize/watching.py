"""What is called after each iteration: the user's callback, given the tree, and the progress bar."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from functrans.optimize.installed import scipy_optimize
from functrans.optimize.variables import Variables
from functrans.progress import Bar


def watched(
    callback: Callable[..., Any] | None,
    variables: Variables,
    bar: Bar,
    known: Callable[[Any], dict[str, float | None]],
    gradients: tuple[str, ...] = (),
) -> Callable[..., Any] | None:
    """The callback for SciPy, which chooses by the parameters' names what to call it with.

    Args:
        callback: the user's.
        variables: the tree that it is given.
        bar: what shows the progress.
        known: what is known at a vector, to be shown.
        gradients: entries of an intermediate result that have the structure of ``x``.
    """
    if callback is None and not bar:
        return None
    if callback is not None and _takes_result(callback):

        def by_result(intermediate_result: Any) -> Any:
            result = intermediate_result
            if not isinstance(result, scipy_optimize().OptimizeResult):  # a method that gives nothing but the vector
                result = scipy_optimize().OptimizeResult(x=np.array(result))
            bar.advance(known(result.x))
            return callback(intermediate_result=variables.result(result, gradients))

        return by_result

    def by_point(xk: Any, *rest: Any) -> Any:
        bar.advance(known(xk))
        if callback is None:
            return None
        more = [variables.result(r, gradients) if isinstance(r, scipy_optimize().OptimizeResult) else r for r in rest]
        return callback(variables.given(np.array(xk)), *more)

    return by_point


def _takes_result(callback: Callable[..., Any]) -> bool:
    try:
        return set(inspect.signature(callback).parameters) == {"intermediate_result"}
    except (TypeError, ValueError):
        return False
