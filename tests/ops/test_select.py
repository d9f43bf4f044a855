"""``where``, ``clip``, ``stop_gradient``."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import functrans as ft
from functrans.errors import ShapeError, TracedAssignmentError, UncoveredFunctionError
from tests.ops.agreement import check, same_bits, same_value, stays_single

A = np.array([[1.25, -2.0, 0.5], [0.3, 3.75, -1.5]])
M = A > 0.4
R = np.array([0.2, -0.6, 1.1])
S = np.array(0.75)

CASES = {
    "where": (lambda x, y: np.where(M, x, y), A, A * 2),
    "where broadcast": (lambda x, y: np.where(M, x, y), R, A[:, :1]),
    "where scalar": (lambda x: np.where(M, x, 1.0) + np.where(M, 2, x), A),
    "where staged condition": (lambda x: np.where(x > 0.4, x * x, -x), A),
    "where number as condition": (lambda x, y: np.where([2.0, 0.0, np.nan], x, y), A, R),
    "where traced number as condition": (lambda x, y: np.where(x, x * y, y), A, R),
    "where list": (lambda x: np.where([True, False, True], x, [1.0, 2.0, 3.0]), A),
    "clip": (lambda x: np.clip(x, -1, 1), A),
    "clip keywords": (lambda x: np.clip(x, a_min=-1.0, a_max=None), A),
    "clip low": (lambda x: np.clip(x, 0, None), A),
    "clip high": (lambda x: np.clip(x, None, 1), A),
    "clip traced": (lambda x, low, high: np.clip(x, low, high), A, R - 1, S),
    "clip traced low": (lambda x, low: np.clip(x, low, None), A, R),
    "clip traced high": (lambda x, high: np.clip(x, None, high), A[0], R[:, None]),
    "clip crossed": (lambda x, low, high: np.clip(x, low, high), A, R + 3, R),
    "clip list": (lambda x: np.clip(x, [-1, 0, 1], [0, 1, 2]), A),
    "clip method": (lambda x: x.clip(-1, 1) * x.clip(min=0) * x.clip(max=1), A),
}


NEWER = np.lib.NumpyVersion(np.__version__) >= "2.1.0"
if NEWER:
    CASES["clip new keywords"] = (lambda x: np.clip(x, min=-1.0, max=1.0), A)
    CASES["clip not"] = (lambda x: np.clip(x, None, None) * x, A)


@pytest.mark.parametrize("name", CASES)
def test_agreement(name):
    f, *args = CASES[name]
    check(f, *args)


@pytest.mark.parametrize("name", CASES)
def test_single(name):
    f, *args = CASES[name]
    stays_single(f, *args)


def test_where_complex():
    z = A + 1j * A[::-1]
    check(lambda z, w: np.where(M, z, w), z, z * 1j)
    check(lambda x, z: np.where(M, x, z), A, z)


def test_dtypes():
    x, i = np.float32([1, 2]), np.array([3, 4])
    for f in (
        lambda x: np.where(x > 1, x, 2.5),
        lambda x: np.where(x > 1, 2, x),
        lambda x: np.where(x > 1, x, i),
        lambda x: np.clip(x, 0, 1.5),
        lambda x: np.clip(x, np.float64(0), None),
        lambda x: np.clip(x, None, i),
    ):
        same_value(f, x)
    for f in (lambda x: np.where(True, x, 2), lambda x: np.clip(x, 0, 1), lambda x: np.clip(x, None, 1)):
        same_value(f, 0.5)
    program = ft.trace(lambda i: np.clip(i, 0, None))(i)
    same_bits(ft.evaluate(program, i), np.clip(i, 0, None))


def test_where_alone_finds_indices():
    assert ft.grad(lambda x: np.sum(x[np.where(x > 0.4)] ** 2))(A)[0, 0] == 2.5
    with pytest.raises(ValueError, match="both or neither"):
        ft.grad(lambda x: np.sum(np.where(M, x)))(A)


def test_branch_not_taken_does_not_speak():
    f = lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0))  # noqa: E731
    with np.errstate(all="ignore"):
        same_bits(ft.grad(f)(np.array([0.0, -1.0, 4.0])), np.array([0.0, 0.0, 0.25]))
        elu = lambda a: np.where(a <= 0, np.exp(a), 1 + a)  # noqa: E731
        same_bits(ft.grad(elu)(np.float32(100)), np.float32(1))
        assert ft.grad(ft.grad(lambda x: np.where(x > 0, np.sqrt(x), 0.0)))(0.0) == 0.0
        assert ft.grad(lambda x: np.where(x != 0, np.sin(x) / x, 1.0))(0.0) == 0.0
        assert ft.grad(lambda x: np.arccos(np.clip(x, -1, 1)))(1 + 1e-12) == 0.0
        assert ft.grad(lambda x: np.log(np.clip(x, 1e-9, 1)))(0.0) == 0.0


def test_clip_at_the_bounds():
    """The bound belongs to the feasible set; the derivatives in the number and in its bounds sum to one."""
    f = lambda x, low, high: np.sum(np.clip(x, low, high))  # noqa: E731
    for x, low, high, expected in [
        (-1.0, -1.0, 1.0, (1.0, 0.0, 0.0)),
        (1.0, -1.0, 1.0, (1.0, 0.0, 0.0)),
        (-2.0, -1.0, 1.0, (0.0, 1.0, 0.0)),
        (2.0, -1.0, 1.0, (0.0, 0.0, 1.0)),
        (0.0, 1.0, -1.0, (0.0, 0.0, 1.0)),
        (0.0, 0.0, 0.0, (1.0, 0.0, 0.0)),
        (np.nan, -1.0, 1.0, (1.0, 0.0, 0.0)),
    ]:
        assert ft.grad(f, (0, 1, 2))(x, low, high) == expected
    assert ft.grad(lambda x, low: np.clip(x, low, None), (0, 1))(1.0, 1.0) == (1.0, 0.0)
    assert ft.grad(lambda x, high: np.clip(x, None, high), (0, 1))(1.0, 1.0) == (1.0, 0.0)
    assert ft.grad(lambda x: np.clip(x, 0, None))(np.float64(np.nan)) == 1.0


_numbers = st.sampled_from([-2.0, -1.0, -0.0, 0.0, 1.0, 2.0])


@given(_numbers, _numbers, _numbers)
def test_clip_derivatives_sum_to_one(x, low, high):
    """Moving all three together moves the result alike."""
    assert ft.jvp(np.clip, (x, low, high), (1.0, 1.0, 1.0)) == (np.clip(x, low, high), 1.0)
    assert sum(ft.grad(lambda *a: np.clip(*a), (0, 1, 2))(x, low, high)) == 1.0


def test_clip_refusals():
    with pytest.raises(TracedAssignmentError, match="out="):
        ft.grad(lambda x: np.sum(x.clip(0, 1, out=np.zeros((2, 3)))))(A)
    with pytest.raises(UncoveredFunctionError, match="dtype="):
        ft.grad(lambda x: np.sum(np.clip(x, 0, 1, dtype=np.float32)))(A)
    with pytest.raises(ValueError if NEWER else TypeError):
        ft.grad(lambda x: np.sum(np.clip(x, 0, min=1)))(A)
    with pytest.raises(ShapeError):
        ft.trace(lambda x: np.clip(x, np.zeros(4), None))(A)
    with pytest.raises(ShapeError):
        ft.trace(lambda x: np.where(M, x, np.zeros(4)))(A)


def test_stop_gradient():
    assert ft.grad(lambda x: x * ft.stop_gradient(x))(3.0) == 3.0
    assert ft.grad(lambda x: x * float(ft.stop_gradient(x)))(3.0) == 3.0
    out = ft.jvp(lambda x: ft.stop_gradient({"a": x, "b": (x, 2)}), (3.0,), (1.0,))
    assert out == ({"a": 3.0, "b": (3.0, 2)}, {"a": 0.0, "b": (0.0, 0)})
    assert ft.grad(ft.grad(lambda x: x * x * ft.stop_gradient(x)))(3.0) == 6.0
    program = ft.trace(ft.grad(lambda x: x * ft.stop_gradient(x)))(3.0)
    program.validate()
    assert ft.evaluate(program, 5.0) == 5.0
    assert ft.stop_gradient(A) is A


def test_detached_product():
    """``u = x*y; v = detach(u); z = v + x``: 1 with the detach, 3 without it."""
    assert ft.grad(lambda x, y: ft.stop_gradient(x * y) + x)(1.0, 2.0) == 1.0
    assert ft.grad(lambda x, y: x * y + x)(1.0, 2.0) == 3.0


def test_what_is_stopped_may_be_overwritten():
    x = np.array([1.0, 2.0])

    def f(x):
        plain = ft.stop_gradient(x)
        y = x * x
        plain[:] = 7
        return np.sum(y)

    np.testing.assert_array_equal(ft.grad(f)(x), [2, 4])
    np.testing.assert_array_equal(x, [1, 2])
