"""Reductions: every keyword, zeros among factors, ties, masks, starts, empty axes."""

import mpmath
import numpy as np
import pytest

import functrans as ft
from functrans.errors import ShapeError, TracedAssignmentError
from tests.ops.agreement import check, same_value, stays_single

rng = np.random.default_rng(11)
A = rng.permutation(6).reshape(2, 3) / 4.0 + 0.3
B = rng.permutation(24).reshape(2, 3, 4) / 8.0 - 1.1
Z = A + 1j * rng.permutation(6).reshape(2, 3) / 3
S = np.array(0.75)
M = np.array([[True, False, True], [False, True, True]])
ROW = np.array([True, False, True])
E = np.zeros((2, 0))
I0 = np.array(2.5)

CASES = {
    "sum": (lambda x: np.sum(x), A),
    "sum axis": (lambda x: np.sum(x, axis=1), B),
    "sum axes": (lambda x: np.sum(x, axis=(-1, 0)), B),
    "sum no axis": (lambda x: np.sum(x, axis=()), A),
    "sum keepdims": (lambda x: np.sum(x, 1, keepdims=True), B),
    "sum middle axes": (lambda x: np.sum(x, axis=(1, 2)), B),
    "sum dtype": (lambda x: np.sum(x, dtype=np.complex128), A),
    "sum initial": (lambda x: np.sum(x, axis=0, initial=2.5), A),
    "sum initial int": (lambda x: np.sum(x, axis=0, initial=2), A),
    "sum initial array": (lambda x: np.sum(x, axis=0, initial=np.array(2.5)), A),
    "sum initial None": (lambda x: np.sum(x, axis=0, initial=None), A),
    "sum initial traced": (lambda x, i: np.sum(x, axis=0, initial=i), A, I0),
    "sum where": (lambda x: np.sum(x, where=M), A),
    "sum where row": (lambda x: np.sum(x, axis=1, where=ROW, keepdims=True), A),
    "sum where list": (lambda x: np.sum(x, axis=1, where=[True, False, True]), A),
    "sum where True": (lambda x: np.sum(x, axis=1, where=True), A),
    "sum where False": (lambda x: np.sum(x, axis=1, where=False), A),
    "sum where initial": (lambda x, i: np.sum(x, axis=1, where=ROW, initial=i), A, I0),
    "sum complex": (lambda x: np.sum(x, axis=0), Z),
    "sum complex where": (lambda x: np.sum(x, axis=0, where=M), Z),
    "sum scalar": (lambda x: np.sum(x), S),
    "sum scalar axis": (lambda x: np.sum(x, axis=-1, keepdims=True), S),
    "sum empty": (lambda x: np.sum(x, axis=1), E),
    "sum method": (lambda x: x.sum(1, None, None, True), A),
    "sum method keywords": (lambda x: x.sum(axis=0, initial=1.0, where=M), A),
    "prod": (lambda x: np.prod(x), A),
    "prod axis": (lambda x: np.prod(x, axis=1), B),
    "prod axes": (lambda x: np.prod(x, axis=(0, -1)), B),
    "prod no axis": (lambda x: np.prod(x, axis=()), A),
    "prod keepdims": (lambda x: np.prod(x, 1, keepdims=True), B),
    "prod dtype": (lambda x: np.prod(x, 0, dtype=complex), A),
    "prod initial": (lambda x: np.prod(x, axis=0, initial=2.5), A),
    "prod initial None": (lambda x: np.prod(x, axis=0, initial=None), A),
    "prod initial traced": (lambda x, i: np.prod(x, axis=0, initial=i), A, I0),
    "prod where": (lambda x: np.prod(x, where=M), A),
    "prod where initial": (lambda x, i: np.prod(x, axis=1, where=ROW, initial=i, keepdims=True), A, I0),
    "prod complex": (lambda x: np.prod(x, axis=0), Z),
    "prod one": (lambda x: np.prod(x, axis=0), A[:1]),
    "prod scalar": (lambda x: np.prod(x), S),
    "prod empty": (lambda x: np.prod(x, axis=1), E),
    "prod zeros": (lambda x: np.prod(x, axis=1), np.array([[2.0, 0, 3], [0, 0, 3], [0, 0, 0]])),
    "prod method": (lambda x: x.prod(axis=-1, initial=1.5), A),
    "max": (lambda x: np.max(x), A),
    "max axis": (lambda x: np.max(x, axis=1), B),
    "max axes": (lambda x: np.max(x, axis=(0, -1)), B),
    "max no axis": (lambda x: np.max(x, axis=()), A),
    "max keepdims": (lambda x: np.max(x, 1, keepdims=True), B),
    "max initial": (lambda x, i: np.max(x, axis=0, initial=i), A, np.array(1.1)),
    "max initial None": (lambda x: np.max(x, axis=0, initial=None), A),
    "max where": (lambda x: np.max(x, axis=1, where=M, initial=-np.inf), A),
    "max where initial": (lambda x, i: np.max(x, axis=1, where=ROW, initial=i), A, np.array(1.1)),
    "max complex": (lambda x: np.max(x, axis=0), Z),
    "max scalar": (lambda x: np.max(x), S),
    "max no rows": (lambda x: np.max(x, axis=0), E),
    "max method": (lambda x: x.max(axis=-1), A),
    "amax": (lambda x: np.amax(x, 0), A),
    "min": (lambda x: np.min(x), A),
    "min axes": (lambda x: np.min(x, axis=(0, -1), keepdims=True), B),
    "min initial": (lambda x, i: np.min(x, axis=0, initial=i), A, np.array(0.7)),
    "min where": (lambda x: np.min(x, axis=1, where=M, initial=np.inf), A),
    "min complex": (lambda x: np.min(x, axis=0), Z),
    "min method": (lambda x: x.min(axis=-1), A),
    "amin": (lambda x: np.amin(x, 0), A),
    "ptp": (lambda x: np.ptp(x), A),
    "ptp axis": (lambda x: np.ptp(x, axis=1, keepdims=True), B),
    "ptp scalar": (lambda x: np.ptp(x), S),
}


