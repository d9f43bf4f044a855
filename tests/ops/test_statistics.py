"""Mean, variance and standard deviation: every keyword, complex numbers, constant data."""

import numpy as np
import pytest

import functrans as ft
from functrans.errors import ShapeError, UncoveredFunctionError
from tests.ops.agreement import check, same_bits, same_value, stays_single

rng = np.random.default_rng(5)
A = rng.permutation(12).reshape(3, 4) / 4.0 + 0.3
B = rng.permutation(24).reshape(2, 3, 4) / 8.0 - 1.1
Z = A + 1j * rng.permutation(12).reshape(3, 4) / 3
S = np.array(0.75)
M = np.array([[True, False, True, True], [False, True, True, False], [True, True, True, True]])
ROW = np.array([True, False, True, True])
MEAN = np.array([[0.5], [1.5], [2.5]])

SHARED = {
    "{f}": lambda f: (lambda x: f(x), A),
    "{f} axis": lambda f: (lambda x: f(x, 1), B),
    "{f} axes": lambda f: (lambda x: f(x, axis=(-1, 0)), B),
    "{f} keepdims": lambda f: (lambda x: f(x, axis=1, keepdims=True), B),
    "{f} dtype": lambda f: (lambda x: f(x, axis=0, dtype=complex), A),
    "{f} where": lambda f: (lambda x: f(x, axis=1, where=M), A),
    "{f} where row": lambda f: (lambda x: f(x, axis=(0, 1), where=ROW, keepdims=True), A),
    "{f} complex": lambda f: (lambda x: f(x, axis=1), Z),
    "{f} complex where": lambda f: (lambda x: f(x, axis=0, where=M), Z),
    "{f} method": lambda f: (lambda x: getattr(x, f.__name__)(axis=-1, keepdims=True), A),
    "{f} no rows": lambda f: (lambda x: f(x, axis=1), np.zeros((0, 3))),
}
SPREAD = {
    "{f} ddof": lambda f: (lambda x: f(x, axis=0, ddof=1), A),
    "{f} fractional ddof": lambda f: (lambda x: f(x, axis=0, ddof=1.5), A),
    "{f} correction": lambda f: (lambda x: f(x, axis=1, correction=1), A),
    "{f} ddof where": lambda f: (lambda x: f(x, axis=1, ddof=1, where=M), A),
    "{f} method ddof": lambda f: (lambda x: getattr(x, f.__name__)(1, None, None, 1), A),
    "{f} mean": lambda f: (lambda x: f(x, axis=1, mean=MEAN), A),
    "{f} mean number": lambda f: (lambda x: f(x, axis=1, mean=0.25), A),
    "{f} mean traced": lambda f: (lambda x, m: f(x, axis=1, mean=m, ddof=1), A, MEAN),
    "{f} mean where": lambda f: (lambda x, m: f(x, axis=1, mean=m, where=M), A, MEAN),
    "{f} mean complex": lambda f: (lambda x, m: f(x, axis=1, mean=m), Z, MEAN * (1 - 0.5j)),
    "{f} complex about a real mean": lambda f: (lambda x, m: f(x, axis=1, mean=m), Z, MEAN),
    "{f} own mean": lambda f: (lambda x: f(x, axis=1, mean=np.mean(x, axis=1, keepdims=True)), A),
}
CASES = {
    **{name.format(f=f.__name__): make(f) for f in (np.mean, np.var, np.std) for name, make in SHARED.items()},
    **{name.format(f=f.__name__): make(f) for f in (np.var, np.std) for name, make in SPREAD.items()},
    "mean scalar": (lambda x: np.mean(x), S),
    "mean no axis": (lambda x: np.mean(x, axis=()), A),
    "var scalar": (lambda x: np.var(x), S),
    "var no axis": (lambda x: np.var(x, axis=()), A),
    "var constant": (lambda x: np.var(x, axis=1), np.full((2, 3), 2.0)),
}


@pytest.mark.parametrize("name", CASES)
def test_everything(name):
    check(*CASES[name], precise=1e-8 if "std" in name else 1e-9)


@pytest.mark.parametrize("name", [name for name in CASES if "dtype" not in name])
def test_single_precision(name):
    stays_single(*CASES[name])


def test_half_precision():
    x = (A / 4).astype(np.float16)
    for f in (np.mean, np.var, np.std):
        same_value(f, x)
        gradient = ft.grad(f)(x)
        assert gradient.dtype == np.float16
        np.testing.assert_allclose(gradient, ft.grad(f)(x.astype(float)), rtol=4e-3, atol=1e-4)


