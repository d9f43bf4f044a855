"""functrans.scipy.linalg: functions of matrices, equations for matrices, special matrices."""

import warnings

import mpmath
import numpy as np
import pytest
import scipy.linalg

import functrans as ft
import functrans.scipy.linalg as linalg
from functrans.errors import ShapeError, UncoveredFunctionError
from functrans.testing import check_grads
from functrans.testing.compare import assert_close
from tests.ops.agreement import check, drawn, same_bits, same_value, stays_single

RNG = np.random.default_rng(8)
A, E, F = (drawn(RNG, 3, 3) for _ in range(3))
AZ = drawn(RNG, 3, 3, kind="c")
POSITIVE = 0.3 * A + np.diag([1.0, 2.0, 3.0])  # with positive eigenvalues
COMPLEX = POSITIVE + 0.3 * AZ


def agree(name, *args, **keywords):
    """SciPy's value to the bit, live, staged and printed; derivatives to order two."""

    def f(*args):
        return getattr(linalg, name)(*args, **keywords)

    same_bits(f(*args), getattr(scipy.linalg, name)(*args, **keywords))
    check(f, *args, precise=1e-8)


# By mpmath: differences of values of fifty digits.


def high(x):
    return mpmath.matrix([[mpmath.mpmathify(complex(v)) for v in row] for row in x])


def low(x):
    return np.array([[complex(v) for v in row] for row in x.tolist()])


def power(x, t):
    return mpmath.expm(mpmath.mpf(t) * mpmath.logm(x))