@pytest.mark.parametrize("name", CASES)
def test_everything(name):
    check(*CASES[name])


@pytest.mark.parametrize("name", [name for name in CASES if "dtype" not in name])
def test_single_precision(name):
    stays_single(*CASES[name])


DISCRETE = {
    "any": lambda x: np.any(x > 0.5),
    "any axis": lambda x: np.any(x > 0.5, axis=(0, -1), keepdims=True),
    "any where": lambda x: np.any(x > 0.5, axis=0, where=M),
    "any method": lambda x: (x > 0.5).any(axis=0),
    "any of numbers": lambda x: np.any(x, axis=1),
    "all": lambda x: np.all(x > 0.5),
    "all where": lambda x: np.all(x > 0.5, axis=-1, where=ROW, keepdims=True),
    "all method": lambda x: (x > 0.5).all(),
    "argmax": lambda x: np.argmax(x),
    "argmax axis": lambda x: np.argmax(x, axis=-1),
    "argmax keepdims": lambda x: np.argmax(x, axis=0, keepdims=True),
    "argmax all keepdims": lambda x: np.argmax(x, keepdims=True),
    "argmax method": lambda x: x.argmax(1),
    "argmin": lambda x: np.argmin(x),
    "argmin axis": lambda x: np.argmin(x, axis=1),
    "argmin method": lambda x: x.argmin(axis=0, keepdims=True),
    "count_nonzero": lambda x: np.count_nonzero(x > 0.5),
    "count_nonzero axis": lambda x: np.count_nonzero(x, axis=1),
    "count_nonzero axes": lambda x: np.count_nonzero(x, axis=(0, 1)),
    "count_nonzero keepdims": lambda x: np.count_nonzero(x, keepdims=True),
    "sum as int": lambda x: np.sum(x * 3, axis=0, dtype=int),
    "prod as int": lambda x: np.prod(x * 3, dtype=np.int32),
    "mean as int": lambda x: np.mean(x * 3, axis=0, dtype=int),
    "sum of truth": lambda x: np.sum(x > 0.5, axis=0),
    "max of truth": lambda x: np.max(x > 0.5, axis=0),
}


@pytest.mark.parametrize("name", DISCRETE)
def test_results_without_derivative(name):
    f = DISCRETE[name]
    same_value(f, A)
    assert np.array_equal(ft.grad(lambda x: np.sum(x) + 0.5 * np.sum(f(x)))(A), np.ones((2, 3)))


@pytest.mark.parametrize("dtype", ["float16", "float32", "complex64", "int8", "int32", "uint8", "bool"])
@pytest.mark.parametrize(
    "name", ["sum", "prod", "max", "min", "mean", "var", "std", "any", "argmax", "cumsum", "cumprod"]
)
def test_staged_dtypes_are_numpys(name, dtype):
    f = getattr(np, name)
    x = (np.arange(6).reshape(2, 3) + 1).astype(dtype)
    program = ft.trace(lambda x: f(x, axis=0))(x).validate()
    found, expected = ft.evaluate(program, x), f(x, axis=0)
    assert found.dtype == expected.dtype == program.outputs[0].spec.dtype
    assert found.tobytes() == expected.tobytes()


