"""``np.linalg.eigh`` and ``eigvalsh``: in both modes, at any order, also where eigenvalues are equal."""

from functools import partial

import mpmath
import numpy as np
import pytest

import functrans as ft
from functrans.errors import ShapeError
from functrans.testing import check_grads
from functrans.testing.numerical import richardson
from tests.ops.agreement import check, drawn, random_like, refused, run_source, same_bits, same_value, stays_single
from tests.ops.batches import check_batches

RNG = np.random.default_rng(61)
array = partial(drawn, RNG)
eigh, eigvalsh = np.linalg.eigh, np.linalg.eigvalsh
SHAPES = [(1, 1), (3, 3), (2, 2, 2)]
EMPTY = [(0, 2, 2), (0, 0)]


def spread(*shape, kind="f"):
    """Not hermitian; either triangle is that of a hermitian matrix whose eigenvalues are far apart."""
    return 0.3 * array(*shape, kind=kind) + np.diag(2.0 * np.arange(shape[-1]))


def hermitian(*shape, kind="f"):
    x = array(*shape, kind=kind)
    return x + np.conj(x.mT)


def with_values(*values, kind="f"):
    """A hermitian matrix with these eigenvalues."""
    n = len(values)
    q = np.linalg.qr(array(n, n, kind=kind))[0]
    made = (q * np.array(values)) @ np.conj(q.T)
    return (made + np.conj(made.T)) / 2


def values(uplo):
    return lambda a: eigvalsh(a, UPLO=uplo)


def invariants(uplo="L"):
    """What phases of eigenvectors do not change."""

    def f(a):
        w, v = eigh(a, uplo)
        rebuilt = (v * np.cos(w)[..., None, :]) @ np.conj(v.mT)
        return w, np.real(v * np.conj(v)), np.real(rebuilt), np.imag(rebuilt) if a.dtype.kind == "c" else rebuilt

    return f


@pytest.mark.parametrize("uplo", ["L", "u"])
@pytest.mark.parametrize("kind", "fc")
@pytest.mark.parametrize("shape", SHAPES + EMPTY)
def test_values(uplo, kind, shape):
    check(values(uplo), spread(*shape, kind=kind))


def whole_check(f, a):
    """As ``check``, but live and staged gradients may differ in rounding: live, it is known that nothing is equal."""
    same_value(f, a)
    check_grads(f, (a,), order=2)
    out, pullback = ft.vjp(f, a)
    w = random_like(RNG, out)
    gradient = lambda a: ft.vjp(f, a)[1](w)[0]  # noqa: E731
    program = ft.trace(gradient)(a).validate()
    np.testing.assert_allclose(ft.evaluate(program, a), pullback(w)[0], rtol=1e-9, atol=1e-11)
    same_bits(run_source(program, a), ft.evaluate(program, a))


@pytest.mark.parametrize("uplo", "LU")
@pytest.mark.parametrize("shape", SHAPES + EMPTY)
def test_real_vectors(uplo, shape):
    whole_check(lambda a: tuple(eigh(a, uplo)), spread(*shape))


@pytest.mark.parametrize("uplo", "LU")
@pytest.mark.parametrize("shape", SHAPES + EMPTY)
def test_complex_vectors(uplo, shape):
    same_value(lambda a: tuple(eigh(a, uplo)), spread(*shape, kind="c"))
    whole_check(invariants(uplo), spread(*shape, kind="c"))


@pytest.mark.parametrize("kind", "fc")
@pytest.mark.parametrize(("uplo", "read"), [("L", np.tril), ("U", np.triu)])
def test_only_one_triangle_is_read(uplo, read, kind):
    a, v = spread(3, 3, kind=kind), array(3, 3, kind=kind)
    hidden = np.where(read(np.ones((3, 3))) == 0, np.nan, a)
    for f in (values(uplo), lambda a: tuple(eigh(a, uplo))):
        out, pullback = ft.vjp(f, hidden)
        w = random_like(RNG, out)
        (gradient,) = pullback(w)
        assert not np.any(gradient - read(gradient))
        assert np.all(np.imag(np.diagonal(gradient)) == 0)
        same_bits(gradient, ft.vjp(f, a)[1](w)[0])
        same_bits(ft.jvp(f, (hidden,), (v,)), ft.jvp(f, (a,), (v,)))


def test_complex_vectors_turn_as_little_as_they_must():
    a, e = hermitian(4, 4, kind="c"), array(4, 4, kind="c")
    v, dv = eigh(a)[1], ft.jvp(eigh, (a,), (e,))[1][1]
    np.testing.assert_allclose(np.diagonal(np.conj(v.T) @ dv), 0, atol=1e-14)