FUNCTIONS = {
    "expm": (linalg.expm, mpmath.expm),
    "logm": (linalg.logm, mpmath.logm),
    "sqrtm": (linalg.sqrtm, mpmath.sqrtm),
    "cosm": (linalg.cosm, mpmath.cosm),
    "sinm": (linalg.sinm, mpmath.sinm),
    "coshm": (linalg.coshm, lambda x: (mpmath.expm(x) + mpmath.expm(-x)) / 2),
    "sinhm": (linalg.sinhm, lambda x: (mpmath.expm(x) - mpmath.expm(-x)) / 2),
    "tanm": (linalg.tanm, lambda x: mpmath.cosm(x) ** -1 * mpmath.sinm(x)),
    "tanhm": (linalg.tanhm, lambda x: (mpmath.expm(x) + mpmath.expm(-x)) ** -1 * (mpmath.expm(x) - mpmath.expm(-x))),
    "power": (lambda a: linalg.fractional_matrix_power(a, 0.375), lambda x: power(x, 0.375)),
    "inverse power": (lambda a: linalg.fractional_matrix_power(a, -1.5), lambda x: power(x, -1.5)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("a", [POSITIVE, COMPLEX])
def test_derivatives_by_mpmath(name, a):
    f, exact = FUNCTIONS[name]

    def along_e(a):
        return ft.jvp(f, (a,), (E.astype(a.dtype),))[1]

    first, second = ft.jvp(along_e, (a,), (F.astype(a.dtype),))
    with mpmath.workdps(50):
        h = mpmath.mpf(10) ** -13
        p, x, y = high(a), h * high(E), h * high(F)
        expected = (exact(p + x) - exact(p - x)) / (2 * h)
        mixed = (exact(p + x + y) - exact(p + x - y) - exact(p - x + y) + exact(p - x - y)) / (4 * h * h)
    assert_close(first + 0j, low(expected), precise=1e-13)
    assert_close(second + 0j, low(mixed), precise=2e-12)
    weights = drawn(RNG, 3, 3).astype(a.dtype)
    assert_close(np.sum(ft.vjp(f, a)[1](weights)[0] * E), np.sum(weights * first))
    assert_close(np.sum(ft.vjp(along_e, a)[1](weights)[0] * F), np.sum(weights * second), precise=1e-11)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_are_scipys(name):
    f = FUNCTIONS[name][0]
    for a in (POSITIVE, COMPLEX, np.array([[2.5]])):
        same_value(f, a)
    found = ft.vmap(f)(np.stack([POSITIVE, POSITIVE.T]))
    assert_close(found, np.stack([f(POSITIVE), f(POSITIVE.T)]))
    gradient = ft.grad(lambda a: np.sum(f(a) ** 2))
    found = ft.vmap(gradient)(np.stack([POSITIVE, POSITIVE.T]))
    assert_close(found, np.stack([gradient(POSITIVE), gradient(POSITIVE.T)]))


NAMED = ["expm", "logm", "sqrtm", "cosm", "sinm", "coshm", "sinhm", "tanm", "tanhm"]


@pytest.mark.parametrize("name", NAMED)
def test_values_are_those_of_its_name(name):
    for a in (POSITIVE, COMPLEX):
        same_bits(ft.vjp(getattr(linalg, name), a)[0], getattr(scipy.linalg, name)(a))
    if name not in ("logm",):  # SciPy warns that single precision is not double precision
        stays_single(getattr(linalg, name), POSITIVE)


def test_powers():
    same_bits(
        ft.vjp(lambda a: linalg.fractional_matrix_power(a, 0.3), POSITIVE)[0],
        scipy.linalg.fractional_matrix_power(POSITIVE, 0.3),
    )
    for t in (2, -1, 0, 3.0):
        agree("fractional_matrix_power", POSITIVE, t=t)
    with pytest.raises(UncoveredFunctionError, match="logm"):
        ft.grad(lambda t: linalg.fractional_matrix_power(POSITIVE, t)[0, 0])(0.5)


def test_third_order_and_nilpotent_matrices():
    shift = np.diag([1.0, 1.0, 1.0], 1)
    # expm(t n)[0, 3] = t^3 / 6.
    entry = lambda t: linalg.expm(t * shift)[0, 3]  # noqa: E731
    assert_close(ft.grad(ft.grad(ft.grad(entry)))(0.7), np.float64(1.0))
    assert_close(ft.derivative(entry, 2)(0.7), np.float64(0.7))
    # At zero: the third derivative along e is e^3, along e and twice f the mean of the products.
    f = lambda s, t: linalg.expm(s * E + t * F)  # noqa: E731
    found = ft.jvp(
        lambda t: ft.jvp(lambda t: ft.jvp(lambda s: f(s, t), (0.0,), (1.0,))[1], (t,), (1.0,))[1], (0.0,), (1.0,)
    )
    assert_close(found[1], (E @ F @ F + F @ E @ F + F @ F @ E) / 3)


def test_large_directions():
    huge = 1e12 * E
    for name in ("expm", "logm"):
        f = getattr(linalg, name)
        along = lambda e, f=f: ft.jvp(lambda a: ft.jvp(f, (a,), (e,))[1], (POSITIVE,), (F,))[1]  # noqa: E731
        assert_close(along(huge) / 1e12, along(E))


def test_real_matrices_with_complex_values():
    a = np.array([[1.0, 0.3, 0.0], [0.2, -2.0, 0.1], [0.1, 0.0, 3.0]])
    for name in ("sqrtm", "logm"):
        f = getattr(linalg, name)
        same_bits(ft.vjp(f, a)[0], getattr(scipy.linalg, name)(a))
        gradient = ft.grad(lambda a, f=f: np.sum(np.abs(f(a)) ** 2))
        assert_close(gradient(a), np.real(gradient(a + 0j)), precise=1e-11)
        with pytest.raises(np.linalg.LinAlgError, match="astype"):
            ft.evaluate(ft.trace(f)(a), a)


def test_what_is_refused_of_functions():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for f in (linalg.sqrtm, linalg.logm):
            with pytest.raises(UncoveredFunctionError, match="disp"):
                ft.vjp(lambda a, f=f: f(a, disp=False), POSITIVE)
    with pytest.raises(UncoveredFunctionError, match="funm"):
        ft.vjp(lambda a: linalg.funm(a, np.exp), POSITIVE)
    same_bits(linalg.funm(POSITIVE, np.exp), scipy.linalg.funm(POSITIVE, np.exp))
    with pytest.raises(ShapeError):
        ft.trace(linalg.expm)(np.ones(3))


def test_expm_frechet():
    agree("expm_frechet", A, E)
    agree("expm_frechet", AZ, AZ[::-1], method="blockEnlarge", check_finite=False)
    agree("expm_frechet", A, E, compute_expm=False)


# Equations for matrices.


def test_sylvester_and_lyapunov():
    b = drawn(RNG, 2, 2) + 3 * np.eye(2)
    q = drawn(RNG, 3, 2)
    agree("solve_sylvester", POSITIVE, b, q)
    agree("solve_sylvester", COMPLEX, b + 0.2j, q * 1j)
    stays_single(linalg.solve_sylvester, POSITIVE, b, q)
    stack = np.stack([POSITIVE, POSITIVE.T])
    same_bits(ft.vjp(linalg.solve_sylvester, stack, b, q)[0], scipy.linalg.solve_sylvester(stack, b, q))
    agree("solve_continuous_lyapunov", POSITIVE, A)
    agree("solve_continuous_lyapunov", COMPLEX, AZ)
    agree("solve_lyapunov", POSITIVE, A)
    for method in (None, "direct", "bilinear"):
        agree("solve_discrete_lyapunov", 0.2 * A, E, method=method)
        agree("solve_discrete_lyapunov", 0.2 * AZ, AZ[::-1], method=method)


def test_real_matrices_beside_complex_ones():
    """SciPy would take the rotation for a triangular matrix."""
    turn, b = np.array([[0.0, 1.0], [-1.0, 0.2]]), np.array([[0.3, 2.0], [-1.0, 0.5]])
    q = drawn(RNG, 2, 2, kind="c")
    x = ft.jvp(lambda q: linalg.solve_sylvester(turn, b, q), (q,), (q,))[1]
    assert_close(turn @ x + x @ b, q)
    x = ft.jvp(lambda q: linalg.solve_continuous_lyapunov(b, q), (q,), (q,))[1]
    assert_close(b @ x + x @ b.T, q)


def weighted(solver, **keywords):
    """Riccati's solution for weights that are hermitian whatever the arguments are."""

    def f(a, b, q, r, *more):
        q, r = [x + np.conj(x.mT) for x in (q, r)]
        return solver(a, b, q, r, *more, **keywords)

    return f


@pytest.mark.parametrize("name", ["solve_continuous_are", "solve_discrete_are"])
def test_riccati(name):
    b, q, r = drawn(RNG, 3, 2), 0.2 * E @ E.T + np.eye(3), np.array([[1.0, 0.1], [0.2, 0.8]])
    e, s = 0.2 * F + 2 * np.eye(3), 0.1 * drawn(RNG, 3, 2)
    solver, theirs = getattr(linalg, name), getattr(scipy.linalg, name)
    for more in ((), (e,), (e, s)):
        f = weighted(solver)
        same_bits(f(A, b, q, r, *more), weighted(theirs)(A, b, q, r, *more))
        same_value(f, A, b, q, r, *more)
        check_grads(f, (A, b, q, r, *more), order=1 if more else 2, entries=4)
    check_grads(weighted(solver, s=s, balanced=False), (A, b, q, r), order=1)
    check_grads(weighted(solver), (AZ, b + 0.1j, q + 0.1j * A, r), order=1)
    # The scalar equation by hand: 2 a x - x^2 b^2 / r + q = 0.
    if name == "solve_continuous_are":
        one = np.ones((1, 1))
        x = lambda a: solver(a, one, one, one)[0, 0]  # noqa: E731
        gradient = ft.grad(x)(0.5 * one)[0, 0]
        assert_close(gradient, np.float64(1 + 0.5 / np.sqrt(1.25)))
    with pytest.raises(UncoveredFunctionError):
        ft.vjp(lambda r: solver(A, b, q, r), 1.0)


# Special matrices.

X, Y = drawn(RNG, 4), drawn(RNG, 3)
SPECIAL = [
    ("block_diag", (A, Y, X[:, None]), {}),
    ("block_diag", (A,), {}),
    ("toeplitz", (X,), {}),
    ("toeplitz", (X, Y), {}),
    ("toeplitz", (X + 1j * X[::-1],), {}),
    ("circulant", (X,), {}),
    ("hankel", (X,), {}),
    ("hankel", (X, Y), {}),
    ("companion", (X + 2,), {}),
    ("leslie", (X, Y), {}),
    ("fiedler", (X,), {}),
    *[("fiedler_companion", (drawn(RNG, n) + 2,), {}) for n in (2, 3, 4, 5, 6, 7)],
    *[("convolution_matrix", (X, n), {"mode": mode}) for n in (2, 6) for mode in ("full", "same", "valid")],
    ("khatri_rao", (A, E[:2]), {}),
]


@pytest.mark.parametrize(("name", "args", "keywords"), SPECIAL)
def test_special_matrices(name, args, keywords):
    moving = tuple(x for x in args if not isinstance(x, int))
    fixed = args[len(moving) :]

    def f(*moving):
        return getattr(linalg, name)(*moving, *fixed, **keywords)

    same_bits(ft.vjp(f, *moving)[0], getattr(scipy.linalg, name)(*args, **keywords))
    check(f, *moving)
    stays_single(f, *[x.real for x in moving])


def test_stacks_of_special_matrices():
    stack = drawn(RNG, 2, 4) + 3
    for name in ("toeplitz", "circulant", "companion", "fiedler"):
        f = getattr(linalg, name)
        found = ft.vmap(f)(stack)
        same_bits(found, np.stack([getattr(scipy.linalg, name)(row) for row in stack]))
        same_bits(ft.vjp(f, stack)[0], found)
    same_bits(ft.vmap(linalg.hankel)(stack), np.stack([scipy.linalg.hankel(row) for row in stack]))
    found = ft.vmap(lambda a: linalg.convolution_matrix(a, 3))(stack)
    same_bits(found, np.stack([scipy.linalg.convolution_matrix(row, 3) for row in stack]))


def test_small_and_wrong_special_matrices():
    one = np.array([1.5])
    same_bits(ft.vjp(linalg.fiedler, one)[0], scipy.linalg.fiedler(one))
    same_bits(ft.vjp(linalg.fiedler_companion, one)[0], scipy.linalg.fiedler_companion(one))
    for f in (linalg.companion, linalg.fiedler_companion):
        with pytest.raises(ValueError, match="zero"):
            ft.vjp(f, np.array([0.0, 1.0, 2.0]))
    with pytest.raises(UncoveredFunctionError, match="axes"):
        ft.vjp(linalg.hankel, A)
    with pytest.raises(ShapeError):
        ft.vjp(linalg.leslie, X, X)
    with pytest.raises(ValueError, match="columns"):
        ft.vjp(lambda a: linalg.khatri_rao(a, A[:, :2]), A)
    with pytest.raises(ValueError, match="mode"):
        ft.vjp(lambda a: linalg.convolution_matrix(a, 3, mode="half"), X)


PLAIN = {
    "expm_frechet": (A, E),
    "orthogonal_procrustes": (A, E),
    "solve_discrete_lyapunov": (0.2 * A, E),
    "solve_lyapunov": (POSITIVE, E),
}


@pytest.mark.parametrize("name", PLAIN)
def test_plain_arguments_are_scipys_affair(name):
    same_bits(getattr(linalg, name)(*PLAIN[name]), getattr(scipy.linalg, name)(*PLAIN[name]))
