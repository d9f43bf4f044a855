"""All state of a trace hangs on its recorder and tracers: nesting, threads, contexts, exceptions, memory."""

import asyncio
import contextvars
import gc
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import functrans as ft
from functrans.errors import LeakedTracerError, user_location
from functrans.tracing.recorder import Recorder
from functrans.tracing.tracer import Tracer

# Which recorder takes over.


def test_the_youngest_recorder_processes():
    births = []

    def outer(x):
        def inner(y):
            births.append((x.recorder.birth, y.recorder.birth, (x * y).recorder.birth, (y * x).recorder.birth))
            assert type((x * y).value) is Tracer
            assert (x * y).value.recorder is x.recorder
            return x * y

        return ft.grad(inner)(x * 2.0) * x

    ft.grad(outer)(3.0)
    ((old, young, *products),) = births
    assert old < young
    assert products == [young, young]


def test_perturbations_are_not_confused():
    # d/dx (x * d/dy (x + y)) = 1, not 2.
    for outer in (ft.grad, lambda f: lambda x: ft.jvp(f, (x,), (1.0,))[1]):
        for inner in (ft.grad, lambda f: lambda x: ft.jvp(f, (x,), (1.0,))[1]):
            assert outer(lambda x, inner=inner: x * inner(lambda y: x + y)(5.0))(5.0) == 1.0


def test_a_value_of_an_outer_trace_is_a_constant_to_an_inner_one():
    assert ft.grad(lambda x: ft.grad(lambda y: x * x)(1.0))(3.0) == 0.0
    assert ft.grad(lambda x: ft.grad(lambda y: x * x * y)(1.0))(3.0) == 6.0


def test_traces_opened_within_one_another_may_end_in_any_order():
    def f(x):
        out, pullback = ft.vjp(lambda y: x * y * y, x)  # the pullback outlives the inner trace
        return pullback(x)[0] + out

    # d/dx (2 x^3 + x^3)
    assert f(2.0) == 24.0
    assert ft.grad(f)(2.0) == 36.0


def test_the_base_class_leaves_processing_to_others():
    recorder = Recorder("test", len)
    with pytest.raises(NotImplementedError):
        recorder.unary(None, Tracer(recorder, 1.0, None))
    assert not recorder.closed
    with pytest.raises(ZeroDivisionError):
        recorder.run(lambda: 1 / 0, ())
    assert recorder.closed


# Tracers that outlive their trace.


def kept(transform):
    """A tracer whose trace has ended."""
    found = []
    transform(lambda x: found.append(x) or np.sum(x))
    return found[0]


