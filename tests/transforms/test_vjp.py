"""``vjp``, ``grad``, ``value_and_grad``: what they take and give."""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

import functrans as ft
from functrans.errors import (
    DerivativeError,
    IntegerInputError,
    LeakedTracerError,
    NonScalarOutputError,
    ShapeError,
    TreeError,
)


class Layer(NamedTuple):
    w: Any
    b: Any


@dataclass
class Model:
    layer: Layer
    scale: Any = 1.0


# What gradients are made of.


@pytest.mark.parametrize(
    ("x", "kind"),
    [
        (2.0, float),
        (2, float),
        (np.float64(2), np.float64),
        (np.float32(2), np.float32),
        (np.float16(2), np.float16),
        (np.longdouble(2), np.longdouble),
        (np.array(2.0), np.ndarray),
    ],
)
def test_gradient_has_the_type_of_its_argument(x, kind):
    gradient = ft.grad(lambda x: x * x + 3 * x)(x)
    assert gradient == 7
    assert np.asarray(gradient).dtype == (float if isinstance(x, int) else np.asarray(x).dtype)
    if kind is not np.ndarray:
        assert type(gradient) is kind


TREES = [
    {"w": 2.0, "b": np.ones(2)},
    OrderedDict(z=2.0, a=np.ones(2)),
    [2.0, (np.ones(2), None)],
    Layer(2.0, np.ones(2)),
    Model(Layer(2.0, np.ones(2)), np.float32(3.0)),
    (),
    None,
]


@pytest.mark.parametrize("value", TREES, ids=lambda v: type(v).__name__)
def test_gradient_has_the_tree_of_its_argument(value):
    f = lambda p: sum(np.sum(leaf * leaf) for leaf in ft.tree.flatten(p)[0]) + 0.0  # noqa: E731
    gradient = ft.grad(f)(value)
    leaves, structure = ft.tree.flatten(value)
    found, found_structure = ft.tree.flatten(gradient)
    assert found_structure == structure
    for x, g in zip(leaves, found, strict=True):
        assert type(g) is type(x)
        np.testing.assert_array_equal(g, 2 * np.asarray(x))


def test_what_does_not_depend_has_a_gradient_of_zero():
    gx, gy = ft.grad(lambda x, y: np.sum(x), (0, 1))(np.ones(2), np.ones((2, 1), np.float32))
    np.testing.assert_array_equal(gx, [1, 1])
    np.testing.assert_array_equal(gy, [[0], [0]])
    assert gy.dtype == np.float32
    assert ft.grad(lambda x: 3.0)(2.0) == 0
    assert ft.grad(lambda x: x)(2.0) == 1


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtypes_are_kept(dtype):
    w, x = np.ones((3, 2), dtype), np.ones((4, 3), dtype)
    f = lambda w, x: np.mean(np.tanh(x @ w) ** 2 * 0.5 + 1) / 3  # noqa: E731
    value, (gw, gx) = ft.value_and_grad(f, (0, 1))(w, x)
    assert (value.dtype, gw.dtype, gx.dtype) == (dtype,) * 3
    assert ft.grad(lambda w: np.sum(ft.grad(f)(w, x)))(w).dtype == dtype


def test_mixed_dtypes():
    f = lambda x, y: np.sum(x * y)  # noqa: E731
    x, y = np.ones(2, np.float32), np.ones(2)
    assert [g.dtype for g in ft.grad(f, (0, 1))(x, y)] == [np.float32, np.float64]
    gradient = ft.grad(f)(np.float32(2), np.float64(3))
    assert type(gradient) is np.float32


# Which arguments.


def three(x, y, *, z=1.0):
    return x * y**2 * z**3


@pytest.mark.parametrize(
    ("argnums", "argnames", "expected"),
    [
        (None, None, 72.0),
        (0, None, 72.0),
        (1, None, 96.0),
        (-1, None, 96.0),
        ((0, 1), None, (72.0, 96.0)),
        ([1, 0], None, (96.0, 72.0)),
        ((1,), None, (96.0,)),
        (None, "z", 216.0),
        (None, "y", 96.0),
        (None, ("z", "x"), (216.0, 72.0)),
        (0, "z", (72.0, 216.0)),
        ((0,), ("z",), (72.0, 216.0)),
        ((), "z", (216.0,)),
    ],
)
def test_argnums_and_argnames(argnums, argnames, expected):
    if argnums == ():
        expected = (216.0,) if isinstance(ft.grad(three, argnums, argnames=argnames)(2.0, 3.0, z=2.0), tuple) else 216.0
    assert ft.grad(three, argnums, argnames=argnames)(2.0, 3.0, z=2.0) == expected
    assert ft.value_and_grad(three, argnums, argnames=argnames)(2.0, 3.0, z=2.0) == (144.0, expected)


