"""How functions of ``scipy.linalg`` become primitives: SciPy computes, its keywords are parameters.

Parameters are those keywords alone that differ from SciPy's defaults. ``overwrite_a=`` and its like are left out: an
array that a rule may read must stay what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from scipy import linalg

from functrans.errors import ShapeError, UncoveredFunctionError
from functrans.ir.spec import ArraySpec
from functrans.ops import batching
from functrans.ops.batching import Flags, Operands, Params, ranks
from functrans.ops.contraction import checked
from functrans.ops.family import broadcast_shapes
from functrans.primitives import Batch, Derivative, Primitive, Rules, Source, call_source
from functrans.tracing.bind import bind
from functrans.transforms.jvp import jvp
from functrans.transforms.walk import transposed


def declare(
    name: str,
    function: Callable[..., Any],
    spec: Callable[..., Any],
    derivative: Derivative | None,
    *,
    cores: Sequence[int] = (2,),
    source: Source | None = None,
    batch: Batch | None = None,
    **options: Any,
) -> Primitive:
    """A function of matrices, or of stacks of them where SciPy takes such; ``cores``: the axes of each operand."""
    impl = (lambda *args, **params: tuple(function(*args, **params))) if options.get("multiple") else function
    return Primitive(
        f"scipy.linalg.{name}",
        impl,
        spec,
        derivative,
        source=source or (lambda args, params: call_source(f"scipy.linalg.{function.__name__}", args, params)),
        batch=batch or over(*cores),
        **options,
    )


def over(*cores: int) -> Batch:
    """The batching rule of a function that takes stacks, if the SciPy at hand does: else one after the other."""
    stacked = batching.stacked(*cores)

    def rule(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
        chosen = stacked if takes_stacks() else batching.each
        return chosen(primitive, operands, batched, size, params)

    return checked(rule)


def solver_batch(primitive: Primitive, operands: Operands, batched: Flags, size: int, params: Params) -> Any:
    """That of a solver ``(a, b)``, where a ``b`` of one axis is a vector, and any other matrices."""
    (a, b), (m, n) = operands, ranks(operands, batched)
    if not batched[0] and m == 2 and n <= 2:
        return one_matrix(lambda columns: bind(primitive, a, columns, **params), b)
    if not takes_stacks():
        return batching.each(primitive, operands, batched, size, params)
    if n > 1:
        return batching.stacked(2, 2)(primitive, operands, batched, size, params)
    if not batched[1]:
        return bind(primitive, a, b, **params)
    columns = b[..., None]
    return batching.stacked(2, 2)(primitive, (a, columns), batched, size, params)[..., 0]


def one_matrix(solve: Callable[[Any], Any], b: Any) -> Any:
    """A batch of right-hand sides of one matrix: all columns of all of them at once."""
    if b.ndim == 2:
        return solve(b.T).T
    columns = np.moveaxis(b, 1, 0)
    found = solve(np.reshape(columns, (columns.shape[0], columns.shape[1] * columns.shape[2])))
    return np.moveaxis(np.reshape(found, columns.shape), 0, 1)


@cache
def takes_stacks() -> bool:
    """Whether SciPy's functions of matrices take stacks of them, as they do from version 1.15 on."""
    try:
        linalg.solve_triangular(np.ones((1, 1, 1)), np.ones((1, 1, 1)))
    except ValueError:
        return False
    return True


def given(**keywords: tuple[Any, Any]) -> dict[str, Any]:
    """The keywords, each with its default, that differ from it."""
    return {name: value for name, (value, default) in keywords.items() if value != default}


def unchecked(check_finite: Any) -> dict[str, Any]:
    """``check_finite=``, where it is not the default."""
    return {} if check_finite else {"check_finite": False}


@cache
def _dtypes(function: Callable[..., Any], operands: tuple[tuple[int, str], ...], params: tuple[Any, ...]) -> Any:
    matrix = np.array([[2.0, 0.5], [0.5, 1.0]])
    made = [(matrix if core == 2 else matrix[0]).astype(char) for core, char in operands]
    found = function(*made, **dict(params))
    return [np.asarray(x).dtype for x in found] if isinstance(found, tuple | list) else np.asarray(found).dtype


