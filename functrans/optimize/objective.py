"""The function that is minimized: value and gradient from one evaluation, Hessians and their products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functrans.compile.jit import jit
from functrans.debug.nonfinite import debug_infs, debug_nans
from functrans.errors import NonFiniteError, NonScalarOutputError, describe_function
from functrans.optimize.variables import Variables, refuse_traced
from functrans.tracing.tracer import Tracer
from functrans.transforms.hessian import hessian
from functrans.transforms.linearize import linearize
from functrans.transforms.products import hvp
from functrans.transforms.vjp import grad, value_and_grad

#: From this product at one point on, they are those of a linear map that is made once for the point.
_KEPT = 3


def number(f: Callable[[Any], Any], who: str) -> Callable[[Any], Any]:
    """``f``, with a result of one entry as the number that SciPy takes it for.

    Raises:
        NonScalarOutputError: (when called) it is an array of several.
    """

    def one(x: Any) -> Any:
        out = f(x)
        shape = getattr(out, "shape", ())
        if shape == ():
            return out
        if np.size(out) == 1:
            return np.reshape(out, ())
        raise NonScalarOutputError(
            f"`{who}` needs one number, but {describe_function(f)} returned an array of shape {shape}",
            "return one number, such as `np.sum(out)`; `functrans.optimize.least_squares` takes residuals.",
        )

    one.__name__ = getattr(f, "__name__", "f")
    one.__wrapped__ = f  # type: ignore[attr-defined]
    return one


class Objective:
    """A function of a tree to one number, as SciPy's methods call it: by vectors.

    What was computed last is kept, so that a value and a gradient asked for one after the other are one evaluation.
    """

    __slots__ = (
        "_both",
        "_checked",
        "_f",
        "_gradient",
        "_matrix",
        "_plain",
        "_point",
        "_products",
        "_value",
        "_variables",
    )

    def __init__(self, f: Callable[[Any], Any], variables: Variables, compiled: bool) -> None:
        self._f, self._variables = number(f, variables.who), variables
        self._both: Any = value_and_grad(self._f)
        self._plain: Any = self._f
        if compiled:
            self._both, self._plain = jit(self._both), jit(self._f)
        self._matrix: Any = None
        self._products = Products(self._f, variables, compiled)
        self._point: Any = None
        self._value: Any = None
        self._gradient: Any = None
        self._checked = False

    def plain_value(self, x: Any) -> Any:
        """The value at ``x``, for a method that asks for no derivatives."""
        value = self._plain(self._variables.tree(np.array(x)))
        if type(value) is Tracer:
            self._refuse_traced()
        if np.iscomplexobj(x):  # SciPy steps into the complex plane
            return value
        if not isinstance(value, np.number | np.ndarray | int | float) or np.iscomplexobj(value):
            who, f = self._variables.who, describe_function(self._f)
            raise NonScalarOutputError(
                f"`{who}` needs one real number, but {f} returned {value!r:.60}",
                "is a `return` missing?" if value is None else "return one real number.",
            )
        if not self._checked:
            self._checked = True
            if np.isnan(value):
                self._refuse_start(value)
        self._point, self._value, self._gradient = np.array(x), value, None
        return value

    def value(self, x: Any) -> Any:
        """The value at ``x``."""
        self._evaluate(x)
        return self._value

    def gradient(self, x: Any) -> Any:
        """The gradient at ``x``, as a vector."""
        self._evaluate(x)
        return self._gradient

    def product(self, x: Any, p: Any) -> Any:
        """The Hessian at ``x``, times ``p``."""
        return self._products(x, p)

    def hessian(self, x: Any) -> Any:
        """The Hessian at ``x``."""
        if self._matrix is None:
            self._matrix = self._products.matrix()
        return self._matrix(x)

    def known(self, x: Any) -> tuple[float | None, float | None]:
        """The value and the norm of the gradient at ``x``, if they are at hand."""
        if self._point is None or not np.array_equal(x, self._point):
            return None, None
        slope = None if self._gradient is None else float(np.linalg.norm(self._gradient))
        return float(self._value), slope

    def _evaluate(self, x: Any) -> None:
        if self._gradient is not None and np.array_equal(x, self._point):
            return
        point = np.array(x)  # the user's function may keep what it is given, and SciPy may write into what it gave
        value, gradient = self._both(self._variables.tree(point))
        if type(value) is Tracer:
            self._refuse_traced()
        slope = self._variables.covector(gradient)
        if not self._checked:
            self._checked = True
            if not (np.isfinite(value) and np.all(np.isfinite(slope))):
                self._refuse_start(value)
        self._point, self._value, self._gradient = np.array(x), value, slope

    def _refuse_traced(self) -> None:
        refuse_traced(f"{describe_function(self._f)}, which `{self._variables.who}` was given,")

    def _refuse_start(self, value: Any) -> None:
        """Say where the value or the gradient at the start is lost.

        Raises:
            NonFiniteError: always.
        """
        start = self._variables.tree(self._variables.start.copy())
        wrong = "gradient" if np.isfinite(value) else f"value, {value},"
        what = f"the {wrong} of {describe_function(self._f)} is not finite at the start `x0`"
        fix = "start where the function and its derivatives are finite; bounds keep a method away from other places."
        try:
            with debug_nans(), debug_infs(), np.errstate(all="ignore"):
                value_and_grad(self._f)(start)
        except NonFiniteError as error:
            raise NonFiniteError(f"{what}: {error.what}", fix, error.where or False) from None
        except Exception:  # what cannot be looked at is told without a place
            pass
        raise NonFiniteError(what, fix)


class Products:
    """Products of the Hessian of a function of a tree with vectors.

    A method that asks for several at one point (conjugate gradients) gets, after the first ones, those of the linear
    map, which is computed once for the point.
    """

    __slots__ = ("_along", "_compiled", "_count", "_f", "_map", "_point", "_variables")

    def __init__(self, f: Callable[[Any], Any], variables: Variables, compiled: bool) -> None:
        self._f, self._variables, self._compiled = f, variables, compiled
        self._along: Any = jit(hvp(f)) if compiled else hvp(f)
        self._point: Any = None
        self._count = 0
        self._map: Any = None

    def __call__(self, x: Any, p: Any) -> Any:
        """The Hessian at ``x``, times ``p``."""
        tree = self._variables.tree
        direction = tree(np.array(p, np.result_type(p, self._variables.start)))
        if self._compiled:
            return self._variables.covector(self._along(tree(np.array(x)), direction))
        if self._point is None or not np.array_equal(x, self._point):
            self._point, self._count, self._map = np.array(x), 0, None
        self._count += 1
        if self._map is None and self._count >= _KEPT:
            self._map = linearize(grad(self._f), tree(self._point.copy()))[1]
        moved = self._along(tree(self._point.copy()), direction) if self._map is None else self._map(direction)
        return self._variables.covector(moved, "the product with the Hessian")

    def matrix(self) -> Callable[[Any], Any]:
        """The function that gives the whole Hessian at a vector."""

        def on_vector(x: Any) -> Any:
            return self._f(self._variables.tree(x))

        on_vector.__wrapped__ = self._f  # type: ignore[attr-defined]
        whole = hessian(on_vector)
        whole = jit(whole) if self._compiled else whole
        return lambda x: whole(np.array(x))