@pytest.mark.parametrize(
    ("argnums", "argnames", "message"),
    [
        (2, None, "argnums=2"),
        (-3, None, "argnums=-3"),
        ((0, 0), None, "twice"),
        ((0, -2), None, "twice"),
        (0, "x", "twice"),
        (None, "w", "argnames='w'"),
    ],
)
def test_arguments_that_are_not_there(argnums, argnames, message):
    with pytest.raises(DerivativeError, match=message):
        ft.grad(three, argnums, argnames=argnames)(2.0, 3.0, z=2.0)


def test_argument_left_at_its_default():
    with pytest.raises(DerivativeError, match="must be passed"):
        ft.grad(three, argnames="z")(2.0, 3.0)


def test_other_arguments_are_anything():
    f = lambda x, how, n, *, flag: x * n if how == "times" and flag else x  # noqa: E731
    assert ft.grad(f)(2.0, "times", 3, flag=True) == 3
    assert ft.grad(f, "not a number" if 0 else 2)(2.0, "times", 3, flag=True) == 2


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.arange(3), "astype"),
        (np.array([True]), "astype"),
        ("text", "str"),
        ({"w": [1.0, np.arange(2)]}, r"\['w'\]\[1\]"),
        (np.int64(3), "astype"),
        (True, "bool"),
    ],
)
def test_what_has_no_derivative_is_refused(x, message):
    def loss(params):
        return 0.0

    with pytest.raises(IntegerInputError, match=message) as caught:
        ft.grad(loss)(x)
    assert "`params`" in str(caught.value)
    assert "`loss` (test_vjp.py:" in str(caught.value)


# has_aux, holomorphic.


def test_aux_is_handed_through_untraced():
    def f(x):
        y = np.sin(x)
        return np.sum(y), {"y": y, "label": "a", "x": x}

    x = np.array([0.5, 1.5])
    gradient, aux = ft.grad(f, has_aux=True)(x)
    np.testing.assert_array_equal(gradient, np.cos(x))
    np.testing.assert_array_equal(aux["y"], np.sin(x))
    assert type(aux["y"]) is np.ndarray
    assert aux["label"] == "a"
    assert aux["x"] is x
    (value, aux2), gradient2 = ft.value_and_grad(f, has_aux=True)(x)
    assert value == np.sum(np.sin(x))
    np.testing.assert_array_equal(gradient2, gradient)
    out, pullback, aux3 = ft.vjp(f, x, has_aux=True)
    np.testing.assert_array_equal(pullback(2.0)[0], 2 * gradient)
    assert (out, aux3["label"]) == (value, "a")
    np.testing.assert_array_equal(aux2["y"], aux3["y"])


def test_aux_stays_traced_for_an_outer_transform():
    def inner(x):
        return x**3, x**2

    def outer(x):
        gradient, aux = ft.grad(inner, has_aux=True)(x)
        return gradient * aux

    assert ft.grad(outer)(2.0) == pytest.approx(12 * 2.0**3)


def test_aux_needs_a_pair():
    with pytest.raises(DerivativeError, match="has_aux=True"):
        ft.grad(lambda x: x, has_aux=True)(1.0)


def test_holomorphic():
    z = np.array(0.5 + 1.5j)
    assert ft.grad(np.exp, holomorphic=True)(0.5 + 1.5j) == np.exp(0.5 + 1.5j)
    assert ft.grad(lambda z: z**3, holomorphic=True)(z) == pytest.approx(3 * z**2)
    assert ft.grad(lambda z: 1.0, holomorphic=True)(z) == 0
    with pytest.raises(DerivativeError, match="that is not holomorphic"):
        ft.grad(np.abs, holomorphic=True)(z)
    with pytest.raises(DerivativeError, match="holomorphic=True"):
        ft.grad(lambda z: z**3)(z)
    with pytest.raises(DerivativeError, match="is not complex"):
        ft.grad(lambda x: x * 1j, holomorphic=True)(1.0)


