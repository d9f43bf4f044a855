"""Every transform inside of every other, three deep, over functions that close over outer traced values."""

from __future__ import annotations

import itertools

import mpmath as mp
import numpy as np
import pytest

import functrans as ft

# Each takes a function of one number to its derivative there, or to the function itself.
FIRST = {
    "grad": lambda f: ft.grad(f),
    "value_and_grad": lambda f: lambda x: ft.value_and_grad(f)(x)[1],
    "jvp": lambda f: lambda x: ft.jvp(f, (x,), (1.0,))[1],
    "vjp": lambda f: lambda x: ft.vjp(f, x)[1](1.0)[0],
    "linearize": lambda f: lambda x: ft.linearize(f, x)[1](1.0),
    "linear_transpose": lambda f: lambda x: ft.linear_transpose(ft.linearize(f, x)[1], 1.0)(1.0)[0],
    "jacobian": lambda f: ft.jacobian(f),
    "jacfwd": lambda f: ft.jacfwd(f),
    "jacrev": lambda f: ft.jacrev(f),
    "derivative": lambda f: ft.derivative(f),
    "elementwise_grad": lambda f: ft.elementwise_grad(f),
    "value_grad_and_hessian": lambda f: lambda x: ft.value_grad_and_hessian(f)(x)[1],
}
SECOND = {
    "hessian": lambda f: ft.hessian(f),
    "hvp": lambda f: lambda x: ft.hvp(f)(x, 1.0),
    "vhp": lambda f: lambda x: ft.vhp(f)(x, 1.0),
    "derivative2": lambda f: ft.derivative(f, 2),
}
SAME = {
    "vmap": lambda f: lambda x: ft.vmap(f)(np.ones(2) * x)[1],
    "vmap_none": lambda f: lambda x: ft.vmap(lambda _, x: f(x), (0, None))(np.ones(2), x)[1],
    "map": lambda f: lambda x: ft.map(f, np.ones(2) * x)[1],
    "trace": lambda f: lambda x: ft.evaluate(ft.trace(f)(x), x),
    "jit": lambda f: ft.jit(f),
}
TRANSFORMS = {**FIRST, **SECOND, **SAME}
ORDER = {**dict.fromkeys(FIRST, 1), **dict.fromkeys(SECOND, 2), **dict.fromkeys(SAME, 0)}
X = 0.7


def expected(f, order):
    with mp.workdps(40):
        return float(mp.diff(f, mp.mpf(X), order) if order else f(mp.mpf(X)))


def smooth(x):
    return np.sin(x) * np.exp(x * x) / (1.0 + x * x)


def smooth_mp(x):
    return mp.sin(x) * mp.exp(x * x) / (1 + x * x)


EXPECTED = [expected(smooth_mp, order) for order in range(7)]


@pytest.mark.parametrize("names", [*itertools.product(TRANSFORMS, repeat=1), *itertools.product(TRANSFORMS, repeat=2)])
def test_pairs(names):
    check(names)


# One of each kind: the others differ from these in how they are called.
KINDS = [
    "grad",
    "jvp",
    "vjp",
    "linearize",
    "jacobian",
    "jacrev",
    "derivative",
    "hessian",
    "hvp",
    "vmap",
    "trace",
    "jit",
]


@pytest.mark.parametrize("outermost", KINDS)
def test_triples(outermost):
    for names in itertools.product([outermost], KINDS, KINDS):
        check(names)


def check(names):
    f = smooth
    for name in reversed(names):
        f = TRANSFORMS[name](f)
    order = sum(ORDER[name] for name in names)
    found = f(np.float64(X))
    assert np.shape(found) == ()
    assert float(found) == pytest.approx(EXPECTED[order], rel=1e-11), names


@pytest.mark.parametrize("inner", FIRST)
@pytest.mark.parametrize("outer", FIRST)
def test_inner_functions_close_over_outer_values(outer, inner):
    """d/dx (x * d/dy (x y^2) at y = x) = d/dx 2 x^3 = 6 x^2; confusing the two gives something else."""

    def f(x):
        return x * FIRST[inner](lambda y: x * y * y)(x)

    assert float(FIRST[outer](f)(np.float64(X))) == pytest.approx(6 * X**2, rel=1e-13)


@pytest.mark.parametrize("inner", FIRST)
@pytest.mark.parametrize("outer", FIRST)
def test_perturbations_are_not_confused(outer, inner):
    """d/dx (x * d/dy (x + y)) = 1, where a library that confuses them says 2."""
    f = lambda x: x * FIRST[inner](lambda y: x + y)(1.0)  # noqa: E731
    assert float(FIRST[outer](f)(5.0)) == 1.0


@pytest.mark.parametrize("middle", SAME)
@pytest.mark.parametrize("inner", FIRST)
@pytest.mark.parametrize("outer", FIRST)
def test_three_deep_over_closures(outer, middle, inner):
    """d/dx of g(x) = d/dy (x^2 y^3) at y = x: 3 x^4, so 12 x^3."""

    def f(x):
        return SAME[middle](lambda z: FIRST[inner](lambda y: x * x * y * y * y)(z))(x)

    assert float(FIRST[outer](f)(np.float64(X))) == pytest.approx(12 * X**3, rel=1e-12)


def test_batches_inside_of_batches():
    x, y, z = np.arange(2.0) + 1, np.arange(3.0) + 2, np.arange(4.0) + 3
    found = ft.vmap(lambda a: ft.vmap(lambda b: ft.vmap(lambda c: a * b + c * a)(z))(y))(x)
    np.testing.assert_array_equal(found, x[:, None, None] * y[:, None] + z * x[:, None, None])


def test_gradients_inside_of_batches_inside_of_gradients():
    xs = np.linspace(0.1, 1.0, 4)
    inner = lambda a: np.sum(ft.vmap(ft.grad(lambda x: np.sin(a * x)))(xs))  # noqa: E731
    # d/da of sum a cos(a x) = sum cos(a x) - a x sin(a x)
    assert ft.grad(inner)(0.9) == pytest.approx(np.sum(np.cos(0.9 * xs) - 0.9 * xs * np.sin(0.9 * xs)), rel=1e-14)


def test_hessian_of_a_batch_of_gradients():
    w = np.array([0.3, -0.7])
    xs = np.array([[1.0, 2.0], [0.5, -1.0], [2.0, 0.1]])
    f = lambda w: np.sum(ft.vmap(lambda x: np.tanh(x @ w))(xs))  # noqa: E731
    t = np.tanh(xs @ w)
    expected = np.einsum("n,ni,nj->ij", -2 * t * (1 - t**2), xs, xs)
    np.testing.assert_allclose(ft.hessian(f)(w), expected, rtol=1e-13)
    np.testing.assert_allclose(ft.jacobian(ft.jacrev(f))(w), expected, rtol=1e-13)
    np.testing.assert_allclose(ft.jacrev(ft.jacfwd(f))(w), expected, rtol=1e-13)
