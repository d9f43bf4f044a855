"""Values and derivatives of a target at a point, by the public transforms."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import functrans
from functrans.cli.mistakes import UsageError

MAX_ORDER = 10


class Derivative(NamedTuple):
    """One entry of a table: the derivative of this order in this variable; ``kind`` names what arrays have."""

    variable: str
    order: int
    kind: str
    value: Any


class Table(NamedTuple):
    """A value and derivatives."""

    value: Any
    derivatives: list[Derivative]


def tabulate(f: Callable[..., Any], values: dict[str, Any], wrt: Sequence[str], order: int) -> Table:
    """The value of ``f`` and its derivatives up to ``order`` in each of the variables ``wrt``.

    Raises:
        UsageError: the result is no number or array, or the order is not offered for arrays.
    """
    args = list(values.values())
    with np.errstate(all="ignore"):  # infinities and NaNs are in the table for all to see
        value = checked(f(*args), f.__name__)
        found: list[Derivative] = []
        for name in wrt:
            position = list(values).index(name)
            if isinstance(values[name], np.ndarray):
                found += _in_array(f, args, position, name, order, np.shape(value))
            else:
                found += _in_number(f, args, position, name, order, value)
    return Table(value, found)


def checked(value: Any, name: str) -> Any:
    """A result, if it is a number or an array of numbers.

    Raises:
        UsageError: it is neither.
    """
    kind = getattr(value, "dtype", np.dtype(type(value) if isinstance(value, int | float | complex) else object)).kind
    if kind in "biufc":
        return value
    more = "; join the parts with `np.stack`" if isinstance(value, tuple | list) else ""
    raise UsageError(f"`{name}` returned a {type(value).__name__}, not a number or an array of numbers{more}")


def _in_number(
    f: Callable[..., Any], args: Sequence[Any], position: int, name: str, order: int, value: Any
) -> list[Derivative]:
    found = []
    derivative = f
    for n in range(1, order + 1):
        derivative = differentiate(derivative, position, value)
        found.append(Derivative(name, n, "derivative", derivative(*args)))
    return found


def differentiate(f: Callable[..., Any], position: int, value: Any) -> Callable[..., Any]:
    """The derivative of ``f`` in a number; ``value`` is a result of ``f``.

    A real number's is its gradient; entries of an array, and complex numbers, are differentiated along the variable.
    """
    if np.ndim(value) == 0 and not np.iscomplexobj(value):
        return functrans.grad(f, position)

    def derivative(*args: Any) -> Any:
        def along(x: Any) -> Any:
            return f(*args[:position], x, *args[position + 1 :])

        return functrans.jvp(along, (args[position],), (1.0,))[1]

    functools.update_wrapper(derivative, f)  # the names of the arguments
    derivative.__name__ = f"d_{f.__name__}"
    return derivative


def _in_array(
    f: Callable[..., Any], args: Sequence[Any], position: int, name: str, order: int, shape: tuple[int, ...]
) -> list[Derivative]:
    highest = 2 if shape == () else 1
    if order > highest:
        offered = "the gradient and the Hessian (--order 2)" if highest == 2 else "the Jacobian (--order 1)"
        result = "a number" if highest == 2 else "an array"
        raise UsageError(f"order {order} in the array `{name}` is not offered: {result} has {offered} there")
    found = []
    if order >= 1:
        kind = "gradient" if shape == () else "Jacobian"
        found.append(Derivative(name, 1, kind, _in_entries(f, position, shape)(*args)))
    if order == 2:
        second = functrans.jacobian(functrans.grad(f, position), position)
        found.append(Derivative(name, 2, "Hessian", second(*args)))
    return found


def _in_entries(f: Callable[..., Any], position: int, shape: tuple[int, ...]) -> Callable[..., Any]:
    """The gradient of a function with a result of this shape, or its Jacobian."""
    return functrans.grad(f, position) if shape == () else functrans.jacobian(f, position)


def source(f: Callable[..., Any], values: dict[str, Any], wrt: Sequence[str], value: Any = None) -> str:
    """The first derivative of ``f`` in the variables ``wrt`` as a Python module that needs NumPy alone.

    ``value`` is a result of ``f`` when one is known; in one variable it may be an array.
    """
    # Programs take Python's numbers.
    args = [value.item() if isinstance(value, np.float64) else value for value in values.values()]
    positions = [list(values).index(name) for name in wrt]
    if len(positions) > 1 or value is None:
        derivative = functrans.grad(f, positions[0] if len(positions) == 1 else positions)
    elif isinstance(args[positions[0]], np.ndarray):
        derivative = _in_entries(f, positions[0], np.shape(value))
    else:
        derivative = differentiate(f, positions[0], value)
    with np.errstate(all="ignore"):
        return functrans.trace(derivative)(*args).to_source()
