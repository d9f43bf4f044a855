"""``np.linalg.svd`` and ``svdvals``: in both modes, at any order, also where singular values are equal or zero."""

from functools import partial

import numpy as np
import pytest

import functrans as ft
from functrans.errors import ShapeError
from functrans.testing import check_grads
from functrans.testing.numerical import richardson
from tests.ops.agreement import check, drawn, random_like, run_source, same_bits, same_value, stays_single
from tests.ops.batches import check_batches

RNG = np.random.default_rng(62)
array = partial(drawn, RNG)
svd, svdvals = np.linalg.svd, np.linalg.svdvals
SHAPES = [(1, 1), (3, 3), (3, 2), (2, 3), (2, 2, 1)]
EMPTY = [(0, 2, 2), (0, 3)]


def spread(*shape, kind="f"):
    """Singular values far apart."""
    return 0.3 * array(*shape, kind=kind) + np.eye(*shape[-2:]) * (1 + 2 * np.arange(shape[-1]))


def with_values(m, n, *values, kind="f"):
    """A matrix with these singular values."""
    u, v = [np.linalg.qr(array(k, k, kind=kind))[0] for k in (m, n)]
    k = min(m, n)
    return (u[:, :k] * np.array(values)) @ np.conj(v[:, :k].T)


def invariants(full):
    """What phases, and the choice of vectors without singular values, do not change."""

    def f(a):
        u, s, vh = svd(a, full)
        k = s.shape[-1]
        main, beside = u[..., :k], vh[..., :k, :]
        rest = u[..., k:] @ np.conj(u[..., k:].mT), np.conj(vh[..., k:, :].mT) @ vh[..., k:, :]
        parts = (main * np.sin(s / 3)[..., None, :]) @ beside, *rest
        imaginary = [np.imag(x) for x in parts] if a.dtype.kind == "c" else []
        return (
            s,
            np.real(main * np.conj(main)),
            np.real(beside * np.conj(beside)),
            [np.real(x) for x in parts],
            imaginary,
        )

    return f


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


@pytest.mark.parametrize("kind", "fc")
@pytest.mark.parametrize("shape", SHAPES + EMPTY)
def test_values(kind, shape):
    whole_check(svdvals, spread(*shape, kind=kind))
    same_value(lambda a: svd(a, compute_uv=False), spread(*shape, kind=kind))


@pytest.mark.parametrize("shape", SHAPES + EMPTY)
def test_real_vectors(shape):
    whole_check(lambda a: tuple(svd(a)), spread(*shape))
    whole_check(lambda a: tuple(svd(a, full_matrices=False)), spread(*shape))


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("kind", "fc")
@pytest.mark.parametrize("shape", [(2, 2), (4, 2), (2, 3)])
def test_what_the_choice_of_vectors_does_not_change(full, kind, shape):
    same_value(lambda a: tuple(svd(a, full)), spread(*shape, kind=kind))
    whole_check(invariants(full), spread(*shape, kind=kind))


@pytest.mark.parametrize("kind", "fc")
def test_vectors_turn_as_little_as_they_must(kind):
    a, e = spread(5, 2, kind=kind), array(5, 2, kind=kind)
    (u, s, vh), (du, ds, dvh) = ft.jvp(svd, (a,), (e,))
    turn, other = np.conj(u.T) @ du, np.conj(vh) @ dvh.T
    np.testing.assert_allclose(turn, -np.conj(turn.T), atol=1e-14)
    np.testing.assert_allclose(turn[2:, 2:], 0, atol=1e-14)
    np.testing.assert_allclose(np.diagonal(turn)[:2], np.diagonal(other), atol=1e-14)  # the phase is halved
    rebuilt = (du[:, :2] * s) @ vh + (u[:, :2] * ds) @ vh + (u[:, :2] * s) @ dvh
    np.testing.assert_allclose(rebuilt, e, atol=1e-13)


def test_closed_form_of_two_rows():
    """Sum and product of two singular values follow from the norm and the determinant; to the third order."""
    x = spread(2, 2)
    f = lambda x: np.sqrt(np.sum(x * x) + 2 * np.linalg.det(x)) ** 3  # noqa: E731
    g = lambda x: np.sum(svdvals(x)) ** 3  # noqa: E731
    assert np.linalg.det(x) > 0
    for order in range(4):
        np.testing.assert_allclose(g(x), f(x), rtol=1e-10, atol=1e-10, err_msg=f"order {order}")
        v = array(2, 2)
        f, g = [(lambda x, h=h, v=v: np.sum(v * ft.grad(h)(x))) for h in (f, g)]