# A product's derivative is the product of the others, whatever is zero. mpmath knows better than we.


@pytest.mark.parametrize("x", [[2.0, 0, 3], [0, 0, 3], [0, 0, 0], [0, 5], [7], [1e200, 0, 1e-200, 2]])
def test_prod_with_zeros(x):
    n = len(x)
    gradient = [float(mpmath.fprod(x[k] for k in range(n) if k != i)) for i in range(n)]
    hessian = [
        [float(mpmath.fprod(x[k] for k in range(n) if k not in (i, j))) if i != j else 0.0 for j in range(n)]
        for i in range(n)
    ]
    np.testing.assert_allclose(ft.grad(np.prod)(np.array(x, float)), gradient, rtol=1e-15)
    rows = [ft.grad(lambda x, i=i: ft.grad(np.prod)(x)[i])(np.array(x, float)) for i in range(n)]
    np.testing.assert_allclose(rows, hessian, rtol=1e-14)


def test_prod_of_three_zeros_has_a_third_derivative():
    directions = np.eye(3)

    def along(f, v):
        return lambda x: ft.jvp(f, (x,), (v,))[1]

    f = np.prod
    for v in directions:
        f = along(f, v)
    assert f(np.zeros(3)) == 1.0


# Ties, and what is not a number.


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (np.max, [1.0, 1, 0], [0.5, 0.5, 0]),
        (np.min, [0.0, 0, 1], [0.5, 0.5, 0]),
        (np.ptp, [1.0, 1, 0, 0], [0.5, 0.5, -0.5, -0.5]),
        (lambda x: np.max(x) - np.min(x), [1.0, 1, 1], [0, 0, 0]),
        (np.max, [1.0, np.nan], [0, 1]),
        (np.max, [np.inf, 1.0, np.inf], [0.5, 0, 0.5]),
        (lambda x: np.max(x, initial=1.0), [1.0, 0.0, 1.0], [1 / 3, 0, 1 / 3]),
        (lambda x: np.max(x, initial=2.0), [1.0, 0.0, 1.0], [0, 0, 0]),
        (lambda x: np.max(x, initial=0.0, where=[False, True, True]), [1.0, 1.0, 1.0], [0, 0.5, 0.5]),
        (lambda x: np.sum(x, where=[True, False, True, True]), [1.0, 2, 3, 4], [1, 0, 1, 1]),
        (lambda x: np.sum(x, where=[True, False]), [1.0, np.inf], [1, 0]),
    ],
)
def test_gradients_at_kinks(f, x, expected):
    x = np.array(x)
    np.testing.assert_allclose(ft.grad(f)(x), expected, rtol=1e-15)
    columns = [ft.jvp(f, (x,), (v,))[1] for v in np.eye(len(x))]
    np.testing.assert_allclose(columns, expected, rtol=1e-15)


def test_max_along_axis_shares_ties():
    x = np.array([[1.0, 1, 0], [2, 3, 3]])
    _, pullback = ft.vjp(lambda x: np.max(x, axis=1), x)
    assert np.array_equal(pullback(np.ones(2))[0], [[0.5, 0.5, 0], [0, 0.5, 0.5]])


def test_start_shares_a_tie():
    assert ft.grad(lambda i: np.max(np.multiply(np.array([1.0, 1.0]), i / i), initial=i))(1.0) == pytest.approx(1 / 3)


def test_what_is_masked_absorbs_infinities():
    mask = np.array([True, False])
    x = np.array([4.0, 0.0])
    for f in (np.sum, np.prod, np.mean):
        assert np.array_equal(ft.grad(lambda x: f(np.sqrt(x), where=mask))(x), [0.25, 0.0])


def test_sums_keep_the_sign_of_zero():
    f = lambda x: np.sum(x, initial=None)  # noqa: E731
    same_value(f, np.array([-0.0]))
    same_value(np.sum, np.array([-0.0]))


# Errors.


def raised(f, x=A):
    for transform in (ft.grad, ft.trace):
        with pytest.raises(Exception) as caught:
            transform(f)(x)
    return caught.value


@pytest.mark.parametrize("name", ["sum", "prod", "max", "min", "mean", "var", "std", "ptp", "any", "all", "cumsum"])
def test_out_is_refused(name):
    error = raised(lambda x: getattr(np, name)(x, axis=0, out=np.zeros(3)))
    assert isinstance(error, TracedAssignmentError)
    assert f"`np.{name}`" in str(error)


