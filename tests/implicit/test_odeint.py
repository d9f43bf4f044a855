"""Differential equations: solutions and derivatives against closed forms, SciPy, and sensitivities."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import scipy.integrate

import functrans as ft
from functrans.errors import ConvergenceError, DerivativeError, ShapeError, TracedBoolError, TracedValueError

close = np.testing.assert_allclose

WAYS = [
    {"gradient": "adjoint"},
    {"gradient": "direct"},
    {"method": "DOP853"},
    {"method": "Radau", "rtol": 1e-9, "atol": 1e-9},
    {"method": "LSODA", "rtol": 1e-11, "atol": 1e-11},
]


@pytest.fixture(params=WAYS, ids=lambda way: "-".join(map(str, way.values())))
def way(request):
    return request.param


# The harmonic oscillator.

T = np.array([0.0, 0.4, 1.1, 2.0])


def oscillator(w, y0, t, **how):
    """At the times: cos(w (t - t0)), for y0 = (1, 0)."""

    def f(y, t):
        return {"x": y["v"], "v": -w * w * y["x"]}

    return ft.odeint(f, {"x": y0[0], "v": y0[1]}, t, **{"rtol": 1e-10, "atol": 1e-10, **how})["x"]


def exact(w, y0, t):
    s = t - t[0]
    return y0[0] * np.cos(w * s) + y0[1] * np.sin(w * s) / w


@pytest.mark.parametrize("t", [T, T[::-1].copy()], ids=["rising", "falling"])
def test_the_oscillator(way, t):
    w, y0, tol = 1.3, np.array([1.0, -0.5]), {"rtol": 3e-7, "atol": 3e-7}
    close(oscillator(w, y0, t, **way), exact(w, y0, t), **tol)
    weights = np.array([0.3, -1.0, 2.0, 0.7])
    mine = lambda w, y0, t: weights @ oscillator(w, y0, t, **way)  # noqa: E731
    theirs = lambda w, y0, t: weights @ exact(w, y0, t)  # noqa: E731
    expected = ft.grad(theirs, (0, 1, 2))(w, y0, t)
    for found in (ft.grad(mine, (0, 1, 2))(w, y0, t), ft.jacfwd(mine, (0, 1, 2))(w, y0, t)):
        for one, other in zip(found, expected, strict=True):
            close(one, other, **tol)


def test_second_derivatives_of_the_oscillator():
    y0 = np.array([1.0, -0.5])
    for how in WAYS[:3]:
        mine = lambda w, t: np.sum(oscillator(w, y0, t, **how))  # noqa: E731
        theirs = lambda w, t: np.sum(exact(w, y0, t))  # noqa: E731
        expected = ft.hessian(theirs, (0, 1))(1.3, T)
        for nested in (ft.hessian(mine, (0, 1)), ft.jacrev(ft.jacfwd(mine, (0, 1)), (0, 1))):
            found = nested(1.3, T)
            for i in range(2):
                for j in range(2):
                    close(found[i][j], expected[i][j], rtol=1e-6, atol=1e-6)
        close(ft.grad(ft.grad(mine))(1.3, T), expected[0][0], rtol=1e-6)
        close(ft.jacfwd(ft.jacfwd(mine))(1.3, T), expected[0][0], rtol=1e-6)
    stiff = lambda w: np.sum(oscillator(w, y0, T, method="Radau", rtol=1e-9, atol=1e-9))  # noqa: E731
    close(ft.jacfwd(ft.jacfwd(stiff))(1.3), expected[0][0], rtol=1e-6)
    with pytest.raises(DerivativeError, match="forward mode twice"):
        ft.grad(ft.grad(stiff))(1.3)


def test_the_derivative_in_the_end_is_the_right_side(way):
    f = lambda y, t: np.sin(t) - y * y  # noqa: E731
    end = lambda t1: ft.odeint(f, 0.3, t1 * np.array([0.0, 1.0]), **way)[-1]  # noqa: E731
    close(ft.grad(end)(1.5), f(end(1.5), 1.5), rtol=1e-6)
    close(ft.jvp(end, (1.5,), (1.0,))[1], f(end(1.5), 1.5), rtol=1e-6)


# Lotka and Volterra.

P = np.array([1.5, 1.0, 3.0, 1.0])
Y0 = np.array([1.0, 0.5])
TIMES = np.linspace(0, 3, 5)


def growth(y, t, p):
    return np.stack([p[0] * y[0] - p[1] * y[0] * y[1], -p[2] * y[1] + p[3] * y[0] * y[1]])


def lotka_volterra(p, y0, **how):
    return np.sum(ft.odeint(growth, y0, TIMES, p, **{"rtol": 1e-9, "atol": 1e-9, **how}) ** 2)


def by_complex_steps(p, y0):
    """The gradient, by an independent integration with complex numbers."""

    def loss(p, y0):
        f = lambda t, y: np.array([p[0] * y[0] - p[1] * y[0] * y[1], -p[2] * y[1] + p[3] * y[0] * y[1]])  # noqa: E731
        found = scipy.integrate.solve_ivp(f, (0, 3), y0 + 0j, "DOP853", TIMES, rtol=1e-12, atol=1e-13)
        return np.sum(found.y**2)

    h = 1e-30
    of_p = [loss(p + 1j * h * e, y0).imag / h for e in np.eye(4)]
    return np.array(of_p), np.array([loss(p, y0 + 1j * h * e).imag / h for e in np.eye(2)])


def test_lotka_volterra(way):
    for mine, other in zip(
        ft.grad(lambda p, y0: lotka_volterra(p, y0, **way), (0, 1))(P, Y0), by_complex_steps(P, Y0), strict=True
    ):
        close(mine, other, rtol=2e-6)


def test_values_are_scipys():
    for method in ("RK45", "DOP853", "RK23", "BDF", "Radau", "LSODA"):
        found = ft.odeint(growth, Y0, TIMES, P, rtol=1e-6, atol=1e-6, method=method)
        theirs = scipy.integrate.solve_ivp(
            lambda t, y: growth(y, t, P), (0, 3), Y0, method, TIMES, rtol=1e-6, atol=1e-6
        ).y.T
        if method in ("RK45", "DOP853", "RK23"):
            assert np.array_equal(found, theirs)
        else:  # with an exact Jacobian
            close(found, theirs, rtol=1e-3)
    close(
        ft.odeint(growth, Y0, TIMES, P, gradient="direct"), ft.odeint(growth, Y0, TIMES, P, method="DOP853"), rtol=1e-6
    )


@pytest.mark.parametrize("gradient", ["adjoint", "direct"])
def test_batches_programs_and_what_is_closed_over(gradient):
    how = {"gradient": gradient}
    ps = P * np.array([[1.0], [1.1], [0.9]])
    f = lambda p: lotka_volterra(p, Y0, **how)  # noqa: E731
    close(ft.vmap(f)(ps), [f(p) for p in ps], rtol=1e-6)
    close(ft.vmap(ft.grad(f))(ps), [ft.grad(f)(p) for p in ps], rtol=1e-6)
    over = lambda p: np.sum(  # noqa: E731
        ft.odeint(lambda y, t: growth(y, t, p), Y0, TIMES, rtol=1e-9, atol=1e-9, **how) ** 2
    )
    close(ft.grad(over)(P), ft.grad(f)(P), rtol=1e-6)
    program = ft.trace(ft.grad(f))(P)
    close(ft.evaluate(program, 1.1 * P), ft.grad(f)(1.1 * P), rtol=1e-6)
    program = ft.trace(f)(P)
    close(ft.grad(lambda p: ft.evaluate(program, p))(1.1 * P), ft.grad(f)(1.1 * P), rtol=1e-6)
    _, push = ft.linearize(f, P)
    close(push(ps[1]), ft.grad(f)(P) @ ps[1], rtol=1e-6)
    close(ft.linear_transpose(push, P)(1.0)[0], ft.grad(f)(P), rtol=1e-6)
    jacobian = ft.jacobian(lambda p: ft.odeint(growth, Y0, TIMES, p, **how))(P)
    close(jacobian, ft.jacrev(lambda p: ft.odeint(growth, Y0, TIMES, p, **how))(P), rtol=1e-5, atol=1e-6)
    v = np.array([1.0, -1.0, 0.5, 2.0])
    close(ft.jvp(ft.grad(f), (P,), (v,))[1], ft.hvp(f)(P, v), rtol=1e-5)


def test_printed_programs_integrate():
    program = ft.trace(lambda p: ft.odeint(growth, Y0, TIMES, p))(P)
    namespace = {}
    exec(program.to_source(), namespace)
    assert np.array_equal(namespace[program.name](P), ft.evaluate(program, P))
    both = lambda p, t: np.sum(np.real(ft.odeint(lambda y, t: 1j * p * y * t, np.ones(2) + 0j, t)))  # noqa: E731
    for f, args in (
        (lambda p, t: np.sum(ft.odeint(growth, Y0, t, p) ** 2), (P, TIMES)),
        (both, (1.3, TIMES[::-1].copy())),
    ):
        program = ft.trace(ft.grad(f, (0, 1)))(*args)
        namespace = {}
        exec(program.to_source(), namespace)
        for one, other in zip(namespace[program.name](*args), ft.evaluate(program, *args), strict=True):
            close(one, other, rtol=1e-12)
        for one, other in zip(ft.grad(f, (0, 1))(*args), ft.evaluate(program, *args), strict=True):
            close(one, other, rtol=1e-12)
    program = ft.trace(ft.grad(lambda p: lotka_volterra(p, Y0, gradient="direct")))(P)
    namespace = {}
    exec(program.to_source(), namespace)
    assert np.array_equal(namespace[program.name](P), ft.evaluate(program, P))


def test_programs_are_pickled():
    program = ft.trace(ft.grad(lambda p: lotka_volterra(p, Y0)))(P)
    code = "import pickle, sys, numpy as np, functrans as ft; "
    code += "program, p = pickle.load(sys.stdin.buffer); print(ft.evaluate(program, p).tobytes().hex())"
    given = pickle.dumps((program, P))
    found = subprocess.run([sys.executable, "-c", code], input=given, capture_output=True, check=True).stdout.strip()
    assert found.decode() == ft.evaluate(program, P).tobytes().hex()


# Stiff equations.


def robertson(y, t, k):
    a = k[0] * y[0]
    b = k[1] * y[1] * y[2]
    c = k[2] * y[1] * y[1]
    return np.stack([-a + b, a - b - c, c])


K = np.array([0.04, 1e4, 3e7])


@pytest.mark.parametrize("method", ["Radau", "BDF", "LSODA"])
def test_a_stiff_equation_has_the_gradient_of_its_sensitivities(method):
    start, t = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 40.0])

    def sensitivities(t, z):  # y, and dy/dk by columns, written by hand
        y, s = z[:3], z[3:].reshape(3, 3)
        jac = np.array(
            [
                [-K[0], K[1] * y[2], K[1] * y[1]],
                [K[0], -K[1] * y[2] - 2 * K[2] * y[1], -K[1] * y[1]],
                [0, 2 * K[2] * y[1], 0],
            ]
        )
        of_k = np.array([[-y[0], y[1] * y[2], 0], [y[0], -y[1] * y[2], -(y[1] ** 2)], [0, 0, y[1] ** 2]])
        return np.concatenate([robertson(y, t, K), (jac @ s + of_k).ravel()])

    z = scipy.integrate.solve_ivp(
        sensitivities, (0, 40), np.append(start, np.zeros(9)), "Radau", t, rtol=1e-9, atol=1e-14
    ).y.T
    weights = np.array([1.0, 1e4, 0.5])
    expected = np.einsum("i,tij->j", weights, z[:, 3:].reshape(-1, 3, 3))

    def f(k):
        return np.sum(ft.odeint(robertson, start, t, k, method=method, rtol=1e-8, atol=1e-13) @ weights)

    close(f(K), np.sum(z[:, :3] @ weights), rtol=1e-6)
    close(ft.grad(f)(K) * K, expected * K, rtol=2e-4, atol=1e-6)


def test_van_der_pol_with_a_large_constant():
    def f(mu, **how):
        rhs = lambda y, t: np.stack([y[1], mu * (1 - y[0] ** 2) * y[1] - y[0]])  # noqa: E731
        return ft.odeint(rhs, np.array([2.0, 0.0]), np.array([0.0, 300.0]), **{"rtol": 1e-9, "atol": 1e-9, **how})[
            -1, 0
        ]

    gradient = ft.grad(lambda mu: f(mu, method="Radau"))(1000.0)
    h = 1.0
    close(gradient, (f(1000.0 + h, method="Radau") - f(1000.0 - h, method="Radau")) / (2 * h), rtol=1e-4)


# What else.


def test_trees_complex_numbers_and_precision():
    f = lambda z, t, w: 1j * w * z  # noqa: E731
    end = lambda w, way: ft.odeint(f, 1.0 + 0j, np.array([0.0, 2.0]), w, **way)[-1]  # noqa: E731
    for how in WAYS[:3]:
        close(end(1.3, how), np.exp(2.6j), rtol=1e-6)
        close(ft.grad(lambda w: np.real(end(w, how)))(1.3), -2 * np.sin(2.6), rtol=1e-6)
        close(ft.grad(lambda w: np.imag(end(w, how)))(1.3), 2 * np.cos(2.6), rtol=1e-6)
        single = ft.odeint(lambda y, t: -y, np.float32(1.0), np.array([0.0, 1.0]), **{**how, "rtol": 1e-5})
        assert single.dtype == np.float32
        grad = ft.grad(lambda y: ft.odeint(lambda y, t: -y, y, np.array([0.0, 1.0]), **{**how, "rtol": 1e-5})[-1])
        assert grad(np.float32(1.0)).dtype == np.float32
        close(grad(np.float32(1.0)), np.exp(-1), rtol=1e-4)


def test_few_times():
    for how in WAYS[:2]:
        f = lambda y0: ft.odeint(lambda y, t: -y, y0, np.array([1.0]), **how)[0]  # noqa: E731
        assert f(2.0) == 2.0
        assert ft.grad(f)(2.0) == 1.0
        twice = lambda y0: np.sum(ft.odeint(lambda y, t: -y, y0, np.array([0.0, 0.0, 1.0, 1.0]), **how))  # noqa: E731
        close(ft.grad(twice)(2.0), 2 + 2 * np.exp(-1), rtol=1e-6)
        assert ft.odeint(lambda y, t: -y, np.zeros(0), TIMES, **how).shape == (5, 0)


def test_mistakes_are_explained():
    with pytest.raises(ShapeError, match="neither rise nor fall"):
        ft.odeint(lambda y, t: y, 1.0, np.array([0.0, 2.0, 1.0]))
    with pytest.raises(ShapeError, match="array of times"):
        ft.odeint(lambda y, t: y, 1.0, 2.0)
    with pytest.raises(ShapeError):
        ft.odeint(lambda y, t: y[:1], np.ones(2), TIMES)
    with pytest.raises(ValueError, match="method='Euler'"):
        ft.odeint(lambda y, t: y, 1.0, TIMES, method="Euler")
    with pytest.raises(ValueError, match="gradient='no'"):
        ft.odeint(lambda y, t: y, 1.0, TIMES, gradient="no")
    with pytest.raises(ValueError, match="direct"):
        ft.odeint(lambda y, t: y, 1.0, TIMES, gradient="direct", method="Radau")
    branching = lambda y, t: -y if y > 0 else 0 * y  # noqa: E731
    close(ft.odeint(branching, 1.0, TIMES), np.exp(-TIMES), rtol=1e-6)
    with pytest.raises(TracedBoolError):
        ft.grad(lambda y0: ft.odeint(branching, y0, TIMES)[-1])(1.0)
    with pytest.raises(TracedValueError, match="depends on a traced value"):
        ft.grad(lambda k: ft.odeint(lambda y, t: -k * y if y > 0 else 0 * y, 1.0, TIMES)[-1])(1.0)
    for how in WAYS[:2]:
        with pytest.raises(ConvergenceError, match="`odeint`") as caught:
            ft.odeint(lambda y, t: y * y, 1.0, np.array([0.0, 2.0]), **how, max_steps=2000)
        assert caught.value.iterations > 0
        with pytest.raises(ConvergenceError):
            ft.odeint(lambda y, t: np.cos(50 * t) * y, 1.0, np.array([0.0, 9.0]), **how, max_steps=5)
        program = ft.trace(lambda y0: ft.odeint(lambda y, t: y * y, y0, np.array([0.0, 2.0]), **how, max_steps=500))(
            1.0
        )
        close(ft.evaluate(program, -1.0)[-1], -1 / 3, rtol=1e-6)
        with pytest.raises(ConvergenceError):
            ft.evaluate(program, 1.0)