def test_wide_result_of_narrow_numbers():
    x = A.astype(np.float32)
    for f in (np.mean, np.var, np.std):
        g = lambda x: f(x, dtype=np.float64)  # noqa: E731
        same_value(g, x)
        assert ft.grad(g)(x).dtype == np.float32
        np.testing.assert_allclose(ft.grad(g)(x), ft.grad(f)(x.astype(float)), rtol=1e-6)


@pytest.mark.parametrize("value", [2.0, 0.1, 1e100, 0.0, -0.3])
@pytest.mark.parametrize("where", [None, np.array([True, True, False])])
def test_std_of_constant_numbers_is_at_its_minimum(value, where):
    x = np.full(3, value)
    keywords = {}
    if where is not None:
        keywords["where"] = where
        x[2] = 7.0
    f = lambda x: np.std(x, **keywords)  # noqa: E731
    assert np.array_equal(ft.grad(f)(x), np.zeros(3))
    assert ft.jvp(f, (x,), (np.array([1.0, 0, 0]),))[1] == 0


@pytest.mark.parametrize("value", [2.0, 0.1])
def test_std_of_numbers_that_hardly_differ_has_a_slope(value):
    x = np.array([value, value, value * (1 + 1e-12)])
    np.testing.assert_allclose(ft.grad(np.std)(x), [-1 / 18**0.5, -1 / 18**0.5, 2 / 18**0.5], rtol=1e-3)


def test_std_of_one_number():
    assert np.array_equal(ft.grad(np.std)(np.array([2.0])), [0.0])
    assert np.array_equal(ft.grad(lambda x: np.sum(ft.grad(np.std)(x)))(np.array([2.0])), [0.0])
    assert ft.grad(np.std)(2.0) == 0.0


def test_std_of_constant_complex_numbers():
    assert np.array_equal(ft.grad(np.std)(np.full(3, 0.1 + 0.7j)), np.zeros(3))


def test_var_of_constant_numbers_has_its_second_derivative():
    x = np.full(3, 2.0)
    assert np.array_equal(ft.grad(np.var)(x), np.zeros(3))
    hessian = [ft.grad(lambda x, i=i: ft.grad(np.var)(x)[i])(x) for i in range(3)]
    np.testing.assert_allclose(hessian, 2 / 3 * (np.eye(3) - 1 / 3), rtol=1e-15)


def test_more_degrees_of_freedom_than_numbers():
    with pytest.warns(RuntimeWarning):
        gradient = ft.grad(lambda x: np.var(x, ddof=1))(np.array([2.0]))
    assert np.isnan(gradient).all()


def test_mean_of_nothing():
    with pytest.warns(RuntimeWarning):
        assert ft.grad(np.mean)(np.zeros(0)).shape == (0,)


def test_integer_result():
    f = lambda x: np.var(x, dtype=int)  # noqa: E731
    same_bits(ft.vjp(f, A)[0], f(A))
    assert np.array_equal(ft.grad(lambda x: np.sum(x) + 0.5 * f(x))(A), np.ones(A.shape))


@pytest.mark.parametrize(
    ("f", "kind", "text", "fix"),
    [
        (
            lambda x: np.var(x, axis=1, mean=np.ones((3, 4, 4))),
            ShapeError,
            "`mean=` of `np.var` is Float64[3 4 4], which does not broadcast to the array, Float64[3 4]",
            "Fix: compute it with `keepdims=True`, along the same axes.",
        ),
        (
            lambda x: np.std(x, mean=1j),
            ShapeError,
            "`mean=` of `np.std` is complex, but the array is Float64[3 4]: the result would not be a variance",
            "Fix: pass a real mean, or convert the array (`x.astype(complex)`).",
        ),
        (
            lambda x: np.var(x, ddof=np.sum(x)),
            UncoveredFunctionError,
            "a traced `ddof=` of `np.var` is not covered",
            "Fix: scale the result: `np.var(x) * (n / (n - ddof))`.",
        ),
    ],
)
def test_error_texts(f, kind, text, fix):
    for transform in (ft.grad, ft.trace):
        with pytest.raises(kind) as caught:
            transform(f)(A)
        message = str(caught.value)
        assert message.startswith(text + "\n  at test_statistics.py:")
        assert message.endswith(fix)


def test_ddof_and_correction_exclude_each_other():
    with pytest.raises(ValueError, match="ddof and correction can't be provided simultaneously"):
        ft.grad(lambda x: np.var(x, ddof=1, correction=1))(A)


def test_a_variance_in_complex_numbers_moves_on_the_real_line():
    for f in (
        lambda z: np.var(z, dtype=complex),
        lambda z: np.std(z, dtype=complex),
        lambda z: np.var(z, axis=0, mean=Z[:1], dtype=complex),
    ):
        check(f, Z)