# Independent numbers.


def test_closed_form_of_two_rows():
    """The eigenvalues of ((a, b), (b, c)), to the third order."""

    def closed(x):
        a, b, c = x[0, 0], x[1, 0], x[1, 1]
        root = np.sqrt((a - c) ** 2 / 4 + b * b)
        return np.sum(np.array([1.0, 3.0]) * np.stack([(a + c) / 2 - root, (a + c) / 2 + root]) ** 2)

    f, g = closed, lambda x: np.sum(np.array([1.0, 3.0]) * eigvalsh(x) ** 2)
    x = spread(2, 2)
    for order in range(4):
        np.testing.assert_allclose(g(x), f(x), rtol=1e-11, err_msg=f"order {order}")
        v = array(2, 2)
        f, g = [(lambda x, h=h, v=v: np.sum(v * ft.grad(h)(x))) for h in (f, g)]


def test_derivatives_of_eigenvalues_by_mpmath():
    """Along a line, by Taylor's formula in 40 digits."""
    a, e = hermitian(3, 3), hermitian(3, 3)
    with mpmath.workdps(40):
        for k in range(3):

            def along(t, k=k):
                return mpmath.eigsy(mpmath.matrix(a.tolist()) + t * mpmath.matrix(e.tolist()), eigvals_only=True)[k]

            f = lambda t, k=k: eigvalsh(a + t * e)[k]  # noqa: E731
            for order in (1, 2, 3):
                expected = float(mpmath.diff(along, 0, order))
                assert ft.derivative(f, order)(0.0) == pytest.approx(expected, rel=1e-11, abs=1e-12)


# Equal eigenvalues.


EQUAL = [
    np.eye(3),
    np.zeros((2, 2)),
    with_values(1, 1, 2),
    with_values(1, 3, 3, 3),
    with_values(1, 1, 2, 2, 5),
    with_values(2, 2, 2, kind="c"),
    with_values(0, 0, 1, 1, kind="c"),
]


@pytest.mark.parametrize("a", EQUAL)
@pytest.mark.parametrize(
    ("f", "df", "ddf"),
    [
        (lambda w: w**2, lambda w: 2 * w, lambda w: 0 * w + 2),
        (np.exp, np.exp, np.exp),
        (lambda w: (w - 1) ** 2, lambda w: 2 * (w - 1), lambda w: 0 * w + 2),
        (lambda w: w, lambda w: 0 * w + 1, lambda w: 0 * w),
    ],
)
def test_functions_of_all_eigenvalues(a, f, df, ddf):
    """The gradient of sum(f(w)) is the matrix f'(a), its derivative that of a matrix function."""
    whole = lambda x: (x + np.conj(x.mT)) / 2  # noqa: E731
    loss = lambda x: np.sum(f(eigvalsh(whole(x))))  # noqa: E731
    w, v = np.linalg.eigh(a)
    np.testing.assert_allclose(ft.grad(loss)(a), np.conj((v * df(w)) @ np.conj(v.T)), atol=1e-12)
    e = hermitian(*a.shape, kind=a.dtype.kind)
    m = np.conj(v.T) @ e @ v
    gaps = w[:, None] - w
    near = np.abs(gaps) < 1e-8
    table = np.where(near, ddf(w)[:, None], (df(w)[:, None] - df(w)) / np.where(near, 1, gaps))
    expected = np.conj(v @ (table * m) @ np.conj(v.T))
    np.testing.assert_allclose(ft.jvp(ft.grad(loss), (a,), (e,))[1], expected, atol=1e-12)
    # Twice along one line, forwards alone.
    twice = ft.jvp(lambda x: ft.jvp(loss, (x,), (e,))[1], (a,), (e,))
    assert twice[0] == pytest.approx(np.real(np.sum(np.diagonal(m) * df(w))), abs=1e-12)
    assert twice[1] == pytest.approx(np.real(np.sum(expected * e)), abs=1e-11)
    # Staged, and for many directions at once.
    program = ft.trace(ft.grad(loss))(a)
    np.testing.assert_allclose(ft.jvp(lambda x: ft.evaluate(program, x), (a,), (e,))[1], expected, atol=1e-12)
    if a.dtype.kind == "f":
        np.testing.assert_allclose(np.tensordot(ft.hessian(loss)(a), e, 2), expected, atol=1e-12)


