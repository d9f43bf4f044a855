"""Running sums and products: every keyword, and zeros among the factors."""

import mpmath
import numpy as np
import pytest

import functrans as ft
from functrans.ops.cumulative import linear_recurrence, recurrence_p
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


def step_by_step(a, b):
    """The recurrence as it is defined, along the first axis."""
    y = np.array(b, np.result_type(a, b))
    for i in range(1, len(y)):
        y[i] += a[i] * y[i - 1]
    return y


@pytest.mark.parametrize("shape", [(129,), (1160,), (9003,), (300, 2), (150, 200), (200, 0)])
@pytest.mark.parametrize("kind", ["normal", "near one", "zeros", "complex", "single"])
def test_long_recurrences_are_those_run_step_by_step(shape, kind):
    rng = np.random.default_rng(len(kind))
    a, b = rng.normal(size=shape), rng.normal(size=shape)
    if kind == "near one":
        a = 1 + 0.001 * a
    elif kind == "zeros":
        a = 1.5 * a * (rng.random(shape) > 0.1)
    elif kind == "complex":
        a = a * np.exp(3j * b)
    elif kind == "single":
        a, b = a.astype(np.float32), b.astype(np.float32)
    expected, scale = step_by_step(a, b), step_by_step(np.abs(a), np.abs(b))
    allowed = (1e-5 if kind == "single" else 1e-13) * scale
    for axis in (0, 1)[: len(shape)]:
        there = lambda x, axis=axis: np.moveaxis(x, 0, axis)  # noqa: E731
        found = linear_recurrence(there(a), there(b), axis)
        assert found.dtype == expected.dtype
        assert (np.abs(found - there(expected)) <= there(allowed)).all()
        # Reversed it is the transpose.
        w = rng.normal(size=shape).astype(b.dtype)
        back = linear_recurrence(there(a), there(w), axis, reverse=True)
        assert abs(np.sum(back * there(b)) - np.sum(w * expected)) <= np.sum(np.abs(w) * allowed)


@pytest.mark.parametrize(
    "extreme", [1e200, 1e-200, np.inf, np.nan, 5e-324], ids=["large", "small", "infinite", "undefined", "subnormal"]
)
def test_factors_whose_products_overflow_or_vanish(extreme):
    a = np.tile([2.0, extreme, 0.5, 1 / extreme if 0 < 1 / extreme < np.inf else 1.0], 100)
    a[250] = 0.0
    with np.errstate(all="ignore"):
        expected = step_by_step(a, np.ones(400))
        np.testing.assert_array_equal(linear_recurrence(a, np.ones(400), 0), expected)


def test_partial_products_of_blocks_that_overflow_do_not_spoil_what_is_finite():
    # Down to 1e-210, up to 1e+210, and down again: blocks of 64 or 512 would leave the range of numbers.
    for x in (
        np.tile(np.repeat([0.1, 10.0, 0.1], [210, 420, 210]), 10),
        np.repeat([1e-60, 1e60, 1e-60], [4, 8, 200]),
    ):
        start = np.eye(1, len(x))[0]
        with np.errstate(under="ignore"):
            np.testing.assert_allclose(linear_recurrence(x, start, 0), step_by_step(x, start), 1e-12)


def test_the_derivative_of_a_long_running_product_with_zeros():
    x = 1 + 0.01 * rng.normal(size=500)
    x[[200, 333]] = 0.0
    gradient = ft.grad(lambda x: np.sum(np.cumprod(x)))
    before = np.cumprod(x)
    expected = np.zeros(500)
    for i in range(201):  # behind the first zero, every product without one entry has a factor zero
        rest = np.delete(x, i) if i == 200 else x
        expected[i] = np.sum(np.cumprod(np.concatenate([[1.0], rest[i if i == 200 else i + 1 :]]))) * (
            1.0 if i == 0 else before[i - 1]
        )
    np.testing.assert_allclose(gradient(x), expected, rtol=1e-13)
    # Second order: the product of all but both zeros.
    mixed = ft.grad(lambda x: gradient(x)[200])(x)[333]
    np.testing.assert_allclose(mixed, np.sum(np.cumprod(np.delete(x, [200, 333]))[331:]), rtol=1e-12)


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
