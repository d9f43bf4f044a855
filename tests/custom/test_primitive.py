"""Users' functions as primitives."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
import scipy.linalg

import functrans as ft
from functrans.custom.primitive import primitive
from functrans.errors import DerivativeError, MissingRuleError
from functrans.primitives import forget, primitives
from functrans.testing import check_grads
from functrans.testing.compare import leaves

A = np.array([[2.0, 0.3], [0.1, 3.0]])
X = np.array([0.3, 0.7])


@primitive(derivatives=[lambda out, x: 2 / np.sqrt(np.pi) * np.exp(-x * x)])
def erf(x):
    return np.vectorize(math.erf)(x)


@primitive(
    vjp=lambda ct, out, a, b: (-np.outer(np.linalg.solve(a.T, ct), out), np.linalg.solve(a.T, ct)), spec=lambda a, b: b
)
def solve(a, b):
    return scipy.linalg.solve(a, b)


@primitive(jvp=lambda tangents, out, x: (tangents[0] * out[1], -tangents[0] * out[0]), batch="vectorized")
def sine_and_cosine(x):
    return np.sin(x), np.cos(x)


@primitive(derivatives="numerical")
def stretched(x, by, power=2):
    return np.sort(np.linalg.svd(x)[1]) ** power * by


@primitive(
    jvp=lambda t, out, x, y: t[0] * y + x * t[1], vjp=lambda ct, out, x, y: (ct * y, ct * x), batch="elementwise"
)
def product(x, y):
    return x * y


@pytest.fixture(autouse=True)
def _forgotten():
    """What a test declares ends with it."""
    before = set(primitives())
    yield
    for made in set(primitives()) - before:
        forget(made)


CALLS = {
    "derivatives": (lambda x: np.sum(erf(x) ** 2), (X,)),
    "vjp": (lambda a, b: np.sum(solve(a, b) ** 3), (A, X)),
    "jvp": (lambda x: np.sum(sine_and_cosine(x)[0] * sine_and_cosine(x)[1] ** 2), (X,)),
    "both": (lambda x, y: np.sum(product(x, y) ** 2), (X, np.array([2.0, -1.0]))),
}


@pytest.mark.parametrize(("f", "args"), CALLS.values(), ids=CALLS)
def test_derivatives(f, args):
    check_grads(f, args, order=2)
    many = ft.tree.map(lambda x: np.stack([x, x + 0.1]), args)
    n = tuple(range(len(args)))
    found = ft.vmap(ft.grad(f, n))(*many)
    for i in (0, 1):
        expected = ft.grad(f, n)(*[arg[i] for arg in many])
        for a, b in zip(leaves(found), leaves(expected), strict=True):
            np.testing.assert_allclose(a[i], b, rtol=1e-12)


@pytest.mark.parametrize(("f", "args"), CALLS.values(), ids=CALLS)
def test_programs(f, args):
    program = ft.trace(ft.grad(f))(*args)
    program.validate()
    np.testing.assert_allclose(ft.evaluate(program, *args), ft.grad(f)(*args), rtol=1e-13)


def test_programs_import_where_it_is_defined():
    program = ft.trace(lambda x: erf(x) + sine_and_cosine(x)[0])(X)
    text = program.to_source()
    assert f"import {__name__}\n" in text
    assert f"{__name__}.erf(x)" in text
    assert pickle.loads(pickle.dumps(program)) == program


def test_numerical():
    f = lambda x, by: np.sum(stretched(x, by, power=3))  # noqa: E731
    g = lambda x, by: np.sum(np.linalg.svd(x, compute_uv=False) ** 3 * by)  # noqa: E731
    for a, b in zip(ft.grad(f, (0, 1))(A, 1.5), ft.grad(g, (0, 1))(A, 1.5), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)
    np.testing.assert_allclose(ft.jvp(f, (A, 1.5), (A, 1.0))[1], ft.jvp(g, (A, 1.5), (A, 1.0))[1], rtol=1e-10)
    np.testing.assert_allclose(ft.hessian(f)(A, 1.5), ft.hessian(g)(A, 1.5), rtol=1e-5, atol=1e-5)
    single = ft.grad(f)(A.astype(np.float32), 1.5)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, ft.grad(g)(A, 1.5), rtol=1e-3)


def test_plain_arguments_are_the_functions_own():
    assert erf(0.5) == math.erf(0.5)
    assert solve.__name__ == "solve"


def test_one_result_and_several():
    one = primitive(lambda x: (2 * x,), jvp=lambda t, out, x: (2 * t[0],))
    assert ft.grad(lambda x: one(x)[0])(1.0) == 2.0
    assert ft.evaluate(ft.trace(lambda x: one(x)[0] * 3)(1.0), 1.0) == 6.0


def test_spec_that_is_given():
    chol = primitive(np.linalg.cholesky, spec=lambda x: x, name="cholesky_of_mine")
    assert ft.trace(chol)(A).outputs[0].spec == ft.ArraySpec((2, 2), float)
    guessed = primitive(lambda x: np.linalg.cholesky(x - np.eye(2) * 9), name="cholesky_of_mine")
    with pytest.raises(DerivativeError, match=r"called with arrays of 0\.5(.|\n)*spec="):
        ft.trace(guessed)(A)


def test_mistakes():
    bare = primitive(lambda x: x * 2)
    assert ft.vmap(bare)(X).tolist() == [0.6, 1.4]
    with pytest.raises(MissingRuleError):
        ft.grad(bare)(1.0)
    with pytest.raises(DerivativeError, match='derivatives="numerical"'):
        primitive(np.sin, derivatives="automatic")
    with pytest.raises(DerivativeError, match="give rules"):
        primitive(np.sin, jvp=lambda t, out, x: t[0], derivatives="numerical")
    with pytest.raises(ValueError, match="batch='rows'"):
        primitive(np.sin, batch="rows")
    few = primitive(lambda x, y: x * y, vjp=lambda ct, out, x, y: (ct,))
    with pytest.raises(DerivativeError, match="1 cotangents for 2 arguments"):
        ft.grad(few)(1.0, 2.0)
    many = primitive(lambda x: x, jvp=lambda t, out, x: (t[0], t[0]))
    with pytest.raises(DerivativeError, match="2 tangents for 1 results"):
        ft.grad(many)(1.0)
    of_complex = primitive(lambda z: np.real(z), derivatives="numerical")
    with pytest.raises(DerivativeError, match="complex argument"):
        ft.grad(of_complex)(1j)


def test_two_of_one_name_are_two():
    def scaled(by):
        return primitive(lambda x: by * x, vjp=lambda ct, out, x: (by * ct,))

    first, second = scaled(2.0), scaled(3.0)
    one, other = ft.trace(first)(1.0), ft.trace(second)(1.0)
    assert one != other
    assert (ft.evaluate(one, 1.0), ft.evaluate(other, 1.0)) == (2.0, 3.0)
    assert ft.grad(lambda x: first(x) * second(x))(1.0) == 12.0
    with pytest.raises(pickle.PicklingError, match="another was declared since"):
        pickle.dumps(one)


def test_results_that_are_no_arrays():
    for result in ({"a": 1.0}, [1.0, 2.0], ({"a": 1.0},), None):
        f = primitive(lambda x: result, vjp=lambda ct, out, x: (ct,))
        with pytest.raises(DerivativeError, match="would be lost"):
            ft.grad(lambda x: x * f(x)["a"])(3.0)


def test_options_that_are_traced():
    power = primitive(lambda x, k=2: x**k, vjp=lambda ct, out, x, k=2: (ct * k * x ** (k - 1),))
    assert ft.grad(lambda x: power(x, k=3))(3.0) == 27.0
    with pytest.raises(DerivativeError, match="traced value as its option `k`"):
        ft.grad(lambda x: power(x, k=x))(3.0)


def test_options_that_local_derivatives_do_not_know():
    scaled = primitive(lambda x, scale=1.0: scale * np.sin(x), derivatives=[lambda out, x: np.cos(x)])
    assert ft.grad(scaled)(0.0) == 1.0
    with pytest.raises(DerivativeError, match="the option `scale`, of which its local derivatives know nothing"):
        ft.grad(lambda x: scaled(x, scale=2.0))(0.0)


def test_numbers_promote_as_they_do_without_a_trace():
    x = X.astype(np.float32)
    for f in (lambda x: product(x, 2.0), lambda x: stretched(np.diag(x), 2), lambda x: sine_and_cosine(x)[0]):
        assert f(x).dtype == np.float32
        assert ft.jvp(f, (x,), (x,))[0].dtype == np.float32
        assert ft.trace(f)(x).outputs[0].spec.dtype == np.float32
        assert ft.evaluate(ft.trace(f)(x).validate(), x).dtype == np.float32
        assert ft.vmap(f)(np.stack([x, x])).dtype == np.float32
    of_number = ft.jvp(lambda a: product(x, a), (2.0,), (1.0,))
    assert of_number[0].dtype == np.float32
    assert ft.grad(lambda a: np.sum(product(x, a)))(2.0) == np.sum(x)
    assert ft.grad(ft.grad(lambda a: np.sum(product(a, a) * x)))(2.0) == 2 * np.sum(x)