def test_the_hessian_of_a_sum_of_squares():
    for a in (np.eye(3), 0 * np.eye(3), with_values(1, 1, 2)):
        hessian = ft.hessian(lambda x: np.sum(eigvalsh((x + x.T) / 2) ** 2))(a).reshape(9, 9)
        exchange = np.eye(9).reshape(3, 3, 3, 3).swapaxes(0, 1).reshape(9, 9)
        np.testing.assert_allclose(hessian, np.eye(9) + exchange, atol=1e-13)


def test_what_is_not_known_is_not_a_number():
    """Never a finite number that is wrong: in reverse mode over reverse mode, and at the third order."""
    square = lambda a: np.sum(eigvalsh(a) ** 2)  # noqa: E731
    entry = ft.grad(lambda a: ft.grad(square)(a)[1, 0])(np.eye(3))
    assert np.isnan(entry[1, 0])
    trace = ft.grad(lambda a: np.trace(ft.grad(square)(a)))(np.eye(3))
    np.testing.assert_allclose(trace, 2 * np.eye(3), atol=1e-14)
    s = hermitian(3, 3)
    cubes = lambda t: np.sum(eigvalsh(np.eye(3) + t * s) ** 3)  # noqa: E731
    assert ft.derivative(cubes, 2)(0.0) == pytest.approx(6 * np.sum(s * s))
    assert np.isnan(ft.derivative(cubes, 3)(0.0))
    # The sum of two tangents' products is the trace of none of the matrices' unless they commute.
    e = np.array([[0.0, 0, 0], [1, 0, 0], [0, 0, 0]])
    assert np.isnan(ft.jvp(lambda a: ft.jvp(square, (a,), (e,))[1], (np.eye(3),), (np.diag([1.0, 2, 3]),))[1])
    assert np.isnan(ft.grad(lambda a: ft.jvp(square, (a,), (e,))[1])(np.eye(3))).any()


def test_tangents_of_equal_eigenvalues_are_to_one_side():
    a, e = with_values(1, 1, 1, 4), hermitian(4, 4)
    t = 1e-7
    expected = (eigvalsh(a + t * e) - eigvalsh(a)) / t
    np.testing.assert_allclose(ft.jvp(eigvalsh, (a,), (e,))[1], expected, atol=1e-6)
    largest = ft.grad(lambda a: eigvalsh(a)[-1])(np.eye(2))
    np.testing.assert_array_equal(largest, np.eye(2) / 2)


@pytest.mark.parametrize("kind", "fc")
def test_the_projector_on_a_cluster(kind):
    a, c = with_values(1, 1, 1, 2, 4, kind=kind), hermitian(5, 5, kind=kind)

    def loss(a):
        v = eigh((a + np.conj(a.mT)) / 2)[1][:, :3]
        return np.real(np.sum(c * (v @ np.conj(v.T))))

    w, v = np.linalg.eigh(a)
    e = hermitian(5, 5, kind=kind)
    m = np.conj(v.T) @ e @ v
    inside = np.array([1, 1, 1, 0, 0])
    gaps = w[:, None] - w
    table = np.where(inside[:, None] != inside, (inside[:, None] - inside) / np.where(np.abs(gaps) < 0.5, 1, gaps), 0)
    expected = np.real(np.sum(c * (v @ (table * m) @ np.conj(v.T))))
    assert np.real(np.sum(ft.grad(loss)(a) * e)) == pytest.approx(expected, rel=1e-12)
    found = ft.evaluate(ft.trace(ft.grad(loss))(a), a)
    assert np.real(np.sum(found * e)) == pytest.approx(expected, rel=1e-12)


def test_vectors_of_equal_eigenvalues():
    c = hermitian(3, 3)

    def of_a_matrix(f):
        def loss(a):
            w, v = eigh(a)
            return np.sum(c * ((v * f(w)) @ v.T))

        return loss

    def trace(a):
        w, v = eigh(a)
        return np.trace((v * np.exp(w)) @ v.T)

    off = np.tril(np.ones((3, 3)), -1) > 0
    np.testing.assert_allclose(ft.grad(trace)(np.eye(3)), np.e * np.eye(3), atol=1e-14)
    for f in (np.exp, lambda w: w, np.log):  # the last is zero, and its cotangents say nothing
        assert np.all(np.isnan(ft.grad(of_a_matrix(f))(np.eye(3))[off]))
    # Along a direction that leaves the basis alone everything is known; along others the vectors jump.
    e = np.diag([3.0, 2.0, 1.0])
    assert ft.jvp(of_a_matrix(np.exp), (np.eye(3),), (e,))[1] == pytest.approx(np.e * np.sum(c * e))
    assert np.isnan(ft.jvp(of_a_matrix(np.exp), (np.eye(3),), (np.ones((3, 3)),))[1])
    # Vectors of other eigenvalues are not concerned.
    a = with_values(0, 0, 0, 2, 5)
    top = lambda a: np.sum(eigh(a)[1][:, -2:] ** 2 * eigh(a)[0][-2:])  # noqa: E731
    e = array(5, 5)
    (expected,) = np.ravel(richardson(top, (a,), (e,)).value)
    assert np.sum(ft.grad(top)(a) * e) == pytest.approx(expected, rel=1e-8)
    assert ft.jvp(top, (a,), (e,))[1] == pytest.approx(expected, rel=1e-8)
    np.testing.assert_array_equal(ft.grad(lambda a: np.sum(eigh(a)[0]))(np.eye(3)), np.eye(3))