@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4)])
@pytest.mark.parametrize("kind", "fc")
def test_norms_say_the_same(shape, kind):
    a, e = spread(*shape, kind=kind), array(*shape, kind=kind)
    for p, f in (("nuc", lambda a: np.sum(svdvals(a))), (2, lambda a: svdvals(a)[0]), (-2, lambda a: svdvals(a)[-1])):
        for h in (lambda f: ft.grad(f)(a), lambda f: ft.jvp(ft.grad(f), (a,), (e,))[1]):
            np.testing.assert_allclose(h(f), h(lambda a, p=p: np.linalg.norm(a, p)), atol=1e-11)


# Equal singular values, and zero.

SPECIAL = [
    np.eye(3),
    np.zeros((2, 3)),
    with_values(4, 3, 2, 2, 1),
    with_values(3, 3, 2, 1, 0),
    with_values(3, 4, 2, 0, 0, kind="c"),
    with_values(4, 4, 3, 3, 0, 0),
    with_values(2, 2, 1, 1, kind="c"),
]


@pytest.mark.parametrize("a", SPECIAL)
def test_sums_of_even_powers(a):
    """They are polynomials: ``sum(s**2)`` of the entries, ``sum(s**4)`` of those of ``a^H a``."""
    e = array(*a.shape, kind=a.dtype.kind)
    squares = lambda a: np.sum(np.real(a * np.conj(a)))  # noqa: E731
    for power, exact in ((2, squares), (4, lambda a: squares(np.conj(a.mT) @ a))):
        f = lambda a, power=power: np.sum(svdvals(a) ** power)  # noqa: E731
        np.testing.assert_allclose(ft.grad(f)(a), ft.grad(exact)(a), atol=1e-12)
        expected = ft.jvp(ft.grad(exact), (a,), (e,))[1]
        np.testing.assert_allclose(ft.jvp(ft.grad(f), (a,), (e,))[1], expected, atol=1e-11)
        program = ft.trace(ft.grad(f))(a)
        staged = ft.jvp(lambda x, program=program: ft.evaluate(program, x), (a,), (e,))[1]
        np.testing.assert_allclose(staged, expected, atol=1e-11)
        if a.dtype.kind == "f":
            np.testing.assert_allclose(np.tensordot(ft.hessian(f)(a), e, 2), expected, atol=1e-11)


def test_the_gradient_of_a_kink_is_the_least():
    a = np.diag([2.0, 0.0, 0.0])
    np.testing.assert_allclose(ft.grad(lambda a: np.sum(svdvals(a)))(a), np.diag([1.0, 0, 0]), atol=1e-15)
    np.testing.assert_allclose(ft.grad(lambda a: svdvals(a)[0])(np.eye(2)), np.eye(2) / 2, atol=1e-15)
    e, t = array(3, 3), 1e-8
    to_one_side = (svdvals(a + t * e) - svdvals(a)) / t
    np.testing.assert_allclose(ft.jvp(svdvals, (a,), (e,))[1], to_one_side, atol=1e-6)
    second = ft.jvp(ft.grad(lambda a: np.sum(svdvals(a))), (a,), (e,))[1]
    assert np.isnan(second).any()


@pytest.mark.parametrize("kind", "fc")
def test_what_equal_values_share(kind):
    """The polar factor, and the projectors on the spaces of a cluster."""
    a = with_values(4, 3, 2, 2, 1, kind=kind)
    c, d, e = array(4, 3, kind=kind), array(4, 4, kind=kind), array(4, 3, kind=kind)

    def polar(a):
        u, _, vh = svd(a, False)
        return np.real(np.sum(c * (u @ vh)))

    def exactly(a):  # a times the inverse root of a^H a, by Newton's iteration for the polar factor
        b = a
        for _ in range(8):
            b = 0.5 * b + 0.5 * np.conj(np.linalg.pinv(b).mT)
        return np.real(np.sum(c * b))

    def projector(a):
        u = svd(a, False)[0][:, :2]
        return np.real(np.sum(d * (u @ np.conj(u.mT))))

    for loss, same in ((polar, exactly), (projector, projector)):
        expected = richardson(same, (a,), (e,)).value
        np.testing.assert_allclose(np.real(np.sum(ft.grad(loss)(a) * e)), expected, rtol=1e-8)
        found = ft.evaluate(ft.trace(ft.grad(loss))(a), a)
        np.testing.assert_allclose(np.real(np.sum(found * e)), expected, rtol=1e-8)


def test_the_complement_without_rank():
    """The projector on the complement of the columns, also of more columns than the rank."""
    a, c, e = with_values(4, 3, 3, 2, 0), array(4, 4), array(4, 3)

    def loss(t):
        u = svd(a + t * e)[0][:, :2]
        return np.sum(c * (u @ u.T))

    (expected,) = np.ravel(richardson(loss, (0.0,), (1.0,)).value)
    assert ft.grad(loss)(0.0) == pytest.approx(expected, rel=1e-8)
    assert ft.jvp(loss, (0.0,), (1.0,))[1] == pytest.approx(expected, rel=1e-8)


