"""functrans.transforms.reverse and walk: the trace and the walk back."""

from __future__ import annotations

import gc
import itertools
import tracemalloc
import weakref

import numpy as np
import pytest

import functrans as ft
from functrans.errors import ShapeError, TracedAssignmentError
from functrans.ops.family import ufunc_spec
from functrans.primitives import Derivatives, Primitive, forget
from functrans.tracing.bind import bind


@pytest.mark.parametrize("length", [10**5])
def test_long_chains_need_no_recursion(length):
    def f(x):
        for _ in range(length):
            x = x + 1e-6 * x
        return x

    assert ft.grad(f)(1.0) == pytest.approx((1 + 1e-6) ** length, rel=1e-9)


def test_long_chains_of_arrays_and_pullbacks_are_freed_without_recursion():
    def f(x):
        for _ in range(30_000):
            x = -x
        return x

    out, pullback = ft.vjp(f, np.ones(2))
    np.testing.assert_array_equal(pullback(out)[0], [1, 1])
    del out, pullback
    gc.collect()


def test_shared_values_are_summed_once():
    """A ladder of 60 doublings has 2**60 paths, walked in 60 steps."""

    def f(x):
        for _ in range(60):
            x = x + x
        return x

    assert ft.grad(f)(1.0) == 2.0**60


def peak_of(run):
    run()
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


X = np.linspace(0.1, 1.0, 20_000)


@pytest.mark.parametrize(
    ("step", "kept"),
    [
        (lambda x: x + 1.0, 0),
        (lambda x: -x, 0),
        (lambda x: x * 2.0, 0),
        (lambda x: 1.0 - x, 0),
        (lambda x: np.reshape(x, (2, -1)).T.reshape(-1), 0),
        (lambda x: np.sin(x), 1),
        (lambda x: np.exp(-x), 1),
        (lambda x: np.tanh(x), 1),
        (lambda x: np.sqrt(x + 1.0), 1),
        (lambda x: x * X, 0),
        (lambda x: np.where(X > 0.5, x, 0.0), 1 / 8),
    ],
)
def test_a_trace_keeps_what_the_rules_read_and_no_more(step, kept):
    def f(x):
        for _ in range(200):
            x = step(x)
        return np.sum(x)

    with np.errstate(all="ignore"):
        arrays = peak_of(lambda: ft.grad(f)(X)) / X.nbytes
    assert 200 * kept - 1 <= arrays <= 200 * kept + 15


def test_a_trace_is_freed_while_it_is_walked():
    """The values kept for the steps behind are gone when the walk arrives at the first step."""
    alive = []
    refs = []

    class Tracked(np.ndarray):
        pass

    def local(out, x):
        alive.append(sum(ref() is not None for ref in refs))
        return np.ones(3)

    def impl(x):
        out = (np.asarray(x) + 1).view(Tracked)
        refs.append(weakref.ref(out))
        return out

    primitive = Primitive("tracked", impl, ufunc_spec(np.sin), Derivatives([lambda out, x: local(out, x)]))
    try:

        def f(x):
            for _ in range(10):
                x = bind(primitive, x)
            return np.sum(x)

        ft.grad(f)(np.ones(3))
    finally:
        forget(primitive)
    assert len(alive) == 10
    assert alive[-1] <= 2
    assert all(later < earlier for earlier, later in itertools.pairwise(alive[:-1]))


def test_dead_branches_are_freed_during_the_trace():
    def f(x):
        total = 0.0
        for _ in range(100):
            np.exp(np.sin(x))
            total = total + np.sum(x)
        return total

    assert peak_of(lambda: ft.grad(f)(X)) < 12 * X.nbytes


def test_a_kept_pullback_gives_its_memory_back():
    out, pullback = ft.vjp(lambda x: np.sin(np.sin(x)), X)
    ref = weakref.ref(out)
    del out, pullback
    assert ref() is None


def test_no_cycles():
    """A trace is freed by counting references: nothing waits for the garbage collector."""
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            ft.grad(lambda x: np.sum(np.tanh(x) ** 2))(X)
            ft.grad(lambda x: np.sum(ft.grad(lambda y: np.sum(y**3))(x)))(X)
        found = [o for o in gc.get_objects() if isinstance(o, np.ndarray) and o.shape == X.shape and o is not X]
        assert len(found) <= 2
    finally:
        gc.enable()


def test_broadcasting_and_promotion_are_undone():
    def f(a, b, c):
        return np.sum((a + b) * c)

    a, b, c = np.ones((2, 1), np.float32), np.ones(3), 2.0
    ga, gb, gc_ = ft.grad(f, (0, 1, 2))(a, b, c)
    np.testing.assert_array_equal(ga, [[6], [6]])
    assert ga.dtype == np.float32
    np.testing.assert_array_equal(gb, [4, 4, 4])
    assert gc_ == 12
    assert type(gc_) is float


