"""``dot``, ``inner``, ``vdot``, ``outer``, ``tensordot``: every rank against every rank, real and complex."""

import itertools
from functools import partial

import numpy as np
import pytest

import functrans as ft
from functrans.errors import ShapeError, TracedAssignmentError
from functrans.transforms.vmap import vmap
from tests.ops.agreement import check, drawn, same_bits, same_value, stays_single
from tests.ops.batches import check_batches

RNG = np.random.default_rng(11)


array = partial(drawn, RNG)


SHAPES = {
    np.dot: [
        ((), ()),
        ((), (2, 3)),
        ((2, 3), ()),
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((3,), (3, 4)),
        ((2, 3), (3, 4)),
        ((5, 2, 3), (3,)),
        ((5, 2, 3), (3, 4)),
        ((3,), (6, 3, 4)),
        ((2, 3), (6, 3, 4)),
        ((4, 2, 3), (2, 5, 3, 2)),
        ((2, 0), (0, 3)),
        ((0, 2), (2,)),
    ],
    np.inner: [
        ((), ()),
        ((), (2, 3)),
        ((2, 3), ()),
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((3,), (4, 3)),
        ((2, 3), (4, 3)),
        ((5, 2, 3), (4, 3)),
        ((3,), (5, 4, 3)),
        ((2, 0), (3, 0)),
    ],
    np.vdot: [((), ()), ((3,), (3,)), ((2, 3), (2, 3)), ((2, 3), (6,)), ((3, 1, 2), (2, 3)), ((0,), (0, 2))],
    np.outer: [((), ()), ((), (3,)), ((2,), (3,)), ((2, 3), (4,)), ((1, 2), (2, 1)), ((0,), (3,))],
}


def named(cases):
    return [pytest.param(f, *shapes, id=f"{f.__name__}-{shapes}") for f, all_ in cases.items() for shapes in all_]


@pytest.mark.parametrize(("f", "left", "right"), named(SHAPES))
def test_agreement(f, left, right):
    check(f, array(*left), array(*right))


@pytest.mark.parametrize("kinds", ["cc", "cf", "fc"])
@pytest.mark.parametrize(("f", "left", "right"), named({f: shapes[:9:2] for f, shapes in SHAPES.items()}))
def test_complex(f, left, right, kinds):
    check(f, array(*left, kind=kinds[0]), array(*right, kind=kinds[1]))


@pytest.mark.parametrize(("f", "left", "right"), named({f: shapes[3:5] for f, shapes in SHAPES.items()}))
def test_single_precision(f, left, right):
    stays_single(f, array(*left), array(*right))
    stays_single(f, array(*left, kind="c"), array(*right))


def test_one_operand_twice():
    for f in (np.dot, np.inner, np.vdot, np.outer, np.tensordot):
        check(lambda x, f=f: f(x, x), array(3, 3))


def test_python_scalars_count_as_arrays():
    """Unlike ``*``, NumPy's products do not take Python scalars as weak: single precision becomes double."""
    x = np.float32([1.5, -2.0])
    for f in (np.dot, np.inner, np.outer):
        same_value(lambda s, x, f=f: f(s, x), 2.5, x)
        same_value(lambda x, f=f: f(3, x), x)
    assert ft.grad(lambda s: np.dot(s, 3.0))(2.5) == 3.0


def test_mixed_dtypes():
    """A real operand beside a complex one gets a real gradient; integers get none, but take part."""
    z, x, n = array(3, kind="c"), array(3), np.array([1, 2, 3])
    gradient = ft.grad(lambda x: np.abs(np.dot(x, z)) ** 2)(x)
    np.testing.assert_allclose(gradient, 2 * np.real(np.conj(np.dot(x, z)) * z), rtol=1e-14)
    same_bits(ft.grad(lambda x: np.dot(n, x))(x), n.astype(float))
    same_value(lambda x: np.dot(x, n.astype(np.int8)), np.float32([1, 2, 3]))


def test_vdot_conjugates_its_first_operand():
    a, b = array(3, kind="c"), array(3, kind="c")
    for f in (np.real, np.imag):
        by_a = ft.grad(lambda a, f=f: f(np.vdot(a, b)))(a)
        # d/dx - i d/dy of Re(conj(a) b) is conj(b), of Im(conj(a) b) it is i conj(b).
        np.testing.assert_allclose(by_a, np.conj(b) * (1 if f is np.real else 1j), rtol=1e-15)
    np.testing.assert_allclose(ft.grad(lambda b: np.real(np.vdot(a, b)))(b), np.conj(a), rtol=1e-15)


