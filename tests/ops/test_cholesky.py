"""``np.linalg.cholesky``: of one triangle, in both modes, at any order."""

from functools import partial

import numpy as np
import pytest

import functrans as ft
from functrans.errors import ShapeError
from functrans.testing.numerical import complex_step, richardson
from tests.ops.agreement import check, drawn, refused, same_bits, stays_single
from tests.ops.batches import check_batches

RNG = np.random.default_rng(16)
array = partial(drawn, RNG)
lower = np.linalg.cholesky


def upper(a):
    return np.linalg.cholesky(a, upper=True)


def definite(*shape, kind="f"):
    x = 0.4 * array(*shape, kind=kind)
    return x @ np.conj(x.mT) + np.eye(shape[-1])


def one_sided(*shape, kind="f"):
    """Not hermitian; each triangle is that of a positive definite matrix."""
    return 0.5 * array(*shape, kind=kind) + 2 * np.eye(shape[-1])


@pytest.mark.parametrize("function", [lower, upper])
@pytest.mark.parametrize("made", [definite, one_sided])
@pytest.mark.parametrize("kind", "fc")
@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (4, 4), (2, 2, 2), (2, 1, 3, 3), (0, 2, 2), (0, 0), (2, 0, 0)])
def test_everything(function, made, kind, shape):
    check(function, made(*shape, kind=kind))


def by_hand(a):
    """The lower factor, entry by entry from the lower triangle: an analytic function of real matrices."""
    n = len(a)
    found = np.zeros((n, n), a.dtype)
    for j in range(n):
        found[j, j] = np.sqrt(a[j, j] - np.sum(found[j, :j] ** 2))
        for i in range(j + 1, n):
            found[i, j] = (a[i, j] - np.sum(found[i, :j] * found[j, :j])) / found[j, j]
    return found


@pytest.mark.parametrize("made", [definite, one_sided])
@pytest.mark.parametrize("n", [1, 2, 5])
def test_complex_step_through_the_algorithm(made, n):
    a, v = made(n, n), array(n, n)
    np.testing.assert_allclose(by_hand(a), lower(a), rtol=1e-13, atol=1e-14)
    found = ft.jvp(lower, (a,), (v,))[1]
    np.testing.assert_allclose(found.ravel(), complex_step(by_hand, (a,), (v,)), rtol=1e-12, atol=1e-13)
    found = ft.jvp(upper, (a.T,), (v.T,))[1]
    np.testing.assert_allclose(found.T.ravel(), complex_step(by_hand, (a,), (v,)), rtol=1e-12, atol=1e-13)


def two_by_two(a):
    """The closed form for the rows ``(a, *)``, ``(b, c)``, as NumPy reads them."""
    diagonal, corner, last = np.real(a[0, 0]), a[1, 0], np.real(a[1, 1])
    first = np.sqrt(diagonal)
    return first, corner / first, np.sqrt(last - np.real(corner * np.conj(corner)) / diagonal)


@pytest.mark.parametrize("kind", "fc")
def test_closed_form_to_the_third_order(kind):
    a = one_sided(2, 2, kind=kind)
    weights = array(3)

    def loss(entries):
        return sum(w * np.real(e**3) for w, e in zip(weights, entries, strict=True))

    f = lambda a: loss(lower(a)[[0, 1, 1], [0, 0, 1]])  # noqa: E731
    g = lambda a: loss(two_by_two(a))  # noqa: E731
    for order in range(4):
        np.testing.assert_allclose(f(a), g(a), rtol=1e-11, atol=1e-12, err_msg=f"order {order}")
        v = array(2, 2, kind=kind)
        f, g = [(lambda a, h=h, v=v: np.sum(np.real(v * ft.grad(h)(a)))) for h in (f, g)]


@pytest.mark.parametrize(("function", "read"), [(lower, np.tril), (upper, np.triu)])
@pytest.mark.parametrize("kind", "fc")
def test_only_one_triangle_is_read(function, read, kind):
    """What is not read, NaN here, neither changes the derivative nor has one."""
    a, v, w = one_sided(3, 3, kind=kind), array(3, 3, kind=kind), array(3, 3, kind=kind)
    hidden = np.where(read(np.ones((3, 3))) == 0, np.nan, a)
    (gradient,) = ft.vjp(function, hidden)[1](w)
    assert not np.any(gradient - read(gradient))
    assert np.all(np.imag(np.diagonal(gradient)) == 0)
    same_bits(gradient, ft.vjp(function, a)[1](w)[0])
    same_bits(ft.jvp(function, (hidden,), (v,)), ft.jvp(function, (a,), (v,)))
    same_bits(ft.jvp(function, (a,), (np.where(np.isnan(hidden), np.nan, v),)), ft.jvp(function, (a,), (v,)))
    tangent = ft.jvp(function, (a,), (v,))[1]
    assert not np.any(tangent - read(tangent))
    # A cotangent where the factor is always zero says nothing.
    same_bits(ft.vjp(function, a)[1](read(w)), ft.vjp(function, a)[1](w))


