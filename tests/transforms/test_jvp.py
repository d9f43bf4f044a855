"""``jvp``: what it takes and gives."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

import functrans as ft
from functrans.errors import (
    DerivativeError,
    IntegerInputError,
    LeakedTracerError,
    MissingRuleError,
    ShapeError,
    TreeError,
)
from functrans.primitives import Primitive, forget
from functrans.tracing.bind import bind


class Layer(NamedTuple):
    w: Any
    b: Any


def test_trees():
    def f(layer, x):
        return {"y": x @ layer.w + layer.b, "constant": 2.0, "n": None}

    layer, x = Layer(np.ones((2, 3)), 0.5), np.array([1.0, 2.0])
    out, tangent = ft.jvp(f, (layer, x), (Layer(np.ones((2, 3)), 1), np.zeros(2)))
    np.testing.assert_equal(out, f(layer, x))
    np.testing.assert_equal(tangent, {"y": np.full(3, 4.0), "constant": 0.0, "n": None})


@pytest.mark.parametrize("x", [2.0, 2, np.float32(2), np.float64(2), np.array(2.0), np.array([2.0], np.float32)])
def test_tangent_has_the_type_of_the_output(x):
    out, tangent = ft.jvp(lambda x: x * x / 3.0 + 1, (x,), (x,))
    assert type(tangent) is type(out)
    assert np.asarray(tangent).dtype == np.asarray(out).dtype
    assert np.all(tangent == pytest.approx(8 / 3, rel=1e-6))


@pytest.mark.parametrize(
    ("tangent", "error", "message"),
    [
        (np.ones(2), ShapeError, r"the tangent has shape \(2,\)"),
        (np.ones(3) * 1j, ShapeError, "the tangent is Complex128"),
        ((np.ones(3),), TreeError, "the tangents"),
    ],
)
def test_tangents_are_checked(tangent, error, message):
    with pytest.raises(error, match=message):
        ft.jvp(np.sin, (np.ones(3),), (tangent,))


def test_wrong_number_of_tangents():
    with pytest.raises(TreeError, match="the tangents"):
        ft.jvp(np.add, (1.0, 2.0), (1.0,))


def test_integer_primals_are_refused():
    with pytest.raises(IntegerInputError, match="astype"):
        ft.jvp(np.sin, (np.arange(3),), (np.ones(3),))
    assert ft.jvp(lambda x: x * x, (3,), (1,)) == (9.0, 6.0)


def test_integer_tangents_count_as_floats():
    assert ft.jvp(np.sin, (np.zeros(2),), (np.array([1, 2]),))[1].tolist() == [1.0, 2.0]


def test_aux():
    out, tangent, aux = ft.jvp(lambda x: (x * x, {"x": x, "n": 3}), (2.0,), (1.0,), has_aux=True)
    assert (out, tangent, aux) == (4.0, 4.0, {"x": 2.0, "n": 3})
    assert type(aux["x"]) is float
    with pytest.raises(DerivativeError, match="has_aux=True"):
        ft.jvp(lambda x: x, (2.0,), (1.0,), has_aux=True)


def test_integer_outputs_have_zero_tangents():
    out, tangent = ft.jvp(lambda x: (np.floor(x), x > 1, np.argmax(x)), (np.array([0.5, 1.5]),), (np.ones(2),))
    np.testing.assert_equal(out, (np.array([0.0, 1.0]), np.array([False, True]), 1))
    assert not any(np.any(t) for t in tangent)


def test_missing_rule():
    primitive = Primitive("ruleless", np.sin, lambda x: x, None)
    try:
        with pytest.raises(MissingRuleError, match="ruleless"):
            ft.jvp(lambda x: bind(primitive, x), (1.0,), (1.0,))
        assert ft.jvp(lambda x: x * bind(primitive, 0.0), (1.0,), (1.0,)) == (0.0, 0.0)
    finally:
        forget(primitive)


def test_leaks():
    kept = []
    ft.jvp(lambda x: kept.append(x) or x, (1.0,), (1.0,))
    with pytest.raises(LeakedTracerError):
        np.sin(kept[0])


def test_control_flow():
    def f(x):
        while x < 100:
            x = x * x
        return x

    assert ft.jvp(f, (3.0,), (1.0,)) == (6561.0, 8 * 3.0**7)


def test_nesting():
    d = lambda f: lambda x: ft.jvp(f, (x,), (1.0,))[1]  # noqa: E731
    assert d(d(d(lambda x: x**4)))(2.0) == 48
    assert ft.grad(d(lambda x: x**4))(2.0) == 48
    assert d(ft.grad(lambda x: x**4))(2.0) == 48


def test_complex_tangents():
    z, dz = 1 + 2j, 0.5 - 1j
    assert ft.jvp(lambda z: z**3, (z,), (dz,))[1] == pytest.approx(3 * z**2 * dz)
    assert ft.jvp(np.abs, (z,), (dz,))[1] == pytest.approx((np.conj(z) * dz).real / abs(z))
    assert ft.jvp(lambda x: x * 1j, (2.0,), (3.0,))[1] == 3j


def test_no_memory_of_the_past():
    """Forward mode keeps no trace: its memory does not grow with the length of a program."""
    import tracemalloc

    x = np.ones(20_000)

    def f(x):
        for _ in range(100):
            x = np.sin(x)
        return x

    ft.jvp(f, (x,), (x,))
    tracemalloc.start()
    ft.jvp(f, (x,), (x,))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * x.nbytes


@pytest.mark.parametrize("f", [lambda x: x, lambda x: x[::-1], lambda x: (x, x), np.ravel])
def test_tangents_are_the_callers_own(f):
    dx = np.array([1.0, 2.0])
    tangents = ft.tree.flatten(ft.jvp(f, (np.zeros(2),), (dx,))[1])[0]
    for tangent in tangents:
        tangent += 5
    np.testing.assert_array_equal(dx, [1, 2])
    assert len({tuple(tangent) for tangent in tangents}) == 1


def test_a_python_complex_has_a_complex_tangent_also_when_staged():
    for f in (lambda x: x + 1j, lambda x: 2 - 1j * x, lambda x: x / (1 + 1j)):
        out = ft.jvp(f, (0.5,), (2.0,))
        program = ft.trace(lambda x, f=f: ft.jvp(f, (x,), (2.0,)))(0.5).validate()
        assert [type(part) for part in out] == [complex, complex]
        assert ft.evaluate(program, 0.5) == out
        assert [type(part) for part in ft.evaluate(program, 0.5)] == [complex, complex]


def test_the_tangent_of_a_truth_value_or_an_integer_also_when_staged():
    """Those of Python's own numbers once came out of a staged trace as floats."""
    for f in (lambda x: (x > 1.0, x), lambda x: (ft.stop_gradient(x) == 2.0, 3, x)):
        live = ft.jvp(f, (0.5,), (2.0,))
        program = ft.trace(lambda x, f=f: ft.jvp(f, (x,), (2.0,)))(0.5).validate()
        staged = ft.evaluate(program, 0.5)
        assert staged == live
        assert [type(leaf) for leaf in ft.tree.flatten(staged)[0]] == [type(leaf) for leaf in ft.tree.flatten(live)[0]]