def test_method():
    x, y = array(2, 3), array(3, 4)
    same_value(lambda x, y: x.dot(y), x, y)
    with pytest.raises(TracedAssignmentError):
        ft.vjp(lambda x: np.dot(x, y, out=np.empty((2, 4))), x)


# tensordot


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3), 2)))
def test_tensordot_over_every_pair_of_axes(axes):
    """Every choice and order of axes of the one, against every order of the other; all lengths differ."""
    a = array(2, 3, 4)
    lengths = [a.shape[i] for i in axes]
    for places in itertools.permutations(range(3), 2):
        shape = [5, 5, 5]
        for place, n in zip(places, lengths, strict=True):
            shape[place] = n
        b = array(*shape)
        f = lambda a, b, p=places: np.tensordot(a, b, (axes, p))  # noqa: E731
        same_value(f, a, b)
        wa, wb = ft.vjp(f, a, b)[1](np.ones_like(f(a, b)))
        # The gradient of the sum of a bilinear form: one operand replaced by ones, entry by entry through einsum.
        labels_a, labels_b = ["a", "b", "c"], ["d", "e", "f"]
        for i, p in zip(axes, places, strict=True):
            labels_b[p] = labels_a[i]
        a_, b_ = "".join(labels_a), "".join(labels_b)
        np.testing.assert_allclose(wa, np.einsum(f"{b_},{a_}->{a_}", b, np.ones_like(a)), rtol=1e-13)
        np.testing.assert_allclose(wb, np.einsum(f"{a_},{b_}->{b_}", a, np.ones_like(b)), rtol=1e-13)
    same = array(*[n for i, n in enumerate(a.shape) if i in axes])
    order = tuple(np.argsort(np.argsort(axes)).tolist())
    negative = tuple(i - 2 for i in order)
    check(lambda a, b: np.tensordot(a, b, (axes, order)), a, same)
    check(lambda a, b: np.tensordot(a, b, (tuple(i - 3 for i in axes), negative)), a, same)


@pytest.mark.parametrize(
    ("left", "right", "axes"),
    [
        ((2, 3, 4), (3, 4, 5), 2),
        ((2, 3), (3, 4), 1),
        ((2, 3), (4,), 0),
        ((), (3,), 0),
        ((2, 3), (2, 3), 2),
        ((2, 3, 4), (4, 3), (1, -1)),
        ((2, 3, 4), (4, 3, 2), ([0, 1, 2], [2, 1, 0])),
        ((2, 3, 4), (3, 5, 4, 2), ((2, 0, 1), (2, 3, 0))),
        ((2, 3), (4,), ((), ())),
        ((2, 3), (4, 2), (0, 1)),
        ((2, 3), (4, 2), np.array([[0], [-1]])),
        ((2, 0), (0, 3), 1),
        ((2, 0, 3), (3, 4), 1),
    ],
)
@pytest.mark.parametrize("kind", "fc")
def test_tensordot_forms_of_axes(left, right, axes, kind):
    f = lambda a, b: np.tensordot(a, b, axes)  # noqa: E731
    check(f, array(*left, kind=kind), array(*right))
    check(lambda a, b: np.linalg.tensordot(a, b, axes=axes), array(*left), array(*right, kind=kind))


def test_tensordot_of_a_rotation():
    """The case of a library that had the sign wrong: -x times [0, 1]."""
    spin = np.array([[0.0, -1.0], [1.0, 0.0]])
    f = lambda x: np.tensordot(np.array([1.0, 0.0]), spin * x, (0, 1))  # noqa: E731
    same_bits(ft.jvp(f, (1.0,), (1.0,)), (np.array([0.0, 1.0]), np.array([0.0, 1.0])))


def test_linalg_outer_takes_vectors():
    check(np.linalg.outer, array(2), array(3, kind="c"))
    with pytest.raises(ShapeError, match="it takes vectors"):
        ft.vjp(lambda x: np.linalg.outer(x, x), array(2, 2))


