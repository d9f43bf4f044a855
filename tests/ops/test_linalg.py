"""``solve``, ``inv``, ``slogdet``, ``matrix_power``, and the small names of ``np.linalg``."""

from functools import partial

import mpmath
import numpy as np
import pytest

import functrans as ft
from functrans.errors import ShapeError
from functrans.testing.numerical import complex_step
from functrans.transforms.vmap import vmap
from tests.ops.agreement import check, drawn, same_bits, same_value, stays_single
from tests.ops.batches import check_batches

RNG = np.random.default_rng(15)


array = partial(drawn, RNG)


def regular(*shape, kind="f"):
    """Matrices far from singular."""
    return array(*shape, kind=kind) + 2 * np.eye(shape[-1])


SOLVES = [
    ((3, 3), (3,)),
    ((3, 3), (3, 2)),
    ((3, 3), (3, 0)),
    ((1, 1), (1,)),
    ((4, 3, 3), (3,)),
    ((4, 3, 3), (3, 2)),
    ((3, 3), (4, 3, 2)),
    ((4, 3, 3), (4, 3, 2)),
    ((4, 1, 3, 3), (5, 3, 2)),
    ((1, 3, 3), (4, 3, 1)),
    ((2, 2, 2), (2, 2)),  # since NumPy 2 a matrix, not two vectors
    ((0, 3, 3), (3,)),
]


@pytest.mark.parametrize("kinds", ["ff", "cf", "fc"])
@pytest.mark.parametrize(("a", "b"), SOLVES)
def test_solve(a, b, kinds):
    check(np.linalg.solve, regular(*a, kind=kinds[0]), array(*b, kind=kinds[1]))


@pytest.mark.parametrize("kind", "fc")
@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (2, 3, 3), (2, 1, 2, 2), (0, 2, 2)])
def test_inv_and_slogdet(shape, kind):
    x = regular(*shape, kind=kind)
    check(np.linalg.inv, x)
    check(lambda x: np.linalg.slogdet(x)[1], x)
    if kind == "c":
        check(lambda x: np.linalg.slogdet(x)[0], x)
        check(lambda x: tuple(np.linalg.slogdet(x)), x)


def test_single_precision():
    for kind in "fc":
        stays_single(np.linalg.inv, regular(3, 3, kind=kind))
        stays_single(np.linalg.solve, regular(3, 3, kind=kind), array(3))
        stays_single(lambda x: tuple(np.linalg.slogdet(x)), regular(2, 3, 3, kind=kind))
        stays_single(lambda x: np.linalg.matrix_power(x, -3), regular(3, 3, kind=kind))
    same_value(lambda x: np.linalg.solve(x, np.array([1, 2])), np.float32([[1, 2], [3, 5]]))


def test_complex_step():
    a, b, da, db = regular(4, 4), array(4), array(4, 4), array(4)
    for f, point, direction in (
        (np.linalg.solve, (a, b), (da, db)),
        (np.linalg.inv, (a,), (da,)),
        (lambda a: np.linalg.matrix_power(a, 5), (a,), (da,)),
    ):
        found = ft.jvp(f, point, direction)[1]
        np.testing.assert_allclose(np.ravel(found), complex_step(f, point, direction), rtol=1e-12, atol=1e-14)


def test_gradients_in_closed_form():
    a = regular(3, 3)
    inverse = np.linalg.inv(a)
    np.testing.assert_allclose(ft.grad(lambda a: np.linalg.slogdet(a)[1])(a), inverse.T, rtol=1e-14)
    np.testing.assert_allclose(
        ft.grad(lambda a: np.sum(np.linalg.inv(a)))(a), -inverse.T @ np.ones((3, 3)) @ inverse.T, rtol=1e-13
    )


def test_slogdet_is_a_named_pair():
    pairs = []
    x = -regular(3, 3)
    ft.grad(lambda x: pairs.append(np.linalg.slogdet(x)) or pairs[0].logabsdet)(x)
    assert type(pairs[0]) is type(np.linalg.slogdet(x))
    assert np.array_equal(ft.grad(lambda x: np.linalg.slogdet(x).sign)(x), np.zeros((3, 3)))


def test_slogdet_twice_forward():
    """A rule that detaches what it reads passes every test of first order, and gives 0 here."""
    corner, rest = np.array([[1.0, 0], [0, 0]]), np.array([[2.0, 1], [1, 3]])
    f = lambda t: np.linalg.slogdet(corner * t + rest)[1]  # noqa: E731
    second = ft.jvp(lambda t: ft.jvp(f, (t,), (1.0,))[1], (0.7,), (1.0,))[1]
    expected = mpmath.diff(lambda t: mpmath.log((t + 2) * 3 - 1), mpmath.mpf("0.7"), 2)
    np.testing.assert_allclose(second, float(expected), rtol=1e-12)
    np.testing.assert_allclose(second, -0.178536, atol=5e-7)


