"""functrans.testing.numerical: the judge errs no more than it says, at any scale; and it knows when to abstain."""

from __future__ import annotations

import warnings

import mpmath
import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from functrans.testing.compare import flat
from functrans.testing.numerical import (
    Undecided,
    complex_step,
    derivative,
    judge,
    richardson,
    surroundings,
)

EPS = 2.0**-52
# The function in NumPy and in mpmath, and the smallest argument where both agree on what it is.
FUNCTIONS = {
    "sin": (np.sin, mpmath.sin, -np.inf),
    "exp": (np.exp, mpmath.exp, -np.inf),
    "log": (np.log, mpmath.log, 0),
    "sqrt": (np.sqrt, mpmath.sqrt, 0),
    "cbrt": (np.cbrt, mpmath.cbrt, 0),
    "tanh": (np.tanh, mpmath.tanh, -np.inf),
    "cosh": (np.cosh, mpmath.cosh, -np.inf),
    "arctan": (np.arctan, mpmath.atan, -np.inf),
    "arcsinh": (np.arcsinh, mpmath.asinh, -np.inf),
    "expm1": (np.expm1, mpmath.expm1, -np.inf),
    "log1p": (np.log1p, mpmath.log1p, 0),
    "cube": (lambda x: x * x * x, lambda x: x**3, -np.inf),
    "reciprocal": (lambda x: 1 / x, lambda x: 1 / x, 0),
    "gauss": (lambda x: np.exp(-x * x), lambda x: mpmath.exp(-x * x), -np.inf),
    "x log x": (lambda x: x * np.log(x), lambda x: x * mpmath.log(x), 0),
    "steep": (lambda x: np.tanh(2.0**13 * x), lambda x: mpmath.tanh(2**13 * x), -np.inf),
    "rapid": (lambda x: np.sin(1024 * x), lambda x: mpmath.sin(1024 * x), -np.inf),
    "beside a million": (lambda x: 1e6 + np.sin(x), lambda x: 10**6 + mpmath.sin(x), -np.inf),
    "quartic": (
        lambda x: ((x - 1) * (x - 2)) ** 2,
        lambda x: ((x - 1) * (x - 2)) ** 2,
        -np.inf,
    ),
    "with a bend": (lambda x: np.maximum(x - 0.3, 0) * x, lambda x: max(x - mpmath.mpf(0.3), 0) * x, -np.inf),
    "|x|": (np.abs, abs, -np.inf),
    "|x| ** 1.5": (lambda x: np.abs(x) ** 1.5, lambda x: abs(x) ** mpmath.mpf(1.5), -np.inf),
}


def truth(name: str, x: float) -> tuple[float, float]:
    """The slope, and how much it changes when the argument is rounded."""
    f = FUNCTIONS[name][1]
    with mpmath.workdps(70):
        h = abs(mpmath.mpf(x)) * mpmath.mpf(10) ** -22
        above, here, below = f(x + h), f(mpmath.mpf(x)), f(x - h)
        return float((above - below) / (2 * h)), float(abs((above - 2 * here + below) / h**2)) * abs(x) * EPS


points = st.one_of(
    st.floats(0.01, 30.0), st.builds(lambda m, e: m * 10.0**e, st.floats(1.0, 10.0), st.integers(-12, 8))
)


@pytest.mark.parametrize("complex_too", [True, False])
@pytest.mark.parametrize("name", FUNCTIONS)
@given(x=points, negative=st.booleans())
def test_the_error_is_no_larger_than_it_says(name, complex_too, x, negative):
    f, _, low = FUNCTIONS[name]
    x = -x if negative and low < 0 else x
    with np.errstate(all="ignore"):
        assume(np.isfinite(f(np.float64(x))))

    def g(y):
        if np.iscomplexobj(y) and not complex_too:
            raise TypeError("no complex numbers")
        return f(y)

    found = judge(g, (np.float64(x),), (np.float64(1.0),))
    if found.decided[0]:
        slope, rounding = truth(name, x)
        assert abs(found.value[0] - slope) <= found.error[0] + 2 * rounding, (x, slope, found)


