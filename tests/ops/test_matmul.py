"""``matmul``, ``@``, ``vecdot``, ``matvec``, ``vecmat``: stacks of every rank, broadcasting, axes."""

from functools import partial

import numpy as np
import pytest

import functrans as ft
from functrans.errors import ShapeError, UncoveredFunctionError
from functrans.testing.compare import assert_close
from functrans.transforms.vmap import vmap
from tests.ops.agreement import check, drawn, same_bits, same_value, stays_single
from tests.ops.batches import check_batches

RNG = np.random.default_rng(12)


array = partial(drawn, RNG)


MATMUL = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 4)),
    ((2, 3), (3, 4)),
    ((5, 2, 3), (3,)),
    ((5, 2, 3), (3, 4)),
    ((3,), (5, 3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((6, 1, 2, 3), (5, 3, 4)),
    ((1, 2, 3), (5, 3, 4)),
    ((5, 2, 3), (1, 3, 4)),
    ((2, 3), (6, 5, 3, 4)),
    ((3,), (6, 5, 3, 4)),
    ((6, 5, 2, 3), (3,)),
    ((6, 5, 2, 3), (3, 4)),
    ((2, 0), (0, 3)),
    ((0, 2, 3), (3, 4)),
]
STACKS = {"vecdot": [((3,), (3,)), ((2, 3), (4, 1, 3)), ((2, 3), (3,)), ((2, 0), (0,)), ((0, 3), (3,))]}
if hasattr(np, "matvec"):
    STACKS["matvec"] = [((2, 3), (3,)), ((5, 2, 3), (3,)), ((2, 3), (4, 3)), ((5, 1, 2, 3), (4, 3))]
    STACKS["vecmat"] = [((3,), (3, 2)), ((3,), (5, 3, 2)), ((4, 3), (3, 2)), ((4, 3), (5, 1, 3, 2))]
CASES = [("matmul", *shapes) for shapes in MATMUL] + [(name, *s) for name, pairs in STACKS.items() for s in pairs]


@pytest.mark.parametrize(("name", "left", "right"), CASES)
def test_agreement(name, left, right):
    check(getattr(np, name), array(*left), array(*right))


@pytest.mark.parametrize("kinds", ["cc", "cf", "fc"])
@pytest.mark.parametrize(("name", "left", "right"), CASES[::2])
def test_complex(name, left, right, kinds):
    check(getattr(np, name), array(*left, kind=kinds[0]), array(*right, kind=kinds[1]))


@pytest.mark.parametrize(("name", "left", "right"), CASES[1::5])
def test_single_precision(name, left, right):
    stays_single(getattr(np, name), array(*left), array(*right))


def test_operator():
    x, y = array(2, 3), array(3, 2)
    check(lambda x, y: x @ y, x, y)
    for f in (lambda x: x @ y, lambda x: y @ x, lambda x: x @ y.tolist(), lambda x: y.tolist() @ x):
        same_value(f, x)
    same_value(lambda x: np.linalg.matmul(x, y), x)


def test_operator_leaves_other_types_their_own():
    class Mine:
        __array_ufunc__ = None

        def __matmul__(self, other):
            return "mine"

        __rmatmul__ = __matmul__

    assert ft.grad(lambda x: (x @ Mine(), x @ x)[::-1], has_aux=True)(np.ones(2))[1] == "mine"
    assert ft.grad(lambda x: (Mine() @ x, x @ x)[::-1], has_aux=True)(np.ones(2))[1] == "mine"


def test_gradient_of_a_dense_layer_sums_the_batch_while_it_multiplies():
    """No array of shape (batch, m, n) for weights of shape (m, n)."""
    program = ft.trace(ft.grad(lambda w, x: np.sum(x @ w)))(array(3, 4), array(50, 20, 3))
    assert max(var.spec.size for equation in program.equations for var in equation.outputs) <= 50 * 20 * 4
    assert "tensordot" in [equation.primitive.name for equation in program.equations]


def test_conjugation():
    a, b = array(3, kind="c"), array(3, kind="c")
    names = ["vecdot"] + (["vecmat"] if hasattr(np, "vecmat") else [])
    for name in names:
        f = lambda a, n=name: np.real(getattr(np, n)(a, b if n == "vecdot" else b[:, None])).sum()  # noqa: E731
        np.testing.assert_allclose(ft.grad(f)(a), np.conj(b), rtol=1e-15)


def test_axes():
    check(lambda a, b: np.vecdot(a, b, axis=1), array(2, 3, 4), array(2, 3, 1))
    check(lambda a, b: np.vecdot(a, b, axis=1, keepdims=True), array(2, 3, 4), array(2, 3, 4))
    check(lambda a, b: np.vecdot(a, b, keepdims=True), array(2, 3), array(3))
    check(lambda a, b: np.vecdot(a, b, axes=[0, 1]), array(3, 2), array(2, 3))
    check(lambda a, b: np.vecdot(a, b, axes=[(0,), (1,), ()]), array(3, 2), array(2, 3))
    check(lambda a, b: np.linalg.vecdot(a, b, axis=0), array(3, 2), array(3, 2))
    check(lambda a, b: np.matmul(a, b, axes=[(0, 1), (2, 0), (0, 1)]), array(3, 2, 4), array(5, 4, 2))
    if hasattr(np, "matvec"):
        check(lambda a, b: np.matvec(a, b, axes=[(0, 1), 0, 0]), array(3, 2, 4), array(2, 4))
        check(lambda a, b: np.vecmat(a, b, axes=[0, (1, 0), 0]), array(3, 2), array(4, 3, 2))
    same_value(lambda a, b: np.matmul(a, b, dtype=np.float64), np.float32(array(2, 3)), np.float32(array(3, 2)))


def test_refusals():
    x = array(2, 3)
    for f in (lambda x: x @ x, lambda x: x @ 2.0, lambda x: np.vecdot(x, x[:, :2])):
        for transform in (ft.trace, lambda f: lambda *args: ft.vjp(f, *args)):
            with pytest.raises(ShapeError):
                transform(f)(x)
    with pytest.raises(ShapeError):
        ft.trace(lambda x: np.vecdot(x, 1.0))(x)
    with pytest.raises(UncoveredFunctionError, match="both"):
        ft.vjp(lambda x: np.vecdot(x, x, axes=[0, 0], keepdims=True), x)
    with pytest.raises(ValueError, match="axes"):
        ft.vjp(lambda x: np.matmul(x, x, axes=[0, 0, 0]), x)
    with pytest.raises(TypeError):
        ft.vjp(lambda x: np.matmul(x, x, axis=0), x)


def test_float32_with_python_weights():
    """Single precision is kept through products, forwards and back."""
    w, x = np.float32(array(3, 2)), np.float32(array(4, 3))
    gradient = ft.grad(lambda w: np.sum(np.tanh(x @ w) * 0.5))(w)
    assert gradient.dtype == np.float32
    same_bits(gradient, x.T @ ((1 / np.cosh(x @ w)) ** 2 * np.float32(0.5)))


@pytest.mark.parametrize(("name", "left", "right"), CASES)
def test_batches(name, left, right):
    check_batches(getattr(np, name), array(3, *left), array(3, *right))


@pytest.mark.parametrize("kinds", ["cf", "cc"])
@pytest.mark.parametrize(("name", "left", "right"), CASES[:4] + CASES[-12::2])
def test_batches_of_complex_numbers(name, left, right, kinds):
    check_batches(getattr(np, name), array(3, *left, kind=kinds[0]), array(3, *right, kind=kinds[1]))


def test_batches_of_large_factors():
    """Rows of many matrices in one product."""
    x, w = array(3, 2, 70), array(70, 64)
    for f in (np.matmul, np.dot, lambda x, w: np.einsum("ij,jk->ik", x, w)):
        assert_close(vmap(f, (0, None))(x, w), x @ w, precise=1e-13)
        assert_close(vmap(lambda x, f=f: f(x, w), 1)(np.moveaxis(x, 0, 1)), x @ w, precise=1e-13)


def test_products_that_blas_does():
    """A vector of each example is one product of matrices; what the examples share is neither repeated nor copied."""
    x, w = array(3, 5), array(4, 5)
    for f in (lambda x: w @ x, lambda x: x @ w.T, lambda x: np.dot(w, x), lambda x: np.einsum("ij,j->i", w, x)):
        same_bits(vmap(f)(x), x @ w.T)
        names = [equation.primitive.name for equation in ft.trace(vmap(f))(x).equations]
        assert names == ["matmul"]


def test_integers_in_batches():
    check_batches(np.matmul, np.arange(12).reshape(3, 4), np.arange(24).reshape(3, 4, 2))
    check_batches(np.vecdot, np.arange(12).reshape(3, 4), np.arange(12, dtype=np.int32).reshape(3, 4))


@pytest.mark.parametrize("f", [np.matmul, np.vecdot])
def test_a_batch_of_numbers_is_no_vector(f):
    with pytest.raises(ShapeError, match="no axis to sum over"):
        vmap(f)(array(4), array(4, 4))
