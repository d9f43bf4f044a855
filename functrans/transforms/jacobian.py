"""All first derivatives of a function: ``jacobian``, ``jacfwd``, ``jacrev``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, overload

import numpy as np

from functrans.frames import boundary, hide
from functrans.function_types import Jacobian, P
from functrans.transforms.arguments import Argnames, Argnums, Selection
from functrans.transforms.bases import Request, choose, jacobian_function


@overload
def jacobian(
    f: np.ufunc,
    argnums: Argnums = None,
    *,
    argnames: Argnames = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    chunk_size: int | None = None,
    progress: bool | str = False,
) -> Jacobian[...]: ...
@overload
def jacobian(
    f: Callable[P, Any],
    argnums: Argnums = None,
    *,
    argnames: Argnames = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    chunk_size: int | None = None,
    progress: bool | str = False,
) -> Jacobian[P]: ...
@boundary
def jacobian(
    f: Callable[..., Any],
    argnums: Argnums = None,
    *,
    argnames: Argnames = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    chunk_size: int | None = None,
    progress: bool | str = False,
) -> Callable[..., Any]:
    """A function that gives the derivative of every output entry of ``f`` in every input entry.

    A basis is sent through the derivative in one batch: of the inputs, forwards (:func:`jacfwd`), if they are at most
    as many as the outputs; else of the outputs, backwards (:func:`jacrev`). ``jacobian(f).mode(x)`` says which.

    Args:
        f: pure function of arrays, or of trees of arrays; Python's ``if`` and ``while`` follow the values.
        argnums: as for :func:`functrans.grad`.
        argnames: as for :func:`functrans.grad`.
        has_aux: ``f`` returns ``(out, aux)``; the result is then ``(jacobian, aux)``.
        holomorphic: ``f`` is a holomorphic function of complex arguments; the result is its complex derivative.
        chunk_size: at most so many directions at once, which bounds the memory.
        progress: show a progress bar of the chunks (with tqdm); a string is its description. None is shown where an
            argument is traced by another transform.

    Returns:
        A function of the same arguments. Its result has the tree of the output, with the tree of the argument at each
        leaf; an array there has the output's shape followed by the input's, and is a number if both are.

    Raises:
        IntegerInputError: an argument is an integer array.
        NonScalarOutputError: an output is complex, without ``holomorphic=True``.
        DerivativeError: an argument is complex, without ``holomorphic=True``; or it or an output is real with it. An
            output is an integer.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> ft.jacobian(lambda x: x**2)(np.array([1.0, 3.0]))
        array([[2., 0.],
               [0., 6.]])
        >>> ft.jacobian(np.sum).mode(np.ones(3))
        'reverse'

    Source: Griewank and Walther, *Evaluating Derivatives*, 2nd ed. (2008), sections 3.1 and 3.2.
    """
    made = jacobian_function("jacobian", f, argnums, argnames, has_aux, holomorphic, chunk_size, None, progress)

    def mode(*args: Any, **kwargs: Any) -> str:
        try:
            selection = Selection(f, args, kwargs, argnums, argnames)
            return choose(Request("jacobian", f, selection, has_aux, holomorphic, chunk_size))[0]
        except Exception as error:
            hide(error)
            raise

    made.mode = mode  # type: ignore[attr-defined]
    return made


@overload
def jacfwd(
    f: np.ufunc,
    argnums: Argnums = None,
    *,
    argnames: Argnames = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    chunk_size: int | None = None,
    progress: bool | str = False,
) -> Callable[..., Any]: ...
@overload
def jacfwd(
    f: Callable[P, Any],
    argnums: Argnums = None,
    *,
    argnames: Argnames = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    chunk_size: int | None = None,
    progress: bool | str = False,
) -> Callable[P, Any]: ...
@boundary
def jacfwd(
    f: Callable[..., Any],
    argnums: Argnums = None,
    *,
    argnames: Argnames = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    chunk_size: int | None = None,
    progress: bool | str = False,
) -> Callable[..., Any]:
    """:func:`jacobian` in forward mode: a pass per input entry, all in one batch. Good for few inputs, many outputs.

    Args:
        f: as for :func:`jacobian`.
        argnums: as for :func:`jacobian`.
        argnames: as for :func:`jacobian`.
        has_aux: as for :func:`jacobian`.
        holomorphic: as for :func:`jacobian`.
        chunk_size: as for :func:`jacobian`.
        progress: as for :func:`jacobian`.

    Returns:
        what :func:`jacobian` returns.

    Raises:
        what :func:`jacobian` raises.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> ft.jacfwd(lambda t: np.array([1.0, 2.0]) * t)(3.0)
        array([1., 2.])
    """
    return jacobian_function("jacfwd", f, argnums, argnames, has_aux, holomorphic, chunk_size, "forward", progress)


@overload
def jacrev(
    f: np.ufunc,
    argnums: Argnums = None,
    *,
    argnames: Argnames = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    chunk_size: int | None = None,
    progress: bool | str = False,
) -> Callable[..., Any]: ...
@overload
def jacrev(
    f: Callable[P, Any],
    argnums: Argnums = None,
    *,
    argnames: Argnames = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    chunk_size: int | None = None,
    progress: bool | str = False,
) -> Callable[P, Any]: ...
@boundary
def jacrev(
    f: Callable[..., Any],
    argnums: Argnums = None,
    *,
    argnames: Argnames = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    chunk_size: int | None = None,
    progress: bool | str = False,
) -> Callable[..., Any]:
    """:func:`jacobian` in reverse mode: a walk back per output entry, all in one batch. Good for few outputs.

    Args:
        f: as for :func:`jacobian`.
        argnums: as for :func:`jacobian`.
        argnames: as for :func:`jacobian`.
        has_aux: as for :func:`jacobian`.
        holomorphic: as for :func:`jacobian`.
        chunk_size: as for :func:`jacobian`.
        progress: as for :func:`jacobian`.

    Returns:
        what :func:`jacobian` returns.

    Raises:
        what :func:`jacobian` raises.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> ft.jacrev(np.cumsum)(np.ones(2))
        array([[1., 0.],
               [1., 1.]])
    """
    return jacobian_function("jacrev", f, argnums, argnames, has_aux, holomorphic, chunk_size, "reverse", progress)
