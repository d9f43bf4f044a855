"""functrans.transforms.vmap: axes, structures, chunks, errors. (That it gives what a loop gives is a law.)"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

import functrans as ft
from functrans.errors import LeakedTracerError, MissingRuleError, ShapeError, TracedBoolError, TreeError
from functrans.ir import ArraySpec
from functrans.primitives import Derivatives, Linear, Primitive, forget
from functrans.tracing.bind import bind

RNG = np.random.default_rng(11)
A, B = RNG.normal(size=(4, 2, 3)), RNG.normal(size=(3, 4, 5))
both = pytest.mark.parametrize(
    "mapped", [ft.vmap, lambda f, **axes: lambda *args, **kw: ft.map(f, *args, **axes, **kw)], ids=["vmap", "map"]
)


class Pair(NamedTuple):
    a: object
    b: object


@both
@pytest.mark.parametrize("in_axes", [(0, 1), (-3, 1), [0, -2]])
@pytest.mark.parametrize("out_axes", [0, 1, 2, -1, -3])
def test_axes(mapped, in_axes, out_axes):
    found = mapped(np.matmul, in_axes=in_axes, out_axes=out_axes)(A, B)
    expected = np.stack([A[i] @ B[:, i] for i in range(4)], axis=out_axes)
    np.testing.assert_allclose(found, expected, rtol=1e-14)


@both
def test_shared_arguments(mapped):
    np.testing.assert_allclose(mapped(np.matmul, in_axes=(0, None))(A, B[:, 0]), A @ B[:, 0], rtol=1e-14)
    np.testing.assert_allclose(mapped(lambda x, n: x**n, in_axes=(0, None))(A, 3), A**3, rtol=1e-14)


@both
def test_trees_of_axes_and_of_results(mapped):
    def f(p, q):
        return {"sum": p["x"] + p["n"] * q.a, "rest": Pair(q.b, (p["x"],))}

    p, q = {"x": A, "n": 2.0}, Pair(A[0, 0], (B, None))
    axes = {"in_axes": ({"x": 0, "n": None}, Pair(None, (1, None)))}
    found = mapped(f, **axes, out_axes={"sum": 1, "rest": Pair(-1, 0)})(p, q)
    np.testing.assert_array_equal(found["sum"], np.moveaxis(A + 2.0 * A[0, 0], 0, 1))
    np.testing.assert_array_equal(found["rest"].a[0], np.moveaxis(B, 1, -1))
    assert found["rest"].a[1] is None
    np.testing.assert_array_equal(found["rest"].b[0], A)


@both
def test_keyword_arguments_are_mapped_along_axis_0(mapped):
    np.testing.assert_array_equal(
        mapped(lambda x, scale: x * scale)(A, scale=np.arange(4.0)), A * np.arange(4.0)[:, None, None]
    )


@both
def test_results_that_do_not_depend_on_the_example(mapped):
    found = mapped(lambda x: (1.0, np.arange(3), x), out_axes=(0, 1, 0))(np.arange(2.0))
    np.testing.assert_array_equal(found[0], [1.0, 1.0])
    np.testing.assert_array_equal(found[1], np.stack([np.arange(3)] * 2, axis=1))
    assert found[1].flags.writeable
    kept = mapped(lambda x: (x, 7.0), out_axes=(0, None))(np.arange(2.0))
    assert kept[1] == 7.0


def test_integers_and_truth_values():
    found = ft.vmap(lambda x, i: (np.argmax(x) + i, x > 0))(A, np.arange(4))
    np.testing.assert_array_equal(found[0], A.reshape(4, -1).argmax(1) + np.arange(4))
    np.testing.assert_array_equal(found[1], A > 0)


@pytest.mark.parametrize("chunk_size", [1, 2, 3, 4, 9])
def test_chunks(chunk_size):
    calls = []

    def f(x, y):
        calls.append(1)
        return x @ y, np.float64(1.0), np.sum(x)

    found = ft.vmap(f, (0, None), (1, None, 0), chunk_size=chunk_size)(A, B[:, 0])
    np.testing.assert_allclose(found[0], np.moveaxis(A @ B[:, 0], 0, 1), rtol=1e-14)
    assert found[1] == 1.0
    np.testing.assert_allclose(found[2], A.sum((1, 2)), rtol=1e-14)
    assert len(calls) == -(-4 // chunk_size)


def test_axis_size_alone():
    np.testing.assert_array_equal(ft.vmap(lambda: np.arange(2.0), axis_size=3)(), [[0.0, 1.0]] * 3)
    np.testing.assert_array_equal(ft.vmap(lambda x: x, None, axis_size=2)(1.0), [1.0, 1.0])


def test_no_examples():
    assert ft.vmap(np.sin)(np.zeros((0, 3))).shape == (0, 3)
    assert ft.vmap(ft.grad(lambda x: np.sum(x**2)))(np.zeros((0, 3))).shape == (0, 3)
    with pytest.raises(ShapeError, match="no examples"):
        ft.map(np.sin, np.zeros((0, 3)))


def test_shared_operands_are_not_copied():
    """A matrix that would not fit into memory once more for each example."""
    wide = np.broadcast_to(np.ones(1), (50_000, 50_000))
    found = ft.vmap(lambda x: x * 2.0 + wide[0, :3])(np.zeros((2, 3)))
    np.testing.assert_array_equal(found, np.ones((2, 3)))


def test_python_scalars_stay_weak():
    assert ft.vmap(lambda x: x * 2.0 + 1)(np.ones(3, np.float32)).dtype == np.float32
    assert ft.vmap(lambda x, n: x * n, (0, None))(np.ones(3, np.float32), 2.0).dtype == np.float32
    assert ft.vmap(ft.grad(lambda x: np.exp(2.0 * x)))(np.ones(3, np.float32)).dtype == np.float32


def test_a_derivative_over_a_grid():
    x = np.linspace(-3, 3, 200)
    np.testing.assert_allclose(ft.vmap(ft.grad(lambda x: np.sin(x) ** 2))(x), np.sin(2 * x), rtol=1e-13, atol=1e-15)


def test_the_program_has_one_equation_per_operation():
    program = ft.trace(ft.vmap(lambda x, w: np.tanh(w @ x), (0, None)))(A[:, 0], np.ones((2, 3))).validate()
    assert len(program.equations) <= 3
    assert "tests/transforms" in str(program) or "test_vmap" in str(program)


# Errors.


def test_control_flow_on_examples_names_the_ways_out():
    with pytest.raises(TracedBoolError, match=r"(?s)example to example.*np\.where.*functrans\.map"):
        ft.vmap(lambda x: x if x > 0 else -x)(np.arange(3.0))
    np.testing.assert_array_equal(ft.map(lambda x: x if x > 0 else -x, np.array([1.0, -2.0])), [1.0, 2.0])


@both
def test_errors_of_in_axes(mapped):
    with pytest.raises(ShapeError, match=r"argument `b` is batched along axis 1, but it has shape \(4,\)"):
        mapped(lambda a, b: a, in_axes=(0, 1))(A, np.ones(4))
    with pytest.raises(ShapeError, match=r"argument `p`\['w'\] is batched along axis 0, but it is a number"):
        mapped(lambda p: p)({"w": 1.0})
    with pytest.raises(ShapeError, match="argument `a` has 4, argument `b` has 3"):
        mapped(lambda a, b: a)(A, B)
    with pytest.raises(ShapeError, match=r"1 entries, but .* was called with 2"):
        mapped(lambda a, b: a, in_axes=(0,))(A, A)
    with pytest.raises(ShapeError, match="nothing to map over"):
        mapped(lambda a: a, in_axes=None)(A)
    with pytest.raises(TreeError, match="no axis"):
        mapped(lambda a: a, in_axes="rows")(A)
    with pytest.raises(TreeError, match=r"in_axes\[0\] has entries \['v'\], but what it is for has \['w'\]"):
        mapped(lambda p: p, in_axes=({"v": 0},))({"w": A})
    with pytest.raises(TreeError, match=r"in_axes\[0\] is a dict, but what it is for is an array"):
        mapped(lambda p: p, in_axes=({"v": 0},))(A)


def test_errors_of_the_rest():
    with pytest.raises(ShapeError, match="axis_size is 5"):
        ft.vmap(np.sin, axis_size=5)(A)
    with pytest.raises(ShapeError, match="out_axes is 3 for `out`"):
        ft.vmap(np.sum, out_axes=3)(A)
    with pytest.raises(ShapeError, match=r"out_axes is None for `out\['y'\]`, but that differs"):
        ft.vmap(lambda x: {"y": x}, out_axes=None)(A)
    with pytest.raises(ShapeError, match="chunk_size=0"):
        ft.vmap(np.sin, chunk_size=0)
    with pytest.raises(ShapeError, match=r"`np\.matmul` of Float64\[3\] and Float64\[5\]"):
        ft.vmap(lambda x, y: x @ y)(np.ones((4, 3)), np.ones((4, 5)))
    with pytest.raises(ShapeError, match=r"`add` of Float64\[3\], Float64\[5\]"):
        ft.vmap(lambda x, y: x + y)(np.ones((4, 3)), np.ones((4, 5)))


def test_a_value_that_leaks():
    kept = []
    ft.vmap(lambda x: kept.append(x) or x)(A)
    with pytest.raises(LeakedTracerError, match="traced by `vmap`"):
        kept[0] + 1


def test_a_primitive_without_a_rule_names_the_loop():
    made = Primitive("unbatched", lambda x: x, lambda x: x, Linear((lambda ct, x: ct,)))
    try:
        with pytest.raises(MissingRuleError, match=r"(?s)`unbatched` has no batching rule.*functrans\.map"):
            ft.vmap(lambda x: bind(made, x))(A)
    finally:
        forget(made)


def test_an_elementwise_primitive_has_its_rule_by_itself():
    made = Primitive(
        "cube", lambda x: x**3, lambda x: ArraySpec(x.shape, x.dtype), Derivatives([lambda out, x: 3 * x**2])
    )
    try:
        np.testing.assert_array_equal(ft.vmap(ft.grad(lambda x: bind(made, x)))(np.arange(3.0)), [0.0, 3.0, 12.0])
    finally:
        forget(made)


@pytest.mark.parametrize("number", [True, 3, 0.5, 0.5 + 1j], ids=repr)
@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.int64, np.float32, np.float64, np.complex64])
@pytest.mark.parametrize("f", [lambda a, b: a + b, lambda a, b: b * a, lambda a, b: a == b, lambda a, b: (a + a) * b])
def test_batches_of_python_scalars_promote_like_python_scalars(f, dtype, number):
    """A Python scalar made inside of the batch from each example."""
    kind = type(number)
    beside = np.ones(2, dtype)

    def g(x):
        return f(weak_like(x, kind), beside)

    found = ft.vmap(g)(np.full(3, number))
    expected = f(number, beside)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, np.broadcast_to(expected, found.shape))


def weak_like(x, kind):
    """A value of a batch that stands for Python scalars of some type."""
    x.value = ArraySpec((), x.dtype, weak=True)
    return x


def test_operators_on_python_scalars_alone_are_pythons():
    assert ft.vmap(lambda x: weak_like(x, bool) + weak_like(x, bool))(np.array([True, False])).tolist() == [2, 0]
    assert ft.vmap(lambda x: -weak_like(x, bool))(np.array([True, False])).tolist() == [-1, 0]
