"""All second derivatives of a function: ``hessian``, ``value_grad_and_hessian``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functrans.errors import expect_function
from functrans.frames import boundary, hide
from functrans.function_types import P
from functrans.transforms.arguments import Argnames, Argnums
from functrans.transforms.jacobian import jacfwd
from functrans.transforms.vjp import grad, named, value_and_grad


@boundary
def hessian(
    f: Callable[P, Any],
    argnums: Argnums = None,
    *,
    argnames: Argnames = None,
    has_aux: bool = False,
    chunk_size: int | None = None,
    progress: bool | str = False,
) -> Callable[P, Any]:
    """A function that gives all second derivatives of ``f``, which must return one real number.

    Forward over reverse: one gradient, which carries the tangents of all inputs along in one batch.

    Args:
        f: as for :func:`functrans.grad`.
        argnums: as for :func:`functrans.grad`.
        argnames: as for :func:`functrans.grad`.
        has_aux: ``f`` returns ``(value, aux)``; the result is then ``(hessian, aux)``.
        chunk_size: at most so many directions at once, which bounds the memory.
        progress: show a progress bar of the chunks (with tqdm); a string is its description. None is shown where an
            argument is traced by another transform.

    Returns:
        A function of the same arguments. Its result has the tree of the argument, with that tree at each leaf once
        more: entry ``[a][b]`` has the shape of ``a`` followed by that of ``b``.

    Raises:
        FunctransError: what :func:`functrans.grad` raises.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> ft.hessian(np.prod)(np.array([1.0, 2.0, 3.0]))
        array([[0., 3., 2.],
               [3., 0., 1.],
               [2., 1., 0.]])

    Source: Griewank and Walther, *Evaluating Derivatives*, 2nd ed. (2008), chapter 5.
    """
    expect_function(f, "hessian")
    gradient = grad(f, argnums, argnames=argnames, has_aux=has_aux)
    shown = "hessian" if progress is True else progress
    made = jacfwd(gradient, argnums, argnames=argnames, has_aux=has_aux, chunk_size=chunk_size, progress=shown)
    return named(made, "hessian", f)


@boundary
def value_grad_and_hessian(
    f: Callable[P, Any],
    argnums: Argnums = None,
    *,
    argnames: Argnames = None,
    has_aux: bool = False,
    chunk_size: int | None = None,
    progress: bool | str = False,
) -> Callable[P, tuple[Any, Any, Any]]:
    """A function that gives value, gradient and Hessian of ``f``: what the one trace for the last has anyway.

    Takes what :func:`hessian` takes. Returns ``(value, gradient, hessian)``, or ``((value, aux), gradient, hessian)``.

    Example:
        >>> import functrans as ft
        >>> ft.value_grad_and_hessian(lambda x: x**3)(2.0)
        (8.0, 12.0, np.float64(12.0))
    """
    expect_function(f, "value_grad_and_hessian")
    both = value_and_grad(f, argnums, argnames=argnames, has_aux=has_aux)

    def with_value(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return gradient, (value, gradient)

    shown = "value_grad_and_hessian" if progress is True else progress
    made = jacfwd(
        named(with_value, "grad", f), argnums, argnames=argnames, has_aux=True, chunk_size=chunk_size, progress=shown
    )

    def all_three(*args: Any, **kwargs: Any) -> Any:
        try:
            second, (value, gradient) = made(*args, **kwargs)
            return value, gradient, second
        except Exception as error:
            hide(error)
            raise

    return named(all_three, "value_grad_and_hessian", f)