@pytest.mark.parametrize("kind", "fc")
def test_log_of_a_complex_determinant_turns_with_its_angle(kind):
    """Of ``z * A``: the modulus grows and the angle turns as those of z, n times."""
    a, n = regular(3, 3, kind=kind), 3
    sign, log = ft.jvp(lambda z: np.linalg.slogdet(z * a), (1.0 + 1.0j,), (0.5 - 0.25j,))[1]
    rate = n * (0.5 - 0.25j) / (1 + 1j)
    np.testing.assert_allclose(log, rate.real, rtol=1e-13)
    np.testing.assert_allclose(sign, 1j * rate.imag * np.linalg.slogdet((1 + 1j) * a)[0], rtol=1e-13)


@pytest.mark.parametrize("n", [-5, -2, -1, 1, 2, 3, 4, 5, 6, 7, 11])
def test_matrix_power(n):
    check(lambda x: np.linalg.matrix_power(x, n), regular(3, 3) / 2)
    same_value(lambda x: np.linalg.matrix_power(x, n), regular(2, 3, 3, kind="c"))


def test_matrix_power_zero_is_constant():
    x = regular(2, 2, 2)
    out, pullback = ft.vjp(lambda x: np.linalg.matrix_power(x, 0), x)
    same_bits(out, np.linalg.matrix_power(x, 0))
    same_bits(pullback(x), (np.zeros((2, 2, 2)),))


def test_gradient_of_the_inverse_as_a_power():
    gradient = ft.grad(lambda x: np.sum(np.linalg.matrix_power(x, -1)))(np.array([[1.0, 2], [3, 4]]))
    np.testing.assert_allclose(gradient, [[-0.5, 0.5], [0.5, -0.5]], rtol=1e-14)


def test_trace_and_diagonal_are_those_of_the_last_axes():
    x = array(2, 3, 4)
    check(lambda x: np.linalg.trace(x), x)
    check(lambda x: np.linalg.trace(x, offset=1), x)
    same_value(lambda x: np.linalg.trace(x, dtype=np.float64), np.float32(x))
    check(lambda x: np.linalg.diagonal(x, offset=-1), x)


def test_singular_matrices_raise_as_in_numpy():
    a = np.array([[1.0, 2], [2, 4]])
    cases = [
        (lambda x: np.sum(np.linalg.inv(x)), "vjp"),
        (lambda x: np.sum(np.linalg.solve(x, np.ones(2))), "vjp"),
        (lambda x: np.linalg.slogdet(x)[1], "grad"),
        (lambda x: np.linalg.matrix_power(x, -1)[0, 0], "vjp"),
    ]
    for f, how in cases:
        with pytest.raises(np.linalg.LinAlgError, match="Singular"):
            ft.grad(f)(a)
        program = ft.trace(f if how == "vjp" else ft.grad(f))(a)
        with pytest.raises(np.linalg.LinAlgError, match="Singular"):
            ft.evaluate(program, a)
    same_bits(ft.vjp(lambda x: tuple(np.linalg.slogdet(x)), a)[0], tuple(np.linalg.slogdet(a)))


def test_refusals():
    x = array(2, 3)
    for f in (np.linalg.inv, np.linalg.det, np.linalg.slogdet):
        with pytest.raises(ShapeError, match="square matrix"):
            ft.trace(f)(x)
        with pytest.raises((ShapeError, np.linalg.LinAlgError)):
            ft.vjp(f, x)
    with pytest.raises(ShapeError, match="stack of vectors"):
        ft.trace(np.linalg.solve)(regular(3, 3, 3), array(4, 4, 2))
    with pytest.raises(ShapeError, match="square matrix"):
        ft.vjp(lambda x: np.linalg.matrix_power(x, 2), x)
    with pytest.raises(TypeError, match="integer"):
        ft.vjp(lambda x: np.linalg.matrix_power(x, 0.5), regular(2, 2))
    with pytest.raises(TypeError, match="unsupported"):
        ft.trace(np.linalg.inv)(np.eye(2, dtype=np.float16))


@pytest.mark.parametrize(("a", "b"), SOLVES)
def test_batches_of_solve(a, b):
    check_batches(np.linalg.solve, regular(3, *a), array(3, *b, kind="c"))


@pytest.mark.parametrize("kind", "fc")
@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 3), (1, 1)])
def test_batches(shape, kind):
    check_batches(np.linalg.inv, regular(3, *shape, kind=kind))
    check_batches(lambda a: tuple(np.linalg.slogdet(a)), regular(3, *shape, kind=kind))


def test_a_batch_of_vectors_is_no_matrix():
    a = regular(3, 3)
    for f in (np.linalg.inv, np.linalg.slogdet, np.linalg.det, np.linalg.cholesky, lambda a: np.linalg.solve(a, a)):
        with pytest.raises(ShapeError, match=r"Float64\[3\]"):
            vmap(f)(a)


