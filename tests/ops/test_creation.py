"""`linspace`, `logspace`, `geomspace` between traced ends: NumPy's bits, and derivatives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import functrans as ft
from tests.ops.agreement import check, same_bits, same_value
from tests.ops.batches import check_batches

A, B = np.array([0.5, 2.0]), np.array([[1.5, 3.0], [4.0, 0.25]])


OPTIONS = [
    {},
    {"num": 1},
    {"num": 2},
    {"num": 7, "endpoint": False},
    {"num": 4, "axis": -1},
    {"num": 1, "endpoint": False},
]
ENDS = [(0.5, 2.0), (0.5, B), (A, 3.0), (A, B), (np.float64(0.5), np.float64(2.5))]


@pytest.mark.parametrize("options", [{"num": 5, **options} for options in OPTIONS], ids=str)
@pytest.mark.parametrize("ends", ENDS, ids=["scalars", "scalar, matrix", "vector, scalar", "vector, matrix", "float64"])
@pytest.mark.parametrize("function", [np.linspace, np.logspace, np.geomspace])
def test_grids(function, ends, options):
    check(lambda a, b: function(a, b, **options), *ends)


@pytest.mark.parametrize("function", [np.linspace, np.logspace, np.geomspace])
@pytest.mark.parametrize(
    "ends",
    [
        (np.float32(0.5), np.float32(2.0)),
        (np.float32(0.5), 2.0),
        (A.astype(np.float32), B),
        (A.astype(np.float16), A.astype(np.float32)),
    ],
)
def test_dtypes(function, ends):
    same_value(lambda a, b: function(a, b, 4), *ends)
    same_bits(ft.vjp(lambda a, b: function(a, b, 4, dtype=np.float32), *ends)[0], function(*ends, 4, dtype=np.float32))
    same_bits(ft.vjp(lambda a, b: function(a, b, 4, dtype=complex), *ends)[0], function(*ends, 4, dtype=complex))
    gradients = ft.vjp(lambda a, b: function(a, b, 4), *ends)[1](np.ones_like(function(*ends, 4)))
    for gradient, end in zip(gradients, ends, strict=True):
        assert np.asarray(gradient).dtype == np.asarray(end).dtype


def test_none_at_all():
    check(lambda a: np.linspace(a, 2.0, 0), 0.5)
    assert ft.grad(lambda a: np.sum(np.linspace(a, 2.0, 0)))(0.5) == 0.0


def test_derivatives_of_linspace():
    _, pullback = ft.vjp(lambda a, b: np.linspace(a, b, 5), 1.0, 3.0)
    assert pullback(np.array([1.0, 0.0, 0.0, 0.0, 0.0])) == (1.0, 0.0)
    assert pullback(np.array([0.0, 1.0, 0.0, 0.0, 0.0])) == (0.75, 0.25)
    assert pullback(np.array([0.0, 0.0, 0.0, 0.0, 1.0])) == (0.0, 1.0)


def test_the_step_is_traced_too():
    def f(a, b):
        points, step = np.linspace(a, b, 5, retstep=True)
        return np.sum(points) * step

    expected, step = np.linspace(1.0, 3.0, 5, retstep=True)
    assert f(1.0, 3.0) == np.sum(expected) * step == ft.vjp(f, 1.0, 3.0)[0]
    # 5 (a + b) / 2 * (b - a) / 4
    assert ft.grad(f)(1.0, 3.0) == -5 / 4 * 1.0
    assert ft.grad(f, 1)(1.0, 3.0) == 5 / 4 * 3.0


def test_integer_results_are_steps():
    same_bits(
        ft.vjp(lambda a: np.linspace(a, 7.9, 4, dtype=int) * 1.0, 0.5)[0], np.linspace(0.5, 7.9, 4, dtype=int) * 1.0
    )
    assert ft.grad(lambda a: np.sum(np.linspace(a, 7.9, 4, dtype=int) * 1.0))(0.5) == 0.0


def test_base_of_logspace():
    check(lambda base: np.logspace(0.5, 2.0, 4, base=base), 2.0)
    check(lambda a, base: np.logspace(a, 2.0, 4, base=base), 0.5, A)
    check(lambda a, base: np.logspace(a, 2.0, 4, base=base, axis=-1), 0.5, A)


def test_signs_and_complex_ends_of_geomspace():
    check(lambda a, b: np.geomspace(a, b, 4), -0.5, -3.0)
    z = 1.0 + 1.0j
    expected = np.geomspace(z, 8.0 + 0j, 4)
    value, tangent = ft.jvp(lambda z: np.geomspace(z, 8.0 + 0j, 4), (z,), (1.0 + 0j,))
    same_bits(value, expected)
    h = 1e-6
    numeric = (np.geomspace(z + h, 8.0 + 0j, 4) - np.geomspace(z - h, 8.0 + 0j, 4)) / (2 * h)
    np.testing.assert_allclose(tangent, numeric, rtol=1e-7, atol=1e-8)
    with pytest.raises(ValueError, match="zero"):
        ft.vjp(lambda a: np.geomspace(a, 1.0, 3), 0.0)


@given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300), st.integers(1, 60), st.booleans())
def test_linspace_to_the_bit(start, stop, num, endpoint):
    with np.errstate(all="ignore"):
        expected = np.linspace(start, stop, num, endpoint)
        same_bits(ft.vjp(lambda a, b: np.linspace(a, b, num, endpoint), start, stop)[0], expected)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda a: np.linspace(a, 1.0, -1), ValueError),
        (lambda a: np.linspace(a, 1.0, 2.5), TypeError),
        (lambda a: np.linspace(a, 1.0, 3, axis=2), ValueError),
        (lambda a: np.linspace(np.ones(2), a, a), TypeError),
        (lambda a: np.linspace(a * np.ones(2), np.ones(3)), ValueError),
    ],
)
def test_mistakes(call, error):
    with pytest.raises(error):
        call(1.0)
    with pytest.raises(error):
        ft.vjp(call, 1.0)
    with pytest.raises(error):
        ft.trace(call)(1.0)


def test_batches():
    x = np.sin(np.arange(1.0, 7.0)).reshape(3, 2)
    check_batches(lambda a, b: np.linspace(a, b, 4), x[:, 0], x[:, 1])
    check_batches(lambda a, b: np.linspace(a, b, 3, endpoint=False, axis=1), x, x[:, 0])
    check_batches(lambda a, b: np.linspace(a, b, 3, axis=-1, retstep=True), x[:, 0], x)
    check_batches(lambda a: np.linspace(0, a, 3), x.astype(np.float32))
    check_batches(lambda a, b: np.linspace(a, b, 3, dtype=int), 9 * x, np.array([10, 20, 30]))
    check_batches(lambda a, b: np.geomspace(a, b, 3), x + 2.0, x[:, 0] + 2.0)
    check_batches(lambda a, b: np.logspace(a, b, 3), x, x[:, 0])
