"""Contractions: every axis order, negative axes, uneven shapes; the operands are small integers, so all is exact.

A library gave ``[0, -1]`` for the derivative of ``np.tensordot([1, 0], [[0, -x], [x, 0]], (0, 1))`` at 1.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import functrans as ft

RNG = np.random.default_rng(7)


def integers(shape: tuple[int, ...], kind: str = "f") -> Any:
    made = RNG.integers(-4, 5, shape).astype(float)
    return made + 1j * RNG.integers(-4, 5, shape) if kind == "c" else made


def pairing(a: Any, b: Any) -> float:
    return float(np.sum(np.real(a * b)))


def assert_bilinear(product: Callable[[Any, Any], Any], a: Any, b: Any) -> None:
    """The product rule forward, its adjoint in reverse, and the constant second derivative, to the bit."""
    da, db = [integers(x.shape, x.dtype.kind) for x in (a, b)]
    out, tangent = ft.jvp(product, (a, b), (da, db))
    expected = product(da, b) + product(a, db)
    np.testing.assert_array_equal(out, product(a, b))
    np.testing.assert_array_equal(tangent, expected)
    w = integers(out.shape, out.dtype.kind)
    pulled = ft.vjp(product, a, b)[1](w)
    assert [p.shape for p in pulled] == [a.shape, b.shape]
    assert pairing(pulled[0], da) == pairing(w, product(da, b))
    assert pairing(pulled[1], db) == pairing(w, product(a, db))
    mixed = ft.jvp(lambda b: ft.vjp(lambda a: product(a, b), a)[1](w)[0], (b,), (db,))[1]
    assert pairing(mixed, da) == pairing(w, product(da, db))
    if a.shape == b.shape and a.dtype == b.dtype:
        both = ft.jvp(lambda x: ft.jvp(lambda x: product(x, x), (x,), (da,))[1], (a,), (db,))[1]
        np.testing.assert_array_equal(both, product(da, db) + product(db, da))


def test_the_case():
    def f(x):
        return np.tensordot(np.array([1.0, 0.0]), np.array([[0.0, -1.0], [1.0, 0.0]]) * x, (0, 1))

    def stacked(x):
        rows = [ft.numpy.array([0.0, -x]), ft.numpy.array([x, 0.0])]
        return np.tensordot([1, 0], np.stack(rows), (0, 1))

    for g in (f, stacked):
        np.testing.assert_array_equal(ft.jvp(g, (1.0,), (1.0,))[1], [0, 1])
        np.testing.assert_array_equal([ft.vjp(g, 1.0)[1](e)[0] for e in np.eye(2)], [0, 1])
        np.testing.assert_array_equal(ft.jvp(lambda x: ft.jvp(g, (x,), (1.0,))[1], (1.0,), (1.0,))[1], [0, 0])


_PAIRS = [
    *itertools.product(range(-2, 2), range(-2, 2)),
    *itertools.product(itertools.permutations(range(2)), [(0, 1), (-1, 0), (1, -2), (-2, -1)]),
]


@pytest.mark.parametrize("axes", _PAIRS, ids=str)
def test_tensordot_of_matrices(axes):
    a = integers((3, 2))
    ours, theirs = [[axes[i]] if isinstance(axes[i], int) else list(axes[i]) for i in (0, 1)]
    shape = [5, 7]
    for i, j in zip(ours, theirs, strict=True):
        shape[j] = a.shape[i]
    b = integers(tuple(shape))
    assert_bilinear(lambda a, b: np.tensordot(a, b, axes), a, b)
    assert_bilinear(lambda a, b: np.linalg.tensordot(a, b, axes=(ours, theirs)), a, b)


@st.composite
def tensordots(draw):
    """Operands with up to four axes, uneven, any of them contracted in any order, counted from either end."""
    count = draw(st.integers(0, 3))
    sizes = draw(st.permutations([1, 2, 3]))[:count]
    shapes, axes = [], []
    for _ in range(2):
        free = draw(st.lists(st.sampled_from([1, 2, 4]), max_size=4 - count if count else 2))
        order = draw(st.permutations(range(count + len(free))))
        shape = [([*sizes, *free])[i] for i in order]
        places = [order.index(i) for i in range(count)]
        axes.append([p - len(shape) if draw(st.booleans()) else p for p in places])
        shapes.append(tuple(shape))
    return shapes, axes


@given(tensordots(), st.sampled_from(["ff", "cf", "fc", "cc"]))
def test_tensordot_in_every_order(case, kinds):
    shapes, axes = case
    a, b = [integers(shape, kind) for shape, kind in zip(shapes, kinds, strict=True)]
    assert_bilinear(lambda a, b: np.tensordot(a, b, axes), a, b)


@pytest.mark.parametrize("axes", [0, 1, 2])
def test_tensordot_by_count(axes):
    assert_bilinear(lambda a, b: np.tensordot(a, b, axes), integers((2, 3, 4)), integers((*(2, 3, 4)[3 - axes :], 2)))


@st.composite
def einsums(draw):
    """Subscripts with repeated, summed and broadcast indices, in any order."""
    sizes = {"i": 2, "j": 3, "k": 1, "l": 2}
    terms = ["".join(draw(st.lists(st.sampled_from("ijkl"), min_size=1, max_size=3))) for _ in range(2)]
    letters = sorted(set(terms[0] + terms[1]))
    out = "".join(draw(st.permutations(letters))[: draw(st.integers(0, len(letters)))])
    dots = draw(st.booleans())
    if dots:
        terms = [draw(st.sampled_from(["...", ""])) + t for t in terms]
        out = "..." + out
    shapes = [(3,) * t.startswith("...") + tuple(sizes[c] for c in t.replace("...", "")) for t in terms]
    return f"{terms[0]},{terms[1]}->{out}", shapes


@given(einsums())
def test_einsum(case):
    subscripts, shapes = case
    assert_bilinear(lambda a, b: np.einsum(subscripts, a, b), *[integers(shape) for shape in shapes])


@pytest.mark.parametrize(
    ("product", "shapes"),
    [
        (
            np.dot,
            [((), (2, 3)), ((3,), (3,)), ((2, 3), (3,)), ((3,), (4, 3, 2)), ((2, 3), (4, 3, 5)), ((3, 3), (3, 3))],
        ),
        (np.matmul, [((3,), (3,)), ((2, 3), (3,)), ((3,), (4, 3, 2)), ((4, 2, 3), (3, 5)), ((5, 1, 2, 3), (4, 3, 1))]),
        (np.inner, [((3,), (3,)), ((2, 3), (4, 5, 3)), ((), (3,)), ((2, 2), (2, 2))]),
        (np.outer, [((2,), (3,)), ((2, 2), (3, 1)), ((), (2,))]),
        (np.kron, [((2,), (3,)), ((2, 3), (3, 1)), ((2,), (2, 3, 1)), ((2, 2), (2, 2))]),
        (np.cross, [((3,), (3,)), ((2, 3), (3,)), ((2, 1, 3), (4, 3))]),
        (np.vecdot, [((3,), (3,)), ((2, 3), (3,)), ((4, 1, 3), (2, 3))]),
        (np.vdot, [((3,), (3,)), ((2, 3), (2, 3))]),
        (lambda a, b: np.cross(a, b, axisa=0, axisb=-1, axisc=1), [((3, 2, 4), (2, 4, 3))]),
        (lambda a, b: np.linalg.vecdot(a, b, axis=0), [((3, 2), (3, 1))]),
        (lambda a, b: np.linalg.multi_dot([a, np.arange(6.0).reshape(3, 2), b]), [((4, 3), (2, 5)), ((3,), (2,))]),
    ],
)
def test_products_of_uneven_shapes(product, shapes):
    for a, b in shapes:
        assert_bilinear(product, integers(a), integers(b))