def test_what_is_not_known_is_not_a_number():
    def rebuilt(a):
        u, s, vh = svd(a)
        return np.sum(np.tri(3) * ((u * s) @ vh))

    assert np.isnan(ft.grad(rebuilt)(np.eye(3))).any()
    assert np.isnan(ft.jvp(rebuilt, (np.eye(3),), (np.tri(3),))[1])
    np.testing.assert_allclose(ft.grad(lambda a: np.sum(svd(a)[1]))(np.eye(3)), np.eye(3), atol=1e-15)
    # The first order alone is right there.
    assert np.isnan(ft.hessian(lambda a: np.sum(svd(a)[1] ** 2))(np.eye(2))).all()
    assert np.isnan(ft.grad(lambda a: np.sum(ft.grad(lambda a: np.sum(svdvals(a) ** 2))(a)))(np.eye(2))).any()


@pytest.mark.parametrize("kind", "fc")
def test_hermitian(kind):
    x = array(3, 3, kind=kind)
    a = x + np.conj(x.T) + np.diag([1.0, -3.0, 6.0])
    same_value(lambda a: tuple(svd(a, hermitian=True)), a)
    check(lambda a: svd(a, compute_uv=False, hermitian=True), a)

    def f(a):
        u, s, vh = svd(a, hermitian=True)
        rebuilt = (u * np.sin(s)) @ vh
        return s, np.real(rebuilt), np.real(u * np.conj(u))

    check_grads(f, (a,), order=2)


@pytest.mark.parametrize("kind", "fc")
def test_single_precision(kind):
    for a in (spread(3, 2, kind=kind), with_values(3, 2, 1, 1, kind=kind)):
        stays_single(svdvals, a)
        stays_single(lambda a: tuple(svd(a)), a)
        stays_single(lambda a: tuple(svd(a, False)), a)


def test_named_and_printed():
    a = spread(3, 2)
    assert type(ft.vjp(lambda a: svd(a), a)[0]) is type(svd(a))
    assert ft.grad(lambda a: np.sum(svd(a).S))(a).shape == (3, 2)
    assert "np.linalg.svd(a)" in ft.trace(lambda a: svd(a)[0])(a).to_source()
    assert "np.linalg.svd(a, full_matrices=False)" in ft.trace(lambda a: svd(a, False)[0])(a).to_source()
    assert "np.linalg.svd(a, compute_uv=False)" in ft.trace(lambda a: svdvals(a))(a).to_source()


def test_refusals():
    for f in (svdvals, lambda a: svd(a)[1]):
        with pytest.raises(np.linalg.LinAlgError, match="at least two-dimensional"):
            ft.vjp(f, np.ones(3))
        with pytest.raises(ShapeError, match="it takes matrices"):
            ft.trace(f)(np.ones(3))
        with pytest.raises(np.linalg.LinAlgError, match="did not converge"):
            ft.vjp(f, np.full((2, 2), np.nan))


@pytest.mark.parametrize("kind", "fc")
def test_batches(kind):
    check_batches(svdvals, spread(3, 3, 2, kind=kind))
    check_batches(invariants(True), spread(3, 3, 2, kind=kind))
    check_batches(invariants(False), spread(3, 2, 2, 3, kind=kind))


def test_large():
    for shape in ((60, 60), (70, 30), (30, 70)):
        a, e = array(*shape), array(*shape)
        for f in (svdvals, lambda a: svd(a)[0], lambda a: svd(a, False)[2]):
            out, tangent = ft.jvp(f, (a,), (e,))
            w = random_like(RNG, out)
            assert np.sum(w * tangent) == pytest.approx(np.sum(ft.vjp(f, a)[1](w)[0] * e), rel=1e-8)


def test_batches_of_which_some_are_special():
    stack = np.stack([np.eye(3), spread(3, 3), with_values(3, 3, 2, 2, 0), np.zeros((3, 3))])

    def polar(a):
        u, _, vh = svd(a)
        return np.sum(np.tri(3) * (u @ vh))

    for f in (polar, lambda a: np.sum(svdvals(a) ** 4), lambda a: np.sum(svd(a)[1])):
        for g in (ft.grad(f), ft.hessian(f)):
            np.testing.assert_allclose(ft.vmap(g)(stack), np.stack([g(a) for a in stack]), atol=1e-11)
        e = array(3, 3)
        along = lambda a, f=f: ft.jvp(f, (a,), (e,))[1]  # noqa: E731
        np.testing.assert_allclose(ft.vmap(along)(stack), np.stack([along(a) for a in stack]), atol=1e-11)
