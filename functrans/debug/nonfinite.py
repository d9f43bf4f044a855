"""``debug_nans`` and ``debug_infs``: the first NaN or infinity that arises in a transform is an error, at its line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from functrans.debug.looking import Watch
from functrans.tracing.watch import WATCH


@contextmanager
def _watching(kind: str) -> Iterator[None]:
    outer = WATCH.get()
    kinds = outer.kinds if isinstance(outer, Watch) else frozenset()
    token = WATCH.set(Watch(kinds | {kind}))
    try:
        yield
    finally:
        WATCH.reset(token)


def debug_nans() -> AbstractContextManager[None]:
    """Context in which the first NaN that arises in a transform is an error, at the line of the user's that made it.

    The values of ``grad``, ``vjp``, ``jvp``, ``vmap`` and of programs that are evaluated are looked at, and the
    derivatives, forwards and backwards: there the line is that of the operation whose derivative is NaN. In a loop the
    step is named, under ``vmap`` the examples. What runs outside of all transforms, and plain NumPy code on values
    that are not traced, is not seen. A NaN that ``np.where`` hides is found too, but in a program (and the body of a
    loop is one) only if it reaches a result.

    Put it around the call: ``with functrans.debug_nans(): functrans.grad(f)(x)``. It holds for the thread (or task)
    that enters it. Without it nothing is looked at, and nothing is slower.

    Raises:
        NonFiniteError: (inside) there is a NaN.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> with ft.debug_nans():
        ...     ft.grad(lambda x: np.log(x))(-1.0)  # doctest: +IGNORE_EXCEPTION_DETAIL
        Traceback (most recent call last):
        functrans.errors.NonFiniteError: `log` of float gave NaN; its operands are finite
    """
    return _watching("nan")


def debug_infs() -> AbstractContextManager[None]:
    """As :func:`debug_nans`, of infinities. Both may be on at once.

    Raises:
        NonFiniteError: (inside) there is an infinity.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> with ft.debug_infs():
        ...     ft.grad(np.sqrt)(0.0)  # doctest: +IGNORE_EXCEPTION_DETAIL
        Traceback (most recent call last):
        functrans.errors.NonFiniteError: on the way back, the derivative of `sqrt` gave an infinity
    """
    return _watching("inf")