@pytest.mark.parametrize("x", [1e-12, 1e-8, 1e-3, 0.05, 1.0, 40.0, 1e5, 1e8])
@pytest.mark.parametrize("name", ["log", "sqrt", "x log x", "cube", "reciprocal", "log1p"])
def test_it_decides_at_any_scale(name, x):
    """And to nine digits: an estimate that abstains, or is honest but useless, passes the test above."""
    value, error, method = derivative(FUNCTIONS[name][0], (x,), (1.0,))
    assert error <= 1e-9 * abs(value[0])
    assert value[0] == pytest.approx(truth(name, x)[0], rel=1e-9)
    assert method == "complex step"


@pytest.mark.parametrize("scale", [1e-20, 1e-8, 1.0, 1e8, 1e20])
def test_the_function_and_the_direction_may_have_any_scale(scale):
    value, error, _ = derivative(lambda x: scale * np.sin(x), (0.7,), (1.0,))
    assert abs(value[0] - scale * np.cos(0.7)) <= error <= 1e-11 * scale
    value, error, _ = derivative(np.sin, (0.7,), (scale,))
    assert abs(value[0] - scale * np.cos(0.7)) <= error <= 1e-11 * scale
    value, error, _ = derivative(lambda x: np.sin(x / scale), (0.7 * scale,), (1.0,))
    assert abs(value[0] - np.cos(0.7) / scale) <= error <= 1e-11 / scale


def test_small_numbers_beside_large_ones():
    """A step that is small beside the argument is not felt; zero is not believed before larger ones are tried."""
    found = judge(lambda x: (x + 1e8) - 1e8, (7e-12,), (1.0,))
    assert not found.decided[0] or abs(found.value[0] - 1.0) <= found.error[0]


@given(
    st.lists(st.floats(-2, 2), min_size=4, max_size=4),
    st.lists(st.floats(-1, 1), min_size=4, max_size=4),
    st.lists(st.sampled_from([1e-8, 1e-3, 1.0, 1e4]), min_size=3, max_size=3),
)
def test_each_entry_by_itself(x, v, scales):
    """Outputs of very different sizes: each has its own error."""
    x, v, weights = np.array(x) + 3.0, np.array(v), np.array(scales)
    f = lambda x: {"a": weights[0] * np.sin(x), "n": 3, "b": [weights[1] * np.prod(x), weights[2] * x[:2] ** 3]}  # noqa: E731
    products = np.array([np.prod(np.delete(x, i)) for i in range(4)])
    expected = flat([weights[0] * np.cos(x) * v, weights[1] * products @ v, weights[2] * 3 * x[:2] ** 2 * v[:2]])
    found = judge(f, (x,), (v,))
    sizes = np.repeat(weights, [4, 1, 2])
    assert np.all(np.abs(found.value - expected) <= found.error + 1e-15 * sizes * 625)
    assert np.all(found.error <= 1e-10 * sizes * 625)


def test_complex_arguments_move_in_both_directions():
    z = np.array([1 + 2j, -0.5j])
    for v in (np.array([1.0, 0.0]), np.array([0.0, 1j]), np.array([1 - 1j, 2j])):
        value, error, method = derivative(lambda z: z * np.exp(z), (z,), (v,))
        assert method == "Richardson"
        assert np.all(np.abs(value - (1 + z) * np.exp(z) * v) <= error)
        value, error, _ = derivative(lambda z: np.abs(z) ** 2, (z,), (v,))
        assert np.all(np.abs(value - 2 * np.real(np.conj(z) * v)) <= error)


def test_single_precision_is_widened():
    value, error, _ = derivative(np.sin, (np.float32(0.5),), (np.float32(1.0),))
    assert value.dtype == np.float64
    assert abs(value[0] - np.cos(0.5)) <= error < 1e-13


def test_no_arguments_and_no_outputs():
    assert derivative(lambda x: x * 2, (np.zeros((0, 3)),), (np.zeros((0, 3)),)).value.shape == (0,)
    assert derivative(lambda x: 3, (1.0,), (1.0,)).value.shape == (0,)
    assert derivative(lambda x: 3.0, (1.0,), (1.0,)).value == 0


# Where it abstains.