def test_complex_and_real_operands():
    x, z = np.array([1.0, 2.0]), np.array([1j, 2.0 - 1j])
    gx, gz = ft.grad(lambda x, z: np.real(np.sum(x * z * 1j)), (0, 1))(x, z)
    assert gx.dtype == float
    np.testing.assert_array_equal(gx, np.real(z * 1j))
    np.testing.assert_array_equal(gz, x * 1j)


def test_misfits_show_the_users_line():
    with pytest.raises(ShapeError, match=r"(?s)Float64\[2\].*Float64\[3\].*test_reverse\.py"):
        ft.grad(lambda x: np.sum(x + np.ones(3)))(np.ones(2))


def test_an_element_of_several_results():
    gradient = ft.grad(lambda x: np.sum(np.modf(x)[0]) + np.sum(np.frexp(x)[0]))(np.array([2.5, -1.25]))
    np.testing.assert_array_equal(gradient, [1.25, 1.5])
    gradient = ft.grad(lambda a: np.linalg.slogdet(a)[1])(np.diag([2.0, 4.0]))
    np.testing.assert_allclose(gradient, np.diag([0.5, 0.25]))


def test_a_zero_absorbs_behind_a_mask():
    x = np.array([0.0, 4.0])
    with np.errstate(all="ignore"):
        f = lambda x: np.sum(np.where(x > 0, np.sqrt(x) * np.log(x) / x, 0.0))  # noqa: E731
        assert np.all(np.isfinite(ft.grad(f)(x)))
        assert np.all(np.isfinite(ft.grad(lambda x: np.sum(ft.grad(f)(x)))(x)))
        assert ft.grad(f)(x)[0] == 0
        g = lambda x: (1.0 / x)[1] + np.sqrt(x)[1]  # noqa: E731
        np.testing.assert_allclose(ft.grad(g)(x), [0, -1 / 16 + 1 / 4])


def test_nan_is_not_hidden():
    """Only an exact zero absorbs: what is NaN because the numbers are NaN stays NaN."""
    with np.errstate(all="ignore"):
        assert np.isnan(ft.grad(lambda x: np.sqrt(x))(np.float64(-1.0)))
        assert np.isnan(ft.grad(lambda x: x * np.nan)(1.0))
        assert np.isnan(ft.grad(lambda x: np.exp(x) * (np.inf - np.inf))(1.0))


@pytest.mark.parametrize(
    ("use", "local"),
    [
        (lambda x, a: x * a, lambda a: a),
        (lambda x, a: np.exp(a * x) / x, lambda a: (a - 1) * np.exp(a)),
        (lambda x, a: np.where(a > 1, x, 0), lambda a: a > 1),
        (lambda x, a: np.dot(x, a), lambda a: a),
        (lambda x, a: x * np.broadcast_to(a, (2, 3)), lambda a: 2 * a),
        (lambda x, a: np.einsum("i,i", a[::-1], x), lambda a: a[::-1]),
    ],
)
def test_a_small_array_may_be_overwritten_after_its_use(use, local):
    def f(x):
        a, total = np.zeros(3), 0.0
        for k in range(3):
            a[:] = [k, 0.5, 2]
            total = total + np.sum(use(x, a))
        a[:] = np.nan
        return total

    x = np.ones(3)
    expected = sum(local(np.array([k, 0.5, 2])) for k in range(3))
    np.testing.assert_allclose(ft.grad(f)(x), expected, rtol=1e-14)
    np.testing.assert_allclose(ft.evaluate(ft.trace(ft.grad(f))(x), x), expected, rtol=1e-14)


def test_an_index_may_be_overwritten_after_its_use():
    def f(x):
        index, total = np.array([0, 0]), 0.0
        for k in range(3):
            index[1] = k
            total = total + (k + 1) * np.sum(x[index])
        return total

    np.testing.assert_array_equal(ft.grad(f)(np.ones(3)), [7, 2, 3])


@pytest.mark.parametrize("view", [lambda a: a, lambda a: a[::2], lambda a: a.reshape(2, -1)])
def test_a_large_array_is_read_only_after_its_use_until_the_function_ends(view):
    a = np.ones(10_000)
    x = np.ones(view(a).shape)

    def f(x, write):
        y = np.sum(x * view(a))
        if write:
            a[0] = 5
        return y

    with pytest.raises(TracedAssignmentError, match="written into after"):
        ft.grad(f)(x, True)
    assert a.flags.writeable
    assert a[0] == 1
    ft.grad(f)(x, False)
    ft.grad(lambda x: np.sum(ft.grad(f)(x, False) * x * view(a)))(x)
    assert a.flags.writeable
    before = view(a)
    ft.grad(lambda x: np.sum(x * view(a) * before * view(a)))(x)
    assert before.flags.writeable
    with pytest.raises(ZeroDivisionError):
        ft.grad(lambda x: 1 / 0 * np.sum(x * before) if np.any(x * before) else x)(x)
    assert a.flags.writeable