def dtypes(function: Callable[..., Any], specs: Sequence[ArraySpec], cores: Sequence[int], **params: Any) -> Any:
    """The dtypes that SciPy gives for such operands, asked for once."""
    return _dtypes(
        function, tuple((core, s.dtype.char) for core, s in zip(cores, specs, strict=True)), tuple(params.items())
    )


def square(name: str, a: ArraySpec) -> tuple[int, ...]:
    """The shape of a stack of square matrices, without the matrices.

    Raises:
        ShapeError: it is no such stack.
    """
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ShapeError(
            f"`scipy.linalg.{name}` of {a!r}: the last two axes must be a square matrix",
            "make a number a matrix with `np.reshape(a, (1, 1))`.",
        )
    return a.shape[:-2]


def common(name: str, *operands: tuple[ArraySpec, int]) -> tuple[int, ...]:
    """The common shape of the stacks that operands are; each with the number of axes of one example."""
    for a, core in operands:
        if a.ndim < core:
            raise ShapeError(f"`scipy.linalg.{name}` of {a!r}: it takes matrices", "give it more axes: `x[:, None]`.")
    return broadcast_shapes(f"scipy.linalg.{name}", [a.with_shape(a.shape[: a.ndim - core]) for a, core in operands])


def solution_shape(name: str, a: ArraySpec, b: ArraySpec) -> tuple[int, ...]:
    """The shape of the solution of linear equations with the square matrices ``a``."""
    stack = square(name, a)
    core = b.shape[-2:]
    if not core or core[0] != a.shape[-1]:
        raise ShapeError(
            f"`scipy.linalg.{name}` of {a!r} and {b!r}: the matrix does not fit the right-hand side",
            "it is a vector `(m,)` or matrices `(..., m, k)`; pass a stack of vectors as `b[..., None]`.",
        )
    return broadcast_shapes(f"scipy.linalg.{name}", [a.with_shape(stack), b.with_shape(b.shape[:-2])]) + core


def solved(primitive: Primitive, a: Any, rhs: Any, vector: bool, **params: Any) -> Any:
    """A solver called with ``rhs``, which is a stack of vectors if ``vector`` and it has several axes."""
    if vector and np.ndim(rhs) > 1:
        return bind(primitive, a, rhs[..., None], **params)[..., 0]
    return bind(primitive, a, rhs, **params)


def times(a: Any, x: Any, vector: bool) -> Any:
    """``a @ x`` for stacks of vectors or matrices ``x``."""
    return (a @ x[..., None])[..., 0] if vector else a @ x


def outer(x: Any, y: Any, vector: bool) -> Any:
    """``x @ y.mT`` for stacks of vectors or matrices."""
    return x[..., :, None] * y[..., None, :] if vector else x @ y.mT


def follows(reference: Callable[..., Any], count: int) -> Rules:
    """The derivative of a function that is, up to rounding, ``reference``, which is made of covered functions."""

    def rule(position: int) -> Callable[..., Any]:
        def push(t: Any, out: Any, *operands: Any, **params: Any) -> Any:
            def moved(x: Any) -> Any:
                return reference(*operands[:position], x, *operands[position + 1 :], **params)

            x = operands[position]
            return jvp(moved, (x,), (np.broadcast_to(t.astype(x.dtype), np.shape(x)),))[1]

        return push

    pushes = [rule(position) for position in range(count)]
    return Rules(jvp=pushes, vjp=[pulled(push, position) for position, push in enumerate(pushes)])


def pulled(push: Callable[..., Any], position: int) -> Callable[..., Any]:
    """The rule of the reverse mode for an operand, from that of the forward mode."""

    def pull(ct: Any, out: Any, *operands: Any, **params: Any) -> Any:
        return transposed(push, ArraySpec.of(operands[position]), ct, out, operands, params)

    return pull


def refused(name: str, what: str, instead: str) -> UncoveredFunctionError:
    """The error for what is not covered of a function."""
    given = f" {what}" if what else ""
    return UncoveredFunctionError(f"`scipy.linalg.{name}` of a traced value{given} is not covered", instead)
