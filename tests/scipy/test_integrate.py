"""functrans.scipy.integrate."""

import numpy as np
import pytest
import scipy.integrate

import functrans as ft
import functrans.scipy.integrate as integrate
from functrans.errors import ConvergenceError, ShapeError, TracedValueError, UncoveredFunctionError
from functrans.testing import check_grads
from functrans.testing.compare import assert_close
from tests.ops.agreement import check, drawn, same_bits, same_value, stays_single
from tests.scipy.test_signal import batched

RNG = np.random.default_rng(8)


def like_scipy(name, y, **keywords):
    def f(y):
        return getattr(integrate, name)(y, **keywords)

    same_bits(ft.vjp(f, y)[0], getattr(scipy.integrate, name)(y, **keywords))
    same_value(f, y)


@pytest.mark.parametrize("name", ["trapezoid", "simpson", "cumulative_trapezoid", "cumulative_simpson"])
@pytest.mark.parametrize("n", [2, 3, 4, 5, 6])
def test_samples(name, n):
    f = getattr(integrate, name)
    y, x = drawn(RNG, 2, n), np.cumsum(0.5 + RNG.random(n))
    for keywords in ({}, {"dx": 0.5}, {"x": x}, {"x": np.stack([x, 2 * x])}):
        like_scipy(name, y, **keywords)
        check(lambda y: f(y, **keywords), y)
    like_scipy(name, y.T, x=x, axis=0)
    like_scipy(name, y.astype(np.float32), dx=0.5)
    like_scipy(name, y.astype(np.float32), x=x.astype(np.float32))
    check(lambda y, x: f(y, x=x), y, x)
    check(lambda y, x: f(y, x=x, axis=0), y.T, np.stack([x, 2 * x], 1))
    check(lambda y, h: f(y, dx=h), y, np.array(0.3))
    check(lambda y: f(y, x=x), drawn(RNG, 2, n, kind="c"))
    batched(lambda y, x: f(y, x=x), y, x)
    stays_single(lambda y: f(y, dx=0.5), y)
    if name.startswith("cumulative"):
        like_scipy(name, y, x=x, initial=0)
        check(lambda y: f(y, initial=0), y)


def test_initial_values():
    y = drawn(RNG, 2, 5)
    like_scipy("cumulative_simpson", y, initial=1.5)
    check(lambda y, i: integrate.cumulative_simpson(y, initial=i), y, drawn(RNG, 2, 1))
    with pytest.raises(ValueError):
        ft.vjp(lambda y: integrate.cumulative_trapezoid(y, initial=1), y)
    with pytest.raises(ValueError):
        ft.vjp(lambda y: integrate.simpson(y, x=np.arange(4.0)), y)


@pytest.mark.parametrize("n", [2, 3, 5, 9])
def test_romb(n):
    y = drawn(RNG, 2, n)
    like_scipy("romb", y)
    like_scipy("romb", y.T, dx=0.5, axis=0)
    check(lambda y, h: integrate.romb(y, h), y, np.array(0.5))
    with pytest.raises(ValueError):
        ft.vjp(integrate.romb, drawn(RNG, 4))


def test_fixed_quad():
    f = lambda a, b, c: integrate.fixed_quad(lambda x, c: np.sin(c * x), a, b, (c,), 8)[0]  # noqa: E731
    same_bits(
        ft.vjp(f, 0.2, 1.3, 0.7)[0], scipy.integrate.fixed_quad(lambda x, c: np.sin(c * x), 0.2, 1.3, (0.7,), 8)[0]
    )
    check_grads(f, (0.2, 1.3, 0.7), order=2)


