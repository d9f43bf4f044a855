"""Names for annotations of functions of functions: what a transform takes, and what it gives.

``P`` stands for the parameters of the user's function, ``T`` for its result, ``A`` for what ``has_aux=True`` hands
through. NumPy's ufuncs get overloads of their own: they take numbers and arrays alike, which type checkers
would not find out from their first signature.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeAlias, TypeVar, overload

P = ParamSpec("P")
Q = ParamSpec("Q")
T = TypeVar("T")
A = TypeVar("A")
T_co = TypeVar("T_co", covariant=True)

#: A pullback: a cotangent of the result to a tuple with one of each primal.
Pullback: TypeAlias = Callable[[Any], tuple[Any, ...]]

if TYPE_CHECKING:

    class Widened(Protocol[P, T_co]):
        """A function of the same arguments as another, or of others in their place: batches, specs."""

        @overload
        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T_co: ...
        @overload
        def __call__(self, *args: Any, **kwargs: Any) -> T_co: ...

    class Jacobian(Widened[P, Any], Protocol[P]):
        """What :func:`functrans.jacobian` gives: its arguments may be those of another signature."""

        def mode(self, *args: Any, **kwargs: Any) -> str:
            """Which mode has fewer passes for arguments like these: ``"forward"`` or ``"reverse"``."""

    class Pattern(Widened[P, Any], Protocol[P]):
        """What :func:`functrans.sparse.pattern` gives: the pattern, as a boolean ``csr_array``."""

        def dense(self, *args: Any, **kwargs: Any) -> Any:
            """Which operations the pattern had to be taken as full for, with the place in your code."""

else:  # what is said of them at run time takes no classes
    Widened = Callable[P, T_co]
    Jacobian = Pattern = Callable[P, Any]