@pytest.mark.parametrize("name", ["sum", "prod", "max", "mean", "var", "argmax", "cumsum", "cumprod"])
def test_out_of_a_method_is_refused(name):
    assert isinstance(raised(lambda x: getattr(x, name)(axis=0, out=np.zeros(3))), TracedAssignmentError)


@pytest.mark.parametrize(
    ("f", "text", "fix"),
    [
        (
            lambda x: np.max(x, where=ROW),
            "`np.max` with `where=` and no `initial=`: if the mask leaves nothing, there is no result",
            "Fix: pass the result for that case, such as `initial=-np.inf`.",
        ),
        (
            lambda x: np.sum(x, where=np.ones(3)),
            "`where=` of `np.sum` is Float64[3], which is not boolean",
            "Fix: write a comparison, such as `where=x > 0`.",
        ),
        (
            lambda x: np.sum(x, where=np.ones((4, 2, 3), bool)),
            "`where=` of `np.sum` is Bool[4 2 3], but the array is Float64[2 3]",
            "Fix: the mask must broadcast to the shape of the array; broadcast the array first (`np.broadcast_to`).",
        ),
        (
            lambda x: np.mean(x, where=np.ones(2, bool)),
            "`where=` of `np.mean` is Bool[2], but the array is Float64[2 3]",
            "Fix: the mask must broadcast to the shape of the array; broadcast the array first (`np.broadcast_to`).",
        ),
        (
            lambda x: np.prod(x, initial=np.ones(3)),
            "`initial=` of `np.prod` is Float64[3], but the result is Float64[]",
            "Fix: pass one number of the result's kind; to start each entry elsewhere, combine the result with "
            "`np.add`, `np.multiply`, `np.maximum` or `np.minimum`.",
        ),
        (
            lambda x: np.sum(x, initial=1j),
            "`initial=` of `np.sum` is complex, but the result is Float64[]",
            "Fix: pass",
        ),
    ],
)
def test_error_texts(f, text, fix):
    error = raised(f)
    assert isinstance(error, ShapeError)
    message = str(error)
    assert message.startswith(text + "\n  at test_reduce.py:")
    assert fix in message


@pytest.mark.parametrize("f", [np.max, np.min, np.argmax])
def test_nothing_to_choose_from(f):
    with pytest.raises(ValueError, match=r"(?s)^`np.\w+` of Float64\[2 0\] over an axis of length 0.*Fix: "):
        ft.trace(lambda x: f(x, axis=1))(E)
    with pytest.raises(ValueError):
        ft.vjp(lambda x: f(x, axis=1), E)


@pytest.mark.parametrize("name", ["sum", "prod", "max", "mean", "std", "any", "argmax", "count_nonzero", "cumsum"])
def test_axes_are_checked_as_numpy_checks_them(name):
    f = getattr(np, name)
    assert isinstance(raised(lambda x: f(x, axis=2)), np.exceptions.AxisError)
    if name not in ("argmax", "cumsum"):
        assert isinstance(raised(lambda x: f(x, axis=(0, 0))), ValueError)


@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
def test_a_product_in_another_dtype_converts_before_it_multiplies():
    z = np.array([1 + 2j, 3 - 1j, -2 + 5j])
    for dtype in (np.float64, np.float32):
        value, gradient = ft.value_and_grad(lambda z, dtype=dtype: np.prod(z, dtype=dtype))(z)
        assert (value, value.dtype) == (-6, dtype)
        np.testing.assert_array_equal(gradient, np.array([-6, -2, 3], complex))  # of the real parts
        # The direction (-2, 1, -5) of the real parts.
        assert ft.jvp(lambda z, dtype=dtype: np.prod(z, dtype=dtype), (z,), (1j * z,))[1] == 12 - 2 - 15


@pytest.mark.parametrize("name", ["sum", "prod", "max", "min"])
def test_a_mask_may_be_traced_alone(name):
    f = getattr(np, name)
    start = {} if name in ("sum", "prod") else {"initial": 0.25}
    masks = np.array([ROW, ~ROW])
    expected = [f(A, axis=1, where=mask, **start) for mask in masks]
    np.testing.assert_array_equal(ft.vmap(lambda mask: f(A, axis=1, where=mask, **start))(masks), expected)
    program = ft.trace(lambda mask: f(A, axis=1, where=mask, **start))(ROW)
    np.testing.assert_array_equal(ft.evaluate(program, ~ROW), expected[1])