def test_under_the_integral_sign():
    """The integral of exp(-a x) from 0 to b is (1 - exp(-a b)) / a."""
    f = lambda a, b: integrate.quad(lambda x: np.exp(-a * x), 0.0, b)[0]  # noqa: E731
    exact = lambda a, b: (1 - np.exp(-a * b)) / a  # noqa: E731
    same_bits(ft.vjp(f, 1.3, 0.9)[0], scipy.integrate.quad(lambda x: np.exp(-1.3 * x), 0.0, 0.9)[0])
    for argnums in (0, 1):
        assert_close(ft.grad(f, argnums)(1.3, 0.9), ft.grad(exact, argnums)(1.3, 0.9), precise=1e-13)
        for second in (0, 1):
            found = ft.grad(ft.grad(f, argnums), second)(1.3, 0.9)
            assert_close(found, ft.grad(ft.grad(exact, argnums), second)(1.3, 0.9), precise=1e-12)
    assert_close(ft.jvp(lambda a: f(a, 0.9), (1.3,), (1.0,))[1], ft.grad(exact)(1.3, 0.9), precise=1e-13)


@pytest.mark.parametrize(
    ("low", "high", "exact"),
    [
        (0.0, np.inf, lambda a: -0.25 * np.sqrt(np.pi) * a**-1.5),
        (-np.inf, 0.0, lambda a: -0.25 * np.sqrt(np.pi) * a**-1.5),
        (-np.inf, np.inf, lambda a: -0.5 * np.sqrt(np.pi) * a**-1.5),
        (np.inf, -np.inf, lambda a: 0.5 * np.sqrt(np.pi) * a**-1.5),
    ],
)
def test_infinite_ranges(low, high, exact):
    f = lambda a: integrate.quad(lambda x: np.exp(-a * x * x), low, high)[0]  # noqa: E731
    assert_close(ft.grad(f)(1.7), exact(1.7), precise=1e-8)


def test_limits():
    g = lambda a, b: integrate.quad(np.cos, a, b)[0]  # noqa: E731
    for a, b in ((0.2, 1.5), (1.5, 0.2), (0.4, 0.4)):
        assert_close(np.array(ft.grad(g, (0, 1))(a, b)), np.array([-np.cos(a), np.cos(b)]), precise=1e-13)
    half = lambda a: integrate.quad(lambda x: np.exp(-x), a, np.inf)[0]  # noqa: E731
    assert_close(ft.grad(half)(0.5), -np.exp(-0.5), precise=1e-9)
    kinked = lambda a: integrate.quad(lambda x, a: np.abs(x - 0.3) * a, -1, 1, (a,), points=[0.3])[0]  # noqa: E731
    assert_close(ft.grad(kinked)(2.0), 0.5 * (1.3**2 + 0.7**2), precise=1e-12)


def test_plain_calls_are_scipys():
    expected = scipy.integrate.quad(np.cos, 0, 1)
    same_bits(integrate.quad(np.cos, 0, 1), expected)
    same_bits(integrate.quad(np.cos, 0, 1, full_output=1)[:2], expected)
    assert len(ft.vjp(lambda a: integrate.quad(np.cos, 0, a, full_output=1)[:2], 1.0)[0]) == 2
    with pytest.raises(TracedValueError, match="QUADPACK"):
        ft.trace(lambda a: integrate.quad(lambda x: a * x, 0, 1)[0])(1.0)
    with pytest.raises(UncoveredFunctionError, match="weight"):
        ft.vjp(lambda a: integrate.quad(lambda x: a * x, 0, 1, weight="cos", wvar=2.0)[0], 1.0)


# Differential equations.

TIMES = np.array([0.0, 0.4, 0.4, 1.5])
START = np.array([1.0, 0.5])


def pendulum(y, t, friction, pull=1.0):
    return [y[1], -friction * y[1] - pull * np.sin(y[0]) + np.cos(t)]


def close(a, b, rtol=1e-6):
    np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)


