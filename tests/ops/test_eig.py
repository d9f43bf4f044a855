"""``np.linalg.eig`` and ``eigvals``: of real and complex matrices, in both modes, at any order."""

from functools import partial

import mpmath
import numpy as np
import pytest

import functrans as ft
from functrans.errors import ShapeError, TracedValueError
from functrans.testing import check_grads
from functrans.testing.numerical import richardson
from tests.ops.agreement import check, drawn, random_like, same_bits, same_value, stays_single
from tests.ops.batches import check_batches

RNG = np.random.default_rng(63)
array = partial(drawn, RNG)
eig, eigvals = np.linalg.eig, np.linalg.eigvals
SHAPES = [(1, 1), (3, 3), (2, 2, 2), (0, 2, 2), (0, 0)]


def spread(*shape, kind="c"):
    """Eigenvalues far apart, off the real line if it is complex."""
    return 0.4 * array(*shape, kind=kind) + np.diag(2.0 * np.arange(shape[-1]))


ROTATED = 0.2 * array(3, 3) + np.array([[1.0, -2, 0], [2, 1, 0], [0, 0, 4]])  # two complex eigenvalues, one real


@pytest.mark.parametrize("shape", SHAPES)
def test_complex_matrices(shape):
    """Their vectors' largest entries are real, so there is nothing to choose."""
    check(eigvals, spread(*shape))
    check(lambda a: tuple(eig(a)), spread(*shape))


def parts(f):
    """Real and imaginary parts of values, and of what the sign of a vector does not change."""

    def g(a):
        w, v = f(a)
        return np.real(w), np.imag(w), np.real(v * v), np.imag(v * v)

    return g


def live(f, a):
    """The value in both modes, which live tracing knows, as NumPy's to the bit."""
    same_bits(ft.vjp(f, a)[0], f(a))
    same_bits(ft.jvp(f, (a,), (a,))[0], f(a))


@pytest.mark.parametrize(
    "a", [ROTATED, spread(3, 3, kind="f"), spread(2, 2, 2, kind="f"), np.stack([ROTATED, ROTATED.T])]
)
def test_real_matrices(a):
    """As complex or real as the eigenvalues are."""
    live(eigvals, a)
    live(lambda a: tuple(eig(a)), a)
    check_grads(lambda a: (np.real(eigvals(a)), np.imag(eigvals(a))), (a,), order=2)
    check_grads(parts(eig), (a,), order=2)
    out, pullback = ft.vjp(eigvals, a)
    assert pullback(random_like(RNG, out))[0].dtype == np.float64
    assert ft.jvp(eigvals, (a,), (a,))[1].dtype == out.dtype


@pytest.mark.parametrize("kind", "fc")
def test_norms_stay_one(kind):
    a, e = ROTATED + (1j * array(3, 3) if kind == "c" else 0), array(3, 3, kind=kind)
    v, dv = eig(a)[1], ft.jvp(eig, (a,), (e,))[1][1]
    np.testing.assert_allclose(np.real(np.sum(np.conj(v) * dv, axis=0)), 0, atol=1e-14)
    largest = np.argmax(np.abs(v), axis=0)
    np.testing.assert_allclose(np.imag(dv[largest, range(3)]), 0, atol=1e-14)


def test_derivatives_by_mpmath():
    a, e = ROTATED, array(3, 3)
    with mpmath.workdps(40):
        for k, value in enumerate(eigvals(a)):

            def along(t, value=value):
                found = mpmath.eig(mpmath.matrix(a.tolist()) + t * mpmath.matrix(e.tolist()), left=False, right=False)
                return min(found, key=lambda w: abs(w - value))

            for order in (1, 2, 3):
                expected = complex(mpmath.diff(along, 0, order))
                f = lambda t, k=k: eigvals(a + t * e)[k]  # noqa: E731
                for _ in range(order):
                    f = lambda t, f=f: ft.jvp(f, (t,), (1.0,))[1]  # noqa: E731
                assert f(0.0) == pytest.approx(expected, rel=1e-11, abs=1e-12)


def test_symmetric_functions():
    """Sum and product of the eigenvalues are trace and determinant, to the second order."""
    a, e = ROTATED, array(3, 3)
    for f, g in (
        (lambda a: np.real(np.sum(eigvals(a))), np.trace),
        (lambda a: np.real(np.prod(eigvals(a))), np.linalg.det),
        (lambda a: np.real(np.sum(eig(a)[0] ** 3)), lambda a: np.trace(a @ a @ a)),
    ):
        np.testing.assert_allclose(ft.grad(f)(a), ft.grad(g)(a), atol=1e-12)
        np.testing.assert_allclose(ft.hessian(f)(a), ft.hessian(g)(a), atol=1e-11)
        np.testing.assert_allclose(ft.jvp(ft.grad(f), (a,), (e,))[1], ft.jvp(ft.grad(g), (a,), (e,))[1], atol=1e-11)