def test_badly_scaled_matrices():
    """Rows and columns from 1e-60 to 1e60: derivatives entry by entry, against exact arithmetic."""
    size = 10.0 ** RNG.uniform(-30, 30, (2, 4))
    a = size[0][:, None] * (regular(4, 4)) * size[1]
    b, da = size[0] * array(4), a * array(4, 4)
    with mpmath.workdps(200):
        inverse = mpmath.matrix(a.tolist()) ** -1
        x = inverse * mpmath.matrix(b.tolist())
        weights = np.array([1 / float(t) for t in x])
        z = inverse.T * mpmath.matrix(weights.tolist())
        moved = inverse * mpmath.matrix(da.tolist())
        second = -(moved * inverse).T
        exact = lambda m, rows=4: np.array([[float(m[i, j]) for j in range(m.cols)] for i in range(rows)])  # noqa: E731
        by_a, by_b, inverse, second, growth = (
            exact(-z * x.T),
            exact(z)[:, 0],
            exact(inverse),
            exact(second),
            float(sum(moved[i, i] for i in range(4))),
        )
    log = lambda a: np.linalg.slogdet(a)[1]  # noqa: E731
    found = ft.grad(lambda a, b: np.sum(weights * np.linalg.solve(a, b)), (0, 1))(a, b)
    np.testing.assert_allclose(found[0], by_a, rtol=1e-11)
    np.testing.assert_allclose(found[1], by_b, rtol=1e-11)
    np.testing.assert_allclose(ft.grad(log)(a), inverse.T, rtol=1e-11)
    np.testing.assert_allclose(ft.jvp(log, (a,), (da,))[1], growth, rtol=1e-11)
    np.testing.assert_allclose(ft.jvp(ft.grad(log), (a,), (da,))[1], second, rtol=1e-10)


# Tensors.

TENSORS = [((2, 3, 3, 2), (2, 3), None), ((2, 3, 2, 3), (3, 2), (0,)), ((3, 2, 6), (3, 2), None)]


@pytest.mark.parametrize("kind", "fc")
@pytest.mark.parametrize(("shape", "of_b", "axes"), TENSORS, ids=str)
def test_tensorsolve(shape, of_b, axes, kind):
    def f(a, b):
        return np.linalg.tensorsolve(a, b, axes)

    a = regular(6, 6, kind=kind).reshape(shape)
    if axes:  # the axes that go to the end come first
        a = np.moveaxis(regular(6, 6, kind=kind).reshape(3, 2, 3, 2), -1, 0)
    b = array(*of_b, kind=kind)
    check(f, a, b)
    stays_single(f, a, b)
    check_batches(f, np.stack([a, 2 * a]), array(2, *of_b, kind=kind))


@pytest.mark.parametrize("kind", "fc")
@pytest.mark.parametrize(("shape", "ind"), [((2, 3, 3, 2), 2), ((4, 2, 2), 1), ((2, 2, 2, 4, 2), 3)], ids=str)
def test_tensorinv(shape, ind, kind):
    n = int(np.prod(shape[:ind]))
    a = regular(n, n, kind=kind).reshape(shape)
    f = lambda a: np.linalg.tensorinv(a, ind)  # noqa: E731
    check(f, a)
    stays_single(f, a)
    check_batches(f, np.stack([a, 2 * a]))


def test_tensors_that_are_no_square_matrices():
    a = array(2, 3, 5)
    for f, error in (
        (lambda a: np.linalg.tensorsolve(a, a[:, :, 0]), ShapeError),
        (lambda a: np.linalg.tensorinv(a, 0), ValueError),
    ):
        for run in (ft.vjp, lambda f, a: ft.trace(f)(a)):
            with pytest.raises(error):
                run(f, a)


# Powers by squaring, also large ones, to the bit.


@pytest.mark.parametrize("kind", "fc")
@pytest.mark.parametrize("n", [12, 33, 64, 100, -17])
def test_large_powers(n, kind):
    x = np.linalg.qr(array(2, 2, kind=kind))[0] + 0.02 * array(2, 2, kind=kind)
    check(lambda x: np.linalg.matrix_power(x, n), x, precise=1e-7)
    check_batches(lambda x: np.linalg.matrix_power(x, n) / 100, np.stack([x, x.T]))
    stays_single(lambda x: np.linalg.matrix_power(x, n), x)


@pytest.mark.parametrize("kind", "fc")
def test_names_of_the_array_api(kind):
    """Every keyword, in both modes, twice, batched and in single precision."""
    x, y = array(2, 3, 3, kind=kind), array(2, 3, 3, kind=kind)
    ones = [lambda a, k=k: np.linalg.trace(a, offset=k) for k in (-1, 0, 2)]
    ones += [lambda a, k=k: np.linalg.diagonal(a, offset=k) for k in (-2, 0, 1)]
    ones += [np.linalg.matrix_transpose]
    for f in ones:
        check(f, x)
        stays_single(f, x)
        check_batches(f, np.stack([x, y]))
    twos = [lambda a, b, k=k: np.linalg.vecdot(a, b, axis=k) for k in (-1, 1)]
    twos += [lambda a, b, k=k: np.linalg.cross(a, b, axis=k) for k in (-1, 1)]
    twos += [lambda a, b, k=k: np.linalg.tensordot(a, b, axes=k) for k in (([2], [1]), ([0, 2], [0, 1]))]
    twos += [np.linalg.matmul, lambda a, b: np.linalg.outer(a[0, 0], b[0, 0])]
    for f in twos:
        check(f, x, y)
        stays_single(f, x, y)
        check_batches(f, np.stack([x, y]), np.stack([y, x]))
