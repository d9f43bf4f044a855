"""``np.linalg.qr``: every mode and shape, what is unique and what is not, dependent columns."""

import warnings
from functools import partial

import mpmath
import numpy as np
import pytest

import functrans as ft
from functrans.errors import ShapeError, UncoveredFunctionError
from tests.ops.agreement import check, drawn, same_bits, stays_single
from tests.ops.batches import check_batches

RNG = np.random.default_rng(23)
array = partial(drawn, RNG)


def factors(mode):
    """The factors as a tuple, or the one that there is."""
    return lambda a: np.linalg.qr(a, mode) if mode == "r" else tuple(np.linalg.qr(a, mode))


SHAPES = [(3, 3), (5, 3), (3, 5), (2, 4, 2), (4, 1), (1, 1), (1, 3), (0, 3), (3, 0), (2, 0, 2), (0, 3, 2)]


@pytest.mark.parametrize("kind", "fc")
@pytest.mark.parametrize("mode", ["reduced", "complete", "r"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_qr(shape, mode, kind):
    check(factors(mode), array(*shape, kind=kind))


@pytest.mark.parametrize("kind", "fc")
@pytest.mark.parametrize("shape", [(4, 2), (2, 3)])
def test_third_order(shape, kind):
    """``check`` of the derivative in a direction: orders two and three of the factors."""
    step = array(*shape, kind=kind)
    check(lambda a: ft.jvp(factors("complete"), (a,), (step,))[1], array(*shape, kind=kind), precise=1e-7)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("shape", [(3, 2), (2, 2), (4, 3)])
def test_r_is_a_cholesky_factor(shape, order):
    """Of ``a^T a``, with the signs of LAPACK: in exact arithmetic."""
    a, da = array(*shape), array(*shape)

    def along(t):
        return np.linalg.qr(a + t * da, "r")

    f = along
    for _ in range(order):
        f = lambda t, f=f: ft.jvp(f, (t,), (1.0,))[1]  # noqa: E731
    signs = np.sign(np.diagonal(np.linalg.qr(a)[1]))

    def exact(t, i, j):
        at = mpmath.matrix(a.tolist()) + t * mpmath.matrix(da.tolist())
        return mpmath.cholesky(at.T * at)[j, i] * signs[i]

    with mpmath.workdps(40):
        n = shape[1]
        expected = [[float(mpmath.diff(lambda t: exact(t, i, j), 0, order)) for j in range(n)] for i in range(n)]
    np.testing.assert_allclose(f(0.0), expected, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("mode", ["reduced", "complete"])
def test_projectors_depend_on_no_choice(mode):
    """On what the columns span, and on the rest: known from the normal equations."""
    a, da = array(5, 2), array(5, 2)

    def projector(a):
        q = np.linalg.qr(a, mode)[0]
        return np.eye(5) - q[:, 2:] @ q[:, 2:].T if mode == "complete" else q @ q.T

    def by_normal_equations(a):
        return a @ np.linalg.inv(a.T @ a) @ a.T

    twice = lambda f: lambda a: ft.jvp(lambda a: ft.jvp(f, (a,), (da,))[1], (a,), (da,))  # noqa: E731
    for found, expected in zip(twice(projector)(a), twice(by_normal_equations)(a), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)


def test_further_columns_turn_least_where_a_reflector_is_skipped():
    """NumPy's factors jump there, as LAPACK's reflector changes its sign; what is spanned does not."""
    a, da = np.array([[2.0, 1], [0, 3], [0, 0], [0, 0]]), array(4, 2)
    q, dq = ft.jvp(lambda a: np.linalg.qr(a, "complete")[0], (a,), (da,))
    turn = q.T @ dq
    np.testing.assert_allclose(turn, -turn.T, atol=1e-15)
    np.testing.assert_allclose(turn[2:, 2:], 0, atol=1e-15)
    np.testing.assert_allclose(
        turn[2:, :2], da[2:] @ np.linalg.inv([[2.0, 1], [0, 3]]) * np.diag(q)[2:, None], atol=1e-15
    )
    weights = array(4, 4)
    gradient = ft.grad(lambda a: np.sum(weights * np.linalg.qr(a, "complete")[0]))(a)
    np.testing.assert_allclose(np.sum(gradient * da), np.sum(weights * dq), rtol=1e-13)


DEPENDENT = {
    "zeros": np.zeros((3, 2)),
    "a column of zeros": np.array([[0.0, 1], [0, 2]]),
    "twice the same": np.array([[1.0, 1, 3], [2, 2, 5], [3, 3, 8]]),
    "rank one": np.outer([1.0, 2, 3], [0.1, 0.7]),
    "low rank": RNG.normal(size=(30, 20)) @ RNG.normal(size=(20, 30)),
    "sum of two": np.array([[1.0, 0.1, 1.1], [0.3, 0.7, 1.0], [0.2, 0.5, 0.7], [0.4, 0.9, 1.3]]),
    "the first two of three": np.array([[1.0, 2, 0.3], [2, 4, 0.5]]),
}


@pytest.mark.parametrize("name", DEPENDENT)
def test_dependent_columns_have_no_derivative(name):
    """Not a number, rather than a number that rounding has made."""
    a = DEPENDENT[name]
    for mode in ("reduced", "complete", "r"):
        out, pullback = ft.vjp(factors(mode), a)
        same_bits(out, factors(mode)(a))
        # Behind the columns that make q, a moves with no more than a factor q.
        assert np.all(np.isnan(pullback(ft.tree.map(np.ones_like, out))[0][:, : len(a)]))
        tangent = ft.jvp(factors(mode), (a,), (np.ones_like(a),))[1]
        q = tangent if mode == "r" else tangent[0]
        assert np.isnan(q).any()
    single = np.float32(a)
    assert np.all(np.isnan(ft.grad(lambda a: np.sum(np.linalg.qr(a)[1]))(single)[:, : len(a)]))


def test_one_of_a_stack_has_no_derivative():
    a = np.stack([array(3, 2), np.ones((3, 2)), array(3, 2)])
    f = lambda a: np.sum(np.linalg.qr(a)[0] ** 3)  # noqa: E731
    gradient = ft.grad(f)(a)
    assert np.all(np.isnan(gradient[1]))
    for i in (0, 2):
        np.testing.assert_allclose(gradient[i], ft.grad(f)(a[i]), rtol=1e-13)


def test_columns_of_any_size():
    """Columns that are scaled scale those of r, and nothing else."""
    a = array(4, 3)
    size = np.array([1e-200, 1.0, 1e200])
    f = lambda a: np.sum(np.sin(np.linalg.qr(a, "complete")[0]))  # noqa: E731
    np.testing.assert_allclose(ft.grad(f)(a * size) * size, ft.grad(f)(a), rtol=1e-11)


def test_dependent_last_columns_of_a_wide_matrix_are_no_trouble():
    a = np.array([[1.0, 0.5, 3.0, 3.0, 0.0], [2.0, -1.0, 0.1, 0.1, 0.0]])
    check(factors("reduced"), a)


def test_single_precision():
    for kind in "fc":
        for shape in ((3, 3), (4, 2), (2, 4)):
            for mode in ("reduced", "complete", "r"):
                stays_single(factors(mode), array(*shape, kind=kind))


def test_the_result_is_a_named_pair():
    pairs = []
    a = array(3, 2)
    ft.grad(lambda a: np.sum((pairs.append(np.linalg.qr(a)) or pairs[0]).R))(a)
    assert type(pairs[0]) is type(np.linalg.qr(a))
    integers = np.array([[1, 2], [3, 4]])
    same_bits(ft.evaluate(ft.trace(factors("reduced"))(integers), integers), factors("reduced")(integers))


def test_refusals():
    a = array(3, 2)
    for mode in ("raw", "e", "economic"):
        with pytest.raises(UncoveredFunctionError, match="use mode 'complete'"):
            ft.vjp(lambda a, mode=mode: np.linalg.qr(a, mode), a)
    with pytest.raises(ValueError, match="Unrecognized mode 'q'"):
        ft.vjp(lambda a: np.linalg.qr(a, "q"), a)
    with pytest.raises(ShapeError, match="a matrix of one column"):
        ft.trace(np.linalg.qr)(a[0])
    with pytest.raises(np.linalg.LinAlgError, match="two-dimensional"):
        ft.vjp(np.linalg.qr, a[0])
    with pytest.warns(DeprecationWarning, match="'full' option"):
        found = ft.vjp(lambda a: tuple(np.linalg.qr(a, "full")), a)[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        same_bits(found, tuple(np.linalg.qr(a, "full")))


@pytest.mark.parametrize("kind", "fc")
@pytest.mark.parametrize("shape", [(3, 2), (2, 3), (2, 3, 2)], ids=str)
def test_batches(shape, kind):
    for mode in ("reduced", "complete"):
        check_batches(factors(mode), array(3, *shape, kind=kind))