def test_second_derivatives_of_the_vectors_values_stop_at_equal_ones():
    """Beside vectors, eigenvalues do not leave their basis: what is finite is right."""
    square = lambda a: np.sum(eigh(a)[0] ** 2)  # noqa: E731
    hessian = ft.hessian(square)(np.eye(2)).reshape(4, 4)
    exact = np.diag([2.0, 0, 4, 2])
    known = ~np.isnan(hessian)
    np.testing.assert_allclose(hessian[known], exact[known], atol=1e-14)
    assert known[0, 0]
    assert known[3, 3]
    assert not known[2, 2]


def test_not_a_number():
    a = np.full((2, 2), np.nan)
    try:
        eigvalsh(a)
    except np.linalg.LinAlgError:
        with pytest.raises(np.linalg.LinAlgError):
            ft.grad(lambda a: np.sum(eigvalsh(a)))(a)
    else:
        assert np.all(np.isnan(ft.grad(lambda a: np.sum(eigvalsh(a)))(a)[np.tril_indices(2)]))


# The rest.


@pytest.mark.parametrize("kind", "fc")
def test_single_precision(kind):
    stays_single(eigvalsh, spread(3, 3, kind=kind))
    stays_single(lambda a: tuple(eigh(a)), spread(3, 3, kind=kind))
    stays_single(lambda a: tuple(eigh(a)), with_values(1, 1, 2, kind=kind))
    stays_single(eigvalsh, np.eye(2) if kind == "f" else np.eye(2) + 0j)


def test_named():
    found = ft.vjp(lambda a: eigh(a), spread(2, 2))[0]
    assert type(found) is type(eigh(np.eye(2)))
    assert ft.grad(lambda a: np.sum(eigh(a).eigenvalues))(spread(2, 2)).shape == (2, 2)


def test_printed():
    a = spread(2, 2)
    assert "np.linalg.eigvalsh(a)" in ft.trace(lambda a: eigvalsh(a))(a).to_source()
    assert "np.linalg.eigh(a, UPLO='U')" in ft.trace(lambda a: tuple(eigh(a, "U")))(a).to_source()


def test_refusals():
    for f in (eigh, eigvalsh):
        for shape in ((3,), (2, 3)):
            for run in (f, lambda x, f=f: ft.vjp(lambda x: f(x)[0], x)):
                with pytest.raises(np.linalg.LinAlgError, match=r"must be square|at least two-dimensional"):
                    run(np.ones(shape))
            with pytest.raises(ShapeError, match="the last two axes must be a square matrix"):
                ft.trace(lambda x, f=f: f(x)[0])(np.ones(shape))
        refused(lambda a, f=f: f(a, "X"), ValueError, "UPLO argument must be", np.eye(2))


@pytest.mark.parametrize("kind", "fc")
def test_batches(kind):
    check_batches(eigvalsh, spread(3, 3, 3, kind=kind))
    check_batches(values("U"), spread(3, 2, 3, 3, kind=kind))
    check_batches(invariants(), spread(3, 3, 3, kind=kind))
    hessian = ft.hessian(lambda a: np.sum(np.real(eigvalsh(a)) ** 2))
    stack = np.stack([np.eye(2), np.diag([1.0, 3.0]), np.zeros((2, 2))])
    np.testing.assert_allclose(ft.vmap(hessian)(stack), np.stack([hessian(a) for a in stack]), atol=1e-13)


def test_large():
    a, e = hermitian(60, 60), array(60, 60)
    for f in (eigvalsh, lambda a: eigh(a)[1]):
        out, tangent = ft.jvp(f, (a,), (e,))
        w = random_like(RNG, out)
        assert np.sum(w * tangent) == pytest.approx(np.sum(ft.vjp(f, a)[1](w)[0] * e), rel=1e-8)