def test_repeated_eigenvalues():
    """Where there is a basis of eigenvectors, what does not depend on its choice is right, to the first order."""
    basis = array(3, 3) + 2 * np.eye(3)
    for a in (np.eye(3), np.linalg.inv(basis) @ np.diag([1.0, 1.0, 2.0]) @ basis):
        total = lambda a: np.real(np.sum(eigvals(a)))  # noqa: E731
        np.testing.assert_allclose(ft.grad(total)(a), np.eye(3), atol=1e-12)
        np.testing.assert_allclose(ft.jvp(total, (a,), (np.ones((3, 3)),))[1], 3, rtol=1e-12)
        np.testing.assert_allclose(ft.grad(lambda a: np.real(np.sum(eig(a)[0] ** 2)))(a), 2 * a.T, atol=1e-12)
        assert np.isnan(ft.hessian(lambda a: np.real(np.sum(eigvals(a) ** 2)))(a)).any()

    def rebuilt(a):
        w, v = eig(a)
        return np.sum(np.tri(3) * np.real((v * w) @ np.linalg.inv(v)))

    assert np.isnan(ft.grad(rebuilt)(np.eye(3))).any()
    assert np.isnan(ft.jvp(rebuilt, (np.eye(3),), (np.tri(3),))[1])

    def projector(a):
        w, v = eig(a)
        inside = np.abs(w - 1) < 0.5  # plain truth values
        return np.sum(np.tri(3) * np.real((v * inside) @ np.linalg.inv(v)))

    e = array(3, 3)
    (expected,) = np.ravel(richardson(projector, (a,), (e,), 2.0**-9).value)
    assert np.sum(ft.grad(projector)(a) * e) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("a", [np.array([[1.0, 1.0], [0.0, 1.0]]), np.array([[0.0, 1.0], [0.0, 0.0]])])
def test_without_a_basis_there_is_no_derivative(a):
    for f in (lambda a: np.sum(eigvals(a)), lambda a: np.sum(eig(a)[0]), lambda a: np.sum(eig(a)[1])):
        assert np.all(np.isnan(ft.grad(f)(a)))
        assert np.isnan(ft.jvp(f, (a,), (np.ones((2, 2)),))[1])
    beside = np.stack([a, np.diag([1.0, 2.0])])
    found = ft.grad(lambda a: np.sum(eigvals(a)))(beside)
    assert np.all(np.isnan(found[0]))
    np.testing.assert_array_equal(found[1], np.eye(2))


def test_real_matrices_without_values_are_refused():
    a = ROTATED
    for f in (eigvals, lambda a: eig(a)[0]):
        for run, known in ((ft.trace(f), "staged"), (ft.vmap(f), "batched")):
            with pytest.raises(TracedValueError, match=f"{known} Float64.*as they turn out") as error:
                run(a if known == "staged" else a[None])
            assert "a.astype(complex)" in str(error.value)
        same_value(lambda a, f=f: f(a.astype(complex)), a)
    hessian = ft.vmap(ft.hessian(lambda a: np.real(np.sum(eigvals(a.astype(complex)) ** 3))))(np.stack([a, a.T]))
    expected = ft.hessian(lambda a: np.trace(a @ a @ a))(a)
    np.testing.assert_allclose(hessian[0], expected, atol=1e-11)


def test_refusals():
    for f in (eig, eigvals):
        with pytest.raises(np.linalg.LinAlgError, match="must be square"):
            ft.vjp(lambda a, f=f: f(a)[0], np.ones((2, 3)))
        with pytest.raises(ShapeError, match="the last two axes must be a square matrix"):
            ft.trace(lambda a, f=f: f(a)[0])(np.ones((2, 3)))
        with pytest.raises(np.linalg.LinAlgError, match="infs or NaNs"):
            ft.vjp(lambda a, f=f: f(a)[0], np.full((2, 2), np.nan))


def test_single_precision():
    stays_single(eigvals, spread(3, 3))
    stays_single(lambda a: tuple(eig(a)), spread(3, 3))
    a = ROTATED.astype(np.float32)
    assert ft.vjp(eigvals, a)[1](np.ones(3, np.complex64))[0].dtype == np.float32
    assert ft.jvp(eigvals, (a,), (a,))[1].dtype == np.complex64


def test_named_and_printed():
    a = spread(2, 2)
    assert type(ft.vjp(lambda a: eig(a), a)[0]) is type(eig(a))
    assert "np.linalg.eig(a)" in ft.trace(lambda a: eig(a).eigenvectors)(a).to_source()
    assert "np.linalg.eigvals(a)" in ft.trace(lambda a: eigvals(a))(a).to_source()


def test_batches():
    check_batches(eigvals, spread(3, 3, 3))
    check_batches(lambda a: tuple(eig(a)), spread(3, 2, 3, 3))


def test_batches_of_which_some_are_special():
    stack = np.stack([np.eye(2), np.array([[1.0, 1.0], [0.0, 1.0]]), np.array([[1.0, 2.0], [3.0, 4.0]])]) + 0j
    for f in (lambda a: np.sum(eigvals(a) ** 2), lambda a: np.sum(eig(a)[0] ** 3)):
        for g in (ft.grad(lambda a, f=f: np.real(f(a))), ft.hessian(lambda a, f=f: np.real(f(a + 0j)))):
            points = stack if g.__name__.startswith("grad") else stack.real
            np.testing.assert_allclose(ft.vmap(g)(points), np.stack([g(a) for a in points]), atol=1e-11)