def test_an_imaginary_diagonal_is_not_read():
    a, w = definite(3, 3, kind="c"), array(3, 3, kind="c")
    same_bits(lower(a + 0.5j * np.eye(3)), lower(a))
    tangent = ft.jvp(lower, (a,), (1j * np.diag(array(3)),))[1]
    assert not np.any(tangent)
    assert not np.any(np.imag(np.diagonal(ft.vjp(lower, a)[1](w)[0])))


def test_the_factor_of_a_product_is_what_was_multiplied():
    """The identity ``cholesky(l @ l.T) == l``, so its Jacobian is one and its second derivative zero."""
    factor = np.tril(array(4, 4)) + 2 * np.eye(4)
    v, u = np.tril(array(4, 4)), np.tril(array(4, 4))
    f = lambda x: lower(np.tril(x) @ np.tril(x).T)  # noqa: E731
    np.testing.assert_allclose(ft.jvp(f, (factor,), (v,))[1], v, atol=1e-13)
    np.testing.assert_allclose(ft.vjp(f, factor)[1](v)[0], v, atol=1e-13)
    second = ft.jvp(lambda x: ft.jvp(f, (x,), (v,))[1], (factor,), (u,))[1]
    np.testing.assert_allclose(second, np.zeros((4, 4)), atol=1e-12)


def test_logarithm_of_the_determinant():
    """Twice the sum of the logarithms on the factor's diagonal; its Hessian is that of ``slogdet``."""
    a, v = definite(4, 4), array(4, 4)
    v = v + v.T
    f = lambda a: 2 * np.sum(np.log(np.diagonal(lower(a))))  # noqa: E731
    g = lambda a: np.linalg.slogdet(a)[1]  # noqa: E731
    for h in (lambda f: ft.jvp(f, (a,), (v,))[1], lambda f: ft.jvp(ft.grad(f), (a,), (v,))[1].sum()):
        np.testing.assert_allclose(h(f), h(g), rtol=1e-11)


@pytest.mark.parametrize("n", [30, 100])
def test_large_matrices(n):
    a, v, w = definite(n, n), array(n, n), array(n, n)
    tangent = ft.jvp(lower, (a,), (v,))[1]
    expected, error, _ = richardson(lower, (a,), (v / n,))
    np.testing.assert_allclose(tangent.ravel() / n, expected, atol=1e-10 + error)
    (gradient,) = ft.vjp(lower, a)[1](w)
    assert np.sum(w * tangent) == pytest.approx(np.sum(gradient * v), rel=1e-11)


@pytest.mark.parametrize("function", [lower, upper])
@pytest.mark.parametrize("kind", "fc")
def test_single_precision(function, kind):
    stays_single(function, definite(3, 3, kind=kind))
    stays_single(function, one_sided(2, 2, 2, kind=kind))


def test_printed():
    a = definite(2, 2)
    assert "np.linalg.cholesky(a)" in ft.trace(lambda a: lower(a))(a).to_source()
    assert "np.linalg.cholesky(a, upper=True)" in ft.trace(upper)(a).to_source()


def test_refusals():
    for shape in ((3,), (2, 3), (3, 3, 2)):
        for run in (lower, lambda x: ft.vjp(lower, x), lambda x: ft.jvp(lower, (x,), (x,))):
            with pytest.raises(np.linalg.LinAlgError, match=r"must be square|at least two-dimensional"):
                run(np.ones(shape))
        with pytest.raises(ShapeError, match="the last two axes must be a square matrix"):
            ft.trace(lower)(np.ones(shape))
    with pytest.raises(TypeError, match="float16 is unsupported in linalg"):
        ft.trace(lower)(np.ones((2, 2), np.float16))
    indefinite = np.array([[1.0, 2.0], [2.0, 1.0]])
    for run in (lambda x: ft.vjp(lower, x), lambda x: ft.jvp(lower, (x,), (x,))):
        with pytest.raises(np.linalg.LinAlgError, match="positive definite"):
            run(indefinite)
    refused(lambda x: np.linalg.cholesky(x, True), TypeError, "positional", np.eye(2))


@pytest.mark.parametrize("kind", "fc")
@pytest.mark.parametrize("f", [lower, upper])
def test_batches(f, kind):
    check_batches(f, definite(3, 3, 3, kind=kind))
    check_batches(f, definite(3, 2, 3, 3, kind=kind))


@pytest.mark.parametrize("upper", [False, True])
def test_the_zeros_of_the_factor_absorb(upper):
    """Behind the other triangle, which is zero, a slope may be infinite."""
    a = np.array([[4.0, 2.0], [2.0, 3.0]])
    factor, pullback = ft.vjp(lambda a: np.linalg.cholesky(a, upper=upper), a)
    ct = np.ones((2, 2))
    ct[factor == 0] = np.inf
    np.testing.assert_array_equal(pullback(ct)[0], pullback(np.where(factor == 0, 0.0, 1.0))[0])
