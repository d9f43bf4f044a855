"""Sparse Jacobians and Hessians: the pattern is read off the program of the function, the values come compressed.

Needs SciPy: ``pip install 'functrans[scipy]'``.

Example:
    >>> import functrans as ft
    >>> import numpy as np
    >>> ft.sparse.jacobian(np.diff)(np.array([1.0, 4.0, 9.0])).toarray()
    array([[-1.,  1.,  0.],
           [ 0., -1.,  1.]])
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functrans.errors import expect_function
from functrans.frames import boundary, hide
from functrans.function_types import P, Pattern
from functrans.sparse.coloring import Coloring as Coloring
from functrans.sparse.dependence import scipy_sparse
from functrans.sparse.detection import Arguments, detect
from functrans.sparse.plans import Plan as Plan
from functrans.sparse.plans import make
from functrans.sparse.plans import plan as plan
from functrans.sparse.product import matmul as matmul
from functrans.transforms.vjp import named

__all__ = ["Coloring", "Plan", "hessian", "jacobian", "matmul", "pattern", "plan"]


@boundary
def jacobian(f: Callable[P, Any], argnums: int = 0, *, mode: str | None = None) -> Callable[P, Any]:
    """A function that gives the Jacobian of ``f`` as a ``scipy.sparse.csr_array``.

    Each call finds pattern and colours anew; :func:`plan` keeps them, and compiles.

    Args:
        f: pure function, which does not ask for values, from arrays to one array.
        argnums: which argument to differentiate in: one array.
        mode: ``"forward"``, ``"reverse"`` or ``"both"``; what needs the fewest products if left out.

    Returns:
        A function of the same arguments. Its result has a row for each entry of the output, and a column for each of
        the argument, in C order.

    Raises:
        FunctransError: what :func:`plan` raises.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> ft.sparse.jacobian(lambda x: x[1:] * x[:-1])(np.arange(4.0)).toarray()
        array([[1., 0., 0., 0.],
               [0., 2., 1., 0.],
               [0., 0., 3., 2.]])
    """
    expect_function(f, "jacobian")

    def sparse_jacobian(*args: Any) -> Any:
        try:
            return make("jacobian", f, args, argnums, mode)(*args)
        except Exception as error:
            hide(error)
            raise

    return named(sparse_jacobian, "sparse_jacobian", f)


@boundary
def hessian(f: Callable[P, Any], argnums: int = 0) -> Callable[P, Any]:
    """A function that gives the Hessian of ``f``, which returns one number, as a symmetric ``scipy.sparse.csr_array``.

    Takes what :func:`jacobian` takes. Only one of two entries that mirror each other is computed.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> ft.sparse.hessian(lambda x: np.sum(x[1:] * x[:-1] ** 2))(np.arange(3.0)).toarray()
        array([[2., 0., 0.],
               [0., 4., 2.],
               [0., 2., 0.]])
    """
    expect_function(f, "hessian")

    def sparse_hessian(*args: Any) -> Any:
        try:
            return make("hessian", f, args, argnums, None)(*args)
        except Exception as error:
            hide(error)
            raise

    return named(sparse_hessian, "sparse_hessian", f)


@boundary
def pattern(f: Callable[P, Any], argnums: int = 0, *, second: bool = False, local: bool = False) -> Pattern[P]:
    """A function that gives which entries of the Jacobian of ``f`` may be non-zero, as a boolean ``csr_array``.

    It holds for all values of the arguments (of their floats only the shapes count), unless it is to be a local one.

    Args:
        f: as for :func:`jacobian`.
        argnums: as for :func:`jacobian`.
        second: of the Hessian instead.
        local: for these values alone: of ``np.where``, ``if`` and ``while`` what is taken here counts.

    Returns:
        A function of the same arguments; its ``dense(*args)`` names the operations where the pattern had to be taken
        as full, with the place in your code.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> ft.sparse.pattern(np.cumsum)(np.zeros(3)).toarray().astype(int)
        array([[1, 0, 0],
               [1, 1, 0],
               [1, 1, 1]])
    """
    expect_function(f, "jacobian")

    def found(*args: Any) -> Any:
        scipy_sparse()
        return detect(f, Arguments(f, args, argnums), second, local)

    def sparse_pattern(*args: Any) -> Any:
        try:
            return scipy_sparse().csr_array(found(*args)[0], dtype=bool)
        except Exception as error:
            hide(error)
            raise

    made: Any = named(sparse_pattern, "sparse_pattern", f)
    made.dense = lambda *args: found(*args)[1]
    return made  # type: ignore[no-any-return]


def __dir__() -> list[str]:
    return list(__all__)