TRANSFORMS = {
    "grad": lambda f: ft.grad(f)(np.ones(2)),
    "value_and_grad": lambda f: ft.value_and_grad(f)(np.ones(2)),
    "vjp": lambda f: ft.vjp(f, np.ones(2)),
    "jvp": lambda f: ft.jvp(f, (np.ones(2),), (np.ones(2),)),
    "jacobian": lambda f: ft.jacobian(f)(np.ones(2)),
    "trace": lambda f: ft.trace(f)(np.ones(2)),
    "grad of grad": lambda f: ft.grad(lambda x: np.sum(ft.grad(f)(x)))(np.ones(2)),
    "trace of grad": lambda f: ft.trace(ft.grad(f))(np.ones(2)),
}
USES = {
    "operator": lambda x: x * 2.0,
    "reflected operator": lambda x: 2.0 * x,
    "negative": lambda x: -x,
    "abs": abs,
    "comparison": lambda x: x > 0.0,
    "ufunc": np.sin,
    "function": np.sum,
    "method": lambda x: x.sum(),
    "index": lambda x: x[0],
    "iteration": lambda x: list(x),
    "array": np.asarray,
    "float": float,
    "truth": bool,
    "isfinite": np.isfinite,
    "argmax": np.argmax,
    "stop_gradient": ft.stop_gradient,
    "in a trace": lambda x: ft.grad(lambda y: np.sum(x * y))(np.ones(2)),
    "in a forward trace": lambda x: ft.jvp(lambda y: x * y, (1.0,), (1.0,)),
    "in a staged trace": lambda x: ft.trace(lambda y: x * y)(1.0),
    "result": lambda x: ft.vjp(lambda y: x, 1.0),
    "result of jvp": lambda x: ft.jvp(lambda y: (y, [x]), (1.0,), (1.0,)),
    "result of trace": lambda x: ft.trace(lambda y: {"x": x})(1.0),
    "argument": lambda x: ft.grad(np.sum)(x),
    "at": lambda x: x.at[0].set(1.0),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_leaked(transform, use):
    with pytest.raises(LeakedTracerError, match="was used after that had ended"):
        use(kept(transform))


def test_text_and_shape_of_a_leaked_tracer_can_be_read():
    x = kept(TRANSFORMS["grad"])
    assert x.shape == (2,)
    assert repr(x) == "Traced<array([1., 1.])>"


def test_a_pullback_outlives_its_trace():
    _, pullback = ft.vjp(lambda x: np.sin(x) * x, 0.5)
    expected = np.cos(0.5) * 0.5 + np.sin(0.5)
    for factor in (1.0, 3.0):
        np.testing.assert_allclose(pullback(factor), (factor * expected,), rtol=1e-15)


def test_auxiliary_results_are_plain():
    _, aux = ft.grad(lambda x: (x * x, {"x": x, "squares": [x * x]}), has_aux=True)(3.0)
    assert aux == {"x": 3.0, "squares": [9.0]}
    assert type(aux["x"]) is float


# Threads and contexts.


def nest(order, scale):
    """The derivative of this order of exp(scale * x), by nested transforms of both kinds."""

    def f(x):
        return np.exp(scale * x)

    for level in range(order):
        f = (lambda x, g=f: ft.jvp(g, (x,), (1.0,))[1]) if level % 2 else ft.grad(f)
    return f


def test_threads_do_not_meet():
    barrier = threading.Barrier(8)

    def work(number):
        barrier.wait()
        found = []
        for i in range(20):
            order, scale = 1 + (number + i) % 3, 0.5 + number / 8
            found.append((float(nest(order, scale)(0.3)), scale**order * np.exp(scale * 0.3)))
            program = ft.trace(nest(order, scale))(0.3)
            assert len({equation.location for equation in program.equations}) >= 1
            found.append((float(ft.evaluate(program, 0.3)), found[-1][1]))
        return found

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            rows = [row for found in pool.map(work, range(8)) for row in found]
    finally:
        sys.setswitchinterval(interval)
    actual, expected = zip(*rows, strict=True)
    np.testing.assert_allclose(actual, expected, rtol=1e-13)


def test_threads_share_a_pullback():
    _, pullback = ft.vjp(lambda x: np.sin(x) * x, np.linspace(0.0, 1.0, 50))
    (expected,) = pullback(np.ones(50))
    with ThreadPoolExecutor(8) as pool:
        for (gradient,) in pool.map(lambda _: pullback(np.ones(50)), range(32)):
            np.testing.assert_array_equal(gradient, expected)


def test_a_thread_inside_a_traced_function():
    def f(x):
        with ThreadPoolExecutor(2) as pool:
            return sum(pool.map(lambda k: x**k, [1, 2, 3]))

    assert ft.grad(f)(2.0) == 1.0 + 4.0 + 12.0


def test_tasks_of_asyncio_interleave():
    async def loss(x, delay):
        y = x * x
        await asyncio.sleep(delay)
        return y * x

    async def work(number):
        derivative = ft.grad(lambda x: x ** (2 + number % 3))
        await asyncio.sleep(0)
        value = derivative(2.0)
        await asyncio.sleep(0)
        return value, ft.grad(derivative)(2.0)

    async def main():
        return await asyncio.gather(*[work(number) for number in range(12)])

    results = asyncio.run(main())
    for number, (first, second) in enumerate(results):
        n = 2 + number % 3
        assert (first, second) == (n * 2.0 ** (n - 1), n * (n - 1) * 2.0 ** (n - 2))

    # A coroutine may be driven to its end inside a traced function.
    assert ft.grad(lambda x: asyncio.run(loss(x, 0.0)))(2.0) == 12.0


def test_interleaved_generators_keep_their_own_traces():
    def steps(x):
        y = x
        while True:
            y = y * x
            yield y

    def f(x):
        first, second = steps(x), steps(x * 2.0)
        next(first), next(second), next(first)
        return next(first) + next(second)  # x^4 + 8 x^3

    assert ft.grad(f)(2.0) == 4 * 8.0 + 24 * 4.0


def test_a_copied_context_does_not_matter():
    def f(x):
        return contextvars.copy_context().run(lambda: x * x)

    assert ft.grad(f)(3.0) == 6.0
    assert contextvars.copy_context().run(ft.grad(f), 3.0) == 6.0


def test_the_pinned_line_is_put_back():
    def f(x):
        return np.sin(x) * x

    ft.trace(ft.grad(f))(1.0)
    assert user_location().filename == __file__


# Exceptions leave nothing behind.


class Boom(Exception):
    pass


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_an_exception_leaves_nothing_behind(transform):
    held = []

    def explode(x):
        y = np.sin(x) * 2.0
        held.extend([weakref.ref(x), weakref.ref(y)])
        raise Boom

    with pytest.raises(Boom):
        transform(explode)
    gc.collect()
    assert held
    assert [ref() for ref in held] == [None] * len(held)
    assert user_location().filename == __file__
    np.testing.assert_array_equal(ft.grad(lambda x: np.sum(x * x))(np.ones(2)), [2.0, 2.0])


class Tracked(np.ndarray):
    """An array that can be watched."""


def watched(shape):
    array = np.ones(shape).view(Tracked)
    return array, weakref.ref(array)


def test_values_are_freed_without_the_collector():
    refs = []

    def f(x):
        for _ in range(5):
            x = np.sin(x) * 2.0
            refs.append(weakref.ref(x))
        return np.sum(x)

    gc.collect()
    gc.disable()
    try:
        ft.grad(f)(np.ones(3))
        ft.jvp(f, (np.ones(3),), (np.ones(3),))
        ft.trace(f)(np.ones(3))
        ft.grad(lambda x: np.sum(ft.grad(f)(x)))(np.ones(3))
        out, pullback = ft.vjp(f, np.ones(3))
        pullback(1.0)
        del out, pullback
        assert len(refs) == 25
        assert [ref() for ref in refs] == [None] * len(refs)
    finally:
        gc.enable()


def test_arrays_of_a_pullback_are_freed_with_it():
    constant, ref = watched(3)
    _, pullback = ft.vjp(lambda x, constant=constant: x * constant, np.ones(3))
    del constant
    gc.collect()
    assert ref() is not None
    pullback(np.ones(3))
    assert ref() is not None
    del pullback
    gc.collect()
    assert ref() is None


def test_dead_branches_are_freed_at_once():
    def f(x):
        dead = np.sin(x) * 3.0
        ref = weakref.ref(dead)
        del dead
        assert ref() is None
        return x * x

    assert ft.grad(f)(3.0) == 6.0


def test_a_swallowed_error_keeps_no_frames():
    refs = []

    def f(x):
        y = x * 2.0
        refs.append(weakref.ref(y))
        try:
            float(y)
        except TypeError:
            return x

    gc.collect()
    gc.disable()
    try:
        ft.grad(f)(1.0)
        assert refs[0]() is None
    finally:
        gc.enable()


def test_a_long_chain_needs_no_recursion():
    def f(x):
        for _ in range(5000):
            x = x * 1.0001
        return x

    assert ft.grad(f)(1.0) == pytest.approx(1.0001**5000, rel=1e-10)


def test_a_program_keeps_constants_as_they_were():
    buffer = np.zeros(3)

    def f(x):
        total = 0.0
        for k in range(3):
            buffer[:] = k
            total = total + x * buffer
        return total, buffer

    x = np.array([1.0, 2.0, 3.0])
    program = ft.trace(f)(x)
    buffer[:] = 9
    out, constant = ft.evaluate(program, x)
    np.testing.assert_array_equal(out, 3 * x)
    np.testing.assert_array_equal(constant, [2, 2, 2])
    constant += 1
    np.testing.assert_array_equal(ft.evaluate(program, x)[1], [2, 2, 2])


def test_a_constant_is_copied_once():
    table = np.broadcast_to(np.arange(3.0), (4, 3))
    program = ft.trace(lambda x: x * table + np.sin(x * table))(np.ones(3))
    first, second = [e.inputs[1].value for e in program.equations if e.primitive.name == "multiply"]
    assert first is second
    assert first is not table
    assert first.strides == table.strides