@pytest.mark.parametrize("f", [np.dot, np.inner, np.vdot, lambda x, y: np.tensordot(x, y, 1)])
def test_lengths_that_do_not_fit(f):
    with pytest.raises(ValueError):
        f(array(2, 3), array(2, 4))
    for transform in (ft.trace, lambda f: lambda *args: ft.vjp(f, *args)):
        with pytest.raises(ShapeError):
            transform(f)(array(2, 3), array(2, 4))


def test_tensordot_refusals():
    x = array(2, 2)
    with pytest.raises(ShapeError, match="over 2 axes"):
        ft.vjp(lambda x: np.tensordot(x, x, ((0, 1), (0,))), x)
    with pytest.raises(ValueError, match="duplicate"):
        ft.vjp(lambda x: np.tensordot(x, x, ((0, 0), (0, 1))), x)
    with pytest.raises(np.exceptions.AxisError):
        ft.vjp(lambda x: np.tensordot(x, x, 3), x)


def test_transposes_need_no_reshape():
    """The gradient of a product of two matrices is two products, and two transposes."""
    program = ft.trace(ft.grad(lambda x, y: np.sum(np.dot(x, y)), (0, 1)))(array(2, 3), array(3, 4))
    names = [equation.primitive.name for equation in program.equations]
    assert sorted(set(names) - {"broadcast_to", "full", "zeros"}) == ["matmul", "transpose"], names


@pytest.mark.parametrize(("f", "left", "right"), named(SHAPES))
def test_batches(f, left, right):
    check_batches(f, array(3, *left), array(3, *right))


@pytest.mark.parametrize("kinds", ["cf", "cc"])
@pytest.mark.parametrize("shape", [(3,), (2, 3)], ids=str)
@pytest.mark.parametrize("f", [np.inner, np.vdot, np.outer])
def test_batches_of_complex_numbers(f, shape, kinds):
    check_batches(f, array(3, *shape, kind=kinds[0]), array(3, *shape, kind=kinds[1]))


@pytest.mark.parametrize(
    ("left", "right", "axes"),
    [
        ((2, 3, 4), (3, 2, 5), ((0, 1), (1, 0))),
        ((2, 3, 4), (3, 2), ((1, 0), (0, 1))),
        ((2, 3, 4), (5, 4, 3), ((1, 2), (2, 1))),
        ((2, 3, 4), (3, 5), ((1,), (0,))),
        ((3, 2), (2, 3), ((0, 1), (1, 0))),
        ((2,), (3, 2), 0),
    ],
)
def test_batches_of_tensordot(left, right, axes):
    check_batches(lambda x, y: np.tensordot(x, y, axes), array(3, *left), array(3, *right))


def test_batches_and_python_numbers():
    x = array(3, 2).astype(np.float32)
    for f in (np.dot, np.inner, np.outer, lambda x, y: np.tensordot(x, y, 0)):
        check_batches(lambda x, f=f: f(x, 2.0), x)
        check_batches(lambda x, f=f: f(2.0, x), x)


def test_a_batch_is_no_axis_of_an_example():
    x, y = array(4, 2, 3), array(4, 3, 2)
    with pytest.raises(ShapeError, match=r"Float64\[2 3\] and Float64\[3 2\]"):
        vmap(lambda x, y: np.tensordot(x, y, ((0, 1), (0, 1))))(x, y)
    with pytest.raises(ValueError):
        vmap(np.dot, (0, None))(array(4, 3), array(4, 3))


@pytest.mark.parametrize("product", [np.dot, np.inner])
def test_a_python_number_and_an_array_both_move(product):
    x = np.array([0.5, 2.0])
    by_number, by_array = ft.grad(lambda s, x: np.sum(np.sin(product(s, x))), (0, 1))(1.5, x)
    np.testing.assert_allclose(by_array, 1.5 * np.cos(1.5 * x), rtol=1e-15)
    np.testing.assert_allclose(by_number, np.sum(x * np.cos(1.5 * x)), rtol=1e-15)
    by_array, by_number = ft.grad(lambda x, s: np.sum(np.sin(product(x, s))), (0, 1))(x, 1.5)
    np.testing.assert_allclose(by_number, np.sum(x * np.cos(1.5 * x)), rtol=1e-15)
