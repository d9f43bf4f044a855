"""functrans.interpreter: evaluate gives what the function gave, and keeps nothing longer than needed."""

from __future__ import annotations

import pickle
import subprocess
import sys
import tracemalloc
import weakref

import numpy as np
import pytest

import functrans as ft
from functrans.errors import ShapeError, TreeError
from functrans.interpreter import run
from functrans.primitives import Constant, Primitive, forget


class Tracked(np.ndarray):
    """An array that can be referred to weakly."""


@pytest.fixture
def watched():
    """A primitive that counts how many of its results are alive when it computes."""
    alive: list[weakref.ref] = []
    counts: list[int] = []

    def impl(x):
        counts.append(sum(ref() is not None for ref in alive))
        out = (np.asarray(x) + 1).view(Tracked)
        alive.append(weakref.ref(out))
        return out

    primitive = Primitive("watched", impl, lambda x: x, Constant("a test"))
    yield primitive, counts
    forget(primitive)


def test_values_are_dropped_at_their_last_use(watched):
    primitive, counts = watched
    from functrans.tracing.bind import bind

    def chain(x):
        for _ in range(20):
            x = bind(primitive, x)
        return x

    program = ft.trace(chain)(np.ones(3))
    np.testing.assert_array_equal(ft.evaluate(program, np.ones(3)), np.full(3, 21.0))
    # While step n computes, only the result of step n - 1, its operand, is alive.
    assert counts == [0, *[1] * 19]


def test_inputs_are_dropped_at_their_last_use(watched):
    primitive, _ = watched
    from functrans.tracing.bind import bind

    program = ft.trace(lambda x: bind(primitive, bind(primitive, x)))(np.ones(3))
    alive = []

    def impl(x):
        alive.append(ref() is not None)
        return np.asarray(x) + 1

    primitive.impl = impl

    class Given:
        """A sequence which holds its one value until it is read."""

        def __init__(self):
            self.held = [np.ones(3).view(Tracked)]

        def __iter__(self):
            while self.held:
                yield self.held.pop()

    given = Given()
    ref = weakref.ref(given.held[0])
    run(program, given)
    assert alive == [True, False]


def test_peak_memory_of_a_long_program():
    size = 100_000
    x = np.ones(size)

    def f(x):
        for _ in range(50):
            x = np.sin(x) + 1.0
        return np.sum(x)

    program = ft.trace(f)(x)
    tracemalloc.start()
    ft.evaluate(program, x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * x.nbytes


def test_trees():
    f = lambda p, x: {"sum": p["w"] + x, "rest": [p["b"], None]}  # noqa: E731
    args = ({"w": 1.0, "b": np.ones(2)}, 2.0)
    program = ft.trace(f)(*args)
    np.testing.assert_equal(ft.evaluate(program, *args), f(*args))
    np.testing.assert_equal(ft.evaluate(program, {"b": np.zeros(2), "w": 5.0}, 2.0)["sum"], 7.0)
    with pytest.raises(TreeError, match="arguments of"):
        ft.evaluate(program, *args[:1])
    with pytest.raises(TreeError, match=r"\[0\]"):
        ft.evaluate(program, [1.0, 2.0], 2.0)


def test_flat_programs_check_their_inputs():
    program = ft.trace(lambda x: x * x)(1.0)
    flat = ft.Program(program.inputs, program.equations, program.outputs)
    assert ft.evaluate(flat, 3.0) == 9.0
    with pytest.raises(ShapeError, match="takes 1 inputs, 2 were given"):
        ft.evaluate(flat, 1.0, 2.0)


def test_a_program_is_differentiated_like_a_function():
    f = lambda x: np.sum(np.sin(x) * x)  # noqa: E731
    x = np.array([0.5, 1.5])
    program = ft.trace(f)(x)
    again = lambda x: ft.evaluate(program, x)  # noqa: E731
    np.testing.assert_array_equal(ft.grad(again)(x), ft.grad(f)(x))
    np.testing.assert_array_equal(ft.jvp(again, (x,), (x,))[1], ft.jvp(f, (x,), (x,))[1])
    assert ft.trace(again)(x) == program


def test_outputs_may_be_inputs_constants_and_the_same_twice():
    program = ft.trace(lambda x: (x, 2.0, x * x, x))(3.0).validate()
    assert ft.evaluate(program, 3.0) == (3.0, 2.0, 9.0, 3.0)


def test_unused_results_of_several():
    program = ft.trace(lambda x: np.modf(x)[1])(2.5)
    assert ft.evaluate(program, 2.5) == 2.0


@pytest.mark.parametrize(
    "code",
    [
        "import functrans, numpy; functrans.trace(numpy.sin)(1.0)",
        "import pickle, sys; print(pickle.loads(bytes.fromhex(sys.argv[1])))",
        "import functrans, pickle, sys; functrans.evaluate(pickle.loads(bytes.fromhex(sys.argv[1])), 1.0)",
    ],
)
def test_whatever_is_asked_for_first_knows_the_operations(code):
    program = pickle.dumps(ft.trace(np.sin)(1.0)).hex()
    done = subprocess.run([sys.executable, "-c", code, program], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode == 0
