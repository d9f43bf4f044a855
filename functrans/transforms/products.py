"""Products with second derivatives, without forming them: Hessian times vector, at the price of a few gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functrans import tree
from functrans.errors import DerivativeError, ShapeError, describe_function, expect_function
from functrans.frames import boundary, hide
from functrans.function_types import P
from functrans.ir.spec import ArraySpec
from functrans.transforms.arguments import Argnames, Argnums, Selection, differentiable_leaves, several
from functrans.transforms.jvp import jvp
from functrans.transforms.vjp import grad, named
from functrans.tree import Tree


@boundary
def hvp(
    f: Callable[P, Any], argnums: Argnums = None, *, argnames: Argnames = None, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that gives the product of the Hessian of ``f`` with a vector, which it takes as its last argument.

    Forward over reverse: the derivative of the gradient in the direction of the vector, some two gradients' work.

    Args:
        f: as for :func:`functrans.grad`.
        argnums: as for :func:`functrans.grad`.
        argnames: as for :func:`functrans.grad`.
        has_aux: ``f`` returns ``(value, aux)``; the result is then ``(product, aux)``.

    Returns:
        A function of the arguments of ``f`` and then, as its last one, of ``v``, which has the structure and shapes of
        what is differentiated in (a tuple, for several arguments); so has the product.

    Raises:
        FunctransError: what :func:`functrans.grad` raises.
        TreeError, ShapeError: ``v`` is not built like the arguments.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> ft.hvp(np.prod)(np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, 0.0]))
        array([0., 3., 2.])
        >>> ft.hvp(lambda w, scale: scale * np.sum(w**2))(np.ones(2), 5.0, np.array([1.0, 0.0]))
        array([10.,  0.])

    Source: Pearlmutter, Fast exact multiplication by the Hessian. Neural Computation 6 (1994).
    """

    def product(gradient: Callable[..., Any], primals: tuple[Any, ...], v: tuple[Any, ...]) -> Any:
        pushed = jvp(gradient, primals, v, has_aux=has_aux)
        return (pushed[1], pushed[2]) if has_aux else pushed[1]

    return _product("hvp", f, argnums, argnames, has_aux, product)


@boundary
def vhp(
    f: Callable[P, Any], argnums: Argnums = None, *, argnames: Argnames = None, has_aux: bool = False
) -> Callable[..., Any]:
    """As :func:`hvp`, computed reverse over forward: the gradient of the derivative in the direction of the vector.

    Takes what :func:`hvp` takes. The Hessian being symmetric, the two give the same; which is faster depends on the
    function.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> ft.vhp(np.prod)(np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, 0.0]))
        array([0., 3., 2.])
    """
    return _product("vhp", f, argnums, argnames, has_aux, None)


def _product(
    transform: str, f: Callable[..., Any], argnums: Argnums, argnames: Argnames, has_aux: bool, product: Any
) -> Callable[..., Any]:
    expect_function(f, transform)
    several(argnums)

    def product_of(*args: Any, **kwargs: Any) -> Any:
        try:
            if len(args) < 2 and not kwargs:
                raise DerivativeError(
                    f"`{transform}` of {describe_function(f)} was called with {len(args)} arguments",
                    f"call it with those of the function and then the vector: `{transform}(f)(x, v)`.",
                )
            *primals, v = args
            selection = Selection(f, tuple(primals), kwargs, argnums, argnames)
            differentiable_leaves(selection.selected, selection.names, f)  # an error names the user's function
            if selection.result(selection.selected) is selection.selected:  # several arguments
                v = tuple(v) if isinstance(v, list) else v
                expect_vector(v, selection.selected, transform)
                directions = v
            else:
                expect_vector(v, selection.selected[0], transform)
                directions = (v,)

            call = _called(f, selection.call)
            if product is not None:
                nums = tuple(range(len(selection.selected)))
                found = product(grad(call, nums, has_aux=has_aux), selection.selected, directions)
            else:
                along: Any = lambda *x: jvp(call, x, directions, has_aux=has_aux)[1:]  # noqa: E731
                slope = _called(f, along if has_aux else (lambda *x: along(*x)[0]))
                found = grad(slope, tuple(range(len(selection.selected))), has_aux=has_aux)(*selection.selected)
            if has_aux:
                return selection.result(found[0]), found[1]
            return selection.result(found)
        except Exception as error:
            hide(error)
            raise

    return named(product_of, transform, f)


def _called(f: Callable[..., Any], wrapper: Callable[..., Any]) -> Callable[..., Any]:
    """``wrapper``, by which ``f`` is called, under the name of ``f`` in errors."""

    def call(*args: Any) -> Any:
        return wrapper(*args)

    call.__name__ = getattr(f, "__name__", "f")
    call.__wrapped__ = f  # type: ignore[attr-defined]
    return call


def expect_vector(v: Tree, selected: Tree, transform: str) -> None:
    """Check that the last argument of a product is built like what is differentiated in.

    Raises:
        TreeError, ShapeError: it is not; the message says that it is the last one.
    """
    what = f"the vector (the last argument of `{transform}(f)`)"
    leaves, structure = tree.flatten(selected)
    for given, leaf in zip(tree.flatten_up_to(structure, v, what), leaves, strict=True):
        if np.shape(given) != np.shape(leaf):
            raise ShapeError(
                f"{what} has shape {np.shape(given)}, but what it belongs to is {ArraySpec.of(leaf)}",
                f"pass the arguments of the function first, and then a vector of shape {np.shape(leaf)}.",
            )