def test_odeint_is_scipys():
    for keywords in ({}, {"rtol": 1e-6, "atol": [1e-7, 1e-8]}, {"full_output": 1}, {"hmax": 0.1, "tcrit": [0.2]}):
        same_bits(
            integrate.odeint(pendulum, START, TIMES, (0.3,), **keywords),
            scipy.integrate.odeint(pendulum, START, TIMES, (0.3,), **keywords),
        )
    expected = scipy.integrate.odeint(pendulum, START, TIMES, (0.3,))
    close(ft.vjp(lambda y: integrate.odeint(pendulum, y, TIMES, (0.3,)), START)[0], expected)
    close(ft.vjp(lambda c: integrate.odeint(pendulum, [1, 0.5], list(TIMES), (c, 1.0)), 0.3)[0], expected)
    close(ft.vjp(lambda c: integrate.odeint(lambda y, t: pendulum(y, t, c), START, TIMES), 0.3)[0], expected)
    turned = lambda t, y, c: np.stack(pendulum(y, t, c))  # noqa: E731
    close(ft.vjp(lambda c: integrate.odeint(turned, START, TIMES, (c,), tfirst=True), 0.3)[0], expected)
    with pytest.raises(ValueError, match="monotonic"):
        integrate.odeint(pendulum, START, [0.0, 2.0, 1.0], (0.3,))


def test_odeint_has_the_derivatives_of_the_solution():
    exact = lambda rate, start, t: np.stack([start * np.exp(-rate * t), 0 * t])  # noqa: E731

    def solution(rate, start, t):
        return integrate.odeint(lambda y, t: [-rate * y[0], 0], [start, 0.0], t, rtol=1e-9, atol=1e-9).T

    point, w = (0.7, 1.3, np.array([0.2, 0.9, 2.0])), np.array([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])
    fallen = lambda rate, start, t: exact(rate, start, t - t[0])  # noqa: E731
    for found, expected in zip(ft.vjp(solution, *point)[1](w), ft.vjp(fallen, *point)[1](w), strict=True):
        close(found, expected)
    v = (0.4, -0.3, np.array([0.1, 0.5, -0.2]))
    close(ft.jvp(solution, point, v)[1], ft.jvp(fallen, point, v)[1])
    twice = lambda f: ft.jvp(lambda r: ft.jvp(lambda r: f(r, *point[1:]), (r,), (1.0,))[1], (0.7,), (1.0,))[1]  # noqa: E731
    close(twice(solution), twice(fallen), rtol=1e-5)
    slope = lambda rate: integrate.odeint(lambda y, t, r: -r * y, 1.3, [0.0, 2.0], args=(rate,))[-1]  # noqa: E731
    rates = np.array([0.2, 0.7])
    close(ft.vmap(slope)(rates), 1.3 * np.exp(-2 * rates)[:, None])
    close(ft.evaluate(ft.trace(slope)(0.7), 0.7), 1.3 * np.exp([-1.4]))


def test_what_odeint_does_not_take_when_traced():
    def traced(start=START, slope=pendulum, **keywords):
        return ft.vjp(lambda c: integrate.odeint(slope, start, TIMES, (c,), **keywords), 0.3)

    for keywords in (
        {"full_output": 1},
        {"tcrit": [0.5]},
        {"h0": 0.1},
        {"hmax": 0.1},
        {"hmin": 0.1},
        {"mxordn": 5},
        {"mxords": 2},
        {"atol": [1e-8, 1e-8]},
    ):
        with pytest.raises(UncoveredFunctionError, match=next(iter(keywords))):
            traced(**keywords)
    with pytest.raises(UncoveredFunctionError, match=r"complex[\s\S]*functrans\.odeint"):
        traced(slope=lambda y, t, c: 1j * c * y)
    with pytest.raises(ShapeError, match="returned 3 numbers, y0 has 2"):
        traced(slope=lambda y, t, c: [c, c, c])
    with pytest.raises(ShapeError, match="vector"):
        traced(START[:, None])
    with pytest.raises(ConvergenceError, match="max_steps"):
        traced(mxstep=1)
    ignored = traced(Dfun=lambda y, t, c: np.eye(2), col_deriv=1, ml=1, mu=1, ixpr=1, mxhnil=1, printmessg=1)[0]
    close(ignored, traced()[0])
