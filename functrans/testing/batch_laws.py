"""The laws of batches, and of what goes through a linear map in a batch: Jacobians, Hessians, linear programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import functrans as ft
from functrans import tree
from functrans.ops.batching import rule_of
from functrans.testing.case import Case, is_inexact, noise
from functrans.testing.compare import assert_close, assert_same_bits, flat, leaves, specs
from functrans.testing.law import law, rounding

_SIZE = 3
#: Larger matrices of derivatives are left to smaller cases.
_LARGEST = 64


def _examples(case: Case) -> tuple[list[Any], list[int | None]]:
    """Batches of arguments near those of the case, batch axis first; and which arguments are batched: by the seed."""
    count = len(case.args)
    chosen = 1 + case.seed % (2**count - 1) if count else 0
    rng = np.random.default_rng([case.seed, 3])

    def batch(position: int) -> Callable[[Any], Any]:
        def of(leaf: Any) -> Any:
            leaf = np.asarray(leaf)
            if position not in case.moving and case.moving:
                return np.stack([leaf] * _SIZE)
            near = 0.02 * np.asarray(noise(rng, leaf))
            return np.stack([np.asarray(leaf + row * near, leaf.dtype) for row in range(_SIZE)])

        return of

    batched = [bool(chosen >> i & 1) for i in range(count)]
    args = [tree.map(batch(i), arg) if batched[i] else arg for i, arg in enumerate(case.args)]
    return args, [0 if flag else None for flag in batched]


def _row(args: Sequence[Any], axes: Sequence[int | None], i: int) -> list[Any]:
    return [arg if axis is None else tree.map(lambda leaf: leaf[i], arg) for arg, axis in zip(args, axes, strict=True)]


def _stack(rows: Sequence[Any]) -> Any:
    return tree.map(lambda *column: np.stack(column), rows[0], *rows[1:])


def _assert_same(found: Any, expected: Any, precise: float) -> None:
    forms = [[(spec.shape, spec.dtype) for spec in specs(value)] for value in (found, expected)]
    assert forms[0] == forms[1], f"{specs(found)} instead of {specs(expected)}"
    for a, b in zip(leaves(found), leaves(expected), strict=True):
        if is_inexact(b):
            assert_close(a, b, precise=precise)
        else:
            assert np.array_equal(a, b), f"{a} instead of {b}"


def _has_no_rule(case: Case) -> bool:
    return case.primitive is not None and rule_of(case.primitive) is None


@law(order=0, staged=True)
def batched_is_stacked(case: Case) -> None:
    """vmap(f)(xs) == stack([f(x) for x in xs]), whichever arguments are batched.

    `batch=` gives outputs with the batch as their first axis.
    """
    if _has_no_rule(case) or not case.args:
        return
    args, axes = _examples(case)
    expected = _stack([case.everything(*_row(args, axes, i)) for i in range(_SIZE)])
    _assert_same(ft.vmap(case.everything, tuple(axes))(*args), expected, rounding(case))


@law(order=1, staged=True)
def batched_derivatives_are_stacked(case: Case) -> None:
    """vmap(J)(xs, vs) == stack([J(x) v for x, v]), and J^T likewise, with one tangent for all or one for each.

    A derivative rule asks for the values of what may be batched, or its functions have batching rules that do not fit.
    """
    if _has_no_rule(case):
        return
    args, axes = _examples(case)

    def push(v: Any, *given: Any) -> Any:
        here = case.at(given)
        return ft.jvp(here.f, here.point, v)[1]

    def pull(w: Any, *given: Any) -> Any:
        here = case.at(given)
        return ft.vjp(here.f, *here.point)[1](w)

    for f, dual in ((push, case.tangent()), (pull, case.cotangent())):
        dual = tree.map(np.asarray, dual)  # noqa: PLW2901
        many = tree.map(lambda leaf: np.stack([leaf, 2 * leaf, -1 * leaf if is_inexact(leaf) else leaf]), dual)
        for given, axis in ((dual, None), (many, 0)):
            every, each = [given, *args], [axis, *axes]
            expected = _stack([f(*_row(every, each, i)) for i in range(_SIZE)])
            _assert_same(ft.vmap(f, tuple(each))(*every), expected, rounding(case))


@law(order=1, staged=True)
def derivative_of_the_batch(case: Case) -> None:
    """vjp(vmap(f))(xs)(ws) == the stack (for shared arguments: the sum) of vjp(f)(x)(w).

    `batch=` is written in functions that do not trace, or counts axes from the end.
    """
    if _has_no_rule(case):
        return
    args, axes = _examples(case)
    inside = list(case.moving)
    if any(tree.flatten(x)[1] != tree.flatten(case.args[i])[1] for i, x in zip(inside, case.point, strict=True)):
        return  # an argument that holds integers too

    def mapped(*point: Any) -> Any:
        given = list(args)
        for i, x in zip(inside, point, strict=True):
            given[i] = x
        return ft.vmap(case.everything, tuple(axes))(*given)

    out, pullback = ft.vjp(mapped, *[args[i] for i in inside])
    ws = noise(np.random.default_rng([case.seed, 4]), out)
    found = pullback(ws)
    rows = []
    for i in range(_SIZE):
        here = case.at(_row(args, axes, i))
        rows.append(ft.vjp(here.f, *here.point)[1](tree.map(lambda leaf: leaf[i], ws)))
    for k, position in enumerate(inside):
        column = [row[k] for row in rows]
        if axes[position] is None:
            expected = tree.map(lambda *parts: np.sum(np.stack(parts), axis=0), column[0], *column[1:])
        else:
            expected = _stack(column)
        assert_close(found[k], expected, precise=rounding(case))


def _is_real(case: Case) -> bool:
    everything = [*leaves(case.point), *leaves(case.value())]
    return all(np.asarray(leaf).dtype.kind == "f" for leaf in everything)


@law(order=1)
def jacobians_hold_every_derivative(case: Case) -> None:
    """jacobian(f)(x) v == J v for jacobian, jacfwd, jacrev; all three are equal.

    A rule does not take a batch of tangents or cotangents beside operands that are not batched.
    """
    sizes = flat(case.point).size, flat(case.value()).size
    if _has_no_rule(case) or not _is_real(case) or max(sizes) > _LARGEST:
        return
    positions = tuple(range(len(case.moving)))
    v = case.tangent()
    expected = flat(ft.jvp(case.f, case.point, v)[1])
    for transform in (ft.jacobian, ft.jacfwd, ft.jacrev):
        found = transform(case.f, positions, chunk_size=None if case.seed % 2 else 2)(*case.point)
        blocks = iter(leaves(found))
        product = []
        for out in leaves(case.value()):
            rows = np.zeros(np.size(out))
            for dx in leaves(v):
                block = np.asarray(next(blocks))
                assert block.shape == np.shape(out) + np.shape(dx), f"a block of shape {block.shape}"
                rows = rows + block.reshape(np.size(out), np.size(dx)) @ np.ravel(dx)
            product.append(rows)
        assert_close(np.concatenate(product), expected, precise=rounding(case))


@law(order=1)
def linear_programs_are_the_derivative(case: Case) -> None:
    """linearize(f, x) == (f(x), push), push(v) == J v, linear_transpose(push)(w) == J^T w; validate() accepts push.

    A rule computes something else for a tangent whose value is not known.
    """
    out, pushforward = ft.linearize(case.f, *case.point)
    pushforward.program.validate()
    v, w = case.tangent(), case.cotangent()
    expected = ft.jvp(case.f, case.point, v)[1]
    assert_close(pushforward(*v), expected, precise=rounding(case))
    assert_same_bits(out, case.f(*case.point))
    transposed = ft.linear_transpose(pushforward, *case.point)
    assert_close(transposed(w), ft.vjp(case.f, *case.point)[1](w), precise=rounding(case))


@law(order=2)
def hessians_are_symmetric(case: Case) -> None:
    """hessian(<w, f>) == its transpose, and hessian u == hvp u == vhp u.

    The rules of the two modes are not each other's transposes at second order.
    """
    size = flat(case.point).size
    if _has_no_rule(case) or not _is_real(case) or size > 16:
        return
    w, u = case.cotangent(), case.tangent()

    def loss(*point: Any) -> Any:
        outs = zip(leaves(case.f(*point)), leaves(w), strict=True)
        return sum([np.sum(out * weight) for out, weight in outs], 0.0)

    positions = tuple(range(len(case.moving)))
    blocks = iter(leaves(ft.hessian(loss, positions)(*case.point)))
    shapes = [np.size(x) for x in leaves(case.point)]
    matrix = np.block([[np.reshape(next(blocks), (rows, columns)) for columns in shapes] for rows in shapes])
    assert_close(matrix, matrix.T, precise=rounding(case))
    expected = matrix @ flat(u)
    for product in (ft.hvp, ft.vhp):
        assert_close(flat(product(loss, positions)(*case.point, u)), expected, precise=rounding(case))
