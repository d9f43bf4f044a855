"""Running sums and products: every keyword, and zeros among the factors."""

import mpmath
import numpy as np
import pytest

import functrans as ft
from functrans.ops.cumulative import recurrence_p
from functrans.tracing.bind import bind
from tests.ops.agreement import check, same_value, stays_single

rng = np.random.default_rng(3)
A = rng.permutation(6).reshape(2, 3) / 4.0 + 0.3
B = rng.permutation(24).reshape(2, 3, 4) / 8.0 - 1.1
Z = A + 1j * rng.permutation(6).reshape(2, 3) / 3
S = np.array(0.75)
E = np.zeros((2, 0))
O = np.array([[2.0, 0, 3, 4], [0, 0, 1, 2], [0, 0, 0, 0]])  # noqa: E741

CASES = {
    "cumsum": (lambda x: np.cumsum(x), A),
    "cumsum axis": (lambda x: np.cumsum(x, axis=1), B),
    "cumsum last": (lambda x: np.cumsum(x, -1), A),
    "cumsum dtype": (lambda x: np.cumsum(x, 0, dtype=complex), A),
    "cumsum complex": (lambda x: np.cumsum(x, 0), Z),
    "cumsum scalar": (lambda x: np.cumsum(x), S),
    "cumsum scalar axis": (lambda x: np.cumsum(x, axis=0), S),
    "cumsum empty": (lambda x: np.cumsum(x, axis=1), E),
    "cumsum method": (lambda x: x.cumsum(axis=0), A),
    "cumprod": (lambda x: np.cumprod(x), A),
    "cumprod axis": (lambda x: np.cumprod(x, axis=1), B),
    "cumprod last": (lambda x: np.cumprod(x, -1), A),
    "cumprod dtype": (lambda x: np.cumprod(x, 0, dtype=complex), A),
    "cumprod complex": (lambda x: np.cumprod(x, 0), Z),
    "cumprod scalar": (lambda x: np.cumprod(x), S),
    "cumprod empty": (lambda x: np.cumprod(x, axis=1), E),
    "cumprod zeros": (lambda x: np.cumprod(x, axis=1), O),
    "cumprod method": (lambda x: x.cumprod(1), A),
    "recurrence": (lambda a, b: bind(recurrence_p, a, b, axis=1, reverse=False), A, A + 1),
    "recurrence back": (lambda a, b: bind(recurrence_p, a, b, axis=1, reverse=True), A, A + 1),
    "recurrence complex": (lambda a, b: bind(recurrence_p, a, b, axis=0, reverse=True), Z, A + 1),
}
if hasattr(np, "cumulative_sum"):
    CASES |= {
        "cumulative_sum": (lambda x: np.cumulative_sum(x, axis=1), A),
        "cumulative_sum line": (lambda x: np.cumulative_sum(x, include_initial=True), A[0]),
        "cumulative_sum initial": (lambda x: np.cumulative_sum(x, axis=-1, include_initial=True), B),
        "cumulative_sum dtype": (lambda x: np.cumulative_sum(x, axis=0, dtype=complex, include_initial=True), A),
        "cumulative_prod": (lambda x: np.cumulative_prod(x, axis=1), A),
        "cumulative_prod initial": (lambda x: np.cumulative_prod(x, axis=0, include_initial=True), A),
        "cumulative_prod scalar": (lambda x: np.cumulative_prod(x, include_initial=True), S),
    }


@pytest.mark.parametrize("name", CASES)
def test_everything(name):
    check(*CASES[name])


@pytest.mark.parametrize("name", [name for name in CASES if "dtype" not in name])
def test_single_precision(name):
    stays_single(*CASES[name])


@pytest.mark.parametrize("x", [[2.0, 0, 3, 4], [2.0, 0, 3], [0, 0, 3], [0, 0, 0], [1e200, 0, 1e200, 5], [7]])
def test_cumprod_with_zeros(x):
    n = len(x)

    def entry(fixed):
        """The derivative of the sum of running products in the entries ``fixed``."""
        return sum(
            mpmath.fprod(x[k] for k in range(m + 1) if k not in fixed) for m in range(max(fixed), n)
        )  # a product that ends before an entry does not depend on it

    f = lambda x: np.sum(np.cumprod(x))  # noqa: E731
    gradient = ft.grad(f)(np.array(x, float))
    rows = [ft.grad(lambda x, i=i: ft.grad(f)(x)[i])(np.array(x, float)) for i in range(n)]
    np.testing.assert_allclose(gradient, [float(entry({i})) for i in range(n)], rtol=1e-14)
    hessian = [[float(entry({i, j})) if i != j else 0.0 for j in range(n)] for i in range(n)]
    np.testing.assert_allclose(rows, hessian, rtol=1e-14)


def test_values_others_got_wrong():
    f = lambda x: np.sum(np.cumprod(x))  # noqa: E731
    assert np.array_equal(ft.grad(f)(np.array([2.0, 0, 3, 4])), [1, 32, 0, 0])
    assert np.array_equal(ft.grad(f)(np.array([2.0, 0, 3])), [1, 8, 0])
    assert np.array_equal(ft.grad(lambda x: np.sum(ft.grad(f)(x)))(np.array([2.0, 0, 3])), [4, 6, 2])


def test_results_without_derivative():
    for f in (np.cumsum, np.cumprod):
        same_value(lambda x: f(3 * x, axis=0, dtype=int), A)


def test_axis_is_required_as_in_numpy():
    if hasattr(np, "cumulative_sum"):
        with pytest.raises(ValueError, match="more than one dimension"):
            ft.grad(lambda x: np.sum(np.cumulative_sum(x)))(A)


@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
def test_a_product_in_another_dtype_converts_before_it_multiplies():
    z = np.array([1 + 2j, 3 - 1j, -2 + 5j])

    def last(z):
        return np.cumprod(z, dtype=float)[-1]

    np.testing.assert_array_equal(ft.grad(last)(z), np.array([-6, -2, 3], complex))  # of the real parts
    assert ft.jvp(last, (z,), (np.array([0, 1 + 7j, 0]),))[1] == -2