def test_real_function_of_complex_numbers():
    z = np.array([1 + 2j, -0.5j])
    np.testing.assert_allclose(ft.grad(lambda z: np.sum(np.abs(z) ** 2))(z), 2 * np.conj(z))
    np.testing.assert_allclose(ft.grad(lambda z: np.real(np.sum(z**2)))(z), 2 * z)
    x = np.array([0.3, 0.7])
    gradient = ft.grad(lambda x: np.real(np.sum((x + 1j) ** 2)))(x)
    assert gradient.dtype == float
    np.testing.assert_allclose(gradient, 2 * x)


# The output.


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: x * np.ones(3), r"Float64\[3\]"),
        (lambda x: (x, x), "tuple"),
        (lambda x: {"a": x}, "dict"),
        (lambda x: [x], "list"),
        (lambda x: None, "None"),
        (lambda x: x * np.ones(1), r"Float64\[1\]"),
    ],
)
def test_output_must_be_one_number(f, message):
    with pytest.raises(NonScalarOutputError, match=message):
        ft.grad(f)(2.0)


@pytest.mark.parametrize("f", [lambda x: np.array(3), lambda x: np.floor(x).astype(int), lambda x: x > 0])
def test_integer_outputs_are_refused(f):
    with pytest.raises(DerivativeError, match=r"integer|Bool|bool"):
        ft.grad(f)(np.float64(2.0))


@pytest.mark.parametrize("text", ["abc", object()])
def test_outputs_that_are_no_numbers(text):
    with pytest.raises((DerivativeError, TreeError)):
        ft.grad(lambda x: text)(2.0)


# The pullback.


def test_pullback_is_a_function():
    x, y = np.array([1.0, 2.0]), 3.0
    out, pullback = ft.vjp(lambda x, y: {"a": x * y, "b": (np.sum(x), y)}, x, y)
    np.testing.assert_equal(out, {"a": x * y, "b": (3.0, 3.0)})
    ct = {"a": np.array([1.0, -1.0]), "b": (0.5, 2.0)}
    for _ in range(3):
        dx, dy = pullback(ct)
        np.testing.assert_array_equal(dx, [3.5, -2.5])
        assert dy == 1.0
    dx, dy = pullback({"b": (0.0, 1), "a": np.zeros(2, np.float32)})
    np.testing.assert_array_equal(dx, [0, 0])
    assert dy == 1


@pytest.mark.parametrize(
    ("ct", "error", "message"),
    [
        (np.ones(2), ShapeError, r"shape \(2,\)"),
        (1.0, ShapeError, r"shape \(\)"),
        (np.ones(3) * 1j, ShapeError, "Complex128"),
        ([np.ones(3)], TreeError, "the cotangent"),
    ],
)
def test_cotangents_are_checked(ct, error, message):
    _, pullback = ft.vjp(lambda x: x * 2, np.ones(3))
    with pytest.raises(error, match=message):
        pullback(ct)


def test_pullback_in_another_trace():
    x = np.array([0.5, 1.5])
    _, pullback = ft.vjp(np.sin, x)
    w = np.array([2.0, 3.0])
    np.testing.assert_array_equal(ft.grad(lambda w: np.sum(pullback(w)[0] ** 2))(w), 2 * w * np.cos(x) ** 2)
    program = ft.trace(lambda w: pullback(w)[0])(w).validate()
    np.testing.assert_array_equal(ft.evaluate(program, w), w * np.cos(x))


def test_threads_share_a_pullback_and_functions():
    x = np.linspace(0.1, 1, 50)
    f = lambda x: np.sum(np.sin(x) * np.exp(-x) + x[::-1] ** 2)  # noqa: E731
    out, pullback = ft.vjp(lambda x: np.sin(x) * x, x)
    expected = ft.grad(f)(x), pullback(x)[0], ft.grad(lambda x: np.sum(ft.grad(f)(x)))(x)
    failures = []

    def work():
        for _ in range(20):
            found = ft.grad(f)(x), pullback(x)[0], ft.grad(lambda x: np.sum(ft.grad(f)(x)))(x)
            if not all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True)):
                failures.append(found)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert out.shape == x.shape