@pytest.mark.parametrize("x", [0.0, 1.0, 1e-9, 1e8])
@pytest.mark.parametrize(("left", "right"), [(-1.0, 1.0), (0.0, 1.0), (1.0, 1.25), (-2.0, 0.0)])
def test_a_kink_has_two_slopes(x, left, right):
    f = lambda y: np.where(y < x, left, right) * (y - x)  # noqa: E731
    found = judge(f, (np.float64(x),), (1.0,))
    assert not found.decided[0]
    assert found.value[0] - found.jump[0] / 2 == pytest.approx(left, abs=1e-9)
    assert found.value[0] + found.jump[0] / 2 == pytest.approx(right, abs=1e-9)
    with pytest.raises(Undecided):
        derivative(f, (np.float64(x),), (1.0,))


@given(st.floats(-11.5, -0.5), st.booleans())
@example(-6.0, True)
def test_a_kink_nearby_is_never_taken_for_smooth(exponent, beyond):
    """The slope is the one on this side of the kink, or undecided: never the middle, nor the other one."""
    d = 10.0**exponent * (1 if beyond else -1)
    found = judge(lambda x: np.abs(x - 1.0 - d) + 0 * x, (1.0,), (1.0,))
    if found.decided[0]:
        assert found.value[0] == pytest.approx(-np.sign(d), abs=1e-5)


def test_a_kink_at_some_distance_does_not_disturb():
    assert derivative(lambda x: np.abs(x - 1.00001), (1.0,), (1.0,)).value[0] == pytest.approx(-1.0, abs=1e-6)


@pytest.mark.parametrize(
    ("f", "x", "why"),
    [
        (lambda x: np.floor(x), 1.0, "jumps"),
        (lambda x: np.where(x > 2.0, 5.0, x), 2.0, "jumps"),
        (lambda x: np.sqrt(x), 0.0, "not finite to the left"),
        (lambda x: np.log(-x), 0.0, "not finite there"),
        (lambda x: np.log(x), -1.0, "not finite there"),
        (lambda x: np.arccos(x), 1.0, "not finite to the right"),
        (lambda x: np.cbrt(x), 0.0, "grows"),
        (lambda x: np.sin(1e18 * x) + x, 1.0, "noisy|jumps"),
    ],
)
def test_it_says_why(f, x, why):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not judge(f, (np.float64(x),), (1.0,)).decided[0]
        assert any(word in surroundings(f, (np.float64(x),), (1.0,)) for word in why.split("|"))


def test_steps_of_single_precision_are_not_its_slope():
    """Steps too small to be felt see the slope zero; it is not believed."""
    f = lambda x: np.sin(np.asarray(x, np.float32)).astype(float) if not np.iscomplexobj(x) else 1 / 0  # noqa: E731
    for x in np.linspace(0.1, 3.0, 25):
        found = judge(f, (x,), (1.0,))
        assert not found.decided[0] or abs(found.value[0] - np.cos(x)) <= 1e-5
        told = judge(f, (x,), (1.0,), 2.0**-23)
        assert told.decided[0]
        assert abs(told.value[0] - np.cos(x)) <= told.error[0] <= 4e-4


def test_what_is_not_analytic_is_not_judged_by_the_complex_step():
    value, error, method = derivative(lambda x: x * np.abs(x), (1.5,), (1.0,))
    assert (method, value[0]) == ("Richardson", pytest.approx(3.0, abs=error))


def test_a_function_may_refuse_points_nearby():
    def f(x):
        if x < 1.0:
            raise ValueError("below one")
        return np.sqrt(x)

    assert derivative(f, (1.001,), (1.0,)).value[0] == pytest.approx(0.5 / np.sqrt(1.001), rel=1e-9)
    with pytest.raises(Undecided):
        derivative(f, (1.0,), (1.0,))
    with pytest.raises(ValueError, match="below one"):
        derivative(f, (0.5,), (1.0,))


def test_richardson_and_complex_step_alone():
    value, error, method = richardson(np.exp, (1.0,), (2.0,))
    assert method == "Richardson"
    assert abs(value[0] - 2 * np.e) <= error < 1e-10
    assert complex_step(np.exp, (1.0,), (2.0,)) == pytest.approx(2 * np.e, rel=1e-15)
    with pytest.raises(np.exceptions.ComplexWarning):
        complex_step(lambda x: np.asarray(x).astype(float), (np.array([1.0]),), (np.array([1.0]),))
