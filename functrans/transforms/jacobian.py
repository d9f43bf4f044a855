"""``jacobian``: all first derivatives of a function with several outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functrans import tree
from functrans.errors import NonScalarOutputError, describe_function, expect_function
from functrans.ir.spec import ArraySpec
from functrans.transforms.arguments import Argnames, Argnums, Selection, differentiable_leaves, unit_cotangents
from functrans.transforms.vjp import Linearization, named


def jacobian(
    f: Callable[..., Any], argnums: Argnums = None, *, argnames: Argnames = None, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that gives the derivative of every output entry of ``f`` in every input entry.

    One evaluation of ``f``, then one walk back per entry of the output.

    Args:
        f: pure function of arrays, or of trees of arrays; the outputs are real.
        argnums: as for :func:`functrans.grad`.
        argnames: as for :func:`functrans.grad`.
        has_aux: ``f`` returns ``(out, aux)``; the result is then ``(jacobian, aux)``.

    Returns:
        A function of the same arguments. Its result has the tree of the output, with the tree of the argument at each
        leaf; an array there has the output's shape followed by the input's, and is a number if both are.

    Raises:
        DerivativeError: an argument is an integer array, or an output is complex.

    Example:
        >>> import functrans as ft
        >>> import numpy as np
        >>> ft.jacobian(lambda x: x**2)(np.array([1.0, 3.0]))
        array([[2., 0.],
               [0., 6.]])
    """
    expect_function(f, "jacobian")

    def jacobian_of(*args: Any, **kwargs: Any) -> Any:
        selection = Selection(f, args, kwargs, argnums, argnames)
        leaves, structure = differentiable_leaves(selection.selected, selection.names, f)
        line = Linearization("jacobian", f, leaves, structure, has_aux, selection.call)
        specs = [ArraySpec.of(out) for out in line.outs]
        blocks: list[Any] = []
        for position, spec in enumerate(specs):
            if spec.dtype.kind == "c":
                raise NonScalarOutputError(
                    f"`jacobian` needs real outputs, but {describe_function(f)} returned {spec}",
                    "return real and imaginary parts apart (`np.real(out)`, `np.imag(out)`).",
                )
            rows = [
                line.pull_leaves([unit if i == position else None for i in range(len(specs))])
                for unit in unit_cotangents(spec)
            ]
            columns = [
                _block([row[k] for row in rows], spec.shape + np.shape(leaf), leaf) for k, leaf in enumerate(leaves)
            ]
            blocks.append(selection.result(tree.unflatten(structure, columns)))
        result = tree.unflatten(line.out_tree, blocks)
        return (result, line.aux) if has_aux else result

    return named(jacobian_of, "jacobian", f)


def _block(rows: list[Any], shape: tuple[int, ...], leaf: Any) -> Any:
    """The rows as one array of this shape; a single derivative as a number, as NumPy gives it."""
    if not rows:
        return np.zeros(shape, ArraySpec.of(leaf).dtype)
    return np.reshape(np.stack(rows), shape) if shape else np.stack(rows)[0]