# Any callable; names; purity.


def test_callables():
    class Net:
        w = 3.0

        def loss(self, x):
            return self.w * x**2

        __call__ = loss

    assert ft.grad(Net().loss)(2.0) == 12
    assert ft.grad(Net())(2.0) == 12
    assert ft.grad(functools.partial(three, 2.0, z=1.0))(3.0) == 12
    assert ft.grad(np.sin)(0.0) == 1
    k = 5.0
    assert ft.grad(lambda x: k * x)(1.0) == 5


def test_wrapped_functions_are_named():
    gradient = ft.grad(three)
    assert gradient.__name__ == "grad_three"
    assert "`three` (test_vjp.py:" in gradient.__doc__
    assert gradient.__wrapped__ is three
    assert ft.value_and_grad(three).__name__ == "value_and_grad_three"


def test_an_exception_leaves_nothing_behind():
    def f(x):
        y = x * x
        if np.sum(y) > 1:
            raise RuntimeError("mine")
        return y

    g = ft.grad(f)
    with pytest.raises(RuntimeError, match="mine"):
        g(2.0)
    assert g(0.5) == 1.0


def test_a_leaked_value_is_an_error():
    kept = []
    ft.grad(lambda x: kept.append(x) or x * x)(2.0)
    with pytest.raises(LeakedTracerError):
        kept[0] * 2


def test_arguments_are_not_changed():
    x = np.array([1.0, 2.0])
    before = x.copy()
    out, pullback = ft.vjp(lambda x: x * 1.0, x)
    ct = np.array([1.0, 1.0])
    (dx,) = pullback(ct)
    dx += 5
    out += 5
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(pullback(ct)[0], [1, 1])


def test_gradients_do_not_share_memory_with_one_another_or_the_cotangent():
    ct = np.ones(3)
    _, pullback = ft.vjp(lambda x, y: x + y, np.ones(3), np.ones(3))
    dx, dy = pullback(ct)
    if dx is not dy and dx is not ct:
        assert not np.shares_memory(dx, dy)
    dx, dy = ft.grad(lambda x, y: np.sum(x + y), (0, 1))(np.ones(3), np.ones(3))
    np.testing.assert_array_equal(dx, dy)


@pytest.mark.parametrize(
    ("f", "expected"), [(np.exp, np.exp([1.0, 2.0])), (lambda x: x, [1.0, 1.0]), (lambda x: x[:] ** 2, [2.0, 4.0])]
)
def test_outputs_may_be_overwritten_before_the_pullback_is_called(f, expected):
    x = np.array([1.0, 2.0])
    out, pullback, aux = ft.vjp(lambda x: (f(x), {"again": f(x), "x": x}), x, has_aux=True)
    out[:] = 100
    aux["again"][:] = 100
    aux["x"][:] = 100
    np.testing.assert_array_equal(x, [1, 2])
    np.testing.assert_array_equal(pullback(np.ones(2))[0], expected)


@pytest.mark.parametrize("f", [lambda x: np.mean(x, axis=()), lambda x: np.broadcast_to(x, ()), np.sin])
def test_the_gradient_of_a_number_is_a_number(f):
    """Some transposes give arrays without axes: the first call of a pullback did, the second did not."""
    x = np.float64(0.5)
    pullback = ft.vjp(f, x)[1]
    for gradient in (pullback(1.0)[0], pullback(1.0)[0], ft.grad(f)(x), ft.jvp(f, (x,), (np.float64(1.0),))[1]):
        assert type(gradient) is np.float64


def test_zeros_keep_their_sign_when_a_pullback_is_called_again():
    """What absorbs is the product wherever that is a number, and also where it must only absorb elsewhere."""
    x = np.array([np.inf, 1.0, 2.0])
    with np.errstate(all="ignore"):
        pullback = ft.vjp(lambda x: np.log((1.0 / x)[:1]), x)[1]
        first, second = pullback(np.array([0.5]))[0], pullback(np.array([0.5]))[0]
        third = ft.vjp(lambda x: (1.0 / -x)[:1], np.array([0.0, 1.0]))[1](np.array([0.0]))[0]
    assert first.tobytes() == second.tobytes()
    assert list(third) == [0.0, 0.0]
